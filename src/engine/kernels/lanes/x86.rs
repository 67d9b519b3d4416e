//! The lanes of x86-64: one AVX-512 register, or two of AVX2.
//!
//! Long because each operation is written twice, once for either kind of register.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _CMP_GE_OQ, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128,
    _mm_srli_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps,
    _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32,
    _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_cvtps_ph, _mm256_div_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu32,
    _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_cmp_ps_mask, _mm512_cvtepi8_epi32, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32,
    _mm512_cvtps_ph, _mm512_div_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_maskz_mul_ps, _mm512_max_epu32, _mm512_max_ps, _mm512_min_ps,
    _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_epu32, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi16, _mm512_slli_epi32, _mm512_srli_epi16,
    _mm512_storeu_ps, _mm512_sub_ps, _mm512_ternarylogic_epi32,
};
use std::f32::consts::LOG2_E;
use std::mem::offset_of;

use super::{Brain, Half, LANES, LEAST, Lanes, MINUS_LN2, POLYNOMIAL, QuantisedBlock, ROUND};

/// Rounding to half precision: to the nearest.
const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
/// The truth table of a | (b & c).
const OR_AND: i32 = 0b1111_1000;

// SAFETY, for every block below: the types are used only inside functions compiled for their
// target features, which `Tier::detect` guards; memory operands are arrays of full size.

/// One AVX-512 register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(__m512);

