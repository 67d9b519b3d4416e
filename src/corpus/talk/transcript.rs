//! Turns prose into records: paragraphs, list items and the turns of a conversation.
//!
//! Owns the order of the steps, what stands above the first turn, and which question an answer
//! carries. Which words are speaker labels is decided in `speakers`, where a turn ends in `turns`.
//! Does not know whether the prose was Markdown or text.

use std::collections::HashSet;

use super::asking::{self, Asking};
use super::chat_heads::{self, Parts};
use super::layouts;
use super::moderator::{self, Question};
use super::roster;
use super::session_log;
use super::speakers::{Speakers, is_generic, is_short_for};
use super::transcript_header;
use super::turns::{self, Entry, Turn, is_stage_direction, note_stage_direction};
use crate::corpus::block::{Block, Body};
use crate::corpus::findings::Findings;
use crate::corpus::names::normalise;
use crate::corpus::rows::Rows;

/// Adds a record for each paragraph, item, row or turn. A moderator's turn is not evidence: it
/// becomes the `question` of the turns that answer it.
pub(crate) fn into_rows(mut blocks: Vec<Block>, rows: &mut Rows) -> Result<(), String> {
    let asking = session_log::take_apart(&mut blocks, &mut rows.findings);
    let mut header = transcript_header::take_out(&mut blocks, &mut rows.findings);
    header.interviews |= !asking.is_empty();
    header.asking.extend(asking);
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
    let mut entries = turns::entries(blocks, &speakers, &mut rows.findings);
    if speakers.timed || speakers.each_answers {
        drop_heading(&mut entries, rows);
    }
    asking::tell_letters(&mut entries, &parts);
    drop_preface(&mut entries, rows);
    asking::add_agents(&entries, &mut parts, rows);
    asking::drop_bystanders(&mut entries, rows);
    let asking = Asking::find_and_note(&entries, &parts, rows);
    let question = Question::default();
    let mut writer =
        Writer { rows, asking, parts, question, above: (None, None), chat: 0, heard: None };
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
    /// The customer who was heard last.
    heard: Option<String>,
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
        if let (Asking::Helping, Some(who)) = (&self.asking, &participant)
            && self.heard.replace(who.clone()).is_some_and(|last| last != *who)
        {
            // The next customer has a matter of their own.
            self.question.move_on();
        }
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

fn pairs<'c>(
    cells: impl Iterator<Item = &'c (String, String)>,
) -> impl Iterator<Item = (&'c str, &'c str)> {
    cells.map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests;
