//! What may be said of a segment: what a clear majority of it holds, or clearly more of it than of
//! everybody.
//!
//! Owns the counting of answers, person by person, and when a count is enough for a trait. Which
//! columns are asked is up to [`super::facts`] and [`super::answers`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::columns::{Spellings, is_of_people};
use super::segments::speaker;
use crate::corpus::{Corpus, is_blank};
use crate::prompts::choices::Separator;
use crate::schema::Held;

/// Fewest people who hold a trait, where not everyone asked does.
const LEAST: usize = 3;
/// Of less than a quarter of the segment, nothing is told of the whole.
const ANSWERED: usize = 4;
/// Fewest different numbers in the cells of a scale, and the highest number of one: people are asked
/// for 1 to 5, 1 to 7, 0 to 10.
const SCALE_LEAST: usize = 4;
const SCALE_MOST: i64 = 10;
/// One-sided 5 % point of the normal distribution.
const SURE: f64 = 1.645;

/// A column, read person by person.
#[derive(Debug)]
pub(super) struct Answers<'c> {
    pub(super) name: &'c str,
    /// What stands between the answers in a cell, where people could tick several.
    pub(super) separator: Option<Separator>,
    /// Each person's cell.
    pub(super) cells: BTreeMap<String, &'c str>,
}

impl<'c> Answers<'c> {
    /// The columns whose name fits, in order of their first appearance. Of somebody with two different
    /// cells, a column says nothing; where many have them, it is about no person, and is left out.
    pub(super) fn of(corpus: &'c Corpus, fits: impl Fn(&str) -> bool) -> Vec<Self> {
        let speakers: Vec<String> =
            corpus.records.iter().map(|record| speaker(corpus, record)).collect();
        let mut order: Vec<&str> = Vec::new();
        let mut found: BTreeMap<&str, Option<Vec<(&str, &str)>>> = BTreeMap::new();
        for (record, who) in corpus.records.iter().zip(&speakers) {
            for column in &record.columns {
                let cell = record.text[column.start..column.end].trim();
                if is_blank(cell) {
                    continue;
                }
                let cells = found.entry(&column.name).or_insert_with(|| {
                    order.push(&column.name);
                    fits(&column.name).then(Vec::new)
                });
                if let Some(cells) = cells {
                    cells.push((who, cell));
                }
            }
        }
        order.into_iter().filter_map(|name| Self::of_people(name, found.remove(name)??)).collect()
    }

