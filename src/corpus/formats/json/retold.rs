//! Places of a document that say again what another place says.
//!
//! Owns telling them by a sample of their words, and which of them stays. What a place says is
//! decided in `nested`.
//!
//! Two places share a sample if the ends of most of its passages stand in both. All ends are known
//! before any place is read, so that each is read once, however many places there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::item::Item;

/// Number of passages of one place that are looked for in all others.
const SAMPLE: usize = 12;
/// Letters and digits of either end of a passage: in Latin script two or three words, of which the
/// same two pairs hardly occur by chance in three quarters of a sample.
const END: usize = 12;
/// Most places of which an end tells one; what more of them have in common is how people talk, or a
/// form.
const OWNERS: usize = 64;
/// Most times by which a text is longer or shorter than a place that it says again; names of speakers
/// and time marks make it longer.
const LONGER: usize = 3;
const SHORTER: usize = 2;

/// Removes the rows of places that repeat what another place holds, and returns those places:
/// services write one transcript as a whole, by paragraph and by turn. The place that names its
/// speakers stays, or else the one with most rows.
pub(super) fn drop_places(items: &mut Vec<Item<'_>>) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<&Item<'_>>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.said.is_some()) {
        places.entry(&item.place).or_default().push(item);
    }
    let mut ranked: Vec<(&str, Vec<&Item<'_>>)> = places.into_iter().collect();
    ranked.sort_by_key(|(_, rows)| {
        let named = rows.iter().filter(|row| row.has_speaker).count() * 2 > rows.len();
        Reverse((named, rows.len()))
    });
    let said = |row: &&Item<'_>| row.said.as_deref().map(plain);
    let texts: Vec<Vec<String>> =
        ranked.iter().map(|(_, rows)| rows.iter().filter_map(said).collect()).collect();
    let mut repeats = vec![false; texts.len()];
    // Ordered by the place of lower rank, so that it is known of the other whether it stays.
    for (lower, higher, is_held) in shared(&texts) {
        let is_again = is_held || is_one_text(&texts[lower], &texts[higher]);
        repeats[lower] |= !repeats[higher] && is_again;
    }
    let places = ranked.iter().zip(&repeats).filter(|(_, repeats)| **repeats);
    let repeated: Vec<String> = places.map(|((place, _), _)| (*place).to_owned()).collect();
    items.retain(|item| item.said.is_none() || !repeated.contains(&item.place));
    repeated
}

