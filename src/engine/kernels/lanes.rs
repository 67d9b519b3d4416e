//! Sixteen f32 at a time, in whatever registers a tier has.
//!
//! One AVX-512 register, two of AVX2, or an array that the compiler may vectorise. Kernels are
//! written once over [`Lanes`] and compiled into a function of each tier's target features; left
//! to itself the compiler keeps such small arrays in memory, an order of magnitude slower.

/// Lanes worked on together.
pub const LANES: usize = 16;

/// Sixteen f32. The operations of a tier may only run on a CPU that has it; the kernels are
/// entered under that condition.
pub trait Lanes: Copy {
    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// Numbers from memory.
    fn load(values: &[f32; LANES]) -> Self;
    /// The numbers.
    fn values(self) -> [f32; LANES];
    /// `self + other`
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// `self − other`
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// `self × factor + summand`, fused where the tier can.
    #[must_use]
    fn madd(self, factor: Self, summand: Self) -> Self;
    /// e^x for x ≤ 0.
    #[must_use]
    fn exp(self) -> Self;
}

/// Sixteen f32 without any instruction set in particular.
#[derive(Debug, Clone, Copy)]
pub struct Portable([f32; LANES]);

impl Lanes for Portable {
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
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

    fn madd(self, factor: Self, summand: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * factor.0[lane] + summand.0[lane]))
    }

    fn exp(self) -> Self {
        Self(self.0.map(exp))
    }
}

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
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = n * MINUS_LN2[1] + (n * MINUS_LN2[0] + clamped);
    let p = POLYNOMIAL.into_iter().reduce(|p, coefficient| p * r + coefficient);
    let fraction = p.unwrap_or_default() * (r * r) + r + 1.0;
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
        __m256, __m512, _CMP_GE_OQ, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps,
        _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_max_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32,
        _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512,
        _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_maskz_mul_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
    };
    use std::f32::consts::LOG2_E;

    use super::{LANES, LEAST, Lanes, MINUS_LN2, POLYNOMIAL, ROUND};

    // SAFETY, for every block below: the types are used only inside functions compiled for their
    // target features, which `Tier::detect` guards; memory operands are arrays of full size.

    /// One AVX-512 register.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx512(__m512);

    impl Lanes for Avx512 {
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

    /// Two AVX2 registers.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx2(__m256, __m256);

    impl Lanes for Avx2 {
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
        fn exp(self) -> Self {
            Self(exp_half(self.0), exp_half(self.1))
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
