//! The engine's invariants, on a tiny model written by the test and on the real small one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama;
use persona::engine::chat::{Ending, Turn};
use persona::engine::gguf::GgufFile;
use persona::engine::grammar::{Shape, Source};
use persona::engine::kernels::{Cpu, Tier};
use persona::engine::kv_cache::{CellType, KvCache, RowRange, SequenceRows};
use persona::engine::sampler::Sampling;
use persona::engine::transformer::{Batch, Depth, Transformer};
use persona::engine::{
    DeviceChoice, Engine, EngineError, EngineOptions, GenerateRequest, Generation, Job, Prompt,
    Score, ScoreRequest, TokenId, Update, Want,
};

use crate::real_model::real_model;
use crate::tiny_gguf::{self, Weights};

/// Tolerance on log-probabilities of the real model, forked or chunked against whole. It is 0 where
/// our tiles are used, since one kernel serves any number of rows; elsewhere, candle's kernels
/// round differently for one row and for many.
fn kernel_tolerance() -> f32 {
    if Tier::detect() == Tier::Portable { 0.5 } else { 0.0 }
}

fn options() -> EngineOptions {
    EngineOptions { device: DeviceChoice::Cpu, ..EngineOptions::default() }
}

/// Weights for each kind of product: dense, candle's, and our tiles.
const WEIGHTS: [Weights; 3] = [Weights::F32, Weights::F16, Weights::Q8_0];

fn tiny() -> tempfile::TempPath {
    tiny_with(Weights::F32)
}

fn tiny_with(weights: Weights) -> tempfile::TempPath {
    let bytes = tiny_gguf::tiny_llama(&tiny_gguf::Options { weights, ..Default::default() });
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, &bytes).expect("written");
    file.into_temp_path()
}

fn engine(path: &Path, options: &EngineOptions) -> Engine {
    Engine::load(path, options).expect("the model loads")
}

/// Runs jobs, and returns their answers by job.
fn run(engine: &Engine, jobs: Vec<Job>) -> Vec<Result<Answer, EngineError>> {
    let mut answers: Vec<_> = (0..jobs.len()).map(|_| None).collect();
    let mut updates = engine.submit(jobs);
    while let Some(update) = updates.blocking_recv() {
        match update {
            Update::Progress { .. } => {}
            Update::Generated(index, answer) => answers[index] = Some(answer.map(Answer::Text)),
            Update::Scored(index, answer) => answers[index] = Some(answer.map(Answer::Score)),
        }
    }
    answers.into_iter().map(|answer| answer.expect("every job is answered")).collect()
}

#[derive(Debug)]
enum Answer {
    Text(Generation),
    Score(Score),
}

impl Answer {
    fn text(self) -> Generation {
        match self {
            Self::Text(generation) => generation,
            Self::Score(_) => panic!("a score where a text was asked for"),
        }
    }

    fn score(self) -> Score {
        match self {
            Self::Score(score) => score,
            Self::Text(_) => panic!("a text where a score was asked for"),
        }
    }
}

fn generate(engine: &Engine, jobs: Vec<Job>) -> Vec<Generation> {
    run(engine, jobs).into_iter().map(|answer| answer.expect("generated").text()).collect()
}

fn score(engine: &Engine, shared: &[TokenId], own: &[TokenId], then: &[TokenId]) -> Vec<f32> {
    let prompt = Prompt { shared: shared.into(), own: own.to_vec() };
    let job = Job::Score(ScoreRequest { prompt, want: Want::Continuation(then.to_vec()) });
    run(engine, vec![job]).remove(0).expect("scored").score().values
}

fn writes(engine: &Engine, prompts: &[&str], tokens: usize) -> Vec<Job> {
    prompts
        .iter()
        .enumerate()
        .map(|(seed, prompt)| {
            Job::Generate(GenerateRequest {
                prompt: Prompt {
                    shared: engine.encode("Once upon a time ").expect("tokens").into(),
                    own: engine.encode(prompt).expect("tokens"),
                },
                shape: None,
                sampling: Sampling { temperature: 0.8, seed: seed as u64, ..Sampling::default() },
                max_tokens: tokens,
                min_tokens: 0,
            })
        })
        .collect()
}

const PROMPTS: [&str; 6] = ["a cat", "the old man said", "x", "there were seven", "in a", "no one"];

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const TEXT: &str = "The nurse opened the schedule on her phone, found two shifts that overlapped, \
    and called the ward. Nobody answered, so she wrote a note and left it at the desk.";

