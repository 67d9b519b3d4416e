//! Turns the sheets of a workbook into records: one table per sheet.
//!
//! Owns which sheets hold data, and limits on what their cells may repeat. How cells were written
//! in the file is known to `xlsx` and `ods`; where the table begins and ends is decided in `header`
//! and `footer`, and what rows mean in `table`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::cover;
use super::footer;
use super::header;
use super::owner;
use super::table::{self, Table, TableRow};
use super::transposed;
use super::voices::Voices;
use crate::corpus::rows::Rows;

/// Most bytes of cell text in a workbook, which stores a text once and may show it a million times.
const MAX_TEXT: usize = 256 << 20;

/// Most filled cells in a workbook.
const MAX_CELLS: usize = 20_000_000;

/// A sheet as it stands in the file: only the cells that hold something.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// Its name.
    pub name: String,
    /// By row: columns and values. Rows and columns count from 0.
    cells: BTreeMap<usize, Vec<(usize, String)>>,
}

/// What the cells of a workbook add up to so far: bytes of text, and filled cells.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    text: usize,
    cells: usize,
}

impl Budget {
    /// Counts `times` copies of a text of `bytes`, before they are made. Fails past the limits.
    pub(crate) fn take(
        &mut self,
        sheet: &str,
        row: usize,
        bytes: usize,
        times: usize,
    ) -> Result<(), String> {
        self.text = self.text.saturating_add(bytes.saturating_mul(times));
        self.cells = self.cells.saturating_add(times);
        if self.text <= MAX_TEXT && self.cells <= MAX_CELLS {
            return Ok(());
        }
        Err(format!(
            "its cells hold more than {} MiB of text or {MAX_CELLS} values, from sheet '{sheet}', \
             row {} on\nhint: split it into several files, or leave out columns that are not text",
            MAX_TEXT >> 20,
            row + 1
        ))
    }
}

impl Sheet {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), cells: BTreeMap::new() }
    }

    /// The cells of each row that has any.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[(usize, String)]> {
        self.cells.values().map(Vec::as_slice)
    }

    /// Adds a cell, unless it is blank. Fails when the workbook grows past its limits.
    pub(crate) fn put(
        &mut self,
        (row, column): (usize, usize),
        value: String,
        budget: &mut Budget,
    ) -> Result<(), String> {
        if value.trim().is_empty() {
            return Ok(());
        }
        budget.take(&self.name, row, value.len(), 1)?;
        self.cells.entry(row).or_default().push((column, value));
        Ok(())
    }
}

/// A sheet, and what it is beside the others.
struct Ranked {
    sheet: Sheet,
    /// Whether it is about the other sheets.
    is_about: bool,
    /// Whether it holds what researchers make of the others, if these hold answers.
    is_reading: bool,
}

impl Ranked {
    fn new(sheet: Sheet) -> Self {
        let is_about = cover::explains_others(&sheet.name)
            || cover::is_cover(&sheet)
            || cover::is_pivot(&sheet);
        let is_reading = cover::is_reading(&sheet);
        Self { sheet, is_about, is_reading }
    }

    fn holds_answers(&self) -> bool {
        !self.is_about && !self.is_reading && cover::has_sentences(&self.sheet)
    }

    fn has_data(&self) -> bool {
        !self.is_about && self.sheet.lines().nth(1).is_some()
    }
}

/// Adds the records of every sheet that is not about the others.
pub(crate) fn into_rows(sheets: Vec<Sheet>, rows: &mut Rows) -> Result<(), String> {
    let shared = shared(&sheets);
    let mut ranked: Vec<Ranked> = sheets.into_iter().map(Ranked::new).collect();
    if ranked.iter().any(Ranked::holds_answers) {
        for sheet in &mut ranked {
            sheet.is_about |= sheet.is_reading;
        }
    }
    let is_beside = ranked.iter().any(Ranked::has_data);
    for Ranked { mut sheet, is_about, .. } in ranked {
        if sheet.cells.is_empty() {
            rows.findings.name("empty-sheet", None, 1, sheet.name, |names| {
                format!("a sheet without a single cell: {names}")
            });
        } else if is_about && is_beside {
            rows.findings.name("sheet-about-others", None, 1, sheet.name, |names| {
                format!("a sheet that is about the other sheets was left out: {names}")
            });
        } else {
            rows.sheet = Some(std::mem::take(&mut sheet.name));
            add_sheet(sheet, &shared, rows)?;
        }
    }
    rows.sheet = None;
    Ok(())
}

/// Short values that stand in several sheets, as the names of participants do.
fn shared(sheets: &[Sheet]) -> HashSet<String> {
    /// Longest name of a participant, in bytes.
    const LONGEST: usize = 60;
    /// Most lines of a sheet that are read: names stand at its head or in its first rows. With
    /// [`COLUMNS`], it bounds what is kept of large workbooks.
    const LINES: usize = 50;
    /// Most cells of a line that are read: in a table that lies on its side, one a participant.
    const COLUMNS: usize = 200;
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut shared = HashSet::new();
    for (index, sheet) in sheets.iter().enumerate() {
        let cells = sheet.lines().take(LINES).flat_map(|cells| cells.iter().take(COLUMNS));
        let values = cells.map(|(_, value)| value.trim()).filter(|value| value.len() <= LONGEST);
        for value in values {
            if *first.entry(value).or_insert(index) != index {
                shared.insert(value.to_owned());
            }
        }
    }
    shared
}

