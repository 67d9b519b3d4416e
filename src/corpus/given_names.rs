//! Given names of many languages.
//!
//! Owns the list in `given_names.txt`: names that are common in several countries, and all that the
//! package [Faker](https://github.com/joke2k/faker) (MIT) has for some languages; without those that
//! are everyday words, such as `Hope`. Names in scripts without capitals are not in it. A name that is
//! not in the list may be one all the same.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// Whether a word is a given name, with or without its accents.
pub(super) fn is_given_name(word: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| include_str!("given_names.txt").split_whitespace().collect());
    NAMES.contains(folded(word).as_str())
}

/// A word in small letters without accents.
fn folded(word: &str) -> String {
    let plain = word.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
    let mut folded = String::with_capacity(word.len());
    for letter in plain.flat_map(char::to_lowercase) {
        match letter {
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            '\u{300}'..='\u{36f}' => {}
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::is_given_name;

    #[test]
    fn names_are_known_with_and_without_accents_and_words_are_not() {
        for name in ["Nadia", "Søren", "Soren", "Đức", "Wanjiru", "AYŞE", "Zoë", "Ольга", "Łukasz"]
        {
            assert!(is_given_name(name), "{name}");
        }
        for word in ["Hope", "Support", "Likes", "Dolores", "Montag", "April", "Work", ""] {
            assert!(!is_given_name(word), "{word}");
        }
    }
}
