//! What a table inside a document is: a frame around text, a conversation, a sheet of facts, or rows.
//!
//! Owns how these are told from each other. What becomes of each is up to `Document::table`.

use std::ops::RangeInclusive;

use super::DocumentRow;
use crate::corpus::names::{is_speaker_column, normalise, participant_rank};
use crate::corpus::rows::clean_name;
use crate::corpus::talk::header_lines;
use crate::corpus::talk::moderator;

/// What a table is.
pub(super) enum Table<'r> {
    /// Paragraphs with a frame around them, as word processors and old web pages use it: a single
    /// row, or a single column without a header.
    Frame,
    /// The lines of a transcript's header, typed into two columns.
    Header(String),
    /// A conversation, as transcribers type it: a column of speakers beside their words.
    Talk(Vec<Turn<'r>>),
    /// Names of facts and facts about this participant.
    Sheet(String),
    /// Rows under a header.
    Rows,
}

/// A row as a turn: line, speaker and words.
pub(super) type Turn<'r> = (usize, String, &'r str);

impl<'r> Table<'r> {
    /// What rows are, each of which holds something.
    pub(super) fn of(rows: &'r [DocumentRow]) -> Self {
        let columns = |row: &DocumentRow| {
            row.cells.iter().rposition(|cell| !cell.trim().is_empty()).unwrap_or(0) + 1
        };
        let is_list = || !rows[0].is_header && rows.iter().all(|row| columns(row) == 1);
        if rows.len() < 2 || is_list() {
            return Self::Frame;
        }
        let header = || facts_of_recording(rows).map(Self::Header);
        let talk = || turns(rows).map(Self::Talk);
        let sheet = || whose_sheet(rows).map(|who| Self::Sheet(who.to_owned()));
        header().or_else(talk).or_else(sheet).unwrap_or(Self::Rows)
    }
}

/// Left cells of a sheet about a participant, besides the one that says who it is.
const SHEET_FACTS: [&str; 12] = [
    "age",
    "gender",
    "occupation",
    "job",
    "role",
    "company",
    "location",
    "city",
    "phone",
    "email",
    "date",
    "interviewer",
];

/// The participant that a table is about, if it is a sheet of two columns: names of facts, and
/// facts.
fn whose_sheet(rows: &[DocumentRow]) -> Option<&str> {
    let pairs = || rows.iter().map(|row| (normalise(&row.cells[0]), row.cells.get(1)));
    let first = rows[0].cells.first().filter(|_| !rows[0].is_header)?;
    let is_sheet = participant_rank(first).is_some()
        && rows.iter().all(|row| row.cells.len() == 2 && may_be_label(&row.cells[0]))
        && pairs().any(|(name, _)| SHEET_FACTS.contains(&name.as_str()));
    pairs().next()?.1.filter(|_| is_sheet).map(|who| who.trim()).filter(|who| !who.is_empty())
}

/// Number of columns of a table that may be a conversation: the speaker and the words, and perhaps
/// a number and a time.
const TALK_COLUMNS: RangeInclusive<usize> = 2..=4;
/// Longest label of a speaker or a fact, in characters.
const LONGEST_LABEL: usize = 40;

/// The rows as turns, if the table is a conversation: its header says that people speak, or one of
/// them asks, to judge by the label or by what they do. A row without a label has the speaker of
/// the row above.
fn turns(rows: &[DocumentRow]) -> Option<Vec<Turn<'_>>> {
    let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    if !TALK_COLUMNS.contains(&width) {
        return None;
    }
    let names = || rows[0].cells.iter().map(|name| normalise(name)).enumerate();
    if let Some((column, _)) = names().find(|(_, name)| is_speaker_column(name)) {
        return turns_in(&rows[1..], column, width);
    }
    let ranked = names().filter_map(|(i, name)| Some((participant_rank(&name)?, i)));
    if let Some((_, column)) = ranked.min() {
        let turns = turns_in(&rows[1..], column, width)?;
        return has_asker(&turns).then_some(turns);
    }
    if rows[0].is_header {
        return None;
    }
    (0..width).find_map(|column| {
        let turns = turns_in(rows, column, width)?;
        let spoken = turns.iter().map(|(_, speaker, text)| (speaker.as_str(), *text));
        (has_asker(&turns) || moderator::guess(spoken).is_some()).then_some(turns)
    })
}

fn has_asker(turns: &[Turn<'_>]) -> bool {
    turns.iter().any(|(_, speaker, _)| moderator::is_asker(speaker))
}

/// The rows as turns of the speakers in `column`, if all its cells could be labels and the words
/// are in a single other column: a third one may hold only times and numbers, since it is lost.
fn turns_in(rows: &[DocumentRow], column: usize, width: usize) -> Option<Vec<Turn<'_>>> {
    fn cell(row: &DocumentRow, column: usize) -> &str {
        row.cells.get(column).map_or("", |cell| cell.trim())
    }
    let others = || (0..width).filter(|&other| other != column);
    let bytes = |column: &usize| rows.iter().map(|row| cell(row, *column).len()).sum::<usize>();
    let words = others().max_by_key(bytes)?;
    let has_letters = |c: usize| rows.iter().any(|row| cell(row, c).contains(char::is_alphabetic));
    if others().any(|other| other != words && has_letters(other)) {
        return None;
    }
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(rows.len());
    for row in rows {
        let label = clean_name(cell(row, column).trim_end_matches(':'));
        let speaker = match turns.last() {
            Some((_, before, _)) if label.is_empty() => before.clone(),
            _ => label,
        };
        if !may_be_label(&speaker) {
            return None;
        }
        turns.push((row.line, speaker, cell(row, words)));
    }
    turns.iter().any(|(_, speaker, _)| *speaker != turns[0].1).then_some(turns)
}

/// Whether a text may be the label of a speaker or of a fact: short, with letters, and no sentence.
fn may_be_label(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    let is_initial = last.chars().count() == 2 && last.starts_with(char::is_uppercase);
    text.contains(char::is_alphabetic)
        && text.chars().count() <= LONGEST_LABEL
        && (is_initial || !text.ends_with(['.', '?', '!']))
}

/// The lines of a transcript's header that somebody typed into a table of two columns.
fn facts_of_recording(rows: &[DocumentRow]) -> Option<String> {
    let pairs = rows.iter().map(|row| match row.cells.as_slice() {
        [label, value, rest @ ..] if rest.iter().all(|cell| cell.trim().is_empty()) => {
            Some(format!("{}: {}", clean_name(label).trim_end_matches(':'), clean_name(value)))
        }
        _ => None,
    });
    let lines = pairs.collect::<Option<Vec<String>>>()?;
    // Elsewhere a table of two columns is a sheet about a participant, or a conversation.
    (turns(rows).is_some() && header_lines::are_facts(&lines)).then(|| lines.join("\n"))
}
