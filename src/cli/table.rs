//! Tables for people: personas at the end of a run, models, runs.
//!
//! Owns the layout and its width. Cells may come from data or a model, so they are made plain here.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

use crate::report::{counted, plain_line};
use crate::schema::Persona;

/// Width in columns where the output is not a terminal.
const WIDTH: u16 = 100;

/// Longest word that is not broken over lines, in characters. Where there is no room for that, the
/// cells of a row are put below each other.
const WORD: u16 = 16;

/// Most characters of a cell.
const CELL: usize = 500;

/// Columns of padding around a cell.
const PADDING: u16 = 2;

/// A line under the header and no others: easy to read, and to cut with other tools.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table with a header, as wide as the terminal.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let terminal = Table::new();
    // A terminal that does not know its size reports 0.
    let width = terminal.width().filter(|width| terminal.is_tty() && *width > 0);
    laid_out(header, rows.into_iter().collect(), width.unwrap_or(WIDTH))
}

fn laid_out(header: &[&str], rows: Vec<Vec<String>>, width: u16) -> String {
    let plain = |row: Vec<String>| row.iter().map(|cell| shown(cell)).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(plain).collect();
    let longest = longest_words(header, &rows);
    let room = |words: &mut dyn Iterator<Item = u16>| {
        words.fold(0u16, |sum, word| sum.saturating_add(word).saturating_add(PADDING + 1))
    };
    if room(&mut longest.iter().map(|word| (*word).min(WORD))) > width {
        return stacked(header, &rows);
    }
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width);
    table.set_header(header);
    table.add_rows(rows);
    if room(&mut longest.iter().copied()) <= width {
        for (column, word) in table.column_iter_mut().zip(longest) {
            let width = Width::Fixed(word.saturating_add(PADDING));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
    }
    // Cells are padded to the width; the blanks at the end only get in the way of copying.
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A cell as one line, cut at [`CELL`] characters: nobody reads more in a table, and widths are
/// counted in 16 bits.
fn shown(cell: &str) -> String {
    let line = plain_line(cell);
    match line.char_indices().nth(CELL) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Length in characters of each column's longest word.
fn longest_words(header: &[&str], rows: &[Vec<String>]) -> Vec<u16> {
    let mut longest = vec![0; header.len()];
    let rows = rows.iter().map(|row| row.iter().map(String::as_str).collect());
    for row in std::iter::once(header.to_vec()).chain(rows) {
        for (longest, cell) in longest.iter_mut().zip(row) {
            let words = cell.split_whitespace().map(|word| word.chars().count());
            let word = words.max().unwrap_or(0);
            *longest = u16::try_from(word).unwrap_or(u16::MAX).max(*longest);
        }
    }
    longest
}

/// Each row as its first cell with the others by name below it, for terminals too narrow for a
/// table.
fn stacked(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines = Vec::new();
    for row in rows {
        let mut cells = header.iter().zip(row);
        lines.extend(cells.next().map(|(_, first)| first.clone()));
        let filled = cells.filter(|(_, cell)| !cell.is_empty());
        lines.extend(filled.map(|(name, cell)| format!("  {name}: {cell}")));
    }
    lines.join("\n")
}

/// A table with one row per persona.
pub(super) fn personas(personas: &[Persona]) -> String {
    let row = |persona: &Persona| {
        let segment = &persona.segment;
        let people = counted(segment.participants, "participant");
        let share = format!("{}, {people}", segment.percent());
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

/// A number of bytes for people, `98.4 MB`: powers of a thousand, as hubs and disks count.
pub(super) fn human_bytes(bytes: u64) -> String {
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
        // Each column would get a seventh of the width, and one word is longer than that.
        let header = ["incomprehensibility", "b", "c", "d", "e", "f", "g"];
        let mut row = vec!["as it is".to_owned()];
        row.resize(header.len(), "some short words to fill it up".to_owned());
        let text = table(&header, [row]);
        assert!(text.contains("incomprehensibility"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
    }

    #[test]
    fn a_cell_without_end_is_cut() {
        let endless = "word ".repeat(100_000);
        for width in [20, 100] {
            let text = laid_out(&["a", "b"], vec![vec!["x".to_owned(), endless.clone()]], width);
            assert!(text.len() < 2_000 && text.contains('…'), "{}", text.len());
        }
    }

    #[test]
    fn a_narrow_terminal_shows_the_cells_below_each_other() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let rows =
            vec![row(["smollm2-135m", "98.4 MB", "", "Apache-2.0"]), row(["b", "1", "2", "3"])];
        let header = ["name", "size", "fits", "licence"];
        let text = laid_out(&header, rows.clone(), 30);
        let expected = "smollm2-135m\n  size: 98.4 MB\n  licence: Apache-2.0\nb\n  size: 1\n  fits: 2\n  licence: 3";
        assert_eq!(text, expected);
        assert!(laid_out(&header, rows, 60).contains("────"), "there is room for a table");
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
        assert_eq!(human_bytes(98_362_432), "98.4 MB");
        assert_eq!(human_bytes(4_700_000_000), "4.7 GB");
        assert_eq!(human_bytes(1_200), "1.2 kB");
    }
}
