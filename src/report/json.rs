//! `report.json`: what a run did, in figures.
//!
//! Owns the form of the document: figures, names, ids, findings and causes, each from the log or the
//! corpus. Records stand in it by their ids, not by their text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{View, money, quality};
use crate::schema::RecordId;
use crate::store::{CallCost, Purpose, RunState};

/// Version of the document, raised when a key changes its meaning or is removed.
const REPORT_VERSION: u32 = 1;
/// Number of bars in the histogram of scores over 0..=1.
const BUCKETS: usize = 10;

/// The whole document.
pub fn report(view: View<'_>) -> Value {
    let state = view.state;
    let started = state.started.as_ref();
    json!({
        "report_version": REPORT_VERSION,
        "version": started.map(|s| &s.version),
        "finished": state.selected.is_some(),
        "resumed": state.resumed,
        "seed": started.map(|s| s.seed),
        "settings": started.map(|s| &s.settings),
        "model": started.map(|s| &s.model),
        "clearance": view.process.clearance,
        "privacy": privacy(view),
        "inputs": inputs(view),
        "corpus": corpus(view),
        "plan": state.plan,
        "funnel": funnel(state),
        "drops": drops(state),
        "judge": judge(state),
        "stages": stages(state),
        "personas": personas(state),
        "set": quality::quality(view),
        "notes": state.notes,
        "peak_rss_bytes": view.process.peak_rss_bytes,
        "cost": { "frontier": money::cost(view) },
        "refinement": money::refinement(state),
        "left_this_machine": money::egress(state),
    })
}

/// What happened to personal data, and how the network was kept closed.
fn privacy(view: View<'_>) -> Value {
    let process = view.process;
    json!({
        "clearance": process.clearance, "removed": process.removed,
        "second_pass": process.second_pass, "air_gap": process.air_gap,
    })
}

fn inputs(view: View<'_>) -> Value {
    let files = view.corpus.files.iter().map(|file| {
        let records = view.corpus.records.iter().filter(|record| record.file == file.number);
        json!({
            "number": file.number, "name": file.name, "format": file.format,
            "encoding": file.encoding, "sha256": file.sha256, "records": records.count(),
        })
    });
    files.collect()
}

/// Records by what became of them. "Used" means shown to at least one draft.
fn corpus(view: View<'_>) -> Value {
    let drafts = view.state.drafts.values();
    let shown: BTreeSet<&RecordId> = drafts.flat_map(|d| &d.persona.provenance.shown).collect();
    let records = &view.corpus.records;
    let used = records.iter().filter(|record| shown.contains(&record.id)).count();
    let participants: BTreeSet<&str> =
        records.iter().filter_map(|record| record.participant.as_deref()).collect();
    let unused: Vec<&RecordId> =
        records.iter().map(|record| &record.id).filter(|id| !shown.contains(id)).collect();
    json!({
        "records": records.len(), "participants": participants.len(),
        "used": used, "unused": unused.len(), "unused_records": unused,
        "findings": view.corpus.findings,
    })
}

/// How many drafts reached each step.
fn funnel(state: &RunState) -> Value {
    let scores = scores(state);
    let selected = state.selected.as_deref().unwrap_or_default();
    let threshold = threshold(state);
    let passed = threshold.map(|t| scores.iter().filter(|score| **score >= t).count());
    json!({
        "drafts": state.drafts.len() + state.dropped.len(),
        "written": state.drafts.len(),
        "judged": scores.len(),
        "threshold": threshold,
        "passed": passed,
        "selected": selected.len(),
        "below_threshold": selected.iter().filter(|p| p.below_threshold).count(),
    })
}

/// The threshold in force: the user's, or else the one measured on the controls.
fn threshold(state: &RunState) -> Option<f64> {
    let asked = &state.started.as_ref()?.settings["threshold"];
    asked["fixed"].as_f64().or_else(|| state.judge.as_ref().map(|judge| judge.auto_threshold))
}

/// Every draft that did not become a persona, by cause. Causes that differ only in their figures
/// count as one.
fn drops(state: &RunState) -> Value {
    let dropped = state.dropped.iter().map(|(id, cause)| (*id, cause.as_str()));
    let passed_over = state.not_selected.iter().map(|(id, cause)| (*id, cause.as_str()));
    let mut causes: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
    for (id, cause) in dropped.chain(passed_over) {
        causes.entry(without_figures(cause)).or_default().insert(id.to_string(), cause);
    }
    let row = |(cause, drafts): (String, BTreeMap<String, &str>)| json!({ "cause": cause, "count": drafts.len(), "drafts": drafts });
    causes.into_iter().map(row).collect()
}

