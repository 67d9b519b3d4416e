//! What a segment answered to closed questions, and how much of it each draft gets.
//!
//! Owns which answers are told of a segment and how they are shared out: the commonest to each
//! question, and each of those that could be ticked together. The questions are found by
//! [`super::columns`]; the answers are counted by [`super::traits`], as is whether one is a trait.

use std::collections::BTreeSet;

use super::columns::{Column, Columns};
use super::facts::{Facts, is_about_people};
use super::traits::{Answers, is_everybodys, is_majority, is_trait, lift};
use crate::corpus::Corpus;
use crate::llm::ChatModel;
use crate::prompts::Wording;
use crate::prompts::asked::asks_for_statement;
use crate::prompts::draft::{self, CountedAnswer, LEAST_ANSWERS};
use crate::schema::Held;

/// Fewest answers for two drafts to share them out.
const SHARED: usize = 12;
/// Most answers of a segment.
const MOST: usize = 18;
/// Most of them that a model that writes is told of.
const TOLD: usize = 8;
/// Where there are fewer answers than [`SHARED`], how many fewer each further draft of a slot is
/// made of.
const SPARED: usize = 2;

/// The answers that may be told of each group of speakers, and the tokens that a prompt must keep
/// free for them. Only a model that writes is told of them, so for others no tokens are kept free.
/// Where they exceed `room`, there are no answers at all.
pub(super) fn of_groups(
    corpus: &Corpus,
    (columns, facts): (&Columns, &Facts<'_>),
    groups: &[BTreeSet<String>],
    (wording, room): (Wording, usize),
    model: &dyn ChatModel,
) -> (Vec<Vec<CountedAnswer>>, usize) {
    let names: BTreeSet<&str> = columns.questions.iter().map(Column::name).collect();
    let mut asked = Answers::of(corpus, |name| names.contains(name));
    asked.retain(|answers| answers.separator.is_none() && is_about_people(answers));
    let of_group = |speakers: &BTreeSet<String>| {
        let commonest = asked.iter().filter_map(|one| Some((one, one.commonest(speakers)?)));
        let ticked = facts
            .lists
            .iter()
            .flat_map(|list| list.held(speakers).into_iter().map(move |one| (list, one)))
            .map(|(list, (answer, held))| (list, (answer.to_owned(), held)));
        told(commonest.chain(ticked))
    };
    let mut answers: Vec<_> = groups.iter().map(of_group).collect();
    if wording == Wording::Extractive {
        return (answers, 0);
    }
    for answers in &mut answers {
        answers.truncate(TOLD);
    }
    let tokens = answers.iter().map(|answers| model.count_tokens(&draft::typical(answers)));
    let most = tokens.max().unwrap_or(0);
    if most > room { (vec![Vec::new(); groups.len()], 0) } else { (answers, most) }
}

/// The answers that are traits, those first that set the segment apart most. Where they are too few
/// for a persona, the next best come with their counts, those of a minority last.
fn told<'a, 'c: 'a>(
    answers: impl Iterator<Item = (&'a Answers<'c>, (String, Held))>,
) -> Vec<CountedAnswer> {
    let mut all: Vec<_> = answers.filter(|(_, (_, held))| !is_everybodys(held)).collect();
    all.sort_by(|(_, (_, a)), (_, (_, b))| {
        let rank = |held: &Held| (is_trait(held), is_majority(held));
        rank(b).cmp(&rank(a)).then(lift(b).total_cmp(&lift(a)))
    });
    let traits = all.iter().filter(|(_, (_, held))| is_trait(held)).count();
    all.truncate(traits.clamp(LEAST_ANSWERS, MOST));
    let counted = |(answers, (value, held)): (&Answers<'c>, (String, Held))| CountedAnswer {
        question: answers.name.to_owned(),
        value,
        held,
        separator: answers.separator,
    };
    all.into_iter().map(counted).collect()
}

/// Those answers that are filed as a goal, a pain or a behaviour, since that is what was asked for.
/// Where people also speak for themselves, the others are facts of theirs at most: a score or a plan is
/// nothing that they do.
pub(super) fn asked_for(answers: Vec<CountedAnswer>) -> Vec<CountedAnswer> {
    answers.into_iter().filter(|answer| asks_for_statement(&answer.question)).collect()
}

/// Whether all that a persona says is counted, so that a second draft would say the same.
pub(super) fn are_all(columns: &Columns, wording: Wording, answers: &[CountedAnswer]) -> bool {
    columns.closed
        && wording == Wording::Extractive
        && (LEAST_ANSWERS..SHARED).contains(&answers.len())
}

/// The answers from which draft number `turn` of a slot is made. Where there are plenty, the first
/// two drafts share them out. Where there are few, each further draft leaves out more of the least
/// telling ones, which other segments gave too: with those it would be dropped again for saying
/// what another persona says.
pub(super) fn share(
    answers: &[CountedAnswer],
    wording: Wording,
    turn: usize,
) -> Vec<CountedAnswer> {
    if wording == Wording::Free {
        return answers.to_vec();
    }
    if answers.len() < SHARED {
        let left = answers.len().saturating_sub(turn * SPARED).max(LEAST_ANSWERS);
        return answers.iter().take(left).cloned().collect();
    }
    answers.iter().skip(turn % 2).step_by(2).cloned().collect()
}

/// How many of the answers a record gives.
pub(super) fn agreement(corpus: &Corpus, record: usize, answers: &[CountedAnswer]) -> usize {
    let record = &corpus.records[record];
    answers.iter().filter(|answer| answer.place(record).is_some()).count()
}
