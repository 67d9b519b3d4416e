//! What a run has come to: the state that the events of its log add up to.
//!
//! Owns [`RunState`] and how each event changes it. Touches no file and no clock.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    CallCost, Card, DraftId, Event, JudgeReport, PlanReport, Purpose, Refinement, Started,
    StretchId,
};
use crate::ledger::{Account, MicroUsd};
use crate::llm::Completion;
use crate::schema::{Persona, RecordId, Verdict};

/// A run's state: what the events of its log add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The first event of the log.
    pub started: Option<Started>,
    /// How the data was laid out over slots.
    pub plan: Option<PlanReport>,
    /// What the user was told, in order, without repetitions.
    pub notes: Vec<String>,
    /// What the local model chose from each stretch of records.
    pub digests: BTreeMap<StretchId, Digested>,
    /// The drafts by id, without those that were dropped.
    pub drafts: BTreeMap<DraftId, Draft>,
    /// The drafts that were dropped, with the cause.
    pub dropped: BTreeMap<DraftId, String>,
    /// What the dropped drafts cost in sum.
    pub wasted: CallCost,
    /// The measurement of the judge.
    pub judge: Option<JudgeReport>,
    /// The final personas.
    pub selected: Option<Vec<Persona>>,
    /// Drafts that were judged but not chosen, with the cause.
    pub not_selected: Vec<(DraftId, String)>,
    /// What the paid calls were allowed and what they cost.
    pub account: Account,
    /// The paid calls, by what they are for.
    pub purchases: BTreeMap<Purpose, Purchase>,
    /// What became of the personas that were to be refined, by id.
    pub refinements: BTreeMap<String, Refinement>,
    /// What left this machine, by host.
    pub egress: BTreeMap<String, Egress>,
    /// Seconds by stage, over all processes.
    pub seconds: BTreeMap<String, f64>,
    /// Number of times that the run was resumed.
    pub resumed: usize,
    /// Whether everything was written.
    pub finished: bool,
}

/// The paid attempts at one purpose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Purchase {
    /// The numbers of the attempts.
    pub attempts: Vec<u64>,
    /// The answer, once there is one, and what it was charged.
    pub answer: Option<(Completion, MicroUsd)>,
}

/// What was sent to one host.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Egress {
    /// The bodies of the requests, in the order in which they were booked.
    pub bodies: Vec<Body>,
    /// The records whose text the requests carried.
    pub records: BTreeSet<RecordId>,
    /// Whether the host is this machine, so that nothing left it.
    pub local: bool,
}

/// A request's body that was sent to a host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Body {
    /// What the request was for.
    pub purpose: Purpose,
    /// Length of the body in bytes.
    pub bytes: u64,
    /// SHA-256 of the body, in hex.
    pub sha256: String,
}

/// What the local model chose from a stretch of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Digested {
    /// The passages chosen.
    pub cards: Vec<Card>,
    /// Why no passage was chosen.
    pub cause: Option<String>,
    /// What the call cost.
    pub cost: CallCost,
}

/// One draft as the log holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The persona.
    pub persona: Persona,
    /// What drafting cost.
    pub cost: CallCost,
    /// The judge's verdict and what it cost.
    pub verdict: Option<(Verdict, CallCost)>,
}

impl RunState {
    /// Applies one event. Events about unknown drafts are accepted as they are: the log is the
    /// truth.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.started = Some(*started),
            Event::Resumed => {
                self.resumed += 1;
                // What failed because of the service is asked for again: its key may be mended.
                self.refinements
                    .retain(|_, refinement| !matches!(refinement, Refinement::Failed { .. }));
            }
            Event::Planned(plan) => self.plan = Some(plan),
            Event::Noted { note } => {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            Event::Digested { stretch, cards, cause, cost } => {
                self.digests.insert(stretch, Digested { cards, cause, cost });
            }
            Event::Drafted { draft, persona, cost } => {
                self.drafts.insert(draft, Draft { persona: *persona, cost, verdict: None });
            }
            Event::DraftDropped { draft, cause, cost } => {
                let written = self.drafts.remove(&draft);
                self.wasted.add(&written.map_or(cost, |written| written.cost));
                self.dropped.insert(draft, cause);
            }
            Event::Calibrated(report) => self.judge = Some(report),
            Event::Judged { draft, verdict, cost } => {
                if let Some(draft) = self.drafts.get_mut(&draft) {
                    draft.verdict = Some((verdict, cost));
                }
            }
            Event::Selected { personas, dropped } => {
                self.selected = Some(personas);
                self.not_selected = dropped;
            }
            Event::Reserved { attempt, purpose, amount, host, records, bytes, sha256, local } => {
                self.account.reserve(attempt, amount);
                let egress = self.egress.entry(host).or_default();
                egress.local = local;
                egress.bodies.push(Body { purpose: purpose.clone(), bytes, sha256 });
                egress.records.extend(records);
                self.purchases.entry(purpose).or_default().attempts.push(attempt);
            }
            Event::Answered { attempt, cost, answer } => {
                if let Some(cost) = cost {
                    self.account.settle(attempt, cost);
                }
                let cost = self.account.charged_for(attempt);
                let mut bought = self.purchases.values_mut();
                if let Some(purchase) = bought.find(|p| p.attempts.contains(&attempt)) {
                    purchase.answer = Some((answer, cost));
                }
            }
            Event::Unanswered { attempt, may_be_billed, .. } => {
                if !may_be_billed {
                    self.account.settle(attempt, MicroUsd(0));
                }
            }
            Event::Refined { persona, refinement } => {
                if let Refinement::Accepted { persona: refined, .. } = &refinement
                    && let Some(place) =
                        self.selected.iter_mut().flatten().find(|p| p.id == persona)
                {
                    place.clone_from(refined);
                }
                self.refinements.insert(persona, refinement);
            }
            Event::StageEnded { stage, seconds } => {
                *self.seconds.entry(stage).or_default() += seconds;
            }
            Event::Finished => self.finished = true,
        }
    }
}