/// A cause without its figures: `score … is below the threshold …`.
fn without_figures(cause: &str) -> String {
    let mut kind = String::new();
    for c in cause.chars() {
        let figure = c.is_ascii_digit() || (c == '.' && kind.ends_with('…'));
        match (figure, kind.ends_with('…')) {
            (true, true) => {}
            (true, false) => kind.push('…'),
            (false, _) => kind.push(c),
        }
    }
    kind
}

fn judge(state: &RunState) -> Value {
    let mut scores = scores(state);
    scores.sort_by(f64::total_cmp);
    let mut histogram = [0usize; BUCKETS];
    for score in &scores {
        histogram[((score * BUCKETS as f64) as usize).min(BUCKETS - 1)] += 1;
    }
    json!({
        "controls": state.judge,
        "scores": {
            "count": scores.len(), "mean": mean(&scores), "spread": deviation(&scores),
            "min": scores.first(), "median": scores.get(scores.len() / 2), "max": scores.last(),
            "histogram": histogram,
        },
        "signals": means(state, |verdict| &verdict.signals),
        "label_mass": means(state, |verdict| &verdict.label_mass),
    })
}

fn scores(state: &RunState) -> Vec<f64> {
    state.drafts.values().filter_map(|d| Some(d.verdict.as_ref()?.0.score)).collect()
}

/// The mean of each named figure over the judged drafts.
fn means(
    state: &RunState,
    figures: impl Fn(&crate::schema::Verdict) -> &BTreeMap<String, f64>,
) -> Value {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (verdict, _) in state.drafts.values().filter_map(|draft| draft.verdict.as_ref()) {
        for (name, figure) in figures(verdict) {
            by_name.entry(name).or_default().push(*figure);
        }
    }
    by_name.iter().map(|(name, all)| ((*name).to_owned(), json!(mean(all)))).collect()
}

fn mean(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// The standard deviation over all figures (population, not sample).
fn deviation(figures: &[f64]) -> Option<f64> {
    let mean = mean(figures)?;
    let squares = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>();
    Some((squares / figures.len() as f64).sqrt())
}

/// Wall-clock seconds and tokens by stage. Seconds are those in the log; tokens are summed over the
/// calls in the log.
fn stages(state: &RunState) -> Value {
    let mut costs: BTreeMap<&str, (usize, CallCost)> = BTreeMap::new();
    let mut add = |stage: &'static str, cost: &CallCost| {
        let entry = costs.entry(stage).or_default();
        entry.0 += 1;
        entry.1.add(cost);
    };
    for digested in state.digests.values() {
        add("digest", &digested.cost);
    }
    for draft in state.drafts.values() {
        add("draft", &draft.cost);
        if let Some((_, cost)) = &draft.verdict {
            add("judge", cost);
        }
    }
    for _ in 0..state.dropped.len() {
        add("draft", &CallCost::default());
    }
    // Paid refinements that were answered: they are not drafts, and are counted nowhere else.
    for (purpose, purchase) in &state.purchases {
        if let (Purpose::Refine(_), Some((answer, _))) = (purpose, &purchase.answer) {
            let usage = answer.usage.unwrap_or_default();
            add("refine", &CallCost { usage, timings: answer.timings });
        }
    }
    costs.entry("draft").or_default().1.add(&state.wasted);
    let names: BTreeSet<&str> =
        state.seconds.keys().map(String::as_str).chain(costs.keys().copied()).collect();
    let stage = |name: &str| {
        let seconds = state.seconds.get(name).copied();
        // For other stages, the log holds no calls.
        let Some((calls, cost)) = costs.get(name) else { return json!({ "seconds": seconds }) };
        let rate = seconds.filter(|s| *s > 0.0).map(|s| cost.usage.completion as f64 / s);
        json!({
            "seconds": seconds, "calls": calls, "tokens": cost.usage,
            "completion_tokens_per_second": rate, "timings": cost.timings,
        })
    };
    names.iter().map(|name| ((*name).to_owned(), stage(name))).collect()
}

