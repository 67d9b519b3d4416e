//! The last check of what is about to leave the machine.
//!
//! Owns the check of a finished request body, byte for byte as it would be sent. It looks for
//! removed values and for data with a fixed form; a name that the detectors never found passes, as
//! it did when the data was cleared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entity::{Entity, Span, resolve};
use super::fold::Folded;
use super::patterns;
use super::removed::Removed;

/// Lowest score of a pattern that stops a request; forms that other things have too score less.
const LEAST: f32 = 0.8;

/// Kinds and numbers of personal values in a request body; empty means that it may leave. A body
/// that is JSON is read as JSON, so that escapes hide nothing.
pub fn outbound(body: &[u8], removed: Option<&Removed>) -> BTreeMap<Entity, usize> {
    let mut met = BTreeMap::new();
    let mut look = |text: &str| {
        for span in personal(text, removed) {
            *met.entry(span.entity).or_default() += 1;
        }
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => each_string(&value, &mut look),
        Err(_) => look(&String::from_utf8_lossy(body)),
    }
    met
}

fn personal(text: &str, removed: Option<&Removed>) -> Vec<Span> {
    let folded = Folded::of(text);
    let mut spans = Vec::new();
    patterns::find(&folded.text, &mut spans);
    spans.retain(|span| span.score >= LEAST);
    for span in &mut spans {
        (span.start, span.end) = folded.range(span.start, span.end);
    }
    let Some(removed) = removed else { return resolve(spans) };
    let mut spans = removed.outside_replacements(text, spans);
    spans.extend(removed.met_in(text));
    resolve(spans)
}

/// Calls `look` with every string of a document, keys included.
fn each_string(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(values) => values.iter().for_each(|value| each_string(value, look)),
        Value::Object(fields) => {
            for (key, value) in fields {
                look(key);
                each_string(value, look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Pseudonyms, Strategy};
    use super::*;

    fn removed() -> Removed {
        let values = [(Entity::Person, "Ana Moreira"), (Entity::EmailAddress, "ana@example.net")];
        let mut table = Pseudonyms::new(Strategy::Replace, Key::of_seed(1), values.iter().copied());
        for (entity, value) in &values {
            table.of(*entity, value);
        }
        let values = values.map(|(entity, value)| (value.to_owned(), entity)).into();
        Removed::of(&values, &std::collections::BTreeSet::new(), &table, BTreeMap::new()).unwrap()
    }

    #[test]
    fn an_escape_hides_nothing() {
        let removed = removed();
        let body = br#"{"input":"he said:\nMoreira, \u0061na@example.net","n":4}"#;
        let met = outbound(body, Some(&removed));
        assert_eq!(met, BTreeMap::from([(Entity::Person, 1), (Entity::EmailAddress, 1)]));
        assert_eq!(outbound(b"not json: Moreira", Some(&removed)).len(), 1);
    }

    #[test]
    fn what_replaces_may_leave_and_what_has_a_form_may_not() {
        let removed = removed();
        let made: Vec<String> = removed.map().replacements().map(str::to_owned).collect();
        let body = serde_json::json!({ "input": made }).to_string();
        assert_eq!(outbound(body.as_bytes(), Some(&removed)), BTreeMap::new());
        let other = br#"{"input":"write to bea@example.net"}"#;
        assert_eq!(outbound(other, Some(&removed)).get(&Entity::EmailAddress), Some(&1));
        assert_eq!(outbound(other, None).get(&Entity::EmailAddress), Some(&1));
        assert!(outbound(br#"{"input":"in 1999, see f1#4 and 2010-2015"}"#, None).is_empty());
    }
}
