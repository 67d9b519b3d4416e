//! Fetching from the hub: ask what a file is, receive it, check it, put it in place.
//!
//! Owns the hub's wire format (<https://huggingface.co/docs/hub/api>): metadata by HEAD, the file
//! list, redirects to storage on other hosts, ranges. Knows the cache only as a place to write to.
//! A download that breaks off goes on where it stopped, in this process or in a later one.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LINK, LOCATION,
    RANGE,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Deserialize;

use super::cache::{self, Entry, Hasher};
use super::reference::{self, ModelRef, Pick, RepoRef};
use super::{HubError, HubOptions, LocalModel, PullProgress, Token, locate, mirror, named};
use crate::catalogue::ModelSpec;
use crate::http;

/// Hops from the hub to the storage that has the bytes; one is usual.
const MAX_REDIRECTS: usize = 5;
/// Longest wait for an answer that is only headers.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest page of a file list, and how many pages: some 50,000 files.
const MAX_PAGE: usize = 8 << 20;
const MAX_PAGES: usize = 50;
/// Bytes that count as progress, so that the patience with a breaking connection begins anew.
const PROGRESS: u64 = 1 << 20;
/// How often a lock that another process holds is tried.
const LOCK_POLL: Duration = Duration::from_millis(200);

type OnProgress<'a> = &'a (dyn Fn(PullProgress<'_>) + Send + Sync);

/// Makes sure that a model is on this machine, and says where.
///
/// A path must exist. A pinned model, or a file of a commit, that is here already is not asked for
/// again; a branch is, since it may have moved. When the hub fails, the mirrors of a catalogue
/// entry are tried. Dropping the future stops cleanly and keeps what arrived.
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
        ModelRef::Path(_) => unreachable!("a path was answered above"),
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
            return Ok(LocalModel {
                name: spec.name.clone(),
                ..model
            });
        }
        // Our own disk fails a mirror too.
        Err(error @ HubError::Io { .. }) => return Err(error),
        Err(error) => error,
    };
    if !spec.mirrors.is_empty() {
        progress(PullProgress::Note(
            hub.to_string().lines().next().unwrap_or_default(),
        ));
    }
    match mirror::pull(spec, options, progress).await {
        Some(Ok(model)) => Ok(model),
        Some(Err(mirror)) => Err(HubError::Everywhere {
            hub: Box::new(hub),
            mirror: Box::new(mirror),
        }),
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
    let hub = Hub::open(options)?;
    let file = match &wanted.pick {
        Pick::File(file) => file.clone(),
        Pick::Best | Pick::Quant(_) => hub.choose(wanted).await?,
    };
    let remote = (|| hub.metadata(wanted, &file))
        .retry(patience())
        .when(|e| e.again)
        .await?;
    let stated = cache::is_sha256(&remote.etag).then_some(remote.etag.as_str());
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
    let entry = Entry::new(&options.hf_cache, &wanted.repo, &remote.etag)?;
    let _lock = lock(&entry, progress).await?;
    let blob = entry.blob();
    if !fs::metadata(&blob).is_ok_and(|meta| meta.len() == remote.bytes) {
        progress(PullProgress::Started {
            file: &file,
            bytes: Some(remote.bytes),
        });
        download(&hub, &remote, &entry.incomplete(), pin.or(stated), progress).await?;
        fs::rename(entry.incomplete(), &blob).map_err(|e| HubError::io("write", &blob, e))?;
    }
    let path = entry.link(&remote.commit, &wanted.revision, &file)?;
    Ok(LocalModel {
        path,
        sha256: pin.or(stated).map(str::to_owned),
        name: format!("{}/{file}", wanted.repo),
    })
}

/// Takes the blob's lock, waiting for whoever has it.
async fn lock(entry: &Entry, progress: OnProgress<'_>) -> Result<File, HubError> {
    let file = entry.open_lock()?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut said, true) {
                    progress(PullProgress::Note(
                        "another process is fetching this file; waiting",
                    ));
                }
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::Error(e)) => return Err(HubError::io("lock", &entry.blob(), e)),
        }
    }
}

