//! Which of the data the personas rest on: a square per record, a row per participant.
//!
//! Owns the limits above which squares become bars and rows become a sentence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{COLOURS, percent};
use crate::corpus::Record;
use crate::report::{View, counted, file_name};
use crate::schema::{Persona, RecordId};
use crate::store::SlotReport;

/// Most squares on the page; where there are more records, each row is one bar.
const MAX_SQUARES: usize = 3_000;
/// Most rows on the page.
const MAX_ROWS: usize = 150;
/// Most participants that are named of a segment.
const MAX_NAMES: usize = 24;
/// Most terms that are shown of a segment.
const MAX_TERMS: usize = 6;

/// What became of a record, weakest evidence first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Unused,
    Shown,
    Cited,
}

impl Use {
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
    let uses = Uses::of(view);
    let records = &view.corpus.records;
    let rows = rows(view);
    let count =
        |wanted: Use| records.iter().filter(|record| uses.of_record(record) == wanted).count();
    let squares = records.len() <= MAX_SQUARES;
    let row = |(label, records): &(String, Vec<&Record>)| {
        let drawn = || records.iter().map(|record| uses.square(record)).collect();
        uses.row(label, records, &if squares { drawn() } else { Value::Null })
    };
    let silent = rows
        .iter()
        .filter(|(_, records)| records.iter().all(|record| uses.of_record(record) != Use::Cited))
        .count();
    json!({
        "records": records.len(),
        "cited": count(Use::Cited), "shown": count(Use::Shown), "unused": count(Use::Unused),
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

/// The records by who said them, or by file where nobody is named, each row with its label.
fn rows(view: View<'_>) -> Vec<(String, Vec<&Record>)> {
    let mut rows: Vec<(String, Vec<&Record>)> = Vec::new();
    let mut row_of: BTreeMap<(usize, Option<&str>), usize> = BTreeMap::new();
    for record in &view.corpus.records {
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
    rows
}

/// Which records were used, and by which personas.
struct Uses<'v> {
    personas: &'v [Persona],
    /// For each cited record, the personas that cite it, by their indices.
    citing: BTreeMap<RecordId, Vec<usize>>,
    /// Records that a draft was shown.
    shown: BTreeSet<&'v RecordId>,
}

impl<'v> Uses<'v> {
    fn of(view: View<'v>) -> Self {
        let personas = view.state.selected.as_deref().unwrap_or_default();
        let mut citing: BTreeMap<RecordId, Vec<usize>> = BTreeMap::new();
        for (at, persona) in personas.iter().enumerate() {
            for id in persona.cited() {
                citing.entry(id).or_default().push(at);
            }
        }
        let drafts = view.state.drafts.values();
        let shown = drafts.flat_map(|draft| &draft.persona.provenance.shown).collect();
        Self { personas, citing, shown }
    }

    fn of_record(&self, record: &Record) -> Use {
        if self.citing.contains_key(&record.id) {
            Use::Cited
        } else if self.shown.contains(&record.id) {
            Use::Shown
        } else {
            Use::Unused
        }
    }

    fn names<'a>(&'a self, personas: impl IntoIterator<Item = &'a usize>) -> String {
        let names = personas.into_iter().map(|at| self.personas[*at].name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// The square of one record.
    fn square(&self, record: &Record) -> Value {
        let by = self.citing.get(&record.id).map_or(&[][..], Vec::as_slice);
        let used = self.of_record(record);
        let what = match used {
            Use::Cited => format!("cited by {}", self.names(by)),
            Use::Shown => "shown to a draft, not cited".to_owned(),
            Use::Unused => "not shown to any draft".to_owned(),
        };
        json!({
            "use": used.name(),
            "number": by.first().map(|at| at + 1),
            "colour": by.first().map(|at| at % COLOURS),
            "more": by.len() > 1,
            "title": format!("{}: {what}", record.id),
        })
    }

    /// A row of records, with its squares or as one bar.
    fn row(&self, label: &str, records: &[&Record], squares: &Value) -> Value {
        let count = |wanted| records.iter().filter(|r| self.of_record(r) == wanted).count();
        let (cited, seen) = (count(Use::Cited), count(Use::Shown));
        let by: BTreeSet<usize> =
            records.iter().filter_map(|r| self.citing.get(&r.id)).flatten().copied().collect();
        let heard = if by.is_empty() { String::new() } else { format!(", by {}", self.names(&by)) };
        let share = |part: usize| percent(part as f64 / records.len().max(1) as f64);
        let records = counted(records.len(), "record");
        json!({
            "label": label,
            "text": format!("{cited} of {records} cited{heard}; {seen} only shown"),
            "squares": squares,
            "cited_width": share(cited),
            "seen_width": share(cited + seen),
        })
    }
}

/// The participants of a segment, after a colon, as far as there are names: `: Ana, Bo and 7 more`.
fn named(view: View<'_>, slot: &SlotReport) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut known = BTreeSet::new();
    let members = slot.members.iter().filter_map(|id| view.corpus.get(id));
    for name in members.filter_map(|record| record.participant.as_deref()) {
        if known.insert(name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    match (names.is_empty(), more) {
        (true, _) => String::new(),
        (_, 0) => format!(": {}", names.join(", ")),
        (_, more) => format!(": {} and {more} more", names.join(", ")),
    }
}

/// The segments of the plan, each with its persona.
fn segments(view: View<'_>) -> Value {
    let personas = view.state.selected.as_deref().unwrap_or_default();
    let slots = view.state.plan.iter().flat_map(|plan| &plan.slots);
    slots
        .map(|slot| {
            let at = personas.iter().position(|p| p.provenance.slot == slot.slot);
            json!({
                "terms": slot.terms.iter().take(MAX_TERMS).cloned().collect::<Vec<_>>().join(", "),
                "people": counted(slot.segment.participants, "participant") + &named(view, slot),
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
