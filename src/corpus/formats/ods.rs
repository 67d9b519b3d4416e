//! ODS workbooks.
//!
//! Owns what a cell's text is in OpenDocument; where the table in a sheet begins is decided in
//! `sheets`. Read without a library, since the format lets one cell stand for a million, and the
//! usual reader writes them all out before it counts. Format: OpenDocument 1.3, part 3, section 9.

use super::archive::Archive;
use super::xlsx::PASSWORD;
use super::xml::{Element, Node, Nodes};
use crate::corpus::rows::Rows;
use crate::corpus::tables::sheets::{self, Budget, Sheet, number};

/// Rows of the largest sheet that LibreOffice has.
const MAX_ROWS: usize = 1 << 20;
/// Columns of that sheet.
const MAX_COLUMNS: usize = 1 << 14;

/// Most spaces that one element may stand for: a file may claim any number.
const MOST_SPACES: usize = 100;

/// Reads a workbook.
pub(crate) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), String> {
    let mut archive = Archive::open(bytes)?;
    let manifest = archive.text("META-INF/manifest.xml")?.unwrap_or_default();
    if manifest.contains("encryption-data") {
        return Err(PASSWORD.to_owned());
    }
    let Some(content) = archive.text("content.xml")? else {
        return Err(
            "there is no content.xml in it\nhint: open it in a spreadsheet program and save \
                    it again"
                .to_owned(),
        );
    };
    let mut reader = Reader::new(rows);
    for node in Nodes::of(&content) {
        match node? {
            Node::Start(element) => reader.start(&element),
            Node::End(name) => reader.end(&name)?,
            Node::Text(text) => reader.text(&text),
        }
    }
    let sheets = std::mem::take(&mut reader.sheets);
    sheets::into_rows(sheets, rows)
}

/// A cell that is not closed yet.
struct Cell {
    text: String,
    /// The value that the file states besides what it shows: exact numbers, dates year first.
    stated: Option<String>,
    formula: bool,
    repeat: usize,
}

struct Reader<'a> {
    rows: &'a mut Rows,
    sheets: Vec<Sheet>,
    /// What the cells of all sheets add up to.
    budget: Budget,
    /// What the cells of all rows add up to if each row is counted once, however often it is
    /// repeated.
    repeated: Budget,
    /// Names of the styles that hide a sheet.
    hidden: Vec<String>,
    /// Name of the style that is being read.
    style: Option<String>,
    /// Whether the current sheet is left out.
    is_hidden: bool,
    row: usize,
    column: usize,
    row_repeat: usize,
    /// Cells of the current row: column, from 0, and value.
    cells: Vec<(usize, String)>,
    cell: Option<Cell>,
    /// Depth of elements whose text is not the cell's: notes, and shapes over the sheet.
    skipped: usize,
}

impl<'a> Reader<'a> {
    fn new(rows: &'a mut Rows) -> Self {
        Self {
            rows,
            sheets: Vec::new(),
            budget: Budget::default(),
            repeated: Budget::default(),
            hidden: Vec::new(),
            style: None,
            is_hidden: false,
            row: 0,
            column: 0,
            row_repeat: 1,
            cells: Vec::new(),
            cell: None,
            skipped: 0,
        }
    }

    fn start(&mut self, element: &Element<'_>) {
        let name = element.name();
        if self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        match name.as_str() {
            "annotation" | "shapes" => {
                self.rows.findings.note("cell-note", self.row + 1, || {
                    "notes on cells and shapes over a sheet are not answers; left out".to_owned()
                });
                self.skipped = 1;
            }
            "style" => self.style = element.attribute("name"),
            "table-properties" if element.attribute("display").as_deref() == Some("false") => {
                self.hidden.extend(self.style.clone());
            }
            // A table inside a cell is not a sheet.
            "table" if self.cell.is_none() => self.begin_sheet(element),
            "table-row" => {
                self.column = 0;
                self.row_repeat = repeats(element, "number-rows-repeated");
            }
            "table-cell" | "covered-table-cell" => self.begin_cell(element),
            "p" | "h" => {
                if let Some(cell) = &mut self.cell
                    && !cell.text.is_empty()
                {
                    cell.text.push('\n');
                }
            }
            "s" => {
                let count =
                    element.attribute("c").and_then(|count| count.parse().ok()).unwrap_or(1);
                self.text(&" ".repeat(usize::min(count, MOST_SPACES)));
            }
            "tab" => self.text("\t"),
            "line-break" => self.text("\n"),
            _ => {}
        }
    }

