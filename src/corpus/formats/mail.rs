//! E-mail: one message, an archive of them (mbox), or messages that were pasted into a text.
//!
//! Owns where a message begins and ends, and which of its parts its writer wrote. Headers,
//! encodings and MIME parts are read by `mail-parser`; the habits of quoting belong to `reply`, and
//! who answers whom to `correspondence`. Formats: RFC 5322 (messages), RFC 4155 (mbox).

mod correspondence;

use std::borrow::Cow;
use std::sync::LazyLock;

use mail_parser::{Addr, Encoding, HeaderValue, Message, MessageParser, MessagePart, PartType};
use regex::Regex;

use crate::corpus::lines::is_rule;
use crate::corpus::markup;
use crate::corpus::reply;
use crate::corpus::rows::Rows;

/// Marks of a rule between messages.
const RULE_MARKS: &str = "-=_*";
/// Fewest marks of such a rule.
const LEAST_RULE: usize = 3;

/// Names of headers as mail programs show them, in small letters, and as the parser knows them.
const HEADERS: [(&str, &str); 43] = [
    ("from", "From"),
    ("von", "From"),
    ("de", "From"),
    ("da", "From"),
    ("van", "From"),
    ("från", "From"),
    ("to", "To"),
    ("an", "To"),
    ("à", "To"),
    ("para", "To"),
    ("aan", "To"),
    ("till", "To"),
    ("cc", "Cc"),
    ("kopie", "Cc"),
    ("bcc", "Bcc"),
    ("subject", "Subject"),
    ("betreff", "Subject"),
    ("objet", "Subject"),
    ("asunto", "Subject"),
    ("assunto", "Subject"),
    ("oggetto", "Subject"),
    ("onderwerp", "Subject"),
    ("ämne", "Subject"),
    ("date", "Date"),
    ("datum", "Date"),
    ("sent", "Date"),
    ("gesendet", "Date"),
    ("envoyé", "Date"),
    ("enviado", "Date"),
    ("inviato", "Date"),
    ("verzonden", "Date"),
    ("skickat", "Date"),
    ("reply-to", "Reply-To"),
    ("in-reply-to", "In-Reply-To"),
    ("references", "References"),
    ("message-id", "Message-ID"),
    ("return-path", "Return-Path"),
    ("received", "Received"),
    ("delivered-to", "Delivered-To"),
    ("mime-version", "MIME-Version"),
    ("content-type", "Content-Type"),
    ("content-transfer-encoding", "Content-Transfer-Encoding"),
    ("auto-submitted", "Auto-Submitted"),
];

/// A message as a reader of a mail program sees it.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    /// Number of its first line in the file, from 1.
    pub line: usize,
    pub from: Person,
    /// Addresses that it was sent to.
    pub to: Vec<String>,
    pub subject: String,
    /// When it was sent, in seconds since 1970.
    pub sent: Option<i64>,
    pub id: Option<String>,
    /// Ids of the messages before it in its thread, the nearest last.
    pub before: Vec<String>,
    /// Whether a program sent it: a notice that mail did not arrive, an answer while away.
    pub is_automatic: bool,
    /// What its writer wrote.
    pub own: String,
}

/// Who wrote a message.
#[derive(Debug, Default, Clone)]
pub(crate) struct Person {
    pub name: Option<String>,
    /// The address in small letters; the name where no address is given.
    pub address: String,
}

/// Whether text is mail: it begins with the headers of a message.
pub(crate) fn looks_like_mail(text: &str) -> bool {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let mut lines = text.lines();
    let is_archive = lines.next().is_some_and(is_separator);
    let head = if is_archive { Head::parse(lines) } else { Head::parse(text.lines()) };
    head.is_some_and(|head| is_archive || head.is_certain())
}

/// Reads messages.
pub(crate) fn read(text: &str, rows: &mut Rows) -> Result<(), String> {
    let mut letters = Vec::new();
    for (line, message) in split(text) {
        let Some(head) = Head::parse(message.lines()) else {
            // Text above the first message, or a file that is mail by its name only.
            let own = message.trim().to_owned();
            letters.push(Letter { line, own, ..Letter::default() });
            continue;
        };
        rows.findings.note("mail-headers", line, || {
            "headers of messages are nobody's words: the sender and the subject are kept beside the \
             text, the others left out"
                .to_owned()
        });
        let body = message.lines().skip(head.lines);
        let raw = format!("{}\n{}", head.text, body.collect::<Vec<_>>().join("\n"));
        if let Some(message) = MessageParser::default().parse(raw.as_bytes()) {
            add_letters(&message, &raw, line, &mut letters, rows);
        }
    }
    letters.retain(|letter| !letter.own.trim().is_empty());
    correspondence::into_rows(&letters, rows)
}

