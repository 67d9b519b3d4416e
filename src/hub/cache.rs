//! The two places where model files are kept, and how a file gets into each.
//!
//! The Hugging Face cache (<https://huggingface.co/docs/huggingface_hub/guides/manage-cache>) has
//! `models--owner--name/` with `blobs/<etag>`, `snapshots/<commit>/<file>` → the blob, and
//! `refs/<revision>` holding a commit. The etag of a large file is its SHA-256. Our data directory
//! has `models/<sha256>/<file>`. Files appear under their name only when whole: they are written
//! beside it, synced, and renamed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::error::READ;
use super::reference::{self, Pick, RepoRef};
use super::{HubError, LocalModel, file_name};

/// Text of the tag that tells backup programs to skip a cache, as the Python client writes it.
#[cfg(feature = "net")]
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by huggingface_hub.
# For information about cache directory tags, see:
#\thttps://bford.info/cachedir/
";

/// Suffix of files whose bytes arrived but have the wrong hash.
pub(super) const REJECTED: &str = ".rejected";
/// Suffix of files whose bytes have not all arrived.
pub(super) const INCOMPLETE: &str = ".incomplete";

/// Bytes read at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// The file in the Hugging Face cache that a reference means, where it is there.
pub(super) fn find(hf_cache: &Path, wanted: &RepoRef) -> Option<LocalModel> {
    let repo = Repo::with_revision(wanted.repo.clone(), RepoType::Model, wanted.revision.clone());
    let folder = hf_cache.join(repo.folder_name());
    let snapshot = snapshot(&folder, &wanted.revision)?;
    let file = match &wanted.pick {
        Pick::File(file) => file.clone(),
        Pick::Best | Pick::Quant(_) => {
            let files = gguf_below(&snapshot);
            let names: Vec<&str> = files.iter().map(String::as_str).collect();
            reference::choose(&names, &wanted.pick).ok()?.to_owned()
        }
    };
    // hf-hub decides where a named file of a branch lies.
    let of_branch = Cache::new(hf_cache.to_owned()).repo(repo).get(&file);
    let path = of_branch.unwrap_or_else(|| snapshot.join(&file));
    cached(hf_cache, path, &wanted.repo, &file)
}

/// The snapshot folder of a branch, tag or commit.
fn snapshot(folder: &Path, revision: &str) -> Option<PathBuf> {
    let commit = fs::read_to_string(folder.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let snapshot = folder.join("snapshots").join(&commit);
    (reference::is_word(&commit) && snapshot.is_dir()).then_some(snapshot)
}

/// The commit that a branch or tag pointed to when it was last looked up.
#[cfg(feature = "net")]
pub(super) fn read_ref(hf_cache: &Path, repo: &str, revision: &str) -> Option<String> {
    let folder = hf_cache.join(Repo::model(repo.to_owned()).folder_name());
    let commit = fs::read_to_string(folder.join("refs").join(revision)).ok()?;
    Some(commit.trim().to_owned())
}

/// Refuses a file that does not fit on the disk below `folder`. A disk whose free space is not
/// known counts as large enough.
pub(super) fn check_room(folder: &Path, what: &str, needed: u64) -> Result<(), HubError> {
    match free_space(folder) {
        Some(free) if free < needed => {
            let (what, folder) = (what.to_owned(), folder.to_owned());
            Err(HubError::NoRoom { what, needed, folder, free })
        }
        _ => Ok(()),
    }
}

/// Bytes that a user may still write below a folder, which need not exist yet.
pub(super) fn free_space(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|folder| folder.is_dir())?;
    fs4::available_space(existing).ok()
}

/// A file of a snapshot, with the hash in its blob's name. Of a split file all parts must be there;
/// `path` is the first.
fn cached(hf_cache: &Path, path: PathBuf, repo: &str, file: &str) -> Option<LocalModel> {
    let inside = |part: &PathBuf| part.is_file() && stays_inside(hf_cache, part);
    parts_of(&path).iter().all(inside).then_some(())?;
    let sha256 = recorded_hash(&path);
    Some(LocalModel { path, sha256, name: format!("{repo}/{file}") })
}

