//! Facts about a segment, read off its table columns.
//!
//! Owns which columns describe people (`role`, `age`) and how their values are summed up. Nothing
//! here is generated. Columns that name a person, or that differ within one participant (questions,
//! answers, dates), are no such facts.

use std::collections::{BTreeMap, BTreeSet};

use super::segments::speaker;
use crate::corpus::Corpus;

/// Most words of a value that still is a category.
const SHORT: usize = 4;
/// Most categories of a column.
const CATEGORIES: usize = 24;
/// Most facts in a persona.
const FACTS: usize = 8;

/// A column that describes people.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    name: String,
    numeric: bool,
    /// Speaker to value.
    values: BTreeMap<String, String>,
}

/// The columns of a corpus that describe people, in order of their first appearance.
pub(super) fn describing(corpus: &Corpus) -> Vec<Column> {
    let mut order: Vec<&str> = Vec::new();
    let mut said: BTreeMap<&str, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    for record in &corpus.records {
        let who = speaker(corpus, record);
        for column in &record.columns {
            let value = record.text[column.start..column.end].trim();
            if record.participant.as_deref() == Some(value) {
                continue;
            }
            if !said.contains_key(column.name.as_str()) {
                order.push(&column.name);
            }
            let by_speaker = said.entry(&column.name).or_default();
            by_speaker.entry(who.clone()).or_default().insert(value);
        }
    }
    let column = |name: &str| column(name, &said[name]);
    order.into_iter().filter_map(column).take(FACTS).collect()
}

fn column(name: &str, said: &BTreeMap<String, BTreeSet<&str>>) -> Option<Column> {
    if names_a_person(name) || said.values().any(|values| values.len() > 1) {
        return None;
    }
    let values: BTreeMap<String, String> = said
        .iter()
        .filter_map(|(who, values)| Some((who.clone(), (*values.first()?).to_owned())))
        .collect();
    let distinct: BTreeSet<&str> = values.values().map(String::as_str).collect();
    let numeric = values.values().all(|value| number(value).is_some());
    let short = values.values().all(|value| value.split_whitespace().count() <= SHORT);
    // As many values as people: a name, an address, a free answer.
    let repeats =
        distinct.len() <= CATEGORIES && (distinct.len() < values.len() || values.len() == 1);
    (numeric || (short && repeats)).then(|| Column { name: name.to_owned(), numeric, values })
}

fn names_a_person(column: &str) -> bool {
    const NAMING: &[&str] = &[
        "id",
        "uuid",
        "name",
        "email",
        "mail",
        "phone",
        "tel",
        "telephone",
        "mobile",
        "address",
        "street",
        "url",
        "ip",
        "date",
        "time",
        "timestamp",
        "created",
        "started",
        "submitted",
        "token",
        "key",
        "participant",
        "respondent",
        "user",
        "username",
        "surname",
        "postcode",
        "zip",
        "no",
        "nr",
        "number",
        "index",
        "row",
        "latitude",
        "longitude",
    ];
    let parts = column.split(|c: char| !c.is_alphanumeric());
    parts.map(str::to_lowercase).any(|part| NAMING.contains(&part.as_str()))
}

/// Sums up the columns for some speakers: `nurse (3 of 4)`, `31 to 45`.
pub(super) fn sum_up(columns: &[Column], speakers: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for column in columns {
        let values: Vec<&str> =
            speakers.iter().filter_map(|who| column.values.get(who)).map(String::as_str).collect();
        let fact = if column.numeric { range(&values) } else { shares(&values) };
        if let Some(fact) = fact {
            facts.insert(column.name.clone(), fact);
        }
    }
    facts
}

/// What at least half of some speakers are, by the first column that tells people's kind.
pub(super) fn role(columns: &[Column], speakers: &BTreeSet<String>) -> Option<String> {
    const KINDS: &[&str] =
        &["role", "job", "occupation", "profession", "position", "segment", "type", "group"];
    let tells = |column: &&Column| {
        let parts = column.name.split(|c: char| !c.is_alphanumeric());
        !column.numeric && parts.map(str::to_lowercase).any(|part| KINDS.contains(&part.as_str()))
    };
    let column = columns.iter().find(tells)?;
    let values: Vec<&str> =
        speakers.iter().filter_map(|who| column.values.get(who)).map(String::as_str).collect();
    let (value, count) = ranked(&values).into_iter().next()?;
    (count * 2 >= values.len()).then(|| value.to_owned())
}

fn range(values: &[&str]) -> Option<String> {
    let order = |a: &&&str, b: &&&str| {
        let (a, b) = (number(a).unwrap_or(0.0), number(b).unwrap_or(0.0));
        a.total_cmp(&b)
    };
    let least = values.iter().min_by(order)?;
    let most = values.iter().max_by(order)?;
    Some(if least == most { (*least).to_string() } else { format!("{least} to {most}") })
}

/// The value that at least half of them share, else the three most frequent.
fn shares(values: &[&str]) -> Option<String> {
    let ranked = ranked(values);
    let (top, count) = *ranked.first()?;
    if values.len() == 1 {
        return Some(top.to_owned());
    }
    if count * 2 >= values.len() {
        return Some(format!("{top} ({count} of {})", values.len()));
    }
    let named: Vec<String> =
        ranked.iter().take(3).map(|(value, count)| format!("{value} ({count})")).collect();
    Some(format!("{} of {}", named.join(", "), values.len()))
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

/// Finite decimal numbers only: `inf` and `NaN` are words in a table.
fn number(value: &str) -> Option<f64> {
    value.parse::<f64>().ok().filter(|n| n.is_finite())
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
                columns.push(ColumnSpan { name: (*name).into(), start, end: text.len() });
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

    fn facts(header: &[&str], rows: &[&[&str]]) -> Vec<String> {
        let corpus = corpus(header, rows);
        let all = corpus.records.iter().map(|record| speaker(&corpus, record)).collect();
        let facts = sum_up(&describing(&corpus), &all);
        facts.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn a_person_counts_once_however_many_records_they_have() {
        let header = ["who", "role", "age", "answer"];
        let rows: [&[&str]; 4] = [
            &["a", "nurse", "31", "one"],
            &["a", "nurse", "31", "two"],
            &["b", "nurse", "45", "three"],
            &["c", "doctor", "38", "four"],
        ];
        assert_eq!(facts(&header, &rows), ["age: 31 to 45", "role: nurse (2 of 3)"]);
    }

    #[test]
    fn what_names_a_person_is_never_a_fact() {
        let header = ["who", "full_name", "E-Mail", "city"];
        let rows: [&[&str]; 3] =
            [&["a", "Ann", "x", "Leeds"], &["b", "Ann", "x", "York"], &["c", "Ann", "x", "Hull"]];
        assert!(facts(&header, &rows).is_empty(), "a city for each person tells who they are");
    }

    #[test]
    fn without_a_majority_the_most_frequent_values_are_counted() {
        assert_eq!(shares(&["a", "b", "b", "c", "d"]).as_deref(), Some("b (2), a (1), c (1) of 5"));
        assert_eq!(shares(&[]), None);
    }
}