/// Adds a message, and before it the messages that it forwards.
fn add_letters(
    message: &Message<'_>,
    raw: &str,
    line: usize,
    letters: &mut Vec<Letter>,
    rows: &mut Rows,
) {
    let mut letter = Letter::of(message, line);
    let text = message.text_bodies().filter_map(|part| words_of(part, Some(raw)));
    let text = text.collect::<Vec<_>>().join("\n\n");
    let mut forwarded = Vec::new();
    for part in message.attachments() {
        if let PartType::Message(inside) = &part.body {
            let mut inner = Letter::of(inside, line);
            let text: Vec<_> =
                inside.text_bodies().filter_map(|part| words_of(part, None)).collect();
            inner.own = reply::own_words(&text.join("\n\n"), line, &mut rows.findings);
            forwarded.push(inner);
        } else {
            rows.findings.note("attachment", line, || {
                "files that are attached to messages are not read".to_owned()
            });
        }
    }
    if let Some(below) = reply::forwarded(&text) {
        let head = Head::parse(text[below.head.clone()].lines().map(str::trim_start));
        let message = head
            .and_then(|head| Some(Letter::of(&MessageParser::default().parse(&head.text)?, line)));
        if let Some(mut inner) = message.filter(|inner| !inner.from.address.is_empty()) {
            inner.own = reply::own_words(text[below.head.end..].trim(), line, &mut rows.findings);
            forwarded.push(inner);
            text[..below.start].trim().clone_into(&mut letter.own);
        } else {
            text.trim().clone_into(&mut letter.own);
        }
    } else {
        letter.own = reply::own_words(&text, line, &mut rows.findings);
    }
    // What is forwarded was written first.
    letters.extend(forwarded);
    letters.push(letter);
}

impl Letter {
    fn of(message: &Message<'_>, line: usize) -> Self {
        let from =
            message.from().and_then(|from| from.first()).or_else(|| message.sender()?.first());
        let from = from.map(Person::of).unwrap_or_default();
        let sent_to = message.all_to().chain(message.all_cc()).flat_map(mail_parser::Address::iter);
        let to = sent_to.map(|to| Person::of(to).address).collect();
        let mut before = ids(message.references());
        before.extend(ids(message.in_reply_to()));
        let is_automatic = is_automatic(message, &from.address);
        let subject = message.subject().unwrap_or_default().trim().to_owned();
        let id = message.message_id().map(str::to_owned);
        let sent = message.date().map(mail_parser::DateTime::to_timestamp);
        Self { line, from, to, subject, sent, id, before, is_automatic, own: String::new() }
    }
}

impl Person {
    fn of(address: &Addr<'_>) -> Self {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let name = address.name().map(|name| name.trim_matches(['"', '\'', ' '])).and_then(filled);
        let said = address.address().and_then(filled);
        let address = said.or_else(|| name.clone()).unwrap_or_default().to_lowercase();
        Self { name, address }
    }
}

/// The text of a part of a message. A part that is not encoded is taken from `raw`, as it stands in
/// the file: its bytes were read as text already, whatever its headers say.
fn words_of(part: &MessagePart<'_>, raw: Option<&str>) -> Option<String> {
    let (PartType::Text(text) | PartType::Html(text)) = &part.body else { return None };
    let range = part.offset_body as usize..part.offset_end as usize;
    let plain = raw.filter(|_| part.encoding == Encoding::None).and_then(|raw| raw.get(range));
    let text = plain.unwrap_or(text);
    if matches!(part.body, PartType::Html(_)) {
        return Some(markup::words_of_cell(text).unwrap_or_else(|| text.to_owned()));
    }
    Some(text.to_owned())
}

