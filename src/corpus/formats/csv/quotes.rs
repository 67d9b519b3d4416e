//! Quotation marks at the beginning of a cell that do not enclose it: `"Easy" is not the word`, and
//! marks that were never closed, so that a later one would close them and swallow the rows between.
//!
//! Owns telling them from marks that do enclose a cell, and rewrites such cells so that the reader
//! of CSV (RFC 4180) keeps their marks. What the cells mean is up to others.

use std::borrow::Cow;

use crate::corpus::lines::LineStarts;

/// Most bytes that are searched for closing marks, as a multiple of the size of the file.
const MOST_PASSES: usize = 4;

/// A text in which such cells are enclosed in marks of their own.
pub(super) struct Enclosed<'t> {
    pub text: Cow<'t, str>,
    /// Lines, from 1, with a mark that was never closed.
    pub unclosed: Vec<usize>,
}

pub(super) fn enclosed(text: &str, delimiter: u8) -> Enclosed<'_> {
    enclosed_and_searched(text, delimiter).0
}

/// As [`enclosed`], and how many bytes were searched for closing marks.
fn enclosed_and_searched(text: &str, delimiter: u8) -> (Enclosed<'_>, usize) {
    let bytes = text.as_bytes();
    let mut unclosed: Vec<usize> = Vec::new();
    let ends = |at: usize| bytes.get(at).is_none_or(|byte| is_end(*byte, delimiter));
    let cell_end = |from: usize| {
        bytes[from..].iter().position(|b| is_end(*b, delimiter)).map_or(bytes.len(), |n| from + n)
    };
    let mut out = String::new();
    let mut written = 0;
    let mut searched = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at = cell_end(at) + 1;
            continue;
        }
        let Some(close) = closing(bytes, at) else { break };
        searched += close - at;
        if searched > bytes.len().saturating_mul(MOST_PASSES) {
            break;
        }
        let after = bytes[close + 1..]
            .iter()
            .position(|b| *b != b' ')
            .map_or(bytes.len(), |n| close + 1 + n);
        let swallowed = Swallowed::between(text, at, close, delimiter);
        let is_closed = ends(close + 1) || ends(after);
        let holds_rows = swallowed.is_some_and(|rows| {
            searched += rows.last.len();
            rows.are_numbered() || !is_closed && rows.are_clear()
        });
        // In prose there are commas, and hardly other delimiters.
        let inside = &bytes[at..close];
        let holds_rows = holds_rows
            || !is_closed
                && delimiter != b','
                && inside.contains(&b'\n')
                && inside.contains(&delimiter);
        if is_closed && !holds_rows {
            at = cell_end(close + 1) + 1;
            continue;
        }
        // Where whole rows stand between the marks, the first of them was never closed.
        if holds_rows {
            unclosed.push(at);
        }
        let end = cell_end(if holds_rows { at } else { close });
        out.push_str(&text[written..at]);
        out.push('"');
        out.push_str(&text[at..end].replace('"', "\"\""));
        out.push('"');
        written = end;
        at = end + 1;
    }
    let lines = LineStarts::of(text);
    let unclosed = unclosed.into_iter().map(|at| lines.line_of(at)).collect();
    if written == 0 {
        return (Enclosed { text: Cow::Borrowed(text), unclosed }, searched);
    }
    out.push_str(&text[written..]);
    (Enclosed { text: Cow::Owned(out), unclosed }, searched)
}

/// Lines between two marks that may be rows of their own: read so, each has as many cells as the one
/// in which the first mark stands.
struct Swallowed<'t> {
    /// The first cell of the row with the first mark.
    first: &'t str,
    /// The lines below it, up to the one with the second mark.
    below: Vec<&'t str>,
    /// That line.
    last: &'t str,
    /// Cells of each row.
    width: usize,
    /// Whether the second mark stands at the beginning of a cell.
    opens_cell: bool,
}

