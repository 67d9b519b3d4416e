//! WebVTT and SubRip: the transcripts that meeting tools write.
//!
//! Owns cues, voice tags and what captions do that no speaker does: repeat a line while it scrolls,
//! and cut a sentence where the screen is full. Who asks and who answers is decided in
//! `transcript`. Format: <https://www.w3.org/TR/webvtt1/>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::document::Document;
use crate::corpus::given_names::is_given_name;
use crate::corpus::rows::Rows;
use crate::corpus::talk::moderator;
use crate::corpus::talk::name_suffixes::without_status;
use crate::corpus::talk::speakers::{begins_turn, label_of};

/// Longest joined caption, in bytes: captions are joined up to the end of a sentence, or to this
/// length.
const MAX_CAPTION: usize = 600;

/// Reads WebVTT or SubRip.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut reader = Reader {
        document: Document::new(rows),
        last: (None, String::new()),
        caption: None,
        cues: 0,
        labels: Labels::find(text),
    };
    let mut lines = text.lines().map(str::trim).enumerate().peekable();
    let mut above: Option<(usize, &str)> = None;
    while let Some((i, line)) = lines.next() {
        if is_timing(line) {
            reader.cues += 1;
            let mut cue = Vec::new();
            while let Some((at, line)) = lines.next_if(|(_, line)| !line.is_empty()) {
                if is_timing(line) {
                    // Without a blank line in between, the next cue begins here.
                    reader.cue(&std::mem::take(&mut cue));
                    reader.cues += 1;
                } else {
                    cue.push((at + 1, line));
                }
            }
            reader.cue(&cue);
            above = None;
            continue;
        }
        let is_note = ["NOTE", "STYLE", "REGION"].iter().any(|word| {
            line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        if is_note {
            reader.document.note_skipped("a note or style block", i + 1);
            while lines.next_if(|(_, line)| !line.is_empty()).is_some() {}
        } else {
            // A line may name the next cue; if no time follows, it belongs to none.
            if let Some((at, text)) = above.take() {
                reader.stray(at, text);
            }
            let is_mark = i == 0 && line.starts_with("WEBVTT");
            above = Some((i + 1, line)).filter(|_| !line.is_empty() && !is_mark);
        }
    }
    if let Some((at, text)) = above {
        reader.stray(at, text);
    }
    reader.end_caption();
    if reader.cues == 0 {
        return Err(
            "it holds no cue, a line like '00:00:01.000 --> 00:00:04.000' with words under \
                    it\nhint: save it as .txt to have it read as text"
                .to_owned(),
        );
    }
    reader.document.finish()
}

/// Whether text without a telling name begins as subtitles do.
pub(crate) fn looks_like_subtitles(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    text.starts_with("WEBVTT") || lines.next() == Some("1") && lines.next().is_some_and(is_timing)
}

struct Reader<'a> {
    document: Document<'a>,
    /// The voice and text of the last caption line, to recognise a line that only scrolls.
    last: (Option<String>, String),
    caption: Option<Caption>,
    cues: usize,
    /// Which beginnings of cues are the names of speakers.
    labels: Labels,
}

/// Captions that are being joined.
struct Caption {
    /// Number of the first line in the file, from 1.
    line: usize,
    /// Who speaks, where the markup says so.
    voice: Option<String>,
    text: String,
}

