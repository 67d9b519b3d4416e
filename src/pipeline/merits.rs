//! What can be counted about a persona besides the judge score.
//!
//! Owns completeness, specificity, evidence coverage, readability and distinctiveness, each 0..=1
//! with 1 for good, and the wordings that may come from a stereotype. They enter the selection with
//! the weights that `select` documents, and are shown; none of them is a gate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::plan::rounded;
use super::support::share;
use crate::corpus::Corpus;
use crate::prompts::passages::{sentences, stem, telling, words};
use crate::schema::{Flag, Persona, RecordId, Shingles};

/// Björnsson's LIX (Läsbarhetsindex, 1968): words per sentence plus the percentage of words of more
/// than six letters. It counts no syllables and so works in any language with spaces. Up to 40 is
/// easy reading, above 60 is officialese; readability falls to zero at 70.
const LIX_EASY: f64 = 40.0;
const LIX_HARD: f64 = 70.0;
const LIX_LONG_WORD: usize = 6;

/// The counts of one persona.
#[derive(Debug, Clone, PartialEq)]
pub struct Merits {
    /// `completeness`, `specificity`, `evidence_coverage` and `readability`, each 0..=1. What
    /// cannot be told is left out: without records, nothing is covered or specific; in a script
    /// without spaces, there are no long words.
    pub counted: BTreeMap<String, f64>,
    /// Wordings that may come from a stereotype.
    pub flags: Vec<Flag>,
}

/// Names of everything that is counted.
pub const COUNTED: [&str; 5] =
    ["completeness", "specificity", "evidence_coverage", "readability", "distinctiveness"];

/// Counts personas against the records that they were made from.
pub struct Counter<'a> {
    corpus: &'a Corpus,
    ids: BTreeSet<&'a RecordId>,
    specificity: Specificity,
}

impl<'a> Counter<'a> {
    /// Reads the records once, for all personas that are counted later.
    pub fn new(corpus: &'a Corpus) -> Self {
        let ids = corpus.records.iter().map(|record| &record.id).collect();
        Self { corpus, ids, specificity: Specificity::new(corpus) }
    }

    /// The counts of a persona.
    pub fn count(&self, persona: &Persona) -> Merits {
        let mut counted = BTreeMap::new();
        let mut add = |name: &str, value: f64| counted.insert(name.to_owned(), rounded(value));
        add("completeness", completeness(persona));
        if !self.corpus.records.is_empty() {
            add("specificity", self.specificity.of(persona));
            add("evidence_coverage", self.coverage(persona));
        }
        if let Some(readability) = readability(persona) {
            add("readability", readability);
        }
        Merits { counted, flags: flags(persona) }
    }

    /// The share of goals, pains, behaviours and quotes that cite a record which exists.
    fn coverage(&self, persona: &Persona) -> f64 {
        let statements =
            persona.statements().map(|s| s.records.iter().any(|id| self.ids.contains(id)));
        let quotes = persona.quotes.iter().map(|quote| self.ids.contains(&quote.record));
        let covered: Vec<bool> = statements.chain(quotes).collect();
        share(covered.iter().filter(|covered| **covered).count(), covered.len())
    }
}

/// How distinct each persona is from the others, 0..=1: 1 less the share of the shorter text that
/// the most similar other persona has too. A single persona is wholly distinct.
pub fn distinctiveness(personas: &[Persona]) -> Vec<f64> {
    let texts: Vec<Shingles> = personas.iter().map(Shingles::new).collect();
    let most_alike = |at: usize| {
        let others = (0..texts.len()).filter(|other| *other != at);
        others.map(|other| texts[at].alike(&texts[other])).fold(0.0, f64::max)
    };
    (0..texts.len()).map(|at| rounded(1.0 - most_alike(at))).collect()
}

/// The mean and the least distance over all pairs of personas, 0..=1; `None` for fewer than two.
pub fn distances(personas: &[Persona]) -> Option<(f64, f64)> {
    let texts: Vec<Shingles> = personas.iter().map(Shingles::new).collect();
    let pairs = (0..texts.len()).flat_map(|a| (a + 1..texts.len()).map(move |b| (a, b)));
    let distances: Vec<f64> = pairs.map(|(a, b)| 1.0 - texts[a].alike(&texts[b])).collect();
    let least = distances.iter().copied().reduce(f64::min)?;
    Some((rounded(distances.iter().sum::<f64>() / distances.len() as f64), rounded(least)))
}

