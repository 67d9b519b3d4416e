//! Reading what no draft could be shown: a slot's records stretch by stretch.
//!
//! Owns the stretches, having them read, and what a slot's drafts are made of once the local model
//! chose passages from each. What it is asked, and what its answer means, is `prompts::digest`'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::buy::{self, Order, Paid, Till, Unbought};
use super::next::Action;
use super::pack::excerpt_end;
use super::plan::Plan;
use super::run::{Runner, Stage, TRUNCATED, cost_of, next, stage_end};
use super::{PipelineError, Progress};
use crate::corpus::Corpus;
use crate::llm::{ChatModel, ChatRequest, Completion, Finish, LlmError};
use crate::privacy::Cleared;
use crate::prompts::digest;
use crate::prompts::draft::{self, Focus};
use crate::store::{Card, DigestReport, Digested, Event, Purpose, Run, StretchId};

/// Tokens of records that are read at once. More would have the model choose fewer of them.
const TOKENS: usize = 1_500;

/// Fewest passages that are enough for a slot's drafts; with fewer, whole records join them.
const LEAST: usize = 24;

/// Stretches that are asked about together.
const AT_ONCE: usize = 256;

/// Fewest characters of a part; what takes more tokens than fit even so is no text.
const LEAST_CHARS: usize = 64;

/// How much shorter a part of a record is taken than its share of tokens, which is an average.
const MARGIN: f64 = 0.9;

/// A slot's records in their order, in stretches of about so many tokens; a record that is longer
/// is parted between sentences.
pub(super) fn stretches(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    records: &[usize],
    (room, tokens_per_char): (usize, f64),
) -> Vec<Vec<Focus>> {
    let room = room.min(TOKENS);
    let chars = ((room as f64 / tokens_per_char * MARGIN) as usize).max(LEAST_CHARS);
    let count = |focus: &Focus| model.count_tokens(&draft::focus_text(corpus, focus));
    let mut stretches: Vec<Vec<Focus>> = Vec::new();
    let mut left = 0;
    for &record in records {
        let text = &corpus.records[record].text;
        let mut open: Vec<(Range<usize>, usize)> = Vec::new();
        let parted = |shown: Range<usize>, chars: usize| {
            let parts = parts(&text[shown.clone()], chars);
            let place =
                move |part: Range<usize>| (shown.start + part.start..shown.start + part.end, chars);
            parts.into_iter().rev().map(place)
        };
        open.extend(parted(0..text.len(), chars));
        while let Some((shown, chars)) = open.pop() {
            let focus = Focus { record, shown: shown.clone() };
            let tokens = count(&focus);
            // Characters of another script take more than this corpus's do on average.
            if tokens > room && chars > LEAST_CHARS {
                open.extend(parted(shown, chars / 2));
                continue;
            }
            if let Some(stretch) = stretches.last_mut().filter(|_| tokens <= left) {
                stretch.push(focus);
            } else {
                stretches.push(vec![focus]);
                left = room;
            }
            left = left.saturating_sub(tokens);
        }
    }
    stretches
}

/// A text in parts of at most so many characters.
fn parts(text: &str, chars: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let is_last = rest.char_indices().nth(chars).is_none();
        let end = if is_last { text.len() } else { start + excerpt_end(rest, chars) };
        parts.push(start..end);
        start = end;
    }
    parts
}

/// What tells a layout of stretches from another: a hash of their places in the records.
pub(super) fn layout<'s>(stretches: impl Iterator<Item = &'s Vec<Focus>>) -> Option<String> {
    let mut places: Vec<u8> = Vec::new();
    for stretch in stretches {
        for Focus { record, shown } in stretch {
            places.extend([*record, shown.start, shown.end].iter().flat_map(|n| n.to_le_bytes()));
        }
        places.extend(usize::MAX.to_le_bytes());
    }
    (!places.is_empty()).then(|| buy::sha256(&places))
}

impl Plan {
    /// The stretches that the local model reads before anything is drafted; none where the drafts
    /// see everything, and none unless they were asked for.
    pub(super) fn stretches(&self) -> impl Iterator<Item = StretchId> {
        let own = self.slots.iter().enumerate().filter(|(slot, _)| self.does(*slot));
        own.flat_map(|(slot, of)| {
            (0..of.stretches.len()).map(move |index| StretchId { slot, index })
        })
    }

    fn stretch(&self, id: StretchId) -> &[Focus] {
        &self.slots[id.slot].stretches[id.index]
    }

    /// The records of a stretch and what is asked about it; no question where nothing in it can be
    /// quoted.
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

