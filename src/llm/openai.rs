//! OpenAI's two APIs: Responses (<https://platform.openai.com/docs/api-reference/responses>) and
//! Chat Completions (<https://platform.openai.com/docs/api-reference/chat>), which many servers
//! offer too.
//!
//! Owns their field names: a request's body and headers, and what an answer means. Sends nothing.

use base16ct::lower::encode_string;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::json_schema::{self, Dialect};
use super::remote::ApiKey;
use super::remote::exchange::{
    self, Optional, Outline, Param, Turn, Without, beyond, carries, count, part, text,
};
use super::{ChatRequest, Completion, Finish, Message, Role, Shape, Usage};

/// Address of the service, with its version.
pub(super) const BASE: &str = "https://api.openai.com/v1";

/// Parameters that a model of Responses may not know, and the names by which a refusal mentions
/// them.
pub(super) const RESPONSES_OPTIONAL: Optional = &[
    (Param::Reasoning, &["reasoning", "reasoning.effort", "reasoning_effort"]),
    (
        Param::Schema,
        &["text.format", "json_schema", "structured output", "structured outputs", "schema"],
    ),
    (Param::Cache, &["prompt_cache_key"]),
];

/// Parameters that a server of Chat Completions may not know, and the names by which a refusal
/// mentions them. `max_completion_tokens` is sent only to a service that names it in a refusal: one
/// that silently ignores it would answer without bound.
pub(super) const CHAT_OPTIONAL: Optional = &[
    (Param::MaxTokens, &["max_completion_tokens"]),
    (Param::Reasoning, &["chat_template_kwargs", "enable_thinking"]),
    (Param::Excerpts, &["anyOf", "enum", "grammar", "too complex", "schema is too large"]),
    (Param::Bounds, &["maxLength", "minLength", "maxItems", "minItems", "maximum", "minimum"]),
    (
        Param::Schema,
        &[
            "response_format",
            "json_schema",
            "structured output",
            "structured outputs",
            "schema",
            "grammar",
        ],
    ),
    (Param::ManyLogprobs, exchange::LOGPROBS),
    (Param::Logprobs, exchange::LOGPROBS),
    (Param::Temperature, &["temperature"]),
    (Param::Seed, &["seed"]),
    (Param::System, exchange::SYSTEM),
];

/// The name of the schema in a request.
const SCHEMA_NAME: &str = "answer";

/// How much is thought before an answer. Thoughts count towards the answer's own bound.
const EFFORT: &str = "low";

pub(super) fn headers(key: Option<&ApiKey>) -> HeaderMap {
    key.map(|key| (AUTHORIZATION, key.header("Bearer "))).into_iter().collect()
}

/// The segments of the address of Responses below the base.
pub(super) fn responses_path() -> Vec<String> {
    vec!["responses".to_owned()]
}

pub(super) fn responses_body(model: &str, request: &ChatRequest, without: &Without) -> Value {
    let outline = Outline::of(request, without);
    // Stored answers could be read again by anyone with access to the account.
    let mut body = json!({ "model": model, "store": false });
    if let Some(instructions) = outline.instructions() {
        body["instructions"] = json!(instructions);
    }
    body["input"] = outline.turns.iter().map(message).collect();
    body["max_output_tokens"] = json!(request.max_tokens);
    if carries(request, without, Param::Reasoning) {
        body["reasoning"] = json!({ "effort": EFFORT });
    }
    if carries(request, without, Param::Cache) && !request.shared.is_empty() {
        body["prompt_cache_key"] = json!(cache_key(&request.shared));
    }
    if let Some(shape) = &outline.enforced {
        let mut format = strict(shape);
        format["type"] = json!("json_schema");
        body["text"] = json!({ "format": format });
    }
    body
}

