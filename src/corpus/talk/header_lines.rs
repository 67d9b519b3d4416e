//! A line `Label: value` above what somebody said or wrote: what it says, and of whom.
//!
//! Owns the labels of such lines in the languages that research is written in, and which values are
//! names. Where the lines stand is up to `transcript_header` and `writer_sheet`.

use std::sync::LazyLock;

use regex::Regex;

use super::bystanders::{interprets, is_watching};
use super::moderator;
use super::speakers::{is_generic, is_note_word};
use crate::corpus::asked_for::is_word_for_name;
use crate::corpus::block::{Block, Facts};
use crate::corpus::given_names::is_given_name;
use crate::corpus::names::{WHOSE_FILE, is_word_for_participant, normalise, participant_rank};

/// Most characters of a line that states a fact.
const LONGEST_LINE: usize = 120;

/// Most words of a value; a longer one is a sentence.
const LONGEST_VALUE: usize = 10;

/// Most words of a value under a label that is not known.
const OTHER_VALUE: usize = 6;

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

/// Blocks at the top of notes of which one may name whose they are.
const TOP: usize = 3;

/// Short answers that could be taken for names.
const REPLIES: [&str; 24] = [
    "hi", "hello", "hey", "yes", "yeah", "no", "ok", "okay", "sure", "thanks", "bye", "hallo",
    "ja", "nein", "danke", "hola", "sí", "gracias", "bonjour", "oui", "merci", "ciao", "sì",
    "grazie",
];

/// What a line of a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'t> {
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

/// What lines say of the one participant that they are about.
#[derive(Default)]
pub(super) struct Described {
    who: Option<String>,
    facts: Vec<(String, String)>,
}

impl Described {
    pub(super) fn add(&mut self, line: &Line<'_>) {
        match *line {
            Line::Heard(name) => self.who = names_in(name).next(),
            Line::Describes(key, value) => self.facts.push((key.to_owned(), value.to_owned())),
            Line::Asks(_) | Line::Tells | Line::Other(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.who.is_none() && self.facts.is_empty()
    }

    /// Gives blocks the participant and the facts, where they have none of their own.
    pub(super) fn give_to(self, blocks: &mut [Block]) {
        let facts = Facts::from(self.facts);
        for block in blocks {
            block.participant = block.participant.take().or_else(|| self.who.clone());
            if block.facts.is_empty() {
                block.facts = facts.clone();
            }
        }
    }
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

pub(super) fn label_of(line: &str) -> Option<&str> {
    Some(line.split_once([':', '：'])?.0.trim_matches(['*', '_', ' ', '-', '•', '#', '|']))
}

/// What a line `Label: value` of a header says; `None` for a line that could be a turn.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
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
    let rank = participant_rank(label);
    // `Name` may be that of a project as well.
    let is_called = || value.split_whitespace().next().is_some_and(is_given_name);
    if is_generic(label)
        || rank.is_some_and(|rank| rank < LONGEST_RANK)
        || is_word_for_name(label) && is_called()
    {
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
pub(super) fn all_names_in(value: &str) -> impl Iterator<Item = String> {
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
pub(super) fn names_in(value: &str) -> impl Iterator<Item = String> {
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

/// The facts on a line, if it holds several and nothing else; else the line.
pub(super) fn facts_on(line: &str) -> Vec<&str> {
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

/// Whether a line is blank, or only parts what stands above it from what stands below.
pub(super) fn is_rule(line: &str) -> bool {
    line.trim().chars().all(|c| matches!(c, '=' | '_' | '-' | '*' | '—' | '–'))
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
    let top = &blocks[..blocks.len().min(TOP)];
    let mut found = lines(top);
    (found.len() == 1 && lines(blocks).len() == 1).then(|| found.pop()).flatten()
}
