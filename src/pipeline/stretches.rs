//! Cutting a slot's records into stretches that the local model can read at once.
//!
//! Owns where a stretch begins and ends. Having the stretches read is `digest`'s.

use std::ops::Range;

use super::buy;
use super::pack::excerpt_end;
use crate::corpus::Corpus;
use crate::llm::ChatModel;
use crate::privacy::Cleared;
use crate::prompts::draft::{self, Focus};

/// Most tokens of records in a stretch. The model chooses a fixed number of passages from each, so
/// longer stretches would mean fewer passages in all.
const STRETCH_TOKENS: usize = 1_500;

/// Parts of a record are not made shorter than this many characters, even if they still take more
/// tokens than fit: text as dense as that is not prose.
const LEAST_CHARS: usize = 64;

/// Characters per token are an average over the corpus; a part is aimed this much shorter, so that
/// most parts fit at the first attempt.
const MARGIN: f64 = 0.9;

/// How much of the records fits into one stretch.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) tokens: usize,
    /// Of the corpus, on average.
    pub(super) tokens_per_char: f64,
}

/// Cuts records into stretches that each fit the room, in the order given. A record that is too
/// long for one stretch is cut between sentences.
pub(super) fn cut(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    records: &[usize],
    room: Room,
) -> Vec<Vec<Focus>> {
    let most = room.tokens.min(STRETCH_TOKENS);
    let mut stretches: Vec<Vec<Focus>> = Vec::new();
    let mut left = 0;
    for part in records.iter().flat_map(|&record| fitting(corpus, model, record, room, most)) {
        let Part { focus, tokens } = part;
        if let Some(stretch) = stretches.last_mut().filter(|_| tokens <= left) {
            stretch.push(focus);
        } else {
            stretches.push(vec![focus]);
            left = most;
        }
        left = left.saturating_sub(tokens);
    }
    stretches
}

/// A record, or a piece of one, with the tokens that it takes in a prompt.
struct Part {
    focus: Focus,
    tokens: usize,
}

/// One record in parts of at most `most` tokens each.
fn fitting(
    corpus: &Cleared<Corpus>,
    model: &dyn ChatModel,
    record: usize,
    room: Room,
    most: usize,
) -> Vec<Part> {
    let text = &corpus.records[record].text;
    let chars = ((most as f64 / room.tokens_per_char * MARGIN) as usize).max(LEAST_CHARS);
    let mut parts = Vec::new();
    // Pieces still to be measured, the next one last, each with the length it was aimed at.
    let mut open: Vec<(Range<usize>, usize)> = Vec::new();
    let cut_further = |open: &mut Vec<_>, piece: Range<usize>, chars: usize| {
        let pieces = pieces(&text[piece.clone()], chars);
        let placed = |part: Range<usize>| piece.start + part.start..piece.start + part.end;
        open.extend(pieces.into_iter().rev().map(|part| (placed(part), chars)));
    };
    cut_further(&mut open, 0..text.len(), chars);
    while let Some((shown, chars)) = open.pop() {
        let focus = Focus { record, shown: shown.clone() };
        let tokens = model.count_tokens(&draft::focus_text(corpus, &focus));
        // Another script can take more tokens per character than the corpus does on average.
        if tokens > most && chars > LEAST_CHARS {
            cut_further(&mut open, shown, chars / 2);
        } else {
            parts.push(Part { focus, tokens });
        }
    }
    parts
}

/// Cuts a text after sentences into pieces of at most `chars` characters, as byte ranges.
fn pieces(text: &str, chars: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let is_last = rest.char_indices().nth(chars).is_none();
        let end = if is_last { text.len() } else { start + excerpt_end(rest, chars) };
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// A hash of where all stretches lie in their records; `None` without stretches. A resumed run
/// compares it, because answers in the log name stretches by number.
pub(super) fn layout<'s>(stretches: impl Iterator<Item = &'s Vec<Focus>>) -> Option<String> {
    let mut places: Vec<u8> = Vec::new();
    for stretch in stretches {
        for Focus { record, shown } in stretch {
            places.extend([*record, shown.start, shown.end].iter().flat_map(|n| n.to_le_bytes()));
        }
        places.extend(usize::MAX.to_le_bytes());
    }
    (!places.is_empty()).then(|| buy::sha256(&places))
}

#[cfg(test)]
mod tests {
    #[test]
    fn pieces_cover_a_text_and_end_with_sentences() {
        let text = "The lift is slow. We wait for it. Nobody tells us why, ever.";
        let pieces = super::pieces(text, 36);
        let cut: Vec<&str> = pieces.iter().map(|piece| &text[piece.clone()]).collect();
        assert_eq!(cut, ["The lift is slow. We wait for it.", " Nobody tells us why, ever."]);
        assert_eq!(super::pieces("", 10).len(), 0);
        assert_eq!(super::pieces("日本語の長い文", 3).len(), 3);
    }
}
