//! A server of the user's own: which models it has, and what it says about one.
//!
//! Owns the requests that come before any work, to Ollama (`/api/tags`, `/api/show`) and to servers
//! that follow OpenAI (`/models`; llama.cpp's `/props` too). They carry no research data. Leaves
//! asking the model to [`super::RemoteModel`].

use std::time::{Duration, Instant};

use base16ct::lower::encode_string;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Api, ApiKey, RemoteError, address, openai};
use crate::engine::gguf::Metadata;
use crate::engine::tokenizer::Tokenizer;
use crate::http;

/// The environment variable with the key of a server of the user's own. A vendor's key is never
/// sent there.
pub const SERVER_KEY_VARIABLE: &str = "PERSONA_BACKEND_API_KEY";

/// Longest wait for an answer; even a busy server answers these requests at once.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest wait for a server that is loading its model, for a command that needs it.
pub const LOADING: Duration = Duration::from_mins(2);
/// Pause between two requests to a server that is loading its model.
const AGAIN: Duration = Duration::from_secs(1);
/// How labels are read from a server's answers. It is part of the fingerprint: a judge whose labels
/// are read in another way counts as another judge, and is measured anew.
const LABELS_READ: &str = "probabilities of the first words";
/// Largest answer that is read, in bytes: the vocabulary of 262,144 tokens takes a tenth of this.
const MAX_BODY: usize = 64 << 20;

/// Which server is asked, and about which model.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// [`Api::Ollama`] or [`Api::OpenAiChat`].
    pub api: Api,
    /// Address of the server.
    pub base_url: String,
    /// The model's name at the server; `None` takes the one that is served, or was used last.
    pub model: Option<String>,
    /// The key that the server demands, where it demands one.
    pub key: Option<ApiKey>,
    /// Hosts that may be asked without encryption.
    pub trusted: Vec<String>,
    /// Longest wait for a server that is loading its model.
    pub patience: Duration,
}

/// What a server says about a model.
#[derive(Debug, Default)]
pub struct Served {
    /// Address below which the model is asked: the given one, or `/v1` below it.
    pub base_url: String,
    /// The model's name at the server, in full.
    pub model: String,
    /// Number of models that there were to choose from.
    pub of: usize,
    /// Longest context that the model takes, in tokens.
    pub context: Option<usize>,
    /// Number of parameters.
    pub parameters: Option<u64>,
    /// SHA-256 of the model file, where the server names it.
    pub sha256: Option<String>,
    /// What tells the model from others, where there is no such hash: a hash of what the server
    /// says about the model.
    pub fingerprint: Option<String>,
    /// The model's own vocabulary, where the server gives it.
    pub vocabulary: Option<Tokenizer>,
    /// The host to which the server passes on what it is asked, where the model runs elsewhere, as
    /// Ollama's cloud models do.
    pub passed_to: Option<String>,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server's address cannot be used.
    #[error(transparent)]
    Address(#[from] RemoteError),
    /// No server answers.
    #[error("nothing answers at {host}: {cause}\nhint: {hint}")]
    Down {
        /// The server's host.
        host: String,
        /// Why there is no answer.
        cause: String,
        /// How such a server is started.
        hint: &'static str,
    },
    /// The server answers, but not as it should.
    #[error(
        "{host} is not a server of this kind: {cause}\nhint: check --backend and --backend-url; the address of a server for openai mostly ends in /v1"
    )]
    Odd {
        /// The server's host.
        host: String,
        /// What came instead.
        cause: String,
    },
    /// The server demands a key, or another one.
    #[error("{host} wants a key\nhint: set {SERVER_KEY_VARIABLE}")]
    Key {
        /// The server's host.
        host: String,
    },
    /// The server is there, but has been loading its model for too long.
    #[error("{host} is still loading its model\nhint: run the same command again once it is ready")]
    Loading {
        /// The server's host.
        host: String,
    },
    /// The server does not have the model.
    #[error("{host} has no model '{model}'\nhint: {hint}")]
    NoModel {
        /// The server's host.
        host: String,
        /// The model that was asked for.
        model: String,
        /// Which models the server has, or how to get this one there.
        hint: String,
    },
    /// The server has no model at all.
    #[error("{host} has no model to write with\nhint: {hint}")]
    Empty {
        /// The server's host.
        host: String,
        /// How to get one there.
        hint: &'static str,
    },
}

