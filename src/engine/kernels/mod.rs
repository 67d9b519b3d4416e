//! SIMD kernels for what candle has no fitting operation for; each has a plain reference beside it.
//!
//! This is the only place in the engine with `unsafe`: to enter code compiled for CPU features that
//! were found at run time, to let threads write different parts of one buffer, for loads whose
//! bounds are asserted before a loop, and for advice on memory.

/// Compiles a body, generic over [`lanes::Lanes`], into a function for each tier's target features,
/// and makes a function that enters the right one. Further generic parameters are given in
/// brackets: first as declared, then as used.
macro_rules! tiered {
    (
        $(#[$doc:meta])*
        $vis:vis fn $name:ident [$($declared:tt)*] [$($used:tt)*] ($($arg:ident: $kind:ty),* $(,)?)
            = $body:ident
    ) => {
        $(#[$doc])*
        $vis fn $name<$($declared)*>(tier: $crate::engine::kernels::Tier, $($arg: $kind),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
            fn avx512<$($declared)*>($($arg: $kind),*) {
                $body::<$crate::engine::kernels::lanes::Avx512, $($used)*>($($arg),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            fn avx2<$($declared)*>($($arg: $kind),*) {
                $body::<$crate::engine::kernels::lanes::Avx2, $($used)*>($($arg),*);
            }

            match tier {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Tier::detect` found these features on this CPU.
                $crate::engine::kernels::Tier::Avx512 => unsafe { avx512::<$($used)*>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::engine::kernels::Tier::Avx2 => unsafe { avx2::<$($used)*>($($arg),*) },
                _ => $body::<$crate::engine::kernels::lanes::Portable, $($used)*>($($arg),*),
            }
        }
    };
}

pub(crate) mod lanes;
pub mod team;

pub mod activations;
mod formats;
pub mod matrix;

pub mod dense;

pub mod rows;

pub mod attention;

use std::sync::OnceLock;

use team::Team;

/// The threads and the instruction set that the kernels run on.
#[derive(Debug)]
pub struct Cpu {
    /// The threads that share each pass.
    pub team: Team,
    /// The instruction set, one that this machine has.
    pub tier: Tier,
}

impl Cpu {
    /// A [`Cpu`] of `threads` threads, the caller's included. A `tier` that this machine lacks is
    /// replaced by its best.
    pub fn new(threads: usize, tier: Tier) -> Self {
        let known = Tier::available().contains(&tier);
        Self { team: Team::new(threads), tier: if known { tier } else { Tier::detect() } }
    }
}

/// The instruction set with which kernels are entered; found once per process. Outside this crate
/// only [`Tier::detect`] and [`Tier::available`] return a tier that not every CPU has, so a kernel
/// is never entered on a CPU that it was not compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The instructions that every CPU of the target has.
    Portable,
    /// x86-64 with AVX2, FMA and F16C: 8 lanes.
    #[non_exhaustive]
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI as well: 16 lanes, and integer dot products.
    #[non_exhaustive]
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
                    && is_x86_feature_detected!("avx512vl")
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

    /// Number of activation rows that a product takes together: as many as the registers hold.
    pub(super) fn group(self) -> usize {
        match self {
            Self::Portable => 1,
            Self::Avx2 => 2,
            Self::Avx512 => 12,
        }
    }

    /// The tiers that this machine can run, worst first, for tests that compare them.
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        let best = all.iter().position(|&tier| tier == Self::detect()).unwrap_or(0);
        all[..=best].to_vec()
    }
}
