//! A linear probe: which of a few classes a text belongs to, read from a model's hidden states.
//!
//! Owns the fit, a softmax regression with an L2 penalty (Alain and Bengio, Understanding intermediate
//! layers using linear classifier probes, 2016). A model knows more about a sentence than it can say
//! when it is asked: the smaller it is, the wider the gap.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Steps of the fit; with the penalty below it has then long converged.
const STEPS: usize = 200;
/// Steps of the power iteration: what its value still lacks after them is well within [`HEADROOM`].
const POWER_STEPS: usize = 20;
/// What that value is multiplied by: it comes near the largest eigenvalue from below, and a step of the
/// fit that is too long goes astray.
const HEADROOM: f32 = 1.2;
/// Weight of the squared weights beside the mean loss, on states of mean 0 and deviation 1.
const PENALTY: f32 = 0.15;
/// Examples whose gradients are summed by one thread: fixed, so that the sum does not depend on how
/// many threads there are.
const PIECE: usize = 64;
/// Partial sums of a product, so that it needs no sum across them until its end.
const LANES: usize = 16;

/// Significant digits of a weight: as many as are needed, so that what is kept in a file is short and the
/// same as what was fitted.
const DIGITS: i32 = 5;

/// A fitted probe for states of one width: for each class, the weight of each number of a state and,
/// last, what is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<f32>>")]
pub struct Probe(Vec<Vec<f32>>);

impl TryFrom<Vec<Vec<f32>>> for Probe {
    type Error = &'static str;

    fn try_from(weights: Vec<Vec<f32>>) -> Result<Self, Self::Error> {
        let length = weights.first().map_or(0, Vec::len);
        let fits = |weights: &Vec<f32>| {
            weights.len() == length && weights.iter().all(|weight| weight.is_finite())
        };
        if length < 2 || !weights.iter().all(fits) {
            return Err(
                "the weights of a probe must be finite, and every class must have the same number of \
                        them, at least two",
            );
        }
        Ok(Self(weights))
    }
}

impl Probe {
    /// Fits a probe to examples of `classes` classes, each a state and its class. `None` where there is
    /// no example, or the states differ in width or hold what is no number.
    pub fn fit(examples: &[(Vec<f32>, usize)], classes: usize) -> Option<Self> {
        let width = examples.first()?.0.len();
        let fits = |(state, class): &(Vec<f32>, usize)| {
            state.len() == width && *class < classes && state.iter().all(|value| value.is_finite())
        };
        if width == 0 || !examples.iter().all(fits) {
            return None;
        }
        let moments = moments(examples, width);
        let rows: Vec<(Vec<f32>, usize)> = examples
            .par_iter()
            .map(|(state, class)| (normalised(state, &moments), *class))
            .collect();
        let weights = descend(&rows, vec![vec![0.0; width + 1]; classes]);
        Some(Self(weights.iter().map(|weights| of_raw_states(weights, &moments)).collect()))
    }

    /// The logarithm of each class's probability, in nats; `None` for a state of another width or one
    /// that holds what is no number.
    pub fn log_probs(&self, state: &[f32]) -> Option<Vec<f32>> {
        let width = self.0.first()?.len() - 1;
        if state.len() != width || !state.iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut scores: Vec<f32> =
            self.0.iter().map(|weights| dot(state, &weights[..width]) + weights[width]).collect();
        let log_sum = log_sum_exp(&scores);
        for score in &mut scores {
            *score -= log_sum;
        }
        Some(scores)
    }
}

/// Follows the gradient of the loss from `weights` to its least, by Nesterov's method.
fn descend(rows: &[(Vec<f32>, usize)], mut weights: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    // Half the largest eigenvalue bounds the curvature of a softmax (Boehning, 1992).
    let curvature = 0.5 * largest_eigenvalue(rows) + PENALTY;
    let root = (PENALTY / curvature).sqrt();
    let momentum = (1.0 - root) / (1.0 + root);
    let mut ahead = weights.clone();
    for _ in 0..STEPS {
        let gradient = gradient(rows, &ahead);
        let all = weights.iter_mut().zip(&mut ahead).zip(&gradient);
        for ((weights, ahead), gradient) in all {
            for ((weight, ahead), slope) in weights.iter_mut().zip(ahead).zip(gradient) {
                let next = *ahead - slope / curvature;
                *ahead = next + momentum * (next - *weight);
                *weight = next;
            }
        }
    }
    weights
}

