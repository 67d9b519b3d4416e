//! Which records belong together.
//!
//! Owns the segmentation of a corpus into one group per slot. Participants stay whole, and those who are
//! alike come together, so that personas differ. Alike means by what they say and who they are, or
//! by a column that the user names ([`super::by_column`]). The same data and seed give the same
//! groups.

use std::collections::BTreeMap;

use super::agreement::Parted;
use super::by_column::part_by;
use super::clusters::{STARTS, cluster, cluster_points};
use super::features::Features;
use super::meanings::Meanings;
use super::reliability::{self, followed};
use crate::corpus::{Corpus, Record};
use crate::prompts::passages::{MIN_WORDS, words};
use crate::schema::RecordId;
use crate::store::{PlanReport, SlotReport};

/// Most terms that are shown of a group.
const TERMS: usize = 5;

/// By what people are parted.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// The words that they use, and columns.
    Words,
    /// What a model makes of what they say, and columns.
    Meanings(&'a Meanings),
    /// The values of this column alone.
    Column(&'a str),
    /// As the log of a run that is resumed says, whatever was read then.
    Known(&'a PlanReport),
}

/// The unit by which records were parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// By participant.
    Participants,
    /// By record, where a text names nobody and may be by several people.
    Records,
    /// By the values of a column.
    Column,
}

impl Grouping {
    /// The name of the grouping in the report.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::Records => "records",
            Self::Column => "column",
        }
    }
}

/// The records of one slot, and the terms that set them apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Group {
    /// Indices into the corpus, ascending.
    pub(super) records: Vec<usize>,
    /// The terms, most telling first.
    pub(super) terms: Vec<String>,
}

/// How a corpus was parted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segmentation {
    pub(super) grouping: Grouping,
    /// The groups, those with most people first; none is empty.
    pub(super) groups: Vec<Group>,
    /// Indices of records that are in no group, with the cause.
    pub(super) left_out: Vec<(usize, String)>,
    /// Notes for the user, one line each.
    pub(super) notes: Vec<String>,
    /// How far the groups show in what they were not found by ([`super::reliability`]); `None` where
    /// they were not found by what people say, or there are too few people.
    pub(super) reliability: Option<Parted>,
}

/// Why a record is in no group.
const SILENT: &str = "nothing that tells its participant from others";

/// Who speaks in a record: its participant, else the row itself in a table or the file in a text.
pub(super) fn speaker(corpus: &Corpus, record: &Record) -> String {
    corpus.participant_key(record)
}

/// Parts `records` (indices into the corpus) into `slots` groups. Where there are fewer participants
/// than slots, each is a group.
pub(super) fn part(
    corpus: &Corpus,
    records: &[usize],
    slots: usize,
    seed: u64,
    by: By<'_>,
) -> Segmentation {
    if let By::Column(column) = by {
        return part_by(corpus, records, slots, seed, column);
    }
    if let By::Known(report) = by {
        return known(corpus, report);
    }
    let (grouping, units) = units(corpus, records, slots);
    let features = Features::of(corpus, &units);
    let is_told = |unit: &usize| is_told(corpus, &features, *unit, &units[*unit]);
    let (mut told, mut silent): (Vec<usize>, Vec<usize>) = (0..units.len()).partition(is_told);
    // Where hardly anybody says anything, personas stand for all of them.
    if told.len() < slots {
        (told, silent) = ((0..units.len()).collect(), Vec::new());
    }
    let left_out = silent.iter().flat_map(|unit| &units[*unit]);
    let left_out = left_out.map(|&record| (record, SILENT.to_owned())).collect();
    let notes_of_silent = (!silent.is_empty()).then(|| left_out_note(silent.len(), units.len()));
    let features = features.of_units(&told);
    let units: Vec<Vec<usize>> = told.iter().map(|&unit| units[unit].clone()).collect();
    let slots = slots.min(units.len());
    let placed = match by {
        By::Meanings(meanings) if slots > 1 => meanings.points(&units),
        _ => None,
    };
    let is_placed = placed.is_some();
    let assigned = match placed {
        Some(points) => cluster_points(&beside(points, features.column_points()), slots, seed),
        None => assign(&features, slots, seed),
    };
    let mut groups = grouped(&features, &units, &assigned, slots);
    order(corpus, &mut groups);
    let follows = followed(&features, &assigned).map(|column| format!(
        "the segments follow '{column}': they tell how its answers differ, and that they differ in it is no finding"
    ));
    let notes = notes_of_silent.into_iter().chain(follows).collect();
    let reliability = if is_placed {
        reliability::in_words(&features, &assigned, slots)
    } else {
        reliability::of_halves(&features, slots, seed)
    };
    Segmentation { grouping, groups, left_out, notes, reliability }
}

