//! Turns prose into records: paragraphs, list items and the turns of a conversation.
//!
//! Owns what continues a turn, and which question an answer carries. Which words are speaker labels
//! is decided in `speakers`. Does not know whether the prose was Markdown or text.

use std::collections::HashSet;
use std::sync::Arc;

use super::asking::{self, Asking};
use super::bystanders::is_remark;
use super::chat_heads::{self, Parts};
use super::layouts;
use super::moderator::{self, Question};
use super::roster;
use super::speakers::{Speakers, is_generic, is_short_for};
use super::time_marks;
use super::transcript_header;
use crate::corpus::findings::Findings;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Length in bytes up to which turns of one speaker are joined, so that a monologue with a time
/// stamp on every line is neither a hundred records nor one that fills a model's context.
const MAX_JOINED_TURN: usize = 2000;

/// Facts about a participant besides what they said, as names and values.
pub(crate) type Facts = Arc<[(String, String)]>;

/// A paragraph, list item or table row of a document.
#[derive(Debug)]
pub(crate) struct Block {
    /// First line in the file, from 1.
    pub line: usize,
    /// The heading above it.
    pub section: Option<String>,
    /// The participant that a heading above it names.
    pub participant: Option<String>,
    /// What the document says of that participant.
    pub facts: Facts,
    /// What it holds.
    pub body: Body,
}

/// What a block holds.
#[derive(Debug)]
pub(crate) enum Body {
    /// Lines that belong together.
    Paragraph(Vec<String>),
    /// A list item; never joined to what stands before it.
    Item(Vec<String>),
    /// Lines that the markup gives to a speaker.
    Turn {
        /// Who speaks; empty when the markup does not say.
        speaker: String,
        /// The words.
        lines: Vec<String>,
    },
    /// Cells of a table row, by column name.
    Cells(Vec<(String, String)>),
}

/// What becomes a record: a row of a table, or a turn.
pub(super) enum Entry {
    Row {
        line: usize,
        section: Option<String>,
        participant: Option<String>,
        facts: Facts,
        cells: Vec<(String, String)>,
    },
    Turn(Turn),
}

/// A piece of text by one speaker.
pub(super) struct Turn {
    pub line: usize,
    pub section: Option<String>,
    pub participant: Option<String>,
    facts: Facts,
    /// Whether it is an item of a list.
    is_item: bool,
    pub speaker: Option<String>,
    pub text: String,
}

/// Adds a record for each paragraph, item, row or turn. A moderator's turn is not evidence: it
/// becomes the `question` of the turns that answer it.
pub(crate) fn into_rows(mut blocks: Vec<Block>, rows: &mut Rows) -> Result<(), String> {
    let header = transcript_header::take_out(&mut blocks, &mut rows.findings);
    rows.has_one_writer |= header.is_of_writer;
    let roster = roster::take_out(&mut blocks, &mut rows.findings);
    let find = |blocks: &[Block]| match &roster {
        Some(roster) => Speakers::among(&roster.names, blocks),
        None => Speakers::find(blocks),
    };
    let mut speakers = find(&blocks);
    let mut parts = Parts::default();
    if !speakers.is_empty() {
        parts = chat_heads::take_out(&mut blocks, speakers.timed, &mut rows.findings);
        speakers = find(&blocks);
    }
    let staff = roster.map(|roster| roster.staff).unwrap_or_default();
    rows.other_names.extend(staff.iter().cloned());
    parts.add_asking(staff);
    rows.other_names.extend(header.asking.iter().cloned());
    parts.interviews |= header.interviews;
    parts.add_asking(header.asking);
    if speakers.is_empty() {
        blocks = layouts::apply(blocks, &mut rows.findings);
    }
    let is_turn = |block: &Block| matches!(block.body, Body::Turn { .. });
    if !speakers.is_empty() || blocks.iter().any(is_turn) {
        layouts::drop_closing(&mut blocks, &mut rows.findings);
    }
    let mut entries: Vec<Entry> = Vec::new();
    for block in blocks {
        match block {
            Block { line, section, participant, facts, body: Body::Cells(cells) } => {
                entries.push(Entry::Row { line, section, participant, facts, cells });
            }
            block => add_block(&mut entries, &block, &speakers, &mut rows.findings),
        }
    }
    if speakers.timed {
        drop_heading(&mut entries, rows);
    }
    asking::tell_letters(&mut entries, &parts);
    drop_preface(&mut entries, rows);
    asking::add_helpers(&entries, &mut parts, rows);
    asking::drop_bystanders(&mut entries, rows);
    let asking = Asking::find_and_note(&entries, &parts, rows);
    let question = Question::default();
    let mut writer = Writer { rows, asking, parts, question, above: (None, None), chat: 0 };
    entries.into_iter().try_for_each(|entry| writer.write(entry))?;
    writer.end_question();
    Ok(())
}

