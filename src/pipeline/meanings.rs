//! Where people stand by what they mean, as a language model reads it.
//!
//! Owns which sentences are read before people are parted, and how a person is placed by them. Two
//! people who want the same seldom use the same words, and of a few dozen who say some sentences
//! each hardly any words come back: their hidden states, averaged over a sentence, are near each
//! other where the sentences mean alike (as in Jiang and others, 2023,
//! <https://arxiv.org/abs/2307.16645>, without a prompt).

use std::collections::{BTreeMap, BTreeSet};

use super::run::next;
use super::segments::units;
use super::{Cancel, Models, Observer, PipelineError, Progress, Settings, Stage, plan};
use crate::corpus::{ColumnKind, Corpus};
use crate::llm::{Capabilities, LlmError, ScoreRequest};
use crate::privacy::Cleared;
use crate::prompts::leanings::Sentence;
use crate::prompts::passages::{MIN_WORDS, Passage, passages, words};

/// Most people who are placed by what they mean: of more, words tell enough, and reading them all takes
/// longer than drafting.
const MOST_PEOPLE: usize = 400;
/// Most sentences that are read, and most of each person.
const MOST_SENTENCES: usize = 1_500;
const MOST_OF_EACH: usize = 16;
/// Sentences that are read of any study, however large the model is: some thousand tokens.
const LEAST_SENTENCES: usize = 200;
/// Parameters up to which a model reads as many as it may; a larger one fewer, so that it takes no longer.
const FAST: u64 = 500_000_000;

/// What a model made of sentences, by the record in which they stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Meanings {
    /// The mean hidden state of each sentence.
    states: BTreeMap<usize, Vec<Vec<f32>>>,
}

