//! Runs with a paid model: what is bought, what it costs, and what its answers may change.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::buy::{Order, Till, Unbought};
use super::tests::{Watch, block_on, check_promises, interviews, models, new_run, settings};
use super::*;
use crate::ledger::{MicroUsd, Price};
use crate::llm::{
    Answer, Answers, Billing, Capabilities, ChatRequest, Completion, Finish, LlmError, Message,
    Output, Sampling, ScoreRequest, Timings, Usage,
};
use crate::store::{DraftId, Event, Purpose, Refinement, RunState};

type Reply = Result<Completion, LlmError>;
/// Reply by the number of earlier requests, and the request.
type Script = dyn Fn(usize, &ChatRequest) -> Reply + Send + Sync;

/// A service that answers by a function of the request, and remembers what it was asked.
struct Service {
    capabilities: Capabilities,
    answer: Box<Script>,
    asked: Mutex<Vec<ChatRequest>>,
}

impl Service {
    fn new(answer: impl Fn(usize, &ChatRequest) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        let capabilities =
            Capabilities { id: "service".into(), context: 100_000, ..Capabilities::default() };
        Arc::new(Self { capabilities, answer: Box::new(answer), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("a lock").len()
    }
}

impl ChatModel for Service {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn upper_prompt_tokens(&self, _: &ChatRequest) -> u64 {
        1_000
    }

    fn outgoing(&self, request: &ChatRequest) -> Vec<u8> {
        request.own.iter().flat_map(|message| message.content.bytes()).collect()
    }

    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
        let (sender, answers) = Answers::channel();
        for (at, request) in stage.into_iter().enumerate() {
            let mut asked = self.asked.lock().expect("a lock");
            let answer = (self.answer)(asked.len(), &request);
            asked.push(request);
            let _ = sender.send(Answer::Done(at, answer));
        }
        answers
    }

    fn score(&self, _: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
        Answers::channel().1
    }
}

fn completion(text: &str) -> Completion {
    let usage = Usage { prompt: 400, completion: 50, ..Usage::default() };
    let (text, timings) = (text.to_owned(), Timings::default());
    Completion { text, finish: Finish::Complete, usage: Some(usage), timings, labels: None }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a script returns")]
fn said(text: &str) -> Reply {
    Ok(completion(text))
}

/// Terms of $1 per million tokens in and out, so that a token costs a micro-dollar.
fn paid(model: Arc<Service>, cap: Option<u64>) -> Paid {
    Paid {
        model,
        host: "service.example".into(),
        price: Price::parse("1/1", "openai", "service").expect("a price"),
        cap: cap.map(MicroUsd),
        parallel: 2,
        first_wait: Duration::from_millis(1),
        gate: None,
        local: false,
    }
}

fn refining(which: Refined) -> Settings {
    Settings { refine: Some(Refine { which, mode: RefineMode::Patch }), ..settings() }
}

/// A hybrid run whose frontier is `service`.
fn hybrid(service: Arc<Service>, cap: Option<u64>, which: Refined) -> (RunState, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let corpus = Cleared::as_is(interviews());
    let models = Models { frontier: Some(paid(service, cap)), ..models("nologits") };
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let settings = refining(which);
    block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).expect("it ends");
    assert_eq!(Run::read(&log.dir).expect("the log"), log.state);
    check_promises(&corpus, &log.state);
    let told = watch.spent.lock().expect("a lock").unwrap_or_default();
    assert_eq!(told, log.state.account.charged(), "what was told last is what was spent");
    (log.state.clone(), watch.notes.into_inner().expect("a lock"))
}

const NEW_TITLE: &str = r#"{"edits":[{"field":"title","text":"Plans around the timetable"}]}"#;

#[test]
fn accepted_edits_change_the_persona_and_cost_what_was_used() {
    let (state, _) = hybrid(Service::new(|_, _| said(NEW_TITLE)), None, Refined::All);
    let personas = state.selected.as_deref().expect("personas");
    assert!(personas.iter().all(|p| p.refined && p.title == "Plans around the timetable"));
    assert_eq!(state.account.charged(), MicroUsd(3 * 450));
    assert_eq!(state.refinements.len(), 3);
    let sent = &state.egress["service.example"];
    let cited: usize = personas.iter().map(|p| p.cited().len()).sum();
    assert!(sent.bodies.len() == 3 && !sent.records.is_empty() && sent.records.len() <= cited);
}

#[test]
fn a_service_that_claims_more_than_it_may_use_is_asked_nothing_more_and_that_is_told() {
    let service = Service::new(|_, _| {
        let usage = Usage { prompt: 400, completion: 1_000_000, ..Usage::default() };
        Ok(Completion { usage: Some(usage), ..completion(NEW_TITLE) })
    });
    let (state, notes) = hybrid(service.clone(), Some(50_000), Refined::All);
    assert!(service.asked() <= 2, "those in flight at once, and no other");
    assert!(state.account.charged() <= MicroUsd(50_000));
    assert!(state.account.overrun() > MicroUsd(900_000), "{:?}", state.account.overrun());
    assert!(notes.iter().any(|note| note.contains("no further call is made")), "{notes:?}");
    assert!(state.notes.iter().any(|note| note.contains("1000000 answer")), "{:?}", state.notes);
}

#[test]
fn what_failed_because_of_the_service_is_asked_for_again_by_a_resumed_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let corpus = Cleared::as_is(interviews());
    let settings = refining(Refined::All);
    let go = |log: &mut Run, service: Arc<Service>| {
        let models = Models { frontier: Some(paid(service, None)), ..models("nologits") };
        let (watch, cancel) = (Watch::default(), Cancel::default());
        block_on(run(&corpus, &models, &settings, log, &watch, &cancel)).expect("it ends");
        watch.notes.into_inner().expect("a lock")
    };
    let refused = Service::new(|_, _| Err(LlmError::Auth("401".to_owned())));
    let notes = go(&mut log, refused);
    assert!(notes.iter().any(|note| note.contains("--resume asks again")), "{notes:?}");
    log.record(Event::Resumed).expect("a log");
    let mended = Service::new(|_, _| said(NEW_TITLE));
    go(&mut log, mended.clone());
    assert_eq!(mended.asked(), 3);
    let personas = log.state.selected.as_deref().expect("personas");
    assert!(personas.iter().all(|persona| persona.refined));
}

