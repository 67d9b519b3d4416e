//! The hybrid run: plan slots, draft, judge, select, refine.
//!
//! Owns the order of the steps. Binds models to roles; knows neither engine, HTTP nor terminal.
//! Read `next` first: what a run does is a pure function of its log and its plan, and `run` only
//! does it.

mod answers;
mod appraise;
mod asking;
mod buy;
mod by_column;
mod clusters;
mod columns;
mod components;
mod digest;
mod features;
mod judge;
mod measure;
mod merge;
mod merits;
mod next;
mod pack;
mod plan;
mod prompt_budget;
mod refine;
mod run;
mod second_pass;
mod segments;
mod select;
mod sketch;
mod stance;
mod stretches;
mod support;
mod thresholds;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::corpus::Corpus;
use crate::ledger::MicroUsd;
use crate::llm::ChatModel;
use crate::privacy::Cleared;
use crate::store::{Run, StoreError};

pub use crate::prompts::ask::{Ask, Complexity, Detail};
pub use crate::prompts::refine::Mode as RefineMode;
pub use appraise::{Appraisal, Case, Depth, Scope, appraise, judge_report, signal_names};
pub use buy::{Gate, Paid};
pub use measure::auc;
pub use merge::{Merged, Shard, merge};
pub use merits::{COUNTED, Counter, Merits, distances, distinctiveness, flags_in, pairs_alike};
pub use plan::Plan;
pub use prompt_budget::wording;
pub use second_pass::{Asked, Tagger};
pub use sketch::{Sketch, sketch, sketch_whole};
pub use thresholds::OwnThreshold;

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Final personas.
    pub count: usize,
    /// `ceil(count × multiplier)` drafts; at least 1.
    pub multiplier: f64,
    /// Minimum judge score to be selected.
    pub threshold: Threshold,
    /// How much of a persona is taken from records word for word.
    pub style: Style,
    /// How much is asked of a persona, and how intricate it may be.
    #[serde(default)]
    pub ask: Ask,
    /// Extra draft rounds when too few pass.
    pub max_rounds: usize,
    /// Seed of the run.
    pub seed: u64,
    /// The column whose values are the segments, by its exact name; `None` finds segments.
    #[serde(default)]
    pub segments_by: Option<String>,
    /// Whether the local model first reads what the drafts would not see, stretch by stretch, and
    /// the drafts are made of the passages that it chose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// The part of the slots that this process does; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What the frontier model refines; `None` where it refines nothing or there is none.
    #[serde(default)]
    pub refine: Option<Refine>,
}

impl Default for Settings {
    /// What the command line does unless told otherwise.
    fn default() -> Self {
        Self {
            count: 3,
            multiplier: 2.0,
            threshold: Threshold::Fixed(0.75),
            style: Style::Auto,
            ask: Ask::default(),
            max_rounds: 1,
            seed: 0,
            segments_by: None,
            digest: false,
            shard: None,
            refine: None,
        }
    }
}

/// Which final personas are refined, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refine {
    /// Which.
    pub which: Refined,
    /// How.
    pub mode: RefineMode,
}

/// Which final personas are refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refined {
    /// Those at or above the threshold.
    Selected,
    /// Those below it.
    Below,
    /// All of them.
    All,
}

/// The gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// A score in 0..=1.
    Fixed(f64),
    /// The score that best parts the judge's good and corrupted controls.
    Auto,
}

/// How much of a persona is taken from records word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Extractive below about 1B parameters, free above.
    Auto,
    /// Goals, pains and behaviours are pieces of records.
    Extractive,
    /// The model writes them and cites records.
    Free,
}

/// Who does what.
#[derive(Clone)]
pub struct Models {
    /// Drafts.
    pub draft: Arc<dyn ChatModel>,
    /// Judges.
    pub judge: Arc<dyn ChatModel>,
    /// On what terms `draft` drafts, where it is a service.
    pub draft_terms: Option<Paid>,
    /// On what terms `judge` judges, where it is a server that stands in for the engine.
    pub judge_terms: Option<Paid>,
    /// Who refines.
    pub frontier: Option<Paid>,
    /// Folder where a judge's measurement is kept by its model's hash; `None` measures each time.
    pub judge_cache: Option<PathBuf>,
}

