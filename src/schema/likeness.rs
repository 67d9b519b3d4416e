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

/// What a persona says, text by text, as words without its name. An answer to a question counts as
/// one word with its question, however long the question is: two answers to one question are two
/// different statements, and only a comma may tell them apart. Where nothing was asked (`On trust:
/// I wait and see`), what follows the colon counts by its words too. Of a persona that only answers
/// questions, title and quotes repeat answers, or tell what else people were offered to choose.
pub fn said(persona: &Persona) -> Vec<Vec<String>> {
    let name: BTreeSet<String> = words(&persona.name).collect();
    let own = |text: &str| words(text).filter(|w| !name.contains(w)).collect::<Vec<String>>();
    let only_answers = persona.statements().next().is_some()
        && persona.statements().all(|statement| answered(&statement.text).is_some());
    let mut said = Vec::new();
    for text in persona.texts() {
        if let Some((question, answer)) = answered(text).filter(|_| text != persona.title) {
            said.push(vec![format!("{}: {}", own(question).join(" "), answer.to_lowercase())]);
            continue;
        }
        if only_answers {
            continue;
        }
        let (before, after) = text.rsplit_once(": ").unwrap_or(("", text));
        let (before, after) = (own(before), own(after));
        if !before.is_empty() {
            said.push(vec![format!("{}: {}", before.join(" "), after.join(" "))]);
        }
        if before.is_empty() || after.len() >= SHINGLE {
            said.push(after);
        }
    }
    said
}

/// A question and its answer, as a record has them in one line.
fn answered(text: &str) -> Option<(&str, &str)> {
    let (question, answer) = text.rsplit_once(": ")?;
    question.trim_end().ends_with(['?', '？', '؟']).then_some((question, answer.trim()))
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

/// Pairs of personas that count as duplicates, by their indices, in order.
pub fn duplicates(personas: &[Persona]) -> Vec<(usize, usize)> {
    let texts: Vec<Shingles> = personas.iter().map(Shingles::new).collect();
    let pairs = (0..texts.len()).flat_map(|a| (a + 1..texts.len()).map(move |b| (a, b)));
    pairs.filter(|&(a, b)| texts[a].alike(&texts[b]) > ALIKE).collect()
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
            held: None,
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

    #[test]
    fn the_words_of_a_question_make_nobody_alike() {
        let asked = |answers: [&str; 3]| -> Persona {
            let about =
                ["the speed limit on a road", "a seat belt in a taxi", "the lights at noon"];
            let texts = about.iter().zip(answers);
            let texts = texts.map(|(about, a)| format!("In general, do you mind {about}?: {a}"));
            let texts: Vec<String> = texts.collect();
            saying(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut often = asked(["I do, always.", "I do, always.", "Never"]);
        let comma = asked(["I do always.", "I do, always.", "Seldom or not"]);
        let share = Shingles::new(&often).alike(&Shingles::new(&comma));
        assert!((share - 1.0 / 3.0).abs() < 0.1, "one answer of three is the same: {share}");
        often.title = "I do, always".into();
        assert!((Shingles::new(&often).alike(&Shingles::new(&comma)) - share).abs() < 1e-9);
    }
}
