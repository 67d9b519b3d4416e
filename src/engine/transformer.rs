//! One decoder block, described by data, over candle's quantised products.
//!
//! Weights are immutable; all state is in the cache. A forward pass takes a packed batch: rows of
//! any number of sequences, each with its own position, so prefill and decode are the same code
//! and each weight is read once a pass.
//!
//! Llama: Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>; rotary positions: Su et al.
//! 2021, <https://arxiv.org/abs/2104.09864>; tensor names: the GGUF specification,
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::sync::Arc;

use candle_core::quantized::QMatMul;
use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu};
use candle_nn::rotary_emb::{rope, rope_i};

use super::architecture::{Architecture, Rotary};
use super::attention::{SequenceRows, attend};
use super::gguf::{GgufFile, HyperParams, RopeScaling};
use super::kernels::attention::Heads;
use super::kv_cache::KvCache;
use super::linear::{Linear, project};
use super::{EngineError, TokenId};

/// A decoder's weights.
#[derive(Debug)]
pub struct Transformer {
    architecture: Architecture,
    heads: Heads,
    vocabulary: usize,
    epsilon: f32,
    embedding: QMatMul, // (vocabulary, hidden)
    layers: Vec<Layer>,
    output_norm: Tensor, // (hidden)
    head: Linear,        // (vocabulary, hidden); the embedding again where weights are tied
    rotation: Rotation,
    device: Device,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,    // (hidden)
    query: Linear,             // (query heads × dim, hidden)
    key: Linear,               // (kv heads × dim, hidden)
    value: Linear,             // (kv heads × dim, hidden)
    output: Linear,            // (hidden, query heads × dim)
    feed_forward_norm: Tensor, // (hidden)
    gate: Linear,              // (feed forward, hidden)
    up: Linear,                // (feed forward, hidden)
    down: Linear,              // (hidden, feed forward)
}

/// Cosines and sines of every position in use: (context, dim / 2).
#[derive(Debug)]
struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

/// Rows of one forward pass.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Tokens, one a row.
    pub tokens: &'a [TokenId],
    /// Which rows are whose; together they cover `tokens` in order.
    pub sequences: &'a [SequenceRows],
    /// Rows whose next-token logits are wanted.
    pub wanted: &'a [u32],
}

impl Transformer {
    /// Loads the weights. `context` bounds the positions that can be used.
    pub fn load(
        file: &GgufFile,
        params: &HyperParams,
        context: usize,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let compute = |error: candle_core::Error| EngineError::Compute(error.to_string());
        let tensor = |name: &str| file.tensor(name, device);
        let product = |name: &str| Linear::new(Arc::new(tensor(name)?)).map_err(compute);
        let vector = |name: &str| tensor(name)?.dequantize(device).map_err(compute);

        let embedding = Arc::new(tensor("token_embd.weight")?);
        let head = if file.has_tensor("output.weight") {
            Arc::new(tensor("output.weight")?)
        } else {
            Arc::clone(&embedding)
        };
        let layers = (0..params.block_count)
            .map(|l| {
                let name = |part: &str| format!("blk.{l}.{part}.weight");
                Ok(Layer {
                    attention_norm: vector(&name("attn_norm"))?,
                    query: product(&name("attn_q"))?,
                    key: product(&name("attn_k"))?,
                    value: product(&name("attn_v"))?,
                    output: product(&name("attn_output"))?,
                    feed_forward_norm: vector(&name("ffn_norm"))?,
                    gate: product(&name("ffn_gate"))?,
                    up: product(&name("ffn_up"))?,
                    down: product(&name("ffn_down"))?,
                })
            })
            .collect::<std::result::Result<Vec<_>, EngineError>>()?;
        let factors = match params.rope_factors {
            Some(name) => Some(vector(name)?.to_vec1::<f32>().map_err(compute)?),
            None => None,
        };
        Ok(Self {
            architecture: params.architecture,
            heads: heads(params),
            vocabulary: params.vocabulary_size,
            epsilon: params.rms_epsilon,
            embedding: QMatMul::from_arc(embedding).map_err(compute)?,
            layers,
            output_norm: vector("output_norm.weight")?,
            head: Linear::new(head).map_err(compute)?,
            rotation: Rotation::new(params, factors.as_deref(), context, device)
                .map_err(compute)?,
            device: device.clone(),
        })
    }

