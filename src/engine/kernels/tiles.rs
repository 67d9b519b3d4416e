//! Products with 4-bit block-quantised weights (Q4_0, Q4_1) on CPUs with AVX2 or AVX512-VNNI.
//!
//! candle multiplies Q4_1 by scalar code and packs no width that is not a multiple of 256, so the
//! small models that ship in these types are several times slower there than they need be.
//!
//! Weights are repacked into tiles of [`ROWS`] output rows, so that one integer instruction feeds
//! all 16 rows with the same four activations; both types become `weight = scale × q + min` with
//! q in 0..16. Sums run over the blocks in order and the integer part is exact, so a row's result
//! has the same bits alone and in any batch.
//!
//! Block formats: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

use super::Tier;

/// Weights in a quantisation block.
const BLOCK: usize = 32;
/// Output rows of a tile: the 32-bit lanes of an AVX-512 register.
const ROWS: usize = 16;
/// Bytes of one tile block: 16 rows of 32 four-bit weights.
const TILE_BLOCK: usize = ROWS * BLOCK / 2;
/// Activation rows that share one unpacking of the weights.
const GROUP: usize = 8;

/// Weights of one product, (outputs, inputs), repacked.
#[derive(Debug)]
pub struct TiledWeights {
    outputs: usize,
    inputs: usize,
    /// (tile, block, 4 × 64 bytes). Byte `4 r + j` of quarter `i` holds the weights of row `r` at
    /// `4 i + j` (low half) and at `16 + 4 i + j` (high half).
    quants: Vec<u8>,
    /// f16 bits, (tile, block, row).
    scales: Vec<u16>,
    /// f16 bits, (tile, block, row).
    mins: Vec<u16>,
}

impl TiledWeights {
    /// Repacks `bytes`, rows of `dtype` blocks; `None` when another path must serve: another
    /// type, a shape that does not tile, or a CPU without the instructions.
    pub fn pack(dtype: GgmlDType, bytes: &[u8], outputs: usize, inputs: usize) -> Option<Self> {
        let (header, has_min) = match dtype {
            GgmlDType::Q4_0 => (2, false),
            GgmlDType::Q4_1 => (4, true),
            _ => return None,
        };
        let fits = outputs.is_multiple_of(ROWS) && inputs.is_multiple_of(BLOCK);
        if !fits || Tier::detect() == Tier::Portable {
            return None;
        }
        let blocks = inputs / BLOCK;
        let size = header + BLOCK / 2;
        if bytes.len() != outputs * blocks * size {
            return None;
        }
        let mut packed = Self {
            outputs,
            inputs,
            quants: vec![0; outputs * inputs / 2],
            scales: vec![0; outputs * blocks],
            mins: vec![0; outputs * blocks],
        };
        for (index, source) in bytes.chunks_exact(size).enumerate() {
            let (row, block) = (index / blocks, index % blocks);
            let place = (row / ROWS) * blocks + block;
            let scale = u16::from_le_bytes([source[0], source[1]]);
            packed.scales[place * ROWS + row % ROWS] = scale;
            packed.mins[place * ROWS + row % ROWS] = if has_min {
                u16::from_le_bytes([source[2], source[3]])
            } else {
                // Q4_0 is scale × (q − 8).
                half::f16::from_f32(-8.0 * half::f16::from_bits(scale).to_f32()).to_bits()
            };
            let tile = &mut packed.quants[place * TILE_BLOCK..][..TILE_BLOCK];
            // Byte j of a block holds weight j (low) and weight 16 + j (high): the same halves.
            for (j, &byte) in source[header..].iter().enumerate() {
                tile[(j / 4) * 64 + (row % ROWS) * 4 + j % 4] = byte;
            }
        }
        Some(packed)
    }

    /// Output width.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    fn tile(&self, index: usize) -> Tile<'_> {
        let blocks = self.inputs / BLOCK;
        Tile {
            quants: &self.quants[index * blocks * TILE_BLOCK..][..blocks * TILE_BLOCK],
            scales: &self.scales[index * blocks * ROWS..][..blocks * ROWS],
            mins: &self.mins[index * blocks * ROWS..][..blocks * ROWS],
        }
    }
}

/// One tile of [`TiledWeights`].
#[derive(Clone, Copy)]
struct Tile<'a> {
    quants: &'a [u8],
    scales: &'a [u16],
    mins: &'a [u16],
}

/// Activations as signed bytes, one scale a block of 32.
struct Activations {
    rows: usize,
    inputs: usize,
    /// (rows, inputs)
    quants: Vec<i8>,
    /// (rows, blocks): value of one step.
    scales: Vec<f32>,
    /// (rows, blocks): sum of the block's quantised values, times the step.
    sums: Vec<f32>,
}

