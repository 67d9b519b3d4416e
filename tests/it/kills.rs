//! Processes that die, and processes that meet: whenever a run is killed or asked to stop, it can
//! be resumed to the personas of an undisturbed run; and two processes on one folder do not harm
//! each other.

use std::fmt::Write;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cli::Folder;
use crate::faults::{RUN, begun, expected, personas};
use crate::real_model::real_model;

/// Answers of so many people that each persona of a scripted model says something different.
pub(crate) fn many_voices(people: usize) -> String {
    const NOUNS: [&str; 12] = [
        "kettle", "rota", "van", "ladder", "radio", "garden", "ward", "invoice", "bicycle",
        "queue", "laptop", "harbour",
    ];
    const ACTS: [&str; 7] =
        ["moves", "is late", "breaks", "is locked", "costs more", "is missing", "rings"];
    let mut text = "participant,answer\n".to_owned();
    for at in 0..people {
        let (noun, act) = (NOUNS[at % 12], ACTS[at / 12 % 7]);
        let other = NOUNS[(at * 5 + 1) % 12];
        let _ = writeln!(
            text,
            "p{at},Every {at} days the {noun} {act} before my {other} number {at} is there."
        );
        let _ = writeln!(
            text,
            "p{at},I told them {at} times that a {noun} which {act} is no {other} for {at} people."
        );
    }
    text
}

/// A run that takes its time: some 300 answers, a millisecond each.
fn slow() -> String {
    RUN.replace("scripted:hashed", "scripted:ok,slow=1")
}

fn spawned(folder: &Folder, arguments: &str) -> Child {
    let mut command = folder.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal; without effect where the process has ended.
fn signal(child: &Child, name: &str) {
    let _ = Command::new("kill").args([name, &child.id().to_string()]).status();
}

/// Waits until a condition holds. The limit is generous, since the machine may be busy.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(2), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills and stops runs of `command` at random moments, resumes them, and compares them with one
/// that was not disturbed. The moment of death is not checked: the run must survive any.
fn killed_at_random(command: &str, moments: usize) {
    let alone = Folder::in_memory();
    let began = Instant::now();
    let output = alone.output(command);
    assert_eq!(output.status.code(), Some(0), "{}", alone.shown(&output));
    let length = began.elapsed();
    let wanted = personas(&alone);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut tally = std::collections::BTreeMap::new();
    for moment in 0..moments {
        let folder = Folder::in_memory();
        let mut child = spawned(&folder, command);
        std::thread::sleep(length.mul_f64(rng.random_range(0.0..1.0)));
        let name = if moment % 2 == 0 { "-KILL" } else { "-TERM" };
        let ended = child.try_wait().unwrap().is_some();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let shown = folder.shown(&output);
        // SIGTERM simply ends a process that does not yet watch for it.
        match output.status.code() {
            Some(0) | None => {}
            Some(130) => assert!(shown.contains("the log is kept"), "{shown}"),
            Some(code) => panic!("{name} ended it with {code}: {shown}"),
        }
        let how = match (ended, begun(&folder)) {
            (true, _) => "finished before",
            (false, true) => "resumed",
            (false, false) => "begun anew",
        };
        let command = if begun(&folder) {
            format!("generate --resume {}", folder.run().display())
        } else {
            let _ = fs::remove_dir_all(folder.path().join("personas"));
            command.to_owned()
        };
        let output = folder.output(&command);
        let of = format!("{name}, moment {moment}, {how}");
        assert_eq!(output.status.code(), Some(0), "{of}: {}", folder.shown(&output));
        assert!(personas(&folder) == wanted, "{of}: other personas");
        *tally.entry((name, how)).or_insert(0) += 1;
    }
    println!("{moments} moments in {length:.2?}: {tally:?}");
}

#[test]
fn a_run_survives_a_sample_of_kills() {
    killed_at_random(&slow(), 8);
}

#[test]
#[ignore = "long: 200 kills"]
fn a_run_survives_two_hundred_kills() {
    killed_at_random(&slow(), 200);
}

#[test]
#[ignore = "long: 10 kills of a run on the real model"]
fn a_run_on_the_real_model_survives_kills() {
    let model = real_model().display().to_string();
    killed_at_random(&RUN.replace("scripted:hashed", &model), 10);
}

#[test]
fn a_run_that_is_being_written_is_refused_to_a_second_process() {
    let folder = Folder::in_memory();
    let first = spawned(&folder, &RUN.replace("scripted:hashed", "scripted:nologits,slow=100"));
    until("the run's first entry", || begun(&folder));
    // The first process stands still, however long the second one takes.
    signal(&first, "-STOP");
    let run = folder.run().display().to_string();
    let second = folder.output(&format!("generate --resume {run}"));
    let shown = folder.shown(&second);
    assert_eq!(second.status.code(), Some(1), "{shown}");
    assert!(shown.contains("is in use by another process\nhint: wait for it"), "{shown}");
    // Reading the run is allowed.
    let listed = folder.json("runs list --json");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    signal(&first, "-CONT");
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    assert_eq!(folder.output(&format!("generate --resume {run}")).status.code(), Some(0));
}

#[test]
fn runs_begun_at_once_share_a_folder_and_a_cache() {
    let folder = Folder::in_memory();
    let children: Vec<Child> = (0..6).map(|_| spawned(&folder, RUN)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    }
    let runs: Vec<_> = fs::read_dir(folder.path().join("personas")).unwrap().collect();
    assert_eq!(runs.len(), 6);
    for run in runs {
        let written = fs::read(run.unwrap().path().join("personas.json")).unwrap();
        assert!(written == expected(), "other personas");
    }
    let cache = folder.path().join("home/.cache/persona/judges");
    assert_eq!(fs::read_dir(cache).unwrap().count(), 1, "one measurement, no temporary files");
}

#[test]
fn one_model_file_is_imported_by_many_at_once() {
    let folder = Folder::in_memory();
    folder.write("mine.gguf", &[b"GGUF".as_slice(), &vec![7; 1 << 20]].concat());
    let children: Vec<Child> =
        (0..4).map(|_| spawned(&folder, "models import mine.gguf --json")).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", folder.shown(&output));
    }
    let verified = folder.json("models verify --json");
    assert_eq!(
        (verified.as_array().map(Vec::len), &verified[0]["result"]),
        (Some(1), &"ok".into())
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let folder = Folder::in_memory();
    let mut child = spawned(&folder, &RUN.replace("scripted:hashed", "scripted:ok,slow=200"));
    until("the run's first entry", || begun(&folder));
    // The first signal asks, the second forces; a signal may arrive before the last one was
    // handled.
    until("the process to stop", || {
        signal(&child, "-TERM");
        std::thread::sleep(Duration::from_millis(20));
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
