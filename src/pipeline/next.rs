//! What a run does next, as a pure function of its log and its plan.
//!
//! Owns the order of the steps, the extra rounds and the replacement of drafts that failed. There
//! is no other resume code: a resumed run asks the same question of the replayed log.

use std::collections::BTreeSet;

use super::plan::{Plan, Slot, times};
use crate::pipeline::{Refined, Threshold};
use crate::schema::{ALIKE, Persona, Shingles};
use crate::store::{DraftId, Purpose, RunState, StretchId};

/// A unit of work.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Have the local model choose passages of a stretch of records.
    Digest(StretchId),
    /// Ask the model for a draft.
    Draft(DraftId),
    /// Drop a draft that says the same as an earlier one, with the cause.
    Drop(DraftId, String),
    /// Measure the judge on the controls.
    Calibrate,
    /// Judge a draft.
    Judge(DraftId),
    /// Choose the final personas.
    Select,
    /// Ask the frontier model for edits to the final persona with this id.
    Refine(String),
    /// Review the edits that were bought for it.
    Review(String),
}

/// The next actions, all of one kind; empty when the run has nothing left to do.
pub(super) fn next_actions(state: &RunState, plan: &Plan) -> Vec<Action> {
    if let Some(selected) = &state.selected {
        return refinements(state, plan, selected);
    }
    let unread = plan.stretches().filter(|id| !state.digests.contains_key(id));
    let unread: Vec<Action> = unread.map(Action::Digest).collect();
    if !unread.is_empty() {
        return unread;
    }
    for round in 0..=plan.settings.max_rounds {
        let Some(wanted) = wanted(state, plan, round) else {
            break;
        };
        let missing = missing(state, &wanted, round);
        if !missing.is_empty() {
            return missing.into_iter().map(Action::Draft).collect();
        }
        let doubles = doubles(state, round);
        if !doubles.is_empty() {
            return doubles;
        }
        if state.drafts.is_empty() {
            continue;
        }
        if state.judge.is_none() {
            return vec![Action::Calibrate];
        }
        let unjudged =
            state.drafts.iter().filter(|(id, d)| id.round == round && d.verdict.is_none());
        let unjudged: Vec<Action> = unjudged.map(|(id, _)| Action::Judge(*id)).collect();
        if !unjudged.is_empty() {
            return unjudged;
        }
    }
    vec![Action::Select]
}

/// Refinements that are still to be done: first all that are unanswered, lowest scores first, then
/// the reviews.
fn refinements(state: &RunState, plan: &Plan, selected: &[Persona]) -> Vec<Action> {
    let Some(refine) = plan.settings.refine else { return Vec::new() };
    let wanted = |persona: &&Persona| match refine.which {
        Refined::Selected => !persona.below_threshold,
        Refined::Below => persona.below_threshold,
        Refined::All => true,
    };
    // A refined persona may have moved across the threshold; it is not refined again.
    let open = selected.iter().filter(|p| !state.refinements.contains_key(&p.id)).filter(wanted);
    let mut open: Vec<&Persona> = open.collect();
    open.sort_by(|a, b| a.scores.judge.unwrap_or(0.0).total_cmp(&b.scores.judge.unwrap_or(0.0)));
    let is_answered = |persona: &&&Persona| {
        let purpose = Purpose::Refine(persona.id.clone());
        state.purchases.get(&purpose).is_some_and(|purchase| purchase.answer.is_some())
    };
    let unanswered = open.iter().filter(|persona| !is_answered(persona));
    let asked: Vec<Action> = unanswered.map(|p| Action::Refine(p.id.clone())).collect();
    if asked.is_empty() {
        return open.iter().map(|p| Action::Review(p.id.clone())).collect();
    }
    asked
}

/// The score that a draft must reach; an automatic one is 0 until the judge is measured.
pub(super) fn threshold(state: &RunState, plan: &Plan) -> f64 {
    match plan.settings.threshold {
        Threshold::Fixed(score) => score,
        Threshold::Auto => state.judge.as_ref().map_or(0.0, |judge| judge.auto_threshold),
    }
}

