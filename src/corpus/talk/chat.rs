//! Chats as messengers export them to text: a stamp on every message.
//!
//! Owns the forms of WhatsApp, LINE, KakaoTalk and Zoom, messages over several lines, and what nobody
//! wrote: notices of the messenger, and marks in place of pictures. Who asks and who answers is decided
//! by `transcript`; labels without such stamps are read by `speakers` and `layouts`.

use std::sync::LazyLock;

use regex::Regex;

use super::transcript;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::rows::Rows;

/// Messages that make a text a chat.
const LEAST: usize = 3;

/// Lines that may stand above the first message: a title, and when the chat was saved.
const HEAD_LINES: usize = 4;

/// Characters of the longest name: a colon further on is one of a sentence.
const LONGEST_NAME: usize = 60;

/// What messengers write in place of a picture, or of words taken back, in small letters.
const MARKS: [&str; 15] = [
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
    "사진",
    "동영상",
    "이모티콘",
    "음성메시지",
    "삭제된 메시지입니다",
];

/// How a messenger writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `12/03/2024, 09:00 - Ana: Hi`, `[3/12/24, 9:00:41 PM] Ana: Hi` (WhatsApp, Telegram),
    /// `2024년 5월 20일 오후 3:12, 수진 : Hi` (KakaoTalk on a phone).
    Stamped,
    /// `09:12⇥Ana⇥Hi`, below a line with the date (LINE).
    Tabbed,
    /// `[Ana] [9:12 AM] Hi` (KakaoTalk on a computer).
    Bracketed,
    /// `09:12:33 From Ana to Everyone: Hi` (Zoom).
    FromTo,
}

const FORMS: [Form; 4] = [Form::Stamped, Form::Tabbed, Form::Bracketed, Form::FromTo];

/// What a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry<'t> {
    Message {
        name: &'t str,
        words: &'t str,
    },
    /// Of the messenger: who came, who left, a call.
    Notice,
    /// A date above the messages of a day.
    Day,
}

impl Form {
    /// What a line begins; `None` where it goes on with the line above.
    fn entry(self, line: &str) -> Option<Entry<'_>> {
        static TABBED: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:TIME)\t(.*)$"));
        static BRACKETED: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"^\[([^\]]{1,60})\] \[(?:TIME)\] ?(.*)$"));
        static FROM_TO: LazyLock<Regex> = LazyLock::new(|| {
            let from = "From|Von|De|Da|Van|Od|Från|Fra";
            let to = "to|an|à|a|para|naar|do|till|til";
            pattern(&format!(
                r"^\[?(?:TIME)\]?\s*(?:{from})\s+(.{{1,60}}?)(?:\s+(?:{to})\s+[^:]{{1,80}}?)?\s*:(?:\s+(.*))?$"
            ))
        });
        let line = line.trim_start_matches(['\u{200E}', '\u{200F}', '\u{FEFF}', ' ']);
        if self != Self::FromTo && is_day(line) {
            return Some(Entry::Day);
        }
        match self {
            Self::Stamped => stamped(line).map(|rest| match message(rest) {
                Some((name, words)) => Entry::Message { name, words },
                None => Entry::Notice,
            }),
            Self::Tabbed => {
                let rest = TABBED.captures(line)?.get(1)?.as_str();
                Some(match rest.split_once('\t') {
                    Some((name, words)) if !name.trim().is_empty() => {
                        Entry::Message { name, words }
                    }
                    _ => Entry::Notice,
                })
            }
            Self::Bracketed | Self::FromTo => {
                let pattern = if self == Self::FromTo { &FROM_TO } else { &BRACKETED };
                let found = pattern.captures(line)?;
                let words = found.get(2).map_or("", |words| words.as_str());
                Some(Entry::Message { name: found.get(1)?.as_str(), words })
            }
        }
    }

    /// Whether a text is a chat of this form.
    fn is_that_of(self, text: &str) -> bool {
        let mut messages = 0;
        let mut others = 0;
        let mut has_days = false;
        let mut above = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match self.entry(line) {
                Some(Entry::Message { .. }) => messages += 1,
                Some(Entry::Notice) => others += 1,
                Some(Entry::Day) => has_days = true,
                None if messages + others == 0 => above += 1,
                None => {}
            }
        }
        let head = match self {
            Self::Stamped | Self::FromTo => 0,
            // A table of times and two texts is not a chat unless days part it.
            Self::Tabbed if !has_days => return false,
            Self::Tabbed | Self::Bracketed => HEAD_LINES,
        };
        // Where few stamps are followed by a name, as in a diary, all the others would be lost.
        messages >= LEAST && messages >= others && above <= head
    }
}

