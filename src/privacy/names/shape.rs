//! How a token is written: capitals, digits, signs, endings.
//!
//! Owns the bits of a shape. Their positions are part of the features' numbers, see `features.rs`.

use super::lexicon::{ANY_NAME, ANY_PLACE, ANY_WORD, Classes};
use super::tokens::{Kind, Token};

/// Declares the bits of a shape.
macro_rules! shapes {
    ($($name:ident = $bit:literal;)+) => { $(pub(super) const $name: u64 = 1 << $bit;)+ };
}

shapes! {
    CAPITALISED = 0;
    UPPER = 1;
    LOWER = 2;
    INITIAL = 3;
    MIXED_CASE = 4;
    DIGITS_1 = 5;
    // Bit 5 + n - 1 stands for n digits; DIGITS_6 for 6 or more.
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

/// Bits that describe a token's surroundings; they are features of the token itself, not of its
/// neighbours.
pub(super) const SURROUNDINGS: u64 = STREET_BEFORE
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

/// The bits that the text of a token and the white space before it show.
pub(super) fn shape(word: &str, token: &Token) -> u64 {
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

/// Whether a word mixes letters and digits as postcodes do: `SW1A`, `2XY`, `K1A`, `1234AB`.
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

/// The bits that the spelling of a folded word shows, in addition to its classes.
pub(super) fn spelling(folded: &str, classes: Classes) -> u64 {
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
