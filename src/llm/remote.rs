//! A model behind an HTTP API: one attempt a request, and what came of it.
//!
//! Owns the attempt (time, size, no redirects) and what was learned of a service. Field names are
//! the vendors' files'; `address.rs` says which base URLs are good, `exchange.rs` what all requests
//! have in common, `complaint.rs` what an error means, `quirks.rs` which parameter is to blame.
//!
//! Deliberately absent: retries, money, and the decision whether a text may leave this machine.
//! All three belong to the caller, who sees every attempt.

mod address;
mod complaint;
pub(super) mod exchange;
mod key;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use tokio::task::JoinSet;

use self::complaint::{Complaint, Speaker};
use self::exchange::{Optional, Param, Without};
pub use self::key::ApiKey;
use super::{
    Answer, Answers, Capabilities, ChatModel, ChatRequest, Completion, LlmError, ScoreRequest,
    anthropic, gemini, openai,
};
use crate::http;

/// Longest time that an attempt may take, unless told otherwise: long answers are not streamed.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(5);
/// Context in tokens that is assumed when nothing is known.
pub const DEFAULT_CONTEXT: usize = 200_000;

/// Largest body that is read. The longest answers have some 100,000 tokens: a tenth of this.
const MAX_BODY: usize = 8 << 20;
/// What services add to a prompt by themselves, in tokens: instructions on structured output, and
/// the marks of each message.
const PROMPT_OVERHEAD: u64 = 1_000;
/// Bytes of a token, for planning; see [`RemoteModel`]'s count.
const BYTES_A_TOKEN: usize = 3;

/// What a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Anthropic's Messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// OpenAI's Chat Completions, and that of the many servers that followed.
    OpenAiChat,
    /// OpenAI's Responses.
    OpenAiResponses,
}

impl Api {
    /// The vendor's own address, as in its SDK.
    pub fn default_base(self) -> &'static str {
        match self {
            Self::Anthropic => anthropic::BASE,
            Self::Gemini => gemini::BASE,
            Self::OpenAiChat | Self::OpenAiResponses => openai::BASE,
        }
    }

    fn key_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::OpenAiChat | Self::OpenAiResponses => "OPENAI_API_KEY",
        }
    }

    fn path(self, model: &str) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::path(),
            Self::Gemini => gemini::path(model),
            Self::OpenAiChat => openai::chat_path(),
            Self::OpenAiResponses => openai::responses_path(),
        }
    }

    fn headers(self, key: Option<&ApiKey>) -> HeaderMap {
        match self {
            Self::Anthropic => anthropic::headers(key),
            Self::Gemini => gemini::headers(key),
            Self::OpenAiChat | Self::OpenAiResponses => openai::headers(key),
        }
    }

    fn optional(self) -> Optional {
        match self {
            Self::Anthropic => anthropic::OPTIONAL,
            Self::Gemini => gemini::OPTIONAL,
            Self::OpenAiChat => openai::CHAT_OPTIONAL,
            Self::OpenAiResponses => openai::RESPONSES_OPTIONAL,
        }
    }

    fn body(self, model: &str, request: &ChatRequest, without: &Without) -> Vec<u8> {
        let body = match self {
            Self::Anthropic => anthropic::body(model, request, without),
            Self::Gemini => gemini::body(request, without),
            Self::OpenAiChat => openai::chat_body(model, request, without),
            Self::OpenAiResponses => openai::responses_body(model, request, without),
        };
        body.to_string().into_bytes()
    }

    fn answer(self, body: &Value) -> Result<Completion, String> {
        match self {
            Self::Anthropic => anthropic::answer(body),
            Self::Gemini => gemini::answer(body),
            Self::OpenAiChat => openai::chat_answer(body),
            Self::OpenAiResponses => openai::responses_answer(body),
        }
    }
}

/// Which model is asked, where and how.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// What the service speaks.
    pub api: Api,
    /// Where it is, as in the vendors' SDKs: OpenAI's includes `/v1`, the others no version. `None`
    /// is the vendor's own address.
    pub base_url: Option<String>,
    /// The model's name there.
    pub model: String,
    /// Sent to this service and no other. A service on this machine needs none.
    pub key: Option<ApiKey>,
    /// Context in tokens, where known; else [`DEFAULT_CONTEXT`].
    pub context: Option<usize>,
    /// Longest time of one attempt, from the connection to the last byte.
    pub timeout: Duration,
}

