//! The people that a researcher's notes speak of: who was present, who belongs to the team, and who was
//! named last before a quotation.
//!
//! Owns which words of prose are names, by where they stand and how they are written. Whose a
//! quotation is then is decided in `narration`.

use std::collections::{HashMap, HashSet};

use super::evidence::{self, Degree, Evidence};
use super::name_words::{self, Word, has_german_title, is_title, sentences};
use super::subjects::{self, Clause, Shape, Subject};
use super::unnamed::{self, Place};
use crate::corpus::block::Block;
use crate::corpus::names::normalise;
use crate::corpus::talk::moderator;
use crate::corpus::told;

/// Fewest names of a list that says who was present.
const LEAST_LISTED: usize = 2;
/// Fewest sentences that begin with a word which is taken for a name beside such a list.
const LEAST_OPENED: usize = 2;

/// The people that notes speak of. Names are kept by a word of them, in small letters.
#[derive(Default)]
pub(super) struct People {
    /// Those listed as present.
    present: HashSet<String>,
    /// The researchers.
    team: HashSet<String>,
    /// What says that words are names.
    evidence: Evidence,
    /// Words that begin several sentences.
    often: HashSet<String>,
    /// First and last names behind a title after which one word is the name: `Frau Anna Klein`.
    pairs: HashSet<(String, String)>,
    /// The names with a title, by each of their words; none where two people share it.
    titled: HashMap<String, Option<String>>,
    /// Words that also begin with a small letter, or that stand behind an article.
    others: HashSet<String>,
    /// The sections with a list of those present.
    listed: HashSet<Option<String>>,
    /// Whether such a list stands above the whole document.
    is_listed_throughout: bool,
    /// Whether such a list holds where the notes are being read, so that who speaks is on it or
    /// introduced.
    is_listed: bool,
    /// Whether a heading says whose the notes are that are being read.
    pub is_headed: bool,
}

/// Of whom narration spoke last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Spoken {
    /// Nobody, or somebody who is described and may be whom a heading names.
    #[default]
    Nobody,
    Named(String),
    /// Somebody who is not named, and not whom a heading names: `his wife`.
    Other,
}

impl Spoken {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Nobody | Self::Other => None,
        }
    }
}

/// Articles: a word that stands behind one is nobody's name.
const ARTICLES: [&str; 19] = [
    "the", "a", "an", "der", "die", "das", "den", "dem", "des", "ein", "eine", "le", "la", "les",
    "el", "los", "las", "il", "het",
];

/// Words after which no person is named.
const PLACES: [&str; 14] =
    ["at", "in", "on", "from", "near", "of", "im", "am", "bei", "aus", "à", "en", "em", "na"];

impl People {
    pub(super) fn of(blocks: &[Block]) -> Self {
        let mut people = Self { pairs: pairs(blocks), ..Self::default() };
        for block in blocks {
            for line in block.lines() {
                people.read_lists(line, block.section.as_ref());
                people.read_words(line);
            }
        }
        people.evidence = Evidence::find(blocks, |text| words(text, &people.pairs));
        if !people.listed.is_empty() {
            people.find_openers(blocks);
            let above = blocks.first().map(|block| &block.section);
            people.is_listed_throughout = above.is_some_and(|above| {
                people.listed.contains(above) && !is_one_of_several(above.as_deref(), blocks)
            });
        }
        people
    }

    /// Reads names with titles, and words that are no names.
    fn read_words(&mut self, line: &str) {
        let mut before = String::new();
        for word in words(line, &self.pairs) {
            let small = word.text.to_lowercase();
            if word.has_title {
                self.add_titled(word.full);
            } else if small == word.text || ARTICLES.contains(&before.as_str()) {
                self.others.insert(small.clone());
            }
            before = small;
        }
    }

