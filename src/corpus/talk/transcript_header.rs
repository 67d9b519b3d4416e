//! What stands above the turns of a transcript: a title, and lines such as `Interviewer: Hannah` and
//! `Age: 24`.
//!
//! Owns which lines these are, and what they say of the people in the conversation that follows. None
//! of it is anybody's words. Headers that tools write around a chat are `chat_heads`'s.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::bystanders::{interprets, is_watching};
use super::moderator;
use super::speakers::{Speakers, are_initials, is_generic, is_note_word, is_short_for};
use super::transcript::{Block, Body, Facts};
use crate::corpus::findings::Findings;
use crate::corpus::names::{WHOSE_FILE, is_word_for_participant, normalise, participant_rank};

/// Most characters of a line that states a fact.
const LONGEST_LINE: usize = 120;

/// Most words of a value; a longer one is a sentence.
const LONGEST_VALUE: usize = 10;

/// Most words of a value under a label that is not known.
const OTHER_VALUE: usize = 6;

/// Blocks below a header in which a conversation has to show.
const LOOKED_AT: usize = 40;

/// Most lines above the first turn that are searched for who asks.
const ABOVE: usize = 20;

/// Most paragraphs of a title, and most characters of each.
const TITLE_LINES: usize = 3;
const LONGEST_TITLE: usize = 200;

/// Fewest turns of a conversation below a title. Fewer may be a note with a dialogue in it.
const LEAST_TURNS: usize = 4;

/// Lines that describe a participant; their values go along with what the participant says.
const OF_PARTICIPANT: [&str; 36] = [
    "age",
    "gender",
    "sex",
    "occupation",
    "job",
    "jobtitle",
    "profession",
    "role",
    "position",
    "device",
    "city",
    "country",
    "company",
    "industry",
    "segment",
    "plan",
    "education",
    "experience",
    "household",
    "alter",
    "geschlecht",
    "beruf",
    "edad",
    "género",
    "profesión",
    "ocupación",
    "âge",
    "sexe",
    "métier",
    "idade",
    "profissão",
    "età",
    "professione",
    "leeftijd",
    "beroep",
    "functie",
];

/// Other lines that say where a conversation comes from, beside those of `is_note_word`.
const OF_RECORDING: [&str; 37] = [
    "project",
    "study",
    "session",
    "interview",
    "interviewno",
    "interviewnumber",
    "interviewid",
    "recording",
    "recordedon",
    "recorded",
    "recordingdate",
    "transcript",
    "transcribedby",
    "transcriptionist",
    "language",
    "method",
    "format",
    "file",
    "filename",
    "title",
    "client",
    "product",
    "venue",
    "setting",
    "channel",
    "length",
    "consent",
    "present",
    "attendees",
    "projekt",
    "studie",
    "sitzung",
    "sprache",
    "proyecto",
    "sesión",
    "projet",
    "progetto",
];

/// Short answers that could be taken for names.
const REPLIES: [&str; 24] = [
    "hi", "hello", "hey", "yes", "yeah", "no", "ok", "okay", "sure", "thanks", "bye", "hallo",
    "ja", "nein", "danke", "hola", "sí", "gracias", "bonjour", "oui", "merci", "ciao", "sì",
    "grazie",
];

