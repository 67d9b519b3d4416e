//! The APIs that services have: which vendor's file writes and reads what is sent.
//!
//! Owns the choice and nothing else; field names are the vendors' files'.

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::ApiKey;
use super::exchange::{Optional, Param, Without};
use super::server::SERVER_KEY_VARIABLE;
use crate::llm::{ChatRequest, Completion, anthropic, gemini, ollama, openai};

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

    pub(super) fn key_variable(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::Ollama => SERVER_KEY_VARIABLE,
            Self::OpenAiChat | Self::OpenAiResponses => "OPENAI_API_KEY",
        }
    }

    pub(super) fn path(self, model: &str) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::path(),
            Self::Gemini => gemini::path(model),
            Self::Ollama => ollama::path(),
            Self::OpenAiChat => openai::chat_path(),
            Self::OpenAiResponses => openai::responses_path(),
        }
    }

    pub(super) fn headers(self, key: Option<&ApiKey>) -> HeaderMap {
        match self {
            Self::Anthropic => anthropic::headers(key),
            Self::Gemini => gemini::headers(key),
            Self::Ollama | Self::OpenAiChat | Self::OpenAiResponses => openai::headers(key),
        }
    }

    pub(super) fn optional(self) -> Optional {
        match self {
            Self::Anthropic => anthropic::OPTIONAL,
            Self::Gemini => gemini::OPTIONAL,
            Self::Ollama => ollama::OPTIONAL,
            Self::OpenAiChat => openai::CHAT_OPTIONAL,
            Self::OpenAiResponses => openai::RESPONSES_OPTIONAL,
        }
    }

    /// The body to send; `context` in tokens, for APIs that are told it.
    pub(super) fn body(
        self,
        model: &str,
        context: usize,
        request: &ChatRequest,
        without: &Without,
    ) -> Value {
        match self {
            Self::Anthropic => anthropic::body(model, request, without),
            Self::Gemini => gemini::body(request, without),
            Self::Ollama => ollama::body(model, context, request, without),
            Self::OpenAiChat => openai::chat_body(model, request, without),
            Self::OpenAiResponses => openai::responses_body(model, request, without),
        }
    }

    pub(super) fn answer(self, body: &Value) -> Result<Completion, String> {
        match self {
            Self::Anthropic => anthropic::answer(body),
            Self::Gemini => gemini::answer(body),
            Self::Ollama => ollama::answer(body),
            Self::OpenAiChat => openai::chat_answer(body),
            Self::OpenAiResponses => openai::responses_answer(body),
        }
    }

    /// The tokens of an answer with their probabilities, where the API lists them.
    pub(super) fn tokens(self, body: &Value) -> Option<&Value> {
        match self {
            Self::OpenAiChat => Some(openai::chat_tokens(body)),
            Self::Ollama => Some(ollama::tokens(body)),
            Self::Anthropic | Self::Gemini | Self::OpenAiResponses => None,
        }
    }

    /// The parameters that a service is not sent from the start.
    pub(super) fn known_gaps(self, operator: Operator) -> Without {
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
pub(super) enum Operator {
    /// The user: a server in place of the engine.
    User,
    /// The vendor whose API it is, at its own address.
    Vendor,
    /// Somebody else, at an address that the user gave.
    Other,
}
