//! Decides what prefills and what decodes next.
//!
//! Sees only counts, never tensors, clocks or arrival order. Continuous batching (Yu et al. 2022,
//! Orca): a finished sequence leaves and the next one enters in the same step; long prompts are
//! read in chunks between decode steps, so that the sequences that are already writing never wait
//! for a whole prompt.

/// Bounds of one forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most sequences alive together.
    pub max_batch: usize,
    /// Most prompt tokens in one pass; at least 1.
    pub prefill_chunk: usize,
    /// Most tokens that the cache may hold.
    pub max_tokens: usize,
}

/// A live sequence as the scheduler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Number of tokens that are known and not yet in the cache.
    pub pending: usize,
    /// Whether the prompt is read and the answer has begun.
    pub decoding: bool,
}

/// How many pending tokens of each live sequence go into the next pass, in the order of `loads`.
///
/// A decoding sequence feeds all its pending tokens: one sampled token and those that the grammar
/// forced after it. Prompts share the chunk, oldest first.
pub fn plan_step(loads: &[Load], limits: Limits) -> Vec<usize> {
    let mut budget = limits.prefill_chunk.max(1);
    loads
        .iter()
        .map(|load| {
            if load.decoding {
                return load.pending;
            }
            let take = load.pending.min(budget);
            budget -= take;
            take
        })
        .collect()
}

/// Whether a job that will hold up to `tokens` may enter beside `live` sequences, which together
/// with the kept beginnings of earlier prompts may come to hold `held` tokens. A lone job always
/// may: one that could not fit was refused when the model was loaded.
pub fn admissible(live: usize, held: usize, tokens: usize, limits: Limits) -> bool {
    live == 0 || live < limits.max_batch && held.saturating_add(tokens) <= limits.max_tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_batch: 4, prefill_chunk: 100, max_tokens: 1000 };

    fn prompt(pending: usize) -> Load {
        Load { pending, decoding: false }
    }

    fn writing(pending: usize) -> Load {
        Load { pending, decoding: true }
    }

    #[test]
    fn writers_never_wait_for_a_long_prompt() {
        assert_eq!(plan_step(&[prompt(250), writing(1), writing(12)], LIMITS), [100, 1, 12]);
    }

    #[test]
    fn prompts_share_the_chunk_in_order() {
        assert_eq!(plan_step(&[prompt(60), prompt(60), prompt(60)], LIMITS), [60, 40, 0]);
    }

    #[test]
    fn every_step_makes_progress_even_with_a_chunk_of_zero() {
        let limits = Limits { prefill_chunk: 0, ..LIMITS };
        assert_eq!(plan_step(&[prompt(5)], limits), [1]);
        assert!(admissible(0, 0, 2000, Limits { max_batch: 0, ..LIMITS }));
    }

    #[test]
    fn neither_the_batch_nor_the_memory_is_overfilled() {
        let enters = |live, held, tokens| admissible(live, held, tokens, LIMITS);
        assert!(enters(3, 900, 100) && !enters(4, 0, 1));
        assert!(!enters(1, 900, 101) && enters(0, 900, 101));
    }
}
