//! Carries out what [`next_actions`] says, and logs it.
//!
//! Owns the exchange with the models: each stage goes out as one list, answers are logged as they
//! arrive, and what is asked next never depends on the order in which they arrived.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::appraise;
use super::asking::Asking;
use super::buy::{Order, Paid, Till, Unbought};
use super::judge::{self, About, Questions, Raw, coarseness};
use super::next::{Action, next_actions};
use super::plan::Plan;
use super::probing;
use super::thresholds::OwnThreshold;
use super::{Cancel, Models, Observer, Outcome, PipelineError, Progress, Stage, Threshold, select};
use crate::corpus::Corpus;
use crate::ledger::PERSONA_MAX_TOKENS;
use crate::llm::{Answer, Answers, ChatRequest, Completion, LlmError};
use crate::privacy::Cleared;
use crate::prompts::draft::Brief;
use crate::prompts::judge::Phrasing;
use crate::prompts::leanings::{self, Leanings, Sentence, Unread};
use crate::prompts::probe::Probe;
use crate::prompts::{Wording, answer, draft};
use crate::schema::Persona;
use crate::store::{CallCost, DraftId, Event, JudgeReport, Purpose, Run, SlotReport};

/// A run in progress.
pub(super) struct Runner<'a> {
    pub(super) corpus: &'a Cleared<Corpus>,
    pub(super) models: &'a Models,
    pub(super) plan: Plan,
    pub(super) run: &'a mut Run,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a Cancel,
    /// What reads off the local model's states what it makes of a sentence, once it was needed; `None`
    /// where nothing can.
    pub(super) probe: OnceCell<Option<Probe>>,
    /// What was read off so far.
    pub(super) leanings: Leanings,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Cancelled,
}

