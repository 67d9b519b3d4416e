//! `persona models`: lists the models, and brings them onto this machine and off it.
//!
//! Owns the subcommands and their output. Downloads and files are left to `crate::hub`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::catalogue::{self, ModelSpec, Role};
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::machine::Machine;
use crate::cli::model::{self, TaskContext};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::recommend;
use crate::cli::table::{human_bytes, table};
use crate::config::Environment;
use crate::engine::DEFAULT_CONTEXT;
use crate::engine::gguf::{GgufFile, Value as Metadatum};
use crate::hub::{self, HubOptions, Installed, LocalModel, ModelRef, Place};
use crate::report::counted;

const NAMES: &str = "A model is named by
  smollm2-135m                      a name from 'persona models list'
  owner/repo                        a repository of the Hugging Face Hub: the best of its files
  owner/repo:Q5_K_M                 the file of that quantisation, in any case
  owner/repo:Q8_0@v1.0              of a branch, tag or commit
  owner/repo/folder/file.gguf       one file; of a split model, its first part
  hf.co/owner/repo:Q4_K_M           the same, also as an address copied from the hub
  ollama:qwen2.5:1.5b               what Ollama has fetched to this machine
  ./file.gguf                       a file of your own

Without a quantisation the first of Q4_K_M, Q4_K_S, Q8_0, Q6_K, Q5_K_M, … is taken. IQ, MXFP4 and
UD files cannot be read and are passed over.";

const VERIFY: &str = "Examples:
  persona models verify
  persona models verify smollm2-135m";

const REMOVE: &str = "Example:
  persona models rm smollm2-135m";

const PULL: &str = "Examples:
  persona models pull qwen3-4b
  persona models pull bartowski/Llama-3.2-3B-Instruct-GGUF:Q6_K
  persona models pull hf.co/owner/repo:Q4_K_M@main
  HF_ENDPOINT=https://mirror.example persona models pull owner/repo

What arrived stays when a download breaks off or is interrupted: the same command goes on.
Files go to the Hugging Face cache (HF_HOME), where other tools find them too.";

const TRANSFER: &str = "Example, from a machine with a network to one without:
  persona models export qwen3-4b --output /media/stick/qwen3-4b
  persona models import /media/stick/qwen3-4b";

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the catalogue: what fits this machine, and what is on it
    #[command(
        after_help = "Examples:\n  persona models list\n  persona models list --context 32768 --json"
    )]
    List {
        /// Context in tokens that memory is counted for
        #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CONTEXT)]
        context: usize,
    },
    /// Say which models to draft and to judge with on this machine, and why
    #[command(
        after_help = "Examples:\n  persona models recommend\n  persona models recommend --context 32768"
    )]
    Recommend {
        /// Context in tokens that memory is counted for
        #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CONTEXT)]
        context: usize,
    },
    /// Fetch a model from the Hugging Face Hub, or from a mirror where the catalogue has one
    #[command(after_help = PULL, after_long_help = format!("{PULL}\n\n{NAMES}"))]
    Pull {
        /// Catalogue name, or owner/repo[:QUANT][@rev]
        model: String,
    },
    /// Take a GGUF file, or a folder that 'export' wrote; needs no network
    #[command(after_help = TRANSFER)]
    Import {
        /// The file, or the folder
        file: PathBuf,
    },
    /// Write a model with its hash, licence and catalogue entry to a folder, for another machine
    #[command(after_help = TRANSFER)]
    Export {
        /// Any name of a model on this machine
        model: String,
        /// The folder, which is made
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Compare a model's hash with what it should be
    #[command(after_help = VERIFY, after_long_help = format!("{VERIFY}\n\n{NAMES}"))]
    Verify {
        /// Any name of a model; all on this machine unless given
        model: Option<String>,
    },
    /// Remove a model from this machine
    #[command(
        visible_alias = "remove",
        after_help = REMOVE,
        after_long_help = format!("{REMOVE}\n\n{NAMES}")
    )]
    Rm {
        /// Catalogue name, or owner/repo[:QUANT][@rev]
        model: String,
    },
}

impl ModelsCommand {
    /// Whether the command is useless without a network.
    pub(super) fn downloads(&self) -> bool {
        matches!(self, Self::Pull { .. })
    }
}