/// How many drafts each slot gets in a round; `None` when there is to be no such round.
fn wanted(state: &RunState, plan: &Plan, round: usize) -> Option<Vec<usize>> {
    if round == 0 {
        let drafts = |(at, slot): (usize, &Slot)| if plan.owns(at) { slot.drafts } else { 0 };
        return Some(plan.slots.iter().enumerate().map(drafts).collect());
    }
    let threshold = threshold(state, plan);
    let judged = |of: usize| {
        let drafts = state.drafts.iter().filter(move |(id, _)| id.round <= of);
        drafts.filter_map(|(id, d)| d.verdict.as_ref().map(|(verdict, _)| (*id, verdict.score)))
    };
    let passing: Vec<DraftId> =
        judged(round - 1).filter(|(_, score)| *score >= threshold).map(|(id, _)| id).collect();
    // However many drafts pass, another round is due while a segment has none that does.
    let covered: BTreeSet<usize> = passing.iter().map(|id| id.slot).collect();
    let own = || (0..plan.slots.len()).filter(|slot| plan.owns(*slot));
    let open: Vec<usize> = own().filter(|slot| !covered.contains(slot)).collect();
    if open.is_empty() {
        return None;
    }
    let best = |of: usize| {
        judged(of).filter(|(id, _)| id.round == of).map(|(_, score)| score).reduce(f64::max)
    };
    if round >= 2 && best(round - 1) <= best(round - 2) {
        return None;
    }
    let drafts = times(open.len(), plan.settings.multiplier);
    let mut wanted = vec![0; plan.slots.len()];
    (0..drafts).for_each(|i| wanted[open[i % open.len()]] += 1);
    Some(wanted)
}

/// The drafts of a round that are still to be asked for. A draft that failed is replaced by one
/// with the next index, but no slot gets more than twice its drafts.
fn missing(state: &RunState, wanted: &[usize], round: usize) -> Vec<DraftId> {
    let mut missing = Vec::new();
    for (slot, &wanted) in wanted.iter().enumerate() {
        let id = |index| DraftId { slot, round, index };
        let most = wanted * 2;
        // Drafts are asked for in waves: the first asks for all that are wanted, each further one
        // for as many as the last one lost. The waves follow from the log, however far the current
        // one got.
        let (mut asked, mut kept) = (0, 0);
        while kept < wanted && asked < most {
            let wave = asked..most.min(asked + wanted - kept);
            let open = wave.clone().map(id).filter(|id| !is_settled(state, *id));
            let open: Vec<DraftId> = open.collect();
            if !open.is_empty() {
                missing.extend(open);
                break;
            }
            kept += wave.clone().filter(|&i| state.drafts.contains_key(&id(i))).count();
            asked = wave.end;
        }
    }
    missing
}

fn is_settled(state: &RunState, id: DraftId) -> bool {
    state.drafts.contains_key(&id) || state.dropped.contains_key(&id)
}

/// Drafts of this round that say too much of what an earlier draft says. "Earlier" is by index,
/// then slot, never by arrival.
fn doubles(state: &RunState, round: usize) -> Vec<Action> {
    let mut order: Vec<DraftId> =
        state.drafts.keys().copied().filter(|id| id.round <= round).collect();
    order.sort_unstable_by_key(|id| (id.round, id.index, id.slot));
    let mut kept: Vec<(DraftId, Shingles)> = Vec::new();
    let mut doubles = Vec::new();
    for id in order {
        let text = Shingles::new(&state.drafts[&id].persona);
        let earlier = kept.iter().map(|(id, other)| (id, text.alike(other)));
        match earlier.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((other, alike)) if alike > ALIKE => {
                let cause = format!("shares {} % of its text with {other}", (alike * 100.0).ceil());
                doubles.push(Action::Drop(id, cause));
            }
            _ => kept.push((id, text)),
        }
    }
    doubles
}
