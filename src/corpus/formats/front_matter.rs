//! Front matter: what a note says about itself between lines of `---` (YAML) or `+++` (TOML) at the
//! very head of a Markdown file.
//!
//! Owns where it ends, whose words it says the file holds, and which of its fields tell something
//! about them. The rest of the file is left to `markdown`.

use std::ops::Range;

use serde_json::Value;

use super::yaml;
use crate::corpus::names::{is_of_word, is_word_for_participant, normalise};
use crate::corpus::rows::{Rows, clean_name};

/// Fields that are for programs: how a note is shown, filed and found.
const TECHNICAL: [&str; 14] = [
    "tags",
    "tag",
    "aliases",
    "cssclass",
    "cssclasses",
    "publish",
    "permalink",
    "position",
    "draft",
    "layout",
    "template",
    "kanbanplugin",
    "uuid",
    "id",
];

/// Names of fields that say whose words follow, besides those of participant columns.
const WHO: [&str; 4] = ["pid", "participantcode", "interviewedperson", "speaker"];

/// What stands at the head of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    /// Its bytes in the file, with the lines of marks around it.
    pub range: Range<usize>,
    /// Whose words the file holds.
    pub participant: Option<String>,
    /// What it says about the participant.
    pub facts: Vec<(String, String)>,
    /// Whether it holds other fields, which are left out.
    pub has_more: bool,
}

/// Reads the front matter of a file; `None` where its first lines are text.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Option<FrontMatter> {
    let start = text.len() - text.trim_start_matches('\u{FEFF}').len();
    let (first, _) = text[start..].split_once('\n')?;
    let mark = Some(first.trim_end()).filter(|line| matches!(*line, "---" | "+++"))?;
    let inner = start + first.len() + 1;
    let mut end = inner;
    let (close, range) = text[inner..].split_inclusive('\n').find_map(|line| {
        let at = end;
        end += line.len();
        let is_end = line.trim_end() == mark || mark == "---" && line.trim_end() == "...";
        is_end.then_some((at, start..end))
    })?;
    let content = &text[inner..close];
    let fields = if mark == "---" { yaml_fields(content, rows) } else { by_line(content, '=') }?;
    if !fields.iter().all(|(name, _)| is_name(name)) {
        return None;
    }
    let mut found = FrontMatter { range, ..FrontMatter::default() };
    for (name, value) in fields {
        let key = normalise(&name);
        let Some(value) = plain(&value).map(|value| rows.clean(1, &value)) else {
            found.has_more |= !value.is_null();
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if is_word_for_participant(&name) || WHO.contains(&key.as_str()) {
            if found.participant.is_none() {
                found.participant = Some(value);
            } else {
                found.facts.push((clean_name(&name), value));
            }
        } else if TECHNICAL.contains(&key.as_str()) {
            found.has_more = true;
        } else {
            found.facts.push((clean_name(&name), value));
        }
    }
    Some(found)
}

type Fields = Vec<(String, Value)>;

fn yaml_fields(content: &str, rows: &mut Rows) -> Option<Fields> {
    match yaml::mapping(content, rows) {
        Some(fields) => Some(fields.into_iter().collect()),
        // A title with a colon in it is not YAML, but it is front matter.
        None => by_line(content, ':'),
    }
}

/// Reads fields of one line each; `None` where a line is something else.
fn by_line(content: &str, mark: char) -> Option<Fields> {
    let is_part =
        |line: &str| line.trim().is_empty() || line.starts_with([' ', '\t', '-', '#', '[']);
    let mut fields = Vec::new();
    for line in content.lines().filter(|line| !is_part(line)) {
        let (name, value) = line.split_once(mark)?;
        let value = value.trim().trim_matches(['"', '\'']);
        fields.push((name.trim().to_owned(), Value::String(value.to_owned())));
    }
    Some(fields)
}

/// Whether `name` can be that of a field, and is not the beginning of a sentence.
fn is_name(name: &str) -> bool {
    name.chars().all(|c| is_of_word(c) || "_-. ".contains(c))
        && name.split_whitespace().count() <= 3
}

/// A value as one text, with the items of a list joined; `None` for null, mappings and lists that
/// hold them.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            Some(items?.join("; "))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<FrontMatter> {
        read(text, &mut Rows::new(1))
    }

    #[test]
    fn fields_say_who_it_is_about_and_what_is_known_of_them() {
        let text = "---\nparticipant: P03\nalias: \"Nadja\"\nage: 42\ntools:\n  - paper\n  - phone\n\
                    tags: [diary]\naliases: []\nempty:\n---\nText\n";
        let found = of(text).unwrap();
        assert_eq!(&text[found.range.clone()][found.range.len() - 4..], "---\n");
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let facts = [fact("alias", "Nadja"), fact("age", "42"), fact("tools", "paper; phone")];
        assert_eq!((found.participant.as_deref(), found.facts), (Some("P03"), facts.to_vec()));
        assert!(found.has_more);
        let toml = of("+++\npid = \"P1\"\n+++\n").unwrap();
        assert_eq!(toml.participant.as_deref(), Some("P1"));
        let odd = of("---\ntitle: Ana: a talk\nrespondent: Ana\n---\n").unwrap();
        assert_eq!(odd.participant.as_deref(), Some("Ana"));
    }

    #[test]
    fn text_between_rules_is_no_front_matter() {
        for text in [
            "---\n**Ana:** I wait.\n---\n",
            "---\nI wait, and then: nothing comes of it.\n---\n",
            "\n---\na: b\n---\n",
            "---\na: b\n",
            "# Title\n\n---\na: b\n---\n",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
