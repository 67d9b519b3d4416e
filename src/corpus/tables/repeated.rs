//! Columns and rows that repeat what another one says.
//!
//! Owns telling them from columns and rows that are the same by chance, and leaves them out with a
//! finding.

use std::collections::{HashMap, HashSet};

use super::staff;
use super::table::Table;
use crate::corpus::names::{is_context, normalise};
use crate::corpus::rows::Rows;
use crate::corpus::values::{are_nearly_all, is_free, is_no_answer};

/// Fewest bytes of a text that two columns do not share by chance.
const REPEATED_TEXT: usize = 20;
/// Fewest rows in which a column must repeat another.
const REPEATED_ROWS: usize = 3;
/// Most cells of a row in which a text that was cut is looked for whole.
const MOST_COMPARED: usize = 200;

/// Leaves out columns that repeat another, or its beginning: tools write a text more than once, as
/// it was typed and as it was sent.
pub(super) fn drop_columns(table: &mut Table, rows: &mut Rows) {
    let mut filled = vec![0usize; table.names.len()];
    let mut times: HashMap<(usize, usize), usize> = HashMap::new();
    for row in &table.rows {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (column, value) in &row.cells {
            filled[*column] += 1;
            if value.len() >= REPEATED_TEXT {
                // Each is compared with all others of its row, of which a wide table has a million.
                let cut = value.strip_suffix('…').or_else(|| value.strip_suffix("..."));
                let cut = cut.filter(|_| row.cells.len() <= MOST_COMPARED);
                let whole = cut.and_then(|cut| {
                    let is_whole =
                        |(c, other): &&(usize, String)| c != column && other.starts_with(cut);
                    Some(row.cells.iter().find(is_whole)?.0)
                });
                let first = whole.unwrap_or_else(|| *seen.entry(value).or_insert(*column));
                *times.entry((first, *column)).or_default() += usize::from(first != *column);
            }
        }
    }
    let is_same = |(column, times): (usize, usize)| {
        times >= REPEATED_ROWS && are_nearly_all(times, filled[column])
    };
    let mut repeated: Vec<(usize, usize)> = times
        .into_iter()
        .filter(|((_, column), times)| is_same((*column, *times)))
        .map(|((first, column), _)| (column, first))
        .collect();
    repeated.sort_unstable();
    for (column, first) in &repeated {
        let (name, first) = (&table.names[*column], &table.names[*first]);
        let pair = format!("{name}' like '{first}");
        rows.findings.name("repeated-column", None, 1, pair, |columns| {
            format!("a column that repeats another, or its beginning, is left out: {columns}")
        });
    }
    if repeated.is_empty() {
        return;
    }
    let dropped: HashSet<usize> = repeated.into_iter().map(|(column, _)| column).collect();
    for row in &mut table.rows {
        row.cells.retain(|(column, _)| !dropped.contains(column));
    }
}

/// Leaves out rows in which a participant says in the same words what an earlier row says: in an
/// export, a passage that was coded twice stands once per code.
pub(super) fn drop_rows(table: &mut Table, participant: usize, rows: &mut Rows) {
    // In a conversation, somebody may say a thing twice.
    if table.names.iter().any(|name| normalise(name) == "speaker") {
        return;
    }
    let free = free_columns(table, participant);
    let mut seen: HashSet<(String, Vec<String>)> = HashSet::new();
    table.rows.retain(|row| {
        let Some(who) = row.get(participant) else { return true };
        let texts = row.cells.iter().filter(|(column, _)| free.contains(column));
        let texts: Vec<&str> = texts.map(|(_, text)| text.as_str()).collect();
        if !texts.iter().any(|text| text.len() >= REPEATED_ROW) {
            return true;
        }
        let texts = texts.into_iter().map(str::to_owned).collect();
        let is_new = seen.insert((who.to_owned(), texts));
        if !is_new {
            rows.findings.note("repeated-row", row.number, || {
                "rows that repeat the words of an earlier one, by the same participant, were left out"
                    .to_owned()
            });
        }
        is_new
    });
}

/// Fewest bytes of a text that nobody writes twice by chance.
const REPEATED_ROW: usize = 30;

/// The columns of participants' own words. What a participant says again counts once: otherwise a
/// column in which every passage was coded twice would look like one of choices.
fn free_columns(table: &Table, participant: usize) -> HashSet<usize> {
    let staffs = staff::columns(table.names.iter().map(|name| (name.as_str(), true)));
    let is_theirs = |name: &str| !is_context(name) && !staffs.contains(name);
    let theirs: Vec<bool> = table.names.iter().map(|name| is_theirs(name)).collect();
    let mut values: HashMap<usize, HashSet<(Option<&str>, &str)>> = HashMap::new();
    for row in &table.rows {
        let who = row.get(participant);
        for (column, value) in &row.cells {
            if theirs[*column] && !is_no_answer(value) {
                values.entry(*column).or_default().insert((who, value));
            }
        }
    }
    let are_free = |values: HashSet<(Option<&str>, &str)>| {
        let values: Vec<&str> = values.into_iter().map(|(_, value)| value).collect();
        is_free(&values, values.iter().collect::<HashSet<_>>().len())
    };
    let free = values.into_iter().filter_map(|(column, values)| are_free(values).then_some(column));
    free.collect()
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::load_csv;

    #[test]
    fn a_passage_coded_twice_is_one_record() {
        let long = "I leave at five in the morning because of the bus";
        let rows = load_csv(&format!(
            "participant,code,segment\nP1,a,{long}\nP1,b,{long}\nP2,a,{long}\nP2,b,It is far for us\n\
             P2,c,It is far for us\nP3,c,My neighbour drives me when it snows\n"
        ));
        let numbers: Vec<usize> = rows.records.iter().map(|record| record.row).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6]);
        assert_eq!(rows.findings.kinds(), [("repeated-row", Some(2), 1)]);
        let rows = load_csv(&format!("id,segment\n1,{long}\n2,{long}\n"));
        assert_eq!(rows.records.len(), 2, "nothing says that it is the same person");
    }

    #[test]
    fn every_column_that_repeats_another_is_named() {
        let text = |n: usize| format!("I wait {n} minutes for the lift");
        let lines: Vec<String> =
            (0..4).map(|n| format!("{0},{0},{1},{1}", text(n), text(n + 9))).collect();
        let rows = load_csv(&format!("a,b,c,d\n{}", lines.join("\n")));
        let message = rows.findings.message("repeated-column");
        assert!(message.ends_with("'b' like 'a', 'd' like 'c'"), "{message}");
    }
}
