//! `--digest`: the local model reads all records before the first draft.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::cli::Folder;

const GENERATE: &str = "generate --input many.csv --hybrid --no-frontier --seed 7 --count 2 \
                        --quality-threshold 0 --max-rounds 0 --digest --model";

/// A folder with far more answers than the drafts of two personas can be shown.
fn folder() -> Folder {
    let mut rows = "participant,answer\n".to_owned();
    for (person, day) in (0..40).flat_map(|person| (0..5).map(move |day| (person, day))) {
        let about = ["the lift", "the rota", "the phone", "the stairs"][(person + day) % 4];
        writeln!(
            rows,
            "p{person:02},On day {day} of week {person} I wait for {about} with {person} others. \
             It is number {day} on my list of {person} worries about {about}."
        )
        .unwrap();
    }
    let folder = Folder::new();
    folder.write("many.csv", rows.as_bytes());
    folder
}

#[test]
fn all_records_are_read_and_the_report_says_so() {
    let folder = folder();
    let said = folder.json(&format!("{GENERATE} scripted:ok --json"));
    let digest = &said["report"]["plan"]["digest"];
    // A segment whose drafts see all of its records is not read first.
    let slots = said["report"]["plan"]["slots"].as_array().unwrap();
    let whole = slots.iter().filter(|slot| slot["unused"] == 0);
    let seen: u64 = whole.map(|slot| slot["segment"]["records"].as_u64().unwrap()).sum();
    let read = digest["records"].as_u64().unwrap();
    assert!(read > 100 && read + seen == 200 && digest["failed"] == 0, "{digest} {slots:?}");
    let stretches = digest["stretches"].as_u64().unwrap();
    assert!(stretches > 2, "{digest}");
    let stage = &said["report"]["stages"]["digest"];
    assert_eq!(stage["calls"], stretches);
    assert!(stage["tokens"]["prompt"].as_u64().unwrap() > 1_000, "{stage}");
    assert_eq!(said["personas"].as_array().unwrap().len(), 2);
    let page = fs::read_to_string(folder.run().join("report.html")).unwrap();
    assert!(page.contains("digest"), "the page has the stage");
}

#[test]
fn a_digest_that_was_cut_short_is_gone_on_with() {
    let folder = folder();
    let died = folder.output(&format!("{GENERATE} scripted:down@3"));
    let shown = folder.shown(&died);
    assert_eq!(died.status.code(), Some(1), "{shown}");
    assert!(shown.contains("--resume"), "{shown}");
    // The log names the model that dies; each fresh process of it lives for two more answers.
    let run = folder.run();
    let name = run.file_name().unwrap().to_str().unwrap().to_owned();
    let digested =
        || fs::read_to_string(run.join("log.jsonl")).unwrap().matches("digested").count();
    assert_eq!(digested(), 2);
    assert_eq!(folder.output(&format!("generate --resume {name}")).status.code(), Some(1));
    assert_eq!(digested(), 4, "what was read is not read again");
    let refused = folder.output(&format!("generate --resume {name} --digest"));
    assert_eq!(refused.status.code(), Some(2), "whether it reads first is the run's");
}

#[test]
fn shards_read_their_own_segments_and_are_made_one() {
    let folder = folder();
    let whole = folder.json(&format!("{GENERATE} scripted:ok --json --output whole"));
    let mut shards = Vec::new();
    let mut records = 0;
    for shard in 1..=2 {
        let flags = format!("scripted:ok --json --output part{shard} --shard {shard}/2");
        let said = folder.json(&format!("{GENERATE} {flags}"));
        records += said["report"]["plan"]["digest"]["records"].as_u64().unwrap_or(0);
        let mut runs = fs::read_dir(folder.path().join(format!("part{shard}"))).unwrap();
        shards.push(runs.next().unwrap().unwrap().path().display().to_string());
    }
    assert_eq!(whole["report"]["plan"]["digest"]["records"], records);
    let merged = folder.json(&format!("merge {} --output merged --json", shards.join(" ")));
    let digest = |of: &Value| of["report"]["plan"]["digest"].clone();
    assert_eq!(digest(&merged), digest(&whole));
}

#[test]
fn without_a_local_model_there_is_nobody_to_read() {
    let folder = folder();
    let flags = GENERATE.replace(" --hybrid --no-frontier", "").replace(" --model", "");
    let flags = flags.replace(" --quality-threshold 0 --max-rounds 0", "");
    let output = folder.output(&format!("{flags} --provider anthropic"));
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("error: --digest has the local model read everything"), "{shown}");
}
