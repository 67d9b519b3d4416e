//! The whole way as a library: from cleared data and a model to a run folder with personas and
//! reports.
//!
//! Owns what every caller of [`pipeline::run`] has to do around it: the log that a run is resumed
//! from, a runtime that opens no socket where no service takes part, and the promise of `clean.rs`
//! that no removed value is written or sent.

mod clean;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

pub use self::clean::{Barred, files, guarded, scrub};
use crate::corpus::Corpus;
use crate::llm::ChatModel;
use crate::pipeline::{
    self, Cancel, Models, Observer, Outcome, Paid, PipelineError, Progress, Refine, Settings,
};
use crate::privacy::Cleared;
use crate::report::{Format, Process, RenderError, View};
use crate::schema::Persona;
use crate::store::{Event, Run, Started, StoreError};
use crate::throughput::peak_rss_bytes;

/// Why a run stopped, or its reports could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HybridError {
    /// Drafting, judging or refining failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The run folder could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page could not be rendered.
    #[error(transparent)]
    Report(#[from] RenderError),
    /// The log no longer holds what the run wrote.
    #[error(
        "the log or the input was changed after it was written: {0}\nhint: start a new run from the original input"
    )]
    Altered(String),
    /// A report could not be written as JSON.
    #[error("cannot write the reports: {0}")]
    Json(#[from] serde_json::Error),
    /// The runtime could not be started.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

/// A run that ended, and what it left.
#[derive(Debug)]
pub struct Finished {
    /// How the run ended. After an interruption there may be no personas yet;
    /// [`HybridPipeline::resume`] continues it.
    pub outcome: Outcome,
    /// The personas that were selected, best first in each segment.
    pub personas: Vec<Persona>,
    /// The content of `report.json`.
    pub report: Value,
    /// The run folder, still locked for this process.
    pub run: Run,
}

/// Has a local model write drafts, has it or another model judge them, keeps the best, and where a
/// paid model is given, has that one refine them.
///
/// ```
/// use std::sync::Arc;
///
/// use persona::corpus;
/// use persona::hybrid::HybridPipeline;
/// use persona::llm::scripted::ScriptedModel;
/// use persona::pipeline::Threshold;
/// use persona::privacy::Cleared;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("interviews.csv");
/// # std::fs::write(&path, include_str!("../../examples/interviews.csv"))?;
/// # let runs = folder.path().join("personas");
/// let corpus = Cleared::as_is(corpus::load(&[path])?);
/// let model = Arc::new(ScriptedModel::parse("ok")?); // in earnest: engine::Engine, llm::embedded
/// let finished = HybridPipeline::new(model)
///     .personas(2)
///     .threshold(Threshold::Fixed(0.0))
///     .seed(7)
///     .run(&corpus, &runs)?;
/// assert_eq!(finished.personas.len(), 2);
/// assert!(finished.run.dir.join("report.html").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HybridPipeline {
    models: Models,
    settings: Settings,
    formats: Vec<Format>,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
}

/// An observer that ignores everything.
struct Nobody;

impl Observer for Nobody {
    fn on(&self, _: Progress<'_>) {}
}

impl HybridPipeline {
    /// A pipeline in which one model drafts and judges in this process, as the command line does by
    /// default.
    pub fn new(model: Arc<dyn ChatModel>) -> Self {
        Self::with_models(Models::local(Arc::clone(&model), model, None))
    }

    /// A pipeline with any other models: a separate judge, a server, or a cache of the judge's
    /// measurement.
    pub fn with_models(models: Models) -> Self {
        Self {
            models,
            settings: Settings::default(),
            formats: Format::USUAL.to_vec(),
            observer: Arc::new(Nobody),
            cancel: Cancel::default(),
        }
    }

    /// Sets how many personas to write; there may be fewer, but never more.
    #[must_use]
    pub fn personas(mut self, count: usize) -> Self {
        self.settings.count = count;
        self
    }

    /// Sets how many drafts are written for each persona, of which the best are kept; at least 1.
    #[must_use]
    pub fn drafts_each(mut self, multiplier: f64) -> Self {
        self.settings.multiplier = multiplier;
        self
    }