impl Models {
    /// Models that cost nothing.
    pub fn local(
        draft: Arc<dyn ChatModel>,
        judge: Arc<dyn ChatModel>,
        judge_cache: Option<PathBuf>,
    ) -> Self {
        Self { draft, judge, draft_terms: None, judge_terms: None, frontier: None, judge_cache }
    }

    /// Models on a server that stands in for the engine: it drafts and judges, as this process would.
    pub fn served(draft: Paid, judge: Paid, judge_cache: Option<PathBuf>) -> Self {
        Self {
            draft: Arc::clone(&draft.model),
            judge: Arc::clone(&judge.model),
            draft_terms: Some(draft),
            judge_terms: Some(judge),
            frontier: None,
            judge_cache,
        }
    }

    /// Whether drafts are written here, or on a server that stands in for this machine.
    fn is_local(&self) -> bool {
        self.draft_terms.is_none() || self.judge_terms.is_some()
    }

    /// Whether the judge can be asked anything at all.
    fn judge_answers(&self) -> bool {
        self.judge.capabilities().logits || self.judge_terms.is_some()
    }

    /// Drafts by a paid model and nothing else: what it writes is scored by computed support alone.
    pub fn paid(terms: Paid) -> Self {
        let model = Arc::clone(&terms.model);
        let (draft, judge) = (Arc::clone(&model), model);
        let draft_terms = Some(terms);
        Self { draft, judge, draft_terms, judge_terms: None, frontier: None, judge_cache: None }
    }
}

/// Where a run tells how far it is.
pub trait Observer: Send + Sync {
    /// Called often; must be quick.
    fn on(&self, progress: Progress<'_>);
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A stage begins: `digest`, `draft`, `calibrate`, `judge`, `select`, `refine`, `review`; outside a run
    /// also `compare` and `reword`; with its units of work.
    StageStarted {
        /// Which.
        stage: &'a str,
        /// Units of work.
        total: usize,
    },
    /// A unit of the current stage is done.
    UnitDone,
    /// Tokens since the last report.
    Tokens {
        /// Prompt tokens.
        prefilled: usize,
        /// Answer tokens.
        decoded: usize,
    },
    /// What is booked or paid in this run by now, where that is anything.
    Spent {
        /// All of it, this stage's and earlier ones'.
        charged: MicroUsd,
        /// What it may come to.
        cap: Option<MicroUsd>,
    },
    /// The current stage ended.
    StageEnded,
    /// Something the user should know, one line.
    Note(&'a str),
}

/// Cancellation from Ctrl-C down to the engine.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<(AtomicBool, Notify)>);

impl Cancel {
    /// Asks everything to stop.
    pub fn cancel(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether someone asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits until someone asks.
    pub async fn cancelled(&self) {
        let notified = self.0.1.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_cancelled() {
            notified.await;
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All personas passed the gate.
    Complete,
    /// As many as asked for, but only `passed` at or above the threshold.
    Partial {
        /// How many passed.
        passed: usize,
    },
    /// Stopped by [`Cancel`]; the log is kept.
    Interrupted,
}

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The run folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model.
    #[error("{0}")]
    Model(String),
    /// The provider that was to draft.
    #[error("{0}")]
    Provider(String),
    /// The data, which leave nothing to part.
    #[error("{0}")]
    Data(String),
    /// The cap that leaves no room for a single draft.
    #[error("{0}")]
    Budget(String),
}

/// Runs, or goes on with, `run` until the personas are selected and logged. Writing the reports
/// is the caller's.
pub async fn run(
    corpus: &Cleared<Corpus>,
    models: &Models,
    settings: &Settings,
    run: &mut Run,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Outcome, PipelineError> {
    // A paid model that stands in for the local one would be paid for reading everything.
    let digest = settings.digest && models.is_local();
    let settings_here = Settings { digest, ..settings.clone() };
    let mut plan = Plan::new(corpus, models.draft.as_ref(), &settings_here)?;
    if settings.digest && !digest {
        plan.notes.push("--digest is left out: no local model reads here".to_owned());
    }
    let leanings = crate::prompts::leanings::Leanings::new();
    run::Runner { corpus, models, plan, run, observer, cancel, leanings }.run().await
}

#[cfg(test)]
mod closed_tests;
#[cfg(test)]
mod digest_tests;
#[cfg(test)]
mod paid_tests;
#[cfg(test)]
mod planted {
    mod tests;
}
#[cfg(test)]
mod tests;