/// A pattern in which `TIME` stands for a time of day, on a clock of 12 or 24 hours.
fn pattern(text: &str) -> Regex {
    let time = r"(?:[AaPp]\.?[Mm]\.?|午前|午後|上午|下午|오전|오후)?\s?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u{202F}]?[APap]\.?\s?[Mm]\.?)?";
    Regex::new(&text.replace("TIME", time)).expect("the pattern is valid")
}

/// A line with nothing but a date: `2024/05/13(月)`, `Mon, 05/13/2024`,
/// `--------------- 2024년 5월 13일 월요일 ---------------`.
fn is_day(line: &str) -> bool {
    static DAY: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}\.?\s?(?:[(（]?\p{L}{1,9}\.?[)）]?)?|\p{L}{2,9}\.?,? \d{1,2}[./-]\d{1,2}[./-]\d{4}|-{5,} [^-]*\d{4}[^-]* -{5,}|\d{4}년 \d{1,2}월 \d{1,2}일(?: \p{L}+)?)$",
        )
    });
    DAY.is_match(line.trim())
}

/// What follows a date and a time: `12/03/2024, 09:00 - `, `[3/12/24, 9:00:41 PM] `.
fn stamped(line: &str) -> Option<&str> {
    static STAMP: LazyLock<Regex> = LazyLock::new(|| {
        let date = r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})";
        pattern(&format!(
            r"^(?:\[{date},?\s+TIME\]\s*|{date},?\s+TIME\s+[-–]\s+|\d{{4}}년 \d{{1,2}}월 \d{{1,2}}일 TIME, )"
        ))
    });
    let stamp = STAMP.find(line)?;
    Some(&line[stamp.end()..])
}

/// The name and the words of what stands behind a stamp; `None` for a notice.
fn message(rest: &str) -> Option<(&str, &str)> {
    let named = rest.split_once(": ").or_else(|| rest.split_once(":\u{200E}"));
    named.filter(|(name, _)| name.chars().count() <= LONGEST_NAME)
}

/// Whether a text is a chat.
pub(crate) fn looks_like_chat(text: &str) -> bool {
    form(text).is_some()
}

fn form(text: &str) -> Option<Form> {
    FORMS.into_iter().find(|form| form.is_that_of(text))
}

/// Reads a chat.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let form = form(text).unwrap_or(Form::Stamped);
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
        match form.entry(line) {
            None => match blocks.last_mut() {
                _ if is_reply_mark(line) => {}
                Some(Block { body: Body::Turn { lines, .. }, .. }) if open => {
                    lines.push(line.trim().to_owned());
                }
                _ if line.trim().is_empty() => {}
                _ => note_notice(i + 1, rows),
            },
            Some(Entry::Day) => open = false,
            Some(Entry::Notice) => {
                open = false;
                note_notice(i + 1, rows);
            }
            Some(Entry::Message { name, words }) => {
                open = true;
                let mut lines = Vec::new();
                if is_written(words) {
                    lines.push(words.trim().to_owned());
                } else if !words.trim().is_empty() && !is_reply_mark(words) {
                    // Below a picture's mark may stand what its sender wrote about it.
                    note_notice(i + 1, rows);
                }
                let body = Body::Turn { speaker: bare_name(name), lines };
                let facts = Facts::default();
                blocks.push(Block { line: i + 1, section: None, participant: None, facts, body });
            }
        }
    }
    if form == Form::Tabbed {
        for block in &mut blocks {
            unquote(&mut block.body);
        }
    }
    transcript::into_rows(blocks, rows)
}

