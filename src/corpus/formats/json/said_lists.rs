//! Which lists inside the items of a document hold what people say.
//!
//! Owns telling them from lists of tags and other facts, by what most of their objects hold. What
//! one object says is decided in `message`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::join;
use super::message::{self, said_by};
use crate::corpus::names::normalise;

/// Fewest words of a message, and on average of the messages in a list; shorter texts are tags.
pub(super) const LEAST_WORDS: usize = 3;

/// The paths of the lists whose objects say something.
pub(super) fn find(items: &[Value]) -> BTreeSet<String> {
    let mut places = BTreeMap::new();
    for item in items {
        survey(item, "", &mut places);
    }
    places.into_iter().filter(|(_, tally)| tally.is_said()).map(|(place, _)| place).collect()
}

/// Whether the objects of a list are messages.
pub(super) fn has_messages(items: &[Value]) -> bool {
    let mut tally = Tally { lists: 1, ..Tally::default() };
    tally.add(items);
    tally.is_said()
}

/// Whether most objects of a list are messages that name their authors, of whom there are several.
pub(super) fn has_authors(items: &[Value]) -> bool {
    let objects: Vec<_> = items.iter().filter_map(Value::as_object).collect();
    let said = objects.iter().filter(|object| {
        said_by(object).is_some_and(|said| said.split_whitespace().count() >= LEAST_WORDS)
    });
    let authors: Vec<String> =
        said.filter_map(|object| Some(message::speaker_of(object)?.name)).collect();
    let several: BTreeSet<&String> = authors.iter().collect();
    authors.len() * 2 > objects.len() && several.len() > 1
}

/// Whether the objects of a list hold no words but titles and links.
pub(super) fn are_titles(items: &[Value]) -> bool {
    const TITLES: [&str; 6] = ["excerpt", "fancytitle", "name", "slug", "title", "url"];
    fn say_nothing(value: &Value) -> bool {
        match value {
            Value::String(text) => !text.trim().contains(char::is_whitespace),
            Value::Array(items) => items.iter().all(say_nothing),
            Value::Object(fields) => fields
                .iter()
                .all(|(key, value)| TITLES.contains(&&*normalise(key)) || say_nothing(value)),
            _ => true,
        }
    }
    items.iter().all(say_nothing)
}

/// Counts over the objects of all lists at one path, in all items.
#[derive(Default)]
struct Tally {
    lists: usize,
    objects: usize,
    said: usize,
    words: usize,
    asked: usize,
    named: usize,
}

impl Tally {
    /// Counts the objects of a list.
    fn add(&mut self, items: &[Value]) {
        // Of longer lists, it is not asked.
        let is_alone = items.iter().filter(|item| item.is_object()).count() == 1;
        for object in items.iter().filter_map(Value::as_object) {
            self.objects += 1;
            let Some(said) = said_by(object) else { continue };
            self.said += 1;
            self.words += said.split_whitespace().count();
            self.named += usize::from(is_alone && message::speaker_of(object).is_some());
            self.asked += usize::from(message::holds_question(object));
        }
    }

    /// Whether most objects say something or hold a question, and some list holds more than one or
    /// their speakers are named, as in comments below comments.
    fn is_said(&self) -> bool {
        let most = |some: usize| some * 2 > self.objects;
        let is_speech = most(self.said) && self.words >= LEAST_WORDS * self.said;
        (self.objects > self.lists || most(self.named)) && (is_speech || most(self.asked))
    }
}

fn survey(value: &Value, path: &str, places: &mut BTreeMap<String, Tally>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields.iter().filter(|(_, inner)| !is_scalar(inner)) {
                survey(inner, &join(path, key), places);
            }
        }
        Value::Array(items) if message::rich_text(value).is_none() => {
            if items.iter().any(Value::is_object) {
                let tally = places.entry(path.to_owned()).or_default();
                tally.lists += 1;
                tally.add(items);
            }
            for item in items {
                survey(item, path, places);
            }
        }
        _ => {}
    }
}

/// Whether a value has no others inside.
pub(super) fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}
