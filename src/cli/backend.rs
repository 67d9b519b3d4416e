//! `--backend`: a server of the user's own that drafts and judges in place of the engine.
//!
//! Owns the rules of its address: this machine and trusted hosts are free unless a price is given,
//! any other host needs a price, and none may be asked under `--no-frontier`. What was agreed is
//! logged, so that a resumed run asks the same models on the same terms.

#[cfg(feature = "net")]
use std::collections::BTreeSet;
#[cfg(feature = "net")]
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::Price;
#[cfg(feature = "net")]
use crate::cli::failure::Exit;
use crate::cli::failure::Failure;
use crate::cli::model::TaskContext;
use crate::config::{Backend, Environment, Settings};
use crate::ledger::MicroUsd;
#[cfg(feature = "net")]
use crate::llm::remote::RemoteError;
#[cfg(feature = "net")]
use crate::llm::remote::server::{self, Served, ServerError, ServerOptions};
use crate::pipeline::Paid;

/// A server and its models, with the terms on which they are asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Server {
    backend: Backend,
    url: String,
    /// The model that drafts, by its full name on the server.
    model: String,
    /// The model that judges, where it is a different one.
    judge: Option<String>,
    price: Price,
    cap: Option<MicroUsd>,
    parallel: usize,
    /// Context in tokens, where the user set one.
    context: Option<usize>,
    trusted: Vec<String>,
    /// Hosts to which the server passes on what it is asked, because a model runs there.
    #[serde(default)]
    passed_to: Vec<String>,
}

/// The models of a server, ready to be asked.
pub(super) struct Connected {
    pub(super) server: Server,
    pub(super) draft: Paid,
    pub(super) judge: Paid,
}

impl Server {
    /// The flags with which a command that judges asks the same judge; `None` where it costs money.
    pub(super) fn flags(&self) -> Option<String> {
        let Self { backend, url, model, judge, trusted, price, .. } = self;
        let mut flags = format!(
            "--backend {} --backend-url {url} --model {}",
            backend.name(),
            judge.as_ref().unwrap_or(model)
        );
        if !trusted.is_empty() {
            flags = format!("{flags} --trusted-hosts {}", trusted.join(","));
        }
        price.is_free().then_some(flags)
    }

    /// The drafting model's name in the log.
    pub(super) fn reference(&self) -> String {
        format!("{}:{}", self.backend.name(), self.model)
    }

    /// The backend's name, for messages.
    pub(super) fn name(&self) -> &'static str {
        self.backend.name()
    }
}

/// Whether a server is on this machine, trusted, or neither.
#[cfg(feature = "net")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distance {
    ThisMachine,
    Trusted,
    Elsewhere,
}

/// Connects to the server that the settings name; `None` where the engine is to be used.
#[cfg(feature = "net")]
pub(super) fn chosen(
    settings: &Settings,
    environment: &Environment,
    task: TaskContext<'_>,
) -> Result<Option<Connected>, Failure> {
    let Some(server) = wanted(settings, environment)? else { return Ok(None) };
    let connected = connect(&server, environment, task)?;
    may_pass_on(&connected.server.passed_to, settings)?;
    Ok(Some(connected))
}

/// The server that the settings name and its terms, by what they say; `None` where the engine is to
/// be used. Asks nothing.
#[cfg(feature = "net")]
fn wanted(settings: &Settings, environment: &Environment) -> Result<Option<Server>, Failure> {
    let Some(url) = address(settings, environment)? else { return Ok(None) };
    let trusted = &settings.privacy.trusted_hosts;
    let named = |said: &str| (said != "auto").then(|| said.to_owned());
    Ok(Some(Server {
        backend: settings.backend,
        price: price(settings, &url)?,
        cap: settings.frontier.max_cost,
        parallel: settings.frontier.parallel,
        context: settings.engine.context,
        trusted: trusted.clone(),
        model: named(&settings.model).unwrap_or_default(),
        judge: settings.judge_model.as_deref().and_then(named),
        passed_to: Vec::new(),
        url,
    }))
}

