//! A decoder's weights, and the forward pass over a packed batch.
//!
//! Weights are immutable; all state is in the cache. A packed batch is rows of any number of
//! sequences, each with its own position, so prefill and decode are the same code and each weight
//! is read once per pass. The arithmetic exists twice: with our own kernels on the CPU
//! (`pass_cpu.rs`), and in candle's operations for other devices (`pass_tensors.rs`), against which
//! the first is tested.
//!
//! Tensor names: the GGUF specification,
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::architecture::{
    Architecture, EmbeddingScale, HeadNorms, Norms, Parts, Rotated, Windows,
};
use super::gguf::{GgufFile, HyperParams, RopeDivisors};
use super::kernels::Cpu;
use super::kernels::attention::Heads;
use super::kv_cache::{KvCache, SequenceRows};
use super::linear::{Linear, Products};
use super::pass_cpu::{self, Workspace};
use super::pass_tensors;
use super::{EngineError, TokenId};

/// The weights of a decoder that our own block runs.
#[derive(Debug)]
pub struct Transformer {
    pub(super) architecture: Architecture,
    pub(super) heads: Heads,
    pub(super) width: usize,
    pub(super) feed_forward: usize,
    pub(super) vocabulary: usize,
    pub(super) epsilon: f32,
    pub(super) attention_scale: f32,
    pub(super) embedding_scale: Option<f32>,
    pub(super) embedding: Arc<Linear>, // (vocabulary, width)
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Vector, // (width)
    pub(super) head: Arc<Linear>,   // (vocabulary, width); the embedding again where tied
    /// The rotations of layers that see all positions, and of those that see a window.
    pub(super) rotations: [Rotation; 2],
    place: Place,
}

/// Where passes are computed.
#[derive(Debug)]
enum Place {
    /// On the CPU, by our kernels; the workspace is kept between passes so that its memory is
    /// reused.
    Kernels(Cpu, Box<Mutex<Workspace>>),
    /// On a device, by candle's operations.
    Tensors(Device),
}

/// The weights of one block.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Vector,                 // (width)
    pub(super) query: Biased,                          // (query heads × dim, width)
    pub(super) key: Biased,                            // (kv heads × dim, width)
    pub(super) value: Biased,                          // (kv heads × dim, width)
    pub(super) head_norms: Option<[Vector; 2]>,        // of queries and of keys, (dim) each
    pub(super) output: Biased,                         // (width, query heads × dim)
    pub(super) attention_post_norm: Option<Vector>,    // (width)
    pub(super) feed_forward_norm: Vector,              // (width)
    pub(super) gate: Linear,                           // (feed forward, width)
    pub(super) up: Linear,                             // (feed forward, width)
    pub(super) down: Linear,                           // (width, feed forward)
    pub(super) feed_forward_post_norm: Option<Vector>, // (width)
    /// Positions that a row sees, its own included; `None` for all.
    pub(super) window: Option<usize>,
    /// Which of [`Transformer::rotations`] rotates queries and keys; `None` where they are not
    /// rotated.
    pub(super) rotation: Option<usize>,
}

/// The weights of a product, and the bias that is added to it.
#[derive(Debug)]
pub(super) struct Biased {
    pub(super) weight: Linear,
    pub(super) bias: Option<Vector>,
}

/// A vector of weights, held both for the CPU and for the device.
#[derive(Debug)]
pub(super) struct Vector {
    pub(super) host: Vec<f32>,
    pub(super) tensor: Tensor,
}

/// How fast each pair of dimensions is rotated, in radians per position.
#[derive(Debug)]
pub(super) struct Rotation {
    pub(super) frequencies: Vec<f64>,
    /// What cosines and sines are multiplied by.
    pub(super) magnitude: f64,
}

/// The rows of one forward pass.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The tokens, one per row.
    pub tokens: &'a [TokenId],
    /// Which rows belong to which sequence; together they cover `tokens` in order.
    pub sequences: &'a [SequenceRows],
    /// Rows whose next-token logits are wanted: the last ones of each sequence, ascending.
    pub wanted: &'a [u32],
    /// Which blocks are run.
    pub depth: Depth,
}

