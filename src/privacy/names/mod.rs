//! The third layer of detection: names in free text.
//!
//! Owns the dictionaries, the features and the model that find people, places, organisations and
//! postal addresses by what a word is, how it is written and what stands beside it. Patterns with a
//! check digit and the structure of a file are left to the other layers, whose findings are passed
//! in as `known`.

mod crf;
mod features;
mod lexicon;
mod scripts;
mod shape;
mod tokens;

use crf::{Field, KINDS, Marginal};
use features::Seen;
use tokens::{Kind, Token};

use crate::privacy::Span;
use crate::privacy::entity::resolve;

/// How many times worse it is to miss a name than to remove a word too many. Probabilities are
/// weighted by it, so that the threshold can be one half. A larger value finds more names and
/// removes more words.
const COST_OF_A_MISS: f32 = 2.3;

/// Finds people, places, organisations and addresses in `text`, each with a score above one half.
///
/// `known` are spans found by other layers, sorted and without overlap; they are shown to the model
/// and never returned. The result is sorted, without overlap, and exact to the byte.
pub(in crate::privacy) fn find(text: &str, known: &[Span]) -> Vec<Span> {
    let lexicon = lexicon::lexicon();
    let mut field = Field::default();
    let mut seen = Vec::new();
    let mut marginals = Vec::new();
    let mut spans = Vec::new();
    tokens::windows(text, known, |window| {
        let style = features::see(text, window, lexicon, &mut seen);
        field.marginals(&seen, style, &mut marginals);
        let before = spans.len();
        collect(window, &seen, &marginals, &mut spans);
        let found = spans.split_off(before);
        spans.extend(found.into_iter().filter(|span| !is_nobody(text, window, &seen, span)));
        for token in window {
            scripts::find(text, token, lexicon, &mut spans);
        }
    });
    resolve(spans)
}

/// Whether a word belongs to everyday language.
pub(in crate::privacy) fn is_common_word(word: &str) -> bool {
    let mut folded = String::new();
    lexicon::fold(word, &mut folded);
    lexicon::lexicon().classes(&folded) & lexicon::ANY_WORD != 0
}

/// Abbreviations of files, devices and trades; nobody is called by them.
const ABBREVIATIONS: [&str; 44] = [
    "AI", "API", "ATM", "CEO", "CRM", "CSV", "CV", "DIY", "ETA", "FAQ", "GDPR", "GP", "GPS", "HR",
    "HTML", "ID", "IT", "JPG", "JSON", "KPI", "MRR", "NPS", "OS", "PC", "PDF", "PID", "PIN", "PLZ",
    "PNG", "QR", "SMS", "SQL", "TV", "UI", "URL", "USB", "UX", "VAT", "VPN", "WC", "XLS", "XML",
    "ZIP", "RSVP",
];

/// Words that German writes with a capital where they address somebody or begin a question. Lists
/// of surnames hold some of them, which are borne in other countries.
const GERMAN_PRONOUNS: [&str; 12] =
    ["Sie", "Ihnen", "Ihr", "Ihre", "Ihren", "Ihrem", "Ihrer", "Wie", "Was", "Wer", "Wo", "Wann"];

/// Words before the colon of a line in a form.
const FORM_WORDS: [&str; 18] = [
    "Age",
    "Alter",
    "Beruf",
    "Date",
    "Datum",
    "Gender",
    "Interview",
    "Interviewer",
    "Job",
    "Location",
    "Moderator",
    "Occupation",
    "Ort",
    "Participant",
    "Role",
    "Session",
    "Sex",
    "Study",
];

