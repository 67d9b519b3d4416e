//! What a model makes of a sentence: whether it reads as a goal, a pain, a habit or a plain fact.
//!
//! Owns the labelled sentences from which a probe learns it (`probe`), and how a sentence is put to a
//! model: the model only reads it, behind what was asked and said before, and its hidden states are
//! what counts. Measured by `tests/it/aspects.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use base16ct::lower::encode_string;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::asked::Asked;
pub use super::aspects::Aspect;
use super::aspects::{may_tell, speaks_of};
use super::draft::Focus;
use super::passages::{passages, shorten};
use super::probe::Probe;
use super::standing::leans;
use crate::corpus::{Corpus, Record};
use crate::llm::{ScorePrompt, ScoreRequest, Want};
use crate::privacy::Cleared;

/// What people say in research of 92 kinds, in seven languages, written and labelled for this purpose:
/// a line holds the language, the field, `goal`, `pain`, `behaviour` or `none`, what was asked (`-`
/// where nothing was), the sentence, and the number of the answer in which it follows those of the lines
/// above (`-` where it stands alone), parted by tabs.
const LABELLED: &str = include_str!("aspects.tsv");

/// Labels of the classes that the probe tells apart: the aspects in their order, then none of them.
const LABELS: [&str; 4] = ["goal", "pain", "behaviour", "none"];

/// Most sentences of a draft that are read: four for each statement that it may make.
const A_DRAFT: usize = 36;

/// Characters that are read of a sentence, of what was said before it and of what was asked: what is
/// farther away hardly changes what the sentence tells.
const READ: usize = 200;

/// A sentence, and what it follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sentence {
    /// What was asked, where that is known.
    asked: Option<String>,
    /// What was said before it in the same answer; empty at the beginning.
    before: String,
    text: String,
}

impl Sentence {
    /// The sentence at this place of a record, with the record's question, else the name of the
    /// sentence's column where that is one.
    pub fn of(record: &Record, place: &Range<usize>) -> Self {
        let is_question = |name: &&str| name.contains([' ', '_']) || Asked::by(name).is_some();
        let named = || record.column_at(place.start).filter(is_question);
        let asked = record.question().filter(|asked| !asked.trim().is_empty()).or_else(named);
        let text = &record.text;
        let cell = record.cell_at(place.start).map_or(0, |cell| cell.start);
        let before = text[cell..place.start].trim();
        Self {
            asked: asked.map(str::to_owned),
            before: ending(before).to_owned(),
            text: text[place.clone()].to_owned(),
        }
    }

    /// A sentence by itself, whatever was asked.
    pub fn alone(text: &str) -> Self {
        Self { asked: None, before: String::new(), text: text.to_owned() }
    }

    /// The request for the hidden states of the sentence, behind what was asked: the mean over its
    /// tokens, then that of the last one.
    pub fn request(&self) -> ScoreRequest {
        let begun = |text: &str| text[shorten(text, 0..text.len(), READ)].replace('\n', " ");
        let asked = self.asked.as_deref().map(|asked| begun(asked).replace('_', " "));
        let asked = asked.map_or_else(String::new, |asked| format!("Question: {asked}\n"));
        let space = if self.before.is_empty() { "" } else { " " };
        let before = self.before.replace('\n', " ");
        ScoreRequest {
            prompt: ScorePrompt::Raw(format!("{asked}Answer:{space}{before}")),
            want: Want::State(format!(" {}", begun(&self.text))),
        }
    }
}

/// The last words of a text, as many as are read.
fn ending(text: &str) -> &str {
    let Some((cut, _)) = text.char_indices().rev().nth(READ - 1) else { return text };
    let word = text[cut..].find(' ').map_or(cut, |space| cut + space + 1);
    &text[word..]
}

/// For each sentence, how much likelier each aspect is than a plain fact, in nats, in the order of
/// [`Aspect::ALL`].
pub type Leanings = BTreeMap<Sentence, [f32; 3]>;

/// The labelled sentences, each with the index of its label.
fn labelled() -> impl Iterator<Item = (Sentence, usize)> {
    let mut answer = String::new();
    let mut number = ("", "");
    LABELLED.lines().filter_map(move |line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, field, label, asked, text, of_answer] = cells[..] else { return None };
        if of_answer == "-" || number != (field, of_answer) {
            answer.clear();
        }
        number = (field, of_answer);
        let before = ending(answer.trim()).to_owned();
        answer.push_str(text);
        answer.push(' ');
        let asked = Some(asked).filter(|asked| *asked != "-").map(str::to_owned);
        let label = LABELS.iter().position(|known| *known == label)?;
        Some((Sentence { asked, before, text: text.to_owned() }, label))
    })
}

/// How many of the labelled sentences a probe learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// All of them.
    Full,
    /// Every fourth, for a model that is met for the first time and has to read them while its user
    /// waits.
    Short,
}

