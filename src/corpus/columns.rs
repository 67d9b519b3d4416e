//! What the columns of a corpus are about: who speaks, what can be counted, what is free text.
//!
//! Owns guesses from column names and values. Changes nothing in the records.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use crate::schema::{RecordId, is_unspaced};

use super::format::is_prose;
use super::{Corpus, Record};

/// A column over the whole corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Different values.
    pub distinct: usize,
    /// Records that have a value.
    pub filled: usize,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Tells rows or participants apart and says nothing else: ids, time stamps, addresses.
    Identifier,
    /// Numbers.
    Numeric,
    /// Few values that come back, or short ones.
    Categorical,
    /// Sentences.
    FreeText,
}

/// Suffixes of the words for a participant, as in `participant_id`.
const ID_SUFFIXES: [&str; 7] = ["", "id", "no", "nr", "number", "code", "name"];

/// Columns that say something about an answer and are not part of it, as survey tools name them.
const CONTEXT: [&str; 78] = [
    "section",
    "interviewer",
    "moderator",
    "id",
    "date",
    "time",
    "timestamp",
    "createdat",
    "startdate",
    "enddate",
    "url",
    "email",
    "emailaddress",
    "ip",
    "ipaddress",
    "browser",
    "os",
    "operatingsystem",
    "useragent",
    "networkid",
    "latitude",
    "longitude",
    "locationlatitude",
    "locationlongitude",
    "distributionchannel",
    "userlanguage",
    "responsetype",
    "progress",
    "finished",
    "durationinseconds",
    "recordeddate",
    "startdateutc",
    "stagedateutc",
    "submitdateutc",
    "startedat",
    "submittedat",
    "completedat",
    "modified",
    "creator",
    "createdby",
    "modifiedby",
    "timingfirstclick",
    "timinglastclick",
    "timingpagesubmit",
    "timingclickcount",
    "utmsource",
    "utmmedium",
    "utmcampaign",
    "delightedsource",
    "updatedat",
    "seed",
    "startlanguage",
    "datestamp",
    "interviewtime",
    "lastpage",
    "submitdate",
    "refurl",
    "permalink",
    "avatarurl",
    "isbot",
    "ups",
    "downs",
    "stickied",
    "edited",
    "subreddit",
    "reviewlanguage",
    "locale",
    "timezone",
    "zeitstempel",
    "horodateur",
    "marcatemporal",
    "carimbodedatahora",
    "informazionicronologiche",
    "tijdstempel",
    "タイムスタンプ",
    "メールアドレス",
    "endereçodeemail",
    "adresseemail",
];

/// The last part of a field's name inside other fields, where it says something about the field.
const FIELDS: [&str; 7] = ["state", "status", "redacted", "bot", "href", "selfurl", "notification"];

/// What people write who have nothing to say, in small letters and without marks.
const NO_ANSWERS: [&str; 40] = [
    "",
    "na",
    "none",
    "no",
    "nothing",
    "nil",
    "nope",
    "nan",
    "null",
    "idk",
    "dontknow",
    "unknown",
    "nocomment",
    "nocomments",
    "noanswer",
    "nothanks",
    "same",
    "xx",
    "xxx",
    "keine",
    "kein",
    "nein",
    "nichts",
    "keineangabe",
    "ka",
    "rien",
    "non",
    "aucun",
    "aucune",
    "nada",
    "ninguno",
    "ninguna",
    "nenhum",
    "nenhuma",
    "não",
    "niente",
    "nessuno",
    "geen",
    "なし",
    "特になし",
];

