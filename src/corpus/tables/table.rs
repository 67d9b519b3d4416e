//! Turns columns and rows into records: what a CSV file and a JSON array have in common.
//!
//! Owns column names, empty cells and rows, and the order in which a table is made sense of. Does not
//! know how cells were written in the file.

use std::collections::HashMap;

use super::cell_talk;
use super::documents;
use super::form;
use super::messages;
use super::options;
use super::repeated;
use super::stamped;
use super::stickies;
use super::survey_rows;
use super::titles;
use super::turns::Talk;
use super::voices::Voices;
use crate::corpus::markup;
use crate::corpus::rows::{Rows, clean_name};

/// A table as it stands in the file.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Column names, raw: they may be empty, repeated, or span lines.
    pub names: Vec<String>,
    /// The rows below the header.
    pub rows: Vec<TableRow>,
}

/// One row: only the cells that are there.
#[derive(Debug)]
pub(crate) struct TableRow {
    /// Data row (or line, for JSONL) in the file, from 1.
    pub number: usize,
    /// Column index and raw value, in column order, each column at most once.
    pub cells: Vec<(usize, String)>,
}

impl TableRow {
    /// A row whose cells stand under the columns in order.
    pub(crate) fn of(number: usize, cells: Vec<String>) -> Self {
        Self { number, cells: cells.into_iter().enumerate().collect() }
    }

    /// The cells that hold something: column index and trimmed value.
    pub(crate) fn filled(&self) -> impl DoubleEndedIterator<Item = (usize, &str)> {
        let cells = self.cells.iter().map(|(column, value)| (*column, value.trim()));
        cells.filter(|(_, value)| !value.is_empty())
    }

    pub(crate) fn get(&self, column: usize) -> Option<&str> {
        let at = self.cells.binary_search_by_key(&column, |(index, _)| *index).ok()?;
        Some(&self.cells[at].1)
    }
}

/// Adds a record for each row that holds anything and is not a second header.
pub(crate) fn into_rows(mut table: Table, rows: &mut Rows) -> Result<(), String> {
    clean_cells(&mut table, rows);
    survey_rows::drop_second_headers(&mut table, rows);
    survey_rows::drop_previews(&mut table, rows);
    for name in &mut table.names {
        *name = clean_name(name);
    }
    survey_rows::drop_codes(&mut table.names);
    repeated::drop_columns(&mut table, rows);
    options::join(&mut table, rows);
    name_columns(&mut table.names, rows);
    documents::take(&mut table);
    stickies::take(&mut table);
    titles::add_participants(&mut table, &mut rows.findings);
    let participant = Voices::of(&table).map(|voices| voices.participant);
    stamped::strip(&mut table, participant, &mut rows.findings);
    cell_talk::unfold(&mut table, participant, &mut rows.findings);
    let voices = Voices::of(&table);
    let participant = voices.map(|voices| voices.participant);
    if let Some(part) = voices.and_then(|voices| voices.part) {
        // Nobody said it, whatever it was called.
        table.names[part] = unique(&table.names, SPEAKER_ROLE, part);
    }
    messages::take(&mut table, participant, rows);
    form::take(&mut table, participant, rows);
    if let Some(column) = participant {
        repeated::drop_rows(&mut table, column, rows);
    }
    match voices {
        Some(voices) => Talk::find_and_note(&table, voices, rows).write(&table, rows),
        None => table.rows.iter().try_for_each(|row| write(&table, row, None, None, rows)),
    }
}

/// The name of a column for the speaker's part in a conversation.
const SPEAKER_ROLE: &str = "speaker_role";

/// `name`, unless another column than `own` has it; then the name that `own` has.
fn unique(names: &[String], name: &str, own: usize) -> String {
    let is_taken = names.iter().enumerate().any(|(at, other)| at != own && other == name);
    if is_taken { names[own].clone() } else { name.to_owned() }
}

/// Adds the record of one row, under the question that it answers.
pub(super) fn write(
    table: &Table,
    row: &TableRow,
    who: Option<&str>,
    question: Option<&str>,
    rows: &mut Rows,
) -> Result<(), String> {
    let question = question.map(|question| ("question", question));
    let cells = row.cells.iter().map(|(i, value)| (table.names[*i].as_str(), value.as_str()));
    rows.push_cells(row.number, who.map(str::to_owned), question.into_iter().chain(cells))
}

/// Cleans every value, drops empty cells, then empty rows.
fn clean_cells(table: &mut Table, rows: &mut Rows) {
    for row in &mut table.rows {
        for (_, value) in &mut row.cells {
            if let Some(words) = markup::words_of_cell(value) {
                rows.findings.note("markup", row.number, || {
                    "cells with HTML in them are read as the words that a reader sees".to_owned()
                });
                *value = words;
            }
            *value = rows.clean(row.number, value);
        }
        row.cells.retain(|(_, value)| !value.is_empty());
        if row.cells.is_empty() {
            rows.note_empty(row.number);
        }
    }
    table.rows.retain(|row| !row.cells.is_empty());
}

