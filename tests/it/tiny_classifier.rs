//! Tiny token classifiers that a test writes itself, in the file formats of Hugging Face's
//! `transformers`.
//!
//! There are two kinds. [`random`] has weights by a formula, so that other programs can compute
//! with the same ones (`token_classifier.py`). [`finder`] has hand-made weights: it labels the
//! words that it is given and no others.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

/// Sizes of the random models: as small as all of their parts allow.
const HIDDEN: usize = 16;
const INNER: usize = 32;
const LAYERS: usize = 2;
/// Tokens of a window, including the frame: few, so that short texts take several windows.
pub(crate) const POSITIONS: usize = 24;

pub(crate) const ARCHITECTURES: [&str; 4] = ["bert", "distilbert", "xlm-roberta", "deberta-v2"];

const WORDS: [&str; 22] = [
    "ana", "silva", "lives", "in", "leeds", "and", "works", "at", "acme", "with", "bob", "##by",
    "##s", "she", "told", "me", "the", "plan", "is", "late", ".", ",",
];

/// Writes a model of this architecture, with weights by a formula, into a folder.
pub(crate) fn random(folder: &Path, architecture: &str) {
    fs::create_dir_all(folder).unwrap();
    let pieces = ["xlm-roberta", "deberta-v2"].contains(&architecture);
    let tokenizer = if pieces { unigram(architecture) } else { word_piece() };
    let vocabulary = if pieces {
        tokenizer["model"]["vocab"].as_array().unwrap().len()
    } else {
        tokenizer["model"]["vocab"].as_object().unwrap().len()
    };
    let labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];
    let mut config = json!({
        "model_type": architecture, "vocab_size": vocabulary,
        "id2label": ids(&labels), "label2id": places(&labels), "hidden_act": "gelu",
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 2,
        "intermediate_size": INNER, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0,
    });
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let tensor = formula(&name, shape);
        tensors.insert(name, tensor);
    };
    let base = match architecture {
        "distilbert" => {
            config = json!({
                "model_type": architecture, "vocab_size": vocabulary,
                "id2label": ids(&labels), "label2id": places(&labels), "activation": "gelu",
                "dim": HIDDEN, "n_layers": LAYERS, "n_heads": 2, "hidden_dim": INNER,
                "max_position_embeddings": POSITIONS, "pad_token_id": 0,
            });
            "distilbert"
        }
        "xlm-roberta" => {
            config["pad_token_id"] = 1.into();
            // Positions are counted from the one after padding's.
            config["max_position_embeddings"] = (POSITIONS + 2).into();
            config["type_vocab_size"] = 1.into();
            config["layer_norm_eps"] = 1e-5.into();
            "roberta"
        }
        "deberta-v2" => {
            let special = json!({
                "type_vocab_size": 0, "layer_norm_eps": 1e-7, "relative_attention": true,
                "position_buckets": 4, "norm_rel_ebd": "layer_norm", "share_att_key": true,
                "pos_att_type": "p2c|c2p", "position_biased_input": false, "max_relative_positions": -1,
            });
            config.as_object_mut().unwrap().extend(special.as_object().unwrap().clone());
            "deberta"
        }
        _ => "bert",
    };
    let positions = config["max_position_embeddings"].as_u64().unwrap() as usize;
    let types = config["type_vocab_size"].as_u64().unwrap_or(0) as usize;
    let norm = |add: &mut dyn FnMut(String, &[usize]), name: String| {
        add(format!("{name}.weight"), &[HIDDEN]);
        add(format!("{name}.bias"), &[HIDDEN]);
    };
    let linear = |add: &mut dyn FnMut(String, &[usize]), name: String, from: usize, to: usize| {
        add(format!("{name}.weight"), &[to, from]);
        add(format!("{name}.bias"), &[to]);
    };
    let embeddings = format!("{base}.embeddings");
    add(format!("{embeddings}.word_embeddings.weight"), &[vocabulary, HIDDEN]);
    if base != "deberta" {
        add(format!("{embeddings}.position_embeddings.weight"), &[positions, HIDDEN]);
    }
    if types > 0 {
        add(format!("{embeddings}.token_type_embeddings.weight"), &[types, HIDDEN]);
    }
    norm(&mut add, format!("{embeddings}.LayerNorm"));
    if base == "deberta" {
        add("deberta.encoder.rel_embeddings.weight".to_owned(), &[8, HIDDEN]);
        norm(&mut add, "deberta.encoder.LayerNorm".to_owned());
    }
    for layer in 0..LAYERS {
        if base == "distilbert" {
            let at = format!("distilbert.transformer.layer.{layer}");
            for part in ["q_lin", "k_lin", "v_lin", "out_lin"] {
                linear(&mut add, format!("{at}.attention.{part}"), HIDDEN, HIDDEN);
            }
            norm(&mut add, format!("{at}.sa_layer_norm"));
            linear(&mut add, format!("{at}.ffn.lin1"), HIDDEN, INNER);
            linear(&mut add, format!("{at}.ffn.lin2"), INNER, HIDDEN);
            norm(&mut add, format!("{at}.output_layer_norm"));
            continue;
        }
        let at = format!("{base}.encoder.layer.{layer}");
        let ending = if base == "deberta" { "_proj" } else { "" };
        for part in ["query", "key", "value"] {
            linear(&mut add, format!("{at}.attention.self.{part}{ending}"), HIDDEN, HIDDEN);
        }
        linear(&mut add, format!("{at}.attention.output.dense"), HIDDEN, HIDDEN);
        norm(&mut add, format!("{at}.attention.output.LayerNorm"));
        linear(&mut add, format!("{at}.intermediate.dense"), HIDDEN, INNER);
        linear(&mut add, format!("{at}.output.dense"), INNER, HIDDEN);
        norm(&mut add, format!("{at}.output.LayerNorm"));
    }
    linear(&mut add, "classifier".to_owned(), HIDDEN, labels.len());
    save(folder, &config, &tokenizer, &tensors);
}