impl Reader<'_> {
    fn cue(&mut self, lines: &[(usize, &str)]) {
        // The voice holds until the next voice tag or the end of the cue; that of a label until the next.
        let mut voice = self.last.0.clone().filter(|_| self.labels != Labels::Unknown);
        for (at, (line, text)) in lines.iter().enumerate() {
            let mut rest = *text;
            let may_begin = at == 0 && ends_sentence(&self.last.1);
            let label = label_of(text).filter(|(name, _)| self.labels.has(name, may_begin));
            if let Some((name, words)) = label {
                voice = Some(without_status(name).to_owned());
                rest = words;
            }
            while let Some((before, name, after)) = split_at_voice(rest) {
                self.say(*line, voice.as_deref(), before);
                voice = Some(name);
                rest = after;
            }
            self.say(*line, voice.as_deref(), rest);
        }
    }

    fn say(&mut self, line: usize, voice: Option<&str>, text: &str) {
        let text = plain(text);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        // Two people may say the same one after the other.
        if (self.last.0.as_deref(), self.last.1.as_str()) == (voice, text) {
            self.document.rows.findings.note("repeated-caption", line, || {
                "a caption that only repeats the line before it was taken once".to_owned()
            });
            return;
        }
        self.last = (voice.map(str::to_owned), text.to_owned());
        // In subtitles, a dash before a line says that somebody else speaks.
        let dashed = text.strip_prefix("- ").or_else(|| text.strip_prefix('–'));
        let is_other =
            self.caption.as_ref().is_some_and(|caption| caption.voice.as_deref() != voice);
        if is_other || voice.is_none() && (dashed.is_some() || begins_turn(text)) {
            self.end_caption();
        }
        let text = dashed.map_or(text, str::trim);
        if let Some(caption) = &mut self.caption {
            // Without a voice, each line of a caption may begin with a label.
            caption.text.push(if voice.is_some() { ' ' } else { '\n' });
            caption.text.push_str(text);
        } else {
            let (voice, text) = (voice.map(str::to_owned), text.to_owned());
            self.caption = Some(Caption { line, voice, text });
        }
        let long = self.caption.as_ref().is_some_and(|open| open.text.len() >= MAX_CAPTION);
        if long || ends_sentence(text) {
            self.end_caption();
        }
    }

    fn end_caption(&mut self) {
        let Some(Caption { line, voice, text }) = self.caption.take() else { return };
        match voice {
            Some(name) => self.document.turn(line, &name, &text),
            None => self.document.paragraph(line, &text),
        }
    }

    /// Reports text outside of any cue.
    fn stray(&mut self, line: usize, text: &str) {
        // SubRip numbers its cues, so a number without a cue is not worth a finding.
        if text.bytes().all(|b| b.is_ascii_digit()) || is_header(text) {
            return;
        }
        self.document
            .rows
            .findings
            .note("outside-cues", line, || "lines that belong to no cue were left out".to_owned());
    }
}

/// Headers of WebVTT, as in `Kind: captions`.
fn is_header(line: &str) -> bool {
    ["Kind:", "Language:", "X-TIMESTAMP-MAP="].iter().any(|key| line.starts_with(key))
}

fn is_timing(line: &str) -> bool {
    static TIMING: LazyLock<Regex> = LazyLock::new(|| {
        let time = r"(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}";
        Regex::new(&format!(r"^{time}\s*-->\s*{time}(?:\s|$)")).expect("the pattern is valid")
    });
    TIMING.is_match(line)
}

/// The text before a voice tag, the name in the tag, and the text behind it.
fn split_at_voice(text: &str) -> Option<(&str, String, &str)> {
    let start = text.find("<v")?;
    let rest = &text[start + 2..];
    let end = rest.find('>')?;
    // Classes may stand between, as in `<v.loud Ana>`.
    let (_, name) = rest[..end].split_once(char::is_whitespace)?;
    Some((&text[..start], without_status(&plain(name)).to_owned(), &rest[end + 1..]))
}

fn ends_sentence(text: &str) -> bool {
    text.ends_with(['.', '!', '?', '…', '"', '”', '»', '。', '？', '！'])
}

/// Fewest cues that begin with a label where labels tell who speaks.
const LEAST_LABELLED: usize = 4;

/// Which words before a colon, at the beginnings of cues, are the names of speakers.
#[derive(Debug, PartialEq, Eq)]
enum Labels {
    /// To be judged like any other text.
    Unknown,
    /// All of them: a tool began nearly every cue with one.
    All,
    /// Those that come back, and names of people where a sentence has ended: a tool began each turn with
    /// one.
    OfTurns(Vec<String>),
}