/// Asks a server about a model.
pub async fn find(options: &ServerOptions) -> Result<Served, ServerError> {
    let base = address::check(&options.base_url, &options.trusted)?;
    let host = address::host(&base);
    let client = http::confidential_client(&base, http::READ_TIMEOUT)
        .map_err(|e| RemoteError::Client { host: host.clone(), cause: http::cause(e) })?;
    let (key, api, patience) = (options.key.clone(), options.api, options.patience);
    let mut server = Server { client, base, host, key, api, patience };
    match options.api {
        Api::Ollama => server.ollama(options.model.as_deref()).await,
        _ => server.openai(options.model.as_deref()).await,
    }
}

struct Server {
    client: Client,
    base: Url,
    host: String,
    key: Option<ApiKey>,
    api: Api,
    patience: Duration,
}

impl Server {
    async fn ollama(&self, wanted: Option<&str>) -> Result<Served, ServerError> {
        let tags = self.get(&["api", "tags"]).await?.map_err(|status| self.odd(status))?;
        let listed = tags["models"].as_array().ok_or_else(|| self.odd("it lists no models"))?;
        let is_own = |model: &&Value| writes(model) && passed_to(model).is_none();
        let names: Vec<&str> = listed.iter().filter(is_own).filter_map(name_of).collect();
        let pull = |model: &str| format!("run 'ollama pull {model}' on that machine");
        let model = match wanted {
            Some(wanted) => {
                let all = || listed.iter().filter_map(name_of);
                all().find(|name| is_called(name, wanted)).ok_or_else(|| ServerError::NoModel {
                    host: self.host.clone(),
                    model: wanted.to_owned(),
                    hint: format!("{}; it has {}", pull(wanted), listing(&names)),
                })?
            }
            // The list begins with the model that was changed last. One that runs elsewhere is
            // never taken unless it is named.
            None => *names.first().ok_or_else(|| ServerError::Empty {
                host: self.host.clone(),
                hint: "get one there, as in 'ollama pull qwen3:4b'",
            })?,
        };
        let asked = json!({ "model": model, "verbose": true });
        let shown =
            self.post(&["api", "show"], &asked).await?.map_err(|status| ServerError::NoModel {
                host: self.host.clone(),
                model: model.to_owned(),
                hint: format!("it says {status}; {}", pull(model)),
            })?;
        let none = Map::new();
        let info = shown["model_info"].as_object().unwrap_or(&none);
        let architecture = info.get("general.architecture").and_then(Value::as_str);
        let context = architecture
            .and_then(|name| info.get(&format!("{name}.context_length")))
            .and_then(Value::as_u64);
        let tag = listed.iter().find(|listed| name_of(listed) == Some(model));
        Ok(Served {
            base_url: self.base.as_str().trim_end_matches('/').to_owned(),
            passed_to: passed_to(&shown).or(tag.and_then(passed_to)),
            model: model.to_owned(),
            of: names.len(),
            context: context.map(|context| context as usize),
            parameters: info.get("general.parameter_count").and_then(Value::as_u64),
            sha256: shown["modelfile"].as_str().and_then(blob),
            fingerprint: None,
            // Where the vocabulary is not known here, tokens are estimated from the length in
            // bytes.
            vocabulary: Tokenizer::from_metadata(&Metadata::from_json(info)).ok(),
        })
    }

