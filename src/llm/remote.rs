//! A model behind an HTTP API: one attempt for each request, and what came of it.
//!
//! Owns the attempt (time, size, no redirects) and what was learned about a service. Leaves field
//! names to the vendors' files; `address.rs` decides which base URLs may be asked, `exchange.rs`
//! has what all requests have in common, `complaint.rs` says what an error means, `quirks.rs` which
//! parameter is to blame.
//!
//! Deliberately absent: retries, money, and the decision whether a text may leave this machine. All
//! three belong to the caller, who sees every attempt.

mod address;
mod complaint;
pub(super) mod exchange;
mod key;
mod quirks;
mod redaction;
pub mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::complaint::{Complaint, Speaker, without_mark};
use self::exchange::{Optional, Param, Without};
pub use self::key::ApiKey;
use self::server::{SERVER_KEY_VARIABLE, Served};
use super::{
    Answer, Answers, Billing, Capabilities, ChatModel, ChatRequest, Completion, Finish, LlmError,
    Output, ScoreRequest, anthropic, gemini, ollama, openai,
};
use crate::engine::tokenizer::{Specials, Tokenizer};
use crate::http;

/// Longest time that an attempt may take by default: long answers are not streamed.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(5);
/// As [`ATTEMPT_TIMEOUT`], for a server of the user's own that replaces the engine: it may have no
/// GPU, and a queue.
pub const SERVER_TIMEOUT: Duration = Duration::from_mins(30);
/// Context in tokens that is assumed when a service's own is not known.
pub const DEFAULT_CONTEXT: usize = 200_000;

/// Largest body that is read, in bytes. The longest answers have some 100,000 tokens, a tenth of
/// this.
const MAX_BODY: usize = 8 << 20;
/// Tokens that services may add to a prompt: instructions about structured output, and the marks of
/// each message.
const PROMPT_OVERHEAD: u64 = 1_000;
/// Bytes per token that planning assumes; see [`RemoteModel`]'s `count_tokens`.
const BYTES_A_TOKEN: usize = 3;
/// More bytes than the tokens of any text have on average: a server that read a whole prompt must
/// have read at least its length divided by this.
const MOST_BYTES_A_TOKEN: f64 = 12.0;
/// Bytes that the tokens of prose have on average, at most, and the step of the numbers of tokens
/// that are held against it.
const USUAL_BYTES_A_TOKEN: f64 = 4.7;
const ROUND: u64 = 1_024;
/// Share of a prompt's own tokens that a server must at least have read. It is below 1 because a
/// template may join tokens that were counted apart.
const READ_AT_LEAST: f64 = 0.95;

/// The API through which a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// Ollama's chat API.
    Ollama,
    /// OpenAI's Chat Completions, also as offered by the many servers that followed it.
    OpenAiChat,
    /// OpenAI's Responses API.
    OpenAiResponses,
}

