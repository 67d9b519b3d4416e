//! Tables that lie on their side: a row per question, a column per participant.
//!
//! Owns recognising them by their first column and their header, and turning them. A table that
//! only may be one stays as it is, with a finding.

use std::collections::{BTreeMap, HashSet};

use super::staff;
use super::table::{Table, TableRow};
use crate::corpus::names::{normalise, participant_rank};
use crate::corpus::rows::{Rows, clean_name};

/// Name of the column of a turned table that says whose the row is.
const WHO: &str = "Participant";

/// Fewest questions and facts in the first column of a table that lies on its side.
const LEAST_LABELS: usize = 2;
/// Fewest of them where the names of the columns do not say that they are people.
const MANY_LABELS: usize = 3;

/// Longest label of a fact about somebody, in characters.
const LONGEST_FACT_LABEL: usize = 40;
/// Most words of such a label.
const FACT_LABEL_WORDS: usize = 3;

/// Labels of facts about a participant, in the languages that research is written in.
const PARTICIPANT_FACTS: [&str; 40] = [
    "age",
    "alter",
    "edad",
    "âge",
    "età",
    "idade",
    "leeftijd",
    "gender",
    "geschlecht",
    "género",
    "gênero",
    "sexo",
    "genre",
    "sesso",
    "sex",
    "role",
    "rolle",
    "rol",
    "rôle",
    "job",
    "occupation",
    "beruf",
    "profession",
    "profesión",
    "profissão",
    "professione",
    "country",
    "land",
    "país",
    "pays",
    "city",
    "stadt",
    "wohnort",
    "ciudad",
    "ville",
    "location",
    "income",
    "einkommen",
    "education",
    "nationality",
];

/// Words before the number of a participant (`P1`), besides those for a participant in `names`.
const PEOPLE: [&str; 14] = [
    "p",
    "pp",
    "tn",
    "vp",
    "pt",
    "subj",
    "tester",
    "customer",
    "client",
    "patient",
    "member",
    "interview",
    "informant",
    "kunde",
];

/// What a cell of the first column is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Question,
    Fact,
    Other,
}

/// The table with one row per participant, turned if it lies on its side. `shared` are values that
/// occur in other sheets too.
pub(crate) fn upright(table: Table, shared: &HashSet<String>, rows: &mut Rows) -> Table {
    let labels: Vec<Label> = table.rows.iter().map(|row| label(row.get(0))).collect();
    let count = |kind: Label| labels.iter().filter(|label| **label == kind).count();
    let (questions, facts) = (count(Label::Question), count(Label::Fact));
    let told = questions + facts;
    if told < LEAST_LABELS || told * 2 < labels.len() || table.names.len() < 3 || !differ(&table) {
        return table;
    }
    let people = people(&table.names, shared);
    if people.len() >= 2 {
        return turn(table, &people, rows);
    }
    let is_clear = facts >= MANY_LABELS && facts * 3 >= labels.len() * 2;
    let all: HashSet<usize> = (1..table.names.len()).collect();
    if is_clear {
        return turn(table, &all, rows);
    }
    if questions >= MANY_LABELS && table.names.len() > MANY_LABELS {
        rows.findings.note("looks-transposed", None, || {
            "the first column holds questions, so that the other columns may be participants; read as \
             it is, a participant a row. If they are, transpose the table"
                .to_owned()
        });
    }
    table
}

fn label(value: Option<&str>) -> Label {
    let value = value.unwrap_or_default().trim();
    if value.contains(['?', '？', '؟']) {
        Label::Question
    } else if value.chars().count() <= LONGEST_FACT_LABEL
        && value.split_whitespace().count() <= FACT_LABEL_WORDS
        && (value.split(|c: char| !c.is_alphanumeric()).any(is_fact)
            || value.len() > 1 && participant_rank(value).is_some())
    {
        Label::Fact
    } else {
        Label::Other
    }
}

/// Whether a word is the name of a fact about a participant.
pub(crate) fn is_fact(word: &str) -> bool {
    PARTICIPANT_FACTS.contains(&normalise(word).as_str())
}

