//! Splitting records into words and sentences.
//!
//! Owns the splitting that prompts, plan and judge share, so that all of them mean the same by
//! "word" and "sentence".

use std::ops::Range;

use crate::corpus::Record;
pub use crate::schema::words;

/// Most characters of a sentence that is offered as a statement; a longer one is cut at a comma or
/// at a word.
pub const MAX_SENTENCE: usize = 220;

/// Most bytes (UTF-8) of a sentence that is offered as a statement. In many scripts a sign takes
/// two or three bytes, says more than a letter, and takes as many tokens in a model that has hardly
/// seen the language.
const MAX_SENTENCE_BYTES: usize = 320;

/// Fewest words of a text that is worth offering as a quote or statement.
pub const MIN_WORDS: usize = 4;

/// Letters at the start by which two forms of a word are taken for one (`repair`, `repairs`).
const STEM: usize = 5;

/// The words of a text that tell what it is about, each cut to its stem, repetitions included.
pub fn telling(text: &str) -> impl Iterator<Item = String> {
    words(text).filter(|word| is_telling(word)).map(|word| stem(&word))
}

/// The first letters of a word, in which its forms agree.
pub fn stem(word: &str) -> String {
    word.chars().take(STEM).collect()
}

/// Whether a word tells what a text is about. Words of up to three letters do not; in scripts
/// without spaces, where every sign is a word, single signs do.
pub fn is_telling(word: &str) -> bool {
    const COMMON: &[&str] = &[
        "with", "that", "this", "they", "their", "them", "have", "from", "what", "when", "about",
        "because", "would", "there", "which", "person", "people", "also", "will", "been", "were",
    ];
    let letters = word.chars().count();
    (letters > 3 && !COMMON.contains(&word)) || (letters == 1 && !word.is_ascii())
}

/// The sentences of a text as byte ranges, trimmed; none is empty. A line break ends a sentence.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, next)| next);
        let ends = match c {
            '\n' | '\r' | '。' | '！' | '？' | '．' | '｡' | '।' | '॥' | '።' => true,
            '!' | '?' | '…' | '؟' | '۔' => next.is_none_or(char::is_whitespace),
            '.' => next.is_none_or(char::is_whitespace) && !is_abbreviation(&text[start..at]),
            _ => false,
        };
        if ends {
            found.extend(trimmed(text, start..at + c.len_utf8()));
            start = at + c.len_utf8();
        }
    }
    found.extend(trimmed(text, start..text.len()));
    found
}

/// Whether the text before a full stop ends with a word that is usually written with one.
fn is_abbreviation(before: &str) -> bool {
    const KNOWN: &[&str] =
        &["e.g", "i.e", "etc", "vs", "dr", "mr", "mrs", "ms", "prof", "st", "no", "approx"];
    let last = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or(before);
    KNOWN.iter().any(|known| last.eq_ignore_ascii_case(known))
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = range.start + piece.trim_end().len();
    (start < end).then_some(start..end)
}

/// Cuts a range to at most `max` characters: after the last clause that fits and keeps at least
/// half of it, else after the last whole word.
pub fn shorten(text: &str, range: Range<usize>, max: usize) -> Range<usize> {
    let piece = &text[range.clone()];
    let Some((limit, _)) = piece.char_indices().nth(max) else {
        return range;
    };
    let fits = &piece[..limit];
    let clause = fits.rfind([',', ';', ':', '–', '—']).filter(|&at| at * 2 >= limit);
    // `limit` itself may end a word: look at the character after it too.
    let word = piece[..limit + next_len(piece, limit)].rfind(char::is_whitespace);
    let end = clause.or(word).unwrap_or(limit);
    trimmed(text, range.start..range.start + end).unwrap_or(range.start..range.start + limit)
}

