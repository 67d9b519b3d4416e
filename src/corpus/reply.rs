//! Tells what the writer of a message wrote from what the message only repeats.
//!
//! Owns the habits of mail and of forums: quoted lines (RFC 3676, section 4.5), the line that names
//! who is quoted, the whole message below an answer, the signature (same, section 4.3), what phones
//! and companies write under a message, and messages that are only forwarded.

use std::ops::Range;

use super::courtesies;
use super::findings::Findings;

/// Lines above the whole message that a mail program quotes without marks, in small letters.
const BELOW: [&str; 6] = [
    "-----original message-----",
    "-----ursprüngliche nachricht-----",
    "-----message d'origine-----",
    "-----mensaje original-----",
    "---------- forwarded message",
    "begin forwarded message:",
];

/// How the line that names who is quoted ends, before its colon: `Ana wrote:`.
const WROTE: [&str; 8] =
    ["wrote", "writes", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "schreef"];

/// Beginnings of the first header line of a message that was pasted below, in small letters.
const HEADER: [&str; 6] = ["from:", "von:", "de:", "da:", "van:", "från:"];

/// What programs and companies write under a message, in small letters.
const UNDER: [&str; 27] = [
    "verzonden vanaf ",
    "verzonden met ",
    "skickat från ",
    "skickades från ",
    "sendt fra ",
    "sendt fra min ",
    "wysłane z ",
    "wysłano z ",
    "lähetetty ",
    "odesláno z ",
    "sent from my ",
    "sent from mail for ",
    "sent via ",
    "get outlook for ",
    "von meinem ",
    "gesendet von ",
    "envoyé de mon ",
    "envoyé depuis ",
    "enviado desde mi ",
    "enviado do meu ",
    "inviato da ",
    "verstuurd vanaf ",
    "this e-mail may contain confidential",
    "this email may contain confidential",
    "this message may contain confidential",
    "diese e-mail enthält vertrauliche",
    "ce message peut contenir des informations confidentielles",
];

/// What the line above a forwarded message says, in small letters.
const FORWARD_MARKS: [&str; 9] = [
    "forwarded message",
    "weitergeleitete nachricht",
    "weitergeleiteten nachricht",
    "message transféré",
    "mensaje reenviado",
    "mensagem encaminhada",
    "messaggio inoltrato",
    "doorgestuurd bericht",
    "转发的邮件",
];

/// What people write above a message that they forward, in small letters.
const SEE_BELOW: [&str; 14] = [
    "fyi",
    "see below",
    "forward",
    "fwd",
    "zur info",
    "zur kenntnis",
    "siehe unten",
    "weiterleit",
    "pour info",
    "ci-dessous",
    "para tu información",
    "ver abajo",
    "per conoscenza",
    "segue abaixo",
];

/// Most words above a forwarded message that say no more than that it is forwarded.
const FEW_WORDS: usize = 8;

/// Longest message, in bytes, in which quotes are looked for; a longer one counts as its writer's
/// own.
const LONGEST_MESSAGE: usize = 1 << 16;

/// The byte ranges of a message that its writer wrote, without salutation and sign-off; the whole
/// message where everything in it is repeated.
pub(super) fn own(message: &str) -> Vec<Range<usize>> {
    if message.len() > LONGEST_MESSAGE {
        return whole(message);
    }
    let lines: Vec<Range<usize>> = message
        .split_inclusive('\n')
        .scan(0, |end, line| {
            let start = *end;
            *end += line.len();
            Some(start..*end)
        })
        .collect();
    let text = |line: usize| message[lines[line].clone()].trim();
    let ends = (0..lines.len()).find(|at| is_end(&text, *at, lines.len())).unwrap_or(lines.len());
    // A message forwarded with a word or two is what the writer has to say.
    if ends < lines.len() && only_forwards(&message[..lines[ends].start], text(ends)) {
        return whole(message);
    }
    let is_own = |at: usize| {
        let mut next = (at + 1..ends).map(text).filter(|line| !line.is_empty());
        let (first, second) = (next.next(), next.next());
        let names = names_the_quoted(text(at)) && first.is_some_and(is_quoted)
            // The line is often wrapped into two.
            || dates_the_quoted(text(at))
                && first.is_some_and(names_the_quoted)
                && second.is_some_and(is_quoted);
        !is_quoted(text(at)) && !names
    };
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for at in (0..ends).filter(|at| is_own(*at)) {
        let line = lines[at].clone();
        match pieces.last_mut() {
            Some(piece) if piece.end == line.start => piece.end = line.end,
            _ => pieces.push(line),
        }
    }
    if let (Some(first), Some(last)) = (pieces.first(), pieces.last()) {
        let (from, end) = (first.start, last.end);
        let said = courtesies::between(&message[from..end]);
        for piece in &mut pieces {
            *piece = piece.start.max(from + said.start)..piece.end.min(from + said.end);
        }
    }
    pieces.retain(|piece| !piece.is_empty() && !message[piece.clone()].trim().is_empty());
    if pieces.is_empty() { whole(message) } else { pieces }
}

