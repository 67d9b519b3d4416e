//! Where Ollama listens, from the variable that its own tools read.
//!
//! Owns the reading of `OLLAMA_HOST`, which may be a bare host, a host with a port, or an address.

/// The address to ask, from `OLLAMA_HOST` as Ollama itself reads it.
pub(super) fn address(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (place, path) = rest.split_once('/').map_or((rest, ""), |(place, path)| (place, path));
    let usual = match (host.contains("://"), scheme) {
        (true, "https") => "443",
        (true, "http") => "80",
        _ => "11434",
    };
    // The colons of an IPv6 address do not introduce a port.
    let has_port = place.rsplit_once(':').is_some_and(|(before, port)| {
        port.bytes().all(|b| b.is_ascii_digit()) && (!before.contains(':') || before.ends_with(']'))
    });
    let (name, port) = match place.rsplit_once(':') {
        Some((name, port)) if has_port => (name, port),
        _ => (place, usual),
    };
    // A server may listen on addresses such as 0.0.0.0 that a client cannot ask.
    let name = match name {
        "" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" | "[::]" => "[::1]".to_owned(),
        bare if bare.contains(':') && !bare.starts_with('[') => format!("[{bare}]"),
        name => name.to_owned(),
    };
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("{scheme}://{name}:{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_ollama_reads_it() {
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
        ] {
            assert_eq!(address(said), there, "{said}");
        }
        assert_eq!(address(""), "http://127.0.0.1:11434");
    }
}
