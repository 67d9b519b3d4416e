//! XLSX workbooks, through `calamine`.
//!
//! Owns which sheets are read and what a cell's text is; `sheets` finds where the table in a sheet
//! begins. Cells are taken one by one: the library's own grid would hold every cell between the
//! first and the last one, and a file of two cells can name seventeen thousand million.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::archive::Archive;
use crate::corpus::rows::Rows;
use crate::corpus::tables::sheets::{self, Budget, Sheet, number};

/// Number of the day after the last one that a spreadsheet knows, 31 December 9999.
const LAST_DAY: f64 = 2_958_466.0;

/// Reads a workbook.
pub(crate) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), String> {
    Archive::open(bytes)?;
    // The library is well tested, but not against every file that can be made up.
    let outcome = catch_unwind(AssertUnwindSafe(|| all_sheets(bytes, rows)));
    let sheets = outcome.unwrap_or_else(|_| {
        Err("it is damaged in a way that its reader did not expect\nhint: open it in a spreadsheet \
             program and save it again, or export it as CSV"
            .to_owned())
    })?;
    sheets::into_rows(sheets, rows)
}

fn all_sheets(bytes: &[u8], rows: &mut Rows) -> Result<Vec<Sheet>, String> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut budget = Budget::default();
    let mut sheets = Vec::new();
    for about in workbook.sheets_metadata().to_vec() {
        if about.typ != SheetType::WorkSheet {
            continue;
        }
        if about.visible != SheetVisible::Visible {
            rows.findings.note("hidden-sheet", None, || {
                format!("sheet '{}' is hidden; left out. To have it read, show it", about.name)
            });
            continue;
        }
        let merged = workbook.merge_cells_by_sheet_name(&about.name).ok();
        let tall = merged.iter().flatten().filter(|area| area.end.0 > area.start.0).count();
        rows.findings.add("merged-cells", None, tall, || {
            format!(
                "sheet '{}' has cells merged over several rows; their text counts for the first of \
                 these rows only",
                about.name
            )
        });
        sheets.push(read_sheet(&mut workbook, &about.name, rows, &mut budget)?);
    }
    Ok(sheets)
}

fn read_sheet(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    rows: &mut Rows,
    budget: &mut Budget,
) -> Result<Sheet, String> {
    let in_sheet = |error: &XlsxError| format!("sheet '{name}': {}", broken(error));
    let mut sheet = Sheet::new(name);
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| in_sheet(&error))?;
    loop {
        let cell = cells.next_cell_with_formula_metadata().map_err(|error| in_sheet(&error))?;
        let Some(cell) = cell else { return Ok(sheet) };
        let place = (cell.pos.0 as usize, cell.pos.1 as usize);
        let value = match cell.value {
            DataRef::Empty => {
                if cell.formula.is_some() {
                    rows.findings.note("formula-without-value", place.0 + 1, || {
                        format!(
                            "formulas are not computed, and sheet '{name}' has some without a saved \
                             result; left out. Opening and saving it in a spreadsheet program adds \
                             the results"
                        )
                    });
                }
                continue;
            }
            DataRef::Error(error) => {
                rows.findings.note("error-cell", place.0 + 1, || {
                    format!("cells that show an error, as {error} in sheet '{name}', were left out")
                });
                continue;
            }
            DataRef::Int(value) => value.to_string(),
            DataRef::Float(value) => number(value),
            DataRef::SharedString(text) => text.to_owned(),
            DataRef::Bool(yes) => if yes { "TRUE" } else { "FALSE" }.to_owned(),
            DataRef::DateTime(time) => date(time),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text,
        };
        sheet.put(place, value, budget)?;
    }
}

