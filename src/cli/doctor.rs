//! `persona doctor`: finds what would keep persona from working here, with a fix for each finding.
//!
//! Owns the list of checks and its two output forms. Changes nothing. Of a key or token it shows
//! only that it is there.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::catalogue::ModelSpec;
use crate::cli::AirGap;
#[cfg(feature = "net")]
use crate::cli::backend;
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::{Automatic, Machine};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::table::megabytes;
use crate::config::{Backend, ConfigError, Environment, Layers, Settings, keys};
use crate::engine::gguf::GgufFile;
use crate::engine::{self, DEFAULT_CONTEXT, DeviceChoice, EngineOptions};
use crate::hub::{self, Ailment, AilmentKind, HubOptions, LocalModel, ModelRef};

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
        Some(_) => Chosen::None(None),
        None => Chosen::of(&said, &options, &machine, &hub),
    };
    checks.extend(chosen.check(&options, &machine));
    checks.extend(disks(environment, layers, &hub, &chosen));
    checks.extend(cache(&hub));
    checks.extend(network(found, environment, &hub, &chosen, served));
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

/// The model that a run would use.
enum Chosen {
    /// There is no model to check: a script answers, or the name given is not that of a model.
    None(Option<Failure>),
    /// On disk, with its entry in the catalogue.
    Here(LocalModel, Option<&'static ModelSpec>),
    /// Still to be fetched, with the name that the user gave.
    Away(ModelRef, String),
}

impl Chosen {
    fn of(said: &str, options: &EngineOptions, machine: &Machine, hub: &HubOptions) -> Self {
        if said.starts_with("scripted:") {
            return Self::None(None);
        }
        let wanted = match said {
            "auto" => match machine.automatic(options.context.unwrap_or(DEFAULT_CONTEXT), hub) {
                Automatic::OnDisk(spec) | Automatic::ToFetch(spec) => ModelRef::Catalogue(spec),
                // The check of memory reports this.
                Automatic::Nothing => return Self::None(None),
            },
            named => match ModelRef::parse(named) {
                Ok(wanted) => wanted,
                Err(error) => return Self::None(Some(error.into())),
            },
        };
        let spec = match &wanted {
            ModelRef::Catalogue(spec) => Some(*spec),
            _ => None,
        };
        match (hub::locate(&wanted, hub), &wanted) {
            (Some(local), _) => Self::Here(local, spec),
            (None, ModelRef::Path(path)) => {
                Self::None(Some(hub::HubError::NoFile { path: path.clone() }.into()))
            }
            (None, ModelRef::Ollama(name)) => {
                Self::None(hub::not_in_ollama(name, hub).map(Failure::from))
            }
            (None, _) => Self::Away(wanted, said.to_owned()),
        }
    }

    /// Bytes that are still to be downloaded.
    fn to_fetch(&self) -> u64 {
        match self {
            Self::Away(ModelRef::Catalogue(spec), _) => spec.bytes,
            _ => 0,
        }
    }