/// Where the link of a snapshot leads: to `blobs/<etag>` of the repository, following one link
/// only. The blob may be a link itself, into the store that the Python client shares between
/// repositories, where names are not SHA-256 hashes.
pub(super) fn blob_of(path: &Path) -> PathBuf {
    let target = fs::read_link(path).ok();
    let target = target.and_then(|target| Some(path.parent()?.join(target)));
    target.unwrap_or_else(|| path.to_owned())
}

/// Whether a file of a snapshot, with all links followed, stays below the cache, or below a
/// repository's folder that was itself moved elsewhere. A file reached by a link to any other place
/// does not count as part of the cache.
pub(super) fn stays_inside(hf_cache: &Path, path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    let repo = path.ancestors().find(|folder| folder.parent() == Some(hf_cache));
    [Some(hf_cache), repo]
        .into_iter()
        .flatten()
        .filter_map(|root| root.canonicalize().ok())
        .any(|root| real.starts_with(root))
}

/// The commit of the snapshot that holds a file; `None` for a file outside snapshots.
pub(super) fn commit_of(path: &Path) -> Option<String> {
    let mut folders = path.ancestors().skip(1);
    let snapshot = folders.find(|folder| folder.parent().is_some_and(|p| p.ends_with("snapshots")));
    snapshot.map(file_name)
}

/// The SHA-256 in the name of a file's blob, where the name is one.
pub(super) fn recorded_hash(path: &Path) -> Option<String> {
    Some(file_name(&blob_of(path))).filter(|name| is_sha256(name))
}

/// The paths of all files of a split model whose first part is `path`; `path` alone otherwise.
pub(super) fn parts_of(path: &Path) -> Vec<PathBuf> {
    let names = reference::parts(&file_name(path));
    names.into_iter().map(|name| path.with_file_name(name)).collect()
}

/// Whether a file can be read and begins with `magic`.
pub(super) fn begins_with(path: &Path, magic: [u8; 4]) -> bool {
    let mut found = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut found)).is_ok() && found == magic
}

/// Every GGUF file of the Hugging Face cache; a split one is listed by its first part.
pub(super) fn all_cached(hf_cache: &Path) -> Vec<LocalModel> {
    let mut found = Vec::new();
    for folder in directories(hf_cache) {
        let Some(repo) = repo_of(&folder) else {
            continue;
        };
        for snapshot in directories(&folder.join("snapshots")) {
            let first = |file: &String| reference::parts(file)[0] == *file;
            let files = gguf_below(&snapshot).into_iter().filter(first);
            found.extend(
                files.filter_map(|file| cached(hf_cache, snapshot.join(&file), &repo, &file)),
            );
        }
    }
    found
}

/// Every GGUF file of the data directory.
pub(super) fn all_stored(models: &Path) -> Vec<LocalModel> {
    let of_folder = |folder: PathBuf| {
        let sha256 = file_name(&folder);
        let path = stored(models, &sha256)?;
        Some(LocalModel { name: file_name(&path), path, sha256: Some(sha256) })
    };
    directories(models).into_iter().filter_map(of_folder).collect()
}

/// The file with this hash in the data directory, whatever its name.
pub(super) fn stored(models: &Path, sha256: &str) -> Option<PathBuf> {
    let folder = models.join(sha256);
    let first = is_sha256(sha256).then(|| gguf_below(&folder).into_iter().next()).flatten()?;
    let first = folder.join(first);
    parts_of(&first).iter().all(|part| part.is_file()).then_some(first)
}

