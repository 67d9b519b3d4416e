//! Models on their way to a machine without a network: a folder with the file, its hash, its
//! licence and its entry of the catalogue.
//!
//! Owns the folder's layout: `persona-model.json`, the file or its parts under their own names, and
//! `SHA256SUMS` for people who check by hand. The same `persona-model.json` stays beside an
//! imported file in the data directory, so that the model is found there by the name that it had.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cache::{self, Incoming};
use super::error::READ;
use super::reference::{self, Pick, RepoRef};
use super::{GGUF_MAGIC, HubError, HubOptions, LocalModel, file_name};
use crate::catalogue::{self, ModelSpec};

/// The file that makes a folder a bundle.
const BUNDLE_FILE: &str = "persona-model.json";
const SUMS_FILE: &str = "SHA256SUMS";
/// Version of the layout that this program writes and reads.
const FORMAT: u32 = 1;
/// Largest `persona-model.json` that is read, in bytes; real ones take two kilobytes.
const MAX_RECORD: u64 = 4 << 20;

/// What `persona-model.json` says about its model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of the layout.
    pub format: u32,
    /// The name that `--model` takes, on either machine.
    pub name: String,
    /// `owner/name` on the hub, where the model came from there.
    pub repo: Option<String>,
    /// Path of the file in that repository.
    pub path: Option<String>,
    /// Commit or branch of the repository that the file came from.
    pub revision: Option<String>,
    /// Licence of the weights, where it is known.
    pub licence: Option<String>,
    /// The file, or its parts in order.
    pub files: Vec<BundleFile>,
    /// The model's entry of the catalogue, where it has one.
    pub entry: Option<ModelSpec>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFile {
    /// The file's name, without folders.
    pub name: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Copies a model of this machine into `folder`, hashing it on the way.
///
/// `licence` is what the file itself states, for models without an entry in the catalogue. A file
/// whose hash differs from the one on record is not exported. The folder is made; one that already
/// holds a bundle is refused.
pub fn export(
    local: &LocalModel,
    licence: Option<String>,
    folder: &Path,
) -> Result<Bundle, HubError> {
    if folder.join(BUNDLE_FILE).exists() {
        return Err(HubError::BadBundle {
            what: "export to",
            folder: folder.to_owned(),
            reason: "it holds an exported model already".to_owned(),
            hint: "give another folder to --output",
        });
    }
    fs::create_dir_all(folder).map_err(|e| HubError::io("create", folder, e))?;
    let sources = cache::parts_of(&local.path);
    let sizes = sources.iter().map(|path| fs::metadata(path).map_or(0, |about| about.len()));
    cache::check_room(folder, &local.name, sizes.sum())?;
    let mut files = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let recorded = if index == 0 { local.sha256.clone() } else { cache::recorded_hash(source) };
        files.push(copy_out(source, recorded.as_deref(), folder)?);
    }
    let entry = catalogue::find(&local.name).ok().cloned();
    let (repo, path) = match (&entry, split_name(&local.name)) {
        (Some(spec), _) => (Some(spec.repo.clone()), Some(spec.file.clone())),
        (None, Some((repo, path))) => (Some(repo), Some(path)),
        (None, None) => (None, None),
    };
    let bundle = Bundle {
        format: FORMAT,
        name: local.name.clone(),
        revision: cache::commit_of(&local.path)
            .or_else(|| entry.as_ref().map(|spec| spec.revision.clone())),
        licence: entry.as_ref().map(|spec| spec.licence.clone()).or(licence),
        repo,
        path,
        files,
        entry,
    };
    let sums = bundle.files.iter().map(|file| format!("{}  {}", file.sha256, file.name));
    let sums = sums.collect::<Vec<_>>().join("\n") + "\n";
    write(&folder.join(SUMS_FILE), sums.as_bytes())?;
    // Written last, so that a folder is a bundle only when it is whole.
    bundle.save(folder)?;
    Ok(bundle)
}

/// Copies one file, refusing it unless its hash is the one on record.
fn copy_out(source: &Path, recorded: Option<&str>, folder: &Path) -> Result<BundleFile, HubError> {
    let mut name = file_name(source);
    if !reference::is_repo_file(&name) {
        name.push_str(".gguf");
    }
    let mut from = fs::File::open(source).map_err(|e| HubError::io(READ, source, e))?;
    let mut incoming = Incoming::new(folder)?;
    incoming.copy(&mut from, source, u64::MAX)?;
    let (sha256, bytes) = incoming.put(&folder.join(&name), |found| match recorded {
        Some(recorded) if recorded != found => {
            Err(HubError::damaged(source, recorded, found.to_owned()))
        }
        _ => Ok(()),
    })?;
    Ok(BundleFile { name, sha256, bytes })
}

