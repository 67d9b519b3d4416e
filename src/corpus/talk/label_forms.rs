//! The forms of speaker labels without a colon: `00:04 Ana`, `Ana – text`, `[Ana] text`, or `ANA` on
//! a line above the words.
//!
//! Owns how each form is written, and which words may be a name. Finds candidates only; whether they
//! are a file's layout is decided in `layouts`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::moderator;
use super::speakers::{is_generic, is_note_word, is_numbered};
use super::topics::is_topic;
use crate::corpus::given_names::is_given_name;

/// Longest name, in words.
const LONGEST_NAME: usize = 4;

/// Longest word, in bytes, that with a full stop after it may number an item of a list (`vii. text`)
/// and so is no label, except `Q` and `A`.
const LONGEST_ITEM_MARK: usize = 3;

/// Longest word of a name, in characters, in a script without capitals. Many of these scripts put
/// no spaces between words, so a longer run is a sentence.
const LONGEST_UNSPACED: usize = 8;

/// Words that may stand inside a name although they begin with a small letter: `Ana de Souza`.
pub(crate) const PARTICLES: [&str; 24] = [
    "de", "da", "do", "dos", "das", "del", "della", "di", "du", "des", "la", "le", "el", "al",
    "bin", "ibn", "van", "von", "der", "den", "ter", "zu", "af", "of",
];

/// Where a label stands, and what it holds besides the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `00:04 Ana`, with the words below.
    TimeName,
    /// `Ana | 00:04`, with the words below.
    NameTime,
    /// A line with the time, then one with the name.
    TimeAbove,
    /// A line with the name, then one with the time.
    TimeBelow,
    /// `[Ana] text`, `<Ana> text`
    Bracketed,
    /// `(I) text`
    InParentheses,
    /// Fields separated by tabs or bars: `00:04 | Ana | text`.
    Fields,
    /// `Q. text`
    Dotted,
    /// `Ana – text`
    Dashed,
    /// `00:04 Ana text`
    Leading,
    /// A line with nothing but the name.
    Alone,
}

/// All forms. Where two of them fit equally well, the earlier one is the layout.
pub(super) const FORMS: [Form; 11] = [
    Form::TimeName,
    Form::NameTime,
    Form::TimeAbove,
    Form::TimeBelow,
    Form::Bracketed,
    Form::InParentheses,
    Form::Fields,
    Form::Dotted,
    Form::Dashed,
    Form::Leading,
    Form::Alone,
];

impl Form {
    /// Whether a name in this form may count although it occurs only once. In the other forms it
    /// must come back, or be a role.
    pub(super) fn is_strong(self) -> bool {
        !matches!(self, Self::Dashed | Self::Leading | Self::Alone)
    }
}

/// A line of a block, trimmed and not empty.
#[derive(Clone, Copy)]
pub(super) struct Line<'b> {
    pub block: usize,
    /// Index within the block, from 0.
    pub at: usize,
    pub text: &'b str,
}

/// A candidate for a speaker label.
#[derive(Debug, Clone)]
pub(super) struct Label<'b> {
    /// Index among the lines of all blocks.
    pub line: usize,
    /// Number of lines that the label takes up: one or two.
    pub fills: usize,
    pub name: &'b str,
    /// Time in the label, in seconds.
    pub time: Option<u32>,
    pub rest: &'b str,
}

/// A time of a recording or of the day: `00:04`, `1:02:03.5`, `10:04 PM`.
/// Some tools do not pad it: `0:0:3.0`.
const TIME: &str = r"(?:\d{1,2}:\d{1,2}:\d{1,2}[.,]\d{1,3}|\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s?[AaPp]\.?[Mm]\.?)?)";
/// A name, perhaps with something in brackets behind it.
const NAME: &str =
    r"(?P<name>\p{L}[\p{L}\p{M}\p{N} .,'’·・_-]{0,49}?)(?P<bracket>\s*\([^()]{1,40}\))?";
/// Marks that may stand around names and times.
const SIGNS: &str = r"[*_#@>\s]*";

/// A time, or two with a mark between them, of which the first counts; perhaps in brackets.
fn range() -> String {
    format!(r"[\[(#@<]*(?P<time>{TIME})(?:\s*(?:-->|[-–—]|to)\s*{TIME})?[\])>#]*")
}

/// A time and then a name.
static TIME_NAME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(r"^{SIGNS}{}{SIGNS}[-–—|•·,]?{SIGNS}{NAME}{SIGNS}:?$", range()))
});

/// A name and then a time.
static NAME_TIME: LazyLock<Regex> = LazyLock::new(|| {
    let parted = r"(?:\s+|\s*[-–—|•·,]\s*)";
    compiled(&format!(r"^{SIGNS}{NAME}{SIGNS}{parted}{SIGNS}{}{SIGNS}$", range()))
});

