//! Speakers of transcripts whose labels have no colon: `00:04 Ana`, `Ana – text`, `[Ana] text`, or
//! `ANA` on a line above the words.
//!
//! Owns the forms of such labels, and the test for whether they are a file's layout: a few names
//! come back, they begin most of the text, and somebody asks. Labels with a colon belong to
//! `speakers`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::findings::Findings;
use super::moderator;
use super::speakers::{is_generic, is_note_word, is_numbered};
use super::transcript::{Block, Body};

/// Most different names in one conversation; text with more is not read as a transcript.
const MOST_NAMES: usize = 12;

/// Fewest labels that make a layout where none of them is a role such as `Interviewer`; with a
/// role, two are enough.
const LEAST_LABELS: usize = 4;

/// Longest name, in words.
const LONGEST_NAME: usize = 4;

/// Longest word of a name, in characters, in a script without capitals. Many of these scripts put
/// no spaces between words, so a longer run is a sentence.
const LONGEST_UNSPACED: usize = 8;

/// Words that may stand inside a name although they begin with a small letter: `Ana de Souza`.
const PARTICLES: [&str; 24] = [
    "de", "da", "do", "dos", "das", "del", "della", "di", "du", "des", "la", "le", "el", "al",
    "bin", "ibn", "van", "von", "der", "den", "ter", "zu", "af", "of",
];

/// Words that head entries of diaries, lists and poems again and again, and are not names.
const NOBODY: [&str; 33] = [
    "likes",
    "dislikes",
    "strengths",
    "weaknesses",
    "before",
    "after",
    "morning",
    "afternoon",
    "evening",
    "night",
    "breakfast",
    "lunch",
    "dinner",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "yesterday",
    "verse",
    "chorus",
    "yes",
    "no",
    "laughs",
    "laughter",
    "pause",
    "silence",
    "crosstalk",
    "music",
    "inaudible",
];

/// Where a label stands, and what it holds besides the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
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
const FORMS: [Form; 10] = [
    Form::TimeName,
    Form::NameTime,
    Form::TimeAbove,
    Form::TimeBelow,
    Form::Bracketed,
    Form::Fields,
    Form::Dotted,
    Form::Dashed,
    Form::Leading,
    Form::Alone,
];

impl Form {
    /// Whether a name in this form may count although it occurs only once. In the other forms it
    /// must come back, or be a role.
    fn is_strong(self) -> bool {
        !matches!(self, Self::Dashed | Self::Leading | Self::Alone)
    }
}

/// A line of a block, trimmed and not empty.
#[derive(Clone, Copy)]
struct Line<'b> {
    block: usize,
    /// Index within the block, from 0.
    at: usize,
    text: &'b str,
}

/// A candidate for a speaker label.
#[derive(Debug, Clone)]
struct Label<'b> {
    /// Index among the lines of all blocks.
    line: usize,
    /// Number of lines that the label takes up: one or two.
    fills: usize,
    name: &'b str,
    /// Time in the label, in seconds.
    time: Option<u32>,
    rest: &'b str,
}

/// Makes the text below or behind each label a turn of its speaker, if the blocks have such a
/// layout; else returns them as they are. What stands above the first label is left out, with a
/// finding.
pub(super) fn apply(blocks: Vec<Block>, findings: &mut Findings) -> Vec<Block> {
    let found = find(&blocks);
    if found.is_empty() {
        return blocks;
    }
    let mut out = Vec::with_capacity(blocks.len());
    for (i, block) in blocks.into_iter().enumerate() {
        let own: Vec<&Owned> = found.iter().filter(|label| label.block == i).collect();
        let first = own.first().map_or(block.lines().len(), |label| label.at);
        let is_above = out.is_empty() && block.participant.is_none();
        if own.is_empty() && !is_above {
            out.push(block);
            continue;
        }
        let part = |line: usize, body: Body| Block {
            line: block.line + line,
            section: block.section.clone(),
            participant: block.participant.clone(),
            facts: block.facts.clone(),
            body,
        };
        if is_above && (first > 0 || block.lines().is_empty()) {
            findings.note("above-transcript", block.line, || {
                "what stands above the first turn of a transcript is nobody's words; left out"
                    .to_owned()
            });
        } else if first > 0 {
            out.push(part(0, Body::Paragraph(block.lines()[..first].to_vec())));
        }
        for (n, label) in own.iter().enumerate() {
            let end = own.get(n + 1).map_or(block.lines().len(), |next| next.at);
            let below = block.lines()[(label.at + label.fills).min(end)..end].iter();
            let words: Vec<&str> = std::iter::once(label.rest.as_str())
                .chain(below.map(|line| line.trim()))
                .filter(|words| !words.is_empty())
                .collect();
            let body = Body::Turn { speaker: label.name.clone(), lines: vec![words.join(" ")] };
            out.push(part(label.at, body));
        }
    }
    out
}

