//! What sets people apart, as features: the words they use, what they are for and against, and the
//! columns that describe them.
//!
//! Owns which words, values and figures count as features, and how much each weighs. A feature is
//! either present in a unit (a participant, or a record) or not. How units are then parted is left
//! to [`super::clusters`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::agreement::{QUESTIONNAIRE, agreeing};
use super::handling::of_handling;
use super::stance::stances;
use crate::corpus::{ColumnKind, Corpus, Record, is_no_answer, number};
use crate::prompts::passages::words;

/// A free answer of at most this many words is taken whole, as a value of its column.
const SHORT_CELL: usize = 3;
/// Most different values of a column for it to count as categories; above, its words are compared.
const CATEGORIES: usize = 60;
/// Parts into which the values of a numeric column are cut, as even in size as possible.
const BANDS: usize = 4;
/// A feature counts only where at least this share of the units have it. A feature of a few units
/// cannot bring many together, and many such features would drown those that can.
const LEAST_SHARE: f64 = 0.03;
/// Units that are enough for a feature to count, however many there are.
const LEAST_ENOUGH: usize = 100;
/// A feature that more than this share of all units have does not set anyone apart.
const EVERYONE: f64 = 0.9;
/// Most words, pairs of words and stances that are compared; the most frequent ones are taken.
const VOCABULARY: usize = 20_000;
/// How much more a stance counts than a word: people are parted by what they think of things rather
/// than by which things they mention. Measured on planted segments, as is [`TOGETHER`].
const STANCE: f64 = 2.0;
/// Features that always come together (the words of a stock phrase) count for little more than one:
/// each is divided by their number to this power. At 0.5 together they would count for exactly one.
const TOGETHER: f64 = 0.35;

/// Units by features, as a sparse matrix.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// What each feature is called: `trust`, `not trust`, `+app` (spoken well of), `role=nurse`,
    /// `age≥45`.
    pub(super) names: Vec<String>,
    /// The weight of each feature where it is present.
    pub(super) weights: Vec<f64>,
    /// The features of each unit, ascending.
    pub(super) units: Vec<Vec<u32>>,
    /// How many features, the first, come from what people say.
    pub(super) spoken: usize,
    /// The column of each of the others.
    columns: Vec<Arc<str>>,
}

impl Features {
    /// The features of `units`, each a list of records.
    pub(super) fn of(corpus: &Corpus, units: &[Vec<usize>]) -> Self {
        let columns = columns(corpus);
        let mut known = Names::default();
        let mut said: Vec<Said> =
            units.iter().map(|unit| Said::of(corpus, unit, &columns, &mut known)).collect();
        for (column, edges) in bands(&said) {
            let names: Vec<u32> =
                edges.iter().map(|edge| known.answer(&column, &format!("≥{edge}"))).collect();
            for said in &mut said {
                let Some(mean) = said.mean(&column) else { continue };
                let above = edges.iter().zip(&names).filter(|(edge, _)| mean >= **edge);
                said.features.extend(above.map(|(_, name)| *name));
                // Who is below all edges has given an answer, too.
                if let Some(edge) = edges.first().filter(|edge| mean < **edge) {
                    said.features.insert(known.answer(&column, &format!("<{edge}")));
                }
            }
        }
        let said: Vec<HashSet<u32>> = said.into_iter().map(|said| said.features).collect();
        known.kept(&said)
    }

    /// What a unit says, of its features.
    pub(super) fn spoken_by(&self, unit: usize) -> impl Iterator<Item = u32> {
        self.units[unit].iter().copied().take_while(|feature| (*feature as usize) < self.spoken)
    }

    /// The columns that say something of a unit, each with its features.
    pub(super) fn answered_by(&self, unit: usize) -> BTreeMap<&str, Vec<u32>> {
        let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for &feature in &self.units[unit] {
            if let Some(column) = self.column_of(feature as usize) {
                found.entry(column).or_default().push(feature);
            }
        }
        found
    }

    /// The column of a feature that is not spoken.
    fn column_of(&self, feature: usize) -> Option<&str> {
        self.columns.get(feature.checked_sub(self.spoken)?).map(|column| &**column)
    }