    async fn openai(&mut self, wanted: Option<&str>) -> Result<Served, ServerError> {
        let listed = match (self.models_below_v1_too().await, wanted) {
            (Ok(Ok(models)), _) => models,
            // Not every server lists its models.
            (Ok(Err(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)), Some(_)) => {
                Vec::new()
            }
            (Ok(Err(status)), _) => return Err(self.odd(status)),
            (Err(error), _) => return Err(error),
        };
        let id = |model: &Value| model["id"].as_str().map(str::to_owned);
        let names: Vec<String> = listed.iter().filter_map(id).collect();
        // Of several, the one that is loaded; none that only computes embeddings.
        let writing = || listed.iter().filter(|model| writes(model));
        let ready = || writing().find(|model| is_loaded(model)).or_else(|| writing().next());
        let is_wanted = |name: &str| listed.iter().find(|m| id(m).as_deref() == Some(name));
        let entry = wanted.map_or_else(ready, is_wanted);
        let model = match (wanted, entry) {
            (_, Some(entry)) => id(entry).ok_or_else(|| self.odd("its models have no id"))?,
            (Some(wanted), None) if names.is_empty() => wanted.to_owned(),
            (Some(wanted), None) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                return Err(ServerError::NoModel {
                    host: self.host.clone(),
                    model: wanted.to_owned(),
                    hint: format!("it has {}", listing(&names)),
                });
            }
            (None, None) => {
                return Err(ServerError::Empty {
                    host: self.host.clone(),
                    hint: "start it with a model",
                });
            }
        };
        let of_entry = |pointer: &str| {
            entry.and_then(|e| e.pointer(pointer)?.as_u64()).filter(|number| *number > 0)
        };
        let context = match of_entry("/max_model_len").or(of_entry("/max_context_length")) {
            Some(context) => Some(context),
            None => self.llama_cpp_context(&model).await?.or(of_entry("/meta/n_ctx_train")),
        };
        Ok(Served {
            base_url: self.base.as_str().trim_end_matches('/').to_owned(),
            passed_to: None,
            model,
            of: names.len(),
            context: context.map(|context| context as usize),
            parameters: of_entry("/meta/n_params"),
            sha256: None,
            fingerprint: entry.map(|entry| self.fingerprint(entry)),
            vocabulary: None,
        })
    }

    /// The models that the server lists. Where it lists none, they are looked for below `/v1`, which
    /// people leave out of an address; if they are there, that becomes the address.
    async fn models_below_v1_too(&mut self) -> Result<Result<Vec<Value>, StatusCode>, ServerError> {
        let found = self.models().await;
        let is_told = self.base.path_segments().is_some_and(|mut path| path.any(|s| s == "v1"));
        if is_told || !matches!(found, Ok(Err(_)) | Err(ServerError::Odd { .. })) {
            return found;
        }
        let below = self.below(&["v1"]);
        let given = std::mem::replace(&mut self.base, below);
        if let Ok(Ok(models)) = self.models().await {
            return Ok(Ok(models));
        }
        self.base = given;
        found
    }

    async fn models(&self) -> Result<Result<Vec<Value>, StatusCode>, ServerError> {
        let list = match self.get(&["models"]).await? {
            Ok(mut list) => list["data"].take(),
            Err(status) => return Ok(Err(status)),
        };
        match list {
            Value::Array(models) => Ok(Ok(models)),
            _ => Err(self.odd("it lists no models")),
        }
    }

    /// The context that llama.cpp's server gives one request, which may be a part of what the model
    /// takes; `None` for other servers. Where it routes requests to servers that it starts, each
    /// model has its own. Fails where it wants a key, which it does not for a list of its models.
    async fn llama_cpp_context(&self, model: &str) -> Result<Option<u64>, ServerError> {
        let mut props = self.base.clone();
        let above = self.base.path_segments().into_iter().flatten();
        let above: Vec<&str> = above.filter(|s| !s.is_empty() && *s != "v1").collect();
        if let Ok(mut path) = props.path_segments_mut() {
            path.clear().extend(above).push("props");
        }
        let mut of_model = props.clone();
        of_model.query_pairs_mut().append_pair("model", model);
        for address in [props, of_model] {
            let answer = match self.answer(self.client.get(address)).await {
                Ok(Ok(answer)) => answer,
                Err(error @ ServerError::Key { .. }) => return Err(error),
                Ok(Err(_)) | Err(_) => return Ok(None),
            };
            match answer.pointer("/default_generation_settings/n_ctx").and_then(Value::as_u64) {
                Some(0) => {}
                context => return Ok(context),
            }
        }
        Ok(None)
    }

    /// A hash of everything that the server says about a model, except times, which change with
    /// every start, and of how its judgements are read.
    fn fingerprint(&self, entry: &Value) -> String {
        let mut entry = entry.clone();
        if let Some(fields) = entry.as_object_mut() {
            fields.retain(|name, _| !matches!(name.as_str(), "created" | "permission" | "status"));
        }
        let mut hash = Sha256::new();
        hash.update(LABELS_READ.as_bytes());
        hash.update(self.host.as_bytes());
        hash.update(entry.to_string().as_bytes());
        encode_string(&hash.finalize())
    }

    async fn get(&self, path: &[&str]) -> Result<Result<Value, StatusCode>, ServerError> {
        self.answer(self.client.get(self.below(path))).await
    }

    async fn post(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<Result<Value, StatusCode>, ServerError> {
        self.answer(self.client.post(self.below(path)).json(body)).await
    }

    fn below(&self, path: &[&str]) -> Url {
        let path: Vec<String> = path.iter().map(|segment| (*segment).to_owned()).collect();
        address::below(self.base.clone(), &path)
    }

    /// The JSON of a 200 answer, or the status of any other answer.
    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Result<Value, StatusCode>, ServerError> {
        let down = |error: reqwest::Error| ServerError::Down {
            host: self.host.clone(),
            cause: http::cause(error),
            hint: match self.api {
                Api::Ollama => {
                    "start it with 'ollama serve', or say where it is with --backend-url or OLLAMA_HOST"
                }
                _ => "start the server, or say where it is with --backend-url",
            },
        };
        let request = request.headers(openai::headers(self.key.as_ref())).timeout(PATIENCE);
        let began = Instant::now();
        let mut response = loop {
            let again = request.try_clone().ok_or_else(|| self.odd("it cannot be asked twice"))?;
            let response = again.send().await.map_err(down)?;
            if response.status() != StatusCode::SERVICE_UNAVAILABLE {
                break response;
            }
            if began.elapsed() > self.patience {
                return Err(ServerError::Loading { host: self.host.clone() });
            }
            tokio::time::sleep(AGAIN).await;
        };
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(ServerError::Key { host: self.host.clone() });
        }
        if !status.is_success() {
            return Ok(Err(status));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(down)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_BODY {
                return Err(
                    self.odd(format_args!("its answer is longer than {} MiB", MAX_BODY >> 20))
                );
            }
        }
        let json = serde_json::from_slice(&bytes);
        json.map(Ok).map_err(|_| self.odd("its answer is not a JSON document"))
    }

    fn odd(&self, cause: impl std::fmt::Display) -> ServerError {
        ServerError::Odd { host: self.host.clone(), cause: cause.to_string() }
    }
}