/// Whether a single word was taken for a name only because of its capital: the beginning of
/// `Don't`, a day or month, an abbreviation, a German pronoun or, in text of another language, a
/// word that no list of names holds; where the word before it does not announce it as a name.
/// German writes every noun with a capital.
fn is_nobody(text: &str, window: &[Token], seen: &[Seen], span: &Span) -> bool {
    let is_it = |token: &Token| token.start == span.start && token.end == span.end;
    let Some(at) = window.iter().position(is_it) else { return false };
    let is_close = |token: &Token, words: &[&str]| {
        !token.spaced && token.newlines == 0 && words.contains(&&text[token.start..token.end])
    };
    if let Some([mark, rest, ..]) = window.get(at + 1..)
        && is_close(mark, &["'", "\u{2019}"])
        && is_close(rest, &["t", "T"])
    {
        return true;
    }
    let classes = seen[at].classes();
    if classes & (lexicon::DAY | lexicon::MONTH) != 0 && classes & lexicon::GIVEN == 0 {
        return true;
    }
    let word = &text[span.start..span.end];
    let is_label = || window.get(at + 1).is_some_and(|mark| is_close(mark, &[":"]));
    if ABBREVIATIONS.contains(&word) || FORM_WORDS.contains(&word) && is_label() {
        return true;
    }
    let announced = lexicon::TITLE
        | lexicon::KIN
        | lexicon::NAME_WORD
        | lexicon::GREET
        | lexicon::IN
        | lexicon::AT
        | lexicon::FROM
        | lexicon::LIVE
        | lexicon::WORK
        | lexicon::CONTACT;
    let before = at.checked_sub(1).map_or(0, |before| seen[before].classes());
    let is_pronoun = GERMAN_PRONOUNS.contains(&word);
    let is_known = classes & (lexicon::ANY_NAME | lexicon::ANY_PLACE | lexicon::PRODUCT) != 0;
    if is_known && !is_pronoun || before & announced != 0 {
        return false;
    }
    let count = |class| seen.iter().filter(|seen| seen.classes() & class != 0).count();
    is_pronoun
        || count(lexicon::GERMAN) >= 2
        || count(lexicon::FOREIGN_FUNCTION) >= 2 && seen[at].starts_sentence()
}

/// Joins neighbouring tokens of the same kind into spans.
fn collect(window: &[Token], seen: &[Seen], marginals: &[Marginal], spans: &mut Vec<Span>) {
    let mut open: Option<Open> = None;
    for ((token, seen), marginal) in window.iter().zip(seen).zip(marginals) {
        let score = score(marginal);
        if score <= 0.5 || token.kind == Kind::Known {
            spans.extend(open.take().and_then(Open::close));
            continue;
        }
        let (kind, begins) = best(marginal);
        if open.as_ref().is_some_and(|open| open.kind != kind || begins) {
            spans.extend(open.take().and_then(Open::close));
        }
        if matches!(token.kind, Kind::Punctuation(_)) {
            continue; // Part of the span if a word follows it.
        }
        let open = open.get_or_insert(Open {
            kind,
            start: token.start,
            end: token.end,
            sum: 0.0,
            tokens: 0.0,
            plain: true,
        });
        open.take(token, seen, score);
    }
    spans.extend(open.and_then(Open::close));
}

/// How likely a token is part of some name, weighted by [`COST_OF_A_MISS`].
fn score(marginal: &Marginal) -> f32 {
    let inside = (1.0 - marginal[0]) * COST_OF_A_MISS;
    inside / (inside + marginal[0])
}

/// The likeliest kind, and whether a name of this kind begins at the token.
fn best(marginal: &Marginal) -> (usize, bool) {
    let mass = |kind: usize| marginal[1 + 2 * kind] + marginal[2 + 2 * kind];
    let kind = (0..KINDS.len()).max_by(|&a, &b| mass(a).total_cmp(&mass(b))).unwrap_or(0);
    (kind, marginal[1 + 2 * kind] > marginal[2 + 2 * kind])
}

/// A span that may still be extended.
struct Open {
    kind: usize,
    start: usize,
    end: usize,
    /// Sum of the scores of its tokens, and their number.
    sum: f32,
    tokens: f32,
    /// Whether all of its tokens are everyday words.
    plain: bool,
}

impl Open {
    fn take(&mut self, token: &Token, seen: &Seen, score: f32) {
        self.end = token.end;
        self.sum += score;
        self.tokens += 1.0;
        self.plain &= seen.is_plain_word();
    }

    fn close(self) -> Option<Span> {
        (!self.plain).then_some(Span {
            start: self.start,
            end: self.end,
            entity: KINDS[self.kind],
            score: (self.sum / self.tokens).clamp(0.0, 1.0),
        })
    }
}

#[cfg(test)]
mod tests;
