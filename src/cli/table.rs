//! Tables for people: personas at the end of a run, models, runs.
//!
//! Owns the layout and its width. What stands in a cell came from data or a model and is made plain.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use crate::report::{counted, plain_line};
use crate::schema::Persona;

/// Width where the output is no terminal, in columns.
const WIDTH: u16 = 100;

/// Narrower than this a table is a column of letters.
const NARROWEST: u16 = 40;

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
    // Cells are padded to the width; nobody wants to copy the blanks.
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
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
