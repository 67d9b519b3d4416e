//! From logits to a token: temperature, top-k, top-p, min-p, repetition penalty; seeded.
//!
//! Owns the choice among tokens but not what they mean: which tokens are allowed comes as a mask.
//! One sampler per request, one random number per drawn token, so a request's tokens depend on its
//! seed and its logits alone, never on threads or on what runs beside it.
//!
//! Order: penalty, mask, min-p, top-k, top-p, temperature, draw. The filters look at the model's
//! own probabilities: temperature changes how boldly the sampler picks among plausible tokens, not
//! which are plausible.

use std::cmp::Ordering;
use std::collections::VecDeque;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::TokenId;
use super::grammar::Mask;
use super::kernels::Tier;
use super::kernels::rows::{CHUNK, maxima};

/// Number of latest tokens that the repetition penalty sees: a long sentence. Over a whole answer,
/// it would drive out the words that any text repeats ("the", commas).
const PENALTY_WINDOW: usize = 64;
/// Candidates that top-p sorts first; a nucleus is rarely larger, a vocabulary is 150,000.
const FIRST_SORTED: usize = 256;

/// Most tokens about which the grammar is asked one by one; a mask costs as much as some hundred
/// such questions.
const MOST_ASKED: usize = 32;

/// How logits become tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 always takes the most likely token.
    pub temperature: f32,
    /// Keep the k most likely; 0 keeps all.
    pub top_k: usize,
    /// Keep the most likely tokens up to this summed probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens below this share of the most likely one's probability; 0 drops none.
    pub min_p: f32,
    /// Divide (positive) or multiply (negative) logits of tokens seen lately; 1 does nothing.
    pub repetition_penalty: f32,
    /// Seed of this request's random numbers.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.1,
            repetition_penalty: 1.1,
            seed: 0,
        }
    }
}

/// One request's sampler: its random numbers and the tokens that it has written lately.
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    /// The random number of a position that [`Self::sample_asking`] could not settle.
    kept_chance: Option<f64>,
    recent: VecDeque<TokenId>,
    /// Logits after the penalty, one per token; kept between calls so that the memory is reused.
    logits: Vec<f32>,
    /// The largest of each [`CHUNK`] of `logits`; they let most of a vocabulary be passed over.
    maxima: Vec<f32>,
    /// Tokens that may be drawn; kept between calls for the same reason.
    candidates: Vec<Candidate>,
}

/// A token that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    token: TokenId,
    /// The token's logit after the penalty; finite.
    logit: f32,
}

impl Candidate {
    /// Orders the most likely first, and among equals the lower id first. This is a total order, so
    /// every sort and selection has one result.
    fn by_rank(self, other: Self) -> Ordering {
        other.logit.total_cmp(&self.logit).then(self.token.cmp(&other.token))
    }
}

