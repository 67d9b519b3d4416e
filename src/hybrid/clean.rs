//! Keeps removed values out of everything that a run writes or sends.
//!
//! Owns the gate before a paid model, the check of each event before it is logged, and the final
//! check of the files. What counts as personal, and how it is masked, is decided in `privacy`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::HybridError;
use crate::corpus::Corpus;
use crate::pipeline::{Gate, Paid};
use crate::privacy::{Cleared, Removed, outbound, tally};
use crate::report::{self, Format, RunFile, View};
use crate::schema::RecordId;
use crate::store::{Run, Scrub};

/// What may not leave this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// Values that anonymisation removed.
    Removed,
    /// These, and whatever else looks personal.
    Personal,
}

/// The same service behind the outbound gate: a request to another machine is not sent when it
/// holds what is barred. The gate reports the kinds of what it found, never the value.
pub fn guarded(paid: Paid, corpus: &Cleared<Corpus>, barred: Barred) -> Paid {
    let removed = corpus.removed().map(Arc::clone);
    if paid.local || removed.is_none() && barred == Barred::Removed {
        return paid;
    }
    let gate: Gate = Arc::new(move |body| {
        let met = outbound(body, removed.as_deref());
        if met.is_empty() {
            return Ok(());
        }
        Err(format!("the request holds personal data ({})", tally(&met)))
    });
    Paid { gate: Some(gate), ..paid }
}

/// Keeps removed values out of the log, in case a model invents one of them again.
pub fn scrub(run: &mut Run, corpus: &Cleared<Corpus>) {
    run.scrub = corpus.removed().map(|removed| {
        let removed = Arc::clone(removed);
        Scrub(Arc::new(move |event| mask_document(event, &removed) > 0))
    });
}

/// The files of a run folder, `report.json` last, and the report as a document. All are checked
/// once more for values that anonymisation removed.
pub fn files(
    view: View<'_>,
    removed: Option<&Removed>,
    formats: &[Format],
) -> Result<(Vec<RunFile>, Value), HybridError> {
    let text_of = |id: &RecordId| view.corpus.get(id).map(|record| record.text.as_str());
    let personas = view.state.selected.iter().flatten();
    if let Some(violation) = personas.flat_map(|p| p.violations(text_of)).next() {
        return Err(HybridError::Altered(violation));
    }
    let mut report = report::report(view);
    let mut files = report::files(view, formats)?;
    let mut page = report::page(view, &report);
    if let Some(removed) = removed {
        let (clean, masked): (Vec<_>, Vec<_>) =
            files.into_iter().map(|file| scanned(file, removed)).unzip();
        files = clean;
        let masked = masked.into_iter().sum::<usize>() + mask_document(&mut report, removed);
        // The words of the page are checked before the page is put together: masking the whole
        // could hit the markup, or break the hashes by which its style and script are allowed.
        let masked = masked + mask_document(&mut page, removed);
        report["privacy"]["final_scan"] = json!({ "files": files.len() + 2, "masked": masked });
    }
    files.push(report::page_file(&page)?);
    files.push(report::report_file(&report)?);
    Ok((files, report))
}

/// Masks removed values in every string of a document; returns the number of strings changed.
fn mask_document(value: &mut Value, removed: &Removed) -> usize {
    match value {
        Value::String(text) => match removed.mask(text) {
            Some(masked) => {
                *text = masked;
                1
            }
            None => 0,
        },
        Value::Array(values) => values.iter_mut().map(|value| mask_document(value, removed)).sum(),
        Value::Object(fields) => {
            fields.values_mut().map(|value| mask_document(value, removed)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Checks a file that is about to be written and masks removed values in it; returns the file and
/// how many values were masked.
fn scanned((name, bytes): RunFile, removed: &Removed) -> (RunFile, usize) {
    let Ok(text) = String::from_utf8(bytes.clone()) else { return ((name, bytes), 0) };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let mut masked = 0;
    let mut document = |text: &str, pretty: bool| {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let count = mask_document(&mut value, removed);
        masked += count;
        let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        (count > 0).then(|| write(&value).ok()).flatten()
    };
    let clean = if ending == "jsonl" {
        let lines = text
            .lines()
            .map(|line| document(line, false).unwrap_or_else(|| line.to_owned()) + "\n");
        lines.collect()
    } else if ending == "json" {
        document(&text, true).map_or_else(|| text.clone(), |clean| clean + "\n")
    } else {
        let clean = removed.mask(&text);
        masked += usize::from(clean.is_some());
        clean.unwrap_or_else(|| text.clone())
    };
    if masked == 0 { ((name, bytes), 0) } else { ((name, clean.into_bytes()), masked) }
}
