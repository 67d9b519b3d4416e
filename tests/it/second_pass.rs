//! The second pass over free text as users meet it, by a model that knows names which no rule can
//! know.
//!
//! The model is a hand-made token classifier, which labels the words that it is given. They are in
//! lower case and of no language, so that the rules leave them alone; what the model finds must
//! then be treated just as the rules' findings are.

use std::fs;

use persona::corpus::{Corpus, load};
use persona::privacy::{
    Cleared, Entity, FinderError, FinderId, FinderKind, Key, PrivacyError, Span, SpanFinder,
    Strategy, outbound, scan,
};
use serde_json::Value;

use crate::cli::Folder;
use crate::tiny_classifier::finder;

const DATA: &str = "participant,answer,zorblax rating
p01,the plan was late because zorblax lost it and nobody knew for days,3
p02,we drove to vexmoor with the whole team and nobody knew the way back home,4
p03,it is always zorblax who loses the list on the way back home,2
p04,when the list is wrong it goes to zorblax@example.org and then nobody answers,1
";
const WORDS: [(&str, &str); 2] = [("zorblax", "B-PER"), ("vexmoor", "B-LOC")];
const GENERATE: &str =
    "generate study.csv --hybrid --no-frontier --seed 7 --quality-threshold 0 --anonymise";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("study.csv", DATA.as_bytes());
    finder(&folder.path().join("tagger"), &WORDS);
    folder
}

/// Everything that a run wrote, in lower case.
fn written(folder: &Folder) -> String {
    let files = fs::read_dir(folder.run()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).to_lowercase()).collect()
}

#[test]
fn a_scan_says_what_the_model_added_and_which_model_it_was() {
    let folder = folder();
    let alone = folder.json("privacy scan study.csv --json");
    assert_eq!(alone["second_pass"], Value::Null);
    assert_eq!(alone["counts"]["PERSON"], Value::Null, "{alone}");
    let both = folder.json("privacy scan study.csv --pii-model tagger --json --offline");
    let second = &both["second_pass"];
    assert_eq!((&second["name"], &second["kind"]), (&"tagger".into(), &"token_classifier".into()));
    assert_eq!(second["sha256"].as_str().unwrap().len(), 64);
    // One of the findings is in the column's name, where it was learned from the cells.
    assert_eq!((&second["findings"], &both["counts"]["PERSON"]), (&3.into(), &3.into()), "{both}");
    assert_eq!(both["counts"]["LOCATION"], 1);
    let by = |finding: &Value| finding["by"].as_str().unwrap().to_owned();
    let people: Vec<String> = both["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["entity"] == "PERSON")
        .map(by)
        .collect();
    assert_eq!(people, ["rules", "model", "model"]);
    let shown = folder.output("privacy scan study.csv --pii-model tagger");
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.contains("second pass over free text by tagger (token classifier, SHA-256"),
        "{shown}"
    );
    assert!(shown.contains("3 findings that the rules had not"), "{shown}");
}

#[test]
fn what_only_the_model_finds_has_one_pseudonym_everywhere() {
    let folder = folder();
    let result = folder.json(
        "privacy anonymise study.csv --pii-model tagger --output clean --pii-map map.json --json",
    );
    assert_eq!(result["second_pass"]["name"], "tagger");
    let clean = fs::read_to_string(folder.path().join("clean/study.csv")).unwrap();
    assert!(!clean.to_lowercase().contains("zorblax") && !clean.contains("vexmoor"), "{clean}");
    // One of the three is in the name of a column.
    assert_eq!(clean.matches("[PERSON_1]").count(), 3, "{clean}");
    assert_eq!(clean.matches("[LOCATION_1]").count(), 1, "{clean}");
    let map = fs::read_to_string(folder.path().join("map.json")).unwrap();
    assert!(map.contains("zorblax") && map.contains("vexmoor"));
    // A file that is a single text has the same passages as its records.
    let talk =
        "the plan was late because zorblax lost it.\n\nit is always zorblax\nwho loses the list.\n";
    folder.write("talk.txt", talk.as_bytes());
    folder.json("privacy anonymise talk.txt --pii-model tagger --output clean --json");
    let clean = fs::read_to_string(folder.path().join("clean/talk.txt")).unwrap();
    assert_eq!(clean, talk.replace("zorblax", "[PERSON_1]"));
}

