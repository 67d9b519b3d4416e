//! Answers that somebody collected, each under the name of whoever gave it.
//!
//! Owns telling them from one person's words below headings of their own, such as `Likes: …`: some of
//! the labels must be known as people's.

use std::collections::HashSet;

use super::{Label, has_age, is_numbered};
use crate::corpus::block::Block;
use crate::corpus::given_names::is_given_name;
use crate::corpus::told::is_about_self;

/// Fewest names of people whose answers stand one below the other.
pub(super) const LEAST: usize = 3;

/// Of so many labels, one must be known as a person's. Lists of names have gaps, and a person's
/// headings are hardly ever names.
const ONE_KNOWN_IN: usize = 3;

/// Fewest words of a title, which ends as no sentence does.
const TITLE_WORDS: usize = 3;

pub(super) fn is_title(text: &str) -> bool {
    let ends =
        text.trim_end().ends_with(|c: char| c.is_ascii_punctuation() || "…。？！”»".contains(c));
    !ends && text.split_whitespace().nth(TITLE_WORDS - 1).is_some()
}

/// Whether a text is such answers: at least three names, of which some are known, no paragraph
/// without one below the title, and most of it about those who speak.
pub(super) fn are_answers(blocks: &[Block]) -> bool {
    let is_title = |block: &&Block| {
        block.lines().first().is_some_and(|line| Label::parse(line).is_none() && is_title(line))
    };
    let answers: Vec<&[String]> =
        blocks.iter().skip_while(is_title).map(Block::lines).filter(|l| !l.is_empty()).collect();
    let lines = || answers.iter().flat_map(|lines| lines.iter());
    let labels: Vec<Label> = lines().filter_map(|line| Label::parse(line)).collect();
    let names: HashSet<&str> = labels.iter().map(|label| label.speaker).collect();
    let known: HashSet<&str> = lines().filter_map(|line| known_person(line)).collect();
    let is_name =
        |name: &&str| name.split_whitespace().all(|word| word.starts_with(char::is_uppercase));
    let own = labels.iter().filter(|label| is_about_self(label.rest)).count();
    answers.iter().all(|lines| Label::parse(&lines[0]).is_some())
        && names.len() >= LEAST
        && names.len() * 4 >= labels.len() * 3
        && names.iter().all(is_name)
        && known.len() * ONE_KNOWN_IN >= names.len()
        && own * 2 > labels.len()
}

/// The label of a line, if it is known as a person's: a given name or a number, or an age stands
/// beside it.
fn known_person(line: &str) -> Option<&str> {
    let label = Label::parse(line)?;
    let (before, _) = line.split_once([':', '：'])?;
    let before = before.trim_matches(['*', '_', ' ']);
    let first = label.speaker.split([' ', '-', '.']).next().unwrap_or_default();
    let is_person = is_given_name(first) || is_numbered(label.speaker) || has_age(before);
    is_person.then_some(label.speaker)
}
