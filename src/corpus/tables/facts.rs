//! Tables that hold nothing but facts about participants whose words stand in another table: a sheet
//! of who took part beside one of what they said.
//!
//! Owns which tables these are, and makes their rows part of the records of those participants. Who
//! the participants are is decided before, by `voices` and `people`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::extent::{TableKey, note, of_sheet, tables};
use crate::corpus::columns::columns_of;
use crate::corpus::names::normalise;
use crate::corpus::{ColumnKind, ColumnSpan, Corpus, Record};
use crate::schema::RecordId;

/// Most columns of a table of facts, which each record of a participant repeats.
const MOST_FACTS: usize = 30;

/// Fewest participants of such a table whose words stand elsewhere.
const LEAST_HEARD: usize = 2;

/// Makes the rows of such tables part of the records of their participants, and takes them out.
pub(crate) fn join(corpus: &mut Corpus) {
    let tables = tables(corpus);
    let spoken: Vec<&Range<usize>> = tables
        .iter()
        .map(|(_, rows)| rows)
        .filter(|rows| has_sentences(&corpus.records[(*rows).clone()]))
        .collect();
    let heard: HashSet<String> =
        spoken.iter().flat_map(|rows| &corpus.records[(*rows).clone()]).filter_map(key).collect();
    let of_facts: Vec<(TableKey, Range<usize>)> = tables
        .iter()
        .filter(|(_, rows)| are_facts(&corpus.records[(*rows).clone()], &heard))
        .cloned()
        .collect();
    if of_facts.is_empty() {
        return;
    }
    let spoken: Vec<Range<usize>> = spoken.into_iter().cloned().collect();
    let mut facts: HashMap<String, Vec<Record>> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    for (table, rows) in of_facts {
        let (mut joined, mut alone) = (0, 0);
        for at in rows {
            let record = &corpus.records[at];
            if let Some(who) = key(record).filter(|who| heard.contains(who)) {
                facts.entry(who).or_default().push(record.clone());
                joined += 1;
            } else if record.speaks() {
                continue;
            } else {
                alone += 1;
            }
            gone.insert(at);
        }
        note_joined(corpus, &table, joined, alone);
    }
    for at in spoken.into_iter().flatten() {
        let record = &mut corpus.records[at];
        let of = key(record).and_then(|who| facts.get(&who));
        for facts in of.into_iter().flatten() {
            tell(record, facts);
        }
    }
    take_out(corpus, &gone);
}

/// Whose a record is, in whatever letter case a table writes it.
fn key(record: &Record) -> Option<String> {
    record.participant.as_deref().map(str::to_lowercase)
}

fn has_sentences(rows: &[Record]) -> bool {
    columns_of(rows).iter().any(|column| column.kind == ColumnKind::FreeText)
}

/// Whether a table has one row a participant, no sentences, and at least half of its participants
/// are heard elsewhere.
fn are_facts(rows: &[Record], heard: &HashSet<String>) -> bool {
    let who: Option<HashSet<String>> = rows.iter().map(key).collect();
    who.is_some_and(|who| {
        let known = who.iter().filter(|who| heard.contains(*who)).count();
        who.len() == rows.len()
            && known >= LEAST_HEARD
            && known * 2 >= rows.len()
            && columns_of(rows).len() <= MOST_FACTS
            && !has_sentences(rows)
    })
}

fn note_joined(corpus: &mut Corpus, table: &TableKey, joined: usize, alone: usize) {
    let of_sheet = of_sheet(table);
    if joined > 0 {
        let message = format!(
            "rows{of_sheet} only tell facts of participants whose words stand elsewhere, and went to these"
        );
        note(corpus, table, "facts-joined", joined, message);
    }
    if alone > 0 {
        let message =
            format!("rows{of_sheet} of participants who say nothing anywhere were left out");
        note(corpus, table, "facts-alone", alone, message);
    }
}

