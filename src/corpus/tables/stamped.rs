//! Comments that an issue tracker exports into cells with their date and author:
//! `12/Mar/24 9:02 AM;kay;It beeps.`, as Jira writes them.
//!
//! Owns that form. What the row's participant wrote keeps its words alone; what anybody else wrote in
//! the issue is left out. Where nobody has the rows, the words stay.

use std::sync::LazyLock;

use regex::Regex;

use super::table::{Table, TableRow};
use crate::corpus::findings::Findings;
use crate::corpus::names::normalise;

/// The author and the words of such a comment.
fn comment(cell: &str) -> Option<(&str, &str)> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        let date = r"\d{1,4}[/.-]\p{L}{3,9}\.?[/.-]\d{2,4}|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}";
        let time = r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp]\.?[Mm]\.?)?";
        Regex::new(&format!(r"(?s)^(?:{date}),? {time};(?P<author>[^;\n]{{1,80}});(?P<words>.*)$"))
            .expect("the pattern is valid")
    });
    let found = FORM.captures(cell)?;
    Some((found.name("author")?.as_str(), found.name("words")?.as_str().trim()))
}

/// The values of a row that name its participant: the name, and the id that stands beside it, as
/// `Reporter Id` does beside `Reporter`.
fn names(row: &TableRow, columns: &[usize]) -> Vec<String> {
    let values = columns.iter().filter_map(|column| row.get(*column));
    values.map(|value| value.trim().to_lowercase()).collect()
}

/// Takes the stamps off the comments of each row's participant, and leaves out those of others.
pub(super) fn strip(table: &mut Table, participant: Option<usize>, findings: &mut Findings) {
    let title = |column: usize| table.names.get(column).map(|name| normalise(name));
    let of_participant: Option<Vec<usize>> = participant.and_then(title).map(|own| {
        let is_theirs = |column: &usize| title(*column).is_some_and(|name| name.starts_with(&own));
        (0..table.names.len()).filter(is_theirs).collect()
    });
    for row in &mut table.rows {
        let whose = of_participant.as_ref().map(|columns| names(row, columns));
        for (_, cell) in &mut row.cells {
            let Some((author, words)) = comment(cell) else { continue };
            let author = author.trim().to_lowercase();
            let is_other = whose.as_ref().is_some_and(|names| !names.contains(&author));
            let words = if is_other { String::new() } else { words.to_owned() };
            if is_other {
                findings.note("stamped-comments", row.number, || {
                    "comments in an issue by anybody but its participant are not quoted; left out"
                        .to_owned()
                });
            }
            *cell = words;
        }
        row.cells.retain(|(_, cell)| !cell.is_empty());
    }
    table.rows.retain(|row| !row.cells.is_empty());
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_csv, said};

    #[test]
    fn comments_of_an_issue_are_those_of_who_reported_it() {
        let rows = load_csv(
            "Issue key,Reporter,Description,Comment,Comment\n\
             A-1,kay,My badge does not open the dock.,12/Mar/24 9:02 AM;it.helen;Synced again; try it.,\
             \"12/Mar/24 9:40 AM;kay;Same beep; same red light.\"\n\
             A-2,bo,The printer is purple.,2024-03-12 10:00;bo;Still purple.,at 12:30; then nothing;works\n",
        );
        let all = said(&rows);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].0, Some("kay"));
        assert!(all[0].1.ends_with("Comment_2: Same beep; same red light."), "{}", all[0].1);
        assert!(!all[0].1.contains("Synced"), "{}", all[0].1);
        assert!(all[1].1.contains("Comment: Still purple."), "{}", all[1].1);
        assert!(all[1].1.contains("at 12:30; then nothing"), "no date, no comment");
    }

    #[test]
    fn an_author_is_known_in_any_letter_case_and_by_an_id_beside_the_name() {
        let rows = load_csv(
            "Issue key,Reporter,Reporter Id,Comment\n\
             A-1,Kay Lund,557058:f0b5,12/Mar/24 9:02 AM;557058:f0b5;It beeps in the dock.\n\
             A-2,Bo Ek,557058:aa01,12/Mar/24 9:02 AM;bo ek;It beeps at the gate.\n\
             A-3,Cy Orr,557058:bb02,12/Mar/24 9:02 AM;557058:f0b5;We look into it.\n",
        );
        let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
        assert!(texts[0].ends_with("It beeps in the dock."), "{texts:?}");
        assert!(texts[1].ends_with("It beeps at the gate."), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains("look into")), "{texts:?}");
    }

    #[test]
    fn comments_stay_where_the_rows_are_nobodys() {
        let rows = load_csv(
            "Issue key,Status,Comment\n\
             A-1,open,12/Mar/24 9:02 AM;kay;It beeps in the dock.\n\
             A-2,open,12/Mar/24 9:02 AM;bo;It beeps at the gate.\n",
        );
        let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
        assert!(texts[0].ends_with("It beeps in the dock."), "{texts:?}");
        assert!(!texts[0].contains("9:02"), "{texts:?}");
    }
}
