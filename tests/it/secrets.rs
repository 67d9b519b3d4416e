//! Secrets: keys that are planted in the environment, and personal data under `--anonymise`, are
//! searched for in everything that a command leaves behind, however it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::Folder;
use crate::loopback::{Reply, Request, Server};

/// Every variable that holds a secret, each with a value that cannot be mistaken for another.
const KEYS: [(&str, &str); 7] = [
    ("ANTHROPIC_API_KEY", "sk-ant-canary-8f1d2c3b4a59687706152433"),
    ("OPENAI_API_KEY", "sk-proj-canary-19283746556473829110abcd"),
    ("GEMINI_API_KEY", "AIza-canary-0918273645546372819000efgh"),
    ("HF_TOKEN", "hf_canary_55aa66bb77cc88dd99ee00ff11"),
    ("PERSONA_BACKEND_API_KEY", "backend-canary-7766554433221100aabb"),
    ("OLLAMA_API_KEY", "ollama-canary-0011223344556677ccdd"),
    ("HUGGING_FACE_HUB_TOKEN", "hf_canary_second_22bb33cc44dd55ee66ff"),
];

const HYBRID: &str = "generate data.csv --hybrid --model scripted:nologits --seed 7 \
    --quality-threshold 0 --refine all --price 3/15 -vv";

/// A command with every key in its environment, and everything set that makes programs verbose.
fn talkative(folder: &Folder, arguments: &str) -> Command {
    let mut command = folder.command(arguments);
    command.envs(KEYS).env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace");
    command
}

/// All bytes below a folder, including the names of files.
fn everything(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(path.to_string_lossy().as_bytes());
        bytes.extend(if path.is_dir() { everything(&path) } else { fs::read(&path).unwrap() });
        bytes.push(b'\n');
    }
    bytes
}

/// Checks that none of `secrets` stands in what a command printed or left below `left`.
fn keeps(secrets: &[&str], output: &Output, left: &Path, of: &str) {
    let left = if left.exists() { everything(left) } else { Vec::new() };
    let texts = [("stdout", &output.stdout), ("stderr", &output.stderr), ("a file", &left)];
    for (place, bytes) in texts {
        let text = String::from_utf8_lossy(bytes);
        for secret in secrets {
            // A piece of a secret that is long enough to be of use is as bad.
            for piece in [*secret, &secret[..secret.len().min(20)]] {
                let at = text.find(piece);
                let around = at.map(|at| {
                    let from = text.floor_char_boundary(at.saturating_sub(200));
                    text[from..].chars().take(400).collect::<String>()
                });
                assert_eq!(around, None, "{of}: '{piece}' stands in {place}");
            }
        }
    }
}

fn keys() -> Vec<&'static str> {
    KEYS.iter().map(|(_, key)| *key).collect()
}

/// The key that a request carried, whichever API it is for.
fn key_of(request: &Request) -> String {
    let names = ["x-api-key", "x-goog-api-key", "authorization"];
    let key = names.iter().find_map(|name| request.headers.get(*name)).cloned().unwrap_or_default();
    key.trim_start_matches("Bearer ").to_owned()
}

/// A service that repeats the key that it was sent, in various places.
fn gossip(how: usize, request: &Request) -> Reply {
    let key = key_of(request);
    let said = format!("invalid key {key} (of {key}), see https://h/?key={key}");
    let headers = format!("{:?}", request.headers);
    let error = |kind: &str| json!({ "type": "error", "error": { "type": kind, "message": said, "code": key, "param": key } });
    match how {
        0 => Reply { status: 401, ..Reply::json(&error("authentication_error")) },
        1 => Reply { status: 400, ..Reply::json(&error("invalid_request_error")) },
        2 => Reply::status(403).body(headers.as_bytes()),
        3 => Reply::status(400).body(format!("{}{key}", " ".repeat(1_985)).as_bytes()),
        4 => Reply::json(&error("api_error")),
        5 => Reply::status(200).body(said.as_bytes()),
        6 => Reply::status(307).with("location", format!("http://127.0.0.1:9/?key={key}")),
        7 => Reply::status(404).with("x-error-message", said.clone()).with("x-key", key),
        _ => {
            let edits =
                json!({ "edits": [{ "field": "title", "text": format!("Has the key {key}") }] });
            let text = edits.to_string();
            // Each vendor's client finds its own form of an answer in it.
            Reply::json(&json!({
                "type": "message", "role": "assistant", "stop_reason": "end_turn",
                "content": [{ "type": "text", "text": text }],
                "choices": [{ "finish_reason": "stop", "message": { "content": text } }],
                "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": text }] } }],
                "usage": { "input_tokens": 500, "output_tokens": 40, "prompt_tokens": 500, "completion_tokens": 40 },
                "usageMetadata": { "promptTokenCount": 500, "candidatesTokenCount": 40 },
            }))
        }
    }
}

