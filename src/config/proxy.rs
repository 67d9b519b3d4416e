//! The variables that name a proxy, and whether one can be used as it is named.
//!
//! Owns only the check. The HTTP client reads the same variables itself, but passes over in silence
//! what it cannot read, and a request would then go out past the proxy that the user wanted.

use std::collections::BTreeMap;

use super::ConfigError;

/// Fails on a variable that the client would read and could not use. Of two spellings the first one
/// that is set counts; the proxy for everything counts where a protocol has none of its own.
pub(super) fn check(variables: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let first = |names: [&'static str; 2]| {
        let set = names.into_iter().find_map(|name| Some((name, variables.get(name)?.as_str())));
        set.filter(|(_, value)| !value.is_empty())
    };
    let all = first(["ALL_PROXY", "all_proxy"]);
    for own in [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"]] {
        let Some((name, value)) = first(own).or(all) else { continue };
        if let Some(fault) = fault(value) {
            return Err(ConfigError::BadValue {
                name: name.to_owned(),
                value: masked(value),
                reason: format!("{fault}; expected an address such as http://proxy.example:3128"),
            });
        }
    }
    Ok(())
}

/// What is wrong with the address of a proxy: `http://`, `https://` or nothing, then a host, which a
/// user's name may precede and a port may follow.
fn fault(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        let kind = if scheme.starts_with("socks") { "a SOCKS proxy" } else { "such a proxy" };
        return Some(format!("{kind} cannot be used"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    if value.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
        Some("it holds a space or a sign that no address may hold".to_owned())
    } else if host.is_empty() {
        Some("it names no host".to_owned())
    } else if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        Some("its port is not a number".to_owned())
    } else {
        None
    }
}

/// The value without all that may be a password: where it cannot be read, that is anything after
/// the scheme.
fn masked(value: &str) -> String {
    let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
    if scheme.is_empty() { "***".to_owned() } else { format!("{scheme}://***") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(variables: &[(&str, &str)]) -> Option<String> {
        let variables = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        check(&variables).err().map(|error| error.to_string())
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        for (value, fault) in [
            ("http://me:s3cret@proxy.example:31 28", "it holds a space"),
            ("http://me:s3cret", "its port is not a number"),
            ("http://me:s3cret@", "it names no host"),
            ("https://:3128", "it names no host"),
            ("socks5://me:s3cret@proxy.example:1080", "a SOCKS proxy cannot be used"),
            ("me:s3cret@proxy.example:port", "its port is not a number"),
            ("http:/proxy.example", "its port is not a number"),
        ] {
            let said = refusal(&[("HTTPS_PROXY", value)]).unwrap_or_default();
            assert!(said.contains("HTTPS_PROXY") && said.contains(fault), "{value}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn every_form_that_the_client_can_use_passes() {
        for value in [
            "http://proxy.example:3128",
            "HTTPS://proxy.example/",
            "proxy.example:8080",
            "http://me:p%40ss@10.0.0.1:80",
            "http://[2001:db8::1]:3128",
            "",
        ] {
            assert_eq!(refusal(&[("https_proxy", value)]), None, "{value}");
        }
    }

    #[test]
    fn only_the_variable_that_counts_is_checked() {
        let (good, bad) = ("http://proxy.example:1", "socks5://proxy.example:1");
        let both = [("HTTPS_PROXY", good), ("HTTP_PROXY", good), ("ALL_PROXY", bad)];
        assert_eq!(refusal(&both), None);
        assert_eq!(
            refusal(&[("HTTPS_PROXY", good), ("https_proxy", bad), ("http_proxy", good)]),
            None
        );
        assert!(refusal(&[("all_proxy", bad)]).is_some_and(|said| said.contains("all_proxy")));
    }
}
