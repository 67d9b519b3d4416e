//! Whether the hub, Ollama and a server that stands in for the engine answer.
//!
//! The only checks that open a connection, and none under `--offline` or in a build without `net`.

#[cfg(feature = "net")]
use std::time::Duration;

#[cfg(feature = "net")]
use super::Status;
use super::chosen::Chosen;
use super::{Check, Found};
#[cfg(feature = "net")]
use crate::catalogue;
#[cfg(feature = "net")]
use crate::cli::backend;
use crate::config::{Environment, Settings};
#[cfg(feature = "net")]
use crate::http;
use crate::hub::HubOptions;
#[cfg(feature = "net")]
use crate::hub::{self, ModelRef};

/// Longest wait for an answer from the network.
#[cfg(feature = "net")]
const PATIENCE: Duration = Duration::from_secs(3);

/// Checks the hub, Ollama and the server that stands in for the engine, which are asked at the same
/// time.
#[cfg(feature = "net")]
pub(super) fn check(
    found: &Found<'_>,
    environment: &Environment,
    hub: &HubOptions,
    chosen: &Chosen,
    served: Option<&Settings>,
) -> Vec<Check> {
    if let Some(check) = closed(found) {
        return vec![check];
    }
    if let Err(error) = environment.check_proxies() {
        return vec![Check::failed(Status::Problem, "proxy", error)];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let (hub, ollama, server) = tokio::join!(
                ask_hub(hub, chosen),
                ask_ollama(environment, hub),
                ask_server(served, environment),
            );
            [Some(hub), Some(ollama), server].into_iter().flatten().collect()
        }),
        Err(error) => vec![Check::problem(
            "network",
            format!("no connection can be begun: {error}"),
            "raise the limits on threads and open files",
        )],
    }
}

/// Reports that a build without `net` has no connections to check.
#[cfg(not(feature = "net"))]
pub(super) fn check(
    found: &Found<'_>,
    _: &Environment,
    _: &HubOptions,
    _: &Chosen,
    _: Option<&Settings>,
) -> Vec<Check> {
    let open = || Check::skipped("network", "this build opens no connection");
    vec![closed(found).unwrap_or_else(open)]
}

/// The outcome of `--offline`; `None` where the network stays open.
fn closed(found: &Found<'_>) -> Option<Check> {
    const NAME: &str = "network";
    Some(match found.air_gap.as_ref()? {
        Ok(air_gap) => {
            let detail =
                format!("closed by --offline ({}); hub and Ollama not asked", air_gap.name());
            Check::skipped(NAME, detail)
        }
        Err(cause) => Check::problem(
            NAME,
            format!("--offline cannot be enforced here: {cause}"),
            "run without --offline, in a container or namespace without a network",
        ),
    })
}

#[cfg(feature = "net")]
async fn ask_hub(hub: &HubOptions, chosen: &Chosen) -> Check {
    const NAME: &str = "hub";
    if hub.offline {
        return Check::skipped(NAME, "HF_HUB_OFFLINE is set: not asked, nothing is fetched");
    }
    let spec = match chosen {
        Chosen::Away(ModelRef::Catalogue(spec), _) => Some(*spec),
        Chosen::Here(_, spec) => *spec,
        _ => None,
    };
    let Some(spec) = spec.or_else(|| catalogue::models().first()) else {
        return Check::skipped(NAME, "the catalogue is empty");
    };
    let wanted = hub::RepoRef {
        repo: spec.repo.clone(),
        pick: hub::Pick::File(spec.file.clone()),
        revision: spec.revision.clone(),
    };
    match hub::reach(hub, &wanted, &spec.file, PATIENCE).await {
        Ok(()) => Check::ok(NAME, format!("{} answers", hub.endpoint)),
        // Only a warning: models can come in other ways, and one may already be here.
        Err(error) => {
            let check = Check::failed(Status::Warning, NAME, error);
            let fix = "check the network and HTTPS_PROXY, set HF_ENDPOINT to a mirror, or carry \
                       models over with 'persona models export' and 'import'";
            Check { fix: Some(fix.to_owned()), ..check }
        }
    }
}

#[cfg(feature = "net")]
async fn ask_ollama(environment: &Environment, hub: &HubOptions) -> Check {
    const NAME: &str = "ollama";
    let address = environment.ollama_address();
    let on_disk = match hub::ollama_models(hub).len() {
        0 => String::new(),
        n => format!("; {n} of its models can be run here as ollama:NAME"),
    };
    let asked = async {
        let base = reqwest::Url::parse(&address).map_err(|e| e.to_string())?;
        let client = http::client(&base).map_err(http::cause)?;
        let url = base.join("api/version").map_err(|e| e.to_string())?;
        let answer = client.get(url).timeout(PATIENCE).send().await.map_err(http::cause)?;
        let answer: serde_json::Value = answer.json().await.map_err(http::cause)?;
        Ok::<_, String>(answer["version"].as_str().unwrap_or("of unknown version").to_owned())
    };
    match asked.await {
        Ok(version) => Check::ok(NAME, format!("{version} answers at {address}{on_disk}")),
        Err(cause) => {
            Check::skipped(NAME, format!("none at {address} ({cause}); it is not needed{on_disk}"))
        }
    }
}

/// Asks the server of the settings, if there is one, for the models that would draft and judge.
#[cfg(feature = "net")]
async fn ask_server(served: Option<&Settings>, environment: &Environment) -> Option<Check> {
    const NAME: &str = "server";
    Some(match backend::look(served?, environment).await {
        Ok(detail) => Check::ok(NAME, detail),
        Err(failure) => Check::failed(Status::Problem, NAME, failure),
    })
}
