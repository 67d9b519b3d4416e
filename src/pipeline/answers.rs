//! What most people of a segment answered to closed questions, and how much of it each draft gets.
//!
//! Owns how the answers are shared out. Which answers are typical is counted by `columns`.

use std::collections::BTreeSet;

use super::columns::Columns;
use crate::corpus::Corpus;
use crate::llm::ChatModel;
use crate::prompts::Wording;
use crate::prompts::draft::{self, TypicalAnswer};

/// Fewest answers for two drafts to share them out.
const SHARED: usize = 12;
/// Most typical answers that a model is told of.
const TOLD: usize = 8;
/// Where there are fewer answers than [`SHARED`], how many fewer each further draft of a slot is
/// made of.
const SPARED: usize = 2;

/// The typical answers of each group of speakers, and the tokens that a prompt must keep free for
/// them. Only a model that writes is told of them, so for others no tokens are kept free. Where
/// they exceed `room`, there are no answers at all.
pub(super) fn of_groups(
    columns: &Columns,
    groups: &[BTreeSet<String>],
    (wording, room): (Wording, usize),
    model: &dyn ChatModel,
) -> (Vec<Vec<TypicalAnswer>>, usize) {
    let mut answers: Vec<_> = groups.iter().map(|speakers| columns.typical(speakers)).collect();
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

/// Whether all that a persona says is counted, so that a second draft would say the same.
pub(super) fn are_all(columns: &Columns, wording: Wording, answers: &[TypicalAnswer]) -> bool {
    columns.closed
        && wording == Wording::Extractive
        && (draft::LEAST_ANSWERS..SHARED).contains(&answers.len())
}

/// The answers from which draft number `turn` of a slot is made. Where there are plenty, the first
/// two drafts share them out. Where there are few, each further draft leaves out more of the least
/// telling ones, which other segments gave too: with those it would be dropped again for saying
/// what another persona says.
pub(super) fn share(
    answers: &[TypicalAnswer],
    wording: Wording,
    turn: usize,
) -> Vec<TypicalAnswer> {
    if wording == Wording::Free {
        return answers.to_vec();
    }
    if answers.len() < SHARED {
        let left = answers.len().saturating_sub(turn * SPARED).max(draft::LEAST_ANSWERS);
        return answers.iter().take(left).cloned().collect();
    }
    answers.iter().skip(turn % 2).step_by(2).cloned().collect()
}

/// How many of the answers a record gives.
pub(super) fn agreement(corpus: &Corpus, record: usize, answers: &[TypicalAnswer]) -> usize {
    let record = &corpus.records[record];
    let gives = |answer: &&TypicalAnswer| {
        record.columns.iter().any(|column| {
            *column.name == *answer.question
                && record.text[column.start..column.end].trim() == answer.value
        })
    };
    answers.iter().filter(gives).count()
}
