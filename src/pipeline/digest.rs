//! The digest stage: before anything is drafted, the local model reads all records of a slot whose
//! drafts could not see them all, and chooses passages that the drafts are then made of.
//!
//! Owns having the stretches read and handing the chosen passages to the slots. `stretches` cuts
//! them; `prompts::digest` words the question and reads the answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::buy::{Order, Paid, Till, Unbought};
use super::next::Action;
use super::plan::{Plan, Slot};
use super::run::{Ended, Runner, cost_of, next, stage_end};
use super::{PipelineError, Progress, Stage};
use crate::corpus::Corpus;
use crate::llm::{ChatModel, ChatRequest, Completion, LlmError};
use crate::privacy::Cleared;
use crate::prompts::digest;
use crate::prompts::draft::{self, Focus};
use crate::store::{Card, DigestReport, Digested, Event, Purpose, Run, StretchId};

/// Fewest passages that a slot's drafts are made of; with fewer, whole records join them.
const LEAST_PASSAGES: usize = 24;

/// Stretches asked about at a time: their requests hold the text of the records once more.
const STRETCHES_AT_ONCE: usize = 256;

/// What reading all stretches gave.
#[derive(Default)]
struct Reading {
    report: DigestReport,
    /// Why the first stretch that gave nothing did so.
    first_cause: Option<String>,
    /// The passages chosen for each slot, by slot.
    chosen: BTreeMap<usize, Vec<Focus>>,
}

impl Plan {
    /// The stretches that the local model reads before anything is drafted, of the slots that are
    /// this process's. None without `--digest`, and none of slots whose drafts see every record.
    pub(super) fn stretches(&self) -> impl Iterator<Item = StretchId> {
        let own = self.slots.iter().enumerate().filter(|(slot, _)| self.owns(*slot));
        own.flat_map(|(slot, of)| {
            (0..of.stretches.len()).map(move |index| StretchId { slot, index })
        })
    }

    fn stretch(&self, id: StretchId) -> &[Focus] {
        &self.slots[id.slot].stretches[id.index]
    }

    /// The question about a stretch, with its records; `None` where nothing in it can be quoted.
    pub(super) fn digest_request(
        &self,
        corpus: &Cleared<Corpus>,
        id: StretchId,
    ) -> Option<ChatRequest> {
        digest::request(corpus, self.stretch(id), self.frame.tokens_per_char)
    }

    /// The records of a stretch, as indices into the corpus.
    pub(super) fn records_of(&self, id: StretchId) -> impl Iterator<Item = usize> {
        self.stretch(id).iter().map(|focus| focus.record)
    }

    /// The event that an answer about a stretch, or the cause that there is none, is logged as.
    fn digested(
        &self,
        corpus: &Cleared<Corpus>,
        id: StretchId,
        answer: Result<Completion, String>,
    ) -> Event {
        let cost = answer.as_ref().map(cost_of).unwrap_or_default();
        let cards = answer.and_then(|completion| match completion.shortfall() {
            None => {
                digest::cards(corpus, self.stretch(id), &completion.text).map_err(|e| e.to_string())
            }
            Some(cause) => Err(cause.to_owned()),
        });
        let card = |focus: Focus| Card {
            record: corpus.records[focus.record].id.clone(),
            start: focus.shown.start,
            end: focus.shown.end,
        };
        let (cards, cause) = match cards {
            Ok(cards) => (cards.into_iter().map(card).collect(), None),
            Err(cause) => (Vec::new(), Some(cause)),
        };
        Event::Digested { stretch: id, cards, cause, cost }
    }

    /// Whether all stretches have an answer that the slots have not taken yet.
    fn awaits_cards(&self, digests: &BTreeMap<StretchId, Digested>) -> bool {
        let mut ids = self.stretches().peekable();
        self.report.digest.is_none()
            && ids.peek().is_some()
            && ids.all(|id| digests.contains_key(&id))
    }

    /// Collects the answers about all stretches.
    fn reading(&self, corpus: &Corpus, digests: &BTreeMap<StretchId, Digested>) -> Reading {
        let mut reading = Reading::default();
        let mut read = BTreeSet::new();
        for id in self.stretches() {
            let digested = &digests[&id];
            reading.report.stretches += 1;
            if let Some(cause) = &digested.cause {
                reading.report.failed += 1;
                reading.first_cause.get_or_insert_with(|| cause.clone());
                continue;
            }
            read.extend(self.records_of(id));
            // `focus` lets nothing but passages of this stretch pass, so that an altered log cannot
            // bring in the words of another segment.
            let stretch = self.stretch(id);
            let cards = digested.cards.iter().filter_map(|card| focus(corpus, stretch, card));
            reading.chosen.entry(id.slot).or_default().extend(cards);
        }
        reading.chosen.retain(|_, cards| !cards.is_empty());
        reading.report.records = read.len();
        reading.report.cards = reading.chosen.values().map(Vec::len).sum();
        reading
    }

