//! `persona report`: writes a run's files again, even those of a run that died.
//!
//! Owns the choice of the data: the run's own records where the run was finished, else the input,
//! read and cleared again as it was then. The log is read and never written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Surroundings;
use crate::cli::clearing;
use crate::cli::failure::Failure;
use crate::cli::frontier::Terms;
use crate::cli::job::{Plan, hashes};
use crate::cli::model::Session;
use crate::cli::output::Output;
use crate::cli::runs;
use crate::config::{self, Layers, Settings, keys};
use crate::corpus::Corpus;
use crate::hybrid;
use crate::privacy::Cleared;
use crate::report::{self, Format, Process, RunFile, View};
use crate::store::{Run, RunState, write_atomically};

/// What can be said to `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run's folder, or its name under --output [default: the newest run]
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// Folder of the run folders
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// What is written beside JSON and HTML: markdown, csv, tinytroupe, joined by commas
    /// [default: markdown]
    #[arg(long, value_name = "FORMATS")]
    format: Option<String>,
}

impl ReportArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        Layers::default()
            .flag(keys::OUTPUT, self.output.as_deref())
            .flag(keys::FORMAT, self.format.as_deref())
    }
}

pub(super) fn run(
    args: &ReportArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<(), Failure> {
    let (runs_dir, formats) = (config::runs_dir(layers)?, config::formats(layers)?);
    let dir = match &args.run {
        Some(said) => runs::find(said, &runs_dir)?,
        None => newest(&runs_dir)?,
    };
    let state = Run::read(&dir)?;
    let files = match kept(&dir, &state)? {
        Some((corpus, report)) => of_kept(&state, &corpus, &report, &formats)?,
        None => anew(&state, layers, around, &formats)?,
    };
    for (name, bytes) in &files {
        write_atomically(&dir.join(name), bytes)?;
    }
    tell(&dir, &state, &files, around.output)
}

fn newest(runs_dir: &Path) -> Result<PathBuf, Failure> {
    Run::list(runs_dir)?.into_iter().next().ok_or_else(|| {
        Failure::usage(format!(
            "there is no run in {}\nhint: 'persona generate INPUT' makes one; --output says where the runs are",
            runs_dir.display()
        ))
    })
}

/// The data and the report that a finished run left; both were cleared and checked when written.
fn kept(dir: &Path, state: &RunState) -> Result<Option<(Corpus, Value)>, Failure> {
    if state.finished { read_back(dir) } else { Ok(None) }
}

/// The data and the report in a finished run's folder; `None` where a file is missing.
pub(super) fn read_back(dir: &Path) -> Result<Option<(Corpus, Value)>, Failure> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
    let (Some(lines), Some(report)) = (read("records.jsonl"), read("report.json")) else {
        return Ok(None);
    };
    let bad = |e: serde_json::Error| {
        Failure::failed(format!(
            "cannot read the records of {}: {e}\nhint: remove its records.jsonl, and they are made from the input again",
            dir.display()
        ))
    };
    let report: Value = serde_json::from_str(&report).map_err(bad)?;
    Ok(Some((report::read_records(&lines, &report).map_err(bad)?, report)))
}

/// The files of a finished run, except `report.json`, which holds what only that process knew.
fn of_kept(
    state: &RunState,
    corpus: &Corpus,
    report: &Value,
    formats: &[Format],
) -> Result<Vec<RunFile>, Failure> {
    let process = Process::default();
    let view = View { state, corpus, process: &process };
    let failed = |e: serde_json::Error| Failure::failed(format!("cannot write the reports: {e}"));
    let mut files = report::files(view, formats).map_err(failed)?;
    files.retain(|(name, _)| name != "records.jsonl");
    let page = report::page(view, report);
    files.push(report::page_file(&page).map_err(Failure::failed)?);
    Ok(files)
}

/// The files of a run that was not finished, from its log and its input.
fn anew(
    state: &RunState,
    layers: &Layers,
    around: &Surroundings<'_>,
    formats: &[Format],
) -> Result<Vec<RunFile>, Failure> {
    let plan = state.started.as_ref().map(|s| serde_json::from_value::<Plan>(s.settings.clone()));
    let plan = plan.and_then(Result::ok);
    let data = data(state, plan.as_ref(), layers, around);
    if let Err(cause) = &data {
        around.output.warn(&format!(
            "{}; the report is made from the log alone, without the records around quotes",
            cause.message()
        ));
    }
    let terms = plan.as_ref().and_then(|plan| plan.terms.as_ref()).map(Terms::for_report);
    // The memory in use now is that of this command, not of the run.
    let known = data.as_ref().map(hybrid::process).unwrap_or_default();
    let alternative = plan.and_then(|plan| plan.alternative);
    let process = Process { peak_rss_bytes: None, terms, alternative, ..known };
    let empty = Corpus::default();
    let corpus = data.as_ref().map_or(&empty, |data| &**data);
    let view = View { state, corpus, process: &process };
    let removed = data.as_ref().ok().and_then(Cleared::removed).map(Arc::as_ref);
    let (mut files, _) = hybrid::files(view, removed, formats)?;
    if data.is_err() {
        files.retain(|(name, _)| name != "records.jsonl");
    }
    Ok(files)
}

/// The input of the run, read and cleared again.
fn data(
    state: &RunState,
    plan: Option<&Plan>,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Cleared<Corpus>, Failure> {
    let unknown =
        || Failure::failed("the log does not say what the input was or how it was cleared");
    let (started, plan) = state.started.as_ref().zip(plan).ok_or_else(unknown)?;
    if started.inputs.is_empty() || started.inputs.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure::failed("the log does not say where the input is"));
    }
    let mut settings = Settings::resolve(layers)?;
    // Writing a report must not write the map back to the values.
    settings.privacy.map = None;
    let (clearing, seed) = (plan.clearing.as_ref(), plan.pipeline.seed);
    let session = Session::start(around, settings.threads)?;
    let loader = session.loader();
    let corpus = clearing::read_again(&started.inputs, clearing, seed, &settings, loader)?;
    if started.input_hashes != hashes(&corpus) {
        return Err(Failure::failed("the input changed since the run began"));
    }
    Ok(corpus)
}

fn tell(dir: &Path, state: &RunState, files: &[RunFile], output: Output) -> Result<(), Failure> {
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    if output.is_json() {
        return output.document(&json!({ "run": dir, "finished": state.finished, "files": names }));
    }
    let mut lines = vec![format!("{} in {}", report::counted(files.len(), "file"), dir.display())];
    lines.push(format!("open {}", dir.join("report.html").display()));
    if !state.finished {
        lines.push(format!(
            "the run is unfinished: 'persona generate --resume {}' goes on",
            dir.display()
        ));
    }
    output.result(&lines.join("\n"))
}
