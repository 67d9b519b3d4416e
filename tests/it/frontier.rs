//! Paid models as users meet them: whole commands against services on this machine.
//!
//! The local model answers from a script, so that a run takes milliseconds; the service is real
//! HTTP. Prices are given by `--price`, so that a loopback address costs money too.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Folder;
use crate::loopback::{Reply, Request, Server};

/// A run of a scripted model with three personas, all of which are to be refined.
const HYBRID: &str = "generate data.csv --hybrid --model scripted:nologits --seed 7 \
    --quality-threshold 0 --refine all --price 3/15";

const TITLE: &str = r#"{"edits":[{"field":"title","text":"Keeps the real plan on a whiteboard"}]}"#;

fn chat(text: &str, prompt: u64, completion: u64) -> Value {
    json!({
        "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
        "usage": { "prompt_tokens": prompt, "completion_tokens": completion },
    })
}

fn message(text: &str, prompt: u64, completion: u64) -> Value {
    json!({
        "type": "message", "role": "assistant", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": text }],
        "usage": { "input_tokens": prompt, "output_tokens": completion },
    })
}

/// A compatible server that answers every persona with one edit.
fn editor() -> Server {
    Server::start(|_| Reply::json(&chat(TITLE, 500, 40)))
}

fn at(server: &Server) -> String {
    format!("--frontier openai --base-url http://127.0.0.1:{}/v1", server.port)
}

/// Runs a command that must end with `code`, and returns its JSON result.
fn ends(folder: &Folder, arguments: &str, code: i32) -> Value {
    let output = folder.output(&format!("{arguments} --json"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}\n{}", folder.shown(&output), text);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn spent(result: &Value) -> f64 {
    result["report"]["cost"]["frontier"]["spent_usd"].as_f64().unwrap()
}

fn counts(result: &Value) -> [u64; 4] {
    let counts = &result["report"]["refinement"]["counts"];
    ["accepted", "kept", "failed", "skipped"].map(|name| counts[name].as_u64().unwrap())
}

fn body(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

#[test]
fn a_hybrid_run_is_refined_and_says_what_it_cost_and_what_left() {
    let (folder, server) = (Folder::new(), editor());
    let result = ends(&folder, &format!("{HYBRID} {} --max-cost 0.50", at(&server)), 0);
    assert_eq!(counts(&result), [3, 0, 0, 0]);
    let usage = 500.0 * 3.0 + 40.0 * 15.0;
    assert!((spent(&result) - 3.0 * usage / 1e6).abs() < 1e-9, "{}", spent(&result));
    let cost = &result["report"]["cost"]["frontier"];
    assert!(cost["estimated_upper_usd"].as_f64().unwrap() >= spent(&result), "{cost}");
    for persona in result["personas"].as_array().unwrap() {
        assert_eq!(persona["title"], "Keeps the real plan on a whiteboard");
        assert_eq!(persona["refined"], true);
    }
    let left = &result["report"]["left_this_machine"][0];
    assert_eq!(left["requests"], 3);
    let sent: Vec<String> = server.requests().iter().map(body).collect();
    for id in ["f1#0", "f1#1", "f1#2", "f1#3", "f1#4", "f1#5"] {
        let carried = sent.iter().any(|body| body.contains(&format!("{id}\\n")));
        let said = left["record_ids"].as_array().unwrap().iter().any(|sent| sent == id);
        assert_eq!(carried, said, "{id}");
    }
}

#[test]
fn every_api_is_spoken_to_in_its_own_words() {
    for (flags, path, key, header) in [
        ("--frontier anthropic", "/v1/messages", "ANTHROPIC_API_KEY", "x-api-key"),
        ("--frontier openai --api responses", "/responses", "OPENAI_API_KEY", "authorization"),
        ("--frontier openai", "/chat/completions", "OPENAI_API_KEY", "authorization"),
        (
            "--frontier gemini --frontier-model g",
            "/v1beta/models/g:generateContent",
            "GEMINI_API_KEY",
            "x-goog-api-key",
        ),
    ] {
        let server = Server::start(|request| match request.path.as_str() {
            "/v1/messages" => Reply::json(&message(TITLE, 500, 40)),
            "/responses" => Reply::json(&json!({
                "status": "completed",
                "output": [{ "type": "message", "content": [{ "type": "output_text", "text": TITLE }] }],
                "usage": { "input_tokens": 500, "output_tokens": 40 },
            })),
            "/chat/completions" => Reply::json(&chat(TITLE, 500, 40)),
            _ => Reply::json(&json!({
                "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": TITLE }] } }],
                "usageMetadata": { "promptTokenCount": 500, "candidatesTokenCount": 40 },
            })),
        });
        let folder = Folder::new();
        let command =
            format!("{HYBRID} {flags} --base-url http://127.0.0.1:{} --json", server.port);
        let output = folder.command(&command).env(key, "sk-secret-7").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(counts(&result), [3, 0, 0, 0], "{flags}");
        assert!((spent(&result) - 3.0 * 2_100.0 / 1e6).abs() < 1e-9, "{flags}: {}", spent(&result));
        let requests = server.requests();
        assert!(requests.iter().all(|request| request.path.split('?').next() == Some(path)));
        assert!(requests[0].headers[header].contains("sk-secret-7"), "{flags}");
        let everything = format!("{}{}", folder.shown(&output), folder_text(&folder));
        assert!(!everything.contains("sk-secret-7"), "the key is written nowhere");
    }
}

