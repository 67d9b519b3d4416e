//! Personal data as users meet it: planted in research files of every kind, and searched for in
//! everything that a run writes or sends. Also the network that `--offline` takes away.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::Folder;
#[cfg(feature = "net")]
use crate::loopback::{Reply, Server};
use crate::real_model::real_model;

const LOCAL: &str = "--hybrid --no-frontier --model scripted:ok --seed 7 --quality-threshold 0";

/// A participant of a study.
struct Person {
    given: &'static str,
    surname: &'static str,
    phone: String,
}

impl Person {
    fn name(&self) -> String {
        format!("{} {}", self.given, self.surname)
    }

    fn email(&self) -> String {
        format!("{}.{}@mail.example", self.given, self.surname).to_lowercase().replace(' ', "")
    }

    /// Every value of the person that must not occur again.
    fn values(&self) -> [String; 4] {
        [self.given.to_owned(), self.surname.to_owned(), self.email(), self.phone.clone()]
    }
}

const GIVEN: [&str; 20] = [
    "Katarzyna",
    "Oluwaseun",
    "Siobhan",
    "Giovanni",
    "Priyanka",
    "Hiroshi",
    "Fatima",
    "Ingrid",
    "Mateusz",
    "Chloe",
    "Rose",
    "Mark",
    "Yevgenia",
    "Duarte",
    "Annelies",
    "Thabo",
    "Leilani",
    "Ragnhild",
    "Xiaoming",
    "Beatrix",
];
const SURNAMES: [&str; 20] = [
    "Okonkwo",
    "Lindqvist",
    "Haraldsdottir",
    "Fernandes",
    "Brzezicki",
    "Yamashita",
    "Abernathy",
    "Delacroix",
    "Papadakis",
    "Van Houten",
    "Kovalenko",
    "Mbeki",
    "Castellano",
    "Thorvaldsen",
    "Nakagawa",
    "Rasmussen",
    "Villanueva",
    "Schoenberg",
    "Achterberg",
    "Moreau",
];

fn person(i: usize) -> Person {
    Person {
        given: GIVEN[i % 20],
        surname: SURNAMES[i * 7 % 20],
        phone: format!("+44 20 7946 {:04}", 100 + i * 37 % 900),
    }
}

/// A research file with three people in it; `i` chooses its kind.
fn research(i: usize) -> (String, Vec<Person>, String) {
    let people: Vec<Person> = (0..3).map(|k| person(i * 3 + k)).collect();
    let [a, b, c] = [&people[0], &people[1], &people[2]];
    match i % 5 {
        0 => {
            let mut text = "participant_name,email,phone,answer\n".to_owned();
            for (p, other) in [(a, b), (b, c), (c, a)] {
                writeln!(
                    text,
                    "{},{},{},\"I asked {} to help, and {} said the list was wrong. Write to {}.\"",
                    p.name(),
                    p.email(),
                    p.phone,
                    other.given,
                    other.name(),
                    p.email()
                )
                .unwrap();
            }
            ("study.csv".to_owned(), people, text)
        }
        1 => {
            let mut text = String::new();
            for (p, other) in [(a, b), (b, c), (c, a), (a, c)] {
                write!(
                    text,
                    "{}: We had a long morning and I rang Mr {} on {}. {} never answers.\n\n",
                    p.name(),
                    other.surname,
                    other.phone,
                    other.given
                )
                .unwrap();
            }
            ("talk.txt".to_owned(), people, text)
        }
        2 => {
            let rows: Vec<Value> = [(a, b), (b, c), (c, a)]
                .iter()
                .map(|(p, other)| {
                    json!({
                        "respondent": { "name": p.name(), "contact": { "email": p.email(), "phone": p.phone } },
                        "answer": format!("My colleague {} and I share one laptop. Dr {} signs for it.", other.name(), other.surname),
                    })
                })
                .collect();
            ("survey.json".to_owned(), people, serde_json::to_string_pretty(&rows).unwrap())
        }
        3 => {
            let mut text = format!("# Notes on {}\n\n", a.name());
            for p in [a, b, c] {
                writeln!(
                    text,
                    "- {} ({}) prints the plan every day; you can reach {} at {}",
                    p.name(),
                    p.email(),
                    p.given,
                    p.phone
                )
                .unwrap();
            }
            ("notes.md".to_owned(), people, text)
        }
        _ => {
            let lines: Vec<String> = [(a, b), (b, c), (c, a)]
                .iter()
                .map(|(p, other)| {
                    json!({ "first_name": p.given, "last_name": p.surname, "mail": p.email(), "tel": p.phone,
                        "said": format!("{} trusts the board and nobody else. Ask {}.", other.given, other.email()) })
                    .to_string()
                })
                .collect();
            ("rows.jsonl".to_owned(), people, lines.join("\n"))
        }
    }
}

