//! Servers that draft and judge in place of the engine, as users meet them: whole commands against
//! an Ollama and an OpenAI-compatible server on this machine, which may or may not keep to the
//! schema that they are sent.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use crate::cli::Folder;
use crate::loopback::{Reply, Request, Server};

/// How a server behaves; all false or `None` is a good server.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits, not states of one thing")]
pub(crate) struct Manners {
    /// Answers with something that is not JSON, whatever the schema.
    pub(crate) ignores_schema: bool,
    /// Gives no probabilities.
    pub(crate) no_logprobs: bool,
    /// Begins every free answer with words instead of a digit.
    pub(crate) talks: bool,
    /// Reads at most this many tokens of a prompt, without saying so.
    pub(crate) cuts_at: Option<u64>,
    /// Answers every chat with this status.
    pub(crate) status: Option<u16>,
    /// Gives at most this many of the likeliest tokens, and refuses to be asked for more.
    pub(crate) most_logprobs: Option<u64>,
    /// Its chat template has no role for instructions.
    pub(crate) no_system: bool,
    /// Lists a model that runs in Ollama's cloud before those of its own.
    pub(crate) has_cloud_model: bool,
}

impl Manners {
    /// What a compatible server says of a chat that it does not take, as vLLM words it.
    fn refusal(&self, asked: &Value) -> Option<String> {
        let wanted = asked["top_logprobs"].as_u64().unwrap_or(0);
        if let Some(most) = self.most_logprobs.filter(|most| wanted > *most) {
            return Some(format!(
                "Requested sample logprobs of {wanted}, which is greater than max allowed: {most}"
            ));
        }
        let is_system = |message: &Value| message["role"] == "system";
        let has_system = asked["messages"].as_array().is_some_and(|all| all.iter().any(is_system));
        (self.no_system && has_system).then(|| "System role not supported".to_owned())
    }
}

/// A model of Ollama's that runs elsewhere, and where.
const CLOUD: &str = "gpt-oss:120b-cloud";
const CLOUD_HOST: &str = "https://ollama.com:443";

const COMMAND: &str = "generate data.csv --hybrid --no-frontier --seed 7 --quality-threshold 0";

