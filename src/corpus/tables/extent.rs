//! Which records of the input are rows of which table, and findings about a table.
//!
//! Owns how far a table goes once all files are read: a file, or a sheet of it. Prose has none.

use std::ops::Range;

use crate::corpus::{Corpus, Finding, is_prose};

/// A table of the corpus: file and sheet.
pub(super) type TableKey = (usize, Option<String>);

/// The tables of the input, each with its rows as a range of records.
pub(super) fn tables(corpus: &Corpus) -> Vec<(TableKey, Range<usize>)> {
    let mut tables = Vec::new();
    let mut from = 0;
    for rows in corpus.records.chunk_by(|a, b| (a.file, &a.sheet) == (b.file, &b.sheet)) {
        let file = rows[0].file.checked_sub(1).and_then(|index| corpus.files.get(index));
        if file.is_some_and(|file| !is_prose(&file.format)) {
            tables.push(((rows[0].file, rows[0].sheet.clone()), from..from + rows.len()));
        }
        from += rows.len();
    }
    tables
}

/// ` of sheet 'name'`, to follow what a finding is about; nothing where a file has no sheets.
pub(super) fn of_sheet((_, sheet): &TableKey) -> String {
    sheet.as_ref().map(|sheet| format!(" of sheet '{sheet}'")).unwrap_or_default()
}

/// Adds a finding about a table that stands for `count` cases.
pub(super) fn note(
    corpus: &mut Corpus,
    (file, _): &TableKey,
    kind: &str,
    count: usize,
    message: String,
) {
    let file = corpus.files[file - 1].name.clone();
    corpus.findings.push(Finding { file, row: None, kind: kind.to_owned(), message, count });
}
