//! Attempts against a server on this machine that answers in each vendor's recorded shapes.
//!
//! Owns the tests of what only a connection shows: addresses and headers as they arrive, statuses,
//! time, size, redirects, and what is learned from one request for the next. Long, since
//! each test states what the server gets and what it gives.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Instant;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::attempt::MAX_BODY;
use super::exchange::tests::{request, shape};
use super::*;
use crate::llm::{Billing, Finish, ScorePrompt, Usage, Want};

const APIS: [Api; 5] =
    [Api::Anthropic, Api::Gemini, Api::Ollama, Api::OpenAiChat, Api::OpenAiResponses];
const KEY: &str = "sk-s3cret-0123456789";
const USAGE: Usage =
    Usage { prompt: 90, cached_prompt: 60, cache_written: 0, completion: 12, reasoning: 0 };

/// [`USAGE`] as each vendor reports it: only Anthropic reports what was written to its cache.
fn usage(api: Api) -> Usage {
    let cache_written = if matches!(api, Api::Anthropic) { 20 } else { 0 };
    let cached_prompt = if matches!(api, Api::Ollama) { 0 } else { USAGE.cached_prompt };
    Usage { cached_prompt, cache_written, ..USAGE }
}

/// How an answer ends.
#[derive(Clone, Copy)]
enum Ending {
    Whole,
    Cut,
    Declined,
}

/// A 200 body in the vendor's shape, with [`USAGE`].
fn body(api: Api, text: &str, ending: Ending) -> Value {
    let word = |whole, cut, declined| match ending {
        Ending::Whole => whole,
        Ending::Cut => cut,
        Ending::Declined => declined,
    };
    match api {
        Api::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant",
            "content": [{ "type": "text", "text": text }],
            "stop_reason": word("end_turn", "max_tokens", "refusal"),
            "usage": { "input_tokens": 10, "cache_creation_input_tokens": 20,
                       "cache_read_input_tokens": 60, "output_tokens": 12 },
        }),
        Api::Gemini => json!({
            "candidates": [{
                "content": { "role": "model", "parts": [{ "text": text }] },
                "finishReason": word("STOP", "MAX_TOKENS", "SAFETY"), "index": 0,
            }],
            "usageMetadata": { "promptTokenCount": 90, "cachedContentTokenCount": 60,
                               "candidatesTokenCount": 12, "totalTokenCount": 102 },
        }),
        Api::Ollama => match ending {
            // Ollama has no way to decline; this comes nearest.
            Ending::Declined => json!({ "error": "the runner has stopped" }),
            _ => json!({
                "model": "m-1", "message": { "role": "assistant", "content": text },
                "done": true, "done_reason": word("stop", "length", ""),
                "prompt_eval_count": 90, "eval_count": 12,
            }),
        },
        Api::OpenAiChat => json!({
            "id": "chatcmpl-1", "object": "chat.completion",
            "choices": [{
                "index": 0, "finish_reason": word("stop", "length", "content_filter"),
                "message": { "role": "assistant", "content": text, "refusal": null },
            }],
            "usage": { "prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102,
                       "prompt_tokens_details": { "cached_tokens": 60 } },
        }),
        Api::OpenAiResponses => json!({
            "id": "resp_1", "object": "response", "error": null,
            "status": word("completed", "incomplete", "incomplete"),
            "incomplete_details": match ending {
                Ending::Whole => Value::Null,
                _ => json!({ "reason": word("", "max_output_tokens", "content_filter") }),
            },
            "output": [{ "type": "message", "content": [{ "type": "output_text", "text": text }] }],
            "usage": { "input_tokens": 90, "input_tokens_details": { "cached_tokens": 60 },
                       "output_tokens": 12, "output_tokens_details": { "reasoning_tokens": 0 } },
        }),
    }
}

/// An error body in the vendor's shape.
fn error(api: Api, kind: &str, message: &str) -> Value {
    match api {
        Api::Anthropic => {
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        Api::Gemini => json!({ "error": { "status": kind, "message": message } }),
        Api::Ollama => json!({ "error": message }),
        Api::OpenAiChat | Api::OpenAiResponses => {
            json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
        }
    }
}

fn place(api: Api) -> &'static str {
    match api {
        Api::Anthropic => "/v1/messages",
        Api::Gemini => "/v1beta/models/m-1:generateContent",
        Api::Ollama => "/api/chat",
        Api::OpenAiChat => "/v1/chat/completions",
        Api::OpenAiResponses => "/v1/responses",
    }
}