#[test]
fn a_key_that_a_service_repeats_is_repeated_nowhere() {
    for provider in ["anthropic", "openai", "gemini --frontier-model g"] {
        for how in 0..9 {
            let server = Server::start(move |request| gossip(how, request));
            let folder = Folder::in_memory();
            let base = format!("http://127.0.0.1:{}", server.port);
            let command = format!("{HYBRID} --frontier {provider} --base-url {base}");
            let output = talkative(&folder, &command).output().unwrap();
            let of = format!("{provider}, gossip {how}");
            assert_eq!(output.status.code(), Some(0), "{of}: {}", folder.shown(&output));
            let told = server.requests().iter().any(|request| keys().contains(&&*key_of(request)));
            assert!(told, "{of}: the service was sent a key");
            keeps(&keys(), &output, folder.path(), &of);
        }
    }
}

#[test]
fn the_key_of_a_server_and_the_token_of_the_hub_are_kept_too() {
    for how in [0, 2, 6, 7, 8] {
        let server = Server::start(move |request| gossip(how, request));
        let folder = Folder::in_memory();
        let base = format!("http://127.0.0.1:{}", server.port);
        for command in [
            format!("generate data.csv --backend openai --backend-url {base}/v1 --model m -vv"),
            format!("generate data.csv --backend ollama --backend-url {base} --model m -vv"),
            "models pull owner/repo -vv".to_owned(),
            "models pull owner/repo:Q4_K_M@main --json".to_owned(),
        ] {
            let mut run = talkative(&folder, &command);
            // The server stands in for the hub, so it may be asked.
            let output =
                run.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", &base).output().unwrap();
            let of = format!("{command}, gossip {how}");
            assert!(!output.status.success(), "{of}: {}", folder.shown(&output));
            keeps(&keys(), &output, folder.path(), &of);
        }
        let told: Vec<String> = server.requests().iter().map(key_of).collect();
        for sent in ["backend-canary", "hf_canary"] {
            assert!(told.iter().any(|key| key.contains(sent)), "{sent}: {told:?}");
        }
    }
}

#[test]
fn no_command_shows_a_key_that_it_finds() {
    let folder = Folder::in_memory();
    assert!(folder.output(crate::faults::RUN).status.success());
    let run = folder.run().display().to_string();
    for command in [
        "config show --origin".to_owned(),
        "config path".to_owned(),
        "doctor".to_owned(),
        "doctor --json".to_owned(),
        format!("runs show {run} --json"),
        format!("report {run}"),
        "generate data.csv --hybrid --estimate-only --json -vv".to_owned(),
        "generate data.csv --frontier nobody -vv".to_owned(),
        "generate data.csv --model no-such-file.gguf --no-frontier -vv".to_owned(),
        "generate none.csv -vv".to_owned(),
    ] {
        let output = talkative(&folder, &command).output().unwrap();
        keeps(&keys(), &output, folder.path(), &command);
    }
    // There is no flag for a key; a key given to such a flag anyway is not repeated.
    let given = format!("generate data.csv --api-key {}", KEYS[0].1);
    let output = folder.output(&given);
    assert_eq!(output.status.code(), Some(2), "{}", folder.shown(&output));
    keeps(&keys(), &output, folder.path(), "--api-key");
    for url in ["https://me:KEY@h.example/v1", "https://h.example/v1?key=KEY", "KEY"] {
        let url = url.replace("KEY", KEYS[1].1);
        let output = folder.output(&format!("{HYBRID} --frontier openai --base-url {url}"));
        assert_eq!(output.status.code(), Some(2), "{}", folder.shown(&output));
        keeps(&keys(), &output, folder.path(), "--base-url");
    }
}

