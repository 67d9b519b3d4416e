//! Fetches from the hub: asks what a file is, receives it, checks it, puts it in place.
//!
//! Owns the order of the steps and the patience with connections that break off: a download
//! continues where it stopped, in this process or in a later one. Leaves to `remote.rs` what the
//! hub's answers mean, and to `cache.rs` where files go.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::BackoffBuilder;
use reqwest::StatusCode;

use super::cache::{self, Entry, Hasher};
use super::reference::{self, ModelRef, Pick, RepoRef};
use super::remote::{self, Failure, Hub, OnProgress, Remote};
use super::{HubError, HubOptions, LocalModel, PullProgress, locate, mirror, named, ollama};
use crate::catalogue::ModelSpec;
use crate::http;

/// Bytes that count as progress: once so many have arrived, the retries of a breaking connection
/// start over.
const PROGRESS: u64 = 1 << 20;
/// How often a lock that another process holds is tried again.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// Makes sure that a model is on this machine, and returns where.
///
/// A path must exist. A pinned model, or a file of a commit, is not asked for again when it is
/// already here; a branch is, since it may have moved. When the hub fails, the mirrors of a
/// catalogue entry are tried. Dropping the future stops cleanly and keeps what arrived.
///
/// Needs a tokio runtime with timers and I/O.
pub async fn pull(
    model: &ModelRef,
    options: &HubOptions,
    progress: OnProgress<'_>,
) -> Result<LocalModel, HubError> {
    let fixed = match model {
        ModelRef::Path(path) => {
            return locate(model, options).ok_or_else(|| HubError::NoFile { path: path.clone() });
        }
        // Models of Ollama are fetched by Ollama itself.
        ModelRef::Ollama(wanted) => return ollama::find(wanted, options),
        ModelRef::Catalogue(spec) => spec.sha256.is_some(),
        ModelRef::Repo(wanted) => is_commit(&wanted.revision) && wanted.pick != Pick::Best,
    };
    if (fixed || options.offline)
        && let Some(found) = locate(model, options)
    {
        return Ok(found);
    }
    match model {
        _ if options.offline => Err(offline(model)),
        ModelRef::Catalogue(spec) => pull_spec(spec, options, progress).await,
        ModelRef::Path(_) | ModelRef::Ollama(_) => unreachable!("these were answered above"),
        ModelRef::Repo(wanted) => from_hub(wanted, None, options, progress).await.map(named),
    }
}

async fn pull_spec(
    spec: &'static ModelSpec,
    options: &HubOptions,
    progress: OnProgress<'_>,
) -> Result<LocalModel, HubError> {
    let wanted = RepoRef {
        repo: spec.repo.clone(),
        pick: Pick::File(spec.file.clone()),
        revision: spec.revision.clone(),
    };
    let hub = match from_hub(&wanted, spec.sha256.as_deref(), options, progress).await {
        Ok(model) => {
            return Ok(LocalModel { name: spec.name.clone(), ..model });
        }
        // Our own disk would fail a mirror too.
        Err(error @ HubError::Io { .. }) => return Err(error),
        Err(error) => error,
    };
    if !spec.mirrors.is_empty() {
        progress(PullProgress::Note(hub.to_string().lines().next().unwrap_or_default()));
    }
    match mirror::pull(spec, options, progress).await {
        Some(Ok(model)) => Ok(model),
        Some(Err(mirror)) => {
            Err(HubError::Everywhere { hub: Box::new(hub), mirror: Box::new(mirror) })
        }
        None => Err(hub),
    }
}

fn offline(model: &ModelRef) -> HubError {
    let (name, hint) = match model {
        ModelRef::Catalogue(spec) => {
            let file = format!("{} of {}", spec.file, spec.repo);
            (spec.name.clone(), format!("fetch {file} elsewhere and run 'persona models import FILE', or unset HF_HUB_OFFLINE and run 'persona models pull {}'", spec.name))
        }
        ModelRef::Repo(wanted) => (
            wanted.repo.clone(),
            "fetch the file elsewhere and run 'persona models import FILE', or unset HF_HUB_OFFLINE".to_owned(),
        ),
        ModelRef::Path(path) => (path.display().to_string(), "check the path".to_owned()),
        ModelRef::Ollama(wanted) => (wanted.to_string(), format!("run 'ollama pull {wanted}'")),
    };
    HubError::Offline { name, hint }
}

/// Whether a revision names a commit, which cannot move.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

async fn from_hub(
    wanted: &RepoRef,
    pin: Option<&str>,
    options: &HubOptions,
    progress: OnProgress<'_>,
) -> Result<LocalModel, HubError> {
    let hub = Hub::open(options, progress)?;
    let file = match &wanted.pick {
        Pick::File(file) => file.clone(),
        Pick::Best | Pick::Quant(_) => hub.choose(wanted).await?,
    };
    let mut parts: Vec<(String, Remote)> = Vec::new();
    let mut asked = wanted.clone();
    for part in reference::parts(&file) {
        let source = hub.metadata(&asked, &part).await?;
        // All parts come from one commit of the repository, even if its branch moves meanwhile.
        asked.revision.clone_from(&source.commit);
        parts.push((part, source));
    }
    if let Some(found) = already_here(wanted, &file, &parts, pin, options) {
        return Ok(found);
    }
    room_for(wanted, &parts, options)?;
    let mut first = None;
    for (part, source) in &parts {
        let local = part_from_hub(&hub, wanted, (part, source), pin, options, progress).await?;
        first.get_or_insert(local);
    }
    Ok(first.expect("a file has at least one part"))
}