/// Drops what a tool writes above the first turn, and above the first one in each section: the title, the
/// date, who was there, the task.
fn drop_heading(entries: &mut Vec<Entry>, rows: &mut Rows) {
    let spoken: HashSet<Option<String>> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Turn(Turn { section, speaker: Some(_), .. }) => Some(section.clone()),
            _ => None,
        })
        .collect();
    // The section in which somebody spoke last; none at first.
    let mut open: Option<Option<String>> = None;
    entries.retain(|entry| {
        let Entry::Turn(Turn { line, section, participant, speaker, .. }) = entry else {
            open.get_or_insert_default();
            return true;
        };
        let is_above = open.is_none() || open.as_ref() != Some(section) && spoken.contains(section);
        if !is_above || speaker.is_some() || participant.is_some() {
            open = Some(section.clone());
            return true;
        }
        note_above(&mut rows.findings, *line);
        false
    });
}

/// Drops what stands above the first turn of an interview whose questions are labelled: who it is
/// with, and when it was. It is shorter than the interview, and no answer.
fn drop_preface(entries: &mut Vec<Entry>, rows: &mut Rows) {
    let bare = |entry: &Entry| match entry {
        Entry::Turn(turn)
            if turn.speaker.is_none() && turn.participant.is_none() && !turn.is_item =>
        {
            Some((turn.line, turn.text.len()))
        }
        _ => None,
    };
    let asks = |entry: &&Entry| match entry {
        Entry::Turn(turn) => turn.speaker.as_deref().is_some_and(moderator::is_asker),
        Entry::Row { .. } => false,
    };
    let length = |entry: &Entry| match entry {
        Entry::Turn(turn) => turn.text.len(),
        Entry::Row { .. } => 0,
    };
    let preface: Vec<(usize, usize)> = entries.iter().map_while(bare).collect();
    let interview = &entries[preface.len()..];
    let is_interview =
        interview.first().as_ref().is_some_and(asks) && interview.iter().filter(asks).count() > 1;
    let is_shorter = preface.iter().map(|(_, length)| length).sum::<usize>()
        < interview.iter().map(length).sum::<usize>();
    if is_interview && is_shorter {
        for (line, _) in &preface {
            note_above(&mut rows.findings, *line);
        }
        entries.drain(..preface.len());
    }
}

fn note_above(findings: &mut Findings, line: usize) {
    findings.note("above-transcript", line, || {
        "what stands above the first turn of a transcript is nobody's words; left out".to_owned()
    });
}

impl Block {
    /// Whether it is a row of a table.
    pub(crate) fn is_row(&self) -> bool {
        matches!(self.body, Body::Cells(_))
    }

    /// Number of words in it.
    pub(crate) fn words(&self) -> usize {
        let words = |text: &String| text.split_whitespace().count();
        match &self.body {
            Body::Paragraph(lines) | Body::Item(lines) | Body::Turn { lines, .. } => {
                lines.iter().map(words).sum()
            }
            Body::Cells(cells) => cells.iter().map(|(_, value)| words(value)).sum(),
        }
    }

