//! `persona generate`: from research data to personas.
//!
//! Owns the order of the steps: settings, data, models, run, reports, result. The steps themselves
//! are elsewhere.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::AirGap;
use crate::cli::Surroundings;
use crate::cli::backend::Server;
use crate::cli::clearing;
use crate::cli::contradictions::{self, Start};
use crate::cli::estimate_only;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier::Terms;
use crate::cli::generate_args::GenerateArgs;
use crate::cli::job::{self, Job};
use crate::cli::model::Session;
use crate::cli::output::Output;
use crate::cli::progress::Stages;
use crate::cli::resume;
use crate::cli::table;
use crate::config::{Layers, Settings};
use crate::hybrid;
use crate::pipeline::{self, Cancel, Outcome};
use crate::report::{self, Format, Process, View};
use crate::schema::Persona;
use crate::store::{Event, Run, Started};

pub(super) fn run(
    args: &GenerateArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let settings = Settings::resolve(layers)?;
    let start = if args.resume.is_some() { Start::Resumed } else { Start::New };
    contradictions::check(layers, &settings, start)?;
    if settings.estimate_only {
        return estimate_only::run(&settings, output);
    }
    let session = Session::start(around, settings.threads)?;
    let (loader, cancel) = (session.loader(), &session.cancel);
    let mut job = match &args.resume {
        Some(said) => {
            resume::job(said, &resume::Command { layers, settings: &settings, around, loader })?
        }
        None => job::fresh(&settings, around, loader)?,
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
pub(super) fn write_files(job: &mut Job, formats: &[Format]) -> Result<Value, Failure> {
    let process = Process {
        air_gap: job.air_gap.map(AirGap::name),
        terms: job.plan.terms.as_ref().map(Terms::for_report),
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

pub(super) fn show(
    run: &Run,
    outcome: Outcome,
    report: &Value,
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
fn next(run: &Run, personas: &[Persona], report: &Value) -> String {
    let dir = run.dir.display();
    let mut next = vec![format!("open {}", run.dir.join("report.html").display())];
    let judge = run.state.started.as_ref().and_then(judge_of);
    if let Some(judge) = &judge {
        next.push(if personas.iter().any(|persona| persona.below_threshold) {
            format!("persona calibrate {judge}    # what its scores are worth")
        } else {
            format!("persona evaluate {dir}/personas.json {judge}")
        });
    }
    let paid = report["cost"]["frontier"]["attempts"].as_u64().is_some_and(|calls| calls > 0);
    if paid || judge.is_none() {
        next.push(format!("persona runs show {dir}"));
    }
    if !paid {
        next.push(format!("persona report {dir} --format markdown,csv,tinytroupe"));
    }
    format!("next:\n  {}", next.join("\n  "))
}

/// The flags with which other commands ask the judge of a run; `None` where they cannot.
fn judge_of(started: &Started) -> Option<String> {
    if started.settings["terms"]["role"] == "drafts" {
        return None;
    }
    match &started.settings["server"] {
        Value::Null => Some(format!("--model {}", started.model_ref)),
        server => serde_json::from_value::<Server>(server.clone()).ok()?.flags(),
    }
}
