//! Who is one person in several files.
//!
//! Owns the choice whether a label of a transcript or of notes means somebody whom another file
//! knows, by code (`P07`) or as listed in a table of who took part, and whose a file is that only
//! its name tells. Each file may count its speakers anew, so that its `P1` is nobody's but its own:
//! where that may be, people stay apart. Records of those who are known elsewhere say so in a cell
//! of their own, which makes them the same person in every file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::extent;
use super::facts;
use crate::corpus::codes::{Code, code, codes_in, key};
use crate::corpus::names::{WHOSE_FILE, is_id_name, normalise, participant_rank};
use crate::corpus::talk::moderator::{is_anyone, is_role};
use crate::corpus::talk::speakers::is_numbered;
use crate::corpus::{ColumnSpan, Corpus, Record, is_prose};

/// Fewest people of a table whose names are heard: one has a name by chance.
const LEAST_NAMED: usize = 2;

/// Lowest number of somebody who is alone in a file that is not counted within it: whoever asks may
/// be the first.
const LEAST_NUMBER: u32 = 3;

/// Makes labels that mean the same person in several files the same.
pub(crate) fn join(corpus: &mut Corpus) {
    let files = voices(corpus);
    if files.is_empty() {
        return;
    }
    let tables = Tables::of(corpus);
    let study = Study::of(&tables, &files);
    let mut found: Vec<Meant> = Vec::new();
    for file in &files {
        if let Some(of_file) = study.named_by_file(file) {
            found.push(of_file);
        } else {
            found.extend(file.labels.iter().filter_map(|label| study.meant(file, label)));
        }
    }
    let named = study.names(&found);
    for meant in found {
        if let Some(name) = named.get(&meant.key) {
            write(corpus, &meant, name);
        }
    }
}

/// Whom a label of a file means.
struct Meant {
    file: usize,
    /// The label; `None` for all of a file without labels.
    label: Option<String>,
    /// The same in all files.
    key: String,
}

/// Those who speak in a file of prose.
struct Voices {
    file: usize,
    /// Whether nobody is named.
    is_nobodys: bool,
    /// All labels but those of whoever asks.
    labels: Vec<String>,
    /// The code in the file's name, where it has one.
    code: Option<(String, String)>,
    /// The name of the file, in small letters.
    name: String,
}

impl Voices {
    /// The codes of its speakers, as kind and number.
    fn codes(&self) -> BTreeSet<(String, u32)> {
        let codes = self.labels.iter().filter_map(|label| code(label));
        codes.map(|code| (code.kind, code.number)).collect()
    }

    /// The numbers of its codes of one kind.
    fn numbers(&self, kind: &str) -> BTreeSet<u32> {
        self.codes().into_iter().filter(|(of, _)| of == kind).map(|(_, number)| number).collect()
    }

    /// The one who speaks.
    fn alone(&self) -> Option<&str> {
        if let [alone] = self.labels.as_slice() { Some(alone) } else { None }
    }

    /// Whether several people are numbered from the first, as if there were no others.
    fn is_counted(&self, kind: &str) -> bool {
        let numbers = self.numbers(kind);
        numbers.len() > 1 && numbers.first().is_some_and(|first| *first <= 1)
            || numbers.len() > 2 && numbers.first().is_some_and(|first| *first < LEAST_NUMBER)
    }
}

/// The files of prose and those who speak in them.
fn voices(corpus: &Corpus) -> Vec<Voices> {
    let mut files: Vec<Voices> = Vec::new();
    for records in corpus.records.chunk_by(|one, next| one.file == next.file) {
        let source = &corpus.files[records[0].file - 1];
        if !is_prose(&source.format) || source.format == "mail" {
            continue;
        }
        let labels: BTreeSet<&str> =
            records.iter().filter_map(|record| record.participant.as_deref()).collect();
        let stem = Path::new(&source.name).file_stem().and_then(|stem| stem.to_str());
        let stem = stem.unwrap_or_default();
        let codes = codes_in(stem);
        let code = match codes.as_slice() {
            [only] => Some((only.key(), only.text.to_owned())),
            _ => None,
        };
        files.push(Voices {
            file: records[0].file,
            is_nobodys: labels.is_empty(),
            labels: labels.into_iter().filter(|label| !is_role(label)).map(str::to_owned).collect(),
            code,
            name: stem.to_lowercase(),
        });
    }
    files
}

