//! What documents of every kind share: headings over paragraphs, list items and tables.
//!
//! Owns sections, the participant that a heading names, and what becomes of a table inside prose;
//! `table` tells what kind of table it is. Does not know in which markup the document was written;
//! who speaks is decided in `transcript`.

mod table;

use self::table::Table;
use super::outline::Outline;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::looks::Look;
use crate::corpus::names::participant_rank;
use crate::corpus::notes::filled;
use crate::corpus::notes::narration;
use crate::corpus::notes::researchers;
use crate::corpus::rows::{Rows, clean_name};
use crate::corpus::talk::asked;
use crate::corpus::talk::list_heads;
use crate::corpus::talk::speakers::{age_in_heading, begins_turn, participant_of_heading};
use crate::corpus::talk::transcript;

/// A document while its reader walks through it, top to bottom.
pub(super) struct Document<'a> {
    /// Takes findings while the document is read, and the records at its end.
    pub rows: &'a mut Rows,
    blocks: Vec<Block>,
    /// How each of the blocks is shown.
    looks: Vec<Look>,
    /// How the next paragraph or item is shown.
    next_look: Look,
    section: Option<String>,
    /// Level of the nearest heading.
    level: u8,
    /// The participant that a heading names.
    participant: Option<Named>,
    /// The participant that the whole file is about, where no heading names another.
    owner: Option<Named>,
    /// Whether the file is a note that names no participant, among notes that do.
    is_about_notes: bool,
    outline: Outline,
    top_headings: usize,
    title: Option<String>,
    /// Those about whom a table of facts stands in the document.
    on_sheets: Vec<String>,
}

/// A participant, and what the document says of them.
#[derive(Debug)]
struct Named {
    /// Level of the heading that they are named under; 0 where the file names them.
    level: u8,
    name: String,
    facts: Facts,
}

/// A row of a table inside a document.
#[derive(Debug)]
pub(super) struct DocumentRow {
    /// Line in the file (or paragraph, where there are no lines), from 1.
    pub line: usize,
    /// Whether the markup says that it names the columns.
    pub is_header: bool,
    /// Its cells, raw.
    pub cells: Vec<String>,
}

impl<'a> Document<'a> {
    pub(super) fn new(rows: &'a mut Rows) -> Self {
        Self {
            rows,
            blocks: Vec::new(),
            looks: Vec::new(),
            next_look: Look::Plain,
            section: None,
            level: 0,
            participant: None,
            owner: None,
            is_about_notes: false,
            outline: Outline::default(),
            top_headings: 0,
            title: None,
            on_sheets: Vec::new(),
        }
    }

    /// Begins a section under a heading of `level`, where 1 is the top.
    pub(super) fn heading(&mut self, level: u8, text: &str) {
        let heading = clean_name(text);
        self.level = level;
        self.outline.push(level, &heading, self.blocks.len());
        if self.participant.as_ref().is_some_and(|above| level <= above.level) {
            self.participant = None;
        }
        if let Some(name) = participant_of_heading(&heading) {
            let age = age_in_heading(&heading).map(|age| ("age".to_owned(), age.to_owned()));
            self.participant = Some(Named { level, name, facts: age.into_iter().collect() });
        }
        if level == 1 {
            self.top_headings += 1;
            if self.top_headings == 1 {
                self.title = Some(heading.clone());
            }
        }
        self.section = Some(heading).filter(|heading| !heading.is_empty());
    }

    /// Says that the part under the nearest heading holds this participant's words.
    pub(super) fn participant_is(&mut self, name: &str) {
        let name = clean_name(name);
        if !name.is_empty() {
            self.participant = Some(Named { level: self.level, name, facts: Facts::default() });
        }
    }

    /// Says that the whole file holds this participant's words, and what is known of them.
    pub(super) fn is_about(&mut self, name: &str, facts: Vec<(String, String)>) {
        let name = clean_name(name);
        if !name.is_empty() {
            self.owner = Some(Named { level: 0, name, facts: facts.into() });
        }
    }

    /// Says that the file is a note that names no participant, among notes that do.
    pub(super) fn is_about_notes(&mut self) {
        self.is_about_notes = true;
    }

    /// Sets what is known of the participant that is named under the nearest heading. False where
    /// nobody is named there.
    pub(super) fn facts_are(&mut self, facts: Vec<(String, String)>) -> bool {
        let level = self.level;
        let named = self.participant.as_mut().filter(|named| named.level == level);
        named.map(|named| named.facts = facts.into()).is_some()
    }

    /// Says how the next paragraph or item is shown.
    pub(super) fn look_is(&mut self, look: Look) -> &mut Self {
        self.next_look = look;
        self
    }

    /// Adds lines that belong together, unless they are blank.
    pub(super) fn paragraph(&mut self, line: usize, text: &str) {
        if !text.trim().is_empty() {
            self.add(line, Body::Paragraph(text.lines().map(str::to_owned).collect()));
        }
    }

