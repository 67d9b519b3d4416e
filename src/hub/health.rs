//! What is wrong with the places where models are kept.
//!
//! Owns the search: broken links, links that lead out of the cache, bytes that never became a
//! model, and files that are not what their name says. Repairs nothing; the caller that reports a
//! finding says what to do.

use std::fs;
use std::path::{Path, PathBuf};

use super::{HubOptions, cache, file_name};

/// One thing that is wrong in a place where models are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ailment {
    /// What is wrong.
    pub kind: AilmentKind,
    /// The file or link that is wrong.
    pub path: PathBuf,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// What can be wrong in a place where models are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AilmentKind {
    /// A snapshot's link leads to a blob that is gone.
    BrokenLink,
    /// A snapshot's link leads to a place outside the cache.
    LeavesCache,
    /// A download did not end; the next pull continues it.
    Unfinished,
    /// Bytes arrived with the wrong hash.
    Rejected,
    /// An import or a mirror was stopped and left bytes behind.
    Leftover,
    /// A file's bytes have another hash than the one it is stored under.
    Damaged,
}

/// Looks through the Hugging Face cache and the data directory. Files of at most `hash_up_to` bytes
/// are hashed as well.
pub fn examine(options: &HubOptions, hash_up_to: u64) -> Vec<Ailment> {
    let mut found = Vec::new();
    for repo in cache::directories(&options.hf_cache) {
        if cache::repo_of(&repo).is_some() {
            for snapshot in cache::directories(&repo.join("snapshots")) {
                links(&snapshot, &options.hf_cache, 4, &mut found);
            }
            blobs(&repo.join("blobs"), hash_up_to, &mut found);
        }
    }
    data_dir(&options.models_dir(), hash_up_to, &mut found);
    found
}

/// Examines the links of a snapshot, `depth` folders deep.
fn links(folder: &Path, hf_cache: &Path, depth: usize, found: &mut Vec<Ailment>) {
    for path in entries(folder) {
        let is_link = path.is_symlink();
        if path.is_dir() && !is_link && depth > 0 {
            links(&path, hf_cache, depth - 1, found);
        } else if is_link && !path.exists() {
            found.push(Ailment { kind: AilmentKind::BrokenLink, path, bytes: 0 });
        } else if is_link && !cache::stays_inside(hf_cache, &path) {
            found.push(Ailment { kind: AilmentKind::LeavesCache, path, bytes: 0 });
        }
    }
}

fn blobs(folder: &Path, hash_up_to: u64, found: &mut Vec<Ailment>) {
    for path in entries(folder) {
        let name = file_name(&path);
        let bytes = fs::metadata(&path).map_or(0, |about| about.len());
        let kind = if name.ends_with(cache::INCOMPLETE) {
            AilmentKind::Unfinished
        } else if name.ends_with(cache::REJECTED) {
            AilmentKind::Rejected
        } else if cache::is_sha256(&name) && is_damaged(&path, bytes, &name, hash_up_to) {
            AilmentKind::Damaged
        } else {
            continue;
        };
        found.push(Ailment { kind, path, bytes });
    }
}

fn data_dir(models: &Path, hash_up_to: u64, found: &mut Vec<Ailment>) {
    for path in entries(models) {
        let name = file_name(&path);
        if name.starts_with(".incoming-") || name.starts_with(".wheel-") {
            let bytes = fs::metadata(&path).map_or(0, |about| about.len());
            found.push(Ailment { kind: AilmentKind::Leftover, path, bytes });
        } else if let Some(file) = cache::stored(models, &name) {
            let bytes = fs::metadata(&file).map_or(0, |about| about.len());
            if is_damaged(&file, bytes, &name, hash_up_to) {
                found.push(Ailment { kind: AilmentKind::Damaged, path: file, bytes });
            }
        }
    }
}

/// Whether a file can be read and has another hash than `expected`; files of more than `hash_up_to`
/// bytes are assumed to be sound.
fn is_damaged(path: &Path, bytes: u64, expected: &str, hash_up_to: u64) -> bool {
    bytes <= hash_up_to && cache::hash_file(path).is_ok_and(|found| found != expected)
}

/// The paths in a folder, sorted; empty when it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn sha256(bytes: &[u8]) -> String {
        let mut hasher = cache::Hasher::default();
        hasher.update(bytes);
        hasher.hex()
    }

    #[test]
    fn a_sound_place_is_found_sound_and_each_ailment_is_found_once() {
        let dir = tempfile::tempdir().unwrap();
        let options = HubOptions::new(dir.path().join("hub"), dir.path().join("data"));
        let repo = options.hf_cache.join("models--o--r");
        let (snapshot, good) = (repo.join("snapshots/c1"), sha256(b"GGUF"));
        write(&repo.join("blobs").join(&good), b"GGUF");
        write(&snapshot.join("README.md"), b"");
        symlink(format!("../../blobs/{good}"), snapshot.join("m.gguf")).unwrap();
        write(&options.models_dir().join(&good).join("m.gguf"), b"GGUF");
        assert_eq!(examine(&options, 1000), []);

        symlink("../../blobs/gone", snapshot.join("gone.gguf")).unwrap();
        write(&dir.path().join("outside"), b"x");
        symlink(dir.path().join("outside"), snapshot.join("out.gguf")).unwrap();
        write(&repo.join("blobs/x.incomplete"), b"12345");
        write(&repo.join("blobs/y.rejected"), b"123");
        write(&repo.join("blobs").join("0".repeat(64)), b"other");
        write(&options.models_dir().join(".incoming-1"), b"1");
        write(&options.models_dir().join("1".repeat(64)).join("d.gguf"), b"GGUF!");
        let kinds = |limit| {
            let found = examine(&options, limit).into_iter();
            found.map(|a| (a.kind, a.bytes)).collect::<Vec<_>>()
        };
        assert_eq!(
            kinds(1000),
            [
                (AilmentKind::BrokenLink, 0),
                (AilmentKind::LeavesCache, 0),
                (AilmentKind::Damaged, 5),
                (AilmentKind::Unfinished, 5),
                (AilmentKind::Rejected, 3),
                (AilmentKind::Leftover, 1),
                (AilmentKind::Damaged, 5),
            ]
        );
        assert_eq!(kinds(4).len(), 5, "what is larger than the limit is not hashed");
    }
}
