//! Items with lists inside: a conversation and its messages, a person and their answers.
//!
//! Owns which objects of a document become rows, one for each thing said, and which fields of the
//! objects around them go along. Items without such lists stay as they are. What an object says is
//! decided in `message`; `json` turns fields into cells.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::Value;

use super::join;
use super::message::{self, Object, Speaker, said_by, said_field, scalar, speaker_of};
use super::retold;
use super::said_lists::{self, LEAST_WORDS, is_scalar};
use crate::corpus::names::{self, is_question, participant_rank};
use crate::corpus::talk::moderator;

/// Names of the columns for the speaker of a row and the speaker's role.
const SPEAKER_NAME: &str = "speaker";
const SPEAKER_ROLE: &str = "speaker_role";

/// Longest field, in bytes, that is repeated in each row of its item. Without a bound, a long text
/// beside ten thousand messages would be repeated ten thousand times.
const AROUND_BYTES: usize = 200;
/// Most fields of an item that are repeated in each of its rows.
const AROUND: usize = 60;

/// A row in the making: an item, or an object inside one.
#[derive(Debug)]
pub(super) struct Item<'v> {
    /// Number of the item that the row is or comes from, from 1.
    pub number: usize,
    /// Names and values of the fields; a nested field is named by its path (`author.name`). An item
    /// that is not an object is a single field with an empty name.
    pub fields: Vec<(String, Cow<'v, Value>)>,
    /// Path of keys to the object, shared by all objects of a list; empty for the item itself.
    pub place: String,
    /// What the object says, if it says something.
    pub said: Option<String>,
    /// Whether it is known who says it.
    pub has_speaker: bool,
}

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
        if are_accounts(list) {
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

fn of_list(list: &str, place: &str) -> String {
    match (list, place) {
        ("", place) => place.to_owned(),
        (list, "") => list.to_owned(),
        (list, place) => join(list, place),
    }
}

fn text<'v>(text: &str) -> Cow<'v, Value> {
    Cow::Owned(Value::String(text.to_owned()))
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

/// What the row of an object takes from the item and the objects around it.
#[derive(Clone)]
struct Around<'v> {
    /// Number of the item, from 1.
    number: usize,
    /// The people whom the item lists.
    people: Rc<People<'v>>,
    /// The accounts that the document lists apart.
    accounts: Rc<People<'v>>,
    /// Fields of the objects around it, by their paths.
    fields: Vec<(String, &'v Value)>,
    /// The speaker that the nearest of these objects names.
    speaker: Option<Speaker<'v>>,
}

impl<'v> Around<'v> {
    /// The same with fields of an object further in, and with its speaker if it names one.
    fn with(&self, fields: &[&Field<'v>], speaker: Option<Speaker<'v>>) -> Self {
        let mut around = self.clone();
        around.fields.extend(fields.iter().map(|(_, at, value)| (at.clone(), *value)));
        around.fields.truncate(AROUND);
        around.speaker = speaker.or(around.speaker);
        around
    }
}

/// A field of an object: its key, its path, and its value.
type Field<'v> = (&'v str, String, &'v Value);

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
                },
            );
        }
        if self.items.len() == first {
            self.items.push(flat(number, item));
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

/// The row of an item that is not unfolded: its own fields, the speaker's role, and the speaker's
/// name where no field names the participant.
fn flat(number: usize, item: &Value) -> Item<'_> {
    let Value::Object(object) = item else {
        let fields = vec![(String::new(), Cow::Borrowed(item))];
        return Item { number, fields, place: String::new(), said: None, has_speaker: false };
    };
    let mut fields: Vec<_> =
        object.iter().map(|(key, value)| (key.clone(), Cow::Borrowed(value))).collect();
    let said = said_by(object).map(Cow::into_owned);
    let speaker = speaker_of(object).filter(|_| said.is_some());
    let is_named = fields.iter().any(names_participant);
    // Outside of a conversation an admin is a user of what is studied.
    let speaker = speaker.map(|speaker| Speaker {
        role: speaker.role.filter(|role| !moderator::may_be_job(role)),
        ..speaker
    });
    // A profile beside an id, as in Slack: the name stands for the id.
    if let Some(speaker) = speaker.as_ref().filter(|speaker| object[speaker.field].is_object()) {
        let ids = fields.iter_mut().filter(|(name, value)| {
            participant_rank(name).is_some() && scalar(value).is_some_and(|id| is_id(&id))
        });
        ids.for_each(|(_, value)| *value = text(&speaker.name));
    }
    let of_speaker = speaker.iter().flat_map(speaker_fields);
    fields.extend(of_speaker.filter(|(name, _)| !is_named || name == SPEAKER_ROLE));
    let is_again = |name: &str| said_field(object) != Some(name) && message::says_again(name);
    fields.retain(|(name, _)| said.is_none() || !is_again(name));
    Item { number, fields, place: String::new(), said, has_speaker: speaker.is_some() }
}