/// Values of `people` that occur in `text` as whole words, in any case.
fn met(people: &[Person], text: &str) -> BTreeSet<String> {
    let words: BTreeSet<String> =
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let lower = text.to_lowercase();
    let values = people.iter().flat_map(Person::values);
    values
        .filter(|value| {
            let value = value.to_lowercase();
            let one_word = value.chars().all(char::is_alphanumeric);
            // "A rose" and "mark the box" are words; the files use these names with a capital only.
            let is_word = ["rose", "mark"].contains(&value.as_str());
            match (one_word, is_word) {
                (true, true) => false,
                (true, false) => words.contains(&value),
                (false, _) => lower.contains(&value),
            }
        })
        .collect()
}

/// The contents and names of everything under a folder, as one text.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &written(&path);
        } else {
            text += &path.file_name().unwrap().to_string_lossy();
            text += "\n";
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    text
}

#[test]
fn planted_people_are_met_nowhere_in_twenty_runs() {
    for i in 0..20 {
        let folder = Folder::new();
        let (name, people, text) = research(i);
        folder.write(&name, text.as_bytes());
        let strategy = ["redact", "replace", "hash"][i % 3];
        let output = folder.output(&format!(
            "generate {name} {LOCAL} --anonymise --anonymise-strategy {strategy} --json"
        ));
        assert!(matches!(output.status.code(), Some(0)), "{name}\n{}", folder.shown(&output));
        assert!(met(&people, &text).len() >= 6, "the file holds them");
        let everything = written(&folder.run()) + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            met(&people, &everything),
            BTreeSet::new(),
            "{name} by {strategy}\n{everything}"
        );
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let privacy = &result["report"]["privacy"];
        assert_eq!(privacy["clearance"], strategy);
        assert!(privacy["removed"]["PERSON"].as_u64().unwrap() >= 3, "{privacy}");
        assert_eq!(privacy["final_scan"]["masked"], 0, "{privacy}");
    }
}

#[test]
#[cfg(feature = "net")]
fn planted_people_are_in_no_body_that_is_sent() {
    for i in 0..5 {
        let (folder, (name, people, text)) = (Folder::new(), research(i));
        folder.write(&name, text.as_bytes());
        let server = Server::start(|_| {
            Reply::json(&json!({
                "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": "{\"edits\":[]}" } }],
                "usage": { "prompt_tokens": 500, "completion_tokens": 40 },
            }))
        });
        let at = format!("--base-url http://127.0.0.1:{}/v1 --price 3/15", server.port);
        for how in [
            "--hybrid --model scripted:nologits --frontier openai --refine all --quality-threshold 0",
            "--provider openai --count 2",
        ] {
            folder.output(&format!("generate {name} {how} {at} --anonymise --seed 7"));
        }
        let asked = server.requests();
        assert!(asked.len() >= 2, "{}", asked.len());
        for request in asked {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            assert_eq!(met(&people, &body), BTreeSet::new(), "{body}");
        }
    }
}