impl Course {
    /// The sentences of the course, each with the index of its label.
    fn sentences(self) -> impl Iterator<Item = (Sentence, usize)> {
        let step = match self {
            Self::Full => 1,
            Self::Short => 4,
        };
        labelled().step_by(step)
    }

    /// The requests whose answers teach a probe what a model makes of sentences; [`Self::learn`] takes
    /// them.
    pub fn lessons(self) -> Vec<ScoreRequest> {
        self.sentences().map(|(sentence, _)| sentence.request()).collect()
    }

    /// The probe that the answers to [`Self::lessons`] give; `None` where too many of them are missing.
    pub fn learn(self, answers: Vec<Option<Vec<f32>>>) -> Option<Probe> {
        let all = answers.len();
        let labels = self.sentences().map(|(_, label)| label);
        let examples: Vec<(Vec<f32>, usize)> = answers
            .into_iter()
            .zip(labels)
            .filter_map(|(state, label)| Some((state?, label)))
            .collect();
        (examples.len() * 2 > all).then(|| Probe::fit(&examples, LABELS.len())).flatten()
    }
}

/// What tells these lessons from others: the first digits of the SHA-256 of the labelled sentences.
pub fn lessons_hash() -> String {
    encode_string(&Sha256::digest(LABELLED)[..8])
}

/// The sentences of a draft that a model is to read: as many as a draft chooses its statements from,
/// drawn by its seed. All others are sorted by their words, as are those that cannot be understood
/// without the sentence before them, because they are hardly ever chosen, and those in a script of
/// which there are no lessons: what was asked tells more of them than a guess.
pub fn sample(corpus: &Cleared<Corpus>, focus: &[Focus], seed: u64) -> Vec<Sentence> {
    let of_record = |focus: &Focus| {
        let record = &corpus.records[focus.record];
        let found = passages(focus.record, record, &focus.shown);
        found.into_iter().map(|passage| Sentence::of(record, &passage.range)).collect::<Vec<_>>()
    };
    let mut said: Vec<Sentence> = focus.iter().flat_map(of_record).collect();
    said.retain(|sentence| !leans(&sentence.text) && is_latin(&sentence.text));
    said.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    said.truncate(A_DRAFT);
    said
}

/// Whether most letters of a text are Latin, as are those of all lessons.
fn is_latin(text: &str) -> bool {
    /// What follows the Latin blocks of Unicode.
    const BEYOND: char = '\u{250}';
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    letters().filter(|c| *c < BEYOND).count() * 2 >= letters().count()
}

/// Sentences that a model is to read.
#[derive(Debug)]
pub struct Unread(Vec<Sentence>);

