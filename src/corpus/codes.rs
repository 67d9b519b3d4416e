//! Codes by which studies call their participants: `P07`, `TN 4`, `Participant 12`.
//!
//! Owns how a code is taken apart and when two spellings are one. Whether a code means the same
//! person in two files is decided in `tables`.

use std::sync::LazyLock;

use regex::Regex;

use super::names::is_word_for_participant;

/// A code of a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code<'t> {
    /// What stands before the number, in small letters; `p` for all words for a participant.
    pub(super) kind: String,
    /// Its number.
    pub(super) number: u32,
    /// Whether it is written with zeros before it, as codes of a whole study are.
    pub(super) is_padded: bool,
    /// As it is written.
    pub(super) text: &'t str,
}

impl Code<'_> {
    /// The same for all spellings.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.kind, self.number)
    }
}

/// Most letters of an abbreviation before a number.
const SHORT: usize = 3;

/// Abbreviations of words for a participant, in small letters.
const PARTICIPANTS: [&str; 6] = ["p", "part", "pt", "tln", "tn", "vp"];

/// Words before a number that is not one of people: of groups, days, questions and versions, and of
/// voices that a tool told apart.
const OTHERS: [&str; 18] = [
    "day", "doc", "fg", "gr", "grp", "gd", "img", "no", "nr", "q", "spk", "tag", "tk", "uid", "v",
    "ver", "vol", "wk",
];

/// The code with which a label begins: `P01` of `P01 (Marisol)`. Neither `P1.2` nor `P1a` is one.
pub(super) fn code(label: &str) -> Option<Code<'_>> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"^(?P<word>\p{L}+)[ #._-]{0,2}(?P<number>[0-9]{1,4})(?:$|[^\p{L}\p{N}])";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let label = label.trim();
    let found = CODE.captures(label)?;
    let (word, number) = (found["word"].to_lowercase(), found.name("number")?);
    // The parts of a code with several numbers tell people apart.
    let behind = label[number.end()..].strip_prefix(['.', '-', '/']);
    if behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let kind = match word.as_str() {
        short if PARTICIPANTS.contains(&short) => "p".to_owned(),
        other if OTHERS.contains(&other) => return None,
        short if short.chars().count() <= SHORT => word,
        long if is_word_for_participant(long) => "p".to_owned(),
        _ => return None,
    };
    let digits = number.as_str();
    Some(Code {
        kind,
        number: digits.parse().ok()?,
        is_padded: digits.starts_with('0'),
        text: &label[..number.end()],
    })
}

/// The codes in the name of a file: `P04` and `P05` of `notes P04_P05`.
pub(super) fn codes_in(name: &str) -> Vec<Code<'_>> {
    let mut codes: Vec<Code<'_>> = Vec::new();
    let mut before = ' ';
    for (at, c) in name.char_indices() {
        if c.is_alphabetic() && !before.is_alphanumeric() {
            let found = code(&name[at..]);
            codes.extend(found.filter(|code| codes.iter().all(|known| known.key() != code.key())));
        }
        before = c;
    }
    codes
}

/// Whom a label names, in whatever spelling: its code, or else all of it in small letters.
pub(super) fn key(label: &str) -> String {
    code(label).map_or_else(|| label.trim().to_lowercase(), |code| code.key())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_has_many_spellings() {
        for label in ["P07", "p7", "P-07", "P 07", "Participant 7", "participant_07", "P07 (Bea)"] {
            assert_eq!(key(label), "p 7", "{label}");
        }
        for label in ["TN 4", "TN4", "Teilnehmerin 4", "TN4, Pflegekraft", "Respondent #4"] {
            assert_eq!(key(label), "p 4", "{label}");
        }
        assert_eq!((key("F02 Seamus"), key("D5")), ("f 2".to_owned(), "d 5".to_owned()));
        for label in ["FG1", "Speaker 2", "P1.2", "P1-2", "P1a", "v2", "Ana", "12", "Visitor 48213"]
        {
            assert_eq!(code(label), None, "{label}");
        }
    }

    #[test]
    fn codes_stand_in_names_of_files() {
        let codes = |name| codes_in(name).iter().map(Code::key).collect::<Vec<_>>();
        assert_eq!(codes("P01_Marisol"), ["p 1"]);
        assert_eq!(codes("Interview P06"), ["p 6"]);
        assert_eq!(codes("notes P04_P05"), ["p 4", "p 5"]);
        assert_eq!(codes("P7 transcript P07"), ["p 7"]);
        assert_eq!(codes("D6_paper_diary"), ["d 6"]);
        assert!(codes("FG2_transcript v2").is_empty());
        assert!(codes("session5").is_empty());
    }
}
