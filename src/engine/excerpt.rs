//! Finds what may be quoted from a cell: every piece that reads as a quotation.
//!
//! Works on text alone. Candidates are listed rather than described by a pattern, because a list
//! can be checked: each is a byte range of the cell, so a quote is verbatim whatever is done with
//! it.
//!
//! A cell is cut into clauses; a candidate is a run of neighbouring clauses with at least
//! [`MIN_WORDS`] words and at most [`MAX_CHARS`] characters, without the comma or space at its end.
//! A cell with fewer words is quoted whole.

use std::ops::Range;

/// Longest excerpt, in characters.
const MAX_CHARS: usize = 240;
/// Fewest words of an excerpt, except one that is a whole cell.
const MIN_WORDS: usize = 4;
/// Longest phrase, in words and in characters: enough for a postal address on one line, and more
/// than twice a name.
const PHRASE_WORDS: usize = 8;
const PHRASE_CHARS: usize = 80;
/// A clause with fewer words joins its neighbour: nobody quotes "and then,".
const CLAUSE_WORDS: usize = 3;

/// All excerpts that begin at one place of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Byte of the cell at which the excerpts begin.
    pub(super) start: usize,
    /// Bytes of the cell before which an excerpt may end, ascending; never empty.
    pub(super) ends: Vec<usize>,
}

/// The excerpts that a source with these cells offers, as `(cell, run)`: those of its long cells
/// where it has any, else its short cells whole. Empty when nothing can be quoted.
pub(super) fn offers(cells: &[String]) -> Vec<(&str, Run)> {
    let long: Vec<(&str, Run)> = cells
        .iter()
        .flat_map(|cell| runs(cell).into_iter().map(move |run| (cell.as_str(), run)))
        .collect();
    if !long.is_empty() {
        return long;
    }
    cells.iter().filter_map(|cell| Some((cell.as_str(), whole(cell)?))).collect()
}

/// The phrases of a text: for each word, the runs of words of its line that begin with it.
pub(super) fn phrases(text: &str) -> Vec<Run> {
    let words = bare_words(text);
    let run = |first: usize| {
        let start = words[first].start;
        let ends = words[first..].iter().take(PHRASE_WORDS).map(|word| word.end);
        let ends = ends.take_while(|&end| {
            let phrase = &text[start..end];
            phrase.chars().count() <= PHRASE_CHARS && !phrase.contains(['\n', '\r'])
        });
        Run { start, ends: ends.collect() }
    };
    (0..words.len()).map(run).filter(|run| !run.ends.is_empty()).collect()
}

/// The words of a text without any punctuation: `O'Neil-Smith's` is four words. In scripts that are
/// written without spaces each character is a word.
fn bare_words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        // Combining marks, as in Hindi, belong to a letter: they neither begin a word nor end one.
        let parts = c.is_whitespace()
            || c.is_control()
            || c.is_ascii_punctuation()
            || matches!(c, '\u{80}'..='\u{BF}' | '\u{2000}'..='\u{206F}' | '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FF0F}');
        if parts || !open || is_word_alone(c) || is_word_alone(previous) {
            open = !parts && (open || c.is_alphanumeric());
            if open {
                words.push(at..at);
            }
        }
        if open && let Some(last) = words.last_mut() {
            last.end = at + c.len_utf8();
        }
        previous = c;
    }
    words
}

/// A short cell as its only excerpt; `None` when it is too long or has no letter or digit.
fn whole(cell: &str) -> Option<Run> {
    let text = cell.trim();
    if !text.contains(char::is_alphanumeric) || text.chars().count() > MAX_CHARS {
        return None;
    }
    if words(cell).iter().filter(|word| word.counts).count() >= MIN_WORDS {
        return None;
    }
    let start = cell.len() - cell.trim_start().len();
    Some(Run { start, ends: vec![start + text.len()] })
}

/// The runs of clauses of a cell that have enough words; none for a cell with fewer.
fn runs(cell: &str) -> Vec<Run> {
    let words = words(cell);
    let clauses = clauses(cell, &words);
    (0..clauses.len()).filter_map(|first| run(cell, &words, &clauses[first..])).collect()
}

/// The excerpts that begin with the first of `clauses`; `None` when none has enough words.
fn run(cell: &str, words: &[Word], clauses: &[Range<usize>]) -> Option<Run> {
    // A lone dash or bullet in front is not part of what was said.
    let start = words[clauses.first()?.clone()].iter().find(|word| word.counts)?.span.start;
    let mut ends = Vec::new();
    let mut counted = 0;
    for clause in clauses {
        let clause_words = &words[clause.clone()];
        counted += clause_words.iter().filter(|word| word.counts).count();
        let end = start + trimmed_len(&cell[start..clause_words.last()?.span.end]);
        if cell[start..end].chars().count() > MAX_CHARS {
            break;
        }
        if counted >= MIN_WORDS && ends.last() != Some(&end) {
            ends.push(end);
        }
    }
    if ends.is_empty() { None } else { Some(Run { start, ends }) }
}

