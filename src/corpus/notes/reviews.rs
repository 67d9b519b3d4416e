//! Reviews copied from the page of a shop or of a site for reviews: a name, a rating, the words, and
//! what the page puts around each.
//!
//! Owns how a rating is written, and which lines come back with every review. Reviews in a table belong
//! to `tables`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::rows::Rows;

/// Fewest reviews of a page.
const LEAST: usize = 3;

/// Most lines above a rating: a name, and how much its owner wrote or from where.
const MOST_ABOVE: usize = 3;

/// Most characters of a name.
const LONGEST_NAME: usize = 50;

/// The rating in a line and what stands behind it: `Rated 1 out of 5 stars`, `★★★★☆ 2 months ago`.
fn rating(line: &str) -> Option<(&str, &str)> {
    static RATING: LazyLock<Regex> = LazyLock::new(|| {
        let lead = "(?:rated|rating:?|bewertet mit|bewertung:?|noté|note ?:|valorado con|valoración:?\
            |puntuación:?|classificado com|avaliação:?|valutat[oa]|valutazione:?|beoordeeld met) ?";
        let of = "(?:out of|of|von|sur|de|su|van de|uit)";
        let stars = "(?: stars?| sternen?| étoiles| estrellas| estrelas| stelle| sterren)?";
        let pattern = format!(
            r"(?i)^(?P<rating>(?:{lead})?[0-5](?:[.,]\d)? ?(?:{of} 5{stars}|/ ?5\b)|[★⭐]{{1,5}}☆{{0,4}})(?P<rest>.*)$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let found = RATING.captures(line.trim())?;
    let (rating, rest) = (found.name("rating")?.as_str(), found.name("rest")?.as_str());
    // A sentence about a rating goes on in small letters.
    let is_sentence = rest.trim_start().starts_with(char::is_lowercase) && rest.ends_with('.');
    (!is_sentence).then_some((rating, rest.trim()))
}

/// Whether a line begins the answer of whoever was reviewed: `Reply from SofaWorld`.
fn is_reply(line: &str) -> bool {
    static REPLY: LazyLock<Regex> = LazyLock::new(|| {
        let reply = "(?:owner|seller|developer|business|company)?'?s? ?(?:reply|response) (?:from|by|of) \
            |(?:response|reply) (?:from|by) the owner|antwort (?:von|vom|des) |réponse (?:de|du) \
            |respuesta (?:de|del) |resposta (?:de|do|da) |risposta (?:di|da|del) |reactie van |antwoord van \
            |the (?:company|business|owner) replied|developer response";
        Regex::new(&format!("(?i)^(?:{reply})")).expect("the pattern is valid")
    });
    REPLY.is_match(line.trim())
}

/// A line without what differs between reviews: numbers, and a name behind `by`.
fn frame(line: &str) -> String {
    line.trim().chars().filter(|c| !c.is_numeric()).flat_map(char::to_lowercase).collect()
}

/// A review: its lines as indices, from the name to the line before the next name.
struct Review {
    name: usize,
    rating: usize,
    end: usize,
}

/// The reviews of a page, each from the paragraph in which its rating stands.
fn reviews(lines: &[&str]) -> Vec<Review> {
    let is_blank = |at: usize| lines[at].trim().is_empty();
    let ratings = (0..lines.len()).filter(|at| rating(lines[*at]).is_some());
    let mut all: Vec<Review> = Vec::new();
    for rating in ratings {
        let above = (0..rating).rev().take_while(|at| !is_blank(*at)).count();
        if (1..=MOST_ABOVE).contains(&above) {
            let name = rating - above;
            if let Some(before) = all.last_mut() {
                before.end = before.end.min(name);
            }
            all.push(Review { name, rating, end: lines.len() });
        }
    }
    all
}

/// Reads a text as a page of reviews, if it is one: several ratings, each below a name.
pub(crate) fn read(lines: &[&str], rows: &mut Rows) -> Option<Vec<Block>> {
    let reviews = reviews(lines);
    let is_named = |review: &Review| {
        let name = lines[review.name].trim();
        name.chars().count() <= LONGEST_NAME && !name.ends_with(['.', '!', '?', ':'])
    };
    if reviews.len() < LEAST || !reviews.iter().all(is_named) {
        return None;
    }
    let mut frames: HashMap<String, usize> = HashMap::new();
    for review in &reviews {
        let own: HashSet<String> =
            lines[review.rating..review.end].iter().map(|l| frame(l)).collect();
        for line in own {
            *frames.entry(line).or_default() += 1;
        }
    }
    let is_pages = |line: &str| frames.get(&frame(line)).is_some_and(|n| n * 2 > reviews.len());
    let blocks = reviews.iter().filter_map(|review| block(review, lines, &is_pages, rows));
    let blocks: Vec<Block> = blocks.collect();
    rows.findings.note("around-reviews", 1, || {
        "what a page puts around each review, and the answers of those who were reviewed, is no \
         reviewer's words; left out"
            .to_owned()
    });
    Some(blocks)
}

fn block(
    review: &Review,
    lines: &[&str],
    is_pages: &dyn Fn(&str) -> bool,
    rows: &mut Rows,
) -> Option<Block> {
    let (stars, title) = rating(lines[review.rating])?;
    let mut words: Vec<&str> = Vec::new();
    // Behind stars alone stands when the review was written.
    if !title.is_empty() && stars.contains(char::is_alphanumeric) {
        words.push(title);
    }
    let above = words.len();
    for line in lines[review.rating + 1..review.end].iter().map(|line| line.trim()) {
        // What comes back below the words ends them: buttons, and then the answer or the next page.
        if is_reply(line) || !line.is_empty() && is_pages(line) && words.len() > above {
            break;
        }
        if !line.is_empty() && !is_pages(line) {
            words.push(line);
        }
    }
    let line = review.rating + 1;
    let text = rows.clean(line, &words.join("\n"));
    let facts: Facts = vec![("rating".to_owned(), rows.clean(line, stars))].into();
    let participant = Some(rows.clean(line, lines[review.name]));
    let body = Body::Cells(vec![("text".to_owned(), text.clone())]);
    (!text.is_empty()).then_some(Block { line, section: None, participant, facts, body })
}

#[cfg(test)]
mod tests {
    use crate::corpus::test_support::{load_text, said};

    #[test]
    fn a_review_is_its_words_without_what_the_page_puts_around_them() {
        let review = |name: &str, stars: u8, words: &str, reply: &str| {
            format!(
                "{name}\n{stars} reviews • GB\nRated {stars} out of 5 stars\nVerified\n{words}\n\
                 Date of experience: 0{stars} April 2024\nUseful\nShare\n{reply}\n"
            )
        };
        let page = "Shop reviews\nTrustScore 3.1 | 4,208 reviews\n\n".to_owned()
            + &review(
                "Lesley",
                1,
                "No legs\nIt came without legs.",
                "Reply from Shop\nDear Lesley, sorry.\n",
            )
            + &review("Bo A", 5, "Two lads\nThey took the door off.", "")
            + &review("Val", 4, "Comfy\nNice to sit on.", "")
            + "Previous 1 2 3 Next\n";
        let expected = [
            (
                Some("Lesley"),
                "rating: Rated 1 out of 5 stars\ntext: No legs\nIt came without legs.",
            ),
            (
                Some("Bo A"),
                "rating: Rated 5 out of 5 stars\ntext: Two lads\nThey took the door off.",
            ),
            (Some("Val"), "rating: Rated 4 out of 5 stars\ntext: Comfy\nNice to sit on."),
        ];
        assert_eq!(said(&load_text(&page)), expected);
    }

    #[test]
    fn a_title_may_stand_behind_the_stars() {
        let review = |name: &str, title: &str| {
            format!(
                "{name}\n3.0 out of 5 stars {title}\nReviewed on 3 April 2024\nI like the {name} one.\nHelpful\nReport\n\n"
            )
        };
        let rows = load_text(
            &(review("Ana", "Too small") + &review("Bo", "Fine") + &review("Cy", "Late")),
        );
        assert_eq!(
            said(&rows)[0],
            (Some("Ana"), "rating: 3.0 out of 5 stars\ntext: Too small\nI like the Ana one.")
        );
        let prose = "I gave it\n3 out of 5 stars because of the noise.\n\n".repeat(3);
        assert!(load_text(&prose).records.iter().all(|record| record.participant.is_none()));
    }
}