impl Runner<'_> {
    pub(super) async fn run(mut self) -> Result<Outcome, PipelineError> {
        let known = self.run.state.plan.as_ref().and_then(|plan| plan.layout.as_ref());
        if known.is_some_and(|known| self.plan.report.layout.as_ref() != Some(known)) {
            return Err(PipelineError::Data(
                "cannot resume: the records are parted into other stretches than before\nhint: give the --context of the run's beginning, and the same version"
                    .to_owned(),
            ));
        }
        for note in self.plan.notes.clone() {
            self.note(note)?;
        }
        // Logged last: a resumed run that has a plan parts nobody, and would not note this again.
        if self.run.state.plan.is_none() && self.run.state.selected.is_none() {
            if let Some(seconds) = self.plan.reading {
                self.run
                    .record(Event::StageEnded { stage: Stage::Part.name().to_owned(), seconds })?;
            }
            self.run.record(Event::Planned(self.plan.report.clone()))?;
        }
        loop {
            self.take_cards()?;
            let actions = next_actions(&self.run.state, &self.plan);
            let Some(first) = actions.first() else {
                return Ok(self.outcome());
            };
            if self.cancel.is_cancelled() || self.stage(first, &actions).await? == Ended::Cancelled
            {
                return Ok(Outcome::Interrupted);
            }
        }
    }

    /// Does actions of the kind of `first` and logs how long it took, interrupted or not. Dropping
    /// drafts takes no time and is no stage of its own.
    async fn stage(&mut self, first: &Action, actions: &[Action]) -> Result<Ended, PipelineError> {
        let began = Instant::now();
        let ids: Vec<DraftId> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Draft(id) | Action::Judge(id) => Some(*id),
                _ => None,
            })
            .collect();
        let (stage, ended) = match first {
            Action::Digest(_) => (Stage::Digest, self.digest(actions).await),
            Action::Draft(_) => (Stage::Draft, self.draft(&ids).await),
            Action::Calibrate => (Stage::Calibrate, self.calibrate().await),
            Action::Judge(_) => (Stage::Judge, self.judge(&ids).await),
            Action::Select => (Stage::Select, self.select()),
            Action::Refine(_) => (Stage::Refine, self.refine(&personas(actions)).await),
            Action::Review(_) => (Stage::Review, self.review(&personas(actions)).await),
            Action::Drop(..) => return self.drop_doubles(actions),
        };
        self.observer.on(Progress::StageEnded);
        let seconds = began.elapsed().as_secs_f64();
        let logged = self.run.record(Event::StageEnded { stage: stage.name().to_owned(), seconds });
        // Where both failed, the stage's own error says more.
        let ended = ended?;
        logged?;
        Ok(ended)
    }

    async fn draft(&mut self, ids: &[DraftId]) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Draft, total: ids.len() });
        let mut briefs: Vec<Brief> = ids
            .iter()
            .map(|id| self.plan.brief(self.corpus, *id, &self.run.state.drafts))
            .collect();
        if let Err(gone) = self.tell_apart(&mut briefs).await {
            return self.stage_end(ids.len(), Some(gone));
        }
        if self.cancel.is_cancelled() {
            return Ok(Ended::Cancelled);
        }
        let requests: Vec<ChatRequest> =
            briefs.iter().map(|b| draft::request(self.corpus, b, &self.plan.frame)).collect();
        if let Some(terms) = self.models.draft_terms.clone() {
            return self.buy_drafts(&terms, ids, &briefs, requests).await;
        }
        let mut answers = self.models.draft.complete(requests);
        let mut open = ids.len();
        let mut gone = None;
        while let Some((at, answer)) = next(&mut answers, self.observer, self.cancel).await {
            let (Some(&id), Some(brief)) = (ids.get(at), briefs.get(at)) else {
                continue;
            };
            match answer {
                // Not this draft's fault: it stays open, so that a resumed run asks again.
                Err(LlmError::Unavailable(cause)) => gone = Some(cause),
                answer => {
                    let event = self.read(id, brief, answer);
                    self.run.record(event)?;
                    open -= 1;
                }
            }
            self.observer.on(Progress::UnitDone);
        }
        self.stage_end(open, gone)
    }

    /// Has the local model read the sentences from which drafts are made: whether they tell of a goal,
    /// a pain or a habit. A resumed run has them read again, to the same end.
    ///
    /// # Errors
    ///
    /// The cause, where the model is gone.
    async fn tell_apart(&mut self, briefs: &mut [Brief]) -> Result<(), String> {
        if self.plan.frame.wording == Wording::Free {
            return Ok(());
        }
        if self.probe.get().is_none() {
            let found = probing::probe(self.models, self.observer, self.cancel).await?;
            self.probe = OnceCell::from(found);
        }
        let Some(Some(probe)) = self.probe.get() else { return Ok(()) };
        let sample =
            |brief: &Brief| leanings::sample(self.corpus, &brief.focus, brief.provenance.seed);
        let samples: Vec<Vec<Sentence>> = briefs.iter().map(sample).collect();
        let unread = Unread::of(&samples, &self.leanings);
        if !unread.is_empty() {
            let requests = unread.requests();
            let mut read: Vec<Option<Vec<f32>>> = vec![None; requests.len()];
            let mut answers = self.models.draft.score(requests);
            while let Some((at, answer)) = next(&mut answers, self.observer, self.cancel).await {
                match answer {
                    Err(LlmError::Unavailable(cause)) => return Err(cause),
                    // Without an answer, a sentence is sorted by its words.
                    answer => read[at] = answer.ok(),
                }
            }
            self.leanings.append(&mut unread.read(&read, probe));
        }
        // Only the leanings of the draft's own sentences: those of other drafts must not influence
        // a draft that is made after an interruption.
        for (brief, sample) in briefs.iter_mut().zip(samples) {
            let known = |sentence: Sentence| {
                let lean = *self.leanings.get(&sentence)?;
                Some((sentence, lean))
            };
            brief.leanings = Arc::new(sample.into_iter().filter_map(known).collect());
        }
        Ok(())
    }

    /// Has a paid service write drafts. A service that gives none at all ends the run, which can be
    /// resumed.
    async fn buy_drafts(
        &mut self,
        terms: &Paid,
        ids: &[DraftId],
        briefs: &[Brief],
        requests: Vec<ChatRequest>,
    ) -> Result<Ended, PipelineError> {
        let orders = self.orders(ids, briefs, requests);
        let mut failed: Vec<(DraftId, Unbought)> = Vec::new();
        let (corpus, wording) = (self.corpus, self.plan.frame.wording);
        let (observer, cancel) = (self.observer, self.cancel);
        let keep = |run: &mut Run, at: usize, answer: Result<Completion, Unbought>| {
            match answer {
                Ok(completion) => {
                    for event in read_unbound(corpus, wording, ids[at], &briefs[at], &completion) {
                        run.record(event)?;
                    }
                }
                Err(Unbought::Interrupted) => return Ok(()),
                Err(cause) => failed.push((ids[at], cause)),
            }
            observer.on(Progress::UnitDone);
            Ok(())
        };
        Till { paid: terms, run: self.run, observer, cancel }.buy(&orders, keep).await?;
        if self.cancel.is_cancelled() {
            return Ok(Ended::Cancelled);
        }
        // A server that stands in for the engine may come back, and the run can then be resumed.
        let stands_in = self.models.judge_terms.is_some();
        if stands_in && let Some((_, cause)) = failed.iter().find(|(_, cause)| cause.is_gone()) {
            return stage_end(failed.len(), Some(cause.of_service()), self.cancel);
        }
        if self.run.state.drafts.is_empty()
            && self.run.state.dropped.is_empty()
            && let Some((_, cause)) = failed.first()
        {
            return Err(match cause {
                Unbought::OverBudget { .. } => PipelineError::Budget(format!(
                    "the budget allows no draft at all: {cause}\nhint: start a new run with a larger --max-cost; --estimate-only says what it takes"
                )),
                _ if stands_in => {
                    PipelineError::Model(format!("{} gave no draft: {cause}", terms.host))
                }
                _ => PipelineError::Provider(format!("{} gave no draft: {cause}", terms.host)),
            });
        }
        for (draft, cause) in failed {
            let (cause, cost) = (cause.to_string(), CallCost::default());
            self.run.record(Event::DraftDropped { draft, cause, cost })?;
        }
        Ok(Ended::Done)
    }

    /// What is asked of a paid service, with the records that each request carries.
    fn orders(&self, ids: &[DraftId], briefs: &[Brief], requests: Vec<ChatRequest>) -> Vec<Order> {
        let all = self.plan.report.corpus_shared;
        let carried = |brief: &Brief| {
            if all {
                self.corpus.records.iter().map(|record| record.id.clone()).collect()
            } else {
                brief.provenance.shown.clone()
            }
        };
        ids.iter()
            .zip(briefs)
            .zip(requests)
            .map(|((id, brief), request)| {
                let max_tokens = request.max_tokens.min(PERSONA_MAX_TOKENS as usize);
                Order {
                    purpose: Purpose::Draft(*id),
                    request: ChatRequest { max_tokens, ..request },
                    records: carried(brief),
                }
            })
            .collect()
    }

    /// The event that a draft's answer makes.
    fn read(&self, draft: DraftId, brief: &Brief, answer: Result<Completion, LlmError>) -> Event {
        let completion = match answer {
            Ok(completion) => completion,
            Err(e) => {
                let cost = CallCost::default();
                return Event::DraftDropped { draft, cause: e.to_string(), cost };
            }
        };
        let cost = cost_of(&completion);
        if let Some(cause) = completion.shortfall() {
            return Event::DraftDropped { draft, cause: cause.to_owned(), cost };
        }
        let wording = self.plan.frame.wording;
        match answer::parse(self.corpus, brief, wording, &completion.text) {
            Ok(persona) => Event::Drafted { draft, persona: Box::new(persona), cost },
            Err(e) => Event::DraftDropped { draft, cause: e.to_string(), cost },
        }
    }

    fn drop_doubles(&mut self, actions: &[Action]) -> Result<Ended, PipelineError> {
        for action in actions {
            if let Action::Drop(draft, cause) = action {
                let (draft, cause, cost) = (*draft, cause.clone(), CallCost::default());
                self.run.record(Event::DraftDropped { draft, cause, cost })?;
            }
        }
        Ok(Ended::Done)
    }

    async fn calibrate(&mut self) -> Result<Ended, PipelineError> {
        let wording = self.plan.frame.wording;
        let asking = self.asking();
        let Some(report) = appraise::measured(&asking, wording).await? else {
            return Ok(Ended::Cancelled);
        };
        if let Some(cause) = asking.unanswered().map(str::to_owned) {
            self.note(format!("the judge was measured without some of its answers: {cause}"))?;
        }
        let report = self.with_own_threshold(report)?;
        self.calibrated(report)
    }

    /// Replaces the automatic threshold by the one that the user had measured on this data, if any.
    fn with_own_threshold(&mut self, report: JudgeReport) -> Result<JudgeReport, PipelineError> {
        if self.plan.settings.threshold != Threshold::Auto {
            return Ok(report);
        }
        let cache = self.models.judge_cache.as_deref();
        let own = cache.and_then(|cache| {
            OwnThreshold::find(cache, &report, self.corpus, self.plan.frame.wording)
        });
        let Some(own) = own else { return Ok(report) };
        self.note(format!(
            "threshold auto: {:.2}, at which {:.0} % of {} personas from this data passed 'persona calibrate'",
            own.threshold,
            own.pass * 100.0,
            own.personas
        ))?;
        Ok(JudgeReport { auto_threshold: own.threshold, ..report })
    }

    fn calibrated(&mut self, report: JudgeReport) -> Result<Ended, PipelineError> {
        if let Some(note) = coarseness(&report) {
            self.note(note)?;
        }
        if !self.models.judge_answers() {
            self.note(format!(
                "{} gives no probabilities: the judge score rests on computed support alone",
                report.model
            ))?;
        } else if !report.model_can_judge {
            self.note(format!(
                "{} cannot tell good personas from corrupted ones: the judge score rests on computed support alone",
                report.model
            ))?;
        }
        self.run.record(Event::Calibrated(report))?;
        Ok(Ended::Done)
    }

    async fn judge(&mut self, ids: &[DraftId]) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Judge, total: ids.len() });
        let Some(report) = self.run.state.judge.clone() else {
            return Ok(Ended::Done);
        };
        let wording = self.plan.frame.wording;
        let answers = self.models.judge_answers();
        let counts =
            |name: &str| answers && report.signals.get(name).is_some_and(|s| s.weight > 0.0);
        let personas: Vec<Persona> =
            ids.iter().map(|id| self.run.state.drafts[id].persona.clone()).collect();
        let questions: Vec<Questions> = personas
            .iter()
            .map(|persona| {
                let segment = &self.plan.slots[persona.provenance.slot].records;
                let phrasing = Phrasing::Usual;
                let about = About { corpus: self.corpus, persona, segment, wording, phrasing };
                judge::questions(about, counts)
            })
            .collect();
        let (models, corpus) = (self.models, self.corpus);
        let keep = |run: &mut Run, at: usize, raw: Raw| {
            let raw = judge::with_support(raw, corpus, &personas[at], wording);
            let verdict = judge::verdict(&report.signals, &raw);
            let cost = models.cost(&questions[at]);
            Ok(run.record(Event::Judged { draft: ids[at], verdict, cost })?)
        };
        self.asking().ask(&questions, keep).await
    }

    /// An `Asking` that books and keeps questions and answers in this run's log.
    pub(super) fn asking(&mut self) -> Asking<'_> {
        Asking::new(self.models, self.observer, self.cancel, self.run)
    }

    fn select(&mut self) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Select, total: 1 });
        let selection = select::select(self.corpus, &self.plan, &self.run.state);
        if selection.personas.is_empty() {
            let causes = self.run.state.dropped.values().next();
            let cause = causes.map_or("no reason is known", String::as_str);
            let nothing = |hint| format!("no draft came to anything: {cause}\nhint: {hint}");
            return Err(match (&self.models.draft_terms, &self.models.judge_terms) {
                (None, _) => {
                    PipelineError::Model(nothing("try a larger --model, or --draft-multiplier 4"))
                }
                (_, Some(_)) => PipelineError::Model(nothing(
                    "serve a larger model, or try --draft-multiplier 4",
                )),
                (Some(_), None) => PipelineError::Provider(nothing(
                    "start a new run with another --frontier-model",
                )),
            });
        }
        let wanted = self.plan.personas();
        let found = selection.personas.len();
        if found < wanted {
            let cause = self.run.state.dropped.values().next();
            let cause = cause.map(|cause| format!("; one of them: {cause}")).unwrap_or_default();
            self.note(format!(
                "only {found} of {wanted} personas: the other drafts failed or said what these say{cause}"
            ))?;
        }
        if selection.passed < found {
            self.note(format!(
                "{} of {found} personas score below the threshold and are marked below_threshold",
                found - selection.passed
            ))?;
        }
        let open = |slot: &&SlotReport| {
            !selection.personas.iter().any(|persona| persona.provenance.slot == slot.slot)
        };
        for slot in self.plan.report.slots.clone().iter().filter(open) {
            let terms: Vec<String> = slot.terms.iter().map(|term| in_short(term)).collect();
            self.note(format!(
                "no persona stands for segment {} ({} participants; {})",
                slot.slot + 1,
                slot.segment.participants,
                terms.join(", ")
            ))?;
        }
        let named = selection.personas.iter().map(|p| (p.provenance.slot, p.name.as_str()));
        for note in same_segment(named) {
            self.note(note)?;
        }
        let (personas, dropped) = (selection.personas, selection.dropped);
        self.run.record(Event::Selected { personas, dropped })?;
        self.observer.on(Progress::UnitDone);
        Ok(Ended::Done)
    }

    fn outcome(&self) -> Outcome {
        let personas = self.run.state.selected.as_deref().unwrap_or_default();
        let passed = personas.iter().filter(|persona| !persona.below_threshold).count();
        let others = self.plan.slots.len() - self.plan.personas();
        if passed + others >= self.plan.settings.count {
            Outcome::Complete
        } else {
            Outcome::Partial { passed }
        }
    }

    /// Tells the user, and notes it in the log once, however often a run is resumed.
    pub(super) fn note(&mut self, note: String) -> Result<(), PipelineError> {
        self.observer.on(Progress::Note(&note));
        if !self.run.state.notes.contains(&note) {
            self.run.record(Event::Noted { note })?;
        }
        Ok(())
    }

    fn stage_end(&self, open: usize, gone: Option<String>) -> Result<Ended, PipelineError> {
        stage_end(open, gone, self.cancel)
    }
}

