//! Chats as messengers export them to text: a stamp on every message.
//!
//! Owns the forms of WhatsApp, LINE, KakaoTalk, Discord and Zoom, and messages over several lines. What
//! nobody wrote is known to `chat_marks`. Who asks and who answers is decided by `transcript`; labels
//! without such stamps are read by `speakers` and `layouts`.

use std::sync::LazyLock;

use regex::Regex;

use super::chat_marks::{self, before_marks, is_reaction, is_reply_mark, is_written};
use super::moderator;
use super::name_suffixes::without_status;
use super::transcript;
use crate::corpus::block::{Block, Body, Facts};
use crate::corpus::rows::Rows;

/// Messages that make a text a chat.
const LEAST: usize = 3;

/// Lines that may stand above the first message: a title, and when the chat was saved.
const HEAD_LINES: usize = 4;

/// Lines above the first message of an export that says which channel it is of.
const EXPORT_LINES: usize = 10;

/// Characters of the longest name: a colon further on is one of a sentence.
const LONGEST_NAME: usize = 60;

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
    /// `[12/03/2024 09:00] ana` above the words (Discord).
    Headed,
}

const FORMS: [Form; 5] = [Form::Stamped, Form::Tabbed, Form::Bracketed, Form::FromTo, Form::Headed];

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
        static HEADED: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r"^\[(?:DATE),?\s+TIME\] ([^\s:][^:]{0,59}?)(?: \(pinned\))?$")
        });
        let line = line.trim_start_matches(['\u{200E}', '\u{200F}', '\u{FEFF}', ' ']);
        if self != Self::FromTo && is_day(line) {
            return Some(Entry::Day);
        }
        match self {
            Self::Headed => {
                let name = HEADED.captures(line.trim_end())?.get(1)?.as_str();
                Some(Entry::Message { name, words: "" })
            }
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
            // A diary may have a date above each entry, too.
            Self::Headed if !text.lines().next().is_some_and(chat_marks::is_export_rule) => {
                return false;
            }
            Self::Headed => EXPORT_LINES,
            // A table of times and two texts is not a chat unless days part it.
            Self::Tabbed if !has_days => return false,
            Self::Tabbed | Self::Bracketed => HEAD_LINES,
        };
        // Where few stamps are followed by a name, as in a diary, all the others would be lost.
        messages >= LEAST && messages >= others && above <= head
    }
}