/// The share of a persona's parts that are filled: two goals, two quotes and so on fill one.
fn completeness(persona: &Persona) -> f64 {
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

/// Measures how few records use a persona's words: the share of its telling words that occur in the
/// data, but in at most a third of the records. Words that everyone uses would fit any persona.
struct Specificity {
    spread: BTreeMap<String, usize>,
    records: usize,
}

impl Specificity {
    fn new(corpus: &Corpus) -> Self {
        let mut spread = BTreeMap::new();
        for record in &corpus.records {
            let said: BTreeSet<String> = words(&record.text).map(|w| stem(&w)).collect();
            for word in said {
                *spread.entry(word).or_default() += 1;
            }
        }
        Self { spread, records: corpus.records.len() }
    }

    fn of(&self, persona: &Persona) -> f64 {
        let telling: Vec<String> = persona.texts().flat_map(telling).collect();
        let most = (self.records / 3).max(1);
        let rare = |word: &&String| self.spread.get(*word).is_some_and(|&n| n <= most);
        share(telling.iter().filter(rare).count(), telling.len())
    }
}

/// 1 for easy reading, 0 for officialese; `None` where words or their lengths cannot be told.
/// Quotes are left out, since they are as people said them.
fn readability(persona: &Persona) -> Option<f64> {
    let statements = persona.statements().map(|s| s.text.as_str());
    let texts = [persona.title.as_str(), persona.summary.as_str()].into_iter().chain(statements);
    let (mut spoken, mut long, mut said) = (0, 0, 0);
    for text in texts.chain(persona.motivations.iter().map(String::as_str)) {
        said += sentences(text).len();
        for word in words(text) {
            let letters = word.chars().count();
            // In a script whose words are single signs, the length of a word says nothing.
            if letters == 1 && !word.is_ascii() {
                return None;
            }
            spoken += 1;
            long += usize::from(letters > LIX_LONG_WORD);
        }
    }
    if spoken == 0 || said == 0 {
        return None;
    }
    let lix = spoken as f64 / said as f64 + 100.0 * long as f64 / spoken as f64;
    Some(((LIX_HARD - lix) / (LIX_HARD - LIX_EASY)).clamp(0.0, 1.0))
}

/// Phrases by kind; `*` at the end of a word stands for any ending.
#[derive(Deserialize)]
struct Lexicon(BTreeMap<String, Vec<String>>);

static LEXICON: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let Lexicon(kinds) =
        serde_json::from_str(include_str!("stereotypes.json")).expect("the lexicon parses");
    let phrase = |kind: &str, phrase: &str| {
        (kind.to_owned(), phrase.split_whitespace().map(str::to_owned).collect())
    };
    let all = kinds.iter().flat_map(|(kind, all)| all.iter().map(move |p| phrase(kind, p)));
    all.collect()
});

/// Wordings that may come from a stereotype, each once per field. Quotes are searched too: they are
/// what somebody said, but the writer chose them.
fn flags(persona: &Persona) -> Vec<Flag> {
    let statements = |field: &'static str, all: &'_ [crate::schema::Statement]| {
        all.iter().map(move |s| (field, s.text.clone())).collect::<Vec<_>>()
    };
    let mut texts = vec![("title", persona.title.clone()), ("summary", persona.summary.clone())];
    texts.extend(statements("goals", &persona.goals));
    texts.extend(statements("pains", &persona.pains));
    texts.extend(statements("behaviours", &persona.behaviours));
    texts.extend(persona.motivations.iter().map(|text| ("motivations", text.clone())));
    texts.extend(persona.quotes.iter().map(|quote| ("quotes", quote.text.clone())));
    let mut found: Vec<Flag> = Vec::new();
    for flag in texts.into_iter().flat_map(|(field, text)| flags_in(field, &text)) {
        if !found.contains(&flag) {
            found.push(flag);
        }
    }
    found
}

/// Wordings that may come from a stereotype in one text, which stands in `field`.
pub fn flags_in(field: &str, text: &str) -> Vec<Flag> {
    let flag = |(kind, phrase): (&str, String)| Flag {
        kind: kind.to_owned(),
        phrase,
        field: field.to_owned(),
    };
    matches(text).into_iter().map(flag).collect()
}

