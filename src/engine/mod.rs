//! In-process inference on quantised GGUF models, through candle.
//!
//! This file is the whole face: load an [`Engine`], submit a stage of [`Job`]s, read [`Update`]s.
//! The engine knows tokens, tensors, GGUF and grammars. It has never heard of personas, prompts,
//! money or HTTP. `README.md` in this folder says why it is fast and what not to break.

pub mod chat;
mod excerpt;
pub mod gguf;
pub mod grammar;
mod lowering;
pub mod sampler;
pub mod tokenizer;

use std::sync::Arc;

use grammar::Shape;
use sampler::Sampling;

/// A token of the model's vocabulary.
pub type TokenId = u32;

/// One unit of work. A stage is submitted as one list, and which rows a forward pass holds is a
/// function of that list alone, never of arrival time.
#[derive(Debug, Clone)]
pub enum Job {
    /// Write text.
    Generate(GenerateRequest),
    /// Read probabilities; prefill only.
    Score(ScoreRequest),
}

/// Tokens before the answer, split where requests part: equal `shared` slices (by content) are
/// prefilled once and forked.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The common beginning; may be empty.
    pub shared: Arc<[TokenId]>,
    /// What only this request has; `shared` + `own` holds at least one token.
    pub own: Vec<TokenId>,
}

/// Text to write.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// What comes before.
    pub prompt: Prompt,
    /// When set, the answer is one JSON document of this shape, always.
    pub shape: Option<Arc<Shape>>,
    /// How logits become tokens; carries the request's seed.
    pub sampling: Sampling,
    /// Upper bound on answer tokens.
    pub max_tokens: usize,
}

/// Probabilities to read.
#[derive(Debug, Clone)]
pub struct ScoreRequest {
    /// What comes before.
    pub prompt: Prompt,
    /// What to read.
    pub want: Want,
}

/// What a score request reads.
#[derive(Debug, Clone)]
pub enum Want {
    /// For each label, the tokens that spell it (variants, for example with a leading space); the
    /// answer sums each label's variants at the position after the prompt.
    Labels(Vec<Vec<TokenId>>),
    /// Log-probabilities of these tokens after the prompt.
    Continuation(Vec<TokenId>),
}

/// News from the worker about job `index` of a stage.
#[derive(Debug)]
pub enum Update {
    /// Tokens read or written since the last report, for progress; carries no index because it
    /// counts the whole stage.
    Progress {
        /// Prompt tokens computed.
        prefilled: usize,
        /// Answer tokens decoded.
        decoded: usize,
    },
    /// A generation ended.
    Generated(usize, Result<Generation, EngineError>),
    /// A score is known.
    Scored(usize, Result<Score, EngineError>),
}

/// A finished answer.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The answer as text.
    pub text: String,
    /// Its tokens, without the end token.
    pub tokens: Vec<TokenId>,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens and times.
    pub usage: EngineUsage,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model or the grammar ended it.
    Stop,
    /// `max_tokens` was reached.
    Length,
}

/// A finished score.
#[derive(Debug, Clone)]
pub struct Score {
    /// [`Want::Labels`]: log of the summed probability of each label.
    /// [`Want::Continuation`]: log-probability of each token.
    pub log_probs: Vec<f32>,
    /// Tokens and times.
    pub usage: EngineUsage,
}

/// What one job cost. Times are wall-clock seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineUsage {
    /// Prompt tokens, shared ones included.
    pub prompt_tokens: usize,
    /// Prompt tokens that were already in the cache.
    pub cached_tokens: usize,
    /// Answer tokens.
    pub completion_tokens: usize,
    /// Answer tokens that the grammar forced and no forward pass sampled.
    pub forced_tokens: usize,
    /// From submission to the first own forward pass.
    pub queue_s: f64,
    /// Prefilling.
    pub prefill_s: f64,
    /// Decoding.
    pub decode_s: f64,
}

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is not a usable model.
    #[error("cannot use {path}: {reason}")]
    BadModel {
        /// The file.
        path: String,
        /// Which field, what it says, what to do.
        reason: String,
    },
    /// The architecture is not one of ours.
    #[error(
        "cannot run architecture '{found}' of {path}; supported: {supported}\nhint: choose another model with --model"
    )]
    Unsupported {
        /// The file.
        path: String,
        /// `general.architecture` as the file has it.
        found: String,
        /// What this build runs.
        supported: String,
    },
    /// Weights and cache do not fit the memory.
    #[error("{0}")]
    TooLarge(String),
    /// Prompt and answer do not fit the context.
    #[error("the prompt has {prompt} tokens and the answer up to {answer}, but the context is {context}")]
    TooLong {
        /// Prompt tokens.
        prompt: usize,
        /// Requested answer tokens.
        answer: usize,
        /// Context of the model or of `--context`.
        context: usize,
    },
    /// A shape that cannot be lowered to a grammar.
    #[error("cannot constrain the answer: {0}")]
    Grammar(String),
    /// The model's chat template cannot be used.
    #[error("cannot render the model's chat template: {0}")]
    Template(String),
    /// The computation itself failed.
    #[error("inference failed: {0}")]
    Compute(String),
    /// The request was dropped before it ended.
    #[error("cancelled")]
    Cancelled,
}

/// Where and how to run.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// CPU, CUDA or Metal.
    pub device: DeviceChoice,
    /// Compute threads; `None` takes candle's default, the physical cores.
    pub threads: Option<usize>,
    /// Sequences decoded together.
    pub max_batch: usize,
    /// Context in tokens; `None` takes the model's, at most 8192.
    pub context: Option<usize>,
    /// Prompt tokens in one forward pass.
    pub prefill_chunk: usize,
    /// A `tokenizer.json` that replaces the file's own tokenizer.
    pub tokenizer: Option<std::path::PathBuf>,
}

/// `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA or Metal when this build has it and the machine offers it, else CPU.
    #[default]
    Auto,
    /// CPU.
    Cpu,
    /// The first CUDA device.
    Cuda,
    /// The first Metal device.
    Metal,
}

/// What a loaded model is.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`, or the file's stem.
    pub name: String,
    /// Parameters: elements over all tensors.
    pub parameters: u64,
    /// Context in tokens, as it will be used.
    pub context: usize,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Vocabulary size.
    pub vocabulary: usize,
    /// Where it runs: `cpu`, `cuda:0`, `metal:0`.
    pub device: String,
}
