//! Model files: headers with false fields, and damaged bytes.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use persona::engine::chat::{ChatTemplate, Ending, Turn};
use persona::engine::gguf::GgufFile;
use persona::engine::tokenizer::Tokenizer;
use persona::engine::{DeviceChoice, Engine, EngineError, EngineOptions};

use super::gguf_parts::{Entry, LIST, Parts, TEXT, Tensor, numbers, text, texts};
use super::memory::measured;
use super::mutate::{Random, damage, overwrite};
use super::{run, scratch};
use crate::tiny_gguf::{Family, Options, Weights, tiny_model};

/// Bytes that opening any file may take beyond twice its size: the reader's buffer, and the few
/// keys and messages of a small file.
const SLACK: i64 = 64 << 10;

/// Byte sequences that mean something in a header.
const WORDS: [&[u8]; 12] = [
    b"GGUF",
    b"llama.block_count",
    b"general.alignment",
    b"tokenizer.ggml.tokens",
    b"blk.0.attn_q.weight",
    b"\x08\0\0\0",
    b"\x09\0\0\0",
    b"\x0c\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\x80",
    b"\x01\0\0\0\0\0\0\0",
];

/// The smallest file of each architecture, and of some kinds of weights.
fn seeds() -> Vec<Vec<u8>> {
    let smallest = Options {
        layers: 1,
        heads: 2,
        kv_heads: 1,
        hidden: 32,
        feed_forward: 32,
        ..Options::default()
    };
    let families = [&Family::ALL[..], &Family::FOREIGN].concat();
    let mut seeds: Vec<_> = families
        .into_iter()
        .map(|family| tiny_model(&Options { family, ..smallest.clone() }))
        .collect();
    for weights in [Weights::Q8_0, Weights::Q4_1, Weights::F16] {
        seeds.push(tiny_model(&Options { weights, tied: false, ..smallest.clone() }));
    }
    seeds
}

/// A file that is overwritten for each case.
struct Scratch {
    file: tempfile::NamedTempFile,
}

impl Scratch {
    fn new() -> Self {
        Self { file: tempfile::NamedTempFile::new_in(scratch()).expect("a scratch file") }
    }

    /// Writes `bytes`, and then `more` zero bytes.
    fn write(&mut self, bytes: &[u8], more: usize) -> &Path {
        let file: &mut File = self.file.as_file_mut();
        file.set_len(0).expect("an empty file");
        file.seek(SeekFrom::Start(0)).expect("its beginning");
        file.write_all(bytes).expect("written");
        file.set_len((bytes.len() + more) as u64).expect("its length");
        self.file.path()
    }
}

/// Checks that a refusal names the field to blame.
#[track_caller]
fn names_its_field(error: &EngineError) {
    let reason = match error {
        EngineError::BadModel { reason, .. } => reason,
        EngineError::Unsupported { .. } => return, // names the architecture
        other => panic!("opening a file ended in {other}"),
    };
    let named = [
        "metadata '",
        "metadata key ",
        "tensor '",
        "tensors '",
        "the name of tensor ",
        "the magic number",
        "'GGUF'",
        "the version",
        "GGUF version",
        "big-endian",
        "the tensor count",
        "the metadata count",
    ];
    assert!(named.iter().any(|name| reason.contains(name)), "which field? {reason}");
    assert!(reason.len() < 4096, "{} bytes of reason", reason.len());
    assert!(!reason.contains(|c: char| c.is_control() && c != '\n'), "{reason:?}");
}

/// Opens a file and checks the result. Returns whether the file was accepted, and how many bytes
/// opening took beyond twice its size.
fn open(path: &Path, length: usize, deep: bool) -> (bool, i64) {
    let (opened, peak) = measured(|| GgufFile::open(path));
    let excess = peak - 2 * length as i64;
    assert!(excess <= SLACK, "opening {length} bytes took {peak}");
    match opened {
        Err(error) => {
            names_its_field(&error);
            (false, excess)
        }
        Ok(file) => {
            // Building a vocabulary takes a hundred times as long as reading the header.
            if deep {
                build(&file, length);
                load(path);
            }
            (true, excess)
        }
    }
}

