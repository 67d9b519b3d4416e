//! What the model is shown of a token: its classes in the dictionary, its shape, and one summary of
//! both; never the word itself, so that no name can be memorised.
//!
//! Owns the features and their numbering, to which `weights.txt` refers: after a change here, the
//! weights must be trained again (README.md).

use super::lexicon::{
    self, ADDRESS_WORD, ANY_PLACE, ANY_WORD, Classes, DAY, GIVEN, Lexicon, MONTH, NAME_WORD,
    ORG_HEAD, ORG_SUFFIX, PARTICLE, PHRASE_WORDS, PLACE_PHRASE, RARE_SURNAME, REGION,
    STARTS_PHRASE, STREET, SURNAME, UNIT,
};
#[cfg_attr(
    not(test),
    expect(clippy::wildcard_imports, reason = "the bits of shapes are this file's vocabulary")
)]
use super::shape::*;
use super::tokens::{Kind, Token, ends_sentence};

/// What the model is shown of one token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    classes: Classes,
    shape: u64,
    summary: u8,
}

/// How the words of a window are capitalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Mixed = 0,
    /// No capitals at all, so that capitals do not show names.
    Lower = 1,
    /// Nearly everything in capitals.
    Upper = 2,
    /// German, in which every noun has a capital.
    German = 3,
}

const BITS: usize = 128; // classes, then shape
const SUMMARIES: usize = 64;
const REACH: isize = 2;

const BY_CASE: usize = (2 * REACH as usize + 1) * BITS;
const UNARY: usize = BY_CASE + 3 * 3 * BITS;
const PAIRS: usize = UNARY + (2 * REACH as usize + 1) * SUMMARIES;
const CASED: usize = PAIRS + 3 * SUMMARIES * SUMMARIES;
/// Number of features.
pub(super) const FEATURES: usize = CASED + 4 * SUMMARIES;

/// Fills `seen` with one entry for each token.
pub(super) fn see(text: &str, tokens: &[Token], lexicon: &Lexicon, seen: &mut Vec<Seen>) -> Style {
    seen.clear();
    let mut folded = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let word = &text[token.start..token.end];
        let mut this = Seen { classes: 0, shape: shape(word, token), summary: 0 };
        if matches!(token.kind, Kind::Word | Kind::Mixed) {
            lexicon::fold(word, &mut folded);
            this.classes = lexicon.classes(&folded);
            this.shape |= spelling(&folded, this.classes);
        }
        let previous = at.checked_sub(1).map(|p| &tokens[p]);
        if previous.is_none_or(|p| ends_sentence(p.kind) && token.spaced) || token.newlines > 1 {
            this.shape |= SENTENCE_START;
        }
        if tokens.get(at + 1).is_none_or(|next| next.newlines > 0) {
            this.shape |= BEFORE_LINE_END;
            if token.newlines > 0 || at == 0 {
                this.shape |= ALONE_ON_LINE;
            }
        }
        seen.push(this);
    }
    let case = case(seen);
    mark_phrases(text, tokens, lexicon, case, seen);
    mark_surroundings(tokens, seen);
    for this in seen.iter_mut() {
        this.summary = summary(this, case);
    }
    Style { case }
}

impl Seen {
    pub(super) fn classes(&self) -> Classes {
        self.classes
    }

    pub(super) fn starts_sentence(&self) -> bool {
        self.shape & SENTENCE_START != 0
    }

    /// Whether the token is an everyday word in lower case or at the start of a sentence. By itself
    /// such a word is not a name, whatever its neighbours suggest.
    pub(super) fn is_plain_word(&self) -> bool {
        let words = lexicon::TOP_WORD | lexicon::COMMON_WORD | lexicon::RARE_WORD;
        // For nearly every short word there is a village of that name.
        let word = self.classes & words != 0
            && self.classes & (GIVEN | SURNAME) == 0
            && (self.classes & lexicon::TOP_WORD != 0 || self.classes & ANY_PLACE == 0);
        let small = self.classes & (lexicon::QUESTION | lexicon::DETERMINER) != 0;
        (word || small) && self.shape & (LOWER | SENTENCE_START) != 0
    }
}

/// What holds for all tokens of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    case: Case,
}

