//! The binary as users meet it: exit code, stdout and stderr of whole commands in fresh folders.
//!
//! Models answer from scripts (`--model scripted:…`), so that every case is exact and takes
//! milliseconds. The environment is empty except for a home in the temp folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

pub(crate) const DATA: &str = "participant,role,answer
p01,nurse,I never trust the schedule because it changes twice a day.
p01,nurse,We write the real plan on a whiteboard in the kitchen.
p02,carer,My phone is always out of battery by the last visit.
p02,carer,I call the office and nobody answers before nine.
p03,planner,Every morning I rebuild the whole tour by hand.
p03,planner,The system does not know who can drive and who cannot.
";

/// A temporary folder with one input file, in which commands are run.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    /// A folder in memory where the system has a place for it, so that hundreds of runs need not
    /// wait for a disk.
    pub(crate) fn in_memory() -> Self {
        Self::on(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn on(folder: tempfile::TempDir) -> Self {
        let folder = Self(folder);
        folder.write("data.csv", DATA.as_bytes());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
        command.args(arguments.split_whitespace()).current_dir(self.path());
        // No hub: a test that asks for a missing model must not wait for the network.
        command.env_clear().env("HOME", self.path().join("home")).env("HF_HUB_OFFLINE", "1");
        // Coverage also counts what the binary does here.
        command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|to| ("LLVM_PROFILE_FILE", to)));
        command
    }

    pub(crate) fn output(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Exit code, stdout and stderr of a command as one text, with what varies between runs
    /// replaced.
    fn snapshot(&self, arguments: &str) -> String {
        self.shown(&self.output(arguments))
    }

    pub(crate) fn shown(&self, output: &Output) -> String {
        let code = output.status.code().map_or("none".to_owned(), |code| code.to_string());
        let text = |bytes: &[u8]| self.settled(&String::from_utf8_lossy(bytes));
        format!(
            "exit: {code}\n--- stdout\n{}\n--- stderr\n{}",
            text(&output.stdout),
            text(&output.stderr)
        )
    }

    fn settled(&self, text: &str) -> String {
        let here = fs::canonicalize(self.path()).unwrap();
        let text = text.replace(here.to_str().unwrap(), "[HERE]");
        let text = text.replace(self.path().to_str().unwrap(), "[HERE]");
        let run = regex::Regex::new(r"\d{8}-\d{6}-\d+").unwrap();
        run.replace_all(&text, "[RUN]").trim_end().to_owned()
    }

    /// The only run folder under `personas`.
    pub(crate) fn run(&self) -> PathBuf {
        let mut runs: Vec<PathBuf> = fs::read_dir(self.path().join("personas"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.pop().unwrap()
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        let output = self.output(arguments);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", self.shown(&output)))
    }
}

const GENERATE: &str = "generate --input data.csv --hybrid --no-frontier --model scripted:ok --seed 7 \
                        --quality-threshold 0";

#[test]
fn a_bad_flag_value_exits_2_and_names_the_flag() {
    let folder = Folder::new();
    for (flags, name) in [
        ("--draft-multiplier 0", "--draft-multiplier"),
        ("--draft-multiplier 0.99", "--draft-multiplier"),
        ("--draft-multiplier inf", "--draft-multiplier"),
        ("--quality-threshold 1.5", "--quality-threshold"),
        ("--quality-threshold -0.1", "--quality-threshold"),
        ("--quality-threshold nan", "--quality-threshold"),
        ("--count 0", "--count"),
        ("--count -3", "--count"),
        ("--count 1e9", "--count"),
        ("--max-cost -1", "--max-cost"),
        ("--price cheap", "--price"),
        ("--style loud", "--style"),
        ("--seed -1", "--seed"),
        ("--device tpu", "--device"),
        ("--threads 0", "--threads"),
        ("--batch 0", "--batch"),
        ("--context 1", "--context"),
        ("--max-rounds x", "--max-rounds"),
    ] {
        let output = folder.output(&format!("generate --input data.csv --hybrid {flags}"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{flags}: {stderr}");
        assert!(stderr.contains(name), "{flags}: {stderr}");
        assert!(output.stdout.is_empty(), "{flags}");
    }
    assert!(!folder.path().join("personas").exists(), "nothing is made for a bad flag");
}

#[test]
fn a_flag_that_does_nothing_yet_is_not_accepted() {
    let folder = Folder::new();
    for flags in ["--pii-judge m", "--format pdf"] {
        let output = folder.output(&format!("generate --input data.csv {flags}"));
        assert_eq!(output.status.code(), Some(2), "{flags}");
    }
}

#[test]
fn a_slip_in_a_value_is_told_in_one_line() {
    let folder = Folder::new();
    assert_snapshot!(folder.snapshot("generate data.csv --hybrid --draft-multiplier 0"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: invalid value '0' for --draft-multiplier: expected a decimal number from 1 to 100
    ");
    assert_snapshot!(folder.snapshot("generate"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: no input given
    hint: name files or a folder, as in 'persona generate --input interviews.csv'
    ");
    assert_snapshot!(folder.snapshot("generate data.csv --strict --max-rounds 2"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: without --hybrid there is nothing for --max-rounds, --strict to act on
    hint: add --hybrid
    ");
}

#[test]
fn with_json_an_error_is_a_document_too() {
    let folder = Folder::new();
    assert_snapshot!(folder.snapshot("generate data.csv --count 0 --json"), @r#"
    exit: 2
    --- stdout
    {
      "error": {
        "kind": "usage",
        "exit_code": 2,
        "message": "invalid value '0' for --count: expected a whole number from 1 to 1000",
        "hints": []
      }
    }
    --- stderr
    error: invalid value '0' for --count: expected a whole number from 1 to 1000
    "#);
    let unknown = folder.json("generate data.csv --nonsense --json");
    assert_eq!(unknown["error"]["exit_code"], 2);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("--nonsense"), "{unknown}");
}

#[test]
fn settings_come_from_the_environment_and_from_files_and_are_checked_there() {
    let folder = Folder::new();
    folder.write("persona.toml", b"[hybrid]\nquality_threshold = 2\n");
    assert_snapshot!(folder.snapshot("generate data.csv"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: invalid value '2' for 'hybrid.quality_threshold' in [HERE]/persona.toml: expected a number from 0 to 1, or auto
    ");
    folder.write("persona.toml", b"[hybrid]\nqualty_threshold = 0.5\n");
    assert_snapshot!(folder.snapshot("generate data.csv"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: unknown key 'hybrid.qualty_threshold' in [HERE]/persona.toml
    hint: did you mean 'hybrid.quality_threshold'?
    ");
    folder.write("persona.toml", b"count = 2\nmodel = 'scripted:ok'\n");
    let output =
        folder.command("generate data.csv --json").env("PERSONA_COUNT", "1").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["personas"].as_array().unwrap().len(), 1, "a variable beats a file");
    let bad = folder.command("schema").env("PERSONA_PII_JUDGE", "1").output().unwrap();
    assert_eq!(bad.status.code(), Some(2), "a protection that is not there is not passed over");
}

#[test]
fn input_that_can_not_be_used_exits_3_and_names_the_path() {
    let folder = Folder::new();
    folder.write("empty.csv", b"");
    folder.write("binary.csv", &[0, 159, 146, 150, 0, 1, 2, 3].repeat(64));
    folder.write("pictures/cat.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    for input in ["missing.csv", "empty.csv", "binary.csv", "pictures"] {
        let output = folder.output(&format!("generate --input {input} --model scripted:ok"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{input}: {stderr}");
        assert!(stderr.contains(input), "{input}: {stderr}");
        assert!(output.stdout.is_empty(), "{input}");
    }
}

#[test]
fn a_run_ends_with_a_table_and_leaves_its_folder() {
    let folder = Folder::new();
    assert_snapshot!(folder.snapshot(GENERATE), @r"
    exit: 0
    --- stdout
     name    title                                         score   share                 quotes   flags
    ────────────────────────────────────────────────────────────────────────────────────────────────────
     Alex    Planner: “The system does not know who can    1.00    33 %, 1 participant   1
             drive and who cannot”
     Jamie   Nurse: “I never trust the schedule”           1.00    33 %, 1 participant   1
     Kit     Carer: “My phone is always out of battery     1.00    33 %, 1 participant   1
             by the last visit”
    cited: 6 of 6 records, 3 of 3 participants; 100 % of goals, pains and behaviours rest on a record
    3 personas in personas/[RUN]
    --- stderr
    input: 6 records from 1 file
    run: personas/[RUN]
    this model is too small to be trusted with free text: it chooses among the participants' own sentences
    scripted:ok cannot tell good personas from corrupted ones: the judge score rests on computed support alone
    next:
      open personas/[RUN]/report.html
      persona evaluate personas/[RUN]/personas.json --model scripted:ok
      persona report personas/[RUN] --format markdown,csv,tinytroupe
    ");
    let mut names: Vec<String> = fs::read_dir(folder.run())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "log.jsonl",
            "persona-1.md",
            "persona-2.md",
            "persona-3.md",
            "personas.json",
            "records.jsonl",
            "report.html",
            "report.json",
        ]
    );
}

#[test]
fn every_quote_is_verbatim_in_the_run_folder() {
    let folder = Folder::new();
    assert!(folder.output(GENERATE).status.success());
    let records: Vec<Value> = fs::read_to_string(folder.run().join("records.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let personas: Value =
        serde_json::from_slice(&fs::read(folder.run().join("personas.json")).unwrap()).unwrap();
    let mut checked = 0;
    for quote in personas.as_array().unwrap().iter().flat_map(|p| p["quotes"].as_array().unwrap()) {
        let record = records.iter().find(|record| record["id"] == quote["record"]).unwrap();
        let span =
            quote["start"].as_u64().unwrap() as usize..quote["end"].as_u64().unwrap() as usize;
        assert_eq!(&record["text"].as_str().unwrap()[span], quote["text"].as_str().unwrap());
        checked += 1;
    }
    assert!(checked >= 3, "only {checked} quotes");
}

#[test]
fn personas_json_follows_the_published_schema() {
    let folder = Folder::new();
    let schema = folder.json("schema");
    let personas = &folder.json(&format!("{GENERATE} --json"))["personas"];
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(personas).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(personas.as_array().unwrap().len(), 3);
}

#[test]
fn with_json_stdout_is_one_document() {
    let folder = Folder::new();
    let document = folder.json(&format!("{GENERATE} --json"));
    assert_eq!(document["outcome"], "complete");
    let report = &document["report"];
    assert_eq!(report["seed"], 7);
    assert_eq!(report["clearance"], "as_is");
    assert_eq!(report["funnel"]["selected"], 3);
    let funnel = |key: &str| report["funnel"][key].as_u64().unwrap();
    let dropped: u64 =
        report["drops"].as_array().unwrap().iter().map(|d| d["count"].as_u64().unwrap()).sum();
    assert!(funnel("drafts") >= 6, "{report}");
    assert_eq!(
        funnel("drafts"),
        funnel("selected") + dropped,
        "every draft is accounted for: {report}"
    );
    assert_eq!(report["cost"]["frontier"]["spent_usd"], 0.0);
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > 0);
    let on_disk: Value =
        serde_json::from_slice(&fs::read(folder.run().join("report.json")).unwrap()).unwrap();
    assert_eq!(&on_disk, report);
}

#[test]
fn a_local_run_reports_what_a_frontier_model_alone_would_have_cost() {
    let folder = Folder::new();
    let estimate = folder.json(&format!("{GENERATE} --estimate-only --json"));
    let report = folder.json(&format!("{GENERATE} --json"))["report"].clone();
    let cost = &report["cost"]["frontier"];
    let usd = |bound: &str| cost["frontier_only_usd"][bound].as_f64().unwrap();
    assert!(0.0 < usd("expected") && usd("expected") < usd("upper"), "{cost}");
    for bound in ["low", "expected", "upper"] {
        let predicted = &estimate["estimate"]["frontier_only"][bound]["usd"];
        assert_eq!(&cost["frontier_only_usd"][bound], predicted);
    }
    let model = cost["compared_with"]["model"].as_str().unwrap();
    let page = fs::read_to_string(folder.run().join("report.html")).unwrap();
    assert!(page.contains(&format!("what having {model} write every persona")));
}

#[test]
fn quiet_leaves_stderr_empty() {
    let folder = Folder::new();
    let output = folder.output(&format!("{GENERATE} --quiet"));
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let personas = |seed: &str| {
        let folder = Folder::new();
        assert!(folder.output(&GENERATE.replace("--seed 7", seed)).status.success());
        fs::read(folder.run().join("personas.json")).unwrap()
    };
    assert_eq!(personas("--seed 7"), personas("--seed 7"));
    assert_ne!(personas("--seed 7"), personas("--seed 8"));
}

#[test]
fn without_no_frontier_a_hybrid_run_says_that_it_stays_local() {
    let folder = Folder::new();
    let output = folder.output(&GENERATE.replace("--no-frontier", ""));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr.matches("going on with the local model only").count(), 1, "{stderr}");
    let explicit = folder.snapshot("generate data.csv --hybrid --frontier anthropic");
    assert_snapshot!(explicit, @r"
    exit: 2
    --- stdout

    --- stderr
    error: no key for anthropic: ANTHROPIC_API_KEY is not set, is empty, or holds what a key cannot: spaces, or signs outside ASCII
    hint: set it, or run with --no-frontier
    ");
}

#[test]
fn segments_follow_a_column_of_the_data() {
    let folder = Folder::new();
    let said = folder.json(&format!("{GENERATE} --segments-by ROLE --json"));
    let plan = &said["report"]["plan"];
    assert_eq!(plan["grouping"], "column");
    let first: Vec<_> = plan["slots"].as_array().unwrap().iter().map(|s| &s["terms"][0]).collect();
    assert_eq!(first, ["role=nurse", "role=carer", "role=planner"]);
    assert_eq!(said["report"]["settings"]["segments_by"], "role");
    assert_snapshot!(folder.snapshot("generate data.csv --segments-by rolle"), @r"
    exit: 2
    --- stdout

    --- stderr
    input: 6 records from 1 file
    error: invalid value 'rolle' for --segments-by: the input has no such column
    its columns: 'role' (3 values), 'participant' (3 values), 'answer' (6 values)
    hint: did you mean 'role'?
    ");
}

#[test]
fn ten_personas_of_one_record_are_one_and_it_is_said() {
    let folder = Folder::new();
    folder.write("one.csv", b"answer\nThe bus is late every morning and nobody tells us why\n");
    let flags = "generate one.csv --hybrid --no-frontier --model scripted:ok --seed 7 --count 10 \
                 --quality-threshold 0";
    let output = folder.output(flags);
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    for said in [
        "only 1 of the 10 personas asked for: there is 1 participant",
        "1 of the 10 personas asked for could be written",
        "no participant is named",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(folder.output(&format!("{flags} --strict")).status.code(), Some(7));
}

#[test]
fn a_partial_result_exits_7_only_when_strict() {
    let flags = "generate data.csv --hybrid --no-frontier --model scripted:ok --seed 7 \
                 --quality-threshold 1 --max-rounds 0 --style free";
    let folder = Folder::new();
    let output = folder.output(flags);
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("0 of 3 reached the quality threshold")
    );
    assert_eq!(Folder::new().output(&format!("{flags} --strict")).status.code(), Some(7));
}

#[test]
fn a_model_that_dies_keeps_the_run_and_resume_finishes_it() {
    let folder = Folder::new();
    let begun = GENERATE.replace("scripted:ok", "scripted:down@3");
    let died = folder.output(&begun);
    let stderr = folder.shown(&died);
    assert_eq!(died.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--resume"), "{stderr}");
    let run = folder.run();
    let name = run.file_name().unwrap().to_str().unwrap();
    assert_snapshot!(folder.snapshot("runs list"), @r"
    exit: 0
    --- stdout
     run                 model             drafts   personas   status
    ──────────────────────────────────────────────────────────────────────────────────────
     [RUN]   scripted:down@3   2        –          unfinished, can be resumed
    --- stderr
    ");
    // Another model is refused; with the one that the log names, the run goes on.
    let other = folder.snapshot(&format!("generate --resume {name} --model scripted:twins"));
    assert_snapshot!(other, @r"
    exit: 1
    --- stdout

    --- stderr
    input: 6 records from 1 file
    error: cannot resume: the run was begun with scripted:down@3, and this is scripted:twins
    hint: give the first model's file with --model, or start a new run
    ");
    let again = folder.output(&format!("generate --resume {name} --seed 8"));
    assert_eq!(again.status.code(), Some(2), "the seed is the run's");
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let folder = Folder::new();
    let slow = GENERATE.replace("scripted:ok", "scripted:slow=20");
    let child =
        folder.command(&slow).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let drafted = || {
        let log = fs::read_dir(folder.path().join("personas")).ok()?.next()?.ok()?.path();
        let log = fs::read_to_string(log.join("log.jsonl")).ok()?;
        log.contains("\"event\":\"drafted\"").then_some(())
    };
    while drafted().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "no draft in the log");
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(130), "{shown}");
    assert!(shown.contains("hint: 'persona generate --resume"), "{shown}");

    let resumed = folder.json(&format!("generate --resume {} --json", folder.run().display()));
    assert_eq!(resumed["personas"].as_array().unwrap().len(), 3);
    assert_eq!(resumed["report"]["resumed"], 1);
    // The personas are the same as those of an uninterrupted run.
    let whole = Folder::new();
    assert_eq!(whole.json(&format!("{slow} --json"))["personas"], resumed["personas"]);
}

#[test]
fn a_changed_input_can_not_be_resumed() {
    let folder = Folder::new();
    let begun = GENERATE.replace("scripted:ok", "scripted:down@3");
    assert_eq!(folder.output(&begun).status.code(), Some(1));
    folder.write("data.csv", DATA.replace("nurse", "doctor").as_bytes());
    let run = folder.run();
    let name = run.file_name().unwrap().to_str().unwrap();
    assert_snapshot!(folder.snapshot(&format!("generate --resume {name}")), @r"
    exit: 1
    --- stdout

    --- stderr
    input: 6 records from 1 file
    error: cannot resume: the input changed since the run began (data.csv)
    hint: put the files back as they were, or start a new run
    ");
    assert_snapshot!(folder.snapshot("generate --resume nowhere"), @r"
    exit: 2
    --- stdout

    --- stderr
    error: there is no run 'nowhere', neither as a path nor in personas
    hint: 'persona runs list' lists the runs
    ");
}

#[test]
fn an_estimate_needs_no_model() {
    let folder = Folder::new();
    let flags =
        "generate data.csv --hybrid --estimate-only --seed 7 --frontier anthropic --price 3/15";
    assert_snapshot!(folder.snapshot(&format!("{flags} --frontier-model m --max-cost 5")), @r"
    exit: 0
    --- stdout
    Estimated frontier cost: 3 personas from 6 records

                            low    expected   upper bound
    hybrid              $0.0059     $0.0104       $0.4795
    frontier-only       $0.0189     $0.0281       $0.7365

    The hybrid upper bound fits --max-cost $5.0000.

    - m of anthropic at $3/$15 per million tokens in/out, --price
    - prompts are those of a run over this data, with a stand-in's personas; tokens from bytes: expected 4 ASCII bytes or 2 other bytes a token, upper bound 1 byte a token
    - hybrid: each of 3 personas is refined once, from the persona and at most 4 of the records it cites
    - frontier-only: each of 3 personas is written whole; a corpus of up to 100000 tokens and 400 records is sent in full and, but for the upper bound, read from the provider's prompt cache after the first call
    - upper bound: every call is made 2 times and answers at its limit (1200 tokens refining, 4000 writing)
    --- stderr
    ");
    let document = folder.json(&format!("{flags} --json --model missing.gguf"));
    let hybrid = &document["estimate"]["hybrid"];
    let usd = |bound: &str| hybrid[bound]["usd"].as_f64().unwrap();
    assert!(0.0 < usd("low") && usd("low") < usd("expected") && usd("expected") < usd("upper"));
    let unknown = folder.output("generate data.csv --estimate-only --frontier nobody");
    assert_eq!(unknown.status.code(), Some(2));
    let unpriced = folder.output("generate data.csv --estimate-only --frontier-model nothing");
    assert_eq!(unpriced.status.code(), Some(2));
    assert!(!folder.path().join("personas").exists());
}

#[test]
fn a_model_that_does_not_exist_exits_4_with_the_nearest_name() {
    let folder = Folder::new();
    assert_snapshot!(folder.snapshot("generate data.csv --model smollm2-135"), @r"
    exit: 4
    --- stdout

    --- stderr
    input: 6 records from 1 file
    error: 'smollm2-135' is not a model
    hint: did you mean 'smollm2-135m'?; or give owner/repo[:QUANT] of the hub, or the path of a .gguf file
    ");
    assert_snapshot!(folder.snapshot("generate data.csv --model ./missing.gguf"), @r"
    exit: 4
    --- stdout

    --- stderr
    input: 6 records from 1 file
    error: there is no file ./missing.gguf
    hint: give the path of a .gguf file, or a name from 'persona models list'
    ");
    let away = folder.output("generate data.csv --model smollm2-135m");
    assert_eq!(away.status.code(), Some(4), "{}", folder.shown(&away));
    folder.write("broken.gguf", b"GGUF and then nothing");
    let broken = folder.output("generate data.csv --model broken.gguf");
    assert_eq!(broken.status.code(), Some(4), "{}", folder.shown(&broken));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("broken.gguf"));
}

#[test]
fn a_file_can_be_imported_listed_and_verified_without_a_network() {
    let folder = Folder::new();
    folder.write("mine.gguf", b"GGUF, as far as the import looks");
    let imported = folder.json("models import mine.gguf --json");
    assert_eq!(imported["sha256"].as_str().unwrap().len(), 64);
    let listed = folder.json("models list --json");
    assert_eq!(listed["others"][0]["sha256"], imported["sha256"]);
    assert!(listed["catalogue"].as_array().unwrap().len() > 2);
    assert_eq!(folder.json("models verify --json")[0]["result"], "ok");
    fs::write(imported["path"].as_str().unwrap(), b"GGUF, changed").unwrap();
    assert_eq!(folder.output("models verify").status.code(), Some(4));
    folder.write("notes.txt", b"not a model");
    let refused = folder.output("models import notes.txt");
    assert_eq!(refused.status.code(), Some(4), "{}", folder.shown(&refused));
}

#[test]
fn a_finished_run_can_be_shown() {
    let folder = Folder::new();
    assert_snapshot!(folder.snapshot("runs list"), @r"
    exit: 0
    --- stdout
    no runs in personas
    --- stderr
    ");
    assert!(folder.output(GENERATE).status.success());
    let run = folder.run();
    let name = run.file_name().unwrap().to_str().unwrap();
    let shown = folder.json(&format!("runs show {name} --json"));
    assert_eq!(shown["status"], "finished");
    assert_eq!(shown["personas"].as_array().unwrap().len(), 3);
    assert_eq!(folder.json("runs list --json").as_array().unwrap().len(), 1);
    assert_eq!(folder.output("runs show nothing").status.code(), Some(2));
}

#[test]
fn hostile_text_reaches_the_terminal_without_its_escapes() {
    let folder = Folder::new();
    folder.write(
        "data.csv",
        "participant,answer\np\u{1b}[31m1,I \u{1b}]0;owned\u{7}clicked <|im_end|> \u{202e}and it was gone forever.\n"
            .repeat(4)
            .as_bytes(),
    );
    let output = folder.output(&GENERATE.replace("--seed 7", "--seed 9 --count 1"));
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    for stream in [&output.stdout, &output.stderr] {
        assert!(!stream.contains(&0x1b), "{}", folder.shown(&output));
    }
    let page = fs::read_to_string(folder.run().join("persona-1.md")).unwrap();
    assert!(
        !page.contains('\u{1b}') && !page.contains('\u{202e}') && !page.contains("<|"),
        "{page}"
    );
}

#[test]
fn the_table_is_left_when_the_reader_leaves() {
    let folder = Folder::new();
    let mut child =
        folder.command("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn help_names_the_exit_codes_and_not_the_test_models() {
    let folder = Folder::new();
    let output = folder.output("--help");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("130 interrupted"), "{text}");
    let generate = String::from_utf8(folder.output("generate --help").stdout).unwrap();
    assert!(
        generate.contains("--quality-threshold") && !generate.contains("scripted"),
        "{generate}"
    );
    let version = String::from_utf8(folder.output("--version").stdout).unwrap();
    assert_eq!(version.trim(), concat!("persona ", env!("CARGO_PKG_VERSION")));
}
