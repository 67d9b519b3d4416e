//! What a JSON object says, and who says it.
//!
//! Owns the names that services and survey tools give these fields, and the text of rich text.
//! Looks at one object at a time.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::corpus::names::{is_question, normalise};
use crate::corpus::talk::moderator;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Fields that hold what was said, the best first.
const SAID: [&str; 20] = [
    "text",
    "body",
    "bodytext",
    "message",
    "content",
    "comment",
    "transcript",
    "utterance",
    "sentence",
    "quote",
    "note",
    "description",
    "answer",
    "response",
    "plainbody",
    "plaintext",
    "textoriginal",
    "textdisplay",
    "cooked",
    "selftext",
];

/// Fields that hold an answer where a question stands beside them.
const ANSWER: [&str; 8] =
    ["a", "reply", "value", "antwort", "réponse", "respuesta", "resposta", "risposta"];

/// Fields that hold who said it, the best first.
const SPEAKER: [&str; 19] = [
    "speakername",
    "speaker",
    "speakerlabel",
    "speakerid",
    "authorname",
    "author",
    "sender",
    "from",
    "authordisplayname",
    "userprofile",
    "authorprofile",
    "username",
    "user",
    "createdby",
    "postedby",
    "authorid",
    "senderid",
    "userid",
    "name",
];

/// Fields that hold who said it where their value is an account. Else they may be whose a thing is.
const ACCOUNT: [&str; 3] = ["owner", "membercreator", "creator"];

/// Fields of a conversation with the customer whom it is with.
const CONTACT: [&str; 6] = ["contact", "customer", "requester", "enduser", "visitor", "client"];

/// Fields that tell which person an object stands for, the best first, before its id.
const PERSON: [&str; 7] =
    ["name", "displayname", "realname", "fullname", "username", "login", "email"];
/// Field that tells it where no other does.
const ID: &str = "id";

/// Fields with somebody's role in a conversation. The type of a message is not one.
const ROLE: [&str; 8] = [
    "affiliation",
    "authortype",
    "authorrole",
    "sendertype",
    "senderrole",
    "speakertype",
    "speakerrole",
    "direction",
];

/// Fields that are true of a message by an organisation's own people.
const STAFFS: [&str; 13] = [
    "fromagent",
    "outgoing",
    "outbound",
    "isoutbound",
    "private",
    "isprivate",
    "internal",
    "isinternal",
    "isstaff",
    "staff",
    "moderator",
    "authorisuploader",
    "authorischannelowner",
];
/// Fields that are false of such a message.
const CUSTOMERS: [&str; 6] =
    ["incoming", "inbound", "isinbound", "fromcustomer", "public", "ispublic"];

/// Fields that are true of a machine's messages.
const BOT: [&str; 2] = ["bot", "isbot"];

/// Fields with the time of a word in a recording.
const WORD_TIME: [&str; 5] = ["start", "starttime", "begin", "offset", "end"];

/// Fields that repeat, in another form, what the object says.
const AGAIN: [&str; 7] =
    ["blocks", "entities", "textentities", "bodyhtml", "htmlbody", "richtext", "textdisplay"];

/// Fields of a piece of rich text. An object with other fields is a thing of its own: a message, an
/// answer.
const RICH: [&str; 10] = [
    "type",
    "text",
    "content",
    "marks",
    "attrs",
    "href",
    "url",
    "user_id",
    "document_id",
    "version",
];

/// The fields of an object by their normalised names, which are made once for all look-ups.
struct Fields<'v> {
    object: &'v Object,
    /// In the object's order: the normalised name, the name as it is written, and the value.
    all: Vec<(String, &'v str, &'v Value)>,
}

impl<'v> Fields<'v> {
    fn of(object: &'v Object) -> Self {
        let all = object.iter().map(|(key, value)| (normalise(key), key.as_str(), value)).collect();
        Self { object, all }
    }

    /// The fields of this normalised name, as they are written.
    fn named(&self, name: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
        let named = self.all.iter().filter(move |(normalised, ..)| normalised == name);
        named.map(|(_, key, value)| (*key, *value))
    }

    /// The first field of this normalised name, as it is written.
    fn first(&self, name: &str) -> Option<(&'v str, &'v Value)> {
        self.named(name).next()
    }

    /// The text or number in the first field of this normalised name.
    fn scalar(&self, name: &str) -> Option<String> {
        scalar(self.first(name)?.1)
    }

    /// The text or number in the first of these fields that has one.
    fn any_scalar(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.scalar(name))
    }
}

