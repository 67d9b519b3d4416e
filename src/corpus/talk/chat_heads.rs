//! What a tool writes around a conversation: a header of facts, rules, notices of who came and
//! went.
//!
//! Owns which lines these are, and whose role a header gives. Who speaks is decided in `speakers`.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::moderator;
use super::speakers::{
    are_initials, is_fact, is_generic, is_numbered, is_short_for, is_timed_turn,
};
use crate::corpus::block::Block;
use crate::corpus::findings::Findings;
use crate::corpus::lines::is_rule;
use crate::corpus::names::normalise;

/// Marks of a rule around a header.
const RULE_MARKS: &str = "=_-";
/// Fewest marks of such a rule.
const LEAST_RULE: usize = 3;
/// Fewest facts in a row that make a header.
const LEAST_FACTS: usize = 3;
/// Fewest facts of a header that cannot be what somebody says; also of a form.
const LEAST_CERTAIN: usize = 2;

/// Longest label of a fact, in characters.
const LONGEST_LABEL: usize = 30;
/// Most words of such a label.
const LABEL_WORDS: usize = 4;
/// Longest value of a fact, in characters.
const LONGEST_VALUE: usize = 60;
/// Most words of a value with digits that nobody says: a number, a date, a code.
const NUMBER_WORDS: usize = 4;
/// Most words of a value that is a name.
const NAME_WORDS: usize = 3;

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
    /// Lines of the heads of chats, from 1, in order.
    starts: Vec<usize>,
}

impl Parts {
    /// Adds people whom the header of a transcript names as asking or watching.
    pub(super) fn add_asking(&mut self, names: Vec<String>) {
        self.asking.extend(names);
    }

    /// The number of the chat in which a line stands; those of two chats differ.
    pub(super) fn chat_of(&self, line: usize) -> usize {
        self.starts.partition_point(|start| *start <= line)
    }

    /// Whether a label is that of somebody whose role is to ask or help.
    pub(super) fn is_asking(&self, label: &str) -> bool {
        self.asking
            .iter()
            .any(|name| name == label || is_short_for(label, name) || are_initials(label, name))
    }

    /// Notes whom a fact of a header names, if its label is a role that asks or helps.
    fn add(&mut self, fact: &Fact<'_>) {
        let is_asker = moderator::is_role(fact.label);
        if is_asker || moderator::is_helper(fact.label) {
            let name = fact.value.split(['(', ',', '<']).next().unwrap_or(fact.value).trim();
            self.asking.insert(name.to_owned());
            self.interviews |= is_asker;
        }
    }
}

/// Where a line stands: the index of its block, and its index in it.
type Place = (usize, usize);

/// A line `Label: value` that states a fact.
struct Fact<'b> {
    label: &'b str,
    value: &'b str,
    /// Whether it cannot be what somebody says.
    is_certain: bool,
}

impl<'b> Fact<'b> {
    /// The fact that a line states; `None` for other lines.
    fn parse(line: &'b str) -> Option<Self> {
        let line = line.trim();
        let (label, value) = line.split_once(": ")?;
        let signs = ['*', '_', ' ', ':'];
        // Several facts may stand on a line, of which the first speaks for all.
        let value = value
            .split_once(" | ")
            .filter(|(_, more)| more.contains(": "))
            .map_or(value, |two| two.0);
        let (label, value) = (label.trim_matches(signs), value.trim().trim_matches(signs));
        let may_label = label.starts_with(char::is_alphabetic)
            && label.chars().count() <= LONGEST_LABEL
            && label.split_whitespace().count() <= LABEL_WORDS;
        let is_short = value.chars().count() <= LONGEST_VALUE || value.starts_with("http");
        let is_field = is_fact(line) || FIELDS.contains(&normalise(label).as_str());
        // A label such as `P1` or `Customer` is a speaker's, whose answer may be as short.
        let may_speak = !is_field && (is_numbered(label) || is_generic(label));
        let is_sentence = value.ends_with(['.', '?', '!', '…']);
        if may_speak || !may_label || !is_short || value.is_empty() || is_sentence {
            return None;
        }
        let words = || value.split_whitespace();
        let is_address = value.contains('@') || value.contains("://");
        let is_number =
            value.contains(|c: char| c.is_ascii_digit()) && words().count() <= NUMBER_WORDS;
        let is_name = words().count() <= NAME_WORDS
            && words().all(|word| word.starts_with(char::is_uppercase));
        let is_certain = is_address || is_number || is_field;
        (is_certain || is_name).then_some(Self { label, value, is_certain })
    }
}

