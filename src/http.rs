//! The one place where an HTTP client is made.
//!
//! Owns time-outs, redirect policy, proxies, what may be said about an address or a failure, and how
//! long a server asks to be left alone;
//! `place.rs` owns the addresses that no name may lead to. Does not know any service: the caller
//! decides what to ask, and whether to ask again.

pub mod place;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Url, redirect};

/// Longest wait for name resolution, connection and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence within an answer. A whole answer may take as long as it needs.
pub const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A client for requests that start at `base`.
///
/// It follows no redirect, so that the caller decides what another host gets to see. Proxies from
/// the environment are used, except towards this machine. A name that leads to a forbidden
/// [place](place::is_forbidden) is not followed; behind a proxy, the proxy looks the name up.
pub fn client(base: &Url) -> Result<Client, reqwest::Error> {
    let builder = builder(READ_TIMEOUT);
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder.build()
}

/// A client for a service that gets research data and a key, and that may be silent for up to
/// `silence` while it works. As [`client`], but requests without encryption bypass any proxy, which
/// could read them.
pub fn confidential_client(base: &Url, silence: Duration) -> Result<Client, reqwest::Error> {
    let builder = builder(silence);
    let builder = if base.scheme() == "https" { builder } else { builder.no_proxy() };
    builder.build()
}

fn builder(silence: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("persona/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(silence)
        .redirect(redirect::Policy::none())
        .dns_resolver(Arc::new(place::Resolver))
}

/// Whether an address is on this machine, judged by its spelling: `localhost` or a loopback IP.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a credential may be sent to `url`: it is encrypted, or does not leave this machine.
pub fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

/// The address of a request for messages, without credentials and query (which may be a signature).
pub fn display(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// The cause of a failure for messages: the innermost error, without the address.
pub fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let cause = innermost.to_string();
    // What rustls says of an answer that begins with "HTTP".
    if cause.contains("InvalidContentType") {
        return "its answer is not encrypted, as that of an http:// address".to_owned();
    }
    cause
}

/// How long a server asks to be left alone, by `Retry-After`: a number of seconds, or a date, which
/// is compared with `now` (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>).
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let date = || httpdate::parse_http_date(text).ok();
    seconds(text).or_else(|| Some(date()?.duration_since(now).unwrap_or_default()))
}

/// Reads a number of seconds; decimals are allowed, as some servers send them.
pub fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn loopback_is_told_by_its_spelling_alone() {
        for yes in ["http://localhost:1/", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:9"]
        {
            assert!(is_loopback(&url(yes)), "{yes}");
        }
        for no in ["http://localhost.example", "http://10.0.0.1", "https://127.0.0.1.example"] {
            assert!(!is_loopback(&url(no)), "{no}");
        }
        assert!(is_private(&url("https://example.org")) && !is_private(&url("http://example.org")));
    }

    #[test]
    fn an_address_is_shown_without_secrets() {
        let shown = display(&url("https://me:pw@cdn.example:8443/a/b.gguf?Signature=s3cret#x"));
        assert_eq!(shown, "https://cdn.example:8443/a/b.gguf");
    }

    #[tokio::test]
    async fn a_failure_is_told_by_its_cause_and_without_the_address() {
        // Port 9 of this machine is refused at once, or filtered; it is never answered.
        let base = url("http://127.0.0.1:9/secret-path");
        let error = client(&base).unwrap().get(base).send().await.unwrap_err();
        let text = cause(error);
        assert!(!text.contains("secret-path") && !text.is_empty(), "{text}");
    }

    #[tokio::test]
    async fn silence_is_borne_as_long_as_was_said_and_no_longer() {
        // The kernel accepts the connection, but nothing ever answers.
        let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = url(&format!("http://{}", mute.local_addr().unwrap()));
        let silence = Duration::from_millis(300);
        let started = std::time::Instant::now();
        let client = confidential_client(&base, silence).unwrap();
        let error = client.get(base).send().await.unwrap_err();
        assert_eq!(cause(error), "timed out");
        assert!(
            (silence..READ_TIMEOUT / 2).contains(&started.elapsed()),
            "{:?}",
            started.elapsed()
        );
    }
}
