//! `persona generate --resume`: the log says what the run was; this finds it all again.
//!
//! Refuses to go on with other data or another model: the personas would rest on neither. What is
//! still to do is for the pipeline to see from the log.

use std::path::{Path, PathBuf};

use crate::cli::backend;
use crate::cli::clearing;
use crate::cli::failure::Failure;
use crate::cli::frontier::{Role, Terms};
use crate::cli::generate::{self, Job, Plan, Surroundings, hashes};
use crate::cli::model::{self, Workshop};
use crate::cli::runs;
use crate::config::{Layers, Settings, keys};
use crate::hybrid;
use crate::llm::Capabilities;
use crate::pipeline::Models;
use crate::store::{Event, Run, Started, StoreError};

/// The run that `said` names, with its data and its models, ready to go on.
pub(super) fn job(
    said: &Path,
    layers: &Layers,
    settings: &Settings,
    around: &Surroundings<'_>,
    shop: Workshop<'_>,
) -> Result<Job, Failure> {
    let mut run = Run::open(&runs::find(said, &settings.runs_dir)?).map_err(as_it_was)?;
    let Some(started) = run.state.started.clone() else {
        return Err(Failure::failed(format!("the log in {} has no beginning", run.dir.display())));
    };
    let plan: Plan = serde_json::from_value(started.settings.clone()).map_err(|e| {
        Failure::failed(format!(
            "cannot read the settings of {}: {e}\nhint: it was made by version {}; start a new run",
            run.dir.display(),
            started.version
        ))
    })?;
    if started.version != env!("CARGO_PKG_VERSION") {
        shop.waiting.output.warn(&format!(
            "the run was begun by version {} and goes on with {}",
            started.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let environment = around.environment;
    let seed = plan.pipeline.seed;
    let inputs = inputs(&started, settings, layers)?;
    let clearing = plan.clearing.as_ref();
    let corpus = clearing::read_again(inputs, clearing, seed, settings, environment, shop)?;
    same_data(&started, &hashes(&corpus))?;
    hybrid::scrub(&mut run, &corpus);
    let air_gap = around.air_gap;
    if let Some(terms) = plan.terms.as_ref().filter(|_| settings.offline) {
        return Err(Failure::usage(format!(
            "the run asks {}, and --offline forbids that\nhint: leave --offline out",
            terms.service.provider.name()
        )));
    }
    if let Some(server) = plan.server.as_ref().filter(|_| settings.offline) {
        return Err(Failure::usage(format!(
            "the run asks a server ({}), and --offline forbids that\nhint: leave --offline out",
            server.name()
        )));
    }
    let connect = |terms: &Terms| -> Result<_, Failure> {
        let paid = terms.service.connect(environment)?;
        clearing::before_sending(&corpus, &paid, settings, around.output)?;
        Ok(hybrid::guarded(paid, &corpus, settings.privacy.require))
    };
    let frontier = match &plan.terms {
        Some(terms) if terms.role == Role::Drafts => {
            let models = Models::paid(connect(terms)?);
            run.record(Event::Resumed).map_err(as_it_was)?;
            return Ok(Job { corpus, models, plan, run, air_gap });
        }
        Some(terms) => Some(connect(terms)?),
        None => None,
    };
    if let Some(server) = &plan.server {
        let connected = backend::connect(server, environment, shop.waiting)?;
        clearing::before_sending(&corpus, &connected.draft, settings, around.output)?;
        let models = generate::served(connected, &corpus, settings.privacy.require, shop);
        same_model(&started, models.draft.capabilities())?;
        run.record(Event::Resumed).map_err(as_it_was)?;
        return Ok(Job { corpus, models: Models { frontier, ..models }, plan, run, air_gap });
    }
    // A model file may have moved since; a flag says where it is now.
    let draft = if layers.is_explicit(keys::MODEL) { &settings.model } else { &started.model_ref };
    let judge = plan.judge_model.as_deref().or(settings.judge_model.as_deref());
    let cast = model::cast(draft, judge, &settings.engine, shop)?;
    same_model(&started, cast.models.draft.capabilities())?;
    run.record(Event::Resumed).map_err(as_it_was)?;
    let models = Models { frontier, ..cast.models };
    Ok(Job { corpus, models, plan, run, air_gap })
}

/// A failure before anything was done.
fn as_it_was(error: StoreError) -> Failure {
    let refused = matches!(error, StoreError::Io { .. });
    let failure = Failure::from(error);
    let hint = "the run is as it was; the same command goes on with it later";
    if refused { failure.with_hint(hint) } else { failure }
}

/// Where the data is: the log says so, unless a path would have told a name.
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

fn same_model(started: &Started, now: &Capabilities) -> Result<(), Failure> {
    if started.model.sha256 == now.sha256 && (now.sha256.is_some() || started.model.id == now.id) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "cannot resume: the run was begun with {}, and this is {}\nhint: give the first model's file with --model, or start a new run",
        started.model.id, now.id
    )))
}