/// Makes every name non-empty and unique; the names are clean already.
fn name_columns(names: &mut [String], rows: &mut Rows) {
    // The last number given to a name: counting anew for each copy would be quadratic.
    let mut copies: HashMap<String, usize> = HashMap::new();
    for (i, name) in names.iter_mut().enumerate() {
        if name.is_empty() {
            *name = format!("column_{}", i + 1);
            rows.findings.note("unnamed-column", None, || {
                "columns without a name are called by their number, as in 'column_3'".to_owned()
            });
        }
        if let Some(&last) = copies.get(name.as_str()) {
            rows.findings.note("duplicate-column", None, || {
                format!("columns of the same name are numbered, as in '{name}_2'")
            });
            let mut number = last + 1;
            while copies.contains_key(&format!("{name}_{number}")) {
                number += 1;
            }
            let unique = format!("{name}_{number}");
            copies.insert(std::mem::replace(name, unique), number);
        }
        copies.insert(name.clone(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::test_support::load_table as read;

    #[test]
    fn who_says_whose_a_row_is_where_its_names_come_back_beside_words() {
        let rows = read(
            &["Who", "Quote"],
            &[
                &["Bram", "I feed by ear alone."],
                &["Ilse", "I taste every single wheel."],
                &["Bram", "The vet has an app."],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Bram"), Some("Ilse"), Some("Bram")]);
        let rows = read(
            &["Who", "What was said"],
            &[
                &["Interviewer", "How does your week begin?"],
                &["P1", "I sit in the van."],
                &["Interviewer", "And where do you go then?"],
                &["P1", "To the depot, by six."],
            ],
        );
        let said: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(
            said,
            [
                "question: How does your week begin?\nWho: P1\nWhat was said: I sit in the van.",
                "question: And where do you go then?\nWho: P1\nWhat was said: To the depot, by six.",
            ]
        );
    }

    #[test]
    fn who_is_a_question_where_its_values_are_answers() {
        for who in [["my wife", "my son", "my wife"], ["Ana", "Bo", "Cem"]] {
            let lines = who.map(|who| [who, "I would never ask them."]);
            let lines: Vec<&[&str]> = lines.iter().map(<[_; 2]>::as_slice).collect();
            let rows = read(&["Who", "Why?"], &lines);
            assert!(rows.records.iter().all(|r| r.participant.is_none()), "{who:?}");
        }
    }

    #[test]
    fn those_who_give_no_name_are_not_one_person() {
        let rows = read(
            &["name", "a"],
            &[&["Anonymous", "I wait."], &["anonym", "I go."], &["Ana", "Yes."]],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [None, None, Some("Ana")]);
    }

    #[test]
    fn empty_cells_stay_out_of_the_text_and_empty_rows_are_counted() {
        let rows = read(&["a", "b"], &[&["1", " "], &["", "\t"], &["", "2"]]);
        let texts: Vec<_> = rows.records.iter().map(|r| (r.row, r.text.as_str())).collect();
        assert_eq!(texts, [(1, "a: 1"), (3, "b: 2")]);
        assert_eq!(rows.findings.kinds(), [("empty-row", Some(2), 1)]);
    }

    #[test]
    fn empty_and_repeated_names_become_unique_even_against_their_own_numbers() {
        let rows = read(&["a", "", "a", "a_2", "a\n"], &[&["1", "2", "3", "4", "5"]]);
        assert_eq!(rows.records[0].text, "a: 1\ncolumn_2: 2\na_2: 3\na_2_2: 4\na_3: 5");
        assert_eq!(
            rows.findings.kinds(),
            [("unnamed-column", None, 1), ("duplicate-column", None, 3)]
        );
    }

    #[test]
    fn a_text_is_read_once_and_without_its_markup() {
        let line = |n: usize| format!("<p>I can&#39;t pay with card number {n}.</p>");
        let lines: Vec<String> = (0..4).map(line).collect();
        let plain: Vec<String> = lines.iter().map(|l| markup::words_of_cell(l).unwrap()).collect();
        let cells: Vec<[&str; 2]> =
            plain.iter().zip(&lines).map(|(a, b)| [a.as_str(), b.as_str()]).collect();
        let cells: Vec<&[&str]> = cells.iter().map(<[&str; 2]>::as_slice).collect();
        let rows = read(&["body", "html_body"], &cells);
        assert_eq!(rows.records[1].text, "body: I can't pay with card number 1.");
        assert_eq!(rows.findings.kinds(), [("markup", Some(1), 4), ("repeated-column", None, 1)]);
        let cut: Vec<String> = plain.iter().map(|text| format!("{}…", &text[..24])).collect();
        let named: Vec<[&str; 2]> =
            cut.iter().zip(&plain).map(|(a, b)| [a.as_str(), b.as_str()]).collect();
        let named: Vec<&[&str]> = named.iter().map(<[&str; 2]>::as_slice).collect();
        let rows = read(&["name", "quotation"], &named);
        assert_eq!(rows.records[1].text, "quotation: I can't pay with card number 1.");
        let rows = read(&["a", "b"], &cells[..2]);
        assert!(rows.records[0].text.contains("\nb: "), "twice may be chance");
    }

    #[test]
    fn a_participant_column_is_found_by_name_and_only_when_it_holds_something() {
        let by = |name: &str| {
            let rows = read(&["x", name], &[&["1", "Ana"]]);
            rows.records[0].participant.clone()
        };
        for name in [
            "participant",
            "Participant ID",
            "respondentId",
            "id_participant",
            "Speaker",
            "Consumer Display Name",
        ] {
            assert_eq!(by(name).as_deref(), Some("Ana"), "{name}");
        }
        for name in ["participants", "subject", "user needs", "x"] {
            assert_eq!(by(name), None, "{name}");
        }
        let rows = read(&["participant", "name"], &[&["", "Ana"], &["", "Bo"]]);
        assert_eq!(rows.records[1].participant.as_deref(), Some("Bo"));
    }
}
