//! The models that search free text for personal data a second time.
//!
//! Owns the two kinds of [`SpanFinder`]: a token classifier whose labels are read, and a language
//! model that is asked. Which texts they see, and what is done with their findings, is up to
//! `privacy`.

use std::sync::Arc;

use super::run::next;
use super::{Cancel, Observer, Progress};
use crate::llm::{ChatModel, ChatRequest, Completion, Finish, TokenClassifier};
use crate::privacy::{FinderError, FinderId, FinderKind, Meaning, Span, SpanFinder, meaning};
use crate::prompts::second_pass;

/// Texts that are searched between two checks for cancellation.
const TEXTS: usize = 256;
/// A label with a lower probability is not taken: it is likelier to be wrong than right.
const LEAST: f32 = 0.5;
/// Confidence given to a finding of a language model, which states no probability. It lies below
/// that of every pattern whose form is unmistakable, and equals that of forms that other things
/// have too.
const SCORE: f32 = 0.6;
/// Most bytes of text that a language model sees at once.
const PASSAGE: usize = 240;
/// Bytes, roughly, by which two parts of one sentence overlap.
const SHARED: usize = 80;

/// A token classifier as a [`SpanFinder`].
#[derive(Debug)]
pub struct Tagger {
    classifier: TokenClassifier,
    identity: FinderId,
    cancel: Cancel,
}

impl Tagger {
    /// Names a loaded classifier. Also returns those of its labels that are not known; what they
    /// mark is left in the text.
    pub fn new(classifier: TokenClassifier, name: String, cancel: Cancel) -> (Self, Vec<String>) {
        let labels = classifier.labels();
        let unknown = labels.into_iter().filter(|label| meaning(label) == Meaning::Unknown);
        let unknown = unknown.map(str::to_owned).collect();
        let identity = FinderId {
            name,
            kind: FinderKind::TokenClassifier,
            sha256: Some(classifier.hashes().weights.clone()),
            settings_sha256: Some(classifier.hashes().settings.clone()),
        };
        (Self { classifier, identity, cancel }, unknown)
    }

    /// Whether none of its labels stands for something that is removed.
    pub fn finds_nothing(&self) -> bool {
        !self.classifier.labels().iter().any(|label| matches!(meaning(label), Meaning::Entity(_)))
    }
}

impl SpanFinder for Tagger {
    fn identity(&self) -> &FinderId {
        &self.identity
    }

    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
        let mut found = Vec::with_capacity(texts.len());
        for texts in texts.chunks(TEXTS) {
            if self.cancel.is_cancelled() {
                return Err(FinderError::Interrupted);
            }
            let labelled =
                self.classifier.classify(texts).map_err(|e| FinderError::Failed(e.to_string()))?;
            found.extend(labelled.into_iter().map(|pieces| {
                let pieces = pieces.into_iter().filter(|piece| piece.score >= LEAST);
                let spans = pieces.filter_map(|piece| match meaning(&piece.label) {
                    Meaning::Entity(entity) => Some(Span {
                        start: piece.start,
                        end: piece.end,
                        entity,
                        score: piece.score,
                    }),
                    Meaning::Nothing | Meaning::Unknown => None,
                });
                spans.collect::<Vec<_>>()
            }));
        }
        Ok(found)
    }
}

/// A language model, asked for spans, as a [`SpanFinder`].
pub struct Asked {
    model: Arc<dyn ChatModel>,
    identity: FinderId,
    cancel: Cancel,
}

impl Asked {
    /// A finder that asks `model`, which must run in this process.
    pub fn new(model: Arc<dyn ChatModel>, cancel: Cancel) -> Self {
        let capabilities = model.capabilities();
        let identity = FinderId {
            name: capabilities.id.clone(),
            kind: FinderKind::LanguageModel,
            sha256: capabilities.sha256.clone(),
            settings_sha256: None,
        };
        Self { model, identity, cancel }
    }

    /// The answers to all requests, in their order, or the first failure.
    async fn answers(&self, stage: Vec<ChatRequest>) -> Result<Vec<Completion>, FinderError> {
        let mut answers: Vec<Option<Completion>> = vec![None; stage.len()];
        let all = stage.len();
        let mut stage = self.model.complete(stage);
        let mut done = 0;
        while let Some((at, answer)) = next(&mut stage, &Silent, &self.cancel).await {
            let answer = answer
                .map_err(|e| FinderError::Failed(format!("passage {} of {all}: {e}", at + 1)))?;
            done += usize::from(answers[at].replace(answer).is_none());
        }
        if self.cancel.is_cancelled() {
            return Err(FinderError::Interrupted);
        }
        let whole: Option<Vec<Completion>> = answers.into_iter().collect();
        whole.ok_or_else(|| FinderError::Failed(format!("it answered {done} of {all} passages")))
    }
}

