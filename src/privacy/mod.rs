//! What may reach a prompt: [`Cleared`] data and nothing else.
//!
//! Owns the detection of personal data, its replacement, and the check of what leaves. A text goes
//! through three layers (`columns`: what the structure says; `patterns`: what has a fixed form;
//! `names`: what is a name in a sentence). `learned` finds everywhere what one place has shown, and
//! `pseudonym` decides what is written instead. Where the user asks for it, a model makes a second
//! pass over the free text (`second_pass`). No detector finds everything; the README says so.

mod anonymise;
mod columns;
mod detect;
mod documents;
mod entity;
mod fakes;
mod fold;
mod key;
mod labels;
mod learned;
mod names;
mod outbound;
mod patterns;
mod people;
mod pseudonym;
mod removed;
mod second_pass;

use std::ops::Deref;
use std::sync::Arc;

use crate::corpus::Corpus;

pub use anonymise::{Anonymiser, Found, Place, scan};
pub use detect::detect;
pub use documents::{Rewrite, Under, rewrite};
pub use entity::{Entity, Span, tally};
pub use key::Key;
pub use labels::{Meaning, meaning};
pub use outbound::outbound;
#[cfg(test)]
use pseudonym::Pseudonyms;
pub use pseudonym::Strategy;
pub use removed::{PiiMap, Removed, Restorer};
pub use second_pass::{FinderError, FinderId, FinderKind, SpanFinder, detect_twice};

/// Why data could not be cleared; nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// There are more values than can be searched for at once.
    #[error("too many personal values to search for: {0}\nhint: give the files to several runs")]
    TooMuch(String),
    /// The key of `hash` cannot be read or made.
    #[error(
        "cannot use the key for hashed pseudonyms in {path}: {reason}\nhint: let this user read and write the file, or take --anonymise-strategy redact"
    )]
    Key {
        /// File of the key.
        path: std::path::PathBuf,
        /// Why the key cannot be used, and what to do about it.
        reason: String,
    },
    /// The model of the second pass failed. Going on without it would remove less than was asked
    /// for.
    #[error(
        "the second pass for personal data by {model} failed: {reason}\nhint: nothing was written or sent; choose another model with --pii-model, or leave it out to rely on the rules alone"
    )]
    SecondPass {
        /// Name of the model.
        model: String,
        /// How and where the model failed.
        reason: String,
    },
    /// Ctrl-C during the second pass.
    #[error(
        "interrupted before the data was cleared; nothing was written or sent\nhint: run the same command again"
    )]
    Interrupted,
}

/// How data was cleared, as shown in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearance {
    /// The user did not ask for anonymisation: the data is as it was read.
    AsIs,
    /// Data that was found to be personal is replaced.
    Anonymised(Strategy),
}

impl Clearance {
    /// The name in reports: `as_is`, or the strategy.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Anonymised(strategy) => strategy.name(),
        }
    }
}

/// Data that may reach a prompt. Prompts accept nothing else. It cannot be deserialised, so a file
/// can never claim to be cleared.
#[derive(Debug, Clone)]
pub struct Cleared<T> {
    value: T,
    clearance: Clearance,
    removed: Option<Arc<Removed>>,
    second_pass: Option<FinderId>,
}

impl<T> Cleared<T> {
    /// Clears data unchanged, because the user did not ask for anonymisation.
    pub fn as_is(value: T) -> Self {
        Self { value, clearance: Clearance::AsIs, removed: None, second_pass: None }
    }

    /// How the data was cleared.
    pub fn clearance(&self) -> Clearance {
        self.clearance
    }

    /// What was removed, where the data was anonymised.
    pub fn removed(&self) -> Option<&Arc<Removed>> {
        self.removed.as_ref()
    }

    /// The model that made a second pass over the free text, if one did.
    pub fn second_pass(&self) -> Option<&FinderId> {
        self.second_pass.as_ref()
    }
}

impl Cleared<Corpus> {
    /// Clears a corpus by replacing what is personal in it: in text, labels, column and file names,
    /// and findings. `finder` makes a second pass over the free text; without it, the rules decide
    /// alone.
    pub fn anonymise(
        corpus: &Corpus,
        strategy: Strategy,
        key: Key,
        finder: Option<&dyn SpanFinder>,
    ) -> Result<Self, PrivacyError> {
        let (value, removed) = anonymise::anonymise(corpus, strategy, key, finder)?;
        let clearance = Clearance::Anonymised(strategy);
        let second_pass = finder.map(|finder| finder.identity().clone());
        Ok(Self { value, clearance, removed: Some(Arc::new(removed)), second_pass })
    }
}

impl<T> Deref for Cleared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
