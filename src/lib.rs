//! Evidence-linked user personas from research data, with the language model inside the process.
//!
//! Data flows one way, and so do the imports (`tests/it/architecture.rs` fails on any other edge):
//!
//! ```text
//! files → corpus → privacy::Cleared → prompts → llm (→ engine) → schema::Persona → store::Event → report
//! ```
//!
//! Read the modules in the order below: each may use only what stands before it, and most use far
//! less. Things that are deliberately absent: `engine` has never heard of personas, prompts, money
//! or HTTP; nothing but `cli` prints; nothing but `config` reads the environment; the report reads
//! the store, never the pipeline, so a report can be made of a run that died.

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

pub mod evaluate;
pub mod pipeline;
pub mod report;
pub mod throughput;

pub mod cli;
pub mod config;
