//! Which documents are told by somebody else, and how the words of participants are set off in them.
//!
//! Owns the counts that tell notes and reports from what a participant wrote. What becomes of them
//! is up to `narration`.

use super::{LEAST_WORDS, NEAR, end_of, is_whole, opening_label, text_of};
use crate::corpus::block::{Block, Body};
use crate::corpus::courtesies::is_of_letter;
use crate::corpus::looks::Look;
use crate::corpus::names::normalise;
use crate::corpus::talk::moderator;
use crate::corpus::talk::speakers::Speakers;
use crate::corpus::told;
use crate::corpus::values::spoken_words;

/// Fewest quotations with a verb of speech, or alone in their paragraph, in notes.
const LEAST_TOLD: usize = 3;
/// Fewest list items that are quotations, in notes.
const LEAST_ITEMS: usize = 2;
/// Fewest block quotes of a report.
const LEAST_QUOTES: usize = 3;
/// A document is told by somebody else only if at most one in so many of its sentences is about the
/// writer's own life. People who tell their own story put others' words in quotation marks, hardly in
/// block quotes.
const ONE_IN_QUOTES: usize = 2;
const ONE_IN_MARKS: usize = 4;
/// Fewest lines of an observer between those with labels.
const LEAST_OBSERVED: usize = 2;
/// Most words beside a quotation that are no note on it: `"I wait." Sighs.`
const MOST_BESIDE: usize = 2;
/// Most words of a line that heads notes: `P04 Hugh - notes RW`.
const LONGEST_TITLE: usize = 6;
/// Bytes of the longest quotation mark.
const LONGEST_MARK: usize = 3;
/// Bytes of the longest end of a quotation: its mark and a full stop.
const LONGEST_END: usize = LONGEST_MARK + 1;

/// How the words of participants are set off in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By quotation marks, and a few by block quotes.
    Marks,
    /// By block quotes.
    Quotes,
}

impl Form {
    /// How the words of participants are set off; `None` where the document is not told by somebody
    /// else, as far as one can see. `looks` has the look of each block, or is empty.
    pub(crate) fn find(blocks: &[Block], looks: &[Look]) -> Option<Self> {
        let mut lines = blocks.iter().flat_map(Block::lines);
        if has_labels(blocks) || lines.any(|line| is_of_letter(line)) {
            return None;
        }
        let mut quotes = Tally::default();
        let mut marks = Tally::default();
        for (i, block) in blocks.iter().enumerate() {
            let text = text_of(block);
            if looks.get(i) == Some(&Look::Quoted) {
                let words = told::parted(&text).0;
                quotes.add_said(words);
                marks.add_said(words);
            } else {
                quotes.add_told(&text);
                marks.add(&text, &block.body);
            }
        }
        let is_marked = marks.has_rest && marks.is_told(ONE_IN_MARKS);
        // Where words are set off in both ways, the block quotes are read with those in marks.
        let (items, told) = if is_titled(blocks) { (1, 1) } else { (LEAST_ITEMS, LEAST_TOLD) };
        if is_marked && (marks.items >= items || marks.evidence >= told) {
            return Some(Self::Marks);
        }
        if quotes.said >= LEAST_QUOTES && quotes.is_told(ONE_IN_QUOTES) {
            return Some(Self::Quotes);
        }
        (is_marked && marks.evidence + quotes.said >= LEAST_TOLD).then_some(Self::Marks)
    }
}

/// Whether a heading or a short line says that notes stand below it, as `Notes Tom, group 1` does.
fn is_titled(blocks: &[Block]) -> bool {
    const NOTES: [&str; 10] = [
        "notes",
        "fieldnotes",
        "notizen",
        "mitschrift",
        "protokoll",
        "notas",
        "apuntes",
        "appunti",
        "notities",
        "anteckningar",
    ];
    let is_title = |line: &str| {
        let is_word = |word: &str| NOTES.contains(&normalise(word).as_str());
        let words = || line.split_whitespace();
        words().nth(1).is_some()
            && words().count() <= LONGEST_TITLE
            && !line.ends_with(['.', '!', '?', '…'])
            && words().any(is_word)
    };
    let lines = |block: &Block| match &block.body {
        Body::Paragraph(lines) if lines.len() == 1 => is_title(&lines[0]),
        _ => false,
    };
    blocks.iter().any(|block| lines(block) || block.section.as_deref().is_some_and(is_title))
}

