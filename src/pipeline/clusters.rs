//! Parting units into groups that are alike.
//!
//! Owns the method: latent components of the features, then k-means on them from many starts, with
//! a price on uneven sizes: without one, k-means would set a few odd voices apart beside a crowd.
//! Seeded and in a fixed order: the same features and seed give the same groups.

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
/// Starts of k-means from different centres, of which the cheapest outcome is taken, where what is
/// found is to last.
pub(super) const STARTS: usize = 40;
/// Most rounds of each start.
const ROUNDS: usize = 30;
/// Budget for all starts together (units × groups × directions × rounds); where one start takes
/// many of these steps, there are fewer starts.
const STEPS: usize = 400_000_000;

/// A group number below `groups` for each unit, the cheapest of at most so many starts; no group is empty
/// where there are enough units.
pub(super) fn cluster(features: &Features, groups: usize, seed: u64, starts: usize) -> Vec<usize> {
    let count = features.units.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample: Vec<usize> = (0..count).collect();
    if count > SAMPLE {
        let enough = SAMPLE.max(groups * 20).min(count);
        sample = sample.partial_shuffle(&mut rng, enough).0.to_vec();
    }
    sample.sort_unstable();
    let width = directions(sample.len(), groups);
    let (points, width) = points(features, &sample, (groups, width), &mut rng);
    let space = Space::new((points, width), width, &sample, groups);
    let found = space.best(&sample, groups, starts, &mut rng);
    let mut assigned = vec![None; count];
    for (&unit, &group) in sample.iter().zip(&found.assigned) {
        assigned[unit] = Some(group);
    }
    let place = |(unit, group): (usize, Option<usize>)| {
        group.unwrap_or_else(|| space.cheapest(unit, &found))
    };
    assigned.into_iter().enumerate().map(place).collect()
}

/// The same of units that lie at these points, all of one width.
pub(super) fn cluster_points(points: &[Vec<f64>], groups: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let all: Vec<usize> = (0..points.len()).collect();
    let width = points.first().map_or(0, Vec::len);
    let directions = directions(all.len(), groups);
    let space = Space::new((points.concat(), width), directions, &all, groups);
    space.best(&all, groups, STARTS, &mut rng).assigned
}

/// How many directions tell so many groups of units apart.
fn directions(units: usize, groups: usize) -> usize {
    // Along as many directions as there are units, each is as far from all others.
    let half = (units - 1) / 2;
    (2 * groups + 5).min(DIRECTIONS).min(half.max(groups - 1))
}

/// Fewest units of a group: a quarter of an even share, but at least two where the units suffice.
fn smallest(units: usize, groups: usize) -> usize {
    let two = if units * 2 >= groups * 5 { 2 } else { 1 };
    (units / (groups * 4)).max(two)
}

/// Units as points, and what a group of them costs: the squared distances from its centre, and
/// `crowding` times the square of its size.
struct Space {
    points: Vec<f64>, // (units, width)
    width: usize,
    crowding: f64,
    /// Fewest units of a group of the sample.
    least: usize,
}

/// An outcome of k-means.
#[derive(Debug, Default)]
struct Partition {
    centres: Vec<Vec<f64>>,
    sizes: Vec<usize>,
    /// The group of each unit of the sample.
    assigned: Vec<usize>,
}

impl Space {
    fn new(
        (points, width): (Vec<f64>, usize),
        directions: usize,
        sample: &[usize],
        groups: usize,
    ) -> Self {
        let least = smallest(sample.len(), groups);
        let mut space = Self { points, width, crowding: 0.0, least };
        let all = space.centred(sample, 1, vec![0; sample.len()]);
        // Where all units are the same, their sizes alone decide.
        let variance = space.cost(sample, &all).max(f64::EPSILON);
        let (groups, units) = (groups as f64, sample.len() as f64);
        // What it costs to have all in one group instead of in groups of one size: of what a single
        // direction explains, a unit for each group. A few people may lie unevenly by chance; of
        // many, the data decides.
        let price = variance / directions as f64 * groups / units;
        // The sum of the squares of all sizes, beyond what it is where they are even.
        let uneven = units * units * (1.0 - 1.0 / groups);
        space.crowding = price / uneven;
        space
    }

    fn point(&self, unit: usize) -> &[f64] {
        &self.points[unit * self.width..][..self.width]
    }

    /// What it costs to have one more unit in a group, whose centre then comes to meet it.
    fn price(&self, unit: usize, group: usize, partition: &Partition) -> f64 {
        let size = partition.sizes[group] as f64;
        let apart = distance(self.point(unit), &partition.centres[group]);
        size / (size + 1.0) * apart + self.crowding * (2.0 * size + 1.0)
    }

    /// What it would save to have a unit no more in its group.
    fn saving(&self, unit: usize, group: usize, partition: &Partition) -> f64 {
        let size = partition.sizes[group] as f64;
        let apart = distance(self.point(unit), &partition.centres[group]);
        size / (size - 1.0) * apart + self.crowding * (2.0 * size - 1.0)
    }

