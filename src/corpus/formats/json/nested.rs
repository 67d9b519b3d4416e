//! Items with lists inside: a conversation and its messages, a person and their answers.
//!
//! Owns which objects of a document become rows, one for each thing said. Items without such lists
//! stay as they are. What stands in a row is decided in `item`, what an object says in `message`;
//! `json` turns fields into cells.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use super::item::{AROUND, Around, Field, Item, flat, name_participant, row, text};
use super::join;
use super::message::{self, Object, said_by, said_field, speaker_of};
use super::people::{People, are_accounts, by_id, people};
use super::retold;
use super::said_lists::{self, LEAST_WORDS, is_scalar};

/// What a document's items became.
#[derive(Debug)]
pub(super) struct Unfolded<'v> {
    /// The rows to be, in order.
    pub items: Vec<Item<'v>>,
    /// Paths of the lists whose objects became rows.
    pub lists: Vec<String>,
    /// Paths of places left out because they repeat what others hold, such as lists of timed words.
    pub repeated: Vec<String>,
    /// Paths of other lists of objects, which were left out.
    pub beside: Vec<String>,
}

/// Makes a row for each thing said inside the items of some lists, or a row for each item where
/// nothing is said in such inner lists. Each list comes with its name, which goes into the rows as
/// `section` unless it is empty.
pub(super) fn unfold<'v>(lists: &[(&str, &'v [Value])]) -> Unfolded<'v> {
    let mut rows = Vec::new();
    let mut unfolded = BTreeSet::new();
    let mut timed_words = Vec::new();
    let mut beside = BTreeSet::new();
    let are_accounts = |list: &(&str, &[Value])| lists.len() > 1 && are_accounts(list.0, list.1);
    let accounts = lists.iter().filter(|list| are_accounts(list)).flat_map(|list| list.1);
    let accounts = Rc::new(by_id(accounts.filter_map(Value::as_object)));
    for list in lists {
        let (name, items) = list;
        if lists.len() > 1 && message::are_timed_words(items) {
            timed_words.push((*name).to_owned());
            continue;
        }
        if are_accounts(list) || lists.len() > 1 && are_links(items) {
            beside.insert((*name).to_owned());
            continue;
        }
        let unfolding = Unfolding::of(items, &accounts);
        for mut row in unfolding.items {
            if !name.is_empty() {
                row.fields.insert(0, ("section".to_owned(), text(name)));
                row.place = of_list(name, &row.place);
            }
            rows.push(row);
        }
        unfolded.extend(unfolding.lists.iter().map(|place| of_list(name, place)));
        beside.extend(unfolding.beside.iter().map(|place| of_list(name, place)));
    }
    let mut repeated = retold::drop_places(&mut rows);
    repeated.extend(timed_words);
    Unfolded {
        items: rows,
        lists: unfolded.into_iter().collect(),
        repeated,
        beside: beside.into_iter().collect(),
    }
}

/// Whether the items of a list are links of the document: `{"rel": "next", "href": …}`.
fn are_links(items: &[Value]) -> bool {
    items.iter().all(|item| item.get("rel").is_some_and(Value::is_string))
}

fn of_list(list: &str, place: &str) -> String {
    match (list, place) {
        ("", place) => place.to_owned(),
        (list, "") => list.to_owned(),
        (list, place) => join(list, place),
    }
}

#[derive(Default)]
struct Unfolding<'v> {
    /// Paths of the lists whose objects say something.
    lists: BTreeSet<String>,
    items: Vec<Item<'v>>,
    /// Paths of other lists of objects that no row shows.
    beside: BTreeSet<String>,
    /// The accounts that the document lists apart.
    accounts: Rc<People<'v>>,
}

impl<'v> Unfolding<'v> {
    fn of(items: &'v [Value], accounts: &Rc<People<'v>>) -> Self {
        let accounts = Rc::clone(accounts);
        let mut unfolding = Self { lists: said_lists::find(items), accounts, ..Self::default() };
        for (i, item) in items.iter().enumerate() {
            unfolding.add(i + 1, item);
        }
        unfolding
    }

