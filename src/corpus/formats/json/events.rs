//! Messages of threads and chats that are nobody's words, or not their author's.
//!
//! Owns telling them: deleted ones, those that a service writes about its own events, forwarded
//! ones, and files without a word. They are taken out in place, so that the numbers of the others
//! stay.

use serde_json::Value;

use super::message::{self, Object, said_by, said_field, speaker_of};
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// What services show in place of a message that is no longer there.
const DELETED: [&str; 8] = [
    "[deleted by user]",
    "[deleted]",
    "[removed by moderator]",
    "[removed by reddit]",
    "[removed]",
    "[unavailable]",
    "this comment has been removed.",
    "this message was deleted.",
];

/// Types of messages that Discord writes by itself.
const EVENTS: [&str; 9] = [
    "ChannelFollowAdd",
    "ChannelIconChange",
    "ChannelNameChange",
    "ChannelPinnedMessage",
    "GuildMemberJoin",
    "RecipientAdd",
    "RecipientRemove",
    "ThreadCreated",
    "UserPremiumGuildSubscription",
];

/// Fields of a message with what was sent instead of words.
const MEDIA: [&str; 7] = [
    "contactinformation",
    "file",
    "locationinformation",
    "mediatype",
    "photo",
    "stickeremoji",
    "thumbnail",
];

/// Why a message is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Deleted,
    Event,
    Forwarded,
    Wordless,
}

impl Why {
    const ALL: [Self; 4] = [Self::Deleted, Self::Event, Self::Forwarded, Self::Wordless];

    /// The kind and the message of the finding.
    fn finding(self) -> (&'static str, &'static str) {
        match self {
            Self::Deleted => ("deleted-message", "deleted messages were left out"),
            Self::Event => (
                "service-message",
                "messages that a service writes about its own events are nobody's words; left out",
            ),
            Self::Forwarded => (
                "forwarded-message",
                "forwarded messages are not the words of those who pass them on; left out",
            ),
            Self::Wordless => ("wordless-message", "messages without words were left out"),
        }
    }
}

/// Takes out the messages that are nobody's words.
pub(super) fn take_out(document: &mut Value, rows: &mut Rows) {
    let mut taken = Vec::new();
    visit(document, &mut taken);
    for why in Why::ALL {
        let (kind, message) = why.finding();
        let count = taken.iter().filter(|other| **other == why).count();
        rows.findings.add(kind, None, count, || message.to_owned());
    }
}

fn visit(value: &mut Value, taken: &mut Vec<Why>) {
    match value {
        Value::Array(items) => {
            for item in items {
                if let Some(object) = item.as_object_mut()
                    && let Some(why) = why(object)
                {
                    taken.push(why);
                    if holds_messages(object) {
                        let said = said_field(object).map(str::to_owned);
                        let is_said =
                            |key: &String| Some(key) == said.as_ref() || message::says_again(key);
                        object.retain(|key, _| !is_said(key));
                    } else {
                        *item = Value::Null;
                    }
                }
                visit(item, taken);
            }
        }
        Value::Object(fields) => {
            fields.retain(|key, value| !is_missing_file(key, value));
            fields.values_mut().for_each(|field| visit(field, taken));
        }
        _ => {}
    }
}

/// Whether a field says that a file was not exported: `(File not included. …)`.
fn is_missing_file(key: &str, value: &Value) -> bool {
    MEDIA.contains(&&*normalise(key))
        && value.as_str().is_some_and(|text| text.starts_with("(File ") && text.ends_with(')'))
}

fn why(object: &Object) -> Option<Why> {
    let is_deleted = |said: &str| DELETED.contains(&said.trim().to_lowercase().as_str());
    if said_by(object).is_some_and(|said| is_deleted(&said)) {
        return Some(Why::Deleted);
    }
    if is_event(object) {
        return Some(Why::Event);
    }
    if object.get("forwarded_from").is_some_and(|from| !from.is_null())
        && object.contains_key("from")
    {
        return Some(Why::Forwarded);
    }
    let has_media = object.keys().any(|key| MEDIA.contains(&&*normalise(key)));
    let text = object.get("text")?;
    let is_empty = *text == "" || text.as_array().is_some_and(Vec::is_empty);
    (is_empty && has_media && object.contains_key("from_id")).then_some(Why::Wordless)
}

