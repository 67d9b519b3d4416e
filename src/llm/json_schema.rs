//! A [`Shape`] as JSON Schema, for services that enforce one.
//!
//! Owns the dialects. What a dialect may not state as a keyword goes into a `description`, so that
//! the model reads it; nothing here is relied upon, since the caller checks every answer.
//!
//! Strict: <https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs>,
//! <https://platform.openai.com/docs/guides/structured-outputs>. Open:
//! <https://ai.google.dev/gemini-api/docs/structured-output>.

use serde_json::{Map, Value, json};

use super::{Shape, Source};

/// Widest range of whole numbers that is listed number by number where bounds are not allowed.
const MAX_SPELLED_OUT: i64 = 32;

/// Most excerpts that are listed for one source: each makes the schema longer.
const MAX_EXCERPTS: usize = 24;

/// Which JSON Schema keywords a service accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Types, enumerations and required keys, but no bounds of any kind.
    Strict,
    /// As [`Self::Strict`], and bounds on items and numbers.
    Open,
    /// As [`Self::Open`], for servers that turn a schema into a grammar: excerpts are listed word
    /// for word, so that none can be invented.
    Listed,
}

/// The JSON Schema of a shape: every key required, no others allowed, keys in the shape's order.
pub(super) fn schema(shape: &Shape, dialect: Dialect) -> Value {
    match shape {
        Shape::Object(fields) => {
            object(fields.iter().map(|(key, shape)| (key.as_str(), schema(shape, dialect))))
        }
        Shape::Array { item, min, max } => {
            let mut array = json!({
                "type": "array",
                "description": format!("{} items", bounds(min, max)),
                "items": schema(item, dialect),
            });
            if dialect != Dialect::Strict {
                array["minItems"] = json!(min);
                array["maxItems"] = json!(max);
            }
            array
        }
        Shape::Text { min, max } => json!({
            "type": "string",
            "description": format!("{} characters, without line breaks", bounds(min, max)),
        }),
        Shape::OneOf(all) => one_of(all),
        Shape::Phrase(_) => json!({
            "type": "string", "description": "an exact copy of one or a few words of the text",
        }),
        Shape::Integer { min, max } => integer(*min, *max, dialect),
        Shape::Excerpt(sources) => {
            let listed = (dialect == Dialect::Listed).then(|| listed(sources)).flatten();
            listed.unwrap_or_else(|| in_words(sources))
        }
    }
}

/// One of some texts. No schema may have an empty list: where there is nothing to choose from, any
/// text passes here, and the caller's check refuses it.
fn one_of<T: AsRef<str>>(texts: &[T]) -> Value {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    if texts.is_empty() {
        return json!({ "type": "string" });
    }
    json!({ "type": "string", "enum": texts })
}

/// An excerpt whose text is only described.
fn in_words(sources: &[Source]) -> Value {
    let ids: Vec<&str> = sources.iter().map(|source| source.id.as_str()).collect();
    let text = "an exact copy of consecutive words of that record: \
                at least 4 words, at most 240 characters";
    object([("record", one_of(&ids)), ("text", json!({ "type": "string", "description": text }))])
}

/// One alternative per source, with the texts that it offers; a source that offers none is left
/// out. `None` where none offers any.
fn listed(sources: &[Source]) -> Option<Value> {
    let alternatives = sources.iter().filter_map(|source| {
        let texts: Vec<&str> = source.excerpts().into_iter().take(MAX_EXCERPTS).collect();
        let excerpt = || object([("record", one_of(&[&source.id])), ("text", one_of(&texts))]);
        (!texts.is_empty()).then(excerpt)
    });
    let alternatives: Vec<Value> = alternatives.collect();
    (!alternatives.is_empty()).then(|| json!({ "anyOf": alternatives }))
}

fn object<'k>(properties: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn integer(min: i64, max: i64, dialect: Dialect) -> Value {
    match dialect {
        Dialect::Open | Dialect::Listed => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Dialect::Strict if max.saturating_sub(min) < MAX_SPELLED_OUT => {
            let all: Vec<i64> = (min..=max).collect();
            json!({ "type": "integer", "enum": all })
        }
        Dialect::Strict => json!({ "type": "integer", "description": bounds(&min, &max) }),
    }
}

