//! What in a researcher's notes says that a word is somebody's name.
//!
//! Owns the degrees of it: a capital letter alone is none, since every sentence begins with one.
//! Whom a piece of narration speaks of is then decided in `told_people`.

use std::collections::{HashMap, HashSet};

use super::name_words::{Word, sentences};
use super::subjects::{self, Clause, Shape, Subject};
use super::told_people::{is_place, narrated};
use super::unnamed;
use crate::corpus::block::Block;
use crate::corpus::told;

/// Marks with which quotations close; an apostrophe looks the same.
const CLOSERS: [char; 5] = ['"', '”', '“', '»', '’'];

/// How sure it is that a word is a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Degree {
    /// It stands at several places, or `he` or `she` follows.
    Repeated,
    /// The text says who that is, or the note taker met them: `Aaron, delivery driver`.
    Introduced,
    /// It stands beside a verb of speech: `April said`.
    Speaking,
}

/// The words that are names, in small letters.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    found: HashMap<String, Degree>,
    /// Whether the notes are in a language whose nouns have capitals.
    pub has_capital_nouns: bool,
}

/// How often a word has the capital letter of a name.
#[derive(Default)]
struct Count {
    all: usize,
    inside: usize,
}

impl Evidence {
    pub(super) fn find(blocks: &[Block], words: impl Fn(&str) -> Vec<Word<'_>>) -> Self {
        let mut evidence = Self { has_capital_nouns: has_capital_nouns(blocks), ..Self::default() };
        let mut counts: HashMap<String, Count> = HashMap::new();
        let mut labels = HashSet::new();
        for block in blocks {
            let text = narrated(block);
            labels.extend(label(&text));
            if let Some(at) = text.rfind(CLOSERS)
                && let Some(who) = told::attribution(text[at..].trim_start_matches(CLOSERS))
            {
                let names = words(told::name_of(who));
                evidence.add(names.iter().take(1), Degree::Introduced);
            }
            let sentences = sentences(&text);
            let read: Vec<_> = sentences.iter().map(|sentence| words(sentence)).collect();
            let resumed: Vec<bool> = sentences
                .iter()
                .zip(&read)
                .map(|(sentence, words)| is_resuming(sentence, words))
                .collect();
            for (n, (sentence, words)) in sentences.iter().zip(&read).enumerate() {
                evidence.add_speaking(sentence, words);
                evidence.add_introduced(sentence, words);
                let is_resumed = resumed.iter().skip(n + 1).take(2).any(|is| *is);
                if let Some(at) = subject(sentence, words).filter(|_| is_resumed) {
                    evidence.add(words[at..].iter().take(1), Degree::Repeated);
                }
                count(words, &mut counts);
            }
        }
        evidence.add_counted(counts);
        evidence.add_labels(&labels);
        evidence
    }

    pub(super) fn of(&self, small: &str) -> Option<Degree> {
        self.found.get(small).copied()
    }

    fn add<'w>(&mut self, words: impl Iterator<Item = &'w Word<'w>>, degree: Degree) {
        for word in words.filter(|word| subjects::is_namelike(word)) {
            let small = word.text.to_lowercase();
            if degree < Degree::Speaking
                && (subjects::is_of_calendar(&small) || subjects::shape(word.text) != Shape::Name)
            {
                continue;
            }
            let known = self.found.entry(small).or_insert(degree);
            *known = degree.max(*known);
        }
    }

    /// Adds those who stand beside a verb of speech.
    fn add_speaking(&mut self, sentence: &str, words: &[Word]) {
        for verb in told::verbs(sentence) {
            let clause = Clause { text: sentence, words, verb };
            if let Some(Subject::Named(from, to)) = clause.subject() {
                self.add(words[from..to].iter(), Degree::Speaking);
            }
        }
    }

    /// Adds those of whom a sentence says who they are, and those whom the note taker met.
    fn add_introduced(&mut self, sentence: &str, words: &[Word]) {
        let met = told::met(sentence);
        let mut before = "";
        for word in words {
            let is_met = met == Some(word.start) || unnamed::is_called(before);
            if is_met || !is_place(before) && is_described(&sentence[word.end()..]) {
                self.add(std::iter::once(word), Degree::Introduced);
            }
            before = word.text;
        }
    }

    fn add_counted(&mut self, counts: HashMap<String, Count>) {
        if self.has_capital_nouns {
            return;
        }
        let often = counts.into_iter().filter(|(_, count)| count.all > 1 && count.inside > 0);
        for (small, _) in often {
            self.found.entry(small).or_insert(Degree::Repeated);
        }
    }

    /// Adds the words before a colon and a quotation, which are names or topics: `Mina: "…"`,
    /// `Prices: "…"`. They are names where about half of them are known as names, or nobody is.
    fn add_labels(&mut self, labels: &HashSet<String>) {
        let known = labels.iter().filter(|label| self.found.contains_key(*label)).count();
        if known * 2 >= labels.len() || self.found.is_empty() {
            for label in labels {
                self.found.entry(label.clone()).or_insert(Degree::Introduced);
            }
        }
    }
}

