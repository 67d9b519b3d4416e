//! What the judge can tell without a model.
//!
//! Owns the computed signals of the judge. What is counted beside the judge score is in `merits`.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::Corpus;
use crate::prompts::Wording;
use crate::prompts::passages::{is_telling, stem, words};
use crate::schema::{Persona, RecordId};

/// Names of the computed signals.
pub(super) const VERBATIM: &str = "verbatim_quotes";
pub(super) const OVERLAP: &str = "record_overlap";
pub(super) const VARIETY: &str = "variety";

/// The computed signals, each 0..=1: the share of quotes that stand word for word in their record,
/// the share of the persona's telling words that its records use too, and the share of word pairs
/// that are not a repetition.
pub(super) fn signals(
    corpus: &Corpus,
    persona: &Persona,
    wording: Wording,
) -> BTreeMap<String, f64> {
    let text_of = |id: &RecordId| corpus.get(id).map(|record| record.text.as_str());
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
    // Without quotes, none is true and none is false: the signal is left out.
    let verbatim = (!persona.quotes.is_empty()).then_some((VERBATIM, verbatim));
    let all = verbatim.into_iter().chain([(OVERLAP, overlap), (VARIETY, variety)]);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The words of all that the persona says except its quotes. Where it is made of sentences, title
/// and summary are left out too, since they are partly counted.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::controls::{self, Treatment};

    #[test]
    fn each_corruption_of_a_control_shows_in_the_signal_made_for_it() {
        let controls = controls::load(Wording::Free);
        let of = |at: usize| {
            let control = &controls.all[at];
            (control.treatment, signals(&controls.corpus, &control.persona, Wording::Free))
        };
        let good =
            (0..controls.all.len()).filter(|&i| controls.all[i].treatment == Treatment::Untouched);
        for at in good {
            let (_, good) = of(at);
            assert!((good[VERBATIM] - 1.0).abs() < 1e-9);
            for corrupted in at + 1..=at + Treatment::CORRUPTED.len() {
                let (treatment, signals) = of(corrupted);
                let name = match treatment {
                    Treatment::Swapped => VERBATIM,
                    Treatment::Looped => VARIETY,
                    // Each half of a mixture is supported by the records that it cites.
                    Treatment::Mixed => continue,
                    _ => OVERLAP,
                };
                assert!(signals[name] < good[name], "{treatment:?} of control {at}: {signals:?}");
            }
        }
    }
}
