//! Telephone numbers, which are written in more ways than they have digits.
//!
//! Owns the reading of one run of digits and punctuation. An international number is checked
//! against libphonenumber's tables; a national one is accepted because of the words before it, or
//! because of a spacing that dates, amounts and years do not have.

use phonenumber::country;

use super::super::entity::{Entity, Span};
use super::{Candidate, LIKELY, POSSIBLE};

/// Beginnings of words after which a number is a telephone number.
const CUES: [&str; 28] = [
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "fax",
    "call",
    "ring",
    "dial",
    "reach",
    "text",
    "sms",
    "whatsapp",
    "signal",
    "contact",
    "hotline",
    "answer",
    "landline",
    "handy",
    "telefon",
    "numéro",
    "teléfono",
    "móvil",
    "rufnummer",
    "tlf",
    "extension",
    "voicemail",
    "number",
];

pub(super) fn phone(candidate: &Candidate<'_>) -> Option<Span> {
    let candidate = without_sentence(candidate);
    let text = candidate.as_str();
    let digits = candidate.digits().len();
    let after = &candidate.text[candidate.range.end..];
    let part_of_more = candidate.text[..candidate.range.start]
        .ends_with(|c: char| c.is_alphanumeric() || "#$€£:_.".contains(c))
        || after.starts_with(|c: char| c.is_alphanumeric() || "%€$:_".contains(c));
    if !(6..=15).contains(&digits) || part_of_more || is_other(text) {
        return None;
    }
    let span = |score| Some(candidate.span(Entity::PhoneNumber, score));
    if text.starts_with('+') {
        let valid = phonenumber::parse(None, text).is_ok_and(|number| number.is_valid());
        return if valid { span(1.0) } else { span(LIKELY) };
    }
    if candidate.follows(&CUES) {
        return span(LIKELY);
    }
    let groups: Vec<usize> =
        text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|n| *n > 0).collect();
    let spaced_as_one = match groups.as_slice() {
        [3, 3, 4] | [1, 3, 3, 4] => true,
        [3, 4] => text.contains('-'),
        [first, ..] if text.starts_with('(') => (2..=5).contains(first) && digits >= 8,
        [_, _, ..] if text.starts_with('0') => digits >= 9,
        _ => false,
    };
    if spaced_as_one || is_valid_national(text, digits) { span(POSSIBLE) } else { None }
}

/// The candidate without what belongs to the sentence: punctuation at its end, a bracket that does
/// not close, a second number.
fn without_sentence<'t>(candidate: &Candidate<'t>) -> Candidate<'t> {
    let mut candidate = candidate.trimmed(&[]);
    let text = candidate.as_str();
    if text.starts_with('(') && !text.contains(')') {
        candidate.range.start += 1;
    }
    let text = candidate.as_str();
    // Two marks between digits separate two things: "555 0100. 12".
    let parted = [". ", "  ", " (", ") (", "/ "].iter().filter_map(|mark| {
        let at = text.find(mark)?;
        text[..at].bytes().filter(u8::is_ascii_digit).count().ge(&6).then_some(at)
    });
    if let Some(at) = parted.min() {
        candidate.range.end = candidate.range.start + at;
    }
    candidate.trimmed(&['.', ' ', '(', ')', '-', '/'])
}

/// Whether a text is a date, a range of years, a decimal number, or thousands.
fn is_other(text: &str) -> bool {
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let mark = |c: char| text.chars().filter(|other| *other == c).count();
    let small =
        |group: &str, most: u32| group.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n));
    let year =
        |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_date = match groups.as_slice() {
        [a, b, c, ..] if mark('(') == 0 && groups.len() <= 4 => {
            let same_mark = mark('-') >= 2 || mark('/') >= 2 || mark('.') >= 2;
            let (day_first, year_first) = (small(a, 31) && small(b, 31), year(a));
            same_mark
                && (year_first && small(b, 12) && small(c, 31)
                    || day_first
                        && (year(c) || c.len() == 2 && groups.len() == 3 && mark('-') != 2))
        }
        _ => false,
    };
    let years = groups.len() >= 2 && groups.iter().all(|group| year(group));
    let decimal = groups.len() == 2 && mark('.') == 1 && mark(' ') == 0;
    let thousands = groups.len() >= 2
        && groups[0].len() <= 3
        && groups[1..].iter().all(|group| group.len() == 3)
        && !text.starts_with(['0', '(', '+'])
        && (mark(' ') == groups.len() - 1 || mark('.') == groups.len() - 1);
    is_date || years || decimal || thousands
}

/// Whether a number without a country code is valid in a country where people write it so.
fn is_valid_national(text: &str, digits: usize) -> bool {
    const COUNTRIES: [country::Id; 6] =
        [country::US, country::GB, country::DE, country::FR, country::ES, country::IT];
    // Plain digits are more often ids or amounts than telephone numbers.
    let marked = text.bytes().any(|b| !b.is_ascii_digit());
    marked
        && digits >= 9
        && COUNTRIES.into_iter().any(|country| {
            phonenumber::parse(Some(country), text).is_ok_and(|number| number.is_valid())
        })
}