/// The `turn`-th value that fits a schema, as a model bound to it might answer.
fn instance(schema: &Value, turn: usize) -> Value {
    if let Some(all) = schema["anyOf"].as_array() {
        return instance(&all[turn % all.len()], turn);
    }
    if let Some(all) = schema["enum"].as_array() {
        return all[turn % all.len()].clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().unwrap().iter().enumerate();
            let fields = fields.map(|(at, (name, of))| (name.clone(), instance(of, turn + at)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(1) as usize;
            (0..count).map(|at| instance(&schema["items"], turn + at * 3)).collect()
        }
        Some("integer") => schema["minimum"].clone(),
        _ => json!(format!("Plans the week with colleagues number {turn}")),
    }
}

fn token(text: &str, p: f64, alternatives: &[(&str, f64)]) -> Value {
    let top = |(text, p): &(&str, f64)| json!({ "token": text, "logprob": p.ln() });
    let all: Vec<Value> = alternatives.iter().map(top).collect();
    json!({ "token": text, "logprob": p.ln(), "top_logprobs": all })
}

/// Probabilities of the digits, one of them larger than the others.
fn digits(turn: usize) -> Vec<(&'static str, f64)> {
    let likely = |at: usize| if at == turn % 5 { 0.3 } else { 0.04 };
    ["1", "2", "3", "4", "5"].into_iter().enumerate().map(|(at, d)| (d, likely(at))).collect()
}

/// A model's answer to a schema; it differs from turn to turn, so that no two drafts are alike.
fn said(schema: &Value, turn: usize, manners: Manners) -> (String, Value) {
    if schema.is_null() && !manners.no_logprobs {
        let mut all = digits(turn);
        all.truncate(if manners.talks { 0 } else { 5 });
        all.push(("Sure", 0.5));
        let words = [token("Sure", 0.5, &all), token("!", 0.9, &[("!", 0.9), ("1", 1e-6)])];
        return ("Sure!".to_owned(), json!(words));
    }
    if manners.ignores_schema {
        return ("Sure! Here is a persona for you.".to_owned(), Value::Null);
    }
    let value = instance(schema, turn);
    let tokens = match value["answer"].as_str().filter(|_| !manners.no_logprobs) {
        Some(label) => json!([token("{\"answer\":\"", 1.0, &[]), token(label, 0.3, &digits(turn))]),
        None => Value::Null,
    };
    (value.to_string(), tokens)
}

fn ollama(manners: Manners) -> Server {
    let turn = AtomicUsize::new(0);
    Server::start(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.path.as_str(), manners.status) {
            ("/api/tags", Some(500)) => Reply::status(500).body(b"{\"error\":\"no\"}"),
            ("/api/tags", _) => {
                let mut models = vec![
                    json!({ "name": "nomic-embed-text:latest", "details": { "family": "nomic-bert" } }),
                    json!({ "name": "qwen3:4b", "details": { "family": "qwen3" } }),
                    json!({ "name": "llama3.2:latest", "details": { "family": "llama" } }),
                ];
                if manners.has_cloud_model {
                    models.insert(0, json!({ "name": CLOUD, "remote_host": CLOUD_HOST }));
                }
                Reply::json(&json!({ "models": models }))
            }
            ("/api/show", _) if asked["model"] == CLOUD => Reply::json(&json!({
                "remote_model": "gpt-oss:120b", "remote_host": CLOUD_HOST,
                "model_info": { "general.architecture": "gptoss", "gptoss.context_length": 131_072 },
            })),
            ("/api/show", _) => Reply::json(&json!({
                "modelfile": format!("FROM /models/blobs/sha256-{}\n", "ab".repeat(32)),
                "model_info": { "general.architecture": "qwen3", "qwen3.context_length": 40960,
                                "general.parameter_count": 4_000_000_000_u64 },
            })),
            ("/api/chat", Some(status)) => {
                Reply::status(status).body(b"{\"error\":\"llama runner process has terminated\"}")
            }
            ("/api/chat", None) => {
                let (text, tokens) =
                    said(&asked["format"], turn.fetch_add(1, Ordering::SeqCst), manners);
                let prompt: usize = asked["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|message| message["content"].as_str().unwrap().len() / 4)
                    .sum();
                let read = manners.cuts_at.map_or(prompt as u64, |most| most.min(prompt as u64));
                let (front, back) = text.split_at(
                    text.len() / 2
                        - (0..4).find(|back| text.is_char_boundary(text.len() / 2 - back)).unwrap(),
                );
                let line = |words: &str| json!({ "message": { "content": words }, "done": false });
                let last = json!({ "message": { "content": "" }, "logprobs": tokens, "done": true,
                    "done_reason": "stop", "prompt_eval_count": read, "eval_count": text.len() / 4 });
                let lines = [line(front), line(back), last].map(|line| line.to_string() + "\n");
                Reply::status(200).body(lines.concat().as_bytes())
            }
            _ => Reply::status(404),
        }
    })
}

pub(crate) fn openai(manners: Manners) -> Server {
    let turn = AtomicUsize::new(0);
    Server::start(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.path.as_str() {
            "/v1/models" => Reply::json(&json!({ "data": [
                { "id": "big-model", "max_model_len": 32768, "created": 12 },
            ] })),
            "/v1/chat/completions" if manners.status.is_some() => {
                Reply::status(manners.status.unwrap()).body(b"{\"error\":{\"message\":\"no\"}}")
            }
            "/v1/chat/completions" if manners.refusal(&asked).is_some() => {
                let message = manners.refusal(&asked).unwrap();
                let error = json!({ "error": { "message": message, "type": "BadRequestError", "code": 400 } });
                Reply::status(400).body(error.to_string().as_bytes())
            }
            "/v1/chat/completions" => {
                let schema = &asked["response_format"]["json_schema"]["schema"];
                let (text, tokens) = said(schema, turn.fetch_add(1, Ordering::SeqCst), manners);
                Reply::json(&json!({
                    "choices": [{ "finish_reason": "stop", "message": { "content": text },
                                  "logprobs": { "content": tokens } }],
                    "usage": { "prompt_tokens": 700, "completion_tokens": 90 },
                }))
            }
            _ => Reply::status(404),
        }
    })
}

pub(crate) fn at_openai(server: &Server) -> String {
    format!("--backend openai --backend-url http://127.0.0.1:{}/v1", server.port)
}

fn at_ollama(server: &Server) -> String {
    format!("--backend ollama --backend-url http://127.0.0.1:{}", server.port)
}

