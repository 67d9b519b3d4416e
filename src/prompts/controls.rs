//! Personas whose worth is known: the scale on which a judge is measured.
//!
//! Owns eight good personas with their records and the ways in which each is corrupted. They were
//! written for this purpose; no study stands behind them.

use serde::Deserialize;

use super::Wording;
use super::passages::sentences;
use crate::corpus::{Corpus, Record};
use crate::privacy::Cleared;
use crate::schema::{Persona, Provenance, Quote, RecordId, Scores, Segment, Statement};

/// A persona of known worth. Its records stand in [`Controls::corpus`].
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// The persona.
    pub persona: Persona,
    /// What was done to it.
    pub fate: Fate,
}

/// What was done to a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing: it is good.
    Good,
    /// Its words say the opposite of its records.
    Contradicted,
    /// Its words would suit anyone.
    Generic,
    /// Its quotes were never said by these people, and its words are another's.
    Swapped,
    /// Its words repeat themselves, as small models do.
    Looped,
}

impl Fate {
    /// Every way of corruption.
    pub const CORRUPTED: [Self; 4] =
        [Self::Contradicted, Self::Generic, Self::Swapped, Self::Looped];
}

/// All controls and the records they cite.
#[derive(Debug, Clone)]
pub struct Controls {
    /// The records of all controls.
    pub corpus: Cleared<Corpus>,
    /// Good and corrupted.
    pub all: Vec<Control>,
}

impl Controls {
    /// The records that belong to a control: its segment, as indices into the corpus.
    pub fn segment(&self, control: &Control) -> Vec<usize> {
        let cited = control.persona.cited();
        let file = |record: &Record| {
            cited.first().is_some_and(|id| {
                self.corpus.records.iter().any(|other| other.id == *id && other.file == record.file)
            })
        };
        (0..self.corpus.records.len()).filter(|&i| file(&self.corpus.records[i])).collect()
    }
}

/// The built-in controls, worded as the drafts are that will be judged.
pub fn load(wording: Wording) -> Controls {
    let sources: Vec<Source> =
        serde_json::from_str(include_str!("controls.json")).expect("the built-in controls parse");
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
    for (at, persona) in good.iter().enumerate() {
        let next = &good[(at + 1) % good.len()];
        all.push(Control { persona: persona.clone(), fate: Fate::Good });
        for fate in Fate::CORRUPTED {
            let persona = match fate {
                Fate::Good => persona.clone(),
                Fate::Contradicted => contradicted(persona, &sources[at].contradiction),
                Fate::Generic => generic(persona, at),
                Fate::Swapped => swapped(persona, next),
                Fate::Looped => looped(persona),
            };
            all.push(Control { persona, fate });
        }
    }
    Controls { corpus: Cleared::as_is(corpus), all }
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
    /// Record, from 0, and the words.
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

    /// Made of the first record's sentences alone, so that the second is left to be guessed.
    fn picked(&self, file: usize) -> Persona {
        let said = &self.records[0];
        let record = RecordId::new(file + 1, 0);
        let sentences: Vec<&str> = sentences(said).into_iter().map(|range| &said[range]).collect();
        let statement = |text: &str| {
            let records = vec![record.clone()];
            vec![Statement { text: text.to_owned(), records, inferred: false }]
        };
        let mut persona = self.written(file);
        persona.goals = statement(sentences[0]);
        persona.pains = statement(sentences[sentences.len() - 1]);
        persona.behaviours = Vec::new();
        persona.motivations = Vec::new();
        persona.quotes.retain(|quote| quote.record == record);
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
    reword(&mut persona.goals, &words.goals);
    reword(&mut persona.pains, &words.pains);
    persona.motivations.clone_from(&words.motivations);
    persona
}

fn reword<T: AsRef<str>>(statements: &mut [Statement], words: &[T]) {
    for (statement, words) in statements.iter_mut().zip(words) {
        words.as_ref().clone_into(&mut statement.text);
    }
}

/// Two fillers take turns, so that no signal can learn a single phrase.
fn generic(persona: &Persona, turn: usize) -> Persona {
    let mut persona = persona.clone();
    let name = &persona.name;
    let (title, summary, goal, pain, habit, why) = if turn.is_multiple_of(2) {
        (
            "Modern user who values quality",
            format!(
                "{name} is a busy person who values efficiency and a good experience. Technology plays an important role in many areas of life."
            ),
            "Achieve better results with less effort",
            "Some solutions do not meet expectations",
            "Uses various digital products regularly",
            "Personal growth and satisfaction",
        )
    } else {
        (
            "Engaged customer with diverse interests",
            format!(
                "{name} likes products that are simple, useful and reliable. Good service and clear communication are very important."
            ),
            "Find the best product for every need",
            "There are often too many different options",
            "Reads about new trends and talks to friends",
            "Leading a balanced and successful life",
        )
    };
    persona.title = title.into();
    persona.summary = summary;
    reword(&mut persona.goals, &[goal]);
    reword(&mut persona.pains, &[pain]);
    reword(&mut persona.behaviours, &[habit]);
    persona.motivations = vec![why.into()];
    persona
}

/// Another's words over this one's citations: offsets no longer lead to what is quoted.
fn swapped(persona: &Persona, other: &Persona) -> Persona {
    let mut persona = persona.clone();
    for (quote, other) in persona.quotes.iter_mut().zip(&other.quotes) {
        quote.text.clone_from(&other.text);
    }
    for (mine, theirs) in [
        (&mut persona.goals, &other.goals),
        (&mut persona.pains, &other.pains),
        (&mut persona.behaviours, &other.behaviours),
    ] {
        reword(mine, &theirs.iter().map(|s| s.text.as_str()).collect::<Vec<_>>());
    }
    persona
}

fn looped(persona: &Persona) -> Persona {
    let mut persona = persona.clone();
    let first: Vec<&str> = persona.summary.split_whitespace().take(6).collect();
    let first = first.join(" ");
    persona.summary = format!("{first}, and {first}, and {first}, and {first}.");
    let looped = [persona.title.to_lowercase()];
    for list in [&mut persona.goals, &mut persona.pains, &mut persona.behaviours] {
        reword(list, &looped);
    }
    persona.motivations = looped.to_vec();
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
                assert_eq!(misquotes, control.fate == Fate::Swapped, "{control:?}");
                assert_eq!(controls.segment(control).len(), 2);
            }
        }
    }

    #[test]
    fn each_good_control_has_every_corruption_and_all_differ() {
        let controls = load(Wording::Free);
        let good = controls.all.iter().filter(|c| c.fate == Fate::Good).count();
        assert_eq!((good, controls.all.len()), (8, 8 * 5));
        for (i, a) in controls.all.iter().enumerate() {
            assert!(controls.all[..i].iter().all(|b| a.persona != b.persona));
        }
    }
}