/// What a line of a header says.
#[derive(Debug, PartialEq, Eq)]
enum Line<'t> {
    /// Who asks or watches.
    Asks(&'t str),
    /// Who is interviewed, with what else stands there.
    Heard(&'t str),
    /// What describes the participant.
    Describes(&'t str, &'t str),
    /// Where the conversation comes from.
    Tells,
    /// A label and a value that may be anything.
    Other(&'t str),
}

/// What a header says of the people of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Names of those who ask or watch.
    pub(crate) asking: Vec<String>,
    /// Whether one of them interviews, and does not help a customer.
    pub(crate) interviews: bool,
    /// Whether there is no conversation, and the header describes who wrote the text.
    pub(crate) is_of_writer: bool,
}

/// Removes the title and the header lines above each conversation of a document, and gives the
/// blocks below them the participant and the facts that the header names. Leaves everything as it is
/// where no conversation follows.
pub(crate) fn take_out(blocks: &mut Vec<Block>, findings: &mut Findings) -> Header {
    let mut header = Header::default();
    part_facts(blocks);
    split_first(blocks);
    let runs = runs(blocks);
    let introduced = introduced(blocks);
    header.interviews |= !introduced.is_empty();
    header.asking.extend(introduced);
    if runs.is_empty() {
        header.is_of_writer = take_sheet(blocks, findings);
    }
    let ends = runs.iter().skip(1).map(|run| run.start).chain([blocks.len()]).collect::<Vec<_>>();
    let mut gone: HashSet<usize> = HashSet::new();
    let speakers = if runs.is_empty() { HashSet::new() } else { speaking(blocks) };
    for (run, end) in runs.iter().zip(ends) {
        let mut facts: Vec<(String, String)> = Vec::new();
        let mut who = None;
        for block in &blocks[run.clone()] {
            for line in block.lines() {
                header.interviews |= label_of(line).is_some_and(moderator::is_asker);
                let Some(line) = parse(line) else { continue };
                match line {
                    Line::Asks(names) => {
                        let others = all_names_in(names).filter(|name| speakers.contains(name));
                        header.asking.extend(names_in(names).chain(others));
                    }
                    Line::Heard(name) => who = names_in(name).next(),
                    Line::Describes(key, value) => facts.push((key.to_owned(), value.to_owned())),
                    Line::Tells | Line::Other(_) => {}
                }
            }
        }
        let facts = Facts::from(facts);
        for block in &mut blocks[run.end..end] {
            block.participant = block.participant.take().or_else(|| who.clone());
            if block.facts.is_empty() {
                block.facts = facts.clone();
            }
        }
        gone.extend(run.clone());
    }
    gone.extend(title(blocks, &gone));
    remove(blocks, &gone, findings);
    header
}

/// The one participant whom a line at the top of notes names, where nothing else does, and what it
/// says of them: `Participant: P1, 71, retired teacher`.
pub(crate) fn sole_participant(blocks: &[Block]) -> Option<(String, Facts)> {
    if blocks.iter().any(|block| block.participant.is_some()) {
        return None;
    }
    let named = |line: &str| {
        let label =
            label_of(line).filter(|label| is_generic(label) || is_word_for_participant(label))?;
        let value = line.split_once([':', '：'])?.1.trim_matches(['*', '_', ' ', '|']);
        let name =
            names_in(value).next().filter(|_| !label.is_empty() && !value.contains(['"', '“']))?;
        let rest = value.strip_prefix(name.as_str()).unwrap_or_default();
        let rest = rest.trim_start_matches([',', ';', ' ', '–', '—']);
        // The first makes them the same person in every file.
        let facts = [(WHOSE_FILE, name.as_str()), ("profile", rest)].into_iter();
        let facts = facts.filter(|(_, value)| !value.is_empty());
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some((name, facts))
    };
    let lines = |blocks: &'_ [Block]| -> Vec<(String, Facts)> {
        blocks.iter().flat_map(Block::lines).filter_map(|line| named(line)).collect()
    };
    let top = &blocks[..blocks.len().min(TITLE_LINES)];
    let mut found = lines(top);
    (found.len() == 1 && lines(blocks).len() == 1).then(|| found.pop()).flatten()
}

/// Those of the speakers whom what stands above the first turn introduces as asking, in whatever
/// sentence or line: `Hall, 3 June. Moderator: Judith (JM). Recorded.`, `Judith (moderator)`.
fn introduced(blocks: &[Block]) -> Vec<String> {
    static PARTS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[.;|·•,]\s+").expect("the pattern is valid"));
    static WITH_ROLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\p{Lu}[\p{L}'’-]*(?: \p{Lu}[\p{L}'’.-]*){0,2} ?\([^()]{1,40}\)")
            .expect("the pattern is valid")
    });
    let speakers = Speakers::find(blocks);
    let above = blocks.iter().flat_map(Block::lines).take(ABOVE);
    let above: Vec<&String> = above.take_while(|line| speakers.label(line).is_none()).collect();
    let speak = |name: &String| {
        speakers
            .names()
            .any(|label| label == name || is_short_for(label, name) || are_initials(label, name))
    };
    let mut found = Vec::new();
    for line in above {
        for part in PARTS.split(line) {
            if label_of(part).is_some_and(moderator::is_role)
                && let Some(Line::Asks(names)) = parse(part)
            {
                found.extend(all_names_in(names).filter(speak));
            }
        }
        let with_role = WITH_ROLE.find_iter(line).map(|found| found.as_str());
        let names = with_role.filter(|name| moderator::is_role(name));
        found.extend(names.filter_map(moderator::name_in).map(str::to_owned).filter(speak));
    }
    found
}

