//! DOCX: paragraphs, list items and table rows, under their headings.
//!
//! Owns what a word processor's markup means; sections and tables belong to `document`. What was
//! deleted with changes tracked is not read, and neither are comments, notes and page headers: they
//! are left out with a finding. Paragraph numbers take the place of line numbers. Format: ECMA-376,
//! part 1, section 17.

use std::collections::{HashMap, HashSet};

use super::archive::Archive;
use super::document::{Document, DocumentRow};
use super::merged::{self, Reach};
use super::xml::{Element, Node, Nodes};
use crate::corpus::looks::{Face, Faces};
use crate::corpus::rows::Rows;

/// Parts beside the text that may hold words, and what they are.
const BESIDE: [(&str, &str); 3] = [
    ("word/comments.xml", "comments"),
    ("word/footnotes.xml", "footnotes"),
    ("word/endnotes.xml", "endnotes"),
];

/// Reads a document.
pub(crate) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), String> {
    let mut archive = Archive::open(bytes)?;
    let main = archive.main_part("word/document").unwrap_or_default();
    let Some(text) = archive.text(&main)? else {
        return Err(
            "there is no text in it (word/document.xml)\nhint: open it in a word processor and \
                    save it again as .docx"
                .to_owned(),
        );
    };
    let styles = match archive.text("word/styles.xml")? {
        Some(styles) => read_styles(&styles)?,
        None => Styles::default(),
    };
    for (part, what) in BESIDE {
        let words = archive.text(part)?.map(|xml| words_in(&xml)).unwrap_or_default();
        rows.findings.add("beside-text", None, words, || {
            format!("{what} stand beside the text, not in it; left out")
        });
    }
    let mut reader = Reader::new(rows, styles);
    for node in Nodes::of(&text) {
        match node? {
            Node::Start(element) => reader.start(&element),
            Node::End(name) => reader.end(&name),
            Node::Text(text) => reader.text(&text),
        }
    }
    reader.finish()
}

/// What the styles of paragraphs say, by their ids. Programs translate the ids (`berschrift1`), but
/// not the names (`heading 1`).
#[derive(Default)]
struct Styles {
    /// Levels of headings, from 1, by the id of their style.
    levels: HashMap<String, u8>,
    /// Ids of the styles of list items.
    lists: HashSet<String>,
}

fn read_styles(xml: &str) -> Result<Styles, String> {
    let mut styles = Styles::default();
    let mut style = None;
    for node in Nodes::of(xml) {
        let Node::Start(element) = node? else { continue };
        match element.name().as_str() {
            "style" => style = element.attribute("styleId"),
            "name" => {
                let level = element.attribute("val").as_deref().and_then(level_of_name);
                if let (Some(level), Some(style)) = (level, &style) {
                    styles.levels.insert(style.clone(), level);
                }
            }
            "outlineLvl" => {
                if let (Some(level), Some(style)) = (outline_level(&element), &style) {
                    styles.levels.entry(style.clone()).or_insert(level);
                }
            }
            "numPr" => styles.lists.extend(style.clone()),
            _ => {}
        }
    }
    Ok(styles)
}

fn level_of_name(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if name == "title" {
        return Some(1);
    }
    name.strip_prefix("heading ")?.parse().ok().filter(|level| *level <= 9)
}

/// The level of a heading, from 1. In the file levels count from 0, and 9 is text.
fn outline_level(element: &Element<'_>) -> Option<u8> {
    let level: u8 = element.attribute("val")?.parse().ok()?;
    (level < 9).then_some(level + 1)
}

/// Whether an element that turns a property of text on does not turn it off.
fn is_on(element: &Element<'_>) -> bool {
    !matches!(element.attribute("val").as_deref(), Some("0" | "false" | "off" | "none"))
}

/// Number of paragraphs with words in a part beside the text, up to the first fault in it.
fn words_in(xml: &str) -> usize {
    let mut count = 0;
    let mut filled = false;
    for node in Nodes::of(xml).map_while(Result::ok) {
        match node {
            Node::Text(text) => filled |= !text.trim().is_empty(),
            Node::End(name) if name == "p" => count += usize::from(std::mem::take(&mut filled)),
            _ => {}
        }
    }
    count
}

