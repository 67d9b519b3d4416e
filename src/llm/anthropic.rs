//! Anthropic's Messages API (<https://docs.anthropic.com/en/api/messages>).
//!
//! Owns its field names: a request's body and headers, and what an answer means. Sends nothing.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::json_schema::{self, Dialect};
use super::remote::ApiKey;
use super::remote::exchange::{
    self, Block, Optional, Outline, Param, Without, carries, count, part, text,
};
use super::{ChatRequest, Completion, Finish, Role, Usage};

/// Address of the service, without a version.
pub(super) const BASE: &str = "https://api.anthropic.com";

/// Parameters that a model may not know, and the names by which a refusal mentions them.
pub(super) const OPTIONAL: Optional = &[
    (
        Param::Schema,
        &["output_config", "output_format", "structured output", "structured outputs", "schema"],
    ),
    (Param::Temperature, &["temperature"]),
    (Param::Cache, &["cache_control"]),
];

/// The version of the API that this file uses.
const VERSION: &str = "2023-06-01";

/// The segments of the address below the base.
pub(super) fn path() -> Vec<String> {
    ["v1", "messages"].map(str::to_owned).to_vec()
}

pub(super) fn headers(key: Option<&ApiKey>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION));
    if let Some(key) = key {
        headers.insert(HeaderName::from_static("x-api-key"), key.header(""));
    }
    headers
}

pub(super) fn body(model: &str, request: &ChatRequest, without: &Without) -> Value {
    let outline = Outline::of(request, without);
    let mut body = json!({ "model": model, "max_tokens": request.max_tokens });
    if !outline.system.is_empty() {
        body["system"] = outline.system.iter().map(block).collect();
    }
    let messages = outline.turns.iter().map(|turn| {
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        json!({ "role": role, "content": turn.blocks.iter().map(block).collect::<Value>() })
    });
    body["messages"] = messages.collect();
    if carries(request, without, Param::Cache)
        && let Some(place) = last_shared(&outline)
        && let Some(block) = body.pointer_mut(&place)
    {
        block["cache_control"] = json!({ "type": "ephemeral" });
    }
    if carries(request, without, Param::Temperature) {
        body["temperature"] = json!(exchange::temperature(request, 1.0));
    }
    if let Some(shape) = &outline.enforced {
        let schema = json_schema::schema(shape, Dialect::Strict);
        body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
    }
    body
}

fn block(block: &Block<'_>) -> Value {
    json!({ "type": "text", "text": block.text })
}

