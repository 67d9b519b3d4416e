//! Runs in which the local model reads all records before the first draft (`--digest`).

use std::collections::BTreeSet;
use std::time::Duration;

use super::tests::{
    Ended, Watch, block_on, check_promises, interviews, models, new_run, row, run_by, run_with,
    settings,
};
use super::*;
use crate::ledger::Price;
use crate::llm::scripted::ScriptedModel;
use crate::schema::{Persona, RecordId};
use crate::store::{CallCost, Card, Event, Purpose, StretchId};

/// Settings for one persona of one draft, which cannot see all 32 records.
fn reading() -> Settings {
    Settings { digest: true, count: 1, multiplier: 1.0, ..settings() }
}

/// The interviews, and a record longer than any context.
fn with_a_monologue() -> Corpus {
    let mut corpus = interviews();
    let mut long = String::new();
    for number in 0..900 {
        let number = number.to_string();
        long += &["At stop ", &number, " I count the people who give up waiting. "].concat();
    }
    corpus.records.push(row(32, "P9", &[("answer", long.trim().to_owned())]));
    corpus
}

/// Where in the records the quotes of a run's personas stand.
fn cited(ended: &Ended) -> BTreeSet<(RecordId, usize)> {
    let quotes = ended.personas().iter().flat_map(|persona| &persona.quotes);
    quotes.map(|quote| (quote.record.clone(), quote.start)).collect()
}

#[test]
fn every_record_is_read_before_the_first_draft() {
    let ended = run_with(interviews(), "ok", &reading());
    assert!(matches!(ended.outcome, Ok(Outcome::Complete)), "{:?}", ended.outcome);
    check_promises(&interviews(), &ended.state);
    let plan = ended.state.plan.as_ref().expect("a plan");
    let digest = plan.digest.expect("a digest");
    assert_eq!((digest.records, digest.failed), (32, 0));
    assert!(digest.stretches == 2 && digest.cards >= 10, "{digest:?}");
    assert!(ended.notes.iter().any(|note| note.contains("32 records read")));
    let chosen: Vec<_> = ended.state.digests.values().flat_map(|read| &read.cards).collect();
    // Few passages were chosen, so whole records join them to give the draft enough to be made of.
    for persona in ended.state.drafts.values().map(|draft| &draft.persona) {
        let shown: BTreeSet<_> = persona.provenance.shown.iter().collect();
        let has_card = |id: &RecordId| chosen.iter().any(|card| card.record == *id);
        assert!(shown.iter().any(|id| has_card(id)), "{shown:?}");
        assert!(shown.iter().any(|id| !has_card(id)), "{shown:?}");
    }
}

#[test]
fn what_stands_late_in_a_record_beyond_all_contexts_is_read_too() {
    let corpus = with_a_monologue();
    for script in ["ok,context=2560", "ok,large,context=4096"] {
        let plain = run_with(corpus.clone(), script, &Settings { digest: false, ..reading() });
        let plan = plain.state.plan.as_ref().expect("a plan");
        assert_eq!(plan.excerpted, [RecordId::new(1, 32)]);

        let ended = run_with(corpus.clone(), script, &reading());
        check_promises(&corpus, &ended.state);
        let plan = ended.state.plan.as_ref().expect("a plan");
        assert_eq!(plan.excerpted, [], "it is read whole");
        let cards: Vec<_> = ended.state.digests.values().flat_map(|read| &read.cards).collect();
        assert!(cards.len() > 24, "enough for drafts that are made of them alone");
        for persona in ended.state.drafts.values().map(|draft| &draft.persona) {
            let is_card = |start: usize, record: &RecordId| {
                cards.iter().any(|c| c.record == *record && (c.start..c.end).contains(&start))
            };
            assert!(persona.quotes.iter().all(|quote| is_card(quote.start, &quote.record)));
            let shown: BTreeSet<_> = persona.provenance.shown.iter().collect();
            assert_eq!(shown.len(), persona.provenance.shown.len(), "each record once");
        }
        let long = &corpus.records[32];
        let of_it = cards.iter().filter(|card| card.record == long.id).map(|card| card.start);
        let last = of_it.max().expect("cards");
        assert!(last > long.text.len() * 9 / 10, "{last} of {}", long.text.len());
        assert_ne!(cited(&ended), cited(&plain));
    }
}

#[test]
fn an_interrupt_in_any_stretch_and_a_resume_give_what_an_uninterrupted_run_gives() {
    let corpus = Cleared::as_is(interviews());
    let whole = run_with(interviews(), "ok", &reading());
    let stretches = whole.state.digests.len();
    for stop in 1..stretches + 3 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = new_run(folder.path());
        let cancel = Cancel::default();
        let stopping = Watch::stopping(&cancel, stop);
        let models = models("ok");
        let outcome = block_on(run(&corpus, &models, &reading(), &mut log, &stopping, &cancel));
        assert_eq!(outcome.expect("a run"), Outcome::Interrupted);
        assert_eq!(log.state.digests.len(), stop.min(stretches));
        let (watch, cancel) = (Watch::default(), Cancel::default());
        let ended = block_on(run(&corpus, &models, &reading(), &mut log, &watch, &cancel));
        assert!(ended.is_ok());
        assert_eq!(log.state.selected, whole.state.selected, "stopped after {stop}");
        assert_eq!(log.state.digests, whole.state.digests);
        assert_eq!(log.state.plan, whole.state.plan);
    }
}