fn ids(header: &HeaderValue<'_>) -> Vec<String> {
    match header {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(Cow::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Whether a program sent a message, to judge by its sender or by headers such as those of RFC
/// 3834.
fn is_automatic(message: &Message<'_>, from: &str) -> bool {
    const PROGRAMS: [&str; 9] = [
        "mailerdaemon",
        "postmaster",
        "noreply",
        "donotreply",
        "neantworten",
        "nichtantworten",
        "bounce",
        "bounces",
        "autoreply",
    ];
    let says =
        |name: &str| message.header_raw(name.to_owned()).map(|value| value.trim().to_lowercase());
    let local = from.split('@').next().unwrap_or_default();
    let local: String = local
        .split('+')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    PROGRAMS.contains(&local.as_str())
        || says("Auto-Submitted").is_some_and(|value| value != "no")
        || says("X-Autoreply").is_some()
        || says("X-Auto-Reply").is_some()
        || says("Precedence").is_some_and(|value| value == "auto_reply")
        || says("Content-Type").is_some_and(|value| value.starts_with("multipart/report"))
}

/// The headers at the beginning of a message.
struct Head {
    /// The headers as the parser knows them, with translated names in English.
    text: String,
    /// Number of lines that they fill, with the empty line below them.
    lines: usize,
    has_address: bool,
    has_subject: bool,
    /// Whether the headers say how the message is encoded, which means that it is as a program
    /// wrote it.
    is_mime: bool,
}

impl Head {
    /// Reads the headers that a message begins with: two or more that a mail program shows or
    /// writes, one of them the sender. `None` for other text.
    fn parse<'t>(lines: impl Iterator<Item = &'t str>) -> Option<Self> {
        static NAMED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^\*?(?P<name>[\p{L}][\p{L}0-9-]{0,60})\*?\s*:\*?(?:\s+|$)(?P<value>.*)$")
                .expect("the pattern is valid")
        });
        let (mut known, mut from) = (0, false);
        let mut head = Self {
            text: String::new(),
            lines: 0,
            has_address: false,
            has_subject: false,
            is_mime: false,
        };
        for line in lines {
            if line.trim().is_empty() {
                // The empty line below the headers is not part of the text.
                head.lines += 1;
                break;
            }
            if line.starts_with([' ', '\t']) && !head.text.is_empty() {
                head.text.push_str(line);
            } else if let Some(found) = NAMED.captures(line) {
                let name = found["name"].to_lowercase();
                let english = HEADERS.iter().find(|(own, _)| *own == name).map(|(_, to)| *to);
                // Any word may stand before a colon, so an unknown one is a header only below two
                // known ones.
                let is_technical = name.contains('-');
                if english.is_none() && !is_technical && known < 2 {
                    break;
                }
                known += usize::from(english.is_some());
                from |= english == Some("From");
                head.has_address |= english == Some("From") && found["value"].contains('@');
                head.has_subject |= english == Some("Subject");
                head.is_mime |= matches!(english, Some("MIME-Version" | "Content-Type"));
                head.text.push_str(english.unwrap_or(&found["name"]));
                head.text.push_str(": ");
                head.text.push_str(&found["value"]);
            } else {
                break;
            }
            head.text.push('\n');
            head.lines += 1;
        }
        (known >= 2 && from).then_some(head)
    }

    /// Whether the headers cannot begin something else, such as the diary of a journey
    /// (`From: Rome`).
    fn is_certain(&self) -> bool {
        self.has_address || self.has_subject
    }
}

/// Whether a line is the one above a message in an archive:
/// `From ana@web.example Mon Jun  3 08:10:00 2024`.
fn is_separator(line: &str) -> bool {
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^From \S+ .*\d{1,2}:\d{2}.*\d{4}").expect("the pattern is valid")
    });
    SEPARATOR.is_match(line)
}

