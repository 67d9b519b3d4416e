//! The directions in which units differ most.
//!
//! Owns the latent components of a sparse table of features: a truncated singular value
//! decomposition by random projection (Halko, Martinsson, Tropp,
//! <https://arxiv.org/abs/0909.4061>). Features that vary together make a strong direction, chance
//! makes many weak ones; a direction no stronger than those of chance counts for nothing.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::features::Features;

/// Rounds of the projection; each parts strong directions from weak ones further.
const ROUNDS: usize = 6;
/// Directions computed beyond those wanted: the weakest of them shows how strong chance is.
const BEYOND: usize = 8;
/// Most sweeps of rotations to make a small matrix diagonal; it takes fewer than ten.
const SWEEPS: usize = 50;

/// The share of the length of a direction that is needed that may be put down to chance, at most.
const ENOUGH: f64 = 0.9;

/// Places all units as points among which `groups` groups are to be found. Returns the points, row
/// by row (units, width), and their width, which is at most `width`. The directions are those of
/// the units in `sample`; all units are then placed along them.
pub(super) fn points(
    features: &Features,
    sample: &[usize],
    (groups, width): (usize, usize),
    rng: &mut ChaCha8Rng,
) -> (Vec<f64>, usize) {
    let all: Vec<usize> = (0..features.units.len()).collect();
    let table = Table::new(features, &all);
    let part = Table { rows: sample, ..Table::new(features, &all) };
    // The mean of all units is taken off: they span one direction less than there are units.
    let most = (sample.len() - 1).min(features.names.len());
    let wide = (width + BEYOND).min(most).max(1);
    let cells = features.names.len() * wide;
    let mut basis: Vec<f64> = (0..cells).map(|_| rng.random::<f64>() - 0.5).collect();
    for _ in 0..ROUNDS {
        let mut left = part.times(&basis, wide); // (sample, wide)
        orthonormalise(&mut left, wide);
        basis = part.transposed_times(&left, wide); // (features, wide)
        orthonormalise(&mut basis, wide);
    }
    let (strength, axes) = eigen(gram(&part.times(&basis, wide), wide), wide);
    let mut order: Vec<usize> = (0..wide).collect();
    order.sort_by(|a, b| strength[*b].total_cmp(&strength[*a]).then(a.cmp(b)));
    let length = |axis: usize| strength[axis].max(0.0).sqrt();
    let weakest = if wide > width { length(order[wide - 1]) } else { 0.0 };
    // As many directions as it takes to separate the groups count, however weak they are.
    let enough = length(order[groups.saturating_sub(2).min(wide - 1)]);
    let chance = if features.names.len() <= sample.len() {
        part.chance().min(enough * ENOUGH)
    } else {
        weakest
    };
    // Each direction is made as long as it stands out from chance, whatever its own strength.
    let scale = |axis: usize| match length(axis) {
        length if length > 1e-9 => (1.0 - chance / length).max(0.0) / length,
        _ => 0.0,
    };
    let kept: Vec<(usize, f64)> =
        order.into_iter().take(width.min(wide)).map(|axis| (axis, scale(axis))).collect();
    let placed = table.times(&basis, wide);
    let point = |row: &[f64]| -> Vec<f64> {
        let along = |axis: usize| (0..wide).map(|i| row[i] * axes[i * wide + axis]).sum::<f64>();
        kept.iter().map(|&(axis, scale)| along(axis) * scale).collect()
    };
    (placed.chunks(wide).flat_map(point).collect(), kept.len())
}

/// Units by weighted features: each unit scaled to length 1, then the mean of all units subtracted.
/// What people say and what columns say of them are two parts, and a unit that lacks one of them is
/// like the mean in it: to have written a comment, or not, makes nobody a kind of person.
struct Table<'a> {
    features: &'a Features,
    rows: &'a [usize],
    scale: Vec<f64>,         // (units)
    has: Vec<[bool; PARTS]>, // (units)
    mean: Vec<f64>,          // (features)
}

/// What people say, and what columns say of them.
const PARTS: usize = 2;

impl<'a> Table<'a> {
    fn new(features: &'a Features, rows: &'a [usize]) -> Self {
        let lengths: Vec<[f64; PARTS]> =
            features.units.iter().map(|unit| lengths(features, unit)).collect();
        let usual: [f64; PARTS] = std::array::from_fn(|part| {
            let having = lengths.iter().map(|own| own[part]).filter(|length| *length > 0.0);
            let (sum, count) = having.fold((0.0, 0), |(sum, count), own| (sum + own, count + 1));
            sum / f64::from(count.max(1))
        });
        let scale = |own: &[f64; PARTS]| {
            let part = |part: usize| if own[part] > 0.0 { own[part] } else { usual[part] };
            let length: f64 = (0..PARTS).map(part).sum();
            if length > 0.0 { 1.0 / length.sqrt() } else { 0.0 }
        };
        let scale: Vec<f64> = lengths.iter().map(scale).collect();
        let mut mean = vec![0.0; features.names.len()];
        for (unit, scale) in features.units.iter().zip(&scale) {
            for &f in unit {
                mean[f as usize] += scale * features.weights[f as usize];
            }
        }
        let has: Vec<_> = lengths.iter().map(|own| own.map(|length| length > 0.0)).collect();
        let having: [usize; PARTS] =
            std::array::from_fn(|part| has.iter().filter(|has| has[part]).count().max(1));
        for (feature, sum) in mean.iter_mut().enumerate() {
            *sum /= having[part(features, feature)] as f64;
        }
        Self { features, rows, scale, has, mean }
    }

