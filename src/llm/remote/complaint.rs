//! What a service says in place of an answer, and what that means.
//!
//! Owns the table from statuses and words to [`LlmError`], the spellings in which a wait is asked
//! for, and what of a foreign text may be repeated. Does not decide whether there is another
//! attempt.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{ApiKey, redaction};
use crate::http;
use crate::llm::LlmError;

/// Longest wait that a service may ask for; a longer one is cut to this.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);
/// Most characters of a service's own words that are repeated.
const MAX_MESSAGE: usize = 200;
/// Most bytes of a body without JSON that are looked at.
const MAX_PLAIN: usize = 2_000;
/// Shortest key in bytes that is looked for in answers. The vendors' keys have 39 bytes and more.
const SHORTEST_SECRET: usize = 12;

/// What a complaint means to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Auth,
    NoCredit,
    Busy,
    Unavailable,
    TooLong,
    Rejected,
    Redirect,
}

/// Statuses that a row is about, words of which the complaint must hold one (an empty list fits any
/// complaint), and the meaning; the first row that fits counts. The words are types, codes, and
/// turns of phrase of the vendors.
const MEANINGS: &[(&[u16], &[&str], Meaning)] = &[
    (&[402], &[], Meaning::NoCredit),
    // Gemini's rate limits mention billing too, so "billing" alone proves nothing.
    (
        &[400, 403, 429],
        &["insufficient_quota", "credit balance", "billing_hard_limit", "billing_not_active"],
        Meaning::NoCredit,
    ),
    (&[401, 403], &[], Meaning::Auth),
    (&[400], &["api_key_invalid", "api key not valid"], Meaning::Auth),
    (&[429], &["request too large"], Meaning::TooLong),
    (&[429, 529], &[], Meaning::Busy),
    // OpenAI and Gemini turn requests away in these words. A 503 in others may come from a proxy,
    // after the work was done.
    (&[503], &["overloaded", "high demand"], Meaning::Busy),
    (&[408, 409, 500, 502, 503, 504], &[], Meaning::Unavailable),
    (
        &[400, 413, 422],
        &[
            "context_length_exceeded",
            "exceed_context_size",
            "prompt is too long",
            // vLLM and SGLang, LM Studio, text-generation-inference.
            "context length",
            "must have less than",
            "max_new_tokens` must be",
            "exceeds the maximum number of tokens",
        ],
        Meaning::TooLong,
    ),
    (&[501, 505], &[], Meaning::Rejected),
];

/// The service that is asked: what it says is repeated with its host's name and without the key.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) host: String,
    pub(super) key: Option<ApiKey>,
    /// The environment variable that the key is read from.
    pub(super) key_variable: &'static str,
}

impl Speaker {
    /// One line of text: the host, the status where there is one, and the service's words.
    pub(super) fn says(&self, status: Option<u16>, words: &str) -> String {
        let status = status.map(|status| format!("{status}: ")).unwrap_or_default();
        format!("{}: {status}{}", self.host, self.repeatable(words))
    }

    /// The text of an answer, without the key if the service put it there, because answers are
    /// kept. A key as short as a word is left in: removing it would spoil the text.
    pub(super) fn answered(&self, text: String) -> String {
        match &self.key {
            Some(key) if key.expose().len() >= SHORTEST_SECRET => self.without_key(text),
            _ => text,
        }
    }

    fn without_key(&self, text: String) -> String {
        match &self.key {
            Some(key) => redaction::redacted(&text, key.expose()),
            None => text,
        }
    }

    /// Words without the key, control characters and characters that reorder a line; cut to
    /// [`MAX_MESSAGE`].
    fn repeatable(&self, words: &str) -> String {
        let invisible = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        let plain: String = words
            .chars()
            .filter(|c| !invisible(c))
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = self.without_key(plain);
        match plain.char_indices().nth(MAX_MESSAGE) {
            Some((at, _)) => format!("{}…", &plain[..at]),
            None => plain,
        }
    }
}

