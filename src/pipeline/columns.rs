//! The columns of a corpus with one value for each person.
//!
//! Owns which of them describe people (`role`, `age`) and which are closed questions (`Do you
//! smoke?`). How values become facts is decided in [`super::facts`], what a segment answers in
//! [`super::answers`]. Columns that name a person, or whose values differ within one participant
//! (free answers, dates), count as neither.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::handling::is_about_handling;
use super::segments::speaker;
use crate::corpus::{
    ColumnKind, Corpus, is_blank, is_context, is_moment, is_path, number, tells_role, tells_who,
};
use crate::prompts::passages::{MIN_WORDS, words};

/// Most words of a value for it to count as a category.
const SHORT: usize = 4;
/// Most different categories of a column.
const CATEGORIES: usize = 24;
/// Values longer than [`SHORT`] also count as categories, as the options of a question do, where at
/// most this many differ and each is given on average at least `OPTION_REPEATS` times.
const OPTIONS: usize = 12;
const OPTION_REPEATS: usize = 4;
/// Longest question that may stand among the facts, in characters.
const LONG_NAME: usize = 90;

/// A column with one value for each person.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    name: String,
    numeric: bool,
    /// Speaker to value.
    values: BTreeMap<String, String>,
}

impl Column {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn is_constant(&self) -> bool {
        let mut values = self.values.values();
        let first = values.next();
        self.values.len() > 1 && values.all(|value| Some(value) == first)
    }
}

/// What the columns of a corpus say about people.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Columns that describe people: first who they are, then the others, in order of appearance.
    pub(super) describing: Vec<Column>,
    /// Columns in which people answer a question by one of its options.
    pub(super) questions: Vec<Column>,
    /// Whether the study is closed: only a few people say anything in words of their own.
    pub(super) closed: bool,
}

impl Columns {
    /// Sorts the columns of a corpus into descriptions and questions. Without free text to tell
    /// what people do and think, every column that is not plainly about who they are is taken for a
    /// question.
    pub(super) fn of(corpus: &Corpus) -> Self {
        let closed = is_closed(corpus);
        let is_question =
            |column: &Column| !tells_who(&column.name) && (closed || asks(&column.name));
        let (questions, mut describing): (Vec<_>, Vec<_>) =
            columns(corpus).into_iter().partition(is_question);
        // A value shared by everyone is worth a fact only where it is about who they are.
        describing.retain(|column| {
            tells_who(&column.name) && !is_kind(&column.name) || !column.is_constant()
        });
        describing.sort_by_key(|column| !tells_who(&column.name));
        let questions: Vec<Column> = questions.into_iter().filter(has_options).collect();
        // In a study with free text, ticked answers describe people.
        let short =
            |column: &&Column| column.name.chars().count() <= LONG_NAME && !column.is_constant();
        if !closed {
            describing.extend(questions.iter().filter(short).cloned());
        }
        Self { describing, questions, closed }
    }
}

/// Whether fewer than a quarter of the records have a cell of free text worth quoting: of those who
/// write more, personas can be made.
fn is_closed(corpus: &Corpus) -> bool {
    let kinds: BTreeMap<String, ColumnKind> =
        corpus.columns().into_iter().map(|column| (column.name, column.kind)).collect();
    if kinds.is_empty() {
        return false;
    }
    let speaks = |record: &&crate::corpus::Record| {
        record.columns.is_empty()
            || record.columns.iter().any(|span| {
                kinds.get(&*span.name) == Some(&ColumnKind::FreeText)
                    && words(&record.text[span.start..span.end]).nth(MIN_WORDS - 1).is_some()
            })
    };
    corpus.records.iter().filter(speaks).count() * 4 < corpus.records.len()
}

/// Whether a column's name is a question.
pub(super) fn asks(name: &str) -> bool {
    const OPENING: &[&str] = &[
        "how", "what", "which", "why", "when", "where", "who", "do", "does", "did", "have", "has",
        "are", "is", "would", "will", "can", "could", "should",
    ];
    let name = name.replace(['_', '-'], " ");
    let all: Vec<String> = words(&name).collect();
    if is_path(&name) {
        return false;
    }
    name.contains(['?', '？', '؟'])
        || all.len() > 5
        || all.len() > 2 && OPENING.contains(&all[0].as_str())
}

