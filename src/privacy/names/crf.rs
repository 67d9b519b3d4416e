//! A linear-chain conditional random field (Lafferty, McCallum, Pereira, 2001) over the tokens of a
//! window: how likely each token is to begin or to continue which kind of name.
//!
//! Owns `weights.txt` and the forward-backward pass. The features come from `features.rs`.

use std::sync::LazyLock;

use super::features::{self, FEATURES, Seen, Style};
use crate::privacy::Entity;

/// Labels: outside, then begin and inside of each kind.
pub(super) const LABELS: usize = 9;
/// The kinds, in the order of their labels: `1 + 2 * kind` begins one, `2 + 2 * kind` goes on.
pub(super) const KINDS: [Entity; 4] =
    [Entity::Person, Entity::Location, Entity::Organization, Entity::Address];

/// Probability of each label.
pub(super) type Marginal = [f32; LABELS];

/// Logarithmic weights; the transitions as factors, since the pass multiplies.
struct Weights {
    features: Vec<[f32; LABELS]>,         // (feature, label)
    transitions: [[f32; LABELS]; LABELS], // (from, to)
}

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::parse(include_str!("weights.txt")));

/// Buffers that windows share.
#[derive(Default)]
pub(super) struct Field {
    emissions: Vec<Marginal>,
    forward: Vec<Marginal>,
}

impl Field {
    /// Writes the marginal probabilities of each token's labels.
    pub(super) fn marginals(&mut self, seen: &[Seen], style: Style, out: &mut Vec<Marginal>) {
        let weights = &*WEIGHTS;
        self.emissions.clear();
        for at in 0..seen.len() {
            let mut sum = [0.0; LABELS];
            features::features(seen, style, at, |feature| {
                for (sum, weight) in sum.iter_mut().zip(&weights.features[feature]) {
                    *sum += weight;
                }
            });
            let top = sum.iter().copied().fold(f32::MIN, f32::max);
            self.emissions.push(sum.map(|value| (value - top).exp()));
        }
        self.forward.clear();
        let mut state = [1.0; LABELS];
        for (at, emission) in self.emissions.iter().enumerate() {
            let mut next = *emission;
            if at > 0 {
                for to in 0..LABELS {
                    let sum: f32 =
                        (0..LABELS).map(|from| state[from] * weights.transitions[from][to]).sum();
                    next[to] *= sum;
                }
            }
            state = normalised(next);
            self.forward.push(state);
        }
        out.clear();
        out.resize(seen.len(), [0.0; LABELS]);
        let mut backward = [1.0; LABELS];
        for at in (0..seen.len()).rev() {
            let mut product = self.forward[at];
            for (value, back) in product.iter_mut().zip(&backward) {
                *value *= back;
            }
            out[at] = normalised(product);
            let emission = &self.emissions[at];
            let mut before = [0.0; LABELS];
            for from in 0..LABELS {
                before[from] = (0..LABELS)
                    .map(|to| weights.transitions[from][to] * emission[to] * backward[to])
                    .sum();
            }
            backward = normalised(before);
        }
    }
}

/// Scaled to a sum of one. All zero, which only underflow can give, becomes "outside".
fn normalised(mut values: Marginal) -> Marginal {
    let sum: f32 = values.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        for value in &mut values {
            *value /= sum;
        }
    } else {
        values = [0.0; LABELS];
        values[0] = 1.0;
    }
    values
}

impl Weights {
    /// Lines of `t FROM TO WEIGHT` and of `FEATURE LABEL WEIGHT...`, see `train.py`.
    fn parse(text: &str) -> Self {
        let mut weights =
            Self { features: vec![[0.0; LABELS]; FEATURES], transitions: [[0.0; LABELS]; LABELS] };
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
            *self.transitions.get_mut(from)?.get_mut(to)? = weight.exp();
            return Some(());
        }
        let feature = self.features.get_mut(first.parse::<usize>().ok()?)?;
        while let Some(label) = fields.next() {
            *feature.get_mut(label.parse::<usize>().ok()?)? = fields.next()?.parse().ok()?;
        }
        Some(())
    }
}
