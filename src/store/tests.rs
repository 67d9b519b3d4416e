//! The run folder under interruption: cut logs, torn lines, locks.

use proptest::prelude::*;

use super::*;
use crate::ledger::MicroUsd;
use crate::llm::{Capabilities, Completion, Finish, Timings, Usage};
use crate::schema::{Persona, RecordId};

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
    let readable = File::open(run.dir.join(LOG)).expect("to read");
    let log = std::mem::replace(&mut run.log.as_mut().expect("a log").file, readable);
    assert!(run.record(Event::Resumed).is_err(), "a file that is open for reading takes nothing");
    run.log.as_mut().expect("a log").file = log;
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
    // A path that is not UTF-8 cannot be written in JSON.
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
fn what_is_not_kept_takes_no_booking_of_money() {
    let mut run = Run::unkept();
    let reserved = |attempt, amount| Event::Reserved {
        attempt,
        purpose: Purpose::Judge("a question".to_owned()),
        amount: MicroUsd(amount),
        host: "127.0.0.1:8080".to_owned(),
        records: Vec::new(),
        bytes: 10,
        sha256: String::new(),
        local: true,
    };
    run.record(reserved(1, 0)).expect("nothing is spent");
    assert_eq!(run.state.egress["127.0.0.1:8080"].bodies.len(), 1);
    let error = run.record(reserved(2, 1)).expect_err("a booking must outlive the process");
    assert!(error.to_string().contains("money"), "{error}");
    assert_eq!(run.state.account.attempts(), 1);
    assert!(run.write("personas.json", b"[]").is_err(), "there is no folder");
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

#[test]
fn calls_add_up_in_tokens_and_in_seconds() {
    let call = |n: u64| CallCost {
        usage: Usage {
            prompt: n,
            cached_prompt: 2 * n,
            cache_written: 3 * n,
            completion: 4 * n,
            reasoning: 5 * n,
        },
        timings: Timings { queue_s: n as f64, prefill_s: 2.0 * n as f64, decode_s: 4.0 * n as f64 },
    };
    let mut sum = call(1);
    sum.add(&call(10));
    assert_eq!(sum, call(11));
    sum.add(&cost(u64::MAX));
    assert_eq!(sum.usage.prompt, u64::MAX, "a service may say any number");

    let ended = |seconds| Event::StageEnded { stage: "draft".into(), seconds };
    let state = folded(&[ended(1.5), Event::Resumed, ended(2.0), Event::Resumed]);
    assert_eq!((state.seconds["draft"], state.resumed), (3.5, 2));
}

/// An event that books attempt `attempt` for `purpose`, at 100 micro-dollars.
fn reserved(attempt: u64, purpose: &Purpose) -> Event {
    Event::Reserved {
        attempt,
        purpose: purpose.clone(),
        amount: MicroUsd(100),
        host: "example.org".into(),
        records: vec![RecordId::new(1, attempt as usize)],
        bytes: 10,
        sha256: String::new(),
        local: false,
    }
}

#[test]
fn an_answer_belongs_to_what_its_attempt_was_to_buy() {
    let [first, second] = ["p1", "p2"].map(|id| Purpose::Refine(id.into()));
    let unanswered = |attempt, may_be_billed| Event::Unanswered {
        attempt,
        may_be_billed,
        cause: "timed out".into(),
    };
    let answer = Completion {
        text: "{}".into(),
        finish: Finish::Complete,
        usage: None,
        timings: Timings::default(),
        labels: None,
    };
    let answered = Event::Answered { attempt: 3, cost: Some(MicroUsd(30)), answer: answer.clone() };
    let state = folded(&[
        reserved(0, &first),
        reserved(1, &second),
        unanswered(0, true),
        unanswered(1, false),
        reserved(2, &first),
        reserved(3, &second),
        answered,
    ]);
    assert_eq!(state.purchases[&first], Purchase { attempts: vec![0, 2], answer: None });
    assert_eq!(state.purchases[&second].attempts, [1, 3]);
    assert_eq!(state.purchases[&second].answer, Some((answer, MicroUsd(30))));
    // Attempt 0 may have been billed and 2 has not ended; 1 cost nothing.
    assert_eq!(state.account.charged(), MicroUsd(100 + 100 + 30));
    assert_eq!(state.account.unsettled(), MicroUsd(200));
    let left = &state.egress["example.org"];
    assert_eq!((left.bodies.len(), left.records.len()), (4, 4));
}

#[test]
fn accepted_edits_change_the_persona_they_are_about() {
    let persona = |id: &str, title: &str| Persona {
        id: id.into(),
        title: title.into(),
        ..crate::schema::testing::empty()
    };
    let accepted = |id: &str, title: &str| Event::Refined {
        persona: id.into(),
        refinement: Refinement::Accepted {
            persona: Box::new(persona(id, title)),
            fields: vec!["title".into()],
            before: 0.5,
            after: 0.6,
        },
    };
    let kept = Refinement::Kept { cause: "no better".into(), after: Some(0.4) };
    let state = folded(&[
        Event::Selected { personas: vec![persona("p1", "a"), persona("p2", "b")], dropped: vec![] },
        Event::Refined { persona: "p1".into(), refinement: kept },
        accepted("p2", "better"),
    ]);
    let titles = |state: &RunState| -> Vec<String> {
        state.selected.iter().flatten().map(|p| p.title.clone()).collect()
    };
    assert_eq!(titles(&state), ["a", "better"]);
    assert_eq!(state.refinements.len(), 2);
}

#[test]
fn a_run_says_its_events_again_but_for_a_torn_last_one() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut run = Run::create(runs.path(), started()).expect("a run");
    for event in &events()[1..] {
        run.record(event.clone()).expect("logged");
    }
    assert_eq!(Run::events(&run.dir).expect("readable"), events());
    let mut log = OpenOptions::new().append(true).open(run.dir.join(LOG)).expect("the log");
    log.write_all(b"{\"event\":\"note").expect("a torn line");
    assert_eq!(Run::events(&run.dir).expect("readable"), events());
}

