//! Products with weights in blocks of 32 (Q4_0, Q4_1, Q8_0) on CPUs with AVX2 or AVX512-VNNI.
//!
//! candle multiplies Q4_1 by scalar code and packs no width that is not a multiple of 256, so the
//! small models that ship in these types are several times slower there than they need be.
//!
//! Weights are repacked into tiles of [`ROWS`] output rows, so that one integer instruction feeds
//! all 16 rows with the same four activations. Four-bit weights become `scale × q + min` with q in
//! 0..16, eight-bit ones stay `scale × q` with q in −128..128. Sums run over the blocks in order and the integer part is exact, so a row's result
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
/// Activation rows that share one unpacking of the weights.
const GROUP: usize = 8;

/// How a tile block holds its 16 × 32 weights. Byte `4 r + j` of the 64 bytes number `g` belongs to
/// row `r`, so 64 bytes are one AVX-512 register with four weights for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// 4 × 64 bytes: weights `4 g + j` in the low halves, `16 + 4 g + j` in the high ones.
    Nibbles,
    /// 8 × 64 bytes: weights `4 g + j`, signed.
    Bytes,
}

impl Packing {
    /// Bytes of one tile block.
    fn bytes(self) -> usize {
        match self {
            Self::Nibbles => ROWS * BLOCK / 2,
            Self::Bytes => ROWS * BLOCK,
        }
    }
}

/// Weights of one product, (outputs, inputs), repacked.
#[derive(Debug)]
pub struct TiledWeights {
    outputs: usize,
    inputs: usize,
    packing: Packing,
    /// (tile, block, packed weights)
    quants: Vec<u8>,
    /// f16 bits, (tile, block, row).
    scales: Vec<u16>,
    /// f16 bits, (tile, block, row); empty for [`Packing::Bytes`].
    mins: Vec<u16>,
}

