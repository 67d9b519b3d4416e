//! `persona calibrate`: measures what a judge can see, on built-in personas and on the user's own.
//!
//! Owns the flags, the choice of personas that are taken for good, and the tables. The measurement
//! is the library's; the threshold is kept beside the judge's own measurement.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::Surroundings;
use crate::cli::backend;
use crate::cli::clearing;
use crate::cli::contradictions;
use crate::cli::evaluate;
use crate::cli::failure::{Exit, Failure};
use crate::cli::job;
use crate::cli::judge::{self, Judge, JudgeArgs};
use crate::cli::model::{Session, TaskContext};
use crate::cli::output::Output;
use crate::cli::runs;
use crate::cli::table::table;
use crate::config::{Layers, Settings, keys};
use crate::corpus::Corpus;
use crate::evaluate::calibrate::{self, Calibration, Own};
use crate::evaluate::evidence::{Evidence, segments};
use crate::pipeline::{self, Depth};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::corruptions::Treatment;
use crate::report::counted;
use crate::schema::Persona;
use crate::store::{JudgeReport, PlanReport, Run};

const AFTER: &str = "\
Without --input the judge is measured on all built-in personas, in every way of asking that we know;
what tells good from corrupted best is what later runs use, and the figures come from personas that
neither scales nor weights were measured on. It takes minutes; a run measures a part of it by itself.

With --input, errors are planted into personas of that data: of --personas, else of the newest finished
run under --output that was made of it. They are taken for good, so look at them first. The threshold at
which --pass percent of them pass is kept, and --quality-threshold auto means it from then on, for this
model and these files: whatever they are called, and until their content or the judge's scale changes.

AUC is the chance that a good persona scores above a corrupted one: 0.5 is a coin, 1 is always.

Examples:
  persona calibrate --model smollm2-135m
  persona calibrate --input interviews.csv --model qwen3-4b --pass 80
  persona calibrate --input interviews.csv --personas personas/RUN --json
  persona calibrate --backend ollama --model qwen3:4b";

#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(super) struct CalibrateArgs {
    /// Research data: plants errors into personas made of it
    #[arg(long, short = 'f', value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,
    /// Personas that are taken for good: a run, or a JSON file
    #[arg(long, value_name = "FILE|RUN", requires = "input")]
    personas: Option<PathBuf>,
    /// Percent of them that the threshold is to let pass
    #[arg(long, value_name = "PERCENT", default_value_t = 80, requires = "input", value_parser = clap::value_parser!(u8).range(1..=100))]
    pass: u8,
    /// Folder in which runs are looked for [default: personas]
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// Without --input: drafts of which style are to be judged, auto, extractive or free
    /// [default: auto]
    #[arg(long, value_name = "STYLE", conflicts_with = "input")]
    style: Option<String>,
    #[command(flatten)]
    judge: JudgeArgs,
}

impl CalibrateArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        self.judge
            .layers()
            .flag(keys::OUTPUT, self.output.as_deref())
            .flag(keys::STYLE, self.style.as_deref())
    }
}

pub(super) fn run(
    args: &CalibrateArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let settings = Settings::resolve(layers)?;
    contradictions::of_judge(layers, &settings)?;
    backend::costs_nothing(&settings, around.environment)?;
    let output = around.output;
    let session = Session::start(around, settings.threads)?;
    let loader = session.loader();
    let own = match args.input.as_slice() {
        [] => None,
        paths => {
            let (corpus, _) = clearing::read_paths(paths, &settings, loader)?;
            let found = good_personas(args.personas.as_deref(), &corpus, &settings, output)?;
            Some((corpus, found))
        }
    };
    let nothing = Cleared::as_is(Corpus::default());
    let data = own.as_ref().map_or(&nothing, |(corpus, _)| corpus);
    let mut judge = Judge::new(&settings, data, around, loader)?;
    match own {
        None => on_built_in(&mut judge, &settings, loader.task),
        Some((corpus, found)) => on_own(&mut judge, &corpus, &found, args.pass, loader.task),
    }
}

