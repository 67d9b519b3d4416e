//! What a persona's card shows, and how strong its evidence is.
//!
//! Owns how much of a record is shown around a quote, and the words for strength. Returns data; the
//! markup is the template's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{COLOURS, avatar, percent};
use crate::corpus::{Corpus, Record};
use crate::report::{View, counted, file_name};
use crate::schema::{Persona, Quote, RecordId, Statement};
use crate::store::Refinement;

/// Bytes of a record that are shown on each side of a quote, and of a record that is only cited.
const AROUND: usize = 700;
const CITED: usize = 900;
/// Most records shown under a statement; the ids of all are listed.
const UNFOLDED: usize = 6;

/// Share of statements with a record, and number of cited participants, from which evidence is
/// called strong or moderate. Where the data names no participants, two records count as one.
const STRONG: (f64, usize) = (0.8, 3);
const MODERATE: (f64, usize) = (0.5, 2);

/// One card per persona.
pub(super) fn cards(view: View<'_>, threshold: Option<f64>) -> Value {
    let personas = view.state.selected.as_deref().unwrap_or_default();
    personas.iter().enumerate().map(|(at, persona)| card(view, persona, at, threshold)).collect()
}

fn card(view: View<'_>, persona: &Persona, at: usize, threshold: Option<f64>) -> Value {
    let corpus = view.corpus;
    let statements = |list: &[Statement]| -> Value {
        list.iter().map(|statement| shown_statement(statement, corpus)).collect()
    };
    let section = |key: &str, title: &str, list: &[Statement]| json!({ "key": key, "title": title, "statements": statements(list) });
    let segment = &persona.segment;
    let demographics = persona
        .demographics
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect::<Value>();
    let criteria = persona.scores.criteria.iter().map(|(name, value)| {
        json!({ "name": name.replace('_', " "), "text": format!("{value:.2}"), "width": percent(*value) })
    });
    let flags = persona.scores.flags.iter();
    let from = &persona.provenance;
    json!({
        "number": at + 1,
        "colour": at % COLOURS,
        "id": persona.id,
        "name": persona.name,
        "title": persona.title,
        "summary": persona.summary,
        "avatar": avatar::avatar(&persona.name, from.seed),
        "demographics": demographics,
        "share": segment.percent(),
        "share_width": percent(segment.share),
        "people": counted(segment.participants, "participant"),
        "records": counted(segment.records, "record"),
        "score": persona.scores.judge.map(|score| format!("{score:.2}")),
        "score_width": persona.scores.judge.map(percent),
        "threshold_x": threshold.map(percent),
        "below": persona.below_threshold,
        "refined": persona.refined,
        "evidence": evidence(persona, corpus),
        "sections": [
            section("goals", "Goals", &persona.goals),
            section("pains", "Pains", &persona.pains),
            section("behaviours", "Behaviours", &persona.behaviours),
        ],
        "motivations": persona.motivations,
        "quotes": persona.quotes.iter().map(|quote| shown_quote(quote, corpus)).collect::<Value>(),
        "criteria": criteria.collect::<Value>(),
        "flags": flags.map(|flag| json!({ "kind": flag.kind, "phrase": flag.phrase, "field": flag.field })).collect::<Value>(),
        "refinement": view.state.refinements.get(&persona.id).map(refinement),
        "extractive": from.is_extractive(),
        "model": from.model,
        "seed": from.seed.to_string(),
        "draft": format!("s{}r{}d{}", from.slot, from.round, from.draft),
        "cited": persona.cited(),
    })
}

fn refinement(refinement: &Refinement) -> String {
    match refinement {
        Refinement::Accepted { fields, before, after, .. } => {
            format!(
                "A paid model edited {}; judge score {before:.2} → {after:.2}.",
                fields.join(", ")
            )
        }
        Refinement::Kept { cause, .. } => format!("Left as drafted: {cause}."),
        Refinement::Failed { cause } => format!("Could not be refined: {cause}."),
        Refinement::Skipped { cause } => format!("Not sent to be refined: {cause}."),
    }
}

/// How much of a persona rests on data, in a word and in figures.
fn evidence(persona: &Persona, corpus: &Corpus) -> Value {
    let all = persona.statements().count();
    let supported = persona.statements().filter(|s| !s.inferred && !s.records.is_empty()).count();
    let cited = persona.cited();
    let people: BTreeSet<String> = cited
        .iter()
        .filter_map(|id| corpus.get(id))
        .filter(|record| record.participant.is_some())
        .map(|record| corpus.participant_key(record))
        .collect();
    let voices = if people.is_empty() { cited.len() / 2 } else { people.len() };
    let share = if all == 0 { 0.0 } else { supported as f64 / all as f64 };
    let reaches = |(least, heard): (f64, usize)| share >= least && voices >= heard;
    let (level, word) = if reaches(STRONG) {
        (3, "strong")
    } else if reaches(MODERATE) {
        (2, "moderate")
    } else {
        (1, "thin")
    };
    let heard = if people.is_empty() {
        String::new()
    } else {
        format!(" by {}", counted(people.len(), "participant"))
    };
    let detail = format!(
        "{supported} of {all} statements rest on a record; {}{heard} cited, {} verbatim",
        counted(cited.len(), "record"),
        counted(persona.quotes.len(), "quote"),
    );
    json!({ "level": level, "word": word, "detail": detail, "inferred": all - supported })
}

fn shown_statement(statement: &Statement, corpus: &Corpus) -> Value {
    let inferred = statement.inferred || statement.records.is_empty();
    let records: Value =
        statement.records.iter().take(UNFOLDED).map(|id| cited_record(id, corpus)).collect();
    json!({
        "text": statement.counted(),
        "inferred": inferred,
        "ids": statement.records,
        "count": counted(statement.records.len(), "record"),
        "records": records,
        "more": statement.records.len().saturating_sub(UNFOLDED),
    })
}

fn cited_record(id: &RecordId, corpus: &Corpus) -> Value {
    let Some(record) = corpus.get(id) else {
        return json!({ "id": id, "place": "not in the data that was read", "text": "" });
    };
    let end = record.text.floor_char_boundary(CITED);
    let cut = if end < record.text.len() { " …" } else { "" };
    json!({ "id": id, "place": place(record, corpus), "text": format!("{}{cut}", &record.text[..end]) })
}

fn shown_quote(quote: &Quote, corpus: &Corpus) -> Value {
    let record = corpus.get(&quote.record);
    // The log counts. Where a quote does not match the data, it is shown without its record.
    let text = record
        .map(|record| record.text.as_str())
        .filter(|text| text.get(quote.start..quote.end).is_some_and(|found| found == quote.text));
    let around = text.map(|text| {
        let from = text.floor_char_boundary(quote.start.saturating_sub(AROUND));
        let to = text.ceil_char_boundary((quote.end + AROUND).min(text.len()));
        let before = if from > 0 { "… " } else { "" };
        let after = if to < text.len() { " …" } else { "" };
        json!({
            "before": format!("{before}{}", &text[from..quote.start]),
            "after": format!("{}{after}", &text[quote.end..to]),
        })
    });
    json!({
        "text": quote.text,
        "id": quote.record,
        "place": record.map(|record| place(record, corpus)),
        "speaker": record.and_then(|record| record.participant.as_ref()),
        "around": around,
    })
}

/// Where a record comes from: `interviews.csv, row 8, P03`.
fn place(record: &Record, corpus: &Corpus) -> String {
    let mut place = format!("{}, row {}", file_name(corpus, record.file), record.row);
    if let Some(participant) = &record.participant {
        place.push_str(", ");
        place.push_str(participant);
    }
    place
}
