//! The model that a run would use, and whether it fits this machine.
//!
//! Fetches and loads nothing: of a model on disk the header is read, of others the catalogue's entry.

use super::{Check, Status};
use crate::catalogue::{self, ModelSpec};
use crate::cli::failure::Failure;
use crate::cli::machine::{Automatic, Machine};
use crate::cli::table::human_bytes;
use crate::engine::gguf::GgufFile;
use crate::engine::{self, DEFAULT_CONTEXT, EngineOptions};
use crate::hub::{self, HubOptions, LocalModel, ModelRef};

/// The model that a run would use.
pub(super) enum Chosen {
    /// There is no model to check: a script or a server answers, or another check says what is
    /// missing.
    Unchecked,
    /// The name given is not that of a model that can be used.
    Unusable(Failure),
    /// On disk, with its entry in the catalogue.
    Here(LocalModel, Option<&'static ModelSpec>),
    /// Still to be fetched, with the name that the user gave.
    Away(ModelRef, String),
}

impl Chosen {
    pub(super) fn of(
        said: &str,
        options: &EngineOptions,
        machine: &Machine,
        hub: &HubOptions,
    ) -> Self {
        if said.starts_with("scripted:") {
            return Self::Unchecked;
        }
        let wanted = match said {
            "auto" => match machine.automatic(options.context.unwrap_or(DEFAULT_CONTEXT), hub) {
                Automatic::OnDisk(spec) | Automatic::ToFetch(spec) => ModelRef::Catalogue(spec),
                // The check of memory reports this.
                Automatic::Nothing => return Self::Unchecked,
            },
            named => match ModelRef::parse(named) {
                Ok(wanted) => wanted,
                Err(error) => return Self::Unusable(error.into()),
            },
        };
        let spec = match &wanted {
            ModelRef::Catalogue(spec) => Some(*spec),
            _ => None,
        };
        match (hub::locate(&wanted, hub), &wanted) {
            (Some(local), _) => Self::Here(local, spec),
            (None, ModelRef::Path(path)) => {
                Self::Unusable(hub::HubError::NoFile { path: path.clone() }.into())
            }
            (None, ModelRef::Ollama(name)) => match hub::not_in_ollama(name, hub) {
                Some(error) => Self::Unusable(error.into()),
                None => Self::Unchecked,
            },
            (None, _) => Self::Away(wanted, said.to_owned()),
        }
    }

    /// Bytes that are still to be downloaded; `None` where they are not known before the hub is asked.
    pub(super) fn to_fetch(&self) -> Option<u64> {
        match self {
            Self::Away(ModelRef::Catalogue(spec), _) => Some(spec.bytes),
            Self::Away(..) => None,
            Self::Unchecked | Self::Unusable(_) | Self::Here(..) => Some(0),
        }
    }

    pub(super) fn check(&self, options: &EngineOptions, machine: &Machine) -> Option<Check> {
        const NAME: &str = "model";
        let (name, bytes, kv, vocabulary, trained) = match self {
            Self::Unchecked => return None,
            Self::Unusable(failure) => {
                let fix = failure.hints().join("; or ");
                return Some(Check::problem(NAME, failure.message(), fix));
            }
            Self::Away(ModelRef::Catalogue(spec), _) => {
                let ModelSpec { bytes, kv_bytes_per_token, vocabulary, context, .. } = *spec;
                (&spec.name, *bytes, *kv_bytes_per_token, *vocabulary, *context)
            }
            Self::Away(_, said) => {
                let detail = format!("{said} is not on this machine");
                return Some(Check::warning(NAME, detail, format!("persona models pull {said}")));
            }
            Self::Here(local, spec) => {
                let file = match GgufFile::open(&local.path) {
                    Ok(file) => file,
                    Err(error) => return Some(Check::failed(Status::Problem, NAME, error)),
                };
                let kv = engine::kv_bytes_per_token(&file) as u64;
                let trained = engine::trained_context(&file);
                let name = spec.map_or(&local.name, |spec| &spec.name);
                (name, file.file_bytes(), kv, file.vocabulary_size() as u64, trained)
            }
        };
        let context = options.context.unwrap_or(DEFAULT_CONTEXT).min(trained);
        let needed = catalogue::memory_needed(bytes, kv, vocabulary, context);
        let need =
            format!("{name} needs {} with a context of {context} tokens", human_bytes(needed));
        Some(if needed > machine.free {
            let detail = format!("{need}, and {}", machine.memory());
            Check::problem(
                NAME,
                detail,
                "lower --context, close other programs, or see 'persona models recommend'",
            )
        } else if let Self::Away(..) = self {
            let detail = format!("{need}, and is still to be fetched ({})", human_bytes(bytes));
            Check::warning(NAME, detail, format!("persona models pull {name}"))
        } else {
            Check::ok(NAME, format!("{need}; on disk"))
        })
    }
}
