//! Objects whose keys are people: `{"P01": {…}, "P02": {…}}`.
//!
//! Owns telling them from objects whose keys are the names of fields, and makes an item of each
//! person, with the key as the participant. What becomes of items is decided in `nested` and
//! `json`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::by_question;
use super::message;
use crate::corpus::names::{is_group_of_people, is_word_for_participant, participant_rank};
use crate::corpus::tables::transposed;
use crate::corpus::talk::moderator::ends_in_question;
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::values::is_address;

/// Fewest people under keys that number them: `P01`.
const LEAST_NUMBERED: usize = 2;
/// Fewest people under keys that may be anything else.
const LEAST: usize = 3;

/// Most words of a name.
const NAME_WORDS: usize = 3;

/// Name of the field for the key, where the item has none of this name.
pub(super) const WHO: &str = "participant";
/// Name of the field for a person's words where they are not an object.
const WORDS: &str = "text";

/// The people of a document.
pub(super) struct Keyed<'v> {
    /// An item for each of them, or for each object of a list under their key.
    pub items: Vec<Value>,
    /// Names of the fields of the document that hold no people.
    pub beside: Vec<&'v str>,
}

/// The people of a document, if it or one of its fields is an object whose keys are people.
pub(super) fn people(fields: &Map<String, Value>) -> Option<Keyed<'_>> {
    if let Some(items) = by_question::people(fields) {
        return Some(Keyed { items, beside: Vec::new() });
    }
    if let Some(keys) = keys(fields, Group::Any) {
        let beside = fields.keys().map(String::as_str).filter(|key| !keys.contains(key));
        return Some(Keyed { items: items(fields, &keys), beside: beside.collect() });
    }
    let inner = fields.iter().find_map(|(name, value)| {
        let people = value.as_object()?;
        if let Some(items) = by_question::people(people) {
            return Some((name.as_str(), items));
        }
        // Numbers under a question are its options.
        if ends_in_question(name) {
            return None;
        }
        let is_named = is_group_of_people(name);
        let keys = keys(people, if is_named { Group::People } else { Group::Any })?;
        Some((name.as_str(), items(people, &keys)))
    });
    let (name, items) = inner?;
    let holds_rows =
        |value: &Value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
    // Lists of objects beside them hold rows, too.
    if fields.values().any(holds_rows) {
        return None;
    }
    let beside = fields.keys().map(String::as_str).filter(|key| *key != name);
    Some(Keyed { items, beside: beside.collect() })
}

/// What the name of the field says that holds an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// That the object holds people.
    People,
    /// Nothing.
    Any,
}

/// The keys of an object that are people; `None` where they are not most of the keys that hold more
/// than a fact, or what they hold differs in shape.
fn keys(fields: &Map<String, Value>, group: Group) -> Option<HashSet<&str>> {
    let holds = |value: &Value| value.is_object() || value.is_array();
    let containers: Vec<_> = fields.iter().filter(|(_, value)| holds(value)).collect();
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let numbered: Vec<(&String, &Value)> = fields
        .iter()
        .filter(|(key, value)| is_id(key) && (holds(value) || is_text(value)))
        .collect();
    let is_most = |people: &[(&String, &Value)]| people.len() * 2 > containers.len();
    if numbered.len() >= LEAST_NUMBERED && is_most(&numbered) && are_alike(&numbered) {
        return Some(numbered.into_iter().map(|(key, _)| key.as_str()).collect());
    }
    let named: Vec<(&String, &Value)> =
        containers.iter().filter(|(key, _)| is_name(key)).copied().collect();
    let are_people = || {
        let told = named.iter().filter(|(_, value)| has_fact(value)).count();
        group == Group::People || told * 2 > named.len()
    };
    let answers = |value: &Value| value.as_object().is_some_and(by_question::are_questions);
    if named.len() >= LEAST_NUMBERED && is_most(&named) && named.iter().all(|(_, v)| answers(v)) {
        return Some(named.into_iter().map(|(key, _)| key.as_str()).collect());
    }
    let is_clear = named.len() >= LEAST && named.len() * 2 > fields.len();
    (is_clear && is_most(&named) && are_alike(&named) && are_people())
        .then(|| named.into_iter().map(|(key, _)| key.as_str()).collect())
}

