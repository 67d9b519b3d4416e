//! Passages that were coded in documents, with the number and the file of each, as ATLAS.ti exports
//! them: `1: P01_Amina.docx`.
//!
//! Owns that form, and makes it the name of a document, as other tools for coding write it, which says
//! whose a row is.

use super::table::Table;
use crate::corpus::names::normalise;

/// Names of the column of such documents.
const DOCUMENT: [&str; 9] = [
    "asiakirja",
    "dokument",
    "document",
    "documento",
    "documentos",
    "documents",
    "dokumente",
    "dokumenty",
    "документ",
];

/// Names of columns beside it that only coded passages have.
const CODED: [&str; 16] = [
    "citation",
    "codes",
    "codici",
    "código",
    "códigos",
    "kodes",
    "kody",
    "nomdelacitation",
    "nombredecita",
    "quotation",
    "quotationcontent",
    "quotationname",
    "textcontent",
    "textinhalt",
    "zitatname",
    "коды",
];

/// What other tools call the column.
const NAME: &str = "Document name";

/// Renames the column of such documents, and takes numbers and endings off their names.
pub(super) fn take(table: &mut Table) {
    let is_named = |name: &str, all: &[&str]| all.contains(&normalise(name).as_str());
    let Some(column) = table.names.iter().position(|name| is_named(name, &DOCUMENT)) else {
        return;
    };
    let is_coded = table.names.iter().any(|name| is_named(name, &CODED));
    let mut values = table.rows.iter().filter_map(|row| row.get(column)).peekable();
    let are_documents = values.peek().is_some() && values.all(|value| name_of(value).is_some());
    if !is_coded || !are_documents || table.names.iter().any(|name| name == NAME) {
        return;
    }
    NAME.clone_into(&mut table.names[column]);
    for row in &mut table.rows {
        for (_, value) in row.cells.iter_mut().filter(|(at, _)| *at == column) {
            if let Some(name) = name_of(value).map(str::to_owned) {
                *value = name;
            }
        }
    }
}

/// The name of a document behind its number, without the ending of a file.
fn name_of(value: &str) -> Option<&str> {
    const LONGEST_ENDING: usize = 4;
    let (number, name) = value.split_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.trim();
    let stem = name.rsplit_once('.').filter(|(stem, ending)| {
        let is_ending = ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_ending && (1..=LONGEST_ENDING).contains(&ending.len()) && !stem.is_empty()
    });
    let name = stem.map_or(name, |(stem, _)| stem);
    Some(name).filter(|name| is_number && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_csv, said};

    #[test]
    fn a_coded_passage_is_that_of_whose_document_it_stands_in() {
        let rows = load_csv(
            "ID,Quotation Name,Text Content,Document,Codes\n\
             1:1,a,I walk two hours to the clinic.,1: P01_Amina.docx,Distance\n\
             1:2,b,I keep the cards in a biscuit tin.,1: P01_Amina.docx,Records\n\
             2:1,c,\"I trust the nurse, not the machine.\",2: P02_Grace.docx,Trust\n",
        );
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who).collect();
        assert_eq!(who, [Some("P01_Amina"), Some("P01_Amina"), Some("P02_Grace")]);
    }

    #[test]
    fn a_document_that_somebody_speaks_of_is_nobody() {
        for text in [
            "Document,Codes,Said\nPassport,x,I lost it on the train.\nVisa,y,I never got it back.\n",
            "Document,Said\n1: form.pdf,I lost it on the train.\n2: list.pdf,I never got it.\n",
        ] {
            let rows = load_csv(text);
            assert!(rows.records.iter().all(|record| record.participant.is_none()), "{text}");
        }
    }
}