impl Api {
    /// The vendor's own address, as in its SDK.
    pub fn default_base(self) -> &'static str {
        match self {
            Self::Anthropic => anthropic::BASE,
            Self::Gemini => gemini::BASE,
            Self::Ollama => ollama::BASE,
            Self::OpenAiChat | Self::OpenAiResponses => openai::BASE,
        }
    }

    fn key_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::Ollama => SERVER_KEY_VARIABLE,
            Self::OpenAiChat | Self::OpenAiResponses => "OPENAI_API_KEY",
        }
    }

    fn path(self, model: &str) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::path(),
            Self::Gemini => gemini::path(model),
            Self::Ollama => ollama::path(),
            Self::OpenAiChat => openai::chat_path(),
            Self::OpenAiResponses => openai::responses_path(),
        }
    }

    fn headers(self, key: Option<&ApiKey>) -> HeaderMap {
        match self {
            Self::Anthropic => anthropic::headers(key),
            Self::Gemini => gemini::headers(key),
            Self::Ollama | Self::OpenAiChat | Self::OpenAiResponses => openai::headers(key),
        }
    }

    fn optional(self) -> Optional {
        match self {
            Self::Anthropic => anthropic::OPTIONAL,
            Self::Gemini => gemini::OPTIONAL,
            Self::Ollama => ollama::OPTIONAL,
            Self::OpenAiChat => openai::CHAT_OPTIONAL,
            Self::OpenAiResponses => openai::RESPONSES_OPTIONAL,
        }
    }

    fn answer(self, body: &Value) -> Result<Completion, String> {
        match self {
            Self::Anthropic => anthropic::answer(body),
            Self::Gemini => gemini::answer(body),
            Self::Ollama => ollama::answer(body),
            Self::OpenAiChat => openai::chat_answer(body),
            Self::OpenAiResponses => openai::responses_answer(body),
        }
    }

    /// The tokens of an answer with their probabilities, where the API lists them.
    fn tokens(self, body: &Value) -> Option<&Value> {
        match self {
            Self::OpenAiChat => Some(openai::chat_tokens(body)),
            Self::Ollama => Some(ollama::tokens(body)),
            Self::Anthropic | Self::Gemini | Self::OpenAiResponses => None,
        }
    }

    /// The parameters that a service is not sent from the start.
    fn known_gaps(self, operator: Operator) -> Without {
        match (self, operator) {
            (Self::Ollama, _) | (Self::OpenAiChat, Operator::User) => Without::new(),
            (Self::OpenAiChat, Operator::Vendor) => {
                Without::from([Param::Reasoning, Param::Excerpts, Param::Bounds])
            }
            (Self::OpenAiChat, Operator::Other) => {
                Without::from([Param::Reasoning, Param::Excerpts])
            }
            (Self::Anthropic | Self::Gemini | Self::OpenAiResponses, _) => {
                Without::from([Param::Logprobs])
            }
        }
    }
}

/// Who runs the service that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// The user: a server in place of the engine.
    User,
    /// The vendor whose API it is, at its own address.
    Vendor,
    /// Somebody else, at an address that the user gave.
    Other,
}

/// Which model is asked, where and how.
#[derive(Debug)]
pub struct RemoteOptions {
    /// The API through which the service is asked.
    pub api: Api,
    /// The service's address, as in the vendors' SDKs: OpenAI's includes `/v1`, the others have no
    /// version. `None` means the vendor's own address.
    pub base_url: Option<String>,
    /// The model's name at the service.
    pub model: String,
    /// The key, sent to this service and no other. A service on this machine needs none.
    pub key: Option<ApiKey>,
    /// Context in tokens, where known; else [`DEFAULT_CONTEXT`] is assumed.
    pub context: Option<usize>,
    /// What a server of the user's own says about the model; `None` for a vendor.
    pub served: Option<Served>,
    /// Hosts that may be asked without encryption.
    pub trusted: Vec<String>,
    /// Longest time of one attempt, from the connection to the last byte.
    pub timeout: Duration,
}

