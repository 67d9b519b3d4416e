//! HTML: paragraphs, list items and table rows, under their headings.
//!
//! Owns what HTML markup means; sections and tables belong to `document`. Reads tokens and builds
//! no tree, so that a page nested a million levels deep, or never closed, costs no more than its
//! size. Scripts, styles, menus and forms are not anyone's words: they are left out with a finding.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{StartTag, Token, Tokenizer};

use super::document::{Document, DocumentRow};
use super::merged::{self, Reach};
use crate::corpus::lines::LineStarts;
use crate::corpus::looks::{Face, Faces, Look};
use crate::corpus::markup::{BLOCKS, name_of};
use crate::corpus::rows::Rows;

/// Elements whose text is not read.
const SKIPPED: [&str; 12] = [
    "script", "style", "template", "svg", "math", "nav", "select", "button", "iframe", "object",
    "noscript", "canvas",
];

/// Whether text without a telling name is a web page.
pub(crate) fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']);
    let start = start.get(..start.floor_char_boundary(200)).unwrap_or_default().to_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<table"].iter().any(|tag| start.starts_with(tag))
}

/// Reads HTML.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut reader = Reader {
        document: Document::new(rows),
        line_starts: LineStarts::of(text),
        text: String::new(),
        faces: Faces::default(),
        bold: 0,
        italic: 0,
        quotes: 0,
        is_below_quote: false,
        line: None,
        block: Block::Paragraph,
        preformatted: 0,
        skipped: None,
        tables: Vec::new(),
        in_title: false,
        speaker: None,
        lists_attachments: false,
    };
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(text, emitter).flatten() {
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(name_of(&tag.name)),
            Token::String(text) => {
                let line = reader.line_starts.line_of(text.span.start);
                reader.add_text(&String::from_utf8_lossy(&text.value), line);
            }
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    reader.finish()
}

/// What the text that is being collected will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Paragraph,
    Item,
    Heading(u8),
}

/// A table that is not closed yet.
#[derive(Default)]
struct Table {
    rows: Vec<DocumentRow>,
    /// How far each cell of each row reaches.
    reaches: Vec<Vec<Reach>>,
    /// Whether a cell of the last row is open.
    in_cell: bool,
    /// Whether all cells of the last row so far are headers.
    is_header: bool,
}

struct Reader<'a> {
    document: Document<'a>,
    line_starts: LineStarts,
    /// Text of the open block or cell.
    text: String,
    /// How that text is shown so far.
    faces: Faces,
    /// Depth of bold and of italic text.
    bold: usize,
    italic: usize,
    /// Depth of block quotes.
    quotes: usize,
    /// Whether a block quote was the last block of the open figure.
    is_below_quote: bool,
    /// Line in the file where that text began, from 1.
    line: Option<usize>,
    block: Block,
    /// Depth of `pre`, in which line ends count.
    preformatted: usize,
    /// The open element that is skipped, and how many elements of its name are open.
    skipped: Option<(String, usize)>,
    /// The open tables, the innermost last.
    tables: Vec<Table>,
    in_title: bool,
    /// The open element whose class says that it holds a speaker's name, and how many elements of its
    /// name are open.
    speaker: Option<(String, usize)>,
    /// Whether the last heading stands above the files attached to a page of a wiki.
    lists_attachments: bool,
}

/// What the class of an element says that it holds, as tools for transcripts write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Speaker,
    /// A time, or words.
    Field,
}

