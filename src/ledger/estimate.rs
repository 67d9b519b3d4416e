//! Money: amounts, what tokens cost, and what a run is going to cost.
//!
//! Owns [`MicroUsd`] and the estimate behind `--estimate-only`. Knows no vendor and sends nothing.
//!
//! # From bytes to tokens, without a model
//!
//! | bound | plain ASCII | other bytes | why |
//! | --- | --- | --- | --- |
//! | low | 5 a token | 4 a token | fluent English in a large vocabulary |
//! | expected | 4 a token | 2 a token | the usual rule for English; CJK is about 3 bytes a token, other scripts less |
//! | upper | 1 a token | 1 a token | see below |
//!
//! The vendors' tokenizers work on bytes: a token stands for at least one byte of the text, so no
//! text has more tokens than bytes, be it digits, base64 or emoji. That makes `upper` a bound and
//! not a guess, at the price of being about four times too high for English. The answer is bounded
//! by the `max_tokens` that is sent with the request, reasoning included, and each call is counted
//! [`UPPER_ATTEMPTS`] times, since an answer can be billed and lost.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Price};
use crate::llm::Usage;

/// Answer limit of one refinement, tokens: what the request must carry as its maximum.
pub const REFINE_MAX_TOKENS: u64 = 2_000;
/// Answer limit of one persona written whole, tokens: what the request must carry as its maximum.
pub const PERSONA_MAX_TOKENS: u64 = 4_000;
/// Times that the upper bound counts each call: the first attempt and one more.
pub const UPPER_ATTEMPTS: u64 = 2;
/// Corpus tokens that one frontier-only prompt holds at most; a larger corpus is packed.
pub const PACKED_CORPUS_TOKENS: u64 = 180_000;

/// Records that a persona cites, at most: five lists of at most five statements, and the quotes.
const UPPER_CITED_RECORDS: u64 = 32;

/// What one refinement sends and gets back beside the cited records.
const REFINE: [CallShape; 3] = [
    CallShape { prompt: 900, answer: 150, records: 3 },
    CallShape { prompt: 1_600, answer: 400, records: 8 },
    // Instructions and schema in full, and a persona at its length bounds, one token a byte.
    CallShape { prompt: 16_000, answer: REFINE_MAX_TOKENS, records: UPPER_CITED_RECORDS },
];

/// What one frontier-only persona sends and gets back beside the corpus.
const PERSONA: [CallShape; 3] = [
    CallShape { prompt: 500, answer: 500, records: 0 },
    CallShape { prompt: 1_000, answer: 900, records: 0 },
    CallShape { prompt: 8_000, answer: PERSONA_MAX_TOKENS, records: 0 },
];

/// Tokens around each record: its id and the fence, by bound.
const RECORD_FRAMING: [u64; 3] = [4, 8, 32];

/// An amount in millionths of a US dollar. Whole numbers only: sums are exact.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// In dollars, for JSON output and ratios; never for sums.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// `None` beyond the largest amount.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// Adds up to the largest amount and stays there, so that an absurd sum can only look too large.
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

/// Four decimals, rounded up: what is shown is never less than what is owed.
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

/// Text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no amount of US dollars\nhint: write it plainly, as in 2 or 0.50")]
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
    let charge = |tokens: u64, rate: u64| u128::from(tokens).saturating_mul(u128::from(rate));
    let total = charge(usage.prompt - cached_prompt, input)
        .saturating_add(charge(cached_prompt, cached))
        .saturating_add(charge(usage.completion, output));
    MicroUsd(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// Size of a text, as far as its token count depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSize {
    /// Bytes of ASCII characters.
    pub ascii: u64,
    /// Bytes of all other characters.
    pub other: u64,
}

impl TextSize {
    /// Measures a text.
    pub fn of(text: &str) -> Self {
        let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
        Self { ascii, other: text.len() as u64 - ascii }
    }

    /// All bytes.
    pub fn bytes(self) -> u64 {
        self.ascii.saturating_add(self.other)
    }