/// SHA-256 of a file in lower-case hex.
pub(super) fn hash_file(path: &Path) -> Result<String, HubError> {
    let mut file = File::open(path).map_err(|e| HubError::io(READ, path, e))?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer).map_err(|e| HubError::io(READ, path, e))? {
            0 => return Ok(hasher.hex()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Whether a text is a SHA-256 in lower-case hex.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Computes a SHA-256 as bytes arrive, and counts them.
#[derive(Clone, Default)]
pub(super) struct Hasher {
    sha256: Sha256,
    /// Number of bytes so far.
    pub(super) bytes: u64,
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn hex(self) -> String {
        let digits = |byte: u8| [byte >> 4, byte & 15].map(|d| char::from_digit(u32::from(d), 16));
        self.sha256.finalize().into_iter().flat_map(digits).flatten().collect()
    }
}

/// A file on its way into the data directory; deleted when dropped before [`Incoming::store`].
pub(super) struct Incoming {
    models: PathBuf,
    file: NamedTempFile,
    hasher: Hasher,
}

impl Incoming {
    /// Begins an empty file on the disk of the data directory.
    pub(super) fn new(models: &Path) -> Result<Self, HubError> {
        fs::create_dir_all(models).map_err(|e| HubError::io("create", models, e))?;
        let file = tempfile::Builder::new().prefix(".incoming-").tempfile_in(models);
        let file = file.map_err(|e| HubError::io("write to", models, e))?;
        Ok(Self { models: models.to_owned(), file, hasher: Hasher::default() })
    }

    /// Appends all of `source`, which is read from the file `from`; refuses to grow beyond `limit`
    /// bytes in all.
    pub(super) fn copy(
        &mut self,
        source: &mut dyn Read,
        from: &Path,
        limit: u64,
    ) -> Result<(), HubError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let n = source.read(&mut buffer).map_err(|e| HubError::io(READ, from, e))?;
            if n == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..n]);
            if self.hasher.bytes > limit {
                let (expected, found) = (limit, self.hasher.bytes);
                let what = from.display().to_string();
                return Err(HubError::Length { what, expected, found });
            }
            let written = self.file.write_all(&buffer[..n]);
            written.map_err(|e| HubError::io("write", self.file.path(), e))?;
        }
    }

    /// Moves the file into the folder named by its hash, as `name`.
    pub(super) fn store(self, name: &str) -> Result<LocalModel, HubError> {
        let sha256 = self.hasher.hex();
        let found = |path: PathBuf| {
            let name = file_name(&path);
            LocalModel { path, sha256: Some(sha256.clone()), name }
        };
        if let Some(path) = stored(&self.models, &sha256) {
            return Ok(found(path));
        }
        let folder = self.models.join(&sha256);
        fs::create_dir_all(&folder).map_err(|e| HubError::io("create", &folder, e))?;
        // Only names that end in .gguf are found again.
        let is_gguf = name.to_lowercase().ends_with(".gguf");
        let path = folder.join(if is_gguf { name.to_owned() } else { format!("{name}.gguf") });
        self.file.as_file().sync_all().map_err(|e| HubError::io("write", &path, e))?;
        self.file.persist(&path).map_err(|e| HubError::io("write", &path, e.error))?;
        Ok(found(path))
    }

    /// As [`Incoming::store`], but fails, and so deletes the file, unless its hash is `pin`.
    #[cfg(feature = "net")]
    pub(super) fn store_pinned(
        self,
        name: &str,
        pin: &str,
        what: &str,
    ) -> Result<LocalModel, HubError> {
        let found = self.hasher.clone().hex();
        if found != pin {
            return Err(HubError::Mismatch {
                what: what.to_owned(),
                expected: pin.to_owned(),
                found,
                hint: "these are other bytes than the catalogue means; they were thrown away"
                    .to_owned(),
            });
        }
        self.store(name)
    }

    /// Moves the file to `path`, making its folder, if `accept` takes its hash; else deletes it.
    /// Returns the hash and the size in bytes.
    pub(super) fn put(
        self,
        path: &Path,
        accept: impl FnOnce(&str) -> Result<(), HubError>,
    ) -> Result<(String, u64), HubError> {
        let (bytes, sha256) = (self.hasher.bytes, self.hasher.hex());
        accept(&sha256)?;
        let failed = |e| HubError::io("write", path, e);
        fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
        self.file.as_file().sync_all().map_err(failed)?;
        self.file.persist(path).map_err(|e| failed(e.error))?;
        Ok((sha256, bytes))
    }
}

