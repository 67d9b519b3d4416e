//! What a tool writes around a conversation: a header of facts, rules, notices of who came and
//! went.
//!
//! Owns which lines these are, and whose role a header gives. Who speaks is decided in `speakers`.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::findings::Findings;
use super::moderator;
use super::names::normalise;
use super::speakers::{is_fact, is_generic, is_numbered, is_short_for};
use super::transcript::{Block, Body};

/// Fewest facts in a row that make a header.
const LEAST: usize = 3;

/// Longest value of a fact, in characters.
const LONGEST_VALUE: usize = 60;

/// Labels of facts whose values may be words like those of a speaker.
const FIELDS: [&str; 18] = [
    "chatid",
    "name",
    "email",
    "ordernumber",
    "country",
    "city",
    "page",
    "rating",
    "department",
    "attendees",
    "participants",
    "date",
    "notetaker",
    "startedon",
    "plats",
    "deltagare",
    "teilnehmer",
    "deelnemers",
];

/// The roles that headers give.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Names of those who ask or help.
    asking: BTreeSet<String>,
    /// Whether one of them has the role of an interviewer.
    pub(super) interviews: bool,
}

impl Parts {
    /// Adds people whom the header of a transcript names as asking or watching.
    pub(super) fn add_asking(&mut self, names: Vec<String>) {
        self.asking.extend(names);
    }

    /// Whether a label is that of somebody whose role is to ask or help.
    pub(super) fn asks(&self, label: &str) -> bool {
        self.asking.iter().any(|name| name == label || is_short_for(label, name))
    }
}

/// The label and value of a line `Label: value` that states a fact, and whether it cannot be what
/// somebody says. `None` for other lines.
fn fact(line: &str) -> Option<(&str, &str, bool)> {
    let (label, value) = line.split_once(": ")?;
    let signs = ['*', '_', ' ', ':'];
    let (label, value) = (label.trim_matches(signs), value.trim().trim_matches(signs));
    let is_label = label.starts_with(char::is_alphabetic)
        && label.chars().count() <= 30
        && label.split_whitespace().count() <= 4;
    let is_short = value.chars().count() <= LONGEST_VALUE || value.starts_with("http");
    let is_field = is_fact(line) || FIELDS.contains(&normalise(label).as_str());
    // A label such as `P1` or `Customer` is a speaker's, whose answer may be as short.
    let is_speaker = !is_field && (is_numbered(label) || is_generic(label));
    if is_speaker
        || !is_label
        || !is_short
        || value.is_empty()
        || value.ends_with(['.', '?', '!', '…'])
    {
        return None;
    }
    let is_hard = value.contains(['@']) || value.contains("://") || {
        let digits = value.chars().filter(char::is_ascii_digit).count();
        digits > 0 && value.split_whitespace().count() <= 4
    };
    let is_name = value.split_whitespace().count() <= 3
        && value.split_whitespace().all(|word| word.starts_with(char::is_uppercase));
    (is_hard || is_name || is_field).then_some((label, value, is_hard || is_field))
}

/// Whether a line only separates what stands above it from what stands below.
fn is_rule(line: &str) -> bool {
    line.chars().count() >= 3 && line.chars().all(|c| matches!(c, '=' | '_' | '-'))
}

/// Whether a line is a notice such as `(14:00:31) *** Darren joined the chat ***`.
fn is_notice(line: &str) -> bool {
    static NOTICE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\[(]?(?:\d{1,2}:\d{2}(?::\d{2})?)?[\])]?\s*\*{3}\s+\S.*\s\*{3}$")
            .expect("the pattern is valid")
    });
    NOTICE.is_match(line)
}

