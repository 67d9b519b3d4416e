//! Activations as the quantised products read them: signed bytes, one scale a block of 32.
//!
//! Rows are cut into groups that share one reading of the weights. Within a group the bytes of a
//! block lie row by row, so that a kernel walks one pointer. A row's bytes depend on nothing but
//! the row.

use super::Tier;
use super::formats::BLOCK;
use super::lanes::LANES;
use super::team::{Pieces, Team};

/// Four activations in one word.
pub(super) const WORDS: usize = BLOCK / 4;

/// Rows that a kernel takes together; a group is padded to the next of these.
pub(super) const GROUP_SIZES: [usize; 5] = [1, 2, 4, 8, 12];

/// Quantised rows; kept between products for its memory.
#[derive(Debug, Default)]
pub struct Activations {
    rows: usize,
    inputs: usize,
    groups: Vec<Group>,
    /// (group, block, row): the block's bytes.
    words: Vec<[i32; WORDS]>,
    /// (group, block, row): the value of one step.
    scales: Vec<f32>,
    /// (group, block, row): the sum of the block's values.
    sums: Vec<f32>,
    /// (group, block, row): the sums of the bytes of the block's halves.
    totals: Vec<[i32; 2]>,
}

/// Rows that share one reading of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// First row.
    pub(super) first: usize,
    /// Rows in it.
    pub(super) rows: usize,
    /// The same, padded to one of [`GROUP_SIZES`].
    pub(super) size: usize,
    /// Where its blocks start, in rows of blocks.
    start: usize,
}

/// One group's data, (blocks, size) each.
#[derive(Clone, Copy)]
pub(super) struct GroupBlocks<'a> {
    pub(super) words: &'a [[i32; WORDS]],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) totals: &'a [[i32; 2]],
}