/// Length of `text` in bytes, without the marks and spaces that only lead on to the next clause.
fn trimmed_len(text: &str) -> usize {
    text.trim_end_matches(|c: char| c.is_whitespace() || is_clause_mark(c) || "-–([{“‘".contains(c))
        .len()
}

/// A word of a cell.
#[derive(Debug)]
struct Word {
    /// The word's bytes in the cell, punctuation included.
    span: Range<usize>,
    /// Whether this counts as a word: a lone dash does not.
    counts: bool,
    /// What ends with the word.
    boundary: Boundary,
}

/// What ends with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Boundary {
    Word,
    Clause,
    Sentence,
}

/// Cuts a cell at white space, and around each character of scripts that write without spaces.
fn words(cell: &str) -> Vec<Word> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut previous = ' ';
    for (at, c) in cell.char_indices() {
        if c.is_whitespace() {
            open = false;
        } else {
            let splits = (is_word_alone(c) && !is_opener(previous))
                || ((is_word_alone(previous) || is_wide_mark(previous)) && c.is_alphanumeric());
            if !open || splits {
                spans.push(at..at);
                open = true;
            }
            if let Some(last) = spans.last_mut() {
                last.end = at + c.len_utf8();
            }
        }
        previous = c;
    }
    let starts: Vec<usize> =
        spans.iter().skip(1).map(|span| span.start).chain([cell.len()]).collect();
    spans
        .into_iter()
        .zip(starts)
        .map(|(span, next)| Word {
            counts: cell[span.clone()].contains(char::is_alphanumeric),
            boundary: boundary(&cell[span.clone()], &cell[span.end..next], &cell[next..]),
            span,
        })
        .collect()
}

/// What ends with `word`, given the white space `gap` after it and the text `rest` behind that.
fn boundary(word: &str, gap: &str, rest: &str) -> Boundary {
    if gap.contains(['\n', '\r']) {
        return Boundary::Sentence;
    }
    let bare = word.trim_end_matches(['"', '\'', ')', ']', '»', '”', '’']);
    let Some(last) = bare.chars().next_back() else {
        return Boundary::Word;
    };
    // In "approx. three" the full stop ends nothing: a sentence does not begin with a small letter.
    let goes_on = last == '.' && rest.starts_with(char::is_lowercase);
    if ".!?…。！？".contains(last) && !goes_on {
        Boundary::Sentence
    } else if is_clause_mark(last) || word == "-" || word == "–" {
        Boundary::Clause
    } else {
        Boundary::Word
    }
}

fn is_clause_mark(c: char) -> bool {
    ",;:—，；：、".contains(c)
}

/// Marks after which the next word follows without a space.
fn is_wide_mark(c: char) -> bool {
    "。！？、，；：".contains(c)
}

fn is_opener(c: char) -> bool {
    "\"'([«“‘「『（".contains(c)
}

/// Whether a character is about one word by itself, in a script written without spaces: Hiragana and
/// Han. In Thai and its neighbours a word takes several, and a cut between any two would tear one.
fn is_word_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{2FA1F}')
}

/// Cuts words into clauses, as ranges of `words`: at clause marks, with tiny clauses joined to a
/// neighbour, and those too long for an excerpt cut into groups of [`MIN_WORDS`] words.
fn clauses(cell: &str, words: &[Word]) -> Vec<Range<usize>> {
    let mut clauses: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for (at, word) in words.iter().enumerate() {
        if word.boundary == Boundary::Word && at + 1 < words.len() {
            continue;
        }
        let tiny = at + 1 - start < CLAUSE_WORDS;
        if tiny && word.boundary == Boundary::Clause && at + 1 < words.len() {
            continue;
        }
        let inside_sentence = start > 0 && words[start - 1].boundary != Boundary::Sentence;
        match clauses.last_mut() {
            Some(last) if tiny && inside_sentence => last.end = at + 1,
            _ => clauses.push(start..at + 1),
        }
        start = at + 1;
    }
    clauses.into_iter().flat_map(|clause| short_enough(cell, words, clause)).collect()
}