/// Counts the words with a capital letter, and those that do not begin their sentence.
fn count(words: &[Word], counts: &mut HashMap<String, Count>) {
    let mut before = "";
    for (i, word) in words.iter().enumerate() {
        let small = word.text.to_lowercase();
        let is_counted = subjects::is_namelike(word)
            && subjects::shape(word.text) == Shape::Name
            && !subjects::is_of_calendar(&small)
            && !is_place(before);
        if is_counted {
            let count = counts.entry(small).or_default();
            count.all += 1;
            count.inside += usize::from(i > 0);
        }
        before = word.text;
    }
}

/// The word before a colon and a quotation with which a block begins.
fn label(text: &str) -> Option<String> {
    let (label, rest) = text.split_once(':')?;
    let is_said = rest.trim_start().starts_with(['"', '“', '„', '«', '»', '‘', '\'']);
    let mut words = super::name_words::words(label).into_iter();
    let word = words.next().filter(|word| is_said && subjects::is_namelike(word))?;
    words.next().is_none().then(|| word.text.to_lowercase())
}

/// The word with which a sentence begins, or `Then` and it, if it may be its subject: `Otieno drives`,
/// and neither `Works as a driver` nor `Prices rose`.
fn subject(sentence: &str, words: &[Word]) -> Option<usize> {
    let names = subjects::names_at_start(sentence, words);
    let (Some(first), Some(next)) = (words[names.clone()].last(), words.get(names.end)) else {
        return None;
    };
    let is_plural = names.len() == 1
        && first.text.ends_with('s')
        && !next.text.ends_with('s')
        && !next.text.ends_with("ed");
    let is_subject = sentence[first.end()..].starts_with(' ')
        && sentence[first.end()..next.start].trim().is_empty()
        && next.text.starts_with(char::is_lowercase)
        && !subjects::is_behind_verb(&next.text.to_lowercase())
        && !is_plural;
    is_subject.then_some(names.start)
}

/// Whether a sentence goes on about whoever was named before it: `She said`.
fn is_resuming(sentence: &str, words: &[Word]) -> bool {
    words.first().is_some_and(|first| subjects::is_pronoun(&first.text.to_lowercase()))
        || told::verbs(sentence)
            .into_iter()
            .any(|verb| Clause { text: sentence, words, verb }.subject() == Some(Subject::Same))
}

/// Whether what follows a name says who that is: `, 34`, `, delivery driver,`, ` (volunteer)`.
fn is_described(rest: &str) -> bool {
    let behind = |mark: char| rest.trim_start().strip_prefix(mark).map(str::trim_start);
    behind(',').is_some_and(|rest| rest.starts_with(char::is_numeric) || apposition(rest).is_some())
        || behind('(')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_lowercase() || c.is_numeric()))
}

/// Most words that say who somebody is.
const MOST_IN_APPOSITION: usize = 7;

/// Where the words end that say behind a comma who somebody is: `Fischer aus Kiel, erzählte`.
pub(super) fn apposition(rest: &str) -> Option<usize> {
    let end = rest.find([',', '.', ':', ';', '!', '?', '(', '–', '—']).unwrap_or(rest.len());
    let part = rest[..end].trim();
    let count = part.split_whitespace().count();
    let first =
        part.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    let is_clause =
        matches!(first.as_str(), "who" | "qui" | "der" | "die" | "que" | "che" | "quem");
    let is_other = subjects::is_pronoun(&first) && !is_clause || subjects::is_and(&first);
    // `Ana, Bo, and Cy` are three; a capital needs a closing comma and a verb behind it.
    let behind = rest[end..].trim_start_matches([',', ' ']);
    let next = behind.split_whitespace().next().unwrap_or_default();
    let is_closed = rest[end..].starts_with(',')
        && next.starts_with(char::is_lowercase)
        && !subjects::is_and(next);
    let is_lower = part.starts_with(char::is_lowercase);
    let is_apposition = count > 0
        && count <= MOST_IN_APPOSITION
        && !is_other
        && !subjects::is_narrator(&first)
        && (is_lower || is_closed);
    is_apposition.then_some(end)
}

/// Whether the notes are in German, by its most frequent words.
fn has_capital_nouns(blocks: &[Block]) -> bool {
    const FREQUENT: [&str; 14] = [
        "auf", "das", "dem", "den", "der", "eine", "ich", "ist", "mit", "nicht", "sich", "sie",
        "und", "zu",
    ];
    let lines = || blocks.iter().flat_map(Block::lines).flat_map(|line| line.split_whitespace());
    let all = lines().count();
    let german = lines().filter(|word| FREQUENT.contains(word)).count();
    german * 20 > all
}
