//! What a run is going to cost, before anything runs.
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

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use super::{MicroUsd, Price, cost};
use crate::llm::Usage;

/// Most answer tokens of one refinement: the maximum that the request carries.
pub const REFINE_MAX_TOKENS: u64 = 1_200;
/// Most answer tokens of one persona written whole: the maximum that the request carries.
pub const PERSONA_MAX_TOKENS: u64 = 4_000;
/// How often the upper bound counts each call: the first attempt and one more.
pub const UPPER_ATTEMPTS: u64 = 2;
/// Largest corpus that is put whole into a frontier-only prompt, in tokens of three bytes and in
/// records; a larger one is packed by persona. The pipeline's plan draws the same line.
const SHARED_CORPUS_TOKENS: u64 = 100_000;
const SHARED_RECORDS: u64 = 400;
/// Most records of a packed prompt.
const PACKED_RECORDS: u64 = 24;
/// Most records that a refinement sends, and most bytes of each: 300 characters of up to four
/// bytes.
const REFINE_RECORDS: u64 = 4;
const REFINE_RECORD_BYTES: u64 = 1_200;

/// Answer tokens by bound (low, expected, upper). The expected figures are edits to three or four
/// fields, and a persona with sentences as long as those of the judge's good controls, in the
/// answer's keys and at its usual list lengths. No frontier model was measured.
const REFINE_ANSWER: [u64; 3] = [50, 120, REFINE_MAX_TOKENS];
const PERSONA_ANSWER: [u64; 3] = [320, 480, PERSONA_MAX_TOKENS];
/// Tokens that a service adds to a prompt, by bound: the marks of messages, and the schema.
const FRAMING: [u64; 3] = [10, 60, 1_000];

/// Upper bounds on the bytes of a request beside its records: a persona at its length bounds, the
/// schema that lists its fields, instructions and example.
const REFINE_BYTES: u64 = 15_000;
const PERSONA_BYTES: u64 = 15_000;
/// Bytes around each record: its id and the fence.
const RECORD_BYTES: u64 = 32;

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

    /// Number of tokens to expect from an ordinary tokenizer.
    pub fn expected_tokens(self) -> u64 {
        self.tokens()[1]
    }

    /// Number of tokens by bound: low, expected, upper.
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

/// What an estimate is computed from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstimateInput {
    /// Size of the text of all records.
    pub corpus: TextSize,
    /// Number of records.
    pub records: u64,
    /// Size of the longest record in bytes.
    pub longest_record: u64,
    /// Number of final personas.
    pub personas: u64,
    /// Sizes of the run's refinement requests, as they were sketched.
    pub refinements: Vec<RequestSize>,
    /// Sizes of the requests of a frontier-only run.
    pub whole: Vec<RequestSize>,
}

/// Size of a request's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSize {
    /// The part with which other requests begin too: the provider's prompt cache may serve it.
    pub shared: TextSize,
    /// The part that only this request has.
    pub own: TextSize,
}

/// What a run will cost, with the assumptions behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Refining every final persona of a hybrid run once; drafting and judging are local.
    pub hybrid: Bounds,
    /// Having the frontier model write the same number of personas from the corpus.
    pub frontier_only: Bounds,
    /// The price that was applied.
    pub price: Price,
    /// The assumptions, one sentence each, for the user.
    pub assumptions: Vec<String>,
}

/// What a frontier model would cost if it wrote everything: for runs that pay nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontierOnly {
    /// The model, and its price.
    pub price: Price,
    /// What the same number of personas would cost.
    pub cost: Bounds,
}

/// Three figures, none of which is larger than the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The figure for fluent text, short answers, and for frontier-only runs a working prompt
    /// cache.
    pub low: Figure,
    /// The figure to plan with.
    pub expected: Figure,
    /// The figure that is not exceeded.
    pub upper: Figure,
}

/// Tokens and money over all calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Number of calls.
    pub calls: u64,
    /// Number of prompt tokens.
    pub input_tokens: u64,
    /// Number of answer tokens.
    pub output_tokens: u64,
    /// What the calls cost.
    pub cost: MicroUsd,
}

/// Estimates a hybrid run and its frontier-only counterpart. Pure: no model, no socket, no key.
pub fn estimate(input: &EstimateInput, price: &Price) -> Estimate {
    let hybrid = bounds(|bound| refinement(input, price, bound));
    let frontier_only = frontier_only(input, price).cost;
    Estimate { hybrid, frontier_only, price: price.clone(), assumptions: assumptions(input, price) }
}