impl Activations {
    /// Quantises `rows` rows of `inputs` numbers, a multiple of [`BLOCK`]; `fill` writes row `i`.
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
        self.words.resize(places, [0; WORDS]);
        self.scales.resize(places, 0.0);
        self.sums.resize(places, 0.0);
        self.totals.resize(places, [0; 2]);
        let groups = &self.groups;
        let words = Pieces::rows(&mut self.words, 1);
        let scales = Pieces::rows(&mut self.scales, 1);
        let sums = Pieces::rows(&mut self.sums, 1);
        let totals = Pieces::rows(&mut self.totals, 1);
        let padded: usize = groups.iter().map(|group| group.size).sum();
        // A single short row is done sooner than another thread is told of it.
        let share = if rows * inputs <= 4096 { padded } else { padded.div_ceil(64).max(1) };
        team.run(padded.div_ceil(share.max(1)), &|index| {
            let mut row = vec![0f32; inputs];
            let mut quantised = vec![Quantised::default(); blocks];
            for place in index * share..((index + 1) * share).min(padded) {
                let group = groups[groups.partition_point(|group| group.start <= place) - 1];
                let within = place - group.start;
                if within < group.rows {
                    fill(group.first + within, &mut row);
                    enter(tier, &row, &mut quantised);
                } else if within == group.rows {
                    quantised.fill(Quantised::default()); // padding
                }
                for (block, quantised) in quantised.iter().enumerate() {
                    let at = group.start * blocks + block * group.size + within;
                    // SAFETY: `at` is this row's alone, and each row is one share's.
                    unsafe {
                        words.part(at, 0, 1)[0] = quantised.words;
                        scales.part(at, 0, 1)[0] = quantised.scale;
                        sums.part(at, 0, 1)[0] = quantised.sum;
                        totals.part(at, 0, 1)[0] = quantised.totals;
                    }
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

    /// Rows held.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Width of a row.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A group's data.
    pub(super) fn blocks(&self, group: Group) -> GroupBlocks<'_> {
        let blocks = self.inputs / BLOCK;
        let range = group.start * blocks..(group.start + group.size) * blocks;
        GroupBlocks {
            words: &self.words[range.clone()],
            scales: &self.scales[range.clone()],
            sums: &self.sums[range.clone()],
            totals: &self.totals[range],
        }
    }
}

/// A block of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Quantised {
    words: [i32; WORDS],
    scale: f32,
    sum: f32,
    totals: [i32; 2],
}

fn enter(tier: Tier, row: &[f32], out: &mut [Quantised]) {
    match tier {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found these features on this CPU.
        Tier::Avx512 => unsafe { quantise_avx512(row, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Tier::Avx2 => unsafe { quantise_avx2(row, out) },
        _ => quantise_row(row, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn quantise_avx512(row: &[f32], out: &mut [Quantised]) {
    quantise_row(row, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn quantise_avx2(row: &[f32], out: &mut [Quantised]) {
    quantise_row(row, out);
}

/// Written for the compiler to vectorise: independent lanes, no sum across them but of integers.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn quantise_row(row: &[f32], out: &mut [Quantised]) {
    for (x, out) in row.as_chunks::<BLOCK>().0.iter().zip(out) {
        let mut largest = [0f32; LANES];
        for half in 0..2 {
            for lane in 0..LANES {
                let size = x[half * LANES + lane].abs();
                // What is not a number stays, so that it shows in every product of the row.
                let takes = size > largest[lane] || size.is_nan();
                largest[lane] = if takes { size } else { largest[lane] };
            }
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                let other = largest[lane + width];
                let takes = other > largest[lane] || other.is_nan();
                largest[lane] = if takes { other } else { largest[lane] };
            }
            width /= 2;
        }
        let largest = largest[0];
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut bytes = [0i8; BLOCK];
        let mut wide = [0i32; BLOCK];
        for at in 0..BLOCK {
            // Rounded in the low bits of a float: |x × inverse| is at most 127.
            wide[at] = ((x[at] * inverse + ROUND).to_bits() as i32).wrapping_sub(ROUND_BITS);
            bytes[at] = wide[at] as i8;
        }
        let mut totals = [0i32; 2];
        for half in 0..2 {
            for lane in 0..LANES {
                totals[half] += i32::from(bytes[half * LANES + lane]);
            }
        }
        let scale = largest / 127.0;
        out.scale = scale;
        out.totals = totals;
        out.sum = scale * (totals[0] + totals[1]) as f32;
        for (word, bytes) in out.words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = i32::from_le_bytes(bytes.map(|byte| byte as u8));
        }
    }
}

/// 1.5 × 2^23: adding it rounds to the nearest whole number, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;
const ROUND_BITS: i32 = ROUND.to_bits() as i32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_quantised_alike_in_every_group_and_tier() {
        let inputs = 96;
        let row = |row: usize| -> Vec<f32> {
            (0..inputs).map(|i| ((row * 31 + i * 17) % 101) as f32 / 7.0 - 6.0).collect()
        };
        let team = Team::new(2);
        let mut expected = vec![Quantised::default(); inputs / BLOCK];
        for tier in Tier::available() {
            for rows in [1, 3, 8, 13, 30] {
                let mut activations = Activations::default();
                let fill = |at: usize, out: &mut [f32]| out.copy_from_slice(&row(at));
                activations.quantise(&team, tier, [rows, inputs], &fill);
                for group in activations.groups().to_vec() {
                    let blocks = activations.blocks(group);
                    for within in 0..group.rows {
                        quantise_row(&row(group.first + within), &mut expected);
                        for (block, expected) in expected.iter().enumerate() {
                            let at = block * group.size + within;
                            assert_eq!(blocks.words[at], expected.words, "{tier:?} {rows}");
                            assert_eq!(blocks.totals[at], expected.totals);
                            assert_eq!(
                                (blocks.scales[at], blocks.sums[at]),
                                (expected.scale, expected.sum)
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_quantised_row_is_within_half_a_step_of_its_values() {
        let row: Vec<f32> = (0..BLOCK).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
        let mut out = [Quantised::default()];
        quantise_row(&row, &mut out);
        for (at, x) in row.iter().enumerate() {
            let byte = out[0].words[at / 4].to_le_bytes()[at % 4] as i8;
            assert!((f32::from(byte) * out[0].scale - x).abs() <= out[0].scale * 0.5001);
        }
        quantise_row(&[0.0; BLOCK], &mut out);
        assert_eq!(out[0], Quantised::default());
    }
}