/// The host on which a model of Ollama's runs, where that is not Ollama's own machine.
fn passed_to(model: &Value) -> Option<String> {
    let place = model["remote_host"].as_str().filter(|place| !place.is_empty())?;
    let host = Url::parse(place).ok().and_then(|url| url.host_str().map(str::to_owned));
    Some(host.unwrap_or_else(|| place.to_owned()))
}

fn name_of(model: &Value) -> Option<&str> {
    model["name"].as_str().or_else(|| model["model"].as_str())
}

/// Whether a model writes text; some only compute embeddings, or rank.
fn writes(model: &Value) -> bool {
    let family = model.pointer("/details/family").and_then(Value::as_str).unwrap_or_default();
    let name = model["id"].as_str().or_else(|| name_of(model)).unwrap_or_default().to_lowercase();
    let others = ["embed", "rerank", "whisper"];
    !family.contains("bert") && !others.iter().any(|kind| name.contains(kind))
}

/// Whether llama.cpp's server has loaded a model of those among which it routes.
fn is_loaded(model: &Value) -> bool {
    model.pointer("/status/value").and_then(Value::as_str) == Some("loaded")
}

/// Whether `wanted` means the model `name`, in upper or lower case; `qwen3` is short for
/// `qwen3:latest`.
fn is_called(name: &str, wanted: &str) -> bool {
    let tag = wanted.rsplit_once('/').map_or(wanted, |(_, last)| last).contains(':');
    let latest = if tag { wanted.to_owned() } else { format!("{wanted}:latest") };
    name.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(&latest)
}

