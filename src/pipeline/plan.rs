//! What will be drafted from which records, before a token is decoded.
//!
//! Owns the slots, the token budget of a prompt and the choice of records in focus. A corpus larger
//! than the context is packed and what no draft saw is counted; nothing is cut in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::segments::{Group, Grouping, part, speaker};
use super::{PipelineError, Settings, Style, columns};
use crate::corpus::{Corpus, Record};
use crate::llm::{Capabilities, ChatModel, Message};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::ask::Ask;
use crate::prompts::draft::{self, Brief, Focus, Frame};
use crate::prompts::passages::{passages, sentences, words};
use crate::schema::{Provenance, RecordId, Segment};
use crate::store::{Draft, DraftId, PlanReport, SlotReport};

/// Models below this many parameters invent facts in free text (measured).
const TRUSTED_PARAMETERS: u64 = 1_000_000_000;
/// Records in focus, by wording: small models take the first record they see and lose the rest.
const FOCUS_EXTRACTIVE: usize = 6;
const FOCUS_FREE: usize = 24;
/// Most tokens of records in a small model's prompt: more only costs time.
const FOCUS_TOKENS_EXTRACTIVE: usize = 1_500;
/// Fewest records that make a draft of their own.
const FOCUS_LEAST: usize = 3;
/// Fewest tokens of records with which a prompt makes sense.
const FOCUS_TOKENS_LEAST: usize = 120;
/// Tokens set aside for the chat template and the task around the records.
const TEMPLATE_TOKENS: usize = 96;
/// Records of a slot that are ranked for focus; the rest of a very large slot is never reached.
const RANKED: usize = 512;
/// Records with which the whole corpus may stand in the shared prefix.
const SHARED_RECORDS: usize = 400;
/// Characters over which tokens per character are measured.
const SAMPLE_CHARS: usize = 20_000;

/// Names for personas, from many languages.
const NAMES: &str = include_str!("names.txt");

/// A run's layout. A function of corpus, model and settings alone, so that a resumed run finds the
/// same one.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) settings: Settings,
    pub(super) frame: Frame,
    pub(super) slots: Vec<Slot>,
    /// For the log and the report.
    pub report: PlanReport,
    /// For the user, one line each.
    pub notes: Vec<String>,
    names: Vec<&'static str>,
    focus_tokens: usize,
    model: String,
    model_sha256: Option<String>,
}

/// One final persona's part of the data.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// All its records, ascending.
    pub(super) records: Vec<usize>,
    /// The same, most informative first, participants taking turns; with the tokens each takes.
    ranked: Vec<(Focus, usize)>,
    segment: Segment,
    demographics: BTreeMap<String, String>,
    role: Option<String>,
    /// Drafts in the first round.
    pub(super) drafts: usize,
}

