//! Making one run out of its shards.
//!
//! Owns what a shard is, and how the logs of all shards of a run become one log. Each shard worked
//! on its own slots of the same plan with the same seeds, so drafts, verdicts and payments are
//! simply put side by side. Nothing is drafted or judged again; personas of different shards that
//! say the same are found here, as they would have been in one process.

use std::collections::HashSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::merits::distinctiveness;
use crate::schema::{ALIKE, Persona, RecordId, Shingles};
use crate::store::{DraftId, Event, PlanReport, Purpose, Refinement, RunState};

/// The slots of a run that one process works on: those whose number leaves `index - 1` when divided
/// by `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Claimed")]
pub struct Shard {
    /// Number of this shard, from 1 to `of`.
    pub index: usize,
    /// How many shards there are.
    pub of: usize,
}

/// What a log says of its shard, which may be anything.
#[derive(Deserialize)]
struct Claimed {
    index: usize,
    of: usize,
}

impl TryFrom<Claimed> for Shard {
    type Error = String;

    fn try_from(Claimed { index, of }: Claimed) -> Result<Self, String> {
        Self::new(index, of).ok_or_else(no_shard)
    }
}

fn no_shard() -> String {
    format!("a shard is I/N with I from 1 to N and N at most {}, as in 2/8", Shard::MOST)
}

impl Shard {
    /// Most shards of a run.
    pub const MOST: usize = 1_000;

    /// One of several shards; `None` where there can be none of this number.
    pub fn new(index: usize, of: usize) -> Option<Self> {
        ((1..=Self::MOST).contains(&of) && (1..=of).contains(&index)).then_some(Self { index, of })
    }

    /// Whether a slot, numbered from 0, belongs to this shard.
    pub fn has(self, slot: usize) -> bool {
        slot % self.of == self.index - 1
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        let shard = said
            .split_once('/')
            .and_then(|(index, of)| Self::new(index.trim().parse().ok()?, of.trim().parse().ok()?));
        shard.ok_or_else(no_shard)
    }
}

/// The log of the whole run after its first event, and which personas were left out of it.
#[derive(Debug)]
pub struct Merged {
    /// The events in order, without `Started` and `Finished`.
    pub events: Vec<Event>,
    /// Names of personas that were left out, each with the name of the kept one that says the same.
    pub doubles: Vec<(String, String)>,
}

/// A selected persona of one shard.
struct Candidate {
    shard: usize,
    /// The persona as it was selected.
    chosen: Persona,
    /// The persona as it was at the end of the shard's run, refined or not.
    persona: Persona,
}

/// Merges the logs of shards. Personas that reached the threshold come first; within that, they
/// follow the plan's slots and get new numbers.
pub fn merge(shards: Vec<Vec<Event>>) -> Merged {
    let states: Vec<RunState> = shards.iter().map(|events| folded(events)).collect();
    let mut all = candidates(&shards, &states);
    let doubles = part_doubles(&mut all);

    let mut events = vec![Event::Planned(plan(&states))];
    let mut refined = Vec::new();
    let mut not_chosen: Vec<(DraftId, String)> = Vec::new();
    let mut next = 0;
    for (shard, log) in shards.into_iter().enumerate() {
        let mut numbers = Renumbering { kept: &all, shard, before: next, next };
        for event in log {
            match event {
                Event::Started(_) | Event::Resumed | Event::Planned(_) | Event::Finished => {}
                Event::Selected { dropped, .. } => not_chosen.extend(dropped),
                event @ Event::Refined { .. } => refined.extend(numbers.event(event)),
                event => events.extend(numbers.event(event)),
            }
        }
        next = numbers.next;
    }
    let personas = chosen(&all);
    events.push(Event::Selected { personas, dropped: not_chosen });
    events.extend(refined);
    Merged { events, doubles }
}

/// The selected personas of all shards, in the order that they have in the whole run.
fn candidates(shards: &[Vec<Event>], states: &[RunState]) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for (shard, state) in states.iter().enumerate() {
        let chosen = shards[shard].iter().find_map(|event| match event {
            Event::Selected { personas, .. } => Some(personas.clone()),
            _ => None,
        });
        let ended = state.selected.iter().flatten().cloned();
        let both = chosen.into_iter().flatten().zip(ended);
        all.extend(both.map(|(chosen, persona)| Candidate { shard, chosen, persona }));
    }
    all.sort_by_key(|c| (c.persona.below_threshold, c.persona.provenance.slot, c.shard));
    all
}

/// What the personas and attempts of a shard are called in the whole run.
struct Renumbering<'a> {
    /// The personas of the whole run, in order.
    kept: &'a [Candidate],
    /// The shard, from 0.
    shard: usize,
    /// The number of its first attempt: how many the shards before it have.
    before: u64,
    /// The number of the attempt that follows on all so far.
    next: u64,
}