impl<'t> Swallowed<'t> {
    fn between(text: &'t str, open: usize, close: usize, delimiter: u8) -> Option<Self> {
        let inside = &text[open..close];
        let first_end = open + inside.find('\n')?;
        let last_start = open + inside.rfind('\n')? + 1;
        let row_start = text[..open].rfind('\n').map_or(0, |end| end + 1);
        let last_end = text[close..].find('\n').map_or(text.len(), |end| close + end);
        let last = &text[last_start..last_end];
        let parts = |line: &str| line.bytes().filter(|byte| *byte == delimiter).count();
        let cells_before = || cells_of(&text[row_start..open], delimiter).max(1);
        let below: Vec<&str> = text[first_end..last_start].lines().skip(1).collect();
        // What is cheap to find out comes first: there may be a million marks.
        let width = parts(&text[last_start..last_end]) + 1;
        let may_be_rows = width > 1 && parts(&text[open..first_end]) < width;
        let width = may_be_rows.then(|| parts(&text[open..first_end]) + cells_before())?;
        let are_rows = width > 1
            && below.iter().all(|line| parts(line) + 1 == width)
            && cells_of(last, delimiter) == width;
        let first = text[row_start..].split(char::from(delimiter)).next().unwrap_or_default();
        let before = text.as_bytes()[close - 1];
        let opens_cell = is_end(before, delimiter);
        are_rows.then_some(Self { first, below, last, width, opens_cell })
    }

    /// Whether the lines are rows beyond doubt although the second mark closes a cell as it should:
    /// they begin with other numbers of the same kind, such as `P9` and `P10`, or count on.
    fn are_numbered(&self) -> bool {
        let lines = || self.below.iter().copied().chain([self.last]);
        let own = kind(self.first);
        let has_letter = own.contains(char::is_alphabetic);
        let number = |line: &str| {
            let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
            line[..end].parse::<u64>().ok()
        };
        let numbers = || std::iter::once(self.first).chain(lines()).map(number);
        let counts_on = || {
            let next = |before: Option<u64>| before.and_then(|number| number.checked_add(1));
            numbers().zip(numbers().skip(1)).all(|(before, after)| next(before) == after)
        };
        own.contains('0') && lines().all(|line| kind(line) == own) && (has_letter || counts_on())
    }

    /// Whether the lines are rows where the second mark closes nothing.
    fn are_clear(&self) -> bool {
        self.opens_cell || self.width > 2 && !self.below.is_empty()
    }
}

/// What a line begins with, with a zero for each number: `P0` of `P10,I wait`.
fn kind(line: &str) -> String {
    let mut kind = String::new();
    for c in line.chars().take_while(|c| c.is_alphanumeric() || "#_-".contains(*c)) {
        if !c.is_numeric() {
            kind.push(c);
        } else if !kind.ends_with('0') {
            kind.push('0');
        }
    }
    kind
}

/// Number of cells of the first row of a text.
fn cells_of(text: &str, delimiter: u8) -> usize {
    let mut reader = super::reader(text, delimiter);
    let first = reader.records().next();
    first.and_then(Result::ok).map_or(0, |record| record.len())
}

fn is_end(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || byte == b'\n' || byte == b'\r'
}

/// The position of the mark that closes the one at `open`; two marks in a row are one in the text.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == b'"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_at_the_beginning_of_a_cell_keeps_its_marks() {
        for (text, expected) in [
            ("a\t\"Easy\" is not it\t2\n", "a\t\"\"\"Easy\"\" is not it\"\t2\n"),
            ("\"a, b\" is it,2", "\"\"\"a, b\"\" is it\",2"),
            (
                "1\t\"I was told\t3\n2\t\"Easy\" is\t4",
                "1\t\"\"\"I was told\"\t3\n2\t\"\"\"Easy\"\" is\"\t4",
            ),
        ] {
            let delimiter = if text.contains('\t') { b'\t' } else { b',' };
            assert_eq!(enclosed(text, delimiter).text, expected);
        }
    }

    #[test]
    fn cells_in_marks_and_marks_inside_of_cells_stay_as_they_are() {
        for text in [
            "a,\"x, \"\"y\"\"\nz\",b\n",
            "a,\"x\" ,b",
            "a 27\" screen,\"\",\"\"\"\"",
            "a,\"open",
            "\"x\"",
            "",
        ] {
            assert_eq!(enclosed(text, b',').text, text);
        }
    }

    #[test]
    fn many_marks_cost_linear_time() {
        for piece in ["\"a\t\n", "\"\"\"a\t\n", "\"a\"b\t\n\"\"", "\"\n\t\"\"a"] {
            let text = piece.repeat(200_000);
            let (_, searched) = enclosed_and_searched(&text, b'\t');
            assert!(searched <= 2 * text.len(), "{piece:?}: {searched} of {}", text.len());
        }
    }
}
