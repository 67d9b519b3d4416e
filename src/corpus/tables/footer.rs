//! Where the table in a file or a sheet ends: sums, means and notices of an export below its rows.
//!
//! Owns how such lines begin, in the languages that research is written in, and how they look. A
//! line with a sentence beyond its first cell is never one of them.

use super::header::{shown, typical};
use super::table::TableRow;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;
use crate::corpus::values::{SENTENCE_WORDS, number, spoken_words};

/// Most lines looked at from the end, and from the beginning to compare them with.
const SAMPLE: usize = 50;

/// Fewest words of a notice in a column whose other cells have one or two.
const NOTICE: usize = 3;

/// Words that begin a line which sums up the rows above it.
const SUMMARIES: [&str; 36] = [
    "total",
    "totals",
    "grandtotal",
    "subtotal",
    "sum",
    "mean",
    "average",
    "avg",
    "median",
    "stdev",
    "sd",
    "summe",
    "gesamt",
    "gesamtsumme",
    "mittelwert",
    "durchschnitt",
    "standardabweichung",
    "moyenne",
    "somme",
    "médiane",
    "totale",
    "media",
    "média",
    "promedio",
    "suma",
    "soma",
    "mediana",
    "totaal",
    "gemiddelde",
    "medelvärde",
    "gjennomsnitt",
    "średnia",
    "итого",
    "среднее",
    "合計",
    "平均",
];

/// Signs that begin such a line.
const SIGNS: [char; 4] = ['Ø', '∅', 'Σ', '∑'];

/// Words that begin a line which closes an export.
const NOTICES: [&str; 13] = [
    "endoffile",
    "endofreport",
    "endofdata",
    "confidential",
    "vertraulich",
    "confidentiel",
    "confidencial",
    "riservato",
    "copyright",
    "allrightsreserved",
    "generatedby",
    "exportedby",
    "sourcefile",
];

/// Removes the lines at the end of a table that are not rows of it, with a finding that shows them.
pub(crate) fn take(lines: &mut Vec<TableRow>, rows: &mut Rows) {
    let table = Shape::of(lines);
    let mut footers: Vec<usize> = Vec::new();
    let start = lines.len().saturating_sub(SAMPLE);
    for at in (start.max(1)..lines.len()).rev() {
        let is_empty = lines[at].filled().next().is_none();
        if !is_empty && !table.is_footer(&lines[at], lines) {
            break;
        }
        if !is_empty {
            footers.push(at);
        }
    }
    for at in footers.iter().rev() {
        let line = &lines[*at];
        rows.findings.name("footer-row", line.number, 1, shown(line), |lines| {
            format!("lines below a table sum it up or close its export; left out: {lines}")
        });
    }
    for at in footers {
        lines.remove(at);
    }
}

/// What the rows of a table are like.
struct Shape {
    /// Number of cells that a typical row fills.
    typical: usize,
    first_column: Option<usize>,
}

impl Shape {
    fn of(lines: &[TableRow]) -> Self {
        let sample = || lines.iter().take(SAMPLE);
        let widths = sample().map(|line| line.filled().count()).filter(|width| *width > 0);
        let columns = sample().filter_map(|line| Some(line.filled().next()?.0));
        Self { typical: typical(widths), first_column: columns.min() }
    }

    fn is_footer(&self, line: &TableRow, lines: &[TableRow]) -> bool {
        let cells: Vec<(usize, &str)> = line.filled().collect();
        let Some(&(column, first)) = cells.first() else { return false };
        if self.typical < 2
            || cells.iter().skip(1).any(|(_, cell)| spoken_words(cell) >= SENTENCE_WORDS)
        {
            return false;
        }
        let is_first = self.first_column == Some(column);
        if cells.iter().all(|(_, cell)| is_signed(cell) || number(cell).is_some()) {
            return cells.iter().any(|(_, cell)| is_signed(cell));
        }
        if let [only] = cells.as_slice() {
            let is_answer = !is_first && spoken_words(first) >= SENTENCE_WORDS;
            return !is_answer && (is_notice(first) || sums_up(first))
                || self.typical > 2 && is_first && is_unlike_others(*only, lines);
        }
        let has_digits = |(_, cell): &(usize, &str)| cell.contains(|c: char| c.is_ascii_digit());
        is_first && sums_up(first) && cells.iter().skip(1).all(has_digits)
    }
}

