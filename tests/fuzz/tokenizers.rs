//! Vocabularies with duplicates and gaps, empty merges, and pieces that can be cut in a thousand
//! ways; and `tokenizer.json` files.

use std::io::Write;

use persona::engine::EngineError;
use persona::engine::gguf::GgufFile;
use persona::engine::tokenizer::{DecodeStream, Specials, Tokenizer};

use super::gguf_parts::{LIST, Parts, TEXT, numbers, text, texts};
use super::memory::measured;
use super::mutate::{Random, damage};
use super::{kept, run, scratch};
use crate::tiny_gguf::{Options, tiny_model};

/// Bytes of memory that a vocabulary may take per byte of its file: the tables for a piece that
/// takes ten bytes in the file, at their largest for a piece that can be cut in many ways.
const A_BYTE: i64 = 96;
/// Bytes of memory that any vocabulary takes: the automata that cut text into words.
const ANY: i64 = 24 << 20;

/// Byte sequences that mean something in a `tokenizer.json`.
const WORDS: [&[u8]; 12] = [
    b"\"vocab\":",
    b"\"merges\":[[\"a\",\"b\"]]",
    b"\"type\":\"BPE\"",
    b"\"type\":\"Unigram\"",
    b"\"type\":\"WordPiece\"",
    b"{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a*)*$\"},\"behavior\":\"Isolated\",\"invert\":false}",
    b"\"special\":true",
    b"\"id\":4294967295",
    b"\"id\":-1",
    b"null",
    b"[[",
    b"\"byte_fallback\":true",
];

/// Checks that a vocabulary took memory in proportion to its file.
#[track_caller]
pub(super) fn in_proportion(peak: i64, length: usize) {
    let most = ANY + A_BYTE * length as i64;
    assert!(peak <= most, "a vocabulary of a file of {length} bytes took {peak}");
}

/// Checks that a refusal names the key to blame.
#[track_caller]
pub(super) fn names_its_key(reason: &str) {
    assert!(reason.contains("metadata '"), "which key? {reason}");
    assert!(!reason.contains(|c: char| c.is_control() && c != '\n'), "{reason:?}");
    assert!(reason.len() < 4096, "{} bytes of reason", reason.len());
}

/// Puts one false value into the vocabulary.
pub(super) fn lie(parts: &mut Parts, random: &mut Random) {
    let mut tokens = parts.texts("tokenizer.ggml.tokens");
    let mut merges = parts.texts("tokenizer.ggml.merges");
    let at = random.below(tokens.len().max(1));
    match random.below(14) {
        0 if !tokens.is_empty() => {
            let other = random.below(tokens.len());
            tokens[at] = tokens[other].clone();
        }
        1 if !tokens.is_empty() => tokens[at] = Vec::new(),
        2 if !tokens.is_empty() => tokens[at] = vec![b'a'; 1 << random.below(13)],
        3 if !tokens.is_empty() => {
            let odd: [&[u8]; 9] = [
                b"\xff\xfe",
                b"\0",
                b"<0xZZ>",
                b"</s>",
                b"<|im_end|>",
                b"(",
                b" ",
                "▁".as_bytes(),
                b"\x1b[2J",
            ];
            tokens[at] = random.of(&odd).to_vec();
        }
        4 => tokens.truncate(at),
        5 => tokens
            .extend((0..1u32 << random.below(10)).map(|number| number.to_string().into_bytes())),
        6 => {
            let odd: [&[u8]; 6] = [b"nosuch pair", b"alone", b"", b" ", b"a  b", b"\xff \xff"];
            merges.push(random.of(&odd).to_vec());
        }
        7 => merges.extend_from_within(..),
        // Pieces of a length such that each can be made of two others in every possible way.
        8 => {
            spm(parts, random, random_lengths(1 << 8));
            return;
        }
        9 => {
            let types = numbers(5, tokens.len() as u64, &cycle(tokens.len(), random));
            parts.set("tokenizer.ggml.token_type", LIST, types);
        }
        10 => {
            let number = random.limit() as u32;
            let key = *random.of(&["bos", "eos", "eot", "eom"]);
            parts.set(&format!("tokenizer.ggml.{key}_token_id"), 4, number.to_le_bytes().to_vec());
        }
        11 => {
            let names: [&[u8]; 6] = [b"gpt2", b"llama", b"bert", b"t5", b"", b"\x1b[2J"];
            parts.set("tokenizer.ggml.model", TEXT, text(random.of::<&[u8]>(&names)));
        }
        12 => {
            let names: [&[u8]; 7] =
                [b"smollm", b"llama-bpe", b"qwen2", b"tekken", b"gpt-4o", b"mystery", b"\x1b[2J"];
            parts.set("tokenizer.ggml.pre", TEXT, text(random.of::<&[u8]>(&names)));
        }
        _ => {
            let scores = numbers(6, tokens.len() as u64, &vec![0xFF; tokens.len() * 4]);
            parts.set("tokenizer.ggml.scores", LIST, scores);
        }
    }
    // The embedding gets as many rows as there are tokens; otherwise the file is refused for that.
    if random.once_in(4)
        && let Some(embedding) = parts.tensors.iter_mut().find(|t| t.name == b"token_embd.weight")
        && let Some(rows) = embedding.dims.last_mut()
    {
        *rows = tokens.len() as u64;
    }
    parts.set("tokenizer.ggml.tokens", LIST, texts(&tokens));
    parts.set("tokenizer.ggml.merges", LIST, texts(&merges));
}

