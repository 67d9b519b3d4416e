//! Takes a model off this machine.
//!
//! Owns what belongs to a model and to nothing else: in our data directory its folder, in the
//! Hugging Face cache the links to its file in all snapshots, and the blob behind them. Other files
//! that tools have fetched from the same repository stay.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache;
use super::{HubError, HubOptions, LocalModel, ModelRef, file_name, locate};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The paths of the model's files, which are gone.
    pub paths: Vec<PathBuf>,
    /// Bytes that were freed; bytes shared with another repository are not.
    pub bytes: u64,
}

/// Removes a model from the data directory and from the Hugging Face cache; `None` when it is in
/// neither.
///
/// A file elsewhere belongs to the user, and Ollama's models belong to Ollama: both are refused.
pub fn remove(model: &ModelRef, options: &HubOptions) -> Result<Option<Removed>, HubError> {
    let refused =
        |name: String, reason: &str| HubError::NotRemoved { name, reason: reason.to_owned() };
    match model {
        ModelRef::Path(path) => {
            return Err(refused(
                path.display().to_string(),
                "it is a file of your own\nhint: remove it with the system's own means",
            ));
        }
        ModelRef::Ollama(wanted) => {
            let hint = format!("it belongs to Ollama\nhint: run 'ollama rm {wanted}'");
            return Err(refused(wanted.to_string(), &hint));
        }
        ModelRef::Catalogue(_) | ModelRef::Repo(_) => {}
    }
    let Some(first) = locate(model, options) else { return Ok(None) };
    let mut removed = Removed::default();
    let mut next = Some(first.clone());
    // The same model may be both in the cache and in the data directory. A file with another name
    // is another quantisation of the repository, and stays.
    while let Some(local) = next.filter(|local| local.name == first.name) {
        if local.path.starts_with(options.models_dir()) {
            remove_stored(&local, &mut removed)?;
        } else {
            remove_cached(&local, &options.hf_cache, &mut removed)?;
        }
        next = locate(model, options).filter(|again| again.path != local.path);
    }
    Ok(Some(removed))
}

/// Removes a model's folder from the data directory.
fn remove_stored(local: &LocalModel, removed: &mut Removed) -> Result<(), HubError> {
    for part in cache::parts_of(&local.path) {
        remove_file(&part, removed)?;
        removed.paths.push(part);
    }
    let folder = local.path.parent().unwrap_or(&local.path);
    fs::remove_dir_all(folder).map_err(|e| HubError::io("remove", folder, e))
}

/// Removes a file of the Hugging Face cache, with all links to it in its repository.
fn remove_cached(
    local: &LocalModel,
    hf_cache: &Path,
    removed: &mut Removed,
) -> Result<(), HubError> {
    let repo = local.path.ancestors().find(|folder| folder.parent() == Some(hf_cache));
    let Some(repo) = repo else { return Ok(()) };
    let snapshots = repo.join("snapshots");
    for part in cache::parts_of(&local.path) {
        let blob = cache::blob_of(&part);
        let blob = blob.canonicalize().ok().map(|_| normal(&blob)).unwrap_or(part.clone());
        for snapshot in cache::directories(&snapshots) {
            for file in cache::gguf_below(&snapshot) {
                let link = snapshot.join(file);
                if link == part || normal(&cache::blob_of(&link)) == blob {
                    remove_file(&link, removed)?;
                    removed.paths.push(link);
                }
            }
        }
        if blob != part && blob.parent() == Some(&repo.join("blobs")) {
            remove_file(&blob, removed)?;
            let name = file_name(&blob);
            for leftover in [cache::INCOMPLETE, cache::REJECTED] {
                let leftover = blob.with_file_name(format!("{name}{leftover}"));
                if leftover.exists() {
                    remove_file(&leftover, removed)?;
                }
            }
        }
    }
    prune(repo, &snapshots);
    Ok(())
}

