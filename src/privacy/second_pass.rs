//! The second pass over free text: what a model finds that the rules did not.
//!
//! Owns which texts a model is shown, that each passage is asked about once, and how its findings
//! join those of the rules: they add to them and never take one away. The models themselves are
//! behind [`SpanFinder`].

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::entity::{Entity, Span, resolve};
use super::{PrivacyError, columns, detect, names};

/// A model that finds personal data in free text.
pub trait SpanFinder {
    /// Identifies the model.
    fn identity(&self) -> &FinderId;
    /// The personal data in each text, as byte ranges at character bounds; ranges may overlap. The
    /// texts are one list, so that how a model batches them depends on the list alone. Either all
    /// texts are answered or none: an error ends the clearing.
    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError>;
}

/// Identifies the model of a second pass, for reports and for a resumed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinderId {
    /// Name of the model, or of its folder.
    pub name: String,
    /// Kind of the model.
    pub kind: FinderKind,
    /// SHA-256 of its weights, where they are a file.
    pub sha256: Option<String>,
    /// SHA-256 of the other files that decide its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_sha256: Option<String>,
}

/// What kind of model makes a second pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinderKind {
    /// A language model that is asked what is personal.
    LanguageModel,
    /// A model that labels each word.
    TokenClassifier,
}

impl FinderKind {
    /// The kind in words, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::LanguageModel => "language model",
            Self::TokenClassifier => "token classifier",
        }
    }
}

/// Why a model found nothing at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinderError {
    /// The user asked to stop.
    Interrupted,
    /// The model failed; the text says how and where.
    Failed(String),
}

/// A model's findings in passages, each of which is asked about once.
#[derive(Debug, Default)]
pub(super) struct SecondPass {
    known: HashMap<String, Vec<Span>>,
}

impl SecondPass {
    /// Asks about every passage of `texts` that is not known yet, as one list.
    pub(super) fn ask<'t>(
        &mut self,
        finder: &dyn SpanFinder,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<(), PrivacyError> {
        let mut asked: HashSet<&str> = HashSet::new();
        let mut list: Vec<&str> = Vec::new();
        for (_, passage) in texts.flat_map(passages) {
            if !self.known.contains_key(passage) && asked.insert(passage) {
                list.push(passage);
            }
        }
        if list.is_empty() {
            return Ok(());
        }
        let model = || finder.identity().name.clone();
        let failed = |reason: String| PrivacyError::SecondPass { model: model(), reason };
        let found = finder.find(&list).map_err(|error| match error {
            FinderError::Interrupted => PrivacyError::Interrupted,
            FinderError::Failed(reason) => failed(reason),
        })?;
        if found.len() != list.len() {
            let (asked, answered) = (list.len(), found.len());
            return Err(failed(format!("it answered for {answered} of {asked} passages")));
        }
        for (passage, spans) in list.into_iter().zip(found) {
            if let Some(span) = spans.iter().find(|s| passage.get(s.start..s.end).is_none()) {
                let (start, end, length) = (span.start, span.end, passage.len());
                return Err(failed(format!(
                    "it names bytes {start} to {end} of a passage of {length}, which is not a piece of it"
                )));
            }
            let mut spans = spans;
            if finder.identity().kind == FinderKind::LanguageModel {
                spans.retain(|span| is_plausible(passage, *span));
            }
            self.known.insert(passage.to_owned(), resolve(spans));
        }
        Ok(())
    }

    /// The model's findings in the passages of a text; none in passages that it was not asked
    /// about.
    pub(super) fn found(&self, text: &str) -> Vec<Span> {
        let known = passages(text).filter_map(|(at, passage)| Some((at, self.known.get(passage)?)));
        known
            .flat_map(|(at, spans)| {
                spans.iter().map(move |s| Span { start: s.start + at, end: s.end + at, ..*s })
            })
            .collect()
    }
}

/// Personal data in each text, found by the rules and by a model, as byte ranges at character
/// bounds, sorted and without overlap.
pub fn detect_twice(
    texts: &[&str],
    finder: &dyn SpanFinder,
) -> Result<Vec<Vec<Span>>, PrivacyError> {
    let mut pass = SecondPass::default();
    pass.ask(finder, texts.iter().copied())?;
    let both = |text: &&str| {
        join(text, detect(text), pass.found(text)).into_iter().map(|joined| joined.span).collect()
    };
    Ok(texts.iter().map(both).collect())
}