fn on_built_in(
    judge: &mut Judge,
    settings: &Settings,
    task: TaskContext<'_>,
) -> Result<Exit, Failure> {
    let wording = pipeline::wording(settings.pipeline.style, judge.models.judge.capabilities());
    let asked = judge.ask(task, async |asking| {
        let report = pipeline::judge_report(asking, wording, Depth::Full).await?;
        Ok(report.map(|report| (pipeline::caveats(asking, &report), report)))
    })?;
    let (caveats, report) = asked.ok_or_else(judge::interrupted)?;
    tell(&caveats, task.output);
    if task.output.is_json() {
        let result = json!({ "style": wording.as_str(), "judge": report, "notes": caveats });
        task.output.document(&judge.document(&result)?)?;
    } else {
        let lines = worth(&report).join("\n");
        task.output.result(&format!("{}\n{lines}", signals(&report)))?;
    }
    Ok(Exit::Done)
}

fn on_own(
    judge: &mut Judge,
    corpus: &Cleared<Corpus>,
    found: &Found,
    pass: u8,
    task: TaskContext<'_>,
) -> Result<Exit, Failure> {
    let output = task.output;
    let wording = Wording::of_personas(&found.personas);
    let segments = match &found.plan {
        // The segments are the slots of the run, so that its scores come out again.
        Some(plan) => {
            let of = |persona: &Persona| {
                let slot = plan.slots.iter().find(|slot| slot.slot == persona.provenance.slot)?;
                Some(slot.members.iter().filter_map(|id| corpus.index_of(id)).collect())
            };
            found.personas.iter().map(|persona| of(persona).unwrap_or_default()).collect()
        }
        None => segments(corpus, &found.personas),
    };
    let own = Own { corpus, personas: &found.personas, segments: &segments, wording };
    let asked = judge.ask(task, async |asking| {
        let calibration = calibrate::calibrate(own, f64::from(pass) / 100.0, asking).await?;
        Ok(calibration.map(|found| (pipeline::caveats(asking, &found.judge), found)))
    })?;
    let (caveats, calibration) = asked.ok_or_else(judge::interrupted)?;
    tell(&caveats, output);
    let kept = match &judge.models.judge_cache {
        Some(cache) => calibration.threshold.save(cache, &calibration.judge, corpus, wording)?,
        None => None,
    };
    if output.is_json() {
        let result = json!({
            "style": wording.as_str(), "calibration": calibration, "threshold_file": kept,
            "notes": caveats,
        });
        output.document(&judge.document(&result)?)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![told(&calibration)];
    lines.extend(can_judge(&calibration.judge));
    let threshold = calibration.threshold.threshold;
    lines.push(format!(
        "{pass} % of {} pass at {threshold:.2}",
        counted(calibration.good, "good persona")
    ));
    lines.push(match kept {
        Some(path) => format!(
            "--quality-threshold auto means {threshold:.2} from now on for this model and data; kept in {}",
            path.display()
        ),
        None => format!(
            "this model has no hash to keep the threshold by\nhint: --quality-threshold {threshold:.2}"
        ),
    });
    output.result(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn tell(caveats: &[String], output: Output) {
    for caveat in caveats {
        output.note(caveat);
    }
}

/// Personas that are taken for good, and the plan of the run that made them, if known.
struct Found {
    personas: Vec<Persona>,
    plan: Option<PlanReport>,
}

fn good_personas(
    said: Option<&Path>,
    corpus: &Corpus,
    settings: &Settings,
    output: Output,
) -> Result<Found, Failure> {
    let found = match said {
        None => newest(corpus, settings, output)?,
        Some(path) if path.is_file() => {
            let evidence = Evidence::new(corpus);
            let claimed = evaluate::read(path)?;
            let personas = claimed.iter().map(|claimed| evidence.check(claimed).sound()).collect();
            Found { personas, plan: None }
        }
        Some(path) => {
            let dir = runs::find(path, &settings.runs_dir)?;
            of_run(&dir, corpus)?.ok_or_else(|| {
                Failure::usage(format!(
                    "the run {} was made of other data, or is not finished\nhint: give its data with --input, or 'persona generate --resume' it",
                    dir.display()
                ))
            })?
        }
    };
    if found.personas.len() < 2 {
        return Err(Failure::usage(
            "at least two personas are needed: what is foreign in one is taken from another\nhint: 'persona generate --count 6' makes more, and more give better figures",
        ));
    }
    Ok(found)
}

fn newest(corpus: &Corpus, settings: &Settings, output: Output) -> Result<Found, Failure> {
    for dir in Run::list(&settings.runs_dir)? {
        if let Some(found) = of_run(&dir, corpus).ok().flatten() {
            output.note(&format!("personas of {} are taken for good", dir.display()));
            return Ok(found);
        }
    }
    Err(Failure::usage(format!(
        "there is no finished run of this data in {}\nhint: 'persona generate --hybrid' makes one; or give personas with --personas",
        settings.runs_dir.display()
    )))
}

/// The personas of a finished run on this data; `None` where the data is different.
fn of_run(dir: &Path, corpus: &Corpus) -> Result<Option<Found>, Failure> {
    let state = Run::read(dir)?;
    let same = state.started.as_ref().filter(|s| s.input_hashes == job::hashes(corpus));
    let (Some(_), Some(personas)) = (same, state.selected.clone()) else { return Ok(None) };
    Ok(Some(Found { personas, plan: state.plan }))
}

/// A table with a row per signal and a column per corruption.
fn signals(report: &JudgeReport) -> String {
    let figure = |value: Option<&f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    let each = |of: &std::collections::BTreeMap<String, f64>| -> Vec<String> {
        Treatment::CORRUPTED.iter().map(|treatment| figure(of.get(treatment.as_str()))).collect()
    };
    let mut rows = Vec::new();
    for (name, signal) in &report.signals {
        let by = if signal.from_model { "" } else { " (computed)" };
        let weight = format!("{:.0} %", signal.weight * 100.0);
        let mut row = vec![format!("{}{by}", name.replace('_', " ")), weight];
        row.push(format!("{:.2}", signal.auc));
        row.extend(each(&signal.by_corruption));
        rows.push(row);
    }
    let mut row = vec!["score, held out".to_owned(), String::new()];
    row.push(figure(report.held_out.get("all")));
    row.extend(each(&report.held_out));
    rows.push(row);
    let kinds: Vec<String> =
        Treatment::CORRUPTED.iter().map(|treatment| treatment.as_str().replace('_', " ")).collect();
    let mut header = vec!["AUC of", "weight", "all"];
    header.extend(kinds.iter().map(String::as_str));
    table(&header, rows)
}

fn worth(report: &JudgeReport) -> Vec<String> {
    let (good, corrupted) = report.controls;
    let mut lines =
        vec![format!("measured on {good} good personas and {corrupted} corrupted ones")];
    lines.extend(can_judge(report));
    match report.spread {
        Some(spread) => lines.push(format!(
            "in other words the score moves by {:.3} on average, {:.3} at most, over {}; each criterion is asked by itself, so their order cannot matter",
            spread.mean, spread.max, counted(spread.personas, "persona")
        )),
        None => lines.push("nothing that is asked in words has weight: wording moves nothing".into()),
    }
    if let Some(pairs) = report.pairwise {
        lines.push(format!(
            "shown good and corrupted side by side it prefers the good one in {} of {} pairs in both orders; in {} the order decides",
            pairs.won_both, pairs.pairs, pairs.by_order
        ));
    }
    lines
}

fn can_judge(report: &JudgeReport) -> Option<String> {
    (!report.model_can_judge).then(|| {
        format!(
            "{} cannot tell good from corrupted by any way of asking: the score rests on what is computed",
            report.model
        )
    })
}

fn told(calibration: &Calibration) -> String {
    let mut rows = Vec::new();
    for treatment in Treatment::CORRUPTED {
        let name = treatment.as_str();
        let Some(told) = calibration.corruptions.get(name) else { continue };
        let through = calibration.let_through.get(name).copied().unwrap_or_default();
        rows.push(vec![
            name.replace('_', " "),
            told.corrupted.to_string(),
            format!("{:.2}", told.auc),
            format!("{:.0} %", through * 100.0),
        ]);
    }
    let all = calibration.all;
    rows.push(vec![
        "all".to_owned(),
        all.corrupted.to_string(),
        format!("{:.2}", all.auc),
        String::new(),
    ]);
    table(&["planted", "personas", "AUC", "pass the threshold"], rows)
}
