//! Markdown: paragraphs, list items and table rows, under their headings.
//!
//! Owns what Markdown markup means; who speaks is decided in `transcript`. Images, raw HTML, code
//! and what the writers of notes put there for themselves (comments, remarks, tasks, links) are not
//! anyone's words: they are left out with a finding.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::document::{Document, DocumentRow};
use super::front_matter;
use super::vault;
use crate::corpus::lines::LineStarts;
use crate::corpus::looks::{Face, Faces, Look};
use crate::corpus::names::WHOSE_FILE;
use crate::corpus::rows::{Beside, Rows};
use crate::corpus::talk::list_heads;

/// Reads Markdown.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    // Front matter is not left to the parser, which would take lines between any two rules for it.
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let front = front_matter::read(text, rows);
    let comments = vault::comments(text);
    let mut reader = Reader::new(text, rows);
    let mut left_out = Vec::new();
    if let Some(front) = front {
        if front.participant.is_none() && reader.document.rows.beside == Beside::NamedNotes {
            reader.document.is_about_notes();
        }
        if front.has_more || front.participant.is_none() {
            reader.note_skipped(Skipped::FrontMatter, &front.range);
        }
        if let Some(participant) = front.participant {
            let who = (WHOSE_FILE.to_owned(), participant.clone());
            let facts = std::iter::once(who).chain(front.facts).collect();
            reader.document.is_about(&participant, facts);
        }
        left_out.push(front.range);
    }
    for comment in comments {
        if left_out.last().is_none_or(|before| before.end <= comment.start) {
            reader.note_skipped(Skipped::Comment, &comment);
            left_out.push(comment);
        }
    }
    let shown = vault::blanked(text, &left_out);
    for (event, range) in Parser::new_ext(&shown, options).into_offset_iter() {
        reader.on(event, &range);
    }
    reader.end_block();
    reader.document.finish()
}

/// What is left out because it is not anyone's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipped {
    FrontMatter,
    Image,
    Html,
    Code,
    Comment,
    Remark,
    Task,
    Links,
}

impl Skipped {
    /// The name that the finding gives it.
    fn name(self) -> &'static str {
        match self {
            Self::FrontMatter => "front matter",
            Self::Image => "an image",
            Self::Html => "raw HTML",
            Self::Code => "code or a query",
            Self::Comment => "a comment",
            Self::Remark => "a remark set apart from the text",
            Self::Task => "a task",
            Self::Links => "links alone",
        }
    }
}

