//! A new run, from settings to what is ready to start: its data, its models and their terms.
//!
//! Owns what a run needs and what the log keeps of that. `resume` makes the same of a run that was
//! begun before.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::AirGap;
use crate::cli::Surroundings;
use crate::cli::backend::{self, Connected, Server};
use crate::cli::clearing::{self, Clearing};
use crate::cli::estimate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier::{self, Role, Service, Terms};
use crate::cli::model::{self, Loader};
use crate::cli::segments;
use crate::config::Settings;
use crate::corpus::Corpus;
use crate::hybrid::{self, Barred};
use crate::ledger::FrontierOnly;
use crate::pipeline::{self, Models, Paid};
use crate::privacy::Cleared;
use crate::store::{Run, Started};

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

/// A new run by these settings, as the log will have it from its first line on.
pub(super) fn fresh(
    settings: &Settings,
    around: &Surroundings<'_>,
    loader: Loader<'_>,
) -> Result<Job, Failure> {
    let (environment, output) = (around.environment, around.output);
    if settings.provider.is_some() {
        return by_provider(settings, around, loader);
    }
    let refiner = frontier::of_hybrid(settings, environment, output)?;
    let data = read(settings, loader)?;
    let settings = &segments::named(settings, &data.corpus)?;
    if let Some((_, paid)) = &refiner {
        clearing::before_sending(&data.corpus, paid, settings, output)?;
    }
    let chosen = match choose_models(settings, around, &data, loader) {
        Ok(chosen) => chosen,
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
            (Some(terms), Some(hybrid::guarded(paid, &data.corpus, barred(settings))))
        }
        None => (None, None),
    };
    if frontier.is_none() {
        pipeline.refine = None;
    }
    let alternative = match terms {
        None => alternative(settings, &data.corpus)?,
        Some(_) => None,
    };
    let models = Models { frontier, ..chosen.models };
    let plan = Plan {
        pipeline,
        hybrid: settings.hybrid,
        judge_model: chosen.judge,
        terms,
        server: chosen.server,
        clearing: data.clearing.clone(),
        alternative,
    };
    started(settings, around, data.corpus, models, plan, chosen.reference)
}

/// What it would have cost to let the usual frontier model write everything; `None` where its price
/// is unknown.
fn alternative(
    settings: &Settings,
    corpus: &Cleared<Corpus>,
) -> Result<Option<FrontierOnly>, Failure> {
    let frontier = &settings.frontier;
    let price = frontier::model(frontier, frontier.provider).and_then(|model| {
        frontier::price(frontier, &settings.privacy.trusted_hosts, frontier.provider, &model)
    });
    price.ok().map(|price| estimate::frontier_only(corpus, settings, &price)).transpose()
}

/// The models that draft and judge, and how a resumed run finds them again.
struct ChosenModels {
    models: Models,
    reference: String,
    judge: Option<String>,
    server: Option<Server>,
}

/// Loads the engine's models, or connects to those of a server.
fn choose_models(
    settings: &Settings,
    around: &Surroundings<'_>,
    data: &Data,
    loader: Loader<'_>,
) -> Result<ChosenModels, Failure> {
    if let Some(connected) = backend::chosen(settings, around.environment, loader.task)? {
        clearing::before_sending(&data.corpus, &connected.draft, settings, around.output)?;
        let server = connected.server.clone();
        let models = served(connected, &data.corpus, barred(settings), loader);
        return Ok(ChosenModels {
            models,
            reference: server.reference(),
            judge: None,
            server: Some(server),
        });
    }
    let judge = settings.judge_model.as_deref();
    let roles = model::load_roles(&settings.model, judge, &settings.engine, loader)?;
    Ok(ChosenModels {
        models: roles.models,
        reference: roles.draft,
        judge: roles.judge,
        server: None,
    })
}

/// What may not leave this machine, as `--privacy-require` says.
pub(super) fn barred(settings: &Settings) -> Barred {
    if settings.privacy.require { Barred::Personal } else { Barred::Removed }
}

/// A server's models, with the outbound check in front of them.
pub(super) fn served(
    connected: Connected,
    corpus: &Cleared<Corpus>,
    barred: Barred,
    loader: Loader<'_>,
) -> Models {
    let guarded = |paid| hybrid::guarded(paid, corpus, barred);
    let (draft, judge) = (guarded(connected.draft), guarded(connected.judge));
    Models::served(draft, judge, Some(loader.judge_cache.to_owned()))
}

fn read(settings: &Settings, loader: Loader<'_>) -> Result<Data, Failure> {
    let (corpus, clearing) = clearing::read(settings, loader)?;
    Ok(Data { corpus, clearing })
}

/// A run that a paid model does alone. Problems with the service are reported before the data is
/// read.
pub(super) fn by_provider(
    settings: &Settings,
    around: &Surroundings<'_>,
    loader: Loader<'_>,
) -> Result<Job, Failure> {
    let service = Service::new(Role::Drafts, settings)?;
    let paid = service.connect(around.environment)?;
    let data = read(settings, loader)?;
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
    let paid = hybrid::guarded(paid, &corpus, barred(settings));
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
    started(settings, around, corpus, Models::paid(paid), plan, reference)
}

fn started(
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