#[test]
fn what_a_service_claimed_too_much_is_remembered_by_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let reserved = Event::Reserved {
        attempt: 0,
        purpose: Purpose::Refine("p-0".to_owned()),
        amount: MicroUsd(500),
        host: "service.example".to_owned(),
        records: Vec::new(),
        bytes: 1,
        sha256: String::new(),
        local: false,
    };
    log.record(reserved).expect("a log");
    let answer = completion(NEW_TITLE);
    log.record(Event::Answered { attempt: 0, cost: Some(MicroUsd(9_000)), answer }).expect("a log");
    let corpus = Cleared::as_is(interviews());
    let service = Service::new(|_, _| said(NEW_TITLE));
    let models = Models { frontier: Some(paid(service.clone(), None)), ..models("nologits") };
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let settings = refining(Refined::All);
    block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).expect("it ends");
    assert_eq!((service.asked(), log.state.account.overrun()), (0, MicroUsd(8_500)));
    let notes = watch.notes.into_inner().expect("a lock");
    assert!(notes.iter().any(|note| note.contains("beyond what was reserved")), "{notes:?}");
}

#[test]
fn what_must_not_leave_is_not_sent_and_costs_nothing() {
    let service = Service::new(|_, _| said(NEW_TITLE));
    let looked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked);
    // The first request is stopped, the others pass.
    let gate: Gate = Arc::new(move |body| {
        assert!(!body.is_empty(), "the gate sees what would be sent");
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => Err("the request holds personal data (PERSON 1)".to_owned()),
            _ => Ok(()),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let corpus = Cleared::as_is(interviews());
    let frontier = Paid { gate: Some(gate), ..paid(Arc::clone(&service), None) };
    let models = Models { frontier: Some(frontier), ..models("nologits") };
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let settings = refining(Refined::All);
    block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).expect("it ends");
    assert_eq!(looked.load(Ordering::Relaxed), 3);
    assert_eq!(log.state.egress["service.example"].bodies.len(), 2);
    assert_eq!(log.state.account.charged(), MicroUsd(2 * 450));
    let stopped = log.state.refinements.values().filter(|refinement| {
        matches!(refinement, Refinement::Skipped { cause } if cause.contains("not sent") && cause.contains("PERSON 1"))
    });
    assert_eq!(stopped.count(), 1);
    let personas = log.state.selected.as_deref().expect("personas");
    assert_eq!(personas.iter().filter(|persona| persona.refined).count(), 2);
}