/// Whether a text under a column of this name should be shown to a model: it has letters, and the
/// column does not already say what the whole of it is.
pub(super) fn is_free_text(column: Option<&str>, text: &str) -> bool {
    text.contains(char::is_alphabetic)
        && column.is_none_or(|column| columns::span_of(column, text).is_none())
}

/// Whether a language model's finding is credible. Language models were not trained for this, and
/// name everything when in doubt. As with the rules, everyday words are not a name unless they have
/// a capital that no sentence begins with, and a number or code must have a digit.
fn is_plausible(text: &str, span: Span) -> bool {
    let value = &text[span.start..span.end];
    if span.entity == Entity::RecordId {
        return value.contains(|c: char| c.is_numeric());
    }
    let before =
        text[..span.start].trim_end_matches(|c: char| c.is_whitespace() || "\"'“‘(-".contains(c));
    let begins = before.is_empty() || before.ends_with(['.', '!', '?']);
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let like_one = |word: &str, may_be_large: bool| {
        (may_be_large || !word.contains(char::is_uppercase)) && names::is_common_word(word)
    };
    !like_one(first, begins) || !words.all(|word| like_one(word, false))
}

/// The paragraphs of a text that have a letter, each with its first byte. A file that is rewritten
/// as a whole has the same paragraphs as its records.
fn passages(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    let pieces = text.split("\n\n").flat_map(|piece| piece.split("\n\r\n"));
    pieces.filter_map(move |piece| {
        // Pieces come in order, so the next one stands at or after the end of the last.
        let start = rest + text[rest..].find(piece)?;
        rest = start + piece.len();
        let passage = piece.trim();
        let at = start + (piece.len() - piece.trim_start().len());
        passage.contains(char::is_alphabetic).then_some((at, passage))
    })
}

/// A span, and whether the model contributed to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Joined {
    pub(super) span: Span,
    pub(super) by_model: bool,
}

/// Joins the findings of the rules (sorted, without overlap) with those of a model; the result is
/// sorted and without overlap. A finding of the model that reaches beyond one of the rules of the
/// same kind makes that one longer; where it overlaps others, what they leave of it is added.
/// Whatever the scores, what the rules found stays found, with its kind.
pub(super) fn join(text: &str, rules: Vec<Span>, model: Vec<Span>) -> Vec<Joined> {
    let mut joined: Vec<Joined> =
        rules.into_iter().map(|span| Joined { span, by_model: false }).collect();
    for span in resolve(model) {
        let met: Vec<usize> = (0..joined.len())
            .filter(|&i| joined[i].span.start < span.end && span.start < joined[i].span.end)
            .collect();
        if let &[only] = met.as_slice()
            && joined[only].span.entity == span.entity
        {
            let own = &mut joined[only];
            let (start, end) = (own.span.start.min(span.start), own.span.end.max(span.end));
            own.by_model |= (start, end) != (own.span.start, own.span.end);
            own.span = Span { start, end, score: own.span.score.max(span.score), ..own.span };
            continue;
        }
        let mut start = span.start;
        let bounds: Vec<(usize, usize)> =
            met.iter().map(|&i| (joined[i].span.start, joined[i].span.end)).collect();
        for (from, to) in bounds.into_iter().chain([(span.end, span.end)]) {
            joined.extend(telling(text, Span { start, end: from.max(start), ..span }));
            start = start.max(to);
        }
        joined.sort_by_key(|joined| joined.span.start);
    }
    joined
}