/// The model, where the cache holds exactly what the hub has. Nothing is written then, so a
/// read-only cache suffices.
fn already_here(
    wanted: &RepoRef,
    file: &str,
    parts: &[(String, Remote)],
    pin: Option<&str>,
    options: &HubOptions,
) -> Option<LocalModel> {
    let commit = &parts.first()?.1.commit;
    if wanted.revision != *commit
        && cache::read_ref(&options.hf_cache, &wanted.repo, &wanted.revision).as_ref()
            != Some(commit)
    {
        return None;
    }
    let pick = Pick::File(file.to_owned());
    let of_commit = RepoRef { repo: wanted.repo.clone(), pick, revision: commit.clone() };
    let local = cache::find(&options.hf_cache, &of_commit)?;
    let same = |(path, source): (&PathBuf, &Remote)| {
        cache::blob_of(path).ends_with(&source.etag)
            && fs::metadata(path).is_ok_and(|about| about.len() == source.bytes)
    };
    let paths = cache::parts_of(&local.path);
    let whole = paths.iter().zip(parts.iter().map(|(_, source)| source)).all(same);
    let right = pin.is_none_or(|pin| local.sha256.as_deref() == Some(pin));
    (whole && right).then_some(local)
}

/// Checks that the disk has room for the bytes that are missing.
fn room_for(
    wanted: &RepoRef,
    parts: &[(String, Remote)],
    options: &HubOptions,
) -> Result<(), HubError> {
    let missing = parts.iter().map(|(_, source)| {
        let here = Entry::here(&options.hf_cache, &wanted.repo, &source.etag);
        source.bytes.saturating_sub(here)
    });
    let needed = missing.fold(0_u64, u64::saturating_add);
    cache::check_room(&options.hf_cache, &parts[0].0, needed)
}

/// Fetches one file of the hub and puts it in place.
async fn part_from_hub(
    hub: &Hub<'_>,
    wanted: &RepoRef,
    (file, source): (&str, &Remote),
    pin: Option<&str>,
    options: &HubOptions,
    progress: OnProgress<'_>,
) -> Result<LocalModel, HubError> {
    let stated = cache::is_sha256(&source.etag).then_some(source.etag.as_str());
    if let (Some(pin), Some(stated)) = (pin, stated)
        && pin != stated
    {
        return Err(HubError::Mismatch {
            what: format!("{file} of {} on the hub", wanted.repo),
            expected: pin.to_owned(),
            found: stated.to_owned(),
            hint: "the file changed on the hub since it was pinned; nothing was fetched".to_owned(),
        });
    }
    let entry = Entry::new(&options.hf_cache, &wanted.repo, &source.etag)?;
    let _lock = lock(&entry, progress).await?;
    let blob = entry.blob();
    if !fs::metadata(&blob).is_ok_and(|meta| meta.len() == source.bytes) {
        progress(PullProgress::Started { file, bytes: Some(source.bytes) });
        download(hub, source, &entry, pin.or(stated), progress).await?;
        fs::rename(entry.incomplete(), &blob).map_err(|e| HubError::io("write", &blob, e))?;
    }
    let path = entry.link(&source.commit, &wanted.revision, file)?;
    Ok(LocalModel {
        path,
        sha256: pin.or(stated).map(str::to_owned),
        name: format!("{}/{file}", wanted.repo),
    })
}

/// Takes the blob's lock, waiting for the process that holds it.
async fn lock(entry: &Entry, progress: OnProgress<'_>) -> Result<File, HubError> {
    let file = entry.open_lock()?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut said, true) {
                    progress(PullProgress::Note("another process is fetching this file; waiting"));
                }
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::Error(e)) => return Err(HubError::io("lock", &entry.blob(), e)),
        }
    }
}

/// Receives a file until it is whole and has the right hash.
///
/// Bytes left by an earlier attempt are used, unless the whole then has another hash than
/// `expected`: in that case the file is fetched once more from the start. If the hash is wrong even
/// then, the bytes are kept under a name that nothing looks for.
async fn download(
    hub: &Hub<'_>,
    source: &Remote,
    entry: &Entry,
    expected: Option<&str>,
    progress: OnProgress<'_>,
) -> Result<(), HubError> {
    let incomplete = &entry.incomplete();
    let mut part = Part::open(incomplete).await?;
    let mut inherited = part.hasher.bytes > 0;
    loop {
        receive_all(hub, source, &mut part, progress).await?;
        let found = std::mem::take(&mut part.hasher).hex();
        match expected {
            Some(expected) if expected != found => {
                if std::mem::take(&mut inherited) {
                    part.restart()?;
                    progress(PullProgress::Note(
                        "what an earlier attempt left was damaged; starting over",
                    ));
                    continue;
                }
                drop(part);
                let aside = entry.rejected();
                fs::rename(incomplete, &aside).map_err(|e| HubError::io("write", &aside, e))?;
                return Err(HubError::Mismatch {
                    what: http::display(&source.url),
                    expected: expected.to_owned(),
                    found,
                    hint: format!(
                        "the bytes are kept aside as {} and never used; pull again, and if it stays so do not trust the server",
                        aside.display()
                    ),
                });
            }
            _ => {
                return part.file.sync_all().map_err(|e| HubError::io("write", incomplete, e));
            }
        }
    }
}

