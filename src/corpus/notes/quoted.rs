//! What staff quote of participants in a column of notes about them, such as the summaries of calls:
//! `She said "it's my money, not yours". Escalated.`
//!
//! Owns whether such a column quotes people often enough to be worth it, and puts their words into a
//! cell of their own. Which columns staff wrote is decided in `staff`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::corpus::told;
use crate::corpus::values::SENTENCE_WORDS;
use crate::corpus::values::spoken_words;
use crate::corpus::{ColumnSpan, Record};

/// The name of the cell with the quoted words of a row.
pub(crate) const WORDS: &str = "words in quotation marks";

/// Fewest quotations of a column, at least a third of which are about whoever speaks.
const LEAST: usize = 3;

/// Adds a cell to each record for what its cells of these columns quote. False, and nothing is
/// added, where they hardly quote anybody.
pub(crate) fn add(records: &mut [Record], columns: &HashSet<String>) -> bool {
    let quoted: Vec<Vec<String>> =
        records.iter().map(|record| quotations(record, columns)).collect();
    let all = || quoted.iter().flatten();
    let about_self = all().filter(|words| told::is_about_us(words)).count();
    if all().count() < LEAST || about_self * 3 < all().count() {
        return false;
    }
    let name: Arc<str> = WORDS.into();
    for (record, quotations) in records.iter_mut().zip(quoted).filter(|(_, all)| !all.is_empty()) {
        record.text.push('\n');
        record.text.push_str(WORDS);
        record.text.push_str(": ");
        let start = record.text.len();
        record.text.push_str(&quotations.join("\n"));
        record.columns.push(ColumnSpan::new(Arc::clone(&name), start..record.text.len()));
    }
    true
}

/// The sentences between quotation marks in the cells of these columns.
fn quotations(record: &Record, columns: &HashSet<String>) -> Vec<String> {
    let cells = record.columns.iter().filter(|span| columns.contains(&*span.name));
    let cells = cells.map(|span| &record.text[span.start..span.end]);
    let spans = cells.flat_map(|cell| told::spans(cell).into_iter().map(|span| cell[span].trim()));
    spans.filter(|words| spoken_words(words) >= SENTENCE_WORDS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::RecordId;

    const SUMMARY: &str = "summary";

    /// A record a cell, after the words have been looked for in the column of these cells.
    fn with_words(cells: &[&str]) -> (bool, Vec<Record>) {
        let record = |(index, cell): (usize, &&str)| {
            let text = format!("{SUMMARY}: {cell}");
            let span = ColumnSpan::new(SUMMARY, SUMMARY.len() + 2..text.len());
            let id = RecordId::new(1, index);
            let (participant, columns) = (None, vec![span]);
            Record { id, file: 1, sheet: None, row: index + 2, participant, text, columns }
        };
        let mut records: Vec<Record> = cells.iter().enumerate().map(record).collect();
        let is_added = add(&mut records, &HashSet::from([SUMMARY.to_owned()]));
        (is_added, records)
    }

    #[test]
    fn what_staff_quote_of_people_gets_a_cell_of_its_own() {
        let (is_added, records) = with_words(&[
            "She said \"it's my money, not yours\". Escalated. \"I want my refund now.\"",
            "Sent the form.",
            "He wrote: \"I have never seen this bill before.\" Says it is \"urgent\".",
        ]);
        assert!(is_added);
        let words = |record: &Record| {
            let span = record.columns.iter().find(|span| &*span.name == WORDS)?;
            Some(record.text[span.start..span.end].to_owned())
        };
        let found: Vec<_> = records.iter().map(words).collect();
        let of = |words: &str| Some(words.to_owned());
        let expected = [
            of("it's my money, not yours\nI want my refund now."),
            None,
            of("I have never seen this bill before."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_column_that_hardly_quotes_anybody_stays_as_it_is() {
        let few =
            ["\"I want my refund now.\"", "Said: \"I have never seen this bill.\"", "Sent it."];
        let of_forms = [
            "Sent \"the form for late payments\".",
            "Sent \"the form for moving house\".",
            "Sent \"the list of all offices\".",
            "Says \"I want my refund now.\"",
        ];
        for cells in [&few[..], &of_forms] {
            let (is_added, records) = with_words(cells);
            assert!(
                !is_added && records.iter().all(|record| record.columns.len() == 1),
                "{cells:?}"
            );
        }
    }
}