/// Uses an accepted file for everything that needs no weights.
fn build(file: &GgufFile, length: usize) {
    let (tokenizer, peak) = measured(|| Tokenizer::from_gguf(file));
    super::tokenizers::in_proportion(peak, length);
    let _ = file.parameters();
    let _ = persona::engine::kv_bytes_per_token(file);
    let _ = file.hyper_params().map(|numbers| numbers.rope_divisors(numbers.context_length));
    match tokenizer {
        Err(EngineError::BadModel { reason, .. }) => super::tokenizers::names_its_key(&reason),
        Err(other) => panic!("a vocabulary ended in {other}"),
        Ok(tokenizer) => {
            if let Err(error) = ChatTemplate::from_gguf(file, &tokenizer) {
                assert!(matches!(error, EngineError::Template(_)), "{error}");
            }
        }
    }
}

/// Loads the model: weights that are all zero are valid too.
fn load(path: &Path) {
    let options = EngineOptions { device: DeviceChoice::Cpu, ..EngineOptions::default() };
    match Engine::load(path, &options) {
        Ok(engine) => {
            let turn = Turn { role: "user", content: "the <|im_end|> end" };
            let _ = engine.encode_chat(&[turn], Ending::AssistantHeader);
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains("nobody foresaw"), "{error}");
            assert!(!error.contains(|c: char| c.is_control() && c != '\n'), "{error:?}");
        }
    }
}

/// Puts one to four false values into a header.
fn lie(parts: &mut Parts, random: &mut Random) {
    for _ in 0..=random.below(4) {
        match random.below(16) {
            0..=3 => lie_in_a_number(parts, random),
            4 | 5 => lie_in_an_entry(parts, random),
            6..=9 => lie_in_a_tensor(parts, random),
            10 => lie_in_a_count(parts, random),
            11 => flood(parts, random),
            12..=14 => super::tokenizers::lie(parts, random),
            _ => {
                let template = super::templates::hostile(random);
                parts.set("tokenizer.chat_template", TEXT, text(template.as_bytes()));
            }
        }
    }
}

/// Sets a number of the decoder to a limit, in a type that may not fit.
fn lie_in_a_number(parts: &mut Parts, random: &mut Random) {
    const SUFFIXES: [&str; 20] = [
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "attention.layer_norm_rms_epsilon",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "rope.dimension_count",
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.scaling.factor",
        "rope.scaling.original_context_length",
        "rope.scaling.yarn_beta_fast",
        "rope.scaling.attn_factor",
        "shortconv.l_cache",
        "vocab_size",
    ];
    let architecture =
        parts.entry("general.architecture").map(|entry| entry.value.clone()).unwrap_or_default();
    let architecture =
        String::from_utf8_lossy(architecture.get(8..).unwrap_or_default()).into_owned();
    let key = match random.below(24) {
        0 => "general.alignment".to_owned(),
        1 => (*random.of(&["split.no", "split.count", "split.tensors.count"])).to_owned(),
        2 => format!("{architecture}.rope.scaling.type"),
        _ => format!("{architecture}.{}", random.of(&SUFFIXES)),
    };
    let number = random.limit();
    let wide = number.to_le_bytes();
    let (code, value) = match random.below(10) {
        0..=3 => (4, wide[..4].to_vec()),
        4 => (10, wide.to_vec()),
        5 => (11, wide.to_vec()),
        6 => {
            let odd = [f32::NAN, f32::INFINITY, -1.0, 0.0, 1e-45, f32::MAX, 1.0, 4.0];
            (6, random.of(&odd).to_le_bytes().to_vec())
        }
        7 => (7, wide[..1].to_vec()),
        8 => (LIST, numbers(5, 3, &[wide.as_slice(), &wide[..4]].concat())),
        _ => (TEXT, text(random.of(&["yarn", "linear", "longrope", "\u{1b}[31m", ""]).as_bytes())),
    };
    parts.set(&key, code, value);
}

