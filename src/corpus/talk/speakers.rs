//! Who speaks in prose: labels like `Ana:`, `[00:01] Ana:` or `Ana 00:01`, and headings that name a
//! participant.
//!
//! Owns which beginnings of lines are labels, and which of them are speakers of a document. What
//! becomes of their words is decided in `transcript`.

mod answers;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use self::answers::{are_answers, is_title};
use super::bystanders::is_remark;
use super::label_forms::{PARTICLES, dotted_label};
use super::moderator;
use super::time_marks;
use super::topics::is_topic;
use crate::corpus::block::Block;
use crate::corpus::names::{is_of_word, normalise, participant_rank};

/// Pattern of a name as it stands in a heading.
const NAME: &str = r"\p{L}[\p{L}\p{M}.'’· -]{0,39}?";
/// Pattern of an age, in years.
const AGE: &str = "(?:1[01][0-9]|[1-9][0-9])";
/// Pattern of what may stand behind an age.
const AGE_UNIT: &str =
    "(?:岁|歲|歳|才|세|살|years?(?: old)?|yrs?|y/?o|jahre?(?: alt)?|años|ans|anos|anni|лет|года?)";

/// The participant whose words follow, if a heading names one: `Participant 3 – Marta`, `P07`,
/// `Interview with Ana`, `访谈1：王阿姨`, or a name, an age and an occupation: `Carmen, 58, pescadera`.
pub(crate) fn participant_of_heading(heading: &str) -> Option<String> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)^(?:(?:participant|respondent|interviewee|interview|subject|user|p|r\
                       |teilnehmer(?:in)?|proband(?:in)?|befragter?|gespräch|entrevista|entrevistad[oa]\
                       |encuestad[oa]|participante|entretien|répondante?|interviewée?|intervista\
                       |intervistat[oa]|partecipante|访谈|訪談|采访|採訪|受访者|受訪者|被访者|被訪者\
                       |参与者|參與者|参加者|対象者|回答者|インタビュー|인터뷰|면담|참가자|참여자|응답자\
                       |مقابلة|المقابلة|مشارك|المشارك|المشاركة|साक्षात्कार|प्रतिभागी|उत्तरदाता)\
                       [ #.-]*[0-9]+\\b\
                       |(?:participant|respondent|interviewee|teilnehmer(?:in)?|proband(?:in)?|participante|partecipante\
                       |deelnemer)[ #.-]+\\p{L}{1,2}-?[0-9]+\\b|(?:interview (?:with|mit)|gespräch mit|entrevista (?:a|con|com)\
                       |entretien avec|intervista (?:a|con)) (?P<who>.+))";
        Regex::new(pattern).expect("the pattern is valid")
    });
    // Words in other languages than these, with a number: `Respondentka 2`.
    let word = heading.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let behind = heading[word.len()..].trim_start_matches([' ', '#', '.', '-']);
    if participant_rank(word) == Some(0) && behind.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(heading.to_owned());
    }
    if let Some(code) = code_of_interview(heading) {
        return Some(code.to_owned());
    }
    if let Some(found) = NAMED.captures(heading) {
        return Some(found.name("who").map_or(heading, |who| who.as_str()).to_owned());
    }
    has_age(heading).then(|| heading.to_owned())
}

/// The code of whoever is interviewed below a heading or title: `TN1` of `Interview TN1 – Pflege`.
pub(super) fn code_of_interview(heading: &str) -> Option<&str> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"(?i)^(?:interview|gespräch|entrevista|entretien|intervista)[ #.:-]+(?P<code>\p{L}{1,3}-?[0-9]{1,3})(?:$|\s*[–—:(,|]|\s+-)";
        Regex::new(pattern).expect("the pattern is valid")
    });
    let code = CODE.captures(heading.trim())?.name("code")?.as_str();
    let (letters, number) = code.split_at(code.find(|c: char| !c.is_alphabetic())?);
    // `Q3`, `H1`, `V2` are a quarter, a half-year and a version.
    let is_other = ["H", "Q", "V"].contains(&letters) && number.len() == 1;
    (code.starts_with(char::is_uppercase) && !is_other).then_some(code)
}