/// Why a service cannot be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The base URL cannot be read.
    #[error(
        "the base URL is not an address: {cause}\nhint: it looks like https://api.example.com/v1, or http://127.0.0.1:8080/v1 on this machine"
    )]
    NotAnAddress {
        /// Why, without the text itself, which may hold a secret.
        cause: String,
    },
    /// The base URL is neither https nor http.
    #[error("the base URL begins with {scheme}:, which cannot be asked\nhint: use https://")]
    Scheme {
        /// The scheme as given.
        scheme: String,
    },
    /// The base URL is not encrypted: anybody on the way could read the key and the data.
    #[error(
        "the base URL of {host} is not encrypted\nhint: use https://; plain http:// is for this machine alone, as in http://127.0.0.1:8080"
    )]
    NotEncrypted {
        /// The host of the base URL.
        host: String,
    },
    /// The base URL holds a user name or a password.
    #[error(
        "the base URL of {host} holds a user name or password\nhint: leave out what stands before the @; a key is read from the environment"
    )]
    Credentials {
        /// The host of the base URL.
        host: String,
    },
    /// The base URL holds a query or a fragment.
    #[error(
        "the base URL of {host} holds a query or fragment\nhint: leave out everything from the ? or # on"
    )]
    Query {
        /// The host of the base URL.
        host: String,
    },
    /// The address cannot serve a model, but may hand out secrets.
    #[error(
        "the base URL names {host}, a link-local, multicast, unspecified or cloud metadata address\nhint: name the host on which the model is served; this machine is 127.0.0.1"
    )]
    Forbidden {
        /// The host of the base URL.
        host: String,
    },
    /// The service needs a key, and none is set.
    #[error("{host} needs a key, and there is none\nhint: set {variable}")]
    NoKey {
        /// The host of the base URL.
        host: String,
        /// The environment variable in which the key is looked for.
        variable: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error(
        "cannot prepare requests to {host}: {cause}\nhint: check the proxy settings and certificates of this machine"
    )]
    Client {
        /// The host of the base URL.
        host: String,
        /// Why the client cannot be made.
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

/// The service that attempts go to, and what was learned about it.
#[derive(Debug)]
struct Service {
    api: Api,
    client: Client,
    url: Url,
    headers: HeaderMap,
    speaker: Speaker,
    model: String,
    timeout: Duration,
    /// Context in tokens.
    context: usize,
    /// The model's own vocabulary, where the server gives it.
    vocabulary: Option<Tokenizer>,
    /// Whether it is a server of the user's own, which may cut a prompt without telling.
    is_own: bool,
    /// The parameters that the service has refused; grows, but never shrinks.
    without: RwLock<Without>,
}

impl RemoteModel {
    /// Checks the options and prepares requests. Sends nothing and needs no runtime.
    pub fn connect(options: RemoteOptions) -> Result<Self, RemoteError> {
        let RemoteOptions { api, base_url, model, key, context, served, trusted, timeout } =
            options;
        let base = address::check(base_url.as_deref().unwrap_or(api.default_base()), &trusted)?;
        let host = address::host(&base);
        // A server of the user's own may need no key; if it does, it says so.
        if key.is_none() && !http::is_loopback(&base) && served.is_none() {
            return Err(RemoteError::NoKey { host, variable: api.key_variable() });
        }
        let client = http::confidential_client(&base, timeout)
            .map_err(|e| RemoteError::Client { host: host.clone(), cause: http::cause(e) })?;
        let mut headers = api.headers(key.as_ref());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let url = address::below(base, &api.path(&model));
        let operator = match (&served, &base_url) {
            (Some(_), _) => Operator::User,
            (None, None) => Operator::Vendor,
            (None, Some(_)) => Operator::Other,
        };
        let without = RwLock::new(api.known_gaps(operator));
        let context = context.unwrap_or(DEFAULT_CONTEXT);
        let served = served.unwrap_or_default();
        let capabilities = Capabilities {
            id: shown(&model).to_owned(),
            sha256: served.sha256,
            fingerprint: served.fingerprint,
            parameters: served.parameters,
            context,
            logits: false,
        };
        let key_variable = match operator {
            Operator::User => SERVER_KEY_VARIABLE,
            Operator::Vendor | Operator::Other => api.key_variable(),
        };
        let (speaker, vocabulary) = (Speaker { host, key, key_variable }, served.vocabulary);
        let service = Service {
            api,
            client,
            url,
            headers,
            speaker,
            model,
            timeout,
            context,
            vocabulary,
            is_own: operator == Operator::User,
            without,
        };
        Ok(Self { service: Arc::new(service), capabilities })
    }

    /// The service's host for display, with the port where it is not the usual one.
    pub fn host(&self) -> &str {
        &self.service.speaker.host
    }

    /// Whether the service is on this machine, judged by the spelling of its address.
    pub fn is_loopback(&self) -> bool {
        http::is_loopback(&self.service.url)
    }
}

impl ChatModel for RemoteModel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// An estimate for planning, where the model's own vocabulary is not known: three bytes per
    /// token gives more tokens than the vendors' tokenizers do for most text.
    fn count_tokens(&self, text: &str) -> usize {
        self.service.tokens_in(text).unwrap_or_else(|| text.len().div_ceil(BYTES_A_TOKEN))
    }

    /// A bound for billing: a token is at least one byte, whatever parameters are left out by then.
    fn upper_prompt_tokens(&self, request: &ChatRequest) -> u64 {
        let enforced = self.service.body(request, &Without::new()).len();
        let told = self.service.body(request, &Without::from([Param::Schema])).len();
        enforced.max(told) as u64 + PROMPT_OVERHEAD
    }

    fn outgoing(&self, request: &ChatRequest) -> Vec<u8> {
        self.service.body(request, &self.service.refused())
    }

    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
        let mut attempts = JoinSet::new();
        let mut places = HashMap::new();
        let (tell, mut news) = mpsc::unbounded_channel();
        for (index, request) in stage.into_iter().enumerate() {
            let service = Arc::clone(&self.service);
            // What is sent is fixed here: the caller has seen these very bytes.
            let without = service.refused();
            let body = service.body(&request, &without);
            let tell = tell.clone();
            let written = move |decoded| {
                // Where the receiver is gone, the attempt ends by itself.
                let _ = tell.send(Answer::Progress { prefilled: 0, decoded });
            };
            let handle = attempts
                .spawn(async move { service.attempt(&request, &without, body, &written).await });
            places.insert(handle.id(), index);
        }
        Answers::from_poll(move |context| {
            if let Poll::Ready(Some(progress)) = news.poll_recv(context) {
                return Poll::Ready(Some(progress));
            }
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
            // The receiver still exists: it is returned below.
            let _ = sender.send(Answer::Done(index, Err(LlmError::Unsupported(refusal))));
        }
        answers
    }
}

