//! The hub's wire format: what it is asked, and what its answers mean.
//!
//! Owns addresses, headers, redirects, the file list and which requests carry the token
//! (<https://huggingface.co/docs/hub/api>). Writes nothing to disk.

use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    LINK, LOCATION, RANGE,
};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Deserialize;

use super::reference::{self, RepoRef};
use super::{HubError, HubOptions, PullProgress, Token};
use crate::http;

/// Most redirects from the hub to the storage that has the bytes; one is usual.
const MAX_REDIRECTS: usize = 5;
/// Longest wait for an answer that is only headers.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait that a busy server may ask for; a longer one fails, so that the user decides.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
/// Delay from which on the user is told that the hub is being waited for.
const NOTICED: Duration = Duration::from_secs(2);
/// Largest page of a file list in bytes, and most pages: some 50,000 files.
const MAX_PAGE: usize = 8 << 20;
const MAX_PAGES: usize = 50;

/// What the hub says about a file.
pub(super) struct Remote {
    /// Address of the file, which answers with a redirect to the storage.
    pub(super) url: Url,
    /// Commit that the revision points to today.
    pub(super) commit: String,
    /// Name of the file's blob; for a large file, its SHA-256.
    pub(super) etag: String,
    /// Size in bytes.
    pub(super) bytes: u64,
}

/// A failed attempt, and whether another may help.
pub(super) struct Failure {
    pub(super) error: HubError,
    pub(super) again: bool,
    /// How long the server asks to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    /// A failure that may pass, so that another attempt may help.
    pub(super) fn passing(error: HubError) -> Self {
        Self { error, again: true, wait: None }
    }

    /// Delay before the next attempt: what the server asks for, else `usual`.
    pub(super) fn delay(&self, usual: Option<Duration>) -> Option<Duration> {
        usual.map(|usual| self.wait.unwrap_or(usual))
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self { error, again: false, wait: None }
    }
}

impl From<Failure> for HubError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// A hub, with what is needed to ask it.
pub(super) struct Hub<'a> {
    client: Client,
    base: Url,
    token: Option<&'a Token>,
    progress: OnProgress<'a>,
}

