//! `persona generate`: from research data to personas.
//!
//! Owns the flags and the order of the steps: settings, data, models, run, reports, result. What
//! each step does is elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::AirGap;
use crate::cli::clearing::{self, Clearing};
use crate::cli::estimate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier::{self, Role, Terms};
use crate::cli::model::{self, Tools, Workshop};
use crate::cli::output::Output;
use crate::cli::progress::Stages;
use crate::cli::resume;
use crate::cli::segments;
use crate::cli::table;
use crate::config::{Environment, Layers, Settings, keys};
use crate::corpus::Corpus;
use crate::pipeline::{self, Cancel, Models, Outcome, Paid};
use crate::privacy::Cleared;
use crate::report::{self, Process, View};
use crate::store::{Event, Run, Started};
use crate::throughput::peak_rss_bytes;

const RULES: &str = "\
What leaves this machine:
  --no-frontier   nothing but the download of a model.
  --hybrid        with a key for the frontier (ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY):
                  each refined persona with the records that it cites. Without a key: nothing.
  --provider      every record that a draft needs.

When the local model of a hybrid run cannot be had, the frontier writes the personas in its place,
and every record that a draft needs is sent to it: if there is a key and the worst case fits
--max-cost, or with --fallback frontier. Never under --no-frontier or --fallback fail.

Money: each call is booked at its worst case before it is sent; --max-cost is never passed, over all
resumes of a run together. A price that is not known is refused; --price gives it.";

/// What can be said to `generate`. Values are text here: every layer's values are checked in one
/// place, by `config`.
#[derive(Debug, Args)]
#[command(after_long_help = RULES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct GenerateArgs {
    /// Files, folders, patterns, or - for what is piped in: CSV, TSV, JSON, JSONL, YAML, Markdown, text, org, HTML, XLSX, ODS, DOCX,
    /// VTT, SRT
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// The same as a flag; may be repeated
    #[arg(long, short = 'f', visible_alias = "from", value_name = "PATH", num_args = 1..)]
    input: Vec<String>,
    /// Personas to write [default: 3]
    #[arg(long, short = 'n', value_name = "N", allow_negative_numbers = true)]
    count: Option<String>,
    /// Column whose values are the segments, one persona each [default: found in the data]
    #[arg(long, value_name = "COLUMN")]
    segments_by: Option<String>,
    /// How many statements and quotes a persona has: minimal, standard or detailed
    /// [default: standard]
    #[arg(long, value_name = "HOW")]
    detail: Option<String>,
    /// How intricate each of them is: simple, moderate or complex [default: moderate]
    #[arg(long, value_name = "HOW")]
    complexity: Option<String>,
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

    /// Replace names, addresses and other personal data before anything else sees the input
    #[arg(long, visible_alias = "anonymize", help_heading = "Privacy")]
    anonymise: bool,
    /// By what: redact, replace or hash [default: redact]
    #[arg(
        long,
        visible_alias = "anonymize-strategy",
        value_name = "STRATEGY",
        help_heading = "Privacy"
    )]
    anonymise_strategy: Option<String>,
    /// Write the map from replacements back to values here; keep it safe
    #[arg(long, value_name = "FILE", help_heading = "Privacy")]
    pii_map: Option<String>,
    /// Refuse to send personal data to a paid model
    #[arg(long, help_heading = "Privacy")]
    privacy_require: bool,
    /// Hosts of your own, which cost nothing unless --price says so
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Privacy")]
    trusted_hosts: Vec<String>,

    /// Send nothing to a paid model
    #[arg(long, help_heading = "Frontier model")]
    no_frontier: bool,
    /// Show what the run could cost, beside having a paid model write everything, and stop
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
    /// Who refines the personas of a hybrid run: anthropic, openai or gemini [default: anthropic]
    #[arg(
        long,
        visible_alias = "frontier-provider",
        value_name = "NAME",
        help_heading = "Frontier model"
    )]
    frontier: Option<String>,
    /// With which model [default: the provider's]
    #[arg(long, value_name = "MODEL", help_heading = "Frontier model")]
    frontier_model: Option<String>,
    /// Which personas it refines: selected (at or above the threshold), below, all or none
    /// [default: selected]
    #[arg(long, value_name = "WHICH", help_heading = "Frontier model")]
    refine: Option<String>,
    /// patch (edits to some fields) or rewrite (all fields anew) [default: patch]
    #[arg(long, value_name = "MODE", help_heading = "Frontier model")]
    refine_mode: Option<String>,
    /// Without --hybrid: who writes the personas, embedded, anthropic, openai or gemini
    /// [default: embedded]
    #[arg(long, value_name = "NAME", help_heading = "Frontier model")]
    provider: Option<String>,
    /// Address of the --frontier or --provider service; OpenAI's includes /v1, the others no version
    #[arg(long, value_name = "URL", help_heading = "Frontier model")]
    base_url: Option<String>,
    /// For openai: responses or chat [default: responses, with --base-url chat]
    #[arg(long, value_name = "API", help_heading = "Frontier model")]
    api: Option<String>,
    /// Price in US dollars per million tokens, for a model that is not in the table
    #[arg(long, value_name = "IN/OUT", help_heading = "Frontier model")]
    price: Option<String>,
    /// Paid calls in flight at a time [default: 4]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Frontier model")]
    parallel: Option<String>,
    /// When the local model cannot be had: frontier or fail, see below
    #[arg(long, value_name = "WHAT", help_heading = "Frontier model")]
    fallback: Option<String>,

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
    "count",
    "segments_by",
    "hybrid",
    "draft_multiplier",
    "quality_threshold",
    "max_rounds",
    "anonymise",
    "anonymise_strategy",
    "no_frontier",
    "estimate_only",
    "max_cost",
    "frontier",
    "frontier_model",
    "refine",
    "refine_mode",
    "provider",
    "base_url",
    "api",
    "price",
    "parallel",
    "fallback",
    "style",
    "detail",
    "complexity",
    "seed",
];

