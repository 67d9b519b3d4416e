//! Turns columns and rows into records: what a CSV file and a JSON array have in common.
//!
//! Owns column names, empty rows, second headers, the choice of the participant column, and which
//! rows ask and which answer. Does not know how cells were written in the file.

use std::collections::{HashMap, HashSet};

use super::cell_talk;
use super::form;
use super::options;
use super::repeated;
use super::stamped;
use super::voices::Voices;
use crate::corpus::markup;
use crate::corpus::names::{is_context, is_conversation, is_publicity, is_question, normalise};
use crate::corpus::rows::{Rows, clean_name};
use crate::corpus::talk::moderator::{self, Question};
use crate::corpus::values::number;

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
    drop_second_headers(&mut table, rows);
    drop_previews(&mut table, rows);
    for name in &mut table.names {
        *name = clean_name(name);
    }
    repeated::drop_columns(&mut table, rows);
    options::join(&mut table, rows);
    name_columns(&mut table.names, rows);
    let participant = Voices::of(&table).map(|voices| voices.participant);
    stamped::take(&mut table, participant, &mut rows.findings);
    cell_talk::unfold(&mut table, participant, &mut rows.findings);
    let voices = Voices::of(&table);
    let participant = voices.map(|voices| voices.participant);
    if let Some(part) = voices.and_then(|voices| voices.part) {
        // Nobody said it, whatever it was called.
        table.names[part] = unique(&table.names, SPEAKER_ROLE, part);
    }
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

fn write(
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

/// A table in which somebody may ask and the others answer.
struct Talk<'t> {
    /// The column that says whose the row is.
    participant: usize,
    /// The column that says who speaks; the participant column where there is no other.
    speaker: usize,
    /// The column with the speaker's role in the conversation.
    role: Option<usize>,
    /// The column with what was said.
    words: Option<usize>,
    /// The column with the question, where the table has one.
    question: Option<usize>,
    /// The column that tells one conversation from another.
    conversation: Option<usize>,
    /// The column that says whether the customer could read a message.
    publicity: Option<usize>,
    /// Whether those called users work on what customers write.
    are_users_staff: bool,
    /// The speakers who ask.
    asking: HashSet<&'t str>,
    /// Whether those who ask are staff who help customers, not researchers.
    is_helping: bool,
    /// Whether the rows are the turns of a conversation, so that a question belongs to the rows
    /// after it. One row by a researcher among the rows of a survey does not make it a
    /// conversation.
    has_turns: bool,
}

