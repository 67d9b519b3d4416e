//! Which parameters a service does not accept, judged by its words.
//!
//! Owns the words by which a refusal of one optional parameter is recognised. The vendors' files
//! decide what is then left out, and how; `remote.rs` remembers that it stays left out.

use super::complaint::{Complaint, Meaning};
use super::exchange::{Optional, Param};

/// Turns of phrase by which a service says that a parameter is unknown.
const UNKNOWN: &[&str] = &[
    "unsupported",
    "not support",
    "n't support",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "deprecated",
    "not permitted",
    "not allowed",
    "extra inputs",
    "extra_forbidden",
    "cannot find field",
    "not available",
    "not enabled",
    "no longer",
    "removed",
];

/// Words by which an error tells that it comes from a chat template.
const TEMPLATE: &[&str] = &["jinja", "chat template", "chat_template"];

/// The parameter among those `sent` that the service refuses, when that is what the complaint is
/// about.
pub(super) fn refused(
    complaint: &Complaint,
    optional: Optional,
    sent: impl Fn(Param) -> bool,
) -> Option<Param> {
    let message = complaint.message.to_lowercase();
    let is_rejected =
        matches!(complaint.status, 400 | 422) && complaint.meaning() == Meaning::Rejected;
    // llama.cpp's server answers so where a chat template refuses the messages.
    let is_of_template =
        complaint.status == 500 && TEMPLATE.iter().any(|words| message.contains(words));
    if !is_rejected && !is_of_template {
        return None;
    }
    let by_param = |names: &[&str]| {
        complaint.param.as_deref().is_some_and(|param| names.iter().any(|n| mentions(param, n)))
    };
    let by_words = |names: &[&str]| names.iter().any(|name| mentions(&complaint.message, name));
    let unknown =
        UNKNOWN.iter().any(|words| message.contains(words) || complaint.kind.contains(words));
    // A service that mentions one of these parameters at all could not use it as it was sent.
    let suffices = |param| {
        use Param::{Bounds, Excerpts, Logprobs, ManyLogprobs, Reasoning, Schema, System};
        let all = [Bounds, Excerpts, Schema, Reasoning, ManyLogprobs, Logprobs, System];
        unknown || all.contains(&param)
    };
    let sent = || optional.iter().filter(|(param, _)| sent(*param));
    sent()
        .find(|(_, names)| by_param(names))
        .or_else(|| sent().find(|(param, names)| suffices(*param) && by_words(names)))
        .map(|(param, _)| *param)
}

