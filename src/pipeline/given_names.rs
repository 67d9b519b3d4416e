//! The names that personas bear.
//!
//! Owns which names fit the people of a segment: a woman's or a man's where the data says that a
//! clear majority are women or men, else one that either may bear. A name must not claim what nobody
//! said.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::traits::{Answers, is_clear_majority};
use crate::corpus::Corpus;
use crate::schema::Held;

/// Names from many languages, one a line; `f` or `m` follows those that only women or men bear.
const NAMES: &str = include_str!("names.txt");

/// What a name says of who bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gender {
    Female,
    Male,
}

/// The names of a run, in an order drawn by its seed.
#[derive(Debug, Clone)]
pub(super) struct Names([Vec<&'static str>; 3]);

impl Names {
    /// All names that are not `taken`.
    pub(super) fn new(seed: u64, taken: impl Fn(&str) -> bool) -> Self {
        let of = |mark: Option<&str>| {
            let mut names: Vec<&'static str> = NAMES
                .lines()
                .map(|line| line.split_once(' ').map_or((line, None), |(n, m)| (n, Some(m))))
                .filter(|(name, own)| *own == mark && !taken(name))
                .map(|(name, _)| name)
                .collect();
            if names.is_empty() {
                names.push("Participant");
            }
            names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            names
        };
        Self([of(Some("f")), of(Some("m")), of(None)])
    }

    /// The names for people of this gender, or of none that is known.
    pub(super) fn of(&self, gender: Option<Gender>) -> &[&'static str] {
        let [female, male, either] = &self.0;
        match gender {
            Some(Gender::Female) => female,
            Some(Gender::Male) => male,
            None => either,
        }
    }
}

/// The gender of a clear majority of each group, where a column tells it.
pub(super) fn genders(corpus: &Corpus, groups: &[BTreeSet<String>]) -> Vec<Option<Gender>> {
    let column = Answers::of(corpus, asks_gender).into_iter().next();
    let of_group = |speakers: &BTreeSet<String>| {
        let column = column.as_ref()?;
        let men_are_h = column.cells.values().any(|cell| cell.eq_ignore_ascii_case("h"));
        let held = column.held(speakers);
        [Gender::Female, Gender::Male].into_iter().find(|gender| {
            let is_so = |cell: &str| gender_of(cell, men_are_h) == Some(*gender);
            let given = held.iter().filter(|(cell, _)| is_so(cell)).map(|(_, held)| held.given);
            let (given, first) = (given.sum(), held.first());
            first.is_some_and(|(_, held)| is_clear_majority(&Held { given, ..*held }))
        })
    };
    groups.iter().map(of_group).collect()
}

/// Whether a column's name says that it holds people's gender.
fn asks_gender(name: &str) -> bool {
    const GENDER: &[&str] = &[
        "gender",
        "sex",
        "pronouns",
        "geschlecht",
        "género",
        "genero",
        "gênero",
        "genre",
        "sexe",
        "sexo",
        "genere",
        "sesso",
        "geslacht",
        "kön",
        "køn",
        "kjønn",
        "пол",
        "性别",
        "性別",
        "성별",
    ];
    let words: Vec<String> = words(name);
    words.len() <= 7 && words.iter().any(|word| GENDER.contains(&word.as_str()))
}

/// The gender that a cell names. In Spanish and Portuguese, `H` is a man and `M` then a woman.
fn gender_of(cell: &str, men_are_h: bool) -> Option<Gender> {
    const FEMALE: &[&str] = &[
        "female",
        "woman",
        "women",
        "she",
        "girl",
        "weiblich",
        "frau",
        "femme",
        "féminin",
        "mujer",
        "femenino",
        "femenina",
        "donna",
        "femmina",
        "femminile",
        "mulher",
        "feminino",
        "feminina",
        "vrouw",
        "vrouwelijk",
        "kvinna",
        "kvinde",
        "kvinne",
        "женский",
        "женщина",
        "女",
        "女性",
        "여성",
        "여자",
    ];
    const MALE: &[&str] = &[
        "male",
        "man",
        "men",
        "he",
        "boy",
        "männlich",
        "mann",
        "homme",
        "masculin",
        "hombre",
        "masculino",
        "uomo",
        "maschio",
        "maschile",
        "homem",
        "mannelijk",
        "mand",
        "мужской",
        "мужчина",
        "男",
        "男性",
        "남성",
        "남자",
    ];
    let words = words(cell);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let letter = words.first().filter(|_| words.len() == 1).map(String::as_str);
    let female =
        has(FEMALE) || matches!(letter, Some("f" | "w")) || letter == Some("m") && men_are_h;
    let male = has(MALE) || letter == Some("h") || letter == Some("m") && !men_are_h;
    match (female, male) {
        (true, false) => Some(Gender::Female),
        (false, true) => Some(Gender::Male),
        _ => None,
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::segments::speaker;
    use crate::pipeline::tests::row;

    fn gender(column: &str, cells: &[&str]) -> Option<Gender> {
        let row = |(at, cell): (usize, &&str)| {
            row(at, &format!("P{at}"), &[(column, (*cell).to_owned())])
        };
        let records = cells.iter().enumerate().map(row).collect();
        let corpus = Corpus { records, ..Corpus::default() };
        let all = corpus.records.iter().map(|record| speaker(&corpus, record)).collect();
        genders(&corpus, &[all])[0]
    }

    #[test]
    fn a_clear_majority_gives_the_gender_of_a_name() {
        assert_eq!(gender("Gender", &["Female", "woman", "F", "male"]), Some(Gender::Female));
        assert_eq!(gender("What is your gender?", &["Man (cis)"; 3]), Some(Gender::Male));
        assert_eq!(gender("Geschlecht", &["m", "m", "m", "w"]), Some(Gender::Male));
        assert_eq!(gender("sexo", &["M", "M", "M", "H"]), Some(Gender::Female));
        assert_eq!(gender("gender", &["female", "male", "female", "male"]), None);
        assert_eq!(gender("gender", &["non-binary", "prefer not to say", "1"]), None);
        assert_eq!(gender("role", &["woman"; 4]), None, "another column");
    }

    #[test]
    fn names_are_marked_and_come_once() {
        let names = Names::new(1, |name| name == "Alex");
        let all: Vec<&str> = names.0.iter().flatten().copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(names.of(Some(Gender::Female)).contains(&"Fatima"));
        assert!(names.of(Some(Gender::Male)).contains(&"Omar"));
        assert!(names.of(None).contains(&"Robin") && !names.of(None).contains(&"Alex"));
        assert!(names.0.iter().all(|names| names.len() >= 60), "enough for many drafts");
    }
}
