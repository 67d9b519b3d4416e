//! `persona doctor`: finds what would keep persona from working here, with a fix for each finding.
//!
//! Owns the list of checks and its two output forms. Changes nothing. Of a key or token it shows
//! only that it is there. The checks of the model are in `chosen`, those of connections in
//! `network`.

mod chosen;
mod network;

use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use self::chosen::Chosen;
use crate::cli::AirGap;
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::{Automatic, Machine};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::table::human_bytes;
use crate::config::{Backend, ConfigError, Environment, Layers, Settings, keys};
use crate::engine::{self, DEFAULT_CONTEXT, DeviceChoice, EngineOptions};
use crate::hub::{self, Ailment, AilmentKind, HubOptions};

/// Largest file that is hashed, in bytes: this takes a second or two. 'models verify' hashes all.
const HASH_UP_TO: u64 = 512 << 20;
/// Free bytes on a disk below which there is a warning.
const SCARCE: u64 = 1 << 30;

const EXAMPLES: &str = "Examples:
  persona doctor
  persona doctor --model qwen3-8b
  persona doctor --offline --json

Exit code 0: nothing in the way, warnings or not. 1: a problem that has to be mended first.";

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArgs {
    /// The model to look at [default: the one that 'generate' would take]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
}

impl DoctorArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        Layers::default().flag(keys::MODEL, self.model.as_deref())
    }
}

/// What is known before the checks begin.
pub(super) struct Found<'a> {
    /// The error that keeps the settings or the user's catalogue from being read.
    pub(super) settings: Option<&'a ConfigError>,
    /// How the network is closed, or why it cannot be; `None` where it stays open.
    pub(super) air_gap: Option<Result<AirGap, String>>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Skipped,
    Warning,
    Problem,
}

/// The outcome of one check, a line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    status: Status,
    detail: String,
    fix: Option<String>,
}

impl Check {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { name: check, status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self { name: check, status: Status::Skipped, detail: detail.into(), fix: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (detail, fix) = (detail.into(), Some(fix.into()));
        Self { name: check, status: Status::Warning, detail, fix }
    }

    fn problem(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Problem, ..Self::warning(check, detail, fix) }
    }

    /// A check that an error ended; the error's hints become the fix.
    fn failed(status: Status, check: &'static str, error: impl Into<Failure>) -> Self {
        let failure = error.into();
        let fix = failure.hints().join("; or ");
        let detail = failure.message().replace('\n', "; ");
        Self { name: check, status, detail, fix: (!fix.is_empty()).then_some(fix) }
    }
}

/// Runs every check and shows the outcomes.
pub(super) fn run(
    layers: &Layers,
    environment: &Environment,
    found: &Found<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let hub = environment.hub_options();
    let machine = Machine::look();
    let spinner = Spinner::start(output, "looking");
    let resolved = Settings::resolve(layers);
    let mut checks = vec![settings(found, resolved.as_ref().err(), environment)];
    let (said, options) = match &resolved {
        Ok(settings) => (settings.model.clone(), settings.engine.clone()),
        Err(_) => ("auto".to_owned(), EngineOptions::default()),
    };
    let served = resolved.as_ref().ok().filter(|settings| settings.backend != Backend::Embedded);
    checks.push(processor(&machine));
    checks.push(memory(&machine));
    checks.push(device(options.device));
    let chosen = match served {
        // The name is one of the server's.
        Some(_) => Chosen::Unchecked,
        None => Chosen::of(&said, &options, &machine, &hub),
    };
    checks.extend(chosen.check(&options, &machine));
    checks.extend(disks(environment, layers, &hub, &chosen));
    checks.extend(cache(&hub));
    checks.extend(network::check(found, environment, &hub, &chosen, served));
    checks.push(token(&hub));
    checks.push(keys_present(environment));
    drop(spinner);
    show(&checks, output)
}

