//! `persona models` and `persona doctor` as users meet them: the binary, fresh folders, and a hub
//! on this machine; also the cache that a pull leaves, read back by the real Python client.
//!
//! That test needs Python with the package huggingface_hub, which `.ci/run` installs; without it,
//! it prints that it is skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Folder;
use crate::hub::{COMMIT, FILE, REPO, found, sha256};
use crate::loopback::{Reply, Server};
use crate::real_model::real_model;
use crate::tiny_gguf;

fn tiny() -> Vec<u8> {
    tiny_gguf::tiny_llama(&tiny_gguf::Options::default())
}

/// A hub with one repository of one file, and the storage that sends the file after `delay`.
fn hub(bytes: Vec<u8>, delay: Duration) -> (Server, Server) {
    let (etag, size) = (sha256(&bytes), bytes.len());
    let storage = Server::start(move |_| Reply { delay, ..Reply::status(200).body(&bytes) });
    let port = storage.port;
    let hub = Server::start(move |request| {
        if request.path.contains("/tree/main") {
            return Reply::json(&json!([{ "type": "file", "path": FILE }]));
        }
        if !request.path.starts_with(&format!("/{REPO}/resolve/")) {
            return Reply::status(404).with("x-error-code", "RepoNotFound");
        }
        found(port, COMMIT, &format!("\"{etag}\""), size)
    });
    (hub, storage)
}