/// The messages of a text, each with the number of its first line.
fn split(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<(usize, &str)> = text
        .split_inclusive('\n')
        .scan(0, |end, line| {
            let start = *end;
            *end += line.len();
            Some((start, line.trim_end().trim_start_matches('\u{FEFF}')))
        })
        .collect();
    let text_of = |at: usize| lines[at..].iter().map(|(_, line)| *line);
    let is_after_blank = |at: usize| {
        at == 0 || lines[at - 1].1.is_empty() || is_rule(lines[at - 1].1, RULE_MARKS, LEAST_RULE)
    };
    let is_marked = |at: usize| {
        is_separator(lines[at].1) && is_after_blank(at) && Head::parse(text_of(at + 1)).is_some()
    };
    let first = lines.iter().position(|(_, line)| !line.is_empty()).unwrap_or(0);
    let mut starts: Vec<(usize, usize)> = Vec::new();
    if lines.get(first).is_some_and(|_| is_marked(first)) {
        let marked = (first..lines.len()).filter(|at| is_marked(*at));
        starts.extend(marked.map(|at| (at, at + 1)));
    } else {
        let head = |at: usize| Head::parse(text_of(at)).filter(Head::is_certain);
        // Inside a message as a program wrote it, further headers are those of its parts.
        let is_mime = !lines.is_empty() && head(first).is_some_and(|head| head.is_mime);
        let is_below_mark = |at: usize| {
            let above =
                lines[..at].iter().rev().map(|(_, line)| *line).find(|line| !line.is_empty());
            above.is_some_and(reply::is_mark)
        };
        let last = if is_mime { (first + 1).min(lines.len()) } else { lines.len() };
        let begins = |at: &usize| is_after_blank(*at) && head(*at).is_some() && !is_below_mark(*at);
        starts.extend((first..last).filter(begins).map(|at| (at, at)));
        if starts.first().is_none_or(|(at, _)| *at != first) && !lines.is_empty() {
            starts.insert(0, (first, first));
        }
    }
    let end_of = |i: usize| starts.get(i + 1).map_or(text.len(), |(at, _)| lines[*at].0);
    let messages = starts.iter().enumerate().filter(|(_, (_, body))| *body < lines.len());
    messages.map(|(i, (_, body))| (*body + 1, &text[lines[*body].0..end_of(i)])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::test_support::{load_mail, rows_and_said};

    #[test]
    fn a_message_is_a_record_of_its_sender_without_headers_and_quotes() {
        let text = "From ana@web.example Mon Jun  3 08:10:00 2024\nReturn-Path: <ana@web.example>\n\
                    Message-ID: <1@mx.example>\nFrom: Ana Lind <Ana@web.example>\nTo: shop@x.example\n\
                    Subject: My\n tablets\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n\
                    Content-Transfer-Encoding: 8bit\n\nNote: my number never comes, naïve me.\n\n--\nAna\n\n\
                    From ana@web.example Mon Jun  4 08:10:00 2024\nFrom: ana@web.example\nSubject: Re: My tablets\n\n\
                    Still not.\n\nOn Mon, 3 Jun 2024, Shop wrote:\n> Press the button.\n";
        assert!(looks_like_mail(text));
        let rows = load_mail(text);
        assert_eq!(
            rows_and_said(&rows),
            [
                (
                    2,
                    Some("Ana Lind"),
                    "subject: My tablets\ntext: Note: my number never comes, naïve me."
                ),
                (18, Some("Ana Lind"), "subject: Re: My tablets\ntext: Still not."),
            ]
        );
        assert_eq!(
            rows.findings.kinds(),
            [("mail-headers", Some(2), 2), ("quoted-mail", Some(2), 2)]
        );
    }

    #[test]
    fn salutation_closing_and_signature_are_not_said() {
        let mail = |body: &str| {
            let head = "From: Kemal <k@post.example>\nTo: x@y.example\nSubject: Parken\n\n";
            load_mail(&format!("{head}{body}")).records.remove(0).text
        };
        let words = "ich habe zwei Autos und eine Karte.";
        for body in [
            format!(
                "Sehr geehrte Damen und Herren,\n\n{words}\n\nViele Grüße\nKemal\n\nKemal Aydin\nEinkauf\nTel. 0234 5550\n"
            ),
            format!("Hallo Frau Pohl,\n{words}\n\nLG Kemal\n"),
            format!("{words}\n\nThanks!\n\nKemal\n"),
        ] {
            assert_eq!(mail(&body), format!("subject: Parken\ntext: {words}"), "{body}");
        }
        let goes_on = "Thanks,\n\nit works now.";
        assert!(mail(goes_on).ends_with("it works now."), "nothing stands above the closing");
        let added = format!("{words}\n\nViele Grüße\nKemal\n\nPS: Und der Schlüssel klemmt.\n");
        assert!(mail(&added).contains("PS: Und der Schlüssel klemmt."));
    }

    #[test]
    fn questions_that_a_message_repeats_are_not_its_senders() {
        let rows = load_mail(
            "From: T <t@post.example>\nSubject: Re: panels\n\nAnswers below.\n\nQ1: Why did you\nbuy them?\n\
             A1: Because of the freezer.\n\nQ2: Who came?\nA2: My brother.\nAnd a man from church.\n",
        );
        let texts: Vec<_> = rows.records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "subject: Re: panels\ntext: Answers below.",
                "subject: Re: panels\nquestion: Why did you buy them?\ntext: Because of the freezer.",
                "subject: Re: panels\nquestion: Who came?\ntext: My brother.\nAnd a man from church.",
            ]
        );
    }

    #[test]
    fn encodings_and_parts_are_read_as_a_mail_program_shows_them() {
        let rows = load_mail(
            "From: =?utf-8?B?SsO8cmdlbg==?= <j@x.example>\nSubject: =?iso-8859-1?Q?B=FCro?=\n\
             Content-Type: multipart/mixed; boundary=b\n\n--b\n\
             Content-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: quoted-printable\n\nEs ist zu sp=C3=A4t am=\n Abend.\n--c\n\
             Content-Type: text/html\n\n<p>Es ist zu sp&auml;t.</p>\n--c--\n--b\n\
             Content-Type: image/png\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n\
             iVBORw0K\n--b--\n",
        );
        let text = "subject: Büro\ntext: Es ist zu spät am Abend.";
        assert_eq!(rows_and_said(&rows), [(1, Some("Jürgen"), text)]);
        assert_eq!(
            rows.findings.kinds(),
            [("mail-headers", Some(1), 1), ("attachment", Some(1), 1)]
        );
        let html = "From: a@x.example\nSubject: x\nContent-Type: text/html\n\n<p>One</p><p>Two &amp; three</p>\n";
        assert_eq!(rows_and_said(&load_mail(html))[0].2, "subject: x\ntext: One\nTwo & three");
    }

    #[test]
    fn messages_pasted_into_a_text_are_parted_at_their_headers() {
        let text = "Von: Ana <a@x.example>\nGesendet: Montag\nAn: Laden\nBetreff: Stuhl\n\nIch stehe zu lange.\n\n\
                    Von: Bo <b@x.example>\nGesendet: Montag\nBetreff: Box\n\nSie ist nass.\n";
        assert!(looks_like_mail(text));
        let rows = load_mail(text);
        let expected = [
            (1, Some("Ana"), "subject: Stuhl\ntext: Ich stehe zu lange."),
            (8, Some("Bo"), "subject: Box\ntext: Sie ist nass."),
        ];
        assert_eq!(rows_and_said(&rows), expected);
        for text in [
            "From: Berlin\nTo: Munich\n\nI took the train.",
            "Date: Monday\nTopic: lifts\n\nSlow.",
            "From here on it is 10:30 in 2024.\nAna: Hi",
            "Moderator: Hi\nAna: Hi",
        ] {
            assert!(!looks_like_mail(text), "{text}");
        }
    }

    #[test]
    fn a_message_that_is_forwarded_is_its_own_senders() {
        let text = "From: Shop <team@x.example>\nTo: research@x.example\nSubject: Fwd: Chair\n\nFYI see below\n\n\
                    ---------- Forwarded message ---------\nFrom: Ana <a@y.example>\nDate: Monday\n\
                    Subject: Chair\n\nI cannot stand so long.\n";
        let expected = [(1, Some("Ana"), "subject: Chair\ntext: I cannot stand so long.")];
        assert_eq!(rows_and_said(&load_mail(text)), expected);
        let whole = "From: Bo <b@x.example>\nSubject: Fwd\n\nFYI\n\n-------- Forwarded message --------\n\nIt is slow.\n";
        assert_eq!(
            rows_and_said(&load_mail(whole))[0].2,
            "subject: Fwd\ntext: FYI\n\n-------- Forwarded message --------\n\nIt is slow."
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(From x 1:00 2024\n|From: a@b.c\n|Subject: |Content-Type: multipart/mixed; boundary=b\n|--b\n|[>a-c é:\n=?]{0,20}){0,12}") {
            let rows = load_mail(&text);
            prop_assert!(rows.records.iter().all(|record| !record.text.trim().is_empty()));
        }
    }
}
