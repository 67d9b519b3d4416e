//! `persona models`: which models there are, and getting them onto this machine.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::catalogue::{self, ModelSpec};
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::model::{self, Waiting};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::table::{megabytes, table};
use crate::config::Environment;
use crate::hub::{self, HubOptions, Installed, LocalModel, ModelRef, Place};

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the catalogue and what is on this machine
    List,
    /// Fetch a model: a catalogue name or owner/repo[:QUANT][@rev]
    Pull {
        /// Catalogue name, or owner/repo[:QUANT][@rev]
        model: String,
    },
    /// Copy a GGUF file into the data directory; needs no network
    Import {
        /// The file
        file: PathBuf,
    },
    /// Compare a model's hash with what it should be
    Verify {
        /// Catalogue name, owner/repo[:QUANT][@rev], or a path; all on this machine unless given
        model: Option<String>,
    },
}

impl ModelsCommand {
    /// Whether it is of no use without a network.
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
        ModelsCommand::List => list(&hub, output),
        ModelsCommand::Pull { model } => pull(&model, &hub, output),
        ModelsCommand::Import { file } => import(&file, &hub, output),
        ModelsCommand::Verify { model } => verify(model.as_deref(), &hub, output),
    }
}

fn list(hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let installed = hub::list(hub);
    let others: Vec<&Installed> =
        installed.iter().filter(|i| catalogue::find(&i.model.name).is_err()).collect();
    let location = |spec: &'static ModelSpec| hub::locate(&ModelRef::Catalogue(spec), hub);
    if output.is_json() {
        let catalogue: Vec<Value> = catalogue::models()
            .iter()
            .map(|spec| json!({ "model": spec, "path": location(spec).map(|local| local.path) }))
            .collect();
        let others: Vec<Value> = others.into_iter().map(described).collect();
        return output.document(&json!({ "catalogue": catalogue, "others": others }));
    }
    let row = |spec: &'static ModelSpec| {
        vec![
            spec.name.clone(),
            megabytes(spec.bytes),
            megabytes(spec.memory_needed(spec.context.min(8192))),
            spec.licence.clone(),
            if spec.verified { "pinned" } else { "not checked by us" }.to_owned(),
            if location(spec).is_some() { "yes" } else { "" }.to_owned(),
        ]
    };
    let header = ["name", "size", "memory", "licence", "hash", "on disk"];
    let mut text = table(&header, catalogue::models().iter().map(row));
    if !others.is_empty() {
        let row = |other: &Installed| vec![other.model.name.clone(), megabytes(other.bytes)];
        text.push_str("\n\nAlso on this machine:\n");
        text.push_str(&table(&["name", "size"], others.into_iter().map(row)));
    }
    output.result(&text)
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

fn pull(said: &str, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let wanted = ModelRef::parse(said)?;
    let cancel = interrupt::watch(output)?;
    show(&model::fetch(&wanted, hub, Waiting { output, cancel: &cancel })?, output)
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

fn verify(said: Option<&str>, hub: &HubOptions, output: Output) -> Result<(), Failure> {
    let locals: Vec<LocalModel> = match said {
        None => hub::list(hub).into_iter().map(|installed| installed.model).collect(),
        Some(said) => {
            let local = hub::locate(&ModelRef::parse(said)?, hub);
            let missing = || {
                Failure::no_model(format!(
                    "{said} is not on this machine\nhint: run 'persona models pull {said}'"
                ))
            };
            vec![local.ok_or_else(missing)?]
        }
    };
    let mut rows = Vec::new();
    for local in &locals {
        let _spinner = Spinner::start(output, &format!("hashing {}", local.name));
        let pin = catalogue::find(&local.name).ok().and_then(|spec| spec.sha256.as_deref());
        let found = hub::verify(local, pin)?;
        let checked =
            if pin.is_some() || local.sha256.is_some() { "ok" } else { "nothing to compare with" };
        rows.push((local.name.clone(), checked, found));
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