    fn of_people(name: &'c str, cells: Vec<(&str, &'c str)>) -> Option<Self> {
        let spellings = Spellings::of(cells.iter().map(|(_, cell)| *cell));
        let mut people: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for (who, cell) in cells {
            let cell = spellings.most_used(cell);
            let known = people.entry(who).or_insert(Some(cell));
            *known = known.filter(|known| *known == cell);
        }
        let clashing = people.values().filter(|cell| cell.is_none()).count();
        let is_of_people = is_of_people(name, clashing, people.len());
        let cells: BTreeMap<String, &str> =
            people.into_iter().filter_map(|(who, cell)| Some((who.to_owned(), cell?))).collect();
        let all: Vec<&str> = cells.values().copied().collect();
        is_of_people.then(|| Self { name, separator: Separator::of(&all), cells })
    }

    /// What a person answered: the cell, or each answer in it.
    fn given(&self, who: &str) -> Vec<&'c str> {
        let Some(cell) = self.cells.get(who) else { return Vec::new() };
        match self.separator {
            Some(separator) => separator.split(cell).into_iter().map(|at| &cell[at]).collect(),
            None => vec![cell],
        }
    }

    /// The answer that most of these people gave; of a scale, the end or the middle where most of them
    /// are, since few agree on one of its numbers. Nothing where too few of them answered.
    pub(super) fn commonest(&self, speakers: &BTreeSet<String>) -> Option<(String, Held)> {
        let held = self.held(speakers);
        let &(first, _) = held.first()?;
        let Some(bands) = self.bands() else { return Some((first.to_owned(), held[0].1)) };
        let within = |band: &RangeInclusive<i64>, who: &str| {
            let number = self.cells.get(who).and_then(|cell| cell.parse().ok());
            number.is_some_and(|number| band.contains(&number))
        };
        let counted = bands.into_iter().map(|band| {
            let all = self.cells.keys().filter(|who| within(&band, who));
            let (here, elsewhere): (Vec<&String>, Vec<_>) =
                all.partition(|who| speakers.contains(*who));
            let given = here.len();
            (band, Held { given, given_by_all: given + elsewhere.len(), ..held[0].1 })
        });
        let (band, held) =
            counted.reduce(|most, next| if next.1.given > most.1.given { next } else { most })?;
        let (low, high) = (band.start(), band.end());
        Some((if low == high { low.to_string() } else { format!("{low}–{high}") }, held))
    }

    /// Both ends of a scale, a third of it each, and its middle, where all cells are numbers of one.
    fn bands(&self) -> Option<Vec<RangeInclusive<i64>>> {
        let numbers: Option<BTreeSet<i64>> =
            self.cells.values().map(|cell| cell.parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.len() >= SCALE_LEAST)?;
        let (low, high) = (*numbers.first()?, *numbers.last()?);
        if low < 0 || high > SCALE_MOST {
            return None;
        }
        let third = (high - low) / 3;
        let bands = [low..=low + third, low + third + 1..=high - third - 1, high - third..=high];
        Some(bands.into_iter().filter(|band| !band.is_empty()).collect())
    }

    /// How many of these people, and of all, gave each answer that one of them gave; most frequent
    /// first. Nothing where too few of them answered.
    pub(super) fn held(&self, speakers: &BTreeSet<String>) -> Vec<(&'c str, Held)> {
        let mut here: BTreeMap<&str, usize> = BTreeMap::new();
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        let mut answered = 0;
        for who in self.cells.keys() {
            let is_here = speakers.contains(who);
            answered += usize::from(is_here);
            for answer in self.given(who).into_iter().collect::<BTreeSet<_>>() {
                *all.entry(answer).or_default() += 1;
                *here.entry(answer).or_default() += usize::from(is_here);
            }
        }
        if answered * ANSWERED < speakers.len() {
            return Vec::new();
        }
        let held = |(answer, given): (&'c str, usize)| {
            let (given_by_all, answered_by_all) = (all[answer], self.cells.len());
            (answer, Held { given, answered, given_by_all, answered_by_all })
        };
        let mut held: Vec<_> = here.into_iter().filter(|(_, given)| *given > 0).map(held).collect();
        held.sort_by_key(|&(answer, held)| (std::cmp::Reverse(held.given), answer));
        held
    }
}

/// Whether an answer may be told as a trait of the segment.
pub(super) fn is_trait(held: &Held) -> bool {
    is_clear_majority(held) || is_clearly_more(held)
}

/// Fewest people who show that an answer which all of them gave is the study's and not theirs: consent,
/// a filter, a figure that a tool writes.
const EVERYBODY: usize = 8;

/// Whether everybody gave the answer, so that it tells nothing of anybody.
pub(super) fn is_everybodys(held: &Held) -> bool {
    held.answered_by_all >= EVERYBODY && held.given_by_all == held.answered_by_all
}

/// Whether most of those asked hold it: what a minority holds is not said of the whole.
pub(super) fn is_majority(held: &Held) -> bool {
    held.given * 2 > held.answered
}

/// Whether two thirds of those asked hold it: with half of them, the next survey may say the
/// opposite.
pub(super) fn is_clear_majority(held: &Held) -> bool {
    held.given * 3 >= held.answered * 2 && (held.given >= LEAST || held.given == held.answered)
}

/// Whether most hold it, and so many that it is no accident of drawing `answered` of all people: more
/// than the hypergeometric mean by [`SURE`] standard deviations, with a correction for continuity, which
/// keeps two of three from counting.
pub(super) fn is_clearly_more(held: &Held) -> bool {
    let [given, answered, given_by_all, all] =
        [held.given, held.answered, held.given_by_all, held.answered_by_all].map(|n| n as f64);
    if held.given < LEAST || !is_majority(held) || held.answered >= held.answered_by_all {
        return false;
    }
    let share = given_by_all / all;
    let variance = answered * share * (1.0 - share) * (all - answered) / (all - 1.0);
    variance > 0.0 && given - 0.5 - answered * share >= SURE * variance.sqrt()
}