/// Receives the news of a download.
pub(super) type OnProgress<'a> = &'a (dyn Fn(PullProgress<'_>) + Send + Sync);

impl<'a> Hub<'a> {
    pub(super) fn open(
        options: &'a HubOptions,
        progress: OnProgress<'a>,
    ) -> Result<Self, HubError> {
        let refused = |cause: String| HubError::Unreachable {
            // Not repeated here: it may hold a password.
            host: "the address in HF_ENDPOINT".to_owned(),
            cause,
            hint: "HF_ENDPOINT must be an address such as https://huggingface.co".to_owned(),
        };
        let base = Url::parse(&options.endpoint).map_err(|e| refused(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refused("it is not an http or https address".to_owned()));
        }
        let client = http::client(&base).map_err(|e| HubError::Unreachable {
            host: http::display(&base),
            cause: http::cause(e),
            hint: "check the certificates of this machine".to_owned(),
        })?;
        Ok(Self { client, base, token: options.token.as_ref(), progress })
    }

    /// Tells the user that the hub is being waited for, when the delay is long enough to be
    /// noticed.
    pub(super) fn waiting(&self, failure: &Failure, delay: Duration) {
        if delay >= NOTICED {
            let cause = failure.error.to_string();
            let cause = cause.lines().next().unwrap_or_default();
            let note = format!("{cause}; trying again in {} s", delay.as_secs());
            (self.progress)(PullProgress::Note(&note));
        }
    }

    /// An address below the hub. Each segment is escaped, including a `/` in a revision.
    fn url(&self, segments: &[&str], file: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments).extend(file.split('/').filter(|s| !s.is_empty()));
        }
        url
    }

    /// Sends one request, without following redirects. The token is sent to the hub itself only,
    /// and only where nobody can listen.
    async fn send(&self, method: Method, url: &Url, from: u64) -> Result<Response, Failure> {
        let mut request = self.client.request(method.clone(), url.clone());
        request = request.header(ACCEPT_ENCODING, "identity");
        if method == Method::HEAD {
            request = request.timeout(HEAD_TIMEOUT);
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        if let Some(token) =
            self.token.filter(|_| url.origin() == self.base.origin() && http::is_private(url))
        {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.send().await.map_err(|error| {
            // A host that cannot be reached at all stays so for a while, and a mirror may be
            // reachable.
            let again = !error.is_connect();
            Failure { error: unreachable(url, http::cause(error)), again, wait: None }
        })
    }

    /// Sends a GET and follows redirects, also to other hosts.
    pub(super) async fn get(&self, url: &Url, from: u64) -> Result<Response, Failure> {
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

    /// Asks what a file is, and asks again when the hub is busy.
    pub(super) async fn metadata(&self, wanted: &RepoRef, file: &str) -> Result<Remote, HubError> {
        let asked = || self.describe(wanted, file);
        let retried = asked.retry(patience()).when(|e| e.again).adjust(Failure::delay);
        retried.notify(|e, delay| self.waiting(e, delay)).await.map_err(HubError::from)
    }

    /// Asks what a file is, once. The hub answers with a redirect that carries all about the file;
    /// only a redirect that does not, such as that of a renamed repository, is followed.
    pub(super) async fn describe(&self, wanted: &RepoRef, file: &str) -> Result<Remote, Failure> {
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
            if is_page(headers) && header(headers, "x-repo-commit").is_none() {
                return Err(page_instead(&url).into());
            }
            return described(asked, headers).map_err(|cause| unreachable(&url, cause).into());
        }
        Err(unreachable(&url, "too many redirects".to_owned()).into())
    }

    /// Lists the repository's files and chooses one.
    pub(super) async fn choose(&self, wanted: &RepoRef) -> Result<String, HubError> {
        let (owner, name) = wanted.repo.split_once('/').unwrap_or((&wanted.repo, ""));
        let mut url = self.url(&["api", "models", owner, name, "tree", &wanted.revision], "");
        url.set_query(Some("recursive=true"));
        let mut files = Vec::new();
        let mut next = Some(url);
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { break };
            let asked = || self.page(&url, wanted);
            let retried = asked.retry(patience()).when(|e| e.again).adjust(Failure::delay);
            let page = retried.notify(|e, delay| self.waiting(e, delay)).await?;
            files.extend(page.0);
            next = page.1;
        }
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        reference::choose(&names, &wanted.pick)
            .map(str::to_owned)
            .map_err(|reason| HubError::NoChoice { repo: wanted.repo.clone(), reason })
    }

    /// One page of a file list, and the address of the next one.
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
        if is_page(response.headers()) {
            return Err(page_instead(url).into());
        }
        let next = header(response.headers(), LINK.as_str())
            .and_then(|link| link.split_once("; rel=\"next\""))
            .and_then(|(link, _)| url.join(link.rsplit('<').next()?.trim_end_matches('>')).ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broke_off(url, e))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PAGE {
                return Err(unreachable(url, "the file list is too long".to_owned()).into());
            }
        }
        let items: Vec<Item> = serde_json::from_slice(&body)
            .map_err(|e| unreachable(url, format!("the file list makes no sense: {e}")))?;
        let files = items.into_iter().filter(|item| item.kind == "file").map(|item| item.path);
        Ok((files.collect(), next))
    }
}

/// Delays between attempts: half a second to eight, five times.
pub(super) fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(5)
        .with_jitter()
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
    Ok(Remote { url, commit: commit.to_owned(), etag: etag.to_owned(), bytes })
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The address that a redirect leads to. A redirect from an encrypted address to an open one is
/// refused.
fn next_hop(url: &Url, headers: &HeaderMap) -> Result<Url, HubError> {
    let location = header(headers, LOCATION.as_str()).unwrap_or_default();
    let next = url.join(location).ok().filter(|_| !location.is_empty());
    let next = next.filter(|next| http::is_private(next) || !http::is_private(url));
    next.ok_or_else(|| {
        unreachable(url, "it redirects to an address that cannot be used".to_owned())
    })
}

pub(super) fn unreachable(url: &Url, cause: String) -> HubError {
    HubError::Unreachable {
        host: http::display(url),
        cause,
        hint: "check the network, or fetch the file elsewhere and run 'persona models import FILE'"
            .to_owned(),
    }
}

pub(super) fn broke_off(url: &Url, error: reqwest::Error) -> Failure {
    Failure::passing(unreachable(url, http::cause(error)))
}