/// A name without marks of the writing direction, and without the `~` before names that the phone's
/// owner did not save.
fn bare_name(name: &str) -> String {
    let around = ['\u{200E}', '\u{200F}', '\u{202A}', '\u{202C}', '~', ' ', '\u{202F}', '\u{A0}'];
    name.trim_matches(around).to_owned()
}

/// LINE puts a message of several lines in quotation marks.
fn unquote(body: &mut Body) {
    let Body::Turn { lines, .. } = body else { return };
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let is_quoted = lines.len() > 1
        && lines.first().is_some_and(|line| line.starts_with('"'))
        && lines.last().is_some_and(|line| line.ends_with('"'));
    if !is_quoted {
        return;
    }
    if let Some(first) = lines.first_mut() {
        first.remove(0);
    }
    if let Some(last) = lines.last_mut() {
        last.pop();
    }
}

/// The line with which Zoom says what a message replies to: `Replying to "the first words..."`.
fn is_reply_mark(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("Replying to \"") && line.ends_with('"')
}

/// Words that a notice may have beside its mark: ‘This message was deleted by admin Ana’.
const NOTICE_WORDS: usize = 3;

/// Whether somebody wrote this: it is more than a mark, with or without a file's name.
fn is_written(words: &str) -> bool {
    let words = words.trim();
    let bare = words.trim_start_matches(['\u{200E}', '<', '[']).to_lowercase();
    let bare = bare.trim_end_matches(['>', ']', ')', '.']);
    let is_mark = MARKS.iter().any(|mark| {
        let behind = bare.strip_prefix(mark).is_some_and(|rest| {
            !rest.starts_with(char::is_alphanumeric)
                && rest.split_whitespace().nth(NOTICE_WORDS).is_none()
        });
        behind || bare.strip_suffix(mark).is_some_and(names_file)
    });
    !(words.is_empty()
        || is_mark
        || is_mark_by_form(words)
        || is_reaction(words)
        || is_reply_mark(words))
}

/// Whether this is a mark in any language, by how messengers set marks apart: WhatsApp begins them with
/// a mark of the writing direction, or puts them between angle brackets; LINE puts them between square
/// brackets, and begins calls with a telephone.
fn is_mark_by_form(words: &str) -> bool {
    /// Words of the longest mark: ‘Este mensaje fue eliminado por el administrador’.
    const WORDS: usize = 8;
    let is_short = words.split_whitespace().nth(WORDS).is_none() && words.chars().count() <= 60;
    let is_between = |open: char, close: char| {
        let inner = words.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(|inner| !inner.contains([open, close]))
    };
    let is_set_apart =
        words.starts_with(['\u{200E}', '☎']) || is_between('<', '>') || is_between('[', ']');
    is_short && is_set_apart
}

/// Zoom's lines for reactions: `Reacted to "the first words..." with 👍`.
fn is_reaction(words: &str) -> bool {
    words.starts_with("Reacted to \"") && words.contains("\" with ")
        || words.starts_with("Removed a ") && words.contains(" reaction from \"")
}

