//! HTML markup, in a page as in a cell: which elements are blocks, and the words between the tags.

use std::borrow::Cow;
use std::sync::LazyLock;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use regex::Regex;

/// Elements that begin and end a block.
pub(super) const BLOCKS: [&str; 22] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "aside",
    "header",
    "footer",
    "blockquote",
    "figure",
    "figcaption",
    "address",
    "ul",
    "ol",
    "dl",
    "hr",
    "form",
    "fieldset",
    "details",
    "summary",
    "center",
    "body",
];

/// Longest name of a tag that is looked at, in bytes; those of all elements in this file are
/// shorter.
const LONGEST_NAME: usize = 16;

/// The words of a cell that was written with HTML markup, as ticket systems and web forms keep it;
/// `None` for a cell without any.
pub(crate) fn words_of_cell(value: &str) -> Option<String> {
    static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)</(?:p|div|span|a|b|i|u|em|strong|font|ul|ol|li|table|h[1-6])\\s*>|<(?:br|p|div)\\s*/?>\
                       |&(?:amp|lt|gt|quot|nbsp|apos|#[0-9]{2,6}|#x[0-9a-f]{2,6});";
        Regex::new(pattern).expect("the pattern is valid")
    });
    static COMMENTS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("(?s)<!--.*?-->").expect("the pattern is valid"));
    if !value.contains(['<', '&']) {
        return None;
    }
    // Forms keep their instructions in comments, in text that is not otherwise HTML.
    let shown = COMMENTS.replace_all(value, "");
    if !MARKUP.is_match(&shown) {
        return matches!(shown, Cow::Owned(_)).then(|| shown.into_owned());
    }
    let mut text = String::with_capacity(value.len());
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut hidden = false;
    for token in Tokenizer::new_with_emitter(&*shown, emitter).flatten() {
        let (name, opens) = match &token {
            Token::StartTag(tag) => (name_of(&tag.name), !tag.self_closing),
            Token::EndTag(tag) => (name_of(&tag.name), false),
            Token::String(words) if !hidden => {
                text.push_str(&String::from_utf8_lossy(&words.value));
                continue;
            }
            _ => continue,
        };
        if matches!(name, "script" | "style") {
            hidden = opens;
        } else if BLOCKS.contains(&name) || matches!(name, "br" | "li" | "tr") {
            text.push('\n');
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// A tag's name; empty where it is too long for any element that is looked for.
pub(super) fn name_of(name: &[u8]) -> &str {
    let name = if name.len() > LONGEST_NAME { b"" } else { name };
    std::str::from_utf8(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_loses_its_markup_and_no_word() {
        let read = |value| words_of_cell(value).unwrap_or_else(|| panic!("no markup in {value}"));
        let mail = "<p>I can&#x27;t <b>pay</b>.</p><p>Ring <a href=\"tel:+441\">me</a><br>today</p>\
                    <style>p { color: red }</style>";
        assert_eq!(read(mail), "I can't pay.\nRing me\ntoday");
        assert_eq!(read("fish &amp; chips <3"), "fish & chips <3");
        assert_eq!(
            read("<!-- Please\nsearch first -->\nIt says <T> and stops"),
            "\nIt says <T> and stops"
        );
        for plain in ["a < b and c > d", "<!-- open", "R&D", "<3", "", "x <y> z"] {
            assert_eq!(words_of_cell(plain), None, "{plain}");
        }
    }
}
