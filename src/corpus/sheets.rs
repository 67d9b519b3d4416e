//! Sheets to records: one table a sheet.
//!
//! Owns where a sheet's table begins, and limits on what its cells may repeat. How cells were
//! written in the file is the business of `xlsx` and `ods`; what rows mean is `table`'s.

use std::collections::BTreeMap;

use super::names::normalise;
use super::rows::Rows;
use super::table::{self, Table, TableRow};

/// Bytes of cell text. A workbook stores a text once and may show it a million times.
const MAX_TEXT: usize = 256 << 20;

/// Filled cells.
const MAX_CELLS: usize = 20_000_000;

/// Rows looked at to find how wide the table is.
const SAMPLE: usize = 50;

/// Names of sheets that explain others.
const ABOUT_OTHERS: [&str; 8] = [
    "readme",
    "codebook",
    "datadictionary",
    "dictionary",
    "legend",
    "legende",
    "variablelabels",
    "metadata",
];

/// A sheet as it stands in the file: only the cells that hold something.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Its name.
    pub name: String,
    /// By row, then by column, both from 0.
    cells: BTreeMap<usize, Vec<(usize, String)>>,
}

/// What a workbook's cells add up to.
#[derive(Debug, Default)]
pub(super) struct Budget {
    text: usize,
    cells: usize,
}

impl Budget {
    /// Counts `times` copies of a text of `bytes`, before they are made.
    pub(super) fn take(
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
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), cells: BTreeMap::new() }
    }

    /// Adds a cell; blank ones are none. Fails when the workbook grows past its limits.
    pub(super) fn put(
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

/// Adds the records of every sheet.
pub(super) fn into_rows(sheets: Vec<Sheet>, rows: &mut Rows) -> Result<(), String> {
    for sheet in sheets {
        rows.sheet = Some(sheet.name.clone());
        add_sheet(sheet, rows)?;
    }
    rows.sheet = None;
    Ok(())
}

fn add_sheet(mut sheet: Sheet, rows: &mut Rows) -> Result<(), String> {
    for cells in sheet.cells.values_mut() {
        // Cells may stand in any order, and twice; the last one is what a spreadsheet shows.
        cells.reverse();
        cells.sort_by_key(|(column, _)| *column);
        cells.dedup_by_key(|(column, _)| *column);
    }
    if sheet.cells.is_empty() {
        rows.findings.note("empty-sheet", None, || format!("sheet '{}' is empty", sheet.name));
        return Ok(());
    }
    if ABOUT_OTHERS.contains(&normalise(&sheet.name).as_str()) {
        rows.findings.note("sheet-about-others", None, || {
            format!("sheet '{}' is about the other sheets and was left out", sheet.name)
        });
        return Ok(());
    }
    drop_titles(&mut sheet, rows);
    let Some((header_row, header)) = sheet.cells.pop_first() else { return Ok(()) };
    if sheet.cells.is_empty() {
        rows.findings.note("sheet-without-rows", header_row + 1, || {
            let header: Vec<_> = header.iter().map(|(_, value)| value.as_str()).collect();
            let header = header.join(" | ");
            let shown = &header[..header.floor_char_boundary(200)];
            format!(
                "sheet '{}' has one row and nothing under it, taken for column names and left out: \
                 {shown}",
                sheet.name
            )
        });
        return Ok(());
    }
    table::into_rows(table_of(header, sheet.cells), rows)
}

/// People write the name of a survey above its table: rows of one cell, over a table of several.
fn drop_titles(sheet: &mut Sheet, rows: &mut Rows) {
    let width = sheet.cells.values().take(SAMPLE).map(Vec::len).max().unwrap_or(0);
    if width < 2 {
        return;
    }
    while let Some(first) = sheet.cells.first_entry()
        && first.get().len() == 1
    {
        let (row, cells) = first.remove_entry();
        rows.findings.note("title-row", row + 1, || {
            let text = cells.first().map_or("", |(_, text)| text.as_str());
            format!(
                "a line above the table is its title and no answer; left out: {}",
                &text[..text.floor_char_boundary(200)]
            )
        });
    }
}

/// Columns without a single cell are not there.
fn table_of(header: Vec<(usize, String)>, body: BTreeMap<usize, Vec<(usize, String)>>) -> Table {
    let used = body.values().flatten().chain(&header).map(|(column, _)| (*column, 0));
    let mut columns: BTreeMap<usize, usize> = used.collect();
    for (index, place) in columns.values_mut().enumerate() {
        *place = index;
    }
    let mut table = Table { names: vec![String::new(); columns.len()], rows: Vec::new() };
    for (column, name) in header {
        table.names[columns[&column]] = name;
    }
    for (row, cells) in body {
        let cells = cells.into_iter().map(|(column, value)| (columns[&column], value)).collect();
        table.rows.push(TableRow { number: row + 1, cells });
    }
    table
}

/// A number as a spreadsheet shows it: 15 digits count, and what is beyond them is noise.
pub(super) fn number(value: f64) -> String {
    let rounded = format!("{value:.14e}").parse().unwrap_or(value);
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[(usize, usize, &str)]) -> Rows {
        let mut sheet = Sheet::new("Answers");
        for (row, column, value) in cells {
            sheet.put((*row, *column), (*value).to_owned(), &mut Budget::default()).unwrap();
        }
        let mut rows = Rows::new(1);
        into_rows(vec![sheet], &mut rows).unwrap();
        rows
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