#[test]
fn an_answer_that_is_no_use_leaves_the_draft_and_is_paid_for() {
    let not_json = completion("I would rather not.");
    let answers = [
        ("not the JSON", not_json),
        (
            "not a field that can be edited",
            completion(r#"{"edits":[{"field":"quotes.1","text":"x"}]}"#),
        ),
        ("declined", Completion { finish: Finish::Refused, ..completion("") }),
        ("token limit", Completion { finish: Finish::Length, ..completion(NEW_TITLE) }),
    ];
    for (cause, answer) in answers {
        let (state, _) = hybrid(Service::new(move |_, _| Ok(answer.clone())), None, Refined::All);
        for refinement in state.refinements.values() {
            assert!(
                matches!(refinement, Refinement::Kept { cause: why, .. } if why.contains(cause)),
                "{cause}: {refinement:?}"
            );
        }
        assert!(state.selected.iter().flatten().all(|p| !p.refined));
        assert_eq!(state.account.charged(), MicroUsd(3 * 450), "{cause}");
    }
}

#[test]
fn edits_that_the_judge_thinks_less_of_are_turned_down() {
    // Statements whose words are in no record of the persona lower the overlap. Each shares one
    // word with its records, so that it passes as supported.
    let answer = |_: usize, request: &ChatRequest| {
        let sent = &request.own[0].content;
        let line = sent.lines().find(|line| line.starts_with("goals.1")).expect("a goal");
        let word = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
        let text = format!("{word} quixotic zephyrs juggling flamingo marzipan overtures");
        said(&format!(r#"{{"edits":[{{"field":"goals.1","text":"{text}"}}]}}"#))
    };
    let (state, _) = hybrid(Service::new(answer), None, Refined::All);
    let kept = state.refinements.values().filter(
        |r| matches!(r, Refinement::Kept { after: Some(_), cause } if cause.contains("would fall")),
    );
    assert!(kept.count() >= 2, "{:?}", state.refinements);
}

#[test]
fn only_the_personas_that_were_asked_for_are_refined() {
    let service = Service::new(|_, _| said(NEW_TITLE));
    let (state, _) = hybrid(service.clone(), None, Refined::Below);
    // The gate is open: no persona is below it.
    assert_eq!((service.asked(), state.refinements.len()), (0, 0));
    let (state, _) = hybrid(service, None, Refined::Selected);
    assert_eq!(state.refinements.len(), 3);
}

#[test]
fn under_a_budget_the_lowest_scores_come_first_and_the_others_are_listed() {
    // A call costs 1,000 + 1,200 tokens at worst; two calls that used 450 leave no room for a
    // third.
    let (state, notes) = hybrid(Service::new(|_, _| said(NEW_TITLE)), Some(3_000), Refined::All);
    let skipped: Vec<&String> = state
        .refinements
        .iter()
        .filter(|(_, r)| matches!(r, Refinement::Skipped { cause } if cause.contains("--max-cost")))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(skipped.len(), 1);
    assert!(state.account.charged() <= MicroUsd(3_000));
    assert!(notes.iter().any(|note| note.contains("1 persona was not refined")), "{notes:?}");
    let score = |id: &String| {
        let drafted = state.drafts.values().map(|d| &d.persona);
        let selected = state.selected.iter().flatten().find(|p| p.id == **id).expect("it is there");
        let draft = drafted.into_iter().find(|p| p.name == selected.name).expect("its draft");
        let verdict = state.drafts.values().find(|d| d.persona == *draft);
        verdict.and_then(|d| d.verdict.as_ref()).map(|(v, _)| v.score).expect("a score")
    };
    let last = score(skipped[0]);
    let others = state.refinements.keys().filter(|id| *id != skipped[0]);
    assert!(others.map(score).all(|other| other <= last));
}

#[test]
fn a_cap_of_nothing_makes_no_call() {
    let service = Service::new(|_, _| said(NEW_TITLE));
    let (state, _) = hybrid(service.clone(), Some(0), Refined::All);
    assert_eq!(service.asked(), 0);
    assert_eq!((state.refinements.len(), state.account.charged()), (3, MicroUsd(0)));
}

#[test]
fn a_failure_that_may_pass_is_tried_again_within_its_bounds() {
    let busy = || LlmError::Busy { message: "full".into(), retry_after: None };
    let gone = || LlmError::Unavailable("reset".into());
    // Errors before the answer; attempts then made; attempts that stay charged; whether an answer
    // came.
    let cases: [(Vec<LlmError>, usize, u64, bool); 6] = [
        (vec![], 1, 0, true),
        (vec![busy(), busy()], 3, 0, true),
        (vec![LlmError::Adapted { message: "no seed".into(), billing: Billing::Free }], 2, 0, true),
        (vec![gone()], 2, 1, true),
        (vec![gone(), gone()], 2, 2, false),
        (vec![LlmError::Rejected("too odd".into())], 1, 0, false),
    ];
    for (before, attempts, charged, answered) in cases {
        let errors = Mutex::new(VecDeque::from(before.clone()));
        let service = Service::new(move |_, _| {
            errors.lock().expect("a lock").pop_front().map_or_else(|| said("yes"), Err)
        });
        let (state, results) = buy(&paid(service.clone(), None), 1);
        assert_eq!(service.asked(), attempts, "{before:?}");
        assert_eq!(results[0].is_ok(), answered, "{before:?}");
        assert_eq!(state.account.unsettled(), MicroUsd(charged * 1_100), "{before:?}");
    }
}

#[test]
fn while_answers_are_waited_for_the_processor_rests() {
    // The answers come from another thread; every poll in the meantime is counted.
    struct Slow {
        inner: Arc<Service>,
        polls: Arc<AtomicUsize>,
    }
    impl ChatModel for Slow {
        fn capabilities(&self) -> &Capabilities {
            self.inner.capabilities()
        }
        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }
        fn complete(&self, _: Vec<ChatRequest>) -> Answers<Completion> {
            let (sender, mut answers) = Answers::channel();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                let _ = sender.send(Answer::Done(0, said("yes")));
            });
            let polls = self.polls.clone();
            Answers::from_poll(move |context| {
                polls.fetch_add(1, Ordering::Relaxed);
                answers.poll_next(context)
            })
        }
        fn score(&self, _: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
            Answers::channel().1
        }
    }
    let polls = Arc::new(AtomicUsize::new(0));
    let inner = Service::new(|_, _| said("yes"));
    let slow = Slow { inner: inner.clone(), polls: polls.clone() };
    let terms = Paid { model: Arc::new(slow), ..paid(inner, None) };
    let (_, results) = buy(&terms, 6);
    assert!(results.iter().all(Result::is_ok));
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls < 100, "{polls} polls for six answers");
}

