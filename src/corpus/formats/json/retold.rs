//! Places of a document that say again what another place says.
//!
//! Owns telling them by a sample of their texts, and which of them stays. What a place says is
//! decided in `nested`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::item::Item;

/// Number of texts of one place that are looked for in another, to see whether it repeats them.
/// Each is a search through all that the other place says.
const SAMPLE: usize = 12;

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
    let mut kept: Vec<String> = Vec::new();
    let mut repeated = Vec::new();
    for (place, rows) in ranked {
        let texts: Vec<&str> = rows.iter().filter_map(|row| row.said.as_deref()).collect();
        let is_again =
            |whole: &String| holds(whole, &texts) || texts.iter().any(|t| holds_all(t, whole));
        if kept.iter().any(is_again) {
            repeated.push(place.to_owned());
        } else {
            kept.push(texts.join("\n"));
        }
    }
    items.retain(|item| item.said.is_none() || !repeated.contains(&item.place));
    repeated
}

/// Whether `whole` contains more than three quarters of a sample of `texts`.
fn holds(whole: &str, texts: &[&str]) -> bool {
    let step = texts.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&&str> = texts.iter().step_by(step).collect();
    let found = sample.iter().filter(|text| whole.contains(text.trim())).count();
    found * 4 > sample.len() * 3
}

/// Whether `text` contains most of the lines in `lines`.
fn holds_all(text: &str, lines: &str) -> bool {
    // Called for many texts: one of less than half the length is not searched.
    if text.len() * 2 < lines.len() {
        return false;
    }
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.len() > 1 && holds(text, &lines)
}
