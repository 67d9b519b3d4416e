//! Headings that name participants by their place in a document, whatever they say.
//!
//! Owns two ways of telling: they stand below a heading such as `Interviews`, or the same questions come
//! back below each of them. Headings that say themselves whom they name are known to `speakers`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::corpus::block::{Block, Body};
use crate::corpus::names::{is_group_of_people, normalise};
use crate::corpus::notes::researchers;
use crate::corpus::talk::label_forms::PARTICLES;
use crate::corpus::talk::moderator::ends_in_question;
use crate::corpus::talk::speakers::label_of;

/// Fewest headings side by side that name participants by their place.
const LEAST: usize = 2;

/// Most words of a name, before what is said of the person: `Father Dominik (conductor)`.
const NAME_WORDS: usize = 3;

/// A heading, and the blocks below it up to the next one of its level or a higher one.
struct Part<'o> {
    text: &'o str,
    blocks: Range<usize>,
}

/// The headings of a document, top to bottom.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Level, text, and the index of the first block below.
    headings: Vec<(u8, String, usize)>,
}

impl Outline {
    /// Adds a heading that stands above the block with this index.
    pub(super) fn push(&mut self, level: u8, text: &str, block: usize) {
        self.headings.push((level, text.to_owned(), block));
    }

    /// Gives blocks below headings that name participants by their place to them, unless another heading
    /// names somebody.
    pub(super) fn name_participants(&self, blocks: &mut [Block]) {
        let mut named: Vec<(String, Range<usize>)> = Vec::new();
        for (above, siblings) in self.families(blocks.len()) {
            let are_people = above.is_some_and(is_group_of_people) && are_names(&siblings);
            let are_asked = are_asked_alike(&siblings, blocks);
            let is_person = |part: &&Part<'_>| {
                let is_asked = || are_asked && !questions(&blocks[part.blocks.clone()]).is_empty();
                may_be_person(part.text) && (are_people || is_asked())
            };
            let people = siblings.iter().filter(is_person);
            named.extend(people.map(|part| (part.text.to_owned(), part.blocks.clone())));
        }
        for (name, range) in named {
            for block in blocks[range].iter_mut().filter(|block| block.participant.is_none()) {
                block.participant = Some(name.clone());
            }
        }
    }

    /// The headings side by side below each heading, and at the top, with the heading above them.
    fn families(&self, blocks: usize) -> Vec<(Option<&str>, Vec<Part<'_>>)> {
        let end_of = |at: usize| {
            let (level, ..) = self.headings[at];
            let below = self.headings[at + 1..].iter();
            at + 1 + below.take_while(|(other, ..)| *other > level).count()
        };
        let block = |at: usize| self.headings.get(at).map_or(blocks, |(.., block)| *block);
        let children = |inside: Range<usize>| {
            let mut parts = Vec::new();
            let mut at = inside.start;
            while at < inside.end {
                let end = end_of(at);
                parts.push(Part { text: &self.headings[at].1, blocks: block(at)..block(end) });
                at = end;
            }
            parts
        };
        let all = 0..self.headings.len();
        let top = std::iter::once((None, children(all.clone())));
        let below =
            all.map(|at| (Some(self.headings[at].1.as_str()), children(at + 1..end_of(at))));
        top.chain(below).filter(|(_, parts)| parts.len() >= LEAST).collect()
    }
}

/// Whether a heading may name a person: it does not ask, and is none of the researchers'.
fn may_be_person(heading: &str) -> bool {
    !heading.is_empty() && !ends_in_question(heading) && !researchers::is_heading(heading)
}

/// Whether headings are written as names, and what is said of the person behind each.
fn are_names(siblings: &[Part<'_>]) -> bool {
    let people = || siblings.iter().filter(|part| may_be_person(part.text));
    people().count() >= LEAST && people().all(|part| is_name(part.text))
}

/// Whether a heading begins with a few words that all have capitals, where the script has them, before a
/// mark or its end.
fn is_name(heading: &str) -> bool {
    let name = heading.split(['(', '（', ',', ';', '–', '—', ':', '/', '|', '，', '、']).next();
    let name = name.unwrap_or_default().split(" - ").next().unwrap_or_default();
    let mut words = name.split_whitespace();
    let is_part = |word: &str| {
        PARTICLES.contains(&word)
            || word.starts_with(|c: char| c.is_alphanumeric() && !c.is_lowercase())
    };
    (1..=NAME_WORDS).contains(&name.split_whitespace().count()) && words.all(is_part)
}

/// Whether most of the questions below each heading come back below another one: the people who are
/// asked differ, and not what they are asked about.
fn are_asked_alike(siblings: &[Part<'_>], blocks: &[Block]) -> bool {
    let asked: Vec<HashSet<String>> = siblings
        .iter()
        .filter(|part| may_be_person(part.text))
        .map(|part| questions(&blocks[part.blocks.clone()]))
        .filter(|questions| !questions.is_empty())
        .collect();
    let mut times: HashMap<&String, usize> = HashMap::new();
    for question in asked.iter().flatten() {
        *times.entry(question).or_default() += 1;
    }
    let comes_back = |question: &&String| times[question] > 1;
    let is_alike =
        |asked: &HashSet<String>| asked.iter().filter(comes_back).count() * 2 >= asked.len();
    asked.len() >= LEAST && asked.iter().all(is_alike)
}

/// The lines of blocks that ask, without labels.
fn questions(blocks: &[Block]) -> HashSet<String> {
    let lines = |block: &'_ Block| match &block.body {
        Body::Paragraph(lines) | Body::Item(lines) | Body::Turn { lines, .. } => lines.clone(),
        Body::Cells(_) => Vec::new(),
    };
    let lines = blocks.iter().flat_map(lines).filter(|line| ends_in_question(line));
    lines.map(|line| normalise(label_of(&line).map_or(&*line, |(_, rest)| rest))).collect()
}

#[cfg(test)]
mod tests {
    use crate::corpus::formats::{markdown, org};
    use crate::corpus::rows::Rows;

    fn who(read: fn(&str, &mut Rows) -> Result<(), String>, text: &str) -> Vec<Option<String>> {
        let mut rows = Rows::new(1);
        read(text, &mut rows).unwrap();
        rows.records.into_iter().map(|record| record.participant).collect()
    }

    fn some(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    #[test]
    fn headings_below_one_for_people_name_them() {
        let org = "* Interviews\n** Liesl (alto)\n- \"I hated the stairs.\"\n** Father Dominik\n- \"I count heads.\"\n\
                   * Themes\n** Belonging\n- \"So it is.\"\n";
        assert_eq!(who(org::read, org)[..2], some(&["Liesl (alto)", "Father Dominik"]));
        let topics =
            "# Interviews\n\n## Pain points\n\nI hated the stairs.\n\n## Liked\n\nI count heads.\n";
        assert_eq!(who(markdown::read, topics), [None, None]);
    }

    #[test]
    fn headings_with_the_same_questions_below_name_who_answers() {
        let asked = |names: [&str; 2], second: &str| {
            format!(
                "# Calls\n\nTwo short calls.\n\n## {}\n\nQ: How long do you wait?\n\nA: Six years in June.\n\n\
                 ## {}\n\nQ: {second}\n\nA: Two weeks so far.\n",
                names[0], names[1]
            )
        };
        let people = asked(["Ngozi, nurse", "Bill"], "How long do you wait?");
        assert_eq!(who(markdown::read, &people), some(&["Ngozi, nurse", "Bill"]));
        let topics = asked(["The list", "The plot"], "How large is it?");
        assert_eq!(who(markdown::read, &topics)[0].as_deref(), Some("A"));
    }
}
