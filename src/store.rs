//! The run folder: an append-only log, its replay, and atomic writes.
//!
//! Owns [`Event`], [`RunState`] and every byte under a run's directory. The log is the run: resume
//! replays it and goes on, a report is made from it, and a torn last line is dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::schema::{Persona, Verdict};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Always first.
    Started(Box<Started>),
    /// A process took the run up again.
    Resumed,
    /// A draft was written and parsed.
    Drafted {
        /// Which.
        draft: DraftId,
        /// The persona, unjudged.
        persona: Box<Persona>,
        /// What it cost.
        cost: CallCost,
    },
    /// A draft came to nothing.
    DraftDropped {
        /// Which.
        draft: DraftId,
        /// Why.
        cause: String,
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
    /// A stage ended, with its wall-clock seconds in this process.
    StageEnded {
        /// `draft`, `calibrate`, `judge`, `select`.
        stage: String,
        /// Seconds.
        seconds: f64,
    },
    /// Everything is written.
    Finished,
}

/// Which draft: `s2r0d1` is slot 2, round 0, draft 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
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
    pub model: crate::llm::Capabilities,
    /// How to find the model again: the `--model` value and the backend.
    pub model_ref: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Tokens and seconds of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CallCost {
    /// Tokens.
    pub usage: crate::llm::Usage,
    /// Seconds.
    pub timings: crate::llm::Timings,
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
}

/// A run's state: the log, folded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The first event.
    pub started: Option<Started>,
    /// Drafts by id.
    pub drafts: BTreeMap<DraftId, Draft>,
    /// Drafts that came to nothing.
    pub dropped: BTreeMap<DraftId, String>,
    /// The judge's measurement.
    pub judge: Option<JudgeReport>,
    /// The final personas.
    pub selected: Option<Vec<Persona>>,
    /// Seconds by stage, over all processes.
    pub seconds: BTreeMap<String, f64>,
    /// How often the run was resumed.
    pub resumed: usize,
    /// Whether everything was written.
    pub finished: bool,
}

/// One draft as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The persona.
    pub persona: Persona,
    /// What drafting cost.
    pub cost: CallCost,
    /// The judge's word and what it cost.
    pub verdict: Option<(Verdict, CallCost)>,
}

/// An open run folder.
#[derive(Debug)]
pub struct Run {
    /// Where it is.
    pub dir: PathBuf,
    /// The log, folded.
    pub state: RunState,
}

impl Run {
    /// Makes a new run folder under `runs` and writes the first event.
    pub fn create(runs: &Path, started: Started) -> Result<Self, StoreError> {
        let _ = (runs, started);
        todo!()
    }

    /// Opens a run and replays its log; takes the lock, so that two processes never write one run.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let _ = dir;
        todo!()
    }

    /// Reads a run without the lock, for reports and listings.
    pub fn read(dir: &Path) -> Result<RunState, StoreError> {
        let _ = dir;
        todo!()
    }

    /// Appends and syncs an event, then applies it.
    pub fn record(&mut self, event: Event) -> Result<(), StoreError> {
        let _ = event;
        todo!()
    }

    /// Writes a file of the run folder atomically.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let _ = (name, bytes);
        todo!()
    }
}

/// What went wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process has the run.
    #[error("run {0} is in use by another process\nhint: wait for it, or start a new run without --resume")]
    Busy(PathBuf),
    /// The log is not one of ours.
    #[error("{path} line {line} is not a run log entry: {reason}")]
    Corrupt {
        /// The log.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}