    /// Runs the rows of a batch, appends them to the cache, and returns the logits of the wanted
    /// rows: (wanted, vocabulary), f32.
    pub fn forward(&self, batch: &Batch<'_>, cache: &mut KvCache) -> Result<Tensor> {
        let positions = append_rows(batch, cache)?;
        let positions = Tensor::new(positions, &self.device)?;
        let cos = self.rotation.cos.index_select(&positions, 0)?.unsqueeze(1)?; // (rows, 1, dim / 2)
        let sin = self.rotation.sin.index_select(&positions, 0)?.unsqueeze(1)?;

        let tokens = Tensor::new(batch.tokens, &self.device)?;
        let mut x = self.embedding.embedding(&tokens)?; // (rows, hidden)
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = rms_norm(&x, &layer.attention_norm, self.epsilon)?;
            let [q, k, v] = project([&layer.query, &layer.key, &layer.value], &normed)?;
            let q = self.rotate(&q, self.heads.query, &cos, &sin)?;
            let k = self.rotate(&k, self.heads.kv, &cos, &sin)?;
            for sequence in batch.sequences {
                cache.write(sequence.id, index, sequence.rows, [&k, &v])?;
            }
            let mixed = attend(&q, batch.sequences, cache, index, self.heads)?;
            x = (x + layer.output.forward(&mixed)?)?;

            let normed = rms_norm(&x, &layer.feed_forward_norm, self.epsilon)?;
            let [gate, up] = project([&layer.gate, &layer.up], &normed)?;
            x = (x + layer.down.forward(&(silu(&gate)? * up)?)?)?;
        }
        if batch.wanted.is_empty() {
            return Tensor::zeros((0, self.vocabulary), DType::F32, &self.device);
        }
        let wanted = Tensor::new(batch.wanted, &self.device)?;
        let x = x.index_select(&wanted, 0)?; // the head is the widest product: wanted rows only
        self.head.forward(&rms_norm(&x, &self.output_norm, self.epsilon)?)
    }

    /// Rotates each head of (rows, heads × dim) by its row's position.
    fn rotate(&self, x: &Tensor, heads: usize, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        // Each row is its own batch entry of length one, so every row has its own position.
        let x = x.reshape((rows, heads, 1, self.heads.dim))?;
        let turning = 2 * cos.dim(D::Minus1)?; // the first dimensions of a head; all, as a rule
        let turn = |x: &Tensor| match self.architecture.rotary {
            Rotary::Interleaved => rope_i(x, cos, sin),
            Rotary::Halves => rope(x, cos, sin),
        };
        let rotated = if turning == self.heads.dim {
            turn(&x)?
        } else {
            let still = x.narrow(D::Minus1, turning, self.heads.dim - turning)?;
            let turned = turn(&x.narrow(D::Minus1, 0, turning)?.contiguous()?)?;
            Tensor::cat(&[turned, still], D::Minus1)?
        };
        rotated.reshape((rows, heads * self.heads.dim))
    }

    /// Head geometry, for sizing the cache.
    pub fn heads(&self) -> Heads {
        self.heads
    }

    /// Number of blocks, for sizing the cache.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }
}

/// Head geometry of a model.
pub fn heads(params: &HyperParams) -> Heads {
    Heads { query: params.head_count, kv: params.head_count_kv, dim: params.head_dim }
}

/// Makes room in the cache and returns each row's position.
fn append_rows(batch: &Batch<'_>, cache: &mut KvCache) -> Result<Vec<u32>> {
    let mut positions = Vec::with_capacity(batch.tokens.len());
    for sequence in batch.sequences {
        let past = cache.len(sequence.id);
        cache.append(sequence.id, sequence.rows.count)?;
        positions.extend((past..past + sequence.rows.count).map(|position| position as u32));
    }
    Ok(positions)
}

impl Rotation {
    /// `factors` divide the frequencies, one each: Llama 3's `rope_freqs.weight`.
    fn new(
        params: &HyperParams,
        factors: Option<&[f32]>,
        context: usize,
        device: &Device,
    ) -> Result<Self> {
        let half = params.rope_dimension_count / 2;
        let stretch = match params.rope_scaling {
            RopeScaling::None => 1.0,
            RopeScaling::Linear(factor) => f64::from(factor),
        };
        let angles = (0..context).flat_map(|position| {
            (0..half).map(move |i| {
                let exponent = 2.0 * i as f64 / params.rope_dimension_count as f64;
                let frequency = f64::from(params.rope_freq_base).powf(-exponent);
                let factor = factors.map_or(stretch, |factors| f64::from(factors[i]));
                position as f64 * frequency / factor
            })
        });
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Ok(Self {
            cos: Tensor::from_vec(cos, (context, half), device)?,
            sin: Tensor::from_vec(sin, (context, half), device)?,
        })
    }
}
