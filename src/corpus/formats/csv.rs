//! CSV and its relatives: any of `, ; tab |` between cells, quotes, ragged rows.
//!
//! Owns the delimiter, quoting and the shape of rows. Which of the rows belong to a table is
//! decided in `header` and `footer`, and what they mean in `table`.

mod quotes;

use std::collections::HashSet;

use crate::corpus::rows::Rows;
use crate::corpus::tables::footer;
use crate::corpus::tables::header;
use crate::corpus::tables::table::{self, Table, TableRow};
use crate::corpus::tables::transposed;

/// Delimiters in the order in which they are tried; the first of equals wins.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Delimiter for a file of one column: a byte that `rows` strips from text anyway (ASCII unit
/// separator), so that a comma in an unquoted sentence does not cut it.
const NO_DELIMITER: u8 = 0x1f;

/// Records looked at when choosing a delimiter.
const SNIFF_RECORDS: usize = 50;

/// Reads a delimited file; `usual` is the delimiter that its name promises, if any.
pub(crate) fn read(text: &str, usual: Option<u8>, rows: &mut Rows) -> Result<(), String> {
    let (text, declared) = strip_declaration(text);
    let delimiter = declared.unwrap_or_else(|| sniff(text, usual));
    let enclosed = quotes::enclosed(text, delimiter);
    for line in enclosed.unclosed {
        rows.findings.note("open-quote", None, || {
            format!(
                "the quotation mark that opens a cell in line {line} is never closed, so that the rows \
                 below would be part of the cell; read as a plain character"
            )
        });
    }
    let lines = parse(&enclosed.text, delimiter, rows)?.into_iter().enumerate();
    let mut lines: Vec<TableRow> = lines.map(|(i, cells)| TableRow::of(i + 1, cells)).collect();
    let Some(header) = header::take(&mut lines, rows) else {
        return Err("it holds no rows\nhint: the first row must name the columns".to_owned());
    };
    footer::take(&mut lines, rows);
    let names: Vec<String> = header.cells.into_iter().map(|(_, name)| name).collect();
    let width = names.len();
    let mut table = Table { names, rows: Vec::new() };
    for (i, line) in lines.into_iter().enumerate() {
        add_row(&mut table, width, TableRow { number: i + 1, ..line }, rows);
    }
    if table.rows.is_empty() {
        return Err("it has a header and no rows under it\n\
                    hint: the first row is taken for the column names"
            .to_owned());
    }
    table::into_rows(transposed::upright(table, &HashSet::new(), rows), rows)
}

/// Whether `text` is a table, for a file whose name does not tell: at least three rows, each with
/// the same number of columns, which are two or more.
pub(crate) fn looks_like_table(text: &str) -> bool {
    let delimiter = sniff(text, None);
    let widths = widths(text, delimiter);
    delimiter != NO_DELIMITER && widths.len() >= 3 && widths.iter().all(|w| *w == widths[0])
}

/// Splits off a first line such as `sep=;`, which Excel writes, and returns the delimiter in it.
fn strip_declaration(text: &str) -> (&str, Option<u8>) {
    let line = text.lines().next().unwrap_or_default();
    match line.trim().strip_prefix("sep=").map(str::as_bytes) {
        Some(&[delimiter]) if delimiter.is_ascii() => {
            (text[line.len()..].trim_start_matches(['\r', '\n']), Some(delimiter))
        }
        _ => (text, None),
    }
}

/// The delimiter under which most rows have as many cells as the header; more cells win a tie.
fn sniff(text: &str, usual: Option<u8>) -> u8 {
    let candidates = usual.into_iter().chain(DELIMITERS);
    let mut best = (NO_DELIMITER, 0, 1);
    for delimiter in candidates {
        let widths = widths(text, delimiter);
        let above = titles_above(&widths);
        let Some((&columns, body)) = widths[above..].split_first() else { continue };
        // In thousandths, so that a stray ragged row among many does not decide.
        let even = match body.len() {
            0 => 1000,
            rows => body.iter().filter(|w| **w == columns).count() * 1000 / rows,
        };
        if columns > 1 && (best.2 == 1 || (even, columns) > (best.1, best.2)) {
            best = (delimiter, even, columns);
        }
    }
    best.0
}