/// Multiplies `x`, (rows, inputs), with every weight at once; each result is (rows, outputs).
pub fn multiply(tier: Tier, weights: &[&TiledWeights], x: &[f32], rows: usize) -> Vec<Vec<f32>> {
    let Some(first) = weights.first() else {
        return Vec::new();
    };
    let activations = Activations::quantise(x, rows, first.inputs);
    // Each task writes one tile's outputs for all rows: (tiles, rows, ROWS).
    let tiles: usize = weights.iter().map(|weight| weight.outputs / ROWS).sum();
    let mut out = vec![0f32; tiles * rows * ROWS];
    out.par_chunks_mut(rows * ROWS).with_min_len(4).enumerate().for_each(|(mut index, out)| {
        for weight in weights {
            if index < weight.outputs / ROWS {
                return enter(tier, weight.tile(index), &activations, out);
            }
            index -= weight.outputs / ROWS;
        }
    });
    let mut done = 0;
    weights
        .iter()
        .map(|weight| {
            let part = &out[done..done + rows * weight.outputs];
            done += part.len();
            gather(part, rows, weight.outputs)
        })
        .collect()
}

/// (tiles, rows, ROWS) to (rows, outputs).
fn gather(tiles: &[f32], rows: usize, outputs: usize) -> Vec<f32> {
    if rows == 1 {
        return tiles.to_vec();
    }
    let mut out = vec![0f32; rows * outputs];
    for (tile, part) in tiles.chunks_exact(rows * ROWS).enumerate() {
        for (row, part) in part.chunks_exact(ROWS).enumerate() {
            out[row * outputs + tile * ROWS..][..ROWS].copy_from_slice(part);
        }
    }
    out
}

impl Activations {
    fn quantise(x: &[f32], rows: usize, inputs: usize) -> Self {
        let blocks = rows * inputs / BLOCK;
        let mut activations = Self {
            rows,
            inputs,
            quants: vec![0; rows * inputs],
            scales: vec![0.0; blocks],
            sums: vec![0.0; blocks],
        };
        let quantised = activations.quants.chunks_exact_mut(BLOCK);
        for (block, (x, quants)) in x.chunks_exact(BLOCK).zip(quantised).enumerate() {
            let largest = x.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            let scale = largest / 127.0;
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            let mut sum = 0i32;
            for (quant, x) in quants.iter_mut().zip(x) {
                *quant = round(x * inverse) as i8;
                sum += i32::from(*quant);
            }
            activations.scales[block] = scale;
            activations.sums[block] = scale * sum as f32;
        }
        activations
    }

    /// The four activations `4 group ..` of a block, as one 32-bit word.
    #[inline]
    fn word(&self, row: usize, block: usize, group: usize) -> i32 {
        let at = row * self.inputs + block * BLOCK + group * 4;
        let bytes = &self.quants[at..at + 4];
        i32::from_le_bytes([bytes[0] as u8, bytes[1] as u8, bytes[2] as u8, bytes[3] as u8])
    }
}

/// To the nearest whole number, for |x| < 2^22, without a library call.
fn round(x: f32) -> f32 {
    /// 1.5 × 2^23: adding it leaves no bits for a fraction.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND) - ROUND
}

fn enter(tier: Tier, tile: Tile<'_>, activations: &Activations, out: &mut [f32]) {
    let mut row = 0;
    while row < activations.rows {
        let group = if activations.rows - row >= GROUP { GROUP } else { 1 };
        let out = &mut out[row * ROWS..(row + group) * ROWS];
        match (tier, group) {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Tier::detect` found AVX512 F, BW and VNNI on this CPU.
            (Tier::Avx512, GROUP) => unsafe { x86::avx512::<GROUP>(tile, activations, row, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            (Tier::Avx512, _) => unsafe { x86::avx512::<1>(tile, activations, row, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Tier::detect` found AVX2, FMA and F16C on this CPU.
            (Tier::Avx2, _) => {
                for r in 0..group {
                    let out = &mut out[r * ROWS..][..ROWS];
                    unsafe { x86::avx2(tile, activations, row + r, out) };
                }
            }
            _ => {
                for r in 0..group {
                    portable(tile, activations, row + r, &mut out[r * ROWS..][..ROWS]);
                }
            }
        }
        row += group;
    }
}

