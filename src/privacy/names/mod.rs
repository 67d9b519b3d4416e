//! The third layer of detection: names in free text.
//!
//! Owns the dictionaries, the features and the model that find people, places, organisations and
//! postal addresses by what a word is, how it is written and what stands beside it. Patterns with a
//! check and the structure of a file are other layers' work; what they found is passed in as `known`.

mod crf;
mod features;
mod lexicon;
mod scripts;
mod tokens;

use crf::{Field, KINDS, LABELS, Marginal};
use tokens::{Kind, Token};

use crate::privacy::Span;
use crate::privacy::entity::resolve;

/// A token is taken for part of a name when "outside" is less likely than this. Above one half,
/// because a name that is missed costs more than a word too many.
const OUTSIDE: f32 = 0.55;

/// Finds people, places, organisations and addresses in `text`, each with its probability as score.
///
/// `known` are spans that were found already, in order and apart: they are taken as seen, and are
/// never part of a result. The result is in order and apart, and byte-exact.
pub(in crate::privacy) fn find(text: &str, known: &[Span]) -> Vec<Span> {
    let lexicon = lexicon::lexicon();
    let mut field = Field::default();
    let mut seen = Vec::new();
    let mut marginals = Vec::new();
    let mut spans = Vec::new();
    tokens::windows(text, known, |window| {
        let style = features::see(text, window, lexicon, &mut seen);
        field.marginals(&seen, style, &mut marginals);
        collect(window, &marginals, &mut spans);
        for token in window {
            scripts::find(text, token, lexicon, &mut spans);
        }
    });
    resolve(spans)
}

/// Whether a word is one of everyday language, and no name in the first place.
pub(in crate::privacy) fn is_common_word(word: &str) -> bool {
    let mut folded = String::new();
    lexicon::fold(word, &mut folded);
    lexicon::lexicon().classes(&folded) & lexicon::ANY_WORD != 0
}

/// Joins neighbouring tokens of one kind to spans.
fn collect(window: &[Token], marginals: &[Marginal], spans: &mut Vec<Span>) {
    let mut open: Option<Open> = None;
    for (token, marginal) in window.iter().zip(marginals) {
        let found = (marginal[0] < OUTSIDE && token.kind != Kind::Known).then(|| best(marginal));
        let Some((kind, mass, begins)) = found else {
            spans.extend(open.take().and_then(Open::close));
            continue;
        };
        match &mut open {
            Some(open) if open.kind == kind && !begins => open.take(token, mass),
            _ => {
                spans.extend(open.take().and_then(Open::close));
                let mut next =
                    Open { kind, start: token.start, end: token.start, sum: 0.0, tokens: 0 };
                next.take(token, mass);
                // A span neither begins nor ends with punctuation.
                open = (next.tokens > 0).then_some(next);
            }
        }
    }
    spans.extend(open.and_then(Open::close));
}

/// The likeliest kind, its probability, and whether it begins here.
fn best(marginal: &Marginal) -> (usize, f32, bool) {
    let mass = |kind: usize| marginal[1 + 2 * kind] + marginal[2 + 2 * kind];
    let kind = (0..LABELS / 2).max_by(|&a, &b| mass(a).total_cmp(&mass(b))).unwrap_or(0);
    (kind, mass(kind), marginal[1 + 2 * kind] > marginal[2 + 2 * kind])
}

/// A span that may go on.
struct Open {
    kind: usize,
    start: usize,
    end: usize,
    sum: f32,
    tokens: usize,
}

impl Open {
    fn take(&mut self, token: &Token, mass: f32) {
        // Punctuation at the end is left out unless a word follows it.
        if !matches!(token.kind, Kind::Punctuation(_)) {
            self.end = token.end;
            self.sum += mass;
            self.tokens += 1;
        }
    }

    fn close(self) -> Option<Span> {
        let score = self.sum / self.tokens as f32;
        (self.start < self.end).then_some(Span {
            start: self.start,
            end: self.end,
            entity: KINDS[self.kind],
            score: score.clamp(0.0, 1.0),
        })
    }
}

#[cfg(test)]
mod tests;
