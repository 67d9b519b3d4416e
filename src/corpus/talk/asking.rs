//! Who of the speakers of a document asks, helps or is no party to the conversation.
//!
//! Owns putting together what labels, headers and the speakers' own words say. What becomes of the turns
//! is decided in `transcript`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::agents::{Said, agents};
use super::bystanders::{interprets, is_remark, is_system, is_unknown};
use super::chat_heads::Parts;
use super::moderator;
use super::speakers::is_short_for;
use super::turns::{Entry, Turn};
use crate::corpus::rows::Rows;

/// Who asks in a document.
pub(super) enum Asking {
    /// Speakers whose label is a role that asks, such as `Interviewer`.
    Labelled,
    /// Speakers whose label is that of somebody who helps customers, such as `Agent`.
    Helping,
    /// This speaker, to judge by what they say.
    Guessed(String),
    /// No speaker; also where all of them have the label of one who asks, since nobody would
    /// answer.
    Nobody,
}

impl Asking {
    /// Finds out who asks, and notes it in `rows`: their names, and a finding where they
    /// are guessed.
    pub(super) fn find_and_note(entries: &[Entry], parts: &Parts, rows: &mut Rows) -> Self {
        let turns = || {
            entries.iter().filter_map(|entry| match entry {
                Entry::Turn(turn) => Some((turn.speaker.as_deref(), turn.text.as_str())),
                Entry::Row { .. } => None,
            })
        };
        let is_asker = |speaker: Option<&str>| speaker.is_some_and(moderator::is_asker);
        let helps = !parts.interviews && !turns().any(|(speaker, _)| is_asker(speaker));
        let asks = |speaker: Option<&str>| {
            is_asker(speaker)
                || helps && speaker.is_some_and(moderator::is_helper)
                || speaker.is_some_and(|speaker| parts.is_asking(speaker))
        };
        if turns().any(|(speaker, _)| asks(speaker)) {
            // Words before the first question do not answer it.
            let mut after = turns().skip_while(|(speaker, _)| !asks(*speaker));
            let alone = after.all(|(speaker, _)| asks(speaker));
            let named = turns().any(|(speaker, _)| speaker.is_some() && !asks(speaker));
            let names = turns().filter(|(speaker, _)| asks(*speaker));
            let names: BTreeSet<&str> =
                names.filter_map(|(label, _)| moderator::name_in(label?)).collect();
            rows.other_names.extend(names.into_iter().map(str::to_owned));
            return match (alone && !named, helps) {
                (true, _) => Self::Nobody,
                (false, true) => Self::Helping,
                (false, false) => Self::Labelled,
            };
        }
        let spoken = turns().filter_map(|(speaker, text)| Some((speaker?, text)));
        let Some(name) = moderator::guess(spoken) else { return Self::Nobody };
        // A speaker whom a heading names is the one interviewed.
        let is_named = |entry: &Entry| match entry {
            Entry::Turn(Turn { participant, .. }) | Entry::Row { participant, .. } => {
                participant.as_ref().is_some_and(|named| is_short_for(name, named))
            }
        };
        if entries.iter().any(is_named) {
            return Self::Nobody;
        }
        moderator::note_guess(&mut rows.findings, name);
        rows.other_names.push(name.to_owned());
        Self::Guessed(name.to_owned())
    }

    pub(super) fn is_by(&self, turn: &Turn, parts: &Parts) -> bool {
        turn.speaker.as_deref().is_some_and(|speaker| match self {
            Self::Labelled => moderator::is_asker(speaker) || parts.is_asking(speaker),
            Self::Helping => moderator::is_helper(speaker) || parts.is_asking(speaker),
            Self::Guessed(name) => name == speaker,
            Self::Nobody => false,
        })
    }
}

