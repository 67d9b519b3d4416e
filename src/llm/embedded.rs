//! The in-process engine as a [`ChatModel`].
//!
//! Owns the way from messages to tokens and back: the engine below does not know messages, and the
//! pipeline above does not know tokens.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::chat::{Ending, Turn};
use crate::engine::{
    self, Engine, EngineError, EngineUsage, GenerateRequest, Job, ModelInfo, Prompt, TokenId,
    Update,
};

use super::{
    Answer, Answers, Capabilities, ChatModel, ChatRequest, Completion, Finish, LlmError, Message,
    Output, Role, ScorePrompt, ScoreRequest, Timings, Usage, Want, label_shape,
};

/// A model run by the [`Engine`].
#[derive(Debug)]
pub struct EmbeddedModel {
    engine: Engine,
    capabilities: Capabilities,
}

impl EmbeddedModel {
    /// Wraps a loaded engine under the name that the user asked for it by.
    pub fn new(engine: Engine, id: impl Into<String>) -> Self {
        let info = engine.info();
        let capabilities = Capabilities {
            id: id.into(),
            sha256: Some(info.sha256.clone()),
            fingerprint: None,
            parameters: Some(info.parameters),
            context: info.context,
            logits: true,
            states: info.states,
        };
        Self { engine, capabilities }
    }

    /// What is known of the loaded model.
    pub fn info(&self) -> &ModelInfo {
        self.engine.info()
    }

    /// The engine itself, for measurements below the level of messages.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The tokens of each chat, split where the requests that share an `Arc` differ.
    fn prompts(
        &self,
        chats: &[(Arc<[Message]>, Vec<Message>)],
    ) -> Vec<Result<Prompt, EngineError>> {
        let whole: Vec<Result<Vec<TokenId>, EngineError>> = chats
            .iter()
            .map(|(shared, own)| {
                let turns: Vec<Turn<'_>> = shared.iter().chain(own).map(turn).collect();
                self.engine.encode_chat(&turns, Ending::AssistantHeader)
            })
            .collect();
        // With ordinary templates the shared messages rendered alone are the beginning of each
        // whole chat. Where a template folds them into what follows, only the tokens that really
        // agree are shared. They are rendered alone so that the split does not depend on the rest
        // of the stage.
        let mut beginnings: HashMap<*const Message, (Vec<TokenId>, usize)> = HashMap::new();
        for ((shared, _), tokens) in chats.iter().zip(&whole) {
            let Ok(tokens) = tokens else { continue };
            let (alone, length) = beginnings.entry(shared.as_ptr()).or_insert_with(|| {
                let turns: Vec<Turn<'_>> = shared.iter().map(turn).collect();
                let alone =
                    self.engine.encode_chat(&turns, Ending::LastMessage).unwrap_or_default();
                let length = alone.len();
                (alone, length)
            });
            *length = (*length).min(common_length(alone, tokens));
        }
        let beginnings: HashMap<*const Message, Arc<[TokenId]>> = beginnings
            .into_iter()
            .map(|(key, (alone, length))| (key, alone[..length].into()))
            .collect();
        chats
            .iter()
            .zip(whole)
            .map(|((shared, _), tokens)| {
                let tokens = tokens?;
                let shared = Arc::clone(&beginnings[&shared.as_ptr()]);
                let own = tokens[shared.len()..].to_vec();
                Ok(Prompt { shared, own })
            })
            .collect()
    }

    fn score_job(&self, prompt: Prompt, want: Want) -> Result<Job, LlmError> {
        let want = match want {
            Want::Labels(labels) => engine::Want::Labels(
                labels.iter().map(|label| self.label(label)).collect::<Result<_, _>>()?,
            ),
            Want::Continuation(text) => {
                engine::Want::Continuation(self.engine.encode(&text).map_err(failure)?)
            }
            Want::State(text) => engine::Want::State(self.engine.encode(&text).map_err(failure)?),
        };
        Ok(Job::Score(engine::ScoreRequest { prompt, want }))
    }

    /// The single tokens that spell a label, with and without a leading space.
    fn label(&self, label: &str) -> Result<Vec<TokenId>, LlmError> {
        let mut variants = Vec::new();
        for text in [label.to_owned(), format!(" {label}")] {
            if let [token] = self.engine.encode(&text).map_err(failure)?[..]
                && !variants.contains(&token)
            {
                variants.push(token);
            }
        }
        if variants.is_empty() {
            return Err(LlmError::Unsupported(format!(
                "label '{label}' is not a single token of {}",
                self.capabilities.id
            )));
        }
        Ok(variants)
    }

    /// The prompt of a text without a template. A text that several requests begin with is read
    /// once, except for its last token, which goes to each request's own part, since a request has
    /// to begin with something.
    fn raw(&self, text: &str, is_shared: bool) -> Result<Prompt, EngineError> {
        let mut tokens: Vec<TokenId> = self.engine.begin().into_iter().collect();
        tokens.extend(self.engine.encode(text)?);
        let own = tokens.split_off(if is_shared { tokens.len().saturating_sub(1) } else { 0 });
        Ok(Prompt { shared: tokens.into(), own })
    }
}

