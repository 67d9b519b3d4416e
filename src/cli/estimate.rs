//! `persona generate --estimate-only`: estimates what the paid part would cost, before anything
//! runs.
//!
//! Reads the input and the price table; loads no model and opens no socket.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::catalogue;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier;
use crate::cli::output::Output;
use crate::cli::segments;
use crate::config::Settings;
use crate::corpus::{self, Corpus};
use crate::ledger::{
    self, Bounds, Estimate, EstimateInput, Figure, FrontierOnly, MicroUsd, Price, RequestSize,
    TextSize,
};
use crate::llm::scripted::ScriptedModel;
use crate::llm::{ChatRequest, Message};
use crate::pipeline::{self, Sketch};
use crate::privacy::Cleared;
use crate::report;

pub(super) fn run(settings: &Settings, output: Output) -> Result<Exit, Failure> {
    let provider = settings.provider.unwrap_or(settings.frontier.provider);
    let model = frontier::model(&settings.frontier, provider)?;
    let trusted = &settings.privacy.trusted_hosts;
    let price = frontier::price(&settings.frontier, trusted, provider, &model)?;
    let corpus = Cleared::as_is(corpus::load(&settings.inputs)?);
    let settings = &segments::named(settings, &corpus)?;
    let count = settings.pipeline.count;
    let estimate = of(&corpus, settings, &price)?;
    let cap = settings.frontier.max_cost;
    if !settings.hybrid {
        output.note("without --hybrid nothing is paid; the figures are what --hybrid could cost");
    } else if !settings.frontier.allowed {
        output
            .note("with --no-frontier nothing is paid; the figures are what a frontier could cost");
    }
    if output.is_json() {
        output.document(&document(&estimate, cap))?;
    } else {
        let personas = report::counted(count, "persona");
        let head = format!("{personas} from {}", report::counted(corpus.records.len(), "record"));
        output.result(&text(&head, &estimate, cap))?;
    }
    Ok(Exit::Done)
}

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

/// What it would cost to have the usual frontier model write everything; `None` where its price is
/// unknown.
pub(super) fn frontier_only(
    corpus: &Cleared<Corpus>,
    settings: &Settings,
) -> Result<Option<FrontierOnly>, Failure> {
    let provider = settings.frontier.provider;
    let trusted = &settings.privacy.trusted_hosts;
    let price = frontier::model(&settings.frontier, provider)
        .and_then(|model| frontier::price(&settings.frontier, trusted, provider, &model));
    let Ok(price) = price else { return Ok(None) };
    // The shards of a run have it in common.
    let whole_run = pipeline::Settings { shard: None, ..settings.pipeline.clone() };
    let whole = pipeline::sketch_whole(corpus, &whole_run, &stand_in(SERVICE)?)?;
    Ok(Some(ledger::frontier_only(&input(corpus, settings, &[], &whole), &price)))
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

fn text(head: &str, estimate: &Estimate, cap: Option<MicroUsd>) -> String {
    let mut text = format!("Estimated frontier cost: {head}\n\n");
    let _ = writeln!(text, "{:<15}{:>12}{:>12}{:>14}", "", "low", "expected", "upper bound");
    for (name, bounds) in [("hybrid", &estimate.hybrid), ("frontier-only", &estimate.frontier_only)]
    {
        let _ = writeln!(
            text,
            "{name:<15}{:>12}{:>12}{:>14}",
            bounds.low.cost.to_string(),
            bounds.expected.cost.to_string(),
            bounds.upper.cost.to_string()
        );
    }
    if let Some(cap) = cap {
        let fits = if fits(estimate, cap) { "fits" } else { "does not fit" };
        let _ = writeln!(text, "\nThe hybrid upper bound {fits} --max-cost {cap}.");
    }
    text.push('\n');
    for assumption in &estimate.assumptions {
        let _ = writeln!(text, "- {assumption}");
    }
    text
}

fn fits(estimate: &Estimate, cap: MicroUsd) -> bool {
    estimate.hybrid.upper.cost <= cap
}

fn document(estimate: &Estimate, cap: Option<MicroUsd>) -> Value {
    json!({ "estimate": {
        "provider": estimate.price.provider,
        "model": estimate.price.model,
        "hybrid": bounds(&estimate.hybrid),
        "frontier_only": bounds(&estimate.frontier_only),
        "max_cost_usd": cap.map(MicroUsd::usd),
        "fits_max_cost": cap.map(|cap| fits(estimate, cap)),
        "prices_as_of": catalogue::prices_as_of(),
        "assumptions": estimate.assumptions,
    }})
}

fn bounds(bounds: &Bounds) -> Value {
    let figure = |figure: Figure| {
        json!({
            "usd": figure.cost.usd(), "calls": figure.calls,
            "input_tokens": figure.input_tokens, "output_tokens": figure.output_tokens,
        })
    };
    json!({
        "low": figure(bounds.low), "expected": figure(bounds.expected), "upper": figure(bounds.upper),
    })
}
