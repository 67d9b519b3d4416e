//! Runs on a file system that fails. Whichever operation fails, a run either ends with the right
//! personas, or stops, says what happened, where and what to do next, and can be resumed to the
//! same bytes.
//!
//! The binary is the real one and knows nothing of the faults: `faults/shim.c`, compiled here and
//! preloaded, makes one system call on a file under the run's folder fail, whichever library makes
//! it. Real limits are tested too: a full disk, a read-only one, `ulimit -f`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::cli::Folder;

/// A run with a judge that is measured and kept in the cache; about 150 operations.
pub(crate) const RUN: &str = "generate --input data.csv --hybrid --no-frontier \
    --model scripted:hashed --seed 7 --quality-threshold 0";

/// Kinds of faults of an operation; `shim.c` says what each means.
const KINDS: [&str; 10] =
    ["eio", "eintr", "enospc", "full", "torn", "short", "readonly", "handles", "kill", "killtorn"];

/// The compiled shim, or the reason why it is not available.
pub(crate) fn shim() -> Result<&'static Path, &'static str> {
    static SHIM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let made = SHIM.get_or_init(|| {
        if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
            return Err("the shim is written for Linux on x86-64 and AArch64".to_owned());
        }
        // The file is left behind, one per machine: its name holds a hash of the source.
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults/shim.c");
        let text = fs::read(source).unwrap();
        let sum = text.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
        let built = std::env::temp_dir().join(format!("persona-test-shim-{sum:x}.so"));
        if !built.exists() {
            let draft = tempfile::NamedTempFile::new().unwrap().into_temp_path();
            let mut cc = Command::new("cc");
            cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-x", "c", "-o"]);
            let done = cc.arg(&draft).arg(source).output();
            let done = done.map_err(|e| format!("no C compiler: {e}"))?;
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            fs::rename(&draft, &built).or_else(|_| fs::copy(&draft, &built).map(|_| ())).unwrap();
        }
        let folder = Folder::new();
        let mut probe = folder.command("--version");
        let probe = probe.env("LD_PRELOAD", &built).envs(faults(&folder, "eio", 0)).output();
        let probe = probe.unwrap();
        if probe.status.success() {
            return Ok(built);
        }
        Err(format!("seccomp filters are refused here: {}", String::from_utf8_lossy(&probe.stderr)))
    });
    made.as_deref().map_err(String::as_str)
}

fn faults(folder: &Folder, kind: &str, at: usize) -> [(&'static str, OsString); 3] {
    let root = fs::canonicalize(folder.path()).unwrap();
    [
        ("FAULT_ROOT", root.into_os_string()),
        ("FAULT_KIND", kind.into()),
        ("FAULT_AT", at.to_string().into()),
    ]
}

/// Runs a command with a fault at operation `at`, or none for 0. Returns its output, and the log of
/// operations with the file of each and which of them failed.
pub(crate) fn faulty(
    shim: &Path,
    folder: &Folder,
    arguments: &str,
    kind: &str,
    at: usize,
) -> (Output, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = folder.command(arguments);
    command.env("LD_PRELOAD", shim).env("FAULT_LOG", log.path()).envs(faults(folder, kind, at));
    let output = command.output().unwrap();
    (output, fs::read_to_string(log.path()).unwrap())
}

/// The personas of the only run.
pub(crate) fn personas(folder: &Folder) -> Vec<u8> {
    fs::read(folder.run().join("personas.json")).unwrap()
}

/// The personas that a run without faults writes.
pub(crate) fn expected() -> &'static [u8] {
    static EXPECTED: OnceLock<Vec<u8>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let folder = Folder::in_memory();
        let output = folder.output(RUN);
        assert!(output.status.success(), "{}", folder.shown(&output));
        personas(&folder)
    })
}

/// Whether the only run has got as far as having an entry in its log.
pub(crate) fn begun(folder: &Folder) -> bool {
    let runs = fs::read_dir(folder.path().join("personas"));
    let mut logs = runs.into_iter().flatten().map(|run| run.unwrap().path().join("log.jsonl"));
    logs.any(|log| fs::read_to_string(log).is_ok_and(|text| text.contains('\n')))
}