impl Plan {
    /// Lays out a run.
    pub fn new(
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        settings: &Settings,
    ) -> Result<Self, PipelineError> {
        let capabilities = model.capabilities();
        let wording = wording(settings.style, capabilities);
        let tokens_per_char = tokens_per_char(corpus, model);
        let (shared, corpus_shared) = shared_prefix(corpus, model, wording, settings.ask);
        // A model without logits is a service, and what it reads costs money.
        let named = corpus_shared && !capabilities.logits;
        let frame = Frame { shared, wording, tokens_per_char, named, ask: settings.ask };
        let (frame, focus_tokens) = fit(frame, model)?;

        let (eligible, left_out) = eligible(corpus);
        let (grouping, groups) = part(corpus, &eligible, settings.count, settings.seed);
        let mut names: Vec<&'static str> = NAMES.lines().collect();
        names.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.seed));
        let mut plan = Self {
            settings: settings.clone(),
            frame,
            slots: Vec::new(),
            report: PlanReport {
                style: wording.as_str().into(),
                grouping: grouping.as_str().into(),
                left_out,
                corpus_shared,
                ..PlanReport::default()
            },
            notes: Vec::new(),
            names,
            focus_tokens,
            model: capabilities.id.clone(),
            model_sha256: capabilities.sha256.clone(),
        };
        plan.lay_out(corpus, model, &groups);
        plan.tell(corpus, grouping);
        Ok(plan)
    }

    /// The records of each slot, as indices into the corpus.
    pub fn segments(&self) -> Vec<Vec<usize>> {
        self.slots.iter().map(|slot| slot.records.clone()).collect()
    }

    /// Drafts of the first round: `ceil(count × multiplier)`.
    pub(super) fn drafts(&self) -> usize {
        times(self.settings.count, self.settings.multiplier)
    }

    /// The model's answer to this becomes draft `id`. `drafts` are those kept so far; only earlier
    /// rounds count, which are whole when a round begins, however often the run was interrupted.
    pub(super) fn brief(
        &self,
        corpus: &Corpus,
        id: DraftId,
        drafts: &BTreeMap<DraftId, Draft>,
    ) -> Brief {
        let slot = &self.slots[id.slot];
        let seed = sub_seed(self.settings.seed, id);
        let mut focus = self.focus(slot, id);
        focus.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        Brief {
            id: id.to_string(),
            name: self.name(id),
            role: slot.role.clone(),
            said: said(drafts, id),
            segment: slot.segment.clone(),
            demographics: slot.demographics.clone(),
            provenance: Provenance {
                model: self.model.clone(),
                model_sha256: self.model_sha256.clone(),
                slot: id.slot,
                round: id.round,
                draft: id.index,
                seed,
                style: self.frame.wording.as_str().into(),
                shown: focus.iter().map(|f| corpus.records[f.record].id.clone()).collect(),
            },
            focus,
        }
    }

    /// The records that draft `id` is to look at. The drafts of a slot share its records out among
    /// them as far as they go, so that they differ; each gets some of the best. Once all shares
    /// are given out, records are drawn.
    fn focus(&self, slot: &Slot, id: DraftId) -> Vec<Focus> {
        let most = match self.frame.wording {
            Wording::Extractive => FOCUS_EXTRACTIVE,
            Wording::Free => FOCUS_FREE,
        };
        let most = most.min(slot.ranked.len() - self.held_out(slot));
        let shares = (slot.ranked.len() / FOCUS_LEAST).clamp(1, slot.drafts.max(2));
        let turn = id.index + id.round * slot.drafts;
        let mut share: Vec<&(Focus, usize)> =
            slot.ranked.iter().skip(turn % shares).step_by(shares).collect();
        if turn >= shares {
            share = slot.ranked.iter().collect();
            share.shuffle(&mut ChaCha8Rng::seed_from_u64(sub_seed(self.settings.seed, id)));
        }
        let mut left = self.focus_tokens;
        let mut focus = Vec::new();
        for (record, tokens) in share.into_iter().take(most) {
            if *tokens <= left {
                left -= tokens;
                focus.push(record.clone());
            }
        }
        focus
    }

    /// Records of a slot that every draft leaves aside, not always the same: a draft made of
    /// sentences is judged by how well it foretells records that it did not see.
    fn held_out(&self, slot: &Slot) -> usize {
        let records = slot.ranked.len();
        match self.frame.wording {
            Wording::Extractive if records >= FOCUS_LEAST => records.div_ceil(4),
            Wording::Extractive | Wording::Free => 0,
        }
    }

    /// A slot has names of its own as far as they go; beyond that they get an initial.
    fn name(&self, id: DraftId) -> String {
        let share = (self.names.len() / self.slots.len()).max(1);
        let turn = id.index + id.round * self.slots[id.slot].drafts;
        let at = id.slot * share + turn % share;
        let name = self.names[at % self.names.len()];
        match at / self.names.len() {
            0 => name.to_owned(),
            again => {
                let initial = char::from(b'A' + ((again - 1) % 26) as u8);
                format!("{name} {initial}.")
            }
        }
    }

    fn lay_out(&mut self, corpus: &Cleared<Corpus>, model: &dyn ChatModel, groups: &[Group]) {
        let describing = columns::describing(corpus);
        let total = self.drafts();
        let mut excerpted = BTreeSet::new();
        for (index, group) in groups.iter().enumerate() {
            let speakers: BTreeSet<String> =
                group.records.iter().map(|&r| speaker(&corpus.records[r])).collect();
            let ranked = rank(corpus, &group.records);
            let ranked = ranked.into_iter().take(RANKED).map(|record| {
                let (focus, tokens) = self.measure(corpus, model, record);
                if focus.shown.len() < corpus.records[record].text.len() {
                    excerpted.insert(record);
                }
                (focus, tokens)
            });
            self.slots.push(Slot {
                ranked: ranked.collect(),
                segment: Segment {
                    participants: speakers.len(),
                    records: group.records.len(),
                    share: rounded(group.records.len() as f64 / corpus.records.len() as f64),
                },
                demographics: columns::sum_up(&describing, &speakers),
                role: columns::role(&describing, &speakers),
                drafts: total / groups.len() + usize::from(index < total % groups.len()),
                records: group.records.clone(),
            });
        }
        let id = |record: usize| corpus.records[record].id.clone();
        self.report.excerpted = excerpted.into_iter().map(id).collect();
        self.report_slots(groups);
    }

    /// How a record is shown: whole, or its first sentences where it alone exceeds the budget.
    fn measure(
        &self,
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        record: usize,
    ) -> (Focus, usize) {
        let text = &corpus.records[record].text;
        let cost = |focus: &Focus| model.count_tokens(&draft::focus_text(corpus, focus));
        let whole = Focus { record, shown: 0..text.len() };
        // A text of a hundred times the budget need not be counted to know that it is too long.
        let countable = text.len() < self.focus_tokens * 100;
        let tokens = if countable { cost(&whole) } else { usize::MAX };
        if tokens <= self.focus_tokens {
            return (whole, tokens);
        }
        let mut chars = (self.focus_tokens as f64 / self.frame.tokens_per_char * 0.9) as usize;
        loop {
            let focus = Focus { record, shown: 0..excerpt_end(text, chars) };
            let tokens = cost(&focus);
            if tokens <= self.focus_tokens || chars < 32 {
                return (focus, tokens);
            }
            chars /= 2;
        }
    }

    fn report_slots(&mut self, groups: &[Group]) {
        let (mut used, mut reachable) = (BTreeSet::new(), BTreeSet::new());
        for (index, slot) in self.slots.iter().enumerate() {
            let ids = (0..slot.drafts).map(|draft| DraftId { slot: index, round: 0, index: draft });
            let shown: BTreeSet<usize> =
                ids.flat_map(|id| self.focus(slot, id)).map(|focus| focus.record).collect();
            self.report.slots.push(SlotReport {
                slot: index,
                segment: slot.segment.clone(),
                terms: groups[index].terms.clone(),
                drafts: slot.drafts,
                used: shown.len(),
                unused: slot.records.len() - shown.len(),
            });
            used.extend(shown);
            reachable.extend(slot.records.iter().copied());
        }
        self.report.used = used.len();
        self.report.unused = reachable.len() - used.len();
    }

    fn tell(&mut self, corpus: &Corpus, grouping: Grouping) {
        let mut notes = Vec::new();
        let count = self.settings.count;
        match grouping {
            Grouping::Participants => {}
            Grouping::Records => notes.push(format!(
                "fewer participants than the {count} personas asked for: the data was parted by record"
            )),
            Grouping::Shared => notes.push(format!(
                "fewer records than the {count} personas asked for: all of them draw on the same records"
            )),
        }
        if self.frame.wording == Wording::Extractive && self.settings.style == Style::Auto {
            notes.push(
                "this model is too small to be trusted with free text: it chooses among the participants' own sentences"
                    .into(),
            );
        }
        if self.report.unused > 0 && !self.report.corpus_shared {
            notes.push(format!(
                "{} of {} records are in focus of a draft, {} are not; more drafts (--draft-multiplier) use more",
                self.report.used,
                corpus.records.len(),
                self.report.unused,
            ));
        }
        if !self.report.excerpted.is_empty() {
            notes.push(format!(
                "{} records are too long for the context and are shown in part; a larger --context shows more",
                self.report.excerpted.len(),
            ));
        }
        if !self.report.left_out.is_empty() {
            notes.push(format!(
                "{} turns of the interviewer are no evidence and were left out",
                self.report.left_out.len(),
            ));
        }
        self.notes = notes;
    }
}

