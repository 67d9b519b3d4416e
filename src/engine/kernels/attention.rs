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

/// Independent partial sums of a dot product: 16 f32 fill one AVX-512 or two AVX2 registers.
const LANES: usize = 16;

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

/// A run of cached positions: `keys` and `values` are (kv heads, capacity, dim), of which the
/// first `len` positions are filled.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// Keys, rotated.
    pub keys: &'a [f32],
    /// Values.
    pub values: &'a [f32],
    /// Positions that the buffers can hold.
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
    /// This head's visible keys (or values), span by span: (positions, dim) each.
    fn visible(self, side: impl Fn(&Span<'a>) -> &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        let mut left = self.row.visible;
        self.row.spans.iter().map(move |span| {
            let positions = span.len.min(left);
            left -= positions;
            let first = self.kv_head * span.capacity * self.heads.dim;
            &side(span)[first..first + positions * self.heads.dim]
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
        _ => attend_task::<false>(task, scores, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn attend_avx512(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_task::<true>(task, scores, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn attend_avx2(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_task::<true>(task, scores, out);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn attend_task<const FMA: bool>(task: Task<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    let (dim, visible) = (task.heads.dim, task.row.visible);
    let scale = 1.0 / (dim as f32).sqrt();
    scores.clear();
    scores.resize(task.heads.group() * visible, 0.0); // (group, visible)

    let mut position = 0;
    for keys in task.visible(|span| span.keys) {
        for key in keys.chunks_exact(dim) {
            for (g, query) in task.queries.chunks_exact(dim).enumerate() {
                scores[g * visible + position] = dot::<FMA>(query, key) * scale;
            }
            position += 1;
        }
    }
    for (scores, out) in scores.chunks_exact_mut(visible).zip(out.chunks_exact_mut(dim)) {
        let total = softmax_numerators::<FMA>(scores);
        let mut position = 0;
        for values in task.visible(|span| span.values) {
            for value in values.chunks_exact(dim) {
                let weight = scores[position];
                for (out, value) in out.iter_mut().zip(value) {
                    *out = madd::<FMA>(weight, *value, *out);
                }
                position += 1;
            }
        }
        let inverse = 1.0 / total;
        out.iter_mut().for_each(|out| *out *= inverse);
    }
}

/// `a × b + c`, fused where the tier has it: the unfused form would call a library function.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for lane in 0..LANES {
            sums[lane] = madd::<FMA>(a[lane], b[lane], sums[lane]);
        }
    }
    for (lane, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
        sums[lane] = madd::<FMA>(*a, *b, sums[lane]);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

/// Turns scores into `exp(score − max)` and returns their sum.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn softmax_numerators<const FMA: bool>(scores: &mut [f32]) -> f32 {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exp::<FMA>(*score - max);
    }
    let mut sums = [0f32; LANES];
    for chunk in scores.chunks(LANES) {
        for (sum, score) in sums.iter_mut().zip(chunk) {
            *sum += score;
        }
    }
    sums.iter().sum()
}

/// e^x for x ≤ 0, within 2 units in the last place down to −87, then 0. Branch-free, so that it
/// vectorises; the range reduction and the polynomial are those of Cephes' `expf`
/// (<https://www.netlib.org/cephes/>).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn exp<const FMA: bool>(x: f32) -> f32 {
    /// 1.5 × 2^23: adding it rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    /// Below this e^x is no normal f32.
    const LEAST: f32 = -87.0;
    /// ln 2 in two parts, so that the product with a small whole number is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.max(LEAST);
    let n = madd::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = madd::<FMA>(-n, LN2_LOW, madd::<FMA>(-n, LN2_HIGH, clamped));
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = madd::<FMA>(p, r, coefficient);
    }
    let fraction = madd::<FMA>(p, r * r, r) + 1.0;
    let power = f32::from_bits((((n as i32) + 127) << 23) as u32);
    if x < LEAST { 0.0 } else { fraction * power }
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
                    let key = &span.keys[base + t * heads.dim..][..heads.dim];
                    let dot: f64 =
                        query.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
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
            (Heads { query: 9, kv: 3, dim: 64 }, 300, 257),
            (Heads { query: 4, kv: 4, dim: 20 }, 9, 1),
            (Heads { query: 8, kv: 1, dim: 128 }, 40, 40),
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
        let parts = [
            (part(&keys, 0, cut), part(&values, 0, cut)),
            (part(&keys, cut, len), part(&values, cut, len)),
        ];
        let spans: Vec<Span<'_>> = parts
            .iter()
            .map(|(keys, values)| {
                let len = keys.len() / heads.kv / heads.dim;
                Span { keys, values, capacity: len, len }
            })
            .collect();
        let whole = [Span { keys: &keys, values: &values, capacity: len, len }];
        let tier = Tier::detect();
        for visible in [1, cut, cut + 1, len] {
            assert_eq!(
                attend(tier, heads, &queries, &[Row { spans: &whole, visible }]),
                attend(tier, heads, &queries, &[Row { spans: &spans, visible }]),
            );
        }
    }

    #[test]
    fn exp_keeps_its_error_budget() {
        /// Named error budget: relative error of `exp`.
        const EXP_BUDGET: f64 = 2.5e-7;
        for step in 0..87_000 {
            let x = -(step as f32) / 1000.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp::<false>(x)) - expected).abs() / expected;
            assert!(error < EXP_BUDGET, "exp({x}) is off by {error:e}");
        }
        assert!(exp::<false>(-200.0) == 0.0, "far below the least exponent the result is zero");
    }
}
