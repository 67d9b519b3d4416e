//! Where the table in a file or a sheet begins: the line that names its columns.
//!
//! Owns what may stand above that line: titles, filters and dates of an export, empty lines, and
//! headings over groups of columns. Does not know how cells were written in the file.

use std::collections::{HashMap, HashSet};

use super::table::TableRow;
use crate::corpus::dates::is_time_stamp;
use crate::corpus::names::{is_among, is_context, is_of_word, participant_rank};
use crate::corpus::open_questions::asks_openly;
use crate::corpus::rows::Rows;
use crate::corpus::told::is_about_self;
use crate::corpus::values::{SENTENCE_WORDS, is_address, number, spoken_words};

/// Lines looked at to find how wide the table is.
const SAMPLE: usize = 50;

/// Lines at the top, without empty ones, among which the header must be.
const TOP: usize = 30;

/// Number of cells in a line that tells something about the table: `Institute:`, `City Research`.
const PAIR: usize = 2;

/// Longest heading over a group of columns, in characters.
const LONGEST_GROUP: usize = 80;

/// Most bytes of a line that a finding shows.
const SHOWN: usize = 120;

/// Removes the header and all that stands above it from the lines of a table, and returns the
/// header. `None` when no line holds anything.
pub(crate) fn take(lines: &mut Vec<TableRow>, rows: &mut Rows) -> Option<TableRow> {
    let at = place(lines)?;
    let unnamed = without_names(lines, at);
    let mut above: Vec<TableRow> = lines.drain(..at).collect();
    let mut header = match unnamed {
        Some(header) => {
            rows.findings.note("no-header", header.number, || {
                "the first row of a table reads like those below it, so was taken for one of them; \
                 its columns are called by what they hold"
                    .to_owned()
            });
            header
        }
        None => lines.remove(0),
    };
    above.retain(|line| line.filled().next().is_some());
    let is_group = |i: usize| {
        let below = above.get(i + 1).unwrap_or(&header);
        below.number == above[i].number + 1 && heads_groups(&above[i], &header)
    };
    let groups = (0..above.len()).rev().take_while(|i| is_group(*i)).count();
    for group in above.split_off(above.len() - groups).iter().rev() {
        prefix(&mut header, group);
    }
    if let Some(first) = above.first() {
        let shown: Vec<String> = above.iter().map(shown).collect();
        rows.findings.name("title-row", first.number, above.len(), shown.join("' / '"), |lines| {
            format!("lines above a table are its title and no answers; left out: {lines}")
        });
    }
    Some(header)
}

/// The index of the header. Most tables begin with it. Lines that are much narrower than the table
/// are above it, if the first line after them could be names.
fn place(lines: &[TableRow]) -> Option<usize> {
    let width = |line: &TableRow| line.filled().count();
    let sample = lines.iter().take(SAMPLE).enumerate();
    let filled: Vec<(usize, usize)> =
        sample.map(|(i, line)| (i, width(line))).filter(|(_, width)| *width > 0).collect();
    let first = match filled.first() {
        Some((first, _)) => *first,
        None => return lines.iter().position(|line| width(line) > 0),
    };
    let typical = typical(filled.iter().map(|(_, width)| *width));
    if typical < 2 {
        return Some(first);
    }
    let is_above = |k: usize| {
        let (at, width) = filled[k];
        let is_narrow = width * 2 <= typical && !has_second_header(lines, at, typical);
        is_narrow
            || typical > PAIR && width <= PAIR && is_parted(lines, &filled[k..])
            || is_over_names(lines, at)
    };
    let (wide, _) = *filled.iter().take(TOP).enumerate().find(|(k, _)| !is_above(*k))?.1;
    let is_under = |wide: usize| wide.checked_sub(1).is_some_and(|at| is_over_names(lines, at));
    if wide == first || could_be_names(lines, wide) || is_under(wide) {
        return Some(wide);
    }
    // No line looks like names: the first one of more than a single cell is taken for them.
    filled.iter().find(|(_, width)| *width > 1).map(|(at, _)| *at)
}

/// Name of the column of sentences in a table without a header.
const WORDS: &str = "text";

/// Fewest sentences below the first line of a table without a header.
const LEAST_SENTENCES: usize = 2;