/// The letters and digits of a text, in small letters.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The pairs of places of which one holds the sample of the other, by rank: the lower one, the higher
/// one, and whether it is the higher one that holds the other.
fn shared(texts: &[Vec<String>]) -> Vec<(usize, usize, bool)> {
    let mut samples: Vec<Vec<[String; 2]>> = texts.iter().map(|texts| sample(texts)).collect();
    let mut owners: HashMap<String, HashSet<usize>> = HashMap::new();
    for (place, sample) in samples.iter().enumerate() {
        for end in sample.iter().flatten() {
            owners.entry(end.clone()).or_default().insert(place);
        }
    }
    for sample in &mut samples {
        sample.retain(|ends| ends.iter().all(|end| owners[end].len() <= OWNERS));
    }
    let mut ends: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for (place, sample) in samples.iter().enumerate() {
        for (at, end) in sample.iter().flatten().enumerate() {
            ends.entry(end).or_default().push((place, at));
        }
    }
    let mut pairs = Vec::new();
    for (holder, texts) in texts.iter().enumerate() {
        let found: HashSet<&str> = texts
            .iter()
            .flat_map(|text| stretches(text))
            .filter(|s| ends.contains_key(s))
            .collect();
        let mut found_of: HashMap<usize, HashSet<usize>> = HashMap::new();
        for (place, at) in found.iter().flat_map(|end| &ends[end]) {
            found_of.entry(*place).or_default().insert(*at);
        }
        for (place, found) in found_of.into_iter().filter(|(place, _)| *place != holder) {
            let count = samples[place].len();
            let whole = (0..count).filter(|at| (0..2).all(|end| found.contains(&(at * 2 + end))));
            if whole.count() * 4 > count * 3 {
                pairs.push((place.max(holder), place.min(holder), holder < place));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

/// Both ends of passages from all over a place: of its longer texts, or, where it has none, of what
/// its texts make together. A place that says less than a passage has none.
fn sample(texts: &[String]) -> Vec<[String; 2]> {
    let ends = |text: &str| {
        let mut stretches = stretches(text);
        let first = stretches.next()?.to_owned();
        Some([first, stretches.last()?.to_owned()])
    };
    let long: Vec<&String> = texts.iter().filter(|text| text.chars().count() >= 2 * END).collect();
    if long.is_empty() {
        let all: Vec<char> = texts.iter().flat_map(|text| text.chars()).collect();
        let passages = all.chunks_exact(2 * END).map(String::from_iter);
        let passages: Vec<String> = passages.collect();
        return every(&passages).filter_map(|passage| ends(passage)).collect();
    }
    every(&long).filter_map(|text| ends(text)).collect()
}

/// As many of all as a sample has, from all over them.
fn every<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(SAMPLE).max(1))
}

/// All stretches of a text that are as long as the end of a passage.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(at, _)| at);
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]).skip(END);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// Whether one of some texts is about as long as all of the others together, of which there are
/// several.
fn is_one_text(texts: &[String], others: &[String]) -> bool {
    let all: usize = others.iter().map(String::len).sum();
    let is_as_long = |text: &String| text.len() * SHORTER >= all && text.len() <= all * LONGER;
    others.len() > 1 && texts.iter().any(is_as_long)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::Instant;

    use crate::corpus::test_support::{load_json, texts};

    #[test]
    fn a_transcript_is_read_once_whether_whole_by_turn_or_by_word() {
        let rows = load_json(
            r#"{"text": "It takes an hour to book a slot. I keep a paper list of all of them. Nobody answers the phone on Mondays.",
                "words": [{"text": "It"}, {"text": "takes"}, {"text": "an"}, {"text": "hour"}, {"text": "to"},
                    {"text": "book"}, {"text": "a"}, {"text": "slot."}, {"text": "I"}, {"text": "keep"}],
                "utterances": [
                    {"speaker": "A", "text": "It takes an hour to book a slot."},
                    {"speaker": "B", "text": "I keep a paper list of all of them."},
                    {"speaker": "A", "text": "Nobody answers the phone on Mondays."}]}"#,
        );
        assert_eq!(texts(&rows).len(), 3, "{:?}", texts(&rows));
    }

    #[test]
    fn short_answers_that_occur_in_an_interview_are_read_as_well() {
        let rows = load_json(
            r#"{"interview": [{"speaker": "Ana", "text": "Yes, I plan it all. No other way works for me."},
                    {"speaker": "Ana", "text": "I write a list on Sundays."}],
                "survey": [{"text": "Yes"}, {"text": "No"}, {"text": "plan"}]}"#,
        );
        let said = texts(&rows).join("\n");
        assert!(said.contains("Yes") && said.contains("plan"), "{said}");
        assert_eq!(texts(&rows).len(), 5, "{said}");
    }

    /// Seconds that reading takes of so many conversations, each a list of its own.
    fn seconds(conversations: usize) -> f64 {
        let mut text = String::from("{");
        for i in 0..conversations {
            let comma = if i == 0 { "" } else { "," };
            write!(
                text,
                r#"{comma}"c{i}":{{"turns":[{{"text":"In week {i} I waited {i} hours at the desk."}},{{"text":"Then somebody number {i} called me in."}}]}}"#
            )
            .expect("into memory");
        }
        text.push('}');
        let start = Instant::now();
        assert_eq!(load_json(&text).records.len(), conversations * 2);
        start.elapsed().as_secs_f64()
    }

    #[test]
    fn four_times_as_many_places_take_about_four_times_as_long() {
        let least = |n| (0..3).map(|_| seconds(n)).fold(f64::INFINITY, f64::min);
        let (few, many) = (least(300), least(1200));
        assert!(many < few * 8.0, "{few} s and {many} s");
    }
}
