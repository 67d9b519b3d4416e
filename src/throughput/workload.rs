//! What each test hands to the engine, and how its time is taken.
//!
//! Owns the prompts: real text, the examples of this repository, cut to a number of tokens. Each
//! repetition of each test begins at another place in the text, so that no prefix that the engine
//! has kept makes reading free. `benches/against_llama_cpp.py` builds the same prompts for
//! llama.cpp; change both.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::grammar::Shape;
use crate::engine::sampler::Sampling;
use crate::engine::{
    Engine, EngineError, EngineUsage, GenerateRequest, Job, Prompt, Score, ScoreRequest, TokenId,
    Update, Want,
};
use crate::pipeline::Cancel;

use super::{Sample, Test, ThroughputError};

/// The text that prompts are cut from.
const TEXT: &str = concat!(
    include_str!("../../examples/transcript.md"),
    include_str!("../../examples/interviews.csv"),
    include_str!("../../examples/survey.json"),
);
/// Tokens between the places where two repetitions begin: a prime, so that places repeat late.
const STRIDE: usize = 997;
/// Number of answer tokens in a row of `shared`.
const ANSWER: usize = 200;
/// Number of tokens in a draft that is judged.
const DRAFT: usize = 300;
/// Number of tokens in a window of `ppl`: llama-perplexity's default, `-c 512`.
const WINDOW: usize = 512;

/// The text between the records and the answer of `json`.
const ASK: &str = "\n\nOne of these people as a persona, written as JSON:\n";
/// The text before a draft that is judged.
const JUDGE: &str = "You rate personas made from user research. You get the persona, then a \
                     question. Answer with one digit from 1 (not at all) to 5 (fully).\n\n";
/// The questions that are asked about a draft.
const CRITERIA: [&str; 4] = [
    "Do all parts of this persona fit together, without contradiction?",
    "Could this persona be a real person, with specific needs and habits?",
    "Would this persona help a team decide what to build?",
    "Is everything the persona says supported by the records?",
];

/// Runs one repetition of a test that the engine alone answers.
pub(super) fn run(
    test: Test,
    engine: &Engine,
    round: usize,
    cancel: &Cancel,
) -> Result<Sample, ThroughputError> {
    let text = Text::new(engine, TEXT)?.from(round * STRIDE + place(test));
    match test {
        Test::Prefill { tokens, depth } => prefill(engine, &text, tokens, depth, cancel),
        Test::Decode { tokens, depth } => decode(engine, &text, tokens, depth, cancel),
        Test::Shared { rows, prefix } => {
            let shared = text.prefix(engine, prefix, &[]);
            let jobs = (0..rows).map(|row| write(&shared, seed(round, row), None)).collect();
            written(engine, jobs, cancel).map(|(sample, _)| sample)
        }
        Test::Json { rows, prefix } => {
            let shared = text.prefix(engine, prefix, &engine.encode(ASK)?);
            let shape = Arc::new(persona());
            let jobs = (0..rows).map(|row| write(&shared, seed(round, row), Some(&shape)));
            let (sample, answers) = written(engine, jobs.collect(), cancel)?;
            for answer in answers {
                if let Err(error) = serde_json::from_str::<serde_json::Value>(&answer) {
                    let message = format!("a constrained answer is not JSON ({error}): {answer}");
                    return Err(ThroughputError::Unusable(message));
                }
            }
            Ok(sample)
        }
        Test::Judge { drafts } => judge(engine, &text, drafts, cancel),
        Test::Job | Test::Perplexity => unreachable!("not a test of the engine alone"),
    }
}

/// The token of the text at which a test begins. What the numbers are does not matter: each test has
/// its own, so that none begins with what the engine still holds of another.
fn place(test: Test) -> usize {
    match test {
        Test::Prefill { tokens, depth } => tokens + depth,
        Test::Decode { .. } => 101,
        Test::Shared { .. } => 211,
        Test::Json { .. } => 307,
        Test::Judge { .. } => 401,
        Test::Job | Test::Perplexity => 0,
    }
}

