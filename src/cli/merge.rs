//! `persona merge`: makes one run out of the shards of a run.
//!
//! Owns what must agree between shards, and which files the whole run is made from. Reads the
//! shards' folders and changes nothing in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::cli::AirGap;
use crate::cli::Surroundings;
use crate::cli::failure::{Exit, Failure};
use crate::cli::frontier::Terms;
use crate::cli::generate::show;
use crate::cli::job::Plan;
use crate::cli::report::read_back;
use crate::cli::runs;
use crate::config::{self, Layers, keys};
use crate::hybrid;
use crate::ledger::MicroUsd;
use crate::pipeline::{Merged, Outcome, Shard, merge};
use crate::privacy::Entity;
use crate::report::{self, Process, View};
use crate::store::{Event, Run, RunState, Started};

/// What can be said to `merge`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The run folders of all shards, or their names under --output
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder of the run folders
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// What is written beside JSON and HTML: markdown, csv, tinytroupe, joined by commas
    /// [default: markdown]
    #[arg(long, value_name = "FORMATS")]
    format: Option<String>,
}

impl MergeArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        Layers::default()
            .flag(keys::OUTPUT, self.output.as_deref())
            .flag(keys::FORMAT, self.format.as_deref())
    }
}

/// The folder of one shard, and what its log says.
struct Part {
    dir: PathBuf,
    started: Started,
    plan: Plan,
    shard: Shard,
    state: RunState,
}

pub(super) fn run(
    args: &MergeArgs,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    let (runs_dir, formats) = (config::runs_dir(layers)?, config::formats(layers)?);
    let dirs = args.runs.iter().map(|said| runs::find(said, &runs_dir));
    let parts = dirs.map(|dir| read(&dir?)).collect::<Result<Vec<_>, Failure>>()?;
    let parts = complete(parts)?;
    let (corpus, report) = kept(&parts)?;

    let events = parts.iter().map(|part| Run::events(&part.dir));
    let Merged { events, doubles } = merge(events.collect::<Result<_, _>>()?);
    let first = &parts[0];
    let mut settings = first.started.settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("shard");
    }
    let mut whole = Run::create(&runs_dir, Started { settings, ..first.started.clone() })?;
    for event in events {
        whole.record(event)?;
    }
    let mut notes = vec![format!("merged from {}", names(&parts))];
    notes.extend(doubles.iter().map(|(out, kept)| {
        format!("{out} of one shard says what {kept} of another says and was left out")
    }));
    for note in notes {
        output.note(&note);
        whole.record(Event::Noted { note })?;
    }
    let process = process(&parts, &report["privacy"]);
    let view = View { state: &whole.state, corpus: &corpus, process: &process };
    let (files, report) = hybrid::files(view, None, &formats)?;
    for (name, bytes) in files {
        whole.write(&name, &bytes)?;
    }
    whole.record(Event::Finished)?;
    let personas = whole.state.selected.as_deref().unwrap_or_default();
    let passed = personas.iter().filter(|persona| !persona.below_threshold).count();
    let outcome = if passed >= first.plan.pipeline.count {
        Outcome::Complete
    } else {
        Outcome::Partial { passed }
    };
    show(&whole, outcome, &report, output)?;
    Ok(Exit::Done)
}

fn read(dir: &Path) -> Result<Part, Failure> {
    let state = Run::read(dir)?;
    let name = dir.display();
    let Some(started) = state.started.clone() else {
        return Err(Failure::failed(format!("{name} was stopped before it began")));
    };
    let plan: Plan = serde_json::from_value(started.settings.clone())
        .map_err(|e| Failure::failed(format!("cannot read the settings of {name}: {e}")))?;
    let Some(shard) = plan.pipeline.shard else {
        return Err(Failure::usage(format!(
            "{name} is not a shard but a whole run\nhint: 'persona generate --shard 1/4 --seed 7 …' makes a shard"
        )));
    };
    if !state.finished {
        return Err(Failure::usage(format!(
            "shard {shard} in {name} is unfinished\nhint: 'persona generate --resume {name}' goes on"
        )));
    }
    Ok(Part { dir: dir.to_path_buf(), started, plan, shard, state })
}

/// Checks that all shards of one run are there, each once, and puts them in order.
fn complete(parts: Vec<Part>) -> Result<Vec<Part>, Failure> {
    let mut by_index: BTreeMap<usize, Part> = BTreeMap::new();
    let mut of = 0;
    for part in parts {
        if let Some(other) = by_index.values().next() {
            alike(other, &part)?;
        }
        of = part.shard.of;
        if let Some(other) = by_index.get(&part.shard.index) {
            return Err(Failure::usage(format!(
                "{} and {} are both shard {}\nhint: name one of them",
                other.dir.display(),
                part.dir.display(),
                part.shard
            )));
        }
        by_index.insert(part.shard.index, part);
    }
    let plans = || by_index.values().filter_map(|part| part.state.plan.as_ref());
    let known: usize = plans().map(|plan| plan.slots.len()).sum();
    let all = plans().find_map(|plan| plan.of_slots).unwrap_or(known);
    let missing = (1..=of).filter(|index| !by_index.contains_key(index));
    let missing: Vec<String> = missing.map(|index| Shard { index, of }.to_string()).collect();
    // Where there are more shards than personas, the last ones had nothing to do.
    if known < all {
        return Err(Failure::usage(format!(
            "missing: shard {}\nhint: name the run folders of all {of} shards",
            missing.join(", ")
        )));
    }
    Ok(by_index.into_values().collect())
}