/// Has the local model read what people say. `None` where it cannot, where the user parts people, or
/// where there is nothing to part.
pub(super) async fn read(
    corpus: &Cleared<Corpus>,
    models: &Models,
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Option<Meanings>, PipelineError> {
    let Some(reader) = models.reader.as_ref().filter(|model| model.capabilities().states) else {
        return Ok(None);
    };
    let (eligible, _) = plan::eligible(corpus)?;
    let (_, people) = units(corpus, &eligible, settings.count);
    let is_parted = settings.segments_by.is_none() && settings.count > 1;
    let readable = readable(reader.capabilities());
    let can_be_read = people.len() <= MOST_PEOPLE.min(readable);
    if !is_parted || people.len() <= settings.count || !can_be_read {
        return Ok(None);
    }
    let most = (readable / people.len()).min(MOST_OF_EACH);
    let closed = closed_columns(corpus);
    let said: Vec<(usize, ScoreRequest)> =
        people.iter().flat_map(|person| sentences(corpus, &closed, person, most)).collect();
    observer.on(Progress::StageStarted { stage: Stage::Part, total: said.len() });
    let (records, requests): (Vec<usize>, Vec<ScoreRequest>) = said.into_iter().unzip();
    let mut states: Vec<Option<Vec<f32>>> = vec![None; requests.len()];
    let mut answers = reader.score(requests);
    while let Some((at, answer)) = next(&mut answers, observer, cancel).await {
        match answer {
            Err(LlmError::Unavailable(cause)) => return Err(PipelineError::Model(cause)),
            answer => states[at] = answer.ok(),
        }
        observer.on(Progress::UnitDone);
    }
    observer.on(Progress::StageEnded);
    let mut meanings = Meanings::default();
    for (record, state) in records.into_iter().zip(states) {
        // In half precision a state may leave the range of its numbers, and places nobody.
        let Some(mut state) = state.filter(|state| state.iter().all(|x| x.is_finite())) else {
            continue;
        };
        // The second half is the state of the last token.
        state.truncate(state.len() / 2);
        meanings.states.entry(record).or_default().push(state);
    }
    Ok(Some(meanings))
}

/// How many sentences a model may read.
fn readable(model: &Capabilities) -> usize {
    let times = model.parameters.map_or(u64::MAX, |all| all.div_ceil(FAST));
    (MOST_SENTENCES / usize::try_from(times).unwrap_or(usize::MAX).max(1)).max(LEAST_SENTENCES)
}

/// The columns that people did not answer in words of their own, however long the options are.
fn closed_columns(corpus: &Corpus) -> BTreeSet<String> {
    let closed = corpus.columns().into_iter().filter(|c| c.kind != ColumnKind::FreeText);
    closed.map(|column| column.name).collect()
}

/// At most so many sentences of a person, evenly spread over all that they say, each with its record.
/// What they ticked counts by its column, beside what they say.
fn sentences(
    corpus: &Corpus,
    closed: &BTreeSet<String>,
    person: &[usize],
    most: usize,
) -> Vec<(usize, ScoreRequest)> {
    let of_record = |&at: &usize| {
        let record = &corpus.records[at];
        let is_ticked = |passage: &Passage| {
            record.column_at(passage.range.start).is_some_and(|column| closed.contains(column))
        };
        let found = passages(at, record, &(0..record.text.len()));
        let said = found.into_iter().filter(move |passage| !is_ticked(passage));
        let texts = said.map(move |passage| (at, &record.text[passage.range]));
        texts.filter(|(_, text)| words(text).nth(MIN_WORDS - 1).is_some())
    };
    let all: Vec<(usize, &str)> = person.iter().flat_map(of_record).collect();
    let kept = all.len().min(most);
    let kept = (0..kept).map(|at| all[at * all.len() / kept]);
    kept.map(|(record, text)| (record, Sentence::alone(text).request())).collect()
}

impl Meanings {
    /// A point of length 1 for each unit, a list of records: the mean direction of its sentences,
    /// beside that of all. The origin for a unit of which nothing was read; `None` where that is most
    /// of them.
    pub(super) fn points(&self, units: &[Vec<usize>]) -> Option<Vec<Vec<f64>>> {
        let of_unit = |unit: &Vec<usize>| -> Vec<&Vec<f32>> {
            unit.iter().filter_map(|record| self.states.get(record)).flatten().collect()
        };
        let said: Vec<Vec<&Vec<f32>>> = units.iter().map(of_unit).collect();
        if said.iter().filter(|own| !own.is_empty()).count() * 2 <= units.len() {
            return None;
        }
        let all: Vec<&Vec<f32>> = said.iter().flatten().copied().collect();
        let (means, spreads) = moments(&all);
        // A few numbers of a state are a hundred times as large as the others, whatever it means.
        let standard = |state: &Vec<f32>| -> Vec<f64> {
            let numbers = state.iter().zip(&means).zip(&spreads);
            numbers.map(|((x, mean), spread)| (f64::from(*x) - mean) / spread).collect()
        };
        let mut points: Vec<Vec<f64>> = Vec::with_capacity(units.len());
        for own in &said {
            let mut sum = vec![0.0; means.len()];
            for state in own {
                let mut state = standard(state);
                to_length_one(&mut state);
                for (sum, x) in sum.iter_mut().zip(state) {
                    *sum += x / own.len() as f64;
                }
            }
            points.push(sum);
        }
        let placed: Vec<&Vec<f64>> =
            points.iter().zip(&said).filter(|(_, own)| !own.is_empty()).map(|(p, _)| p).collect();
        let middle: Vec<f64> = (0..means.len())
            .map(|at| placed.iter().map(|point| point[at]).sum::<f64>() / placed.len() as f64)
            .collect();
        for (point, _) in points.iter_mut().zip(&said).filter(|(_, own)| !own.is_empty()) {
            for (x, middle) in point.iter_mut().zip(&middle) {
                *x -= middle;
            }
            to_length_one(point);
        }
        Some(points)
    }
}

/// The mean and the standard deviation of each number of some states.
fn moments(states: &[&Vec<f32>]) -> (Vec<f64>, Vec<f64>) {
    let width = states.first().map_or(0, |state| state.len());
    let count = states.len() as f64;
    let mean = |at: usize| states.iter().map(|state| f64::from(state[at])).sum::<f64>() / count;
    let means: Vec<f64> = (0..width).map(mean).collect();
    let spread = |at: usize| {
        let squares = states.iter().map(|state| (f64::from(state[at]) - means[at]).powi(2));
        (squares.sum::<f64>() / count).sqrt().max(1e-6)
    };
    let spreads = (0..width).map(spread).collect();
    (means, spreads)
}

fn to_length_one(point: &mut [f64]) {
    let length = point.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 1e-12 {
        for x in point {
            *x /= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::pipeline::segments::{By, part};
    use crate::pipeline::tests::row;

    #[test]
    fn people_of_the_same_words_are_parted_by_what_they_mean() {
        let person = |at: usize| {
            let said = format!("On day {at} I wait for the bus in the rain.");
            row(at, &format!("P{at}"), &[("answer", said)])
        };
        let corpus = Corpus { records: (0..12).map(person).collect(), ..Corpus::default() };
        // Three numbers tell two kinds, and one is anybody's.
        let state = |at: usize| {
            let kind = if at.is_multiple_of(2) { 1.0 } else { -1.0 };
            vec![kind, 2.0 * kind, -kind, [0.3, -0.2, 0.1][at % 3]]
        };
        let meanings = Meanings { states: (0..12).map(|at| (at, vec![state(at)])).collect() };
        let all: Vec<usize> = (0..12).collect();
        let found = part(&corpus, &all, 2, 1, By::Meanings(&meanings));
        let groups: Vec<Vec<usize>> = found.groups.into_iter().map(|group| group.records).collect();
        assert_eq!(groups, [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]);
        // Words show nothing of it.
        assert!(found.reliability.is_some_and(|found| found.surprise < 3.0));
    }

    #[test]
    fn what_people_wrote_is_read_and_what_they_ticked_is_not() {
        const OPTIONS: [&str; 3] = [
            "I use it every day at work and at home",
            "I use it now and then when I have to",
            "I have never used it in all my life",
        ];
        let read = |has_words: bool| {
            let mut text = String::from("who,how often,why\n");
            for at in 0..15 {
                let why = format!("Because number {at} of my {} machines always breaks.", at * 7);
                let why = if has_words { why } else { OPTIONS[(at + 1) % 3].to_owned() };
                writeln!(text, "P{at},{},{why}", OPTIONS[at % 3]).expect("a string takes it");
            }
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("survey.csv");
            std::fs::write(&path, text).expect("a file");
            let corpus = crate::corpus::load(&[path]).expect("a corpus");
            sentences(&corpus, &closed_columns(&corpus), &[4], MOST_OF_EACH)
        };
        let found = read(true);
        assert_eq!(found.len(), 1);
        assert!(format!("{:?}", found[0].1.want).contains("Because number 4"), "{found:?}");
        assert!(read(false).is_empty());
    }

    #[test]
    fn a_large_model_reads_fewer_sentences() {
        let of = |parameters| readable(&Capabilities { parameters, ..Capabilities::default() });
        let small = [Some(135_000_000), Some(500_000_000)].map(of);
        assert_eq!(small, [1_500, 1_500]);
        let large = [Some(1_500_000_000), Some(4_000_000_000), Some(70_000_000_000), None].map(of);
        assert_eq!(large, [500, 200, 200, 200]);
    }

    #[test]
    fn people_are_placed_by_the_direction_of_what_they_say_and_not_by_its_length() {
        // The first number is huge and the same kind of noise for all; the others tell two kinds.
        let state = |kind: f32, noise: f32| vec![1000.0 + noise, kind, -kind, 0.5];
        let states = BTreeMap::from([
            (0, vec![state(1.0, 3.0), state(0.8, -2.0)]),
            (1, vec![state(-1.0, 2.0)]),
            (2, vec![state(0.9, -3.0)]),
            (3, vec![state(-0.7, 1.0), state(-0.9, -1.0)]),
        ]);
        let meanings = Meanings { states };
        let units: Vec<Vec<usize>> = vec![vec![0], vec![1, 3], vec![2], vec![4]];
        let points = meanings.points(&units).expect("points");
        let dot = |a: usize, b: usize| -> f64 {
            points[a].iter().zip(&points[b]).map(|(x, y)| x * y).sum()
        };
        assert!((dot(0, 0) - 1.0).abs() < 1e-9 && (dot(1, 1) - 1.0).abs() < 1e-9);
        assert!(dot(0, 2) > 0.0 && dot(0, 1) < 0.0 && dot(1, 2) < 0.0, "{points:?}");
        assert!(points[3].iter().all(|x| *x == 0.0), "nothing was read of it");
        assert!(meanings.points(&[vec![0], vec![4], vec![5]]).is_none(), "of most nothing was");
    }
}
