//! Cutting a text into tokens and windows.
//!
//! Owns what a token is: a run of letters and digits of any script, one punctuation mark, or a span
//! that another layer has already found. A window is a bounded run of tokens that is looked at
//! together, so that the work stays linear in the length of the text.

use std::iter::Peekable;
use std::str::CharIndices;

use super::lexicon::is_zero_width;
use crate::privacy::Span;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, perhaps with marks, of a script that puts spaces between words.
    Word,
    /// Letters of a script that does not put spaces between words: Han, kana, Thai.
    Spaceless,
    /// Decimal digits.
    Number,
    /// Letters and digits together.
    Mixed,
    Punctuation(char),
    /// A span found by another layer.
    Known,
}

/// A token: bytes `start..end` of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// Whether white space stands before the token.
    pub(super) spaced: bool,
    /// Line ends before the token, at most 2.
    pub(super) newlines: u8,
}

/// Tokens after which a window ends at the next sentence, and after which it ends anywhere.
const WINDOW_SOFT: usize = 40;
const WINDOW_HARD: usize = 200;

/// Calls `visit` with each window of `text`.
pub(super) fn windows(text: &str, known: &[Span], mut visit: impl FnMut(&[Token])) {
    let mut window: Vec<Token> = Vec::with_capacity(WINDOW_HARD);
    for token in tokens(text, known) {
        let sentence = window.last().is_some_and(|last| ends_sentence(last.kind)) && token.spaced;
        let full = window.len() >= WINDOW_HARD
            || window.len() >= WINDOW_SOFT && (sentence || token.newlines > 0)
            || token.newlines > 1 && window.len() > WINDOW_SOFT / 4;
        if full {
            visit(&window);
            window.clear();
        }
        window.push(token);
    }
    if !window.is_empty() {
        visit(&window);
    }
}

pub(super) fn ends_sentence(kind: Kind) -> bool {
    matches!(kind, Kind::Punctuation('.' | '!' | '?' | '…' | '。' | '।' | '؟'))
}

fn tokens<'a>(text: &'a str, known: &'a [Span]) -> Tokens<'a> {
    Tokens { chars: text.char_indices().peekable(), length: text.len(), known }
}

struct Tokens<'a> {
    chars: Peekable<CharIndices<'a>>,
    length: usize,
    known: &'a [Span],
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let mut spaced = false;
        let mut newlines = 0;
        let (start, first) = loop {
            let (at, c) = self.chars.next()?;
            if c == '\n' || c == '\u{2028}' || c == '\u{2029}' {
                newlines = u8::min(newlines + 1, 2);
            }
            if !c.is_whitespace() && !c.is_control() && !is_zero_width(c) {
                break (at, c);
            }
            spaced |= !is_zero_width(c);
        };
        while self.known.first().is_some_and(|span| span.end <= start) {
            self.known = &self.known[1..];
        }
        let barrier = self.known.first().map_or(self.length, |span| span.start);
        let kind = if barrier <= start {
            let end = self.known[0].end;
            while self.chars.next_if(|&(at, _)| at < end).is_some() {}
            Kind::Known
        } else if in_word(first) {
            self.run(first, barrier)
        } else {
            Kind::Punctuation(first)
        };
        let end = self.chars.peek().map_or(self.length, |&(at, _)| at);
        Some(Token { start, end, kind, spaced, newlines })
    }
}

impl Tokens<'_> {
    /// The rest of a run of letters and digits that began with `first`.
    fn run(&mut self, first: char, barrier: usize) -> Kind {
        let spaceless = is_spaceless(first);
        let mut letters = first.is_alphabetic();
        let mut digits = first.is_numeric();
        let goes_on = |&(at, c): &(usize, char)| {
            at < barrier && (in_word(c) || is_zero_width(c)) && is_spaceless(c) == spaceless
        };
        while let Some((_, c)) = self.chars.next_if(goes_on) {
            letters |= c.is_alphabetic();
            digits |= c.is_numeric();
        }
        match (letters, digits) {
            _ if spaceless => Kind::Spaceless,
            (true, true) => Kind::Mixed,
            (false, true) => Kind::Number,
            _ => Kind::Word,
        }
    }
}

/// Whether a character is a letter, a digit, or a mark on a letter (common in Indic scripts and
/// Thai).
fn in_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{963}' | '\u{981}'..='\u{dff}'
            | '\u{e31}'..='\u{e4e}' | '\u{eb1}'..='\u{ece}' | '\u{f71}'..='\u{f84}'
            | '\u{102b}'..='\u{103e}' | '\u{17b4}'..='\u{17d3}' | '\u{3099}'..='\u{309a}')
}

/// Whether a character is of a script without spaces: Han, kana, Thai, Lao, Khmer, Burmese.
fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}
