//! Turns cleaned text into records: the one place where record ids, record texts and column spans
//! are made.
//!
//! Owns the record text format and the limits on what one file may grow to. Knows no file format.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::schema::RecordId;

use super::findings::Findings;
use super::names;
use super::{ColumnSpan, Record};

/// Size in bytes above which a cell is reported. It is kept, though hardly any model context can
/// hold it.
const HUGE_CELL: usize = 1 << 20;

/// Longest column name, in bytes. Survey questions of 300 bytes are usual; the name is repeated in
/// every record, so an endless one would multiply the size of the file.
const MAX_NAME: usize = 1000;

/// Most bytes of record text from one file, column names included; a larger file is refused.
const MAX_TEXT: usize = 1 << 30;

/// Most cells from one file; each costs about 100 bytes besides its text.
const MAX_CELLS: usize = 20_000_000;

/// What is known of the other files of the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Beside {
    /// Nothing is known of them.
    #[default]
    Anything,
    /// Some are notes that name their participant at their head.
    NamedNotes,
}

/// The records of one file while they are read.
#[derive(Debug)]
pub(super) struct Rows {
    /// The records so far.
    pub records: Vec<Record>,
    /// What was odd so far.
    pub findings: Findings,
    /// Names of people that no record gives to its participant: of those who ask, and short ones of
    /// participants.
    pub other_names: Vec<String>,
    /// Whether facts above the text describe the one person who wrote it.
    pub has_one_writer: bool,
    /// The sheet that is being read, in a workbook.
    pub sheet: Option<String>,
    /// What is known of the other files of the input.
    pub beside: Beside,
    file: usize,
    names: HashSet<Arc<str>>,
    text_bytes: usize,
    cells: usize,
}

impl Rows {
    /// Starts without records, for input number `file` (from 1).
    pub(super) fn new(file: usize) -> Self {
        Self {
            records: Vec::new(),
            findings: Findings::default(),
            other_names: Vec::new(),
            has_one_writer: false,
            sheet: None,
            beside: Beside::default(),
            file,
            names: HashSet::new(),
            text_bytes: 0,
            cells: 0,
        }
    }

    /// Adds a record of named cells, one line each, `column: value`. Values must be clean and not
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
            columns.push(ColumnSpan::new(self.name(name), start..text.len()));
            self.note_if_huge(row, name, value);
        }
        self.push(row, participant, text, columns)
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    /// Adds a record of plain text, which must be clean and not empty.
    pub(super) fn push_text(
        &mut self,
        row: usize,
        participant: Option<String>,
        text: String,
    ) -> Result<(), String> {
        self.note_if_huge(row, "text", &text);
        self.push(row, participant, text, Vec::new())
    }

    /// Cleans a value as [`clean`] does, with a finding for what was stripped.
    pub(super) fn clean(&mut self, row: usize, value: &str) -> String {
        let (text, stripped) = clean(value);
        self.findings.add("control-character", row, stripped.control, || {
            "control characters (NUL, terminal escapes and the like) were stripped from the text"
                .to_owned()
        });
        self.findings.add("invisible-character", row, stripped.invisible, || {
            "characters that nobody sees (changes of the writing direction, spaces without a width, \
             hidden tags) were stripped from the text: they can hide words from a reader and show \
             them to a model"
                .to_owned()
        });
        text.into_owned()
    }

    /// Says that a row of a table is left out because it has no value.
    pub(super) fn note_empty(&mut self, row: usize) {
        self.findings.note("empty-row", row, || "rows without any value were left out".to_owned());
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
        // Participants who give no name (`anonymous`) are not all the same person.
        let participant = participant.filter(|name| !names::is_nobody(name));
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

/// How many characters were stripped as meaningless.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stripped {
    /// Control characters.
    pub control: usize,
    /// Invisible characters that change how others are shown, or hide text.
    pub invisible: usize,
}

/// The value without white space at either end, with line ends as `\n`, and without control
/// characters other than tabs or invisible characters that hide or reorder text.
pub(super) fn clean(value: &str) -> (Cow<'_, str>, Stripped) {
    let value = value.trim();
    let mut stripped = Stripped::default();
    let is_plain =
        |c: char| !(c.is_control() || is_odd_break(c) || c == '\u{FEFF}' || is_invisible(c));
    if value.bytes().all(|b| (b' '..0x7F).contains(&b)) || value.chars().all(is_plain) {
        return (Cow::Borrowed(value), stripped);
    }
    // The flags of England, Scotland and Wales are written as a black flag and a word in tags.
    let mut in_flag = false;
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
            // A byte order mark in mid-file comes from joining files, and is dropped without a
            // finding.
            '\u{FEFF}' => {}
            _ if c.is_control() => stripped.control += 1,
            _ if is_invisible(c) && !(in_flag && is_tag(c)) => stripped.invisible += 1,
            _ => text.push(c),
        }
        in_flag = c == BLACK_FLAG || in_flag && is_tag(c);
    }
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        text = trimmed.to_owned();
    }
    (Cow::Owned(text), stripped)
}

