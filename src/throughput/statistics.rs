//! Summarises a handful of numbers: mean, spread, median, and whether two sets differ.
//!
//! Owns the arithmetic. Does not know what was measured.

use serde::{Deserialize, Serialize};

/// The figures that summarise a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of the sample (n − 1); 0 for a single value.
    pub sd: f64,
    /// The smallest value.
    pub min: f64,
    /// The middle value, or the mean of the middle two.
    pub median: f64,
    /// The largest value.
    pub max: f64,
}

impl Summary {
    /// Summarises a list of values; an empty list gives zeros.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        let n = sorted.len();
        let mean = sorted.iter().sum::<f64>() / n as f64;
        let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 };
        let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
        Self { n, mean, sd, min, median, max }
    }

    /// Whether two means are further apart than chance explains. `None` where a side has a single
    /// value, from which chance cannot be judged.
    ///
    /// The limit is twice the standard error of the difference (Welch): it is passed by chance
    /// about one time in twenty, with five repetitions or more on each side.
    pub fn differs_from(&self, other: &Self) -> Option<bool> {
        if self.n < 2 || other.n < 2 {
            return None;
        }
        let variance = self.sd.powi(2) / self.n as f64 + other.sd.powi(2) / other.n as f64;
        Some((self.mean - other.mean).abs() > 2.0 * variance.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_textbook() {
        let summary = Summary::of(&[4.0, 2.0, 9.0, 5.0]);
        assert_eq!((summary.n, summary.mean, summary.median), (4, 5.0, 4.5));
        assert_eq!((summary.min, summary.max), (2.0, 9.0));
        assert!((summary.sd - (26.0f64 / 3.0).sqrt()).abs() < 1e-12, "{}", summary.sd);
        let odd = Summary::of(&[3.0, 1.0, 2.0]);
        assert_eq!((odd.n, odd.median), (3, 2.0));
    }

    #[test]
    fn one_number_has_no_spread_and_none_has_nothing() {
        let one = Summary { n: 1, mean: 7.0, sd: 0.0, min: 7.0, median: 7.0, max: 7.0 };
        assert_eq!(Summary::of(&[7.0]), one);
        assert_eq!(Summary::of(&[]), Summary::default());
    }

    #[test]
    fn a_difference_counts_only_beyond_the_spread() {
        let slow = Summary::of(&[10.0, 10.2, 9.8, 10.1, 9.9]);
        let same = Summary::of(&[10.1, 10.0, 9.9, 10.2, 9.9]);
        let fast = Summary::of(&[12.0, 12.2, 11.8, 12.1, 11.9]);
        assert_eq!(slow.differs_from(&same), Some(false));
        assert_eq!(slow.differs_from(&fast), Some(true));
        assert_eq!(slow.differs_from(&Summary::of(&[99.0])), None);
    }
}
