//! Tables for people: personas at the end of a run, models, runs.
//!
//! Owns the layout and its width. What stands in a cell came from data or a model and is made plain.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

use crate::report::{counted, plain_line};
use crate::schema::Persona;

/// Width where the output is no terminal, in columns.
const WIDTH: u16 = 100;

/// Narrower than this a table is a column of letters.
const NARROWEST: u16 = 40;

/// Columns of blanks around a cell.
const PADDING: u16 = 2;

/// One line under the header and no others: easy to read, and to cut with other tools.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table with a header, as wide as the terminal.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that does not know its size says zero.
    if !table.is_tty() || table.width().is_none_or(|width| width < NARROWEST) {
        table.set_width(WIDTH);
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain_line(cell)));
    }
    keep_words_whole(&mut table);
    // Cells are padded to the width; nobody wants to copy the blanks.
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Keeps words from being broken over lines as long as all columns have room for their longest.
fn keep_words_whole(table: &mut Table) {
    let cells = table.header().into_iter().chain(table.row_iter());
    let mut longest: Vec<u16> = Vec::new();
    for row in cells {
        longest.resize(longest.len().max(row.cell_count()), 0);
        for (column, cell) in row.cell_iter().enumerate() {
            let words = cell.content();
            let words = words.split_whitespace().map(|word| word.chars().count());
            let word = u16::try_from(words.max().unwrap_or(0)).unwrap_or(u16::MAX);
            longest[column] = longest[column].max(word.saturating_add(PADDING));
        }
    }
    let needed = longest.iter().fold(0u16, |sum, width| sum.saturating_add(*width));
    let between = u16::try_from(longest.len()).unwrap_or(u16::MAX);
    if table.width().is_some_and(|width| needed.saturating_add(between) <= width) {
        for (column, width) in table.column_iter_mut().zip(longest) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
}

/// One row a persona.
pub(super) fn personas(personas: &[Persona]) -> String {
    let row = |persona: &Persona| {
        let segment = &persona.segment;
        let people = counted(segment.participants, "participant");
        let share = format!("{:.0} %, {people}", segment.share * 100.0);
        let score =
            persona.scores.judge.map_or_else(|| "–".to_owned(), |score| format!("{score:.2}"));
        vec![
            persona.name.clone(),
            persona.title.clone(),
            score,
            share,
            persona.quotes.len().to_string(),
            flags(persona),
        ]
    };
    table(&["name", "title", "score", "share", "quotes", "flags"], personas.iter().map(row))
}

fn flags(persona: &Persona) -> String {
    let flags = [(persona.below_threshold, "below threshold"), (persona.refined, "refined")];
    let set: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    set.join(", ")
}

/// `98.4 MB`, in powers of a thousand as hubs and disks count.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_there_is_room() {
        // Each column would like a seventh of the width, and one word is longer than that.
        let header = ["incomprehensibility", "b", "c", "d", "e", "f", "g"];
        let mut row = vec!["as it is".to_owned()];
        row.resize(header.len(), "some short words to fill it up".to_owned());
        let text = table(&header, [row]);
        assert!(text.contains("incomprehensibility"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
    }

    #[test]
    fn a_cell_can_not_break_the_table() {
        let hostile = vec!["a\u{1b}[2Jb\nc".to_owned(), "x".repeat(300)];
        let text = table(&["name", "title"], [hostile]);
        assert!(text.contains("ab c") && !text.contains('\u{1b}'), "{text}");
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(widest <= WIDTH as usize, "{widest} columns\n{text}");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(megabytes(98_362_432), "98.4 MB");
        assert_eq!(megabytes(4_700_000_000), "4.7 GB");
        assert_eq!(megabytes(1_200), "1.2 kB");
    }
}
