//! `persona evaluate` and `persona calibrate` as users meet them, with a scripted judge; and the
//! scores of the real model.

use persona::engine::{DeviceChoice, Engine, EngineOptions};
use persona::llm::embedded::EmbeddedModel;
use persona::llm::{Answer, ChatModel, ScorePrompt, ScoreRequest, Want};
use serde_json::Value;

use crate::cli::{DATA, Folder};
use crate::real_model::real_model;

/// Two personas in the form of the original Python project; one quote is made up.
const OTHER_TOOL: &str = r#"{"personas": [
  {"id": "persona-001", "name": "Sarah", "demographics": {"occupation": "Nurse"},
   "goals": ["Trust the schedule"], "pain_points": ["The schedule changes twice a day"],
   "behaviours": ["Writes the real plan on a whiteboard in the kitchen"],
   "quotes": ["I never trust the schedule because it changes twice a day.", "Nobody ever said this."]},
  {"id": "persona-002", "name": "Tom", "role": "Carer", "bio": "Tom is bossy despite his age.",
   "goals": ["Reach the office before nine"], "frustrations": ["The phone is out of battery"],
   "behaviors": ["Calls the office"], "quotes": ["My phone is always out of battery by the last visit."],
   "favourite_colour": "blue"}
]}"#;

fn document(folder: &Folder, arguments: &str) -> Value {
    let output = folder.output(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Folder, arguments: &str) -> (Option<i32>, String) {
    let output = folder.output(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn another_tools_personas_are_held_against_the_data() {
    let folder = Folder::new();
    folder.write("other.json", OTHER_TOOL.as_bytes());
    let found =
        document(&folder, "evaluate other.json --source data.csv --model scripted:ok --json");
    let sarah = &found["personas"][0];
    assert_eq!(sarah["name"], "Sarah");
    assert_eq!(sarah["quotes"]["total"], 2);
    assert_eq!(sarah["quotes"]["verified"], 1);
    assert_eq!(sarah["quotes"]["unverified"][0], "Nobody ever said this.");
    assert_eq!(sarah["counted"]["evidence_coverage"], 0.8, "an unverified quote counts against it");
    assert!(sarah["criteria"]["groundedness"].is_number(), "{sarah}");
    let tom = &found["personas"][1];
    assert_eq!(tom["quotes"]["verified"], 1);
    let phrases: Vec<&str> =
        tom["flags"].as_array().unwrap().iter().map(|f| f["phrase"].as_str().unwrap()).collect();
    assert_eq!(phrases, ["despite his age", "bossy"]);
    assert_eq!(tom["unread"][0], "favourite_colour");
    assert!(found["set"]["min_distance"].as_f64().unwrap() > 0.5);
}

#[test]
fn without_the_data_groundedness_is_not_scored_and_that_is_said() {
    let folder = Folder::new();
    folder.write("other.json", OTHER_TOOL.as_bytes());
    let found = document(&folder, "evaluate other.json --model scripted:ok --json");
    let sarah = &found["personas"][0];
    assert!(sarah["criteria"].get("groundedness").is_none(), "{sarah}");
    assert_eq!(sarah["quotes"]["verified"], Value::Null);
    assert!(sarah["counted"].get("evidence_coverage").is_none());
    let notes = found["notes"].to_string();
    assert!(notes.contains("groundedness is not scored"), "{notes}");
}

#[test]
fn the_table_shows_scores_quotes_and_flags() {
    let folder = Folder::new();
    folder.write("other.json", OTHER_TOOL.as_bytes());
    let output = folder.output("evaluate other.json --source data.csv --model scripted:ok");
    let text = String::from_utf8_lossy(&output.stdout);
    for expected in [
        "judge score",
        "coherence",
        "completeness",
        "quotes verified",
        "1 of 2",
        "Tom, summary: 'despite his age' may come from a stereotype (age)",
        "Sarah: not in the data word for word: “Nobody ever said this.”",
        "distance between personas",
    ] {
        assert!(text.contains(expected), "no '{expected}' in\n{text}");
    }
}

#[test]
fn only_the_criteria_that_were_named_are_asked_for() {
    let folder = Folder::new();
    folder.write("other.json", OTHER_TOOL.as_bytes());
    let found = document(
        &folder,
        "evaluate other.json --criteria coherence,completeness --model scripted:ok --json",
    );
    let sarah = &found["personas"][0];
    let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&sarah["criteria"]), ["coherence"]);
    assert_eq!(keys(&sarah["counted"]), ["completeness"]);
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_its_reason() {
    let folder = Folder::new();
    folder.write("other.json", OTHER_TOOL.as_bytes());
    folder.write("text.json", b"# no JSON");
    folder.write("prices.json", b"[{\"price\": 3}]");
    let cases = [
        ("evaluate nowhere.json", 3, "cannot read personas from nowhere.json"),
        ("evaluate text.json", 3, "it is not JSON"),
        ("evaluate prices.json", 3, "there is no persona in it"),
        ("evaluate .", 3, "it is a folder"),
        ("evaluate other.json --criteria coherance", 2, "did you mean 'coherence'?"),
        ("evaluate other.json --criteria xyz", 2, "one or more of coherence, "),
        ("evaluate other.json --criteria ,", 2, "--criteria names none"),
        ("calibrate --personas other.json", 2, "--input"),
        ("calibrate --input data.csv", 2, "no finished run of this data"),
        ("calibrate --input data.csv --personas nowhere", 2, "there is no run 'nowhere'"),
    ];
    for (arguments, code, expected) in cases {
        let (exit, stderr) = refused(&folder, &format!("{arguments} --model scripted:ok"));
        assert_eq!(exit, Some(code), "{arguments}: {stderr}");
        assert!(stderr.contains(expected), "{arguments}: no '{expected}' in\n{stderr}");
    }
}

#[test]
fn a_judge_is_measured_on_all_controls_by_corruption() {
    let folder = Folder::new();
    let found = document(&folder, "calibrate --model scripted:ok --style free --json");
    let judge = &found["judge"];
    assert_eq!(judge["controls"], serde_json::json!([32, 192]));
    for corruption in [
        "all",
        "contradiction",
        "generic_filler",
        "swapped_quotes",
        "mixture",
        "others_records",
        "loops",
    ] {
        let auc = judge["held_out"][corruption].as_f64().unwrap();
        assert!((0.85..=1.0).contains(&auc), "{corruption} {auc}");
    }
    // The script gives all personas the same labels, and finds words likelier that it has met.
    let signals = &judge["signals"];
    assert_eq!(signals["coherence"]["auc"], 0.5);
    assert_eq!(signals["coherence"]["weight"], 0.0);
    assert_eq!(signals["record_gain"]["by_corruption"]["generic_filler"], 1.0);
    assert_eq!(signals["record_gain"]["by_corruption"]["swapped_quotes"], 0.5);
    assert_eq!(judge["pairwise"]["pairs"], 32);
}

#[test]
fn a_threshold_from_own_data_is_what_auto_means() {
    let folder = Folder::new();
    let model = "--model scripted:hashed";
    let run = format!("generate --input data.csv --hybrid --no-frontier --seed 1 {model} --json");
    document(&folder, &run);
    let found = document(&folder, &format!("calibrate --input data.csv {model} --pass 100 --json"));
    let calibration = &found["calibration"];
    assert!(calibration["good"].as_u64().unwrap() >= 2);
    assert!(calibration["corruptions"]["contradiction"]["auc"].is_number());
    let threshold = calibration["threshold"]["threshold"].as_f64().unwrap();
    let scores = calibration["scores"].as_array().unwrap();
    assert!((threshold - scores[0].as_f64().unwrap()).abs() < 1e-9);
    // The scores equal those of the run: the same judge on the same scale.
    let auto = document(&folder, &format!("{run} --quality-threshold auto"));
    let used = auto["report"]["funnel"]["threshold"].as_f64().unwrap();
    assert!((used - threshold).abs() < 1e-9, "{used} {threshold}");
    assert!(auto["report"]["notes"].to_string().contains("persona calibrate"));

    // For other data, no own threshold is found.
    folder.write("data.csv", DATA.replace("whiteboard", "blackboard").as_bytes());
    let other = document(&folder, &format!("{run} --quality-threshold auto"));
    assert!(!other["report"]["notes"].to_string().contains("persona calibrate"));
}

#[test]
fn detail_and_complexity_change_what_is_written() {
    let folder = Folder::new();
    let personas = |flags: &str| {
        let run =
            "generate --input data.csv --no-frontier --seed 1 --style free --model scripted:large";
        document(&folder, &format!("{run} {flags} --json"))["personas"].clone()
    };
    let counts = |personas: &Value| -> Vec<usize> {
        let all = personas.as_array().unwrap();
        all.iter().map(|p| p["goals"].as_array().unwrap().len()).collect()
    };
    let longest = |personas: &Value| -> usize {
        let all = personas.as_array().unwrap().iter();
        let goals = all.flat_map(|p| p["goals"].as_array().unwrap());
        goals.map(|g| g["text"].as_str().unwrap().chars().count()).max().unwrap()
    };
    let (minimal, detailed) = (personas("--detail minimal"), personas("--detail detailed"));
    assert!(counts(&minimal).iter().all(|n| (1..=2).contains(n)), "{minimal}");
    assert!(counts(&detailed).iter().all(|n| (3..=5).contains(n)), "{detailed}");
    assert!(longest(&personas("--complexity simple")) <= 90);
    let (code, stderr) =
        refused(&folder, "generate --input data.csv --detail much --model scripted:ok");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("expected minimal, standard or detailed"), "{stderr}");
}

/// The log-probabilities of a stage of texts, and the number of tokens read for them.
fn scores(model: &EmbeddedModel, texts: &[(&str, &str)]) -> (Vec<Vec<f32>>, usize) {
    let request = |&(before, after): &(&str, &str)| ScoreRequest {
        prompt: ScorePrompt::Raw(before.to_owned()),
        want: Want::Continuation(after.to_owned()),
    };
    let mut answers = model.score(texts.iter().map(request).collect());
    let mut found = vec![Vec::new(); texts.len()];
    let mut read = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        while let Some(answer) = answers.next().await {
            match answer {
                Answer::Progress { prefilled, .. } => read += prefilled,
                Answer::Done(at, score) => found[at] = score.unwrap(),
            }
        }
    });
    (found, read)
}