    /// Tokens by bound: low, expected, upper.
    fn tokens(self) -> [u64; 3] {
        [
            self.ascii.div_ceil(5).saturating_add(self.other.div_ceil(4)),
            self.ascii.div_ceil(4).saturating_add(self.other.div_ceil(2)),
            self.bytes(),
        ]
    }
}

impl Add for TextSize {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            ascii: self.ascii.saturating_add(more.ascii),
            other: self.other.saturating_add(more.other),
        }
    }
}

impl Sum for TextSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), Add::add)
    }
}

/// What an estimate is made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstimateInput {
    /// Text of all records.
    pub corpus: TextSize,
    /// Number of records.
    pub records: u64,
    /// Bytes of the longest record.
    pub longest_record: u64,
    /// Final personas.
    pub personas: u64,
}

/// What a run is going to cost, with what that rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Refining every final persona of a hybrid run once; drafting and judging are local.
    pub hybrid: Bounds,
    /// Having the frontier model write the same number of personas from the corpus.
    pub frontier_only: Bounds,
    /// The price applied.
    pub price: Price,
    /// One sentence each, for the user.
    pub assumptions: Vec<String>,
}

/// Three figures; each is at most the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Fluent text, short answers, and for frontier-only a working prompt cache.
    pub low: Figure,
    /// What to plan with.
    pub expected: Figure,
    /// Not exceeded.
    pub upper: Figure,
}

/// Tokens and money over all calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Calls.
    pub calls: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens.
    pub output_tokens: u64,
    /// Money.
    pub cost: MicroUsd,
}

/// Estimates a hybrid run and its frontier-only counterpart. Pure: no model, no socket, no key.
pub fn estimate(input: EstimateInput, price: &Price) -> Estimate {
    let hybrid = bounds(|bound| refinement(input, price, bound));
    let frontier_only = bounds(|bound| plain_generation(input, price, bound));
    Estimate { hybrid, frontier_only, price: price.clone(), assumptions: assumptions(input, price) }
}

/// Tokens of one call apart from data, by bound.
#[derive(Clone, Copy)]
struct CallShape {
    /// Instructions, schema, persona.
    prompt: u64,
    /// Answer.
    answer: u64,
    /// Cited records in the prompt.
    records: u64,
}

/// Index into the three bounds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Low = 0,
    Expected = 1,
    Upper = 2,
}

fn bounds(figure: impl Fn(Bound) -> Figure) -> Bounds {
    Bounds {
        low: figure(Bound::Low),
        expected: figure(Bound::Expected),
        upper: figure(Bound::Upper),
    }
}

/// One patch per final persona, from the persona, its cited records and the judge's criteria.
fn refinement(input: EstimateInput, price: &Price, bound: Bound) -> Figure {
    let shape = REFINE[bound as usize];
    let cited = shape.records.min(input.records);
    let corpus = input.corpus.tokens()[bound as usize];
    let data = match bound {
        // The longest records may be the cited ones, but no more than the corpus can be sent.
        Bound::Upper => {
            let longest = input.longest_record.max(share(corpus, 1, input.records));
            cited.saturating_mul(longest).min(corpus)
        }
        Bound::Low | Bound::Expected => share(corpus, cited, input.records),
    };
    let framing = cited.saturating_mul(RECORD_FRAMING[bound as usize]);
    let prompt = shape.prompt.saturating_add(data).saturating_add(framing);
    repeat(
        price,
        Usage { prompt, completion: shape.answer, ..Usage::default() },
        calls(input, bound),
    )
}

