//! What the log can say: one event per line.
//!
//! Owns the types of the log's lines. What they add up to is left to [`super::RunState`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ledger::MicroUsd;
use crate::llm::{Capabilities, Completion, Timings, Usage};
use crate::schema::{Persona, RecordId, Segment, Verdict};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run was started; always the first event.
    Started(Box<Started>),
    /// A process resumed the run.
    Resumed,
    /// How the data was laid out over slots.
    Planned(PlanReport),
    /// Something that the user should know; shown as it happens and kept for the report.
    Noted {
        /// The note, on one line.
        note: String,
    },
    /// The local model chose passages of a stretch of records.
    Digested {
        /// The stretch.
        stretch: StretchId,
        /// The passages chosen; empty where the model's answer could not be used.
        cards: Vec<Card>,
        /// Why no passage was chosen.
        cause: Option<String>,
        /// What the call cost.
        cost: CallCost,
    },
    /// A draft was written and parsed.
    Drafted {
        /// The draft.
        draft: DraftId,
        /// The persona, unjudged.
        persona: Box<Persona>,
        /// What drafting cost.
        cost: CallCost,
    },
    /// A draft was dropped, at once or after it was [`Event::Drafted`].
    DraftDropped {
        /// The draft.
        draft: DraftId,
        /// Why it was dropped.
        cause: String,
        /// What it cost, where no other event in the log holds that.
        #[serde(default)]
        cost: CallCost,
    },
    /// The judge was measured on the built-in controls.
    Calibrated(JudgeReport),
    /// A draft was judged.
    Judged {
        /// The draft.
        draft: DraftId,
        /// The verdict.
        verdict: Verdict,
        /// What judging cost.
        cost: CallCost,
    },
    /// The final personas were selected, in output order.
    Selected {
        /// The personas as `personas.json` will hold them.
        personas: Vec<Persona>,
        /// The drafts that were not chosen, with the cause.
        dropped: Vec<(DraftId, String)>,
    },
    /// Money was set aside for one attempt of a paid call; on disk before the request is sent.
    Reserved {
        /// Number of the attempt in the run.
        attempt: u64,
        /// What the call is for.
        purpose: Purpose,
        /// The most that it can cost.
        amount: MicroUsd,
        /// The host that is asked.
        host: String,
        /// Records whose text the request carries.
        records: Vec<RecordId>,
        /// Length of the request's body in bytes.
        #[serde(default)]
        bytes: u64,
        /// SHA-256 of the request's body, in hex.
        #[serde(default)]
        sha256: String,
        /// Whether the host is this machine.
        #[serde(default)]
        local: bool,
    },
    /// A paid answer arrived; on disk before it is used, so that it is never bought again.
    Answered {
        /// Number of the attempt.
        attempt: u64,
        /// What the attempt cost; `None` where the bill is unknown.
        cost: Option<MicroUsd>,
        /// The answer, whatever it is worth.
        answer: Completion,
    },
    /// An attempt ended without an answer.
    Unanswered {
        /// Number of the attempt.
        attempt: u64,
        /// Whether it may have been billed; in that case what was set aside stays charged.
        may_be_billed: bool,
        /// Why there was no answer.
        cause: String,
    },
    /// The refinement of a persona ended.
    Refined {
        /// Id of the persona.
        persona: String,
        /// How it ended.
        refinement: Refinement,
    },
    /// A stage ended, with its wall-clock seconds in this process.
    StageEnded {
        /// Name of the stage: `digest`, `draft`, `calibrate`, `judge`, `select`, `refine`,
        /// `review`.
        stage: String,
        /// Wall-clock seconds that it took.
        seconds: f64,
    },
    /// Everything is written; the run is complete.
    Finished,
}

impl Event {
    /// Whether money is set aside by it.
    pub(super) fn books_money(&self) -> bool {
        matches!(self, Self::Reserved { amount, .. } if *amount > MicroUsd(0))
    }

    /// The event's name, without its content.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Started(_) => "started",
            Self::Resumed => "resumed",
            Self::Planned(_) => "planned",
            Self::Noted { .. } => "noted",
            Self::Digested { .. } => "digested",
            Self::Drafted { .. } => "drafted",
            Self::DraftDropped { .. } => "draft_dropped",
            Self::Calibrated(_) => "calibrated",
            Self::Judged { .. } => "judged",
            Self::Selected { .. } => "selected",
            Self::Reserved { .. } => "reserved",
            Self::Answered { .. } => "answered",
            Self::Unanswered { .. } => "unanswered",
            Self::Refined { .. } => "refined",
            Self::StageEnded { .. } => "stage_ended",
            Self::Finished => "finished",
        }
    }
}

