//! An answer in the making: tokens sampled one by one, and those that a grammar forces after each.
//!
//! Owns how a grammar binds the sampler, and when an answer ends. Sees logits, and no tensors.

use crate::engine::grammar::{Constraint, Mask};
use crate::engine::sampler::Sampler;
use crate::engine::tokenizer::Tokenizer;
use crate::engine::{EngineError, Finish, GenerateRequest, TokenId};

/// An answer in the making.
pub(super) struct Writer {
    constraint: Option<Constraint>,
    look: Look,
    sampler: Sampler,
    pub written: Vec<TokenId>,
    /// Number of written tokens that the grammar forced.
    pub forced: usize,
    max_tokens: usize,
    min_tokens: usize,
}

/// How a constrained writer learns which tokens may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// By a mask, computed while the forward pass runs. Where few tokens are allowed it is cheap,
    /// and spares most of the head.
    Mask,
    /// By asking about the likely tokens, where most are allowed.
    Ask,
}

/// What one sampling step led to.
pub(super) enum Step {
    /// Known tokens to feed before the next one can be sampled.
    More(Vec<TokenId>),
    Done(Finish),
}

impl Writer {
    pub(super) fn new(request: &GenerateRequest, constraint: Option<Constraint>) -> Self {
        Self {
            constraint,
            look: Look::Mask,
            sampler: Sampler::new(request.sampling.clone()),
            written: Vec::new(),
            forced: 0,
            max_tokens: request.max_tokens,
            min_tokens: request.min_tokens,
        }
    }

    /// The mask for the next token, where it is wanted before the logits are known.
    pub(super) fn mask(&mut self) -> Option<Result<Mask, EngineError>> {
        let constraint = self.constraint.as_mut().filter(|_| self.look == Look::Mask)?;
        Some(constraint.allowed())
    }

    /// The tokens that the grammar forces at the very beginning; they are fed with the prompt.
    pub(super) fn begin(&mut self) -> Result<Vec<TokenId>, EngineError> {
        self.force()?;
        Ok(self.written.clone())
    }

    /// Samples one token and appends what the grammar forces after it.
    pub(super) fn write(
        &mut self,
        logits: &[f32],
        mask: Option<&Mask>,
        tokenizer: &Tokenizer,
    ) -> Result<Step, EngineError> {
        let ends = |token| tokenizer.end_ids().contains(&token);
        let mut drawn = self.draw(logits, mask)?;
        if self.constraint.is_none()
            && self.written.len() < self.min_tokens
            && drawn.is_some_and(ends)
        {
            let mut others = logits.to_vec();
            for &end in tokenizer.end_ids() {
                others[end as usize] = f32::NEG_INFINITY;
            }
            drawn = self.sampler.sample(&others, None);
        }
        let Some(token) = drawn else {
            return Err(EngineError::Grammar("no token can follow".to_owned()));
        };
        if ends(token) {
            return Ok(Step::Done(Finish::Stop));
        }
        let first = self.written.len();
        self.written.push(token);
        self.sampler.observe(token);
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token)?;
        }
        self.force()?;
        if self.constraint.as_ref().is_some_and(Constraint::is_finished) {
            return Ok(Step::Done(Finish::Stop));
        }
        if self.written.len() >= self.max_tokens {
            return Ok(Step::Done(Finish::Length));
        }
        Ok(Step::More(self.written[first..].to_vec()))
    }

    fn draw(
        &mut self,
        logits: &[f32],
        mask: Option<&Mask>,
    ) -> Result<Option<TokenId>, EngineError> {
        let Some(constraint) = &mut self.constraint else {
            return Ok(self.sampler.sample(logits, None));
        };
        let mut computed = None;
        let mask = if let Some(mask) = mask {
            mask
        } else {
            let asked = self.sampler.sample_asking(logits, |token| constraint.allows(token));
            if asked.is_some() {
                return Ok(asked);
            }
            computed.insert(constraint.allowed()?)
        };
        let most = mask.len() * 4 > logits.len();
        self.look = if most { Look::Ask } else { Look::Mask };
        Ok(self.sampler.sample(logits, Some(mask)))
    }

    fn force(&mut self) -> Result<(), EngineError> {
        let Some(constraint) = &mut self.constraint else {
            return Ok(());
        };
        let forced = constraint.forced()?;
        self.forced += forced.len();
        self.written.extend(forced);
        Ok(())
    }
}
