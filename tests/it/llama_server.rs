//! Requests and answers with an implementation that is not ours: llama.cpp's server, with the real
//! small model, over two of its APIs.
//!
//! Needs Python with the package xllamacpp, which `.ci/run` installs; without it, these tests print
//! that they are skipped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use persona::llm::remote::server::{self, ServerOptions};
use persona::llm::remote::{Api, RemoteModel, RemoteOptions, SERVER_TIMEOUT};
use persona::llm::{
    Answer, ChatModel, ChatRequest, Completion, Output, Sampling, ScorePrompt, ScoreRequest, Want,
};
use persona::prompts::Wording;
use persona::prompts::controls::{self, Treatment};
use persona::prompts::judge::{Phrasing, evidence, verbal};
use serde_json::{Value, json};

use crate::cli::Folder;
use crate::real_model::real_model;

/// The Python with the package, where `.ci/run` puts it; `PERSONA_TEST_PYTHON` names another one.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("PERSONA_TEST_PYTHON").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let kept = cache.map(|cache| cache.join("persona-test/xllamacpp/bin/python"));
    let python = named.or(kept).filter(|python| python.exists())?;
    let works = Command::new(&python).args(["-c", "import xllamacpp"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

/// A running server, which ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> Option<Server> {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with xllamacpp; .ci/run installs one");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/llama_server.py");
    let mut child = Command::new(python)
        .args([script, real_model().to_str().unwrap(), &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| line.ok().filter(|line| line.starts_with("http")))
        .expect("the server says where it listens");
    Some(Server { child, address })
}

/// Prompt and answer tokens by the server's count, summed over the log of the run.
fn logged_usage(folder: &Folder) -> (u64, u64) {
    let log = std::fs::read_to_string(folder.run().join("log.jsonl")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answers = events.filter(|event| event["event"] == "answered");
    answers.fold((0, 0), |(prompt, completion), event| {
        let usage = &event["answer"]["usage"];
        let count = |name: &str| usage[name].as_u64().unwrap();
        (prompt + count("prompt"), completion + count("completion"))
    })
}

#[test]
fn a_hybrid_run_is_refined_by_a_real_server_over_two_apis() {
    let Some(server) = server() else { return };
    for (frontier, suffix) in [("openai", "/v1"), ("anthropic", "")] {
        let folder = Folder::new();
        let output = folder.output(&format!(
            "generate data.csv --hybrid --model scripted:nologits --quality-threshold 0 \
             --count 1 --frontier {frontier} --base-url {}{suffix} --frontier-model small --price 3/15 \
             --max-cost 0.05 --parallel 1 --json",
            server.address
        ));
        assert_eq!(output.status.code(), Some(0), "{frontier}\n{}", folder.shown(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["personas"].as_array().unwrap().len(), 1);
        let cost = &result["report"]["cost"]["frontier"];
        let (prompt, completion) = logged_usage(&folder);
        assert!(prompt > 300 && completion > 0, "{frontier}: {prompt} {completion}");
        let expected = (prompt * 3 + completion * 15) as f64 / 1e6;
        let spent = cost["spent_usd"].as_f64().unwrap();
        assert!((spent - expected).abs() < 1e-9, "{frontier}: {spent} {expected}\n{cost}");
        assert!(spent <= 0.05 && spent <= cost["estimated_upper_usd"].as_f64().unwrap());
        let counts = &result["report"]["refinement"]["counts"];
        assert_eq!(counts["failed"], 0, "{frontier}: {}", result["report"]["refinement"]);
    }
}

#[test]
fn plain_generation_by_a_real_server_is_held_against_the_records() {
    let Some(server) = server() else { return };
    let folder = Folder::new();
    let output = folder.output(&format!(
        "generate data.csv --provider openai --base-url {}/v1 --frontier-model small --price 3/15 \
         --count 1 --max-cost 0.5 --json",
        server.address
    ));
    let (prompt, completion) = logged_usage(&folder);
    assert!(prompt > 500 && completion > 0, "{prompt} {completion}");
    // A model this small may write nothing that can be used; the run then fails with its provider's
    // code.
    if output.status.code() == Some(5) {
        eprintln!("skipped: the model wrote nothing that could be held against the records");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let spent = &result["report"]["cost"]["frontier"]["spent_usd"];
    assert!(spent.as_f64().unwrap() > 0.0, "{result}");
    for quote in result["personas"][0]["quotes"].as_array().unwrap() {
        let text = quote["text"].as_str().unwrap();
        assert!(crate::cli::DATA.contains(text), "{text}");
    }
}

/// A question as a server is asked it.
fn as_chat(question: &ScoreRequest) -> ChatRequest {
    let (ScorePrompt::Chat { shared, own }, Want::Labels(labels)) =
        (&question.prompt, &question.want)
    else {
        panic!("it is asked in words");
    };
    ChatRequest {
        shared: shared.clone(),
        own: own.clone(),
        output: Output::Label(labels.clone().into()),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        max_tokens: 48,
    }
}

/// The answer to a question. What the server does not know is left out at the next attempt.
async fn answer(model: &RemoteModel, question: &ChatRequest) -> Completion {
    for _ in 0..4 {
        let mut answers = model.complete(vec![question.clone()]);
        while let Some(news) = answers.next().await {
            match news {
                Answer::Done(_, Ok(answer)) => return answer,
                Answer::Done(_, Err(error)) => assert!(error.is_transient(), "{error}"),
                Answer::Progress { .. } => {}
            }
        }
    }
    panic!("it gives no answer");
}

#[test]
fn a_real_server_gives_a_judge_the_probabilities_of_its_labels() {
    let Some(server) = server() else { return };
    let controls = controls::load(Wording::Free);
    let good =
        controls.all.iter().find(|control| control.treatment == Treatment::Untouched).unwrap();
    let cited = evidence(&controls.corpus, &good.persona);
    let questions = verbal(&good.persona, &cited, Phrasing::Usual);
    let asked: Vec<ChatRequest> = questions.iter().take(2).map(as_chat).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(async {
        let base_url = format!("{}/v1", server.address);
        let served = server::find(&ServerOptions {
            api: Api::OpenAiChat,
            base_url: base_url.clone(),
            model: None,
            key: None,
            trusted: Vec::new(),
            patience: server::LOADING,
        })
        .await
        .unwrap();
        let model = RemoteModel::connect(RemoteOptions {
            api: Api::OpenAiChat,
            base_url: Some(base_url),
            model: served.model.clone(),
            key: None,
            context: served.context,
            served: Some(served),
            trusted: Vec::new(),
            timeout: SERVER_TIMEOUT,
        })
        .unwrap();
        [answer(&model, &asked[0]).await, answer(&model, &asked[1]).await]
    });
    for answer in answers {
        let labels = answer.labels.as_ref().expect("llama.cpp gives probabilities");
        let mass: f64 = labels.iter().map(|&p| f64::from(p).exp()).sum();
        assert!(labels.len() == 5 && mass > 0.0 && mass < 1.0 + 1e-3, "{labels:?}");
    }
}

#[test]
#[ignore = "long: a server with one thread answers 200 questions about the controls"]
fn a_real_server_ranks_a_good_persona_above_a_corrupted_one() {
    let Some(server) = server() else { return };
    let folder = Folder::new();
    let said = ["I never trust the schedule because it changes twice a day."];
    let personas = json!([
        { "name": "Good", "goals": [said[0]], "quotes": said,
          "pains": ["We write the real plan on a whiteboard in the kitchen."] },
        { "name": "Corrupted", "goals": ["Wants a product that works well."], "quotes": [],
          "pains": ["Does not like it when things are slow."] },
    ]);
    folder.write("two.json", personas.to_string().as_bytes());
    let output = folder.output(&format!(
        "evaluate two.json --source data.csv --backend openai --backend-url {}/v1 --parallel 2 --json",
        server.address
    ));
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let score = |at: usize| result["personas"][at]["judge"].as_f64().unwrap();
    assert!(score(0) > score(1), "{} and {}", score(0), score(1));
    assert!(result["judge"]["signals"]["coherence"]["auc"].is_number());
}
