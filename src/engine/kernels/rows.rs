//! Operations on single rows between the products: norm, rotation, gate.
//!
//! Each function takes one row and the tier to run on; sums run in one order on every tier.
//!
//! Root-mean-square norm: Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>; rotary
//! positions: Su et al. 2021, <https://arxiv.org/abs/2104.09864>; gated units: Shazeer 2020,
//! <https://arxiv.org/abs/2002.05202>.

use super::lanes::{LANES, Lanes};
use crate::engine::architecture::{Activation, Rotary};

tiered! {
    /// `out = x ÷ √(mean(x²) + epsilon) × weight`; all of one length.
    pub fn rms_norm [] [] (x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) = norm
}

tiered! {
    /// `out = activation(gate) × up`; all of one length.
    pub fn gate [] [] (gate: &[f32], up: &[f32], activation: Activation, out: &mut [f32]) = gated
}

/// How many numbers [`maxima`] takes together.
pub const CHUNK: usize = 32;

tiered! {
    /// The largest of each [`CHUNK`] numbers, and of those left at the end; NaN where one of them
    /// is NaN (of positive sign).
    pub fn maxima [] [] (numbers: &[f32], out: &mut [f32]) = chunk_maxima
}

/// Takes integer maxima, which unlike those of floats do not depend on the order: bits of floats
/// order like integers once those of negative ones are inverted.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn chunk_maxima<L: Lanes>(numbers: &[f32], out: &mut [f32]) {
    let turn = |bits: i32| bits ^ ((bits >> 31) as u32 >> 1) as i32;
    for (chunk, out) in numbers.chunks(CHUNK).zip(out) {
        let mut largest = i32::MIN;
        for number in chunk {
            let bits = number.to_bits() as i32;
            let ordered = bits ^ ((bits >> 31) as u32 >> 1) as i32;
            largest = largest.max(ordered);
        }
        *out = f32::from_bits(turn(largest) as u32);
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn norm<L: Lanes>(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut sums = L::splat(0.0);
    for block in blocks {
        let block = L::load(block);
        sums = block.madd(block, sums);
    }
    let mut sum: f32 = 0.0;
    for value in sums.values() {
        sum += value;
    }
    for value in rest {
        sum = value.mul_add(*value, sum);
    }
    let scale = 1.0 / (sum / x.len() as f32 + epsilon).sqrt();
    for ((x, weight), out) in x.iter().zip(weight).zip(out) {
        *out = x * scale * weight;
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn gated<L: Lanes>(gate: &[f32], up: &[f32], activation: Activation, out: &mut [f32]) {
    let (gates, gates_rest) = gate.as_chunks::<LANES>();
    let (ups, ups_rest) = up.as_chunks::<LANES>();
    let (outs, outs_rest) = out.as_chunks_mut::<LANES>();
    for ((gate, up), out) in gates.iter().zip(ups).zip(outs) {
        activated(L::load(gate), activation).mul(L::load(up)).store(out);
    }
    for ((gate, up), out) in gates_rest.iter().zip(ups_rest).zip(outs_rest) {
        *out = activated(L::splat(*gate), activation).values()[0] * up;
    }
}

/// x · σ(z), where z is x for the sigmoid unit, and 2 √(2/π) (x + 0.044715 x³) for the Gaussian
/// one, whose tanh is a sigmoid of twice its argument. (Hendrycks and Gimpel 2016,
/// <https://arxiv.org/abs/1606.08415>.)
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn activated<L: Lanes>(x: L, activation: Activation) -> L {
    let z = match activation {
        Activation::Silu => x,
        Activation::Gelu => {
            let cube = x.mul(x).mul(x);
            cube.madd(L::splat(0.044_715), x).mul(L::splat(
                2.0 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2,
            ))
        }
    };
    // Takes exponentials of numbers up to 0 only, so that nothing overflows.
    let zero = L::splat(0.0);
    let numerator = z.min(zero).exp();
    let denominator = z.min(zero.sub(z)).exp().add(L::splat(1.0));
    x.mul(numerator.div(denominator))
}

/// Rotates the leading dimensions of one head by the angles of its position: `cos` and `sin` have
/// one entry for each pair of dimensions.
pub fn rotate(rotary: Rotary, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let half = cos.len();
    match rotary {
        Rotary::Interleaved => {
            let pairs = head.as_chunks_mut::<2>().0;
            for (pair, (cos, sin)) in pairs.iter_mut().zip(cos.iter().zip(sin)) {
                let [a, b] = *pair;
                *pair = [a * cos - b * sin, a * sin + b * cos];
            }
        }
        Rotary::Halves => {
            let (first, second) = head[..2 * half].split_at_mut(half);
            for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kernels::Tier;

    /// Named error budget: f32 row operations against f64, relative.
    const ROW_BUDGET: f64 = 1e-6;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 5.0).collect()
    }

    fn check(got: &[f32], expected: impl Iterator<Item = f64>) {
        for (got, expected) in got.iter().zip(expected) {
            let error = (f64::from(*got) - expected).abs() / expected.abs().max(1e-3);
            assert!(error < ROW_BUDGET, "{got} in place of {expected}");
        }
    }

    #[test]
    fn norm_and_gates_agree_with_their_definitions_on_every_tier() {
        let (x, weight) = (numbers(75), numbers(75).into_iter().rev().collect::<Vec<f32>>());
        let mut out = vec![0f32; 75];
        for tier in Tier::available() {
            rms_norm(tier, &x, &weight, 1e-5, &mut out);
            let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 75.0;
            let pairs = || x.iter().zip(&weight).map(|(a, b)| (f64::from(*a), f64::from(*b)));
            check(&out, pairs().map(|(x, w)| x / (mean + 1e-5).sqrt() * w));
            gate(tier, &x, &weight, Activation::Silu, &mut out);
            check(&out, pairs().map(|(x, up)| x / (1.0 + (-x).exp()) * up));
            gate(tier, &x, &weight, Activation::Gelu, &mut out);
            let gelu = |x: f64| {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                x / (1.0 + (-2.0 * inner).exp())
            };
            check(&out, pairs().map(|(x, up)| gelu(x) * up));
            gate(tier, &[f32::NAN; 17], &[1.0; 17], Activation::Silu, &mut out[..17]);
            assert!(out[..17].iter().all(|x| x.is_nan()), "{tier:?} hides what is no number");
        }
    }

    #[test]
    fn maxima_are_those_of_each_chunk_on_every_tier() {
        let mut numbers = numbers(100);
        numbers[70] = f32::NAN;
        for tier in Tier::available() {
            let mut out = [0f32; 4];
            maxima(tier, &numbers, &mut out);
            for (index, chunk) in numbers.chunks(CHUNK).enumerate() {
                let largest = chunk.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let same = out[index].to_bits() == largest.to_bits();
                assert!(same || (index == 2 && out[2].is_nan()), "{tier:?}");
            }
            maxima(tier, &[-0.0, f32::NEG_INFINITY, -3.0], &mut out[..1]);
            assert_eq!(out[0].to_bits(), (-0.0f32).to_bits());
        }
    }

    #[test]
    fn rotation_turns_the_pairs_of_its_kind_and_leaves_the_rest() {
        let (cos, sin) = ([0.0, 1.0], [1.0, 0.0]); // a quarter turn, and none
        let mut head = [1.0, 2.0, 3.0, 4.0, 5.0];
        rotate(Rotary::Interleaved, &mut head, &cos, &sin);
        assert_eq!(head.to_vec(), [-2.0, 1.0, 3.0, 4.0, 5.0]);
        let mut head = [1.0, 2.0, 3.0, 4.0, 5.0];
        rotate(Rotary::Halves, &mut head, &cos, &sin);
        assert_eq!(head.to_vec(), [-3.0, 2.0, 1.0, 4.0, 5.0]);
    }
}
