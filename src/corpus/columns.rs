//! The columns of a corpus: which hold ids, numbers, choices or free text, and so which cells hold
//! participants' own words.
//!
//! Owns the kinds of columns and the marks on cells. What names and values say is decided in
//! `names` and `values`. Changes no word of a record. Nearly half of its length is tests.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::schema::RecordId;

use super::dates::is_time_stamp;
use super::findings::Findings;
use super::names::{WHOSE_FILE, is_context, is_id_name, normalise, participant_rank};
use super::notes::narration;
use super::notes::quoted;
use super::open_questions::asks_openly;
use super::tables::staff;
use super::told;
use super::values::{
    are_lists, are_nearly_all, is_address, is_free, is_no_answer, number, sentence_like,
    spoken_words, tells_nothing,
};
use super::who::tells_who;
use super::{ColumnSpan, Corpus, Record, is_prose};

/// A column over the whole corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Number of different values.
    pub distinct: usize,
    /// Number of records that have a value.
    pub filled: usize,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Values that tell rows or participants apart and say nothing else: ids, time stamps,
    /// addresses.
    Identifier,
    /// Numbers.
    Numeric,
    /// Few values that come back, or short ones.
    Categorical,
    /// Sentences.
    FreeText,
}

impl Corpus {
    /// The record with this id.
    pub fn get(&self, id: &RecordId) -> Option<&Record> {
        self.records.get(self.index_of(id)?)
    }

    /// The index in `records` of the record with this id.
    pub fn index_of(&self, id: &RecordId) -> Option<usize> {
        let (file, index) = id.as_str().strip_prefix('f')?.split_once('#')?;
        let (file, index): (usize, usize) = (file.parse().ok()?, index.parse().ok()?);
        let first = self.records.partition_point(|record| record.file < file);
        let at = first.checked_add(index)?;
        self.records.get(at).is_some_and(|record| record.id == *id).then_some(at)
    }

    /// A key that is the same for all records of a participant. A table's participant column, the
    /// sender of a message and a note that names its participant at its head mean the same person
    /// in every file; a speaker label (`Participant`, `Ana`) only in its own, unless other files are
    /// known to mean the same by it, which its records then say. Without any of these, each table row
    /// is a participant of its own, and all prose of a file is by one.
    pub fn participant_key(&self, record: &Record) -> String {
        let source = record.file.checked_sub(1).and_then(|index| self.files.get(index));
        let says_who = || record.columns.iter().any(|column| &*column.name == WHOSE_FILE);
        let is_table = source.is_some_and(|file| {
            !is_prose(&file.format)
                || file.format == "mail"
                || record.participant.is_some() && says_who()
        });
        match (&record.participant, is_table) {
            (Some(name), true) => name.clone(),
            (Some(name), false) => format!("f{}:{name}", record.file),
            (None, true) => record.id.to_string(),
            (None, false) => format!("f{}", record.file),
        }
    }

    /// Number of different participants. In prose that names some, text without a speaker is nobody
    /// who could be counted.
    pub fn participants(&self) -> usize {
        let named = self.records.iter().filter(|r| r.participant.is_some());
        let named: HashSet<usize> = named.map(|r| r.file).collect();
        let counts =
            |r: &&Record| r.participant.is_some() || !named.contains(&r.file) || !self.is_prose(r);
        let counted = self.records.iter().filter(counts);
        counted.map(|r| self.participant_key(r)).collect::<HashSet<_>>().len()
    }

    /// The files, by number, that hold prose in which nobody is named: nobody knows whose words
    /// these are, or of how many people. Entries below their days are all by whoever keeps the diary.
    pub fn texts_of_nobody(&self) -> HashSet<usize> {
        let is_somebodys = |record: &Record| {
            let has = |name: &str| record.columns.iter().any(|column| &*column.name == name);
            !self.is_prose(record) || record.participant.is_some() || has("date") && has("text")
        };
        let mut texts: HashSet<usize> = self.records.iter().map(|record| record.file).collect();
        for record in self.records.iter().filter(|record| is_somebodys(record)) {
            texts.remove(&record.file);
        }
        texts
    }

