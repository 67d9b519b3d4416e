//! YAML: the same rows as JSON, written another way.
//!
//! Owns turning YAML into the values that `json` flattens. Every scalar stays the text that was
//! written: `no`, `0042` and `1.10` are what somebody answered, not a boolean and two numbers.
//! Aliases are followed, within bounds: a kilobyte of them can stand for a terabyte.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle};
use serde_json::{Map, Value};

use super::json;
use crate::corpus::rows::Rows;

/// Most levels of nesting, with aliases followed; as many as `serde_json` allows.
const MAX_DEPTH: usize = 128;

/// Most bytes of memory that anchors and aliases may add, in all. Far above what a file written by
/// a person repeats.
const MAX_REPEATED: usize = 32 << 20;

/// Bytes of memory that a value takes besides its text, with its place in a mapping.
const NODE: usize = 128;

/// Reads YAML; several documents in one file are rows of one list.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let document = match parse(text, rows) {
        // Half a surrogate pair is not a character, and one cut emoji must not cost the whole file.
        Err(_) if text.contains("\\u") => match json::repair_surrogates(text, rows) {
            Cow::Owned(repaired) => parse(&repaired, rows)?,
            Cow::Borrowed(_) => parse(text, rows)?,
        },
        outcome => outcome?,
    };
    json::read_document(document, rows)
}

/// The fields of text that is a mapping; `None` for other text.
pub(crate) fn mapping(text: &str, rows: &mut Rows) -> Option<Map<String, Value>> {
    match parse(text, rows) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Whether text without a telling name is YAML and nothing simpler: a list of mappings.
pub(crate) fn looks_like_yaml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let first = lines.find(|line| *line != "---" && !line.starts_with(['%', '#']));
    let is_key = |line: &str| line.split_once(": ").is_some_and(|(key, _)| !key.contains(' '));
    let mapping = first.and_then(|line| line.strip_prefix("- ")).is_some_and(is_key);
    mapping && lines.next().is_some_and(|line| line.starts_with("  ") && is_key(line.trim()))
}

/// A value with what it costs.
struct Node {
    value: Value,
    /// Number of levels of nesting, its own included.
    height: usize,
    /// Approximate bytes of memory.
    size: usize,
}

/// A list or mapping that is not closed yet.
struct Open {
    value: Value,
    key: Option<String>,
    anchor: usize,
    height: usize,
    size: usize,
}

fn parse(text: &str, rows: &mut Rows) -> Result<Value, String> {
    let mut options = Options::default();
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    // Keys may be the questions of a survey, which are longer than the keys of a program.
    options.simple_key_max_lookahead = 16 << 10;
    let mut builder = Builder { rows, open: Vec::new(), anchors: HashMap::new(), repeated: 0 };
    let mut documents = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            format!(
                "it is not valid YAML: {error}\nhint: check it around that line; text with a colon \
                 or a leading symbol needs quotation marks"
            )
        })?;
        let done = builder.on(event, span.start.line());
        let done = done.map_err(|cause| {
            format!("line {}: {cause}\nhint: write it out, or export it as CSV", span.start.line())
        })?;
        documents.extend(done.filter(|value| !value.is_null()));
    }
    if documents.len() == 1 {
        return Ok(documents.remove(0));
    }
    // Each document is a row, or a list of them.
    let rows = documents.into_iter().flat_map(|document| match document {
        Value::Array(items) => items,
        other => vec![other],
    });
    Ok(Value::Array(rows.collect()))
}

struct Builder<'a> {
    rows: &'a mut Rows,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    repeated: usize,
}