/// How a model's drafts come about in this style.
pub fn wording(style: Style, model: &Capabilities) -> Wording {
    match style {
        Style::Extractive => Wording::Extractive,
        Style::Auto if model.parameters.is_some_and(|p| p < TRUSTED_PARAMETERS) => {
            Wording::Extractive
        }
        Style::Auto | Style::Free => Wording::Free,
    }
}

/// `ceil(count × multiplier)`, without the last bit of a product that should be whole.
pub(super) fn times(count: usize, multiplier: f64) -> usize {
    (count as f64 * multiplier - 1e-9).ceil().max(1.0) as usize
}

/// Four decimals: what is written must not hang on the last bit of a sum.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// What the drafts of earlier rounds in the same slot say.
fn said(drafts: &BTreeMap<DraftId, Draft>, id: DraftId) -> BTreeSet<String> {
    let earlier =
        drafts.iter().filter(|(other, _)| other.slot == id.slot && other.round < id.round);
    let texts = earlier.flat_map(|(_, draft)| draft.persona.texts());
    texts.map(str::to_owned).collect()
}

fn sub_seed(seed: u64, id: DraftId) -> u64 {
    let mut hash = Sha256::new();
    for part in [seed, id.slot as u64, id.round as u64, id.index as u64] {
        hash.update(part.to_le_bytes());
    }
    let digest = hash.finalize();
    u64::from_le_bytes(digest[..8].try_into().expect("a digest has eight bytes"))
}