impl Lanes for Avx512 {
    type Ints = __m512i;
    type Bytes = __m512i;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn values(self) -> [f32; LANES] {
        let mut values = [0f32; LANES];
        // SAFETY: see the module.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) };
        values
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn madd(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, summand.0) })
    }

    #[inline(always)]
    fn load_half(bits: &[Half; LANES]) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast())) })
    }

    #[inline(always)]
    fn load_brain(bits: &[Brain; LANES]) -> Self {
        // SAFETY: see the module.
        Self(unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(bits.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    fn load_bytes(values: &[u8; LANES]) -> Self {
        // SAFETY: see the module.
        Self(unsafe {
            let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(values.as_ptr().cast()));
            _mm512_cvtepi32_ps(wide)
        })
    }

    #[inline(always)]
    fn load_signed(values: &[u8; LANES]) -> Self {
        // SAFETY: see the module.
        Self(unsafe {
            let wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(values.as_ptr().cast()));
            _mm512_cvtepi32_ps(wide)
        })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: see the module.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn store_half(self, bits: &mut [u16; LANES]) {
        // SAFETY: see the module.
        unsafe {
            let half = _mm512_cvtps_ph::<NEAREST>(self.0);
            _mm256_storeu_si256(bits.as_mut_ptr().cast(), half);
        }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn largest_bits(self, other: Self) -> u32 {
        // SAFETY: see the module.
        unsafe {
            let mask = _mm512_set1_epi32(i32::MAX);
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
            let (a, b) = (_mm512_and_si512(a, mask), _mm512_and_si512(b, mask));
            _mm512_reduce_max_epu32(_mm512_max_epu32(a, b))
        }
    }

    #[inline(always)]
    fn quantise(self, factor: Self, bytes: &mut [i8; LANES]) -> i32 {
        // SAFETY: see the module.
        unsafe {
            let whole = _mm512_cvtps_epi32(_mm512_mul_ps(self.0, factor.0));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(whole));
            _mm512_reduce_add_epi32(whole)
        }
    }

    #[inline(always)]
    fn ints(value: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_set1_epi32(value) }
    }

    #[inline(always)]
    fn from_ints(ints: __m512i) -> Self {
        // SAFETY: see the module.
        Self(unsafe { _mm512_cvtepi32_ps(ints) })
    }

    #[inline(always)]
    fn bytes(values: &[u8; 64]) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
    }

    #[inline(always)]
    fn low(bytes: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_and_si512(bytes, _mm512_set1_epi8(15)) }
    }

    #[inline(always)]
    fn high(bytes: __m512i) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15)) }
    }

    #[inline(always)]
    fn with_fifth(bytes: __m512i, extra: __m512i, bit: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            let moved = match bit {
                0 => _mm512_slli_epi16::<4>(extra),
                1 => _mm512_slli_epi16::<3>(extra),
                2 => _mm512_slli_epi16::<2>(extra),
                3 => _mm512_slli_epi16::<1>(extra),
                4 => extra,
                5 => _mm512_srli_epi16::<1>(extra),
                6 => _mm512_srli_epi16::<2>(extra),
                _ => _mm512_srli_epi16::<3>(extra),
            };
            _mm512_ternarylogic_epi32::<OR_AND>(bytes, moved, _mm512_set1_epi8(0x10))
        }
    }

    #[inline(always)]
    fn with_two_more(bytes: __m512i, extra: __m512i, pair: u32) -> __m512i {
        // SAFETY: see the module.
        unsafe {
            let moved = match pair {
                0 => _mm512_slli_epi16::<4>(extra),
                1 => _mm512_slli_epi16::<2>(extra),
                2 => extra,
                _ => _mm512_srli_epi16::<2>(extra),
            };
            _mm512_ternarylogic_epi32::<OR_AND>(bytes, moved, _mm512_set1_epi8(0x30))
        }
    }

    #[inline(always)]
    fn dot(sums: __m512i, bytes: __m512i, word: i32) -> __m512i {
        // SAFETY: see the module.
        unsafe { _mm512_dpbusd_epi32(sums, bytes, _mm512_set1_epi32(word)) }
    }

    #[inline(always)]
    fn dot_wide(sums: __m512i, bytes: __m512i, word: i32) -> __m512i {
        Self::dot(sums, bytes, word)
    }

    #[inline(always)]
    fn dot_rows<const M: usize, const WIDE: bool>(
        sums: &mut [__m512i; M],
        bytes: __m512i,
        rows: &[QuantisedBlock; M],
        at: usize,
    ) {
        // SAFETY: see the module.
        unsafe { dot_rows(sums, bytes, rows, at) }
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let round = Self::splat(ROUND);
        // SAFETY: see the module.
        let clamped = Self(unsafe { _mm512_max_ps(self.0, _mm512_set1_ps(LEAST)) });
        let rounded = clamped.madd(Self::splat(LOG2_E), round);
        let n = rounded.sub(round);
        let r = n.madd(Self::splat(MINUS_LN2[0]), clamped);
        let r = n.madd(Self::splat(MINUS_LN2[1]), r);
        let mut p = Self::splat(POLYNOMIAL[0]);
        for coefficient in &POLYNOMIAL[1..] {
            p = p.madd(r, Self::splat(*coefficient));
        }
        // SAFETY: see the module.
        unsafe {
            let square = Self(_mm512_mul_ps(r.0, r.0));
            let fraction = p.madd(square, r).add(Self::splat(1.0));
            let bits = _mm512_castps_si512(rounded.0);
            let exponent = _mm512_add_epi32(bits, _mm512_set1_epi32(127));
            let power = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent));
            let normal = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, _mm512_set1_ps(LEAST));
            Self(_mm512_maskz_mul_ps(normal, fraction.0, power))
        }
    }
}

