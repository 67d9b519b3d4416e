//! The hybrid run: plan slots, draft, judge, select, refine.
//!
//! Owns the order of the steps and which model plays which role; it knows neither engine, HTTP nor
//! terminal. Read `next` first: what a run does next is a pure function of its log and its plan,
//! and `run` carries it out.

mod agreement;
mod answers;
mod appraise;
mod asking;
mod buy;
mod by_column;
mod clusters;
mod columns;
mod components;
mod digest;
mod facts;
mod features;
mod given_names;
mod handling;
mod judge;
mod meanings;
mod measure;
mod merge;
mod merits;
mod next;
mod pack;
mod plan;
mod probing;
mod prompt_budget;
mod refine;
mod reliability;
mod run;
mod second_pass;
mod segments;
mod select;
mod sketch;
mod stance;
mod stretches;
mod support;
mod thresholds;
mod traits;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::segments::By;
use crate::corpus::Corpus;
use crate::ledger::MicroUsd;
use crate::llm::ChatModel;
use crate::privacy::Cleared;
use crate::prompts::leanings::Leanings;
use crate::store::{PlanReport, Run, StoreError};

pub use crate::prompts::ask::{Ask, Complexity, Detail};
pub use crate::prompts::refine::Mode as RefineMode;
pub use appraise::{Appraisal, Case, Depth, Scope, appraise, caveats, judge_report, signal_names};
pub use asking::Asking;
pub use buy::{FIRST_WAIT, Gate, Paid};
pub use measure::auc;
pub use merge::{Merged, Shard, merge};
pub use merits::{COUNTED, Counter, Merits, distances, distinctiveness, flags_in};
pub use plan::Plan;
pub use prompt_budget::{TRUSTED_PARAMETERS, wording};
pub use second_pass::{Asked, Tagger};
pub use sketch::{Sketch, sketch, sketch_whole};
pub use thresholds::OwnThreshold;

/// The settings of a run, as the user asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How many final personas there are to be.
    pub count: usize,
    /// Drafts per final persona: `ceil(count × multiplier)` drafts are written, at least 1.
    pub multiplier: f64,
    /// The score from the judge at which a persona passes the gate.
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
    /// Whether the local model first reads, stretch by stretch, what the drafts would not see. The
    /// drafts are then made of the passages that it chose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// The share of the slots that this process works on; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What the frontier model refines; `None` where it refines nothing or there is no such model.
    #[serde(default)]
    pub refine: Option<Refine>,
}

impl Default for Settings {
    /// The defaults of a hybrid run, without refinement and with seed 0.
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
    /// Which final personas the frontier model is given.
    pub which: Refined,
    /// Whether single fields are edited or all are rewritten.
    pub mode: RefineMode,
}

/// Which final personas are refined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refined {
    /// Final personas at or above the threshold.
    Selected,
    /// Final personas below the threshold.
    Below,
    /// All final personas.
    All,
}

/// The gate: the score from which a persona is selected.
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
    /// Extractive below [`TRUSTED_PARAMETERS`], free above.
    Auto,
    /// Goals, pains and behaviours are pieces of records.
    Extractive,
    /// The model writes them and cites records.
    Free,
}

/// Which model drafts, which judges and which refines.
#[derive(Clone)]
pub struct Models {
    /// The model that writes drafts.
    pub draft: Arc<dyn ChatModel>,
    /// The model that judges drafts.
    pub judge: Arc<dyn ChatModel>,
    /// The terms on which `draft` is called, where it is a service.
    pub draft_terms: Option<Paid>,
    /// The terms on which `judge` is called, where it is a server that stands in for the engine.
    pub judge_terms: Option<Paid>,
    /// The frontier model that refines, and its terms; `None` where nothing is refined.
    pub frontier: Option<Paid>,
    /// The local model that reads what people say, to part them by what they mean; `None` parts them by
    /// their words. Give runs that are to be compared the same reader, so that their segments are the
    /// same.
    pub reader: Option<Arc<dyn ChatModel>>,
    /// Folder in which what was measured of a model is kept, by its hash: how it judges, and how its
    /// states are read; `None` measures each time.
    pub judge_cache: Option<PathBuf>,
}

impl Models {
    /// Models in this process, which cost nothing.
    pub fn local(
        draft: Arc<dyn ChatModel>,
        judge: Arc<dyn ChatModel>,
        judge_cache: Option<PathBuf>,
    ) -> Self {
        let reader = Some(Arc::clone(&draft));
        let (draft_terms, judge_terms, frontier) = (None, None, None);
        Self { draft, judge, draft_terms, judge_terms, frontier, reader, judge_cache }
    }

    /// Models on a server that stands in for the engine: it drafts and judges, as this process
    /// would.
    pub fn served(draft: Paid, judge: Paid, judge_cache: Option<PathBuf>) -> Self {
        Self {
            draft: Arc::clone(&draft.model),
            judge: Arc::clone(&judge.model),
            draft_terms: Some(draft),
            judge_terms: Some(judge),
            frontier: None,
            reader: None,
            judge_cache,
        }
    }

    /// Whether drafting costs nothing by the token: in this process, or on a server that stands in for
    /// the engine.
    fn drafts_for_free(&self) -> bool {
        self.draft_terms.is_none() || self.judge_terms.is_some()
    }

    /// Whether the judge can be asked anything at all: by its probabilities here, or on a server.
    fn judge_answers(&self) -> bool {
        self.judge.capabilities().logits || self.judge_terms.is_some()
    }