/// Takes headers, rules and notices out of a conversation, and returns the roles that headers give.
/// Where a tool wrote a time at each turn (`is_timed`), what stands between a rule and the next turn is
/// one as well.
pub(super) fn take_out(blocks: &mut Vec<Block>, is_timed: bool, findings: &mut Findings) -> Parts {
    let mut parts = Parts::default();
    let mut facts: HashSet<Place> = HashSet::new();
    for (place, fact) in header_facts(blocks) {
        parts.add(&fact);
        facts.insert(place);
    }
    if !facts.is_empty() {
        facts.extend(form_lines(blocks));
    }
    if is_timed {
        facts.extend(below_rules(blocks));
    }
    parts.starts = facts.iter().map(|(block, line)| blocks[*block].line + line).collect();
    parts.starts.sort_unstable();
    remove(blocks, &facts, findings);
    parts
}

/// The facts of all headers. A header is a run of facts in one block, of which some cannot be what
/// somebody says.
fn header_facts(blocks: &[Block]) -> Vec<(Place, Fact<'_>)> {
    let mut found = Vec::new();
    for (block, of) in blocks.iter().enumerate() {
        let lines = of.lines();
        let mut at = 0;
        while at < lines.len() {
            let run = leading_facts(&lines[at..]);
            let next = at + run.len().max(1);
            let certain = run.iter().filter(|fact| fact.is_certain).count();
            if run.len() >= LEAST_FACTS && certain >= LEAST_CERTAIN {
                found.extend((at..).map(|line| (block, line)).zip(run));
            }
            at = next;
        }
    }
    found
}

/// The facts that the lines begin with, up to a line that states none or has a label again.
fn leading_facts(lines: &[String]) -> Vec<Fact<'_>> {
    let mut run: Vec<Fact<'_>> = Vec::new();
    for fact in lines.iter().map_while(|line| Fact::parse(line)) {
        if run.iter().any(|known| known.label == fact.label) {
            break;
        }
        run.push(fact);
    }
    run
}

/// The lines between a rule and the next turn with a time, if most of them state facts: another rule in a
/// message is followed by more of the message.
fn below_rules(blocks: &[Block]) -> Vec<Place> {
    let lines = blocks.iter().enumerate().flat_map(|(block, of)| {
        of.lines().iter().enumerate().map(move |(at, line)| ((block, at), line.trim()))
    });
    let mut found = Vec::new();
    let mut open: Option<Vec<(Place, &str)>> = None;
    let mut end = |open: &mut Option<Vec<(Place, &str)>>| {
        let head = open.take().unwrap_or_default();
        let facts = head.iter().filter(|(_, line)| line.contains(": ")).count();
        if facts * 2 >= head.len() {
            found.extend(head.into_iter().map(|(place, _)| place));
        }
    };
    for (place, line) in lines {
        if is_timed_turn(line) {
            end(&mut open);
        } else if is_rule(line, RULE_MARKS, LEAST_RULE) {
            open.get_or_insert_default();
        } else if let Some(head) = &mut open {
            head.push((place, line));
        }
    }
    end(&mut open);
    found
}

/// The lines of forms that customers fill in before a chat: blocks of facts under a heading of
/// their own. They are looked for only where there is a header.
fn form_lines(blocks: &[Block]) -> impl Iterator<Item = Place> {
    let forms = blocks.iter().enumerate().filter(|(_, block)| is_form(block.lines()));
    forms.flat_map(|(block, of)| (0..of.lines().len()).map(move |line| (block, line)))
}

