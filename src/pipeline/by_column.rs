//! Segments by a column that the user names.
//!
//! Owns how the column's values become slots: one slot per value where the numbers agree. With
//! fewer values than slots, the largest values are parted further by what people say. With more,
//! the largest get a slot each and the others are left out by name. A column of many numbers is cut
//! into as many bands as there are slots. The user is told of each case.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::columns::Spellings;
use super::segments::{Grouping, Segmentation, alike, enough, order, speaker};
use crate::corpus::{Corpus, number};

/// Most values that a note lists by name.
const NAMED: usize = 5;

/// A value of the column, and the units (records that stay together) that have it.
struct Segment {
    value: String,
    units: Vec<Vec<usize>>,
}

/// Parts `records` (indices into the corpus) by the values of `column` into at most `slots` groups.
pub(super) fn part_by(
    corpus: &Corpus,
    records: &[usize],
    slots: usize,
    seed: u64,
    column: &str,
) -> Segmentation {
    let mut segmentation = Segmentation {
        grouping: Grouping::Column,
        groups: Vec::new(),
        left_out: Vec::new(),
        notes: Vec::new(),
        reliability: None,
    };
    let mut values: BTreeMap<usize, &str> =
        records.iter().filter_map(|&r| Some((r, value(corpus, r, column)?))).collect();
    let spellings = Spellings::of(values.values().copied());
    for value in values.values_mut() {
        *value = spellings.most_used(value);
    }
    let (units, without) = units(corpus, records, &values, column, &mut segmentation.notes);
    if !without.is_empty() {
        segmentation.notes.push(format!(
            "{} of {} records have no '{column}' and are in no segment",
            without.len(),
            records.len()
        ));
        let cause = format!("no value in '{column}'");
        segmentation.left_out.extend(without.into_iter().map(|record| (record, cause.clone())));
    }
    let mut segments = segments(units, slots, column, &mut segmentation.notes);
    leave_out(&mut segments, slots, column, &mut segmentation);
    if segments.iter().map(|segment| segment.units.len()).sum::<usize>() < slots {
        for segment in &mut segments {
            segment.units = enough(corpus, std::mem::take(&mut segment.units), slots);
        }
    }
    let shares = shares(&segments, slots);
    if segments.len() < slots && shares.iter().sum::<usize>() > segments.len() {
        let parted: Vec<String> = segments
            .iter()
            .zip(&shares)
            .filter(|(_, slots)| **slots > 1)
            .map(|(segment, slots)| format!("{} into {slots}", segment.value))
            .collect();
        segmentation.notes.push(format!(
            "'{column}' has {} values for {slots} personas: {} by what they say",
            segments.len(),
            named("parted further", &parted),
        ));
    }
    for (segment, slots) in segments.iter().zip(shares) {
        for mut group in alike(corpus, &segment.units, slots, seed) {
            group.terms.retain(|term| !term.starts_with(&format!("{column}=")));
            group.terms.insert(0, format!("{column}={}", segment.value));
            segmentation.groups.push(group);
        }
    }
    order(corpus, &mut segmentation.groups);
    segmentation
}

fn value<'c>(corpus: &'c Corpus, record: usize, column: &str) -> Option<&'c str> {
    let record = &corpus.records[record];
    let span = record.columns.iter().find(|span| &*span.name == column)?;
    Some(record.text[span.start..span.end].trim()).filter(|value| !value.is_empty())
}