/// [`Lanes::dot_rows`] in assembly, for the group sizes of the products. The words are operands in
/// memory, spread to all lanes by the instruction itself; given intrinsics, the compiler takes the
/// words through general registers instead, which costs a third of the time.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_rows<const M: usize>(
    sums: &mut [__m512i; M],
    bytes: __m512i,
    rows: &[QuantisedBlock; M],
    at: usize,
) {
    const { assert!(size_of::<QuantisedBlock>() == 48) };
    assert!(at < rows[0].words.len());
    let first = rows.as_ptr().wrapping_byte_add(offset_of!(QuantisedBlock, words) + 4 * at);
    macro_rules! rows {
        ($($row:literal),*) => {
            // SAFETY: row `r`'s word lies 48 r bytes after the first's, inside `rows`, which the
            // pointer was made from; nothing is written but the sums.
            unsafe {
                std::arch::asm!(
                    $(concat!(
                        "vpdpbusd {", $row, "}, {w}, dword ptr [{p} + 48*", $row, "]{{1to16}}"
                    ),)*
                    $(inout(zmm_reg) sums[$row],)*
                    w = in(zmm_reg) bytes,
                    p = in(reg) first,
                    options(pure, readonly, nostack, preserves_flags)
                );
            }
        };
    }
    match M {
        1 => rows!(0),
        2 => rows!(0, 1),
        4 => rows!(0, 1, 2, 3),
        8 => rows!(0, 1, 2, 3, 4, 5, 6, 7),
        12 => rows!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
        _ => unreachable!("a group has one of these sizes"),
    }
}

/// Two AVX2 registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