/// Runs a command that must end with `code`, and returns its JSON result.
pub(crate) fn ends(folder: &Folder, arguments: &str, code: i32) -> Value {
    let output = folder.output(&format!("{arguments} --json"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}\n{text}", folder.shown(&output));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

pub(crate) fn chats(server: &Server, path: &str) -> Vec<Value> {
    let chats = server.requests().into_iter().filter(|request: &Request| request.path == path);
    chats.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

/// Checks that each quote stands in its record, at its offsets.
fn assert_quotes_are_verbatim(folder: &Folder, result: &Value) {
    let records = std::fs::read_to_string(folder.run().join("records.jsonl")).unwrap();
    let records: Vec<Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut seen = 0;
    for quote in
        result["personas"].as_array().unwrap().iter().flat_map(|p| p["quotes"].as_array().unwrap())
    {
        let record = records.iter().find(|r| r["id"] == quote["record"]).expect("a record");
        let [start, end] = ["start", "end"].map(|at| quote[at].as_u64().unwrap() as usize);
        assert_eq!(&record["text"].as_str().unwrap()[start..end], quote["text"].as_str().unwrap());
        seen += 1;
    }
    assert!(seen >= 3, "{seen} quotes");
}

#[test]
fn an_ollama_server_drafts_and_judges() {
    let (folder, server) = (Folder::new(), ollama(Manners::default()));
    let result = ends(&folder, &format!("{COMMAND} {}", at_ollama(&server)), 0);
    assert_quotes_are_verbatim(&folder, &result);
    let chats = chats(&server, "/api/chat");
    for chat in &chats {
        // The embedding model is not a candidate, and of the others the first was used last.
        assert_eq!(chat["model"], "qwen3:4b");
        assert_eq!(chat["options"]["num_ctx"], 8192);
    }
    let asked_for_json = |chat: &&Value| chat["format"]["properties"]["answer"].is_object();
    assert!(chats.iter().filter(|chat| chat["logprobs"] == true).count() > 20);
    assert_eq!(chats.iter().filter(asked_for_json).count(), 0, "digits are read, not written");
    let report = &result["report"];
    assert!(
        report["judge"]["controls"]["signals"]["coherence"]["auc"].is_number(),
        "{}",
        report["judge"]
    );
    // Gains need probabilities of texts, and this server gives only those of labels.
    assert!(report["judge"]["controls"]["signals"]["record_gain"].is_null());
    let there = &report["left_this_machine"][0];
    assert_eq!(
        (&there["on_this_machine"], &there["requests"]),
        (&json!(true), &json!(chats.len()))
    );
    let persona = &result["personas"][0];
    assert_eq!(persona["provenance"]["model_sha256"], "ab".repeat(32));
}

#[test]
fn a_model_that_ollama_runs_elsewhere_is_neither_chosen_nor_taken_for_local() {
    let manners = Manners { has_cloud_model: true, ..Manners::default() };
    let (folder, server) = (Folder::new(), ollama(manners));
    ends(&folder, &format!("{COMMAND} {}", at_ollama(&server)), 0);
    let own = chats(&server, "/api/chat");
    assert!(!own.is_empty() && own.iter().all(|chat| chat["model"] == "qwen3:4b"));

    let refused = folder.output(&format!("{COMMAND} {} --model {CLOUD}", at_ollama(&server)));
    assert_eq!(refused.status.code(), Some(8), "{}", folder.shown(&refused));
    assert!(folder.shown(&refused).contains("ollama.com"), "{}", folder.shown(&refused));
    let allowed = COMMAND.replace("--no-frontier ", "");
    let cloud = format!("{allowed} --provider ollama --model {CLOUD} {}", at_ollama(&server));
    let unpriced = folder.output(&cloud.replace("--provider ollama ", ""));
    assert_eq!(unpriced.status.code(), Some(2), "{}", folder.shown(&unpriced));
    assert!(folder.shown(&unpriced).contains("--price"), "{}", folder.shown(&unpriced));
    assert_eq!(chats(&server, "/api/chat").len(), own.len(), "nothing was sent for either");
}

#[test]
fn a_server_that_gives_few_probabilities_or_no_role_to_instructions_is_asked_in_its_way() {
    let manners = Manners { most_logprobs: Some(5), no_system: true, ..Manners::default() };
    let (folder, server) = (Folder::new(), openai(manners));
    let result = ends(&folder, &format!("{COMMAND} {} --parallel 1", at_openai(&server)), 0);
    let notes = result["report"]["notes"].to_string();
    assert!(!notes.contains("gives no probabilities"), "{notes}");
    assert!(result["report"]["judge"]["controls"]["signals"]["realism"]["auc"].is_number());
    let asked = chats(&server, "/v1/chat/completions");
    let refused = asked.iter().filter(|chat| manners.refusal(chat).is_some()).count();
    assert!((1..=4).contains(&refused), "{refused} of {} were refused", asked.len());
}

#[test]
fn an_address_may_lack_its_scheme_and_its_version() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    for address in ["127.0.0.1:PORT", "http://0.0.0.0:PORT/v1", "localhost:PORT/v1/"] {
        let address = address.replace("PORT", &server.port.to_string());
        let command = format!("{COMMAND} --backend openai --backend-url {address}");
        assert_eq!(ends(&folder, &command, 0)["personas"].as_array().unwrap().len(), 3);
    }
    let nowhere = folder.output(&format!("{COMMAND} --backend openai --backend-url http://[::1"));
    assert_eq!(nowhere.status.code(), Some(2), "{}", folder.shown(&nowhere));
    assert!(folder.shown(&nowhere).contains("not an address"), "{}", folder.shown(&nowhere));
}

#[test]
fn the_measurement_of_a_served_judge_is_kept_for_the_next_run() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let command = format!("{COMMAND} {}", at_openai(&server));
    ends(&folder, &command, 0);
    let first = chats(&server, "/v1/chat/completions").len();
    ends(&folder, &command, 0);
    let second = chats(&server, "/v1/chat/completions").len() - first;
    assert!(second * 3 < first, "{first}, then {second}");
}

#[test]
fn a_compatible_server_is_sent_the_schema_with_every_quote_listed() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let result = ends(&folder, &format!("{COMMAND} {}", at_openai(&server)), 0);
    assert_quotes_are_verbatim(&folder, &result);
    let shown = folder.shown(&folder.output(&format!("{COMMAND} {}", at_openai(&server))));
    assert!(shown.contains("persona runs show"), "{shown}");
    let chats = chats(&server, "/v1/chat/completions");
    let draft = chats.iter().find(|chat| chat["max_tokens"].as_u64() > Some(100)).unwrap();
    let schema = draft["response_format"]["json_schema"]["schema"].to_string();
    assert!(schema.contains("anyOf") && draft["chat_template_kwargs"]["enable_thinking"] == false);
    assert_eq!(result["personas"][0]["provenance"]["model"], "big-model");
}