    /// The block without the lines that `is_gone` tells by their index: one block for each run of lines
    /// that are left, so that their numbers in the file hold.
    pub(super) fn without(self, mut is_gone: impl FnMut(usize, &str) -> bool) -> Vec<Self> {
        let is_item = matches!(self.body, Body::Item(_));
        if !is_item && !matches!(self.body, Body::Paragraph(_)) {
            return vec![self];
        }
        let (Body::Paragraph(lines) | Body::Item(lines)) = self.body else { return Vec::new() };
        let mut runs: Vec<(usize, Vec<String>)> = Vec::new();
        let mut is_open = false;
        for (at, text) in lines.into_iter().enumerate() {
            if is_gone(at, &text) {
                is_open = false;
                continue;
            }
            match runs.last_mut() {
                Some((_, run)) if is_open => run.push(text),
                _ => runs.push((at, vec![text])),
            }
            is_open = true;
        }
        let block = |(at, lines): (usize, Vec<String>)| Self {
            line: self.line + at,
            section: self.section.clone(),
            participant: self.participant.clone(),
            facts: Facts::clone(&self.facts),
            body: if is_item { Body::Item(lines) } else { Body::Paragraph(lines) },
        };
        runs.into_iter().map(block).collect()
    }

    pub(crate) fn lines(&self) -> &[String] {
        match &self.body {
            Body::Paragraph(lines) | Body::Item(lines) => lines,
            // The speaker of a turn is known, so a colon in it does not mark a label.
            Body::Turn { .. } | Body::Cells(_) => &[],
        }
    }
}

/// A stretch of a block between two labels.
struct Piece {
    line: usize,
    speaker: Option<String>,
    text: String,
}

/// Splits a block at its speaker labels. Wrapped lines are joined by a space, and in a conversation
/// the times that tools write around a turn are left out.
fn pieces(block: &Block, speakers: &Speakers, findings: &mut Findings) -> Vec<Piece> {
    if let Body::Turn { speaker, lines } = &block.body {
        let speaker = Some(speaker.clone()).filter(|name| !name.is_empty());
        let whole = lines.join("\n");
        let text = time_marks::before_end(time_marks::after_start(&whole));
        if text.len() < whole.len() {
            time_marks::note(findings, block.line);
        }
        return vec![Piece { line: block.line, speaker, text: text.to_owned() }];
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for (i, line) in block.lines().iter().enumerate() {
        let label = speakers.label(line);
        if label.is_none() && !speakers.is_empty() && is_stage_direction(line) {
            note_stage_direction(findings, block.line + i);
            continue;
        }
        let whole = label.as_ref().map_or(line.trim(), |label| label.rest);
        let text = if speakers.is_empty() { whole } else { time_marks::before_end(whole) };
        if text.len() < whole.len() || label.as_ref().is_some_and(|label| label.is_marked) {
            time_marks::note(findings, block.line + i);
        }
        // Where only questions have labels, the next line answers.
        let answers =
            |piece: &Piece| speakers.only_ask && piece.text.ends_with(['.', '?', '？', '؟']);
        match (label, pieces.last_mut()) {
            (None, Some(piece)) if !(piece.speaker.is_some() && answers(piece)) => {
                join(&mut piece.text, " ", text);
            }
            (label, _) => pieces.push(Piece {
                line: block.line + i,
                speaker: label.map(|label| label.speaker.to_owned()),
                text: text.to_owned(),
            }),
        }
    }
    pieces
}

/// Adds the pieces of a block: each continues the turn before it, or begins a new one.
fn add_block(
    entries: &mut Vec<Entry>,
    block: &Block,
    speakers: &Speakers,
    findings: &mut Findings,
) {
    for piece in pieces(block, speakers, findings) {
        let before = match entries.last_mut() {
            Some(Entry::Turn(turn)) if turn.goes_on(block, &piece, speakers) => Some(turn),
            _ => None,
        };
        let speaker = match before {
            Some(turn) if turn.text.len() + piece.text.len() < MAX_JOINED_TURN => {
                join(&mut turn.text, "\n", &piece.text);
                continue;
            }
            Some(turn) => turn.speaker.clone(),
            None => piece.speaker,
        };
        entries.push(Entry::Turn(Turn {
            line: piece.line,
            section: block.section.clone(),
            participant: block.participant.clone(),
            facts: Arc::clone(&block.facts),
            is_item: matches!(block.body, Body::Item(_)),
            speaker,
            text: piece.text,
        }));
    }
}

impl Turn {
    /// Whether a piece continues this turn: its label is the same, or it is a paragraph without
    /// one. A list item without a label belongs to nobody.
    fn goes_on(&self, block: &Block, piece: &Piece, speakers: &Speakers) -> bool {
        // Where only questions have labels, the next paragraph answers.
        let is_open = || {
            !speakers.only_ask && self.speaker.as_ref().is_some_and(|speaker| !is_remark(speaker))
        };
        let same_speaker = match &piece.speaker {
            Some(speaker) => self.speaker.as_ref() == Some(speaker),
            None => matches!(block.body, Body::Paragraph(_)) && is_open(),
        };
        same_speaker
            && self.section == block.section
            && self.participant == block.participant
            && self.facts == block.facts
    }
}

fn join(text: &mut String, separator: &str, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str(separator);
    }
    text.push_str(more);
}