    /// Gives each slot the passages that were chosen from its records; a slot of which nothing was
    /// chosen keeps its records. Returns a line for the user.
    fn take_cards(
        &mut self,
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        reading: Reading,
    ) -> String {
        let note = reading.note();
        for (slot, cards) in reading.chosen {
            self.slots[slot]
                .take_cards(cards, |card| model.count_tokens(&draft::focus_text(corpus, card)));
        }
        self.report.digest = Some(reading.report);
        self.count_focus();
        self.report_excerpts(corpus);
        note
    }
}

impl Slot {
    /// Has the slot's drafts made of these passages, and of whole records too where the passages
    /// are few. A record whose passages are shown is not shown whole as well.
    fn take_cards(&mut self, cards: Vec<Focus>, tokens: impl Fn(&Focus) -> usize) {
        let cited: BTreeSet<usize> = cards.iter().map(|card| card.record).collect();
        let cards = in_turn(&self.order, cards);
        let mut ranked: Vec<_> = cards
            .into_iter()
            .map(|card| {
                let tokens = tokens(&card);
                (card, tokens)
            })
            .collect();
        if ranked.len() < LEAST_PASSAGES {
            self.ranked.retain(|(focus, _)| !cited.contains(&focus.record));
            ranked.append(&mut self.ranked);
        }
        self.ranked = ranked;
        self.is_digested = true;
    }
}

impl Reading {
    /// What came of the reading, for the user.
    fn note(&self) -> String {
        let DigestReport { stretches, failed, records, cards } = self.report;
        let failed = self.first_cause.as_ref().map_or_else(String::new, |cause| {
            format!("; {failed} gave nothing of use, the first because {cause}")
        });
        let then = match cards {
            0 => "the drafts see records, as they would without it".to_owned(),
            cards => format!("the drafts are made of the {cards} passages that the model chose"),
        };
        format!("digest: {records} records read in {stretches} stretches{failed}; {then}")
    }
}