impl GenerateArgs {
    /// The settings said as flags.
    pub(super) fn layers(&self) -> Layers {
        let inputs = self.inputs.iter().chain(&self.input).cloned().collect();
        Layers::default()
            .flags(keys::INPUT, inputs)
            .flag(keys::COUNT, self.count.as_deref())
            .flag(keys::SEGMENTS_BY, self.segments_by.as_deref())
            .flag(keys::OUTPUT, self.output.as_deref())
            .switch(keys::HYBRID, self.hybrid)
            .flag(keys::DRAFT_MULTIPLIER, self.draft_multiplier.as_deref())
            .flag(keys::QUALITY_THRESHOLD, self.quality_threshold.as_deref())
            .flag(keys::MAX_ROUNDS, self.max_rounds.as_deref())
            .switch(keys::STRICT, self.strict)
            .switch(keys::ANONYMISE, self.anonymise)
            .flag(keys::ANONYMISE_STRATEGY, self.anonymise_strategy.as_deref())
            .flag(keys::PII_MAP, self.pii_map.as_deref())
            .switch(keys::PRIVACY_REQUIRE, self.privacy_require)
            .flags(keys::TRUSTED_HOSTS, self.trusted_hosts.clone())
            .switch(keys::NO_FRONTIER, self.no_frontier)
            .switch(keys::ESTIMATE_ONLY, self.estimate_only)
            .flag(keys::MAX_COST, self.max_cost.as_deref())
            .flag(keys::FRONTIER, self.frontier.as_deref())
            .flag(keys::FRONTIER_MODEL, self.frontier_model.as_deref())
            .flag(keys::REFINE, self.refine.as_deref())
            .flag(keys::REFINE_MODE, self.refine_mode.as_deref())
            .flag(keys::PROVIDER, self.provider.as_deref())
            .flag(keys::BASE_URL, self.base_url.as_deref())
            .flag(keys::API, self.api.as_deref())
            .flag(keys::PRICE, self.price.as_deref())
            .flag(keys::PARALLEL, self.parallel.as_deref())
            .flag(keys::FALLBACK, self.fallback.as_deref())
            .flag(keys::MODEL, self.model.as_deref())
            .flag(keys::JUDGE_MODEL, self.judge_model.as_deref())
            .flag(keys::STYLE, self.style.as_deref())
            .flag(keys::DETAIL, self.detail.as_deref())
            .flag(keys::COMPLEXITY, self.complexity.as_deref())
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
    /// On what terms a paid model takes part, where one does.
    #[serde(default)]
    pub(super) terms: Option<Terms>,
    /// How the data was anonymised, where it was.
    #[serde(default)]
    pub(super) clearing: Option<Clearing>,
}

/// A run that is ready to go.
pub(super) struct Job {
    pub(super) corpus: Cleared<Corpus>,
    pub(super) models: Models,
    pub(super) plan: Plan,
    pub(super) run: Run,
    pub(super) air_gap: Option<AirGap>,
}

/// The data of a new run, and how it was cleared.
struct Data {
    corpus: Cleared<Corpus>,
    clearing: Option<Clearing>,
}

/// What a run meets outside its own settings.
pub(super) struct Surroundings<'a> {
    pub(super) environment: &'a Environment,
    pub(super) process: super::Process,
    pub(super) output: Output,
    /// What closes the network, where it is closed.
    pub(super) air_gap: Option<AirGap>,
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
    let tools = Tools::ready(around, settings.threads)?;
    let (shop, cancel) = (tools.shop(), &tools.cancel);
    let mut job = match &args.resume {
        Some(said) => resume::job(said, layers, &settings, around, shop)?,
        None => fresh_job(&settings, around, shop)?,
    };
    output.note(&format!("run: {}", job.run.dir.display()));
    let outcome = execute(&mut job, output, cancel)?;
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
pub(super) fn check(layers: &Layers, settings: &Settings, resumes: bool) -> Result<(), Failure> {
    if settings.inputs.is_empty() && !resumes {
        return Err(Failure::usage(
            "no input given\nhint: name files or a folder, as in 'persona generate --input interviews.csv'",
        ));
    }
    let about_anonymising = layers.given_flags(&[keys::ANONYMISE_STRATEGY, keys::PII_MAP]);
    if settings.privacy.anonymise.is_none() && !resumes && !about_anonymising.is_empty() {
        return Err(Failure::usage(format!(
            "without --anonymise there is nothing for {} to act on\nhint: add --anonymise",
            about_anonymising.join(", ")
        )));
    }
    let local_only = if settings.offline { "--offline" } else { "--no-frontier" };
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
    if settings.hybrid && settings.provider.is_some() {
        return Err(Failure::usage(
            "--provider writes personas without a local model, and --hybrid with one\nhint: give one of them; --frontier names who refines in a hybrid run",
        ));
    }
    let refining = [keys::FRONTIER, keys::REFINE, keys::REFINE_MODE, keys::FALLBACK];
    let paid = [keys::FRONTIER_MODEL, keys::BASE_URL, keys::API, keys::PRICE, keys::PARALLEL];
    let said = layers.given_flags(&[&refining[..], &paid].concat());
    if !settings.frontier.allowed && !said.is_empty() && !settings.estimate_only {
        return Err(Failure::usage(format!(
            "with {local_only} there is nothing for {} to act on\nhint: leave one of them out",
            said.join(", ")
        )));
    }
    if !settings.frontier.allowed && settings.provider.is_some() {
        return Err(Failure::usage(format!(
            "--provider sends the data to a paid model, and {local_only} forbids that\nhint: leave one of them out"
        )));
    }
    let idle = if settings.provider.is_some() { layers.given_flags(&refining) } else { said };
    if !settings.hybrid && !settings.estimate_only && !resumes && !idle.is_empty() {
        return Err(Failure::usage(format!(
            "without --hybrid there is nothing for {} to act on\nhint: add --hybrid",
            idle.join(", ")
        )));
    }
    Ok(())
}

pub(super) fn fresh_job(
    settings: &Settings,
    around: &Surroundings<'_>,
    shop: Workshop<'_>,
) -> Result<Job, Failure> {
    let (environment, output) = (around.environment, around.output);
    let data = read(settings, around)?;
    let settings = &segments::named(settings, &data.corpus)?;
    if settings.provider.is_some() {
        return written_by_provider(settings, around, data);
    }
    let refiner = frontier::of_hybrid(settings, &data.corpus, environment, output)?;
    if let Some((_, paid)) = &refiner {
        clearing::before_sending(&data.corpus, paid, settings, output)?;
    }
    let judge = settings.judge_model.as_deref();
    let cast = match model::cast(&settings.model, judge, &settings.engine, shop) {
        Ok(cast) => cast,
        Err(cause) if cause.exit == Exit::NoModel && refiner.is_some() => {
            let message = cause.message();
            let (terms, paid) = frontier::fallback(settings, &data.corpus, environment, cause)?;
            output.warn(&format!(
                "{message}; falling back to {}: every record that a draft needs is sent to {}, for up to {}",
                terms.provider.name(),
                paid.host,
                terms.upper()
            ));
            clearing::before_sending(&data.corpus, &paid, settings, output)?;
            return paid_job(settings, around, data, terms, paid);
        }
        Err(cause) => return Err(cause),
    };
    let mut pipeline = settings.pipeline.clone();
    let (terms, frontier) = match refiner.filter(|_| pipeline.refine.is_some()) {
        Some((terms, paid)) => {
            (Some(terms), Some(clearing::guarded(paid, &data.corpus, settings.privacy.require)))
        }
        None => (None, None),
    };
    if frontier.is_none() {
        pipeline.refine = None;
    }
    let models = Models { frontier, ..cast.models };
    let clearing = data.clearing.clone();
    let plan = Plan { pipeline, hybrid: settings.hybrid, judge_model: cast.judge, terms, clearing };
    started_job(settings, around, data.corpus, models, plan, cast.draft)
}

/// The frontier-only run of a comparison.
pub(super) fn frontier_only_job(
    settings: &Settings,
    around: &Surroundings<'_>,
) -> Result<Job, Failure> {
    let data = read(settings, around)?;
    let settings = &segments::named(settings, &data.corpus)?;
    written_by_provider(settings, around, data)
}

fn read(settings: &Settings, around: &Surroundings<'_>) -> Result<Data, Failure> {
    let (corpus, clearing) = clearing::read(settings, around.environment, around.output)?;
    Ok(Data { corpus, clearing })
}

fn written_by_provider(
    settings: &Settings,
    around: &Surroundings<'_>,
    data: Data,
) -> Result<Job, Failure> {
    let terms = Terms::new(Role::Drafts, settings, &data.corpus)?;
    let paid = terms.connect(around.environment)?;
    clearing::before_sending(&data.corpus, &paid, settings, around.output)?;
    paid_job(settings, around, data, terms, paid)
}

/// A run in which a paid model writes: one draft a persona and no gate, since nobody local judges.
fn paid_job(
    settings: &Settings,
    around: &Surroundings<'_>,
    data: Data,
    terms: Terms,
    paid: Paid,
) -> Result<Job, Failure> {
    let Data { corpus, clearing } = data;
    let paid = clearing::guarded(paid, &corpus, settings.privacy.require);
    let pipeline = pipeline::Settings {
        multiplier: 1.0,
        threshold: pipeline::Threshold::Fixed(0.0),
        max_rounds: 0,
        refine: None,
        ..settings.pipeline.clone()
    };
    let reference = format!("{}:{}", terms.provider.name(), terms.model);
    let plan =
        Plan { pipeline, hybrid: settings.hybrid, judge_model: None, terms: Some(terms), clearing };
    started_job(settings, around, corpus, Models::paid(paid), plan, reference)
}

fn started_job(
    settings: &Settings,
    around: &Surroundings<'_>,
    corpus: Cleared<Corpus>,
    models: Models,
    plan: Plan,
    model_ref: String,
) -> Result<Job, Failure> {
    let started = Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: serde_json::to_value(&plan)
            .map_err(|e| Failure::failed(format!("cannot log the settings: {e}")))?,
        inputs: logged_inputs(settings, &corpus)?,
        input_hashes: hashes(&corpus),
        model: models.draft.capabilities().clone(),
        model_ref,
        seed: settings.pipeline.seed,
    };
    let mut run = Run::create(&settings.runs_dir, started)?;
    clearing::scrub(&mut run, &corpus);
    Ok(Job { corpus, models, plan, run, air_gap: around.air_gap })
}