impl SpanFinder for Asked {
    fn identity(&self) -> &FinderId {
        &self.identity
    }

    /// Starts a runtime of its own, so it must not be called from within one.
    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
        let passages: Vec<(usize, usize, &str)> = texts
            .iter()
            .enumerate()
            .flat_map(|(text, whole)| passages(whole).into_iter().map(move |(at, p)| (text, at, p)))
            .collect();
        let stage: Vec<ChatRequest> =
            passages.iter().map(|(_, _, passage)| second_pass::request(passage)).collect();
        // The requests hold text that is not cleared yet.
        if stage.first().is_some_and(|request| !self.model.outgoing(request).is_empty()) {
            let reason =
                "it is not in this process, and data that was not cleared must not leave it";
            return Err(FinderError::Failed(reason.to_owned()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| FinderError::Failed(format!("cannot start it: {e}")))?;
        let answers = runtime.block_on(self.answers(stage))?;
        let mut found: Vec<Vec<Span>> = vec![Vec::new(); texts.len()];
        for (number, ((text, at, passage), answer)) in passages.iter().zip(answers).enumerate() {
            let spans = read(passage, &answer).map_err(|reason| {
                FinderError::Failed(format!(
                    "passage {} of {}: {reason}",
                    number + 1,
                    passages.len()
                ))
            })?;
            let placed = |s: Span| Span { start: s.start + at, end: s.end + at, ..s };
            found[*text].extend(spans.into_iter().map(placed));
        }
        Ok(found)
    }
}

/// An observer that shows nothing: the spinner of clearing already shows progress.
struct Silent;

impl Observer for Silent {
    fn on(&self, _: Progress<'_>) {}
}

/// Where the pieces that an answer names stand in a passage: every occurrence as whole words.
fn read(passage: &str, answer: &Completion) -> Result<Vec<Span>, String> {
    if answer.finish != Finish::Complete {
        return Err("its answer was cut short".to_owned());
    }
    let mut spans = Vec::new();
    for (piece, entity) in second_pass::read(&answer.text)? {
        let before = spans.len();
        for (start, _) in passage.match_indices(&piece) {
            let end = start + piece.len();
            let whole = !glued(&passage[..start], &piece) && !glued(&piece, &passage[end..]);
            if whole && !piece.is_empty() {
                spans.push(Span { start, end, entity, score: SCORE });
            }
        }
        if spans.len() == before {
            return Err("its answer names what the passage does not say".to_owned());
        }
    }
    Ok(spans)
}

/// Whether two neighbouring pieces are parts of one word, in a script that has words.
fn glued(left: &str, right: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() && !('\u{3040}'..='\u{9fff}').contains(&c);
    left.ends_with(in_word) && right.starts_with(in_word)
}

/// Cuts a text into passages of a few sentences, as much as a small model keeps in view, each with
/// its first byte. A sentence that is longer is cut between words, and its parts overlap by some
/// words.
fn passages(text: &str) -> Vec<(usize, &str)> {
    let mut passages = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let (length, back) = if rest.len() <= PASSAGE {
            (rest.len(), 0)
        } else {
            let within = &rest[..rest.floor_char_boundary(PASSAGE)];
            let sentence = ["\n", ". ", "! ", "? ", "。"]
                .iter()
                .filter_map(|mark| within.rfind(mark).map(|at| at + mark.len()));
            let word = within.rfind(char::is_whitespace).filter(|at| *at > SHARED);
            match (sentence.max(), word) {
                (Some(end), _) => (end, 0),
                (None, Some(end)) => {
                    let shared = within.floor_char_boundary(end - SHARED / 2);
                    let back = within[..shared].rfind(char::is_whitespace);
                    (end, back.map_or(0, |at| end - at))
                }
                (None, None) => (within.len(), 0),
            }
        };
        let passage = rest[..length].trim();
        if passage.contains(char::is_alphanumeric) {
            passages.push((start + (rest.len() - rest.trim_start().len()), passage));
        }
        start += (length - back).max(1);
        start = text.ceil_char_boundary(start);
    }
    passages
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::llm::scripted::ScriptedModel;
    use crate::llm::{Answer, Answers, Capabilities, ScoreRequest, Timings};
    use crate::privacy::Entity;