    fn check(&self, options: &EngineOptions, machine: &Machine) -> Option<Check> {
        const NAME: &str = "model";
        let (name, bytes, kv, vocabulary, trained) = match self {
            Self::None(None) => return None,
            Self::None(Some(failure)) => {
                let fix = failure.hints().join("; or ");
                return Some(Check::problem(NAME, failure.message(), fix));
            }
            Self::Away(ModelRef::Catalogue(spec), _) => {
                let ModelSpec { bytes, kv_bytes_per_token, vocabulary, context, .. } = *spec;
                (&spec.name, *bytes, *kv_bytes_per_token, *vocabulary, *context)
            }
            Self::Away(_, said) => {
                let detail = format!("{said} is not on this machine");
                return Some(Check::warning(NAME, detail, format!("persona models pull {said}")));
            }
            Self::Here(local, spec) => {
                let file = match GgufFile::open(&local.path) {
                    Ok(file) => file,
                    Err(error) => return Some(Check::failed(Status::Problem, NAME, error)),
                };
                let kv = engine::kv_bytes_per_token(&file) as u64;
                let trained = engine::trained_context(&file);
                let name = spec.map_or(&local.name, |spec| &spec.name);
                (name, file.file_bytes(), kv, file.vocabulary_size() as u64, trained)
            }
        };
        let context = options.context.unwrap_or(DEFAULT_CONTEXT).min(trained);
        let needed = crate::catalogue::memory_needed(bytes, kv, vocabulary, context);
        let need = format!("{name} needs {} with a context of {context} tokens", megabytes(needed));
        Some(if needed > machine.free {
            let detail = format!("{need}, and {}", machine.memory());
            Check::problem(
                NAME,
                detail,
                "lower --context, close other programs, or see 'persona models recommend'",
            )
        } else if let Self::Away(..) = self {
            let detail = format!("{need}, and is still to be fetched ({})", megabytes(bytes));
            Check::warning(NAME, detail, format!("persona models pull {name}"))
        } else {
            Check::ok(NAME, format!("{need}; on disk"))
        })
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
    let places = [
        ("hub cache", hub.hf_cache.clone(), chosen.to_fetch(), "set HF_HOME to a folder"),
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
        let detail = format!("{what}: {} free below {shown}", megabytes(free));
        checks.push(if free < wanted {
            let detail = format!("{detail}, and the model takes {}", megabytes(wanted));
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
        let limit = megabytes(HASH_UP_TO);
        let detail = format!(
            "models: {models}; those up to {limit} were hashed, 'persona models verify' hashes all"
        );
        return vec![Check::ok(NAME, detail)];
    }
    ailments.iter().map(ailment).collect()
}

fn ailment(ailment: &Ailment) -> Check {
    let path = ailment.path.display();
    let bytes = megabytes(ailment.bytes);
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

/// Checks the hub, Ollama and the server that stands in for the engine, which are asked at the same
/// time.
#[cfg(feature = "net")]
fn network(
    found: &Found<'_>,
    environment: &Environment,
    hub: &HubOptions,
    chosen: &Chosen,
    served: Option<&Settings>,
) -> Vec<Check> {
    if let Some(check) = closed(found) {
        return vec![check];
    }
    if let Err(error) = environment.check_proxies() {
        return vec![Check::failed(Status::Problem, "proxy", error)];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let (hub, ollama, server) = tokio::join!(
                ask_hub(hub, chosen),
                ask_ollama(environment, hub),
                ask_server(served, environment),
            );
            [Some(hub), Some(ollama), server].into_iter().flatten().collect()
        }),
        Err(error) => vec![Check::problem(
            "network",
            format!("no connection can be begun: {error}"),
            "raise the limits on threads and open files",
        )],
    }
}

/// Reports that a build without `net` has no connections to check.
#[cfg(not(feature = "net"))]
fn network(
    found: &Found<'_>,
    _: &Environment,
    _: &HubOptions,
    _: &Chosen,
    _: Option<&Settings>,
) -> Vec<Check> {
    let open = || Check::skipped("network", "this build opens no connection");
    vec![closed(found).unwrap_or_else(open)]
}

/// The outcome of `--offline`; `None` where the network stays open.
fn closed(found: &Found<'_>) -> Option<Check> {
    const NAME: &str = "network";
    Some(match found.air_gap.as_ref()? {
        Ok(air_gap) => {
            let detail =
                format!("closed by --offline ({}); hub and Ollama not asked", air_gap.name());
            Check::skipped(NAME, detail)
        }
        Err(cause) => Check::problem(
            NAME,
            format!("--offline cannot be enforced here: {cause}"),
            "run without --offline, in a container or namespace without a network",
        ),
    })
}

/// Longest wait for an answer from the network.
#[cfg(feature = "net")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

#[cfg(feature = "net")]
async fn ask_hub(hub: &HubOptions, chosen: &Chosen) -> Check {
    const NAME: &str = "hub";
    if hub.offline {
        return Check::skipped(NAME, "HF_HUB_OFFLINE is set: not asked, nothing is fetched");
    }
    let spec = match chosen {
        Chosen::Away(ModelRef::Catalogue(spec), _) => Some(*spec),
        Chosen::Here(_, spec) => *spec,
        _ => None,
    };
    let Some(spec) = spec.or_else(|| crate::catalogue::models().first()) else {
        return Check::skipped(NAME, "the catalogue is empty");
    };
    let wanted = hub::RepoRef {
        repo: spec.repo.clone(),
        pick: hub::Pick::File(spec.file.clone()),
        revision: spec.revision.clone(),
    };
    match hub::reach(hub, &wanted, &spec.file, PATIENCE).await {
        Ok(()) => Check::ok(NAME, format!("{} answers", hub.endpoint)),
        // Only a warning: models can come in other ways, and one may already be here.
        Err(error) => {
            let check = Check::failed(Status::Warning, NAME, error);
            let fix = "check the network and HTTPS_PROXY, set HF_ENDPOINT to a mirror, or carry \
                       models over with 'persona models export' and 'import'";
            Check { fix: Some(fix.to_owned()), ..check }
        }
    }
}

#[cfg(feature = "net")]
async fn ask_ollama(environment: &Environment, hub: &HubOptions) -> Check {
    const NAME: &str = "ollama";
    let address = environment.ollama_address();
    let on_disk = match hub::ollama_models(hub).len() {
        0 => String::new(),
        n => format!("; {n} of its models can be run here as ollama:NAME"),
    };
    let asked = async {
        let base = reqwest::Url::parse(&address).map_err(|e| e.to_string())?;
        let client = crate::http::client(&base).map_err(crate::http::cause)?;
        let url = base.join("api/version").map_err(|e| e.to_string())?;
        let answer = client.get(url).timeout(PATIENCE).send().await.map_err(crate::http::cause)?;
        let answer: serde_json::Value = answer.json().await.map_err(crate::http::cause)?;
        Ok::<_, String>(answer["version"].as_str().unwrap_or("of unknown version").to_owned())
    };
    match asked.await {
        Ok(version) => Check::ok(NAME, format!("{version} answers at {address}{on_disk}")),
        Err(cause) => {
            Check::skipped(NAME, format!("none at {address} ({cause}); it is not needed{on_disk}"))
        }
    }
}

/// Asks the server of the settings, if there is one, for the models that would draft and judge.
#[cfg(feature = "net")]
async fn ask_server(served: Option<&Settings>, environment: &Environment) -> Option<Check> {
    const NAME: &str = "server";
    Some(match backend::look(served?, environment).await {
        Ok(detail) => Check::ok(NAME, detail),
        Err(failure) => Check::failed(Status::Problem, NAME, failure),
    })
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
