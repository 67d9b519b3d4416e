//! `persona bench`: measures a model on this machine.
//!
//! Owns the flags and the order of what is shown. Each test's figure goes to stderr as soon as it
//! is known, so that an interrupted call loses only what it had not measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::cli::Surroundings;
use crate::cli::failure::{Exit, Failure};
use crate::cli::model::{self, EngineArgs, Session};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::config::{Layers, Settings, keys};
use crate::llm::embedded::EmbeddedModel;
use crate::throughput::comparison::{Comparison, Document};
use crate::throughput::{
    self, Repeat, Row, Setting, Test, ThroughputError, USUAL_TESTS, parse_tests, show,
};

const EXAMPLES: &str = "Tests:
  pp512          read a prompt of 512 tokens (any number)
  tg128          write 128 tokens in one row; tg128@512: after a prompt of 512
  shared8        8 rows on one common beginning of 1024 tokens, 200 tokens each
  json8          the same, held to the shape of a draft
  judge16        score 16 drafts of 300 tokens on 4 criteria
  job            the whole local pipeline on built-in interviews
  ppl            perplexity of --text, windowed as llama-perplexity does it
  all            pp512,pp2048,tg128,tg128@512,shared8,json8,judge16,job

tokens/s counts tokens read (pp, judge, ppl), written (tg, shared, json) or both (job); the time of
shared, json, judge and job holds everything from submission to the last answer.

Examples:
  persona bench --model smollm2-135m
  persona bench --model model.gguf --test pp512,tg128@512 --repetitions 10 --format csv
  persona bench --json > before.json
  persona bench --compare before.json --html bench.html
  persona bench --model model.gguf --test ppl --text notes.txt";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BenchArgs {
    /// What to measure, see below
    #[arg(long, short, value_name = "NAMES", default_value = USUAL_TESTS)]
    test: String,
    /// Times that each test counts
    #[arg(long, short, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,
    /// Times that each test runs before it counts
    #[arg(long, value_name = "N", default_value_t = 1)]
    warmup: u16,
    /// What 'ppl' reads [default: the built-in data]
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,

    /// How the result is printed; --json is the same as json
    #[arg(
        long,
        short = 'o',
        visible_alias = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t = Format::Md,
        help_heading = "Result"
    )]
    format: Format,
    /// Also write a page with a plot
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    html: Option<PathBuf>,
    /// Show ratios to an earlier call's JSON, and which differ beyond noise
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    compare: Option<PathBuf>,

    /// Catalogue name, owner/repo[:QUANT][@rev], ollama:NAME, a path to a .gguf, or auto [default: auto]
    #[arg(long, short, value_name = "MODEL", help_heading = "Local model")]
    model: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Markdown table
    Md,
    /// One JSON document with every repetition
    Json,
    /// One line a test
    Csv,
}

impl BenchArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        let layers = Layers::default().flag(keys::MODEL, self.model.as_deref());
        self.engine.add_to(layers)
    }
}

pub(super) fn run(
    args: &BenchArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let settings = Settings::resolve(layers)?;
    // Invalid flags are reported before anything is measured.
    let tests = parse_tests(&args.test).map_err(Failure::usage)?;
    let text = args.text.as_deref().map(read).transpose()?;
    let before = args.compare.as_deref().map(earlier).transpose()?;
    let session = Session::start(around, settings.threads)?;
    let (loader, cancel) = (session.loader(), &session.cancel);
    let (engine, name) = model::engine(&settings.model, &settings.engine, loader)?;
    let model = Arc::new(EmbeddedModel::new(engine, name.clone()));
    let setting = Setting::of(&model, &name, &settings.engine);
    if setting.profile != "release" {
        output.warn("this is a development build: it is slower than 'cargo build --release'");
    }

    let repeat = Repeat {
        repetitions: args.repetitions.into(),
        warmup: args.warmup.into(),
        text: text.as_deref(),
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut failed = Vec::new();
    for test in tests {
        let spinner = Spinner::start(output, &format!("measuring {test}"));
        let measured = throughput::measure(test, &model, &setting, repeat, cancel);
        drop(spinner);
        match measured {
            Ok(row) => {
                note(output, &row);
                rows.push(row);
            }
            Err(ThroughputError::Cancelled) => {
                return Err(Failure::new(Exit::Interrupted, anyhow::anyhow!("interrupted")));
            }
            // One test that the model cannot do must not cost the results of the others.
            Err(error) => {
                output.warn(&format!("{test}: {error}"));
                failed.push(test);
            }
        }
    }
    let comparison = before.map(|before| Comparison::new(&before.rows, &rows));
    if let Some(path) = &args.html {
        let page = show::html(&rows, comparison.as_ref());
        std::fs::write(path, page)
            .map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    }
    let document = Document { rows, comparison };
    print(&document, args.format, output)?;
    outcome(&failed)
}

fn outcome(failed: &[Test]) -> Result<Exit, Failure> {
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let names: Vec<String> = failed.iter().map(Test::to_string).collect();
    // The rows are on stdout already; an error document after them would break the JSON.
    Err(Failure::failed(format!("could not measure {}", names.join(", "))))
}

fn note(output: Output, row: &Row) {
    let speed = &row.tokens_per_s;
    let figures = row.perplexity.map_or_else(
        || format!("{} ± {} tokens/s", show::figure(speed.mean), show::figure(speed.sd)),
        |perplexity| format!("perplexity {perplexity:.4}"),
    );
    output.note(&format!("{}: {figures}", row.test));
}

fn print(document: &Document, format: Format, output: Output) -> Result<(), Failure> {
    if output.is_json() || format == Format::Json {
        return output.document(document);
    }
    if format == Format::Csv {
        let text = show::csv(&document.rows)
            .map_err(|e| Failure::failed(format!("cannot write the rows as CSV: {e}")))?;
        return output.result(&text);
    }
    let mut text = show::markdown(&document.rows);
    if let Some(comparison) = &document.comparison {
        text.push_str("\n\n");
        text.push_str(&show::comparison(comparison));
    }
    output.result(&text)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
}

fn earlier(path: &Path) -> Result<Document, Failure> {
    serde_json::from_str(&read(path)?).map_err(|e| {
        Failure::usage(format!(
            "{} is not what 'persona bench --json' writes: {e}\nhint: give the file of an earlier call",
            path.display()
        ))
    })
}