    fn add_titled(&mut self, name: &str) {
        for word in parts(name).filter(|word| !is_title(word)) {
            let known = self.titled.entry(word.to_lowercase()).or_insert(Some(name.to_owned()));
            match known {
                // The fuller of two names of one person.
                Some(other) if is_part(other, name) => *known = Some(name.to_owned()),
                Some(other) if !is_part(name, other) => *known = None,
                _ => {}
            }
        }
    }

    /// Finds the words that begin several sentences, which are people beside a list of them.
    fn find_openers(&mut self, blocks: &[Block]) {
        let mut opened: HashMap<String, usize> = HashMap::new();
        for sentence in blocks.iter().flat_map(Block::lines).flat_map(|line| sentences(line)) {
            let words = words(sentence, &self.pairs);
            let Some(word) = words.first() else { continue };
            let rest = &sentence[word.end()..];
            if self.is_like_name(word) && rest.trim_start().starts_with(char::is_lowercase) {
                *opened.entry(word.text.to_lowercase()).or_default() += 1;
            }
        }
        let often = opened.into_iter().filter(|(_, count)| *count >= LEAST_OPENED);
        self.often = often.map(|(name, _)| name).collect();
    }

    /// Begins to read a section. A list of those present holds for its own.
    pub(super) fn enter(&mut self, section: Option<&String>) {
        self.is_listed = self.is_listed_throughout || self.listed.contains(&section.cloned());
    }

    /// Reads who was present and who asked from lines such as `Moderator: Eva. Present: Ana, Bo`.
    fn read_lists(&mut self, line: &str, section: Option<&String>) {
        const PRESENT: [&str; 12] = [
            "present",
            "participants",
            "attendees",
            "anwesend",
            "teilnehmer",
            "teilnehmende",
            "présents",
            "participantes",
            "presentes",
            "presenti",
            "partecipanti",
            "aanwezig",
        ];
        const TEAM: [&str; 24] = [
            "team",
            "moderator",
            "moderation",
            "moderators",
            "facilitator",
            "interviewer",
            "interviewers",
            "researcher",
            "researchers",
            "minutes",
            "notes",
            "notetaker",
            "observer",
            "observers",
            "protokoll",
            "moderatorin",
            "animateur",
            "modérateur",
            "moderador",
            "moderadora",
            "moderatore",
            "verbale",
            "acta",
            "notulen",
        ];
        for part in sentences(line) {
            let Some((label, names)) = part.split_once(':') else { continue };
            let label = normalise(label);
            let is_present = PRESENT.contains(&label.as_str());
            if !is_present && !TEAM.contains(&label.as_str()) {
                continue;
            }
            let found = names_in(names);
            if is_present {
                let found: Vec<_> = found.into_iter().flatten().collect();
                if found.len() >= LEAST_LISTED {
                    self.listed.insert(section.cloned());
                }
                self.present.extend(found);
            } else if let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() {
                self.team.extend(found);
            }
        }
    }

    pub(super) fn is_team(&self, who: &str) -> bool {
        moderator::is_role(who) || is_among(&self.team, who)
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        is_among(&self.present, name)
    }

    /// Whether a word is somebody's name: where people are listed, one of those or introduced.
    fn is_name(&self, word: &Word, is_opening: bool) -> bool {
        let small = word.text.to_lowercase();
        let is_listed = self.present.contains(&small) || self.team.contains(&small);
        if word.has_title || word.text.starts_with(char::is_uppercase) && is_listed {
            return true;
        }
        let degree = self.evidence.of(&small).filter(|_| subjects::is_namelike(word));
        if degree == Some(Degree::Speaking) {
            return true;
        }
        let degree = degree.filter(|_| self.is_like_name(word));
        if self.is_listed {
            return degree == Some(Degree::Introduced)
                || self.often.contains(&small) && self.is_like_name(word);
        }
        match degree {
            Some(Degree::Repeated) => is_opening && !self.is_headed,
            other => other.is_some(),
        }
    }

    /// Whether a word is written like somebody's name, and not known as another word.
    fn is_like_name(&self, word: &Word) -> bool {
        let small = word.text.to_lowercase();
        let is_other = || self.others.contains(&small) || subjects::is_of_calendar(&small);
        subjects::is_namelike(word)
            && (word.has_title || subjects::shape(word.text) == Shape::Name && !is_other())
    }