/// A table that is not closed yet, and what was open around it.
struct Table {
    rows: Vec<DocumentRow>,
    /// How far each cell of each row reaches.
    reaches: Vec<Vec<Reach>>,
    outer: Paragraph,
}

impl Table {
    /// Takes an element of a table. `line` is the number of the paragraph that comes next.
    fn start(&mut self, name: &str, element: &Element<'_>, line: usize) {
        match name {
            "tr" => {
                self.rows.push(DocumentRow { line, is_header: false, cells: Vec::new() });
                self.reaches.push(Vec::new());
            }
            "tblHeader" => {
                if let Some(row) = self.rows.last_mut() {
                    row.is_header = true;
                }
            }
            "tc" => {
                if let (Some(row), Some(reaches)) = (self.rows.last_mut(), self.reaches.last_mut())
                {
                    row.cells.push(String::new());
                    reaches.push(Reach::default());
                }
            }
            "gridSpan" | "vMerge" => {
                let cells = self.reaches.last_mut();
                let Some(reach) = cells.and_then(|cells| cells.last_mut()) else { return };
                let value = element.attribute("val");
                if name == "vMerge" {
                    reach.begins = value.as_deref() == Some("restart");
                    reach.continues = !reach.begins;
                } else {
                    reach.columns = value.and_then(|span| span.parse().ok()).unwrap_or(1);
                }
            }
            _ => {}
        }
    }
}

/// A paragraph that is not closed yet.
#[derive(Default)]
struct Paragraph {
    text: String,
    faces: Faces,
    level: Option<u8>,
    is_item: bool,
}

struct Reader<'a> {
    document: Document<'a>,
    styles: Styles,
    /// Number of paragraphs so far.
    number: usize,
    paragraph: Paragraph,
    /// Whether the text that comes is words, and not the name of a field or a place.
    in_text: bool,
    /// Depth of runs: a tab outside a run is a tab stop, not a character.
    runs: usize,
    /// How the text of the open run is shown.
    face: Face,
    tables: Vec<Table>,
    /// Depth inside an element that is not read; 0 outside.
    skipped: usize,
    /// What was open around each open paragraph: text boxes stand inside a paragraph.
    open: Vec<Paragraph>,
}

impl<'a> Reader<'a> {
    fn new(rows: &'a mut Rows, styles: Styles) -> Self {
        Self {
            document: Document::new(rows),
            styles,
            number: 0,
            paragraph: Paragraph::default(),
            in_text: false,
            runs: 0,
            face: Face::Plain,
            tables: Vec::new(),
            skipped: 0,
            open: Vec::new(),
        }
    }

    fn start(&mut self, element: &Element<'_>) {
        if self.skipped > 0 {
            self.skipped += 1;
            return;
        }
        match element.name().as_str() {
            "del" | "moveFrom" => self.skip("deleted-text", "text deleted with changes tracked"),
            // A drawing is written twice, the second time for old programs.
            "Fallback" => self.skipped = 1,
            "p" => {
                self.number += 1;
                self.open.push(std::mem::take(&mut self.paragraph));
            }
            "pStyle" => {
                let id = element.attribute("val").unwrap_or_default();
                let level = self.styles.levels.get(&id).copied();
                self.paragraph.level = self.paragraph.level.or(level);
                self.paragraph.is_item |= self.styles.lists.contains(&id);
            }
            "outlineLvl" => self.paragraph.level = outline_level(element),
            "numPr" => self.paragraph.is_item = true,
            "r" => {
                self.runs += 1;
                self.face = Face::Plain;
            }
            "b" if self.runs > 0 && is_on(element) => self.face = Face::Bold,
            "i" if self.runs > 0 && is_on(element) && self.face == Face::Plain => {
                self.face = Face::Italic;
            }
            "t" => self.in_text = true,
            "tab" if self.runs > 0 => self.push("\t"),
            "br" | "cr" if self.runs > 0 => self.push("\n"),
            "noBreakHyphen" => self.push("\u{2011}"),
            "tbl" => {
                let outer = std::mem::take(&mut self.paragraph);
                self.tables.push(Table { rows: Vec::new(), reaches: Vec::new(), outer });
            }
            name => {
                if let Some(table) = self.tables.last_mut() {
                    table.start(name, element, self.number + 1);
                }
            }
        }
    }

