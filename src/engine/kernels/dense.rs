//! Products with unquantised weights on the CPU, in f32.
//!
//! A general matrix product picks its order of summation by the number of rows, so a row's result
//! would depend on its batch. Here every output is one sum over the inputs in order.

use rayon::prelude::*;

use super::Tier;
use super::lanes::{LANES, Lanes, Portable};

/// Activation rows that share one reading of the weights.
const GROUP: usize = 4;

/// Weights of one product, (outputs, inputs), with [`LANES`] outputs side by side.
#[derive(Debug)]
pub struct DenseWeights {
    outputs: usize,
    inputs: usize,
    /// (outputs / LANES rounded up, inputs, LANES); zero beyond the last output.
    tiles: Vec<f32>,
}

impl DenseWeights {
    /// Takes rows of weights, (outputs, inputs).
    pub fn pack(rows: &[f32], outputs: usize, inputs: usize) -> Self {
        let mut tiles = vec![0f32; outputs.next_multiple_of(LANES) * inputs];
        for (output, row) in rows.chunks_exact(inputs).enumerate() {
            let tile = &mut tiles[output / LANES * LANES * inputs..];
            for (input, weight) in row.iter().enumerate() {
                tile[input * LANES + output % LANES] = *weight;
            }
        }
        Self { outputs, inputs, tiles }
    }

    /// Output width.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `x`, (rows, inputs), times the weights: (rows, outputs).
    pub fn multiply(&self, tier: Tier, x: &[f32], rows: usize) -> Vec<f32> {
        // Each task writes one tile's outputs for all rows: (tiles, rows, LANES).
        let mut parts = vec![0f32; self.outputs.next_multiple_of(LANES) * rows];
        parts
            .par_chunks_mut(rows * LANES)
            .zip(self.tiles.par_chunks(self.inputs * LANES))
            .for_each(|(out, tile)| enter(tier, tile, x, out));
        let mut out = vec![0f32; rows * self.outputs];
        for (tile, part) in parts.chunks_exact(rows * LANES).enumerate() {
            let first = tile * LANES;
            let width = LANES.min(self.outputs - first);
            for (row, part) in part.chunks_exact(LANES).enumerate() {
                out[row * self.outputs + first..][..width].copy_from_slice(&part[..width]);
            }
        }
        out
    }
}

fn enter(tier: Tier, tile: &[f32], x: &[f32], out: &mut [f32]) {
    match tier {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found AVX-512F on this CPU.
        Tier::Avx512 => unsafe { tile_avx512(tile, x, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found AVX2 and FMA on this CPU.
        Tier::Avx2 => unsafe { tile_avx2(tile, x, out) },
        _ => multiply_tile::<Portable>(tile, x, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn tile_avx512(tile: &[f32], x: &[f32], out: &mut [f32]) {
    multiply_tile::<super::lanes::Avx512>(tile, x, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn tile_avx2(tile: &[f32], x: &[f32], out: &mut [f32]) {
    multiply_tile::<super::lanes::Avx2>(tile, x, out);
}

/// One tile, (inputs, LANES), for every row: `out` is (rows, LANES).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn multiply_tile<L: Lanes>(tile: &[f32], x: &[f32], out: &mut [f32]) {
    let inputs = tile.len() / LANES;
    let groups = x.chunks(GROUP * inputs).zip(out.chunks_mut(GROUP * LANES));
    for (x, out) in groups {
        if x.len() == GROUP * inputs {
            multiply_rows::<L, GROUP>(tile, x, out);
            continue;
        }
        for (x, out) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(LANES)) {
            multiply_rows::<L, 1>(tile, x, out);
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn multiply_rows<L: Lanes, const N: usize>(tile: &[f32], x: &[f32], out: &mut [f32]) {
    let inputs = tile.len() / LANES;
    let rows: [&[f32]; N] = std::array::from_fn(|row| &x[row * inputs..][..inputs]);
    let mut sums = [L::splat(0.0); N];
    for (input, weights) in tile.as_chunks::<LANES>().0.iter().enumerate() {
        let weights = L::load(weights);
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = L::splat(row[input]).madd(weights, *sum);
        }
    }
    for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(LANES)) {
        out.copy_from_slice(&sum.values());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named error budget: f32 sums of a few dozen products of numbers up to 1.
    const DENSE_BUDGET: f64 = 1e-5;

    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64)
            .map(|i| ((i * 2_654_435_761 + seed) % 1000) as f32 / 500.0 - 1.0)
            .collect()
    }

    #[test]
    fn every_tier_agrees_with_the_definition_and_no_row_depends_on_its_batch() {
        let (outputs, inputs, rows) = (37, 24, 6);
        let (weights, x) = (numbers(1, outputs * inputs), numbers(7, rows * inputs));
        let packed = DenseWeights::pack(&weights, outputs, inputs);
        for tier in Tier::available() {
            let got = packed.multiply(tier, &x, rows);
            for (row, x) in x.chunks(inputs).enumerate() {
                let part = &got[row * outputs..][..outputs];
                assert_eq!(packed.multiply(tier, x, 1), part, "{tier:?}");
                for (got, weights) in part.iter().zip(weights.chunks(inputs)) {
                    let products =
                        x.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b));
                    let expected: f64 = products.sum();
                    assert!((f64::from(*got) - expected).abs() < DENSE_BUDGET, "{tier:?}");
                }
            }
        }
    }
}