/// Why a service cannot be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The base URL cannot be read.
    #[error(
        "the base URL is no address: {cause}\nhint: it looks like https://api.example.com/v1, or http://127.0.0.1:8080/v1 on this machine"
    )]
    NotAnAddress {
        /// Why, without the text itself, which may hold a secret.
        cause: String,
    },
    /// It is neither https nor http.
    #[error("the base URL begins with {scheme}:, which cannot be asked\nhint: use https://")]
    Scheme {
        /// As given.
        scheme: String,
    },
    /// Anybody on the way could read the key and the data.
    #[error(
        "the base URL of {host} is not encrypted\nhint: use https://; plain http:// is for this machine alone, as in http://127.0.0.1:8080"
    )]
    NotEncrypted {
        /// Which.
        host: String,
    },
    /// It holds a name or a password.
    #[error(
        "the base URL of {host} holds a user name or password\nhint: leave out what stands before the @; a key is read from the environment"
    )]
    Credentials {
        /// Which.
        host: String,
    },
    /// It holds a query or a fragment.
    #[error(
        "the base URL of {host} holds a query or fragment\nhint: leave out everything from the ? or # on"
    )]
    Query {
        /// Which.
        host: String,
    },
    /// No model is served there, but secrets may be.
    #[error(
        "the base URL names {host}, a link-local, multicast, unspecified or cloud metadata address\nhint: name the host on which the model is served; this machine is 127.0.0.1"
    )]
    Forbidden {
        /// Which.
        host: String,
    },
    /// There is no key.
    #[error("{host} needs a key, and there is none\nhint: set {variable}")]
    NoKey {
        /// Which.
        host: String,
        /// Where a key is looked for.
        variable: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error(
        "cannot prepare requests to {host}: {cause}\nhint: check the proxy settings and certificates of this machine"
    )]
    Client {
        /// Which.
        host: String,
        /// Why.
        cause: String,
    },
}

/// A model behind an HTTP API.
///
/// Each request of a stage is one attempt, and all of them run at once on the caller's tokio
/// runtime; dropping [`Answers`] ends those that are not done.
#[derive(Debug)]
pub struct RemoteModel {
    service: Arc<Service>,
    capabilities: Capabilities,
}

/// Where attempts go.
#[derive(Debug)]
struct Service {
    api: Api,
    client: Client,
    url: Url,
    headers: HeaderMap,
    speaker: Speaker,
    model: String,
    timeout: Duration,
    /// Grows as the service refuses parameters; never shrinks.
    without: RwLock<Without>,
}

impl RemoteModel {
    /// Checks the options and prepares requests. Sends nothing and needs no runtime.
    pub fn connect(options: RemoteOptions) -> Result<Self, RemoteError> {
        let RemoteOptions { api, base_url, model, key, context, timeout } = options;
        let base = address::check(base_url.as_deref().unwrap_or(api.default_base()))?;
        let host = address::host(&base);
        if key.is_none() && !http::is_loopback(&base) {
            return Err(RemoteError::NoKey { host, variable: api.key_variable() });
        }
        let client = http::patient_client(&base, timeout)
            .map_err(|e| RemoteError::Client { host: host.clone(), cause: http::cause(e) })?;
        let mut headers = api.headers(key.as_ref());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let url = address::below(base, &api.path(&model));
        let capabilities = Capabilities {
            id: model.clone(),
            sha256: None,
            parameters: None,
            context: context.unwrap_or(DEFAULT_CONTEXT),
            logits: false,
        };
        let speaker = Speaker { host, key };
        let is_vendors_own = base_url.is_none();
        let without = match api {
            Api::OpenAiChat if is_vendors_own => Without::from([Param::Bounds]),
            _ => Without::new(),
        };
        let without = RwLock::new(without);
        let service = Service { api, client, url, headers, speaker, model, timeout, without };
        Ok(Self { service: Arc::new(service), capabilities })
    }

    /// The service's host for display, with a port where it is not the usual one.
    pub fn host(&self) -> &str {
        &self.service.speaker.host
    }

    /// Whether the service is on this machine, by the spelling of its address.
    pub fn is_loopback(&self) -> bool {
        http::is_loopback(&self.service.url)
    }
}

