//! What the engine costs outside the forward pass.
//!
//! `cargo bench --bench engine`; figures that are published stand in `benches/runs/`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use persona::engine::TokenId;
use persona::engine::grammar::{Constraint, Encode, Grammar, Mask, Shape, Source, Vocabulary};
use persona::engine::sampler::{Sampler, Sampling};
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Tokens of SmolLM2, which the synthetic vocabulary copies in number and make-up.
const VOCABULARY: usize = 49_152;
const EOS: TokenId = 256;

/// A pronounceable word.
fn word(random: &mut ChaCha8Rng) -> String {
    let mut word = String::new();
    for _ in 0..random.random_range(1..4) {
        word.push(char::from(*b"bcdfghklmnprstvw".choose(random).expect("a consonant")));
        word.push(char::from(*b"aeiou".choose(random).expect("a vowel")));
    }
    word + ["", "", "n", "s", "ing", "ed"].choose(random).expect("an ending")
}

/// Bytes, an end token, then mostly words with and without a space, some marks and other scripts.
fn token_bytes() -> Vec<Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    tokens.push(b"<|endoftext|>".to_vec());
    while tokens.len() < VOCABULARY {
        let token = match random.random_range(0..20) {
            0 => format!("{}\"", ["", ".", ",", ":", "{"].choose(&mut random).expect("a mark")),
            1 => format!(" {}", random.random_range(0..1000)),
            2 => (0..2).map(|_| char::from(random.random_range(b'!'..b'~'))).collect(),
            3 => (0..2).filter_map(|_| char::from_u32(random.random_range(0xC0..0x9FFF))).collect(),
            4..12 => word(&mut random),
            _ => format!(" {}", word(&mut random)),
        };
        tokens.push(token.into_bytes());
    }
    tokens
}

fn vocabulary(tokens: &[Vec<u8>]) -> Vocabulary {
    let encode: Encode = Arc::new(|text| text.bytes().map(TokenId::from).collect());
    Vocabulary::new(tokens.to_vec(), &[EOS], EOS, encode).expect("a vocabulary")
}

/// Records of about `length` characters, in clauses and sentences.
fn sources(records: usize, length: usize) -> Vec<Source> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut cell = || {
        let mut text = String::new();
        while text.len() < length {
            text += &word(&mut random);
            text += [" ", " ", " ", " ", " ", ", ", ". "].choose(&mut random).expect("a gap");
        }
        text
    };
    (0..records).map(|at| Source { id: format!("f1#{at}"), cells: vec![cell()] }).collect()
}

/// A persona as drafts have it.
fn draft(sources: Vec<Source>) -> Shape {
    let list = |item: Shape| Shape::Array { item: Box::new(item), min: 1, max: 3 };
    let fields = [
        ("quotes", list(Shape::Excerpt(sources))),
        ("name", Shape::Text { min: 3, max: 40 }),
        ("summary", Shape::Text { min: 60, max: 320 }),
        ("goals", list(Shape::Text { min: 20, max: 160 })),
        ("pains", list(Shape::Text { min: 20, max: 160 })),
        ("age", Shape::Integer { min: 16, max: 99 }),
        ("gender", Shape::OneOf(vec!["female".into(), "male".into(), "unknown".into()])),
    ];
    Shape::Object(fields.map(|(key, shape)| (key.to_owned(), shape)).into())
}

/// Logits that like words, as a model does.
fn logits(tokens: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<f32> {
    tokens.iter().map(|token| random.random_range(-10.0..10.0) + token.len() as f32).collect()
}

/// One whole answer; returns its steps.
fn write_answer(mut constraint: Constraint, logits: &[Vec<f32>], seed: u64) -> usize {
    let mut sampler = Sampler::new(Sampling { seed, ..Sampling::default() });
    let mut steps = 0;
    loop {
        constraint.forced().expect("forced tokens");
        if constraint.is_finished() {
            return steps;
        }
        let allowed = constraint.allowed().expect("a mask");
        let token = sampler.sample(&logits[steps % logits.len()], Some(&allowed)).expect("a token");
        constraint.accept(token).expect("an allowed token");
        steps += 1;
    }
}

fn grammar(criterion: &mut Criterion) {
    let tokens = token_bytes();
    let vocabulary = vocabulary(&tokens);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let logits: Vec<Vec<f32>> = (0..16).map(|_| logits(&tokens, &mut random)).collect();
    for (records, length) in [(40, 200), (200, 500)] {
        let shape = draft(sources(records, length));
        criterion.bench_function(
            &format!("compile a draft over {records} records of {length}"),
            |bench| {
                bench.iter(|| Grammar::compile(&vocabulary, black_box(&shape)).expect("compiles"));
            },
        );
        let grammar = Grammar::compile(&vocabulary, &shape).expect("compiles");
        let mut seed = 0;
        criterion.bench_function(
            &format!("mask and sample a draft over {records} records of {length}"),
            |bench| {
                bench.iter(|| {
                    seed += 1;
                    write_answer(grammar.constraint(), &logits, seed)
                });
            },
        );
    }
}

fn sampler(criterion: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let logits: Vec<f32> = (0..150_000).map(|_| random.random_range(-10.0..10.0)).collect();
    let some: Vec<TokenId> = (0..150_000).step_by(3).collect();
    let mask = Mask::only(logits.len(), &some);
    for (name, sampling) in [
        ("the default", Sampling::default()),
        ("top-p 0.95", Sampling { min_p: 0.0, top_p: 0.95, ..Sampling::default() }),
        ("top-k 40", Sampling { min_p: 0.0, top_k: 40, ..Sampling::default() }),
    ] {
        let mut sampler = Sampler::new(sampling);
        criterion.bench_function(&format!("sample one of 150,000 tokens by {name}"), |bench| {
            bench.iter(|| sampler.sample(black_box(&logits), Some(&mask)));
        });
    }
}

criterion_group! {
    name = engine;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = grammar, sampler
}
criterion_main!(engine);
