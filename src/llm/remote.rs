//! A model behind an HTTP API: one attempt for each request, and what came of it.
//!
//! Owns what is needed to ask a service, and a stage of requests to it, all asked at once. `api.rs`
//! knows which vendor's file has the field names, `attempt.rs` asks once, `address.rs` decides which
//! base URLs may be asked, `exchange.rs` has what all requests have in common, `complaint.rs` says
//! what an error means, `quirks.rs` which parameter is to blame.
//!
//! Deliberately absent: retries, money, and the decision whether a text may leave this machine. All
//! three belong to the caller, who sees every attempt.

mod address;
mod api;
mod attempt;
mod complaint;
pub(super) mod exchange;
mod key;
mod quirks;
mod redaction;
pub mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::task::Poll;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use self::api::Api;
use self::api::Operator;
use self::attempt::Service;
use self::complaint::Speaker;
use self::exchange::{Param, Without};
pub use self::key::ApiKey;
use self::server::{SERVER_KEY_VARIABLE, Served};
use super::{
    Answer, Answers, Capabilities, ChatModel, ChatRequest, Completion, LlmError, ScoreRequest,
    openai,
};
use crate::http;

/// Longest time that an attempt may take by default: long answers are not streamed.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(5);
/// As [`ATTEMPT_TIMEOUT`], for a server of the user's own that replaces the engine: it may have no
/// GPU, and a queue.
pub const SERVER_TIMEOUT: Duration = Duration::from_mins(30);
/// Context in tokens that is assumed when a service's own is not known.
pub const DEFAULT_CONTEXT: usize = 200_000;

/// Tokens that services may add to a prompt: instructions about structured output, and the marks of
/// each message.
const PROMPT_OVERHEAD: u64 = 1_000;
/// Bytes per token that planning assumes; see [`RemoteModel`]'s `count_tokens`.
const BYTES_A_TOKEN: usize = 3;

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
            states: false,
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

/// A model's name for people. llama.cpp's server calls a model by the path of its file, unless it
/// is told another name.
fn shown(model: &str) -> &str {
    let is_path = model.starts_with(['/', '.']) || model.get(1..3) == Some(":\\");
    let name = model.rsplit(['/', '\\']).next().filter(|name| is_path && !name.is_empty());
    name.unwrap_or(model)
}