/// Names for the columns of a table whose first line is none of names but like those below: in its one
/// column, or in one of several whose values come back, stands a sentence that asks for nothing, and
/// nearly all below it are such sentences, too.
fn without_names(lines: &[TableRow], at: usize) -> Option<TableRow> {
    let line = &lines[at];
    let below = || lines[at + 1..].iter().take(SAMPLE);
    let is_wide = line.filled().nth(1).is_some() || below().any(|l| l.filled().nth(1).is_some());
    if is_wide && could_be_names(lines, at) {
        return None;
    }
    let is_like_below = |column: usize| {
        let values: Vec<&str> = below()
            .filter_map(|line| line.get(column))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect();
        let told = values.iter().filter(|value| is_statement(value)).count();
        told >= LEAST_SENTENCES && told * 3 >= values.len() * 2
    };
    let words = line
        .filled()
        .find(|(column, value)| is_statement(value) && !asks(value) && is_like_below(*column));
    let (words, _) = words?;
    let name = |(column, _): &(usize, String)| {
        (*column, if *column == words { WORDS.to_owned() } else { String::new() })
    };
    Some(TableRow { number: line.number, cells: line.cells.iter().map(name).collect() })
}

/// Whether a value is a whole sentence that is no question.
fn is_statement(value: &str) -> bool {
    spoken_words(value) >= SENTENCE_WORDS && value.trim_end().ends_with(['.', '!', '…', '。', '।'])
}

/// Whether a sentence asks a participant for something: as a request, or by speaking to them and not
/// of its writer.
fn asks(sentence: &str) -> bool {
    const YOU: &str = "you your yours du dich dir dein deine deinen vous votre vos tu ton te usted su \
        sus ti tus você seu sua lei suo tua tuo uw je jouw din ditt dig pan pani państwo вы вас ваш \
        ваши вам ты";
    // At the beginning, `Sie` may be anybody.
    const POLITE: &str = "Sie Ihr Ihre Ihren Ihrem Ihnen";
    let words = sentence.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty());
    let is_you = |(at, word): (usize, &str)| {
        is_among(YOU, &word.to_lowercase()) || at > 0 && is_among(POLITE, word)
    };
    asks_openly(sentence) || !is_about_self(sentence) && words.enumerate().any(is_you)
}

/// The median of the widths of lines that hold anything.
pub(crate) fn typical(widths: impl Iterator<Item = usize>) -> usize {
    let mut widths: Vec<usize> = widths.collect();
    widths.sort_unstable();
    widths.get(widths.len() / 2).copied().unwrap_or(0)
}

/// Whether the line begins a header of two lines, as survey tools write it: a question over several
/// columns stands in the first of them, and only the second line has its options.
fn has_second_header(lines: &[TableRow], at: usize, typical: usize) -> bool {
    let Some(next) = lines.get(at + 1) else { return false };
    let first = |line: &TableRow| line.filled().next().map(|(column, _)| column);
    lines[at].filled().count() >= PAIR
        && first(&lines[at]) < first(next)
        && next.number == lines[at].number + 1
        && next.filled().count() * 2 > typical
        && !lines[at].filled().any(|(_, value)| tells(value))
}

/// Fewest columns whose values differ in kind from what stands above them in the line of names.
const LEAST_TOLD: usize = 2;
/// Fewest values that show what kind a column is of.
const LEAST_VALUES: usize = 3;

/// Whether a line holds headings over groups of columns and the next one the names of the columns:
/// the next one has no gap and is at least twice as full, its cells could be names, and in some
/// columns numbers or a few values that come back stand below.
fn is_over_names(lines: &[TableRow], at: usize) -> bool {
    let Some(next) = lines.get(at + 1).filter(|next| next.number == lines[at].number + 1) else {
        return false;
    };
    let columns: Vec<usize> = next.filled().map(|(column, _)| column).collect();
    let has_gap = columns.windows(2).any(|pair| pair[1] != pair[0] + 1) || columns.is_empty();
    let width = lines[at].filled().count();
    if has_gap
        || width < PAIR
        || width * 2 > columns.len()
        || !heads_groups(&lines[at], next)
        || !names_columns(lines, at + 1)
    {
        return false;
    }
    let below = || lines[at + 2..].iter().take(SAMPLE);
    let is_told = |column: &&usize| {
        let values: Vec<&str> = below()
            .filter_map(|line| line.get(**column))
            .map(str::trim)
            .filter(|v| !v.is_empty())
            .collect();
        let different: HashSet<&str> = values.iter().copied().collect();
        let are_numbers = values.iter().all(|value| number(value).is_some());
        let is_ticked = next.get(**column).is_some_and(|name| different.contains(name.trim()));
        !is_ticked
            && values.len() >= LEAST_VALUES
            && (are_numbers || different.len() * 2 <= values.len())
    };
    let is_widest = below().all(|line| line.filled().count() <= columns.len());
    is_widest && columns.iter().take(SAMPLE).filter(is_told).count() >= LEAST_TOLD
}

