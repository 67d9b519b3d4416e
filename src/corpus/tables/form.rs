//! What a form writes into the cells of its answers: headings, boxes to tick, the small print of
//! mails.
//!
//! Owns telling such lines from what people say, by how many cells share a line. Leaves them out
//! with a finding that shows them.

use std::collections::{HashMap, HashSet};

use super::table::Table;
use crate::corpus::rows::Rows;

/// Fewest cells of several lines in a column, before a line that most of them share is the form's.
const LEAST_CELLS: usize = 4;

/// Fewest cells, and headings that all of these share, where there are not so many.
const LEAST_FILLED: usize = 2;
const LEAST_HEADINGS: usize = 2;

/// What a form writes where somebody left a field empty.
const NO_RESPONSE: &str = "_No response_";

/// Fewest words of a line that people do not share by chance.
const SHARED_WORDS: usize = 5;

/// Most characters of a line that a finding shows.
const SHOWN: usize = 60;

/// The lines of one column's cells.
#[derive(Default)]
struct Lines<'a> {
    /// Number of cells of several lines.
    cells: usize,
    /// The cells among these that have a line, by its text.
    times: HashMap<&'a str, Times<'a>>,
    /// The lines that stand behind a box to tick.
    ticked: HashSet<&'a str>,
}

impl Lines<'_> {
    /// The headings and ticked lines that stand in all of a few cells of several people, where there
    /// are several headings: these are the form's, however few the cells are.
    fn headings(&self) -> HashSet<String> {
        let of_all = || {
            let all = self.times.iter();
            all.filter(|(_, times)| times.is_of_several && times.cells == self.cells)
        };
        let is_heading = |line: &str| line.starts_with("##");
        let headings = of_all().filter(|(line, _)| is_heading(line)).count();
        if self.cells < LEAST_FILLED || headings < LEAST_HEADINGS {
            return HashSet::new();
        }
        let formal = of_all().map(|(line, _)| *line);
        let formal = formal.filter(|line| is_heading(line) || self.ticked.contains(line));
        let empty = Some(NO_RESPONSE).filter(|line| self.times.contains_key(line));
        formal.chain(empty).map(str::to_owned).collect()
    }
}

/// The cells that have the same line.
struct Times<'a> {
    cells: usize,
    /// The participant of the first of them.
    first: Option<&'a str>,
    /// Whether others than that participant have the line, or nobody is named.
    is_of_several: bool,
    /// Row of the last cell that was counted: a line twice in a cell counts once.
    last: usize,
}

/// Takes the lines of forms out of the cells. Names must be clean; `participant` is the column that
/// says whose the row is.
pub(super) fn take(table: &mut Table, participant: Option<usize>, rows: &mut Rows) {
    let forms = forms(table, participant);
    if forms.is_empty() {
        return;
    }
    for row in &mut table.rows {
        for (column, value) in &mut row.cells {
            let Some(form) = forms.get(column).filter(|_| value.contains('\n')) else { continue };
            let is_forms = |line: &str| form.contains(plain(line));
            for line in value.lines().filter(|line| is_forms(line)) {
                let shown: String = line.trim().chars().take(SHOWN).collect();
                rows.findings.name("form-text", row.number, 1, shown, |lines| {
                    format!(
                        "lines that most texts of a column share word for word are the form's and were \
                         left out: {lines}"
                    )
                });
            }
            let own: Vec<&str> = value.lines().filter(|line| !is_forms(line)).collect();
            let joined = own.join("\n");
            joined.trim().clone_into(value);
            while value.contains("\n\n\n") {
                *value = value.replace("\n\n\n", "\n\n");
            }
        }
        row.cells.retain(|(_, value)| !value.is_empty());
    }
    table.rows.retain(|row| {
        if row.cells.is_empty() {
            rows.note_empty(row.number);
        }
        !row.cells.is_empty()
    });
}