/// How many blocks of a model are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// All, which is what logits need.
    #[default]
    Whole,
    /// The first two thirds, for hidden states that tell what a text is about: the blocks behind them
    /// turn to the next token (Skean et al., Layer by Layer, ICML 2025).
    Middle,
}

/// The wanted rows as they leave the last block that was run, normalised: the input of the output head
/// where all were run.
#[derive(Debug)]
pub enum Hidden {
    /// In the CPU's memory, (rows, width).
    Host(Vec<f32>),
    /// On a device, (rows, width).
    Device(Tensor),
}

impl Transformer {
    /// Loads the weights to a device.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when the file changed since it was opened,
    /// [`EngineError::Compute`] when the device refuses a tensor.
    pub fn load(
        file: &GgufFile,
        params: &HyperParams,
        context: usize,
        device: &Device,
        cpu: Cpu,
    ) -> std::result::Result<Self, EngineError> {
        let place = if device.is_cpu() {
            Place::Kernels(cpu, Box::default())
        } else {
            Place::Tensors(device.clone())
        };
        Self::load_to(file, params, context, place)
    }

    /// Loads the weights for candle's operations, on any device.
    pub fn load_tensors(
        file: &GgufFile,
        params: &HyperParams,
        context: usize,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        Self::load_to(file, params, context, Place::Tensors(device.clone()))
    }

    fn load_to(
        file: &GgufFile,
        params: &HyperParams,
        context: usize,
        place: Place,
    ) -> std::result::Result<Self, EngineError> {
        let architecture = params.architecture;
        let (device, products) = match &place {
            Place::Kernels(..) => (Device::Cpu, Products::Kernels),
            Place::Tensors(device) => (device.clone(), Products::Candle),
        };
        let loader = Loader { file, device: &device, products };
        let embedding = Arc::new(loader.product("token_embd.weight")?);
        let head = if file.has_tensor("output.weight") {
            Arc::new(loader.product("output.weight")?)
        } else {
            Arc::clone(&embedding)
        };
        let layers = (0..params.block_count)
            .map(|index| loader.layer(params, index))
            .collect::<std::result::Result<Vec<_>, EngineError>>()?;
        let pairs = params.rope_dimension_count / 2;
        let divisors = match params.rope_divisors(context) {
            RopeDivisors::All(divisor) => vec![divisor; pairs],
            RopeDivisors::Each(divisors) => divisors,
            RopeDivisors::Tensor(name) => loader.vector(name)?.host,
        };
        let width = params.embedding_length;
        Ok(Self {
            architecture,
            heads: heads(params),
            width,
            feed_forward: params.feed_forward_length,
            vocabulary: params.vocabulary_size,
            epsilon: params.rms_epsilon,
            attention_scale: params.attention_scale,
            embedding_scale: match architecture.embedding_scale {
                EmbeddingScale::One => None,
                EmbeddingScale::SqrtWidth => Some((width as f32).sqrt()),
            },
            embedding,
            layers,
            output_norm: loader.vector("output_norm.weight")?,
            head,
            rotations: [
                Rotation::new(params.rope_freq_base, &divisors, params.rope_magnitude),
                Rotation::new(params.rope_freq_base_window, &vec![1.0; pairs], 1.0),
            ],
            place,
        })
    }

    /// Runs the rows of a batch, appends them to the cache, and returns what the head needs to
    /// compute the logits of the wanted rows, in their order.
    pub fn hidden(&self, batch: &Batch<'_>, cache: &mut KvCache) -> Result<Hidden> {
        let positions = append_rows(batch, cache)?;
        match &self.place {
            Place::Kernels(cpu, workspace) => {
                // A workspace that a panic left behind is only memory: a pass overwrites it.
                let mut workspace = workspace.lock().unwrap_or_else(PoisonError::into_inner);
                pass_cpu::hidden(self, cpu, batch, &positions, cache, &mut workspace)
                    .map(Hidden::Host)
            }
            Place::Tensors(device) => {
                pass_tensors::hidden(self, device, batch, &positions, cache).map(Hidden::Device)
            }
        }
    }