fn is_form(lines: &[String]) -> bool {
    let facts = lines.iter().filter_map(|line| Fact::parse(line));
    let certain = facts.filter(|fact| fact.is_certain).count();
    certain >= LEAST_CERTAIN && certain + 1 >= lines.len() && Fact::parse(&lines[0]).is_none()
}

/// Removes the lines of facts, the rules and the notices, with a finding for each.
fn remove(blocks: &mut Vec<Block>, facts: &HashSet<Place>, findings: &mut Findings) {
    let all = std::mem::take(blocks);
    for (i, block) in all.into_iter().enumerate() {
        let first = block.line;
        blocks.extend(block.without(|at, line| {
            let is_fact = facts.contains(&(i, at));
            let line = line.trim();
            let is_tools = is_rule(line, RULE_MARKS, LEAST_RULE) || is_notice(line);
            if is_fact {
                note_header(findings, first + at);
            } else if is_tools {
                note_notice(findings, first + at);
            }
            is_fact || is_tools
        }));
    }
}

/// Whether a line is a notice such as `(14:00:31) *** Darren joined the chat ***`.
fn is_notice(line: &str) -> bool {
    static NOTICE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\[(]?(?:\d{1,2}:\d{2}(?::\d{2})?)?[\])]?\s*\*{3}\s+\S.*\s\*{3}$")
            .expect("the pattern is valid")
    });
    NOTICE.is_match(line)
}

fn note_header(findings: &mut Findings, line: usize) {
    findings.note("header-lines", line, || {
        "facts in a row above a conversation are nobody's words; left out".to_owned()
    });
}

fn note_notice(findings: &mut Findings, line: usize) {
    findings.note("tool-notice", line, || {
        "lines that only part others, and notices of who came and went, are nobody's words; left out"
            .to_owned()
    });
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_text;

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
        let rows = load_text(&format!("{}{}", chat("R7", "Darren"), chat("R8", "Siobhan")));
        let who =
            |record: &crate::corpus::Record| record.participant.as_deref() == Some("Nadia Ek");
        assert!(rows.records.iter().all(who), "{:?}", rows.records);
        assert!(!rows.records.iter().any(|record| record.text.contains("joined")));
        assert_eq!(rows.records.len(), 4);
    }

    #[test]
    fn heads_between_rules_part_chats_and_whoever_is_in_several_helps() {
        let chat = |id: u32, who: &str, agent: &str, asked: &str| {
            format!(
                "=====\nChat ID: N-{id}\nStarted: 2024-01-10 09:00 | Page: /help | Country: GB\nRating: bad\n-----\n\
                 (9:00:02) System: You are number 3 in the queue.\n(9:01:10) {who}: Hello there.\n\
                 (9:01:40) {agent}: {asked}\n(9:02:11) {who}: My meter reads backwards.\n\
                 (9:05:59) System: {who} has left.\n"
            )
        };
        let log = chat(1, "Ana Lee", "Tom", "Your number?")
            + &chat(2, "Visitor 48", "Eve", "How can I help?")
            + &chat(3, "Bo", "Tom", "Hm, which meter?");
        let rows = load_text(&log);
        let who: Vec<_> = rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, ["Ana Lee", "Ana Lee", "Visitor 48", "Visitor 48", "Bo", "Bo"]);
        let text = "question: Your number?\ntext: My meter reads backwards.";
        assert_eq!(rows.records[1].text, text);
        assert_eq!(rows.records[2].text, "Hello there.", "that question was another's");
        assert!(
            rows.other_names.contains(&"Eve".to_owned())
                && rows.other_names.contains(&"Tom".to_owned())
        );
    }

    #[test]
    fn a_round_of_short_answers_is_no_header() {
        let rows =
            load_text("Moderator: Which bus?\nP01: Number 5\nP02: Number 7\nP03: Number 9\n");
        assert_eq!(rows.records.len(), 3);
        let rows = load_text("Name: Ana\nAge: 34\nCity: Rome\n\nShe waits a lot.\n");
        assert!(rows.records.iter().any(|record| record.text.contains("Rome")), "nobody speaks");
    }
}