/// The `owner/name` that a repository folder of the Hugging Face cache belongs to.
pub(super) fn repo_of(folder: &Path) -> Option<String> {
    let name = file_name(folder);
    let (owner, repo) = name.strip_prefix("models--")?.split_once("--")?;
    Some(format!("{owner}/{repo}"))
}

/// The directories in a directory, sorted; empty when it cannot be read.
pub(super) fn directories(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

/// Paths of the GGUF files below a directory, relative to it, with `/`, sorted.
///
/// Goes four levels deep, which is more than any repository has, so that a loop of links ends.
pub(super) fn gguf_below(root: &Path) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let (path, relative) = (entry.path(), format!("{prefix}{name}"));
            if path.is_dir() && depth > 0 {
                walk(&path, &format!("{relative}/"), depth - 1, found);
            } else if reference::is_repo_file(&relative) && path.is_file() {
                found.push(relative);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, "", 4, &mut found);
    found.sort();
    found
}

/// Where the parts of one file of the hub are kept in the Hugging Face cache: its blob, lock and
/// links.
#[cfg(feature = "net")]
pub(super) struct Entry {
    folder: PathBuf,
    lock: PathBuf,
    etag: String,
}

#[cfg(feature = "net")]
impl Entry {
    /// Makes the folders for a file whose blob is called `etag`.
    pub(super) fn new(hf_cache: &Path, repo: &str, etag: &str) -> Result<Self, HubError> {
        let name = Repo::model(repo.to_owned()).folder_name();
        let folder = hf_cache.join(&name);
        // The Python client locks the same file, so the two do not write one blob at once.
        let locks = hf_cache.join(".locks").join(&name);
        for dir in [&folder.join("blobs"), &locks] {
            fs::create_dir_all(dir).map_err(|e| HubError::io("create", dir, e))?;
        }
        // The tag is only a hint to backup programs, so a failure to write it is ignored.
        let _ = File::create_new(hf_cache.join("CACHEDIR.TAG"))
            .and_then(|mut tag| tag.write_all(CACHEDIR_TAG.as_bytes()));
        Ok(Self { folder, lock: locks.join(format!("{etag}.lock")), etag: etag.to_owned() })
    }

    /// Bytes of a file that are already here, whole or in part. Makes no folders.
    pub(super) fn here(hf_cache: &Path, repo: &str, etag: &str) -> u64 {
        let folder = hf_cache.join(Repo::model(repo.to_owned()).folder_name());
        let entry = Self { folder, lock: PathBuf::new(), etag: etag.to_owned() };
        let bytes = |path: PathBuf| fs::metadata(path).map_or(0, |about| about.len());
        bytes(entry.blob()).max(bytes(entry.incomplete()))
    }

    /// Path of the finished bytes.
    pub(super) fn blob(&self) -> PathBuf {
        self.folder.join("blobs").join(&self.etag)
    }

    /// Path of the bytes while they arrive; kept when a download breaks off.
    pub(super) fn incomplete(&self) -> PathBuf {
        self.folder.join("blobs").join(format!("{}{INCOMPLETE}", self.etag))
    }

    /// Path for bytes that arrived with the wrong hash: beside the blobs, never used, and kept for
    /// anyone who wants to see what came.
    pub(super) fn rejected(&self) -> PathBuf {
        self.folder.join("blobs").join(format!("{}{REJECTED}", self.etag))
    }

