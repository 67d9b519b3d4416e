//! The people whom a document lists apart from what they say, by their ids.
//!
//! Owns which lists are such people, and what they add to a speaker. Which field names whom is
//! `message`'s.

use std::collections::HashMap;

use serde_json::Value;

use super::message::{self, Object, Speaker, said_field, scalar};

/// The people whom an item lists, by their ids.
pub(super) type People<'v> = HashMap<String, &'v Object>;

/// Collects the people whom an item lists, once per item: a conversation may have a hundred
/// thousand messages.
pub(super) fn people(item: &Object) -> People<'_> {
    let objects = item.values().filter_map(Value::as_array).flatten().filter_map(Value::as_object);
    by_id(objects.filter(|object| said_field(object).is_none()))
}

/// Whether a list beside others holds the accounts that their speakers have, as help desks export
/// them.
pub(super) fn are_accounts(name: &str, items: &[Value]) -> bool {
    const NAMES: [&str; 10] = [
        "users",
        "members",
        "accounts",
        "agents",
        "authors",
        "profiles",
        "contacts",
        "speakers",
        "attendees",
        "meeting_attendees",
    ];
    let is_account = |item: &Value| {
        let account = item.as_object().filter(|account| said_field(account).is_none());
        account.is_some_and(|account| {
            account.contains_key("id") && message::person_name(account) != message::item_id(account)
        })
    };
    // As in forums.
    let is_of_forum = |item: &Value| {
        let account = item.as_object().filter(|account| account.contains_key("username"));
        account.is_some_and(|account| {
            account.keys().any(|key| key.starts_with("avatar") || key == "post_count")
        })
    };
    let name = name.rsplit('.').next().unwrap_or(name);
    (NAMES.contains(&name) || items.iter().all(is_of_forum)) && items.iter().all(is_account)
}

/// People by their ids.
pub(super) fn by_id<'v>(objects: impl Iterator<Item = &'v Object>) -> People<'v> {
    let mut people = People::new();
    for person in objects {
        let ids = person.iter().filter(|(key, _)| key.to_lowercase().ends_with("id"));
        for id in ids.filter_map(|(_, value)| scalar(value)) {
            people.entry(id).or_insert(person);
        }
    }
    people
}

/// The speaker with the name and role that the item's list of people gives for the speaker's id;
/// unchanged where the list does not have it.
pub(super) fn known<'v>(speaker: Speaker<'v>, people: &People<'v>) -> Speaker<'v> {
    let Some(person) = people.get(&speaker.name) else { return speaker };
    Speaker {
        name: message::person_name(person).unwrap_or(speaker.name),
        role: speaker.role.or_else(|| message::person_role(person)),
        field: speaker.field,
    }
}