/// The participant of a study, in the languages that research is often written in.
const PARTICIPANT: [&str; 37] = [
    "participant",
    "respondent",
    "interviewee",
    "teilnehmer",
    "teilnehmerin",
    "teilnehmende",
    "teilnehmender",
    "proband",
    "probandin",
    "befragte",
    "befragter",
    "participante",
    "répondant",
    "répondante",
    "interviewé",
    "interviewée",
    "encuestado",
    "encuestada",
    "entrevistado",
    "entrevistada",
    "partecipante",
    "intervistato",
    "intervistata",
    "rispondente",
    "deelnemer",
    "geïnterviewde",
    "deltagare",
    "deltager",
    "deltaker",
    "osallistuja",
    "vastaaja",
    "uczestnik",
    "respondentka",
    "участник",
    "респондент",
    "参加者",
    "参与者",
];

/// What else stands for a participant where no column is called one; the best first.
const OTHER_PEOPLE: [&str; 23] = [
    "authorid",
    "authorname",
    "reviewerid",
    "respid",
    "requesterid",
    "clientid",
    "patientid",
    "memberid",
    "employeeid",
    "panelistid",
    "prolificpid",
    "userid",
    "user",
    "username",
    "subjectid",
    "personid",
    "person",
    "customerid",
    "responseid",
    "speaker",
    "name",
    "fullname",
    "author",
];

/// What was asked, in the same languages.
const QUESTION: [&str; 19] = [
    "question",
    "questiontext",
    "questionasked",
    "interviewquestion",
    "prompt",
    "q",
    "frage",
    "fragetext",
    "pregunta",
    "domanda",
    "pergunta",
    "vraag",
    "fråga",
    "spørgsmål",
    "spørsmål",
    "kysymys",
    "pytanie",
    "вопрос",
    "質問",
];

/// How well a column name says that it holds the participant; lower is better.
pub(super) fn participant_rank(name: &str) -> Option<usize> {
    let name = normalise(name);
    let rank = |word: &&str| {
        let rest = name.strip_prefix(*word)?;
        ID_SUFFIXES.iter().position(|suffix| *suffix == rest)
    };
    if let Some(rank) = PARTICIPANT.iter().find_map(rank) {
        return Some(rank);
    }
    if name.strip_prefix("id").is_some_and(|word| PARTICIPANT.contains(&word)) {
        return Some(1);
    }
    OTHER_PEOPLE.iter().position(|other| *other == name).map(|i| ID_SUFFIXES.len() + i)
}

/// Whether a column holds the question that was asked.
pub(super) fn is_question(name: &str) -> bool {
    QUESTION.contains(&normalise(name).as_str())
}

/// Whether a column holds something that the participant did not say. Asked for each cell of each
/// record, so that a hash decides and no list is gone through.
pub(crate) fn is_context(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let participants = PARTICIPANT.iter().flat_map(|word| {
            let suffixed = ID_SUFFIXES.iter().map(move |suffix| format!("{word}{suffix}"));
            suffixed.chain([format!("id{word}")])
        });
        let others = OTHER_PEOPLE.iter().chain(&QUESTION).chain(&CONTEXT);
        participants.chain(others.map(|name| (*name).to_owned())).collect()
    });
    let is_named = |name: &str| NAMES.contains(&normalise(name));
    // `author.avatarUrl`
    let field = Some(name).filter(|name| is_path(name)).and_then(|name| name.rsplit('.').next());
    let is_field = |field: &str| {
        let plain = normalise(field);
        is_named(field) || plain.ends_with("type") || FIELDS.contains(&plain.as_str())
    };
    is_named(name) || is_id_name(name) || field.is_some_and(is_field)
}

/// Whether a name leads to a field inside others, as in `author.name`.
pub(crate) fn is_path(name: &str) -> bool {
    name.contains('.') && !name.contains(char::is_whitespace) && !name.ends_with('.')
}

/// Whether somebody who wrote this had nothing to say.
fn is_no_answer(value: &str) -> bool {
    value.len() <= 24 && NO_ANSWERS.contains(&normalise(value).as_str())
}

/// `order_id`, `order ID`, `orderId`, but not `paid`.
fn is_id_name(name: &str) -> bool {
    let Some((head, tail)) = name.len().checked_sub(2).and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let parted = head.ends_with(|c: char| !c.is_alphanumeric());
    tail.eq_ignore_ascii_case("id")
        && (parted || head.ends_with(char::is_lowercase) && tail.starts_with('I'))
}