/// Whether a heading is a name with an age behind it: `Carmen, 58, pescadera`, `Ngozi (nurse, 41)`.
pub(super) fn has_age(heading: &str) -> bool {
    // After the name an age: with its unit, or else with more words after it, so that it is not a
    // date.
    static AGED: LazyLock<Regex> = LazyLock::new(|| {
        let part = r"\s*[,，、;；·(（|/–-]\s*";
        let pattern = format!(
            r"(?i)^(?P<name>{NAME}){part}{AGE}(?:\s*{AGE_UNIT}(?:$|[^\p{{L}}])|{part}\p{{L}})"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    // Or in brackets behind the name, where an age ends what they say: `Ngozi (nurse, 41)`.
    static IN_BRACKETS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!(
            r"^(?P<name>{NAME})\s*[(（][^()（）0-9]{{2,40}}[,;、，]\s*{AGE}\D{{0,8}}[)）]$"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let found = AGED.captures(heading).or_else(|| IN_BRACKETS.captures(heading));
    let Some(name) = found.and_then(|found| found.name("name")) else { return false };
    let name = name.as_str();
    // A name begins with a capital, where the script has them.
    !name.starts_with(char::is_lowercase) && name.split_whitespace().count() <= 4
}

/// The age that a heading gives of its participant: `63` of `Interview 1: Herr Bauer, 63, Hausmeister`.
pub(crate) fn age_in_heading(heading: &str) -> Option<&str> {
    static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = format!(
            r"(?i)[,，、;；·(（|]\s*(?P<age>{AGE})(?:\s*{AGE_UNIT})?\s*(?:$|[,，、;；·)）|])"
        );
        Regex::new(&pattern).expect("the pattern is valid")
    });
    Some(GIVEN.captures(heading)?.name("age")?.as_str())
}

/// Whether a label numbers a speaker: `P01`, `R-2`, `Speaker 3`.
pub(crate) fn is_numbered(label: &str) -> bool {
    static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = "(?i)^(?:participant|respondent|interviewee|speaker|subject|person|user|p|r|s)\
                       [ #._-]*[0-9]{1,4}$";
        Regex::new(pattern).expect("the pattern is valid")
    });
    NUMBERED.is_match(label)
}

/// Whether a label stands for a role, whoever fills it: `Participant`, `Customer`.
pub(crate) fn is_generic(label: &str) -> bool {
    participant_rank(label) == Some(0)
        || is_answer(label)
        || matches!(normalise(label).as_str(), "user" | "customer" | "p" | "r" | "語り手")
}

/// Whether a label marks an answer, whoever gives it: `A`, `Answer`.
fn is_answer(label: &str) -> bool {
    const ANSWERS: [&str; 16] = [
        "a",
        "answer",
        "antwort",
        "respuesta",
        "resposta",
        "risposta",
        "réponse",
        "ответ",
        "答",
        "回答",
        "答え",
        "답변",
        "답",
        "جواب",
        "ج",
        "उत्तर",
    ];
    ANSWERS.contains(&normalise(label).as_str())
}

/// Whether a label is part of a fuller name: `Ana` of `Ana, night nurse`.
pub(crate) fn is_short_for(label: &str, name: &str) -> bool {
    name.split(|c: char| !is_of_word(c)).any(|word| word == label)
}

/// Whether a label is the initials of a name: `LF` of `Luca Ferri`.
pub(crate) fn are_initials(label: &str, name: &str) -> bool {
    let initials = name.split_whitespace().filter_map(|word| word.chars().next());
    label.chars().count() > 1 && label.chars().eq(initials)
}

/// Lines at the top of a document of which one may be its title: `Focus group: bikes in Northgate`.
const TITLE_LINES: usize = 2;

/// Longest line that only states a fact, in characters.
const LONGEST_FACT: usize = 80;

