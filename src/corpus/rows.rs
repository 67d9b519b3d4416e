//! Cleaned text to records: the one place where record ids, record texts and column spans are made.
//!
//! Owns the record text format and the limits on what one file may grow to. Knows no file format.

use std::borrow::Cow;

use crate::schema::RecordId;

use super::findings::Findings;
use super::{ColumnSpan, Record};

/// Bytes; a cell above it is kept and reported, since hardly any model context can hold it.
const HUGE_CELL: usize = 1 << 20;

/// Bytes of a column name. Survey questions of 300 bytes are usual; the name is repeated in every
/// record, so that an endless one would multiply the size of the file.
const MAX_NAME: usize = 1000;

/// Bytes of record text from one file, column names included.
const MAX_TEXT: usize = 1 << 30;

/// Cells from one file; each costs about 100 bytes beside its text.
const MAX_CELLS: usize = 20_000_000;

/// The records of one file while they are read.
#[derive(Debug)]
pub(super) struct Rows {
    /// The records so far.
    pub records: Vec<Record>,
    /// What was odd so far.
    pub findings: Findings,
    /// The sheet under way, in a workbook.
    pub sheet: Option<String>,
    file: usize,
    text_bytes: usize,
    cells: usize,
}

impl Rows {
    /// No records yet, of input `file` (from 1).
    pub(super) fn new(file: usize) -> Self {
        Self {
            records: Vec::new(),
            findings: Findings::default(),
            sheet: None,
            file,
            text_bytes: 0,
            cells: 0,
        }
    }

    /// Adds a record of named cells, one line each, `column: value`. Values are clean and not
    /// empty. Fails when the file grows past its limits.
    pub(super) fn push_cells<'a>(
        &mut self,
        row: usize,
        participant: Option<String>,
        cells: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), String> {
        let mut text = String::new();
        let mut columns = Vec::new();
        for (name, value) in cells {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(name);
            text.push_str(": ");
            let start = text.len();
            text.push_str(value);
            columns.push(ColumnSpan { name: name.to_owned(), start, end: text.len() });
            self.note_if_huge(row, name, value);
        }
        self.push(row, participant, text, columns)
    }

    /// Adds a record of plain text: clean and not empty.
    pub(super) fn push_text(
        &mut self,
        row: usize,
        participant: Option<String>,
        text: String,
    ) -> Result<(), String> {
        self.note_if_huge(row, "text", &text);
        self.push(row, participant, text, Vec::new())
    }

    /// [`clean`], with a finding for what was stripped.
    pub(super) fn clean(&mut self, row: usize, value: &str) -> String {
        let (text, stripped) = clean(value);
        self.findings.add("control-character", row, stripped, || {
            "control characters (NUL, terminal escapes and the like) were stripped from the text"
                .to_owned()
        });
        text.into_owned()
    }

    fn push(
        &mut self,
        row: usize,
        participant: Option<String>,
        text: String,
        columns: Vec<ColumnSpan>,
    ) -> Result<(), String> {
        self.text_bytes += text.len();
        self.cells += columns.len();
        if self.text_bytes > MAX_TEXT || self.cells > MAX_CELLS {
            return Err(format!(
                "its records hold more than {} MiB of text or {MAX_CELLS} cells by row {row}\n\
                 hint: split the file, or shorten its column names",
                MAX_TEXT >> 20
            ));
        }
        let id = RecordId::new(self.file, self.records.len());
        let sheet = self.sheet.clone();
        self.records.push(Record { id, file: self.file, sheet, row, participant, text, columns });
        Ok(())
    }

    fn note_if_huge(&mut self, row: usize, name: &str, value: &str) {
        if value.len() > HUGE_CELL {
            self.findings.note("huge-cell", row, || {
                format!(
                    "'{name}' holds {} KiB in one piece, more than a model can read at once; it \
                     is kept whole, and better split into several rows",
                    value.len() >> 10
                )
            });
        }
    }
}

/// Line ends as `\n`, no other control characters, no white space at either end. Also the number
/// of characters that were stripped as meaningless.
pub(super) fn clean(value: &str) -> (Cow<'_, str>, usize) {
    let value = value.trim();
    if !value.chars().any(|c| c.is_control() || is_odd_break(c) || c == '\u{FEFF}') {
        return (Cow::Borrowed(value), 0);
    }
    let mut stripped = 0;
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => text.push(c),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    text.push('\n');
                }
            }
            _ if is_odd_break(c) => text.push('\n'),
            // A byte order mark in mid-file comes from joining files; it is no fault of the text.
            '\u{FEFF}' => {}
            _ if c.is_control() => stripped += 1,
            _ => text.push(c),
        }
    }
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        text = trimmed.to_owned();
    }
    (Cow::Owned(text), stripped)
}

/// Vertical tab, form feed, next line, line and paragraph separator: spreadsheets and word
/// processors use them for a new line inside a cell.
fn is_odd_break(c: char) -> bool {
    matches!(c, '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A column name on one line and of bounded length.
pub(super) fn clean_name(name: &str) -> String {
    let (name, _) = clean(name);
    let mut line = String::new();
    for word in name.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_NAME {
            line.truncate(line.floor_char_boundary(MAX_NAME));
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cut_exactly_the_values_out_of_the_text() {
        let mut rows = Rows::new(2);
        let cells = [("role", "nurse"), ("why: \"now\"", "l’été\nfut long"), ("x", "é")];
        rows.push_cells(5, Some("P1".to_owned()), cells).unwrap();
        let record = &rows.records[0];
        assert_eq!(record.id.as_str(), "f2#0");
        assert_eq!(record.text, "role: nurse\nwhy: \"now\": l’été\nfut long\nx: é");
        for (span, (name, value)) in record.columns.iter().zip(cells) {
            assert_eq!((span.name.as_str(), &record.text[span.start..span.end]), (name, value));
        }
    }

    #[test]
    fn control_characters_go_and_line_ends_become_one_kind() {
        let (text, stripped) = clean("  a\r\nb\rc\0\u{1b}[31md\te\u{b}f\u{FEFF} ");
        assert_eq!((text.as_ref(), stripped), ("a\nb\nc[31md\te\nf", 2));
        let (text, stripped) = clean("\0 \u{7f}");
        assert_eq!((text.as_ref(), stripped), ("", 2));
    }

    #[test]
    fn a_name_is_one_line_and_bounded() {
        assert_eq!(clean_name(" What\n do you\tdo? "), "What do you do?");
        let long = clean_name(&"é".repeat(4000));
        assert!(long.len() <= MAX_NAME + '…'.len_utf8() && long.ends_with("é…"));
    }

    #[test]
    fn a_file_that_grows_past_its_limit_is_refused_and_says_where() {
        let mut rows = Rows::new(1);
        rows.cells = MAX_CELLS;
        let cause = rows.push_cells(9, None, [("a", "b")]).unwrap_err();
        assert!(cause.contains("row 9") && cause.contains("hint: split the file"), "{cause}");
    }
}