/// Lower-case letters and digits only.
pub(super) fn normalise(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Corpus {
    /// The record of this id.
    pub fn get(&self, id: &RecordId) -> Option<&Record> {
        self.records.get(self.index_of(id)?)
    }

    /// Where the record of this id stands.
    pub fn index_of(&self, id: &RecordId) -> Option<usize> {
        let (file, index) = id.as_str().strip_prefix('f')?.split_once('#')?;
        let (file, index): (usize, usize) = (file.parse().ok()?, index.parse().ok()?);
        let first = self.records.partition_point(|record| record.file < file);
        let at = first.checked_add(index)?;
        self.records.get(at).is_some_and(|record| record.id == *id).then_some(at)
    }

    /// Records of equal key are by the same participant. A table's participant column means the
    /// same person in every file; a speaker label (`Participant`, `Ana`) only in its own. Without
    /// either, a table row stands for a participant of its own, and prose for one per file.
    pub fn participant_key(&self, record: &Record) -> String {
        let source = record.file.checked_sub(1).and_then(|index| self.files.get(index));
        let is_table = source.is_some_and(|file| !is_prose(&file.format));
        match (&record.participant, is_table) {
            (Some(name), true) => name.clone(),
            (Some(name), false) => format!("f{}:{name}", record.file),
            (None, true) => record.id.to_string(),
            (None, false) => format!("f{}", record.file),
        }
    }

    /// Different participants.
    pub fn participants(&self) -> usize {
        let keys: HashSet<_> = self.records.iter().map(|r| self.participant_key(r)).collect();
        keys.len()
    }

    /// Every value of a column, with its record, in record order.
    pub fn column_values<'a>(
        &'a self,
        column: &'a str,
    ) -> impl Iterator<Item = (&'a Record, &'a str)> {
        self.records.iter().filter_map(move |record| {
            let span = record.columns.iter().find(|span| &*span.name == column)?;
            Some((record, &record.text[span.start..span.end]))
        })
    }

    /// The columns in order of first appearance. Empty for prose without headings or questions.
    pub fn columns(&self) -> Vec<Column> {
        columns_of(&self.records)
    }
}

fn columns_of(records: &[Record]) -> Vec<Column> {
    let mut order: Vec<&str> = Vec::new();
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        for span in &record.columns {
            let known = values.entry(&span.name).or_insert_with(|| {
                order.push(&span.name);
                Vec::new()
            });
            known.push(&record.text[span.start..span.end]);
        }
    }
    order.into_iter().map(|name| Column::of(name, &values[name])).collect()
}

/// Marks the cells of a file that are in the participants' own words: those of columns that hold free
/// text, and the text of prose. In a table without any, it is what they chose.
pub(super) fn mark_said(records: &mut [Record], is_prose: bool) {
    let columns = columns_of(records);
    let of = |is_kind: fn(ColumnKind) -> bool| -> HashSet<String> {
        let found = columns.iter().filter(|c| is_kind(c.kind) && !is_context(&c.name));
        found.map(|column| column.name.clone()).collect()
    };
    let mut said = of(|kind| kind == ColumnKind::FreeText);
    if is_prose {
        said.insert("text".to_owned());
    } else if said.is_empty() {
        said = of(|kind| kind != ColumnKind::Identifier);
    }
    for record in records {
        for span in &mut record.columns {
            let value = &record.text[span.start..span.end];
            span.is_said = said.contains(&*span.name) && !is_no_answer(value);
        }
    }
}

impl Column {
    fn of(name: &str, values: &[&str]) -> Self {
        let distinct = values.iter().collect::<HashSet<_>>().len();
        let filled = values.len();
        Self { name: name.to_owned(), kind: kind_of(name, values, distinct), distinct, filled }
    }
}

