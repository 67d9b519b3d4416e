//! Where a server of the user's own listens, from what its tools read or print.
//!
//! Owns the spellings: a bare host, a host with a port, an address, and the unspecified address on
//! which a server listens but of which a client cannot ask.

/// Ollama's address, from `OLLAMA_HOST` as Ollama itself reads it.
pub(super) fn of_ollama(host: &str) -> String {
    let host = host.trim().trim_matches(['"', '\'']);
    let usual = match host.trim().split_once("://") {
        Some(("https", _)) => Some("443"),
        Some(("http", _)) => Some("80"),
        _ => Some("11434"),
    };
    spelled_out(host, usual)
}

/// The address that a user gave, which may lack `http://`, or be what a server prints at its start:
/// `http://0.0.0.0:8000`.
pub(super) fn of_server(given: &str) -> String {
    spelled_out(given, None)
}

fn spelled_out(address: &str, usual_port: Option<&str>) -> String {
    let address = address.trim().trim_end_matches('/');
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let (place, path) = rest.split_once('/').map_or((rest, ""), |(place, path)| (place, path));
    // The colons of an IPv6 address do not introduce a port.
    let has_port = place.rsplit_once(':').is_some_and(|(before, port)| {
        port.bytes().all(|b| b.is_ascii_digit()) && (!before.contains(':') || before.ends_with(']'))
    });
    let (name, port) = match place.rsplit_once(':') {
        Some((name, port)) if has_port => (name, Some(port)),
        _ => (place, usual_port),
    };
    // A server may listen on addresses such as 0.0.0.0 that a client cannot ask.
    let name = match name {
        "" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" | "[::]" => "[::1]".to_owned(),
        bare if bare.contains(':') && !bare.contains(['[', '@']) => format!("[{bare}]"),
        name => name.to_owned(),
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("{scheme}://{name}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_variable_is_read_as_ollama_reads_it() {
        for (said, there) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":8080", "http://127.0.0.1:8080"),
            ("gpu-box", "http://gpu-box:11434"),
            ("http://gpu-box", "http://gpu-box:80"),
            ("https://ollama.example.com", "https://ollama.example.com:443"),
            ("https://example.com/ollama/", "https://example.com:443/ollama"),
            ("[::1]:9", "http://[::1]:9"),
            ("::1", "http://[::1]:11434"),
            ("[::]:9", "http://[::1]:9"),
            ("\"127.0.0.1:11434\"", "http://127.0.0.1:11434"),
        ] {
            assert_eq!(of_ollama(said), there, "{said}");
        }
        assert_eq!(of_ollama(""), "http://127.0.0.1:11434");
    }

    #[test]
    fn an_address_may_be_given_as_a_server_prints_it() {
        for (said, there) in [
            ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
            ("localhost:1234/v1/", "http://localhost:1234/v1"),
            ("http://0.0.0.0:8000/v1", "http://127.0.0.1:8000/v1"),
            ("http://[::]:8080", "http://[::1]:8080"),
            ("https://gpu.example.com/v1", "https://gpu.example.com/v1"),
            ("gpu-box", "http://gpu-box"),
            ("file:///etc/passwd", "file://127.0.0.1/etc/passwd"),
        ] {
            assert_eq!(of_server(said), there, "{said}");
        }
    }
}
