//! Grouped-query attention of packed rows over cached keys and values, in f32 on CPU.
//!
//! Each (row, key head) is one task, and its sums run over the keys in position order whatever the
//! batch holds and however the keys are split into spans. So a row's result does not depend on its
//! neighbours, and a forked prefix gives the same bits as a prefix of one's own.
//!
//! Scaled dot-product attention: Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>;
//! grouped queries: Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>.

use std::cell::RefCell;

use rayon::prelude::*;

use super::Tier;
use super::lanes::{LANES, Lanes, Portable};

/// Most query heads whose sums are held in registers at once.
const HEADS: usize = 4;

/// Head geometry of one attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads; a multiple of `kv`.
    pub query: usize,
    /// Key and value heads.
    pub kv: usize,
    /// Width of one head.
    pub dim: usize,
}

impl Heads {
    /// Query heads that share one key head.
    pub fn group(self) -> usize {
        self.query / self.kv
    }
}

/// A run of cached positions, of which the first `len` are filled. Keys lie in blocks of [`LANES`]
/// positions with each dimension's values side by side, so that one multiplication serves a whole
/// block and no sum runs across lanes.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Rotated keys: (kv heads, capacity / LANES, dim, LANES).
    pub keys: &'a [f32],
    /// Values: (kv heads, capacity, dim).
    pub values: &'a [f32],
    /// Positions that the buffers can hold; a multiple of [`LANES`].
    pub capacity: usize,
    /// Positions filled.
    pub len: usize,
}

/// What one row may look at: the first `visible` positions of `spans`, read one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The sequence's cache, oldest span first.
    pub spans: &'a [Span<'a>],
    /// Positions visible to the row, itself included.
    pub visible: usize,
}