pub(super) fn run(
    command: ModelsCommand,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let hub = environment.hub_options();
    match command {
        ModelsCommand::List { context } => list(context, &hub, output),
        ModelsCommand::Recommend { context } => recommend::run(context, &hub, output),
        ModelsCommand::Pull { model } => pull(&model, environment, &hub, output),
        ModelsCommand::Import { file } => import(&file, &hub, output),
        ModelsCommand::Export { model, output: folder } => export(&model, &folder, &hub, output),
        ModelsCommand::Verify { model } => verify(model.as_deref(), &hub, output),
        ModelsCommand::Rm { model } => remove(&model, &hub, output),
    }
}

fn list(context: usize, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let machine = Machine::look();
    let installed = hub::list(hub);
    let others: Vec<&Installed> =
        installed.iter().filter(|i| catalogue::find(&i.model.name).is_err()).collect();
    let ollama = hub::ollama_models(hub);
    let location = |spec: &'static ModelSpec| hub::locate(&ModelRef::Catalogue(spec), hub);
    let needed = |spec: &ModelSpec| spec.memory_needed(context.min(spec.context));
    if output.is_json() {
        let entry = |spec: &'static ModelSpec| {
            json!({
                "model": spec, "path": location(spec).map(|local| local.path),
                "memory_bytes": needed(spec), "fits": machine.fits(spec, context),
                "fast_kernels": machine.is_fast(&spec.quant),
            })
        };
        let catalogue: Vec<Value> = catalogue::models().iter().map(entry).collect();
        let others: Vec<Value> = others.into_iter().map(described).collect();
        return output.document(&json!({
            "memory_free_bytes": machine.free, "context": context,
            "catalogue": catalogue, "others": others, "ollama": ollama,
        }));
    }
    let row = |spec: &'static ModelSpec| {
        let about = if spec.verified { "" } else { "~" };
        vec![
            spec.name.clone(),
            format!("{about}{}", human_bytes(spec.bytes)),
            format!("{about}{}", human_bytes(needed(spec))),
            if machine.fits(spec, context) { "yes" } else { "no" }.to_owned(),
            roles(spec),
            if machine.is_fast(&spec.quant) { "fast" } else { "plain" }.to_owned(),
            format!("{}k", spec.context / 1024),
            spec.licence.clone(),
            if location(spec).is_some() { "yes" } else { "" }.to_owned(),
        ]
    };
    let header = ["name", "size", "memory", "fits", "for", "cpu", "context", "licence", "here"];
    let mut text = format!(
        "{}; memory counted for a context of {context} tokens, or the model's\n\n",
        machine.memory()
    );
    text.push_str(&table(&header, catalogue::models().iter().map(row)));
    text.push_str("\n\n~ from public listings, not checked by us; the others are pinned by hash\ncpu: whether this program's own kernels compute with it here");
    if !others.is_empty() {
        let row = |other: &Installed| vec![other.model.name.clone(), human_bytes(other.bytes)];
        text.push_str("\n\nAlso on this machine:\n");
        text.push_str(&table(&["name", "size"], others.into_iter().map(row)));
    }
    if !ollama.is_empty() {
        let names: Vec<String> = ollama.iter().map(|name| format!("ollama:{name}")).collect();
        text = format!("{text}\n\nFetched by Ollama:\n  {}", names.join("\n  "));
    }
    output.result(&text)
}

fn roles(spec: &ModelSpec) -> String {
    let has = |role| spec.roles.contains(&role);
    match (has(Role::Draft), has(Role::Judge), has(Role::Test)) {
        (true, true, false) => "all",
        (true, _, true) => "trying",
        (true, false, false) => "draft",
        (false, true, _) => "judge",
        (false, false, _) => "tests",
    }
    .to_owned()
}

fn described(installed: &Installed) -> Value {
    let place = match installed.place {
        Place::DataDir => "data-dir",
        Place::HfCache => "hf-cache",
    };
    json!({
        "name": installed.model.name, "path": installed.model.path, "bytes": installed.bytes,
        "sha256": installed.model.sha256, "place": place,
    })
}

fn pull(
    said: &str,
    environment: &Environment,
    hub: &HubOptions,
    output: Output,
) -> Result<(), Failure> {
    let wanted = ModelRef::parse(said)?;
    let cancel = interrupt::watch(output)?;
    let task = TaskContext { output, cancel: &cancel };
    show(&model::fetch(&wanted, environment, hub, task)?, output)
}

