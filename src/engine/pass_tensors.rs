//! The forward pass in candle's operations, on any device.
//!
//! CUDA and Metal run it, and the kernels of the CPU are tested against it. Attention is computed
//! one sequence at a time, over materialised scores.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};
use candle_nn::rotary_emb::{rope, rope_i};

use super::architecture::{Activation, Rotary};
use super::kernels::attention::Heads;
use super::kv_cache::{KvCache, RowRange, SequenceRows};
use super::transformer::{Batch, Biased, Layer, Rotation, Transformer, Vector};

/// Runs a batch whose rows already have room in the cache; returns the wanted rows after the last
/// norm, (wanted, width).
pub(super) fn hidden(
    model: &Transformer,
    device: &Device,
    batch: &Batch<'_>,
    positions: &[u32],
    cache: &mut KvCache,
) -> Result<Tensor> {
    let turns = [
        turns(&model.rotations[0], positions, device)?,
        turns(&model.rotations[1], positions, device)?,
    ];
    let heads = model.heads;
    let tokens = Tensor::new(batch.tokens, device)?;
    let scale = f64::from(model.embedding_scale.unwrap_or(1.0));
    let mut x = (model.embedding.embedding(&tokens)? * scale)?; // (rows, width)
    for (index, layer) in model.blocks(batch.depth).iter().enumerate() {
        let normed = rms_norm(&x, &layer.attention_norm.tensor, model.epsilon)?;
        let turn = |product: &Biased, side: usize, count: usize| {
            let rows = product.forward(&normed)?;
            let rows = match &layer.head_norms {
                Some(norms) => norm_heads(&rows, &norms[side], heads.dim, model.epsilon)?,
                None => rows,
            };
            match layer.rotation {
                Some(kind) => {
                    rotate(model.architecture.rotary, &rows, count, heads.dim, &turns[kind])
                }
                None => Ok(rows),
            }
        };
        let q = turn(&layer.query, 0, heads.query)?;
        let k = turn(&layer.key, 1, heads.kv)?;
        let v = layer.value.forward(&normed)?;
        for sequence in batch.sequences {
            cache.write_tensors(sequence.id, index, sequence.rows, [&k, &v])?;
        }
        let mixed = attend(model, layer, index, &q, batch.sequences, cache)?;
        let part =
            post_norm(layer.output.forward(&mixed)?, layer.attention_post_norm.as_ref(), model)?;
        x = (x + part)?;

        let normed = rms_norm(&x, &layer.feed_forward_norm.tensor, model.epsilon)?;
        let gate = layer.gate.forward(&normed)?;
        let gate = match model.architecture.activation {
            Activation::Silu => silu(&gate)?,
            Activation::Gelu => gate.gelu()?,
        };
        let part = layer.down.forward(&(gate * layer.up.forward(&normed)?)?)?;
        x = (x + post_norm(part, layer.feed_forward_post_norm.as_ref(), model)?)?;
    }
    if batch.wanted.is_empty() {
        return x.narrow(0, 0, 0);
    }
    let x = x.index_select(&Tensor::new(batch.wanted, device)?, 0)?;
    rms_norm(&x, &model.output_norm.tensor, model.epsilon)
}

impl Biased {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.weight.forward(x)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(&bias.tensor),
            None => Ok(product),
        }
    }
}

fn post_norm(part: Tensor, norm: Option<&Vector>, model: &Transformer) -> Result<Tensor> {
    match norm {
        Some(norm) => rms_norm(&part, &norm.tensor, model.epsilon),
        None => Ok(part),
    }
}

/// Cosines and sines of each row's position: (rows, 1, pairs) each.
fn turns(rotation: &Rotation, positions: &[u32], device: &Device) -> Result<[Tensor; 2]> {
    let pairs = rotation.frequencies.len();
    let mut cos = vec![0f32; positions.len() * pairs];
    let mut sin = cos.clone();
    let rows = cos.chunks_exact_mut(pairs).zip(sin.chunks_exact_mut(pairs));
    for (position, (cos, sin)) in positions.iter().zip(rows) {
        rotation.write(*position, cos, sin);
    }
    let shape = (positions.len(), 1, pairs);
    Ok([Tensor::from_vec(cos, shape, device)?, Tensor::from_vec(sin, shape, device)?])
}

