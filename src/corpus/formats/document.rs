//! What documents of every kind share: headings over paragraphs, list items and tables.
//!
//! Owns sections, the participant that a heading names, and what becomes of a table inside prose.
//! Does not know in which markup the document was written; who speaks is decided in `transcript`.

use std::ops::RangeInclusive;

use super::outline::Outline;
use crate::corpus::looks::Look;
use crate::corpus::names::{is_speaker_column, normalise, participant_rank};
use crate::corpus::notes::filled;
use crate::corpus::notes::narration;
use crate::corpus::notes::researchers;
use crate::corpus::rows::{Rows, clean_name};
use crate::corpus::talk::asked;
use crate::corpus::talk::moderator;
use crate::corpus::talk::speakers::{age_in_heading, begins_turn, participant_of_heading};
use crate::corpus::talk::transcript::{self, Block, Body, Facts};
use crate::corpus::talk::transcript_header;

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

    /// Adds a table whose first row names the columns. A table of a single row, or of a single
    /// column without a header, is a frame around text, as word processors and old web pages use
    /// it. One with a column of speakers beside their words is a conversation, as transcribers type
    /// it, and a sheet of facts about one participant is a single row.
    pub(super) fn table(&mut self, rows: Vec<DocumentRow>) {
        let is_filled = |cell: &String| !cell.trim().is_empty();
        let mut rows: Vec<_> =
            rows.into_iter().filter(|row| row.cells.iter().any(is_filled)).collect();
        let columns = |row: &DocumentRow| row.cells.iter().rposition(is_filled).unwrap_or(0) + 1;
        let is_list = || !rows[0].is_header && rows.iter().all(|row| columns(row) == 1);
        if rows.len() < 2 || is_list() {
            for row in rows {
                row.cells.iter().for_each(|cell| self.paragraph(row.line, cell));
            }
            return;
        }
        if let Some(lines) = facts_of_recording(&rows) {
            self.paragraph(rows[0].line, &lines);
            return;
        }
        if let Some(turns) = turns(&rows) {
            for (line, speaker, text) in turns {
                self.turn(line, &speaker, text);
            }
            return;
        }
        if let Some(who) = whose_sheet(&rows).map(str::to_owned) {
            self.participant_is(&who);
            self.on_sheets.push(clean_name(&who));
            let line = rows[0].line;
            let mut header = Vec::new();
            let mut cells = Vec::new();
            for mut row in rows {
                header.push(clean_name(&std::mem::take(&mut row.cells[0])));
                cells.push(row.cells.swap_remove(1));
            }
            self.table_row(&header, Some(0), &DocumentRow { line, is_header: false, cells });
            return;
        }
        let header: Vec<_> = rows.remove(0).cells.iter().map(|name| clean_name(name)).collect();
        let speaker = header
            .iter()
            .enumerate()
            .filter_map(|(i, name)| Some((participant_rank(name)?, i)))
            .min()
            .map(|(_, column)| column);
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
        self.drop_preface();
        let blocks = std::mem::take(&mut self.blocks);
        self.blocks = match narration::Form::find(&blocks, &self.looks) {
            Some(form) => narration::told(blocks, &self.looks, form, self.rows),
            None => asked::in_bold(blocks, &self.looks, &mut self.rows.findings),
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

/// Left cells of a sheet about a participant, besides the one that says who it is.
const SHEET_FACTS: [&str; 12] = [
    "age",
    "gender",
    "occupation",
    "job",
    "role",
    "company",
    "location",
    "city",
    "phone",
    "email",
    "date",
    "interviewer",
];

/// The participant that a table is about, if it is a sheet of two columns: names of facts, and
/// facts.
fn whose_sheet(rows: &[DocumentRow]) -> Option<&str> {
    let pairs = || rows.iter().map(|row| (normalise(&row.cells[0]), row.cells.get(1)));
    let first = rows[0].cells.first().filter(|_| !rows[0].is_header)?;
    let is_sheet = participant_rank(first).is_some()
        && rows.iter().all(|row| row.cells.len() == 2 && may_be_label(&row.cells[0]))
        && pairs().any(|(name, _)| SHEET_FACTS.contains(&name.as_str()));
    pairs().next()?.1.filter(|_| is_sheet).map(|who| who.trim()).filter(|who| !who.is_empty())
}

/// Number of columns of a table that may be a conversation: the speaker and the words, and perhaps
/// a number and a time.
const TALK_COLUMNS: RangeInclusive<usize> = 2..=4;
/// Longest label of a speaker or a fact, in characters.
const LONGEST_LABEL: usize = 40;

/// A row as a turn: line, speaker and words.
type Turn<'r> = (usize, String, &'r str);

/// The rows as turns, if the table is a conversation: its header says that people speak, or one of
/// them asks, to judge by the label or by what they do. A row without a label has the speaker of
/// the row above.
fn turns(rows: &[DocumentRow]) -> Option<Vec<Turn<'_>>> {
    let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    if !TALK_COLUMNS.contains(&width) {
        return None;
    }
    let names = || rows[0].cells.iter().map(|name| normalise(name)).enumerate();
    if let Some((column, _)) = names().find(|(_, name)| is_speaker_column(name)) {
        return turns_in(&rows[1..], column, width);
    }
    let ranked = names().filter_map(|(i, name)| Some((participant_rank(&name)?, i)));
    if let Some((_, column)) = ranked.min() {
        let turns = turns_in(&rows[1..], column, width)?;
        return has_asker(&turns).then_some(turns);
    }
    if rows[0].is_header {
        return None;
    }
    (0..width).find_map(|column| {
        let turns = turns_in(rows, column, width)?;
        let spoken = turns.iter().map(|(_, speaker, text)| (speaker.as_str(), *text));
        (has_asker(&turns) || moderator::guess(spoken).is_some()).then_some(turns)
    })
}

