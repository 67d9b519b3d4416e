//! `persona bench` as users meet it, on a tiny model written by the test.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::tiny_gguf::{self, tiny_llama};

/// A folder with a tiny model.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_llama(&tiny_gguf::Options::default());
    std::fs::write(folder.path().join("tiny.gguf"), model).unwrap();
    folder
}

fn bench(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command.args(["bench", "--model", "tiny.gguf", "--threads", "1"]);
    command.args(arguments.split_whitespace()).current_dir(folder);
    command.env_clear().env("HOME", folder.join("home")).env("HF_HUB_OFFLINE", "1");
    command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)));
    command.output().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["rows"].as_array().unwrap().clone()
}

#[test]
fn every_row_says_what_was_measured_and_with_what() {
    let folder = folder();
    std::fs::write(folder.path().join("text.txt"), "The nurse called the ward. ".repeat(50))
        .unwrap();
    let tests = "pp32,pp16@32,tg8,tg8@16,shared3@64,json2@80,judge2,ppl";
    let arguments = format!("--test {tests} --text text.txt --repetitions 2 --warmup 0 --json");
    let rows = rows(&bench(folder.path(), &arguments));
    let names: Vec<&str> = rows.iter().map(|row| row["test"].as_str().unwrap()).collect();
    assert_eq!(names.join(","), tests);
    for row in &rows {
        assert_eq!((&row["threads"], &row["model"]), (&1.into(), &"tiny.gguf".into()), "{row}");
        assert_eq!(row["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(row["sha256"].as_str().unwrap().len(), 64);
        assert!(!row["cpu"].as_str().unwrap().is_empty() && row["file_bytes"].as_u64() > Some(0));
        let speed = &row["tokens_per_s"];
        assert!(
            speed["min"].as_f64() > Some(0.0) && speed["min"].as_f64() <= speed["median"].as_f64()
        );
        let repetitions = if row["test"] == "ppl" { 1 } else { 2 };
        assert_eq!(row["samples"].as_array().unwrap().len(), repetitions, "{row}");
    }
    let tokens: Vec<u64> = rows[..5].iter().map(|row| row["tokens"].as_u64().unwrap()).collect();
    assert_eq!(tokens, [32, 16, 8, 8, 600], "no answer ends early and none is longer");
    assert!(rows[5]["tokens"].as_u64() > Some(200), "two whole drafts: {}", rows[5]);
    // Random weights know nothing, so the perplexity is about the size of the vocabulary.
    let perplexity = rows[7]["perplexity"].as_f64().unwrap();
    assert!((50.0..2000.0).contains(&perplexity), "{perplexity}");
}

#[test]
fn an_earlier_call_is_compared_with_and_a_page_drawn() {
    let folder = folder();
    let first = bench(folder.path(), "--test pp32,tg8 --repetitions 3 --json");
    std::fs::write(folder.path().join("before.json"), &first.stdout).unwrap();
    let now = bench(
        folder.path(),
        "--test tg8,pp32,pp16 --repetitions 3 --batch 2 --compare before.json --html page.html",
    );
    let text = String::from_utf8(now.stdout).unwrap();
    assert!(text.contains("batch: 8 before, 2 now"), "{text}");
    let comparison = text.split_once("tokens/s before").unwrap().1;
    let tests: Vec<&str> =
        comparison.lines().skip(2).map(|line| line.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(tests, ["tg8", "pp32"], "{text}");
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("before:"), "{page}");
}

#[test]
fn csv_has_a_line_a_test() {
    let folder = folder();
    let output = bench(folder.path(), "--test pp8,tg4 --repetitions 1 --format csv");
    let text = String::from_utf8(output.stdout).unwrap();
    let starts: Vec<&str> = text.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(starts, ["test", "pp8", "tg4"]);
}

#[test]
fn what_cannot_be_measured_is_said_before_the_model_is_loaded() {
    let folder = folder();
    for (arguments, said) in [
        ("--test tg", "unknown test 'tg'"),
        ("--test pp8 --compare nothing.json", "cannot read nothing.json"),
        ("--test pp8 --compare tiny.gguf", "tiny.gguf"),
        ("--test ppl --text nothing.txt", "cannot read nothing.txt"),
        ("--test pp8 --repetitions 0", "--repetitions"),
    ] {
        let output = bench(folder.path(), arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {errors}");
        assert!(errors.contains(said), "{arguments}: {errors}");
    }
}

#[test]
fn one_test_that_fails_does_not_take_the_others_with_it() {
    let folder = folder();
    let output = bench(folder.path(), "--test pp9999,tg4 --repetitions 1 --format csv");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("pp9999: the prompt has 9999 tokens"), "{errors}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\ntg4,"));
}
