//! Minutes of a meeting: who was present stands above them, and between what people said stand what was
//! on the agenda and what was decided.
//!
//! Owns the list of those present, and which lines nobody said. Who speaks is decided in `speakers`.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::moderator::is_heard_word;
use super::speakers::{begins_turn, is_present, label_of};
use crate::corpus::block::Block;
use crate::corpus::findings::Findings;
use crate::corpus::names::{is_of_word, normalise};

/// Fewest and most people of a list.
const LEAST: usize = 3;
const MOST: usize = 60;

/// Fewest of those present who speak.
const LEAST_SPEAKERS: usize = 2;

/// Blocks at the beginning among which the list stands.
const LOOKED_AT: usize = 6;

/// Most words of a name, with titles.
const LONGEST_NAME: usize = 4;

/// Most words of an item of the agenda.
const LONGEST_ITEM: usize = 8;

/// Labels above a list of all who were present, normalised.
const PRESENT: [&str; 15] = [
    "present",
    "attendees",
    "attendance",
    "inattendance",
    "memberspresent",
    "attending",
    "anwesend",
    "anwesende",
    "présents",
    "étaientprésents",
    "asistentes",
    "presentes",
    "presenti",
    "aanwezig",
    "aanwezigen",
];

/// Those who were present, by their names.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// All names.
    pub names: Vec<String>,
    /// Those who work for whoever is talked about, as far as the list tells.
    pub staff: Vec<String>,
}

/// The name in a line of the list, and what stands behind it: `Barry Fitch (carer member)`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches(['-', '*', '•', ' ']);
    let end = line.find(['(', ',', '–', '—', '-']).unwrap_or(line.len());
    let (name, what) = (line[..end].trim(), &line[end..]);
    let words = || name.split_whitespace();
    let is_name = (1..=LONGEST_NAME).contains(&words().count())
        && words().all(|word| word.starts_with(char::is_uppercase))
        && !line.contains(':');
    is_name.then_some((name, what))
}

/// The list in the lines of a block: where it begins, and its entries.
fn list(lines: &[String]) -> Option<Vec<(&str, &str)>> {
    let is_head = |line: &String| {
        let label = line.trim().strip_suffix(':').map(normalise);
        label.is_some_and(|label| PRESENT.contains(&label.as_str()))
    };
    let head = lines.iter().position(is_head)?;
    let entries: Vec<_> = lines[head + 1..].iter().map_while(|line| entry(line)).collect();
    (LEAST..=MOST).contains(&entries.len()).then_some(entries)
}

/// Whether a role is that of somebody to be heard: `patient member` and `member of the panel`, but not
/// `Patient Experience Manager`.
fn is_heard_role(role: &str) -> bool {
    const OF: [&str; 9] = ["of", "der", "des", "von", "de", "du", "del", "della", "van"];
    let words: Vec<&str> = role.split(|c: char| !is_of_word(c)).filter(|w| !w.is_empty()).collect();
    let of = words.iter().position(|word| OF.contains(word)).unwrap_or(words.len());
    words[..of].last().is_some_and(|word| is_heard_word(word))
}

/// Takes what nobody said out of minutes, and returns who was present; `None` where no list says so.
pub(super) fn take_out(blocks: &mut Vec<Block>, findings: &mut Findings) -> Option<Roster> {
    let at = blocks.iter().take(LOOKED_AT).position(|block| list(block.lines()).is_some())?;
    let names: Vec<String> =
        list(blocks[at].lines())?.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines = blocks[at + 1..].iter().flat_map(Block::lines);
    let labels = lines.filter_map(|line| label_of(line)).map(|(label, _)| label);
    let speakers: HashSet<&str> = labels.filter(|label| is_present(label, &names)).collect();
    if speakers.len() < LEAST_SPEAKERS {
        return None;
    }
    let mut roster = Roster { names, staff: Vec::new() };
    for (name, what) in list(blocks[at].lines())? {
        let is_heard = what.split(['(', ')', ',', '–', '—']).any(is_heard_role);
        if !is_heard && !what.is_empty() {
            roster.staff.push(name.to_owned());
        }
    }
    // A list in which nobody is one to be heard says nothing about who is.
    if roster.staff.len() == roster.names.len() {
        roster.staff.clear();
    }
    for block in blocks.drain(..=at) {
        note(findings, block.line);
    }
    let mut has_ended = false;
    // What stands below an item of the agenda and before a label, the writer tells.
    let mut is_said = false;
    let all = std::mem::take(blocks);
    for block in all {
        let first = block.line;
        blocks.extend(block.without(|at, line| {
            has_ended |= closes(line);
            is_said |= begins_turn(line);
            is_said &= !has_ended && !is_of_minutes(line);
            let is_minutes = !is_said;
            if is_minutes {
                note(findings, first + at);
            }
            is_minutes
        }));
    }
    Some(roster)
}

