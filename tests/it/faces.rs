//! What a new user meets: `persona` alone, `init`, `demo`, `config`, `report`, help.

use std::fs;

use insta::assert_snapshot;

use crate::cli::{DATA, Folder};

const GENERATE: &str = "generate --input data.csv --hybrid --no-frontier --model scripted:ok --seed 7 \
                        --quality-threshold 0";

#[test]
fn persona_alone_says_what_to_do_first() {
    let folder = Folder::new();
    let output = folder.output("");
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    for said in ["Do first:", "persona inspect data.csv", "persona demo", "--help"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let document = folder.json("--json");
    assert_eq!(document["data"][0], "data.csv");
    assert!(folder.output(GENERATE).status.success());
    let shown = folder.shown(&folder.output(""));
    assert!(shown.contains("persona report personas/[RUN]"), "{shown}");
}

#[test]
fn init_writes_a_file_once_and_every_setting_in_it_is_shown() {
    let folder = Folder::new();
    assert!(folder.output("init").status.success());
    let first = fs::read(folder.path().join("persona.toml")).unwrap();
    let again = folder.output("init");
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(fs::read(folder.path().join("persona.toml")).unwrap(), first);
    folder.write("persona.toml", b"count = 5\n[hybrid]\nuse_frontier = false\n");
    let all = folder.json("config show --json");
    let of = |key: &str| all.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap();
    assert_eq!(of("count")["value"], "5");
    assert!(of("count")["origin"].as_str().unwrap().ends_with("persona.toml"));
    assert_eq!(of("hybrid.use_frontier")["value"], "false");
    assert_eq!(of("style")["origin"], "default");
    let variable =
        folder.command("config show --origin").env("PERSONA_COUNT", "6").output().unwrap();
    assert!(folder.shown(&variable).contains("PERSONA_COUNT"), "{}", folder.shown(&variable));
    assert!(folder.output("init --force").status.success());
}

#[test]
fn the_demo_runs_the_whole_way() {
    let folder = Folder::new();
    let output = folder.output("demo --model scripted:ok --output demo --json");
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["personas"].as_array().unwrap().len(), 3);
    assert_eq!(document["report"]["seed"], 7);
}

#[test]
fn a_report_is_written_again_and_in_other_formats() {
    let folder = Folder::new();
    assert!(folder.output(GENERATE).status.success());
    let page = folder.run().join("report.html");
    let first = fs::read_to_string(&page).unwrap();
    fs::remove_file(&page).unwrap();
    let json = fs::read(folder.run().join("report.json")).unwrap();
    assert!(folder.output("report --format csv,tinytroupe").status.success());
    assert_eq!(fs::read_to_string(&page).unwrap(), first, "the same page");
    assert_eq!(fs::read(folder.run().join("report.json")).unwrap(), json, "left as it was");
    assert!(folder.run().join("personas.csv").is_file());
    assert!(folder.run().join("tinytroupe-3.agent.json").is_file());
    assert_eq!(folder.output("report --format pdf").status.code(), Some(2));
    assert_eq!(folder.output("report nowhere").status.code(), Some(2));
}

#[test]
fn a_run_that_died_has_a_report_with_its_data_and_without() {
    let folder = Folder::new();
    let died = folder.output(&GENERATE.replace("scripted:ok", "scripted:down@3"));
    assert_eq!(died.status.code(), Some(1));
    let page = folder.run().join("report.html");
    assert!(!page.exists());
    let log = fs::read(folder.run().join("log.jsonl")).unwrap();
    let output = folder.output("report");
    assert!(output.status.success(), "{}", folder.shown(&output));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("This run did not finish.") && html.contains("data.csv"));
    assert!(!folder.run().join("personas.json").exists(), "none were chosen");
    assert_eq!(fs::read(folder.run().join("log.jsonl")).unwrap(), log, "the log is read only");
    folder.write("data.csv", DATA.replace("nurse", "doctor").as_bytes());
    let changed = folder.output("report");
    let shown = folder.shown(&changed);
    assert!(changed.status.success() && shown.contains("the input changed"), "{shown}");
}

#[test]
fn removed_values_are_on_no_page() {
    let folder = Folder::new();
    folder.write("people.csv", b"name,answer\nWilhelmina Featherstone,I never trust the schedule because it changes twice a day.\nBartholomew Quillfeather,My phone is always out of battery by the last visit.\n");
    let output = folder.output("generate people.csv --hybrid --no-frontier --model scripted:ok --seed 7 --anonymise --format markdown,csv,tinytroupe");
    assert!(output.status.success(), "{}", folder.shown(&output));
    for entry in fs::read_dir(folder.run()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("Featherstone") && !text.contains("Quillfeather"), "{path:?}");
    }
}

#[test]
fn a_slip_has_a_suggestion() {
    let folder = Folder::new();
    assert!(folder.shown(&folder.output("genrate")).contains("'generate'"));
    let slip = folder.json("generate x --conut 3 --json");
    assert_snapshot!(slip["error"]["hints"][0], @r#""a similar argument exists: '--count'""#);
    assert!(folder.shown(&folder.output("completions bash")).contains("_persona()"));
    assert!(folder.shown(&folder.output("man")).contains(".TH persona"));
}

#[test]
fn verbose_says_on_stderr_what_happens_and_nothing_secret() {
    let folder = Folder::new();
    let quiet = folder.output(GENERATE);
    assert!(!String::from_utf8_lossy(&quiet.stderr).contains("INFO"));
    let mut command = folder.command(&format!("{GENERATE} -vv"));
    let output = command.env("ANTHROPIC_API_KEY", "sk-very-secret").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("INFO") && stderr.contains("DEBUG") && stderr.contains("draft"),
        "{stderr}"
    );
    assert!(!stderr.contains("sk-very-secret"));
}