/// Removes the only lines of facts, at the head of what one person wrote, and gives the facts to all
/// that stands below: `Age: 38`, `Occupation: nurse` above a diary. False where there are none.
fn take_sheet(blocks: &mut Vec<Block>, findings: &mut Findings) -> bool {
    let is_sheet = |block: &Block| matches!(&block.body, Body::Paragraph(l) if are_facts(l));
    let mut sheets = (0..blocks.len()).filter(|at| is_sheet(&blocks[*at]));
    let (Some(at), None) = (sheets.next(), sheets.next()) else { return false };
    if at >= TITLE_LINES || at + 1 == blocks.len() {
        return false;
    }
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut who = None;
    for line in blocks[at].lines() {
        match parse(line) {
            Some(Line::Heard(name)) => who = names_in(name).next(),
            Some(Line::Describes(key, value)) => facts.push((key.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    if facts.is_empty() {
        return false;
    }
    let facts = Facts::from(facts);
    for block in &mut blocks[at + 1..] {
        block.participant = block.participant.take().or_else(|| who.clone());
        if block.facts.is_empty() {
            block.facts = facts.clone();
        }
    }
    findings.note("sheet-of-facts", blocks[at].line, || {
        "lines of facts above what one person wrote are no entry; what describes the person goes \
         along with each"
            .to_owned()
    });
    blocks.remove(at);
    true
}

/// Puts facts that stand on one line of the first blocks on a line each: `Date: 3 May. Place: Hut`.
fn part_facts(blocks: &mut [Block]) {
    for block in blocks.iter_mut().take(TITLE_LINES) {
        let Body::Paragraph(lines) = &mut block.body else { continue };
        if lines.iter().any(|line| facts_on(line).len() > 1) {
            *lines = lines.iter().flat_map(|line| facts_on(line)).map(str::to_owned).collect();
        }
    }
}

/// The facts on a line, if it holds several and nothing else; else the line.
fn facts_on(line: &str) -> Vec<&str> {
    static NEXT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?:[.;,|·]| [–—])\s+(?P<label>\p{Lu}[\p{L}\p{M}'’-]*(?: [\p{L}'’-]+){0,2} ?: )",
        )
        .expect("the pattern is valid")
    });
    let mut facts = Vec::new();
    let mut rest = line;
    while let Some(found) = NEXT.captures(rest) {
        let (Some(whole), Some(label)) = (found.get(0), found.name("label")) else { break };
        facts.push(&rest[..whole.start()]);
        rest = &rest[label.start()..];
    }
    // The last one ends as the line does, with a full stop that is none of an initial: `Karim B.`.
    let last = rest.split_whitespace().next_back().unwrap_or_default();
    facts.push(if last.chars().count() > 2 { rest.trim_end_matches('.') } else { rest });
    let is_known = |line: &&&str| parse(line).is_some_and(|fact| !matches!(fact, Line::Other(_)));
    let are_facts = facts.iter().all(|fact| parse(fact).is_some())
        && facts.iter().filter(is_known).count() * 3 >= facts.len() * 2;
    if facts.len() > 1 && are_facts { facts } else { vec![line] }
}