/// One row per persona, for readers who want the outcome and not the pages.
fn personas(state: &RunState) -> Value {
    let row = |persona: &crate::schema::Persona| {
        json!({
            "id": persona.id, "judge": persona.scores.judge, "share": persona.segment.share,
            "quotes": persona.quotes.len(), "below_threshold": persona.below_threshold,
            "style": persona.provenance.style, "scores": persona.scores.criteria,
            "flags": persona.scores.flags,
        })
    };
    state.selected.as_deref().unwrap_or_default().iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MicroUsd;
    use crate::report::{Process, sample};
    use crate::schema::Verdict;
    use crate::store::{Draft, DraftId, Purchase};

    fn draft(index: usize, score: Option<f64>) -> (DraftId, Draft) {
        let verdict =
            score.map(|score| (Verdict { score, ..Verdict::default() }, CallCost::default()));
        let mut cost = CallCost::default();
        cost.usage.completion = 10;
        (DraftId { slot: 0, round: 0, index }, Draft { persona: sample::persona(), cost, verdict })
    }

    fn rendered(state: &RunState) -> Value {
        let (corpus, process) = (sample::corpus(), Process::default());
        report(View { state, corpus: &corpus, process: &process })
    }

    #[test]
    fn every_draft_is_accounted_for() {
        let id = |index| DraftId { slot: 0, round: 0, index };
        let state = RunState {
            drafts: [draft(0, Some(0.9)), draft(1, Some(0.3)), draft(2, None)].into(),
            dropped: [(id(3), "too long".to_owned())].into(),
            not_selected: [(0, "0.41"), (1, "0.3")]
                .map(|(at, score)| (id(at), format!("score {score} is below the threshold 0.75")))
                .into(),
            seconds: [("draft".to_owned(), 2.0), ("select".to_owned(), 0.5)].into(),
            ..RunState::default()
        };
        let report = rendered(&state);
        assert_eq!(report["funnel"]["drafts"], 4);
        assert_eq!(report["funnel"]["written"], 3);
        assert_eq!(report["funnel"]["judged"], 2);
        assert_eq!(report["drops"][0]["cause"], "score … is below the threshold …");
        assert_eq!(report["drops"][0]["count"], 2);
        assert_eq!(report["drops"][1]["drafts"]["s0r0d3"], "too long");
        assert_eq!(report["stages"]["select"], serde_json::json!({ "seconds": 0.5 }));
        assert_eq!(report["stages"]["draft"]["calls"], 4);
        assert_eq!(report["stages"]["draft"]["tokens"]["completion"], 30);
        assert_eq!(report["stages"]["draft"]["completion_tokens_per_second"], 15.0);
        assert_eq!(report["judge"]["scores"]["histogram"][9], 1);
    }

    #[test]
    fn paid_answers_are_counted_in_the_stage_that_asked_for_them() {
        // Written as in the log: the type itself belongs to a module that `report` may not use.
        let completion = json!({
            "text": "{}", "finish": "complete",
            "usage": { "prompt": 800, "cached_prompt": 0, "completion": 120, "reasoning": 0 },
            "timings": { "queue_s": 0.0, "prefill_s": 0.0, "decode_s": 1.5 },
        });
        let paid = |purpose, answer| (purpose, Purchase { attempts: vec![1], answer });
        let answer = Some((serde_json::from_value(completion).unwrap(), MicroUsd(4_200)));
        let state = RunState {
            purchases: [
                paid(Purpose::Refine("p1".to_owned()), answer.clone()),
                paid(Purpose::Refine("p2".to_owned()), None),
                paid(Purpose::Judge("ab".to_owned()), answer),
            ]
            .into(),
            seconds: [("refine".to_owned(), 2.0)].into(),
            ..RunState::default()
        };
        let refine = &rendered(&state)["stages"]["refine"];
        assert_eq!((&refine["calls"], &refine["tokens"]["prompt"]), (&json!(1), &json!(800)));
        assert_eq!(refine["completion_tokens_per_second"], 60.0);
    }

    #[test]
    fn a_run_that_died_at_once_is_reported() {
        let report = rendered(&RunState::default());
        assert_eq!(report["finished"], false);
        assert_eq!(report["corpus"]["unused"], 1);
        assert_eq!(report["judge"]["scores"]["mean"], Value::Null);
        assert_eq!(report["cost"]["frontier"]["spent_usd"], 0.0);
    }
}
