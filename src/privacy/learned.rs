//! Finding values known to be personal wherever they occur.
//!
//! Owns the search for many values at once and what counts as an occurrence: a whole word, in the
//! same case or in a case that leaves no doubt. Finds in one record what another has taught, and
//! removed values in what is written or sent.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::entity::{Entity, Span};
use super::fold::Folded;
use super::{PrivacyError, names, people};

/// Score of an occurrence: enough to be removed, but below what the text itself shows.
const SCORE: f32 = 0.8;

/// Names that are also words that begin sentences, and the words that follow them there.
const BEGINNERS: [&str; 2] = ["will", "may"];
const AFTER_BEGINNERS: [&str; 14] = [
    "i", "you", "he", "she", "it", "we", "they", "this", "that", "there", "the", "these", "my",
    "be",
];
/// Words that may stand before the month of May.
const BEFORE_MAY: [&str; 14] = [
    "in", "of", "since", "last", "next", "this", "early", "late", "until", "by", "mid", "from",
    "during", "before",
];

/// Values to be found again.
#[derive(Debug)]
pub(super) struct Learned {
    values: Vec<(String, Entity)>,
    finder: AhoCorasick,
}

impl Learned {
    /// Learns values. A person's name is learned with its parts. Values too short or too common to
    /// identify anyone are not learned; of `unsure` values, which only a model took for personal,
    /// neither are everyday words, capital or not.
    pub(super) fn of<'v>(
        sure: impl Iterator<Item = (&'v str, Entity)>,
        unsure: impl Iterator<Item = (&'v str, Entity)>,
    ) -> Result<Self, PrivacyError> {
        let mut known: BTreeMap<String, Entity> = BTreeMap::new();
        let doubted = unsure.map(|(value, entity)| (value, entity, true));
        for (value, entity, doubted) in sure.map(|(v, e)| (v, e, false)).chain(doubted) {
            let folded = Folded::of(value).text.trim().to_owned();
            let is_telling =
                |value: &str| is_telling(value, entity) && !(doubted && is_everyday(value));
            if entity == Entity::Person {
                for part in people::parts(&folded).filter(|part| is_telling(part)) {
                    known.entry(part.to_owned()).or_insert(entity);
                }
            }
            if is_telling(&folded) {
                if doubted {
                    known.entry(folded).or_insert(entity);
                } else {
                    known.insert(folded, entity);
                }
            }
        }
        let values: Vec<(String, Entity)> = known.into_iter().collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(values.iter().map(|(value, _)| value))
            .map_err(|error| PrivacyError::TooMuch(error.to_string()))?;
        Ok(Self { values, finder })
    }

    /// Where the values occur in `text`; spans may overlap.
    pub(super) fn find(&self, text: &str) -> Vec<Span> {
        let folded = Folded::of(text);
        let found = self.finder.find_overlapping_iter(folded.text.as_ref()).filter_map(|found| {
            let (value, entity) = &self.values[found.pattern().as_usize()];
            is_met(&folded.text, found.start(), found.end(), value, *entity).then(|| {
                let (start, end) = folded.range(found.start(), found.end());
                Span { start, end, entity: *entity, score: SCORE }
            })
        });
        found.collect()
    }
}

/// Whether a value can be told from ordinary words and numbers.
fn is_telling(value: &str, entity: Entity) -> bool {
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    match entity {
        Entity::Person => {
            // Not a single letter, nor a word that is only a name with a capital.
            letters >= 2
                && value.chars().any(|c| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase())
                || letters >= 3 && !names::is_common_word(value)
        }
        Entity::Age | Entity::DateOfBirth => digits >= 5,
        Entity::Location | Entity::Organization | Entity::Address => {
            letters >= 3
                && value
                    .chars()
                    .any(|c| !c.is_lowercase() && c.is_alphabetic() || c.is_ascii_digit())
                && !(value.split_whitespace().count() == 1 && names::is_common_word(value))
        }
        _ => letters + digits >= 5,
    }
}

/// Whether a value consists only of everyday words.
fn is_everyday(value: &str) -> bool {
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| names::is_common_word(word) || word.chars().count() < 2)
}

