//! Parting units into groups that are alike.
//!
//! Owns the method: latent components of the features, then k-means on them from many starts,
//! without a group of a single odd voice beside a crowd. Seeded and in a fixed order: the same
//! features and seed give the same groups.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::components::points;
use super::features::Features;

/// Units from which directions and centres are found; the others then join the nearest centre. More
/// would change little and cost much.
const SAMPLE: usize = 5_000;
/// Most directions; where there are many groups, each further direction is mostly chance.
const DIRECTIONS: usize = 48;
/// Starts of k-means from different centres, of which the tightest outcome is taken, and most
/// rounds of each start.
const STARTS: usize = 40;
const ROUNDS: usize = 30;
/// Budget for all starts together (units × groups × directions × rounds); where one start takes
/// many of these steps, there are fewer starts.
const STEPS: usize = 400_000_000;
/// How often groups that are too small are dissolved and the remaining units parted again.
const TRIMS: usize = 6;

/// A group number below `groups` for each unit; no group is empty where there are enough units.
pub(super) fn cluster(features: &Features, groups: usize, seed: u64) -> Vec<usize> {
    let count = features.units.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample: Vec<usize> = (0..count).collect();
    if count > SAMPLE {
        let enough = SAMPLE.max(groups * 20).min(count);
        sample = sample.partial_shuffle(&mut rng, enough).0.to_vec();
    }
    sample.sort_unstable();
    let width = (2 * groups + 5).min(DIRECTIONS);
    let (points, width) = points(features, &sample, (groups, width), &mut rng);
    let space = Space { points, width };
    let mut kept = sample;
    let least = smallest(kept.len(), groups);
    let mut found = space.best(&kept, groups, &mut rng);
    for _ in 0..TRIMS {
        let mut sizes = vec![0; groups];
        for &group in &found.assigned {
            sizes[group] += 1;
        }
        let odd = |at: &usize| sizes[found.assigned[*at]] < least;
        let rest: Vec<usize> = (0..kept.len()).filter(|at| !odd(at)).map(|at| kept[at]).collect();
        if rest.len() == kept.len() || rest.len() < groups * least {
            break;
        }
        kept = rest;
        found = space.best(&kept, groups, &mut rng);
    }
    let mut assigned: Vec<usize> =
        (0..count).map(|unit| space.nearest(unit, &found.centres).0).collect();
    space.fill_empty(&found.centres, &mut assigned);
    assigned
}

/// Fewest units of a group: a quarter of an even share, but at least two where the units suffice.
fn smallest(units: usize, groups: usize) -> usize {
    let two = if units * 2 >= groups * 5 { 2 } else { 1 };
    (units / (groups * 4)).max(two)
}

/// Units as points: (units, width), row by row.
struct Space {
    points: Vec<f64>,
    width: usize,
}

/// An outcome of k-means.
#[derive(Debug, Default)]
struct Parting {
    /// Sum of squared distances to the centres.
    cost: f64,
    centres: Vec<Vec<f64>>,
    assigned: Vec<usize>,
}

impl Space {
    fn point(&self, unit: usize) -> &[f64] {
        &self.points[unit * self.width..][..self.width]
    }

    fn nearest(&self, unit: usize, centres: &[Vec<f64>]) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (group, centre) in centres.iter().enumerate() {
            let distance = distance(self.point(unit), centre);
            if distance < best.1 {
                best = (group, distance);
            }
        }
        best
    }

    /// The tightest parting of these units, from many starts.
    fn best(&self, units: &[usize], groups: usize, rng: &mut ChaCha8Rng) -> Parting {
        let steps = units.len() * groups * self.width * ROUNDS;
        let starts = (STEPS / steps.max(1)).clamp(2, STARTS);
        let mut best = self.part(units, groups, rng);
        for _ in 1..starts {
            let other = self.part(units, groups, rng);
            if other.cost < best.cost {
                best = other;
            }
        }
        best
    }

    fn part(&self, units: &[usize], groups: usize, rng: &mut ChaCha8Rng) -> Parting {
        let mut parting = Parting {
            centres: self.first_centres(units, groups, rng),
            assigned: vec![usize::MAX; units.len()],
            cost: 0.0,
        };
        for _ in 0..ROUNDS {
            let mut moved = false;
            parting.cost = 0.0;
            for (&unit, to) in units.iter().zip(&mut parting.assigned) {
                let (near, distance) = self.nearest(unit, &parting.centres);
                moved |= *to != near;
                *to = near;
                parting.cost += distance;
            }
            if !moved {
                break;
            }
            self.recentre(units, &mut parting);
        }
        parting
    }

    /// First centres by k-means++: each further centre is drawn by its distance from those there
    /// are.
    fn first_centres(&self, units: &[usize], groups: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let mut centres = vec![self.point(units[rng.random_range(0..units.len())]).to_vec()];
        let mut near = vec![f64::INFINITY; units.len()];
        while centres.len() < groups {
            let last = &centres[centres.len() - 1];
            for (near, &unit) in near.iter_mut().zip(units) {
                *near = near.min(distance(self.point(unit), last));
            }
            let mut mark = rng.random::<f64>() * near.iter().sum::<f64>();
            let drawn = near.iter().position(|near| {
                mark -= near;
                *near > 0.0 && mark <= 0.0
            });
            // All points are centres already: one is taken twice, and its empty group is filled
            // later.
            let drawn = drawn.unwrap_or(centres.len() % units.len());
            centres.push(self.point(units[drawn]).to_vec());
        }
        centres
    }

    fn recentre(&self, units: &[usize], parting: &mut Parting) {
        let groups = parting.centres.len();
        let mut sums = vec![vec![0.0; self.width]; groups];
        let mut sizes = vec![0usize; groups];
        for (&unit, &group) in units.iter().zip(&parting.assigned) {
            sizes[group] += 1;
            for (sum, x) in sums[group].iter_mut().zip(self.point(unit)) {
                *sum += x;
            }
        }
        for ((centre, sum), size) in parting.centres.iter_mut().zip(sums).zip(sizes) {
            if size > 0 {
                *centre = sum.into_iter().map(|sum| sum / size as f64).collect();
            }
        }
    }

    /// Gives each empty group the unit of the largest group that fits there least.
    fn fill_empty(&self, centres: &[Vec<f64>], assigned: &mut [usize]) {
        let mut sizes = vec![0usize; centres.len()];
        for &group in assigned.iter() {
            sizes[group] += 1;
        }
        while let Some(empty) = sizes.iter().position(|&size| size == 0) {
            let largest = (0..sizes.len()).max_by_key(|&group| sizes[group]).unwrap_or(0);
            let members = (0..assigned.len()).filter(|&unit| assigned[unit] == largest);
            let far = |unit: &usize| distance(self.point(*unit), &centres[largest]);
            let Some(moved) = members.max_by(|a, b| far(a).total_cmp(&far(b))) else { return };
            if sizes[largest] < 2 {
                return;
            }
            assigned[moved] = empty;
            sizes[largest] -= 1;
            sizes[empty] += 1;
        }
    }
}

/// Squared Euclidean distance.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
