//! From what `--model` says to a model that answers.
//!
//! Owns the choice of `auto`, the fetch on first use, and loading. Knows where models are only
//! through `hub`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::catalogue::ModelSpec;
use crate::cli::Surroundings;
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt;
use crate::cli::machine::{Automatic, Machine};
use crate::cli::output::Output;
#[cfg(feature = "net")]
use crate::cli::progress::Downloads;
use crate::cli::progress::Spinner;
use crate::cli::recommend;
use crate::cli::table::human_bytes;
use crate::config::{Environment, Layers, keys};
use crate::engine::{DEFAULT_CONTEXT, Engine, EngineOptions};
use crate::hub::{self, HubError, HubOptions, LocalModel, ModelRef};
use crate::llm::ChatModel;
use crate::llm::embedded::EmbeddedModel;
use crate::llm::scripted::ScriptedModel;
use crate::pipeline::{Cancel, Models};

/// Prefix of models that answer from a script: for tests of this program, and not in its help.
const SCRIPTED: &str = "scripted:";

/// What every long operation gets: where it says how far it is, and whether it is to stop.
#[derive(Clone, Copy)]
pub(super) struct TaskContext<'a> {
    pub(super) output: Output,
    pub(super) cancel: &'a Cancel,
}

/// What loading a model needs.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) environment: &'a Environment,
    pub(super) hub: &'a HubOptions,
    pub(super) task: TaskContext<'a>,
    /// Where what was measured about judges is kept.
    pub(super) judge_cache: &'a Path,
}

/// Where and how a local model runs: flags of every command that loads one.
#[derive(Debug, Args)]
pub(super) struct EngineArgs {
    /// auto, cpu, cuda or metal [default: auto]
    #[arg(long, value_name = "DEVICE", help_heading = "Local model")]
    device: Option<String>,
    /// Compute threads [default: physical cores]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Local model")]
    threads: Option<String>,
    /// Sequences computed together [default: 8]
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

impl EngineArgs {
    /// Adds what was said as flags.
    pub(super) fn add_to(&self, layers: Layers) -> Layers {
        layers
            .flag(keys::DEVICE, self.device.as_deref())
            .flag(keys::THREADS, self.threads.as_deref())
            .flag(keys::BATCH, self.batch.as_deref())
            .flag(keys::CONTEXT, self.context.as_deref())
            .flag(keys::TOKENIZER, self.tokenizer.as_deref())
    }
}

/// A process that is ready to compute: what its commands load models with, and Ctrl-C.
pub(super) struct Session<'a> {
    environment: &'a Environment,
    hub: HubOptions,
    judge_cache: PathBuf,
    output: Output,
    pub(super) cancel: Cancel,
}

impl<'a> Session<'a> {
    /// Prepares the process for computing and watches for Ctrl-C, which starts a thread: so in this
    /// order, and once a process.
    pub(super) fn start(
        around: &Surroundings<'a>,
        threads: Option<usize>,
    ) -> Result<Self, Failure> {
        (around.process.prepare_to_compute)(threads);
        Ok(Self {
            environment: around.environment,
            hub: around.environment.hub_options(),
            judge_cache: around.environment.judge_cache(),
            output: around.output,
            cancel: interrupt::watch(around.output)?,
        })
    }

    pub(super) fn loader(&self) -> Loader<'_> {
        let task = TaskContext { output: self.output, cancel: &self.cancel };
        Loader {
            environment: self.environment,
            hub: &self.hub,
            task,
            judge_cache: &self.judge_cache,
        }
    }
}

/// The models of a run's two roles, drafting and judging, and how to find each again.
pub(super) struct Roles {
    pub(super) models: Models,
    pub(super) draft: String,
    pub(super) judge: Option<String>,
}

/// Loads the drafting model and, where another one judges, that one too.
pub(super) fn load_roles(
    draft: &str,
    judge: Option<&str>,
    options: &EngineOptions,
    loader: Loader<'_>,
) -> Result<Roles, Failure> {
    let draft = load(draft, options, loader)?;
    let judge = judge.map(|said| load(said, options, loader)).transpose()?;
    let judging = judge.as_ref().map_or(&draft, |judge| judge);
    Ok(Roles {
        models: Models::local(
            Arc::clone(&draft.model),
            Arc::clone(&judging.model),
            Some(loader.judge_cache.to_owned()),
        ),
        judge: judge.map(|judge| judge.reference),
        draft: draft.reference,
    })
}

/// A model and how to find it again.
pub(super) struct Loaded {
    pub(super) model: Arc<dyn ChatModel>,
    /// What `--model` must say to get the same: never `auto`, and a path is absolute.
    pub(super) reference: String,
}

/// Finds, fetches where needed, and loads the model that `said` names.
pub(super) fn load(
    said: &str,
    options: &EngineOptions,
    loader: Loader<'_>,
) -> Result<Loaded, Failure> {
    if said.starts_with(SCRIPTED) {
        let model = ScriptedModel::parse(said).map_err(Failure::usage)?;
        return Ok(Loaded { model: Arc::new(model), reference: said.to_owned() });
    }
    let (engine, name, reference) = open(said, options, loader)?;
    Ok(Loaded { model: Arc::new(EmbeddedModel::new(engine, name)), reference })
}