/// Perplexity as llama-perplexity computes it: the text is cut into windows that each begin afresh,
/// and the second half of each window is predicted.
pub(super) fn perplexity(
    engine: &Engine,
    text: Option<&str>,
    cancel: &Cancel,
) -> Result<Sample, ThroughputError> {
    let text = text.unwrap_or(TEXT);
    let begin = engine.begin();
    let mut tokens: Vec<TokenId> = begin.into_iter().collect();
    tokens.extend(engine.encode(text.strip_suffix('\n').unwrap_or(text))?);
    let half = WINDOW / 2;
    let windows = tokens.chunks_exact_mut(WINDOW).map(|window| {
        // As in llama-perplexity, the begin token replaces the first token of the window.
        if let Some(begin) = begin {
            window[0] = begin;
        }
        let prompt = Prompt { shared: Arc::from([]), own: window[..=half].to_vec() };
        Job::Score(ScoreRequest { prompt, want: Want::Continuation(window[half + 1..].to_vec()) })
    });
    let jobs: Vec<Job> = windows.collect();
    if jobs.len() < 2 {
        return Err(ThroughputError::Unusable(format!(
            "perplexity needs a text of at least {} tokens, and this one has {}",
            2 * WINDOW,
            tokens.len()
        )));
    }
    let stage = run_stage(engine, jobs, cancel)?;
    let log_probs: Vec<f64> =
        stage.scores.iter().flat_map(|score| score.values.iter().copied().map(f64::from)).collect();
    let mean = log_probs.iter().sum::<f64>() / log_probs.len() as f64;
    Ok(Sample {
        tokens: tokens.len() / WINDOW * WINDOW,
        seconds: stage.seconds,
        prefill_s: None,
        perplexity: Some((-mean).exp()),
    })
}

fn prefill(
    engine: &Engine,
    text: &Text,
    tokens: usize,
    depth: usize,
    cancel: &Cancel,
) -> Result<Sample, ThroughputError> {
    let prompt = text.take(depth + tokens);
    let prompt = Prompt { shared: prompt[..depth].into(), own: prompt[depth..].to_vec() };
    // One label: like llama-bench, this reads the logits of the last token.
    let job = Job::Score(ScoreRequest { prompt, want: Want::Labels(vec![vec![0]]) });
    let stage = run_stage(engine, vec![job], cancel)?;
    // The tokens before are not timed, and only the engine knows when they had been read.
    let seconds = if depth == 0 { stage.seconds } else { stage.usages[0].prefill_s };
    Ok(Sample { tokens, seconds, ..Sample::default() })
}

fn decode(
    engine: &Engine,
    text: &Text,
    tokens: usize,
    depth: usize,
    cancel: &Cancel,
) -> Result<Sample, ThroughputError> {
    // The first token comes from the prompt's pass, so one more token makes `tokens` passes.
    let count = tokens + 1;
    let job = Job::Generate(GenerateRequest {
        prompt: Prompt { shared: Arc::from([]), own: text.take(depth + 1) },
        shape: None,
        sampling: Sampling { seed: 1, ..Sampling::default() },
        max_tokens: count,
        min_tokens: count,
    });
    let stage = run_stage(engine, vec![job], cancel)?;
    Ok(Sample { tokens, seconds: stage.usages[0].decode_s, ..Sample::default() })
}

fn judge(
    engine: &Engine,
    text: &Text,
    drafts: usize,
    cancel: &Cancel,
) -> Result<Sample, ThroughputError> {
    let head = engine.encode(JUDGE)?;
    let labels: Vec<Vec<TokenId>> =
        (1..=5).map(|digit| label(engine, &digit.to_string())).collect::<Result<_, _>>()?;
    let mut jobs = Vec::with_capacity(drafts * CRITERIA.len());
    let mut tokens = 0;
    for draft in 0..drafts {
        let mut shared: Vec<TokenId> = engine.begin().into_iter().chain(head.clone()).collect();
        shared.extend(text.from(draft * DRAFT).take(DRAFT));
        let shared: Arc<[TokenId]> = shared.into();
        tokens += shared.len();
        for question in CRITERIA {
            let own = engine.encode(&format!("\n\n{question} Answer with one digit: "))?;
            tokens += own.len();
            let prompt = Prompt { shared: Arc::clone(&shared), own };
            jobs.push(Job::Score(ScoreRequest { prompt, want: Want::Labels(labels.clone()) }));
        }
    }
    let stage = run_stage(engine, jobs, cancel)?;
    Ok(Sample { tokens, seconds: stage.seconds, ..Sample::default() })
}

/// The tokens that spell a label. Where a spelling takes several tokens, the last one tells it from
/// other labels.
fn label(engine: &Engine, text: &str) -> Result<Vec<TokenId>, EngineError> {
    let mut variants: Vec<TokenId> = Vec::new();
    for spelled in [text.to_owned(), format!(" {text}")] {
        if let Some(&last) = engine.encode(&spelled)?.last()
            && !variants.contains(&last)
        {
            variants.push(last);
        }
    }
    Ok(variants)
}

/// The job of one row of `shared` or `json`.
fn write(shared: &Arc<[TokenId]>, seed: u64, shape: Option<&Arc<Shape>>) -> Job {
    Job::Generate(GenerateRequest {
        prompt: Prompt { shared: Arc::clone(shared), own: Vec::new() },
        shape: shape.cloned(),
        sampling: Sampling { seed, ..Sampling::default() },
        max_tokens: shape.map_or(ANSWER, |shape| shape.max_bytes()),
        min_tokens: ANSWER,
    })
}