    fn begin_sheet(&mut self, element: &Element<'_>) {
        let name = element.attribute("name").unwrap_or_default();
        let style = element.attribute("style-name");
        self.is_hidden = style.is_some_and(|style| self.hidden.contains(&style));
        if self.is_hidden {
            self.rows.findings.note("hidden-sheet", None, || {
                format!("sheet '{name}' is hidden; left out. To have it read, show it")
            });
        } else {
            self.sheets.push(Sheet::new(&name));
        }
        self.row = 0;
    }

    fn begin_cell(&mut self, element: &Element<'_>) {
        let stated = match element.attribute("value-type").as_deref() {
            Some("float") => {
                element.attribute("value").map(|value| value.parse().map_or(value, number))
            }
            Some("date") => {
                element.attribute("date-value").map(|value| value.replacen('T', " ", 1))
            }
            _ => None,
        };
        self.cell = Some(Cell {
            text: String::new(),
            stated,
            formula: element.attribute("formula").is_some(),
            repeat: repeats(element, "number-columns-repeated"),
        });
    }

    fn text(&mut self, text: &str) {
        if self.skipped == 0
            && let Some(cell) = &mut self.cell
        {
            cell.text.push_str(text);
        }
    }

    fn end(&mut self, name: &str) -> Result<(), String> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        match name {
            "table-cell" | "covered-table-cell" => self.end_cell(),
            "table-row" => self.end_row(),
            _ => Ok(()),
        }
    }

    fn end_cell(&mut self) -> Result<(), String> {
        let Some(cell) = self.cell.take() else { return Ok(()) };
        let row = self.row + 1;
        let is_error =
            cell.formula && (cell.text.starts_with('#') || cell.text.starts_with("Err:"));
        let value = cell.stated.filter(|_| !is_error).unwrap_or(cell.text);
        let end = self.column.saturating_add(cell.repeat).min(MAX_COLUMNS);
        if is_error {
            self.rows.findings.note("error-cell", row, || {
                format!("cells that show an error, as {value}, were left out")
            });
        } else if value.trim().is_empty() {
            self.rows.findings.add("formula-without-value", row, usize::from(cell.formula), || {
                "formulas are not computed, and some have no saved result; left out. Opening and \
                 saving the file in a spreadsheet program adds the results"
                    .to_owned()
            });
        } else {
            let sheet = self.sheets.last().map_or("", |sheet| sheet.name.as_str());
            // Counted before the copies are made, and again for each row that they come back in.
            self.repeated.take(sheet, self.row, value.len(), end - self.column)?;
            self.cells.extend((self.column..end).map(|column| (column, value.clone())));
        }
        self.column = end;
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), String> {
        let cells = std::mem::take(&mut self.cells);
        let end = self.row.saturating_add(self.row_repeat).min(MAX_ROWS);
        if let Some(sheet) = self.sheets.last_mut().filter(|_| !self.is_hidden && !cells.is_empty())
        {
            for row in self.row..end {
                for (column, value) in &cells {
                    sheet.put((row, *column), value.clone(), &mut self.budget)?;
                }
            }
        }
        self.row = end;
        Ok(())
    }
}