/// Delays between attempts: half a second to eight, five times.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(5)
        .with_jitter()
}

/// What the hub says of a file.
struct Remote {
    url: Url,
    commit: String,
    etag: String,
    bytes: u64,
}

/// A failed attempt, and whether another may help.
struct Failure {
    error: HubError,
    again: bool,
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self {
            error,
            again: false,
        }
    }
}

impl From<Failure> for HubError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// A hub, as it is asked.
struct Hub<'a> {
    client: Client,
    base: Url,
    token: Option<&'a Token>,
}

impl<'a> Hub<'a> {
    fn open(options: &'a HubOptions) -> Result<Self, HubError> {
        let refused = |cause: String| HubError::Unreachable {
            host: options.endpoint.clone(),
            cause,
            hint: "HF_ENDPOINT must be an address such as https://huggingface.co".to_owned(),
        };
        let base = Url::parse(&options.endpoint).map_err(|e| refused(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refused("it is no http or https address".to_owned()));
        }
        let client = http::client(&base).map_err(|e| refused(http::cause(e)))?;
        Ok(Self {
            client,
            base,
            token: options.token.as_ref(),
        })
    }

    /// An address below the hub; each segment is escaped, a revision's `/` too.
    fn url(&self, segments: &[&str], file: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(segments)
                .extend(file.split('/').filter(|s| !s.is_empty()));
        }
        url
    }

    /// Sends one request, without following redirects. The token goes to the hub itself only, and
    /// only where nobody can listen.
    async fn send(&self, method: Method, url: &Url, from: u64) -> Result<Response, Failure> {
        let mut request = self.client.request(method.clone(), url.clone());
        request = request.header(ACCEPT_ENCODING, "identity");
        if method == Method::HEAD {
            request = request.timeout(HEAD_TIMEOUT);
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = self
            .token
            .filter(|_| url.origin() == self.base.origin() && http::is_private(url))
        {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.send().await.map_err(|error| {
            // A host that cannot be reached at all stays so for a while; a mirror may be near.
            let again = !error.is_connect();
            Failure {
                error: unreachable(url, http::cause(error)),
                again,
            }
        })
    }

    /// Sends a GET and follows redirects to other hosts.
    async fn get(&self, url: &Url, from: u64) -> Result<Response, Failure> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(Method::GET, &url, from).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = next_hop(&url, response.headers())?;
        }
        Err(unreachable(&url, "too many redirects".to_owned()).into())
    }

    /// Asks what a file is. The hub answers with a redirect that carries all about the file; only
    /// a redirect that does not, such as that of a renamed repository, is followed.
    async fn metadata(&self, wanted: &RepoRef, file: &str) -> Result<Remote, Failure> {
        let (owner, name) = wanted.repo.split_once('/').unwrap_or((&wanted.repo, ""));
        let asked = self.url(&[owner, name, "resolve", &wanted.revision], file);
        let mut url = asked.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(Method::HEAD, &url, 0).await?;
            let (status, headers) = (response.status(), response.headers());
            let complete = header(headers, "x-linked-etag").is_some();
            if status.is_redirection() && !complete {
                url = next_hop(&url, headers)?;
                continue;
            }
            if !status.is_success() && !status.is_redirection() {
                let what = format!("{file} in {} at {}", wanted.repo, wanted.revision);
                return Err(refusal(&url, &response, &wanted.repo, what));
            }
            return described(asked, headers).map_err(|cause| unreachable(&url, cause).into());
        }
        Err(unreachable(&url, "too many redirects".to_owned()).into())
    }

    /// Lists the repository and chooses a file.
    async fn choose(&self, wanted: &RepoRef) -> Result<String, HubError> {
        let (owner, name) = wanted.repo.split_once('/').unwrap_or((&wanted.repo, ""));
        let mut url = self.url(
            &["api", "models", owner, name, "tree", &wanted.revision],
            "",
        );
        url.set_query(Some("recursive=true"));
        let mut files = Vec::new();
        let mut next = Some(url);
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { break };
            let page = (|| self.page(&url, wanted))
                .retry(patience())
                .when(|e| e.again)
                .await?;
            files.extend(page.0);
            next = page.1;
        }
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        reference::choose(&names, &wanted.pick)
            .map(str::to_owned)
            .map_err(|reason| HubError::NoChoice {
                repo: wanted.repo.clone(),
                reason,
            })
    }

    /// One page of a file list, and where the next one is.
    async fn page(
        &self,
        url: &Url,
        wanted: &RepoRef,
    ) -> Result<(Vec<String>, Option<Url>), Failure> {
        #[derive(Deserialize)]
        struct Item {
            #[serde(rename = "type")]
            kind: String,
            path: String,
        }
        let mut response = self.get(url, 0).await?;
        if !response.status().is_success() {
            let what = format!("{} at {}", wanted.repo, wanted.revision);
            return Err(refusal(url, &response, &wanted.repo, what));
        }
        let next = header(response.headers(), LINK.as_str())
            .and_then(|link| link.split_once("; rel=\"next\""))
            .and_then(|(link, _)| {
                url.join(link.rsplit('<').next()?.trim_end_matches('>'))
                    .ok()
            });
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broke_off(url, e))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PAGE {
                return Err(unreachable(url, "the file list is too long".to_owned()).into());
            }
        }
        let items: Vec<Item> = serde_json::from_slice(&body)
            .map_err(|e| unreachable(url, format!("the file list makes no sense: {e}")))?;
        let files = items
            .into_iter()
            .filter(|item| item.kind == "file")
            .map(|item| item.path);
        Ok((files.collect(), next))
    }
}

