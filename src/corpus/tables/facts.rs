//! Tables that hold nothing but facts about participants whose words stand elsewhere: a sheet of
//! who took part beside one of what they said, or beside transcripts.
//!
//! Owns which tables these are, and makes their rows part of the records of those participants. Who
//! the participants are is decided before, by `voices`, `people` and `across_files`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::extent::{TableKey, note, of_sheet, tables};
use crate::corpus::codes;
use crate::corpus::columns::{Column, columns_of};
use crate::corpus::names::{WHOSE_FILE, normalise};
use crate::corpus::{ColumnKind, ColumnSpan, Corpus, Record, is_prose};
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
    let in_tables = spoken.iter().flat_map(|rows| (*rows).clone());
    let spoken: Vec<usize> = in_tables.chain(in_prose(corpus)).collect();
    let heard: HashSet<String> = spoken.iter().filter_map(|at| key(&corpus.records[*at])).collect();
    let of_facts: Vec<(&TableKey, Range<usize>, Telling)> = tables
        .iter()
        .filter_map(|(table, rows)| {
            let telling = telling(&corpus.records[rows.clone()], &heard)?;
            Some((table, rows.clone(), telling))
        })
        .collect();
    if of_facts.is_empty() {
        return;
    }
    let mut facts: HashMap<String, Vec<Record>> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    for (table, rows, telling) in of_facts {
        let (mut joined, mut alone) = (0, 0);
        for at in rows {
            let record = &corpus.records[at];
            if let Some(who) = key(record).filter(|who| heard.contains(who)) {
                facts.entry(who).or_default().push(record.clone());
                joined += 1;
            } else if telling == Telling::Answers && record.speaks() {
                continue;
            } else {
                alone += 1;
            }
            gone.insert(at);
        }
        note_joined(corpus, table, joined, alone);
    }
    for at in spoken {
        let record = &mut corpus.records[at];
        let of = key(record).and_then(|who| facts.get(&who));
        for facts in of.into_iter().flatten() {
            tell(record, facts);
        }
    }
    take_out(corpus, &gone);
}

/// The records of prose in which those speak who are the same person in every file.
fn in_prose(corpus: &Corpus) -> Vec<usize> {
    let says_who = |record: &Record| record.columns.iter().any(|span| *span.name == *WHOSE_FILE);
    let of_prose = |record: &Record| {
        let file = record.file.checked_sub(1).and_then(|index| corpus.files.get(index));
        file.is_some_and(|file| is_prose(&file.format))
    };
    let is_theirs = |record: &Record| {
        record.participant.is_some() && of_prose(record) && says_who(record) && record.speaks()
    };
    let records = corpus.records.iter().enumerate();
    records.filter(|(_, record)| is_theirs(record)).map(|(at, _)| at).collect()
}

/// Whose a record is, however a table writes it.
fn key(record: &Record) -> Option<String> {
    record.participant.as_deref().map(codes::key)
}

pub(super) fn has_sentences(rows: &[Record]) -> bool {
    columns_of(rows).iter().any(|column| column.kind == ColumnKind::FreeText)
}

/// Whether a table has one row for each of its participants.
pub(super) fn has_one_row_each(rows: &[Record]) -> bool {
    let who: Option<HashSet<String>> = rows.iter().map(key).collect();
    who.is_some_and(|who| who.len() == rows.len())
}

/// What a table of facts tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Who took part: those of whom nothing is heard took none.
    People,
    /// What they answered to closed questions, too, which is all that some have said.
    Answers,
}

/// What a table tells that has one row a participant and no sentences, and whose participants are
/// heard elsewhere; `None` for any other.
fn telling(rows: &[Record], heard: &HashSet<String>) -> Option<Telling> {
    let known = rows.iter().filter_map(key).filter(|who| heard.contains(who)).count();
    if known == 0 || !has_one_row_each(rows) || has_sentences(rows) {
        return None;
    }
    let columns = columns_of(rows);
    let are_most = known * 2 >= rows.len();
    let asks = columns.iter().any(|column| is_asked(&column.name)) || are_numbered(&columns);
    let telling = if asks { Telling::Answers } else { Telling::People };
    let is_sure = match telling {
        Telling::People => known >= LEAST_HEARD || are_most,
        Telling::Answers => known >= LEAST_HEARD && are_most,
    };
    (is_sure && columns.len() <= MOST_FACTS).then_some(telling)
}

/// Most words of a column's name that is no question.
const MOST_WORDS: usize = 5;