/// Estimates the frontier-only run alone; `input.refinements` is not read.
pub fn frontier_only(input: &EstimateInput, price: &Price) -> FrontierOnly {
    let cost = bounds(|bound| plain_generation(input, price, bound));
    FrontierOnly { price: price.clone(), cost }
}

/// Which of the three bounds, as an index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Low = 0,
    Expected = 1,
    Upper = 2,
}

fn bounds(figure: impl Fn(Bound) -> Figure) -> Bounds {
    let (low, expected) = (figure(Bound::Low), figure(Bound::Expected));
    let mut upper = figure(Bound::Upper);
    // Whatever was sketched, the upper bound is not below it.
    upper.cost = upper.cost.max(expected.cost);
    Bounds { low, expected, upper }
}

/// One patch for each final persona. Low and expected count the sketched requests; the upper bound
/// holds for any persona over any of these records.
fn refinement(input: &EstimateInput, price: &Price, bound: Bound) -> Figure {
    let answer = REFINE_ANSWER[bound as usize];
    // Requests that could not be sketched are counted at their worst, never left out.
    if bound == Bound::Upper || input.refinements.is_empty() {
        let answer = REFINE_ANSWER[Bound::Upper as usize];
        let cited = REFINE_RECORDS.min(input.records);
        let record = input.longest_record.min(REFINE_RECORD_BYTES).saturating_add(RECORD_BYTES);
        let prompt = REFINE_BYTES.saturating_add(cited.saturating_mul(record));
        return worst(price, prompt, answer, input.personas);
    }
    sum(&input.refinements, input.personas, |request| {
        let prompt = tokens(request.shared + request.own, bound);
        Usage { prompt, completion: answer, ..Usage::default() }
    })
    .priced(price)
}

/// One whole persona per call. A corpus that fits is part of what all calls share, which the
/// provider caches: the first call pays for writing it, the others for reading it.
fn plain_generation(input: &EstimateInput, price: &Price, bound: Bound) -> Figure {
    let answer = PERSONA_ANSWER[bound as usize];
    if bound == Bound::Upper || input.whole.is_empty() {
        let answer = PERSONA_ANSWER[Bound::Upper as usize];
        let framed = |records: u64| records.saturating_mul(RECORD_BYTES);
        let is_large = input.corpus.bytes().div_ceil(3) > SHARED_CORPUS_TOKENS;
        let data = if is_large || input.records > SHARED_RECORDS {
            let records = PACKED_RECORDS.min(input.records);
            records
                .saturating_mul(input.longest_record)
                .min(input.corpus.bytes())
                .saturating_add(framed(records))
        } else {
            input.corpus.bytes().saturating_add(framed(input.records))
        };
        return worst(price, PERSONA_BYTES.saturating_add(data), answer, input.personas);
    }
    let mut is_first = true;
    sum(&input.whole, input.personas, |request| {
        let shared = tokens(request.shared, bound);
        let prompt = shared.saturating_add(tokens(request.own, bound));
        let call = Usage { prompt, completion: answer, ..Usage::default() };
        if std::mem::take(&mut is_first) {
            Usage { cache_written: shared, ..call }
        } else {
            Usage { cached_prompt: shared, ..call }
        }
    })
    .priced(price)
}

/// Tokens of a text together with what a service adds to it.
fn tokens(size: TextSize, bound: Bound) -> u64 {
    size.tokens()[bound as usize].saturating_add(FRAMING[bound as usize])
}

/// Calls at their worst: every prompt byte is a token, written to the cache, in as many attempts as
/// a call may have.
fn worst(price: &Price, prompt: u64, answer: u64, personas: u64) -> Figure {
    let prompt = prompt.saturating_add(FRAMING[Bound::Upper as usize]);
    let call = Usage { prompt, cache_written: prompt, completion: answer, ..Usage::default() };
    let calls = personas.saturating_mul(UPPER_ATTEMPTS);
    repeat(price, call, calls)
}

/// Calls before they are priced.
struct Calls(Vec<Usage>);

/// The calls for `personas` personas. Where fewer were sketched, those are repeated for the others.
fn sum(
    requests: &[RequestSize],
    personas: u64,
    mut usage: impl FnMut(RequestSize) -> Usage,
) -> Calls {
    let calls = usize::try_from(personas).unwrap_or(usize::MAX).min(MAX_CALLS);
    Calls(requests.iter().cycle().take(calls).map(|request| usage(*request)).collect())
}

