//! Ollama's chat API (<https://docs.ollama.com/api/chat>).
//!
//! Owns its field names: a request's body, and what an answer means. Sends nothing. Every request
//! states the context: without it a server takes a few thousand tokens and cuts off the rest of a
//! prompt without telling, which `remote.rs` looks for in each answer.

use serde_json::{Value, json};

use super::json_schema;
use super::remote::exchange::{
    self, Optional, Outline, Param, Turn, Without, carries, count, text,
};
use super::{ChatRequest, Completion, Finish, Role, Usage};

/// Address of the server, unless `OLLAMA_HOST` names another.
pub(super) const BASE: &str = "http://127.0.0.1:11434";

/// Parameters that a server may not know, and the names by which a refusal mentions them.
pub(super) const OPTIONAL: Optional = &[
    (Param::Reasoning, &["think", "thinking"]),
    (Param::ManyLogprobs, exchange::LOGPROBS),
    (Param::Logprobs, exchange::LOGPROBS),
    (Param::System, exchange::SYSTEM),
    (Param::Excerpts, &["anyOf", "enum", "grammar"]),
    (Param::Schema, &["format", "schema"]),
];

/// How long the model stays loaded after a request: longer than any pause within a run.
const KEEP_ALIVE: &str = "10m";

/// The segments of the address below the base.
pub(super) fn path() -> Vec<String> {
    ["api", "chat"].map(str::to_owned).to_vec()
}

pub(super) fn body(model: &str, context: usize, request: &ChatRequest, without: &Without) -> Value {
    let outline = Outline::of(request, without);
    let system = outline.instructions().map(|text| json!({ "role": "system", "content": text }));
    let messages: Value = system.into_iter().chain(outline.turns.iter().map(message)).collect();
    let sampling = &request.sampling;
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "keep_alive": KEEP_ALIVE,
        "options": {
            "num_ctx": context,
            "num_predict": exchange::max_tokens(request, without),
            // Cut to 31 bits, because Ollama reads the seed into a C int.
            "seed": sampling.seed & 0x7fff_ffff,
            "temperature": exchange::temperature(request, 2.0),
            "top_k": sampling.top_k,
            "top_p": exchange::decimal(sampling.top_p),
            "min_p": exchange::decimal(sampling.min_p),
            "repeat_penalty": exchange::decimal(sampling.repetition_penalty),
        },
    });
    if carries(request, without, Param::Reasoning) {
        body["think"] = json!(false);
    }
    if let Some(most) = exchange::logprobs(request, without) {
        body["logprobs"] = json!(true);
        body["top_logprobs"] = json!(most);
    }
    if let Some(shape) = &outline.enforced {
        body["format"] = json_schema::schema(shape, exchange::dialect(request, without));
    }
    body
}

fn message(turn: &Turn<'_>) -> Value {
    let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
    json!({ "role": role, "content": turn.text() })
}

/// Joins the lines of a streamed answer into one that looks as if it had not been streamed.
pub(super) fn assembled(body: &[u8]) -> Result<Value, String> {
    let mut words = String::new();
    let mut tokens = Vec::new();
    let mut last = None;
    for line in body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let line: Value = serde_json::from_slice(line)
            .map_err(|_| "a line of the answer is not a JSON document".to_owned())?;
        if line.get("error").is_some() {
            return Ok(line);
        }
        words.push_str(text(&line, "/message/content").unwrap_or_default());
        tokens.extend(line["logprobs"].as_array().into_iter().flatten().cloned());
        last = Some(line);
    }
    let mut whole = last.ok_or("the answer is empty")?;
    if whole["done"] != true {
        return Err("the answer broke off before its end".to_owned());
    }
    whole["message"]["content"] = json!(words);
    whole["logprobs"] = json!(tokens);
    Ok(whole)
}

