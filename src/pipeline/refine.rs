//! Refinement: the frontier model's edits, and whether they stand.
//!
//! Owns the last two stages. `refine` buys the answers. `review` applies their edits, checks the
//! result against schema and evidence, has it judged like any draft, and keeps the better of the
//! two. A persona without an accepted answer stays as it was selected, with the cause in the log.

use std::collections::BTreeMap;

use super::buy::{Order, Till, Unbought};
use super::judge::{self, About, Questions, Raw};
use super::merits::Counter;
use super::next::threshold;
use super::plan::one_or_many;
use super::run::{Ended, Runner};
use super::{PipelineError, Progress, RefineMode, Stage};
use crate::corpus::Corpus;
use crate::ledger::{MicroUsd, REFINE_MAX_TOKENS};
use crate::llm::Completion;
use crate::prompts::judge::Phrasing;
use crate::prompts::refine;
use crate::schema::{Persona, RecordId, Verdict};
use crate::store::{Event, Purpose, Refinement, Run};

// The bound of the cost estimate assumes this.
const _: () = assert!(refine::MAX_TOKENS as u64 <= REFINE_MAX_TOKENS);

/// A persona before and after edits that passed every check but the judge's.
struct Candidate {
    before: Persona,
    after: Persona,
    fields: Vec<String>,
}

impl Runner<'_> {
    pub(super) async fn refine(&mut self, ids: &[String]) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Refine, total: ids.len() });
        let Some(frontier) = self.models.frontier.clone() else {
            return Err(PipelineError::Model("there is no frontier model to refine with".into()));
        };
        let personas: Vec<Persona> = ids.iter().filter_map(|id| self.persona(id)).collect();
        let orders: Vec<Order> = personas
            .iter()
            .map(|persona| {
                let (request, records) = refine::request(self.corpus, persona, self.mode());
                Order { purpose: Purpose::Refine(persona.id.clone()), request, records }
            })
            .collect();
        let (observer, cancel) = (self.observer, self.cancel);
        let keep = |run: &mut Run, at: usize, answer: Result<Completion, Unbought>| {
            if !matches!(answer, Err(Unbought::Interrupted)) {
                observer.on(Progress::UnitDone);
            }
            let refinement = match answer {
                // An answer is in the log now, and its review follows; an interruption leaves the
                // order open.
                Ok(_) | Err(Unbought::Interrupted) => return Ok(()),
                Err(error) if error.is_of_service() => {
                    Refinement::Failed { cause: error.to_string() }
                }
                Err(error) => Refinement::Skipped { cause: error.to_string() },
            };
            let persona = personas[at].id.clone();
            Ok(run.record(Event::Refined { persona, refinement })?)
        };
        Till { paid: &frontier, run: self.run, observer, cancel }.buy(&orders, keep).await?;
        if cancel.is_cancelled() {
            return Ok(Ended::Cancelled);
        }
        self.tell_of_failures()?;
        Ok(Ended::Done)
    }

    /// Tells the user of failed refinements, one line for causes that differ only in their numbers.
    fn tell_of_failures(&mut self) -> Result<(), PipelineError> {
        let mut ways: BTreeMap<(bool, String), (usize, String)> = BTreeMap::new();
        for refinement in self.run.state.refinements.values() {
            let (was_asked, cause) = match refinement {
                Refinement::Failed { cause } => (true, cause),
                Refinement::Skipped { cause } => (false, cause),
                Refinement::Accepted { .. } | Refinement::Kept { .. } => continue,
            };
            let way: String = cause.chars().filter(|c| !c.is_ascii_digit()).collect();
            ways.entry((was_asked, way)).or_insert_with(|| (0, cause.clone())).0 += 1;
        }
        for ((was_asked, _), (personas, cause)) in ways {
            let (one, many) = if was_asked {
                ("1 persona could not be refined", "{} personas could not be refined")
            } else {
                ("1 persona was not refined", "{} personas were not refined")
            };
            let note = format!("{}: {cause}", one_or_many(personas, one, many));
            if !was_asked {
                self.note(note)?;
                continue;
            }
            // Not logged, since a resumed run may mend it; the cause stands with each persona.
            let is_refused = self.run.state.account.overrun() > MicroUsd(0);
            let again = if is_refused { "" } else { "; --resume asks again" };
            self.observer.on(Progress::Note(&format!("{note}{again}")));
        }
        Ok(())
    }

    pub(super) async fn review(&mut self, ids: &[String]) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Review, total: ids.len() });
        let Some(report) = self.run.state.judge.clone() else {
            return Err(PipelineError::Model("the judge was never measured".into()));
        };
        let mut candidates = Vec::new();
        for id in ids {
            match self.candidate(id) {
                Ok(candidate) => candidates.push(candidate),
                Err(cause) => {
                    let refinement = Refinement::Kept { cause, after: None };
                    let persona = id.clone();
                    self.run.record(Event::Refined { persona, refinement })?;
                    self.observer.on(Progress::UnitDone);
                }
            }
        }
        let wording = self.plan.frame.wording;
        let answers = self.models.judge_answers();
        let counts =
            |name: &str| answers && report.signals.get(name).is_some_and(|s| s.weight > 0.0);
        let questions: Vec<Questions> = candidates
            .iter()
            .map(|candidate| {
                let persona = &candidate.after;
                let segment = &self.plan.slots[persona.provenance.slot].records;
                let phrasing = Phrasing::Usual;
                let about = About { corpus: self.corpus, persona, segment, wording, phrasing };
                judge::questions(about, counts)
            })
            .collect();
        let gate = threshold(&self.run.state, &self.plan);
        let counter = Counter::new(self.corpus);
        let corpus = self.corpus;
        let keep = |run: &mut Run, at: usize, raw: Raw| {
            let candidate = &candidates[at];
            let raw = judge::with_support(raw, corpus, &candidate.after, wording);
            let verdict = judge::verdict(&report.signals, &raw);
            let refinement = decide(candidate, &verdict, gate, &counter);
            let persona = candidate.before.id.clone();
            Ok(run.record(Event::Refined { persona, refinement })?)
        };
        self.asking().ask(&questions, keep).await
    }

    fn mode(&self) -> RefineMode {
        self.plan.settings.refine.map_or(RefineMode::Patch, |refine| refine.mode)
    }

    fn persona(&self, id: &str) -> Option<Persona> {
        self.run.state.selected.iter().flatten().find(|persona| persona.id == id).cloned()
    }

    /// The persona with the edits that were bought for it, or why there are none to judge.
    fn candidate(&self, id: &str) -> Result<Candidate, String> {
        let before = self.persona(id).ok_or("there is no such persona")?;
        let purchase = self.run.state.purchases.get(&Purpose::Refine(id.to_owned()));
        let answer = purchase.and_then(|purchase| purchase.answer.as_ref());
        let (answer, _) = answer.ok_or("no answer is in the log")?;
        if let Some(cause) = answer.shortfall() {
            return Err(cause.to_owned());
        }
        let (after, fields) = refine::apply(self.corpus, &before, self.mode(), &answer.text)
            .map_err(|error| error.to_string())?;
        evidence_stands(self.corpus, &before, &after)?;
        Ok(Candidate { before, after, fields })
    }
}

