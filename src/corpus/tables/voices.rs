//! Whose the rows of a table are, and which of its columns say who speaks.
//!
//! Owns the choice of the participant column, the speaker column, and the column of parts in a
//! conversation (`user` and `assistant`, which a column named `role` may hold as well as it may hold
//! jobs). What follows for each row is decided in `table`.

use std::collections::{HashMap, HashSet};

use super::table::Table;
use crate::corpus::names::{self, normalise, participant_rank};
use crate::corpus::talk::moderator::{self, Part};
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::values::{SENTENCE_WORDS, is_free};

/// The columns of a table that say who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voices {
    /// The column that says whose a row is.
    pub(super) participant: usize,
    /// The column that says who speaks, where it is another one or the table has one by name.
    pub(super) speaker: Option<usize>,
    /// The column with the speaker's part in the conversation.
    pub(super) part: Option<usize>,
}

impl Voices {
    /// The columns of this table; `None` where no column says who.
    pub(super) fn of(table: &Table) -> Option<Self> {
        let named = named_participant(table);
        let parts = part_column(table, named);
        let speaker = position(table, names::is_speaker_column).or(parts);
        let column = named.or(speaker)?;
        let trusted = position(table, names::is_role_of_speaker);
        let voices = Self { participant: column, speaker, part: trusted.or(parts) };
        // `customer` is whoever writes to a shop: only the conversation tells one from another.
        let conversation = stands_for_anyone(table, column).then(|| conversation(table)).flatten();
        Some(conversation.map_or(voices, |participant| Self {
            participant,
            speaker: speaker.or(Some(column)),
            ..voices
        }))
    }
}

/// The first column with such a name that holds anything.
fn position(table: &Table, is: fn(&str) -> bool) -> Option<usize> {
    let mut named = table.names.iter().enumerate().filter(|(_, name)| is(name));
    named.find(|(column, _)| has_values(table, *column)).map(|(column, _)| column)
}

/// The column that tells one conversation from another. What is said in one may stand in a column of
/// such a name, too: `transcript`.
pub(super) fn conversation(table: &Table) -> Option<usize> {
    let values = |column: usize| -> Vec<&str> {
        table.rows.iter().filter_map(|row| row.get(column)).collect()
    };
    let tells = |column: &usize| {
        let values = values(*column);
        let different = values.iter().collect::<HashSet<_>>().len();
        !values.is_empty() && !is_free(&values, different)
    };
    (0..table.names.len())
        .filter(|column| names::is_conversation(&table.names[*column]))
        .find(tells)
}

fn has_values(table: &Table, column: usize) -> bool {
    table.rows.iter().any(|row| row.get(column).is_some())
}

/// Of the columns that hold any value, the one whose name says best that it holds the participant.
fn named_participant(table: &Table) -> Option<usize> {
    let named = table.names.iter().enumerate();
    let mut ranked: Vec<_> =
        named.filter_map(|(i, name)| Some((participant_rank(name)?, i))).collect();
    ranked.sort_unstable();
    let mut ranked = ranked.into_iter().map(|(_, column)| column);
    ranked.find(|column| has_values(table, *column)).or_else(|| who_column(table))
}

/// Longest name of a person in a column such as `Who`, in bytes.
const LONGEST_NAME: usize = 40;

/// A column such as `Who` whose values are names or roles that come back, beside a column of words.
/// In a survey, such a column is a question, and its values are as many as its rows.
fn who_column(table: &Table) -> Option<usize> {
    let column = table.names.iter().position(|name| names::is_who(name))?;
    let who: Vec<&str> = table.rows.iter().filter_map(|row| row.get(column)).collect();
    let is_name = |who: &str| {
        who.len() <= LONGEST_NAME
            && who.contains(char::is_alphabetic)
            && !who.starts_with(char::is_lowercase)
            && !who.ends_with(['.', '?', '!'])
    };
    let different: HashSet<&str> = who.iter().copied().collect();
    let comes_back = different.len() > 1 && different.len() < who.len();
    let is_all = who.len() * 10 >= table.rows.len() * 9;
    let is_label = |who: &str| moderator::is_role(who) || is_numbered(who);
    let are_people = who.iter().all(|who| is_name(who)) && comes_back
        || !who.is_empty() && who.iter().all(|who| is_label(who));
    let is_words = |value: &str| value.split_whitespace().nth(SENTENCE_WORDS - 1).is_some();
    let others = table
        .rows
        .iter()
        .filter(|row| row.cells.iter().any(|(other, value)| *other != column && is_words(value)));
    (is_all && are_people && others.count() * 2 > table.rows.len()).then_some(column)
}