/// Whether the cells of a line could be names, where a column may hold nothing but its own name, as
/// for an option that was ticked.
fn names_columns(lines: &[TableRow], at: usize) -> bool {
    let mut seen = HashSet::new();
    let below = |column: usize| {
        let values = lines[at + 1..].iter().take(SAMPLE).filter_map(move |line| line.get(column));
        values.map(str::trim).filter(|value| !value.is_empty())
    };
    lines[at].filled().all(|(column, name)| {
        let comes_back = below(column).any(|value| value == name);
        !is_value(name)
            && seen.insert(name)
            && (!comes_back || below(column).all(|value| value == name))
    })
}

/// Whether a cell holds what is no name of a column: a number, a time or an address.
fn is_value(cell: &str) -> bool {
    number(cell).is_some() || is_time_stamp(cell) || is_address(cell)
}

/// Whether an empty line separates this narrow line, and others like it, from a wider one below.
fn is_parted(lines: &[TableRow], filled: &[(usize, usize)]) -> bool {
    let Some(wider) = filled.iter().position(|(_, width)| *width > PAIR) else { return false };
    let [.., (last, _)] = filled[..wider] else { return false };
    lines[filled[wider].0].number > lines[last].number + 1
}

/// Whether a cell is a name and its value at once: `Created by: Ana`.
fn tells(value: &str) -> bool {
    value.contains([':', '：'])
}

/// Whether the cells of a line could be names rather than values: all different, no numbers, times
/// or addresses, and none of them comes back in its column below.
fn could_be_names(lines: &[TableRow], at: usize) -> bool {
    let mut seen = HashSet::new();
    if !lines[at].filled().all(|(_, value)| !is_value(value) && seen.insert(value)) {
        return false;
    }
    let names: HashMap<usize, &str> = lines[at].filled().collect();
    let below = lines[at + 1..].iter().take(SAMPLE).flat_map(TableRow::filled);
    !below.into_iter().any(|(column, value)| names.get(&column) == Some(&value))
}

/// Whether a line directly above the header has headings over groups of its columns.
fn heads_groups(line: &TableRow, header: &TableRow) -> bool {
    let named = header.cells.iter().filter(|(_, name)| !name.trim().is_empty());
    let last = named.map(|(column, _)| *column).max();
    let mut seen = HashSet::new();
    line.filled().count() >= 2
        && line.filled().all(|(column, value)| {
            last.is_some_and(|last| column <= last)
                && !tells(value)
                && value.chars().count() <= LONGEST_GROUP
                && seen.insert(value)
        })
}

/// Puts each heading over a group before the names of its columns, as survey tools write it:
/// `Today - What annoys you?`. A heading reaches to the next one. An id, or another column that
/// describes the row, gets none.
fn prefix(header: &mut TableRow, group: &TableRow) {
    let names: HashMap<usize, &str> = group.filled().collect();
    let known: HashSet<usize> = header.cells.iter().map(|(column, _)| *column).collect();
    let missing: Vec<usize> =
        names.keys().copied().filter(|column| !known.contains(column)).collect();
    header.cells.extend(missing.into_iter().map(|column| (column, String::new())));
    header.cells.sort_by_key(|(column, _)| *column);
    let mut heading = None;
    for (column, name) in &mut header.cells {
        heading = names.get(column).copied().or(heading);
        let Some(heading) = heading else { continue };
        let own = name.trim();
        if own.is_empty() {
            if let Some(heading) = names.get(column) {
                (*heading).clone_into(name);
            }
        } else if !is_context(own) && participant_rank(own).is_none() {
            *name = format!("{heading} - {own}");
        }
    }
}

