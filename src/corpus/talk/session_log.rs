//! Logs of sessions in which somebody thinks aloud: a time, and then what they said between quotation
//! marks, what an observer saw them do, or what was asked.
//!
//! Owns which texts are such logs, and whose each of their lines is. Who asks is put together in
//! `asking`; times beside labels belong to `speakers` and `layouts`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::speakers::{is_generic, is_numbered, label_of, participant_of_heading};
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::findings::Findings;
use crate::corpus::told;

/// Fewest lines with a time that make a log, and fewest of them that are quotations.
const LEAST: usize = 3;
const LEAST_QUOTED: usize = 2;

/// Most different labels in a log: those of the team.
const MOST_LABELS: usize = 3;

/// What is said by the participant where nothing names them.
const ANYONE: &str = "Participant";

/// What a line with a time says.
enum Line<'t> {
    /// Words of the participant.
    Said(&'t str),
    /// Words behind a label.
    Labelled(&'t str, &'t str),
    /// What an observer saw.
    Noted,
}

impl<'t> Line<'t> {
    /// What stands in a line that begins with a time; `None` for other lines.
    fn parse(line: &'t str) -> Option<Self> {
        static TIMED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^[\[(#]?\d{1,2}:\d{2}(?::\d{2})?[\])#]?\s*[-–—|]?\s*(?P<rest>\S.*)$")
                .expect("the pattern is valid")
        });
        let rest = TIMED.captures(line.trim())?.name("rest")?.as_str().trim();
        if let Some(words) = quoted(rest) {
            return Some(Self::Said(words));
        }
        Some(label_of(rest).map_or(Self::Noted, |(label, words)| Self::Labelled(label, words)))
    }
}

/// The words of a text that is nothing but quotations.
fn quoted(text: &str) -> Option<&str> {
    let spans = told::spans(text);
    let (first, last) = (spans.first()?.start, spans.last()?.end);
    let is_bare = |part: &str| !part.contains(char::is_alphanumeric);
    (is_bare(&text[..first]) && is_bare(&text[last..])).then(|| &text[first..last])
}

/// Whether a label is the participant's: `P`, `P1`, `Participant`.
fn is_participants(label: &str) -> bool {
    is_generic(label) || is_numbered(label)
}

/// Whether blocks are such a log: lines with a time, of which some are quotations, hardly any is longer
/// than a line, and few people have labels.
fn is_log(blocks: &[Block]) -> bool {
    let texts = || blocks.iter().flat_map(Block::lines).filter(|line| !line.trim().is_empty());
    let timed: Vec<Line<'_>> = texts().filter_map(|line| Line::parse(line)).collect();
    let quoted = timed.iter().filter(|line| matches!(line, Line::Said(_))).count();
    let labels: BTreeSet<&str> = timed
        .iter()
        .filter_map(|line| match line {
            Line::Labelled(label, _) => Some(*label),
            Line::Said(_) | Line::Noted => None,
        })
        .collect();
    timed.len() >= LEAST
        && quoted >= LEAST_QUOTED
        && quoted * 3 >= timed.len()
        && labels.len() <= MOST_LABELS
        && texts().count() <= timed.len() * 2
        && blocks.iter().all(|block| matches!(block.body, Body::Paragraph(_) | Body::Item(_)))
}

/// The heading of a task: `TASK 2`.
fn is_task(line: &str) -> bool {
    static TASK: LazyLock<Regex> = LazyLock::new(|| {
        let word = "task|scenario|aufgabe|szenario|tâche|scénario|tarea|escenario|tarefa|cenário|compito\
                    |taak|opdracht|uppgift|oppgave|opgave|tehtävä|zadanie|úkol|görev|задание";
        Regex::new(&format!(r"(?i)^(?:{word})\s*#?\d{{1,2}}\b.{{0,60}}$"))
            .expect("the pattern is valid")
    });
    TASK.is_match(line)
}

/// Makes turns of the lines of a log, if the blocks are one: quotations are the participant's, and words
/// behind a name those of somebody who asks. What was noted is left out. Returns the names of those who
/// ask.
pub(super) fn take_apart(blocks: &mut Vec<Block>, findings: &mut Findings) -> Vec<String> {
    if !is_log(blocks) {
        return Vec::new();
    }
    let mut log = Log { blocks: Vec::new(), who: None, task: None, asking: Vec::new(), findings };
    for block in std::mem::take(blocks) {
        log.add(&block);
    }
    let Log { blocks: found, asking, .. } = log;
    *blocks = found;
    asking
}

/// A log while its lines are read.
struct Log<'f> {
    blocks: Vec<Block>,
    /// The participant whom a heading named last, and the task.
    who: Option<String>,
    task: Option<String>,
    asking: Vec<String>,
    findings: &'f mut Findings,
}

