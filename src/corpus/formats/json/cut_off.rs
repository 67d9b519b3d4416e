//! Previews: fields with the beginning of a text that stands in full beside them.
//!
//! Owns telling and leaving them out.

use serde_json::Value;

use super::message::{Object, said_by};
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Fields that may hold the beginning of another text.
const PREVIEW: [&str; 5] = ["bodypreview", "excerpt", "preview", "snippet", "textpreview"];

/// Takes out the fields with the beginning of what the object, or one inside it, says.
pub(super) fn take_out(document: &mut Value, rows: &mut Rows) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| take_out(item, rows)),
        Value::Object(fields) => {
            let is_cut = |(key, value): &(&String, &Value)| {
                let start = value.as_str().filter(|_| PREVIEW.contains(&&*normalise(key)));
                start.is_some_and(|start| says(fields, &letters(start)))
            };
            let cut: Vec<String> =
                fields.iter().filter(is_cut).map(|(key, _)| key.clone()).collect();
            for key in cut {
                fields.remove(&key);
                rows.findings.name("cut-off-text", None, 1, key, |names| {
                    format!("left out, as the whole text stands beside its beginning: {names}")
                });
            }
            fields.values_mut().for_each(|field| take_out(field, rows));
        }
        _ => {}
    }
}

/// Whether an object, or one inside it, says something that begins so.
fn says(object: &Object, start: &str) -> bool {
    fn inside(value: &Value, start: &str) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| inside(item, start)),
            Value::Object(object) => says(object, start),
            _ => false,
        }
    }
    !start.is_empty()
        && (said_by(object).is_some_and(|said| letters(&said).starts_with(start))
            || object.values().any(|value| inside(value, start)))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, texts};

    #[test]
    fn the_beginning_of_a_text_is_left_out_and_another_text_is_not() {
        let rows = load_json(
            r#"[{"id": 1, "preview": "I enter grades at night and the page log", "customer": "Jonas", "body": "I enter grades at night and the page logs me out."},
                {"id": 2, "preview": "I saw the new page and fear it.", "customer": "Efua", "body": "Parents write to me on Sunday."}]"#,
        );
        let all = texts(&rows);
        assert!(!all[0].contains("preview"), "{all:?}");
        assert!(all[1].contains("fear it"), "{all:?}");
        assert!(rows.findings.kinds().contains(&("cut-off-text", None, 1)));
    }
}