fn next_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// The clauses of a sentence, cut at punctuation and before the commonest joining words; those of
/// at least `MIN_WORDS` words. The cuts are guesses, but the words are the speaker's. Before `and` only
/// where somebody does something behind it: else it joins two halves of one thing.
pub fn clauses(text: &str, sentence: &Range<usize>) -> Vec<Range<usize>> {
    const AND: &str = " and ";
    const JOINTS: [&str; 4] = [" because ", " but ", " so ", AND];
    const DOERS: [&str; 12] = [
        "i",
        "we",
        "you",
        "he",
        "she",
        "it",
        "they",
        "nobody",
        "everybody",
        "that",
        "there",
        "then",
    ];
    let piece = &text[sentence.clone()];
    // Not inside of numbers: `£2.40`, `10:30`.
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let in_number = |at: usize, mark: &str| {
        is_digit(piece[..at].chars().next_back())
            && is_digit(piece[at + mark.len()..].chars().next())
    };
    let punctuation = piece.match_indices([',', ';', ':', '–', '—', '.', '!', '?']);
    let punctuation = punctuation.filter(|(at, mark)| !in_number(*at, mark));
    let mut cuts: Vec<(usize, usize)> =
        punctuation.map(|(at, mark)| (at, at + mark.len())).collect();
    let begins_clause = |rest: &str| {
        let first = words(rest).next().unwrap_or_default();
        DOERS.contains(&first.split('\'').next().unwrap_or_default())
    };
    for joint in JOINTS {
        let found = piece.match_indices(joint);
        let found =
            found.filter(|(at, _)| joint != AND || begins_clause(&piece[at + joint.len()..]));
        cuts.extend(found.map(|(at, _)| (at, at + 1)));
    }
    cuts.sort_unstable();
    cuts.push((piece.len(), piece.len()));
    let mut found = Vec::new();
    let mut start = 0;
    for (end, next) in cuts {
        let clause = trimmed(text, sentence.start + start..sentence.start + end.max(start));
        let whole = |range: &Range<usize>| words(&text[range.clone()]).nth(MIN_WORDS - 1).is_some();
        found.extend(clause.filter(|range| whole(range) && is_balanced(&text[range.clone()])));
        start = next;
    }
    found
}

/// Whether each bracket in a text has its other half.
fn is_balanced(text: &str) -> bool {
    [('(', ')'), ('[', ']'), ('（', '）')].iter().all(|(open, close)| {
        let mut depth = 0_i32;
        text.chars().all(|c| {
            depth += i32::from(c == *open) - i32::from(c == *close);
            depth >= 0
        }) && depth == 0
    })
}

/// A sentence of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The record, as an index into the corpus.
    pub record: usize,
    /// Byte range within the record's text.
    pub range: Range<usize>,
}

/// Most characters of a sentence in a text of this script.
pub fn longest_sentence(text: &str) -> usize {
    let chars = text.chars().count();
    MAX_SENTENCE.min(MAX_SENTENCE_BYTES * chars / text.len().max(1))
}

/// The sentences of `record` (number `index` of the corpus) that are worth quoting, among those
/// within `within`, at whose ends they are cut. Where no sentence has enough words, the longest
/// one. Sentences without a letter do not count.
pub fn passages(index: usize, record: &Record, within: &Range<usize>) -> Vec<Passage> {
    let has_letters =
        |range: &Range<usize>| record.text[range.clone()].contains(char::is_alphabetic);
    let found = pieces(record, within).filter(has_letters);
    let (mut found, short): (Vec<_>, Vec<_>) =
        found.partition(|range| words(&record.text[range.clone()]).nth(MIN_WORDS - 1).is_some());
    if found.is_empty() {
        found.extend(longest(short.into_iter()));
    }
    found.into_iter().map(|range| Passage { record: index, range }).collect()
}

/// The longest piece of what is said in `record`, where it has no passages: a number, for example,
/// where people only gave numbers.
pub fn stand_in(index: usize, record: &Record, within: &Range<usize>) -> Option<Passage> {
    longest(pieces(record, within)).map(|range| Passage { record: index, range })
}

/// The longest range, the first among equals.
fn longest(pieces: impl Iterator<Item = Range<usize>>) -> Option<Range<usize>> {
    pieces.reduce(|best, range| if range.len() > best.len() { range } else { best })
}

/// The sentences of what is said in a record, each shortened to what a statement may hold.
fn pieces<'r>(
    record: &'r Record,
    within: &'r Range<usize>,
) -> impl Iterator<Item = Range<usize>> + 'r {
    record.said_in(within.clone()).flat_map(move |(offset, cell)| {
        // Only the part of a cell within `within` is split: a cell may have a hundred megabytes.
        let start = within.start.max(offset);
        let end = within.end.min(offset + cell.len());
        let shown = record.text.get(start..end).unwrap_or_default();
        sentences(shown).into_iter().map(move |sentence| {
            let sentence = unquoted(shown, sentence);
            let most = longest_sentence(&shown[sentence.clone()]);
            shorten(&record.text, start + sentence.start..start + sentence.end, most)
        })
    })
}