    /// Whether a sentence begins with what may be a name and may be another word: `Prices rose`.
    fn is_doubtful(&self, sentence: &str, words: &[Word], place: Place) -> bool {
        let names = subjects::names_at_start(sentence, words);
        let (Some(last), Some(next)) = (words[names.clone()].last(), words.get(names.end)) else {
            return false;
        };
        place != Place::Item
            && !self.is_listed
            && !self.is_headed
            && self.is_like_name(&words[names.start])
            && &sentence[last.end()..next.start] == " "
            && next.text.starts_with(char::is_lowercase)
            && !subjects::is_behind_verb(&next.text.to_lowercase())
    }

    /// The name that a word stands for: `Rev. Alison`, once she was named so, of `Alison`.
    fn name(&self, word: &Word) -> String {
        let titled = self.titled.get(&word.text.to_lowercase());
        titled.cloned().flatten().unwrap_or_else(|| word.full.to_owned())
    }

    /// The name under which the notes know somebody whom a label or a signature names.
    pub(super) fn known_as(&self, name: &str) -> String {
        match words(name, &self.pairs)[..] {
            [only] if self.titled.contains_key(&only.text.to_lowercase()) => self.name(&only),
            _ => name.to_owned(),
        }
    }

    /// The name in a few words, if they may be one.
    pub(super) fn named(&self, words: &str) -> Option<String> {
        let mut last = Spoken::Nobody;
        self.read_sentence(words, Place::Inside, &mut last);
        last.name().map(str::to_owned)
    }

    /// Who speaks behind a quotation and is not named: `his wife said`, `said the receptionist`.
    pub(super) fn described_behind(&self, tail: &str) -> Option<Spoken> {
        let tail = unnamed::near(tail);
        let tail = tail.trim_start_matches([' ', ',', '—', '–', '-']);
        let end = tail.find(['.', '!', '?', ';', ':', '"', '“', '„', '«']).unwrap_or(tail.len());
        // What a colon follows leads to the next quotation.
        if tail[end..].starts_with(':') {
            return None;
        }
        let clause = &tail[..end];
        let words = words(clause, &self.pairs);
        let verb = told::verbs(clause).into_iter().next()?;
        match (Clause { text: clause, words: &words, verb }).subject()? {
            Subject::Other => Some(Spoken::Other),
            Subject::Described if !self.is_headed => Some(Spoken::Nobody),
            _ => None,
        }
    }

    /// Follows who is named in a piece of narration. Whoever is spoken of and not named ends it.
    pub(super) fn read(&self, text: &str, place: Place, last: &mut Spoken) {
        let mut place = place;
        for sentence in sentences(text) {
            self.read_sentence(sentence, place, last);
            place = Place::Inside;
        }
    }

    fn read_sentence(&self, sentence: &str, place: Place, last: &mut Spoken) {
        let words = words(sentence, &self.pairs);
        let leads = !sentence.trim_end().ends_with(['.', '!', '?', '…', ';', '|']);
        let speaking = subject(sentence, &words);
        let verb = speaking.as_ref().map_or(sentence.len(), |(_, at)| *at);
        let end = match speaking {
            Some((Subject::Described | Subject::Other, _)) => verb,
            Some((Subject::Same | Subject::Named(..), _)) if leads => verb,
            _ => sentence.len(),
        };
        let unnamed = unnamed::subject(sentence, place);
        if unnamed.is_some() || self.is_doubtful(sentence, &words, place) {
            *last = Spoken::Nobody;
        }
        self.read_names(sentence, &words, end, unnamed, last);
        match speaking {
            Some((Subject::Named(from, to), _)) if leads => {
                *last = Spoken::Nobody;
                let name = self.group(sentence, &words[from..to]);
                // Where people are listed, they are named.
                if !self.is_listed || self.is_name(&words[from], true) {
                    *last = Spoken::Named(name);
                }
            }
            Some((Subject::Other, _)) => *last = Spoken::Other,
            Some((Subject::Described, _)) if !self.is_headed => *last = Spoken::Nobody,
            _ => {}
        }
    }