    fn scripted(script: &str) -> Asked {
        Asked::new(Arc::new(ScriptedModel::parse(script).unwrap()), Cancel::default())
    }

    /// A model that gives this text as every answer.
    struct Says(&'static str, Capabilities);

    impl ChatModel for Says {
        fn capabilities(&self) -> &Capabilities {
            &self.1
        }

        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }

        fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
            let (sender, answers) = Answers::channel();
            for at in 0..stage.len() {
                let completion = Completion {
                    text: self.0.to_owned(),
                    finish: Finish::Complete,
                    usage: None,
                    timings: Timings::default(),
                    labels: None,
                };
                sender.send(Answer::Done(at, Ok(completion))).unwrap();
            }
            answers
        }

        fn score(&self, _: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
            Answers::channel().1
        }
    }

    fn says(answer: &'static str) -> Asked {
        Asked::new(Arc::new(Says(answer, Capabilities::default())), Cancel::default())
    }

    #[test]
    fn what_a_model_names_is_found_wherever_it_stands_as_a_word() {
        let model = says(r#"[{"text":"Ana","kind":"PERSON"},{"text":"Ana","kind":"PERSON"}]"#);
        let found = model.find(&["Ana's banana: Anab, Ana."]).unwrap();
        let places: Vec<(usize, Entity)> = found[0].iter().map(|s| (s.start, s.entity)).collect();
        let person = Entity::Person;
        assert_eq!(places, [(0, person), (20, person), (0, person), (20, person)]);
    }

    #[test]
    fn a_model_that_names_everything_or_nothing_is_taken_at_its_word() {
        let texts = ["One two. Three", "four"];
        assert_eq!(scripted("empty").find(&texts).unwrap(), [vec![], vec![]]);
        let all = says(r#"[{"text":"four","kind":"OTHER"}]"#).find(&["four"]).unwrap();
        assert_eq!((all[0][0].start, all[0][0].end), (0, 4));
        let some = scripted("ok").find(&texts).unwrap();
        for (text, spans) in texts.iter().zip(some) {
            assert!(spans.iter().all(|s| text.get(s.start..s.end).is_some()));
        }
        assert!(scripted("ok").find(&[]).unwrap().is_empty());
    }

    #[test]
    fn nonsense_and_failure_end_the_pass_without_a_word_of_the_data() {
        for (model, reason) in [
            (says(r#"[{"text":"Bea","kind":"PERSON"}]"#), "does not say"),
            (says(r#"[{"text":"","kind":"PERSON"}]"#), "does not say"),
            (says("no"), "not a list"),
            (scripted("garbage@2"), "passage 2 of 3: its answer is not a list"),
            (scripted("truncate@1"), "cut short"),
            (scripted("fail@3"), "passage 3 of 3: the script says so"),
            (scripted("down@1"), "the script says so"),
        ] {
            let error = model.find(&["Ana one", "Ana two", "Ana three"]).unwrap_err();
            let FinderError::Failed(text) = error else { panic!("{error:?}") };
            assert!(text.contains(reason) && !text.contains("Ana"), "{text}");
        }
        let cancelled = scripted("ok");
        cancelled.cancel.cancel();
        assert_eq!(cancelled.find(&["Ana"]), Err(FinderError::Interrupted));
    }

    #[test]
    fn a_word_that_both_passages_share_may_be_of_long_letters() {
        // Three bytes per letter, so that the middle of the overlap falls inside a letter.
        let text = format!("{} {}", "字".repeat(40), "字".repeat(60));
        let passages = passages(&text);
        assert!(passages.len() > 1 && passages.iter().all(|(_, p)| p.len() <= PASSAGE));
    }

    proptest! {
        #[test]
        fn passages_hold_every_word_of_a_text(text in "([A-Za-z]{1,14}|[ .,!?\n]|\\PC){0,160}") {
            let passages = passages(&text);
            let mut covered = vec![false; text.len()];
            for (at, passage) in &passages {
                prop_assert!(text[*at..].starts_with(passage) && passage.len() <= PASSAGE);
                covered[*at..*at + passage.len()].fill(true);
            }
            for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
                prop_assert!(covered[at], "{c} at {at}");
            }
        }
    }
}
