//! Which records belong together.
//!
//! Owns the parting of a corpus into as many segments as there are slots: participants stay whole,
//! and those who say alike things come together, so that personas differ. Spherical k-means over
//! TF-IDF vectors, seeded, in a fixed order: the same data and seed give the same segments.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::corpus::{Corpus, Record};
use crate::prompts::passages::words;

/// Cells of at most this many words count as one feature, `column=value`.
const SHORT_CELL: usize = 3;
/// Most k-means rounds; it settles in far fewer.
const ROUNDS: usize = 20;
/// Starts from other centres, of which the tightest is taken, while the work is this small.
const STARTS: usize = 5;
const SMALL: usize = 20_000;

/// How records were parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// By participant.
    Participants,
    /// By record, because there are fewer participants than slots.
    Records,
    /// Not at all, because there are fewer records than slots: all slots share them.
    Shared,
}

impl Grouping {
    /// As the report has it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::Records => "records",
            Self::Shared => "shared",
        }
    }
}

/// Records of one slot and the words that set them apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Group {
    /// Indices into the corpus, ascending.
    pub(super) records: Vec<usize>,
    /// Most telling first.
    pub(super) terms: Vec<String>,
}

/// Who speaks in a record: its participant; else the row itself in a table, the file in a text.
pub(super) fn speaker(record: &Record) -> String {
    match &record.participant {
        Some(participant) => format!("p:{participant}"),
        None if record.columns.is_empty() => format!("f:{}", record.file),
        None => format!("r:{}", record.id),
    }
}

/// Parts `records` (indices into the corpus) into `slots` groups, none empty.
pub(super) fn part(
    corpus: &Corpus,
    records: &[usize],
    slots: usize,
    seed: u64,
) -> (Grouping, Vec<Group>) {
    let mut by_speaker: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &record in records {
        by_speaker.entry(speaker(&corpus.records[record])).or_default().push(record);
    }
    let (grouping, mut units) = if by_speaker.len() >= slots {
        (Grouping::Participants, by_speaker.into_values().collect::<Vec<_>>())
    } else if records.len() >= slots {
        (Grouping::Records, records.iter().map(|&r| vec![r]).collect())
    } else {
        let all = Group { records: records.to_vec(), terms: Vec::new() };
        return (Grouping::Shared, vec![all; slots]);
    };
    // By first record, so that names have no say in the outcome.
    units.sort_unstable();
    let space = Space::new(corpus, &units);
    let assigned = space.cluster(slots, seed);
    let mut groups = vec![Group::default(); slots];
    for (unit, &group) in units.iter().zip(&assigned) {
        groups[group].records.extend(unit);
    }
    for (index, group) in groups.iter_mut().enumerate() {
        group.records.sort_unstable();
        group.terms = space.terms(&assigned, index);
    }
    // In order of the data, not of the draw.
    groups.sort_by_key(|group| group.records.first().copied());
    (grouping, groups)
}

/// A unit as weights of features; sorted by feature, of length 1 (or empty).
type Vector = Vec<(usize, f64)>;

struct Space {
    features: Vec<String>,
    units: Vec<Vector>,
}

impl Space {
    fn new(corpus: &Corpus, units: &[Vec<usize>]) -> Self {
        let counted: Vec<BTreeMap<String, f64>> =
            units.iter().map(|unit| count_features(corpus, unit)).collect();
        let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
        for feature in counted.iter().flat_map(BTreeMap::keys) {
            *spread.entry(feature).or_default() += 1;
        }
        // What one unit alone says cannot bring two together; it would only drown what can.
        let least = if units.len() >= 6 { 2 } else { 1 };
        spread.retain(|_, units| *units >= least);
        let index: BTreeMap<&str, usize> =
            spread.keys().enumerate().map(|(i, f)| (*f, i)).collect();
        let vector = |counts: &BTreeMap<String, f64>| {
            let weigh = |(feature, count): (&String, &f64)| {
                let rarity = (units.len() as f64 / *spread.get(feature.as_str())? as f64).ln();
                Some((*index.get(feature.as_str())?, (1.0 + count.ln()) * rarity))
            };
            normalised(counts.iter().filter_map(weigh).collect())
        };
        let vectors = counted.iter().map(vector).collect();
        let features = index.keys().map(|&f| f.to_owned()).collect();
        Self { features, units: vectors }
    }