impl Renumbering<'_> {
    /// The id of one of the shard's personas; `None` where it was left out.
    fn persona(&self, id: &str) -> Option<String> {
        let is_it = |kept: &Candidate| kept.shard == self.shard && kept.persona.id == id;
        Some(format!("p{}", self.kept.iter().position(is_it)? + 1))
    }

    /// The shard's event as one of the whole run; `None` where it refines a persona that was left out.
    fn event(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::Refined { persona, refinement } => {
                let id = self.persona(persona)?;
                if let Refinement::Accepted { persona, .. } = refinement {
                    persona.id.clone_from(&id);
                }
                *persona = id;
            }
            Event::Reserved { attempt, purpose, .. } => {
                *attempt = attempt.saturating_add(self.before);
                self.next = self.next.max(attempt.saturating_add(1));
                if let Purpose::Refine(id) = purpose {
                    // A persona that was left out has been paid for all the same.
                    let left_out = || format!("{id} of shard {}", self.shard + 1);
                    *id = self.persona(id).unwrap_or_else(left_out);
                }
            }
            Event::Answered { attempt, .. } | Event::Unanswered { attempt, .. } => {
                *attempt = attempt.saturating_add(self.before);
            }
            _ => {}
        }
        Some(event)
    }
}

fn folded(events: &[Event]) -> RunState {
    let mut state = RunState::default();
    for event in events {
        state.apply(event.clone());
    }
    state
}

/// Leaves out personas that say the same as one with a better score; pairs of (left out, kept)
/// names.
fn part_doubles(all: &mut Vec<Candidate>) -> Vec<(String, String)> {
    let score = |c: &Candidate| c.persona.scores.judge.unwrap_or(0.0);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| score(&all[b]).total_cmp(&score(&all[a])).then(a.cmp(&b)));
    let mut kept: Vec<(usize, Shingles)> = Vec::new();
    let mut doubles = Vec::new();
    let mut out = vec![false; all.len()];
    for at in order {
        let text = Shingles::new(&all[at].persona);
        let double =
            kept.iter().find(|(_, other)| text.alike(other) > ALIKE).map(|(other, _)| *other);
        match double {
            Some(other) => {
                doubles.push((all[at].persona.name.clone(), all[other].persona.name.clone()));
                out[at] = true;
            }
            None => kept.push((at, text)),
        }
    }
    let mut out = out.into_iter();
    all.retain(|_| !out.next().unwrap_or(false));
    doubles
}

/// The plan of the whole run, from the shards' reports on their own slots.
fn plan(states: &[RunState]) -> PlanReport {
    let mut plans = states.iter().filter_map(|state| state.plan.clone());
    let mut whole = plans.next().unwrap_or_default();
    let mut excerpted: HashSet<RecordId> = whole.excerpted.iter().cloned().collect();
    for part in plans {
        // The logs are files, and may claim numbers of any size.
        whole.used = whole.used.saturating_add(part.used);
        whole.unused = whole.unused.saturating_add(part.unused);
        whole.slots.extend(part.slots);
        if let Some(digest) = part.digest {
            whole.digest.get_or_insert_default().add(&digest);
        }
        let new = part.excerpted.into_iter().filter(|id| excerpted.insert(id.clone()));
        whole.excerpted.extend(new);
    }
    whole.of_slots = None;
    whole.layout = None;
    whole.slots.sort_by_key(|slot| slot.slot);
    whole
}