/// Parts the header lines of the first block from a title above them and from the turns below them,
/// where no blank line does.
fn split_first(blocks: &mut Vec<Block>) {
    let Some(Block { body: Body::Paragraph(lines), .. }) = blocks.first() else { return };
    let is_header = |text: &&String| {
        is_rule(text) || parse(text).is_some_and(|line| !matches!(line, Line::Other(_)))
    };
    let title = lines.iter().take(TITLE_LINES).take_while(|text| !is_header(text)).count();
    let head = title + lines[title..].iter().take_while(is_header).count();
    if head - title < 2 {
        return;
    }
    let whole = lines.len();
    for at in [head, title].into_iter().filter(|at| (1..whole).contains(at)) {
        let first = &mut blocks[0];
        let Body::Paragraph(lines) = &mut first.body else { return };
        let below = Block {
            line: first.line + at,
            section: first.section.clone(),
            participant: first.participant.clone(),
            facts: first.facts.clone(),
            body: Body::Paragraph(lines.split_off(at)),
        };
        blocks.insert(1, below);
    }
}

fn remove(blocks: &mut Vec<Block>, gone: &HashSet<usize>, findings: &mut Findings) {
    let mut at = 0;
    blocks.retain(|block| {
        at += 1;
        let is_gone = gone.contains(&(at - 1));
        if is_gone {
            findings.note("above-transcript", block.line, || {
                "the title and the facts above the first turn of a transcript are nobody's words; left out"
                    .to_owned()
            });
        }
        !is_gone
    });
}

/// The runs of blocks that are headers of a conversation, in order. The first may be anything that
/// looks like one; others begin with the same label.
fn runs(blocks: &[Block]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut first_label: Option<String> = None;
    let mut at = 0;
    while at < blocks.len() {
        let length = blocks[at..].iter().take_while(|block| is_header_block(block)).count();
        if length == 0 {
            // A title may stand above the first header, but no conversation.
            if runs.is_empty() && at >= TITLE_LINES {
                break;
            }
            at += 1;
            continue;
        }
        let run = at..at + length;
        let label = blocks[at].lines().first().and_then(|line| label_of(line)).map(normalise);
        let is_again = first_label.is_none() || first_label == label;
        if is_again && is_header(&blocks[run.clone()], below(blocks, run.end)) {
            first_label = label;
            runs.push(run.clone());
        }
        at = run.end;
    }
    runs
}

/// The first blocks of what stands below a header. A file may hold thousands of headers, and reading
/// to its end for each would be quadratic.
fn below(blocks: &[Block], start: usize) -> &[Block] {
    &blocks[start..blocks.len().min(start + LOOKED_AT)]
}

fn is_header_block(block: &Block) -> bool {
    matches!(block.body, Body::Paragraph(_) | Body::Item(_))
        && block.lines().iter().any(|line| parse(line).is_some())
        && block.lines().iter().all(|line| is_rule(line) || parse(line).is_some())
}

/// Whether a line is blank, or only parts what stands above it from what stands below.
fn is_rule(line: &str) -> bool {
    line.trim().chars().all(|c| matches!(c, '=' | '_' | '-' | '*' | '—' | '–'))
}