/// The segments of a plan that was logged.
fn known(corpus: &Corpus, report: &PlanReport) -> Segmentation {
    let place = |id: &RecordId| corpus.index_of(id);
    let group = |slot: &SlotReport| Group {
        records: slot.members.iter().filter_map(place).collect(),
        terms: slot.terms.clone(),
    };
    let silent = report.left_out.iter().filter(|(_, cause)| cause == SILENT);
    let all = [Grouping::Participants, Grouping::Records, Grouping::Column];
    Segmentation {
        grouping: all.into_iter().find(|of| of.as_str() == report.grouping).unwrap_or(all[0]),
        groups: report.slots.iter().map(group).collect(),
        left_out: silent.filter_map(|(id, cause)| Some((place(id)?, cause.clone()))).collect(),
        notes: Vec::new(),
        reliability: report.reliability.map(|found| Parted {
            share: found.between_segments,
            by_chance: found.by_chance,
            surprise: found.deviations,
        }),
    }
}

/// Whether the words or columns that count say anything of a unit. Columns, where there are any, do so
/// of everybody.
fn is_told(corpus: &Corpus, features: &Features, unit: usize, records: &[usize]) -> bool {
    let says_a_sentence = |&record: &usize| {
        let mut cells = corpus.records[record].cells();
        cells.any(|(_, cell)| words(cell).nth(MIN_WORDS - 1).is_some())
    };
    features.spoken < features.names.len()
        || !features.units[unit].is_empty()
        || records.iter().any(says_a_sentence)
}

fn left_out_note(silent: usize, all: usize) -> String {
    let [say, them, are] =
        if silent == 1 { ["says", "that one", "is"] } else { ["say", "them", "are"] };
    format!(
        "{silent} of {all} participants {say} nothing that sets {them} apart and {are} in no segment"
    )
}

/// The sets of records that must stay together: all that a participant says, since a persona does
/// not stand for a part of a person. In the order of the data, so that names do not influence the
/// outcome.
pub(super) fn units(
    corpus: &Corpus,
    records: &[usize],
    slots: usize,
) -> (Grouping, Vec<Vec<usize>>) {
    let mut by_speaker: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &record in records {
        by_speaker.entry(speaker(corpus, &corpus.records[record])).or_default().push(record);
    }
    let speakers = by_speaker.len();
    let mut units = enough(corpus, by_speaker.into_values().collect(), slots);
    units.sort_unstable();
    let grouping = if units.len() > speakers { Grouping::Records } else { Grouping::Participants };
    (grouping, units)
}

/// Where there are fewer units than slots, takes those texts apart that may be by several people.
pub(super) fn enough(corpus: &Corpus, units: Vec<Vec<usize>>, slots: usize) -> Vec<Vec<usize>> {
    if units.len() >= slots {
        return units;
    }
    let texts = corpus.texts_of_nobody();
    let apart = |unit: Vec<usize>| {
        let is_text = unit.iter().all(|&record| texts.contains(&corpus.records[record].file));
        if is_text { unit.into_iter().map(|record| vec![record]).collect() } else { vec![unit] }
    };
    units.into_iter().flat_map(apart).collect()
}

/// Brings units that are alike together, in at most `slots` groups.
pub(super) fn alike(corpus: &Corpus, units: &[Vec<usize>], slots: usize, seed: u64) -> Vec<Group> {
    let slots = slots.min(units.len());
    let features = Features::of(corpus, units);
    grouped(&features, units, &assign(&features, slots, seed), slots)
}

/// Points whose numbers are those of both.
fn beside(mut points: Vec<Vec<f64>>, others: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for (point, mut other) in points.iter_mut().zip(others) {
        point.append(&mut other);
    }
    points
}

/// The group of each unit.
fn assign(features: &Features, slots: usize, seed: u64) -> Vec<usize> {
    if slots < 2 { vec![0; features.units.len()] } else { cluster(features, slots, seed, STARTS) }
}

fn grouped(
    features: &Features,
    units: &[Vec<usize>],
    assigned: &[usize],
    slots: usize,
) -> Vec<Group> {
    let mut groups = vec![Group::default(); slots];
    for (unit, &group) in units.iter().zip(assigned) {
        groups[group].records.extend(unit);
    }
    for (index, group) in groups.iter_mut().enumerate() {
        group.records.sort_unstable();
        group.terms = terms(features, assigned, index);
    }
    groups
}