#[test]
fn a_resumed_run_is_cleared_the_same_way() {
    let folder = Folder::new();
    let (name, people, text) = research(0);
    folder.write(&name, text.as_bytes());
    // The model dies at its third answer in every process, so that it takes several to finish.
    let model = "--model scripted:down@3";
    let first = folder.output(&format!(
        "generate {name} --hybrid --no-frontier {model} --seed 7 --quality-threshold 0 --anonymise --anonymise-strategy hash"
    ));
    assert_eq!(first.status.code(), Some(1), "{}", folder.shown(&first));
    let run = folder.run();
    let resume = format!("generate --resume {} {model}", run.display());
    let ended = (0..20).any(|_| folder.output(&resume).status.code() == Some(0));
    assert!(ended, "{}", folder.shown(&folder.output(&resume)));
    assert_eq!(met(&people, &written(&run)), BTreeSet::new());
}

#[test]
fn a_name_in_the_path_stays_out_of_the_log_and_is_asked_for_again() {
    let folder = Folder::new();
    let (_, people, text) = research(0);
    let name = format!("interview_{}.csv", people[0].name().replace(' ', "_").to_lowercase());
    folder.write(&name, text.as_bytes());
    let output = folder.output(&format!("generate {name} {LOCAL} --anonymise"));
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let run = folder.run();
    assert_eq!(met(&people, &written(&run)), BTreeSet::new());
    let without = folder.output(&format!("generate --resume {}", run.display()));
    assert_eq!(without.status.code(), Some(2), "{}", folder.shown(&without));
    let again = folder.output(&format!("generate --resume {} --input {name}", run.display()));
    assert_eq!(again.status.code(), Some(0), "{}", folder.shown(&again));
}

#[test]
fn findings_say_where_in_the_field_a_value_stands() {
    let folder = Folder::new();
    let (name, people, text) = research(0);
    folder.write(&name, text.as_bytes());
    let result = folder.json(&format!("privacy scan {name} --json"));
    let rows: Vec<Vec<String>> = text
        .lines()
        .skip(1)
        .map(|line| line.splitn(4, ',').map(|cell| cell.trim_matches('"').to_owned()).collect())
        .collect();
    let columns = ["participant_name", "email", "phone", "answer"];
    let mut seen = BTreeSet::new();
    for finding in result["findings"].as_array().unwrap() {
        let row = finding["record_index"].as_u64().unwrap() as usize;
        let column = columns.iter().position(|c| *c == finding["column"]).unwrap();
        let at = |end: &str| finding[end].as_u64().unwrap() as usize;
        seen.insert(rows[row][column][at("start")..at("end")].to_owned());
        assert_eq!(finding["file"], name);
        assert_eq!(finding["record"], format!("f1#{row}"));
    }
    for person in &people {
        for value in [person.name(), person.email(), person.phone.clone()] {
            assert!(seen.contains(&value), "{value} {seen:?}");
        }
    }
    let shown = folder.output(&format!("privacy scan {name}"));
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(met(&people, &shown), BTreeSet::new(), "samples are masked\n{shown}");
    assert_eq!(fs::read_to_string(folder.path().join(&name)).unwrap(), text, "nothing is changed");
}

/// An interviewer, told by label or by behaviour, is not a participant; but their name is just as
/// personal.
#[test]
fn the_interviewers_name_is_taken_out_of_what_the_others_say() {
    let answer = "I wait for the lift with the whole ward until somebody comes down to us";
    for (label, name) in [("Xolqi", "Xolqi"), ("Xolqi (Interviewer)", "Xolqi")] {
        let asks = ["How do you start?", "And what happens then?", "Who helps you out?"];
        let mut text = String::new();
        for asked in asks {
            writeln!(text, "{label}: {asked}\n\nVremsi: {answer}, Xolqi.\n").unwrap();
        }
        let folder = Folder::new();
        folder.write("talk.md", text.as_bytes());
        let plain = folder.json("inspect talk.md --json");
        assert_eq!(plain["participants"], 1, "{label}: {plain}");
        let output = folder.output(&format!("generate talk.md {LOCAL} --anonymise --count 1"));
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
        for entry in fs::read_dir(folder.run()).unwrap() {
            let path = entry.unwrap().path();
            let written = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!written.contains(name), "{label}: {} has {name}", path.display());
        }
        assert!(!folder.shown(&output).contains(name), "{}", folder.shown(&output));
    }
}