/// Whether blocks are the header of the conversation below them: at least two lines, no label
/// twice, and two thirds of them bind a person or state a fact that only a header states. Where
/// they only bind people, one of these has to speak below, so that a round of short answers is not
/// taken for a header.
fn is_header(blocks: &[Block], below: &[Block]) -> bool {
    let lines: Vec<(&str, Line<'_>)> = blocks
        .iter()
        .flat_map(Block::lines)
        .filter_map(|line| Some((label_of(line)?, parse(line)?)))
        .collect();
    let mut labels = HashSet::new();
    let are_once = lines.iter().all(|(label, _)| labels.insert(normalise(label)));
    let known = lines.iter().filter(|(_, line)| !matches!(line, Line::Other(_))).count();
    if !are_once || lines.len() < 2 || known * 3 < lines.len() * 2 {
        return false;
    }
    let speakers = speaking(below);
    let speaks = |names: &str| {
        all_names_in(names).any(|name| {
            speakers.contains(&name) || name.split_whitespace().any(|word| speakers.contains(word))
        })
    };
    !speakers.is_empty()
        && lines.iter().any(|(label, line)| match line {
            Line::Tells | Line::Describes(..) => true,
            Line::Asks(names) | Line::Heard(names) => {
                is_watching(label) || interprets(label) || speaks(names)
            }
            Line::Other(_) => false,
        })
}

/// The labels of those who speak in blocks.
fn speaking(blocks: &[Block]) -> HashSet<String> {
    let labels = Speakers::find(blocks);
    let turns = blocks.iter().filter_map(|block| match &block.body {
        Body::Turn { speaker, .. } => Some(speaker.as_str()),
        _ => None,
    });
    labels.names().chain(turns).map(str::to_owned).collect()
}

/// Whether lines `Label: value` are those of a header: none could be a turn, and two thirds bind a
/// person or state a fact that only a header states.
pub(crate) fn are_facts(lines: &[String]) -> bool {
    let parsed: Vec<_> = lines.iter().map(|line| parse(line)).collect();
    let is_known =
        |line: &&Option<Line<'_>>| line.as_ref().is_some_and(|l| !matches!(l, Line::Other(_)));
    let tells = |line: &Option<Line<'_>>| matches!(line, Some(Line::Tells | Line::Describes(..)));
    lines.len() >= 2
        && parsed.iter().all(Option::is_some)
        && parsed.iter().any(tells)
        && parsed.iter().filter(is_known).count() * 3 >= lines.len() * 2
}

fn label_of(line: &str) -> Option<&str> {
    Some(line.split_once([':', '：'])?.0.trim_matches(['*', '_', ' ', '-', '•', '#', '|']))
}

/// What a line `Label: value` of a header says; `None` for a line that could be a turn.
fn parse(line: &str) -> Option<Line<'_>> {
    let line = line.trim();
    let label = label_of(line)?;
    let value = line.split_once([':', '：'])?.1.trim_matches(['*', '_', ' ', '|']);
    let is_short = line.chars().count() <= LONGEST_LINE
        && value.split_whitespace().count() <= LONGEST_VALUE
        && label.split_whitespace().count() <= 3;
    let last = value.split_whitespace().next_back().unwrap_or_default();
    let is_initial = last.chars().count() == 2 && last.starts_with(char::is_uppercase);
    let is_sentence = value.ends_with(['.', '?', '!', '…', '？', '。']) && !is_initial;
    let is_timed = label.starts_with(['[', '(']) || label.starts_with(|c: char| c.is_ascii_digit());
    if !is_short || is_sentence || is_timed || value.is_empty() || label.is_empty() {
        return None;
    }
    // `Date / length`
    let label = label.split('/').next().unwrap_or(label).trim();
    let key = normalise(label);
    if OF_PARTICIPANT.contains(&key.as_str()) {
        return Some(Line::Describes(label, value));
    }
    if OF_RECORDING.contains(&key.as_str()) || is_note_word(label) {
        return Some(Line::Tells);
    }
    let names_somebody = names_in(value).next().is_some();
    let is_present = is_watching(label) || interprets(label);
    if moderator::is_role(label) || is_present || moderator::is_helper(label) {
        return names_somebody.then_some(Line::Asks(value));
    }
    if is_generic(label) || participant_rank(label).is_some_and(|rank| rank < LONGEST_RANK) {
        // `Interviewee: woman, 52, stallholder`
        let describes = value.contains(',') && value.contains(|c: char| c.is_ascii_digit());
        let described = || describes.then_some(Line::Describes(label, value));
        return names_somebody.then_some(Line::Heard(value)).or_else(described);
    }
    let is_fact = value.split_whitespace().count() <= OTHER_VALUE && !is_reply(value);
    is_fact.then_some(Line::Other(label))
}

/// Ranks of column names that begin with a word for a participant: `Participant ID`.
const LONGEST_RANK: usize = 7;

/// The names in a value, and the short ones that turns have instead: `Hannah Cole (HC), Tom B.` gives
/// `Hannah Cole`, `HC` and `Tom B.`.
fn all_names_in(value: &str) -> impl Iterator<Item = String> {
    let short = value.split(['(', '（']).skip(1).filter_map(|part| part.split([')', '）']).next());
    let short = short.map(str::trim).filter(|short| {
        short.chars().count() <= LONGEST_SHORT
            && short.chars().all(|c| c.is_uppercase() || c == '.')
    });
    let listed = value.split(',').map(str::trim).skip(1);
    let listed =
        listed.filter(|name| is_name(name) && !name.starts_with(|c: char| c.is_ascii_digit()));
    names_in(value).chain(short.map(str::to_owned)).chain(listed.map(str::to_owned))
}