fn bounds<N: PartialEq + std::fmt::Display>(min: &N, max: &N) -> String {
    if min == max { format!("exactly {min}") } else { format!("{min} to {max}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str) -> Source {
        Source { id: id.to_owned(), cells: vec!["some words that were said".to_owned()] }
    }

    fn shape() -> Shape {
        Shape::Object(vec![
            ("zest".to_owned(), Shape::Text { min: 10, max: 80 }),
            (
                "age".to_owned(),
                Shape::Array {
                    item: Box::new(Shape::Excerpt(vec![source("f1#0"), source("f1#7")])),
                    min: 1,
                    max: 3,
                },
            ),
            ("kind".to_owned(), Shape::OneOf(vec!["b".to_owned(), "a".to_owned()])),
            ("mark".to_owned(), Shape::Integer { min: 1, max: 5 }),
            ("year".to_owned(), Shape::Integer { min: 1900, max: 2100 }),
        ])
    }

    #[test]
    fn every_key_is_required_in_the_order_of_the_shape() {
        for dialect in [Dialect::Strict, Dialect::Open, Dialect::Listed] {
            let schema = schema(&shape(), dialect);
            let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(keys, ["zest", "age", "kind", "mark", "year"]);
            assert_eq!(schema["required"], json!(keys));
            assert_eq!(schema["additionalProperties"], json!(false));
            let items = &schema["properties"]["age"]["items"];
            let quote = if dialect == Dialect::Listed { &items["anyOf"][1] } else { items };
            assert_eq!(quote["required"], json!(["record", "text"]));
            assert_eq!(quote["additionalProperties"], json!(false));
            let ids = &quote["properties"]["record"]["enum"];
            assert_eq!(ids.as_array().unwrap().last().unwrap(), "f1#7");
            assert_eq!(schema["properties"]["kind"]["enum"], json!(["b", "a"]));
        }
    }

    #[test]
    fn a_strict_schema_states_bounds_in_words_alone() {
        let schema = schema(&shape(), Dialect::Strict);
        let text = schema.to_string();
        for keyword in ["minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"] {
            assert!(!text.contains(keyword), "{keyword} in {text}");
        }
        let properties = &schema["properties"];
        assert_eq!(properties["zest"]["description"], "10 to 80 characters, without line breaks");
        assert_eq!(properties["age"]["description"], "1 to 3 items");
        assert_eq!(properties["mark"], json!({ "type": "integer", "enum": [1, 2, 3, 4, 5] }));
        assert_eq!(properties["year"], json!({ "type": "integer", "description": "1900 to 2100" }));
    }

    #[test]
    fn an_open_schema_carries_bounds() {
        let properties = &schema(&shape(), Dialect::Open)["properties"];
        assert_eq!(properties["age"]["minItems"], 1);
        assert_eq!(properties["age"]["maxItems"], 3);
        assert_eq!(properties["mark"], json!({ "type": "integer", "minimum": 1, "maximum": 5 }));
    }

    #[test]
    fn a_listed_schema_leaves_no_room_for_an_invented_quote() {
        let listed = jsonschema::validator_for(&schema(
            &Shape::Excerpt(vec![source("f1#0")]),
            Dialect::Listed,
        ));
        let listed = listed.unwrap();
        let quote = |text: &str| json!({ "record": "f1#0", "text": text });
        assert!(listed.is_valid(&quote("some words that were said")));
        assert!(!listed.is_valid(&quote("some words that were never said")));
    }

    #[test]
    fn what_offers_nothing_to_choose_from_is_no_empty_list() {
        let wordless = Source { id: "f1#0".to_owned(), cells: vec!["?! …".to_owned()] };
        let none = [Shape::Excerpt(vec![wordless]), Shape::Excerpt(vec![]), Shape::OneOf(vec![])];
        for dialect in [Dialect::Strict, Dialect::Open, Dialect::Listed] {
            for shape in &none {
                let schema = schema(shape, dialect);
                assert!(!schema.to_string().contains("[]"), "{dialect:?} {schema}");
                assert!(jsonschema::validator_for(&schema).is_ok(), "{dialect:?} {schema}");
            }
        }
    }

    #[test]
    fn a_range_wider_than_any_number_is_put_in_words() {
        let schema = schema(&Shape::Integer { min: i64::MIN, max: i64::MAX }, Dialect::Strict);
        assert!(schema.get("enum").is_none() && schema["description"].is_string(), "{schema}");
    }

    #[test]
    fn an_answer_of_the_shape_validates_and_one_with_a_key_too_many_does_not() {
        let good = json!({
            "zest": "likes maps", "age": [{ "record": "f1#7", "text": "some words that were said" }],
            "kind": "a", "mark": 5, "year": 1984,
        });
        let mut extra = good.clone();
        extra["more"] = json!(1);
        let mut invented = good.clone();
        invented["age"][0]["record"] = json!("f9#9");
        let mut off = good.clone();
        off["mark"] = json!(6);
        for dialect in [Dialect::Strict, Dialect::Open, Dialect::Listed] {
            let validator = jsonschema::validator_for(&schema(&shape(), dialect)).unwrap();
            assert!(validator.is_valid(&good), "{dialect:?}");
            for bad in [&extra, &invented, &off] {
                assert!(!validator.is_valid(bad), "{dialect:?} {bad}");
            }
        }
    }
}
