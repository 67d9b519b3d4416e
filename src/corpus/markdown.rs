//! Markdown: paragraphs, list items and table rows, under their headings.
//!
//! Owns what Markdown markup means; who speaks is `transcript`'s. Front matter, images
//! and raw HTML are not anyone's words: they are left out with a finding.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::rows::{Rows, clean_name};
use super::transcript::{self, Block, Body, participant_of_heading};

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
    let blocks = reader.finish();
    transcript::into_rows(blocks, rows)
}

struct Reader<'a> {
    rows: &'a mut Rows,
    /// Byte at which each line begins.
    line_starts: Vec<usize>,
    blocks: Vec<Block>,
    /// The nearest heading, and the participant that a heading names.
    section: Option<String>,
    participant: Option<(HeadingLevel, String)>,
    /// Text of the block under way, and where it began.
    text: String,
    start: usize,
    /// Depth of list items, and of blocks whose text is not read.
    items: usize,
    skipped: usize,
    header: Vec<String>,
    cells: Vec<String>,
    top_headings: usize,
    title: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(text: &str, rows: &'a mut Rows) -> Self {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self {
            rows,
            line_starts,
            blocks: Vec::new(),
            section: None,
            participant: None,
            text: String::new(),
            start: 0,
            items: 0,
            skipped: 0,
            header: Vec::new(),
            cells: Vec::new(),
            top_headings: 0,
            title: None,
        }
    }

    fn on(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag),
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
        self.rows.findings.note("not-prose", line, || {
            format!("nobody's words, left out: {what} here, and other markup of its kind")
        });
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::MetadataBlock(_) | TagEnd::Image => {
                self.skipped = self.skipped.saturating_sub(1);
            }
            TagEnd::Paragraph | TagEnd::CodeBlock => self.end_block(),
            TagEnd::Item => {
                self.end_block();
                self.items = self.items.saturating_sub(1);
            }
            TagEnd::Heading(level) => self.end_heading(level),
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead => self.header = std::mem::take(&mut self.cells),
            TagEnd::TableRow => self.end_row(),
            _ => {}
        }
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let heading = clean_name(&std::mem::take(&mut self.text));
        if self.participant.as_ref().is_some_and(|(above, _)| level <= *above) {
            self.participant = None;
        }
        if let Some(named) = participant_of_heading(&heading) {
            self.participant = Some((level, named));
        }
        if level == HeadingLevel::H1 {
            self.top_headings += 1;
            if self.top_headings == 1 {
                self.title = Some(heading.clone());
            }
        }
        self.section = Some(heading).filter(|heading| !heading.is_empty());
    }

    fn end_row(&mut self) {
        let cells: Vec<_> = std::mem::take(&mut self.cells);
        let line = self.line(self.start);
        let mut named = Vec::new();
        for (i, cell) in cells.iter().enumerate() {
            let value = self.rows.clean(line, cell);
            let name = self.header.get(i).map(|name| clean_name(name)).unwrap_or_default();
            let name = if name.is_empty() { format!("column_{}", i + 1) } else { name };
            if !value.is_empty() {
                named.push((name, value));
            }
        }
        if !named.is_empty() {
            self.add(line, Body::Cells(named));
        }
    }

    fn end_block(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return;
        }
        let lines = text.lines().map(str::to_owned).collect();
        let body = if self.items > 0 { Body::Item(lines) } else { Body::Paragraph(lines) };
        self.add(self.line(self.start), body);
    }

    fn add(&mut self, line: usize, body: Body) {
        let section = self.section.clone();
        let participant = self.participant.as_ref().map(|(_, named)| named.clone());
        self.blocks.push(Block { line, section, participant, body });
    }

    fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    /// The blocks. A single top heading is the title of the document and says nothing of a part
    /// of it, so it is no section.
    fn finish(mut self) -> Vec<Block> {
        self.end_block();
        if self.top_headings == 1 {
            for block in &mut self.blocks {
                if block.section == self.title {
                    block.section = None;
                }
            }
        }
        self.blocks
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