/// The contents of all files in the run folder.
fn folder_text(folder: &Folder) -> String {
    let files = std::fs::read_dir(folder.run()).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

#[test]
fn what_cannot_be_right_exits_2_before_any_local_work() {
    let folder = Folder::new();
    let refused = |flags: &str, key: Option<&str>, says: &str| {
        let mut command = folder.command(&format!("{HYBRID} {flags}"));
        command.envs(key.map(|key| ("ANTHROPIC_API_KEY", key)));
        let output = command.output().unwrap();
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(2), "{flags}\n{shown}");
        assert!(shown.contains(says) && shown.contains("hint: "), "{flags}\n{shown}");
        assert!(!shown.contains("input: "), "{flags}: the data was not read\n{shown}");
        assert!(!folder.path().join("personas").exists(), "{flags}: no run was begun");
    };
    refused("--frontier anthropic", None, "ANTHROPIC_API_KEY");
    refused("--frontier anthropic", Some("  "), "ANTHROPIC_API_KEY");
    refused("--frontier anthropic --base-url http://example.org", Some("k"), "http");
    refused("--frontier anthropic --base-url http://169.254.169.254/", Some("k"), "169.254");
    refused("--frontier anthropic --base-url https://169.254.169.254/", Some("k"), "169.254");
    refused("--frontier anthropic --base-url nonsense", Some("k"), "base URL");
    let unpriced = HYBRID.replace("--price 3/15", "--frontier anthropic --frontier-model claude-0");
    let output = folder.command(&unpriced).env("ANTHROPIC_API_KEY", "k").output().unwrap();
    let shown = folder.shown(&output);
    assert!(output.status.code() == Some(2) && shown.contains("--price IN/OUT"), "{shown}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_before_anything_is_sent() {
    let folder = Folder::new();
    let paid = HYBRID.replace("--price 3/15", "--frontier anthropic --price 3/15");
    let ask = |command: &str| {
        let mut command = folder.command(command);
        command.env("ANTHROPIC_API_KEY", "k").env("HTTPS_PROXY", "http://me:s3cret@proxy:port");
        command.env_remove("HF_HUB_OFFLINE").output().unwrap()
    };
    for command in [paid.as_str(), "models pull smollm2-135m"] {
        let output = ask(command);
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(shown.contains("HTTPS_PROXY: its port is not a number"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    // What asks nobody does not care.
    assert_eq!(ask("inspect data.csv").status.code(), Some(0));
}

#[test]
fn without_a_key_a_hybrid_run_stays_local_and_says_which_key_would_do() {
    let folder = Folder::new();
    let output = folder.command(HYBRID).env("OPENAI_API_KEY", "k").output().unwrap();
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("ANTHROPIC_API_KEY is not set: going on with the local model only"));
    assert!(shown.contains("--frontier openai"), "{shown}");
}

#[test]
fn a_service_that_fails_costs_the_run_nothing_but_the_edits() {
    let cut_answer = {
        let mut answer = chat(&TITLE[..30], 500, 40);
        answer["choices"][0]["finish_reason"] = "length".into();
        answer
    };
    let refusal = json!({
        "choices": [{ "finish_reason": "content_filter", "message": { "content": "" } }],
        "usage": { "prompt_tokens": 500, "completion_tokens": 0 },
    });
    let overloaded = json!({ "error": { "message": "overloaded", "type": "server_error" } });
    let cases = [
        ("401", Reply::status(401).body(br#"{"error":{"message":"bad key"}}"#)),
        ("a redirect", Reply::status(302).with("location", "http://127.0.0.1:9/")),
        ("cut", Reply::json(&cut_answer)),
        ("no JSON", Reply::status(200).body(b"<html>hello</html>")),
        ("of another schema", Reply::json(&json!({ "answer": 42 }))),
        ("edits of another schema", Reply::json(&chat(r#"{"name":"x"}"#, 500, 40))),
        ("an empty refusal", Reply::json(&refusal)),
        ("a 200 with an error", Reply::json(&overloaded)),
        ("10 MB", Reply::json(&chat(&"x".repeat(10 << 20), 500, 40))),
        ("a server that dies", Reply { cut: Some(20), ..Reply::json(&chat(TITLE, 500, 40)) }),
    ];
    for (name, reply) in cases {
        let (folder, server) = (Folder::new(), Server::start(move |_| reply.clone()));
        let began = Instant::now();
        let result = ends(&folder, &format!("{HYBRID} {} --max-cost 0.50", at(&server)), 0);
        let [accepted, kept, failed, skipped] = counts(&result);
        assert_eq!((accepted, kept + failed, skipped), (0, 3, 0), "{name}");
        for row in result["report"]["refinement"]["personas"].as_array().unwrap() {
            assert!(!row["cause"].as_str().unwrap().is_empty(), "{name}: {row}");
        }
        assert_eq!(result["personas"].as_array().unwrap().len(), 3, "{name}");
        assert!(spent(&result) <= 0.5, "{name}: {}", spent(&result));
        assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn a_redirect_carries_the_key_nowhere() {
    let thief = Server::start(|_| Reply::json(&chat(TITLE, 1, 1)));
    let port = thief.port;
    let server = Server::start(move |_| {
        Reply::status(307).with("location", format!("http://127.0.0.1:{port}/v1/chat/completions"))
    });
    let folder = Folder::new();
    let command = format!("{HYBRID} {}", at(&server));
    let output = folder.command(&command).env("OPENAI_API_KEY", "sk-secret-7").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    assert_eq!(thief.requests().len(), 0);
}

#[test]
fn the_cap_binds_and_what_was_not_asked_is_listed() {
    let (folder, server) = (Folder::new(), editor());
    let result = ends(&folder, &format!("{HYBRID} {} --max-cost 0", at(&server)), 0);
    assert_eq!((server.asked("POST"), counts(&result)[3]), (0, 3));
    // One call fits at its worst case; what it did not use leaves room for the next ones.
    let folder = Folder::new();
    let command = format!("{HYBRID} {} --max-cost 0.05 --parallel 1", at(&server));
    let result = ends(&folder, &command, 0);
    assert!(counts(&result)[0] >= 1, "{:?}", counts(&result));
    assert!(spent(&result) <= 0.05);
}

#[test]
fn a_parameter_that_a_model_rejects_is_left_out_from_then_on() {
    let server = Server::start(|request| {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        if sent.get("seed").is_some() {
            return Reply::status(400).body(
                br#"{"error":{"message":"Unsupported parameter: 'seed'.","param":"seed","code":"unsupported_parameter"}}"#,
            );
        }
        Reply::json(&chat(TITLE, 500, 40))
    });
    let folder = Folder::new();
    let result = ends(&folder, &format!("{HYBRID} {} --parallel 1", at(&server)), 0);
    assert_eq!(counts(&result), [3, 0, 0, 0]);
    assert_eq!(server.asked("POST"), 4, "one call more, once");
}

#[test]
fn a_provider_can_write_the_personas_itself() {
    let server = writer();
    let folder = Folder::new();
    let command = format!(
        "generate data.csv --provider openai --base-url http://127.0.0.1:{}/v1 --price 3/15 --seed 7",
        server.port
    );
    let result = ends(&folder, &command, 0);
    let personas = result["personas"].as_array().unwrap();
    assert_eq!(personas.len(), 3);
    assert!(personas.iter().all(|p| !p["quotes"].as_array().unwrap().is_empty()));
    assert!((spent(&result) - 3.0 * 7_200.0 / 1e6).abs() < 1e-9, "{}", spent(&result));
    assert_eq!(result["report"]["left_this_machine"][0]["records"], 6);
}

/// A compatible server that writes a persona from the records to which the task points.
fn writer() -> Server {
    Server::start(|request| {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let task = sent["messages"].as_array().unwrap().last().unwrap();
        let task = task["content"].as_str().unwrap();
        let ids = regex::Regex::new(r"f1#\d").unwrap();
        Reply::json(&chat(&persona(ids.find(task).unwrap().as_str()), 900, 300))
    })
}

/// A persona as a provider might write it, with one true quote and one that is made up.
fn persona(id: &str) -> String {
    let index: usize = id["f1#".len()..].parse().unwrap();
    let row = crate::cli::DATA.lines().nth(index + 1).unwrap();
    let text = row.splitn(3, ',').last().unwrap();
    let list = json!([{ "records": [id], "text": text }]);
    json!({
        "quotes_in_their_own_words": [
            { "record": id, "text": text }, { "record": id, "text": "I made this one up entirely" },
        ],
        "name": "Ada", "what_they_want": list, "what_gets_in_their_way": list,
        "what_they_do_today": list, "who_they_are_in_a_few_words": format!("The one of {id}"),
        "summary_in_two_sentences": text,
        "why_it_matters_to_them": [format!("It is so in {id}")],
    })
    .to_string()
}

#[test]
fn plain_generation_has_exit_codes_of_its_own() {
    let folder = Folder::new();
    let locked = Server::start(|_| Reply::status(401).body(br#"{"error":{"message":"bad key"}}"#));
    let command = |port: u16| {
        format!(
            "generate data.csv --provider openai --base-url http://127.0.0.1:{port}/v1 --price 3/15"
        )
    };
    let result = ends(&folder, &command(locked.port), 5);
    assert!(result["error"]["message"].as_str().unwrap().contains("bad key"), "{result}");
    let server = editor();
    ends(&folder, &format!("{} --max-cost 0.0001", command(server.port)), 6);
    assert_eq!(server.asked("POST"), 0);
}

#[test]
fn the_fallback_needs_a_cap_that_holds_it_or_a_word() {
    let server = writer();
    let with = |model: &str| {
        format!("generate data.csv --hybrid --model {model} --price 3/15 --seed 7 {}", at(&server))
    };
    let command = with("qwen3-4b");
    let folder = Folder::new();
    for typo in ["qwen3-4bb", "no-such-file.gguf"] {
        let shown = folder.shown(&folder.output(&format!("{} --max-cost 5", with(typo))));
        assert!(shown.starts_with("exit: 4") && !shown.contains("falling back"), "{shown}");
    }
    let shown = folder.shown(&folder.output(&command));
    assert!(shown.starts_with("exit: 4") && shown.contains("--fallback frontier"), "{shown}");
    let small = folder.shown(&folder.output(&format!("{command} --max-cost 0.01")));
    assert!(small.starts_with("exit: 4") && small.contains("more than --max-cost"), "{small}");
    let never = folder.shown(&folder.output(&format!("{command} --fallback fail")));
    assert!(never.starts_with("exit: 4"), "{never}");
    assert_eq!(server.asked("POST"), 0);
    let result = ends(&folder, &format!("{command} --fallback frontier"), 0);
    assert_eq!(result["personas"].as_array().unwrap().len(), 3);
    assert_eq!(result["report"]["cost"]["frontier"]["fallback"], true);
}

/// Kills a process after `after`, and returns whether it was still running.
fn killed(mut child: Child, after: Duration) -> bool {
    std::thread::sleep(after);
    let running = child.try_wait().unwrap().is_none();
    // SIGKILL on Unix: none of the process's own code runs any more.
    let _ = child.kill();
    let _ = child.wait();
    running
}

/// Kills runs at `moments` moments over their length, resumes them, and compares them with one that
/// was not killed.
fn killed_runs_end_alike(moments: u32, parallel: usize) {
    let service = || {
        Server::start(|_| Reply {
            delay: Duration::from_millis(40),
            ..Reply::json(&chat(TITLE, 500, 40))
        })
    };
    let command = |server: &Server| {
        format!("{HYBRID} --count 6 {} --max-cost 5 --parallel {parallel}", at(server))
    };
    let (alone, server) = (Folder::new(), service());
    let began = Instant::now();
    ends(&alone, &command(&server), 0);
    let length = began.elapsed();
    let expected = std::fs::read(alone.run().join("personas.json")).unwrap();
    let calls = server.asked("POST");
    let caught = AtomicUsize::new(0);
    for moment in 0..moments {
        let (folder, server) = (Folder::new(), service());
        let child = folder
            .command(&command(&server))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if killed(child, length * moment / moments) {
            caught.fetch_add(1, Ordering::Relaxed);
        }
        let begun = std::fs::read_dir(folder.path().join("personas")).map_or(0, Iterator::count);
        if begun == 0 || !folder.run().join("log.jsonl").exists() {
            continue;
        }
        let log = std::fs::read_to_string(folder.run().join("log.jsonl")).unwrap();
        if !log.contains('\n') {
            continue;
        }
        let run = folder.run().display().to_string();
        let output = folder.output(&format!("generate --resume {run}"));
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
        let got = std::fs::read(folder.run().join("personas.json")).unwrap();
        assert!(got == expected, "killed at {moment}/{moments}");
        let asked = server.asked("POST");
        assert!(asked <= calls + parallel, "{asked} calls instead of {calls}");
    }
    assert!(caught.into_inner() * 2 >= moments as usize, "most runs were killed while they ran");
}

#[test]
fn a_killed_run_pays_for_nothing_twice() {
    killed_runs_end_alike(5, 1);
    killed_runs_end_alike(5, 8);
}

#[test]
#[ignore = "long: 50 kills with 1 and with 8 calls in flight"]
fn fifty_killed_runs_pay_for_nothing_twice() {
    killed_runs_end_alike(50, 1);
    killed_runs_end_alike(50, 8);
}

/// A compatible server that both refines and writes, as asked.
fn editor_and_writer() -> Server {
    Server::start(|request| {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let messages = sent["messages"].as_array().unwrap();
        if messages[0]["content"].as_str().unwrap().starts_with("You improve") {
            return Reply::json(&chat(TITLE, 500, 40));
        }
        let task = messages.last().unwrap()["content"].as_str().unwrap();
        let ids = regex::Regex::new(r"f1#\d").unwrap();
        Reply::json(&chat(&persona(ids.find(task).unwrap().as_str()), 900, 300))
    })
}

#[test]
fn a_comparison_judges_both_ways_and_says_when_that_is_not_enough() {
    let (folder, server) = (Folder::new(), editor_and_writer());
    let output = folder.output(&format!(
        "compare data.csv --count 3 --model scripted:hashed --seed 7 --quality-threshold 0 \
         --refine all --price 3/15 --max-cost 1 {} --json",
        at(&server)
    ));
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let comparison = &result["comparison"];
    let conclusion = comparison["conclusion"].as_str().unwrap();
    assert!(conclusion.starts_with("not enough evidence"), "{conclusion}");
    assert_eq!(comparison["score"]["pairs"], 3);
    let ratio = comparison["cost_ratio"].as_f64().unwrap();
    assert!((ratio - 2_100.0 / 7_200.0).abs() < 1e-6, "{ratio}");
    assert!(comparison["preference"]["first"].as_f64().is_some(), "{comparison}");
    let warnings = comparison["warnings"].to_string();
    assert!(warnings.contains("family"), "it judged what it drafted: {warnings}");
    let run = result["runs"][0].as_str().unwrap();
    let page = std::fs::read_to_string(folder.path().join(run).join("compare.html")).unwrap();
    assert!(page.contains("not enough evidence") && page.contains("<svg"), "{page}");
    let written: Value = serde_json::from_slice(
        &std::fs::read(folder.path().join(run).join("compare.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(&written, comparison);
}

#[test]
fn a_comparison_without_a_frontier_is_refused() {
    let folder = Folder::new();
    for flags in ["--no-frontier", "--estimate-only", "--refine none", ""] {
        let command = format!("compare data.csv --model scripted:ok {flags}");
        let shown = folder.shown(&folder.output(&command));
        assert!(shown.starts_with("exit: 2") && shown.contains("hint: "), "{flags}\n{shown}");
        assert!(!shown.contains("input: "), "{flags}: the data was not read\n{shown}");
        assert!(!folder.path().join("personas").exists(), "{flags}: no run was begun");
    }
}