/// Refuses shards of different runs, and says which settings differ.
fn alike(a: &Part, b: &Part) -> Result<(), Failure> {
    let settings = |part: &Part| {
        let mut settings = part.started.settings.clone();
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("shard");
        }
        // Each shard has its own cap and its own estimate.
        if let Some(terms) = settings["terms"].as_object_mut() {
            terms.retain(|name, _| !matches!(name.as_str(), "cap" | "estimate"));
        }
        settings
    };
    let (ours, theirs) = (settings(a), settings(b));
    let differing: Vec<&String> = ours
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| theirs.get(key.as_str()) != Some(*value))
        .map(|(key, _)| key)
        .collect();
    let what = if a.started.input_hashes != b.started.input_hashes {
        "the input".to_owned()
    } else if a.started.model != b.started.model {
        format!("the model ({} and {})", a.started.model.id, b.started.model.id)
    } else if a.shard.of != b.shard.of {
        format!("the number of shards ({} and {})", a.shard, b.shard)
    } else if let Some(setting) = differing.first() {
        format!("'{setting}'")
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!(
        "{} and {} are not shards of one run: they differ in {what}\nhint: run all shards with the same flags but --shard",
        a.dir.display(),
        b.dir.display()
    )))
}

/// The data and the report as the first shard wrote them, which must be the same in all shards.
fn kept(parts: &[Part]) -> Result<(crate::corpus::Corpus, Value), Failure> {
    let records = |part: &Part| {
        let path = part.dir.join("records.jsonl");
        std::fs::read(&path)
            .map_err(|e| Failure::failed(format!("cannot read {}: {e}", path.display())))
    };
    let first = records(&parts[0])?;
    for part in &parts[1..] {
        if records(part)? != first {
            return Err(Failure::failed(format!(
                "the records of {} are not those of {}: they were cleared differently, or changed since\nhint: run the shard again",
                part.dir.display(),
                parts[0].dir.display()
            )));
        }
    }
    read_back(&parts[0].dir)?.ok_or_else(|| {
        Failure::failed(format!(
            "{} lacks its records.jsonl or its report.json\nhint: 'persona report {}' writes them again",
            parts[0].dir.display(),
            parts[0].dir.display()
        ))
    })
}

/// What only the shards' processes knew. The data was cleared alike in all of them; the network
/// counts as closed if it was closed for each.
fn process(parts: &[Part], privacy: &Value) -> Process {
    let removed = privacy["removed"].as_object().map(|counts| {
        let count = |entity: Entity| Some((entity.name(), counts.get(entity.name())?.as_u64()?));
        let counted = Entity::ALL.into_iter().filter_map(count);
        counted.map(|(name, count)| (name, count as usize)).collect()
    });
    let gap = |part: &Part| {
        let report = std::fs::read(part.dir.join("report.json")).ok()?;
        let report: Value = serde_json::from_slice(&report).ok()?;
        report["privacy"]["air_gap"].as_str().map(str::to_owned)
    };
    let gaps: Vec<Option<String>> = parts.iter().map(gap).collect();
    let all = |name: &str| gaps.iter().all(|gap| gap.as_deref() == Some(name));
    let air_gap = [AirGap::Kernel, AirGap::Construction].map(AirGap::name);
    Process {
        clearance: privacy["clearance"].as_str().unwrap_or_default().to_owned(),
        removed,
        second_pass: Some(privacy["second_pass"].clone()).filter(|pass| !pass.is_null()),
        air_gap: air_gap.into_iter().find(|name| all(name)),
        terms: terms(parts),
        alternative: parts.first().and_then(|part| part.plan.alternative.clone()),
        ..Process::default()
    }
}

/// The terms of the paid model as the report shows them; the shards' caps are added up.
fn terms(parts: &[Part]) -> Option<report::Terms> {
    let each: Vec<report::Terms> =
        parts.iter().filter_map(|part| part.plan.terms.as_ref()).map(Terms::for_report).collect();
    let caps: Option<Vec<u64>> = each.iter().map(|terms| terms.cap.map(|cap| cap.0)).collect();
    let cap = caps.map(|caps| MicroUsd(caps.into_iter().fold(0, u64::saturating_add)));
    Some(report::Terms { cap, ..each.into_iter().next()? })
}

fn names(parts: &[Part]) -> String {
    let name = |part: &Part| {
        part.dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    parts.iter().map(name).collect::<Vec<_>>().join(", ")
}