/// Whether a column's name may also be that of a kind or state of the record (`type`, `team`):
/// where the value is the same for everyone, it says nothing about the people.
fn is_kind(name: &str) -> bool {
    const KINDS: [&str; 5] = ["type", "state", "group", "location", "team"];
    let name = name.to_lowercase();
    KINDS.iter().any(|kind| name.ends_with(kind))
}

/// Whether the column's values are options that people chose from: not numeric, or few numbers.
fn has_options(column: &Column) -> bool {
    let distinct: BTreeSet<&String> = column.values.values().collect();
    !column.numeric || distinct.len() < OPTIONS
}

/// The columns with one value for each person, in order of their first appearance.
fn columns(corpus: &Corpus) -> Vec<Column> {
    let mut order: Vec<&str> = Vec::new();
    let mut said: BTreeMap<&str, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    for record in &corpus.records {
        let who = speaker(corpus, record);
        for column in &record.columns {
            let value = record.text[column.start..column.end].trim();
            if record.participant.as_deref() == Some(value) || is_blank(value) {
                continue;
            }
            if !said.contains_key(&*column.name) {
                order.push(&column.name);
            }
            let by_speaker = said.entry(&column.name).or_default();
            by_speaker.entry(who.clone()).or_default().insert(value);
        }
    }
    let column = |name: &str| column(name, &said[name]);
    order.into_iter().filter_map(column).collect()
}

fn column<'c>(name: &str, said: &BTreeMap<String, BTreeSet<&'c str>>) -> Option<Column> {
    let is_fact = !names_a_person(name) && !is_context(name) && !is_about_handling(name);
    let spellings = Spellings::of(said.values().flatten().copied());
    let written = |values: &BTreeSet<&'c str>| -> BTreeSet<&'c str> {
        values.iter().map(|value| spellings.most_used(value)).collect()
    };
    let values: Vec<(&String, BTreeSet<&str>)> =
        said.iter().map(|(who, values)| (who, written(values))).collect();
    let clashing = values.iter().filter(|(_, values)| values.len() > 1).count();
    if !is_fact || !is_of_people(name, clashing, values.len()) {
        return None;
    }
    let of_one = values.into_iter().filter(|(_, values)| values.len() == 1);
    let values: BTreeMap<String, String> = of_one
        .filter_map(|(who, values)| Some((who.clone(), (*values.first()?).to_owned())))
        .collect();
    let distinct: BTreeSet<&str> = values.values().map(String::as_str).collect();
    let numeric = values.values().all(|value| number(value).is_some());
    if values.is_empty() || names_a_time(name, numeric) {
        return None;
    }
    let are_moments = !asks(name) && values.values().all(|value| is_moment(value));
    if are_moments || numeric && values.values().all(|value| is_instant(value)) {
        return None;
    }
    let short = values.values().all(|value| value.split_whitespace().count() <= SHORT);
    // A column with as many values as people holds names, addresses or free answers, unless its name
    // says that it is about who they are.
    let repeats = tells_who(name)
        || distinct.len() <= CATEGORIES && (distinct.len() < values.len() || values.len() == 1);
    let options = distinct.len() <= OPTIONS && distinct.len() * OPTION_REPEATS <= values.len();
    (numeric || (short && repeats) || options).then(|| Column {
        name: name.to_owned(),
        numeric,
        values,
    })
}

/// Whether a number is a point in time: seconds or milliseconds since 1970, within this century.
fn is_instant(value: &str) -> bool {
    let digits = value.split('.').next().unwrap_or_default();
    let seconds = digits.parse::<u64>().map(|n| if n > 100_000_000_000 { n / 1000 } else { n });
    seconds.is_ok_and(|seconds| (946_684_800..4_102_444_800).contains(&seconds))
}

/// Most words of a name that is read as a label; in a longer one, such a word is what is asked about.
const LABEL: usize = 5;