/// Whether no label comes back in the first column: a table in which a question comes back has one
/// row per answer.
fn differ(table: &Table) -> bool {
    let mut seen = HashSet::new();
    table.rows.iter().filter_map(|row| row.get(0)).all(|label| {
        let label = label.trim();
        label.is_empty() || seen.insert(label)
    })
}

/// Whether a header names what a column holds and never a participant: `Answer`, `Note`.
fn is_no_name(header: &str) -> bool {
    const HEADERS: [&str; 44] = [
        "answer",
        "answers",
        "response",
        "responses",
        "reply",
        "note",
        "notes",
        "comment",
        "comments",
        "remark",
        "quote",
        "score",
        "rating",
        "value",
        "text",
        "code",
        "theme",
        "antwort",
        "antworten",
        "notiz",
        "notizen",
        "kommentar",
        "bemerkung",
        "wert",
        "respuesta",
        "respuestas",
        "nota",
        "notas",
        "comentario",
        "réponse",
        "réponses",
        "commentaire",
        "remarque",
        "resposta",
        "respostas",
        "comentário",
        "risposta",
        "risposte",
        "commento",
        "antwoord",
        "antwoorden",
        "notitie",
        "opmerking",
        "reactie",
    ];
    HEADERS.contains(&normalise(header).as_str())
}

/// The columns that are named like participants; empty where they are less than two thirds of all
/// but the first.
fn people(names: &[String], shared: &HashSet<String>) -> HashSet<usize> {
    let mut numbered: BTreeMap<String, HashSet<usize>> = BTreeMap::new();
    let mut numbers = HashSet::new();
    for (column, name) in names.iter().enumerate().skip(1) {
        if let Some((prefix, number)) = numbered_person(name)
            && numbers.insert((prefix.clone(), number))
        {
            numbered.entry(prefix).or_default().insert(column);
        }
    }
    let is_known = |column: &usize| {
        shared.contains(names[*column].trim()) && !is_no_name(names[*column].trim())
    };
    let known: HashSet<usize> = (1..names.len()).filter(is_known).collect();
    let most = numbered.into_values().max_by_key(HashSet::len).unwrap_or_default();
    let people = if most.len() >= known.len() { most } else { known };
    if people.len() * 3 >= (names.len() - 1) * 2 { people } else { HashSet::new() }
}

/// The word and the number in the name of a participant's column: `P1 – Hana (34, nurse)` is `p`
/// and 1, `Participant 03` is `participant` and 3.
pub(crate) fn numbered_person(name: &str) -> Option<(String, usize)> {
    let name = name.trim();
    let at = name.find(|c: char| c.is_ascii_digit())?;
    let (prefix, rest) = name.split_at(at);
    let prefix = normalise(prefix);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number = rest[..end].parse().ok()?;
    let ends = !rest[end..].starts_with(char::is_alphanumeric);
    let is_person = PEOPLE.contains(&prefix.as_str()) || participant_rank(&prefix).is_some();
    (ends && is_person).then_some((prefix, number))
}