impl TiledWeights {
    /// Repacks `bytes`, rows of `dtype` blocks; `None` when another path must serve: another
    /// type, a shape that does not tile, or a CPU without the instructions.
    pub fn pack(dtype: GgmlDType, bytes: &[u8], outputs: usize, inputs: usize) -> Option<Self> {
        // Bytes before the weights: the scale, and the minimum where the type has one.
        let (packing, header) = match dtype {
            GgmlDType::Q4_0 => (Packing::Nibbles, 2),
            GgmlDType::Q4_1 => (Packing::Nibbles, 4),
            GgmlDType::Q8_0 => (Packing::Bytes, 2),
            _ => return None,
        };
        let fits = outputs.is_multiple_of(ROWS) && inputs.is_multiple_of(BLOCK);
        if !fits || Tier::detect() == Tier::Portable {
            return None;
        }
        let blocks = inputs / BLOCK;
        let weights = packing.bytes() / ROWS;
        let size = header + weights;
        if bytes.len() != outputs * blocks * size {
            return None;
        }
        let mins = if packing == Packing::Nibbles { outputs * blocks } else { 0 };
        let mut packed = Self {
            outputs,
            inputs,
            packing,
            quants: vec![0; outputs * blocks * weights],
            scales: vec![0; outputs * blocks],
            mins: vec![0; mins],
        };
        for (index, source) in bytes.chunks_exact(size).enumerate() {
            let (row, block) = (index / blocks, index % blocks);
            let place = (row / ROWS) * blocks + block;
            let scale = u16::from_le_bytes([source[0], source[1]]);
            packed.scales[place * ROWS + row % ROWS] = scale;
            if let Some(min) = packed.mins.get_mut(place * ROWS + row % ROWS) {
                *min = if header == 4 {
                    u16::from_le_bytes([source[2], source[3]])
                } else {
                    // Q4_0 is scale × (q − 8).
                    half::f16::from_f32(-8.0 * half::f16::from_bits(scale).to_f32()).to_bits()
                };
            }
            let tile = &mut packed.quants[place * packing.bytes()..][..packing.bytes()];
            // A four-bit block has weight j in the low half of byte j and 16 + j in the high one:
            // the same halves as here.
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
        let (quants, rows) = (blocks * self.packing.bytes(), blocks * ROWS);
        Tile {
            packing: self.packing,
            quants: &self.quants[index * quants..][..quants],
            scales: &self.scales[index * rows..][..rows],
            mins: if self.mins.is_empty() { &[] } else { &self.mins[index * rows..][..rows] },
        }
    }
}

/// One tile of [`TiledWeights`].
#[derive(Clone, Copy)]
struct Tile<'a> {
    packing: Packing,
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
    /// (rows, blocks): sum of the block's quantised values.
    totals: Vec<i32>,
    /// (rows, blocks): the same in steps of `scales`.
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
            totals: vec![0; blocks],
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
            activations.totals[block] = sum;
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
        match (tier, tile.packing, group) {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Tier::detect` found AVX512 F, BW and VNNI on this CPU.
            (Tier::Avx512, Packing::Nibbles, GROUP) => unsafe {
                x86::avx512_nibbles::<GROUP>(tile, activations, row, out);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            (Tier::Avx512, Packing::Nibbles, _) => unsafe {
                x86::avx512_nibbles::<1>(tile, activations, row, out);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            (Tier::Avx512, Packing::Bytes, GROUP) => unsafe {
                x86::avx512_bytes::<GROUP>(tile, activations, row, out);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            (Tier::Avx512, Packing::Bytes, _) => unsafe {
                x86::avx512_bytes::<1>(tile, activations, row, out);
            },
            (tier, packing, _) => {
                for (row, out) in (row..).zip(out.chunks_exact_mut(ROWS)) {
                    match (tier, packing) {
                        #[cfg(target_arch = "x86_64")]
                        // SAFETY: `Tier::detect` found AVX2, FMA and F16C on this CPU.
                        (Tier::Avx2, Packing::Nibbles) => unsafe {
                            x86::avx2_nibbles(tile, activations, row, out);
                        },
                        #[cfg(target_arch = "x86_64")]
                        // SAFETY: as above.
                        (Tier::Avx2, Packing::Bytes) => unsafe {
                            x86::avx2_bytes(tile, activations, row, out);
                        },
                        _ => portable(tile, activations, row, out),
                    }
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
            let quants = &tile.quants[block * tile.packing.bytes()..][..tile.packing.bytes()];
            let x = &activations.quants[row * activations.inputs + block * BLOCK..][..BLOCK];
            let mut dot = 0i32;
            for (j, x) in x.iter().enumerate() {
                let weight = match tile.packing {
                    Packing::Bytes => i32::from(quants[(j / 4) * 64 + r * 4 + j % 4] as i8),
                    Packing::Nibbles => {
                        let byte = quants[(j % 16 / 4) * 64 + r * 4 + j % 4];
                        i32::from(if j < 16 { byte & 15 } else { byte >> 4 })
                    }
                };
                dot += weight * i32::from(*x);
            }
            let scale = half::f16::from_bits(tile.scales[block * ROWS + r]).to_f32();
            let place = row * blocks + block;
            sum = (dot as f32).mul_add(scale * activations.scales[place], sum);
            if let Some(&min) = tile.mins.get(block * ROWS + r) {
                sum = half::f16::from_bits(min).to_f32().mul_add(activations.sums[place], sum);
            }
        }
        *out = sum;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_and_si256,
        _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_si256,
        _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srli_epi16, _mm256_storeu_ps,
        _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32,
        _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_epi32,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_srli_epi16,
        _mm512_storeu_ps, _mm512_xor_si512,
    };

    use super::{Activations, BLOCK, ROWS, Tile};

    /// Bytes of a tile block of four-bit weights.
    const NIBBLES: usize = ROWS * BLOCK / 2;
    /// Bytes of a tile block of eight-bit weights.
    const BYTES: usize = ROWS * BLOCK;

    /// `M` activation rows from `first` on, against one tile; `out` is (M, ROWS).
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512_nibbles<const M: usize>(
        tile: Tile<'_>,
        activations: &Activations,
        first: usize,
        out: &mut [f32],
    ) {
        let blocks = activations.inputs / BLOCK;
        let low = _mm512_set1_epi8(15);
        let mut sums = [_mm512_setzero_ps(); M];
        for block in 0..blocks {
            let quants = &tile.quants[block * NIBBLES..][..NIBBLES];
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

    /// As [`avx512_nibbles`], for eight-bit weights. The instruction wants one side unsigned, so the
    /// weights are shifted by 128 and the shift is taken off the whole sum, exactly.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512_bytes<const M: usize>(
        tile: Tile<'_>,
        activations: &Activations,
        first: usize,
        out: &mut [f32],
    ) {
        let blocks = activations.inputs / BLOCK;
        let shift = _mm512_set1_epi8(-128);
        let mut sums = [_mm512_setzero_ps(); M];
        for block in 0..blocks {
            let quants = &tile.quants[block * BYTES..][..BYTES];
            let mut weights: [__m512i; 8] = [_mm512_setzero_si512(); 8];
            for (group, weights) in weights.iter_mut().enumerate() {
                // SAFETY: 64 bytes from 64 × group on lie inside the tile block's 512.
                let signed = unsafe { _mm512_loadu_si512(quants[group * 64..].as_ptr().cast()) };
                *weights = _mm512_xor_si512(signed, shift);
            }
            let scales = &tile.scales[block * ROWS..][..ROWS];
            // SAFETY: 16 half-precision numbers, just sliced.
            let scales = unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(scales.as_ptr().cast())) };
            for (m, sum) in sums.iter_mut().enumerate() {
                let place = (first + m) * blocks + block;
                let mut dot = _mm512_set1_epi32(-128 * activations.totals[place]);
                for (group, weights) in weights.iter().enumerate() {
                    let word = _mm512_set1_epi32(activations.word(first + m, block, group));
                    dot = _mm512_dpbusd_epi32(dot, *weights, word);
                }
                let step = _mm512_mul_ps(scales, _mm512_set1_ps(activations.scales[place]));
                *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), step, *sum);
            }
        }
        for (sum, out) in sums.iter().zip(out.chunks_exact_mut(ROWS)) {
            // SAFETY: `out` holds 16 numbers.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), *sum) };
        }
    }

    /// As [`avx2_nibbles`], for eight-bit weights: magnitudes times signed activations, whose pair
    /// sums are at most 2 × 128 × 127 and fit 16 bits.
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn avx2_bytes(
        tile: Tile<'_>,
        activations: &Activations,
        row: usize,
        out: &mut [f32],
    ) {
        let blocks = activations.inputs / BLOCK;
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_ps(); 2];
        for block in 0..blocks {
            let quants = &tile.quants[block * BYTES..][..BYTES];
            let mut dots: [__m256i; 2] = [_mm256_setzero_si256(); 2];
            for group in 0..8 {
                let word = _mm256_set1_epi32(activations.word(row, block, group));
                for (half, dot) in dots.iter_mut().enumerate() {
                    let from = &quants[group * 64 + half * 32..][..32];
                    // SAFETY: 32 bytes, just sliced.
                    let weights = unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
                    let signed = _mm256_sign_epi8(word, weights);
                    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), signed);
                    *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
                }
            }
            let place = row * blocks + block;
            for (half, (dot, sum)) in dots.iter().zip(&mut sums).enumerate() {
                let scales = &tile.scales[block * ROWS + half * 8..][..8];
                // SAFETY: 8 half-precision numbers, just sliced.
                let scales = unsafe { _mm256_cvtph_ps(_mm_loadu_si128(scales.as_ptr().cast())) };
                let step = _mm256_mul_ps(scales, _mm256_set1_ps(activations.scales[place]));
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(*dot), step, *sum);
            }
        }
        for (sum, out) in sums.iter().zip(out.chunks_exact_mut(8)) {
            // SAFETY: `out` holds 8 numbers.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), *sum) };
        }
    }

    /// One activation row against one tile, the 16 rows as two halves. Weights of four bits times
    /// activations of seven cannot overflow the 16-bit pair sums.
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn avx2_nibbles(
        tile: Tile<'_>,
        activations: &Activations,
        row: usize,
        out: &mut [f32],
    ) {
        let blocks = activations.inputs / BLOCK;
        let (low, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
        let mut sums = [_mm256_setzero_ps(); 2];
        for block in 0..blocks {
            let quants = &tile.quants[block * NIBBLES..][..NIBBLES];
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
        for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q8_0] {
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
