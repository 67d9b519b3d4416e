//! Which names mean the same person.
//!
//! Owns the linking of forms: "John Smith", "Smith, John", "J. Smith", "Mr Smith", "John" and
//! `john.smith@…`. Two forms are one person only if no second person fits; a form in doubt stays a
//! person of its own. Works on the values that were found, not on the texts.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Titles before or after a name, which are not part of it.
const TITLES: [&str; 34] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "sir",
    "madam",
    "herr",
    "frau",
    "fr",
    "senor",
    "senora",
    "sr",
    "sra",
    "monsieur",
    "madame",
    "mme",
    "rev",
    "father",
    "sister",
    "nurse",
    "doctor",
    "capt",
    "jr",
    "phd",
    "md",
    "dds",
    "esq",
    "signor",
    "signora",
    "mlle",
];
/// Small words inside a surname.
const PARTICLES: [&str; 26] = [
    "van", "von", "de", "der", "den", "del", "della", "di", "da", "dos", "du", "la", "le", "el",
    "al", "bin", "ibn", "ben", "ter", "ten", "zu", "af", "av", "st", "mac", "y",
];

/// A name in the form in which names are compared: lower case, no accents, no titles, surname last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    words: Vec<String>,
}

impl Name {
    /// Reads a name in any of the ways in which people write it.
    pub(super) fn of(value: &str) -> Self {
        let plain = plain(value);
        // "Smith, John": the surname was written first.
        let turned = match plain.split_once(',') {
            Some((last, first)) if !first.trim().is_empty() => format!("{first} {last}"),
            _ => plain,
        };
        let words = turned
            .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-')
            .map(|word| word.trim_matches(['\'', '-']).trim_end_matches("'s"))
            .filter(|word| !word.is_empty() && !TITLES.contains(word))
            .map(str::to_owned)
            .collect();
        Self { words }
    }

    fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    fn last(&self) -> Option<&str> {
        self.words.last().map(String::as_str)
    }

    fn is_full(&self) -> bool {
        self.words.len() >= 2 && self.words.iter().any(|word| word.chars().count() > 1)
    }

    /// Whether `other`, a shorter or abbreviated form, may mean the person of this full name.
    fn may_be(&self, other: &Self) -> bool {
        match other.words.as_slice() {
            [] => false,
            [word] => self.first() == Some(word) || self.last() == Some(word),
            [first, .., last] => {
                let initial = first.chars().count() == 1
                    && self.first().is_some_and(|f| f.starts_with(first.as_str()));
                // "John Michael Smith" is "John Smith", and "van der Berg" is part of "Jan van der
                // Berg".
                self.last() == Some(last) && (self.first() == Some(first) || initial)
                    || self.words.ends_with(&other.words)
            }
        }
    }
}

/// Lower case without accents.
fn plain(value: &str) -> String {
    value
        .nfd()
        .filter(|c| !is_combining_mark(*c))
        .collect::<String>()
        .to_lowercase()
        .replace('\u{2019}', "'")
}

/// The parts of a full name that may occur alone: its words without titles, particles and initials,
/// as they were written.
pub(super) fn parts(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '\u{2019}' && c != '-')
        .map(|word| word.trim_matches(['\'', '\u{2019}', '-']))
        .filter(|word| {
            let lower = plain(word);
            word.chars().count() > 1
                && word.chars().all(|c| !c.is_numeric())
                && !TITLES.contains(&lower.as_str())
                && !PARTICLES.contains(&lower.as_str())
        })
}

/// Which part of a person's name a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The given name, or a name that stands alone.
    First,
    /// The surname.
    Last,
    /// Given name and surname.
    Full,
}

/// The people of a corpus, numbered from 0 in the order in which they were first named.
#[derive(Debug, Default)]
pub(super) struct People {
    by_form: BTreeMap<Name, usize>,
    /// Full names of each person; empty for a person who is known by a single word.
    full: Vec<Vec<Name>>,
}

