//! `persona runs`: lists and shows runs, from their logs alone.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::{personas, table};
use crate::config::{self, Layers, keys};
use crate::store::{Run, RunState};

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// List the runs
    #[command(
        after_help = "Examples:\n  persona runs list\n  persona runs list --output study --json"
    )]
    List {
        /// Folder of the run folders
        #[arg(long, value_name = "DIR")]
        output: Option<String>,
    },
    /// Show a run's personas and how it went
    #[command(
        after_help = "Examples:\n  persona runs show 20260301-101500-1\n  persona runs show personas/RUN --json"
    )]
    Show {
        /// The run's folder, or its name under --output
        run: PathBuf,
        /// Folder of the run folders
        #[arg(long, value_name = "DIR")]
        output: Option<String>,
    },
}

impl RunsCommand {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        let (Self::List { output } | Self::Show { output, .. }) = self;
        Layers::default().flag(keys::OUTPUT, output.as_deref())
    }
}

pub(super) fn run(command: RunsCommand, layers: &Layers, output: Output) -> Result<(), Failure> {
    let runs_dir = config::runs_dir(layers)?;
    match command {
        RunsCommand::List { .. } => list(&runs_dir, output),
        RunsCommand::Show { run, .. } => show(&find(&run, &runs_dir)?, output),
    }
}

/// The folder of the run that the user named, by its path or by its name in the runs' folder.
pub(super) fn find(said: &Path, runs_dir: &Path) -> Result<PathBuf, Failure> {
    for candidate in [said.to_owned(), runs_dir.join(said)] {
        let dir = std::path::absolute(&candidate).unwrap_or(candidate);
        if Run::is_at(&dir)? {
            return Ok(dir);
        }
    }
    Err(Failure::usage(format!(
        "there is no run '{}', neither as a path nor in {}\nhint: 'persona runs list' lists the runs",
        said.display(),
        runs_dir.display()
    )))
}

fn list(runs_dir: &Path, output: Output) -> Result<(), Failure> {
    let runs = read_all(runs_dir, output)?;
    if output.is_json() {
        let rows = runs.iter().map(|(dir, state)| summary(dir, state));
        return output.document(&rows.collect::<Value>());
    }
    if runs.is_empty() {
        return output.result(&format!("no runs in {}", runs_dir.display()));
    }
    let row = |(dir, state): &(PathBuf, RunState)| {
        let started = state.started.as_ref();
        vec![
            name(dir),
            started.map_or_else(String::new, |s| s.model.id.clone()),
            state.drafts.len().to_string(),
            state.selected.as_ref().map_or_else(|| "–".to_owned(), |all| all.len().to_string()),
            status(state).to_owned(),
        ]
    };
    output.result(&table(&["run", "model", "drafts", "personas", "status"], runs.iter().map(row)))
}

/// Every readable run, newest first. A run that cannot be read is reported and does not hide the
/// others.
fn read_all(runs_dir: &Path, output: Output) -> Result<Vec<(PathBuf, RunState)>, Failure> {
    let mut runs = Vec::new();
    for dir in Run::list(runs_dir)? {
        match Run::read(&dir) {
            Ok(state) => runs.push((dir, state)),
            Err(error) => output.warn(&error.to_string()),
        }
    }
    Ok(runs)
}

fn show(dir: &Path, output: Output) -> Result<(), Failure> {
    let state = Run::read(dir)?;
    let selected = state.selected.as_deref().unwrap_or_default();
    if output.is_json() {
        let mut document = summary(dir, &state);
        document["notes"] = json!(state.notes);
        document["settings"] = json!(state.started.as_ref().map(|s| &s.settings));
        document["personas"] = json!(selected);
        return output.document(&document);
    }
    let mut lines = vec![format!("{}: {}", name(dir), status(&state))];
    if let Some(started) = &state.started {
        let inputs: Vec<&str> =
            started.input_hashes.iter().map(|(name, _)| name.as_str()).collect();
        let (model, seed) = (&started.model.id, started.seed);
        lines.push(format!("model {model}, seed {seed}, inputs {}", inputs.join(", ")));
    }
    let (written, dropped) = (state.drafts.len(), state.dropped.len());
    lines.push(format!("{written} drafts written, {dropped} dropped, {} selected", selected.len()));
    lines.extend(state.notes.iter().map(|note| format!("note: {note}")));
    if !selected.is_empty() {
        lines.push(personas(selected));
    }
    output.result(&lines.join("\n"))
}

fn summary(dir: &Path, state: &RunState) -> Value {
    let started = state.started.as_ref();
    json!({
        "run": name(dir), "path": dir, "status": status(state),
        "model": started.map(|s| &s.model.id), "seed": started.map(|s| s.seed),
        "drafts": state.drafts.len(), "dropped": state.dropped.len(),
        "selected": state.selected.as_ref().map(Vec::len), "resumed": state.resumed,
    })
}

fn status(state: &RunState) -> &'static str {
    if state.finished { "finished" } else { "unfinished, can be resumed" }
}

fn name(dir: &Path) -> String {
    dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
}