    /// What a feature is made of: its words, or its column.
    pub(super) fn sources(&self, feature: usize) -> impl Iterator<Item = &str> {
        let column = self.column_of(feature);
        let words = if column.is_some() { "" } else { self.names[feature].as_str() };
        let words = words.split(' ').map(|word| word.trim_start_matches(['+', '-']));
        words.filter(|word| !word.is_empty()).chain(column)
    }

    /// The same units by only some of the features.
    pub(super) fn only(&self, stays: impl Fn(usize) -> bool) -> Self {
        let stay: Vec<usize> = (0..self.names.len()).filter(|feature| stays(*feature)).collect();
        let mut places = vec![None; self.names.len()];
        for (place, &feature) in stay.iter().enumerate() {
            places[feature] = Some(place as u32);
        }
        let own = |unit: &Vec<u32>| unit.iter().filter_map(|f| places[*f as usize]).collect();
        Self {
            names: stay.iter().map(|&feature| self.names[feature].clone()).collect(),
            weights: stay.iter().map(|&feature| self.weights[feature]).collect(),
            units: self.units.iter().map(own).collect(),
            spoken: stay.iter().filter(|feature| **feature < self.spoken).count(),
            columns: stay.iter().filter_map(|&f| self.column_of(f).map(Arc::from)).collect(),
        }
    }

    /// Some of the units, by all features.
    pub(super) fn of_units(&self, units: &[usize]) -> Self {
        Self {
            names: self.names.clone(),
            weights: self.weights.clone(),
            units: units.iter().map(|&unit| self.units[unit].clone()).collect(),
            columns: self.columns.clone(),
            ..*self
        }
    }

    /// What columns say of each unit, as a point beside the mean of all. Where there is a
    /// [`QUESTIONNAIRE`] of columns, the points are as far apart, on average, as those of length 1.
    pub(super) fn column_points(&self) -> Vec<Vec<f64>> {
        let (units, width) = (self.units.len(), self.names.len() - self.spoken);
        let spread = spread(&self.units, self.names.len());
        let number = |unit: &Vec<u32>, at: usize| {
            let feature = self.spoken + at;
            let share = spread[feature] as f64 / units as f64;
            let has = f64::from(u8::from(unit.binary_search(&(feature as u32)).is_ok()));
            self.weights[feature] * (has - share)
        };
        let point =
            |unit: &Vec<u32>| -> Vec<f64> { (0..width).map(|at| number(unit, at)).collect() };
        let mut points: Vec<Vec<f64>> = self.units.iter().map(point).collect();
        let squares: f64 = points.iter().flatten().map(|x| x * x).sum();
        let share = self.share_of_questionnaire();
        let scale = if squares > 0.0 { (share * units as f64 / squares).sqrt() } else { 0.0 };
        for x in points.iter_mut().flatten() {
            *x *= scale;
        }
        points
    }

    /// How much the columns are of a questionnaire, by their number: 1 from [`QUESTIONNAIRE`] on.
    fn share_of_questionnaire(&self) -> f64 {
        let count = self.columns.iter().collect::<HashSet<_>>().len();
        (count as f64 / QUESTIONNAIRE as f64).min(1.0)
    }

    /// Makes all columns together weigh as much as all text of who says something, however many words
    /// there are; save that where there are fewer than [`QUESTIONNAIRE`], they weigh less.
    fn balance(&mut self) {
        let spread = spread(&self.units, self.names.len());
        let speak = (0..self.units.len()).filter(|&unit| self.spoken_by(unit).next().is_some());
        let speak = speak.count().max(1) as f64 / self.units.len().max(1) as f64;
        let inertia = |range: Range<usize>| -> f64 {
            let one = |feature: usize| {
                self.weights[feature].powi(2) * variance(spread[feature], self.units.len())
            };
            range.map(one).sum()
        };
        let text = inertia(0..self.spoken) / speak;
        let columns = inertia(self.spoken..self.names.len());
        if text > 0.0 && columns > 0.0 {
            let scale = self.share_of_questionnaire() * (text / columns).sqrt();
            for weight in &mut self.weights[self.spoken..] {
                *weight *= scale;
            }
        }
    }
}

/// All features met so far, numbered as they come; which of them count is known only after all
/// units are read.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<String, u32>,
    /// The column of each feature; `None` where it comes from free text.
    sources: Vec<Option<Arc<str>>>,
}