/// Calls `visit` with the number of each feature of token `at`.
pub(super) fn features(seen: &[Seen], style: Style, at: usize, mut visit: impl FnMut(usize)) {
    let outside = Seen::default();
    let get = |offset: isize| {
        let index = at.checked_add_signed(offset);
        index.and_then(|index| seen.get(index)).unwrap_or(&outside)
    };
    let bits = |offset: isize| {
        let this = get(offset);
        let shape = if offset == 0 { this.shape } else { this.shape & !SURROUNDINGS };
        u128::from(this.classes) | u128::from(shape) << 64
    };
    let mut each = |base: usize, mut set: u128| {
        while set != 0 {
            visit(base + set.trailing_zeros() as usize);
            set &= set - 1;
        }
    };
    for offset in -REACH..=REACH {
        each((offset + REACH) as usize * BITS, bits(offset));
    }
    if style.case != Case::Mixed {
        for offset in -1..=1 {
            let row = (style.case as usize - 1) * 3 + (offset + 1) as usize;
            each(BY_CASE + row * BITS, bits(offset));
        }
    }
    let summary = |offset: isize| get(offset).summary as usize;
    for offset in -REACH..=REACH {
        visit(UNARY + (offset + REACH) as usize * SUMMARIES + summary(offset));
    }
    let pairs = [(-1, 0), (0, 1), (-1, 1)];
    for (kind, (a, b)) in pairs.into_iter().enumerate() {
        visit(PAIRS + (kind * SUMMARIES + summary(a)) * SUMMARIES + summary(b));
    }
    visit(CASED + style.case as usize * SUMMARIES + summary(0));
}

fn case(seen: &[Seen]) -> Case {
    let cased = |bits: u64| seen.iter().filter(|s| s.shape & bits != 0).count();
    let (lower, upper) = (cased(LOWER), cased(UPPER));
    let capitals = cased(CAPITALISED | UPPER | MIXED_CASE);
    if capitals == 0 && lower > 1 {
        Case::Lower
    } else if upper > 2 && lower * 8 <= upper && cased(CAPITALISED) <= upper {
        Case::Upper
    } else if seen.iter().filter(|s| s.classes & lexicon::GERMAN != 0).count() > 1 {
        Case::German
    } else {
        Case::Mixed
    }
}

/// Sets [`PLACE_PHRASE`] on place names of several words, the longest from each token on.
fn mark_phrases(text: &str, tokens: &[Token], lexicon: &Lexicon, case: Case, seen: &mut [Seen]) {
    let mut folded = String::new();
    let mut phrase = String::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts = seen[at].classes & STARTS_PHRASE != 0
            && (case == Case::Lower || seen[at].shape & LOWER == 0);
        let mut found = 0;
        if starts {
            phrase.clear();
            let mut words = 0;
            for (index, token) in tokens.iter().enumerate().skip(at) {
                let inner = index > at;
                match token.kind {
                    Kind::Word => {
                        lexicon::fold(&text[token.start..token.end], &mut folded);
                        if inner {
                            phrase.push(' ');
                        }
                        phrase.push_str(&folded);
                        words += 1;
                        if words > 1 && lexicon.classes(&phrase) & ANY_PLACE != 0 {
                            found = index;
                        }
                    }
                    Kind::Punctuation('-' | '\'' | '’' | '.' | '–') if inner && !token.spaced =>
                        {}
                    _ => break,
                }
                if words == PHRASE_WORDS || inner && token.newlines > 0 {
                    break;
                }
            }
        }
        if found > at {
            for this in &mut seen[at..=found] {
                this.classes |= PLACE_PHRASE;
            }
            at = found;
        }
        at += 1;
    }
}

/// A cue, its reach in tokens, and the bit that is set on tokens within that reach.
struct Near {
    classes: Classes,
    shape: u64,
    reach: usize,
    bit: u64,
}

const NUMBER: u64 = DIGITS_1 | DIGITS_1 << 1 | DIGITS_1 << 2 | DIGITS_1 << 3 | DIGIT_FIRST;
const BEFORE: [Near; 5] = [
    Near { classes: STREET, shape: STREET_ENDING, reach: 6, bit: STREET_BEFORE },
    Near { classes: UNIT, shape: 0, reach: 6, bit: UNIT_NEAR },
    Near { classes: ADDRESS_WORD, shape: 0, reach: 5, bit: ADDRESS_WORD_BEFORE },
    Near { classes: NAME_WORD, shape: 0, reach: 4, bit: NAME_WORD_BEFORE },
    Near { classes: 0, shape: NUMBER, reach: 4, bit: NUMBER_BEFORE },
];
const AFTER: [Near; 4] = [
    Near { classes: STREET, shape: STREET_ENDING, reach: 5, bit: STREET_AFTER },
    Near { classes: UNIT, shape: 0, reach: 6, bit: UNIT_NEAR },
    Near { classes: 0, shape: NUMBER, reach: 4, bit: NUMBER_AFTER },
    Near { classes: 0, shape: POSTCODE, reach: 8, bit: POSTCODE_AFTER },
];