/// Nothing but a time.
static ONLY_TIME: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"^{SIGNS}{}{SIGNS}$", range())));

/// Nothing but a name.
static ONLY_NAME: LazyLock<Regex> = LazyLock::new(|| compiled(&format!(r"^{SIGNS}{NAME}{SIGNS}$")));

/// A name in brackets, perhaps between two times, before words.
static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
    let range = range();
    compiled(&format!(
        r"^(?:{range}\s*)?(?:\[{NAME}\]|<{}>)\s*(?:[\[(](?:\p{{Lo}}{{2}}\s*)?{TIME}[\])]\s*)?[-–—]?\s*(?P<rest>.*)$",
        NAME.replace("name", "angled").replace("bracket", "angled_bracket")
    ))
});

/// A label in round brackets before words.
static IN_PARENTHESES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"^(?:{}\s*)?\((?P<name>\p{{L}}[\p{{L}}\p{{N}} ._-]{{0,19}})\):?\s*(?P<rest>\S.*)$",
        range()
    ))
});

/// A word with a full stop or a bracket after it, before words.
static DOTTED: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"^\**(?P<name>[\p{L}\p{M}]+) ?\d{0,3}[.)]\**\s+(?P<rest>.+)$"));

/// A name with a dash after it, before words.
static DASHED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(r"^(?:{}{SIGNS}[-–—|]?\s*)?\**{NAME}\**\s+[-–—]\**\s+(?P<rest>.+)$", range()))
});

/// A time before words that begin with a letter.
static TIME_TEXT: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"^{}\s+(?P<rest>\p{{L}}.*)$", range())));

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// The lines that may be labels in one form.
pub(super) fn candidates<'b>(form: Form, lines: &[Line<'b>]) -> Vec<Label<'b>> {
    let all = 0..lines.len();
    let matching =
        |pattern: &Regex| all.clone().filter_map(|line| matched(line, lines, pattern)).collect();
    match form {
        Form::TimeName => matching(&TIME_NAME),
        Form::NameTime => {
            let all = all.filter_map(|line| found(line, lines, &NAME_TIME));
            all.filter(|label| is_name(label.name) || may_be_handle(label.name)).collect()
        }
        Form::TimeAbove => all.filter_map(|line| below_time(line, lines)).collect(),
        Form::TimeBelow => all.filter_map(|line| above_time(line, lines)).collect(),
        Form::Bracketed => matching(&BRACKETED),
        Form::InParentheses => {
            let all = all.filter_map(|line| matched(line, lines, &IN_PARENTHESES));
            all.filter(|label| is_known(label.name) || is_initials(label.name)).collect()
        }
        Form::Fields => all.filter_map(|line| in_fields(line, lines[line].text)).collect(),
        Form::Dotted => all.filter_map(|line| dotted(line, lines)).collect(),
        Form::Dashed => matching(&DASHED),
        Form::Leading => leading(lines),
        Form::Alone => matching(&ONLY_NAME),
    }
}

/// The label that a pattern finds in a line, if it may be a name.
fn matched<'b>(line: usize, lines: &[Line<'b>], pattern: &Regex) -> Option<Label<'b>> {
    found(line, lines, pattern).filter(|label| is_name(label.name))
}

/// The label that a pattern finds in a line.
fn found<'b>(line: usize, lines: &[Line<'b>], pattern: &Regex) -> Option<Label<'b>> {
    let text = lines.get(line)?.text;
    let found = pattern.captures(text)?;
    let name = found.name("name").or_else(|| found.name("angled"))?;
    let bracket = found.name("bracket");
    let both = bracket.map(|bracket| &text[name.start()..bracket.end()]);
    // A bracket is kept where it says that somebody is not interviewed, as in `Ana (Interviewer)`.
    let name = both.filter(|both| moderator::tells_part(both)).unwrap_or(name.as_str()).trim();
    let rest = found.name("rest").map_or("", |rest| rest.as_str());
    Some(Label { line, fills: 1, name, time: time_in(&found), rest })
}

/// The time that a pattern found, in seconds.
fn time_in(found: &Captures<'_>) -> Option<u32> {
    found.name("time").and_then(|time| seconds(time.as_str()))
}

/// The label of two lines: a time, and a name below it.
fn below_time<'b>(line: usize, lines: &[Line<'b>]) -> Option<Label<'b>> {
    let time = ONLY_TIME.captures(lines[line].text)?;
    let name = matched(line + 1, lines, &ONLY_NAME)?;
    Some(Label { line, fills: 2, time: time_in(&time), ..name })
}

/// The label of two lines: a name, and a time below it.
fn above_time<'b>(line: usize, lines: &[Line<'b>]) -> Option<Label<'b>> {
    let time = ONLY_TIME.captures(lines.get(line + 1)?.text)?;
    let name = matched(line, lines, &ONLY_NAME)?;
    Some(Label { fills: 2, time: time_in(&time), ..name })
}

