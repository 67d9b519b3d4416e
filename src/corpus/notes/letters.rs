//! Letters on paper, typed up: addresses, a salutation, the words, a closing and a name.
//!
//! Owns which of a letter's lines are words of whoever signed it. Messages with headers are mail's.

use std::collections::HashSet;
use std::ops::Range;

use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::courtesies::{closes_letter, opens_letter};
use crate::corpus::rows::Rows;
use crate::corpus::talk::moderator;
use crate::corpus::talk::speakers::label_of;

/// Most filled lines above the salutation: addresses and dates.
const MOST_ABOVE: usize = 16;

/// Most characters of a line with an address, and of a signature.
const LONGEST_LINE: usize = 60;

/// A letter: its first line, its words and its signature, as indices of lines.
struct Letter {
    start: usize,
    words: Range<usize>,
    signature: Option<usize>,
}

/// The letters in a text, if it holds nothing else: each begins with addresses or the salutation, and
/// is closed and perhaps signed.
fn letters(lines: &[&str]) -> Option<Vec<Letter>> {
    let is_filled = |at: &usize| !lines[*at].trim().is_empty();
    let mut letters: Vec<Letter> = Vec::new();
    let mut from = 0;
    while let Some(opening) = (from..lines.len()).find(|at| opens_letter(lines[*at])) {
        let closing = (opening + 1..lines.len()).find(|at| closes_letter(lines[*at]))?;
        let above: Vec<usize> = (from..opening).filter(is_filled).collect();
        let is_address = |at: &usize| lines[*at].trim().chars().count() <= LONGEST_LINE;
        if !above.iter().all(is_address) || above.len() > MOST_ABOVE {
            return None;
        }
        let signature = (closing + 1..lines.len()).find(is_filled);
        let signature = signature.filter(|at| is_address(at) && *at <= closing + 3);
        letters.push(Letter { start: from, words: opening + 1..closing, signature });
        from = signature.unwrap_or(closing) + 1;
    }
    // Below the last one may stand what is enclosed, and what a program adds.
    let below = (from..lines.len()).filter(is_filled).count();
    (!letters.is_empty() && below <= MOST_ABOVE).then_some(letters)
}

/// Whether a line only says what a letter is about: `Re: booking 12`.
fn is_subject(line: &str) -> bool {
    const WORDS: [&str; 12] = [
        "re",
        "ref",
        "subject",
        "betr",
        "betreff",
        "objet",
        "asunto",
        "assunto",
        "oggetto",
        "betreft",
        "concerne",
        "onderwerp",
    ];
    let label =
        line.split_once(':').map(|(label, _)| label.trim_matches(['*', ' ', '.']).to_lowercase());
    label.is_some_and(|label| WORDS.contains(&label.as_str()))
}

/// Whether a line has a place for a name to be put in: `Dear [NAME],`, `Dear {{name}},`.
fn is_of_template(line: &str) -> bool {
    let holds = |open: char, close: char| {
        let inner = line.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inner.is_some_and(|(inner, _)| inner.contains(char::is_alphabetic))
    };
    holds('[', ']') || holds('{', '}') || holds('<', '>')
}

/// Reads a text as letters, if it is nothing else. Each paragraph is a record.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    // In a conversation, labels come back.
    let mut labels = HashSet::new();
    if !lines.iter().filter_map(|line| label_of(line)).all(|(label, _)| labels.insert(label)) {
        return None;
    }
    let letters = letters(lines)?;
    let mut blocks = Vec::new();
    for letter in &letters {
        rows.findings.note("around-letters", letter.start + 1, || {
            "addresses, salutation and closing of a letter are left out".to_owned()
        });
        let signature = letter.signature.map(|at| rows.clean(at + 1, lines[at]));
        let opening = lines[letter.words.start - 1];
        let is_by_staff = signature.as_deref().is_some_and(moderator::is_helper);
        if is_of_template(opening) || is_by_staff {
            rows.findings.note("letters-not-participants", letter.start + 1, || {
                "letters by staff and templates are nobody's words; left out".to_owned()
            });
        } else {
            blocks.extend(paragraphs(letter, signature.as_deref(), lines));
        }
    }
    Some(blocks)
}

fn paragraphs(letter: &Letter, signature: Option<&str>, lines: &[&str]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for at in letter.words.clone() {
        let line = lines[at].trim();
        if line.is_empty() || blocks.is_empty() && is_subject(line) {
            is_open = false;
            continue;
        }
        match blocks.last_mut() {
            Some(Block { body: Body::Paragraph(lines), .. }) if is_open => {
                // One line, so that no wrapped one looks like a label.
                lines[0].push(' ');
                lines[0].push_str(line);
            }
            _ => blocks.push(Block {
                line: at + 1,
                section: None,
                participant: signature.map(|name| name.trim_end_matches(',').to_owned()),
                facts: Facts::default(),
                body: Body::Paragraph(vec![line.to_owned()]),
            }),
        }
        is_open = true;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    const LETTER: &str = "12 Firth Terrace\nOban\n\n3 February 2024\n\nThe Manager\nWestern Ferries\n\n\
        Dear Sir or Madam,\n\nRe: 14:10 sailing\n\nI booked the 14:10\nfor a funeral.\n\nWhat I want: an answer.\n\n\
        Yours faithfully,\n\nElspeth Arbuthnot (Mrs)\n\nEnc: copy of booking\n";

    #[test]
    fn a_letter_is_what_stands_between_salutation_and_closing() {
        let expected = [
            (Some("Elspeth Arbuthnot (Mrs)"), "I booked the 14:10 for a funeral."),
            (Some("Elspeth Arbuthnot (Mrs)"), "What I want: an answer."),
        ];
        let rows = load_text(LETTER);
        assert_eq!(said(&rows), expected);
        assert_eq!(rows.findings.kinds(), [("around-letters", Some(1), 1)]);
        let rows = load_text(
            "Sehr geehrte Damen und Herren,\n\ndas Boot kam spät.\n\nMit freundlichen Grüßen\nUwe Kant\n",
        );
        assert_eq!(said(&rows), [(Some("Uwe Kant"), "das Boot kam spät.")]);
    }

    #[test]
    fn templates_and_answers_of_staff_are_nobodys_words() {
        for letter in [
            LETTER.replace("Sir or Madam", "[NAME]"),
            LETTER.replace("Elspeth Arbuthnot (Mrs)", "Customer Relations Team"),
        ] {
            let rows = load_text(&letter);
            assert!(rows.records.is_empty(), "{letter}");
            let kinds = rows.findings.kinds();
            let left_out = ("letters-not-participants", Some(1), 1);
            assert_eq!(kinds, [("around-letters", Some(1), 1), left_out], "{letter}");
        }
    }

    #[test]
    fn a_text_that_only_mentions_a_letter_is_read_as_before() {
        let story = "I wrote to them again, since nobody came, and what I wrote was this, as far as I know.\n\n";
        let rows = load_text(&format!("{story}{LETTER}"));
        assert!(said(&rows)[0].1.starts_with("I wrote to them"));
    }
}
