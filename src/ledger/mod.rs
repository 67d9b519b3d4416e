//! Money: amounts, what tokens cost, what a run was allowed and what it will cost.
//!
//! Owns [`MicroUsd`], the [`Account`] in which a run's paid calls are booked, and the estimate
//! behind `--estimate-only`. Knows no vendor and sends nothing.

mod account;
mod estimate;

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::llm::Usage;

pub use crate::catalogue::Price;
pub use account::{Account, Booking, MostTokens, bill, exceeds, worst_case};
pub use estimate::{
    Bounds, Estimate, EstimateInput, Figure, FrontierOnly, PERSONA_MAX_TOKENS, REFINE_MAX_TOKENS,
    RequestSize, TextSize, UPPER_ATTEMPTS, estimate, frontier_only,
};

/// An amount in millionths of a US dollar. Whole numbers only: sums are exact.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// The amount in dollars, for JSON output and ratios; never for sums.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The sum of two amounts; `None` beyond the largest amount.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// Adds amounts up to the largest one and stays there, so that an absurd sum can only look too
/// large.
impl Add for MicroUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

/// Writes four decimals, rounded up: the amount shown is never less than the amount owed.
impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ten_thousandths = self.0.div_ceil(100);
        write!(f, "${}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
    }
}

/// Reads `--max-cost`: a plain decimal amount of US dollars.
impl std::str::FromStr for MicroUsd {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        catalogue::parse_usd(text).map(Self).ok_or_else(|| BadAmount(text.to_owned()))
    }
}

/// The error for text that is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an amount of US dollars\nhint: write it plainly, as in 2 or 0.50")]
pub struct BadAmount(String);

/// What a call costs, rounded up to the next micro-dollar.
///
/// A prompt above the price's long-prompt limit is charged at the long price throughout.
pub fn cost(price: &Price, usage: Usage) -> MicroUsd {
    let (mut input, mut cached, mut output) = (price.input, price.cached_input, price.output);
    if let Some(long) = price.long_prompt.filter(|long| usage.prompt > long.over) {
        (input, cached, output) = (long.input, long.cached_input, long.output);
    }
    let cached_prompt = usage.cached_prompt.min(usage.prompt);
    let written = usage.cache_written.min(usage.prompt - cached_prompt);
    let charge = |tokens: u64, rate: u64| u128::from(tokens).saturating_mul(u128::from(rate));
    let total = charge(usage.prompt - cached_prompt - written, input)
        .saturating_add(charge(written, price.cache_write(input)))
        .saturating_add(charge(cached_prompt, cached))
        .saturating_add(charge(usage.completion, output));
    MicroUsd(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_rounded_up() {
        assert_eq!(MicroUsd(0).to_string(), "$0.0000");
        assert_eq!(MicroUsd(1).to_string(), "$0.0001");
        assert_eq!(MicroUsd(12_300).to_string(), "$0.0123");
        assert_eq!(MicroUsd(12_301).to_string(), "$0.0124");
        assert_eq!(MicroUsd(1_999_999).to_string(), "$2.0000");
        assert_eq!(MicroUsd(u64::MAX).to_string(), "$18446744073709.5517");
    }

    #[test]
    fn an_amount_is_read_plainly_or_not_at_all() {
        assert_eq!("2".parse(), Ok(MicroUsd(2_000_000)));
        assert_eq!("0.000001".parse(), Ok(MicroUsd(1)));
        for bad in ["-1", "", "$2", "1e9", "0.0000001", "NaN", "inf", "1,5"] {
            assert!(bad.parse::<MicroUsd>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_call_is_rounded_up_and_cached_tokens_cost_less() {
        let listed = Price::of("anthropic", "claude-haiku-5-5").unwrap(); // 0.1 / 0.01 / 0.5
        let usage = |prompt, cached_prompt, completion| Usage {
            prompt,
            cached_prompt,
            completion,
            ..Usage::default()
        };
        assert_eq!(cost(&listed, usage(1, 0, 0)), MicroUsd(1)); // 0.1 µ$
        assert_eq!(cost(&listed, usage(1000, 0, 100)), MicroUsd(100 + 50));
        assert_eq!(cost(&listed, usage(1000, 1000, 100)), MicroUsd(10 + 50));
        assert_eq!(cost(&listed, usage(100_000, 0, 1000)), MicroUsd(10_000 + 500));
        assert_eq!(cost(&listed, usage(100_001, 0, 1000)), MicroUsd(50_001 + 2_500));
        assert_eq!(cost(&listed, usage(5, 9, 0)), MicroUsd(1), "more cached than sent");
    }

    #[test]
    fn tokens_of_a_prompt_are_charged_once_each() {
        // Prompt tokens cost 4 plain or read from the cache, and 5 when written to it.
        let price = Price::parse("4/20", "anthropic", "test").unwrap();
        let prompt = |cached_prompt, cache_written| {
            cost(&price, Usage { prompt: 1_000, cached_prompt, cache_written, ..Usage::default() })
        };
        assert_eq!(prompt(100, 300), MicroUsd(600 * 4 + 300 * 5 + 100 * 4));
        assert_eq!(prompt(600, 900), MicroUsd(400 * 5 + 600 * 4), "more than was sent");
    }

    #[test]
    fn amounts_add_up_and_stop_at_the_largest() {
        let (some, most) = (MicroUsd(1_500_000), MicroUsd(u64::MAX));
        assert_eq!(some + MicroUsd(1), MicroUsd(1_500_001));
        assert_eq!(most + some, most);
        assert_eq!([some, some, MicroUsd(1)].into_iter().sum::<MicroUsd>(), MicroUsd(3_000_001));
        assert_eq!(some.checked_add(some), Some(MicroUsd(3_000_000)));
        assert_eq!(some.checked_add(most), None);
        assert!((some.usd() - 1.5).abs() < f64::EPSILON);
    }
}
