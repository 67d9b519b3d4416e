//! How a command ends: the exit codes, and an error that knows its own.
//!
//! Owns which module's error maps to which code. Prints nothing.

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
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// A flag or a setting.
    Usage = 2,
    /// No usable input.
    NoInput = 3,
    /// The model cannot be had or used.
    NoModel = 4,
    /// The provider that was to draft failed.
    Provider = 5,
    /// The budget allows no draft.
    Budget = 6,
    /// Fewer personas passed than asked for, under `--strict`.
    Partial = 7,
    /// A rule on privacy or the network forbids it.
    Refused = 8,
    /// Ctrl-C; the log is kept.
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

/// An error and the code that it ends the process with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A flag that cannot be meant as given.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{message}"))
    }

    /// Whether the model is called by a name that means nothing, or a path that leads nowhere.
    pub(super) fn is_misnamed(&self) -> bool {
        let cause = self.error.downcast_ref::<HubError>();
        matches!(cause, Some(HubError::UnknownModel { .. } | HubError::NoFile { .. }))
    }

    /// Anything without a code of its own.
    pub(super) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, anyhow::anyhow!("{message}"))
    }

    /// A model that cannot be had or used.
    pub(super) fn no_model(message: impl fmt::Display) -> Self {
        Self::new(Exit::NoModel, anyhow::anyhow!("{message}"))
    }

    /// The same failure with one more thing to do next.
    pub(super) fn with_hint(self, hint: &str) -> Self {
        let text = format!("{}\n{HINT}{hint}", self.text());
        Self::new(self.exit, anyhow::anyhow!(text))
    }

    /// The message, without its hints.
    pub(super) fn message(&self) -> String {
        self.lines().filter(|line| !line.starts_with(HINT)).collect::<Vec<_>>().join("\n")
    }

    /// What to do next, one line each.
    pub(super) fn hints(&self) -> Vec<String> {
        self.lines().filter_map(|line| Some(line.strip_prefix(HINT)?.to_owned())).collect()
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.text().lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    /// The error with its causes, each said once: most errors repeat theirs in their own words.
    pub(super) fn text(&self) -> String {
        let mut text = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                let end = text.find(&format!("\n{HINT}")).unwrap_or(text.len());
                text.insert_str(end, &format!(": {cause}"));
            }
        }
        text
    }
}

/// Modules end their messages with lines that begin so.
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
