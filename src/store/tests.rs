//! The run folder under interruption: cut logs, torn lines, locks.

use proptest::prelude::*;

use super::*;
use crate::llm::{Capabilities, Usage};

fn started() -> Started {
    Started {
        version: "0".into(),
        settings: serde_json::json!({ "count": 3 }),
        inputs: vec!["/data/a.csv".into()],
        input_hashes: vec![("a.csv".into(), "00".into())],
        model: Capabilities::default(),
        model_ref: "scripted:ok".into(),
        seed: 7,
    }
}

fn draft(index: usize) -> DraftId {
    DraftId { slot: 0, round: 0, index }
}

fn cost(prompt: u64) -> CallCost {
    CallCost { usage: Usage { prompt, ..Usage::default() }, ..CallCost::default() }
}

fn events() -> Vec<Event> {
    let drop =
        |index, cost| Event::DraftDropped { draft: draft(index), cause: "x\ny".into(), cost };
    vec![
        Event::Started(Box::new(started())),
        Event::Resumed,
        Event::Noted { note: "é 🙂 \u{2028}".into() },
        drop(0, cost(5)),
        Event::StageEnded { stage: "draft".into(), seconds: 1.5 },
        Event::Calibrated(JudgeReport::default()),
        drop(1, cost(6)),
        Event::Selected { personas: Vec::new(), dropped: vec![(draft(2), "worse".into())] },
        Event::Finished,
    ]
}

fn log_of(events: &[Event]) -> Vec<u8> {
    let lines = events.iter().map(|e| serde_json::to_string(e).expect("plain data") + "\n");
    lines.collect::<String>().into_bytes()
}

fn folded(events: &[Event]) -> RunState {
    let mut state = RunState::default();
    events.iter().cloned().for_each(|e| state.apply(e));
    state
}

#[test]
fn a_log_cut_at_any_byte_replays_to_what_was_whole() {
    let events = events();
    let log = log_of(&events);
    let mut ends = vec![0];
    ends.extend(log.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1));
    for cut in 0..=log.len() {
        let replay = replay(Path::new(LOG), &log[..cut]).expect("a cut log replays");
        // An event is whole when all of its JSON is there, with or without the line end.
        let whole = ends.iter().filter(|&&end| end <= cut + 1).count() - 1;
        let whole = if cut == 0 { 0 } else { whole };
        assert_eq!(replay.state, folded(&events[..whole]), "cut at {cut}");
    }
}

#[test]
fn a_torn_last_line_is_cut_off_and_the_run_goes_on() {
    let runs = tempfile::tempdir().expect("a folder");
    let dir = Run::create(runs.path(), started()).expect("a run").dir.clone();
    let mut log = OpenOptions::new().append(true).open(dir.join(LOG)).expect("the log");
    log.write_all(b"{\"event\":\"note").expect("a torn line");
    drop(log);

    let mut run = Run::open(&dir).expect("a torn run opens");
    run.record(Event::Finished).expect("it can be written");
    drop(run);
    let state = Run::read(&dir).expect("and read");
    assert!(state.finished && state.started.is_some());
}

#[test]
fn a_log_that_could_not_be_written_takes_no_more() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut run = Run::create(runs.path(), started()).expect("a run");
    let log = std::mem::replace(&mut run.log, File::open(run.dir.join(LOG)).expect("to read"));
    assert!(run.record(Event::Resumed).is_err(), "a file that is open for reading takes nothing");
    run.log = log;
    let error = run.record(Event::Resumed).expect_err("the log may end in a torn line");
    assert!(error.to_string().contains("an earlier entry could not be written"), "{error}");
    assert_eq!(Run::read(&run.dir).expect("it is whole").resumed, 0);
}

#[test]
fn what_a_dead_process_left_half_written_is_removed() {
    let runs = tempfile::tempdir().expect("a folder");
    let dir = Run::create(runs.path(), started()).expect("a run").dir.clone();
    let left = dir.join(format!("{UNFINISHED}x1y2z3"));
    fs::write(&left, b"[{").expect("a file");
    fs::write(dir.join("notes.txt"), b"mine").expect("a file");
    Run::open(&dir).expect("it opens");
    assert!(!left.exists() && dir.join("notes.txt").exists());
}

