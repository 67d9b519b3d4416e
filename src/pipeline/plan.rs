//! What will be drafted from which records, decided before a token is decoded.
//!
//! Owns the slots and the choice of records in focus. Where a corpus is larger than the context,
//! records are packed, and those that no draft sees are counted or, with `digest`, read first;
//! nothing is cut in silence. How the corpus is parted is `segments`' business.

mod notes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::answers;
use super::columns::{self, Columns};
use super::facts::Facts;
use super::given_names::{self, Gender, Names};
use super::pack::{Vocabulary, excerpt_end};
use super::prompt_budget::{self, PromptBudget};
use super::segments::{By, Group, part, speaker};
use super::stretches::{self, Room};
use super::{PipelineError, Settings};
use crate::corpus::{Corpus, Record};
use crate::llm::ChatModel;
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::ask::Detail;
use crate::prompts::draft::{self, Brief, CountedAnswer, Focus, Frame, LEAST_ANSWERS};
use crate::prompts::passages::{MIN_WORDS, passages, words};
use crate::schema::{Provenance, RecordId, Segment};
use crate::store::{Draft, DraftId, PlanReport, Reliability, SlotReport};

pub(super) use notes::one_or_many;

/// Most records in focus, and fewest that make a draft of their own, where sentences are chosen:
/// small models use the first records they see and lose the rest.
const FOCUS_EXTRACTIVE: (usize, usize) = (6, FOCUS_LEAST);
/// The same for a page in detail, which takes up to fifteen statements and five quotes, each chosen
/// from a few sentences.
const FOCUS_DETAILED: (usize, usize) = (12, 2 * FOCUS_LEAST);
/// The same for a model that writes freely.
const FOCUS_FREE: (usize, usize) = (24, FOCUS_LEAST);
/// Passages that a digested draft sees for each record that it would otherwise see: a passage is a
/// sentence or two of one.
const PASSAGES: usize = 4;
/// Fewest records that make a draft of their own: one for each of goals, pains and behaviours.
const FOCUS_LEAST: usize = 3;
/// Records of a slot that are ranked for focus: the tokens of each are counted, and this many are
/// enough for twenty drafts that share none. Only a digest reaches the rest of a very large slot.
const RANKED: usize = 512;
/// Records of a slot in which sentences of a draft are looked for: searching more would take longer
/// than drafting.
const PEERS: usize = 4096;

/// The reason, in the log and the report, why a moderator's turns are in no slot.
const INTERVIEWER: &str = "interviewer";
/// The reason why a record without a participant's words or answers is in no slot.
const NOTES: &str = "no participant's words";

/// A run's layout. A function of corpus, model and settings alone, so that a resumed run finds the
/// same one.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) settings: Settings,
    pub(super) frame: Frame,
    pub(super) slots: Vec<Slot>,
    /// What the log and the report say about the plan.
    pub report: PlanReport,
    /// Notes for the user, one line each.
    pub notes: Vec<String>,
    /// Seconds for which a model read what people say, where it did before they were parted.
    pub(super) reading: Option<f64>,
    /// Whether the study is closed: only a few people say anything in words of their own.
    closed: bool,
    /// Columns in which people ticked answers, of which no sentence is made.
    ticked: Arc<BTreeSet<String>>,
    names: Names,
    focus_tokens: usize,
    model: String,
    model_sha256: Option<String>,
}

/// The part of the data that one final persona is made from.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// All records of the slot, ascending.
    pub(super) records: Vec<usize>,
    /// The same records, most informative first, participants taking turns.
    pub(super) order: Vec<usize>,
    /// What drafts are made of, in the order of `order`, with the tokens each takes: records, or
    /// the passages that were chosen from them.
    pub(super) ranked: Vec<(Focus, usize)>,
    /// Whether `ranked` holds passages, of which a draft sees more than it would of records.
    pub(super) is_digested: bool,
    /// The stretches from which the local model first chooses passages; empty where the drafts see
    /// everything.
    pub(super) stretches: Vec<Vec<Focus>>,
    segment: Segment,
    demographics: BTreeMap<String, String>,
    role: Option<String>,
    /// What its participants answered to closed questions, most telling first.
    answers: Vec<CountedAnswer>,
    /// Whether its participants say too little for a draft, and tick too little.
    says_little: bool,
    /// The gender of a clear majority of its participants, where the data tells it.
    gender: Option<Gender>,
    /// Drafts in the first round.
    pub(super) drafts: usize,
}

