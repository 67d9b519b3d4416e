//! Messages in the cells of a table, as a help desk exports them: without what mail programs and habits
//! put around the words.
//!
//! Owns which cells may be messages. What of a message is its writer's is decided in `reply`.

use super::table::Table;
use crate::corpus::reply;
use crate::corpus::rows::Rows;

/// Cuts the cells of several lines down to what their writer wrote; `participant` is the column that
/// says whose the row is.
pub(super) fn take(table: &mut Table, participant: Option<usize>, rows: &mut Rows) {
    for row in &mut table.rows {
        for (column, cell) in &mut row.cells {
            if Some(*column) == participant || !cell.contains('\n') {
                continue;
            }
            let Some(own) = reply::without_mail(cell) else { continue };
            rows.findings.note("quoted-mail", row.number, || {
                "what messages in cells quote from others, their salutations and sign-offs, and what \
                 mail programs write under them, are left out"
                    .to_owned()
            });
            *cell = own;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_csv, said};

    #[test]
    fn a_message_in_a_cell_is_without_sign_off_and_what_it_quotes() {
        let rows = load_csv(
            "Ticket ID,Customer,Description\n\
             1,Tala Reyes,\"Hi there,\n\nmy pupils can't upload photos.\n\nThanks,\nTala\"\n\
             2,Wen Li,\"I print the list in colour.\n\n\
             On Mon, Jan 5, 2026 at 10:11 AM Support <help@school.example> wrote:\n\
             > Hi Wen, which printer do you use?\"\n\
             3,Efua Sarpong,\"Parents write to me on Sunday.\n\nSent from my iPhone\"\n",
        );
        let told = [
            "my pupils can't upload photos.",
            "I print the list in colour.",
            "Parents write to me on Sunday.",
        ];
        let expected = ["Tala Reyes", "Wen Li", "Efua Sarpong"];
        for (at, (who, text)) in said(&rows).into_iter().enumerate() {
            assert_eq!(who, Some(expected[at]));
            assert!(text.ends_with(&format!("Description: {}", told[at])), "{text}");
        }
        assert_eq!(rows.findings.kinds(), [("quoted-mail", Some(1), 3)]);
    }

    #[test]
    fn lists_and_quotations_in_cells_stay() {
        let rows = load_csv(
            "Customer,Brands,Said\n\
             Tala,\"Samsung\nLG\nSony\",\"> It is slow\nI told them so, and nobody came.\"\n\
             Wen,\"Canon\nHP\",\"It is slow.\nIt was never quick for us.\"\n",
        );
        let all = said(&rows);
        assert!(all[0].1.contains("Samsung\nLG\nSony"), "{}", all[0].1);
        assert!(all[0].1.contains("> It is slow\nI told"), "{}", all[0].1);
        assert!(rows.findings.kinds().is_empty());
    }
}