#[test]
fn a_run_that_cannot_begin_leaves_no_folder() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut unloggable = started();
    // A path that is no UTF-8 cannot be said in JSON.
    #[cfg(unix)]
    {
        let path: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(vec![b'/', 0xff]);
        unloggable.inputs.push(path.into());
    }
    assert_eq!(Run::create(runs.path(), unloggable).is_err(), cfg!(unix));
    assert_eq!(Run::list(runs.path()).expect("a list").len(), usize::from(!cfg!(unix)));
    if cfg!(unix) {
        assert_eq!(fs::read_dir(runs.path()).expect("a folder").count(), 0);
    }
}

#[test]
fn a_last_event_without_its_line_end_is_kept() {
    let runs = tempfile::tempdir().expect("a folder");
    let dir = Run::create(runs.path(), started()).expect("a run").dir.clone();
    let path = dir.join(LOG);
    let mut bytes = fs::read(&path).expect("the log");
    bytes.extend_from_slice(&log_of(&[Event::Resumed]));
    bytes.pop();
    fs::write(&path, bytes).expect("a log without its last line end");

    let mut run = Run::open(&dir).expect("it opens");
    assert_eq!(run.state.resumed, 1);
    run.record(Event::Resumed).expect("it can be written");
    assert_eq!(Run::read(&dir).expect("and read").resumed, 2);
}

#[test]
fn a_corrupt_line_in_the_middle_is_named() {
    let mut log = log_of(&events()[..1]);
    log.extend_from_slice(b"{\"event\":\"unheard_of\"}\n");
    log.extend_from_slice(&log_of(&events()[1..]));
    let Err(error) = replay(Path::new(LOG), &log) else { panic!("it must be refused") };
    assert!(error.to_string().starts_with("log.jsonl line 2 is not a run log entry"), "{error}");
}

#[test]
fn a_log_that_does_not_begin_with_started_is_refused() {
    assert!(replay(Path::new(LOG), &log_of(&[Event::Resumed])).is_err());
    let twice = [Event::Started(Box::new(started())), Event::Started(Box::new(started()))];
    assert!(replay(Path::new(LOG), &log_of(&twice)).is_err());
}

#[test]
fn two_processes_cannot_write_one_run() {
    let runs = tempfile::tempdir().expect("a folder");
    let run = Run::create(runs.path(), started()).expect("a run");
    assert!(matches!(Run::open(&run.dir), Err(StoreError::Busy(_))));
    let dir = run.dir.clone();
    drop(run);
    assert!(Run::open(&dir).is_ok());
}

#[test]
fn runs_of_one_second_get_different_folders_and_list_newest_first() {
    let runs = tempfile::tempdir().expect("a folder");
    let at = |seconds| UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let first = new_folder(runs.path(), at(1_795_000_000)).expect("a folder");
    let second = new_folder(runs.path(), at(1_795_000_000)).expect("a folder");
    let third = new_folder(runs.path(), at(1_795_000_001)).expect("a folder");
    for dir in [&first, &second, &third] {
        fs::write(dir.join(LOG), b"").expect("a log");
    }
    fs::create_dir(runs.path().join("stray")).expect("not a run");
    assert_eq!(Run::list(runs.path()).expect("a list"), [third, second, first]);
    assert!(Run::list(&runs.path().join("none")).expect("no folder, no runs").is_empty());
}

#[test]
fn stamps_are_utc_dates() {
    assert_eq!(utc_stamp(0), "19700101-000000");
    assert_eq!(utc_stamp(951_827_696), "20000229-123456");
    assert_eq!(utc_stamp(1_795_000_000), "20261118-110640");
    assert_eq!(utc_stamp(4_107_542_399), "21000228-235959");
    assert_eq!(utc_stamp(4_107_542_400), "21000301-000000");
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let runs = tempfile::tempdir().expect("a folder");
    let run = Run::create(runs.path(), started()).expect("a run");
    run.write("personas.json", b"old").expect("written");
    run.write("personas.json", b"new").expect("replaced");
    assert_eq!(fs::read(run.dir.join("personas.json")).expect("it is there"), b"new");
    let names = fs::read_dir(&run.dir).expect("a folder").count();
    assert_eq!(names, 3, "the log, the lock and the file");
}

#[test]
fn the_cost_of_a_draft_that_is_dropped_later_is_not_lost() {
    let mut state = folded(&events());
    assert_eq!(state.wasted.usage.prompt, 11);
    assert_eq!(state.dropped.len(), 2);
    state.apply(Event::Noted { note: "twice".into() });
    state.apply(Event::Noted { note: "twice".into() });
    assert_eq!(state.notes.iter().filter(|n| *n == "twice").count(), 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_or_a_state_but_never_a_panic(bytes: Vec<u8>) {
        let _ = replay(Path::new(LOG), &bytes);
    }
}