impl ChatModel for EmbeddedModel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn count_tokens(&self, text: &str) -> usize {
        // A text that cannot be encoded cannot be sent either; its length in bytes bounds its
        // tokens.
        self.engine.encode(text).map_or(text.len(), |tokens| tokens.len())
    }

    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
        let chats: Vec<_> = stage
            .iter()
            .map(|request| (Arc::clone(&request.shared), request.own.clone()))
            .collect();
        let jobs = self.prompts(&chats).into_iter().zip(stage).map(|(prompt, request)| {
            Ok(Job::Generate(GenerateRequest {
                prompt: prompt.map_err(failure)?,
                shape: match request.output {
                    Output::Text => None,
                    Output::Json(shape) => Some(shape),
                    Output::Label(labels) => Some(Arc::new(label_shape(&labels))),
                },
                sampling: request.sampling,
                max_tokens: request.max_tokens,
                min_tokens: 0,
            }))
        });
        self.submit(jobs.collect(), |update| match update {
            Update::Generated(index, generation) => {
                let completion = generation.map(|generation| Completion {
                    text: generation.text,
                    finish: finish(generation.finish),
                    usage: Some(usage(&generation.usage)),
                    timings: timings(&generation.usage),
                    labels: None,
                });
                Some((index, completion.map_err(failure)))
            }
            Update::Scored(..) | Update::Progress { .. } => None,
        })
    }

    fn score(&self, stage: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
        let mut chats = Vec::new();
        for request in &stage {
            if let ScorePrompt::Chat { shared, own } = &request.prompt {
                chats.push((Arc::clone(shared), own.clone()));
            }
        }
        let mut chats = self.prompts(&chats).into_iter();
        let mut times: HashMap<String, usize> = HashMap::new();
        for request in &stage {
            if let ScorePrompt::Raw(text) = &request.prompt {
                *times.entry(text.clone()).or_default() += 1;
            }
        }
        let jobs = stage.into_iter().map(|request| {
            let prompt = match &request.prompt {
                ScorePrompt::Chat { .. } => chats.next().expect("one prompt a chat"),
                ScorePrompt::Raw(text) => self.raw(text, times[text] > 1),
            };
            self.score_job(prompt.map_err(failure)?, request.want)
        });
        self.submit(jobs.collect(), |update| match update {
            Update::Scored(index, score) => {
                Some((index, score.map(|score| score.values).map_err(failure)))
            }
            Update::Generated(..) | Update::Progress { .. } => None,
        })
    }
}

impl EmbeddedModel {
    /// Submits the jobs that could be encoded and answers the others at once.
    fn submit<T: Send + 'static>(
        &self,
        jobs: Vec<Result<Job, LlmError>>,
        done: impl Fn(Update) -> Option<(usize, Result<T, LlmError>)> + Send + 'static,
    ) -> Answers<T> {
        let mut refused = Vec::new();
        let mut places = Vec::new(); // index in the stage of each job that is submitted
        let mut accepted = Vec::new();
        for (index, job) in jobs.into_iter().enumerate() {
            match job {
                Ok(job) => {
                    places.push(index);
                    accepted.push(job);
                }
                Err(error) => refused.push((index, error)),
            }
        }
        let mut updates = self.engine.submit(accepted);
        let mut refused = refused.into_iter();
        Answers::from_poll(move |context| {
            if let Some((index, error)) = refused.next() {
                return std::task::Poll::Ready(Some(Answer::Done(index, Err(error))));
            }
            updates.poll_recv(context).map(|update| {
                update.map(|update| match update {
                    Update::Progress { prefilled, decoded } => {
                        Answer::Progress { prefilled, decoded }
                    }
                    update => match done(update) {
                        Some((index, answer)) => Answer::Done(places[index], answer),
                        None => Answer::Progress { prefilled: 0, decoded: 0 },
                    },
                })
            })
        })
    }
}

fn turn(message: &Message) -> Turn<'_> {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    Turn { role, content: &message.content }
}

fn common_length(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn finish(finish: engine::Finish) -> Finish {
    match finish {
        engine::Finish::Length => Finish::Length,
        engine::Finish::Stop => Finish::Complete,
    }
}

fn usage(usage: &EngineUsage) -> Usage {
    Usage {
        prompt: usage.prompt_tokens as u64,
        cached_prompt: usage.cached_tokens as u64,
        completion: usage.completion_tokens as u64,
        ..Usage::default()
    }
}

fn timings(usage: &EngineUsage) -> Timings {
    Timings { queue_s: usage.queue_s, prefill_s: usage.prefill_s, decode_s: usage.decode_s }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failure(error: EngineError) -> LlmError {
    match error {
        EngineError::TooLong { .. } => LlmError::TooLong(error.to_string()),
        EngineError::NotANumber { .. } => LlmError::Protocol(error.to_string()),
        EngineError::Grammar(_) | EngineError::Template(_) | EngineError::States(_) => {
            LlmError::Unsupported(error.to_string())
        }
        _ => LlmError::Unavailable(error.to_string()),
    }
}
