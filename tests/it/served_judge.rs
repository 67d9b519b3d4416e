//! `persona evaluate` and `persona calibrate` with a judge on a server, as users meet them: whole
//! commands against a server on this machine, which may or may not behave.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backends::{Manners, at_openai, chats, ends, openai};
use crate::cli::Folder;
use crate::loopback::{Reply, Server};

const CHATS: &str = "/v1/chat/completions";

/// A folder with the data and two personas of another tool.
fn folder() -> Folder {
    let folder = Folder::new();
    let personas = json!([
        { "name": "Sarah", "role": "Nurse", "goals": ["Trust the schedule"],
          "pain_points": ["The schedule changes twice a day"],
          "quotes": ["I never trust the schedule because it changes twice a day."] },
        { "name": "Tom", "role": "Carer", "goals": ["Reach the office before nine"],
          "frustrations": ["The phone is out of battery"],
          "quotes": ["My phone is always out of battery by the last visit."] },
    ]);
    folder.write("other.json", personas.to_string().as_bytes());
    folder
}

const EVALUATE: &str = "evaluate other.json --source data.csv --no-frontier";

#[test]
fn personas_are_scored_by_a_server() {
    let (folder, server) = (folder(), openai(Manners::default()));
    let found = ends(&folder, &format!("{EVALUATE} {}", at_openai(&server)), 0);
    let sarah = &found["personas"][0];
    for criterion in ["coherence", "realism", "usefulness", "groundedness"] {
        assert!(sarah["criteria"][criterion].is_number(), "{criterion}: {sarah}");
    }
    assert_eq!(sarah["quotes"]["verified"], 1);
    assert_eq!(found["judge"]["model"], "big-model");
    assert!(found["judge"]["signals"]["realism"]["auc"].is_number());
    let notes = found["notes"].to_string();
    assert!(notes.contains("record_gain") && !notes.contains("one digit"), "{notes}");
    let asked = chats(&server, CHATS);
    let there = &found["left_this_machine"][0];
    assert_eq!(there["on_this_machine"], true);
    assert_eq!(there["requests"], asked.len());
    assert!(there["records"].as_u64() > Some(0), "the questions on evidence quote it: {there}");
    assert!(!folder.path().join("personas").exists(), "an evaluation makes no run");

    // The measurement of the judge is kept, so that the second time only the personas are asked
    // about.
    ends(&folder, &format!("{EVALUATE} {}", at_openai(&server)), 0);
    let again = chats(&server, CHATS).len() - asked.len();
    assert!(again * 3 < asked.len(), "{} and then {again}", asked.len());
}

#[test]
fn the_setting_in_a_file_names_the_judge_too() {
    let (folder, server) = (folder(), openai(Manners::default()));
    let settings =
        format!("backend = 'openai'\nbackend_url = 'http://127.0.0.1:{}/v1'", server.port);
    folder.write("persona.toml", settings.as_bytes());
    let found = ends(&folder, "evaluate other.json", 0);
    assert_eq!(found["judge"]["model"], "big-model");
    assert!(!chats(&server, CHATS).is_empty());
}

#[test]
fn that_a_server_gives_no_probabilities_is_said_every_time() {
    let (folder, server) = (folder(), openai(Manners { no_logprobs: true, ..Manners::default() }));
    let command = format!("{EVALUATE} {} --parallel 1", at_openai(&server));
    for time in ["measured", "kept"] {
        let found = ends(&folder, &command, 0);
        let notes = found["notes"].to_string();
        assert!(notes.contains("one digit, and scores are coarse"), "{time}: {notes}");
        assert!(found["personas"][0]["criteria"]["realism"].is_number(), "{time}: {found}");
    }
}

#[test]
fn a_server_that_writes_no_digit_is_told_and_not_remembered() {
    let manners = Manners { no_logprobs: true, ignores_schema: true, ..Manners::default() };
    let (folder, server) = (folder(), openai(manners));
    let command = format!("{EVALUATE} {}", at_openai(&server));
    let found = ends(&folder, &command, 0);
    let notes = found["notes"].to_string();
    assert!(notes.contains("nothing that big-model says can be read as a score"), "{notes}");
    assert!(found["personas"][0]["criteria"]["verbatim_quotes"].is_number(), "{found}");
    let first = chats(&server, CHATS).len();
    ends(&folder, &command, 0);
    assert_eq!(chats(&server, CHATS).len(), 2 * first, "it may be mended: it is measured again");
}