impl Names {
    fn word(&mut self, name: String) -> u32 {
        self.number(name, None)
    }

    /// `value` begins with the sign that parts it from the column's name.
    fn answer(&mut self, column: &str, value: &str) -> u32 {
        self.number(format!("{column}{value}"), Some(column))
    }

    fn number(&mut self, name: String, source: Option<&str>) -> u32 {
        let next = self.sources.len() as u32;
        *self.numbers.entry(name).or_insert_with(|| {
            self.sources.push(source.map(Arc::from));
            next
        })
    }

    /// Keeps the features that enough units have, but not nearly all; spoken features come first.
    fn kept(self, said: &[HashSet<u32>]) -> Features {
        let mut spread = vec![0usize; self.sources.len()];
        for &feature in said.iter().flatten() {
            spread[feature as usize] += 1;
        }
        let (least, most) = bounds(said.len());
        let is_kept = |feature: &u32| (least..=most).contains(&spread[*feature as usize]);
        let all = 0..self.sources.len() as u32;
        let (mut kept, answers): (Vec<u32>, Vec<u32>) =
            all.filter(is_kept).partition(|&feature| self.sources[feature as usize].is_none());
        kept.sort_by_key(|&feature| std::cmp::Reverse(spread[feature as usize]));
        kept.truncate(VOCABULARY);
        let spoken = kept.len();
        let columns = answers.iter().filter_map(|&at| self.sources[at as usize].clone()).collect();
        kept.extend(answers);

        let mut places = vec![u32::MAX; self.sources.len()];
        for (place, &feature) in kept.iter().enumerate() {
            places[feature as usize] = place as u32;
        }
        let mut names = vec![String::new(); kept.len()];
        for (name, number) in self.numbers {
            if let Some(place) = names.get_mut(places[number as usize] as usize) {
                *place = name;
            }
        }
        let place = |feature: &u32| Some(places[*feature as usize]).filter(|p| *p != u32::MAX);
        let unit = |said: &HashSet<u32>| {
            let mut own: Vec<u32> = said.iter().filter_map(place).collect();
            own.sort_unstable();
            own
        };
        let units: Vec<Vec<u32>> = said.iter().map(unit).collect();
        let weights = weights(&units, &names, spoken);
        let all = Features { names, weights, units, spoken, columns };
        let agreeing = agreeing(&all);
        let agrees = |feature| all.column_of(feature).is_none_or(|of| agreeing.contains(of));
        let mut features = all.only(agrees);
        features.balance();
        features
    }
}

/// The fewest and the most of `units` that may have a feature for it to count.
fn bounds(units: usize) -> (usize, usize) {
    let least = ((units as f64 * LEAST_SHARE) as usize).clamp(2, LEAST_ENOUGH);
    let least = if units < 4 { 1 } else { least };
    (least, ((units as f64 * EVERYONE) as usize).max(least))
}

/// The features of one unit, and its figures.
#[derive(Debug, Default)]
struct Said {
    features: HashSet<u32>,
    /// Each numeric column's figures, one per record.
    figures: BTreeMap<String, Vec<f64>>,
}

impl Said {
    fn of(
        corpus: &Corpus,
        unit: &[usize],
        columns: &HashMap<String, ColumnKind>,
        known: &mut Names,
    ) -> Self {
        let mut said = Self::default();
        for &index in unit {
            let record = &corpus.records[index];
            // Speakers' own names say nothing about what they are like.
            let named: BTreeSet<String> =
                record.participant.iter().flat_map(|who| words(who)).collect();
            for (column, cell) in cells(record) {
                match column.and_then(|name| Some((name, *columns.get(name)?))) {
                    Some((_, ColumnKind::Identifier)) => {}
                    Some((name, ColumnKind::Numeric)) => said.count(name, cell),
                    Some((name, ColumnKind::Categorical)) => {
                        let value = format!("={}", cell.trim().to_lowercase());
                        said.features.insert(known.answer(name, &value));
                    }
                    Some((_, ColumnKind::FreeText)) if is_no_answer(cell) => {}
                    Some((name, ColumnKind::FreeText)) if words(cell).nth(SHORT_CELL).is_none() => {
                        let short = words(cell).collect::<Vec<_>>().join(" ");
                        said.features.insert(known.answer(name, &format!("={short}")));
                    }
                    Some((_, ColumnKind::FreeText)) | None => said.hear(cell, &named, known),
                }
            }
        }
        said
    }

