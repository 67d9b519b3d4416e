//! How alike two personas are in what they say.
//!
//! Owns what counts as a word, as a thing said, and as the same thing said twice. The pipeline
//! drops duplicates by it, and the reports count them.

use std::collections::BTreeSet;

use super::Persona;

/// Two personas count as duplicates when they share more than this part of the shorter one's text.
pub const ALIKE: f64 = 0.5;

/// Number of words in a shingle.
const SHINGLE: usize = 3;

/// The words of a text in lower case: runs of letters and digits with inner apostrophes, and single
/// characters of scripts that are written without spaces.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_unspaced(c) {
            found.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            found.push(c.to_string());
        } else if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if matches!(c, '\'' | '’') && !word.is_empty() {
            word.push('\'');
        } else {
            found.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
    }
    found.extend((!word.is_empty()).then_some(word));
    // An apostrophe at the end closes a quotation or marks a plural possessive; it is not part of
    // the word.
    for word in &mut found {
        word.truncate(word.trim_end_matches('\'').len());
    }
    found.into_iter()
}

/// Whether a character belongs to a script written without spaces between words: Thai to Khmer, and
/// Han with kana.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// What a persona says, text by text, as words without its name. Two answers to one question are
/// two different statements: each word of the question counts together with its answer, and the
/// answer counts by itself only where it is more than a choice.
pub fn said(persona: &Persona) -> Vec<Vec<String>> {
    let name: BTreeSet<String> = words(&persona.name).collect();
    let own = |text: &str| words(text).filter(|w| !name.contains(w)).collect::<Vec<String>>();
    let mut said = Vec::new();
    for text in persona.texts() {
        let (question, answer) = text.rsplit_once(": ").unwrap_or(("", text));
        let (asked, answered) = (own(question), own(answer));
        let with = answered.join(" ");
        if asked.is_empty() || answered.len() >= SHINGLE {
            said.push(answered);
        }
        said.push(asked.into_iter().map(|word| format!("{word}: {with}")).collect());
    }
    said
}

/// A persona's text as runs of words, for comparison.
///
/// Broder 1997, "On the resemblance and containment of documents".
#[derive(Debug, Clone, PartialEq)]
pub struct Shingles(BTreeSet<Vec<String>>);

impl Shingles {
    /// The runs of `SHINGLE` words in what the persona says; a text with fewer words is one run.
    pub fn new(persona: &Persona) -> Self {
        let texts = said(persona);
        let runs = texts.iter().flat_map(|words| words.windows(SHINGLE.min(words.len()).max(1)));
        Self(runs.map(<[String]>::to_vec).collect())
    }

    /// The share of the shorter text that the other one contains too, 0..=1.
    pub fn alike(&self, other: &Self) -> f64 {
        let shorter = self.0.len().min(other.0.len());
        let shared = self.0.intersection(&other.0).count();
        if shorter == 0 { 0.0 } else { shared as f64 / shorter as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Statement;
    use super::super::testing::empty;
    use super::*;

    fn saying(texts: &[&str]) -> Persona {
        let goal = |text: &&str| Statement {
            text: (*text).to_owned(),
            records: Vec::new(),
            inferred: false,
        };
        let goals = texts.iter().map(goal).collect();
        Persona { title: String::new(), summary: String::new(), goals, ..empty() }
    }

    fn alike(one: &[&str], other: &[&str]) -> f64 {
        Shingles::new(&saying(one)).alike(&Shingles::new(&saying(other)))
    }

    #[test]
    fn words_are_lower_case_and_single_signs_where_a_script_has_no_spaces() {
        assert_eq!(words("I don’t KNOW—42!").collect::<Vec<_>>(), ["i", "don't", "know", "42"]);
        assert_eq!(
            words("the nurses' ‘own’ room").collect::<Vec<_>>(),
            ["the", "nurses", "own", "room"]
        );
        assert_eq!(words("日本 tea").collect::<Vec<_>>(), ["日", "本", "tea"]);
    }

    #[test]
    fn a_text_is_wholly_like_itself_and_unlike_another() {
        let lifts = ["I wait for the lift every morning", "The stairs are locked at night"];
        let one = "I wait for the bus at the stop by the river";
        assert!((alike(&lifts, &lifts) - 1.0).abs() < 1e-9);
        assert!((alike(&lifts[..1], &lifts) - 1.0).abs() < 1e-9, "the shorter one is in the other");
        assert!((0.2..ALIKE).contains(&alike(&lifts, &[one])), "{}", alike(&lifts, &[one]));
        assert!(alike(&[], &lifts).abs() < 1e-9);
    }

    #[test]
    fn a_name_alone_makes_no_two_personas_differ() {
        let named = |name: &str| {
            let goal = format!("What {name} wants is a quiet ride home");
            Shingles::new(&Persona { name: name.into(), ..saying(&[&goal]) })
        };
        assert_eq!(named("Ada"), named("Zoltan"));
    }

    #[test]
    fn two_answers_to_one_question_are_not_alike() {
        let asked = "Do you ever drive above the speed limit?";
        let (yes, no) = (format!("{asked}: Yes"), format!("{asked}: No"));
        assert!(alike(&[&no], &[&yes]) < 0.01);
        assert!((alike(&[&no], &[&no]) - 1.0).abs() < 1e-9);
    }
}
