//! Cells of a document's table that cover several columns or rows.
//!
//! Owns where the cells after them stand, and what the covered ones say: a cell over several rows
//! says the same in each of them, one over several columns says it once. Does not know how the
//! markup writes such cells.

use std::collections::BTreeMap;

use super::document::DocumentRow;
use crate::corpus::findings::Findings;

/// Number of columns from which on covered cells are no longer filled in.
const MOST_COLUMNS: usize = 1000;

/// Most cells that one table may gain: a short tag can ask for millions.
const MOST_CELLS: usize = 1_000_000;
/// Most bytes that one table may gain.
const MOST_BYTES: usize = 64 << 20;

/// How far a cell reaches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Number of columns, its own included.
    pub columns: usize,
    /// Number of rows, its own included.
    pub rows: usize,
    /// Whether cells below may continue it.
    pub begins: bool,
    /// Whether it continues the cell above.
    pub continues: bool,
}

impl Default for Reach {
    fn default() -> Self {
        Self { columns: 1, rows: 1, begins: false, continues: false }
    }
}

/// Puts every cell under its column, and fills in the covered ones. `reaches` has an entry for each
/// cell of each row.
pub(super) fn spread(rows: &mut Vec<DocumentRow>, reaches: &[Vec<Reach>], findings: &mut Findings) {
    let is_plain = |reach: &Reach| reach.columns <= 1 && reach.rows == 1 && !reach.continues;
    if reaches.iter().flatten().all(is_plain) {
        return;
    }
    let mut grid = Grid::default();
    let mut full: Vec<Vec<String>> = Vec::new();
    for (row, reaches) in rows.iter_mut().zip(reaches) {
        // A row without cells of its own is an artefact of a cell above that is too tall.
        if row.cells.iter().all(|cell| cell.trim().is_empty())
            && !reaches.iter().any(|r| r.continues)
        {
            grid.pass();
            continue;
        }
        let repeats = row.is_header && full.len() < MOST_COLUMNS;
        let (cells, headings) = grid.row(std::mem::take(&mut row.cells), reaches, repeats);
        row.cells = cells;
        full.extend(headings);
    }
    if grid.is_spent() {
        findings.note("merged-cells", rows.first().map(|row| row.line), || {
            "a table has more merged cells than can be; from some row on, each stands where it is \
             written"
                .to_owned()
        });
    }
    let headers = rows.iter().take_while(|row| row.is_header).count();
    if headers >= 2 && headers < rows.len() && headers == full.len() {
        rows[0].cells = names(&full);
        rows.drain(1..headers);
    }
}

/// The names of columns under a header of several rows: `Today - What annoys you?`.
fn names(headers: &[Vec<String>]) -> Vec<String> {
    let width = headers.iter().map(Vec::len).max().unwrap_or(0);
    let name = |column: usize| {
        let mut parts: Vec<&str> =
            headers.iter().filter_map(|row| row.get(column)).map(|part| part.trim()).collect();
        parts.retain(|part| !part.is_empty());
        parts.dedup();
        parts.join(" - ")
    };
    (0..width).map(name).collect()
}

#[derive(Debug, Default)]
struct Grid {
    /// By column: number of rows below that a cell still covers, and its text.
    covered: BTreeMap<usize, (usize, String)>,
    /// By column: the text that a cell which continues the one above takes over.
    begun: BTreeMap<usize, String>,
    cells: usize,
    bytes: usize,
}

impl Grid {
    fn is_spent(&self) -> bool {
        self.cells > MOST_CELLS || self.bytes > MOST_BYTES
    }

    /// Counts another cell of this text at column `width`. False where it may not be added.
    fn takes(&mut self, width: usize, text: &str) -> bool {
        if width >= MOST_COLUMNS || self.is_spent() {
            return false;
        }
        self.cells += 1;
        self.bytes += text.len();
        true
    }

    /// Passes over a row: cells above cover one row less below it.
    fn pass(&mut self) {
        self.cells += self.covered.len();
        self.covered.retain(|_, (rows, _)| {
            *rows -= 1;
            *rows > 0
        });
    }