/// Whether an answer is a web page.
pub(super) fn is_page(headers: &HeaderMap) -> bool {
    header(headers, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The error for a web page that came where a hub would have sent data.
pub(super) fn page_instead(url: &Url) -> HubError {
    HubError::Unreachable {
        host: http::display(url),
        cause: "a web page came in place of the file: a proxy or a sign-in page stands in between"
            .to_owned(),
        hint: "sign in to that network, set HTTPS_PROXY to a proxy that lets files through, or set HF_ENDPOINT to a mirror".to_owned(),
    }
}

/// The failure that a status other than success means.
pub(super) fn refusal(url: &Url, response: &Response, repo: &str, what: String) -> Failure {
    let (status, headers) = (response.status(), response.headers());
    let code = header(headers, "x-error-code").unwrap_or_default();
    // The hub answers 401 for a repository that does not exist when nobody is signed in.
    let missing = code.ends_with("NotFound") || status == StatusCode::NOT_FOUND;
    if missing {
        let hint = match code {
            "RevisionNotFound" => "that revision is gone or never was; leave it out for the newest",
            "EntryNotFound" => "name the repository alone to choose among the files that it has",
            _ => "check the spelling; a private repository needs HF_TOKEN",
        };
        return HubError::NotFound { what, hint }.into();
    }
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let hint = if code == "GatedRepo" {
            format!(
                "its owner asks for consent: open https://huggingface.co/{repo} in a browser, accept the terms, then set HF_TOKEN to a token of that account"
            )
        } else if status == StatusCode::UNAUTHORIZED {
            "set HF_TOKEN to a token of https://huggingface.co/settings/tokens; one that is set is not accepted".to_owned()
        } else {
            "the token's account has no access to it; ask its owner, or use another HF_TOKEN"
                .to_owned()
        };
        let denied = HubError::Denied { repo: repo.to_owned(), status: status.as_u16(), hint };
        return denied.into();
    }
    let wait = wait(headers, SystemTime::now());
    let mut error = unreachable(url, format!("HTTP {status}"));
    if let (StatusCode::TOO_MANY_REQUESTS, HubError::Unreachable { cause, hint, .. }) =
        (status, &mut error)
    {
        *cause = match wait {
            Some(wait) => format!("too many requests; it asks to wait {} s", wait.as_secs()),
            None => "too many requests".to_owned(),
        };
        "try again later; with an HF_TOKEN the hub allows more".clone_into(hint);
    }
    let bearable = wait.is_none_or(|wait| wait <= LONGEST_WAIT);
    Failure { error, again: is_transient(status) && bearable, wait }
}

/// How long the server asks to wait: `Retry-After`, else the `t=` of the hub's own `RateLimit`
/// (<https://huggingface.co/docs/hub/rate-limits>).
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let limit = || {
        let mut parts = header(headers, "ratelimit")?.split(';');
        parts.find_map(|part| http::seconds(part.trim().strip_prefix("t=")?))
    };
    http::retry_after(headers, now).or_else(limit)
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The first byte of a partial answer: the `5` of `bytes 5-9/10`.
pub(super) fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = header(headers, CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// The length of the whole file that an answer states: the `10` of `bytes 5-9/10`.
pub(super) fn whole_length(response: &Response) -> Option<u64> {
    let name = match response.status() {
        StatusCode::OK => CONTENT_LENGTH,
        StatusCode::PARTIAL_CONTENT => CONTENT_RANGE,
        _ => return None,
    };
    header(response.headers(), name.as_str())?.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_redirect_never_leads_from_an_encrypted_address_to_an_open_one() {
        let to = |location| {
            next_hop(&url("https://hub.example/a/b"), &headers(&[("location", location)]))
        };
        assert_eq!(to("https://cdn.example/x").unwrap(), url("https://cdn.example/x"));
        assert_eq!(to("/moved").unwrap(), url("https://hub.example/moved"));
        assert!(to("http://cdn.example/x").is_err());
        assert!(to("file:///etc/passwd").is_err());
        assert!(next_hop(&url("https://hub.example"), &headers(&[])).is_err());
    }

    #[test]
    fn a_description_with_unsafe_names_is_refused() {
        let of = |etag: &'static str, commit: &'static str, size: &'static str| {
            let pairs =
                [("x-linked-etag", etag), ("x-repo-commit", commit), ("x-linked-size", size)];
            described(url("https://h.example"), &headers(&pairs))
                .map(|r| (r.etag, r.commit, r.bytes))
        };
        assert_eq!(of("W/\"ab\"", "c0ffee", "5"), Ok(("ab".to_owned(), "c0ffee".to_owned(), 5)));
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
    fn a_busy_server_is_left_alone_as_long_as_it_asks() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            wait(&headers(pairs), SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
        };
        assert_eq!(of(&[("retry-after", "7")]), Some(7));
        assert_eq!(of(&[("retry-after", "Thu, 01 Jan 1970 00:00:30 GMT")]), Some(30));
        assert_eq!(of(&[("ratelimit", "\"api\";r=0;t=55")]), Some(55));
        assert_eq!(of(&[("retry-after", "soon"), ("ratelimit", "\"api\";r=0;t=55")]), Some(55));
        assert_eq!(of(&[("ratelimit", "none")]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(Failure::passing(HubError::NotGguf { path: "x".into() }).delay(None), None);
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
