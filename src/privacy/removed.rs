//! What was removed, kept in memory to make sure that it stays out.
//!
//! Owns the check of what is written or sent, and the map that leads back. The values never stand
//! in a log, a report or an error; a map is written only where the user names a file for it.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

use super::PrivacyError;
use super::entity::{Entity, Span, resolve};
use super::learned::Learned;
use super::pseudonym::Pseudonyms;

/// Values that must not occur again, and what stands in their place.
#[derive(Debug)]
pub struct Removed {
    values: Learned,
    /// How many spans of each kind were replaced.
    pub counts: BTreeMap<Entity, usize>,
    replacements: BTreeMap<String, (Entity, String)>,
}

impl Removed {
    /// Collects removed values; `unsure` are those that only a model took for personal.
    pub(super) fn of(
        values: &BTreeSet<(String, Entity)>,
        unsure: &BTreeSet<String>,
        pseudonyms: &Pseudonyms,
        counts: BTreeMap<Entity, usize>,
    ) -> Result<Self, PrivacyError> {
        let replacements = pseudonyms
            .table()
            .map(|(made, entity, value)| (made.to_owned(), (entity, value.to_owned())))
            .collect();
        let (doubted, sure): (Vec<_>, Vec<_>) = values
            .iter()
            .map(|(value, entity)| (value.as_str(), *entity))
            .partition(|(value, _)| unsure.contains(*value));
        Ok(Self {
            values: Learned::of(sure.into_iter(), doubted.into_iter())?,
            counts,
            replacements,
        })
    }

    /// Removed values that occur in `text`, except inside replacements.
    pub fn met_in(&self, text: &str) -> Vec<Span> {
        self.outside_replacements(text, resolve(self.values.find(text)))
    }

    /// Whether a word is a removed value, or part of a removed name.
    pub fn holds(&self, word: &str) -> bool {
        !self.values.find(word).is_empty()
    }

    /// Those of the spans that are not part of a replacement: a made-up address has the form of a
    /// real one.
    pub fn outside_replacements(&self, text: &str, spans: Vec<Span>) -> Vec<Span> {
        spans.into_iter().filter(|span| !self.is_replacement(text, span)).collect()
    }

    fn is_replacement(&self, text: &str, span: &Span) -> bool {
        let value = &text[span.start..span.end];
        if self.replacements.contains_key(value) {
            return true;
        }
        let near = text.floor_char_boundary(span.start.saturating_sub(64))
            ..text.ceil_char_boundary((span.end + 64).min(text.len()));
        let offset = near.start;
        let near = &text[near];
        self.replacements.keys().filter(|made| made.contains(value)).any(|made| {
            near.match_indices(made.as_str())
                .any(|(at, _)| offset + at <= span.start && span.end <= offset + at + made.len())
        })
    }

    /// `text` with every removed value in it masked by its kind; `None` where it holds none.
    pub fn mask(&self, text: &str) -> Option<String> {
        let met = self.met_in(text);
        if met.is_empty() {
            return None;
        }
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for span in met {
            masked.push_str(&text[end..span.start]);
            masked.push('[');
            masked.push_str(span.entity.name());
            masked.push(']');
            end = span.end;
        }
        masked.push_str(&text[end..]);
        Some(masked)
    }

    /// The map from replacements back to values, for the user alone.
    pub fn map(&self) -> PiiMap {
        let entries = self.replacements.iter().map(|(made, (entity, value))| MapEntry {
            replacement: made.clone(),
            entity: *entity,
            value: value.clone(),
        });
        PiiMap { version: 1, entries: entries.collect() }
    }
}

/// The map from replacements back to values, which `--pii-map` writes and `privacy restore` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PiiMap {
    version: u32,
    entries: Vec<MapEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MapEntry {
    replacement: String,
    entity: Entity,
    value: String,
}

impl PiiMap {
    /// The texts that stand in the place of values.
    pub fn replacements(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.replacement.as_str())
    }

    /// A search for all replacements at once, which can restore values.
    pub fn restorer(&self) -> Result<Restorer<'_>, PrivacyError> {
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(self.entries.iter().map(|entry| &entry.replacement))
            .map_err(|error| PrivacyError::TooMuch(error.to_string()))?;
        Ok(Restorer { map: self, finder })
    }
}

/// Replaces replacements by the values that they stand for.
#[derive(Debug)]
pub struct Restorer<'m> {
    map: &'m PiiMap,
    finder: AhoCorasick,
}

impl Restorer<'_> {
    /// `text` with every replacement turned back into its value, and how many there were. Years and
    /// bands of age cannot be turned back; of several forms of a name, the longest is restored.
    pub fn restore(&self, text: &str) -> (String, usize) {
        let mut restored = String::with_capacity(text.len());
        let (mut end, mut count) = (0, 0);
        for found in self.finder.find_iter(text) {
            let inside = |a: Option<char>, b: Option<char>| {
                a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
            };
            let (before, met, after) =
                (&text[..found.start()], &text[found.range()], &text[found.end()..]);
            let part_of_a_word = inside(before.chars().next_back(), met.chars().next())
                || inside(met.chars().next_back(), after.chars().next());
            if !part_of_a_word {
                restored.push_str(&text[end..found.start()]);
                restored.push_str(&self.map.entries[found.pattern().as_usize()].value);
                end = found.end();
                count += 1;
            }
        }
        restored.push_str(&text[end..]);
        (restored, count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Strategy};
    use super::*;

    fn removed(strategy: Strategy) -> Removed {
        let values = [
            (Entity::Person, "Ana Moreira"),
            (Entity::EmailAddress, "ana@mail.example"),
            (Entity::Address, "56"),
        ];
        let mut table = Pseudonyms::new(strategy, Key::of_seed(1), values.iter().copied());
        for (entity, value) in values {
            table.of(entity, value);
        }
        let values = values.map(|(entity, value)| (value.to_owned(), entity)).into();
        Removed::of(&values, &BTreeSet::new(), &table, BTreeMap::new()).unwrap()
    }

    #[test]
    fn a_removed_value_is_masked_wherever_it_comes_back() {
        let removed = removed(Strategy::Redact);
        let masked = removed.mask("Then Moreira (ana@mail.example) left with 56 others.");
        assert_eq!(masked.as_deref(), Some("Then [PERSON] ([EMAIL_ADDRESS]) left with 56 others."));
        assert_eq!(removed.mask("[PERSON_1] left; a banana stayed."), None);
        assert!(removed.holds("Ana") && !removed.holds("Bea"));
    }

    #[test]
    fn the_map_leads_back_and_knows_its_words() {
        for strategy in [Strategy::Redact, Strategy::Replace, Strategy::Hash] {
            let removed = removed(strategy);
            let map = removed.map();
            let text = serde_json::to_string(&map).unwrap();
            let map: PiiMap = serde_json::from_str(&text).unwrap();
            let person =
                removed.replacements.iter().find(|(_, (entity, _))| *entity == Entity::Person);
            let made = person.unwrap().0;
            let told = format!("I met {made}, and no{made}s.");
            let (restored, count) = map.restorer().unwrap().restore(&told);
            // A bracket ends a word, but a made-up name inside another word does not count.
            let expected = match strategy {
                Strategy::Replace => (format!("I met Ana Moreira, and no{made}s."), 1),
                _ => ("I met Ana Moreira, and noAna Moreiras.".to_owned(), 2),
            };
            assert_eq!((restored, count), expected, "{strategy:?}");
        }
    }
}