#[test]
fn a_run_keeps_what_the_model_found_out_of_all_it_writes_and_says_so() {
    let folder = folder();
    let result =
        folder.json(&format!("{GENERATE} --model scripted:ok --pii-model tagger --offline --json"));
    let privacy = &result["report"]["privacy"];
    assert_eq!(privacy["second_pass"]["name"], "tagger");
    assert_eq!(privacy["second_pass"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(privacy["removed"]["PERSON"], 3, "{privacy}");
    assert_eq!(privacy["final_scan"]["masked"], 0, "{privacy}");
    let all = written(&folder);
    assert!(!all.contains("zorblax") && !all.contains("vexmoor"));
    // The model is not shown the column's name; the value is found there because the cells taught
    // it.
    assert!(all.contains("[person_1] rating"));
    assert!(all.contains("looked at once more by"), "the page says it too");
}

#[test]
fn a_resumed_run_clears_with_the_same_model_or_not_at_all() {
    let folder = folder();
    let model = "--model scripted:down@3";
    let first = folder.output(&format!("{GENERATE} {model} --pii-model tagger"));
    assert_eq!(first.status.code(), Some(1), "{}", folder.shown(&first));
    let resume = format!("generate --resume {} {model}", folder.run().display());
    let other = folder.output(&format!("{resume} --pii-model tagger"));
    assert_eq!(other.status.code(), Some(2), "the run has its model");
    // A different model in the same place would find other values, and is refused.
    let tagger = folder.path().join("tagger");
    let kept = folder.path().join("kept");
    fs::rename(&tagger, &kept).unwrap();
    let gone = folder.output(&resume);
    assert_ne!(gone.status.code(), Some(0), "{}", folder.shown(&gone));
    finder(&tagger, &[("vexmoor", "B-LOC")]);
    let other = folder.output(&resume);
    let stderr = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("another model") && stderr.contains("hint: put the first one"),
        "{stderr}"
    );
    fs::remove_dir_all(&tagger).unwrap();
    fs::rename(&kept, &tagger).unwrap();
    let ended = (0..20).any(|_| folder.output(&resume).status.code() == Some(0));
    assert!(ended, "{}", folder.shown(&folder.output(&resume)));
    let all = written(&folder);
    assert!(!all.contains("zorblax") && all.contains("[person_1]"));
}

#[test]
fn a_language_model_is_asked_and_its_failure_is_the_end() {
    let folder = folder();
    let none = folder.json("privacy scan study.csv --pii-model scripted:empty --json");
    assert_eq!(
        (&none["second_pass"]["findings"], &none["counts"]["PERSON"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(none["second_pass"]["kind"], "language_model");
    let some = folder.json("privacy scan study.csv --pii-model scripted:ok --json");
    assert!(some["second_pass"]["findings"].as_u64().unwrap() > 0, "{some}");
    for script in ["garbage@2", "truncate@1", "fail@3", "down@1"] {
        let pii = format!("--pii-model scripted:{script}");
        for command in [
            format!("privacy scan study.csv {pii}"),
            format!("privacy anonymise study.csv --output clean {pii}"),
            format!("{GENERATE} --model scripted:ok {pii}"),
        ] {
            let output = folder.output(&command);
            let shown = folder.shown(&output);
            assert_eq!(output.status.code(), Some(1), "{command}\n{shown}");
            assert!(shown.contains("the second pass for personal data by scripted:"), "{shown}");
            assert!(shown.contains("nothing was written or sent"), "{shown}");
            assert!(!shown.contains("zorblax"), "{shown}");
        }
    }
    assert!(!folder.path().join("clean").exists() && !folder.path().join("personas").exists());
}

#[test]
fn a_model_that_cannot_be_used_says_what_to_do() {
    let folder = folder();
    for (flags, code, says) in [
        ("generate study.csv --pii-model tagger", 2, "--anonymise"),
        ("privacy scan study.csv --pii-model nowhere", 4, "name its folder"),
        ("privacy scan study.csv --pii-model home", 4, "config.json"),
        (
            "generate study.csv --estimate-only --hybrid --anonymise --pii-model nowhere",
            0,
            "Estimated",
        ),
    ] {
        fs::create_dir_all(folder.path().join("home")).unwrap();
        let output = folder.output(flags);
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(code), "{flags}\n{shown}");
        assert!(shown.contains(says), "{flags}\n{shown}");
    }
    // Unknown labels are named, and a model with no known label is refused.
    finder(
        &folder.path().join("odd"),
        &[("zorblax", "B-PER"), ("list", "B-WHIM"), ("plan", "B-MOOD")],
    );
    let output = folder.output("privacy scan study.csv --pii-model odd");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr.matches("what odd marks as WHIM, MOOD stays as it is").count(),
        1,
        "{stderr}"
    );
    finder(&folder.path().join("odd"), &[("list", "LABEL_1")]);
    let output = folder.output("privacy scan study.csv --pii-model odd");
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    assert!(shown.contains("none of the labels of odd") && shown.contains("LABEL_1"), "{shown}");
}

#[test]
fn the_setting_can_stand_in_a_file() {
    let folder = folder();
    folder.write("persona.toml", b"[privacy]\nmodel = \"tagger\"\n");
    let both = folder.json("privacy scan study.csv --json");
    assert_eq!(both["second_pass"]["findings"], 3);
}

/// A finder that finds these pieces wherever they stand.
struct Finds(Vec<(&'static str, Entity)>, FinderId);

impl Finds {
    fn new(pieces: &[(&'static str, Entity)]) -> Self {
        let name = "finds".to_owned();
        let kind = FinderKind::TokenClassifier;
        Self(pieces.to_vec(), FinderId { name, kind, sha256: None, settings_sha256: None })
    }
}

impl SpanFinder for Finds {
    fn identity(&self) -> &FinderId {
        &self.1
    }

    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
        let spans = |text: &&str| {
            let found = self.0.iter().flat_map(|(piece, entity)| {
                text.match_indices(*piece).map(|(start, _)| Span {
                    start,
                    end: start + piece.len(),
                    entity: *entity,
                    score: 0.99,
                })
            });
            found.collect()
        };
        Ok(texts.iter().map(spans).collect())
    }
}

fn corpus(folder: &Folder, text: &str) -> Corpus {
    folder.write("study.csv", text.as_bytes());
    load(&[folder.path().join("study.csv")]).unwrap()
}

#[test]
fn a_span_across_one_of_a_pattern_leaves_that_one_whole() {
    let folder = Folder::new();
    let corpus = corpus(&folder, "answer\nplease write to me at ana@example.org or not at all\n");
    // The model's finding is surer, longer, and of another kind.
    let model = Finds::new(&[("at ana@example.org or", Entity::Location)]);
    let found = scan(&corpus, Some(&model)).unwrap();
    let pieces: Vec<(&str, Entity, bool)> = found
        .iter()
        .map(|f| (&f.place.text(&corpus)[f.span.start..f.span.end], f.span.entity, f.by_model))
        .collect();
    assert!(pieces.contains(&("ana@example.org", Entity::EmailAddress, false)), "{pieces:?}");
    assert!(found.windows(2).all(|w| w[0].place != w[1].place || w[0].span.end <= w[1].span.start));
}

#[test]
fn nothing_that_the_rules_find_is_lost_to_a_model_that_marks_everything() {
    let folder = Folder::new();
    let text = "participant,email,answer\nAna Moreira,ana@example.org,\"Ana Moreira rang Mr Okonkwo on +44 20 7946 0958 in Leeds. It went well.\"\n";
    let corpus = corpus(&folder, text);
    let alone = scan(&corpus, None).unwrap();
    let words: Vec<(&str, Entity)> =
        ["Ana", "Moreira rang", "7946", "in", "It went well", "well.", "Okonkwo on +44", "i"]
            .map(|word| (word, Entity::Organization))
            .to_vec();
    let both = scan(&corpus, Some(&Finds::new(&words))).unwrap();
    for found in &alone {
        let covered = both.iter().any(|b| {
            b.place == found.place
                && b.span.entity == found.span.entity
                && b.span.start <= found.span.start
                && found.span.end <= b.span.end
        });
        assert!(covered, "{found:?}\n{both:?}");
    }
}

#[test]
fn what_the_model_found_may_not_leave_and_everyday_words_stop_nothing() {
    let folder = Folder::new();
    let corpus = corpus(
        &folder,
        "answer\nthe plan was late because zorblax lost it in the weather and went home\n",
    );
    let model = Finds::new(&[("zorblax", Entity::Person), ("weather", Entity::Organization)]);
    let key = Key::of_seed(1);
    let cleared = Cleared::anonymise(&corpus, Strategy::Redact, key, Some(&model)).unwrap();
    assert_eq!(cleared.second_pass().unwrap().name, "finds");
    let text = &cleared.records[0].text;
    assert!(text.contains("because [PERSON_1] lost it in the [ORGANIZATION_1] and"), "{text}");
    let removed = cleared.removed().unwrap();
    let sent = |body: &str| outbound(body.as_bytes(), Some(removed)).len();
    assert_eq!(sent("{\"input\":\"then Zorblax said\"}"), 1);
    assert_eq!(sent("{\"input\":\"the weather was bad, the Weather again\"}"), 0);
    assert_eq!(removed.mask("so zorblax left").unwrap(), "so [PERSON] left");
}

#[test]
fn a_model_that_answers_out_of_place_is_refused() {
    struct Wrong(FinderId, Vec<Vec<Span>>);
    impl SpanFinder for Wrong {
        fn identity(&self) -> &FinderId {
            &self.0
        }
        fn find(&self, _: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
            Ok(self.1.clone())
        }
    }
    let folder = Folder::new();
    let corpus = corpus(&folder, "answer\nécrit à la main et jamais relu par personne ici\n");
    let id = Finds::new(&[]).1;
    let span = |start, end| Span { start, end, entity: Entity::Person, score: 0.9 };
    for answer in [vec![], vec![vec![]; 2], vec![vec![span(0, 999)]], vec![vec![span(1, 4)]]] {
        let error = scan(&corpus, Some(&Wrong(id.clone(), answer))).unwrap_err();
        assert!(matches!(error, PrivacyError::SecondPass { .. }), "{error}");
        assert!(!error.to_string().contains("main"), "{error}");
    }
}