impl Reader<'_> {
    fn start(&mut self, tag: &StartTag<usize>) {
        let name = name_of(&tag.name);
        let line = self.line_starts.line_of(tag.span.start);
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth += usize::from(skipped == name && !tag.self_closing);
            return;
        }
        if SKIPPED.contains(&name) {
            self.document.note_skipped(&format!("<{name}>"), line);
            // A self-closing slash means nothing on an HTML element, but it does inside of SVG.
            if !(tag.self_closing && matches!(name, "svg" | "math")) {
                self.skipped = Some((name.to_owned(), 1));
            }
            return;
        }
        if is_furniture(name, tag) || self.lists_attachments && has_class(tag, "greybox") {
            self.document.note_skipped("what frames the page", line);
            self.skipped = Some((name.to_owned(), 1));
            return;
        }
        match name {
            "title" => self.in_title = true,
            "b" | "strong" => self.bold += 1,
            "i" | "em" => self.italic += 1,
            "br" => self.text.push('\n'),
            "img" => self.document.note_skipped("an image", line),
            "pre" => {
                self.end_block();
                self.preformatted += 1;
            }
            "li" | "dd" | "dt" => self.begin(Block::Item),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.lists_attachments = attribute(tag, b"id") == "attachments";
                self.begin(Block::Heading(name.as_bytes()[1] - b'0'));
            }
            "table" => {
                self.end_block();
                self.tables.push(Table::default());
            }
            "blockquote" => {
                self.begin(Block::Paragraph);
                self.quotes += 1;
            }
            // Who says a quotation often stands behind it without as much as a space.
            "cite" if self.quotes > 0 => self.text.push_str("\n— "),
            "footer" if self.quotes > 0 => {
                self.begin(Block::Paragraph);
                self.text.push_str("— ");
            }
            "figcaption" if self.is_below_quote => {
                self.begin(Block::Paragraph);
                self.quotes += 1;
                self.text.push_str("— ");
            }
            "tr" => self.begin_row(line),
            "td" | "th" => self.begin_cell(name == "th", reach_of(tag), line),
            _ => {
                if BLOCKS.contains(&name) {
                    self.begin(Block::Paragraph);
                }
                self.begin_part(name, holds(tag));
            }
        }
    }

    /// Begins a part of a turn. What a tool sets apart by style alone would run together.
    fn begin_part(&mut self, name: &str, holds: Option<Holds>) {
        if let Some((speaker, depth)) = &mut self.speaker {
            *depth += usize::from(speaker == name);
        } else if holds.is_some() && !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
        if holds == Some(Holds::Speaker) && self.speaker.is_none() {
            self.speaker = Some((name.to_owned(), 1));
        }
    }

    /// Ends a part of a turn; a speaker's name becomes a label.
    fn end_part(&mut self, name: &str) {
        let Some((speaker, depth)) = &mut self.speaker else { return };
        if speaker != name {
            return;
        }
        *depth -= 1;
        if *depth == 0 {
            self.speaker = None;
            let kept = self.text.trim_end().len();
            if kept > 0 && !self.text[..kept].ends_with(':') {
                self.text.truncate(kept);
                self.text.push_str(": ");
            }
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "title" => self.in_title = false,
            "b" | "strong" => self.bold = self.bold.saturating_sub(1),
            "i" | "em" => self.italic = self.italic.saturating_sub(1),
            "pre" => {
                self.end_block();
                self.preformatted = self.preformatted.saturating_sub(1);
            }
            "li" | "dd" | "dt" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.begin(Block::Paragraph);
            }
            "blockquote" => {
                self.begin(self.block);
                self.quotes = self.quotes.saturating_sub(1);
                self.is_below_quote = true;
            }
            "figcaption" if self.is_below_quote => {
                self.begin(self.block);
                self.quotes = self.quotes.saturating_sub(1);
                self.is_below_quote = false;
            }
            "td" | "th" => self.end_cell(),
            "table" => self.end_table(),
            // The end of a paragraph inside a list item does not end the item.
            _ => {
                self.end_part(name);
                if BLOCKS.contains(&name) {
                    self.begin(self.block);
                }
            }
        }
    }

    /// Adds text. White space of any length becomes one space, as a browser shows it.
    fn add_text(&mut self, text: &str, line: usize) {
        // The title names the page; like a single top heading it does not become a section.
        if self.skipped.is_some() || self.in_title {
            return;
        }
        if self.line.is_none() {
            let blank = text.len() - text.trim_start().len();
            if blank < text.len() {
                self.line = Some(line + text[..blank].matches('\n').count());
            }
        }
        if self.preformatted > 0 {
            self.text.push_str(text);
            return;
        }
        for (i, word) in text.split([' ', '\t', '\r', '\n', '\u{c}']).enumerate() {
            if i > 0 && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
        self.faces.add(&self.text, text, Face::of(self.bold, self.italic));
    }

    /// Whether text goes into a cell of a table rather than into a block of its own.
    fn in_cell(&self) -> bool {
        self.tables.last().is_some_and(|table| table.in_cell)
    }

    fn begin(&mut self, block: Block) {
        if self.in_cell() {
            // Paragraphs inside a cell are lines of it.
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            return;
        }
        self.end_block();
        self.block = block;
    }

    fn end_block(&mut self) {
        if self.in_cell() {
            self.store_cell();
            return;
        }
        let text = std::mem::take(&mut self.text);
        let faces = std::mem::take(&mut self.faces);
        let line = self.line.take().unwrap_or(1);
        if text.trim().is_empty() {
            return;
        }
        if text.trim_start().starts_with('©') {
            self.document.note_skipped("a notice of copyright", line);
            return;
        }
        let look = if self.quotes > 0 { Look::Quoted } else { faces.look(&text) };
        self.is_below_quote &= self.quotes > 0;
        self.document.look_is(look);
        match self.block {
            Block::Paragraph => self.document.paragraph(line, &text),
            Block::Item => self.document.item(line, &text),
            Block::Heading(level) => {
                self.document.heading(level, &text);
                self.block = Block::Paragraph;
            }
        }
    }

    fn begin_row(&mut self, line: usize) {
        self.end_cell();
        let Some(table) = self.tables.last_mut() else { return };
        if let Some(row) = table.rows.last_mut() {
            row.is_header |= table.is_header;
        }
        table.is_header = true;
        table.rows.push(DocumentRow { line, is_header: false, cells: Vec::new() });
        table.reaches.push(Vec::new());
    }

    fn begin_cell(&mut self, is_header: bool, reach: Reach, line: usize) {
        self.end_cell();
        if self.tables.last().is_some_and(|table| table.rows.is_empty()) {
            self.begin_row(line);
        }
        let Some(table) = self.tables.last_mut() else { return };
        table.in_cell = true;
        table.is_header &= is_header;
        let Some(row) = table.rows.last_mut() else { return };
        row.cells.push(String::new());
        if let Some(reaches) = table.reaches.last_mut() {
            reaches.push(reach);
        }
        self.text.clear();
        self.faces = Faces::default();
        self.line = None;
    }

    /// Moves the collected text into its cell, which stays open.
    fn store_cell(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.faces = Faces::default();
        self.line = None;
        let row = self.tables.last_mut().and_then(|table| table.rows.last_mut());
        if let Some(cell) = row.and_then(|row| row.cells.last_mut()) {
            if !cell.is_empty() && !text.trim().is_empty() {
                cell.push('\n');
            }
            cell.push_str(text.trim());
        }
    }

    fn end_cell(&mut self) {
        if self.in_cell() {
            self.store_cell();
            if let Some(table) = self.tables.last_mut() {
                table.in_cell = false;
            }
        }
    }

    /// Ends the innermost table. A table inside a cell stands by itself: its cells are read before
    /// those of the outer one.
    fn end_table(&mut self) {
        self.end_cell();
        let Some(mut table) = self.tables.pop() else { return };
        if let Some(row) = table.rows.last_mut() {
            row.is_header |= table.is_header && !row.cells.is_empty();
        }
        merged::spread(&mut table.rows, &table.reaches, &mut self.document.rows.findings);
        self.document.table(table.rows);
    }

    fn finish(mut self) -> Result<(), String> {
        while !self.tables.is_empty() {
            self.end_table();
        }
        self.end_block();
        if let Some((name, _)) = self.skipped.take() {
            self.document.rows.findings.note("unclosed-element", None, || {
                format!("<{name}> is never closed; what stands behind it was left out with it")
            });
        }
        self.document.finish()
    }
}

