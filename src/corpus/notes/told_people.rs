//! The people that a researcher's notes speak of: who was present, who belongs to the team, and who was
//! named last before a quotation.
//!
//! Owns which words of prose are names, by where they stand and how they are written. Whose a
//! quotation is then is decided in `narration`.

use std::collections::HashSet;

use crate::corpus::block::{Block, Body};
use crate::corpus::names::normalise;
use crate::corpus::talk::moderator;
use crate::corpus::talk::speakers::is_generic;
use crate::corpus::told;

/// The people that notes speak of.
#[derive(Default)]
pub(super) struct People {
    /// Those listed as present, by first name, in small letters.
    present: HashSet<String>,
    /// The researchers, by first name, in small letters.
    team: HashSet<String>,
    /// Words that also begin with a small letter, or that stand behind an article.
    others: HashSet<String>,
}

/// Words that begin sentences and are nobody's name, in small letters.
const OPENERS: &str = "the a an this that these those he she it they we i you his her its our \
    their my your when where while what who why how if in on at by for from to with without \
    after before during some many most all both each every one two three four five no not and \
    but or so then there here now also only even still first second third finally overall later \
    next another other as about because since until although however today yesterday notes \
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
                people.read_lists(line);
                for sentence in told::sentences(line) {
                    let mut words = words(sentence);
                    let first = words.next();
                    inside.extend(words);
                    let is_item = matches!(block.body, Body::Item(_));
                    openers.extend(first.filter(|_| is_item && !told::has_verb(sentence)));
                }
                let mut before = String::new();
                for word in words(line) {
                    let small = word.to_lowercase();
                    if small == word || ARTICLES.contains(&before.as_str()) {
                        people.others.insert(small.clone());
                    }
                    before = small;
                }
            }
        }
        people.others.extend(openers.difference(&inside).map(|word| word.to_lowercase()));
        people.others.extend(OPENERS.split_whitespace().map(str::to_owned));
        people
    }

    /// Reads who was present and who asked from lines such as `Moderator: Eva. Present: Ana, Bo`.
    fn read_lists(&mut self, line: &str) {
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
        for part in line.split(['.', ';', '|']) {
            let Some((label, names)) = part.split_once(':') else { continue };
            let label = normalise(label);
            let list = match label.as_str() {
                label if PRESENT.contains(&label) => &mut self.present,
                label if TEAM.contains(&label) => &mut self.team,
                _ => continue,
            };
            let first = |name: &str| words(name).next().map(str::to_lowercase);
            list.extend(
                names.split([',', '&']).flat_map(|part| part.split(" and ")).filter_map(first),
            );
        }
    }

    pub(super) fn is_team(&self, who: &str) -> bool {
        moderator::is_role(who)
            || words(who).next().is_some_and(|first| self.team.contains(&first.to_lowercase()))
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        words(name).next().is_some_and(|first| self.present.contains(&first.to_lowercase()))
    }

    /// Whether a word may be somebody's name: one of those present, where they are listed.
    pub(super) fn may_be(&self, name: &str) -> bool {
        if !self.present.is_empty() {
            return self.is_known(name) || self.is_team(name);
        }
        let small = name.to_lowercase();
        name.chars().count() > 1
            && name.starts_with(char::is_uppercase)
            && !name.chars().skip(1).any(char::is_uppercase)
            && !self.others.contains(&small)
            && !is_generic(name)
    }

    /// Follows who is named in a piece of narration.
    pub(super) fn read(&self, text: &str, last: &mut Option<String>) {
        let mut before = "";
        let mut end = 0;
        for word in words(text) {
            let at = word.as_ptr() as usize - text.as_ptr() as usize;
            if self.may_be(word) && !PLACES.contains(&before.to_lowercase().as_str()) {
                let gap = &text[end..at];
                match last {
                    // First and last name are one.
                    Some(name) if gap == " " && name.ends_with(before) && !before.is_empty() => {
                        name.push(' ');
                        name.push_str(word);
                    }
                    _ => *last = Some(word.to_owned()),
                }
            }
            before = word;
            end = at + word.len();
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '\'' || c == '’'));
    let own = parts.map(|word| word.strip_suffix("'s").or(word.strip_suffix("’s")).unwrap_or(word));
    own.filter(|word| !word.is_empty())
}
