//! Runs the whole local pipeline on built-in data, as `generate --hybrid --no-frontier` does.
//!
//! Owns the data (the example interviews), the settings, and a folder that is removed afterwards.
//! The judge is measured anew each time, as in a model's first run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::corpus::{self, Corpus};
use crate::llm::ChatModel;
use crate::llm::embedded::EmbeddedModel;
use crate::pipeline::{
    self, Ask, Cancel, Complexity, Detail, Models, Observer, Outcome, Progress, Settings, Style,
    Threshold,
};
use crate::privacy::Cleared;
use crate::store::{Run, Started};

use super::{Sample, ThroughputError};

const INTERVIEWS: &str = include_str!("../../examples/interviews.csv");

/// The defaults of `generate --hybrid`, except that there is one round: how many rounds follow
/// depends on what the model wrote, and does not measure its speed.
const SETTINGS: Settings = Settings {
    count: 3,
    multiplier: 2.0,
    threshold: Threshold::Fixed(0.75),
    style: Style::Auto,
    ask: Ask { detail: Detail::Standard, complexity: Complexity::Moderate },
    max_rounds: 0,
    seed: 1,
    segments_by: None,
    digest: false,
    shard: None,
    refine: None,
};

/// Runs the pipeline once.
pub(super) fn run(model: &Arc<EmbeddedModel>, cancel: &Cancel) -> Result<Sample, ThroughputError> {
    let folder = tempfile::tempdir().map_err(failed)?;
    let corpus = data(folder.path())?;
    let model: Arc<dyn ChatModel> = Arc::<EmbeddedModel>::clone(model);
    let models = Models::local(Arc::clone(&model), model, None);
    let mut run = Run::create(folder.path(), started(&corpus, &models)).map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let counter = Counter::default();
    let begun = Instant::now();
    let ended = runtime
        .block_on(pipeline::run(&corpus, &models, &SETTINGS, &mut run, &counter, cancel))
        .map_err(failed)?;
    if ended == Outcome::Interrupted {
        return Err(ThroughputError::Cancelled);
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Sample { tokens: counter.0.load(Ordering::Relaxed), seconds, ..Sample::default() })
}

fn data(folder: &Path) -> Result<Cleared<Corpus>, ThroughputError> {
    let path = folder.join("interviews.csv");
    std::fs::write(&path, INTERVIEWS).map_err(failed)?;
    // The people are invented, so there is nothing to clear.
    Ok(Cleared::as_is(corpus::load(&[path]).map_err(failed)?))
}

fn started(corpus: &Corpus, models: &Models) -> Started {
    Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: serde_json::Value::Null,
        inputs: Vec::new(),
        input_hashes: corpus.files.iter().map(|f| (f.name.clone(), f.sha256.clone())).collect(),
        model: models.draft.capabilities().clone(),
        model_ref: String::new(),
        seed: SETTINGS.seed,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: impl ToString) -> ThroughputError {
    ThroughputError::Job(error.to_string())
}

/// Counts the tokens that the engine read or wrote.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Observer for Counter {
    fn on(&self, progress: Progress<'_>) {
        if let Progress::Tokens { prefilled, decoded } = progress {
            self.0.fetch_add(prefilled + decoded, Ordering::Relaxed);
        }
    }
}