/// Puts facts about its participant before the cells of a record, except those that it has.
fn tell(record: &mut Record, facts: &Record) {
    let known: HashSet<String> = record.columns.iter().map(|span| normalise(&span.name)).collect();
    let who = facts.participant.as_deref().map(str::to_lowercase);
    let mut text = String::new();
    let mut columns = Vec::new();
    for fact in &facts.columns {
        let value = &facts.text[fact.start..fact.end];
        if known.contains(&normalise(&fact.name))
            || who.as_ref().is_some_and(|who| *who == value.to_lowercase())
        {
            continue;
        }
        text.push_str(&fact.name);
        text.push_str(": ");
        let start = text.len();
        text.push_str(value);
        columns.push(ColumnSpan { start, end: text.len(), is_said: false, ..fact.clone() });
        text.push('\n');
    }
    for span in &mut record.columns {
        span.start += text.len();
        span.end += text.len();
    }
    record.columns.splice(0..0, columns);
    record.text.insert_str(0, &text);
}

/// Takes records out and numbers those that are left anew, in each file from 0.
fn take_out(corpus: &mut Corpus, gone: &HashSet<usize>) {
    let mut at = 0;
    corpus.records.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    for rows in corpus.records.chunk_by_mut(|a, b| a.file == b.file) {
        for (index, record) in rows.iter_mut().enumerate() {
            record.id = RecordId::new(record.file, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::Corpus;
    use crate::corpus::test_support::load_files;

    const WHO: &str =
        "ID,Name,Age,Job\nG01,Nadia,34,nurse\ng02,Walter,72,engineer\nG03,Ming,41,chef\n";
    const SAID: &str = "Teilnehmer-Nr.,Topic,What they said\n\
        G01,plot,I got the plot in March and had no idea.\n\
        G01,week,I watch videos in the break at work.\n\
        G02,plot,The committee changed the rota without a vote.\n";

    fn kinds(corpus: &Corpus) -> Vec<(&str, usize)> {
        corpus.findings.iter().map(|found| (found.kind.as_str(), found.count)).collect()
    }

    #[test]
    fn a_table_of_who_took_part_describes_those_who_speak_in_another() {
        let corpus = load_files(&[("who.csv", WHO), ("said.csv", SAID)]);
        assert_eq!(
            corpus.records[3].text,
            "Name: Walter\nAge: 72\nJob: engineer\nTeilnehmer-Nr.: G02\nTopic: plot\n\
             What they said: The committee changed the rota without a vote."
        );
        let said = |record: &crate::corpus::Record| {
            let cells = record.said_in(0..record.text.len());
            cells.map(|(_, cell)| cell.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said(&corpus.records[3]), ["The committee changed the rota without a vote."]);
        assert_eq!(corpus.records[3].id.as_str(), "f2#2");
        assert_eq!(
            kinds(&corpus),
            [("participant-guessed", 1), ("facts-joined", 2)],
            "who answers closed questions in a file of their own is heard"
        );
        assert_eq!(corpus.participants(), 3);
    }

    #[test]
    fn people_are_the_same_in_any_letter_case() {
        let who = "participant,plan\np1,basic\np2,pro\np3,pro\n";
        let said = "participant,comment\nP1,I waited for an hour at the desk.\n\
                    P2,Nobody told me that it was shut.\nP3,I never found the second page.\n";
        let corpus = load_files(&[("who.csv", who), ("said.csv", said)]);
        assert_eq!(corpus.participants(), 3);
        assert!(corpus.records[0].text.starts_with("plan: basic\n"), "{:?}", corpus.records[0]);
    }

    #[test]
    fn the_id_beside_a_name_may_be_what_the_others_call_people() {
        let said = "Tester,Task,Comment\nG01,pay,I could not find the button.\n\
                    G01,search,I typed it twice and gave up.\nG02,pay,I paid in the end with my card.\n";
        let corpus = load_files(&[("who.csv", WHO), ("said.csv", said)]);
        let who: Vec<_> = corpus.records.iter().filter_map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, ["G03", "G01", "G01", "G02"]);
        assert!(corpus.records[1].text.starts_with("Name: Nadia\n"));
    }

    #[test]
    fn two_tables_of_answers_stay_as_they_are() {
        let again = "Participant,Since then\nG01,I have given the plot to my son since.\n\
                     G02,We have a new committee and no vote.\n";
        let corpus = load_files(&[("one.csv", SAID), ("two.csv", again)]);
        assert_eq!((corpus.records.len(), kinds(&corpus)), (5, vec![]));
        let closed = "Participant,Score\nG01,4\nG02,5\n";
        let corpus =
            load_files(&[("one.csv", "Participant,Plan\nG01,a\nG02,b\n"), ("two.csv", closed)]);
        assert_eq!(corpus.records.len(), 4, "nobody says anything in words");
    }
}
