//! Personas of known quality, on which a judge is measured.
//!
//! Owns the good personas with their records, and the choice of those that are scored at a model's
//! first use. They were written by hand for this purpose, in many domains; they come from no study.
//! How they are corrupted is in [`super::corruptions`].

use serde::Deserialize;

use super::Wording;
use super::corruptions::{Filler, generic, looped, misattributed, mixed, restate, swapped};
use super::passages::sentences;
use crate::corpus::{Corpus, Record};
use crate::privacy::Cleared;
use crate::schema::{Persona, Provenance, Quote, RecordId, Scores, Segment, Statement};

pub use super::corruptions::Treatment;

/// One in this many good controls is scored at a model's first use, so that a user need not wait
/// long; `persona calibrate` scores all of them.
const QUICK: usize = 3;

/// A persona of known quality. Its records are in [`Controls::corpus`].
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// The persona, good or corrupted.
    pub persona: Persona,
    /// What was done to the persona.
    pub treatment: Treatment,
    /// The number of the good persona that it was made from.
    pub source: usize,
}

/// The controls and the records that they cite.
#[derive(Debug, Clone)]
pub struct Controls {
    /// The records of all controls.
    pub corpus: Cleared<Corpus>,
    /// The good and the corrupted controls.
    pub all: Vec<Control>,
}

impl Controls {
    /// The records that belong to a control, as indices into the corpus: all records of the person
    /// whom its goals cite.
    pub fn segment(&self, control: &Control) -> Vec<usize> {
        let cited = control.persona.goals.first().and_then(|goal| goal.records.first());
        let file = |record: &Record| {
            cited.is_some_and(|id| {
                self.corpus.records.iter().any(|other| other.id == *id && other.file == record.file)
            })
        };
        (0..self.corpus.records.len()).filter(|&i| file(&self.corpus.records[i])).collect()
    }

    /// A fixed part of the controls for a first use, with each corruption in equal number.
    #[must_use]
    pub fn quick(mut self) -> Self {
        let kinds = Treatment::CORRUPTED.len();
        self.all.retain(|control| {
            match Treatment::CORRUPTED.iter().position(|f| *f == control.treatment) {
                None => control.source.is_multiple_of(QUICK),
                // Each good persona gives one corruption, in turn, so that none stands for many.
                Some(kind) => control.source % kinds == kind,
            }
        });
        self
    }
}

/// The built-in controls, worded as the drafts that will be judged are.
pub fn load(wording: Wording) -> Controls {
    let Sources { personas: sources, fillers } = sources();
    let mut corpus = Corpus::default();
    for (file, source) in sources.iter().enumerate() {
        for (index, text) in source.records.iter().enumerate() {
            corpus.records.push(Record {
                id: RecordId::new(file + 1, index),
                file: file + 1,
                sheet: None,
                row: index + 1,
                participant: None,
                text: text.clone(),
                columns: Vec::new(),
            });
        }
    }
    let good: Vec<Persona> =
        sources.iter().enumerate().map(|(file, source)| source.persona(file, wording)).collect();
    let mut all = Vec::new();
    for (source, persona) in good.iter().enumerate() {
        let next = &good[(source + 1) % good.len()];
        let filler = &fillers[source % fillers.len()];
        all.push(Control { persona: persona.clone(), treatment: Treatment::Untouched, source });
        for treatment in Treatment::CORRUPTED {
            let persona = match treatment {
                Treatment::Untouched => persona.clone(),
                Treatment::Contradicted => contradicted(persona, &sources[source].contradiction),
                Treatment::Generic => generic(persona, filler),
                Treatment::Swapped => swapped(persona, next),
                Treatment::Mixed => mixed(persona, next),
                Treatment::Misattributed => misattributed(persona, next),
                Treatment::Looped => looped(persona),
            };
            all.push(Control { persona, treatment, source });
        }
    }
    Controls { corpus: Cleared::as_is(corpus), all }
}

/// Texts that would suit any persona, for [`super::corruptions::planted`].
pub(super) fn fillers() -> Vec<Filler> {
    sources().fillers
}