/// Reads the headers that describe a file.
fn described(url: Url, headers: &HeaderMap) -> Result<Remote, String> {
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| header(headers, name));
    let etag = first(["x-linked-etag", ETAG.as_str()]).unwrap_or_default();
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let commit = header(headers, "x-repo-commit").unwrap_or_default();
    let bytes = first(["x-linked-size", CONTENT_LENGTH.as_str()]).and_then(|n| n.parse().ok());
    // Both become names of files.
    if !reference::is_word(etag) || !reference::is_word(commit) {
        return Err("the answer names no commit and etag, as a Hugging Face hub does".to_owned());
    }
    let bytes = bytes.ok_or("the answer does not state the file's size")?;
    Ok(Remote {
        url,
        commit: commit.to_owned(),
        etag: etag.to_owned(),
        bytes,
    })
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Where a redirect leads. Never from an encrypted address to an open one.
fn next_hop(url: &Url, headers: &HeaderMap) -> Result<Url, HubError> {
    let location = header(headers, LOCATION.as_str()).unwrap_or_default();
    let next = url.join(location).ok().filter(|_| !location.is_empty());
    let next = next.filter(|next| http::is_private(next) || !http::is_private(url));
    next.ok_or_else(|| {
        unreachable(
            url,
            "it redirects to an address that cannot be used".to_owned(),
        )
    })
}

fn unreachable(url: &Url, cause: String) -> HubError {
    HubError::Unreachable {
        host: http::display(url),
        cause,
        hint: "check the network, or fetch the file elsewhere and run 'persona models import FILE'"
            .to_owned(),
    }
}

fn broke_off(url: &Url, error: reqwest::Error) -> Failure {
    Failure {
        error: unreachable(url, http::cause(error)),
        again: true,
    }
}

