//! Loading the model that `--pii-model` names, which makes the second pass over free text.
//!
//! Owns the choice between the two kinds: a folder is a token classifier, any other name is a
//! language model, named as for `--model`. Both run in this process, so nothing leaves it.

use std::path::Path;

use crate::cli::failure::{Exit, Failure};
use crate::cli::model::{self, Loader};
use crate::cli::progress::Spinner;
use crate::engine::EngineOptions;
use crate::engine::token_classifier::TokenClassifier;
use crate::pipeline::{Asked, Tagger};
use crate::privacy::SpanFinder;

/// A loaded model, and how to find it again.
pub(super) struct Reader {
    pub(super) model: Box<dyn SpanFinder>,
    /// The value of `--pii-model` that gives the same model: never `auto`, and paths are absolute.
    pub(super) reference: String,
}

impl Reader {
    pub(super) fn finder(&self) -> &dyn SpanFinder {
        self.model.as_ref()
    }

    /// The model in words, for messages.
    pub(super) fn told(&self) -> String {
        let model = self.model.identity();
        let hash = model.sha256.as_deref().map(|hash| format!(", SHA-256 {hash}"));
        format!(
            "second pass over free text by {} ({}{})",
            model.name,
            model.kind.name(),
            hash.unwrap_or_default()
        )
    }
}

/// Finds and loads the model that `said` names.
pub(super) fn load(
    said: &str,
    options: &EngineOptions,
    loader: Loader<'_>,
) -> Result<Reader, Failure> {
    let folder = Path::new(said);
    if !folder.is_dir() {
        let loaded = model::load(said, options, loader).map_err(|failure| match failure.exit {
            Exit::NoModel => failure.with_hint("for a token classifier, name its folder"),
            _ => failure,
        })?;
        let asked = Asked::new(loaded.model, loader.task.cancel.clone());
        return Ok(Reader { model: Box::new(asked), reference: loaded.reference });
    }
    let reference = model::absolute(folder)?;
    let name = folder.canonicalize().ok();
    let name = name
        .as_deref()
        .unwrap_or(folder)
        .file_name()
        .map_or_else(|| reference.clone(), |name| name.to_string_lossy().into_owned());
    let spinner = Spinner::start(loader.task.output, &format!("loading {name}"));
    let classifier = TokenClassifier::load(folder, options.device)?;
    drop(spinner);
    let (tagger, unknown) = Tagger::new(classifier, name, loader.task.cancel.clone());
    if tagger.finds_nothing() {
        return Err(Failure::no_model(format!(
            "none of the labels of {said} is one of personal data: {}\nhint: choose a model whose id2label names persons, places or the like",
            unknown.join(", ")
        )));
    }
    if !unknown.is_empty() {
        loader.task.output.warn(&format!(
            "what {said} marks as {} stays as it is: these labels are not known here",
            unknown.join(", ")
        ));
    }
    Ok(Reader { model: Box::new(tagger), reference })
}
