//! Notes on a board, with the place of each and who wrote on it last, as whiteboards export them.
//!
//! Owns telling such a table by its columns, and renames the one of who wrote a note: elsewhere, whoever
//! changed a row last is not whose words it holds.

use super::table::Table;
use crate::corpus::names::{normalise, participant_rank};

/// Names of columns with the place of a note, in pairs.
const PLACES: [(&str, &str); 4] =
    [("positionx", "positiony"), ("posx", "posy"), ("x", "y"), ("xposition", "yposition")];

/// Names of columns with who wrote on a note last.
const WRITERS: [&str; 4] = ["createdby", "lasteditedby", "lastmodifiedby", "lastupdatedby"];

/// Name for the column of who wrote a note.
const WRITER: &str = "author";

/// Renames the column of who wrote each note, if nothing else says whose it is.
pub(super) fn take(table: &mut Table) {
    let names: Vec<String> = table.names.iter().map(|name| normalise(name)).collect();
    let has = |name: &str| names.iter().any(|other| other == name);
    let is_board = PLACES.iter().any(|(x, y)| has(x) && has(y));
    if !is_board || table.names.iter().any(|name| participant_rank(name).is_some()) {
        return;
    }
    // Who made a note goes before who moved it.
    let writer = WRITERS.iter().find_map(|writer| names.iter().position(|name| name == writer));
    if let Some(column) = writer {
        WRITER.clone_into(&mut table.names[column]);
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_csv, said};

    #[test]
    fn a_note_on_a_board_is_that_of_who_wrote_on_it() {
        let notes = "sticky,The oven beeps but nobody is near.,1,2,Selim\n\
                     sticky,I read the orders from a wet sheet.,3,4,Danuta\n\
                     sticky,I call the shop to ask what they meant.,5,6,Danuta\n";
        let rows = load_csv(&format!("Type,Text,Position X,Position Y,Last Updated By\n{notes}"));
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, [Some("Selim"), Some("Danuta"), Some("Danuta")]);
        let rows = load_csv(&format!("Type,Text,Votes,Size,Last Updated By\n{notes}"));
        assert!(rows.records.iter().all(|record| record.participant.is_none()), "no board");
    }
}