impl ChatModel for RemoteModel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// For planning: the vendors' tokenizers are not known here, and three bytes a token is more
    /// tokens than theirs give for most text.
    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(BYTES_A_TOKEN)
    }

    /// For money: no token is less than a byte, whatever was learned of the service meanwhile.
    fn upper_prompt_tokens(&self, request: &ChatRequest) -> u64 {
        let Service { api, model, .. } = &*self.service;
        let enforced = api.body(model, request, &Without::new()).len();
        let told = api.body(model, request, &Without::from([Param::Schema])).len();
        enforced.max(told) as u64 + PROMPT_OVERHEAD
    }

    fn outgoing(&self, request: &ChatRequest) -> Vec<u8> {
        self.service.api.body(&self.service.model, request, &self.service.known_gaps())
    }

    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
        let mut attempts = JoinSet::new();
        let mut places = HashMap::new();
        for (index, request) in stage.into_iter().enumerate() {
            let service = Arc::clone(&self.service);
            // What is sent is settled here and now: the caller has seen these very bytes.
            let without = service.known_gaps();
            let body = service.api.body(&service.model, &request, &without);
            let handle =
                attempts.spawn(async move { service.attempt(&request, &without, body).await });
            places.insert(handle.id(), index);
        }
        Answers::from_poll(move |context| {
            attempts.poll_join_next_with_id(context).map(|ended| {
                let (id, outcome) = match ended? {
                    Ok((id, outcome)) => (id, outcome),
                    Err(error) => {
                        let cause = "the attempt broke off in this program".to_owned();
                        (error.id(), Err(LlmError::Unavailable(cause)))
                    }
                };
                let index = places.remove(&id).expect("each attempt ends once");
                Some(Answer::Done(index, outcome))
            })
        })
    }

    fn score(&self, stage: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
        let (sender, answers) = Answers::channel();
        for index in 0..stage.len() {
            let refusal = format!("{} does not give probabilities", self.service.speaker.host);
            // The other end is at hand: it is returned below.
            let _ = sender.send(Answer::Done(index, Err(LlmError::Unsupported(refusal))));
        }
        answers
    }
}

/// The bytes of an answer, and whether they are all.
enum Body {
    Whole(Vec<u8>),
    /// Longer than [`MAX_BODY`]: its beginning.
    TooLong(Vec<u8>),
    /// Its beginning, and why no more came.
    Broken(Vec<u8>, reqwest::Error),
}

impl Service {
    /// What the service has shown so far that it does not know.
    fn known_gaps(&self) -> Without {
        self.without.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks once.
    async fn attempt(
        &self,
        request: &ChatRequest,
        without: &Without,
        body: Vec<u8>,
    ) -> Result<Completion, LlmError> {
        let started = Instant::now();
        let sent = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .timeout(self.timeout)
            .body(body);
        let response = sent.send().await.map_err(|error| self.unanswered(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await;
        if !status.is_success() {
            // Whatever came of the body: the status has said it.
            let (Body::Whole(bytes) | Body::TooLong(bytes) | Body::Broken(bytes, _)) = body;
            return Err(self.declined(status, &headers, &bytes, request, without));
        }
        let bytes = match body {
            Body::Whole(bytes) => bytes,
            Body::TooLong(_) => {
                let limit = MAX_BODY >> 20;
                return Err(self.nonsense(&format!("the answer is longer than {limit} MiB")));
            }
            Body::Broken(_, error) => return Err(self.unanswered(error)),
        };
        let mut completion = self.understand(&headers, &bytes)?;
        // A service does not tell reading from writing.
        completion.timings.decode_s = started.elapsed().as_secs_f64();
        Ok(completion)
    }

    /// Reads a body that came with a 200.
    fn understand(&self, headers: &HeaderMap, bytes: &[u8]) -> Result<Completion, LlmError> {
        let body: Value = serde_json::from_slice(bytes)
            .map_err(|_| self.nonsense("the answer is no JSON document"))?;
        match Complaint::in_answer(&body, headers, SystemTime::now()) {
            Some(complaint) => Err(complaint.error(&self.speaker)),
            None => self.api.answer(&body).map_err(|cause| self.nonsense(&cause)),
        }
    }

    /// An answer with another status; learns which parameter it would rather not see.
    fn declined(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        request: &ChatRequest,
        without: &Without,
    ) -> LlmError {
        let complaint = Complaint::read(status.as_u16(), headers, body, SystemTime::now());
        let sent = |param| exchange::carries(request, without, param);
        let error = complaint.error(&self.speaker);
        match quirks::refused(&complaint, self.api.optional(), sent) {
            Some(param) => {
                self.without.write().unwrap_or_else(PoisonError::into_inner).insert(param);
                LlmError::Adapted(error.to_string())
            }
            None => error,
        }
    }

    /// No answer. Only where no connection came about is it sure that nothing was worked on.
    fn unanswered(&self, error: reqwest::Error) -> LlmError {
        if error.is_connect() {
            let cause = http::cause(error);
            return LlmError::Unreachable(
                self.speaker.says(None, &format!("cannot connect: {cause}")),
            );
        }
        let words = if error.is_timeout() {
            format!("no whole answer within {} s", self.timeout.as_secs_f64())
        } else {
            format!("the connection broke off: {}", http::cause(error))
        };
        LlmError::Unavailable(self.speaker.says(None, &words))
    }

    fn nonsense(&self, cause: &str) -> LlmError {
        LlmError::Protocol(self.speaker.says(None, cause))
    }
}

/// Reads a body up to [`MAX_BODY`].
async fn read(mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(bytes),
            Err(error) => return Body::Broken(bytes, error),
        }
        if bytes.len() > MAX_BODY {
            return Body::TooLong(bytes);
        }
    }
}
