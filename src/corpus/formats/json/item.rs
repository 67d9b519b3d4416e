//! The row that an item, or an object inside one, becomes.
//!
//! Owns which fields stand in it: the object's own, those of the objects around it, and who speaks.
//! Which objects become rows is decided in `nested`; what an object says, in `message`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use super::join;
use super::message::{self, Object, Speaker, said_by, said_field, scalar, speaker_of};
use super::people::{People, known};
use crate::corpus::names::{self, is_question, participant_rank};
use crate::corpus::talk::moderator;

/// Names of the columns for the speaker of a row and the speaker's role.
const SPEAKER_NAME: &str = "speaker";
const SPEAKER_ROLE: &str = "speaker_role";

/// Most fields of an item that are repeated in each of its rows.
pub(super) const AROUND: usize = 60;

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

/// What the row of an object takes from the item and the objects around it.
#[derive(Clone)]
pub(super) struct Around<'v> {
    /// Number of the item, from 1.
    pub number: usize,
    /// The people whom the item lists.
    pub people: Rc<People<'v>>,
    /// The accounts that the document lists apart.
    pub accounts: Rc<People<'v>>,
    /// Fields of the objects around it, by their paths.
    pub fields: Vec<(String, &'v Value)>,
    /// The speaker that the nearest of these objects names.
    pub speaker: Option<Speaker<'v>>,
    /// The customer with whom the conversation is.
    pub contact: Option<String>,
}

impl<'v> Around<'v> {
    /// The same with fields of an object further in, and with its speaker if it names one.
    pub(super) fn with(&self, fields: &[&Field<'v>], speaker: Option<Speaker<'v>>) -> Self {
        let mut around = self.clone();
        around.fields.extend(fields.iter().map(|(_, at, value)| (at.clone(), *value)));
        around.fields.truncate(AROUND);
        around.speaker = speaker.or(around.speaker);
        around
    }

    /// The customer as the author of a message, of whom it only says that a customer wrote it.
    fn contact_as_author(&self, message: &'v Object) -> Option<Speaker<'v>> {
        let (field, role) = message::unnamed_author(message)?;
        let name = self.contact.clone().filter(|_| message::is_customer(&role))?;
        Some(Speaker { field, name, role: Some(role) })
    }
}

/// A field of an object: its key, its path, and its value.
pub(super) type Field<'v> = (&'v str, String, &'v Value);

pub(super) fn text<'v>(text: &str) -> Cow<'v, Value> {
    Cow::Owned(Value::String(text.to_owned()))
}

/// The row of an item that is not unfolded: its own fields, the speaker's role, and the speaker's
/// name where no field names the participant.
pub(super) fn flat<'v>(number: usize, item: &'v Value, accounts: &People<'v>) -> Item<'v> {
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
    // The speaker's part stands in a field of its own.
    if let Some(Speaker { field, role: Some(role), .. }) = &speaker {
        for (_, value) in fields.iter_mut().filter(|(name, _)| name == field) {
            *value = without_part(value, role);
        }
    }
    let of_speaker = speaker.iter().flat_map(speaker_fields);
    fields.extend(of_speaker.filter(|(name, _)| !is_named || name == SPEAKER_ROLE));
    let is_again = |name: &str| said_field(object) != Some(name) && message::says_again(name);
    fields.retain(|(name, _)| said.is_none() || !is_again(name));
    call_by_account(&mut fields, accounts);
    Item { number, fields, place: String::new(), said, has_speaker: speaker.is_some() }
}

/// Puts the names of accounts in the place of their ids.
fn call_by_account<'v>(fields: &mut [(String, Cow<'v, Value>)], accounts: &People<'v>) {
    for (name, value) in fields {
        let person = || scalar(value).and_then(|id| accounts.get(&id).copied());
        let named = participant_rank(name).and_then(|_| message::person_name(person()?));
        if let Some(named) = named {
            *value = text(&named);
        }
    }
}

/// The object for a speaker without the field that gives their part in the conversation.
fn without_part<'v>(person: &Cow<'v, Value>, role: &str) -> Cow<'v, Value> {
    let Some(fields) = person.as_object().filter(|_| moderator::part(role).is_some()) else {
        return person.clone();
    };
    let others = fields.iter().filter(|(_, value)| value.as_str() != Some(role));
    let others = others.map(|(key, value)| (key.clone(), value.clone()));
    Cow::Owned(Value::Object(others.collect()))
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
pub(super) fn row<'v>(
    place: &str,
    object: &'v Object,
    own: Vec<(&'v str, &'v Value)>,
    turn: Option<&str>,
    around: &Around<'v>,
) -> Item<'v> {
    let own_speaker = speaker_of(object).or_else(|| around.contact_as_author(object));
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
    call_by_account(&mut fields, &around.accounts);
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

/// Whether a field, or one of those inside it, names the participant.
fn names_participant((name, value): &(String, Cow<'_, Value>)) -> bool {
    match value.as_object() {
        Some(fields) => fields.keys().any(|key| participant_rank(&join(name, key)).is_some()),
        None => participant_rank(name).is_some(),
    }
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
pub(super) fn name_participant(rows: &mut [Item<'_>], item: &Object, number: usize) {
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