/// Somebody whom a table knows.
struct Listed {
    /// As the table calls them.
    name: String,
    /// Whether it is a table of nothing but facts, with one row for each person.
    by_facts: bool,
}

/// Those whom the tables of the input name.
#[derive(Default)]
struct Tables {
    /// By code, name, or another id in a table of facts.
    people: HashMap<String, Listed>,
    /// The codes of each table.
    codes: Vec<BTreeSet<(String, u32)>>,
}

impl Tables {
    fn of(corpus: &Corpus) -> Self {
        let mut tables = Self::default();
        // A table of what people said is read on, and its spelling is the one to keep.
        let (facts, said): (Vec<_>, Vec<_>) =
            extent::tables(corpus).into_iter().map(|(_, rows)| rows).partition(|rows| {
                let rows = &corpus.records[rows.clone()];
                !facts::has_sentences(rows) && facts::has_one_row_each(rows)
            });
        for (tables_of, by_facts) in [(said, false), (facts, true)] {
            for rows in tables_of {
                tables.add(&corpus.records[rows], by_facts);
            }
        }
        tables
    }

    fn add(&mut self, rows: &[Record], by_facts: bool) {
        let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for record in rows {
            let Some(who) = record.participant.as_deref() else { continue };
            names.entry(key(who)).or_default().insert(who);
            for id in ids(record).filter(|_| by_facts) {
                names.entry(key(id)).or_default().insert(who);
            }
        }
        let codes = names.keys().filter_map(|key| code(key));
        self.codes.push(codes.map(|code| (code.kind, code.number)).collect());
        for (key, of) in names {
            // Two who are called the same are nobody whom a label could mean.
            let is_one = of.iter().map(|who| who.to_lowercase()).collect::<HashSet<_>>().len() == 1;
            let Some(name) = of.first().filter(|_| is_one) else { continue };
            let known = self
                .people
                .entry(key)
                .or_insert_with(|| Listed { name: (*name).to_owned(), by_facts });
            known.by_facts |= by_facts;
        }
    }
}

/// What a row of a table of facts says about how somebody is called.
fn ids(record: &Record) -> impl Iterator<Item = &str> {
    let is_id = |name: &str| {
        participant_rank(name).is_some() || is_id_name(name) || super::people::is_id(name)
    };
    let named = record.columns.iter().filter(move |span| is_id(&span.name));
    named.map(|span| &record.text[span.start..span.end])
}

/// The tables and the files of a study.
struct Study<'s> {
    tables: &'s Tables,
    files: &'s [Voices],
    /// The keys of codes that somebody has who is alone in a file, where they are the study's.
    alone: HashSet<String>,
    /// How many people are heard in prose by a name that a table of facts lists.
    named: usize,
}

impl<'s> Study<'s> {
    fn of(tables: &'s Tables, files: &'s [Voices]) -> Self {
        let mut study = Self { tables, files, alone: HashSet::new(), named: 0 };
        let alone = files.iter().filter_map(|file| Some((file, code(file.alone()?)?)));
        study.alone = alone
            .filter(|(file, code)| study.is_of_study(file, code))
            .map(|(_, code)| code.key())
            .collect();
        let heard = files.iter().flat_map(|file| &file.labels).filter_map(|label| {
            let name = name_key(label);
            study.listed(&name).then_some(name)
        });
        study.named = heard.collect::<HashSet<_>>().len();
        study
    }

    /// Whether a table of facts lists somebody.
    fn listed(&self, key: &str) -> bool {
        self.tables.people.get(key).is_some_and(|listed| listed.by_facts)
    }