/// Reads the body of a 200 answer of Responses.
pub(super) fn responses_answer(body: &Value) -> Result<Completion, String> {
    let items = body.get("output").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let parts: Vec<&Value> = items
        .iter()
        .filter(|item| item["type"] == "message")
        .filter_map(|item| item["content"].as_array())
        .flatten()
        .collect();
    let refusal: String = parts.iter().filter_map(|part| part["refusal"].as_str()).collect();
    let words: String = parts
        .iter()
        .filter(|part| part["type"] == "output_text")
        .filter_map(|part| part["text"].as_str())
        .collect();
    let usage = usage(body, ["input_tokens", "output_tokens"]);
    if !refusal.is_empty() {
        return exchange::completion(refusal, Some(Finish::Refused), usage);
    }
    let finish = match (text(body, "/status"), text(body, "/incomplete_details/reason")) {
        (Some("incomplete"), Some("content_filter")) => Some(Finish::Refused),
        (Some("incomplete"), _) => Some(Finish::Length),
        (Some("failed" | "cancelled" | "queued" | "in_progress"), _) => {
            return Err("the answer was not finished".to_owned());
        }
        _ => Some(Finish::Complete),
    };
    exchange::completion(words, finish, usage)
}

/// The segments of the address of Chat Completions below the base.
pub(super) fn chat_path() -> Vec<String> {
    ["chat", "completions"].map(str::to_owned).to_vec()
}

pub(super) fn chat_body(model: &str, request: &ChatRequest, without: &Without) -> Value {
    let outline = Outline::of(request, without);
    let instructions = outline.instructions();
    let system = instructions.map(|text| json!({ "role": "system", "content": text }));
    let messages: Value = system.into_iter().chain(outline.turns.iter().map(message)).collect();
    let mut body = json!({ "model": model, "messages": messages, "stream": false });
    let bound = if carries(request, without, Param::MaxTokens) {
        "max_tokens"
    } else {
        "max_completion_tokens"
    };
    body[bound] = json!(exchange::max_tokens(request, without));
    if carries(request, without, Param::Temperature) {
        body["temperature"] = json!(exchange::temperature(request, 2.0));
    }
    if carries(request, without, Param::Seed) {
        // Cut to 31 bits, because some servers read the seed into a C int.
        body["seed"] = json!(request.sampling.seed & 0x7fff_ffff);
    }
    if carries(request, without, Param::Reasoning) {
        // The form that vLLM, SGLang and llama.cpp read; a template without thoughts ignores it.
        body["chat_template_kwargs"] = json!({ "enable_thinking": false });
    }
    if let Some(most) = exchange::logprobs(request, without) {
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(most);
    }
    if let Some(shape) = &outline.enforced {
        let mut format = strict(shape);
        // The servers that followed OpenAI hold an answer to the schema's bounds; OpenAI itself may
        // not.
        format["schema"] = json_schema::schema(shape, exchange::dialect(request, without));
        body["response_format"] = json!({ "type": "json_schema", "json_schema": format });
    }
    body
}

/// Reads the body of a 200 answer of Chat Completions.
pub(super) fn chat_answer(body: &Value) -> Result<Completion, String> {
    let usage = usage(body, ["prompt_tokens", "completion_tokens"]);
    let refusal = text(body, "/choices/0/message/refusal").unwrap_or_default();
    if !refusal.is_empty() {
        return exchange::completion(refusal.to_owned(), Some(Finish::Refused), usage);
    }
    let words = match body.pointer("/choices/0/message/content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect()
        }
        _ => String::new(),
    };
    let finish = match text(body, "/choices/0/finish_reason") {
        Some("stop") => Some(Finish::Complete),
        Some("length") => Some(Finish::Length),
        Some("content_filter") => Some(Finish::Refused),
        _ => None,
    };
    exchange::completion(words, finish, usage)
}

/// The part of a Chat Completions answer that lists its tokens.
pub(super) fn chat_tokens(body: &Value) -> &Value {
    &body["choices"][0]["logprobs"]["content"]
}

fn message(turn: &Turn<'_>) -> Value {
    let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
    json!({ "role": role, "content": turn.text() })
}

fn strict(shape: &Shape) -> Value {
    json!({
        "name": SCHEMA_NAME,
        "strict": true,
        "schema": json_schema::schema(shape, Dialect::Strict),
    })
}