/// Imports the model of a bundle into the data directory, checking every byte.
pub(super) fn import(folder: &Path, options: &HubOptions) -> Result<LocalModel, HubError> {
    let bad = |reason: String, hint: &'static str| HubError::BadBundle {
        what: "import",
        folder: folder.to_owned(),
        reason,
        hint,
    };
    let bundle = Bundle::load(folder).map_err(|reason| {
        bad(reason, "give a folder that 'persona models export' wrote, or a .gguf file")
    })?;
    take(bundle, folder, options)
}

/// Imports a split model into the data directory; `part` is any one of its parts.
pub(super) fn import_split(part: &Path, options: &HubOptions) -> Result<LocalModel, HubError> {
    let file = |path: &PathBuf| {
        let bytes = fs::metadata(path).map_err(|e| HubError::io(READ, path, e))?.len();
        Ok(BundleFile { name: file_name(path), sha256: cache::hash_file(path)?, bytes })
    };
    let files: Vec<BundleFile> =
        cache::parts_of(part).iter().map(file).collect::<Result<_, HubError>>()?;
    let bundle = Bundle {
        format: FORMAT,
        name: files[0].name.clone(),
        repo: None,
        path: None,
        revision: None,
        licence: None,
        files,
        entry: None,
    };
    take(bundle, part.parent().unwrap_or(Path::new("")), options)
}

/// Copies the files of a bundle from `folder` into the data directory, checking every byte.
fn take(bundle: Bundle, folder: &Path, options: &HubOptions) -> Result<LocalModel, HubError> {
    let bad = |reason: String, hint: &'static str| HubError::BadBundle {
        what: "import",
        folder: folder.to_owned(),
        reason,
        hint,
    };
    let pin = catalogue::find(&bundle.name).ok().and_then(|spec| spec.sha256.as_deref());
    if pin.is_some_and(|pin| pin != bundle.files[0].sha256) {
        let reason = format!("it calls itself {}, and holds another file", bundle.name);
        return Err(bad(reason, "import the .gguf file in it by its path, if you trust it"));
    }
    let models = options.models_dir();
    let home = models.join(&bundle.files[0].sha256);
    let needed = bundle.files.iter().map(|file| file.bytes).fold(0_u64, u64::saturating_add);
    cache::check_room(&models, &bundle.name, needed)?;
    // The first part comes last, because a split model is looked up by it.
    for file in bundle.files.iter().rev() {
        let (from, to) = (folder.join(&file.name), home.join(&file.name));
        if cache::hash_file(&to).is_ok_and(|found| found == file.sha256) {
            continue;
        }
        let mut source = fs::File::open(&from).map_err(|e| HubError::io(READ, &from, e))?;
        let mut incoming = Incoming::new(&models)?;
        incoming.copy(&mut source, &from, u64::MAX)?;
        if !cache::begins_with(&from, *GGUF_MAGIC) {
            return Err(HubError::NotGguf { path: from });
        }
        incoming.put(&to, |found| {
            let damaged = || HubError::Mismatch {
                what: from.display().to_string(),
                expected: file.sha256.clone(),
                found: found.to_owned(),
                hint: "it was damaged on its way: copy the folder again".to_owned(),
            };
            if found == file.sha256 { Ok(()) } else { Err(damaged()) }
        })?;
    }
    bundle.save(&home)?;
    let path = home.join(&bundle.files[0].name);
    let sha256 = Some(bundle.files[0].sha256.clone());
    Ok(LocalModel { path, sha256, name: bundle.name })
}

impl Bundle {
    /// Reads and checks `persona-model.json`; the error says what is wrong with it.
    fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join(BUNDLE_FILE);
        let about = fs::metadata(&path).map_err(|e| format!("cannot read {BUNDLE_FILE}: {e}"))?;
        if about.len() > MAX_RECORD {
            return Err(format!("{BUNDLE_FILE} is too long to be one"));
        }
        let text = fs::read(&path).map_err(|e| format!("cannot read {BUNDLE_FILE}: {e}"))?;
        let mut bundle: Self = serde_json::from_slice(&text)
            .map_err(|e| format!("{BUNDLE_FILE} cannot be understood: {e}"))?;
        bundle.check()?;
        if let Some(entry) = &mut bundle.entry {
            // A stranger's folder may not name further addresses to fetch from.
            entry.mirrors.clear();
        }
        Ok(bundle)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            let format = self.format;
            return Err(format!("it has layout {format}, and this version reads {FORMAT}"));
        }
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let first = *names.first().ok_or("it lists no file")?;
        if first.contains('/') || !reference::is_repo_file(first) {
            return Err(format!("'{first}' is not the name of a .gguf file"));
        }
        if reference::parts(first) != names {
            return Err(format!("its files are not {first} with all its parts"));
        }
        if let Some(file) = self.files.iter().find(|file| !cache::is_sha256(&file.sha256)) {
            return Err(format!("it states no SHA-256 for {}", file.name));
        }
        match &self.entry {
            Some(entry) => catalogue::check(entry).map_err(|e| format!("its catalogue entry: {e}")),
            None => Ok(()),
        }
    }

    fn save(&self, folder: &Path) -> Result<(), HubError> {
        let path = folder.join(BUNDLE_FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| HubError::io("write", &path, std::io::Error::other(e)))?;
        write(&path, format!("{text}\n").as_bytes())
    }
}