#[test]
fn a_server_that_fails_ends_the_command_with_its_cause() {
    for status in [400, 500] {
        let (folder, server) =
            (folder(), openai(Manners { status: Some(status), ..Manners::default() }));
        let failed = ends(&folder, &format!("{EVALUATE} {}", at_openai(&server)), 1);
        let message = failed["error"].to_string();
        assert!(message.contains(&status.to_string()), "{message}");
        assert!(!message.contains("--resume"), "there is no run to resume: {message}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_sent() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = openai(Manners::default());
    let here = at_openai(&server);
    let elsewhere = "--backend openai --backend-url https://llm.example/v1 --model m";
    for (arguments, code, words) in [
        (
            format!("--backend openai --backend-url http://127.0.0.1:{gone}/v1"),
            4,
            "start the server",
        ),
        (format!("{here} --model other"), 4, "it has big-model"),
        ("--backend openai".to_owned(), 2, "--backend-url"),
        (elsewhere.to_owned(), 2, "keeps no ledger"),
        (format!("{elsewhere} --price 3/15"), 2, "--max-cost"),
        (format!("{here} --price 3/15"), 2, "keeps no ledger"),
        (format!("{elsewhere} --no-frontier"), 8, "--trusted-hosts"),
        (format!("{here} --offline"), 2, "--offline"),
        (format!("{here} --threads 2"), 2, "--threads"),
        ("--backend-url http://127.0.0.1:1".to_owned(), 2, "--backend"),
        ("--parallel 2".to_owned(), 2, "--parallel"),
    ] {
        for command in ["evaluate other.json", "calibrate"] {
            let folder = folder();
            let output = folder.output(&format!("{command} {arguments}"));
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{command} {arguments}\n{text}");
            assert!(text.contains(words) && text.contains("hint: "), "{arguments}\n{text}");
        }
    }
    assert!(chats(&server, CHATS).is_empty());
}

#[test]
fn an_interrupted_evaluation_says_that_nothing_was_written() {
    let folder = folder();
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(&json!({ "data": [{ "id": "slow" }] })),
        _ => Reply { delay: Duration::from_millis(300), ..Reply::json(&json!({})) },
    });
    let mut command = folder.command(&format!("{EVALUATE} {}", at_openai(&server)));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while chats(&server, CHATS).is_empty() {
        assert!(began.elapsed() < Duration::from_mins(2), "it asked nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("nothing was written"), "{text}");
}

#[test]
fn a_threshold_from_a_served_judge_is_what_auto_means_there() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let at = at_openai(&server);
    let run = format!("generate --input data.csv --hybrid --no-frontier --seed 7 {at}");
    ends(&folder, &format!("{run} --quality-threshold 0"), 0);
    let found = ends(&folder, &format!("calibrate --input data.csv {at}"), 0);
    assert!(found["threshold_file"].is_string(), "{found}");
    assert!(found["calibration"]["corruptions"]["contradiction"]["auc"].is_number());
    assert_eq!(found["left_this_machine"][0]["on_this_machine"], true);
    let auto = ends(&folder, &format!("{run} --quality-threshold auto"), 0);
    let notes = auto["report"]["notes"].to_string();
    assert!(notes.contains("persona calibrate"), "{notes}");
}

#[test]
fn a_served_judge_is_measured_in_full() {
    let (folder, server) = (folder(), openai(Manners::default()));
    let found =
        ends(&folder, &format!("calibrate --style free --parallel 16 {}", at_openai(&server)), 0);
    let judge = &found["judge"];
    assert_eq!(judge["controls"], json!([32, 192]));
    assert!(judge["signals"]["five_shot"]["auc"].is_number() && judge["pairwise"].is_object());
    assert_eq!(judge["signals"]["record_gain"], Value::Null);
    assert!(found["notes"].to_string().contains("record_gain"));
}

#[test]
fn a_run_names_the_command_that_asks_its_server_again() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let at = at_openai(&server);
    let output = folder.output(&format!(
        "generate data.csv --hybrid --no-frontier --seed 7 --quality-threshold 0 {at}"
    ));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let next = text.lines().find_map(|line| line.trim().strip_prefix("persona evaluate"));
    let next = next.unwrap_or_else(|| panic!("it is not named\n{text}"));
    assert!(next.ends_with(&format!("{at} --model big-model")), "{next}");
    ends(&folder, &format!("evaluate{next}"), 0);
}

#[test]
fn doctor_looks_at_the_server_in_place_of_a_model_file() {
    let (folder, server) = (Folder::new(), openai(Manners::default()));
    let settings = |port: u16| {
        let url = format!("http://127.0.0.1:{port}/v1");
        folder.write(
            "persona.toml",
            format!("backend = 'openai'\nbackend_url = '{url}'\nmodel = 'big-model'").as_bytes(),
        );
    };
    let check = |found: &Value, name: &str| {
        let checks = found["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).cloned()
    };
    settings(server.port);
    let found = ends(&folder, "doctor", 0);
    let there = check(&found, "server").expect("it is asked");
    assert_eq!(there["status"], "ok");
    let detail = there["detail"].as_str().unwrap();
    assert!(detail.contains("big-model with 32768 tokens drafts"), "{detail}");
    assert!(check(&found, "model").is_none(), "the model is on the server: {found}");
    assert!(chats(&server, CHATS).is_empty());

    settings(1);
    let found = ends(&folder, "doctor", 1);
    let there = check(&found, "server").expect("it is asked");
    assert_eq!(there["status"], "problem");
    assert!(there["fix"].as_str().unwrap().contains("start the server"), "{there}");
}
