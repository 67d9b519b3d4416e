//! `persona compare`: makes personas from the same data in both ways, judged blind by one judge.
//!
//! Owns the order: the hybrid run, then the frontier-only run on what is left of the budget, then
//! the judge. Both runs have ordinary run folders; the comparison is written into that of the
//! hybrid run.

use clap::Args;
use serde_json::json;

use crate::cli::Surroundings;
use crate::cli::backend;
use crate::cli::contradictions::{self, Start};
use crate::cli::failure::{Exit, Failure};
use crate::cli::generate;
use crate::cli::generate_args::GenerateArgs;
use crate::cli::job::{self, Job};
use crate::cli::judge::Judge;
use crate::cli::model::{Session, TaskContext};
use crate::cli::output::Output;
use crate::config::{Fallback, Layers, Settings, keys};
use crate::evaluate::compare::{self, Comparison, Side};
use crate::ledger::MicroUsd;
use crate::pipeline::{self, Cancel, Outcome};
use crate::prompts::Wording;
use crate::report::{self, Format};

/// What can be said to `compare`: as to `generate --hybrid`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The baseline is the cheapest sensible one: the same provider writes every persona itself, with the same
answer schema, the corpus sent once and marked for its prompt cache, and no judge. Both ways are judged
blind, and paired, by the same model: --judge-model, ideally of a third family. --max-cost holds for
both together. Writes compare.json and compare.html into the hybrid run's folder.

Examples:
  persona compare interviews.csv --count 10 --max-cost 1 --judge-model qwen3-4b")]
pub(super) struct CompareArgs {
    #[command(flatten)]
    generate: GenerateArgs,
}

impl CompareArgs {
    /// The settings that these flags set; a comparison is always hybrid on one side.
    pub(super) fn layers(&self) -> Layers {
        self.generate.layers().switch(keys::HYBRID, true)
    }
}

pub(super) fn run(layers: &Layers, around: &Surroundings<'_>) -> Result<Exit, Failure> {
    let output = around.output;
    let mut settings = Settings::resolve(layers)?;
    contradictions::check(layers, &settings, Start::New)?;
    backend::costs_nothing(&settings, around.environment)?;
    if settings.estimate_only || !settings.frontier.allowed {
        return Err(Failure::usage(
            "compare runs both ways and needs a frontier\nhint: 'persona generate --estimate-only' compares what both would cost",
        ));
    }
    if settings.inputs.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure::usage(
            "compare reads its input twice, and what is piped in can be read once\nhint: save it to a file and name that",
        ));
    }
    if settings.pipeline.refine.is_none() {
        return Err(Failure::usage(
            "with --refine none both ways have nothing to compare but the drafts\nhint: leave it out, or name which personas are refined",
        ));
    }
    // Without a frontier model, or with one that stands in for the local model, there would be
    // nothing to compare: a missing key or model ends the command before any work.
    settings.frontier.explicit = true;
    settings.frontier.fallback = Fallback::Fail;
    let session = Session::start(around, settings.threads)?;
    let (loader, cancel) = (session.loader(), &session.cancel);

    let mut hybrid = job::fresh(&settings, around, loader)?;
    finish(&mut hybrid, "hybrid", output, cancel)?;
    let spent = hybrid.run.state.account.charged();
    let mut left = settings.clone();
    let cap = settings.frontier.max_cost;
    left.frontier.max_cost = cap.map(|cap| MicroUsd(cap.0.saturating_sub(spent.0)));
    let mut baseline = job::by_provider(&left, around, loader)?;
    // Personas are compared segment by segment.
    baseline.models.reader.clone_from(&hybrid.models.reader);
    finish(&mut baseline, "frontier-only", output, cancel)?;

    let mut judge = Judge::new(&settings, &hybrid.corpus, around, loader)?;
    let comparison = judged(&hybrid, &baseline, &mut judge, loader.task)?;
    let document = serde_json::to_vec_pretty(&comparison)
        .map_err(|e| Failure::failed(format!("cannot write the comparison: {e}")))?;
    hybrid.run.write("compare.json", &document)?;
    hybrid.run.write("compare.html", compare::page(&comparison).as_bytes())?;
    show(&comparison, &hybrid, &baseline, output)?;
    Ok(Exit::Done)
}

