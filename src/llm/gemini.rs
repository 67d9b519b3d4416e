//! Google's Gemini API (<https://ai.google.dev/api/generate-content>).
//!
//! Owns its field names: a request's address, body and headers, and what an answer means. Sends
//! nothing.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::json_schema::{self, Dialect};
use super::remote::ApiKey;
use super::remote::exchange::{
    self, Block, Optional, Outline, Param, Without, beyond, carries, count, part, text,
};
use super::{ChatRequest, Completion, Finish, Role, Usage};

/// Address of the service, without a version.
pub(super) const BASE: &str = "https://generativelanguage.googleapis.com";

/// Parameters that a model may not know, and the names by which a refusal mentions them.
pub(super) const OPTIONAL: Optional = &[
    (
        Param::Reasoning,
        &[
            "thinkingConfig",
            "thinking_config",
            "thinkingBudget",
            "thinking_budget",
            "thinking",
            "budget",
        ],
    ),
    (
        Param::Schema,
        &[
            "responseJsonSchema",
            "response_json_schema",
            "response_schema",
            "responseMimeType",
            "response_mime_type",
            "schema",
            "JSON mode",
        ],
    ),
    (Param::Temperature, &["temperature"]),
];

/// Most tokens of thought before an answer: the least that every model with thoughts allows
/// (<https://ai.google.dev/gemini-api/docs/thinking>). Thoughts count towards the answer's own
/// bound, and a model without a budget would spend all of it on them.
const THINKING_BUDGET: u32 = 512;

/// The segments of the address below the base.
pub(super) fn path(model: &str) -> Vec<String> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    vec!["v1beta".to_owned(), "models".to_owned(), format!("{model}:generateContent")]
}

pub(super) fn headers(key: Option<&ApiKey>) -> HeaderMap {
    key.map(|key| (HeaderName::from_static("x-goog-api-key"), key.header(""))).into_iter().collect()
}

pub(super) fn body(request: &ChatRequest, without: &Without) -> Value {
    let outline = Outline::of(request, without);
    let mut body = json!({});
    if !outline.system.is_empty() {
        body["systemInstruction"] = json!({ "parts": parts(&outline.system) });
    }
    let contents = outline.turns.iter().map(|turn| {
        let role = if turn.role == Role::Assistant { "model" } else { "user" };
        json!({ "role": role, "parts": parts(&turn.blocks) })
    });
    body["contents"] = contents.collect();
    let mut config = json!({ "maxOutputTokens": request.max_tokens });
    if carries(request, without, Param::Temperature) {
        config["temperature"] = json!(exchange::temperature(request, 2.0));
    }
    if carries(request, without, Param::Reasoning) {
        config["thinkingConfig"] = json!({ "thinkingBudget": THINKING_BUDGET });
    }
    if let Some(shape) = &outline.enforced {
        config["responseMimeType"] = json!("application/json");
        config["responseJsonSchema"] = json_schema::schema(shape, Dialect::Open);
    }
    body["generationConfig"] = config;
    body
}