/// A path with its `..` resolved as text alone, without looking at the disk: what a link leads to
/// may be gone.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for word in path.components() {
        match word {
            std::path::Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// Removes one name, never what a link leads to, and counts the bytes that this frees.
fn remove_file(path: &Path, removed: &mut Removed) -> Result<(), HubError> {
    let failed = |e| HubError::io("remove", path, e);
    let about = fs::symlink_metadata(path).map_err(failed)?;
    fs::remove_file(path).map_err(failed)?;
    if about.is_file() {
        removed.bytes += about.len();
    }
    Ok(())
}

/// Removes what is left empty: folders of snapshots, references to them, and in the end the
/// repository. A folder that cannot be removed still holds something.
fn prune(repo: &Path, snapshots: &Path) {
    for snapshot in cache::directories(snapshots) {
        remove_empty(&snapshot);
        if !snapshot.exists() {
            let commit = file_name(&snapshot);
            forget(&repo.join("refs"), &commit);
        }
    }
    for folder in [snapshots.to_owned(), repo.join("refs"), repo.join("blobs"), repo.to_owned()] {
        let _ = fs::remove_dir(folder);
    }
}

fn remove_empty(folder: &Path) {
    for below in cache::directories(folder) {
        if !below.is_symlink() {
            remove_empty(&below);
        }
    }
    let _ = fs::remove_dir(folder);
}

/// Removes the references below `folder` that point to this commit.
fn forget(folder: &Path, commit: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            forget(&path, commit);
            let _ = fs::remove_dir(&path);
        } else if fs::read_to_string(&path).is_ok_and(|text| text.trim() == commit) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a cache in which two snapshots share a blob, and one holds another file as well.
    fn shared(root: &Path) -> HubOptions {
        let options = HubOptions::new(root.join("hub"), root.join("data"));
        let repo = options.hf_cache.join("models--o--r");
        let (one, two) = ("a".repeat(64), "b".repeat(64));
        write(&repo.join("blobs").join(&one), "GGUF 1234");
        write(&repo.join("blobs").join(format!("{one}.incomplete")), "GG");
        write(&repo.join("blobs").join(&two), "GGUF");
        write(&repo.join("refs/main"), "c2");
        write(&repo.join("refs/old/tag"), "c1");
        for (commit, file, blob) in [
            ("c1", "m-Q4_K_M.gguf", &one),
            ("c2", "m-Q4_K_M.gguf", &one),
            ("c2", "m-Q8_0.gguf", &two),
        ] {
            fs::create_dir_all(repo.join("snapshots").join(commit)).unwrap();
            let link = repo.join("snapshots").join(commit).join(file);
            symlink(format!("../../blobs/{blob}"), link).unwrap();
        }
        options
    }

    #[test]
    fn a_model_goes_with_all_its_links_and_its_neighbours_stay() {
        let dir = tempfile::tempdir().unwrap();
        let options = shared(dir.path());
        let repo = options.hf_cache.join("models--o--r");
        let best = ModelRef::parse("o/r").unwrap();
        let removed = remove(&best, &options).unwrap().unwrap();
        assert_eq!((removed.paths.len(), removed.bytes), (2, 9 + 2));
        assert!(!repo.join("snapshots/c1").exists() && !repo.join("refs/old").exists());
        assert!(repo.join("refs/main").exists());
        assert_eq!(fs::read_dir(repo.join("blobs")).unwrap().count(), 1);
        let other = locate(&best, &options).unwrap();
        assert_eq!(other.name, "o/r/m-Q8_0.gguf");

        remove(&best, &options).unwrap().unwrap();
        assert!(!repo.exists(), "an empty repository goes too");
        assert_eq!(remove(&best, &options).unwrap(), None);
    }

    #[test]
    fn a_link_out_of_the_cache_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let options = shared(dir.path());
        let precious = dir.path().join("precious.gguf");
        write(&precious, "GGUF");
        let snapshot = options.hf_cache.join("models--o--r/snapshots/c2");
        symlink(&precious, snapshot.join("m-Q6_K.gguf")).unwrap();
        let wanted = ModelRef::parse("o/r:Q6_K").unwrap();
        assert_eq!(remove(&wanted, &options).unwrap(), None);
        assert!(precious.exists());
    }

    #[test]
    fn files_of_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let options = shared(dir.path());
        let own = dir.path().join("own.gguf");
        write(&own, "GGUF");
        for (name, hint) in
            [(own.to_str().unwrap(), "file of your own"), ("ollama:x:1b", "ollama rm x:1b")]
        {
            let error = remove(&ModelRef::parse(name).unwrap(), &options).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        assert!(own.exists());
    }
}