#[test]
fn a_judge_without_probabilities_is_read_by_its_digits_and_that_is_said() {
    let manners = Manners { no_logprobs: true, ..Manners::default() };
    let (folder, server) = (Folder::new(), openai(manners));
    let result = ends(&folder, &format!("{COMMAND} {} --parallel 1", at_openai(&server)), 0);
    let notes = result["report"]["notes"].to_string();
    assert!(notes.contains("big-model gives no probabilities"), "{notes}");
    assert!(result["report"]["judge"]["controls"]["signals"]["realism"]["auc"].is_number());
    let asked = chats(&server, "/v1/chat/completions");
    let probabilities = asked.iter().filter(|chat| chat["logprobs"] == true);
    assert!(probabilities.clone().all(|chat| chat["response_format"].is_null()));
    assert_eq!(probabilities.count(), 1, "asked for once, and as JSON from then on");
}

#[test]
fn a_judge_that_does_not_begin_with_a_digit_is_asked_for_one_as_json() {
    let manners = Manners { talks: true, ..Manners::default() };
    let (folder, server) = (Folder::new(), openai(manners));
    let result = ends(&folder, &format!("{COMMAND} {} --parallel 1", at_openai(&server)), 0);
    let notes = result["report"]["notes"].to_string();
    assert!(!notes.contains("gives no probabilities"), "{notes}");
    let asked = chats(&server, "/v1/chat/completions");
    let read: Vec<_> = asked.iter().filter(|chat| chat["logprobs"] == true).collect();
    let free = read.iter().filter(|chat| chat["response_format"].is_null()).count();
    assert!(free == 1 && read.len() > 20, "{free} of {}", read.len());
}