    /// Whether the code of somebody who is alone in a file is the study's.
    fn is_of_study(&self, file: &Voices, code: &Code<'_>) -> bool {
        if code.is_padded || file.code.as_ref().is_some_and(|(key, _)| *key == code.key()) {
            return true;
        }
        let alone = self.files.iter().filter(|other| other.alone().is_some());
        let numbers: Vec<BTreeSet<u32>> =
            alone.map(|other| other.numbers(&code.kind)).filter(|of| !of.is_empty()).collect();
        let same = numbers.iter().filter(|of| of.contains(&code.number)).count();
        let is_listed = self.tables.people.contains_key(&code.key());
        let has_others = same < numbers.len();
        if same > 1 && code.number < LEAST_NUMBER {
            // Each of several files may have a `P1` of its own.
            return is_listed && has_others;
        }
        // `S2` is what tools call the second speaker.
        is_listed || code.kind != "s" && (code.number >= LEAST_NUMBER || has_others)
    }

    /// Whom a file's name means, where nobody in it is called anything else.
    fn named_by_file(&self, file: &Voices) -> Option<Meant> {
        let (key, _) = file.code.as_ref()?;
        let is_known = self.tables.people.contains_key(key);
        let label = match file.labels.as_slice() {
            [] if file.is_nobodys => None,
            [alone] => Some(alone),
            _ => return None,
        };
        let is_theirs = match label {
            None => is_known,
            Some(label) if code(label).is_some_and(|code| code.key() != *key) => false,
            Some(label) => {
                let says_nothing = is_anyone(label) || is_letter(label) || is_speaker(label);
                let words = || file.name.split(|c: char| !c.is_alphanumeric());
                let in_name = words().any(|word| word == name_key(label));
                (says_nothing || in_name) && (is_known || key.starts_with("p "))
            }
        };
        is_theirs.then(|| Meant { file: file.file, label: label.cloned(), key: key.clone() })
    }

    /// Whom a label of a file means; `None` where it may be somebody of this file only.
    fn meant(&self, file: &Voices, label: &str) -> Option<Meant> {
        let meant =
            |key: String| Some(Meant { file: file.file, label: Some(label.to_owned()), key });
        let Some(code) = code(label) else {
            let name = name_key(label);
            let others = file.labels.iter().filter(|other| name_key(other) == name).count();
            let is_one = self.named >= LEAST_NAMED && others == 1 && !is_anyone(label);
            return if is_one && self.listed(&name) { meant(name) } else { None };
        };
        let key = code.key();
        let is_known = || self.tables.people.contains_key(&key) || self.alone.contains(&key);
        let is_same = if file.labels.len() == 1 {
            self.alone.contains(&key)
        } else if file.is_counted(&code.kind) {
            self.is_all_of_study(file, &code.kind)
        } else {
            is_known()
        };
        if is_same { meant(key) } else { None }
    }

    /// Whether people who are numbered from the first within a file are those of the study: of one
    /// file, at least half of a table or of those who are alone in files; of several, exactly those
    /// of a table.
    fn is_all_of_study(&self, file: &Voices, kind: &str) -> bool {
        let own: BTreeSet<(String, u32)> =
            file.codes().into_iter().filter(|(of, _)| of == kind).collect();
        let of_kind = |table: &BTreeSet<(String, u32)>| -> BTreeSet<(String, u32)> {
            table.iter().filter(|(of, _)| of == kind).cloned().collect()
        };
        let mut tables = self.tables.codes.iter().map(of_kind);
        if self.files.iter().filter(|other| other.is_counted(kind)).count() > 1 {
            return tables.any(|table| table == own);
        }
        let alone = own.iter().filter(|(of, n)| self.alone.contains(&format!("{of} {n}"))).count();
        alone * 2 >= own.len()
            || tables.any(|table| own.is_subset(&table) && own.len() * 2 >= table.len())
    }

    /// How those are called whom more than one file or table means.
    fn names(&self, found: &[Meant]) -> HashMap<String, String> {
        let mut files: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        let mut labels: HashMap<&str, BTreeSet<(usize, &str)>> = HashMap::new();
        for meant in found {
            files.entry(&meant.key).or_default().insert(meant.file);
            let label = meant.label.as_deref().filter(|label| key(label) == meant.key);
            let label = label.or_else(|| self.code_of(meant.file));
            labels.entry(&meant.key).or_default().extend(label.map(|label| (label.len(), label)));
        }
        let name = |(key, files): (&str, BTreeSet<usize>)| {
            if let Some(listed) = self.tables.people.get(key) {
                return Some((key.to_owned(), listed.name.clone()));
            }
            // The shortest spelling that is used.
            let (_, label) = labels.get(key)?.first()?;
            (files.len() > 1).then(|| (key.to_owned(), (*label).to_owned()))
        };
        files.into_iter().filter_map(name).collect()
    }