/// Words before the colon of a line that says on what occasion something was written down: when,
/// where and by whom.
const OCCASION_FACTS: [&str; 31] = [
    "date",
    "time",
    "place",
    "location",
    "duration",
    "participants",
    "时间",
    "時間",
    "日期",
    "日時",
    "地点",
    "地點",
    "場所",
    "记录人",
    "記錄人",
    "記録者",
    "fecha",
    "lugar",
    "duración",
    "datum",
    "uhrzeit",
    "ort",
    "dauer",
    "lieu",
    "durée",
    "data",
    "luogo",
    "durata",
    "local",
    "duração",
    "तारीख",
];

/// Words before the colon of a line that begins a note rather than a turn, and headers of mail.
const NOTES: [&str; 60] = [
    "note",
    "notes",
    "todo",
    "summary",
    "pros",
    "cons",
    "quote",
    "quotes",
    "insight",
    "insights",
    "finding",
    "findings",
    "action",
    "actions",
    "observation",
    "example",
    "topic",
    "warning",
    "update",
    "problem",
    "solution",
    "http",
    "https",
    "source",
    "ps",
    "备注",
    "メモ",
    "观察",
    "観察",
    "observación",
    "observaciones",
    "nota",
    "notas",
    "notiz",
    "notizen",
    "beobachtung",
    "osservazione",
    "observação",
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "sent",
    "replyto",
    "inreplyto",
    "references",
    "messageid",
    "returnpath",
    "received",
    "deliveredto",
    "mimeversion",
    "contenttype",
    "contenttransferencoding",
    "betreff",
    "gesendet",
    "objet",
    "asunto",
    "assunto",
    "oggetto",
];

pub(crate) fn is_note_word(label: &str) -> bool {
    let label = normalise(label);
    OCCASION_FACTS.contains(&label.as_str()) || NOTES.contains(&label.as_str())
}

/// Whether a line says when, where or by whom something was written down, and nothing else.
pub(crate) fn is_fact(line: &str) -> bool {
    let line = line.trim();
    let label = line.split_once([':', '：']).map(|(label, _)| label.trim_matches(['*', '_', ' ']));
    line.chars().count() <= LONGEST_FACT
        && label.is_some_and(|label| OCCASION_FACTS.contains(&normalise(label).as_str()))
}

/// Whether a label is a header that mail programs add for each other, as in `X-Mailer`.
fn is_header(label: &str) -> bool {
    ["X-", "DKIM-", "ARC-", "List-", "Authentication-"].iter().any(|start| label.starts_with(start))
}

/// The label of a line that begins a turn, and the rest of the line.
pub(crate) struct Label<'a> {
    pub(crate) speaker: &'a str,
    timed: bool,
    /// Whether a time stands between the label and the words.
    pub(crate) is_marked: bool,
    pub(crate) rest: &'a str,
}

