//! Sixteen numbers at a time, in whatever registers a tier has.
//!
//! One AVX-512 register, two of AVX2, or an array that the compiler may vectorise. Kernels are
//! written once over [`Lanes`] and compiled into a function of each tier's target features; left
//! to itself the compiler keeps such small arrays in memory, an order of magnitude slower.
//!
//! Kernels must not hide these operations in closures: a closure does not inherit the target
//! features of the function around it, and every operation in it becomes a call.
//!
//! Every tier does the same operations in the same order, multiplications and additions fused in
//! all of them, so that they agree to the bit but for sums of many lanes' results.

use super::activations::QuantisedBlock;

/// Lanes worked on together.
pub const LANES: usize = 16;

/// Sixteen f32, and the integers that go with them. The operations of a tier may only run on a CPU
/// that has it; the kernels are entered under that condition.
pub trait Lanes: Copy {
    /// Sixteen i32.
    type Ints: Copy;
    /// Sixty-four bytes, four for each lane.
    type Bytes: Copy;

    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// Numbers from memory.
    fn load(values: &[f32; LANES]) -> Self;
    /// Half-precision numbers from memory.
    fn load_half(bits: &[Half; LANES]) -> Self;
    /// Numbers of the brain format (the upper half of an f32) from memory.
    fn load_brain(bits: &[Brain; LANES]) -> Self;
    /// Unsigned bytes from memory.
    fn load_bytes(values: &[u8; LANES]) -> Self;
    /// Signed bytes from memory, given as their bits.
    fn load_signed(values: &[u8; LANES]) -> Self;
    /// The numbers to memory.
    fn store(self, values: &mut [f32; LANES]);
    /// The numbers to memory in half precision, rounded to nearest.
    fn store_half(self, bits: &mut [u16; LANES]);
    /// The numbers.
    fn values(self) -> [f32; LANES];
    /// `self + other`
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// `self − other`
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// `self × other`
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// `self ÷ other`
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// The larger of the two; `other` where `self` is NaN.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// The smaller of the two; `other` where `self` is NaN.
    #[must_use]
    fn min(self, other: Self) -> Self;
    /// `self × factor + summand`, fused.
    #[must_use]
    fn madd(self, factor: Self, summand: Self) -> Self;
    /// e^x for x ≤ 0.
    #[must_use]
    fn exp(self) -> Self;

    /// The bits of the largest size among the numbers of both; of what is no number where there is
    /// any, since as bits it is above all others.
    fn largest_bits(self, other: Self) -> u32;
    /// Rounds `self × factor`, at most 127 in size, to whole numbers, and returns their sum.
    fn quantise(self, factor: Self, bytes: &mut [i8; LANES]) -> i32;

