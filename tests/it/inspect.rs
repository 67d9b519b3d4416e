//! `persona inspect`, and the ways to name data: patterns and piped input.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::json;

use crate::cli::Folder;

const SURVEY: &str = "\
id,Which tools? - Phone,Which tools? - Paper,why
1,1,0,The lifts are slow and nobody tells us why
2,0,1,I print the list every single morning
3,1,1,\"We call the ward, by phone\0\"
";

fn piped(folder: &Folder, arguments: &str, data: &str) -> Output {
    let mut child = folder
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that ends early closes its standard input; only its output matters then.
    let _ = child.stdin.take().unwrap().write_all(data.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn inspect_shows_files_columns_tokens_and_findings() {
    let folder = Folder::new();
    folder.write("survey.csv", SURVEY.as_bytes());
    let output = folder.output("inspect survey.csv");
    let shown = folder.shown(&output);
    assert!(shown.starts_with("exit: 0\n"), "{shown}");
    for expected in [
        "survey.csv   csv      UTF-8",
        "3 records by 3 participants, about",
        "estimated from the bytes",
        "Which tools?   categorical   3",
        "free text",
        "control characters",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in\n{shown}");
    }
    assert!(output.stderr.is_empty(), "{shown}");
}

#[test]
fn inspect_names_participants() {
    let shown = Folder::new();
    let shown = shown.shown(&shown.output("inspect data.csv"));
    assert!(shown.contains("6 records by 3 participants"), "{shown}");
    assert!(shown.contains("\nnamed: p01, p02, p03\n"), "{shown}");
}

#[test]
fn inspect_writes_one_json_document() {
    let folder = Folder::new();
    folder.write("survey.csv", SURVEY.as_bytes());
    let document = folder.json("inspect --input survey.csv data.csv --json");
    assert_eq!(document["files"][0]["name"], "survey.csv");
    assert_eq!(document["files"][0]["records"], 3);
    assert_eq!(document["records"], 9);
    let named = document["named"].as_array().unwrap();
    let nurse = json!({ "name": "p01", "file": "data.csv", "records": 2 });
    assert!(named.contains(&nurse), "{named:?}");
    assert_eq!(document["tokens"]["by"], "estimate");
    assert!(document["tokens"]["count"].as_u64().unwrap() > 30, "{document:#}");
    let column = |name: &str| {
        let columns = document["columns"].as_array().unwrap();
        columns.iter().find(|c| c["name"] == name).map(|c| c["kind"].clone())
    };
    assert_eq!(column("Which tools?").unwrap(), "categorical");
    assert_eq!(column("why").unwrap(), "free_text");
    let kinds: Vec<_> =
        document["findings"].as_array().unwrap().iter().map(|f| &f["kind"]).collect();
    assert_eq!(kinds, ["control-character", "multi-select"]);
}

#[test]
fn inspect_refuses_no_input_and_a_model_that_is_not_there() {
    let folder = Folder::new();
    for (arguments, code, expected) in [
        ("inspect", 2, "no input given"),
        ("inspect nowhere.csv", 3, "cannot read nowhere.csv"),
        ("inspect *.ods", 3, "no file has a name of this pattern"),
        ("inspect data.csv --model qwen3-4b", 4, "persona models pull qwen3-4b"),
    ] {
        let shown = folder.shown(&folder.output(arguments));
        assert!(shown.starts_with(&format!("exit: {code}\n")), "{arguments}: {shown}");
        assert!(shown.contains(expected) && shown.contains("hint: "), "{arguments}: {shown}");
    }
}

#[test]
fn a_run_over_piped_data_is_resumed_by_piping_it_again() {
    let folder = Folder::new();
    let generate = "generate --input - --hybrid --no-frontier --model scripted:down@3 --seed 7 \
                    --quality-threshold 0";
    let data = std::fs::read_to_string(folder.path().join("data.csv")).unwrap();
    let begun = piped(&folder, generate, &data);
    assert_eq!(begun.status.code(), Some(1), "{}", folder.shown(&begun));
    let run = folder.run();
    let resume = format!("generate --resume {}", run.file_name().unwrap().to_str().unwrap());
    let other = folder.shown(&piped(&folder, &resume, "a,b\n1,2\n"));
    assert!(other.contains("cannot resume: the input changed"), "{other}");
    let nothing = folder.shown(&piped(&folder, &resume, ""));
    assert!(nothing.contains("no usable records in -: nothing was piped in"), "{nothing}");
    let resume = format!("{resume} --model scripted:ok");
    let done = folder.shown(&piped(&folder, &resume, &data));
    assert!(done.contains("input: 6 records from 1 file"), "{done}");
    let compare = "compare --input - --judge-model scripted:ok";
    let compared = folder.shown(&folder.output(compare));
    assert!(
        compared.starts_with("exit: 2\n") && compared.contains("save it to a file"),
        "{compared}"
    );
}