impl Sampler {
    /// A sampler at the beginning of an answer.
    pub fn new(sampling: Sampling) -> Self {
        let random = ChaCha8Rng::seed_from_u64(sampling.seed);
        let recent = VecDeque::with_capacity(PENALTY_WINDOW);
        Self {
            sampling,
            random,
            kept_chance: None,
            recent,
            logits: Vec::new(),
            maxima: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Draws the next token from `logits` (one per token of the vocabulary), only among `allowed`
    /// where a mask is given. Does not record it: see [`Self::observe`].
    ///
    /// A logit that is NaN or minus infinity is never drawn unless no allowed token has a better
    /// one; then the lowest allowed id is drawn. Plus infinity counts as the largest number. `None`
    /// when no token is allowed.
    pub fn sample(&mut self, logits: &[f32], allowed: Option<&Mask>) -> Option<TokenId> {
        let chance = self.chance();
        self.penalise(logits);
        let Some(best) = self.best(allowed) else {
            return lowest(logits.len(), allowed);
        };
        if self.is_greedy() {
            return Some(best.token);
        }
        self.collect(best.logit, allowed);
        self.choose(best.logit, chance)
    }

    /// Draws what [`Self::sample`] would draw under a mask, but without one: `allows` is asked
    /// about the few tokens that are likely enough. `None` when its answers do not settle the draw;
    /// the same position must then be drawn with a mask.
    ///
    /// While free text is written a grammar allows most of a vocabulary. A mask of it takes as long
    /// as a good part of the forward pass, and all but a handful of its bits are never looked at.
    pub fn sample_asking(
        &mut self,
        logits: &[f32],
        mut allows: impl FnMut(TokenId) -> bool,
    ) -> Option<TokenId> {
        let chance = self.chance();
        self.penalise(logits);
        let drawn = self.draw_asking(chance, &mut allows);
        if drawn.is_none() {
            self.kept_chance = Some(chance);
        }
        drawn
    }

    fn draw_asking(
        &mut self,
        chance: f64,
        allows: &mut impl FnMut(TokenId) -> bool,
    ) -> Option<TokenId> {
        let likeliest = self.best(None)?;
        self.collect(likeliest.logit, None);
        if self.candidates.len() > MOST_ASKED {
            return None;
        }
        // The best of the allowed tokens is the first allowed one in order of rank: every likelier
        // token is among the candidates too.
        let mut ranked = self.candidates.clone();
        ranked.sort_unstable_by(|a, b| a.by_rank(*b));
        let best = ranked.into_iter().find(|candidate| allows(candidate.token))?;
        if self.is_greedy() {
            return Some(best.token);
        }
        self.collect(best.logit, None);
        if self.candidates.len() > MOST_ASKED {
            return None;
        }
        self.candidates.retain(|candidate| allows(candidate.token));
        self.choose(best.logit, chance)
    }

    /// The random number of this position. It is drawn even where nothing is left to chance, so
    /// that one position's outcome does not shift the numbers of the next.
    fn chance(&mut self) -> f64 {
        self.kept_chance.take().unwrap_or_else(|| self.random.random())
    }

    fn is_greedy(&self) -> bool {
        self.sampling.temperature <= 0.0 || self.sampling.temperature.is_nan()
    }

    /// Draws among the candidates, after top-k and top-p.
    fn choose(&mut self, best: f32, chance: f64) -> Option<TokenId> {
        self.keep_top_k();
        self.keep_top_p(best);
        self.draw(best, chance)
    }

    /// Records a token of the answer for the repetition penalty. Forced tokens are better left out:
    /// they are the grammar's choice, not the model's.
    pub fn observe(&mut self, token: TokenId) {
        if self.recent.len() == PENALTY_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// Copies `logits`, with those of recent tokens lowered; each is lowered once, however often it
    /// occurs. (Keskar et al. 2019, CTRL, <https://arxiv.org/abs/1909.05858>, section 4.1.)
    fn penalise(&mut self, logits: &[f32]) {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        self.penalise_recent(logits);
        self.maxima.resize(logits.len().div_ceil(CHUNK), 0.0);
        maxima(Tier::detect(), &self.logits, &mut self.maxima);
    }

    fn penalise_recent(&mut self, logits: &[f32]) {
        let penalty = self.sampling.repetition_penalty;
        if penalty <= 0.0 || penalty.is_nan() {
            return;
        }
        for &token in &self.recent {
            if let Some(&logit) = logits.get(token as usize) {
                self.logits[token as usize] =
                    if logit > 0.0 { logit / penalty } else { (logit * penalty).max(f32::MIN) };
            }
        }
    }

    /// The most likely allowed token, and among equals the lowest id; `None` where all are
    /// impossible.
    fn best(&self, allowed: Option<&Mask>) -> Option<Candidate> {
        let mut best = Candidate { token: 0, logit: f32::NEG_INFINITY };
        for (first, logits, word, top) in self.chunks(allowed) {
            if top <= best.logit {
                continue; // an equal one has the higher id
            }
            each_allowed(first, logits, word, |token, logit| {
                if logit > best.logit {
                    best = Candidate { token, logit };
                }
            });
        }
        // Clamped only here: infinity beats the largest number in the comparison above.
        (best.logit > f32::NEG_INFINITY)
            .then_some(Candidate { logit: best.logit.min(f32::MAX), ..best })
    }

    /// Fills `candidates`, in ascending order of id, with what min-p keeps.
    fn collect(&mut self, best: f32, allowed: Option<&Mask>) {
        let share = self.sampling.min_p;
        // p ≥ share · p_max, in logits.
        let least = if share > 0.0 { best + share.min(1.0).ln() } else { f32::MIN };
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        for (first, logits, word, top) in self.chunks(allowed) {
            if top < least {
                continue;
            }
            each_allowed(first, logits, word, |token, logit| {
                if logit >= least {
                    candidates.push(Candidate { token, logit: logit.min(f32::MAX) });
                }
            });
        }
        self.candidates = candidates;
    }

    /// The logits in chunks, each as its first token, its logits, the bits of the allowed tokens,
    /// and a bound that no logit exceeds. The bound is NaN, and compares with nothing, where a
    /// logit is NaN. Chunks without an allowed token are left out.
    fn chunks(&self, allowed: Option<&Mask>) -> impl Iterator<Item = (TokenId, &[f32], u32, f32)> {
        let words = allowed.map(Mask::words);
        (0..)
            .step_by(CHUNK)
            .zip(self.logits.chunks(CHUNK))
            .zip(&self.maxima)
            .enumerate()
            .map(move |(index, ((first, logits), top))| {
                let word = words.map_or(u32::MAX, |words| words.get(index).copied().unwrap_or(0));
                (first, logits, word, *top)
            })
            .filter(|(_, _, word, _)| *word != 0)
    }

    fn keep_top_k(&mut self) {
        let k = self.sampling.top_k;
        if k == 0 || k >= self.candidates.len() {
            return;
        }
        self.candidates.select_nth_unstable_by(k, |a, b| a.by_rank(*b));
        self.candidates.truncate(k);
        self.candidates.sort_unstable_by_key(|candidate| candidate.token);
    }

    fn keep_top_p(&mut self, best: f32) {
        let share = f64::from(self.sampling.top_p);
        if share >= 1.0 || share.is_nan() {
            return;
        }
        let weight = |candidate: &Candidate| f64::from(candidate.logit - best).exp();
        let wanted = share * self.candidates.iter().map(weight).sum::<f64>();
        let mut summed = 0.0;
        let mut sorted = 0;
        let mut piece = FIRST_SORTED;
        let all = self.candidates.len();
        let kept = 'kept: loop {
            let rest = &mut self.candidates[sorted..];
            let piece_len = piece.min(rest.len());
            if piece_len < rest.len() {
                rest.select_nth_unstable_by(piece_len, |a, b| a.by_rank(*b));
            }
            rest[..piece_len].sort_unstable_by(|a, b| a.by_rank(*b));
            for candidate in &rest[..piece_len] {
                summed += weight(candidate);
                sorted += 1;
                if summed >= wanted || sorted == all {
                    break 'kept sorted;
                }
            }
            piece *= 8;
        };
        self.candidates.truncate(kept);
        self.candidates.sort_unstable_by_key(|candidate| candidate.token);
    }

    /// Takes the candidate at which the summed probability reaches the share `chance`.
    fn draw(&self, best: f32, chance: f64) -> Option<TokenId> {
        let temperature = f64::from(self.sampling.temperature);
        let weight =
            |candidate: &Candidate| (f64::from(candidate.logit - best) / temperature).exp();
        let mut left = chance * self.candidates.iter().map(weight).sum::<f64>();
        for candidate in &self.candidates {
            left -= weight(candidate);
            if left < 0.0 {
                return Some(candidate.token);
            }
        }
        // Rounding left a remainder: it belongs to the last token that has any weight.
        self.candidates
            .iter()
            .rev()
            .find(|candidate| weight(candidate) > 0.0)
            .map(|candidate| candidate.token)
    }
}

/// Calls `visit` for each allowed token of a chunk, ascending. In free text most words of the mask
/// have every bit set, and going through these bit by bit takes five times as long.
fn each_allowed(first: TokenId, logits: &[f32], word: u32, mut visit: impl FnMut(TokenId, f32)) {
    if word == u32::MAX {
        (first..).zip(logits).for_each(|(token, &logit)| visit(token, logit));
        return;
    }
    let mut bits = word;
    while bits != 0 {
        let at = bits.trailing_zeros();
        bits &= bits - 1;
        if let Some(&logit) = logits.get(at as usize) {
            visit(first + at, logit);
        }
    }
}

/// The lowest allowed id in a vocabulary of `size` tokens.
fn lowest(size: usize, allowed: Option<&Mask>) -> Option<TokenId> {
    let lowest = match allowed {
        Some(mask) => mask.iter().next(),
        None => Some(0),
    };
    lowest.filter(|&token| (token as usize) < size)
}

/// Natural logarithm of the probability that `logits` give to `token`, summed in f64.
///
/// NaN counts as minus infinity. A token outside the vocabulary has probability 0.
pub fn log_prob(logits: &[f32], token: TokenId) -> f32 {
    let finite = |logit: f32| {
        f64::from(if logit.is_nan() { f32::NEG_INFINITY } else { logit.min(f32::MAX) })
    };
    let Some(&own) = logits.get(token as usize) else {
        return f32::NEG_INFINITY;
    };
    let best = logits.iter().map(|&logit| finite(logit)).fold(f64::NEG_INFINITY, f64::max);
    if best == f64::NEG_INFINITY {
        return f32::NEG_INFINITY;
    }
    let sum: f64 = logits.iter().map(|&logit| (finite(logit) - best).exp()).sum();
    (finite(own) - best - sum.ln()) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sampling without filters or penalty: only the draw.
    const PLAIN: Sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        seed: 7,
    };

    /// How often each token occurs in `draws` draws.
    fn counts(
        sampling: Sampling,
        logits: &[f32],
        allowed: Option<&Mask>,
        draws: usize,
    ) -> Vec<usize> {
        let mut sampler = Sampler::new(sampling);
        let mut counts = vec![0; logits.len()];
        for _ in 0..draws {
            counts[sampler.sample(logits, allowed).expect("a token") as usize] += 1;
        }
        counts
    }

    /// The tokens that occur at all in 2,000 draws.
    fn drawn(sampling: Sampling, logits: &[f32]) -> Vec<usize> {
        let counts = counts(sampling, logits, None, 2000);
        (0..logits.len()).filter(|&token| counts[token] > 0).collect()
    }

    fn logs(probabilities: &[f32]) -> Vec<f32> {
        probabilities.iter().map(|p| p.ln()).collect()
    }

    /// Asserts that Pearson's statistic is below its 99.9th percentile for 3 degrees of freedom.
    #[track_caller]
    fn assert_follows(counts: &[usize], expected: &[f64; 4]) {
        let draws = counts.iter().sum::<usize>() as f64;
        let total: f64 = expected.iter().sum();
        let chi: f64 = counts
            .iter()
            .zip(expected)
            .map(|(&n, p)| (n as f64 - draws * p / total).powi(2) / (draws * p / total))
            .sum();
        assert!(chi < 16.27, "{counts:?} against {expected:?}: {chi}");
    }

    #[test]
    fn draws_follow_the_probabilities_at_any_temperature() {
        let p = [0.1, 0.2, 0.3, 0.4];
        let logits = logs(&p);
        for temperature in [0.5, 1.0, 2.0] {
            let expected = p.map(|p| f64::from(p).powf(1.0 / f64::from(temperature)));
            assert_follows(
                &counts(Sampling { temperature, ..PLAIN }, &logits, None, 20_000),
                &expected,
            );
        }
    }

    #[test]
    fn temperature_zero_takes_the_best_and_the_lowest_id_among_equals() {
        for temperature in [0.0, -1.0, f32::NAN] {
            let mut sampler = Sampler::new(Sampling { temperature, ..PLAIN });
            assert_eq!(sampler.sample(&[1.0, 3.0, 2.0, 3.0], None), Some(1));
            assert_eq!(sampler.sample(&[2.0; 5], None), Some(0));
        }
    }

    #[test]
    fn equal_logits_are_equally_likely() {
        assert_follows(&counts(PLAIN, &[-3.0; 4], None, 20_000), &[1.0; 4]);
        assert_follows(&counts(PLAIN, &[f32::INFINITY; 4], None, 20_000), &[1.0; 4]);
    }

    #[test]
    fn filters_keep_what_they_say() {
        let logits = logs(&[0.05, 0.4, 0.15, 0.3, 0.1]);
        assert_eq!(drawn(Sampling { top_k: 2, ..PLAIN }, &logits), [1, 3]);
        assert_eq!(drawn(Sampling { top_p: 0.69, ..PLAIN }, &logits), [1, 3]);
        assert_eq!(drawn(Sampling { top_p: 0.71, ..PLAIN }, &logits), [1, 2, 3]);
        assert_eq!(drawn(Sampling { top_p: 0.0, ..PLAIN }, &logits), [1]);
        assert_eq!(drawn(Sampling { min_p: 0.3, ..PLAIN }, &logits), [1, 2, 3]);
        assert_eq!(drawn(Sampling { min_p: 5.0, ..PLAIN }, &logits), [1]);
        assert_eq!(drawn(Sampling { top_k: 3, min_p: 0.5, ..PLAIN }, &logits), [1, 3]);
        // The filters see the model's probabilities, not the tempered ones.
        assert_eq!(drawn(Sampling { temperature: 9.0, min_p: 0.3, ..PLAIN }, &logits), [1, 2, 3]);
    }

    #[test]
    fn a_nucleus_larger_than_the_first_sorted_piece_is_found() {
        let logits = vec![0.0; 5000];
        let mut sampler = Sampler::new(Sampling { top_p: 0.5, ..PLAIN });
        assert!((0..2000).all(|_| sampler.sample(&logits, None).expect("a token") < 2500));
    }

    #[test]
    fn a_repeated_token_becomes_less_likely_until_it_leaves_the_window() {
        let sampling = Sampling { temperature: 0.0, repetition_penalty: 2.0, ..PLAIN };
        let mut sampler = Sampler::new(sampling);
        for (logits, best) in [([3.0, 2.0], 1), ([-1.0, -1.5], 1)] {
            assert_eq!(sampler.sample(&logits, None), Some(0));
            sampler.observe(0);
            sampler.observe(0);
            assert_eq!(sampler.sample(&logits, None), Some(best));
            (0..PENALTY_WINDOW).for_each(|_| sampler.observe(9));
        }
        assert_eq!(sampler.sample(&[3.0, 2.0], None), Some(0));
    }

    #[test]
    fn the_only_allowed_token_is_taken_whatever_its_logit() {
        let only = Mask::only(3, &[2]);
        for logit in [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -1e30] {
            assert_eq!(Sampler::new(PLAIN).sample(&[5.0, 9.0, logit], Some(&only)), Some(2));
        }
    }

    #[test]
    fn without_an_allowed_token_there_is_none() {
        let mut sampler = Sampler::new(PLAIN);
        assert_eq!(sampler.sample(&[1.0, 2.0], Some(&Mask::only(2, &[]))), None);
        assert_eq!(sampler.sample(&[1.0, 2.0], Some(&Mask::only(9, &[5]))), None);
        assert_eq!(sampler.sample(&[], None), None);
    }

    #[test]
    fn a_seed_gives_the_same_tokens_and_another_seed_others() {
        let logits = vec![0.0; 1000];
        let draws = |seed| -> Vec<_> {
            let mut sampler = Sampler::new(Sampling { seed, ..PLAIN });
            (0..20).map(|_| sampler.sample(&logits, None)).collect()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn log_probabilities_sum_to_one_even_for_large_logits() {
        let logits = [1000.0, 999.0, -1000.0, f32::NAN];
        let sum: f64 = (0..4).map(|token| f64::from(log_prob(&logits, token)).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert!((log_prob(&[0.0; 8], 3) + 8.0_f32.ln()).abs() < 1e-6);
        assert!(log_prob(&logits, 3).is_infinite());
        assert!(log_prob(&logits, 4).is_infinite());
        assert!(log_prob(&[f32::NEG_INFINITY; 2], 0).is_infinite());
        assert!((log_prob(&[f32::INFINITY, 1.0], 0)).abs() < 1e-6);
    }

    fn logit() -> impl Strategy<Value = f32> {
        prop_oneof![
            8 => -30.0_f32..30.0,
            1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0]),
        ]
    }

    proptest! {
        #[test]
        fn asking_about_single_tokens_draws_what_a_mask_draws(
            logits in prop::collection::vec(-6.0_f32..6.0, 2..200),
            allowed in prop::collection::vec(0_u32..200, 1..150),
            (temperature, top_k, top_p, min_p) in (0.0_f32..2.0, 0_usize..6, 0.3_f32..1.2, 0.0_f32..1.0),
            seed in any::<u64>(),
        ) {
            let sampling =
                Sampling { temperature, top_k, top_p, min_p, repetition_penalty: 1.2, seed };
            let mask = Mask::only(logits.len(), &allowed);
            let (mut masked, mut asking) = (Sampler::new(sampling.clone()), Sampler::new(sampling));
            for _ in 0..4 {
                let expected = masked.sample(&logits, Some(&mask));
                let got = asking
                    .sample_asking(&logits, |token| mask.contains(token))
                    .or_else(|| asking.sample(&logits, Some(&mask)));
                prop_assert_eq!(got, expected);
                if let Some(token) = expected {
                    masked.observe(token);
                    asking.observe(token);
                }
            }
        }

        #[test]
        fn a_masked_token_is_never_drawn(
            logits in prop::collection::vec(logit(), 1..80),
            allowed in prop::collection::vec(0_u32..90, 1..40),
            (temperature, top_k, top_p, min_p) in (0.0_f32..3.0, 0_usize..20, 0.0_f32..1.2, 0.0_f32..1.0),
            (repetition_penalty, seed) in (0.5_f32..3.0, any::<u64>()),
        ) {
            let mask = Mask::only(logits.len(), &allowed);
            let mut sampler = Sampler::new(Sampling { temperature, top_k, top_p, min_p, repetition_penalty, seed });
            for _ in 0..20 {
                let token = sampler.sample(&logits, Some(&mask));
                prop_assert_eq!(token.is_none(), mask.is_empty());
                if let Some(token) = token {
                    prop_assert!(mask.contains(token));
                    let usable = |token: TokenId| logits[token as usize] > f32::NEG_INFINITY;
                    prop_assert!(usable(token) || !mask.iter().any(usable));
                    sampler.observe(token);
                }
            }
        }
    }
}