    fn add(&mut self, number: usize, item: &'v Value) {
        if item.is_null() {
            return;
        }
        let first = self.items.len();
        let inner = item.as_object().filter(|_| !self.lists.is_empty());
        if let Some(item) = inner {
            self.add_object(
                item,
                "",
                &Around {
                    number,
                    people: Rc::new(people(item)),
                    accounts: Rc::clone(&self.accounts),
                    fields: Vec::new(),
                    speaker: None,
                    contact: message::contact_of(item),
                },
            );
        }
        if self.items.len() == first {
            self.items.push(flat(number, item, &self.accounts));
        }
        if let Some(item) = inner {
            name_participant(&mut self.items[first..], item, number);
        }
    }

    /// Adds a row for an object that says something, and for what is said inside it.
    fn add_object(&mut self, object: &'v Object, path: &str, around: &Around<'v>) {
        let is_unit = self.lists.contains(path);
        let fields = object.iter().map(|(key, value)| (key.as_str(), join(path, key), value));
        let (inner, own): (Vec<Field<'_>>, Vec<Field<'_>>) = fields
            .partition(|(_, at, value)| self.leads_to_list(at) || !is_unit && is_message(value));
        let said = said_field(object);
        let goes_along = |(key, _, value): &Field<'_>| Some(*key) != said && is_short(value);
        let has_more =
            own.len() > AROUND || own.iter().any(|field| !goes_along(field) && !is_list(field.2));
        let speaker = speaker_of(object);
        let is_said = said.is_some() && (is_unit || speaker.is_some())
            || is_unit && message::has_answer(object);
        let turn =
            self.turn(&inner).filter(|_| said.is_none() && speaker.is_some() && !path.is_empty());
        if is_said || has_more || turn.is_some() {
            let own: Vec<_> = own.iter().map(|(key, _, value)| (*key, *value)).collect();
            self.items.push(row(path, object, own, turn.as_deref(), around));
        } else {
            let lists = own.iter().filter(|(_, _, value)| is_list(value));
            self.beside.extend(lists.map(|(_, at, _)| at.clone()));
        }
        // The sentences of a turn are in its row already.
        if turn.is_none() {
            let along: Vec<_> = own.iter().filter(|field| goes_along(field)).collect();
            let around = around.with(&along, speaker);
            for (_, at, value) in inner {
                for object in objects_in(value) {
                    self.add_object(object, &at, &around);
                }
            }
        }
    }

    /// The sentences of a turn joined into one text, if `inner` is a single list of sentences:
    /// objects that say something, name no speaker and hold no question.
    fn turn(&self, inner: &[Field<'v>]) -> Option<String> {
        let [(_, at, Value::Array(sentences))] = inner else { return None };
        let said = sentences.iter().map(|sentence| {
            let sentence = sentence.as_object()?;
            let is_bare = speaker_of(sentence).is_none() && !message::holds_question(sentence);
            said_by(sentence).filter(|_| is_bare)
        });
        let said: Vec<_> = said.collect::<Option<_>>()?;
        let trimmed: Vec<&str> = said.iter().map(|said| said.trim()).collect();
        (self.lists.contains(at) && !said.is_empty()).then(|| trimmed.join(" "))
    }

    /// Whether a path is that of a list to unfold, or leads to one.
    fn leads_to_list(&self, path: &str) -> bool {
        let below = format!("{path}.");
        let mut lists = self.lists.range(below.clone()..);
        self.lists.contains(path) || lists.next().is_some_and(|list| list.starts_with(&below))
    }
}

/// The objects of a list, or the single object that a value is.
fn objects_in(value: &Value) -> Vec<&Object> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_object).collect(),
        value => Vec::from_iter(value.as_object()),
    }
}

fn is_list(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(Value::is_object))
}

/// Longest field, in bytes, that is repeated in each row of its item. Without a bound, a long text
/// beside ten thousand messages would be repeated ten thousand times.
const AROUND_BYTES: usize = 200;
/// Whether a value is short enough to be repeated in every row of its item.
fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= AROUND_BYTES,
        value if is_scalar(value) => true,
        value => !is_list(value) && value.to_string().len() <= AROUND_BYTES,
    }
}

/// Whether a value is one message: an object that says something and names its speaker.
fn is_message(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        let said =
            said_by(object).is_some_and(|said| said.split_whitespace().count() >= LEAST_WORDS);
        said && (speaker_of(object).is_some() || message::unnamed_author(object).is_some())
    })
}

#[cfg(test)]
mod tests;