/// Units with their value, and the records without one. A participant with one value keeps all
/// records together, including those that lack it; a participant with several values is parted by
/// record.
fn units<'c>(
    corpus: &Corpus,
    records: &[usize],
    values: &BTreeMap<usize, &'c str>,
    column: &str,
    notes: &mut Vec<String>,
) -> (Vec<(&'c str, Vec<usize>)>, Vec<usize>) {
    let mut by_speaker: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &record in records {
        by_speaker.entry(speaker(corpus, &corpus.records[record])).or_default().push(record);
    }
    let (mut units, mut without, mut several) = (Vec::new(), Vec::new(), 0);
    for own in by_speaker.into_values() {
        let said: BTreeSet<&str> = own.iter().filter_map(|r| values.get(r).copied()).collect();
        match said.len() {
            0 => without.extend(own),
            1 => units.extend(said.first().map(|value| (*value, own))),
            _ => {
                several += 1;
                for record in own {
                    match values.get(&record) {
                        Some(value) => units.push((*value, vec![record])),
                        None => without.push(record),
                    }
                }
            }
        }
    }
    if several > 0 {
        let (who, has) =
            if several == 1 { ("participant", "has") } else { ("participants", "have") };
        notes.push(format!(
            "{several} {who} {has} more than one '{column}': their records are in different segments"
        ));
    }
    units.sort_by_key(|(_, records)| records.first().copied());
    without.sort_unstable();
    (units, without)
}

/// Segments by value, those with most units first; where the values are more numbers than there are
/// slots, by band, in ascending order.
fn segments(
    units: Vec<(&str, Vec<usize>)>,
    slots: usize,
    column: &str,
    notes: &mut Vec<String>,
) -> Vec<Segment> {
    let distinct: BTreeSet<&str> = units.iter().map(|(value, _)| *value).collect();
    if distinct.len() > slots && distinct.iter().all(|value| number(value).is_some()) {
        let bands = bands(units, slots, number);
        let names: Vec<String> = bands.iter().map(|band| band.value.clone()).collect();
        notes.push(format!(
            "'{column}' has {} different numbers: cut into {}",
            distinct.len(),
            names.join(", ")
        ));
        return bands;
    }
    let mut by_value: BTreeMap<&str, Vec<Vec<usize>>> = BTreeMap::new();
    for (value, unit) in units {
        by_value.entry(value).or_default().push(unit);
    }
    let mut segments: Vec<Segment> = by_value
        .into_iter()
        .map(|(value, units)| Segment { value: value.to_owned(), units })
        .collect();
    segments.sort_by_key(|segment| Reverse(segment.units.len()));
    segments
}

/// Bands of numbers with about as many units each. Equal numbers are never parted, so there may be
/// fewer bands than asked for.
fn bands(
    mut units: Vec<(&str, Vec<usize>)>,
    slots: usize,
    number: impl Fn(&str) -> Option<f64>,
) -> Vec<Segment> {
    let key = |value: &str| number(value).unwrap_or_default();
    units.sort_by(|a, b| key(a.0).total_cmp(&key(b.0)));
    let mut bands: Vec<(&str, &str, Vec<Vec<usize>>)> = Vec::new();
    let (mut done, total) = (0, units.len());
    for (value, unit) in units {
        let full = done * slots >= bands.len() * total;
        match bands.last_mut() {
            Some((_, highest, members)) if !full || key(highest).total_cmp(&key(value)).is_eq() => {
                *highest = value;
                members.push(unit);
            }
            _ => bands.push((value, value, vec![unit])),
        }
        done += 1;
    }
    let name = |lowest: &str, highest: &str| {
        if lowest == highest { lowest.to_owned() } else { format!("{lowest} to {highest}") }
    };
    bands
        .into_iter()
        .map(|(lowest, highest, units)| Segment { value: name(lowest, highest), units })
        .collect()
}

/// Leaves out the smallest values where there are more of them than slots.
fn leave_out(
    segments: &mut Vec<Segment>,
    slots: usize,
    column: &str,
    segmentation: &mut Segmentation,
) {
    if segments.len() <= slots {
        return;
    }
    let all = segments.len();
    let rest = segments.split_off(slots);
    let names: Vec<String> = rest.iter().map(|segment| segment.value.clone()).collect();
    segmentation.notes.push(format!(
        "'{column}' has {all} values for {slots} personas: {}; --count {all} gives each its own",
        named("no persona for", &names),
    ));
    for segment in rest {
        let cause = format!("no persona for {column}={}", segment.value);
        let records = segment.units.into_iter().flatten();
        segmentation.left_out.extend(records.map(|record| (record, cause.clone())));
    }
    segmentation.left_out.sort_unstable();
}

/// A list for a note: `what a, b and 3 more`.
fn named(what: &str, names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        Some(more) => format!("{what} {shown} and {more} more"),
        None => format!("{what} {shown}"),
    }
}