/// Whether a document is a conversation with labels.
fn has_labels(blocks: &[Block]) -> bool {
    let speakers = Speakers::find(blocks);
    let lines = || blocks.iter().flat_map(Block::lines);
    let labels = || lines().filter_map(|line| speakers.label(line));
    let labelled = labels().count();
    let is_turn = |block: &Block| matches!(block.body, Body::Turn { .. });
    if blocks.iter().any(is_turn) {
        return true;
    }
    // `P4: "I want a receipt."` between what an observer writes: who speaks is quoted, and hardly any
    // question is noted.
    let is_quoted =
        |text: &str| matches!(&told::spans(text)[..], [span] if span.start <= LONGEST_MARK);
    let quoted = labels().filter(|label| is_quoted(label.rest)).count();
    let asking = labels().filter(|label| moderator::is_asker(label.speaker)).count();
    let observed = labels().filter(|label| is_with_notes(label.rest)).count();
    let is_observed = quoted * 2 > labelled
        && asking * 2 < quoted
        && lines().count() + observed >= labelled + LEAST_OBSERVED;
    labelled * 3 >= blocks.len().max(1) && !is_observed
}

/// Whether what follows a label is a quotation and what an observer writes of it: `"I wait." She gave
/// up.`
fn is_with_notes(text: &str) -> bool {
    let spans = told::spans(text);
    let [span] = &spans[..] else { return false };
    let words =
        |text: &str| text.split_whitespace().filter(|word| !word.contains(['(', '['])).count();
    words(&text[..span.start]) + words(&text[span.end..]) > MOST_BESIDE && !is_whole(text, &spans)
}

/// What of a document stands in quotations, and what around them.
#[derive(Default)]
struct Tally {
    /// Quotations, those that ask, and those about their speakers.
    said: usize,
    asking: usize,
    said_self: usize,
    /// Sentences around them, and those about their writer's own life.
    told: usize,
    told_self: usize,
    /// Quotations with a verb of speech, or alone in their paragraph.
    evidence: usize,
    /// Those that are list items.
    items: usize,
    /// Whether anything but quotations stands in the document.
    has_rest: bool,
}

impl Tally {
    fn add_said(&mut self, words: &str) {
        self.said += 1;
        self.asking += usize::from(moderator::ends_in_question(words));
        self.said_self += usize::from(told::is_about_us(words));
    }

    fn add_told(&mut self, text: &str) {
        for sentence in told::sentences(text) {
            self.told += 1;
            let is_self = told::is_about_self(sentence) && !told::is_observing(sentence);
            self.told_self += usize::from(is_self);
        }
    }

    /// Adds a block that may have spans in quotation marks.
    fn add(&mut self, text: &str, body: &Body) {
        let spans = told::spans(text);
        let is_whole = is_whole(text, &spans);
        let is_labelled = opening_label(text).is_some();
        let mut from = 0;
        for span in &spans {
            let words = &text[span.clone()];
            let lead = &text[from..span.start];
            let near_lead = end_of(lead);
            let tail = &text[span.end..text.ceil_char_boundary((span.end + NEAR).min(text.len()))];
            let tail = tail.get(tail.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
            let tail = tail.split(['“', '"', '«', '„']).next().unwrap_or_default();
            if spoken_words(words) >= LEAST_WORDS {
                self.add_said(words);
                let is_told =
                    is_whole || is_labelled || told::has_verb(near_lead) || told::has_verb(tail);
                self.evidence += usize::from(is_told);
                self.items += usize::from(is_whole && matches!(body, Body::Item(_)));
            }
            self.add_told(lead);
            from = span.end;
        }
        self.add_told(&text[from..]);
        let alone = is_whole && spans.len() == 1 && spans[0].start <= '“'.len_utf8();
        self.has_rest |= !alone || spans.iter().any(|span| span.end + LONGEST_END < text.len());
    }

    /// Whether those in quotations speak of themselves, and the writer in at most one in so many
    /// sentences, so that the document is not a participant's who quotes others.
    fn is_told(&self, one_in: usize) -> bool {
        self.said_self * 3 >= self.said
            && self.asking * 2 < self.said
            && self.told_self * one_in <= self.told
            && (self.told == 0 || self.said_self * self.told > self.told_self * self.said)
    }
}
