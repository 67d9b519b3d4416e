//! Everything that can complete a chat or score labels, behind one trait.
//!
//! Owns the request and answer types. Whether a model is local or a frontier service is a role that
//! the pipeline assigns, not a type. Leaves servers and vendors to files of their own. Also
//! re-exports the engine's model that labels words.

pub mod embedded;
pub mod scripted;

#[cfg(feature = "net")]
mod anthropic;
#[cfg(feature = "net")]
mod gemini;
#[cfg(feature = "net")]
mod json_schema;
#[cfg(feature = "net")]
mod ollama;
#[cfg(feature = "net")]
mod openai;
#[cfg(feature = "net")]
pub mod remote;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use crate::engine::grammar::{Shape, Source};
pub use crate::engine::sampler::Sampling;
pub use crate::engine::token_classifier::TokenClassifier;

/// A model that answers chats.
///
/// Both [`Self::complete`] and [`Self::score`] take a whole stage as one list, so that a local
/// engine can batch it as a function of the list alone; answers arrive one by one, each with the
/// index of its request.
pub trait ChatModel: Send + Sync {
    /// What the model is and what it can do.
    fn capabilities(&self) -> &Capabilities;
    /// Number of tokens in a text, without any template.
    fn count_tokens(&self, text: &str) -> usize;
    /// Upper bound on the prompt tokens that the request can be billed for.
    fn upper_prompt_tokens(&self, request: &ChatRequest) -> u64 {
        let texts = request.shared.iter().chain(&request.own);
        // Room for a template and the shape of the answer.
        texts.map(|message| message.content.len() as u64 + 64).sum::<u64>() + 4_096
    }
    /// The bytes that would leave this machine if the request were sent now; an attempt made right
    /// afterwards sends exactly these. Empty for a model in this process.
    fn outgoing(&self, _request: &ChatRequest) -> Vec<u8> {
        Vec::new()
    }
    /// Answers each chat of a stage. Dropping [`Answers`] cancels what is not done.
    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion>;
    /// Reads probabilities; every answer is [`LlmError::Unsupported`] where
    /// [`Capabilities::logits`] is false.
    fn score(&self, stage: Vec<ScoreRequest>) -> Answers<Vec<f32>>;
}

/// What a model is and can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The model's name as resolved, for provenance.
    pub id: String,
    /// SHA-256 of the model file, where there is one.
    pub sha256: Option<String>,
    /// What tells one model of a server from another, where there is no file to hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Number of parameters, where known: decides how far the model may be trusted with free text.
    pub parameters: Option<u64>,
    /// Context in tokens that requests may use.
    pub context: usize,
    /// Whether [`ChatModel::score`] works.
    pub logits: bool,
    /// Whether [`ChatModel::score`] also reads hidden states.
    #[serde(default)]
    pub states: bool,
}

impl Capabilities {
    /// What a measurement of the model is filed under: the hash, else the fingerprint.
    pub fn identity(&self) -> Option<&str> {
        self.sha256.as_deref().or(self.fingerprint.as_deref())
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// The text. Control tokens of the model in it are read as plain text.
    pub content: String,
}

impl Message {
    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }

    /// A user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The author of the instructions.
    System,
    /// The user, who asks.
    User,
    /// The model.
    Assistant,
}

/// A chat to answer.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// Instructions, examples and corpus: the same `Arc` for every request of a stage, so that
    /// the engine forks one cached prefix and a vendor adapter can mark its prompt cache.
    pub shared: Arc<[Message]>,
    /// The messages that only this request has; `shared` and `own` together end with a user
    /// message.
    pub own: Vec<Message>,
    /// What the answer must look like.
    pub output: Output,
    /// How tokens are drawn, with a seed of the request's own.
    pub sampling: Sampling,
    /// Most answer tokens.
    pub max_tokens: usize,
}

/// What an answer must look like.
#[derive(Debug, Clone)]
pub enum Output {
    /// Free text.
    Text,
    /// One compact JSON document of this shape.
    Json(Arc<Shape>),
    /// One of these labels; a service states how likely each was, where it can.
    Label(Arc<[String]>),
}

