//! Products with unquantised weights on the CPU: f32, f16 and bf16, as the file has them.
//!
//! A general matrix product picks its order of summation by the number of rows, so a row's result
//! would depend on its batch. Here every output is one sum over the inputs in order.

use super::Cpu;
use super::lanes::{Brain, Half, LANES, Lanes, Number};
use super::matrix::Mode;
use super::team::Pieces;

/// Activation rows that share one reading of the weights.
const GROUP: usize = 8;

/// The weights of one product, (outputs, inputs), in the number type of the file.
#[derive(Debug)]
pub enum DenseWeights {
    /// Single precision.
    F32(Tiles<f32>),
    /// Half precision.
    F16(Tiles<Half>),
    /// bfloat16: the upper half of an f32.
    BF16(Tiles<Brain>),
}

/// A matrix in tiles of `LANES` outputs side by side.
#[derive(Debug)]
pub struct Tiles<N> {
    outputs: usize,
    inputs: usize,
    /// (outputs / LANES rounded up, inputs, LANES); zero beyond the last output.
    numbers: Vec<[N; LANES]>,
}

impl<N: Number> Tiles<N> {
    /// Takes rows of weights, (outputs, inputs).
    pub fn pack(rows: &[N], zero: N, outputs: usize, inputs: usize) -> Self {
        let mut numbers = vec![[zero; LANES]; outputs.div_ceil(LANES) * inputs];
        for (output, row) in rows.chunks_exact(inputs).enumerate() {
            let tile = &mut numbers[output / LANES * inputs..][..inputs];
            for (lanes, weight) in tile.iter_mut().zip(row) {
                lanes[output % LANES] = *weight;
            }
        }
        Self { outputs, inputs, numbers }
    }

    fn row(&self, output: usize, out: &mut [f32]) {
        let tile = &self.numbers[output / LANES * self.inputs..][..self.inputs];
        for (out, lanes) in out.iter_mut().zip(tile) {
            *out = lanes[output % LANES].to_f32();
        }
    }

    fn multiply(&self, cpu: &Cpu, x: &[f32], out: &mut [f32], mode: Mode) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = x.len() / inputs;
        let out = Pieces::rows(out, outputs);
        cpu.team.run(outputs.div_ceil(LANES), &|index| {
            let tile = &self.numbers[index * inputs..][..inputs];
            let first = index * LANES;
            let width = LANES.min(outputs - first);
            let mut sums = [[0f32; LANES]; GROUP];
            for begin in (0..rows).step_by(GROUP) {
                let count = GROUP.min(rows - begin);
                let x = &x[begin * inputs..(begin + count) * inputs];
                tile_product(cpu.tier, tile, x, &mut sums[..count]);
                for (row, sums) in (begin..).zip(&sums[..count]) {
                    // SAFETY: a tile's columns of a row belong to this share alone.
                    let out = unsafe { out.part(row, first, width) };
                    mode.put(&sums[..width], out);
                }
            }
        });
    }
}

impl DenseWeights {
    /// Output width, in numbers.
    pub fn outputs(&self) -> usize {
        match self {
            Self::F32(tiles) => tiles.outputs,
            Self::F16(tiles) => tiles.outputs,
            Self::BF16(tiles) => tiles.outputs,
        }
    }

    /// Writes the weights of output `output` to `out` as floats: a row of an embedding.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        match self {
            Self::F32(tiles) => tiles.row(output, out),
            Self::F16(tiles) => tiles.row(output, out),
            Self::BF16(tiles) => tiles.row(output, out),
        }
    }

    /// Multiplies `x`, (rows, inputs), with the weights into `out`, (rows, outputs).
    pub fn multiply(&self, cpu: &Cpu, x: &[f32], out: &mut [f32], mode: Mode) {
        match self {
            Self::F32(tiles) => tiles.multiply(cpu, x, out, mode),
            Self::F16(tiles) => tiles.multiply(cpu, x, out, mode),
            Self::BF16(tiles) => tiles.multiply(cpu, x, out, mode),
        }
    }
}

tiered! {
    /// Multiplies one tile, (inputs, LANES), with up to [`GROUP`] rows.
    fn tile_product [N: Number] [N] (
        tile: &[[N; LANES]],
        x: &[f32],
        out: &mut [[f32; LANES]],
    ) = multiply_tile
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn multiply_tile<L: Lanes, N: Number>(tile: &[[N; LANES]], x: &[f32], out: &mut [[f32; LANES]]) {
    let inputs = tile.len();
    if out.len() == GROUP {
        multiply_rows::<L, N, GROUP>(tile, x, out);
        return;
    }
    for (x, out) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(1)) {
        multiply_rows::<L, N, 1>(tile, x, out);
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn multiply_rows<L: Lanes, N: Number, const M: usize>(
    tile: &[[N; LANES]],
    x: &[f32],
    out: &mut [[f32; LANES]],
) {
    let inputs = tile.len();
    let rows: [&[f32]; M] = std::array::from_fn(|row| &x[row * inputs..][..inputs]);
    let mut sums = [L::splat(0.0); M];
    for (input, weights) in tile.iter().enumerate() {
        let weights: L = N::load(weights);
        for m in 0..M {
            sums[m] = L::splat(rows[m][input]).madd(weights, sums[m]);
        }
    }
    for m in 0..M {
        sums[m].store(&mut out[m]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kernels::Tier;

    /// Named error budget: f32 sums of a few dozen products of numbers up to 1.
    const DENSE_BUDGET: f64 = 1e-5;

    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64)
            .map(|i| ((i * 2_654_435_761 + seed) % 1000) as f32 / 500.0 - 1.0)
            .collect()
    }

    #[test]
    fn every_tier_agrees_with_the_definition_and_no_row_depends_on_its_batch() {
        let (outputs, inputs, rows) = (37, 24, 11);
        let (weights, x) = (numbers(1, outputs * inputs), numbers(7, rows * inputs));
        let half: Vec<Half> =
            weights.iter().map(|x| Half(half::f16::from_f32(*x).to_bits())).collect();
        let brain: Vec<Brain> =
            weights.iter().map(|x| Brain(half::bf16::from_f32(*x).to_bits())).collect();
        for packed in [
            DenseWeights::F32(Tiles::pack(&weights, 0.0, outputs, inputs)),
            DenseWeights::F16(Tiles::pack(&half, Half(0), outputs, inputs)),
            DenseWeights::BF16(Tiles::pack(&brain, Brain(0), outputs, inputs)),
        ] {
            for tier in Tier::available() {
                let cpu = Cpu::new(2, tier);
                let mut got = vec![0f32; rows * outputs];
                packed.multiply(&cpu, &x, &mut got, Mode::Set);
                for (row, x) in x.chunks(inputs).enumerate() {
                    let part = &got[row * outputs..][..outputs];
                    let mut alone = vec![0f32; outputs];
                    packed.multiply(&cpu, x, &mut alone, Mode::Set);
                    assert_eq!(alone, part, "{tier:?}");
                    for (output, got) in part.iter().enumerate() {
                        let mut weights = vec![0f32; inputs];
                        packed.row(output, &mut weights);
                        let products =
                            x.iter().zip(&weights).map(|(a, b)| f64::from(*a) * f64::from(*b));
                        let expected: f64 = products.sum();
                        assert!((f64::from(*got) - expected).abs() < DENSE_BUDGET, "{tier:?}");
                    }
                }
            }
        }
    }
}
