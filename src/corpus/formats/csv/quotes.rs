//! Quotation marks at the beginning of a cell that do not enclose it: `"Easy" is not the word`.
//!
//! Owns telling them from marks that do enclose a cell, and rewrites such cells so that the reader
//! of CSV (RFC 4180) keeps their marks. Knows nothing of rows.

use std::borrow::Cow;

/// Most bytes that are searched for closing marks, as a multiple of the size of the file.
const MOST_PASSES: usize = 4;

/// The text with such cells enclosed in marks of their own.
pub(super) fn enclosed(text: &str, delimiter: u8) -> Cow<'_, str> {
    enclosed_and_searched(text, delimiter).0
}

/// As [`enclosed`], and how many bytes were searched for closing marks.
fn enclosed_and_searched(text: &str, delimiter: u8) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
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
        if ends(close + 1) || ends(after) {
            at = cell_end(close + 1) + 1;
            continue;
        }
        // Where whole rows stand between the marks, the first of them was never closed.
        let inside = &bytes[at..close];
        let holds_rows =
            delimiter != b',' && inside.contains(&b'\n') && inside.contains(&delimiter);
        let end = cell_end(if holds_rows { at } else { close });
        out.push_str(&text[written..at]);
        out.push('"');
        out.push_str(&text[at..end].replace('"', "\"\""));
        out.push('"');
        written = end;
        at = end + 1;
    }
    if written == 0 {
        return (Cow::Borrowed(text), searched);
    }
    out.push_str(&text[written..]);
    (Cow::Owned(out), searched)
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
            assert_eq!(enclosed(text, delimiter), expected);
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
            assert_eq!(enclosed(text, b','), text);
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