impl Slot {
    /// The draft's number among all drafts of the slot.
    fn turn(&self, id: DraftId) -> usize {
        // Each round has as many drafts again in reserve, for those that fail.
        id.index + id.round * 2 * self.drafts
    }
}

impl Plan {
    /// Lays out a run, people parted by the words that they use, or by a column.
    pub fn new(
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        settings: &Settings,
    ) -> Result<Self, PipelineError> {
        let by = settings.segments_by.as_deref().map_or(By::Words, By::Column);
        Self::with(corpus, model, settings, by)
    }

    /// Lays out a run, people parted in one of these ways.
    pub(super) fn with(
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        settings: &Settings,
        by: By<'_>,
    ) -> Result<Self, PipelineError> {
        let capabilities = model.capabilities();
        let wording = prompt_budget::wording(settings.style, capabilities);
        let PromptBudget { frame, focus_tokens, corpus_shared } =
            PromptBudget::new(corpus, model, wording, settings.ask)?;

        let (eligible, mut left_out) = eligible(corpus)?;
        let segmentation = part(corpus, &eligible, settings.count, settings.seed, by);
        if segmentation.groups.is_empty() {
            let what =
                settings.segments_by.as_deref().map_or("there is no record".to_owned(), |column| {
                    format!("no record has a value in '{column}'")
                });
            return Err(PipelineError::Data(format!("cannot part the data: {what}")));
        }
        let out =
            |(record, cause): &(usize, String)| (corpus.records[*record].id.clone(), cause.clone());
        left_out.extend(segmentation.left_out.iter().map(out));
        // A persona must not bear a name that anonymisation took from somebody.
        let taken = |name: &str| corpus.removed().is_some_and(|removed| removed.holds(name));
        let names = Names::new(settings.seed, taken);
        if let Some(shard) = settings.shard.filter(|shard| shard.index > segmentation.groups.len())
        {
            return Err(PipelineError::Data(format!(
                "shard {shard} has nothing to do: there are {} personas to write\nhint: use no more shards than personas",
                segmentation.groups.len()
            )));
        }
        let mut plan = Self {
            settings: settings.clone(),
            frame,
            slots: Vec::new(),
            report: PlanReport {
                style: wording.as_str().into(),
                grouping: segmentation.grouping.as_str().into(),
                reliability: segmentation.reliability.map(|parted| Reliability {
                    between_segments: rounded(parted.share),
                    by_chance: rounded(parted.by_chance),
                    deviations: rounded(parted.surprise),
                }),
                left_out,
                corpus_shared,
                ..PlanReport::default()
            },
            notes: Vec::new(),
            reading: None,
            closed: false,
            ticked: Arc::default(),
            names,
            focus_tokens,
            model: capabilities.id.clone(),
            model_sha256: capabilities.sha256.clone(),
        };
        plan.lay_out(corpus, model, &segmentation.groups);
        plan.notes = notes::notes(&plan, corpus, &segmentation, capabilities.logits);
        Ok(plan)
    }

    /// How many final personas this process writes: as many as were asked for, but no more than
    /// there are segments.
    pub(super) fn personas(&self) -> usize {
        (0..self.slots.len()).filter(|slot| self.owns(*slot)).count()
    }

    /// Whether this process works on a slot: its shard has it.
    pub(super) fn owns(&self, slot: usize) -> bool {
        self.settings.shard.is_none_or(|shard| shard.has(slot))
    }

    /// The records of each slot, as indices into the corpus.
    pub fn segments(&self) -> Vec<Vec<usize>> {
        self.slots.iter().map(|slot| slot.records.clone()).collect()
    }