fn import(file: &Path, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let spinner = Spinner::start(output, &format!("importing {}", file.display()));
    let local = hub::import(file, hub)?;
    drop(spinner);
    show(&local, output)
}

fn show(local: &LocalModel, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        let document = json!({ "name": local.name, "path": local.path, "sha256": local.sha256 });
        return output.document(&document);
    }
    output.result(&format!("{}  {}", local.name, local.path.display()))
}

/// The model on this machine that `said` names.
fn here(said: &str, hub: &HubOptions) -> Result<LocalModel, Failure> {
    let wanted = ModelRef::parse(said)?;
    if let Some(local) = hub::locate(&wanted, hub) {
        return Ok(local);
    }
    if let ModelRef::Ollama(name) = &wanted
        && let Some(error) = hub::not_in_ollama(name, hub)
    {
        return Err(error.into());
    }
    Err(match wanted {
        ModelRef::Path(path) => hub::HubError::NoFile { path }.into(),
        _ => Failure::no_model(format!(
            "{said} is not on this machine\nhint: run 'persona models pull {said}'"
        )),
    })
}

fn export(said: &str, folder: &Path, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let local = here(said, hub)?;
    let spinner = Spinner::start(output, &format!("copying {}", local.name));
    let bundle = hub::export(&local, licence(&local), folder)?;
    drop(spinner);
    if output.is_json() {
        return output.document(&json!({ "folder": folder, "model": bundle }));
    }
    let bytes: u64 = bundle.files.iter().map(|file| file.bytes).sum();
    output.note(&format!(
        "licence: {}",
        bundle.licence.as_deref().unwrap_or("not known; ask where the model came from")
    ));
    output.result(&format!(
        "{}  {} in {}, {}\non the other machine: persona models import {}",
        bundle.name,
        human_bytes(bytes),
        counted(bundle.files.len(), "file"),
        folder.display(),
        folder.display()
    ))
}

/// The licence that the model's file states.
fn licence(local: &LocalModel) -> Option<String> {
    let file = GgufFile::open(&local.path).ok()?;
    match file.metadata().get("general.license") {
        Some(Metadatum::Text(licence)) => Some(licence.clone()),
        _ => None,
    }
}

fn remove(said: &str, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let wanted = ModelRef::parse(said)?;
    let Some(removed) = hub::remove(&wanted, hub)? else {
        return Err(Failure::no_model(format!(
            "{said} is not on this machine, so there is nothing to remove\nhint: 'persona models list' shows what is"
        )));
    };
    if output.is_json() {
        return output.document(&json!({ "removed": removed.paths, "freed_bytes": removed.bytes }));
    }
    let paths: Vec<String> = removed.paths.iter().map(|path| path.display().to_string()).collect();
    output.result(&format!(
        "removed {}\n{} freed",
        paths.join("\n        "),
        human_bytes(removed.bytes)
    ))
}

fn verify(said: Option<&str>, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let locals: Vec<LocalModel> = match said {
        None => hub::list(hub).into_iter().map(|installed| installed.model).collect(),
        Some(said) => vec![here(said, hub)?],
    };
    let mut rows = Vec::new();
    // One damaged file says nothing about the others: all are checked, and each failure is
    // reported.
    let mut bad: Vec<Failure> = Vec::new();
    for local in &locals {
        let _spinner = Spinner::start(output, &format!("hashing {}", local.name));
        let pin = catalogue::find(&local.name).ok().and_then(|spec| spec.sha256.as_deref());
        match hub::verify(local, pin) {
            Ok(found) => {
                let known = pin.is_some() || local.sha256.is_some();
                let checked = if known { "ok" } else { "nothing to compare with" };
                rows.push((local.name.clone(), checked, found));
            }
            Err(error) => bad.push(error.into()),
        }
    }
    if let Some(failure) = bad.pop() {
        for other in &bad {
            output.warn(&other.text());
        }
        for (name, checked, _) in &rows {
            output.note(&format!("{name}: {checked}"));
        }
        return Err(failure);
    }
    if output.is_json() {
        let row = |(name, result, sha256): &(String, &str, String)| json!({ "name": name, "result": result, "sha256": sha256 });
        return output.document(&rows.iter().map(row).collect::<Value>());
    }
    if rows.is_empty() {
        return output.result("no models on this machine");
    }
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, result, hash)| format!("{name}: {result}, SHA-256 {hash}"))
        .collect();
    output.result(&lines.join("\n"))
}
