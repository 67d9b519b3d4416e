//! `persona evaluate`: scores personas, whoever wrote them.
//!
//! Owns the flags and the table. Reads the file and the data; everything else is the library's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalogue::closest;
use crate::cli::Surroundings;
use crate::cli::backend;
use crate::cli::clearing;
use crate::cli::contradictions;
use crate::cli::failure::{Exit, Failure};
use crate::cli::judge::{self, Judge, JudgeArgs};
use crate::cli::model::Session;
use crate::cli::output::Output;
use crate::cli::table::{human_bytes, table};
use crate::config::{Layers, Settings};
use crate::corpus::Corpus;
use crate::evaluate::foreign::{self, Claimed};
use crate::evaluate::scorecard::{self, Evaluated, Evaluation};
use crate::privacy::Cleared;
use crate::report::counted;

/// Largest file of personas that is read, in bytes: a thousand long personas take a tenth of it.
const MAX_BYTES: u64 = 64 << 20;
/// Most personas side by side in a table.
const COLUMNS: usize = 5;

const AFTER: &str = "\
FILE is JSON with personas in it: our personas.json, an array, an object that holds one, one persona a
line; ours or another tool's. Known names of the parts: name, title, role, bio, background, description,
goals, needs, pains, pain_points, frustrations, behaviours, behaviors, habits, motivations, quotes,
demographics, and what is usual beside them.

Read the judge score with its scale: 0 is as bad as a corrupted persona, 1 as good as a good one, on
personas written for that purpose; ± is how far it moves when the same is asked in other words. A
criterion without weight is shown and not counted, because this model cannot be trusted with it.
'persona calibrate' shows what the judge can and cannot see.

Examples:
  persona evaluate personas/RUN/personas.json --source interviews.csv
  persona evaluate other-tool.json --criteria coherence,completeness --json
  persona evaluate other-tool.json --backend openai --backend-url http://127.0.0.1:8080/v1";

#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(super) struct EvaluateArgs {
    /// JSON file with personas
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The research data behind them: groundedness is scored and quotes are checked
    #[arg(long, value_name = "PATH", num_args = 1..)]
    source: Vec<PathBuf>,
    /// Only these, parted by commas: coherence, realism, usefulness, groundedness, record_gain,
    /// persona_gain, inner_gain, five_shot, verbatim_quotes, record_overlap, variety (the judge);
    /// completeness, specificity, evidence_coverage, readability, distinctiveness (counted)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    criteria: Vec<String>,
    #[command(flatten)]
    judge: JudgeArgs,
}

impl EvaluateArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        self.judge.layers()
    }
}

pub(super) fn run(
    args: &EvaluateArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let settings = Settings::resolve(layers)?;
    contradictions::of_judge(layers, &settings)?;
    backend::costs_nothing(&settings, around.environment)?;
    // Invalid flags and files are reported before a model is loaded.
    let wanted = wanted(&args.criteria)?;
    let claimed = read(&args.file)?;
    output.note(&format!("{}: {}", args.file.display(), counted(claimed.len(), "persona")));
    let session = Session::start(around, settings.threads)?;
    let loader = session.loader();
    let source = match args.source.as_slice() {
        [] => None,
        paths => Some(clearing::read_paths(paths, &settings, loader)?.0),
    };
    let nothing = Cleared::as_is(Corpus::default());
    let mut judge = Judge::new(&settings, source.as_ref().unwrap_or(&nothing), around, loader)?;
    let evaluation = judge.ask(loader.task, async |asking| {
        scorecard::evaluate(&claimed, source.as_ref(), wanted.as_ref(), asking).await
    })?;
    let evaluation = evaluation.ok_or_else(judge::interrupted)?;
    if output.is_json() {
        output.document(&judge.document(&evaluation)?)?;
    } else {
        show(&evaluation, output)?;
    }
    Ok(Exit::Done)
}

/// The criteria that were asked for; `None` where none were named.
fn wanted(said: &[String]) -> Result<Option<BTreeSet<String>>, Failure> {
    let known = scorecard::criteria();
    let mut wanted = BTreeSet::new();
    for name in said.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        if !known.contains(&name) {
            let near = closest(name, known.iter().copied());
            let hint = near.map_or_else(
                || format!("one or more of {}", known.join(", ")),
                |near| format!("did you mean '{near}'?"),
            );
            return Err(Failure::usage(format!("unknown criterion '{name}'\nhint: {hint}")));
        }
        wanted.insert(name.to_owned());
    }
    if wanted.is_empty() && !said.is_empty() {
        return Err(Failure::usage(format!(
            "--criteria names none\nhint: one or more of {}",
            known.join(", ")
        )));
    }
    Ok((!wanted.is_empty()).then_some(wanted))
}