    /// How long the strongest direction would be if features were drawn at random and
    /// independently: the edge of the Marchenko-Pastur law. It holds for tables of more units than
    /// features; in wider ones, the weakest directions found are the better measure.
    fn chance(&self) -> f64 {
        let (units, features) = (self.rows.len() as f64, self.mean.len() as f64);
        let of_mean: f64 = self.mean.iter().map(|mean| mean * mean).sum();
        let inertia = units * (1.0 - of_mean).max(0.0);
        (inertia / (units * features)).sqrt() * (units.sqrt() + features.sqrt())
    }

    /// The features of a unit, with their weights there.
    fn row(&self, unit: usize) -> impl Iterator<Item = (usize, f64)> {
        let scale = self.scale[unit];
        let weights = &self.features.weights;
        self.features.units[unit].iter().map(move |&f| (f as usize, scale * weights[f as usize]))
    }

    /// Product of the table with `right`: (features, width) to (rows, width).
    fn times(&self, right: &[f64], width: usize) -> Vec<f64> {
        let mut shift = vec![vec![0.0; width]; PARTS];
        for (feature, (mean, right)) in self.mean.iter().zip(right.chunks(width)).enumerate() {
            add(&mut shift[part(self.features, feature)], right, *mean);
        }
        let mut product = vec![0.0; self.rows.len() * width];
        for (out, &unit) in product.chunks_mut(width).zip(self.rows) {
            for (feature, weight) in self.row(unit) {
                add(out, &right[feature * width..][..width], weight);
            }
            let has = self.has[unit];
            for shift in shift.iter().zip(has).filter_map(|(shift, has)| has.then_some(shift)) {
                add(out, shift, -1.0);
            }
        }
        product
    }

    /// Product of the transposed table with `left`: (rows, width) to (features, width).
    fn transposed_times(&self, left: &[f64], width: usize) -> Vec<f64> {
        let mut sum = vec![vec![0.0; width]; PARTS];
        let mut product = vec![0.0; self.mean.len() * width];
        for (left, &unit) in left.chunks(width).zip(self.rows) {
            let has = self.has[unit];
            for sum in sum.iter_mut().zip(has).filter_map(|(sum, has)| has.then_some(sum)) {
                add(sum, left, 1.0);
            }
            for (feature, weight) in self.row(unit) {
                add(&mut product[feature * width..][..width], left, weight);
            }
        }
        for (feature, (out, mean)) in product.chunks_mut(width).zip(&self.mean).enumerate() {
            add(out, &sum[part(self.features, feature)], -mean);
        }
        product
    }
}

/// The part that a feature belongs to.
fn part(features: &Features, feature: usize) -> usize {
    usize::from(feature >= features.spoken)
}

/// The squared length of each part of a unit.
fn lengths(features: &Features, unit: &[u32]) -> [f64; PARTS] {
    let mut lengths = [0.0; PARTS];
    for &feature in unit {
        let feature = feature as usize;
        lengths[part(features, feature)] += features.weights[feature].powi(2);
    }
    lengths
}

fn add(to: &mut [f64], from: &[f64], times: f64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += times * from;
    }
}

/// Dot products of all pairs of columns: (rows, width) to (width, width).
fn gram(matrix: &[f64], width: usize) -> Vec<f64> {
    let mut gram = vec![0.0; width * width];
    for row in matrix.chunks(width) {
        for (i, value) in row.iter().enumerate() {
            add(&mut gram[i * width..][..width], row, *value);
        }
    }
    gram
}

/// Makes the columns of (rows, width) orthonormal; those that depend on others become zero. Done
/// twice, because one pass leaves an error where columns are nearly alike.
fn orthonormalise(matrix: &mut [f64], width: usize) {
    for _ in 0..2 {
        let (lengths, axes) = eigen(gram(matrix, width), width);
        let longest = lengths.iter().copied().fold(0.0, f64::max);
        let scale: Vec<f64> = lengths
            .iter()
            .map(|length| if *length > longest * 1e-12 { 1.0 / length.sqrt() } else { 0.0 })
            .collect();
        for row in matrix.chunks_mut(width) {
            let mut turned = vec![0.0; width];
            for (i, value) in row.iter().enumerate() {
                add(&mut turned, &axes[i * width..][..width], *value);
            }
            for ((to, turned), scale) in row.iter_mut().zip(turned).zip(&scale) {
                *to = turned * scale;
            }
        }
    }
}

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; size * size];
    (0..size).for_each(|i| vectors[i * size + i] = 1.0);
    let norm: f64 = matrix.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..size)
            .flat_map(|i| (0..size).filter(move |j| *j != i).map(move |j| i * size + j))
            .map(|at| matrix[at] * matrix[at])
            .sum();
        if off <= norm * 1e-24 {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, size, (p, q));
            }
        }
    }
    ((0..size).map(|i| matrix[i * size + i]).collect(), vectors)
}

/// Rotates rows and columns `p` and `q` so that the cell where they meet becomes zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, (p, q): (usize, usize)) {
    let meet = matrix[p * size + q];
    if meet == 0.0 {
        return;
    }
    let theta = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * meet);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |cells: &mut [f64], at: usize, other: usize| {
        let (x, y) = (cells[at], cells[other]);
        cells[at] = cosine * x - sine * y;
        cells[other] = sine * x + cosine * y;
    };
    for k in 0..size {
        turn(matrix, k * size + p, k * size + q);
    }
    for k in 0..size {
        turn(matrix, p * size + k, q * size + k);
        turn(vectors, k * size + p, k * size + q);
    }
}
