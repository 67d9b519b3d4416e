//! Paid models: from the flags to a service that may be asked, on stated terms.
//!
//! Owns the rules of `--frontier`, `--provider` and the fallback: which key, which address, which
//! price, and what is refused before any local work. Sends nothing.

use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Price};
use crate::cli::estimate;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::config::{Environment, Fallback, Frontier, OpenAiApi, Provider, Settings};
use crate::corpus::Corpus;
use crate::ledger::{Bounds, Estimate, MicroUsd};
use crate::pipeline::Paid;
use crate::privacy::Cleared;
use crate::report;

/// A paid model, and what may be spent on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) provider: Provider,
    pub(super) model: String,
    pub(super) base_url: Option<String>,
    pub(super) api: Option<OpenAiApi>,
    pub(super) price: Price,
    pub(super) cap: Option<MicroUsd>,
    pub(super) parallel: usize,
}

/// The terms of a paid model that the log keeps, so that a resumed run asks the same model on the
/// same terms.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Terms {
    /// The role of the model in the run.
    pub(super) role: Role,
    #[serde(flatten)]
    pub(super) service: Service,
    /// The estimate, fixed before the run; the report compares it with what was spent.
    pub(super) estimate: Estimate,
    /// Whether the model stands in for a local one that is not available.
    pub(super) fallback: bool,
}

/// What a paid model does in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// Writes the personas.
    Drafts,
    /// Refines personas that a local model wrote.
    Refines,
}

impl Terms {
    /// The terms for a service in this role, with an estimate of its cost on this data.
    pub(super) fn new(
        role: Role,
        service: Service,
        settings: &Settings,
        corpus: &Cleared<Corpus>,
    ) -> Result<Self, Failure> {
        let estimate = estimate::of(corpus, settings, &service.price)?;
        Ok(Self { role, service, estimate, fallback: false })
    }

    /// What the run can cost, by the estimate.
    fn bounds(&self) -> Bounds {
        match self.role {
            Role::Drafts => self.estimate.frontier_only,
            Role::Refines => self.estimate.hybrid,
        }
    }

    /// The most that the run can cost, by the estimate.
    pub(super) fn upper(&self) -> MicroUsd {
        self.bounds().upper.cost
    }

    /// The terms as the report shows them.
    pub(super) fn for_report(&self) -> report::Terms {
        report::Terms {
            provider: self.service.provider.name().to_owned(),
            price: self.service.price.clone(),
            cap: self.service.cap,
            estimate: self.bounds(),
            frontier_only: self.estimate.frontier_only,
            fallback: self.fallback,
        }
    }
}

impl Service {
    /// The service that the settings name. Takes no data, so that problems with the service are
    /// reported before any data is read.
    pub(super) fn new(role: Role, settings: &Settings) -> Result<Self, Failure> {
        let frontier = &settings.frontier;
        let provider = match role {
            Role::Drafts => settings.provider.unwrap_or(frontier.provider),
            Role::Refines => frontier.provider,
        };
        let model = model(frontier, provider)?;
        let price = price(frontier, &settings.privacy.trusted_hosts, provider, &model)?;
        Ok(Self {
            provider,
            base_url: frontier.base_url.clone(),
            api: frontier.api,
            cap: frontier.max_cost,
            parallel: frontier.parallel,
            model,
            price,
        })
    }

    #[cfg(feature = "net")]
    fn is_loopback(&self) -> bool {
        is_loopback(self.base_url.as_deref())
    }

    /// The service, ready to be asked; nothing is sent yet.
    #[cfg(feature = "net")]
    pub(super) fn connect(&self, environment: &Environment) -> Result<Paid, Failure> {
        use std::sync::Arc;

        use crate::llm::remote::{
            ATTEMPT_TIMEOUT, Api, ApiKey, RemoteError, RemoteModel, RemoteOptions, SERVER_TIMEOUT,
        };
        use crate::pipeline::FIRST_WAIT;

        // Plain http goes to no proxy.
        if self.base_url.as_ref().is_none_or(|url| !url.starts_with("http:")) {
            environment.check_proxies()?;
        }
        let custom = self.base_url.is_some();
        let api = match (self.provider, self.api) {
            (Provider::Anthropic, _) => Api::Anthropic,
            (Provider::Gemini, _) => Api::Gemini,
            (Provider::OpenAi, Some(OpenAiApi::Chat)) => Api::OpenAiChat,
            (Provider::OpenAi, None) if custom => Api::OpenAiChat,
            (Provider::OpenAi, _) => Api::OpenAiResponses,
        };
        let key = environment.api_key(self.provider).and_then(ApiKey::new);
        let model = RemoteModel::connect(RemoteOptions {
            api,
            base_url: self.base_url.clone(),
            model: self.model.clone(),
            key,
            context: None,
            served: None,
            trusted: Vec::new(),
            // A service on this machine may have no GPU, and a queue.
            timeout: if self.is_loopback() { SERVER_TIMEOUT } else { ATTEMPT_TIMEOUT },
        })
        .map_err(|error| match error {
            RemoteError::NoKey { .. } => no_key(self.provider),
            other => Failure::usage(other),
        })?;
        Ok(Paid {
            host: model.host().to_owned(),
            local: model.is_loopback(),
            gate: None,
            model: Arc::new(model),
            price: self.price.clone(),
            cap: self.cap,
            parallel: self.parallel,
            first_wait: FIRST_WAIT,
        })
    }