#[test]
fn a_server_that_ignores_the_schema_gives_no_draft_and_the_cause_is_told() {
    let manners = Manners { ignores_schema: true, ..Manners::default() };
    let (folder, server) = (Folder::new(), openai(manners));
    let output = folder.output(&format!("{COMMAND} {}", at_openai(&server)));
    assert_eq!(output.status.code(), Some(1), "{}", folder.shown(&output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("no draft came to anything") && text.contains("JSON"), "{text}");
    assert!(text.contains("serve a larger model"), "{text}");
}

#[test]
fn a_prompt_that_was_cut_in_silence_is_an_error() {
    let manners = Manners { cuts_at: Some(20), ..Manners::default() };
    let (folder, server) = (Folder::new(), ollama(manners));
    let output = folder.output(&format!("{COMMAND} {}", at_ollama(&server)));
    assert_eq!(output.status.code(), Some(1), "{}", folder.shown(&output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("it read 20 of at least") && text.contains("--context"), "{text}");
}

#[test]
fn a_server_that_cannot_be_had_is_told_apart_before_anything_is_drafted() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = ollama(Manners::default());
    let failing = ollama(Manners { status: Some(500), ..Manners::default() });
    for (arguments, code, words) in [
        (format!("--backend ollama --backend-url http://127.0.0.1:{gone}"), 4, "ollama serve"),
        (format!("{} --model mistral", at_ollama(&server)), 4, "ollama pull mistral"),
        (format!("{} --model mistral", at_ollama(&server)), 4, "it has qwen3:4b, llama3.2:latest"),
        (at_ollama(&failing), 4, "500"),
        (format!("--backend openai --backend-url http://127.0.0.1:{}", server.port), 4, "404"),
        ("--backend openai".to_owned(), 2, "--backend-url"),
        ("--backend openai --backend-url http://10.0.0.9/v1".to_owned(), 8, "--trusted-hosts"),
        (format!("{} --offline", at_ollama(&server)), 2, "--offline"),
        (format!("{} --threads 2", at_ollama(&server)), 2, "--threads"),
        ("--backend-url http://127.0.0.1:1".to_owned(), 2, "--backend"),
        ("--backend bedrock".to_owned(), 2, "embedded, ollama or openai"),
    ] {
        let folder = Folder::new();
        let output = folder.output(&format!("{COMMAND} {arguments}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{text}");
        assert!(text.contains(words), "{arguments}\n{text}");
        let says_how = text.contains("hint: ") || text.contains("expected");
        assert!(says_how, "{arguments}\n{text}");
    }
}

#[test]
fn a_server_elsewhere_needs_a_price() {
    let folder = Folder::new();
    let output = folder.output(
        "generate data.csv --hybrid --backend openai --backend-url https://llm.example/v1 --model m",
    );
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--price") && text.contains("--trusted-hosts"), "{text}");
}

#[test]
fn a_vendors_key_is_not_sent_to_a_server_of_ones_own() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let output = folder
        .command(&format!("{COMMAND} {}", at_openai(&server)))
        .env("OPENAI_API_KEY", "sk-vendor-s3cret")
        .env("PERSONA_BACKEND_API_KEY", "own-key")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    for request in server.requests() {
        assert_eq!(request.headers["authorization"], "Bearer own-key");
    }
}

#[test]
fn a_server_that_dies_leaves_a_run_that_goes_on_where_it_was() {
    let folder = Folder::new();
    let turn = AtomicUsize::new(0);
    // Three good drafts, and then only errors until the second process.
    let server = Server::start(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.path.as_str() {
            "/v1/models" => Reply::json(&json!({ "data": [{ "id": "m" }] })),
            "/v1/chat/completions" => {
                let turn = turn.fetch_add(1, Ordering::SeqCst);
                if (3..40).contains(&turn) {
                    return Reply::status(400).body(
                        b"{\"error\":{\"message\":\"bad key\",\"type\":\"api_key_invalid\"}}",
                    );
                }
                let schema = &asked["response_format"]["json_schema"]["schema"];
                let (text, tokens) = said(schema, turn, Manners::default());
                Reply::json(&json!({
                    "choices": [{ "finish_reason": "stop", "message": { "content": text },
                                  "logprobs": { "content": tokens } }],
                    "usage": { "prompt_tokens": 700, "completion_tokens": 90 },
                }))
            }
            _ => Reply::status(404),
        }
    });
    let command = format!("{COMMAND} {} --parallel 1", at_openai(&server));
    let output = folder.output(&command);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--resume"), "{text}");
    // For each purpose, how often it was asked for.
    let asked = |folder: &Folder| {
        let log = std::fs::read_to_string(folder.run().join("log.jsonl")).unwrap();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for event in events.filter(|event| event["event"] == "reserved") {
            *counts.entry(event["purpose"].to_string()).or_default() += 1;
        }
        counts
    };
    let before = asked(&folder);
    // Requests until the server answers well again.
    let so_far = server.requests().len();
    for _ in so_far..45 {
        let address = format!("127.0.0.1:{}", server.port);
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
            .unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let run = folder.run();
    let output = folder.output(&format!("generate --resume {}", run.display()));
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let answered: Vec<&String> = before.keys().take(3).collect();
    let after = asked(&folder);
    assert!(answered.iter().all(|purpose| after[*purpose] == 1), "{after:?}");
    assert!(after.len() > before.len());
}
