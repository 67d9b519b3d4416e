//! Whose rows are whose, where no column is named for a participant.
//!
//! Owns the guess by names for people in general and by values: an id that comes back with the same
//! facts beside it, one that two tables share, one that meets each question once, or participants of
//! another file. Called once, when all files are read. Its tests, small studies of several
//! tables, make it long.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::extent::{self, TableKey, note, of_sheet};
use super::transposed::numbered_person;
use crate::corpus::asked_for::is_for_part_of_name;
use crate::corpus::codes::{code, codes_in, key};
use crate::corpus::dates::is_time_stamp;
use crate::corpus::names::{is_context, is_id_name, is_nobody, is_question, normalise};
use crate::corpus::persons::{Person, person};
use crate::corpus::talk::moderator::ends_in_question;
use crate::corpus::values::{are_nearly_all, number};
use crate::corpus::{Corpus, Record, is_prose};

/// Names of columns that hold an id and do not say what of.
const PLAIN: [&str; 15] = [
    "id", "nr", "no", "n", "nº", "num", "number", "nummer", "numéro", "numero", "número", "code",
    "key", "kennung", "kürzel",
];

/// Things other than people whose ids come back.
const THINGS: [&str; 28] = [
    "question",
    "item",
    "task",
    "trial",
    "stimulus",
    "step",
    "page",
    "group",
    "segment",
    "category",
    "product",
    "survey",
    "study",
    "experiment",
    "event",
    "session",
    "message",
    "team",
    "company",
    "project",
    "order",
    "build",
    "version",
    "parent",
    "day",
    "week",
    "round",
    "wave",
];

/// Names of columns with what people were asked about, besides questions.
const TOPICS: [&str; 17] = [
    "topic",
    "theme",
    "prompt",
    "questionid",
    "item",
    "thema",
    "frageid",
    "thème",
    "sujet",
    "tema",
    "tópico",
    "assunto",
    "argomento",
    "onderwerp",
    "ämne",
    "temat",
    "тема",
];

/// Most columns of a table that are searched, and most of ids of all tables that are compared with
/// each other.
const MOST_COLUMNS: usize = 100;

/// Most different ids for every ten rows of a column whose ids come back: where nearly all differ, it
/// numbers the rows.
const MOST_IDS_OF_TEN: usize = 8;
/// Fewest ids with a fact that stays the same in all their rows: one may do so by chance.
const LEAST_STAYING: usize = 2;
/// Most people for every three answers. Who was asked several questions gave at least one and a half
/// answers on average.
const MOST_PEOPLE_OF_THREE: usize = 2;
/// Fewest of every five pairs of a person and a question that have an answer: people skip some.
const LEAST_MET_OF_FIVE: usize = 3;

/// Longest value, in bytes, that counts as a name, or as a short fact about somebody.
const FACT: usize = 40;

/// The values of a column: index of the record, and the value.
type Values<'c> = Vec<(usize, &'c str)>;

/// The column of a table that names its participants.
struct NamingColumn {
    name: String,
    /// Index of the record, and its participant.
    people: Vec<(usize, String)>,
    /// How it was told, as the end of a sentence on the column.
    why: &'static str,
}

impl NamingColumn {
    fn new(name: &str, values: &Values<'_>, why: &'static str) -> Self {
        let people = values.iter().map(|(record, id)| (*record, (*id).to_owned())).collect();
        Self { name: name.to_owned(), people, why }
    }
}

/// A table and what it lists.
struct Listed<'c> {
    key: TableKey,
    rows: usize,
    /// Its participants, in the rows that have one.
    people: Vec<&'c str>,
    /// Its columns in order of first appearance.
    columns: Vec<(&'c str, Values<'c>)>,
}