/// A line as a finding shows it.
pub(crate) fn shown(line: &TableRow) -> String {
    let cells: Vec<&str> = line.filled().map(|(_, value)| value).collect();
    let line = cells.join(" | ").replace(['\n', '\r'], " ");
    let end = line.floor_char_boundary(SHOWN);
    if end < line.len() { format!("{}…", &line[..end]) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the columns, the number of the first row below them and the findings.
    fn header(text: &str) -> (Vec<String>, usize, Rows) {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        let lines = text.lines().enumerate().map(|(i, line)| TableRow::of(i + 1, cells(line)));
        let mut lines: Vec<TableRow> = lines.collect();
        let mut rows = Rows::new(1);
        let header = take(&mut lines, &mut rows).unwrap();
        (header.cells.into_iter().map(|(_, name)| name).collect(), lines[0].number, rows)
    }

    fn first_row(text: &str) -> usize {
        header(text).1
    }

    #[test]
    fn titles_and_empty_lines_stand_above_the_header_and_are_all_named() {
        let (names, first, rows) = header(
            "Voice of customers\nGenerated: 06/30/2024 by Dana\nChannel: Mail | Store: All\n|||\n\
             id | store | score | why\n1 | York | 3 | a queue\n2 | Hull | 9 | the lad\n\
             3 | York | 1 | no paper",
        );
        assert_eq!((names.join(","), first), ("id,store,score,why".to_owned(), 6));
        assert_eq!(rows.findings.kinds(), [("title-row", Some(1), 3)]);
        let message = rows.findings.message("title-row");
        let all = "'Voice of customers' / 'Generated: 06/30/2024 by Dana' / \
                   'Channel: Mail | Store: All'";
        assert!(message.ends_with(all), "{message}");
    }

    #[test]
    fn headings_over_groups_of_columns_go_before_their_names() {
        let (names, first, rows) = header(
            "Answers\n | Today || Tomorrow | |\nID | What annoys you? | And then? | Wish? | Other |\n\
             T1 | the bus | I walk | a tram | |\nT2 | rain | I wait | a roof | none |",
        );
        let expected = [
            "ID",
            "Today - What annoys you?",
            "Today - And then?",
            "Tomorrow - Wish?",
            "Tomorrow - Other",
            "",
        ];
        assert_eq!((names, first), (expected.map(str::to_owned).to_vec(), 4));
        assert_eq!(rows.findings.kinds(), [("title-row", Some(1), 1)]);
    }

    #[test]
    fn a_cover_above_the_table_is_no_header_where_an_empty_line_parts_them() {
        let text = "Institute | City Research\nContact | Ana\n|\nid | score | why\n\
                    1 | 3 | a queue\n2 | 9 | the lad";
        assert_eq!(first_row(text), 5);
    }

    #[test]
    fn a_first_line_like_those_below_it_is_no_header() {
        let notes = "I start at two and my son is asleep.\nThe oven timer beeps but nobody is near.\n\
                     We always bake ten too many.\nI call the café to ask.";
        let (names, first, rows) = header(notes);
        assert_eq!((names.join(","), first), ("text".to_owned(), 1));
        assert_eq!(rows.findings.kinds(), [("no-header", Some(1), 1)]);
        let board = "Frame 1 | \nI start at two in the morning. | P1 Ana\n\
                     The oven timer beeps all night. | P2 Bo\nI read a wet sheet of paper. | P1 Ana";
        let (names, first, _) = header(board);
        assert_eq!((names.join(","), first), ("text,".to_owned(), 2));
        for named in [
            "What do you do in the morning?",
            "Please tell us about your morning.",
            "Say what your morning is like.",
            "Answers of the bakers",
        ] {
            let (names, first, _) = header(&format!("{named}\n{notes}"));
            assert_eq!((names.join(","), first), (named.to_owned(), 2));
        }
        let agreed = "I feel safe at my work.\n4\n5\n3";
        assert_eq!(header(agreed).0, ["I feel safe at my work."]);
        let two = "My day is like this. | Why?\nIt is a long day here. | I am tired.\n\
                   It is short in the winter. | We close at six.\nIt is a good day too. | So it is.";
        assert_eq!(header(two).0, ["My day is like this.", "Why?"]);
    }

    #[test]
    fn a_first_line_that_could_be_the_header_is_it() {
        for text in [
            // Rows with many empty cells; names that are missing, over rows that look like values.
            "id | a | b | c | d\n1 | | x | |\n2 | y | | |",
            "id | tools | | | | why\n1 | Phone | Paper | Radio | x | late\n2 | Phone | x | y | z | so",
            "name | why\nAna | I wait | and wait\nBo | dear | slow",
            // A question over several columns, with its options in the second line.
            "id | Which tools? | | | | | Why?\n | Phone | Paper | Fax | Radio | Bell | Response\n\
             1 | x | x | x | x | x | late\n2 | x | x | x | x | x | late",
            "why\nlate, so late\nearly",
            "1 | 2 | 3\n4 | 5 | 6",
        ] {
            assert_eq!(first_row(text), 2, "{text}");
        }
    }

    #[test]
    fn headings_over_full_rows_stand_above_the_names_too() {
        let text = " | | The course | | | In your words\nID | Age | The pace was right. | The group was good. | \
                    Tablet | Anything?\nS1 | 19 | Agree | Disagree | Tablet | I work nights.\n\
                    S2 | 22 | Agree | Agree | | I like Sunday.\nS3 | 25 | Disagree | Agree | Tablet | All wrong.\n\
                    S4 | 31 | Agree | Agree | | On the bus.";
        let (names, first, _) = header(text);
        assert_eq!(first, 3);
        assert_eq!(names[1..3], ["Age", "The course - The pace was right."]);
        // Columns without names over rows of answers: the first line has the names.
        let text = "id | | tools | | why |\na1 | Ana | yes | Phone | a | late\na2 | Bo | no | Fax | | so\n\
                    a3 | Cy | no | Fax | | dear\na4 | Di | no | Bell | | far";
        assert_eq!(first_row(text), 2);
    }
}