    /// The brief whose answer becomes draft `id`. `drafts` holds the drafts kept so far. Only
    /// earlier rounds count: they are complete when a round begins, so that an interrupted run
    /// builds the same brief again.
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
            leanings: Arc::default(),
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
                shown: draft::records_of(corpus, &focus),
            },
            peers: slot.order.iter().copied().take(PEERS).collect(),
            answers: answers::share(&slot.answers, self.frame.wording, slot.turn(id)),
            ticked: Arc::clone(&self.ticked),
            focus,
        }
    }

    /// The records that draft `id` is to look at. The drafts of a slot share its records out among
    /// themselves as far as they go, so that the drafts differ; each gets some of the best. Once
    /// all shares are given out, records are drawn at random.
    fn focus(&self, slot: &Slot, id: DraftId) -> Vec<Focus> {
        let (most, least) = match (self.frame.wording, self.frame.ask.detail) {
            (Wording::Extractive, Detail::Detailed) => FOCUS_DETAILED,
            (Wording::Extractive, Detail::Minimal | Detail::Standard) => FOCUS_EXTRACTIVE,
            (Wording::Free, _) => FOCUS_FREE,
        };
        let per_record = if slot.is_digested { PASSAGES } else { 1 };
        let most = (most * per_record).min(slot.ranked.len() - self.held_out(slot));
        let shares = (slot.ranked.len() / (least * per_record)).clamp(1, slot.drafts.max(2));
        let turn = slot.turn(id);
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

    /// How many records of a slot each draft leaves aside, different ones in turn: a draft made of
    /// sentences is judged by how well it foretells records that it did not see.
    fn held_out(&self, slot: &Slot) -> usize {
        let records = slot.ranked.len();
        match self.frame.wording {
            Wording::Extractive if records >= FOCUS_LEAST => (records / 4).max(1),
            Wording::Extractive | Wording::Free => 0,
        }
    }

    /// The persona's name in a draft. Each slot has names of its own as far as they go; after that,
    /// names come again with an initial.
    fn name(&self, id: DraftId) -> String {
        let slot = &self.slots[id.slot];
        let names = self.names.of(slot.gender);
        let alike = |slots: &[Slot]| slots.iter().filter(|s| s.gender == slot.gender).count();
        let share = (names.len() / alike(&self.slots)).max(1);
        let at = alike(&self.slots[..id.slot]) * share + slot.turn(id) % share;
        let name = names[at % names.len()];
        match at / names.len() {
            0 => name.to_owned(),
            again => {
                let initial = char::from(b'A' + ((again - 1) % 26) as u8);
                format!("{name} {initial}.")
            }
        }
    }

    fn lay_out(&mut self, corpus: &Cleared<Corpus>, model: &dyn ChatModel, groups: &[Group]) {
        let columns = Columns::of(corpus);
        self.closed = columns.closed;
        let by_group: Vec<_> = groups.iter().map(|group| speakers(corpus, group)).collect();
        let facts = Facts::of(corpus, &columns);
        self.ticked = Arc::new(facts.ticked(corpus));
        let genders = given_names::genders(corpus, &by_group);
        let shares = shares(corpus, groups, &by_group);
        let wording = self.frame.wording;
        let room = self.focus_tokens.saturating_sub(prompt_budget::FOCUS_TOKENS_LEAST);
        let (answers, taken) =
            answers::of_groups(corpus, (&columns, &facts), &by_group, (wording, room), model);
        self.focus_tokens -= taken;
        let vocabulary = Vocabulary::of(corpus);
        let total = times(groups.len(), self.settings.multiplier);
        for ((index, group), answers) in groups.iter().enumerate().zip(answers) {
            let speakers = &by_group[index];
            let mut order = vocabulary.rank(corpus, &group.records);
            if columns.closed {
                // Without free text, a record is typical when its answers are those of the
                // majority.
                let agreement = |&record: &usize| answers::agreement(corpus, record, &answers);
                order.sort_by_cached_key(|record| Reverse(agreement(record)));
            }
            let drafts = total / groups.len() + usize::from(index < total % groups.len());
            let heard = Heard::of(corpus, &order, columns.closed);
            let ranked = heard.records.iter().take(RANKED);
            let ranked = ranked.map(|&record| self.measure(corpus, model, record));
            let is_ticked = columns.closed || heard.are_few;
            let answers = if is_ticked { answers } else { answers::asked_for(answers) };
            let is_counted = answers::are_all(&columns, wording, &answers);
            self.slots.push(Slot {
                ranked: ranked.collect(),
                order,
                is_digested: false,
                stretches: Vec::new(),
                segment: Segment {
                    participants: speakers.len(),
                    records: group.records.len(),
                    share: shares[index],
                },
                demographics: facts.sum_up(speakers),
                role: columns::role(&columns.describing, speakers)
                    .filter(|role| facts.is_shared(role, speakers)),
                says_little: heard.sentences < FOCUS_LEAST && answers.len() < LEAST_ANSWERS,
                gender: genders[index],
                drafts: if is_counted { 1 } else { drafts },
                answers,
                records: group.records.clone(),
            });
        }
        self.report_slots(corpus, groups);
        if self.settings.digest && !self.report.corpus_shared && !columns.closed {
            self.plan_digest(corpus, model);
        }
        self.report_excerpts(corpus);
    }

    /// Plans the digest: what the drafts of a slot would not see is read first, stretch by stretch.
    fn plan_digest(&mut self, corpus: &Cleared<Corpus>, model: &dyn ChatModel) {
        let room = Room { tokens: self.focus_tokens, tokens_per_char: self.frame.tokens_per_char };
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let is_cut = slot.ranked.iter().any(|(focus, _)| is_excerpt(corpus, focus));
            if self.owns(at) && (is_cut || self.seen(at).len() < slot.records.len()) {
                self.slots[at].stretches = stretches::cut(corpus, model, &slot.records, room);
            }
        }
        self.report.layout = stretches::layout(self.slots.iter().flat_map(|slot| &slot.stretches));
    }

    /// Reports the records of which only a part is ever shown.
    pub(super) fn report_excerpts(&mut self, corpus: &Corpus) {
        // While its stretches are still to be read, a slot's records do not count as cut: the
        // digest will read all of them.
        let read = self.report.digest.is_some();
        let as_records = |slot: &&Slot| slot.stretches.is_empty() || read && !slot.is_digested;
        let focus = self.slots.iter().filter(as_records).flat_map(|slot| &slot.ranked);
        let cut = focus.filter(|(focus, _)| is_excerpt(corpus, focus)).map(|(f, _)| f.record);
        let cut: BTreeSet<usize> = cut.collect();
        self.report.excerpted = cut.into_iter().map(|r| corpus.records[r].id.clone()).collect();
    }

    /// How a record is shown: whole, or only its beginning where the whole exceeds the budget; with
    /// its tokens.
    fn measure(
        &self,
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        record: usize,
    ) -> (Focus, usize) {
        let text = &corpus.records[record].text;
        let cost = |focus: &Focus| model.count_tokens(&draft::focus_text(corpus, focus));
        let whole = Focus { record, shown: 0..text.len() };
        // A text a hundred times as long as the budget is too long without counting its tokens.
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

    fn report_slots(&mut self, corpus: &Corpus, groups: &[Group]) {
        let own = (0..self.slots.len()).filter(|&at| self.owns(at));
        let report = |at: usize| SlotReport {
            slot: at,
            segment: self.slots[at].segment.clone(),
            members: groups[at].records.iter().map(|&r| corpus.records[r].id.clone()).collect(),
            terms: groups[at].terms.clone(),
            drafts: self.slots[at].drafts,
            used: 0,
            unused: 0,
        };
        self.report.slots = own.map(report).collect();
        self.report.of_slots = self.settings.shard.map(|_| self.slots.len());
        self.count_focus();
    }

    /// Counts the records that the first drafts see.
    pub(super) fn count_focus(&mut self) {
        let (mut used, mut reachable) = (BTreeSet::new(), BTreeSet::new());
        let mut reports = std::mem::take(&mut self.report.slots);
        for report in &mut reports {
            let seen = self.seen(report.slot);
            let records = &self.slots[report.slot].records;
            (report.used, report.unused) = (seen.len(), records.len() - seen.len());
            used.extend(seen);
            reachable.extend(records.iter().copied());
        }
        self.report.slots = reports;
        (self.report.used, self.report.unused) = (used.len(), reachable.len() - used.len());
    }

    /// The records that the first drafts of a slot see.
    fn seen(&self, at: usize) -> BTreeSet<usize> {
        let slot = &self.slots[at];
        let ids = (0..slot.drafts).map(|draft| DraftId { slot: at, round: 0, index: draft });
        ids.flat_map(|id| self.focus(slot, id)).map(|focus| focus.record).collect()
    }
}

