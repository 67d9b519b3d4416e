//! The prompt around the records: what all drafts of a run have in common, and the room it leaves.
//!
//! Owns the token budget of a prompt. Which records fill it is the plan's.

use std::sync::Arc;

use super::{PipelineError, Style};
use crate::corpus::Corpus;
use crate::llm::{Capabilities, ChatModel, Message};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::ask::Ask;
use crate::prompts::draft::{self, Frame};

/// Models below this many parameters invent facts in free text (measured).
const TRUSTED_PARAMETERS: u64 = 1_000_000_000;
/// Most tokens of records in a small model's prompt: more only costs time.
const FOCUS_TOKENS_EXTRACTIVE: usize = 1_500;
/// Fewest tokens of records with which a prompt makes sense.
pub(super) const FOCUS_TOKENS_LEAST: usize = 120;
/// Tokens set aside for the chat template and the task around the records.
const TEMPLATE_TOKENS: usize = 96;
/// Records with which the whole corpus may stand in the shared prefix.
const SHARED_RECORDS: usize = 400;
/// Characters over which tokens per character are measured.
const SAMPLE_CHARS: usize = 20_000;

/// A frame and what it leaves.
pub(super) struct Framed {
    pub(super) frame: Frame,
    /// Tokens of records that fit in.
    pub(super) focus_tokens: usize,
    /// Whether the whole corpus stands in the shared prefix.
    pub(super) corpus_shared: bool,
}

/// The frame of a run's drafts.
pub(super) fn around(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    wording: Wording,
    ask: Ask,
) -> Result<Framed, PipelineError> {
    let tokens_per_char = tokens_per_char(corpus, model);
    let (shared, corpus_shared) = shared_prefix(corpus, model, wording, ask);
    // A model without logits is a service, and what it reads costs money.
    let named = corpus_shared && !model.capabilities().logits;
    let (frame, focus_tokens) = fit(Frame { shared, wording, tokens_per_char, named, ask }, model)?;
    Ok(Framed { frame, focus_tokens, corpus_shared })
}

/// How a model's drafts come about in this style.
pub fn wording(style: Style, model: &Capabilities) -> Wording {
    match style {
        Style::Extractive => Wording::Extractive,
        Style::Auto if model.parameters.is_some_and(|p| p < TRUSTED_PARAMETERS) => {
            Wording::Extractive
        }
        Style::Auto | Style::Free => Wording::Free,
    }
}

fn tokens_per_char(corpus: &Cleared<Corpus>, model: &dyn ChatModel) -> f64 {
    let texts = corpus.records.iter().flat_map(|record| record.text.chars().chain(['\n']));
    let sample: String = texts.take(SAMPLE_CHARS).collect();
    model.count_tokens(&sample) as f64 / sample.chars().count().max(1) as f64
}

/// Instructions and example; and the corpus too, for a model that may read it, where it takes at
/// most half of the context.
fn shared_prefix(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    wording: Wording,
    ask: Ask,
) -> (Arc<[Message]>, bool) {
    if wording == Wording::Free && corpus.records.len() <= SHARED_RECORDS {
        let shared = draft::shared(wording, Some(corpus), ask);
        if message_tokens(&shared, model) <= model.capabilities().context / 2 {
            return (shared, true);
        }
    }
    (draft::shared(wording, None, ask), false)
}

/// Tokens left for records; without the example where the context is too small for both.
fn fit(mut frame: Frame, model: &dyn ChatModel) -> Result<(Frame, usize), PipelineError> {
    let context = model.capabilities().context;
    let answer = draft::worst_answer_tokens(frame.wording, frame.tokens_per_char, frame.ask);
    let around = |shared: &[Message]| answer + TEMPLATE_TOKENS + message_tokens(shared, model);
    if around(&frame.shared) + FOCUS_TOKENS_LEAST > context {
        frame.shared = draft::shared_without_example(frame.ask);
    }
    let needed = around(&frame.shared) + FOCUS_TOKENS_LEAST;
    if needed > context {
        return Err(PipelineError::Model(format!(
            "a context of {context} tokens is too small to draft in\nhint: use --context {} or more",
            needed.next_multiple_of(256),
        )));
    }
    let mut tokens = context - around(&frame.shared);
    if frame.wording == Wording::Extractive {
        tokens = tokens.min(FOCUS_TOKENS_EXTRACTIVE);
    }
    Ok((frame, tokens))
}

fn message_tokens(messages: &[Message], model: &dyn ChatModel) -> usize {
    // A few tokens a message for the template's role marks.
    messages.iter().map(|m| model.count_tokens(&m.content) + 8).sum()
}
