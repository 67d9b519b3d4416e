//! Org: paragraphs, list items and table rows, under their headlines.
//!
//! Owns what Org markup means; sections and tables belong to `document`. Drawers, keywords,
//! comments, planning lines and source blocks are not anyone's words: they are left out with a
//! finding. Syntax: <https://orgmode.org/worg/org-syntax.html>.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::document::{Document, DocumentRow};
use crate::corpus::looks::Look;
use crate::corpus::rows::Rows;

/// Keys of properties that say whose words follow.
const WHO: [&str; 4] = ["participant", "respondent", "interviewee", "speaker"];

/// Properties that are for Org itself, in small letters.
const TECHNICAL: [&str; 10] = [
    "id",
    "custom_id",
    "category",
    "effort",
    "created",
    "visibility",
    "cookie_data",
    "columns",
    "ordered",
    "style",
];

/// Reads an Org file.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut reader = Reader {
        document: Document::new(rows),
        open: None,
        table: Vec::new(),
        properties: Vec::new(),
        in_quote: false,
    };
    let mut inside = Inside::Text;
    let closed = closed_drawers(text);
    for ((i, line), is_closed) in text.lines().enumerate().zip(closed) {
        let line = Line { number: i + 1, text: line, is_closed };
        inside = reader.line(&line, inside);
    }
    reader.end_block();
    reader.document.finish()
}

/// A line of the file.
struct Line<'t> {
    /// Number in the file, from 1.
    number: usize,
    text: &'t str,
    /// Whether a drawer that begins here is closed.
    is_closed: bool,
}

/// For each line, whether a drawer that begins there is closed before another one and before the
/// next headline. What only looks like a drawer (`:smile:`) must not swallow the rest.
fn closed_drawers(text: &str) -> Vec<bool> {
    let lines: Vec<&str> = text.lines().collect();
    let mut is_closed = false;
    let mut closed: Vec<bool> = lines
        .iter()
        .rev()
        .map(|line| {
            let here = is_closed;
            if line.trim().eq_ignore_ascii_case(":end:") {
                is_closed = true;
            } else if headline(line).is_some() || is_drawer(line.trim()) {
                is_closed = false;
            }
            here
        })
        .collect();
    closed.reverse();
    closed
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Inside {
    Text,
    /// Between `:PROPERTIES:` and `:END:`.
    Properties,
    /// Between the beginning of another drawer and `:END:`.
    Drawer,
    /// Between `#+begin_x` and `#+end_x`, where `x` holds no prose.
    Skipped(String),
}

/// A paragraph or item that more lines may continue.
struct Open {
    /// Number of its first line, from 1.
    line: usize,
    text: String,
    is_item: bool,
}

struct Reader<'a> {
    document: Document<'a>,
    /// The paragraph or item that is open.
    open: Option<Open>,
    table: Vec<DocumentRow>,
    /// The properties under the headline, in the drawer that is open.
    properties: Vec<(String, String)>,
    /// Whether a block that quotes somebody is open.
    in_quote: bool,
}