    fn is_prose(&self, record: &Record) -> bool {
        let file = record.file.checked_sub(1).and_then(|index| self.files.get(index));
        file.is_some_and(|file| is_prose(&file.format))
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

/// The columns of records, in order of first appearance.
pub(super) fn columns_of(records: &[Record]) -> Vec<Column> {
    #[derive(Default)]
    struct Cells<'r> {
        values: Vec<&'r str>,
        /// How many of them name the participant of their record.
        naming: usize,
    }
    let mut order: Vec<&str> = Vec::new();
    let mut columns: BTreeMap<&str, Cells<'_>> = BTreeMap::new();
    for record in records {
        for span in &record.columns {
            let cells = columns.entry(&span.name).or_insert_with(|| {
                order.push(&span.name);
                Cells::default()
            });
            let value = &record.text[span.start..span.end];
            cells.values.push(value);
            cells.naming += usize::from(record.participant.as_deref() == Some(value));
        }
    }
    let column = |name| {
        let Cells { values, naming } = &columns[name];
        let column = Column::of(name, values);
        let names_all = are_nearly_all(*naming, values.len());
        Column { kind: if names_all { ColumnKind::Identifier } else { column.kind }, ..column }
    };
    order.into_iter().map(column).collect()
}

/// Marks the cells of a file that are in the participants' own words: those of columns that hold
/// free text, and the text of prose, to which the cells beside it are context. A table without free
/// text has its choices marked. What staff wrote about participants is marked as theirs, unless
/// there is nothing else.
pub(super) fn mark_said(records: &mut [Record], is_prose: bool, findings: &mut Findings) {
    let columns = columns_of(records);
    let of = |is_kind: fn(ColumnKind) -> bool| -> HashSet<String> {
        let found = columns.iter().filter(|c| is_kind(c.kind) && !is_context(&c.name));
        found.map(|column| column.name.clone()).collect()
    };
    let mut said = of(|kind| kind == ColumnKind::FreeText);
    if is_prose {
        said.insert("text".to_owned());
    }
    let staffs = mark_staff_columns(records, &columns, &said, findings);
    said.retain(|name| !staffs.contains(name));
    if records.iter().flat_map(|record| &record.columns).any(|c| &*c.name == quoted::WORDS) {
        said.insert(quoted::WORDS.to_owned());
    }
    let has_words = is_prose || !said.is_empty();
    // Prose is said, with or without columns beside it.
    if !is_prose && said.is_empty() {
        said = of(|kind| kind != ColumnKind::Identifier);
    }
    // A column of answers of all kinds, as in an experiment, also holds reaction times and dates.
    let is_word = |value: &str| {
        value.contains(char::is_alphabetic) && number(value).is_none() && !tells_nothing(value)
    };
    for record in records {
        let has_text = is_prose && record.columns.iter().any(|column| &*column.name == "text");
        for span in &mut record.columns {
            if has_text && &*span.name != "text" {
                continue;
            }
            let value = &record.text[span.start..span.end];
            span.is_said = !span.by_staff
                && said.contains(&*span.name)
                && !is_no_answer(value)
                && (!has_words || is_word(value));
        }
    }
}

/// Fewest cells of a column that tell in which person it is written.
const LEAST_CELLS: usize = 3;

/// Whether most cells of a column are about their writer's own life, and not about a participant.
fn is_in_first_person(records: &[Record], column: &str) -> bool {
    let cells = records.iter().flat_map(|record| {
        let own = record.columns.iter().filter(|span| &*span.name == column);
        own.map(|span| &record.text[span.start..span.end])
    });
    let (mut all, mut own) = (0, 0);
    for cell in cells {
        all += 1;
        own += usize::from(told::is_own_account(cell));
    }
    all >= LEAST_CELLS && own * 2 > all
}

/// Marks what staff wrote, where participants' own words stand beside it, and returns the names of
/// the columns that staff wrote.
fn mark_staff_columns(
    records: &mut [Record],
    columns: &[Column],
    said: &HashSet<String>,
    findings: &mut Findings,
) -> HashSet<String> {
    let mut staffs =
        staff::columns(columns.iter().map(|c| (c.name.as_str(), c.kind == ColumnKind::FreeText)));
    staffs.retain(|name| !(staff::may_be_own(name) && is_in_first_person(records, name)));
    let sheets: BTreeSet<&str> = records.iter().filter_map(|r| r.sheet.as_deref()).collect();
    let sheets: HashSet<String> =
        sheets.into_iter().filter(|sheet| staff::is_sheet(sheet)).map(str::to_owned).collect();
    let in_sheet = |record: &Record| record.sheet.as_ref().is_some_and(|s| sheets.contains(s));
    let is_own = |span: &ColumnSpan| said.contains(&*span.name) && !staffs.contains(&*span.name);
    let speaks = |record: &Record| record.columns.is_empty() || record.columns.iter().any(is_own);
    let quotable = columns.iter().map(|column| column.name.as_str());
    let quotable = quotable.filter(|name| said.contains(*name) && staffs.contains(name));
    let quotable: Vec<&str> = quotable.collect();
    let has_words = records.iter().any(|record| !in_sheet(record) && speaks(record));
    let has_quotations =
        !has_words && quoted::add(records, &quotable.iter().copied().map(str::to_owned).collect());
    let quoting = match (has_words, has_quotations) {
        (true, _) => Quoting::Nothing,
        (false, true) => Quoting::Quotations,
        (false, false) => Quoting::All,
    };
    note_staff_columns(&quotable, quoting, findings);
    if quoting == Quoting::All {
        return HashSet::new();
    }
    note_staff_sheets(records, in_sheet, findings);
    for record in &mut *records {
        let in_sheet = in_sheet(record);
        for span in &mut record.columns {
            span.by_staff = in_sheet || staffs.contains(&*span.name);
        }
    }
    staffs.into_iter().map(str::to_owned).collect()
}

/// What is quoted of columns that staff wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// Nothing, since participants' own words stand beside them.
    Nothing,
    /// What stands in them between quotation marks, since nothing else is in anybody's own words.
    Quotations,
    /// All of it, since there are no quotations either.
    All,
}