/// What a paid call is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To choose passages of a stretch of records.
    Digest(StretchId),
    /// To write a draft.
    Draft(DraftId),
    /// To refine the final persona of this id.
    Refine(String),
    /// To ask a judge the question with this hash; the same question is asked only once.
    Judge(String),
}

/// How the refinement of a persona ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Refinement {
    /// The edits were accepted.
    Accepted {
        /// The persona with the edits.
        persona: Box<Persona>,
        /// The fields that changed.
        fields: Vec<String>,
        /// Judge score before the edits.
        before: f64,
        /// Judge score after the edits.
        after: f64,
    },
    /// There was an answer, but the draft was kept as it is.
    Kept {
        /// Why it was kept.
        cause: String,
        /// Judge score of the rejected edits, where they got that far.
        after: Option<f64>,
    },
    /// There was no answer.
    Failed {
        /// Why there was no answer.
        cause: String,
    },
    /// The refinement was not asked for.
    Skipped {
        /// Why it was not asked for.
        cause: String,
    },
}

/// The id of a draft: `s2r0d1` is slot 2, round 0, draft 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DraftId {
    /// Number of the slot, from 0.
    pub slot: usize,
    /// Number of the round, from 0.
    pub round: usize,
    /// Index of the draft in its slot and round, from 0.
    pub index: usize,
}

impl std::fmt::Display for DraftId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}r{}d{}", self.slot, self.round, self.index)
    }
}

/// The id of a stretch of a slot's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StretchId {
    /// Number of the slot, from 0.
    pub slot: usize,
    /// Index of the stretch in its slot, from 0.
    pub index: usize,
}

/// An evidence card: a passage of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The record.
    pub record: RecordId,
    /// First byte of the passage in the record's text.
    pub start: usize,
    /// One past the last byte of the passage.
    pub end: usize,
}

/// How the data was laid out over slots: what the drafts could see and what they could not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The style of the drafts, after `auto` was resolved: `extractive` or `free`.
    pub style: String,
    /// How the records were divided: `participants`, `records` or `column`.
    pub grouping: String,
    /// How far the segments show in what they were not found by, where people were parted by what they
    /// say and answer, and are enough of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
    /// The slots, one for each final persona; a shard has only its own.
    pub slots: Vec<SlotReport>,
    /// Number of slots of the whole run, where this is a shard of it.
    #[serde(default)]
    pub of_slots: Option<usize>,
    /// Number of records that at least one first-round draft was shown.
    pub used: usize,
    /// Number of records in some slot that no first-round draft was shown.
    pub unused: usize,
    /// The records left out of every slot, with the cause.
    pub left_out: Vec<(RecordId, String)>,
    /// The records that are too long for a prompt and were shown in part.
    pub excerpted: Vec<RecordId>,
    /// Whether every draft sees the whole corpus beside its focus.
    pub corpus_shared: bool,
    /// A fingerprint that tells the stretches of this layout, which the local model is to read,
    /// from those of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// What came of the local model's reading before the drafts, where it read stretch by stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestReport>,
}

/// How far segments show in what they were not found by: in the words that people use, where they were
/// found by what people mean; else in the other half of words and columns, on average over several ways
/// of halving.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The share of the differences between people that is between segments.
    pub between_segments: f64,
    /// The same share where people are dealt out to segments by chance.
    pub by_chance: f64,
    /// By how many standard deviations of chance the first exceeds the second.
    pub deviations: f64,
}

/// What came of reading the records stretch by stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestReport {
    /// Number of stretches read.
    pub stretches: usize,
    /// Number of stretches whose answer could not be used.
    pub failed: usize,
    /// Number of records in the stretches.
    pub records: usize,
    /// Number of passages chosen, from which the drafts are made.
    pub cards: usize,
}

impl DigestReport {
    /// Adds the figures of `other`; sums saturate, because a log may hold any number.
    pub fn add(&mut self, other: &Self) {
        self.stretches = self.stretches.saturating_add(other.stretches);
        self.failed = self.failed.saturating_add(other.failed);
        self.records = self.records.saturating_add(other.records);
        self.cards = self.cards.saturating_add(other.cards);
    }
}

/// One slot of the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Number of the slot, from 0.
    pub slot: usize,
    /// How much of the data the slot covers.
    pub segment: Segment,
    /// Its records, which are all those of its participants.
    #[serde(default)]
    pub members: Vec<RecordId>,
    /// Words that set the slot apart, most distinctive first.
    pub terms: Vec<String>,
    /// Number of drafts in the first round.
    pub drafts: usize,
    /// Number of records that the slot's first-round drafts were shown.
    pub used: usize,
    /// Number of the slot's records that they were not shown.
    pub unused: usize,
}