/// The words of a message that its writer wrote, with a finding where others were left out.
pub(super) fn own_words(message: &str, line: usize, findings: &mut Findings) -> String {
    let own: Vec<&str> = own(message).into_iter().map(|piece| message[piece].trim()).collect();
    let own = own.join("\n");
    let filled = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    if filled(&own) < filled(message) {
        findings.note("quoted-mail", line, || {
            "what a message quotes from others, and what mail programs write under it (signatures, \
             notices), is left out"
                .to_owned()
        });
    }
    own
}

/// The words that the writer of a message wrote, where it has lines that only mail has: a sign-off, a
/// line of a program, or one that names who is quoted. Marks of quotations alone may mean anything.
pub(super) fn without_mail(message: &str) -> Option<String> {
    let kept: Vec<Range<usize>> = own(message);
    let mut gone: Vec<&str> = Vec::new();
    // A salutation alone is left where it stands.
    let opening = kept.first().map_or(0, |piece| piece.start);
    let answers = message[..opening].lines().any(|line| is_quoted(line.trim()));
    let mut from = if answers { 0 } else { opening };
    for piece in &kept {
        gone.extend(message[from..piece.start].lines());
        from = piece.end;
    }
    gone.extend(message[from..].lines());
    let mut gone = gone.into_iter().map(str::trim).filter(|line| !line.is_empty());
    let first = gone.next()?;
    // `From: Leeds` is a line of a form.
    let is_form = |line: &str| {
        let line = line.to_lowercase();
        HEADER.iter().any(|name| line.starts_with(name))
    };
    let has_header = is_form(first) || gone.clone().any(is_form);
    let is_mail = !is_quoted(first) || gone.any(|line| !is_quoted(line));
    let has_address = message.contains('@');
    let own: Vec<&str> = kept.into_iter().map(|piece| message[piece].trim()).collect();
    let own = own.join("\n");
    let says_something = own.split_whitespace().nth(LEAST_WORDS - 1).is_some();
    (is_mail && says_something && (!has_header || has_address)).then_some(own)
}

/// Fewest words of a message in a cell: of a list of brands, `LG` is no sign-off.
const LEAST_WORDS: usize = 4;

/// The range of the whole text, for text that is not a message.
pub(super) fn whole(text: &str) -> Vec<Range<usize>> {
    std::iter::once(0..text.len()).collect()
}

/// Where a forwarded message stands, in bytes of the message that forwards it.
pub(super) struct Forwarded {
    /// Where the words of the person who forwards it end.
    pub start: usize,
    /// The headers of the forwarded message; its text comes after them.
    pub head: Range<usize>,
}

/// The message that a text forwards, where its writer added next to nothing. Its `head` is the
/// lines up to the first blank one; whether these are headers is for the caller to check.
pub(super) fn forwarded(message: &str) -> Option<Forwarded> {
    let mut start = 0;
    let mut lines: Vec<(usize, &str)> = Vec::new();
    for line in message.split_inclusive('\n') {
        lines.push((start, line.trim()));
        start += line.len();
    }
    let text = |at: usize| lines[at].1;
    let ends = (0..lines.len()).find(|at| is_end(&text, *at, lines.len()))?;
    if !only_forwards(&message[..lines[ends].0], text(ends)) {
        return None;
    }
    let is_blank = |line: &&(usize, &str)| line.1.is_empty();
    let mark = usize::from(is_mark(text(ends)));
    let blank = lines[ends + mark..].iter().take_while(is_blank).count();
    let first = ends + mark + blank;
    let head = lines[first..].iter().take_while(|line| !is_blank(line)).count();
    let at = |line: usize| lines.get(line).map_or(message.len(), |(at, _)| *at);
    Some(Forwarded { start: at(ends), head: at(first)..at(first + head) })
}