    /// A group number for each unit; every group gets at least one.
    fn cluster(&self, groups: usize, seed: u64) -> Vec<usize> {
        let starts = if self.units.len() * groups <= SMALL { STARTS } else { 1 };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut best: Option<(f64, Vec<usize>)> = None;
        for _ in 0..starts {
            let (tightness, assigned) = self.cluster_once(groups, &mut rng);
            if best.as_ref().is_none_or(|(so_far, _)| tightness > *so_far) {
                best = Some((tightness, assigned));
            }
        }
        best.map(|(_, assigned)| assigned).unwrap_or_default()
    }

    fn cluster_once(&self, groups: usize, rng: &mut ChaCha8Rng) -> (f64, Vec<usize>) {
        let mut centres = self.first_centres(groups, rng);
        let mut assigned = self.assign(&centres);
        for _ in 0..ROUNDS {
            centres = (0..groups).map(|group| self.centre(&assigned, group)).collect();
            let next = self.assign(&centres);
            if next == assigned {
                break;
            }
            assigned = next;
        }
        let fit = |(unit, &group): (&Vector, &usize)| dot(unit, &centres[group]);
        (self.units.iter().zip(&assigned).map(fit).sum(), assigned)
    }

    /// k-means++: each further centre is drawn by how far it lies from those there are.
    fn first_centres(&self, groups: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let mut chosen = vec![rng.random_range(0..self.units.len())];
        let mut nearest = vec![f64::MAX; self.units.len()];
        while chosen.len() < groups {
            let last = self.dense(chosen[chosen.len() - 1]);
            for (near, unit) in nearest.iter_mut().zip(&self.units) {
                *near = near.min((1.0 - dot(unit, &last)).max(0.0));
            }
            for &unit in &chosen {
                nearest[unit] = 0.0;
            }
            let total: f64 = nearest.iter().sum();
            let mut mark = rng.random::<f64>() * total;
            let drawn = nearest.iter().position(|&near| {
                mark -= near;
                near > 0.0 && mark <= 0.0
            });
            let unused = || (0..self.units.len()).find(|unit| !chosen.contains(unit));
            chosen.extend(drawn.or_else(unused));
        }
        chosen.into_iter().map(|unit| self.dense(unit)).collect()
    }

    /// Each unit to its nearest centre that has room, the clearest cases first. A group takes at
    /// most half more than its share, so that none is left with a single voice beside a crowd.
    fn assign(&self, centres: &[Vec<f64>]) -> Vec<usize> {
        let room = (self.units.len() * 3).div_ceil(centres.len() * 2).max(1);
        let mut wishes: Vec<(f64, usize, usize)> = Vec::new();
        for (index, unit) in self.units.iter().enumerate() {
            let near = centres.iter().enumerate().map(|(group, c)| (dot(unit, c), index, group));
            wishes.extend(near);
        }
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut sizes = vec![0; centres.len()];
        let mut assigned = vec![usize::MAX; self.units.len()];
        for (_, unit, group) in wishes {
            if assigned[unit] == usize::MAX && sizes[group] < room {
                assigned[unit] = group;
                sizes[group] += 1;
            }
        }
        self.fill_empty(centres, &mut assigned, &mut sizes);
        assigned
    }

    /// An empty group takes, from the largest one, the unit that fits there least.
    fn fill_empty(&self, centres: &[Vec<f64>], assigned: &mut [usize], sizes: &mut [usize]) {
        while let Some(empty) = sizes.iter().position(|&size| size == 0) {
            let largest = (0..sizes.len()).max_by_key(|&group| sizes[group]).unwrap_or(0);
            let fit = |unit: &usize| dot(&self.units[*unit], &centres[largest]);
            let members = (0..assigned.len()).filter(|&unit| assigned[unit] == largest);
            let Some(moved) = members.min_by(|a, b| fit(a).total_cmp(&fit(b))) else {
                return;
            };
            assigned[moved] = empty;
            sizes[largest] -= 1;
            sizes[empty] += 1;
        }
    }

    fn centre(&self, assigned: &[usize], group: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.features.len()];
        for (unit, _) in self.units.iter().zip(assigned).filter(|(_, to)| **to == group) {
            for &(feature, weight) in unit {
                sum[feature] += weight;
            }
        }
        let length = sum.iter().map(|w| w * w).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        sum.iter().map(|w| w / length).collect()
    }

    fn dense(&self, unit: usize) -> Vec<f64> {
        let mut dense = vec![0.0; self.features.len()];
        for &(feature, weight) in &self.units[unit] {
            dense[feature] = weight;
        }
        dense
    }

    /// The five words that weigh more in a group than over all units.
    fn terms(&self, assigned: &[usize], group: usize) -> Vec<String> {
        let own = self.centre(assigned, group);
        let all = self.centre(&vec![group; assigned.len()], group);
        let mut lead: Vec<(f64, usize)> =
            own.iter().zip(&all).map(|(own, all)| own - all).zip(0..).collect();
        lead.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let telling = lead.into_iter().take_while(|(lead, _)| *lead > 0.0).take(5);
        telling.map(|(_, feature)| self.features[feature].clone()).collect()
    }
}