/// The definition, and the reference of the kernels below.
fn portable(tile: Tile<'_>, activations: &Activations, row: usize, out: &mut [f32]) {
    let blocks = activations.inputs / BLOCK;
    for (r, out) in out.iter_mut().enumerate() {
        let mut sum = 0f32;
        for block in 0..blocks {
            let quants = &tile.quants[block * TILE_BLOCK..][..TILE_BLOCK];
            let x = &activations.quants[row * activations.inputs + block * BLOCK..][..BLOCK];
            let mut dot = 0i32;
            for j in 0..BLOCK / 2 {
                let byte = quants[(j / 4) * 64 + r * 4 + j % 4];
                dot += i32::from(byte & 15) * i32::from(x[j]);
                dot += i32::from(byte >> 4) * i32::from(x[j + BLOCK / 2]);
            }
            let scale = half::f16::from_bits(tile.scales[block * ROWS + r]).to_f32();
            let min = half::f16::from_bits(tile.mins[block * ROWS + r]).to_f32();
            let place = row * blocks + block;
            sum = (dot as f32).mul_add(scale * activations.scales[place], sum);
            sum = min.mul_add(activations.sums[place], sum);
        }
        *out = sum;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_cvtepi32_ps,
        _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256,
        _mm256_srli_epi16, _mm256_storeu_ps, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
        _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_set1_epi8,
        _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
        _mm512_srli_epi16, _mm512_storeu_ps,
    };

    use super::{Activations, BLOCK, ROWS, TILE_BLOCK, Tile};

    /// `M` activation rows from `first` on, against one tile; `out` is (M, ROWS).
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512<const M: usize>(
        tile: Tile<'_>,
        activations: &Activations,
        first: usize,
        out: &mut [f32],
    ) {
        let blocks = activations.inputs / BLOCK;
        let low = _mm512_set1_epi8(15);
        let mut sums = [_mm512_setzero_ps(); M];
        for block in 0..blocks {
            let quants = &tile.quants[block * TILE_BLOCK..][..TILE_BLOCK];
            let mut weights: [__m512i; 8] = [_mm512_setzero_si512(); 8];
            for quarter in 0..4 {
                // SAFETY: 64 bytes from 64 × quarter on lie inside the tile block's 256.
                let packed = unsafe { _mm512_loadu_si512(quants[quarter * 64..].as_ptr().cast()) };
                weights[quarter] = _mm512_and_si512(packed, low);
                weights[quarter + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), low);
            }
            let (scales, mins) = (&tile.scales[block * ROWS..], &tile.mins[block * ROWS..]);
            assert!(scales.len() >= ROWS && mins.len() >= ROWS);
            // SAFETY: 16 half-precision numbers, just checked.
            let (scales, mins) = unsafe {
                (
                    _mm512_cvtph_ps(_mm256_loadu_si256(scales.as_ptr().cast())),
                    _mm512_cvtph_ps(_mm256_loadu_si256(mins.as_ptr().cast())),
                )
            };
            for (m, sum) in sums.iter_mut().enumerate() {
                let mut dot = _mm512_setzero_si512();
                for (group, weights) in weights.iter().enumerate() {
                    let word = _mm512_set1_epi32(activations.word(first + m, block, group));
                    dot = _mm512_dpbusd_epi32(dot, *weights, word);
                }
                let place = (first + m) * blocks + block;
                let step = _mm512_mul_ps(scales, _mm512_set1_ps(activations.scales[place]));
                *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), step, *sum);
                *sum = _mm512_fmadd_ps(mins, _mm512_set1_ps(activations.sums[place]), *sum);
            }
        }
        for (sum, out) in sums.iter().zip(out.chunks_exact_mut(ROWS)) {
            // SAFETY: `out` holds 16 numbers.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), *sum) };
        }
    }

    /// One activation row against one tile, the 16 rows as two halves. Weights of four bits times
    /// activations of seven cannot overflow the 16-bit pair sums.
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn avx2(tile: Tile<'_>, activations: &Activations, row: usize, out: &mut [f32]) {
        let blocks = activations.inputs / BLOCK;
        let (low, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
        let mut sums = [_mm256_setzero_ps(); 2];
        for block in 0..blocks {
            let quants = &tile.quants[block * TILE_BLOCK..][..TILE_BLOCK];
            let mut dots: [__m256i; 2] = [_mm256_setzero_si256(); 2];
            for quarter in 0..4 {
                let words = [
                    _mm256_set1_epi32(activations.word(row, block, quarter)),
                    _mm256_set1_epi32(activations.word(row, block, quarter + 4)),
                ];
                for (half, dot) in dots.iter_mut().enumerate() {
                    let from = &quants[quarter * 64 + half * 32..][..32];
                    // SAFETY: 32 bytes, just sliced.
                    let packed = unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
                    let first = _mm256_and_si256(packed, low);
                    let second = _mm256_and_si256(_mm256_srli_epi16::<4>(packed), low);
                    for (weights, word) in [first, second].into_iter().zip(words) {
                        let pairs = _mm256_maddubs_epi16(weights, word);
                        *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
                    }
                }
            }
            let place = row * blocks + block;
            for (half, (dot, sum)) in dots.iter().zip(&mut sums).enumerate() {
                let at = block * ROWS + half * 8;
                let (scales, mins) = (&tile.scales[at..at + 8], &tile.mins[at..at + 8]);
                // SAFETY: 8 half-precision numbers each, just sliced.
                let (scales, mins) = unsafe {
                    (
                        _mm256_cvtph_ps(_mm_loadu_si128(scales.as_ptr().cast())),
                        _mm256_cvtph_ps(_mm_loadu_si128(mins.as_ptr().cast())),
                    )
                };
                let step = _mm256_mul_ps(scales, _mm256_set1_ps(activations.scales[place]));
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(*dot), step, *sum);
                *sum = _mm256_fmadd_ps(mins, _mm256_set1_ps(activations.sums[place]), *sum);
            }
        }
        for (sum, out) in sums.iter().zip(out.chunks_exact_mut(8)) {
            // SAFETY: `out` holds 8 numbers.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), *sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{QMatMul, QTensor};
    use candle_core::{Device, Module, Tensor};

    use super::*;

    /// Named error budget: against candle, whose activation scales are rounded to f16; relative to
    /// the largest result.
    const CANDLE_BUDGET: f32 = 2e-3;

    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn weights(dtype: GgmlDType, outputs: usize, inputs: usize) -> (QTensor, TiledWeights) {
        let dense = Tensor::from_vec(numbers(1, outputs * inputs), (outputs, inputs), &Device::Cpu);
        let quantised = QTensor::quantize(&dense.expect("weights"), dtype).expect("quantised");
        let bytes = quantised.data().expect("bytes").into_owned();
        let tiled = TiledWeights::pack(dtype, &bytes, outputs, inputs).expect("packed");
        (quantised, tiled)
    }

    #[test]
    fn every_tier_agrees_with_candle_and_the_reference_for_any_number_of_rows() {
        if Tier::detect() == Tier::Portable {
            eprintln!("skipped: this CPU has neither AVX2 nor AVX-512, so tiles are not used");
            return;
        }
        for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1] {
            let (outputs, inputs) = (48, 192);
            let (quantised, tiled) = weights(dtype, outputs, inputs);
            let candle = QMatMul::from_qtensor(quantised).expect("a product");
            for rows in [1, 2, 8, 11] {
                let x = numbers(2, rows * inputs);
                let input = Tensor::from_vec(x.clone(), (rows, inputs), &Device::Cpu);
                let expected = candle.forward(&input.expect("input")).expect("product");
                let expected: Vec<f32> =
                    expected.flatten_all().and_then(|t| t.to_vec1()).expect("numbers");
                let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
                let reference = &multiply(Tier::Portable, &[&tiled], &x, rows)[0];
                for tier in Tier::available() {
                    let got = &multiply(tier, &[&tiled], &x, rows)[0];
                    assert_eq!(got, reference, "{tier:?} differs from the reference");
                }
                for (got, expected) in reference.iter().zip(&expected) {
                    assert!((got - expected).abs() < CANDLE_BUDGET * largest, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_in_a_batch_and_fused() {
        if Tier::detect() == Tier::Portable {
            eprintln!("skipped: this CPU has neither AVX2 nor AVX-512, so tiles are not used");
            return;
        }
        let ((_, a), (_, b)) = (weights(GgmlDType::Q4_1, 32, 64), weights(GgmlDType::Q4_1, 16, 64));
        let x = numbers(3, 13 * 64);
        let fused = multiply(Tier::detect(), &[&a, &b], &x, 13);
        for (row, x) in x.chunks(64).enumerate() {
            assert_eq!(multiply(Tier::detect(), &[&a], x, 1)[0], fused[0][row * 32..][..32]);
            assert_eq!(multiply(Tier::detect(), &[&b], x, 1)[0], fused[1][row * 16..][..16]);
        }
    }

    #[test]
    fn what_does_not_tile_is_left_to_another_path() {
        assert!(TiledWeights::pack(GgmlDType::Q4_1, &[0; 20 * 8], 8, 32).is_none());
        assert!(TiledWeights::pack(GgmlDType::Q6K, &[0; 210 * 16], 16, 256).is_none());
        assert!(TiledWeights::pack(GgmlDType::Q4_1, &[0; 5], 16, 32).is_none());
    }
}
