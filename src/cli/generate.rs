//! `persona generate`: from research data to personas.
//!
//! Owns the flags and the order of the steps: settings, data, models, run, reports, result. What
//! each step does is elsewhere.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::estimate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt;
use crate::cli::model::{self, Waiting, Workshop};
use crate::cli::output::Output;
use crate::cli::progress::{Spinner, Stages};
use crate::cli::resume;
use crate::cli::table;
use crate::config::{Environment, Layers, Settings, keys};
use crate::corpus::{self, Corpus};
use crate::ledger::MicroUsd;
use crate::pipeline::{self, Cancel, Models, Outcome};
use crate::privacy::Cleared;
use crate::report::{self, Process, View};
use crate::store::{Event, Run, Started};
use crate::throughput::peak_rss_bytes;

/// Findings shown on the terminal; the report has all.
const SHOWN_FINDINGS: usize = 5;

/// What can be said to `generate`. Values are text here: every layer's values are checked in one
/// place, by `config`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct GenerateArgs {
    /// Files or folders: CSV, TSV, JSON, JSONL, Markdown, text
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// The same as a flag; may be repeated
    #[arg(long, short = 'f', visible_alias = "from", value_name = "PATH", num_args = 1..)]
    input: Vec<String>,
    /// Personas to write [default: 3]
    #[arg(long, short = 'n', value_name = "N", allow_negative_numbers = true)]
    count: Option<String>,
    /// Folder in which the run's folder is made [default: personas]
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// Go on with an interrupted run: its folder, or its name under --output
    #[arg(long, value_name = "RUN", conflicts_with_all = FIXED_BY_THE_RUN)]
    resume: Option<PathBuf>,

    /// Write several drafts a persona, judge them and choose
    #[arg(long, help_heading = "Hybrid run")]
    hybrid: bool,
    /// Drafts a persona, a decimal number from 1 [default: 2]
    #[arg(long, value_name = "M", allow_negative_numbers = true, help_heading = "Hybrid run")]
    draft_multiplier: Option<String>,
    /// Judge score that a draft must reach, 0 to 1, or auto [default: 0.75]
    #[arg(long, value_name = "T", allow_negative_numbers = true, help_heading = "Hybrid run")]
    quality_threshold: Option<String>,
    /// Extra rounds of drafts when too few reach it [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Hybrid run")]
    max_rounds: Option<String>,
    /// Exit with code 7 when fewer personas than asked for reach it
    #[arg(long, help_heading = "Hybrid run")]
    strict: bool,

    /// Send nothing to a paid model
    #[arg(long, help_heading = "Frontier model")]
    no_frontier: bool,
    /// Show what refinement by a paid model would cost, and stop
    #[arg(long, help_heading = "Frontier model")]
    estimate_only: bool,
    /// Most US dollars that paid calls may cost
    #[arg(
        long,
        value_name = "USD",
        allow_negative_numbers = true,
        help_heading = "Frontier model"
    )]
    max_cost: Option<String>,
    /// Whose price to show with --estimate-only: anthropic, openai, gemini [default: anthropic]
    #[arg(
        long,
        visible_alias = "frontier-provider",
        value_name = "NAME",
        help_heading = "Frontier model"
    )]
    frontier: Option<String>,
    /// Which model's price to show [default: the provider's]
    #[arg(long, value_name = "MODEL", help_heading = "Frontier model")]
    frontier_model: Option<String>,
    /// Price in US dollars per million tokens, for a model that is not in the table
    #[arg(long, value_name = "IN/OUT", help_heading = "Frontier model")]
    price: Option<String>,

    /// Catalogue name, owner/repo[:QUANT][@rev], a path to a .gguf, or auto [default: auto]
    #[arg(long, visible_alias = "local-model", value_name = "MODEL", help_heading = "Local model")]
    model: Option<String>,
    /// Model that judges [default: the one that drafts]
    #[arg(long, value_name = "MODEL", help_heading = "Local model")]
    judge_model: Option<String>,
    /// auto, extractive (goals, pains and behaviours are pieces of records) or free [default: auto]
    #[arg(long, value_name = "STYLE", help_heading = "Local model")]
    style: Option<String>,
    /// Same seed, build, machine and flags: same personas [default: drawn and logged]
    #[arg(long, value_name = "SEED", allow_negative_numbers = true, help_heading = "Local model")]
    seed: Option<String>,
    /// auto, cpu, cuda or metal [default: auto]
    #[arg(long, value_name = "DEVICE", help_heading = "Local model")]
    device: Option<String>,
    /// Compute threads [default: physical cores]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Local model")]
    threads: Option<String>,
    /// Drafts written together [default: 8]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Local model")]
    batch: Option<String>,
    /// Context in tokens [default: the model's, at most 8192]
    #[arg(
        long,
        value_name = "TOKENS",
        allow_negative_numbers = true,
        help_heading = "Local model"
    )]
    context: Option<String>,
    /// A tokenizer.json that replaces the model file's own
    #[arg(long, value_name = "FILE", help_heading = "Local model")]
    tokenizer: Option<String>,
}

