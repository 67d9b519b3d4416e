//! Lines above what one person wrote that say who it is: `Name: Ana Ruiz`, `Age: 38`.
//!
//! Owns which text has such a sheet. What a line says is decided in `header_lines`; the header of a
//! conversation is `transcript_header`'s.

use super::header_lines::{Described, are_facts, parse};
use crate::corpus::block::{Block, Body};
use crate::corpus::findings::Findings;

/// Blocks at the head of a text among which the sheet has to stand; a title may be above it.
const AT_HEAD: usize = 3;

/// Removes the only lines of facts, at the head of what one person wrote, and gives the name and the
/// facts to all that stands below: `Age: 38`, `Occupation: nurse` above a diary. False where there
/// are none.
pub(super) fn take_out(blocks: &mut Vec<Block>, findings: &mut Findings) -> bool {
    let is_sheet = |block: &Block| matches!(&block.body, Body::Paragraph(l) if are_facts(l));
    let mut sheets = (0..blocks.len()).filter(|at| is_sheet(&blocks[*at]));
    let (Some(at), None) = (sheets.next(), sheets.next()) else { return false };
    if at >= AT_HEAD || at + 1 == blocks.len() {
        return false;
    }
    let mut described = Described::default();
    let lines = blocks[at].lines().iter().filter_map(|line| parse(line));
    lines.for_each(|line| described.add(&line));
    if described.is_empty() {
        return false;
    }
    described.give_to(&mut blocks[at + 1..]);
    findings.note("sheet-of-facts", blocks[at].line, || {
        "lines of facts above what one person wrote are no entry; what describes the person goes \
         along with each"
            .to_owned()
    });
    blocks.remove(at);
    true
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text as load, said};

    #[test]
    fn facts_above_a_diary_describe_its_writer_and_are_no_entry() {
        let rows = load(
            "Diary\n\nAge: 38\nOccupation: nurse\nStudy: week 2\n\nOn Monday I measured twice before \
             breakfast.\n\nOn Tuesday the pharmacy had none.\n",
        );
        let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
        assert!(
            texts.iter().any(|text| text.starts_with("Age: 38\nOccupation: nurse\n")),
            "{texts:?}"
        );
        assert!(!texts.iter().any(|text| text.contains("week 2")), "{texts:?}");
    }

    #[test]
    fn a_name_above_answers_or_a_diary_is_that_of_the_writer() {
        let answers = "What do you do?\nI run the night shift.\n\nWhat is hard?\nHandovers take \
                       an hour.\n\nWhat would help?\nA form that everyone fills in.\n";
        let diary = "The handover took an hour again.\n\nNobody had written anything down.\n";
        for head in [
            "Name: Ana Ruiz\nAge: 34",
            "Nombre: Ana Ruiz\nFecha: 3 de mayo",
            "Participant: Ana Ruiz\nDate: 3 May 2024",
        ] {
            for text in [answers, diary] {
                let rows = load(&format!("{head}\n\n{text}"));
                assert!(!said(&rows).is_empty());
                for (who, text) in said(&rows) {
                    assert_eq!(who, Some("Ana Ruiz"), "{head}: {text}");
                    assert!(!text.contains("May"), "{text}");
                }
            }
        }
        let rows = load(&format!("Name: Checkout study\nAge: 34\n\n{answers}"));
        assert!(said(&rows).iter().all(|(who, _)| who.is_none()), "{rows:?}");
    }
}
