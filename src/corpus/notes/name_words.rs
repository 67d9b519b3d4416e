//! The words of prose as names are made of them: with the title before them (`Mrs D.`), and without
//! what is only put behind them (`Ana's`).
//!
//! Owns the titles, and where a sentence ends in a text that has such names. Which words are names
//! is up to `told_people`.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Titles before a name, in small letters and without their full stops.
const TITLES: &str = "mr mrs ms miss mx dr prof professor rev revd reverend fr sr father sister \
    brother pastor imam rabbi nurse doctor sir lady auntie aunt uncle capt sgt \
    herr frau fräulein hr pfarrer pfarrerin pater schwester bruder tante onkel doktor \
    m mme mlle monsieur madame mademoiselle abbé docteur \
    sra srta señor señora señorita doña padre doctora \
    senhor senhora dona doutor doutora \
    sig signor signora signorina dott suor dottor dottoressa \
    dhr mevr mw meneer mevrouw juffrouw dominee oom zuster";

/// German titles. In German every noun has a capital, so a capital behind the name does not make a
/// word part of it.
const GERMAN_TITLES: [&str; 6] = ["frau", "fräulein", "herr", "hr", "pfarrer", "pfarrerin"];

pub(super) fn is_title(word: &str) -> bool {
    static ALL: LazyLock<HashSet<&str>> = LazyLock::new(|| TITLES.split_whitespace().collect());
    word.starts_with(char::is_uppercase) && ALL.contains(word.to_lowercase().as_str())
}

/// Whether a name begins with a German title: one word behind it is the name.
pub(super) fn has_german_title(full: &str) -> bool {
    let first = full.split([' ', '.', '\u{a0}']).next().unwrap_or_default().to_lowercase();
    GERMAN_TITLES.contains(&first.as_str())
}

/// Whether a word is one capital letter, as a name is shortened: the `D` of `Mrs D.`
fn is_initial(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.next().is_none()
}

/// Whether an initial behind this word is one of a name: `by M. Okafor`, `Ana B.`, and not `vitamin D.`
fn is_of_name(before: Option<&str>) -> bool {
    const BEFORE_NAMES: [&str; 18] = [
        "and", "at", "avec", "by", "con", "de", "for", "from", "met", "mit", "of", "par", "to",
        "und", "van", "von", "with", "y",
    ];
    before.is_none_or(|word| !word.starts_with(char::is_lowercase) || BEFORE_NAMES.contains(&word))
}

/// A word, and the name that begins with it where a title stands before it.
#[derive(Clone, Copy)]
pub(super) struct Word<'t> {
    /// The word without titles: `Alison`.
    pub text: &'t str,
    /// The word with its title, what follows it of the name, and the full stop of an initial:
    /// `Rev. Alison`, `Mrs Helen Day`, `Mrs D.`
    pub full: &'t str,
    /// Where `full` begins, in bytes.
    pub start: usize,
    /// Whether `full` begins with a title.
    pub has_title: bool,
}

impl Word<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.full.len()
    }
}

/// The words of a text. A possessive ending and marks around a word are not part of it.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    const APOSTROPHES: [char; 2] = ['\'', '’'];
    let mut found: Vec<Word> = Vec::new();
    let parts =
        text.split(|c: char| !(c.is_alphanumeric() || c == '-' || APOSTROPHES.contains(&c)));
    for part in parts {
        let part = part.trim_matches(APOSTROPHES);
        let word = part.strip_suffix("'s").or(part.strip_suffix("’s")).unwrap_or(part);
        if word.is_empty() {
            continue;
        }
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let mut end = at + word.len();
        let gap = found.last().map_or("", |before| &text[before.end()..at]);
        let is_name = word.starts_with(char::is_uppercase);
        let title = found.pop_if(|before| {
            is_name && is_title(before.text) && [" ", ". ", ".", "\u{a0}"].contains(&gap)
        });
        if title.is_some() && is_initial(word) && text[end..].starts_with('.') {
            end += 1;
        }
        match found.last_mut() {
            // First and last name behind a title are one.
            Some(name)
                if name.has_title
                    && gap == " "
                    && is_name
                    && !name.full.ends_with('.')
                    && !has_german_title(name.full) =>
            {
                name.full = &text[name.start..end];
            }
            _ => {
                let (start, has_title) = (title.map_or(at, |title| title.start), title.is_some());
                found.push(Word { text: word, full: &text[start..end], start, has_title });
            }
        }
    }
    found
}

/// The sentences of a text, and the parts between its semicolons and bars, with what ends them. The
/// full stop of a title or an initial ends none.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, mark) in text.match_indices(['.', '!', '?', '…', ';', '|', '\n']) {
        let mut words = text[from..at].rsplit(|c: char| !c.is_alphanumeric());
        let before = words.next().unwrap_or("");
        let mut is_short = || is_title(before) || is_initial(before) && is_of_name(words.next());
        if mark != "." || !is_short() {
            found.push(&text[from..at + mark.len()]);
            from = at + mark.len();
        }
    }
    found.push(&text[from..]);
    found.retain(|sentence| sentence.contains(char::is_alphanumeric));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_initials_and_surnames_are_part_of_a_name() {
        let full = |text: &'static str| -> Vec<&str> {
            words(text).iter().map(|word| word.full).collect()
        };
        assert_eq!(full("Mrs D., about 70"), ["Mrs D.", "about", "70"]);
        assert_eq!(
            full("die Frau Klein's und Prof. Dr. Weber")[1..],
            ["Frau Klein", "und", "Prof. Dr. Weber"]
        );
        assert_eq!(full("Mrs Helen Day said"), ["Mrs Helen Day", "said"]);
        assert_eq!(full("Frau Klein Angst hat"), ["Frau Klein", "Angst", "hat"]);
        assert_eq!(full("the doctor saw Ana Lee"), ["the", "doctor", "saw", "Ana", "Lee"]);
        assert_eq!(full("She'd ’come’"), ["She'd", "come"]);
        assert_eq!(words("Rev. Alison")[0].text, "Alison");
    }

    #[test]
    fn a_shortened_title_or_name_ends_no_sentence() {
        let found = sentences("Rev. Alison came. Mrs D. left! Mr. Ode; Bo | Cy");
        assert_eq!(found, ["Rev. Alison came.", " Mrs D. left!", " Mr. Ode;", " Bo |", " Cy"]);
        let found = sentences("Notes by M. Okafor. Ana takes vitamin D. A woman came.");
        assert_eq!(found, ["Notes by M. Okafor.", " Ana takes vitamin D.", " A woman came."]);
    }
}
