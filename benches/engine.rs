//! What the engine's parts cost: kernels, one decode step, a forked prefix, masks, the sampler.
//!
//! `cargo bench --bench engine`; figures that are published stand in `benches/runs/`. The step and
//! the fork need the small model on this machine (`persona models pull smollm2-135m`), else they
//! say that they were skipped. Whole workloads are `persona bench`'s.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use candle_core::quantized::GgmlDType;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use persona::config::Environment;
use persona::engine::grammar::{Constraint, Encode, Grammar, Mask, Shape, Source, Vocabulary};
use persona::engine::kernels::activations::Activations;
use persona::engine::kernels::matrix::{Matrix, Mode, Product, multiply};
use persona::engine::kernels::{Cpu, Tier};
use persona::engine::sampler::{Sampler, Sampling};
use persona::engine::{
    Engine, EngineOptions, GenerateRequest, Job, Prompt, ScoreRequest, TokenId, Update, Want,
};
use persona::hub::{self, ModelRef};
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

/// A quantised product as a feed-forward part of a billion-parameter model has it, by rows.
fn products(criterion: &mut Criterion) {
    const INPUTS: usize = 2048;
    const OUTPUTS: usize = 8192;
    let cpu = Cpu::new(rayon::current_num_threads(), Tier::detect());
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut group = criterion.benchmark_group("product 2048 x 8192");
    for dtype in [GgmlDType::Q4_1, GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K] {
        // Any bytes will do: the time does not depend on them. Zeros would be numbers, too.
        let size = INPUTS / dtype.block_size() * dtype.type_size() * OUTPUTS;
        let bytes: Vec<u8> = (0..size).map(|_| random.random_range(0..0x38)).collect();
        let Some(mut weights) = Matrix::empty(dtype, OUTPUTS, INPUTS) else { continue };
        weights.fill(0, &bytes);
        for rows in [1, 8, 256] {
            let x: Vec<f32> = (0..rows * INPUTS).map(|_| random.random_range(-1.0..1.0)).collect();
            let mut activations = Activations::default();
            let mut out = vec![0.0; rows * OUTPUTS];
            group.throughput(Throughput::Elements((2 * rows * INPUTS * OUTPUTS) as u64));
            group.bench_function(BenchmarkId::new(format!("{dtype:?}"), rows), |bench| {
                bench.iter(|| {
                    let fill = |row: usize, to: &mut [f32]| {
                        to.copy_from_slice(&x[row * INPUTS..][..INPUTS]);
                    };
                    activations.quantise(&cpu.team, cpu.tier, [rows, INPUTS], &fill);
                    let product =
                        Product { weights: &weights, out: &mut out, mode: Mode::Set, tiles: None };
                    multiply(&cpu.team, cpu.tier, &activations, &mut [product]);
                });
            });
        }
    }
}

/// The real small model, where it is on this machine.
fn small_model(max_batch: usize) -> Option<Engine> {
    let model = ModelRef::parse("smollm2-135m").expect("a name of the catalogue");
    let local = hub::locate(&model, &Environment::read().hub_options())?;
    let options = EngineOptions { max_batch, context: Some(2048), ..EngineOptions::default() };
    Some(Engine::load(&local.path, &options).expect("the model loads"))
}

#[expect(clippy::print_stderr, reason = "a measurement that is left out has to show")]
fn skip(what: &str) {
    eprintln!("skipped: {what} (smollm2-135m is not on this machine)");
}

/// Runs a stage; the seconds that its first job took to decode.
fn run(engine: &Engine, jobs: Vec<Job>) -> f64 {
    let mut left = jobs.len();
    let mut decode = 0.0f64;
    let mut updates = engine.submit(jobs);
    while left > 0 {
        match updates.blocking_recv().expect("every job is answered") {
            Update::Progress { .. } => continue,
            Update::Generated(_, answer) => {
                decode = decode.max(answer.expect("an answer").usage.decode_s);
            }
            Update::Scored(_, answer) => drop(answer.expect("a score")),
        }
        left -= 1;
    }
    decode
}

/// One pass that writes a token in each of so many rows, after a prompt of 32 tokens.
fn step(criterion: &mut Criterion) {
    /// Steps of one stage: some hundred positions, as in an answer.
    const STAGE: u64 = 128;
    for batch in [1, 8, 32] {
        let Some(engine) = small_model(batch) else {
            skip(&format!("one step of {batch} rows"));
            continue;
        };
        let prompt: Arc<[TokenId]> = (1000..1032).collect();
        let write = |row: usize, tokens: usize| {
            Job::Generate(GenerateRequest {
                prompt: Prompt { shared: Arc::clone(&prompt), own: Vec::new() },
                shape: None,
                sampling: Sampling { seed: row as u64, ..Sampling::default() },
                max_tokens: tokens,
                min_tokens: tokens,
            })
        };
        criterion.bench_function(&format!("one step of {batch} rows"), |bench| {
            bench.iter_custom(|steps| {
                let mut seconds = 0.0;
                let mut left = steps;
                while left > 0 {
                    let now = left.min(STAGE);
                    // The first token comes of the prompt's pass.
                    let jobs = (0..batch).map(|row| write(row, now as usize + 1)).collect();
                    seconds += run(&engine, jobs);
                    left -= now;
                }
                Duration::from_secs_f64(seconds)
            });
        });
    }
}

/// Sixteen jobs of one token each on one prefix of 1024 tokens that the engine has kept: what a
/// fork costs, and one pass over it.
fn fork(criterion: &mut Criterion) {
    let Some(engine) = small_model(16) else {
        skip("fork a prefix");
        return;
    };
    let shared: Arc<[TokenId]> = (1000..2024).collect();
    criterion.bench_function("16 one-token scores on a kept prefix of 1024", |bench| {
        bench.iter(|| {
            let score = |token| {
                let prompt = Prompt { shared: Arc::clone(&shared), own: vec![token] };
                Job::Score(ScoreRequest { prompt, want: Want::Labels(vec![vec![1]]) })
            };
            run(&engine, (500..516).map(score).collect())
        });
    });
}

criterion_group! {
    name = engine;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = products, step, fork, grammar, sampler
}
criterion_main!(engine);
