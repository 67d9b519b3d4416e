//! Whether people are parted into the kinds that a reader sees.
//!
//! `tests/fixtures/kinds.tsv` holds 24 studies in seven languages: 381 people, each of a kind that its
//! writer had in mind, or of none (`other`). Kinds share their words and differ in what they want,
//! suffer from and do. Agreement is the adjusted Rand index (Hubert and Arabie, 1985,
//! <https://doi.org/10.1007/BF01908075>): 1 where the segments are the kinds, 0 on average by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use persona::corpus::{self, Corpus};
use persona::engine::{Engine, EngineOptions};
use persona::llm::ChatModel;
use persona::llm::embedded::EmbeddedModel;
use persona::llm::scripted::ScriptedModel;
use persona::pipeline::{self, Cancel, Models};
use persona::privacy::Cleared;
use serde_json::json;

use crate::real_model::real_model;
use crate::whole_run;

const LABELLED: &str = include_str!("../fixtures/kinds.tsv");
/// The kind of those who are of none.
const OTHER: &str = "other";

struct Study {
    name: &'static str,
    corpus: Cleared<Corpus>,
    /// The kind of each participant.
    kinds: BTreeMap<&'static str, &'static str>,
}

fn studies() -> Vec<Study> {
    let rows: Vec<Vec<&str>> = LABELLED.lines().map(|line| line.split('\t').collect()).collect();
    let study = |rows: &[Vec<&'static str>]| {
        let (mut kinds, mut text) = (BTreeMap::new(), String::new());
        for row in rows {
            let [_, _, who, kind, question, answer] = row[..] else { panic!("{row:?}") };
            kinds.insert(who, kind);
            let mut line = json!({ "participant": who, "answer": answer });
            if question != "-" {
                line["question"] = json!(question);
            }
            writeln!(text, "{line}").expect("a string takes it");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("study.jsonl");
        std::fs::write(&path, text).expect("a file");
        let corpus = Cleared::as_is(corpus::load(&[path]).expect("a corpus"));
        Study { name: rows[0][0], corpus, kinds }
    };
    rows.chunk_by(|a, b| a[0] == b[0]).map(study).collect()
}

/// How far the segments of a study are its kinds.
fn agreement(study: &Study, models: &Models) -> f64 {
    let kinds: BTreeSet<&str> = study.kinds.values().copied().collect();
    let count = kinds.iter().filter(|kind| **kind != OTHER).count();
    let settings = whole_run::plain(count, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let cancel = Cancel::default();
    let plan =
        pipeline::lay_out(&study.corpus, models, &settings, None, &whole_run::Silent, &cancel);
    let plan = runtime.expect("a runtime").block_on(plan).expect("a plan").expect("not cancelled");
    let mut placed: BTreeMap<&str, usize> = BTreeMap::new();
    for (segment, records) in plan.segments().iter().enumerate() {
        for &record in records {
            // `Verified Buyer` may be anybody, and is nobody's name.
            if let Some(who) = study.corpus.records[record].participant.as_deref() {
                placed.insert(who, segment);
            }
        }
    }
    let pairs: Vec<(&str, usize)> = placed
        .iter()
        .map(|(who, segment)| (study.kinds[who], *segment))
        .filter(|(kind, _)| *kind != OTHER)
        .collect();
    adjusted_rand(&pairs)
}

/// The adjusted Rand index of two groupings of the same things.
fn adjusted_rand(pairs: &[(&str, usize)]) -> f64 {
    fn together<K: Ord>(keys: impl Iterator<Item = K>) -> f64 {
        let mut sizes: BTreeMap<K, f64> = BTreeMap::new();
        for key in keys {
            *sizes.entry(key).or_default() += 1.0;
        }
        sizes.values().map(|n| n * (n - 1.0) / 2.0).sum()
    }
    let both = together(pairs.iter());
    let (kinds, segments) =
        (together(pairs.iter().map(|pair| pair.0)), together(pairs.iter().map(|pair| pair.1)));
    let all = together(std::iter::repeat_n((), pairs.len()));
    let by_chance = kinds * segments / all;
    (both - by_chance) / (f64::midpoint(kinds, segments) - by_chance)
}

/// Prints the agreement of these studies, and returns the mean.
fn measure(studies: &[Study], models: &Models, by: &str) -> f64 {
    let mut sum = 0.0;
    for study in studies {
        let found = agreement(study, models);
        println!("{by}: {:20} {:2} people {found:5.2}", study.name, study.kinds.len());
        sum += found;
    }
    let mean = sum / studies.len() as f64;
    println!("{by}: mean {mean:.3}");
    mean
}

fn real() -> Models {
    let engine = Engine::load(&real_model(), &EngineOptions::default()).expect("the real model");
    let model: Arc<dyn ChatModel> = Arc::new(EmbeddedModel::new(engine, "smollm2-135m"));
    Models::local(Arc::clone(&model), model, None)
}

fn by_words() -> Models {
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::parse("ok").expect("a script"));
    Models::local(Arc::clone(&model), model, None)
}

#[test]
fn agreement_is_one_for_the_same_groups_and_none_by_chance() {
    let same = [("a", 2), ("a", 2), ("b", 0), ("b", 0), ("c", 1)];
    assert!((adjusted_rand(&same) - 1.0).abs() < 1e-12);
    let crossed = [("a", 0), ("a", 1), ("b", 0), ("b", 1)];
    assert!((adjusted_rand(&crossed) + 0.5).abs() < 1e-12);
}

#[test]
fn people_are_parted_by_what_they_mean_rather_than_by_their_words() {
    let mut studies = studies();
    studies.retain(|study| study.name.starts_with("en-") && study.kinds.len() < 16);
    let (by_words, by_meaning) =
        (measure(&studies, &by_words(), "words"), measure(&studies, &real(), "meanings"));
    assert!(by_meaning > by_words, "{by_meaning} {by_words}");
}

#[test]
#[ignore = "long: a model reads all of 24 studies"]
fn people_are_parted_by_what_they_mean_in_all_studies() {
    let studies = studies();
    let (by_words, by_meaning) =
        (measure(&studies, &by_words(), "words"), measure(&studies, &real(), "meanings"));
    assert!(by_meaning > by_words, "{by_meaning} {by_words}");
}
