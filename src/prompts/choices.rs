//! Several answers in one cell: `Email; Phone`, `Email, Phone`, `["Email", "Phone"]`.
//!
//! Owns telling a column of such lists from single choices and from free text with commas, and
//! splitting its cells. The column decides as a whole: what people tick comes back from cell to
//! cell in ever new company, what they write does not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Longest cell that may be a list of answers, in bytes.
const LONGEST: usize = 1 << 10;
/// Fewest cells with several answers for a column to hold lists.
const LEAST_LISTS: usize = 3;
/// How often each answer comes on average, at least.
const RECURS: usize = 3;
/// Most answers that a question offers.
const OFFERED: usize = 60;
/// Fewest of ten answers that somebody else gave, too: the others are write-ins.
const SHARED_OF_TEN: usize = 8;

/// What stands between the answers in the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// A list as programs write it: `["Email", "Phone"]`.
    Brackets,
    /// `;`
    Semicolon,
    /// `|`
    Bar,
    /// Each answer stands on a line of its own.
    Line,
    /// `,` outside of parentheses. Options and sentences have commas too, so more is asked of a
    /// column before it is split at them.
    Comma,
}

impl Separator {
    const ALL: [Self; 5] = [Self::Brackets, Self::Semicolon, Self::Bar, Self::Line, Self::Comma];

    /// The separator of a column of lists; `None` where each cell is one answer or a text.
    pub fn of(cells: &[&str]) -> Option<Self> {
        if cells.iter().any(|cell| cell.len() > LONGEST) {
            return None;
        }
        Self::ALL.into_iter().find(|separator| separator.parts(cells))
    }