fn listing(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names if names.len() > 12 => format!("{} and others", names[..12].join(", ")),
        names => names.join(", "),
    }
}

/// The hash in the path of a model file as a Modelfile names it: `FROM …/sha256-<64 hex digits>`.
fn blob(modelfile: &str) -> Option<String> {
    let from = modelfile.lines().find_map(|line| line.trim().strip_prefix("FROM "))?;
    let hash = from.rsplit_once("sha256-")?.1.get(..64)?.to_lowercase();
    hash.bytes().all(|b| b.is_ascii_hexdigit()).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_the_latest() {
        assert!(is_called("qwen3:latest", "qwen3") && is_called("Qwen3:4b", "qwen3:4B"));
        assert!(!is_called("qwen3:4b", "qwen3"));
        assert!(is_called("hf.co/a/b:latest", "hf.co/a/b"));
    }

    /// A server with these answers to GET, by path and query, with a status each.
    async fn serving(answers: &[(&str, u16, Value)]) -> wiremock::MockServer {
        let server = wiremock::MockServer::start().await;
        let answers: Vec<(String, u16, Value)> = answers
            .iter()
            .map(|(at, status, body)| ((*at).to_owned(), *status, body.clone()))
            .collect();
        let reply = move |request: &wiremock::Request| {
            let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
            let asked = format!("{}{query}", request.url.path());
            match answers.iter().find(|(at, ..)| *at == asked) {
                Some((_, status, body)) => {
                    wiremock::ResponseTemplate::new(*status).set_body_json(body)
                }
                None => wiremock::ResponseTemplate::new(404),
            }
        };
        wiremock::Mock::given(wiremock::matchers::any()).respond_with(reply).mount(&server).await;
        server
    }

    async fn found(server: &wiremock::MockServer) -> Result<Served, ServerError> {
        find(&ServerOptions {
            api: Api::OpenAiChat,
            base_url: server.uri(),
            model: None,
            key: None,
            trusted: Vec::new(),
            patience: Duration::ZERO,
        })
        .await
    }

    #[tokio::test]
    async fn of_the_models_of_a_router_the_loaded_one_is_asked_with_its_own_context() {
        let list = json!({ "data": [
            { "id": "nomic-embed-text" },
            { "id": "large", "status": { "value": "unloaded" } },
            { "id": "small", "status": { "value": "loaded" } },
        ] });
        let props = |context: u64| json!({ "default_generation_settings": { "n_ctx": context } });
        let server = serving(&[
            ("/v1/models", 200, list),
            ("/props", 200, props(0)),
            ("/props?model=small", 200, props(4096)),
        ])
        .await;
        let served = found(&server).await.unwrap();
        assert_eq!((served.model.as_str(), served.context), ("small", Some(4096)));
        assert_eq!(served.base_url, format!("{}/v1", server.uri()), "where its models are listed");
    }

    #[tokio::test]
    async fn a_server_that_lists_its_models_to_all_may_want_a_key_all_the_same() {
        let list = json!({ "data": [{ "id": "m" }] });
        let server = serving(&[("/v1/models", 200, list), ("/props", 401, json!({}))]).await;
        let error = found(&server).await.unwrap_err();
        assert!(matches!(error, ServerError::Key { .. }), "{error}");
        assert!(error.to_string().contains(SERVER_KEY_VARIABLE), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_loads_its_model_is_not_taken_for_another_kind() {
        let loading = json!({ "error": { "message": "Loading model" } });
        let server =
            serving(&[("/models", 503, loading.clone()), ("/v1/models", 503, loading)]).await;
        let error = found(&server).await.unwrap_err();
        assert!(matches!(error, ServerError::Loading { .. }), "{error}");
    }

    #[test]
    fn the_file_behind_a_model_is_known_by_its_hash() {
        let hash = "ab".repeat(32);
        let file = format!("# made by ollama\nFROM /models/blobs/sha256-{hash}\nTEMPLATE x");
        assert_eq!(blob(&file), Some(hash));
        assert_eq!(blob("FROM qwen3:4b"), None);
        assert_eq!(blob("FROM /x/sha256-zz"), None);
    }
}