/// Notes the columns that read like staff's words, and what becomes of them.
fn note_staff_columns(names: &[&str], quoting: Quoting, findings: &mut Findings) {
    for name in names {
        match quoting {
            Quoting::All => findings.name("staff-column-quoted", None, 1, *name, |names| {
                format!(
                    "a column reads like staff's words about participants, and is quoted since \
                     nothing else is in anybody's own words: {names}"
                )
            }),
            // The name is this program's own: there is no column that could be called otherwise.
            _ if *name == narration::NOTES => {}
            Quoting::Quotations => findings.name("staff-column-quotations", None, 1, *name, |names| {
                format!(
                    "of a column that reads like staff's words about participants, only what stands between \
                     quotation marks is quoted: {names}; to have all of it quoted, rename it"
                )
            }),
            Quoting::Nothing => findings.name("staff-column", None, 1, *name, |names| {
                format!(
                    "a column reads like staff's words about participants and is not quoted: {names}; to \
                     have it quoted, rename it"
                )
            }),
        }
    }
}

/// Notes the sheets that hold staff's notes.
fn note_staff_sheets(
    records: &[Record],
    in_sheet: impl Fn(&Record) -> bool,
    findings: &mut Findings,
) {
    for sheet in records.chunk_by(|a, b| a.sheet == b.sheet).filter(|chunk| in_sheet(&chunk[0])) {
        let name = sheet[0].sheet.clone().unwrap_or_default();
        findings.name("staff-sheet", sheet[0].row, sheet.len(), name, |names| {
            format!(
                "a sheet reads like staff's notes about participants and is not quoted: {names}; to \
                 have it quoted, rename it"
            )
        });
    }
}

impl Column {
    fn of(name: &str, values: &[&str]) -> Self {
        let distinct = values.iter().collect::<HashSet<_>>().len();
        let filled = values.len();
        Self { name: name.to_owned(), kind: kind_of(name, values, distinct), distinct, filled }
    }
}

/// Fewest values of a column of keys: fewer may all be different by chance.
const LEAST_KEYS: usize = 5;
/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 6;

