//! Who else says a sentence word for word.
//!
//! Owns the comparison of a chosen sentence with those of the whole segment, so that a statement
//! cites all who make it and not only the records that a draft happened to see. Case, spaces and
//! marks may differ; an answer to a closed question is cited wherever it is given. Sentences that
//! merely mean the same are not looked for, because no measure of shared words found them safely: a
//! threshold that was right for 95 % of the labelled pairs of three domains found no pair in the other
//! two without an error.

use std::collections::BTreeMap;

use super::draft::CountedAnswer;
use super::passages::{sentences, words};
use crate::corpus::{Corpus, Record};
use crate::schema::Statement;

/// Most records that one statement cites: enough to show that many say it.
const CITED: usize = 20;

/// Longest record that is searched, in bytes: one of megabytes is a document and no answer.
const SEARCHED: usize = 1 << 16;

/// Adds to each statement the records, of those given, in which it is a whole sentence, or which
/// give the answer that it is.
pub(super) fn cite_all<'s>(
    corpus: &Corpus,
    records: &[usize],
    answers: &[CountedAnswer],
    statements: impl Iterator<Item = &'s mut Statement>,
) {
    let peers = || records.iter().filter_map(|&at| corpus.records.get(at));
    let (counted, spoken): (Vec<_>, Vec<_>) =
        statements.partition(|statement| statement.held.is_some());
    for statement in counted {
        let answer = answers.iter().find(|answer| answer.asked() == statement.text);
        let Some(answer) = answer else { continue };
        for record in peers().filter(|record| answer.place(record).is_some()) {
            cite(statement, record);
        }
    }
    let mut by_words: BTreeMap<String, &mut Statement> =
        spoken.into_iter().map(|statement| (plain(&statement.text), statement)).collect();
    for record in peers() {
        for sentence in said(record) {
            if let Some(statement) = by_words.get_mut(&plain(sentence)) {
                cite(statement, record);
            }
        }
    }
}

fn cite(statement: &mut Statement, record: &Record) {
    if statement.records.len() < CITED && !statement.records.contains(&record.id) {
        statement.records.push(record.id.clone());
    }
}

fn said(record: &Record) -> impl Iterator<Item = &str> {
    let searched = if record.text.len() <= SEARCHED { record.text.len() } else { 0 };
    let cells = record.said_in(0..searched);
    cells.flat_map(|(_, cell)| sentences(cell).into_iter().map(move |range| &cell[range]))
}

fn plain(text: &str) -> String {
    words(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::ColumnSpan;
    use crate::schema::RecordId;

    fn corpus(said: &[&str]) -> Corpus {
        let record = |(at, said): (usize, &&str)| {
            let text = format!("answer: {said}");
            let column = ColumnSpan { is_said: true, ..ColumnSpan::new("answer", 8..text.len()) };
            let (id, columns) = (RecordId::new(1, at), vec![column]);
            Record { id, file: 1, sheet: None, row: at + 1, participant: None, text, columns }
        };
        Corpus { records: said.iter().enumerate().map(record).collect(), ..Corpus::default() }
    }

    fn cited(said: &[&str], among: &[usize], text: &str) -> Vec<String> {
        let records = vec![RecordId::new(1, 0)];
        let mut statement =
            Statement { text: text.to_owned(), records, inferred: false, held: None };
        cite_all(&corpus(said), among, &[], std::iter::once(&mut statement));
        statement.records.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_statement_cites_all_who_say_it_whatever_their_case_and_marks() {
        let said = [
            "I get forty emails a day.",
            "Well. i get  forty emails a day",
            "I get forty emails a day!",
            "I don't think that I get forty emails a day.",
            "I get forty emails a day and like it.",
        ];
        let all: Vec<usize> = (0..said.len()).collect();
        assert_eq!(cited(&said, &all, said[0]), ["f1#0", "f1#1", "f1#2"]);
        assert_eq!(cited(&said, &[2], said[0]), ["f1#0", "f1#2"], "the rest is not of the segment");
    }

    #[test]
    fn a_sentence_of_hundreds_is_cited_a_bounded_number_of_times() {
        let said = vec!["It is slow."; 300];
        let all: Vec<usize> = (0..said.len()).collect();
        assert_eq!(cited(&said, &all, "It is slow.").len(), CITED);
    }
}