fn lie_in_an_entry(parts: &mut Parts, random: &mut Random) {
    if parts.entries.is_empty() {
        return;
    }
    let at = random.below(parts.entries.len());
    match random.below(9) {
        0 => drop(parts.entries.remove(at)),
        1 => {
            let twice = parts.entries[at].clone();
            parts.entries.push(twice);
        }
        2 => parts.entries[at].code = random.limit() as u32,
        3 => parts.entries[at].code = *random.of(&[0, 1, 4, 6, 7, TEXT, LIST, 10, 12, 13]),
        4 => parts.entries[at].key = vec![*random.of(b"a\xff\0\x1b"); random.below(300)],
        // A list of lists of lists, nested as deep as possible.
        5 => {
            let mut value = LIST.to_le_bytes().to_vec();
            for _ in 0..random.below(2000) {
                value.extend(1u64.to_le_bytes());
                value.extend(LIST.to_le_bytes());
            }
            (parts.entries[at].code, parts.entries[at].value) = (LIST, value);
        }
        6 => {
            let claim = random.limit();
            let code = *random.of(&[0, 5, 6, 7, TEXT, 12]);
            (parts.entries[at].code, parts.entries[at].value) =
                (LIST, numbers(code, claim, &[1; 40]));
        }
        7 => {
            let claim = random.limit().to_le_bytes().to_vec();
            (parts.entries[at].code, parts.entries[at].value) = (TEXT, claim);
        }
        // Bytes that are not UTF-8 and grow when they are replaced.
        _ => {
            let bytes = vec![0xFF; 1 << random.below(18)];
            (parts.entries[at].code, parts.entries[at].value) = (TEXT, text(&bytes));
        }
    }
}

fn lie_in_a_tensor(parts: &mut Parts, random: &mut Random) {
    if parts.tensors.is_empty() {
        return;
    }
    let at = random.below(parts.tensors.len());
    let other = random.below(parts.tensors.len());
    match random.below(10) {
        0 => drop(parts.tensors.remove(at)),
        1 => {
            let twice = parts.tensors[at].clone();
            parts.tensors.push(twice);
        }
        2 => parts.tensors[at].offset = random.limit(),
        3 => parts.tensors[at].offset = random.limit() & !31,
        4 => parts.tensors[at].offset = parts.tensors[other].offset,
        5 => parts.tensors[at].code = random.below(42) as u32,
        6 => {
            let count = random.below(7);
            parts.tensors[at].dims = (0..count).map(|_| random.limit()).collect();
        }
        7 => {
            if let Some(dim) = parts.tensors[at].dims.first_mut() {
                *dim = random.limit();
            }
        }
        8 => parts.tensors[at].name = parts.tensors[other].name.clone(),
        _ => parts.tensors[at].name = vec![*random.of(b"b\xff\0\x1b"); random.below(300)],
    }
}

fn lie_in_a_count(parts: &mut Parts, random: &mut Random) {
    match random.below(6) {
        0 => parts.tensors_claimed = random.limit(),
        1 => parts.entries_claimed = random.limit(),
        2 => parts.version = random.limit() as u32,
        3 => parts.data = random.below(parts.data + 1),
        4 => parts.data += random.below(4096),
        _ => parts.magic = random.of(&[b"GGUF".to_vec(), b"GGML".to_vec(), Vec::new()]).clone(),
    }
}

/// Adds as many small entries or tensors as a file can name.
fn flood(parts: &mut Parts, random: &mut Random) {
    let count = 1usize << random.below(13);
    match random.below(4) {
        0 => parts.entries.extend((0..count).map(|number| Entry {
            key: number.to_string().into_bytes(),
            code: 7,
            value: vec![1],
        })),
        1 => parts.tensors.extend((0..count).map(|number| Tensor {
            name: number.to_string().into_bytes(),
            dims: vec![1],
            code: 0,
            offset: 32 * number as u64,
        })),
        2 => {
            let empty = vec![b""; count * 8];
            parts.set("tokenizer.ggml.tokens", LIST, texts(&empty));
        }
        _ => {
            let name = parts.entry("general.architecture").map(|entry| entry.value.clone());
            let name =
                String::from_utf8_lossy(&name.unwrap_or_default()).trim_matches('\0').to_owned();
            let layers = 1 + random.below(600) as u32;
            let key = format!("{}.block_count", name.trim_start_matches(|c: char| c.is_control()));
            parts.set(&key, 4, layers.to_le_bytes().to_vec());
        }
    }
}

fn structured(count: u64) {
    let seeds: Vec<Parts> = seeds().iter().map(|seed| Parts::of(seed)).collect();
    let mut scratch = Scratch::new();
    run("gguf, field by field", 9, count, |random| {
        let mut parts = random.of(&seeds).clone();
        lie(&mut parts, random);
        let header = parts.header();
        let length = header.len() + parts.data;
        let deep = random.once_in(16);
        open(scratch.write(&header, parts.data), length, deep)
    });
}