impl Runner<'_> {
    /// Has the drafting model choose passages from the stretches of these actions. Takes some at a
    /// time, so that the text of a large corpus is not held twice.
    pub(super) async fn digest(&mut self, actions: &[Action]) -> Result<Ended, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: Stage::Digest, total: actions.len() });
        let ids: Vec<StretchId> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Digest(id) => Some(*id),
                _ => None,
            })
            .collect();
        for ids in ids.chunks(STRETCHES_AT_ONCE) {
            if self.digest_some(ids).await? == Ended::Cancelled {
                return Ok(Ended::Cancelled);
            }
        }
        Ok(Ended::Done)
    }

    async fn digest_some(&mut self, ids: &[StretchId]) -> Result<Ended, PipelineError> {
        let mut asked = Vec::new();
        let mut requests = Vec::new();
        for &id in ids {
            match self.plan.digest_request(self.corpus, id) {
                Some(request) => {
                    asked.push(id);
                    requests.push(request);
                }
                None => self.digested(id, Err("nothing in it can be quoted".to_owned()))?,
            }
        }
        if let Some(terms) = self.models.draft_terms.clone() {
            return self.buy_digests(&terms, &asked, requests).await;
        }
        let mut answers = self.models.draft.complete(requests);
        let mut open = asked.len();
        let mut gone = None;
        while let Some((at, answer)) = next(&mut answers, self.observer, self.cancel).await {
            let Some(&id) = asked.get(at) else { continue };
            match answer {
                // Not the stretch's fault: it stays open, so that a resumed run asks again.
                Err(LlmError::Unavailable(cause)) => gone = Some(cause),
                answer => {
                    self.digested(id, answer.map_err(|e| e.to_string()))?;
                    open -= 1;
                }
            }
        }
        stage_end(open, gone, self.cancel)
    }

    async fn buy_digests(
        &mut self,
        terms: &Paid,
        ids: &[StretchId],
        requests: Vec<ChatRequest>,
    ) -> Result<Ended, PipelineError> {
        let records = |id: StretchId| {
            let records = self.plan.records_of(id);
            records.map(|record| self.corpus.records[record].id.clone()).collect()
        };
        let orders: Vec<Order> = ids
            .iter()
            .zip(requests)
            .map(|(&id, request)| Order {
                purpose: Purpose::Digest(id),
                request,
                records: records(id),
            })
            .collect();
        let mut failed: Vec<(StretchId, Unbought)> = Vec::new();
        let (plan, corpus, observer, cancel) =
            (&self.plan, self.corpus, self.observer, self.cancel);
        let keep = |run: &mut Run, at: usize, answer: Result<Completion, Unbought>| match answer {
            Ok(completion) => {
                let event = plan.digested(corpus, ids[at], Ok(completion));
                run.record(event)?;
                observer.on(Progress::UnitDone);
                Ok(())
            }
            Err(cause) => {
                failed.push((ids[at], cause));
                Ok(())
            }
        };
        Till { paid: terms, run: self.run, observer, cancel }.buy(&orders, keep).await?;
        // A server may come back, and the run go on: what it failed at stays open.
        let gone = failed.iter().find(|(_, cause)| cause.is_gone());
        let gone = gone.map(|(_, cause)| cause.to_string());
        let stops = gone.is_some() || self.cancel.is_cancelled();
        let mut open = 0;
        for (id, cause) in failed {
            if matches!(cause, Unbought::Interrupted) || stops && cause.is_of_service() {
                open += 1;
            } else {
                self.digested(id, Err(cause.to_string()))?;
            }
        }
        stage_end(open, gone, self.cancel)
    }

    /// Logs what came of a stretch.
    fn digested(
        &mut self,
        id: StretchId,
        answer: Result<Completion, String>,
    ) -> Result<(), PipelineError> {
        let event = self.plan.digested(self.corpus, id, answer);
        self.run.record(event)?;
        self.observer.on(Progress::UnitDone);
        Ok(())
    }

    /// Has the drafts made of the chosen passages, once all stretches are read. Does nothing before
    /// that, and nothing the second time.
    pub(super) fn take_cards(&mut self) -> Result<(), PipelineError> {
        let digests = &self.run.state.digests;
        if !self.plan.awaits_cards(digests) {
            return Ok(());
        }
        let reading = self.plan.reading(self.corpus, digests);
        let note = self.plan.take_cards(self.corpus, self.models.draft.as_ref(), reading);
        self.note(note)?;
        if self.run.state.plan.as_ref().is_none_or(|plan| plan.digest.is_none()) {
            self.run.record(Event::Planned(self.plan.report.clone()))?;
        }
        Ok(())
    }
}

/// A card of the log as a draft sees it; `None` if it does not lie within one of the stretch's
/// records, or is empty.
fn focus(corpus: &Corpus, stretch: &[Focus], card: &Card) -> Option<Focus> {
    let record = corpus.index_of(&card.record)?;
    let shown = card.start..card.end;
    let is_in = |of: &Focus| {
        of.record == record && of.shown.start <= shown.start && shown.end <= of.shown.end
    };
    stretch.iter().find(|of| is_in(of))?;
    corpus.records[record].text.get(shown.clone()).filter(|text| !text.is_empty())?;
    Some(Focus { record, shown })
}

/// Sorts cards: the first of each record, with the records in the slot's order, then the second of
/// each record, and so on.
fn in_turn(order: &[usize], cards: Vec<Focus>) -> Vec<Focus> {
    let places: HashMap<usize, usize> =
        order.iter().enumerate().map(|(place, &record)| (record, place)).collect();
    let mut turns: HashMap<usize, usize> = HashMap::new();
    let mut placed: Vec<(usize, usize, Focus)> = cards
        .into_iter()
        .map(|card| {
            let turn = turns.entry(card.record).or_default();
            *turn += 1;
            (*turn, places.get(&card.record).copied().unwrap_or(usize::MAX), card)
        })
        .collect();
    placed.sort_by_key(|(turn, place, card)| (*turn, *place, card.shown.start));
    placed.into_iter().map(|(_, _, card)| card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_card_of_each_record_comes_before_the_second_of_any() {
        let card = |record, start| Focus { record, shown: start..start + 5 };
        let cards = vec![card(1, 0), card(1, 9), card(4, 0), card(4, 7), card(4, 20), card(6, 3)];
        let order: Vec<_> = in_turn(&[6, 4, 1], cards)
            .into_iter()
            .map(|card| (card.record, card.shown.start))
            .collect();
        assert_eq!(order, [(6, 3), (4, 0), (1, 0), (4, 7), (1, 9), (4, 20)]);
    }
}