/// The records of the imported models whose files are all there, each with its folder.
pub(super) fn records(models: &Path) -> Vec<(PathBuf, Bundle)> {
    let whole = |folder: PathBuf| {
        let bundle = Bundle::load(&folder).ok()?;
        let here = bundle.files.iter().all(|file| folder.join(&file.name).is_file());
        here.then_some((folder, bundle))
    };
    cache::directories(models).into_iter().filter_map(whole).collect()
}

/// The imported model that came from this repository, file and revision of the hub.
pub(super) fn find_repo(models: &Path, wanted: &RepoRef) -> Option<LocalModel> {
    let of_repo: Vec<(PathBuf, Bundle)> = records(models)
        .into_iter()
        .filter(|(_, bundle)| bundle.repo.as_ref() == Some(&wanted.repo))
        .filter(|(_, b)| wanted.revision == "main" || b.revision.as_ref() == Some(&wanted.revision))
        .collect();
    let paths: Vec<String> = of_repo
        .iter()
        .filter_map(|(_, bundle)| Some(reference::parts(bundle.path.as_ref()?)))
        .flatten()
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let chosen = match &wanted.pick {
        Pick::File(file) => file.as_str(),
        Pick::Best | Pick::Quant(_) => reference::choose(&paths, &wanted.pick).ok()?,
    };
    let (folder, bundle) =
        of_repo.into_iter().find(|(_, bundle)| bundle.path.as_deref() == Some(chosen))?;
    Some(bundle.local(&folder))
}

/// The imported model called `name`.
pub(super) fn find_name(models: &Path, name: &str) -> Option<LocalModel> {
    let mut records = records(models).into_iter();
    records.find(|(_, bundle)| bundle.name == name).map(|(folder, bundle)| bundle.local(&folder))
}

/// The entries of the catalogue that came with imported models.
pub fn entries(options: &HubOptions) -> Vec<ModelSpec> {
    records(&options.models_dir()).into_iter().filter_map(|(_, bundle)| bundle.entry).collect()
}

impl Bundle {
    /// The model that this record describes, in the `folder` that it was read from.
    pub(super) fn local(&self, folder: &Path) -> LocalModel {
        let first = &self.files[0];
        LocalModel {
            path: folder.join(&first.name),
            sha256: Some(first.sha256.clone()),
            name: self.name.clone(),
        }
    }
}