/// Where the input is, for `--resume`. A path with somebody's name in it stays out of the log: then
/// `--resume` wants `--input` too.
fn logged_inputs(settings: &Settings, corpus: &Cleared<Corpus>) -> Result<Vec<PathBuf>, Failure> {
    let paths = absolute(&settings.inputs)?;
    let names = |path: &PathBuf| {
        let path = path.to_string_lossy();
        corpus.removed().is_some_and(|removed| !removed.met_in(&path).is_empty())
    };
    let renamed = corpus
        .files
        .iter()
        .any(|file| paths.iter().all(|path| !path.ends_with(&file.name) && !path.is_dir()));
    let hidden = corpus.removed().is_some() && renamed || paths.iter().any(names);
    Ok(if hidden { Vec::new() } else { paths })
}

/// What a resumed run compares: name and hash of each file that gave records.
pub(super) fn hashes(corpus: &Corpus) -> Vec<(String, String)> {
    corpus.files.iter().map(|file| (file.name.clone(), file.sha256.clone())).collect()
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let absolute = |path: &PathBuf| {
        // Standard input is kept as such: to resume, the same data is piped in again.
        if path.as_os_str() == "-" {
            return Ok(path.clone());
        }
        std::path::absolute(path)
            .map_err(|e| Failure::failed(format!("cannot resolve {}: {e}", path.display())))
    };
    paths.iter().map(absolute).collect()
}