/// Key of a label in an answer that was asked for as JSON.
const LABEL_KEY: &str = "answer";
/// Log-probability of a label that is not among those that a service lists: as good as never. It is
/// finite because JSON, and so the event log, cannot hold an infinity.
const NEVER: f32 = -100.0;

/// The shape of a JSON document that holds one of `labels`.
fn label_shape(labels: &[String]) -> Shape {
    Shape::Object(vec![(LABEL_KEY.to_owned(), Shape::OneOf(labels.to_vec()))])
}

/// A request to read probabilities.
#[derive(Debug, Clone)]
pub struct ScoreRequest {
    /// The text before the scored position.
    pub prompt: ScorePrompt,
    /// Which probabilities to read after it.
    pub want: Want,
}

/// The text before a scored position.
#[derive(Debug, Clone)]
pub enum ScorePrompt {
    /// A chat, up to the header of the assistant's turn.
    Chat {
        /// The shared messages, as in [`ChatRequest`].
        shared: Arc<[Message]>,
        /// The request's own messages, as in [`ChatRequest`].
        own: Vec<Message>,
    },
    /// Plain text without a template, preceded by the model's begin token where it has one.
    Raw(String),
}

/// Which probabilities a score request reads.
#[derive(Debug, Clone)]
pub enum Want {
    /// The log-probability of each label as the next word; labels must be single tokens, checked at
    /// load.
    Labels(Vec<String>),
    /// The log-probability of each token of this text after the prompt.
    Continuation(String),
    /// The mean over the tokens of this text, after the prompt, of the hidden states in the middle of
    /// the model, and then that of the last token: twice as many numbers as the model is wide.
    State(String),
}

/// Answers of a stage as they arrive. Dropping it cancels what is not done.
pub struct Answers<T> {
    poll: Box<PollAnswer<T>>,
}

type PollAnswer<T> = dyn FnMut(&mut Context<'_>) -> Poll<Option<Answer<T>>> + Send;

/// One piece of news about a stage.
#[derive(Debug)]
pub enum Answer<T> {
    /// Tokens read and written since the last report, over the whole stage.
    Progress {
        /// Prompt tokens computed.
        prefilled: usize,
        /// Answer tokens decoded.
        decoded: usize,
    },
    /// The request with this index in the list is done.
    Done(usize, Result<T, LlmError>),
}

impl<T: Send + 'static> Answers<T> {
    /// A sender for a model's answers, and the stage's answers that it feeds.
    pub fn channel() -> (mpsc::UnboundedSender<Answer<T>>, Self) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (sender, Self::from_poll(move |context| receiver.poll_recv(context)))
    }

    /// The answers that a poll function returns.
    pub fn from_poll(
        poll: impl FnMut(&mut Context<'_>) -> Poll<Option<Answer<T>>> + Send + 'static,
    ) -> Self {
        Self { poll: Box::new(poll) }
    }
}