/// How a stage ended with `open` answers missing: done, cancelled, or an error because the model is
/// gone.
pub(super) fn stage_end(
    open: usize,
    gone: Option<String>,
    cancel: &Cancel,
) -> Result<Ended, PipelineError> {
    if open == 0 {
        return Ok(Ended::Done);
    }
    if cancel.is_cancelled() {
        return Ok(Ended::Cancelled);
    }
    let cause = gone.unwrap_or_else(|| format!("{open} requests were never answered"));
    Err(PipelineError::Model(format!("the model stopped answering: {cause}")))
}

pub(super) fn cost_of(completion: &Completion) -> CallCost {
    CallCost { usage: completion.usage.unwrap_or_default(), timings: completion.timings }
}

/// The events that a paid draft's answer makes; unlike a local one, no grammar bound it.
fn read_unbound(
    corpus: &Cleared<Corpus>,
    wording: Wording,
    draft: DraftId,
    brief: &Brief,
    completion: &Completion,
) -> Vec<Event> {
    let cost = cost_of(completion);
    let dropped = |cause: String| vec![Event::DraftDropped { draft, cause, cost }];
    if let Some(cause) = completion.shortfall() {
        return dropped(cause.to_owned());
    }
    match answer::parse_unbound(corpus, brief, wording, &completion.text) {
        Ok((persona, unfounded)) => {
            let drafted = Event::Drafted { draft, persona: Box::new(persona), cost };
            let note = format!(
                "{draft}: {unfounded} quotes or record ids that lead to no record were left out"
            );
            let noted = (unfounded > 0).then_some(Event::Noted { note });
            [drafted].into_iter().chain(noted).collect()
        }
        Err(e) => dropped(e.to_string()),
    }
}

