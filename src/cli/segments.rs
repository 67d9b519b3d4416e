//! `--segments-by`: finds the column that is meant.
//!
//! Owns the check against the columns of the input, before any model is loaded. How a column's
//! values become segments is left to the pipeline.

use std::borrow::Cow;

use crate::catalogue::closest;
use crate::cli::failure::Failure;
use crate::config::Settings;
use crate::corpus::{Column, ColumnKind, Corpus};
use crate::report::{counted, plain_line};

/// Most columns that a refusal lists.
const LISTED: usize = 20;
/// Most characters of a column's name in that list: names in surveys are whole questions.
const SHOWN: usize = 60;

/// The settings, with the column's name spelt as in the data.
pub(super) fn named<'s>(
    settings: &'s Settings,
    corpus: &Corpus,
) -> Result<Cow<'s, Settings>, Failure> {
    let Some(given) = &settings.pipeline.segments_by else {
        return Ok(Cow::Borrowed(settings));
    };
    let name = column(given, &corpus.columns())?;
    let mut settings = settings.clone();
    settings.pipeline.segments_by = Some(name);
    Ok(Cow::Owned(settings))
}

fn column(given: &str, columns: &[Column]) -> Result<String, Failure> {
    let exact = columns.iter().find(|column| column.name == given);
    let folded =
        || columns.iter().find(|column| column.name.to_lowercase() == given.to_lowercase());
    if let Some(column) = exact.or_else(folded) {
        return Ok(column.name.clone());
    }
    let refused = format!("invalid value '{}' for --segments-by", plain_line(given));
    if columns.is_empty() {
        return Err(Failure::usage(format!(
            "{refused}: the input has no columns\nhint: leave it out; segments are then found by what people say"
        )));
    }
    let lower: Vec<String> = columns.iter().map(|column| column.name.to_lowercase()).collect();
    let near = closest(given, lower.iter().map(String::as_str));
    let near = near.and_then(|near| lower.iter().position(|name| name == near));
    let meant = near.map_or_else(String::new, |at| {
        format!("\nhint: did you mean '{}'?", short(&columns[at].name))
    });
    // Columns that can part people come first; ids and free text would make each person a group.
    let parts = |column: &&Column| {
        matches!(column.kind, ColumnKind::Categorical | ColumnKind::Numeric) && column.distinct > 1
    };
    let (likely, others): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(parts);
    let listed: Vec<String> = likely
        .iter()
        .chain(&others)
        .take(LISTED)
        .map(|column| format!("'{}' ({})", short(&column.name), counted(column.distinct, "value")))
        .collect();
    let more = match columns.len().checked_sub(LISTED).filter(|more| *more > 0) {
        Some(more) => format!(" and {more} more"),
        None => String::new(),
    };
    Err(Failure::usage(format!(
        "{refused}: the input has no such column\nits columns: {}{more}{meant}",
        listed.join(", ")
    )))
}

fn short(name: &str) -> String {
    let name = plain_line(name);
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column =
            |name: &str, kind, distinct| Column { name: name.into(), kind, distinct, filled: 10 };
        vec![
            column("participant", ColumnKind::Identifier, 10),
            column("Role", ColumnKind::Categorical, 4),
            column("age", ColumnKind::Numeric, 9),
        ]
    }

    #[test]
    fn a_column_is_found_whatever_its_case() {
        assert_eq!(column("role", &columns()).ok().as_deref(), Some("Role"));
        assert_eq!(column("age", &columns()).ok().as_deref(), Some("age"));
    }

    #[test]
    fn a_wrong_column_is_refused_with_those_there_are() {
        let refused = column("rolle", &columns()).expect_err("no such column");
        insta::assert_snapshot!(refused.message(), @r"
        invalid value 'rolle' for --segments-by: the input has no such column
        its columns: 'Role' (4 values), 'age' (9 values), 'participant' (10 values)
        ");
        assert_eq!(refused.hints(), ["did you mean 'Role'?"]);
        assert!(column("x", &[]).expect_err("no columns").message().contains("no columns"));
    }
}