fn show(checks: &[Check], output: Output) -> Result<Exit, Failure> {
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
    let exit = if problems > 0 { Exit::Failed } else { Exit::Done };
    if output.is_json() {
        output.document(&json!({
            "version": env!("CARGO_PKG_VERSION"), "problems": problems, "warnings": warnings,
            "checks": checks,
        }))?;
        return Ok(exit);
    }
    let mut lines = Vec::new();
    for check in checks {
        let status = match check.status {
            Status::Ok => "ok",
            Status::Skipped => "–",
            Status::Warning => "warning",
            Status::Problem => "PROBLEM",
        };
        let Check { name, detail, .. } = check;
        lines.push(format!("{status:<8} {name:<10} {detail}"));
        if let Some(fix) = &check.fix {
            lines.push(format!("{:<19} → {fix}", ""));
        }
    }
    let verdict = match (problems, warnings) {
        (0, 0) => "Nothing in the way.".to_owned(),
        (0, n) => format!("Nothing in the way; warnings: {n}."),
        (n, _) => format!("Problems to mend first: {n}."),
    };
    output.result(&format!("{}\n\n{verdict}", lines.join("\n")))?;
    Ok(exit)
}

fn settings(found: &Found<'_>, resolved: Option<&ConfigError>, environment: &Environment) -> Check {
    const NAME: &str = "settings";
    if let Some(error) = found.settings.or(resolved) {
        let text = error.to_string();
        let mut lines = text.lines();
        let detail = lines.next().unwrap_or_default().to_owned();
        let hint = lines.find_map(|line| line.strip_prefix("hint: "));
        return Check::problem(NAME, detail, hint.unwrap_or("correct it, or remove it"));
    }
    let mut files = environment.settings_files();
    files.extend(environment.catalogue_file());
    if files.is_empty() {
        return Check::ok(NAME, "no files of settings; defaults, flags and variables");
    }
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Check::ok(NAME, files.join(", "))
}

fn processor(machine: &Machine) -> Check {
    if machine.tier_name() == "portable" && cfg!(target_arch = "x86_64") {
        return Check::warning(
            "cpu",
            format!("{}: no AVX2, so models run several times slower", machine.processor()),
            "run on a processor from 2013 or later, or in a virtual machine that passes its features on",
        );
    }
    Check::ok("cpu", machine.processor())
}

fn memory(machine: &Machine) -> Check {
    let Automatic::Nothing =
        machine.automatic(DEFAULT_CONTEXT, &HubOptions::new("".into(), "".into()))
    else {
        return Check::ok("memory", machine.memory());
    };
    Check::problem(
        "memory",
        format!("{}: too little for any model of the catalogue", machine.memory()),
        "free memory, or let another machine write: --provider, with a key",
    )
}

/// Checks where models run, and whether faster hardware is not used.
fn device(choice: DeviceChoice) -> Check {
    const NAME: &str = "gpu";
    let built = cfg!(any(feature = "cuda", feature = "metal"));
    match engine::probe_device(choice) {
        Err(error) => Check::failed(Status::Problem, NAME, error),
        Ok(name) if name != "cpu" => Check::ok(NAME, format!("models run on {name}")),
        Ok(_) if !built && Path::new("/proc/driver/nvidia/version").exists() => Check::warning(
            NAME,
            "there is an NVIDIA GPU, and this build runs on the CPU",
            "cargo build --release --features cuda",
        ),
        Ok(_) if !built && cfg!(target_os = "macos") => Check::warning(
            NAME,
            "this build runs on the CPU, not on Metal",
            "cargo build --release --features metal",
        ),
        Ok(_) => Check::ok(NAME, "none is used; models run on the CPU"),
    }
}

/// Checks free space and permissions where files are written.
fn disks(
    environment: &Environment,
    layers: &Layers,
    hub: &HubOptions,
    chosen: &Chosen,
) -> Vec<Check> {
    let runs = crate::config::runs_dir(layers).unwrap_or_default();
    let to_fetch = chosen.to_fetch().unwrap_or(0);
    let places = [
        ("hub cache", hub.hf_cache.clone(), to_fetch, "set HF_HOME to a folder"),
        ("data", hub.models_dir(), 0, "set XDG_DATA_HOME to a folder"),
        ("runs", environment.absolute(&runs), 0, "give --output DIR, a folder"),
    ];
    let mut checks = Vec::new();
    for (what, folder, wanted, fix) in places {
        let shown = folder.display();
        if let Err(error) = can_write(&folder) {
            let detail = format!("{what}: cannot write below {shown}: {error}");
            checks.push(Check::problem("disk", detail, format!("{fix} that you may write to")));
            continue;
        }
        let Some(free) = hub::free_space(&folder) else { continue };
        let detail = format!("{what}: {} free below {shown}", human_bytes(free));
        checks.push(if free < wanted {
            let detail = format!("{detail}, and the model takes {}", human_bytes(wanted));
            Check::problem("disk", detail, format!("free some space, or {fix} on another disk"))
        } else if free < SCARCE {
            Check::warning("disk", detail, format!("free some space, or {fix} on another disk"))
        } else {
            Check::ok("disk", detail)
        });
    }
    checks
}

