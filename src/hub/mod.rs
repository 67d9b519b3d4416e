//! Where model files are, and how they get there.
//!
//! Owns the look-up order (path, data directory, Hugging Face cache), fetching with resume and
//! verification, mirrors, export and import, removal, and what Ollama has on this machine. Files
//! from the hub live in the ordinary Hugging Face cache in its exact layout, shared with every
//! other tool; files from elsewhere have no commit and live in our data directory as
//! `models/<sha256>/<file>`.
//!
//! Looking up, importing, listing and verifying need no network and no `net` feature. Nothing here
//! reads the environment, and nothing knows what is inside a model beyond its first four bytes.

mod bundle;
mod cache;
mod error;
#[cfg(feature = "net")]
mod fetch;
mod health;
#[cfg(feature = "net")]
mod mirror;
mod ollama;
#[cfg(feature = "net")]
mod reach;
mod reference;
#[cfg(feature = "net")]
mod remote;
mod removal;

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::catalogue::{self, ModelSpec};

use error::READ;

pub use bundle::{Bundle, BundleFile, entries, export};
pub use error::HubError;
#[cfg(feature = "net")]
pub use fetch::pull;
pub use health::{Ailment, AilmentKind, examine};
#[cfg(feature = "net")]
pub use reach::reach;
pub use reference::{ModelRef, OllamaRef, Pick, RepoRef};
pub use removal::{Removed, remove};

/// Address of the hub that is asked unless the user names another.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// First bytes of every GGUF file.
const GGUF_MAGIC: &[u8; 4] = b"GGUF";

/// Where models are kept and where they come from.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// The `hub` directory of the Hugging Face cache.
    pub hf_cache: PathBuf,
    /// Our data directory.
    pub data_dir: PathBuf,
    /// Address of the hub, without a trailing slash.
    pub endpoint: String,
    /// Access token, sent to the hub's own host only.
    pub token: Option<Token>,
    /// Whether to do without the hub and the mirrors.
    pub offline: bool,
    /// The user's pip, as the words of a command.
    pub pip: Vec<String>,
    /// Folders in which Ollama keeps models, searched in this order; often only one.
    pub ollama: Vec<PathBuf>,
}

impl HubOptions {
    /// Options for the public hub and the pip of `python3`, without a token.
    pub fn new(hf_cache: PathBuf, data_dir: PathBuf) -> Self {
        Self {
            hf_cache,
            data_dir,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            token: None,
            offline: false,
            pip: ["python3", "-m", "pip"].map(str::to_owned).to_vec(),
            ollama: Vec::new(),
        }
    }

    /// The folder for files without a commit, with one directory per SHA-256.
    pub fn models_dir(&self) -> PathBuf {
        self.data_dir.join("models")
    }
}

/// An access token, which is never shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes the text of a token, without the white space around it; `None` when nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The secret itself, for a request header and nothing else.
    #[cfg(feature = "net")]
    fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A model file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// Path of the file, or of the first part of a split model.
    pub path: PathBuf,
    /// SHA-256 that the file had when it was stored, in lower-case hex; not computed again here.
    pub sha256: Option<String>,
    /// The catalogue's name, `owner/repo/file`, or the file's own name.
    pub name: String,
}

/// A model file on this machine, for a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The file and its name.
    pub model: LocalModel,
    /// Size in bytes.
    pub bytes: u64,
    /// Where it was found.
    pub place: Place,
}

/// Where a model file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Our data directory: imported, or from a mirror.
    DataDir,
    /// The Hugging Face cache.
    HfCache,
}

/// What happens during [`pull`].
#[cfg(feature = "net")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullProgress<'a> {
    /// Bytes begin to arrive.
    Started {
        /// The file's name.
        file: &'a str,
        /// The file's size in bytes, where the server stated it.
        bytes: Option<u64>,
    },
    /// So many bytes of the file are on disk; falls back when a file is fetched anew.
    At(u64),
    /// Something that the user should know, on one line.
    Note(&'a str),
}

/// Finds a model on this machine. Opens no socket and hashes nothing.
pub fn locate(model: &ModelRef, options: &HubOptions) -> Option<LocalModel> {
    match model {
        ModelRef::Path(path) => path.is_file().then(|| LocalModel {
            name: file_name(path),
            path: path.clone(),
            sha256: None,
        }),
        ModelRef::Catalogue(spec) => locate_spec(spec, options),
        ModelRef::Repo(wanted) => cache::find(&options.hf_cache, wanted)
            .or_else(|| bundle::find_repo(&options.models_dir(), wanted))
            .map(named),
        ModelRef::Ollama(wanted) => ollama::find(wanted, options).ok(),
    }
}