impl<'a> Label<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        const TIME: &str = r"(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?[\])]?|#\d{1,2}:\d{2}(?::\d{2})?(?:[.,-]\d{1,3})?#)";
        const NAME: &str = r"\p{L}[\p{L}\p{M}\p{N} .'’·・_-]{0,39}?";
        // Whose account it is, as tools write it: `[EXT]`.
        const STATUS_BRACKET: &str = r"\[\p{L}[\p{L} /-]{1,19}\]";
        // The colon of Chinese and Japanese is as wide as a character, and no space comes after it.
        static COLON: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = format!(
                r"^[*_]*(?P<before>{TIME})?[\s–-]*[*_]*(?P<name>{NAME})(?:\s*{STATUS_BRACKET})?(?P<bracket>\s*(?:\([^()]{{1,40}}\)|（[^（）]{{1,40}}）))?(?:\s*{STATUS_BRACKET})?\s*(?P<after>{TIME})?[*_]*(?::[*_]*(?:\s|$)|：[*_]*)"
            );
            Regex::new(&pattern).expect("the pattern is valid")
        });
        // As some meeting tools write it: name and time on a line of their own.
        static BARE: LazyLock<Regex> = LazyLock::new(|| {
            // The time makes the label certain, so there may be a comma in it: `Lindqvist, Hannah`.
            let pattern = format!(
                r"^[*_]*(?P<name>\p{{L}}[\p{{L}}\p{{M}}\p{{N}} .,'’_-]{{0,49}}?)(?:\s*{STATUS_BRACKET})?(?P<bracket>\s*\([^()]{{1,40}}\))?(?:\s*{STATUS_BRACKET})?[*_]*(?:\s+|\s*[|–—-]\s*)(?P<after>{TIME})\s*$"
            );
            Regex::new(&pattern).expect("the pattern is valid")
        });
        let line = line.trim();
        let bare = || BARE.captures(line).filter(|found| may_be_name(&found["name"]));
        let found = COLON.captures(line).or_else(bare)?;
        let group = |name| found.name(name).map(|m| m.as_str());
        // Numbered questions and answers (`Q1:`, `A1:`) are all by the same two speakers.
        let name = group("name")?.trim();
        let letter = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_of_all = matches!(letter, "Q" | "A")
            || !letter.is_ascii() && (moderator::is_asker(letter) || is_answer(letter));
        let mut speaker = if is_of_all { letter } else { name };
        if let (Some(name), Some(bracket)) = (found.name("name"), found.name("bracket")) {
            let both = &line[name.start()..bracket.end()];
            // A bracket is kept where it says that somebody is not interviewed, as in
            // `Ana (Interviewer)`.
            if moderator::tells_part(both) {
                speaker = both;
            }
        }
        if speaker.split_whitespace().count() > 4
            || is_note_word(speaker)
            || is_header(speaker)
            || is_topic(speaker)
        {
            return None;
        }
        let behind = line[found.get(0)?.end()..].trim();
        let rest = time_marks::after_start(behind);
        let is_marked = rest.len() < behind.len();
        let timed = is_marked
            || group("before").is_some()
            || group("after").is_some()
            || group("bracket").is_some_and(is_time);
        Some(Self { speaker, timed, is_marked, rest })
    }

    /// The label of a line in a form that stands for a colon where the label is known: `Q. Why?`
    fn dotted(line: &'a str) -> Option<Self> {
        let (speaker, behind) = dotted_label(line.trim())?;
        let rest = time_marks::after_start(behind);
        let is_marked = rest.len() < behind.len();
        Some(Self { speaker, timed: is_marked, is_marked, rest })
    }
}

/// Whether a bracket behind a name holds a time: `(00:02)`.
fn is_time(bracket: &str) -> bool {
    let inner = bracket.trim().trim_matches(['(', ')']);
    inner.contains(':') && inner.chars().all(|c| c.is_ascii_digit() || ":.,".contains(c))
}

/// Whether words before a time may be a name: those of a sentence, as in `I left at 14:10`, begin with
/// small letters, except for the particles of names.
fn may_be_name(words: &str) -> bool {
    let is_known = || moderator::is_asker(words) || is_generic(words) || is_numbered(words);
    let is_part = |word: &str| !word.starts_with(char::is_lowercase) || PARTICLES.contains(&word);
    words.split_whitespace().nth(1).is_none() || words.split_whitespace().all(is_part) || is_known()
}

/// Whether a line begins as a turn does.
pub(crate) fn begins_turn(line: &str) -> bool {
    Label::parse(line).is_some()
}

/// Whether a label is the name of one of those present, or a part of it.
pub(super) fn is_present(label: &str, names: &[String]) -> bool {
    names.iter().any(|name| name == label || is_short_for(label, name))
}

/// Whether a line begins a turn with a time.
pub(super) fn is_timed_turn(line: &str) -> bool {
    Label::parse(line).is_some_and(|label| label.timed)
}

/// The speaker whom the label of a line names, and the rest of the line.
pub(crate) fn label_of(line: &str) -> Option<(&str, &str)> {
    Label::parse(line).map(|label| (label.speaker, label.rest))
}

/// The labels of a document that really are speakers.
pub(crate) struct Speakers {
    labels: HashMap<String, usize>,
    /// Whether a tool wrote them, with a time at each turn.
    pub(crate) timed: bool,
    /// Whether all labels are those of somebody who asks, so that the answers have none.
    pub(super) only_ask: bool,
    /// Whether each paragraph is somebody's answer, under their name.
    pub(super) each_answers: bool,
}

