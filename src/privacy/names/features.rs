//! What the model sees of a token: its classes in the dictionary, its shape, and one summary of both;
//! never the word itself, so that nothing can be learnt by heart.
//!
//! Owns the features and their numbering, which `weights.txt` refers to: a change here needs the
//! weights trained again (README.md).

use super::lexicon::{
    self, ADDRESS_WORD, ANY_NAME, ANY_PLACE, ANY_WORD, Classes, DAY, GIVEN, Lexicon, MONTH,
    NAME_WORD, ORG_HEAD, ORG_SUFFIX, PARTICLE, PHRASE_WORDS, PLACE_PHRASE, RARE_SURNAME, REGION,
    STARTS_PHRASE, STREET, SURNAME, UNIT,
};
use super::tokens::{Kind, Token, ends_sentence};

/// What is seen of one token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    classes: Classes,
    shape: u64,
    summary: u8,
}

/// How a window is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Mixed = 0,
    /// No capital at all: names cannot be told by theirs.
    Lower = 1,
    /// Nearly all capitals.
    Upper = 2,
    /// German, which gives every noun a capital.
    German = 3,
}

/// Declares bits of [`Seen::shape`].
macro_rules! shapes {
    ($($name:ident = $bit:literal;)+) => { $(const $name: u64 = 1 << $bit;)+ };
}

shapes! {
    CAPITALISED = 0;
    UPPER = 1;
    LOWER = 2;
    INITIAL = 3;
    MIXED_CASE = 4;
    DIGITS_1 = 5;
    // 5 + n - 1 for n digits, up to 6 and more.
    DIGITS_6 = 10;
    DIGIT_FIRST = 11;
    LETTER_FIRST = 12;
    CASELESS = 13;
    NOT_LATIN = 14;
    PERIOD = 15;
    COMMA = 16;
    COLON = 17;
    QUOTE = 18;
    OPENING = 19;
    CLOSING = 20;
    DASH = 21;
    APOSTROPHE = 22;
    SLASH = 23;
    AT_OR_HASH = 24;
    SENTENCE_END = 25;
    AMPERSAND = 26;
    OTHER_SIGN = 27;
    AFTER_LINE = 28;
    AFTER_BLANK_LINE = 29;
    GLUED = 30;
    SENTENCE_START = 31;
    KNOWN = 32;
    IN_NO_LIST = 33;
    STREET_ENDING = 34;
    SURNAME_ENDING = 35;
    PLACE_ENDING = 36;
    MC_BEGINNING = 37;
    POSTCODE = 38;
    BEFORE_POSSESSIVE_S = 39;
    SHORT = 40;
    LONG = 41;
    NAME_AND_WORD = 42;
    NAME_ONLY = 43;
    PLACE_ONLY = 44;
    SPACELESS = 45;
    BEFORE_LINE_END = 46;
    STREET_BEFORE = 47;
    STREET_AFTER = 48;
    UNIT_NEAR = 49;
    ADDRESS_WORD_BEFORE = 50;
    NAME_WORD_BEFORE = 51;
    ORG_SUFFIX_IN_RUN = 52;
    ORG_HEAD_IN_RUN = 53;
    NUMBER_BEFORE = 54;
    NUMBER_AFTER = 55;
    POSTCODE_AFTER = 56;
    ALONE_ON_LINE = 57;
    AFTER_LABEL = 58;
    NAME_NEIGHBOUR = 59;
}

/// Shapes that describe the surroundings, not the token: only looked at for the token itself.
const SURROUNDINGS: u64 = STREET_BEFORE
    | STREET_AFTER
    | UNIT_NEAR
    | ADDRESS_WORD_BEFORE
    | NAME_WORD_BEFORE
    | ORG_SUFFIX_IN_RUN
    | ORG_HEAD_IN_RUN
    | NUMBER_BEFORE
    | NUMBER_AFTER
    | POSTCODE_AFTER
    | ALONE_ON_LINE
    | AFTER_LABEL
    | NAME_NEIGHBOUR;

const BITS: usize = 128; // classes, then shape
const SUMMARIES: usize = 64;
const REACH: isize = 3;
const NEAR: isize = 2;

const BY_CASE: usize = (2 * REACH as usize + 1) * BITS;
const UNARY: usize = BY_CASE + 3 * 3 * BITS;
const PAIRS: usize = UNARY + (2 * NEAR as usize + 1) * SUMMARIES;
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