/// Reads the personas of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Claimed>, Failure> {
    let no_input = |cause: String| {
        let text = format!("cannot read personas from {}: {cause}", path.display());
        Failure::new(Exit::NoInput, anyhow::anyhow!(text))
    };
    let size = std::fs::metadata(path).map_err(|e| no_input(e.to_string()))?;
    if size.is_dir() {
        return Err(no_input(
            "it is a folder\nhint: a run's personas are in its personas.json".to_owned(),
        ));
    }
    if size.len() > MAX_BYTES {
        let size = human_bytes(size.len());
        return Err(no_input(format!("it has {size}\nhint: give the personas, not the data")));
    }
    let bytes = std::fs::read(path).map_err(|e| no_input(e.to_string()))?;
    foreign::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| no_input(e.to_string()))
}

fn show(evaluation: &Evaluation, output: Output) -> Result<(), Failure> {
    let mut lines: Vec<String> =
        evaluation.personas.chunks(COLUMNS).map(|some| side_by_side(evaluation, some)).collect();
    for persona in &evaluation.personas {
        for flag in &persona.flags {
            lines.push(format!(
                "{}, {}: '{}' may come from a stereotype ({})",
                persona.name, flag.field, flag.phrase, flag.kind
            ));
        }
        for quote in &persona.quotes.unverified {
            lines.push(format!("{}: not in the data word for word: “{quote}”", persona.name));
        }
    }
    lines.extend(set_lines(evaluation));
    for note in &evaluation.notes {
        output.note(note);
    }
    output.result(&lines.join("\n"))
}

/// A table with a row per figure and a column per persona.
fn side_by_side(evaluation: &Evaluation, personas: &[Evaluated]) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, weight: String, cell: &dyn Fn(&Evaluated) -> String| {
        let cells = personas.iter().map(cell);
        rows.push([name.replace('_', " "), weight].into_iter().chain(cells).collect());
    };
    row("judge score", String::new(), &|p| match (p.judge, p.spread) {
        (Some(score), Some(spread)) => format!("{score:.2} ± {:.2}", spread / 2.0),
        (Some(score), None) => format!("{score:.2}"),
        (None, _) => "–".to_owned(),
    });
    let names = |of: &dyn Fn(&Evaluated) -> Vec<String>| -> BTreeSet<String> {
        personas.iter().flat_map(of).collect()
    };
    let figure = |value: Option<&f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    for name in names(&|p| p.criteria.keys().cloned().collect()) {
        let weight = evaluation.judge.signals.get(&name).map_or(0.0, |signal| signal.weight);
        let weight =
            if weight > 0.0 { format!("{:.0} %", weight * 100.0) } else { "none".to_owned() };
        row(&name, weight, &|p| figure(p.criteria.get(&name)));
    }
    for name in names(&|p| p.counted.keys().cloned().collect()) {
        row(&name, "counted".to_owned(), &|p| figure(p.counted.get(&name)));
    }
    row("quotes verified", String::new(), &|p| match p.quotes.verified {
        Some(verified) => format!("{verified} of {}", p.quotes.total),
        None => format!("{} unchecked", p.quotes.total),
    });
    row("flags", String::new(), &|p| p.flags.len().to_string());
    let names = personas.iter().map(|persona| persona.name.as_str());
    let header: Vec<&str> = ["", "weight"].into_iter().chain(names).collect();
    table(&header, rows)
}

fn set_lines(evaluation: &Evaluation) -> Vec<String> {
    let set = &evaluation.set;
    let mut said = Vec::new();
    if let (Some(mean), Some(least)) = (set.mean_distance, set.min_distance) {
        said.push(format!("distance between personas: {mean:.2} on average, {least:.2} at least"));
    }
    for (one, other) in &set.near_duplicates {
        said.push(format!("{one} and {other} say mostly the same"));
    }
    if let Some(records) = set.records_cited {
        let people = set.participants_cited.map_or_else(String::new, |people| {
            format!(", and of {:.0} % of the participants", people * 100.0)
        });
        said.push(format!("they rest on {:.0} % of the records{people}", records * 100.0));
    }
    said
}