/// What the server of the settings says of the models that would draft and judge, in a line.
#[cfg(feature = "net")]
pub(super) async fn look(
    settings: &Settings,
    environment: &Environment,
) -> Result<String, Failure> {
    let Some(server) = wanted(settings, environment)? else {
        return Ok("none is used".to_owned());
    };
    let (drafting, judging) = find(&server, environment, Duration::ZERO).await?;
    may_pass_on(&passed_to(&drafting, judging.as_ref()), settings)?;
    let context = drafting.context.map_or_else(String::new, |n| format!(" with {n} tokens"));
    let judge = judging.map_or_else(String::new, |judge| format!(", {} judges", judge.model));
    Ok(format!(
        "{} answers at {}: {}{context} drafts{judge}",
        server.name(),
        server.url,
        drafting.model
    ))
}

/// The hosts on which models run that the server only passes requests on to.
#[cfg(feature = "net")]
fn passed_to(drafting: &Served, judging: Option<&Served>) -> Vec<String> {
    let hosts: BTreeSet<&String> = [Some(drafting), judging]
        .into_iter()
        .flatten()
        .filter_map(|m| m.passed_to.as_ref())
        .collect();
    hosts.into_iter().cloned().collect()
}

/// Refuses models that run elsewhere than on the server, under the rules for servers elsewhere.
#[cfg(feature = "net")]
fn may_pass_on(hosts: &[String], settings: &Settings) -> Result<(), Failure> {
    let is_trusted = |host: &String| {
        settings.privacy.trusted_hosts.iter().any(|trusted| trusted.eq_ignore_ascii_case(host))
    };
    let Some(host) = hosts.iter().find(|host| !is_trusted(host)) else { return Ok(()) };
    if !settings.frontier.allowed {
        return Err(Failure::new(
            Exit::Refused,
            anyhow::anyhow!(
                "the model runs at {host}, to which the server would pass on the data, and --no-frontier forbids that\nhint: name a model of the server's own with --model, or leave --no-frontier out"
            ),
        ));
    }
    if settings.frontier.price.is_none() {
        return Err(Failure::usage(format!(
            "the model runs at {host}, to which the server passes on the data, and nothing is known of what that costs\nhint: name a model of the server's own with --model, or say --price IN/OUT in US dollars per million tokens"
        )));
    }
    Ok(())
}

/// Refuses a server whose answers may cost something: for commands that keep no ledger. Asks
/// nothing.
#[cfg(feature = "net")]
pub(super) fn costs_nothing(settings: &Settings, environment: &Environment) -> Result<(), Failure> {
    let Some(url) = address(settings, environment)? else { return Ok(()) };
    let is_known = settings.frontier.price.is_some()
        || distance(&url, &settings.privacy.trusted_hosts) != Distance::Elsewhere;
    if is_known && price(settings, &url)?.is_free() {
        return Ok(());
    }
    Err(Failure::usage(
        "the server may cost money, and this command keeps no ledger: it asks only servers that cost nothing\nhint: name its host with --trusted-hosts if it is yours, or say --price 0/0 if it costs nothing; 'persona generate' judges on a server that costs money, under --max-cost",
    ))
}

/// The address of the server; `None` where the engine is to be used. Refuses an address that the
/// rules forbid before anything is asked.
#[cfg(feature = "net")]
fn address(settings: &Settings, environment: &Environment) -> Result<Option<String>, Failure> {
    let url = match (settings.backend, &settings.backend_url) {
        (Backend::Embedded, _) => return Ok(None),
        (_, Some(url)) => url.clone(),
        (Backend::Ollama, None) => environment.ollama_address(),
        (Backend::OpenAi, None) => {
            return Err(Failure::usage(
                "--backend openai needs an address\nhint: add --backend-url, as in --backend-url http://127.0.0.1:8080/v1",
            ));
        }
    };
    reqwest::Url::parse(&url)
        .map_err(|e| Failure::usage(RemoteError::NotAnAddress { cause: e.to_string() }))?;
    let near = distance(&url, &settings.privacy.trusted_hosts);
    if near == Distance::Elsewhere && !settings.frontier.allowed {
        return Err(Failure::new(
            Exit::Refused,
            anyhow::anyhow!(
                "the data would be sent to another machine, and --no-frontier forbids that\nhint: name the host with --trusted-hosts if it is yours, or leave --no-frontier out"
            ),
        ));
    }
    Ok(Some(url))
}