/// What holds for a whole window.
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
    for offset in -NEAR..=NEAR {
        visit(UNARY + (offset + NEAR) as usize * SUMMARIES + summary(offset));
    }
    let pairs = [(-1, 0), (0, 1), (-1, 1)];
    for (kind, (a, b)) in pairs.into_iter().enumerate() {
        visit(PAIRS + (kind * SUMMARIES + summary(a)) * SUMMARIES + summary(b));
    }
    visit(CASED + style.case as usize * SUMMARIES + summary(0));
}

fn shape(word: &str, token: &Token) -> u64 {
    let mut shape = match token.kind {
        Kind::Known => KNOWN,
        Kind::Spaceless => SPACELESS,
        Kind::Punctuation(c) => sign(c),
        Kind::Number => DIGITS_1 << (word.chars().count().clamp(1, 6) - 1),
        Kind::Mixed => {
            let digit_first = word.starts_with(char::is_numeric);
            if digit_first { DIGIT_FIRST } else { LETTER_FIRST }
        }
        Kind::Word => letters(word),
    };
    if matches!(token.kind, Kind::Mixed) && looks_like_postcode(word)
        || matches!(token.kind, Kind::Number) && (4..=6).contains(&word.len())
    {
        shape |= POSTCODE;
    }
    shape |= match token.newlines {
        0 => 0,
        1 => AFTER_LINE,
        _ => AFTER_LINE | AFTER_BLANK_LINE,
    };
    if !token.spaced && token.newlines == 0 {
        shape |= GLUED;
    }
    shape
}

fn letters(word: &str) -> u64 {
    let count = word.chars().filter(|c| c.is_alphabetic()).count();
    let upper = word.chars().filter(|c| c.is_uppercase()).count();
    let lower = word.chars().filter(|c| c.is_lowercase()).count();
    let first_upper = word.starts_with(char::is_uppercase);
    let mut shape = if upper + lower == 0 {
        CASELESS
    } else if upper == 0 {
        LOWER
    } else if count == 1 {
        INITIAL | CAPITALISED
    } else if lower == 0 {
        UPPER
    } else if first_upper && upper == 1 {
        CAPITALISED
    } else if first_upper {
        CAPITALISED | MIXED_CASE
    } else {
        MIXED_CASE
    };
    if !word.is_ascii() && word.chars().any(|c| c.is_alphabetic() && c > '\u{24f}') {
        shape |= NOT_LATIN;
    }
    shape | if count <= 2 { SHORT } else { 0 } | if count >= 9 { LONG } else { 0 }
}

fn sign(c: char) -> u64 {
    match c {
        '.' | '…' | '。' => PERIOD,
        ',' | '、' | '،' => COMMA,
        ':' | ';' | '：' => COLON,
        '"' | '“' | '”' | '„' | '«' | '»' | '‹' | '›' => QUOTE,
        '(' | '[' | '{' | '<' | '（' => OPENING,
        ')' | ']' | '}' | '>' | '）' => CLOSING,
        '-' | '–' | '—' | '‐' | '‑' => DASH,
        '\'' | '’' | '‘' | '`' | '´' => APOSTROPHE,
        '/' | '\\' | '|' => SLASH,
        '@' | '#' | '_' => AT_OR_HASH,
        '!' | '?' | '؟' => SENTENCE_END,
        '&' | '+' => AMPERSAND,
        _ => OTHER_SIGN,
    }
}

/// `SW1A`, `2XY`, `K1A`, `1234AB`: letters and digits as postcodes mix them.
fn looks_like_postcode(word: &str) -> bool {
    let upper = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let lower = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (upper || lower) && (3..=7).contains(&word.len())
}