/// The bytes of an answer, and whether they are all there.
enum Body {
    Whole(Vec<u8>),
    /// The beginning of an answer longer than [`MAX_BODY`].
    TooLong(Vec<u8>),
    /// The beginning of an answer, and why no more came.
    Broken(Vec<u8>, reqwest::Error),
}

impl Service {
    /// The parameters that the service is known not to take.
    fn refused(&self) -> Without {
        self.without.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bytes of the body to send.
    fn body(&self, request: &ChatRequest, without: &Without) -> Vec<u8> {
        let model = &self.model;
        let body = match self.api {
            Api::Anthropic => anthropic::body(model, request, without),
            Api::Gemini => gemini::body(request, without),
            Api::Ollama => ollama::body(model, self.context, request, without),
            Api::OpenAiChat => openai::chat_body(model, request, without),
            Api::OpenAiResponses => openai::responses_body(model, request, without),
        };
        body.to_string().into_bytes()
    }

    /// Tokens in a text by the model's own vocabulary; `None` where that is not known.
    fn tokens_in(&self, text: &str) -> Option<usize> {
        let encoded = self.vocabulary.as_ref()?.encode(text, Specials::AsText);
        encoded.ok().map(|tokens| tokens.len())
    }

    /// Fewest tokens that a prompt can have, without any template. `read` is the number that the
    /// server says it read: one that cuts prompts reads exactly as many as its context has, mostly a
    /// multiple of 1,024, and such a number is believed of short words only.
    fn least_tokens(&self, request: &ChatRequest, read: u64) -> usize {
        let texts = request.shared.iter().chain(&request.own).map(|message| &message.content);
        let is_round = read > 0 && read.is_multiple_of(ROUND);
        let most_bytes = if is_round { USUAL_BYTES_A_TOKEN } else { MOST_BYTES_A_TOKEN };
        texts
            .map(|text| match self.tokens_in(text) {
                Some(tokens) => (tokens as f64 * READ_AT_LEAST) as usize,
                None => (text.len() as f64 / most_bytes) as usize,
            })
            .sum()
    }

    /// Asks once. `written` is told the number of tokens so far, where they arrive one by one.
    async fn attempt(
        &self,
        request: &ChatRequest,
        without: &Without,
        body: Vec<u8>,
        written: &(dyn Fn(usize) + Send + Sync),
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
        let streamed = self.api == Api::Ollama && status.is_success();
        let body = read(response, |bytes| {
            // Each line holds one token.
            let lines = bytes.split(|&byte| byte == b'\n').count() - 1;
            if streamed && lines > 0 {
                written(lines);
            }
        })
        .await;
        if !status.is_success() {
            // Whatever became of the body, the status already says that this is not an answer.
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
        let mut completion = self.understand(&headers, &bytes, request, without)?;
        if completion.timings.decode_s <= 0.0 {
            // Most services do not tell the time of reading from that of writing.
            completion.timings.decode_s = started.elapsed().as_secs_f64();
        }
        Ok(completion)
    }

    /// Reads a body that came with a 200.
    fn understand(
        &self,
        headers: &HeaderMap,
        bytes: &[u8],
        request: &ChatRequest,
        without: &Without,
    ) -> Result<Completion, LlmError> {
        let body: Value = match self.api {
            Api::Ollama => ollama::assembled(bytes).map_err(|cause| self.nonsense(&cause))?,
            _ => serde_json::from_slice(without_mark(bytes))
                .map_err(|_| self.nonsense("the answer is not a JSON document"))?,
        };
        if let Some(complaint) = Complaint::in_answer(&body, headers, SystemTime::now()) {
            return Err(complaint.error(&self.speaker));
        }
        let first_words = exchange::reads_first_words(request, without);
        let mut completion = match self.api.answer(&body) {
            // The model began with something other than a label, or wrote nothing.
            Err(_) if first_words => return Err(self.adapts(Param::FirstWords)),
            Ok(answer) if first_words && answer.finish == Finish::Empty => {
                return Err(self.adapts(Param::FirstWords));
            }
            answer => answer.map_err(|cause| self.nonsense(&cause))?,
        };
        completion.text = self.speaker.answered(completion.text);
        if self.is_own {
            self.is_read_whole(request, &completion)?;
        }
        if let Output::Label(labels) = &request.output
            && exchange::carries(request, without, Param::Logprobs)
        {
            let tokens = self.api.tokens(&body).filter(|all| all.get(0).is_some());
            completion.labels =
                tokens.and_then(|all| exchange::label_log_probs(all, labels, first_words));
            match tokens {
                None if first_words => return Err(self.adapts(Param::Logprobs)),
                None => self.learn(Param::Logprobs),
                Some(_) if first_words && completion.labels.is_none() => {
                    return Err(self.adapts(Param::FirstWords));
                }
                Some(_) => {}
            }
        }
        Ok(completion)
    }

    /// Refuses an answer to a prompt that was not read whole. A server that gets more than its
    /// context cuts the prompt without telling; only the number of tokens that it read shows it.
    fn is_read_whole(&self, request: &ChatRequest, answer: &Completion) -> Result<(), LlmError> {
        let Some(usage) = answer.usage else { return Ok(()) };
        let least = self.least_tokens(request, usage.prompt) as u64;
        // Servers that count nothing state 0.
        if usage.prompt >= least || usage.prompt == 0 {
            return Ok(());
        }
        let words = format!(
            "it read {} of at least {least} prompt tokens and cut off the rest without saying so; \
             raise --context or the server's own limit",
            usage.prompt
        );
        Err(LlmError::TooLong(self.speaker.says(None, &words)))
    }

    /// Gives up reading a label from the first words of an answer: from now on it is asked for in
    /// another way.
    fn adapts(&self, gap: Param) -> LlmError {
        self.learn(gap);
        let message = self.speaker.says(None, "the answer does not begin with a label");
        LlmError::Adapted { message, billing: Billing::Unknown }
    }

    fn learn(&self, gap: Param) {
        self.without.write().unwrap_or_else(PoisonError::into_inner).insert(gap);
    }

    /// The error for an answer with another status than 200. Learns which parameter the service
    /// refuses.
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
                self.learn(param);
                LlmError::Adapted { message: error.to_string(), billing: Billing::Free }
            }
            None => error,
        }
    }

    /// The error for a request without an answer. Only where no connection was made is it certain
    /// that the request was not worked on.
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

/// A model's name for people. llama.cpp's server calls a model by the path of its file, unless it
/// is told another name.
fn shown(model: &str) -> &str {
    let is_path = model.starts_with(['/', '.']) || model.get(1..3) == Some(":\\");
    let name = model.rsplit(['/', '\\']).next().filter(|name| is_path && !name.is_empty());
    name.unwrap_or(model)
}

/// Reads a body up to [`MAX_BODY`].
async fn read(mut response: Response, mut heard: impl FnMut(&[u8])) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                heard(&chunk);
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => return Body::Whole(bytes),
            Err(error) => return Body::Broken(bytes, error),
        }
        if bytes.len() > MAX_BODY {
            return Body::TooLong(bytes);
        }
    }
}