fn has_asker(turns: &[Turn<'_>]) -> bool {
    turns.iter().any(|(_, speaker, _)| moderator::is_asker(speaker))
}

/// The rows as turns of the speakers in `column`, if all its cells could be labels and the words
/// are in a single other column: a third one may hold only times and numbers, since it is lost.
fn turns_in(rows: &[DocumentRow], column: usize, width: usize) -> Option<Vec<Turn<'_>>> {
    fn cell(row: &DocumentRow, column: usize) -> &str {
        row.cells.get(column).map_or("", |cell| cell.trim())
    }
    let others = || (0..width).filter(|&other| other != column);
    let bytes = |column: &usize| rows.iter().map(|row| cell(row, *column).len()).sum::<usize>();
    let words = others().max_by_key(bytes)?;
    let has_letters = |c: usize| rows.iter().any(|row| cell(row, c).contains(char::is_alphabetic));
    if others().any(|other| other != words && has_letters(other)) {
        return None;
    }
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(rows.len());
    for row in rows {
        let label = clean_name(cell(row, column).trim_end_matches(':'));
        let speaker = match turns.last() {
            Some((_, before, _)) if label.is_empty() => before.clone(),
            _ => label,
        };
        if !may_be_label(&speaker) {
            return None;
        }
        turns.push((row.line, speaker, cell(row, words)));
    }
    turns.iter().any(|(_, speaker, _)| *speaker != turns[0].1).then_some(turns)
}

/// Whether a text may be the label of a speaker or of a fact: short, with letters, and no sentence.
fn may_be_label(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    let is_initial = last.chars().count() == 2 && last.starts_with(char::is_uppercase);
    text.contains(char::is_alphabetic)
        && text.chars().count() <= LONGEST_LABEL
        && (is_initial || !text.ends_with(['.', '?', '!']))
}