    fn skip(&mut self, kind: &str, what: &str) {
        self.document
            .rows
            .findings
            .note(kind, self.number.max(1), || format!("{what} was left out"));
        self.skipped = 1;
    }

    fn push(&mut self, text: &str) {
        if !self.open.is_empty() {
            self.paragraph.text.push_str(text);
            self.paragraph.faces.add(&self.paragraph.text, text, self.face);
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text && self.skipped == 0 {
            self.push(text);
        }
    }

    fn end(&mut self, name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "r" => self.runs = self.runs.saturating_sub(1),
            "t" => self.in_text = false,
            "p" => self.end_paragraph(),
            "tbl" => {
                if let Some(table) = self.tables.pop() {
                    self.end_table(table);
                }
            }
            _ => {}
        }
    }

    fn end_table(&mut self, mut table: Table) {
        self.paragraph = table.outer;
        merged::spread(&mut table.rows, &table.reaches, &mut self.document.rows.findings);
        self.document.table(table.rows);
    }

    fn end_paragraph(&mut self) {
        let Some(outer) = self.open.pop() else { return };
        let Paragraph { text, faces, level, is_item } =
            std::mem::replace(&mut self.paragraph, outer);
        let cell = self.tables.last_mut().and_then(|table| table.rows.last_mut());
        if let Some(cell) = cell.and_then(|row| row.cells.last_mut()) {
            if !cell.is_empty() && !text.trim().is_empty() {
                cell.push('\n');
            }
            cell.push_str(text.trim());
            return;
        }
        self.document.look_is(faces.look(&text));
        match level {
            Some(level) if !text.trim().is_empty() => self.document.heading(level, &text),
            _ if is_item => self.document.item(self.number, &text),
            _ => self.document.paragraph(self.number, &text),
        }
    }

