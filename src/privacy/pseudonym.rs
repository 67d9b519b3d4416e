//! What is written in place of personal data.
//!
//! Owns the strategies and the table from value to replacement. Within a run, the same value always
//! gets the same replacement, as does the same person in all forms that can be linked. Ages and
//! dates of birth are not hidden but made coarse.

use std::collections::{BTreeMap, HashMap};

use base16ct::lower::encode_string;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::entity::Entity;
use super::fakes::Fakes;
use super::people::People;
use super::{Key, patterns};

/// What a removed value is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// `[PERSON_1]`, numbered in the order of first appearance.
    Redact,
    /// A made-up value of the same kind, drawn by the seed.
    Replace,
    /// `[PERSON_3f9a12cd77b0]`, by a keyed HMAC-SHA256: the same person gets the same one in every
    /// run with the same key, and without the key nobody can guess who it is.
    Hash,
}

impl Strategy {
    /// The strategy's name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Replace => "replace",
            Self::Hash => "hash",
        }
    }
}

/// The table from values to replacements.
pub(super) struct Pseudonyms {
    strategy: Strategy,
    key: Key,
    people: People,
    fakes: Fakes,
    /// Replacements by kind and comparable form of the value.
    given: HashMap<(Entity, String), String>,
    /// Replacements in use, and the value that each stands for: the first form met, or a longer one
    /// of a person's name.
    used: BTreeMap<String, (Entity, String)>,
    /// How many values of each kind were numbered.
    counts: HashMap<Entity, usize>,
}

/// Made-up values that are tried before the search for an unused one is given up.
const ATTEMPTS: usize = 1_000;

impl Pseudonyms {
    /// A table for the values of a corpus, in order of first appearance: the people among them are
    /// linked before the first is numbered.
    pub(super) fn new<'v>(
        strategy: Strategy,
        key: Key,
        values: impl Iterator<Item = (Entity, &'v str)>,
    ) -> Self {
        let people = People::link(
            values.filter(|(entity, _)| *entity == Entity::Person).map(|(_, value)| value),
        );
        let fakes = Fakes::new(key.seed());
        Self {
            strategy,
            key,
            people,
            fakes,
            given: HashMap::new(),
            used: BTreeMap::new(),
            counts: HashMap::new(),
        }
    }

    /// The replacement of a value.
    pub(super) fn of(&mut self, entity: Entity, value: &str) -> String {
        match entity {
            Entity::Age => return "90+".to_owned(),
            Entity::DateOfBirth => {
                if let Some(year) = patterns::birth_year(value) {
                    return year.to_string();
                }
            }
            _ => {}
        }
        let form = comparable(entity, value);
        if let Some(known) = self.given.get(&(entity, form.clone())) {
            return known.clone();
        }
        let made = match self.person_behind(entity, value) {
            Some(person) => self.of_person(person, entity, value),
            None => self.of_thing(entity, &form, value),
        };
        self.used.entry(made.clone()).or_insert_with(|| (entity, value.to_owned()));
        self.given.insert((entity, form), made.clone());
        made
    }

    /// Each replacement in use, with its kind and the value that it stands for; of several forms,
    /// the longest.
    pub(super) fn table(&self) -> impl Iterator<Item = (&str, Entity, &str)> {
        self.used.iter().map(|(made, (entity, value))| (made.as_str(), *entity, value.as_str()))
    }

    fn person_behind(&mut self, entity: Entity, value: &str) -> Option<usize> {
        match entity {
            Entity::Person => Some(self.people.number(value)),
            Entity::EmailAddress => self.people.owner(value.split('@').next()?),
            Entity::UserHandle => self.people.owner(value.trim_start_matches('@')),
            _ => None,
        }
    }

    fn of_person(&mut self, person: usize, entity: Entity, value: &str) -> String {
        let suffix = match entity {
            Entity::EmailAddress => "_EMAIL",
            Entity::UserHandle => "_HANDLE",
            _ => "",
        };
        let made = match self.strategy {
            Strategy::Redact => format!("[PERSON_{}{suffix}]", person + 1),
            Strategy::Hash => {
                let digest = self.digest("person", &self.people.canonical(person, value));
                format!("[PERSON_{digest}{suffix}]")
            }
            Strategy::Replace => match entity {
                Entity::EmailAddress => self.fakes.email_of(person),
                Entity::UserHandle => self.fakes.handle_of(person),
                _ => self.fakes.person(person, self.people.role(person, value)),
            },
        };
        // Of the forms of a name, the longest is the one to restore.
        let kept = self.used.entry(made.clone()).or_insert_with(|| (entity, value.to_owned()));
        if value.len() > kept.1.len() && entity == Entity::Person {
            value.clone_into(&mut kept.1);
        }
        made
    }

    fn of_thing(&mut self, entity: Entity, form: &str, value: &str) -> String {
        match self.strategy {
            Strategy::Redact => format!("[{}_{}]", entity.name(), self.next(entity)),
            Strategy::Hash => format!("[{}_{}]", entity.name(), self.digest(entity.name(), form)),
            // A made-up value must stand for one value alone, or restoring would give another one.
            Strategy::Replace => {
                let mut made = String::new();
                for _ in 0..ATTEMPTS {
                    let number = self.next(entity);
                    made = self.fakes.thing(entity, number, value);
                    if made != value && !self.used.contains_key(&made) {
                        return made;
                    }
                }
                // All values of this form are taken.
                format!("{made}-{}", self.next(entity))
            }
        }
    }