/// Splits `owner/repo/path` into `owner/repo` and the path.
fn split_name(name: &str) -> Option<(String, String)> {
    let mut words = name.splitn(3, '/');
    let (owner, repo, path) = (words.next()?, words.next()?, words.next()?);
    Some((format!("{owner}/{repo}"), path.to_owned()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    let failed = |e| HubError::io("write", path, e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{ModelRef, list, locate};
    use super::*;

    fn world(dir: &Path) -> HubOptions {
        HubOptions::new(dir.join("hf/hub"), dir.join("data"))
    }

    fn write_file(path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Options of a machine whose cache holds a split model and a whole one.
    fn connected(dir: &Path) -> HubOptions {
        let options = world(dir);
        let snapshot = options.hf_cache.join("models--o--r/snapshots/c0ffee");
        write_file(&options.hf_cache.join("models--o--r/refs/main"), b"c0ffee");
        write_file(&snapshot.join("q/m-Q6_K-00001-of-00002.gguf"), b"GGUF one");
        write_file(&snapshot.join("q/m-Q6_K-00002-of-00002.gguf"), b"GGUF two");
        write_file(&snapshot.join("m-Q8_0.gguf"), b"GGUF whole");
        options
    }

    #[test]
    fn a_model_is_found_by_its_name_on_the_other_side() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (options, other) = (connected(here.path()), world(there.path()));
        for (name, files) in [("o/r:Q6_K", 2), ("o/r:Q8_0@c0ffee", 1)] {
            let wanted = ModelRef::parse(name).unwrap();
            let local = locate(&wanted, &options).unwrap();
            let folder = there.path().join(format!("stick-{files}"));
            let bundle = export(&local, Some("MIT".to_owned()), &folder).unwrap();
            assert_eq!((bundle.files.len(), bundle.licence.as_deref()), (files, Some("MIT")));
            assert_eq!(bundle.revision.as_deref(), Some("c0ffee"));
            let sums = fs::read_to_string(folder.join(SUMS_FILE)).unwrap();
            assert!(sums.contains(&bundle.files[0].sha256), "{sums}");

            assert_eq!(locate(&wanted, &other), None);
            let imported = import(&folder, &other).unwrap();
            assert_eq!(locate(&wanted, &other), Some(imported.clone()));
            assert_eq!(import(&folder, &other).unwrap(), imported, "twice is once");
            let parts = cache::parts_of(&imported.path);
            let read = |path: &PathBuf| fs::read(path).unwrap();
            let original = cache::parts_of(&local.path);
            assert!(parts.iter().map(read).eq(original.iter().map(read)));
            let again = export(&local, None, &folder).unwrap_err().to_string();
            assert!(again.contains("--output"), "{again}");
        }
        let names: Vec<String> = list(&other).into_iter().map(|i| i.model.name).collect();
        assert_eq!(names, ["o/r/m-Q8_0.gguf", "o/r/q/m-Q6_K-00001-of-00002.gguf"]);
    }

    #[test]
    fn a_bundle_that_was_changed_on_its_way_is_refused_whole() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options = connected(here.path());
        let local = locate(&ModelRef::parse("o/r:Q6_K").unwrap(), &options).unwrap();
        let refused = |change: &dyn Fn(&Path), reason: &str| {
            let folder = tempfile::tempdir_in(there.path()).unwrap().keep();
            export(&local, None, &folder).unwrap();
            change(&folder);
            let other = world(&folder);
            let error = import(&folder, &other).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(list(&other).is_empty(), "{reason}");
        };
        let record = |from: &'static str, to: &'static str| {
            move |folder: &Path| {
                let path = folder.join(BUNDLE_FILE);
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.contains(from), "{text}");
                fs::write(path, text.replacen(from, to, 1)).unwrap();
            }
        };
        let first = "m-Q6_K-00001-of-00002.gguf";
        refused(&|f| fs::write(f.join(first), b"GGUF bad").unwrap(), "has SHA-256");
        refused(&|f| fs::remove_file(f.join(first)).unwrap(), first);
        refused(&|f| fs::remove_file(f.join(BUNDLE_FILE)).unwrap(), "cannot read");
        refused(&|f| fs::write(f.join(BUNDLE_FILE), b"{}").unwrap(), "cannot be understood");
        refused(&record("\"format\": 1", "\"format\": 2"), "has layout 2");
        refused(&record("\"m-Q6_K-00001", "\"../m-Q6_K-00001"), "not the name of a .gguf file");
        refused(&record("\"m-Q6_K-00002", "\"../../x"), "with all its parts");
        refused(&record("\"sha256\": \"", "\"sha256\": \"../"), "no SHA-256");
    }

    #[test]
    fn a_split_file_is_imported_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let options = world(dir.path());
        let part = |n: usize| dir.path().join(format!("s-0000{n}-of-00002.gguf"));
        write_file(&part(1), b"GGUF one");
        let torn = super::super::import(&part(1), &options).unwrap_err().to_string();
        assert!(torn.contains("s-00002-of-00002.gguf"), "{torn}");
        assert!(list(&options).is_empty());
        write_file(&part(2), b"GGUF two");
        for given in [1, 2] {
            let imported = super::super::import(&part(given), &options).unwrap();
            assert_eq!(cache::parts_of(&imported.path).len(), 2);
            assert_eq!(file_name(&imported.path), "s-00001-of-00002.gguf");
        }
        let listed = list(&options);
        assert_eq!((listed.len(), listed[0].bytes), (1, 16));
    }

    #[test]
    fn a_damaged_file_is_not_exported() {
        let dir = tempfile::tempdir().unwrap();
        let options = connected(dir.path());
        let local = locate(&ModelRef::parse("o/r:Q8_0").unwrap(), &options).unwrap();
        let local = LocalModel { sha256: Some("0".repeat(64)), ..local };
        let error = export(&local, None, &dir.path().join("stick")).unwrap_err().to_string();
        assert!(error.contains("has SHA-256") && error.contains("damaged"), "{error}");
        assert!(!dir.path().join("stick").join(BUNDLE_FILE).exists());
    }
}
