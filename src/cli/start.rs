//! The first five minutes: what to do first on this machine, a demonstration, help for the shell.
//!
//! Owns these texts and no work of its own; each suggestion is a command that another file
//! implements.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::catalogue;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::config::{Environment, Layers, Provider, runs_dir};
use crate::hub::{self, ModelRef};
use crate::report::counted;
use crate::store::{Run, write_atomically};

/// Invented interviews, to show the way from data to report.
const SAMPLE: &str = include_str!("../../examples/interviews.csv");
/// The smallest model of the catalogue, since the demonstration should be quick.
const MODEL: &str = "smollm2-135m";
/// Extensions of files that are suggested as input.
const DATA: [&str; 9] = ["csv", "tsv", "xlsx", "ods", "jsonl", "docx", "vtt", "srt", "json"];
/// Most files that are suggested by name.
const NAMED: usize = 3;

/// What can be said to `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Folder for the sample data and the run
    #[arg(long, value_name = "DIR", default_value = "persona-demo")]
    output: PathBuf,
    /// Model that drafts and judges
    #[arg(long, visible_alias = "local-model", value_name = "MODEL", default_value = MODEL)]
    model: String,
}

/// Writes the sample and returns the `generate` command line of the demonstration.
pub(super) fn demo(args: &DemoArgs, output: Output) -> Result<Vec<OsString>, Failure> {
    let sample = args.output.join("interviews.csv");
    if !sample.exists() {
        write_atomically(&sample, SAMPLE.as_bytes())?;
    }
    let sample = sample.display().to_string();
    let runs = args.output.display().to_string();
    let command = [
        "persona",
        "generate",
        "--input",
        &sample,
        "--hybrid",
        "--no-frontier",
        "--model",
        &args.model,
        "--seed",
        "7",
        "--output",
        &runs,
    ];
    output.note(&format!(
        "10 invented interviews on planning visits in home care are in {sample}; running:\n  {}",
        command.join(" ")
    ));
    Ok(command.iter().map(OsString::from).collect())
}

/// Prints a completion script.
pub(super) fn completions<C: CommandFactory>(shell: Shell, output: Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "persona", &mut script);
    output.raw(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes it and one page per command into a folder.
pub(super) fn man<C: CommandFactory>(folder: Option<&Path>, output: Output) -> Result<(), Failure> {
    let bad = |e: std::io::Error| Failure::failed(format!("cannot write the manual pages: {e}"));
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(C::command()).render(&mut page).map_err(bad)?;
        return output.raw(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(folder).map_err(bad)?;
    clap_mangen::generate_to(C::command(), folder).map_err(bad)?;
    output.result(&format!(
        "manual pages in {}\n'man {}' shows the first",
        folder.display(),
        folder.join("persona.1").display()
    ))
}

/// Shows what is on this machine, and what to do first.
pub(super) fn first(
    layers: &Layers,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let hub = environment.hub_options();
    let models = catalogue::models()
        .iter()
        .filter(|spec| hub::locate(&ModelRef::Catalogue(spec), &hub).is_some());
    let models: Vec<&str> = models.map(|spec| spec.name.as_str()).collect();
    let runs_dir = runs_dir(layers)?;
    let runs = Run::list(&runs_dir).unwrap_or_default();
    let data = data_here();
    let keys: Vec<&str> = Provider::ALL
        .into_iter()
        .filter(|provider| environment.api_key(*provider).is_some())
        .map(Provider::name)
        .collect();
    let mut steps: Vec<(String, &str)> = Vec::new();
    if let Some(run) = runs.first() {
        let finished = Run::read(run).is_ok_and(|state| state.finished);
        let (command, what) = if finished {
            (format!("persona report {}", run.display()), "write your newest run's report again")
        } else {
            (format!("persona generate --resume {}", run.display()), "go on with your newest run")
        };
        steps.push((command, what));
    }
    match data.first() {
        Some(file) => {
            steps.push((
                format!("persona inspect {file}"),
                "what is understood of your data; no model needed",
            ));
            steps.push((
                format!("persona generate {file} --hybrid --no-frontier"),
                "personas from it, on this machine alone",
            ));
        }
        None if runs.is_empty() => {
            steps.push((
                "persona inspect YOUR-DATA".to_owned(),
                "what is understood of your data; no model needed",
            ));
        }
        None => {}
    }
    if runs.is_empty() {
        let what = if models.contains(&MODEL) {
            "the whole way on built-in interviews: about a minute"
        } else {
            "the whole way on built-in interviews; fetches a model of 98 MB once"
        };
        steps.insert(steps.len().min(2), ("persona demo".to_owned(), what));
    }
    steps.truncate(3);
    if output.is_json() {
        let steps: Vec<_> = steps
            .iter()
            .map(|(command, what)| json!({ "command": command, "what": what }))
            .collect();
        return output.document(&json!({
            "models": models, "runs": runs.len(), "data": data, "keys": keys, "next": steps,
        }));
    }
    let models = match models.as_slice() {
        [] => "no model yet; one is fetched when it is first needed".to_owned(),
        names => names.join(", "),
    };
    let keys = match keys.as_slice() {
        [] => "none set, and none needed".to_owned(),
        names => format!(
            "{} (used only with --hybrid, to polish; --no-frontier forbids it)",
            names.join(", ")
        ),
    };
    let data = match data.as_slice() {
        [] => "no file of a kind that can be read in this folder".to_owned(),
        files if files.len() > NAMED => {
            format!("{} and {} more", files[..NAMED].join(", "), files.len() - NAMED)
        }
        files => files.join(", "),
    };
    let width = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let steps: Vec<String> = steps
        .iter()
        .map(|(command, what)| {
            // Side by side where that fits into a narrow terminal.
            if width <= 44 {
                format!("  {command:<width$}   {what}")
            } else {
                format!("  {command}\n      {what}")
            }
        })
        .collect();
    output.result(&format!(
        "persona turns research data into user personas that are linked to their evidence.\n\n\
         models      {models}\npaid keys   {keys}\ndata here   {data}\nruns        {}\n\n\
         Do first:\n{}\n\nAll commands: persona --help. Every command has --help with examples.",
        match runs.len() {
            0 => format!("none yet in {}", runs_dir.display()),
            many => format!("{} in {}", counted(many, "run"), runs_dir.display()),
        },
        steps.join("\n")
    ))
}

/// Names of files in the current folder that can be read as data.
fn data_here() -> Vec<String> {
    let entries = std::fs::read_dir(".").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            ending.is_some_and(|ending| DATA.contains(&ending.as_str())) && !name.starts_with('.')
        })
        .collect();
    // Kinds of files that are most likely research data come first.
    names.sort_by_key(|name| {
        let place = DATA.iter().position(|ending| name.to_ascii_lowercase().ends_with(ending));
        (place, name.clone())
    });
    names
}