/// What a resumed run has in its log and no flag can change.
const FIXED_BY_THE_RUN: &[&str] = &[
    "inputs",
    "input",
    "count",
    "hybrid",
    "draft_multiplier",
    "quality_threshold",
    "max_rounds",
    "no_frontier",
    "estimate_only",
    "max_cost",
    "frontier",
    "frontier_model",
    "price",
    "style",
    "seed",
];

impl GenerateArgs {
    /// The settings said as flags.
    pub(super) fn layers(&self) -> Layers {
        let inputs = self.inputs.iter().chain(&self.input).cloned().collect();
        Layers::default()
            .flags(keys::INPUT, inputs)
            .flag(keys::COUNT, self.count.as_deref())
            .flag(keys::OUTPUT, self.output.as_deref())
            .switch(keys::HYBRID, self.hybrid)
            .flag(keys::DRAFT_MULTIPLIER, self.draft_multiplier.as_deref())
            .flag(keys::QUALITY_THRESHOLD, self.quality_threshold.as_deref())
            .flag(keys::MAX_ROUNDS, self.max_rounds.as_deref())
            .switch(keys::STRICT, self.strict)
            .switch(keys::NO_FRONTIER, self.no_frontier)
            .switch(keys::ESTIMATE_ONLY, self.estimate_only)
            .flag(keys::MAX_COST, self.max_cost.as_deref())
            .flag(keys::FRONTIER, self.frontier.as_deref())
            .flag(keys::FRONTIER_MODEL, self.frontier_model.as_deref())
            .flag(keys::PRICE, self.price.as_deref())
            .flag(keys::MODEL, self.model.as_deref())
            .flag(keys::JUDGE_MODEL, self.judge_model.as_deref())
            .flag(keys::STYLE, self.style.as_deref())
            .flag(keys::SEED, self.seed.as_deref())
            .flag(keys::DEVICE, self.device.as_deref())
            .flag(keys::THREADS, self.threads.as_deref())
            .flag(keys::BATCH, self.batch.as_deref())
            .flag(keys::CONTEXT, self.context.as_deref())
            .flag(keys::TOKENIZER, self.tokenizer.as_deref())
    }
}

/// What the log keeps of the settings, so that a resumed run needs no flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    #[serde(flatten)]
    pub(super) pipeline: pipeline::Settings,
    /// Whether several drafts competed.
    pub(super) hybrid: bool,
    /// What `--judge-model` said, resolved.
    pub(super) judge_model: Option<String>,
}

/// A run that is ready to go.
pub(super) struct Job {
    pub(super) corpus: Cleared<Corpus>,
    pub(super) models: Models,
    pub(super) plan: Plan,
    pub(super) run: Run,
}

/// What a run meets outside its own settings.
pub(super) struct Surroundings<'a> {
    pub(super) environment: &'a Environment,
    pub(super) process: super::Process,
    pub(super) output: Output,
}