/// Most calls that are added up one by one; no run has as many.
const MAX_CALLS: usize = 10_000;

impl Calls {
    fn priced(self, price: &Price) -> Figure {
        let each = self.0.into_iter().map(|call| repeat(price, call, 1));
        each.fold(Figure::default(), Figure::plus)
    }
}

/// `calls` equal calls; each is rounded up on its own, as it will be billed.
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

fn assumptions(input: &EstimateInput, price: &Price) -> Vec<String> {
    let mut said = vec![
        format!(
            "{} of {} at ${}/${} per million tokens in/out, {}",
            price.model,
            price.provider,
            MicroUsd(price.input).usd(),
            MicroUsd(price.output).usd(),
            price.source
        ),
        "prompts are those of a run over this data, with a stand-in's personas; tokens from bytes: expected 4 ASCII bytes or 2 other bytes a token, upper bound 1 byte a token"
            .to_owned(),
        format!(
            "hybrid: each of {} personas is refined once, from the persona and at most {REFINE_RECORDS} of the records it cites",
            input.personas
        ),
        format!(
            "frontier-only: each of {} personas is written whole; a corpus of up to {SHARED_CORPUS_TOKENS} tokens and {SHARED_RECORDS} records is sent in full and, but for the upper bound, read from the provider's prompt cache after the first call",
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

    /// An estimate's input with sketched requests over `records` records of `bytes` bytes each.
    fn input(records: u64, bytes: u64, personas: u64) -> EstimateInput {
        let refinement = RequestSize { shared: ascii(1_000), own: ascii(1_400 + 4 * bytes) };
        let whole = RequestSize { shared: ascii(2_000 + records * bytes), own: ascii(400) };
        EstimateInput {
            corpus: ascii(records * bytes),
            records,
            longest_record: bytes,
            personas,
            refinements: vec![refinement; personas as usize],
            whole: vec![whole; personas as usize],
        }
    }

    #[test]
    fn a_hand_computed_case_comes_out_exactly() {
        let estimate = estimate(&input(40, 400, 3), &price());
        // 2,400 + 1,600 bytes are 1,000 tokens, and 60 around them; 120 out.
        // 1,060 × $2/M + 120 × $10/M = 2,120 + 1,200 µ$, three times.
        assert_eq!(
            estimate.hybrid.expected,
            Figure { calls: 3, input_tokens: 3_180, output_tokens: 360, cost: MicroUsd(9_960) }
        );
        // Low: 4,000 bytes are 800 tokens, and 10 around them; 50 out.
        let low = 3 * (810 * 2 + 50 * 10);
        assert_eq!(
            estimate.hybrid.low,
            Figure { calls: 3, input_tokens: 2_430, output_tokens: 150, cost: MicroUsd(low) }
        );
        // Upper: 15,000 + 4 × (400 + 32) + 1,000 bytes, all written to a cache at $2.50/M, and
        // 1,200 out, six times.
        let upper = 6 * (17_728 * 5 / 2 + 12_000);
        assert_eq!(estimate.hybrid.upper.cost, MicroUsd(upper));
        // Frontier-only: 18,000 shared bytes are 4,500 + 60 tokens, written once at $2.50/M and
        // read twice at $2/M (a price given by hand knows no cache); 100 + 60 own; 480 out.
        let each = 160 * 2 + 4_800;
        let expected = 4_560 * 5 / 2 + 2 * 4_560 * 2 + 3 * each;
        let expected = Figure {
            calls: 3,
            input_tokens: 3 * (4_560 + 160),
            output_tokens: 3 * 480,
            cost: MicroUsd(expected),
        };
        assert_eq!(estimate.frontier_only.expected, expected);
        assert!(estimate.assumptions[0].contains("$2/$10"), "{:?}", estimate.assumptions);
    }

    #[test]
    fn a_listed_price_reads_the_shared_part_from_the_cache() {
        let listed = Price::of("anthropic", "claude-sonnet-5-5").unwrap();
        let (with, without) =
            (estimate(&input(200, 400, 10), &listed), estimate(&input(200, 400, 10), &price()));
        let cost = |estimate: &Estimate| estimate.frontier_only.expected.cost;
        assert!(cost(&with).0 * 2 < cost(&without).0, "{} {}", cost(&with), cost(&without));
        assert_eq!(with.hybrid.expected.cost, without.hybrid.expected.cost);
    }

    #[test]
    fn the_upper_bound_packs_a_corpus_only_beyond_what_stands_whole_in_a_prompt() {
        let prompt = |records, bytes| {
            let upper = estimate(&input(records, bytes, 1), &price()).frontier_only.upper;
            assert_eq!((upper.calls, upper.output_tokens), (2, 8_000));
            upper.input_tokens / 2 - PERSONA_BYTES - 1_000
        };
        assert_eq!(prompt(400, 750), 400 * (750 + RECORD_BYTES), "100,000 tokens of three bytes");
        assert_eq!(prompt(401, 748), 24 * (748 + RECORD_BYTES), "one record more");
        assert_eq!(prompt(300, 1_001), 24 * (1_001 + RECORD_BYTES), "100,100 tokens");
    }

    #[test]
    fn sketched_requests_stand_for_those_that_were_not() {
        let whole = input(40, 400, 4);
        let sketched = EstimateInput { refinements: vec![whole.refinements[0]], ..whole.clone() };
        assert_eq!(estimate(&sketched, &price()), estimate(&whole, &price()));
    }

    #[test]
    fn a_bound_is_not_below_what_is_sketched() {
        let huge = RequestSize { shared: ascii(0), own: ascii(10_000_000) };
        let input = EstimateInput { refinements: vec![huge], personas: 1, ..input(40, 400, 1) };
        let hybrid = estimate(&input, &price()).hybrid;
        assert_eq!(hybrid.upper.cost, hybrid.expected.cost);
    }

    #[test]
    fn a_price_for_long_prompts_is_said() {
        let said = |price: &Price| estimate(&input(40, 400, 3), price).assumptions.join("\n");
        let long = Price::of("anthropic", "claude-haiku-5-5").unwrap();
        assert!(said(&long).contains("prompts of more than 100000 tokens"), "{}", said(&long));
        assert!(!said(&price()).contains("long-prompt price"), "{}", said(&price()));
    }

    #[test]
    fn no_personas_cost_nothing_and_no_data_still_costs_the_call() {
        let none = estimate(&EstimateInput::default(), &price());
        assert_eq!(none.hybrid.upper.cost, MicroUsd(0));
        assert_eq!(none.frontier_only.upper.cost, MicroUsd(0));
        assert!(estimate(&input(0, 0, 1), &price()).hybrid.low.cost > MicroUsd(0));
        let unsketched = EstimateInput { personas: 1, ..EstimateInput::default() };
        let unsketched = estimate(&unsketched, &price());
        assert_eq!(unsketched.hybrid.low.cost, unsketched.hybrid.upper.cost);
        assert!(unsketched.frontier_only.low.cost > MicroUsd(0));
    }

    #[test]
    fn sizes_tell_ascii_from_the_rest() {
        let size = TextSize::of("naïve 日本");
        assert_eq!(size, TextSize { ascii: 5, other: 8 });
        assert_eq!(size.tokens(), [1 + 2, 2 + 4, 13]);
        assert_eq!((size.bytes(), size.expected_tokens()), (13, 6));
        let twice: TextSize = [size, size].into_iter().sum();
        assert_eq!(twice, TextSize { ascii: 10, other: 16 });
    }

    proptest! {
        #[test]
        fn absurd_sizes_neither_panic_nor_wrap(
            sizes in prop::collection::vec(any::<u64>(), 8), personas in 0_u64..2_000,
            rate in any::<u64>(),
        ) {
            let text = |at: usize| TextSize { ascii: sizes[at], other: sizes[at + 1] };
            let request = RequestSize { shared: text(0), own: text(2) };
            let input = EstimateInput {
                corpus: text(4),
                records: sizes[6],
                longest_record: sizes[7],
                personas,
                refinements: vec![request],
                whole: vec![request],
            };
            let price = Price { input: rate, output: rate, cached_input: rate, ..price() };
            let estimate = estimate(&input, &price);
            for b in [estimate.hybrid, estimate.frontier_only] {
                prop_assert!(b.low.cost <= b.expected.cost && b.expected.cost <= b.upper.cost);
            }
        }

        #[test]
        fn more_data_or_more_personas_never_cost_less(
            records in 1_u64..200, bytes in 1_u64..400, personas in 1_u64..50,
        ) {
            let small = estimate(&input(records, bytes, personas), &price());
            let more_personas = estimate(&input(records, bytes, personas + 1), &price());
            let more_data = estimate(&input(records, bytes + 50, personas), &price());
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
