//! Evidence-linked user personas from research data, with the language model inside the process.
//!
//! Data flows one way, and so do the imports (`tests/it/architecture.rs` fails on any other edge):
//!
//! ```text
//! files → corpus → privacy::Cleared → prompts → llm (→ engine) → schema::Persona → store::Event → report
//! ```
//!
//! ```
//! use persona::corpus;
//! use persona::privacy::Cleared;
//! use persona::schema::{Quote, parse_personas};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("interviews.csv");
//! # std::fs::write(&path, "participant,answer\np01,I never trust the schedule.\n")?;
//! // Prompts accept nothing but cleared data.
//! let corpus = Cleared::as_is(corpus::load(&[path])?);
//! let record = &corpus.records[0];
//! assert_eq!(record.id.as_str(), "f1#0");
//! // A quote is a piece of its record, and anyone can check it.
//! let start = record.text.find("never").unwrap();
//! let quote =
//!     Quote { text: "never trust".into(), record: record.id.clone(), start, end: start + 11 };
//! assert_eq!(record.text[quote.start..quote.end], quote.text);
//! // What a run wrote is read back by its schema.
//! assert!(parse_personas("[]")?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! [`hybrid::HybridPipeline`] takes such a corpus through drafting, judging and selection to a
//! folder of personas and reports, by any [`llm::ChatModel`]: one in this process
//! ([`engine::Engine`], [`llm::embedded`]) or a service. `examples/hybrid.rs` shows the whole way
//! on one page. Versions follow semantic versioning; below 1.0 the second number counts as the
//! first. `personas.json` and `report.json` carry versions of their own.
//!
//! Read the modules in the order below: each may use only what comes before it, and most use far
//! less. Some things are deliberately absent: `engine` knows nothing of personas, prompts, money or
//! HTTP; nothing but `cli` prints; nothing but `config` reads the environment; the report reads the
//! store, never the pipeline, so a report can be made of a run that died.

pub mod schema;

pub mod corpus;
pub mod privacy;

pub mod catalogue;
#[cfg(feature = "net")]
pub mod http;
pub mod hub;

pub mod engine;
pub mod llm;

pub mod ledger;
pub mod prompts;
pub mod store;

pub mod pipeline;
pub mod report;

pub mod evaluate;
pub mod throughput;

pub mod hybrid;

pub mod config;

pub mod cli;