#[test]
fn a_split_model_writes_what_the_whole_one_writes() {
    let whole = engine(&tiny(), &options());
    let folder = tempfile::tempdir().expect("a folder");
    for (part, bytes) in tiny_gguf::tiny_parts(&tiny_gguf::Options::default(), 3).iter().enumerate()
    {
        let name = format!("tiny-{:05}-of-00003.gguf", part + 1);
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    let split = engine(&folder.path().join("tiny-00001-of-00003.gguf"), &options());
    let text = |engine: &Engine| {
        let written = generate(engine, writes(engine, &["a", "the"], 12));
        written.into_iter().map(|generation| generation.text).collect::<Vec<_>>()
    };
    assert_eq!(text(&split), text(&whole));
    assert_eq!(split.info().parameters, whole.info().parameters);
}

#[test]
fn a_batch_writes_what_its_members_write_alone() {
    for weights in WEIGHTS {
        let path = tiny_with(weights);
        let batched = engine(&path, &options());
        let single = engine(&path, &EngineOptions { max_batch: 1, ..options() });
        let texts = |engine: &Engine| -> Vec<Vec<TokenId>> {
            generate(engine, writes(engine, &PROMPTS, 40)).into_iter().map(|g| g.tokens).collect()
        };
        assert_eq!(texts(&batched), texts(&single), "{weights:?}");
    }
}

#[test]
fn a_forked_prefix_scores_like_a_full_prefill() {
    for weights in WEIGHTS {
        let path = tiny_with(weights);
        let engine = engine(&path, &options());
        let tokens = engine.encode(TEXT).expect("tokens");
        let (prompt, then) = tokens.split_at(60);
        let forked = score(&engine, &prompt[..35], &prompt[35..], then);
        assert_eq!(forked, score(&engine, &[], prompt, then), "{weights:?}");
    }
}

#[test]
fn chunked_prefill_scores_like_a_whole_one() {
    for weights in WEIGHTS {
        let path = tiny_with(weights);
        let whole = engine(&path, &options());
        let chunked = engine(&path, &EngineOptions { prefill_chunk: 7, ..options() });
        let tokens = whole.encode(TEXT).expect("tokens");
        let (prompt, then) = tokens.split_at(40);
        let (a, b) = (score(&whole, &[], prompt, then), score(&chunked, &[], prompt, then));
        assert_eq!(a, b, "{weights:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let path = tiny();
    let engine = engine(&path, &options());
    let texts = |seed: u64| -> Vec<String> {
        let mut jobs = writes(&engine, &PROMPTS, 30);
        for job in &mut jobs {
            if let Job::Generate(request) = job {
                request.sampling.seed ^= seed;
            }
        }
        generate(&engine, jobs).into_iter().map(|generation| generation.text).collect()
    };
    assert_eq!(texts(7), texts(7));
    assert_ne!(texts(7), texts(8));
}

#[test]
fn a_long_continuation_scores_like_its_tokens_one_by_one() {
    let path = tiny();
    let engine = engine(&path, &options());
    let tokens = engine.encode(&TEXT.repeat(3)).expect("tokens");
    let (prompt, then) = tokens.split_at(20);
    let whole = score(&engine, &[], prompt, then);
    for at in [0, 1, 100, 300, then.len() - 1] {
        let alone = score(&engine, &[], &tokens[..20 + at], &then[at..=at]);
        assert_eq!(alone[..1], whole[at..=at], "token {at}");
    }
}

#[test]
fn no_answer_ends_before_its_fewest_tokens() {
    let path = tiny();
    let engine = engine(&path, &options());
    let lengths = |min_tokens: usize| -> Vec<usize> {
        let mut jobs = writes(&engine, &PROMPTS, 300);
        for job in &mut jobs {
            if let Job::Generate(request) = job {
                request.min_tokens = min_tokens;
            }
        }
        generate(&engine, jobs).into_iter().map(|generation| generation.tokens.len()).collect()
    };
    let free = lengths(0);
    assert!(free.iter().any(|&length| length < 200), "the model ends some answers: {free:?}");
    assert!(lengths(200).iter().all(|&length| length >= 200));
    assert_eq!(lengths(300), [300; PROMPTS.len()]);
}

#[test]
fn labels_sum_their_variants() {
    let path = tiny();
    let engine = engine(&path, &options());
    let prompt = || Prompt { shared: Arc::from([]), own: engine.encode(TEXT).expect("tokens") };
    let all: Vec<TokenId> = (0..engine.info().vocabulary as TokenId).collect();
    let want = Want::Labels(vec![all, vec![1], vec![2], vec![1, 2]]);
    let job = Job::Score(ScoreRequest { prompt: prompt(), want });
    let labels = run(&engine, vec![job]).remove(0).expect("scored").score().values;
    assert!(labels[0].abs() < 1e-4, "all tokens together have probability 1: {}", labels[0]);
    let sum = (labels[1].exp() + labels[2].exp()).ln();
    assert!((sum - labels[3]).abs() < 1e-5);
}

#[test]
fn a_state_is_the_mean_over_its_tokens_and_the_same_in_any_company() {
    let path = tiny();
    let alone = engine(&path, &options());
    let tokens = alone.encode(TEXT).expect("tokens");
    let state = |end: usize| {
        let prompt = Prompt { shared: Arc::from([]), own: tokens[..10].to_vec() };
        Job::Score(ScoreRequest { prompt, want: Want::State(tokens[10..end].to_vec()) })
    };
    let values = |answer: Result<Answer, EngineError>| answer.expect("a state").score().values;
    let single: Vec<Vec<f32>> =
        (11..=50).map(|end| values(run(&alone, vec![state(end)]).remove(0))).collect();
    let width = single[0].len() / 2;
    assert_eq!(single[0][..width], single[0][width..], "one token is its own mean");
    let sum = |at: usize| single[..4].iter().map(|state| state[width + at]).sum::<f32>();
    for at in 0..width {
        assert!((single[3][at] - sum(at) / 4.0).abs() < 1e-5, "the mean of four");
    }
    let options = EngineOptions { max_batch: 16, prefill_chunk: 7, ..options() };
    let together = engine(&path, &options);
    let mut jobs = writes(&together, &PROMPTS, 8);
    let written = jobs.len();
    jobs.extend((11..=50).map(state));
    jobs.extend(writes(&together, &PROMPTS, 8));
    let mut answers = run(&together, jobs);
    let after = answers.split_off(written + single.len());
    let states = answers.split_off(written).into_iter().map(values);
    assert!(states.eq(single.clone()), "beside others, and read piece by piece");
    let text = |answer: Result<Answer, EngineError>| answer.expect("a text").text().text;
    assert!(answers.into_iter().map(text).eq(after.into_iter().map(text)));
    let none = run(&alone, vec![state(10)]).remove(0);
    assert!(matches!(none, Err(EngineError::States(_))), "{none:?}");
}

#[test]
fn a_prompt_beyond_the_context_is_refused_and_the_rest_is_answered() {
    let path = tiny();
    let engine = engine(&path, &EngineOptions { context: Some(64), ..options() });
    let mut jobs = writes(&engine, &["short", "short too"], 8);
    if let Job::Generate(request) = &mut jobs[0] {
        request.prompt.own = vec![5; 80];
    }
    let answers = run(&engine, jobs);
    assert!(
        matches!(answers[0], Err(EngineError::TooLong { context: 64, .. })),
        "{:?}",
        answers[0]
    );
    assert!(answers[1].is_ok());
}

#[test]
fn a_context_longer_than_the_models_is_refused() {
    let path = tiny();
    let options = EngineOptions { context: Some(1 << 20), ..options() };
    let error = Engine::load(&path, &options).map(|_| ()).expect_err("too long");
    assert!(matches!(error, EngineError::Context { asked: 1_048_576, trained: 2048 }), "{error}");
}

#[test]
fn a_beginning_that_was_read_before_is_not_read_again() {
    let path = tiny();
    let tokens = engine(&path, &options()).encode(TEXT).expect("tokens");
    let read = |engine: &Engine, shared: &[TokenId]| {
        let prompt = Prompt { shared: shared.into(), own: tokens[80..90].to_vec() };
        let want = Want::Continuation(tokens[90..120].to_vec());
        run(engine, vec![Job::Score(ScoreRequest { prompt, want })]).remove(0)
    };
    let fresh =
        |shared: &[TokenId]| read(&engine(&path, &options()), shared).expect("scored").score();
    let kept = engine(&path, &options());
    for (beginning, cached) in [(&tokens[..80], 0), (&tokens[..80], 80), (&tokens[..60], 60)] {
        let score = read(&kept, beginning).expect("scored").score();
        assert_eq!(score.usage.cached_tokens, cached);
        assert_eq!(score.values, fresh(beginning).values, "{cached} cached");
    }
    // The same tokens for a while, and then another text.
    let other = [&tokens[..40], &tokens[98..138]].concat();
    let score = read(&kept, &other).expect("scored").score();
    assert_eq!(score.usage.cached_tokens, 40);
    assert_eq!(score.values, fresh(&other).values);
}

#[test]
fn an_answer_that_cannot_be_whole_within_its_budget_is_refused_before_it_is_begun() {
    let path = tiny();
    let engine = engine(&path, &options());
    let mut jobs = constrained(&engine, 2);
    if let Job::Generate(request) = &mut jobs[0] {
        request.max_tokens = 12;
    }
    let answers = run(&engine, jobs);
    let error = answers[0].as_ref().expect_err("refused").to_string();
    assert!(error.contains("12 are allowed"), "{error}");
    assert!(answers[1].is_ok());
}

#[test]
fn a_row_that_is_no_number_stops_and_the_batch_goes_on() {
    let bytes = tiny_gguf::tiny_llama(&tiny_gguf::Options { tied: false, ..Default::default() });
    let kept = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(kept.path(), &bytes).expect("written");
    let poisoned = engine(kept.path(), &options()).encode("x").expect("tokens")[0];
    let file = GgufFile::open(kept.path()).expect("a sound file");
    let embedding = file.tensor("token_embd.weight", &Device::Cpu).expect("the embedding");
    let rows = embedding.dequantize(&Device::Cpu).and_then(|t| t.to_vec2::<f32>()).expect("f32");
    let row: Vec<u8> = rows[poisoned as usize].iter().flat_map(|x| x.to_le_bytes()).collect();
    let at = bytes.windows(row.len()).position(|part| part == row).expect("the row");
    let mut bytes = bytes;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(kept.path(), &bytes).expect("written");
    let engine = engine(kept.path(), &options());
    let answers = run(&engine, writes(&engine, &PROMPTS[..3], 4));
    assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
    let error = answers[2].as_ref().expect_err("the third prompt is an x");
    assert!(matches!(error, EngineError::NotANumber { .. }), "{error}");
}

#[test]
fn an_architecture_that_is_not_ours_runs_by_candles_model_and_says_so() {
    for family in tiny_gguf::Family::FOREIGN {
        let kv_heads = if family == tiny_gguf::Family::Phi2 { 4 } else { 2 };
        let tied = family != tiny_gguf::Family::Phi2;
        let options_of = tiny_gguf::Options { family, kv_heads, tied, ..Default::default() };
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), tiny_gguf::tiny_model(&options_of)).expect("written");
        let engine = engine(file.path(), &options());
        assert_eq!(engine.info().batch, 1);
        assert!(engine.info().note.is_some_and(|note| note.contains("one sequence at a time")));
        let texts = |engine: &Engine| -> Vec<Vec<TokenId>> {
            generate(engine, writes(engine, &PROMPTS, 12)).into_iter().map(|g| g.tokens).collect()
        };
        assert_eq!(texts(&engine), texts(&engine), "{family:?}");
        for generation in generate(&engine, constrained(&engine, 2)) {
            check_constrained(&generation);
        }
        let tokens = engine.encode(TEXT).expect("tokens");
        let (prompt, then) = tokens.split_at(30);
        let split = score(&engine, &prompt[..20], &prompt[20..], then);
        assert!(worst(&split, &score(&engine, &[], prompt, then)) < 1e-4, "{family:?}");
    }
}

#[test]
fn dropping_the_answers_cancels_and_the_engine_goes_on() {
    let path = tiny();
    let engine = engine(&path, &options());
    let long = |count: usize| {
        let mut jobs = writes(&engine, &vec!["a cat"; count], 500);
        for job in &mut jobs {
            if let Job::Generate(request) = job {
                request.min_tokens = 500;
            }
        }
        jobs
    };
    let mut updates = engine.submit(long(40));
    assert!(updates.blocking_recv().is_some(), "they are begun");
    drop(updates);
    let next = generate(&engine, long(1))[0].usage;
    // Were they not cancelled, it would wait for several batches of jobs as long as itself.
    assert!(next.queue_s < next.decode_s, "{next:?}");
}

/// A small shape in the manner of a draft's.
fn quote_shape() -> Arc<Shape> {
    let source = |id: &str, text: &str| Source { id: id.to_owned(), cells: vec![text.to_owned()] };
    let sources = vec![
        source("f1#0", "I said \"never again\" when the rota changed, and I meant it {really}."),
        source("f1#1", "<|im_end|> Das Café öffnet um 7 🙂, then we wait for the others to come."),
        source("f1#2", "قال الممرض إن الجدول يتغير كل يوم ولا أحد يخبرنا بذلك قبل الدوام"),
    ];
    Arc::new(Shape::Object(vec![
        (
            "quotes".to_owned(),
            Shape::Array { item: Box::new(Shape::Excerpt(sources)), min: 1, max: 2 },
        ),
        ("mood".to_owned(), Shape::OneOf(vec!["calm".to_owned(), "tired".to_owned()])),
        ("summary".to_owned(), Shape::Text { min: 20, max: 120 }),
    ]))
}

fn constrained(engine: &Engine, count: usize) -> Vec<Job> {
    let shape = quote_shape();
    let max_tokens = shape.max_bytes();
    (0..count)
        .map(|seed| {
            let turns = [Turn { role: "user", content: "Describe the person <|im_end|> in JSON." }];
            Job::Generate(GenerateRequest {
                prompt: Prompt {
                    shared: Arc::from([]),
                    own: engine.encode_chat(&turns, Ending::AssistantHeader).expect("tokens"),
                },
                shape: Some(Arc::clone(&shape)),
                sampling: Sampling { temperature: 1.2, seed: seed as u64, ..Sampling::default() },
                max_tokens,
                min_tokens: 0,
            })
        })
        .collect()
}

/// Parses an answer of [`quote_shape`] and checks that its quotes are verbatim.
fn check_constrained(generation: &Generation) {
    let answer: serde_json::Value = serde_json::from_str(&generation.text)
        .unwrap_or_else(|error| panic!("{error} in {}", generation.text));
    let shape = quote_shape();
    let Shape::Object(fields) = shape.as_ref() else { panic!("an object") };
    let Shape::Array { item, .. } = &fields[0].1 else { panic!("an array") };
    let Shape::Excerpt(sources) = item.as_ref() else { panic!("excerpts") };
    for quote in answer["quotes"].as_array().expect("an array") {
        let source = sources.iter().find(|source| quote["record"] == source.id.as_str());
        let cell = &source.expect("a known record").cells[0];
        assert!(cell.contains(quote["text"].as_str().expect("a string")), "{quote}");
    }
}

#[test]
fn constrained_answers_of_an_untrained_model_always_parse() {
    let path = tiny();
    let engine = engine(&path, &options());
    for generation in generate(&engine, constrained(&engine, 24)) {
        check_constrained(&generation);
    }
}

#[test]
fn constrained_answers_of_the_real_model_always_parse() {
    let engine = engine(&real_model(), &options());
    let generations = generate(&engine, constrained(&engine, 8));
    let forced: usize = generations.iter().map(|g| g.usage.forced_tokens).sum();
    generations.iter().for_each(check_constrained);
    assert!(forced > 8 * 10, "the grammar forces the skeleton, but only {forced} tokens were");
}

#[test]
fn the_real_model_keeps_the_batch_invariants_within_the_kernels_tolerance() {
    let path = real_model();
    let whole = engine(&path, &options());
    let tokens = whole.encode(TEXT).expect("tokens");
    let (prompt, then) = tokens.split_at(20);
    let full = score(&whole, &[], prompt, then);
    let forked = score(&whole, &prompt[..12], &prompt[12..], then);
    let chunked = engine(&path, &EngineOptions { prefill_chunk: 1, ..options() });
    let one_by_one = score(&chunked, &[], prompt, then);
    let (fork, chunk) = (worst(&full, &forked), worst(&full, &one_by_one));
    println!("real model: forked prefix off by {fork:e}, one row at a time off by {chunk:e}");
    assert!(fork <= kernel_tolerance() && chunk <= kernel_tolerance(), "{fork} {chunk}");
}

#[test]
fn a_batch_of_the_real_model_writes_what_its_members_write_alone() {
    if Tier::detect() == Tier::Portable {
        eprintln!("skipped: without AVX2 candle's products serve, which round by the row count");
        return;
    }
    let path = real_model();
    let texts = |max_batch: usize| -> Vec<Vec<TokenId>> {
        let engine = engine(&path, &EngineOptions { max_batch, ..options() });
        generate(&engine, writes(&engine, &PROMPTS, 40)).into_iter().map(|g| g.tokens).collect()
    };
    assert_eq!(texts(8), texts(1));
}

#[test]
fn the_real_model_repeats_itself_for_the_same_seed() {
    let path = real_model();
    let texts = || -> Vec<String> {
        let engine = engine(&path, &options());
        generate(&engine, constrained(&engine, 3)).into_iter().map(|g| g.text).collect()
    };
    assert_eq!(texts(), texts());
}

/// Compares our logits with those of candle's own model, one token of `tokens` at a time.
fn parity(path: &PathBuf, tokens: &[TokenId]) -> Parity {
    let mut reader = std::fs::File::open(path).expect("the model opens");
    let content = candle_core::quantized::gguf_file::Content::read(&mut reader).expect("read");
    let mut theirs = quantized_llama::ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)
        .expect("oracle");
    let file = GgufFile::open(path).expect("the model opens");
    let params = file.hyper_params().expect("our block");
    let cpu = Cpu::new(2, Tier::detect());
    let ours = Transformer::load(&file, params, tokens.len(), &Device::Cpu, cpu).expect("loads");
    let mut cache = KvCache::new(ours.layers(), ours.heads(), Device::Cpu, CellType::F16);
    let id = cache.fork(None);
    let mut parity = Parity::default();
    for (position, token) in tokens.iter().enumerate() {
        let input =
            Tensor::new(&[*token], &Device::Cpu).and_then(|t| t.unsqueeze(0)).expect("a token");
        let expected = theirs.forward(&input, position).and_then(|t| t.flatten_all()?.to_vec1());
        let rows = RowRange { first: 0, count: 1 };
        let batch = Batch {
            tokens: &[*token],
            sequences: &[SequenceRows { id, rows }],
            wanted: &[0],
            depth: Depth::Whole,
        };
        let got = ours.forward(&batch, &mut cache).and_then(|t| t.flatten_all()?.to_vec1());
        parity.add(&expected.expect("their logits"), &got.expect("our logits"));
    }
    parity
}