    /// Sets the score from which a persona counts as good enough.
    #[must_use]
    pub fn threshold(mut self, threshold: pipeline::Threshold) -> Self {
        self.settings.threshold = threshold;
        self
    }

    /// Sets the seed: the same data, model, machine and seed give the same bytes.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Has a paid model refine the final personas, within its own cap.
    #[must_use]
    pub fn refined_by(mut self, frontier: Paid, refine: Refine) -> Self {
        self.models.frontier = Some(frontier);
        self.settings.refine = Some(refine);
        self
    }

    /// Sets the files to write beside `personas.json`, `report.json` and `report.html`.
    #[must_use]
    pub fn formats(mut self, formats: &[Format]) -> Self {
        self.formats = formats.to_vec();
        self
    }

    /// Sets the observer that is told how far the run is.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the handle by which the run can be stopped from outside; its log is kept.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Makes a run folder under `runs` and runs to the end. Blocks; inside a runtime, call it from
    /// a thread that may block.
    pub fn run(&self, corpus: &Cleared<Corpus>, runs: &Path) -> Result<Finished, HybridError> {
        let model = self.models.draft.capabilities();
        let hashes = corpus.files.iter().map(|file| (file.name.clone(), file.sha256.clone()));
        let started = Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: serde_json::to_value(&self.settings)?,
            inputs: Vec::new(),
            input_hashes: hashes.collect(),
            model: model.clone(),
            model_ref: model.id.clone(),
            seed: self.settings.seed,
        };
        self.go_on(corpus, Run::create(runs, started)?)
    }

    /// Continues the run in `folder`, which this pipeline began on the same data. What its log
    /// holds is not asked for again, and no paid answer is paid for twice.
    pub fn resume(&self, corpus: &Cleared<Corpus>, folder: &Path) -> Result<Finished, HybridError> {
        self.go_on(corpus, Run::open(folder)?)
    }

    fn go_on(&self, corpus: &Cleared<Corpus>, mut run: Run) -> Result<Finished, HybridError> {
        scrub(&mut run, corpus);
        let guard = |paid: Option<Paid>| paid.map(|paid| guarded(paid, corpus, Barred::Removed));
        let models = self.models.clone();
        let models = Models {
            draft_terms: guard(models.draft_terms),
            judge_terms: guard(models.judge_terms),
            frontier: guard(models.frontier),
            ..models
        };
        let served = [&models.draft_terms, &models.judge_terms, &models.frontier];
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time();
        // Only where a service will be asked: a driver of I/O opens sockets.
        if served.iter().any(|paid| paid.is_some()) {
            runtime.enable_all();
        }
        let runtime = runtime.build().map_err(HybridError::Runtime)?;
        let (settings, observer) = (&self.settings, self.observer.as_ref());
        let ran = pipeline::run(corpus, &models, settings, &mut run, observer, &self.cancel);
        let outcome = runtime.block_on(ran)?;
        let process = process(corpus);
        let view = View { state: &run.state, corpus, process: &process };
        let (files, report) = clean::files(view, corpus.removed().map(Arc::as_ref), &self.formats)?;
        for (name, bytes) in files {
            run.write(&name, &bytes)?;
        }
        if outcome != Outcome::Interrupted && !run.state.finished {
            run.record(Event::Finished)?;
        }
        let personas = run.state.selected.clone().unwrap_or_default();
        Ok(Finished { outcome, personas, report, run })
    }
}

/// What a report states about this process and about how the data was cleared.
pub fn process(corpus: &Cleared<Corpus>) -> Process {
    let counts = corpus.removed().map(|removed| &removed.counts);
    Process {
        clearance: corpus.clearance().name().to_owned(),
        removed: counts.map(|all| all.iter().map(|(e, n)| (e.name(), *n)).collect()),
        second_pass: corpus.second_pass().and_then(|model| serde_json::to_value(model).ok()),
        peak_rss_bytes: peak_rss_bytes(),
        ..Process::default()
    }
}

#[cfg(test)]
mod tests;
