//! The same seed, build and machine give the same bytes: for any number of threads, any batch size,
//! and with or without a kill and a resumption in between. On the real small model.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::Folder;
use crate::faults::personas;
use crate::real_model::real_model;
#[cfg(unix)]
use crate::whole_run::judges;

/// How a run is carried out, which must not show in its result.
#[derive(Debug, Clone, Copy)]
struct Way {
    threads: usize,
    batch: usize,
    /// Number of drafts in the log after which the run is killed and resumed; `None` for no kill.
    killed_after: Option<usize>,
}

/// The personas of a run. `home` keeps the judge's measurement between runs, where they share it.
fn written(way: Way, flags: &str, home: Option<&Path>) -> Vec<u8> {
    let folder = Folder::new();
    let model = real_model().display().to_string();
    let engine = format!("--threads {} --batch {}", way.threads, way.batch);
    let command = |arguments: &str| {
        let mut command = folder.command(&format!("{arguments} {engine}"));
        command.envs(home.map(|home| ("HOME", home)));
        command
    };
    let begun =
        format!("generate data.csv --hybrid --no-frontier --model {model} --seed 7 {flags}");
    let Some(drafts) = way.killed_after else {
        let output = command(&begun).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{way:?}: {}", folder.shown(&output));
        return personas(&folder);
    };
    let mut first = command(&begun);
    let mut child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let runs = folder.path().join("personas");
    let logged = || {
        let run = fs::read_dir(&runs).ok()?.next()?.ok()?.path();
        let log = fs::read_to_string(run.join("log.jsonl")).ok()?;
        Some(log.matches("\"event\":\"drafted\"").count())
    };
    let began = Instant::now();
    while logged().is_none_or(|count| count < drafts) && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_mins(10), "no {drafts} drafts in the log");
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    let run = folder.run();
    println!(
        "{way:?}: killed with {:?} drafts, finished: {}",
        logged(),
        run.join("report.json").exists()
    );
    let output = command(&format!("generate --resume {}", run.display())).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{way:?}: {}", folder.shown(&output));
    personas(&folder)
}

#[test]
fn two_ways_to_the_same_personas() {
    let home = tempfile::tempdir().unwrap();
    // The judge is measured once for all tests that need it.
    #[cfg(unix)]
    {
        let cache = home.path().join(".cache/persona");
        fs::create_dir_all(&cache).unwrap();
        std::os::unix::fs::symlink(judges(), cache.join("judges")).unwrap();
    }
    let flags = "--count 1 --draft-multiplier 2 --quality-threshold 0 --max-rounds 0";
    let of = |way| written(way, flags, Some(home.path()));
    let plain = of(Way { threads: 2, batch: 16, killed_after: None });
    let other = of(Way { threads: 1, batch: 1, killed_after: Some(1) });
    assert!(plain == other, "other personas with one thread, one row at a time and a kill");
}

#[test]
#[ignore = "long: twelve runs on the real model"]
fn every_way_to_the_same_personas() {
    let flags = "--count 3 --quality-threshold 0";
    let mut first: Option<Vec<u8>> = None;
    for threads in [1, 2] {
        for batch in [1, 4, 16] {
            for killed_after in [None, Some(2)] {
                let way = Way { threads, batch, killed_after };
                let began = Instant::now();
                let got = written(way, flags, None);
                println!("{way:?}: {} bytes in {:.1?}", got.len(), began.elapsed());
                assert!(
                    *first.get_or_insert_with(|| got.clone()) == got,
                    "{way:?}: other personas"
                );
            }
        }
    }
}