    /// The code in the name of a file, as it is written there.
    fn code_of(&self, file: usize) -> Option<&str> {
        let file = self.files.iter().find(|other| other.file == file)?;
        file.code.as_ref().map(|(_, text)| text.as_str())
    }
}

/// A name without what stands behind it in brackets: `niall` of `Niall (Guest)`.
fn name_key(label: &str) -> String {
    let name = label.split(['(', '（', '[']).next().unwrap_or_default().trim();
    if code(name).is_some() || normalise(name).is_empty() {
        key(label)
    } else {
        name.to_lowercase()
    }
}

/// Whether a label is a single letter, as `B` stands for whoever is asked.
fn is_letter(label: &str) -> bool {
    label.chars().nth(1).is_none()
}

/// Whether a tool that tells voices apart called somebody so: `Speaker 2`.
fn is_speaker(label: &str) -> bool {
    is_numbered(label) && code(label).is_none()
}

/// Gives the records of a label to the one whom it means.
fn write(corpus: &mut Corpus, meant: &Meant, name: &str) {
    let is_theirs =
        |record: &Record| record.file == meant.file && record.participant == meant.label;
    // Beside other cells, such a line would be somebody else's whom a message quotes.
    let has_quote = |record: &Record| {
        record.columns.is_empty()
            && record.text.lines().any(|line| line.trim_start().starts_with('>'))
    };
    let mut records = corpus.records.iter().filter(|record| is_theirs(record));
    if records.any(has_quote) {
        return;
    }
    let columns = Columns::new();
    for record in corpus.records.iter_mut().filter(|record| is_theirs(record)) {
        record.participant = Some(name.to_owned());
        columns.name(record, name);
    }
}

/// The names of the cells that are added, one for all records.
struct Columns {
    whose: Arc<str>,
    text: Arc<str>,
}

impl Columns {
    fn new() -> Self {
        Self { whose: WHOSE_FILE.into(), text: "text".into() }
    }