    /// A paid model that drafts and does nothing else; its drafts are scored by computed support
    /// alone.
    pub fn paid(terms: Paid) -> Self {
        let model = Arc::clone(&terms.model);
        let (draft, judge) = (Arc::clone(&model), model);
        let draft_terms = Some(terms);
        let (judge_terms, frontier, reader, judge_cache) = (None, None, None, None);
        Self { draft, judge, draft_terms, judge_terms, frontier, reader, judge_cache }
    }
}

/// A stage of a run, or of a judge's work outside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// People are parted by what they mean.
    Part,
    /// The local model reads what the drafts would not see.
    Digest,
    /// Drafts are written.
    Draft,
    /// The judge is measured.
    Calibrate,
    /// Drafts are judged.
    Judge,
    /// The final personas are chosen.
    Select,
    /// The frontier model refines them.
    Refine,
    /// What it wrote is judged.
    Review,
    /// Outside a run: personas are compared in pairs.
    Compare,
    /// Outside a run: personas are judged again, by questions in other words.
    Reword,
}

impl Stage {
    /// Its name, in the log and for display.
    pub fn name(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Digest => "digest",
            Self::Draft => "draft",
            Self::Calibrate => "calibrate",
            Self::Judge => "judge",
            Self::Select => "select",
            Self::Refine => "refine",
            Self::Review => "review",
            Self::Compare => "compare",
            Self::Reword => "reword",
        }
    }
}

/// Receives a run's progress.
pub trait Observer: Send + Sync {
    /// Takes one piece of progress. Called often, so it must return quickly.
    fn on(&self, progress: Progress<'_>);
}

/// A piece of news about a run's progress.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A stage begins.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// Units of work in the stage.
        total: usize,
    },
    /// A unit of the current stage is done.
    UnitDone,
    /// Tokens since the last such report.
    Tokens {
        /// Prompt tokens read.
        prefilled: usize,
        /// Answer tokens written.
        decoded: usize,
    },
    /// What this run has booked or paid so far; sent only once that is more than nothing.
    Spent {
        /// The sum over this stage and all earlier ones.
        charged: MicroUsd,
        /// The most that the run may spend; `None` where no cap was set.
        cap: Option<MicroUsd>,
    },
    /// The current stage ended.
    StageEnded,
    /// Something the user should know, one line.
    Note(&'a str),
}

/// Cancellation, from Ctrl-C down to the engine; clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<(AtomicBool, Notify)>);

impl Cancel {
    /// Asks everything that holds a clone to stop.
    pub fn cancel(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether cancellation was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits until cancellation is asked for.
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
    /// As many personas as were asked for, and all passed the gate.
    Complete,
    /// As many personas as were asked for, but only `passed` of them at or above the threshold.
    Partial {
        /// How many personas passed.
        passed: usize,
    },
    /// Stopped by [`Cancel`]; the log is kept.
    Interrupted,
}

/// An error that stops a run.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The run folder could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local model failed.
    #[error("{0}")]
    Model(String),
    /// The provider that was to draft failed.
    #[error("{0}")]
    Provider(String),
    /// The data cannot be parted into segments.
    #[error("{0}")]
    Data(String),
    /// The cap leaves no room for a single draft.
    #[error("{0}")]
    Budget(String),
}

/// The plan of a run: people parted by what they mean where a local model reads it, as the log of the run
/// says where it is resumed. `None` where the user cancelled.
pub async fn lay_out(
    corpus: &Cleared<Corpus>,
    models: &Models,
    settings: &Settings,
    known: Option<&PlanReport>,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Option<Plan>, PipelineError> {
    // A shard's log has only its own segments.
    let known = known.filter(|plan| plan.of_slots.is_none());
    let began = Instant::now();
    let read = match known {
        Some(_) => None,
        None => meanings::read(corpus, models, settings, observer, cancel).await?,
    };
    let reading = read.is_some().then(|| began.elapsed().as_secs_f64());
    if cancel.is_cancelled() {
        return Ok(None);
    }
    let by = match (known, &settings.segments_by, &read) {
        (Some(plan), ..) => By::Known(plan),
        (None, Some(column), _) => By::Column(column),
        (None, None, Some(read)) => By::Meanings(read),
        (None, None, None) => By::Words,
    };
    let mut plan = Plan::with(corpus, models.draft.as_ref(), settings, by)?;
    plan.reading = reading;
    Ok(Some(plan))
}

/// Starts or resumes `run` and works until the personas are selected and logged. The caller writes
/// the reports.
pub async fn run(
    corpus: &Cleared<Corpus>,
    models: &Models,
    settings: &Settings,
    run: &mut Run,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Outcome, PipelineError> {
    // A digest reads all the records: a paid model in place of the local one would charge for that.
    let digest = settings.digest && models.drafts_for_free();
    let settings_here = Settings { digest, ..settings.clone() };
    let known = run.state.plan.as_ref();
    let plan = lay_out(corpus, models, &settings_here, known, observer, cancel).await?;
    let Some(mut plan) = plan else { return Ok(Outcome::Interrupted) };
    if settings.digest && !digest {
        plan.notes.push("--digest is left out: no local model reads here".to_owned());
    }
    let (probe, leanings) = (OnceCell::new(), Leanings::new());
    run::Runner { corpus, models, plan, run, observer, cancel, probe, leanings }.run().await
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