    /// The name that these words make.
    fn group(&self, sentence: &str, words: &[Word]) -> String {
        match words {
            [only] => self.name(only),
            [first, .., last] => sentence[first.start..last.end()].to_owned(),
            [] => String::new(),
        }
    }

    /// Follows the names in a sentence up to `end`. A name behind `unnamed` (where somebody without a
    /// name is spoken of) is not who the sentence is about.
    fn read_names(
        &self,
        sentence: &str,
        words: &[Word],
        end: usize,
        unnamed: Option<usize>,
        last: &mut Spoken,
    ) {
        let mut before = "";
        let mut before_end = 0;
        let mut is_of_place = false;
        let mut skipped = 0;
        // `He uses Uber` names nobody, and `Then Ken came` does.
        let first = words.first().map(|first| first.text.to_lowercase()).unwrap_or_default();
        let is_opening = !subjects::is_pronoun(&first) && !told::is_verb(&first);
        for word in words.iter().take_while(|word| word.start < end) {
            let is_joined = &sentence[before_end..word.start] == " " && !before.is_empty();
            is_of_place = is_place(before)
                || is_of_place && is_joined && word.text.starts_with(char::is_uppercase);
            let is_other = unnamed.is_some_and(|from| word.start >= from)
                && !unnamed::is_named(&sentence[..word.start], &sentence[word.end()..]);
            let is_name = word.start >= skipped && (word.has_title || !is_of_place) && !is_other;
            if let Spoken::Named(name) = last
                && is_name
                && is_joined
                && name.ends_with(before)
                && !word.has_title
                && (has_german_title(name) || self.is_last_name(word))
            {
                // First and last name are one, and a noun behind `Frau Klein` is nobody.
                if !has_german_title(name) {
                    name.push(' ');
                    name.push_str(word.text);
                }
            } else if is_name && self.is_name(word, is_opening) {
                *last = Spoken::Named(self.name(word));
                skipped = skipped.max(behind_apposition(sentence, word.end()));
            }
            before = word.text;
            before_end = word.end();
        }
    }

    /// Whether a word right behind a name belongs to it.
    fn is_last_name(&self, word: &Word) -> bool {
        self.is_name(word, false) || !self.evidence.has_capital_nouns && self.is_like_name(word)
    }
}

/// Whom the last verb of speech in a sentence is about, and where the verb stands.
fn subject(sentence: &str, words: &[Word]) -> Option<(Subject, usize)> {
    told::verbs(sentence).into_iter().rev().find_map(|verb| {
        let at = verb.start;
        let subject = Clause { text: sentence, words, verb }.subject()?;
        // A subject behind its verb is read with it.
        if let Subject::Named(from, _) = subject
            && words[from].start > at
        {
            return Some((subject, words[from].start));
        }
        Some((subject, at))
    })
}

/// Where the words end that say who a name is, which ends at `end`.
fn behind_apposition(sentence: &str, end: usize) -> usize {
    let rest = &sentence[end..];
    let Some(behind) = rest.strip_prefix(", ") else { return end };
    evidence::apposition(behind)
        .filter(|length| behind[*length..].starts_with(','))
        .map_or(end, |length| end + 2 + length)
}

/// What a block tells, without what it quotes.
pub(super) fn narrated(block: &Block) -> String {
    let text = block.lines().join(" ");
    let mut told = String::with_capacity(text.len());
    let mut from = 0;
    for span in told::spans(&text) {
        told.push_str(&text[from..span.start]);
        from = span.end;
    }
    told.push_str(&text[from..]);
    told
}