/// The engine of the model that `said` names, with the model's name, for those who want no chats.
pub(super) fn engine(
    said: &str,
    options: &EngineOptions,
    loader: Loader<'_>,
) -> Result<(Engine, String), Failure> {
    open(said, options, loader).map(|(engine, name, _)| (engine, name))
}

/// The engine, the model's name, and how to find it again.
fn open(
    said: &str,
    options: &EngineOptions,
    loader: Loader<'_>,
) -> Result<(Engine, String, String), Failure> {
    let wanted = match said {
        "auto" => ModelRef::Catalogue(choose(options, loader)?),
        named => ModelRef::parse(named)?,
    };
    let local = obtain(&wanted, loader)?;
    if loader.task.cancel.is_cancelled() {
        return Err(interrupted());
    }
    let reference = match &wanted {
        ModelRef::Path(path) => absolute(path)?,
        ModelRef::Catalogue(spec) => spec.name.clone(),
        ModelRef::Repo(_) | ModelRef::Ollama(_) => said.to_owned(),
    };
    let _spinner = Spinner::start(loader.task.output, &format!("loading {}", local.name));
    let engine = Engine::load(&local.path, options)?;
    let info = engine.info();
    // Loading hashes the file anyway; the hash of a split model is of all its parts.
    if let Some(recorded) = local.sha256.as_deref().filter(|_| !hub::is_split(&local.path))
        && recorded != info.sha256
    {
        return Err(HubError::damaged(&local.path, recorded, info.sha256.clone()).into());
    }
    let batch = info.batch;
    if let Some(note) = info.note {
        loader.task.output.warn(&format!("architecture '{}' runs by {note}", info.architecture));
    } else if batch < options.max_batch {
        loader.task.output.warn(&format!(
            "memory holds {batch} of the {} drafts that were to be written together; \
             a shorter --context makes room for more",
            options.max_batch
        ));
    }
    Ok((engine, local.name, reference))
}

/// Nothing of the run has begun yet. What a download left on disk is kept, and gone on with.
fn interrupted() -> Failure {
    let text = "interrupted before the run began\nhint: run the same command again";
    Failure::new(Exit::Interrupted, anyhow::anyhow!(text))
}

/// The model's file: where it is, else fetched now.
fn obtain(wanted: &ModelRef, loader: Loader<'_>) -> Result<LocalModel, Failure> {
    match (hub::locate(wanted, loader.hub), wanted) {
        (Some(local), _) => Ok(local),
        (None, ModelRef::Path(path)) => Err(HubError::NoFile { path: path.clone() }.into()),
        (None, ModelRef::Ollama(wanted)) => {
            let gone = || HubError::NoFile { path: wanted.to_string().into() };
            Err(hub::not_in_ollama(wanted, loader.hub).unwrap_or_else(gone).into())
        }
        (None, _) => fetch(wanted, loader.environment, loader.hub, loader.task),
    }
}

/// What `auto` means here, told to the user.
fn choose(options: &EngineOptions, loader: Loader<'_>) -> Result<&'static ModelSpec, Failure> {
    let machine = Machine::look();
    let context = options.context.unwrap_or(DEFAULT_CONTEXT);
    let (spec, note) = match machine.automatic(context, loader.hub) {
        Automatic::OnDisk(spec) => {
            (spec, format!("model: {} (on disk; --model chooses another)", spec.name))
        }
        Automatic::ToFetch(spec) => {
            let note = format!(
                "model: {}, {} to fetch (recommended for {} of free memory; --model chooses another, 'persona models recommend' explains)",
                spec.name,
                human_bytes(spec.bytes),
                human_bytes(machine.free)
            );
            (spec, note)
        }
        Automatic::Nothing => return Err(recommend::nothing_fits(&machine, context)),
    };
    loader.task.output.note(&note);
    Ok(spec)
}

/// A path as it is found from anywhere.
pub(super) fn absolute(path: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(path)
        .map_err(|e| Failure::failed(format!("cannot resolve {}: {e}", path.display())))?;
    Ok(path.to_string_lossy().into_owned())
}

/// Fetches on a runtime of its own: the one that runs the pipeline has timers only.
#[cfg(feature = "net")]
pub(super) fn fetch(
    wanted: &ModelRef,
    environment: &Environment,
    options: &HubOptions,
    task: TaskContext<'_>,
) -> Result<LocalModel, Failure> {
    if !options.offline {
        environment.check_proxies()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start the download: {e}")))?;
    let bars = Downloads::new(task.output);
    let show = |progress: hub::PullProgress<'_>| bars.show(progress);
    runtime.block_on(async {
        tokio::select! {
            pulled = hub::pull(wanted, options, &show) => Ok(pulled?),
            () = task.cancel.cancelled() => Err(interrupted()),
        }
    })
}

/// Without `net` a model can only be found.
#[cfg(not(feature = "net"))]
pub(super) fn fetch(
    wanted: &ModelRef,
    _: &Environment,
    options: &HubOptions,
    _: TaskContext<'_>,
) -> Result<LocalModel, Failure> {
    hub::locate(wanted, options).ok_or_else(|| {
        Failure::no_model(
            "the model is not on this machine, and this build cannot fetch it\nhint: bring the file and run 'persona models import FILE', or give its path to --model",
        )
    })
}
