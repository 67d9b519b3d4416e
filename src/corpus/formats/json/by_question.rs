//! Answers under their questions, by person: `{"What is hard?": {"P1": "…", "P2": "…"}}`.
//!
//! Owns telling such objects from others, and makes an item of each person, as if the answers stood
//! under the people. Whether a key is a person is decided in `keyed`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::keyed::{WHO, is_name, is_person_id};
use crate::corpus::names::{is_question, normalise};
use crate::corpus::talk::moderator::ends_in_question;

/// Fewest people who answer.
const LEAST: usize = 2;

/// Name of the field of an answer that has its question beside it.
const ANSWER: &str = "answer";

/// Whether the fields of an object are mostly questions.
pub(super) fn are_questions(fields: &Map<String, Value>) -> bool {
    fields.keys().filter(|key| ends_in_question(key)).count() * 2 > fields.len()
}

/// An item for each person who answers in an object of questions; `None` where the object holds
/// anything else.
pub(super) fn people(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    let mut people: Vec<Map<String, Value>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut questions: HashSet<String> = HashSet::new();
    for (key, answers) in fields {
        let (question, answers) = match answers_of(answers, ends_in_question(key)) {
            Some(answers) => (key, answers),
            None => worded(answers)?,
        };
        // `Why?` may be asked more than once.
        let is_new = questions.insert(question.clone());
        let question = if is_new { question.clone() } else { format!("{question} ({key})") };
        for (who, answer) in answers {
            let at = *places.entry(who).or_insert_with(|| {
                people.push(Map::from_iter([(WHO.to_owned(), Value::String(who.clone()))]));
                people.len() - 1
            });
            people[at].insert(question.clone(), answer.clone());
        }
    }
    let are_asked = fields.len() >= LEAST || are_questions(fields);
    (people.len() >= LEAST && are_asked).then(|| people.into_iter().map(Value::Object).collect())
}

