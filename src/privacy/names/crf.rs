//! A linear-chain conditional random field (Lafferty, McCallum, Pereira, 2001) over the tokens of a
//! window: how likely each token begins or continues a name of each kind.
//!
//! Owns `weights.txt` and the forward-backward pass. The features come from `features.rs`.

use std::sync::LazyLock;

use super::features::{self, FEATURES, Seen, Style};
use crate::privacy::Entity;

/// Number of labels: "outside", then "begin" and "inside" of each kind.
pub(super) const LABELS: usize = 9;
/// The kinds, in the order of their labels: `1 + 2 * kind` begins a name, `2 + 2 * kind` continues
/// it.
pub(super) const KINDS: [Entity; 4] =
    [Entity::Person, Entity::Location, Entity::Organization, Entity::Address];

/// Values for each label, padded with zeros from [`LABELS`] to a width that suits SIMD.
const WIDTH: usize = 12;
pub(super) type Marginal = [f32; WIDTH];

/// Logarithmic weights of features; transitions are kept as factors, since the pass multiplies.
struct Weights {
    features: Vec<[f32; WIDTH]>,      // (feature, label)
    forward: [[f32; WIDTH]; LABELS],  // (from, to)
    backward: [[f32; WIDTH]; LABELS], // (to, from)
}

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::parse(include_str!("weights.txt")));

/// Buffers that are reused from window to window.
#[derive(Default)]
pub(super) struct Field {
    emissions: Vec<Marginal>,
    forward: Vec<Marginal>,
}

impl Field {
    /// Writes the marginal probabilities of each token's labels to `out`.
    pub(super) fn marginals(&mut self, seen: &[Seen], style: Style, out: &mut Vec<Marginal>) {
        let weights = &*WEIGHTS;
        self.emissions.clear();
        for at in 0..seen.len() {
            let mut sum = [0.0; WIDTH];
            features::features(seen, style, at, |feature| {
                for (sum, weight) in sum.iter_mut().zip(&weights.features[feature]) {
                    *sum += weight;
                }
            });
            let top = sum[..LABELS].iter().copied().fold(f32::MIN, f32::max);
            let mut emission = [0.0; WIDTH];
            for label in 0..LABELS {
                emission[label] = (sum[label] - top).exp();
            }
            self.emissions.push(emission);
        }
        self.forward.clear();
        for (at, emission) in self.emissions.iter().enumerate() {
            let reached = match at.checked_sub(1) {
                Some(before) => weighted(&self.forward[before], &weights.forward),
                None => [1.0; WIDTH],
            };
            self.forward.push(normalised(product(emission, &reached)));
        }
        out.clear();
        out.resize(seen.len(), [0.0; WIDTH]);
        let mut backward = [1.0; WIDTH];
        for at in (0..seen.len()).rev() {
            out[at] = normalised(product(&self.forward[at], &backward));
            let ahead = product(&self.emissions[at], &backward);
            backward = normalised(weighted(&ahead, &weights.backward));
        }
    }
}

fn product(a: &Marginal, b: &Marginal) -> Marginal {
    let mut product = *a;
    for (value, b) in product.iter_mut().zip(b) {
        *value *= b;
    }
    product
}

/// The sum of the rows, each times its factor.
fn weighted(factors: &Marginal, rows: &[[f32; WIDTH]; LABELS]) -> Marginal {
    let mut sum = [0.0; WIDTH];
    for (factor, row) in factors.iter().zip(rows) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += factor * value;
        }
    }
    sum
}

/// Values scaled to a sum of 1. All zeros, which only underflow can give, become "outside".
fn normalised(mut values: Marginal) -> Marginal {
    let sum: f32 = values.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        for value in &mut values {
            *value /= sum;
        }
    } else {
        values = [0.0; WIDTH];
        values[0] = 1.0;
    }
    values
}

impl Weights {
    /// Reads lines of `t FROM TO WEIGHT` and of `FEATURE LABEL WEIGHT...`, as `train.py` writes
    /// them.
    fn parse(text: &str) -> Self {
        let mut weights = Self {
            features: vec![[0.0; WIDTH]; FEATURES],
            forward: [[0.0; WIDTH]; LABELS],
            backward: [[0.0; WIDTH]; LABELS],
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            weights.take(line).expect("weights.txt is as train.py writes it");
        }
        weights
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split_ascii_whitespace();
        let first = fields.next()?;
        if first == "t" {
            let (from, to): (usize, usize) =
                (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let weight: f32 = fields.next()?.parse().ok()?;
            *self.forward.get_mut(from)?.get_mut(to)? = weight.exp();
            *self.backward.get_mut(to)?.get_mut(from)? = weight.exp();
            return Some(());
        }
        let feature = self.features.get_mut(first.parse::<usize>().ok()?)?;
        while let Some(label) = fields.next() {
            *feature.get_mut(label.parse::<usize>().ok()?)? = fields.next()?.parse().ok()?;
        }
        Some(())
    }
}