/// Writes a model into a folder that gives each of these words its label, and `O` to all others. It
/// has no layers, so that a word's label depends on the word alone.
pub(crate) fn finder(folder: &Path, words: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    let mut labels = vec!["O"];
    for (_, label) in words {
        if !labels.contains(label) {
            labels.push(label);
        }
    }
    let hidden = 2 * labels.len();
    let vocabulary: Vec<&str> = ["[UNK]", "[CLS]", "[SEP]"]
        .into_iter()
        .chain(words.iter().map(|(word, _)| *word))
        .collect();
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": framed("[CLS]", 1, "[SEP]", 2), "decoder": null,
        "model": { "type": "WordLevel", "unk_token": "[UNK]", "vocab": places(&vocabulary) },
    });
    // Each label has two of the hidden values, one up and one down, so that norms change nothing.
    let row = |label: usize| -> Vec<f32> {
        (0..hidden)
            .map(|at| match (at / 2 == label, at % 2) {
                (true, 0) => 1.0,
                (true, _) => -1.0,
                (false, _) => 0.0,
            })
            .collect()
    };
    let label = |word: &str| words.iter().find(|(w, _)| *w == word).map_or("O", |(_, label)| label);
    let embeddings: Vec<f32> = vocabulary
        .iter()
        .flat_map(|word| row(labels.iter().position(|l| *l == label(word)).unwrap()))
        .collect();
    let classifier: Vec<f32> = (0..labels.len()).flat_map(row).map(|weight| weight * 4.0).collect();
    let tensor =
        |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let zeros = |shape: &[usize]| tensor(vec![0.0; shape.iter().product()], shape);
    let tensors = HashMap::from([
        (
            "bert.embeddings.word_embeddings.weight".to_owned(),
            tensor(embeddings, &[vocabulary.len(), hidden]),
        ),
        ("bert.embeddings.position_embeddings.weight".to_owned(), zeros(&[64, hidden])),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), zeros(&[2, hidden])),
        ("bert.embeddings.LayerNorm.weight".to_owned(), tensor(vec![1.0; hidden], &[hidden])),
        ("bert.embeddings.LayerNorm.bias".to_owned(), zeros(&[hidden])),
        ("classifier.weight".to_owned(), tensor(classifier, &[labels.len(), hidden])),
        ("classifier.bias".to_owned(), zeros(&[labels.len()])),
    ]);
    let config = json!({
        "model_type": "bert", "vocab_size": vocabulary.len(), "hidden_size": hidden,
        "num_hidden_layers": 0, "num_attention_heads": 1, "intermediate_size": 1,
        "max_position_embeddings": 64, "id2label": ids(&labels),
    });
    save(folder, &config, &tokenizer, &tensors);
}