/// A date with its time as text, year first: without the time of day where there is none, or
/// without the day where there is none. A length of time is in hours, minutes and seconds.
fn date(time: ExcelDateTime) -> String {
    let days = time.as_f64();
    if !(0.0..LAST_DAY).contains(&days) {
        return number(days);
    }
    if time.is_duration() {
        let seconds = (days * 86_400.0).round() as u64;
        return format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    if days < 1.0 {
        return clock;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if days.fract() == 0.0 { date } else { format!("{date} {clock}") }
}

fn broken(error: &XlsxError) -> String {
    match error {
        XlsxError::Password => PASSWORD.to_owned(),
        error => format!(
            "it is no workbook that can be read: {error}\nhint: open it in a spreadsheet program \
             and save it again as .xlsx, or export it as CSV"
        ),
    }
}

/// Why an encrypted file is not read.
pub(crate) const PASSWORD: &str = "it is protected by a password\nhint: open it, remove the \
                                   password (in the options of saving) and save it again";

/// For tests: a workbook of these sheets (name, state, rows as XML) and shared strings.
#[cfg(test)]
pub(crate) fn workbook(sheets: &[(&str, &str, &str)], strings: &str) -> Vec<u8> {
    use std::fmt::Write;

    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let link = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let mut list = String::new();
    let mut links =
        link("s", "sharedStrings", "sharedStrings.xml") + &link("y", "styles", "styles.xml");
    let mut parts = Vec::new();
    for (i, (name, state, rows)) in (1..).zip(sheets) {
        let _ = write!(
            list,
            "<sheet name=\"{name}\" sheetId=\"{i}\" state=\"{state}\" r:id=\"r{i}\"/>"
        );
        links += &link(&format!("r{i}"), "worksheet", &format!("worksheets/sheet{i}.xml"));
        let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{i}.xml"), sheet));
    }
    // Formats 14, 22 and 21 are a date, a date with its time, and a time.
    let formats: String =
        ["0", "14", "22", "21"].iter().flat_map(|id| ["<xf numFmtId=\"", id, "\"/>"]).collect();
    let root = link("r", "officeDocument", "xl/workbook.xml");
    let all = |links: &str| format!("<Relationships>{links}</Relationships>");
    parts.extend([
        ("_rels/.rels".to_owned(), all(&root)),
        ("xl/_rels/workbook.xml.rels".to_owned(), all(&links)),
        ("xl/workbook.xml".to_owned(), format!("<workbook><sheets>{list}</sheets></workbook>")),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst>{strings}</sst>")),
        (
            "xl/styles.xml".to_owned(),
            format!("<styleSheet><cellXfs>{formats}</cellXfs></styleSheet>"),
        ),
    ]);
    let parts: Vec<_> = parts.iter().map(|(n, xml)| (n.as_str(), xml.as_bytes())).collect();
    super::archive::pack(&parts)
}

#[cfg(test)]
mod tests {
    use super::super::archive::pack;
    use super::*;

    fn load(rows_xml: &str, strings: &str) -> Rows {
        let mut rows = Rows::new(1);
        read(&workbook(&[("Answers", "visible", rows_xml)], strings), &mut rows).unwrap();
        rows
    }

    fn text(at: &str, value: &str) -> String {
        format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{value}</t></is></c>")
    }

    #[test]
    fn every_kind_of_cell_is_read_as_it_is_shown() {
        let rows = load(
            "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>\
             <c r=\"C1\" t=\"inlineStr\"><is><t>n</t></is></c><c r=\"D1\" t=\"str\"><v>day</v></c>\
             <c r=\"E1\" t=\"str\"><v>at</v></c><c r=\"F1\" t=\"str\"><v>yes</v></c></row>\
             <row r=\"2\"><c r=\"A2\" t=\"s\"><v>2</v></c><c r=\"B2\" t=\"s\"><v>0</v></c><c r=\"C2\"><v>0.30000000000000004</v></c>\
             <c r=\"D2\" s=\"1\"><v>45413</v></c><c r=\"E2\" s=\"2\"><v>45413.5</v></c><c r=\"F2\" t=\"b\"><v>1</v></c></row>",
            "<si><t>who</t></si><si><r><t>wh</t></r><r><t>y</t></r></si><si><t>Ana &amp; Bo</t></si>",
        );
        let record = &rows.records[0];
        assert_eq!(
            record.text,
            "who: Ana & Bo\nwhy: who\nn: 0.3\nday: 2024-05-01\nat: 2024-05-01 12:00:00\nyes: TRUE"
        );
        assert_eq!((record.row, record.sheet.as_deref()), (2, Some("Answers")));
    }

    #[test]
    fn formulas_errors_and_hidden_sheets_are_findings() {
        let cells = format!(
            "<row r=\"1\">{}{}{}{}</row><row r=\"2\">{}<c r=\"B2\"><f>1+1</f><v>2</v></c><c r=\"C2\"><f>A9</f></c>\
             <c r=\"D2\" t=\"e\"><f>1/0</f><v>#DIV/0!</v></c></row>",
            text("A1", "a"),
            text("B1", "b"),
            text("C1", "c"),
            text("D1", "d"),
            text("A2", "x")
        );
        let mut rows = Rows::new(1);
        let sheets =
            [("A", "visible", cells.as_str()), ("B", "hidden", &cells), ("C", "visible", "")];
        read(&workbook(&sheets, ""), &mut rows).unwrap();
        let texts: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts, ["a: x\nb: 2"]);
        assert_eq!(
            rows.findings.kinds(),
            [
                ("formula-without-value", Some(2), 1),
                ("error-cell", Some(2), 1),
                ("hidden-sheet", None, 1),
                ("empty-sheet", None, 1),
            ]
        );
    }

    #[test]
    fn two_cells_far_apart_cost_two_cells() {
        let rows = load(
            &format!(
                "<row r=\"1\">{}</row><row r=\"1048576\">{}</row>",
                text("A1", "a"),
                text("XFD1048576", "far")
            ),
            "",
        );
        assert_eq!(
            (rows.records[0].row, rows.records[0].text.as_str()),
            (1_048_576, "column_2: far")
        );
    }

    #[test]
    fn a_text_that_is_shown_a_million_times_is_refused() {
        let strings = format!("<si><t>{}</t></si>", "x".repeat(1 << 20));
        let cells = "<row><c t=\"s\"><v>0</v></c></row>".repeat(400);
        let bytes = workbook(&[("A", "visible", &cells)], &strings);
        let cause = read(&bytes, &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("256 MiB of text") && cause.contains("hint: split it"), "{cause}");
    }

    #[test]
    fn a_workbook_without_its_parts_is_refused_with_a_way_out() {
        for parts in [
            vec![("xl/workbook.xml", &b"<workbook>"[..])],
            vec![(
                "xl/workbook.xml",
                &b"<workbook><sheets><sheet name=\"A\" r:id=\"r1\"/></sheets></workbook>"[..],
            )],
        ] {
            let cause = read(&pack(&parts), &mut Rows::new(1)).unwrap_err();
            assert!(cause.contains("hint: "), "{cause}");
        }
    }
}