thread_local! {
    /// Scores of one task, (group, visible); kept so that a step allocates nothing.
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Attends: `queries` and the result are (rows, query heads, dim).
pub fn attend(tier: Tier, heads: Heads, queries: &[f32], rows: &[Row<'_>]) -> Vec<f32> {
    let width = heads.group() * heads.dim; // one task's queries stand side by side
    let mut out = vec![0f32; queries.len()];
    out.par_chunks_mut(width).zip(queries.par_chunks(width)).enumerate().for_each(
        |(task, (out, queries))| {
            let (row, kv_head) = (task / heads.kv, task % heads.kv);
            let task = Task { heads, kv_head, queries, row: rows[row] };
            SCORES.with_borrow_mut(|scores| enter(tier, task, scores, out));
        },
    );
    out
}

#[derive(Clone, Copy)]
struct Task<'a> {
    heads: Heads,
    kv_head: usize,
    /// (group, dim)
    queries: &'a [f32],
    row: Row<'a>,
}

impl<'a> Task<'a> {
    /// This head's part of each visible span: keys, values, and how many positions.
    fn visible(self) -> impl Iterator<Item = (&'a [f32], &'a [f32], usize)> {
        let mut left = self.row.visible;
        self.row.spans.iter().map(move |span| {
            let positions = span.len.min(left);
            left -= positions;
            let first = self.kv_head * span.capacity * self.heads.dim;
            let blocks = positions.next_multiple_of(LANES) * self.heads.dim;
            let keys = &span.keys[first..first + blocks];
            let values = &span.values[first..first + positions * self.heads.dim];
            (keys, values, positions)
        })
    }
}

fn enter(tier: Tier, task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    match tier {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found AVX-512F on this CPU.
        Tier::Avx512 => unsafe { attend_avx512(task, scores, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found AVX2 and FMA on this CPU.
        Tier::Avx2 => unsafe { attend_avx2(task, scores, out) },
        _ => attend_task::<Portable>(task, scores, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn attend_avx512(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_task::<super::lanes::Avx512>(task, scores, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn attend_avx2(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_task::<super::lanes::Avx2>(task, scores, out);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn attend_task<L: Lanes>(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    let (dim, visible) = (task.heads.dim, task.row.visible);
    scores.clear();
    scores.resize(task.heads.group() * visible, 0.0); // (group, visible)
    let queries = task.queries.chunks(HEADS * dim);
    let groups = scores.chunks_mut(HEADS * visible).zip(out.chunks_mut(HEADS * dim));
    for (queries, (scores, out)) in queries.zip(groups) {
        match queries.len() / dim {
            1 => attend_heads::<L, 1>(task, queries, scores, out),
            2 => attend_heads::<L, 2>(task, queries, scores, out),
            3 => attend_heads::<L, 3>(task, queries, scores, out),
            _ => attend_heads::<L, HEADS>(task, queries, scores, out),
        }
    }
}

/// `N` query heads over the keys that they share: `queries` and `out` are (N, dim), `scores` is
/// (N, visible).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn attend_heads<L: Lanes, const N: usize>(
    task: Task<'_>,
    queries: &[f32],
    scores: &mut [f32],
    out: &mut [f32],
) {
    let (dim, visible) = (task.heads.dim, task.row.visible);
    let scale = 1.0 / (dim as f32).sqrt();
    let mut done = 0;
    for (keys, _, positions) in task.visible() {
        for (block, keys) in keys.chunks_exact(LANES * dim).enumerate() {
            let sums = block_scores::<L, N>(queries, keys, dim);
            let filled = LANES.min(positions - block * LANES);
            for (head, sums) in sums.into_iter().enumerate() {
                let scores = &mut scores[head * visible + done..][..filled];
                for (score, sum) in scores.iter_mut().zip(sums.values()) {
                    *score = sum * scale;
                }
            }
            done += filled;
        }
    }
    let mut inverse = [0f32; N];
    for (scores, inverse) in scores.chunks_exact_mut(visible).zip(&mut inverse) {
        *inverse = 1.0 / softmax_numerators::<L>(scores);
    }
    for first in (0..dim).step_by(LANES) {
        let width = LANES.min(dim - first);
        let sums = mix_values::<L, N>(task, scores, first, width);
        for (head, sums) in sums.into_iter().enumerate() {
            for (out, sum) in out[head * dim + first..][..width].iter_mut().zip(sums.values()) {
                *out = sum * inverse[head];
            }
        }
    }
}

/// Products of `N` queries with a block of keys, (dim, LANES): (N, LANES).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn block_scores<L: Lanes, const N: usize>(queries: &[f32], keys: &[f32], dim: usize) -> [L; N] {
    let queries: [&[f32]; N] = std::array::from_fn(|head| &queries[head * dim..][..dim]);
    let mut sums = [L::splat(0.0); N];
    for (d, keys) in keys.as_chunks::<LANES>().0.iter().take(dim).enumerate() {
        let keys = L::load(keys);
        for (sum, query) in sums.iter_mut().zip(&queries) {
            *sum = L::splat(query[d]).madd(keys, *sum);
        }
    }
    sums
}

/// Weighted sums over the visible values, of dimensions `first..first + width`: (N, LANES).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn mix_values<L: Lanes, const N: usize>(
    task: Task<'_>,
    scores: &[f32],
    first: usize,
    width: usize,
) -> [L; N] {
    let (dim, visible) = (task.heads.dim, task.row.visible);
    let mut sums = [L::splat(0.0); N];
    let mut done = 0;
    for (_, values, positions) in task.visible() {
        let weights: [&[f32]; N] =
            std::array::from_fn(|head| &scores[head * visible + done..][..positions]);
        for (t, value) in values.chunks_exact(dim).enumerate() {
            let value = if let Some(value) = value[first..].first_chunk::<LANES>() {
                L::load(value)
            } else {
                let mut padded = [0f32; LANES];
                padded[..width].copy_from_slice(&value[first..first + width]);
                L::load(&padded)
            };
            for (sum, weights) in sums.iter_mut().zip(&weights) {
                *sum = L::splat(weights[t]).madd(value, *sum);
            }
        }
        done += positions;
    }
    sums
}

/// Turns scores into `exp(score − max)` and returns their sum.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn softmax_numerators<L: Lanes>(scores: &mut [f32]) -> f32 {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = L::splat(0.0);
    let (blocks, rest) = scores.as_chunks_mut::<LANES>();
    for block in blocks {
        let numerators = L::load(block).sub(L::splat(max)).exp();
        sums = sums.add(numerators);
        *block = numerators.values();
    }
    if !rest.is_empty() {
        let mut padded = [f32::NEG_INFINITY; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        let numerators = L::load(&padded).sub(L::splat(max)).exp();
        sums = sums.add(numerators);
        rest.copy_from_slice(&numerators.values()[..rest.len()]);
    }
    sums.values().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named error budget: the kernel against f64 attention, relative to the values' size.
    const ATTENTION_BUDGET: f64 = 2e-6;

    fn numbers(seed: u32, count: usize) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// The definition, in f64, over one span.
    fn reference(heads: Heads, queries: &[f32], span: Span<'_>, visible: usize) -> Vec<f64> {
        let mut out = Vec::new();
        for head in 0..heads.query {
            let query = &queries[head * heads.dim..][..heads.dim];
            let base = head / heads.group() * span.capacity * heads.dim;
            let scores: Vec<f64> = (0..visible)
                .map(|t| {
                    let block = &span.keys[base + t / LANES * LANES * heads.dim..];
                    let key = (0..heads.dim).map(|d| block[d * LANES + t % LANES]);
                    let dot: f64 =
                        query.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(b)).sum();
                    (dot / (heads.dim as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = scores.iter().sum();
            for d in 0..heads.dim {
                out.push(
                    (0..visible)
                        .map(|t| {
                            scores[t] / total * f64::from(span.values[base + t * heads.dim + d])
                        })
                        .sum(),
                );
            }
        }
        out
    }

    #[test]
    fn every_tier_agrees_with_the_definition() {
        for (heads, capacity, visible) in [
            (Heads { query: 9, kv: 3, dim: 64 }, 304, 257),
            (Heads { query: 4, kv: 4, dim: 20 }, 16, 1),
            (Heads { query: 8, kv: 1, dim: 128 }, 48, 48),
        ] {
            let size = heads.kv * capacity * heads.dim;
            let (keys, values) = (numbers(1, size), numbers(2, size));
            let queries: Vec<f32> =
                numbers(3, heads.query * heads.dim).iter().map(|x| x * 4.0).collect();
            let span = Span { keys: &keys, values: &values, capacity, len: capacity };
            let expected = reference(heads, &queries, span, visible);
            for tier in Tier::available() {
                let got = attend(tier, heads, &queries, &[Row { spans: &[span], visible }]);
                for (got, expected) in got.iter().zip(&expected) {
                    let error = (f64::from(*got) - expected).abs();
                    assert!(error < ATTENTION_BUDGET, "{tier:?} is off by {error:e}");
                }
            }
        }
    }

    /// Keys of plain rows, (kv heads, len, dim), in blocks, with room for a whole block.
    fn blocks(heads: Heads, rows: &[f32], len: usize) -> Vec<f32> {
        let capacity = len.next_multiple_of(LANES);
        let mut out = vec![0f32; heads.kv * capacity * heads.dim];
        for (index, value) in rows.iter().enumerate() {
            let (head, t) = (index / heads.dim / len, index / heads.dim % len);
            let block = (head * capacity + t / LANES * LANES) * heads.dim;
            out[block + index % heads.dim * LANES + t % LANES] = *value;
        }
        out
    }

    #[test]
    fn splitting_the_cache_into_spans_changes_no_bit() {
        let heads = Heads { query: 6, kv: 2, dim: 32 };
        let (len, cut) = (50, 17);
        let size = heads.kv * len * heads.dim;
        let (keys, values) = (numbers(4, size), numbers(5, size));
        let queries = numbers(6, heads.query * heads.dim);
        let part = |all: &[f32], from: usize, to: usize| -> Vec<f32> {
            all.chunks(len * heads.dim)
                .flat_map(|head| head[from * heads.dim..to * heads.dim].to_vec())
                .collect()
        };
        let pad = |rows: &[f32], len: usize| -> Vec<f32> {
            let padding = (len.next_multiple_of(LANES) - len) * heads.dim;
            rows.chunks(len * heads.dim)
                .flat_map(|head| [head, &vec![0.0; padding]].concat())
                .collect()
        };
        let span = |from: usize, to: usize| {
            let len = to - from;
            let keys = blocks(heads, &part(&keys, from, to), len);
            (keys, pad(&part(&values, from, to), len), len)
        };
        let attend_over = |parts: &[(Vec<f32>, Vec<f32>, usize)], visible: usize| {
            let spans: Vec<Span<'_>> = parts
                .iter()
                .map(|(keys, values, len)| {
                    let capacity = len.next_multiple_of(LANES);
                    Span { keys, values, capacity, len: *len }
                })
                .collect();
            attend(Tier::detect(), heads, &queries, &[Row { spans: &spans, visible }])
        };
        for visible in [1, cut, cut + 1, len] {
            let whole = attend_over(&[span(0, len)], visible);
            assert_eq!(whole, attend_over(&[span(0, cut), span(cut, len)], visible));
        }
    }
}