/// A sentence without the quotation marks around it, and without a single mark whose partner stands
/// in another sentence.
fn unquoted(text: &str, sentence: Range<usize>) -> Range<usize> {
    const MARKS: [char; 6] = ['"', '“', '”', '„', '«', '»'];
    let piece = &text[sentence.clone()];
    let count = piece.matches(MARKS).count();
    let around = piece.starts_with(MARKS) && piece.ends_with(MARKS) && count == 2;
    if !around && count != 1 {
        return sentence;
    }
    let bare = piece.trim_start_matches(MARKS);
    let start = sentence.start + (piece.len() - bare.len());
    let end = start + bare.trim_end_matches(MARKS).len();
    trimmed(text, start..end.max(start)).unwrap_or(sentence)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::ColumnSpan;
    use crate::schema::RecordId;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn sentences_end_at_stops_but_not_inside_numbers_and_abbreviations() {
        assert_eq!(
            split("I wait 2.5 hours. Why?  No one says"),
            ["I wait 2.5 hours.", "Why?", "No one says"]
        );
        assert_eq!(
            split("Ask Dr. Lee, e.g. today.\nThen go"),
            ["Ask Dr. Lee, e.g. today.", "Then go"]
        );
        assert_eq!(split("待った。帰った"), ["待った。", "帰った"]);
        assert_eq!(split("मैं लिखता हूँ। भरोसा नहीं है।"), ["मैं लिखता हूँ।", "भरोसा नहीं है।"]);
        assert_eq!(split("لماذا؟ لا أعرف۔ نعم"), ["لماذا؟", "لا أعرف۔", "نعم"]);
        let bare = |text: &'static str| &text[unquoted(text, 0..text.len())];
        assert_eq!(bare("“I walk, mostly.”"), "I walk, mostly.");
        assert_eq!(bare("“I walk, mostly."), "I walk, mostly.");
        assert_eq!(bare("They say \"no\""), "They say \"no\"");
        assert!(split(" \n ").is_empty());
    }

    #[test]
    fn a_long_sentence_is_cut_at_a_clause_or_a_word() {
        let cut = |text: &str, max| text[shorten(text, 0..text.len(), max)].to_owned();
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("one two three", 7), "one two");
        assert_eq!(cut("one two, three four", 14), "one two");
        assert_eq!(cut("unbroken", 4), "unbr");
    }

    #[test]
    fn clauses_are_cut_at_punctuation_and_joining_words() {
        let text = "When I'm on holiday nobody can find it, and that's on me, I know.";
        let found: Vec<&str> =
            clauses(text, &(0..text.len())).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["When I'm on holiday nobody can find it", "and that's on me"]);
        for (text, first) in [
            ("I come in at seven and I lay the tables", "I come in at seven"),
            ("I print it out and they've lost it again", "I print it out"),
            (
                "I pay for a space with a wall and a wire in it",
                "I pay for a space with a wall and a wire in it",
            ),
            ("I work three nights on and four off", "I work three nights on and four off"),
        ] {
            assert_eq!(&text[clauses(text, &(0..text.len()))[0].clone()], first);
        }
    }

    #[test]
    fn clauses_keep_numbers_and_brackets_whole() {
        let of = |text: &str| -> Vec<String> {
            clauses(text, &(0..text.len())).into_iter().map(|r| text[r].to_owned()).collect()
        };
        assert_eq!(
            of("It took £2.40 from me at 10:30, I never asked for it."),
            ["It took £2.40 from me at 10:30", "I never asked for it"]
        );
        assert_eq!(
            of("I take the bus (and the tram, and the bike), because my knee hurts."),
            ["because my knee hurts"]
        );
    }

    #[test]
    fn short_cells_are_no_passages_unless_there_is_nothing_else() {
        let text = "role: nurse\nsays: We wait for hours. Sad.".to_owned();
        let span = |name: &str, start, end| ColumnSpan::new(name, start..end);
        let columns = vec![span("role", 6, 11), span("says", 18, 41)];
        let id = RecordId::new(1, 0);
        let mut record =
            Record { id, file: 1, sheet: None, row: 1, participant: None, text, columns };
        let texts = |record: &Record| -> Vec<String> {
            let found = passages(0, record, &(0..record.text.len()));
            found.into_iter().map(|p| record.text[p.range].to_owned()).collect()
        };
        assert_eq!(texts(&record), ["We wait for hours."]);
        record.columns.pop();
        assert_eq!(texts(&record), ["nurse"]);
        (record.text, record.columns) = ("#00:01:41-3#\n12 30 14 15".to_owned(), Vec::new());
        assert!(texts(&record).is_empty());
        let only = stand_in(0, &record, &(0..record.text.len())).unwrap();
        assert_eq!(&record.text[only.range], "#00:01:41-3#");
    }

    proptest! {
        #[test]
        fn sentences_cover_every_word_once(text in "[a-zé🙂 .!?\n,。]{0,80}") {
            let joined: Vec<String> = split(&text).iter().flat_map(|s| words(s)).collect();
            prop_assert_eq!(joined, words(&text).collect::<Vec<_>>());
        }

        #[test]
        fn a_shortened_range_fits_and_is_a_prefix(text in "\\PC{1,60}", max in 1usize..50) {
            if let Some(range) = trimmed(&text, 0..text.len()) {
                let cut = shorten(&text, range.clone(), max);
                prop_assert_eq!(cut.start, range.start);
                prop_assert!(!cut.is_empty() && text[cut].chars().count() <= max);
            }
        }
    }
}
