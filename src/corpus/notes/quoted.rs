//! What staff quote of participants in a column of notes about them, such as the summaries of calls:
//! `She said "it's my money, not yours". Escalated.`
//!
//! Owns whether such a column has enough of it, and puts the words into a cell of their own. Which
//! columns staff wrote is decided in `staff`.

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