    /// Adds a list item, which is never joined to what stands before it, unless it is blank.
    pub(super) fn item(&mut self, line: usize, text: &str) {
        if !text.trim().is_empty() {
            self.add(line, Body::Item(text.lines().map(str::to_owned).collect()));
        }
    }

    /// Adds words that the markup itself gives to a speaker.
    pub(super) fn turn(&mut self, line: usize, speaker: &str, text: &str) {
        let lines = text.lines().map(str::to_owned).collect();
        self.add(line, Body::Turn { speaker: clean_name(speaker), lines });
    }

    /// Adds a table whose first row names the columns, or whatever else it turns out to be. A sheet
    /// of facts about one participant is a single row.
    pub(super) fn table(&mut self, mut rows: Vec<DocumentRow>) {
        rows.retain(|row| row.cells.iter().any(|cell| !cell.trim().is_empty()));
        match Table::of(&rows) {
            Table::Frame => {
                for row in rows {
                    row.cells.iter().for_each(|cell| self.paragraph(row.line, cell));
                }
            }
            Table::Header(lines) => self.paragraph(rows[0].line, &lines),
            Table::Talk(turns) => {
                for (line, speaker, text) in turns {
                    self.turn(line, &speaker, text);
                }
            }
            Table::Sheet(who) => self.sheet(&who, rows),
            Table::Rows => self.rows_under_header(rows),
        }
    }

    fn sheet(&mut self, who: &str, rows: Vec<DocumentRow>) {
        self.participant_is(who);
        self.on_sheets.push(clean_name(who));
        let line = rows[0].line;
        let mut header = Vec::new();
        let mut cells = Vec::new();
        for mut row in rows {
            header.push(clean_name(&std::mem::take(&mut row.cells[0])));
            cells.push(row.cells.swap_remove(1));
        }
        self.table_row(&header, Some(0), &DocumentRow { line, is_header: false, cells });
    }

    fn rows_under_header(&mut self, mut rows: Vec<DocumentRow>) {
        let header: Vec<_> = rows.remove(0).cells.iter().map(|name| clean_name(name)).collect();
        let ranked = header.iter().enumerate();
        let ranked = ranked.filter_map(|(i, name)| Some((participant_rank(name)?, i)));
        let speaker = ranked.min().map(|(_, column)| column);
        for row in rows {
            self.table_row(&header, speaker, &row);
        }
    }

    fn table_row(&mut self, header: &[String], speaker: Option<usize>, row: &DocumentRow) {
        let mut named = Vec::new();
        let mut who = None;
        for (i, cell) in row.cells.iter().enumerate() {
            let value = self.rows.clean(row.line, cell);
            if value.is_empty() {
                continue;
            }
            if speaker == Some(i) {
                who = Some(value.clone());
            }
            let name = header.get(i).filter(|name| !name.is_empty());
            named.push((name.cloned().unwrap_or_else(|| format!("column_{}", i + 1)), value));
        }
        if named.is_empty() {
            return;
        }
        self.add(row.line, Body::Cells(named));
        if let (Some(who), Some(block)) = (who, self.blocks.last_mut()) {
            block.participant = Some(who);
        }
    }

    /// Reports text that is nobody's words, such as an image or a block of code.
    pub(super) fn note_skipped(&mut self, what: &str, line: usize) {
        self.rows.findings.note("not-prose", line, || {
            format!("nobody's words, left out: {what} here, and other markup of its kind")
        });
    }

    fn add(&mut self, line: usize, body: Body) {
        let section = self.section.clone();
        let named = self.participant.as_ref().or(self.owner.as_ref());
        let participant = named.map(|named| named.name.clone());
        let facts = named.map(|named| Facts::clone(&named.facts)).unwrap_or_default();
        self.looks.push(std::mem::take(&mut self.next_look));
        self.blocks.push(Block { line, section, participant, facts, body });
    }

    /// Makes the records. A single top heading is the title of the whole document rather than of a
    /// part of it, so it does not become a section.
    pub(super) fn finish(mut self) -> Result<(), String> {
        if self.top_headings == 1 {
            for block in &mut self.blocks {
                if block.section == self.title {
                    block.section = None;
                }
            }
        }
        self.give_to_the_only_one();
        self.outline.name_participants(&mut self.blocks);
        self.give_lists_to_those_above();
        self.drop_preface();
        let blocks = std::mem::take(&mut self.blocks);
        self.blocks = match narration::Form::find(&blocks, &self.looks) {
            Some(form) => narration::told(blocks, &self.looks, form, self.rows),
            None => asked::set_off(blocks, &self.looks, &mut self.rows.findings),
        };
        narration::note_third_person(&self.blocks, &mut self.rows.findings);
        self.drop_researchers_sections();
        self.drop_introduction();
        transcript::into_rows(self.blocks, self.rows)
    }

    /// Gives what stands below a table of facts about a participant to them, under whatever
    /// heading, if the document names nobody else.
    fn give_to_the_only_one(&mut self) {
        let [who] = &self.on_sheets[..] else { return };
        let named = || self.blocks.iter().filter_map(|block| block.participant.as_ref());
        if named().any(|name| name != who) {
            return;
        }
        let below = self.blocks.iter_mut().skip_while(|block| block.participant.is_none());
        below.for_each(|block| block.participant = Some(who.clone()));
    }