fn tokens_per_char(corpus: &Cleared<Corpus>, model: &dyn ChatModel) -> f64 {
    let texts = corpus.records.iter().flat_map(|record| record.text.chars().chain(['\n']));
    let sample: String = texts.take(SAMPLE_CHARS).collect();
    model.count_tokens(&sample) as f64 / sample.chars().count().max(1) as f64
}

/// Instructions and example; and the corpus too, for a model that may read it, where it takes at
/// most half of the context.
fn shared_prefix(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    wording: Wording,
    ask: Ask,
) -> (Arc<[Message]>, bool) {
    if wording == Wording::Free && corpus.records.len() <= SHARED_RECORDS {
        let shared = draft::shared(wording, Some(corpus), ask);
        if message_tokens(&shared, model) <= model.capabilities().context / 2 {
            return (shared, true);
        }
    }
    (draft::shared(wording, None, ask), false)
}

/// Tokens left for records; without the example where the context is too small for both.
fn fit(mut frame: Frame, model: &dyn ChatModel) -> Result<(Frame, usize), PipelineError> {
    let context = model.capabilities().context;
    let answer = draft::worst_answer_tokens(frame.wording, frame.tokens_per_char, frame.ask);
    let around = |shared: &[Message]| answer + TEMPLATE_TOKENS + message_tokens(shared, model);
    if around(&frame.shared) + FOCUS_TOKENS_LEAST > context {
        frame.shared = draft::shared_without_example(frame.ask);
    }
    let needed = around(&frame.shared) + FOCUS_TOKENS_LEAST;
    if needed > context {
        return Err(PipelineError::Model(format!(
            "a context of {context} tokens is too small to draft in\nhint: use --context {} or more",
            needed.next_multiple_of(256),
        )));
    }
    let mut tokens = context - around(&frame.shared);
    if frame.wording == Wording::Extractive {
        tokens = tokens.min(FOCUS_TOKENS_EXTRACTIVE);
    }
    Ok((frame, tokens))
}

fn message_tokens(messages: &[Message], model: &dyn ChatModel) -> usize {
    // A few tokens a message for the template's role marks.
    messages.iter().map(|m| model.count_tokens(&m.content) + 8).sum()
}

