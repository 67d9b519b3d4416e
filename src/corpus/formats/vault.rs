//! What the programs for notes add to Markdown: comments in `%%`, callouts, links in double
//! brackets.
//!
//! Owns how these are written. Whether they are anybody's words is decided in `markdown`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Callouts that hold what somebody said; all others are the writer's remarks.
const QUOTES: [&str; 3] = ["quote", "cite", "example"];

/// The byte ranges of `%% comments %%`, which the programs do not show. A percent sign that is part
/// of what somebody says has a number before it.
pub(super) fn comments(text: &str) -> Vec<Range<usize>> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '%');
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (at, mark) in text.match_indices("%%") {
        let end = at + mark.len();
        match open.take() {
            None => open = Some(at).filter(|_| is_edge(text[..at].chars().next_back())),
            Some(start) if is_edge(text[end..].chars().next()) => {
                let is_one_line = !text[start..at].contains('\n');
                let is_block = text[..start].ends_with('\n') || start == 0;
                if is_one_line || is_block {
                    found.push(start..end);
                } else {
                    // These signs may open a comment themselves.
                    open = Some(at).filter(|_| is_edge(text[..at].chars().next_back()));
                }
            }
            Some(start) => open = Some(start),
        }
    }
    found
}

/// The text with spaces in place of these ranges, so that all else keeps its place and line.
pub(super) fn blanked<'t>(text: &'t str, ranges: &[Range<usize>]) -> Cow<'t, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut blanked = String::with_capacity(text.len());
    let mut end = 0;
    for range in ranges {
        blanked.push_str(&text[end..range.start]);
        let spaces = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
        blanked.extend(spaces);
        end = range.end;
    }
    blanked.push_str(&text[end..]);
    Cow::Owned(blanked)
}

/// Whether a block that is marked as quoted is a callout, as in `> [!note] Memo`, that holds the
/// writer's remarks.
pub(super) fn is_remark(quoted: &str) -> bool {
    // Only one `>` is taken off: each of a thousand blocks inside one another is checked.
    let Some(inner) = quoted.strip_prefix('>') else { return false };
    let kind = inner.trim_start_matches(' ').strip_prefix("[!");
    let kind = kind.and_then(|rest| rest.lines().next()?.split_once(']'));
    kind.is_some_and(|(kind, _)| !QUOTES.contains(&kind.trim().to_lowercase().as_str()))
}

/// Text without the mark of a callout, and with links as they are shown.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    static MARKS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\[![\p{L}-]+\][+-]?[ \t]*|!?\[\[(?:[^\[\]|\n]*\|)?(?P<shown>[^\[\]|\n]*)\]\]")
            .expect("the pattern is valid")
    });
    MARKS.replace_all(text, "$shown")
}

/// Whether a text is nothing but links to other notes and tags.
pub(super) fn is_links_only(text: &str) -> bool {
    static LINKS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"!?\[\[[^\[\]\n]*\]\]|(?:^|\s)#[\p{L}\p{N}_/-]+").expect("the pattern is valid")
    });
    text.contains("[[") && !LINKS.replace_all(text, "").contains(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_percent_signs() {
        let of = |text: &'static str| -> Vec<&str> {
            comments(text).into_iter().map(|range| &text[range]).collect()
        };
        assert_eq!(of("a %% b %% c\n%%\nd\n%%\n"), ["%% b %%", "%%\nd\n%%"]);
        for text in ["100%% sure and 50%% not", "%% never closed", "a %% b\nc %% d"] {
            assert!(of(text).is_empty(), "{text}");
        }
        assert_eq!(blanked("é %%ö\n%% x", std::slice::from_ref(&(3..10))), "é     \n   x");
    }

    #[test]
    fn callouts_and_links_are_read_as_they_are_shown() {
        assert!(is_remark("> [!note]- Memo\n> text") && is_remark(">[!TODO]"));
        assert!(
            !is_remark("> [!quote] Ana\n> text")
                && !is_remark("> [1] text")
                && !is_remark("> text")
        );
        assert_eq!(shown("[!quote]+ Ana\nI wait."), "Ana\nI wait.");
        assert_eq!(shown("See [[P03|Nadja]] and [[Sleep]]."), "See Nadja and Sleep.");
        assert!(is_links_only("[[Sleep study]] · [[P03|Nadja]] #diary"));
        assert!(!is_links_only("see [[Sleep]]") && !is_links_only("---"));
    }
}
