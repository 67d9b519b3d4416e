//! Run logs and persona files as a crash, a full disk or an editor may leave them.

use std::path::Path;

use persona::corpus::Corpus;
use persona::report::{self, Format, Process, View};
use persona::store::Run;

use super::memory::measured;
use super::mutate::{Random, damage};
use super::{kept, run, scratch};

const A_BYTE: i64 = 64;
const ANY: i64 = 1 << 20;

const WORDS: [&[u8]; 14] = [
    b"\n",
    b"{\"event\":\"finished\"}\n",
    b"{\"event\":\"resumed\"}\n",
    b"null",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-1",
    b"1e999",
    b"[[[[[[[[[[",
    b"\\ud800",
    b"\xff",
    b"\"id\":\"f0#0\"",
    b"\"event\":\"started\",",
    b"\0",
];

/// Swaps, removes or repeats whole lines, and sets numbers to their limits.
fn rearrange(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=random.below(3) {
        let (at, to) = (random.below(lines.len()), random.below(lines.len()));
        match random.below(4) {
            0 => lines.swap(at, to),
            1 if lines.len() > 1 => drop(lines.remove(at)),
            2 => lines.insert(to, lines[at].clone()),
            _ => {
                let line = String::from_utf8_lossy(&lines[at]).into_owned();
                let digits: Vec<usize> =
                    line.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
                if !digits.is_empty() {
                    let from = *random.of(&digits);
                    let to = line[from..]
                        .find(|c: char| !c.is_ascii_digit())
                        .map_or(line.len(), |n| from + n);
                    lines[at] =
                        format!("{}{}{}", &line[..from], random.limit(), &line[to..]).into_bytes();
                }
            }
        }
    }
    *bytes = lines.concat();
}

/// Replays a log, and uses the state as a listing and a report do. Returns whether it was accepted.
fn replay(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::write(folder.join("log.jsonl"), bytes).expect("written");
    let (read, peak) = measured(|| Run::read(folder));
    assert!(peak <= ANY + A_BYTE * bytes.len() as i64, "{} bytes took {peak}", bytes.len());
    match read {
        Ok(state) => {
            let _ = (state.account.charged(), state.account.unsettled(), state.account.next());
            if state.started.is_some() {
                let (corpus, process) = (Corpus::default(), Process::default());
                let view = View { state: &state, corpus: &corpus, process: &process };
                let files =
                    report::files(view, &[Format::Markdown, Format::Csv, Format::TinyTroupe]);
                files.expect("a state that was read is shown");
            }
            true
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("log.jsonl line "), "which line? {error}");
            false
        }
    }
}

fn logs(count: u64) {
    let seeds = kept("log");
    let folder = tempfile::tempdir_in(scratch()).expect("a folder");
    run("logs", 51, count, |random| {
        let mut bytes = random.of(&seeds).1.clone();
        if random.once_in(2) {
            rearrange(&mut bytes, random);
        } else {
            damage(&mut bytes, &WORDS, random);
        }
        (replay(folder.path(), &bytes), 0)
    });
}

#[test]
fn no_damaged_log_breaks_its_replay() {
    logs(2_000);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_damaged_log_breaks_its_replay_in_full() {
    logs(300_000);
}

#[test]
fn kept_logs_replay() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder");
    for (name, bytes) in kept("log") {
        assert!(replay(folder.path(), &bytes), "{name}");
    }
}