/// Records that may be evidence, and those that may not. Questions of an interviewer are context,
/// not what a participant said; when there is nothing else, they have to do.
fn eligible(corpus: &Corpus) -> (Vec<usize>, Vec<(RecordId, String)>) {
    let asks = |record: &Record| {
        let who = record.participant.as_deref().unwrap_or_default().to_lowercase();
        let roles = ["interviewer", "moderator", "facilitator", "researcher"];
        roles.iter().any(|role| who.trim_end_matches([' ', '1', '2', '3']) == *role)
    };
    let all = 0..corpus.records.len();
    let (questions, answers): (Vec<usize>, Vec<usize>) =
        all.partition(|&index| asks(&corpus.records[index]));
    if answers.is_empty() {
        return (questions, Vec::new());
    }
    let cause = |index: usize| (corpus.records[index].id.clone(), "interviewer".to_owned());
    (answers, questions.into_iter().map(cause).collect())
}

/// Most informative first, speakers taking turns. Informative is what says much in sentences, the
/// rarer its words the better.
fn rank(corpus: &Corpus, records: &[usize]) -> Vec<usize> {
    let mut spread: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: Vec<(usize, BTreeSet<String>)> = Vec::new();
    for &index in records {
        let record = &corpus.records[index];
        let whole = 0..record.text.len();
        let spoken: BTreeSet<String> = passages(index, record, &whole)
            .iter()
            .flat_map(|passage| words(&record.text[passage.range.clone()]))
            .collect();
        for word in &spoken {
            *spread.entry(word.clone()).or_default() += 1;
        }
        said.push((index, spoken));
    }
    let worth = |spoken: &BTreeSet<String>| -> f64 {
        let rarity = |word: &String| (1.0 + records.len() as f64 / spread[word] as f64).ln();
        // The root keeps a very long record from outweighing all others by length alone.
        spoken.iter().map(rarity).sum::<f64>().sqrt()
    };
    let mut ranked: Vec<(f64, usize)> =
        said.iter().map(|(index, spoken)| (worth(spoken), *index)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    let mut order: Vec<(usize, usize, usize)> = Vec::new();
    for (place, (_, index)) in ranked.into_iter().enumerate() {
        let turn = turns.entry(speaker(&corpus.records[index])).or_default();
        order.push((*turn, place, index));
        *turn += 1;
    }
    order.sort_unstable();
    order.into_iter().map(|(_, _, index)| index).collect()
}

/// Where an excerpt of at most `max` characters ends: after its last whole sentence, else its last
/// whole word.
fn excerpt_end(text: &str, max: usize) -> usize {
    let limit = text.char_indices().nth(max).map_or(text.len(), |(at, _)| at);
    // A little more than fits, so that the last sentence found is known to be whole.
    let window = text.char_indices().nth(max + 1).map_or(text.len(), |(at, _)| at);
    let ends = sentences(&text[..window]).into_iter().map(|s| s.end);
    let sentence = ends.filter(|&end| end <= limit && end < window).max();
    let word = text[..limit].rfind(char::is_whitespace);
    sentence.or(word).filter(|&end| end > 0).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_rounded_up_but_not_by_the_last_bit_of_a_product() {
        assert_eq!(times(3, 2.0), 6);
        assert_eq!(times(3, 1.5), 5);
        assert_eq!(times(10, 1.1), 11);
        assert_eq!(times(1, 1.0), 1);
    }

    #[test]
    fn every_draft_has_its_own_seed() {
        let id = |slot, round, index| DraftId { slot, round, index };
        let seeds = [id(0, 0, 0), id(1, 0, 0), id(0, 1, 0), id(0, 0, 1)].map(|id| sub_seed(7, id));
        let distinct: BTreeSet<u64> = seeds.into_iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_ne!(sub_seed(8, id(0, 0, 0)), seeds[0]);
    }

    #[test]
    fn an_excerpt_ends_with_a_sentence_or_a_word() {
        let cut = |text: &'static str, max| &text[..excerpt_end(text, max)];
        assert_eq!(cut("One two. Three four. Five", 15), "One two.");
        assert_eq!(cut("one two three", 9), "one two");
        assert_eq!(cut("unbroken", 4), "unbr");
        assert_eq!(cut("日本語の長い文", 3), "日本語");
    }
}
