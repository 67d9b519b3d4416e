//! Hostile input: every kind of bytes that reaches the program from outside, damaged on purpose.
//!
//! Each target takes sound seeds, damages them by rules of its own and by bytes, and holds the
//! program to its promise: no panic, no hang, memory in proportion to the input, and an error that
//! says what is wrong. Everything follows from a number, so a failure repeats: the panic message
//! names the case, and `corpus/` keeps what was once found. `cargo test` runs a sample of each,
//! `cargo test --release -- --ignored fuzz` all of it.

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

/// Longest time that one case may take, in a debug build on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run of cases came to, for the closing line that a person reads.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    accepted: u64,
    slowest: Duration,
    /// Most bytes in use beyond twice the input.
    excess: i64,
}

thread_local! {
    /// Whether this thread is at a case.
    static TRYING: Cell<bool> = const { Cell::new(false) };
}

/// A library's panic that the program catches is written down in a line: with a backtrace, all the
/// symbols of the binary would count as the memory of the case.
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
/// repeats it. `case` says whether the input was accepted, and how many bytes it took beyond twice
/// its size.
fn run(target: &str, seed: u64, count: u64, mut case: impl FnMut(&mut Random) -> (bool, i64)) {
    keep_panics_short();
    TRYING.set(true);
    let mut tally = Tally::default();
    // One case can be tried alone: PERSONA_FUZZ_CASE=1234 cargo test fuzz::gguf
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

/// Where files stand that are written over and over: in memory where the system has such a place,
/// since a disk would be waited for each time.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// The files that are kept for a target, in order of name: seeds, and what was once found.
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