    fn count(&mut self, column: &str, cell: &str) {
        // In a numeric column the few values that are not figures are left out.
        if let Some(figure) = number(cell) {
            self.figures.entry(column.to_owned()).or_default().push(figure);
        }
    }

    fn mean(&self, column: &str) -> Option<f64> {
        let figures = self.figures.get(column)?;
        Some(figures.iter().sum::<f64>() / figures.len() as f64)
    }

    /// Adds words, stances, and pairs of neighbouring words: `trust` alone does not set apart those
    /// who never trust.
    fn hear(&mut self, text: &str, named: &BTreeSet<String>, known: &mut Names) {
        let mut before: Option<String> = None;
        for word in words(text) {
            if named.contains(&word) {
                before = None;
                continue;
            }
            if let Some(before) = &before {
                self.features.insert(known.word(format!("{before} {word}")));
            }
            self.features.insert(known.word(word.clone()));
            before = Some(word);
        }
        self.features.extend(stances(text).into_iter().map(|stance| known.word(stance)));
    }
}

/// The kind as which each column is read; one that says nothing of the person only identifies.
fn columns(corpus: &Corpus) -> HashMap<String, ColumnKind> {
    let about_records = of_handling(corpus);
    let read = corpus.columns().into_iter().map(|column| {
        let is_spoken = column.kind == ColumnKind::FreeText;
        let many = column.kind == ColumnKind::Categorical && column.distinct > CATEGORIES;
        let kind = match column.kind {
            _ if !is_spoken && about_records.contains(&column.name) => ColumnKind::Identifier,
            _ if many => ColumnKind::FreeText,
            kind => kind,
        };
        (column.name, kind)
    });
    read.collect()
}

/// The cells that a participant answers for, with their columns: neither questions nor headings.
fn cells(record: &Record) -> impl Iterator<Item = (Option<&str>, &str)> {
    record.cells().map(|(start, cell)| (record.column_at(start), cell))
}

/// Where the figures of each numeric column are cut. A figure has the features of all the edges
/// that it reaches, so that near figures share most of them.
fn bands(said: &[Said]) -> BTreeMap<String, Vec<f64>> {
    let columns: BTreeSet<&String> = said.iter().flat_map(|said| said.figures.keys()).collect();
    let edges = columns.into_iter().map(|column| {
        let mut means: Vec<f64> = said.iter().filter_map(|said| said.mean(column)).collect();
        means.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..BANDS).map(|band| means[band * means.len() / BANDS]).collect();
        edges.dedup();
        edges.retain(|edge| *edge > means[0]);
        (column.clone(), edges)
    });
    edges.collect()
}

/// Weight of each feature, in units of its own spread; stances weigh more and stock phrases less.
fn weights(units: &[Vec<u32>], names: &[String], spoken: usize) -> Vec<f64> {
    let spread = spread(units, names.len());
    let together = together(units, names.len());
    let weigh = |feature: usize| {
        let stance = feature < spoken && names[feature].starts_with(['+', '-']);
        let kind = if stance { STANCE } else { 1.0 };
        let variance = variance(spread[feature], units.len());
        kind * (together[feature] as f64).powf(-TOGETHER) / variance.max(1e-9).sqrt()
    };
    (0..names.len()).map(weigh).collect()
}

/// How many units have each feature.
fn spread(units: &[Vec<u32>], features: usize) -> Vec<usize> {
    let mut spread = vec![0usize; features];
    for &feature in units.iter().flatten() {
        spread[feature as usize] += 1;
    }
    spread
}

/// The variance of a feature that some of the units have.
fn variance(having: usize, units: usize) -> f64 {
    let share = having as f64 / units as f64;
    share * (1.0 - share)
}