fn kind_of(name: &str, values: &[&str], distinct: usize) -> ColumnKind {
    let filled = values.len();
    let mostly = |holds: fn(&str) -> bool| {
        are_nearly_all(values.iter().filter(|value| holds(value)).count(), filled)
    };
    let are_numbers = || mostly(|value| number(value).is_some());
    // In a script without spaces a sentence is as unbroken as a key.
    let is_key = |value: &str| {
        value.len() >= SHORTEST_KEY
            && !value.contains(char::is_whitespace)
            && spoken_words(value) <= 1
    };
    // Values that are nearly all different and single words longer than a number: keys, addresses.
    let are_keys = filled >= LEAST_KEYS
        && are_nearly_all(distinct, filled)
        && values.iter().all(|value| is_key(value));
    if participant_rank(name).is_some()
        || is_id_name(name)
        || normalise(name) == "id"
        || mostly(is_time_stamp)
        || mostly(is_address)
        || are_keys && !are_numbers() && !tells_who(name)
    {
        return ColumnKind::Identifier;
    }
    if are_numbers() {
        return ColumnKind::Numeric;
    }
    let answers: Vec<&str> = values.iter().copied().filter(|value| !is_no_answer(value)).collect();
    let distinct = answers.iter().collect::<HashSet<_>>().len();
    let is_said = || is_free(&answers, distinct) || are_short_answers(name, &answers, distinct);
    if !answers.is_empty() && is_said() && !are_lists(&answers) {
        ColumnKind::FreeText
    } else {
        ColumnKind::Categorical
    }
}

/// Fewest short answers to an open question that show that nobody chose them from a list.
const LEAST_SHORT: usize = 3;
/// Fewest words of such answers, on average.
const SHORT_WORDS: usize = 2;