fn count_features(corpus: &Corpus, unit: &[usize]) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for &index in unit {
        let record = &corpus.records[index];
        let named: BTreeSet<String> = record.participant.iter().flat_map(|p| words(p)).collect();
        for (column, cell) in cells(record) {
            let spoken: Vec<String> = words(cell).collect();
            if let Some(column) = column
                && spoken.len() <= SHORT_CELL
            {
                let feature = format!("{column}={}", spoken.join(" "));
                *counts.entry(feature).or_default() += 1.0;
                continue;
            }
            // A speaker's own name says nothing about what the speaker is like.
            for word in spoken.into_iter().filter(|w| w.chars().count() > 2 && !named.contains(w)) {
                *counts.entry(word).or_default() += 1.0;
            }
        }
    }
    counts
}

/// All cells with their columns, those that are no evidence too: a role is no quote, but it tells
/// who belongs together.
fn cells(record: &Record) -> impl Iterator<Item = (Option<&str>, &str)> {
    let whole = record.columns.is_empty().then_some((None, record.text.as_str()));
    let cells = record.columns.iter();
    cells.map(|c| (Some(c.name.as_str()), &record.text[c.start..c.end])).chain(whole)
}

fn normalised(mut vector: Vector) -> Vector {
    let length = vector.iter().map(|(_, w)| w * w).sum::<f64>().sqrt();
    if length > 0.0 {
        for (_, weight) in &mut vector {
            *weight /= length;
        }
    }
    vector
}

fn dot(sparse: &Vector, dense: &[f64]) -> f64 {
    sparse.iter().map(|&(feature, weight)| weight * dense[feature]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::RecordId;

    fn corpus(said: &[(Option<&str>, &str)]) -> Corpus {
        let record = |(index, (who, text)): (usize, &(Option<&str>, &str))| Record {
            id: RecordId::new(1, index),
            file: 1,
            sheet: None,
            row: index + 1,
            participant: who.map(str::to_owned),
            text: (*text).to_owned(),
            columns: Vec::new(),
        };
        Corpus { records: said.iter().enumerate().map(record).collect(), ..Corpus::default() }
    }

    fn parted(said: &[(Option<&str>, &str)], slots: usize) -> (Grouping, Vec<Vec<usize>>) {
        let all: Vec<usize> = (0..said.len()).collect();
        let (grouping, groups) = part(&corpus(said), &all, slots, 7);
        (grouping, groups.into_iter().map(|g| g.records).collect())
    }

    #[test]
    fn participants_who_say_alike_things_come_together_and_stay_whole() {
        let said = [
            (Some("a"), "the garden and the roses"),
            (Some("b"), "my bicycle has a flat tyre"),
            (Some("c"), "roses grow in my garden"),
            (Some("d"), "a tyre for the bicycle"),
            (Some("a"), "something else entirely"),
        ];
        let (grouping, groups) = parted(&said, 2);
        assert_eq!(grouping, Grouping::Participants);
        assert_eq!(groups, [vec![0, 2, 4], vec![1, 3]]);
    }

    #[test]
    fn with_too_few_participants_records_are_parted_and_with_too_few_records_shared() {
        let said = [(Some("a"), "one thing"), (Some("a"), "another thing"), (Some("a"), "a third")];
        let (grouping, groups) = parted(&said, 3);
        assert_eq!((grouping, groups.len()), (Grouping::Records, 3));
        assert!(groups.iter().all(|g| g.len() == 1));
        let (grouping, groups) = parted(&said, 5);
        assert_eq!((grouping, groups), (Grouping::Shared, vec![vec![0, 1, 2]; 5]));
    }

    #[test]
    fn equal_or_wordless_records_still_fill_every_group() {
        for text in ["the same words", "🙂"] {
            let said = vec![(None, text); 9];
            let (_, groups) = parted(&said, 4);
            assert!(groups.iter().all(|g| !g.is_empty()), "{groups:?}");
            assert_eq!(groups.concat().len(), 9);
        }
    }
}