/// A label of the layout that was found, with its place in the blocks.
struct Owned {
    block: usize,
    at: usize,
    fills: usize,
    name: String,
    rest: String,
}

fn find(blocks: &[Block]) -> Vec<Owned> {
    let lines: Vec<Line> = blocks
        .iter()
        .enumerate()
        .flat_map(|(block, of)| {
            let lines = of.lines().iter().enumerate();
            lines.map(move |(at, text)| Line { block, at, text: text.trim() })
        })
        .filter(|line| !line.text.is_empty())
        .collect();
    let mut best: Vec<Label> = Vec::new();
    for form in FORMS {
        let labels = layout(form, candidates(form, &lines), &lines);
        if labels.len() > best.len() {
            best = labels;
        }
    }
    let owned = best.into_iter().map(|label| {
        let Line { block, at, .. } = lines[label.line];
        // A label of two lines may be split between two blocks; then it counts from its second
        // line.
        let last = lines[label.line + label.fills - 1];
        let (name, rest) = (label.name.to_owned(), label.rest.to_owned());
        if last.block == block {
            Owned { block, at, fills: label.fills, name, rest }
        } else {
            Owned { block: last.block, at: last.at, fills: 1, name, rest }
        }
    });
    owned.collect()
}

const TIME: &str = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?:\s?[AaPp]\.?[Mm]\.?)?";
const NAME: &str =
    r"(?P<name>\p{L}[\p{L}\p{M}\p{N} .,'’·・_-]{0,49}?)(?P<bracket>\s*\([^()]{1,40}\))?";
/// Marks that may stand around names and times.
const SIGNS: &str = r"[*_#@>\s]*";

fn range() -> String {
    format!(r"[\[(#@<]*(?P<time>{TIME})(?:\s*(?:-->|[-–—]|to)\s*{TIME})?[\])>#]*")
}

