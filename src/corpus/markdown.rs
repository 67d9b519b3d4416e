//! Markdown: paragraphs, list items and table rows, under their headings.
//!
//! Owns what Markdown markup means; who speaks is `transcript`'s. Front matter, images
//! and raw HTML are not anyone's words: they are left out with a finding.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::document::{Document, DocumentRow};
use super::rows::Rows;

/// Reads Markdown.
pub(super) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reader = Reader::new(text, rows);
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.on(event, &range);
    }
    reader.end_block();
    reader.document.finish()
}

struct Reader<'a> {
    document: Document<'a>,
    /// Byte at which each line begins.
    line_starts: Vec<usize>,
    /// Text of the block under way, and where it began.
    text: String,
    start: usize,
    /// Depth of list items, and of blocks whose text is not read.
    items: usize,
    skipped: usize,
    table: Vec<DocumentRow>,
    cells: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(text: &str, rows: &'a mut Rows) -> Self {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self {
            document: Document::new(rows),
            line_starts,
            text: String::new(),
            start: 0,
            items: 0,
            skipped: 0,
            table: Vec::new(),
            cells: Vec::new(),
        }
    }

    fn on(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag, range),
            _ if self.skipped > 0 => {}
            Event::Text(text) | Event::Code(text) => self.push(&text, range),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::Html(_) | Event::InlineHtml(_) => self.note_skipped("raw HTML", range),
            _ => {}
        }
    }

    fn push(&mut self, text: &str, range: &Range<usize>) {
        if self.text.is_empty() {
            self.start = range.start;
        }
        self.text.push_str(text);
    }

    fn start(&mut self, tag: &Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::MetadataBlock(_) => self.skip("front matter", range),
            Tag::Image { .. } => self.skip("an image", range),
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::TableHead
            | Tag::TableRow
            // Text that is only indented counts as code in Markdown, and people paste words there.
            | Tag::CodeBlock(_) => {
                self.end_block();
            }
            Tag::Item => {
                // A nested list begins while the text of the item above is still open.
                self.end_block();
                self.items += 1;
            }
            _ => {}
        }
    }

    fn skip(&mut self, what: &str, range: &Range<usize>) {
        if self.skipped == 0 {
            if !matches!(what, "an image") {
                self.end_block();
            }
            self.note_skipped(what, range);
        }
        self.skipped += 1;
    }

    fn note_skipped(&mut self, what: &str, range: &Range<usize>) {
        let line = self.line(range.start);
        self.document.note_skipped(what, line);
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::MetadataBlock(_) | TagEnd::Image => {
                self.skipped = self.skipped.saturating_sub(1);
            }
            TagEnd::Paragraph | TagEnd::CodeBlock => self.end_block(),
            TagEnd::Item => {
                self.end_block();
                self.items = self.items.saturating_sub(1);
            }
            TagEnd::Heading(level) => {
                self.document.heading(level as u8, &std::mem::take(&mut self.text));
            }
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead | TagEnd::TableRow => {
                let line = self.line(range.start);
                let is_header = tag == TagEnd::TableHead;
                let cells = std::mem::take(&mut self.cells);
                self.table.push(DocumentRow { line, is_header, cells });
            }
            TagEnd::Table => self.document.table(std::mem::take(&mut self.table)),
            _ => {}
        }
    }

    fn end_block(&mut self) {
        let text = std::mem::take(&mut self.text);
        let line = self.line(self.start);
        if self.items > 0 {
            self.document.item(line, &text);
        } else {
            self.document.paragraph(line, &text);
        }
    }

    fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(text: &str) -> Rows {
        let mut rows = Rows::new(1);
        read(text, &mut rows).unwrap();
        rows
    }

    fn texts(rows: &Rows) -> Vec<(usize, &str)> {
        rows.records.iter().map(|r| (r.row, r.text.as_str())).collect()
    }

    #[test]
    fn paragraphs_and_items_come_with_the_heading_above_them() {
        let rows = load(
            "# Study\n\nIntro with *emphasis*\nand `code`.\n\n## Rota\n\n- swaps\n  - at night\n\n\
             1. [sick](https://example.org) leave\n\n> quoted words\n",
        );
        assert_eq!(
            texts(&rows),
            [
                (3, "Intro with emphasis and code."),
                (8, "section: Rota\ntext: swaps"),
                (9, "section: Rota\ntext: at night"),
                (11, "section: Rota\ntext: sick leave"),
                (13, "section: Rota\ntext: quoted words"),
            ]
        );
    }

    #[test]
    fn speaker_turns_are_read_through_the_markup() {
        let rows = load(
            "# Interview\n\n**Moderator:** How do you start?\n\n**Imani:** By phone.\n\nAlways.\n\n\
             **Moderator:** Why?\n**Imani:** Habit.\n",
        );
        assert_eq!(
            texts(&rows),
            [
                (5, "question: How do you start?\ntext: By phone.\nAlways."),
                (10, "question: Why?\ntext: Habit."),
            ]
        );
        assert!(rows.records.iter().all(|r| r.participant.as_deref() == Some("Imani")));
        let quotable: Vec<_> = rows.records[1].cells().map(|(_, cell)| cell).collect();
        assert_eq!(quotable, ["Habit."]);
    }

    #[test]
    fn headings_name_the_participants_of_generic_labels() {
        let rows = load(
            "## Participant 1 – Ana\n\nQ: Why?\n\nA: Because.\n\n## Participant 2\n\nShe waited.\n\n\
             ## Results\n\nAll good.\n",
        );
        let who: Vec<_> = rows.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Participant 1 – Ana"), Some("Participant 2"), None]);
    }

    #[test]
    fn table_rows_are_records_with_columns() {
        let rows = load("| Role | Pain |\n|---|---|\n| nurse | the *rota* |\n| | queues |\n");
        assert_eq!(texts(&rows), [(3, "Role: nurse\nPain: the rota"), (4, "Pain: queues")]);
        let span = &rows.records[0].columns[1];
        assert_eq!(&rows.records[0].text[span.start..span.end], "the rota");
    }

    #[test]
    fn what_is_no_prose_is_left_out_and_counted() {
        let rows = load(
            "---\ntitle: x\n---\n\nWords ![alt](x.png) here.\n\n    indented\n\n<div>raw</div>\n",
        );
        assert_eq!(texts(&rows), [(5, "Words  here."), (7, "indented")]);
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(1), 3)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_with_spans_that_hold(text in "[-#*>`|:!\\[\\]()<a-c é\\n\\t]{0,200}") {
            let rows = load(&text);
            for record in &rows.records {
                prop_assert!(record.cells().all(|(_, cell)| !cell.trim().is_empty()));
            }
        }
    }
}