fn save(folder: &Path, config: &Value, tokenizer: &Value, tensors: &HashMap<String, Tensor>) {
    let write = |name: &str, value: &Value| {
        fs::write(folder.join(name), serde_json::to_vec_pretty(value).unwrap()).unwrap();
    };
    write("config.json", config);
    write("tokenizer.json", tokenizer);
    candle_core::safetensors::save(tensors, folder.join("model.safetensors")).unwrap();
}

fn ids(labels: &[&str]) -> Value {
    labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect()
}

fn places(labels: &[&str]) -> Value {
    labels.iter().enumerate().map(|(id, label)| ((*label).to_owned(), json!(id))).collect()
}

/// Weights of a tensor from its name: exact in every language with 32-bit integers and floats.
fn formula(name: &str, shape: &[usize]) -> Tensor {
    let seed = name
        .bytes()
        .fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let is_norm = name.contains("Norm.weight") || name.contains("norm.weight");
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count as u32)
        .map(|at| {
            let mut x = seed ^ at.wrapping_mul(2_654_435_761);
            x ^= x >> 16;
            x = x.wrapping_mul(0x45d9_f3b3);
            x ^= x >> 16;
            let value = (x >> 8) as f32 / (1 << 24) as f32 - 0.5;
            if is_norm { 1.0 + value } else { value }
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn framed(before: &str, before_id: usize, after: &str, after_id: usize) -> Value {
    let special = |id: &str| json!({ "SpecialToken": { "id": id, "type_id": 0 } });
    let sequence = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    json!({
        "type": "TemplateProcessing",
        "single": [special(before), sequence("A"), special(after)],
        "pair": [special(before), sequence("A"), special(after), sequence("B"), special(after)],
        "special_tokens": {
            before: { "id": before, "ids": [before_id], "tokens": [before] },
            after: { "id": after, "ids": [after_id], "tokens": [after] },
        },
    })
}

fn word_piece() -> Value {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
    let vocabulary: Vec<&str> = special.into_iter().chain(WORDS).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special.iter().enumerate().map(|(id, content)| json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })).collect::<Value>(),
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": framed("[CLS]", 2, "[SEP]", 3),
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": places(&vocabulary),
        },
    })
}

/// A tokenizer with pieces as in SentencePiece: a word begins with `▁`, and a comma belongs to its
/// word.
fn unigram(architecture: &str) -> Value {
    let special = if architecture == "xlm-roberta" {
        ["<s>", "<pad>", "</s>", "<unk>"]
    } else {
        ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    };
    let words = WORDS.iter().map(|word| match word.strip_prefix("##") {
        Some(inner) => inner.to_owned(),
        None if word.chars().all(char::is_alphabetic) => format!("▁{word}"),
        None => (*word).to_owned(),
    });
    let vocabulary: Vec<Value> = special
        .iter()
        .map(|s| json!([s, 0.0]))
        .chain(words.map(|word| json!([word, -2.0])))
        .chain([json!(["▁", -4.0])])
        .collect();
    let frame = if architecture == "xlm-roberta" {
        framed("<s>", 0, "</s>", 2)
    } else {
        framed("[CLS]", 1, "[SEP]", 2)
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": special.iter().enumerate().map(|(id, content)| json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })).collect::<Value>(),
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
        },
        "post_processor": frame,
        "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
        "model": { "type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": false },
    })
}
