//! What a text speaks for and what it speaks against, in English.
//!
//! Owns a small lexicon and how it is read. People who share all their words may still disagree:
//! only the stance sets `I trust the app` apart from `I do not trust the app`. Text in another
//! language has no stance here; its words and pairs of words still count as features.

use crate::prompts::passages::words;

/// Beginnings of words that speak for something.
const FOR: &[&str] = &[
    "trust",
    "like",
    "love",
    "enjoy",
    "prefer",
    "want",
    "welcome",
    "recommend",
    "help",
    "easy",
    "easi",
    "simple",
    "good",
    "great",
    "better",
    "best",
    "useful",
    "happy",
    "glad",
    "comfortabl",
    "confiden",
    "fast",
    "quick",
    "reliab",
    "safe",
    "save",
    "saving",
    "work",
    "clear",
    "fine",
    "nice",
    "favour",
    "favor",
    "agree",
    "accept",
    "appreciat",
    "excit",
    "excellent",
    "improv",
    "benefit",
    "convenient",
    "proud",
    "worth",
    "smooth",
    "support",
    "satisf",
    "pleas",
    "choose",
    "gain",
    "calm",
    "relax",
    "handy",
    "perfect",
    "important",
    "matter",
    "care",
];
/// Beginnings of words that speak against something.
const AGAINST: &[&str] = &[
    "hate",
    "dislike",
    "distrust",
    "mistrust",
    "avoid",
    "refus",
    "reject",
    "hard",
    "difficult",
    "bad",
    "worse",
    "worst",
    "useless",
    "slow",
    "afraid",
    "fear",
    "scare",
    "scary",
    "worr",
    "anxi",
    "stress",
    "annoy",
    "angr",
    "frustrat",
    "confus",
    "complicat",
    "waste",
    "wasting",
    "fail",
    "broke",
    "break",
    "crash",
    "problem",
    "issue",
    "burden",
    "trouble",
    "unsafe",
    "unsure",
    "unreliab",
    "unclear",
    "unfair",
    "expensive",
    "tired",
    "tiring",
    "tedious",
    "boring",
    "bother",
    "pointless",
    "terribl",
    "awful",
    "pain",
    "struggl",
    "suspici",
    "sceptic",
    "skeptic",
    "doubt",
    "resent",
    "disagree",
    "lose",
    "losing",
    "lost",
    "cost",
    "risk",
    "wrong",
    "error",
    "mistake",
    "lack",
    "missing",
    "wait",
    "ignor",
    "overwhelm",
    "regret",
    "stupid",
];
/// Words that reverse the meaning of the next few.
const NOT: &[&str] = &[
    "not",
    "no",
    "never",
    "nobody",
    "nothing",
    "none",
    "neither",
    "nor",
    "without",
    "hardly",
    "less",
    "stop",
    "cannot",
    "can't",
    "couldn't",
    "don't",
    "doesn't",
    "didn't",
    "won't",
    "wouldn't",
    "shouldn't",
    "isn't",
    "aren't",
    "wasn't",
    "weren't",
    "haven't",
    "hasn't",
    "dont",
    "doesnt",
    "didnt",
    "cant",
    "wont",
];
/// Words between what is preferred and what it is preferred to.
const OVER: &[&str] = &["over", "than", "instead"];
/// How many words a negation reaches.
const REACH: usize = 4;

/// Each word that a clause with a stance is about, with `+` or `-` before it. A clause ends at
/// punctuation, at `but` and at `although`.
pub(super) fn stances(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for clause in text.split(['.', ',', ';', ':', '!', '?', '\n', '(', ')', '–', '—']) {
        let said: Vec<String> = words(clause).collect();
        for clause in said.split(|word| word == "but" || word == "although") {
            found.extend(read(clause));
        }
    }
    found
}

fn read(clause: &[String]) -> Vec<String> {
    let begins = |word: &str, with: &[&str]| with.iter().any(|start| word.starts_with(start));
    let (mut score, mut reach, mut negations) = (0i32, 0usize, 0usize);
    let mut over = None;
    let mut topics: Vec<(usize, &str)> = Vec::new();
    for (at, word) in clause.iter().enumerate() {
        if NOT.contains(&word.as_str()) {
            reach = REACH;
            negations += 1;
            continue;
        }
        let sign = i32::from(begins(word, FOR)) - i32::from(begins(word, AGAINST));
        if OVER.contains(&word.as_str()) {
            over = Some(at);
        } else if sign != 0 {
            score += if reach > 0 { -sign } else { sign };
        } else if word.chars().count() > 2 {
            topics.push((at, word));
        }
        reach = reach.saturating_sub(1);
    }
    // `nobody asked me` is against something, and `speed over price` is for something.
    let stance = match score.signum() {
        0 if negations > 0 => -1,
        0 => i32::from(over.is_some()),
        sign => sign,
    };
    let sign = |at: usize| if over.is_some_and(|over| at > over) { -stance } else { stance };
    let signed = topics.into_iter().filter_map(|(at, word)| match sign(at) {
        0 => None,
        1.. => Some(format!("+{word}")),
        _ => Some(format!("-{word}")),
    });
    signed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(stances(text), expected, "{text}");
    }

    #[test]
    fn the_same_words_may_be_for_or_against() {
        check("I trust the app", &["+the", "+app"]);
        check("I don't really trust the app", &["-really", "-the", "-app"]);
        check("Nobody told me", &["-told"]);
        check("I take speed over price", &["+take", "+speed", "-price"]);
        check("I hate the plan, but I love the team.", &["-the", "-plan", "+the", "+team"]);
    }

    #[test]
    fn a_text_without_a_stance_has_none() {
        check("The bus came at nine.", &[]);
        check("Der Bus war spät 🙂 時間", &[]);
        check("", &[]);
    }
}
