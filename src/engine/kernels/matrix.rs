//! Products with quantised weights on the CPU.
//!
//! Owns the weights and how a product is shared out among threads. They are repacked once into tiles
//! of `LANES` output rows (`formats.rs`), in place of the file's own layout. A kernel (`tile`) takes
//! one tile and a group of activation rows, so that what it unpacks serves up to twelve rows. Integer parts are exact and the sums over blocks run in one
//! order, so a row's result has the same bits alone and in any batch, on any tier and with any
//! number of threads.
//!
//! candle multiplies Q4_1 and Q5_1 by scalar code, packs no width that is not a multiple of 256,
//! and keeps what it packs beside the original.

mod tile;

use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

use self::tile::{LARGEST, Tile};
use super::Tier;
use super::activations::Activations;
use super::formats::{BLOCK, Format, REGISTER, ScaleTable};
use super::lanes::{Half, LANES};
use super::team::{Pieces, Team};

/// The bytes of a register, aligned so that no load crosses a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Aligned([u8; REGISTER]);

/// A weight matrix, (outputs, inputs), in tiles.
#[derive(Debug)]
pub struct Matrix {
    outputs: usize,
    inputs: usize,
    format: Format,
    /// (tile, block, register)
    quants: Vec<Aligned>,
    /// (tile, unit, scale and minimum, row): half-precision numbers; see [`ScaleTable`].
    halves: Vec<[Half; LANES]>,
    /// (tile, block, 2, row)
    bytes: Vec<[u8; LANES]>,
}

/// A product to compute: its weights and where the result goes.
#[derive(Debug)]
pub struct Product<'a> {
    /// The weights.
    pub weights: &'a Matrix,
    /// (rows, outputs)
    pub out: &'a mut [f32],
    /// What happens to the numbers already in `out`.
    pub mode: Mode,
    /// The tiles to compute, ascending; `None` for all.
    pub tiles: Option<&'a [u32]>,
}

/// What a product does to the numbers already in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Replaces the numbers.
    Set,
    /// Adds to the numbers.
    Add,
}

impl Mode {
    /// Writes or adds `values` to `out`, which has the same length.
    pub(super) fn put(self, values: &[f32], out: &mut [f32]) {
        match self {
            Self::Set => out.copy_from_slice(values),
            Self::Add => {
                for (out, value) in out.iter_mut().zip(values) {
                    *out += value;
                }
            }
        }
    }
}

impl Matrix {
    /// Room for a matrix of `dtype` blocks. `None` when another path must serve: for a type without
    /// tiles, or a shape that is not a whole number of blocks.
    pub fn empty(dtype: GgmlDType, outputs: usize, inputs: usize) -> Option<Self> {
        let format = Format::of(dtype)?;
        let (weights, _) = format.stored();
        if outputs == 0 || inputs == 0 || !inputs.is_multiple_of(weights) {
            return None;
        }
        let tiles = outputs.div_ceil(LANES);
        let [registers, halves, blocks_a_unit, small] = format.sizes();
        let blocks = inputs / BLOCK;
        let mut packed = Self {
            outputs,
            inputs,
            format,
            quants: vec![Aligned([0; REGISTER]); tiles * blocks * registers],
            halves: vec![[Half(0); LANES]; tiles * blocks / blocks_a_unit * halves],
            bytes: vec![[0; LANES]; tiles * blocks * small],
        };
        in_large_pages(&mut packed.quants);
        Some(packed)
    }

    /// Size in bytes of a row as the file stores it.
    pub fn stored_row(&self) -> usize {
        let (weights, bytes) = self.format.stored();
        self.inputs / weights * bytes
    }

