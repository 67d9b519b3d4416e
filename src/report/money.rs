//! The paid part of a run: money, edits, and what left the machine.
//!
//! Owns those parts of `report.json`, and the line that sums them up. Every figure is the log's.

use serde_json::{Value, json};

use super::{Terms, View, counted};
use crate::ledger::{Bounds, Figure, FrontierOnly, MicroUsd, Price};
use crate::store::{CallCost, Refinement, RunState};

/// The key `cost.frontier`. "Spent" is what counts against the cap; "unsettled" is the part of it
/// whose bill is unknown; "overrun" is what the service claims beyond what it was allowed.
pub(super) fn cost(view: View<'_>) -> Value {
    let account = &view.state.account;
    let terms = view.process.terms.as_ref();
    let mut cost = json!({
        "estimated_upper_usd": terms.map_or(0.0, |terms| terms.estimate.upper.cost.usd()),
        "spent_usd": account.charged().usd(),
        "unsettled_usd": account.unsettled().usd(),
        "overrun_usd": account.overrun().usd(),
        "attempts": account.attempts(),
        "tokens": tokens(view.state),
    });
    if let (Some(terms), Some(cost)) = (terms, cost.as_object_mut()) {
        cost.extend(of_terms(terms));
    }
    if let (Some(alternative), Some(cost)) = (&view.process.alternative, cost.as_object_mut()) {
        cost.extend(of_alternative(alternative));
    }
    cost
}

/// What was not spent: the same personas by a frontier model alone.
fn of_alternative(alternative: &FrontierOnly) -> [(String, Value); 2] {
    let FrontierOnly { price: model, cost } = alternative;
    let compared =
        json!({ "provider": model.provider, "model": model.model, "price": price(model) });
    [("compared_with", compared), ("frontier_only_usd", bounds(*cost))]
        .map(|(name, value)| (name.to_owned(), value))
}

fn bounds(bounds: Bounds) -> Value {
    let usd = |figure: Figure| figure.cost.usd();
    json!({ "low": usd(bounds.low), "expected": usd(bounds.expected), "upper": usd(bounds.upper) })
}

fn price(price: &Price) -> Value {
    json!({
        "input_usd_per_million": MicroUsd(price.input).usd(),
        "output_usd_per_million": MicroUsd(price.output).usd(),
        "source": price.source,
    })
}

fn of_terms(terms: &Terms) -> [(String, Value); 7] {
    [
        ("provider", terms.provider.clone().into()),
        ("model", terms.price.model.clone().into()),
        ("price", price(&terms.price)),
        ("fallback", terms.fallback.into()),
        ("max_cost_usd", terms.cap.map(MicroUsd::usd).into()),
        ("estimate_usd", bounds(terms.estimate)),
        ("frontier_only_usd", bounds(terms.frontier_only)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// The tokens of the paid answers, as the provider counted them.
fn tokens(state: &RunState) -> Value {
    let usages = state.purchases.values().filter_map(|p| p.answer.as_ref()?.0.usage);
    let mut sum = CallCost::default();
    for usage in usages {
        sum.add(&CallCost { usage, ..Default::default() });
    }
    json!(sum.usage)
}

/// What became of each persona that was to be refined.
pub(super) fn refinement(state: &RunState) -> Value {
    let rows = state.refinements.iter().map(|(persona, refinement)| {
        let mut row = json!({ "persona": persona });
        let mut fields = match refinement {
            Refinement::Accepted { fields, before, after, .. } => {
                json!({ "outcome": "accepted", "fields": fields, "before": before, "after": after })
            }
            Refinement::Kept { cause, after } => {
                json!({ "outcome": "kept", "cause": cause, "after": after })
            }
            Refinement::Failed { cause } => json!({ "outcome": "failed", "cause": cause }),
            Refinement::Skipped { cause } => json!({ "outcome": "skipped", "cause": cause }),
        };
        if let (Some(row), Some(fields)) = (row.as_object_mut(), fields.as_object_mut()) {
            row.append(fields);
        }
        row
    });
    json!({ "counts": json!(counts(state)), "personas": rows.collect::<Value>() })
}

#[derive(Debug, Default, serde::Serialize)]
struct Counts {
    accepted: usize,
    kept: usize,
    failed: usize,
    skipped: usize,
}

fn counts(state: &RunState) -> Counts {
    let mut counts = Counts::default();
    for refinement in state.refinements.values() {
        *match refinement {
            Refinement::Accepted { .. } => &mut counts.accepted,
            Refinement::Kept { .. } => &mut counts.kept,
            Refinement::Failed { .. } => &mut counts.failed,
            Refinement::Skipped { .. } => &mut counts.skipped,
        } += 1;
    }
    counts
}

/// What left this machine, by host: every request, and the records whose text it carried.
pub fn egress(state: &RunState) -> Value {
    let rows = state.egress.iter().map(|(host, egress)| {
        json!({
            "host": host, "on_this_machine": egress.local, "requests": egress.bodies.len(),
            "bytes": egress.bodies.iter().map(|body| body.bytes).sum::<u64>(),
            "records": egress.records.len(), "record_ids": egress.records,
            "bodies": egress.bodies,
        })
    });
    rows.collect()
}

/// One line on refinement and money; `None` for a run that paid for nothing.
pub fn money_line(state: &RunState) -> Option<String> {
    if state.account.attempts() == 0 && state.refinements.is_empty() {
        return None;
    }
    let counts = counts(state);
    let mut parts = Vec::new();
    let outcomes = [
        ("refined", counts.accepted),
        ("left as drafted", counts.kept),
        ("could not be refined", counts.failed),
        ("not asked for", counts.skipped),
    ];
    for (what, count) in outcomes {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let (calls, charged) = (state.account.attempts(), state.account.charged());
    parts.push(match charged {
        MicroUsd(0) => format!("{} to a server, free of charge", counted(calls, "call")),
        charged => format!("{}, {charged}", counted(calls, "paid call")),
    });
    let unsettled = state.account.unsettled();
    if unsettled > MicroUsd(0) {
        parts.push(format!("{unsettled} of it for calls whose bill is unknown"));
    }
    let overrun = state.account.overrun();
    if overrun > MicroUsd(0) {
        parts.push(format!("the service claims {overrun} more than it was allowed to use"));
    }
    Some(parts.join("; "))
}
