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
use persona::hybrid::HybridPipeline;
use persona::llm::ChatModel;
use persona::llm::embedded::EmbeddedModel;
use persona::llm::scripted::ScriptedModel;
use persona::pipeline::{Observer, Progress, Threshold};
use persona::privacy::Cleared;

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
    let corpus = Cleared::as_is(corpus::load(&[input])?);
    let finished = HybridPipeline::new(model)
        .personas(3)
        .drafts_each(2.0)
        .threshold(Threshold::Fixed(0.5))
        .seed(7)
        .observer(Arc::new(Notes))
        .run(&corpus, Path::new("personas"))?;
    for persona in &finished.personas {
        println!("{}: {}", persona.name, persona.title);
    }
    println!("{}", finished.run.dir.join("report.html").display());
    Ok(())
}