/// JSON pointer to the last block of the body with which other requests begin too. Instructions
/// come before all turns.
fn last_shared(outline: &Outline<'_>) -> Option<String> {
    let of = |blocks: &[Block<'_>]| blocks.iter().rposition(|block| block.shared);
    let mut turns = outline.turns.iter().enumerate().rev();
    turns
        .find_map(|(turn, t)| Some(format!("/messages/{turn}/content/{}", of(&t.blocks)?)))
        .or_else(|| Some(format!("/system/{}", of(&outline.system)?)))
}

/// Reads the body of a 200 answer.
pub(super) fn answer(body: &Value) -> Result<Completion, String> {
    let blocks = body.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let words = blocks
        .iter()
        .filter(|block| block["type"] == "text")
        .filter_map(|block| block["text"].as_str())
        .collect();
    let finish = match text(body, "/stop_reason") {
        Some("end_turn" | "stop_sequence") => Some(Finish::Complete),
        Some("max_tokens" | "model_context_window_exceeded") => Some(Finish::Length),
        Some("refusal") => Some(Finish::Refused),
        _ => None,
    };
    exchange::completion(words, finish, usage(body))
}

/// The tokens of an answer. `input_tokens` counts neither what was read from the cache nor what was
/// written to it.
fn usage(body: &Value) -> Option<Usage> {
    let cached = part(body, "/usage/cache_read_input_tokens")?;
    let written = part(body, "/usage/cache_creation_input_tokens")?;
    Some(Usage {
        prompt: count(body, "/usage/input_tokens")?.saturating_add(cached).saturating_add(written),
        cached_prompt: cached,
        cache_written: written,
        completion: count(body, "/usage/output_tokens")?,
        reasoning: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Output;
    use super::super::remote::exchange::tests::{request, shape};
    use super::*;

    #[test]
    fn a_request_has_instructions_apart_and_a_mark_on_the_last_shared_block() {
        let body = body("m", &request(shape()), &Without::new());
        let schema = &body["output_config"]["format"]["schema"];
        assert_eq!(schema["required"], json!(["title"]));
        let mut rest = body.clone();
        rest.as_object_mut().unwrap().remove("output_config");
        assert_eq!(
            rest,
            json!({
                "model": "m",
                "max_tokens": 300,
                "system": [
                    { "type": "text", "text": "You edit." },
                    { "type": "text", "text": "Be brief." },
                ],
                "messages": [
                    { "role": "user", "content": [{ "type": "text", "text": "an example" }] },
                    { "role": "assistant", "content": [{ "type": "text", "text": "its answer" }] },
                    { "role": "user", "content": [
                        { "type": "text", "text": "the corpus",
                          "cache_control": { "type": "ephemeral" } },
                        { "type": "text", "text": "the question" },
                    ] },
                ],
                "temperature": 0.7,
            })
        );
    }

    #[test]
    fn instructions_alone_are_marked_when_nothing_else_is_shared() {
        let mut request = request(Output::Text);
        request.shared = request.shared[..2].into();
        let marked = body("m", &request, &Without::new());
        assert_eq!(marked["system"][1]["cache_control"], json!({ "type": "ephemeral" }));
        assert_eq!(marked.to_string().matches("cache_control").count(), 1);
        request.shared = [].into();
        let unmarked = body("m", &request, &Without::new());
        assert!(!unmarked.to_string().contains("cache_control"), "{unmarked}");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let without = Without::from([Param::Schema, Param::Temperature, Param::Cache]);
        let body = body("m", &request(shape()), &without);
        for gone in ["output_config", "temperature", "cache_control"] {
            assert!(!body.to_string().contains(gone), "{gone} in {body}");
        }
        assert!(body["messages"][2]["content"][2]["text"].as_str().unwrap().contains("title"));
    }

    #[test]
    fn prompt_tokens_count_what_was_read_from_and_written_to_the_cache() {
        let answer = answer(&json!({
            "content": [
                { "type": "thinking", "thinking": "hm" },
                { "type": "text", "text": "{\"title\":" },
                { "type": "text", "text": "\"x\"}" },
            ],
            "stop_reason": "end_turn",
            "usage": { "input_tokens": 10, "cache_creation_input_tokens": 200,
                       "cache_read_input_tokens": 3000, "output_tokens": 7 },
        }))
        .unwrap();
        assert_eq!(answer.text, "{\"title\":\"x\"}");
        let usage = Usage {
            prompt: 3210,
            cached_prompt: 3000,
            completion: 7,
            reasoning: 0,
            cache_written: 200,
        };
        assert_eq!(answer.usage, Some(usage));
    }

    #[test]
    fn each_stop_reason_has_its_meaning() {
        let finish = |reason: &str| {
            let content = json!([{ "type": "text", "text": "x" }]);
            answer(&json!({ "content": content, "stop_reason": reason })).unwrap().finish
        };
        assert_eq!(finish("end_turn"), Finish::Complete);
        assert_eq!(finish("max_tokens"), Finish::Length);
        assert_eq!(finish("refusal"), Finish::Refused);
        let refused = answer(&json!({ "content": [], "stop_reason": "refusal" })).unwrap();
        assert_eq!((refused.text.as_str(), refused.finish), ("", Finish::Refused));
        assert!(answer(&json!({ "content": [], "stop_reason": "end_turn" })).is_err());
        assert!(answer(&json!({ "weather": "fine" })).is_err());
    }
    #[test]
    fn a_usage_with_a_number_that_is_none_is_unknown() {
        let of = |written: Value| {
            usage(&json!({ "usage": { "input_tokens": 9, "output_tokens": 4,
                                      "cache_creation_input_tokens": written } }))
        };
        assert_eq!(of(json!(5)).map(|usage| usage.prompt), Some(14));
        assert_eq!(of(Value::Null).map(|usage| usage.prompt), Some(9));
        assert!(of(json!("5")).is_none() && of(json!(5.0)).is_none());
    }
}
