//! How a command ends: the exit codes, and an error that knows its exit code.
//!
//! Owns the mapping from each module's errors to exit codes. Prints nothing.

use std::fmt;

use crate::config::ConfigError;
use crate::corpus::CorpusError;
use crate::engine::EngineError;
use crate::hub::HubError;
use crate::hybrid::HybridError;
use crate::pipeline::PipelineError;
use crate::privacy::PrivacyError;
use crate::store::StoreError;

/// The exit codes, as documented in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The command did what was asked.
    Done = 0,
    /// The command failed for a reason without a code of its own.
    Failed = 1,
    /// A flag or a setting is wrong.
    Usage = 2,
    /// There is no usable input.
    NoInput = 3,
    /// The model is not available or cannot be used.
    NoModel = 4,
    /// The provider that was to draft failed.
    Provider = 5,
    /// The budget leaves no room for a single draft.
    Budget = 6,
    /// Fewer personas passed than asked for, under `--strict`.
    Partial = 7,
    /// A rule on privacy or the network forbids the command.
    Refused = 8,
    /// Ctrl-C, SIGTERM or SIGHUP; the log is kept.
    Interrupted = 130,
}

impl Exit {
    /// A stable name for the JSON error document.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NoInput => "no-input",
            Self::NoModel => "no-model",
            Self::Provider => "provider",
            Self::Budget => "budget",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An error, and the exit code with which it ends the process.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    error: anyhow::Error,
    /// Hints beside those with which the error's own message ends.
    more_hints: Vec<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), more_hints: Vec::new() }
    }

    /// A failure because flags or settings cannot be used as given.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{message}"))
    }

    /// Whether the cause is a model name that is not known, or a path without a file.
    pub(super) fn is_misnamed(&self) -> bool {
        let cause = self.error.downcast_ref::<HubError>();
        matches!(cause, Some(HubError::UnknownModel { .. } | HubError::NoFile { .. }))
    }

    /// A failure without an exit code of its own.
    pub(super) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, anyhow::anyhow!("{message}"))
    }

    /// A failure because a model is not available or cannot be used.
    pub(super) fn no_model(message: impl fmt::Display) -> Self {
        Self::new(Exit::NoModel, anyhow::anyhow!("{message}"))
    }

    /// The same failure with one more hint.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        self.more_hints.push(hint.to_owned());
        self
    }

    /// The message, without its hints.
    pub(super) fn message(&self) -> String {
        self.lines().filter(|line| !line.starts_with(HINT)).collect::<Vec<_>>().join("\n")
    }

    /// Hints what to do next, one per entry.
    pub(super) fn hints(&self) -> Vec<String> {
        self.lines().filter_map(|line| Some(line.strip_prefix(HINT)?.to_owned())).collect()
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.text().lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    /// The error with those of its causes that its text does not contain yet: most errors already
    /// repeat their cause. The hints stand at its end.
    pub(super) fn text(&self) -> String {
        let mut text = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                let end = text.find(&format!("\n{HINT}")).unwrap_or(text.len());
                text.insert_str(end, &format!(": {cause}"));
            }
        }
        for hint in &self.more_hints {
            text.extend(["\n", HINT, hint]);
        }
        text
    }
}

/// Beginning of the lines with which modules end their messages to say what to do next.
const HINT: &str = "hint: ";

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<CorpusError> for Failure {
    fn from(error: CorpusError) -> Self {
        Self::new(Exit::NoInput, error)
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::new(Exit::NoModel, error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(Exit::NoModel, error)
    }
}

impl From<PrivacyError> for Failure {
    fn from(error: PrivacyError) -> Self {
        let exit = match error {
            PrivacyError::Interrupted => Exit::Interrupted,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<HybridError> for Failure {
    fn from(error: HybridError) -> Self {
        match error {
            HybridError::Pipeline(error) => error.into(),
            HybridError::Store(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let exit = match &error {
            PipelineError::Provider(_) => Exit::Provider,
            PipelineError::Budget(_) => Exit::Budget,
            PipelineError::Data(_) => Exit::NoInput,
            PipelineError::Store(_) | PipelineError::Model(_) => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_told_from_the_message() {
        let failure = Failure::usage("cannot do x\nsecond line\nhint: do y\nhint: or z");
        assert_eq!(failure.message(), "cannot do x\nsecond line");
        assert_eq!(failure.hints(), ["do y", "or z"]);
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_hint_leaves_the_cause_what_it_is() {
        let failure = Failure::from(HubError::NoFile { path: "a.gguf".into() });
        let message = failure.message();
        let failure = failure.with_hint("do y").with_hint("or z");
        assert!(failure.is_misnamed());
        assert_eq!(failure.message(), message);
        assert!(failure.text().ends_with("\nhint: do y\nhint: or z"), "{}", failure.text());
    }

    #[test]
    fn a_cause_is_said_once_and_before_the_hints() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let doubled = StoreError::Io { what: "write", path: "a".into(), source: full() };
        assert_eq!(Failure::from(doubled).message(), "cannot write a: no storage space");
        let error = anyhow::Error::from(full()).context("cannot do x\nhint: do y");
        let failure = Failure::new(Exit::Failed, error).with_hint("or z");
        assert_eq!(failure.message(), "cannot do x: no storage space");
        assert_eq!(failure.hints(), ["do y", "or z"]);
    }
}
