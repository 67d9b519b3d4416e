//! `persona generate`: from research data to personas.
//!
//! Owns the order of the steps: settings, data, models, run, reports, result. The steps themselves
//! are elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::AirGap;
use crate::cli::backend::{self, Connected, Server};
use crate::cli::clearing::{self, Clearing};
use crate::cli::contradictions;
use crate::cli::estimate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier::{self, Role, Service, Terms};
use crate::cli::generate_args::GenerateArgs;
use crate::cli::model::{self, Tools, Workshop};
use crate::cli::output::Output;
use crate::cli::progress::Stages;
use crate::cli::resume;
use crate::cli::segments;
use crate::cli::table;
use crate::config::{Environment, Layers, Settings};
use crate::corpus::Corpus;
use crate::hybrid;
use crate::ledger::FrontierOnly;
use crate::pipeline::{self, Cancel, Models, Outcome, Paid};
use crate::privacy::Cleared;
use crate::report::{self, Format, Process, View};
use crate::schema::Persona;
use crate::store::{Event, Run, Started};

/// The settings that the log keeps, so that a resumed run needs no flags.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    #[serde(flatten)]
    pub(super) pipeline: pipeline::Settings,
    /// Whether several drafts competed for each persona.
    pub(super) hybrid: bool,
    /// The model of `--judge-model`, resolved.
    pub(super) judge_model: Option<String>,
    /// The terms on which a paid model takes part, where one does.
    #[serde(default)]
    pub(super) terms: Option<Terms>,
    /// The server that drafts and judges in place of the engine, where there is one.
    #[serde(default)]
    pub(super) server: Option<Server>,
    /// How the data was anonymised; `None` where it was not.
    #[serde(default)]
    pub(super) clearing: Option<Clearing>,
    /// What a frontier model would have cost, where none takes part.
    #[serde(default)]
    pub(super) alternative: Option<FrontierOnly>,
}

/// A run that is ready to start.
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

/// What a run needs from outside its settings.
pub(super) struct Surroundings<'a> {
    pub(super) environment: &'a Environment,
    pub(super) process: super::Process,
    pub(super) output: Output,
    /// How the network is closed; `None` where it is open.
    pub(super) air_gap: Option<AirGap>,
}

pub(super) fn run(
    args: &GenerateArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let settings = Settings::resolve(layers)?;
    contradictions::check(layers, &settings, args.resume.is_some())?;
    if settings.estimate_only {
        return estimate::run(&settings, output);
    }
    let tools = Tools::ready(around, settings.threads)?;
    let (shop, cancel) = (tools.shop(), &tools.cancel);
    let mut job = match &args.resume {
        Some(said) => {
            resume::job(said, &resume::Command { layers, settings: &settings, around, shop })?
        }
        None => fresh_job(&settings, around, shop)?,
    };
    output.note(&format!("run: {}", job.run.dir.display()));
    let outcome = execute(&mut job, output, cancel)?;
    if outcome == Outcome::Interrupted {
        return Err(interrupted(&job.run));
    }
    let written = write_files(&mut job, &settings.formats);
    let report = written.map_err(|failure| failure.with_hint(&goes_on(&job.run.dir)))?;
    let personas = job.run.state.selected.as_deref().unwrap_or_default();
    clearing::after_writing(&job.corpus, personas, output);
    show(&job.run, outcome, &report, output).map_err(|failure| {
        failure.with_hint(&format!("all is written: see {}", job.run.dir.display()))
    })?;
    Ok(match outcome {
        Outcome::Partial { .. } if settings.strict => Exit::Partial,
        _ => Exit::Done,
    })
}