/// Whether a value is the id that a service gave an account, and no name: `U024BE7LH`.
fn is_id(value: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    value.contains(|c: char| c.is_ascii_digit()) && value.chars().all(is_sign)
}

fn speaker_fields<'v>(speaker: &Speaker<'_>) -> impl Iterator<Item = (String, Cow<'v, Value>)> {
    let role = speaker.role.as_ref().map(|role| (SPEAKER_ROLE.to_owned(), text(role)));
    [(SPEAKER_NAME.to_owned(), text(&speaker.name))].into_iter().chain(role)
}

/// The row of an object that says something, in a field of its own or as the sentences of a turn,
/// together with the fields of `around`.
fn row<'v>(
    place: &str,
    object: &'v Object,
    own: Vec<(&'v str, &'v Value)>,
    turn: Option<&str>,
    around: &Around<'v>,
) -> Item<'v> {
    let own_speaker = speaker_of(object);
    let said = said_field(object);
    let inherited = || around.speaker.clone().filter(|_| said.is_some());
    let people = [&*around.people, &*around.accounts];
    let speaker = own_speaker.clone().or_else(inherited);
    let speaker = speaker.map(|speaker| people.iter().fold(speaker, |who, of| known(who, of)));
    let channel = around.fields.iter().find(|(name, _)| name == message::CHANNEL);
    let is_by_channel = message::is_by_channel(object, channel.map(|(_, value)| *value));
    let speaker = speaker.map(|speaker| Speaker {
        role: if is_by_channel { Some("agent".to_owned()) } else { speaker.role },
        ..speaker
    });
    let mut fields: Vec<_> = speaker.iter().flat_map(speaker_fields).collect();
    // Fields of the item that the object's own replace: those of the speaker, and others of the
    // same name if the object names a speaker or they hold what is said or asked.
    let is_hidden = |name: &str| {
        let is_author = speaker.is_some() && message::is_speaker_field(name);
        let is_own = own.iter().any(|(key, _)| *key == name);
        is_author || is_own && (own_speaker.is_some() || Some(name) == said || is_question(name))
    };
    let along = around.fields.iter().filter(|(name, _)| !is_hidden(name));
    fields.extend(along.map(|(name, value)| (name.clone(), Cow::Borrowed(*value))));
    let known: BTreeSet<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    let names_speaker =
        |key: &str| own_speaker.as_ref().is_some_and(|speaker| speaker.field == key);
    let is_again = |key: &str| said.is_some_and(|said| said != key) && message::says_again(key);
    let own = own.into_iter();
    let own = own.filter(|(key, _)| !names_speaker(key) && !is_again(key) && !known.contains(*key));
    fields.extend(own.map(|(key, value)| (key.to_owned(), Cow::Borrowed(value))));
    for (name, value) in &mut fields {
        let person = || scalar(value).and_then(|id| around.accounts.get(&id).copied());
        let named = participant_rank(name).and_then(|_| message::person_name(person()?));
        *value = named.map_or(value.clone(), |named| text(&named));
    }
    fields.extend(turn.map(|turn| ("text".to_owned(), text(turn))));
    let said = said_by(object).map(Cow::into_owned).or_else(|| turn.map(str::to_owned));
    Item {
        number: around.number,
        fields,
        place: place.to_owned(),
        said,
        has_speaker: speaker.is_some(),
    }
}

/// The people whom an item lists, by their ids.
type People<'v> = HashMap<String, &'v Object>;

/// Collects the people whom an item lists, once per item: a conversation may have a hundred
/// thousand messages.
fn people(item: &Object) -> People<'_> {
    let objects = item.values().filter_map(Value::as_array).flatten().filter_map(Value::as_object);
    by_id(objects.filter(|object| said_field(object).is_none()))
}