/// Checks that edits lose no quote and break no citation.
fn evidence_stands(corpus: &Corpus, before: &Persona, after: &Persona) -> Result<(), String> {
    if before.quotes != after.quotes {
        return Err("a quote would be lost".to_owned());
    }
    let text_of = |id: &RecordId| corpus.get(id).map(|record| record.text.as_str());
    match after.violations(text_of).into_iter().next() {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}

/// Accepts the edits unless the judge scores the persona lower with them.
fn decide(
    candidate: &Candidate,
    verdict: &Verdict,
    gate: f64,
    counter: &Counter<'_>,
) -> Refinement {
    let before = candidate.before.scores.judge.unwrap_or(0.0);
    let after = verdict.score;
    if after < before {
        let cause = format!("the judge score would fall from {before:.2} to {after:.2}");
        return Refinement::Kept { cause, after: Some(after) };
    }
    let mut persona = candidate.after.clone();
    persona.scores.judge = Some(after);
    persona.scores.criteria.extend(verdict.signals.clone());
    let merits = counter.count(&persona);
    persona.scores.criteria.extend(merits.counted);
    persona.scores.flags = merits.flags;
    persona.below_threshold = after < gate;
    let fields = candidate.fields.clone();
    Refinement::Accepted { persona: Box::new(persona), fields, before, after }
}