/// Whether a name occurs in a text as a word of its own, in upper or lower case.
fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::llm::{anthropic, gemini, openai};

    fn read(status: u16, body: &Value) -> Complaint {
        let body = body.to_string();
        Complaint::read(status, &HeaderMap::new(), body.as_bytes(), SystemTime::UNIX_EPOCH)
    }

    fn openai(code: &str, param: &str, message: &str) -> Value {
        let kind = "invalid_request_error";
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    }

    #[test]
    fn a_refused_parameter_is_recognised_in_the_vendors_words() {
        let invalid = |message: &str| {
            let error = json!({ "type": "invalid_request_error", "message": message });
            json!({ "type": "error", "error": error })
        };
        let google = |message: &str| json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": message } });
        let rows: Vec<(Optional, Value, Option<Param>)> = vec![
            (
                openai::CHAT_OPTIONAL,
                openai(
                    "unsupported_parameter",
                    "max_tokens",
                    "Unsupported parameter: 'max_tokens' is not supported with this model. \
                     Use 'max_completion_tokens' instead.",
                ),
                Some(Param::MaxTokens),
            ),
            (
                openai::CHAT_OPTIONAL,
                openai("invalid_value", "max_tokens", "max_tokens is too large: 99999"),
                None,
            ),
            (
                openai::CHAT_OPTIONAL,
                openai(
                    "unsupported_value",
                    "temperature",
                    "Unsupported value: 'temperature' does not support 0.7 with this model.",
                ),
                Some(Param::Temperature),
            ),
            (
                openai::CHAT_OPTIONAL,
                json!({ "detail": [{ "type": "extra_forbidden", "loc": ["body", "seed"],
                                     "msg": "Extra inputs are not permitted" }] }),
                Some(Param::Seed),
            ),
            (
                openai::CHAT_OPTIONAL,
                openai("", "", "'response_format.type' must be 'json_object' or 'text'"),
                Some(Param::Schema),
            ),
            (
                openai::RESPONSES_OPTIONAL,
                openai(
                    "unsupported_parameter",
                    "reasoning.effort",
                    "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
                ),
                Some(Param::Reasoning),
            ),
            (
                openai::RESPONSES_OPTIONAL,
                openai("invalid_json_schema", "text.format.schema", "Invalid schema for answer"),
                Some(Param::Schema),
            ),
            (
                anthropic::OPTIONAL,
                invalid("output_config: Extra inputs are not permitted"),
                Some(Param::Schema),
            ),
            (
                anthropic::OPTIONAL,
                invalid("`temperature` is deprecated for this model."),
                Some(Param::Temperature),
            ),
            (anthropic::OPTIONAL, invalid("messages: roles must alternate"), None),
            (
                openai::CHAT_OPTIONAL,
                openai("", "", "System role not supported"),
                Some(Param::System),
            ),
            (
                openai::CHAT_OPTIONAL,
                openai("", "", "Conversation roles must alternate user/assistant/user/..."),
                Some(Param::System),
            ),
            (
                openai::CHAT_OPTIONAL,
                openai(
                    "",
                    "",
                    "Requested sample logprobs of 20, which is greater than max allowed: 5",
                ),
                Some(Param::ManyLogprobs),
            ),
            (anthropic::OPTIONAL, invalid("temperatures are unknown"), None),
            (
                gemini::OPTIONAL,
                google("Unknown name \"responseJsonSchema\" at 'generation_config': Cannot find"),
                Some(Param::Schema),
            ),
            (
                gemini::OPTIONAL,
                google("Thinking is not supported by this model"),
                Some(Param::Reasoning),
            ),
            (
                gemini::OPTIONAL,
                google("The specified schema produces a constraint that has too many states"),
                Some(Param::Schema),
            ),
        ];
        for (optional, body, expected) in rows {
            let of = |status| read(status, &body);
            assert_eq!(refused(&of(400), optional, |_| true), expected, "{body}");
            assert_eq!(refused(&of(422), optional, |_| true), expected, "{body}");
            assert_eq!(refused(&of(400), optional, |_| false), None, "{body}");
            assert_eq!(refused(&of(500), optional, |_| true), None, "{body}");
        }
    }

    #[test]
    fn a_template_without_a_system_role_may_call_itself_an_error_of_the_server() {
        let of = |message: &str| {
            refused(&read(500, &openai("", "", message)), openai::CHAT_OPTIONAL, |_| true)
        };
        assert_eq!(of("Jinja Exception: System role not supported"), Some(Param::System));
        assert_eq!(of("the system is overloaded"), None);
    }

    #[test]
    fn fewer_likely_tokens_are_asked_for_before_none() {
        let message = "top_logprobs must be at most 10";
        let complaint = read(400, &openai("", "", message));
        let of = |gone: &[Param]| {
            refused(&complaint, openai::CHAT_OPTIONAL, |param| !gone.contains(&param))
        };
        assert_eq!(of(&[]), Some(Param::ManyLogprobs));
        assert_eq!(of(&[Param::ManyLogprobs]), Some(Param::Logprobs));
    }

    #[test]
    fn a_prompt_that_is_too_long_is_no_trouble_of_the_schema() {
        let message = "maximum context length is 8192 tokens, schema included";
        let complaint = read(400, &openai("", "", message));
        assert_eq!(refused(&complaint, openai::CHAT_OPTIONAL, |_| true), None);
    }
}