/// A clause whole, or cut into groups of words when it is longer than an excerpt may be.
fn short_enough(cell: &str, words: &[Word], clause: Range<usize>) -> Vec<Range<usize>> {
    let bytes = words[clause.start].span.start..words[clause.end - 1].span.end;
    if cell[bytes].chars().count() <= MAX_CHARS {
        return vec![clause];
    }
    clause.clone().step_by(MIN_WORDS).map(|at| at..(at + MIN_WORDS).min(clause.end)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every excerpt that cells with these texts offer.
    fn excerpts(cells: &[&str]) -> Vec<String> {
        let cells: Vec<String> = cells.iter().map(|&cell| cell.to_owned()).collect();
        let offers = offers(&cells);
        offers
            .iter()
            .flat_map(|(cell, run)| run.ends.iter().map(|&end| cell[run.start..end].to_owned()))
            .collect()
    }

    #[test]
    fn excerpts_are_runs_of_clauses_without_what_leads_on() {
        assert_eq!(
            excerpts(&["I save my work, then I close the app; it hangs. Every single day"]),
            [
                "I save my work",
                "I save my work, then I close the app; it hangs.",
                "I save my work, then I close the app; it hangs. Every single day",
                "then I close the app; it hangs.",
                "then I close the app; it hangs. Every single day",
            ]
        );
    }

    #[test]
    fn a_tiny_clause_joins_its_neighbour_but_not_another_sentence() {
        assert_eq!(excerpts(&["Well, honestly, I gave up."]), ["Well, honestly, I gave up."]);
        assert_eq!(
            excerpts(&["I gave up on it. Never. I will try again soon."]),
            [
                "I gave up on it.",
                "I gave up on it. Never.",
                "I gave up on it. Never. I will try again soon.",
                "Never. I will try again soon.",
                "I will try again soon.",
            ]
        );
    }

    #[test]
    fn short_cells_are_whole_and_count_only_without_long_ones() {
        assert_eq!(excerpts(&[" Yes, often \n", "n/a", "--", ""]), ["Yes, often", "n/a"]);
        assert_eq!(excerpts(&["Yes, often", "I use it every day"]), ["I use it every day"]);
        assert!(excerpts(&["", " ", "?!", "\u{1F600}"]).is_empty());
    }

    #[test]
    fn a_line_break_ends_a_sentence_and_a_bullet_is_left_out() {
        assert_eq!(
            excerpts(&["- slow on my phone\r\n- crashes with large files"]),
            [
                "slow on my phone",
                "slow on my phone\r\n- crashes with large files",
                "crashes with large files"
            ]
        );
    }

    #[test]
    fn a_clause_longer_than_an_excerpt_is_cut_between_words() {
        let cell = "word ".repeat(120);
        let excerpts = excerpts(&[&cell]);
        assert!(excerpts.contains(&"word word word word".to_owned()));
        let longest = excerpts.iter().map(String::len).max();
        assert_eq!(longest, Some(239));
    }

    #[test]
    fn an_excerpt_has_at_most_240_characters_however_many_bytes() {
        for letter in ["x", "é"] {
            // Four words and three spaces.
            let cell = |chars: usize| format!("one two six {}", letter.repeat(chars - 12));
            assert_eq!(excerpts(&[&cell(240)]), [cell(240)]);
            assert!(!excerpts(&[&cell(241)]).contains(&cell(241)));
            let short = |chars: usize| format!("no {}", letter.repeat(chars - 3));
            assert_eq!(excerpts(&[&short(240)]), [short(240)]);
            assert!(excerpts(&[&short(241)]).is_empty());
        }
    }

    #[test]
    fn a_cell_is_quoted_whole_with_three_words_and_by_clauses_with_four() {
        assert_eq!(excerpts(&["Yes, rather often"]), ["Yes, rather often"]);
        assert_eq!(excerpts(&["Yes, rather very often,"]), ["Yes, rather very often"]);
        assert_eq!(excerpts(&["- Yes, rather - often"]), ["- Yes, rather - often"]);
    }

    #[test]
    fn a_clause_ends_at_its_mark_and_a_sentence_before_a_capital() {
        assert_eq!(
            excerpts(&["we are approx. three people here (\"all of us.\") We wait for it"]),
            [
                "we are approx. three people here (\"all of us.\")",
                "we are approx. three people here (\"all of us.\") We wait for it",
                "We wait for it",
            ]
        );
        assert_eq!(
            excerpts(&["it is slow today - so I left early"]),
            ["it is slow today", "it is slow today - so I left early", "so I left early"]
        );
    }

    #[test]
    fn an_opening_mark_stays_with_its_character_and_a_closing_one_with_the_word_before() {
        let spans = |cell: &str| -> Vec<String> {
            words(cell).into_iter().map(|word| cell[word.span].to_owned()).collect()
        };
        assert_eq!(spans("日本です。next"), ["日", "本", "で", "す。", "next"]);
        assert_eq!(spans("a 「日」"), ["a", "「日」"]);
        assert_eq!(spans("ab—cd, ef"), ["ab—cd,", "ef"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_at_their_own_marks() {
        assert_eq!(
            excerpts(&["使い方が難しい。サポートは速いです。"]),
            ["使い方が難しい。", "使い方が難しい。サポートは速いです。", "サポートは速いです。"]
        );
    }

    #[test]
    fn a_word_longer_than_an_excerpt_is_not_cut() {
        let long = "x".repeat(300);
        assert!(excerpts(&[&long]).is_empty());
        assert_eq!(
            excerpts(&[&format!("I opened this link: {long} and it failed")]),
            ["I opened this link"]
        );
    }

    proptest! {
        #[test]
        fn every_excerpt_is_a_bounded_piece_without_outer_space(
            cells in prop::collection::vec("([a-z]{1,12}|[ ,.;:!?\"\\\\\n-]|日本|\\PC){0,150}", 1..4),
        ) {
            for (cell, run) in offers(&cells) {
                prop_assert!(run.ends.is_sorted() && !run.ends.is_empty());
                for &end in &run.ends {
                    let text = &cell[run.start..end];
                    prop_assert!(text.chars().count() <= MAX_CHARS);
                    prop_assert_eq!(text.trim(), text);
                    prop_assert!(text.contains(char::is_alphanumeric));
                }
            }
        }
    }
}
