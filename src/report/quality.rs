//! How good the personas are as a set: how much of the data they stand for, and whether they
//! differ.
//!
//! Owns the figures of `report.json` that describe no single persona. All are counted from the log
//! and the data; no model is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::View;
use crate::schema::{Persona, RecordId, duplicates, said};

/// Fewest letters of a word that is counted; shorter words tell little.
const LETTERS: usize = 4;
/// The figures of the set; `null` until personas are selected.
pub(super) fn quality(view: View<'_>) -> Value {
    let Some(personas) = view.state.selected.as_deref() else { return Value::Null };
    json!({
        "records": records(view, personas),
        "participants": participants(view, personas),
        "distance": distance(personas),
        "near_duplicates": near_duplicates(personas),
        "segments_without_persona": without_persona(view, personas),
        "statements": statements(personas),
    })
}

/// The set in one line, for the end of a run; `None` without personas.
pub fn quality_line(quality: &Value) -> Option<String> {
    let figure = |part: &str, name: &str| quality[part][name].as_u64();
    let (cited, records) = (figure("records", "cited")?, figure("records", "of")?);
    let (heard, people) = (figure("participants", "cited")?, figure("participants", "of")?);
    let supported = quality["statements"]["share_supported"].as_f64();
    let supported = supported.map_or_else(String::new, |share| {
        format!("; {:.0} % of goals, pains and behaviours rest on a record", share * 100.0)
    });
    Some(format!(
        "cited: {cited} of {records} records, {heard} of {people} participants{supported}"
    ))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0 }
}

fn cited(personas: &[Persona]) -> BTreeSet<RecordId> {
    personas.iter().flat_map(Persona::cited).collect()
}

/// The slots that have a persona.
fn taken(personas: &[Persona]) -> BTreeSet<usize> {
    personas.iter().map(|persona| persona.provenance.slot).collect()
}

/// How many records personas cite, their drafts had in focus, and their segments hold.
fn records(view: View<'_>, personas: &[Persona]) -> Value {
    let all = view.corpus.records.len();
    let cited = cited(personas).len();
    let shown: BTreeSet<&RecordId> =
        personas.iter().flat_map(|persona| &persona.provenance.shown).collect();
    let taken = taken(personas);
    let slots = view.state.plan.iter().flat_map(|plan| &plan.slots);
    let held: usize =
        slots.filter(|slot| taken.contains(&slot.slot)).map(|slot| slot.segment.records).sum();
    json!({
        "of": all,
        "cited": cited, "share_cited": share(cited, all),
        "in_focus": shown.len(),
        "in_segments": held, "share_in_segments": share(held, all),
    })
}

/// How many participants have a record that a persona cites.
fn participants(view: View<'_>, personas: &[Persona]) -> Value {
    let all = view.corpus.participants();
    let heard: BTreeSet<String> = cited(personas)
        .iter()
        .filter_map(|id| view.corpus.get(id))
        .map(|record| view.corpus.participant_key(record))
        .collect();
    json!({ "of": all, "cited": heard.len(), "share_cited": share(heard.len(), all) })
}

/// How far apart the personas are in what they say. The distance of two is 1 − cosine of the counts
/// of their words of at least four letters, 0..=1; 1 where they share none.
fn distance(personas: &[Persona]) -> Value {
    let counts: Vec<BTreeMap<String, f64>> = personas.iter().map(counts).collect();
    let mut distances = Vec::new();
    for (at, one) in counts.iter().enumerate() {
        distances.extend(counts[..at].iter().map(|other| 1.0 - cosine(one, other)));
    }
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let least = distances.iter().copied().reduce(f64::min);
    let rounded = |distance: f64| (distance.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0;
    json!({ "min": least.map(rounded), "mean": least.map(|_| rounded(mean)) })
}

fn counts(persona: &Persona) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    let tells = |word: &String| word.split(':').next().unwrap_or(word).chars().count() >= LETTERS;
    for word in said(persona).into_iter().flatten().filter(tells) {
        *counts.entry(word).or_default() += 1.0;
    }
    counts
}

fn cosine(one: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>) -> f64 {
    let length =
        |counts: &BTreeMap<String, f64>| counts.values().map(|n| n * n).sum::<f64>().sqrt();
    let dot: f64 = one.iter().filter_map(|(word, n)| Some(n * other.get(word)?)).sum();
    let lengths = length(one) * length(other);
    if lengths > 0.0 { dot / lengths } else { 0.0 }
}

/// Pairs of personas that are too alike for the pipeline to have kept both.
fn near_duplicates(personas: &[Persona]) -> Value {
    let ids = |(one, other): (usize, usize)| json!([personas[one].id, personas[other].id]);
    duplicates(personas).into_iter().map(ids).collect()
}