/// Whether `text[start..end]`, which equals `value` except in case, stands for the value.
fn is_met(text: &str, start: usize, end: usize, value: &str, entity: Entity) -> bool {
    let (before, met, after) = (&text[..start], &text[start..end], &text[end..]);
    let joins = |inside: Option<char>, outside: Option<char>| {
        inside.zip(outside).is_some_and(|(i, o)| in_words(i) && in_words(o))
    };
    if joins(met.chars().next(), before.chars().next_back())
        || joins(met.chars().next_back(), after.chars().next())
    {
        return false;
    }
    // The `Don` of `Don't` is not the name.
    let mut rest = after.chars();
    if matches!(rest.next(), Some('\'' | '\u{2019}'))
        && matches!(rest.next(), Some('t' | 'T'))
        && !rest.next().is_some_and(char::is_alphabetic)
    {
        return false;
    }
    if met != value {
        let shouted = met.chars().all(|c| !c.is_lowercase());
        let one_word = !value.contains(|c: char| !c.is_alphabetic());
        if one_word && (names::is_common_word(value) || value.len() < 4) {
            return false;
        }
        if one_word && !shouted && entity != Entity::Person && entity != Entity::UserHandle {
            return false;
        }
    }
    let lower = met.to_lowercase();
    !BEGINNERS.contains(&lower.as_str()) || is_the_name(before, &lower, after)
}

/// Whether a letter belongs to a script that writes spaces between words.
fn in_words(c: char) -> bool {
    let without_spaces = ('\u{e00}'..='\u{eff}').contains(&c)
        || ('\u{3040}'..='\u{9fff}').contains(&c)
        || ('\u{ac00}'..='\u{d7af}').contains(&c);
    c.is_alphanumeric() && !without_spaces
}

/// Tells Will from "Will it work?", and May from the month and from "May I?".
fn is_the_name(before: &str, word: &str, after: &str) -> bool {
    let next = after.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let previous =
        before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let dated = next.starts_with(|c: char| c.is_ascii_digit())
        || previous.ends_with(|c: char| c.is_ascii_digit());
    let month = word == "may" && (dated || BEFORE_MAY.contains(&previous.to_lowercase().as_str()));
    !month && !AFTER_BEGINNERS.contains(&next.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met<'t>(values: &[(&str, Entity)], text: &'t str) -> Vec<&'t str> {
        let learned = Learned::of(values.iter().copied(), [].into_iter()).unwrap();
        let spans = super::super::entity::resolve(learned.find(text));
        spans.into_iter().map(|span| &text[span.start..span.end]).collect()
    }

    #[test]
    fn a_name_is_met_with_its_parts() {
        let values = [("Ana Moreira", Entity::Person)];
        assert_eq!(
            met(&values, "Then Ana and MOREIRA said; ana moreira left. Banana. Anas."),
            ["Ana", "MOREIRA", "ana moreira"]
        );
        assert_eq!(met(&[("田中", Entity::Person)], "昨日田中さんが来た"), ["田中"]);
        assert_eq!(met(&values, "with Ana\u{200b} Moreira"), ["Ana\u{200b} Moreira"]);
    }

    #[test]
    fn a_name_that_is_a_word_is_told_from_it() {
        let values = [("Will Rose", Entity::Person), ("May Lin", Entity::Person)];
        assert_eq!(
            met(&values, "Will it work? I will. A rose. Will said so, and Rose."),
            ["Will", "Rose"]
        );
        assert_eq!(met(&[("Don Hall", Entity::Person)], "Don't ask. Don’t. Don's."), ["Don"]);
        assert_eq!(met(&values, "In May 2020 we met. May I? Then May laughed."), ["May"]);
    }

    #[test]
    fn everyday_words_of_a_model_are_not_learned() {
        let unsure = [("The Weather", Entity::Person), ("The Qorvath", Entity::Person)];
        let learned = Learned::of([].into_iter(), unsure.into_iter()).unwrap();
        let text = "The Weather is bad, The end. Qorvath says so.";
        let found: Vec<&str> =
            learned.find(text).into_iter().map(|span| &text[span.start..span.end]).collect();
        assert_eq!(found, ["Qorvath"]);
    }

    #[test]
    fn small_numbers_and_common_words_are_not_learned() {
        let values = [("56", Entity::Address), ("12", Entity::Age), ("12345678", Entity::RecordId)];
        assert_eq!(met(&values, "56 of 12 in 12345678 or 123456789"), ["12345678"]);
    }
}