    /// Refuses, since a build without `net` cannot ask a service.
    #[cfg(not(feature = "net"))]
    pub(super) fn connect(&self, environment: &Environment) -> Result<Paid, Failure> {
        let _ = environment;
        Err(Failure::usage(format!(
            "this build opens no network connection, so {} cannot be asked\nhint: add --no-frontier",
            self.provider.name()
        )))
    }
}

/// The frontier model of a hybrid run, if there is to be one. Settings that cannot work are refused
/// here, before the data is read.
pub(super) fn of_hybrid(
    settings: &Settings,
    environment: &Environment,
    output: Output,
) -> Result<Option<(Service, Paid)>, Failure> {
    let frontier = &settings.frontier;
    if !settings.hybrid || !frontier.allowed {
        return Ok(None);
    }
    let refines = settings.pipeline.refine.is_some();
    if !refines && frontier.fallback == Fallback::Fail {
        return Ok(None);
    }
    let local = is_loopback(frontier.base_url.as_deref());
    if environment.api_key(frontier.provider).is_none() && !local {
        if frontier.explicit {
            return Err(no_key(frontier.provider));
        }
        if refines {
            output.note(&local_only(frontier.provider, environment));
        }
        return Ok(None);
    }
    if cfg!(not(feature = "net")) && !frontier.explicit {
        return Ok(None);
    }
    let service = Service::new(Role::Refines, settings)?;
    let paid = service.connect(environment)?;
    Ok(Some((service, paid)))
}

/// The terms on which the frontier model drafts when the local model is not available. `Err` holds
/// the cause and what could be done about it.
pub(super) fn fallback(
    settings: &Settings,
    corpus: &Cleared<Corpus>,
    environment: &Environment,
    cause: Failure,
) -> Result<(Terms, Paid), Failure> {
    let frontier = &settings.frontier;
    if frontier.fallback == Fallback::Fail {
        return Err(cause);
    }
    let service = Service::new(Role::Drafts, settings)?;
    let mut terms = Terms::new(Role::Drafts, service, settings, corpus)?;
    terms.fallback = true;
    let upper = terms.upper();
    let name = terms.service.provider.name();
    match (frontier.fallback, frontier.max_cost) {
        (Fallback::Frontier, None) => {}
        (_, Some(cap)) if upper <= cap => {}
        (_, Some(cap)) => {
            return Err(cause.with_hint(&format!(
                "drafting with {name} instead may cost up to {upper}, more than --max-cost {cap}"
            )));
        }
        (_, None) => {
            return Err(cause.with_hint(&format!(
                "--fallback frontier drafts with {name} instead: every record that a draft needs is sent to it, for up to {upper}"
            )));
        }
    }
    let paid = terms.service.connect(environment)?;
    Ok((terms, paid))
}

/// The model of `--frontier-model`, else the provider's default.
pub(super) fn model(frontier: &Frontier, provider: Provider) -> Result<String, Failure> {
    match &frontier.model {
        Some(model) => Ok(model.clone()),
        None => Ok(catalogue::default_model(provider.name()).map_err(Failure::usage)?.to_owned()),
    }
}

/// The price of `--price`, else the price table's; a service on this machine or on a trusted host
/// is free.
pub(super) fn price(
    frontier: &Frontier,
    trusted: &[String],
    provider: Provider,
    model: &str,
) -> Result<Price, Failure> {
    let price = match &frontier.price {
        Some(text) => Price::parse(text, provider.name(), model),
        None if is_loopback(frontier.base_url.as_deref()) || is_trusted(frontier, trusted) => {
            Ok(Price::free(provider.name(), model))
        }
        None => Price::of(provider.name(), model),
    };
    price.map_err(Failure::usage)
}

#[cfg(feature = "net")]
fn is_loopback(base_url: Option<&str>) -> bool {
    let url = base_url.and_then(|url| reqwest::Url::parse(url).ok());
    url.is_some_and(|url| crate::http::is_loopback(&url))
}

/// Whether the host of the address is one of the user's trusted hosts.
#[cfg(feature = "net")]
fn is_trusted(frontier: &Frontier, trusted: &[String]) -> bool {
    let url = frontier.base_url.as_deref().and_then(|url| reqwest::Url::parse(url).ok());
    let host = url.as_ref().and_then(|url| url.host_str());
    host.is_some_and(|host| trusted.iter().any(|trusted| trusted == host))
}

#[cfg(not(feature = "net"))]
fn is_trusted(_: &Frontier, _: &[String]) -> bool {
    false
}

#[cfg(not(feature = "net"))]
fn is_loopback(_: Option<&str>) -> bool {
    false
}

fn no_key(provider: Provider) -> Failure {
    let variables = provider.key_variables().join(" or ");
    Failure::usage(format!(
        "no key for {}: {variables} is not set, is empty, or holds what a key cannot: spaces, or signs outside ASCII\nhint: set it, or run with --no-frontier",
        provider.name()
    ))
}

/// The note on a hybrid run without a key: it stays local, and which other key could be used.
fn local_only(provider: Provider, environment: &Environment) -> String {
    let others = Provider::ALL.into_iter().filter(|other| environment.api_key(*other).is_some());
    let others: Vec<String> = others.map(|other| format!("--frontier {}", other.name())).collect();
    let variables = provider.key_variables().join(" or ");
    let instead = if others.is_empty() {
        "--no-frontier says so up front".to_owned()
    } else {
        format!("there is a key for {}", others.join(", "))
    };
    format!("{variables} is not set: going on with the local model only ({instead})")
}