#[test]
fn files_are_anonymised_in_their_format_and_restored() {
    let folder = Folder::new();
    for i in 0..5 {
        let (name, people, text) = research(i);
        folder.write(&name, text.as_bytes());
        let result = folder
            .json(&format!("privacy anonymise {name} --output clean --pii-map map.json --json"));
        let clean = fs::read_to_string(folder.path().join("clean").join(&name)).unwrap();
        assert_eq!(met(&people, &clean), BTreeSet::new(), "{clean}");
        assert!(result["removed"]["EMAIL_ADDRESS"].as_u64() >= Some(3) || i == 1, "{result}");
        if Path::new(&name).extension().is_some_and(|e| e == "csv") {
            assert_eq!(clean.lines().count(), text.lines().count());
            assert!(clean.starts_with("participant_name,email,phone,answer\n"));
        }
        folder
            .output(&format!("privacy restore clean/{name} --pii-map map.json --output back.txt"));
        let back = fs::read_to_string(folder.path().join("back.txt")).unwrap();
        for person in &people {
            assert!(back.contains(&person.name()) || i == 4, "{} {back}", person.name());
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join("map.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let over = folder.output("privacy anonymise study.csv --output .");
    assert_eq!(over.status.code(), Some(2), "{}", folder.shown(&over));
}

#[test]
fn no_file_of_the_data_is_overwritten_by_the_clear_form_of_another() {
    let folder = Folder::new();
    folder.write("a/talk.csv", b"who,answer\np1,Ana Silva calls me.\n");
    folder.write("b/talk.csv", b"who,answer\np2,I wait for the bus.\n");
    let before = fs::read(folder.path().join("b/talk.csv")).unwrap();
    let over = folder.output("privacy anonymise a/talk.csv b/talk.csv --output b");
    assert_eq!(over.status.code(), Some(2), "{}", folder.shown(&over));
    assert!(String::from_utf8_lossy(&over.stderr).contains("b/talk.csv would be overwritten"));
    assert_eq!(fs::read(folder.path().join("b/talk.csv")).unwrap(), before);
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    for (flags, says) in [
        ("--pii-map map.json", "--anonymise"),
        ("--anonymise-strategy hash", "--anonymise"),
        ("--anonymise --anonymise-strategy blur", "redact, replace or hash"),
        ("--offline --frontier openai --hybrid", "--offline"),
        ("--offline --provider openai", "--offline"),
    ] {
        let output = folder.output(&format!("generate data.csv {flags}"));
        assert_eq!(output.status.code(), Some(2), "{flags}\n{}", folder.shown(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{flags}");
    }
    for command in ["models pull smollm2-135m --offline", "compare data.csv --offline"] {
        assert_eq!(folder.output(command).status.code(), Some(2), "{command}");
    }
}

#[test]
#[cfg(feature = "net")]
fn personal_data_bound_for_elsewhere_is_warned_of_or_refused() {
    let folder = Folder::new();
    let (name, people, text) = research(0);
    folder.write(&name, text.as_bytes());
    let generate = format!(
        "generate {name} {} --frontier openai --base-url https://service.invalid/v1 --frontier-model m --price 3/15 --max-cost 0.1",
        "--hybrid --model scripted:nologits --seed 7 --quality-threshold 0 --refine all"
    );
    let run = |flags: &str| {
        let mut command = folder.command(&format!("{generate} {flags}"));
        command.env("OPENAI_API_KEY", "sk-test").output().unwrap()
    };
    let refused = run("--privacy-require");
    assert_eq!(refused.status.code(), Some(8), "{}", folder.shown(&refused));
    assert!(!folder.path().join("personas").exists(), "before any work");
    let warned = run("");
    assert_eq!(warned.status.code(), Some(0), "{}", folder.shown(&warned));
    let stderr = String::from_utf8_lossy(&warned.stderr);
    assert_eq!(stderr.matches("the input holds personal data").count(), 1, "{stderr}");
    let warning = stderr.lines().find(|line| line.contains("personal data")).unwrap();
    assert_eq!(met(&people, warning), BTreeSet::new());
    let cleared = run("--privacy-require --anonymise");
    assert_eq!(cleared.status.code(), Some(0), "{}", folder.shown(&cleared));
}

#[test]
fn personal_data_that_personas_show_is_told_of_without_being_shown() {
    let folder = Folder::new();
    let said = "id,answer\n1,ana.petrov@mail.example never answers me.\n2,ana.petrov@mail.example lost my bill.\n";
    folder.write("data.csv", said.as_bytes());
    let told = |flags: &str| {
        let output = folder.output(&format!("generate data.csv {LOCAL} --count 1 {flags}"));
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        stderr.lines().find(|line| line.contains("personal data")).map(str::to_owned)
    };
    let warning = told("").expect("a warning");
    assert!(warning.contains("(EMAIL_ADDRESS ") && warning.contains("--anonymise"), "{warning}");
    assert!(!warning.contains("petrov"), "{warning}");
    assert_eq!(told("--anonymise"), None);
    assert_eq!(told("--anonymise --anonymise-strategy replace"), None);
}

/// A program that the machine may not have or may not allow; `None`, with a message, where it
/// fails.
fn tool(name: &str, arguments: &[&str]) -> Option<Command> {
    let works = Command::new(name).args(arguments).args(["true"]).stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {name} {} does not work here", arguments.join(" "));
        return None;
    }
    let mut command = Command::new(name);
    command.args(arguments);
    Some(command)
}

/// A fully local run with the real small model.
fn offline_run(folder: &Folder, mut command: Command) -> std::process::Output {
    folder.write("data.csv", crate::cli::DATA.as_bytes());
    let binary = folder.command("");
    command
        .arg(binary.get_program())
        .args("generate data.csv --hybrid --no-frontier --offline --count 1 --draft-multiplier 1 --seed 1 --max-rounds 0 --quality-threshold 0 --json --model".split(' '))
        .arg(real_model())
        .current_dir(folder.path())
        .env("HOME", folder.path().join("home"));
    command.output().unwrap()
}

#[test]
fn an_offline_run_asks_the_kernel_for_no_socket() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let arguments = ["-f", "-o", trace.to_str().unwrap(), "-e", "trace=network,io_uring_setup"];
    let Some(strace) = tool("strace", &arguments) else { return };
    let output = offline_run(&folder, strace);
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    let calls = fs::read_to_string(&trace).unwrap();
    for call in ["socket(", "socketpair(", "connect(", "sendto(", "io_uring_setup("] {
        assert!(!calls.contains(call), "{calls}");
    }
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["report"]["privacy"]["air_gap"], "kernel (seccomp)");
}

#[test]
fn an_offline_run_needs_no_interface() {
    let Some(unshare) = tool("unshare", &["-rn"]) else { return };
    let folder = Folder::new();
    let output = offline_run(&folder, unshare);
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernel_refuses_what_offline_forbids() {
    // The model's mirror is fetched by a child process, which inherits the filter. Here, the child
    // is ours: a pip that tries to connect.
    let folder = Folder::new();
    let status = |flags: &str| {
        folder.output(&format!(
            "generate data.csv --hybrid --no-frontier --model smollm2-135m {flags}"
        ))
    };
    let output = status("--offline");
    assert_eq!(output.status.code(), Some(4), "{}", folder.shown(&output));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("models import"), "{stderr}");
}

#[test]
fn the_build_without_net_has_no_http_client() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--no-default-features",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    assert!(tree.contains("candle-core"), "{tree}");
    for client in ["reqwest", "hyper", "ureq", "rustls", "native-tls", "curl", "h2", "socket2"] {
        let listed = tree.lines().any(|line| line.split(' ').next() == Some(client));
        assert!(!listed, "{client} is in the tree of the build without net");
    }
}