/// How far a cell reaches by its `colspan` and `rowspan`; a `rowspan` of 0 is the rest of the
/// table.
fn reach_of(tag: &StartTag<usize>) -> Reach {
    let number = |name: &[u8]| {
        let value = tag.attributes.get(name)?;
        std::str::from_utf8(&value.value).ok()?.trim().parse::<usize>().ok()
    };
    let columns = number(b"colspan").unwrap_or(1).max(1);
    let rows = number(b"rowspan").map_or(1, |rows| if rows == 0 { usize::MAX } else { rows });
    Reach { columns, rows, ..Reach::default() }
}

/// An attribute of an element in small letters; empty where it has none.
fn attribute(tag: &StartTag<usize>, name: &[u8]) -> String {
    let value = tag.attributes.get(name).and_then(|value| std::str::from_utf8(&value.value).ok());
    value.unwrap_or_default().trim().to_lowercase()
}

fn has_class(tag: &StartTag<usize>, class: &str) -> bool {
    attribute(tag, b"class").split_whitespace().any(|own| own == class)
}

/// Whether an element is no part of what a page is about: the path to it, who saved it when, and the
/// notice at its foot, as wikis export them.
fn is_furniture(name: &str, tag: &StartTag<usize>) -> bool {
    const ELEMENTS: [&str; 6] = ["aside", "div", "footer", "header", "ol", "ul"];
    const ROLES: [&str; 3] = ["contentinfo", "navigation", "search"];
    const CLASSES: [&str; 4] = ["breadcrumb", "breadcrumb-section", "breadcrumbs", "page-metadata"];
    let id = attribute(tag, b"id");
    ELEMENTS.contains(&name)
        && !tag.self_closing
        && (ROLES.contains(&attribute(tag, b"role").as_str())
            || CLASSES.iter().any(|class| id == *class || has_class(tag, class)))
}

