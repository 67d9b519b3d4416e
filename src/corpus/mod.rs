//! Research data as records with provenance.
//!
//! Owns reading: formats, encodings, limits, findings. Does not know what a persona or a model is,
//! and changes no word of what a participant said.
//!
//! A file travels `files` (which, and is it text?) → `encoding` (bytes to text) → the reader of its
//! format → `table` (rows) or `transcript` (prose) → `rows` (records). Whatever is odd on the way
//! becomes a [`Finding`]; only a file without a single record is an error.

mod columns;
mod csv;
mod encoding;
mod files;
mod findings;
mod format;
mod json;
mod markdown;
mod rows;
mod table;
mod text;
mod transcript;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::schema::RecordId;

pub use columns::{Column, ColumnKind};
pub use files::load;

/// What was understood of the input files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Corpus {
    /// The files that gave records, in input order (sorted within a directory).
    pub files: Vec<SourceFile>,
    /// All records, in file order.
    pub records: Vec<Record>,
    /// What was odd, with counts. Nothing is dropped without one.
    pub findings: Vec<Finding>,
}

/// One input file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceFile {
    /// Input number, from 1: the `1` of `f1#7`.
    pub number: usize,
    /// File name for display and the run folder.
    pub name: String,
    /// Where it was read.
    pub path: PathBuf,
    /// `csv`, `tsv`, `json`, `jsonl`, `markdown`, `text`.
    pub format: String,
    /// As detected, for example `UTF-8`, `windows-1252`.
    pub encoding: String,
    /// SHA-256 of the bytes, hex: a resumed run refuses a changed input.
    pub sha256: String,
}

/// One table row, paragraph or speaker turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `f1#7`: input number, record index from 0.
    pub id: RecordId,
    /// Input number, from 1.
    pub file: usize,
    /// Line (text) or data row (table) in the file, from 1.
    pub row: usize,
    /// Who said it: a participant column's value or a speaker label.
    pub participant: Option<String>,
    /// Table row: non-empty cells, one line each, `column: value`. Text: the paragraph or turn; with
    /// a heading above it or a moderator's question before it, these come first and the whole is
    /// written like a table row (`section: …`, `question: …`, `text: …`).
    pub text: String,
    /// Where each cell's value stands in `text`; empty for text without context.
    pub columns: Vec<ColumnSpan>,
}

/// A cell's value inside a record's text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpan {
    /// Column name.
    pub name: String,
    /// First byte of the value.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Record {
    /// The pieces a quote may come from: each cell's value, or the whole text. What is not the
    /// participant's own words (a question, a heading, an id) is left out, unless nothing else is
    /// there. Yields the byte offset of the piece in `text` and the piece.
    pub fn cells(&self) -> impl Iterator<Item = (usize, &str)> {
        let spoken = self.columns.iter().any(|c| !columns::is_context(&c.name));
        let whole = self.columns.is_empty().then_some((0, self.text.as_str()));
        self.columns
            .iter()
            .filter(move |c| !spoken || !columns::is_context(&c.name))
            .map(|c| (c.start, &self.text[c.start..c.end]))
            .chain(whole)
    }
}

/// Something odd in the input, said once with a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// File name.
    pub file: String,
    /// First row or line where it was met, from 1.
    pub row: Option<usize>,
    /// Short stable name, for example `ragged-row`, `invalid-utf8`, `empty-row`.
    pub kind: String,
    /// What happened and what was done about it.
    pub message: String,
    /// How many times.
    pub count: usize,
}

/// The bytes of a file as UTF-8, read as [`load`] reads them; what is no text stays as it is.
pub fn utf8(bytes: Vec<u8>, format: &str) -> Vec<u8> {
    if matches!(format, "xlsx" | "ods" | "docx") {
        return bytes;
    }
    encoding::decode(&bytes, &mut findings::Findings::default()).text.into_bytes()
}

