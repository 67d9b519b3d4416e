//! The figures of a run as the page draws them: scores, funnel, time, money.
//!
//! Owns the scales and units. Every figure comes from `report.json` or the log, so that the page
//! and the document cannot disagree.

use serde_json::{Value, json};

use super::percent;
use crate::report::{View, counted};
use crate::schema::Persona;
use crate::store::DraftId;

/// Bars of the histogram, and most drafts listed below it.
const BUCKETS: usize = 10;
const LISTED: usize = 300;

/// The histogram of the drafts' scores, the weights of the signals, and what became of every draft.
pub(super) fn judge(view: View<'_>, report: &Value) -> Value {
    let controls = &report["judge"]["controls"];
    let scores = &report["judge"]["scores"];
    let threshold = report["funnel"]["threshold"].as_f64();
    let mut drafts = endings(view);
    let listed = drafts.len();
    drafts.truncate(LISTED);
    json!({
        "count": scores["count"],
        "mean": two(&scores["mean"]), "spread": two(&scores["spread"]),
        "min": two(&scores["min"]), "median": two(&scores["median"]), "max": two(&scores["max"]),
        "threshold": threshold.map(|t| format!("{t:.2}")),
        "threshold_x": threshold.map(|t| (t * 600.0).round()),
        "threshold_at_end": threshold.is_some_and(|t| t > 0.8),
        "bars": bars(view),
        "model": controls["model"],
        "can_judge": controls["model_can_judge"],
        "held_out": two(&controls["held_out"]["all"]),
        "moves": two(&controls["spread"]["mean"]),
        "signals": signals(report),
        "drafts": drafts,
        "more_drafts": listed.saturating_sub(LISTED),
    })
}

/// A figure with two decimals.
fn two(value: &Value) -> Option<String> {
    value.as_f64().map(|figure| format!("{figure:.2}"))
}

/// The final persona that a draft became.
fn became<'v>(view: View<'v>, id: &DraftId) -> Option<&'v Persona> {
    view.state.selected.iter().flatten().find(|persona| {
        let from = &persona.provenance;
        (from.slot, from.round, from.draft) == (id.slot, id.round, id.index)
    })
}

/// What became of every draft, those that were dropped last.
fn endings(view: View<'_>) -> Vec<Value> {
    let state = view.state;
    let judged = state.drafts.iter().map(|(id, draft)| {
        let why = || state.not_selected.iter().find(|(other, _)| other == id).map(|(_, why)| why);
        let end = match (became(view, id), why()) {
            (Some(persona), _) => format!("became {}", persona.name),
            (None, Some(why)) => why.clone(),
            (None, None) => "not decided when the run ended".to_owned(),
        };
        let score = draft.verdict.as_ref().map(|(verdict, _)| format!("{:.2}", verdict.score));
        json!({ "id": id.to_string(), "score": score, "end": end, "title": draft.persona.title })
    });
    let dropped = state.dropped.iter().map(
        |(id, cause)| json!({ "id": id.to_string(), "score": null, "end": cause, "title": "" }),
    );
    judged.chain(dropped).collect()
}

/// The bars of the histogram, 600 × 120: in each the drafts that became personas, and on top the
/// others.
fn bars(view: View<'_>) -> Value {
    let mut buckets = [(0usize, 0usize); BUCKETS];
    for (id, draft) in &view.state.drafts {
        let Some((verdict, _)) = &draft.verdict else { continue };
        let bucket = &mut buckets[((verdict.score * BUCKETS as f64) as usize).min(BUCKETS - 1)];
        if became(view, id).is_some() { bucket.0 += 1 } else { bucket.1 += 1 }
    }
    let tallest = buckets.iter().map(|(a, b)| a + b).max().unwrap_or(0).max(1);
    let bar = |(at, (chosen, other)): (usize, &(usize, usize))| {
        let height = |count: usize| (count as f64 / tallest as f64 * 100.0).round();
        json!({
            "x": at * 60 + 6, "chosen": chosen, "other": other, "total": chosen + other,
            "chosen_height": height(*chosen), "chosen_y": 120.0 - height(*chosen),
            "other_height": height(*other), "other_y": 120.0 - height(*chosen) - height(*other),
            "label_y": 114.0 - height(*chosen) - height(*other),
            "range": format!("{:.1} to {:.1}", at as f64 / 10.0, (at + 1) as f64 / 10.0),
        })
    };
    buckets.iter().enumerate().map(bar).collect()
}

