//! In-process inference on quantised GGUF models, through candle.
//!
//! This file is the whole face: load an [`Engine`], submit a stage of [`Job`]s, read [`Update`]s.
//! The engine knows tokens, tensors, GGUF and grammars. It has never heard of personas, prompts,
//! money or HTTP. `README.md` in this folder says why it is fast and what not to break.

pub mod architecture;
pub mod gguf;
pub mod tokenizer;

pub mod chat;

mod decoder;
pub mod foreign;
mod pass_cpu;
mod pass_tensors;
pub mod transformer;

pub mod kv_cache;
pub mod linear;
mod memory;
mod prefixes;

pub mod scheduler;
mod worker;

pub mod sampler;

mod excerpt;
pub mod grammar;
mod lowering;

pub mod kernels;

pub mod token_classifier;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use candle_core::Device;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use chat::{ChatTemplate, Ending, Turn};
use decoder::Decoder;
use foreign::ForeignModel;
use gguf::{GgufFile, HyperParams};
use grammar::{Shape, Vocabulary};
use kernels::attention::Heads;
use kernels::{Cpu, Tier};
use kv_cache::{CellType, KvCache};
use memory::{Fit, Needs};
use prefixes::Prefixes;
use sampler::Sampling;
use scheduler::Limits;
use tokenizer::{Specials, Tokenizer};
use transformer::Transformer;
use worker::{Stage, Worker};

/// The id of a token of the model's vocabulary.
pub type TokenId = u32;

/// One unit of work. A stage is submitted as one list of jobs, and which rows a forward pass holds
/// depends on that list alone, never on arrival time.
#[derive(Debug, Clone)]
pub enum Job {
    /// Write text.
    Generate(GenerateRequest),
    /// Read the probabilities of given tokens; prefill only.
    Score(ScoreRequest),
}

/// Tokens before the answer, split where requests differ: equal `shared` slices (by content) are
/// prefilled once and forked.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The beginning that requests have in common; may be empty.
    pub shared: Arc<[TokenId]>,
    /// The tokens that only this request has; `shared` and `own` together hold at least one token.
    pub own: Vec<TokenId>,
}

/// A request to write text.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// The tokens before the answer.
    pub prompt: Prompt,
    /// When set, the answer is one JSON document of this shape, always.
    pub shape: Option<Arc<Shape>>,
    /// How logits become tokens; carries the request's seed.
    pub sampling: Sampling,
    /// Most answer tokens.
    pub max_tokens: usize,
    /// Fewest answer tokens before the model may end the answer: 0 except where speed is measured.
    /// A shape decides by itself when its answer ends, so this has no effect on it.
    pub min_tokens: usize,
}

/// A request to read probabilities.
#[derive(Debug, Clone)]
pub struct ScoreRequest {
    /// The tokens before those that are read.
    pub prompt: Prompt,
    /// Which probabilities to read.
    pub want: Want,
}

/// What a score request reads.
#[derive(Debug, Clone)]
pub enum Want {
    /// The probability of each label after the prompt. A label is given by the tokens that spell it
    /// (variants, for example with a leading space), whose probabilities are summed.
    Labels(Vec<Vec<TokenId>>),
    /// The log-probabilities of these tokens, one after the other, after the prompt.
    Continuation(Vec<TokenId>),
    /// The mean over these tokens, after the prompt, of the hidden states in the middle of the model,
    /// and then that of the last of them: twice as many numbers as the model is wide.
    State(Vec<TokenId>),
}

/// News from the worker about a stage, or about the job of a given index in it.
#[derive(Debug)]
pub enum Update {
    /// Tokens read or written since the last report, for showing progress. Carries no index because
    /// it counts over the whole stage.
    Progress {
        /// Prompt tokens computed.
        prefilled: usize,
        /// Answer tokens decoded.
        decoded: usize,
    },
    /// The generation of the job with this index ended.
    Generated(usize, Result<Generation, EngineError>),
    /// The score of the job with this index is known.
    Scored(usize, Result<Score, EngineError>),
}

/// A finished answer.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The answer as text.
    pub text: String,
    /// The answer's tokens, without the end token.
    pub tokens: Vec<TokenId>,
    /// Why the answer ended.
    pub finish: Finish,
    /// What the job cost.
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
    /// For [`Want::Labels`], the natural logarithm of each label's summed probability. For
    /// [`Want::Continuation`], the log-probability of each token. For [`Want::State`], the state.
    pub values: Vec<f32>,
    /// What the job cost.
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
    /// Seconds from submission until the job's own tokens could be fed; reading the beginning that it
    /// shares counts here.
    pub queue_s: f64,
    /// Seconds from then to the first logits: reading the prompt's own tokens.
    pub prefill_s: f64,
    /// Seconds spent on the answer.
    pub decode_s: f64,
}

