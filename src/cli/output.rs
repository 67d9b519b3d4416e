//! The only printer: results on stdout, everything else on stderr.
//!
//! Owns the streams, colour, `--quiet` and the form of errors. No other file of the crate prints.
//! Text that comes from data or a model is passed through [`plain`] before it is shown.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use crate::cli::failure::{Exit, Failure};
use crate::config::Display;
use crate::report::plain;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Where a command prints its result, notes and errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    display: Display,
}

impl Output {
    pub(super) fn new(display: Display) -> Self {
        Self { display }
    }

    /// Whether the result is to be one JSON document.
    pub(super) fn is_json(self) -> bool {
        self.display.json
    }

    /// Whether stderr is a terminal on which bars can be drawn, and the user wants them.
    pub(super) fn draws_bars(self) -> bool {
        self.display.progress && !self.display.dumb && io::stderr().is_terminal()
    }

    /// Whether the user wants to see progress.
    pub(super) fn wants_progress(self) -> bool {
        self.display.progress
    }

    /// Prints the result as text.
    pub(super) fn result(self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout(), self.colour()).lock();
        finish(writeln!(stdout, "{}", plain(text).trim_end()).and_then(|()| stdout.flush()))
    }

    /// Prints the result byte for byte: a document that goes into a file or a pipe.
    #[expect(clippy::unused_self, reason = "results go through an output, whatever they are")]
    pub(super) fn raw(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        finish(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Prints the result as one JSON document.
    #[expect(clippy::unused_self, reason = "results go through an output, whatever they are")]
    pub(super) fn document(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Failure::failed(format!("cannot write the result as JSON: {e}")))?;
        let mut stdout = io::stdout().lock();
        finish(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
    }

    /// Prints something good to know, unless quiet.
    pub(super) fn note(self, text: &str) {
        if !self.display.quiet {
            self.stderr(&plain(text));
        }
    }

    /// Prints something that the user may want to change, unless quiet.
    pub(super) fn warn(self, text: &str) {
        if !self.display.quiet {
            self.stderr(&format!("{YELLOW}warning:{YELLOW:#} {}", plain(text)));
        }
    }

    /// Prints why the command failed and what to do next, even when quiet. With `--json` also
    /// prints a document on stdout, so that a script need read only one stream.
    pub(super) fn failure(self, failure: &Failure) {
        let (message, hints) = (plain(&failure.message()), failure.hints());
        self.stderr(&format!("{RED}error:{RED:#} {message}"));
        for hint in &hints {
            self.stderr(&format!("{CYAN}hint:{CYAN:#} {}", plain(hint)));
        }
        if self.display.json {
            self.error_document(failure.exit, &message, &hints);
        }
    }

    /// Prints the JSON form of an error.
    pub(super) fn error_document(self, exit: Exit, message: &str, hints: &[String]) {
        let error = json!({
            "kind": exit.name(), "exit_code": exit as u8, "message": message, "hints": hints,
        });
        // A failure here is ignored: the error is on stderr and in the exit code, and stdout may be
        // what broke.
        let _ = self.document(&json!({ "error": error }));
    }

    /// Prints clap's message: help and versions are results, the rest are errors.
    pub(super) fn usage(self, error: &clap::Error) {
        if error.use_stderr() {
            self.stderr(error.render().ansi().to_string().trim_end());
        } else {
            let mut stdout = AutoStream::new(io::stdout(), self.colour()).lock();
            let _ = write!(stdout, "{}", error.render().ansi());
        }
    }

    fn stderr(self, line: &str) {
        let mut stderr = AutoStream::new(io::stderr(), self.colour()).lock();
        // When stderr is gone, there is nobody to tell.
        let _ = writeln!(stderr, "{line}");
    }

    fn colour(self) -> ColorChoice {
        if self.display.colour { ColorChoice::Auto } else { ColorChoice::Never }
    }
}

/// Turns on tracing of this crate to stderr: the steps of a run from one `-v`, every log entry and
/// file from two. Other crates stay silent, since they do not know which of our values are secret.
pub(super) fn trace(verbose: u8) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let ours = Targets::new().with_target("persona", level);
    // Only a second call could fail, and its subscriber would be the same.
    let _ = tracing_subscriber::registry().with(lines).with(ours).try_init();
}

/// Installs a panic hook that prints the location and only those messages that are string literals:
/// a formatted message may contain research data. A backtrace, which contains none, follows if
/// `RUST_BACKTRACE` asks for it.
pub(super) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let words = panic.payload().downcast_ref::<&'static str>();
        let words = words.map(|words| format!(": {words}")).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        let mut stderr = io::stderr().lock();
        // When stderr is gone, there is nobody to tell.
        let _ = writeln!(stderr, "internal error{place}{words}");
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            let _ = writeln!(stderr, "{backtrace}");
        }
    }));
}

/// Accepts a reader that left early (`| head`), since it has what it wanted; a full disk is a
/// failure.
fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write the result to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