fn is_signed(cell: &str) -> bool {
    cell.starts_with(SIGNS)
}

fn is_notice(cell: &str) -> bool {
    let plain = normalise(cell);
    cell.starts_with(['©', '*']) && plain.len() > 2
        || NOTICES.iter().any(|notice| plain.starts_with(notice))
}

/// Whether a cell begins a line of sums or means: `Total`, `Mean:`, `Average (n = 8)`.
fn sums_up(cell: &str) -> bool {
    let word = cell.split([':', '(', '=', '[']).next().unwrap_or_default();
    let first = word.split_whitespace().next().unwrap_or_default();
    SUMMARIES.contains(&normalise(word).as_str())
        || ["total", "totals", "subtotal"].contains(&normalise(first).as_str())
            && spoken_words(cell) < SENTENCE_WORDS
}

/// Whether a cell has several words in a column of ids and names.
fn is_unlike_others((column, value): (usize, &str), lines: &[TableRow]) -> bool {
    let others = lines.iter().take(SAMPLE).flat_map(TableRow::filled);
    let others = others.filter(|(other, cell)| *other == column && *cell != value);
    let words: Vec<usize> = others.map(|(_, cell)| cell.split_whitespace().count()).collect();
    let few = words.iter().filter(|words| **words < NOTICE).count();
    value.split_whitespace().count() >= NOTICE && few * 10 >= words.len() * 9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of these last lines that are left out, and what else was read.
    fn left_out(last: &[&[&str]]) -> (usize, Rows) {
        let answers: [&[&str]; 4] = [
            &["R 1", "3", "York", "I wait in the queue"],
            &["R 2", "9", "Hull", "the lad carried it up"],
            &["R 3", "5", "Bath", "nobody answers the phone"],
            &["R 4", "2", "York", "it is dear"],
        ];
        let own = |line: &[&str]| line.iter().map(|cell| (*cell).to_owned()).collect();
        let all = answers.iter().cycle().take(40).chain(last).enumerate();
        let mut lines: Vec<TableRow> =
            all.map(|(i, line)| TableRow::of(i + 1, own(line))).collect();
        let mut rows = Rows::new(1);
        let before = lines.len();
        take(&mut lines, &mut rows);
        (before - lines.len(), rows)
    }

    #[test]
    fn sums_means_and_notices_below_a_table_are_left_out_and_named() {
        let (count, rows) = left_out(&[
            &["Mittelwert", "4,8", "", ""],
            &["", "Ø 4,8", "", ""],
            &["Total", "4.8", "8 responses", ""],
            &["", "", "", ""],
            &["Confidential Information - Do Not Distribute"],
            &["Copyright (c) 2024 Desk Inc. All rights reserved."],
            &["This list was made with the desk"],
            &["END OF FILE"],
        ]);
        assert_eq!(count, 7);
        assert_eq!(rows.findings.kinds(), [("footer-row", Some(41), 7)]);
        let message = rows.findings.message("footer-row");
        assert!(message.contains("'Mittelwert | 4,8'") && message.ends_with("2 more"), "{message}");
    }

    #[test]
    fn a_last_answer_stays_whatever_it_lacks() {
        for last in [
            ["R 5", "", "", ""],
            ["", "", "", "It was all fine for me"],
            ["", "", "", "Total chaos at the desk and nobody says sorry"],
            ["", "", "", "Confidential talks are overheard by everyone in the room"],
            ["Total", "5", "York", "I say total to everything"],
            ["R 5", "", "", "Ø 5 minutes, I would say"],
            ["Max", "3", "4", ""],
            ["", "4", "", ""],
        ] {
            assert_eq!(left_out(&[&last]).0, 0, "{last:?}");
        }
    }
}