/// The part of a span that begins and ends with a letter or digit.
fn telling(text: &str, span: Span) -> Option<Joined> {
    let piece = &text[span.start..span.end];
    let start = span.start + piece.find(char::is_alphanumeric)?;
    let last = piece.char_indices().rev().find(|(_, c)| c.is_alphanumeric())?;
    let end = span.start + last.0 + last.1.len_utf8();
    Some(Joined { span: Span { start, end, ..span }, by_model: true })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "Write to Ana Silva Moreira at ana@example.org, she is in Leeds.";

    fn span(piece: &str, entity: Entity, score: f32) -> Span {
        let start = TEXT.find(piece).unwrap();
        Span { start, end: start + piece.len(), entity, score }
    }

    fn pieces(joined: &[Joined]) -> Vec<(&str, Entity, bool)> {
        let piece = |j: &Joined| (&TEXT[j.span.start..j.span.end], j.span.entity, j.by_model);
        joined.iter().map(piece).collect()
    }

    #[test]
    fn a_model_adds_and_widens_and_never_takes_away() {
        let email = span("ana@example.org", Entity::EmailAddress, 1.0);
        let rules = vec![span("Ana Silva", Entity::Person, 0.6), email];
        let model = vec![
            span("Silva Moreira", Entity::Person, 0.99),
            span("ana@example.org, she", Entity::Organization, 0.99),
            span("Leeds", Entity::Location, 0.5),
        ];
        let joined = join(TEXT, rules.clone(), model);
        assert_eq!(
            pieces(&joined),
            [
                ("Ana Silva Moreira", Entity::Person, true),
                ("ana@example.org", Entity::EmailAddress, false),
                ("she", Entity::Organization, true),
                ("Leeds", Entity::Location, true),
            ]
        );
        // A finding of the model inside one of the rules adds nothing.
        let same = join(TEXT, rules.clone(), vec![span("Ana", Entity::Person, 1.0)]);
        assert_eq!(pieces(&same)[0], ("Ana Silva", Entity::Person, false));
        let other = join(TEXT, rules, vec![span("Silva", Entity::Location, 1.0)]);
        assert_eq!(pieces(&other)[0], ("Ana Silva", Entity::Person, false));
    }

    #[test]
    fn everyday_words_of_a_language_model_are_no_finding() {
        let text =
            "My manager said so. The weather was bad, and Rose left with 12 others for York.";
        let plausible = |piece: &str, entity| {
            let start = text.find(piece).unwrap();
            is_plausible(text, Span { start, end: start + piece.len(), entity, score: 0.6 })
        };
        for plain in ["My manager", "The weather", "weather"] {
            assert!(!plausible(plain, Entity::Person), "{plain}");
        }
        assert!(plausible("Rose", Entity::Person) && plausible("York", Entity::Location));
        assert!(plausible("12", Entity::RecordId) && !plausible("Rose", Entity::RecordId));
    }

    #[test]
    fn passages_are_paragraphs_with_letters_where_they_stand() {
        let text = " One.\nStill one. \n\n12\n\nTwo.\r\n\r\nOne.\n\n\n\nThree";
        let found: Vec<(usize, &str)> = passages(text).collect();
        assert!(found.iter().all(|(at, passage)| text[*at..].starts_with(passage)));
        let texts: Vec<&str> = found.iter().map(|(_, passage)| *passage).collect();
        assert_eq!(texts, ["One.\nStill one.", "Two.", "One.", "Three"]);
    }

    proptest! {
        #[test]
        fn what_the_rules_found_stays_covered_and_nothing_overlaps(
            rules in prop::collection::vec((0usize..60, 1usize..12, 0usize..3), 0..6),
            model in prop::collection::vec((0usize..60, 1usize..20, 0usize..3), 0..6),
        ) {
            let spans = |all: Vec<(usize, usize, usize)>| -> Vec<Span> {
                all.into_iter()
                    .map(|(start, length, entity)| Span {
                        start,
                        end: (start + length).min(TEXT.len()),
                        entity: Entity::ALL[entity],
                        score: 0.6,
                    })
                    .collect()
            };
            let (rules, model) = (resolve(spans(rules)), spans(model));
            let joined = join(TEXT, rules.clone(), model.clone());
            prop_assert!(joined.windows(2).all(|w| w[0].span.end <= w[1].span.start));
            let at = |spans: &[Span], byte: usize| {
                spans.iter().find(|s| s.start <= byte && byte < s.end).map(|s| s.entity)
            };
            let all: Vec<Span> = joined.iter().map(|joined| joined.span).collect();
            let model = resolve(model);
            for byte in 0..TEXT.len() {
                let after = at(&all, byte);
                if let Some(before) = at(&rules, byte) {
                    prop_assert_eq!(after, Some(before));
                } else if TEXT.as_bytes()[byte].is_ascii_alphanumeric()
                    && at(&model, byte).is_some()
                {
                    prop_assert!(after.is_some(), "byte {}", byte);
                }
            }
        }
    }
}