    /// Opens the lock file; the process that holds its lock may write the blob.
    pub(super) fn open_lock(&self) -> Result<File, HubError> {
        let file = File::options().create(true).truncate(false).write(true).open(&self.lock);
        file.map_err(|e| HubError::io("open", &self.lock, e))
    }

    /// Makes the blob visible as `file` of `commit`, and makes `revision` point to `commit`.
    pub(super) fn link(
        &self,
        commit: &str,
        revision: &str,
        file: &str,
    ) -> Result<PathBuf, HubError> {
        let path = self.folder.join("snapshots").join(commit).join(file);
        let failed = |e| HubError::io("write", &path, e);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder)).map_err(failed)?;
        let up = "../".repeat(2 + file.matches('/').count());
        let target = format!("{up}blobs/{}", self.etag);
        if fs::read_link(&path).ok().as_deref() != Some(Path::new(&target)) {
            place(&target, &self.blob(), &path).map_err(failed)?;
        }
        if revision != commit {
            let reference = self.folder.join("refs").join(revision);
            write_whole(&reference, commit).map_err(|e| HubError::io("write", &reference, e))?;
        }
        Ok(path)
    }
}

/// Links `path` to `target`: under a temporary name first, so that a reader always finds `path`.
#[cfg(all(feature = "net", unix))]
fn place(target: &str, _blob: &Path, path: &Path) -> std::io::Result<()> {
    let beside = path.with_extension(format!("link-{}", std::process::id()));
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => std::os::unix::fs::symlink(target, &beside)?,
    }
    fs::rename(&beside, path)
}

/// Copies the blob to `path`: where symbolic links are not dependable, a snapshot holds the file
/// itself, as with the Python client.
#[cfg(all(feature = "net", not(unix)))]
fn place(_target: &str, blob: &Path, path: &Path) -> std::io::Result<()> {
    fs::copy(blob, path).map(|_| ())
}