/// The phrases of the lexicon that occur in a text, spelt as there except for case.
fn matches(text: &str) -> Vec<(&'static str, String)> {
    let spoken: Vec<String> = words(text).collect();
    let fits = |pattern: &str, word: &str| match pattern.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == pattern,
    };
    let mut found = Vec::new();
    for (kind, phrase) in LEXICON.iter() {
        let windows = spoken.windows(phrase.len().max(1));
        for window in windows {
            if phrase.iter().zip(window).all(|(pattern, word)| fits(pattern, word)) {
                found.push((kind.as_str(), window.join(" ")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::Wording;
    use crate::prompts::controls::{self, Treatment};

    fn control() -> (Corpus, Persona) {
        let controls = controls::load(Wording::Free);
        ((*controls.corpus).clone(), controls.all[0].persona.clone())
    }

    #[test]
    fn a_cited_record_that_does_not_exist_covers_nothing() {
        let (corpus, mut persona) = control();
        let covered = |p: &Persona| Counter::new(&corpus).count(p).counted["evidence_coverage"];
        assert!((covered(&persona) - 1.0).abs() < 1e-9);
        persona.goals[0].records = vec![RecordId::new(99, 0)];
        assert!(covered(&persona) < 1.0 && covered(&persona) > 0.0);
    }

    #[test]
    fn filler_is_less_specific_than_what_it_replaced() {
        let controls = controls::load(Wording::Free);
        let counter = Counter::new(&controls.corpus);
        let mean = |treatment: Treatment| {
            let of: Vec<f64> = controls
                .all
                .iter()
                .filter(|control| control.treatment == treatment)
                .map(|control| counter.count(&control.persona).counted["specificity"])
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let (good, generic) = (mean(Treatment::Untouched), mean(Treatment::Generic));
        assert!(good > generic + 0.1, "{good} {generic}");
    }

    #[test]
    fn without_records_only_what_needs_none_is_counted() {
        let (_, persona) = control();
        let merits = Counter::new(&Corpus::default()).count(&persona);
        assert_eq!(merits.counted.keys().collect::<Vec<_>>(), ["completeness", "readability"]);
    }

    #[test]
    fn long_words_and_long_sentences_read_badly() {
        let (_, mut persona) = control();
        let easy = readability(&persona).expect("a score");
        persona.summary = "Notwithstanding considerable organisational interdependencies, comprehensive documentation responsibilities continuously overwhelm professional practitioners whose administrative obligations systematically outweigh therapeutic engagement throughout institutional environments.".into();
        assert!(readability(&persona).expect("a score") < easy - 0.2);
        persona.summary = "毎朝電車で通勤する".into();
        assert_eq!(readability(&persona), None);
    }

    #[test]
    fn a_stereotype_is_flagged_with_its_words_and_its_place() {
        let (_, mut persona) = control();
        assert!(flags(&persona).is_empty(), "{:?}", flags(&persona));
        persona.summary = "She is tech-savvy despite her age, and confined to a wheelchair.".into();
        let found = flags(&persona);
        let phrases: Vec<&str> = found.iter().map(|flag| flag.phrase.as_str()).collect();
        assert!(phrases.contains(&"despite her age"), "{found:?}");
        assert!(phrases.contains(&"confined to a wheelchair"), "{found:?}");
        assert!(found.iter().all(|flag| flag.field == "summary"));
    }

    #[test]
    fn no_good_control_is_flagged_but_for_what_it_should_be() {
        let controls = controls::load(Wording::Free);
        let good = controls.all.iter().filter(|control| control.treatment == Treatment::Untouched);
        let found: Vec<Flag> = good.flat_map(|control| flags(&control.persona)).collect();
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn two_that_say_the_same_are_not_distinct() {
        let controls = controls::load(Wording::Free);
        let [a, b] = [0, 7].map(|at| controls.all[at].persona.clone());
        let apart = distinctiveness(&[a.clone(), b.clone()]);
        assert!(apart.iter().all(|d| *d > 0.9), "{apart:?}");
        assert!(distinctiveness(&[a.clone(), b.clone(), a.clone()])[0].abs() < 1e-9);
        assert!(distances(&[a.clone(), b, a]).expect("pairs").1.abs() < 1e-9);
        assert_eq!(distances(&[]), None);
    }
}