/// The signals that the judge's score is made of, the weightiest first.
fn signals(report: &Value) -> Value {
    let all = report["judge"]["controls"]["signals"].as_object().into_iter().flatten();
    let mut signals: Vec<(f64, Value)> = all
        .map(|(name, signal)| {
            let weight = signal["weight"].as_f64().unwrap_or_default();
            let row = json!({
                "name": name.replace('_', " "),
                "from": if signal["from_model"] == true { "model" } else { "computed" },
                "auc": two(&signal["auc"]),
                "weight": format!("{:.0} %", weight * 100.0), "width": percent(weight),
                "mean": two(&report["judge"]["signals"][name]),
            });
            (weight, row)
        })
        .collect();
    signals.sort_by(|a, b| b.0.total_cmp(&a.0));
    signals.into_iter().map(|(_, row)| row).collect()
}

/// Drafts by the step that they reached.
pub(super) fn funnel(report: &Value) -> Value {
    let funnel = &report["funnel"];
    let drafts = funnel["drafts"].as_f64().unwrap_or_default().max(1.0);
    let refined = &report["refinement"]["counts"]["accepted"];
    let asked = report["refinement"]["personas"].as_array().is_some_and(|rows| !rows.is_empty());
    let steps = [
        ("drafts begun", &funnel["drafts"], ""),
        ("written", &funnel["written"], "parsed, every quote verbatim"),
        ("judged", &funnel["judged"], ""),
        ("passed", &funnel["passed"], "at or above the threshold"),
        ("selected", &funnel["selected"], "best of each segment first"),
        ("refined", refined, "edits of a paid model that stood"),
    ];
    let shown = steps
        .into_iter()
        .filter(|(name, count, _)| count.as_u64().is_some() && (*name != "refined" || asked));
    shown
        .map(|(name, count, what)| {
            let width = count.as_f64().unwrap_or_default() / drafts;
            json!({ "name": name, "count": count, "what": what, "width": percent(width.min(1.0)) })
        })
        .collect()
}

/// Why drafts were dropped or passed over.
pub(super) fn drops(report: &Value) -> Value {
    let rows = report["drops"].as_array().into_iter().flatten();
    rows.map(|row| {
        let drafts = row["drafts"].as_object().into_iter().flatten();
        let ids: Vec<&str> = drafts.map(|(id, _)| id.as_str()).take(40).collect();
        json!({ "cause": row["cause"], "count": row["count"], "drafts": ids.join(", ") })
    })
    .collect()
}

/// Seconds and tokens by stage, in the order of the run.
pub(super) fn stages(report: &Value) -> Value {
    let Some(stages) = report["stages"].as_object() else { return json!([]) };
    let order = ["part", "digest", "draft", "calibrate", "judge", "select", "refine", "review"];
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
    let mut names: Vec<&String> = stages.keys().collect();
    names.sort_by_key(|name| place(name));
    let seconds = |name: &str| stages[name]["seconds"].as_f64().unwrap_or_default();
    let total: f64 = names.iter().map(|name| seconds(name)).sum();
    let rows: Value = names
        .iter()
        .map(|name| {
            let stage = &stages[name.as_str()];
            let tokens = &stage["tokens"];
            json!({
                "name": name,
                "seconds": duration(seconds(name)),
                "width": percent(seconds(name) / total.max(1e-9)),
                "calls": stage["calls"],
                "read": tokens["prompt"].as_u64().map(grouped),
                "cached": tokens["cached_prompt"].as_u64().map(grouped),
                "written": tokens["completion"].as_u64().map(grouped),
                "rate": stage["completion_tokens_per_second"].as_f64().map(|rate| format!("{rate:.0}")),
            })
        })
        .collect();
    json!({ "rows": rows, "total": duration(total) })
}