/// Receives until the length is right, continuing where a connection broke off. Gives up when as
/// many attempts in a row as [`remote::patience`] allows brought nothing new.
async fn receive_all(
    hub: &Hub<'_>,
    source: &Remote,
    part: &mut Part<'_>,
    progress: OnProgress<'_>,
) -> Result<(), HubError> {
    let mut delays = remote::patience().build();
    let mut furthest = part.hasher.bytes;
    loop {
        let failure = match receive(hub, source, part, progress).await {
            Ok(()) => return Ok(()),
            Err(failure) if !failure.again => return Err(failure.error),
            Err(failure) => failure,
        };
        if part.hasher.bytes >= furthest + PROGRESS {
            (furthest, delays) = (part.hasher.bytes, remote::patience().build());
        }
        let Some(delay) = failure.delay(delays.next()) else {
            return Err(failure.error);
        };
        if failure.wait.is_some() {
            hub.waiting(&failure, delay);
        } else {
            let note = format!("the connection broke off; going on at byte {}", part.hasher.bytes);
            progress(PullProgress::Note(&note));
        }
        tokio::time::sleep(delay).await;
    }
}

/// Sends one request for the bytes that are missing, and appends what arrives.
async fn receive(
    hub: &Hub<'_>,
    source: &Remote,
    part: &mut Part<'_>,
    progress: OnProgress<'_>,
) -> Result<(), Failure> {
    if part.hasher.bytes > source.bytes {
        part.restart()?;
    }
    progress(PullProgress::At(part.hasher.bytes));
    if part.hasher.bytes == source.bytes {
        return Ok(());
    }
    let from = part.hasher.bytes;
    let mut response = hub.get(&source.url, from).await?;
    if response.status().is_success() && remote::is_page(response.headers()) {
        return Err(remote::page_instead(&source.url).into());
    }
    if let Some(total) = remote::whole_length(&response).filter(|total| *total != source.bytes) {
        part.restart()?;
        return Err(wrong_length(source, total).into());
    }
    match response.status() {
        StatusCode::PARTIAL_CONTENT if remote::range_start(response.headers()) == Some(from) => {}
        StatusCode::OK => part.restart()?,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart()?;
            let cause = "it answers another range than was asked for".to_owned();
            return Err(Failure::passing(remote::unreachable(&source.url, cause)));
        }
        _ => {
            let what = http::display(&source.url);
            return Err(remote::refusal(&source.url, &response, &what.clone(), what));
        }
    }
    while let Some(chunk) = response.chunk().await.map_err(|e| remote::broke_off(&source.url, e))? {
        // Writing blocks this thread for microseconds, and nothing else runs during a download.
        part.append(&chunk)?;
        if part.hasher.bytes > source.bytes {
            let found = part.hasher.bytes;
            part.restart()?;
            return Err(wrong_length(source, found).into());
        }
        progress(PullProgress::At(part.hasher.bytes));
    }
    if part.hasher.bytes < source.bytes {
        return Err(Failure::passing(wrong_length(source, part.hasher.bytes)));
    }
    Ok(())
}

fn wrong_length(source: &Remote, found: u64) -> HubError {
    HubError::Length { what: http::display(&source.url), expected: source.bytes, found }
}

/// A partial file, with the hash of the bytes that it holds.
struct Part<'p> {
    path: &'p Path,
    file: File,
    hasher: Hasher,
}

impl<'p> Part<'p> {
    /// Opens or begins a partial file, and hashes what it holds.
    async fn open(path: &'p Path) -> Result<Self, HubError> {
        let failed = |e| HubError::io("write", path, e);
        // A stranger's bytes are not written through a link that somebody else put here.
        if fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
            fs::remove_file(path).map_err(failed)?;
        }
        let options = File::options().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(failed)?;
        // Hashing gigabytes takes seconds, so it does not run on the thread that has the timers.
        let hashed = tokio::task::spawn_blocking(move || {
            let mut hasher = Hasher::default();
            let mut buffer = vec![0; cache::CHUNK];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok((file, hasher)),
                    n => hasher.update(&buffer[..n]),
                }
            }
        });
        let hashed =
            hashed.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let (file, hasher) = hashed.map_err(failed)?;
        Ok(Self { path, file, hasher })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(|e| HubError::io("write", self.path, e))?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), HubError> {
        self.file.set_len(0).map_err(|e| HubError::io("write", self.path, e))?;
        self.hasher = Hasher::default();
        Ok(())
    }
}