/// Whether a line says that another message follows.
pub(super) fn is_mark(line: &str) -> bool {
    let lower = line.to_lowercase();
    BELOW.iter().any(|mark| lower.starts_with(mark)) || is_forward_mark(&lower)
}

/// Longest line, in characters, that may say that a forwarded message follows.
const LONGEST_FORWARD_MARK: usize = 80;

/// Whether a line in small letters is one such as `---------- forwarded message ---------`.
fn is_forward_mark(lower: &str) -> bool {
    (lower.starts_with('-') || lower.ends_with(':'))
        && lower.chars().count() <= LONGEST_FORWARD_MARK
        && FORWARD_MARKS.iter().any(|mark| lower.contains(mark))
}

/// Whether the writer of `above` only forwards what comes below the line `end`.
fn only_forwards(above: &str, end: &str) -> bool {
    let lower = above.to_lowercase();
    let is_announced = || SEE_BELOW.iter().any(|words| lower.contains(words));
    let is_message = end != "--" && !is_under(&end.to_lowercase());
    is_message
        && above.split_whitespace().nth(FEW_WORDS).is_none()
        && (is_forward_mark(&end.to_lowercase()) || is_announced())
}

fn is_under(lower: &str) -> bool {
    UNDER.iter().any(|words| lower.starts_with(words)) || is_disclaimer(lower)
}

/// Characters at the beginning of a disclaimer in which it names the message. A person who mentions
/// one does so later.
const DISCLAIMER_START: usize = 40;

/// Whether a line says that the message is for nobody else: `This message is confidential …`.
fn is_disclaimer(lower: &str) -> bool {
    const MESSAGE_WORDS: [&str; 12] = [
        "message",
        "e-mail",
        "email",
        "bericht",
        "nachricht",
        "mensaje",
        "correo",
        "mensagem",
        "messaggio",
        "courriel",
        "meddelande",
        "wiadomość",
    ];
    const SECRET_WORDS: [&str; 10] = [
        "confidential",
        "confidentiel",
        "confidencial",
        "riservat",
        "vertraulich",
        "vertrouwelijk",
        "konfidentiell",
        "fortrolig",
        "poufn",
        "intended only for",
    ];
    let begin: String = lower.chars().take(DISCLAIMER_START).collect();
    let begins = [
        "this ", "the ", "dit ", "deze ", "diese", "ce ", "este ", "esta ", "questo ", "questa ",
        "detta ", "denne ", "ta ",
    ];
    begins.iter().any(|word| begin.starts_with(word))
        && MESSAGE_WORDS.iter().any(|word| begin.contains(word))
        && SECRET_WORDS.iter().any(|word| lower.contains(word))
}

/// Whether the writer's own words end above this line: at the mark of a signature, at a notice by a
/// program or a company, or at another message that follows as a whole. A forwarded message may
/// have nothing above it.
fn is_end<'t>(text: &impl Fn(usize) -> &'t str, at: usize, lines: usize) -> bool {
    let line = text(at);
    let lower = line.to_lowercase();
    let starts_header = || {
        let next = if at + 1 < lines { text(at + 1) } else { "" };
        HEADER.iter().any(|name| lower.starts_with(name)) && next.contains(": ")
    };
    is_forward_mark(&lower)
        || at > 0
            && (line == "--"
                || is_under(&lower)
                || BELOW.iter().any(|mark| lower.starts_with(mark))
                || starts_header())
}

fn is_quoted(line: &str) -> bool {
    line.starts_with('>')
}

fn names_the_quoted(line: &str) -> bool {
    let before = line.strip_suffix(':').map(|line| line.trim_end().to_lowercase());
    before.is_some_and(|line| WROTE.iter().any(|wrote| line.ends_with(wrote)))
}

