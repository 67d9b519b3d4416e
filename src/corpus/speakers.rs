//! Who speaks in prose: labels like `Ana:`, `[00:01] Ana:` or `Ana 00:01`, and headings that name a
//! participant.
//!
//! Owns which beginnings of lines are labels, and which of them are speakers of a document. What
//! becomes of their words is `transcript`'s.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::moderator;
use super::names::normalise;
use super::transcript::Block;

/// Whose words follow, if a heading says so: `Participant 3 – Marta`, `P07`, `Interview with Ana`.
pub(super) fn participant_of_heading(heading: &str) -> Option<String> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)^(?:(?:participant|respondent|interviewee|interview|subject|user|p|r)\
                       [ #.-]*[0-9]+\\b|interview with (?P<who>.+))";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let found = NAMED.captures(heading)?;
    Some(found.name("who").map_or(heading, |who| who.as_str()).to_owned())
}

/// Labels that number the people who were asked: `P01`, `R-2`, `Speaker 3`.
pub(super) fn is_numbered(label: &str) -> bool {
    static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)^(?:participant|respondent|interviewee|speaker|subject|person|user|p|r|s)\
                       [ #._-]*[0-9]{1,4}$";
        Regex::new(pattern).expect("the pattern is valid")
    });
    NUMBERED.is_match(label)
}

/// Labels that stand for a role, whoever fills it.
pub(super) fn is_generic(label: &str) -> bool {
    matches!(
        normalise(label).as_str(),
        "participant"
            | "respondent"
            | "interviewee"
            | "user"
            | "customer"
            | "a"
            | "answer"
            | "p"
            | "r"
    )
}

/// Whether a label is part of a fuller name: `Ana` of `Ana, night nurse`.
pub(super) fn is_short_for(label: &str, name: &str) -> bool {
    name.split(|c: char| !c.is_alphanumeric()).any(|word| word == label)
}

/// Words before a colon that head a note, not a turn.
fn is_note_word(label: &str) -> bool {
    matches!(
        normalise(label).as_str(),
        "note"
            | "notes"
            | "todo"
            | "summary"
            | "date"
            | "time"
            | "place"
            | "location"
            | "duration"
            | "participants"
            | "pros"
            | "cons"
            | "quote"
            | "quotes"
            | "insight"
            | "insights"
            | "finding"
            | "findings"
            | "action"
            | "actions"
            | "observation"
            | "example"
            | "topic"
            | "warning"
            | "update"
            | "problem"
            | "solution"
            | "http"
            | "https"
            | "source"
            | "ps"
            // Headers of mail.
            | "from"
            | "to"
            | "cc"
            | "bcc"
            | "subject"
            | "sent"
            | "replyto"
            | "inreplyto"
            | "references"
            | "messageid"
            | "returnpath"
            | "received"
            | "deliveredto"
            | "mimeversion"
            | "contenttype"
            | "contenttransferencoding"
            | "betreff"
            | "gesendet"
            | "objet"
            | "asunto"
            | "assunto"
            | "oggetto"
    )
}

/// Headers that mail programs add for each other, as in `X-Mailer`.
fn is_header(label: &str) -> bool {
    ["X-", "DKIM-", "ARC-", "List-", "Authentication-"].iter().any(|start| label.starts_with(start))
}

/// A line that begins a turn.
pub(super) struct Label<'a> {
    pub(super) speaker: &'a str,
    timed: bool,
    pub(super) rest: &'a str,
}

impl<'a> Label<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        const TIME: &str = r"[\[(]?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?[\])]?";
        const NAME: &str = r"\p{L}[\p{L}\p{M}\p{N} .'’_-]{0,39}?";
        static COLON: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = format!(
                r"^[*_]*(?P<before>{TIME})?[\s–-]*[*_]*(?P<name>{NAME})(?P<bracket>\s*\([^()]{{1,40}}\))?\s*(?P<after>{TIME})?[*_]*:[*_]*(?:\s|$)"
            );
            Regex::new(&pattern).expect("the pattern is valid")
        });
        // As some meeting tools write it: name and time on a line of their own.
        static BARE: LazyLock<Regex> = LazyLock::new(|| {
            // The time makes it certain, so a comma may stand in it: `Lindqvist, Hannah`.
            let pattern = format!(
                r"^[*_]*(?P<name>\p{{L}}[\p{{L}}\p{{M}}\p{{N}} .,'’_-]{{0,49}}?)(?P<bracket>\s*\([^()]{{1,40}}\))?[*_]*\s+(?P<after>{TIME})\s*$"
            );
            Regex::new(&pattern).expect("the pattern is valid")
        });
        let line = line.trim();
        let found = COLON.captures(line).or_else(|| BARE.captures(line))?;
        let group = |name| found.name(name).map(|m| m.as_str());
        // Numbered questions and answers (`Q1:`, `A1:`) are all by the same two.
        let name = group("name")?.trim();
        let letter = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let mut speaker = if matches!(letter, "Q" | "A") { letter } else { name };
        if let (Some(name), Some(bracket)) = (found.name("name"), found.name("bracket")) {
            let both = &line[name.start()..bracket.end()];
            // Who asks is told by the role; who answers by the name.
            if moderator::is_role(both) {
                speaker = both;
            }
        }
        if speaker.split_whitespace().count() > 4 || is_note_word(speaker) || is_header(speaker) {
            return None;
        }
        let timed = group("before").is_some() || group("after").is_some();
        let rest = line[found.get(0)?.end()..].trim();
        Some(Self { speaker, timed, rest })
    }
}

