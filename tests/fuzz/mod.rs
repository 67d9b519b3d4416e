//! Hostile input: every kind of bytes that reaches the program from outside, damaged on purpose.
//!
//! Each target takes sound seeds, damages them by rules of its own and byte by byte, and checks
//! that the program keeps its promise: no panic, no hang, memory in proportion to the input, and an
//! error that says what is wrong. Everything follows from a number, so that a failure can be
//! repeated: the panic message names the case. `corpus/` keeps inputs that once failed. `cargo
//! test` runs a sample of each target, `cargo test --release -- --ignored fuzz` all of it.

mod answers;
mod gguf;
mod gguf_parts;
mod log;
mod memory;
mod mutate;
mod readers;
mod templates;
mod tokenizers;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use mutate::Random;

/// Longest time that one case may take, even in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The outcome of a run of cases, for the closing line.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    accepted: u64,
    slowest: Duration,
    /// Most bytes in use beyond twice the size of the input.
    excess: i64,
}

thread_local! {
    /// Whether this thread is running a case.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// Makes panics within a case print a single line: with a backtrace, all symbols of the binary
/// would count as memory of a case in which the program catches a library's panic.
fn keep_panics_short() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if TRYING.get() { eprintln!("{panic}") } else { usual(panic) }
        }));
    });
}

/// Runs `case` for each number in turn. A panic or a slow case is reported with the number that
/// repeats it. `case` returns whether the input was accepted, and how many bytes it took beyond
/// twice its size.
fn run(target: &str, seed: u64, count: u64, mut case: impl FnMut(&mut Random) -> (bool, i64)) {
    keep_panics_short();
    TRYING.set(true);
    let mut tally = Tally::default();
    // A single case can be run alone: PERSONA_FUZZ_CASE=1234 cargo test fuzz::gguf
    let only: Option<u64> =
        std::env::var("PERSONA_FUZZ_CASE").ok().and_then(|number| number.parse().ok());
    for number in only.map_or(0..count, |number| number..number + 1) {
        let begin = Instant::now();
        let mut random = Random::new(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let outcome = catch_unwind(AssertUnwindSafe(|| case(&mut random)));
        let took = begin.elapsed();
        let Ok((accepted, excess)) = outcome else {
            TRYING.set(false);
            panic!(
                "{target}: case {number} of seed {seed} broke; PERSONA_FUZZ_CASE={number} repeats it"
            );
        };
        assert!(took < PATIENCE, "{target}: case {number} of seed {seed} took {took:?}");
        tally.cases += 1;
        tally.accepted += u64::from(accepted);
        tally.slowest = tally.slowest.max(took);
        tally.excess = tally.excess.max(excess);
    }
    TRYING.set(false);
    let Tally { cases, accepted, slowest, excess } = tally;
    println!(
        "{target}: {cases} cases, {accepted} accepted, slowest {slowest:?}, at most {excess} bytes \
         beyond twice the input"
    );
}

/// Folder for files that are overwritten again and again: in memory where the system has such a
/// folder, since a disk would slow each case down.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// The files kept for a target, by name: seeds, and inputs that once failed.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.expect("an entry of the folder").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file of the folder"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    files
}