impl Reader<'_> {
    /// Takes a line, and returns where the next one stands.
    fn line(&mut self, line: &Line<'_>, inside: Inside) -> Inside {
        let trimmed = line.text.trim();
        let lower = trimmed.to_lowercase();
        match inside {
            Inside::Properties => self.in_properties(line.number, trimmed, &lower),
            Inside::Drawer if lower == ":end:" => Inside::Text,
            Inside::Drawer => Inside::Drawer,
            Inside::Skipped(end) if lower == end => Inside::Text,
            // A headline ends every block: one that is never closed must not swallow the rest.
            Inside::Skipped(end) if headline(line.text).is_none() => Inside::Skipped(end),
            Inside::Skipped(_) | Inside::Text => self.in_text(line, trimmed, &lower),
        }
    }

    fn in_text(&mut self, line: &Line<'_>, trimmed: &str, lower: &str) -> Inside {
        let Line { number, text: line, is_closed } = *line;
        if let Some((level, title)) = headline(line) {
            self.end_block();
            self.in_quote = false;
            self.document.heading(level, &plain(title));
        } else if is_closed && lower == ":properties:" {
            self.end_block();
            return Inside::Properties;
        } else if is_closed && is_drawer(trimmed) {
            self.skip("a drawer", number);
            return Inside::Drawer;
        } else if let Some(kind) = lower.strip_prefix("#+begin_") {
            return self.begin_block(number, kind);
        } else if only_separates(trimmed, lower) {
            self.end_block();
            self.in_quote &= !lower.starts_with("#+end_");
        } else if trimmed.starts_with("#+") || trimmed == "#" || trimmed.starts_with("# ") {
            self.skip("a keyword or comment", number);
        } else if is_planning(trimmed) {
            self.skip("a time stamp", number);
        } else if trimmed.starts_with('|') {
            self.table_line(number, trimmed);
        } else if let Some(item) = list_item(line) {
            self.end_block();
            let text = plain(item).into_owned();
            self.open = Some(Open { line: number, text, is_item: true });
        } else {
            self.words(number, line);
        }
        Inside::Text
    }

    /// Begins what stands between `#+begin_x` and `#+end_x`. What is quoted, set apart or an example
    /// is somebody's words; code is not.
    fn begin_block(&mut self, number: usize, kind: &str) -> Inside {
        self.end_block();
        let kind = kind.split_whitespace().next().unwrap_or_default();
        self.in_quote = kind == "quote";
        if matches!(kind, "src" | "export" | "comment") {
            self.skip("a source block", number);
            return Inside::Skipped(format!("#+end_{kind}"));
        }
        Inside::Text
    }

    /// Takes a line of words, which begins a paragraph or continues what is open.
    fn words(&mut self, number: usize, line: &str) {
        self.end_table();
        // In Org text that is not indented ends a list.
        let is_indented = line.starts_with([' ', '\t']);
        if !is_indented && self.open.as_ref().is_some_and(|open| open.is_item) {
            self.end_block();
        }
        let text = plain(line.trim());
        match &mut self.open {
            Some(open) => {
                open.text.push('\n');
                open.text.push_str(&text);
            }
            None => {
                self.open = Some(Open { line: number, text: text.into_owned(), is_item: false });
            }
        }
    }

    /// Takes a line of a properties drawer. At its end, a property may name the participant as a
    /// heading would, and the others are what is known of them.
    fn in_properties(&mut self, number: usize, line: &str, lower: &str) -> Inside {
        if lower != ":end:" {
            let property = line.strip_prefix(':').and_then(|rest| rest.split_once(':'));
            if let Some((key, value)) = property {
                self.properties.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            return Inside::Properties;
        }
        let mut properties = std::mem::take(&mut self.properties);
        let is_who = |(key, value): &(String, String)| {
            WHO.iter().any(|who| key.eq_ignore_ascii_case(who)) && !value.is_empty()
        };
        if let Some(who) = properties.iter().position(is_who) {
            self.document.participant_is(&properties.remove(who).1);
        }
        let is_fact = |(key, value): &(String, String)| {
            !value.is_empty() && !TECHNICAL.contains(&key.to_lowercase().as_str())
        };
        let all = properties.len();
        properties.retain(is_fact);
        let has_more = properties.len() < all;
        for (_, value) in &mut properties {
            *value = self.document.rows.clean(number, value);
        }
        properties.retain(|(_, value)| !value.is_empty());
        let are_known = properties.is_empty() || self.document.facts_are(properties);
        if has_more || !are_known {
            self.skip("a drawer", number);
        }
        Inside::Text
    }

    fn skip(&mut self, what: &str, line: usize) {
        self.end_block();
        self.document.note_skipped(what, line);
    }

    fn table_line(&mut self, line: usize, trimmed: &str) {
        if self.table.is_empty() {
            self.end_block();
        }
        if trimmed.starts_with("|-") {
            if let [header] = self.table.as_mut_slice() {
                header.is_header = true;
            }
            return;
        }
        let inner = trimmed.trim_start_matches('|');
        let inner = inner.strip_suffix('|').unwrap_or(inner);
        let cells = inner.split('|').map(|cell| plain(cell.trim()).replace("\\vert", "|"));
        self.table.push(DocumentRow { line, is_header: false, cells: cells.collect() });
    }

    fn end_table(&mut self) {
        if !self.table.is_empty() {
            self.document.table(std::mem::take(&mut self.table));
        }
    }

    fn end_block(&mut self) {
        self.end_table();
        self.document.look_is(if self.in_quote { Look::Quoted } else { Look::Plain });
        match self.open.take() {
            Some(Open { line, text, is_item: true }) => self.document.item(line, &text),
            Some(Open { line, text, is_item: false }) => self.document.paragraph(line, &text),
            None => {}
        }
    }
}