    /// The rows of `hidden` in the CPU's memory.
    pub(super) fn rows(&self, hidden: Hidden) -> Result<Vec<Vec<f32>>> {
        match hidden {
            Hidden::Host(rows) => Ok(rows.chunks_exact(self.width).map(<[f32]>::to_vec).collect()),
            Hidden::Device(rows) => rows.to_dtype(DType::F32)?.to_vec2(),
        }
    }

    /// Writes the logits of some rows of `hidden` to `out`, which becomes (rows, vocabulary). With
    /// `tiles`, ascending, only the logits of the tokens in those tiles of sixteen are sure to be
    /// computed; the others are 0.
    pub fn logits(
        &self,
        hidden: &Hidden,
        rows: Range<usize>,
        tiles: Option<&[u32]>,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        match (&self.place, hidden) {
            (Place::Kernels(cpu, workspace), Hidden::Host(hidden)) => {
                let mut workspace = workspace.lock().unwrap_or_else(PoisonError::into_inner);
                let hidden = &hidden[rows.start * self.width..rows.end * self.width];
                pass_cpu::logits(self, cpu, hidden, tiles, &mut workspace, out)
            }
            (Place::Tensors(_), Hidden::Device(hidden)) => {
                let hidden = hidden.narrow(0, rows.start, rows.len())?.contiguous()?;
                *out = self.head.forward(&hidden)?.flatten_all()?.to_vec1()?;
                Ok(())
            }
            _ => candle_core::bail!("hidden rows of another kind of model"),
        }
    }

    /// Runs the rows of a batch, appends them to the cache, and returns the logits of the wanted
    /// rows: (wanted, vocabulary), f32, on the CPU.
    pub fn forward(&self, batch: &Batch<'_>, cache: &mut KvCache) -> Result<Tensor> {
        let hidden = self.hidden(batch, cache)?;
        let rows = batch.wanted.len();
        let mut logits = Vec::new();
        self.logits(&hidden, 0..rows, None, &mut logits)?;
        Tensor::from_vec(logits, (rows, self.vocabulary), &Device::Cpu)
    }

    /// Head geometry, for sizing the cache.
    pub fn heads(&self) -> Heads {
        self.heads
    }

    /// Number of blocks, for sizing the cache.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The blocks that are run to a depth.
    pub(super) fn blocks(&self, depth: Depth) -> &[Layer] {
        match depth {
            Depth::Whole => &self.layers,
            Depth::Middle => &self.layers[..(2 * self.layers.len()).div_ceil(3)],
        }
    }
}

/// Head geometry of a model.
pub fn heads(params: &HyperParams) -> Heads {
    Heads { query: params.head_count, kv: params.head_count_kv, dim: params.head_dim }
}

/// Makes room in the cache for the batch and returns each row's position.
fn append_rows(batch: &Batch<'_>, cache: &mut KvCache) -> Result<Vec<u32>> {
    let mut positions = Vec::with_capacity(batch.tokens.len());
    for sequence in batch.sequences {
        let past = cache.len(sequence.id);
        cache.append(sequence.id, sequence.rows.count)?;
        positions.extend((past..past + sequence.rows.count).map(|position| position as u32));
    }
    Ok(positions)
}

/// Reads the tensors of a file as weights.
struct Loader<'a> {
    file: &'a GgufFile,
    device: &'a Device,
    products: Products,
}