fn add_sheet(mut sheet: Sheet, shared: &HashSet<String>, rows: &mut Rows) -> Result<(), String> {
    for cells in sheet.cells.values_mut() {
        // Cells may stand in any order, and twice; the last one is what a spreadsheet shows.
        cells.reverse();
        cells.sort_by_key(|(column, _)| *column);
        cells.dedup_by_key(|(column, _)| *column);
    }
    let lines = sheet.cells.into_iter().map(|(row, cells)| TableRow { number: row + 1, cells });
    let mut lines: Vec<TableRow> = lines.collect();
    let owner = owner::take(&mut lines);
    let Some(names) = header::take(&mut lines, rows) else { return Ok(()) };
    if lines.is_empty() {
        let name = rows.sheet.clone().unwrap_or_default();
        let what = format!("{name}: {}", header::shown(&names));
        rows.findings.name("sheet-without-rows", names.number, 1, what, |sheets| {
            format!("a sheet of one row is taken for column names and left out: {sheets}")
        });
        return Ok(());
    }
    footer::take(&mut lines, rows);
    let mut table = transposed::upright(table_of(names, lines), shared, rows);
    let named = rows.sheet.clone().filter(|name| owner::is_sheets_name(name, &table, shared));
    if let Some(who) = owner.or(named).filter(|_| Voices::of(&table).is_none()) {
        owner::write(&mut table, &who);
    }
    table::into_rows(table, rows)
}

/// The table of a sheet. Columns without a single cell are not in it.
fn table_of(header: TableRow, mut lines: Vec<TableRow>) -> Table {
    let cells = lines.iter().flat_map(|line| &line.cells);
    let used = cells.chain(&header.cells).map(|(column, _)| (*column, 0));
    let mut columns: BTreeMap<usize, usize> = used.collect();
    for (index, place) in columns.values_mut().enumerate() {
        *place = index;
    }
    let mut names = vec![String::new(); columns.len()];
    for (column, name) in header.cells {
        names[columns[&column]] = name;
    }
    for (column, _) in lines.iter_mut().flat_map(|line| &mut line.cells) {
        *column = columns[column];
    }
    Table { names, rows: lines }
}

