//! SIMD where candle has no fitting operation; a plain reference stands beside each kernel.
//!
//! The only place in the engine with `unsafe`: entering code compiled for CPU features that were
//! found at run time.

pub mod attention;
pub mod dense;
pub mod lanes;
pub mod tiles;

use std::sync::OnceLock;

/// The instruction set that the kernels were entered with; found once per process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// What every CPU of the target has.
    Portable,
    /// x86-64 with AVX2, FMA and F16C: 8 lanes.
    Avx2,
    /// x86-64 with AVX-512 F, BW and VNNI besides: 16 lanes, and integer dot products.
    Avx512,
}

impl Tier {
    /// The best tier of this machine.
    pub fn detect() -> Self {
        static TIER: OnceLock<Tier> = OnceLock::new();
        *TIER.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let avx2 = is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c");
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni");
                match (avx2, avx512) {
                    (true, true) => return Self::Avx512,
                    (true, false) => return Self::Avx2,
                    (false, _) => {}
                }
            }
            Self::Portable
        })
    }

    /// The tiers that this machine can run, for tests that compare them.
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        let best = all.iter().position(|&tier| tier == Self::detect()).unwrap_or(0);
        all[..=best].to_vec()
    }
}
