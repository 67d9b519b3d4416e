//! Research data as records with provenance.
//!
//! Owns reading: formats, encodings, limits, findings. Does not know what a persona or a model is,
//! and changes no word of what a participant said.
//!
//! A file travels `inputs` (which?) → `files` (is it text?) → `encoding` (bytes to text) → the reader
//! of its format in `formats` → `tables` (rows of cells), `talk` (turns of a conversation) or `notes`
//! (what one person wrote) → `rows` (records). Whatever is odd on the way becomes a [`Finding`]; only
//! a file without a single record is an error.
//!
//! Of the four folders, each uses those below it: `formats`, `notes`, `tables`, `talk`. All use
//! what stands beside them here: blocks of prose, names of columns, values, findings, `rows`.

mod asked_for;
mod block;
mod codes;
mod columns;
mod courtesies;
mod dates;
mod encoding;
mod files;
mod findings;
mod formats;
mod given_names;
mod inputs;
mod lines;
mod looks;
mod markup;
mod names;
mod notes;
mod open_questions;
mod persons;
mod reply;
mod rows;
mod study_papers;
mod tables;
mod talk;
mod told;
mod values;
mod who;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::schema::RecordId;

pub(crate) use asked_for::{Personal, asked_for};
pub use columns::{Column, ColumnKind};
pub(crate) use dates::is_moment;
pub use files::load;
pub(crate) use names::{asks_permission, is_context, is_path};
pub(crate) use told::is_about_self;
pub(crate) use values::{is_blank, is_no_answer, number};
pub(crate) use who::{tells_role, tells_who};

/// What was understood of the input files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Corpus {
    /// The files that gave records, in input order (sorted within a directory).
    pub files: Vec<SourceFile>,
    /// All records, in file order.
    pub records: Vec<Record>,
    /// What was odd, with counts. Nothing is dropped without one.
    pub findings: Vec<Finding>,
    /// Names of people that no record gives to its participant: of those who ask, and short ones of
    /// participants. They are personal data too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<String>,
}

/// One input file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceFile {
    /// Input number, from 1: the `1` of `f1#7`.
    pub number: usize,
    /// File name for display and the run folder.
    pub name: String,
    /// The path it was read from.
    pub path: PathBuf,
    /// Name of the format: `csv`, `tsv`, `json`, `jsonl`, `yaml`, `markdown`, `text`, `org`,
    /// `html`, `html table` and `markdown table` (nothing but tables), `subtitles`, `mail`, `xlsx`,
    /// `ods`, `docx`.
    pub format: String,
    /// Encoding as detected, for example `UTF-8`, `windows-1252`; `ZIP` for office files.
    pub encoding: String,
    /// SHA-256 of the bytes, hex: a resumed run refuses a changed input.
    pub sha256: String,
}

/// Whether the records of a file of this format are what people said one after the other, rather
/// than one row per participant.
fn is_prose(format: &str) -> bool {
    matches!(format, "text" | "markdown" | "org" | "html" | "subtitles" | "docx" | "mail")
}

/// Most columns of a record that are searched for the question. A wider record has its questions in
/// the header, and may have a million columns.
const MOST_WITH_QUESTION: usize = 100;

/// One table row, paragraph or speaker turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `f1#7`: input number, record index from 0.
    pub id: RecordId,
    /// Input number, from 1.
    pub file: usize,
    /// The sheet, in a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Where in the file (or sheet), from 1: the line of text, the data row of a table, the row as
    /// numbered in a sheet, the paragraph of a DOCX file.
    pub row: usize,
    /// Who said it: a participant column's value or a speaker label.
    pub participant: Option<String>,
    /// Table row: non-empty cells, one line each, `column: value`. Text: the paragraph or turn;
    /// with a heading above it or a moderator's question before it, these come first and the whole
    /// is written like a table row (`section: …`, `question: …`, `text: …`). In a table of turns,
    /// the question comes before the cells.
    pub text: String,
    /// Where each cell's value stands in `text`; empty for text without context.
    pub columns: Vec<ColumnSpan>,
}

/// A cell's value inside a record's text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpan {
    /// Column name, shared by all records of a file: a wide table repeats it in each.
    pub name: Arc<str>,
    /// First byte of the value.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether the participants wrote or said the value in words of their own, to judge by what the
    /// column holds over the whole file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_said: bool,
    /// Whether staff wrote the value about the participant or in answer to them, which makes it
    /// context, like a date. Named in files as it was called in the first of them.
    #[serde(rename = "is_staffs", default, skip_serializing_if = "std::ops::Not::not")]
    pub by_staff: bool,
}