impl Builder<'_> {
    /// Takes one event; returns a document when it is complete.
    fn on(&mut self, event: Event<'_>, line: usize) -> Result<Option<Value>, String> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain
                    && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let size = text.len() + NODE;
                let value = if is_null { Value::Null } else { Value::String(text.into_owned()) };
                self.put(Node { value, height: 1, size }, anchor, line)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(Value::Array(Vec::new()), anchor);
                Ok(None)
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(Value::Object(Map::new()), anchor);
                Ok(None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(None) };
                let value = merged(open.value);
                self.put(Node { value, height: open.height, size: open.size }, open.anchor, line)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err("an alias stands inside what it names".to_owned());
                };
                self.repeated = self.repeated.saturating_add(node.size);
                if self.repeated > MAX_REPEATED {
                    return Err("its aliases stand for more text than a file may hold".to_owned());
                }
                let (height, size) = (node.height, node.size);
                self.put(Node { value: node.value.clone(), height, size }, 0, line)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize) {
        self.open.push(Open { value, key: None, anchor, height: 1, size: NODE });
    }

    /// Puts a complete value where it belongs; returns it when it is the whole document.
    fn put(&mut self, node: Node, anchor: usize, line: usize) -> Result<Option<Value>, String> {
        if self.open.len() + node.height > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
        }
        if anchor != 0 {
            let kept = Node { value: node.value.clone(), ..node };
            // A copy for the anchor costs as much as an alias does.
            self.repeated = self.repeated.saturating_add(node.size);
            if self.repeated > MAX_REPEATED {
                return Err("its anchors hold more text than a file may".to_owned());
            }
            self.anchors.insert(anchor, kept);
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node.value)) };
        open.height = open.height.max(node.height + 1);
        open.size = open.size.saturating_add(node.size);
        match (&mut open.value, open.key.take()) {
            (Value::Array(items), _) => items.push(node.value),
            (Value::Object(_), None) => open.key = Some(key_of(node.value)),
            (Value::Object(fields), Some(key)) => {
                if fields.contains_key(&key) && key != "<<" {
                    self.rows.findings.note("duplicate-key", line, || {
                        format!(
                            "a key given twice in one mapping, as '{key}' before line {line}: both \
                             values are kept, in one cell"
                        )
                    });
                    join(fields, key, node.value);
                } else {
                    fields.insert(key, node.value);
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

/// The text of a key; a list or mapping as a key is written as JSON.
fn key_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Adds a second value to the first one of its key.
fn join(fields: &mut Map<String, Value>, key: String, value: Value) {
    let first = fields.insert(key.clone(), Value::Null).unwrap_or_default();
    let mut both = match first {
        Value::Array(items) => items,
        other => vec![other],
    };
    both.push(value);
    fields.insert(key, Value::Array(both));
}

/// Resolves merge keys: `<<: *defaults` gives what the mapping itself does not say.
fn merged(value: Value) -> Value {
    let Value::Object(mut fields) = value else { return value };
    let Some(defaults) = fields.shift_remove("<<") else { return Value::Object(fields) };
    match defaults {
        Value::Object(defaults) => add_missing(&mut fields, defaults),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items {
                if let Value::Object(defaults) = item {
                    add_missing(&mut fields, defaults);
                }
            }
        }
        // Somebody's key that only looks like a merge.
        other => {
            fields.insert("<<".to_owned(), other);
        }
    }
    Value::Object(fields)
}

fn add_missing(fields: &mut Map<String, Value>, defaults: Map<String, Value>) {
    for (key, value) in defaults {
        fields.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{self, texts};

    fn load(text: &str) -> Rows {
        test_support::load(text, read)
    }

    fn cause(text: &str) -> String {
        read(text, &mut Rows::new(1)).unwrap_err()
    }

    #[test]
    fn a_list_of_mappings_is_a_table_and_every_scalar_stays_as_written() {
        let rows = load(
            "- id: 0042\n  useful: no\n  score: 1.10\n  when: 2024-05-01\n  tools: [phone, paper]\n  \
             why: >\n    It is\n    late.\n- id: 0043\n  useful: ~\n  inner: {a: yes}\n",
        );
        assert_eq!(
            texts(&rows),
            [
                "id: 0042\nuseful: no\nscore: 1.10\nwhen: 2024-05-01\ntools: phone; paper\nwhy: It is late.",
                "id: 0043\ninner.a: yes",
            ]
        );
    }

    #[test]
    fn documents_are_rows_and_a_list_under_a_key_holds_them() {
        assert_eq!(texts(&load("---\na: 1\n---\na: 2\n...\n")), ["a: 1", "a: 2"]);
        let rows = load("title: Survey\nanswers:\n  - a: 1\n  - a: 2\n");
        assert_eq!(texts(&rows), ["a: 1", "a: 2"]);
        assert_eq!(rows.findings.kinds(), [("outside-rows", None, 1)]);
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        let rows = load("- &ana {who: Ana, town: Porto}\n- <<: *ana\n  town: Faro\n- same: *ana\n");
        assert_eq!(
            texts(&rows),
            ["who: Ana\ntown: Porto", "who: Ana\ntown: Faro", "same.who: Ana\nsame.town: Porto"]
        );
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 9].join(", ");
            let _ = writeln!(bomb, "a{i}: &a{i} [{list}]");
        }
        let cause = cause(&bomb);
        assert!(cause.contains("more text than a file may") && cause.contains("hint:"), "{cause}");
    }

    #[test]
    fn nesting_is_bounded_by_itself_and_through_aliases() {
        assert!(
            cause(&"[".repeat(100_000)).contains("recursion limit"),
            "{}",
            cause(&"[".repeat(1000))
        );
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(60), "]".repeat(60));
        let chain = format!("a: &a {}\nb: &b {}\nc: {}\n", deep("x"), deep("*a"), deep("*b"));
        assert!(cause(&chain).contains("nested more than 128"), "{}", cause(&chain));
        assert!(cause("&a [*a]\n").contains("inside what it names"), "{}", cause("&a [*a]\n"));
    }

    #[test]
    fn a_key_given_twice_keeps_both_values() {
        let rows = load("- a: one\n  b: x\n  a: two\n");
        assert_eq!(texts(&rows), ["a: one; two\nb: x"]);
        assert_eq!(rows.findings.kinds(), [("duplicate-key", Some(3), 1)]);
    }

    #[test]
    fn broken_yaml_names_the_line() {
        let cause = cause("- a: 1\n- b: [1, 2\n");
        assert!(cause.contains("not valid YAML") && cause.contains("line"), "{cause}");
    }

    #[test]
    fn half_an_emoji_does_not_cost_the_file() {
        let rows = load("- a: \"cut \\ud83d here\"\n- a: \"whole\"\n");
        assert_eq!(texts(&rows), ["a: cut \u{FFFD} here", "a: whole"]);
        assert_eq!(rows.findings.kinds(), [("lone-surrogate", Some(1), 1)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[-\[\]{}:,&*!|>'"%@\\?~<a-c \n é]{0,120}"#) {
            let _ = read(&text, &mut Rows::new(1));
        }

        #[test]
        fn strings_survive_the_way_through_a_cell(value in "[a-z\\\\\"/é😀]{1,30}") {
            let rows = load(&format!("- a: {}\n", serde_json::Value::from(value.as_str())));
            prop_assert_eq!(&rows.records[0].text[3..], value);
        }
    }
}