/// Why there is no corpus. Maps to exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The path cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// The system's reason and what to do.
        cause: String,
    },
    /// Readable, but without a single record.
    #[error("no usable records in {path}: {cause}")]
    Nothing {
        /// The path as given.
        path: String,
        /// Why, and what to do.
        cause: String,
    },
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::encoding::decode;
    use super::format::Format;
    use super::rows::Rows;
    use super::*;

    /// What every corpus must hold, whatever was read.
    fn check(records: &[Record]) {
        for (i, record) in records.iter().enumerate() {
            assert_eq!(record.id, RecordId::new(record.file, i));
            assert!(record.row > 0 && !record.text.is_empty());
            let mut end = 0;
            for span in &record.columns {
                let name = format!("{}: ", span.name);
                assert!(record.text[end..].trim_start_matches('\n').starts_with(&name));
                assert!(record.text[..span.start].ends_with(&name) && span.start < span.end);
                end = span.end;
            }
            for (start, cell) in record.cells() {
                assert_eq!(&record.text[start..start + cell.len()], cell);
                assert!(!cell.trim().is_empty());
            }
            assert!(!record.text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        }
    }

    fn formats() -> [Format; 6] {
        use Format::{Csv, Json, Jsonl, Markdown, Text, Tsv};
        [Csv, Tsv, Json, Jsonl, Markdown, Text]
    }

    proptest! {
        #[test]
        fn no_bytes_break_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for format in formats() {
                let mut rows = Rows::new(3);
                let decoded = decode(&bytes, &mut rows.findings);
                if format.read(&decoded.text, &mut rows).is_ok() {
                    check(&rows.records);
                }
            }
        }
    }

    #[test]
    fn hostile_shapes_take_no_more_than_linear_time() {
        // Each of them would take minutes if it were quadratic, and the test be noticed.
        let n = 100_000;
        let keys: Vec<_> = (0..n).map(|i| format!("\"k{i}\":[{{}}]")).collect();
        let shapes = [
            format!("{{{}}}", keys.join(",")),
            format!("[\"{}\"]", "\\ud800".repeat(n)),
            format!("{}\n{}", ",".repeat(n), ",x".repeat(n)),
            format!("a\n{}", "\"".repeat(n)),
            format!("a,b\n{}", ",,,\n".repeat(n)),
            ">".repeat(n),
            "[".repeat(n),
            "*a _b ".repeat(n / 4),
            "A: x\n".repeat(n),
            format!("A: {}", "x".repeat(n * 20)),
            "# \n".repeat(n),
            "- ".repeat(n / 100),
        ];
        for shape in shapes {
            for format in formats() {
                let mut rows = Rows::new(1);
                if format.read(&shape, &mut rows).is_ok() {
                    check(&rows.records);
                }
            }
        }
    }

    #[test]
    fn the_examples_are_read_without_a_doubt() {
        let corpus = load(&["examples".into()]).unwrap();
        let files: Vec<_> = corpus.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(files, ["interviews.csv", "survey.json", "transcript.md"]);
        let count = |file| corpus.records.iter().filter(|r| r.file == file).count();
        assert_eq!([count(1), count(2), count(3)], [40, 25, 12]);
        assert_eq!(corpus.participants(), 10 + 25 + 1);
        let kinds: Vec<_> = corpus.findings.iter().map(|f| f.kind.as_str()).collect();
        let expected = ["skipped-file", "outside-rows", "not-prose", "moderator-turn"];
        assert_eq!(kinds, expected, "{:#?}", corpus.findings);
        let columns = corpus.columns();
        let kind = |name| columns.iter().find(|c| c.name == name).map(|c| c.kind);
        assert_eq!(kind("participant"), Some(ColumnKind::Identifier));
        assert_eq!(kind("role"), Some(ColumnKind::Categorical));
        assert_eq!(kind("age"), Some(ColumnKind::Numeric));
        assert_eq!(kind("question"), Some(ColumnKind::Categorical));
        assert_eq!(kind("answer"), Some(ColumnKind::FreeText));
        assert_eq!(kind("one_wish"), Some(ColumnKind::FreeText));
        let spoken: Vec<_> = corpus.records[0].cells().map(|(_, cell)| cell).collect();
        assert!(
            spoken.iter().any(|cell| cell.starts_with("Last Thursday I was already on my bike"))
        );
        assert!(!spoken.iter().any(|cell| cell.starts_with("Tell me about") || *cell == "P01"));
    }

    #[test]
    fn real_surveys_are_read_whole() {
        let Some(data) = std::env::var_os("PERSONA_TEST_DATA") else {
            eprintln!("skipped: PERSONA_TEST_DATA not set");
            return;
        };
        let survey = |name: &str| {
            let corpus = load(&[Path::new(&data).join("surveys").join(name)]).unwrap();
            check(&corpus.records);
            let kinds: Vec<_> = corpus.findings.into_iter().map(|f| (f.kind, f.count)).collect();
            (corpus.records.len(), corpus.records[0].participant.clone(), kinds)
        };
        let (records, first, kinds) = survey("steak-risk-survey.csv");
        assert_eq!((records, first.as_deref()), (550, Some("3237565956")));
        assert_eq!(kinds, [("second-header".to_owned(), 1)]);
        let (records, _, kinds) = survey("comma-survey.csv");
        assert_eq!((records, kinds), (1129, vec![]));
    }
}