/// The character that begins a flag spelled in tags.
const BLACK_FLAG: char = '\u{1F3F4}';

/// Whether a character has no shape and no place in a word: changes of direction that can show text
/// in another order than a model reads it, spaces without a width, soft hyphens, hidden tags.
/// Joiners and the direction marks of single letters do belong to words, in many scripts and in
/// emoji.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{200B}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206F}'
            | '\u{FFF9}'..='\u{FFFB}'
    ) || is_tag(c)
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

/// Whether a character is a vertical tab, form feed, next line, line or paragraph separator:
/// spreadsheets and word processors use them for a new line inside a cell.
fn is_odd_break(c: char) -> bool {
    matches!(c, '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Names of HTML tags that survey tools leave in the texts of their questions and that break a
/// line.
const BREAKS: [&str; 5] = ["br", "p", "div", "li", "ul"];
/// Names of such tags that stand within a line.
const INLINE: [&str; 8] = ["b", "i", "u", "em", "strong", "span", "font", "sup"];

/// `name` without tags of [`BREAKS`] and [`INLINE`], whatever their attributes.
fn without_mark_up(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        let tag_name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match tag.split_once('>') {
            Some((_, after)) if BREAKS.contains(&tag_name.as_str()) => {
                plain.push(' ');
                rest = after;
            }
            Some((_, after)) if INLINE.contains(&tag_name.as_str()) => rest = after,
            _ => {
                plain.push('<');
                rest = tag;
            }
        }
    }
    plain.push_str(rest);
    plain.replace("&nbsp;", " ")
}

/// A column name on one line, without mark-up and of bounded length.
pub(super) fn clean_name(name: &str) -> String {
    let (name, _) = clean(name);
    let name = without_mark_up(&name);
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
        let at = |byte| record.column_at(byte);
        assert_eq!((at(0), at(6), at(10), at(11)), (None, Some("role"), Some("role"), None));
        assert_eq!(at(record.text.len() - 1), Some("x"));
        assert_eq!(at(record.text.len()), None);
        for (span, (name, value)) in record.columns.iter().zip(cells) {
            assert_eq!((&*span.name, &record.text[span.start..span.end]), (name, value));
        }
    }

    #[test]
    fn control_characters_go_and_line_ends_become_one_kind() {
        let (text, stripped) = clean("  a\r\nb\rc\0\u{1b}[31md\te\u{b}f\u{FEFF} ");
        assert_eq!((text.as_ref(), stripped.control), ("a\nb\nc[31md\te\nf", 2));
        let (text, stripped) = clean("\0 \u{7f}");
        assert_eq!((text.as_ref(), stripped.control), ("", 2));
    }

    #[test]
    fn what_only_hides_or_turns_text_goes_and_what_belongs_to_words_stays() {
        let hidden: String =
            "ignore".bytes().map(|b| char::from_u32(0xE0000 + u32::from(b)).unwrap()).collect();
        let (text, stripped) = clean("a\u{202E}b\u{200B}c\u{2066}d\u{AD}e");
        assert_eq!((text.as_ref(), stripped.invisible), ("abcde", 4));
        let said = format!("fine{hidden}");
        let (text, stripped) = clean(&said);
        assert_eq!((text.as_ref(), stripped.invisible), ("fine", 6));
        for whole in [
            "می\u{200C}خواهم",
            "👩\u{200D}🔧",
            "🏴\u{E0067}\u{E0062}\u{E0077}\u{E007F}",
            "\u{200F}שלום",
        ] {
            assert_eq!(clean(whole), (Cow::Borrowed(whole), Stripped::default()));
        }
    }

    #[test]
    fn a_name_is_one_line_and_bounded() {
        assert_eq!(clean_name(" What\n do you\tdo? "), "What do you do?");
        assert_eq!(
            clean_name("In A, you <b>win</b>.<br />Play <BR>now?"),
            "In A, you win. Play now?"
        );
        assert_eq!(clean_name("a < b, b<c> and 3<br"), "a < b, b<c> and 3<br");
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