/// What went wrong, divided by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is not a usable model.
    #[error("cannot use {path}: {reason}")]
    BadModel {
        /// Path of the file.
        path: String,
        /// Which field is wrong, what it holds, and what to do.
        reason: String,
    },
    /// The architecture is not one that this build runs.
    #[error(
        "cannot run architecture '{found}' of {path}; supported: {supported}\nhint: choose another model with --model"
    )]
    Unsupported {
        /// Path of the file.
        path: String,
        /// `general.architecture` in the file.
        found: String,
        /// The architectures that this build runs.
        supported: String,
    },
    /// The context asked for is longer than the model's.
    #[error(
        "a context of {asked} tokens was asked for, but the model was trained for {trained}\n\
         hint: lower --context, or leave it out"
    )]
    Context {
        /// The context asked for in [`EngineOptions::context`], in tokens.
        asked: usize,
        /// The context that the model was trained for, in tokens.
        trained: usize,
    },
    /// Weights and cache do not fit the memory.
    #[error("{0}")]
    TooLarge(String),
    /// Prompt and answer do not fit the context.
    #[error(
        "the prompt has {prompt} tokens and the answer up to {answer}, but the context is {context}"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Most answer tokens that were asked for.
        answer: usize,
        /// Context of the model or of `--context`, in tokens.
        context: usize,
    },
    /// A shape cannot be turned into a grammar.
    #[error("cannot constrain the answer: {0}")]
    Grammar(String),
    /// The model's chat template cannot be used.
    #[error("cannot render the model's chat template: {0}")]
    Template(String),
    /// Hidden states cannot be read.
    #[error("cannot read hidden states: {0}")]
    States(&'static str),
    /// The model computed NaN for this request; other requests are not affected.
    #[error(
        "the model computed NaN in place of numbers after {tokens} tokens of this request\n\
         hint: check its file with `persona models verify`"
    )]
    NotANumber {
        /// Tokens of prompt and answer that had been computed by then.
        tokens: usize,
    },
    /// The computation itself failed.
    #[error("inference failed: {0}")]
    Compute(String),
    /// The receiver of the answers was dropped before this request ended.
    #[error("cancelled")]
    Cancelled,
}

/// Where and how to run.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// The device to run on.
    pub device: DeviceChoice,
    /// Most sequences decoded together.
    pub max_batch: usize,
    /// Context in tokens; `None` takes the model's, at most [`DEFAULT_CONTEXT`].
    pub context: Option<usize>,
    /// Most prompt tokens in one forward pass.
    pub prefill_chunk: usize,
    /// A `tokenizer.json` that replaces the file's own tokenizer.
    pub tokenizer: Option<PathBuf>,
    /// Instruction set of the CPU kernels; `None` takes the best of this machine.
    pub tier: Option<Tier>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            max_batch: 8,
            context: None,
            prefill_chunk: 256,
            tokenizer: None,
            tier: None,
        }
    }
}

/// The device that a user asks for with `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA or Metal when this build has it and the machine offers it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device.
    Cuda,
    /// The first Metal device.
    Metal,
}

/// What is known of a loaded model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The name in the metadata, `general.architecture`.
    pub architecture: String,
    /// The name in `general.name`, or the file's stem.
    pub name: String,
    /// Number of parameters: elements over all tensors.
    pub parameters: u64,
    /// Context in tokens that requests may use.
    pub context: usize,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Device that the model runs on: `cpu`, `cuda:0`, `metal:0`.
    pub device: String,
    /// Most sequences decoded together: fewer than asked for where the memory holds no more.
    pub batch: usize,
    /// Whether [`Want::State`] can be read.
    pub states: bool,
    /// A note for the user about how the model runs, if there is anything to know.
    pub note: Option<&'static str>,
}

/// Context in tokens when the user gives none: room for the job, not for all that a model could
/// hold.
pub const DEFAULT_CONTEXT: usize = 8192;

/// A loaded model and the thread that runs it. Dropping it ends the thread after the step that is
/// being computed.
#[derive(Debug)]
pub struct Engine {
    info: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    template: ChatTemplate,
    /// `None` only while dropping: closing the channel is what ends the thread.
    stages: Option<mpsc::Sender<Stage>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Opens, checks and loads a model file.
    pub fn load(path: &Path, options: &EngineOptions) -> Result<Self, EngineError> {
        // The checks should leave no panic. This catches the one that was forgotten, here or in the
        // libraries that also read the file: a bad file is an error.
        let loaded = catch_unwind(AssertUnwindSafe(|| Self::load_checked(path, options)));
        loaded.unwrap_or_else(|_| {
            let reason = "loading it failed in a way that nobody foresaw\n\
                          hint: check the file with `persona models verify`, and report this";
            Err(EngineError::BadModel { path: path.display().to_string(), reason: reason.into() })
        })
    }