/// The lines of each column that are its form's.
fn forms(table: &Table, participant: Option<usize>) -> HashMap<usize, HashSet<String>> {
    let mut columns: HashMap<usize, Lines<'_>> = HashMap::new();
    for (number, row) in table.rows.iter().enumerate() {
        let who = participant.and_then(|column| row.get(column));
        for (column, value) in row.cells.iter().filter(|(_, value)| value.contains('\n')) {
            let lines = columns.entry(*column).or_default();
            lines.cells += 1;
            lines.ticked.extend(value.lines().filter(|line| has_box(line)).map(plain));
            for line in value.lines().map(plain).filter(|line| !line.is_empty()) {
                let new = Times { cells: 0, first: who, is_of_several: false, last: usize::MAX };
                let times = lines.times.entry(line).or_insert(new);
                times.is_of_several |= who.is_none() || who != times.first;
                times.cells += usize::from(times.last != number);
                times.last = number;
            }
        }
    }
    let form = |(column, lines): (usize, Lines<'_>)| {
        if lines.cells < LEAST_CELLS {
            let headings = lines.headings();
            return (!headings.is_empty()).then_some((column, headings));
        }
        let is_shared = |times: &Times<'_>| times.is_of_several && times.cells * 2 > lines.cells;
        let shared = || lines.times.iter().filter(|(_, times)| is_shared(times));
        // Lists of choices share lines too, but they have few other lines and no headings.
        let once = lines.times.values().filter(|times| times.cells == 1).count();
        let is_form = once * 2 > lines.times.len() && shared().any(|(line, _)| is_formal(line));
        let empty = || Some(NO_RESPONSE).filter(|line| lines.times.contains_key(line));
        let found = || shared().map(|(line, _)| *line).chain(empty()).map(str::to_owned);
        is_form.then(|| (column, found().collect()))
    };
    columns.into_iter().filter_map(form).collect()
}

/// Boxes before a line, ticked or not.
const BOXES: [&str; 10] =
    ["- [x]", "- [X]", "- [ ]", "* [x]", "* [ ]", "[x]", "[ ]", "☐", "☑", "☒"];

/// A line without the box before it.
fn plain(line: &str) -> &str {
    let line = line.trim();
    BOXES.iter().find_map(|ticked| line.strip_prefix(ticked)).unwrap_or(line).trim()
}

fn has_box(line: &str) -> bool {
    BOXES.iter().any(|ticked| line.trim().starts_with(ticked))
}

fn is_formal(line: &str) -> bool {
    let is_heading = line.starts_with('#') || line.starts_with("**") || line.ends_with([':', '?']);
    is_heading || line.split_whitespace().count() >= SHARED_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::formats::csv;

    fn load(cells: &[String]) -> Rows {
        let line = |(i, cell): (usize, &String)| format!("{i};\"{}\"", cell.replace('"', "\"\""));
        let lines: Vec<String> = cells.iter().enumerate().map(line).collect();
        let mut rows = Rows::new(1);
        csv::read(&format!("who;said\n{}", lines.join("\n")), None, &mut rows).unwrap();
        rows
    }

    #[test]
    fn what_a_form_writes_into_every_answer_is_left_out_and_named() {
        let answer = |n: usize| {
            let mark = if n == 1 { " " } else { "x" };
            format!(
                "<!-- Please search\nbefore you write! -->\n### What happened?\n\nIt stops at step {n}\n\n\
                 ### Steps\n\n1. Open the app\n\n- [{mark}] I agree to the rules of this place"
            )
        };
        let cells: Vec<String> = (0..6).map(answer).collect();
        let rows = load(&cells);
        assert_eq!(rows.records[1].text, "who: 1\nsaid: It stops at step 1");
        let message = rows.findings.message("form-text");
        assert!(
            message.contains("'### What happened?', '### Steps', '1. Open the app'"),
            "{message}"
        );
    }

    #[test]
    fn headings_that_a_few_cells_share_are_the_forms_too() {
        let issue = |what: &str, steps: &str| {
            format!(
                "### What happened?\n\n{what}\n\n### Steps\n\n{steps}\n\n\
                 - [x] I searched for duplicates"
            )
        };
        let rows =
            load(&[issue("It is gone.", "Export it"), issue("It is bright.", "_No response_")]);
        assert_eq!(rows.records[0].text, "who: 0\nsaid: It is gone.\n\nExport it");
        assert_eq!(rows.records[1].text, "who: 1\nsaid: It is bright.");
        let own = ["## Monday\nI wait.".to_owned(), "## Monday\nI go.\n## Tuesday\nNo.".to_owned()];
        assert!(load(&own).records[0].text.contains("## Monday"), "one heading");
    }

    #[test]
    fn choices_that_many_make_and_few_cells_alike_stay() {
        let chosen: Vec<String> = (0..9)
            .map(|n| {
                format!("I walk there on my own feet\n{}", if n % 2 == 0 { "Bus" } else { "Car" })
            })
            .collect();
        assert!(load(&chosen).records[0].text.ends_with("feet\nBus"));
        let few: Vec<String> =
            (0..3).map(|n| format!("What is it?\nIt is {n} times late")).collect();
        assert!(load(&few).records[0].text.contains("What is it?"));
    }
}
