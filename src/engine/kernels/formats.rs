//! The quantised formats: how GGUF stores their blocks, and how a tile holds them.
//!
//! Every format is `scale × (quant − offset) + minimum` over blocks of 32 weights, with unsigned
//! quants of four to eight bits. A tile is [`LANES`] output rows; its quants lie so that byte
//! `4 r + j` of register `g` belongs to row `r` and weight `4 g + j`: one integer instruction then
//! feeds all rows with the same four activations. A tile keeps no more bits than the file has, except
//! for the six-bit scales of K formats, which take eight.
//!
//! Block formats: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use candle_core::quantized::GgmlDType;

use super::lanes::{Half, LANES, Lanes};

/// Number of weights that share a scale.
pub(super) const BLOCK: usize = 32;
/// Number of weights that share the outer scale of a K format.
const SUPER_BLOCK: usize = 256;
/// Bytes in a register of the widest tier.
pub(super) const REGISTER: usize = 64;

/// A quantised format that can be held in tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// How the quants of a tile block, 16 × 32 weights, are packed.
pub(super) trait Quants {
    /// Number of registers that a tile block takes.
    const REGISTERS: usize;
    /// Whether quants can exceed 127.
    const WIDE: bool;
    /// The weights from `16 half + 4 quarter` on of each row, four to a lane.
    fn weights<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes;
}