impl<T> Answers<T> {
    /// The next piece of news; `None` once every request was answered.
    pub async fn next(&mut self) -> Option<Answer<T>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Self::next`], for a caller that waits for several stages.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Answer<T>>> {
        (self.poll)(context)
    }
}

/// A finished chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer's text.
    pub text: String,
    /// Why the answer ended.
    pub finish: Finish,
    /// Tokens of the call; `None` when a service did not state them.
    pub usage: Option<Usage>,
    /// Times of the call, in seconds.
    pub timings: Timings,
    /// For a request for a label, the log-probability of each label, where the service gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<f32>>,
}

impl Completion {
    /// Why the answer as a whole is of no use; `None` where it is whole.
    pub fn shortfall(&self) -> Option<&'static str> {
        match self.finish {
            Finish::Complete => None,
            Finish::Length if self.text.trim().is_empty() => Some(
                "the model used up its tokens before it began to answer, most likely for thinking: turn that off at the server, or take a model that does not think",
            ),
            Finish::Length => Some("the answer ran into its token limit"),
            Finish::Refused => Some("the model declined to answer"),
            Finish::Empty => Some(
                "the answer holds no text; some servers answer so where a prompt is longer than their context, which --context states",
            ),
        }
    }

    /// How likely each label was, as log-probabilities: as the service states, else with all
    /// probability on the label that it wrote. `None` when it wrote none of them.
    pub fn label_log_probs(&self, labels: &[String]) -> Option<Vec<f32>> {
        if let Some(given) = self.labels.as_ref().filter(|given| given.len() == labels.len()) {
            return Some(given.clone());
        }
        let chosen = written_label(&self.text, labels)?;
        Some((0..labels.len()).map(|at| if at == chosen { 0.0 } else { NEVER }).collect())
    }
}

/// Index of the label in a JSON answer, else of the first word of the text that is a label.
fn written_label(text: &str, labels: &[String]) -> Option<usize> {
    let place = |word: &str| labels.iter().position(|label| label == word);
    let json: Option<serde_json::Value> = serde_json::from_str(text.trim()).ok();
    if let Some(answer) = json.as_ref().and_then(|json| json.get(LABEL_KEY)) {
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        return place(text.trim());
    }
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).find_map(place)
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The answer is whole.
    Complete,
    /// The answer was cut at `max_tokens`.
    Length,
    /// The service declined to answer, or filtered what it had written.
    Refused,
    /// The service says that it is done, and wrote nothing.
    Empty,
}

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub prompt: u64,
    /// Prompt tokens served from a cache.
    pub cached_prompt: u64,
    /// Prompt tokens written to a cache, where writing is paid for.
    #[serde(default)]
    pub cache_written: u64,
    /// Answer tokens, reasoning included.
    pub completion: u64,
    /// Answer tokens spent on reasoning.
    pub reasoning: u64,
}

/// Wall-clock seconds of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Seconds before the prompt's own tokens were read: waiting, and in this process reading the
    /// beginning that it shares.
    pub queue_s: f64,
    /// Seconds of reading the prompt's own tokens.
    pub prefill_s: f64,
    /// Seconds of writing the answer.
    pub decode_s: f64,
}

/// What went wrong, divided by what a caller does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// Prompt and answer do not fit the context.
    #[error("{0}")]
    TooLong(String),
    /// The model cannot do what was asked.
    #[error("{0}")]
    Unsupported(String),
    /// The service or engine is gone or failing; the request may have been worked on.
    #[error("{0}")]
    Unavailable(String),
    /// As [`Self::Unavailable`], and the service states when it will be back.
    #[error("{message}")]
    Failing {
        /// What the service said.
        message: String,
        /// How long the service asks to be left alone.
        retry_after: Duration,
    },
    /// There was no connection, so the request never left this machine.
    #[error("{0}")]
    Unreachable(String),
    /// The service has no room for the request at the moment.
    #[error("{message}")]
    Busy {
        /// What the service said.
        message: String,
        /// How long the service asks to be left alone, where it says so.
        retry_after: Option<Duration>,
    },
    /// The model does not know a parameter, which it will not be sent again: the same request may
    /// work.
    #[error("{message}")]
    Adapted {
        /// What the service said.
        message: String,
        /// Whether the request was billed: unknown where an answer came all the same.
        billing: Billing,
    },
    /// The service rejected this request before it worked on it.
    #[error("{0}")]
    Rejected(String),
    /// The key or the account is not valid for any request.
    #[error("{0}")]
    Auth(String),
    /// The answer cannot be understood.
    #[error("{0}")]
    Protocol(String),
}

/// Whether a failed request was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billing {
    /// Nothing was generated.
    Free,
    /// The service may have generated an answer and billed it.
    Unknown,
}

impl LlmError {
    /// Whether the request was, or may have been, billed although no answer came.
    pub fn billing(&self) -> Billing {
        match self {
            Self::Unavailable(_) | Self::Failing { .. } | Self::Protocol(_) => Billing::Unknown,
            Self::Adapted { billing, .. } => *billing,
            _ => Billing::Free,
        }
    }

    /// Whether the same request may succeed at another time.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Failing { .. }
                | Self::Unreachable(_)
                | Self::Busy { .. }
                | Self::Adapted { .. }
        )
    }
}
