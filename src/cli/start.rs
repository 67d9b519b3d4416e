//! The first five minutes: what to do first on this machine, a demonstration, help for the shell.
//!
//! Owns these texts and no work of its own; each suggestion is a command that another file
//! implements.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::catalogue::{self, ModelSpec};
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

/// What is on this machine that decides what to do first.
struct Found {
    /// Catalogue models that are on disk.
    models: Vec<&'static str>,
    /// Providers whose keys are set.
    keys: Vec<&'static str>,
    /// Files in the current folder that can be read as data.
    data: Vec<String>,
    runs_dir: PathBuf,
    /// Folders of runs, newest first.
    runs: Vec<PathBuf>,
}

/// A command, and what it does.
type Step = (String, &'static str);

/// Shows what is on this machine, and what to do first.
pub(super) fn first(
    layers: &Layers,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let found = Found::look(layers, environment)?;
    let steps = found.steps();
    if output.is_json() {
        let steps: Vec<_> = steps
            .iter()
            .map(|(command, what)| json!({ "command": command, "what": what }))
            .collect();
        return output.document(&json!({
            "models": found.models, "runs": found.runs.len(), "data": found.data,
            "keys": found.keys, "next": steps,
        }));
    }
    output.result(&format!(
        "persona turns research data into user personas that are linked to their evidence.\n\n\
         {}\n\nDo first:\n{}\n\n\
         All commands: persona --help. Every command has --help with examples.",
        found.text(),
        steps_text(&steps)
    ))
}

impl Found {
    fn look(layers: &Layers, environment: &Environment) -> Result<Self, Failure> {
        let hub = environment.hub_options();
        let here =
            |spec: &&'static ModelSpec| hub::locate(&ModelRef::Catalogue(spec), &hub).is_some();
        let key = |provider: &Provider| environment.api_key(*provider).is_some();
        let runs_dir = runs_dir(layers)?;
        Ok(Self {
            models: catalogue::models().iter().filter(here).map(|m| m.name.as_str()).collect(),
            keys: Provider::ALL.into_iter().filter(key).map(Provider::name).collect(),
            data: data_here(),
            runs: Run::list(&runs_dir).unwrap_or_default(),
            runs_dir,
        })
    }

    /// The most useful commands, at most three.
    fn steps(&self) -> Vec<Step> {
        const INSPECT: &str = "what is understood of your data; no model needed";
        let mut steps: Vec<Step> = self.runs.first().map(|run| go_on(run)).into_iter().collect();
        if let Some(file) = self.data.first() {
            steps.push((format!("persona inspect {file}"), INSPECT));
            steps.push((
                format!("persona generate {file} --hybrid --no-frontier"),
                "personas from it, on this machine alone",
            ));
        } else if self.runs.is_empty() {
            steps.push(("persona inspect YOUR-DATA".to_owned(), INSPECT));
        }
        if self.runs.is_empty() {
            let what = if self.models.contains(&MODEL) {
                "the whole way on built-in interviews: about a minute"
            } else {
                "the whole way on built-in interviews; fetches a model of 98 MB once"
            };
            steps.insert(steps.len().min(2), ("persona demo".to_owned(), what));
        }
        steps.truncate(3);
        steps
    }

    /// What was found, for people.
    fn text(&self) -> String {
        let models = match self.models.as_slice() {
            [] => "no model yet; one is fetched when it is first needed".to_owned(),
            names => names.join(", "),
        };
        let keys = match self.keys.as_slice() {
            [] => "none set, and none needed".to_owned(),
            names => format!(
                "{} (used only with --hybrid, to polish; --no-frontier forbids it)",
                names.join(", ")
            ),
        };
        let data = match self.data.as_slice() {
            [] => "no file of a kind that can be read in this folder".to_owned(),
            files if files.len() > NAMED => {
                format!("{} and {} more", files[..NAMED].join(", "), files.len() - NAMED)
            }
            files => files.join(", "),
        };
        let runs = match self.runs.len() {
            0 => format!("none yet in {}", self.runs_dir.display()),
            many => format!("{} in {}", counted(many, "run"), self.runs_dir.display()),
        };
        format!("models      {models}\npaid keys   {keys}\ndata here   {data}\nruns        {runs}")
    }
}

/// What to do with the newest run.
fn go_on(run: &Path) -> Step {
    if Run::read(run).is_ok_and(|state| state.finished) {
        (format!("persona report {}", run.display()), "write your newest run's report again")
    } else {
        (format!("persona generate --resume {}", run.display()), "go on with your newest run")
    }
}

/// Commands and what they do side by side, where that fits into a narrow terminal.
fn steps_text(steps: &[Step]) -> String {
    let width = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let line = |(command, what): &Step| {
        if width <= 44 {
            format!("  {command:<width$}   {what}")
        } else {
            format!("  {command}\n      {what}")
        }
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
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