fn seed(round: usize, row: usize) -> u64 {
    (round * 1000 + row) as u64
}

/// Runs writers on one common beginning; returns the figures and the answers.
fn written(
    engine: &Engine,
    jobs: Vec<Job>,
    cancel: &Cancel,
) -> Result<(Sample, Vec<String>), ThroughputError> {
    let stage = run_stage(engine, jobs, cancel)?;
    let tokens = stage.usages.iter().map(|usage| usage.completion_tokens).sum();
    // The seconds from the first row's first token on: with more rows than fit the batch, the
    // longest row alone is not the whole.
    let decode_s = stage.usages.iter().map(|usage| usage.decode_s).fold(0.0, f64::max);
    let prefill_s = Some((stage.seconds - decode_s).max(0.0));
    let sample = Sample { tokens, seconds: stage.seconds, prefill_s, perplexity: None };
    Ok((sample, stage.texts))
}

/// A draft as the pipeline asks for it, in some hundred tokens: the same kinds of fields and
/// bounds. Quotes are left out, because no other engine has such a constraint to compare with.
fn persona() -> Shape {
    let text = |min, max| Shape::Text { min, max };
    let list = |min, max| Shape::Array { item: Box::new(text(min, max)), min: 2, max: 2 };
    let fields = [
        ("name", text(3, 30)),
        ("who_they_are_in_a_few_words", text(8, 60)),
        ("what_they_want", list(20, 100)),
        ("what_gets_in_their_way", list(20, 100)),
        ("what_they_do_today", list(20, 100)),
        ("summary_in_two_sentences", text(60, 240)),
    ];
    Shape::Object(fields.map(|(key, shape)| (key.to_owned(), shape)).into())
}

/// A text's tokens as a ring: after the last comes the first.
struct Text {
    tokens: Arc<[TokenId]>,
    start: usize,
}

impl Text {
    fn new(engine: &Engine, text: &str) -> Result<Self, EngineError> {
        Ok(Self { tokens: engine.encode(text)?.into(), start: 0 })
    }

    /// The same text, beginning this many tokens later.
    fn from(&self, tokens: usize) -> Self {
        Self { tokens: Arc::clone(&self.tokens), start: self.start + tokens }
    }

    fn take(&self, count: usize) -> Vec<TokenId> {
        (self.start..self.start + count).map(|at| self.tokens[at % self.tokens.len()]).collect()
    }

    /// Tokens for a prompt that ends in `end`: exactly `length` of them, where the begin token and
    /// `end` fit.
    fn prefix(&self, engine: &Engine, length: usize, end: &[TokenId]) -> Arc<[TokenId]> {
        let begin: Vec<TokenId> = engine.begin().into_iter().collect();
        let middle = length.saturating_sub(begin.len() + end.len()).max(1);
        [begin, self.take(middle), end.to_vec()].concat().into()
    }
}

/// The results of a stage.
#[derive(Default)]
struct Stage {
    /// Seconds from submission to the last answer.
    seconds: f64,
    /// What each job cost, by job.
    usages: Vec<EngineUsage>,
    /// The texts of writers, by job.
    texts: Vec<String>,
    /// The scores of scorers, by job.
    scores: Vec<Score>,
}

fn run_stage(engine: &Engine, jobs: Vec<Job>, cancel: &Cancel) -> Result<Stage, ThroughputError> {
    let mut answers: Vec<Option<(EngineUsage, String, Score)>> = vec![None; jobs.len()];
    let started = Instant::now();
    let mut updates = engine.submit(jobs);
    let mut left = answers.len();
    while left > 0 {
        let Some(update) = updates.blocking_recv() else {
            return Err(ThroughputError::Job("the engine stopped".to_owned()));
        };
        if cancel.is_cancelled() {
            return Err(ThroughputError::Cancelled);
        }
        let (index, answer) = match update {
            Update::Progress { .. } => continue,
            Update::Generated(index, generation) => {
                let generation = generation?;
                let none = Score { values: Vec::new(), usage: generation.usage };
                (index, (generation.usage, generation.text, none))
            }
            Update::Scored(index, score) => {
                let score = score?;
                (index, (score.usage, String::new(), score))
            }
        };
        answers[index] = Some(answer);
        left -= 1;
    }
    let mut stage = Stage { seconds: started.elapsed().as_secs_f64(), ..Stage::default() };
    for (usage, text, score) in answers.into_iter().flatten() {
        stage.usages.push(usage);
        stage.texts.push(text);
        stage.scores.push(score);
    }
    Ok(stage)
}
