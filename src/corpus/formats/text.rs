//! Plain text: paragraphs, list items and turns.
//!
//! Owns where a paragraph ends; who speaks is decided in `transcript`.

use super::mail;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::notes::cards;
use crate::corpus::notes::diary;
use crate::corpus::notes::filled;
use crate::corpus::notes::letters;
use crate::corpus::notes::narration::{self, Form};
use crate::corpus::notes::posts;
use crate::corpus::notes::researchers;
use crate::corpus::notes::reviews;
use crate::corpus::rows::Rows;
use crate::corpus::talk::asked::{self, Asked};
use crate::corpus::talk::chat;
use crate::corpus::talk::frames::{Above, Frames};
use crate::corpus::talk::layouts;
use crate::corpus::talk::list_heads;
use crate::corpus::talk::transcript;

/// Reads plain text.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    if chat::looks_like_chat(text) {
        return chat::read(text, rows);
    }
    if mail::looks_like_mail(text) {
        return mail::read(text, rows);
    }
    // A lone carriage return ends a line too, as old spreadsheets write it.
    let lines: Vec<&str> = text
        .split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .collect();
    let special = cards::read(&lines, rows)
        .or_else(|| diary::read(&lines, rows))
        .or_else(|| filled::read(&lines, rows))
        .or_else(|| posts::read(&lines, rows))
        .or_else(|| reviews::read(&lines, rows))
        .or_else(|| letters::read(&lines, rows));
    if let Some(blocks) = special {
        return transcript::into_rows(blocks, rows);
    }
    let frames = Frames::find(&lines);
    let asked = asked_in(&lines, &frames);
    let mut blocks = blocks_of(&lines, &frames, &asked, rows);
    asked.answered(&mut blocks);
    let gone = list_heads::give_items(&mut blocks);
    let mut at = 0..;
    blocks.retain(|_| !at.next().is_some_and(|at| gone.contains(&at)));
    researchers::drop_sections(&mut blocks, rows);
    if asked.is_empty()
        && let Some((parts, looks, form)) = narration::with_block_quotes(&blocks)
    {
        blocks = narration::told(parts, &looks, form, rows);
    } else if asked.is_empty()
        && let Some(form) = Form::find(&blocks, &[])
        && !has_other_labels(&lines, &frames)
    {
        blocks = narration::told(blocks, &[], form, rows);
    }
    transcript::into_rows(blocks, rows)
}

/// The questions that stand on lines of their own, unless the lines have labels of another form.
fn asked_in<'t>(lines: &[&'t str], frames: &Frames) -> Asked<'t> {
    let asked = Asked::find(lines);
    if asked.is_empty() {
        return asked;
    }
    if has_other_labels(lines, frames) { Asked::default() } else { asked }
}

/// Whether lines have labels of speakers without a colon.
fn has_other_labels(lines: &[&str], frames: &Frames) -> bool {
    let mut scratch = Rows::new(1);
    let blocks = blocks_of(lines, frames, &Asked::default(), &mut scratch);
    let turned = layouts::apply(blocks, &mut scratch.findings);
    turned.iter().any(|block| matches!(block.body, Body::Turn { .. }))
}

/// The blocks of a text, top to bottom.
fn blocks_of<'t>(
    lines: &[&'t str],
    frames: &Frames,
    asked: &Asked<'t>,
    rows: &mut Rows,
) -> Vec<Block> {
    let mut reader = Reader::default();
    for (i, &line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            reader.end_paragraph();
        } else if let Some(above) = frames.heading(i) {
            reader.end_paragraph();
            if frames.are_sources {
                if reader.above == Above::default() {
                    reader.drop_what_is_above(rows);
                }
                note_tool_line(i + 1, rows);
            }
            reader.above = above.clone();
        } else if frames.is_rule(i) {
            reader.end_paragraph();
        } else if frames.is_tools(i) {
            reader.end_paragraph();
            note_tool_line(i + 1, rows);
        } else if let Some(question) = asked.question(i) {
            reader.end_paragraph();
            reader.add(i + 1, asked::turn(vec![question.to_owned()]));
        } else if asked.is_title(i) {
            note_title(i + 1, rows);
        } else if let Some(item) = list_item(line) {
            reader.end_paragraph();
            reader.add(i + 1, Body::Item(vec![item.to_owned()]));
        } else {
            reader.paragraph.push((i + 1, line));
        }
    }
    reader.end_paragraph();
    reader.blocks
}

fn note_title(line: usize, rows: &mut Rows) {
    rows.findings.note("interview-title", line, || {
        "the title above the questions of an interview is nobody's words; left out".to_owned()
    });
}

fn note_tool_line(line: usize, rows: &mut Rows) {
    rows.findings.note("tool-line", line, || {
        "lines that come back with other numbers or names are a tool's (references, pages); left out"
            .to_owned()
    });
}

/// What was read of a text so far.
#[derive(Default)]
struct Reader<'t> {
    blocks: Vec<Block>,
    above: Above,
    /// The lines of the open paragraph.
    paragraph: Vec<(usize, &'t str)>,
}

impl Reader<'_> {
    fn end_paragraph(&mut self) {
        let lines = std::mem::take(&mut self.paragraph);
        let Some(&(first, _)) = lines.first() else { return };
        if is_one_answer_a_line(&lines) {
            for (line, text) in lines {
                self.add(line, Body::Paragraph(vec![text.to_owned()]));
            }
        } else {
            let text = lines.iter().map(|(_, text)| (*text).to_owned()).collect();
            self.add(first, Body::Paragraph(text));
        }
    }

    fn add(&mut self, line: usize, body: Body) {
        let Above { section, participant } = self.above.clone();
        self.blocks.push(Block { line, section, participant, facts: Facts::default(), body });
    }

    /// Leaves out what stands above the first part of an export, which is what a tool says about
    /// it.
    fn drop_what_is_above(&mut self, rows: &mut Rows) {
        for block in self.blocks.drain(..) {
            rows.findings.note("above-headings", block.line, || {
                "what stands above the first file or person of an export is nobody's words; left out"
                    .to_owned()
            });
        }
    }
}

/// Whether each line is an answer of its own, as in exports of open answers. Wrapped prose hardly
/// ever ends four of five lines with a full stop.
fn is_one_answer_a_line(lines: &[(usize, &str)]) -> bool {
    let ends = |text: &str| text.trim_end().ends_with(['.', '!', '?', '…', '"', '”', '»', ')']);
    lines.len() >= 3 && lines.iter().filter(|(_, text)| ends(text)).count() * 5 >= lines.len() * 4
}

fn list_item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    ["- ", "* ", "• ", "– "].iter().find_map(|bullet| line.strip_prefix(bullet))
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
