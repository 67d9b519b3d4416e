//! The agents in a log of chats: who helps customers, where no label says it.
//!
//! Owns the guess by what the speakers do: they offer help, they are introduced, they turn up in several
//! chats. Labels such as `Agent` are known to `moderator`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::bystanders::is_system;
use super::moderator::{is_customer, is_helper};

/// Turns at the beginning of a chat among which whoever helps says so.
const OPENING: usize = 5;

/// A turn of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'t> {
    /// Number of the chat in which it stands.
    pub chat: usize,
    pub speaker: &'t str,
    pub text: &'t str,
}

/// The speakers who help, if others are left who do not. `is_known` tells those who are known to help.
pub(super) fn agents<'t>(turns: &[Said<'t>], is_known: &dyn Fn(&str) -> bool) -> BTreeSet<&'t str> {
    let chats: Vec<&[Said<'t>]> = turns.chunk_by(|a, b| a.chat == b.chat).collect();
    let speakers = turns.iter().map(|turn| turn.speaker);
    let mut helping: BTreeSet<&str> =
        speakers.filter(|s| is_known(s) || is_helper(s) || is_system(s)).collect();
    for chat in &chats {
        helping.extend(offering(chat));
    }
    if chats.len() > 1 {
        helping.extend(chats.iter().filter_map(|chat| beside_customer(chat)));
        let has_none = |chat: &&&[Said<'t>]| {
            !chat.iter().any(|turn| helping.contains(turn.speaker) && !is_system(turn.speaker))
        };
        let others: Vec<&[Said<'t>]> = chats.iter().filter(has_none).copied().collect();
        helping.extend(in_several(&others));
    }
    if turns.iter().all(|turn| helping.contains(turn.speaker)) {
        return BTreeSet::new();
    }
    helping.retain(|speaker| !is_system(speaker));
    helping
}

/// Those who offer help at the beginning of a chat, or are introduced there.
fn offering<'t>(chat: &[Said<'t>]) -> Vec<&'t str> {
    static OFFER: LazyLock<Regex> = LazyLock::new(|| {
        let offer = "how (?:can|may) (?:i|we) (?:help|assist)|what can i (?:do for|help) you\
            |thank(?:s| you) for (?:contacting|chatting|reaching out)\
            |(?:wie|womit) (?:kann|darf) ich (?:\\w+ ){0,3}(?:helfen|weiterhelfen|behilflich)\
            |(?:comment|en quoi) puis-je (?:vous |t')\\w*aider\
            |(?:en qué|cómo) (?:(?:te|le|les|os) )?pued[oe] (?:ayudar|asistir)\
            |(?:em que|como|no que) posso (?:(?:te|lhe|o|a) )?ajudar|(?:come|in cosa) posso aiutar\
            |(?:waarmee|hoe|waar) kan ik (?:\\w+ ){0,2}(?:mee )?helpen";
        Regex::new(&format!("(?i)\\b(?:{offer})")).expect("the pattern is valid")
    });
    static INTRODUCED: LazyLock<Regex> = LazyLock::new(|| {
        let with = "(?:chatting|speaking|talking|connected) (?:with|to)|chatten (?:jetzt |nun )?mit\
            |en (?:relation|ligne|communication) avec|(?:chateando|hablando|conectad[oa]) con\
            |(?:falando|conversando) com|(?:chattando|parlando) con|chat(?:ten)? (?:nu )?met";
        let name = "(?P<name>\\p{Lu}[\\p{L}\\p{M}'’-]*)";
        Regex::new(&format!("\\b(?i:{with}) {name}")).expect("the pattern is valid")
    });
    let first = || chat.iter().take(OPENING);
    let offers = first().filter(|turn| OFFER.is_match(turn.text)).map(|turn| turn.speaker);
    let introduced = first().filter_map(|turn| {
        let name = INTRODUCED.captures(turn.text)?.name("name")?.as_str();
        let is_named = |speaker: &&str| speaker.split_whitespace().next() == Some(name);
        chat.iter().map(|turn| turn.speaker).find(is_named)
    });
    offers.chain(introduced).filter(|speaker| !is_customer(speaker)).collect()
}

/// The one who talks with somebody whose label is a customer's.
fn beside_customer<'t>(chat: &[Said<'t>]) -> Option<&'t str> {
    let speakers: BTreeSet<&str> = chat.iter().map(|turn| turn.speaker).collect();
    let (customers, others): (Vec<&str>, Vec<&str>) = speakers
        .into_iter()
        .filter(|s| !is_helper(s) && !is_system(s))
        .partition(|s| is_customer(s));
    match others[..] {
        [other] if !customers.is_empty() => Some(other),
        _ => None,
    }
}

/// Those who turn up in several chats, if somebody else who is in no other takes part in each.
fn in_several<'t>(chats: &[&[Said<'t>]]) -> Vec<&'t str> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for chat in chats {
        let speakers: BTreeSet<&str> = chat.iter().map(|turn| turn.speaker).collect();
        for speaker in speakers {
            *times.entry(speaker).or_default() += 1;
        }
    }
    let is_new = |turn: &Said<'t>| times[turn.speaker] == 1 && !is_system(turn.speaker);
    if !chats.iter().all(|chat| chat.iter().any(is_new)) {
        return Vec::new();
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(speaker, _)| speaker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helping(turns: &[(&'static str, &'static str)], starts: &[usize]) -> Vec<&'static str> {
        let said = |(i, (speaker, text)): (usize, &(&'static str, &'static str))| Said {
            chat: starts.iter().filter(|start| **start <= i + 1).count(),
            speaker,
            text,
        };
        let turns: Vec<Said<'_>> = turns.iter().enumerate().map(said).collect();
        agents(&turns, &|_| false).into_iter().collect()
    }

    #[test]
    fn whoever_offers_help_or_is_introduced_helps() {
        let own = ("Ana", "My meter reads backwards.");
        for offer in [
            "How can I help you today?",
            "Guten Tag, womit kann ich Ihnen weiterhelfen?",
            "Bonjour, en quoi puis-je vous aider ?",
            "You're chatting with Tariq. One moment.",
            "Está hablando con Tariq.",
        ] {
            assert_eq!(helping(&[own, ("Tariq", offer)], &[]), ["Tariq"], "{offer}");
        }
        assert_eq!(
            helping(&[("Bot", "You are connected to Tariq"), own, ("Tariq", "Hm")], &[]),
            ["Bot", "Tariq"]
        );
        assert!(helping(&[own, ("Tariq", "I am talking to nobody.")], &[]).is_empty());
        assert!(helping(&[("Ana", "How can I help?"), ("Bo", "How can I help?")], &[]).is_empty());
    }

    #[test]
    fn whoever_is_in_several_chats_helps_where_each_has_somebody_new() {
        let turns =
            [("Ana", "a"), ("Tom", "b"), ("Bo", "c"), ("Tom", "d"), ("Cy", "e"), ("Tom", "f")];
        assert_eq!(helping(&turns, &[1, 3, 5]), ["Tom"]);
        assert!(helping(&turns, &[]).is_empty(), "one chat");
        let turns = [("Ana", "a"), ("Tom", "b"), ("Ana", "c"), ("Tom", "d")];
        assert!(helping(&turns, &[1, 3]).is_empty(), "nobody is new");
        let turns = [("Visitor 1", "a"), ("Eve", "b"), ("Visitor 2", "c"), ("Tom", "d")];
        assert_eq!(helping(&turns, &[1, 3]), ["Eve", "Tom"]);
    }
}