/// The column `role`, if it holds parts in a conversation and not jobs: all its values are parts,
/// some of those who help or ask and some of those who are heard, and one participant or
/// conversation has both. A person has one job.
fn part_column(table: &Table, participant: Option<usize>) -> Option<usize> {
    let column = table.names.iter().position(|name| normalise(name) == "role")?;
    let values: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(column)).collect();
    let parts: HashMap<&str, Part> = values
        .into_iter()
        .map(|value| Some((value, moderator::part(value)?)))
        .collect::<Option<_>>()?;
    let group = conversation(table).or(participant);
    let mut met: HashMap<&str, (bool, bool)> = HashMap::new();
    for row in &table.rows {
        let Some(part) = row.get(column).and_then(|value| parts.get(value)) else { continue };
        let (heard, others) =
            met.entry(group.and_then(|of| row.get(of)).unwrap_or("")).or_default();
        *heard |= *part == Part::Heard;
        *others |= *part != Part::Heard;
    }
    let is_mixed = |(heard, others): &(bool, bool)| *heard && *others;
    // Speakers with names of their own have one part each.
    let has_machine = parts.keys().any(|value| moderator::is_machine(value));
    let are_mixed = met.values().any(is_mixed)
        || has_machine && parts.values().any(|part| *part == Part::Heard);
    are_mixed.then_some(column)
}

/// Whether all values of a column are labels of roles, and at least one is of those to be heard.
fn stands_for_anyone(table: &Table, column: usize) -> bool {
    let values: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(column)).collect();
    values.iter().all(|who| moderator::is_anyone(who) || moderator::is_staff(who))
        && values.iter().any(|who| moderator::is_anyone(who))
}

#[cfg(test)]
mod tests {
    use super::super::table::TableRow;
    use super::*;

    fn table(names: &[&str], lines: &[&[&str]]) -> Table {
        let own = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = lines.iter().enumerate().map(|(i, line)| TableRow::of(i + 1, own(line)));
        Table { names: own(names), rows: rows.collect() }
    }

    fn voices(names: &[&str], lines: &[&[&str]]) -> Option<(usize, Option<usize>, Option<usize>)> {
        Voices::of(&table(names, lines)).map(|v| (v.participant, v.speaker, v.part))
    }

    #[test]
    fn a_role_is_a_part_where_the_sides_of_a_conversation_alternate() {
        let chat = [
            ["c0", "user", "The gate is shut."],
            ["c0", "assistant", "I can help."],
            ["c1", "user", "I need a label."],
            ["c1", "assistant", "I have sent one."],
        ];
        let lines: Vec<&[&str]> = chat.iter().map(<[&str; 3]>::as_slice).collect();
        assert_eq!(
            voices(&["conversation_id", "role", "content"], &lines),
            Some((0, Some(1), Some(1)))
        );
        assert_eq!(voices(&["thing", "role", "content"], &lines), Some((1, Some(1), Some(1))));
    }

    #[test]
    fn a_role_is_a_job_where_each_person_has_one() {
        let lines: [&[&str]; 3] =
            [&["Ana", "Operator", "x"], &["Bo", "Nurse", "y"], &["Cy", "Team lead", "z"]];
        assert_eq!(voices(&["name", "role", "answer"], &lines), Some((0, None, None)));
        let lines: [&[&str]; 4] = [
            &["Ana", "admin", "x"],
            &["Bo", "user", "y"],
            &["Ana", "admin", "z"],
            &["Bo", "user", "w"],
        ];
        assert_eq!(voices(&["name", "role", "answer"], &lines), Some((0, None, None)));
    }

    #[test]
    fn a_conversation_is_a_person_where_speakers_are_called_by_their_part() {
        let lines: [&[&str]; 4] = [
            &["s0", "visitor", "I can't find it."],
            &["s0", "bot", "Which one?"],
            &["s1", "visitor", "I need a receipt."],
            &["s1", "agent_kim", "Here it is."],
        ];
        let names = ["session", "author", "message"];
        assert_eq!(voices(&names, &lines), Some((0, Some(1), None)));
        let lines: [&[&str]; 2] = [&["s0", "Ana", "I can't find it."], &["s1", "Bo", "I can."]];
        assert_eq!(voices(&names, &lines), Some((1, None, None)), "people have names");
    }
}