fn parts(blocks: &[Block<'_>]) -> Value {
    blocks.iter().map(|block| json!({ "text": block.text })).collect()
}

/// Reads the body of a 200 answer.
pub(super) fn answer(body: &Value) -> Result<Completion, String> {
    let parts = body.pointer("/candidates/0/content/parts").and_then(Value::as_array);
    let words = parts
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter(|part| part["thought"] != true)
        .filter_map(|part| part["text"].as_str())
        .collect();
    let finish = match text(body, "/candidates/0/finishReason") {
        Some("STOP") => Some(Finish::Complete),
        Some("MAX_TOKENS") => Some(Finish::Length),
        Some(
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII",
        ) => Some(Finish::Refused),
        Some(_) => None,
        None => text(body, "/promptFeedback/blockReason").map(|_| Finish::Refused),
    };
    exchange::completion(words, finish, usage(body))
}

/// The tokens of an answer. `promptTokenCount` includes cached tokens; `candidatesTokenCount`
/// leaves thoughts out, and is absent when there was nothing else.
fn usage(body: &Value) -> Option<Usage> {
    let prompt = count(body, "/usageMetadata/promptTokenCount")?;
    let of = |name: &str| part(body, &format!("/usageMetadata/{name}"));
    let prompt = prompt.saturating_add(of("toolUsePromptTokenCount")?);
    let reasoning = of("thoughtsTokenCount")?;
    let completion = of("candidatesTokenCount")?.saturating_add(reasoning);
    let parts = prompt.saturating_add(completion);
    let beyond = beyond(body, "/usageMetadata/totalTokenCount", parts)?;
    Some(Usage {
        prompt,
        cached_prompt: of("cachedContentTokenCount")?,
        cache_written: 0,
        completion: completion.saturating_add(beyond),
        reasoning: reasoning.saturating_add(beyond),
    })
}

#[cfg(test)]
mod tests {
    use super::super::remote::exchange::tests::{request, shape};
    use super::*;

    #[test]
    fn a_request_has_alternating_roles_and_its_bounds_in_one_place() {
        let body = body(&request(shape()), &Without::new());
        let schema = &body["generationConfig"]["responseJsonSchema"];
        assert_eq!(schema["required"], json!(["title"]));
        assert_eq!(
            body["systemInstruction"],
            json!({ "parts": [{ "text": "You edit." }, { "text": "Be brief." }] })
        );
        assert_eq!(
            body["contents"],
            json!([
                { "role": "user", "parts": [{ "text": "an example" }] },
                { "role": "model", "parts": [{ "text": "its answer" }] },
                { "role": "user", "parts": [{ "text": "the corpus" }, { "text": "the question" }] },
            ])
        );
        let config = &body["generationConfig"];
        assert_eq!(config["maxOutputTokens"], 300);
        assert_eq!(config["temperature"], 0.7);
        assert_eq!(config["responseMimeType"], "application/json");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let without = Without::from([Param::Schema, Param::Temperature, Param::Reasoning]);
        let body = body(&request(shape()), &without);
        assert_eq!(body["generationConfig"], json!({ "maxOutputTokens": 300 }));
        assert!(body["contents"][2]["parts"][2]["text"].as_str().unwrap().contains("title"));
    }

    #[test]
    fn a_model_is_one_segment_of_the_address_with_or_without_its_prefix() {
        for name in ["gemini-x", "models/gemini-x"] {
            assert_eq!(path(name), ["v1beta", "models", "gemini-x:generateContent"]);
        }
    }

    #[test]
    fn thoughts_are_billed_and_not_shown() {
        let answer = answer(&json!({
            "candidates": [{
                "content": { "role": "model", "parts": [
                    { "text": "let me see", "thought": true }, { "text": "{}" },
                ] },
                "finishReason": "STOP",
            }],
            "usageMetadata": { "promptTokenCount": 100, "cachedContentTokenCount": 60,
                               "candidatesTokenCount": 2, "thoughtsTokenCount": 30 },
        }))
        .unwrap();
        assert_eq!(answer.text, "{}");
        let usage = Usage {
            prompt: 100,
            cached_prompt: 60,
            completion: 32,
            reasoning: 30,
            cache_written: 0,
        };
        assert_eq!(answer.usage, Some(usage));
    }

    #[test]
    fn each_finish_reason_has_its_meaning() {
        let finish = |reason: &str| {
            let candidate =
                json!({ "content": { "parts": [{ "text": "x" }] }, "finishReason": reason });
            answer(&json!({ "candidates": [candidate] })).unwrap().finish
        };
        assert_eq!(finish("STOP"), Finish::Complete);
        assert_eq!(finish("MAX_TOKENS"), Finish::Length);
        assert_eq!(finish("SAFETY"), Finish::Refused);
        let blocked = json!({ "promptFeedback": { "blockReason": "SAFETY" },
                              "usageMetadata": { "promptTokenCount": 9 } });
        let blocked = answer(&blocked).unwrap();
        assert_eq!((blocked.text.as_str(), blocked.finish), ("", Finish::Refused));
        assert_eq!(blocked.usage.unwrap().prompt, 9);
        let spent = json!({ "candidates": [{ "content": {}, "finishReason": "MAX_TOKENS" }] });
        assert_eq!(answer(&spent).unwrap().finish, Finish::Length);
        assert!(answer(&json!({ "candidates": [] })).is_err());
    }
    #[test]
    fn a_usage_is_all_that_is_billed_or_unknown() {
        let usage = |meta: Value| usage(&json!({ "usageMetadata": meta }));
        let of = |usage: Option<Usage>| usage.map(|usage| (usage.prompt, usage.completion));
        let meta = json!({ "promptTokenCount": 9, "candidatesTokenCount": 4,
                           "toolUsePromptTokenCount": 2, "totalTokenCount": 20 });
        assert_eq!(of(usage(meta)), Some((11, 9)));
        let meta = json!({ "promptTokenCount": 9, "totalTokenCount": 12 });
        assert_eq!(of(usage(meta)), Some((9, 3)));
        for wrong in [json!("4"), json!(4.5), json!(-1)] {
            let meta = json!({ "promptTokenCount": 9, "candidatesTokenCount": 4,
                               "thoughtsTokenCount": wrong });
            assert_eq!(usage(meta), None, "{wrong}");
        }
    }
}
