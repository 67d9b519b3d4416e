//! What of a message its writer wrote, and what it only repeats.
//!
//! Owns the habits of mail and of forums: quoted lines (RFC 3676, section 4.5), the line that names who
//! is quoted, the whole message below an answer, the signature (same, section 4.3).

use std::ops::Range;

/// What an answer stands above when the mail program quotes without marks.
const BELOW: [&str; 6] = [
    "-----original message-----",
    "-----ursprüngliche nachricht-----",
    "-----message d'origine-----",
    "-----mensaje original-----",
    "---------- forwarded message",
    "begin forwarded message:",
];

/// How the line that names who is quoted ends, before its colon.
const WROTE: [&str; 8] =
    ["wrote", "writes", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "schreef"];

/// The header of a message that was pasted with it: these begin its lines.
const HEADER: [&str; 6] = ["from:", "von:", "de:", "da:", "van:", "från:"];

/// Bytes of the longest text that is taken for a message.
const MESSAGE: usize = 1 << 16;

/// The pieces of a message that its writer wrote, in bytes; all of it where everything is repeated.
pub(super) fn own(message: &str) -> Vec<Range<usize>> {
    if message.len() > MESSAGE {
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
    let is_own = |at: usize| {
        let next = (at + 1..ends).map(text).find(|line| !line.is_empty());
        !(is_quoted(text(at)) || names_the_quoted(text(at)) && next.is_some_and(is_quoted))
    };
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for at in (0..ends).filter(|at| is_own(*at)) {
        let line = lines[at].clone();
        match pieces.last_mut() {
            Some(piece) if piece.end == line.start => piece.end = line.end,
            _ => pieces.push(line),
        }
    }
    pieces.retain(|piece| !message[piece.clone()].trim().is_empty());
    if pieces.is_empty() { whole(message) } else { pieces }
}

/// The only piece of a text that is no message.
pub(super) fn whole(text: &str) -> Vec<Range<usize>> {
    std::iter::once(0..text.len()).collect()
}

/// Whether what the writer wrote has ended above this line: with a signature's mark, or a message that
/// follows whole.
fn is_end<'t>(text: &impl Fn(usize) -> &'t str, at: usize, lines: usize) -> bool {
    let line = text(at);
    let lower = line.to_lowercase();
    let starts_header = || {
        let next = if at + 1 < lines { text(at + 1) } else { "" };
        HEADER.iter().any(|name| lower.starts_with(name)) && next.contains(": ")
    };
    at > 0 && (line == "--" || BELOW.iter().any(|mark| lower.starts_with(mark)) || starts_header())
}

fn is_quoted(line: &str) -> bool {
    line.starts_with('>')
}

fn names_the_quoted(line: &str) -> bool {
    let before = line.strip_suffix(':').map(|line| line.trim_end().to_lowercase());
    before.is_some_and(|line| WROTE.iter().any(|wrote| line.ends_with(wrote)))
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
        // Who is quoted, without a quote that follows, is what somebody says.
        assert_eq!(pieces("What she wrote:\nnothing"), ["What she wrote:\nnothing"]);
    }
}
