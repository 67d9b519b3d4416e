//! Runs on data in which people were only asked closed questions.

use std::collections::{BTreeMap, BTreeSet};

use super::tests::{check_promises, row, run_with, settings};
use super::*;
use crate::llm::scripted::ScriptedModel;
use crate::store::DraftId;

/// Sixty people who only ticked boxes: three kinds of traveller, independent of their age.
fn ticked() -> Corpus {
    const QUESTIONS: [&str; 6] = [
        "Do you own a car?",
        "Do you take the night train?",
        "How do you pay for a ticket?",
        "Do you ever travel without a ticket?",
        "How much do you care about delays?",
        "Where do you look up a connection?",
    ];
    const KINDS: [[&str; 6]; 3] = [
        ["Yes", "No", "At the machine", "No", "A lot", "On the wall"],
        ["No", "Yes", "By phone", "Yes", "Some", "By phone"],
        ["Shared", "Rarely", "By season ticket", "Once", "Not at all", "I know it by heart"],
    ];
    let mut corpus = Corpus::default();
    for person in 0..60 {
        let mut answers = KINDS[person % 3];
        // Nobody answers only as their kind does.
        let odd = person / 3 % 6;
        answers[odd] = KINDS[(person + 1) % 3][odd];
        let who = format!("P{person}");
        // A cell that differs from person to person is still not a sentence.
        let town = format!("North Harbour {person}");
        let mut cells = vec![
            ("who", who.clone()),
            ("Age", ["18-29", "30-44"][person % 2].into()),
            ("Town", town),
        ];
        cells.extend(QUESTIONS.into_iter().zip(answers.map(str::to_owned)));
        corpus.records.push(row(person, &who, &cells));
    }
    corpus
}

#[test]
fn closed_questions_give_personas_of_what_most_of_a_segment_answered() {
    let corpus = ticked();
    let ended = run_with(corpus.clone(), "ok", &settings());
    assert_eq!(ended.personas().len(), 3, "{:?} {:?}", ended.state.dropped, ended.notes);
    check_promises(&corpus, &ended.state);
    assert!(ended.notes.iter().any(|n| n.contains("closed questions")), "{:?}", ended.notes);
    let mut kinds = BTreeSet::new();
    for persona in ended.personas() {
        let said: BTreeSet<&str> = persona.statements().map(|s| s.text.as_str()).collect();
        assert!(said.len() >= 4, "{said:?}");
        assert!(said.iter().all(|text| text.contains("?: ")), "questions with answers: {said:?}");
        assert!(persona.summary.contains(" answered “"), "{}", persona.summary);
        let of =
            |kind: &str| said.contains(format!("How do you pay for a ticket?: {kind}").as_str());
        kinds.extend(
            ["At the machine", "By phone", "By season ticket"].into_iter().filter(|k| of(k)),
        );
        assert!(persona.demographics.keys().eq(["Age"]), "{:?}", persona.demographics);
    }
    assert_eq!(kinds.len(), 3, "each persona is another kind of traveller");
}

#[test]
fn a_comment_by_a_few_makes_no_segment_and_its_writers_do_not_speak_for_all() {
    let mut corpus = ticked();
    for person in (0..60).step_by(9) {
        let text = corpus.records[person].text.clone();
        let mut cells: Vec<(String, String)> = corpus.records[person]
            .columns
            .iter()
            .map(|column| (column.name.to_string(), text[column.start..column.end].to_owned()))
            .collect();
        let said = format!("I walked number {person} home because the tram had stopped early.");
        cells.push(("Is there anything else?".to_owned(), said));
        let cells: Vec<_> =
            cells.iter().map(|(name, cell)| (name.as_str(), cell.clone())).collect();
        corpus.records[person] = row(person, &format!("P{person}"), &cells);
        let last = corpus.records[person].columns.last_mut().expect("a column");
        last.is_said = true;
    }
    let all: Vec<usize> = (0..corpus.records.len()).collect();
    for group in &super::segments::part(&corpus, &all, 3, 1, super::segments::By::Words).groups {
        let kinds: BTreeSet<usize> = group.records.iter().map(|record| record % 3).collect();
        assert_eq!(kinds.len(), 1, "{:?}", group.terms);
    }
    let ended = run_with(corpus, "ok", &settings());
    assert_eq!(ended.personas().len(), 3, "{:?} {:?}", ended.state.dropped, ended.notes);
    for persona in ended.personas() {
        let counted = persona.statements().filter(|statement| statement.held.is_some()).count();
        assert!(counted >= 3, "{persona:?}");
    }
}