/// The name of the field that holds what an object says: one for such text, or for an answer beside
/// a question.
pub(super) fn said_field(object: &Object) -> Option<&str> {
    let fields = Fields::of(object);
    let has_text = |value: &Value| {
        value.as_str().is_some_and(|text| !text.trim().is_empty()) || rich_text(value).is_some()
    };
    let named = |name: &&str| {
        let (key, _) = fields.named(name).find(|(_, value)| has_text(value))?;
        Some(key)
    };
    let answer = || holds_question(object).then(|| ANSWER.iter().find_map(named))?;
    SAID.iter().find_map(named).or_else(answer)
}

/// The text of what an object says.
pub(super) fn said_by(object: &Object) -> Option<Cow<'_, str>> {
    let value = &object[said_field(object)?];
    value.as_str().map(Cow::Borrowed).or_else(|| rich_text(value).map(Cow::Owned))
}

/// Whether an object holds an answer without words: a number, or a yes or no.
pub(super) fn has_answer(object: &Object) -> bool {
    object.iter().any(|(key, value)| {
        let name = normalise(key);
        (value.is_number() || value.is_boolean())
            && (SAID.contains(&&*name) || ANSWER.contains(&&*name))
    })
}

/// Whether a field repeats what another field of the object says.
pub(super) fn says_again(name: &str) -> bool {
    AGAIN.contains(&&*normalise(name))
}

/// Whether an object holds a question.
pub(super) fn holds_question(object: &Object) -> bool {
    object.keys().any(|key| is_question(key))
}

/// Whether a field says who speaks.
pub(super) fn is_speaker_field(name: &str) -> bool {
    let name = normalise(name);
    SPEAKER.contains(&&*name) || ACCOUNT.contains(&&*name)
}

/// Whether a field says with whom a conversation is, by name or by id.
fn is_contact_field(name: &str) -> bool {
    let name = normalise(name);
    CONTACT.contains(&name.strip_suffix("id").unwrap_or(&name))
}

/// Whether a field holds a person: who says something, or with whom a conversation is.
pub(super) fn is_person_field(name: &str) -> bool {
    is_speaker_field(name) || CONTACT.contains(&&*normalise(name))
}

/// The person who says something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speaker<'v> {
    /// Name of the field that says who it is.
    pub field: &'v str,
    /// A name, or an id.
    pub name: String,
    /// The role in the conversation, where it is given: `admin`, `user`.
    pub role: Option<String>,
}

/// The customer whom a conversation is with.
pub(super) fn contact_of(conversation: &Object) -> Option<String> {
    let fields = Fields::of(conversation);
    CONTACT.iter().find_map(|name| person_name(fields.first(name)?.1.as_object()?))
}

/// Whether the role of an author is that of a customer.
pub(super) fn is_customer(role: &str) -> bool {
    moderator::is_anyone(role) || ["contact", "lead", "visitor"].contains(&normalise(role).as_str())
}

/// The field for the author of a message, and their role, where it gives no more than that.
pub(super) fn unnamed_author(object: &Object) -> Option<(&str, String)> {
    unnamed_author_in(&Fields::of(object))
}

fn unnamed_author_in<'v>(fields: &Fields<'v>) -> Option<(&'v str, String)> {
    SPEAKER.iter().find_map(|name| {
        let (key, value) = fields.first(name)?;
        let person = Fields::of(value.as_object()?);
        if name_in(&person).is_some() {
            return None;
        }
        let role = person_role_in(&person)?;
        (is_customer(&role) || moderator::is_staff(&role)).then_some((key, role))
    })
}

/// The speaker of what an object says.
pub(super) fn speaker_of(object: &Object) -> Option<Speaker<'_>> {
    let fields = Fields::of(object);
    let unnamed = || {
        let (field, role) =
            unnamed_author_in(&fields).filter(|(_, role)| moderator::is_staff(role))?;
        Some(Speaker { field, name: role.clone(), role: Some(role) })
    };
    named_speaker(&fields).or_else(unnamed)
}

fn named_speaker<'v>(fields: &Fields<'v>) -> Option<Speaker<'v>> {
    // A ticket is its customer's, whoever works on it.
    let has_contact = || fields.all.iter().any(|(_, key, _)| is_contact_field(key));
    SPEAKER.iter().chain(&ACCOUNT).find_map(|name| {
        let (field, value) = fields.first(name)?;
        let person = value.as_object().map(Fields::of);
        if ACCOUNT.contains(name) && (person.is_none() || has_contact()) {
            return None;
        }
        let name = person.as_ref().map_or_else(|| scalar(value), name_in)?;
        let is_role = |name: &&String| moderator::is_staff(name);
        // A role beside the words may be a job; an object for a person describes their account.
        let own_role = || fields.scalar("role").filter(|role| !moderator::may_be_job(role));
        let role = person.as_ref().and_then(person_role_in);
        let role = role.or_else(|| role_in(fields)).or_else(own_role);
        let role = role.or_else(|| Some(&name).filter(is_role).cloned());
        Some(Speaker { field, name, role })
    })
}

