//! What a text speaks for and what it speaks against, in English.
//!
//! Owns a small lexicon and how it is read. People who share all their words may still disagree:
//! only the stance sets `I trust the app` apart from `I do not trust the app`. Text in another
//! language has no stance here; its words and pairs of words still count as features.

use std::sync::LazyLock;

use crate::prompts::passages::words;

/// Beginnings of words that speak for something.
const FOR: &str = "\
    accept agree appreciat benefit best better calm care choose clear comfortabl confiden \
    convenient easi easy enjoy excellent excit fast favor favour fine gain glad good great handy \
    happy help important improv like love matter nice perfect pleas prefer proud quick recommend \
    relax reliab safe satisf save saving simple smooth support trust useful want welcome work \
    worth";
/// Beginnings of words that speak against something.
const AGAINST: &str = "\
    afraid angr annoy anxi avoid awful bad boring bother break broke burden complicat confus cost \
    crash difficult disagree dislike distrust doubt error expensive fail fear frustrat hard hate \
    ignor issue lack lose losing lost missing mistake mistrust overwhelm pain pointless problem \
    refus regret reject resent risk scare scary sceptic skeptic slow stress struggl stupid \
    suspici tedious terribl tired tiring trouble unclear unfair unreliab unsafe unsure useless \
    wait waste wasting worr worse worst wrong";
/// Words that reverse the meaning of the next few.
const NOT: &str = "\
    aren't can't cannot cant couldn't didn't didnt doesn't doesnt don't dont hardly hasn't \
    haven't isn't less neither never no nobody none nor not nothing shouldn't stop wasn't weren't \
    without won't wont wouldn't";
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

/// The lexicon, each list sorted. No beginning is the beginning of another, so that of all of them
/// only the last that is not after a word can be its own.
struct Lexicon {
    spoken_for: Vec<&'static str>,
    against: Vec<&'static str>,
    not: Vec<&'static str>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let sorted = |list: &'static str| {
        let mut words: Vec<&str> = list.split_whitespace().collect();
        words.sort_unstable();
        words
    };
    Lexicon { spoken_for: sorted(FOR), against: sorted(AGAINST), not: sorted(NOT) }
});

fn begins(word: &str, with: &[&str]) -> bool {
    let after = with.partition_point(|start| *start <= word);
    after > 0 && word.starts_with(with[after - 1])
}

fn read(clause: &[String]) -> Vec<String> {
    let lexicon = &*LEXICON;
    let (mut score, mut reach, mut negations) = (0i32, 0usize, 0usize);
    let mut over = None;
    let mut topics: Vec<(usize, &str)> = Vec::new();
    for (at, word) in clause.iter().enumerate() {
        if lexicon.not.binary_search(&word.as_str()).is_ok() {
            reach = REACH;
            negations += 1;
            continue;
        }
        let sign = i32::from(begins(word, &lexicon.spoken_for))
            - i32::from(begins(word, &lexicon.against));
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
    fn each_beginning_is_found_and_is_not_that_of_another() {
        for list in [&LEXICON.spoken_for, &LEXICON.against] {
            for start in list {
                let begun = format!("{start}zz");
                assert!(begins(start, list) && begins(&begun, list), "{start}");
                let all = list.iter().filter(|other| start.starts_with(**other)).count();
                assert_eq!(all, 1, "{start} begins with another of its list");
            }
            assert!(!begins("", list) && !begins("zebra", list) && !begins("a", list));
        }
    }

    #[test]
    fn a_text_without_a_stance_has_none() {
        check("The bus came at nine.", &[]);
        check("Der Bus war spät 🙂 時間", &[]);
        check("", &[]);
    }
}