/// What a service says in place of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The status as it came.
    pub(super) status: u16,
    /// The status as it was meant: an error may come in the body of a 200 answer.
    meant: u16,
    /// The error's types and codes, in lower case.
    pub(super) kind: String,
    /// The error in words.
    pub(super) message: String,
    /// The parameter that the error is about, where it names one.
    pub(super) param: Option<String>,
    retry_after: Option<Duration>,
}

impl Complaint {
    /// Reads an answer that is not a success. A date in it is compared with `now`.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Self {
        let body = without_mark(body);
        let mut complaint = match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of(&value),
            Err(_) => Self { message: plain(body), ..Self::default() },
        };
        if complaint.message.is_empty() {
            let reason = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
            reason.unwrap_or("no reason given").clone_into(&mut complaint.message);
        }
        complaint.status = status;
        complaint.meant = status;
        complaint.retry_after = patience(headers, now).or(complaint.retry_after);
        complaint
    }

    /// Reads a 200 answer whose body is an error; `None` when it is not one.
    pub(super) fn in_answer(body: &Value, headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
        let is_error = match error {
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => false,
        };
        if !is_error {
            return None;
        }
        let mut complaint = Self::of(body);
        let says = |word: &str| complaint.kind.contains(word);
        let code = error.get("code").and_then(Value::as_u64).unwrap_or(0);
        complaint.meant = match code {
            401 | 402 | 403 | 429 | 529 => code as u16,
            _ if ["rate_limit", "overloaded", "resource_exhausted", "insufficient_quota"]
                .into_iter()
                .any(says) =>
            {
                429
            }
            // The request may have been worked on.
            _ => 500,
        };
        complaint.status = 200;
        complaint.retry_after = patience(headers, now).or(complaint.retry_after);
        Some(complaint)
    }

    /// Reads the forms that errors come in: the vendors' `{"error": {…}}`, Gemini's in a list, a
    /// text under `error`, vLLM's without a wrapper, and FastAPI's `detail`.
    fn of(value: &Value) -> Self {
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let detail = error.get("detail").map(|detail| detail.get(0).unwrap_or(detail));
        let first = |all: &[Option<&Value>]| {
            all.iter().flatten().find_map(|v| v.as_str()).unwrap_or_default().to_owned()
        };
        let in_detail = |name: &str| detail.and_then(|detail| detail.get(name));
        let infos = error.get("details").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let info = |name: &str| infos.iter().find_map(|info| info.get(name)?.as_str());
        let kinds = ["type", "code", "status"].map(|name| error.get(name).and_then(Value::as_str));
        let kinds =
            kinds.into_iter().chain([info("reason"), in_detail("type").and_then(Value::as_str)]);
        let place = in_detail("loc").and_then(Value::as_array).and_then(|loc| loc.last());
        let param = error.get("param").or(place).and_then(Value::as_str);
        Self {
            kind: kinds.flatten().collect::<Vec<_>>().join(" ").to_lowercase(),
            message: first(&[error.get("message"), in_detail("msg"), detail, Some(error)]),
            param: param.map(str::to_owned),
            retry_after: info("retryDelay")
                .and_then(|delay| http::seconds(delay.strip_suffix('s')?)),
            ..Self::default()
        }
    }

    /// What the complaint means to a caller.
    pub(super) fn meaning(&self) -> Meaning {
        let text = format!("{} {}", self.kind, self.message.to_lowercase());
        let row = MEANINGS.iter().find(|(statuses, words, _)| {
            statuses.contains(&self.meant)
                && (words.is_empty() || words.iter().any(|word| text.contains(word)))
        });
        match (row, self.meant) {
            (Some((_, _, meaning)), _) => *meaning,
            (None, 300..=399) => Meaning::Redirect,
            (None, 500..) => Meaning::Unavailable,
            (None, _) => Meaning::Rejected,
        }
    }

    /// The complaint as an error.
    pub(super) fn error(&self, speaker: &Speaker) -> LlmError {
        let says = |words: &str| speaker.says(Some(self.status), words);
        let retry_after = self.retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
        match self.meaning() {
            Meaning::Auth => LlmError::Auth(format!(
                "{}; the key is read from {}",
                says(&self.message),
                speaker.key_variable
            )),
            Meaning::NoCredit => LlmError::Auth(says(&format!("no credit: {}", self.message))),
            Meaning::Busy => LlmError::Busy { message: says(&self.message), retry_after },
            Meaning::Unavailable => match retry_after {
                Some(retry_after) => {
                    LlmError::Failing { message: says(&self.message), retry_after }
                }
                None => LlmError::Unavailable(says(&self.message)),
            },
            Meaning::TooLong => LlmError::TooLong(format!(
                "{}; --context says how many tokens it takes",
                says(&self.message)
            )),
            Meaning::Rejected => LlmError::Rejected(says(&self.message)),
            // The new address is not repeated, because the service chooses its text.
            Meaning::Redirect => LlmError::Rejected(says(
                "it redirects to another address, which is not followed: \
                 give that address as the base URL",
            )),
        }
    }
}