/// Sets the participants of tables that name none, with a finding for each table.
pub(crate) fn find(corpus: &mut Corpus) {
    let tables = listed(corpus);
    let mut known = Known::default();
    for table in &tables {
        known.add(&table.key, table.people.iter().copied());
    }
    let mut chosen = guessed(&tables, &corpus.records, &known, &Known::of_prose(corpus));
    for (table, chosen) in &chosen {
        known.add(table, chosen.people.iter().map(|(_, who)| who.as_str()));
    }
    by_other_tables(&tables, &known, &mut chosen);
    let nobodys = unnamed(&tables).filter(|table| !chosen.contains_key(&table.key));
    let nobodys =
        nobodys.filter_map(|table| Some((table.key.clone(), table.question()?.0.to_owned())));
    let nobodys: Vec<(TableKey, String)> = nobodys.collect();

    for (table, chosen) in chosen {
        note_guessed(corpus, &table, &chosen);
        chosen.write(&mut corpus.records);
    }
    for (table, question) in nobodys {
        note_unknown(corpus, &table, &question);
    }
}

/// The tables that name no participants.
fn unnamed<'t, 'c>(tables: &'t [Listed<'c>]) -> impl Iterator<Item = &'t Listed<'c>> {
    tables.iter().filter(|table| table.people.is_empty())
}

/// The columns that name participants, each told by the table itself, by the ids of other tables that
/// name none either, or by the participants `known` from those that do or `heard` in prose.
fn guessed(
    tables: &[Listed<'_>],
    records: &[Record],
    known: &Known,
    heard: &Known,
) -> BTreeMap<TableKey, NamingColumn> {
    let mut all_ids: Vec<(&TableKey, &str, &Values<'_>)> = Vec::new();
    for table in unnamed(tables) {
        let of_table = table.columns.iter().filter(|(name, _)| is_id(name));
        all_ids.extend(of_table.map(|(name, values)| (&table.key, *name, values)));
    }
    all_ids.truncate(MOST_COLUMNS);
    let is_shared = |table: &TableKey, name: &str, values: &Values<'_>| {
        all_ids.iter().any(|(other, its_name, its_values)| {
            *other != table && normalise(its_name) == normalise(name) && overlap(values, its_values)
        })
    };
    let of_table = |table: &Listed<'_>| {
        let mut ids = table.columns.iter().filter(|(name, _)| is_id(name));
        let mut comes_back =
            || ids.find(|(name, ids)| is_shared(&table.key, name, ids) || comes_back(records, ids));
        known
            .named_in(table)
            .or_else(|| Some(NamingColumn { why: HEARD, ..heard.named_in(table)? }))
            .or_else(|| {
                comes_back()
                    .map(|(name, values)| NamingColumn::new(name, values, "its values come back"))
            })
            .or_else(|| table.person())
            .or_else(|| table.asked_each())
            .or_else(|| table.numbered())
            .or_else(|| table.first_names(tables, known))
    };
    unnamed(tables).filter_map(|table| Some((table.key.clone(), of_table(table)?))).collect()
}