/// Checks that a command that failed says what happened, where, and what to do next.
fn is_told(output: &Output, folder: &Folder, of: &str) {
    let shown = folder.shown(output);
    assert!(!shown.contains("panicked"), "{of}: {shown}");
    let Some(code) = output.status.code() else {
        assert!(of.contains("kill"), "{of} ended by a signal: {shown}");
        return;
    };
    let (_, error) = shown.split_once("error: ").unwrap_or_else(|| panic!("{of}: {shown}"));
    let what = ["(os error", "could not be written"].iter().any(|what| error.contains(what));
    let place = ["personas", "data.csv"].iter().any(|place| error.contains(place));
    assert!(what && place, "{of}: {shown}");
    // An error about an unreadable input already says what to do.
    assert!(code == 3 || code == 1 && error.contains("hint: "), "{of}: {shown}");
}

/// Resumes a run after a fault, or begins it anew where it had not begun, and checks that the bytes
/// are the same. Returns which of the two was done.
fn ends_alike(folder: &Folder, of: &str) -> &'static str {
    let (how, command) = if begun(folder) {
        ("resumed", format!("generate --resume {}", folder.run().display()))
    } else {
        let _ = fs::remove_dir_all(folder.path().join("personas"));
        ("begun anew", RUN.to_owned())
    };
    let output = folder.output(&command);
    assert_eq!(output.status.code(), Some(0), "{of}, then {how}: {}", folder.shown(&output));
    assert!(personas(folder) == expected(), "{of}, then {how}: other personas");
    let names = fs::read_dir(folder.run()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<OsString> =
        names.filter(|name| name.to_string_lossy().starts_with(".tmp-")).collect();
    assert!(left.is_empty(), "{of}, then {how}: {left:?} is left");
    how
}

/// Runs with each kind of fault, at one in `step` operations. With `resumed`, the fault is in the
/// resumption and not in the run itself.
fn runs_fail(step: usize, resumed: bool) {
    let shim = match shim() {
        Ok(shim) => shim,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let half_done = || {
        let folder = Folder::in_memory();
        if !resumed {
            return (folder, RUN.to_owned());
        }
        faulty(shim, &folder, RUN, "kill", 70);
        let run = folder.run().display().to_string();
        (folder, format!("generate --resume {run}"))
    };
    let mut total = 0;
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (folder, command) = half_done();
        let (whole, log) = faulty(shim, &folder, &command, kind, 0);
        assert!(whole.status.success(), "{}", folder.shown(&whole));
        let operations = log.lines().count();
        assert!(operations > 9, "{log}");
        let mut tally = BTreeMap::new();
        // Each kind starts at another operation, so that a sample covers more of them.
        for at in (1 + index * 3 % step..=operations).step_by(step) {
            let (folder, command) = half_done();
            let (output, log) = faulty(shim, &folder, &command, kind, at);
            let failed = log.lines().find(|line| line.ends_with('!')).unwrap_or("nothing");
            let of = format!("{kind} at {at} of {operations} ({failed})");
            let how = if output.status.success() {
                assert!(personas(&folder) == expected(), "{of}: other personas");
                "finished"
            } else {
                is_told(&output, &folder, &of);
                ends_alike(&folder, &of)
            };
            *tally.entry(how).or_insert(0) += 1;
            total += 1;
        }
        println!("{kind}: {operations} operations, {tally:?}");
    }
    println!("{total} faults");
}

#[test]
fn a_run_survives_a_fault_at_a_sample_of_its_operations() {
    runs_fail(19, false);
}

#[test]
fn a_resumed_run_survives_faults_too() {
    runs_fail(29, true);
}

#[test]
#[ignore = "long: every operation of a run and of its resumption, in ten ways"]
fn a_run_survives_a_fault_at_each_of_its_operations() {
    runs_fail(1, false);
    runs_fail(1, true);
}

#[test]
fn a_torn_entry_is_the_last_of_its_log() {
    let shim = match shim() {
        Ok(shim) => shim,
        Err(reason) => return println!("skipped: {reason}"),
    };
    // The write is cut and the next one fails, as on a disk that fills up; then there is room
    // again.
    let folder = Folder::in_memory();
    let (output, _) = faulty(shim, &folder, RUN, "torn", 4);
    assert_eq!(output.status.code(), Some(1), "{}", folder.shown(&output));
    let log = fs::read_to_string(folder.run().join("log.jsonl")).unwrap();
    assert_eq!(log.matches('\n').count(), 3, "{log}");
    assert_eq!(ends_alike(&folder, "torn at 4"), "resumed");
}