/// Most letters of a name that is shortened to its first ones.
const LONGEST_SHORT: usize = 4;

/// The names in a value: `Hannah Cole (UX) and Tom`, `P1 (pseudonym: Vex), 24, Ottawa` gives `P1`.
fn names_in(value: &str) -> impl Iterator<Item = String> {
    let people = value.split(['&', ';']).flat_map(|part| part.split(" and ")).map(|person| {
        let name = person.split(['(', ',', '/', '|', '–', '—']).next().unwrap_or_default();
        name.trim().trim_start_matches(['"', '“', '„', '«']).trim_end_matches(['"', '”', '»'])
    });
    people.filter(|name| is_name(name)).map(str::to_owned)
}

/// Whether a value is a name or a code: a few words, each with a capital or digit where the script
/// has capitals.
fn is_name(value: &str) -> bool {
    let words: Vec<&str> = value.split_whitespace().collect();
    let is_named =
        |word: &&str| word.starts_with(|c: char| !c.is_lowercase() && c.is_alphanumeric());
    (1..=4).contains(&words.len()) && words.first().is_some_and(is_named) && !is_reply(value)
}

fn is_reply(value: &str) -> bool {
    REPLIES.contains(&normalise(value).as_str())
}

/// The blocks of a title above the first turn of a conversation.
fn title(blocks: &[Block], gone: &HashSet<usize>) -> Vec<usize> {
    let kept = |at: &usize| !gone.contains(at);
    let rest: Vec<usize> = (0..blocks.len()).filter(kept).collect();
    let speakers = Speakers::find(blocks);
    let begins =
        |at: usize| blocks[at].lines().first().is_some_and(|l| speakers.label(l).is_some());
    let is_turn = |at: usize| begins(at) || matches!(blocks[at].body, Body::Turn { .. });
    let above: Vec<usize> = rest.iter().copied().take_while(|at| !is_turn(*at)).collect();
    let turns = |at: &usize| match &blocks[*at].body {
        Body::Turn { .. } => 1,
        _ => blocks[*at].lines().iter().filter(|line| speakers.label(line).is_some()).count(),
    };
    let asks = |at: &usize| {
        let lines = blocks[*at].lines().iter();
        lines.filter_map(|line| speakers.label(line)).any(|label| {
            moderator::is_asker(label.speaker) || moderator::ends_in_question(label.rest)
        })
    };
    let is_conversation =
        rest.iter().map(turns).sum::<usize>() >= LEAST_TURNS && rest.iter().any(asks);
    let is_title = |at: &usize| {
        let block = &blocks[*at];
        let text: usize = block.lines().iter().map(|line| line.chars().count()).sum();
        // Several facts in a row are the header of a tool.
        let facts = block.lines().iter().filter(|line| parse(line).is_some()).count();
        matches!(block.body, Body::Paragraph(_)) && text <= LONGEST_TITLE && facts <= 1
    };
    let is_above = !above.is_empty() && above.len() <= TITLE_LINES && above.len() < rest.len();
    if is_above && is_conversation && above.iter().all(is_title) { above } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::markdown;
    use crate::corpus::rows::Rows;
    use crate::corpus::test_support::{load_text as load, said};

    #[test]
    fn facts_above_a_diary_describe_its_writer_and_are_no_entry() {
        let rows = load(
            "Diary\n\nAge: 38\nOccupation: nurse\nStudy: week 2\n\nOn Monday I measured twice before \
             breakfast.\n\nOn Tuesday the pharmacy had none.\n",
        );
        let texts: Vec<_> = said(&rows).iter().map(|(_, text)| *text).collect();
        assert!(
            texts.iter().any(|text| text.starts_with("Age: 38\nOccupation: nurse\n")),
            "{texts:?}"
        );
        assert!(!texts.iter().any(|text| text.contains("week 2")), "{texts:?}");
    }

    #[test]
    fn a_header_binds_names_and_is_nobodys_words() {
        let rows = load(
            "Interviewer: Hannah Cole\nParticipant: Vex\nDate: 3 May 2024\n\n\
             Hannah: How does your week begin?\nVex: I sit in the van.\n\
             Hannah: I would like to hear more on that.\nVex: Paper blows away.\n",
        );
        assert_eq!(
            said(&rows),
            [
                (Some("Vex"), "question: How does your week begin?\ntext: I sit in the van."),
                (
                    Some("Vex"),
                    "question: I would like to hear more on that.\ntext: Paper blows away."
                ),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("above-transcript", Some(1), 1)]);
        assert_eq!(rows.other_names, ["Hannah Cole", "Vex"]);
    }

    #[test]
    fn facts_about_the_one_interviewed_go_along_with_what_they_say() {
        let turns = "Interviewer: How was it?\nInterviewee: I sat there for forty minutes.\n\
                     Interviewer: And then?\nInterviewee: I went home.\n";
        for (header, who) in [
            ("Participant ID: P1\nAge: 24\nLocation: Ottawa\n\n", "P1"),
            ("Interviewer: Hannah\nInterviewee: Vex, 24, student\nDuration: 51 min\n\n", "Vex"),
            ("Interviewee: Vex\nDuration: 51 min\nAge: 24\n-------\n", "Vex"),
            ("Interview no. 4\nInterviewee: Vex\nAge: 24\n", "Vex"),
        ] {
            let rows = load(&format!("{header}{turns}"));
            let found = said(&rows);
            assert_eq!(found.len(), 2, "{header}: {found:?}");
            assert!(found.iter().all(|(name, _)| *name == Some(who)), "{header}: {found:?}");
            assert_eq!(found[0].1.contains("Age: 24"), header.contains("Age: 24"), "{found:?}");
            assert!(found[0].1.ends_with("text: I sat there for forty minutes."));
        }
    }

    #[test]
    fn a_header_may_stand_in_a_table() {
        let mut rows = Rows::new(1);
        let text = "# Interview\n\n|  |  |\n|--|--|\n| Participant | P12 (Agnieszka), seller |\n\
                    | Interviewer | Luca Ferri |\n| Date / length | 9 April 2024, 41 min |\n\n\
                    LF: What do you sell?\n\nP12: Chairs, mostly.\n\nLF: And then?\n\nP12: I wait.\n";
        markdown::read(text, &mut rows).unwrap();
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P12")), "{:?}", said(&rows));
        assert_eq!(rows.records.len(), 2);
    }

    #[test]
    fn a_short_name_in_brackets_is_that_of_the_turns() {
        let rows = load(
            "Participant: P01 (Ana)\nInterviewer: Farah (F)\n\nF: How do you pay?\n\
             P: At the shop.\nF: Tell me more.\nP: There is a queue.\n",
        );
        assert_eq!(rows.records.len(), 2, "{:?}", said(&rows));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P01")), "{:?}", said(&rows));
    }

    #[test]
    fn facts_on_one_line_name_all_who_ask() {
        let talk = "Anne Roy: Why?\nMme Petit: Je monte à pied.\nKarim B.: Merci.\nMme Petit: De rien, au revoir.\n\
                    Anne Roy: Et la fuite ?\nMme Petit: Trois fois.\nKarim B.: Ah.\n";
        let rows = load(&format!(
            "Durée : 48 minutes. Lieu : domicile. Enquêteurs : Anne Roy, Karim B.\n\n{talk}"
        ));
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("Mme Petit")), "{:?}", said(&rows));
        let rows = load(&format!("Datum: 14.11.2023, Ort: Hütte\nRegeln: einfach\n\n{talk}"));
        assert!(
            !rows.records.iter().any(|record| record.text.contains("Ort")),
            "{:?}",
            said(&rows)
        );
    }

    #[test]
    fn a_moderator_introduced_in_a_sentence_is_no_participant() {
        let talk = "JM: Welcome, all. Who rides?\nOlu: I do, until ten.\nStan: I walk the round.\n\
                    JM: I see.\nOlu: The battery dies.\nStan: They lie across the pavement.\n";
        for above in [
            "Focus group in Northgate\nDate: 3 June, hall. Moderator: Judith (JM). Typed by Quick Ltd. Two \
             participants, names changed.\nTranscript\n",
            "Focus group\n\nPresent were Judith Meyer (moderator), Olu and Stan, who know each other.\n\n",
        ] {
            let rows = load(&format!("{above}{talk}"));
            let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
            assert_eq!(who, ["Olu", "Stan", "Olu", "Stan"], "{:?}", said(&rows));
        }
    }

    #[test]
    fn the_title_above_a_round_of_labels_is_no_turn() {
        let turns = "Moderator: Who rides?\nOlu: I do, until ten.\nStan: I walk the round.\n\
                     Moderator: Why?\nOlu: The battery dies.\nMoira: I count the kerbs.\n";
        let rows = load(&format!("Focus group: shared bikes in Northgate\n{turns}"));
        let who: Vec<_> = said(&rows).iter().filter_map(|(who, _)| *who).collect();
        assert_eq!(who, ["Olu", "Stan", "Olu", "Moira"]);
        let rows = load(&format!("Ana: I came by bike today.\n{turns}"));
        assert_eq!(said(&rows)[0].0, Some("Ana"), "a sentence");
    }

    #[test]
    fn initials_of_the_interviewer_are_theirs() {
        let rows = load(
            "Interview - P12\nInterviewer: Luca Ferri\nParticipant: P12, seller\nDate: 9 April\n\n\
             LF: What do you sell?\nP12: Chairs, mostly.\nLF: Walk me through it.\nP12: I find them.\n",
        );
        assert!(said(&rows).iter().all(|(who, _)| *who == Some("P12")), "{:?}", said(&rows));
    }

    #[test]
    fn each_conversation_of_a_file_has_its_header() {
        let one = |who: &str, words: &str| {
            format!(
                "Participant: {who}\nDate: 3 May 2024\n\nInterviewer: How was it?\nParticipant: {words}\n\n"
            )
        };
        let rows = load(&format!("{}{}", one("Vex", "Too slow for me."), one("Ida", "I gave up.")));
        let who: Vec<_> = said(&rows).into_iter().map(|(who, _)| who.unwrap()).collect();
        assert_eq!(who, ["Vex", "Ida"]);
    }

    #[test]
    fn a_title_above_a_conversation_is_nobodys_words() {
        let turns = "Sarah: Shall we start?\nTom: Yes, mind the dog.\nSarah: How do you keep records?\n\
                     Tom: I have a notebook for each hive.\nSarah: Do you use the app?\nTom: In winter I do.\n";
        let rows =
            load(&format!("Interview with Tom Adler, beekeeper\nBy Sarah, 9 March\n\n{turns}"));
        let found = said(&rows);
        assert!(found.iter().all(|(who, _)| *who == Some("Tom")), "{found:?}");
        let story = "My farm is small and it has been in the family for ninety years. ".repeat(4);
        let rows = load(&format!("{story}\n\n{turns}"));
        assert!(said(&rows)[0].1.starts_with("My farm"), "a longer text is not a title");
    }

    #[test]
    fn short_answers_and_notes_are_no_header() {
        let rows = load(
            "Interviewer: Name\nParticipant: Ana Silva\n\nInterviewer: Town\nParticipant: Porto\n\n\
             Interviewer: Bus\nParticipant: Number 5\n",
        );
        assert_eq!(rows.records.len(), 3, "{:?}", said(&rows));
        let rows = load("Participant: P1\nAge: 24\n\nShe waits a lot.\n\nShe goes by bus.\n");
        assert!(said(&rows).iter().any(|(_, text)| text.contains("24")), "nobody speaks");
    }

    #[test]
    fn remarks_in_brackets_and_observers_are_not_evidence() {
        let rows = load(
            "Moderator: What now?\nP1: (opens a second screen)\nNote-taker: she is lost\n\
             P1: I am lost [laughs] again.\n[00:02:50] [crosstalk]\nObserver: can we ask about invoices\nP1: I never see one.\n",
        );
        let texts: Vec<_> = said(&rows).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].ends_with("text: I am lost [laughs] again."), "{texts:?}");
    }
}
