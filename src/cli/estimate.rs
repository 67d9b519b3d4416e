//! What a run over this data would cost: the requests are drawn up, and none is made.
//!
//! Owns what is assumed of the models, which are not loaded. Prices come from the caller.

use crate::catalogue;
use crate::cli::failure::Failure;
use crate::config::Settings;
use crate::corpus::Corpus;
use crate::ledger::{self, Estimate, EstimateInput, FrontierOnly, Price, RequestSize, TextSize};
use crate::llm::scripted::ScriptedModel;
use crate::llm::{ChatRequest, Message};
use crate::pipeline::{self, Sketch};
use crate::privacy::Cleared;

/// Estimates the cost of a run over this data.
pub(super) fn of(
    corpus: &Cleared<Corpus>,
    settings: &Settings,
    price: &Price,
) -> Result<Estimate, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start the estimate: {e}")))?;
    let drafter = stand_in(if is_small(&settings.model) { "nologits" } else { "nologits,large" })?;
    let service = stand_in(SERVICE)?;
    let sketch = pipeline::sketch(corpus, &settings.pipeline, &drafter, &service);
    let Sketch { refinements, whole } = runtime.block_on(sketch)?;
    Ok(ledger::estimate(&input(corpus, settings, &refinements, &whole), price))
}

/// What it would cost to have a frontier model of this price write everything.
pub(super) fn frontier_only(
    corpus: &Cleared<Corpus>,
    settings: &Settings,
    price: &Price,
) -> Result<FrontierOnly, Failure> {
    // The shards of a run have it in common.
    let whole_run = pipeline::Settings { shard: None, ..settings.pipeline.clone() };
    let whole = pipeline::sketch_whole(corpus, &whole_run, &stand_in(SERVICE)?)?;
    Ok(ledger::frontier_only(&input(corpus, settings, &[], &whole), price))
}

/// The script of a model with a frontier model's context.
const SERVICE: &str = "nologits,large,context=200000";

fn stand_in(script: &str) -> Result<ScriptedModel, Failure> {
    ScriptedModel::parse(script).map_err(Failure::failed)
}

fn input(
    corpus: &Corpus,
    settings: &Settings,
    refinements: &[ChatRequest],
    whole: &[ChatRequest],
) -> EstimateInput {
    let text = |messages: &[Message]| messages.iter().map(|m| TextSize::of(&m.content)).sum();
    let size = |request: &ChatRequest| RequestSize {
        shared: text(&request.shared),
        own: text(&request.own),
    };
    EstimateInput {
        corpus: corpus.records.iter().map(|record| TextSize::of(&record.text)).sum(),
        records: corpus.records.len() as u64,
        longest_record: corpus.records.iter().map(|r| r.text.len() as u64).max().unwrap_or(0),
        personas: settings.pipeline.count as u64,
        refinements: refinements.iter().map(size).collect(),
        whole: whole.iter().map(size).collect(),
    }
}

/// Whether a model is known to be too small for free text; the sketch then drafts as it would.
fn is_small(model: &str) -> bool {
    model.starts_with("scripted:") && !model.contains("large")
        || catalogue::find(model).is_ok_and(|spec| spec.parameters < pipeline::TRUSTED_PARAMETERS)
}