fn candidates<'b>(form: Form, lines: &[Line<'b>]) -> Vec<Label<'b>> {
    static TIME_NAME: LazyLock<Regex> = LazyLock::new(|| {
        compiled(&format!(r"^{SIGNS}{}{SIGNS}[-–—|•·,]?{SIGNS}{NAME}{SIGNS}:?$", range()))
    });
    static NAME_TIME: LazyLock<Regex> = LazyLock::new(|| {
        let parted = r"(?:\s+|\s*[-–—|•·,]\s*)";
        compiled(&format!(r"^{SIGNS}{NAME}{SIGNS}{parted}{SIGNS}{}{SIGNS}$", range()))
    });
    static ONLY_TIME: LazyLock<Regex> =
        LazyLock::new(|| compiled(&format!(r"^{SIGNS}{}{SIGNS}$", range())));
    static ALONE: LazyLock<Regex> = LazyLock::new(|| compiled(&format!(r"^{SIGNS}{NAME}{SIGNS}$")));
    static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
        let range = range();
        compiled(&format!(
            r"^(?:{range}\s*)?(?:\[{NAME}\]|<{}>)\s*(?:[\[(](?:\p{{Lo}}{{2}}\s*)?{TIME}[\])]\s*)?[-–—]?\s*(?P<rest>.*)$",
            NAME.replace("name", "angled").replace("bracket", "angled_bracket")
        ))
    });
    static DOTTED: LazyLock<Regex> =
        LazyLock::new(|| compiled(r"^\**(?P<name>[\p{L}\p{M}]+) ?\d{0,3}[.)]\**\s+(?P<rest>.+)$"));
    static DASHED: LazyLock<Regex> = LazyLock::new(|| {
        compiled(&format!(
            r"^(?:{}{SIGNS}[-–—|]?\s*)?\**{NAME}\**\s+[-–—]\**\s+(?P<rest>.+)$",
            range()
        ))
    });
    let whole = |line: usize, pattern: &Regex| {
        let text = lines[line].text;
        let found = pattern.captures(text)?;
        let name = found.name("name").or_else(|| found.name("angled"))?;
        let bracket = found.name("bracket");
        let both = bracket.map(|bracket| &text[name.start()..bracket.end()]);
        // A bracket is kept where it gives the role of somebody who asks, as in
        // `Ana (Interviewer)`.
        let name = both.filter(|both| moderator::is_role(both)).map_or(name.as_str(), str::trim);
        let name = &text[text.find(name)?..][..name.len()];
        let time = found.name("time").and_then(|time| seconds(time.as_str()));
        let rest = found.name("rest").map_or(0..0, |rest| rest.range());
        let label = Label { line, fills: 1, name: name.trim(), time, rest: &text[rest] };
        is_name(label.name).then_some(label)
    };
    let time_in = |line: usize| {
        let found = ONLY_TIME.captures(lines.get(line)?.text)?;
        Some(found.name("time").and_then(|time| seconds(time.as_str())))
    };
    let all = 0..lines.len();
    match form {
        Form::TimeName => all.filter_map(|line| whole(line, &TIME_NAME)).collect(),
        Form::NameTime => all.filter_map(|line| whole(line, &NAME_TIME)).collect(),
        Form::TimeAbove => all
            .filter_map(|line| {
                let time = time_in(line)?;
                lines.get(line + 1)?;
                Some(Label { line, fills: 2, time, ..whole(line + 1, &ALONE)? })
            })
            .collect(),
        Form::TimeBelow => all
            .filter_map(|line| {
                let time = time_in(line + 1)?;
                Some(Label { fills: 2, time, ..whole(line, &ALONE)? })
            })
            .collect(),
        Form::Bracketed => all.filter_map(|line| whole(line, &BRACKETED)).collect(),
        Form::Fields => all.filter_map(|line| fields(line, lines[line].text)).collect(),
        Form::Dotted => all
            .filter_map(|line| whole(line, &DOTTED))
            .filter(|label| {
                matches!(label.name, "Q" | "A") || label.name.len() > 3 && is_known(label.name)
            })
            .collect(),
        Form::Dashed => all.filter_map(|line| whole(line, &DASHED)).collect(),
        Form::Leading => leading(lines),
        Form::Alone => all.filter_map(|line| whole(line, &ALONE)).collect(),
    }
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// The label of a line in fields: `Ana⇥00:04⇥text`, `00:04 | Ana | text` or `Ana⇥text`.
fn fields(line: usize, text: &str) -> Option<Label<'_>> {
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

/// The labels of lines such as `00:04 Ana text`, where no mark separates the name from the words.
/// The name is the first word after the time, and as many more as nearly always follow it there and
/// occur nowhere else.
fn leading<'b>(lines: &[Line<'b>]) -> Vec<Label<'b>> {
    static TIMED: LazyLock<Regex> =
        LazyLock::new(|| compiled(&format!(r"^{}\s+(?P<rest>\p{{L}}.*)$", range())));
    let mut timed: Vec<(usize, Option<u32>, &str)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(found) = TIMED.captures(line.text) {
            let rest = found.name("rest").map_or(0..0, |rest| rest.range());
            timed.push((at, seconds(&found["time"]), &line.text[rest]));
        }
    }
    let prefix = |text: &'b str, words: usize| -> Option<&'b str> {
        let last = text.split_whitespace().nth(words - 1)?;
        Some(&text[..last.as_ptr() as usize - text.as_ptr() as usize + last.len()])
    };
    let mut prefixes: HashMap<&str, usize> = HashMap::new();
    for (.., text) in &timed {
        for words in 1..=LONGEST_NAME {
            if let Some(found) = prefix(text, words) {
                *prefixes.entry(found).or_default() += 1;
            }
        }
    }
    let mut words: HashMap<&str, usize> = HashMap::new();
    for word in lines.iter().flat_map(|line| line.text.split_whitespace()) {
        *words.entry(word).or_default() += 1;
    }
    let pairs = |before: &str, word: &str| {
        let all = lines.iter().map(|line| {
            let mut last = "";
            line.text
                .split_whitespace()
                .filter(|now| {
                    let is_pair = last == before && *now == word;
                    last = now;
                    is_pair
                })
                .count()
        });
        all.sum::<usize>()
    };
    let mut known: HashMap<&str, usize> = HashMap::new();
    let label = |(line, time, text): &(usize, Option<u32>, &'b str)| {
        let first = prefix(text, 1)?;
        let count = prefixes[first];
        let length = *known.entry(first).or_insert_with(|| {
            let mut length = 1;
            while let Some(longer) = prefix(text, length + 1).filter(|_| length < LONGEST_NAME) {
                let mut last = longer.split_whitespace().rev();
                let (word, before) =
                    (last.next().unwrap_or_default(), last.next().unwrap_or_default());
                let comes_back = prefixes[longer] * 5 >= count * 4;
                // A letter is not part of a name: a speaker may begin most turns with `I` and never
                // say it elsewhere.
                let is_letter = word.len() == 1 && !word.ends_with(|c: char| c.is_ascii_digit());
                if count < 2 || is_letter || !comes_back || pairs(before, word) != words[word] {
                    break;
                }
                length += 1;
            }
            length
        });
        let name = prefix(text, length)?;
        let rest = text[name.len()..].trim();
        is_name(name).then_some(Label { line: *line, fills: 1, name, time: *time, rest })
    };
    timed.iter().filter_map(label).collect()
}