/// Normalises each head of (rows, heads × dim).
fn norm_heads(x: &Tensor, norm: &Vector, dim: usize, epsilon: f32) -> Result<Tensor> {
    let shape = x.shape().clone();
    rms_norm(&x.reshape(((), dim))?, &norm.tensor, epsilon)?.reshape(shape)
}

/// Rotates each head of (rows, heads × dim) by its row's position.
fn rotate(
    rotary: Rotary,
    x: &Tensor,
    heads: usize,
    dim: usize,
    [cos, sin]: &[Tensor; 2],
) -> Result<Tensor> {
    let rows = x.dim(0)?;
    // Each row is its own batch entry of length one, so every row has its own position.
    let x = x.reshape((rows, heads, 1, dim))?;
    let turning = 2 * cos.dim(D::Minus1)?; // the first dimensions of a head; all, as a rule
    let turn = |x: &Tensor| match rotary {
        Rotary::Interleaved => rope_i(x, cos, sin),
        Rotary::Halves => rope(x, cos, sin),
    };
    let rotated = if turning == dim {
        turn(&x)?
    } else {
        let still = x.narrow(D::Minus1, turning, dim - turning)?;
        let turned = turn(&x.narrow(D::Minus1, 0, turning)?.contiguous()?)?;
        Tensor::cat(&[turned, still], D::Minus1)?
    };
    rotated.reshape((rows, heads * dim))
}

fn attend(
    model: &Transformer,
    layer: &Layer,
    index: usize,
    queries: &Tensor,
    sequences: &[SequenceRows],
    cache: &KvCache,
) -> Result<Tensor> {
    let heads @ Heads { query, kv, dim } = model.heads;
    let group = heads.group();
    let mut out = Vec::with_capacity(sequences.len());
    for &SequenceRows { id, rows: RowRange { first, count } } in sequences {
        let mut sides = [Vec::new(), Vec::new()];
        for span in cache.spans(id).filter(|span| span.len > 0) {
            let [keys, values] = span.rows(index, heads)?;
            sides[0].push(keys);
            sides[1].push(values);
        }
        let keys = Tensor::cat(&sides[0], 1)?; // (kv, len, dim)
        let values = Tensor::cat(&sides[1], 1)?; // (kv, len, dim)
        let len = keys.dim(1)?;
        let rows = queries
            .narrow(0, first, count)?
            .reshape((count, kv, group, dim))?
            .permute((1, 2, 0, 3))?
            .contiguous()?
            .reshape((kv, group * count, dim))?; // (kv, group × count, dim)
        let scores = rows.matmul(&keys.transpose(1, 2)?.contiguous()?)?;
        let scores = (scores * f64::from(model.attention_scale))?;
        let scores = scores.reshape((kv, group, count, len))?;
        let bias = causal_bias(count, len, layer.window, queries.device())?;
        let weights = softmax_last_dim(&scores.broadcast_add(&bias)?)?;
        let mixed = weights
            .reshape((kv, group * count, len))?
            .matmul(&values.contiguous()?)?
            .reshape((kv, group, count, dim))?
            .permute((2, 0, 1, 3))?
            .contiguous()?
            .reshape((count, query * dim))?;
        out.push(mixed);
    }
    Tensor::cat(&out, 0)
}

/// The bias of the scores: 0 where row `i` of the newest `count` positions may look, −∞ elsewhere,
/// (count, len).
fn causal_bias(count: usize, len: usize, window: Option<usize>, device: &Device) -> Result<Tensor> {
    let past = len - count;
    let sees = |row: usize, t: usize| {
        t <= past + row && window.is_none_or(|window| t + window > past + row)
    };
    let bias: Vec<f32> = (0..count)
        .flat_map(|row| (0..len).map(move |t| if sees(row, t) { 0.0 } else { f32::NEG_INFINITY }))
        .collect();
    Tensor::from_vec(bias, (count, len), device)
}