#[cfg(feature = "net")]
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut file = NamedTempFile::new_in(parent)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a cache as another tool would leave it.
    fn foreign_cache(root: &Path) {
        let folder = root.join("models--o--r");
        write(&folder.join("refs/main"), "c0ffee");
        write(&folder.join("blobs").join("a".repeat(64)), "GGUF");
        write(&folder.join("snapshots/c0ffee/m-Q8_0.gguf"), "GGUF");
        write(&folder.join("snapshots/c0ffee/sub/n-Q4_K_M.gguf"), "GGUF");
        write(&folder.join("snapshots/c0ffee/README.md"), "");
    }

    fn wanted(pick: Pick, revision: &str) -> RepoRef {
        RepoRef { repo: "o/r".into(), pick, revision: revision.into() }
    }

    #[test]
    fn files_of_a_cache_that_another_tool_wrote_are_found() {
        let dir = tempfile::tempdir().unwrap();
        foreign_cache(dir.path());
        let name = |pick, revision: &str| find(dir.path(), &wanted(pick, revision)).map(|m| m.name);
        assert_eq!(name(Pick::Best, "main").unwrap(), "o/r/sub/n-Q4_K_M.gguf");
        assert_eq!(name(Pick::Quant("Q8_0".into()), "main").unwrap(), "o/r/m-Q8_0.gguf");
        assert_eq!(name(Pick::File("m-Q8_0.gguf".into()), "main").unwrap(), "o/r/m-Q8_0.gguf");
        assert_eq!(name(Pick::File("m-Q8_0.gguf".into()), "c0ffee").unwrap(), "o/r/m-Q8_0.gguf");
        assert_eq!(name(Pick::File("x.gguf".into()), "main"), None);
        assert_eq!(name(Pick::Best, "other"), None);
        let all: Vec<String> = all_cached(dir.path()).into_iter().map(|m| m.name).collect();
        assert_eq!(all, ["o/r/m-Q8_0.gguf", "o/r/sub/n-Q4_K_M.gguf"]);
    }

    #[test]
    fn a_reference_file_cannot_lead_out_of_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        foreign_cache(dir.path());
        write(&dir.path().join("models--o--r/refs/evil"), "../../../elsewhere");
        assert_eq!(find(dir.path(), &wanted(Pick::Best, "evil")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_broken_link_is_no_model_and_a_blob_name_tells_the_hash() {
        let dir = tempfile::tempdir().unwrap();
        foreign_cache(dir.path());
        let snapshot = dir.path().join("models--o--r/snapshots/c0ffee");
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(format!("../../blobs/{to}"), snapshot.join(name)).unwrap();
        };
        // Links as the Python client makes them for what several repositories share.
        let shared = dir.path().join("blobs/cc").join("c".repeat(64));
        write(&shared, "GGUF");
        let blobs = dir.path().join("models--o--r/blobs");
        let target = format!("../../blobs/cc/{}", "c".repeat(64));
        std::os::unix::fs::symlink(target, blobs.join("d".repeat(64))).unwrap();
        link(&"d".repeat(64), "shared.gguf");
        link(&"b".repeat(64), "gone.gguf");
        link(&"a".repeat(64), "linked.gguf");
        let file = |name: &str| find(dir.path(), &wanted(Pick::File(name.into()), "main"));
        assert_eq!(file("gone.gguf"), None);
        assert_eq!(file("linked.gguf").unwrap().sha256, Some("a".repeat(64)));
        assert_eq!(file("shared.gguf").unwrap().sha256, Some("d".repeat(64)));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_cache_is_no_model_but_a_moved_repository_is_one() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("hub");
        foreign_cache(&cache);
        let secret = dir.path().join("secret");
        write(&secret, "GGUF");
        let snapshot = cache.join("models--o--r/snapshots/c0ffee");
        symlink(&secret, snapshot.join("absolute.gguf")).unwrap();
        symlink("../../../../secret", snapshot.join("relative.gguf")).unwrap();
        symlink(&secret, cache.join("models--o--r/blobs").join("e".repeat(64))).unwrap();
        symlink(format!("../../blobs/{}", "e".repeat(64)), snapshot.join("via.gguf")).unwrap();
        for file in ["absolute.gguf", "relative.gguf", "via.gguf"] {
            assert_eq!(find(&cache, &wanted(Pick::File(file.into()), "main")), None, "{file}");
        }
        assert_eq!(all_cached(&cache).len(), 2);

        fs::rename(cache.join("models--o--r"), dir.path().join("other disk")).unwrap();
        symlink(dir.path().join("other disk"), cache.join("models--o--r")).unwrap();
        assert!(find(&cache, &wanted(Pick::File("m-Q8_0.gguf".into()), "main")).is_some());
    }

    #[test]
    fn a_split_model_is_there_with_all_its_parts_only() {
        let dir = tempfile::tempdir().unwrap();
        foreign_cache(dir.path());
        let snapshot = dir.path().join("models--o--r/snapshots/c0ffee");
        let part = |n: usize| format!("s-Q6_K-0000{n}-of-00002.gguf");
        let all = wanted(Pick::Quant("Q6_K".into()), "main");
        write(&snapshot.join(part(1)), "GGUF");
        assert_eq!(find(dir.path(), &all), None);
        assert_eq!(find(dir.path(), &wanted(Pick::File(part(1)), "main")), None);
        write(&snapshot.join(part(2)), "GGUF");
        assert_eq!(find(dir.path(), &all).unwrap().name, format!("o/r/{}", part(1)));
        assert_eq!(all_cached(dir.path()).len(), 3, "two whole files and one in parts");
    }

    #[test]
    fn a_directory_that_is_not_there_holds_nothing() {
        let nowhere = Path::new("/nonexistent/anywhere");
        assert!(all_cached(nowhere).is_empty() && all_stored(nowhere).is_empty());
        assert_eq!(stored(nowhere, "../../etc"), None);
    }
}