/// The ids of the personas that the actions of a stage are about.
fn personas(actions: &[Action]) -> Vec<String> {
    let id = |action: &Action| match action {
        Action::Refine(id) | Action::Review(id) => Some(id.clone()),
        _ => None,
    };
    actions.iter().filter_map(id).collect()
}

/// The next answer of a stage; `None` when none is left or the user wants to stop. Progress goes to
/// the observer.
pub(super) async fn next<T>(
    answers: &mut Answers<T>,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Option<(usize, Result<T, LlmError>)> {
    loop {
        let news = tokio::select! {
            // Cancellation is checked first: an answer that arrived after it is not taken.
            biased;
            () = cancel.cancelled() => return None,
            news = answers.next() => news?,
        };
        match news {
            Answer::Progress { prefilled, decoded } => {
                observer.on(Progress::Tokens { prefilled, decoded });
            }
            Answer::Done(at, answer) => return Some((at, answer)),
        }
    }
}

/// A note for each segment for which several of these personas, by slot and name, stand.
fn same_segment<'a>(personas: impl Iterator<Item = (usize, &'a str)>) -> Vec<String> {
    let mut by_slot: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (slot, name) in personas {
        by_slot.entry(slot).or_default().push(name);
    }
    let several = by_slot.into_iter().filter(|(_, names)| names.len() > 1);
    let note = |(slot, mut names): (usize, Vec<&str>)| {
        let last = names.pop().unwrap_or_default();
        format!(
            "{} and {last} stand for the same segment {}: their shares count the same people",
            names.join(", "),
            slot + 1
        )
    };
    several.map(note).collect()
}