    /// Gives lists to the participants whom the lines above them name.
    fn give_lists_to_those_above(&mut self) {
        let gone = list_heads::give_items(&mut self.blocks);
        let (mut block, mut look) = (0.., 0..);
        self.blocks.retain(|_| !block.next().is_some_and(|at| gone.contains(&at)));
        self.looks.retain(|_| !look.next().is_some_and(|at| gone.contains(&at)));
    }

    /// Leaves out paragraphs above the first of several participants whom headings name: they tell of the
    /// study. They are fewer than what follows.
    fn drop_preface(&mut self) {
        let is_bare = |(block, look): &(&Block, &Look)| {
            let is_paragraph = matches!(block.body, Body::Paragraph(_));
            is_paragraph && block.participant.is_none() && **look != Look::Quoted
        };
        let above = self.blocks.iter().zip(&self.looks).take_while(is_bare).count();
        let (preface, rest) = self.blocks.split_at(above);
        let first = rest.first().and_then(|block| block.participant.as_ref());
        let mut named = rest.iter().filter_map(|block| block.participant.as_ref());
        let are_several = first.is_some() && named.any(|name| Some(name) != first);
        let words = |blocks: &[Block]| blocks.iter().map(Block::words).sum::<usize>();
        // What names those who ask is read below.
        let is_header = |block: &Block| block.lines().iter().any(|line| begins_turn(line));
        if !are_several || words(preface) >= words(rest) || preface.iter().any(is_header) {
            return;
        }
        for block in self.blocks.drain(..above) {
            self.rows.findings.note("preface", block.line, || {
                "what stands above the first of several participants whom headings name tells of the \
                 study, and is nobody's words; left out"
                    .to_owned()
            });
        }
        self.looks.drain(..above);
    }

    /// Leaves out a few paragraphs above the table that is all else in a document, and remarks of
    /// researchers below it: they say what it is, and perhaps who filled it in.
    fn drop_introduction(&mut self) {
        let above = self.blocks.iter().take_while(|block| !block.is_row()).count();
        let below =
            self.blocks.iter().rev().take_while(|block| researchers::remarks(block)).count();
        let end = self.blocks.len() - below;
        let (intro, table) = self.blocks[..end.max(above)].split_at(above);
        let is_table = table.len() >= LEAST_ROWS
            && table.iter().all(Block::is_row)
            && table.iter().filter(|block| block.words() >= ROW_WORDS).count() * 2 > table.len();
        let is_paragraph =
            |block: &Block| matches!(block.body, Body::Paragraph(_)) && block.participant.is_none();
        let words = |blocks: &[Block]| blocks.iter().map(Block::words).sum::<usize>();
        if !is_table
            || above > LONGEST_INTRODUCTION
            || !intro.iter().all(is_paragraph)
            || words(intro) >= words(table)
        {
            return;
        }
        let who = intro.iter().flat_map(Block::lines).find_map(|line| who_filled_in(line));
        let mut gone: Vec<Block> = self.blocks.drain(end..).collect();
        gone.extend(self.blocks.drain(..above));
        for block in gone {
            self.rows.findings.note("above-table", block.line, || {
                "a few lines above the table that is all else in a document say what it is, and are \
                 nobody's words; left out"
                    .to_owned()
            });
        }
        for block in &mut self.blocks {
            block.participant = block.participant.take().or_else(|| who.clone());
        }
    }

    /// Leaves out what researchers wrote to each other: their own notes, and sections and remarks
    /// in a document whose other parts are participants'.
    fn drop_researchers_sections(&mut self) {
        let has_participants = self.blocks.iter().any(|block| block.participant.is_some());
        if self.is_about_notes && !has_participants {
            for block in self.blocks.drain(..) {
                self.rows.findings.note("researchers-note", block.line, || {
                    "a note that names no participant among notes that do is the researchers' own \
                     (an index, a template); left out"
                        .to_owned()
                });
            }
        }
        if has_participants {
            for block in self.blocks.extract_if(.., |block| researchers::wrote(block)) {
                researchers::note_section(block.line, self.rows);
            }
        }
    }
}

/// Who filled in a sheet, if a line above it says so: `Name: Ana Lee    Code: S-09`.
fn who_filled_in(line: &str) -> Option<String> {
    let (label, value) = line.split_once([':', '：'])?;
    let value = value.trim().split(['\t', '|']).next()?;
    let name = clean_name(value.split("  ").next()?);
    let is_filled = name.contains(char::is_alphanumeric) && !name.contains(':');
    (filled::names_participant(label.trim()) && is_filled).then_some(name)
}

/// Fewest rows of a table that is a document's only content.
const LEAST_ROWS: usize = 3;
/// Fewest words in most of these rows.
const ROW_WORDS: usize = 6;
/// Most paragraphs that introduce such a table.
const LONGEST_INTRODUCTION: usize = 3;

#[cfg(test)]
mod tests;