fn sources() -> Sources {
    serde_json::from_str(include_str!("controls.json")).expect("the built-in controls parse")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    fillers: Vec<Filler>,
    personas: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    records: Vec<String>,
    name: String,
    title: String,
    summary: String,
    goals: Vec<String>,
    pains: Vec<String>,
    behaviours: Vec<String>,
    motivations: Vec<String>,
    /// Number of the record, from 0, and the quoted words.
    quotes: Vec<(usize, String)>,
    contradiction: Contradiction,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contradiction {
    title: String,
    summary: String,
    goals: Vec<String>,
    pains: Vec<String>,
    motivations: Vec<String>,
}

impl Source {
    fn persona(&self, file: usize, wording: Wording) -> Persona {
        match wording {
            Wording::Free => self.written(file),
            Wording::Extractive => self.picked(file),
        }
    }

    /// A persona made from the first record's sentences alone, so that the second record is left to
    /// be foretold.
    fn picked(&self, file: usize) -> Persona {
        let said = &self.records[0];
        let record = RecordId::new(file + 1, 0);
        let sentences: Vec<&str> = sentences(said).into_iter().map(|range| &said[range]).collect();
        let statement = |text: &str| {
            let records = vec![record.clone()];
            vec![Statement { text: text.to_owned(), records, inferred: false, held: None }]
        };
        let mut persona = self.written(file);
        persona.goals = statement(sentences[0]);
        persona.pains = statement(sentences[sentences.len() - 1]);
        persona.behaviours = Vec::new();
        persona.motivations = Vec::new();
        persona.quotes.retain(|quote| quote.record == record);
        if persona.quotes.is_empty() {
            let start = said.find(sentences[0]).unwrap_or_default();
            let (text, end) = (sentences[0].to_owned(), start + sentences[0].len());
            persona.quotes.push(Quote { text, record, start, end });
        }
        persona.title = format!("“{}”", sentences[0]);
        persona.summary = format!("One of them says: “{}”", sentences[sentences.len() - 1]);
        persona
    }

    fn written(&self, file: usize) -> Persona {
        let ids: Vec<_> = (0..self.records.len()).map(|i| RecordId::new(file + 1, i)).collect();
        let statements = |texts: &[String]| -> Vec<Statement> {
            let statement = |text: &String| Statement {
                text: text.clone(),
                records: ids.clone(),
                inferred: false,
                held: None,
            };
            texts.iter().map(statement).collect()
        };
        let quote = |(record, text): &(usize, String)| {
            let start = self.records[*record].find(text).expect("a control's quote is verbatim");
            let end = start + text.len();
            Quote { text: text.clone(), record: ids[*record].clone(), start, end }
        };
        Persona {
            id: format!("control{file}"),
            name: self.name.clone(),
            title: self.title.clone(),
            summary: self.summary.clone(),
            demographics: std::collections::BTreeMap::new(),
            goals: statements(&self.goals),
            pains: statements(&self.pains),
            behaviours: statements(&self.behaviours),
            motivations: self.motivations.clone(),
            quotes: self.quotes.iter().map(quote).collect(),
            segment: Segment::default(),
            scores: Scores::default(),
            below_threshold: false,
            refined: false,
            provenance: Provenance::default(),
        }
    }
}

fn contradicted(persona: &Persona, words: &Contradiction) -> Persona {
    let mut persona = persona.clone();
    persona.title.clone_from(&words.title);
    persona.summary.clone_from(&words.summary);
    restate(&mut persona.goals, &words.goals);
    restate(&mut persona.pains, &words.pains);
    persona.motivations.clone_from(&words.motivations);
    persona
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(control: &Control, corpus: &Corpus) -> usize {
        let text =
            |id: &RecordId| corpus.records.iter().find(|r| r.id == *id).map(|r| r.text.as_str());
        control.persona.violations(text).len()
    }

    #[test]
    fn good_controls_hold_and_only_swapped_ones_misquote() {
        for wording in [Wording::Free, Wording::Extractive] {
            let controls = load(wording);
            for control in &controls.all {
                let misquotes = violations(control, &controls.corpus) > 0;
                assert_eq!(misquotes, control.treatment == Treatment::Swapped, "{control:?}");
                assert!((2..=4).contains(&controls.segment(control).len()));
            }
        }
    }

    #[test]
    fn each_good_control_has_every_corruption_and_all_differ() {
        for wording in [Wording::Free, Wording::Extractive] {
            let controls = load(wording);
            let good = controls.all.iter().filter(|c| c.treatment == Treatment::Untouched).count();
            assert!(good >= 30, "{good}");
            assert_eq!(controls.all.len(), good * (1 + Treatment::CORRUPTED.len()));
            for (i, a) in controls.all.iter().enumerate() {
                let twin = controls.all[..i].iter().find(|b| a.persona == b.persona);
                assert!(twin.is_none(), "{wording:?} {a:?}");
            }
        }
    }

    #[test]
    fn a_first_use_scores_a_part_with_every_corruption() {
        let quick = load(Wording::Free).quick();
        assert!(quick.all.len() <= 45, "{}", quick.all.len());
        for treatment in Treatment::CORRUPTED {
            assert!(
                quick.all.iter().filter(|c| c.treatment == treatment).count() >= 5,
                "{treatment:?}"
            );
        }
        assert!(quick.all.iter().filter(|c| c.treatment == Treatment::Untouched).count() >= 10);
    }
}
