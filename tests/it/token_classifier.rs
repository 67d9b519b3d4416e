//! Token classifiers: figures against Hugging Face's, windows, and folders that hold no such model.

use std::fs;
use std::path::Path;

use persona::engine::DeviceChoice;
use persona::engine::token_classifier::{Labelled, TokenClassifier};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tiny_classifier::{ARCHITECTURES, POSITIONS, finder, random};

fn load(folder: &Path) -> TokenClassifier {
    TokenClassifier::load(folder, DeviceChoice::Cpu).unwrap()
}

/// Writes the models for `token_classifier.py`, which says what to do next.
#[test]
#[ignore = "writes files for another program"]
fn the_tiny_models_are_written() {
    let folder = std::env::var_os("PERSONA_TEST_MODELS").expect("PERSONA_TEST_MODELS=DIR");
    for architecture in ARCHITECTURES {
        random(&Path::new(&folder).join(architecture), architecture);
    }
}

#[test]
fn logits_and_pieces_are_those_of_transformers() {
    #[derive(Deserialize)]
    struct Row {
        text: String,
        ids: Vec<u32>,
        logits: Vec<Vec<f32>>,
        first: Vec<(usize, usize, String, f32)>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/token_classifier.json");
    let expected: std::collections::BTreeMap<String, Vec<Row>> =
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(expected.len(), ARCHITECTURES.len());
    for (architecture, rows) in expected {
        let folder = tempfile::tempdir().unwrap();
        random(folder.path(), &architecture);
        let model = load(folder.path());
        for row in rows {
            let logits = model.logits(&row.text).unwrap();
            assert_eq!(logits.len(), row.ids.len(), "{architecture}: {}", row.text);
            // The reference figures have five digits. candle's DistilBERT computes GELU by its
            // usual approximation and not by the error function.
            let budget = if architecture == "distilbert" { 2e-3 } else { 1e-4 };
            for (ours, theirs) in logits.iter().flatten().zip(row.logits.iter().flatten()) {
                assert!((ours - theirs).abs() < budget, "{architecture}: {ours} {theirs}");
            }
            let found = model.classify(&[&row.text]).unwrap().remove(0);
            // Our pieces are never punctuation alone, and have none at their ends.
            let theirs: Vec<(usize, usize, &str, f32)> = row
                .first
                .iter()
                .filter_map(|(start, end, label, score)| {
                    let outer = |c: char| c == '.' || c == ',' || c == ' ';
                    let piece = &row.text[*start..*end];
                    let from = start + (piece.len() - piece.trim_start_matches(outer).len());
                    let to = start + piece.trim_end_matches(outer).len();
                    (from < to).then_some((from, to, label.as_str(), *score))
                })
                .collect();
            let places = |l: &Labelled| (l.start, l.end, l.label.clone());
            assert_eq!(
                found.iter().map(places).collect::<Vec<_>>(),
                theirs.iter().map(|t| (t.0, t.1, t.2.to_owned())).collect::<Vec<_>>(),
                "{architecture}: {}",
                row.text
            );
            for (ours, theirs) in found.iter().zip(theirs) {
                assert!((ours.score - theirs.3).abs() < budget, "{ours:?} {}", theirs.3);
            }
        }
    }
}

#[test]
fn a_batch_says_what_single_texts_say() {
    let texts: Vec<String> = (0..40)
        .map(|n| format!("{}Ana Silva is in Leeds", "she told Bob ".repeat(n % 5)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).chain(["", " ", "."]).collect();
    for architecture in ARCHITECTURES {
        let folder = tempfile::tempdir().unwrap();
        random(folder.path(), architecture);
        let model = load(folder.path());
        let together = model.classify(&texts).unwrap();
        for (text, together) in texts.iter().zip(together) {
            let alone = model.classify(&[text]).unwrap().remove(0);
            assert_eq!(alone.len(), together.len());
            for (a, b) in alone.iter().zip(&together) {
                assert_eq!((a.start, a.end, &a.label), (b.start, b.end, &b.label));
                assert!((a.score - b.score).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn a_long_text_is_read_in_windows_and_every_name_in_it_is_found_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    finder(folder.path(), &[("zorblax", "B-PER"), ("quimby", "I-PER"), ("tharn", "B-LOC")]);
    let model = load(folder.path());
    let text = "so zorblax quimby, who is in tharn, told zorblax zorblax “quimby”. ".repeat(40);
    let found = model.classify(&[&text]).unwrap().remove(0);
    let pieces: Vec<(&str, &str)> =
        found.iter().map(|l| (&text[l.start..l.end], l.label.as_str())).collect();
    let once = [
        ("zorblax quimby", "PER"),
        ("tharn", "LOC"),
        ("zorblax", "PER"),
        ("zorblax", "PER"),
        ("quimby", "PER"),
    ];
    assert_eq!(pieces, once.repeat(40));
    assert!(found.iter().all(|l| l.score > 0.99), "{found:?}");
    // The random models are read in windows too.
    for architecture in ARCHITECTURES {
        let folder = tempfile::tempdir().unwrap();
        random(folder.path(), architecture);
        let text = "Ana Silva lives in Leeds and works at Acme ".repeat(POSITIONS);
        let found = load(folder.path()).classify(&[&text]).unwrap().remove(0);
        assert!(found.windows(2).all(|w| w[0].end <= w[1].start), "{architecture}");
        assert!(found.iter().all(|l| text.get(l.start..l.end).is_some()), "{architecture}");
    }
}

#[test]
fn a_text_that_looks_like_a_control_token_is_text() {
    let folder = tempfile::tempdir().unwrap();
    finder(folder.path(), &[("zorblax", "PER")]);
    let found = load(folder.path()).classify(&["[SEP] zorblax [CLS]"]).unwrap().remove(0);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].start, found[0].end), (6, 13));
}

#[test]
fn a_folder_that_is_no_such_model_says_what_is_wrong_with_which_file() {
    let change = |what: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        finder(folder.path(), &[("zorblax", "PER")]);
        what(folder.path());
        TokenClassifier::load(folder.path(), DeviceChoice::Cpu).unwrap_err().to_string()
    };
    let config = |folder: &Path, edit: &dyn Fn(&mut Value)| {
        let path = folder.join("config.json");
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut value);
        fs::write(path, value.to_string()).unwrap();
    };
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let error = change(&|folder| fs::remove_file(folder.join(name)).unwrap());
        assert!(error.contains(name) && error.contains("hint: a token classifier"), "{error}");
        let error = change(&|folder| fs::write(folder.join(name), "{").unwrap());
        assert!(error.contains(name), "{error}");
    }
    let error = change(&|folder| config(folder, &|c| c["model_type"] = json!("gpt2")));
    assert!(error.contains("'gpt2'") && error.contains("xlm-roberta"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["id2label"] = Value::Null));
    assert!(error.contains("no id2label") && error.contains("token classification"), "{error}");
    let more = json!({ "0": "O", "1": "PER", "2": "LOC" });
    let error = change(&|folder| config(folder, &|c| c["id2label"] = more.clone()));
    assert!(error.contains("model.safetensors") && error.contains("3 labels"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["vocab_size"] = json!(2)));
    assert!(
        error.contains("tokenizer.json") && error.contains("number 3 and the model 2 rows"),
        "{error}"
    );
    let error = change(&|folder| config(folder, &|c| c["vocab_size"] = json!(9)));
    assert!(error.contains("model.safetensors"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["hidden_size"] = json!("wide")));
    assert!(error.contains("hidden_size"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["num_attention_heads"] = json!(3)));
    assert!(error.contains("3 heads"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["max_position_embeddings"] = json!(2)));
    assert!(error.contains("config.json"), "{error}");
    let error = change(&|folder| config(folder, &|c| c["hidden_act"] = json!("swoosh")));
    assert!(error.contains("swoosh"), "{error}");
}
