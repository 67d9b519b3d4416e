//! Exported chats: a stamp on every message, as messengers write them.
//!
//! Owns the stamps of WhatsApp and its kin, messages over several lines, and what no one wrote: notices
//! of the messenger, and marks in place of pictures. Who asks and who answers is `transcript`'s.

use std::sync::LazyLock;

use regex::Regex;

use super::rows::Rows;
use super::transcript::{self, Block, Body, Facts};

/// Stamped messages that make a text a chat; besides, no other kind of line may come before them.
const LEAST: usize = 3;

/// Characters of the longest name: a colon further on is one of a sentence.
const LONGEST_NAME: usize = 60;

/// What a messenger puts in place of a picture, or of words taken back, in small letters.
const MARKS: [&str; 10] = [
    "media omitted",
    "image omitted",
    "video omitted",
    "audio omitted",
    "sticker omitted",
    "gif omitted",
    "document omitted",
    "file attached",
    "this message was deleted",
    "you deleted this message",
];

/// Date and time, an optional bracket, and what follows: `12/03/2024, 09:00 - `, `[3/12/24, 9:00:41 PM] `.
fn stamped(line: &str) -> Option<&str> {
    static STAMP: LazyLock<Regex> = LazyLock::new(|| {
        let date = r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})";
        let time = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u{202F}]?[APap]\.?\s?[Mm]\.?)?";
        let pattern = format!(r"^(?:\[{date},?\s+{time}\]\s*|{date},?\s+{time}\s+[-–]\s+)");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    // Marks of the writing direction stand around stamps.
    let line = line.trim_start_matches(['\u{200E}', '\u{200F}', '\u{FEFF}', ' ']);
    let stamp = STAMP.find(line)?;
    Some(&line[stamp.end()..])
}

/// Whether a text is a chat: its first line that is not empty begins with a stamp, and most of those that
/// do name somebody. A diary with a time at each entry is none.
pub(super) fn looks_like_chat(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    if first.and_then(stamped).is_none() {
        return false;
    }
    let stamped = || text.lines().filter_map(stamped);
    let messages = stamped().filter(|rest| message(rest).is_some()).count();
    messages >= LEAST && messages * 2 >= stamped().count()
}

/// The name and the words of what stands behind a stamp; `None` for a notice.
fn message(rest: &str) -> Option<(&str, &str)> {
    let named = rest.split_once(": ").or_else(|| rest.split_once(":\u{200E}"));
    named.filter(|(name, _)| name.chars().count() <= LONGEST_NAME)
}

/// Reads a chat.
pub(super) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut blocks: Vec<Block> = Vec::new();
    let note_notice = |line: usize, rows: &mut Rows| {
        rows.findings.note("chat-notice", line, || {
            "notices of the messenger, and marks in place of pictures, are nobody's words; left out"
                .to_owned()
        });
    };
    // Whether lines go on with a message, and not with a notice.
    let mut open = false;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let Some(rest) = stamped(line) else {
            match blocks.last_mut() {
                Some(Block { body: Body::Turn { lines, .. }, .. }) if open => {
                    lines.push(line.trim().to_owned());
                }
                _ if line.trim().is_empty() => {}
                _ => note_notice(i + 1, rows),
            }
            continue;
        };
        open = false;
        let Some((name, words)) = message(rest) else {
            note_notice(i + 1, rows);
            continue;
        };
        // Below a picture's mark may stand what its sender wrote about it.
        let first = if is_written(words) {
            vec![words.trim().to_owned()]
        } else {
            note_notice(i + 1, rows);
            Vec::new()
        };
        open = true;
        let hidden =
            ['\u{200E}', '\u{200F}', '\u{202A}', '\u{202C}', '~', ' ', '\u{202F}', '\u{A0}'];
        let speaker = name.trim_matches(hidden).to_owned();
        let body = Body::Turn { speaker, lines: first };
        let facts = Facts::default();
        blocks.push(Block { line: i + 1, section: None, participant: None, facts, body });
    }
    transcript::into_rows(blocks, rows)
}

/// Words that a notice may have beside its mark: ‘This message was deleted by admin Ana’.
const NOTICE_WORDS: usize = 3;