/// Whether what stands before a mark is the name of a file: `IMG-0412.jpg (`,
/// `plan.pdf • 12 pages`.
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
    fn saved_chats_of_line_kakaotalk_and_zoom_are_read() {
        let who = |name: &str, words: &str| (Some(name.to_owned()), words.to_owned());
        let line = "[LINE] 調査のトーク履歴\n保存日時：2024/05/20 18:02\n\n2024/05/13(月)\n\
             09:12\tゆみ\t二時間かかりました。\n09:20\tけんじ\t\"妻が夜勤なので、\n動画に頼ります。\"\n\
             09:21\tけんじ\t[スタンプ]\n09:22\tゆみがグループに参加しました。\n2024/05/14(火)\n\
             10:02\tけんじ\t通知が多すぎます。\n10:05\tゆみ\t☎ 通話時間 0:35\n";
        let (found, rows) = said(line);
        assert_eq!(
            found,
            [
                who("ゆみ", "二時間かかりました。"),
                who("けんじ", "妻が夜勤なので、\n動画に頼ります。\n通知が多すぎます。"),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("chat-notice", Some(1), 5)]);

        let kakao = "스터디 카카오톡 대화\n저장한 날짜 : 2024-05-20 18:02:11\n\n\
             --------------- 2024년 5월 13일 월요일 ---------------\n\
             [서연] [오전 9:14] 물만 주고 나왔어요.\n[하은맘] [오전 9:40] 사진\n\
             [하은맘] [오전 10:02] 화분을 엎었네요\n[서연] [오후 1:02] 사진을 보내 주세요\n정다은님이 나갔습니다.\n";
        let phone = "2024년 5월 20일 오후 3:12, 서연 : 물만 줬어요\n\
             2024년 5월 20일 오후 3:13, 민지 : 이모티콘\n2024년 5월 20일 오후 3:15, 민지 : 그래요\n";
        let (found, _) = said(kakao);
        assert_eq!(
            found[..2],
            [who("서연", "물만 주고 나왔어요."), who("하은맘", "화분을 엎었네요")]
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(said(phone).0, [who("서연", "물만 줬어요"), who("민지", "그래요")]);

        let zoom = "14:00:04 From Coline to Everyone:\n\tI count what is missing.\n\tThen I call.\n\
             14:00:11\t From  Tom : It rings: nobody answers.\n\
             14:00:20 From Ana to Tom(Direct Message): Reacted to \"It rings\" with 👍\n\
             14:00:29 From Ana to Everyone:\n\tReplying to \"It rings: nob...\"\n\n\tSame here.\n";
        let expected = [
            who("Coline", "I count what is missing.\nThen I call."),
            who("Tom", "It rings: nobody answers."),
            who("Ana", "Same here."),
        ];
        assert_eq!(said(zoom).0, expected);
    }

    #[test]
    fn a_table_of_times_without_days_is_no_chat() {
        assert!(!looks_like_chat(&"09:12\tsite A\tThe gate was shut.\n".repeat(5)));
        assert!(!looks_like_chat(
            "From Ana to Tom: Hi\nFrom Tom to Ana: Hi\nFrom Ana to Tom: Bye\n"
        ));
    }

    #[test]
    fn marks_are_known_in_any_language() {
        let left_out = ["<Multimedia omitido>", "\u{200E}imagen omitida", "[スタンプ]", "사진 3장"];
        for mark in left_out {
            assert!(!is_written(mark), "{mark}");
        }
        let kept = [
            "<3 this so much",
            "[I think] we wait",
            "사진이 안 열려요",
            "[laughs] that is the worst of it",
        ];
        for words in kept {
            assert!(is_written(words), "{words}");
        }
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
            let line = format!("{stamp}Ana: Hi");
            let message = Entry::Message { name: "Ana", words: "Hi" };
            assert_eq!(Form::Stamped.entry(&line), Some(message), "{stamp:?}");
        }
        for line in ["09:00 Ana: Hi", "12/03/2024 was a good day", "[00:01] Ana: Hi", "1.2.3 - x"] {
            assert_eq!(stamped(line), None, "{line}");
        }
        assert!(!looks_like_chat("12/03/2024, 09:00 - one line\nand prose\nand more\n"));
        let diary = "12/03/2024, 09:00 - Woke up late.\n".repeat(5);
        assert!(!looks_like_chat(&diary), "nobody is named, and all of it would be left out");
    }
}