fn kind_of(name: &str, values: &[&str], distinct: usize) -> ColumnKind {
    let filled = values.len();
    let share = |holds: fn(&str) -> bool| values.iter().filter(|v| holds(v)).count() * 20 / filled;
    let is_number = |value: &str| number(value).is_some();
    // Values that are nearly all different and single words longer than a number: keys, addresses.
    let unique = filled >= 5 && distinct * 20 >= filled * 19;
    let is_key = |value: &str| value.len() >= 6 && !value.contains(char::is_whitespace);
    if participant_rank(name).is_some()
        || is_id_name(name)
        || normalise(name) == "id"
        || share(is_time_stamp) >= 19
        || share(is_address) >= 19
        || unique && share(is_key) == 20 && share(is_number) < 19
    {
        return ColumnKind::Identifier;
    }
    if share(is_number) >= 19 {
        return ColumnKind::Numeric;
    }
    let answers: Vec<&str> = values.iter().copied().filter(|value| !is_no_answer(value)).collect();
    let distinct = answers.iter().collect::<HashSet<_>>().len();
    if !answers.is_empty() && is_free(&answers, distinct) && !are_lists(&answers) {
        ColumnKind::FreeText
    } else {
        ColumnKind::Categorical
    }
}

/// A finite number as tables hold it, in either way of writing its decimals, perhaps of a currency or
/// per cent: `3.5`, `3,5`, `1.234,50 €`, `12,500`. `inf` and `NaN` are words in a table.
pub(crate) fn number(value: &str) -> Option<f64> {
    let value = value.trim().trim_matches(['€', '$', '£', '¥', '%', ' ', '\u{A0}']);
    let plain = match (value.rfind(','), value.rfind('.')) {
        (Some(comma), point) if point.is_none_or(|point| point < comma) => {
            let is_thousand =
                point.is_none() && value.len() - comma == 4 && !value.starts_with(['0', ',']);
            let whole = value[..comma].replace(['.', ','], "");
            format!("{whole}{}{}", if is_thousand { "" } else { "." }, &value[comma + 1..])
        }
        (Some(_), _) => value.replace(',', ""),
        _ => value.to_owned(),
    };
    let is_number = plain.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain.parse::<f64>().ok().filter(|number| is_number && number.is_finite())
}

/// Words of an answer that is a sentence, and of one that is a phrase.
const SENTENCE: usize = 4;
const PHRASE: usize = 2;
/// Phrases, and sentences among other answers, that nobody could have chosen from a list.
const MANY_PHRASES: usize = 30;
const MANY_SENTENCES: usize = 12;