/// A state with mean 0 and deviation 1 over the examples, and a 1 behind it.
fn normalised(state: &[f32], (means, scales): &(Vec<f32>, Vec<f32>)) -> Vec<f32> {
    let moments = means.iter().zip(scales);
    let normed = state.iter().zip(moments).map(|(value, (mean, scale))| (value - mean) * scale);
    normed.chain([1.0]).collect()
}

/// The weights for states as they are that equal `weights` for normalised ones.
fn of_raw_states(weights: &[f32], (means, scales): &(Vec<f32>, Vec<f32>)) -> Vec<f32> {
    let raw: Vec<f32> = weights.iter().zip(scales).map(|(weight, scale)| weight * scale).collect();
    let added = weights[raw.len()] - dot(&raw, means);
    raw.into_iter().chain([added]).map(rounded).collect()
}

/// A number to [`DIGITS`] significant digits.
fn rounded(value: f32) -> f32 {
    if value == 0.0 {
        return 0.0;
    }
    let value = f64::from(value);
    let unit = 10f64.powi(DIGITS - 1 - value.abs().log10().floor() as i32);
    ((value * unit).round() / unit) as f32
}

/// Mean and reciprocal deviation of each number of the states.
fn moments(examples: &[(Vec<f32>, usize)], width: usize) -> (Vec<f32>, Vec<f32>) {
    let number = examples.len() as f64;
    let of = |at: usize| {
        let values = || examples.iter().map(|(state, _)| f64::from(state[at]));
        let mean = values().sum::<f64>() / number;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / number).sqrt();
        let scale = if deviation > 1e-6 * mean.abs() { 1.0 / deviation } else { 0.0 };
        (mean as f32, scale as f32)
    };
    (0..width).into_par_iter().map(of).unzip()
}

/// The largest eigenvalue of the second moments of the rows, by power iteration; a little too high
/// rather than too low, as a step must not be too long.
fn largest_eigenvalue(rows: &[(Vec<f32>, usize)]) -> f32 {
    let width = rows[0].0.len();
    let mut vector = vec![1.0 / (width as f32).sqrt(); width];
    let mut value = 0.0;
    for _ in 0..POWER_STEPS {
        let image = mean_over(rows, width, |(row, _), image| {
            let along = dot(row, &vector);
            add(image, row, along);
        });
        value = dot(&image, &image).sqrt();
        if value == 0.0 {
            break;
        }
        vector = image.iter().map(|part| part / value).collect();
    }
    HEADROOM * value
}

/// The gradient of the penalised mean loss.
fn gradient(rows: &[(Vec<f32>, usize)], weights: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let width = rows[0].0.len();
    let all = mean_over(rows, width * weights.len(), |(row, class), gradient| {
        let scores = scores(row, weights);
        let log_sum = log_sum_exp(&scores);
        for (at, (gradient, score)) in gradient.chunks_exact_mut(width).zip(scores).enumerate() {
            let is_class = if at == *class { 1.0 } else { 0.0 };
            add(gradient, row, (score - log_sum).exp() - is_class);
        }
    });
    let mut gradient: Vec<Vec<f32>> = all.chunks_exact(width).map(<[f32]>::to_vec).collect();
    for (gradient, weights) in gradient.iter_mut().zip(weights) {
        // What is added to a score is not penalised.
        for (slope, weight) in gradient[..width - 1].iter_mut().zip(weights) {
            *slope += PENALTY * weight;
        }
    }
    gradient
}

/// The mean over rows of what each adds to a vector of `width` numbers.
fn mean_over(
    rows: &[(Vec<f32>, usize)],
    width: usize,
    add_row: impl Fn(&(Vec<f32>, usize), &mut [f32]) + Sync,
) -> Vec<f32> {
    let of_piece = |piece: &[(Vec<f32>, usize)]| {
        let mut sum = vec![0.0; width];
        for row in piece {
            add_row(row, &mut sum);
        }
        sum
    };
    let pieces: Vec<Vec<f32>> = rows.par_chunks(PIECE).map(of_piece).collect();
    let mut mean = vec![0.0; width];
    for piece in &pieces {
        add(&mut mean, piece, 1.0 / rows.len() as f32);
    }
    mean
}