#[cfg(feature = "net")]
fn price(settings: &Settings, url: &str) -> Result<Price, Failure> {
    let name = settings.backend.name();
    match (&settings.frontier.price, distance(url, &settings.privacy.trusted_hosts)) {
        // Behind an address on this machine, there may be a tunnel to a service that costs money.
        (Some(text), _) => Price::parse(text, name, &settings.model).map_err(Failure::usage),
        (_, Distance::ThisMachine | Distance::Trusted) => Ok(Price::free(name, &settings.model)),
        (_, Distance::Elsewhere) => Err(Failure::usage(
            "nothing is known of what the server at --backend-url costs\nhint: name its host with --trusted-hosts if it is yours, or say --price IN/OUT in US dollars per million tokens",
        )),
    }
}

#[cfg(feature = "net")]
fn distance(url: &str, trusted: &[String]) -> Distance {
    let Ok(url) = reqwest::Url::parse(url) else { return Distance::Elsewhere };
    let host = url.host_str().unwrap_or_default();
    if crate::http::is_loopback(&url) {
        Distance::ThisMachine
    } else if trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(host)) {
        Distance::Trusted
    } else {
        Distance::Elsewhere
    }
}

/// Connects again to the server of a run, which must still run the models itself, or pass requests
/// on to the same hosts as at the run's start.
#[cfg(feature = "net")]
pub(super) fn reconnect(
    server: &Server,
    environment: &Environment,
    task: TaskContext<'_>,
) -> Result<Connected, Failure> {
    let connected = connect(server, environment, task)?;
    let passed_to = &connected.server.passed_to;
    match passed_to.iter().find(|host| !server.passed_to.contains(host)) {
        None => Ok(connected),
        Some(host) => Err(Failure::new(
            Exit::Refused,
            anyhow::anyhow!(
                "the model now runs at {host}, to which the server would pass on the data; it did not when the run began\nhint: give the server its own model of this name back, or begin a new run"
            ),
        )),
    }
}