pub(super) fn fresh_job(
    settings: &Settings,
    around: &Surroundings<'_>,
    shop: Workshop<'_>,
) -> Result<Job, Failure> {
    let (environment, output) = (around.environment, around.output);
    if settings.provider.is_some() {
        return written_by_provider(settings, around, shop);
    }
    let refiner = frontier::of_hybrid(settings, environment, output)?;
    let data = read(settings, around, shop)?;
    let settings = &segments::named(settings, &data.corpus)?;
    if let Some((_, paid)) = &refiner {
        clearing::before_sending(&data.corpus, paid, settings, output)?;
    }
    let team = match team(settings, around, &data, shop) {
        Ok(team) => team,
        // A mistyped model name must not end up costing money.
        Err(cause) if cause.exit == Exit::NoModel && !cause.is_misnamed() && refiner.is_some() => {
            let message = cause.message();
            let (terms, paid) = frontier::fallback(settings, &data.corpus, environment, cause)?;
            output.warn(&format!(
                "{message}; falling back to {}: every record that a draft needs is sent to {}, for up to {}",
                terms.service.provider.name(),
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
        Some((service, paid)) => {
            let terms = Terms::new(Role::Refines, service, settings, &data.corpus)?;
            (Some(terms), Some(hybrid::guarded(paid, &data.corpus, settings.privacy.require)))
        }
        None => (None, None),
    };
    if frontier.is_none() {
        pipeline.refine = None;
    }
    let alternative = match terms {
        None => estimate::frontier_only(&data.corpus, settings)?,
        Some(_) => None,
    };
    let models = Models { frontier, ..team.models };
    let plan = Plan {
        pipeline,
        hybrid: settings.hybrid,
        judge_model: team.judge,
        terms,
        server: team.server,
        clearing: data.clearing.clone(),
        alternative,
    };
    started_job(settings, around, data.corpus, models, plan, team.reference)
}

/// The models that draft and judge, and how a resumed run finds them again.
struct Team {
    models: Models,
    reference: String,
    judge: Option<String>,
    server: Option<Server>,
}

/// Loads the engine's models, or connects to those of a server.
fn team(
    settings: &Settings,
    around: &Surroundings<'_>,
    data: &Data,
    shop: Workshop<'_>,
) -> Result<Team, Failure> {
    if let Some(connected) = backend::chosen(settings, around.environment, shop.waiting)? {
        clearing::before_sending(&data.corpus, &connected.draft, settings, around.output)?;
        let server = connected.server.clone();
        let models = served(connected, &data.corpus, settings.privacy.require, shop);
        return Ok(Team {
            models,
            reference: server.reference(),
            judge: None,
            server: Some(server),
        });
    }
    let judge = settings.judge_model.as_deref();
    let cast = model::cast(&settings.model, judge, &settings.engine, shop)?;
    Ok(Team { models: cast.models, reference: cast.draft, judge: cast.judge, server: None })
}

/// A server's models, with the outbound check in front of them.
pub(super) fn served(
    connected: Connected,
    corpus: &Cleared<Corpus>,
    require: bool,
    shop: Workshop<'_>,
) -> Models {
    let guarded = |paid| hybrid::guarded(paid, corpus, require);
    let (draft, judge) = (guarded(connected.draft), guarded(connected.judge));
    Models::served(draft, judge, Some(shop.judge_cache.to_owned()))
}

fn read(
    settings: &Settings,
    around: &Surroundings<'_>,
    shop: Workshop<'_>,
) -> Result<Data, Failure> {
    let (corpus, clearing) = clearing::read(settings, around.environment, shop)?;
    Ok(Data { corpus, clearing })
}

/// A run that a paid model does alone. Problems with the service are reported before the data is
/// read.
pub(super) fn written_by_provider(
    settings: &Settings,
    around: &Surroundings<'_>,
    shop: Workshop<'_>,
) -> Result<Job, Failure> {
    let service = Service::new(Role::Drafts, settings)?;
    let paid = service.connect(around.environment)?;
    let data = read(settings, around, shop)?;
    let settings = &segments::named(settings, &data.corpus)?;
    clearing::before_sending(&data.corpus, &paid, settings, around.output)?;
    let terms = Terms::new(Role::Drafts, service, settings, &data.corpus)?;
    paid_job(settings, around, data, terms, paid)
}

/// A run in which a paid model writes: one draft per persona and no gate, since there is no local
/// judge.
fn paid_job(
    settings: &Settings,
    around: &Surroundings<'_>,
    data: Data,
    terms: Terms,
    paid: Paid,
) -> Result<Job, Failure> {
    let Data { corpus, clearing } = data;
    let paid = hybrid::guarded(paid, &corpus, settings.privacy.require);
    let pipeline = pipeline::Settings {
        multiplier: 1.0,
        threshold: pipeline::Threshold::Fixed(0.0),
        max_rounds: 0,
        refine: None,
        ..settings.pipeline.clone()
    };
    let reference = format!("{}:{}", terms.service.provider.name(), terms.service.model);
    let plan = Plan {
        pipeline,
        hybrid: settings.hybrid,
        judge_model: None,
        terms: Some(terms),
        server: None,
        clearing,
        alternative: None,
    };
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
    let mut run = Run::create(&settings.runs_dir, started)
        .map_err(|e| Failure::from(e).with_hint("--output DIR puts the run elsewhere"))?;
    hybrid::scrub(&mut run, &corpus);
    Ok(Job { corpus, models, plan, run, air_gap: around.air_gap })
}

/// The paths of the input, for `--resume`. Paths with somebody's name in them stay out of the log;
/// `--resume` then needs `--input` too.
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

/// Name and hash of each file that gave records, which a resumed run compares.
pub(super) fn hashes(corpus: &Corpus) -> Vec<(String, String)> {
    corpus.files.iter().map(|file| (file.name.clone(), file.sha256.clone())).collect()
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let absolute = |path: &PathBuf| {
        // Standard input is kept as `-`: to resume, the same data is piped in again.
        if path.as_os_str() == "-" {
            return Ok(path.clone());
        }
        std::path::absolute(path)
            .map_err(|e| Failure::failed(format!("cannot resolve {}: {e}", path.display())))
    };
    paths.iter().map(absolute).collect()
}

/// Runs the pipeline. A local run gets a runtime with timers only, without I/O and signal drivers,
/// so that nothing in it can open a socket.
pub(super) fn execute(job: &mut Job, output: Output, cancel: &Cancel) -> Result<Outcome, Failure> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time();
    if job.plan.terms.is_some() || job.plan.server.is_some() {
        runtime.enable_all();
    }
    let runtime =
        runtime.build().map_err(|e| Failure::failed(format!("cannot start the run: {e}")))?;
    let stages = Stages::new(output);
    let dir = job.run.dir.clone();
    let Job { corpus, models, plan, run, .. } = job;
    let ended =
        runtime.block_on(pipeline::run(corpus, models, &plan.pipeline, run, &stages, cancel));
    ended.map_err(|error| match Failure::from(error) {
        // A run keeps to its cap over all resumes, so that there is no hint to resume it.
        failure if failure.exit == Exit::Budget => failure,
        failure => failure.with_hint(&goes_on(&dir)),
    })
}

/// A hint how to resume a run that broke off.
fn goes_on(dir: &Path) -> String {
    format!("what was done is kept; 'persona generate --resume {}' goes on", dir.display())
}

pub(super) fn interrupted(run: &Run) -> Failure {
    Failure::new(
        Exit::Interrupted,
        anyhow::anyhow!(
            "interrupted with {} written; the log is kept\nhint: 'persona generate --resume {}' goes on",
            report::counted(run.state.drafts.len(), "draft"),
            run.dir.display(),
        ),
    )
}

/// Writes the files of the run folder, and finally logs that the run is finished.
pub(super) fn write_files(job: &mut Job, formats: &[Format]) -> Result<serde_json::Value, Failure> {
    let process = Process {
        air_gap: job.air_gap.map(AirGap::name),
        terms: job.plan.terms.as_ref().map(shown_terms),
        alternative: job.plan.alternative.clone(),
        ..hybrid::process(&job.corpus)
    };
    let view = View { state: &job.run.state, corpus: &job.corpus, process: &process };
    let removed = job.corpus.removed().map(Arc::as_ref);
    let (files, report) = hybrid::files(view, removed, formats)?;
    for (name, bytes) in files {
        job.run.write(&name, &bytes)?;
    }
    if !job.run.state.finished {
        job.run.record(Event::Finished)?;
    }
    Ok(report)
}

/// The terms of the paid model as the report shows them.
pub(super) fn shown_terms(terms: &Terms) -> report::Terms {
    let bounds = match terms.role {
        Role::Drafts => terms.estimate.frontier_only,
        Role::Refines => terms.estimate.hybrid,
    };
    report::Terms {
        provider: terms.service.provider.name().to_owned(),
        price: terms.service.price.clone(),
        cap: terms.service.cap,
        estimate: bounds,
        frontier_only: terms.estimate.frontier_only,
        fallback: terms.fallback,
    }
}

pub(super) fn show(
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
    // For a shard, only its own part counts as asked for.
    let own = run.state.plan.as_ref().filter(|plan| plan.of_slots.is_some());
    let asked = match own {
        Some(plan) => plan.slots.len() as u64,
        None => report["settings"]["count"].as_u64().unwrap_or_default(),
    };
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
    output.result(&lines.join("\n"))?;
    output.note(&next(run, personas, report));
    Ok(())
}

/// The next commands that are most useful now, at most three.
fn next(run: &Run, personas: &[Persona], report: &serde_json::Value) -> String {
    let dir = run.dir.display();
    let mut next = vec![format!("open {}", run.dir.join("report.html").display())];
    // The judge on a server can only be asked within runs.
    let local = run.state.started.as_ref().filter(|started| {
        let drafts = &started.settings["terms"]["role"] == "drafts";
        started.settings["server"].is_null() && !drafts
    });
    if let Some(model) = local.map(|started| &started.model_ref) {
        next.push(if personas.iter().any(|persona| persona.below_threshold) {
            format!("persona calibrate --model {model}    # what its scores are worth")
        } else {
            format!("persona evaluate {dir}/personas.json --model {model}")
        });
    }
    let paid = report["cost"]["frontier"]["attempts"].as_u64().is_some_and(|calls| calls > 0);
    if paid || local.is_none() {
        next.push(format!("persona runs show {dir}"));
    }
    if !paid {
        next.push(format!("persona report {dir} --format markdown,csv,tinytroupe"));
    }
    format!("next:\n  {}", next.join("\n  "))
}
