//! Whether a hub can be reached, as cheaply as it can be asked.

use std::time::Duration;

use super::remote::Hub;
use super::{HubError, HubOptions, RepoRef};

/// Asks the hub once what one file is, and waits for at most `patience`.
///
/// Ok when a hub answered, even if it does not know the file or demands a token.
///
/// Needs a tokio runtime with timers and I/O.
pub async fn reach(
    options: &HubOptions,
    wanted: &RepoRef,
    file: &str,
    patience: Duration,
) -> Result<(), HubError> {
    let hub = Hub::open(options, &|_| ())?;
    let timed_out = || HubError::Unreachable {
        host: options.endpoint.clone(),
        cause: format!("no answer within {} s", patience.as_secs()),
        hint: "check the network".to_owned(),
    };
    let asked = tokio::time::timeout(patience, hub.describe(wanted, file)).await;
    match asked.map_err(|_| timed_out())? {
        Ok(_) => Ok(()),
        Err(failure) => match failure.error {
            HubError::NotFound { .. } | HubError::Denied { .. } => Ok(()),
            error => Err(error),
        },
    }
}