/// The error that says why a model is not in Ollama's folders, and what is there; `None` when the
/// model is there.
pub fn not_in_ollama(wanted: &OllamaRef, options: &HubOptions) -> Option<HubError> {
    ollama::find(wanted, options).err()
}

/// The names of the models in Ollama's folders, as Ollama shows them.
pub fn ollama_models(options: &HubOptions) -> Vec<String> {
    ollama::list(options)
}

fn locate_spec(spec: &ModelSpec, options: &HubOptions) -> Option<LocalModel> {
    let pin = spec.sha256.as_deref();
    if let Some(pin) = pin
        && let Some(path) = cache::stored(&options.models_dir(), pin)
    {
        return Some(LocalModel { path, sha256: Some(pin.to_owned()), name: spec.name.clone() });
    }
    if pin.is_none()
        && let Some(imported) = bundle::find_name(&options.models_dir(), &spec.name)
    {
        return Some(imported);
    }
    let wanted = RepoRef {
        repo: spec.repo.clone(),
        pick: Pick::File(spec.file.clone()),
        revision: spec.revision.clone(),
    };
    let found = cache::find(&options.hf_cache, &wanted)?;
    // A file that changed on the hub is not the model that the catalogue pins.
    let pinned = pin.is_none_or(|pin| found.sha256.as_deref() == Some(pin));
    pinned.then(|| LocalModel { name: spec.name.clone(), ..found })
}

/// Bytes that may still be written below a folder, which need not exist yet; `None` where the system
/// does not say.
pub fn free_space(folder: &Path) -> Option<u64> {
    cache::free_space(folder)
}

/// Whether a path belongs to a model that is split over several files.
pub fn is_split(path: &Path) -> bool {
    cache::parts_of(path).len() > 1
}

/// Every model file in the data directory and the Hugging Face cache, sorted by name.
pub fn list(options: &HubOptions) -> Vec<Installed> {
    let records = bundle::records(&options.models_dir());
    let imported = |model: LocalModel| {
        let record = records.iter().find(|(folder, _)| model.path.parent() == Some(folder));
        record.map_or(model, |(folder, bundle)| bundle.local(folder))
    };
    let stored = cache::all_stored(&options.models_dir()).into_iter();
    let stored = stored.map(|model| (imported(model), Place::DataDir));
    let cached =
        cache::all_cached(&options.hf_cache).into_iter().map(|model| (model, Place::HfCache));
    let mut installed: Vec<Installed> = stored
        .chain(cached)
        .filter_map(|(model, place)| {
            let parts = cache::parts_of(&model.path);
            let bytes = parts.iter().map(|part| Some(fs::metadata(part).ok()?.len()));
            let bytes = bytes.sum::<Option<u64>>()?;
            Some(Installed { model: named(model), bytes, place })
        })
        .collect();
    installed.sort_by(|a, b| (&a.model.name, &a.model.path).cmp(&(&b.model.name, &b.model.path)));
    installed
}

/// Gives a model the name that the catalogue has for its bytes.
///
/// A model that came with a name of its own keeps it.
fn named(model: LocalModel) -> LocalModel {
    if catalogue::find(&model.name).is_ok() {
        return model;
    }
    let known = catalogue::models().iter().find(|spec| match (&spec.sha256, &model.sha256) {
        (Some(pin), Some(hash)) => pin == hash,
        (Some(_), None) => false,
        (None, _) => model.name == format!("{}/{}", spec.repo, spec.file),
    });
    match known {
        Some(spec) => LocalModel { name: spec.name.clone(), ..model },
        None => model,
    }
}