#[test]
fn what_is_scrubbed_stands_neither_in_the_log_nor_in_the_state() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut run = Run::create(runs.path(), started()).expect("a run");
    run.scrub = Some(Scrub(Arc::new(|event| {
        let is_note = event["note"].is_string();
        if is_note {
            event["note"] = "[removed]".into();
        }
        is_note
    })));
    run.record(Event::Noted { note: "Ada".into() }).expect("logged");
    run.record(Event::Resumed).expect("logged");
    assert_eq!((run.state.notes.clone(), run.state.resumed), (vec!["[removed]".to_owned()], 1));
    assert_eq!(Run::read(&run.dir).expect("readable"), run.state);
}

#[test]
fn a_folder_is_a_run_where_it_has_a_log() {
    let runs = tempfile::tempdir().expect("a folder");
    let run = Run::create(runs.path(), started()).expect("a run");
    let is_run = |dir: &Path| Run::is_at(dir).expect("it can be looked at");
    assert!(is_run(&run.dir));
    assert!(!is_run(runs.path()) && !is_run(&runs.path().join("none")));
    assert!(!is_run(&run.dir.join(LOG)), "a file is no run");
    assert!(!is_run(Path::new("a\0b")) && !is_run(Path::new(&"x".repeat(300))));
    fs::create_dir_all(runs.path().join("odd").join(LOG)).expect("a folder");
    assert!(!is_run(&runs.path().join("odd")), "a folder is no log");
}

#[test]
fn only_a_missing_folder_holds_no_runs() {
    let runs = tempfile::tempdir().expect("a folder");
    let file = runs.path().join("file");
    fs::write(&file, b"").expect("a file");
    assert!(matches!(Run::list(&file), Err(StoreError::Io { what: "list", .. })));
}

/// Makes an absolute path of folders so long that no further folder fits below it.
#[cfg(target_os = "linux")]
fn deepest(under: &Path) -> PathBuf {
    let most = libc::PATH_MAX as usize - 5;
    let mut path = under.to_path_buf();
    while path.as_os_str().len() + 2 < most {
        let name = (most - path.as_os_str().len() - 1).min(200);
        path.push("d".repeat(name));
    }
    path
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_file_is_an_error_that_names_what_was_asked_for() {
    let runs = tempfile::tempdir().expect("a folder");
    let deep = deepest(runs.path());
    let error = new_folder(&deep, UNIX_EPOCH).expect_err("its name is too long");
    assert!(error.to_string().contains("19700101-000000-1: File name too long"), "{error}");
    let error = write_atomically(&deep.join("personas.json"), b"[]").expect_err("likewise");
    let error = error.to_string();
    assert!(error.ends_with("personas.json: File name too long (os error 36)"), "{error}");
}

#[test]
fn a_file_is_written_below_folders_that_are_not_there_yet() {
    let runs = tempfile::tempdir().expect("a folder");
    let path = runs.path().join("a").join("b").join("file");
    write_atomically(&path, b"new").expect("written");
    assert_eq!(fs::read(path).expect("it is there"), b"new");
}

#[test]
fn what_the_system_refuses_comes_with_what_to_do_about_it() {
    let told = |kind: io::ErrorKind| {
        StoreError::io("write", Path::new("f"), io::Error::from(kind)).to_string()
    };
    for (kind, hint) in [
        (io::ErrorKind::StorageFull, "\nhint: free some space there"),
        (io::ErrorKind::QuotaExceeded, "\nhint: free some space there"),
        (io::ErrorKind::FileTooLarge, "\nhint: raise the limit on the size of files (ulimit -f)"),
        (io::ErrorKind::PermissionDenied, "\nhint: make that folder one that you may write to"),
        (io::ErrorKind::ReadOnlyFilesystem, "\nhint: make that folder one that you may write to"),
    ] {
        let told = told(kind);
        assert!(told.starts_with("cannot write f: ") && told.ends_with(hint), "{told}");
    }
    assert!(!told(io::ErrorKind::NotFound).contains("hint"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_or_a_state_but_never_a_panic(bytes: Vec<u8>) {
        let _ = replay(Path::new(LOG), &bytes);
    }
}

#[test]
fn a_run_whose_folder_is_gone_or_anothers_takes_no_entry_and_no_file() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("run");
    let begun = || {
        std::fs::create_dir(&dir).unwrap();
        Run::begin(&dir, started()).unwrap()
    };
    let mut run = begun();
    std::fs::rename(&dir, base.path().join("moved")).unwrap();
    let cause = run.record(Event::Resumed).unwrap_err().to_string();
    assert!(cause.contains("the run folder is gone"), "{cause}");
    assert!(run.write("personas.json", b"[]").is_err() && !dir.exists());
    let other = begun();
    let cause = run.write("personas.json", b"[]").unwrap_err().to_string();
    assert!(cause.contains("another run"), "{cause}");
    other.write("personas.json", b"[]").unwrap();
}

#[test]
fn a_number_that_json_cannot_hold_is_not_logged() {
    let base = tempfile::tempdir().unwrap();
    let mut run = Run::create(base.path(), started()).unwrap();
    let infinite = Event::StageEnded { stage: "judge".into(), seconds: f64::INFINITY };
    assert!(run.record(infinite).is_err());
    run.record(Event::Resumed).unwrap();
    assert_eq!(Run::events(&run.dir).unwrap().len(), 2);
}