impl ColumnSpan {
    /// A cell of which only the name of its column and its place are known.
    pub fn new(name: impl Into<Arc<str>>, place: Range<usize>) -> Self {
        let (start, end) = (place.start, place.end);
        Self { name: name.into(), start, end, is_said: false, by_staff: false }
    }
}

impl Record {
    /// The question that the record answers, where a column holds it, as in a table with one row
    /// per answer. Such a table has few columns; a wide one has its questions in the header.
    pub fn question(&self) -> Option<&str> {
        if self.columns.len() > MOST_WITH_QUESTION {
            return None;
        }
        let column = self.columns.iter().find(|column| names::is_question(&column.name))?;
        Some(&self.text[column.start..column.end])
    }

    /// The name of the column in whose value a byte of the text stands.
    pub fn column_at(&self, byte: usize) -> Option<&str> {
        self.cell_at(byte).map(|column| &*column.name)
    }

    /// The cell in which a byte of the text stands.
    pub fn cell_at(&self, byte: usize) -> Option<&ColumnSpan> {
        // The columns are in order, and a wide table may have a million of them.
        let after = self.columns.partition_point(|column| column.start <= byte);
        let column = self.columns.get(after.checked_sub(1)?)?;
        (byte < column.end).then_some(column)
    }

    /// Whether the speaker's role is to ask. What such speakers say is a record only where nobody
    /// else speaks in their file, or in a table of a document.
    pub fn is_by_moderator(&self) -> bool {
        self.participant.as_deref().is_some_and(talk::moderator::is_role)
    }

    /// Whether some of the record is in the participant's own words.
    pub fn speaks(&self) -> bool {
        self.columns.is_empty() || self.columns.iter().any(|column| column.is_said)
    }

    /// Whether a cell tells nothing that the participant answers for; one that only names them does
    /// not, whatever its column is called.
    fn is_context(&self, column: &ColumnSpan) -> bool {
        column.by_staff
            || names::is_context(&column.name)
            || self.participant.as_deref() == Some(&self.text[column.start..column.end])
    }

    /// The pieces of a range of the text that are in the participant's own words, with their byte
    /// offsets in `text`: cells without the messages that they quote, in full where they reach out
    /// of the range. Where no cell is in their own words, the [`Record::cells`] stand in, which are
    /// answers to closed questions, without dates and addresses.
    pub fn said_in(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &str)> {
        let is_said = |at: usize| {
            let column = self.columns.binary_search_by_key(&at, |column| column.start);
            column.is_ok_and(|column| self.columns[column].is_said)
        };
        let is_prose = self.columns.is_empty();
        let speaks = self.speaks();
        // Something must stand in: a record of nothing but dates keeps its dates.
        let has_any = !speaks && self.cells().any(|(_, cell)| !values::tells_nothing(cell));
        let said = self.cells_in(range).filter(move |(at, cell)| {
            if speaks { is_prose || is_said(*at) } else { !has_any || !values::tells_nothing(cell) }
        });
        said.flat_map(move |(at, cell)| {
            // In notes, a line marked with `>` is what a participant said; in a message, what
            // somebody else wrote.
            let own = if is_prose { reply::whole(cell) } else { reply::own(cell) };
            own.into_iter().map(move |piece| (at + piece.start, &cell[piece]))
        })
    }

    /// What the participant answers for: each cell's value, or the whole text. A question, a
    /// heading or an id is left out, unless nothing else is there. Yields the byte offset of the
    /// piece in `text` and the piece.
    pub fn cells(&self) -> impl Iterator<Item = (usize, &str)> {
        self.cells_in(0..self.text.len())
    }

    /// Those [`Record::cells`] that reach into a range of the text, each in full.
    pub fn cells_in(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &str)> {
        // A record that holds nothing but notes by staff and other context gives no cell: the notes
        // do not stand in for the participant's words.
        let spoken = self.columns.iter().any(|c| c.by_staff || !self.is_context(c));
        let whole = self.columns.is_empty().then_some((0, self.text.as_str()));
        let first = self.columns.partition_point(|column| column.end <= range.start);
        let end = range.end;
        self.columns[first..]
            .iter()
            .take_while(move |column| column.start < end)
            .filter(move |c| !spoken || !self.is_context(c))
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
    /// Short stable name, for example `ragged-row`, `lost-characters`, `empty-row`.
    pub kind: String,
    /// What happened and what was done about it.
    pub message: String,
    /// How many times.
    pub count: usize,
}

/// The bytes of a file as UTF-8, decoded as [`load`] does; those of an office file stay as they
/// are.
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
mod test_support;
#[cfg(test)]
mod tests;