impl Labels {
    fn find(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let (mut cues, mut labelled) = (0, 0);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        while lines.any(is_timing) {
            cues += 1;
            if let Some((name, _)) = lines.next().and_then(label_of) {
                labelled += 1;
                *counts.entry(name).or_default() += 1;
            }
        }
        if labelled < LEAST_LABELLED {
            return Self::Unknown;
        }
        if labelled * 10 >= cues * 9 {
            return Self::All;
        }
        let comes_back = counts.into_iter().filter(|(_, count)| *count >= 2);
        let names: Vec<String> = comes_back.map(|(name, _)| name.to_owned()).collect();
        let answerers = names.iter().filter(|name| !moderator::is_asker(name)).count();
        let are_of_turns = names.len() >= 2
            && answerers > 0
            && names.iter().any(|name| is_name(name) || moderator::is_asker(name));
        if are_of_turns { Self::OfTurns(names) } else { Self::Unknown }
    }

    /// Whether words before a colon name a speaker; `may_begin` where a turn may begin.
    fn has(&self, name: &str, may_begin: bool) -> bool {
        match self {
            Self::Unknown => false,
            Self::All => true,
            Self::OfTurns(names) => {
                names.iter().any(|known| known == name) || may_begin && is_name(name)
            }
        }
    }
}

/// Whether a label that stands there once is a person's name: two words or more with capitals, or a
/// known given name.
fn is_name(label: &str) -> bool {
    let mut words = label.split_whitespace();
    let are_capitals = words.clone().all(|word| word.starts_with(char::is_uppercase));
    are_capitals && (words.clone().nth(1).is_some() || words.next().is_some_and(is_given_name))
}

