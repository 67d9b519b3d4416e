//! A text as patterns should see it.
//!
//! Owns the undoing of disguises: full-width and foreign digits, look-alike letters, odd spaces and
//! dashes, zero-width characters. Every byte of the folded text leads back to the original, since
//! callers need spans of that.

use std::borrow::Cow;

/// Letters of other scripts that look like Latin ones in most fonts, each with that Latin letter
/// (after the confusables of UTS 39).
const LOOK_ALIKES: &[(&str, &str)] = &[
    ("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS"),
    ("аеорсухіјѕԁһԛԝ", "aeopcyxijsdhqw"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    ("οαν", "oav"),
];

/// A folded text, with the way back to the original.
pub(super) struct Folded<'a> {
    /// The text without disguises.
    pub(super) text: Cow<'a, str>,
    original: &'a str,
    /// For each folded byte, the offset of its character in the original; empty where nothing
    /// changed.
    starts: Vec<u32>,
}

impl<'a> Folded<'a> {
    /// Folds a text of less than 4 GiB. A text with nothing to fold is borrowed, not copied.
    pub(super) fn of(original: &'a str) -> Self {
        if original.chars().all(|c| fold(c) == Some(c)) {
            return Self { text: Cow::Borrowed(original), original, starts: Vec::new() };
        }
        let mut text = String::with_capacity(original.len());
        let mut starts = Vec::with_capacity(original.len());
        for (at, c) in original.char_indices() {
            if let Some(c) = fold(c) {
                text.push(c);
                starts.resize(text.len(), at as u32);
            }
        }
        Self { text: Cow::Owned(text), original, starts }
    }

    /// The original range of a folded range, which must not be empty and must end at a character.
    pub(super) fn range(&self, start: usize, end: usize) -> (usize, usize) {
        if self.starts.is_empty() {
            return (start, end);
        }
        let last = self.starts[end - 1] as usize;
        let width = self.original[last..].chars().next().map_or(0, char::len_utf8);
        (self.starts[start] as usize, last + width)
    }
}

/// The character that a pattern should see in place of this one; `None` for invisible ones.
fn fold(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    Some(match c {
        // Soft hyphen, joiners, direction marks, word joiner, byte order mark, variation selectors.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => return None,
        '\u{ff01}'..='\u{ff5e}' => char::from((c as u32 - 0xff00 + 0x20) as u8),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2024}' | '\u{fe52}' | '\u{3002}' | '\u{ff61}' => '.',
        '\u{fe6b}' => '@',
        '\u{2044}' | '\u{2215}' => '/',
        _ => digit(c).or_else(|| look_alike(c)).unwrap_or(c),
    })
}

/// The ASCII digit for a digit of another script; their blocks hold the ten digits in order.
fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 13] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xe50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
        0x1d7f6,
    ];
    let value = ZEROS.iter().find_map(|zero| (c as u32).checked_sub(*zero).filter(|v| *v < 10))?;
    char::from_digit(value, 10)
}

fn look_alike(c: char) -> Option<char> {
    // Only Cyrillic and Greek have look-alikes; other characters need no search.
    if !('\u{370}'..='\u{52f}').contains(&c) {
        return None;
    }
    LOOK_ALIKES.iter().find_map(|(foreign, latin)| {
        foreign.chars().zip(latin.chars()).find_map(|(f, l)| (f == c).then_some(l))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_pair_letter_for_letter() {
        for (foreign, latin) in LOOK_ALIKES {
            assert_eq!(foreign.chars().count(), latin.chars().count(), "{foreign}");
            assert!(latin.is_ascii() && foreign.chars().all(|c| !c.is_ascii()));
        }
    }

    #[test]
    fn disguises_are_undone_and_lead_back() {
        let text = "to ana\u{200b}＠ехаmple．com, ０７７ ٣٤ \u{2013}5\u{a0}6.";
        let folded = Folded::of(text);
        assert_eq!(folded.text, "to ana@example.com, 077 34 -5 6.");
        let at = folded.text.find("ana@example.com").unwrap();
        let (start, end) = folded.range(at, at + "ana@example.com".len());
        assert_eq!(&text[start..end], "ana\u{200b}＠ехаmple．com");
        let at = folded.text.find("ana").unwrap();
        let (start, end) = folded.range(at, at + 3);
        assert_eq!(&text[start..end], "ana", "what has no width is not part of its neighbour");
    }

    #[test]
    fn other_scripts_stay_as_they_are() {
        for text in ["Zoë Łukasz", "田中さん", "Straße", "עברית"] {
            assert_eq!(Folded::of(text).text, text);
        }
    }

    proptest! {
        #[test]
        fn every_range_leads_to_a_range(text in ".{0,40}", from in 0usize..60, length in 1usize..20) {
            let folded = Folded::of(&text);
            let bounds: Vec<usize> =
                folded.text.char_indices().map(|(i, _)| i).chain([folded.text.len()]).collect();
            if let (Some(start), Some(end)) = (bounds.get(from), bounds.get(from + length)) {
                let (start, end) = folded.range(*start, *end);
                prop_assert!(text.get(start..end).is_some_and(|piece| !piece.is_empty()));
            }
        }
    }
}