/// Copies a GGUF file, or the model in a folder that [`export`] wrote, into the data directory
/// under its hash, atomically.
///
/// Reads the file once; needs no network. A file that is already there is left as it is.
pub fn import(file: &Path, options: &HubOptions) -> Result<LocalModel, HubError> {
    if file.is_dir() {
        return bundle::import(file, options).map(named);
    }
    if is_split(file) {
        return bundle::import_split(file, options).map(named);
    }
    let mut source = fs::File::open(file).map_err(|e| HubError::io(READ, file, e))?;
    let mut incoming = cache::Incoming::new(&options.models_dir())?;
    let mut magic = Vec::with_capacity(GGUF_MAGIC.len());
    let head = (&mut source).take(GGUF_MAGIC.len() as u64).read_to_end(&mut magic);
    head.map_err(|e| HubError::io(READ, file, e))?;
    if magic != GGUF_MAGIC {
        return Err(HubError::NotGguf { path: file.to_owned() });
    }
    incoming.copy(&mut magic.as_slice().chain(source), file, u64::MAX)?;
    incoming.store(&file_name(file)).map(named)
}

/// Hashes a model file and compares the hash with `pin`, or without a pin with the hash on record.
/// Every part of a split model is compared with the hash on its own record.
///
/// Returns the hash; for a split model, that of the first part. Without a pin and a record there is
/// nothing to compare with, and the hash is only for the caller to show.
pub fn verify(model: &LocalModel, pin: Option<&str>) -> Result<String, HubError> {
    for part in cache::parts_of(&model.path).iter().skip(1) {
        compare(part, cache::recorded_hash(part).as_deref())?;
    }
    compare(&model.path, pin.or(model.sha256.as_deref()))
}

/// Hashes a file and compares the hash with `expected`, where there is one.
fn compare(path: &Path, expected: Option<&str>) -> Result<String, HubError> {
    let found = cache::hash_file(path)?;
    match expected {
        Some(expected) if expected != found => Err(HubError::damaged(path, expected, found)),
        _ => Ok(found),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(dir: &Path) -> HubOptions {
        HubOptions::new(dir.join("hf/hub"), dir.join("data"))
    }

    fn gguf(dir: &Path, name: &str, tail: &[u8]) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, [GGUF_MAGIC, tail].concat()).unwrap();
        path
    }

    #[test]
    fn an_imported_file_is_listed_verified_and_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let file = gguf(dir.path(), "mine.gguf", b"weights");
        let imported = import(&file, &options).unwrap();
        assert_eq!(import(&file, &options).unwrap(), imported);
        assert_eq!(fs::read(&imported.path).unwrap(), b"GGUFweights");
        assert_eq!(verify(&imported, None).ok(), imported.sha256);
        let listed = list(&options);
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert_eq!((&listed[0].model, listed[0].bytes), (&imported, 11));
        let left = fs::read_dir(options.models_dir()).unwrap().count();
        assert_eq!(left, 1, "nothing but the stored file's directory");
    }

    #[test]
    fn a_file_that_is_no_gguf_is_not_imported() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        for (name, bytes) in [("empty", &b""[..]), ("short", b"GG"), ("zip", b"PK\x03\x04....")] {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert!(matches!(import(&path, &options), Err(HubError::NotGguf { .. })), "{name}");
        }
        let missing = import(&dir.path().join("missing.gguf"), &options).unwrap_err();
        assert!(missing.to_string().contains("missing.gguf"), "{missing}");
        assert!(list(&options).is_empty());
    }

    #[test]
    fn a_changed_file_fails_verification() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let imported = import(&gguf(dir.path(), "m.gguf", b"1"), &options).unwrap();
        fs::write(&imported.path, b"GGUF2").unwrap();
        let error = verify(&imported, None).unwrap_err();
        assert!(matches!(error, HubError::Mismatch { .. }), "{error}");
        let unpinned = LocalModel { sha256: None, ..imported };
        let now = verify(&unpinned, None).unwrap();
        assert!(verify(&unpinned, Some(&now)).is_ok());
        assert!(verify(&unpinned, Some(&"0".repeat(64))).is_err());
    }

    #[test]
    fn a_path_is_located_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let file = gguf(dir.path(), "m.gguf", b"");
        let found = locate(&ModelRef::Path(file.clone()), &options).unwrap();
        assert_eq!((found.path, found.name.as_str(), found.sha256), (file, "m.gguf", None));
        assert!(locate(&ModelRef::Path(dir.path().to_owned()), &options).is_none());
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let dir = tempfile::tempdir().unwrap();
        let options = HubOptions { token: Token::new(" hf_secret\n"), ..options(dir.path()) };
        assert!(options.token.is_some() && Token::new(" \n").is_none());
        assert!(!format!("{options:?}").contains("secret"));
    }
}