/// Whether somebody wrote this, and it is not a mark alone or with a file's name.
fn is_written(words: &str) -> bool {
    let bare = words.trim().trim_start_matches(['\u{200E}', '<', '[']).to_lowercase();
    let bare = bare.trim_end_matches(['>', ']', ')', '.']);
    let is_mark = MARKS.iter().any(|mark| {
        let behind = bare.strip_prefix(mark).is_some_and(|rest| {
            !rest.starts_with(char::is_alphanumeric)
                && rest.split_whitespace().nth(NOTICE_WORDS).is_none()
        });
        behind || bare.strip_suffix(mark).is_some_and(names_file)
    });
    !words.trim().is_empty() && !is_mark
}

/// Whether what stands before a mark is the name of a file: `IMG-0412.jpg (`, `plan.pdf • 12 pages`.
fn names_file(before: &str) -> bool {
    static FILE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\S.{0,80}\.[a-z0-9]{2,5}\b").expect("the pattern is valid"));
    before.chars().count() < 80 && FILE.is_match(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Vec<(Option<String>, String)>, Rows) {
        assert!(looks_like_chat(text));
        let mut rows = Rows::new(1);
        read(text, &mut rows).unwrap();
        let said = rows.records.iter().map(|r| (r.participant.clone(), r.text.clone())).collect();
        (said, rows)
    }

    #[test]
    fn messages_are_turns_and_notices_are_nobodys() {
        let (found, rows) = said(
            "12/03/2024, 09:00 - Messages and calls are end-to-end encrypted. Tap to learn more.\n\
             12/03/2024, 09:02 - Sarah added +44 7700 900318\n\
             12/03/2024, 09:05 - Sarah: Morning all!\n\
             12/03/2024, 11:11 - Tom 🚲: What drives me mad: the fees.\nWhat I do now: I wait.\n\n\
             12/03/2024, 11:12 - ~Kwame: <Media omitted>\n\
             12/03/2024, 11:13 - +44 7700 900318: Same here: always late.\n",
        );
        let who = |name: &str, words: &str| (Some(name.to_owned()), words.to_owned());
        let expected = [
            who("Sarah", "Morning all!"),
            who("Tom 🚲", "What drives me mad: the fees.\nWhat I do now: I wait."),
            who("+44 7700 900318", "Same here: always late."),
        ];
        assert_eq!(found, expected);
        assert_eq!(rows.findings.kinds(), [("chat-notice", Some(1), 3)]);
        assert_eq!(rows.records[1].row, 4);
    }

    #[test]
    fn a_message_that_begins_like_a_notice_is_kept() {
        let stamp = "12/03/2024, 09:00 - Ana: ";
        for (words, is_kept) in [
            ("This message was deleted by mistake, what I wrote was that the lift is broken", true),
            ("Media omitted is all that I see on the screen", true),
            ("All that it says is image omitted", true),
            ("This message was deleted", false),
            ("This message was deleted by admin Bo", false),
            ("<Media omitted>", false),
            ("IMG-20240312-WA0003.jpg (file attached)", false),
            ("plan.pdf • 12 pages document omitted", false),
        ] {
            let (found, rows) = said(&format!("{stamp}Hi\n{stamp}{words}\nand more\n{stamp}Bye\n"));
            let all: String = found.into_iter().map(|(_, text)| text).collect();
            assert_eq!(all.contains(words), is_kept, "{words}");
            assert!(all.contains("and more"), "{words}");
            let notices = rows.findings.kinds().iter().map(|(_, _, count)| *count).sum::<usize>();
            assert_eq!(notices, usize::from(!is_kept), "{words}");
        }
    }

    #[test]
    fn stamps_are_read_in_the_forms_of_phones() {
        for stamp in [
            "12/03/2024, 09:00 - ",
            "3/12/24, 9:00 PM - ",
            "3/12/24, 9:00\u{202F}PM - ",
            "[12/03/2024, 09:00:41] ",
            "\u{200E}[12.03.24, 09:00:41] ",
            "2024-03-12, 09:00 - ",
            "12.03.24, 09:00 – ",
        ] {
            assert_eq!(stamped(&format!("{stamp}Ana: Hi")), Some("Ana: Hi"), "{stamp:?}");
        }
        for line in ["09:00 Ana: Hi", "12/03/2024 was a good day", "[00:01] Ana: Hi", "1.2.3 - x"] {
            assert_eq!(stamped(line), None, "{line}");
        }
        assert!(!looks_like_chat("12/03/2024, 09:00 - one line\nand prose\nand more\n"));
        let diary = "12/03/2024, 09:00 - Woke up late.\n".repeat(5);
        assert!(!looks_like_chat(&diary), "nobody is named, and all of it would be left out");
    }
}