/// Whether a label says that its column names people, or tells where to find them: `full_name`,
/// `Phone`, `participant no`, but not `user_type` or `Number of children`.
fn names_a_person(column: &str) -> bool {
    const NAMING: &str = "\
        id uuid name email mail address street url ip token username surname postcode zip latitude longitude \
        vorname nachname familienname adresse anschrift straße plz postleitzahl telefonnummer handynummer \
        nombre apellido apellidos correo dirección teléfono \
        nom prénom prenom courriel téléphone nome sobrenome cognome endereço indirizzo \
        naam voornaam achternaam namn förnamn efternamn navn fornavn etternavn nimi etunimi sukunimi \
        imię nazwisko jméno příjmení имя фамилия телефон адрес soyad adres 氏名 お名前 姓名 이름";
    const LAST: &str = "\
        phone tel telephone mobile date timestamp created started submitted key participant respondent user no nr \
        number index row telefon handy";
    const OF: &str = "of de du des del di da do der von van";
    if asks(column) {
        return false;
    }
    // What stands in brackets says how to answer: `Owns a car (yes/no)`.
    let label = column.split(['(', '[']).next().unwrap_or(column);
    let parts: Vec<String> = label
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    let is_among = |words: &str, part: &String| words.split(' ').any(|word| word == part);
    let is_of = |at: usize| at > 0 && is_among(OF, &parts[at - 1]);
    let last = parts.len().checked_sub(1);
    parts.len() <= LABEL
        && (parts.iter().any(|part| is_among(NAMING, part))
            || last.is_some_and(|last| is_among(LAST, &parts[last]) && !is_of(last))
            || parts.first().is_some_and(|first| first == "date"))
}

/// Whether a label speaks of a time of day, or, where its values are numbers, of how long something
/// takes: `Commute time (min)`.
fn names_a_time(column: &str, is_numeric: bool) -> bool {
    let parts = column.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(str::to_lowercase).collect();
    !asks(column) && parts.iter().any(|part| part == "time") && (!is_numeric || parts.len() == 1)
}

/// Of every this many people, at most one may have two values in a column that is about people, and
/// in one that says so by its name.
const ONE_CLASHING_OF: usize = 10;
const ONE_CLASHING_OF_WHO: usize = 2;

/// Whether a column with these many people, of whom some have several values, is about people all the
/// same. Then nothing is known of those only.
pub(super) fn is_of_people(name: &str, clashing: usize, people: usize) -> bool {
    let one_of = if tells_who(name) { ONE_CLASHING_OF_WHO } else { ONE_CLASHING_OF };
    clashing * one_of <= people
}

/// How the values of a column are most often written: `Nurse` for `nurse` and `NURSE`, too.
#[derive(Debug, Default)]
pub(super) struct Spellings<'v>(HashMap<String, &'v str>);

impl<'v> Spellings<'v> {
    pub(super) fn of(values: impl Iterator<Item = &'v str>) -> Self {
        let mut forms: HashMap<String, Vec<(&str, usize)>> = HashMap::new();
        for value in values {
            let forms = forms.entry(folded(value)).or_default();
            match forms.iter_mut().find(|(form, _)| *form == value) {
                Some((_, count)) => *count += 1,
                None => forms.push((value, 1)),
            }
        }
        let most = |forms: Vec<(&'v str, usize)>| {
            let most =
                forms.into_iter().reduce(|best, one| if one.1 > best.1 { one } else { best });
            most.map(|(form, _)| form)
        };
        let several = forms.into_iter().filter(|(_, forms)| forms.len() > 1);
        Self(several.filter_map(|(value, forms)| Some((value, most(forms)?))).collect())
    }

