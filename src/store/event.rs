//! What the log can say: one event a line.
//!
//! Owns the types of the log's lines. What they add up to is [`super::RunState`]'s business.

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
    /// Always first.
    Started(Box<Started>),
    /// A process took the run up again.
    Resumed,
    /// How the data was laid out over slots.
    Planned(PlanReport),
    /// Something the user should know; shown as it happens and kept for the report.
    Noted {
        /// One line.
        note: String,
    },
    /// The local model chose passages of a stretch of records.
    Digested {
        /// Which stretch.
        stretch: StretchId,
        /// What it chose; nothing where its answer was of no use.
        cards: Vec<Card>,
        /// Why there is nothing.
        cause: Option<String>,
        /// What it cost.
        cost: CallCost,
    },
    /// A draft was written and parsed.
    Drafted {
        /// Which.
        draft: DraftId,
        /// The persona, unjudged.
        persona: Box<Persona>,
        /// What it cost.
        cost: CallCost,
    },
    /// A draft came to nothing, at once or after it was [`Event::Drafted`].
    DraftDropped {
        /// Which.
        draft: DraftId,
        /// Why.
        cause: String,
        /// What it cost, where nothing else in the log says so.
        #[serde(default)]
        cost: CallCost,
    },
    /// The judge was measured on the built-in controls.
    Calibrated(JudgeReport),
    /// A draft was judged.
    Judged {
        /// Which.
        draft: DraftId,
        /// The verdict.
        verdict: Verdict,
        /// What it cost.
        cost: CallCost,
    },
    /// The final personas, in output order.
    Selected {
        /// As they will stand in `personas.json`.
        personas: Vec<Persona>,
        /// Drafts not chosen, with the cause.
        dropped: Vec<(DraftId, String)>,
    },
    /// Money was set aside for one attempt of a paid call: on disk before the request leaves.
    Reserved {
        /// Number of the attempt in the run.
        attempt: u64,
        /// What is bought.
        purpose: Purpose,
        /// The worst that it can cost.
        amount: MicroUsd,
        /// Who is asked, by host.
        host: String,
        /// Records whose text the request carries.
        records: Vec<RecordId>,
        /// Length of the request's body.
        #[serde(default)]
        bytes: u64,
        /// Its SHA-256, hex.
        #[serde(default)]
        sha256: String,
        /// Whether the host is this machine.
        #[serde(default)]
        local: bool,
    },
    /// A paid answer arrived: on disk before it is used, so that it is never bought again.
    Answered {
        /// Which attempt.
        attempt: u64,
        /// What it is charged.
        cost: Option<MicroUsd>,
        /// The answer, whatever it is worth.
        answer: Completion,
    },
    /// An attempt came to nothing.
    Unanswered {
        /// Which attempt.
        attempt: u64,
        /// Whether it may have been billed: then what was set aside stays charged.
        may_be_billed: bool,
        /// Why.
        cause: String,
    },
    /// What became of a persona that was to be refined.
    Refined {
        /// Its id.
        persona: String,
        /// How it ended.
        refinement: Refinement,
    },
    /// A stage ended, with its wall-clock seconds in this process.
    StageEnded {
        /// `digest`, `draft`, `calibrate`, `judge`, `select`, `refine`, `review`.
        stage: String,
        /// Seconds.
        seconds: f64,
    },
    /// Everything is written.
    Finished,
}

impl Event {
    /// What happened, without what was said.
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
    /// Choosing passages of a stretch of records.
    Digest(StretchId),
    /// Writing a draft.
    Draft(DraftId),
    /// Refining the final persona of this id.
    Refine(String),
    /// A question to a judge, by its hash: the same one is asked once.
    Judge(String),
}

/// How the refinement of a persona ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Refinement {
    /// The edits stand.
    Accepted {
        /// With them.
        persona: Box<Persona>,
        /// Fields that changed.
        fields: Vec<String>,
        /// Judge score before.
        before: f64,
        /// And after.
        after: f64,
    },
    /// There was an answer and the draft stays.
    Kept {
        /// Why.
        cause: String,
        /// Judge score of what was turned down, where it got that far.
        after: Option<f64>,
    },
    /// There was no answer.
    Failed {
        /// Why.
        cause: String,
    },
    /// It was not asked for.
    Skipped {
        /// Why.
        cause: String,
    },
}

/// Which draft: `s2r0d1` is slot 2, round 0, draft 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DraftId {
    /// Slot, from 0.
    pub slot: usize,
    /// Round, from 0.
    pub round: usize,
    /// Index in slot and round, from 0.
    pub index: usize,
}

