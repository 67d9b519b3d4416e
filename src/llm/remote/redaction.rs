//! Takes a key out of a service's words, however it is spelled.
//!
//! Owns the spellings in which a text can hold the key unnoticed: as it is, with the escapes of
//! JSON, HTML or URLs, and with these within each other.

use std::ops::Range;

/// The text that replaces a key.
const REDACTED: &str = "[key]";

/// Levels of escapes that are looked through, as in JSON in a string of JSON, escaped for HTML.
const DEPTH: usize = 4;

/// A text with each occurrence of `secret` replaced.
pub(super) fn redacted(text: &str, secret: &str) -> String {
    // A secret that holds what looks like an escape is unescaped in the same way as the text around
    // it.
    let secrets = levels(Read::plain(secret)).map(|read| read.bytes).collect::<Vec<_>>();
    let mut found: Vec<Range<usize>> = Vec::new();
    for read in levels(Read::plain(text)) {
        found.extend(secrets.iter().flat_map(|secret| read.occurrences(secret)));
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for range in found.into_iter().filter(|range| range.start < range.end) {
        if range.start >= copied {
            clean.push_str(&text[copied..range.start]);
            clean.push_str(REDACTED);
        }
        copied = copied.max(range.end);
    }
    clean.push_str(&text[copied..]);
    clean
}

/// A text as it is, and after each level of escapes is removed.
fn levels(plain: Read) -> impl Iterator<Item = Read> {
    std::iter::successors(Some(plain), Read::unescaped).take(DEPTH + 1)
}

/// A text with some levels of escapes removed, and the place of each byte in the original.
struct Read {
    bytes: Vec<u8>,
    /// For each byte, the range of the original that spells it.
    spelled: Vec<Range<usize>>,
}

impl Read {
    fn plain(text: &str) -> Self {
        let chars = text.char_indices();
        // Each byte of a character is spelled by the whole character, so that no range cuts one.
        let spelled = chars.flat_map(|(at, c)| vec![at..at + c.len_utf8(); c.len_utf8()]);
        Self { bytes: text.as_bytes().to_vec(), spelled: spelled.collect() }
    }

    /// The ranges of the original that spell a secret.
    fn occurrences(&self, secret: &[u8]) -> Vec<Range<usize>> {
        if secret.is_empty() {
            return Vec::new();
        }
        let windows = self.bytes.windows(secret.len()).enumerate();
        let starts = windows.filter(|(_, window)| *window == secret).map(|(at, _)| at);
        starts.map(|at| self.spelled[at].start..self.spelled[at + secret.len() - 1].end).collect()
    }

    /// The text with one more level of escapes removed; `None` where there is none.
    fn unescaped(&self) -> Option<Self> {
        let mut next = Self { bytes: Vec::new(), spelled: Vec::new() };
        let mut at = 0;
        let mut changed = false;
        while at < self.bytes.len() {
            let Some((c, length)) = escape(&self.bytes[at..]) else {
                next.bytes.push(self.bytes[at]);
                next.spelled.push(self.spelled[at].clone());
                at += 1;
                continue;
            };
            changed = true;
            let whole = self.spelled[at].start..self.spelled[at + length - 1].end;
            let mut utf8 = [0; 4];
            let spelling = match c {
                Escaped::Char(c) => c.encode_utf8(&mut utf8).as_bytes(),
                Escaped::Byte(byte) => {
                    utf8[0] = byte;
                    &utf8[..1]
                }
            };
            next.bytes.extend_from_slice(spelling);
            next.spelled.extend(std::iter::repeat_n(whole, spelling.len()));
            at += length;
        }
        changed.then_some(next)
    }
}

/// What an escape stands for.
enum Escaped {
    Char(char),
    /// A byte in a URL, where a character may take several.
    Byte(u8),
}

/// The escape at the beginning of `bytes`, if there is one, and its length in bytes.
fn escape(bytes: &[u8]) -> Option<(Escaped, usize)> {
    let char = |c: u32, length| Some((Escaped::Char(char::from_u32(c)?), length));
    match bytes {
        [b'\\', b'u', ..] => char(number(bytes.get(2..6)?, 16)?, 6),
        [b'\\', c @ (b'"' | b'\\' | b'/'), ..] => char(u32::from(*c), 2),
        [b'%', ..] => {
            let byte = number(bytes.get(1..3)?, 16)?;
            Some((Escaped::Byte(u8::try_from(byte).ok()?), 3))
        }
        [b'&', b'#', rest @ ..] => {
            let end = rest.iter().take(10).position(|byte| *byte == b';')?;
            let value = match &rest[..end] {
                [b'x' | b'X', digits @ ..] => number(digits, 16)?,
                digits => number(digits, 10)?,
            };
            char(value, end + 3)
        }
        [b'&', rest @ ..] => {
            const NAMED: [(&[u8], char); 5] =
                [(b"amp;", '&'), (b"quot;", '"'), (b"lt;", '<'), (b"gt;", '>'), (b"apos;", '\'')];
            let (name, c) = NAMED.iter().find(|(name, _)| rest.starts_with(name))?;
            Some((Escaped::Char(*c), name.len() + 1))
        }
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = r#"sk-a"b\c/ü&9+%20xyz"#;

    #[test]
    fn a_key_is_found_in_every_spelling() {
        let json = serde_json::to_string(KEY).unwrap();
        let unicode: Vec<String> =
            KEY.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let html: Vec<String> = KEY.chars().map(|c| format!("&#x{:X};", c as u32)).collect();
        let url: Vec<String> = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let [unicode, html, url] = [unicode, html, url].map(|spelled| spelled.concat());
        let twice = serde_json::to_string(&json).unwrap();
        for spelled in [KEY.to_owned(), json, unicode, html, url, twice] {
            let text = format!("é before {spelled} after");
            let clean = redacted(&text, KEY);
            assert!(clean.starts_with("é before ") && clean.ends_with(" after"), "{clean}");
            assert!(
                clean.contains("[key]") && clean.len() < "é before  after".len() + 12,
                "{clean}"
            );
        }
    }

    #[test]
    fn what_holds_no_key_stays_as_it_is() {
        let text = r#"{"a": "100 % &amp; \u00e9 \"x\" &#1114112; &# %zz \u12"}"#;
        assert_eq!(redacted(text, KEY), text);
        assert_eq!(redacted(text, ""), text);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_through(text in r#"[\\u&#x%;0-9a-f"é😀]{0,60}"#) {
            let clean = redacted(&text, "ab");
            prop_assert!(!clean.contains("ab"));
            prop_assert_eq!(redacted(&text, "no such key"), text);
        }
    }
}
