//! Sixteen numbers at a time, in whatever registers a tier has.
//!
//! These are one AVX-512 register, two of AVX2, or an array that the compiler may vectorise.
//! Kernels are written once over [`Lanes`] and compiled into a function of each tier's target
//! features; left to itself the compiler keeps such small arrays in memory, an order of magnitude
//! slower.
//!
//! Kernels must not hide these operations in closures: a closure does not inherit the target
//! features of the function around it, and every operation in it becomes a call.
//!
//! Every tier does the same operations in the same order, with multiplications and additions fused,
//! so that the tiers agree to the bit, except in sums across lanes.

use super::activations::QuantisedBlock;

/// Number of lanes worked on together.
pub(crate) const LANES: usize = 16;

/// Sixteen f32 values, and the integers that go with them. The operations of a tier may only run on
/// a CPU that has the tier; the kernels are entered under that condition.
pub trait Lanes: Copy {
    /// Sixteen i32.
    type Ints: Copy;
    /// Sixty-four bytes, four for each lane.
    type Bytes: Copy;

    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// Loads floats from memory.
    fn load(values: &[f32; LANES]) -> Self;
    /// Loads half-precision numbers from memory.
    fn load_half(bits: &[Half; LANES]) -> Self;
    /// Loads bfloat16 numbers (the upper half of an f32) from memory.
    fn load_brain(bits: &[Brain; LANES]) -> Self;
    /// Loads unsigned bytes from memory, as floats.
    fn load_bytes(values: &[u8; LANES]) -> Self;
    /// Loads signed bytes, given as their bits, from memory, as floats.
    fn load_signed(values: &[u8; LANES]) -> Self;
    /// Stores the numbers to memory.
    fn store(self, values: &mut [f32; LANES]);
    /// Stores the numbers to memory in half precision, rounded to nearest.
    fn store_half(self, bits: &mut [u16; LANES]);
    /// The numbers of all lanes.
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

    /// The bits of the largest absolute value among the lanes of both. Where any lane is NaN, the
    /// bits are those of a NaN, since as integers they are above all others.
    fn largest_bits(self, other: Self) -> u32;
    /// Rounds `self × factor`, at most 127 in size, to whole numbers, writes them to `bytes`, and
    /// returns their sum.
    fn quantise(self, factor: Self, bytes: &mut [i8; LANES]) -> i32;

    /// The same whole number in every lane.
    fn ints(value: i32) -> Self::Ints;
    /// Converts whole numbers to floats.
    fn from_ints(ints: Self::Ints) -> Self;
    /// Loads bytes from memory.
    fn bytes(values: &[u8; 64]) -> Self::Bytes;
    /// The low four bits of each byte.
    fn low(bytes: Self::Bytes) -> Self::Bytes;
    /// The high four bits of each byte, moved down.
    fn high(bytes: Self::Bytes) -> Self::Bytes;
    /// `bytes`, with bit `bit` of each byte of `extra` as its bit 4.
    fn with_fifth(bytes: Self::Bytes, extra: Self::Bytes, bit: u32) -> Self::Bytes;
    /// `bytes`, with bits `2 pair` and `2 pair + 1` of each byte of `extra` as its bits 4 and 5.
    fn with_two_more(bytes: Self::Bytes, extra: Self::Bytes, pair: u32) -> Self::Bytes;
    /// Adds to each lane the products of its four unsigned bytes, at most 127 each, with the four
    /// signed bytes of `word`.
    fn dot(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints;
    /// As [`Self::dot`], without a limit on the unsigned bytes.
    fn dot_wide(sums: Self::Ints, bytes: Self::Bytes, word: i32) -> Self::Ints;

    /// As [`Self::dot`] or [`Self::dot_wide`], for `M` rows at once, with word `at` of each.
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

/// A floating-point number as it is held in memory.
pub trait Number: Copy + Send + Sync + 'static {
    /// Loads sixteen of these numbers.
    fn load<L: Lanes>(numbers: &[Self; LANES]) -> L;
    /// Converts one of these numbers to f32.
    fn to_f32(self) -> f32;
}

/// The bits of a half-precision number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Half(pub u16);

/// The bits of a bfloat16 number: the upper half of an f32.
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

/// Sixteen f32 values in an array, for any CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

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
        // Rounds in the low bits of a float; see [`ROUND`].
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

/// The sign bit of a float.
const SIGN: u32 = 1 << 31;
/// 1.5 × 2^23: adding it rounds to the nearest whole number, which is then in the low bits.
const ROUND: f32 = 12_582_912.0;
/// Below this, e^x is not a normal f32.
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
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
mod x86;

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