impl Loader<'_> {
    fn layer(&self, params: &HyperParams, index: usize) -> std::result::Result<Layer, EngineError> {
        let architecture = params.architecture;
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let post_norm = |part: &str| match architecture.norms {
            Norms::Around => self.vector(&name(part)).map(Some),
            Norms::Before => Ok(None),
        };
        let queries = params.head_count * params.head_dim;
        let keys = params.head_count_kv * params.head_dim;
        let [query, key, value] = match architecture.qkv {
            Parts::Apart => [
                self.product(&name("attn_q"))?,
                self.product(&name("attn_k"))?,
                self.product(&name("attn_v"))?,
            ],
            Parts::Joined => self.parts(&name("attn_qkv"), [queries, keys, keys])?,
        };
        let [gate, up] = match architecture.gate_up {
            Parts::Apart => [self.product(&name("ffn_gate"))?, self.product(&name("ffn_up"))?],
            Parts::Joined => self.parts(&name("ffn_up"), [params.feed_forward_length; 2])?,
        };
        let biased = |weight: Linear, part: &str| {
            let bias = format!("blk.{index}.{part}.bias");
            let bias = self.file.has_tensor(&bias).then(|| self.vector(&bias)).transpose()?;
            Ok::<Biased, EngineError>(Biased { weight, bias })
        };
        let every = |n: usize| (index + 1).is_multiple_of(n);
        let window = match architecture.windows {
            Windows::AllButEvery(n) if !every(n) => params.sliding_window,
            Windows::AllButEvery(_) | Windows::Never => None,
        };
        let rotation = match architecture.rotated {
            Rotated::AllButEvery(n) if every(n) => None,
            Rotated::AllButEvery(_) | Rotated::All => Some(usize::from(window.is_some())),
        };
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm"))?,
            query: biased(query, "attn_q")?,
            key: biased(key, "attn_k")?,
            value: biased(value, "attn_v")?,
            head_norms: match architecture.head_norms {
                HeadNorms::None => None,
                HeadNorms::QueriesAndKeys => {
                    Some([self.vector(&name("attn_q_norm"))?, self.vector(&name("attn_k_norm"))?])
                }
            },
            output: biased(self.product(&name("attn_output"))?, "attn_output")?,
            attention_post_norm: post_norm("post_attention_norm")?,
            feed_forward_norm: self.vector(&name("ffn_norm"))?,
            gate,
            up,
            down: self.product(&name("ffn_down"))?,
            feed_forward_post_norm: post_norm("post_ffw_norm")?,
            window,
            rotation,
        })
    }

    fn product(&self, name: &str) -> std::result::Result<Linear, EngineError> {
        let outputs = self.file.matrix(name)?.outputs;
        Linear::load(self.file, name, 0..outputs, (self.device, self.products))
    }

    /// The products of a tensor that holds several, cut apart by their output rows.
    fn parts<const N: usize>(
        &self,
        name: &str,
        outputs: [usize; N],
    ) -> std::result::Result<[Linear; N], EngineError> {
        let mut first = 0;
        let parts = outputs
            .iter()
            .map(|outputs| {
                let range = first..first + outputs;
                first = range.end;
                Linear::load(self.file, name, range, (self.device, self.products))
            })
            .collect::<std::result::Result<Vec<_>, EngineError>>()?;
        Ok(parts.try_into().expect("one product a width"))
    }

    fn vector(&self, name: &str) -> std::result::Result<Vector, EngineError> {
        let tensor =
            self.file.tensor(name, self.device)?.dequantize(self.device).map_err(compute)?;
        let host = tensor.to_vec1::<f32>().map_err(compute)?;
        Ok(Vector { host, tensor })
    }
}

impl Rotation {
    /// The rotation of one pair of dimensions per divisor.
    fn new(base: f32, divisors: &[f32], magnitude: f32) -> Self {
        let pairs = divisors.len() as f64;
        let frequencies = divisors
            .iter()
            .enumerate()
            .map(|(i, divisor)| f64::from(base).powf(-(i as f64) / pairs) / f64::from(*divisor))
            .collect();
        Self { frequencies, magnitude: f64::from(magnitude) }
    }

    /// Writes the cosines and sines of a position, one per pair.
    pub(super) fn write(&self, position: u32, cos: &mut [f32], sin: &mut [f32]) {
        for ((frequency, cos), sin) in self.frequencies.iter().zip(cos).zip(sin) {
            let (s, c) = (f64::from(position) * frequency).sin_cos();
            *cos = (c * self.magnitude) as f32;
            *sin = (s * self.magnitude) as f32;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn compute(error: candle_core::Error) -> EngineError {
    EngineError::Compute(error.to_string())
}