/// Adds the columns that are told by the participants of other tables, now that these are known.
fn by_other_tables(
    tables: &[Listed<'_>],
    known: &Known,
    chosen: &mut BTreeMap<TableKey, NamingColumn>,
) {
    for table in tables.iter().filter(|table| table.lists_others(known)) {
        chosen.extend(known.named_in(table).map(|found| (table.key.clone(), found)));
    }
    for table in unnamed(tables) {
        if !chosen.contains_key(&table.key) {
            chosen.extend(known.named_in(table).map(|found| (table.key.clone(), found)));
        }
    }
}

fn note_guessed(corpus: &mut Corpus, table: &TableKey, chosen: &NamingColumn) {
    let message = format!(
        "column '{}'{} was taken for the participant, as {}; where they are not people, rename it to \
         'item' or the like",
        chosen.name,
        of_sheet(table),
        chosen.why
    );
    note(corpus, table, "participant-guessed", 1, message);
}

fn note_unknown(corpus: &mut Corpus, table: &TableKey, question: &str) {
    let message = format!(
        "column '{question}'{} asks the same of several rows, but no column says who answered: each \
         row counts as a participant; if one does, name it 'participant'",
        of_sheet(table)
    );
    note(corpus, table, "participant-unknown", 1, message);
}

impl NamingColumn {
    /// Gives the records their participants. A cell that names one is nobody's answer.
    fn write(self, records: &mut [Record]) {
        for (at, who) in self.people {
            let record = &mut records[at];
            let named = record.columns.iter_mut().filter(|span| *span.name == *self.name);
            named.for_each(|span| span.is_said = false);
            record.participant = Some(who).filter(|who| !is_nobody(who));
        }
    }
}

/// How a column was told that holds codes of those who speak in transcripts or notes.
const HEARD: &str = "its values are participants of another file";

/// The participants of tables or of prose, as far as they are known, by their codes or by their names
/// in small letters.
#[derive(Default)]
struct Known(HashMap<String, Met>);

/// A participant.
struct Met {
    /// As they are written.
    name: String,
    /// The first table that has them.
    table: TableKey,
    /// Whether another one has them, too.
    is_in_several: bool,
}

impl Met {
    fn is_beside(&self, table: &TableKey) -> bool {
        self.is_in_several || self.table != *table
    }
}

/// Fewest participants that two tables share.
const LEAST_SHARED: usize = 2;

impl Known {
    fn add<'a>(&mut self, table: &TableKey, people: impl Iterator<Item = &'a str>) {
        for who in people {
            let met = self.0.entry(key(who)).or_insert_with(|| Met {
                name: who.to_owned(),
                table: table.clone(),
                is_in_several: false,
            });
            met.is_in_several |= met.table != *table;
        }
    }

    /// Those who have a code in a file of prose, or in its name. Names alone may be anybody's.
    fn of_prose(corpus: &Corpus) -> Self {
        let mut known = Self::default();
        for records in corpus.records.chunk_by(|one, next| one.file == next.file) {
            let Some(file) = corpus.files.get(records[0].file - 1) else { continue };
            if !is_prose(&file.format) {
                continue;
            }
            let stem = Path::new(&file.name).file_stem().and_then(|stem| stem.to_str());
            let labels = records.iter().filter_map(|record| code(record.participant.as_deref()?));
            let codes = labels.chain(codes_in(stem.unwrap_or_default()));
            known.add(&(file.number, None), codes.map(|code| code.text));
        }
        known
    }

    /// A participant of another table than this one.
    fn beside(&self, table: &TableKey, who: &str) -> Option<&Met> {
        self.0.get(&key(who)).filter(|met| met.is_beside(table))
    }

    /// The column of a table in which these participants stand, whatever it is called: one row each,
    /// or ids, and at least half of the participants of one of the tables. Bare numbers are the same
    /// by chance, and only taken for the same where they are ids in one file.
    fn named_in(&self, table: &Listed<'_>) -> Option<NamingColumn> {
        let known = |name: &str, value: &str| {
            let met = self.beside(&table.key, value)?;
            let is_sure =
                value.contains(char::is_alphabetic) || is_id(name) && met.table.0 == table.key.0;
            is_sure.then_some(&met.name)
        };
        let shared = |name: &str, values: &Values<'_>| {
            let found = values.iter().filter_map(|(_, value)| known(name, value));
            found.collect::<HashSet<_>>().len()
        };
        // Counted only where a column may be theirs: there may be thousands of tables.
        let others = || self.0.values().filter(|met| met.is_beside(&table.key)).count();
        let columns = table.filled().filter_map(|(name, values)| {
            let (shared, different) = (shared(name, values), distinct(values));
            let is_theirs = shared >= LEAST_SHARED
                && (is_id(name) || are_nearly_all(different, values.len()))
                && shared * 2 >= different.min(others());
            is_theirs.then_some((shared, name, values))
        });
        // The first among equals.
        let (_, name, values) =
            columns.reduce(|best, one| if one.0 > best.0 { one } else { best })?;
        let mut chosen =
            NamingColumn::new(name, values, "its values are participants of another table");
        for (_, who) in &mut chosen.people {
            if let Some(known) = known(name, who) {
                who.clone_from(known);
            }
        }
        Some(chosen)
    }
}

/// The tables of the input and what they list.
fn listed(corpus: &Corpus) -> Vec<Listed<'_>> {
    // Sheets may share a name; their rows are then one table.
    let mut tables: BTreeMap<TableKey, Vec<usize>> = BTreeMap::new();
    for (key, rows) in extent::tables(corpus) {
        tables.entry(key).or_default().extend(rows);
    }
    let of = |(key, rows): (TableKey, Vec<usize>)| Listed {
        key,
        rows: rows.len(),
        people: rows.iter().filter_map(|at| corpus.records[*at].participant.as_deref()).collect(),
        columns: columns(&corpus.records, &rows),
    };
    tables.into_iter().map(of).collect()
}