/// Writes entries as records, holding back a question until its answer comes.
struct Writer<'a> {
    rows: &'a mut Rows,
    asking: Asking,
    parts: Parts,
    question: Question,
    /// The section and the participant of the headings above the last turn.
    above: (Option<String>, Option<String>),
    /// Number of the chat in which the last turn stands.
    chat: usize,
}

impl Writer<'_> {
    fn write(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Turn(turn) => self.write_turn(turn),
            Entry::Row { line, section, participant, facts, cells } => {
                self.question.move_on();
                let section = section.as_deref().map(|section| ("section", section));
                // A fact for which the row has a cell of its own is not repeated.
                let is_new = |(name, _): &&(String, String)| {
                    !cells.iter().any(|(other, _)| normalise(other) == normalise(name))
                };
                let facts = pairs(facts.iter().filter(is_new));
                let cells = section.into_iter().chain(pairs(cells.iter()));
                self.rows.push_cells(line, participant, facts.chain(cells))
            }
        }
    }

    fn write_turn(&mut self, turn: Turn) -> Result<(), String> {
        let text = self.rows.clean(turn.line, &turn.text);
        if text.is_empty() {
            return Ok(());
        }
        if turn.speaker.is_some() && is_stage_direction(&text) {
            note_stage_direction(&mut self.rows.findings, turn.line);
            return Ok(());
        }
        let chat = self.parts.chat_of(turn.line);
        if chat != self.chat {
            self.end_question();
            self.chat = chat;
        }
        let above = (turn.section.clone(), turn.participant.clone());
        if above != self.above {
            self.question.move_on();
            self.above = above;
        }
        if self.asking.is_by(&turn, &self.parts) {
            if self.question.ask(turn.line, &text) {
                moderator::note_left_out(&mut self.rows.findings, turn.line);
            }
            return Ok(());
        }
        let participant = match (turn.participant, turn.speaker) {
            (Some(named), Some(label)) if is_generic(&label) => Some(named),
            (Some(named), Some(label)) if is_short_for(&label, &named) => {
                if !self.rows.other_names.contains(&label) {
                    self.rows.other_names.push(label);
                }
                Some(named)
            }
            (named, label) => label.or(named),
        };
        let question = self.question.answer(participant.as_deref());
        let context = [("section", turn.section.as_deref()), ("question", question)];
        let context = context.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut cells: Vec<(&str, &str)> = pairs(turn.facts.iter()).chain(context).collect();
        if cells.is_empty() {
            return self.rows.push_text(turn.line, participant, text);
        }
        cells.push(("text", &text));
        self.rows.push_cells(turn.line, participant, cells)
    }

    /// Reports a last question that nobody answered.
    fn end_question(&mut self) {
        if let Some(line) = self.question.end() {
            moderator::note_left_out(&mut self.rows.findings, line);
        }
    }
}

/// Whether a text is nothing but remarks in brackets: `[00:02:50] [crosstalk]`,
/// `(opens the second screen)`.
fn is_stage_direction(text: &str) -> bool {
    let mut rest = text.trim();
    let is_bracketed = rest.starts_with(['(', '[']);
    while let Some(open) = rest.chars().next().filter(|c| matches!(c, '(' | '[')) {
        let close = if open == '(' { ')' } else { ']' };
        let Some(end) = rest.find(close) else { return false };
        rest = rest[end + 1..].trim_start();
    }
    is_bracketed && rest.is_empty()
}