/// A key that is equal for all requests with the same beginning, of at most 64 characters.
fn cache_key(shared: &[Message]) -> String {
    let mut hash = Sha256::new();
    for message in shared {
        hash.update(message.content.as_bytes());
        hash.update([0]);
    }
    format!("persona-{}", encode_string(&hash.finalize()[..16]))
}

/// The tokens of an answer. Both APIs include cached and reasoning tokens in their counts; they
/// differ in names alone.
fn usage(body: &Value, [input, output]: [&str; 2]) -> Option<Usage> {
    let of = |name: &str| count(body, &format!("/usage/{name}"));
    let may_lack = |name: &str| part(body, &format!("/usage/{name}"));
    let (prompt, completion) = (of(input)?, of(output)?);
    let beyond = beyond(body, "/usage/total_tokens", prompt.saturating_add(completion))?;
    Some(Usage {
        prompt,
        cached_prompt: may_lack(&format!("{input}_details/cached_tokens"))?,
        cache_written: 0,
        completion: completion.saturating_add(beyond),
        reasoning: may_lack(&format!("{output}_details/reasoning_tokens"))?.max(beyond),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Output;
    use super::super::remote::exchange::tests::{request, shape};
    use super::*;

    #[test]
    fn responses_keeps_nothing_and_enforces_the_schema() {
        let body = responses_body("m", &request(shape()), &Without::new());
        assert_eq!(body["store"], false);
        assert_eq!(body["instructions"], "You edit.\n\nBe brief.");
        assert_eq!(
            body["input"],
            json!([
                { "role": "user", "content": "an example" },
                { "role": "assistant", "content": "its answer" },
                { "role": "user", "content": "the corpus\n\nthe question" },
            ])
        );
        assert_eq!(body["max_output_tokens"], 300);
        let format = &body["text"]["format"];
        assert_eq!((&format["type"], &format["strict"]), (&json!("json_schema"), &json!(true)));
        assert_eq!(format["schema"]["required"], json!(["title"]));
        assert!(body.get("temperature").is_none() && body.get("seed").is_none());
    }

    #[test]
    fn requests_that_begin_alike_share_a_cache_key() {
        let key = |request: &ChatRequest| {
            let body = responses_body("m", request, &Without::new());
            body["prompt_cache_key"].as_str().unwrap().to_owned()
        };
        let one = request(Output::Text);
        let mut two = one.clone();
        two.own = vec![Message::user("another question")];
        let mut other = one.clone();
        other.shared = [Message::user("another corpus")].into();
        assert_eq!(key(&one), key(&two));
        assert_ne!(key(&one), key(&other));
        assert!(key(&one).len() <= 64);
    }

    #[test]
    fn chat_sends_instructions_first_and_a_seed_that_fits_an_int() {
        let body = chat_body("m", &request(shape()), &Without::new());
        let first = json!({ "role": "system", "content": "You edit.\n\nBe brief." });
        assert_eq!(body["messages"][0], first);
        assert_eq!(body["messages"].as_array().unwrap().len(), 4);
        assert_eq!(body["seed"], 0x7fff_ffff);
        assert_eq!((&body["stream"], &body["max_tokens"]), (&json!(false), &json!(300)));
        assert_eq!(body["response_format"]["json_schema"]["strict"], true);
        assert!(body.get("max_completion_tokens").is_none());
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let without = Without::from([
            Param::MaxTokens,
            Param::Temperature,
            Param::Seed,
            Param::Schema,
            Param::Reasoning,
            Param::Cache,
        ]);
        let chat = chat_body("m", &request(shape()), &without);
        let keys: Vec<&String> = chat.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["model", "messages", "stream", "max_completion_tokens"]);
        let responses = responses_body("m", &request(shape()), &without);
        let keys: Vec<&String> = responses.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["model", "store", "instructions", "input", "max_output_tokens"]);
        for last in [&chat["messages"][3], &responses["input"][2]] {
            assert!(last["content"].as_str().unwrap().contains("\"title\""), "{last}");
        }
    }

    #[test]
    fn responses_reads_text_after_thoughts_and_counts_them() {
        let answer = responses_answer(&json!({
            "status": "completed", "error": null, "incomplete_details": null,
            "output": [
                { "type": "reasoning", "summary": [] },
                { "type": "message", "content": [{ "type": "output_text", "text": "{}" }] },
            ],
            "usage": { "input_tokens": 90, "input_tokens_details": { "cached_tokens": 64 },
                       "output_tokens": 40, "output_tokens_details": { "reasoning_tokens": 38 } },
        }))
        .unwrap();
        assert_eq!((answer.text.as_str(), answer.finish), ("{}", Finish::Complete));
        let usage = Usage {
            prompt: 90,
            cached_prompt: 64,
            completion: 40,
            reasoning: 38,
            cache_written: 0,
        };
        assert_eq!(answer.usage, Some(usage));
    }

    #[test]
    fn responses_tells_cut_refused_and_unfinished_answers_apart() {
        let of = |status: &str, reason: &str, part: Value| {
            responses_answer(&json!({
                "status": status, "incomplete_details": { "reason": reason },
                "output": [{ "type": "message", "content": [part] }],
            }))
        };
        let words = json!({ "type": "output_text", "text": "x" });
        let refusal = json!({ "type": "refusal", "refusal": "I cannot." });
        let finish = |status, reason| of(status, reason, words.clone()).map(|a| a.finish);
        assert_eq!(finish("incomplete", "max_output_tokens"), Ok(Finish::Length));
        assert_eq!(finish("incomplete", "content_filter"), Ok(Finish::Refused));
        assert!(finish("failed", "").is_err());
        let refused = of("completed", "", refusal).unwrap();
        assert_eq!((refused.text.as_str(), refused.finish), ("I cannot.", Finish::Refused));
        assert!(responses_answer(&json!({ "status": "completed", "output": [] })).is_err());
    }

    #[test]
    fn chat_tells_whole_cut_and_refused_answers_apart() {
        let of = |reason: &str, message: Value| {
            let choice = json!({ "finish_reason": reason, "message": message });
            chat_answer(&json!({
                "choices": [choice],
                "usage": { "prompt_tokens": 9, "completion_tokens": 4,
                           "prompt_tokens_details": { "cached_tokens": 8 } },
            }))
        };
        let whole = of("stop", json!({ "content": "{}", "refusal": null })).unwrap();
        assert_eq!((whole.text.as_str(), whole.finish), ("{}", Finish::Complete));
        let usage =
            Usage { prompt: 9, cached_prompt: 8, completion: 4, reasoning: 0, cache_written: 0 };
        assert_eq!(whole.usage, Some(usage));
        assert_eq!(of("length", json!({ "content": "{" })).unwrap().finish, Finish::Length);
        let filtered = of("content_filter", json!({ "content": null })).unwrap();
        assert_eq!(filtered.finish, Finish::Refused);
        let refused = of("stop", json!({ "content": null, "refusal": "No." })).unwrap();
        assert_eq!((refused.text.as_str(), refused.finish), ("No.", Finish::Refused));
        let parts = json!({ "content": [{ "type": "text", "text": "{}" }] });
        assert_eq!(of("stop", parts).unwrap().text, "{}");
        let silent = of("stop", json!({ "content": null })).unwrap();
        assert_eq!((silent.finish, silent.usage), (Finish::Empty, Some(usage)));
        assert!(chat_answer(&json!({ "choices": [] })).is_err());
    }

    #[test]
    fn a_usage_is_all_that_is_billed_or_unknown() {
        let of = |fields: Value| {
            let usage = usage(&json!({ "usage": fields }), ["prompt_tokens", "completion_tokens"]);
            usage.map(|usage| (usage.prompt, usage.completion, usage.reasoning))
        };
        let beside = json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 713,
                    "completion_tokens_details": { "reasoning_tokens": 700 } });
        assert_eq!(of(beside), Some((9, 704, 700)));
        let within = json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13 });
        assert_eq!(of(within), Some((9, 4, 0)));
        let wrong = json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": "13" });
        assert_eq!(of(wrong), None);
    }
}