/// A number as a spreadsheet shows it, with 15 digits: what is beyond them is noise.
pub(crate) fn number(value: f64) -> String {
    let rounded = format!("{value:.14e}").parse().unwrap_or(value);
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(name: &str, cells: &[(usize, usize, &str)]) -> Sheet {
        let mut sheet = Sheet::new(name);
        for (row, column, value) in cells {
            sheet.put((*row, *column), (*value).to_owned(), &mut Budget::default()).unwrap();
        }
        sheet
    }

    fn read(cells: &[(usize, usize, &str)]) -> Rows {
        let mut rows = Rows::new(1);
        into_rows(vec![sheet("Answers", cells)], &mut rows).unwrap();
        rows
    }

    #[test]
    fn covers_and_codebooks_beside_data_are_left_out_and_named() {
        let data = [(0, 0, "who"), (0, 1, "why"), (1, 0, "Ana"), (1, 1, "late")];
        let facts =
            [(0, 0, "Survey"), (2, 0, "Client:"), (2, 1, "City"), (3, 0, "Date:"), (3, 1, "May")];
        let read = |sheets: Vec<Sheet>| {
            let mut rows = Rows::new(1);
            into_rows(sheets, &mut rows).unwrap();
            rows
        };
        let named = |name: &str, cells: &[(usize, usize, &str)]| sheet(name, cells);
        let rows = read(vec![
            named("Overview", &facts),
            named("Data", &data),
            named("Codebuch", &data),
            named("Libro de códigos 2", &data),
        ]);
        assert_eq!(rows.records.len(), 1);
        assert_eq!(rows.findings.kinds(), [("sheet-about-others", None, 3)]);
        let message = rows.findings.message("sheet-about-others");
        assert!(message.ends_with("'Overview', 'Codebuch', 'Libro de códigos 2'"), "{message}");
        // Two columns of people and their words are data, and so is a sheet without others.
        assert_eq!(read(vec![named("A", &data), named("B", &data)]).records.len(), 2);
        assert_eq!(read(vec![named("Codebook", &data)]).records.len(), 1);
    }

    /// Cells with their rows and columns.
    type Cells<'c> = &'c [(usize, usize, &'c str)];

    #[test]
    fn what_researchers_make_of_answers_is_left_out_beside_them() {
        let answers =
            [(0, 0, "Why?"), (1, 0, "I never know the price."), (2, 0, "I have to wait an hour.")];
        let themes = [(0, 0, "Theme"), (0, 1, "Definition"), (1, 0, "Pay"), (1, 1, "How they pay")];
        let quotes = [(0, 0, "Theme"), (0, 1, "Quote"), (1, 0, "Pay"), (1, 1, "I pay by card")];
        let facts = [(0, 0, "ID"), (0, 1, "Age"), (1, 0, "P1"), (1, 1, "34"), (2, 0, "P2")];
        let read = |sheets: &[(&str, Cells<'_>)]| {
            let mut rows = Rows::new(1);
            let sheets = sheets.iter().map(|(name, cells)| sheet(name, cells)).collect();
            into_rows(sheets, &mut rows).unwrap();
            (rows.records.len(), rows.findings.kinds().iter().map(|(_, _, n)| n).sum::<usize>())
        };
        assert_eq!(read(&[("Antworten", &answers), ("Themen", &themes)]), (2, 1));
        assert_eq!(read(&[("Answers", &answers), ("Themes", &quotes)]), (3, 0));
        assert_eq!(read(&[("People", &facts), ("Themes", &themes)]), (3, 0), "no answers beside");
        assert_eq!(read(&[("Answers", &answers), ("Summer", &themes)]), (3, 0));
        let pivot =
            [(0, 0, "Zeilenbeschriftungen"), (0, 1, "Anzahl von ID"), (1, 0, "A"), (1, 1, "4")];
        assert_eq!(read(&[("Answers", &answers), ("Sheet2", &pivot)]), (2, 1));
    }

    #[test]
    fn a_sheet_about_one_participant_gives_them_to_its_rows() {
        fn of<'c>(who: &'c str, first: &'c str) -> Vec<(usize, usize, &'c str)> {
            let head = [(0, 0, "Participant"), (0, 1, who), (1, 0, "Date"), (1, 1, "3 May")];
            let table = [(3, 0, "Question"), (3, 1, "Answer"), (3, 2, "Note")];
            let rows = [
                (4, 0, "What is in your bag?"),
                (4, 1, first),
                (4, 2, "I was late"),
                (5, 0, "What would you like?"),
                (5, 1, "A van."),
            ];
            let head = head.into_iter().filter(|_| !who.is_empty());
            head.chain(table).chain(rows).collect()
        }
        let people = |sheets: [(&str, &str); 2]| {
            let sheets = sheets.iter().map(|(name, who)| sheet(name, &of(who, name))).collect();
            let mut rows = Rows::new(1);
            into_rows(sheets, &mut rows).unwrap();
            rows.records.iter().map(|r| r.participant.clone().unwrap_or_default()).collect()
        };
        let named: Vec<String> = people([("S 1", "Agnes, midwife"), ("S 2", "Bo")]);
        assert_eq!(named, ["Agnes, midwife", "Agnes, midwife", "Bo", "Bo"]);
        assert_eq!(people([("Agnes", ""), ("Bo", "")]), ["Agnes", "Agnes", "Bo", "Bo"]);
        let rows = read(&of("", "scales"));
        assert!(rows.records.iter().all(|r| r.participant.is_none()), "a single sheet of answers");
    }

    #[test]
    fn rows_keep_the_numbers_that_the_sheet_shows() {
        let rows =
            read(&[(1, 1, "who"), (1, 4, "why"), (2, 4, "late"), (2, 1, "Ana"), (5, 1, "Bo")]);
        let found: Vec<_> =
            rows.records.iter().map(|r| (r.row, r.sheet.as_deref(), r.text.as_str())).collect();
        let sheet = Some("Answers");
        assert_eq!(found, [(3, sheet, "who: Ana\nwhy: late"), (6, sheet, "who: Bo")]);
    }

    #[test]
    fn a_title_above_the_table_is_no_header() {
        let rows =
            read(&[(0, 0, "Survey 2024"), (2, 0, "a"), (2, 1, "b"), (3, 0, "1"), (3, 1, "2")]);
        assert_eq!(rows.records[0].text, "a: 1\nb: 2");
        assert_eq!(rows.findings.kinds(), [("title-row", Some(1), 1)]);
        assert_eq!(read(&[(0, 0, "a"), (1, 0, "x")]).records[0].text, "a: x");
    }

    #[test]
    fn a_sheet_without_rows_is_reported() {
        assert_eq!(read(&[]).findings.kinds(), [("empty-sheet", None, 1)]);
        assert_eq!(read(&[(4, 0, "a")]).findings.kinds(), [("sheet-without-rows", Some(5), 1)]);
    }

    #[test]
    fn a_text_shown_too_often_is_refused_and_says_where() {
        let (mut sheet, mut budget) = (Sheet::new("A"), Budget::default());
        let long = "x".repeat(1 << 20);
        let outcome = (0..300).try_for_each(|row| sheet.put((row, 0), long.clone(), &mut budget));
        let cause = outcome.unwrap_err();
        assert!(cause.contains("sheet 'A', row 257 on\nhint:"), "{cause}");
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        let shown: Vec<_> = [3.0, 0.1 + 0.2, 4.5, 3_237_565_956.0, -2.0].map(number).into();
        assert_eq!(shown, ["3", "0.3", "4.5", "3237565956", "-2"]);
    }
}