const STREET_ENDINGS: &[&str] = &[
    "strasse", "stasse", "strase", "gasse", "allee", "platz", "ufer", "damm", "straat", "laan",
    "plein", "gracht", "kade", "dreef", "steenweg", "gatan", "vagen", "grand", "gade", "vej",
    "veien", "vegen", "gata", "katu", "polku", "kuja", "utca", "ulica", "sokak", "weg", "stieg",
    "stig", "singel", "alle", "torg", "torget", "backen", "markt",
];
const SURNAME_ENDINGS: &[&str] = &[
    "son", "sson", "sen", "dottir", "stein", "berg", "mann", "man", "ova", "eva", "ina", "ov",
    "ev", "in", "ic", "vic", "ski", "ska", "sky", "cki", "czyk", "wicz", "enko", "chuk", "yan",
    "ian", "opoulos", "idis", "akis", "ou", "ez", "es", "elli", "etti", "ini", "ino", "oni", "eau",
    "ard", "ault", "escu", "oglu", "shvili", "adze", "stra", "sma", "ema", "inen", "nen", "kainen",
    "ovic", "ков", "ова", "ин", "ина", "ев", "ева", "ский", "ская", "енко", "ич", "οσ", "ου", "ησ",
    "ασ", "ingh", "nathan", "wala", "kar", "stad", "quist", "lund", "strom",
];
const PLACE_ENDINGS: &[&str] = &[
    "ville",
    "burg",
    "bourg",
    "burgh",
    "borough",
    "bury",
    "ton",
    "town",
    "ham",
    "ford",
    "field",
    "mouth",
    "port",
    "pool",
    "stadt",
    "heim",
    "hausen",
    "dorf",
    "wil",
    "kirchen",
    "bach",
    "brunn",
    "grad",
    "gorod",
    "sk",
    "ovo",
    "evo",
    "ow",
    "owo",
    "ice",
    "ce",
    "borg",
    "stad",
    "vik",
    "fjord",
    "dal",
    "hem",
    "gem",
    "dam",
    "drecht",
    "kerk",
    "abad",
    "pur",
    "nagar",
    "stan",
    "land",
    "ia",
    "polis",
    "ac",
    "court",
    "mont",
    "wick",
    "by",
    "thorpe",
    "hollow",
    "creek",
    "falls",
    "halom",
    "falva",
    "бург",
    "град",
    "город",
    "ск",
];