    /// Puts a cell with the participant before the others, where there is none.
    fn name(&self, record: &mut Record, name: &str) {
        if record.columns.iter().any(|span| *span.name == *WHOSE_FILE) {
            return;
        }
        if record.columns.is_empty() {
            let before = format!("{}: ", self.text);
            let place = before.len()..before.len() + record.text.len();
            let span = ColumnSpan::new(Arc::clone(&self.text), place);
            record.columns.push(ColumnSpan { is_said: true, ..span });
            record.text.insert_str(0, &before);
        }
        let before = format!("{}: ", self.whose);
        let span =
            ColumnSpan::new(Arc::clone(&self.whose), before.len()..before.len() + name.len());
        let line = format!("{before}{name}\n");
        for span in &mut record.columns {
            span.start += line.len();
            span.end += line.len();
        }
        record.columns.insert(0, span);
        record.text.insert_str(0, &line);
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::Corpus;
    use crate::corpus::test_support::load_files;

    /// An interview, or a group where there are several.
    fn talk(people: &[&str], about: &str) -> String {
        let mut text = "Interviewer: Tell me about it, please?\n".to_owned();
        for who in people {
            text.push_str(who);
            text.push_str(": I run ");
            text.push_str(about);
            text.push_str(" on my own, and it takes all of my week.\n");
        }
        text += "Interviewer: What is the hardest part?\n";
        for who in people {
            text.push_str(who);
            text.push_str(": I am afraid that ");
            text.push_str(about);
            text.push_str(" goes wrong one day.\n");
        }
        text
    }

    fn load(files: &[(&str, String)]) -> Corpus {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        load_files(&files)
    }

    fn participants(files: &[(&str, String)]) -> usize {
        load(files).participants()
    }

    fn who(corpus: &Corpus) -> Vec<&str> {
        let mut who: Vec<&str> =
            corpus.records.iter().filter_map(|record| record.participant.as_deref()).collect();
        who.sort_unstable();
        who.dedup();
        who
    }

    #[test]
    fn a_code_of_the_study_is_one_person_in_all_files() {
        let sessions =
            [("session1.txt", talk(&["P01"], "a bakery")), ("session2.txt", talk(&["P01"], "it"))];
        assert_eq!(participants(&sessions), 1);
        let diary = "participant,day,entry\nP1,1,I forgot the cut-off of the bank today\n\
                     P1,2,I want somebody to check it\nP2,1,I chase my clients all day\n\
                     P2,2,I want them to send the hours\n";
        let files = [("P-01.txt", talk(&["P-01"], "a bakery")), ("diary.csv", diary.to_owned())];
        let corpus = load(&files);
        assert_eq!((corpus.participants(), who(&corpus)), (2, vec!["P1", "P2"]));
        let files = [
            ("a.txt", talk(&["Participant 7"], "a bakery")),
            ("b.txt", talk(&["P7"], "the books")),
            ("c.txt", talk(&["P8"], "a farm")),
        ];
        assert_eq!(participants(&files), 2);
    }

    #[test]
    fn numbers_that_each_file_counts_anew_are_different_people() {
        let (one, two) = (talk(&["P1", "P2", "P3"], "a bakery"), talk(&["P1", "P2", "P3"], "it"));
        let groups = [("fg1.txt", one.clone()), ("fg2.txt", two)];
        assert_eq!(participants(&groups), 6);
        let rows: Vec<String> = (1..9).map(|n| format!("P{n},I wait {n} hours for it\n")).collect();
        let survey = format!("participant,answer\n{}", rows.concat());
        let both = [groups[0].clone(), groups[1].clone(), ("survey.csv", survey.clone())];
        assert_eq!(participants(&both), 14);
        assert_eq!(participants(&[("fg1.txt", one), ("survey.csv", survey)]), 11);
        let alone = [("a.txt", talk(&["P1"], "a bakery")), ("b.txt", talk(&["P1"], "the books"))];
        assert_eq!(participants(&alone), 2);
        let voices = [("a.txt", talk(&["S2"], "a bakery")), ("b.txt", talk(&["S2"], "the books"))];
        assert_eq!(participants(&voices), 2);
    }

    #[test]
    fn those_of_groups_are_the_same_where_a_table_lists_exactly_these() {
        let people = ["P1", "P2", "P3"];
        let table = "participant,age\nP1,44\nP2,37\nP3,61\n".to_owned();
        let files = [
            ("before.txt", talk(&people, "a bakery")),
            ("after.txt", talk(&people, "the books")),
            ("who.csv", table),
        ];
        assert_eq!(participants(&files), 3);
    }

    #[test]
    fn the_name_of_a_file_says_whose_it_is_where_nothing_in_it_does() {
        let table = "ID,Name,Age,Region\nF01,Ciara,27,Cork\nF02,Seamus,66,Kerry\nF03,Pat,61,Cork\n\
                     F04,Niall,31,Limerick\n";
        let files = [
            ("F01_Ciara.txt", talk(&["Respondent"], "a farm")),
            ("F02.txt", talk(&["F02 Seamus"], "the cows")),
            ("F03-Pat.txt", talk(&["Pat"], "the parlour")),
            ("talk.txt", talk(&["Niall (Guest)"], "the robots")),
            ("data.csv", table.to_owned()),
        ];
        let corpus = load(&files);
        assert_eq!(who(&corpus), ["Ciara", "Niall", "Pat", "Seamus"]);
        assert_eq!(corpus.participants(), 4);
        let other = [
            ("F01.txt", talk(&["F02"], "a farm")),
            ("F03 F04.txt", talk(&["Respondent"], "it")),
            ("data.csv", table.to_owned()),
        ];
        let corpus = load(&other);
        let of_file = |file: usize| {
            let first = corpus.records.iter().find(|record| record.file == file);
            first.and_then(|record| record.participant.as_deref())
        };
        assert_eq!((of_file(1), of_file(2)), (Some("Seamus"), Some("Respondent")));
    }
}
