//! One attempt at a service: send a body, read the answer, and say what came of it.
//!
//! Owns the bounds on time and size, and what was learned about the service: the parameters that it
//! does not take. Whether to try again is up to the caller.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::HeaderMap;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::api::Api;
use super::complaint::{Complaint, Speaker, without_mark};
use super::exchange::{self, Param, Without};
use super::quirks;
use crate::engine::tokenizer::{Specials, Tokenizer};
use crate::http;
use crate::llm::{Billing, ChatRequest, Completion, Finish, LlmError, Output, ollama};

/// Largest body that is read, in bytes. The longest answers have some 100,000 tokens, a tenth of
/// this.
pub(super) const MAX_BODY: usize = 8 << 20;
/// More bytes than the tokens of any text have on average: a server that read a whole prompt must
/// have read at least its length divided by this.
const MOST_BYTES_A_TOKEN: f64 = 12.0;
/// Bytes of a token in prose on average, at most. Held against token counts that look like a context
/// that cut the prompt.
const USUAL_BYTES_A_TOKEN: f64 = 4.7;
/// Contexts are mostly a multiple of so many tokens.
const CONTEXT_STEP: u64 = 1_024;
/// Share of a prompt's own tokens that a server must at least have read. It is below 1 because a
/// template may join tokens that were counted apart.
const READ_AT_LEAST: f64 = 0.95;

/// The service that attempts go to, and what was learned about it.
#[derive(Debug)]
pub(super) struct Service {
    pub api: Api,
    pub client: Client,
    pub url: Url,
    pub headers: HeaderMap,
    pub speaker: Speaker,
    pub model: String,
    pub timeout: Duration,
    /// Context in tokens.
    pub context: usize,
    /// The model's own vocabulary, where the server gives it.
    pub vocabulary: Option<Tokenizer>,
    /// Whether it is a server of the user's own, which may cut a prompt without telling.
    pub is_own: bool,
    /// The parameters that the service has refused; grows, but never shrinks.
    pub without: RwLock<Without>,
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
    pub(super) fn refused(&self) -> Without {
        self.without.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bytes of the body to send.
    pub(super) fn body(&self, request: &ChatRequest, without: &Without) -> Vec<u8> {
        let body = self.api.body(&self.model, self.context, request, without);
        body.to_string().into_bytes()
    }

    /// Tokens in a text by the model's own vocabulary; `None` where that is not known.
    pub(super) fn tokens_in(&self, text: &str) -> Option<usize> {
        let encoded = self.vocabulary.as_ref()?.encode(text, Specials::AsText);
        encoded.ok().map(|tokens| tokens.len())
    }

    /// Fewest tokens that a prompt can have, without any template. `read` is the number that the
    /// server says it read: one that cuts prompts reads exactly as many as its context has, mostly a
    /// multiple of 1,024, and such a number is believed of short words only.
    fn least_tokens(&self, request: &ChatRequest, read: u64) -> usize {
        let texts = request.shared.iter().chain(&request.own).map(|message| &message.content);
        let is_round = read > 0 && read.is_multiple_of(CONTEXT_STEP);
        let most_bytes = if is_round { USUAL_BYTES_A_TOKEN } else { MOST_BYTES_A_TOKEN };
        texts
            .map(|text| match self.tokens_in(text) {
                Some(tokens) => (tokens as f64 * READ_AT_LEAST) as usize,
                None => (text.len() as f64 / most_bytes) as usize,
            })
            .sum()
    }

    /// Asks once. `written` is told the number of tokens so far, where they arrive one by one.
    pub(super) async fn attempt(
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
            Err(_) if first_words => return Err(self.give_up_first_words(Param::FirstWords)),
            Ok(answer) if first_words && answer.finish == Finish::Empty => {
                return Err(self.give_up_first_words(Param::FirstWords));
            }
            answer => answer.map_err(|cause| self.nonsense(&cause))?,
        };
        completion.text = self.speaker.answered(completion.text);
        if self.is_own {
            self.check_read_whole(request, &completion)?;
        }
        if let Output::Label(labels) = &request.output
            && exchange::carries(request, without, Param::Logprobs)
        {
            let tokens = self.api.tokens(&body).filter(|all| all.get(0).is_some());
            completion.labels =
                tokens.and_then(|all| exchange::label_log_probs(all, labels, first_words));
            match tokens {
                None if first_words => return Err(self.give_up_first_words(Param::Logprobs)),
                None => self.learn(Param::Logprobs),
                Some(_) if first_words && completion.labels.is_none() => {
                    return Err(self.give_up_first_words(Param::FirstWords));
                }
                Some(_) => {}
            }
        }
        Ok(completion)
    }

    /// Refuses an answer to a prompt that was not read whole. A server that gets more than its
    /// context cuts the prompt without telling; only the number of tokens that it read shows it.
    fn check_read_whole(&self, request: &ChatRequest, answer: &Completion) -> Result<(), LlmError> {
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
    fn give_up_first_words(&self, gap: Param) -> LlmError {
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