impl People {
    /// Links the forms of names, in order of their first appearance.
    pub(super) fn link<'v>(values: impl Iterator<Item = &'v str>) -> Self {
        let mut seen = BTreeSet::new();
        let names: Vec<Name> = values
            .map(Name::of)
            .filter(|name| !name.words.is_empty() && seen.insert(name.clone()))
            .collect();
        // The longest names first, since shorter forms are compared with them.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|i| {
            std::cmp::Reverse(names[*i].words.iter().filter(|w| w.chars().count() > 1).count())
        });
        // A group holds indices into `names`; its smallest member numbers the person.
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for i in order {
            let name = &names[i];
            let mut fits = (0..groups.len()).filter(|group| {
                groups[*group].iter().any(|j| names[*j].is_full() && names[*j].may_be(name))
            });
            match (fits.next(), fits.next()) {
                (Some(only), None) => groups[only].push(i),
                _ => groups.push(vec![i]),
            }
        }
        groups.sort_by_key(|group| group.iter().min().copied());
        let mut people = Self::default();
        for (number, group) in groups.into_iter().enumerate() {
            let full = group.iter().map(|i| names[*i].clone()).filter(Name::is_full).collect();
            people.full.push(full);
            people.by_form.extend(group.into_iter().map(|i| (names[i].clone(), number)));
        }
        people
    }

    /// The number of the person whom a value names. A form that was never met before is a new
    /// person.
    pub(super) fn number(&mut self, value: &str) -> usize {
        let name = Name::of(value);
        if let Some(known) = self.by_form.get(&name) {
            return *known;
        }
        let number = self.only(|full| full.may_be(&name)).unwrap_or_else(|| {
            self.full.push(if name.is_full() { vec![name.clone()] } else { Vec::new() });
            self.full.len() - 1
        });
        self.by_form.insert(name, number);
        number
    }

    /// The fullest form of a person's name, else of `value`; hashes are made from it.
    pub(super) fn canonical(&self, person: usize, value: &str) -> String {
        let fullest = self
            .full
            .get(person)
            .and_then(|names| names.iter().max_by_key(|name| name.words.len()));
        fullest.cloned().unwrap_or_else(|| Name::of(value)).words.join(" ")
    }

    /// Which part of a person's name a value is.
    pub(super) fn role(&self, person: usize, value: &str) -> Part {
        let name = Name::of(value);
        let [word] = name.words.as_slice() else { return Part::Full };
        let full = self.full.get(person).map(Vec::as_slice).unwrap_or_default();
        if full.iter().any(|full| full.last() == Some(word)) { Part::Last } else { Part::First }
    }

    /// The person to whom an e-mail address belongs, by its part before the @, where exactly one
    /// fits.
    pub(super) fn owner(&self, local: &str) -> Option<usize> {
        let local = plain(local.split('+').next().unwrap_or_default());
        let words: Vec<&str> =
            local.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        self.only(|full| {
            let (Some(first), Some(last)) = (full.first(), full.last()) else { return false };
            let initial = first.chars().next().map(String::from).unwrap_or_default();
            let letters = words.concat();
            let both = words.contains(&last)
                && (words.contains(&first) || words.contains(&initial.as_str()));
            both || [format!("{first}{last}"), format!("{last}{first}"), format!("{initial}{last}")]
                .contains(&letters)
        })
    }

    /// The person with a full name that fits, if there is exactly one.
    fn only(&self, fits: impl Fn(&Name) -> bool) -> Option<usize> {
        let mut found = (0..self.full.len()).filter(|number| self.full[*number].iter().any(&fits));
        found.next().filter(|_| found.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[&str]) -> Vec<usize> {
        let mut people = People::link(values.iter().copied());
        values.iter().map(|value| people.number(value)).collect()
    }

    #[test]
    fn forms_of_one_person_are_linked() {
        let forms = [
            "Mr Smith",
            "John Smith",
            "john smith",
            "Smith, John",
            "J. Smith",
            "John",
            "Dr. John M. Smith",
            "JOHN",
        ];
        assert_eq!(numbers(&forms), [0; 8]);
        assert_eq!(numbers(&["José García", "Jose Garcia", "García", "Señora García"]), [0; 4]);
        assert_eq!(numbers(&["Jan van der Berg", "van der Berg", "Berg"]), [0; 3]);
    }

    #[test]
    fn a_form_that_fits_two_people_is_neither() {
        assert_eq!(numbers(&["John Smith", "Ann Smith", "Smith", "Ann"]), [0, 1, 2, 1]);
        assert_eq!(numbers(&["J Smith", "John Smith", "Jane Smith"]), [0, 1, 2]);
        assert_eq!(numbers(&["Ana", "Ben", "Ana"]), [0, 1, 0]);
    }

    #[test]
    fn an_address_belongs_to_whom_it_names() {
        let people = People::link(["John Smith", "Ann Smith", "Zoë Brown"].into_iter());
        for (local, owner) in [
            ("john.smith", Some(0)),
            ("smith_john82", Some(0)),
            ("jsmith", Some(0)),
            ("a.smith", Some(1)),
            ("zoebrown", Some(2)),
            ("zoe.brown+lists", Some(2)),
            ("smith", None),
            ("info", None),
            ("", None),
        ] {
            assert_eq!(people.owner(local), owner, "{local}");
        }
    }

    #[test]
    fn parts_are_what_a_person_is_called_by() {
        assert_eq!(parts("Dr. Jan van der Berg-Smit").collect::<Vec<_>>(), ["Jan", "Berg-Smit"]);
        assert_eq!(parts("J. O'Neil 3rd").collect::<Vec<_>>(), ["O'Neil"]);
    }
}