/// The personas as they were selected; the events that follow in the log then refine them again.
fn chosen(all: &[Candidate]) -> Vec<Persona> {
    let ends: Vec<Persona> = all.iter().map(|candidate| candidate.persona.clone()).collect();
    let distinct = distinctiveness(&ends);
    let persona = |(at, candidate): (usize, &Candidate)| {
        let mut persona = candidate.chosen.clone();
        persona.id = format!("p{}", at + 1);
        persona.scores.criteria.insert("distinctiveness".into(), distinct[at]);
        persona
    };
    all.iter().enumerate().map(persona).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MicroUsd;
    use crate::llm::{Completion, Finish, Timings};
    use crate::prompts::Wording;
    use crate::prompts::controls::{self, Treatment};
    use crate::store::DigestReport;

    #[test]
    fn every_slot_is_in_one_shard_and_nonsense_is_refused_with_an_example() {
        let shards: Vec<Shard> = (1..=3).map(|index| Shard { index, of: 3 }).collect();
        for slot in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.has(slot)).count(), 1);
        }
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, of: 8 }));
        for said in ["0/3", "4/3", "1", "a/b", "1/0", "1/1001", "-1/3", ""] {
            assert!(said.parse::<Shard>().is_err_and(|e| e.contains("2/8")), "{said}");
        }
        assert_eq!(Shard { index: 2, of: 8 }.to_string(), "2/8");
        let logged = |text: &str| serde_json::from_str::<Shard>(text);
        assert_eq!(logged(r#"{"index":2,"of":8}"#).unwrap(), Shard { index: 2, of: 8 });
        assert!(logged(r#"{"index":0,"of":0}"#).is_err());
        assert!(logged(r#"{"index":9,"of":8}"#).is_err());
    }

    /// A shard that chose one persona of the controls and paid for its refinement.
    fn shard(control: usize, slot: usize, score: f64) -> Vec<Event> {
        let mut persona = controls::load(Wording::Free).all[control].persona.clone();
        (persona.id, persona.provenance.slot) = ("p1".to_owned(), slot);
        persona.scores.judge = Some(score);
        let mut refined = persona.clone();
        refined.title = format!("refined {slot}");
        let reserved = |attempt| Event::Reserved {
            attempt,
            purpose: Purpose::Refine("p1".to_owned()),
            amount: MicroUsd(500),
            host: "api.example".to_owned(),
            records: Vec::new(),
            bytes: 1,
            sha256: String::new(),
            local: false,
        };
        let answer = Completion {
            text: String::new(),
            finish: Finish::Complete,
            usage: None,
            timings: Timings::default(),
            labels: None,
        };
        let accepted = Refinement::Accepted {
            persona: Box::new(refined),
            fields: vec!["title".to_owned()],
            before: score,
            after: score,
        };
        vec![
            Event::Planned(PlanReport {
                used: 1,
                of_slots: Some(2),
                digest: Some(DigestReport { stretches: 2, failed: 1, records: 9, cards: 3 }),
                ..PlanReport::default()
            }),
            Event::Selected { personas: vec![persona], dropped: Vec::new() },
            reserved(0),
            // This attempt is never answered, so it stays charged.
            reserved(1),
            Event::Answered { attempt: 0, cost: Some(MicroUsd(100)), answer },
            Event::Refined { persona: "p1".to_owned(), refinement: accepted },
            Event::Finished,
        ]
    }

    #[test]
    fn shards_that_claim_any_number_of_records_are_merged() {
        let other = 1 + Treatment::CORRUPTED.len();
        let hostile = |slot| {
            let mut log = shard(slot, slot, 0.8);
            let read = DigestReport { records: usize::MAX, ..DigestReport::default() };
            let plan = PlanReport { used: usize::MAX, digest: Some(read), ..PlanReport::default() };
            log[0] = Event::Planned(plan);
            log
        };
        let state = folded(&merge(vec![hostile(0), hostile(other)]).events);
        assert_eq!(state.plan.map(|plan| plan.used), Some(usize::MAX), "and no panic");
    }

    #[test]
    fn what_shards_paid_adds_up_and_refinements_follow_their_personas() {
        let other = 1 + Treatment::CORRUPTED.len();
        let merged = merge(vec![shard(0, 1, 0.8), shard(other, 0, 0.9)]);
        assert_eq!(merged.doubles, Vec::new());
        let state = folded(&merged.events);
        assert_eq!(state.account.charged(), MicroUsd(2 * (100 + 500)));
        let ended = state.selected.clone().unwrap_or_default();
        let said = |p: &Persona| (p.id.clone(), p.title.clone());
        let said: Vec<_> = ended.iter().map(said).collect();
        let expected = [("p1", "refined 0"), ("p2", "refined 1")];
        assert_eq!(said, expected.map(|(id, title)| (id.to_owned(), title.to_owned())));
        assert_eq!(state.refinements.len(), 2);
        let read = DigestReport { stretches: 4, failed: 2, records: 18, cards: 6 };
        assert_eq!(state.plan.clone().and_then(|plan| plan.digest), Some(read));
        assert_eq!(state.plan.map(|plan| (plan.used, plan.of_slots)), Some((2, None)));
    }

    #[test]
    fn of_two_that_say_the_same_the_better_one_stays_and_both_stay_paid() {
        let merged = merge(vec![shard(0, 0, 0.7), shard(0, 1, 0.9)]);
        assert_eq!(merged.doubles.len(), 1);
        let state = folded(&merged.events);
        let slots: Vec<usize> =
            state.selected.iter().flatten().map(|p| p.provenance.slot).collect();
        assert_eq!(slots, [1]);
        assert_eq!(state.account.charged(), MicroUsd(2 * (100 + 500)));
    }
}
