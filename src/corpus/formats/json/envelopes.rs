//! Envelopes: fields in which services put all that an object holds, as `data` in
//! `{"kind": "t1", "data": {"author": …, "body": …}}`.
//!
//! Owns their names, and takes them away inside lists, so that an object says itself what it says. What
//! it says is decided in `message`.

use serde_json::{Map, Value};

/// Names of envelopes: of YouTube's comments, Reddit's listings, GraphQL's edges, JSON:API and search
/// indices. They are compared as they are, since `source` may be anything.
const NAMES: [&str; 6] = ["snippet", "topLevelComment", "data", "node", "attributes", "_source"];

/// Takes the envelopes from the objects in the lists of a document. A field beside an envelope is kept
/// before one inside it that has the same name.
pub(super) fn open(document: &mut Value) {
    match document {
        Value::Array(items) => open_all(items),
        Value::Object(fields) => fields.values_mut().for_each(open),
        _ => {}
    }
}

/// Takes the envelopes from the items of a list.
pub(super) fn open_all(items: &mut [Value]) {
    items.iter_mut().for_each(open_object);
}

fn open_object(value: &mut Value) {
    match value {
        Value::Array(items) => open_all(items),
        Value::Object(fields) => {
            if fields.values().filter(|value| is_labelled(value)).count() * 2 > fields.len() {
                fields.values_mut().for_each(unlabel);
            }
            fields.values_mut().for_each(open_object);
            let is_envelope = |(key, inner): (&String, &Value)| {
                NAMES.contains(&key.as_str()) && inner.is_object()
            };
            if !fields.iter().any(is_envelope) {
                return;
            }
            let mut opened = Map::new();
            let mut inside = Map::new();
            for (key, inner) in std::mem::take(fields) {
                match inner {
                    Value::Object(inner) if NAMES.contains(&key.as_str()) => inside.extend(inner),
                    inner => drop(opened.insert(key, inner)),
                }
            }
            for (key, inner) in inside {
                opened.entry(key).or_insert(inner);
            }
            *fields = opened;
        }
        _ => {}
    }
}

/// Whether a value stands as a label of an object, as feeds in JSON have them:
/// `{"label": "Late again", "attributes": …}`.
fn is_labelled(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        fields.get("label").is_some_and(Value::is_string)
            && fields.keys().all(|key| key == "label" || key == "attributes")
    })
}

fn unlabel(value: &mut Value) {
    if is_labelled(value) {
        *value = value["label"].take();
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, said};

    #[test]
    fn comments_in_envelopes_are_their_authors_and_the_channels_own_are_not() {
        let comment = |id: &str, who: &str, by: &str, text: &str| {
            format!(
                r#"{{"kind": "youtube#comment", "id": "{id}", "snippet": {{"authorDisplayName": "{who}", "authorChannelId": {{"value": "{by}"}},
                    "textDisplay": "{text}<br>", "textOriginal": "{text}"}}}}"#
            )
        };
        let first = comment("t1", "@lou", "UC2", "I cannot see where I am to click.");
        let own = comment("r1", "@channel", "UC1", "Great point, we will name the buttons!");
        let reply = comment("r2", "@pete", "UC3", "The cursor is off the screen half of the time.");
        let rows = load_json(&format!(
            r#"{{"kind": "list", "items": [{{"id": "t1", "snippet": {{"channelId": "UC1",
                "topLevelComment": {first}, "totalReplyCount": 2}},
                "replies": {{"comments": [{own}, {reply}]}}}},
                {{"id": "t2", "snippet": {{"topLevelComment": {first}}}}}]}}"#
        ));
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("@lou"), Some("@pete"), Some("@lou")]);
        assert!(!said(&rows)[0].1.contains("<br>"), "{:?}", said(&rows));
    }

    #[test]
    fn comments_below_comments_of_a_listing_are_rows() {
        let rows = load_json(
            r#"[{"kind": "Listing", "data": {"children": [
                {"kind": "t1", "data": {"author": "ana", "body": "I weighed a grape today.",
                    "replies": {"kind": "Listing", "data": {"children": [
                        {"kind": "t1", "data": {"author": "bo", "body": "I stopped after that.", "replies": ""}}]}}}},
                {"kind": "t1", "data": {"author": "cy", "body": "I log it dry.", "replies": ""}}]}}]"#,
        );
        let who: Vec<_> = said(&rows).iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("ana"), Some("bo"), Some("cy")]);
    }

    #[test]
    fn labels_of_a_feed_are_its_values_and_its_links_are_nobody() {
        let entry = |who: &str, text: &str| {
            format!(
                r#"{{"author": {{"uri": {{"label": "https://x.io/1"}}, "name": {{"label": "{who}"}}, "label": ""}},
                    "im:rating": {{"label": "1"}}, "id": {{"label": "11"}}, "title": {{"label": "Late again"}},
                    "content": {{"label": "{text}", "attributes": {{"type": "text"}}}}}}"#
            )
        };
        let rows = load_json(&format!(
            r#"{{"feed": {{"author": {{"name": {{"label": "Store"}}}}, "entry": [{}, {}],
                "link": [{{"attributes": {{"rel": "alternate", "type": "text/html"}}}}, {{"attributes": {{"rel": "self"}}}}]}}}}"#,
            entry("BusMum", "I stand at the stop with two kids."),
            entry("Nnenna O", "I want to pay in the app.")
        ));
        let said = said(&rows);
        let who: Vec<_> = said.iter().map(|(who, _)| *who).collect();
        assert_eq!(who, [Some("BusMum"), Some("Nnenna O")], "{said:?}");
        assert!(said[0].1.contains("content: I stand at the stop"), "{said:?}");
    }
}