    fn next(&mut self, entity: Entity) -> usize {
        let count = self.counts.entry(entity).or_default();
        *count += 1;
        *count
    }

    /// The first 48 bits of the keyed hash, in hex. Among a million values, the chance that any two
    /// are equal is one in 500.
    fn digest(&self, kind: &str, form: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(form.as_bytes());
        encode_string(&mac.finalize().into_bytes()[..6])
    }
}

/// A form of a value in which its different spellings are equal.
fn comparable(entity: Entity, value: &str) -> String {
    let folded = super::fold::Folded::of(value).text.to_lowercase();
    match entity {
        // The number is the same with or without spaces, dashes and brackets.
        Entity::PhoneNumber
        | Entity::CreditCard
        | Entity::IbanCode
        | Entity::UsSsn
        | Entity::UkNhs
        | Entity::UkNino
        | Entity::Passport
        | Entity::DriverLicense => folded.chars().filter(|c| c.is_alphanumeric()).collect(),
        Entity::Url => folded.trim_end_matches('/').to_owned(),
        _ => folded.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const VALUES: [(Entity, &str); 7] = [
        (Entity::EmailAddress, "info@example.org"),
        (Entity::Person, "Mr Smith"),
        (Entity::Person, "John Smith"),
        (Entity::EmailAddress, "john.smith@example.org"),
        (Entity::PhoneNumber, "+44 20 7946 0958"),
        (Entity::PhoneNumber, "+442079460958"),
        (Entity::Person, "Ana"),
    ];

    fn made(strategy: Strategy, key: Key) -> Vec<String> {
        let mut table = Pseudonyms::new(strategy, key, VALUES.into_iter());
        VALUES.into_iter().map(|(entity, value)| table.of(entity, value)).collect()
    }

    #[test]
    fn redaction_numbers_people_and_things() {
        let expected = [
            "[EMAIL_ADDRESS_1]",
            "[PERSON_1]",
            "[PERSON_1]",
            "[PERSON_1_EMAIL]",
            "[PHONE_NUMBER_1]",
            "[PHONE_NUMBER_1]",
            "[PERSON_2]",
        ];
        assert_eq!(made(Strategy::Redact, Key::of_seed(1)), expected);
    }

    #[test]
    fn a_hash_follows_the_key_and_the_person() {
        let made_by = |seed| made(Strategy::Hash, Key::of_seed(seed));
        let (one, other) = (made_by(1), made_by(2));
        assert_eq!(one, made_by(1));
        assert!(one.iter().zip(&other).all(|(a, b)| a != b), "{one:?}");
        assert_eq!(one[1], one[2]);
        assert_eq!(one[3], one[1].replace(']', "_EMAIL]"));
        assert!(one[1].len() == "[PERSON_]".len() + 12);
    }

    #[test]
    fn a_fake_keeps_the_form_and_the_person() {
        let made = made(Strategy::Replace, Key::of_seed(1));
        assert!(made[2].ends_with(&made[1]) && made[2] != made[1], "{made:?}");
        assert!(made[3].contains('@') && made[4] == made[5] && made[4] != VALUES[4].1);
        for ((_, value), fake) in VALUES.iter().zip(&made) {
            assert_ne!(value, fake);
        }
    }

    #[test]
    fn what_replaces_a_value_stands_for_it_alone() {
        let number = |i: usize| (Entity::RecordId, format!("{i:04}"));
        let mac =
            |i: usize| (Entity::MacAddress, format!("3c:22:fb:00:{:02x}:{:02x}", i / 256, i % 256));
        let ip = |i: usize| (Entity::IpAddress, format!("10.1.{}.{}", i / 256, i % 256));
        for of in [number as fn(usize) -> (Entity, String), mac, ip] {
            let mut table = Pseudonyms::new(Strategy::Replace, Key::of_seed(1), [].into_iter());
            let values: Vec<_> = (0..2_000).map(of).collect();
            let made: BTreeSet<String> =
                values.iter().map(|(entity, value)| table.of(*entity, value)).collect();
            assert_eq!(made.len(), 2_000, "{:?}", values[0]);
            for (made, _, value) in table.table() {
                assert_ne!(made, value);
            }
        }
    }

    #[test]
    fn ages_and_births_are_made_coarse() {
        let mut table = Pseudonyms::new(Strategy::Hash, Key::of_seed(1), [].into_iter());
        assert_eq!(table.of(Entity::Age, "93 years old"), "90+");
        assert_eq!(table.of(Entity::DateOfBirth, "7 February 1961"), "1961");
    }

    #[test]
    fn the_table_leads_back_to_the_longest_form() {
        let mut table = Pseudonyms::new(Strategy::Redact, Key::of_seed(1), VALUES.into_iter());
        for (entity, value) in VALUES {
            table.of(entity, value);
        }
        let person = table.table().find(|(made, ..)| *made == "[PERSON_1]");
        assert_eq!(person, Some(("[PERSON_1]", Entity::Person, "John Smith")));
    }
}
