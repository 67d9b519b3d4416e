//! Which lists inside the items of a document hold what people say.
//!
//! Owns telling them from lists of tags and other facts, by what most of their objects hold. What
//! one object says is decided in `message`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::join;
use super::message::{self, said_by};

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
                for object in items.iter().filter_map(Value::as_object) {
                    tally.objects += 1;
                    if let Some(said) = said_by(object) {
                        tally.said += 1;
                        tally.words += said.split_whitespace().count();
                        // Of longer lists, it is not asked.
                        let is_alone = items.len() == 1;
                        tally.named +=
                            usize::from(is_alone && message::speaker_of(object).is_some());
                        tally.asked += usize::from(message::holds_question(object));
                    }
                }
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