fn is_event(object: &Object) -> bool {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let has = |key: &str| object.get(key).is_some_and(|value| !value.is_null());
    let by_discord =
        EVENTS.iter().any(|event| kind.starts_with(event)) && speaker_of(object).is_some();
    let by_telegram = kind == "service" && has("actor") && has("action");
    let by_discourse =
        has("cooked") && (has("action_code") || object.get("post_type") == Some(&Value::from(3)));
    let by_gitlab =
        object.get("system") == Some(&Value::Bool(true)) && said_field(object).is_some();
    let by_trello =
        has("idMemberCreator") && !kind.is_empty() && !kind.to_lowercase().contains("comment");
    by_discord || by_telegram || by_discourse || by_gitlab || by_trello
}

/// Whether messages stand inside of an object.
fn holds_messages(object: &Object) -> bool {
    fn holds(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| match item {
                Value::Object(object) => said_field(object).is_some() || holds(item),
                item => holds(item),
            }),
            Value::Object(fields) => fields.values().any(holds),
            _ => false,
        }
    }
    let is_own = |key: &str| message::says_again(key) || said_field(object) == Some(key);
    object.iter().any(|(key, value)| !is_own(key) && holds(value))
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, rows_and_said, said};

    #[test]
    fn deleted_comments_are_left_out_and_replies_to_them_stay() {
        let rows = load_json(
            r#"[{"author": "a1", "body": "I moved my bed into the hallway."},
                {"author": "[deleted]", "body": "[deleted]"},
                {"author": "c3", "body": "I sleep in the bath, it is [removed] from the noise."},
                {"author": "d4", "body": "[removed]", "replies": [{"author": "e5", "body": "I tried that too and it helped."},
                    {"author": "f6", "body": "I would never do that."}]}]"#,
        );
        let text = said(&rows).iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
        assert!(!text.contains("[deleted]") && !text.contains(": [removed]"), "{text}");
        for said in ["the hallway", "from the noise", "I tried that too", "never do that"] {
            assert!(text.contains(said), "{text}");
        }
        assert!(rows.findings.kinds().contains(&("deleted-message", None, 2)));
        let rows = load_json(
            r#"[{"author": "a1", "body": "I moved my bed into the hallway.", "replies": [
                {"author": "b2", "body": "I have no hallway at all."}, {"author": "[deleted]", "body": "[deleted]"}]}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("a1"), Some("b2")]);
    }

    #[test]
    fn events_of_a_chat_are_nobodys_words() {
        let rows = load_json(
            r#"{"messages": [
                {"id": "1", "type": "GuildMemberJoin", "content": "Joined the server.", "author": {"id": "9", "name": "joaquin"}},
                {"id": "2", "type": "Default", "content": "I can't reach the pause button", "author": {"id": "9", "name": "joaquin"}},
                {"id": "3", "type": "Reply", "content": "I stopped since it takes an hour", "author": {"id": "8", "name": "sunniva"}},
                {"id": "4", "type": "ChannelPinnedMessage", "content": "Pinned a message.", "author": {"id": "8", "name": "sunniva"}}]}"#,
        );
        let all = rows_and_said(&rows);
        let who: Vec<_> = all.iter().map(|(row, who, _)| (*row, *who)).collect();
        assert_eq!(who, [(2, Some("joaquin")), (3, Some("sunniva"))]);
        assert!(rows.findings.kinds().contains(&("service-message", None, 2)));
    }

    #[test]
    fn what_was_forwarded_or_has_no_words_is_left_out_of_a_chat() {
        let rows = load_json(
            r#"{"name": "Dairy", "type": "private_group", "id": 1, "messages": [
                {"id": 1, "type": "service", "actor": "Aled", "actor_id": "user1", "action": "create_group", "title": "Dairy", "text": ""},
                {"id": 2, "type": "message", "from": "Aled", "from_id": "user1", "text": "The tanker comes at four."},
                {"id": 3, "type": "message", "from": "Rosa", "from_id": "user3", "photo": "(File not included. Change data exporting settings to download.)", "text": ""},
                {"id": 4, "type": "message", "from": "Rosa", "from_id": "user3", "photo": "(File not included. Change data exporting settings to download.)", "text": "I hang it next to the clock."},
                {"id": 5, "type": "message", "from": "Aled", "from_id": "user1", "forwarded_from": "Dairy News", "text": "Prices rise again this year."}]}"#,
        );
        let said = said(&rows);
        let who: Vec<_> = said.iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("Aled"), Some("Rosa")], "{said:?}");
        assert!(!said[1].1.contains("not included"), "{said:?}");
        // An answer that is empty says something with its other fields.
        let rows = load_json(
            r#"[{"name": "Ana", "text": "", "rating": 4}, {"name": "Bo", "text": "I like it a lot.", "rating": 5}]"#,
        );
        assert_eq!(rows.records.len(), 2);
    }
}