#[test]
fn a_stretch_without_an_answer_is_counted_and_a_slot_without_any_keeps_its_records() {
    let corpus = with_a_monologue();
    let script = "ok,context=2560,garbage@1,truncate@3";
    let ended = run_with(corpus.clone(), script, &reading());
    assert!(matches!(ended.outcome, Ok(Outcome::Complete)), "{:?}", ended.outcome);
    let plan = ended.state.plan.as_ref().expect("a plan");
    let digest = plan.digest.expect("a digest");
    assert_eq!(digest.failed, 2);
    assert!(digest.stretches > 8 && digest.cards > 24, "{digest:?}");
    assert!(digest.records < 33, "what failed was not read: {digest:?}");
    let causes: Vec<_> = ended.state.digests.values().filter_map(|d| d.cause.as_deref()).collect();
    assert!(causes.iter().any(|cause| cause.contains("not the JSON")), "{causes:?}");
    assert!(causes.iter().any(|cause| cause.contains("token limit")), "{causes:?}");
    let told = |of: &Ended, words: &str| of.notes.iter().any(|note| note.contains(words));
    assert!(told(&ended, "2 gave nothing of use, the first because"), "{:?}", ended.notes);

    let all: Vec<String> = (1..=digest.stretches).map(|n| format!("garbage@{n}")).collect();
    let script = format!("ok,context=2560,{}", all.join(","));
    let ended = run_with(corpus.clone(), &script, &reading());
    assert_eq!(ended.personas().len(), 1, "{:?}", ended.outcome);
    check_promises(&corpus, &ended.state);
    let plan = ended.state.plan.as_ref().expect("a plan");
    assert_eq!(plan.digest.map(|digest| (digest.records, digest.cards)), Some((0, 0)));
    assert_eq!(plan.excerpted, [RecordId::new(1, 32)], "it is shown in part after all");
    assert!(told(&ended, "as they would without it"), "{:?}", ended.notes);
}

#[test]
fn cards_of_another_segment_or_of_no_record_are_not_taken() {
    let corpus = Cleared::as_is(interviews());
    let settings = Settings { count: 2, multiplier: 1.0, ..reading() };
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let cancel = Cancel::default();
    let whole = run_with(interviews(), "ok", &settings);
    let ids: Vec<StretchId> = whole.state.digests.keys().copied().collect();
    let slots: BTreeSet<usize> = ids.iter().map(|id| id.slot).collect();
    assert_eq!(slots.len(), 2, "both segments are read: {ids:?}");
    // A card for every record; three that do not mark a passage (past the end, in no record,
    // empty); and the same again for a stretch of no slot.
    let card = |index: usize, end| Card { record: RecordId::new(1, index), start: 0, end };
    let mut cards: Vec<Card> = (0..32).map(|index| card(index, 30)).collect();
    cards.extend([card(3, 1 << 40), card(99, 5), card(4, 0)]);
    let stray = StretchId { slot: 7, index: 3 };
    for stretch in ids.iter().copied().chain([stray]) {
        let (cards, cost) = (cards.clone(), CallCost::default());
        log.record(Event::Digested { stretch, cards, cause: None, cost }).expect("logged");
    }
    let (watch, models) = (Watch::default(), models("ok"));
    block_on(run(&corpus, &models, &settings, &mut log, &watch, &cancel)).expect("a run");
    check_promises(&corpus, &log.state);
    let plan = log.state.plan.as_ref().expect("a plan");
    assert_eq!(plan.digest.map(|digest| digest.cards), Some(32), "each in its own segment");
}