    /// Where the answers stand in a cell; none is empty.
    pub fn split(self, cell: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let (mut start, mut depth, mut quote) = (0, 0_usize, None);
        for (at, c) in cell.char_indices() {
            match (self, c) {
                (Self::Brackets, '"' | '\'') if quote.is_none() => {
                    // An apostrophe within a word opens nothing.
                    let opens = !cell[..at].ends_with(char::is_alphanumeric);
                    quote = opens.then_some(c);
                }
                (Self::Brackets, c) if quote == Some(c) => quote = None,
                (Self::Comma, '(') => depth += 1,
                (Self::Comma, ')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if self.separates(c) && depth == 0 && quote.is_none() {
                found.extend(self.bare(cell, start..at));
                start = at + c.len_utf8();
            }
        }
        found.extend(self.bare(cell, start..cell.len()));
        found
    }

    fn separates(self, c: char) -> bool {
        match self {
            Self::Brackets | Self::Comma => c == ',',
            Self::Semicolon => c == ';',
            Self::Bar => c == '|',
            Self::Line => c == '\n',
        }
    }

    /// An answer without the blanks and marks around it.
    fn bare(self, cell: &str, range: Range<usize>) -> Option<Range<usize>> {
        let is_mark = |c: char| {
            c.is_whitespace()
                || self == Self::Brackets && matches!(c, '[' | ']' | '"' | '\'')
                || self == Self::Line && matches!(c, '-' | '*' | '•')
        };
        let piece = &cell[range.clone()];
        let start = range.start + (piece.len() - piece.trim_start_matches(is_mark).len());
        let end = range.start + piece.trim_end_matches(is_mark).len();
        (start < end).then_some(start..end)
    }

    /// Whether this is what stands between the answers of these cells.
    fn parts(self, cells: &[&str]) -> bool {
        let is_bracketed = |cell: &&str| cell.starts_with('[') && cell.ends_with(']');
        if self == Self::Brackets && !cells.iter().all(is_bracketed)
            || !cells.iter().any(|cell| cell.contains(|c| self.separates(c)))
        {
            return false;
        }
        let lists: Vec<Vec<&str>> = cells
            .iter()
            .map(|cell| self.split(cell).into_iter().map(|range| &cell[range]).collect())
            .collect();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for answer in lists.iter().flatten() {
            *times.entry(answer).or_default() += 1;
        }
        let all: usize = times.values().sum();
        times.retain(|_, times| *times > 1);
        let shared: usize = times.values().sum();
        let several = lists.iter().filter(|list| list.len() > 1).count();
        let recurs = several >= LEAST_LISTS
            && times.len() <= OFFERED
            && shared >= times.len() * RECURS
            && shared * 10 >= all * SHARED_OF_TEN
            && times.keys().all(|answer| answer.contains(char::is_alphabetic));
        recurs && (self != Self::Comma || mixes(&lists, &times))
    }
}

/// Whether the answers come in ever new company and places. In `Berlin, Germany` and `Yes, daily`
/// each piece has a place of its own, and there are no more different cells than pieces.
fn mixes(lists: &[Vec<&str>], known: &BTreeMap<&str, usize>) -> bool {
    let cells: BTreeSet<&Vec<&str>> = lists.iter().collect();
    let stands = |answer: &&&str, first: bool| {
        let mut within = lists.iter().flat_map(|list| list.iter().enumerate());
        within.any(|(at, other)| other == *answer && (at == 0) == first)
    };
    let moving = known.keys().filter(|answer| stands(answer, true) && stands(answer, false));
    cells.len() > known.len() && moving.count() * 3 >= known.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(separator: Separator, cell: &str) -> Vec<&str> {
        separator.split(cell).into_iter().map(|range| &cell[range]).collect()
    }

    #[test]
    fn a_cell_is_split_into_its_answers() {
        assert_eq!(split(Separator::Semicolon, "Email;Phone ; Chat;"), ["Email", "Phone", "Chat"]);
        assert_eq!(split(Separator::Comma, "Car (own, leased), Bus"), ["Car (own, leased)", "Bus"]);
        assert_eq!(
            split(Separator::Brackets, r#"["Don't know, really", "Bus"]"#),
            ["Don't know, really", "Bus"]
        );
        assert_eq!(split(Separator::Brackets, "['a', 'b']"), ["a", "b"]);
        assert_eq!(split(Separator::Brackets, "[]"), [""; 0]);
        assert_eq!(split(Separator::Line, "- Bus\n- Car"), ["Bus", "Car"]);
    }

    #[test]
    fn what_people_ticked_is_told_from_what_they_wrote_and_from_single_answers() {
        use Separator::{Bar, Brackets, Comma, Semicolon};
        let lists: [(&[&str], Option<Separator>); 8] = [
            (&["a1; b", "b; c", "a1; c", "b", "a1; b; c", "c"], Some(Semicolon)),
            (&["Tea|Milk", "Milk", "Tea", "Tea|Milk", "Milk|Tea"], Some(Bar)),
            (
                &[r#"["Tea"]"#, r#"["Tea","Milk"]"#, r#"["Milk","Tea"]"#, r#"["Tea","Milk"]"#],
                Some(Brackets),
            ),
            (
                &["Bus, Car", "Car, Walk", "Bus", "Bus, Walk", "Walk", "Bus, Car, Walk", "Car"],
                Some(Comma),
            ),
            (
                &[
                    "Berlin, Germany",
                    "Bonn, Germany",
                    "Lyon, France",
                    "Bonn, Germany",
                    "Berlin, Germany",
                    "Lyon, France",
                    "Paris, France",
                    "Paris, France",
                ],
                None,
            ),
            (
                &[
                    "Yes, daily",
                    "Yes, weekly",
                    "No",
                    "Yes, daily",
                    "No",
                    "Yes, weekly",
                    "Yes, daily",
                ],
                None,
            ),
            (
                &[
                    "I wait, then I call.",
                    "I call, and I wait.",
                    "Slow, dear, and loud.",
                    "Too far, too slow.",
                ],
                None,
            ),
            (
                &[
                    "red, large",
                    "red, small",
                    "blue, large",
                    "blue, small",
                    "green, large",
                    "green, small",
                ],
                None,
            ),
        ];
        for (cells, separator) in lists {
            assert_eq!(Separator::of(cells), separator, "{cells:?}");
        }
        let numbers = ["1,200", "1,300", "2,200", "2,300", "1,200", "2,200", "3,300", "1,300"];
        assert_eq!(Separator::of(&numbers), None);
    }

    #[test]
    fn a_write_in_among_the_answers_does_not_hide_them() {
        let cells = [
            "Bus, Car",
            "Car, Walk",
            "Bus",
            "Bus, Walk",
            "Walk",
            "Bus, Car, Walk",
            "Car, by sledge",
        ];
        assert_eq!(Separator::of(&cells), Some(Separator::Comma));
    }
}