impl<'t> Talk<'t> {
    /// Finds out who asks, and notes it in `rows`: their names as those of moderators, and a finding
    /// where they are guessed.
    fn find_and_note(table: &'t Table, voices: Voices, rows: &mut Rows) -> Self {
        let named = |is: &dyn Fn(&str) -> bool| table.names.iter().position(|name| is(name));
        let Voices { participant, speaker, part } = voices;
        let words = most_words(table);
        let turns = |speaker: usize| {
            let turn = move |row: &'t TableRow| Some((row.get(speaker)?, row.get(words?)?));
            table.rows.iter().filter_map(turn)
        };
        let by = speaker.unwrap_or(participant);
        let speakers: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(by)).collect();
        let of = |is: fn(&str) -> bool| -> HashSet<&str> {
            speakers.iter().copied().filter(|who| is(who)).collect()
        };
        let mut asking = of(moderator::is_role);
        let mut is_helping = asking.is_empty();
        if asking.is_empty() && speaker.is_some() {
            asking = of(moderator::is_helper);
        }
        if asking.is_empty() && by != participant {
            asking = others(table, participant, by);
        }
        // Where all speakers seem to ask, nobody does: there is no one left to answer.
        if asking.len() == speakers.len() {
            asking.clear();
        } else if asking.is_empty()
            && let Some(name) = speaker.and_then(|speaker| moderator::guess(turns(speaker)))
        {
            moderator::note_guess(&mut rows.findings, name);
            rows.moderators.push(name.to_owned());
            asking.insert(name);
            is_helping = false;
        }
        let names = asking.iter().filter_map(|label| moderator::name_in(label));
        rows.moderators.extend(names.map(str::to_owned));
        let mut talk = Self {
            participant,
            speaker: by,
            role: part,
            words,
            question: named(&is_question),
            conversation: named(&is_conversation),
            publicity: speaker.and_then(|_| named(&is_publicity)),
            are_users_staff: part.is_some_and(|part| has_customers(table, part)),
            asking,
            is_helping,
            has_turns: false,
        };
        let asked = table.rows.iter().filter(|row| talk.is_asking(row)).count();
        if asked == table.rows.len() {
            talk.role = None;
        }
        talk.has_turns = asked >= TALK_LEAST && asked * TALK_SHARE >= table.rows.len();
        talk
    }

    /// Whether a row is by one of those who ask.
    fn is_asking(&self, row: &TableRow) -> bool {
        let is_staff = |role: &str| {
            moderator::is_staff(role) || self.are_users_staff && role.eq_ignore_ascii_case("user")
        };
        let has_role = |role| row.get(role).is_some_and(is_staff);
        row.get(self.speaker).is_some_and(|who| self.asking.contains(who))
            || self.role.is_some_and(has_role)
    }

    /// Whether a row is no part of what people say to each other: it sets up a chat with a machine,
    /// is what its tools gave back, was written by a program, or is between staff.
    fn is_setting(&self, row: &TableRow) -> bool {
        let is_setting = |column| row.get(column).is_some_and(moderator::is_setting);
        let is_private =
            |column| row.get(column).is_some_and(|it| it.eq_ignore_ascii_case("false"));
        self.role.is_some_and(is_setting)
            || self.speaker != self.participant && is_setting(self.speaker)
            || row.get(self.speaker).is_some_and(moderator::is_robot)
            || self.publicity.is_some_and(is_private)
    }

    fn write(&self, table: &'t Table, rows: &mut Rows) -> Result<(), String> {
        let mut question = Question::default();
        // Rows of one item of a document bear its number.
        let are_nested = table.rows.windows(2).any(|pair| pair[0].number == pair[1].number);
        let conversation = |row: &'t TableRow| {
            let id = self.conversation.and_then(|column| row.get(column));
            (id, are_nested.then_some(row.number))
        };
        let mut last = None;
        for row in &table.rows {
            // A question is put to whoever takes part in the same conversation.
            if last.replace(conversation(row)).is_some_and(|last| last != conversation(row))
                && let Some(number) = question.end()
            {
                moderator::note_left_out(&mut rows.findings, number);
            }
            let named = || row.get(self.speaker).filter(|who| !moderator::is_anyone(who));
            let who = row.get(self.participant).or_else(named);
            if self.is_setting(row) {
                moderator::note_left_out(&mut rows.findings, row.number);
                continue;
            }
            if self.is_asking(row) {
                let said = self.words.and_then(|column| row.get(column)).unwrap_or_default();
                // Announcements by staff and machines do not ask anything.
                let asks = self.has_turns && (!self.is_helping || said.contains(['?', '？', '؟']));
                if !asks || question.ask(row.number, said) {
                    moderator::note_left_out(&mut rows.findings, row.number);
                }
                continue;
            }
            let has_own = self.question.is_some_and(|column| row.get(column).is_some());
            let question = if has_own { None } else { question.answer(who) };
            write(table, row, who, question, rows)?;
        }
        if let Some(number) = question.end() {
            moderator::note_left_out(&mut rows.findings, number);
        }
        Ok(())
    }
}

/// Whether some of the parts in a conversation are those of customers.
fn has_customers(table: &Table, part: usize) -> bool {
    let mut parts = table.rows.iter().filter_map(|row| row.get(part));
    parts.any(|part| part.eq_ignore_ascii_case("customer"))
}

/// The speakers who are never a participant, where both columns hold the same kind of id: a ticket
/// is its customer's, and anyone else who writes in it works on it. Empty where the columns share
/// too few ids.
fn others(table: &Table, participant: usize, speaker: usize) -> HashSet<&str> {
    let own: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(participant)).collect();
    let of: HashSet<&str> = table.rows.iter().filter_map(|row| row.get(speaker)).collect();
    let are_same_kind = of.iter().filter(|who| own.contains(*who)).count() * 2 > own.len();
    if are_same_kind { of.difference(&own).copied().collect() } else { HashSet::new() }
}

/// Fewest rows by askers in a table that is a conversation.
const TALK_LEAST: usize = 2;
/// Most rows for each row by an asker in such a table.
const TALK_SHARE: usize = 20;

