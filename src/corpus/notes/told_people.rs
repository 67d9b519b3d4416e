//! The people that a researcher's notes speak of: who was present, who belongs to the team, and who was
//! named last before a quotation.
//!
//! Owns which words of prose are names, by where they stand and how they are written. Whose a
//! quotation is then is decided in `narration`.

use std::collections::{HashMap, HashSet};

use super::name_words::{Word, is_title, sentences, words};
use super::unnamed::{self, Place};
use crate::corpus::block::{Block, Body};
use crate::corpus::names::normalise;
use crate::corpus::talk::moderator;
use crate::corpus::talk::speakers::is_generic;
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
    /// Those whom the text introduces in such a way that they are people: `Aaron, delivery driver`.
    introduced: HashSet<String>,
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
}

/// Words that begin sentences and are nobody's name, in small letters.
const OPENERS: &str = "the a an this that these those he she it they we i you his her its our \
    their my your when where while what who why how if in on at by for from to with without \
    after before during some many most all both each every one two three four five no not and \
    but or so then there here now also only even still first second third finally overall later \
    next another other as about because since until although however today yesterday notes \
    everyone everybody someone somebody anyone anybody nobody nothing something everything let \
    research visit open interview summary day monday tuesday wednesday thursday friday saturday \
    sunday january february march april may june july august september october november december \
    der die das ein eine er sie es wir ich ihr sein seine ihre wenn als wo was wer warum wie in \
    im am an auf bei mit nach vor von zu und aber oder dann da hier jetzt auch nur noch erst \
    zuerst später \
    le la les un une il elle ils elles on nous je ce cette ces son sa ses leur quand où qui que \
    pourquoi comment si dans sur à au par pour avec sans après avant et mais ou puis alors ici \
    aussi enfin \
    el los las una él ella ellos ellas nosotros yo su sus este esta cuando donde quien qué por \
    para con sin después antes y pero o entonces aquí también al en \
    o os as um uma ele ela eles elas nós eu seu sua quando onde quem que como se em no na ao \
    para com sem depois antes e mas ou então aqui também \
    il lo gli i uno una lui lei loro noi io suo sua quando dove chi che come se in nel al per \
    con senza dopo prima e ma o poi qui anche \
    de het een hij zij wij ik zijn haar hun als waar wie wat hoe in op bij met na voor van en \
    maar of dan hier nu ook";

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
        let mut people = Self::default();
        // What somebody did is often noted without saying who: `Found it quickly.`
        let (mut openers, mut inside) = (HashSet::new(), HashSet::new());
        for block in blocks {
            for line in block.lines() {
                people.read_lists(line, block.section.as_ref());
                for sentence in sentences(line) {
                    let mut words = words(sentence).into_iter().map(|word| word.text);
                    let first = words.next();
                    inside.extend(words);
                    let is_item = matches!(block.body, Body::Item(_));
                    openers.extend(first.filter(|_| is_item && !told::has_verb(sentence)));
                }
                let mut before = String::new();
                for word in words(line) {
                    let small = word.text.to_lowercase();
                    if word.has_title() {
                        people.add_titled(&word);
                    } else if small == word.text || ARTICLES.contains(&before.as_str()) {
                        people.others.insert(small.clone());
                    }
                    before = small;
                }
            }
        }
        people.others.extend(openers.difference(&inside).map(|word| word.to_lowercase()));
        people.others.extend(OPENERS.split_whitespace().map(str::to_owned));
        if !people.listed.is_empty() {
            people.find_introduced(blocks);
            let above = blocks.first().map(|block| &block.section);
            people.is_listed_throughout = above.is_some_and(|above| {
                people.listed.contains(above) && !is_one_of_several(above.as_deref(), blocks)
            });
        }
        people
    }

    fn add_titled(&mut self, name: &Word) {
        for word in name.full.split_whitespace().map(|word| word.trim_end_matches('.')) {
            if is_title(word) {
                continue;
            }
            let full = Some(name.full.to_owned());
            let known = self.titled.entry(word.to_lowercase()).or_insert_with(|| full.clone());
            let first = |name: &str| name.split([' ', '.']).next().map(str::to_owned);
            match known {
                Some(other) if first(other) != first(name.full) => *known = None,
                Some(other) if other.len() < name.full.len() => *known = full,
                _ => {}
            }
        }
    }

    /// Finds those who are certainly people: by what they are (`Aaron, delivery driver`), by what
    /// they say, or as whom the note taker met.
    fn find_introduced(&mut self, blocks: &[Block]) {
        let mut opened: HashMap<String, usize> = HashMap::new();
        for sentence in blocks.iter().flat_map(Block::lines).flat_map(|line| sentences(line)) {
            let mut before = "";
            for (i, word) in words(sentence).into_iter().enumerate() {
                let rest = &sentence[word.end()..];
                if self.is_like_name(&word) && !is_place(before) {
                    let is_introduced = word.has_title()
                        || is_described(rest)
                        || told::leading_verb(rest).is_some()
                        || told::is_observing(sentence);
                    let small = word.text.to_lowercase();
                    if is_introduced {
                        self.introduced.insert(small);
                    } else if i == 0 && rest.trim_start().starts_with(char::is_lowercase) {
                        *opened.entry(small).or_default() += 1;
                    }
                }
                before = word.text;
            }
        }
        let often = opened.into_iter().filter(|(_, count)| *count >= LEAST_OPENED);
        self.introduced.extend(often.map(|(name, _)| name));
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
        const AND: [&str; 8] = [",", "&", " and ", " und ", " et ", " y ", " e ", " en "];
        for part in sentences(line) {
            let Some((label, names)) = part.split_once(':') else { continue };
            let label = normalise(label);
            let is_present = PRESENT.contains(&label.as_str());
            if !is_present && !TEAM.contains(&label.as_str()) {
                continue;
            }
            let names = AND.iter().fold(names.to_owned(), |names, and| names.replace(and, "\n"));
            let first = |name: &str| {
                let word = words(name)
                    .into_iter()
                    .find(|word| word.has_title() || word.text.chars().nth(1).is_some())?;
                // The note taker is `me`.
                let is_me =
                    word.text.starts_with(char::is_lowercase) && told::is_about_self(word.text);
                (!is_me).then(|| word.text.to_lowercase())
            };
            let found: Vec<String> = names.lines().filter_map(first).collect();
            if is_present {
                if found.len() >= LEAST_LISTED {
                    self.listed.insert(section.cloned());
                }
                self.present.extend(found);
            } else {
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

    /// Whether a word may be somebody's name: one of those present or introduced, where they are
    /// listed.
    fn may_be(&self, word: &Word) -> bool {
        let small = word.text.to_lowercase();
        let is_listed = self.present.contains(&small) || self.team.contains(&small);
        word.text.starts_with(char::is_uppercase) && is_listed
            || self.is_like_name(word) && (!self.is_listed || self.introduced.contains(&small))
    }

    /// Whether a word is written like somebody's name, and not known as another word.
    fn is_like_name(&self, word: &Word) -> bool {
        let mut before = '\0';
        let is_written_so = word.text.chars().enumerate().all(|(i, c)| {
            // `O'Brien`, and neither `He'd` nor `L'appli`.
            let is_capital = i == 0 || matches!(before, '\'' | '’');
            before = c;
            c.is_uppercase() == is_capital
        });
        let is_other = word.text.chars().count() < 2
            || self.others.contains(&word.text.to_lowercase())
            || is_generic(word.text)
            || is_title(word.text);
        is_written_so && (word.has_title() || !is_other)
    }

    /// The name that a word stands for: `Rev. Alison`, once she was named so, of `Alison`.
    fn name(&self, word: &Word) -> String {
        let titled = self.titled.get(&word.text.to_lowercase());
        titled.cloned().flatten().unwrap_or_else(|| word.full.to_owned())
    }

    /// The name under which the notes know somebody whom a label or a signature names.
    pub(super) fn known_as(&self, name: &str) -> String {
        match words(name)[..] {
            [only] if self.titled.contains_key(&only.text.to_lowercase()) => self.name(&only),
            _ => name.to_owned(),
        }
    }

    /// The name in a few words, if they may be one.
    pub(super) fn named(&self, words: &str) -> Option<String> {
        let mut name = None;
        self.read_sentence(words, Place::Inside, &mut name);
        name
    }

    /// Follows who is named in a piece of narration. Whoever is spoken of and not named ends it.
    pub(super) fn read(&self, text: &str, place: Place, last: &mut Option<String>) {
        let mut place = place;
        for sentence in sentences(text) {
            self.read_sentence(sentence, place, last);
            place = Place::Inside;
        }
    }

    fn read_sentence(&self, sentence: &str, place: Place, last: &mut Option<String>) {
        let unnamed = unnamed::subject(sentence, place);
        if unnamed.is_some() {
            *last = None;
        }
        let mut before = "";
        let mut end = 0;
        for word in words(sentence) {
            let is_other = unnamed.is_some_and(|from| word.start >= from)
                && !unnamed::is_named(&sentence[..word.start], &sentence[word.end()..]);
            let is_name = self.may_be(&word) && (word.has_title() || !is_place(before));
            if is_name && !is_other {
                match last {
                    // First and last name are one.
                    Some(name)
                        if !word.has_title()
                            && &sentence[end..word.start] == " "
                            && !before.is_empty()
                            && name.ends_with(before) =>
                    {
                        name.push(' ');
                        name.push_str(word.text);
                    }
                    _ => *last = Some(self.name(&word)),
                }
            }
            before = word.text;
            end = word.end();
        }
    }
}

/// Whether the first of the names in a text is among these.
fn is_among(names: &HashSet<String>, who: &str) -> bool {
    words(who).first().is_some_and(|first| names.contains(&first.text.to_lowercase()))
}

fn is_place(word: &str) -> bool {
    PLACES.contains(&word.to_lowercase().as_str())
}

/// Whether what follows a name says who that is: `, 34`, `, delivery driver`, ` (volunteer)`, or is
/// what they say: `: "`.
fn is_described(rest: &str) -> bool {
    let is_of_person = |c: char| c.is_lowercase() || c.is_numeric();
    let behind = |mark: char| rest.trim_start().strip_prefix(mark).map(str::trim_start);
    behind(',').is_some_and(|rest| rest.starts_with(is_of_person))
        || behind('(').is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
        || behind(':').is_some_and(|rest| rest.starts_with(['"', '“', '„', '«', '»']))
}

/// Whether a heading is one of several of a kind, such as `Visit 1` and `Visit 2`.
fn is_one_of_several(heading: Option<&str>, blocks: &[Block]) -> bool {
    let first = |heading: &str| heading.split_whitespace().next().map(str::to_lowercase);
    let Some(heading) = heading else { return false };
    let mut others = blocks.iter().filter_map(|block| block.section.as_deref());
    others.any(|other| other != heading && first(other) == first(heading))
}