impl Lanes for Avx2 {
    type Ints = [__m256i; 2];
    type Bytes = [__m256i; 2];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see the module.
        let half = unsafe { _mm256_set1_ps(value) };
        Self(half, half)
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        let (low, high) = values.split_at(LANES / 2);
        // SAFETY: see the module.
        unsafe { Self(_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())) }
    }

    #[inline(always)]
    fn values(self) -> [f32; LANES] {
        let mut values = [0f32; LANES];
        let (low, high) = values.split_at_mut(LANES / 2);
        // SAFETY: see the module.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), self.0);
            _mm256_storeu_ps(high.as_mut_ptr(), self.1);
        }
        values
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn madd(self, factor: Self, summand: Self) -> Self {
        // SAFETY: see the module.
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, factor.0, summand.0),
                _mm256_fmadd_ps(self.1, factor.1, summand.1),
            )
        }
    }

    #[inline(always)]
    fn load_half(bits: &[Half; LANES]) -> Self {
        // SAFETY: see the module.
        unsafe {
            let (low, high) = bits.split_at(LANES / 2);
            let low = _mm_loadu_si128(low.as_ptr().cast());
            let high = _mm_loadu_si128(high.as_ptr().cast());
            Self(_mm256_cvtph_ps(low), _mm256_cvtph_ps(high))
        }
    }

    #[inline(always)]
    fn load_brain(bits: &[Brain; LANES]) -> Self {
        // SAFETY: see the module.
        unsafe {
            let (low, high) = bits.split_at(LANES / 2);
            let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(low.as_ptr().cast()));
            let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(high.as_ptr().cast()));
            let (low, high) = (_mm256_slli_epi32::<16>(low), _mm256_slli_epi32::<16>(high));
            Self(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high))
        }
    }

    #[inline(always)]
    fn load_bytes(values: &[u8; LANES]) -> Self {
        // SAFETY: see the module.
        unsafe {
            let all = _mm_loadu_si128(values.as_ptr().cast());
            let low = _mm256_cvtepu8_epi32(all);
            let high = _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(all));
            Self(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high))
        }
    }

    #[inline(always)]
    fn load_signed(values: &[u8; LANES]) -> Self {
        // SAFETY: see the module.
        unsafe {
            let all = _mm_loadu_si128(values.as_ptr().cast());
            let low = _mm256_cvtepi8_epi32(all);
            let high = _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(all));
            Self(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high))
        }
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        *values = self.values();
    }

    #[inline(always)]
    fn store_half(self, bits: &mut [u16; LANES]) {
        // SAFETY: see the module.
        unsafe {
            let (low, high) = bits.split_at_mut(LANES / 2);
            let (low, high) = (low.as_mut_ptr().cast(), high.as_mut_ptr().cast());
            _mm_storeu_si128(low, _mm256_cvtps_ph::<NEAREST>(self.0));
            _mm_storeu_si128(high, _mm256_cvtps_ph::<NEAREST>(self.1));
        }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn largest_bits(self, other: Self) -> u32 {
        let mut bits = [0u32; 8];
        // SAFETY: see the module.
        unsafe {
            let mask = _mm256_set1_epi32(i32::MAX);
            let mut largest = _mm256_setzero_si256();
            for half in [self.0, self.1, other.0, other.1] {
                let half = _mm256_and_si256(_mm256_castps_si256(half), mask);
                largest = _mm256_max_epu32(largest, half);
            }
            _mm256_storeu_si256(bytes_of(&mut bits), largest);
        }
        bits.into_iter().fold(0, u32::max)
    }

    #[inline(always)]
    fn quantise(self, factor: Self, bytes: &mut [i8; LANES]) -> i32 {
        let mut whole = [[0i32; 8]; 2];
        // SAFETY: see the module.
        unsafe {
            let low = _mm256_cvtps_epi32(_mm256_mul_ps(self.0, factor.0));
            let high = _mm256_cvtps_epi32(_mm256_mul_ps(self.1, factor.1));
            _mm256_storeu_si256(bytes_of(&mut whole[0]), low);
            _mm256_storeu_si256(bytes_of(&mut whole[1]), high);
        }
        let mut sum = 0i32;
        for (byte, whole) in bytes.iter_mut().zip(whole.as_flattened()) {
            *byte = *whole as i8;
            sum = sum.wrapping_add(*whole);
        }
        sum
    }

    #[inline(always)]
    fn ints(value: i32) -> [__m256i; 2] {
        // SAFETY: see the module.
        [unsafe { _mm256_set1_epi32(value) }; 2]
    }

    #[inline(always)]
    fn from_ints(ints: [__m256i; 2]) -> Self {
        // SAFETY: see the module.
        unsafe { Self(_mm256_cvtepi32_ps(ints[0]), _mm256_cvtepi32_ps(ints[1])) }
    }

    #[inline(always)]
    fn bytes(values: &[u8; 64]) -> [__m256i; 2] {
        // SAFETY: see the module.
        unsafe {
            let (low, high) = values.split_at(32);
            let low = _mm256_loadu_si256(low.as_ptr().cast());
            [low, _mm256_loadu_si256(high.as_ptr().cast())]
        }
    }

    #[inline(always)]
    fn low(bytes: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see the module.
        unsafe {
            let mask = _mm256_set1_epi8(15);
            [_mm256_and_si256(bytes[0], mask), _mm256_and_si256(bytes[1], mask)]
        }
    }

    #[inline(always)]
    fn high(bytes: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: see the module.
        Self::low(unsafe { [_mm256_srli_epi16::<4>(bytes[0]), _mm256_srli_epi16::<4>(bytes[1])] })
    }

    #[inline(always)]
    fn with_fifth(bytes: [__m256i; 2], extra: [__m256i; 2], bit: u32) -> [__m256i; 2] {
        [fifth(bytes[0], extra[0], bit), fifth(bytes[1], extra[1], bit)]
    }

    #[inline(always)]
    fn with_two_more(bytes: [__m256i; 2], extra: [__m256i; 2], pair: u32) -> [__m256i; 2] {
        [two_more(bytes[0], extra[0], pair), two_more(bytes[1], extra[1], pair)]
    }

    #[inline(always)]
    fn dot(sums: [__m256i; 2], bytes: [__m256i; 2], word: i32) -> [__m256i; 2] {
        [dot_half(sums[0], bytes[0], word), dot_half(sums[1], bytes[1], word)]
    }

    #[inline(always)]
    fn dot_wide(sums: [__m256i; 2], bytes: [__m256i; 2], word: i32) -> [__m256i; 2] {
        [dot_wide_half(sums[0], bytes[0], word), dot_wide_half(sums[1], bytes[1], word)]
    }

    #[inline(always)]
    fn exp(self) -> Self {
        Self(exp_half(self.0), exp_half(self.1))
    }
}

