//! What the tests of several readers share: reading a text, and showing what became of it.

use std::path::PathBuf;

use super::Corpus;
use super::formats::{csv, html, json, mail, markdown, org, text};
use super::rows::Rows;
use super::tables::table::{self, Table, TableRow};

/// Reads plain text.
pub(super) fn load_text(text: &str) -> Rows {
    load(text, text::read)
}

/// Reads Markdown.
pub(super) fn load_markdown(text: &str) -> Rows {
    load(text, markdown::read)
}

/// Reads HTML.
pub(super) fn load_html(text: &str) -> Rows {
    load(text, html::read)
}

/// Reads org.
pub(super) fn load_org(text: &str) -> Rows {
    load(text, org::read)
}

/// Reads CSV, whatever its delimiter.
pub(super) fn load_csv(text: &str) -> Rows {
    load(text, |text, rows| csv::read(text, None, rows))
}

/// Reads a table of these columns and lines.
pub(super) fn load_table(names: &[&str], lines: &[&[&str]]) -> Rows {
    let own = |line: &[&str]| line.iter().map(|cell| (*cell).to_owned()).collect();
    let numbered = lines.iter().enumerate().map(|(i, line)| TableRow::of(i + 1, own(line)));
    let table = Table { names: own(names), rows: numbered.collect() };
    let mut rows = Rows::new(1);
    table::into_rows(table, &mut rows).expect("a table that can be read");
    rows
}

/// Reads JSON.
pub(super) fn load_json(text: &str) -> Rows {
    load(text, json::read)
}

/// Reads a message, or an archive of them.
pub(super) fn load_mail(text: &str) -> Rows {
    load(text, mail::read)
}

/// Reads files, each with its name and text, as one input.
pub(super) fn load_files(files: &[(&str, &str)]) -> Corpus {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |(name, text): &(&str, &str)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let paths: Vec<PathBuf> = files.iter().map(write).collect();
    super::load(&paths).expect("the files have no fault")
}

/// Reads a text that has no fault.
pub(super) fn load(text: &str, read: impl FnOnce(&str, &mut Rows) -> Result<(), String>) -> Rows {
    let mut rows = Rows::new(1);
    read(text, &mut rows).expect("the text has no fault");
    rows
}

/// The text of each record.
pub(super) fn texts(rows: &Rows) -> Vec<&str> {
    rows.records.iter().map(|record| record.text.as_str()).collect()
}

/// The row and the text of each record.
pub(super) fn rows_and_texts(rows: &Rows) -> Vec<(usize, &str)> {
    rows.records.iter().map(|record| (record.row, record.text.as_str())).collect()
}

/// The participant and the text of each record.
pub(super) fn said(rows: &Rows) -> Vec<(Option<&str>, &str)> {
    let records = rows.records.iter();
    records.map(|record| (record.participant.as_deref(), record.text.as_str())).collect()
}

/// The row, the participant and the text of each record.
pub(super) fn rows_and_said(rows: &Rows) -> Vec<(usize, Option<&str>, &str)> {
    let numbers = rows.records.iter().map(|record| record.row);
    numbers.zip(said(rows)).map(|(row, (who, text))| (row, who, text)).collect()
}