fn repeats(element: &Element<'_>, attribute: &str) -> usize {
    element.attribute(attribute).and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::archive::pack;
    use super::*;

    fn ods(tables: &str) -> Vec<u8> {
        let content = format!(
            "<office:document-content><office:automatic-styles><style:style style:name=\"ta2\">\
             <style:table-properties table:display=\"false\"/></style:style></office:automatic-styles>\
             <office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>\
             </office:document-content>"
        );
        pack(&[("content.xml", content.as_bytes())])
    }

    fn load(tables: &str) -> Result<Rows, String> {
        let mut rows = Rows::new(1);
        read(&ods(tables), &mut rows).map(|()| rows)
    }

    fn row(cells: &str) -> String {
        format!("<table:table-row>{cells}</table:table-row>")
    }

    fn cell(text: &str) -> String {
        format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
        )
    }

    #[test]
    fn cells_are_read_with_exact_numbers_and_dates_and_without_notes() {
        let rows = load(&format!(
            "<table:table table:name=\"A\">{}{}</table:table>\
             <table:table table:name=\"B\" table:style-name=\"ta2\">{}{}</table:table>",
            row(&[cell("who"), cell("score"), cell("day"), cell("why")].concat()),
            row(&format!(
                "{}<table:table-cell office:value-type=\"float\" office:value=\"4.5\"><text:p>4,50</text:p></table:table-cell>\
                 <table:table-cell office:value-type=\"date\" office:date-value=\"2024-05-01T10:00:00\"><text:p>1.5.</text:p></table:table-cell>\
                 <table:table-cell office:value-type=\"string\"><office:annotation><text:p>note</text:p></office:annotation>\
                 <text:p>late<text:s text:c=\"2\"/>and</text:p><text:p>slow</text:p></table:table-cell>",
                cell("Ana")
            )),
            row(&cell("hidden")),
            row(&cell("x")),
        ))
        .unwrap();
        assert_eq!(
            rows.records[0].text,
            "who: Ana\nscore: 4.5\nday: 2024-05-01 10:00:00\nwhy: late  and\nslow"
        );
        assert_eq!((rows.records.len(), rows.records[0].sheet.as_deref()), (1, Some("A")));
        assert_eq!(rows.findings.kinds(), [("cell-note", Some(2), 1), ("hidden-sheet", None, 1)]);
    }

    #[test]
    fn repeated_cells_are_written_out_and_empty_rows_only_counted() {
        let rows = load(&format!(
            "<table:table table:name=\"A\">{}{}{}{}</table:table>",
            row(&[cell("a"), cell("b"), cell("c")].concat()),
            "<table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>",
            row("<table:table-cell table:number-columns-repeated=\"3\"><text:p>x</text:p></table:table-cell>"),
            "<table:table-row table:number-rows-repeated=\"2\"><table:table-cell/><table:table-cell><text:p>y</text:p></table:table-cell></table:table-row>",
        ))
        .unwrap();
        let found: Vec<_> = rows.records.iter().map(|r| (r.row, r.text.as_str())).collect();
        let expected = [(1_000_002, "a: x\nb: x\nc: x"), (1_000_003, "b: y"), (1_000_004, "b: y")];
        assert_eq!(found, expected);
    }

    #[test]
    fn one_cell_for_a_million_others_is_refused() {
        let long = "x".repeat(100_000);
        let bomb = format!(
            "<table:table table:name=\"A\"><table:table-row table:number-rows-repeated=\"1000000\">\
             <table:table-cell table:number-columns-repeated=\"16384\"><text:p>{long}</text:p></table:table-cell>\
             </table:table-row></table:table>"
        );
        let cause = load(&bomb).map(|_| ()).unwrap_err();
        assert!(cause.contains("sheet 'A', row 1 on"), "{cause}");
        let cause = load(&bomb.replace(&long, "x")).map(|_| ()).unwrap_err();
        assert!(cause.contains("20000000 values"), "{cause}");
    }

    #[test]
    fn errors_and_formulas_without_a_result_are_findings_and_a_password_is_an_error() {
        let rows = load(&format!(
            "<table:table table:name=\"A\">{}{}</table:table>",
            row(&[cell("a"), cell("b"), cell("c")].concat()),
            row(&format!(
                "{}<table:table-cell table:formula=\"of:=1/0\"><text:p>#DIV/0!</text:p></table:table-cell>\
                 <table:table-cell table:formula=\"of:=1\"/>",
                cell("x")
            )),
        ))
        .unwrap();
        assert_eq!(rows.records[0].text, "a: x");
        assert_eq!(
            rows.findings.kinds(),
            [("error-cell", Some(2), 1), ("formula-without-value", Some(2), 1)]
        );
        let locked =
            pack(&[("META-INF/manifest.xml", b"<m:encryption-data/>"), ("content.xml", b"?")]);
        let cause = read(&locked, &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("protected by a password\nhint: open it"), "{cause}");
    }
}
