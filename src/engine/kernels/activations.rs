//! Activations as the quantised products read them: signed bytes, with one scale per block of 32.
//!
//! Rows are cut into groups that share one reading of the weights. Within a group the bytes of a
//! block lie row by row, so that a kernel walks one pointer. A row's bytes depend on nothing but
//! the row.

use super::Tier;
use super::formats::BLOCK;
use super::lanes::Lanes;
use super::team::{Pieces, Team};

/// Sizes of groups of rows that a kernel takes together; a group is padded to the next of these.
pub(super) const GROUP_SIZES: [usize; 5] = [1, 2, 4, 8, 12];

/// 32 quantised numbers of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct QuantisedBlock {
    /// The quantised bytes, four to a word.
    pub(super) words: [i32; BLOCK / 4],
    /// The value of one step of a byte.
    pub(super) scale: f32,
    /// The sum of the block's values.
    pub(super) sum: f32,
    /// The sums of the bytes of each half.
    pub(super) totals: [i32; 2],
}

/// Quantised rows; kept between products so that the memory is reused.
#[derive(Debug, Default)]
pub struct Activations {
    rows: usize,
    inputs: usize,
    groups: Vec<Group>,
    /// (group, block, row)
    blocks: Vec<QuantisedBlock>,
}

/// Rows that share one reading of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// Index of the first row.
    pub(super) first: usize,
    /// Number of rows.
    pub(super) rows: usize,
    /// Number of rows padded to one of [`GROUP_SIZES`].
    pub(super) size: usize,
    /// Rows, padding included, of the groups before this one.
    start: usize,
}

impl Activations {
    /// Quantises `rows` rows of `inputs` numbers, a multiple of `BLOCK`; `fill` writes row `i` as
    /// floats.
    pub fn quantise(
        &mut self,
        team: &Team,
        tier: Tier,
        [rows, inputs]: [usize; 2],
        fill: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) {
        self.rows = rows;
        self.inputs = inputs;
        self.group(tier.group());
        let blocks = inputs / BLOCK;
        let places = self.groups.last().map_or(0, |group| group.start + group.size) * blocks;
        self.blocks.resize(places, QuantisedBlock::default());
        let groups = &self.groups;
        let places = Pieces::rows(&mut self.blocks, 1);
        let padded: usize = groups.iter().map(|group| group.size).sum();
        // A single short row is quantised in less time than it takes to wake another thread.
        let share = if rows * inputs <= 4096 { padded } else { padded.div_ceil(64).max(1) };
        team.run(padded.div_ceil(share.max(1)), &|index| {
            let mut row = vec![0f32; inputs];
            let mut quantised = vec![QuantisedBlock::default(); blocks];
            for place in index * share..((index + 1) * share).min(padded) {
                let group = groups[groups.partition_point(|group| group.start <= place) - 1];
                let within = place - group.start;
                if within < group.rows {
                    fill(group.first + within, &mut row);
                    quantise_row(tier, &row, &mut quantised);
                } else if within == group.rows {
                    quantised.fill(QuantisedBlock::default()); // padding
                }
                for (block, quantised) in quantised.iter().enumerate() {
                    let at = group.start * blocks + block * group.size + within;
                    // SAFETY: `at` is this row's alone, and each row is one share's.
                    unsafe { places.part(at, 0, 1)[0] = *quantised };
                }
            }
        });
    }

    fn group(&mut self, largest: usize) {
        self.groups.clear();
        let (mut first, mut start) = (0, 0);
        while first < self.rows {
            let rows = (self.rows - first).min(largest);
            let size = GROUP_SIZES.into_iter().find(|size| *size >= rows).unwrap_or(rows);
            self.groups.push(Group { first, rows, size, start });
            first += rows;
            start += size;
        }
    }

    /// Number of rows held.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Width of a row, in numbers.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The groups, in order of their rows.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The blocks of a group, (blocks, size).
    pub(super) fn blocks(&self, group: Group) -> &[QuantisedBlock] {
        let blocks = self.inputs / BLOCK;
        &self.blocks[group.start * blocks..(group.start + group.size) * blocks]
    }
}

tiered! {
    /// Quantises a row, with one entry of `out` per block.
    fn quantise_row [] [] (row: &[f32], out: &mut [QuantisedBlock]) = quantise_blocks
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn quantise_blocks<L: Lanes>(row: &[f32], out: &mut [QuantisedBlock]) {
    for (x, out) in row.as_chunks::<BLOCK>().0.iter().zip(out) {
        let (halves, _) = x.as_chunks();
        let (first, second) = (L::load(&halves[0]), L::load(&halves[1]));
        // A NaN or an infinity is kept, and shows in every product of the row.
        let largest = f32::from_bits(first.largest_bits(second));
        let inverse = L::splat(if largest > 0.0 { 127.0 / largest } else { 0.0 });
        let mut bytes = [[0i8; BLOCK / 2]; 2];
        out.totals =
            [first.quantise(inverse, &mut bytes[0]), second.quantise(inverse, &mut bytes[1])];
        out.scale = largest / 127.0;
        out.sum = out.scale * out.totals[0].wrapping_add(out.totals[1]) as f32;
        for (word, bytes) in out.words.iter_mut().zip(bytes.as_flattened().as_chunks::<4>().0) {
            *word = i32::from_le_bytes(bytes.map(|byte| byte as u8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kernels::lanes::Portable;

    #[test]
    fn rows_are_quantised_alike_in_every_group_and_tier() {
        let inputs = 96;
        let row = |row: usize| -> Vec<f32> {
            (0..inputs).map(|i| ((row * 31 + i * 17) % 101) as f32 / 7.0 - 6.0).collect()
        };
        let team = Team::new(2);
        let mut expected = vec![QuantisedBlock::default(); inputs / BLOCK];
        for tier in Tier::available() {
            for rows in [1, 3, 8, 13, 30] {
                let mut activations = Activations::default();
                let fill = |at: usize, out: &mut [f32]| out.copy_from_slice(&row(at));
                activations.quantise(&team, tier, [rows, inputs], &fill);
                for group in activations.groups().to_vec() {
                    let blocks = activations.blocks(group);
                    for within in 0..group.rows {
                        quantise_blocks::<Portable>(&row(group.first + within), &mut expected);
                        for (block, expected) in expected.iter().enumerate() {
                            let at = block * group.size + within;
                            assert_eq!(blocks[at], *expected, "{tier:?} {rows}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_quantised_row_is_within_half_a_step_of_its_values() {
        let row: Vec<f32> = (0..BLOCK).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
        let mut out = [QuantisedBlock::default()];
        quantise_blocks::<Portable>(&row, &mut out);
        for (at, x) in row.iter().enumerate() {
            let byte = out[0].words[at / 4].to_le_bytes()[at % 4] as i8;
            assert!((f32::from(byte) * out[0].scale - x).abs() <= out[0].scale * 0.5001);
        }
        quantise_blocks::<Portable>(&[0.0; BLOCK], &mut out);
        assert_eq!(out[0], QuantisedBlock::default());
    }
}