/// Level and title of a headline, without its keyword, priority and tags.
fn headline(line: &str) -> Option<(u8, &str)> {
    static TAGS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\s+:[\p{L}\p{N}_@#%:]+:\s*$").expect("the pattern is valid"));
    let stars = line.bytes().take_while(|b| *b == b'*').count();
    let title = line[stars..].strip_prefix(' ').filter(|_| stars > 0)?.trim();
    let title =
        ["TODO ", "DONE "].iter().find_map(|word| title.strip_prefix(word)).unwrap_or(title);
    let title = match title.strip_prefix("[#").and_then(|rest| rest.split_once("] ")) {
        Some((priority, rest)) if priority.len() == 1 => rest,
        _ => title,
    };
    let end = TAGS.find(title).map_or(title.len(), |tags| tags.start());
    Some((u8::try_from(stars).unwrap_or(u8::MAX), title[..end].trim()))
}

fn is_drawer(line: &str) -> bool {
    let name = line.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    name.is_some_and(|name| {
        !name.is_empty()
            && !name.eq_ignore_ascii_case("end")
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    })
}

/// Whether a line, given also in small letters, has no words of its own and ends what is above it.
fn only_separates(line: &str, lower: &str) -> bool {
    // The title of the document is such a line too: like Markdown's single top heading it does not
    // become a section.
    line.is_empty()
        || lower.starts_with("#+end_")
        || lower.starts_with("#+title:")
        || is_horizontal_rule(line)
}

fn is_planning(line: &str) -> bool {
    ["SCHEDULED: ", "DEADLINE: ", "CLOSED: ", "CLOCK: "].iter().any(|key| line.starts_with(key))
}

fn is_horizontal_rule(line: &str) -> bool {
    line.len() >= 5 && line.bytes().all(|b| b == b'-')
}

/// The text of a list item: after its bullet or number, and after its checkbox.
fn list_item(line: &str) -> Option<&str> {
    static BULLET: LazyLock<Regex> = LazyLock::new(|| {
        // An asterisk in the first column is a headline, an indented one a bullet. Letters are
        // bullets only in some configurations of Org, and names begin with one: `J. Smith`.
        let pattern = r"^(?:\s*[-+]|\s+\*|\s*\d{1,9}[.)])\s+(?:\[[ xX-]\]\s+)?";
        Regex::new(pattern).expect("the pattern is valid")
    });
    Some(line[BULLET.find(line)?.end()..].trim())
}

/// Text without its markup: links become what is shown of them, emphasis goes.
fn plain(text: &str) -> Cow<'_, str> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"\[\[(?P<to>[^\[\]]+)\](?:\[(?P<shown>[^\[\]]+)\])?\]";
        Regex::new(pattern).expect("the pattern is valid")
    });
    // One pattern per marker, since the closing one must be the opening one.
    static EMPHASIS: LazyLock<Vec<(char, Regex)>> = LazyLock::new(|| {
        let pair = |marker: char| {
            let m = regex::escape(&marker.to_string());
            let pattern = format!(
                r#"(^|[\s\-({{'"*/_+]){m}([^\s{m}](?:[^{m}]*[^\s{m}])?){m}($|[\s\-.,;:!?'")}}\]*/_+])"#
            );
            (marker, Regex::new(&pattern).expect("the pattern is valid"))
        };
        ['*', '/', '_', '=', '~', '+'].map(pair).into()
    });
    let mut text = LINK.replace_all(text, |found: &regex::Captures<'_>| {
        let shown = found.name("shown").or_else(|| found.name("to"));
        shown.map_or_else(String::new, |shown| shown.as_str().to_owned())
    });
    for (marker, pattern) in EMPHASIS.iter() {
        // Twice, since the first of two neighbours takes up the space between them.
        for _ in 0..2 {
            if !text.contains(*marker) {
                break;
            }
            if let Cow::Owned(replaced) = pattern.replace_all(&text, "$1$2$3") {
                text = Cow::Owned(replaced);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{self, rows_and_texts};

    fn load(text: &str) -> Rows {
        test_support::load(text, read)
    }

    #[test]
    fn headlines_items_and_paragraphs_are_told_apart() {
        let rows = load(
            "#+TITLE: Study\n* TODO [#A] Rota :night:ward:\nThe *first* line\ngoes /on/ here.\n\n\
             - swaps\n  at night\n1. [ ] sick leave\nAfter the list.\n* Pay\n[[https://a.b][a link]]\n",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [
                (3, "section: Rota\ntext: The first line goes on here."),
                (6, "section: Rota\ntext: swaps at night"),
                (8, "section: Rota\ntext: sick leave"),
                (9, "section: Rota\ntext: After the list."),
                (11, "section: Pay\ntext: a link"),
            ]
        );
    }

    #[test]
    fn properties_and_headlines_name_the_participant() {
        let rows = load(
            "* Call on Monday\n:PROPERTIES:\n:PARTICIPANT: Ana\n:END:\nI wait.\n* Participant 2\nMe too.\n\
             * Results\nAll wait.\n",
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Ana"), Some("Participant 2"), None]);
    }

    #[test]
    fn a_drawer_that_is_never_closed_is_text() {
        let rows = load(
            ":note:\nI wait.\n* A\n* Next\n:smile:\nI queue.\n:LOGBOOK:\nclock\n:END:\nI walk.\n",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [
                (1, ":note: I wait."),
                (5, "section: Next\ntext: :smile: I queue."),
                (10, "section: Next\ntext: I walk.")
            ]
        );
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(7), 1)]);
    }

    #[test]
    fn properties_say_what_is_known_of_the_participant() {
        let rows = load(
            "* Farm\n** Ana :talk:\n:PROPERTIES:\n:ID: 7\n:Participant: Ana\n:Role: baker\n:Age: 48\n:END:\n\
             *** Why?\nI wait.\n** Participant 2\n:PROPERTIES:\n:Role: guard\n:END:\nI queue.\n* Results\n\
             :PROPERTIES:\n:Role: none\n:END:\nAll wait.\n",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [
                (10, "Role: baker\nAge: 48\nsection: Why?\ntext: I wait."),
                (15, "Role: guard\nsection: Participant 2\ntext: I queue."),
                (20, "section: Results\ntext: All wait."),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(8), 2)]);
    }

    #[test]
    fn an_initial_is_no_bullet() {
        assert_eq!(
            rows_and_texts(&load("J. Smith told me to wait.\n")),
            [(1, "J. Smith told me to wait.")]
        );
        assert_eq!(rows_and_texts(&load("1. wait\n2) queue\n")), [(1, "wait"), (2, "queue")]);
    }

    #[test]
    fn tables_and_quotes_are_read_and_code_is_left_out() {
        let rows = load(
            "| Role | Pain |\n|------+------|\n| nurse | queues |\n\n#+BEGIN_QUOTE\nIt is late.\n\
             #+END_QUOTE\n#+begin_src sh\nls\n#+end_src\n# a comment\nThe end.\n",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [(3, "Role: nurse\nPain: queues"), (6, "It is late."), (12, "The end.")]
        );
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(8), 2)]);
    }

    #[test]
    fn a_block_that_is_never_closed_ends_at_the_next_headline() {
        let rows = load("#+begin_src sh\nls\n* Next\nWords.\n");
        assert_eq!(rows_and_texts(&rows), [(4, "Words.")]);
    }

    #[test]
    fn turns_are_read_in_org_too() {
        let rows =
            load("*Moderator:* Why?\n\n*Ana:* Habit.\n\n*Moderator:* And?\n\n*Ana:* Fear.\n");
        assert_eq!(rows_and_texts(&rows)[0].1, "question: Why?\ntext: Habit.");
        assert!(rows.records.iter().all(|r| r.participant.as_deref() == Some("Ana")));
    }

    #[test]
    fn marks_that_are_no_markup_stay() {
        for text in ["2 * 3 * 4", "a_b_c", "and/or", "~", "=", "snake_case_name", "1/2/2024"] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("(*bold*), =code= and _under_."), "(bold), code and under.");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[-*#+:|\\[\\]/=~_a-c é\\n]{0,200}") {
            let rows = load(&text);
            prop_assert!(rows.records.iter().all(|r| !r.text.trim().is_empty()));
        }
    }
}
