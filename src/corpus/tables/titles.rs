//! Tables whose rows come from interviews that a title names: `Interview – Marisol`, `P07 Shopping`.
//!
//! Owns reading the participant out of such titles, as repositories of highlights and whiteboards export
//! them, where no column tells people apart.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::table::Table;
use super::voices::Voices;
use crate::corpus::findings::Findings;
use crate::corpus::given_names::is_given_name;
use crate::corpus::talk::speakers::{is_numbered, participant_of_heading};

/// Longest title, in characters.
const LONGEST: usize = 80;

/// Name of the column for the participant.
const WHO: &str = "participant";

/// Adds a column for the participant whom the title of each row names, if nothing else tells people
/// apart, most titles do, and some of them come back.
pub(super) fn add_participants(table: &mut Table, findings: &mut Findings) {
    // In one pass: there may be as many columns as rows.
    let mut values: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (column, value) in table.rows.iter().flat_map(|row| &row.cells) {
        values.entry(*column).or_default().push(value);
    }
    let are_people = |column: usize| {
        values.get(&column).is_some_and(|who| who.iter().any(|other| *other != who[0]))
    };
    if Voices::of(table).is_some_and(|voices| are_people(voices.participant)) {
        return;
    }
    let titles = values.iter().find(|(_, values)| are_titles(values, table.rows.len()));
    let Some(column) = titles.map(|(column, _)| *column) else { return };
    let who = table.names.len();
    table.names.push(WHO.to_owned());
    for row in &mut table.rows {
        if let Some(name) = row.get(column).and_then(named) {
            row.cells.push((who, name));
        }
    }
    let title = &table.names[column];
    findings.note("participant-in-title", None, || {
        format!("column '{title}' names interviews, and was read for whose the rows are")
    });
}

/// Whether the values of a column name interviews.
fn are_titles(values: &[&str], rows: usize) -> bool {
    let titles: HashSet<&str> = values.iter().copied().collect();
    if values.len() * 3 < rows * 2 || titles.len() == values.len() {
        return false;
    }
    let named: Vec<String> = titles.iter().filter_map(|title| named(title)).collect();
    let are_several = named.iter().any(|who| *who != named[0]);
    are_several && named.len() * 3 >= titles.len() * 2
}

/// The participant whom a title names: by a number at its beginning, or as that of an interview. What
/// a test or a call is about may have a capital as well: `Test – Login`.
fn named(title: &str) -> Option<String> {
    static INTERVIEW: LazyLock<Regex> = LazyLock::new(|| {
        let talk = "interview|conversation|gespräch|entrevista|entretien|intervista|conversa|gesprek\
                    |intervju|wywiad";
        let other = "session|call|test|sitzung|sesión|llamada|séance|appel|sessione|sessão";
        Regex::new(&format!(
            r"(?i)^(?:\p{{L}}+ )?(?:(?P<talk>{talk})|{other})\s*#?\d{{0,3}}\s*[–—:|-]\s*(?P<who>(?-i:\p{{Lu}}|\p{{Lo}})[\p{{L}}\p{{M}}.'’-]*(?: (?-i:\p{{Lu}})[\p{{L}}\p{{M}}.'’-]*){{0,3}})"
        ))
        .expect("the pattern is valid")
    });
    let title = title.trim();
    if title.chars().count() > LONGEST || title.ends_with(['.', '!', '?']) {
        return None;
    }
    let before_mark = title.split([':', ',', '(', '|', '–', '—']).next().unwrap_or_default();
    let number = [before_mark, title.split([' ', '_', '-']).next().unwrap_or_default()]
        .into_iter()
        .map(str::trim)
        .find(|part| is_numbered(part));
    let is_given = |name: &str| name.split_whitespace().next().is_some_and(is_given_name);
    let of_interview = || {
        let found = INTERVIEW.captures(title)?;
        let who = &found["who"];
        (found.name("talk").is_some() || is_given(who)).then(|| who.to_owned())
    };
    number.map(str::to_owned).or_else(of_interview).or_else(|| participant_of_heading(title))
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_table as read;

    #[test]
    fn titles_of_interviews_name_whose_the_rows_are() {
        let rows = read(
            &["Highlight", "Note title", "Created by"],
            &[
                &["I keep the old reading on the fridge.", "Interview – Marisol", "Leigh"],
                &["I do not pay until someone comes.", "Interview – Marisol", "Leigh"],
                &["My tenant pays, I never see it.", "Interview – Gord", "Leigh"],
                &["I want a number.", "P07 Shopping", "Leigh"],
                &["I do it at the bus stop.", "P07 Cooking", "Leigh"],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref().unwrap()).collect();
        assert_eq!(who, ["Marisol", "Marisol", "Gord", "P07", "P07"]);
    }

    #[test]
    fn titles_that_name_nobody_and_people_in_a_column_of_their_own_are_left() {
        let rows = read(
            &["Comment", "Page"],
            &[&["I wait.", "Call – Support"], &["I go.", "Home page"], &["I pay.", "Home page"]],
        );
        assert!(rows.records.iter().all(|record| record.participant.is_none()));
        let rows = read(
            &["Comment", "Task"],
            &[
                &["I wait.", "Test – Login"],
                &["I go.", "Test – Checkout"],
                &["I pay.", "Test – Login"],
            ],
        );
        assert!(rows.records.iter().all(|record| record.participant.is_none()));
        let rows = read(
            &["Comment", "Session", "Participant"],
            &[&["I wait.", "P1 a", "Ana"], &["I go.", "P2 a", "Bo"], &["I pay.", "P2 a", "Bo"]],
        );
        assert_eq!(rows.records[1].participant.as_deref(), Some("Bo"));
    }
}
