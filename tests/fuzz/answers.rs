//! Providers' answers: wrong, absurd or cut, with any status, through a real connection.

#![cfg(feature = "net")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use persona::llm::remote::{Api, RemoteModel, RemoteOptions};
use persona::llm::{
    Answer, ChatModel, ChatRequest, Completion, LlmError, Message, Output, Sampling, Shape,
};

use super::mutate::{Random, damage, overwrite};
use super::{kept, run};
use crate::loopback::{Reply, Server};

const APIS: [Api; 5] =
    [Api::Anthropic, Api::Gemini, Api::Ollama, Api::OpenAiChat, Api::OpenAiResponses];

/// Beginnings of the names of the seeds, in the order of [`APIS`].
const NAMES: [&str; 5] = ["anthropic", "gemini", "ollama", "chat", "responses"];

const STATUSES: [u16; 14] = [200, 200, 200, 200, 201, 204, 301, 400, 401, 404, 422, 429, 500, 529];

const WORDS: [&[u8]; 18] = [
    b"null",
    b"18446744073709551615",
    b"-1",
    b"1e308",
    b"1e999",
    b"[[[[[[[[[[[[[[[[",
    b"{\"error\":{\"message\":\"\\u001b[31munsupported parameter: temperature\"}}",
    b"\"content\":[]",
    b"\"text\":null",
    b"\"logprobs\":{\"content\":[{\"token\":\"1\",\"logprob\":1e308,\"top_logprobs\":[{\"token\":\"1\",\"logprob\":1e308}]}]}",
    b"\\ud800",
    b"\xff\xfe",
    b"\n\n",
    b"data: ",
    b"\"usage\":{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":18446744073709551615}",
    b"\"stop_reason\":\"refusal\"",
    b"\"done\":true",
    b"\"finish_reason\":\"length\"",
];

fn model(api: Api, port: u16) -> RemoteModel {
    RemoteModel::connect(RemoteOptions {
        api,
        base_url: Some(format!("http://127.0.0.1:{port}")),
        model: "m".to_owned(),
        key: None,
        context: None,
        served: None,
        trusted: Vec::new(),
        timeout: Duration::from_secs(5),
    })
    .expect("a model on this machine")
}

fn request(random: &mut Random) -> ChatRequest {
    let output = match random.below(3) {
        0 => Output::Text,
        1 => Output::Label(["1", "2", "3"].map(str::to_owned).into()),
        _ => {
            let text = Shape::Text { min: 1, max: 20 };
            Output::Json(Arc::new(Shape::Object(vec![("title".to_owned(), text)])))
        }
    };
    ChatRequest {
        shared: Arc::from([Message::system("Be brief."), Message::user("the data")]),
        own: vec![Message::user("?")],
        output,
        sampling: Sampling::default(),
        max_tokens: 20,
    }
}

fn reply(body: &[u8], random: &mut Random) -> Reply {
    let mut reply = Reply::status(*random.of(&STATUSES)).body(body);
    let kind = *random.of(&["application/json", "text/html", "application/x-ndjson", ""]);
    reply = reply.with("content-type", kind);
    match random.below(8) {
        0 => {
            let odd = ["99999999999999999999", "-1", "x", "0", "Thu, 01 Jan 1970 00:00:00 GMT"];
            reply = reply.with("retry-after", *random.of(&odd));
        }
        1 => reply = reply.with("content-encoding", "gzip"),
        2 => reply = reply.with("location", "http://127.0.0.1:9/elsewhere"),
        3 => reply.cut = Some(random.below(body.len() + 1)),
        _ => {}
    }
    reply
}

/// Checks what must hold for every answer that is accepted.
fn check(completion: &Completion) {
    let labels = ["1", "2", "3"].map(str::to_owned);
    let likely = completion.label_log_probs(&labels).unwrap_or_default();
    assert!(likely.iter().all(|log| !log.is_nan() && *log >= -1e3), "{likely:?}");
    if let Some(usage) = completion.usage {
        let _ = usage.prompt.checked_add(usage.completion);
    }
}

fn answers(count: u64) {
    let seeds = kept("answers");
    let next = Arc::new(Mutex::new(Reply::default()));
    let told = next.clone();
    let server = Server::start(move |_| told.lock().expect("the reply").clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let models = APIS.map(|api| model(api, server.port));
    run("answers", 61, count, |random| {
        let which = random.below(APIS.len());
        let of_others = random.once_in(4);
        let own = seeds.iter().find(|(name, _)| !of_others && name.starts_with(NAMES[which]));
        let mut body = own.unwrap_or_else(|| random.of(&seeds)).1.clone();
        if random.once_in(2) {
            overwrite(&mut body, random);
        } else if !random.once_in(3) {
            damage(&mut body, &WORDS, random);
        }
        *next.lock().expect("the reply") = reply(&body, random);
        // What a model learns from one answer stays with it; most of these models soon know all
        // there is.
        let fresh = random.once_in(8).then(|| model(APIS[which], server.port));
        let model = fresh.as_ref().unwrap_or(&models[which]);
        let _inside = runtime.enter();
        let mut stage = model.complete(vec![request(random)]);
        let outcome: Result<Completion, LlmError> = runtime.block_on(async {
            loop {
                match stage.next().await.expect("each request is answered") {
                    Answer::Progress { .. } => {}
                    Answer::Done(_, outcome) => break outcome,
                }
            }
        });
        match outcome {
            Ok(completion) => {
                check(&completion);
                (true, 0)
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("127.0.0.1"), "which host? {text}");
                assert!(!text.contains('\u{1b}'), "{text:?}");
                assert!(text.len() < 4096, "{} bytes", text.len());
                assert!(!text.contains("broke off in this program"), "{text}");
                (false, 0)
            }
        }
    });
}

#[test]
fn no_answer_breaks_its_reader() {
    answers(1_500);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_answer_breaks_its_reader_in_full() {
    answers(100_000);
}