/// By how much more of the segment hold it than of the others.
pub(super) fn lift(held: &Held) -> f64 {
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let others = held.answered_by_all - held.answered;
    share(held.given, held.answered) - share(held.given_by_all - held.given, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::row;

    fn held(given: usize, answered: usize, given_by_all: usize, answered_by_all: usize) -> Held {
        Held { given, answered, given_by_all, answered_by_all }
    }

    #[test]
    fn a_trait_is_held_by_a_clear_majority_or_by_clearly_more_than_elsewhere() {
        for (counts, is) in [
            (held(7, 9, 12, 30), true),
            (held(3, 3, 3, 40), true),
            (held(2, 3, 2, 3), false),
            (held(51, 100, 150, 300), false),
            (held(51, 100, 60, 300), true),
            (held(5, 9, 9, 18), false),
            (held(5, 9, 5, 36), true),
            (held(4, 9, 4, 12), false),
            (held(40, 90, 40, 400), false),
            (held(30, 100, 31, 1000), false),
        ] {
            assert_eq!(is_trait(&counts), is, "{counts:?}");
        }
    }

    #[test]
    fn what_everybody_answers_tells_nothing_of_anybody() {
        assert!(is_everybodys(&held(3, 3, 9, 9)));
        assert!(!is_everybodys(&held(3, 3, 8, 9)) && !is_everybodys(&held(3, 3, 5, 5)));
    }

    #[test]
    fn of_a_scale_an_end_or_the_middle_is_told() {
        let told = |cells: &[&str]| {
            let row = |(at, cell): (usize, &&str)| {
                row(at, &format!("P{at}"), &[("trust", (*cell).to_owned())])
            };
            let records = cells.iter().enumerate().map(row).collect();
            let corpus = Corpus { records, ..Corpus::default() };
            let speakers = corpus.records[..4].iter().map(|r| speaker(&corpus, r)).collect();
            let found = Answers::of(&corpus, |_| true)[0].commonest(&speakers);
            found.map(|(what, held)| format!("{what}: {held}"))
        };
        let of = |cells| told(cells).unwrap();
        assert_eq!(of(&["4", "5", "5", "2", "1", "2", "3", "4"]), "4–5: 3 of 4; 50 % of all");
        assert_eq!(of(&["0", "2", "3", "9", "10", "7", "6", "5"]), "0–3: 3 of 4; 38 % of all");
        assert_eq!(of(&["1", "1", "2", "1", "2", "2", "2", "2"]), "1: 3 of 4; 38 % of all");
        assert_eq!(of(&["a", "a", "a", "b", "c", "d"]), "a: 3 of 4; 50 % of all");
    }

    #[test]
    fn each_answer_of_a_cell_is_counted_once_for_its_person() {
        let cells = ["Bus; Car", "Bus", "Car; Walk", "Bus; Car", "Walk", "Walk"];
        let records = (0..6).map(|at| row(at, &format!("P{at}"), &[("ways", cells[at].into())]));
        let corpus = Corpus { records: records.collect(), ..Corpus::default() };
        let answers = Answers::of(&corpus, |name| name == "ways");
        let speakers = corpus.records[..3].iter().map(|r| speaker(&corpus, r)).collect();
        let found: Vec<String> = answers[0]
            .held(&speakers)
            .iter()
            .map(|(what, held)| format!("{what} {held}"))
            .collect();
        assert_eq!(
            found,
            ["Bus 2 of 3; 50 % of all", "Car 2 of 3; 50 % of all", "Walk 1 of 3; 50 % of all"]
        );
        let twice = [("ways", "Bus".to_owned())];
        let records = [row(0, "P", &twice), row(1, "P", &[("ways", "Car".to_owned())])];
        let corpus = Corpus { records: records.into(), ..Corpus::default() };
        assert!(Answers::of(&corpus, |_| true).is_empty(), "two cells of one person");
    }
}
