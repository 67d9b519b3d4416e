//! Attention of a packed batch over the cache: the CPU kernel, or candle operations elsewhere.
//!
//! Owns the choice between the two and nothing of the arithmetic of either. The candle path is
//! also the kernel's test.

use candle_core::{CpuStorage, Device, Result, Storage, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::kernels::Tier;
use super::kernels::attention::{self as kernel, Heads, Row};
use super::kv_cache::{KvCache, RowRange, SeqId};

/// The rows of a packed batch that belong to one sequence. They are its newest positions, already
/// in the cache, in order.
#[derive(Debug, Clone, Copy)]
pub struct SequenceRows {
    /// The sequence.
    pub id: SeqId,
    /// Its rows in the batch.
    pub rows: RowRange,
}

/// Causal attention of `queries`, (rows, query heads × dim), each row over its own sequence.
pub fn attend(
    queries: &Tensor,
    sequences: &[SequenceRows],
    cache: &KvCache,
    layer: usize,
    heads: Heads,
) -> Result<Tensor> {
    if matches!(queries.device(), Device::Cpu) {
        attend_cpu(queries, sequences, cache, layer, heads)
    } else {
        attend_tensors(queries, sequences, cache, layer, heads)
    }
}

fn attend_cpu(
    queries: &Tensor,
    sequences: &[SequenceRows],
    cache: &KvCache,
    layer: usize,
    heads: Heads,
) -> Result<Tensor> {
    let mut guards = Vec::new(); // keep every read lock until the kernel is done
    let mut shapes = Vec::new(); // (spans so far, capacity, len) of each span
    for sequence in sequences {
        for span in cache.spans(sequence.id).filter(|span| span.len > 0) {
            guards.push(span.keys[layer].storage_and_layout().0);
            guards.push(span.values[layer].storage_and_layout().0);
            shapes.push((span.capacity, span.len));
        }
    }
    let mut spans = Vec::with_capacity(shapes.len());
    for (pair, &(capacity, len)) in guards.chunks_exact(2).zip(&shapes) {
        spans.push(kernel::Span {
            keys: floats(&pair[0])?,
            values: floats(&pair[1])?,
            capacity,
            len,
        });
    }
    let mut rows = Vec::with_capacity(queries.dim(0)?);
    let mut rest = spans.as_slice();
    for sequence in sequences {
        let count = cache.spans(sequence.id).filter(|span| span.len > 0).count();
        let (own, others) = rest.split_at(count);
        rest = others;
        let past = cache.len(sequence.id) - sequence.rows.count;
        rows.extend((1..=sequence.rows.count).map(|i| Row { spans: own, visible: past + i }));
    }
    let (storage, layout) = queries.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("queries must be contiguous")
    };
    let out = kernel::attend(Tier::detect(), heads, &floats(&storage)?[start..end], &rows);
    Tensor::from_vec(out, queries.shape(), &Device::Cpu)
}

fn floats(storage: &Storage) -> Result<&[f32]> {
    match storage {
        Storage::Cpu(CpuStorage::F32(values)) => Ok(values),
        _ => candle_core::bail!("the attention kernel takes f32 on CPU"),
    }
}

/// The same by candle operations, a sequence at a time, on any device.
fn attend_tensors(
    queries: &Tensor,
    sequences: &[SequenceRows],
    cache: &KvCache,
    layer: usize,
    heads: Heads,
) -> Result<Tensor> {
    let scale = 1.0 / (heads.dim as f64).sqrt();
    let mut out = Vec::with_capacity(sequences.len());
    for &SequenceRows { id, rows: RowRange { first, count } } in sequences {
        let mut sides = [Vec::new(), Vec::new()];
        for span in cache.spans(id).filter(|span| span.len > 0) {
            sides[0].push(span.key_rows(layer)?);
            sides[1].push(span.value_rows(layer)?);
        }
        let keys = Tensor::cat(&sides[0], 1)?; // (kv, len, dim)
        let values = Tensor::cat(&sides[1], 1)?; // (kv, len, dim)
        let len = keys.dim(1)?;
        let query = queries
            .narrow(0, first, count)?
            .reshape((count, heads.kv, heads.group(), heads.dim))?
            .permute((1, 2, 0, 3))?
            .reshape((heads.kv, heads.group() * count, heads.dim))?; // (kv, group × count, dim)
        let scores = (query.contiguous()?.matmul(&keys.transpose(1, 2)?.contiguous()?)? * scale)?;
        let scores = scores.reshape((heads.kv, heads.group(), count, len))?;
        let scores = scores.broadcast_add(&causal_bias(count, len, queries.device())?)?;
        let weights = softmax_last_dim(&scores)?.reshape((heads.kv, heads.group() * count, len))?;
        let mixed = weights
            .matmul(&values)?
            .reshape((heads.kv, heads.group(), count, heads.dim))?
            .permute((2, 0, 1, 3))?
            .reshape((count, heads.query * heads.dim))?;
        out.push(mixed);
    }
    Tensor::cat(&out, 0)
}

/// 0 where row `i` of the newest `count` positions may look, −∞ after it: (count, len).
fn causal_bias(count: usize, len: usize, device: &Device) -> Result<Tensor> {
    let past = len - count;
    let bias: Vec<f32> = (0..count)
        .flat_map(|row| {
            (0..len).map(move |t| if t <= past + row { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(bias, (count, len), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named error budget: two f32 paths with different orders of summation.
    const PATH_BUDGET: f32 = 1e-5;

    fn tensor(seed: u64, rows: usize, width: usize) -> Tensor {
        let values: Vec<f32> = (0..rows * width)
            .map(|i| ((i as u64 * 2_654_435_761 + seed * 97) % 1000) as f32 / 500.0 - 1.0)
            .collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).expect("a tensor")
    }

    #[test]
    fn the_kernel_and_the_candle_path_agree_on_a_packed_batch() {
        let heads = Heads { query: 6, kv: 2, dim: 16 };
        let mut cache = KvCache::new(1, heads, Device::Cpu);
        let fill = |cache: &mut KvCache, id, count: usize, seed| {
            cache.append(id, count).expect("room");
            let (k, v) = (tensor(seed, count, 32), tensor(seed + 1, count, 32));
            cache.write(id, 0, RowRange { first: 0, count }, [&k, &v]).expect("written");
        };
        let base = cache.fork(None);
        fill(&mut cache, base, 7, 1);
        let prefix = cache.freeze(base);
        let forked = cache.fork(Some(prefix));
        let alone = cache.fork(None);
        fill(&mut cache, forked, 3, 3);
        fill(&mut cache, alone, 5, 5);
        let sequences = [
            SequenceRows { id: forked, rows: RowRange { first: 0, count: 3 } },
            SequenceRows { id: alone, rows: RowRange { first: 3, count: 1 } },
        ];
        let queries = tensor(9, 4, 96);
        let got = attend_cpu(&queries, &sequences, &cache, 0, heads).expect("attended");
        let expected = attend_tensors(&queries, &sequences, &cache, 0, heads).expect("attended");
        let difference = (got - expected).and_then(|d| d.abs()?.flatten_all()?.max(0));
        let worst = difference.and_then(|d| d.to_scalar::<f32>()).expect("a number");
        assert!(worst < PATH_BUDGET, "the paths differ by {worst:e}");
    }
}