/// For each feature, how many features are present in exactly the same units.
fn together(units: &[Vec<u32>], features: usize) -> Vec<usize> {
    // A sum of well-mixed unit numbers stands for the set of units (splitmix64's constants).
    let mix = |unit: usize| {
        let x = (unit as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    };
    let mut sets = vec![0u64; features];
    for (unit, own) in units.iter().enumerate() {
        for &feature in own {
            sets[feature as usize] = sets[feature as usize].wrapping_add(mix(unit));
        }
    }
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for set in &sets {
        *counts.entry(*set).or_default() += 1;
    }
    sets.iter().map(|set| counts[set]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::row;

    #[test]
    fn a_column_that_goes_with_no_words_counts_only_among_too_few_people_to_tell() {
        let counts = |people: usize| {
            let likes = ["bread", "music", "rain", "hills", "trains"];
            let person = |at: usize| {
                let (one, other) = (likes[at / 2 % 5], likes[at / 10 % 5]);
                let comment = format!("On day {at} I like {one} and a little {other}.");
                let team = if at.is_multiple_of(2) { "red" } else { "blue" };
                row(at, &format!("P{at}"), &[("comment", comment), ("team", team.to_owned())])
            };
            let corpus = Corpus { records: (0..people).map(person).collect(), ..Corpus::default() };
            let units: Vec<Vec<usize>> = (0..people).map(|record| vec![record]).collect();
            Features::of(&corpus, &units).names.contains(&"team=red".to_owned())
        };
        assert!(counts(12));
        assert!(!counts(60));
    }

    #[test]
    fn columns_place_people_as_far_apart_as_there_are_columns_of_a_questionnaire() {
        const NAMES: [&str; 6] = ["team", "town", "plan", "shift", "floor", "room"];
        let squared_length = |columns: usize| {
            let person = |at: usize| {
                let cells =
                    (0..columns).map(|of| (NAMES[of], [["a", "b"], ["b", "a"]][of % 2][at % 2]));
                let cells: Vec<(&str, String)> = cells.map(|(n, v)| (n, v.to_owned())).collect();
                row(at, &format!("P{at}"), &cells)
            };
            let corpus = Corpus { records: (0..8).map(person).collect(), ..Corpus::default() };
            let units: Vec<Vec<usize>> = (0..8).map(|record| vec![record]).collect();
            let points = Features::of(&corpus, &units).column_points();
            points.iter().flatten().map(|x| x * x).sum::<f64>() / points.len() as f64
        };
        for (columns, share) in [(1, 0.25), (2, 0.5), (4, 1.0), (6, 1.0)] {
            assert!((squared_length(columns) - share).abs() < 1e-9, "{columns}");
        }
    }

    #[test]
    fn those_who_have_nothing_to_say_are_not_alike() {
        let said =
            ["The queue is long.", "The door was shut.", "n/a", "N/A", "nothing", "Nothing."];
        let person = |at: usize| {
            let text = said
                .get(at)
                .map_or(format!("On day {at} it rained and I sat inside."), |s| (*s).into());
            row(at, &format!("P{at}"), &[("comment", text)])
        };
        let corpus = Corpus { records: (0..30).map(person).collect(), ..Corpus::default() };
        let units: Vec<Vec<usize>> = (0..30).map(|record| vec![record]).collect();
        let names = Features::of(&corpus, &units).names;
        assert!(
            !names.iter().any(|name| name.contains("n a") || name.contains("nothing")),
            "{names:?}"
        );
        assert!(
            names.contains(&"rained".to_owned()) || names.contains(&"the".to_owned()),
            "{names:?}"
        );
    }

    #[test]
    fn what_a_column_says_of_the_record_is_no_feature_of_the_person() {
        let person = |at: usize| {
            let cells = [
                ("role", ["nurse", "porter"][at % 2].to_owned()),
                ("interviewer", ["Kim", "Lou", "Max"][at / 4].to_owned()),
                ("duration_sec", (300 + at * 7 % 50).to_string()),
            ];
            row(at, &format!("P{at}"), &cells)
        };
        let corpus = Corpus { records: (0..12).map(person).collect(), ..Corpus::default() };
        let units: Vec<Vec<usize>> = (0..12).map(|record| vec![record]).collect();
        let mut names = Features::of(&corpus, &units).names;
        names.sort_unstable();
        assert_eq!(names, ["role=nurse", "role=porter"]);
    }
}