#[test]
fn another_context_that_parts_the_records_otherwise_is_refused() {
    let corpus = Cleared::as_is(with_a_monologue());
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let cancel = Cancel::default();
    let stopping = Watch::stopping(&cancel, 2);
    let narrow = models("ok,context=2300");
    let ended = block_on(run(&corpus, &narrow, &reading(), &mut log, &stopping, &cancel));
    assert_eq!(ended.expect("a run"), Outcome::Interrupted);
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let ended = block_on(run(&corpus, &models("ok"), &reading(), &mut log, &watch, &cancel));
    let Err(PipelineError::Data(cause)) = ended else { panic!("it must be refused: {ended:?}") };
    assert!(cause.contains("hint: give the --context"), "{cause}");
    let ended = block_on(run(&corpus, &narrow, &reading(), &mut log, &watch, &cancel));
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn a_script_that_takes_more_tokens_than_the_corpus_does_on_average_still_fits() {
    // Signs that take four times the tokens, after the part of the corpus that the average is
    // measured on.
    let mut corpus = with_a_monologue();
    let dense = "🙂🙂🙂 what a line 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂. ".repeat(2_000);
    corpus.records.push(row(33, "P9", &[("answer", dense.trim().to_owned())]));
    let model = ScriptedModel::parse("ok").expect("a script");
    let corpus = Cleared::as_is(corpus);
    let plan = Plan::new(&corpus, &model, &reading()).expect("a plan");
    let requests = plan.stretches().filter_map(|id| plan.digest_request(&corpus, id));
    let tokens = requests.map(|request| model.count_tokens(&request.own[0].content));
    let most = tokens.max().expect("a stretch");
    assert!((1_000..1_600).contains(&most), "{most}");
}

#[test]
fn a_model_that_dies_over_a_stretch_stops_the_run_and_a_resume_goes_on() {
    let corpus = Cleared::as_is(interviews());
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let ended = block_on(run(&corpus, &models("down@2"), &reading(), &mut log, &watch, &cancel));
    assert!(
        matches!(&ended, Err(PipelineError::Model(why)) if why.contains("stopped answering")),
        "{ended:?}"
    );
    assert_eq!(log.state.digests.len(), 1);
    let ended = block_on(run(&corpus, &models("ok"), &reading(), &mut log, &watch, &cancel));
    assert!(matches!(ended, Ok(Outcome::Complete)));
}

#[test]
fn where_there_is_nothing_to_read_first_it_is_said() {
    let shared = run_with(interviews(), "ok,large", &reading());
    assert!(shared.state.digests.is_empty());
    assert!(
        shared.notes.iter().any(|note| note.contains("see every record")),
        "{:?}",
        shared.notes
    );
}

/// The model as a service that either stands in for the engine or is paid to write.
fn served(script: &str, stands_in: bool) -> Models {
    let model = Arc::new(ScriptedModel::parse(script).expect("a script"));
    let terms = Paid {
        model,
        host: "server.example".into(),
        price: Price::parse("1/1", "openai", "service").expect("a price"),
        cap: None,
        parallel: 2,
        first_wait: Duration::from_millis(1),
        gate: None,
        local: false,
    };
    if stands_in { Models::served(terms.clone(), terms, None) } else { Models::paid(terms) }
}

#[test]
fn a_server_that_goes_away_leaves_its_stretches_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = new_run(folder.path());
    let corpus = Cleared::as_is(with_a_monologue());
    let (watch, cancel) = (Watch::default(), Cancel::default());
    let settings = reading();
    let going = served("ok,context=2560,down@3", true);
    let ended = block_on(run(&corpus, &going, &settings, &mut log, &watch, &cancel));
    assert!(
        matches!(&ended, Err(PipelineError::Model(why)) if why.contains("stopped answering")),
        "{ended:?}"
    );
    assert_eq!(log.state.digests.len(), 2, "{:?}", log.state.digests);
    let back = served("ok,context=2560", true);
    block_on(run(&corpus, &back, &settings, &mut log, &watch, &cancel)).expect("a run");
    let digest = log.state.plan.as_ref().and_then(|plan| plan.digest).expect("a digest");
    assert_eq!(digest.failed, 0);
    let whole = run_by(&back, with_a_monologue(), &settings);
    assert_eq!(log.state.selected, whole.state.selected);
}

#[test]
fn a_server_that_stands_in_reads_through_the_log_and_one_that_is_paid_to_write_does_not() {
    let ended = run_by(&served("ok", true), interviews(), &reading());
    assert!(matches!(ended.outcome, Ok(Outcome::Complete)), "{:?}", ended.outcome);
    let read = |id: &StretchId| ended.state.purchases.contains_key(&Purpose::Digest(*id));
    assert!(ended.state.digests.len() > 1 && ended.state.digests.keys().all(read));
    let here = run_with(interviews(), "ok", &reading());
    assert_eq!(ended.state.digests.len(), here.state.digests.len());
    let sent = &ended.state.egress["server.example"].records;
    assert_eq!(sent.len(), 32, "what was read there is named");

    let ended = run_by(&served("ok,nologits", false), interviews(), &reading());
    assert!(ended.state.digests.is_empty());
    assert!(ended.notes.iter().any(|note| note.contains("--digest is left out")));
}

#[test]
fn the_log_says_what_was_chosen() {
    let ended = run_with(interviews(), "ok", &reading());
    let (stretch, digested) = ended.state.digests.iter().next().expect("a stretch");
    let event = Event::Digested {
        stretch: *stretch,
        cards: digested.cards.clone(),
        cause: None,
        cost: digested.cost,
    };
    let line = serde_json::to_string(&event).expect("json");
    assert!(line.starts_with(r#"{"event":"digested","stretch":{"slot":0,"index":0}"#), "{line}");
    assert_eq!(serde_json::from_str::<Event>(&line).expect("an event"), event);
    assert!(ended.personas().iter().all(|persona: &Persona| !persona.quotes.is_empty()));
}