/// Whether the name of a column asks something, or has a scale: `Ease (1-7)`.
fn is_asked(name: &str) -> bool {
    let is_scale = |inside: &str| {
        let mut ends = inside.split(['-', '–', '—']).map(str::trim);
        inside.contains(['-', '–', '—']) && ends.all(|end| end.parse::<u32>().is_ok())
    };
    let mut brackets = name.split('(').skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    name.contains(['?', '？', '؟'])
        || name.split_whitespace().nth(MOST_WORDS).is_some()
        || brackets.any(is_scale)
}

/// Fewest columns of one name with a number that are items of a questionnaire.
const LEAST_ITEMS: usize = 3;

/// Whether columns are numbered items: `SUS1`, `SUS2`, `Q3`.
fn are_numbered(columns: &[Column]) -> bool {
    let mut items: HashMap<&str, usize> = HashMap::new();
    for column in columns.iter().filter(|column| column.name.ends_with(char::is_numeric)) {
        *items.entry(column.name.trim_end_matches(char::is_numeric)).or_default() += 1;
    }
    items.values().any(|count| *count >= LEAST_ITEMS)
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
            corpus.records[2].text,
            "Name: Walter\nAge: 72\nJob: engineer\nTeilnehmer-Nr.: G02\nTopic: plot\n\
             What they said: The committee changed the rota without a vote."
        );
        let said = |record: &crate::corpus::Record| {
            let cells = record.said_in(0..record.text.len());
            cells.map(|(_, cell)| cell.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said(&corpus.records[2]), ["The committee changed the rota without a vote."]);
        assert_eq!(corpus.records[2].id.as_str(), "f2#2");
        assert_eq!(
            kinds(&corpus),
            [("participant-guessed", 1), ("facts-joined", 2), ("facts-alone", 1)],
            "who did not come says nothing"
        );
        assert_eq!(corpus.participants(), 2);
    }

    #[test]
    fn who_answers_closed_questions_is_heard() {
        let who = "ID,Age,Do you rent?\nG01,34,yes\nG02,72,no\nG03,41,no\n";
        let corpus = load_files(&[("who.csv", who), ("said.csv", SAID)]);
        assert_eq!(corpus.participants(), 3);
        let scale = "ID,SUS1,SUS2,SUS3\nG01,3,4,1\nG02,7,2,2\nG03,4,1,2\n";
        let corpus = load_files(&[("who.csv", scale), ("said.csv", SAID)]);
        assert_eq!(corpus.participants(), 3);
    }

    #[test]
    fn a_table_of_who_took_part_describes_those_who_speak_in_transcripts() {
        let talk = |who: &str, what: &str| {
            format!(
                "Interviewer: Tell me about your business.\n{who}: I own a {what}.\n\
                 Interviewer: What is hardest?\n{who}: I am afraid of the taxes of my {what}.\n"
            )
        };
        let screener = "participant,age,role\nP01,44,Owner\nP02,37,Owner\nP03,40,Owner\n";
        let (one, two) = (talk("P01", "bakery"), talk("P02", "salon"));
        let corpus =
            load_files(&[("P01.txt", &one), ("P02.txt", &two), ("screener.csv", screener)]);
        assert_eq!(corpus.participants(), 2);
        assert_eq!(kinds(&corpus), [("facts-joined", 2), ("facts-alone", 1)]);
        let first = &corpus.records[0];
        assert_eq!(
            first.text,
            "age: 44\nrole: Owner\nparticipant: P01\n\
             question: Tell me about your business.\ntext: I own a bakery."
        );
        let said: Vec<&str> = first.said_in(0..first.text.len()).map(|(_, said)| said).collect();
        assert_eq!(said, ["I own a bakery."]);
    }

    #[test]
    fn those_in_a_group_are_described_by_name() {
        let group = "Moderator: How did you get here?\nEdna: My neighbour drove me, as always.\n\
                     Arthur: I walked, it is forty minutes.\nModerator: And what do you want?\n\
                     Edna: I want to come home on my own.\nArthur: I want to speak to a person.\n";
        let who = "Name,Age,Village\nEdna,78,Brinkley\nArthur,81,Brinkley\nLiam,17,Marsh\n";
        let corpus = load_files(&[("fg.txt", group), ("screener.csv", who)]);
        assert_eq!(corpus.participants(), 2);
        assert!(corpus.records[0].text.starts_with("Age: 78\nVillage: Brinkley\n"));
        let survey = "Name,What would you change?\nEdna,I would have it come more often\n\
                      Arthur,Nothing at all in this village\n";
        let corpus = load_files(&[("fg.txt", group), ("survey.csv", survey)]);
        assert_eq!(corpus.participants(), 4, "a first name may be anybody's");
        let corpus = load_files(&[("screener.csv", who)]);
        assert_eq!(corpus.participants(), 3, "nothing else is there");
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
        assert_eq!(who, ["G01", "G01", "G02"]);
        assert!(corpus.records[0].text.starts_with("Name: Nadia\n"));
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