#[test]
fn further_drafts_of_a_ticked_segment_leave_out_what_tells_least() {
    let corpus = Cleared::as_is(ticked());
    let model = ScriptedModel::parse("ok").expect("a script");
    let plan = Plan::new(&corpus, &model, &settings()).expect("a plan");
    let answers = |index| {
        let id = DraftId { slot: 0, round: 0, index };
        plan.brief(&corpus, id, &BTreeMap::new()).answers
    };
    let (first, second, last) = (answers(0), answers(1), answers(9));
    assert_eq!((first.len(), second.len(), last.len()), (6, 4, 3));
    assert!(first.starts_with(&second) && second.starts_with(&last), "the most telling stay");
}

#[test]
fn a_model_that_writes_is_told_what_is_typical() {
    let corpus = Cleared::as_is(ticked());
    let model = ScriptedModel::parse("ok,large").expect("a script");
    let plan = Plan::new(&corpus, &model, &settings()).expect("a plan");
    let id = DraftId { slot: 0, round: 0, index: 0 };
    let brief = plan.brief(&corpus, id, &BTreeMap::new());
    let request = crate::prompts::draft::request(&corpus, &brief, &plan.frame);
    let own = &request.own[0].content;
    let told = |line: &str| {
        line.starts_with("How do you pay for a ticket?: ") && line.ends_with(" of 20; 33 % of all)")
    };
    assert!(own.lines().any(told), "{own}");
}

#[test]
fn people_who_ticked_boxes_are_told_apart_from_any_seed() {
    let corpus = ticked();
    let all: Vec<usize> = (0..corpus.records.len()).collect();
    for seed in 0..8 {
        for group in
            &super::segments::part(&corpus, &all, 3, seed, super::segments::By::Words).groups
        {
            let kinds: BTreeSet<usize> = group.records.iter().map(|record| record % 3).collect();
            assert_eq!(kinds.len(), 1, "seed {seed}: {:?}", group.terms);
        }
    }
}

#[test]
fn of_several_ticked_answers_each_is_counted_and_no_list_is_a_statement() {
    let mut corpus = ticked();
    for person in 0..60 {
        let ways = match person % 3 {
            0 => ["Bus; Tram; Car", "Bus; Car", "Car"][person / 3 % 3],
            1 => ["Tram; Train; Bus; On foot", "Train", "Bus; Train"][person / 3 % 3],
            _ => ["On foot", "Bicycle; On foot", "Bicycle; Tram; On foot; Bus"][person / 3 % 3],
        };
        let text = &corpus.records[person].text;
        let cells: Vec<(String, String)> = corpus.records[person]
            .columns
            .iter()
            .map(|column| (column.name.to_string(), text[column.start..column.end].to_owned()))
            .chain([("Which ways do you use?".to_owned(), ways.to_owned())])
            .collect();
        let cells: Vec<_> =
            cells.iter().map(|(name, cell)| (name.as_str(), cell.clone())).collect();
        corpus.records[person] = row(person, &format!("P{person}"), &cells);
    }
    let ended = run_with(corpus.clone(), "ok", &settings());
    check_promises(&corpus, &ended.state);
    let mut counted = 0;
    for persona in ended.personas() {
        for statement in persona.statements() {
            let held = statement.held.expect("all that they say is counted");
            let Some(way) = statement.text.strip_prefix("Which ways do you use?: ") else {
                continue;
            };
            assert!(!way.contains(';'), "{}", statement.text);
            assert!(held.given * 5 >= held.answered * 2, "{}", statement.counted());
            for id in &statement.records {
                let record = corpus.get(id).expect("a record");
                assert!(record.text.contains(way), "{id} does not say {way}");
            }
            counted += 1;
        }
    }
    assert!(counted > 0, "the ways set the kinds apart");
}