/// Everything that a resumed run must find unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Version of the program, `CARGO_PKG_VERSION`.
    pub version: String,
    /// The pipeline's settings as JSON; opaque here.
    pub settings: serde_json::Value,
    /// Absolute input paths, so that `--resume` needs no `--input`.
    pub inputs: Vec<PathBuf>,
    /// File name and SHA-256 of each input, in order.
    pub input_hashes: Vec<(String, String)>,
    /// The drafting model.
    pub model: Capabilities,
    /// How to find the model again: the `--model` value and the backend.
    pub model_ref: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Tokens and seconds of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCost {
    /// Tokens of the call.
    pub usage: Usage,
    /// Seconds of the call.
    pub timings: Timings,
}

impl CallCost {
    /// Adds another call's tokens and seconds.
    pub fn add(&mut self, other: &CallCost) {
        // Sums saturate, because a service may state any number.
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.usage.prompt, other.usage.prompt);
        add(&mut self.usage.cached_prompt, other.usage.cached_prompt);
        add(&mut self.usage.cache_written, other.usage.cache_written);
        add(&mut self.usage.completion, other.usage.completion);
        add(&mut self.usage.reasoning, other.usage.reasoning);
        self.timings.queue_s += other.timings.queue_s;
        self.timings.prefill_s += other.timings.prefill_s;
        self.timings.decode_s += other.timings.decode_s;
    }
}

/// How far the judge can be trusted: measured on the built-in controls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// Name of the model that was measured.
    pub model: String,
    /// SHA-256 of the model file, the key of the cache.
    pub model_sha256: Option<String>,
    /// What tells the model from others where a server does not state that hash; else the key of
    /// the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_fingerprint: Option<String>,
    /// Whether criteria were read from the digit that was written, since the server gives no
    /// probabilities: scores are coarse then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_digits: bool,
    /// The measurement of each signal, by name.
    pub signals: BTreeMap<String, SignalReport>,
    /// Whether the model can judge; false when no model signal reaches AUC 0.65 and the score rests
    /// on computed support.
    pub model_can_judge: bool,
    /// The score that best separates good from corrupted controls, used by `--quality-threshold
    /// auto`.
    #[serde(default)]
    pub auto_threshold: f64,
    /// Numbers of good and of corrupted controls that were scored.
    #[serde(default)]
    pub controls: (usize, usize),
    /// AUC of the whole score by kind of corruption, and over `all` of them, on controls that were
    /// not used to measure its scales or weights.
    #[serde(default)]
    pub held_out: BTreeMap<String, f64>,
    /// How far the score moves with the wording of the questions; `None` where no model signal has
    /// a weight, so that no wording matters.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// How well the model compares two personas, where that was measured.
    #[serde(default)]
    pub pairwise: Option<Pairwise>,
}

impl JudgeReport {
    /// What the measurement is filed under: the hash of the model file, else the fingerprint.
    pub fn identity(&self) -> Option<&str> {
        self.model_sha256.as_deref().or(self.model_fingerprint.as_deref())
    }

    /// Whether anything that the model said about the controls could be read.
    pub fn has_model_signal(&self) -> bool {
        self.signals.values().any(|signal| signal.from_model)
    }
}

/// How far a score moves when the same question is asked in other words: largest less smallest,
/// 0..=1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean over the personas.
    pub mean: f64,
    /// The largest over the personas.
    pub max: f64,
    /// Number of personas asked about.
    pub personas: usize,
}

/// Results of comparing good controls with corrupted ones, in both orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pairwise {
    /// Number of pairs.
    pub pairs: usize,
    /// Number of pairs in which the good one won in both orders.
    pub won_both: usize,
    /// Number of pairs in which the order decided.
    pub by_order: usize,
    /// Share of pairs that the good one won once the orders are averaged.
    pub won: f64,
}

/// How one signal does on the controls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalReport {
    /// Area under the ROC curve, good against corrupted controls.
    pub auc: f64,
    /// `max(0, auc − 0.5)`, normalised over all signals used.
    pub weight: f64,
    /// The raw value that is mapped to 0.
    pub low: f64,
    /// The raw value that is mapped to 1.
    pub high: f64,
    /// Whether the signal comes from the model; false for one that is computed.
    pub from_model: bool,
    /// AUC by kind of corruption.
    #[serde(default)]
    pub by_corruption: BTreeMap<String, f64>,
}
