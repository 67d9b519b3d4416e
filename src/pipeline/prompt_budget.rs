//! How the tokens of a draft's context are shared out: the prefix that all drafts of a run share,
//! the answer, and the room that is left for records.
//!
//! Owns that budget. Which records fill it is decided by the plan.

use super::{PipelineError, Style};
use crate::corpus::Corpus;
use crate::llm::{Capabilities, ChatModel, Message};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::ask::{Ask, Detail};
use crate::prompts::draft::{self, Frame};

/// Models with fewer parameters invent facts in free text (measured), so [`Style::Auto`] has them
/// put personas together from pieces of records.
pub const TRUSTED_PARAMETERS: u64 = 1_000_000_000;
/// Most tokens of records in a small model's prompt: more only costs time.
const FOCUS_TOKENS_EXTRACTIVE: usize = 1_500;
/// Fewest tokens of records that make a draft worth asking for.
pub(super) const FOCUS_TOKENS_LEAST: usize = 120;
/// Tokens set aside for the chat template and for the task around the records.
const TEMPLATE_TOKENS: usize = 96;
/// Most records with which the whole corpus may stand in the shared prefix.
const SHARED_RECORDS: usize = 400;
/// Characters of the corpus over which tokens per character are measured.
const SAMPLE_CHARS: usize = 20_000;

/// The prefix that all drafts of a run share, and the room that it leaves for records.
pub(super) struct PromptBudget {
    pub(super) frame: Frame,
    /// Tokens of records for which there is room.
    pub(super) focus_tokens: usize,
    /// Whether the whole corpus stands in the shared prefix.
    pub(super) corpus_shared: bool,
}

/// The prefixes that drafts may share, from longest to shortest.
#[derive(Clone, Copy, PartialEq)]
enum Prefix {
    /// Instructions, an example and the whole corpus, for a model that may read it.
    Corpus,
    /// Instructions and an example.
    Example,
    /// Instructions alone.
    Instructions,
}

impl PromptBudget {
    /// The budget with the longest prefix beside which records and an answer still fit.
    pub(super) fn new(
        corpus: &Cleared<Corpus>,
        model: &dyn ChatModel,
        wording: Wording,
        ask: Ask,
    ) -> Result<Self, PipelineError> {
        let Capabilities { context, logits, .. } = *model.capabilities();
        let texts = corpus.records.iter().flat_map(|record| record.text.chars().chain(['\n']));
        let sample: String = texts.take(SAMPLE_CHARS).collect();
        let tokens_per_char =
            model.count_tokens(&sample) as f64 / sample.chars().count().max(1) as f64;
        let reserved = |ask| {
            draft::worst_answer_tokens(wording, &sample, tokens_per_char, ask)
                + TEMPLATE_TOKENS
                + FOCUS_TOKENS_LEAST
        };
        let reads_all = wording == Wording::Free && corpus.records.len() <= SHARED_RECORDS;
        let prefixes = [Prefix::Corpus, Prefix::Example, Prefix::Instructions];
        for prefix in prefixes.into_iter().filter(|prefix| *prefix != Prefix::Corpus || reads_all) {
            let shared = match prefix {
                Prefix::Corpus => draft::shared(wording, Some(corpus), ask),
                Prefix::Example => draft::shared(wording, None, ask),
                Prefix::Instructions => draft::shared_without_example(ask),
            };
            let corpus_shared = prefix == Prefix::Corpus;
            let tokens = message_tokens(&shared, model);
            let is_half = tokens <= context / 2;
            let room = context.checked_sub(reserved(ask) + tokens);
            let Some(room) = room.filter(|_| is_half || !corpus_shared) else { continue };
            let focus_tokens = match wording {
                Wording::Extractive => (room + FOCUS_TOKENS_LEAST).min(FOCUS_TOKENS_EXTRACTIVE),
                Wording::Free => room + FOCUS_TOKENS_LEAST,
            };
            // A model without logits is a service, which charges for what it reads.
            let named = corpus_shared && !logits;
            let frame = Frame { shared, wording, tokens_per_char, named, ask };
            return Ok(Self { frame, focus_tokens, corpus_shared });
        }
        let needed = |ask| {
            let tokens = reserved(ask) + message_tokens(&draft::shared_without_example(ask), model);
            tokens.next_multiple_of(256)
        };
        let minimal = Ask { detail: Detail::Minimal, ..ask };
        let shorter = match needed(minimal) {
            fewer if fewer <= context => "use --detail minimal, which fits; or ",
            _ => "use ",
        };
        Err(PipelineError::Model(format!(
            "a context of {context} tokens is too small to draft in: {} are needed, as the model takes {tokens_per_char:.1} tokens for a character of this text\nhint: {shorter}a model with a longer context, or --context {} if this one was trained for as much",
            needed(ask),
            needed(ask),
        )))
    }
}

/// How drafts of this model are worded in this style: extractive for small models under `Auto`.
pub fn wording(style: Style, model: &Capabilities) -> Wording {
    match style {
        Style::Extractive => Wording::Extractive,
        Style::Auto if model.parameters.is_some_and(|p| p < TRUSTED_PARAMETERS) => {
            Wording::Extractive
        }
        Style::Auto | Style::Free => Wording::Free,
    }
}

fn message_tokens(messages: &[Message], model: &dyn ChatModel) -> usize {
    // A few tokens per message for the template's role marks.
    messages.iter().map(|m| model.count_tokens(&m.content) + 8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::scripted::ScriptedModel;
    use crate::pipeline::tests::interviews;

    fn budget(model: &str, wording: Wording, ask: Ask) -> Result<PromptBudget, PipelineError> {
        let model = ScriptedModel::parse(model).unwrap();
        PromptBudget::new(&Cleared::as_is(interviews()), &model, wording, ask)
    }

    #[test]
    fn records_are_called_by_their_ids_only_where_the_model_has_read_them() {
        let ask = Ask { detail: Detail::Detailed, ..Ask::default() };
        let mut shared = Vec::new();
        for context in (1_500..12_000).step_by(100) {
            let model = format!("nologits,large,context={context}");
            let Ok(budget) = budget(&model, Wording::Free, ask) else { continue };
            let has_read = budget.frame.shared.iter().any(|m| m.content.contains("timetable"));
            assert_eq!(
                (budget.frame.named, budget.corpus_shared),
                (has_read, has_read),
                "{context}"
            );
            assert!(budget.focus_tokens >= FOCUS_TOKENS_LEAST);
            shared.push(has_read);
        }
        assert!(shared.contains(&true) && shared.contains(&false));
        assert!(shared.is_sorted(), "more context never takes the corpus away");
    }

    #[test]
    fn a_context_that_is_too_small_says_what_would_fit() {
        let cause = budget("context=900", Wording::Extractive, Ask::default()).err().unwrap();
        let cause = cause.to_string();
        assert!(
            cause.contains("900 tokens is too small") && cause.contains("\nhint: use"),
            "{cause}"
        );
    }
}