/// Whether the values are answers in somebody's own words: sentences that mostly differ, some at least
/// among many who had nothing to say, or very many phrases.
fn is_free(values: &[&str], distinct: usize) -> bool {
    let filled = values.len();
    let words: Vec<usize> = values.iter().map(|value| spoken_words(value)).collect();
    let all: usize = words.iter().sum();
    if all >= filled * SENTENCE && distinct * 2 > filled {
        return true;
    }
    let lower = |value: &&&str| value.split_whitespace().any(|w| w.starts_with(char::is_lowercase));
    if distinct > MANY_PHRASES && all >= filled * PHRASE && distinct * 4 > filled * 3 {
        // `Anna Schmidt` is two words, but nothing that anybody says.
        let has_case = values.iter().any(|value| value.chars().any(char::is_lowercase));
        return !has_case || values.iter().filter(lower).count() * 2 > filled;
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (value, _) in values.iter().zip(&words).filter(|(_, words)| **words >= SENTENCE) {
        *times.entry(value).or_default() += 1;
    }
    let once = times.values().filter(|times| **times == 1).count();
    once > MANY_SENTENCES && once * 10 >= filled && once * 2 >= times.len()
}

/// Words that somebody may have said: no numbers, codes and addresses. A word of a script without
/// spaces is about two and a half signs.
fn spoken_words(value: &str) -> usize {
    let of = |token: &str| {
        let signs = token.chars().filter(|c| is_unspaced(*c)).count();
        let is_word = token.contains(char::is_alphabetic)
            && !token.contains(|c: char| c.is_ascii_digit() || "@_<>{}=\\".contains(c))
            && !token.contains("://");
        if signs > 0 { signs * 2 / 5 } else { usize::from(is_word) }
    };
    value.split_whitespace().map(of).sum()
}

/// Whether the values are lists of a few labels: `pricing; trust`, `trust; pricing; speed`.
fn are_lists(values: &[&str]) -> bool {
    const LEAST: usize = 20;
    const USES: usize = 4;
    let pieces = || {
        let pieces = values.iter().flat_map(|value| value.split([',', ';', '|', '\n']));
        pieces.map(str::trim).filter(|piece| !piece.is_empty())
    };
    let count = pieces().count();
    count >= LEAST.max(values.len()) && pieces().collect::<HashSet<_>>().len() * USES <= count
}

/// Whether a value is a date, an address or no answer: nothing to make a statement of.
pub(super) fn tells_nothing(value: &str) -> bool {
    is_time_stamp(value) || is_address(value) || is_no_answer(value)
}

/// `ana@example.org`, `https://example.org/7`.
fn is_address(value: &str) -> bool {
    let is_mail = |value: &str| {
        value.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
    };
    !value.contains(char::is_whitespace) && (is_mail(value) || value.contains("://"))
}

/// `2024-05-01 10:22:31`, `1/5/24 10:22`, with or without a zone.
fn is_time_stamp(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let marks = value.bytes().filter(|b| b"-/:.".contains(b)).count();
    value.starts_with(|c: char| c.is_ascii_digit())
        && digits >= 5
        && marks >= 2
        && value.bytes().all(|b| b.is_ascii_digit() || b"-/:. +TZAPM".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::{ColumnSpan, SourceFile};
    use super::*;

    /// A corpus of one table with one column of these values.
    fn corpus(name: &str, values: &[&str]) -> Corpus {
        let record = |(i, value): (usize, &&str)| {
            let start = name.len() + 2;
            let span = ColumnSpan::new(name, start..start + value.len());
            Record {
                id: RecordId::new(1, i),
                file: 1,
                sheet: None,
                row: i + 1,
                participant: None,
                text: format!("{name}: {value}"),
                columns: vec![span],
            }
        };
        let file = SourceFile {
            number: 1,
            name: "a.csv".into(),
            path: "a.csv".into(),
            format: "csv".into(),
            encoding: "UTF-8".into(),
            sha256: String::new(),
        };
        Corpus {
            files: vec![file],
            records: values.iter().enumerate().map(record).collect(),
            ..Corpus::default()
        }
    }

    fn kind(name: &str, values: &[&str]) -> ColumnKind {
        corpus(name, values).columns()[0].kind
    }

    #[test]
    fn kinds_follow_names_and_values() {
        use ColumnKind::{Categorical, FreeText, Identifier, Numeric};
        let said = "The lifts are slow and nobody tells us why";
        let answers = [said, "I print the list every single morning", "We call the ward by phone"];
        assert_eq!(kind("answer", &answers), FreeText);
        assert_eq!(kind("would you?", &[said, said, said, said]), Categorical);
        assert_eq!(kind("age", &["31", "44", "29", "61", "35"]), Numeric);
        assert_eq!(kind("Age", &["30-44", "18-29", "30-44", "> 60"]), Categorical);
        assert_eq!(kind("RespondentID", &["3237565956", "3234982343"]), Identifier);
        assert_eq!(kind("when", &["2024-05-01 10:22:31", "2024-05-02T09:00:00Z"]), Identifier);
        let keys = ["ab12cd9", "ff34aa0", "9982cde", "a0a0a0b", "77ea1c2"];
        assert_eq!(kind("token", &keys), Identifier);
        let mails = ["ana@example.org", "bo@example.org", "ana@example.org"];
        assert_eq!(kind("contact", &mails), Identifier);
        assert_eq!(kind("paid", &["yes", "no"]), Categorical);
        let mostly: Vec<&str> =
            ["none", "N/A", "-", "no"].into_iter().cycle().take(40).chain(answers).collect();
        assert_eq!(kind("comment", &mostly), FreeText);
    }

    #[test]
    fn a_record_says_what_is_said_in_it_else_what_tells_something() {
        let span = |at: usize, name: &str, text: &str| ColumnSpan {
            is_said: at == 1,
            ..ColumnSpan::new(name, text.len()..text.len())
        };
        let record = |cells: &[(&str, &str, bool)]| {
            let mut record = corpus("x", &["y"]).records.remove(0);
            (record.text, record.columns) = (String::new(), Vec::new());
            for (name, value, is_said) in cells {
                record.text += name;
                record.text += ": ";
                let mut span = span(usize::from(*is_said), name, &record.text);
                record.text += value;
                span.end = record.text.len();
                record.text.push('\n');
                record.columns.push(span);
            }
            record
        };
        let said = |record: &Record| -> Vec<String> {
            record.said_in(0..record.text.len()).map(|(_, cell)| cell.to_owned()).collect()
        };
        let answered = record(&[("seen", "2025-01-18", false), ("why", "It was late.", true)]);
        assert_eq!(said(&answered), ["It was late."]);
        let silent =
            record(&[("seen", "2025-01-18", false), ("plan", "Full", false), ("b", "n/a", false)]);
        assert_eq!(said(&silent), ["Full"]);
        let dates = record(&[("seen", "2025-01-18", false)]);
        assert_eq!(said(&dates), ["2025-01-18"]);
        assert!(answered.speaks() && !silent.speaks());
    }

    #[test]
    fn numbers_are_read_in_either_way_of_writing_them() {
        for (text, value) in [
            ("3.5", 3.5),
            ("3,5", 3.5),
            ("-2", -2.0),
            ("1.234,50 €", 1234.5),
            ("£1,234.50", 1234.5),
            ("12,500", 12_500.0),
            ("0,125", 0.125),
            ("40 %", 40.0),
        ] {
            assert!((number(text).unwrap() - value).abs() < 1e-9, "{text}");
        }
        for text in ["", "NaN", "inf", "1,2,3x", "5 to 7", "P3", ",", "12:30"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_found_again_and_a_strange_one_is_not() {
        let corpus = corpus("a", &["x", "y", "z"]);
        assert_eq!(corpus.get(&RecordId::new(1, 2)).unwrap().text, "a: z");
        for id in ["f1#3", "f2#0", "f1#-1", "f1#02", "x", "f1#18446744073709551615", "f#"] {
            assert_eq!(corpus.get(&RecordId(id.to_owned())), None, "{id}");
        }
    }

    #[test]
    fn rows_without_a_name_are_a_participant_each_and_prose_is_one() {
        let mut corpus = corpus("a", &["x", "y", "z"]);
        assert_eq!(corpus.participants(), 3);
        corpus.records[0].participant = Some("P1".to_owned());
        corpus.records[2].participant = Some("P1".to_owned());
        assert_eq!(corpus.participants(), 2);
        corpus.files[0].format = "text".to_owned();
        corpus.records[2].participant = None;
        assert_eq!(corpus.participant_key(&corpus.records[0]), "f1:P1");
        assert_eq!(corpus.participants(), 2);
    }

    #[test]
    fn questions_and_ids_are_not_quotable_words() {
        for name in [
            "question",
            "Participant ID",
            "order_id",
            "orderId",
            "Section",
            "RespondentID",
            "Frage",
            "Teilnehmerin",
            "Teilnehmer-Nr.",
            "Participante",
            "участник",
        ] {
            assert!(is_context(name), "{name}");
        }
        for name in ["answer", "paid", "covid", "What is your role?", "id card?", "id"] {
            assert_eq!(is_context(name), name == "id", "{name}");
        }
    }
}
