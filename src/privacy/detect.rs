//! Finding personal data in one text.
//!
//! Owns the order of the layers (column, patterns, names) and the windows that keep a text of any
//! length in bounded memory. It is given one text at a time; what one record teaches about another
//! is left to [`super::learned`].

use super::entity::{Entity, Span, resolve};
use super::fold::Folded;
use super::{columns, names, patterns};

/// Bytes that are searched together, and by which windows overlap; no personal value is as long as
/// the overlap.
const WINDOW: usize = 1 << 16;
const OVERLAP: usize = 512;
/// Lowest score of a span; those below are noise.
const LEAST: f32 = 0.5;

/// Personal data in `text`, as byte ranges at character bounds, sorted and without overlap.
pub fn detect(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (start, window) in windows(text) {
        let found = in_window(window);
        spans.extend(found.into_iter().map(|s| Span {
            start: s.start + start,
            end: s.end + start,
            ..s
        }));
    }
    resolve(spans)
}

/// How the text of a cell is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As something that somebody wrote or said.
    Prose,
    /// As one of a few answers to choose from. "Male" is then not a place and "18-29" not a house;
    /// only a name that fills the cell counts.
    Choice,
}

/// Personal data in a cell under a column of this name.
pub(super) fn detect_in(column: Option<&str>, text: &str, reading: Reading) -> Vec<Span> {
    let mut spans = detect(text);
    let is_choice = reading == Reading::Choice || !text.contains(char::is_alphabetic);
    if is_choice || is_code(text) {
        let fills = |span: &Span| {
            text[..span.start].trim().is_empty() && text[span.end..].trim().is_empty()
        };
        spans.retain(|span| match span.entity {
            Entity::Location | Entity::Organization | Entity::Address => false,
            // The name inside of a code may be that of an account: `anna.schmidt85`.
            Entity::Person if is_choice => fills(span) && !columns::is_label(text),
            _ => true,
        });
    }
    spans.extend(column.and_then(|column| columns::span_of(column, text)));
    resolve(spans)
}

/// Whether a cell holds one word with a digit, as the number of a ticket does: `T-10400`.
fn is_code(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit()) && !text.trim().contains(char::is_whitespace)
}

fn in_window(window: &str) -> Vec<Span> {
    let folded = Folded::of(window);
    let mut spans = Vec::new();
    patterns::find(&folded.text, &mut spans);
    for span in &mut spans {
        (span.start, span.end) = folded.range(span.start, span.end);
    }
    let known = resolve(spans);
    // Names are searched in the text as written: folding look-alikes would put Latin letters into a
    // Cyrillic name.
    let mut all = names::find(window, &known);
    all.extend(known);
    all.retain(|span| span.score >= LEAST);
    all
}

/// The text in overlapping pieces, each with its first byte, cut at white space where there is
/// some.
fn windows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        if text.len() - start <= WINDOW {
            next = None;
            return Some((start, &text[start..]));
        }
        let end = cut_point(text, start + WINDOW);
        // Far enough back that a value cut by the end of this window is whole in the next.
        next = Some(cut_point(text, end - OVERLAP));
        Some((start, &text[start..end]))
    })
}

/// A character bound at or shortly before `at`, after white space if some is near.
fn cut_point(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let from = text.floor_char_boundary(at - OVERLAP / 2);
    text[from..at].rfind(char::is_whitespace).map_or(at, |space| {
        let space = from + space;
        space + text[space..].chars().next().map_or(0, char::len_utf8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_ticket_is_no_address() {
        for code in ["T-10400", "rv-2001", "INC0012345", "A7"] {
            assert_eq!(detect_in(Some("ticket_id"), code, Reading::Prose), [], "{code}");
        }
        let mail = detect_in(Some("ticket_id"), "ana7@example.org", Reading::Prose);
        assert_eq!(mail.len(), 1, "an address of mail is one");
    }

    #[test]
    fn windows_cover_everything_and_overlap() {
        for text in ["x".repeat(200_000), "ä bc ".repeat(50_000), "short".to_owned()] {
            let windows: Vec<_> = windows(&text).collect();
            assert_eq!(windows[0].0, 0);
            for pair in windows.windows(2) {
                let end = pair[0].0 + pair[0].1.len();
                assert!(pair[1].0 < end && end - pair[1].0 >= OVERLAP, "{} {end}", pair[1].0);
            }
            let (start, last) = windows.last().unwrap();
            assert_eq!(start + last.len(), text.len());
        }
    }

    #[test]
    fn an_address_across_a_cut_is_found_once() {
        let filler = "no cuts here ".repeat(WINDOW / 13);
        for shift in 0..40 {
            let text =
                format!("{}{} ana@example.org {filler}", &filler[..WINDOW - 30], "x".repeat(shift));
            let found: Vec<_> =
                detect(&text).into_iter().filter(|s| s.entity == Entity::EmailAddress).collect();
            assert_eq!(found.len(), 1, "{shift}");
            assert_eq!(&text[found[0].start..found[0].end], "ana@example.org");
        }
    }

    #[test]
    fn spans_stand_in_the_original() {
        let text = "écris à ana\u{200b}＠example。org vite";
        let found = detect(text);
        assert_eq!(&text[found[0].start..found[0].end], "ana\u{200b}＠example。org");
    }
}