fn damaged(count: u64) {
    let seeds = seeds();
    let mut scratch = Scratch::new();
    run("gguf, by bytes", 10, count, |random| {
        let seed = random.of(&seeds);
        // Only the header of a file is read; the weights need only be there.
        let end = Parts::of(seed).header().len();
        let mut bytes = seed[..end].to_vec();
        if random.once_in(2) {
            overwrite(&mut bytes, random);
        } else {
            damage(&mut bytes, &WORDS, random);
        }
        let more = if random.once_in(16) { 0 } else { seed.len() - end };
        let deep = random.once_in(16);
        open(scratch.write(&bytes, more), bytes.len() + more, deep)
    });
}

#[test]
fn no_header_that_lies_is_believed_too_far() {
    structured(6_000);
}

#[test]
fn no_damaged_header_breaks_the_reader() {
    damaged(6_000);
}

#[test]
#[ignore = "a million files: cargo test --release -- --ignored fuzz"]
fn no_header_that_lies_is_believed_too_far_in_full() {
    structured(600_000);
}

#[test]
#[ignore = "a million files: cargo test --release -- --ignored fuzz"]
fn no_damaged_header_breaks_the_reader_in_full() {
    damaged(500_000);
}

/// The header of a real model, with its vocabulary; its weights are a hole in the file.
#[test]
#[ignore = "reads the real model: cargo test --release -- --ignored fuzz"]
fn no_damage_to_a_real_header_breaks_the_reader() {
    let path = crate::real_model::real_model();
    let length = std::fs::metadata(&path).expect("the model").len() as usize;
    let whole = std::fs::read(&path).expect("the model");
    let end = Parts::of(&whole).header().len();
    let (real, weights) = (whole[..end].to_vec(), length - end);
    drop(whole);
    let parts = Parts::of(&real);
    let mut scratch = Scratch::new();
    run("gguf, a real header", 11, 20_000, |random| {
        let header = if random.once_in(2) {
            let mut bytes = real.clone();
            damage(&mut bytes, &WORDS, random);
            bytes
        } else {
            let mut parts = parts.clone();
            lie(&mut parts, random);
            parts.header()
        };
        let deep = random.once_in(64);
        open(scratch.write(&header, weights), header.len() + weights, deep)
    });
}

/// Headers that were once found to take too much memory, break the reader or be refused without
/// naming a field: each has one false value in a sound file, with the field that the refusal must
/// name.
#[test]
fn what_was_once_found_is_still_refused_by_name() {
    type Lie = fn(&mut Parts);
    let cases: [(&str, Lie); 12] = [
        ("the metadata count", |parts| parts.entries_claimed = 1 << 40),
        ("the tensor count", |parts| parts.tensors_claimed = 1 << 40),
        ("'GGUF'", |parts| parts.magic = b"GGML".to_vec()),
        ("GGUF version", |parts| parts.version = 77),
        // A table with an entry per block, for blocks that are not there.
        ("blk.1.attn_norm.weight", |parts| {
            parts.set("llama.block_count", 4, 512u32.to_le_bytes().to_vec());
        }),
        ("head_count", |parts| {
            parts.set("llama.attention.head_count", 4, u32::MAX.to_le_bytes().to_vec());
        }),
        ("split.count", |parts| {
            parts.set("split.count", 2, u16::MAX.to_le_bytes().to_vec());
        }),
        // Texts that take three times their length once they are readable.
        ("metadata key", |parts| parts.entries[0].key = vec![0xFF; 60_000]),
        ("tensor", |parts| parts.tensors[0].name = vec![0xFF; 300]),
        // A million empty texts, each of which is an allocation.
        ("token_embd.weight", |parts| {
            let empty = vec![&b""[..]; 1 << 20];
            parts.set("tokenizer.ggml.tokens", LIST, texts(&empty));
        }),
        ("beyond the end", |parts| parts.tensors[0].offset = !31),
        ("tensor", |parts| parts.tensors[0].dims = vec![1 << 33, 1 << 33]),
    ];
    let sound = Parts::of(&seeds()[0]);
    let mut scratch = Scratch::new();
    let mut written = |parts: &Parts| {
        let header = parts.header();
        let length = header.len() + parts.data;
        let path = scratch.write(&header, parts.data).to_owned();
        (open(&path, length, false).0, GgufFile::open(&path).err())
    };
    assert!(written(&sound).0);
    let mut wrong = Vec::new();
    for (field, lie) in cases {
        let mut parts = sound.clone();
        lie(&mut parts);
        let (believed, error) = written(&parts);
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        if believed || !error.contains(field) {
            wrong.push(format!("{field}: {error}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
