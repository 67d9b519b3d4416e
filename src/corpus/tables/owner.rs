//! Sheets about one participant each, where no column names them.
//!
//! Owns the line above a table that says whose it is (`Participant`, `Agnes, midwife`), and the
//! sheet's own name where it stands for the participant. The names of columns belong to `names`.

use std::collections::HashSet;

use super::table::{Table, TableRow};
use super::transposed::numbered_person;
use crate::corpus::names::{is_question, is_word_for_participant};
use crate::corpus::talk::speakers::is_numbered;

/// Lines at the top among which the participant may be named.
const TOP: usize = 30;

/// Fewest cells of the table below that line.
const LEAST_CELLS: usize = 2;

/// Fewest questions that sheets share, each answered once in each.
const LEAST_QUESTIONS: usize = 2;

/// Name of the column for the participant.
const WHO: &str = "Participant";

/// Takes the line out that says whose the table is, from the lines above it, and returns who that
/// is: two cells, or one with a colon.
pub(super) fn take(lines: &mut Vec<TableRow>) -> Option<String> {
    let named = |line: &TableRow| -> Option<String> {
        let cells: Vec<&str> = line.filled().map(|(_, value)| value).collect();
        let (name, who) = match cells[..] {
            [name, who] => (name, who),
            [both] => both.split_once([':', '：'])?,
            _ => return None,
        };
        let who = who.trim();
        let is_one =
            is_word_for_participant(name.trim().trim_end_matches([':', '：'])) && !who.is_empty();
        is_one.then(|| who.to_owned())
    };
    let at = lines.iter().take(TOP).position(|line| named(line).is_some())?;
    let width = |line: &TableRow| line.filled().count();
    if lines[..at].iter().any(|line| width(line) > LEAST_CELLS) {
        return None;
    }
    // Directly above the names of columns, such a line has headings over groups of them; in a table
    // of two columns, it is the header.
    let gap = |pair: &[TableRow]| {
        pair[1].number > pair[0].number + 1 || width(&pair[1]) == 0 || width(&pair[1]) > LEAST_CELLS
    };
    let last = at + lines[at..].windows(2).take(TOP).position(gap)?;
    let is_header_next = last == at && width(&lines[at + 1]) > LEAST_CELLS;
    let is_parted = lines[last + 1].number > lines[last].number + 1;
    let table = lines[last + 1..].iter().find(|line| width(line) > 0)?;
    let is_table = width(table) > LEAST_CELLS || table.filled().any(|(_, name)| is_question(name));
    let is_above = is_table && (!is_header_next || is_parted);
    let is_alone = lines.iter().take(TOP).filter(|line| named(line).is_some()).count() == 1;
    let who = named(&lines[at]).filter(|_| is_above && is_alone)?;
    lines.remove(at);
    Some(who)
}

/// Whether the name of a sheet stands for the participant: its table has one answer to each
/// question, and the name numbers a person, or other sheets ask the same. `shared` are values that
/// occur in other sheets too.
pub(super) fn is_sheets_name(name: &str, table: &Table, shared: &HashSet<String>) -> bool {
    let Some(column) = table.names.iter().position(|name| is_question(name)) else { return false };
    let questions: Vec<&str> =
        table.rows.iter().filter_map(|row| row.get(column)).map(str::trim).collect();
    let different: HashSet<&str> = questions.iter().copied().collect();
    let asked = questions.iter().filter(|question| shared.contains(**question)).count();
    different.len() == questions.len()
        && questions.len() >= LEAST_QUESTIONS
        && (is_numbered(name) || numbered_person(name).is_some() || asked * 2 > questions.len())
}

/// Writes a participant into each row.
pub(super) fn write(table: &mut Table, who: &str) {
    let column = table.names.len();
    table.names.push(WHO.to_owned());
    for row in &mut table.rows {
        row.cells.push((column, who.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> Option<String> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        let lines = text.lines().enumerate().map(|(i, line)| TableRow::of(i + 1, cells(line)));
        take(&mut lines.collect())
    }

    #[test]
    fn the_line_that_names_the_participant_stands_apart_from_the_table() {
        let table = "Question | Answer | Note\nWhy? | So. | late\nHow? | By bus. | x";
        for above in
            ["Participant | Bo, cook\n|", "Date | May\nParticipant: Bo, cook\nPlace | Bonn"]
        {
            assert_eq!(owner(&format!("{above}\n{table}")).as_deref(), Some("Bo, cook"));
        }
    }

    #[test]
    fn headers_and_headings_over_groups_name_nobody() {
        for text in [
            "Participant | Answer\nBo | So.\nAna | By bus.",
            "Participant | Answer\nBo | So.\n|\nAna | By bus.",
            "Respondent | | Open answers | \nID | Site | What is hard? | Wish?\n1 | Bonn | a | b",
            "Why? | Participant\nlate | Bo",
        ] {
            assert_eq!(owner(text), None, "{text}");
        }
    }
}