pub(super) fn run(
    args: &GenerateArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let settings = Settings::resolve(layers)?;
    check(layers, &settings, args.resume.is_some())?;
    if settings.estimate_only {
        return estimate::run(&settings, output);
    }
    if let Some(threads) = settings.threads {
        // Before the first thread: watching for Ctrl-C starts one.
        (around.process.set_compute_threads)(threads);
    }
    let hub = around.environment.hub_options();
    let cancel = interrupt::watch(output)?;
    let judge_cache = around.environment.judge_cache();
    let waiting = Waiting { output, cancel: &cancel };
    let shop = Workshop { hub: &hub, waiting, judge_cache: &judge_cache };
    let mut job = match &args.resume {
        Some(said) => resume::job(said, layers, &settings, shop)?,
        None => fresh_job(&settings, shop)?,
    };
    output.note(&format!("run: {}", job.run.dir.display()));
    let outcome = execute(&mut job, output, &cancel)?;
    if outcome == Outcome::Interrupted {
        return Err(interrupted(&job.run));
    }
    let report = write_files(&mut job)?;
    show(&job.run, outcome, &report, output)?;
    Ok(match outcome {
        Outcome::Partial { .. } if settings.strict => Exit::Partial,
        _ => Exit::Done,
    })
}

/// What no single value shows: flags that contradict each other or would do nothing.
fn check(layers: &Layers, settings: &Settings, resumes: bool) -> Result<(), Failure> {
    if settings.inputs.is_empty() && !resumes {
        return Err(Failure::usage(
            "no input given\nhint: name files or a folder, as in 'persona generate --input interviews.csv'",
        ));
    }
    let hybrid_only =
        [keys::DRAFT_MULTIPLIER, keys::QUALITY_THRESHOLD, keys::MAX_ROUNDS, keys::STRICT];
    let idle = layers.given_flags(&hybrid_only);
    // A resumed run knows by itself whether it is hybrid.
    if !settings.hybrid && !settings.estimate_only && !resumes && !idle.is_empty() {
        let flags = idle.join(", ");
        return Err(Failure::usage(format!(
            "without --hybrid there is nothing for {flags} to act on\nhint: add --hybrid"
        )));
    }
    let frontier = layers.given(&[keys::FRONTIER, keys::FRONTIER_MODEL, keys::PRICE]);
    if !settings.estimate_only && !frontier.is_empty() {
        return Err(Failure::usage(format!(
            "{}: refinement by a frontier model is not available yet\nhint: run with --no-frontier, or add --estimate-only to see what it would cost",
            frontier.join(", ")
        )));
    }
    Ok(())
}

fn fresh_job(settings: &Settings, shop: Workshop<'_>) -> Result<Job, Failure> {
    let corpus = read(&settings.inputs, shop.waiting.output)?;
    if settings.hybrid && settings.frontier.allowed {
        shop.waiting.output.note(
            "refinement by a frontier model is not available yet: going on with the local model only (--no-frontier says so up front)",
        );
    }
    let judge = settings.judge_model.as_deref();
    let cast = model::cast(&settings.model, judge, &settings.engine, shop)?;
    let plan = Plan {
        pipeline: settings.pipeline.clone(),
        hybrid: settings.hybrid,
        judge_model: cast.judge,
    };
    let started = Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: serde_json::to_value(&plan)
            .map_err(|e| Failure::failed(format!("cannot log the settings: {e}")))?,
        inputs: absolute(&settings.inputs)?,
        input_hashes: hashes(&corpus),
        model: cast.models.draft.capabilities().clone(),
        model_ref: cast.draft,
        seed: settings.pipeline.seed,
    };
    let run = Run::create(&settings.runs_dir, started)?;
    Ok(Job { corpus, models: cast.models, plan, run })
}