    fn load_checked(path: &Path, options: &EngineOptions) -> Result<Self, EngineError> {
        let file = GgufFile::open(path)?;
        let device = open_device(options.device)?;
        let plan = Plan::new(&file, options, &device)?;
        let tokenizer = Arc::new(match &options.tokenizer {
            Some(path) => Tokenizer::from_file(path, &file)?,
            None => Tokenizer::from_gguf(&file)?,
        });
        let template = ChatTemplate::from_gguf(&file, &tokenizer)?;
        let vocabulary = vocabulary(&tokenizer)?;
        let (model, cache) = plan.load(&file, options, &device)?;
        let Fit { batch, tokens } = plan.fit;
        let info = ModelInfo {
            architecture: plan.architecture().to_owned(),
            name: file.name(),
            parameters: file.parameters(),
            context: plan.context,
            sha256: file.sha256()?,
            file_bytes: file.file_bytes(),
            vocabulary: file.vocabulary_size(),
            device: device_name(&device),
            batch,
            states: model.shares(),
            note: model.note(),
        };
        // candle's own models read the first tokens of a sequence together and all others singly.
        let prefill_chunk = if model.shares() { options.prefill_chunk } else { usize::MAX };
        let worker = Worker {
            cache,
            model,
            vocabulary,
            tokenizer: Arc::clone(&tokenizer),
            limits: Limits { max_batch: batch, prefill_chunk, max_tokens: tokens },
            context: plan.context,
            prefixes: Prefixes::default(),
            logits: Vec::new(),
        };
        let (stages, thread) = start(worker)?;
        Ok(Self { info, tokenizer, template, stages: Some(stages), thread: Some(thread) })
    }

    /// What is known of the loaded model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The tokens of a text; control tokens in the text are read as plain text.
    pub fn encode(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        self.tokenizer.encode(text, Specials::AsText)
    }

    /// The tokens of a chat by the model's own template. Control tokens in the messages' content
    /// are read as plain text.
    pub fn encode_chat(
        &self,
        turns: &[Turn<'_>],
        ending: Ending,
    ) -> Result<Vec<TokenId>, EngineError> {
        self.template.encode(&self.tokenizer, turns, ending)
    }

    /// The token that must begin every text, where the model wants one.
    pub fn begin(&self) -> Option<TokenId> {
        self.tokenizer.bos().filter(|_| self.tokenizer.add_bos())
    }

    /// Hands a stage to the worker. Each job gets exactly one [`Update::Generated`] or
    /// [`Update::Scored`]; dropping the receiver cancels the jobs that are not done.
    pub fn submit(&self, jobs: Vec<Job>) -> UnboundedReceiver<Update> {
        let (updates, receiver) = unbounded_channel();
        let stage = Stage { jobs, updates, submitted: Instant::now() };
        if let Some(stages) = &self.stages {
            // The worker survives every panic in the code that it calls. Should it be gone all the
            // same, the dropped sender ends the receiver and the caller sees unanswered jobs.
            let _ = stages.send(stage);
        }
        receiver
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stages.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panicked worker has nothing left to clean up
        }
    }
}

fn start(mut worker: Worker) -> Result<(mpsc::Sender<Stage>, JoinHandle<()>), EngineError> {
    let (stages, queue) = mpsc::channel::<Stage>();
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            for stage in queue {
                worker.run(stage);
            }
        })
        .map_err(|error| EngineError::Compute(format!("cannot start a thread: {error}")))?;
    Ok((stages, thread))
}

/// The tokenizer's tokens in the form that the grammar needs.
fn vocabulary(tokenizer: &Arc<Tokenizer>) -> Result<Vocabulary, EngineError> {
    let size = tokenizer.vocabulary_size() as TokenId;
    let bytes = (0..size).map(|id| tokenizer.token_bytes(id).to_vec()).collect();
    let special: Vec<TokenId> = (0..size).filter(|&id| tokenizer.is_special(id)).collect();
    let encoder = Arc::clone(tokenizer);
    // A text that cannot be encoded forces no tokens; sampling then writes it token by token.
    let encode = move |text: &str| encoder.encode(text, Specials::AsText).unwrap_or_default();
    let Some(&end) = tokenizer.end_ids().first() else {
        return Err(EngineError::Template("the vocabulary has no end token".to_owned()));
    };
    Vocabulary::new(bytes, &special, end, Arc::new(encode))
}

/// Size of the keys and values of one token in the cache, in bytes; 0 where candle's own model
/// keeps them.
pub fn kv_bytes_per_token(file: &GgufFile) -> usize {
    file.hyper_params().map_or(0, |params| {
        KvCache::bytes_per_position(params.block_count, transformer::heads(params), CellType::F16)
    })
}