    /// Repacks `stored`, whole rows from row `first` on, which is a multiple of `LANES`. Each row
    /// may be filled only once.
    pub fn fill(&mut self, first: usize, stored: &[u8]) {
        let row_bytes = self.stored_row();
        let rows = stored.len() / row_bytes;
        assert!(first.is_multiple_of(LANES) && first + rows <= self.outputs);
        let format = self.format;
        let [registers, halves, blocks_a_unit, small] = format.sizes();
        let blocks = self.inputs / BLOCK;
        let skipped = first / LANES;
        let units = blocks / blocks_a_unit * halves;
        let quants = &mut self.quants[skipped * blocks * registers..];
        let halves_of = &mut self.halves[skipped * units..];
        // A format without scale bytes has an empty part for each tile.
        let mut rest = &mut self.bytes[skipped * blocks * small..];
        let mut bytes_of: Vec<&mut [[u8; LANES]]> = Vec::new();
        for _ in 0..rows.div_ceil(LANES) {
            let (part, others) = rest.split_at_mut(blocks * small);
            bytes_of.push(part);
            rest = others;
        }
        quants
            .par_chunks_exact_mut(blocks * registers)
            .zip(halves_of.par_chunks_exact_mut(units))
            .zip(&mut bytes_of)
            .enumerate()
            .for_each(|(tile, ((quants, halves_of_tile), bytes_of_tile))| {
                let rows = stored.chunks_exact(row_bytes).skip(tile * LANES).take(LANES);
                for (row, stored) in rows.enumerate() {
                    for (index, registers) in quants.chunks_exact_mut(registers).enumerate() {
                        let block = format.unpack(stored, index);
                        format.place(lines_mut(registers), row, &block.quants);
                        let unit = index / blocks_a_unit * halves;
                        for (at, bits) in block.halves.iter().enumerate().take(halves) {
                            halves_of_tile[unit + at][row] = *bits;
                        }
                        for (at, byte) in block.bytes.iter().enumerate().take(small) {
                            bytes_of_tile[index * small + at][row] = *byte;
                        }
                    }
                }
            });
    }

    /// Output width, in numbers.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Input width, in numbers.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of tiles of `LANES` outputs; the last one may be partly empty.
    pub fn tiles(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Bytes that the weights take in memory.
    pub fn memory(&self) -> usize {
        size_of_val(self.quants.as_slice())
            + size_of_val(self.halves.as_slice())
            + size_of_val(self.bytes.as_slice())
    }

    /// Writes the weights of output `output` to `out` as floats: a row of an embedding.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        let tile = self.tile(output / LANES);
        for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let (scales, minimum) = tile.scales_of(self.format, block, output % LANES);
            let registers = self.format.sizes()[0];
            let quants = &tile.quants[block * registers..][..registers];
            for (weight, out) in out.iter_mut().enumerate() {
                let quant = self.format.quant(quants, output % LANES, weight);
                let signed = (i32::from(quant) - self.format.offset()) as f32;
                *out = signed.mul_add(scales[weight / 16], minimum);
            }
        }
    }

    fn tile(&self, index: usize) -> Tile<'_> {
        let [registers, halves, blocks_a_unit, small] = self.format.sizes();
        let blocks = self.inputs / BLOCK;
        let (quants, units) = (blocks * registers, blocks / blocks_a_unit * halves);
        Tile {
            quants: lines(&self.quants[index * quants..][..quants]),
            scales: ScaleTable {
                halves: &self.halves[index * units..][..units],
                bytes: &self.bytes[index * blocks * small..][..blocks * small],
            },
        }
    }
}

fn lines(aligned: &[Aligned]) -> &[[u8; REGISTER]] {
    // SAFETY: `Aligned` is its array, by `repr(C)` and equal size.
    unsafe { std::slice::from_raw_parts(aligned.as_ptr().cast(), aligned.len()) }
}

fn lines_mut(aligned: &mut [Aligned]) -> &mut [[u8; REGISTER]] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(aligned.as_mut_ptr().cast(), aligned.len()) }
}