/// The labels of a document that really are speakers.
pub(super) struct Speakers {
    labels: HashMap<String, usize>,
    /// Whether a tool wrote them, with a time at each turn.
    pub(super) timed: bool,
}

impl Speakers {
    /// A word before a colon is a speaker when it has a time stamp, names a role or a participant's
    /// number, or comes back; and without the first two, only when another speaker does so too: a
    /// conversation takes two. In a round where somebody asks and nearly every line has a label,
    /// those who answer once are speakers as well.
    pub(super) fn find(blocks: &[Block]) -> Self {
        let mut labels: HashMap<String, usize> = HashMap::new();
        let (mut sure, mut timed) = (false, 0);
        let (mut asks, mut labelled, mut all) = (false, 0, 0);
        let lines = blocks.iter().flat_map(|block| block.lines().iter().map(move |l| (block, l)));
        for (block, line) in lines {
            all += usize::from(!line.trim().is_empty());
            let Some(label) = Label::parse(line) else { continue };
            labelled += 1;
            asks |= moderator::is_label(label.speaker);
            let named = |name: &String| is_short_for(label.speaker, name);
            let known = label.timed
                || moderator::is_label(label.speaker)
                || is_generic(label.speaker)
                || is_numbered(label.speaker)
                || block.participant.as_ref().is_some_and(named);
            sure |= known;
            timed += usize::from(label.timed);
            *labels.entry(label.speaker.to_owned()).or_default() += if known { 2 } else { 1 };
        }
        let round = asks && labelled * 10 >= all * 9;
        labels.retain(|_, count| *count >= 2 || round);
        if !sure && labels.len() < 2 {
            labels.clear();
        }
        Self { labels, timed: timed >= 2 && timed * 2 > labelled }
    }

    pub(super) fn label<'a>(&self, line: &'a str) -> Option<Label<'a>> {
        Label::parse(line).filter(|label| self.labels.contains_key(label.speaker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_the_forms_that_tools_write() {
        for line in [
            "Ana María: text",
            "**Ana María:** text",
            "**Ana María**: text",
            "[00:01:02] Ana María: text",
            "00:01 - Ana María: text",
            "Ana María (nurse): text",
            "Ana María [00:01]: text",
            "(0:07) Ana María: text",
        ] {
            let label = Label::parse(line).unwrap_or_else(|| panic!("no label in {line:?}"));
            assert_eq!((label.speaker, label.rest), ("Ana María", "text"), "{line:?}");
        }
        for (line, speaker) in [
            ("Ana María  00:01:02", "Ana María"),
            ("Ana María (External)   0:03", "Ana María"),
            ("María, Ana   0:03", "María, Ana"),
            ("Ana (Moderator)  0:03", "Ana (Moderator)"),
        ] {
            let label = Label::parse(line).unwrap_or_else(|| panic!("no label in {line:?}"));
            assert_eq!((label.speaker, label.rest, label.timed), (speaker, "", true), "{line:?}");
        }
    }

    #[test]
    fn headers_of_mail_are_nobody() {
        for line in ["From: Ana", "Message-ID: <1@x>", "X-Mailer: Apple", "Return-Path: a"] {
            assert!(Label::parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn headings_that_name_a_participant_are_told_from_others() {
        assert_eq!(participant_of_heading("Interview with Ana").as_deref(), Some("Ana"));
        for heading in ["Participant 3 – Marta", "P07: night nurse", "User #2"] {
            assert_eq!(participant_of_heading(heading).as_deref(), Some(heading));
        }
        for heading in ["Participants", "Interview guide", "User needs", "Pricing 2", "P"] {
            assert_eq!(participant_of_heading(heading), None, "{heading}");
        }
    }
}
