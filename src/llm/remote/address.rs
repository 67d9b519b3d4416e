//! Which base URLs may be asked.
//!
//! Owns the policy on the spelling of an address: encrypted unless on this machine, nothing secret
//! in it, and not a place where a cloud machine finds its own credentials. What a name resolves to
//! is checked only by the client, at the moment of asking: nothing is sent to find out earlier.

use std::net::IpAddr;

use reqwest::Url;

use super::RemoteError;
use crate::http::{self, place};

/// Names at which clouds hand out credentials: Google, AWS, Azure.
const METADATA_NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
];

/// Reads a base URL. Since the URL may hold a secret, no error repeats more of it than its host. A
/// `trusted` host, without port, may be asked without encryption: the user vouches for the way
/// there.
pub(super) fn check(text: &str, trusted: &[String]) -> Result<Url, RemoteError> {
    let url = Url::parse(text.trim())
        .map_err(|error| RemoteError::NotAnAddress { cause: error.to_string() })?;
    // `localhost:8080` parses as a URL with the scheme `localhost`.
    let Some(host) = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned) else {
        return Err(RemoteError::NotAnAddress { cause: "it names no host".to_owned() });
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RemoteError::Scheme { scheme: url.scheme().to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RemoteError::Credentials { host });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(RemoteError::Query { host });
    }
    if is_forbidden(&host) {
        return Err(RemoteError::Forbidden { host });
    }
    let is_trusted = trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(&host));
    if !http::is_private(&url) && !is_trusted {
        return Err(RemoteError::NotEncrypted { host });
    }
    Ok(url)
}

/// A host for display: with its port where that is not the scheme's own.
pub(super) fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// The address of `segments` below a base; each segment is escaped, and the base's own path is
/// kept.
pub(super) fn below(mut base: Url, segments: &[String]) -> Url {
    if let Ok(mut path) = base.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    base
}

fn is_forbidden(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => place::is_forbidden(ip),
        Err(_) => METADATA_NAMES.contains(&bare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_address_and_one_on_this_machine_are_good() {
        for good in [
            "https://api.example.com/v1",
            " https://api.example.com ",
            "https://10.0.0.5:8443",
            "http://localhost:8080/v1",
            "http://127.0.0.1:11434",
            "http://[::1]:8080",
        ] {
            assert!(check(good, &[]).is_ok(), "{good}");
        }
    }

    #[test]
    fn each_bad_address_is_refused_for_its_own_reason_and_without_its_secrets() {
        let of = |text: &str| {
            let error = check(text, &[]).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("\nhint: ") && !text.contains("s3cret"), "{text}");
            error
        };
        assert!(matches!(of("api.example.com"), RemoteError::NotAnAddress { .. }));
        assert!(matches!(of(""), RemoteError::NotAnAddress { .. }));
        assert!(matches!(of("localhost:8080"), RemoteError::NotAnAddress { .. }));
        assert!(matches!(of("me:s3cret@example.com"), RemoteError::NotAnAddress { .. }));
        assert!(matches!(of("ftp://example.com"), RemoteError::Scheme { .. }));
        assert!(matches!(of("http://example.com"), RemoteError::NotEncrypted { .. }));
        assert!(matches!(of("http://192.168.1.2:8080"), RemoteError::NotEncrypted { .. }));
        assert!(matches!(of("https://me:s3cret@example.com"), RemoteError::Credentials { .. }));
        assert!(matches!(of("https://s3cret@example.com"), RemoteError::Credentials { .. }));
        assert!(matches!(of("https://example.com/?key=s3cret"), RemoteError::Query { .. }));
        assert!(matches!(of("https://example.com/#s3cret"), RemoteError::Query { .. }));
    }

    #[test]
    fn an_address_at_which_nobody_serves_a_model_is_refused_in_every_spelling() {
        for bad in [
            "http://169.254.169.254/latest",
            "https://169.254.169.254",
            "https://2852039166",
            "https://0xa9fea9fe",
            "https://169.254.169.254.",
            "https://[::ffff:169.254.169.254]",
            "https://[64:ff9b::169.254.169.254]",
            "https://[fe80::1]",
            "https://[fd00:ec2::254]",
            "https://[::]",
            "https://[ff02::1]",
            "http://0.0.0.0:8080",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://100.100.100.200",
            "https://metadata.google.internal",
            "https://Metadata.Google.Internal.",
        ] {
            assert!(matches!(check(bad, &[]), Err(RemoteError::Forbidden { .. })), "{bad}");
        }
    }

    #[test]
    fn a_trusted_host_may_be_asked_without_encryption_but_not_a_place_of_secrets() {
        let trusted = ["gpu-box".to_owned(), "169.254.169.254".to_owned()];
        assert!(check("http://gpu-box:8000/v1", &trusted).is_ok());
        assert!(matches!(
            check("http://gpu-box2/v1", &trusted),
            Err(RemoteError::NotEncrypted { .. })
        ));
        let secrets = check("http://169.254.169.254", &trusted);
        assert!(matches!(secrets, Err(RemoteError::Forbidden { .. })));
    }

    #[test]
    fn a_host_is_shown_with_a_port_of_its_own() {
        assert_eq!(host(&check("https://api.example.com/v1", &[]).unwrap()), "api.example.com");
        assert_eq!(host(&check("http://127.0.0.1:8080/v1", &[]).unwrap()), "127.0.0.1:8080");
    }

    #[test]
    fn a_base_keeps_its_path_and_a_segment_cannot_leave_it() {
        let of = |base: &str, segments: [&str; 2]| {
            below(check(base, &[]).unwrap(), &segments.map(str::to_owned)).to_string()
        };
        for base in ["https://h.example/proxy/v1", "https://h.example/proxy/v1/"] {
            let chat = of(base, ["chat", "completions"]);
            assert_eq!(chat, "https://h.example/proxy/v1/chat/completions");
        }
        let odd = of("https://h.example", ["models", "../x?y:generateContent"]);
        assert_eq!(odd, "https://h.example/models/..%2Fx%3Fy:generateContent");
    }
}