#[test]
fn a_storm_ends_and_a_bad_key_ends_at_once() {
    let storm =
        Service::new(|_, _| Err(LlmError::Busy { message: "full".into(), retry_after: None }));
    let (_, results) = buy(&paid(storm.clone(), None), 20);
    assert!(results.iter().all(Result::is_err) && storm.asked() < 40, "{}", storm.asked());
    let locked = Service::new(|_, _| Err(LlmError::Auth("bad key".into())));
    let (_, results) = buy(&paid(locked.clone(), None), 20);
    assert!(results.iter().all(Result::is_err) && locked.asked() <= 2, "{}", locked.asked());
    assert!(matches!(&results[19], Err(Unbought::Gone(cause)) if cause == "bad key"));
}

#[test]
fn a_service_that_asks_for_too_long_a_wait_is_given_up() {
    let service = Service::new(|_, _| {
        let retry_after = Some(Duration::from_hours(1));
        Err(LlmError::Busy { message: "tomorrow".into(), retry_after })
    });
    let (_, results) = buy(&paid(service.clone(), None), 1);
    assert_eq!((service.asked(), results[0].is_err()), (1, true));
}

#[test]
fn an_answer_in_the_log_is_never_bought_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let service = Service::new(|_, _| said("yes"));
    let terms = paid(service.clone(), None);
    for _ in 0..2 {
        let results = buy_in(&mut log, &terms, 3);
        assert!(results.iter().all(Result::is_ok));
    }
    assert_eq!(service.asked(), 3);
}

