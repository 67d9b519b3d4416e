//! The hybrid pipeline as a library: load, clear, draft, judge, choose, report.
//!
//! `cargo run --example hybrid -- examples/interviews.csv [MODEL.gguf]`; without a model file, one
//! that answers from a script stands in, which is enough to see the parts work together.

#![expect(clippy::print_stdout, reason = "an example says what came out")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona::corpus;
use persona::engine::{Engine, EngineOptions};
use persona::llm::ChatModel;
use persona::llm::embedded::EmbeddedModel;
use persona::llm::scripted::ScriptedModel;
use persona::pipeline::{
    self, Ask, Cancel, Models, Observer, Progress, Settings, Style, Threshold,
};
use persona::privacy::Cleared;
use persona::report::{self, Format, Process, View};
use persona::store::{Run, Started};

/// Shows notes and nothing else.
struct Notes;

impl Observer for Notes {
    fn on(&self, progress: Progress<'_>) {
        if let Progress::Note(note) = progress {
            println!("note: {note}");
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let input = PathBuf::from(arguments.next().unwrap_or("examples/interviews.csv".to_owned()));
    let model: Arc<dyn ChatModel> = match arguments.next() {
        Some(file) => {
            let engine = Engine::load(Path::new(&file), &EngineOptions::default())?;
            Arc::new(EmbeddedModel::new(engine, file))
        }
        None => Arc::new(ScriptedModel::parse("ok")?),
    };

    // Prompts accept nothing but cleared data: this says that it may be used as it is.
    let corpus = Cleared::as_is(corpus::load(std::slice::from_ref(&input))?);
    let settings = Settings {
        count: 3,
        multiplier: 2.0,
        threshold: Threshold::Fixed(0.5),
        style: Style::Auto,
        ask: Ask::default(),
        max_rounds: 1,
        seed: 7,
        segments_by: None,
        shard: None,
        refine: None,
    };
    let started = Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: serde_json::to_value(&settings)?,
        inputs: vec![input],
        input_hashes: Vec::new(),
        model: model.capabilities().clone(),
        model_ref: model.capabilities().id.clone(),
        seed: settings.seed,
    };
    let mut run = Run::create(Path::new("personas"), started)?;

    // Timers are all that a local run needs of a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let models = Models::local(Arc::clone(&model), model, None);
    let cancel = Cancel::default();
    runtime.block_on(pipeline::run(&corpus, &models, &settings, &mut run, &Notes, &cancel))?;

    let process = Process { clearance: corpus.clearance().name().to_owned(), ..Process::default() };
    let view = View { state: &run.state, corpus: &corpus, process: &process };
    let report = report::report(view);
    let mut files = report::files(view, Format::USUAL)?;
    files.push(report::page_file(&report::page(view, &report))?);
    files.push(report::report_file(&report)?);
    for (name, bytes) in files {
        run.write(&name, &bytes)?;
    }
    for persona in run.state.selected.iter().flatten() {
        println!("{}: {}", persona.name, persona.title);
    }
    println!("{}", run.dir.join("report.html").display());
    Ok(())
}