/// Whether a line is an item of the agenda (`2. Discharge letters`), or says what was decided
/// (`ACTION: JP to bring a form`, `It was RESOLVED to cost it.`).
fn is_of_minutes(line: &str) -> bool {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\d{1,2}(?:\.\d{1,2})?[.)]?\s+\p{Lu}").expect("the pattern is valid")
    });
    static DECIDED: LazyLock<Regex> = LazyLock::new(|| {
        let words = "ACTIONS?|RESOLVED|AGREED|NOTED|DECISIONS?|DECIDED|APPROVED|CARRIED|BESCHLUSS|BESCHLOSSEN\
            |AUFGABEN?|DÉCISION|DÉCIDÉ|APPROUVÉ|ACUERDO|ACORDADO|DECISIÓN|APROBADO|DECISÃO|APROVADO|DECISIONE\
            |APPROVATO|BESLUIT|ACTIEPUNT";
        Regex::new(&format!(r"\b(?:{words})\b")).expect("the pattern is valid")
    });
    let line = line.trim();
    let is_item = ITEM.is_match(line)
        && line.split_whitespace().count() <= LONGEST_ITEM
        && !line.ends_with(['.', '!', '?'])
        && !line.contains(": ");
    // Somebody who speaks in capitals has a label in front.
    is_item || DECIDED.find(line).is_some_and(|word| !line[..word.start()].contains(": "))
}

/// Whether a line says when the meeting ended; nothing below it was said there.
fn closes(line: &str) -> bool {
    static END: LazyLock<Regex> = LazyLock::new(|| {
        let meeting = "meeting|session|sitzung|versammlung|séance|réunion|reunión|sesión|reunião|riunione|seduta|vergadering";
        let ended = "closed|ended|adjourned|concluded|finished|endete?|geschlossen|beendet|schloss|levée|close\
            |terminó|finalizó|levantó|encerrada|terminou|chiusa|termina|sciolta|gesloten|sluit";
        Regex::new(&format!(
            r"(?i)\b(?:{meeting})\b.{{0,40}}\b(?:{ended})\b.{{0,20}}\d{{1,2}}[.:h]\d{{2}}|\b(?:{meeting})\b.{{0,20}}\d{{1,2}}[.:h]\d{{2}}.{{0,20}}\b(?:{ended})\b"
        ))
        .expect("the pattern is valid")
    });
    END.is_match(line) && line.split_once(": ").is_none_or(|(label, _)| entry(label).is_none())
}

fn note(findings: &mut Findings, line: usize) {
    findings.note("minutes", line, || {
        "the head of minutes, their agenda, and what was decided is nobody's words; left out"
            .to_owned()
    });
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn those_present_speak_even_once_and_staff_among_them_are_not_heard() {
        let rows = load_text(
            "MINUTES OF THE BOARD\nHeld on 16 April 2024, 14:00\n\nPresent:\n  Eunice Ade (patient member, Chair)\n  \
             Barry Fitch (carer member)\n  Dr Miles Carew (Clinical Lead, Trust)\n  Jo Pike (Patient Experience Manager, Trust) – minutes\n\
             Apologies: Rev. T. Okoro\n\n1. Minutes of the last meeting\nThe minutes were AGREED.\n\n2. Letters\n\
             Eunice Ade: I read mine three times.\nDr Miles Carew: That number was retired.\n\
             Barry Fitch: She files it in the piano stool.\nJo Pike: We could offer a copy.\n\
             ACTION: JP to bring a form.\n\n3. Waiting room\nEunice Ade: A buzzer would do me.\n\
             It was RESOLVED to cost it.\nThere being no other business, the meeting closed at 15:25.\n\n\
             Date of next meeting: 18 June 2024\n",
        );
        let question = "question: That number was retired.\ntext: She files it in the piano stool.";
        let found = said(&rows);
        assert_eq!(
            found[..2],
            [(Some("Eunice Ade"), "I read mine three times."), (Some("Barry Fitch"), question)]
        );
        assert!(found[2].1.ends_with("text: A buzzer would do me."), "{found:?}");
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_list_without_roles_makes_nobody_staff() {
        let rows = load_text(
            "Present:\nAna Lee\nBo Day\nCy Ode\n\nAna Lee: I wait.\nBo Day: I queue.\nCy Ode: I walk.\nAna Lee: Daily.\n",
        );
        assert_eq!(rows.records.len(), 4, "{:?}", said(&rows));
    }
}