/// The words of a text, of which first and last name are one behind a title if they are known as such.
fn words<'t>(text: &'t str, pairs: &HashSet<(String, String)>) -> Vec<Word<'t>> {
    let mut found: Vec<Word> = Vec::new();
    for word in name_words::words(text) {
        if let Some(name) = found.last_mut()
            && name.has_title
            && &text[name.end()..word.start] == " "
            && pairs.contains(&(name.text.to_owned(), word.text.to_owned()))
        {
            name.full = &text[name.start..word.end()];
        } else {
            found.push(word);
        }
    }
    found
}

/// First and last names behind a title after which one word is the name, and the next may be any noun:
/// where the two stand together more than once and the first not alone, or the last is known.
fn pairs(blocks: &[Block]) -> HashSet<(String, String)> {
    let mut pairs: HashMap<(&str, &str), usize> = HashMap::new();
    let mut alone = HashSet::new();
    let mut speaking = HashSet::new();
    for line in blocks.iter().flat_map(Block::lines) {
        let words = name_words::words(line);
        for (i, name) in words.iter().enumerate() {
            if !name.has_title || !has_german_title(name.full) {
                continue;
            }
            let next = words
                .get(i + 1)
                .filter(|next| &line[name.end()..next.start] == " " && subjects::is_namelike(next));
            let Some(next) = next else {
                alone.insert(name.text);
                continue;
            };
            *pairs.entry((name.text, next.text)).or_default() += 1;
            if told::leading_verb(&line[next.end()..]).is_some() {
                speaking.insert((name.text, next.text));
            }
        }
    }
    let is_one = |pair: &(&str, &str), count: usize| {
        alone.contains(pair.1) || !alone.contains(pair.0) && (count > 1 || speaking.contains(pair))
    };
    let found = pairs.into_iter().filter(|(pair, count)| is_one(pair, *count));
    found.map(|((first, last), _)| (first.to_owned(), last.to_owned())).collect()
}

/// The words of a name.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split([' ', '\u{a0}']).map(|word| word.trim_end_matches('.'))
}

/// Whether all words of a name are words of another one.
fn is_part(name: &str, of: &str) -> bool {
    parts(name).all(|word| parts(of).any(|other| other == word))
}

/// The names in a list, each by its first word; `None` for what is none.
fn names_in(list: &str) -> Vec<Option<String>> {
    const AND: [&str; 8] = [",", "&", " and ", " und ", " et ", " y ", " e ", " en "];
    let name = |part: &str| {
        let name = part.split(['(', '[']).next().unwrap_or(part);
        let found = name_words::words(name);
        let word =
            found.iter().find(|word| word.has_title || word.text.chars().nth(1).is_some())?;
        let is_name = word.text.starts_with(char::is_uppercase)
            && name.split_whitespace().count() <= told::MOST_IN_NAME
            && !told::has_verb(name);
        is_name.then(|| word.text.to_lowercase())
    };
    // The note taker is `me`.
    let is_me = |part: &&str| {
        let part = part.trim().trim_end_matches('.');
        part.is_empty() || part.starts_with(char::is_lowercase) && told::is_about_self(part)
    };
    let names = AND.iter().fold(list.to_owned(), |names, and| names.replace(and, "\n"));
    names.lines().filter(|part| !is_me(part)).map(name).collect()
}

/// Whether the first of the names in a text is among these.
fn is_among(names: &HashSet<String>, who: &str) -> bool {
    name_words::words(who).first().is_some_and(|first| names.contains(&first.text.to_lowercase()))
}

pub(super) fn is_place(word: &str) -> bool {
    PLACES.contains(&word.to_lowercase().as_str())
}

/// Whether a heading is one of several of a kind, such as `Visit 1` and `Visit 2`.
fn is_one_of_several(heading: Option<&str>, blocks: &[Block]) -> bool {
    let first = |heading: &str| heading.split_whitespace().next().map(str::to_lowercase);
    let Some(heading) = heading else { return false };
    let mut others = blocks.iter().filter_map(|block| block.section.as_deref());
    others.any(|other| other != heading && first(other) == first(heading))
}