struct Reader<'a> {
    document: Document<'a>,
    source: &'a str,
    line_starts: LineStarts,
    /// Text of the open block.
    text: String,
    /// Byte in the source where that text began.
    start: usize,
    /// How the text of the open block is shown so far.
    faces: Faces,
    /// Depth of bold and of italic text.
    strong: usize,
    emphasis: usize,
    /// Depth of block quotes.
    quotes: usize,
    /// Depth of list items.
    items: usize,
    /// Whether the open text stands below the item that Markdown makes it a part of.
    is_below_item: bool,
    /// Depth inside a block whose text is not read; 0 outside.
    skipped: usize,
    /// Whether a remark stands above, under the same heading: the tasks below it are its writer's.
    is_below_remark: bool,
    /// Whether the open item is a task.
    is_task: bool,
    table: Vec<DocumentRow>,
    cells: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, rows: &'a mut Rows) -> Self {
        Self {
            document: Document::new(rows),
            source: text,
            line_starts: LineStarts::of(text),
            text: String::new(),
            start: 0,
            faces: Faces::default(),
            strong: 0,
            emphasis: 0,
            quotes: 0,
            items: 0,
            is_below_item: false,
            skipped: 0,
            is_below_remark: false,
            is_task: false,
            table: Vec::new(),
            cells: Vec::new(),
        }
    }

    fn on(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            // Blocks inside a skipped one are skipped with it.
            Event::Start(_) if self.skipped > 0 => self.skipped += 1,
            Event::End(_) if self.skipped > 0 => self.skipped -= 1,
            _ if self.skipped > 0 => {}
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) | Event::Code(text) => self.push(&text, range),
            Event::SoftBreak | Event::HardBreak if self.ends_item(range) => {
                self.end_block();
                self.is_below_item = true;
            }
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::Html(_) | Event::InlineHtml(_) => self.note_skipped(Skipped::Html, range),
            Event::TaskListMarker(_) => self.is_task = true,
            _ => {}
        }
    }

    /// Whether a list item ends with this line. Markdown goes on with it in the next line without an
    /// indent, but people begin there with another participant.
    fn ends_item(&self, line_end: &Range<usize>) -> bool {
        let below = self.source[line_end.start..].split_once('\n').map_or("", |(_, below)| below);
        let next = below.lines().next().unwrap_or_default();
        self.items > 0 && !next.starts_with([' ', '\t']) && list_heads::ends_item(next)
    }

    fn push(&mut self, text: &str, range: &Range<usize>) {
        if self.text.is_empty() {
            self.start = range.start;
        }
        self.text.push_str(text);
        self.faces.add(&self.text, text, Face::of(self.strong, self.emphasis));
    }

    fn start(&mut self, tag: &Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Image { .. } => self.skip(Skipped::Image, range),
            Tag::BlockQuote(_) if vault::is_remark(&self.source[range.clone()]) => {
                self.end_block();
                self.is_below_remark = true;
                self.skip(Skipped::Remark, range);
            }
            Tag::BlockQuote(_) => {
                self.end_block();
                self.quotes += 1;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) if !is_prose(language) => {
                self.end_block();
                self.skip(Skipped::Code, range);
            }
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

    fn skip(&mut self, what: Skipped, range: &Range<usize>) {
        self.note_skipped(what, range);
        self.skipped = 1;
    }

    fn note_skipped(&mut self, what: Skipped, range: &Range<usize>) {
        let line = self.line_starts.line_of(range.start);
        self.document.note_skipped(what.name(), line);
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::BlockQuote(_) => {
                self.end_block();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::Paragraph | TagEnd::CodeBlock => self.end_block(),
            TagEnd::Item => {
                self.end_block();
                self.items = self.items.saturating_sub(1);
            }
            TagEnd::Heading(level) => {
                let heading = std::mem::take(&mut self.text);
                self.faces = Faces::default();
                self.is_below_remark = false;
                self.document.heading(level as u8, &vault::shown(&heading));
            }
            TagEnd::TableCell => {
                self.faces = Faces::default();
                self.cells.push(std::mem::take(&mut self.text));
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                let line = self.line_starts.line_of(range.start);
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
        let is_task = std::mem::take(&mut self.is_task);
        let faces = std::mem::take(&mut self.faces);
        let is_item = self.items > 0 && !std::mem::take(&mut self.is_below_item);
        if text.trim().is_empty() {
            return;
        }
        let at = self.start..self.start;
        if is_task && (self.is_below_remark || text.trim_start().starts_with("TODO")) {
            return self.note_skipped(Skipped::Task, &at);
        }
        if vault::is_links_only(&text) {
            return self.note_skipped(Skipped::Links, &at);
        }
        let line = self.line_starts.line_of(self.start);
        let look = if self.quotes > 0 { Look::Quoted } else { faces.look(&text) };
        let shown = vault::shown(&text);
        let is_same = shown == text || look == Look::Quoted;
        let look = if is_same { look } else { Look::Plain };
        let text = shown;
        self.document.look_is(look);
        if is_item {
            self.document.item(line, &text);
        } else {
            self.document.paragraph(line, &text);
        }
    }
}

/// Whether a fenced block of this language holds words rather than code.
fn is_prose(language: &str) -> bool {
    let language = language.split_whitespace().next().unwrap_or_default().to_lowercase();
    ["", "text", "txt", "plain", "plaintext", "md", "markdown", "quote", "transcript"]
        .contains(&language.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{self, rows_and_texts};

    fn load(text: &str) -> Rows {
        test_support::load(text, read)
    }

    #[test]
    fn paragraphs_and_items_come_with_the_heading_above_them() {
        let rows = load(
            "# Study\n\nIntro with *emphasis*\nand `code`.\n\n## Rota\n\n- swaps\n  - at night\n\n\
             1. [sick](https://example.org) leave\n\n> quoted words\n",
        );
        assert_eq!(
            rows_and_texts(&rows),
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
            rows_and_texts(&rows),
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
    fn rules_between_turns_are_no_front_matter() {
        let rows = load(
            "**Ana:** I wait.\n\n---\n**Ben:** I queue.\n\n---\n**Cem:** I walk.\n\n**Ana:** Yes.\n\n**Ben:** No.\n\n**Cem:** No.\n",
        );
        let texts: Vec<_> = rows_and_texts(&rows).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["I wait.", "I queue.", "I walk.", "Yes.", "No.", "No."]);
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn the_head_of_a_note_says_whose_it_is_and_what_is_known_of_them() {
        let rows = load(
            "---\nparticipant: P03\noccupation: teacher\ntags: [diary]\n---\n# Diary\n\n[[Sleep]] · [[P03|Nadja]]\n\n\
             ## Night\n\nI lay awake, see [[P03|me]].\n\n> [!note] Memo\n> Code it.\n>\n> ## More\n\n- [ ] send vouchers\n\n\
             > [!quote] At noon\n> I nap.\n\n%% paid %%\n\n```dataview\nTABLE mood\n```\n",
        );
        let facts = "participant: P03\noccupation: teacher\nsection: Night\n";
        assert_eq!(
            rows_and_texts(&rows),
            [
                (12, format!("{facts}text: I lay awake, see me.").as_str()),
                (21, format!("{facts}text: At noon I nap.").as_str())
            ]
        );
        assert!(rows.records.iter().all(|r| r.participant.as_deref() == Some("P03")));
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(1), 6)]);
        let checked = load("---\nparticipant: P1\n---\n- [x] checked the app\n");
        assert!(checked.records[0].text.ends_with("text: checked the app"));
        let form = load("Tools:\n\n- [x] paper\n- [ ] TODO ask\n\n```\npasted words\n```\n");
        assert_eq!(rows_and_texts(&form), [(1, "Tools:"), (3, "paper"), (7, "pasted words")]);
    }

    #[test]
    fn table_rows_are_records_with_columns() {
        let rows = load("| Role | Pain |\n|---|---|\n| nurse | the *rota* |\n| | queues |\n");
        assert_eq!(
            rows_and_texts(&rows),
            [(3, "Role: nurse\nPain: the rota"), (4, "Pain: queues")]
        );
        let span = &rows.records[0].columns[1];
        assert_eq!(&rows.records[0].text[span.start..span.end], "the rota");
    }

    #[test]
    fn what_is_no_prose_is_left_out_and_counted() {
        let rows = load(
            "---\ntitle: x\n---\n\nWords ![alt](x.png) here.\n\n    indented\n\n<div>raw</div>\n",
        );
        assert_eq!(rows_and_texts(&rows), [(5, "Words  here."), (7, "indented")]);
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