/// The lines of a transcript's header that somebody typed into a table of two columns.
fn facts_of_recording(rows: &[DocumentRow]) -> Option<String> {
    let pairs = rows.iter().map(|row| match row.cells.as_slice() {
        [label, value, rest @ ..] if rest.iter().all(|cell| cell.trim().is_empty()) => {
            Some(format!("{}: {}", clean_name(label).trim_end_matches(':'), clean_name(value)))
        }
        _ => None,
    });
    let lines = pairs.collect::<Option<Vec<String>>>()?;
    // Elsewhere a table of two columns is a sheet about a participant, or a conversation.
    (turns(rows).is_some() && transcript_header::are_facts(&lines)).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::test_support::said;

    fn read(write: impl FnOnce(&mut Document<'_>)) -> Rows {
        let mut rows = Rows::new(1);
        let mut document = Document::new(&mut rows);
        write(&mut document);
        document.finish().unwrap();
        rows
    }

    fn rows_of(lines: &[&[&str]]) -> Vec<DocumentRow> {
        let own = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let row = |(i, cells): (usize, &&[&str])| DocumentRow {
            line: i + 1,
            is_header: false,
            cells: own(cells),
        };
        lines.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_table_with_a_column_of_names_says_who_speaks() {
        let rows = read(|document| {
            document.table(rows_of(&[&["Name", "Pain", ""], &["Ana", "the rota", "x"], &["Bo"]]));
        });
        let expected =
            [(Some("Ana"), "Name: Ana\nPain: the rota\ncolumn_3: x"), (Some("Bo"), "Name: Bo")];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn lines_that_introduce_the_only_table_are_left_out() {
        let table: [&[&str]; 4] = [
            &["No", "What should we change?"],
            &["1", "I need more than one hour a month."],
            &["2", "Let me choose my mentor myself, please."],
            &["3", "Start in the very first year of it."],
        ];
        let write = |above: &str, below: &str| {
            read(|document| {
                document.heading(1, "Survey");
                document.paragraph(1, above);
                document.table(rows_of(&table));
                document.paragraph(9, below);
            })
        };
        let rows = write("Collected in June. We removed two empty answers.", "");
        assert_eq!(
            (rows.records.len(), rows.findings.kinds()),
            (3, vec![("above-table", Some(1), 1)])
        );
        assert_eq!(write("I wait for my mentor.", "He never calls.").records.len(), 5);
        assert_eq!(write(&"I wait for my mentor. ".repeat(9), "").records.len(), 4);
    }

    #[test]
    fn a_sheet_says_above_its_table_who_filled_it_in() {
        let row = |time: &str, did: &str| [time.to_owned(), did.to_owned()];
        let rows = read(|document| {
            document.heading(1, "My day");
            document
                .paragraph(2, "Instructions: fill one row each time. There are no wrong answers.");
            document.paragraph(3, "Name: Bo Lee    Participant code: S-09");
            let filled = [
                row("Time", "What I did"),
                row("21:20", "I read forty messages about a tent."),
                row("22:05", "I watched a man restore a lawnmower."),
                row("22:50", "I checked the alarm once more, again."),
            ];
            let cells: Vec<Vec<&str>> =
                filled.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
            document.table(rows_of(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            document.paragraph(9, "Researcher comment: strong effect, cf. S-04.");
        });
        assert_eq!(rows.records.len(), 3, "{:?}", said(&rows));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("Bo Lee")), "{:?}", said(&rows));
    }

    #[test]
    fn all_below_a_sheet_about_the_only_participant_is_theirs() {
        let sheet: [&[&str]; 2] = [&["Participant", "Rosalind, 52"], &["Job", "Nurse"]];
        let write = |other: &str| {
            let rows = read(|document| {
                document.heading(1, "Interview");
                document.table(rows_of(&sheet));
                document.heading(1, other);
                document.paragraph(4, "I have a paper in my pocket.");
            });
            rows.records.last().and_then(|record| record.participant.clone())
        };
        assert_eq!(write("The night").as_deref(), Some("Rosalind, 52"));
        assert_eq!(write("Participant 2 – Bo").as_deref(), Some("Participant 2 – Bo"));
    }

    #[test]
    fn a_table_of_one_row_or_column_is_a_frame_around_text() {
        let rows = read(|document| {
            document.table(rows_of(&[&["one", "two"], &["", " "]]));
            document.table(rows_of(&[&["three"], &["four", ""]]));
        });
        let texts: Vec<_> = said(&rows).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["one", "two", "three", "four"]);
    }

    #[test]
    fn a_table_in_which_somebody_asks_is_a_conversation() {
        let answers = ["question: Why?\ntext: The lift is slow.", "question: And?\ntext: I walk."];
        let talk: [&[&str]; 4] = [
            &["Interviewer:", "Why?"],
            &["P1", "The lift is slow."],
            &["Interviewer:", "And?"],
            &["P1", "I walk."],
        ];
        let rows = read(|document| document.table(rows_of(&talk)));
        assert_eq!(said(&rows), answers.map(|text| (Some("P1"), text)));

        let timed: Vec<Vec<&str>> = std::iter::once(vec!["Time", "Speaker", "Text"])
            .chain(talk.iter().map(|turn| vec!["00:01", turn[0], turn[1]]))
            .collect();
        let timed: Vec<&[&str]> = timed.iter().map(Vec::as_slice).collect();
        let rows = read(|document| document.table(rows_of(&timed)));
        assert_eq!(said(&rows), answers.map(|text| (Some("P1"), text)));
        assert_eq!(rows.records[0].row, 3);
    }

    #[test]
    fn a_column_of_speakers_makes_a_conversation_in_any_language() {
        let rows = read(|document| {
            document.paragraph(1, "Durée : 48 minutes. Enquêteurs : Anne Roy, Karim B.");
            document.table(rows_of(&[
                &["Minutage", "Locuteur", "Propos"],
                &["00:10", "Anne Roy", "Depuis quand ?"],
                &["00:22", "Mme Petit", "Depuis dix-neuf ans."],
                &["00:30", "Karim B.", "Et la fuite ?"],
                &["00:40", "Mme Petit", "Trois plombiers sont venus."],
            ]));
        });
        let expected = [
            (Some("Mme Petit"), "question: Depuis quand ?\ntext: Depuis dix-neuf ans."),
            (Some("Mme Petit"), "question: Et la fuite ?\ntext: Trois plombiers sont venus."),
        ];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn a_label_left_out_is_the_one_above_and_whoever_asks_needs_no_role() {
        let long = "I wait for the lift with the whole ward until somebody comes down to us.";
        let round: [&[&str]; 3] = [&["Eva", "How do you start?"], &["Ana", long], &["", "Always."]];
        let rows = read(|document| document.table(rows_of(&round.repeat(3))));
        let text = format!("question: How do you start?\ntext: {long}\nAlways.");
        assert_eq!(said(&rows), vec![(Some("Ana"), text.as_str()); 3]);
        assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
    }

    #[test]
    fn a_sheet_names_the_participant_of_what_follows() {
        let rows = read(|document| {
            document.table(rows_of(&[&["Participant", "Beth"], &["Age", "38"], &["Phone", ""]]));
            document.paragraph(9, "It is always the same.");
        });
        let expected = [
            (Some("Beth"), "Participant: Beth\nAge: 38"),
            (Some("Beth"), "It is always the same."),
        ];
        assert_eq!(said(&rows), expected);
        let quotes: [&[&str]; 3] =
            [&["Participant", "Quote"], &["P1", "I walk."], &["P2", "I wait."]];
        let rows = read(|document| document.table(rows_of(&quotes)));
        assert_eq!(said(&rows)[1], (Some("P2"), "Participant: P2\nQuote: I wait."));
    }

    #[test]
    fn what_researchers_write_to_each_other_is_left_out_beside_participants() {
        let rows = read(|document| {
            document.heading(1, "Participant 1");
            document.paragraph(2, "I walk.");
            document.heading(1, "Next steps");
            document.paragraph(4, "Fix the labels.");
        });
        assert_eq!(said(&rows).len(), 1);
        assert_eq!(rows.findings.kinds(), [("researchers-section", Some(4), 1)]);
        let rows = read(|document| {
            document.heading(1, "Summary");
            document.paragraph(2, "They walk.");
        });
        assert_eq!(rows.records.len(), 1, "there is nothing else");
    }

    #[test]
    fn researchers_headings_and_asides_are_known_in_several_languages() {
        let rows = read(|document| {
            document.heading(1, "Notas de campo");
            document.paragraph(2, "Fecha: 14 de mayo de 2024. Investigadora: Lucía");
            document.heading(2, "Contexto");
            document.paragraph(4, "El mercado abre a las siete.");
            document.heading(2, "Carmen, 58, pescadera");
            document.paragraph(6, "Apunto los encargos en la mano.");
            document.paragraph(7, "Observación: no mira la pantalla.");
            document.heading(2, "小结");
            document.paragraph(9, "They need a list.");
        });
        let text = "age: 58\nsection: Carmen, 58, pescadera\ntext: Apunto los encargos en la mano.";
        assert_eq!(said(&rows), [(Some("Carmen, 58, pescadera"), text)]);
        assert_eq!(rows.findings.kinds(), [("researchers-section", Some(2), 4)]);
        let rows = read(|document| document.paragraph(1, "Observation: they walk."));
        assert_eq!(rows.records.len(), 1, "nobody is named");
    }

    #[test]
    fn themes_beside_what_was_said_are_no_speakers_and_no_column_is_lost() {
        let themes: [&[&str]; 4] = [
            &["Theme", "Quote"],
            &["Access", "The lift is slow."],
            &["Access", "I walk."],
            &["Cost", "It is dear."],
        ];
        let rows = read(|document| document.table(rows_of(&themes)));
        assert_eq!(said(&rows)[0], (None, "Theme: Access\nQuote: The lift is slow."));
        let coded: [&[&str]; 3] = [
            &["Speaker", "Text", "Code"],
            &["Interviewer", "Why?", ""],
            &["P1", "The lift is slow.", "access"],
        ];
        let rows = read(|document| document.table(rows_of(&coded)));
        let last = (Some("P1"), "Speaker: P1\nText: The lift is slow.\nCode: access");
        assert_eq!(said(&rows).last(), Some(&last));
    }
}