/// Takes headers, rules and notices out of a conversation, and returns the roles that headers give.
pub(super) fn take_out(blocks: &mut Vec<Block>, findings: &mut Findings) -> Parts {
    let lines: Vec<(usize, usize, &str)> = blocks
        .iter()
        .enumerate()
        .flat_map(|(block, of)| {
            of.lines().iter().enumerate().map(move |(at, line)| (block, at, line.trim()))
        })
        .collect();
    let mut gone: HashSet<(usize, usize)> = HashSet::new();
    let mut parts = Parts::default();
    let mut at = 0;
    while at < lines.len() {
        let mut labels: Vec<&str> = Vec::new();
        let mut hard = 0;
        let run = lines[at..].iter().take_while(|(block, _, line)| {
            let found = fact(line).filter(|(label, ..)| !labels.contains(label));
            let goes_on = *block == lines[at].0 && found.is_some();
            if let Some((label, _, is_hard)) = found.filter(|_| goes_on) {
                labels.push(label);
                hard += usize::from(is_hard);
            }
            goes_on
        });
        let length = run.count();
        if length >= LEAST && hard >= 2 {
            for (block, line, text) in &lines[at..at + length] {
                gone.insert((*block, *line));
                let Some((label, value, _)) = fact(text) else { continue };
                let is_asker = moderator::is_role(label);
                if is_asker || moderator::is_helper(label) {
                    let name = value.split(['(', ',', '<']).next().unwrap_or(value).trim();
                    parts.asking.insert(name.to_owned());
                    parts.interviews |= is_asker;
                }
            }
        }
        at += length.max(1);
    }
    if !gone.is_empty() {
        // Where there is a header, so may there be blocks of facts under a heading of their own,
        // which customers fill in before a chat.
        for (block, of) in blocks.iter().enumerate() {
            let own = of.lines();
            let facts = own.iter().filter(|line| fact(line.trim()).is_some_and(|f| f.2)).count();
            if facts >= 2 && facts + 1 >= own.len() && fact(own[0].trim()).is_none() {
                gone.extend((0..own.len()).map(|line| (block, line)));
            }
        }
    }
    let note = |findings: &mut Findings, line: usize, is_head: bool| {
        if is_head {
            findings.note("header-lines", line, || {
                "facts in a row above a conversation are nobody's words; left out".to_owned()
            });
        } else {
            findings.note("tool-notice", line, || {
                "lines that only part others, and notices of who came and went, are nobody's words; left out"
                    .to_owned()
            });
        }
    };
    for (i, block) in blocks.iter_mut().enumerate() {
        let first = block.line;
        let (Body::Paragraph(lines) | Body::Item(lines)) = &mut block.body else { continue };
        let mut at = 0;
        lines.retain(|line| {
            let line = line.trim();
            let is_head = gone.contains(&(i, at));
            at += 1;
            let is_out = is_head || is_rule(line) || is_notice(line);
            if is_out {
                note(findings, first + at - 1, is_head);
            }
            !is_out
        });
    }
    blocks.retain(|block| match &block.body {
        Body::Paragraph(lines) | Body::Item(lines) => !lines.is_empty(),
        _ => true,
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::super::rows::Rows;
    use super::super::text;

    fn load(text: &str) -> Rows {
        let mut rows = Rows::new(1);
        text::read(text, &mut rows).unwrap();
        rows
    }

    #[test]
    fn a_header_tells_who_helps_and_is_nobodys_words() {
        let chat = |id: &str, agent: &str| {
            format!(
                "=====\nChat ID: {id}\nStarted on: 01/05/2024 14:00\nVisitor: Nadia Ek (n@post.example)\n\
                 Country: Ireland\nRating: Not rated\nAgent: {agent}\n=====\n\nPre-chat survey\nName: Nadia Ek\n\
                 Order number: F-2\n\n(14:00:01) FleetBot: Hi there! What can I do?\n\
                 (14:00:20) Nadia Ek: My shoes came in two sizes.\n(14:00:31) *** {agent} joined the chat ***\n\
                 (14:00:45) {agent}: I am sorry, may I have your order number?\n(14:01:10) Nadia Ek: I typed it in already.\n\n"
            )
        };
        let rows = load(&format!("{}{}", chat("R7", "Darren"), chat("R8", "Siobhan")));
        let who =
            |record: &crate::corpus::Record| record.participant.as_deref() == Some("Nadia Ek");
        assert!(rows.records.iter().all(who), "{:?}", rows.records);
        assert!(!rows.records.iter().any(|record| record.text.contains("joined")));
        assert_eq!(rows.records.len(), 4);
    }

    #[test]
    fn a_round_of_short_answers_is_no_header() {
        let rows = load("Moderator: Which bus?\nP01: Number 5\nP02: Number 7\nP03: Number 9\n");
        assert_eq!(rows.records.len(), 3);
        let rows = load("Name: Ana\nAge: 34\nCity: Rome\n\nShe waits a lot.\n");
        assert!(rows.records.iter().any(|record| record.text.contains("Rome")), "nobody speaks");
    }
}