/// The records of a slot of which drafts are made.
struct Heard {
    /// In the order of the slot.
    records: Vec<usize>,
    /// How many sentences they say, counted up to [`FOCUS_LEAST`].
    sentences: usize,
    /// Whether those who do are too few to stand for all: fewer than a quarter.
    are_few: bool,
}

impl Heard {
    /// A silent record counts in the segment's size but has no words for a draft; nor has one of a
    /// word or two, where others say more. Where few say anything in a closed study, what they ticked
    /// counts, of them and of all others.
    fn of(corpus: &Corpus, order: &[usize], is_closed: bool) -> Self {
        let says = |record: &&usize| says_a_sentence(&corpus.records[**record]);
        let mut records: Vec<usize> = order.iter().filter(says).copied().collect();
        let are_few = records.len() * 4 < order.len();
        let sentences = |&at: &usize| {
            let record = &corpus.records[at];
            passages(at, record, &(0..record.text.len()))
        };
        let sentences = records.iter().flat_map(sentences).take(FOCUS_LEAST).count();
        if sentences < FOCUS_LEAST {
            let is_short = |record: &&usize| corpus.records[**record].speaks() && !says(record);
            records.extend(order.iter().filter(is_short));
        }
        if records.is_empty() || is_closed && are_few {
            records = order.to_vec();
        }
        Self { records, sentences, are_few }
    }
}

