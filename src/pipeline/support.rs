//! What the judge can tell without a model.
//!
//! Owns the computed signals of the judge, and how alike two personas are. What is counted beside
//! the judge score is in `merits`.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::Corpus;
use crate::prompts::Wording;
use crate::prompts::passages::{is_telling, stem, words};
use crate::schema::{Persona, RecordId};

/// Names of the computed signals.
pub(super) const VERBATIM: &str = "verbatim_quotes";
pub(super) const OVERLAP: &str = "record_overlap";
pub(super) const VARIETY: &str = "variety";

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
    // No quote is neither a true nor a false one.
    let verbatim = (!persona.quotes.is_empty()).then_some((VERBATIM, verbatim));
    let all = verbatim.into_iter().chain([(OVERLAP, overlap), (VARIETY, variety)]);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
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

pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A persona's text as runs of words, to be compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shingles(BTreeSet<Vec<String>>);

impl Shingles {
    pub(super) fn new(persona: &Persona) -> Self {
        let name: BTreeSet<String> = words(&persona.name).collect();
        let mut shingles = BTreeSet::new();
        for text in persona.texts() {
            // Two answers to one question are two things said: each run of the question's words
            // counts with its answer.
            let (question, answer) = text.rsplit_once(": ").unwrap_or(("", text));
            let answered: Vec<String> = words(answer).filter(|w| !name.contains(w)).collect();
            let asked: Vec<String> = words(question).filter(|w| !name.contains(w)).collect();
            for run in runs(&asked) {
                shingles.insert(run.iter().chain(&answered).cloned().collect());
            }
            if asked.is_empty() || answered.len() >= SHINGLE {
                shingles.extend(runs(&answered).map(<[String]>::to_vec));
            }
        }
        Self(shingles)
    }

    /// The share of the shorter text that the other one says too, 0..=1.
    pub(super) fn alike(&self, other: &Self) -> f64 {
        share(self.0.intersection(&other.0).count(), self.0.len().min(other.0.len()))
    }
}

/// Runs of [`SHINGLE`] words; all of them where there are fewer.
fn runs(words: &[String]) -> impl Iterator<Item = &[String]> {
    words.windows(SHINGLE.min(words.len()).max(1))
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
            for corrupted in at + 1..=at + Fate::CORRUPTED.len() {
                let (fate, signals) = of(corrupted);
                let name = match fate {
                    Fate::Swapped => VERBATIM,
                    Fate::Looped => VARIETY,
                    // Each half of a mixture is borne out by what it cites.
                    Fate::Mixed => continue,
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
        let other = Shingles::new(&controls.all[1 + Fate::CORRUPTED.len()].persona);
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

    #[test]
    fn two_answers_to_one_question_are_not_alike() {
        let controls = controls::load(Wording::Extractive);
        let answering = |answer: &str| {
            let mut persona = controls.all[0].persona.clone();
            (persona.title, persona.summary) = (String::new(), String::new());
            (persona.pains, persona.behaviours) = (Vec::new(), Vec::new());
            (persona.motivations, persona.quotes) = (Vec::new(), Vec::new());
            persona.goals.truncate(1);
            persona.goals[0].text = format!("Do you ever drive above the speed limit?: {answer}");
            Shingles::new(&persona)
        };
        assert!(answering("No").alike(&answering("Yes")) < 0.01);
        assert!((answering("No").alike(&answering("No")) - 1.0).abs() < 1e-9);
    }
}