    fn cheapest(&self, unit: usize, partition: &Partition) -> usize {
        let prices = (0..partition.sizes.len()).map(|group| self.price(unit, group, partition));
        least(prices).unwrap_or(0)
    }

    /// The cheapest partition of these units, from many starts.
    fn best(
        &self,
        units: &[usize],
        groups: usize,
        starts: usize,
        rng: &mut ChaCha8Rng,
    ) -> Partition {
        let steps = units.len() * groups * self.width * ROUNDS;
        let starts = (STEPS / steps.max(1)).clamp(2, starts);
        let mut best = (f64::INFINITY, Partition::default());
        for _ in 0..starts {
            let partition = self.part(units, groups, rng);
            let cost = self.cost(units, &partition);
            if cost < best.0 {
                best = (cost, partition);
            }
        }
        best.1
    }

    /// Moves one unit at a time to where it costs least (Hartigan and Wong, 1979,
    /// <https://doi.org/10.2307/2346830>): unlike rounds over all units, this sees each size as it
    /// is, and the whole never costs more than before.
    fn part(&self, units: &[usize], groups: usize, rng: &mut ChaCha8Rng) -> Partition {
        let mut partition = self.first(units, groups, rng);
        for _ in 0..ROUNDS {
            let mut moved = false;
            for (at, &unit) in units.iter().enumerate() {
                let from = partition.assigned[at];
                if partition.sizes[from] <= self.least {
                    continue;
                }
                let price = |group| {
                    if group == from {
                        self.saving(unit, from, &partition)
                    } else {
                        self.price(unit, group, &partition)
                    }
                };
                let to = least((0..groups).map(price)).unwrap_or(from);
                if to != from {
                    self.shift(unit, from, -1.0, &mut partition);
                    self.shift(unit, to, 1.0, &mut partition);
                    partition.assigned[at] = to;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        partition
    }

    /// Takes a unit into a group (`by` is 1) or out of it (-1), of which the group's centre is part.
    fn shift(&self, unit: usize, group: usize, by: f64, partition: &mut Partition) {
        let size = partition.sizes[group] as f64 + by;
        for (centre, x) in partition.centres[group].iter_mut().zip(self.point(unit)) {
            *centre += by * (x - *centre) / size.max(1.0);
        }
        partition.sizes[group] = size as usize;
    }

    /// Units with the nearest of the first centres, save that no group gets fewer than the least.
    fn first(&self, units: &[usize], groups: usize, rng: &mut ChaCha8Rng) -> Partition {
        let centres = self.first_centres(units, groups, rng);
        let apart = |unit: usize, group: usize| distance(self.point(unit), &centres[group]);
        let nearest =
            |&unit: &usize| least((0..groups).map(|group| apart(unit, group))).unwrap_or(0);
        let mut assigned: Vec<usize> = units.iter().map(nearest).collect();
        let mut sizes = vec![0usize; groups];
        for &group in &assigned {
            sizes[group] += 1;
        }
        for group in 0..groups {
            let mut others: Vec<(f64, usize)> = Vec::new();
            if sizes[group] < self.least {
                others.extend(units.iter().map(|&unit| apart(unit, group)).zip(0..));
                others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
            for (_, at) in others {
                let from = assigned[at];
                if from != group && sizes[group] < self.least && sizes[from] > self.least {
                    sizes[from] -= 1;
                    sizes[group] += 1;
                    assigned[at] = group;
                }
            }
        }
        self.centred(units, groups, assigned)
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
            // Where all points are centres already, one is taken twice.
            let drawn = drawn.unwrap_or(centres.len() % units.len());
            centres.push(self.point(units[drawn]).to_vec());
        }
        centres
    }

    /// The partition with these assignments.
    fn centred(&self, units: &[usize], groups: usize, assigned: Vec<usize>) -> Partition {
        let mut partition = Partition {
            centres: vec![vec![0.0; self.width]; groups],
            sizes: vec![0; groups],
            assigned: Vec::new(),
        };
        for (&unit, &group) in units.iter().zip(&assigned) {
            self.shift(unit, group, 1.0, &mut partition);
        }
        Partition { assigned, ..partition }
    }

    fn cost(&self, units: &[usize], partition: &Partition) -> f64 {
        let apart = units.iter().zip(&partition.assigned);
        let apart: f64 =
            apart.map(|(&unit, &to)| distance(self.point(unit), &partition.centres[to])).sum();
        let squares: f64 = partition.sizes.iter().map(|&size| (size as f64).powi(2)).sum();
        apart + self.crowding * squares
    }
}

/// The place of the least of some numbers; of equals, the first.
fn least(numbers: impl Iterator<Item = f64>) -> Option<usize> {
    numbers.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// Squared Euclidean distance.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
