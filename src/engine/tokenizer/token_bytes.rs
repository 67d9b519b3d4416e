//! The bytes that each token stands for.
//!
//! Vocabularies write bytes as printable text: byte-level ones map each byte to a printable
//! character, SentencePiece ones write spaces as `▁` and odd bytes as `<0x0A>`. Grammar masks and
//! streaming need the bytes themselves.

use crate::engine::TokenId;

/// The character that SentencePiece writes for a space.
pub(super) const SPACE: char = '\u{2581}';

/// How a vocabulary spells its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// One printable character per byte (GPT-2).
    ByteLevel,
    /// Text, with `▁` for spaces and `<0xNN>` for single bytes.
    SentencePiece,
}

impl Spelling {
    /// The bytes that an ordinary token spells.
    pub(super) fn bytes(self, token: &str) -> Vec<u8> {
        match self {
            // A token with a character outside the alphabet is taken as plain text, as some
            // vocabularies list it.
            Self::ByteLevel => token
                .chars()
                .map(byte_of)
                .collect::<Option<Vec<u8>>>()
                .unwrap_or_else(|| token.as_bytes().to_vec()),
            Self::SentencePiece => match byte_token(token) {
                Some(byte) => vec![byte],
                None => token.replace(SPACE, " ").into_bytes(),
            },
        }
    }
}

/// The byte that a character of GPT-2's alphabet stands for. Printable Latin-1 characters stand for
/// themselves; the other 68 bytes are counted up from U+0100.
fn byte_of(character: char) -> Option<u8> {
    match character {
        '!'..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => {
            u8::try_from(u32::from(character)).ok()
        }
        '\u{100}'..='\u{120}' => Some((character as u32 - 0x100) as u8), // 0x00..=0x20
        '\u{121}'..='\u{142}' => Some((character as u32 - 0x121) as u8 + 0x7f), // 0x7f..=0xa0
        '\u{143}' => Some(0xad),
        _ => None,
    }
}

/// The byte of a token such as `<0x0A>`; `None` for any other token.
fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let hexadecimal = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
}

/// The bytes of every token, in one allocation.
#[derive(Debug, Default)]
pub(super) struct TokenBytes {
    joined: Vec<u8>,
    ends: Vec<usize>,
}

impl TokenBytes {
    /// The bytes of token `id`; empty when there is no such token.
    pub(super) fn get(&self, id: TokenId) -> &[u8] {
        let id = id as usize;
        let Some(end) = self.ends.get(id) else {
            return &[];
        };
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.joined[start..*end]
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl<B: AsRef<[u8]>> FromIterator<B> for TokenBytes {
    fn from_iter<I: IntoIterator<Item = B>>(tokens: I) -> Self {
        let mut this = Self::default();
        for token in tokens {
            this.joined.extend_from_slice(token.as_ref());
            this.ends.push(this.joined.len());
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    #[test]
    fn the_byte_level_alphabet_covers_every_byte_once() {
        let mut bytes: Vec<u8> = ByteLevel::alphabet()
            .into_iter()
            .map(|c| byte_of(c).expect("in the alphabet"))
            .collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn byte_level_tokens_become_their_bytes() {
        assert_eq!(Spelling::ByteLevel.bytes("Ġthe"), b" the");
        assert_eq!(Spelling::ByteLevel.bytes("ĊĠ"), b"\n ");
        assert_eq!(Spelling::ByteLevel.bytes("Ã©"), "é".as_bytes());
    }

    #[test]
    fn sentence_piece_tokens_become_their_bytes() {
        assert_eq!(Spelling::SentencePiece.bytes("▁the"), b" the");
        assert_eq!(Spelling::SentencePiece.bytes("<0x0A>"), b"\n");
        assert_eq!(Spelling::SentencePiece.bytes("<0x+A>"), b"<0x+A>");
    }

    #[test]
    fn a_token_beyond_the_vocabulary_has_no_bytes() {
        let bytes: TokenBytes = ["a", "", "bc"].into_iter().collect();
        assert_eq!(
            (bytes.get(0), bytes.get(1), bytes.get(2), bytes.get(3)),
            (&b"a"[..], &b""[..], &b"bc"[..], &b""[..])
        );
    }
}
