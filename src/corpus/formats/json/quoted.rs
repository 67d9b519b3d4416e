//! Words of others in the messages of a thread: what a message quotes.
//!
//! Owns taking out quotations by their marks: `>` at the head of a line as in Markdown, and the
//! elements that forums write. Only in threads, where each message has an author: in notes, such a
//! mark stands before what a participant said.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::message::{Object, said_field, speaker_of};
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Fields with the words of a message.
const MESSAGE: [&str; 7] = ["body", "comment", "content", "cooked", "message", "selftext", "text"];

/// Takes the quotations out of the messages of a document by several authors.
pub(super) fn take_out(document: &mut Value, rows: &mut Rows) {
    let mut authors = HashSet::new();
    find_authors(document, &mut authors);
    if authors.len() < 2 {
        return;
    }
    let mut count = 0;
    visit(document, &mut count);
    rows.findings.add("quoted-message", None, count, || {
        "what messages quote of others is not their author's; left out".to_owned()
    });
}

/// The name of the field with the words of a message of which the author is known.
fn message(object: &Object) -> Option<(String, String)> {
    let said = said_field(object).filter(|name| MESSAGE.contains(&&*normalise(name)))?;
    let speaker = speaker_of(object).filter(|speaker| normalise(speaker.field) != "name")?;
    Some((said.to_owned(), speaker.name))
}

fn find_authors(value: &Value, authors: &mut HashSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_authors(item, authors)),
        Value::Object(fields) => {
            authors.extend(message(fields).map(|(_, author)| author));
            fields.values().for_each(|field| find_authors(field, authors));
        }
        _ => {}
    }
}

fn visit(value: &mut Value, count: &mut usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, count)),
        Value::Object(fields) => {
            if let Some((name, _)) = message(fields)
                && let Some(Value::String(text)) = fields.get_mut(&name)
                && let Some(own) = own(text)
            {
                *text = own;
                *count += 1;
            }
            fields.values_mut().for_each(|field| visit(field, count));
        }
        _ => {}
    }
}

/// A message without what it quotes; `None` where it quotes nothing.
fn own(text: &str) -> Option<String> {
    let without = without_elements(text);
    let own = without_lines(without.as_deref().unwrap_or(text));
    own.or(without)
}

/// A message without the elements that hold a quotation.
fn without_elements(text: &str) -> Option<String> {
    static QUOTES: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r#"(?i)<aside\b[^>]*\bclass="(?:[^"]* )?quote[ "][^>]*>|<blockquote\b[^>]*>"#;
        Regex::new(pattern).expect("the pattern is valid")
    });
    static TAGS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)<(/?)(aside|blockquote)\b[^>]*>").expect("the pattern is valid")
    });
    let first = QUOTES.find(text)?;
    let mut own = text[..first.start()].to_owned();
    let mut from = first.start();
    loop {
        let mut depth = 0_usize;
        let mut end = text.len();
        for tag in TAGS.captures_iter(&text[from..]) {
            depth = if tag[1].is_empty() { depth + 1 } else { depth.saturating_sub(1) };
            if depth == 0 {
                end = from + tag.get(0)?.end();
                break;
            }
        }
        let next = QUOTES.find_at(text, end).map(|found| found.start());
        own.push_str(&text[end..next.unwrap_or(text.len())]);
        let Some(next) = next else { return Some(own) };
        from = next;
    }
}

/// A message without the lines marked with `>`, which may be escaped.
fn without_lines(text: &str) -> Option<String> {
    static ENDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\n|<br\s*/?>|</?p>").expect("the pattern is valid"));
    let mut own = String::new();
    let mut from = 0;
    for end in ENDS.find_iter(text).map(|end| end.end()).chain([text.len()]) {
        let line = &text[from..end];
        if !is_quoted(line) {
            own.push_str(line);
        }
        from = end;
    }
    (own.len() < text.len()).then(|| own.trim().to_owned())
}

fn is_quoted(line: &str) -> bool {
    let line = line.trim_start();
    let rest = line.strip_prefix('>').or_else(|| line.strip_prefix("&gt;"));
    // `>50 people` and `>:(` quote nobody.
    rest.and_then(|rest| rest.chars().next())
        .is_some_and(|next| next.is_whitespace() || next.is_alphabetic() || next == '>')
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_json, texts};

    #[test]
    fn what_a_message_quotes_is_not_its_authors() {
        let rows = load_json(
            r#"[{"author": "a1", "body": "I moved my bed into the hallway."},
                {"author": "b2", "body": "> I moved my bed into the hallway.\n\nSame, my landlord complained.\n>50 people came"},
                {"author": "c3", "body": "&gt; Same, my landlord complained.<p>Mine never did."},
                {"author": "d4", "body": "<aside class=\"quote no-group\"><div class=\"title\">a1:</div><blockquote><p>I moved my bed</p></blockquote></aside><p>I never would.</p>"}]"#,
        );
        let all = texts(&rows).join("\n");
        assert_eq!(all.matches("I moved my bed").count(), 1, "{all}");
        assert_eq!(all.matches("my landlord complained").count(), 1, "{all}");
        for own in ["Mine never did.", "I never would.", ">50 people came"] {
            assert!(all.contains(own), "{all}");
        }
        assert!(rows.findings.kinds().contains(&("quoted-message", None, 3)));
    }

    #[test]
    fn a_mark_in_notes_stands_before_what_was_said() {
        let rows = load_json(
            r#"[{"name": "Ana", "quote": "> I write a list on Sundays."},
                {"name": "Bo", "quote": "> I never write anything down."}]"#,
        );
        assert!(texts(&rows)[0].contains("I write a list on Sundays."));
    }
}