/// One whole persona per call; each prompt holds the corpus, or as much of it as is packed.
fn plain_generation(input: EstimateInput, price: &Price, bound: Bound) -> Figure {
    let shape = PERSONA[bound as usize];
    let corpus = input.corpus.tokens()[bound as usize];
    let framing = input.records.saturating_mul(RECORD_FRAMING[bound as usize]);
    let data = corpus.saturating_add(framing).min(PACKED_CORPUS_TOKENS);
    let prompt = shape.prompt.saturating_add(data);
    let call = Usage { prompt, completion: shape.answer, ..Usage::default() };
    if bound != Bound::Low {
        return repeat(price, call, calls(input, bound));
    }
    // Best case: the provider caches the corpus after the first call.
    let first = repeat(price, call, input.personas.min(1));
    let cached = Usage { cached_prompt: data, ..call };
    first.plus(repeat(price, cached, input.personas.saturating_sub(1)))
}

fn calls(input: EstimateInput, bound: Bound) -> u64 {
    let attempts = if bound == Bound::Upper { UPPER_ATTEMPTS } else { 1 };
    input.personas.saturating_mul(attempts)
}

/// `part` of `whole` records, in tokens, rounded up.
fn share(tokens: u64, part: u64, whole: u64) -> u64 {
    let share = (u128::from(tokens) * u128::from(part)).div_ceil(u128::from(whole.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// `calls` equal calls; each is rounded up by itself, as it will be billed.
fn repeat(price: &Price, call: Usage, calls: u64) -> Figure {
    Figure {
        calls,
        input_tokens: call.prompt.saturating_mul(calls),
        output_tokens: call.completion.saturating_mul(calls),
        cost: MicroUsd(cost(price, call).0.saturating_mul(calls)),
    }
}

impl Figure {
    fn plus(self, more: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(more.calls),
            input_tokens: self.input_tokens.saturating_add(more.input_tokens),
            output_tokens: self.output_tokens.saturating_add(more.output_tokens),
            cost: self.cost + more.cost,
        }
    }
}

fn assumptions(input: EstimateInput, price: &Price) -> Vec<String> {
    let mut said = vec![
        format!(
            "{} of {} at ${}/${} per million tokens in/out, {}",
            price.model,
            price.provider,
            MicroUsd(price.input).usd(),
            MicroUsd(price.output).usd(),
            price.source
        ),
        "tokens from bytes: expected 4 ASCII bytes or 2 other bytes a token, upper bound 1 byte a token"
            .to_owned(),
        format!(
            "hybrid: each of {} personas is refined once, from the persona and the records it cites (expected {}, upper bound {UPPER_CITED_RECORDS})",
            input.personas, REFINE[Bound::Expected as usize].records
        ),
        format!(
            "frontier-only: each of {} personas is written from the whole corpus, at most {PACKED_CORPUS_TOKENS} tokens of it; only the low figure counts on the provider's prompt cache",
            input.personas
        ),
        format!(
            "upper bound: every call is made {UPPER_ATTEMPTS} times and answers at its limit ({REFINE_MAX_TOKENS} tokens refining, {PERSONA_MAX_TOKENS} writing)"
        ),
    ];
    if let Some(long) = price.long_prompt {
        said.push(format!(
            "prompts of more than {} tokens are charged at the long-prompt price",
            long.over
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price() -> Price {
        Price::parse("2/10", "anthropic", "test").unwrap()
    }

    fn ascii(bytes: u64) -> TextSize {
        TextSize { ascii: bytes, other: 0 }
    }

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
            reasoning: 0,
        };
        assert_eq!(cost(&listed, usage(1, 0, 0)), MicroUsd(1)); // 0.1 µ$
        assert_eq!(cost(&listed, usage(1000, 0, 100)), MicroUsd(100 + 50));
        assert_eq!(cost(&listed, usage(1000, 1000, 100)), MicroUsd(10 + 50));
        assert_eq!(cost(&listed, usage(100_000, 0, 1000)), MicroUsd(10_000 + 500));
        assert_eq!(cost(&listed, usage(100_001, 0, 1000)), MicroUsd(50_001 + 2_500));
        assert_eq!(cost(&listed, usage(5, 9, 0)), MicroUsd(1), "more cached than sent");
    }

    #[test]
    fn a_hand_computed_case_comes_out_exactly() {
        let input = EstimateInput {
            corpus: ascii(40_000),
            records: 40,
            longest_record: 2_000,
            personas: 3,
        };
        let estimate = estimate(input, &price());
        // Refinement: 1600 + 8 of 40 records of 10,000 tokens + 8 × 8 framing = 3,664 in, 400 out.
        // 3,664 × $2/M + 400 × $10/M = 7,328 + 4,000 µ$, three times.
        assert_eq!(
            estimate.hybrid.expected,
            Figure { calls: 3, input_tokens: 10_992, output_tokens: 1_200, cost: MicroUsd(33_984) }
        );
        // Upper: 16,000 + min(32 × 2,000, 40,000) + 32 × 32 = 57,024 in, 2,000 out, six times.
        assert_eq!(
            estimate.hybrid.upper,
            Figure {
                calls: 6,
                input_tokens: 342_144,
                output_tokens: 12_000,
                cost: MicroUsd(804_288)
            }
        );
        // Frontier-only: 1,000 + 10,000 + 40 × 8 = 11,320 in, 900 out, three times.
        assert_eq!(
            estimate.frontier_only.expected,
            Figure { calls: 3, input_tokens: 33_960, output_tokens: 2_700, cost: MicroUsd(94_920) }
        );
        assert!(estimate.assumptions[0].contains("$2/$10"), "{:?}", estimate.assumptions);
    }

    #[test]
    fn no_personas_cost_nothing_and_no_data_still_costs_the_call() {
        let none = estimate(EstimateInput::default(), &price());
        assert_eq!(none.hybrid.upper.cost, MicroUsd(0));
        assert_eq!(none.frontier_only.upper.cost, MicroUsd(0));
        let empty = estimate(EstimateInput { personas: 1, ..EstimateInput::default() }, &price());
        assert!(empty.hybrid.low.cost > MicroUsd(0));
    }

    #[test]
    fn sizes_tell_ascii_from_the_rest() {
        let size = TextSize::of("naïve 日本");
        assert_eq!(size, TextSize { ascii: 5, other: 8 });
        assert_eq!(size.tokens(), [1 + 2, 2 + 4, 13]);
    }

    prop_compose! {
        fn any_input()(
            ascii in any::<u64>(), other in any::<u64>(), records in any::<u64>(),
            longest_record in any::<u64>(), personas in any::<u64>(),
        ) -> EstimateInput {
            EstimateInput { corpus: TextSize { ascii, other }, records, longest_record, personas }
        }
    }

    proptest! {
        #[test]
        fn absurd_sizes_neither_panic_nor_wrap(input in any_input(), rate in any::<u64>()) {
            let price = Price { input: rate, output: rate, cached_input: rate, ..price() };
            let estimate = estimate(input, &price);
            for b in [estimate.hybrid, estimate.frontier_only] {
                prop_assert!(b.low.cost <= b.expected.cost && b.expected.cost <= b.upper.cost);
            }
        }

        #[test]
        fn more_data_or_more_personas_never_cost_less(
            lengths in prop::collection::vec(1_u64..5_000, 1..200), personas in 1_u64..50,
        ) {
            let make = |lengths: &[u64], personas| EstimateInput {
                corpus: lengths.iter().map(|&n| ascii(n)).sum(),
                records: lengths.len() as u64,
                longest_record: lengths.iter().copied().max().unwrap_or(0),
                personas,
            };
            let small = estimate(make(&lengths, personas), &price());
            let more_personas = estimate(make(&lengths, personas + 1), &price());
            let longer: Vec<u64> = lengths.iter().map(|n| n * 2).collect();
            let more_data = estimate(make(&longer, personas), &price());
            for more in [more_personas, more_data] {
                for (less, more) in [
                    (small.hybrid, more.hybrid),
                    (small.frontier_only, more.frontier_only),
                ] {
                    prop_assert!(less.low.cost <= more.low.cost);
                    prop_assert!(less.expected.cost <= more.expected.cost);
                    prop_assert!(less.upper.cost <= more.upper.cost);
                }
            }
        }
    }
}
