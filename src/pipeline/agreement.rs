//! Which columns agree with anything else that is known of people.
//!
//! Owns the measure and what follows of it. A column of few values parts people more sharply than
//! words ever do, and so would decide who is in which segment even where it is drawn by lot. A segment
//! is a kind of person only where several things that are known of people agree: so a column counts
//! where what people say differs with it, or where a questionnaire's worth of columns agree.
//!
//! The measure is the RV coefficient of two tables about the same units. It is compared with its mean
//! and spread over all ways of dealing the units of one table out anew, which have closed forms (Josse,
//! Pagès, Husson, 2008, <https://doi.org/10.1016/j.csda.2008.06.012>): chance is computed, not drawn.

use std::collections::{BTreeMap, BTreeSet};

use super::features::Features;

/// Most units that are compared. Where more are needed to find an agreement, it is too weak to matter.
const SAMPLE: usize = 400;
/// Fewest units that show an agreement.
const LEAST: usize = 8;
/// Standard deviations above chance from which a column goes with what people say, of a distribution
/// that may be as skewed as a chi-squared one: each column has several chances to agree with something,
/// and one that does so by chance would decide over what people say.
const SURE: f64 = 4.0;
/// The same for two columns, which count only where two other ones agree as well.
const SURE_AMONG: f64 = 3.0;
/// The share of what one column tells that another tells, too, from which they are one column in two
/// forms (age and age group, plan and price) and do not confirm each other.
const SAME: f64 = 0.8;
/// Columns that make a questionnaire of their own: as many as weigh as much as all that is said.
pub(super) const QUESTIONNAIRE: usize = 4;
/// Fewest units of which it can be told whether columns agree with what they say. Of fewer, as of ten
/// people who were interviewed, a role is the best that is known, and chance reaches too far to deny it.
const TELLING: usize = 30;
/// Of ten units, those that must say something for columns to be measured by it.
const SPEAK_OF_TEN: usize = 3;

/// The columns that agree with what people say, or among themselves; all of them where there are few
/// people, or few of them say anything.
pub(super) fn agreeing(features: &Features) -> BTreeSet<&str> {
    let all = features.units.len();
    let sample: Vec<usize> = (0..all.min(SAMPLE)).map(|at| at * all / all.min(SAMPLE)).collect();
    let groupings = groupings(features, &sample);
    let speak = |&&unit: &&usize| features.spoken_by(unit).next().is_some();
    let speaking = sample.iter().filter(speak).count();
    if sample.len() < TELLING || speaking * 10 < sample.len() * SPEAK_OF_TEN {
        return groupings.into_keys().collect();
    }
    let said: Vec<Vec<u32>> =
        sample.iter().map(|&unit| features.spoken_by(unit).collect()).collect();
    let words = Likeness::of(&said, &features.weights);
    let (mut agreeing, mut among) = (BTreeSet::new(), BTreeSet::new());
    for (column, grouping) in &groupings {
        if words.parted_by(grouping).surprise >= SURE {
            agreeing.insert(*column);
        }
        let others = groupings.iter().filter(|(other, _)| *other != column);
        if others.map(|(_, other)| other).any(|other| confirm(grouping, other)) {
            among.insert(*column);
        }
    }
    if among.len() >= QUESTIONNAIRE {
        agreeing.append(&mut among);
    }
    agreeing
}

/// What a column says of each unit, as a number for each different value; `None` where nothing.
pub(super) type Grouping = Vec<Option<usize>>;

/// Each column's values for the units of a sample.
fn groupings<'f>(features: &'f Features, sample: &[usize]) -> BTreeMap<&'f str, Grouping> {
    let mut values: BTreeMap<(&str, Vec<u32>), usize> = BTreeMap::new();
    let mut found: BTreeMap<&str, Grouping> = BTreeMap::new();
    for (at, &unit) in sample.iter().enumerate() {
        for (column, value) in features.answered_by(unit) {
            let next = values.len();
            let value = *values.entry((column, value)).or_insert(next);
            found.entry(column).or_insert_with(|| vec![None; sample.len()])[at] = Some(value);
        }
    }
    found
}

/// Whether two columns agree without being the same in two forms.
fn confirm(one: &Grouping, other: &Grouping) -> bool {
    let both: Vec<(usize, usize)> =
        one.iter().zip(other).filter_map(|(one, other)| Some(((*one)?, (*other)?))).collect();
    let mut cells: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for &pair in &both {
        *cells.entry(pair).or_default() += 1.0;
    }
    let ones = sizes(both.iter().map(|(one, _)| *one));
    let others = sizes(both.iter().map(|(_, other)| *other));
    // Pearson's mean square contingency.
    let shared = cells
        .iter()
        .map(|((one, other), count)| count * count / (ones[one] * others[other]))
        .sum::<f64>()
        - 1.0;
    let (one, other) = (Moments::of_groups(&ones), Moments::of_groups(&others));
    shared < SAME * one.trace.min(other.trace)
        && surprise(both.len(), &one, &other, shared) >= SURE_AMONG
}

fn sizes(values: impl Iterator<Item = usize>) -> BTreeMap<usize, f64> {
    let mut sizes = BTreeMap::new();
    for value in values {
        *sizes.entry(value).or_default() += 1.0;
    }
    sizes
}

/// How alike each two units are: the cosine of their features.
pub(super) struct Likeness {
    alike: Vec<f64>, // (units, units)
    /// Whether a unit has any features.
    known: Vec<bool>,
}

/// How much units differ between the groups of a grouping.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Parted {
    /// The share of all differences that is between groups, and what it is by chance.
    pub(super) share: f64,
    pub(super) by_chance: f64,
    /// By how many standard deviations it is more than by chance.
    pub(super) surprise: f64,
}

