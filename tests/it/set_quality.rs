//! A set of personas compared with the answer of the same model to a plain "give me N personas"
//! prompt.
//!
//! A measurement, with the figures of `report.json` for both sides: how much of the data is cited,
//! how far apart the personas are, how many goals, pains and behaviours rest on a record. The plain
//! prompt gets as many records as fit, is asked for a record id with every statement, and is bound
//! to JSON with the right keys, so that it can fail only at the task. One of its statements counts
//! as supported where its id is that of a record, and a quote counts where it stands in one.
//!
//! Surveys are looked for in `$PERSONA_TEST_DATA/surveys`; without it, only the examples are run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona::corpus::{self, Corpus};
use persona::engine::{DeviceChoice, Engine, EngineOptions};
use persona::llm::embedded::EmbeddedModel;
use persona::llm::{Answer, ChatModel, ChatRequest, Message, Output, Sampling, Shape};
use persona::pipeline::{Settings, Threshold};
use persona::privacy::Cleared;
use persona::report::{self, Process, View};
use persona::schema::{Persona, Provenance, Quote, RecordId, Scores, Segment, Statement};
use persona::store::RunState;
use serde_json::Value;

use crate::real_model::real_model;
use crate::whole_run;

const COUNT: usize = 5;
/// Tokens of records that the plain prompt shows: half of a small model's usual context.
const SHOWN: usize = 4_000;
const SEED: u64 = 1;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(future)
}

/// A run of ours with the defaults of `generate --hybrid --no-frontier --count 5`.
fn ours(corpus: &Cleared<Corpus>, model: &Arc<dyn ChatModel>) -> RunState {
    let settings = Settings {
        multiplier: 2.0,
        threshold: Threshold::Fixed(0.75),
        max_rounds: 1,
        ..whole_run::plain(COUNT, SEED)
    };
    let folder = tempfile::tempdir().expect("a folder");
    whole_run::whole_run(corpus, model, &settings, folder.path())
}

/// A run of the plain prompt: one prompt with the records, one answer with all personas.
fn plain(corpus: &Cleared<Corpus>, model: &Arc<dyn ChatModel>) -> RunState {
    let mut records = String::new();
    for record in &corpus.records {
        let next = format!("{}\n{}\n", record.id, record.text);
        if model.count_tokens(&records) + model.count_tokens(&next) > SHOWN {
            break;
        }
        records += &next;
    }
    let task = format!(
        "{records}\nThese are records of user research. Give me {COUNT} personas as JSON. \
         With each goal, pain and behaviour give the id of the record that it rests on, such as {}. \
         Quotes are verbatim.",
        corpus.records[0].id
    );
    let request = ChatRequest {
        shared: Vec::new().into(),
        own: vec![Message::user(task)],
        output: Output::Json(Arc::new(answer_shape())),
        sampling: Sampling {
            temperature: 0.5,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.1,
            repetition_penalty: 1.1,
            seed: SEED,
        },
        max_tokens: 4_000,
    };
    let mut answers = model.complete(vec![request]);
    let text = block_on(async {
        loop {
            match answers.next().await {
                Some(Answer::Done(_, answer)) => return answer.expect("an answer").text,
                Some(Answer::Progress { .. }) => {}
                None => panic!("no answer"),
            }
        }
    });
    let found: Value = serde_json::from_str(&text).unwrap_or_default();
    let personas = found["personas"].as_array().cloned().unwrap_or_default();
    let personas = personas.iter().enumerate().map(|(at, said)| persona(corpus, at, said));
    RunState { selected: Some(personas.collect()), ..RunState::default() }
}

fn answer_shape() -> Shape {
    let text = |min, max| Shape::Text { min, max };
    let cited = |max| {
        let fields = vec![("record".to_owned(), text(3, 16)), ("text".to_owned(), text(15, max))];
        Shape::Array { item: Box::new(Shape::Object(fields)), min: 2, max: 2 }
    };
    let fields = [
        ("name", text(3, 20)),
        ("title", text(8, 60)),
        ("summary", text(40, 200)),
        ("quotes", cited(160)),
        ("goals", cited(110)),
        ("pains", cited(110)),
        ("behaviours", cited(110)),
    ];
    let fields = fields.map(|(name, shape)| (name.to_owned(), shape)).into();
    let personas = Shape::Array { item: Box::new(Shape::Object(fields)), min: COUNT, max: COUNT };
    Shape::Object(vec![("personas".to_owned(), personas)])
}