/// Segments of the plan that have no persona, with the terms that set them apart.
fn without_persona(view: View<'_>, personas: &[Persona]) -> Value {
    let taken = taken(personas);
    let slots = view.state.plan.iter().flat_map(|plan| &plan.slots);
    let open = slots.filter(|slot| !taken.contains(&slot.slot));
    open.map(|slot| json!({ "slot": slot.slot, "segment": slot.segment, "terms": slot.terms }))
        .collect()
}

/// How many goals, pains and behaviours cite a record, and how many the model concluded.
fn statements(personas: &[Persona]) -> Value {
    let all: Vec<_> = personas.iter().flat_map(Persona::statements).collect();
    let supported = all.iter().filter(|statement| !statement.records.is_empty()).count();
    let inferred = all.iter().filter(|statement| statement.inferred).count();
    json!({
        "of": all.len(), "supported": supported, "inferred": inferred,
        "share_supported": (!all.is_empty()).then(|| share(supported, all.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Process, sample};
    use crate::schema::Segment;
    use crate::schema::Statement;
    use crate::store::{PlanReport, RunState, SlotReport};

    fn measured(personas: Vec<Persona>) -> Value {
        let slot = |slot| SlotReport {
            slot,
            segment: Segment { participants: 1, records: 1, share: 0.5 },
            terms: vec!["paper".into()],
            ..SlotReport::default()
        };
        let plan = PlanReport { slots: vec![slot(0), slot(1)], ..PlanReport::default() };
        let state = RunState { selected: Some(personas), plan: Some(plan), ..RunState::default() };
        let (corpus, process) = (sample::corpus(), Process::default());
        quality(View { state: &state, corpus: &corpus, process: &process })
    }

    #[test]
    fn what_a_set_rests_on_is_counted() {
        let found = measured(vec![sample::persona()]);
        assert_eq!(found["records"]["cited"], 1);
        assert_eq!(found["participants"], json!({ "of": 1, "cited": 1, "share_cited": 1.0 }));
        assert_eq!(found["statements"]["supported"], 1);
        assert_eq!(found["statements"]["inferred"], 1);
        assert_eq!(found["segments_without_persona"][0]["slot"], 1);
        assert_eq!(found["distance"], json!({ "min": null, "mean": null }));
        assert_eq!(
            quality_line(&found).expect("a line"),
            "cited: 1 of 1 records, 1 of 1 participants; 50 % of goals, pains and behaviours rest on a record"
        );
        assert_eq!(quality_line(&Value::Null), None);
    }

    #[test]
    fn twins_are_near_duplicates_and_strangers_far_apart() {
        let (one, mut twin, mut other) = (sample::persona(), sample::persona(), sample::persona());
        twin.id = "p2".into();
        twin.name = "Bob".into();
        twin.provenance.slot = 1;
        other.id = "p3".into();
        (other.title, other.summary) = ("Baker".into(), "Bakes bread before dawn".into());
        (other.goals, other.pains, other.quotes) = (Vec::new(), Vec::new(), Vec::new());
        other.motivations = vec!["warmth".into()];
        let found = measured(vec![one, twin, other]);
        assert_eq!(found["near_duplicates"], json!([["p1", "p2"]]));
        assert_eq!(found["distance"]["min"], 0.0);
        assert!(found["distance"]["mean"].as_f64() > Some(0.6), "{found}");
        assert_eq!(found["segments_without_persona"], json!([]));
    }

    #[test]
    fn other_answers_to_the_same_questions_are_no_duplicates() {
        let persona = |id: &str, slot, answers: [&str; 3]| {
            let questions = ["Do you ever gamble?", "Do you eat steak?", "Where do you wait?"];
            let line = |(question, answer): (&str, &str)| Statement {
                text: format!("{question}: {answer}"),
                records: Vec::new(),
                inferred: false,
                held: None,
            };
            let mut persona = sample::persona();
            (persona.id, persona.provenance.slot) = (id.into(), slot);
            (persona.title, persona.summary) = (String::new(), String::new());
            (persona.goals, persona.pains, persona.quotes) = (Vec::new(), Vec::new(), Vec::new());
            persona.motivations = Vec::new();
            persona.behaviours = questions.into_iter().zip(answers).map(line).collect();
            persona
        };
        let set = vec![
            persona("p1", 0, ["No", "Yes", "At home"]),
            persona("p2", 1, ["Yes", "No", "By car"]),
            persona("p3", 0, ["No", "Yes", "By car"]),
        ];
        let found = measured(set);
        assert_eq!(found["near_duplicates"], json!([["p1", "p3"]]));
        assert_eq!(
            found["distance"]["mean"].as_f64().map(|mean| mean > 0.5),
            Some(true),
            "{found}"
        );
    }
}