/// Context in tokens that a model was trained for.
pub fn trained_context(file: &GgufFile) -> usize {
    let own = file.hyper_params().map(|params| params.context_length);
    own.unwrap_or_else(|_| file.foreign_params().map_or(0, |params| params.context_length))
}

/// The device that a model would run on: `cpu`, `cuda:0`, `metal:0`. Opens the device and loads
/// nothing.
///
/// # Errors
///
/// [`EngineError::Compute`] when the device cannot be used, with what to do.
pub fn probe_device(choice: DeviceChoice) -> Result<String, EngineError> {
    open_device(choice).map(|device| device_name(&device))
}

fn open_device(choice: DeviceChoice) -> Result<Device, EngineError> {
    let unavailable = |name: &str, error: &dyn std::fmt::Display| {
        EngineError::Compute(format!(
            "cannot use device {name}: {error}\nhint: build with --features {name}, or run with --device cpu"
        ))
    };
    match choice {
        DeviceChoice::Cuda => Device::new_cuda(0).map_err(|error| unavailable("cuda", &error)),
        DeviceChoice::Metal => Device::new_metal(0).map_err(|error| unavailable("metal", &error)),
        DeviceChoice::Auto if candle_core::utils::cuda_is_available() => {
            Device::new_cuda(0).map_err(|error| unavailable("cuda", &error))
        }
        DeviceChoice::Auto if candle_core::utils::metal_is_available() => {
            Device::new_metal(0).map_err(|error| unavailable("metal", &error))
        }
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(Device::Cpu),
    }
}

fn device_name(device: &Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(_) => "cuda:0".to_owned(),
        Device::Metal(_) => "metal:0".to_owned(),
    }
}

/// How a file will be run, decided before a byte of its weights is read.
struct Plan {
    kind: Kind,
    /// Context in tokens.
    context: usize,
    fit: Fit,
}

/// Whose code computes the model.
enum Kind {
    /// Our own block.
    Block(Box<HyperParams>),
    /// candle's own model of this architecture.
    Foreign(&'static str),
}

impl Plan {
    /// Decides how to run a file. Refuses a context that the model was not trained for, and a model
    /// that does not fit the memory.
    fn new(file: &GgufFile, options: &EngineOptions, device: &Device) -> Result<Self, EngineError> {
        let (kind, trained) = if let Some(params) = file.foreign_params() {
            (Kind::Foreign(params.architecture), params.context_length)
        } else {
            let params = file.hyper_params()?;
            (Kind::Block(Box::new(params.clone())), params.context_length)
        };
        let context = match options.context {
            Some(asked) if asked > trained => {
                return Err(EngineError::Context { asked, trained });
            }
            asked => asked.unwrap_or(DEFAULT_CONTEXT.min(trained)),
        };
        let (token, batch) = match &kind {
            Kind::Block(params) => {
                let (layers, heads) = (params.block_count, transformer::heads(params));
                (KvCache::bytes_per_position(layers, heads, CellType::F16), options.max_batch)
            }
            Kind::Foreign(_) => (0, 1), // candle's cache grows as it is used
        };
        if device.is_metal() {
            file.check_for_metal()?;
        }
        let mut fit = Fit { batch: batch.max(1), tokens: usize::MAX };
        // candle reports a full device as an error, but the system kills a process that fills its
        // memory.
        if device.is_cpu()
            && let Some(available) = memory::available()
        {
            let needs = Needs { file: file.file_bytes(), token: token as u64 };
            fit = memory::fit(needs, context, batch, available).map_err(|reason| {
                EngineError::TooLarge(format!("{} {reason}", file.path().display()))
            })?;
        }
        Ok(Self { kind, context, fit })
    }

    fn architecture(&self) -> &'static str {
        match &self.kind {
            Kind::Block(params) => params.architecture.name,
            Kind::Foreign(name) => name,
        }
    }

    fn load(
        &self,
        file: &GgufFile,
        options: &EngineOptions,
        device: &Device,
    ) -> Result<(Decoder, KvCache), EngineError> {
        match &self.kind {
            Kind::Block(params) => {
                let tier = options.tier.unwrap_or(Tier::detect());
                let cpu = Cpu::new(rayon::current_num_threads(), tier);
                let model = Transformer::load(file, params, self.context, device, cpu)?;
                let (layers, heads) = (model.layers(), model.heads());
                let cache = KvCache::new(layers, heads, device.clone(), CellType::F16);
                Ok((Decoder::Block(Box::new(model)), cache))
            }
            Kind::Foreign(_) => {
                let model = ForeignModel::load(file, device)?;
                let nothing = Heads { query: 1, kv: 1, dim: 1 };
                let cache = KvCache::new(0, nothing, device.clone(), CellType::F16);
                Ok((Decoder::Foreign(Box::new(model)), cache))
            }
        }
    }
}
