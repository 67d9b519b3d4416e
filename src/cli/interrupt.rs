//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop, the second stops the process.
//!
//! Owns the signal handler. A separate crate catches the signals, because tokio's driver for it
//! opens a socket pair, and a local run opens no socket.

use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::pipeline::Cancel;

/// Installs the handler and returns what it cancels. Call once per process.
pub(super) fn watch(output: Output) -> Result<Cancel, Failure> {
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let handler = move || {
        if asked.is_cancelled() {
            std::process::exit(Exit::Interrupted as i32);
        }
        asked.cancel();
        output.note("stopping after what is in flight; press Ctrl-C again to stop at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|e| Failure::failed(format!("cannot watch for Ctrl-C: {e}")))?;
    Ok(cancel)
}
