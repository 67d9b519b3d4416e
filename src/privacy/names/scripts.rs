//! Names in scripts that the tokens cannot show as words: Han, kana and Thai are written without
//! spaces, and Korean attaches particles to its nouns.
//!
//! Owns what a name looks like there: a surname of the dictionary before a given name, a form of
//! address beside either, a place. It covers nothing else of these languages.

use super::lexicon::{ANY_PLACE, Classes, GIVEN, Lexicon, SURNAME};
use super::tokens::{Kind, Token};
use crate::privacy::{Entity, Span};

/// Forms of address after a name, such as Mr, Ms, teacher.
const ADDRESSED: &[&str] = &[
    "さん",
    "様",
    "さま",
    "氏",
    "先生",
    "君",
    "くん",
    "ちゃん",
    "女士",
    "小姐",
    "老师",
    "老師",
    "太太",
];
/// Phrases before a name: "my name is", "I am called".
const INTRODUCED: &[&str] = &["我叫", "名叫", "叫做", "姓名", "名前は", "私は", "僕は", "俺は"];
/// Thai forms of address, which stand before the name.
const THAI_TITLES: &[&str] =
    &["นางสาว", "นาย", "นาง", "คุณ", "ด.ช.", "ด.ญ.", "พี่", "น้อง", "หมอ", "ครู"];
/// Particles that Korean attaches to a name.
const KOREAN_PARTICLES: &[&str] = &[
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "의",
    "에게",
    "한테",
    "께서",
    "과",
    "와",
    "랑",
    "이랑",
    "도",
    "만",
    "씨",
    "씨는",
    "씨가",
    "씨의",
    "씨에게",
    "님",
    "님은",
    "님이",
    "님께",
    "입니다",
    "이에요",
    "예요",
    "이라고",
    "라고",
    "이고",
    "이는",
    "이가",
    "선생님",
    "씨와",
    "에서",
    "에",
    "로",
    "으로",
    "까지",
    "부터",
    "시",
    "시에",
    "시에서",
    "에는",
    "에서는",
];
/// Particles that only follow people.
const KOREAN_OF_PEOPLE: &[&str] = &[
    "씨",
    "씨는",
    "씨가",
    "씨의",
    "씨에게",
    "씨와",
    "님",
    "님은",
    "님이",
    "님께",
    "에게",
    "한테",
    "선생님",
    "께서",
];
/// Scores of a match in the dictionary: of a whole name, and of a part of one or a place.
const WHOLE: f32 = 0.85;
const PART: f32 = 0.7;
/// Longest name or place that is tried, in characters.
const REACH: usize = 12;

/// Adds the names within `token`.
pub(super) fn find(text: &str, token: &Token, lexicon: &Lexicon, spans: &mut Vec<Span>) {
    let word = &text[token.start..token.end];
    let names = Names { text: word, offset: token.start, lexicon };
    match (token.kind, word.chars().next()) {
        (Kind::Word, Some('\u{ac00}'..='\u{d7a3}')) => spans.extend(names.korean()),
        (Kind::Spaceless, Some('\u{e00}'..='\u{e7f}')) => names.thai(spans),
        (Kind::Spaceless, Some('\u{3005}'..='\u{9fff}')) => names.han(spans),
        _ => {}
    }
}

struct Names<'a> {
    text: &'a str,
    offset: usize,
    lexicon: &'a Lexicon,
}