fn bytes_of<T>(words: &mut [T; 8]) -> *mut __m256i {
    words.as_mut_ptr().cast()
}

#[inline(always)]
fn fifth(bytes: __m256i, extra: __m256i, bit: u32) -> __m256i {
    // SAFETY: see the module.
    unsafe {
        let moved = match bit {
            0 => _mm256_slli_epi16::<4>(extra),
            1 => _mm256_slli_epi16::<3>(extra),
            2 => _mm256_slli_epi16::<2>(extra),
            3 => _mm256_slli_epi16::<1>(extra),
            4 => extra,
            5 => _mm256_srli_epi16::<1>(extra),
            6 => _mm256_srli_epi16::<2>(extra),
            _ => _mm256_srli_epi16::<3>(extra),
        };
        _mm256_or_si256(bytes, _mm256_and_si256(moved, _mm256_set1_epi8(0x10)))
    }
}

#[inline(always)]
fn two_more(bytes: __m256i, extra: __m256i, pair: u32) -> __m256i {
    // SAFETY: see the module.
    unsafe {
        let moved = match pair {
            0 => _mm256_slli_epi16::<4>(extra),
            1 => _mm256_slli_epi16::<2>(extra),
            2 => extra,
            _ => _mm256_srli_epi16::<2>(extra),
        };
        _mm256_or_si256(bytes, _mm256_and_si256(moved, _mm256_set1_epi8(0x30)))
    }
}

/// [`Lanes::dot`] for half the lanes. Sums of two products of at most 127 × 128 fit sixteen bits.
#[inline(always)]
fn dot_half(sums: __m256i, bytes: __m256i, word: i32) -> __m256i {
    // SAFETY: see the module.
    unsafe {
        let pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi32(word));
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// [`Lanes::dot_wide`] for half the lanes. Larger bytes would overflow the sums of two products, so
/// the low and high four bits are multiplied apart.
#[inline(always)]
fn dot_wide_half(sums: __m256i, bytes: __m256i, word: i32) -> __m256i {
    // SAFETY: see the module.
    unsafe {
        let (mask, word) = (_mm256_set1_epi8(15), _mm256_set1_epi32(word));
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), mask);
        let low = _mm256_maddubs_epi16(_mm256_and_si256(bytes, mask), word);
        let high = _mm256_madd_epi16(_mm256_maddubs_epi16(high, word), _mm256_set1_epi16(16));
        let low = _mm256_madd_epi16(low, _mm256_set1_epi16(1));
        _mm256_add_epi32(sums, _mm256_add_epi32(low, high))
    }
}

#[inline(always)]
fn exp_half(x: __m256) -> __m256 {
    // SAFETY: see the module.
    unsafe {
        let (round, least) = (_mm256_set1_ps(ROUND), _mm256_set1_ps(LEAST));
        let clamped = _mm256_max_ps(x, least);
        let rounded = _mm256_fmadd_ps(clamped, _mm256_set1_ps(LOG2_E), round);
        let n = _mm256_sub_ps(rounded, round);
        let r = _mm256_fmadd_ps(n, _mm256_set1_ps(MINUS_LN2[0]), clamped);
        let r = _mm256_fmadd_ps(n, _mm256_set1_ps(MINUS_LN2[1]), r);
        let mut p = _mm256_set1_ps(POLYNOMIAL[0]);
        for coefficient in &POLYNOMIAL[1..] {
            p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(*coefficient));
        }
        let fraction = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r);
        let fraction = _mm256_add_ps(fraction, _mm256_set1_ps(1.0));
        let exponent = _mm256_add_epi32(_mm256_castps_si256(rounded), _mm256_set1_epi32(127));
        let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent));
        let normal = _mm256_cmp_ps::<_CMP_GE_OQ>(x, least);
        _mm256_and_ps(normal, _mm256_mul_ps(fraction, power))
    }
}
