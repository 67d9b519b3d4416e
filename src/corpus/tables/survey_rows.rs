//! Rows of a survey's export that are no answers: a second header under the first, and previews.
//!
//! Owns how survey tools write them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::table::{Table, TableRow};
use crate::corpus::names::{is_context, normalise};
use crate::corpus::rows::Rows;
use crate::corpus::values::number;

/// Takes a second line of headers for column names rather than answers. Survey tools write it under
/// the first: SurveyMonkey the kind of answer or the options, Qualtrics the question and an import
/// id.
pub(super) fn drop_second_headers(table: &mut Table, rows: &mut Rows) {
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

/// Fewest columns whose names begin with a code.
const CODED: usize = 3;

/// Takes the codes from names that have the text of the question behind them, as LimeSurvey writes them:
/// `G01Q02[SQ001]. What do you use? [App]`. A code that says itself that nobody answered stays, and the
/// text goes, since it may be in any language.
pub(super) fn drop_codes(names: &mut [String]) {
    static CODED_NAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?P<code>[A-Za-z][A-Za-z0-9_]*(?:\[[^\]]+\])*)\. (?P<text>\S.*)$")
            .expect("the pattern is valid")
    });
    let coded = names.iter().filter(|name| CODED_NAME.is_match(name)).count();
    if coded < CODED || coded * 10 < names.len() * 9 {
        return;
    }
    for name in names {
        let plain = CODED_NAME.captures(name).map(|found| {
            let part = if is_context(&found["code"]) { "code" } else { "text" };
            found[part].to_owned()
        });
        *name = plain.unwrap_or_else(|| std::mem::take(name));
    }
}

/// Leaves out the answers that whoever made a survey gave to try it, which Qualtrics marks.
pub(super) fn drop_previews(table: &mut Table, rows: &mut Rows) {
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

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_table as read;

    #[test]
    fn codes_before_the_texts_of_questions_go() {
        let rows = read(
            &[
                "id. Antwoord-ID",
                "seed. Begin",
                "G01Q02[SQ001]. Wat gebruikt u? [App]",
                "G01Q03. Wat ergert u?",
            ],
            &[&["4", "9", "Ja", "De zelfscan kiest mij altijd uit."]],
        );
        let names: Vec<_> = rows.records[0].columns.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["id", "seed", "Wat gebruikt u? [App]", "Wat ergert u?"]);
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
    fn an_answer_that_looks_like_any_other_is_no_second_header() {
        let rows = read(&["id", "a", "b"], &[&["", "yes", "no"], &["2", "no", "no"]]);
        assert_eq!(rows.records.len(), 2);
    }
}