fn options(api: Api, address: &str) -> RemoteOptions {
    let version = if matches!(api, Api::OpenAiChat | Api::OpenAiResponses) { "/v1" } else { "" };
    RemoteOptions {
        api,
        base_url: Some(format!("{address}{version}")),
        model: "m-1".to_owned(),
        key: ApiKey::new(KEY),
        context: None,
        served: None,
        trusted: Vec::new(),
        timeout: Duration::from_secs(20),
    }
}

fn model(api: Api, address: &str) -> RemoteModel {
    RemoteModel::connect(options(api, address)).unwrap()
}

/// Starts a server that gives one answer to every request, at the vendor's path.
async fn server(api: Api, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let asked = Mock::given(method("POST")).and(path(place(api)));
    asked.respond_with(answer).mount(&server).await;
    server
}

fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

async fn ask(model: &RemoteModel) -> Result<Completion, LlmError> {
    let mut answers = model.complete(vec![request(shape())]);
    match answers.next().await {
        Some(Answer::Done(0, outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Asks a server that gives one answer to every request.
async fn asked(api: Api, answer: ResponseTemplate) -> Result<Completion, LlmError> {
    let server = server(api, answer).await;
    ask(&model(api, &server.uri())).await
}

async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

async fn sent_bodies(server: &MockServer) -> Vec<String> {
    let requests = received(server).await;
    requests.into_iter().map(|r| String::from_utf8(r.body).unwrap()).collect()
}

#[tokio::test]
async fn each_vendor_is_asked_at_its_address_and_its_answer_read() {
    for api in APIS {
        let server =
            server(api, json_answer(200, &body(api, "{\"title\":\"x\"}", Ending::Whole))).await;
        let completion = ask(&model(api, &server.uri())).await.unwrap();
        assert_eq!(completion.text, "{\"title\":\"x\"}", "{api:?}");
        assert_eq!((completion.finish, completion.usage), (Finish::Complete, Some(usage(api))));
        assert!(completion.timings.decode_s > 0.0);
        let sent = sent_bodies(&server).await;
        let sent: Value = serde_json::from_str(&sent[0]).unwrap();
        assert!(sent.to_string().contains("the question") && sent.to_string().contains("300"));
    }
}

#[tokio::test]
async fn the_key_is_in_the_vendors_header_and_nowhere_else() {
    for api in APIS {
        let server = server(api, json_answer(200, &body(api, "{}", Ending::Whole))).await;
        ask(&model(api, &server.uri())).await.unwrap();
        let request = received(&server).await.remove(0);
        let holders: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(_, value)| value.contains(KEY))
            .collect();
        let bearer = format!("Bearer {KEY}");
        let expected = match api {
            Api::Anthropic => ("x-api-key", KEY),
            Api::Gemini => ("x-goog-api-key", KEY),
            Api::Ollama | Api::OpenAiChat | Api::OpenAiResponses => {
                ("authorization", bearer.as_str())
            }
        };
        assert_eq!(holders, [expected], "{api:?}");
        assert!(!request.url.as_str().contains(KEY));
        assert!(!String::from_utf8_lossy(&request.body).contains(KEY));
        assert_eq!(request.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_server_on_this_machine_needs_no_key_and_is_sent_none() {
    for api in APIS {
        let server = server(api, json_answer(200, &body(api, "{}", Ending::Whole))).await;
        let options = RemoteOptions { key: None, ..options(api, &server.uri()) };
        let model = RemoteModel::connect(options).unwrap();
        assert!(model.is_loopback() && model.host().starts_with("127.0.0.1:"));
        ask(&model).await.unwrap();
        let request = received(&server).await.remove(0);
        for name in ["x-api-key", "x-goog-api-key", "authorization"] {
            assert!(!request.headers.contains_key(name), "{api:?} {name}");
        }
    }
}

#[tokio::test]
async fn cut_and_declined_answers_are_answers_that_say_so() {
    for api in APIS {
        let cut = asked(api, json_answer(200, &body(api, "{\"ti", Ending::Cut))).await.unwrap();
        assert_eq!((cut.finish, cut.usage), (Finish::Length, Some(usage(api))), "{api:?}");
        if api == Api::Ollama {
            // Ollama has no way to decline.
            continue;
        }
        let declined = json_answer(200, &body(api, "I will not.", Ending::Declined));
        let declined = asked(api, declined).await.unwrap();
        assert_eq!(
            (declined.finish, declined.usage),
            (Finish::Refused, Some(usage(api))),
            "{api:?}"
        );
    }
}

#[tokio::test]
async fn usage_that_was_not_told_is_not_made_up() {
    for api in APIS {
        let mut silent = body(api, "{}", Ending::Whole);
        silent
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !name.starts_with("usage") && !name.ends_with("eval_count"));
        assert_eq!(asked(api, json_answer(200, &silent)).await.unwrap().usage, None, "{api:?}");
    }
}

#[tokio::test]
async fn each_status_becomes_the_error_that_a_caller_acts_on() {
    let rows = [
        (400, "Rejected", Billing::Free),
        (401, "Auth", Billing::Free),
        (402, "Auth", Billing::Free),
        (403, "Auth", Billing::Free),
        (404, "Rejected", Billing::Free),
        (408, "Failing", Billing::Unknown),
        (409, "Failing", Billing::Unknown),
        (422, "Rejected", Billing::Free),
        (429, "Busy", Billing::Free),
        (500, "Failing", Billing::Unknown),
        (502, "Failing", Billing::Unknown),
        (503, "Failing", Billing::Unknown),
        (504, "Failing", Billing::Unknown),
        (529, "Busy", Billing::Free),
    ];
    for api in APIS {
        for (status, variant, billing) in rows {
            let answer = json_answer(status, &error(api, "some_error", &format!("not {KEY}!")));
            let answer = answer.insert_header("retry-after", "3");
            let error = asked(api, answer).await.unwrap_err();
            let (text, shown) = (error.to_string(), format!("{error:?}"));
            assert!(shown.starts_with(variant), "{api:?} {status}: {shown}");
            assert_eq!(error.billing(), billing, "{api:?} {status}");
            assert!(
                text.starts_with("127.0.0.1:") && text.contains(&format!(": {status}: ")),
                "{text}"
            );
            assert!(text.contains("not [key]!") && !shown.contains(KEY), "{text}");
            if let LlmError::Busy { retry_after, .. } = error {
                assert_eq!(retry_after, Some(Duration::from_secs(3)));
            }
        }
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_told_from_other_rejections() {
    for api in APIS {
        let long =
            json_answer(400, &error(api, "invalid_request_error", "prompt is too long: 9 > 8"));
        assert!(matches!(asked(api, long).await, Err(LlmError::TooLong(_))), "{api:?}");
        if api == Api::Ollama {
            // Ollama's errors are words alone, and nobody pays for its answers.
            continue;
        }
        let quota = json_answer(429, &error(api, "insufficient_quota", "pay first"));
        let error = asked(api, quota).await.unwrap_err();
        assert!(error.to_string().ends_with("429: no credit: pay first"), "{error}");
        assert!(matches!(error, LlmError::Auth(_)), "{api:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_goes_nowhere() {
    for api in APIS {
        for status in [301, 302, 307, 308] {
            let elsewhere = server(api, json_answer(200, &body(api, "{}", Ending::Whole))).await;
            let to = format!("{}{}?{KEY}", elsewhere.uri(), place(api));
            let answer = ResponseTemplate::new(status).insert_header("location", to.as_str());
            let error = asked(api, answer).await.unwrap_err();
            assert!(matches!(error, LlmError::Rejected(_)), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("redirects") && text.contains("base URL"), "{text}");
            assert!(!text.contains(KEY));
            assert!(received(&elsewhere).await.is_empty());
        }
    }
}

#[tokio::test]
async fn an_error_in_the_body_of_a_200_is_an_error() {
    for api in APIS {
        let busy = json_answer(200, &error(api, "overloaded_error", "come back"));
        // Ollama's errors are words alone, without a kind.
        let is_busy = matches!(asked(api, busy).await, Err(LlmError::Busy { .. }));
        assert_eq!(is_busy, api != Api::Ollama, "{api:?}");
        let failed = json_answer(200, &error(api, "api_error", "oh"));
        assert!(matches!(asked(api, failed).await, Err(LlmError::Unavailable(_))), "{api:?}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_may_have_been_billed() {
    for api in APIS {
        for nonsense in
            ["", "hello", "<html></html>", "{}", "[]", "7", "{\"content\":7,\"output\":7}"]
        {
            let answer = ResponseTemplate::new(200).set_body_string(nonsense);
            let error = asked(api, answer).await.unwrap_err();
            assert!(matches!(error, LlmError::Protocol(_)), "{api:?} {nonsense}: {error:?}");
            assert_eq!(error.billing(), Billing::Unknown);
        }
    }
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let text = "x".repeat(MAX_BODY);
    let long =
        ResponseTemplate::new(200).set_body_json(body(Api::OpenAiChat, &text, Ending::Whole));
    let error = asked(Api::OpenAiChat, long).await.unwrap_err();
    assert!(error.to_string().ends_with("longer than 8 MiB"), "{error}");
    assert!(matches!(error, LlmError::Protocol(_)));
    // A body that just fits is read.
    let text = "x".repeat(MAX_BODY - 1_000);
    let fits =
        ResponseTemplate::new(200).set_body_json(body(Api::OpenAiChat, &text, Ending::Whole));
    assert_eq!(asked(Api::OpenAiChat, fits).await.unwrap().text.len(), text.len());
    // The status counts, however long its page.
    let page = ResponseTemplate::new(503).set_body_string("y".repeat(MAX_BODY + 1));
    let error = asked(Api::OpenAiChat, page).await.unwrap_err();
    assert!(matches!(error, LlmError::Unavailable(_)) && error.to_string().len() < 300);
}

#[tokio::test]
async fn a_slow_answer_is_given_up_and_may_have_been_billed() {
    let api = Api::Anthropic;
    let slow = json_answer(200, &body(api, "{}", Ending::Whole)).set_delay(Duration::from_secs(30));
    let server = server(api, slow).await;
    let timeout = Duration::from_millis(200);
    let options = RemoteOptions { timeout, ..options(api, &server.uri()) };
    let started = Instant::now();
    let error = ask(&RemoteModel::connect(options).unwrap()).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(error, LlmError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().ends_with("no whole answer within 0.2 s"), "{error}");
}

/// A server that takes one request and never answers it. It hangs up when the receiver of the
/// arrival is gone; else it waits and returns what it read next.
fn mute_server() -> (String, mpsc::Receiver<()>, std::thread::JoinHandle<std::io::Result<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (arrived, arrival) = mpsc::channel();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut bytes = vec![0; 1 << 16];
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let n = stream.read(&mut bytes)?;
            if n == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            read.extend_from_slice(&bytes[..n]);
        }
        if arrived.send(()).is_err() {
            return Ok(0);
        }
        stream.read(&mut bytes)
    });
    (address, arrival, served)
}

#[tokio::test]
async fn a_connection_that_dies_after_the_request_may_have_been_billed() {
    let (address, arrival, _served) = mute_server();
    drop(arrival);
    let error = ask(&model(Api::OpenAiChat, &address)).await.unwrap_err();
    assert!(matches!(error, LlmError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("broke off"), "{error}");
}

#[tokio::test]
async fn a_prompt_of_which_exactly_a_context_was_read_was_cut() {
    let of = async |read: u64| {
        let answer = json!({
            "choices": [{ "finish_reason": "stop", "message": { "content": "{}" } }],
            "usage": { "prompt_tokens": read, "completion_tokens": 5 },
        });
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(json_answer(200, &answer)).mount(&server).await;
        let served = Some(server::Served::default());
        let options = RemoteOptions { served, ..options(Api::OpenAiChat, &server.uri()) };
        let mut request = request(shape());
        request.own[0].content = "We plan the week on a whiteboard. ".repeat(400);
        let mut answers = RemoteModel::connect(options).unwrap().complete(vec![request]);
        match answers.next().await {
            Some(Answer::Done(_, outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    };
    let cut = of(2048).await.unwrap_err();
    assert!(matches!(&cut, LlmError::TooLong(cause) if cause.contains("--context")), "{cut:?}");
    assert!(of(2900).await.is_ok() && of(0).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_never_was_is_free() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&model(Api::Gemini, &address)).await.unwrap_err();
    assert!(matches!(error, LlmError::Unreachable(_)), "{error:?}");
    assert_eq!(error.billing(), Billing::Free);
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn dropping_the_answers_hangs_up() {
    let (address, arrival, served) = mute_server();
    let answers = model(Api::OpenAiChat, &address).complete(vec![request(shape())]);
    tokio::task::spawn_blocking(move || arrival.recv().unwrap()).await.unwrap();
    drop(answers);
    let after = tokio::task::spawn_blocking(move || served.join().unwrap()).await.unwrap();
    // The connection only ends, and does so before the server's patience does.
    assert!(
        matches!(after, Ok(0))
            || after.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn each_request_of_a_stage_gets_its_own_answer() {
    let api = Api::OpenAiChat;
    let server = MockServer::start().await;
    // The later a request comes in the stage, the sooner it is answered.
    let echo = move |request: &Request| {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let seed = sent["seed"].as_u64().unwrap();
        json_answer(200, &body(api, &format!("{seed}"), Ending::Whole))
            .set_delay(Duration::from_millis(100 * (5 - seed)))
    };
    Mock::given(method("POST")).respond_with(echo).mount(&server).await;
    let stage = (0..5).map(|seed| {
        let mut request = request(shape());
        request.sampling.seed = seed;
        request
    });
    let mut answers = model(api, &server.uri()).complete(stage.collect());
    let mut order = Vec::new();
    while let Some(Answer::Done(index, outcome)) = answers.next().await {
        assert_eq!(outcome.unwrap().text, index.to_string());
        order.push(index);
    }
    assert_eq!(order.len(), 5);
    assert_eq!(order.last(), Some(&0), "asked one after another: {order:?}");
}

/// Refuses each request whose body holds `word`, in the vendor's form; answers all others.
async fn picky_server(api: Api, word: &'static str, message: &'static str) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        if String::from_utf8_lossy(&request.body).contains(word) {
            json_answer(400, &error(api, "invalid_request_error", message))
        } else {
            json_answer(200, &body(api, "{}", Ending::Whole))
        }
    };
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn a_refused_parameter_is_not_sent_again() {
    let rows = [
        (Api::Anthropic, "\"temperature\"", "`temperature` is deprecated for this model."),
        (Api::Anthropic, "\"output_config\"", "output_config: Extra inputs are not permitted"),
        (Api::Anthropic, "\"cache_control\"", "cache_control: Extra inputs are not permitted"),
        (Api::Gemini, "\"thinkingConfig\"", "Thinking is not supported by this model"),
        (
            Api::Gemini,
            "\"responseJsonSchema\"",
            "Unknown name \"responseJsonSchema\": Cannot find field.",
        ),
        (
            Api::OpenAiChat,
            "\"temperature\"",
            "Unsupported value: 'temperature' does not support 0.7",
        ),
        (Api::OpenAiChat, "\"seed\"", "Unrecognized request argument supplied: seed"),
        (Api::OpenAiChat, "\"response_format\"", "'response_format.type' must be 'text'"),
        (Api::OpenAiResponses, "\"reasoning\"", "Unsupported parameter: 'reasoning.effort'"),
        (Api::OpenAiResponses, "\"prompt_cache_key\"", "Unknown parameter: 'prompt_cache_key'."),
    ];
    for (api, word, message) in rows {
        let server = picky_server(api, word, message).await;
        let model = model(api, &server.uri());
        let first = ask(&model).await.unwrap_err();
        assert!(matches!(first, LlmError::Adapted { .. }), "{api:?} {word}: {first:?}");
        assert!(first.is_transient() && first.billing() == Billing::Free);
        assert_eq!(ask(&model).await.unwrap().text, "{}", "{api:?} {word}");
        assert_eq!(ask(&model).await.unwrap().text, "{}", "{api:?} {word}");
        let sent = sent_bodies(&server).await;
        let carried: Vec<bool> = sent.iter().map(|body| body.contains(word)).collect();
        assert_eq!(carried, [true, false, false], "{api:?} {word}");
        // A schema that is not enforced is stated in words.
        let schema = "Answer with one JSON document of this schema";
        let told =
            ["\"output_config\"", "\"responseJsonSchema\"", "\"response_format\""].contains(&word);
        assert_eq!(sent[1].contains(schema), told, "{api:?} {word}");
    }
}

#[tokio::test]
async fn a_model_that_knows_the_newer_bound_gets_it_and_no_third_name() {
    let message = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                   Use 'max_completion_tokens' instead.";
    let server = picky_server(Api::OpenAiChat, "\"max_tokens\"", message).await;
    let model = model(Api::OpenAiChat, &server.uri());
    assert!(matches!(ask(&model).await, Err(LlmError::Adapted { .. })));
    ask(&model).await.unwrap();
    let sent: Value = serde_json::from_str(&sent_bodies(&server).await[1]).unwrap();
    assert_eq!(sent["max_completion_tokens"], 300);
    assert!(sent.get("max_tokens").is_none());
}

#[tokio::test]
async fn a_parameter_is_given_up_once() {
    for api in APIS {
        // This server complains about the schema whatever it is sent.
        let message = "schema: not supported";
        let server = server(api, json_answer(400, &error(api, "invalid", message))).await;
        let model = model(api, &server.uri());
        assert!(matches!(ask(&model).await, Err(LlmError::Adapted { .. })), "{api:?}");
        assert!(matches!(ask(&model).await, Err(LlmError::Rejected(_))), "{api:?}");
    }
}

#[tokio::test]
async fn all_requests_in_flight_may_learn_the_same() {
    let server = picky_server(Api::OpenAiChat, "\"seed\"", "seed: unknown field").await;
    let model = model(Api::OpenAiChat, &server.uri());
    let mut answers = model.complete(vec![request(shape()), request(shape()), request(shape())]);
    for _ in 0..3 {
        let answer = answers.next().await;
        assert!(
            matches!(answer, Some(Answer::Done(_, Err(LlmError::Adapted { .. })))),
            "{answer:?}"
        );
    }
    assert!(answers.next().await.is_none());
    ask(&model).await.unwrap();
}

#[tokio::test]
async fn the_bound_on_prompt_tokens_holds_for_whatever_is_sent() {
    for api in APIS {
        let message = "schema: not supported";
        let server = server(api, json_answer(400, &error(api, "invalid", message))).await;
        let model = model(api, &server.uri());
        let bound = model.upper_prompt_tokens(&request(shape()));
        ask(&model).await.unwrap_err();
        ask(&model).await.unwrap_err();
        assert_eq!(model.upper_prompt_tokens(&request(shape())), bound);
        let longest = sent_bodies(&server).await.iter().map(String::len).max().unwrap() as u64;
        assert!(bound >= longest + PROMPT_OVERHEAD, "{api:?}: {bound} for {longest}");
        assert!(bound <= 2 * (longest + PROMPT_OVERHEAD), "{api:?}: {bound} for {longest}");
    }
}

#[tokio::test]
async fn probabilities_are_not_to_be_had() {
    let model = model(Api::Anthropic, "http://127.0.0.1:9");
    assert!(!model.capabilities().logits);
    let prompt = ScorePrompt::Raw("x".to_owned());
    let want = Want::Continuation("y".to_owned());
    let ask = ScoreRequest { prompt, want };
    let mut answers = model.score(vec![ask.clone(), ask]);
    for index in 0..2 {
        let answer = answers.next().await;
        let unsupported =
            matches!(answer, Some(Answer::Done(i, Err(LlmError::Unsupported(_)))) if i == index);
        assert!(unsupported, "{answer:?}");
    }
    assert!(answers.next().await.is_none());
}

#[test]
fn connecting_sends_nothing_and_needs_no_runtime() {
    let model =
        RemoteModel::connect(RemoteOptions { base_url: None, ..options(Api::OpenAiResponses, "") })
            .unwrap();
    assert_eq!((model.host(), model.is_loopback()), ("api.openai.com", false));
    assert_eq!(model.capabilities().id, "m-1");
    assert_eq!(model.capabilities().context, DEFAULT_CONTEXT);
    assert_eq!(model.count_tokens("naïve"), 2);
}

#[test]
fn a_service_elsewhere_needs_a_key() {
    for (api, variable) in [
        (Api::Anthropic, "ANTHROPIC_API_KEY"),
        (Api::Gemini, "GEMINI_API_KEY"),
        (Api::OpenAiChat, "OPENAI_API_KEY"),
        (Api::OpenAiResponses, "OPENAI_API_KEY"),
    ] {
        let options = RemoteOptions { base_url: None, key: None, ..options(api, "") };
        let error = RemoteModel::connect(options).unwrap_err();
        assert!(error.to_string().ends_with(&format!("\nhint: set {variable}")), "{error}");
    }
}

#[test]
fn a_key_shows_itself_nowhere() {
    let options = options(Api::OpenAiChat, "https://h.example");
    let key = options.key.clone().unwrap();
    let options_shown = format!("{options:?}");
    let model = RemoteModel::connect(options).unwrap();
    for shown in [options_shown, format!("{model:?}"), format!("{key} {key:?}")] {
        assert!(shown.contains("redacted") && !shown.contains(KEY), "{shown}");
    }
    assert!(key.header("Bearer ").is_sensitive());
}

#[test]
fn a_model_that_goes_by_its_path_is_shown_by_its_file() {
    for (model, name) in [
        ("/srv/models/Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-Q4_K_M.gguf"),
        ("C:\\models\\phi-4.gguf", "phi-4.gguf"),
        ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("llama3.2:latest", "llama3.2:latest"),
        ("/", "/"),
    ] {
        assert_eq!(shown(model), name);
    }
}
