//! A piece of a document: a paragraph, a list item, a turn that the markup marks, or a table row.
//!
//! Owns the type that all readers of prose build, and that conversations and notes are made of. Does
//! not know who speaks.

use std::sync::Arc;

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
    pub(crate) fn without(self, mut is_gone: impl FnMut(usize, &str) -> bool) -> Vec<Self> {
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
