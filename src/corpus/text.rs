//! Plain text: paragraphs, list items and turns.
//!
//! Owns where a paragraph ends; who speaks is `transcript`'s.

use super::chat;
use super::mail;
use super::rows::Rows;
use super::transcript::{self, Block, Body};

/// Reads plain text.
pub(super) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    if chat::looks_like_chat(text) {
        return chat::read(text, rows);
    }
    if mail::looks_like_mail(text) {
        return mail::read(text, rows);
    }
    let mut blocks = Vec::new();
    let mut paragraph: Vec<(usize, &str)> = Vec::new();
    // A lone carriage return ends a line too, as old spreadsheets write it.
    let lines =
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
    for (i, line) in lines.enumerate() {
        if line.trim().is_empty() {
            end_paragraph(&mut paragraph, &mut blocks);
        } else if let Some(item) = list_item(line) {
            end_paragraph(&mut paragraph, &mut blocks);
            blocks.push(block(i + 1, Body::Item(vec![item.to_owned()])));
        } else {
            paragraph.push((i + 1, line));
        }
    }
    end_paragraph(&mut paragraph, &mut blocks);
    transcript::into_rows(blocks, rows)
}

fn end_paragraph(paragraph: &mut Vec<(usize, &str)>, blocks: &mut Vec<Block>) {
    let lines = std::mem::take(paragraph);
    let Some(&(first, _)) = lines.first() else { return };
    if is_one_answer_a_line(&lines) {
        blocks.extend(
            lines
                .iter()
                .map(|(line, text)| block(*line, Body::Paragraph(vec![(*text).to_owned()]))),
        );
    } else {
        let text = lines.iter().map(|(_, text)| (*text).to_owned()).collect();
        blocks.push(block(first, Body::Paragraph(text)));
    }
}

/// Exports of open answers have one on each line. Wrapped prose hardly ever ends four of five
/// lines with a full stop.
fn is_one_answer_a_line(lines: &[(usize, &str)]) -> bool {
    let ends = |text: &str| text.trim_end().ends_with(['.', '!', '?', '…', '"', '”', '»', ')']);
    lines.len() >= 3 && lines.iter().filter(|(_, text)| ends(text)).count() * 5 >= lines.len() * 4
}

fn list_item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    ["- ", "* ", "• ", "– "].iter().find_map(|bullet| line.strip_prefix(bullet))
}

fn block(line: usize, body: Body) -> Block {
    Block { line, section: None, participant: None, body }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<(usize, String)> {
        let mut rows = Rows::new(1);
        read(text, &mut rows).unwrap();
        rows.records.into_iter().map(|r| (r.row, r.text)).collect()
    }

    #[test]
    fn wrapped_lines_are_one_paragraph_and_blank_lines_end_it() {
        assert_eq!(
            texts("The first\r\nparagraph goes on.\r\n\r\n\r\nThe second.\r\n"),
            [(1, "The first paragraph goes on.".to_owned()), (5, "The second.".to_owned())]
        );
    }

    #[test]
    fn one_answer_a_line_gives_one_record_a_line() {
        let found = texts("Too slow.\nI like it!\nWhy so dear?\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], (3, "Why so dear?".to_owned()));
    }

    #[test]
    fn list_items_stand_alone() {
        let found = texts("What I use:\n- paper\n- the radio\n");
        assert_eq!(found.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(found[1].1, "paper");
    }

    proptest! {
        #[test]
        fn any_text_keeps_all_its_words(text in "[a-zé:\\n\\r \\[\\]0-9*-]{0,200}") {
            let mut rows = Rows::new(1);
            prop_assert!(read(&text, &mut rows).is_ok());
            prop_assert!(rows.records.iter().all(|r| !r.text.is_empty()));
        }
    }
}