/// Runs a job to its end and writes its files.
fn finish(job: &mut Job, name: &str, output: Output, cancel: &Cancel) -> Result<(), Failure> {
    output.note(&format!("{name} run: {}", job.run.dir.display()));
    if generate::execute(job, output, cancel)? == Outcome::Interrupted {
        return Err(generate::interrupted(&job.run));
    }
    generate::write_files(job, Format::USUAL)?;
    Ok(())
}

fn judged(
    hybrid: &Job,
    baseline: &Job,
    judge: &mut Judge,
    task: TaskContext<'_>,
) -> Result<Comparison, Failure> {
    let sides = [side("hybrid", hybrid), side("frontier-only", baseline)];
    let pairs = compare::pairs(&sides[0].personas, &sides[1].personas);
    let offset = sides[0].personas.len();
    let personas: Vec<_> = sides.iter().flat_map(|side| side.personas.iter().cloned()).collect();
    let asked: Vec<(usize, usize)> = pairs.iter().map(|(a, b)| (*a, offset + b)).collect();
    let case = pipeline::Case {
        corpus: &hybrid.corpus,
        personas: &personas,
        segments: &[],
        wording: Wording::Free,
        pairs: &asked,
        made_up: false,
        scope: pipeline::Scope::Measured,
    };
    let appraisal = judge.ask(task, async |asking| pipeline::appraise(case, asking).await)?;
    let appraisal = appraisal.ok_or_else(|| generate::interrupted(&hybrid.run))?;
    Ok(compare::compare(sides, &pairs, &appraisal))
}

fn side(name: &str, job: &Job) -> Side {
    let state = &job.run.state;
    let mut models = vec![job.models.draft.capabilities().id.clone()];
    models.extend(job.models.frontier.iter().map(|paid| paid.model.capabilities().id.clone()));
    Side {
        name: name.to_owned(),
        models,
        personas: state.selected.clone().unwrap_or_default(),
        cost: state.account.charged(),
        seconds: state.seconds.values().sum(),
    }
}

fn show(
    comparison: &Comparison,
    hybrid: &Job,
    baseline: &Job,
    output: Output,
) -> Result<(), Failure> {
    if output.is_json() {
        return output.document(&json!({
            "comparison": comparison,
            "runs": [hybrid.run.dir, baseline.run.dir],
        }));
    }
    let mut lines = vec![comparison.conclusion.clone()];
    for side in &comparison.sides {
        let personas = report::counted(side.personas.len(), "persona");
        lines.push(format!("{}: {personas}, {}, {:.1} s", side.name, side.cost, side.seconds));
    }
    if let Some(ratio) = comparison.cost_ratio {
        lines.push(format!("cost: {:.0} % of the baseline's", ratio * 100.0));
    }
    for (name, paired) in &comparison.criteria {
        lines.push(format!(
            "  {name:<16} {:.3} against {:.3}, difference {:+.3} ({:+.3} to {:+.3})",
            paired.first, paired.baseline, paired.difference, paired.low, paired.high
        ));
    }
    if let Some(preference) = &comparison.preference {
        lines.push(format!(
            "  preferred in {:.0} % of pairs, both orders asked ({:.0} to {:.0} %)",
            preference.first * 100.0,
            (0.5 + preference.low) * 100.0,
            (0.5 + preference.high) * 100.0
        ));
    }
    lines.push(format!("baseline: {}", comparison.baseline));
    for warning in &comparison.warnings {
        output.warn(warning);
    }
    lines.push(format!("compare.json and compare.html in {}", hybrid.run.dir.display()));
    output.result(&lines.join("\n"))
}