/// The first columns of a table, with their values.
fn columns<'c>(records: &'c [Record], rows: &[usize]) -> Vec<(&'c str, Values<'c>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut columns: Vec<(&str, Values<'_>)> = Vec::new();
    for &at in rows {
        let record = &records[at];
        for span in &record.columns {
            let name = &*span.name;
            let place = *places.entry(name).or_insert(columns.len());
            if place == columns.len() {
                if place == MOST_COLUMNS {
                    places.remove(name);
                    continue;
                }
                columns.push((name, Vec::new()));
            }
            columns[place].1.push((at, &record.text[span.start..span.end]));
        }
    }
    columns
}

impl<'c> Listed<'c> {
    /// The columns that may name a participant in each row.
    fn filled(&self) -> impl Iterator<Item = (&'c str, &Values<'c>)> {
        let filled = self.columns.iter().filter(|(_, values)| values.len() * 10 >= self.rows * 9);
        filled.map(|(name, values)| (*name, values))
    }

    /// Whether the table has one row for each participant, by names that no other table has: beside
    /// a `Name`, it may hold the id by which the others call them.
    fn lists_others(&self, known: &Known) -> bool {
        let different: HashSet<&str> = self.people.iter().copied().collect();
        let is_beside = |who: &&&str| known.beside(&self.key, who).is_some();
        self.people.len() == self.rows
            && different.len() == self.rows
            && different.iter().filter(is_beside).count() < LEAST_SHARED
    }

    /// The column that is named for people in general. A word alone (`patient`) may as well ask
    /// whether they are one, so its values must tell people apart: all differ, or each comes in one
    /// run of rows.
    fn person(&self) -> Option<NamingColumn> {
        let (name, values) = self.filled().find(|(name, values)| {
            let are_short = || values.iter().all(|(_, value)| value.len() <= FACT);
            match person(name) {
                Some(Person::WithId) => are_short(),
                Some(Person::Bare) => are_short() && tell_apart(values),
                None => false,
            }
        })?;
        Some(NamingColumn::new(name, values, "its name is a word for people"))
    }

    /// The column of ids whose values number people, each of them another: `TN1`, `TN2`.
    fn numbered(&self) -> Option<NamingColumn> {
        let (name, values) = self.filled().find(|(name, values)| {
            let number = |value: &str| numbered_person(value).map(|(prefix, _)| prefix);
            let prefix = number(values[0].1);
            is_id(name)
                && distinct(values) == values.len()
                && values.len() > 1
                && prefix.is_some()
                && values.iter().all(|(_, value)| number(value) == prefix && value.len() <= FACT)
        })?;
        Some(NamingColumn::new(name, values, "its values number people"))
    }

    /// The column of first names or surnames that are different in each row, and which no other table
    /// has: several people share one.
    fn first_names(&self, tables: &[Self], known: &Known) -> Option<NamingColumn> {
        let (name, values) = self.filled().find(|(name, _)| is_for_part_of_name(name))?;
        let own: HashSet<String> = values.iter().map(|(_, who)| who.to_lowercase()).collect();
        let others = tables.iter().filter(|table| table.key != self.key);
        let mut others = others
            .flat_map(|table| &table.columns)
            .filter(|(name, _)| is_for_part_of_name(name))
            .flat_map(|(_, values)| values);
        let are_people = own.len() == values.len()
            && values.len() > 1
            && values.iter().all(|(_, who)| who.len() <= FACT && may_be_name(who))
            && values.iter().all(|(_, who)| known.beside(&self.key, who).is_none())
            && !others.any(|(_, who)| own.contains(&who.to_lowercase()));
        are_people
            .then(|| NamingColumn::new(name, values, "it holds a name that differs in each row"))
    }

    /// The column with the question or topic that a row answers: these come back, and it is named
    /// for them or they end in question marks.
    fn question(&self) -> Option<(&'c str, &Values<'c>)> {
        self.filled().find(|(name, values)| {
            let different: HashSet<&str> = values.iter().map(|(_, value)| *value).collect();
            let asking = different.iter().filter(|value| ends_in_question(value)).count();
            let comes_back = different.len() > 1 && different.len() * 2 <= values.len();
            let is_asked = is_question(name) || TOPICS.contains(&normalise(name).as_str());
            comes_back && (is_asked || asking * 2 > different.len())
        })
    }

    /// The column whose values meet (nearly) each question once, as people do who were asked all of
    /// them. Of several, a name for people or ids goes first, and more values before fewer.
    fn asked_each(&self) -> Option<NamingColumn> {
        let (asked, questions) = self.question()?;
        let questions: HashMap<usize, &str> = questions.iter().copied().collect();
        let may_name = |name: &str| {
            let plain = normalise(name);
            name != asked
                && (is_id(name) || !is_context(name))
                && !THINGS.iter().any(|thing| plain.contains(thing))
        };
        let is_named = |name: &str| person(name).is_some() || is_id(name);
        let columns = self.filled().filter(|(name, values)| {
            // Years and counts are numbers, too, and come in no runs.
            let is_sure = || is_named(name) || number(values[0].1).is_none() || tell_apart(values);
            may_name(name)
                && !is_time_stamp(values[0].1)
                && meets_each(values, &questions)
                && is_sure()
        });
        let (name, values) =
            columns.min_by_key(|(name, values)| (!is_named(name), Reverse(distinct(values))))?;
        Some(NamingColumn::new(name, values, "each of its values meets each question once"))
    }
}

/// Whether a value may be part of somebody's name: letters, and no sentence.
fn may_be_name(value: &str) -> bool {
    const MOST_WORDS: usize = 3;
    value.contains(char::is_alphabetic)
        && !value.contains(|c: char| c.is_ascii_digit() || "?!@/".contains(c))
        && value.split_whitespace().nth(MOST_WORDS).is_none()
}

fn distinct(values: &Values<'_>) -> usize {
    values.iter().map(|(_, value)| *value).collect::<HashSet<_>>().len()
}

/// Whether all values differ, or each comes in one run of rows.
fn tell_apart(values: &Values<'_>) -> bool {
    let runs = values.chunk_by(|(_, one), (_, next)| one == next).count();
    let distinct = distinct(values);
    distinct > 1 && runs == distinct
}

/// Whether each value of a column meets (nearly) each question once and no question twice.
fn meets_each(values: &Values<'_>, questions: &HashMap<usize, &str>) -> bool {
    let met = values.iter().filter_map(|(at, value)| Some((*value, *questions.get(at)?)));
    let pairs: HashSet<(&str, &str)> = met.collect();
    let (people, asked) = (distinct(values), questions.values().collect::<HashSet<_>>().len());
    people > 1
        && people * 3 <= values.len() * MOST_PEOPLE_OF_THREE
        && pairs.len() * 5 >= people * asked * LEAST_MET_OF_FIVE
        && are_nearly_all(pairs.len(), values.len())
        && values.iter().all(|(_, value)| value.len() <= FACT)
}

/// Whether the name of a column says that it holds ids which may be people's.
pub(crate) fn is_id(name: &str) -> bool {
    let plain = normalise(name);
    (PLAIN.contains(&plain.as_str()) || is_id_name(name))
        && !THINGS.iter().any(|thing| plain.contains(thing))
}

/// Whether two columns share enough ids that their tables are about the same people.
fn overlap(one: &Values<'_>, other: &Values<'_>) -> bool {
    let distinct =
        |ids: &Values<'_>| ids.iter().map(|(_, id)| id.to_lowercase()).collect::<HashSet<_>>();
    let (one, other) = (distinct(one), distinct(other));
    let both = one.intersection(&other).count();
    both >= 2 && both * 2 >= one.len().min(other.len())
}

/// Whether ids come back, and some short fact beside them stays the same wherever an id does,
/// without being the same for all ids.
fn comes_back(records: &[Record], ids: &Values<'_>) -> bool {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (record, id) in ids {
        groups.entry(id).or_default().push(*record);
    }
    if groups.len() < 2 || groups.len() * 10 > ids.len() * MOST_IDS_OF_TEN {
        return false;
    }
    // By column: its values in all groups, and the numbers of groups in which it has one value or
    // several.
    let mut facts: HashMap<&str, (HashSet<&str>, usize, usize)> = HashMap::new();
    for rows in groups.values().filter(|rows| rows.len() > 1) {
        let mut of_group: HashMap<&str, (HashSet<&str>, usize)> = HashMap::new();
        for &at in rows {
            let record = &records[at];
            for span in
                record.columns.iter().filter(|s| !is_id_name(&s.name) && !is_question(&s.name))
            {
                let (values, filled) = of_group.entry(&span.name).or_default();
                values.insert(&record.text[span.start..span.end]);
                *filled += 1;
            }
        }
        for (name, (values, filled)) in of_group.into_iter().filter(|(_, (_, filled))| *filled > 1)
        {
            let (all, one, several) = facts.entry(name).or_default();
            *one += usize::from(values.len() == 1 && filled > 1);
            *several += usize::from(values.len() > 1);
            all.extend(values);
        }
    }
    facts.values().any(|(all, one, several)| {
        all.len() > 1
            && *one >= LEAST_STAYING
            && *several == 0
            && all.iter().all(|value| value.len() <= FACT)
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::corpus::test_support::load_files;

    fn people(files: &[(&str, &str)]) -> (usize, Vec<String>) {
        let corpus = load_files(files);
        let kinds = corpus.findings.iter().map(|finding| finding.kind.clone()).collect();
        (corpus.participants(), kinds)
    }

    #[test]
    fn an_id_that_comes_back_with_the_same_facts_is_a_person() {
        let diary = "cook_id,age,day,entry\n\
            7,31,Mon,I burnt the rice because the baby woke up.\n\
            7,31,Tue,I made soup out of what was left over.\n\
            8,54,Mon,I ate standing at the counter again.\n\
            8,54,Tue,My son cooked and it was too salty.\n\
            9,22,Mon,We ordered in because it rained.\n";
        assert_eq!(people(&[("diary.csv", diary)]), (3, vec!["participant-guessed".to_owned()]));
    }

    #[test]
    fn an_id_of_questions_or_of_rows_is_none() {
        let questions = "question_id,age,answer\n1,31,I walk to work every day.\n1,54,I take the bus at six.\n\
            2,31,The bus is always late.\n2,54,My knees hurt on the stairs.\n";
        assert_eq!(people(&[("long.csv", questions)]).0, 4);
        let rows = "id,age,answer\n1,31,I walk to work every day.\n2,54,I take the bus at six.\n3,54,I drive.\n";
        assert_eq!(people(&[("rows.csv", rows)]), (3, vec![]));
        // What comes back with other facts each time is not a person.
        let places = "office_id,age,answer\n1,31,I walk to work every day.\n1,54,I take the bus at six.\n\
            2,22,The bus is always late.\n2,45,My knees hurt on the stairs.\n";
        assert_eq!(people(&[("places.csv", places)]).0, 4);
    }

    #[test]
    fn who_answers_each_question_once_is_the_participant_whatever_the_column_is_called() {
        let long = |name: &str| {
            let mut text = format!("{name};thème;verbatim\n");
            for who in ["PT02", "PT03", "PT05"] {
                for asked in ["Pourquoi ?", "Que faudrait-il améliorer ?"] {
                    writeln!(text, "{who};{asked};{who} a dit que {asked} c'est long").unwrap();
                }
            }
            people(&[("long.csv", &text)])
        };
        let guessed = vec!["participant-guessed".to_owned()];
        for name in ["Beteiligte", "N°", "salarié", "leaver", "xyz"] {
            assert_eq!(long(name), (3, guessed.clone()), "{name}");
        }
        let by_topic = "interview;thema;aussage\n1;Bus;Ich warte lange.\n1;Bahn;Sie kommt nie.\n\
                        2;Bus;Er ist voll.\n2;Bahn;Ich fahre gern damit.\n";
        assert_eq!(people(&[("long.csv", by_topic)]), (2, guessed));
        assert_eq!(long("product"), (6, vec!["participant-unknown".to_owned()]));
    }

    #[test]
    fn a_column_named_for_people_is_theirs_where_its_values_tell_them_apart() {
        let rows = |name: &str, values: [&str; 4]| {
            let line = |value: &&str| format!("{value},I wait for the bus on day {value}.\n");
            let text = values.iter().map(line).collect::<String>();
            people(&[("a.csv", &format!("{name},answer\n{text}"))]).0
        };
        assert_eq!(rows("Employee No.", ["7", "8", "7", "8"]), 2);
        assert_eq!(rows("leaver", ["E1", "E1", "E2", "E2"]), 2);
        assert_eq!(rows("patient", ["yes", "no", "yes", "no"]), 4, "a question");
        let closed = people(&[("a.csv", "paciente,why\nH01,late\nH02,late\nH03,dear\n")]);
        assert_eq!(closed, (3, vec!["participant-guessed".to_owned()]));
    }

    #[test]
    fn codes_that_number_people_are_theirs_and_those_of_things_are_not() {
        let rows = |name: &str, prefix: &str| {
            let line = |n: usize| format!("{prefix}{n},I wait for the bus on day {n}.\n");
            let text: String = (1..5).map(line).collect();
            people(&[("a.csv", &format!("{name},answer\n{text}"))])
        };
        let guessed = vec!["participant-guessed".to_owned()];
        for (name, prefix) in [("Kürzel", "TN"), ("Code", "P"), ("Kennung", "VP0")] {
            assert_eq!(rows(name, prefix), (4, guessed.clone()), "{name}");
        }
        for (name, prefix) in [("Kürzel", "BUS"), ("Produkt", "P"), ("Code", "")] {
            assert_eq!(rows(name, prefix), (4, vec![]), "{name}");
        }
    }

    #[test]
    fn a_first_name_is_whose_a_row_is_only_where_nobody_shares_it() {
        let survey = |name: &str, who: [&str; 3]| {
            let line = |who: &&str| format!("{who},{who} waits for the bus at six.\n");
            format!("{name},answer\n{}", who.iter().map(line).collect::<String>())
        };
        let guessed = vec!["participant-guessed".to_owned()];
        let three = ["Aïcha", "Loïc", "Odile"];
        for name in ["Prénom", "What's your *first name*?", "Vorname"] {
            assert_eq!(people(&[("a.csv", &survey(name, three))]), (3, guessed.clone()), "{name}");
        }
        let shared = survey("Prénom", ["Aïcha", "Loïc", "Aïcha"]);
        assert_eq!(people(&[("a.csv", &shared)]), (3, vec![]));
        let other = survey("First name", ["Ana", "Loïc", "Bo"]);
        let both = people(&[("a.csv", &survey("Prénom", three)), ("b.csv", &other)]);
        assert_eq!(both, (6, vec![]), "two may have the name");
    }

    #[test]
    fn codes_of_those_who_speak_in_transcripts_name_the_rows_of_a_table() {
        let talk = |who: &str| {
            format!(
                "Interviewer: Wie ist es?\n{who}: Ich fahre Touren am Vormittag.\n\
                 Interviewer: Und dann?\n{who}: Ich schreibe abends alles nach.\n"
            )
        };
        let table = "Kürzel,Alter,Träger\nTN1,28,privat\nTN2,52,Caritas\nTN3,57,Caritas\n";
        let (one, two) = (talk("TN 1"), talk("TN02"));
        let (participants, kinds) = people(&[("a.txt", &one), ("b.txt", &two), ("who.csv", table)]);
        assert_eq!(participants, 2);
        assert_eq!(kinds, ["participant-guessed", "facts-joined", "facts-alone"]);
    }

    #[test]
    fn two_tables_that_share_their_ids_are_about_the_same_people() {
        let who = "ID,town,age\nA1,Vaasa,31\nA2,Turku,54\nA3,Oulu,22\n";
        let said =
            "ID,answer\nA1,I walk to work every day.\nA2,I take the bus at six.\nA3,I drive.\n";
        let (participants, kinds) = people(&[("who.csv", who), ("said.csv", said)]);
        assert_eq!(participants, 3);
        assert_eq!(kinds, ["participant-guessed", "participant-guessed", "facts-joined"]);
    }
}