/// Whether the values are short answers to an open question: nearly all differ, most are of several
/// words, and at least half read like something said.
fn are_short_answers(name: &str, answers: &[&str], distinct: usize) -> bool {
    let words: usize = answers.iter().map(|answer| spoken_words(answer)).sum();
    answers.len() >= LEAST_SHORT
        && distinct * 10 >= answers.len() * 9
        && words >= answers.len() * SHORT_WORDS
        && answers.iter().filter(|answer| sentence_like(answer)).count() * 2 >= answers.len()
        && asks_openly(name)
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::super::rows::Rows;
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
    fn a_text_that_names_nobody_may_be_by_several_people_but_a_diary_is_by_one() {
        let of = |format: &str, names: &[&str]| {
            let mut corpus = corpus("text", &["I wait."]);
            corpus.files[0].format = format.to_owned();
            let columns = names.iter().map(|name| ColumnSpan::new(*name, 0..1));
            corpus.records[0].columns = columns.collect();
            corpus
        };
        let is_nobodys = |corpus: &Corpus| !corpus.texts_of_nobody().is_empty();
        assert!(is_nobodys(&of("text", &[])) && is_nobodys(&of("markdown", &["section", "text"])));
        assert!(!is_nobodys(&of("text", &["date", "text"])), "a diary");
        assert!(!is_nobodys(&of("csv", &["answer"])), "each row is by somebody");
        let mut named = of("text", &[]);
        named.records[0].participant = Some("Ana".to_owned());
        assert!(!is_nobodys(&named));
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
        let unspaced = [
            "地図を印刷して赤鉛筆で尾根をなぞります。",
            "友達が決めるのでついて行くだけです",
            "天気図は自分で引きます。",
            "文字が小さくて読めない。",
            "トイレの場所を必ず先に調べます。",
        ];
        assert_eq!(kind("計画", &unspaced), FreeText);
        let names = ["佐藤さん", "高橋さん", "田中さん", "渡辺さん", "山本さん"];
        assert_eq!(kind("氏名", &names), Identifier);
        let work = ["Krankenpflegerin", "Lehrer", "Studentin", "Monteur", "Rentner", "Köchin"];
        assert_eq!(kind("Beruf", &work), Categorical, "each is somebody's, and no key");
        assert_eq!(kind("Benutzerkonto", &work), Identifier);
        let companies = [
            "株式会社サンプルテクノロジーズ",
            "有限会社やまだファームサービス",
            "北海道ネットワークソリューションズ",
            "東京ロジスティクスパートナーズ",
            "大阪クリエイティブデザイン事務所",
        ];
        assert_eq!(kind("会社名", &companies), Categorical);
        let companies = [
            "北京字节跳动科技有限公司",
            "上海浦东发展银行股份有限公司",
            "中国石油天然气集团有限公司",
            "成都市社会工作者协会",
        ];
        assert_eq!(kind("公司名称", &companies), Categorical);
        let short = [
            "公交车等的时间实在太长了",
            "司机的态度真的不是很好",
            "我觉得晚上的票价有点贵",
            "晚上没有公交车所以打车",
        ];
        assert_eq!(kind("意见", &short), FreeText);
        let filled = ["Dienstag, 5. März 2024 um 14:14 Uhr", "Mittwoch, 6. März 2024 um 9:05 Uhr"];
        assert_eq!(kind("Ausgefüllt am", &filled), Identifier);
        let events = ["Am 5. März 2024 kam der Bus nicht", "Seit dem 6. März 2024 laufe ich"];
        assert_eq!(kind("Was war?", &events), FreeText);
        let mails = ["ana@example.org", "bo@example.org", "ana@example.org"];
        assert_eq!(kind("contact", &mails), Identifier);
        assert_eq!(kind("paid", &["yes", "no"]), Categorical);
        let mostly: Vec<&str> =
            ["none", "N/A", "-", "no"].into_iter().cycle().take(40).chain(answers).collect();
        assert_eq!(kind("comment", &mostly), FreeText);
    }

    #[test]
    fn short_answers_to_an_open_question_are_said_and_names_and_choices_are_not() {
        use ColumnKind::{Categorical, FreeText};
        let liked = [
            "The map.",
            "Nothing really.",
            "It was quick, I liked that.",
            "Clean layout.",
            "I liked the colours.",
            "The photos of the vans",
            "Easy to read",
            "My brother recommended it",
        ];
        let felt = ["I feel like an old man.", "Scared.", "Proud of it.", "It's chaos but mine."];
        let wished = [
            "Spracheingabe",
            "Automatische Erinnerung an das Team",
            "Eine Nachricht pro Tag",
            "Dass es auch im Funkloch geht",
            "Eine Übersicht",
            "Sehen, wann jemand da war",
            "k. A.",
            "Etwas auf dem Handy",
        ];
        let seen =
            ["gave up on map", "used 'near me'", "compared the sites in tabs", "lost interest"];
        assert_eq!(kind("What did you like about the site?", &liked), FreeText);
        assert_eq!(kind("Part 1 - Q2: Describe in one sentence how you feel", &felt), FreeText);
        assert_eq!(kind("Was wünschen Sie sich?", &wished), FreeText);
        assert_eq!(kind("Observer comment", &seen), FreeText);
        for name in ["Which of these did you like?", "Tag", "Job title", "Company"] {
            assert_eq!(kind(name, &liked), Categorical, "{name}");
        }
        let names = ["Anna Schmidt", "Bo de Wit", "Acme Inc.", "Lakeside School", "Leeds, UK"];
        let things = ["Google Docs", "Miro", "Figma", "Paper", "Head of Sales"];
        let chosen = ["Paper notebook", "Phone app", "My meter only", "Other app"];
        for values in [&names[..], &things, &chosen] {
            assert_eq!(kind("What do you use it with?", values), Categorical, "{values:?}");
        }
        let back = [liked[0], liked[3], liked[0], liked[3], liked[5]];
        assert_eq!(kind("What did you like?", &back), Categorical, "chosen from a list");
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
        let replies = record(&[("why", "> Was it late?\nIt was.\n> Why?\nThe bus.", true)]);
        assert_eq!(said(&replies), ["It was.\n", "The bus."]);
        let silent =
            record(&[("seen", "2025-01-18", false), ("plan", "Full", false), ("b", "n/a", false)]);
        assert_eq!(said(&silent), ["Full"]);
        let dates = record(&[("seen", "2025-01-18", false)]);
        assert_eq!(said(&dates), ["2025-01-18"]);
        assert!(answered.speaks() && !silent.speaks());
    }

    #[test]
    fn what_staff_wrote_is_quoted_only_where_there_is_nothing_else() {
        let own =
            ["The lifts are slow here", "I print the list every day", "We call them by phone"];
        let theirs = ["Sorry to hear that, Ana", "Told her to wait a bit", "Sent him the new form"];
        let marked = |names: [&str; 2], sheet: Option<&str>| {
            let mut rows = Rows::new(1);
            for (a, b) in own.iter().zip(theirs) {
                rows.sheet = None;
                rows.push_cells(1, None, [(names[0], *a)]).unwrap();
                rows.sheet = sheet.map(str::to_owned);
                rows.push_cells(1, None, [(names[1], b)]).unwrap();
            }
            let mut findings = Findings::default();
            mark_said(&mut rows.records, false, &mut findings);
            let said = |record: &Record| -> Vec<String> {
                let cells = record.said_in(0..record.text.len());
                cells.map(|(_, cell)| cell.to_owned()).collect()
            };
            let kinds: Vec<String> =
                findings.kinds().iter().map(|(kind, ..)| (*kind).to_owned()).collect();
            (said(&rows.records[0]).len(), said(&rows.records[1]).len(), kinds.join(" "))
        };
        let told = |kind: &str, said: usize| (1, said, kind.to_owned());
        assert_eq!(marked(["answer", "staff comment"], None), told("staff-column", 0));
        assert_eq!(marked(["agent reply", "staff comment"], None), told("staff-column-quoted", 1));
        assert_eq!(marked(["answer", "what"], Some("Clip notes")), told("staff-sheet", 0));
        assert_eq!(marked(["answer", "what"], Some("Diary")), told("", 1));
    }

    #[test]
    fn of_staffs_notes_only_what_they_quote_is_the_participants() {
        let said = |notes: [&str; 4]| -> Vec<String> {
            let mut rows = Rows::new(1);
            for (at, note) in notes.into_iter().enumerate() {
                let id = format!("CL-{at}");
                rows.push_cells(at, None, [("call_id", id.as_str()), ("call_summary", note)])
                    .unwrap();
            }
            mark_said(&mut rows.records, false, &mut Findings::default());
            let cells = |record: &Record| -> Vec<String> {
                let cells = record.said_in(0..record.text.len());
                cells.map(|(_, cell)| cell.to_owned()).collect()
            };
            rows.records.iter().flat_map(cells).collect()
        };
        let quoting = [
            "Taken twice. Said \"I'm on a pension, I can't wait ten days\". Raised refund.",
            "Meter blank. \"I look at it every morning with my tea\". Replacement ordered.",
            "Wanted the breakdown of the standing charge. Explained it, not happy.",
            "Third time. She said \"it's my money, not yours\". Escalated to the team.",
        ];
        assert_eq!(
            said(quoting),
            [
                "I'm on a pension, I can't wait ten days",
                "I look at it every morning with my tea",
                "it's my money, not yours"
            ]
        );
        let plain = quoting.map(|note| note.replace('"', ""));
        let all = plain.each_ref().map(String::as_str);
        assert_eq!(said(all), plain, "nothing else is in anybody's words");
    }

    #[test]
    fn notes_in_the_first_person_are_the_participants_own() {
        let own =
            ["I forget my own visits", "My wrist hurts by two", "I would use a reminder for us"];
        let staffs = [
            "I asked her to wait a little",
            "Participant P3 was late again",
            "Wants a reminder for both",
        ];
        for (cells, is_own) in [(own, true), (staffs, false)] {
            let mut rows = Rows::new(1);
            let answers = ["The lifts are slow here", "We print the list", "They call by phone"];
            for (answer, cell) in answers.into_iter().zip(cells) {
                rows.push_cells(1, None, [("answer", answer), ("Notes", cell)]).unwrap();
            }
            let mut findings = Findings::default();
            mark_said(&mut rows.records, false, &mut findings);
            let is_said = |record: &Record| {
                let cells = record.said_in(0..record.text.len());
                cells.count() == 2
            };
            assert!(rows.records.iter().all(|record| is_said(record) == is_own), "{cells:?}");
            assert_eq!(findings.kinds().is_empty(), is_own);
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
        assert_eq!(corpus.participants(), 1, "what is nobody's is no participant more");
        corpus.records[0].columns.push(ColumnSpan::new("participant", 0..1));
        assert_eq!(corpus.participant_key(&corpus.records[0]), "P1", "its own cell says so");
    }
}