    fn finish(mut self) -> Result<(), String> {
        while let Some(table) = self.tables.pop() {
            self.end_table(table);
        }
        self.document.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::pack;
    use super::*;
    use crate::corpus::test_support::rows_and_texts;

    const NAMESPACE: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

    /// A document of this body, with a heading style of a translated name.
    fn docx(body: &str, others: &[(&str, &str)]) -> Vec<u8> {
        let document = format!(
            "<?xml version=\"1.0\"?><w:document xmlns:w=\"{NAMESPACE}\"><w:body>{body}</w:body></w:document>"
        );
        let styles = format!(
            "<w:styles xmlns:w=\"{NAMESPACE}\"><w:style w:styleId=\"berschrift2\"><w:name w:val=\"heading 2\"/>\
             </w:style><w:style w:styleId=\"Mine\"><w:name w:val=\"Mine\"/><w:pPr><w:outlineLvl w:val=\"0\"/></w:pPr>\
             </w:style></w:styles>"
        );
        let mut parts =
            vec![("word/document.xml", document.as_str()), ("word/styles.xml", &styles)];
        parts.extend(others);
        let parts: Vec<_> = parts.iter().map(|(name, xml)| (*name, xml.as_bytes())).collect();
        pack(&parts)
    }

    fn paragraph(text: &str) -> String {
        format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
    }

    fn load(body: &str) -> Rows {
        let mut rows = Rows::new(1);
        read(&docx(body, &[]), &mut rows).unwrap();
        rows
    }

    #[test]
    fn headings_items_and_turns_are_read_whatever_the_language_of_the_program() {
        let styled = |style: &str, text: &str| {
            format!(
                "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
            )
        };
        let body = [
            styled("Mine", "Study"),
            styled("berschrift2", "Rota"),
            "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>swaps</w:t><w:tab/><w:t>at night</w:t></w:r></w:p>".to_owned(),
            paragraph("Moderator: Why?"),
            paragraph("Ana: Habit &amp; fear."),
            paragraph("Moderator: And?"),
            paragraph("Ana: No."),
        ]
        .concat();
        let rows = load(&body);
        assert_eq!(
            rows_and_texts(&rows),
            [
                (3, "section: Rota\ntext: swaps\tat night"),
                (5, "section: Rota\nquestion: Why?\ntext: Habit & fear."),
                (7, "section: Rota\nquestion: And?\ntext: No."),
            ]
        );
        assert_eq!(rows.records[1].participant.as_deref(), Some("Ana"));
    }

    #[test]
    fn tables_are_rows_also_one_inside_another() {
        let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
        let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
        let inner = format!("<w:tbl>{}</w:tbl>", row(&[cell(&paragraph("boxed"))]));
        let body = format!(
            "<w:tbl>{}{}</w:tbl>{}",
            row(&[cell(&paragraph("Name")), cell(&paragraph("Pain"))]),
            row(&[
                cell(&paragraph("Ana")),
                cell(&format!("{}{inner}{}", paragraph("the rota"), paragraph("queues")))
            ]),
            paragraph("After.")
        );
        let rows = load(&body);
        let found: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(found, ["boxed", "Name: Ana\nPain: the rota\nqueues", "After."]);
        assert_eq!(rows.records[1].participant.as_deref(), Some("Ana"));
    }

    #[test]
    fn what_is_not_in_the_text_is_left_out_with_a_finding() {
        let body = format!(
            "{}<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>\
             <w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
            paragraph("Kept.")
        );
        let comments =
            format!("<w:comments>{}{}</w:comments>", paragraph("A code"), paragraph(" "));
        let mut rows = Rows::new(1);
        read(&docx(&body, &[("word/comments.xml", &comments)]), &mut rows).unwrap();
        assert_eq!(rows_and_texts(&rows), [(1, "Kept."), (2, "new")]);
        assert_eq!(rows.findings.kinds(), [("beside-text", None, 1), ("deleted-text", Some(2), 1)]);
    }

    #[test]
    fn a_text_box_is_read_once() {
        let inner = paragraph("In a box.");
        let body = format!(
            "<w:p><w:r><w:t>Around</w:t></w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{inner}</w:txbxContent>\
             </mc:Choice><mc:Fallback><w:txbxContent>{inner}</w:txbxContent></mc:Fallback></mc:AlternateContent>\
             <w:r><w:t> it.</w:t></w:r></w:p>"
        );
        let rows = load(&body);
        let found: Vec<_> = rows.records.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(found, ["In a box.", "Around it."]);
    }

    #[test]
    fn a_merged_cell_moves_no_value_into_another_column() {
        let cell = |about: &str, text: &str| {
            format!("<w:tc><w:tcPr>{about}</w:tcPr>{}</w:tc>", paragraph(text))
        };
        let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
        let (begins, goes_on) = ("<w:vMerge w:val=\"restart\"/>", "<w:vMerge/>");
        let body = [
            row(&[cell("", "Participant"), cell("", "Area"), cell("", "Quote")]),
            row(&[cell(begins, "P1"), cell("", "Bed"), cell("", "I wait.")]),
            row(&[cell(goes_on, ""), cell("", "Food"), cell("", "I eat.")]),
            row(&[cell("<w:gridSpan w:val=\"2\"/>", "P2"), cell("", "I walk.")]),
        ];
        let rows = load(&format!("<w:tbl>{}</w:tbl>", body.concat()));
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
    fn depth_costs_only_its_size_and_broken_xml_says_where() {
        let deep = format!("{}{}", "<w:tbl><w:tr><w:tc>".repeat(50_000), paragraph("deep"));
        let deep = format!("{deep}{}", "</w:tc></w:tr></w:tbl>".repeat(50_000));
        assert_eq!(rows_and_texts(&load(&deep)), [(1, "deep")]);
        let cause = read(&docx("<w:p>", &[]), &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("XML is broken at byte"), "{cause}");
    }
}