    /// The cells of a row, each under its column. For a header there is a second copy, in which a
    /// cell over several columns is repeated in all of them.
    fn row(
        &mut self,
        cells: Vec<String>,
        reaches: &[Reach],
        is_header: bool,
    ) -> (Vec<String>, Option<Vec<String>>) {
        let mut row: Vec<String> = Vec::with_capacity(cells.len());
        let mut headings = is_header.then(Vec::new);
        let mut above = std::mem::take(&mut self.covered);
        if self.is_spent() {
            above.clear();
        }
        for (cell, reach) in cells.into_iter().zip(reaches) {
            if !reach.continues {
                self.cover(&above, &mut row, &mut headings);
            }
            let column = row.len();
            let known = self.begun.get(&column).filter(|_| reach.continues).cloned();
            let cell = match known {
                Some(known) if self.takes(column, &known) => known,
                _ => cell,
            };
            if reach.begins {
                self.begun.insert(column, cell.clone());
            } else if !reach.continues {
                self.begun.remove(&column);
            }
            for covered in 0..reach.columns.clamp(1, MOST_COLUMNS) {
                if covered > 0 && !self.takes(row.len(), "") {
                    break;
                }
                if let Some(headings) = &mut headings {
                    headings.push(cell.clone());
                }
                let text = if covered == 0 { cell.clone() } else { String::new() };
                if reach.rows > 1 && row.len() < MOST_COLUMNS {
                    self.covered.insert(row.len(), (reach.rows - 1, text.clone()));
                }
                row.push(text);
            }
        }
        self.cover(&above, &mut row, &mut headings);
        for (column, (rows, text)) in above {
            if rows > 1 {
                self.covered.entry(column).or_insert((rows - 1, text));
            }
        }
        (row, headings)
    }

    /// Fills the next columns as long as a cell above covers them.
    fn cover(
        &mut self,
        above: &BTreeMap<usize, (usize, String)>,
        row: &mut Vec<String>,
        headings: &mut Option<Vec<String>>,
    ) {
        while let Some((_, text)) = above.get(&row.len())
            && self.takes(row.len(), text)
        {
            if let Some(headings) = headings {
                headings.push(text.clone());
            }
            row.push(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell's text, and the numbers of columns and rows that it reaches over.
    type Cell<'a> = (&'a str, usize, usize);

    fn table(lines: &[&[Cell<'_>]], headers: usize) -> (Vec<Vec<String>>, Findings) {
        let row = |(i, cells): (usize, &&[Cell<'_>])| DocumentRow {
            line: i + 1,
            is_header: i < headers,
            cells: cells.iter().map(|(text, ..)| (*text).to_owned()).collect(),
        };
        let reach = |(_, columns, rows): &Cell<'_>| Reach {
            columns: *columns,
            rows: *rows,
            ..Reach::default()
        };
        let mut rows: Vec<DocumentRow> = lines.iter().enumerate().map(row).collect();
        let reaches: Vec<Vec<Reach>> =
            lines.iter().map(|cells| cells.iter().map(reach).collect()).collect();
        let mut findings = Findings::default();
        spread(&mut rows, &reaches, &mut findings);
        (rows.into_iter().map(|row| row.cells).collect(), findings)
    }

    #[test]
    fn what_covers_rows_is_said_in_each_and_what_covers_columns_once() {
        let (rows, findings) = table(
            &[
                &[("who", 1, 1), ("when", 1, 1), ("why", 1, 1)],
                &[("Ana", 1, 2), ("May", 1, 1), ("late", 1, 1)],
                &[("June", 1, 1), ("dear", 1, 1)],
                &[("Bo", 2, 1), ("far", 1, 2)],
                &[("Cy", 1, 1), ("July", 1, 1)],
            ],
            1,
        );
        let expected = [
            vec!["who", "when", "why"],
            vec!["Ana", "May", "late"],
            vec!["Ana", "June", "dear"],
            vec!["Bo", "", "far"],
            vec!["Cy", "July", "far"],
        ];
        assert_eq!(rows, expected);
        assert!(findings.kinds().is_empty());
    }

    #[test]
    fn headers_over_one_another_are_one() {
        let (rows, _) = table(
            &[
                &[("ID", 1, 2), ("Today", 2, 1), ("Wish", 1, 2)],
                &[("annoys", 1, 1), ("and then", 1, 1)],
                &[("1", 1, 1), ("rain", 1, 1), ("a roof", 1, 1), ("sun", 1, 1)],
            ],
            2,
        );
        assert_eq!(rows[0], ["ID", "Today - annoys", "Today - and then", "Wish"]);
        assert_eq!((rows.len(), rows[1].len()), (2, 4));
    }

    #[test]
    fn a_span_of_millions_costs_no_more_than_it_may() {
        let long = "x".repeat(1 << 20);
        let lines: Vec<Vec<Cell<'_>>> = std::iter::once(vec![(&*long, 9_999_999, 9_999_999)])
            .chain((0..200).map(|_| vec![("a", 9_999_999, 1)]))
            .collect();
        let lines: Vec<&[Cell<'_>]> = lines.iter().map(Vec::as_slice).collect();
        let (rows, findings) = table(&lines, 0);
        assert!(rows.iter().all(|row| row.len() <= MOST_COLUMNS + 1));
        assert!(rows.iter().flatten().map(String::len).sum::<usize>() <= MOST_BYTES + (4 << 20));
        assert_eq!(findings.kinds(), [("merged-cells", Some(1), 1)]);
    }
}