/// Sorts groups: most people first, then most records, then in the order of the data.
pub(super) fn order(corpus: &Corpus, groups: &mut [Group]) {
    let people = |group: &Group| {
        let mut all: Vec<String> =
            group.records.iter().map(|&r| speaker(corpus, &corpus.records[r])).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    groups.sort_by_cached_key(|group| {
        let size = (people(group), group.records.len());
        (std::cmp::Reverse(size), group.records.first().copied())
    });
}

/// The features that a group has more often than all units do, most telling first; of those that
/// share a word, only the first.
fn terms(features: &Features, assigned: &[usize], group: usize) -> Vec<String> {
    let mut own = vec![0usize; features.names.len()];
    let mut all = vec![0usize; features.names.len()];
    for (unit, &to) in features.units.iter().zip(assigned) {
        for &feature in unit {
            all[feature as usize] += 1;
            own[feature as usize] += usize::from(to == group);
        }
    }
    let members = assigned.iter().filter(|to| **to == group).count().max(1) as f64;
    let lead = |feature: usize| {
        let share = all[feature] as f64 / assigned.len() as f64;
        own[feature] as f64 / members - share
    };
    let mut leads: Vec<(f64, usize)> =
        (0..features.names.len()).map(|feature| (lead(feature), feature)).collect();
    leads.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut told: Vec<&str> = Vec::new();
    for (_, feature) in leads.into_iter().take_while(|(lead, _)| *lead > 0.0) {
        let name = features.names[feature].as_str();
        let short =
            name.split(' ').all(|word| word.trim_start_matches(['+', '-']).chars().count() < 4);
        if told.len() < TERMS && !short && !told.iter().any(|other| share_a_word(other, name)) {
            told.push(name);
        }
    }
    told.into_iter().map(str::to_owned).collect()
}

/// Whether two features share a word. Values of columns share one only where the column and the
/// value are the same, or where both are edges (`≥`, `<`) of one numeric column.
fn share_a_word(one: &str, other: &str) -> bool {
    if one.contains(['=', '≥', '<']) || other.contains(['=', '≥', '<']) {
        return one.split(['≥', '<']).next() == other.split(['≥', '<']).next();
    }
    let words = |name: &str| -> Vec<String> {
        name.split(' ').map(|word| word.trim_start_matches(['+', '-']).to_owned()).collect()
    };
    let of_other = words(other);
    words(one).iter().any(|word| of_other.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::source;
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
        let records = said.iter().enumerate().map(record).collect();
        Corpus { files: vec![source("text")], records, ..Corpus::default() }
    }

    fn parted(said: &[(Option<&str>, &str)], slots: usize) -> (Grouping, Vec<Vec<usize>>) {
        let all: Vec<usize> = (0..said.len()).collect();
        let segmentation = part(&corpus(said), &all, slots, 7, By::Words);
        (segmentation.grouping, segmentation.groups.into_iter().map(|g| g.records).collect())
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
    fn nobody_is_in_two_groups_but_a_text_that_names_nobody_may_be_by_several() {
        let said = [(Some("a"), "one thing"), (Some("a"), "another thing"), (Some("b"), "a third")];
        let (grouping, groups) = parted(&said, 3);
        assert_eq!((grouping, groups), (Grouping::Participants, vec![vec![0, 1], vec![2]]));
        let said = [(None, "one thing"), (None, "another thing"), (None, "a third")];
        let (grouping, groups) = parted(&said, 5);
        assert_eq!((grouping, groups.len()), (Grouping::Records, 3));
        assert!(parted(&[], 5).1.is_empty());
    }

    #[test]
    fn equal_or_wordless_records_still_fill_every_group() {
        for text in ["the same words", "🙂", ""] {
            let said: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
                .into_iter()
                .map(|who| (Some(who), text))
                .collect();
            let (_, groups) = parted(&said, 4);
            assert!(groups.len() == 4 && groups.iter().all(|g| !g.is_empty()), "{groups:?}");
            assert_eq!(groups.concat().len(), 9);
        }
    }

    #[test]
    fn the_group_with_most_people_comes_first_and_is_told_by_what_it_says() {
        let said: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .into_iter()
            .enumerate()
            .map(|(i, who)| {
                let text = if i % 4 == 0 { "I never trust paper" } else { "I trust the phone" };
                (Some(who), text)
            })
            .collect();
        let all: Vec<usize> = (0..said.len()).collect();
        let segmentation = part(&corpus(&said), &all, 2, 1, By::Words);
        let sizes: Vec<usize> =
            segmentation.groups.iter().map(|group| group.records.len()).collect();
        assert_eq!(sizes, [6, 2]);
        let telling = |group: &Group, word: &str| group.terms.iter().any(|t| t.contains(word));
        assert!(telling(&segmentation.groups[0], "phone"), "{:?}", segmentation.groups);
        assert!(telling(&segmentation.groups[1], "paper"), "{:?}", segmentation.groups);
    }
}