/// Sets the bits of `rules` on tokens that come after their cue in `order`.
fn mark_near<const N: usize>(
    seen: &mut [Seen],
    order: impl Iterator<Item = usize>,
    rules: &[Near; N],
) {
    // How many more tokens each rule's last cue reaches.
    let mut left = [0; N];
    for at in order {
        let this = &mut seen[at];
        for (rule, left) in rules.iter().zip(&mut left) {
            if *left > 0 {
                this.shape |= rule.bit;
                *left -= 1;
            }
            if this.classes & rule.classes != 0 || this.shape & rule.shape != 0 {
                *left = rule.reach;
            }
        }
    }
}

fn mark_surroundings(tokens: &[Token], seen: &mut [Seen]) {
    let count = seen.len();
    mark_near(seen, 0..count, &BEFORE);
    mark_near(seen, (0..count).rev(), &AFTER);
    for at in 0..count {
        let mut shape = 0;
        let mut set = |on: bool, bit: u64| shape |= if on { bit } else { 0 };
        let possessive = at + 2 < count
            && seen[at + 1].shape & APOSTROPHE != 0
            && seen[at + 2].shape & GLUED != 0
            && tokens[at + 2].end - tokens[at + 2].start == 1;
        set(possessive, BEFORE_POSSESSIVE_S);
        set(at > 0 && seen[at - 1].shape & COLON != 0, AFTER_LABEL);
        let name = |index: usize| seen.get(index).is_some_and(|s| s.shape & NAME_ONLY != 0);
        set(name(at + 1) || at > 0 && name(at - 1), NAME_NEIGHBOUR);
        seen[at].shape |= shape;
    }
    mark_runs(seen);
}

/// Marks each token in a run of capitalised words (joined by the small words of company names) near
/// which, within the run, stands a word typical of company names.
fn mark_runs(seen: &mut [Seen]) {
    const CAPITAL: u64 = CAPITALISED | UPPER | MIXED_CASE;
    let in_run = |s: &Seen| {
        s.shape & (CAPITAL | AMPERSAND) != 0
            || s.classes & (PARTICLE | lexicon::AND | lexicon::OF) != 0
    };
    for at in 0..seen.len() {
        if !in_run(&seen[at]) {
            continue;
        }
        let ahead = seen[at + 1..].iter().take(5);
        let ahead = ahead.take_while(|s| in_run(s) || s.shape & COMMA != 0);
        let behind = seen[..at].iter().rev().take(4).take_while(|s| in_run(s));
        let mut shape = 0;
        for s in ahead.chain(behind).filter(|s| s.shape & CAPITAL != 0) {
            shape |= if s.classes & ORG_SUFFIX != 0 { ORG_SUFFIX_IN_RUN } else { 0 };
            shape |= if s.classes & ORG_HEAD != 0 { ORG_HEAD_IN_RUN } else { 0 };
        }
        seen[at].shape |= shape;
    }
}

/// Signs, and the kinds of words that tell what a neighbour is: each in order of importance, and
/// each has a summary of its own.
const SIGNS: [u64; 13] = [
    PERIOD,
    COMMA,
    COLON,
    QUOTE,
    OPENING,
    CLOSING,
    DASH,
    APOSTROPHE,
    SLASH,
    AT_OR_HASH,
    SENTENCE_END,
    AMPERSAND,
    OTHER_SIGN,
];
const CUES: [Classes; 19] = [
    lexicon::TITLE,
    STREET,
    ORG_SUFFIX,
    UNIT | lexicon::PO_BOX,
    DAY | MONTH,
    ORG_HEAD,
    lexicon::NATION,
    lexicon::JOB,
    lexicon::PRODUCT,
    NAME_WORD,
    lexicon::KIN,
    lexicon::GREET,
    lexicon::SAY,
    lexicon::LIVE,
    lexicon::WORK | lexicon::STUDY,
    lexicon::FROM | lexicon::IN | lexicon::TO | lexicon::AT,
    lexicon::OF | lexicon::BY,
    lexicon::POSSESSIVE_PRONOUN,
    lexicon::AND,
];
/// Cues that are hardly ever a name as well.
const FIRM_CUES: Classes =
    lexicon::TITLE | STREET | ORG_SUFFIX | UNIT | DAY | MONTH | lexicon::NATION;