/// Runs the pipeline. On a local run with timers only: no I/O and no signal driver, so that nothing
/// here can open a socket.
pub(super) fn execute(job: &mut Job, output: Output, cancel: &Cancel) -> Result<Outcome, Failure> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time();
    if job.plan.terms.is_some() {
        runtime.enable_all();
    }
    let runtime =
        runtime.build().map_err(|e| Failure::failed(format!("cannot start the run: {e}")))?;
    let stages = Stages::new(output);
    let dir = job.run.dir.clone();
    let Job { corpus, models, plan, run, .. } = job;
    let ended =
        runtime.block_on(pipeline::run(corpus, models, &plan.pipeline, run, &stages, cancel));
    ended.map_err(|error| {
        let hint =
            format!("what was done is kept; 'persona generate --resume {}' goes on", dir.display());
        Failure::from(error).with_hint(&hint)
    })
}

pub(super) fn interrupted(run: &Run) -> Failure {
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
pub(super) fn write_files(job: &mut Job) -> Result<serde_json::Value, Failure> {
    let removed = job.corpus.removed().map(Arc::clone);
    let process = Process {
        clearance: job.corpus.clearance().name().to_owned(),
        removed: removed
            .as_ref()
            .map(|removed| removed.counts.iter().map(|(e, n)| (e.name(), *n)).collect()),
        air_gap: job.air_gap.map(AirGap::name),
        peak_rss_bytes: peak_rss_bytes(),
        terms: job.plan.terms.as_ref().map(shown_terms),
    };
    let view = View { state: &job.run.state, corpus: &job.corpus, process: &process };
    let mut report = report::report(view);
    let failed = |e: serde_json::Error| Failure::failed(format!("cannot write the reports: {e}"));
    let mut files = report::files(view).map_err(failed)?;
    if let Some(removed) = &removed {
        let (clean, masked): (Vec<_>, Vec<_>) =
            files.into_iter().map(|file| clearing::scanned(file, removed)).unzip();
        files = clean;
        let masked =
            masked.into_iter().sum::<usize>() + clearing::mask_document(&mut report, removed);
        report["privacy"]["final_scan"] = json!({ "files": files.len() + 1, "masked": masked });
    }
    files.push(report::report_file(&report).map_err(failed)?);
    for (name, bytes) in files {
        job.run.write(&name, &bytes)?;
    }
    if !job.run.state.finished {
        job.run.record(Event::Finished)?;
    }
    Ok(report)
}

/// What the report says of the paid model.
fn shown_terms(terms: &Terms) -> report::Terms {
    let bounds = match terms.role {
        Role::Drafts => terms.estimate.frontier_only,
        Role::Refines => terms.estimate.hybrid,
    };
    report::Terms {
        provider: terms.provider.name().to_owned(),
        price: terms.price.clone(),
        cap: terms.cap,
        estimate: bounds,
        frontier_only: terms.estimate.frontier_only,
        fallback: terms.fallback,
    }
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
    let count = personas.len();
    let asked = report["settings"]["count"].as_u64().unwrap_or_default();
    if (count as u64) < asked {
        lines.push(format!("{count} of the {asked} personas asked for could be written"));
    }
    if let Some(passed) = partial.filter(|passed| *passed < count) {
        lines.push(format!(
            "{passed} of {count} reached the quality threshold; the others are flagged"
        ));
    }
    lines.extend(report::quality_line(&report["set"]));
    lines.extend(report::money_line(&run.state));
    let counted = report::counted(personas.len(), "persona");
    lines.push(format!("{counted} in {}", run.dir.display()));
    output.result(&lines.join("\n"))
}