/// Whether a record has a sentence of its participant's.
fn says_a_sentence(record: &Record) -> bool {
    let mut said = record.said_in(0..record.text.len());
    record.speaks() && said.any(|(_, piece)| words(piece).nth(MIN_WORDS - 1).is_some())
}

/// The share of the data that each group holds: of the participants, or of the records where
/// participants are in several groups.
fn shares(corpus: &Corpus, groups: &[Group], speakers: &[BTreeSet<String>]) -> Vec<f64> {
    let are_heard = corpus.records.iter().filter(|record| !record.is_by_moderator());
    let all: BTreeSet<String> = are_heard.map(|record| speaker(corpus, record)).collect();
    let in_groups: BTreeSet<&String> = speakers.iter().flatten().collect();
    let share = |part: usize, whole: usize| rounded(part as f64 / whole.max(1) as f64);
    if in_groups.len() == speakers.iter().map(BTreeSet::len).sum::<usize>() {
        speakers.iter().map(|of| share(of.len(), all.len().max(in_groups.len()))).collect()
    } else {
        groups.iter().map(|of| share(of.records.len(), corpus.records.len())).collect()
    }
}

fn speakers(corpus: &Corpus, group: &Group) -> BTreeSet<String> {
    group.records.iter().map(|&record| speaker(corpus, &corpus.records[record])).collect()
}

/// Whether a part of the record is not shown.
fn is_excerpt(corpus: &Corpus, focus: &Focus) -> bool {
    focus.shown.len() < corpus.records[focus.record].text.len()
}

/// `ceil(count × multiplier)`, at least 1. A product that should be whole is not rounded up because
/// of its last bit.
pub(super) fn times(count: usize, multiplier: f64) -> usize {
    (count as f64 * multiplier - 1e-9).ceil().max(1.0) as usize
}

/// `value` to four decimals: what is written must not depend on the last bit of a sum.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// The texts of the drafts of earlier rounds in the same slot.
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

/// Records that are in no slot, with the reason.
type LeftOut = Vec<(RecordId, String)>;

/// Parts the records into those that may be evidence and those that may not. A record that holds
/// nothing but staff's notes and other context has no words to quote and no answers to count. An
/// interviewer's questions are context as well; they are evidence only where there is nothing else.
pub(super) fn eligible(corpus: &Corpus) -> Result<(Vec<usize>, LeftOut), PipelineError> {
    let (heard, silent): (Vec<usize>, Vec<usize>) = (0..corpus.records.len())
        .partition(|&index| corpus.records[index].cells().next().is_some());
    if heard.is_empty() && !silent.is_empty() {
        return Err(PipelineError::Data(
            "nothing in the data is what a participant said or answered: all of it is questions, \
             notes about participants, ids or dates\n\
             hint: 'persona inspect' with the same --input shows what each column was taken for"
                .to_owned(),
        ));
    }
    let (questions, answers): (Vec<usize>, Vec<usize>) =
        heard.into_iter().partition(|&index| corpus.records[index].is_by_moderator());
    let named = |records: Vec<usize>, cause: &'static str| {
        records.into_iter().map(move |index| (corpus.records[index].id.clone(), cause.to_owned()))
    };
    let notes = named(silent, NOTES);
    if answers.is_empty() {
        return Ok((questions, notes.collect()));
    }
    Ok((answers, notes.chain(named(questions, INTERVIEWER)).collect()))
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
}