/// Type codes, some of which do not exist.
fn cycle(count: usize, random: &mut Random) -> Vec<u8> {
    let most = if random.once_in(3) { 9 } else { 7 };
    (0..count).flat_map(|_| (random.below(most) as i32).to_le_bytes()).collect()
}

fn random_lengths(most: usize) -> impl Fn(&mut Random) -> usize {
    move |random| 1 + random.below(most)
}

/// Makes the vocabulary a SentencePiece one, of runs of one letter.
fn spm(parts: &mut Parts, random: &mut Random, length: impl Fn(&mut Random) -> usize) {
    let count = parts.texts("tokenizer.ggml.tokens").len();
    let tokens: Vec<Vec<u8>> = (0..count).map(|_| vec![b'a'; length(random)]).collect();
    let scores: Vec<u8> = (0..count).flat_map(|id| (-(id as f32)).to_le_bytes()).collect();
    parts.set("tokenizer.ggml.model", TEXT, text(b"llama"));
    parts.set("tokenizer.ggml.tokens", LIST, texts(&tokens));
    parts.set("tokenizer.ggml.scores", LIST, numbers(6, count as u64, &scores));
    let types = vec![1i32; count].into_iter().flat_map(i32::to_le_bytes).collect::<Vec<u8>>();
    parts.set("tokenizer.ggml.token_type", LIST, numbers(5, count as u64, &types));
}

/// Writes a file and opens it.
fn opened(bytes: &[u8]) -> Result<(tempfile::NamedTempFile, GgufFile), EngineError> {
    let mut file = tempfile::NamedTempFile::new_in(scratch()).expect("a temporary file");
    file.write_all(bytes).expect("written");
    let model = GgufFile::open(file.path())?;
    Ok((file, model))
}

/// Encodes and decodes text, whatever the vocabulary is.
fn speak(tokenizer: &Tokenizer, has_unknown: bool, random: &mut Random) {
    let pieces = [
        "the aaaaaaaa",
        " \u{0}\u{e000}",
        "<|im_end|>",
        "日本🤷🏽‍♀️",
        "\r\n\t ",
        "ing\":",
        "\u{202e}x",
        "99",
    ];
    let said: String = (0..random.below(40)).map(|_| *random.of(&pieces)).collect();
    let tokens = tokenizer.encode(&said, Specials::AsText).expect("any text has tokens");
    let size = tokenizer.vocabulary_size();
    assert!(tokens.iter().all(|token| (*token as usize) < size));
    // The token for text without a token of its own counts as special.
    assert!(has_unknown || !tokens.iter().any(|token| tokenizer.is_special(*token)));
    let mut stream = DecodeStream::default();
    let streamed: String = tokens.iter().map(|token| stream.push(tokenizer, *token)).collect();
    let _ = (tokenizer.decode(&tokens), streamed + &stream.finish());
    let _ = tokenizer.encode(&said, Specials::Parse).expect("any text has tokens");
    let _ = tokenizer.token_bytes(u32::MAX);
}

