//! Cuts the blocks of a document into turns at the labels of speakers.
//!
//! Owns what begins a turn and what continues one. Which words are a label is decided in `speakers`;
//! what becomes of a turn, in `transcript`.

use std::sync::Arc;

use super::bystanders::is_remark;
use super::speakers::Speakers;
use super::time_marks;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::findings::Findings;

/// Length in bytes up to which turns of one speaker are joined, so that a monologue with a time
/// stamp on every line is neither a hundred records nor one that fills a model's context.
pub(super) const MAX_JOINED_TURN: usize = 2000;

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
    pub facts: Facts,
    /// Whether it is an item of a list.
    pub is_item: bool,
    pub speaker: Option<String>,
    pub text: String,
}

/// The entries of a document: its table rows as they are, and its other blocks as turns.
pub(super) fn entries(
    blocks: Vec<Block>,
    speakers: &Speakers,
    findings: &mut Findings,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for block in blocks {
        match block {
            Block { line, section, participant, facts, body: Body::Cells(cells) } => {
                entries.push(Entry::Row { line, section, participant, facts, cells });
            }
            block => add_block(&mut entries, &block, speakers, findings),
        }
    }
    entries
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
        if label.is_none() && !speakers.is_empty() && time_marks::is_only_time(line) {
            time_marks::note(findings, block.line + i);
            continue;
        }
        let whole = label.as_ref().map_or(line.trim(), |label| label.rest);
        let text = match &label {
            _ if speakers.is_empty() => whole,
            Some(_) => time_marks::before_end(whole),
            None => time_marks::before_end(time_marks::after_start(whole)),
        };
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

/// Whether a text is nothing but remarks in brackets: `[00:02:50] [crosstalk]`,
/// `(opens the second screen)`.
pub(super) fn is_stage_direction(text: &str) -> bool {
    let mut rest = text.trim();
    let is_bracketed = rest.starts_with(['(', '[']);
    while let Some(open) = rest.chars().next().filter(|c| matches!(c, '(' | '[')) {
        let close = if open == '(' { ')' } else { ']' };
        let Some(end) = rest.find(close) else { return false };
        rest = rest[end + 1..].trim_start();
    }
    is_bracketed && rest.is_empty()
}

pub(super) fn note_stage_direction(findings: &mut Findings, line: usize) {
    findings.note("stage-direction", line, || {
        "lines that are wholly in brackets tell what happened and are nobody's words; left out"
            .to_owned()
    });
}