fn scores(row: &[f32], weights: &[Vec<f32>]) -> Vec<f32> {
    weights.iter().map(|weights| dot(row, weights)).collect()
}

fn log_sum_exp(scores: &[f32]) -> f32 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    most + scores.iter().map(|score| (score - most).exp()).sum::<f32>().ln()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn add(to: &mut [f32], row: &[f32], times: f32) {
    for (to, value) in to.iter_mut().zip(row) {
        *to += times * value;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// States of three classes: noise, with one number that is higher in each class, and one that
    /// never changes.
    fn examples(number: usize, seed: u64) -> Vec<(Vec<f32>, usize)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let example = |at: usize| {
            let mut state: Vec<f32> = (0..20).map(|_| rng.random_range(-1.0..1.0)).collect();
            state[at % 3] += 2.5;
            state[19] = 7.0;
            (state, at % 3)
        };
        (0..number).map(example).collect()
    }

    #[test]
    fn a_probe_tells_classes_apart_that_it_has_not_seen() {
        let probe = Probe::fit(&examples(150, 1), 3).expect("examples");
        let unseen = examples(150, 2);
        let is_right = |(state, class): &&(Vec<f32>, usize)| {
            let found = probe.log_probs(state).expect("a state");
            let sum: f32 = found.iter().map(|log_prob| log_prob.exp()).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{found:?}");
            found.iter().all(|other| *other <= found[*class])
        };
        let right = unseen.iter().filter(is_right).count();
        assert!(right > 140, "{right} of 150");
    }

    #[test]
    fn the_fit_converges() {
        let examples = examples(150, 1);
        let moments = moments(&examples, 20);
        let rows: Vec<(Vec<f32>, usize)> =
            examples.iter().map(|(state, class)| (normalised(state, &moments), *class)).collect();
        let gradient = gradient(&rows, &descend(&rows, vec![vec![0.0; 21]; 3]));
        assert!(gradient.iter().flatten().all(|slope| slope.abs() < 1e-4), "{gradient:?}");
    }

    #[test]
    fn the_fit_is_the_same_on_any_number_of_threads() {
        let fit = |threads| {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| Probe::fit(&examples(150, 1), 3))
        };
        assert_eq!(fit(1), fit(3));
    }

    #[test]
    fn a_probe_that_was_written_down_is_the_same() {
        /// Bytes of a number and what parts it from the next, at most: `-0.0012346,`.
        const LONGEST_NUMBER: usize = 12;
        let probe = Probe::fit(&examples(150, 1), 3).expect("examples");
        let json = serde_json::to_string(&probe).expect("json");
        assert_eq!(serde_json::from_str::<Probe>(&json).expect("a probe"), probe);
        // Classes × weights × bytes of a number.
        assert!(json.len() < 3 * 21 * LONGEST_NUMBER, "{json}");
        for damaged in ["[]", "[[]]", "[[1.0]]", "[[1.0,2.0],[1.0]]", "[[1.0,1e99]]"] {
            assert!(serde_json::from_str::<Probe>(damaged).is_err(), "{damaged}");
        }
        let short = [123_456.0, -0.001_234_56, 0.0].map(|value| rounded(value).to_string());
        assert_eq!(short, ["123460", "-0.0012346", "0"]);
    }

    #[test]
    fn states_that_do_not_fit_give_no_probe_and_no_answer() {
        assert_eq!(Probe::fit(&[], 3), None);
        assert_eq!(Probe::fit(&[(vec![1.0], 0), (vec![1.0, 2.0], 1)], 2), None);
        assert_eq!(Probe::fit(&[(vec![f32::NAN], 0)], 2), None);
        assert_eq!(Probe::fit(&[(vec![1.0], 2)], 2), None);
        let probe = Probe::fit(&examples(30, 1), 3).expect("examples");
        assert_eq!(probe.log_probs(&[1.0]), None);
        assert_eq!(probe.log_probs(&[f32::INFINITY; 20]), None);
        let same = Probe::fit(&[(vec![1.0], 0), (vec![1.0], 1)], 2).expect("examples");
        assert!(
            same.log_probs(&[1.0]).expect("a state").iter().all(|l| (l + 2f32.ln()).abs() < 1e-3)
        );
    }
}
