//! Lines that name a participant above a list of what is known of them: `P1 (nurse, 34):`.
//!
//! Owns which lines these are, and gives the items below them to the participant. Headings belong to the
//! formats, and labels before words to `speakers`.

use std::collections::BTreeSet;

use super::moderator;
use super::speakers::{age_in_heading, has_age, is_numbered, label_of, participant_of_heading};
use crate::corpus::block::{Block, Body, Facts};

/// Most words of such a line.
const MOST_WORDS: usize = 8;

/// Whether a line begins with the number of a participant, so that it is not part of the list item
/// above it: `P2 (driver, 51)`, `P2: I walk.`
pub(crate) fn ends_item(line: &str) -> bool {
    named_by(line).is_some() || label_of(line).is_some_and(|(label, _)| is_numbered(label))
}

/// Whom a line names that does nothing else.
fn named_by(line: &str) -> Option<&str> {
    let line = line.trim().trim_matches([':', '：', '*', '_', ' ']);
    let name = line.split([',', '(', '–', '—', '|', '，', '（']).next().unwrap_or_default().trim();
    let ends_in_number = name.ends_with(|c: char| c.is_ascii_digit());
    let is_named = is_numbered(name)
        || ends_in_number && participant_of_heading(name).is_some()
        || has_age(line);
    let is_short = line.split_whitespace().nth(MOST_WORDS).is_none();
    (is_named && is_short && !line.ends_with(['.', '!', '?', '…'])).then_some(line)
}

/// Gives the items of each list to the participant whom the line above it names, and takes that line
/// out. Returns the indices of the blocks of which nothing is left. Nothing is done where only one
/// participant is named so, or where lines are what somebody says or asks.
pub(crate) fn give_items(blocks: &mut [Block]) -> BTreeSet<usize> {
    let speaks = |line: &String| {
        label_of(line).is_some_and(|(label, words)| {
            moderator::is_asker(label) || is_numbered(label) && !words.is_empty()
        })
    };
    let head = |at: usize| match (&blocks[at].body, blocks.get(at + 1).map(|below| &below.body)) {
        (Body::Paragraph(lines), Some(Body::Item(_))) if blocks[at].participant.is_none() => {
            Some((at, named_by(lines.last()?)?.to_owned()))
        }
        _ => None,
    };
    let heads: Vec<(usize, String)> = (0..blocks.len()).filter_map(head).collect();
    let are_several = heads.iter().any(|(_, who)| *who != heads[0].1);
    if !are_several || blocks.iter().flat_map(Block::lines).any(speaks) {
        return BTreeSet::new();
    }
    let mut gone = BTreeSet::new();
    for (at, who) in heads {
        let age = age_in_heading(&who).map(|age| ("age".to_owned(), age.to_owned()));
        let facts: Facts = age.into_iter().collect();
        let below = blocks[at + 1..].iter_mut();
        for item in below.take_while(|block| matches!(block.body, Body::Item(_))) {
            item.participant = Some(who.clone());
            item.facts = Facts::clone(&facts);
        }
        if let Body::Paragraph(lines) = &mut blocks[at].body {
            lines.pop();
            if lines.is_empty() {
                gone.insert(at);
            }
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_markdown, load_text, said};

    const NOTES: &str = "P1 (nurse, 34)\n- \"I never get my slot because I work nights.\"\n\
        - gave up after two tries\nP2 (driver, 51)\n- \"I find my own way around it, I have my map.\"\n\
        - \"My radio is my only friend.\"\nP3 (teacher)\n- hates forms\n\
        - \"I fill in my form at midnight.\"\n";

    #[test]
    fn items_below_a_participants_number_are_theirs() {
        let with_colon = NOTES.replace(")\n", "):\n");
        for text in [NOTES, &with_colon] {
            for rows in [load_text(text), load_markdown(text)] {
                let quoted = said(&rows).into_iter().filter_map(|(who, text)| {
                    let (_, words) = text.split_once("text: ")?;
                    Some((who?.split(' ').next()?, words))
                });
                let quoted: Vec<_> = quoted.collect();
                let expected = [
                    ("P1", "I never get my slot because I work nights."),
                    ("P2", "I find my own way around it, I have my map."),
                    ("P2", "My radio is my only friend."),
                    ("P3", "I fill in my form at midnight."),
                ];
                assert_eq!(quoted, expected, "{text}");
            }
        }
    }

    #[test]
    fn items_stay_whose_they_are_where_lines_are_turns_or_only_one_is_named() {
        let turns = "Interviewer:\n- Why?\nP1:\n- Habit.\nInterviewer:\n- Really?\nP2:\n- Yes.\n";
        for rows in [load_text(turns), load_markdown(turns)] {
            let asked =
                said(&rows).iter().any(|(who, text)| who.is_some() && text.contains("Why?"));
            assert!(!asked, "{:?}", said(&rows));
        }
        let rows = load_text("What I use:\n- paper\n\nUser 3 likes it:\n- the radio\n");
        assert!(said(&rows).iter().all(|(who, _)| who.is_none()), "{:?}", said(&rows));
        let wrapped =
            load_markdown("- It began with room\nP2 on the first floor.\n- It is cold.\n");
        assert_eq!(said(&wrapped)[0].1, "It began with room P2 on the first floor.");
        let below = "P1:\n- waits\n\nP2:\n- walks\n\nAll were tired.\n";
        let rows = load_text(below);
        assert_eq!(said(&rows).last(), Some(&(None, "All were tired.")), "{:?}", said(&rows));
    }
}