/// Calls two speakers who are labelled by a letter each what they are, where one of them asks and the
/// other answers: `P:` and `R:` of Spanish are what `Q:` and `A:` are of English, and so are `F:` and
/// `A:` of German or `P:` and `O:` of Polish.
pub(super) fn tell_letters(entries: &mut [Entry], parts: &Parts) {
    // By label: turns, and those that end in a question.
    let mut tallies: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in entries.iter() {
        let Entry::Turn(Turn { speaker: Some(speaker), text, .. }) = entry else { continue };
        let (turns, asked) = tallies.entry(speaker.clone()).or_default();
        *turns += 1;
        *asked += usize::from(moderator::ends_in_question(text));
    }
    let all: usize = tallies.values().map(|(turns, _)| turns).sum();
    tallies.retain(|label, _| label.chars().count() == 1);
    let by_letters: usize = tallies.values().map(|(turns, _)| turns).sum();
    let is_known = |label: &String| moderator::is_asker(label) || parts.is_asking(label);
    let mut both: Vec<(String, (usize, usize))> = tallies.into_iter().collect();
    both.sort_by_key(|(_, (turns, asked))| Reverse(asked * 100 / turns));
    let [(asker, (turns, asked)), (answerer, (answers, asking_back))] = &both[..] else { return };
    // `I:` and `B:` of German: whoever is not the one who asks answers.
    if by_letters == all && is_known(asker) && !is_known(answerer) {
        return call(entries, answerer, "A");
    }
    let are_letters = by_letters * 4 >= all * 3 && !both.iter().any(|(label, _)| is_known(label));
    let is_clear = *turns > 1 && asked * 3 >= turns * 2 && asking_back * 3 <= *answers;
    if !are_letters || !is_clear {
        return;
    }
    call(entries, answerer, "A");
    for entry in entries {
        let Entry::Turn(Turn { speaker: Some(speaker), .. }) = entry else { continue };
        if speaker == asker {
            "Q".clone_into(speaker);
        }
    }
}

/// Gives the turns of one label another, where it is known who is to be heard.
fn call(entries: &mut [Entry], label: &str, other: &str) {
    for entry in entries {
        let Entry::Turn(Turn { speaker: Some(speaker), participant, .. }) = entry else { continue };
        if speaker == label && participant.is_some() {
            other.clone_into(speaker);
        }
    }
}

/// Drops what interpreters and the system of a chat say, where others are heard beside them and those
/// who ask, and what researchers remark.
pub(super) fn drop_bystanders(entries: &mut Vec<Entry>, rows: &mut Rows) {
    let is_no_party = |speaker: &str| interprets(speaker) || is_system(speaker);
    let speaker = |entry: &'_ Entry| match entry {
        Entry::Turn(turn) => turn.speaker.clone(),
        Entry::Row { .. } => None,
    };
    let is_other = |who: &String| !is_no_party(who) && !is_remark(who) && !moderator::is_asker(who);
    let heard: Vec<String> = entries.iter().filter_map(speaker).filter(is_other).collect();
    let unknown = heard.iter().filter(|who| is_unknown(who)).count();
    let others_speak = heard.len() > unknown;
    // Where a program knew hardly anybody by their voice, what it did not know is the interview.
    let drops_unknown = unknown * 2 < heard.len();
    let all_remark = entries.iter().all(|entry| speaker(entry).is_some_and(|who| is_remark(&who)));
    entries.retain(|entry| {
        let Entry::Turn(Turn { line, speaker: Some(speaker), .. }) = entry else { return true };
        let is_gone = is_no_party(speaker) && others_speak
            || is_remark(speaker) && !all_remark
            || is_unknown(speaker) && drops_unknown;
        if is_gone {
            let has_name = !is_remark(speaker) && !is_unknown(speaker);
            let name = moderator::name_in(speaker).filter(|_| has_name);
            rows.other_names.extend(name.map(str::to_owned));
            rows.findings.note("bystander", *line, || {
                "what an interpreter says was said by others, and what a chat's system says, researchers \
                 remark or somebody unknown calls in is no participant's words; left out"
                    .to_owned()
            });
        }
        !is_gone
    });
}

/// Adds those who help customers to those who ask, where nobody is labelled as an interviewer.
pub(super) fn add_agents(entries: &[Entry], parts: &mut Parts, rows: &mut Rows) {
    let said = entries.iter().filter_map(|entry| match entry {
        Entry::Turn(Turn { line, speaker: Some(speaker), text, .. }) => {
            Some(Said { chat: parts.chat_of(*line), speaker, text })
        }
        _ => None,
    });
    let said: Vec<Said<'_>> = said.collect();
    if parts.interviews || said.iter().any(|turn| moderator::is_asker(turn.speaker)) {
        return;
    }
    let names = agents(&said, &|name| parts.is_asking(name));
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    rows.other_names.extend(names.iter().filter(|name| !moderator::is_helper(name)).cloned());
    parts.add_asking(names);
}
