//! Threads of a forum, saved or printed as text: a head with the author above the words of each post.
//!
//! Owns which lines are heads, and what stands below the words: signatures, and what the page says
//! about itself. Which of the words a post only quotes is known to `reply`.

use std::collections::{HashMap, HashSet};

use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::lines::is_rule;
use crate::corpus::names::normalise;
use crate::corpus::reply;
use crate::corpus::rows::Rows;
use crate::corpus::talk::moderator;

/// Fewest posts of a thread.
const LEAST: usize = 3;

/// Most characters of an author's name.
const LONGEST_NAME: usize = 40;
/// Most characters of a line of a head.
const LONGEST_FIELD: usize = 100;

/// Marks of a rule, such as the one above a signature.
const RULE_MARKS: &str = "_=-*";
/// Fewest marks of a rule.
const LEAST_RULE: usize = 5;

/// Labels before an author's name, normalised.
const AUTHORS: [&str; 24] = [
    "author",
    "postedby",
    "writtenby",
    "poster",
    "username",
    "autor",
    "autorin",
    "verfasser",
    "verfasserin",
    "verfasstvon",
    "geschriebenvon",
    "auteur",
    "autrice",
    "publiépar",
    "écritpar",
    "publicadopor",
    "escritopor",
    "autora",
    "autore",
    "pubblicatoda",
    "scrittoda",
    "geplaatstdoor",
    "geschrevendoor",
    "автор",
];

/// A post: the index of its head, its author, and the range of its lines.
struct Post<'t> {
    head: usize,
    author: &'t str,
    body: std::ops::Range<usize>,
}

/// The author whom a line names: `Author: Ratchet   [ Sun Mar 3, 2024 8:10 pm ]`.
fn author(line: &str) -> Option<&str> {
    let (label, value) = line.trim().split_once([':', '：'])?;
    if !AUTHORS.contains(&normalise(label).as_str()) {
        return None;
    }
    let value = value.trim();
    let ends = ["  ", "\t", " [", " (", " »", " |", " ·", " – ", " - "];
    let end = ends.iter().filter_map(|end| value.find(end)).min().unwrap_or(value.len());
    let name = value[..end].trim();
    (!name.is_empty() && name.chars().count() <= LONGEST_NAME).then_some(name)
}

/// The label of a line that may belong to a head.
fn field(line: &str) -> Option<String> {
    let (label, _) = line.trim().split_once([':', '：'])?;
    let is_label = line.chars().count() <= LONGEST_FIELD
        && label.starts_with(char::is_alphabetic)
        && label.split_whitespace().count() <= 2;
    is_label.then(|| normalise(label))
}

fn posts<'t>(lines: &[&'t str]) -> Vec<Post<'t>> {
    let heads: Vec<(usize, &str)> =
        (0..lines.len()).filter_map(|at| Some((at, author(lines[at])?))).collect();
    // A label that comes back below most heads is one of theirs.
    let below = |head: usize| {
        let fields = lines[head + 1..].iter().map_while(|line| field(line));
        fields.collect::<Vec<_>>()
    };
    let all: Vec<Vec<String>> = heads.iter().map(|(head, _)| below(*head)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for label in all.iter().flatten() {
        *counts.entry(label).or_default() += 1;
    }
    let is_of_heads = |label: &String| counts[label.as_str()] * 2 > all.len();
    let ends = heads.iter().skip(1).map(|(head, _)| *head).chain([lines.len()]);
    let post = |((&(head, author), end), labels): ((&(usize, &'t str), usize), &Vec<String>)| {
        let start = head + 1 + labels.iter().take_while(|label| is_of_heads(label)).count();
        let own = lines[start..end]
            .iter()
            .take_while(|line| !is_rule(line.trim(), RULE_MARKS, LEAST_RULE))
            .count();
        Post { head, author, body: start..start + own }
    };
    heads.iter().zip(ends).zip(&all).map(post).collect()
}

/// Reads a text as a thread, if it is one: several posts by at least two people, each with its author
/// above it.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let posts = posts(lines);
    let authors: HashSet<&str> = posts.iter().map(|post| post.author).collect();
    if posts.len() < LEAST || authors.len() < 2 {
        return None;
    }
    let kept: HashSet<usize> = posts.iter().flat_map(|post| post.body.clone()).collect();
    for at in (0..lines.len()).filter(|at| !kept.contains(at) && !lines[*at].trim().is_empty()) {
        rows.findings.note("around-posts", at + 1, || {
            "heads of posts, signatures and what a forum's page says about itself are nobody's words; \
             left out"
                .to_owned()
        });
    }
    Some(posts.iter().filter_map(|post| block(post, lines, rows)).collect())
}

fn block(post: &Post<'_>, lines: &[&str], rows: &mut Rows) -> Option<Block> {
    let line = post.body.start + 1;
    if moderator::is_helper(post.author) || moderator::is_role(post.author) {
        moderator::note_left_out(&mut rows.findings, post.head + 1);
        return None;
    }
    let whole = lines[post.body.clone()].join("\n");
    let own: String = reply::own(&whole).into_iter().map(|piece| &whole[piece]).collect();
    let text = rows.clean(line, own.trim());
    let participant = Some(rows.clean(line, post.author));
    let body = Body::Cells(vec![("text".to_owned(), text)]);
    (!own.trim().is_empty()).then(|| Block {
        line,
        section: None,
        participant,
        facts: Facts::default(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn a_post_is_by_the_author_above_it_without_quotes_and_signature() {
        let post = |author: &str, text: &str| {
            format!(
                "________________________________\nAuthor: {author}   [ Sun Mar 3, 2024 8:10 pm ]\n\
                 Post subject: Re: Key fob\n\n{text}\n\n_________________\nBodged: since new\n\n"
            )
        };
        let thread = "Board index » Electrics\n\n".to_owned()
            + &post("Ratchet", "Mine died on the road.\nSo: I walked.")
            + &post("Sue 2", "Ratchet wrote:\n> Mine died on the road.\n\nMine has a key inside.")
            + &post("Admin", "Locked posts merged.")
            + &post("Ratchet", "Found it.")
            + "Who is online\n";
        let rows = load_text(&thread);
        let expected = [
            (Some("Ratchet"), "text: Mine died on the road.\nSo: I walked."),
            (Some("Sue 2"), "text: Mine has a key inside."),
            (Some("Ratchet"), "text: Found it."),
        ];
        assert_eq!(said(&rows), expected);
    }

    #[test]
    fn a_note_with_its_author_is_no_thread() {
        let rows = load_text(
            "Author: Ana\n\nI wait.\n\nAuthor: Ana\n\nI wait.\n\nAuthor: Ana\n\nStill.\n",
        );
        assert!(rows.records.iter().all(|record| !record.text.starts_with("text: ")));
    }
}