    /// The form in which a value is most often written; the first among equals.
    pub(super) fn most_used(&self, value: &'v str) -> &'v str {
        if self.0.is_empty() { value } else { self.0.get(&folded(value)).copied().unwrap_or(value) }
    }
}

/// A value in small letters with single spaces.
fn folded(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// What at least half of the speakers are, by the first column that tells people's kind.
pub(super) fn role(columns: &[Column], speakers: &BTreeSet<String>) -> Option<String> {
    let column = columns.iter().find(|column| !column.numeric && tells_role(&column.name))?;
    let values: Vec<&str> =
        speakers.iter().filter_map(|who| column.values.get(who)).map(String::as_str).collect();
    let ranked = ranked(&values);
    let (value, count) = *ranked.first()?;
    // Of two who differ, neither stands for both.
    let is_alone = ranked.get(1).is_none_or(|(_, next)| *next < count);
    (is_alone && count * 2 >= values.len()).then(|| value.to_owned())
}

/// Values with how often they occur, most frequent first.
fn ranked<'v>(values: &[&'v str]) -> Vec<(&'v str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut ranked: Vec<(&str, usize)> = counts.into_iter().collect();
    ranked.sort_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{ColumnSpan, Record};
    use crate::schema::RecordId;

    fn corpus(header: &[&str], rows: &[&[&str]]) -> Corpus {
        let record = |(index, row): (usize, &&[&str])| {
            let mut text = String::new();
            let mut columns = Vec::new();
            for (name, value) in header.iter().zip(*row) {
                text += name;
                text += ": ";
                let start = text.len();
                text += value;
                columns.push(ColumnSpan::new(*name, start..text.len()));
                text.push('\n');
            }
            Record {
                id: RecordId::new(1, index),
                file: 1,
                sheet: None,
                row: index + 1,
                participant: Some(row[0].to_owned()),
                text,
                columns,
            }
        };
        Corpus { records: rows.iter().enumerate().map(record).collect(), ..Corpus::default() }
    }

    fn described(header: &[&str], rows: &[&[&str]]) -> Vec<String> {
        let columns = Columns::of(&corpus(header, rows));
        columns.describing.into_iter().map(|column| column.name).collect()
    }

    #[test]
    fn a_person_counts_once_however_many_records_they_have() {
        let header = ["who", "role", "answer"];
        let rows: [&[&str]; 5] = [
            &["a", "nurse", "one"],
            &["a", "nurse", "two"],
            &["a", "nurse", "three"],
            &["b", "doctor", "four"],
            &["c", "doctor", "five"],
        ];
        assert_eq!(described(&header, &rows), ["role"]);
        let corpus = corpus(&header, &rows);
        let all = corpus.records.iter().map(|record| speaker(&corpus, record)).collect();
        let found = role(&Columns::of(&corpus).describing, &all);
        assert_eq!(found.as_deref(), Some("doctor"));
    }

    #[test]
    fn what_names_a_person_is_never_a_fact() {
        let header = ["who", "full_name", "E-Mail", "city"];
        let rows: [&[&str]; 3] =
            [&["a", "Ann", "x", "Leeds"], &["b", "Ann", "x", "York"], &["c", "Ann", "x", "Hull"]];
        assert_eq!(described(&header, &rows), ["city"], "who somebody is may be told of each");
        let rows: [&[&str]; 2] = [&["a", "Ann", "x", "Leeds"], &["b", "Bo", "x", "York"]];
        for name in ["Nachname", "What's your first name?", "phone number", "participant no", "zip"]
        {
            assert!(described(&["who", name], &rows).is_empty(), "{name}");
        }
    }

    #[test]
    fn facts_are_found_under_labels_and_questions_alike() {
        let header = [
            "who",
            "How old are you?",
            "user_type",
            "Owns a car (yes/no)",
            "Commute time (min)",
            "Number of children",
            "Do you have a mobile phone?",
            "start time",
            "Beruf",
            "at",
        ];
        let rows: [&[&str]; 4] = [
            &[
                "a",
                "31",
                "retiree",
                "yes",
                "20",
                "2",
                "No",
                "10:15",
                "Lehrer",
                "2024-02-01 10:00:00",
            ],
            &[
                "b",
                "22",
                "commuter",
                "no",
                "45",
                "1",
                "Yes",
                "10:15",
                "Koch",
                "2024-02-01 10:00:00",
            ],
            &[
                "c",
                "70",
                "retiree",
                "yes",
                "20",
                "0",
                "No",
                "11:15",
                "Monteur",
                "2024-02-02 10:00:00",
            ],
            &[
                "d",
                "44",
                "commuter",
                "no",
                "30",
                "0",
                "Yes",
                "11:15",
                "Rentner",
                "2024-02-02 10:00:00",
            ],
        ];
        let columns = Columns::of(&corpus(&header, &rows));
        let all = columns.describing.iter().chain(&columns.questions);
        let all: BTreeSet<&str> = all.map(|column| column.name.as_str()).collect();
        for name in header.iter().filter(|name| !["who", "start time", "at"].contains(*name)) {
            assert!(all.contains(name), "{name}");
        }
        assert!(!all.contains("start time") && !all.contains("at"));
    }

    #[test]
    fn who_contradicts_themselves_loses_only_their_own_fact() {
        let header = ["who", "age", "tool"];
        let rows: [&[&str]; 5] = [
            &["a", "34", "pen"],
            &["a", "35", "ink"],
            &["b", "22", "pen"],
            &["c", "70", "pen"],
            &["d", "44", "ink"],
        ];
        let columns = Columns::of(&corpus(&header, &rows));
        let all: Vec<_> = columns.describing.iter().chain(&columns.questions).collect();
        let names: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["age"], "a quarter changes the tool");
        assert_eq!(all[0].values.keys().collect::<Vec<_>>(), ["f1:b", "f1:c", "f1:d"]);
    }

    #[test]
    fn of_two_people_neither_gives_both_their_role() {
        let header = ["who", "Beruf", "answer"];
        let rows: [&[&str]; 3] =
            [&["a", "Koch", "one"], &["b", "Lehrer", "two"], &["c", "koch", "three"]];
        let corpus = corpus(&header, &rows);
        let columns = Columns::of(&corpus).describing;
        let role = |who: &[usize]| {
            let all = who.iter().map(|at| speaker(&corpus, &corpus.records[*at])).collect();
            role(&columns, &all)
        };
        assert_eq!(role(&[0, 1]), None);
        assert_eq!(role(&[1]).as_deref(), Some("Lehrer"));
        assert_eq!(role(&[0, 1, 2]).as_deref(), Some("Koch"), "case does not part them");
    }

    #[test]
    fn leave_to_do_something_is_neither_a_fact_nor_an_answer() {
        let header = ["who", "May we contact you?", "Do you use it daily?", "What is missing?"];
        let rows: [&[&str]; 3] = [
            &["a", "No", "Yes", "I would like a chair to sit on."],
            &["b", "Yes", "No", "There is never anyone to ask."],
            &["c", "No", "No", "The door is far too heavy for me."],
        ];
        let columns = Columns::of(&corpus(&header, &rows));
        let names: Vec<_> = columns.questions.iter().map(|column| column.name.as_str()).collect();
        assert!(names.contains(&"Do you use it daily?"), "{names:?}");
        assert!(!names.contains(&"May we contact you?"), "{names:?}");
    }

    #[test]
    fn a_study_in_which_a_quarter_speaks_is_not_closed() {
        let said =
            ["I forget what I said", "My diary is all I trust", "The family wants to see it"];
        for (speaking, closed) in [(3, false), (2, true)] {
            let why = |at: usize| if at < speaking { said[at] } else { "" };
            let rows: Vec<[&str; 2]> = (0..10).map(|at| [["a", "b"][at % 2], why(at)]).collect();
            let rows: Vec<&[&str]> = rows.iter().map(<[&str; 2]>::as_slice).collect();
            assert_eq!(Columns::of(&corpus(&["score", "why"], &rows)).closed, closed);
        }
    }

    #[test]
    fn who_people_are_is_no_answer_of_a_closed_study() {
        let header = ["who", "Age", "Do you ever gamble?", "Do you eat steak?", "likes"];
        let rows: [&[&str]; 4] = [
            &["a", "18-29", "Yes", "Yes", "rare"],
            &["b", "18-29", "Yes", "Yes", "rare"],
            &["c", "30-44", "No", "Yes", "rare"],
            &["d", "30-44", "No", "Yes", "well"],
        ];
        let columns = Columns::of(&corpus(&header, &rows));
        assert!(columns.closed);
        let names = |of: &[Column]| of.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            names(&columns.questions),
            ["Do you ever gamble?", "Do you eat steak?", "likes"]
        );
        assert_eq!(names(&columns.describing), ["Age"]);
    }

    #[test]
    fn where_people_speak_for_themselves_what_they_ticked_describes_them() {
        let header = ["who", "tool", "How often do you plan?", "why"];
        let rows: [&[&str]; 4] = [
            &["a", "phone", "daily", "I forget what I said an hour ago"],
            &["b", "phone", "weekly", "My diary is the only thing I trust"],
            &["c", "paper", "daily", "The family wants to see where I am"],
            &["d", "paper", "daily", "I was late for a funeral once, never again"],
        ];
        let columns = Columns::of(&corpus(&header, &rows));
        assert!(!columns.closed);
        let names = |of: &[Column]| of.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&columns.questions), ["How often do you plan?"]);
        assert_eq!(names(&columns.describing), ["tool", "How often do you plan?"]);
    }
}
