//! Comments that an issue tracker exports into cells with their date and author:
//! `12/Mar/24 9:02 AM;kay;It beeps.`, as Jira writes them.
//!
//! Owns that form. What the row's participant wrote keeps its words alone; what anybody else wrote in
//! the issue is left out.

use std::sync::LazyLock;

use regex::Regex;

use super::table::Table;
use crate::corpus::findings::Findings;

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

/// Takes the stamps off the comments of each row's participant, and leaves out those of others.
pub(super) fn strip(table: &mut Table, participant: Option<usize>, findings: &mut Findings) {
    for row in &mut table.rows {
        let whose = participant.and_then(|column| row.get(column)).map(str::to_owned);
        for (_, cell) in &mut row.cells {
            let Some((author, words)) = comment(cell) else { continue };
            let words =
                if whose.as_deref() == Some(author) { words.to_owned() } else { String::new() };
            if words.is_empty() {
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
}