#[test]
fn a_reservation_is_on_disk_before_the_request_leaves_and_survives_a_death() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let dir = log.dir.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (there, look) = (seen.clone(), dir.clone());
    let service = Service::new(move |_, _| {
        let state = Run::read(&look).expect("the log");
        there.lock().expect("a lock").push(state.account.charged());
        said("yes")
    });
    buy_in(&mut log, &paid(service, Some(1_500)), 1);
    assert_eq!(*seen.lock().expect("a lock"), [MicroUsd(1_100)]);
    // The process dies between booking and answer: a booked call that nobody answered.
    log.record(Event::Reserved {
        attempt: log.state.account.next(),
        purpose: Purpose::Refine("p9".into()),
        amount: MicroUsd(1_000),
        host: "service.example".into(),
        records: Vec::new(),
        bytes: 0,
        sha256: String::new(),
        local: false,
    })
    .expect("recorded");
    drop(log);
    let mut log = Run::open(&dir).expect("resumed");
    let service = Service::new(|_, _| said("yes"));
    let results = buy_in(&mut log, &paid(service.clone(), Some(1_500)), 2);
    assert!(matches!(results[1], Err(Unbought::OverBudget { .. })), "{results:?}");
    assert_eq!((service.asked(), log.state.account.charged()), (0, MicroUsd(1_450)));
}

#[test]
fn plain_generation_by_a_service_that_gives_nothing_says_why() {
    let fails = |service: Arc<Service>, cap| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = new_run(folder.path());
        let corpus = Cleared::as_is(interviews());
        let (models, cancel) = (Models::paid(paid(service, cap)), Cancel::default());
        let settings = Settings { multiplier: 1.0, max_rounds: 0, ..settings() };
        let watch = Watch::default();
        block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).unwrap_err()
    };
    let locked = Service::new(|_, _| Err(LlmError::Auth("bad key".into())));
    assert!(matches!(fails(locked, None), PipelineError::Provider(why) if why.contains("bad key")));
    let never = Service::new(|_, _| said("{}"));
    assert!(matches!(fails(never, Some(10)), PipelineError::Budget(_)));
}

/// Buys `count` orders on a fresh log.
fn buy(terms: &Paid, count: usize) -> (RunState, Vec<Result<Completion, Unbought>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let results = buy_in(&mut log, terms, count);
    (log.state.clone(), results)
}

fn buy_in(log: &mut Run, terms: &Paid, count: usize) -> Vec<Result<Completion, Unbought>> {
    let order = |index| Order {
        purpose: Purpose::Draft(DraftId { slot: 0, round: 0, index }),
        request: ChatRequest {
            shared: Arc::from([]),
            own: vec![Message::user("say yes")],
            output: Output::Text,
            sampling: Sampling::default(),
            max_tokens: 100,
        },
        records: Vec::new(),
    };
    let orders: Vec<Order> = (0..count).map(order).collect();
    let mut results: Vec<Option<Result<Completion, Unbought>>> = vec![None; count];
    let (observer, cancel) = (Watch::default(), Cancel::default());
    let mut till = Till { paid: terms, run: log, observer: &observer, cancel: &cancel };
    let keep = |_: &mut Run, at: usize, result| {
        assert!(results[at].replace(result).is_none(), "{at} is kept once");
        Ok(())
    };
    block_on(till.buy(&orders, keep)).expect("it ends");
    results.into_iter().map(|result| result.expect("each is kept")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The whole `Till`, not only its account: errors of every kind, absurd and missing usage.
    #[test]
    fn the_counter_never_passes_its_cap(
        cap in 0_u64..20_000,
        replies in prop::collection::vec((0_u8..6, any::<u64>(), any::<u64>()), 1..40),
        count in 1_usize..12,
    ) {
        let service = Service::new(move |turn, _| {
            let (kind, prompt, written) = replies[turn % replies.len()];
            let usage = Some(Usage { prompt, completion: written, ..Usage::default() });
            match kind {
                0 => Ok(Completion { usage, ..completion("yes") }),
                1 => Ok(Completion { usage: None, ..completion("yes") }),
                2 => Err(LlmError::Unavailable("reset".into())),
                3 => Err(LlmError::Busy { message: "full".into(), retry_after: None }),
                4 => Err(LlmError::Protocol("nonsense".into())),
                _ => said("yes"),
            }
        });
        let mut terms = paid(service, Some(cap));
        terms.first_wait = Duration::from_micros(1);
        let (state, _) = buy(&terms, count);
        prop_assert!(state.account.charged() <= MicroUsd(cap));
    }
}