impl Speakers {
    /// Finds the labels that are speakers: those with a time stamp, with a role or a participant's
    /// number, and those that come back. Labels that only come back count if there are at least two
    /// of them, or one of the other kinds: a conversation takes two. Where somebody asks and nearly
    /// every line has a label, a label that stands there once counts as well; so it does where each
    /// paragraph is the answer of one of several people.
    pub(crate) fn find(blocks: &[Block]) -> Self {
        let mut labels: HashMap<String, usize> = HashMap::new();
        let (mut sure, mut timed) = (false, 0);
        let (mut asks, mut labelled, mut begun, mut all) = (false, 0, 0, 0);
        let mut stamped: HashSet<&str> = HashSet::new();
        let mut opening: Vec<&str> = Vec::new();
        let lines = blocks.iter().flat_map(|block| block.lines().iter().map(move |l| (block, l)));
        for (block, line) in lines {
            all += usize::from(!line.trim().is_empty());
            let Some(label) = Label::parse(line) else { continue };
            begun += 1;
            // Whoever asks may be left without a time.
            labelled += usize::from(label.timed || !moderator::is_asker(label.speaker));
            if label.timed {
                stamped.insert(label.speaker);
            }
            asks |= moderator::is_asker(label.speaker) && !is_remark(label.speaker);
            let named = |name: &String| is_short_for(label.speaker, name);
            let known = label.timed
                || moderator::is_asker(label.speaker)
                || is_generic(label.speaker)
                || is_numbered(label.speaker)
                || block.participant.as_ref().is_some_and(named);
            if all <= TITLE_LINES && !known && is_title(label.rest) {
                opening.push(label.speaker);
            }
            sure |= known;
            timed += usize::from(label.timed);
            *labels.entry(label.speaker.to_owned()).or_default() += if known { 2 } else { 1 };
        }
        let each_answers = !asks && are_answers(blocks);
        let round = each_answers || asks && begun >= answers::LEAST && begun * 10 >= all * 9;
        labels.retain(|label, count| *count >= 2 || round && !opening.contains(&label.as_str()));
        if !sure && labels.len() < 2 {
            labels.clear();
        }
        let timed = timed >= 2 && timed * 2 > labelled;
        // A tool that stamps the turns stamps those of each speaker.
        if timed && stamped.iter().any(|label| !moderator::is_asker(label)) {
            labels
                .retain(|label, _| stamped.contains(label.as_str()) || moderator::is_asker(label));
        }
        let only_ask = !labels.is_empty() && labels.keys().all(|label| moderator::is_asker(label));
        Self { labels, timed, only_ask, each_answers }
    }

    /// Finds the speakers of minutes: those who were present count even if they speak once.
    pub(super) fn among(names: &[String], blocks: &[Block]) -> Self {
        let mut speakers = Self::find(blocks);
        let lines = blocks.iter().flat_map(Block::lines);
        let labels = lines.filter_map(|line| Label::parse(line)).map(|label| label.speaker);
        let present = labels.filter(|label| is_present(label, names));
        speakers.labels.extend(present.map(|label| (label.to_owned(), 1)));
        speakers.only_ask &= speakers.labels.keys().all(|label| moderator::is_asker(label));
        speakers
    }

