//! A run that is shared out over processes and then merged into one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::Folder;

const GENERATE: &str = "generate --input data.csv --hybrid --no-frontier --model scripted:ok \
                        --count 3 --seed 7 --quality-threshold 0 --max-rounds 0";

fn only_run(runs: &Path) -> PathBuf {
    let mut found = fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path());
    let run = found.next().expect("a run");
    assert!(found.next().is_none());
    run
}

fn personas(run: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(run.join("personas.json")).unwrap()).unwrap()
}

/// What was drafted for each slot, whatever its place in the file.
fn by_slot(personas: &[Value]) -> BTreeMap<u64, (Value, Value, Value)> {
    let of = |p: &Value| (p["name"].clone(), p["quotes"].clone(), p["goals"].clone());
    personas.iter().map(|p| (p["provenance"]["slot"].as_u64().unwrap(), of(p))).collect()
}

#[test]
fn shards_write_what_one_process_writes_and_are_made_one_run() {
    let folder = Folder::new();
    assert!(folder.output(&format!("{GENERATE} --output whole")).status.success());
    let whole = only_run(&folder.path().join("whole"));
    let mut shards = Vec::new();
    for shard in 1..=2 {
        let command = format!("{GENERATE} --output shard{shard} --shard {shard}/2");
        let output = folder.output(&command);
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(0), "{shown}");
        assert!(shown.contains(&format!("shard {shard}/2: ")), "{shown}");
        assert!(!shown.contains("asked for could be written"), "{shown}");
        let run = only_run(&folder.path().join(format!("shard{shard}")));
        assert_eq!(personas(&run).len(), [2, 1][shard - 1]);
        shards.push(run.strip_prefix(folder.path()).unwrap().display().to_string());
    }
    let output = folder.output(&format!("merge {} {} --output merged", shards[1], shards[0]));
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let merged = only_run(&folder.path().join("merged"));
    assert_eq!(by_slot(&personas(&merged)), by_slot(&personas(&whole)));
    let ids: Vec<_> = personas(&merged).iter().map(|p| p["id"].clone()).collect();
    assert_eq!(ids, ["p1", "p2", "p3"]);
    let same = |name: &str| {
        assert_eq!(
            fs::read(merged.join(name)).unwrap(),
            fs::read(whole.join(name)).unwrap(),
            "{name}"
        );
    };
    same("records.jsonl");
    let report: Value =
        serde_json::from_slice(&fs::read(merged.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["plan"]["slots"].as_array().map(Vec::len), Some(3), "{report:#}");
    assert!(merged.join("report.html").is_file() && merged.join("persona-3.md").is_file());
    assert!(
        folder.output(&format!("report {} --output merged", merged.display())).status.success()
    );
}

#[test]
fn what_is_no_whole_set_of_shards_is_refused_by_name() {
    let folder = Folder::new();
    let make = |name: &str, flags: &str| {
        let output = folder.output(&format!("{GENERATE} --output {name} {flags}"));
        assert!(output.status.success(), "{}", folder.shown(&output));
        let run = only_run(&folder.path().join(name));
        run.strip_prefix(folder.path()).unwrap().display().to_string()
    };
    let (first, second) = (make("a", "--shard 1/2"), make("b", "--shard 2/2"));
    let (whole, other) = (make("c", ""), make("d", "--shard 2/2 --draft-multiplier 3"));
    let cases = [
        (first.clone(), "missing: shard 2/2"),
        (format!("{first} {first} {second}"), "both shard 1/2"),
        (format!("{first} {whole}"), "is not a shard but a whole run"),
        (format!("{first} {other}"), "differ in 'multiplier'"),
        ("nowhere".to_owned(), "there is no run 'nowhere'"),
    ];
    for (runs, said) in cases {
        let output = folder.output(&format!("merge {runs} --output merged"));
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!folder.path().join("merged").exists(), "nothing is left of a merge that was refused");
    for (flags, said) in [("--shard 3/2", "as in 2/8"), ("--shard 9/9", "has nothing to do")] {
        let output = folder.output(&format!("{GENERATE} --output e {flags}"));
        let shown = folder.shown(&output);
        assert_ne!(output.status.code(), Some(0), "{shown}");
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let output = folder.output(&format!("{} --shard 1/2", GENERATE.replace("--seed 7", "")));
    assert!(folder.shown(&output).contains("--shard needs --seed"), "{}", folder.shown(&output));
}

#[test]
fn a_merged_report_says_what_was_removed_and_that_the_network_was_closed() {
    let folder = Folder::new();
    let rows = (0..12)
        .map(|row| format!("P{row},Route {row} is late and I write to jo{row}@example.org again"));
    let lines: Vec<String> = ["participant,answer".to_owned()].into_iter().chain(rows).collect();
    folder.write("data.csv", lines.join("\n").as_bytes());
    let mut shards = Vec::new();
    for shard in 1..=2 {
        let flags = format!("--output shard{shard} --shard {shard}/2 --anonymise --offline");
        let output = folder.output(&format!("{GENERATE} {flags}"));
        assert!(output.status.success(), "{}", folder.shown(&output));
        shards.push(only_run(&folder.path().join(format!("shard{shard}"))));
    }
    let report = |run: &Path| -> Value {
        serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap()
    };
    let dirs: Vec<String> = shards.iter().map(|run| run.display().to_string()).collect();
    let output = folder.output(&format!("merge {} --output merged", dirs.join(" ")));
    assert!(output.status.success(), "{}", folder.shown(&output));
    let merged = &report(&only_run(&folder.path().join("merged")))["privacy"];
    assert_eq!(merged["removed"]["EMAIL_ADDRESS"], 12);
    for part in ["clearance", "removed", "air_gap"] {
        assert_eq!(merged[part], report(&shards[0])["privacy"][part], "{part}");
    }
}