/// Whether a key is the number or the address of a person: `P01`, `user_7`, `104`.
fn is_id(key: &str) -> bool {
    let key = key.trim();
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) || is_person_id(key)
}

/// Whether a key is the number or the address of a person and cannot be that of an option: `P01`.
pub(super) fn is_person_id(key: &str) -> bool {
    is_numbered(key)
        || transposed::numbered_person(key).is_some()
        || key.contains('@') && is_address(key)
}

/// Whether a key may be the name of a person: a few words that begin with capitals, and none that
/// names a field.
pub(super) fn is_name(key: &str) -> bool {
    let words: Vec<&str> = key.split_whitespace().collect();
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_alphabetic() && !c.is_lowercase())
            && word.chars().all(|c| c.is_alphabetic() || ".'’-".contains(c))
    };
    (1..=NAME_WORDS).contains(&words.len())
        && words.iter().all(|word| is_word(word))
        && participant_rank(key).is_none()
        && !is_group_of_people(key)
        && !transposed::is_fact(key)
}

/// Whether an object, or one inside it, tells an age, a job or another fact about a person.
fn has_fact(value: &Value) -> bool {
    let tells = |fields: &Map<String, Value>| fields.keys().any(|key| transposed::is_fact(key));
    value.as_object().is_some_and(|fields| {
        tells(fields) || fields.values().filter_map(Value::as_object).any(tells)
    })
}

