//! A run of the pipeline through the library, for tests that measure its outcome.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use persona::corpus::Corpus;
use persona::llm::ChatModel;
use persona::pipeline::{
    self, Ask, Cancel, Models, Observer, Progress, Settings, Style, Threshold,
};
use persona::privacy::Cleared;
use persona::store::{Run, RunState, Started};

/// The folder of what this process measures of judges. All tests share it, since measuring takes
/// longer than all the rest; no other process does, since it may be of another build.
pub(crate) fn judges() -> &'static Path {
    static JUDGES: LazyLock<PathBuf> = LazyLock::new(|| {
        let name = format!("judges-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // A process before this one may have had the same number.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for judges");
        folder
    });
    &JUDGES
}

/// Takes no notice.
pub(crate) struct Silent;

impl Observer for Silent {
    fn on(&self, _: Progress<'_>) {}
}

/// Settings for one draft per persona, and no gate.
pub(crate) fn plain(count: usize, seed: u64) -> Settings {
    Settings {
        count,
        multiplier: 1.0,
        threshold: Threshold::Fixed(0.0),
        style: Style::Auto,
        ask: Ask::default(),
        max_rounds: 0,
        seed,
        segments_by: None,
        digest: false,
        shard: None,
        refine: None,
    }
}

/// Runs the pipeline under `runs` and returns the state in the log.
pub(crate) fn whole_run(
    corpus: &Cleared<Corpus>,
    model: &Arc<dyn ChatModel>,
    settings: &Settings,
    runs: &Path,
) -> RunState {
    let started = Started {
        version: "test".to_owned(),
        settings: serde_json::to_value(settings).expect("plain data"),
        inputs: Vec::new(),
        input_hashes: Vec::new(),
        model: model.capabilities().clone(),
        model_ref: "test".to_owned(),
        seed: settings.seed,
    };
    let mut run = Run::create(runs, started).expect("a run folder");
    let judges = Some(judges().to_owned());
    let models = Models::local(Arc::clone(model), Arc::clone(model), judges);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let none = Cancel::default();
    let work = pipeline::run(corpus, &models, settings, &mut run, &Silent, &none);
    runtime.expect("a runtime").block_on(work).expect("the run ends");
    std::mem::take(&mut run.state)
}