/// Most lines of text above a table, which are its title, and also below it.
const MOST_BESIDE: usize = 10;
/// Fewest lines of a table below a title.
const LEAST_LINES: usize = 5;
/// Fewest columns of a table below a title.
const LEAST_COLUMNS: usize = 3;

/// Number of lines at the top that are the title of an export: they are narrow, and the table below
/// them has the same width in every line. Sentences have commas too, but hardly the same number.
fn titles_above(widths: &[usize]) -> usize {
    let Some(&width) = widths.get(widths.len() / 2).filter(|width| **width >= LEAST_COLUMNS) else {
        return 0;
    };
    let titles = widths.iter().take_while(|title| **title * 2 <= width).count();
    // Below the table there may be other lines.
    let even = widths[titles..].iter().take_while(|other| **other == width).count();
    let is_even = even >= LEAST_LINES && widths.len() - titles - even <= MOST_BESIDE;
    if titles <= MOST_BESIDE && is_even { titles } else { 0 }
}

/// Number of cells in each of the first records.
fn widths(text: &str, delimiter: u8) -> Vec<usize> {
    let mut reader = reader(text, delimiter);
    let records = reader.records().take(SNIFF_RECORDS);
    records.map_while(Result::ok).map(|record| record.len()).collect()
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// All rows, the header first. A quote that is never closed would swallow the rest of the file:
/// then that rest is read again with quotes as plain characters.
fn parse(text: &str, delimiter: u8, rows: &mut Rows) -> Result<Vec<Vec<String>>, String> {
    let mut lines = Vec::new();
    let mut last_start = 0;
    for record in reader(text, delimiter).records() {
        let record = record.map_err(|error| error.to_string())?;
        last_start = record.position().map_or(0, |at| at.byte() as usize);
        lines.push(record.iter().map(str::to_owned).collect());
    }
    // The position of a record is where the one before it ended, which may be inside a line end
    // (`\r\n`).
    let tail = text[text.floor_char_boundary(last_start)..].trim_start_matches(['\r', '\n']);
    if tail.contains('\n') && ends_inside_quotes(tail, delimiter) {
        lines.pop();
        rows.findings.note("open-quote", Some(lines.len()).filter(|row| *row > 0), || {
            "a quotation mark that is never closed: from this row to the end, quotation marks are \
             read as plain characters"
                .to_owned()
        });
        let plain = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .quoting(false)
            .from_reader(tail.as_bytes())
            .into_records();
        for record in plain {
            let record = record.map_err(|error| error.to_string())?;
            lines.push(record.iter().map(str::to_owned).collect());
        }
    }
    Ok(lines)
}

/// Whether a record that starts at the beginning of `text` runs off its end inside quotes.
fn ends_inside_quotes(text: &str, delimiter: u8) -> bool {
    let mut quoted = false;
    let mut at_start = true;
    for byte in text.bytes() {
        if byte == b'"' && (quoted || at_start) {
            // A doubled quote closes and opens again: the same state in the end.
            quoted = !quoted;
        }
        // After a closing quote another one reopens, which `at_start` allows.
        at_start = byte == delimiter || byte == b'\n' || byte == b'\r' || byte == b'"';
    }
    quoted
}

/// Adds a row to a table whose header had `width` cells; a row with more widens the table.
fn add_row(table: &mut Table, width: usize, mut row: TableRow, rows: &mut Rows) {
    let had = row.cells.len();
    let filled = row.cells.iter().rposition(|(_, cell)| !cell.trim().is_empty());
    let filled = filled.map_or(0, |last| last + 1);
    if filled > 0 && (had < width || filled > width) {
        rows.findings.note("ragged-row", row.number, || {
            format!(
                "row {} has {had} cells where the header has {width}; missing cells are taken as \
                 empty, extra ones go into columns called by their number",
                row.number
            )
        });
    }
    for column in table.names.len()..filled {
        table.names.push(format!("column_{}", column + 1));
    }
    row.cells.truncate(filled);
    table.rows.push(row);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{load_csv, texts};

    #[test]
    fn every_usual_delimiter_is_recognised() {
        for delimiter in [",", ";", "\t", "|"] {
            let text = ["a,b", "1,\"x,;\t|y\"", "2,z"].join("\n");
            let text = text.replace("a,b", &format!("a{delimiter}b"));
            let text = text.replace("1,", &format!("1{delimiter}"));
            let text = text.replace("2,", &format!("2{delimiter}"));
            let rows = load_csv(&text);
            assert_eq!(texts(&rows), ["a: 1\nb: x,;\t|y", "a: 2\nb: z"], "{delimiter:?}");
        }
    }

    #[test]
    fn decimal_commas_do_not_pass_for_delimiters() {
        let rows = load_csv("name;score;note\nAna;4,5;good, quick\nBo;3,0;slow, late, dear\n");
        assert_eq!(texts(&rows)[1], "name: Bo\nscore: 3,0\nnote: slow, late, dear");
    }

    #[test]
    fn excels_declaration_of_the_delimiter_is_obeyed() {
        assert_eq!(texts(&load_csv("sep=;\r\na;b\r\n1;2\r\n")), ["a: 1\nb: 2"]);
    }

    #[test]
    fn quotes_delimiters_and_line_ends_inside_a_cell_are_kept() {
        let rows = load_csv("q,a\r\nWhy?,\"He said \"\"no\"\", twice,\r\nand left\"\r\n");
        let record = &rows.records[0];
        assert_eq!(record.text, "q: Why?\na: He said \"no\", twice,\nand left");
        let span = &record.columns[1];
        assert_eq!(&record.text[span.start..span.end], "He said \"no\", twice,\nand left");
    }

    #[test]
    fn ragged_rows_are_kept_and_counted_once() {
        let rows = load_csv("a,b,c\n1,2,3\n4\n5,6,7,8,9\n1,2,3,,\n");
        assert_eq!(texts(&rows)[1..3], ["a: 4", "a: 5\nb: 6\nc: 7\ncolumn_4: 8\ncolumn_5: 9"]);
        assert_eq!(rows.findings.kinds(), [("ragged-row", Some(2), 2)]);
    }

    #[test]
    fn a_file_of_one_column_keeps_its_commas() {
        let rows = load_csv("feedback\nFast, but dear\nI wait, and wait, and wait\n");
        assert_eq!(
            texts(&rows),
            ["feedback: Fast, but dear", "feedback: I wait, and wait, and wait"]
        );
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn a_quote_that_is_never_closed_swallows_nothing() {
        let rows = load_csv("a,b\n1,\"fine\"\n2,\"open\n3,x\n4,y\n");
        assert_eq!(texts(&rows), ["a: 1\nb: fine", "a: 2\nb: \"open", "a: 3\nb: x", "a: 4\nb: y"]);
        assert_eq!(rows.findings.kinds(), [("open-quote", Some(2), 1)]);
    }

    #[test]
    fn a_quote_that_another_cell_would_close_swallows_no_rows() {
        for (cells, last) in [
            ("\"I wait,P2,I walk,P3,\"I ride\" my bike", "\"I ride\" my bike"),
            ("\"I wait,P2,I walk,P3,\"I ride, or not\"", "I ride, or not"),
            ("\"I wait,P2,I walk,P3,I said \"no\"", "I said \"no\""),
            ("\"I wait,P2,I walk,P10,I said \"no\"", "I said \"no\""),
            ("\"I wait,P2,I walk,P3,I ride\"", "I ride\""),
        ] {
            let body = cells.replace(",P", "\nP");
            let rows = load_csv(&format!("who,said\nP1,{body}\nP4,I stay\n"));
            let texts = texts(&rows);
            assert_eq!(texts.len(), 4, "{body:?}: {texts:?}");
            assert_eq!(texts[0], "who: P1\nsaid: \"I wait", "{body:?}");
            assert!(texts[2].ends_with(&format!("said: {last}")), "{body:?}: {texts:?}");
            assert_eq!(rows.findings.kinds(), [("open-quote", None, 1)], "{body:?}");
        }
    }

    #[test]
    fn a_cell_of_several_lines_with_commas_in_them_is_one_cell() {
        for cell in [
            "I wait,\nthen, I go",
            "I like it,\nbut then, no\nand so, well, on",
            "It is slow\nP2 said so, too\nand P3, twice",
            "Dear team\nI wait, I \"\"really\"\" do\nbye, Ana",
            "1, I wait\n2, I go\n3, I rest",
        ] {
            let text = format!("who,said\nP1,\"{cell}\"\nP2,\"I walk, mostly\"\n");
            let rows = load_csv(&text);
            let said = cell.replace("\"\"", "\"");
            assert_eq!(
                texts(&rows),
                [format!("who: P1\nsaid: {said}"), "who: P2\nsaid: I walk, mostly".to_owned()]
            );
            assert!(rows.findings.kinds().is_empty(), "{cell:?}");
        }
    }

    #[test]
    fn a_cell_that_only_begins_with_a_quotation_is_read_as_it_stands() {
        let rows =
            load_csv("id\tsaid\n1\t\"Easy\" is not the word\n2\t\"all of it\"\n3\t\"I was told\n");
        let said = ["id: 1\nsaid: \"Easy\" is not the word", "id: 2\nsaid: all of it"];
        assert_eq!(texts(&rows)[..2], said);
        assert_eq!(rows.records.len(), 3);
    }

    #[test]
    fn a_closed_quote_over_the_last_lines_is_left_alone() {
        let rows = load_csv("a,b\n1,\"two\nlines \"\"and\"\" more\"");
        assert_eq!(texts(&rows), ["a: 1\nb: two\nlines \"and\" more"]);
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn a_title_without_delimiters_does_not_hide_them() {
        let text = "Report of May\nAll stores\nid,store,why\n1,York,slow\n2,Hull,dear\n3,Bath,far\n\
                    4,York,old\n";
        let rows = load_csv(text);
        assert_eq!(texts(&rows)[0], "id: 1\nstore: York\nwhy: slow");
        assert_eq!(rows.findings.kinds(), [("title-row", Some(1), 2)]);
        assert_eq!(rows.records[0].row, 1);
    }

    #[test]
    fn a_header_alone_is_refused_with_a_hint() {
        let cause = read("a,b\n", None, &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("header and no rows"), "{cause}");
    }

    #[test]
    fn a_hundred_thousand_columns_and_a_quote_bomb_are_read() {
        let wide = format!("{}\n{}\n", vec!["c"; 100_000].join(","), vec!["1"; 100_000].join(","));
        assert_eq!(load_csv(&wide).records[0].columns.len(), 100_000);
        let bomb = format!("a,b\n1,{}\n2,x\n", "\"".repeat(200_001));
        assert!(texts(&load_csv(&bomb)).last().unwrap().ends_with("b: x"));
    }

    #[test]
    fn only_an_even_table_looks_like_one() {
        assert!(looks_like_table("a;b\n1;2\n3;4\n"));
        assert!(!looks_like_table("Dear all, hello\nI went there, and back, again\nBye\n"));
        assert!(!looks_like_table("one\ntwo\nthree\n"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_spans_that_hold(text in "[a-c,;\"\t|\r\n é\0]{0,200}") {
            let mut rows = Rows::new(1);
            if read(&text, None, &mut rows).is_ok() {
                for (i, record) in rows.records.iter().enumerate() {
                    prop_assert_eq!(record.id.as_str(), format!("f1#{i}"));
                    prop_assert!(record.cells().count() > 0);
                    prop_assert!(record.cells().all(|(_, cell)| !cell.is_empty()));
                }
            }
        }
    }
}
