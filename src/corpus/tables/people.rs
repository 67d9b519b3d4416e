//! Whose rows are whose, where no column is named for a participant.
//!
//! Owns the guess by values: an id that comes back with the same facts beside it, or that two
//! tables share. Called once, when all files are read.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::corpus::is_prose;
use crate::corpus::names::{is_id_name, is_question, normalise};
use crate::corpus::{Corpus, Finding, Record};

/// Names of columns that hold an id and do not say what of.
const PLAIN: [&str; 7] = ["id", "nr", "no", "number", "code", "key", "kennung"];

/// Things other than people whose ids come back.
const THINGS: [&str; 24] = [
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
];

/// Most columns of ids that are compared with each other, of all tables together.
const MOST_COLUMNS: usize = 100;

/// Longest value, in bytes, that counts as a short fact about somebody.
const FACT: usize = 40;

/// A table of the corpus: file and sheet.
type TableKey = (usize, Option<String>);

/// The ids of a column: index of the record, and its id.
type Ids<'c> = Vec<(usize, &'c str)>;

/// Sets the participants of tables that name none, with a finding for each table.
pub(crate) fn find(corpus: &mut Corpus) {
    let mut tables: BTreeMap<TableKey, Vec<usize>> = BTreeMap::new();
    for (at, record) in corpus.records.iter().enumerate() {
        tables.entry((record.file, record.sheet.clone())).or_default().push(at);
    }
    tables.retain(|(file, _), rows| {
        let is_table = corpus.files.get(file - 1).is_some_and(|file| !is_prose(&file.format));
        is_table && rows.iter().all(|at| corpus.records[*at].participant.is_none())
    });
    let columns: Vec<(TableKey, String, Ids<'_>)> = tables
        .iter()
        .flat_map(|(table, rows)| {
            id_columns(&corpus.records, rows)
                .into_iter()
                .map(|(name, ids)| (table.clone(), name.to_owned(), ids))
        })
        .collect();
    // Each is compared with all others.
    let columns = &columns[..columns.len().min(MOST_COLUMNS)];
    let mut chosen: BTreeMap<TableKey, (String, Vec<(usize, String)>)> = BTreeMap::new();
    for (at, (table, name, ids)) in columns.iter().enumerate() {
        let is_shared = columns.iter().enumerate().any(|(other, (_, its_name, its_ids))| {
            other != at && normalise(its_name) == normalise(name) && overlap(ids, its_ids)
        });
        if !chosen.contains_key(table) && (is_shared || comes_back(&corpus.records, ids)) {
            let ids = ids.iter().map(|(record, id)| (*record, (*id).to_owned())).collect();
            chosen.insert(table.clone(), (name.clone(), ids));
        }
    }
    for ((file, sheet), (name, ids)) in chosen {
        let file = &corpus.files[file - 1].name;
        let sheet = sheet.map(|sheet| format!(" of sheet '{sheet}'")).unwrap_or_default();
        corpus.findings.push(Finding {
            file: file.clone(),
            row: None,
            kind: "participant-guessed".to_owned(),
            message: format!(
                "column '{name}'{sheet} was taken for the participant, as its values come back; where they are not people, rename it to 'item' or the like"
            ),
            count: 1,
        });
        for (record, id) in ids {
            corpus.records[record].participant = Some(id);
        }
    }
}

/// The columns of a table that hold ids which may be people's.
fn id_columns<'c>(records: &'c [Record], rows: &[usize]) -> Vec<(&'c str, Ids<'c>)> {
    let mut order: Vec<&str> = Vec::new();
    let mut ids: HashMap<&str, Ids<'c>> = HashMap::new();
    for &at in rows {
        let record = &records[at];
        for span in record.columns.iter().filter(|span| is_id(&span.name)) {
            let known = ids.entry(&span.name).or_insert_with(|| {
                order.push(&span.name);
                Vec::new()
            });
            known.push((at, &record.text[span.start..span.end]));
        }
    }
    let is_filled = |ids: &Ids<'_>| ids.len() * 10 >= rows.len() * 9;
    let columns = order.into_iter().filter_map(|name| Some((name, ids.remove(name)?)));
    columns.filter(|(_, ids)| is_filled(ids)).collect()
}

/// Whether the name of a column says that it holds ids which may be people's.
pub(crate) fn is_id(name: &str) -> bool {
    let plain = normalise(name);
    (PLAIN.contains(&plain.as_str()) || is_id_name(name))
        && !THINGS.iter().any(|thing| plain.contains(thing))
}

/// Whether two columns share enough ids that their tables are about the same people.
fn overlap(one: &Ids<'_>, other: &Ids<'_>) -> bool {
    let distinct =
        |ids: &Ids<'_>| ids.iter().map(|(_, id)| id.to_lowercase()).collect::<HashSet<_>>();
    let (one, other) = (distinct(one), distinct(other));
    let both = one.intersection(&other).count();
    both >= 2 && both * 2 >= one.len().min(other.len())
}

/// Whether ids come back, and some short fact beside them stays the same wherever an id does,
/// without being the same for all ids.
fn comes_back(records: &[Record], ids: &Ids<'_>) -> bool {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (record, id) in ids {
        groups.entry(id).or_default().push(*record);
    }
    if groups.len() < 2 || groups.len() * 10 > ids.len() * 8 {
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
        all.len() > 1 && *one >= 2 && *several == 0 && all.iter().all(|value| value.len() <= FACT)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::corpus::load;

    fn people(files: &[(&str, &str)]) -> (usize, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(name, text): &(&str, &str)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths: Vec<PathBuf> = files.iter().map(write).collect();
        let corpus = load(&paths).unwrap();
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
    fn two_tables_that_share_their_ids_are_about_the_same_people() {
        let who = "ID,town,age\nA1,Vaasa,31\nA2,Turku,54\nA3,Oulu,22\n";
        let said =
            "ID,answer\nA1,I walk to work every day.\nA2,I take the bus at six.\nA3,I drive.\n";
        let (participants, kinds) = people(&[("who.csv", who), ("said.csv", said)]);
        assert_eq!((participants, kinds.len()), (3, 2));
    }
}