/// Whether a file can be created in a folder, or in its nearest ancestor that exists. Leaves no
/// file.
fn can_write(folder: &Path) -> std::io::Result<()> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(existing).map(drop)
}

/// Checks the folders of models, and reports what is wrong with them by kind.
fn cache(hub: &HubOptions) -> Vec<Check> {
    const NAME: &str = "cache";
    let ailments = hub::examine(hub, HASH_UP_TO);
    if ailments.is_empty() {
        let models = hub::list(hub).len();
        let limit = human_bytes(HASH_UP_TO);
        let detail = format!(
            "models: {models}; those up to {limit} were hashed, 'persona models verify' hashes all"
        );
        return vec![Check::ok(NAME, detail)];
    }
    ailments.iter().map(ailment).collect()
}

fn ailment(ailment: &Ailment) -> Check {
    let path = ailment.path.display();
    let bytes = human_bytes(ailment.bytes);
    let remove = format!("remove it: rm '{path}'");
    let (status, what, fix) = match ailment.kind {
        AilmentKind::BrokenLink => {
            (Status::Warning, format!("{path} leads to a file that is gone"), remove)
        }
        AilmentKind::LeavesCache => {
            (Status::Warning, format!("{path} leads out of the cache, and is not used"), remove)
        }
        AilmentKind::Unfinished => (
            Status::Warning,
            format!("a download that did not end left {bytes}: {path}"),
            format!("'persona models pull' of the same model goes on from it; else {remove}"),
        ),
        AilmentKind::Rejected => (
            Status::Warning,
            format!("{bytes} with a wrong hash were kept aside, and are not used: {path}"),
            remove,
        ),
        AilmentKind::Leftover => (
            Status::Warning,
            format!("an import that was stopped left {bytes}: {path}"),
            format!("remove it, unless an import is running: rm -r '{path}'"),
        ),
        AilmentKind::Damaged => (
            Status::Problem,
            format!("{path} is damaged: its hash is not the one it is stored under"),
            format!("remove it and pull or import the model again: rm '{path}'"),
        ),
    };
    Check { name: "cache", status, detail: what, fix: Some(fix) }
}

fn token(hub: &HubOptions) -> Check {
    match hub.token {
        Some(_) => Check::ok("token", "a token for the hub is set"),
        None => Check::ok("token", "none for the hub; gated models need HF_TOKEN"),
    }
}

fn keys_present(environment: &Environment) -> Check {
    let set = environment.keys_set();
    if set.is_empty() {
        return Check::ok("keys", "none of a paid model; runs stay on this machine");
    }
    Check::ok("keys", format!("set: {}", set.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ailment_is_told_with_its_place_and_a_fix() {
        let kinds = [
            AilmentKind::BrokenLink,
            AilmentKind::LeavesCache,
            AilmentKind::Unfinished,
            AilmentKind::Rejected,
            AilmentKind::Leftover,
            AilmentKind::Damaged,
        ];
        for kind in kinds {
            let check = ailment(&Ailment { kind, path: "/c/x".into(), bytes: 5_000_000 });
            assert!(check.detail.contains("/c/x"), "{check:?}");
            assert!(check.fix.is_some_and(|fix| fix.contains("'/c/x'")), "{kind:?}");
            let serious = check.status == Status::Problem;
            assert_eq!(serious, kind == AilmentKind::Damaged, "{kind:?}");
        }
    }

    #[test]
    fn an_error_keeps_its_hint_as_the_fix() {
        let error = hub::HubError::NoFile { path: "x.gguf".into() };
        let check = Check::failed(Status::Problem, "model", error);
        assert_eq!(check.detail, "there is no file x.gguf");
        assert!(check.fix.is_some_and(|fix| fix.starts_with("give the path")));
    }

    #[test]
    fn a_folder_that_does_not_exist_yet_can_be_written_where_its_parent_can() {
        let dir = tempfile::tempdir().unwrap();
        assert!(can_write(&dir.path().join("a/b/c")).is_ok());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(can_write(&file.join("below")).is_err());
    }
}