#[derive(Default, Debug)]
struct Parity {
    positions: usize,
    close_calls: usize,
    agreed: usize,
    /// Largest root-mean-square difference over the vocabulary at one position.
    rms: f32,
    /// Largest difference of a single logit.
    worst: f32,
}

/// Tolerance on the root-mean-square difference of the logits at one position. Both sides round
/// every activation to eight bits; candle also rounds each block's scale and sum to sixteen.
const LOGIT_TOLERANCE: f32 = 0.75;

impl Parity {
    fn add(&mut self, expected: &[f32], got: &[f32]) {
        let top = |logits: &[f32]| {
            let by_value = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]);
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.select_nth_unstable_by(1, by_value);
            order[..2].sort_unstable_by(by_value);
            (order[0], logits[order[0]] - logits[order[1]])
        };
        let ((theirs, margin), (ours, _)) = (top(expected), top(got));
        let squares: f32 = expected.iter().zip(got).map(|(a, b)| (a - b) * (a - b)).sum();
        self.positions += 1;
        self.rms = self.rms.max((squares / expected.len() as f32).sqrt());
        self.worst = self.worst.max(worst(expected, got));
        if margin < LOGIT_TOLERANCE {
            self.close_calls += 1;
        } else if theirs == ours {
            self.agreed += 1;
        }
    }

    fn check(&self) {
        println!("against candle's own llama: {self:?}");
        assert!(self.rms < LOGIT_TOLERANCE, "{self:?}");
        let decided = self.positions - self.close_calls;
        assert!(self.agreed * 100 >= decided * 99 && decided * 3 > self.positions, "{self:?}");
    }
}

/// The first `count` tokens of a text with few repetitions.
fn prose(engine: &Engine, count: usize) -> Vec<TokenId> {
    let text = include_str!("../../examples/interviews.csv");
    let tokens = engine.encode(text).expect("tokens");
    tokens[..count].to_vec()
}

#[test]
fn logits_agree_with_candles_own_llama() {
    let path = real_model();
    parity(&path, &prose(&engine(&path, &options()), 60)).check();
}

#[test]
#[ignore = "most of a minute: candle's own model is slow on these weights"]
fn logits_agree_with_candles_own_llama_over_600_positions() {
    let path = real_model();
    parity(&path, &prose(&engine(&path, &options()), 600)).check();
}