/// What a status other than success means.
fn refusal(url: &Url, response: &Response, repo: &str, what: String) -> Failure {
    let status = response.status();
    // The hub says 401 for a repository that does not exist when nobody is signed in.
    let missing =
        header(response.headers(), "x-error-code").is_some_and(|c| c.ends_with("NotFound"));
    match status {
        _ if missing => HubError::NotFound { what }.into(),
        StatusCode::NOT_FOUND => HubError::NotFound { what }.into(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => HubError::Denied {
            repo: repo.to_owned(),
            status: status.as_u16(),
        }
        .into(),
        _ => Failure {
            error: unreachable(url, format!("HTTP {status}")),
            again: is_transient(status),
        },
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Receives a file into `incomplete` until it is whole and right.
///
/// Bytes that an earlier attempt left count, unless the whole then has another hash than
/// `expected`: then the file is fetched once more from the start.
async fn download(
    hub: &Hub<'_>,
    remote: &Remote,
    incomplete: &Path,
    expected: Option<&str>,
    progress: OnProgress<'_>,
) -> Result<(), HubError> {
    let mut part = Part::open(incomplete).await?;
    let mut inherited = part.hasher.bytes > 0;
    loop {
        receive_all(hub, remote, &mut part, progress).await?;
        let found = std::mem::take(&mut part.hasher).hex();
        match expected {
            Some(expected) if expected != found => {
                part.restart()?;
                if std::mem::take(&mut inherited) {
                    progress(PullProgress::Note(
                        "what an earlier attempt left was damaged; starting over",
                    ));
                    continue;
                }
                drop(part);
                fs::remove_file(incomplete).map_err(|e| HubError::io("remove", incomplete, e))?;
                return Err(HubError::Mismatch {
                    what: http::display(&remote.url),
                    expected: expected.to_owned(),
                    found,
                    hint: "the bytes were thrown away; pull again, and if it stays so do not trust the server".to_owned(),
                });
            }
            _ => {
                return part
                    .file
                    .sync_all()
                    .map_err(|e| HubError::io("write", incomplete, e));
            }
        }
    }
}

/// Receives until the length is right, going on where a connection broke off. Gives up after five
/// attempts that brought nothing new.
async fn receive_all(
    hub: &Hub<'_>,
    remote: &Remote,
    part: &mut Part<'_>,
    progress: OnProgress<'_>,
) -> Result<(), HubError> {
    let mut delays = patience().build();
    let mut furthest = part.hasher.bytes;
    loop {
        let failure = match receive(hub, remote, part, progress).await {
            Ok(()) => return Ok(()),
            Err(failure) if !failure.again => return Err(failure.error),
            Err(failure) => failure,
        };
        if part.hasher.bytes >= furthest + PROGRESS {
            (furthest, delays) = (part.hasher.bytes, patience().build());
        }
        let Some(delay) = delays.next() else {
            return Err(failure.error);
        };
        let done = part.hasher.bytes;
        progress(PullProgress::Note(&format!(
            "the connection broke off; going on at byte {done}"
        )));
        tokio::time::sleep(delay).await;
    }
}

/// One request for what is missing.
async fn receive(
    hub: &Hub<'_>,
    remote: &Remote,
    part: &mut Part<'_>,
    progress: OnProgress<'_>,
) -> Result<(), Failure> {
    if part.hasher.bytes > remote.bytes {
        part.restart()?;
    }
    progress(PullProgress::At(part.hasher.bytes));
    if part.hasher.bytes == remote.bytes {
        return Ok(());
    }
    let from = part.hasher.bytes;
    let mut response = hub.get(&remote.url, from).await?;
    if let Some(total) = whole_length(&response).filter(|total| *total != remote.bytes) {
        part.restart()?;
        return Err(wrong_length(remote, total).into());
    }
    match response.status() {
        StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(from) => {}
        StatusCode::OK => part.restart()?,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart()?;
            let cause = "it answers another range than was asked for".to_owned();
            return Err(Failure {
                error: unreachable(&remote.url, cause),
                again: true,
            });
        }
        _ => {
            let what = http::display(&remote.url);
            return Err(refusal(&remote.url, &response, &what.clone(), what));
        }
    }
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|e| broke_off(&remote.url, e))?
    {
        // Writing blocks this thread for microseconds, and nothing else runs during a download.
        part.append(&chunk)?;
        if part.hasher.bytes > remote.bytes {
            let found = part.hasher.bytes;
            part.restart()?;
            return Err(wrong_length(remote, found).into());
        }
        progress(PullProgress::At(part.hasher.bytes));
    }
    if part.hasher.bytes < remote.bytes {
        return Err(Failure {
            error: wrong_length(remote, part.hasher.bytes),
            again: true,
        });
    }
    Ok(())
}

fn wrong_length(remote: &Remote, found: u64) -> HubError {
    HubError::Length {
        what: http::display(&remote.url),
        expected: remote.bytes,
        found,
    }
}

/// First byte of a partial answer: the `5` of `bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = header(headers, CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// Length of the whole file as this answer states it: the `10` of `bytes 5-9/10`.
fn whole_length(response: &Response) -> Option<u64> {
    let name = match response.status() {
        StatusCode::OK => CONTENT_LENGTH,
        StatusCode::PARTIAL_CONTENT => CONTENT_RANGE,
        _ => return None,
    };
    header(response.headers(), name.as_str())?
        .rsplit('/')
        .next()?
        .parse()
        .ok()
}

/// A partial file with the hash of what it holds.
struct Part<'p> {
    path: &'p Path,
    file: File,
    hasher: Hasher,
}