#[test]
fn a_defect_is_told_by_its_place_and_quotes_nothing() {
    let folder = Folder::in_memory();
    let told = "the whole tour by hand";
    let command = crate::faults::RUN.replace("scripted:hashed", "scripted:panic@3");
    let output = talkative(&folder, &format!("{command} -vv --json")).output().unwrap();
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("internal error at src/llm/scripted.rs:"), "{shown}");
    assert!(shown.contains("error: persona has a defect") && shown.contains("hint: "), "{shown}");
    assert!(shown.contains("scripted.rs") && shown.contains("rust_begin_unwind"), "{shown}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["exit_code"], 1);
    keeps(&[&keys()[..], &[told]].concat(), &output, &folder.path().join("none"), "a panic");
    // What was done before the panic is kept.
    let run = folder.run().display().to_string();
    let again = folder.output(&format!("generate --resume {run} --model scripted:ok"));
    let shown = folder.shown(&again);
    assert!(again.status.success() || shown.contains("the run was begun with"), "{shown}");
}

/// Data with people's names, addresses and numbers.
const PEOPLE: &str = "participant,email,answer
Katarzyna Okonkwo,katarzyna.okonkwo@mail.example,I never trust the schedule because it changes twice a day.
Katarzyna Okonkwo,katarzyna.okonkwo@mail.example,Call me on +44 20 7946 0958 when the plan on the whiteboard is wrong.
Oluwaseun Lindqvist,oluwaseun.lindqvist@mail.example,My phone is always out of battery by the last visit of the day.
Oluwaseun Lindqvist,oluwaseun.lindqvist@mail.example,I asked Katarzyna Okonkwo and nobody answered before nine in the morning.
";
const PERSONAL: [&str; 7] = [
    "Katarzyna",
    "Okonkwo",
    "Oluwaseun",
    "Lindqvist",
    "mail.example",
    "7946 0958",
    "oluwaseun.lindqvist",
];

#[test]
fn personal_data_is_in_no_log_however_a_run_ends() {
    let base = "generate people.csv --hybrid --no-frontier --seed 7 --quality-threshold 0 \
                --count 2 --anonymise -vv --model";
    for (strategy, model) in [
        ("redact", "scripted:ok"),
        ("replace", "scripted:panic@2"),
        ("hash", "scripted:down@2"),
        ("redact", "scripted:garbage@1,truncate@2,fail@3"),
        ("replace", "no-such-file.gguf"),
    ] {
        let folder = Folder::in_memory();
        folder.write("people.csv", PEOPLE.as_bytes());
        let command = format!("{base} {model} --anonymise-strategy {strategy}");
        let output = talkative(&folder, &command).output().unwrap();
        keeps(&PERSONAL, &output, &folder.path().join("personas"), &command);
        keeps(&keys(), &output, folder.path(), &command);
        keeps(&PERSONAL, &output, &folder.path().join("home"), &command);
    }
}

#[test]
fn the_command_line_of_a_run_holds_no_secret() {
    if !Path::new("/proc/self/cmdline").exists() {
        return println!("skipped: no /proc here");
    }
    let folder = Folder::in_memory();
    let slow = crate::faults::RUN.replace("scripted:hashed", "scripted:slow=100");
    let mut command = talkative(&folder, &slow);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let process = format!("/proc/{}", child.id());
    let began = Instant::now();
    while !folder.path().join("personas").exists() {
        assert!(began.elapsed() < Duration::from_mins(2), "no run was begun");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut seen = fs::read(format!("{process}/cmdline")).unwrap();
    for thread in fs::read_dir(format!("{process}/task")).unwrap() {
        seen.extend(fs::read(thread.unwrap().path().join("comm")).unwrap_or_default());
    }
    let _ = child.kill();
    let _ = child.wait();
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("--quality-threshold"), "{seen}");
    assert!(keys().iter().all(|key| !seen.contains(key)), "{seen}");
}