/// Slots for each value: one, and each further slot to the value with the most units per slot.
fn shares(segments: &[Segment], slots: usize) -> Vec<usize> {
    let mut shares = vec![1; segments.len()];
    for _ in segments.len()..slots {
        let open = (0..segments.len()).filter(|&at| shares[at] < segments[at].units.len());
        // Of equals the first wins, which is the larger value.
        let most =
            open.min_by_key(|&at| (Reverse(segments[at].units.len() * 1_000_000 / shares[at]), at));
        let Some(most) = most else { break };
        shares[most] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::row;

    /// One record per participant, with a role and an age.
    fn corpus(people: &[(&str, &str)]) -> Corpus {
        let record = |(at, (role, age)): (usize, &(&str, &str))| {
            let cells = [("role", (*role).to_owned()), ("age", (*age).to_owned())];
            let cells: Vec<_> = cells.into_iter().filter(|(_, cell)| !cell.is_empty()).collect();
            row(at, &format!("P{at}"), &cells)
        };
        Corpus { records: people.iter().enumerate().map(record).collect(), ..Corpus::default() }
    }

    fn parted(people: &[(&str, &str)], slots: usize, column: &str) -> Segmentation {
        let all: Vec<usize> = (0..people.len()).collect();
        part_by(&corpus(people), &all, slots, 1, column)
    }

    fn groups(segmentation: &Segmentation) -> Vec<(String, Vec<usize>)> {
        segmentation.groups.iter().map(|g| (g.terms[0].clone(), g.records.clone())).collect()
    }

    const PEOPLE: [(&str, &str); 7] = [
        ("nurse", "20"),
        ("doctor", "50"),
        ("nurse", "30"),
        ("", "40"),
        ("nurse", "60"),
        ("porter", "20"),
        ("doctor", "35"),
    ];

    #[test]
    fn each_value_gets_a_slot_and_who_has_none_is_named() {
        let segmentation = parted(&PEOPLE, 3, "role");
        let expected = [
            ("role=nurse".to_owned(), vec![0, 2, 4]),
            ("role=doctor".to_owned(), vec![1, 6]),
            ("role=porter".to_owned(), vec![5]),
        ];
        assert_eq!(groups(&segmentation), expected);
        assert_eq!(segmentation.left_out, [(3, "no value in 'role'".to_owned())]);
        assert_eq!(segmentation.notes, ["1 of 7 records have no 'role' and are in no segment"]);
    }

    #[test]
    fn of_more_values_than_slots_the_smallest_are_left_out_by_name() {
        let segmentation = parted(&PEOPLE, 2, "role");
        assert_eq!(segmentation.groups.len(), 2);
        assert_eq!(
            segmentation.left_out.last(),
            Some(&(5, "no persona for role=porter".to_owned()))
        );
        assert!(segmentation.notes[1].contains("3 values for 2 personas: no persona for porter"));
    }

    #[test]
    fn of_fewer_values_than_slots_the_largest_are_parted_further() {
        let segmentation = parted(&PEOPLE, 5, "role");
        let values: Vec<String> =
            groups(&segmentation).into_iter().map(|(value, _)| value).collect();
        let of = |value: &str| values.iter().filter(|v| *v == value).count();
        assert_eq!([of("role=nurse"), of("role=doctor"), of("role=porter")], [2, 2, 1]);
        assert!(
            segmentation.notes[1].contains("nurse into 2, doctor into 2"),
            "{:?}",
            segmentation.notes
        );
        // More slots than people: there are as many groups as people.
        assert_eq!(parted(&PEOPLE, 20, "role").groups.len(), 6);
    }

    #[test]
    fn many_numbers_are_cut_into_bands_and_equal_ones_never_parted() {
        let segmentation = parted(&PEOPLE, 3, "age");
        let mut values: Vec<String> = groups(&segmentation).into_iter().map(|(v, _)| v).collect();
        values.sort_unstable();
        assert_eq!(values, ["age=20 to 30", "age=35 to 40", "age=50 to 60"]);
        assert!(segmentation.notes[0].contains("cut into"), "{:?}", segmentation.notes);
        let same = [("", "7"), ("", "7"), ("", "7"), ("", "8"), ("", "9")];
        let sizes: Vec<usize> =
            parted(&same, 2, "age").groups.iter().map(|g| g.records.len()).collect();
        assert_eq!(sizes, [3, 2]);
    }

    #[test]
    fn values_that_differ_in_case_and_space_are_one() {
        let people = [
            ("Nurse", "1"),
            ("nurse", "2"),
            ("NURSE", "3"),
            ("driver", "4"),
            ("Driver ", "5"),
            ("driver", "6"),
            ("truck  driver", "7"),
        ];
        let segmentation = parted(&people, 3, "role");
        let expected = [
            ("role=Nurse".to_owned(), vec![0, 1, 2]),
            ("role=driver".to_owned(), vec![3, 4, 5]),
            ("role=truck  driver".to_owned(), vec![6]),
        ];
        assert_eq!(groups(&segmentation), expected);
        assert!(segmentation.left_out.is_empty());
    }

    #[test]
    fn a_participant_with_two_values_is_parted_by_record() {
        let rows = [("P1", "a"), ("P1", "b"), ("P2", "a"), ("P2", "")];
        let record = |(at, (who, value)): (usize, &(&str, &str))| {
            let cells = [("topic", (*value).to_owned()), ("said", format!("words {at}"))];
            let cells: Vec<_> = cells.into_iter().filter(|(_, cell)| !cell.is_empty()).collect();
            row(at, who, &cells)
        };
        let corpus =
            Corpus { records: rows.iter().enumerate().map(record).collect(), ..Corpus::default() };
        let segmentation = part_by(&corpus, &[0, 1, 2, 3], 2, 1, "topic");
        let expected = [("topic=a".to_owned(), vec![0, 2, 3]), ("topic=b".to_owned(), vec![1])];
        assert_eq!(groups(&segmentation), expected);
        assert!(segmentation.notes[0].contains("1 participant has more than one 'topic'"));
    }
}