impl<'p> Part<'p> {
    /// Opens or begins a partial file, and hashes what it holds.
    async fn open(path: &'p Path) -> Result<Self, HubError> {
        let failed = |e| HubError::io("write", path, e);
        let options = File::options().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(failed)?;
        // Seconds for gigabytes, so not on the thread that has the timers.
        let hashed = tokio::task::spawn_blocking(move || {
            let mut hasher = Hasher::default();
            let mut buffer = vec![0; 1 << 20];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok((file, hasher)),
                    n => hasher.update(&buffer[..n]),
                }
            }
        });
        let hashed = hashed
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let (file, hasher) = hashed.map_err(failed)?;
        Ok(Self { path, file, hasher })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file
            .write_all(bytes)
            .map_err(|e| HubError::io("write", self.path, e))?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), HubError> {
        self.file
            .set_len(0)
            .map_err(|e| HubError::io("write", self.path, e))?;
        self.hasher = Hasher::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v)))
            .collect()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_redirect_never_leads_from_an_encrypted_address_to_an_open_one() {
        let to = |location| {
            next_hop(
                &url("https://hub.example/a/b"),
                &headers(&[("location", location)]),
            )
        };
        assert_eq!(
            to("https://cdn.example/x").unwrap(),
            url("https://cdn.example/x")
        );
        assert_eq!(to("/moved").unwrap(), url("https://hub.example/moved"));
        assert!(to("http://cdn.example/x").is_err());
        assert!(to("file:///etc/passwd").is_err());
        assert!(next_hop(&url("https://hub.example"), &headers(&[])).is_err());
    }

    #[test]
    fn a_description_with_unsafe_names_is_refused() {
        let of = |etag: &'static str, commit: &'static str, size: &'static str| {
            let pairs = [
                ("x-linked-etag", etag),
                ("x-repo-commit", commit),
                ("x-linked-size", size),
            ];
            described(url("https://h.example"), &headers(&pairs))
                .map(|r| (r.etag, r.commit, r.bytes))
        };
        assert_eq!(
            of("W/\"ab\"", "c0ffee", "5"),
            Ok(("ab".to_owned(), "c0ffee".to_owned(), 5))
        );
        for (etag, commit, size) in [
            ("\"../x\"", "c0ffee", "5"),
            ("ab", "../..", "5"),
            ("ab", "..", "5"),
            ("", "c0ffee", "5"),
            ("ab", "", "5"),
            ("ab", "c0ffee", "-5"),
            ("ab", "c0ffee", ""),
        ] {
            assert!(of(etag, commit, size).is_err(), "{etag} {commit} {size}");
        }
    }

    #[test]
    fn a_range_answer_is_read_or_not_at_all() {
        let start = |range| range_start(&headers(&[("content-range", range)]));
        assert_eq!(start("bytes 5-9/10"), Some(5));
        for bad in ["5-9/10", "bytes */10", "bytes -9/10", "bytes"] {
            assert_eq!(start(bad), None, "{bad}");
        }
    }
}