/// The labels that count, if they make a layout: their names come back, they begin most of the
/// text, and somebody asks. Empty if they do not.
fn layout<'b>(form: Form, all: Vec<Label<'b>>, lines: &[Line<'_>]) -> Vec<Label<'b>> {
    let count = |labels: &[Label<'b>]| {
        let mut names: HashMap<&'b str, usize> = HashMap::new();
        for label in labels {
            *names.entry(label.name).or_default() += 1;
        }
        names
    };
    let candidates = all.len();
    let counts = count(&all);
    let asker = counts.keys().any(|name| moderator::is_label(name));
    let comes_back = |name: &str| counts[name] >= 2 || asker && is_known(name);
    let repeated = all.iter().filter(|label| comes_back(label.name)).count();
    let takes_all = form.is_strong() && repeated * 2 >= candidates;
    let mut labels: Vec<Label> = all;
    labels.retain(|label| takes_all || comes_back(label.name));
    // A label without any words before the next one does not begin a turn.
    let starts: Vec<usize> = labels.iter().map(|label| label.line).collect();
    labels.retain(|label| {
        let next = label.line + label.fills;
        !label.rest.is_empty() || next < lines.len() && starts.binary_search(&next).is_err()
    });
    let names = count(&labels);
    let least = if asker { 2 } else { LEAST_LABELS };
    if labels.len() < least
        || !(2..=MOST_NAMES).contains(&names.len())
        || labels.len() * 5 < candidates * 3
    {
        return Vec::new();
    }
    let pairs = || labels.windows(2);
    let back =
        pairs().filter(|pair| matches!((pair[0].time, pair[1].time), (Some(a), Some(b)) if b < a));
    let changes = pairs().filter(|pair| pair[0].name != pair[1].name).count();
    let is_talk = back.count() * 10 <= labels.len() && changes * 2 >= labels.len() - 1;
    let timed = labels.iter().all(|label| label.time.is_some());
    if !is_talk || unlabelled(&labels, lines) > labels.len() * (1 + usize::from(timed)) {
        return Vec::new();
    }
    let mut asked: HashMap<&str, usize> = HashMap::new();
    for (n, label) in labels.iter().enumerate() {
        let end = labels.get(n + 1).map_or(lines.len(), |next| next.line);
        let last = lines[label.line + label.fills..end].last().map_or(label.rest, |line| line.text);
        *asked.entry(label.name).or_default() += usize::from(moderator::asks(last));
    }
    let least = 2 - usize::from(timed);
    let asks = asked.iter().any(|(name, asked)| *asked >= least && asked * 3 >= names[name]);
    // A moderator's label beside another one makes a conversation, whatever is said.
    let roles = asker
        && names.keys().any(|name| !moderator::is_label(name))
        && names.keys().any(|name| moderator::is_label(name));
    if !asks && !roles {
        return Vec::new();
    }
    labels
}

/// Number of blocks after the first label in which no turn begins, except those directly below a
/// label on a line of its own.
fn unlabelled(labels: &[Label<'_>], lines: &[Line<'_>]) -> usize {
    let mut blocks: Vec<usize> = lines[labels[0].line..].iter().map(|line| line.block).collect();
    blocks.dedup();
    let mut begun: Vec<usize> = Vec::new();
    for label in labels {
        begun.push(lines[label.line].block);
        if label.rest.is_empty() {
            begun.push(lines[label.line + label.fills].block);
        }
    }
    begun.dedup();
    blocks.iter().filter(|block| begun.binary_search(block).is_err()).count()
}

/// Whether a label is a role or a number (`Interviewer`, `Speaker 2`), which need not come back.
fn is_known(name: &str) -> bool {
    moderator::is_label(name) || is_generic(name) || is_numbered(name)
}

/// Whether words may be a person's name: few, and with capitals where the script has them.
fn is_name(name: &str) -> bool {
    if is_note_word(name) || NOBODY.contains(&name.to_lowercase().as_str()) || name.is_empty() {
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

/// Whether a line is nothing but a time and a name, as some tools head each turn.
pub(super) fn heads_turn(line: &str) -> bool {
    let line = Line { block: 0, at: 0, text: line.trim() };
    [Form::TimeName, Form::NameTime].iter().any(|form| !candidates(*form, &[line]).is_empty())
}

/// Removes a last line that says who or what wrote the transcript: `Transcribed by …`.
pub(super) fn drop_closing(blocks: &mut Vec<Block>, findings: &mut Findings) {
    static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
        let by = "transcribed (?:by|with|using)|transcript(?:ion)? (?:by|created|generated|provided)\
                  |transkribiert (?:von|mit|durch)|transcrit (?:par|avec)|transcrito (?:por|con|com)\
                  |trascritto (?:da|con)|getranscribeerd (?:door|met)|transkriberat av\
                  |end of (?:the )?(?:transcript|recording|interview)";
        compiled(&format!(r"(?i)^[\[(*_\s–-]*(?:{by})\b.{{0,80}}$"))
    });
    let Some(block) = blocks.last_mut() else { return };
    let line = block.line + block.lines().len().saturating_sub(1);
    let (Body::Paragraph(lines) | Body::Item(lines)) = &mut block.body else { return };
    if !lines.last().is_some_and(|line| CLOSING.is_match(line)) {
        return;
    }
    lines.pop();
    if lines.is_empty() {
        blocks.pop();
    }
    findings.note("below-transcript", line, || {
        "the line that says who wrote a transcript down is nobody's words; left out".to_owned()
    });
}

#[cfg(test)]
mod tests {
    use super::super::rows::Rows;
    use super::super::text;

    /// Name, time and words of two people who ask and answer three times.
    const TURNS: [(&str, &str, &str); 6] = [
        ("Ana Lee", "00:04", "Thanks for coming, how does your day begin?"),
        ("Bo de Wit", "00:11", "I unlock the store room and count what is missing."),
        ("Ana Lee", "00:40", "And what happens when something is missing?"),
        ("Bo de Wit", "00:52", "I borrow from the next ward and write it on my hand."),
        ("Ana Lee", "01:15", "How do you feel about that?"),
        ("Bo de Wit", "01:23", "Ashamed, because it looks like stealing."),
    ];

    fn load(text: &str) -> Rows {
        let mut rows = Rows::new(1);
        text::read(text, &mut rows).unwrap();
        rows
    }

    fn who(rows: &Rows) -> Vec<Option<&str>> {
        rows.records.iter().map(|record| record.participant.as_deref()).collect()
    }

    #[test]
    fn labels_without_a_colon_are_learned_in_the_forms_that_tools_write() {
        for form in [
            "TIME NAME\nTEXT\n\n",
            "[TIME] NAME\nTEXT\n\n",
            "00:TIME NAME\nTEXT\n\n",
            "TIME - TIME NAME\nTEXT\n\n",
            "NAME (00:TIME - 00:TIME)\nTEXT\n\n",
            "NAME | TIME\nTEXT\n\n",
            "NAME - TIME\nTEXT\n\n",
            "@TIME - NAME\nTEXT\n\n",
            "TIME\nNAME\nTEXT\n\n",
            "NAME\nTIME\nTEXT\n\n",
            "NAME 10:04 AM\nTEXT\n\n",
            "**NAME** *TIME*\nTEXT\n\n",
            "**NAME**\nTEXT\n\n",
            "NAME\nTEXT\n\n",
            "NAME\n\nTEXT\n\n",
            "NAME\tTIME\tTEXT\n",
            "TIME\tNAME\tTEXT\n",
            "NAME\tTEXT\n",
            "TIME | NAME | TEXT\n",
            "NAME – TEXT\n\n",
            "[NAME] TEXT\n\n",
            "[NAME] [TIME] TEXT\n",
            "<NAME> TEXT\n",
            "TIME NAME TEXT\n",
        ] {
            for (asks, answers) in [("Ana Lee", "Bo de Wit"), ("Interviewer", "Participant 3")] {
                let turn = |(name, time, text): &(&str, &str, &str)| {
                    let name = if *name == "Ana Lee" { asks } else { answers };
                    form.replace("NAME", name).replace("TIME", time).replace("TEXT", text)
                };
                let rows = load(&TURNS.iter().map(turn).collect::<String>());
                assert_eq!(who(&rows), [Some(answers); 3], "{form:?}");
                for (record, turn) in rows.records.iter().zip(TURNS.chunks(2)) {
                    let said = format!("question: {}\ntext: {}", turn[0].2, turn[1].2);
                    assert_eq!(record.text, said, "{form:?}");
                }
            }
        }
        let rows =
            load("Q. Why?\n\nA. Habit, mostly.\n\nIt is so.\n\nQ. Since when?\n\nA. Always.\n");
        assert_eq!(who(&rows), [Some("A"), Some("A")]);
        assert!(rows.records[0].text.ends_with("Habit, mostly.\nIt is so."));
    }

    #[test]
    fn what_stands_around_the_turns_is_nobodys_words() {
        let turn = |(name, time, text): &(&str, &str, &str)| format!("{time} {name}\n{text}\n\n");
        let turns = TURNS.iter().map(turn).collect::<String>();
        let text =
            format!("Talk with Bo\n\nSummary\nBo borrows.\n\n{turns}Transcribed by Otter.ai\n");
        let rows = load(&text);
        assert_eq!(who(&rows), [Some("Bo de Wit"); 3]);
        let left = [("above-transcript", Some(1), 2), ("below-transcript", Some(24), 1)];
        assert!(
            left.iter().all(|left| rows.findings.kinds().contains(left)),
            "{:?}",
            rows.findings.kinds()
        );
    }

    #[test]
    fn those_who_speak_once_in_a_round_are_heard() {
        let rows = load(
            "00:04 Ana\nHow do you get there?\n\n00:20 Sue\nBy bus.\n\n00:31 Dev\nI walk there.\n\n\
             00:50 Ana\nAnd in winter?\n\n01:02 Mia\nI stay.\n\n01:10 Sue\nSo do I.\n",
        );
        assert!(["Sue", "Dev", "Mia"].iter().all(|name| who(&rows).contains(&Some(name))));
    }

    #[test]
    fn what_is_no_conversation_has_no_labels() {
        for text in [
            "07:10 Bus\nLate again.\n\n12:30 Canteen\nCold, who makes this?\n\n17:40 Bus\nFull.\n\n\
             07:12 Bus\nLate. Why?\n\n12:25 Canteen\nNo soup.\n\n17:45 Bus\nI walked.\n",
            "Morning\nI took two, is that bad?\n\nEvening\nI slept.\n\nMorning\nWhy?\n\nEvening\nNo.\n",
            "Kitchen – she opened a drawer.\n\nHall – he waits.\n\nKitchen – she asked for tea.\n\nHall – he left.\n",
            "Up and down\nthe lift goes\nUp and down\nwho knows?\n\nUp and down\nno one stays?\n",
            "Milk\nBread\nEggs\nMilk\nBread\nButter\n",
            "Method\nWe asked them all.\n\nResults\nIt is slow, so what?\n\nDiscussion\nIs it?\n",
            "How does it begin?\n\nI unlock it.\n\nAnd then?\n\nI count it.\n\nAnd?\n\nNothing.\n",
            "[Pause] It was late, you know?\n\n[Laughs] I went.\n\n[Pause] Did I?\n\n[Laughs] I did.\n",
            "Yes\nNo\nYes\nNo\nNever\nWhy not?\nNo\n",
            "March 3 – I went.\n\nMarch 4 – I stayed, what else?\n\nMarch 3 – again?\n",
            "Moderator\nKarin Ek\n\nParticipants\nBo\nAhmed\n\nIt began at nine and all were tired.\n",
            "Ana\tBerlin\t34\nBo\tParis\t41\nAna\tRome\t22\nBo\tLima\t30\n",
        ] {
            let rows = load(text);
            assert!(who(&rows).iter().all(Option::is_none), "{text:?} {:?}", who(&rows));
            assert!(rows.findings.kinds().is_empty(), "{text:?}");
        }
    }
}
