//! Ids of people whose name stands beside their id.
//!
//! Owns putting the name in the place of the id, where each name has one id: `requester_id: 102`
//! beside `requester: {id: 102, name: "Anders Holm"}`. Accounts that a document lists apart are
//! `people`'s.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::message::{self, scalar};
use crate::corpus::names::normalise;

/// Puts names in the place of ids, where both stand together and wherever else an id stands alone.
pub(super) fn call_by_name(document: &mut Value) {
    let mut people = HashMap::new();
    find(document, &mut people);
    let mut ids: HashMap<&String, HashSet<&String>> = HashMap::new();
    for (id, names) in &people {
        for name in names {
            ids.entry(name).or_default().insert(id);
        }
    }
    let is_single = |name: &String| ids.get(name).is_some_and(|ids| ids.len() == 1);
    let named = people.iter().filter_map(|(id, names)| {
        let mut names = names.iter();
        let name = names.next().filter(|name| names.next().is_none() && is_single(name))?;
        Some((id.clone(), name.clone()))
    });
    let named: HashMap<String, String> = named.collect();
    if !named.is_empty() {
        replace(document, &named);
    }
}

/// The id and the name of a person whom a field holds.
fn person(key: &str, value: &Value) -> Option<(String, String)> {
    let person = value.as_object().filter(|_| message::is_person_field(key))?;
    let id = scalar(person.get("id")?)?;
    let name = message::person_name(person).filter(|name| *name != id && !name.contains('@'))?;
    Some((id, name))
}

fn find(value: &Value, people: &mut HashMap<String, HashSet<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find(item, people)),
        Value::Object(fields) => {
            let own = |key: &str| fields.get(key).and_then(scalar);
            if let (Some(id), Some(name)) = (own("user_id"), own("username")) {
                people.entry(id).or_default().insert(name);
            }
            for (key, field) in fields {
                if let Some((id, name)) = person(key, field) {
                    people.entry(id).or_default().insert(name);
                }
                find(field, people);
            }
        }
        _ => {}
    }
}

fn replace(value: &mut Value, named: &HashMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, named)),
        Value::Object(fields) => {
            for (key, field) in fields {
                let named_person = person(key, field).and_then(|(id, _)| named.get(&id));
                if let (Some(person), Some(name)) = (field.as_object_mut(), named_person) {
                    person.insert("id".to_owned(), Value::String(name.clone()));
                }
                let name = scalar(field).and_then(|id| named.get(&id));
                if let Some(name) = name.filter(|_| is_id_field(key)) {
                    *field = Value::String(name.clone());
                }
                replace(field, named);
            }
        }
        _ => {}
    }
}

/// Whether a field holds the id of a person: `author_id`, `requesterId`.
fn is_id_field(key: &str) -> bool {
    let name = normalise(key);
    name.strip_suffix("id").is_some_and(|who| !who.is_empty() && message::is_person_field(who))
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said};

    #[test]
    fn people_are_called_by_the_name_beside_their_id() {
        let rows = load_json(
            r#"[{"number": 1, "user": {"login": "sadia-k", "id": 77}, "body": "The umlauts are gone in my list."},
                {"number": 2, "user": {"login": "pbrandao", "id": 78}, "body": "I sort photos at night."}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("sadia-k"), Some("pbrandao")]);
        let rows = load_json(
            r#"[{"id": 2, "requester_id": 102, "requester": {"id": 102, "name": "Anders Holm"}, "description": "I print my statements."},
                {"id": 3, "requester_id": 103, "requester": {"id": 103, "name": "Chipo Moyo"}, "description": "My card is gone again."}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("Anders Holm"), Some("Chipo Moyo")]);
    }

    #[test]
    fn two_people_of_one_name_are_told_apart_by_their_ids() {
        let rows = load_json(
            r#"[{"user": {"name": "Anna", "id": 77}, "body": "The umlauts are gone in my list."},
                {"user": {"name": "Anna", "id": 78}, "body": "I sort photos at night."}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_ne!(who[0], who[1]);
    }
}