/// The column with the most text, of those that do not hold context such as dates and ids.
fn most_words(table: &Table) -> Option<usize> {
    let mut bytes = vec![0usize; table.names.len()];
    for (column, value) in table.rows.iter().flat_map(|row| &row.cells) {
        bytes[*column] += value.len();
    }
    let spoken = (0..bytes.len()).filter(|&column| !is_context(&table.names[column]));
    // Reversed, so that the first of equals wins.
    spoken.rev().max_by_key(|&column| bytes[column])
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

/// Takes a second line of headers for column names rather than answers. Survey tools write it under
/// the first: SurveyMonkey the kind of answer or the options, Qualtrics the question and an import
/// id.
fn drop_second_headers(table: &mut Table, rows: &mut Rows) {
    let are_labels = are_labels(table);
    let lines = if table.rows.get(1).is_some_and(is_import_ids) {
        2
    } else {
        usize::from(are_labels || is_sub_header(table))
    };
    if lines == 1 && !are_labels {
        name_options(table);
    }
    for (i, row) in table.rows.drain(..lines).enumerate() {
        rows.findings.note("second-header", row.number, || {
            "a second header line under the first was taken for column names, not for an answer"
                .to_owned()
        });
        for (column, value) in row.cells {
            let name = &mut table.names[column];
            let better = if lines == 2 { i == 0 } else { !is_answer_kind(&value) };
            let is_code = lines == 2 || are_labels && !is_context(name);
            // Qualtrics' first line holds codes (`Q3`), its second the questions.
            if better && (is_code || name.trim().is_empty()) {
                *name = value;
            }
        }
    }
}

/// Leaves out the answers that whoever made a survey gave to try it, which Qualtrics marks.
fn drop_previews(table: &mut Table, rows: &mut Rows) {
    let is_kind = |name: &str| ["responsetype", "status"].contains(&normalise(name).as_str());
    let Some(kind) = table.names.iter().position(|name| is_kind(name)) else { return };
    table.rows.retain(|row| {
        let is_try = row
            .get(kind)
            .is_some_and(|kind| matches!(normalise(kind).as_str(), "surveypreview" | "surveytest"));
        if is_try {
            rows.findings.note("survey-preview", row.number, || {
                "previews of the survey were left out: whoever made it tried it".to_owned()
            });
        }
        !is_try
    });
}

/// Names each column of a question that spans several columns by the question and the option in the
/// second line: `Which tools? - Phone`, as other tools write it.
fn name_options(table: &mut Table) {
    let Some(first) = table.rows.first() else { return };
    let mut question = String::new();
    for column in 0..table.names.len() {
        let has_own = !table.names[column].trim().is_empty();
        if has_own {
            question.clone_from(&table.names[column]);
        }
        let goes_on = table.names.get(column + 1).is_some_and(|next| next.trim().is_empty());
        let option = first.get(column).filter(|option| {
            let is_other = normalise(option) == "otherpleasespecify";
            !question.is_empty() && (goes_on || !has_own) && (is_other || !is_answer_kind(option))
        });
        if let Some(option) = option {
            table.names[column] = format!("{} - {option}", question.trim());
        }
    }
}

fn is_import_ids(row: &TableRow) -> bool {
    row.cells.iter().all(|(_, value)| value.starts_with("{\"ImportId\""))
}

fn is_answer_kind(value: &str) -> bool {
    matches!(
        normalise(value).as_str(),
        "response" | "openendedresponse" | "otherpleasespecify" | "answer" | "value"
    )
}

/// Fewest columns of nothing but numbers that show that the words above them are labels.
const LABELLED: usize = 2;

/// Whether the first row holds the labels of columns whose names are codes, as Unipark writes them:
/// it has words wherever the other rows have nothing but numbers.
fn are_labels(table: &Table) -> bool {
    let Some((first, rest)) = table.rows.split_first() else { return false };
    if rest.len() < LABELLED || table.names.iter().any(|name| name.contains(char::is_whitespace)) {
        return false;
    }
    let mut figures = vec![None; table.names.len()];
    for (column, value) in rest.iter().flat_map(|row| &row.cells) {
        let is_figure = figures[*column].get_or_insert(true);
        *is_figure &= number(value).is_some();
    }
    let figures = || (0..figures.len()).filter(|&column| figures[column] == Some(true));
    let is_word = |column: usize| {
        first.get(column).is_some_and(|value| !value.starts_with(|c: char| c.is_ascii_digit()))
    };
    let words: HashSet<&str> = figures().filter_map(|column| first.get(column)).collect();
    // One who answers `n/a` throughout has no labels.
    let are_different = words.len() == figures().count();
    figures().count() >= LABELLED && figures().all(is_word) && are_different
}

fn is_sub_header(table: &Table) -> bool {
    let Some((first, rest)) = table.rows.split_first() else { return false };
    let kinds = first.cells.iter().filter(|(_, value)| is_answer_kind(value)).count();
    if kinds * 2 >= first.cells.len().max(2) {
        return true;
    }
    // A line of options has nothing in the column of the id, where every real row has a value, and
    // the export leaves the names of some columns empty.
    let unnamed = table.names.iter().any(|name| name.trim().is_empty());
    unnamed
        && rest.len() >= 2
        && first.get(0).is_none()
        && (kinds > 0 || first.cells.len() * 2 > table.names.len())
        && rest.iter().all(|row| row.get(0).is_some())
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

    fn read(names: &[&str], lines: &[&[&str]]) -> Rows {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let own = |line: &[&str]| line.iter().map(|v| (*v).to_owned()).collect();
        let numbered = lines.iter().enumerate().map(|(i, line)| TableRow::of(i + 1, own(line)));
        let table = Table { names, rows: numbered.collect() };
        let mut rows = Rows::new(1);
        into_rows(table, &mut rows).unwrap();
        rows
    }

    /// A table of help desk messages: ticket, requester, author, role, public, comment.
    const MESSAGES: [&[&str]; 7] = [
        &["1", "Amelia", "Amelia", "end-user", "true", "The jar of honey broke."],
        &["1", "Amelia", "Jess", "agent", "true", "Could you send a photo?"],
        &["2", "Omar", "Omar", "end-user", "true", "My plan was changed overnight."],
        &["2", "Omar", "Jess", "agent", "false", "Is he on the old plan?"],
        &["2", "Omar", "Omar", "end-user", "true", "I only looked at the prices."],
        &["2", "Omar", "Jess", "agent", "true", "Which plan was it before?"],
        &["2", "Omar", "Omar", "end-user", "true", "The smallest one."],
    ];

    #[test]
    fn a_message_is_its_authors_and_a_question_stays_in_its_ticket() {
        let names =
            ["Ticket ID", "Requester", "Comment Author", "Author Role", "Public", "Comment"];
        let rows = read(&names, &MESSAGES);
        let all: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.question())).collect();
        assert_eq!(
            all,
            [
                (Some("Amelia"), None),
                (Some("Omar"), None),
                (Some("Omar"), None),
                (Some("Omar"), Some("Which plan was it before?")),
            ]
        );
    }

    #[test]
    fn a_user_beside_customers_works_on_what_they_write() {
        let rows = read(
            &["thread", "speaker", "speaker_role", "body"],
            &[
                &["1", "Gloria", "customer", "The barcode is cut off on every label."],
                &["1", "Carol", "user", "Which printer do you have?"],
                &["1", "Gloria", "customer", "The one that your blog recommends."],
                &["2", "Wim", "customer", "The till makes no sound any more."],
                &["2", "Carol", "user", "Check the volume."],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Gloria"), Some("Gloria"), Some("Wim")]);
    }

    #[test]
    fn programs_and_lost_accounts_are_no_participants() {
        let rows = read(
            &["id", "author", "body"],
            &[
                &["a", "tofu_tuesday", "I meal prep on Sundays."],
                &["b", "AutoModerator", "Please read the rules of this community."],
                &["c", "[deleted]", "The scanner is why I still open it."],
                &["d", "RemindMeBot", "I will message you in a year."],
                &["e", "abbot", "I stopped when I weighed a grape."],
            ],
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("tofu_tuesday"), None, Some("abbot")]);
    }

    #[test]
    fn labels_under_codes_are_names_and_answers_are_not() {
        let labelled: [&[&str]; 4] = [
            &["Laufende Nummer", "Wie heizen Sie?", "Zufriedenheit"],
            &["1", "Mit Öl, noch", "3"],
            &["2", "Mit Fernwärme", "5"],
            &["3", "Mit Holz", "1"],
        ];
        let rows = read(&["lfdn", "v_12", "v_15"], &labelled);
        assert_eq!(rows.records.len(), 3);
        assert_eq!(
            rows.records[0].text,
            "lfdn: 1\nWie heizen Sie?: Mit Öl, noch\nZufriedenheit: 3"
        );
        let mut answered = labelled;
        answered[0] = &["n/a", "Gar nicht", "n/a"];
        assert_eq!(read(&["lfdn", "v_12", "v_15"], &answered).records.len(), 4);
        answered[0] = &["4", "Gar nicht", "keine"];
        assert_eq!(read(&["lfdn", "v_12", "v_15"], &answered).records.len(), 4);
    }

    #[test]
    fn kinds_of_answers_below_a_part_of_the_names_are_no_answer() {
        let rows = read(
            &["Respondent ID", "Start", "Name", "What went wrong?", "Rating", "Used", ""],
            &[
                &["", "", "", "Open-Ended Response", "Response", "Pool", "Shuttle"],
                &["11", "9:12", "", "The driver left from the wrong terminal.", "Good", "Pool", ""],
                &["12", "9:15", "", "Nothing really", "Fair", "", "Shuttle"],
            ],
        );
        assert_eq!(rows.records.len(), 2);
    }

    #[test]
    fn previews_of_a_survey_are_nobodys_answers() {
        let rows = read(
            &["ResponseId", "Response Type", "Why?"],
            &[
                &["R1", "Survey Preview", "asdf test"],
                &["R2", "IP Address", "The branch is closed when I finish."],
            ],
        );
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.records[0].participant.as_deref(), Some("R2"));
    }

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
    fn a_survey_monkey_answer_line_is_a_second_header() {
        let rows = read(
            &["RespondentID", "Do you?", "Why?"],
            &[&["", "Response", "Open-Ended Response"], &["17", "Yes", "Because"]],
        );
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.records[0].participant.as_deref(), Some("17"));
        assert_eq!(rows.findings.kinds(), [("second-header", Some(1), 1)]);
    }

    #[test]
    fn options_under_a_question_name_its_columns() {
        let rows = read(
            &["id", "Which tools?", "", ""],
            &[&["", "Phone", "Paper", "Radio"], &["1", "x", "x", ""], &["2", "", "", "x"]],
        );
        assert_eq!(rows.records[0].text, "id: 1\nWhich tools?: Phone; Paper");
        assert_eq!(
            rows.findings.kinds(),
            [("second-header", Some(1), 1), ("multi-select", None, 1)]
        );
        let rows = read(
            &["id", "How good?", "", "Why?"],
            &[
                &["", "Phone", "Other (please specify)", "Open-Ended Response"],
                &["1", "5", "Fax", "x"],
                &["2", "4"],
            ],
        );
        assert_eq!(
            rows.records[0].text,
            "id: 1\nHow good? - Phone: 5\nHow good? - Other (please specify): Fax\nWhy?: x"
        );
    }

    #[test]
    fn a_qualtrics_export_is_read_by_its_questions() {
        let rows = read(
            &["ResponseId", "Q1"],
            &[
                &["Response ID", "What slows you down?"],
                &["{\"ImportId\":\"_recordId\"}", "{\"ImportId\":\"QID1\"}"],
                &["R_1", "The lifts"],
            ],
        );
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.records[0].text, "Response ID: R_1\nWhat slows you down?: The lifts");
        assert_eq!(rows.findings.kinds(), [("second-header", Some(1), 2)]);
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
    fn an_answer_that_looks_like_any_other_is_no_second_header() {
        let rows = read(&["id", "a", "b"], &[&["", "yes", "no"], &["2", "no", "no"]]);
        assert_eq!(rows.records.len(), 2);
    }

    #[test]
    fn a_participant_column_is_found_by_name_and_only_when_it_holds_something() {
        let by = |name: &str| {
            let rows = read(&["x", name], &[&["1", "Ana"]]);
            rows.records[0].participant.clone()
        };
        for name in ["participant", "Participant ID", "respondentId", "id_participant", "Speaker"] {
            assert_eq!(by(name).as_deref(), Some("Ana"), "{name}");
        }
        for name in ["participants", "subject", "user needs", "x"] {
            assert_eq!(by(name), None, "{name}");
        }
        let rows = read(&["participant", "name"], &[&["", "Ana"], &["", "Bo"]]);
        assert_eq!(rows.records[1].participant.as_deref(), Some("Bo"));
    }

    #[test]
    fn the_interviewer_of_a_tabular_transcript_asks_and_is_no_participant() {
        let rows = read(
            &["speaker", "time", "text"],
            &[
                &["Interviewer", "0:01", "Why?"],
                &["Ana", "0:02", "It is late."],
                &["Bo", "0:03", "It always is."],
                &["Interviewer", "0:04", "And?"],
            ],
        );
        let said: Vec<_> = rows.records.iter().map(|record| record.text.as_str()).collect();
        let answers = [
            "question: Why?\nspeaker: Ana\ntime: 0:02\ntext: It is late.",
            "question: Why?\nspeaker: Bo\ntime: 0:03\ntext: It always is.",
        ];
        assert_eq!(said, answers);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(4), 1)]);
        let alone = read(&["speaker", "text"], &[&["Interviewer", "They wait."]]);
        assert_eq!(alone.records.len(), 1);
    }

    #[test]
    fn a_question_of_its_own_is_not_doubled_and_words_that_go_nowhere_are_counted() {
        let header = ["speaker", "start", "question", "text"];
        let own = ["Ana", "2", "Why, then?", "It is late in the evening."];
        let rows = read(&header, &[&["Interviewer", "00:00:01.250", "", "Why?"], &own]);
        let text = "speaker: Ana\nstart: 2\nquestion: Why, then?\ntext: It is late in the evening.";
        assert_eq!(rows.records[0].text, text);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(1), 1)]);
        // The longest cell of a row need not be its words.
        let asks: &[&str] = &["Interviewer", "00:00:01.250", "", "Why?"];
        let without = ["Bo", "4", "", "Because the bus was late again."];
        let rows = read(&header, &[asks, &own, asks, &without]);
        assert!(rows.records[1].text.starts_with("question: Why?\n"), "{}", rows.records[1].text);
    }

    #[test]
    fn one_researcher_among_the_rows_of_a_survey_asks_nobody() {
        let mut lines: Vec<Vec<String>> = vec![vec!["Researcher (pilot)".into(), "A test.".into()]];
        lines.extend((0..50).map(|i| vec![format!("P{i}"), format!("I wait {i} minutes.")]));
        let lines: Vec<Vec<&str>> =
            lines.iter().map(|line| line.iter().map(String::as_str).collect()).collect();
        let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
        let rows = read(&["participant", "answer"], &lines);
        assert_eq!(rows.records.len(), 50);
        assert!(rows.records.iter().all(|record| !record.text.contains("question")));
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(1), 1)]);
    }

    #[test]
    fn a_speaker_beside_a_participant_says_who_asks() {
        let rows = read(
            &["participant_id", "speaker", "text"],
            &[
                &["P01", "Interviewer", "How do you start?"],
                &["P01", "Participant", "With coffee, and then the list."],
                &["P02", "Interviewer", ""],
                &["P02", "Interviewer", "And you?"],
                &["P02", "Participant", "I check the tyres."],
            ],
        );
        let said: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.text.as_str())).collect();
        let expected = [
            (
                Some("P01"),
                "question: How do you start?\nparticipant_id: P01\nspeaker: Participant\ntext: With coffee, and then the list.",
            ),
            (
                Some("P02"),
                "question: And you?\nparticipant_id: P02\nspeaker: Participant\ntext: I check the tyres.",
            ),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn whoever_asks_in_a_column_of_speakers_is_the_interviewer() {
        let long = "I wait for the lift with the whole ward until somebody comes down to us.";
        let turns = [["Eva", "How do you start?"], ["Ana", long]].repeat(3);
        let lines: Vec<&[&str]> = turns.iter().map(<[&str; 2]>::as_slice).collect();
        let rows = read(&["speaker", "text"], &lines);
        let who: Vec<_> = rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, ["Ana", "Ana", "Ana"]);
        assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
        // In a column of users, one who asks a lot is still a user.
        let rows = read(&["user", "text"], &lines);
        assert!(rows.records.iter().any(|r| r.participant.as_deref() == Some("Eva")));
    }
}