/// Whether values have one shape: all texts, all lists, or objects that share most of their fields.
fn are_alike(people: &[(&String, &Value)]) -> bool {
    let all = |is: fn(&Value) -> bool| people.iter().all(|(_, value)| is(value));
    if all(Value::is_array) || all(Value::is_string) {
        return true;
    }
    if !all(Value::is_object) {
        return false;
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    for key in people.iter().filter_map(|(_, value)| value.as_object()).flat_map(Map::keys) {
        *times.entry(key).or_default() += 1;
    }
    times.values().sum::<usize>() * 2 >= times.len() * people.len() && !times.is_empty()
}

fn items(fields: &Map<String, Value>, keys: &HashSet<&str>) -> Vec<Value> {
    let people = fields.iter().filter(|(key, _)| keys.contains(key.as_str()));
    people.flat_map(|(who, value)| items_of(who, value)).collect()
}

/// The items of one person: an object is one, and so is each of a list of objects.
fn items_of(who: &str, value: &Value) -> Vec<Value> {
    match value {
        Value::Object(fields) => vec![of_person(who, fields)],
        Value::Array(list)
            if list.iter().any(Value::is_object) && message::rich_text(value).is_none() =>
        {
            let item = |value: &Value| match value {
                Value::Object(fields) => of_person(who, fields),
                other => of_person(who, &Map::from_iter([(WORDS.to_owned(), other.clone())])),
            };
            list.iter().map(item).collect()
        }
        other => {
            let words = sentences(other).map_or_else(|| other.clone(), Value::String);
            vec![of_person(who, &Map::from_iter([(WORDS.to_owned(), words)]))]
        }
    }
}

/// The sentences of a list on lines of their own; `None` where most of its items are no sentences.
fn sentences(list: &Value) -> Option<String> {
    let texts: Vec<&str> = list.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    let ends = |text: &&&str| text.trim_end().ends_with(['.', '!', '?', '…', '。', '"', '”']);
    (texts.iter().filter(ends).count() * 2 > texts.len()).then(|| texts.join("\n"))
}

/// The fields of a person behind their key, unless one of them says who it is.
fn of_person(who: &str, fields: &Map<String, Value>) -> Value {
    let mut person = Map::new();
    if !fields.keys().any(|name| is_word_for_participant(name)) {
        person.insert(WHO.to_owned(), Value::String(who.to_owned()));
    }
    person.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(person)
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::{json, yaml};
    use crate::corpus::rows::Rows;

    fn load(text: &str) -> Rows {
        let mut rows = Rows::new(1);
        json::read(text, &mut rows).unwrap();
        rows
    }

    fn people(rows: &Rows) -> Vec<&str> {
        rows.records.iter().map(|r| r.participant.as_deref().unwrap_or("-")).collect()
    }

    #[test]
    fn keys_that_number_people_are_participants() {
        let rows = load(
            r#"{"P1": {"age": 20, "why": "I play."}, "P2": {"age": 21, "why": "I pay."}, "n": 2}"#,
        );
        assert_eq!(people(&rows), ["P1", "P2"]);
        assert_eq!(rows.records[1].text, "participant: P2\nage: 21\nwhy: I pay.");
        assert_eq!(rows.findings.kinds(), [("outside-rows", None, 1), ("people-as-keys", None, 1)]);
        let rows = load(r#"{"P1": ["I play at night.", "I walk there."], "P2": ["I never pay."]}"#);
        assert_eq!(rows.records[0].text, "participant: P1\ntext: I play at night.\nI walk there.");
        assert_eq!(people(&load(r#"{"R-01": "I wait.", "R-02": "I go."}"#)), ["R-01", "R-02"]);
    }

    #[test]
    fn names_are_participants_where_facts_or_the_field_around_them_say_so() {
        let rows = load(
            r#"{"Ana": {"age": 3, "a": "x"}, "Bo Lind": {"age": 4, "a": "y"}, "Cem": {"age": 5, "a": "z"}}"#,
        );
        assert_eq!(people(&rows), ["Ana", "Bo Lind", "Cem"]);
        let rows = load(
            r#"{"study": "s", "interviews": {"Ana": {"a": "x"}, "Bo": {"a": "y"}, "Cem": {"a": "z"}}}"#,
        );
        assert_eq!(people(&rows), ["Ana", "Bo", "Cem"]);
    }

    #[test]
    fn a_list_of_objects_under_a_person_gives_a_row_each() {
        let rows = load(
            r#"{"P1": [{"question": "Why?", "answer": "I play at night."}, {"question": "How?", "answer": "With my son."}],
                "P2": [{"question": "Why?", "answer": "I never pay."}]}"#,
        );
        assert_eq!(people(&rows), ["P1", "P1", "P2"]);
    }

    #[test]
    fn the_same_in_yaml_is_read_alike() {
        let mut rows = Rows::new(1);
        yaml::read("P1:\n  age: 20\n  why: I play.\nP2:\n  age: 21\n  why: I pay.\n", &mut rows)
            .unwrap();
        assert_eq!(people(&rows), ["P1", "P2"]);
    }

    #[test]
    fn keys_that_name_fields_stay_one_record() {
        for text in [
            r#"{"home": {"rate": 5, "why": "a"}, "work": {"rate": 4, "why": "b"}, "bus": {"rate": 1, "why": "c"}}"#,
            r#"{"Goals": ["I want tea."], "Pains": ["I hate rain."], "Needs": ["I need air."]}"#,
            r#"{"Goals": {"text": "a"}, "Pains": {"text": "b"}, "Needs": {"text": "c"}}"#,
            r#"{"q1": {"a": "x"}, "q2": {"a": "y"}, "q3": {"a": "z"}}"#,
            r#"{"P1": {"a": "x"}, "other": {"b": "y"}, "third": {"c": "z"}}"#,
            r#"{"Name": "Ana", "Age": 3, "City": "Bonn"}"#,
        ] {
            assert_eq!(load(text).records.len(), 1, "{text}");
            assert_eq!(people(&load(text)), [if text.contains("Name") { "Ana" } else { "-" }]);
        }
    }
}