/// Four bits per quant: register `q` has weights `4 q + j` in the low halves of its bytes, `16 + 4
/// q + j` in the high halves.
pub(super) struct Four;
/// Five bits per quant: four as in [`Four`]; bit `g` of register 4 is the fifth of weight `4 g +
/// j`.
pub(super) struct Five;
/// Six bits per quant: four as in [`Four`]; registers 4 and 5, one for each half, hold two more
/// bits of four weights each.
pub(super) struct Six;
/// Eight bits per quant: register `g` has weights `4 g + j`.
pub(super) struct Eight;

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn nibbles<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes {
    let packed = L::bytes(&block[quarter]);
    if half == 0 { L::low(packed) } else { L::high(packed) }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Quants for Four {
    const REGISTERS: usize = 4;
    const WIDE: bool = false;

    #[inline(always)]
    fn weights<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes {
        nibbles::<L>(block, half, quarter)
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Quants for Five {
    const REGISTERS: usize = 5;
    const WIDE: bool = false;

    #[inline(always)]
    fn weights<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes {
        let bit = (4 * half + quarter) as u32;
        L::with_fifth(nibbles::<L>(block, half, quarter), L::bytes(&block[4]), bit)
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Quants for Six {
    const REGISTERS: usize = 6;
    const WIDE: bool = false;

    #[inline(always)]
    fn weights<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes {
        let extra = L::bytes(&block[4 + half]);
        L::with_two_more(nibbles::<L>(block, half, quarter), extra, quarter as u32)
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Quants for Eight {
    const REGISTERS: usize = 8;
    const WIDE: bool = true;

    #[inline(always)]
    fn weights<L: Lanes>(block: &[[u8; REGISTER]], half: usize, quarter: usize) -> L::Bytes {
        L::bytes(&block[4 * half + quarter])
    }
}

/// The scales of one tile: half-precision numbers and bytes, one number for each row.
#[derive(Clone, Copy)]
pub(super) struct ScaleTable<'a> {
    /// (units, [`Scales::HALVES_A_UNIT`])
    pub(super) halves: &'a [[Half; LANES]],
    /// (blocks, 2) for K formats, else empty.
    pub(super) bytes: &'a [[u8; LANES]],
}

/// How the scales of a format are held in a [`ScaleTable`].
pub(super) trait Scales {
    /// Blocks that share an entry of [`ScaleTable::halves`].
    const BLOCKS_A_UNIT: usize;
    /// Half-precision numbers in such an entry: a scale, and a minimum where there is one.
    const HALVES_A_UNIT: usize;
    /// Whether a minimum is added.
    const MINIMUM: bool;
    /// Whether each half of a block has its own scale.
    const BY_HALF: bool;
    /// The scale of half `half` (0 or 1) of block `block`, for each row.
    fn scale<L: Lanes>(table: ScaleTable<'_>, block: usize, half: usize) -> L;
    /// What is added to every weight of block `block`, for each row.
    fn minimum<L: Lanes>(table: ScaleTable<'_>, block: usize) -> L;
}

/// One scale per block.
pub(super) struct Plain;
/// A scale and a minimum per block.
pub(super) struct WithMinimum;
/// A scale and a minimum per block, in steps of a scale and a (negated) minimum of the super-block.
pub(super) struct Nested;
/// A signed scale per half-block, in steps of the super-block's scale.
pub(super) struct NestedByHalf;

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Scales for Plain {
    const BLOCKS_A_UNIT: usize = 1;
    const HALVES_A_UNIT: usize = 1;
    const MINIMUM: bool = false;
    const BY_HALF: bool = false;

    #[inline(always)]
    fn scale<L: Lanes>(table: ScaleTable<'_>, block: usize, _: usize) -> L {
        L::load_half(&table.halves[block])
    }

    #[inline(always)]
    fn minimum<L: Lanes>(_: ScaleTable<'_>, _: usize) -> L {
        L::splat(0.0)
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Scales for WithMinimum {
    const BLOCKS_A_UNIT: usize = 1;
    const HALVES_A_UNIT: usize = 2;
    const MINIMUM: bool = true;
    const BY_HALF: bool = false;

    #[inline(always)]
    fn scale<L: Lanes>(table: ScaleTable<'_>, block: usize, _: usize) -> L {
        L::load_half(&table.halves[2 * block])
    }

    #[inline(always)]
    fn minimum<L: Lanes>(table: ScaleTable<'_>, block: usize) -> L {
        L::load_half(&table.halves[2 * block + 1])
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Scales for Nested {
    const BLOCKS_A_UNIT: usize = SUPER_BLOCK / BLOCK;
    const HALVES_A_UNIT: usize = 2;
    const MINIMUM: bool = true;
    const BY_HALF: bool = false;

    #[inline(always)]
    fn scale<L: Lanes>(table: ScaleTable<'_>, block: usize, _: usize) -> L {
        let outer = L::load_half(&table.halves[2 * (block / Self::BLOCKS_A_UNIT)]);
        outer.mul(L::load_bytes(&table.bytes[2 * block]))
    }

    #[inline(always)]
    fn minimum<L: Lanes>(table: ScaleTable<'_>, block: usize) -> L {
        let outer = L::load_half(&table.halves[2 * (block / Self::BLOCKS_A_UNIT) + 1]);
        outer.mul(L::load_bytes(&table.bytes[2 * block + 1]))
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Scales for NestedByHalf {
    const BLOCKS_A_UNIT: usize = SUPER_BLOCK / BLOCK;
    const HALVES_A_UNIT: usize = 1;
    const MINIMUM: bool = false;
    const BY_HALF: bool = true;

    #[inline(always)]
    fn scale<L: Lanes>(table: ScaleTable<'_>, block: usize, half: usize) -> L {
        let outer = L::load_half(&table.halves[block / Self::BLOCKS_A_UNIT]);
        outer.mul(L::load_signed(&table.bytes[2 * block + half]))
    }

    #[inline(always)]
    fn minimum<L: Lanes>(_: ScaleTable<'_>, _: usize) -> L {
        L::splat(0.0)
    }
}

/// One block of one row, unpacked.
pub(super) struct Block {
    /// The unsigned quants.
    pub(super) quants: [u8; BLOCK],
    /// Bits of the scale and the minimum of the block, or of its super-block.
    pub(super) halves: [Half; 2],
    /// Inner scale and minimum, or the inner scales of the two halves.
    pub(super) bytes: [u8; 2],
}

impl Format {
    /// The format of a tensor type; `None` where candle's own product must serve.
    pub(super) fn of(dtype: GgmlDType) -> Option<Self> {
        Some(match dtype {
            GgmlDType::Q4_0 => Self::Q4_0,
            GgmlDType::Q4_1 => Self::Q4_1,
            GgmlDType::Q5_0 => Self::Q5_0,
            GgmlDType::Q5_1 => Self::Q5_1,
            GgmlDType::Q8_0 => Self::Q8_0,
            GgmlDType::Q4K => Self::Q4K,
            GgmlDType::Q5K => Self::Q5K,
            GgmlDType::Q6K => Self::Q6K,
            _ => return None,
        })
    }

    /// Number of weights in a block as the file stores it, and its size in bytes.
    pub(super) fn stored(self) -> (usize, usize) {
        match self {
            Self::Q4_0 => (BLOCK, 18),
            Self::Q4_1 => (BLOCK, 20),
            Self::Q5_0 => (BLOCK, 22),
            Self::Q5_1 => (BLOCK, 24),
            Self::Q8_0 => (BLOCK, 34),
            Self::Q4K => (SUPER_BLOCK, 144),
            Self::Q5K => (SUPER_BLOCK, 176),
            Self::Q6K => (SUPER_BLOCK, 210),
        }
    }

    /// What is added to quants to make them unsigned.
    pub(super) fn offset(self) -> i32 {
        match self {
            Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K => 0,
            Self::Q4_0 => 8,
            Self::Q5_0 => 16,
            Self::Q6K => 32,
            Self::Q8_0 => 128,
        }
    }

    /// Registers per tile block, half-precision numbers per unit, blocks per unit, scale bytes per
    /// block.
    pub(super) fn sizes(self) -> [usize; 4] {
        fn of<Q: Quants, S: Scales>() -> [usize; 4] {
            let bytes = if S::BLOCKS_A_UNIT > 1 { 2 } else { 0 };
            [Q::REGISTERS, S::HALVES_A_UNIT, S::BLOCKS_A_UNIT, bytes]
        }
        match self {
            Self::Q4_0 => of::<Four, Plain>(),
            Self::Q4_1 => of::<Four, WithMinimum>(),
            Self::Q5_0 => of::<Five, Plain>(),
            Self::Q5_1 => of::<Five, WithMinimum>(),
            Self::Q8_0 => of::<Eight, Plain>(),
            Self::Q4K => of::<Four, Nested>(),
            Self::Q5K => of::<Five, Nested>(),
            Self::Q6K => of::<Six, NestedByHalf>(),
        }
    }

    /// Unpacks block `block` of a row as the file stores it.
    pub(super) fn unpack(self, row: &[u8], block: usize) -> Block {
        const NONE: Half = Half(0);
        let (weights, bytes) = self.stored();
        let inner = block % (weights / BLOCK);
        let stored = &row[block * BLOCK / weights * bytes..][..bytes];
        let half = |at: usize| Half(u16::from_le_bytes([stored[at], stored[at + 1]]));
        match self {
            Self::Q4_0 => Block {
                quants: from_nibbles(&stored[2..], 0),
                halves: [half(0), NONE],
                bytes: [0; 2],
            },
            Self::Q4_1 => Block {
                quants: from_nibbles(&stored[4..], 0),
                halves: [half(0), half(2)],
                bytes: [0; 2],
            },
            Self::Q5_0 | Self::Q5_1 => {
                let header = bytes - 20;
                let high: [u8; 4] = std::array::from_fn(|at| stored[header + at]);
                Block {
                    quants: from_nibbles(&stored[header + 4..], u32::from_le_bytes(high)),
                    halves: [half(0), if header == 4 { half(2) } else { NONE }],
                    bytes: [0; 2],
                }
            }
            Self::Q8_0 => Block {
                // Adding 128 flips the sign bit.
                quants: std::array::from_fn(|at| stored[2 + at] ^ 0x80),
                halves: [half(0), NONE],
                bytes: [0; 2],
            },
            Self::Q4K => Block {
                quants: from_k_nibbles(&stored[16..], inner),
                halves: [half(0), negated(half(2))],
                bytes: k_scales(&stored[4..16], inner),
            },
            Self::Q5K => {
                let low = from_k_nibbles(&stored[48..], inner);
                let high = &stored[16..48];
                Block {
                    quants: std::array::from_fn(|at| low[at] | (high[at] >> inner & 1) << 4),
                    halves: [half(0), negated(half(2))],
                    bytes: k_scales(&stored[4..16], inner),
                }
            }
            Self::Q6K => {
                // Two parts of 128 weights, each 64 bytes of low bits and 32 of high ones.
                let (part, quarter) = (inner / 4, inner % 4);
                let low = &stored[64 * part + 32 * (quarter % 2)..][..BLOCK];
                let high = &stored[128 + 32 * part..][..BLOCK];
                let nibble = 4 * (quarter / 2);
                Block {
                    quants: std::array::from_fn(|at| {
                        (low[at] >> nibble & 15) | (high[at] >> (2 * quarter) & 3) << 4
                    }),
                    halves: [half(208), NONE],
                    bytes: [stored[192 + 2 * inner], stored[193 + 2 * inner]],
                }
            }
        }
    }

    /// Puts the quants of row `row` into a tile block of [`Self::sizes`] registers that was zero
    /// there.
    pub(super) fn place(self, tile: &mut [[u8; REGISTER]], row: usize, quants: &[u8; BLOCK]) {
        let mut bits = |register: usize, weight: usize, value: u8| {
            tile[register][4 * row + weight % 4] |= value;
        };
        for (weight, &quant) in quants.iter().enumerate() {
            let (group, half) = (weight / 4, weight / 16);
            if self == Self::Q8_0 {
                bits(group, weight, quant);
                continue;
            }
            bits(group % 4, weight, (quant & 15) << (4 * half));
            match self {
                Self::Q5_0 | Self::Q5_1 | Self::Q5K => bits(4, weight, quant >> 4 << group),
                Self::Q6K => bits(4 + half, weight, quant >> 4 << (2 * (group % 4))),
                _ => {}
            }
        }
    }

    /// Reads back the quant that [`Self::place`] put there.
    pub(super) fn quant(self, tile: &[[u8; REGISTER]], row: usize, weight: usize) -> u8 {
        let (group, half) = (weight / 4, weight / 16);
        let byte = |register: usize| tile[register][4 * row + weight % 4];
        if self == Self::Q8_0 {
            return byte(group);
        }
        let low = byte(group % 4) >> (4 * half) & 15;
        match self {
            Self::Q5_0 | Self::Q5_1 | Self::Q5K => low | (byte(4) >> group & 1) << 4,
            Self::Q6K => low | (byte(4 + half) >> (2 * (group % 4)) & 3) << 4,
            _ => low,
        }
    }
}

/// Unpacks sixteen bytes that hold weight `j` in the low half of byte `j` and weight `16 + j` in
/// the high half; bit `j` of `fifth` goes above weight `j`.
fn from_nibbles(bytes: &[u8], fifth: u32) -> [u8; BLOCK] {
    std::array::from_fn(|at| {
        let low = if at < 16 { bytes[at] & 15 } else { bytes[at - 16] >> 4 };
        low | ((fifth >> at & 1) as u8) << 4
    })
}

/// Unpacks block `inner` of a K format: pairs of blocks share 32 bytes, the first in the low
/// halves, the second in the high ones.
fn from_k_nibbles(bytes: &[u8], inner: usize) -> [u8; BLOCK] {
    let bytes = &bytes[inner / 2 * 32..][..32];
    std::array::from_fn(|at| if inner.is_multiple_of(2) { bytes[at] & 15 } else { bytes[at] >> 4 })
}

/// Scale and minimum of block `inner`, six bits each, from the twelve bytes of a super-block.
fn k_scales(packed: &[u8], inner: usize) -> [u8; 2] {
    if inner < 4 {
        [packed[inner] & 63, packed[inner + 4] & 63]
    } else {
        [
            (packed[inner + 4] & 15) | packed[inner - 4] >> 6 << 4,
            packed[inner + 4] >> 4 | packed[inner] >> 6 << 4,
        ]
    }
}

/// The negative of a half-precision number.
fn negated(Half(bits): Half) -> Half {
    Half(bits ^ 0x8000)
}