impl Names<'_> {
    fn span(&self, start: usize, end: usize, entity: Entity, score: f32) -> Span {
        Span { start: self.offset + start, end: self.offset + end, entity, score }
    }

    /// Where the words end that begin at `start` and have one of these classes, the longest first.
    fn ends(&self, start: usize, classes: Classes) -> impl Iterator<Item = usize> {
        let rest = &self.text[start..];
        let mut ends: Vec<usize> =
            rest.char_indices().take(REACH).map(|(at, c)| start + at + c.len_utf8()).collect();
        ends.reverse();
        ends.into_iter()
            .filter(move |end| self.lexicon.classes(&self.text[start..*end]) & classes != 0)
    }

    /// A whole Korean word that is a name or a place, with the particles attached to it.
    fn korean(&self) -> Option<Span> {
        let tail = |end: usize, tails: &[&str]| tails.contains(&&self.text[end..]);
        let ends_well = |end: usize| end == self.text.len() || tail(end, KOREAN_PARTICLES);
        for surname in self.ends(0, SURNAME) {
            let given = self.ends(surname, GIVEN);
            if let Some(end) = given.filter(|end| end - surname >= 6).find(|end| ends_well(*end)) {
                return Some(self.span(0, end, Entity::Person, WHOLE));
            }
        }
        let addressed = |end: &usize| *end >= 6 && tail(*end, KOREAN_OF_PEOPLE);
        if let Some(end) = self.ends(0, GIVEN | SURNAME).find(addressed) {
            return Some(self.span(0, end, Entity::Person, PART));
        }
        let place = self.ends(0, ANY_PLACE).find(|end| *end >= 6 && ends_well(*end));
        place.map(|end| self.span(0, end, Entity::Location, PART))
    }

    fn thai(&self, spans: &mut Vec<Span>) {
        let mut at = 0;
        while at < self.text.len() {
            let rest = &self.text[at..];
            let title = THAI_TITLES.iter().find(|title| rest.starts_with(**title));
            let name = title.and_then(|title| {
                let start = at + title.len();
                let end = self.ends(start, GIVEN).find(|end| end - start >= 9)?;
                Some(self.span(start, end, Entity::Person, WHOLE))
            });
            let alone = || {
                let whole = at == 0 && self.ends(0, GIVEN | SURNAME).next() == Some(rest.len());
                whole.then(|| self.span(0, rest.len(), Entity::Person, PART))
            };
            let place = || {
                let end = self.ends(at, ANY_PLACE).find(|end| end - at >= 12)?;
                Some(self.span(at, end, Entity::Location, PART))
            };
            at = self.take(name.or_else(alone).or_else(place), at, spans);
        }
    }

    fn han(&self, spans: &mut Vec<Span>) {
        let mut at = 0;
        while at < self.text.len() {
            let person = self.han_person(at);
            let place = || {
                let end = self.ends(at, ANY_PLACE).find(|end| end - at >= 6)?;
                Some(self.span(at, end, Entity::Location, PART))
            };
            at = self.take(person.or_else(place), at, spans);
        }
    }

    /// Adds what was found to `spans` and returns where to look next.
    fn take(&self, found: Option<Span>, at: usize, spans: &mut Vec<Span>) -> usize {
        if let Some(span) = found {
            spans.push(span);
            return span.end - self.offset;
        }
        at + self.text[at..].chars().next().map_or(1, char::len_utf8)
    }

    fn han_person(&self, at: usize) -> Option<Span> {
        let (before, bytes) = (&self.text[..at], |end: usize| end - at);
        let addressed = |end: usize| ADDRESSED.iter().any(|a| self.text[end..].starts_with(a));
        let introduced = INTRODUCED.iter().any(|cue| before.ends_with(cue));
        let alone = |end: usize| at == 0 && end == self.text.len();
        for surname in self.ends(at, SURNAME) {
            for given in self.ends(surname, GIVEN) {
                // A name of two characters is more often a word, one of three hardly ever.
                let long = bytes(given) >= 12 || bytes(given) >= 9 && bytes(surname) >= 3;
                if long || addressed(given) || introduced || alone(given) {
                    return Some(self.span(at, given, Entity::Person, WHOLE));
                }
            }
            if addressed(surname) && (bytes(surname) >= 6 || at == 0) {
                return Some(self.span(at, surname, Entity::Person, PART));
            }
        }
        let given = self.ends(at, GIVEN).find(|end| bytes(*end) >= 6)?;
        (addressed(given) || introduced).then(|| self.span(at, given, Entity::Person, PART))
    }
}