/// What was paid, beside what was expected and what the frontier model alone would have cost.
pub(super) fn money(report: &Value) -> Value {
    let cost = &report["cost"]["frontier"];
    let figure = |value: &Value| value.as_f64();
    let spent = figure(&cost["spent_usd"]).unwrap_or_default();
    let rows = [
        ("spent", Some(spent)),
        ("expected", figure(&cost["estimate_usd"]["expected"])),
        ("upper bound", figure(&cost["estimate_usd"]["upper"])),
        ("cap", figure(&cost["max_cost_usd"])),
        ("frontier alone, expected", figure(&cost["frontier_only_usd"]["expected"])),
        ("frontier alone, upper bound", figure(&cost["frontier_only_usd"]["upper"])),
    ];
    let paid_model = &cost["model"];
    let most = rows.iter().filter_map(|(_, usd)| *usd).fold(0.0, f64::max);
    let shown = rows.iter().filter_map(|(name, usd)| Some((name, (*usd)?)));
    let bars = shown.map(|(name, usd)| {
        json!({ "name": name, "usd": dollars(usd), "width": percent(usd / most.max(1e-9)), "spent": *name == "spent" })
    });
    json!({
        "paid": cost["attempts"].as_u64().is_some_and(|n| n > 0) || spent > 0.0,
        "spent": dollars(spent),
        "provider": cost["provider"], "model": cost["model"],
        "calls": counted(cost["attempts"].as_u64().unwrap_or_default() as usize, "paid call"),
        "unsettled": figure(&cost["unsettled_usd"]).filter(|usd| *usd > 0.0).map(dollars),
        "fallback": cost["fallback"],
        "source": if paid_model.is_null() { &cost["compared_with"]["price"] } else { &cost["price"] }["source"],
        "alone": if paid_model.is_null() { &cost["compared_with"]["model"] } else { paid_model },
        "bars": bars.collect::<Value>(),
        "known": cost["estimate_usd"].is_object() || cost["frontier_only_usd"].is_object(),
    })
}

/// What was sent, by host.
pub(super) fn egress(report: &Value) -> Value {
    let rows = report["left_this_machine"].as_array().into_iter().flatten();
    rows.map(|row| {
        json!({
            "host": row["host"], "requests": row["requests"],
            "bytes": row["bytes"].as_u64().map(grouped), "records": row["records"],
        })
    })
    .collect()
}

/// A sum in dollars, with four decimals below $1, where they matter.
fn dollars(usd: f64) -> String {
    if usd == 0.0 || usd >= 1.0 { format!("${usd:.2}") } else { format!("${usd:.4}") }
}

/// A time in words: `3 min 05 s`, `4.2 s`.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 3600.0 => {
            format!("{:.0} h {:02.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor())
        }
        s if s >= 60.0 => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s if s >= 0.1 || s == 0.0 => format!("{s:.1} s"),
        s => format!("{:.0} ms", s * 1000.0),
    }
}

/// A number with its digits in groups of three, separated by thin blanks: `12 345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_that_fit_their_size() {
        assert_eq!(duration(0.0042), "4 ms");
        assert_eq!(duration(4.24), "4.2 s");
        assert_eq!(duration(185.9), "3 min 05 s");
        assert_eq!(duration(7265.0), "2 h 01 min");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(
            (dollars(0.0), dollars(0.0042), dollars(12.5)),
            ("$0.00".into(), "$0.0042".into(), "$12.50".into())
        );
    }
}
