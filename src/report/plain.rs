//! Text from data and models, made safe to show.
//!
//! Owns which characters a terminal or a Markdown reader must never be shown: escape sequences,
//! control characters, and characters that reorder or hide text. What is stored is not changed: the
//! run folder's JSON keeps every character, escaped.

/// `text` without escape sequences and invisible controls. Line breaks stay, tabs become blanks.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            // The one-character forms of `ESC [` and of the sequences that introduce a string.
            '\u{9b}' => skip_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\n' => shown.push('\n'),
            '\t' => shown.push(' '),
            c if c.is_control() || reorders_or_hides(c) => {}
            c => shown.push(c),
        }
    }
    shown
}

/// [`plain`] text on one line, with line breaks turned into blanks.
pub fn plain_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number with its noun: `1 record`, `2 records`.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Whether a character reorders or hides text: direction overrides and isolates, and characters
/// without width. The joiners U+200C and U+200D are not among them, since scripts and emoji need
/// them.
fn reorders_or_hides(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips what follows `ESC` (ECMA-48): a control sequence, a string, or one character.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(' '..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// Skips the parameters and the final byte of a control sequence. Stops at the first character that
/// cannot be part of one, so that a lone introducer does not swallow the text after it.
fn skip_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Skips a device or operating-system string, up to its terminator or the end of the line.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        if c == '\u{7}' || c == '\u{9c}' {
            return;
        }
        if c == '\u{1b}' {
            chars.next_if(|c| *c == '\\');
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_go_and_the_text_around_them_stays() {
        for (hostile, shown) in [
            ("a\u{1b}[31mred\u{1b}[0m", "ared"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]52;c;aGk=\u{1b}\\b", "ab"),
            ("a\u{9b}2Jb\rc\u{8}d", "abcd"),
            ("a\u{202e}b\u{2066}c\u{200b}d", "abcd"),
            ("family 👩\u{200d}👧 é 日本", "family 👩\u{200d}👧 é 日本"),
            ("tab\there\nnext", "tab here\nnext"),
            ("\u{1b}", ""),
            ("\u{1b}]never ends\nnext line", "\nnext line"),
        ] {
            assert_eq!(plain(hostile), shown, "{hostile:?}");
        }
        assert_eq!(plain_line(" a\n\tb  c "), "a b c");
    }

    proptest! {
        #[test]
        fn nothing_shown_is_a_control_character(text in any::<String>()) {
            prop_assert!(plain(&text).chars().all(|c| c == '\n' || !c.is_control()));
        }

        #[test]
        fn printable_text_is_shown_as_it_is(text in "[ -~é日本\n]*") {
            prop_assert_eq!(plain(&text), text);
        }
    }
}