    /// Whether nobody speaks, so that the text is not a conversation.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels of the speakers, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(String::as_str)
    }

    pub(crate) fn label<'a>(&self, line: &'a str) -> Option<Label<'a>> {
        let is_speaker = |label: &Label<'_>| self.labels.contains_key(label.speaker);
        Label::parse(line).filter(is_speaker).or_else(|| Label::dotted(line).filter(is_speaker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_the_forms_that_tools_write() {
        for line in [
            "Ana María: text",
            "**Ana María:** text",
            "**Ana María**: text",
            "[00:01:02] Ana María: text",
            "00:01 - Ana María: text",
            "Ana María (nurse): text",
            "Ana María (00:02): text",
            "Ana María [00:01]: text",
            "#00:01:02-3# Ana María: text",
            "Ana María [EXT]: text",
            "Ana María (she/her) [EXT]: text",
            "(0:07) Ana María: text",
        ] {
            let label = Label::parse(line).unwrap_or_else(|| panic!("no label in {line:?}"));
            assert_eq!((label.speaker, label.rest), ("Ana María", "text"), "{line:?}");
            assert_eq!(label.timed, line.contains('0'), "{line:?}");
        }
        for line in ["I left at 14:10", "asked Mar 4 at 10:12", "We met the nurse - 9:30"] {
            assert!(Label::parse(line).is_none(), "{line}");
        }
        for (line, speaker) in [
            ("Ana de Souza  00:01:02", "Ana de Souza"),
            ("Ana María  00:01:02", "Ana María"),
            ("Ana María (External)   0:03", "Ana María"),
            ("María, Ana   0:03", "María, Ana"),
            ("Ana (Moderator)  0:03", "Ana (Moderator)"),
        ] {
            let label = Label::parse(line).unwrap_or_else(|| panic!("no label in {line:?}"));
            assert_eq!((label.speaker, label.rest, label.timed), (speaker, "", true), "{line:?}");
        }
    }

    #[test]
    fn the_wide_colon_needs_no_space_after_it() {
        for (line, speaker, rest) in [
            ("采访者：您好，您平时怎么去医院？", "采访者", "您好，您平时怎么去医院？"),
            ("**答：** 我五点起来。", "答", "我五点起来。"),
            ("问2：为什么？", "问", "为什么？"),
            ("佐藤（参加者）：はい", "佐藤", "はい"),
            ("[00:12] 王女士：对", "王女士", "对"),
        ] {
            let label = Label::parse(line).unwrap_or_else(|| panic!("no label in {line:?}"));
            assert_eq!((label.speaker, label.rest), (speaker, rest));
        }
        for line in ["10：30开门", "See http://x.example", "a:b", "时间：2024年"] {
            assert!(Label::parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn headers_of_mail_are_nobody() {
        for line in ["From: Ana", "Message-ID: <1@x>", "X-Mailer: Apple", "Return-Path: a"] {
            assert!(Label::parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn headings_that_name_a_participant_are_told_from_others() {
        assert_eq!(participant_of_heading("Interview with Ana").as_deref(), Some("Ana"));
        for (heading, code) in [
            ("Interview TN1", Some("TN1")),
            ("Entretien P-07 – Lyon", Some("P-07")),
            ("Interview Q3", None),
            ("Interview v2", None),
            ("Interview guide", None),
            ("Interview A4 printers", None),
        ] {
            assert_eq!(participant_of_heading(heading).as_deref(), code, "{heading}");
        }
        for (heading, age) in [
            ("Interview 1: Herr Bauer, 63, Hausmeister", Some("63")),
            ("Ngozi (nurse, 41)", Some("41")),
            ("P3 (34 years old), Leeds", Some("34")),
            ("Interview 12", None),
            ("Session of 12, 2024", None),
        ] {
            assert_eq!(age_in_heading(heading), age, "{heading}");
        }
        for heading in
            ["Participant 3 – Marta", "Participant D1 (f, 29)", "P07: night nurse", "User #2"]
        {
            assert_eq!(participant_of_heading(heading).as_deref(), Some(heading));
        }
        for heading in [
            "访谈1：王阿姨，72岁，退休教师",
            "受访者2",
            "Entrevista 3: Luis",
            "Carmen, 58, pescadera",
            "王阿姨，72岁",
            "María José (71 años)",
            "Tom – 34 – courier",
            "佐藤さん、45歳、会社員",
        ] {
            assert_eq!(participant_of_heading(heading).as_deref(), Some(heading));
        }
        assert_eq!(participant_of_heading("Entrevista con Luis").as_deref(), Some("Luis"));
        for heading in [
            "Monday, 24 May 2024",
            "Berlin, 24. Mai",
            "Chapter, 12",
            "slow, 34, and dear",
            "Results - 2024",
            "访谈提纲",
        ] {
            assert_eq!(participant_of_heading(heading), None, "{heading}");
        }
        for heading in ["Participants", "Interview guide", "User needs", "Pricing 2", "P"] {
            assert_eq!(participant_of_heading(heading), None, "{heading}");
        }
    }
}