/// Text without tags and with its entities resolved.
fn plain(text: &str) -> Cow<'_, str> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"</?(?:[bicuv]|ruby|rt|lang|font)(?:[.\s][^<>]*)?>|<[\d:.]+>|\{\\[^{}]*\}";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let text = TAG.replace_all(text, "");
    if !text.contains('&') {
        return text;
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", "\u{a0}"),
        ("&lrm;", ""),
        ("&rlm;", ""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        // Last, so that `&amp;lt;` is not resolved twice.
        ("&amp;", "&"),
    ];
    let resolved =
        entities.iter().fold(text.into_owned(), |text, (from, to)| text.replace(from, to));
    Cow::Owned(resolved)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{self, rows_and_said};

    fn load(text: &str) -> Rows {
        test_support::load(text, read)
    }

    #[test]
    fn voices_speak_and_their_turns_are_joined_over_cues() {
        let rows = load(
            "WEBVTT\nKind: captions\n\nNOTE made by a tool\n\n1\n00:00:01.000 --> 00:00:02.000 align:left\n\
             <v Moderator>How do you start?</v>\n\n00:00:02.500 --> 00:00:04.000\n<v.loud Ana>With <b>coffee</b> &amp;\n\
             \n00:00:04.000 --> 00:00:05.000\n<v Ana>the list.</v> <v Bo>Me too.</v>\n",
        );
        assert_eq!(
            rows_and_said(&rows),
            [
                (11, Some("Ana"), "question: How do you start?\ntext: With coffee & the list."),
                (14, Some("Bo"), "question: How do you start?\ntext: Me too."),
            ]
        );
        assert_eq!(rows.findings.kinds(), [("not-prose", Some(4), 1)]);
    }

    #[test]
    fn subrip_with_labels_and_commas_is_read() {
        let rows = load(
            "1\r\n00:00:01,000 --> 00:00:02,000\r\nAna: I wait for\r\n\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\n\
             the lifts.\r\n\r\n3\r\n00:00:03,000 --> 00:00:04,000\r\nBo: So do I.\r\n\r\n4\r\n\
             00:00:05,000 --> 00:00:06,000\r\nAna: Daily.\r\n\r\n5\r\n00:00:07,000 --> 00:00:08,000\r\nBo: Yes.\r\n",
        );
        let said = rows_and_said(&rows);
        assert_eq!(said[0], (3, Some("Ana"), "I wait for the lifts."));
        assert_eq!(said[1], (11, Some("Bo"), "So do I."));
        assert_eq!(said.len(), 4);
    }

    #[test]
    fn a_label_that_stands_there_once_is_a_speaker_where_each_cue_has_one() {
        let talk =
            ["Ana: I wait for the lifts.", "Bo: So do I.", "Ana: Daily.", "Eve: I take the stairs"];
        let cue = |(i, said): (usize, &&str)| format!("00:0{i}.000 --> 00:0{i}.900\n{said}\n\n");
        let cues: String = talk.iter().enumerate().map(cue).collect();
        let rows = load(&format!("WEBVTT\n\n{cues}00:09.000 --> 00:09.900\nBo: Not me.\n"));
        let who = |name, text| (Some(name), text);
        let expected = [
            who("Ana", "I wait for the lifts."),
            who("Bo", "So do I."),
            who("Ana", "Daily."),
            who("Eve", "I take the stairs"),
            who("Bo", "Not me."),
        ];
        assert_eq!(test_support::said(&rows), expected);
    }

    #[test]
    fn whoever_speaks_once_is_heard_where_cues_go_on_with_a_turn() {
        let cues = |talk: &[&str]| -> String {
            let cue =
                |(i, said): (usize, &&str)| format!("00:0{i}.000 --> 00:0{i}.900\n{said}\n\n");
            talk.iter().enumerate().map(cue).collect()
        };
        let talk = [
            "Grace: How do you find them?",
            "Mohammed: Through the mosque mostly.",
            "I put a sheet on the wall.",
            "Grace: And then?",
            "Elisabet Holm (Guest): I made a group",
            "but One Thing: few are in it.",
            "Second thing: nobody reads it.",
            "Mohammed: I call my brothers.",
        ];
        let rows = load(&format!("WEBVTT\n\n{}", cues(&talk)));
        let expected = [
            (
                Some("Mohammed"),
                "question: How do you find them?\ntext: Through the mosque mostly.\nI put a sheet on the wall.",
            ),
            (
                Some("Elisabet Holm"),
                "question: And then?\ntext: I made a group but One Thing: few are in it.\nSecond thing: nobody reads it.",
            ),
            (Some("Mohammed"), "question: And then?\ntext: I call my brothers."),
        ];
        assert_eq!(test_support::said(&rows), expected);
        let rows = load("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana Lee (she/her)>I wait.</v>\n");
        assert_eq!(test_support::said(&rows), [(Some("Ana Lee"), "I wait.")]);
    }

    #[test]
    fn captions_without_speakers_become_sentences_and_scrolling_is_taken_once() {
        let rows = load(
            "WEBVTT\n\n00:01.000 --> 00:02.000\nso the lifts\n\n00:02.000 --> 00:03.000\nso the lifts\n\
             are always<00:02.500><c> slow</c>\n\n00:03.000 --> 00:04.000\nin the morning.\n\n\
             00:05.000 --> 00:06.000\nNobody knows why.\n",
        );
        assert_eq!(
            rows_and_said(&rows),
            [
                (4, None, "so the lifts are always slow in the morning."),
                (14, None, "Nobody knows why.")
            ]
        );
        assert_eq!(rows.findings.kinds(), [("repeated-caption", Some(7), 1)]);
    }

    #[test]
    fn another_voice_may_say_the_same() {
        let rows = load(
            "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Bo>Okay.</v>\n\n00:02.000 --> 00:03.000\n<v Ana>Okay.</v>\n\n\
             00:03.000 --> 00:04.000\n<v Ana>Okay.</v>\n",
        );
        assert_eq!(rows_and_said(&rows), [(4, Some("Bo"), "Okay."), (7, Some("Ana"), "Okay.")]);
        assert_eq!(rows.findings.kinds(), [("repeated-caption", Some(10), 1)]);
    }

    #[test]
    fn what_is_no_subtitle_is_refused_and_stray_lines_are_counted() {
        let cause = read("WEBVTT\n\njust words\n", &mut Rows::new(1)).unwrap_err();
        assert!(cause.contains("holds no cue") && cause.contains("hint:"), "{cause}");
        let rows = load("words before\n\n00:01.000 --> 00:02.000\nHi there.\n\nafter it\n");
        assert_eq!(rows.findings.kinds(), [("outside-cues", Some(1), 2)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(00:01.000 --> 00:02.000\\n|[<>v &;:a-c.\\-\\n]{0,30}){0,12}") {
            let mut rows = Rows::new(1);
            if read(&text, &mut rows).is_ok() {
                prop_assert!(rows.records.iter().all(|r| !r.text.trim().is_empty()));
            }
        }
    }
}