#[test]
fn a_beginning_that_scored_texts_share_is_read_once_and_changes_no_bit() {
    let options = EngineOptions { device: DeviceChoice::Cpu, ..EngineOptions::default() };
    let engine = || Engine::load(&real_model(), &options).expect("the model loads");
    let before = "The carer drives from home to home all day. ".repeat(12);
    let texts = [
        (before.as_str(), "She is late."),
        (before.as_str(), "The lift is out of order again."),
        (before.as_str(), "He likes bread."),
        ("It rains, and ", "she is late."),
    ];
    let model = EmbeddedModel::new(engine(), "smollm2-135m");
    let beginning = model.count_tokens(&before);
    let (together, read) = scores(&model, &texts);
    // Each text alone, with an engine that has read nothing before.
    let (mut apart, mut one_by_one) = (Vec::new(), 0);
    for text in &texts {
        let (score, read) = scores(&EmbeddedModel::new(engine(), "smollm2-135m"), &[*text]);
        apart.extend(score);
        one_by_one += read;
    }
    assert!(together.iter().all(|score| !score.is_empty()));
    let bits = |scores: &[Vec<f32>]| -> Vec<Vec<u32>> {
        scores.iter().map(|score| score.iter().map(|x| x.to_bits()).collect()).collect()
    };
    assert_eq!(bits(&together), bits(&apart));
    let saved = one_by_one - read;
    assert!(saved >= 2 * (beginning - 1), "{saved} tokens saved, of a beginning of {beginning}");
}