/// What the class of an element says that it holds: `class="speaker"`, `class="transcript-time"`.
fn holds(tag: &StartTag<usize>) -> Option<Holds> {
    const FIELDS: [&str; 8] =
        ["time", "timestamp", "timecode", "text", "utterance", "words", "message", "content"];
    let class = tag.attributes.get(&b"class"[..])?;
    let class = std::str::from_utf8(&class.value).ok()?.to_lowercase();
    let mut words = class.split(|c: char| !c.is_alphanumeric());
    if words.clone().any(|word| word == "speaker") {
        return Some(Holds::Speaker);
    }
    words.any(|word| FIELDS.contains(&word)).then_some(Holds::Field)
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
    fn what_frames_a_page_of_a_wiki_is_nobodys_words() {
        let rows = load(
            "<body><div id=\"breadcrumb-section\"><ol id=\"breadcrumbs\"><li>UX Research</li></ol></div>\
             <div class=\"page-metadata\">Created by <span class='author'>Jo Lind</span>, last modified</div>\
             <div id=\"main\"><p>I retype forty passports.</p><div class=\"greybox\">I take the card.</div></div>\
             <h2 id=\"attachments\">Attachments:</h2><div class=\"greybox\"><a>desk.png</a> (image/png)</div>\
             <div id=\"footer\" role=\"contentinfo\"><section><p>Document generated by a wiki</p>\
             <div>Maker</div></section></div></body>",
        );
        let texts: Vec<_> = rows_and_texts(&rows).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["I retype forty passports.", "I take the card."]);
    }

    #[test]
    fn what_a_tool_sets_apart_by_style_does_not_run_together() {
        let row = |time: &str, who: &str, said: &str| {
            format!(
                "<div class=row><span class=time>{time}</span><span class='speaker name'>{who}</span>\
                 <span class=text>{said}</span></div>"
            )
        };
        let session = |n: u8, said: &str| {
            format!(
                "<h2>Tester {n} · Leeds</h2><p class=task>Task 2: Buy laces.</p>{}<p>Researcher note: slow.</p>",
                row("00:10", &format!("Tester {n}"), said)
                    + &row("01:11", &format!("Tester {n}"), "Oh <b class=text>dear</b>.")
            )
        };
        let rows = load(&(session(1, "I&#x27;d leave.") + &session(2, "No account.")));
        let found = test_support::said(&rows);
        let expected = [
            (Some("Tester 1"), "section: Tester 1 · Leeds\ntext: I'd leave.\nOh dear."),
            (Some("Tester 2"), "section: Tester 2 · Leeds\ntext: No account.\nOh dear."),
        ];
        assert_eq!(found, expected);
        let blocks = ["Ana|Why?", "Bo|I wait.", "Ana|And then?", "Bo|I go."]
            .map(|turn| turn.replacen('|', "</div><div class=text>", 1));
        assert!(load("<p>Yes.</p><footer>© 2024 Tests Inc.</footer>").records.len() == 1);
        let page = format!("<div class=speaker>{}</div>", blocks.join("</div><div class=speaker>"));
        let who: Vec<_> = load(&page).records.into_iter().filter_map(|r| r.participant).collect();
        assert!(who.contains(&"Bo".to_owned()), "{who:?}");
        let word = load("<p>Wor<span class=c1>d</span><span class=c2>s</span></p>");
        assert_eq!(rows_and_texts(&word), [(1, "Words")]);
    }

    #[test]
    fn headings_paragraphs_and_items_are_read_as_a_browser_shows_them() {
        let rows = load(
            "<!DOCTYPE html><html><head><title>T</title>\n<style>p{}</style></head><body>\n\
             <h1>Study</h1><p>One\n  &amp; <b>two</b><br>three\n<h2>Rota</h2><ul>\n<li>swaps\n\
             <li><p>sick leave</p><ul><li>paid</ul></ul>\nAfter.\n<script>if (a < b) {}</script></body>",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [
                (3, "One & two three"),
                (6, "section: Rota\ntext: swaps"),
                (7, "section: Rota\ntext: sick leave"),
                (7, "section: Rota\ntext: paid"),
                (8, "section: Rota\ntext: After."),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(2), 2)]);
    }

    #[test]
    fn tables_are_rows_and_their_columns_have_names() {
        let rows = load(
            "<table><thead><tr><th>Participant<th>Pain</thead>\n<tbody><tr><td>P1<td><p>the rota</p>\
             <p>queues</p>\n<tr><td>P2</td><td>&nbsp;</td></tr></table>",
        );
        assert_eq!(
            rows_and_texts(&rows),
            [(2, "Participant: P1\nPain: the rota\nqueues"), (3, "Participant: P2")]
        );
        assert_eq!(rows.records[0].participant.as_deref(), Some("P1"));
    }

    #[test]
    fn a_merged_cell_moves_no_value_into_another_column() {
        let rows = load(
            "<table><tr><th>Participant<th>Area<th>Quote<tr><td rowspan=2>P1<td>Bed<td>I wait.\
             <tr><td>Food<td>I eat.<tr><td colspan=2>P2<td>I walk.</table>",
        );
        let said: Vec<_> =
            rows.records.iter().map(|r| (r.participant.as_deref(), r.text.as_str())).collect();
        let expected = [
            (Some("P1"), "Participant: P1\nArea: Bed\nQuote: I wait."),
            (Some("P1"), "Participant: P1\nArea: Food\nQuote: I eat."),
            (Some("P2"), "Participant: P2\nQuote: I walk."),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn turns_are_read_line_by_line() {
        let rows = load(
            "<p><b>Moderator:</b> Why?<br><b>Ana:</b> Habit.</p><p>Moderator: And?</p><p>Ana: Fear.</p>",
        );
        assert_eq!(rows_and_texts(&rows)[1].1, "question: And?\ntext: Fear.");
        assert!(rows.records.iter().all(|r| r.participant.as_deref() == Some("Ana")));
    }

    #[test]
    fn layout_tables_and_tables_in_tables_lose_no_words() {
        let rows = load(
            "<table><tr><td>Left</td><td>Right <table><tr><td>Inner</td></tr></table> end</td></tr></table>",
        );
        let mut words: Vec<_> =
            rows_and_texts(&rows).into_iter().map(|(_, text)| text.to_owned()).collect();
        words.sort();
        assert_eq!(words, ["Inner", "Left", "Right end"]);
    }

    #[test]
    fn a_page_nested_without_end_costs_its_size() {
        let deep =
            format!("{}words{}", "<div><ul><li><table><tr><td>".repeat(30_000), "</b>".repeat(10));
        assert_eq!(rows_and_texts(&load(&deep)), [(1, "words")]);
        let rows = load("<p>before<script>never closed<p>after");
        assert_eq!(rows_and_texts(&rows), [(1, "before")]);
        assert_eq!(rows.findings.kinds()[1].0, "unclosed-element");
    }

    #[test]
    fn a_surrogate_or_nul_written_as_a_reference_becomes_a_mark() {
        assert_eq!(
            rows_and_texts(&load("<p>cut &#xD83D; and &#0; here")),
            [(1, "cut \u{FFFD} and \u{FFFD} here")]
        );
    }

    proptest! {
        #[test]
        fn any_tags_are_read(parts in prop::collection::vec(prop::sample::select(vec![
            "<p>", "</p>", "<table>", "</table>", "<tr>", "<td>", "</td>", "<th>", "<li>", "</li>",
            "<h1>", "</h1>", "<pre>", "</pre>", "<script>", "</script>", "<br>", "<", "&", "&#x", "a",
            "é ", "\n", "<!--", "-->", "<svg/>", "</svg>", "<title>", "</title>", "A: ",
        ]), 0..60)) {
            let rows = load(&parts.concat());
            for record in &rows.records {
                prop_assert!(record.cells().all(|(_, cell)| !cell.trim().is_empty()));
            }
        }
    }
}
