//! One live sequence: what it has still to feed, and what its logits lead to.
//!
//! Owns which of its rows need logits, scoring, and the answer with its timings. What is written is
//! up to `writer`; which sequences a step feeds, to the worker.

use std::time::Instant;

use super::writer::{Step, Writer};
use crate::engine::grammar::Mask;
use crate::engine::kv_cache::SeqId;
use crate::engine::sampler::log_prob;
use crate::engine::scheduler::Load;
use crate::engine::tokenizer::Tokenizer;
use crate::engine::transformer::Depth;
use crate::engine::{EngineError, EngineUsage, Finish, Generation, Score, TokenId, Update};

/// One live sequence.
pub(super) struct Sequence {
    pub job: usize,
    pub id: SeqId,
    /// Most tokens that the sequence may come to hold.
    pub room: usize,
    /// How deep the model must be run for it.
    pub depth: Depth,
    /// Known tokens that are not in the cache yet.
    pub pending: Vec<TokenId>,
    pub task: Task,
    pub usage: EngineUsage,
    pub admitted: Instant,
    /// When the first logits came, which is when the prompt had been read.
    pub read: Option<Instant>,
}

/// What a sequence is for.
pub(super) enum Task {
    Write(Box<Writer>),
    Labels(Vec<Vec<TokenId>>),
    /// Reads log-probabilities: row `i` of the sequence's own tokens predicts `targets[i − skip]`.
    Continuation {
        targets: Vec<TokenId>,
        skip: usize,
        fed: usize,
        log_probs: Vec<f32>,
    },
    /// Reads the hidden states of all but the first `skip` of the sequence's own tokens.
    State {
        skip: usize,
        fed: usize,
        sum: Vec<f32>,
        read: usize,
    },
}

/// What a sequence's logits led to.
pub(super) enum Verdict {
    Continue,
    Generated(Finish),
    Scored(Vec<f32>),
    Failed(EngineError),
}

impl Sequence {
    pub(super) fn load(&self) -> Load {
        Load { pending: self.pending.len(), decoding: self.read.is_some() }
    }

    /// Counts what a writer has written; returns the number of tokens since it was last asked.
    pub(super) fn count_written(&mut self) -> usize {
        let Task::Write(writer) = &self.task else { return 0 };
        let more = writer.written.len() - self.usage.completion_tokens;
        self.usage.completion_tokens = writer.written.len();
        self.usage.forced_tokens = writer.forced;
        more
    }

    /// The mask of a sequence that is about to get logits and is bound by one.
    pub(super) fn mask(&mut self) -> Option<Result<Mask, EngineError>> {
        match &mut self.task {
            Task::Write(writer) if self.pending.is_empty() => writer.mask(),
            _ => None,
        }
    }

    /// Which of the `take` rows just fed are read.
    pub(super) fn wanted(&mut self, take: usize) -> std::ops::Range<usize> {
        match &mut self.task {
            Task::Continuation { skip, fed, .. } | Task::State { skip, fed, .. } => {
                let begin = skip.saturating_sub(*fed).min(take);
                *fed += take;
                begin..take
            }
            Task::Write(_) | Task::Labels(_) if take > 0 && self.pending.is_empty() => {
                take - 1..take
            }
            Task::Write(_) | Task::Labels(_) => 0..0,
        }
    }

    /// Uses the logits, or the hidden states, of this sequence's wanted rows.
    pub(super) fn advance(
        &mut self,
        rows: &[&[f32]],
        mask: Option<Result<Mask, EngineError>>,
        tokenizer: &Tokenizer,
    ) -> Verdict {
        let Some(last) = rows.last() else {
            return Verdict::Continue;
        };
        if self.read.is_none() {
            self.read = Some(Instant::now());
        }
        if rows.iter().any(|row| holds_nan(row)) {
            let written = match &self.task {
                Task::Write(writer) => writer.written.len(),
                Task::Labels(_) => 0,
                Task::Continuation { log_probs, .. } => log_probs.len(),
                Task::State { read, .. } => *read,
            };
            let tokens = self.usage.prompt_tokens + written;
            return Verdict::Failed(EngineError::NotANumber { tokens });
        }
        match &mut self.task {
            Task::State { sum, read, .. } => {
                sum.resize(last.len(), 0.0);
                for row in rows {
                    for (sum, value) in sum.iter_mut().zip(*row) {
                        *sum += value;
                    }
                }
                *read += rows.len();
                if !self.pending.is_empty() {
                    return Verdict::Continue;
                }
                let mean = sum.iter().map(|sum| sum / *read as f32);
                Verdict::Scored(mean.chain(last.iter().copied()).collect())
            }
            Task::Labels(labels) => {
                let sum = |variants: &Vec<TokenId>| {
                    let total: f64 =
                        variants.iter().map(|&id| f64::from(log_prob(last, id)).exp()).sum();
                    total.ln() as f32
                };
                Verdict::Scored(labels.iter().map(sum).collect())
            }
            Task::Continuation { targets, log_probs, .. } => {
                for row in rows {
                    let Some(&target) = targets.get(log_probs.len()) else {
                        break;
                    };
                    log_probs.push(log_prob(row, target));
                }
                if log_probs.len() < targets.len() {
                    return Verdict::Continue;
                }
                Verdict::Scored(std::mem::take(log_probs))
            }
            Task::Write(writer) => {
                let step =
                    mask.transpose().and_then(|mask| writer.write(last, mask.as_ref(), tokenizer));
                match step {
                    Ok(Step::More(tokens)) => {
                        self.pending = tokens;
                        Verdict::Continue
                    }
                    Ok(Step::Done(finish)) => Verdict::Generated(finish),
                    Err(error) => Verdict::Failed(error),
                }
            }
        }
    }

    pub(super) fn answer(mut self, verdict: Verdict, tokenizer: &Tokenizer) -> Update {
        let read = self.read.unwrap_or_else(Instant::now);
        self.usage.prefill_s = read.duration_since(self.admitted).as_secs_f64();
        self.usage.decode_s = read.elapsed().as_secs_f64();
        let usage = self.usage;
        match (verdict, self.task) {
            (Verdict::Generated(finish), Task::Write(writer)) => {
                let text = tokenizer.decode(&writer.written);
                let tokens = writer.written;
                Update::Generated(self.job, Ok(Generation { text, tokens, finish, usage }))
            }
            (Verdict::Scored(values), _) => Update::Scored(self.job, Ok(Score { values, usage })),
            (Verdict::Failed(error), Task::Write(_)) => Update::Generated(self.job, Err(error)),
            (Verdict::Failed(error), _) => Update::Scored(self.job, Err(error)),
            (_, Task::Write(_)) => Update::Generated(self.job, Err(EngineError::Cancelled)),
            (_, _) => Update::Scored(self.job, Err(EngineError::Cancelled)),
        }
    }
}

/// Whether any number is NaN. Goes in chunks, which the compiler turns into vector code.
fn holds_nan(row: &[f32]) -> bool {
    row.chunks(256).any(|chunk| chunk.iter().fold(false, |nan, value| nan | value.is_nan()))
}