/// Reads an assembled answer.
pub(super) fn answer(body: &Value) -> Result<Completion, String> {
    let words = text(body, "/message/content").unwrap_or_default().to_owned();
    let finish = match text(body, "/done_reason") {
        Some("stop") => Some(Finish::Complete),
        Some("length") => Some(Finish::Length),
        // The server was not asked to write anything: it only loaded the model.
        Some("load" | "unload") => {
            return Err("the server loaded the model and wrote nothing".into());
        }
        _ => None,
    };
    let seconds = |name: &str| body[name].as_u64().unwrap_or(0) as f64 / 1e9;
    let mut completion = exchange::completion(words, finish, usage(body))?;
    completion.timings.queue_s = seconds("load_duration");
    completion.timings.prefill_s = seconds("prompt_eval_duration");
    completion.timings.decode_s = seconds("eval_duration");
    Ok(completion)
}

/// The part of an answer that lists its tokens.
pub(super) fn tokens(body: &Value) -> &Value {
    &body["logprobs"]
}

fn usage(body: &Value) -> Option<Usage> {
    Some(Usage {
        prompt: count(body, "/prompt_eval_count")?,
        completion: count(body, "/eval_count").unwrap_or(0),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Output;
    use super::super::remote::exchange::tests::{request, shape};
    use super::*;

    #[test]
    fn a_request_states_context_length_and_seed() {
        let body = body("qwen3:4b", 8192, &request(shape()), &Without::new());
        assert_eq!(body["options"]["num_ctx"], 8192);
        assert_eq!(body["options"]["num_predict"], 300);
        assert_eq!(body["options"]["seed"], 0x7fff_ffff);
        assert_eq!(body["options"]["temperature"], 0.7);
        assert_eq!(body["think"], false);
        assert_eq!(body["format"]["required"], json!(["title"]));
        assert_eq!(body["messages"][0]["role"], "system");
        assert_eq!(body.get("logprobs"), None);
    }

    #[test]
    fn a_label_is_read_from_probabilities_and_asked_for_as_json_only_without_them() {
        let labels: Arc<[String]> = ["1", "2"].map(str::to_owned).into();
        let label = request(Output::Label(labels));
        let with = body("m", 512, &label, &Without::new());
        assert_eq!(with["logprobs"], true);
        assert_eq!((with.get("format"), &with["options"]["num_predict"]), (None, &json!(4)));
        let mute = body("m", 512, &label, &Without::from([Param::Logprobs]));
        assert_eq!(mute.get("logprobs"), None);
        let led = body("m", 512, &label, &Without::from([Param::FirstWords]));
        assert_eq!(led["logprobs"], true);
        for body in [mute, led] {
            assert_eq!(body["format"]["properties"]["answer"]["enum"], json!(["1", "2"]));
            assert_eq!(body["options"]["num_predict"], 300);
        }
    }

    #[test]
    fn a_stream_is_put_together_and_one_without_an_end_is_none() {
        let lines = concat!(
            r#"{"message":{"content":"{\"a\""},"done":false}"#,
            "\n",
            r#"{"message":{"content":":1}"},"done":false}"#,
            "\n\n",
            r#"{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":31,"eval_count":5,"eval_duration":2000000000}"#,
        );
        let whole = answer(&assembled(lines.as_bytes()).unwrap()).unwrap();
        assert_eq!((whole.text.as_str(), whole.finish), (r#"{"a":1}"#, Finish::Complete));
        assert_eq!(whole.usage.map(|usage| (usage.prompt, usage.completion)), Some((31, 5)));
        assert!((whole.timings.decode_s - 2.0).abs() < 1e-9);
        let cut = lines.lines().next().unwrap();
        assert!(assembled(cut.as_bytes()).unwrap_err().contains("broke off"));
        assert!(assembled(b"<html>").is_err() && assembled(b"").is_err());
        let failed = assembled(b"{\"message\":{\"content\":\"x\"}}\n{\"error\":\"out of memory\"}");
        assert_eq!(failed.unwrap()["error"], "out of memory");
    }
}
