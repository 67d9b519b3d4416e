//! `persona generate --estimate-only`: estimates what the paid part would cost, before anything
//! runs.
//!
//! Reads the input and the price table; loads no model and opens no socket.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::catalogue;
use crate::cli::estimate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier;
use crate::cli::output::Output;
use crate::cli::segments;
use crate::config::Settings;
use crate::corpus;
use crate::ledger::{Bounds, Estimate, Figure, MicroUsd};
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
    let estimate = estimate::of(&corpus, settings, &price)?;
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