/// Whether a line begins to name who is quoted and goes on in the next: `On Mon, 3 Jun 2024, Ana`.
fn dates_the_quoted(line: &str) -> bool {
    let starts = ["On ", "Am ", "Le ", "El ", "Em ", "Il ", "Op ", "Den "];
    starts.iter().any(|word| line.starts_with(word)) && line.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(message: &str) -> Vec<&str> {
        own(message).into_iter().map(|piece| message[piece].trim()).collect()
    }

    #[test]
    fn what_is_quoted_from_others_is_not_the_writers() {
        let message = "> The box was wet.\nMine came dry.\n\nOn 3 May, Ana wrote:\n\n> > Is it cold?\n> Yes.\nIt was cold.";
        assert_eq!(pieces(message), ["Mine came dry.", "It was cold."]);
        assert_eq!(pieces("Both work.\n-- \nTom Miller\nHead of sales"), ["Both work."]);
        let below = "I still wait.\r\n\r\n-----Original Message-----\r\nFrom: Help\r\nPlease wait.";
        assert_eq!(pieces(below), ["I still wait."]);
        let header = "I still wait.\n\nVon: Hilfe <h@x.example>\nGesendet: Montag\nBitte warten.";
        assert_eq!(pieces(header), ["I still wait."]);
    }

    #[test]
    fn what_programs_write_under_a_message_is_not_the_writers() {
        assert_eq!(pieces("It is late.\n\nSent from my iPhone"), ["It is late."]);
        let wrapped =
            "It is late.\n\nOn Mon, 3 Jun 2024 at 08:10, Ana Lind <a@b.example>\nwrote:\n> Is it?";
        assert_eq!(pieces(wrapped), ["It is late."]);
    }

    #[test]
    fn a_message_that_is_only_forwarded_is_not_lost() {
        for message in [
            "FYI see below\n\n-----Original Message-----\nFrom: Ana <a@b.example>\nSent: Monday\n\nThe lift is slow.",
            "FYI\n\n---------- Forwarded message ---------\nFrom: Ana\nDate: Monday\n\nThe lift is slow.",
            "---------- Forwarded message ---------\nFrom: Ana\nDate: Monday\n\nThe lift is slow.",
        ] {
            assert_eq!(own(message), whole(message), "{message}");
            let found = forwarded(message).unwrap();
            assert!(message[found.head.clone()].starts_with("From: Ana"), "{message}");
            assert_eq!(message[found.head.end..].trim(), "The lift is slow.");
        }
        let answer =
            "Thanks!\n\n-----Original Message-----\nFrom: Help\nSent: Monday\n\nPlease wait.";
        assert_eq!(pieces(answer), ["Thanks!"]);
        assert!(forwarded(answer).is_none());
    }

    #[test]
    fn only_what_is_surely_mail_is_cut_down_in_a_cell() {
        let cut = [
            "Dear team,\nI enter grades at night.\nKind regards\nJonas Maier\nTel. +49 30 000000",
            "I enter grades at night.\n\nThanks,\nTala",
            "I enter grades at night.\n\nOn Mon, Jan 5, Support <h@x.example> wrote:\n> Why?",
            "Ich trage abends Noten ein.\n\nVon meinem iPhone gesendet",
        ];
        for message in cut {
            let own = without_mail(message).unwrap();
            assert!(own == "I enter grades at night." || own == "Ich trage abends Noten ein.");
        }
        for whole in [
            "I enter grades at night.\nMy pupils sleep then.",
            "Dear team,\nI enter grades at night.",
            "Samsung\nLG\nSony",
            "> I enter grades at night.\nThat is what she told me.",
            "I go by train every day.\nFrom: Leeds\nTo: York",
            "It ends, thanks to her,\nat noon and not at night.",
        ] {
            assert_eq!(without_mail(whole), None, "{whole}");
        }
    }

    #[test]
    fn a_message_of_which_nothing_is_quoted_is_its_writers() {
        for message in [
            "",
            "one line",
            "a > b\nand c",
            "From: here I see the sea.\nIt is blue.",
            "> all of it",
        ] {
            assert_eq!(own(message), whole(message), "{message}");
        }
        let closed = "Het is te druk.\nVerzonden vanaf mijn iPhone";
        assert_eq!(pieces(closed), ["Het is te druk."]);
        let secret =
            "It is too loud.\nThis message is confidential and intended only for the addressee.";
        assert_eq!(pieces(secret), ["It is too loud."]);
        // A line that names who is quoted belongs to the writer if no quote follows.
        assert_eq!(pieces("What she wrote:\nnothing"), ["What she wrote:\nnothing"]);
    }
}
