//! Models of architectures that our own block does not run, through candle's own code.
//!
//! candle's quantised models take one sequence at one position and own their cache, so there is no
//! batch, no shared prefix and no fork: they make such a model usable at all, not fast. Owns the
//! differences between them (what starts a sequence afresh, what grows without end). Does not check
//! the file, which `gguf.rs` did before candle sees it, and does not schedule: one caller, one
//! sequence.

use std::collections::HashSet;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use candle_core::quantized::gguf_file;
use candle_core::{DType, Device, Tensor};
use candle_transformers::models::{quantized_glm4, quantized_lfm2, quantized_phi};

use super::gguf::{ForeignParams, GgufFile};
use super::{EngineError, TokenId};

/// What a user is told about a model that runs this way.
pub const NOTE: &str = "candle's own model, one sequence at a time";

/// Positions for which candle's Phi-2 has rotations; a longer context is cut to it.
const PHI2_POSITIONS: usize = 4096;
/// LFM2 keeps a mask of n² bytes for every prompt length n that it has seen; beyond this many in
/// all it is loaded anew.
const MAX_MASK_BYTES: usize = 256 << 20;

/// A loaded model and its one sequence.
pub struct ForeignModel {
    model: Model,
    params: ForeignParams,
    path: PathBuf,
    device: Device,
    /// Tokens of the sequence computed so far.
    position: usize,
    /// Lengths of the prompts seen since the weights were loaded.
    prompts: HashSet<usize>,
}

/// The models that load from a GGUF file alone.
enum Model {
    Glm4(quantized_glm4::ModelWeights),
    Lfm2(quantized_lfm2::ModelWeights),
    Phi2(Box<Phi2>),
}

/// Two handles to the same weights. candle keeps a mask for every prompt length that a handle has
/// seen, and frees them only with the handle; a fresh start clones the unused one.
struct Phi2 {
    unused: quantized_phi::ModelWeights,
    running: quantized_phi::ModelWeights,
}

impl std::fmt::Debug for ForeignModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignModel")
            .field("architecture", &self.params.architecture)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl ForeignModel {
    /// Loads the weights of a file that [`GgufFile::foreign_params`] knows.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] for any other file, [`EngineError::Compute`] when candle
    /// refuses it.
    pub fn load(file: &GgufFile, device: &Device) -> Result<Self, EngineError> {
        let params = file.foreign_params().ok_or_else(|| file.unsupported())?.clone();
        let model = file.with_reader(|reader| Model::load(&params, reader, device))?;
        Ok(Self {
            model,
            params,
            path: file.path().to_owned(),
            device: device.clone(),
            position: 0,
            prompts: HashSet::new(),
        })
    }

    /// The numbers that the file gives for the model.
    pub fn params(&self) -> &ForeignParams {
        &self.params
    }

    /// Positions that can be used, in tokens.
    pub fn context(&self) -> usize {
        match self.model {
            Model::Phi2(_) => self.params.context_length.min(PHI2_POSITIONS),
            _ => self.params.context_length,
        }
    }

    /// Forgets the sequence, so that the next one starts at position 0.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the weights have to be loaded anew and cannot be.
    pub fn reset(&mut self) -> Result<(), EngineError> {
        self.position = 0;
        match &mut self.model {
            Model::Glm4(_) => {} // starts afresh at position 0 by itself
            Model::Phi2(model) => model.running = model.unused.clone(),
            Model::Lfm2(_) => {
                let masks: usize = self.prompts.iter().map(|length| length * length).sum();
                if masks > MAX_MASK_BYTES {
                    self.load_anew()?;
                }
            }
        }
        Ok(())
    }

    /// Appends tokens to the sequence and returns the logits after the last of them, (vocabulary).
    /// The first tokens after [`ForeignModel::reset`] are computed together, later ones one by one,
    /// because candle's models can continue in no other way.
    ///
    /// # Errors
    ///
    /// [`EngineError::Compute`] when there is no token, when the context is full, or when candle
    /// fails.
    pub fn logits(&mut self, tokens: &[TokenId]) -> Result<Vec<f32>, EngineError> {
        let context = self.context();
        if tokens.is_empty() || self.position + tokens.len() > context {
            let (have, more) = (self.position, tokens.len());
            return Err(EngineError::Compute(format!(
                "{have} tokens and {more} more do not go into a context of {context}"
            )));
        }
        let rows = self.params.vocabulary_size;
        if let Some(token) = tokens.iter().find(|token| **token as usize >= rows) {
            return Err(EngineError::Compute(format!("there is no token {token}")));
        }
        if self.position == 0 {
            // LFM2's convolution reads what the previous sequence left, unless two tokens or more
            // come at once.
            let stale = matches!(self.model, Model::Lfm2(_)) && !self.prompts.is_empty();
            if stale && tokens.len() == 1 {
                self.load_anew()?;
            }
            self.prompts.insert(tokens.len());
        }
        let step = if self.position == 0 { tokens.len() } else { 1 };
        let mut logits = Vec::new();
        for tokens in tokens.chunks(step) {
            logits = self.forward(tokens)?;
            self.position += tokens.len();
        }
        Ok(logits)
    }

    fn forward(&mut self, tokens: &[TokenId]) -> Result<Vec<f32>, EngineError> {
        let (model, device, position) = (&mut self.model, &self.device, self.position);
        guarded(|| {
            let tokens = Tensor::new(tokens, device)?.unsqueeze(0)?; // (1, tokens)
            let logits = match model {
                Model::Glm4(model) => model.forward(&tokens, position),
                Model::Lfm2(model) => model.forward(&tokens, position),
                Model::Phi2(model) => model.running.forward(&tokens, position),
            };
            logits?.flatten_all()?.to_dtype(DType::F32)?.to_vec1() // (vocabulary)
        })
    }

    fn load_anew(&mut self) -> Result<(), EngineError> {
        *self = Self::load(&GgufFile::open(&self.path)?, &self.device)?;
        Ok(())
    }
}

impl Model {
    fn load(
        params: &ForeignParams,
        reader: &mut std::fs::File,
        device: &Device,
    ) -> Result<Self, EngineError> {
        guarded(|| {
            let reader = &mut BufReader::new(reader);
            let content = gguf_file::Content::read(reader)?;
            Ok(match params.architecture {
                "glm4" => Self::Glm4(quantized_glm4::ModelWeights::from_gguf(
                    content,
                    reader,
                    device,
                    DType::F32,
                )?),
                "lfm2" => {
                    Self::Lfm2(quantized_lfm2::ModelWeights::from_gguf(content, reader, device)?)
                }
                _ => {
                    let unused = quantized_phi::ModelWeights::from_gguf(content, reader, device)?;
                    Self::Phi2(Box::new(Phi2 { running: unused.clone(), unused }))
                }
            })
        })
    }
}

/// Runs candle's code and turns a panic into an error: a bad file must not end the process.
fn guarded<T>(work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| EngineError::Compute(error.to_string())),
        Err(_) => Err(EngineError::Compute("candle's model panicked".to_owned())),
    }
}
