//! From logits to a token: temperature, top-k, top-p, min-p, repetition penalty; seeded.

use super::TokenId;
use super::grammar::Mask;

/// How logits become tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token.
    pub temperature: f32,
    /// Keep the k most likely; 0 keeps all.
    pub top_k: usize,
    /// Keep the most likely tokens up to this summed probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens below this share of the most likely one's probability; 0 drops none.
    pub min_p: f32,
    /// Divide (positive) or multiply (negative) logits of tokens seen lately; 1 does nothing.
    pub repetition_penalty: f32,
    /// Seed of this request alone.
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

/// One request's sampler: its random numbers and what it has written lately.
pub struct Sampler {
    sampling: Sampling,
}

impl Sampler {
    /// A sampler at the beginning of an answer.
    pub fn new(sampling: Sampling) -> Self {
        Self { sampling }
    }

    /// Draws the next token from `logits` (one per token of the vocabulary), only among `allowed`
    /// where a mask is given. Does not record it: see [`Self::observe`]. `None` when no token is
    /// allowed.
    pub fn sample(&mut self, logits: &[f32], allowed: Option<&Mask>) -> Option<TokenId> {
        todo!()
    }

    /// Records a token that the answer now holds, sampled or forced, for the repetition penalty.
    pub fn observe(&mut self, token: TokenId) {
        todo!()
    }
}

/// Natural logarithm of the probability that `logits` give to `token`, summed in f64.
pub fn log_prob(logits: &[f32], token: TokenId) -> f32 {
    todo!()
}