/// The label of a line in fields: `Ana⇥00:04⇥text`, `00:04 | Ana | text` or `Ana⇥text`.
fn in_fields(line: usize, text: &str) -> Option<Label<'_>> {
    let sign = if text.contains('\t') { "\t" } else { " | " };
    let mut parts = text.splitn(4, sign).map(str::trim);
    let (mut name, mut time) = (None, None);
    for part in parts.by_ref() {
        let is_time = seconds(part.trim_matches(['[', ']', '(', ')']));
        if is_time.is_some() && time.is_none() {
            time = is_time;
        } else if name.is_none() && is_name(part) {
            name = Some(part);
        } else {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            return Some(Label { line, fills: 1, name: name?, time, rest: text[start..].trim() });
        }
    }
    None
}

/// The label of a line such as `Q. text`, where the word before the full stop is a known one: other
/// lines with one are items of a list.
fn dotted<'b>(line: usize, lines: &[Line<'b>]) -> Option<Label<'b>> {
    matched(line, lines, &DOTTED).filter(|label| may_be_dotted(label.name))
}

fn may_be_dotted(name: &str) -> bool {
    matches!(name, "Q" | "A") || name.len() > LONGEST_ITEM_MARK && is_known(name)
}

/// The label and the words of a line such as `Q. text`.
pub(super) fn dotted_label(line: &str) -> Option<(&str, &str)> {
    let found = DOTTED.captures(line)?;
    let (name, rest) = (found.name("name")?.as_str(), found.name("rest")?.as_str());
    may_be_dotted(name).then_some((name, rest))
}

/// The labels of lines such as `00:04 Ana text`, where no mark separates the name from the words.
/// The name is the first word after the time, and as many more as nearly always follow it there and
/// occur nowhere else.
fn leading<'b>(lines: &[Line<'b>]) -> Vec<Label<'b>> {
    let timed: Vec<Timed<'b>> =
        lines.iter().enumerate().filter_map(|(at, line)| Timed::parse(at, line.text)).collect();
    let uses = Uses::count(&timed, lines);
    // A name is as long in all turns that begin with its first word as in the first of them.
    let mut lengths: HashMap<&str, usize> = HashMap::new();
    let label = |timed: &Timed<'b>| {
        let first = opening(timed.text, 1)?;
        let length = *lengths.entry(first).or_insert_with(|| uses.name_length(timed.text));
        let name = opening(timed.text, length)?;
        let rest = timed.text[name.len()..].trim();
        is_name(name).then_some(Label { line: timed.line, fills: 1, name, time: timed.time, rest })
    };
    timed.iter().filter_map(label).collect()
}

/// A line that begins with a time.
struct Timed<'b> {
    /// Index among the lines of all blocks.
    line: usize,
    /// In seconds.
    time: Option<u32>,
    /// What stands behind the time.
    text: &'b str,
}

impl<'b> Timed<'b> {
    fn parse(line: usize, text: &'b str) -> Option<Self> {
        let found = TIME_TEXT.captures(text)?;
        Some(Self { line, time: time_in(&found), text: found.name("rest")?.as_str() })
    }
}

/// The first few words of a text; `None` where it has fewer.
fn opening(text: &str, words: usize) -> Option<&str> {
    let last = text.split_whitespace().nth(words - 1)?;
    Some(&text[..last.as_ptr() as usize - text.as_ptr() as usize + last.len()])
}

/// How often words occur, by which a name is told from the words after it.
struct Uses<'b> {
    /// Number of timed lines that begin with these words, of one word up to the longest name.
    openings: HashMap<&'b str, usize>,
    /// Number of times that a word occurs anywhere.
    words: HashMap<&'b str, usize>,
    /// Number of times that one word follows the other anywhere, for the pairs in openings.
    pairs: HashMap<(&'b str, &'b str), usize>,
}

impl<'b> Uses<'b> {
    fn count(timed: &[Timed<'b>], lines: &[Line<'b>]) -> Self {
        let mut uses =
            Self { openings: HashMap::new(), words: HashMap::new(), pairs: HashMap::new() };
        for Timed { text, .. } in timed {
            for opening in (1..=LONGEST_NAME).map_while(|words| opening(text, words)) {
                *uses.openings.entry(opening).or_default() += 1;
                uses.pairs.extend(last_pair(opening).map(|pair| (pair, 0)));
            }
        }
        for line in lines {
            let mut before = "";
            for word in line.text.split_whitespace() {
                *uses.words.entry(word).or_default() += 1;
                if let Some(times) = uses.pairs.get_mut(&(before, word)) {
                    *times += 1;
                }
                before = word;
            }
        }
        uses
    }