/// A persona from the plain prompt's answer; only citations that lead to a record are kept.
fn persona(corpus: &Corpus, at: usize, said: &Value) -> Persona {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| said[name].as_array().cloned().unwrap_or_default();
    let statements = |name: &str| -> Vec<Statement> {
        let statement = |item: &Value| {
            let id = RecordId(text(&item["record"]).trim().to_owned());
            let records: Vec<RecordId> = corpus.get(&id).map(|_| id).into_iter().collect();
            Statement {
                text: text(&item["text"]),
                inferred: records.is_empty(),
                records,
                held: None,
            }
        };
        list(name).iter().map(statement).collect()
    };
    let quote = |item: &Value| {
        let text = text(&item["text"]);
        let record = corpus.records.iter().find(|record| record.text.contains(&text))?;
        let start = record.text.find(&text)?;
        Some(Quote { record: record.id.clone(), start, end: start + text.len(), text })
    };
    Persona {
        id: format!("p{}", at + 1),
        name: text(&said["name"]),
        title: text(&said["title"]),
        summary: text(&said["summary"]),
        demographics: std::collections::BTreeMap::new(),
        goals: statements("goals"),
        pains: statements("pains"),
        behaviours: statements("behaviours"),
        motivations: Vec::new(),
        quotes: list("quotes").iter().filter_map(quote).collect(),
        segment: Segment::default(),
        scores: Scores::default(),
        below_threshold: false,
        refined: false,
        provenance: Provenance { slot: at, ..Provenance::default() },
    }
}

fn show(name: &str, side: &str, corpus: &Corpus, state: &RunState) -> Value {
    let process = Process::default();
    let report = report::report(View { state, corpus, process: &process });
    let set = report["set"].clone();
    let personas = state.selected.as_deref().unwrap_or_default();
    let quotes: usize = personas.iter().map(|persona| persona.quotes.len()).sum();
    println!(
        "{name} | {side} | {} | {} of {} | {} of {} | {:.2} | {:.2} | {} of {} | {quotes} | {}",
        personas.len(),
        set["records"]["cited"],
        set["records"]["of"],
        set["participants"]["cited"],
        set["participants"]["of"],
        set["distance"]["min"].as_f64().unwrap_or(f64::NAN),
        set["distance"]["mean"].as_f64().unwrap_or(f64::NAN),
        set["statements"]["supported"],
        set["statements"]["of"],
        set["near_duplicates"].as_array().map_or(0, Vec::len),
    );
    set
}

fn inputs() -> Vec<(String, PathBuf)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut inputs = vec![
        ("interviews.csv".to_owned(), examples.join("interviews.csv")),
        ("examples/".to_owned(), examples),
    ];
    if let Some(data) = std::env::var_os("PERSONA_TEST_DATA") {
        let surveys = Path::new(&data).join("surveys");
        for name in ["steak-risk-survey.csv", "comma-survey.csv"] {
            inputs.push((name.to_owned(), surveys.join(name)));
        }
    }
    inputs
}

#[test]
#[ignore = "minutes: a measurement with the real model on each corpus, both ways"]
fn a_set_rests_on_more_of_the_data_than_a_plain_prompt() {
    let options = EngineOptions { device: DeviceChoice::Cpu, ..EngineOptions::default() };
    let engine = Engine::load(&real_model(), &options).expect("the model loads");
    let model: Arc<dyn ChatModel> = Arc::new(EmbeddedModel::new(engine, "smollm2-135m"));
    println!(
        "corpus | way | personas | records cited | participants cited | min distance | mean distance | supported | verbatim quotes | near-duplicates"
    );
    for (name, path) in inputs() {
        let corpus = Cleared::as_is(corpus::load(&[path]).expect("records"));
        let ours = show(&name, "persona", &corpus, &ours(&corpus, &model));
        let plain = show(&name, "plain prompt", &corpus, &plain(&corpus, &model));
        assert_eq!(ours["near_duplicates"].as_array().map(Vec::len), Some(0), "{name}");
        assert_eq!(ours["statements"]["share_supported"], 1.0, "{name}");
        assert!(
            ours["records"]["cited"].as_u64() > plain["records"]["cited"].as_u64(),
            "{name}: a plain prompt cites as much"
        );
    }
}