impl Unread {
    /// The sentences of these samples whose leanings are not known yet, each once.
    pub fn of(samples: &[Vec<Sentence>], known: &Leanings) -> Self {
        let new: BTreeSet<&Sentence> = samples.iter().flatten().collect();
        Self(new.into_iter().filter(|sentence| !known.contains_key(*sentence)).cloned().collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The requests for their states; [`Unread::read`] takes the answers.
    pub fn requests(&self) -> Vec<ScoreRequest> {
        self.0.iter().map(Sentence::request).collect()
    }

    /// The leanings that a probe sees in the answers to [`Unread::requests`]; a sentence whose answer is
    /// missing has none.
    pub fn read(self, answers: &[Option<Vec<f32>>], probe: &Probe) -> Leanings {
        let leaning = |(sentence, state): (Sentence, &Option<Vec<f32>>)| {
            let log_probs = probe.log_probs(state.as_ref()?)?;
            let [goal, pain, behaviour, none] = log_probs[..] else { return None };
            Some((sentence, [goal, pain, behaviour].map(|log_prob| log_prob - none)))
        };
        self.0.into_iter().zip(answers).filter_map(leaning).collect()
    }
}

/// What a word's weight counts beside a nat of a model's leaning; chosen on the `dev` half of
/// `tests/it/aspects.rs`, where 0.25 to 1 do about as well.
const WORDS: f32 = 0.5;

/// How strongly a piece of a record speaks of each aspect, in nats: by what a model makes of it, and by
/// its words, its question and its column. Above 0, it speaks of the aspect more than it states a fact.
/// Of what no model has read, an aspect is minus infinity where what was asked, or the form of the
/// sentence, rules it out.
pub fn strengths(record: &Record, range: &Range<usize>, leanings: &Leanings) -> [f32; 3] {
    let text = &record.text[range.clone()];
    let leaning = leanings.get(&Sentence::of(record, range));
    Aspect::ALL.map(|aspect| {
        let by_words = WORDS * speaks_of(aspect, record, range.start, text) as f32;
        match leaning {
            Some(leaning) => leaning[aspect as usize] + by_words,
            None if may_tell(aspect, record, range.start, text) => by_words,
            None => f32::NEG_INFINITY,
        }
    })
}

/// The aspect with the greatest strength, the earlier one of equals; `None` for a plain fact.
pub fn strongest(strengths: [f32; 3]) -> Option<Aspect> {
    let best = strengths.into_iter().zip(Aspect::ALL).rev().max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(strength, _)| *strength > 0.0).map(|(_, aspect)| aspect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::ColumnSpan;
    use crate::schema::RecordId;

    #[test]
    fn only_sentences_in_the_script_of_the_lessons_are_read() {
        for latin in ["Où est la sortie ?", "Über 40 € im Monat", "12 / 30", "The word is 水."]
        {
            assert!(is_latin(latin), "{latin}");
        }
        for other in
            ["文字が小さくて読めない。", "Я жду каждое утро.", "أنتظر كل صباح", "アプリAを開く"]
        {
            assert!(!is_latin(other), "{other}");
        }
        assert!(labelled().all(|(sentence, _)| is_latin(&sentence.text)));
    }

    #[test]
    fn every_labelled_sentence_is_read() {
        assert_eq!(labelled().count(), LABELLED.lines().count());
        let all: BTreeSet<Sentence> = labelled().map(|(sentence, _)| sentence).collect();
        assert_eq!(all.len(), LABELLED.lines().count(), "none is there twice");
        for course in [Course::Full, Course::Short] {
            let labels: Vec<usize> = course.sentences().map(|(_, label)| label).collect();
            for label in 0..LABELS.len() {
                let share = labels.iter().filter(|of| **of == label).count() * 100 / labels.len();
                assert!((18..36).contains(&share), "{share} % {}", LABELS[label]);
            }
        }
        assert_eq!(Course::Short.lessons().len(), all.len().div_ceil(4));
    }

    #[test]
    fn a_sentence_leans_as_the_probe_sees_in_its_state() {
        // As a model would whose states hold nothing but the label.
        let state = |label: usize| {
            Some((0..LABELS.len()).map(|at| if at == label { 1.0 } else { 0.0 }).collect())
        };
        let answers: Vec<Option<Vec<f32>>> = labelled().map(|(_, label)| state(label)).collect();
        let probe = Course::Full.learn(answers.clone()).expect("enough answers");
        let sentence =
            |text: &str| Sentence { asked: None, before: String::new(), text: text.to_owned() };
        let samples = [vec![sentence("a"), sentence("b")], vec![sentence("a"), sentence("c")]];
        let unread = Unread::of(&samples, &Leanings::from([(sentence("c"), [0.0; 3])]));
        assert_eq!(unread.requests().len(), 2, "each once, and none that is known");
        let read = unread.read(&[state(1), state(3)], &probe);
        let [goal, pain, behaviour] = read[&sentence("a")];
        assert!(pain > 2.0 && goal.abs() < 0.5 && behaviour.abs() < 0.5, "{read:?}");
        assert!(read[&sentence("b")].iter().all(|leaning| *leaning < -1.0), "{read:?}");
        let unanswered = Unread::of(&samples, &Leanings::new()).read(&[None, None, None], &probe);
        assert!(unanswered.is_empty());
        let half = answers.len() / 2;
        let few = answers.into_iter().enumerate().map(|(at, state)| state.filter(|_| at < half));
        assert!(Course::Full.learn(few.collect()).is_none(), "of half of them nothing is learned");
    }

    #[test]
    fn a_sentence_is_read_behind_what_was_asked_and_said_before() {
        let record = |column: &str, question: &str, said: &str| {
            let text = format!("question: {question}\n{column}: {said}");
            let (asked, answer) = (10..10 + question.len(), text.len() - said.len()..text.len());
            let columns =
                [("question", asked), (column, answer)].map(|(name, at)| ColumnSpan::new(name, at));
            let id = RecordId::new(1, 0);
            let columns = columns.into();
            Record { id, file: 1, sheet: None, row: 1, participant: None, text, columns }
        };
        let long = format!("{}It is late. I wait.", "word ".repeat(80));
        let end_of_long = format!("Answer: {}It is late.", "word ".repeat(37));
        for (column, question, said, prompt) in [
            ("answer", "What is hard?", "I wait.", "Question: What is hard?\nAnswer:"),
            ("main_frustration", "", "I wait.", "Question: main frustration\nAnswer:"),
            ("answer", "", "It is late.\nI wait.", "Answer: It is late."),
            ("answer", "", &long, &end_of_long),
        ] {
            let record = record(column, question, said);
            let place = record.text.len() - 7..record.text.len();
            let request = Sentence::of(&record, &place).request();
            let ScorePrompt::Raw(read) = request.prompt else { panic!("a chat") };
            assert_eq!(read, prompt);
            assert!(matches!(request.want, Want::State(said) if said == " I wait."));
        }
        let (follows, _) =
            labelled().find(|(sentence, _)| !sentence.before.is_empty()).expect("one");
        let line = LABELLED.lines().find(|line| line.contains(&follows.text)).expect("its line");
        let above =
            LABELLED.lines().take_while(|above| *above != line).last().expect("a line above");
        assert!(above.contains(&follows.before), "{follows:?} follows {above}");
    }
}