fn spelling(folded: &str, classes: Classes) -> u64 {
    let ends = |endings: &[&str]| {
        endings.iter().any(|ending| folded.len() > ending.len() + 2 && folded.ends_with(ending))
    };
    let named = classes & ANY_NAME != 0;
    let word = classes & ANY_WORD != 0;
    let place = classes & ANY_PLACE != 0;
    let mut shape = 0;
    let mut set = |on: bool, bit: u64| shape |= if on { bit } else { 0 };
    set(!named && !word && !place, IN_NO_LIST);
    set(named && word, NAME_AND_WORD);
    set(named && !word, NAME_ONLY);
    set(place && !word && !named, PLACE_ONLY);
    set(!word && ends(STREET_ENDINGS), STREET_ENDING);
    set(!word && ends(SURNAME_ENDINGS), SURNAME_ENDING);
    set(!word && ends(PLACE_ENDINGS), PLACE_ENDING);
    set(!word && (folded.starts_with("mc") || folded.starts_with("mac")), MC_BEGINNING);
    shape
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

/// Sets [`PLACE_PHRASE`] on places of several words: the longest from each token on.
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

fn mark_surroundings(tokens: &[Token], seen: &mut [Seen]) {
    let count = seen.len();
    for at in 0..count {
        let before = |reach: usize| at.saturating_sub(reach)..at;
        let after = |reach: usize| at + 1..usize::min(at + 1 + reach, count);
        let class = |range: std::ops::Range<usize>, bits: Classes| {
            seen[range].iter().any(|s| s.classes & bits != 0)
        };
        let shaped = |range: std::ops::Range<usize>, bits: u64| {
            seen[range].iter().any(|s| s.shape & bits != 0)
        };
        let street = |range: std::ops::Range<usize>| {
            class(range.clone(), STREET) || shaped(range, STREET_ENDING)
        };
        let number = DIGITS_1 | DIGITS_1 << 1 | DIGITS_1 << 2 | DIGITS_1 << 3 | DIGIT_FIRST;
        let mut shape = 0;
        let mut set = |on: bool, bit: u64| shape |= if on { bit } else { 0 };
        set(street(before(6)), STREET_BEFORE);
        set(street(after(5)), STREET_AFTER);
        set(class(before(6), UNIT) || class(after(6), UNIT), UNIT_NEAR);
        set(class(before(5), ADDRESS_WORD), ADDRESS_WORD_BEFORE);
        set(class(before(4), NAME_WORD), NAME_WORD_BEFORE);
        set(shaped(before(4), number), NUMBER_BEFORE);
        set(shaped(after(4), number), NUMBER_AFTER);
        set(shaped(after(8), POSTCODE), POSTCODE_AFTER);
        let possessive = at + 2 < count
            && seen[at + 1].shape & APOSTROPHE != 0
            && seen[at + 2].shape & GLUED != 0
            && tokens[at + 2].end - tokens[at + 2].start == 1;
        set(possessive, BEFORE_POSSESSIVE_S);
        set(at > 0 && seen[at - 1].shape & COLON != 0, AFTER_LABEL);
        let name = |index: usize| seen.get(index).is_some_and(|s| s.shape & NAME_ONLY != 0);
        set(name(at + 1) || at > 0 && name(at - 1), NAME_NEIGHBOUR);
        // The run of capitalised words, signs of firms among them, that the token stands in.
        let in_run = |s: &Seen| {
            s.shape & (CAPITALISED | UPPER | MIXED_CASE | AMPERSAND) != 0
                || s.classes & (PARTICLE | lexicon::AND | lexicon::OF) != 0
        };
        if in_run(&seen[at]) {
            let ahead = seen[after(5)].iter().take_while(|s| in_run(s) || s.shape & COMMA != 0);
            let behind = seen[before(4)].iter().rev().take_while(|s| in_run(s));
            let (mut suffix, mut head) = (false, false);
            for s in ahead.chain(behind) {
                let capital = s.shape & (CAPITALISED | UPPER | MIXED_CASE) != 0;
                suffix |= capital && s.classes & ORG_SUFFIX != 0;
                head |= capital && s.classes & ORG_HEAD != 0;
            }
            set(suffix, ORG_SUFFIX_IN_RUN);
            set(head, ORG_HEAD_IN_RUN);
        }
        seen[at].shape |= shape;
    }
}

/// One of [`SUMMARIES`] kinds that a token is in the first place; pairs of neighbours are seen by it.
fn summary(this: &Seen, case: Case) -> u8 {
    // In the order of importance; 0 is the outside of a window.
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
    let (classes, shape) = (this.classes, this.shape);
    let name_only = shape & NAME_ONLY != 0;
    let lower = shape & LOWER != 0;
    if shape & KNOWN != 0 {
        return 1;
    }
    if let Some(index) = SIGNS.iter().position(|sign| shape & sign != 0) {
        return 2 + index as u8; // 2..=14
    }
    if shape & (DIGITS_1 * 0b11_1111) != 0 {
        let few = shape & (DIGITS_1 * 0b111) != 0;
        return if few {
            15
        } else if shape & DIGITS_6 == 0 {
            16
        } else {
            17
        };
    }
    if shape & (DIGIT_FIRST | LETTER_FIRST) != 0 {
        return if shape & DIGIT_FIRST != 0 { 18 } else { 19 };
    }
    // 20..=38. A name is a name first, but for words that hardly ever are one.
    let firm = lexicon::TITLE | STREET | ORG_SUFFIX | UNIT | DAY | MONTH | lexicon::NATION;
    let cue = CUES.iter().position(|cue| classes & cue != 0).map(|index| 20 + index as u8);
    if let Some(cue) = cue
        && (!name_only || classes & firm != 0 || lower && case == Case::Mixed)
    {
        return cue;
    }
    if shape & STREET_ENDING != 0 {
        return 39;
    }
    if shape & CASELESS != 0 {
        return if name_only {
            40
        } else if classes & ANY_PLACE != 0 {
            41
        } else {
            42
        };
    }
    if shape & SPACELESS != 0 {
        return 43;
    }
    if classes & PARTICLE != 0 && lower {
        return 44;
    }
    let word = classes & ANY_WORD != 0;
    let place = classes & (ANY_PLACE | PLACE_PHRASE) != 0;
    if lower {
        return match (name_only, word, place) {
            (true, _, true) => 45,
            (true, _, false) if classes & GIVEN != 0 => 46,
            (true, _, false) => 47,
            (false, _, true) if !word || classes & (PLACE_PHRASE | REGION) != 0 => 48,
            (false, true, _) if classes & (GIVEN | SURNAME) != 0 => 49,
            (false, true, _) if classes & (lexicon::TOP_WORD | lexicon::COMMON_WORD) != 0 => 50,
            (false, true, _) => 51,
            _ => 52,
        };
    }
    if shape & INITIAL != 0 {
        return 53;
    }
    if name_only {
        let given = classes & GIVEN != 0;
        let rare = classes & (GIVEN | SURNAME) == 0 && classes & RARE_SURNAME != 0;
        return if place {
            54
        } else if given {
            55
        } else if rare {
            56
        } else {
            57
        };
    }
    if place {
        return if word && classes & PLACE_PHRASE == 0 { 58 } else { 59 };
    }
    if word {
        return if classes & (GIVEN | SURNAME) != 0 {
            60
        } else if shape & SENTENCE_START != 0 {
            61
        } else {
            62
        };
    }
    63
}