/// Asks for large pages before memory is first touched. Weights stream through it once a step, and
/// a third of the time would go into looking up small pages. This is only advice, given only where
/// a buffer holds several large pages whole.
fn in_large_pages<T>(numbers: &mut [T]) {
    #[cfg(target_os = "linux")]
    {
        /// Size of the pages that every system has; advice must start at a page's address.
        const PAGE: usize = 4096;
        const WORTH_IT: usize = 4 << 20; // bytes
        let bytes = size_of_val(numbers);
        let start = numbers.as_mut_ptr().cast::<u8>();
        let skip = start.align_offset(PAGE);
        if bytes >= WORTH_IT {
            // SAFETY: the range lies inside the slice, and the advice changes no content.
            unsafe {
                libc::madvise(start.add(skip).cast(), bytes - skip, libc::MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = numbers;
}

/// Multiplies the activations with the weights of several products at once.
pub fn multiply(team: &Team, tier: Tier, x: &Activations, products: &mut [Product<'_>]) {
    let shared: Vec<Shared<'_>> = products
        .iter_mut()
        .map(|product| {
            assert_eq!(product.weights.inputs, x.inputs(), "the widths of a product agree");
            assert_eq!(product.out.len(), x.rows() * product.weights.outputs);
            Shared {
                weights: product.weights,
                out: Pieces::rows(product.out, product.weights.outputs),
                mode: product.mode,
                tiles: product.tiles,
            }
        })
        .collect();
    let tiles: usize = shared.iter().map(Shared::count).sum();
    // Shares take some microseconds at least, and are numerous enough to even out.
    let work = x.rows().next_multiple_of(4) * x.inputs() * LANES; // multiplications a tile
    let share = (SHARE_WORK / work.max(1)).clamp(1, tiles.div_ceil(team.threads() * 4).max(1));
    team.run(tiles.div_ceil(share), &|index| {
        for tile in index * share..((index + 1) * share).min(tiles) {
            let mut tile = tile;
            for product in &shared {
                if tile < product.count() {
                    product.tile(tier, x, tile);
                    break;
                }
                tile -= product.count();
            }
        }
    });
}

/// Fewest multiplications worth waking another thread for: some microseconds.
const SHARE_WORK: usize = 1 << 19;

/// A [`Product`] whose parts are written by several threads.
struct Shared<'a> {
    weights: &'a Matrix,
    out: Pieces<f32>,
    mode: Mode,
    tiles: Option<&'a [u32]>,
}

impl Shared<'_> {
    fn count(&self) -> usize {
        self.tiles.map_or(self.weights.tiles(), <[u32]>::len)
    }

    /// The outputs of the `index`-th wanted tile, for all rows.
    fn tile(&self, tier: Tier, x: &Activations, index: usize) {
        let index = self.tiles.map_or(index, |tiles| tiles[index] as usize);
        let weights = self.weights.tile(index);
        let first = index * LANES;
        let width = LANES.min(self.weights.outputs - first);
        let mut sums = [[0f32; LANES]; LARGEST];
        for &group in x.groups() {
            tile::multiply(tier, self.weights.format, group, weights, x.blocks(group), &mut sums);
            for (row, sums) in (group.first..group.first + group.rows).zip(&sums) {
                // SAFETY: a tile's columns of a row belong to this call alone.
                let out = unsafe { self.out.part(row, first, width) };
                self.mode.put(&sums[..width], out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;

    const TYPES: [GgmlDType; 8] = [
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    /// Named error budget: eight-bit activations, relative to the product of the norms.
    const QUANTISED_BUDGET: f64 = 5e-3;

    fn numbers(seed: u32, count: usize) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// A packed matrix and its weights as candle dequantises them.
    fn matrix(dtype: GgmlDType, outputs: usize, inputs: usize) -> (Matrix, Vec<f32>) {
        let values = numbers(outputs as u32, outputs * inputs);
        let tensor = Tensor::from_vec(values, (outputs, inputs), &Device::Cpu).expect("a tensor");
        let quantised = QTensor::quantize(&tensor, dtype).expect("quantised");
        let plain = quantised.dequantize(&Device::Cpu).expect("dequantised");
        let bytes = quantised.data().expect("data");
        let mut matrix = Matrix::empty(dtype, outputs, inputs).expect("a format with tiles");
        let cut = 16.min(outputs) * matrix.stored_row();
        matrix.fill(0, &bytes[..cut]);
        matrix.fill(16, &bytes[cut..]);
        (matrix, plain.flatten_all().and_then(|t| t.to_vec1()).expect("numbers"))
    }

    fn product(tier: Tier, matrix: &Matrix, x: &[f32], rows: usize) -> Vec<f32> {
        let (team, mut activations) = (Team::new(2), Activations::default());
        let inputs = matrix.inputs();
        activations.quantise(&team, tier, [rows, inputs], &|row, out| {
            out.copy_from_slice(&x[row * inputs..][..inputs]);
        });
        let mut out = vec![0f32; rows * matrix.outputs()];
        let product = Product { weights: matrix, out: &mut out, mode: Mode::Set, tiles: None };
        multiply(&team, tier, &activations, &mut [product]);
        out
    }

    #[test]
    fn rows_read_back_are_the_weights_that_the_file_means() {
        for dtype in TYPES {
            let (matrix, plain) = matrix(dtype, 37, 512);
            let mut row = vec![0f32; 512];
            for (output, expected) in plain.chunks_exact(512).enumerate() {
                matrix.row(output, &mut row);
                for (got, expected) in row.iter().zip(expected) {
                    // candle computes scale × quant and adds the minimum, unfused.
                    assert!((got - expected).abs() < 1e-6, "{dtype:?}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn every_format_multiplies_within_its_budget() {
        let (outputs, inputs, rows) = (48, 256, 5);
        let x = numbers(9, rows * inputs);
        for dtype in TYPES {
            let (matrix, plain) = matrix(dtype, outputs, inputs);
            let got = product(Tier::detect(), &matrix, &x, rows);
            for (x, got) in x.chunks(inputs).zip(got.chunks(outputs)) {
                for (weights, got) in plain.chunks(inputs).zip(got) {
                    let pairs = || weights.iter().zip(x);
                    let exact: f64 = pairs().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let norm = |v: &[f32]| v.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
                    let error = (f64::from(*got) - exact).abs() / (norm(weights) * norm(x));
                    assert!(error < QUANTISED_BUDGET, "{dtype:?} is off by {error:e}");
                }
            }
        }
    }

    #[test]
    fn every_tier_and_batch_gives_the_same_bits() {
        for dtype in TYPES {
            let (matrix, _) = matrix(dtype, 50, 512);
            let x = numbers(5, 27 * 512);
            let expected: Vec<f32> =
                x.chunks(512).flat_map(|x| product(Tier::Portable, &matrix, x, 1)).collect();
            for tier in Tier::available() {
                for rows in [1, 2, 3, 7, 12, 13, 27] {
                    let got = product(tier, &matrix, &x[..rows * 512], rows);
                    assert_eq!(got, expected[..rows * 50], "{dtype:?} {tier:?} {rows} rows");
                }
            }
        }
    }

    #[test]
    fn only_the_wanted_tiles_are_computed_and_added_where_asked() {
        let (matrix, _) = matrix(GgmlDType::Q8_0, 80, 64);
        let x = numbers(3, 64);
        let whole = product(Tier::detect(), &matrix, &x, 1);
        let (team, mut activations) = (Team::new(1), Activations::default());
        activations.quantise(&team, Tier::detect(), [1, 64], &|_, out| out.copy_from_slice(&x));
        let mut out = vec![1f32; 80];
        let product =
            Product { weights: &matrix, out: &mut out, mode: Mode::Add, tiles: Some(&[1, 4]) };
        multiply(&team, Tier::detect(), &activations, &mut [product]);
        for (index, (got, whole)) in out.iter().zip(whole).enumerate() {
            let expected = if matches!(index / LANES, 1 | 4) { 1.0 + whole } else { 1.0 };
            assert_eq!(got.to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn a_number_that_is_none_shows_in_every_output_of_its_row_alone() {
        let (matrix, _) = matrix(GgmlDType::Q4_1, 32, 64);
        let mut x = numbers(3, 2 * 64);
        x[70] = f32::NAN;
        let out = product(Tier::detect(), &matrix, &x, 2);
        assert!(out[..32].iter().all(|x| x.is_finite()) && out[32..].iter().all(|x| x.is_nan()));
    }
}