/// The name of the person whom an object stands for, or another value that tells who it is.
pub(super) fn person_name(person: &Object) -> Option<String> {
    name_in(&Fields::of(person))
}

fn name_in(person: &Fields<'_>) -> Option<String> {
    let parts = || {
        let first = person.any_scalar(&["first", "firstname", "givenname"])?;
        let last = person.any_scalar(&["last", "lastname", "familyname"]);
        Some(last.map_or(first.clone(), |last| format!("{first} {last}")))
    };
    person.any_scalar(&PERSON).or_else(parts).or_else(|| person.scalar(ID))
}

/// The id of an item, or else another value that tells it apart: [`person_name`] in reverse order.
pub(super) fn item_id(item: &Object) -> Option<String> {
    let fields = Fields::of(item);
    let others = || PERSON.iter().rev().find_map(|name| fields.scalar(name));
    fields.scalar(ID).or_else(others)
}

/// The role in a conversation of the person whom an object stands for.
pub(super) fn person_role(person: &Object) -> Option<String> {
    person_role_in(&Fields::of(person))
}

fn person_role_in(person: &Fields<'_>) -> Option<String> {
    role_in(person).or_else(|| person.any_scalar(&["role", "type"]))
}

fn role_in(fields: &Fields<'_>) -> Option<String> {
    let object = fields.object;
    let has = |wanted: bool, names: &[&str]| {
        let named = |(name, _, value): &(String, &str, &Value)| {
            **value == wanted && names.contains(&name.as_str())
        };
        fields.all.iter().any(named)
    };
    // How Slack marks messages of programs and of the channel itself.
    let subtype = object.get("subtype").and_then(Value::as_str).unwrap_or_default();
    let is_posted = object.get("bot_id").is_some_and(Value::is_string);
    if has(true, &BOT) || is_posted || subtype.starts_with("bot_") {
        return Some("bot".to_owned());
    }
    if subtype.starts_with("channel_") || subtype.starts_with("group_") {
        return Some("system".to_owned());
    }
    let is_by_staff = has(true, &STAFFS) || has(false, &CUSTOMERS);
    if is_by_staff || is_by_channel(object, object.get(CHANNEL)) {
        return Some("agent".to_owned());
    }
    fields.any_scalar(&ROLE)
}

/// Field with the channel under whose video a comment stands, of the comment or of its thread.
pub(super) const CHANNEL: &str = "channelId";

/// Whether a comment is by the channel under whose video it stands.
pub(super) fn is_by_channel(comment: &Object, channel: Option<&Value>) -> bool {
    let author = comment.get("authorChannelId").and_then(|author| author.get("value"));
    author.is_some() && author == channel
}

/// A text or number as text; `None` for empty text and for other values.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a list holds the single words of a recording with their times, which repeat what is said
/// elsewhere.
pub(super) fn are_timed_words(list: &[Value]) -> bool {
    fn has_phrase(value: &Value) -> bool {
        match value {
            Value::String(text) => text.trim().contains(char::is_whitespace),
            Value::Array(items) => items.iter().any(has_phrase),
            Value::Object(fields) => fields.values().any(has_phrase),
            _ => false,
        }
    }
    let is_timed = |object: &Object| object.keys().any(|key| WORD_TIME.contains(&&*normalise(key)));
    let timed = list.iter().filter_map(Value::as_object).filter(|object| is_timed(object)).count();
    timed > 0 && timed * 2 >= list.len() && !list.iter().any(has_phrase)
}

/// The text of rich text as editors keep it: a list of pieces, or a document of paragraphs.
pub(super) fn rich_text(value: &Value) -> Option<String> {
    let pieces = match value {
        Value::Array(pieces) => pieces,
        Value::Object(document) if document.get("type")? == "doc" => {
            document.get("content")?.as_array()?
        }
        _ => return None,
    };
    // A list of plain texts is a list of answers.
    if !pieces.iter().any(Value::is_object) {
        return None;
    }
    let mut text = String::new();
    pieces.iter().try_for_each(|piece| write_rich(piece, &mut text))?;
    Some(text.trim().to_owned())
}

fn write_rich(piece: &Value, text: &mut String) -> Option<()> {
    match piece {
        Value::String(plain) => text.push_str(plain),
        Value::Object(fields) if fields.keys().all(|key| RICH.contains(&key.as_str())) => {
            let kind = fields.get("type")?.as_str()?;
            match (fields.get("text"), fields.get("content")) {
                (Some(Value::String(plain)), None) => text.push_str(plain),
                (None, Some(Value::Array(inner))) => {
                    inner.iter().try_for_each(|piece| write_rich(piece, text))?;
                    text.push('\n');
                }
                (None, None) if kind.to_lowercase().contains("break") => text.push('\n'),
                (None, None) => {}
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}
