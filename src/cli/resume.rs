//! `persona generate --resume`: opens a run's log again and finds the data and the models it names.
//!
//! Refuses to go on with other data or another model, since the personas would rest on neither. What
//! is still to be done is not decided here: the pipeline derives it from the log.

use std::path::{Path, PathBuf};

use crate::cli::Surroundings;
use crate::cli::backend;
use crate::cli::clearing;
use crate::cli::failure::Failure;
use crate::cli::frontier::{Role, Terms};
use crate::cli::job::{self, Job, Plan, hashes};
use crate::cli::model::{self, Loader};
use crate::cli::runs;
use crate::config::{Layers, Settings, keys};
use crate::corpus::Corpus;
use crate::hybrid;
use crate::llm::Capabilities;
use crate::pipeline::Models;
use crate::privacy::Cleared;
use crate::store::{Event, Run, Started, StoreError};

/// What the command that resumes a run says itself, beside what the log says.
pub(super) struct Command<'a> {
    pub(super) layers: &'a Layers,
    pub(super) settings: &'a Settings,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) loader: Loader<'a>,
}

/// The run that `said` names, with its data and its models, ready to go on.
pub(super) fn job(said: &Path, command: &Command<'_>) -> Result<Job, Failure> {
    let Command { layers, settings, around, loader } = *command;
    let mut run = Run::open(&runs::find(said, &settings.runs_dir)?).map_err(as_it_was)?;
    let Some(started) = run.state.started.clone() else {
        return Err(Failure::failed(format!("the log in {} has no beginning", run.dir.display())));
    };
    let plan = plan(&started, &run.dir)?;
    if started.version != env!("CARGO_PKG_VERSION") {
        loader.task.output.warn(&format!(
            "the run was begun by version {} and goes on with {}",
            started.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let inputs = inputs(&started, settings, layers)?;
    let clearing = plan.clearing.as_ref();
    let seed = plan.pipeline.seed;
    let corpus = clearing::read_again(inputs, clearing, seed, settings, loader)?;
    same_data(&started, &hashes(&corpus))?;
    hybrid::scrub(&mut run, &corpus);
    if settings.offline {
        needs_no_network(&plan)?;
    }
    let models = models(&plan, &started, &corpus, command)?;
    run.record(Event::Resumed).map_err(as_it_was)?;
    Ok(Job { corpus, models, plan, run, air_gap: around.air_gap })
}

/// The settings that the run was begun with, from its log.
fn plan(started: &Started, dir: &Path) -> Result<Plan, Failure> {
    serde_json::from_value(started.settings.clone()).map_err(|e| {
        Failure::failed(format!(
            "cannot read the settings of {}: {e}\nhint: it was made by version {}; start a new run",
            dir.display(),
            started.version
        ))
    })
}

/// Refuses a run that asks a service or a server: for `--offline`.
fn needs_no_network(plan: &Plan) -> Result<(), Failure> {
    let service = plan.terms.as_ref().map(|terms| terms.service.provider.name().to_owned());
    let server = plan.server.as_ref().map(|server| format!("a server ({})", server.name()));
    match service.or(server) {
        None => Ok(()),
        Some(asked) => Err(Failure::usage(format!(
            "the run asks {asked}, and --offline forbids that\nhint: leave --offline out"
        ))),
    }
}

/// Loads or connects the models that the run was begun with.
fn models(
    plan: &Plan,
    started: &Started,
    corpus: &Cleared<Corpus>,
    command: &Command<'_>,
) -> Result<Models, Failure> {
    let Command { layers, settings, around, loader } = *command;
    let barred = job::barred(settings);
    let connect = |terms: &Terms| -> Result<_, Failure> {
        let paid = terms.service.connect(around.environment)?;
        clearing::before_sending(corpus, &paid, settings, around.output)?;
        Ok(hybrid::guarded(paid, corpus, barred))
    };
    let frontier = match &plan.terms {
        Some(terms) if terms.role == Role::Drafts => return Ok(Models::paid(connect(terms)?)),
        Some(terms) => Some(connect(terms)?),
        None => None,
    };
    let models = if let Some(server) = &plan.server {
        let connected = backend::reconnect(server, around.environment, loader.task)?;
        clearing::before_sending(corpus, &connected.draft, settings, around.output)?;
        job::served(connected, corpus, barred, loader)
    } else {
        // A model file may have moved since; `--model` says where it is now.
        let moved = layers.is_explicit(keys::MODEL);
        let draft = if moved { &settings.model } else { &started.model_ref };
        let judge = plan.judge_model.as_deref().or(settings.judge_model.as_deref());
        model::load_roles(draft, judge, &settings.engine, loader)?.models
    };
    same_model(started, models.draft.capabilities())?;
    Ok(Models { frontier, ..models })
}

/// A failure before anything was written to the run.
fn as_it_was(error: StoreError) -> Failure {
    let refused = matches!(error, StoreError::Io { .. });
    let failure = Failure::from(error);
    let hint = "the run is as it was; the same command goes on with it later";
    if refused { failure.with_hint(hint) } else { failure }
}

/// Where the data is. The log says so, unless the path holds personal data: then `--input` must.
fn inputs<'a>(
    started: &'a Started,
    settings: &'a Settings,
    layers: &Layers,
) -> Result<&'a [PathBuf], Failure> {
    let given = !layers.given_flags(&[keys::INPUT]).is_empty();
    match (started.inputs.is_empty(), given) {
        (false, false) => Ok(&started.inputs),
        (true, true) => Ok(&settings.inputs),
        (false, true) => Err(Failure::usage(
            "--input cannot be used with --resume: the run has its input\nhint: leave --input out",
        )),
        (true, false) => Err(Failure::usage(
            "the log does not say where the input is, because its path holds a name\nhint: give the same --input again",
        )),
    }
}

/// Fails when a file changed, or came or went, since the run began.
fn same_data(started: &Started, now: &[(String, String)]) -> Result<(), Failure> {
    if started.input_hashes == now {
        return Ok(());
    }
    let changed =
        |(name, hash): &&(String, String)| !now.iter().any(|(n, h)| n == name && h == hash);
    let names: Vec<&str> =
        started.input_hashes.iter().filter(changed).map(|(name, _)| name.as_str()).collect();
    let what = if names.is_empty() { "there are new files".to_owned() } else { names.join(", ") };
    Err(Failure::failed(format!(
        "cannot resume: the input changed since the run began ({what})\nhint: put the files back as they were, or start a new run"
    )))
}

/// Fails when the drafting model is not the one the run was begun with: by the hash of its file, or
/// by its name where a server gives no hash.
fn same_model(started: &Started, now: &Capabilities) -> Result<(), Failure> {
    if started.model.sha256 == now.sha256 && (now.sha256.is_some() || started.model.id == now.id) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "cannot resume: the run was begun with {}, and this is {}\nhint: give the first model's file with --model, or start a new run",
        started.model.id, now.id
    )))
}
