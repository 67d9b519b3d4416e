//! Which of the data the personas rest on: a square per record, a row per participant.
//!
//! Owns the limits above which squares become bars and rows become a sentence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{COLOURS, percent};
use crate::corpus::Record;
use crate::report::{View, counted, file_name};
use crate::schema::RecordId;

/// Most squares on the page; where there are more records, each row is one bar.
const MAX_SQUARES: usize = 3_000;
/// Most rows on the page.
const MAX_ROWS: usize = 150;

/// What became of a record, weakest evidence first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Unused,
    Shown,
    Cited,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Shown => "shown",
            Self::Cited => "cited",
        }
    }
}

/// The map: its rows, the counts of its legend, and the segments with the persona of each.
pub(super) fn coverage(view: View<'_>) -> Value {
    let personas = view.state.selected.as_deref().unwrap_or_default();
    let mut citing: BTreeMap<RecordId, Vec<usize>> = BTreeMap::new();
    for (at, persona) in personas.iter().enumerate() {
        for id in persona.cited() {
            citing.entry(id).or_default().push(at);
        }
    }
    let drafts = view.state.drafts.values();
    let shown: BTreeSet<&RecordId> = drafts.flat_map(|d| &d.persona.provenance.shown).collect();
    let fate = |record: &Record| match (citing.contains_key(&record.id), shown.contains(&record.id))
    {
        (true, _) => Fate::Cited,
        (false, true) => Fate::Shown,
        (false, false) => Fate::Unused,
    };
    let records = &view.corpus.records;
    let count = |wanted: Fate| records.iter().filter(|record| fate(record) == wanted).count();
    let squares = records.len() <= MAX_SQUARES;
    let mut rows: Vec<(String, Vec<&Record>)> = Vec::new();
    let mut row_of: BTreeMap<(usize, Option<&str>), usize> = BTreeMap::new();
    for record in records {
        let at = *row_of.entry((record.file, record.participant.as_deref())).or_insert_with(|| {
            let file = file_name(view.corpus, record.file);
            let several = view.corpus.files.len() > 1;
            let label = match &record.participant {
                Some(name) if several => format!("{name} ({file})"),
                Some(name) => name.clone(),
                None => file.to_owned(),
            };
            rows.push((label, Vec::new()));
            rows.len() - 1
        });
        rows[at].1.push(record);
    }
    let row = |(label, records): &(String, Vec<&Record>)| {
        let of = |wanted| records.iter().filter(|record| fate(record) == wanted).count();
        let (cited, seen) = (of(Fate::Cited), of(Fate::Shown));
        let square = |record: &&Record| {
            let by = citing.get(&record.id).map_or(&[][..], Vec::as_slice);
            let names: Vec<&str> = by.iter().map(|at| personas[*at].name.as_str()).collect();
            let what = match fate(record) {
                Fate::Cited => format!("cited by {}", names.join(", ")),
                Fate::Shown => "shown to a draft, not cited".to_owned(),
                Fate::Unused => "not shown to any draft".to_owned(),
            };
            json!({
                "fate": fate(record).name(),
                "number": by.first().map(|at| at + 1),
                "colour": by.first().map(|at| at % COLOURS),
                "more": by.len() > 1,
                "title": format!("{}: {what}", record.id),
            })
        };
        let by: BTreeSet<usize> =
            records.iter().filter_map(|r| citing.get(&r.id)).flatten().copied().collect();
        let names: Vec<&str> = by.iter().map(|at| personas[*at].name.as_str()).collect();
        let heard =
            if names.is_empty() { String::new() } else { format!(", by {}", names.join(", ")) };
        json!({
            "label": label,
            "text": format!("{} of {} cited{heard}; {seen} only shown", cited, counted(records.len(), "record")),
            "squares": if squares { records.iter().map(square).collect::<Value>() } else { Value::Null },
            "cited_width": percent(cited as f64 / records.len().max(1) as f64),
            "seen_width": percent((cited + seen) as f64 / records.len().max(1) as f64),
        })
    };
    let silent = rows
        .iter()
        .filter(|(_, records)| records.iter().all(|record| fate(record) != Fate::Cited))
        .count();
    json!({
        "records": records.len(),
        "cited": count(Fate::Cited), "shown": count(Fate::Shown), "unused": count(Fate::Unused),
        "rows": rows.iter().take(MAX_ROWS).map(row).collect::<Value>(),
        "more_rows": rows.len().saturating_sub(MAX_ROWS),
        "silent": silent,
        "sources": rows.len(),
        "squares": squares,
        "segments": segments(view),
        "left_out": view.state.plan.iter().flat_map(|p| &p.left_out)
            .map(|(id, cause)| json!({ "id": id, "cause": cause })).collect::<Value>(),
        "findings": view.corpus.findings,
    })
}

/// The segments of the plan, each with its persona.
fn segments(view: View<'_>) -> Value {
    let personas = view.state.selected.as_deref().unwrap_or_default();
    let slots = view.state.plan.iter().flat_map(|plan| &plan.slots);
    slots
        .map(|slot| {
            let at = personas.iter().position(|p| p.provenance.slot == slot.slot);
            json!({
                "terms": slot.terms.iter().take(6).cloned().collect::<Vec<_>>().join(", "),
                "people": counted(slot.segment.participants, "participant"),
                "records": slot.segment.records,
                "share": slot.segment.percent(),
                "width": percent(slot.segment.share),
                "persona": at.map(|at| &personas[at].name),
                "number": at.map(|at| at + 1),
                "colour": at.map(|at| at % COLOURS),
            })
        })
        .collect()
}