    /// What an answer about a stretch comes to.
    fn digested(
        &self,
        corpus: &Cleared<Corpus>,
        id: StretchId,
        answer: Result<Completion, String>,
    ) -> Event {
        let cost = answer.as_ref().map(cost_of).unwrap_or_default();
        let cards = answer.and_then(|completion| match completion.finish {
            Finish::Complete => {
                digest::cards(corpus, self.stretch(id), &completion.text).map_err(|e| e.to_string())
            }
            Finish::Length => Err(TRUNCATED.to_owned()),
            Finish::Refused => Err("the model declined to answer".to_owned()),
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

    /// Has the drafts be made of what was chosen, once all stretches are read. A slot of which
    /// nothing was chosen keeps its records. Gives what to tell the user; nothing where there is
    /// nothing to do, or it is done.
    pub(super) fn take_cards(
        &mut self,
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        digests: &BTreeMap<StretchId, Digested>,
    ) -> Option<String> {
        let ids: Vec<StretchId> = self.stretches().collect();
        let missing = ids.iter().any(|id| !digests.contains_key(id));
        if ids.is_empty() || missing || self.report.digest.is_some() {
            return None;
        }
        let mut report = DigestReport { stretches: ids.len(), ..DigestReport::default() };
        let mut read = BTreeSet::new();
        let mut first_cause = None;
        let mut chosen: BTreeMap<usize, Vec<Focus>> = BTreeMap::new();
        for id in ids {
            let digested = &digests[&id];
            if let Some(cause) = &digested.cause {
                report.failed += 1;
                first_cause = first_cause.or(Some(cause.as_str()));
                continue;
            }
            read.extend(self.records_of(id));
            // A log that was tampered with gets no word of another segment in.
            let stretch = self.stretch(id);
            let cards = digested.cards.iter().filter_map(|card| focus(corpus, stretch, card));
            chosen.entry(id.slot).or_default().extend(cards);
        }
        report.records = read.len();
        for (slot, cards) in chosen.into_iter().filter(|(_, cards)| !cards.is_empty()) {
            report.cards += cards.len();
            let count = |focus: &Focus| model.count_tokens(&draft::focus_text(corpus, focus));
            let slot = &mut self.slots[slot];
            let chosen_from: BTreeSet<usize> = cards.iter().map(|card| card.record).collect();
            let cards = in_turn(&slot.order, cards);
            let mut ranked: Vec<_> =
                cards.into_iter().map(|card| (card.clone(), count(&card))).collect();
            if ranked.len() < LEAST {
                slot.ranked.retain(|(focus, _)| !chosen_from.contains(&focus.record));
                ranked.append(&mut slot.ranked);
            }
            slot.ranked = ranked;
            slot.is_digested = true;
        }
        self.report.digest = Some(report);
        self.count_focus();
        self.report_excerpts(corpus);
        let DigestReport { stretches, failed, records, cards } = report;
        let failed = first_cause.map_or_else(String::new, |cause| {
            format!("; {failed} gave nothing of use, the first because {cause}")
        });
        let then = match cards {
            0 => "the drafts see records, as they would without it".to_owned(),
            cards => format!("the drafts are made of the {cards} passages that the model chose"),
        };
        Some(format!("digest: {records} records read in {stretches} stretches{failed}; {then}"))
    }
}

impl Runner<'_> {
    /// Has the local model choose passages, so many stretches at a time that a large corpus is not
    /// held twice.
    pub(super) async fn digest(&mut self, actions: &[Action]) -> Result<Stage, PipelineError> {
        self.observer.on(Progress::StageStarted { stage: "digest", total: actions.len() });
        let ids: Vec<StretchId> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Digest(id) => Some(*id),
                _ => None,
            })
            .collect();
        for ids in ids.chunks(AT_ONCE) {
            if self.digest_some(ids).await? == Stage::Cancelled {
                return Ok(Stage::Cancelled);
            }
        }
        Ok(Stage::Done)
    }

    async fn digest_some(&mut self, ids: &[StretchId]) -> Result<Stage, PipelineError> {
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
    ) -> Result<Stage, PipelineError> {
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

    /// Has the drafts be made of what the stretches gave, once all of them are read.
    pub(super) fn take_cards(&mut self) -> Result<(), PipelineError> {
        let (model, digests) = (self.models.draft.as_ref(), &self.run.state.digests);
        let Some(note) = self.plan.take_cards(self.corpus, model, digests) else { return Ok(()) };
        self.note(note)?;
        if self.run.state.plan.as_ref().is_none_or(|plan| plan.digest.is_none()) {
            self.run.record(Event::Planned(self.plan.report.clone()))?;
        }
        Ok(())
    }
}

/// A card as a draft sees it; `None` where it is no passage of its stretch.
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

/// The first card of each record in the slot's order of its records, then the second of each.
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

    #[test]
    fn parts_cover_a_text_and_end_with_sentences() {
        let text = "The lift is slow. We wait for it. Nobody tells us why, ever.";
        let parts = parts(text, 36);
        let cut: Vec<&str> = parts.iter().map(|part| &text[part.clone()]).collect();
        assert_eq!(cut, ["The lift is slow. We wait for it.", " Nobody tells us why, ever."]);
        assert_eq!(super::parts("", 10).len(), 0);
        assert_eq!(super::parts("日本語の長い文", 3).len(), 3);
    }
}