/// Whether a list beside others holds the accounts that their speakers have, as help desks export
/// them.
fn are_accounts(name: &str, items: &[Value]) -> bool {
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
    let name = name.rsplit('.').next().unwrap_or(name);
    NAMES.contains(&name) && items.iter().all(is_account)
}

/// People by their ids.
fn by_id<'v>(objects: impl Iterator<Item = &'v Object>) -> People<'v> {
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
fn known<'v>(speaker: Speaker<'v>, people: &People<'v>) -> Speaker<'v> {
    let Some(person) = people.get(&speaker.name) else { return speaker };
    Speaker {
        name: message::person_name(person).unwrap_or(speaker.name),
        role: speaker.role.or_else(|| message::person_role(person)),
        field: speaker.field,
    }
}

/// Whether a field, or a field inside it, names the participant.
fn names_participant((name, value): &(String, Cow<'_, Value>)) -> bool {
    let mut inner = value.as_object().into_iter().flat_map(Object::keys);
    participant_rank(name).is_some()
        || inner.any(|key| participant_rank(&join(name, key)).is_some())
}

/// Whether nothing names the participant but a speaker's label that is no name: `customer`, `agent`.
fn names_nobody(fields: &[(String, Cow<'_, Value>)]) -> bool {
    let is_part = |(name, value): &(String, Cow<'_, Value>)| {
        let label = value.as_str().unwrap_or_default();
        name == SPEAKER_NAME && (moderator::is_anyone(label) || moderator::is_staff(label))
    };
    fields.iter().filter(|field| !is_part(field)).all(|field| !names_participant(field))
}

/// Gives each row that names no participant the id of its item, or else the item's number.
fn name_participant(rows: &mut [Item<'_>], item: &Object, number: usize) {
    let conversation = || {
        let mut fields = item.iter().filter(|(key, _)| names::is_conversation(key));
        fields.find_map(|(_, value)| scalar(value))
    };
    let whose = message::item_id(item).or_else(conversation);
    let whose = whose.unwrap_or_else(|| number.to_string());
    // A conversation whose speakers are called by their parts is one person's.
    let are_parts = rows.iter().all(|row| names_nobody(&row.fields));
    for row in rows {
        if are_parts || !row.fields.iter().any(names_participant) {
            row.fields.insert(0, ("participant".to_owned(), text(&whose)));
        }
    }
}

fn is_list(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(Value::is_object))
}

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
        said && speaker_of(object).is_some()
    })
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said};

    #[test]
    fn accounts_beside_tickets_say_who_speaks_and_are_no_rows() {
        let rows = load_json(
            r#"{"users": [{"id": 501, "name": "Léa", "role": "end-user"},
                          {"id": 504, "name": "Sam", "role": "agent"}],
                "tickets": [{"id": 8, "requester_id": 501, "comments": [
                    {"id": 1, "author_id": 501, "public": true, "body": "The export dies at ten thousand rows."},
                    {"id": 2, "author_id": 504, "public": true, "body": "Could you split it by quarter?"},
                    {"id": 3, "author_id": 504, "public": false, "body": "Known limit, ask the PM."},
                    {"id": 4, "author_id": 501, "public": true, "body": "I could, and stitch four files."}]}]}"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("Léa"), Some("Léa")]);
        let asked: Vec<_> = rows.records.iter().map(crate::corpus::Record::question).collect();
        assert_eq!(asked, [None, Some("Could you split it by quarter?")]);
    }

    #[test]
    fn names_in_two_parts_and_flags_of_staff_are_read() {
        let rows = load_json(
            r#"[{"id": 1, "threads": [
                {"body": "The barcode is cut off.", "createdBy": {"id": 0, "type": "customer", "first": "Gloria", "last": "Estevez"}},
                {"body": "Which printer is it?", "createdBy": {"id": 1, "type": "user", "first": "Carol", "last": "Finch"}}]}]"#,
        );
        assert_eq!(
            said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(),
            [Some("Gloria Estevez")]
        );
        let rows = load_json(
            r#"[{"username": "hjalmar", "staff": false, "cooked": "A power cut ate the database last night."},
                {"username": "trudi", "staff": true, "cooked": "Moved to support; please read the guidelines."}]"#,
        );
        assert_eq!(said(&rows).iter().map(|(who, _)| *who).collect::<Vec<_>>(), [Some("hjalmar")]);
    }

    #[test]
    fn answers_inside_a_person_are_rows_of_that_person() {
        let rows = load_json(
            r#"[{"id": "r1", "age": 31, "answers": [
                   {"id": 1, "question": "How do you travel?", "answer": "By bus, mostly."},
                   {"id": 2, "question": "How often?", "answer": "Daily"}]},
                {"id": "r2", "age": 40, "answers": [
                   {"id": 1, "question": "How do you travel?", "answer": "On foot."}]},
                {"id": "r3", "age": 50, "answers": []}]"#,
        );
        assert_eq!(
            said(&rows),
            [
                (
                    Some("r1"),
                    "participant: r1\nid: r1\nage: 31\nquestion: How do you travel?\nanswer: By bus, mostly."
                ),
                (
                    Some("r1"),
                    "participant: r1\nid: r1\nage: 31\nquestion: How often?\nanswer: Daily"
                ),
                (
                    Some("r2"),
                    "participant: r2\nid: r2\nage: 40\nquestion: How do you travel?\nanswer: On foot."
                ),
                (Some("r3"), "participant: r3\nid: r3\nage: 50"),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("nested-rows", None, 1)]);
    }

    #[test]
    fn messages_inside_a_conversation_are_their_authors_and_staff_asks() {
        let rows = load_json(
            r#"[{"id": 7, "plan": "Free",
                 "source": {"body": "I cannot print my invoice.", "author": {"type": "user", "id": 1, "name": "Fia"}},
                 "parts": {"parts": [
                   {"body": "Sorry to hear that, which printer is it?", "author": {"type": "admin", "name": "Jess"}},
                   {"body": "It is the old one in the hall.", "author": {"type": "user", "name": "Fia"}},
                   {"body": "Did you switch it on?", "author": {"type": "admin", "name": "Jess"}},
                   {"body": null, "author": {"type": "bot", "name": "Bot"}}]}}]"#,
        );
        assert_eq!(
            said(&rows),
            [
                (
                    Some("Fia"),
                    "speaker: Fia\nspeaker_role: user\nid: 7\nplan: Free\nbody: I cannot print my invoice."
                ),
                (
                    Some("Fia"),
                    "question: Sorry to hear that, which printer is it?\nspeaker: Fia\nspeaker_role: user\nid: 7\nplan: Free\nbody: It is the old one in the hall."
                ),
            ]
        );
    }

    #[test]
    fn whoever_writes_in_a_ticket_beside_its_customer_works_on_it() {
        let rows = load_json(
            r#"[{"id": 40, "requester": {"id": 7, "name": "Ana"}, "comments": [
                  {"author_id": 7, "body": "I cannot print my invoice."},
                  {"author_id": 3, "body": "Could you please try it again?"},
                  {"author_id": 7, "body": "It is as white as before."}]},
                {"id": 41, "requester": {"id": 8, "name": "Bo"}, "comments": [
                  {"author_id": 8, "body": "Where do I find my orders?"},
                  {"author_id": 3, "body": "Have you tried the menu?"}]}]"#,
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("7"), Some("7"), Some("8")]);
        assert!(rows.records[1].text.starts_with("question: Could you please try it again?\n"));
    }

    #[test]
    fn what_goes_out_and_what_is_private_is_staffs() {
        let rows = load_json(
            r#"[{"id": 1, "requester_id": 7, "conversations": [
                  {"user_id": 7, "incoming": true, "private": false, "body_text": "My meter shows nothing."},
                  {"user_id": 3, "incoming": false, "private": false, "body_text": "Since when is that so?"},
                  {"user_id": 3, "incoming": false, "private": true, "body_text": "Vulnerable customer, be quick."},
                  {"user_id": 7, "incoming": true, "private": false, "body_text": "Since the storm on Monday."}]}]"#,
        );
        let texts: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[1].starts_with("question: Since when is that so?"), "{}", texts[1]);
    }

    #[test]
    fn sentences_inside_turns_are_one_text_of_whom_the_item_knows_by_id() {
        let rows = load_json(
            r#"{"calls": [{"callId": "c1",
                 "parties": [{"speakerId": 1, "name": "Kim", "affiliation": "Internal"},
                             {"speakerId": 2, "name": "Ulla", "affiliation": "External"}],
                 "turns": [
                 {"speakerId": 2, "sentences": [{"start": 0, "text": "We lost two weeks on that. "},
                                                {"start": 9, "text": " It was the forms, really."}]},
                 {"speakerId": 1, "sentences": [{"start": 12, "text": "We will mend the forms soon."}]},
                 {"speakerId": 2, "sentences": [{"start": 15, "text": "I only sign what I can read."}]}]}]}"#,
        );
        let (texts, who): (Vec<_>, Vec<_>) =
            rows.records.iter().map(|r| (r.text.as_str(), r.participant.as_deref())).unzip();
        assert_eq!(who, [Some("Ulla"), Some("Ulla")]);
        assert!(texts[0].ends_with("\ntext: We lost two weeks on that. It was the forms, really."));
    }

    #[test]
    fn single_words_with_their_times_are_not_read_again() {
        let words = r#"[{"start": 0, "word": "We"}, {"start": 1, "word": "wait."}]"#;
        let rows = load_json(&format!(r#"[{{"text": "We wait.", "words": {words}}}]"#));
        assert_eq!(said(&rows), [(None, "text: We wait.")]);
        assert_eq!(rows.findings.kinds(), [("timed-words", None, 1)]);
        let rows =
            load_json(&format!(r#"{{"segments": [{{"text": "We wait."}}], "words": {words}}}"#));
        assert_eq!(said(&rows), [(None, "section: segments\ntext: We wait.")]);
    }

    #[test]
    fn what_is_written_as_one_text_and_by_turn_is_read_by_turn() {
        let rows = load_json(
            r#"{"results": {
                 "channels": [{"transcript": "I wait for hours. Then I go home. Nobody calls me."}],
                 "utterances": [{"speaker": 0, "transcript": "I wait for hours. Then I go home."},
                                {"speaker": 1, "transcript": "Nobody calls me."}]}}"#,
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("0"), Some("1")]);
        assert_eq!(rows.findings.kinds(), [("repeated-text", None, 1)]);
    }

    #[test]
    fn a_long_conversation_costs_no_more_than_its_size() {
        let message =
            |i: usize| format!(r#"{{"text": "I wait for bus {i} again.", "user_id": {}}}"#, i % 9);
        let messages: Vec<String> = (0..20_000).map(message).collect();
        let people = r#"[{"user_id": 3, "name": "Ana"}]"#;
        let began = std::time::Instant::now();
        let rows = load_json(&format!(
            r#"[{{"people": {people}, "messages": [{}]}}]"#,
            messages.join(",")
        ));
        assert_eq!(rows.records.len(), 20_000);
        assert_eq!(rows.records[3].participant.as_deref(), Some("Ana"));
        // With quadratic cost it takes minutes.
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    #[test]
    fn rich_text_is_one_text() {
        let rows = load_json(
            r#"[{"id": 1, "from": "Ana", "text": ["See ", {"type": "link", "text": "this"}, ", it is slow."]},
                {"id": 2, "from": "Bo", "text": {"type": "doc", "version": 1, "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "It is fast."}]},
                    {"type": "paragraph", "content": [{"type": "text", "text": "Here."}]}]}}]"#,
        );
        assert_eq!(
            said(&rows),
            [
                (Some("Ana"), "id: 1\nfrom: Ana\ntext: See this, it is slow.\nspeaker: Ana"),
                (Some("Bo"), "id: 2\nfrom: Bo\ntext: It is fast.\nHere.\nspeaker: Bo"),
            ]
        );
    }

    #[test]
    fn a_long_text_is_not_repeated_in_each_row_around_it() {
        let (long, answer) = ("x ".repeat(200), r#"{"text": "I wait for hours."}"#);
        let answers = [answer; 3].join(",");
        let rows =
            load_json(&format!(r#"[{{"id": 1, "memo": "{long}", "answers": [{answers}]}}]"#));
        let lengths: Vec<_> = rows.records.iter().map(|record| record.text.len() / 100).collect();
        assert_eq!(lengths, [4, 0, 0, 0], "once, in a row of its own");
    }
}