/// A pattern in which `TIME` stands for a time of day, on a clock of 12 or 24 hours, and `DATE` for a
/// date.
fn pattern(text: &str) -> Regex {
    let time = r"(?:[AaPp]\.?[Mm]\.?|午前|午後|上午|下午|오전|오후)?\s?\d{1,2}(?:[:.]|\s?h\s?)\d{2}(?:[:.]\d{2})?(?:[\s\u{202F}]?[APap]\.?\s?[Mm]\.?)?";
    let date =
        r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}-\p{L}{3}-\d{2,4}";
    Regex::new(&text.replace("TIME", time).replace("DATE", date)).expect("the pattern is valid")
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
        // Words that languages put between a date and a time.
        let at = "à|às|as|a las?|alle(?: ore)?|ore|um|om|at|kl\\.?|klo|o|в|о";
        let moment = format!(r"(?:DATE)\.?,?\s+(?:(?:{at})\s+)?TIME");
        pattern(&format!(
            r"^(?:\[{moment}\]\s*|{moment}\s+[-–]\s+|\d{{4}}년 \d{{1,2}}월 \d{{1,2}}일 TIME, )"
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
    let mut reader = Reader { form, blocks: Vec::new(), is_open: false, last: "", rows };
    for (i, line) in text.lines().enumerate() {
        reader.line(i + 1, line.trim_end_matches('\r'));
    }
    let Reader { mut blocks, rows, .. } = reader;
    if form == Form::Tabbed {
        for block in &mut blocks {
            unquote(&mut block.body);
        }
    }
    transcript::into_rows(blocks, rows)
}

/// A chat while it is read, line by line.
struct Reader<'r, 't> {
    form: Form,
    blocks: Vec<Block>,
    /// Whether lines go on with a message, and not with a notice.
    is_open: bool,
    /// What somebody wrote last.
    last: &'t str,
    rows: &'r mut Rows,
}

impl<'t> Reader<'_, 't> {
    /// Reads a line, with its number from 1.
    fn line(&mut self, number: usize, line: &'t str) {
        match self.form.entry(line) {
            None => self.go_on(number, line),
            Some(Entry::Day) => self.is_open = false,
            Some(Entry::Notice) => {
                self.is_open = false;
                self.note_notice(number);
            }
            Some(Entry::Message { name, words }) => {
                self.is_open = true;
                let lines = self.written(number, words).map(str::to_owned).into_iter().collect();
                let body = Body::Turn { speaker: bare_name(name), lines };
                let facts = Facts::default();
                self.blocks.push(Block {
                    line: number,
                    section: None,
                    participant: None,
                    facts,
                    body,
                });
            }
        }
    }

    /// Reads a line without a stamp.
    fn go_on(&mut self, number: usize, line: &'t str) {
        if is_reply_mark(line) {
            return;
        }
        let is_tools = self.form == Form::Headed && chat_marks::begins_appendix(line)
            || self.form == Form::FromTo && is_reaction(line.trim());
        if is_tools {
            // What stands below it is the tool's, too.
            self.is_open &= self.form != Form::Headed;
            self.note_notice(number);
            return;
        }
        let (words, is_marked) = before_marks(line.trim());
        match self.blocks.last_mut() {
            Some(Block { body: Body::Turn { lines, .. }, .. }) if self.is_open => {
                lines.push(words.to_owned());
                self.last = if words.is_empty() { self.last } else { words };
                if is_marked {
                    self.note_notice(number);
                }
            }
            _ if line.trim().is_empty() => {}
            _ => self.note_notice(number),
        }
    }

    /// The part of a message that somebody wrote; `None` where the messenger wrote all of it.
    fn written(&mut self, number: usize, words: &'t str) -> Option<&'t str> {
        let (bare, is_marked) = before_marks(words.trim());
        let is_first = self.last.is_empty();
        let is_null = bare == "null" && !moderator::ends_in_question(self.last);
        let is_notice = is_null || is_first && chat_marks::is_about_encryption(bare);
        if !is_notice && is_written(bare) {
            if is_marked {
                self.note_notice(number);
            }
            self.last = bare;
            return Some(bare);
        }
        // Below a picture's mark may stand what its sender wrote about it.
        if !words.trim().is_empty() && !is_reply_mark(words) {
            self.note_notice(number);
        }
        None
    }

    fn note_notice(&mut self, line: usize) {
        self.rows.findings.note("chat-notice", line, || {
            "notices of the messenger, and marks in place of pictures, are nobody's words; left out"
                .to_owned()
        });
    }
}

/// A name without marks of the writing direction, without the `~` before names that the phone's owner
/// did not save, and without what a tool says of the account.
fn bare_name(name: &str) -> String {
    let around = ['\u{200E}', '\u{200F}', '\u{202A}', '\u{202C}', '~', ' ', '\u{202F}', '\u{A0}'];
    without_status(name.trim_matches(around)).to_owned()
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
    fn the_notice_of_encryption_is_nobodys_in_whatever_name_it_is_sent() {
        let talk = "[12/01/2026, 09:13:02] Ravi: The tap is locked\n[12/01/2026, 09:15:00] Bronagh: I asked\n\
                    [12/01/2026, 09:16:00] Ravi: I carry water\n";
        for notice in [
            "\u{200E}Messages and calls are end-to-end encrypted. Only people in this chat can read them.",
            "Messages and calls are end-to-end encrypted. No one outside of this chat can read them.",
            "\u{200E}Los mensajes y las llamadas están cifrados de extremo a extremo. Solo las personas en este chat pueden leerlos.",
            "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand kann sie lesen.",
            "Les messages et les appels sont chiffrés de bout en bout. Personne ne peut les lire.",
        ] {
            let (found, rows) = said(&format!("[12/01/2026, 09:12:33] The plot: {notice}\n{talk}"));
            let who: Vec<_> = found.iter().filter_map(|(who, _)| who.as_deref()).collect();
            assert_eq!(who, ["Ravi", "Bronagh", "Ravi"], "{notice}");
            assert_eq!(rows.findings.kinds(), [("chat-notice", Some(1), 1)], "{notice}");
        }
        for words in [
            "I like that it is end-to-end encrypted. I use it for work.",
            "Is it end-to-end encrypted?",
        ] {
            let (found, _) = said(&format!("[12/01/2026, 09:12:33] Ana: {words}\n{talk}"));
            assert_eq!(found[0], (Some("Ana".to_owned()), words.to_owned()));
        }
    }

    #[test]
    fn marks_of_what_was_edited_deleted_or_attached_are_nobodys_words() {
        let stamp = "12.01.26, 09:14 - ";
        for mark in [
            "Diese Nachricht wurde gelöscht.",
            "Du hast diese Nachricht gelöscht.",
            "Ce message a été supprimé",
            "Mensagem apagada",
            "Eliminaste este mensaje.",
            "Se eliminó este mensaje",
            "Questo messaggio è stato eliminato",
            "Dit bericht is verwijderd",
            "IMG-20260112-WA0003.jpg (Datei angehängt)",
            "plan 3.pdf (fichier joint)",
            "PTT-20260112-WA0001.opus (archivo adjunto)",
            "Verpasster Sprachanruf",
            "Missed voice call",
            "null",
            "Location: https://maps.google.com/?q=53.1,-6.2",
            "Standort: https://maps.google.com/?q=53.1,-6.2",
        ] {
            let (found, rows) =
                said(&format!("{stamp}Ana: Hi\n{stamp}Bo: {mark}\n{stamp}Cy: Bye\n"));
            assert_eq!(found.len(), 2, "{mark} {found:?}");
            assert_eq!(rows.findings.kinds(), [("chat-notice", Some(2), 1)], "{mark}");
        }
        for words in [
            "Mensagem apagada por engano, era sobre a feira",
            "Missed voice call from mum, what is it?",
            "I put it in plan.pdf (page three)",
            "My location: https://farm.example is where we sell",
            "null Punkte für den Service",
            "use <b> tags",
        ] {
            let (found, _) = said(&format!("{stamp}Ana: Hi\n{stamp}Bo: {words}\n{stamp}Cy: Bye\n"));
            assert_eq!(found[1], (Some("Bo".to_owned()), words.to_owned()));
        }
        let (found, _) =
            said(&format!("{stamp}Ana: Wie viele?\n{stamp}Bo: null\n{stamp}Cy: Bye\n"));
        assert_eq!(found[1].1, "null", "an answer");
        for mark in [
            "<This message was edited>",
            "\u{200E}<This message was edited>",
            "<Diese Nachricht wurde bearbeitet.>",
            "<Ce message a été modifié>",
            "<Se editó este mensaje.>",
        ] {
            let (found, rows) = said(&format!(
                "{stamp}Ana: Hi\n{stamp}Bo: Sunday\nis enough {mark}\n{stamp}Cy: Bye\n"
            ));
            assert_eq!(found[1].1, "Sunday\nis enough", "{mark}");
            assert_eq!(rows.findings.kinds(), [("chat-notice", Some(3), 1)], "{mark}");
        }
    }

    #[test]
    fn reactions_on_a_line_of_their_own_are_no_words() {
        let zoom = "10:01:02\t From Ana to Everyone:\n\tWhat would you change?\n\
             10:01:20\t From Bo Lin (He/Him) to Everyone:\n\tBigger letters\n\
             10:01:30\t From Cai [EXT] to Everyone:\n\tReacted to \"Bigger letters\" with 👍\n\
             10:01:40\t From Cai [EXT] to Everyone:\n\tRemoved a 👍 reaction from \"Bigger letters\"\n\
             10:02:00\t From Cai [EXT] to Everyone:\n\tI print it anyway\n";
        let who = |name: &str, words: &str| (Some(name.to_owned()), words.to_owned());
        let (found, rows) = said(zoom);
        assert_eq!(
            found,
            [
                who("Ana", "What would you change?"),
                who("Bo Lin", "Bigger letters"),
                who("Cai", "I print it anyway")
            ]
        );
        assert_eq!(rows.findings.kinds(), [("chat-notice", Some(6), 2)]);
    }

    #[test]
    fn an_exported_channel_has_names_above_the_words() {
        let rule = "=".repeat(62);
        let (found, rows) = said(&format!(
            "{rule}\nGuild: Farm Fans\nChannel: Feedback / ideas\n{rule}\n\n\
             [10/01/2026 10:00] joaquin_s\nI play it with my sister\n\nshe can't pause: it is far away\n\n\
             [10/01/2026 10:01] sunniva\nI stopped\n\n{{Reactions}}\n👍 (2) 😢\n\n\
             [10/01/2026 10:03] tobi.o (pinned)\nsame here\n\n{{Attachments}}\nhttps://cdn.example/cow.png\n\n\
             {rule}\nExported 3 message(s)\n{rule}\n"
        ));
        let who = |name: &str, words: &str| (Some(name.to_owned()), words.to_owned());
        let texts: Vec<_> =
            found.iter().map(|(who, text)| (who.clone(), text.trim().to_owned())).collect();
        assert_eq!(
            texts,
            [
                who("joaquin_s", "I play it with my sister\n\nshe can't pause: it is far away"),
                who("sunniva", "I stopped"),
                who("tobi.o", "same here"),
            ]
        );
        assert!(rows.findings.kinds().iter().all(|(kind, _, _)| *kind == "chat-notice"));
        assert!(!looks_like_chat(&"[10/01/2026 10:00] woke up late\nand then I went\n".repeat(3)));
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
            "12/03/2024 à 09:00 - ",
            "12/03/2024 às 09:00 - ",
            "12.3.2024 klo 9.00 - ",
            "12.03.24 um 09:00 - ",
            "12/3/24, 9:00\u{A0}p.\u{A0}m. - ",
            "2024-03-12 09 h 00 - ",
        ] {
            let line = format!("{stamp}Ana: Hi");
            let message = Entry::Message { name: "Ana", words: "Hi" };
            assert_eq!(Form::Stamped.entry(&line), Some(message), "{stamp:?}");
        }
        for line in [
            "12/03/2024 before 09:00 - Ana: Hi",
            "09:00 Ana: Hi",
            "12/03/2024 was a good day",
            "[00:01] Ana: Hi",
            "1.2.3 - x",
        ] {
            assert_eq!(stamped(line), None, "{line}");
        }
        assert!(!looks_like_chat("12/03/2024, 09:00 - one line\nand prose\nand more\n"));
        let diary = "12/03/2024, 09:00 - Woke up late.\n".repeat(5);
        assert!(!looks_like_chat(&diary), "nobody is named, and all of it would be left out");
    }
}