/// A body without a byte order mark, which RFC 8259 lets a reader ignore.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The text of a body that is not JSON, up to [`MAX_PLAIN`] bytes; empty for a web page.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_PLAIN)]);
    // A word that is cut may be a key, and its beginning would not be recognised as one.
    let whole = text.rsplit_once(char::is_whitespace).map_or("", |(whole, _)| whole);
    let text = if body.len() > MAX_PLAIN { whole } else { &text }.trim();
    if text.starts_with('<') { String::new() } else { text.to_owned() }
}

/// How long a service asks to wait, by its headers.
fn patience(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let milliseconds = headers.get("retry-after-ms").and_then(|value| value.to_str().ok());
    let milliseconds = milliseconds.and_then(http::seconds).map(|wait| wait / 1000);
    milliseconds.or_else(|| http::retry_after(headers, now))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    fn speaker() -> Speaker {
        Speaker {
            host: "h.example".to_owned(),
            key: ApiKey::new("sk-s3cret"),
            key_variable: "EXAMPLE_API_KEY",
        }
    }

    fn read(status: u16, body: &Value) -> Complaint {
        Complaint::read(status, &HeaderMap::new(), body.to_string().as_bytes(), NOW)
    }

    fn anthropic(kind: &str, message: &str) -> Value {
        json!({ "type": "error", "error": { "type": kind, "message": message } })
    }

    fn openai(code: &str, param: &str, message: &str) -> Value {
        let kind = "invalid_request_error";
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    }

    fn gemini(status: &str, message: &str, details: &Value) -> Value {
        json!({ "error": { "code": 0, "message": message, "status": status, "details": details } })
    }

    #[test]
    fn every_status_has_its_meaning() {
        use Meaning::{Auth, Busy, NoCredit, Redirect, Rejected, TooLong, Unavailable};
        let rows: &[(&[u16], Meaning)] = &[
            (&[401, 403], Auth),
            (&[402], NoCredit),
            (&[429, 529], Busy),
            (&[408, 409, 500, 502, 503, 504, 520, 524], Unavailable),
            (&[400, 404, 405, 410, 413, 415, 422, 501, 505], Rejected),
            (&[301, 302, 303, 307, 308], Redirect),
        ];
        for (statuses, meaning) in rows {
            for status in *statuses {
                assert_eq!(read(*status, &json!({})).meaning(), *meaning, "{status}");
            }
        }
        let long = |status| read(status, &anthropic("invalid_request_error", "prompt is too long"));
        assert!([400, 413, 422].into_iter().all(|status| long(status).meaning() == TooLong));
    }

    #[test]
    fn recorded_complaints_have_their_meanings() {
        let rows = [
            (401, anthropic("authentication_error", "invalid x-api-key"), Meaning::Auth),
            (403, anthropic("permission_error", "no access"), Meaning::Auth),
            (429, anthropic("rate_limit_error", "per minute"), Meaning::Busy),
            (529, anthropic("overloaded_error", "Overloaded"), Meaning::Busy),
            (
                503,
                gemini(
                    "UNAVAILABLE",
                    "The model is overloaded. Please try again later.",
                    &json!([]),
                ),
                Meaning::Busy,
            ),
            (
                400,
                openai(
                    "",
                    "",
                    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
                ),
                Meaning::TooLong,
            ),
            (
                422,
                json!({ "error": "`inputs` must have less than 4095 tokens. Given: 5000" }),
                Meaning::TooLong,
            ),
            (500, anthropic("api_error", "Internal server error"), Meaning::Unavailable),
            (413, anthropic("request_too_large", "Request too large"), Meaning::Rejected),
            (
                400,
                anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000"),
                Meaning::TooLong,
            ),
            (
                400,
                anthropic("invalid_request_error", "Your credit balance is too low to access"),
                Meaning::NoCredit,
            ),
            (
                429,
                openai("insufficient_quota", "", "You exceeded your current quota, check billing"),
                Meaning::NoCredit,
            ),
            (
                400,
                openai("context_length_exceeded", "messages", "This model's limit is 8192 tokens"),
                Meaning::TooLong,
            ),
            (
                429,
                openai("rate_limit_exceeded", "", "Request too large for m: Limit 1, Requested 2"),
                Meaning::TooLong,
            ),
            (404, openai("model_not_found", "", "The model does not exist"), Meaning::Rejected),
            (
                429,
                gemini("RESOURCE_EXHAUSTED", "quota exceeded, check plan and billing", &json!([])),
                Meaning::Busy,
            ),
            (
                400,
                gemini(
                    "INVALID_ARGUMENT",
                    "API key not valid. Please pass a valid API key.",
                    &json!([{ "reason": "API_KEY_INVALID" }]),
                ),
                Meaning::Auth,
            ),
            (
                400,
                gemini(
                    "INVALID_ARGUMENT",
                    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    &json!([]),
                ),
                Meaning::TooLong,
            ),
            (
                400,
                json!({ "error": { "code": 400, "type": "exceed_context_size_error",
                                   "message": "the request exceeds the available context" } }),
                Meaning::TooLong,
            ),
        ];
        for (status, body, meaning) in rows {
            assert_eq!(read(status, &body).meaning(), meaning, "{status} {body}");
        }
    }

    #[test]
    fn words_are_found_in_every_shape_of_an_error() {
        let rows = [
            (json!({ "error": { "message": "m" } }), "m"),
            (json!([{ "error": { "message": "m" } }]), "m"),
            (json!({ "error": "m" }), "m"),
            (json!({ "object": "error", "message": "m" }), "m"),
            (json!({ "detail": "m" }), "m"),
            (json!({ "detail": [{ "msg": "m", "loc": ["body", "seed"] }] }), "m"),
            (json!({ "unheard": "of" }), "Not Found"),
            (json!(7), "Not Found"),
        ];
        for (body, message) in rows {
            assert_eq!(read(404, &body).message, message, "{body}");
        }
        let of = |body: &[u8]| Complaint::read(502, &HeaderMap::new(), body, NOW).message;
        assert_eq!(of(b"upstream is away\n"), "upstream is away");
        assert_eq!(of(b"<html>502</html>"), "Bad Gateway");
        assert_eq!(of(b""), "Bad Gateway");
        assert!(!of(&[0xff, 0xfe]).is_empty());
    }

    #[test]
    fn a_wait_is_read_in_every_spelling_and_capped() {
        let details = json!([{ "@type": "x.RetryInfo", "retryDelay": "12.5s" }]);
        let of = |pairs: &[(&'static str, &'static str)]| {
            let body = gemini("RESOURCE_EXHAUSTED", "slow down", &details).to_string();
            match Complaint::read(429, &headers(pairs), body.as_bytes(), NOW).error(&speaker()) {
                LlmError::Busy { retry_after, .. } => retry_after,
                other => panic!("{other:?}"),
            }
        };
        let seconds = |s| Some(Duration::from_secs_f64(s));
        assert_eq!(of(&[("retry-after", "7")]), seconds(7.0));
        assert_eq!(of(&[("retry-after", "0.5")]), seconds(0.5));
        assert_eq!(of(&[("retry-after-ms", "250"), ("retry-after", "7")]), seconds(0.25));
        assert_eq!(of(&[("retry-after", "Thu, 01 Jan 1970 00:00:30 GMT")]), seconds(30.0));
        assert_eq!(of(&[("retry-after", "Wed, 31 Dec 1969 23:59:00 GMT")]), seconds(12.5));
        assert_eq!(of(&[("retry-after", "86400")]), seconds(600.0));
        for nonsense in ["soon", "-5", "NaN", "inf", "1e400", ""] {
            assert_eq!(of(&[("retry-after", nonsense)]), seconds(12.5), "{nonsense}");
        }
        let none = read(429, &anthropic("rate_limit_error", "m")).error(&speaker());
        assert!(matches!(none, LlmError::Busy { retry_after: None, .. }));
    }

    #[test]
    fn a_failing_service_is_asked_again_when_it_says_and_may_have_billed() {
        let said = Complaint::read(503, &headers(&[("retry-after", "20")]), b"{}", NOW);
        let failing = said.error(&speaker());
        let LlmError::Failing { retry_after, .. } = &failing else { panic!("{failing:?}") };
        assert_eq!(*retry_after, Duration::from_secs(20));
        assert!(failing.is_transient());
        assert_eq!(failing.billing(), crate::llm::Billing::Unknown);
        let silent = Complaint::read(503, &HeaderMap::new(), b"{}", NOW).error(&speaker());
        assert!(matches!(silent, LlmError::Unavailable(_)));
    }

    #[test]
    fn an_error_in_a_good_answer_is_told_by_its_type() {
        let of = |body: Value| {
            Complaint::in_answer(&body, &HeaderMap::new(), NOW).map(|c| c.error(&speaker()))
        };
        let busy = of(anthropic("overloaded_error", "Overloaded")).unwrap();
        let message = "h.example: 200: Overloaded".to_owned();
        assert_eq!(busy, LlmError::Busy { message, retry_after: None });
        let busy = of(json!({ "error": { "code": 429, "message": "m" } })).unwrap();
        assert!(matches!(busy, LlmError::Busy { .. }));
        let failed = of(json!({ "status": "failed", "error": { "code": "server_error" } }));
        assert!(matches!(failed, Some(LlmError::Unavailable(_))));
        assert!(matches!(of(json!({ "error": "boom" })), Some(LlmError::Unavailable(_))));
        let unpaid = of(openai("insufficient_quota", "", "m")).unwrap();
        assert!(matches!(unpaid, LlmError::Auth(_)));
        for fine in [json!({ "error": null }), json!({ "error": {} }), json!({}), json!([])] {
            assert_eq!(of(fine.clone()), None, "{fine}");
        }
    }

    #[test]
    fn foreign_words_are_repeated_without_key_and_control_characters_and_cut() {
        let says = |words: &str| speaker().says(None, words);
        assert_eq!(
            says("bad key sk-s3cret!\r\n\u{1b}[31mred\u{202e}"),
            "h.example: bad key [key]! [31mred"
        );
        assert_eq!(says("sk-s3c\u{200b}ret"), "h.example: [key]");
        let long = says(&"é".repeat(5000));
        assert_eq!(long.chars().count(), "h.example: ".len() + MAX_MESSAGE + 1);
        // A key that lies across the cut must not leave a part of itself.
        let across = says(&format!("{} sk-s3cret", "x".repeat(MAX_MESSAGE - 5)));
        assert!(!across.contains("sk-"), "{across}");
    }
}
