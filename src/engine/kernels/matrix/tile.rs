//! The product of one tile of weights with a group of activation rows.
//!
//! Owns the kernel and the choice of its instance. What a format packs where is `formats`'s; which
//! tiles are computed and by which thread is up to `matrix`.

use crate::engine::kernels::Tier;
use crate::engine::kernels::activations::{GROUP_SIZES, Group, QuantisedBlock};
use crate::engine::kernels::formats::{
    Eight, Five, Format, Four, Nested, NestedByHalf, Plain, Quants, REGISTER, ScaleTable, Scales,
    Six, WithMinimum,
};
use crate::engine::kernels::lanes::{self, LANES, Lanes, Portable};

/// One tile of a [`super::Matrix`].
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    /// (blocks, registers)
    pub quants: &'a [[u8; REGISTER]],
    pub scales: ScaleTable<'a>,
}

impl Tile<'_> {
    /// The scales of the halves of a block, and its minimum, for one row.
    pub(super) fn scales_of(self, format: Format, block: usize, row: usize) -> ([f32; 2], f32) {
        fn read<S: Scales>(table: ScaleTable<'_>, block: usize, row: usize) -> ([f32; 2], f32) {
            let half = |half: usize| {
                S::scale::<Portable>(table, block, if S::BY_HALF { half } else { 0 }).values()[row]
            };
            ([half(0), half(1)], S::minimum::<Portable>(table, block).values()[row])
        }
        match format {
            Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => read::<Plain>(self.scales, block, row),
            Format::Q4_1 | Format::Q5_1 => read::<WithMinimum>(self.scales, block, row),
            Format::Q4K | Format::Q5K => read::<Nested>(self.scales, block, row),
            Format::Q6K => read::<NestedByHalf>(self.scales, block, row),
        }
    }
}

/// Most rows of a group.
pub(super) const LARGEST: usize = GROUP_SIZES[GROUP_SIZES.len() - 1];

/// The outputs of one tile, (rows of a group, row of the tile).
pub(super) type Sums = [[f32; LANES]; LARGEST];