/// A command that may ask `hub`.
fn asking(folder: &Folder, hub: &Server, arguments: &str) -> Command {
    let mut command = folder.command(arguments);
    command.env_remove("HF_HUB_OFFLINE");
    command.env("HF_ENDPOINT", format!("http://127.0.0.1:{}", hub.port));
    command.env("OLLAMA_HOST", "127.0.0.1:9");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn cache(folder: &Folder) -> PathBuf {
    folder.path().join("home/.cache/huggingface/hub")
}

#[test]
fn two_processes_that_pull_the_same_file_fetch_it_once() {
    let bytes = tiny();
    let (hub, storage) = hub(bytes.clone(), Duration::from_millis(700));
    let folder = Folder::new();
    let start = || {
        let mut command = asking(&folder, &hub, &format!("models pull {REPO} --json"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    for output in &both {
        let document: Value = serde_json::from_str(&succeeded(output)).unwrap();
        assert_eq!(document["sha256"], sha256(&bytes));
        assert_eq!(fs::read(document["path"].as_str().unwrap()).unwrap(), bytes);
    }
    assert_eq!(storage.asked("GET"), 1);
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_keeps_what_arrived() {
    let bytes = tiny();
    let (hub, storage) = hub(bytes.clone(), Duration::ZERO);
    let folder = Folder::new();
    // A limit on the size of files stands in for a full disk: writing fails in the middle.
    let mut limited = Command::new("sh");
    let pull = asking(&folder, &hub, &format!("models pull {REPO}"));
    let line = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    limited.args(["-c", line]).arg(pull.get_program()).args(pull.get_args()).env_clear();
    limited.envs(pull.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let refused = limited.current_dir(folder.path()).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", folder.shown(&refused));
    let said = text(&refused.stderr);
    assert!(said.contains(".incomplete") && said.contains("what arrived is kept"), "{said}");
    succeeded(&asking(&folder, &hub, &format!("models pull {REPO}")).output().unwrap());
    let again = storage.requests().pop().unwrap();
    assert!(again.headers["range"].starts_with("bytes="), "{again:?}");
    assert_eq!(folder.json(&format!("models verify {REPO} --json"))[0]["sha256"], sha256(&bytes));
}

/// The Python with the package, where `.ci/run` puts it.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let python = cache.join("persona-test/huggingface_hub/bin/python");
    let works = Command::new(&python).args(["-c", "import huggingface_hub"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn the_python_client_reads_what_a_pull_left() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with huggingface_hub; .ci/run installs one");
        return;
    };
    let bytes = tiny();
    let (hub, _storage) = hub(bytes.clone(), Duration::ZERO);
    let folder = Folder::new();
    let pulled = asking(&folder, &hub, &format!("models pull {REPO}:q8_0 --json")).output();
    let pulled: Value = serde_json::from_str(&succeeded(&pulled.unwrap())).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hub_reader.py");
    let read = Command::new(python)
        .args([script, cache(&folder).to_str().unwrap(), REPO, FILE])
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", folder.path().join("elsewhere"))
        .output()
        .unwrap();
    let read: Value = serde_json::from_str(&succeeded(&read)).unwrap();
    assert_eq!(read["path"], pulled["path"]);
    assert_eq!(read["sha256"], sha256(&bytes));
    assert_eq!(read["warnings"], json!([]));
    assert_eq!(read["repos"], json!([REPO]));
    assert_eq!(read["refs"], json!([["main"]]));
    assert_eq!(read["bytes"], bytes.len());
}

#[test]
fn every_model_is_verified_also_after_a_damaged_one() {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        let file = format!("{name}.gguf");
        folder.write(&file, &[tiny(), name.as_bytes().to_vec()].concat());
        succeeded(&folder.output(&format!("models import {file}")));
    }
    let here = folder.json("models list --json");
    let paths = here["others"].as_array().unwrap().iter().map(|m| m["path"].as_str().unwrap());
    for path in paths.filter(|path| !path.ends_with("b.gguf")) {
        std::fs::write(path, [tiny(), b"z".to_vec()].concat()).unwrap();
    }
    let output = folder.output("models verify");
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    for said in ["a.gguf", "b.gguf: ok", "c.gguf"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[test]
fn a_model_travels_to_a_machine_without_a_network_and_is_removed_again() {
    let bytes = tiny();
    let (hub, _storage) = hub(bytes.clone(), Duration::ZERO);
    let (here, there) = (Folder::new(), Folder::new());
    let missing = here.output(&format!("models export {REPO} --output stick"));
    assert_eq!(missing.status.code(), Some(4), "{}", here.shown(&missing));
    succeeded(&asking(&here, &hub, &format!("models pull {REPO}")).output().unwrap());
    let exported = here.output(&format!("models export {REPO} --output stick"));
    assert!(succeeded(&exported).contains("persona models import stick"));

    let stick = here.path().join("stick");
    let name = "owner/tiny-GGUF:Q8_0";
    assert_eq!(there.output(&format!("models verify {name}")).status.code(), Some(4));
    let imported = there.json(&format!("--offline models import {} --json", stick.display()));
    assert_eq!(imported["sha256"], sha256(&bytes));
    assert_eq!(there.json(&format!("models verify {name} --json"))[0]["result"], "ok");
    let listed = there.json("models list --json");
    assert_eq!(listed["others"][0]["name"], format!("{REPO}/{FILE}"));
    // The engine accepts it too: by name, without a network.
    let inspected = there.output(&format!("inspect data.csv --model {name}"));
    assert!(inspected.status.success(), "{}", there.shown(&inspected));

    let removed = there.json(&format!("models rm {name} --json"));
    assert_eq!(removed["freed_bytes"], bytes.len());
    assert_eq!(there.output(&format!("models rm {name}")).status.code(), Some(4));
    succeeded(&here.output(&format!("models remove {REPO}")));
    assert!(!cache(&here).join("models--owner--tiny-GGUF").exists());
    let own = there.output("models rm ./data.csv");
    assert_eq!(own.status.code(), Some(4), "{}", there.shown(&own));
}

#[test]
fn a_quantisation_that_does_not_exist_is_refused_with_those_that_do() {
    let (hub, _storage) = hub(tiny(), Duration::ZERO);
    let folder = Folder::new();
    let refused = asking(&folder, &hub, &format!("models pull {REPO}:Q6_K")).output().unwrap();
    assert_eq!(refused.status.code(), Some(4));
    let said = text(&refused.stderr);
    assert!(said.contains("no usable Q6_K; it has Q8_0 (tiny-Q8_0.gguf)"), "{said}");
    let nobody = asking(&folder, &hub, "models pull owner/nothing").output().unwrap();
    assert_eq!(nobody.status.code(), Some(4));
    assert!(text(&nobody.stderr).contains("check the spelling"), "{}", folder.shown(&nobody));
}

#[test]
fn a_file_that_changed_since_it_was_stored_is_not_loaded() {
    let folder = Folder::new();
    folder.write("m.gguf", &tiny());
    let imported = folder.json("models import m.gguf --json");
    let path = Path::new(imported["path"].as_str().unwrap());
    let stored = path.parent().unwrap().parent().unwrap();
    let (hub, _storage) = hub(tiny(), Duration::ZERO);
    succeeded(&asking(&folder, &hub, &format!("models pull {REPO}")).output().unwrap());
    fs::remove_dir_all(stored).unwrap();
    let blob = cache(&folder).join("models--owner--tiny-GGUF/blobs").join(sha256(&tiny()));
    let mut bytes = tiny();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, bytes).unwrap();
    let refused = folder.output(&format!("bench --model {REPO} --test pp8 -r 1 --warmup 0"));
    assert_eq!(refused.status.code(), Some(4), "{}", folder.shown(&refused));
    assert!(text(&refused.stderr).contains("persona models rm"), "{}", folder.shown(&refused));
    let sick = folder.output("doctor --offline");
    assert_eq!(sick.status.code(), Some(1), "{}", folder.shown(&sick));
    assert!(text(&sick.stdout).contains("is damaged"), "{}", folder.shown(&sick));
}

#[test]
fn a_model_of_ollamas_runs_without_ollama() {
    let folder = Folder::new();
    let (bytes, store) = (tiny(), folder.path().join("home/.ollama/models"));
    let layer = json!({
        "mediaType": "application/vnd.ollama.image.model",
        "digest": format!("sha256:{}", sha256(&bytes)), "size": bytes.len(),
    });
    let manifest = json!({ "schemaVersion": 2, "layers": [layer] }).to_string();
    folder.write(
        "home/.ollama/models/manifests/registry.ollama.ai/library/tiny/1b",
        manifest.as_bytes(),
    );
    let blob = store.join("blobs").join(format!("sha256-{}", sha256(&bytes)));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, &bytes).unwrap();
    let listed = folder.json("models list --json");
    assert_eq!(listed["ollama"], json!(["tiny:1b"]));
    let inspected = folder.output("inspect data.csv --model ollama:tiny:1b");
    assert!(inspected.status.success(), "{}", folder.shown(&inspected));
    let unknown = folder.output("generate data.csv --model ollama:tiny:9b");
    assert_eq!(unknown.status.code(), Some(4));
    let said = text(&unknown.stderr);
    assert!(said.contains("tiny:1b") && said.contains("ollama pull tiny:9b"), "{said}");
    let kept = folder.output("models rm ollama:tiny:1b");
    assert!(text(&kept.stderr).contains("ollama rm tiny:1b"), "{}", folder.shown(&kept));
    // A blob whose bytes do not match its name is noticed when it is loaded.
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&blob, other).unwrap();
    let refused = folder.output("bench --model ollama:tiny:1b --test pp8 -r 1 --warmup 0");
    assert_eq!(refused.status.code(), Some(4), "{}", folder.shown(&refused));
    assert!(text(&refused.stderr).contains("SHA-256"), "{}", folder.shown(&refused));
}

#[test]
fn the_list_and_the_recommendation_say_what_fits_and_why() {
    let folder = Folder::new();
    let listed = folder.json("models list --json --context 4096");
    let catalogue = listed["catalogue"].as_array().unwrap();
    let free = listed["memory_free_bytes"].as_u64().unwrap();
    for entry in catalogue {
        let needed = entry["memory_bytes"].as_u64().unwrap();
        assert_eq!(entry["fits"], needed <= free, "{entry}");
    }
    let table = succeeded(&folder.output("models list"));
    assert!(table.contains("not checked by us") && table.contains("fits"), "{table}");
    let advice = folder.json("models recommend --json");
    let (draft, judge) = (&advice["draft"], &advice["judge"]);
    assert!(catalogue.iter().any(|entry| entry["model"]["name"] == draft["model"]), "{advice}");
    assert_eq!(advice["auto"], draft["model"], "nothing is on disk");
    for role in [draft, judge] {
        assert!(role["reasons"].as_array().unwrap().len() >= 2, "{advice}");
    }
    let said = succeeded(&folder.output("models recommend"));
    assert!(said.contains("drafting: ") && said.contains("persona models pull"), "{said}");
    let none = folder.output("models recommend --context 999999999999");
    assert!(none.status.success(), "a context is at most the model's own: {}", folder.shown(&none));
}

#[test]
fn a_users_own_catalogue_is_part_of_ours() {
    let folder = Folder::new();
    let own = "[[model]]\nname = 'house-model'\ntitle = 'Ours'\nrepo = 'owner/tiny-GGUF'\n\
               file = 'tiny-Q8_0.gguf'\nbytes = 300000\nparameters = 70000\ncontext = 2048\n\
               quant = 'Q8_0'\nlicence = 'ours'\nroles = ['draft']\narchitecture = 'llama'\n\
               vocabulary = 300\nkv_bytes_per_token = 512\n";
    folder.write("home/.config/persona/models.toml", own.as_bytes());
    let (hub, _storage) = hub(tiny(), Duration::ZERO);
    succeeded(&asking(&folder, &hub, "models pull house-model").output().unwrap());
    let listed = folder.json("models list --json");
    let entries = listed["catalogue"].as_array().unwrap();
    let ours = entries.iter().find(|entry| entry["model"]["name"] == "house-model").unwrap();
    assert!(ours["path"].is_string(), "{ours}");
    // The catalogue entry is exported with the model.
    let there = Folder::new();
    succeeded(&folder.output("models export house-model --output stick"));
    let stick = folder.path().join("stick");
    assert_eq!(
        there.json(&format!("models import {} --json", stick.display()))["name"],
        "house-model"
    );
    let known = there.output("inspect data.csv --model house-model");
    assert!(known.status.success(), "{}", there.shown(&known));

    folder.write("home/.config/persona/models.toml", b"[[model]]\nname = 1");
    let broken = folder.output("models list");
    assert_eq!(broken.status.code(), Some(2), "{}", folder.shown(&broken));
    assert!(text(&broken.stderr).contains("models.toml"), "{}", folder.shown(&broken));
}

/// The checks of `doctor` with this name.
fn checks(document: &Value, name: &str) -> Vec<Value> {
    let checks = document["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["check"] == name).cloned().collect()
}

#[test]
fn doctor_finds_what_is_wrong_and_shows_no_secret() {
    let (hub, _storage) = hub(tiny(), Duration::ZERO);
    let folder = Folder::new();
    let run = |arguments: &str| {
        let mut command = asking(&folder, &hub, arguments);
        command.env("ANTHROPIC_API_KEY", "sk-secret-1").env("HF_TOKEN", "hf_secret_2");
        command.output().unwrap()
    };
    let output = run("doctor --json");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    assert_eq!(document["problems"], 0);
    assert_eq!(checks(&document, "hub")[0]["status"], "ok", "{document}");
    assert_eq!(checks(&document, "ollama")[0]["status"], "skipped", "{document}");
    assert!(checks(&document, "keys")[0]["detail"].as_str().unwrap().contains("ANTHROPIC_API_KEY"));
    let shown = folder.shown(&output) + &folder.shown(&run("doctor"));
    assert!(!shown.contains("secret"), "{shown}");
    for check in document["checks"].as_array().unwrap() {
        let wrong = check["status"] == "warning" || check["status"] == "problem";
        assert!(!wrong || check["fix"].is_string(), "without a fix: {check}");
    }

    let repo = cache(&folder).join("models--o--r");
    folder.write("home/.cache/huggingface/hub/models--o--r/blobs/x.incomplete", b"12345");
    fs::create_dir_all(repo.join("snapshots/c")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../../blobs/gone", repo.join("snapshots/c/m.gguf")).unwrap();
    folder.write("persona.toml", b"[hybrid]\nquality_treshold = 0.5");
    let output = run("doctor");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", folder.shown(&output));
    assert!(
        said.contains("quality_treshold") && said.contains("'hybrid.quality_threshold'"),
        "{said}"
    );
    assert!(said.contains("x.incomplete"), "{said}");
    #[cfg(unix)]
    assert!(said.contains("leads to a file that is gone"), "{said}");
    assert!(said.contains("Problems to mend first: 1."), "{said}");
}

#[test]
fn doctor_asks_nobody_when_it_must_not() {
    let (hub, _storage) = hub(tiny(), Duration::ZERO);
    let folder = Folder::new();
    let output = asking(&folder, &hub, "doctor --offline --json").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(checks(&document, "network")[0]["status"], "skipped", "{document}");
    assert!(checks(&document, "hub").is_empty(), "{document}");
    assert!(hub.requests().is_empty());
    let missing = folder.json("doctor --model ./nothing.gguf --json");
    assert_eq!(checks(&missing, "model")[0]["status"], "problem", "{missing}");
    let portal = Server::start(|_| {
        Reply::status(200).with("content-type", "text/html").body(b"<html>sign in</html>")
    });
    let output = asking(&folder, &portal, "doctor --json").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hub = &checks(&document, "hub")[0];
    assert_eq!(hub["status"], "warning");
    assert!(hub["detail"].as_str().unwrap().contains("web page"), "{hub}");
}

#[test]
#[ignore = "three whole jobs on each of two real models: minutes in a release build, many in another"]
fn memory_is_predicted_within_a_tenth_of_its_peak() {
    real_model();
    for name in ["smollm2-135m", "gemma-3-270m"] {
        let peak = || {
            let output = Command::new(env!("CARGO_BIN_EXE_persona"))
                .args(["bench", "--model", name, "--test", "job", "--repetitions", "1"])
                .args(["--warmup", "0", "--context", "8192", "--json"])
                .output()
                .unwrap();
            let document: Value = serde_json::from_str(&succeeded(&output)).unwrap();
            document["rows"][0]["peak_rss_bytes"].as_f64().unwrap()
        };
        // How much memory threads share varies from run to run; the need is the highest figure.
        let peak = [peak(), peak(), peak()].into_iter().fold(0.0, f64::max);
        let needed = persona::catalogue::find(name).unwrap().memory_needed(8192) as f64;
        eprintln!("{name}: {needed} predicted, {peak} at its peak");
        assert!(
            (0.9..1.1).contains(&(needed / peak)),
            "{name}: {needed} predicted, {peak} measured"
        );
    }
}