impl Log<'_> {
    fn add(&mut self, block: &Block) {
        for (at, line) in block.lines().iter().enumerate() {
            let (number, line) = (block.line + at, line.trim());
            match Line::parse(line) {
                Some(Line::Said(words)) => self.turn(block, number, None, words),
                Some(Line::Labelled(label, words)) if is_participants(label) => {
                    self.turn(block, number, None, words);
                }
                Some(Line::Labelled(label, words)) => {
                    if !self.asking.iter().any(|name| name == label) {
                        self.asking.push(label.to_owned());
                    }
                    self.turn(block, number, Some(label), words);
                }
                Some(Line::Noted) => self.note(number),
                None if is_task(line) => {
                    self.task = Some(line.to_owned());
                    self.note(number);
                }
                None => self.other(block, number, line),
            }
        }
    }

    /// A line without a time: a heading, or what may be anything.
    fn other(&mut self, block: &Block, number: usize, line: &str) {
        if let Some(who) = participant_of_heading(line.trim_end_matches(':')) {
            self.who = Some(who);
            self.task = None;
            self.note(number);
        } else if !line.is_empty() {
            // Below a turn, a paragraph would go on with it.
            let lines = vec![line.to_owned()];
            let is_above = self.blocks.iter().all(|block| !matches!(block.body, Body::Turn { .. }));
            let body = if is_above { Body::Paragraph(lines) } else { Body::Item(lines) };
            self.push(block, number, body);
        }
    }

    fn turn(&mut self, block: &Block, number: usize, asker: Option<&str>, words: &str) {
        let who = || block.participant.clone().or_else(|| self.who.clone());
        let speaker = match asker {
            Some(name) => name.to_owned(),
            None => who().unwrap_or_else(|| ANYONE.to_owned()),
        };
        self.push(block, number, Body::Turn { speaker, lines: vec![words.to_owned()] });
    }

    fn push(&mut self, block: &Block, line: usize, body: Body) {
        let section = self.task.clone().or_else(|| block.section.clone());
        let (participant, facts) = (block.participant.clone(), Facts::clone(&block.facts));
        self.blocks.push(Block { line, section, participant, facts, body });
    }

    fn note(&mut self, line: usize) {
        self.findings.note("observer-note", line, || {
            "what somebody noted between the words of a participant who thinks aloud is nobody's \
             words; left out"
                .to_owned()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn quotations_are_the_participants_and_notes_nobodys() {
        let log = "00:42 \"Okay so I'm looking for a lake, there's a lot here.\"\n\
                   01:10 P clicks on 'Family', doesn't notice filter\n\
                   01:35 “I want to know if there is a playground.”\n\n04:02 Jo: What are you looking for?\n\
                   04:05 \"The price for all of us. I hate it.\"\n05:12 task completed\n";
        for (head, who) in [
            ("PARTICIPANT 1\n\n", "PARTICIPANT 1"),
            ("PARTICIPANT 1\n\nTASK 1\n", "PARTICIPANT 1"),
            ("", "Participant"),
        ] {
            let rows = load_text(&format!("{head}{log}"));
            let found = said(&rows);
            assert!(found.iter().all(|(name, _)| *name == Some(who)), "{found:?}");
            let texts: Vec<&str> = found.iter().map(|(_, text)| *text).collect();
            let texts = texts.join("\n");
            assert!(texts.contains("a playground."), "{texts}");
            assert!(
                texts.contains("question: What are you looking for?\ntext: The price"),
                "{texts}"
            );
            assert!(!texts.contains("clicks") && !texts.contains("01:35"), "{texts}");
            assert_eq!(texts.contains("section: TASK 1"), head.contains("TASK"), "{texts}");
            assert!(rows.other_names.contains(&"Jo".to_owned()));
        }
    }

    #[test]
    fn a_conversation_with_times_or_a_plan_of_a_day_is_no_log() {
        let rows = load_text(
            "00:42 Jo: What do you see?\n01:10 Ana: \"Sold out\", it says.\n01:35 Jo: And now?\n\
             02:00 Ana: I go back.\n",
        );
        let last = said(&rows).pop().map(|(who, text)| (who, text.ends_with("I go back.")));
        assert_eq!(last, Some((Some("Ana"), true)), "{:?}", said(&rows));
        let rows =
            load_text("09:00 I got up.\n10:30 Shop \"Mill\" was shut.\n12:00 \"Why?\" I said.\n");
        assert!(rows.records.iter().any(|record| record.text.contains("I got up")));
    }
}