/// Parts the items of lists that hold a question and the answers to it by person: each answer becomes an
/// item of its own.
pub(super) fn part_lists(document: &mut Value) {
    match document {
        Value::Array(items) => {
            items.iter_mut().for_each(part_lists);
            if let Some(parted) = items.iter().map(parts).collect::<Option<Vec<_>>>() {
                *items = parted.concat();
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(part_lists),
        _ => {}
    }
}

fn parts(item: &Value) -> Option<Vec<Value>> {
    let item = item.as_object().filter(|item| item.keys().any(|key| is_question(key)))?;
    let (key, answers) =
        item.iter().find_map(|(key, value)| Some((key, answers_of(value, true)?)))?;
    let around = item.iter().filter(|(other, _)| *other != key);
    let around = around.map(|(name, value)| (name.clone(), value.clone()));
    let part = |(who, answer): (&String, &Value)| {
        let who = (WHO.to_owned(), Value::String(who.clone()));
        let answer = (ANSWER.to_owned(), answer.clone());
        Value::Object([who].into_iter().chain(around.clone()).chain([answer]).collect())
    };
    Some(answers.into_iter().map(part).collect())
}

/// The wording of a question and its answers by person, if that is what a value holds:
/// `{"text": "What is hard?", "answers": {"P1": "…"}}`.
fn worded(value: &Value) -> Option<(&String, Vec<(&String, &Value)>)> {
    const WORDING: [&str; 5] = ["text", "title", "label", "wording", "description"];
    let fields = value.as_object()?;
    let is_wording = |key: &str| is_question(key) || WORDING.contains(&normalise(key).as_str());
    let wording = fields.iter().find_map(|(key, value)| match value {
        Value::String(text) if is_wording(key) && !text.trim().is_empty() => Some(text),
        _ => None,
    })?;
    let answers = fields.values().find_map(|value| answers_of(value, true))?;
    Some((wording, answers))
}

/// The answers by person, if that is what a value holds: texts under the numbers of people or, where the
/// name of the value asks, under their names.
fn answers_of(value: &Value, asks: bool) -> Option<Vec<(&String, &Value)>> {
    let answers = value.as_object().filter(|answers| !answers.is_empty())?;
    let is_text = |value: &Value| value.is_string() || value.is_null();
    let is_answer = |value: &Value| {
        is_text(value) || value.as_array().is_some_and(|list| list.iter().all(is_text))
    };
    let are_people = answers.keys().all(|key| is_person_id(key))
        || asks && answers.keys().all(|key| is_name(key));
    (are_people && answers.values().all(is_answer)).then(|| answers.iter().collect())
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said, texts};

    #[test]
    fn answers_under_questions_are_parted_by_person() {
        let rows = load_json(
            r#"{"What is hard?": {"P1": "Mondays, with three handovers.", "P2": "The rota when two are off."},
                "What would help?": {"P1": "One login for all of it.", "P2": null}}"#,
        );
        assert_eq!(
            said(&rows),
            [
                (
                    Some("P1"),
                    "participant: P1\nWhat is hard?: Mondays, with three handovers.\nWhat would help?: One login for all of it."
                ),
                (Some("P2"), "participant: P2\nWhat is hard?: The rota when two are off."),
            ]
        );
        let rows = load_json(
            r#"{"questions": {"q1": {"text": "What is hard?", "answers": {"P1": "Mondays.", "P2": "The rota."}},
                "q2": {"text": "Which days?", "type": "multi", "answers": {"P1": ["Mon", "Tue"], "P2": ["Sun"]}}}}"#,
        );
        assert_eq!(
            said(&rows)[0],
            (Some("P1"), "participant: P1\nWhat is hard?: Mondays.\nWhich days?: Mon; Tue")
        );
        let rows = load_json(
            r#"{"study": "Wards", "answers": {"What is hard?": {"Ana": "Mondays.", "Bo": "The rota."}}}"#,
        );
        assert_eq!(
            said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(),
            [Some("Ana"), Some("Bo")]
        );
    }

    #[test]
    fn answers_beside_their_question_are_rows_of_their_own() {
        let rows = load_json(
            r#"[{"question": "What is hard?", "answers": {"P1": "Mondays.", "P2": "The rota."}},
                {"question": "What would help?", "answers": {"P1": "One login."}}]"#,
        );
        assert_eq!(
            texts(&rows),
            [
                "participant: P1\nquestion: What is hard?\nanswer: Mondays.",
                "participant: P2\nquestion: What is hard?\nanswer: The rota.",
                "participant: P1\nquestion: What would help?\nanswer: One login.",
            ]
        );
    }

    #[test]
    fn two_questions_of_one_wording_keep_both_answers() {
        let rows = load_json(
            r#"{"q1": {"text": "Why?", "answers": {"P1": "The queue.", "P2": "The price."}},
                "q2": {"text": "Why?", "answers": {"P1": "My back.", "P2": "The rain."}}}"#,
        );
        assert_eq!(texts(&rows)[0], "participant: P1\nWhy?: The queue.\nWhy? (q2): My back.");
        let rows = load_json(
            r#"[{"about": {"wave": 1}, "question": "Why?", "answers": {"P1": "The queue.", "P2": "The rain."}},
                {"about": {"wave": 1}, "question": "When?", "answers": {"P1": "At noon."}}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("P1"), Some("P2"), Some("P1")]);
    }

    #[test]
    fn questions_under_a_name_make_it_a_persons() {
        let rows = load_json(
            r#"{"Anouk": {"Que faites-vous ?": "Une soupe."}, "Bertrand": {"Que faites-vous ?": "Poubelle."}}"#,
        );
        assert_eq!(
            said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(),
            [Some("Anouk"), Some("Bertrand")]
        );
    }

    #[test]
    fn the_options_of_a_question_and_its_counts_are_no_people() {
        for text in [
            r#"{"How easy is it?": {"1": "Hard", "2": "Easy"}, "How nice?": {"1": "Bad", "2": "Good"}}"#,
            r#"{"How easy is it?": {"Easy": 3, "Hard": 4}}"#,
            r#"{"gains": {"time": "a lot"}, "pains": {"cost": "high"}}"#,
        ] {
            assert_eq!(load_json(text).records.len(), 1, "{text}");
        }
    }
}
