//! What can be said of a persona without a model.
//!
//! Owns the computed signals of the judge, the computed criteria of the selection, and how alike
//! two personas are.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::Corpus;
use crate::prompts::Wording;
use crate::prompts::passages::words;
use crate::schema::{Persona, RecordId};

/// Names of the computed signals.
pub(super) const VERBATIM: &str = "verbatim_quotes";
pub(super) const OVERLAP: &str = "record_overlap";
pub(super) const VARIETY: &str = "variety";

/// Letters by which two forms of a word are taken for the same (`repair`, `repairs`).
const STEM: usize = 5;
/// Words of a shingle.
const SHINGLE: usize = 3;

/// The computed signals, each 0..=1: the share of quotes that are their record's own words, the
/// share of the persona's telling words that its records use too, and the share of word pairs that
/// are no repetition.
pub(super) fn signals(
    corpus: &Corpus,
    persona: &Persona,
    wording: Wording,
) -> BTreeMap<String, f64> {
    let text_of =
        |id: &RecordId| corpus.records.iter().find(|r| r.id == *id).map(|r| r.text.as_str());
    let own_words = persona.quotes.iter().filter(|quote| {
        text_of(&quote.record).and_then(|t| t.get(quote.start..quote.end)) == Some(&quote.text)
    });
    let verbatim = share(own_words.count(), persona.quotes.len());

    let cited = persona.cited();
    let said: BTreeSet<String> =
        cited.iter().filter_map(text_of).flat_map(words).map(|w| stem(&w)).collect();
    let body = body(persona, wording);
    let telling: Vec<String> = body.iter().filter(|w| is_telling(w)).map(|w| stem(w)).collect();
    let overlap = share(telling.iter().filter(|w| said.contains(*w)).count(), telling.len());

    let pairs: Vec<&[String]> = body.windows(2).collect();
    let distinct: BTreeSet<&[String]> = pairs.iter().copied().collect();
    let variety = share(distinct.len(), pairs.len());
    [(VERBATIM, verbatim), (OVERLAP, overlap), (VARIETY, variety)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The words of what the persona says but its quotes; where it is made of sentences, without the
/// title and summary around them, which are partly counted.
fn body(persona: &Persona, wording: Wording) -> Vec<String> {
    let mut texts: Vec<&str> = persona.statements().map(|s| s.text.as_str()).collect();
    texts.extend(persona.motivations.iter().map(String::as_str));
    if wording == Wording::Free {
        texts.extend([persona.title.as_str(), persona.summary.as_str()]);
    }
    let name: BTreeSet<String> = words(&persona.name).collect();
    texts.into_iter().flat_map(words).filter(|w| !name.contains(w)).collect()
}

/// Words of up to three letters tell little; in scripts without spaces every sign is a word.
fn is_telling(word: &str) -> bool {
    const COMMON: &[&str] = &[
        "with", "that", "this", "they", "their", "them", "have", "from", "what", "when", "about",
        "because", "would", "there", "which", "person", "people", "also", "will", "been", "were",
    ];
    let letters = word.chars().count();
    (letters > 3 && !COMMON.contains(&word)) || (letters == 1 && !word.is_ascii())
}

fn stem(word: &str) -> String {
    word.chars().take(STEM).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The share of its parts that a persona has in good number.
pub(super) fn completeness(persona: &Persona) -> f64 {
    let parts = [
        (persona.goals.len(), 2),
        (persona.pains.len(), 2),
        (persona.behaviours.len(), 2),
        (persona.quotes.len(), 2),
        (persona.motivations.len(), 1),
    ];
    let filled = parts.map(|(has, wants)| (has as f64 / f64::from(wants)).min(1.0));
    filled.iter().sum::<f64>() / parts.len() as f64
}

/// How few records use its words: the share of its telling words that occur in the data, but in at
/// most a third of the records. Words that everyone uses would fit any persona.
pub(super) struct Specificity {
    spread: BTreeMap<String, usize>,
    records: usize,
}

impl Specificity {
    pub(super) fn new(corpus: &Corpus) -> Self {
        let mut spread = BTreeMap::new();
        for record in &corpus.records {
            let said: BTreeSet<String> = words(&record.text).map(|w| stem(&w)).collect();
            for word in said {
                *spread.entry(word).or_default() += 1;
            }
        }
        Self { spread, records: corpus.records.len() }
    }

    pub(super) fn of(&self, persona: &Persona) -> f64 {
        let texts = persona.texts().flat_map(words);
        let telling: Vec<String> = texts.filter(|w| is_telling(w)).map(|w| stem(&w)).collect();
        let most = (self.records / 3).max(1);
        let rare = |word: &&String| self.spread.get(*word).is_some_and(|&n| n <= most);
        share(telling.iter().filter(rare).count(), telling.len())
    }
}

/// A persona's text as runs of words, to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shingles(BTreeSet<Vec<String>>);

impl Shingles {
    pub(super) fn new(persona: &Persona) -> Self {
        let name: BTreeSet<String> = words(&persona.name).collect();
        let mut shingles = BTreeSet::new();
        for text in persona.texts() {
            let spoken: Vec<String> = words(text).filter(|w| !name.contains(w)).collect();
            if spoken.len() < SHINGLE {
                shingles.extend((!spoken.is_empty()).then_some(spoken));
            } else {
                shingles.extend(spoken.windows(SHINGLE).map(<[String]>::to_vec));
            }
        }
        Self(shingles)
    }

    /// The share of the shorter text that the other one says too, 0..=1.
    pub(super) fn alike(&self, other: &Self) -> f64 {
        share(self.0.intersection(&other.0).count(), self.0.len().min(other.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::controls::{self, Fate};

    #[test]
    fn each_corruption_of_a_control_shows_in_the_signal_made_for_it() {
        let controls = controls::load(Wording::Free);
        let of = |at: usize| {
            let control = &controls.all[at];
            (control.fate, signals(&controls.corpus, &control.persona, Wording::Free))
        };
        let good = (0..controls.all.len()).filter(|&i| controls.all[i].fate == Fate::Good);
        for at in good {
            let (_, good) = of(at);
            assert!((good[VERBATIM] - 1.0).abs() < 1e-9);
            for corrupted in at + 1..at + 5 {
                let (fate, signals) = of(corrupted);
                let name = match fate {
                    Fate::Swapped => VERBATIM,
                    Fate::Looped => VARIETY,
                    _ => OVERLAP,
                };
                assert!(signals[name] < good[name], "{fate:?} of control {at}: {signals:?}");
            }
        }
    }

    #[test]
    fn a_text_is_wholly_like_itself_and_unlike_another() {
        let controls = controls::load(Wording::Free);
        let first = Shingles::new(&controls.all[0].persona);
        let other = Shingles::new(&controls.all[5].persona);
        assert!((first.alike(&first) - 1.0).abs() < 1e-9);
        assert!(first.alike(&other) < 0.1);
    }

    #[test]
    fn a_name_alone_makes_no_two_personas_differ() {
        let mut twin = controls::load(Wording::Free).all[0].persona.clone();
        let first = Shingles::new(&twin);
        twin.summary = twin.summary.replace(&twin.name, "Zoltan");
        twin.name = "Zoltan".into();
        assert_eq!(first, Shingles::new(&twin));
    }
}