    /// Number of words at the beginning of a text that are the speaker's name.
    fn name_length(&self, text: &str) -> usize {
        (1..LONGEST_NAME).find(|length| !self.goes_on(text, *length)).unwrap_or(LONGEST_NAME)
    }

    /// Whether the word after the first `length` words of a text belongs to the name too: it nearly
    /// always follows them, and occurs nowhere else.
    fn goes_on(&self, text: &str, length: usize) -> bool {
        let (Some(first), Some(longer)) = (opening(text, 1), opening(text, length + 1)) else {
            return false;
        };
        let Some((before, word)) = last_pair(longer) else { return false };
        let count = self.openings[first];
        let comes_back = self.openings[longer] * 5 >= count * 4;
        // A letter is not part of a name: a speaker may begin most turns with `I` and never say it
        // elsewhere.
        let is_letter = word.len() == 1 && !word.ends_with(|c: char| c.is_ascii_digit());
        count >= 2 && comes_back && !is_letter && self.pairs[&(before, word)] == self.words[word]
    }
}

/// The last two words of some words.
fn last_pair(words: &str) -> Option<(&str, &str)> {
    let mut from_end = words.split_whitespace().rev();
    let last = from_end.next()?;
    Some((from_end.next()?, last))
}

/// Whether a label is a role or a number (`Interviewer`, `Speaker 2`), which need not come back.
pub(super) fn is_known(name: &str) -> bool {
    moderator::is_asker(name) || is_generic(name) || is_numbered(name)
}

/// Whether a word may be what somebody calls themselves in a chat: `ana.k`, `bo`. Other words begin
/// with a small letter as well, so [`are_handles`] looks at all those of a text.
fn may_be_handle(word: &str) -> bool {
    let is_of_handle = |c: char| c.is_alphanumeric() || "._-".contains(c);
    word.starts_with(char::is_lowercase)
        && word.chars().all(is_of_handle)
        && !is_note_word(word)
        && !is_topic(word)
}

/// Whether names in small letters are those of people: most have a sign or a digit in them, or are
/// given names.
pub(super) fn are_handles<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let is_clear = |name: &str| {
        name.contains(|c: char| c.is_ascii_digit() || "._-".contains(c)) || is_given_name(name)
    };
    let small: Vec<&str> =
        names.filter(|name| name.starts_with(char::is_lowercase) && !is_known(name)).collect();
    small.iter().filter(|name| is_clear(name)).count() * 2 >= small.len()
}

/// Whether a label is one or two capital letters, as a role or a name is shortened: `I`, `MK`.
fn is_initials(label: &str) -> bool {
    label.chars().all(char::is_uppercase) && label.chars().count() <= 2
}

/// Whether words may be a person's name: few, and with capitals where the script has them.
fn is_name(name: &str) -> bool {
    if is_note_word(name) || is_topic(name) || name.is_empty() {
        return false;
    }
    if is_known(name) {
        return true;
    }
    let bare = name.split_once('(').map_or(name, |(bare, _)| bare).trim();
    let is_initial = |word: &str| word.chars().filter(|c| *c != '.').count() <= 2;
    let last = bare.rsplit(' ').next().unwrap_or_default();
    let ends_well = bare.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        || bare.ends_with(|c: char| !c.is_ascii() && c.is_alphabetic())
        || bare.ends_with('.') && is_initial(last)
        || !bare.is_ascii() && !bare.ends_with(['.', ',', '-', '_']);
    let is_part = |word: &str| {
        let first = word.chars().next();
        first.is_some_and(|c| c.is_alphanumeric() && !c.is_lowercase()) || PARTICLES.contains(&word)
    };
    let unspaced = |word: &str| {
        let signs =
            word.chars().filter(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase());
        signs.count()
    };
    let words = || bare.split_whitespace();
    let first = bare.chars().next();
    ends_well
        && first.is_some_and(|c| c.is_alphabetic() && !c.is_lowercase())
        && words().count() <= LONGEST_NAME
        && words().all(|word| is_part(word) && unspaced(word) <= LONGEST_UNSPACED)
}

/// The seconds in a time of a recording or of the day: `00:04`, `1:02:03.5`, `10:04 PM`.
fn seconds(time: &str) -> Option<u32> {
    let small = time.trim().to_lowercase();
    let is_pm = small.ends_with('m') && small.contains('p');
    let bare = small.trim_end_matches(|c: char| !c.is_ascii_digit());
    let whole = bare.split(['.', ',']).next()?;
    let parts: Option<Vec<u32>> = whole.split(':').map(|part| part.parse().ok()).collect();
    let is_of_day = bare.len() < small.len();
    let all = match parts?.as_slice() {
        [hours, minutes] if is_of_day => hours % 12 * 3600 + minutes * 60,
        [minutes, seconds] => minutes * 60 + seconds,
        [hours, minutes, seconds] => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(if is_pm { all + 12 * 3600 } else { all })
}
