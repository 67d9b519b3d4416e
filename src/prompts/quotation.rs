//! What a text puts in quotation marks, and so presents as somebody's own words.
//!
//! Owns the quotation marks of the languages, and the comparison with what was said. A model may
//! write a summary in words of its own, but what it presents as said must have been said.

use std::ops::Range;

use super::passages::words;

/// Opening marks and the marks that close them. A straight mark closes itself. An apostrophe is
/// told from a closing single mark by the letter that follows it.
const MARKS: [(char, &[char]); 9] = [
    ('"', &['"']),
    ('“', &['”', '“']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('»', &['«']),
    ('‘', &['’']),
    ('‚', &['‘', '’']),
    ('「', &['」']),
    ('『', &['』']),
];

/// Most words in quotation marks that are taken for a term (the “happy path”) and not for a quote.
const TERM: usize = 2;

/// The texts in which quoted words must stand to count as said.
pub(super) struct Said(Vec<String>);

impl Said {
    /// Collects the texts.
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self(texts.into_iter().map(plain).collect())
    }

    /// The first span in quotation marks whose words are in none of the texts, without regard to
    /// case and punctuation.
    pub(super) fn invented<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut spans = spans(text).into_iter();
        spans.find(|span| self.is_invented(&text[inside(text, span)])).map(|span| &text[span])
    }

    /// The text without the marks around words that are in none of the texts: what is not a quote
    /// should not look like one.
    pub(super) fn unmarked(&self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut copied = 0;
        for span in spans(text) {
            let inside = inside(text, &span);
            if self.is_invented(&text[inside.clone()]) {
                plain.push_str(&text[copied..span.start]);
                plain.push_str(&text[inside]);
                copied = span.end;
            }
        }
        plain.push_str(&text[copied..]);
        plain
    }

    fn is_invented(&self, quoted: &str) -> bool {
        let quoted = plain(quoted);
        quoted.split(' ').count() > TERM && !self.0.iter().any(|text| text.contains(&quoted))
    }
}

fn plain(text: &str) -> String {
    words(text).collect::<Vec<_>>().join(" ")
}

/// The spans in quotation marks, marks included; none is inside another. A span whose mark is never
/// closed reaches to the end of the text.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut before = None;
    while let Some((start, open)) = chars.next() {
        let closing = MARKS.iter().find(|(mark, _)| *mark == open).map(|(_, closing)| *closing);
        // After a digit, a straight mark means inches; after a letter, a single mark is an
        // apostrophe.
        let opens = !matches!(open, '"' | '‘') || before.is_none_or(|c: char| !c.is_alphanumeric());
        before = Some(open);
        let Some(closing) = closing.filter(|_| opens) else { continue };
        let mut end = text.len();
        while let Some((at, c)) = chars.next() {
            before = Some(c);
            let goes_on = chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
            if closing.contains(&c) && !(c == '’' && goes_on) {
                end = at + c.len_utf8();
                break;
            }
        }
        spans.push(start..end);
    }
    spans
}

/// A span without its marks.
fn inside(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut chars = text[span.clone()].chars();
    let open = chars.next().map_or(0, char::len_utf8);
    let is_mark = |c: &char| MARKS.iter().any(|(_, closing)| closing.contains(c));
    let close = chars.next_back().filter(is_mark).map_or(0, char::len_utf8);
    span.start + open..span.end - close
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said() -> Said {
        Said::of(["I wait for hours, and nobody’s there.", "Ich warte seit Stunden."])
    }

    #[test]
    fn words_that_nobody_said_are_found_in_all_marks() {
        for text in [
            "She says: “I threw it away.”",
            "She says: \"I threw it away.\"",
            "Sie sagt: „Ich warf es weg“",
            "Elle dit : « Je l'ai jeté »",
            "She says: ‘I don’t want it back’",
            "She says: “I threw it away",
            "彼女は「もう要りません」と言う",
        ] {
            assert!(said().invented(text).is_some(), "{text}");
            let plain = said().unmarked(text);
            assert_eq!(said().invented(&plain), None, "{plain}");
        }
        assert_eq!(said().unmarked("He: “I threw it away.” Often."), "He: I threw it away. Often.");
    }

    #[test]
    fn what_was_said_and_terms_stay_in_their_marks() {
        for text in [
            "One of them says: “I wait for hours”",
            "“i WAIT for hours and nobody's there”",
            "Sie sagt: „Ich warte seit Stunden.“",
            "She avoids the “happy path” and the users' “dark patterns”.",
            "A 5\" screen and a 7\" screen are the nurses’ tools, she doesn’t mind.",
            "",
        ] {
            assert_eq!(said().invented(text), None, "{text}");
            assert_eq!(said().unmarked(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[“”„«»‘’\"「」a b5é]{0,40}") {
            let plain = said().unmarked(&text);
            prop_assert!(plain.len() <= text.len());
        }
    }
}