/// Asks the server for its models, on a runtime of its own: the pipeline's starts later.
#[cfg(feature = "net")]
fn connect(
    server: &Server,
    environment: &Environment,
    task: TaskContext<'_>,
) -> Result<Connected, Failure> {
    // Plain http goes to no proxy.
    if server.url.starts_with("https:") {
        environment.check_proxies()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start to ask the server: {e}")))?;
    let found = async {
        let mut finding = std::pin::pin!(find(server, environment, server::LOADING));
        if let Ok(found) = tokio::time::timeout(SILENCE, &mut finding).await {
            return found;
        }
        task.output.note(&format!("waiting for {} to be ready", server.url));
        finding.await
    };
    let asked = async {
        tokio::select! {
            found = found => found,
            () = task.cancel.cancelled() => Err(Failure::new(
                Exit::Interrupted,
                anyhow::anyhow!("interrupted before the run began\nhint: run the same command again"),
            )),
        }
    };
    let (drafting, judging) = runtime.block_on(asked)?;
    if server.model.is_empty() && drafting.of > 1 {
        task.output.note(&format!(
            "model: {} (of {} at {}; --model chooses another)",
            drafting.model, drafting.of, server.url
        ));
    }
    let server = Server {
        model: drafting.model.clone(),
        judge: judging.as_ref().map(|judging| judging.model.clone()),
        url: drafting.base_url.clone(),
        passed_to: passed_to(&drafting, judging.as_ref()),
        ..server.clone()
    };
    let draft = paid(&server, drafting, environment)?;
    let judge = match judging {
        Some(judging) => paid(&server, judging, environment)?,
        None => draft.clone(),
    };
    Ok(Connected { server, draft, judge })
}

#[cfg(feature = "net")]
type Found = (Served, Option<Served>);

/// How long a server may be silent before the user is told what is waited for.
#[cfg(feature = "net")]
const SILENCE: Duration = Duration::from_secs(3);

/// The model that is to draft and, where it is a different one, the model that is to judge.
#[cfg(feature = "net")]
async fn find(
    server: &Server,
    environment: &Environment,
    patience: Duration,
) -> Result<Found, Failure> {
    let ask = async |model: Option<String>| {
        let options = ServerOptions {
            api: api(server.backend),
            base_url: server.url.clone(),
            model,
            key: environment.backend_key().and_then(crate::llm::remote::ApiKey::new),
            trusted: server.trusted.clone(),
            patience,
        };
        server::find(&options).await.map_err(|error| match error {
            ServerError::Address(error) => Failure::usage(error),
            other => Failure::no_model(other),
        })
    };
    let drafting = ask(Some(server.model.clone()).filter(|name| !name.is_empty())).await?;
    let judging = match &server.judge {
        Some(judge) => Some(ask(Some(judge.clone())).await?),
        None => None,
    };
    Ok((drafting, judging))
}

#[cfg(feature = "net")]
fn api(backend: Backend) -> crate::llm::remote::Api {
    match backend {
        Backend::Ollama => crate::llm::remote::Api::Ollama,
        Backend::OpenAi | Backend::Embedded => crate::llm::remote::Api::OpenAiChat,
    }
}

#[cfg(feature = "net")]
fn paid(server: &Server, served: Served, environment: &Environment) -> Result<Paid, Failure> {
    use std::sync::Arc;

    use crate::engine::DEFAULT_CONTEXT;
    use crate::llm::remote::{ApiKey, RemoteModel, RemoteOptions, SERVER_TIMEOUT};
    use crate::pipeline::FIRST_WAIT;

    let passed_to = served.passed_to.clone();
    let most = served.context.unwrap_or(DEFAULT_CONTEXT);
    let model = RemoteModel::connect(RemoteOptions {
        api: api(server.backend),
        base_url: Some(served.base_url.clone()),
        model: served.model.clone(),
        key: environment.backend_key().and_then(ApiKey::new),
        context: Some(server.context.unwrap_or(DEFAULT_CONTEXT).min(most)),
        served: Some(served),
        trusted: server.trusted.clone(),
        timeout: SERVER_TIMEOUT,
    })
    .map_err(Failure::usage)?;
    Ok(Paid {
        local: model.is_loopback() && passed_to.is_none(),
        host: passed_to.unwrap_or_else(|| model.host().to_owned()),
        gate: None,
        model: Arc::new(model),
        price: server.price.clone(),
        // A free server may be asked even under a cap of 0.
        cap: server.cap.filter(|_| !server.price.is_free()),
        parallel: server.parallel,
        first_wait: FIRST_WAIT,
    })
}

/// Refuses a server, since a build without `net` cannot ask one.
#[cfg(not(feature = "net"))]
pub(super) fn chosen(
    settings: &Settings,
    _: &Environment,
    _: TaskContext<'_>,
) -> Result<Option<Connected>, Failure> {
    match settings.backend {
        Backend::Embedded => Ok(None),
        other => Err(nobody_to_ask(other)),
    }
}

/// Refuses a server, since a build without `net` cannot ask one.
#[cfg(not(feature = "net"))]
pub(super) fn reconnect(
    server: &Server,
    _: &Environment,
    _: TaskContext<'_>,
) -> Result<Connected, Failure> {
    Err(nobody_to_ask(server.backend))
}

/// Refuses a server, since a build without `net` cannot ask one.
#[cfg(not(feature = "net"))]
pub(super) fn costs_nothing(settings: &Settings, _: &Environment) -> Result<(), Failure> {
    match settings.backend {
        Backend::Embedded => Ok(()),
        other => Err(nobody_to_ask(other)),
    }
}

#[cfg(not(feature = "net"))]
fn nobody_to_ask(backend: Backend) -> Failure {
    Failure::usage(format!(
        "this build opens no network connection, so there is no --backend {}\nhint: leave --backend out",
        backend.name()
    ))
}