/// A term, shortened for a note. A long question loses its scale (`(1 = never, 5 = always)≥4`), then
/// its beginning: the end says most and has the answer.
fn in_short(term: &str) -> String {
    const MOST: usize = 50;
    let scale = term.rfind(')').filter(|close| term[close + 1..].starts_with(['=', '≥']));
    let scale = scale.and_then(|close| Some((term[..close].rfind('(')?, close + 1)));
    let without = scale.map(|(open, end)| format!("{}{}", term[..open].trim_end(), &term[end..]));
    let term = without.filter(|_| term.chars().count() > MOST).unwrap_or_else(|| term.to_owned());
    let length = term.chars().count();
    if length <= MOST {
        return term;
    }
    let tail: String = term.chars().skip(length - MOST).collect();
    let (_, whole_words) = tail.split_once(' ').unwrap_or(("", &tail));
    format!("…{whole_words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personas_of_one_segment_are_told() {
        let notes = same_segment([(2, "Ana"), (0, "Bo"), (2, "Cem")].into_iter());
        let counted = "their shares count the same people";
        assert_eq!(notes, [format!("Ana and Cem stand for the same segment 3: {counted}")]);
        let notes = same_segment([(0, "Ana"), (0, "Bo"), (0, "Cem")].into_iter());
        assert_eq!(notes, [format!("Ana, Bo and Cem stand for the same segment 1: {counted}")]);
        assert!(same_segment([(0, "Ana"), (1, "Bo")].into_iter()).is_empty());
    }

    #[test]
    fn a_long_question_is_told_without_its_scale() {
        for (term, short) in [
            (
                "Q1. I feel I belong here (1 = strongly disagree, 5 = strongly agree)≥4",
                "Q1. I feel I belong here≥4",
            ),
            ("trust (1-5)≥4", "trust (1-5)≥4"),
            (
                "Which of these ways of getting about town do you take most often?=On foot (always)",
                "…town do you take most often?=On foot (always)",
            ),
        ] {
            assert_eq!(in_short(term), short);
        }
    }
}