/// Reads the input and says what was odd about it.
pub(super) fn read(inputs: &[PathBuf], output: Output) -> Result<Cleared<Corpus>, Failure> {
    let spinner = Spinner::start(output, "reading the input");
    let corpus = corpus::load(inputs)?;
    drop(spinner);
    for finding in corpus.findings.iter().take(SHOWN_FINDINGS) {
        let times =
            if finding.count > 1 { format!(" ({} times)", finding.count) } else { String::new() };
        let place = finding.row.map_or_else(String::new, |row| format!(" row {row}"));
        output.warn(&format!("{}{place}: {}{times}", finding.file, finding.message));
    }
    if let Some(more) = corpus.findings.len().checked_sub(SHOWN_FINDINGS).filter(|more| *more > 0) {
        output.warn(&format!("and {more} more findings, all in report.json"));
    }
    let records = report::counted(corpus.records.len(), "record");
    output.note(&format!("input: {records} from {}", report::counted(corpus.files.len(), "file")));
    Ok(Cleared::as_is(corpus))
}

/// What a resumed run compares: name and hash of each file that gave records.
pub(super) fn hashes(corpus: &Corpus) -> Vec<(String, String)> {
    corpus.files.iter().map(|file| (file.name.clone(), file.sha256.clone())).collect()
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path)
            .map_err(|e| Failure::failed(format!("cannot resolve {}: {e}", path.display())))
    };
    paths.iter().map(absolute).collect()
}

/// Runs the pipeline. Timers only: no I/O and no signal driver, so that nothing here can open a
/// socket.
fn execute(job: &mut Job, output: Output, cancel: &Cancel) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start the run: {e}")))?;
    let stages = Stages::new(output);
    let dir = job.run.dir.clone();
    let Job { corpus, models, plan, run } = job;
    let ended =
        runtime.block_on(pipeline::run(corpus, models, &plan.pipeline, run, &stages, cancel));
    ended.map_err(|error| {
        Failure::failed(format!(
            "{error}\nhint: what was done is kept; 'persona generate --resume {}' goes on",
            dir.display()
        ))
    })
}

fn interrupted(run: &Run) -> Failure {
    Failure::new(
        Exit::Interrupted,
        anyhow::anyhow!(
            "interrupted with {} written; the log is kept\nhint: 'persona generate --resume {}' goes on",
            report::counted(run.state.drafts.len(), "draft"),
            run.dir.display()
        ),
    )
}

/// Writes the run folder's files, and last that everything is written.
fn write_files(job: &mut Job) -> Result<serde_json::Value, Failure> {
    let clearance = serde_json::to_value(job.corpus.clearance()).ok();
    let process = Process {
        clearance: clearance.as_ref().and_then(|c| c.as_str()).unwrap_or_default().to_owned(),
        peak_rss_bytes: peak_rss_bytes(),
        estimated_upper: MicroUsd(0),
        spent: MicroUsd(0),
    };
    let view = View { state: &job.run.state, corpus: &job.corpus, process: &process };
    let report = report::report(view);
    let files = report::files(view, &report)
        .map_err(|e| Failure::failed(format!("cannot write the reports: {e}")))?;
    for (name, bytes) in files {
        job.run.write(&name, &bytes)?;
    }
    if !job.run.state.finished {
        job.run.record(Event::Finished)?;
    }
    Ok(report)
}

fn show(
    run: &Run,
    outcome: Outcome,
    report: &serde_json::Value,
    output: Output,
) -> Result<(), Failure> {
    let personas = run.state.selected.as_deref().unwrap_or_default();
    let partial = match outcome {
        Outcome::Partial { passed } => Some(passed),
        Outcome::Complete | Outcome::Interrupted => None,
    };
    if output.is_json() {
        return output.document(&json!({
            "run": run.dir,
            "outcome": if partial.is_some() { "partial" } else { "complete" },
            "personas": personas,
            "report": report,
        }));
    }
    let mut lines = vec![table::personas(personas)];
    if let Some(passed) = partial {
        let count = personas.len();
        lines.push(format!(
            "{passed} of {count} reached the quality threshold; the others are flagged"
        ));
    }
    let counted = report::counted(personas.len(), "persona");
    lines.push(format!("{counted} in {}", run.dir.display()));
    output.result(&lines.join("\n"))
}