fn turn(table: Table, people: &HashSet<usize>, rows: &mut Rows) -> Table {
    let Table { mut names, rows: lines } = table;
    let staffs = staff::columns(names.iter().map(|name| (name.as_str(), true)));
    let is_row = |column: &usize| people.contains(column) && !staffs.contains(&*names[*column]);
    let columns: Vec<usize> = (1..names.len()).filter(is_row).collect();
    let left_out: Vec<usize> = (1..names.len()).filter(|column| !is_row(column)).collect();
    let mut place: Vec<Option<usize>> = vec![None; names.len()];
    let mut turned: Vec<TableRow> = Vec::with_capacity(columns.len());
    for column in columns {
        place[column] = Some(turned.len());
        turned.push(TableRow { number: column + 1, cells: Vec::new() });
    }
    for column in left_out {
        let name = clean_name(&names[column]);
        let name = if name.is_empty() { format!("column_{}", column + 1) } else { name };
        rows.findings.name("not-a-participant", None, 1, name, |names| {
            format!("columns beside those of participants were left out: {names}")
        });
    }
    for (column, row) in place.iter().enumerate() {
        if let Some(row) = row {
            turned[*row].cells.push((0, std::mem::take(&mut names[column])));
        }
    }
    let mut headers = vec![WHO.to_owned()];
    for line in lines {
        let at = headers.len();
        headers.push(line.get(0).unwrap_or_default().trim().to_owned());
        for (column, value) in line.cells {
            if let Some(row) = place[column] {
                turned[row].cells.push((at, value));
            }
        }
    }
    let name = rows.sheet.clone().unwrap_or_else(|| headers[1].clone());
    rows.findings.name("transposed", None, 1, name, |names| {
        format!(
            "a table has its questions in rows and its participants in columns, and was turned; the \
             row of a record is the number of its column: {names}"
        )
    });
    Table { names: headers, rows: turned }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a table, whose cells are parted by bars, and the kinds of the findings.
    fn upright_of(text: &str, shared: &[&str]) -> (Vec<String>, Vec<String>, String) {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
        let mut lines = text.lines().map(cells);
        let names: Vec<String> = lines.next().unwrap();
        let lines = lines.enumerate().map(|(i, cells)| TableRow::of(i + 1, cells)).collect();
        let mut rows = Rows::new(1);
        let shared = shared.iter().map(|value| (*value).to_owned()).collect();
        let table = upright(Table { names, rows: lines }, &shared, &mut rows);
        let row = |row: &TableRow| {
            let values: Vec<&str> = row.cells.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} {}", row.number, values.join("|"))
        };
        let kinds: Vec<&str> = rows.findings.kinds().iter().map(|(kind, ..)| *kind).collect();
        (table.names, table.rows.iter().map(row).collect(), kinds.join(" "))
    }

    #[test]
    fn questions_in_rows_over_participants_in_columns_are_turned() {
        let (names, rows, kinds) = upright_of(
            "Question | P1 – Hana (34, nurse) | P2 – Olek | Researcher notes\n\
             How? | alarms | coffee | see video\nWhy? | nights | driving | strong",
            &[],
        );
        assert_eq!(names, ["Participant", "How?", "Why?"]);
        let expected = ["2 P1 – Hana (34, nurse)|alarms|nights", "3 P2 – Olek|coffee|driving"];
        assert_eq!(rows, expected);
        assert_eq!(kinds, "not-a-participant transposed");
    }

    #[test]
    fn facts_in_rows_and_names_of_another_sheet_tell_it_too() {
        let text = " | jlee | Mama\nAge | 34 | 41\nGender | m | f\nWhy? | it is late | far";
        let (names, rows, kinds) = upright_of(text, &["jlee", "Mama", "f"]);
        assert_eq!(names, ["Participant", "Age", "Gender", "Why?"]);
        assert_eq!(rows, ["2 jlee|34|m|it is late", "3 Mama|41|f|far"]);
        assert_eq!(kinds, "transposed");
        let text = "x | jlee | Mama\nParticipant ID | 1 | 2\nAge | 34 | 41\nGender | m | f";
        assert_eq!(upright_of(text, &[]).2, "transposed");
        let text = "Question | Answer | Note\nHow? | a | b\nWhy? | c | d";
        assert_eq!(upright_of(text, &["Answer", "Note"]).2, "", "headers of each sheet");
    }

    #[test]
    fn what_only_may_lie_on_its_side_stays_as_it_is() {
        let text =
            "Question | North | South | East\nHow? | a | b | c\nWhy? | d | e | f\nSo? | g | h | i";
        assert_eq!(upright_of(text, &[]).2, "looks-transposed");
        for text in [
            "who | Age | Why?\nP1 | 34 | late\nP2 | 41 | far",
            "question | answer | who\nHow? | a | P1\nHow? | b | P2",
            "Question | Q1 | Q2\nHow? | a | b\nWhy? | c | d",
        ] {
            assert_eq!(upright_of(text, &[]).2, "", "{text}");
        }
    }
}