/// The product of one tile with a group of rows, by the kernel for this tier, format and group size.
pub(super) fn multiply(
    tier: Tier,
    format: Format,
    group: Group,
    tile: Tile<'_>,
    x: &[QuantisedBlock],
    sums: &mut Sums,
) {
    macro_rules! by_size {
        ($quants:ty, $registers:literal, $scales:ty, $offset:literal) => {
            match (tier, group.size) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Tier::detect` found the tier's features on this CPU.
                (Tier::Avx512, 1) => unsafe {
                    avx512::<$quants, $scales, $offset, $registers, 1>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx512, 2) => unsafe {
                    avx512::<$quants, $scales, $offset, $registers, 2>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx512, 4) => unsafe {
                    avx512::<$quants, $scales, $offset, $registers, 4>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx512, 8) => unsafe {
                    avx512::<$quants, $scales, $offset, $registers, 8>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx512, _) => unsafe {
                    avx512::<$quants, $scales, $offset, $registers, 12>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx2, 1) => unsafe {
                    avx2::<$quants, $scales, $offset, $registers, 1>(tile, x, sums)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                (Tier::Avx2, _) => unsafe {
                    avx2::<$quants, $scales, $offset, $registers, 2>(tile, x, sums)
                },
                _ => multiply_tile::<Portable, $quants, $scales, $offset, $registers, 1>(
                    tile, x, sums,
                ),
            }
        };
    }
    match format {
        Format::Q4_0 => by_size!(Four, 4, Plain, 8),
        Format::Q4_1 => by_size!(Four, 4, WithMinimum, 0),
        Format::Q5_0 => by_size!(Five, 5, Plain, 16),
        Format::Q5_1 => by_size!(Five, 5, WithMinimum, 0),
        Format::Q8_0 => by_size!(Eight, 8, Plain, 128),
        Format::Q4K => by_size!(Four, 4, Nested, 0),
        Format::Q5K => by_size!(Five, 5, Nested, 0),
        Format::Q6K => by_size!(Six, 6, NestedByHalf, 32),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn avx512<Q: Quants, S: Scales, const OFFSET: i32, const R: usize, const M: usize>(
    tile: Tile<'_>,
    x: &[QuantisedBlock],
    sums: &mut Sums,
) {
    multiply_tile::<lanes::Avx512, Q, S, OFFSET, R, M>(tile, x, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2<Q: Quants, S: Scales, const OFFSET: i32, const R: usize, const M: usize>(
    tile: Tile<'_>,
    x: &[QuantisedBlock],
    sums: &mut Sums,
) {
    multiply_tile::<lanes::Avx2, Q, S, OFFSET, R, M>(tile, x, sums);
}

/// Multiplies one tile with `M` rows; a tile block takes `R` registers.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn multiply_tile<
    L: Lanes,
    Q: Quants,
    S: Scales,
    const OFFSET: i32,
    const R: usize,
    const M: usize,
>(
    tile: Tile<'_>,
    x: &[QuantisedBlock],
    out: &mut Sums,
) {
    let quants: &[[[u8; REGISTER]; R]] = tile.quants.as_chunks().0;
    let blocks = quants.len();
    let x: &[[QuantisedBlock; M]] = &x.as_chunks().0[..blocks];
    let mut sums = [L::splat(0.0); M];
    for block in 0..blocks {
        // Weights stream from memory once a step. Prefetched, they arrive as fast as memory gives
        // them, more than half faster than by the processor's own guess.
        for register in &quants[block] {
            prefetch((&raw const *register).wrapping_add(AHEAD));
        }
        let (quants, x) = (&quants[block], &x[block]);
        let mut dots = start::<L, M>(OFFSET, x, if S::BY_HALF { Part::First } else { Part::Both });
        dot::<L, Q, 0, 0, M>(&mut dots, quants, x);
        dot::<L, Q, 0, 1, M>(&mut dots, quants, x);
        dot::<L, Q, 0, 2, M>(&mut dots, quants, x);
        dot::<L, Q, 0, 3, M>(&mut dots, quants, x);
        if S::BY_HALF {
            scale::<L, M>(&mut sums, dots, S::scale(tile.scales, block, 0), x);
            dots = start::<L, M>(OFFSET, x, Part::Second);
        }
        dot::<L, Q, 1, 0, M>(&mut dots, quants, x);
        dot::<L, Q, 1, 1, M>(&mut dots, quants, x);
        dot::<L, Q, 1, 2, M>(&mut dots, quants, x);
        dot::<L, Q, 1, 3, M>(&mut dots, quants, x);
        scale::<L, M>(&mut sums, dots, S::scale(tile.scales, block, 1), x);
        if S::MINIMUM {
            let minimum: L = S::minimum(tile.scales, block);
            for m in 0..M {
                sums[m] = minimum.madd(L::splat(x[m].sum), sums[m]);
            }
        }
    }
    for m in 0..M {
        sums[m].store(&mut out[m]);
    }
}

/// How far ahead weights are prefetched, in registers: some hundred nanoseconds.
const AHEAD: usize = 48;

/// Prefetches the cache line of an address, which may lie outside our memory.
#[inline(always)]
#[expect(clippy::inline_always, reason = "an instruction")]
fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Which half of a block is summed.
#[derive(Clone, Copy)]
enum Part {
    First,
    Second,
    Both,
}

/// The start values of the integer sums: minus what the offset of the quants will add.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn start<L: Lanes, const M: usize>(
    offset: i32,
    x: &[QuantisedBlock; M],
    part: Part,
) -> [L::Ints; M] {
    let mut dots = [L::ints(0); M];
    if offset != 0 {
        for m in 0..M {
            let total = match part {
                Part::First => x[m].totals[0],
                Part::Second => x[m].totals[1],
                Part::Both => x[m].totals[0].wrapping_add(x[m].totals[1]),
            };
            dots[m] = L::ints(total.wrapping_mul(-offset));
        }
    }
    dots
}

/// Adds the products of four weights of each output with the same activations.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn dot<L: Lanes, Q: Quants, const HALF: usize, const QUARTER: usize, const M: usize>(
    dots: &mut [L::Ints; M],
    quants: &[[u8; REGISTER]],
    x: &[QuantisedBlock; M],
) {
    let weights = Q::weights::<L>(quants, HALF, QUARTER);
    if Q::WIDE {
        L::dot_rows::<M, true>(dots, weights, x, 4 * HALF + QUARTER);
    } else {
        L::dot_rows::<M, false>(dots, weights, x, 4 * HALF + QUARTER);
    }
}

/// Adds integer sums to `sums`, scaled by the steps of weights and activations.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn scale<L: Lanes, const M: usize>(
    sums: &mut [L; M],
    dots: [L::Ints; M],
    of_weights: L,
    x: &[QuantisedBlock; M],
) {
    for m in 0..M {
        let step = of_weights.mul(L::splat(x[m].scale));
        sums[m] = L::from_ints(dots[m]).madd(step, sums[m]);
    }
}