    /// The same whole number in every lane.
    fn ints(value: i32) -> Self::Ints;
    /// Whole numbers as floats.
    fn from_ints(ints: Self::Ints) -> Self;
    /// Bytes from memory.
    fn bytes(values: &[u8; 64]) -> Self::Bytes;
    /// The low four bits of each byte.
    fn low(bytes: Self::Bytes) -> Self::Bytes;
    /// The high four bits of each byte, moved down.
    fn high(bytes: Self::Bytes) -> Self::Bytes;
    /// `bytes`, with bit `bit` of each byte of `extra` as its bit 4.
    fn with_fifth(bytes: Self::Bytes, extra: Self::Bytes, bit: u32) -> Self::Bytes;
    /// `bytes`, with bits `2 pair ..` of each byte of `extra` as its bits 4 and 5.
    fn with_two_more(bytes: Self::Bytes, extra: Self::Bytes, pair: u32) -> Self::Bytes;
    /// Adds to each lane the products of its four unsigned bytes, at most 127 each, with the four
    /// signed bytes of `word`.
    fn dot(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints;
    /// As [`Self::dot`], for any unsigned bytes.
    fn dot_wide(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints;

    /// [`Self::dot_wide`] for `M` rows at once, with word `at` of each.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
    fn dot_rows<const M: usize, const WIDE: bool>(
        sums: &mut [Self::Ints; M],
        bytes: Self::Bytes,
        rows: &[QuantisedBlock; M],
        at: usize,
    ) {
        for m in 0..M {
            sums[m] = if WIDE {
                Self::dot_wide(sums[m], bytes, rows[m].words[at])
            } else {
                Self::dot(sums[m], bytes, rows[m].words[at])
            };
        }
    }
}

/// A floating-point number as it lies in memory.
pub trait Number: Copy + Send + Sync + 'static {
    /// Sixteen of them.
    fn load<L: Lanes>(numbers: &[Self; LANES]) -> L;
    /// One of them.
    fn to_f32(self) -> f32;
}

/// The bits of a half-precision number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Half(pub u16);

/// The bits of a number of the brain format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Brain(pub u16);

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Number for f32 {
    #[inline(always)]
    fn load<L: Lanes>(numbers: &[Self; LANES]) -> L {
        L::load(numbers)
    }

    fn to_f32(self) -> f32 {
        self
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Number for Half {
    #[inline(always)]
    fn load<L: Lanes>(numbers: &[Self; LANES]) -> L {
        L::load_half(numbers)
    }

    fn to_f32(self) -> f32 {
        half::f16::from_bits(self.0).to_f32()
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Number for Brain {
    #[inline(always)]
    fn load<L: Lanes>(numbers: &[Self; LANES]) -> L {
        L::load_brain(numbers)
    }

    fn to_f32(self) -> f32 {
        half::bf16::from_bits(self.0).to_f32()
    }
}

/// Sixteen f32 without any instruction set in particular.
#[derive(Debug, Clone, Copy)]
pub struct Portable([f32; LANES]);

impl Lanes for Portable {
    type Ints = [i32; LANES];
    type Bytes = [u8; 64];

    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    fn load_half(bits: &[Half; LANES]) -> Self {
        Self(bits.map(Number::to_f32))
    }

    fn load_brain(bits: &[Brain; LANES]) -> Self {
        Self(bits.map(Number::to_f32))
    }

    fn load_bytes(values: &[u8; LANES]) -> Self {
        Self(values.map(f32::from))
    }

    fn load_signed(values: &[u8; LANES]) -> Self {
        Self(values.map(|value| f32::from(value as i8)))
    }

    fn store(self, values: &mut [f32; LANES]) {
        *values = self.0;
    }

    fn store_half(self, bits: &mut [u16; LANES]) {
        *bits = self.0.map(|value| half::f16::from_f32(value).to_bits());
    }

    fn values(self) -> [f32; LANES] {
        self.0
    }

    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }

    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    fn div(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] / other.0[lane]))
    }

    fn max(self, other: Self) -> Self {
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        Self(std::array::from_fn(|lane| larger(self.0[lane], other.0[lane])))
    }

    fn min(self, other: Self) -> Self {
        let smaller = |a: f32, b: f32| if a < b { a } else { b };
        Self(std::array::from_fn(|lane| smaller(self.0[lane], other.0[lane])))
    }

    fn madd(self, factor: Self, summand: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], summand.0[lane])))
    }

    fn exp(self) -> Self {
        Self(self.0.map(exp))
    }

    fn largest_bits(self, other: Self) -> u32 {
        self.0.iter().chain(&other.0).map(|x| x.to_bits() & !SIGN).max().unwrap_or(0)
    }

    fn quantise(self, factor: Self, bytes: &mut [i8; LANES]) -> i32 {
        // Rounded in the low bits of a float.
        let rounded = |lane: usize| (self.0[lane] * factor.0[lane] + ROUND).to_bits();
        *bytes = std::array::from_fn(|lane| rounded(lane).wrapping_sub(ROUND.to_bits()) as i8);
        bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>()
    }

    fn ints(value: i32) -> Self::Ints {
        [value; LANES]
    }

    fn from_ints(ints: Self::Ints) -> Self {
        Self(ints.map(|value| value as f32))
    }

    fn bytes(values: &[u8; 64]) -> Self::Bytes {
        *values
    }

    fn low(bytes: Self::Bytes) -> Self::Bytes {
        bytes.map(|byte| byte & 15)
    }

    fn high(bytes: Self::Bytes) -> Self::Bytes {
        bytes.map(|byte| byte >> 4)
    }

    fn with_fifth(bytes: Self::Bytes, extra: Self::Bytes, bit: u32) -> Self::Bytes {
        std::array::from_fn(|at| bytes[at] | (extra[at] >> bit & 1) << 4)
    }

    fn with_two_more(bytes: Self::Bytes, extra: Self::Bytes, pair: u32) -> Self::Bytes {
        std::array::from_fn(|at| bytes[at] | (extra[at] >> (2 * pair) & 3) << 4)
    }

    fn dot(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints {
        let word = word.to_le_bytes().map(|byte| i32::from(byte as i8));
        std::array::from_fn(|lane| {
            let products = bytes[4 * lane..4 * lane + 4].iter().zip(word);
            sums[lane] + products.map(|(byte, x)| i32::from(*byte) * x).sum::<i32>()
        })
    }

    fn dot_wide(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints {
        Self::dot(sums, bytes, word)
    }
}

/// The sign of a float.
const SIGN: u32 = 1 << 31;
/// 1.5 × 2^23: adding it rounds to the nearest whole number, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;
/// Below this e^x is no normal f32.
const LEAST: f32 = -87.0;
/// −ln 2 in two parts, so that the product of the first with a small whole number is exact.
const MINUS_LN2: [f32; 2] = [-0.693_359_4, 2.121_944_4e-4];
/// Coefficients of (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2, highest power first: those of Cephes'
/// `expf` (<https://www.netlib.org/cephes/>).
const POLYNOMIAL: [f32; 6] =
    [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];

/// e^x for x ≤ 0, within 2 units in the last place down to −87, then 0.
fn exp(x: f32) -> f32 {
    let clamped = x.max(LEAST);
    let rounded = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(MINUS_LN2[1], n.mul_add(MINUS_LN2[0], clamped));
    let p = POLYNOMIAL.into_iter().reduce(|p, coefficient| p.mul_add(r, coefficient));
    let fraction = p.unwrap_or_default().mul_add(r * r, r) + 1.0;
    // The whole number in the low bits becomes the exponent.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x < LEAST { 0.0 } else { fraction * power }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __m512i, _CMP_GE_OQ, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128,
        _mm_srli_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps,
        _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
        _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32,
        _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_cvtps_ph, _mm256_div_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_max_epu32, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
        _mm256_setzero_si256, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srli_epi16,
        _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps, _mm512_add_epi32, _mm512_add_ps,
        _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
        _mm512_cvtepi8_epi32, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32,
        _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32, _mm512_cvtps_ph, _mm512_div_ps,
        _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_maskz_mul_ps, _mm512_max_epu32, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
        _mm512_reduce_add_epi32, _mm512_reduce_max_epu32, _mm512_set1_epi8, _mm512_set1_epi32,
        _mm512_set1_ps, _mm512_slli_epi16, _mm512_slli_epi32, _mm512_srli_epi16, _mm512_storeu_ps,
        _mm512_sub_ps, _mm512_ternarylogic_epi32,
    };
    use std::f32::consts::LOG2_E;

    use super::{Brain, Half, LANES, LEAST, Lanes, MINUS_LN2, POLYNOMIAL, QuantisedBlock, ROUND};

    /// How numbers are rounded to half precision.
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
    /// The truth table of a | (b & c).
    const OR_AND: i32 = 0b1111_1000;

    // SAFETY, for every block below: the types are used only inside functions compiled for their
    // target features, which `Tier::detect` guards; memory operands are arrays of full size.

    /// One AVX-512 register.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx512(__m512);

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

    /// In assembly for the group sizes of the products: the words are operands in memory, spread to
    /// all lanes by the instruction itself. Given intrinsics, the compiler takes the words through
    /// general registers instead, and a third of the time goes there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn dot_rows<const M: usize>(
        sums: &mut [__m512i; M],
        bytes: __m512i,
        rows: &[QuantisedBlock; M],
        at: usize,
    ) {
        const { assert!(size_of::<QuantisedBlock>() == 48) };
        macro_rules! rows {
            ($($row:literal),*) => {
                // SAFETY: row `r`'s word lies 48 r bytes after the first's, inside `rows`; nothing
                // is written but the sums.
                unsafe {
                    std::arch::asm!(
                        $(concat!(
                            "vpdpbusd {", $row, "}, {w}, dword ptr [{p} + 48*", $row, "]{{1to16}}"
                        ),)*
                        $(inout(zmm_reg) sums[$row],)*
                        w = in(zmm_reg) bytes,
                        p = in(reg) &raw const rows[0].words[at],
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
    pub struct Avx2(__m256, __m256);

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
            Self::low(unsafe {
                [_mm256_srli_epi16::<4>(bytes[0]), _mm256_srli_epi16::<4>(bytes[1])]
            })
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

    /// Pairs of products of at most 127 × 128 fit sixteen bits.
    #[inline(always)]
    fn dot_half(sums: __m256i, bytes: __m256i, word: i32) -> __m256i {
        // SAFETY: see the module.
        unsafe {
            let pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi32(word));
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    /// Larger bytes would overflow the pairs, so their halves are multiplied apart.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_keeps_its_error_budget_on_every_tier() {
        /// Named error budget: relative error of `exp`.
        const EXP_BUDGET: f64 = 2.5e-7;
        let check = |x: f32, got: f32| {
            let expected = f64::from(x).exp();
            let error = (f64::from(got) - expected).abs() / expected;
            assert!(error < EXP_BUDGET, "exp({x}) is off by {error:e}");
        };
        for step in (0..86_900).step_by(LANES) {
            let x: [f32; LANES] = std::array::from_fn(|lane| -((step + lane) as f32) / 1000.0);
            for (x, got) in x.into_iter().zip(Portable::load(&x).exp().values()) {
                check(x, got);
            }
            #[cfg(target_arch = "x86_64")]
            for (x, got) in x.into_iter().zip(exp_on_best_tier(&x)) {
                check(x, got);
            }
        }
        assert!(exp(-200.0) == 0.0, "far below the least exponent the result is zero");
        assert!(exp(f32::NEG_INFINITY) == 0.0);
    }

    #[cfg(target_arch = "x86_64")]
    fn exp_on_best_tier(x: &[f32; LANES]) -> [f32; LANES] {
        use crate::engine::kernels::Tier;

        #[target_feature(enable = "avx512f")]
        fn avx512(x: &[f32; LANES]) -> [f32; LANES] {
            Avx512::load(x).exp().values()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(x: &[f32; LANES]) -> [f32; LANES] {
            Avx2::load(x).exp().values()
        }
        match Tier::detect() {
            // SAFETY: the tier was detected.
            Tier::Avx512 => unsafe { avx512(x) },
            // SAFETY: the tier was detected.
            Tier::Avx2 => unsafe { avx2(x) },
            Tier::Portable => Portable::load(x).exp().values(),
        }
    }
}