fn vocabularies(count: u64) {
    let seed = Parts::of(&tiny_model(&Options { hidden: 32, layers: 1, ..Options::default() }));
    run("vocabularies", 21, count, |random| {
        let mut parts = seed.clone();
        for _ in 0..=random.below(3) {
            lie(&mut parts, random);
        }
        let tokens = parts.texts("tokenizer.ggml.tokens").len() as u64;
        let mut shift = 0;
        for tensor in &mut parts.tensors {
            // The embedding is made large enough for its tokens, so that the vocabulary is looked
            // at.
            if tensor.name == b"token_embd.weight" {
                shift = tokens.saturating_sub(tensor.dims[1]) * 32 * 4;
                tensor.dims[1] = tokens;
            } else {
                tensor.offset += shift;
            }
        }
        parts.data += shift as usize;
        let mut bytes = parts.header();
        let length = bytes.len();
        bytes.resize(length + parts.data, 0);
        let Ok((_file, model)) = opened(&bytes) else { return (false, 0) };
        let (built, peak) = measured(|| Tokenizer::from_gguf(&model));
        in_proportion(peak, length);
        match built {
            Ok(tokenizer) => {
                let types =
                    parts.entry("tokenizer.ggml.token_type").map(|types| types.value.clone());
                let types = types.unwrap_or_default();
                let mut types = types.get(12..).unwrap_or_default().chunks_exact(4);
                speak(&tokenizer, types.any(|code| code == [2, 0, 0, 0]), random);
                (true, 0)
            }
            Err(error) => {
                let EngineError::BadModel { reason, .. } = error else { panic!("{error}") };
                names_its_key(&reason);
                (false, 0)
            }
        }
    });
}

/// Changes one number or word of a JSON text, which remains JSON.
fn change_a_value(bytes: &mut Vec<u8>, random: &mut Random) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let starts: Vec<usize> = text
        .char_indices()
        .filter(|(at, c)| is_word(*c) && !text[..*at].ends_with(is_word))
        .map(|(at, _)| at)
        .collect();
    let at = *random.of(&starts);
    let end = text[at..].find(|c: char| !is_word(c)).map_or(text.len(), |length| at + length);
    let number = random.limit().to_string();
    let new = *random.of(&["true", "null", "0", "a", "7", "aa", number.as_str()]);
    *bytes = format!("{}{new}{}", &text[..at], &text[end..]).into_bytes();
}

fn json_files(count: u64) {
    let seeds = kept("tokenizer");
    let (_file, model) = opened(&tiny_model(&Options::default())).expect("a sound file");
    let folder = tempfile::tempdir_in(scratch()).expect("a folder");
    let path = folder.path().join("tokenizer.json");
    run("tokenizer.json", 22, count, |random| {
        let mut bytes = random.of(&seeds).1.clone();
        if random.once_in(2) {
            change_a_value(&mut bytes, random);
        } else if !random.once_in(32) {
            damage(&mut bytes, &WORDS, random);
        }
        std::fs::write(&path, &bytes).expect("written");
        match Tokenizer::from_file(&path, &model) {
            Ok(tokenizer) => {
                let text = "the aaaaaaaab <|im_end|> 日本";
                let _ = tokenizer
                    .encode(text, Specials::AsText)
                    .map(|tokens| tokenizer.decode(&tokens));
                (true, 0)
            }
            Err(error) => {
                assert!(matches!(error, EngineError::BadModel { .. }), "{error}");
                (false, 0)
            }
        }
    });
}

#[test]
fn no_vocabulary_breaks_the_tokenizer() {
    vocabularies(250);
}

#[test]
fn no_tokenizer_json_breaks_the_tokenizer() {
    json_files(400);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_vocabulary_breaks_the_tokenizer_in_full() {
    vocabularies(30_000);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_tokenizer_json_breaks_the_tokenizer_in_full() {
    json_files(60_000);
}

/// Runs of one letter up to a thousand long, which can be cut in half a million ways.
#[test]
fn a_vocabulary_that_cuts_in_every_way_is_refused_before_it_is_built() {
    let count = 1024;
    let mut parts =
        Parts::of(&tiny_model(&Options { hidden: 32, layers: 1, ..Options::default() }));
    let tokens: Vec<Vec<u8>> = (1..=count).map(|length| vec![b'a'; length]).collect();
    parts.set("tokenizer.ggml.tokens", LIST, texts(&tokens));
    let next = std::cell::Cell::new(0);
    spm(&mut parts, &mut Random::new(1), |_| {
        next.set(next.get() + 1);
        next.get()
    });
    let metadata_only = persona::engine::gguf::Metadata::from_json(&serde_json::Map::from_iter([
        ("tokenizer.ggml.model".to_owned(), "llama".into()),
        (
            "tokenizer.ggml.tokens".to_owned(),
            tokens.iter().map(|t| String::from_utf8_lossy(t)).collect(),
        ),
        ("tokenizer.ggml.scores".to_owned(), (0..count).collect()),
    ]));
    let (built, peak) = measured(|| Tokenizer::from_metadata(&metadata_only));
    let reason = built.expect_err("must be refused");
    names_its_key(&reason);
    in_proportion(peak, parts.header().len());
}
