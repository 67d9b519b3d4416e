//! How far the segments can be relied on.
//!
//! Owns the measure: groups found by one half of what is known of people (words and columns dealt out
//! by lot) are looked for in the other half; groups found by meaning, in the words that people use.
//! Where there are kinds of people they show there too; where there are none, only chance does. Also
//! which column groups merely repeat ([`followed`]).
//!
//! Held against stability over resamples (Ben-Hur, Elisseeff, Guyon, 2002): a resample of people shares
//! most of them with the next, and so is stable where there is nothing to be found.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::agreement::{Likeness, Parted};
use super::clusters::cluster;
use super::features::Features;

/// How often the features are halved.
const SPLITS: u64 = 4;
/// Starts of each search for groups: what is found by all halves is averaged.
const STARTS: usize = 5;
/// Most units that are parted again and again.
const SAMPLE: usize = 400;
/// Share of units whose group is the home of their value in a column, from which on the groups only
/// repeat that column.
const FOLLOWED: f64 = 0.95;
/// Fewest units with each value of such a column, on average.
const SEVERAL: usize = 3;
/// Fewest units of a group, on average, to tell agreement from chance.
const LEAST: usize = 3;

/// How much the groups found by one half of the features differ in the other half, on average. `None`
/// where there are too few units.
pub(super) fn of_halves(features: &Features, groups: usize, seed: u64) -> Option<Parted> {
    let all = features.units.len();
    let sample: Vec<usize> = (0..all.min(SAMPLE)).map(|at| at * all / all.min(SAMPLE)).collect();
    if groups < 2 || sample.len() < groups * LEAST {
        return None;
    }
    let mut mean = Parted::default();
    for split in 0..SPLITS {
        let (one, other) = halves(features, &sample, seed ^ split);
        for (found, held_out) in [(&one, &other), (&other, &one)] {
            let is_known = |at: &usize| !found.units[*at].is_empty();
            let known: Vec<usize> = (0..sample.len()).filter(is_known).collect();
            if known.len() < groups * LEAST {
                return None;
            }
            let mut grouping = vec![None; sample.len()];
            for (at, group) in
                known.iter().zip(cluster(&found.of_units(&known), groups, seed, STARTS))
            {
                grouping[*at] = Some(group);
            }
            let parted = Likeness::of(&held_out.units, &held_out.weights).parted_by(&grouping);
            let times = 2.0 * SPLITS as f64;
            mean.share += parted.share / times;
            mean.by_chance += parted.by_chance / times;
            mean.surprise += parted.surprise / times;
        }
    }
    Some(mean)
}

/// How much groups that were found by what people mean differ in the words that they use: two views of
/// the same people. `None` where there are too few units.
pub(super) fn in_words(features: &Features, assigned: &[usize], groups: usize) -> Option<Parted> {
    let all = features.units.len();
    if all < groups * LEAST {
        return None;
    }
    let said: Vec<Vec<u32>> = (0..all).map(|unit| features.spoken_by(unit).collect()).collect();
    let grouping = assigned.iter().map(|&group| Some(group)).collect();
    Some(Likeness::of(&said, &features.weights).parted_by(&grouping))
}

/// The features in two halves: a word, in whatever features it is, is in one of them, and so is a
/// column.
fn halves(features: &Features, sample: &[usize], seed: u64) -> (Features, Features) {
    let all: BTreeSet<&str> = (0..features.names.len()).flat_map(|f| features.sources(f)).collect();
    let mut all: Vec<&str> = all.into_iter().collect();
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let one: BTreeSet<&str> = all[..all.len() / 2].iter().copied().collect();
    let of = |half: bool| {
        let stays = |f: usize| features.sources(f).all(|source| one.contains(source) == half);
        features.only(stays).of_units(sample)
    };
    (of(true), of(false))
}

/// The name of the column whose values the groups are, save for a few units: to be in a group is then
/// to have given one of some answers.
pub(super) fn followed<'f>(features: &'f Features, assigned: &[usize]) -> Option<&'f str> {
    let mut cells: BTreeMap<&str, BTreeMap<Vec<u32>, BTreeMap<usize, usize>>> = BTreeMap::new();
    for (unit, &group) in assigned.iter().enumerate() {
        for (name, answer) in features.answered_by(unit) {
            let groups = cells.entry(name).or_default().entry(answer).or_default();
            *groups.entry(group).or_default() += 1;
        }
    }
    let follow = |values: &BTreeMap<Vec<u32>, BTreeMap<usize, usize>>| {
        let most = values.values().filter_map(|groups| groups.iter().max_by_key(|(_, n)| **n));
        let (homes, in_them): (BTreeSet<usize>, Vec<usize>) = most.map(|(at, n)| (*at, *n)).unzip();
        let answered: usize = values.values().flat_map(BTreeMap::values).sum();
        homes.len() > 1
            && values.len() * SEVERAL <= answered
            && in_them.iter().sum::<usize>() as f64 >= FOLLOWED * assigned.len() as f64
    };
    cells.into_iter().find(|(_, values)| follow(values)).map(|(name, _)| name)
}