impl Likeness {
    /// Of units with these features, which have these weights.
    pub(super) fn of(units: &[Vec<u32>], weights: &[f64]) -> Self {
        let wide = units.len();
        let mut having: BTreeMap<u32, Vec<(usize, f64)>> = BTreeMap::new();
        let weight = |feature: u32| weights[feature as usize];
        for (at, unit) in units.iter().enumerate() {
            let length = unit.iter().map(|&f| weight(f).powi(2)).sum::<f64>().sqrt();
            for &feature in unit {
                having.entry(feature).or_default().push((at, weight(feature) / length));
            }
        }
        let mut alike = vec![0.0; wide * wide];
        for units in having.values() {
            for &(row, weight) in units {
                for &(column, other) in units {
                    alike[row * wide + column] += weight * other;
                }
            }
        }
        Self { alike, known: units.iter().map(|unit| !unit.is_empty()).collect() }
    }

    /// How much the units that are known differ between these groups. By chance alone where there are
    /// too few of them.
    pub(super) fn parted_by(&self, grouping: &Grouping) -> Parted {
        let wide = self.known.len();
        let both: Vec<(usize, usize)> = (0..wide)
            .filter(|at| self.known[*at])
            .filter_map(|at| Some((at, grouping[at]?)))
            .collect();
        if both.len() < LEAST {
            return Parted::default();
        }
        let count = both.len() as f64;
        let mean = |row: usize| {
            both.iter().map(|(column, _)| self.alike[row * wide + column]).sum::<f64>() / count
        };
        let means: Vec<f64> = both.iter().map(|(row, _)| mean(*row)).collect();
        let middle = means.iter().sum::<f64>() / count;
        let sizes = sizes(both.iter().map(|(_, value)| *value));
        let (mut own, mut between) = (Moments::default(), 0.0);
        for (i, (row, value)) in both.iter().enumerate() {
            for (j, (column, other)) in both.iter().enumerate() {
                let centred = self.alike[row * wide + column] - means[i] - means[j] + middle;
                own.squares += centred * centred;
                if i == j {
                    own.trace += centred;
                    own.diagonal += centred * centred;
                }
                if value == other {
                    between += centred / sizes[value];
                }
            }
        }
        let groups = Moments::of_groups(&sizes);
        Parted {
            share: if own.trace > 0.0 { between / own.trace } else { 0.0 },
            by_chance: groups.trace / (count - 1.0),
            surprise: surprise(both.len(), &own, &groups, between),
        }
    }
}

/// What chance depends on of a centred table of likenesses.
#[derive(Default)]
struct Moments {
    trace: f64,
    /// The sum of the squares of all cells, and of those of the diagonal.
    squares: f64,
    diagonal: f64,
}

impl Moments {
    /// Of the table in which two units are alike that have the same value, by one over its size.
    fn of_groups(sizes: &BTreeMap<usize, f64>) -> Self {
        let all: f64 = sizes.values().sum();
        let diagonal = sizes.values().map(|size| size * (1.0 / size - 1.0 / all).powi(2)).sum();
        let groups = sizes.len() as f64 - 1.0;
        Self { trace: groups, squares: groups, diagonal }
    }
}

/// By how many standard deviations two tables of likenesses of `units` agree more than by chance;
/// `shared` is the sum of the products of their cells.
fn surprise(units: usize, one: &Moments, other: &Moments, shared: f64) -> f64 {
    if units < LEAST || one.squares <= f64::EPSILON || other.squares <= f64::EPSILON {
        return 0.0;
    }
    let n = units as f64;
    let width = |of: &Moments| of.trace * of.trace / of.squares;
    let skew = |of: &Moments| {
        let (cells, width) = (n * (n + 1.0) * of.diagonal / of.squares, width(of));
        (n - 1.0) / ((n - 3.0) * (n - 1.0 - width)) * (cells - (n - 1.0) * (width + 2.0))
    };
    let [free, others_free] = [one, other].map(|of| n - 1.0 - width(of));
    if free <= f64::EPSILON || others_free <= f64::EPSILON {
        return 0.0;
    }
    let mean = (width(one) * width(other)).sqrt() / (n - 1.0);
    let even = 2.0 * free * others_free / ((n + 1.0) * (n - 1.0).powi(2) * (n - 2.0));
    let variance = even * (1.0 + (n - 3.0) / (2.0 * n * (n - 1.0)) * skew(one) * skew(other));
    if variance <= 0.0 {
        return 0.0;
    }
    (shared / (one.squares * other.squares).sqrt() - mean) / variance.sqrt()
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn chance_is_what_dealing_the_units_out_anew_gives() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let alike: Vec<f64> = {
            let points: Vec<f64> = (0..20 * 4).map(|_| rng.random::<f64>().powi(3)).collect();
            let point = |at: usize| &points[at * 4..][..4];
            let product = |(a, b)| point(a).iter().zip(point(b)).map(|(a, b)| a * b).sum();
            (0..400).map(|cell| product((cell / 20, cell % 20))).collect()
        };
        let likeness = Likeness { alike, known: vec![true; 20] };
        let mut values: Vec<Option<usize>> =
            (0..20).map(|at| Some(usize::from(at > 8) + usize::from(at > 15))).collect();
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..2000 {
            values.shuffle(&mut rng);
            let surprise = likeness.parted_by(&values).surprise;
            sum += surprise / 2000.0;
            squares += surprise * surprise / 2000.0;
        }
        assert!(sum.abs() < 0.1 && (squares - 1.0).abs() < 0.15, "{sum} {squares}");
    }
}