impl std::fmt::Display for DraftId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}r{}d{}", self.slot, self.round, self.index)
    }
}

/// Which stretch of a slot's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StretchId {
    /// Slot, from 0.
    pub slot: usize,
    /// Its place among the slot's, from 0.
    pub index: usize,
}

/// An evidence card: a passage of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The record.
    pub record: RecordId,
    /// First byte of its text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// How the data was laid out over slots: what the drafts could see and what they could not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// `extractive` or `free`, after `auto` was resolved.
    pub style: String,
    /// How the records were parted: `participants`, `records` or `column`.
    pub grouping: String,
    /// One per final persona; of a shard only its own.
    pub slots: Vec<SlotReport>,
    /// How many slots the whole run has, where this is a shard of it.
    #[serde(default)]
    pub of_slots: Option<usize>,
    /// Records that at least one first-round draft was shown.
    pub used: usize,
    /// Records of some slot that no first-round draft was shown.
    pub unused: usize,
    /// Records left out of every slot, with the cause.
    pub left_out: Vec<(RecordId, String)>,
    /// Records too long for a prompt, shown in part.
    pub excerpted: Vec<RecordId>,
    /// True when every draft sees the whole corpus beside its focus.
    pub corpus_shared: bool,
    /// What tells the stretches that the local model is to read from those of another layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// What the local model read stretch by stretch before the drafts, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestReport>,
}

/// What came of reading records stretch by stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestReport {
    /// Stretches read.
    pub stretches: usize,
    /// Those whose answer was of no use.
    pub failed: usize,
    /// Records in them.
    pub records: usize,
    /// Passages chosen, which the drafts are made of.
    pub cards: usize,
}

impl DigestReport {
    /// Adds what came of others; a log may say any number.
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
    /// Slot, from 0.
    pub slot: usize,
    /// What it covers.
    pub segment: Segment,
    /// Words that set it apart, most telling first.
    pub terms: Vec<String>,
    /// Drafts in the first round.
    pub drafts: usize,
    /// Records that its first-round drafts were shown.
    pub used: usize,
    /// Records that they were not shown.
    pub unused: usize,
}

/// Everything that a resumed run must find unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// `CARGO_PKG_VERSION`.
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
    /// Tokens.
    pub usage: Usage,
    /// Seconds.
    pub timings: Timings,
}

impl CallCost {
    /// Adds another call's tokens and seconds.
    pub fn add(&mut self, other: &CallCost) {
        // A service may say any number.
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
    /// Model measured.
    pub model: String,
    /// Its hash, the cache key.
    pub model_sha256: Option<String>,
    /// Each signal's measurement.
    pub signals: BTreeMap<String, SignalReport>,
    /// False when no model signal reaches AUC 0.65 and the score rests on computed support.
    pub model_can_judge: bool,
    /// The score that best parts good from corrupted controls: `--quality-threshold auto`.
    #[serde(default)]
    pub auto_threshold: f64,
    /// Good and corrupted controls that were scored.
    #[serde(default)]
    pub controls: (usize, usize),
    /// AUC of the whole score by corruption, and over `all` of them, on controls that neither its
    /// scales nor its weights were measured on.
    #[serde(default)]
    pub held_out: BTreeMap<String, f64>,
    /// How far the score moves with the wording of the questions; `None` where no model signal
    /// has weight, so that no wording matters.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// How the model does when it compares two personas, where that was measured.
    #[serde(default)]
    pub pairwise: Option<Pairwise>,
}

/// How far a score moves when the same is asked in other words: largest less smallest, 0..=1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over personas.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// Personas asked about.
    pub personas: usize,
}

/// Good controls held against corrupted ones, in both orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pairwise {
    /// Pairs.
    pub pairs: usize,
    /// Pairs in which the good one won in both orders.
    pub won_both: usize,
    /// Pairs in which the order decided.
    pub by_order: usize,
    /// Share of pairs that the good one won once the orders are averaged.
    pub won: f64,
}

/// One signal on the controls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalReport {
    /// Area under the ROC curve, good against corrupted.
    pub auc: f64,
    /// `max(0, auc − 0.5)`, normalised over all signals used.
    pub weight: f64,
    /// Raw value mapped to 0.
    pub low: f64,
    /// Raw value mapped to 1.
    pub high: f64,
    /// Whether it comes from the model (true) or is computed (false).
    pub from_model: bool,
    /// AUC by kind of corruption.
    #[serde(default)]
    pub by_corruption: BTreeMap<String, f64>,
}