/// The most important kind of a token, one of [`SUMMARIES`]; the model is shown pairs of these for
/// neighbours. 0 stands for a position outside the window.
fn summary(this: &Seen, case: Case) -> u8 {
    let Seen { classes, shape, .. } = *this;
    if let Some(kind) = sign_or_number(shape).or_else(|| cue(this, case)) {
        kind
    } else if shape & STREET_ENDING != 0 {
        39
    } else if shape & CASELESS != 0 {
        match (shape & NAME_ONLY != 0, classes & ANY_PLACE != 0) {
            (true, _) => 40,
            (false, true) => 41,
            (false, false) => 42,
        }
    } else if shape & SPACELESS != 0 {
        43
    } else if shape & LOWER != 0 {
        lower_word(this)
    } else {
        capitalised_word(this)
    }
}

/// 1..=19: what is found already, signs and numbers.
fn sign_or_number(shape: u64) -> Option<u8> {
    if shape & KNOWN != 0 {
        return Some(1);
    }
    if let Some(index) = SIGNS.iter().position(|sign| shape & sign != 0) {
        return Some(2 + index as u8);
    }
    // Digits alone by their number: up to three, four or five, more; then digits among letters.
    if shape & (DIGITS_1 * 0b111) != 0 {
        Some(15)
    } else if shape & (DIGITS_1 * 0b1_1000) != 0 {
        Some(16)
    } else if shape & DIGITS_6 != 0 {
        Some(17)
    } else if shape & DIGIT_FIRST != 0 {
        Some(18)
    } else {
        (shape & LETTER_FIRST != 0).then_some(19)
    }
}

/// 20..=38: words that tell what a neighbour is. One that may be a name itself counts as a name
/// first, except where it hardly ever is one.
fn cue(this: &Seen, case: Case) -> Option<u8> {
    let Seen { classes, shape, .. } = *this;
    let index = CUES.iter().position(|cue| classes & cue != 0)?;
    let may_be_name = shape & NAME_ONLY != 0
        && classes & FIRM_CUES == 0
        && (shape & LOWER == 0 || case != Case::Mixed);
    (!may_be_name).then_some(20 + index as u8)
}

/// 44..=52: words in lower case.
fn lower_word(Seen { classes, shape, .. }: &Seen) -> u8 {
    if classes & PARTICLE != 0 {
        return 44;
    }
    let name_only = shape & NAME_ONLY != 0;
    let word = classes & ANY_WORD != 0;
    let place = classes & (ANY_PLACE | PLACE_PHRASE) != 0;
    match (name_only, word, place) {
        (true, _, true) => 45,
        (true, _, false) if classes & GIVEN != 0 => 46,
        (true, _, false) => 47,
        (false, _, true) if !word || classes & (PLACE_PHRASE | REGION) != 0 => 48,
        (false, true, _) if classes & (GIVEN | SURNAME) != 0 => 49,
        (false, true, _) if classes & (lexicon::TOP_WORD | lexicon::COMMON_WORD) != 0 => 50,
        (false, true, _) => 51,
        _ => 52,
    }
}

/// 53..=63: words with a capital.
fn capitalised_word(Seen { classes, shape, .. }: &Seen) -> u8 {
    let name_only = shape & NAME_ONLY != 0;
    let word = classes & ANY_WORD != 0;
    let place = classes & (ANY_PLACE | PLACE_PHRASE) != 0;
    let person = classes & (GIVEN | SURNAME) != 0;
    if shape & INITIAL != 0 {
        return 53;
    }
    match (name_only, place, word) {
        (true, true, _) => 54,
        (true, ..) if classes & GIVEN != 0 => 55,
        (true, ..) if !person && classes & RARE_SURNAME != 0 => 56,
        (true, ..) => 57,
        (false, true, true) if classes & PLACE_PHRASE == 0 => 58,
        (false, true, _) => 59,
        (false, false, true) if person => 60,
        (false, false, true) if shape & SENTENCE_START != 0 => 61,
        (false, false, true) => 62,
        (false, false, false) => 63,
    }
}