fn note_stage_direction(findings: &mut Findings, line: usize) {
    findings.note("stage-direction", line, || {
        "lines that are wholly in brackets tell what happened and are nobody's words; left out"
            .to_owned()
    });
}

fn pairs<'c>(
    cells: impl Iterator<Item = &'c (String, String)>,
) -> impl Iterator<Item = (&'c str, &'c str)> {
    cells.map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn turns_of_one_speaker_are_joined_and_carry_the_question() {
        let rows = load_text(
            "[00:01] Moderator: How does your day\nbegin?\n[00:05] Ana: With coffee.\n\
             [00:09] Ana: Then the lists.\n\nAnd they are long.\n[00:20] Bo: Mine too.\n",
        );
        assert_eq!(
            said(&rows),
            [
                (
                    Some("Ana"),
                    "question: How does your day begin?\n\
                     text: With coffee.\nThen the lists.\nAnd they are long."
                ),
                (Some("Bo"), "question: How does your day begin?\ntext: Mine too."),
            ]
        );
        assert!(rows.findings.kinds().is_empty());
    }

    #[test]
    fn an_interpreter_between_others_is_nobody_and_alone_speaks_for_the_participant() {
        let talk = |who: &str| {
            format!(
                "Interviewer: How do you pay?\n{who}: ¿Cómo paga?\nRosa: En la tienda.\n\
                 {who}: At the shop.\nInterviewer: Why?\n{who}: ¿Por qué?\nRosa: Por la cola.\n"
            )
        };
        for who in ["Interpreter", "Intérprete 1", "Luis (Dolmetscher)", "通訳"] {
            let rows = load_text(&talk(who));
            let expected = [
                (Some("Rosa"), "question: How do you pay?\ntext: En la tienda."),
                (Some("Rosa"), "question: Why?\ntext: Por la cola."),
            ];
            assert_eq!(said(&rows), expected, "{who}");
        }
        let rows = load_text("Interviewer: How do you pay?\nInterpreter: She pays at the shop.\n");
        assert_eq!(rows.records.len(), 1);
    }

    #[test]
    fn letters_of_other_languages_are_told_by_what_they_do() {
        let rows = load_text(
            "Lugar: el mercado\nEntrevistada: mujer, 52 años\n\nP: ¿Cómo se enteró?\nR: Por mi cuñada.\n\nP: ¿Y qué le costó?\n\
             R: Decir que no.\n",
        );
        let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].ends_with("question: ¿Cómo se enteró?\ntext: Por mi cuñada."),
            "{texts:?}"
        );
        let rows = load_text("P: I wait.\nM: Why?\nP: Who knows?\nM: I see.\nP: So?\n");
        let is_heard = said(&rows).iter().any(|(_, text)| *text == "I wait.");
        assert!(is_heard, "both ask now and then: {:?}", said(&rows));
    }

    #[test]
    fn a_voice_that_a_program_does_not_know_is_nobodys_beside_known_ones() {
        let talk = "Ana  0:01\nI get up at five for the goats.\n\nInterviewer  0:05\nWhy?\n\n\
                    Unknown Speaker  0:07\nHave you got the keys?\n\nAna  0:09\nOn the hook.\n";
        let rows = load_text(talk);
        assert_eq!(said(&rows).len(), 2, "{:?}", said(&rows));
        let rows = load_text(&talk.replace("Ana", "Unknown Speaker"));
        assert!(!rows.records.is_empty(), "here nobody else is known");
    }

    #[test]
    fn what_stands_above_the_first_labelled_question_is_nobodys() {
        let talk = "Henrike is 29 and sublets a room.\n\nQ: How did you choose it?\nA: I did not choose it at \
                    all.\n\nQ: What then?\nA: We play cards.\n";
        assert_eq!(said(&load_text(talk))[0].0, Some("A"));
    }

    #[test]
    fn a_job_in_brackets_tells_who_is_not_interviewed() {
        let talk = "Priya (UX Research): How do you start?\nAna: With the list.\nJon (Observer): Which one?\n\
                    Ana: The long one.\n";
        let rows = load_text(talk);
        assert!(rows.records.iter().all(|record| record.participant.as_deref() == Some("Ana")));
        assert_eq!(said(&rows)[1].1, "question: Which one?\ntext: The long one.");
        assert_eq!(rows.other_names, ["Jon", "Priya"]);
    }

    #[test]
    fn a_question_without_an_answer_is_reported() {
        let rows = load_text("Q: First?\nA: Yes, always.\nQ: Thank you.\n");
        assert_eq!(said(&rows), [(Some("A"), "question: First?\ntext: Yes, always.")]);
        assert_eq!(rows.findings.kinds(), [("moderator-turn", Some(3), 1)]);
    }

    #[test]
    fn a_moderator_who_is_alone_is_heard_and_one_without_a_label_is_found() {
        let rows = load_text("Interviewer: They wait a lot.\nInterviewer: And they hate it.\n");
        assert_eq!(said(&rows), [(Some("Interviewer"), "They wait a lot.\nAnd they hate it.")]);
        let answer = "I wait for the lift with the whole ward until somebody comes down.";
        let talk = ["How do you start?", "And what then?", "Who helps you?"]
            .map(|asked| format!("[00:01] Eva: {asked}\n[00:02] Ana: {answer}\n"));
        let rows = load_text(&talk.concat());
        let expected = format!("question: Who helps you?\ntext: {answer}");
        assert_eq!(said(&rows)[2], (Some("Ana"), expected.as_str()));
        assert_eq!(rows.findings.kinds(), [("moderator-guessed", None, 1)]);
    }

    #[test]
    fn whoever_helps_a_customer_is_not_the_one_to_hear() {
        let rows = load_text(
            "Agent: How may I help?\nCustomer: The line is dead again.\nAgent: I am sorry.\nCustomer: It was dead on Monday, too.\n",
        );
        let who: Vec<_> = rows.records.iter().filter_map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, ["Customer", "Customer"]);
        assert!(rows.records[0].text.starts_with("question: How may I help?"));
        let rows = load_text(
            "Interviewer: How is it?\nAgent: We read from a script.\nInterviewer: Why?\nAgent: They want it so.\n",
        );
        assert_eq!(rows.records.len(), 2, "here the agent is interviewed");
    }

    #[test]
    fn a_question_ends_with_its_section_and_a_heading_names_whom_to_hear() {
        let mut rows = Rows::new(1);
        let text = "# Participant 1\n\nModerator: Anything else?\n\nAna: No.\n\n# Participant 2\n\nBo: I was late.\n";
        crate::corpus::formats::markdown::read(text, &mut rows).unwrap();
        assert!(rows.records[0].text.contains("question: Anything else?"));
        assert!(!rows.records[1].text.contains("question"), "{:?}", rows.records[1].text);
        let asks = ["What do I do?", "Do I tap here?", "And now what?"].map(|asked| {
            format!("Tom: {asked}\n\nSarah: That is the settings page, where all of it is.\n\n")
        });
        let mut rows = Rows::new(1);
        let text = format!("# Interview with Tom\n\n{}", asks.concat());
        crate::corpus::formats::markdown::read(&text, &mut rows).unwrap();
        assert_eq!(rows.records.len(), 6, "he thinks aloud in questions");
    }

    #[test]
    fn the_short_name_of_whom_a_heading_names_is_kept_for_anonymisation() {
        let mut rows = Rows::new(1);
        let talk = |who: &str| {
            let asked = ["Wie heizen Sie?", "Was stört Sie?", "Was wünschen Sie sich?"];
            asked
                .map(|q| format!("**Lenz:** {q}\n\n**{who}:** Ich lese den Zähler ab.\n\n"))
                .concat()
        };
        let text = format!(
            "## Interview 1: Herr Bauer, 63\n\n{}## Interview 2: Frau Kern, 31\n\n{}",
            talk("Bauer"),
            talk("Kern")
        );
        crate::corpus::formats::markdown::read(&text, &mut rows).unwrap();
        assert_eq!(rows.records[0].participant.as_deref(), Some("Interview 1: Herr Bauer, 63"));
        assert!(rows.other_names.contains(&"Bauer".to_owned()), "{:?}", rows.other_names);
    }

    #[test]
    fn times_inside_of_turns_are_nobodys_words() {
        let rows = load_text(
            "Rhea: [00:00:12] How do you check?\nDev: [00:00:42] With a register. #00:01:02-3#\n\
             Rhea: [00:01:12] And then?\nDev: (00:12) I let him train\nand wait. [00:02:13]\n",
        );
        let who = |record: &crate::corpus::Record| record.text.contains("00:");
        assert!(!rows.records.iter().any(who), "{:?}", said(&rows));
        assert!(said(&rows)[1].1.ends_with("I let him train and wait."), "{:?}", said(&rows));
        assert_eq!(rows.findings.kinds()[0], ("time-mark", Some(1), 5));
        let rows = load_text("I wrote it down.\n\nIt was on the tape [00:12]\n");
        assert_eq!(said(&rows)[1].1, "It was on the tape [00:12]", "nobody speaks here");
    }

    #[test]
    fn a_role_in_brackets_is_one() {
        let rows = load_text(
            "Sarah (Interviewer): Why?\nTom (nurse): Habit.\nSarah (Interviewer): And?\nTom (nurse): Fear.\n",
        );
        assert_eq!(said(&rows)[1], (Some("Tom"), "question: And?\ntext: Fear."));
    }

    #[test]
    fn what_a_tool_writes_above_the_first_turn_is_nobodys_words() {
        let head =
            "Interview P07 – discovery\nTue, Mar 12, 2024 2:02PM • 31:48\n\nSPEAKERS\nAna, Bo\n\n";
        let talk = "Ana (Acme)  0:02\nHow do you start?\n\nBo  0:16\nWith coffee.\n";
        let rows = load_text(&format!("{head}{talk}"));
        let expected = [(Some("Ana"), "How do you start?"), (Some("Bo"), "With coffee.")];
        assert_eq!(said(&rows), expected);
        assert_eq!(rows.findings.kinds(), [("above-transcript", Some(1), 2)]);
        let rows = load_text(
            "We met in spring.\n\nAna: It was late.\nBo: It was.\nAna: Very.\nBo: Yes.\n",
        );
        assert_eq!(said(&rows)[0], (None, "We met in spring."), "notes above a typed one are kept");
    }

    #[test]
    fn numbered_questions_are_all_the_moderators() {
        let rows = load_text("Q1: Why?\nA1: Habit.\nQ2: Since when?\nA2: Always.\n");
        let question = "question: Since when?\ntext: Always.";
        assert_eq!(said(&rows)[1], (Some("A"), question));
    }

    #[test]
    fn a_colon_in_prose_makes_no_speaker() {
        for text in [
            "My advice: do nothing.\n\nNothing else helps.",
            "Note: it rained.\n\nNote: it snowed.",
            "See https://example.org for more.\n\nMeet at 10:30 then.",
            "There are two of these things here: one and two.",
        ] {
            let rows = load_text(text);
            assert!(rows.records.iter().all(|r| r.participant.is_none()), "{text}");
        }
    }

    #[test]
    fn those_who_answer_once_in_a_round_are_speakers() {
        let said = |text: &str| -> Vec<Option<String>> {
            load_text(text).records.into_iter().map(|record| record.participant).collect()
        };
        let some = |names: &[&str]| names.iter().map(|n| Some((*n).to_owned())).collect::<Vec<_>>();
        let numbered = "Moderator: What happened?\nP01: The lift was out.\nP02: I took the stairs.";
        assert_eq!(said(numbered), some(&["P01", "P02"]));
        let named =
            "Moderator: What happened?\n\nAna: The lift was out.\n\nBen: I took the stairs.";
        assert_eq!(said(named), some(&["Ana", "Ben"]));
        let prose = "Moderator: What happened?\nAna: The lift was out.\nAnd so on.\nAna: Twice.\n\n\
                     A long day.\n\nThe lesson: take the stairs.\n\nNobody came.\n\nThen it rained.";
        assert!(!said(prose).contains(&Some("The lesson".to_owned())));
    }

    #[test]
    fn a_long_monologue_is_parted() {
        let line = format!("[00:01] Ana: {}\n", "word ".repeat(100));
        let rows = load_text(&line.repeat(12));
        assert!(rows.records.len() > 2, "{}", rows.records.len());
        assert!(rows.records.iter().all(|r| r.text.len() <= MAX_JOINED_TURN + 501));
    }
}