/// Runs a shell script in the folder, with the binary as `$PERSONA` and a run as `$RUN`.
fn script(folder: &Folder, before: &[&str], text: &str) -> Output {
    let mut shell = Command::new(before.first().unwrap_or(&"sh"));
    if let Some(arguments) = before.get(1..) {
        shell.args(arguments).arg("sh");
    }
    shell.args(["-c", text]).current_dir(folder.path()).env("HF_HUB_OFFLINE", "1");
    shell.env("HOME", folder.path().join("home"));
    shell.env("PERSONA", env!("CARGO_BIN_EXE_persona")).env("RUN", RUN).output().unwrap()
}

#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_sudden_death() {
    if !cfg!(unix) {
        return println!("skipped: no limit on file sizes here");
    }
    // Some shells count in blocks of 512 bytes, others of 1024.
    for blocks in [1, 8, 20, 40] {
        let folder = Folder::in_memory();
        let output = script(&folder, &[], &format!("ulimit -f {blocks}; exec $PERSONA $RUN"));
        let of = format!("ulimit -f {blocks}");
        is_told(&output, &folder, &of);
        assert!(folder.shown(&output).contains("hint: raise the limit"), "{of}");
        ends_alike(&folder, &of);
    }
}

#[test]
fn a_disk_that_is_really_full_or_read_only_is_told_and_survived() {
    let own = ["unshare", "-rm"];
    let mount = "mkdir disk && mount -t tmpfs -o size=1m none disk";
    let folder = Folder::in_memory();
    let mut may = Command::new("unshare");
    let may = may.args(["-rm", "sh", "-c", mount]).current_dir(folder.path()).output();
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        return println!("skipped: no disk can be mounted here: {may:?}");
    }
    for size in ["8k", "24k", "48k", "72k"] {
        let folder = Folder::in_memory();
        let text = format!(
            "mkdir disk; mount -t tmpfs -o size={size} none disk || exit 99
             $PERSONA $RUN --output disk/personas; [ $? = 1 ] || exit 98
             mount -o remount,size=16m none disk || exit 97
             if ls disk/personas/* >&2
             then $PERSONA generate --resume disk/personas/*
             else $PERSONA $RUN --output disk/personas
             fi || exit 96
             cp -r disk/personas ."
        );
        let output = script(&folder, &own, &text);
        let shown = folder.shown(&output);
        assert_eq!(output.status.code(), Some(0), "{size}: {shown}");
        let told = ["No space left", "hint: free some space there"];
        assert!(told.iter().all(|words| shown.contains(words)), "{size}: {shown}");
        assert!(personas(&folder) == expected(), "{size}: other personas");
    }
    let text = "mount -t tmpfs -o ro none disk || exit 99
                exec $PERSONA $RUN --output disk/personas";
    let output = script(&folder, &own, text);
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let told = ["Read-only file system", "hint: --output DIR", "hint: make that folder"];
    assert!(told.iter().all(|words| shown.contains(words)), "{shown}");
}

#[test]
fn a_result_that_finds_no_room_leaves_the_run_whole() {
    if !Path::new("/dev/full").exists() {
        return println!("skipped: there is no /dev/full here");
    }
    let folder = Folder::in_memory();
    let output = script(&folder, &[], "exec $PERSONA $RUN > /dev/full");
    let shown = folder.shown(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("cannot write the result to stdout") && shown.contains("hint: all is"));
    assert!(personas(&folder) == expected());
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let shim = match shim() {
        Ok(shim) => shim,
        Err(reason) => return println!("skipped: {reason}"),
    };
    // The clock jumps by an hour, by ten years, and to before its epoch.
    for jump in [3_600_u64, 315_360_000, 3_153_600_000] {
        let folder = Folder::in_memory();
        let run = |arguments: &str| {
            let mut command = folder.command(arguments);
            command.env("LD_PRELOAD", shim).env("FAULT_CLOCK", jump.to_string()).output().unwrap()
        };
        let output = run(RUN);
        assert_eq!(output.status.code(), Some(0), "{jump} s: {}", folder.shown(&output));
        assert!(personas(&folder) == expected(), "{jump} s: other personas");
        let again = run(&format!("generate --resume {}", folder.run().display()));
        assert_eq!(again.status.code(), Some(0), "{jump} s: {}", folder.shown(&again));
        let listed = run("runs list --json");
        assert!(listed.status.success(), "{jump} s: {}", folder.shown(&listed));
        let report = fs::read_to_string(folder.run().join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let stages = report["stages"].as_object().unwrap();
        assert!(stages.len() > 2, "{report}");
        for (name, stage) in stages {
            let seconds = stage["seconds"].as_f64().unwrap();
            assert!((0.0..300.0).contains(&seconds), "{jump} s: {name} took {seconds} s");
        }
    }
}
