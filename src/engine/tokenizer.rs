//! The model's tokenizer, from GGUF metadata or a `tokenizer.json`.
//!
//! Owns the way from text to tokens and back. Control tokens are kept apart from text: they are
//! found in a prompt only where the caller asks for it ([`Specials::Parse`]); anywhere else a text
//! that looks like one (`<|im_end|>` in research data) becomes ordinary tokens.
//!
//! candle's own converter knows one family and guesses at the rest, so the conversion is ours
//! (`vocabulary.rs`); merging itself is left to the `tokenizers` crate.

mod pre_tokenizer;
mod token_bytes;
mod vocabulary;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use regex::Regex;

use super::gguf::{GgufFile, Metadata};
use super::{EngineError, TokenId};
use token_bytes::{Spelling, TokenBytes};
use vocabulary::{Kind, Marks, Vocabulary};

/// How the name of a control token is read where it occurs in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specials {
    /// As the control token: for text that the model's own template wrote.
    Parse,
    /// As plain text: for everything that comes from outside.
    AsText,
}

/// A model's tokenizer: text to tokens and back.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    controls: Controls,
    bytes: TokenBytes,
    marks: Marks,
    add_bos: bool,
    space_prefix: bool,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("tokens", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Builds the tokenizer from the metadata of a model file.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] names the key that is wrong, or a kind of tokenizer that is not
    /// known, with the way out (`--tokenizer`).
    pub fn from_gguf(file: &GgufFile) -> Result<Self, EngineError> {
        Self::from_metadata(file.metadata()).map_err(|reason| EngineError::BadModel {
            path: file.path().display().to_string(),
            reason,
        })
    }

    /// Builds the tokenizer from a `tokenizer.json`, for a model file whose own tokenizer is not
    /// known. What that file has no place for (which tokens begin and end a text) still comes from
    /// the model file.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when the file is not a tokenizer, or not this model's.
    pub fn from_file(path: &Path, model: &GgufFile) -> Result<Self, EngineError> {
        let bad =
            |reason: String| EngineError::BadModel { path: path.display().to_string(), reason };
        let json = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let rows = model.vocabulary_size();
        Self::from_json(&json, model.metadata(), rows).map_err(bad)
    }

    fn from_json(json: &[u8], metadata: &Metadata, rows: usize) -> Result<Self, String> {
        let no_json = |error| format!("it is not a tokenizer.json: {error}");
        serde_json::from_slice::<serde::de::IgnoredAny>(json).map_err(no_json)?;
        // The crate trusts a tokenizer.json and panics on merges that do not fit together.
        let parsed = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(json));
        let mut inner = match parsed {
            Ok(Ok(tokenizer)) => tokenizer,
            Ok(Err(error)) => return Err(format!("it is not a tokenizer.json: {error}")),
            Err(_) => {
                return Err("it is not a tokenizer.json: its merges do not fit its tokens".into());
            }
        };
        // Control tokens are found by [`Controls`], never by the crate.
        inner.set_encode_special_tokens(true);
        inner.with_post_processor(None::<tokenizers::PostProcessorWrapper>);
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| format!("cannot lift its length limit: {error}"))?;
        let spelling = spelling_of(&inner)?;
        let mut added = inner.get_added_tokens_decoder();
        // Gemma's file lists control tokens for images that a text model has no rows for. Text
        // never becomes one, so they can be left out.
        added.retain(|id, token| (*id as usize) < rows || !token.special);
        let size = inner.get_vocab(false).into_values().chain(added.keys().copied()).max();
        let size = size.map_or(0, |id| id as usize + 1);
        if size == 0 || size > rows {
            return Err(format!("it has {size} tokens, but the model has {rows}"));
        }
        let bytes_of = |id: TokenId| match added.get(&id) {
            Some(token) => token.content.clone().into_bytes(),
            None => inner.id_to_token(id).map_or_else(Vec::new, |token| spelling.bytes(&token)),
        };
        let bytes = (0..rows as TokenId).map(bytes_of).collect();
        let special = |(id, token): (&TokenId, &tokenizers::AddedToken)| {
            token.special.then(|| (token.content.clone(), *id))
        };
        let swallowing = added.iter().filter(|(_, token)| token.special && token.rstrip);
        let controls = Controls::new(
            added.iter().filter_map(special).collect(),
            swallowing.map(|(id, _)| *id).collect(),
        )?;
        let marks = Marks::read(metadata, rows, |text| inner.token_to_id(text))?;
        let space_prefix = inner.encode_fast("a", false).is_ok_and(|encoding| {
            encoding.get_tokens().first().is_some_and(|token| token.starts_with(token_bytes::SPACE))
        });
        Ok(Self {
            controls,
            bytes,
            add_bos: metadata
                .flag("tokenizer.ggml.add_bos_token")?
                .unwrap_or(spelling == Spelling::SentencePiece)
                && marks.bos.is_some(),
            marks,
            space_prefix,
            inner,
        })
    }

    /// Builds the tokenizer from a model file's metadata, wherever they were read.
    ///
    /// # Errors
    ///
    /// The key that is wrong, or a kind of tokenizer that is not known.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, String> {
        let vocabulary = Vocabulary::read(metadata)?;
        let tokens = || vocabulary.tokens.iter().zip(&vocabulary.kinds);
        let special = |(id, (text, kind)): (usize, (&str, &Kind))| {
            kind.is_special().then(|| (text.to_owned(), id as TokenId))
        };
        Ok(Self {
            inner: vocabulary.build()?,
            controls: Controls::new(
                tokens().enumerate().filter_map(special).collect(),
                vocabulary.swallowing()?,
            )?,
            bytes: tokens()
                .map(|(text, kind)| match kind {
                    Kind::Normal | Kind::Byte => vocabulary.spelling.bytes(text),
                    Kind::UserDefined if vocabulary.spelling == Spelling::SentencePiece => {
                        vocabulary.spelling.bytes(text)
                    }
                    // All other tokens are listed as plain text.
                    _ => text.as_bytes().to_vec(),
                })
                .collect(),
            marks: vocabulary.marks,
            add_bos: vocabulary.add_bos,
            space_prefix: vocabulary.space_prefix,
        })
    }

    /// The tokens of `text`. No begin token is added; see [`Tokenizer::add_bos`].
    ///
    /// A byte that no token spells is left out, as it was when the model was trained: SmolLM2 lacks
    /// six control characters (04, 06, 13, 14, 16, 1D) and the bytes F1 and F2.
    ///
    /// # Errors
    ///
    /// [`EngineError::Compute`] when the merging itself fails.
    pub fn encode(&self, text: &str, specials: Specials) -> Result<Vec<TokenId>, EngineError> {
        self.encode_pieces([(text, specials)])
    }

    /// The tokens of the pieces put together. Ordinary text is merged across the seams, as if it
    /// had been written in one go; a control token is recognised only where it lies whole in a
    /// piece of [`Specials::Parse`].
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`].
    pub fn encode_pieces<'t>(
        &self,
        pieces: impl IntoIterator<Item = (&'t str, Specials)>,
    ) -> Result<Vec<TokenId>, EngineError> {
        let mut tokens = Vec::new();
        let mut run = String::new();
        for (mut rest, specials) in pieces {
            while specials == Specials::Parse
                && let Some((before, control, after)) = self.controls.split(rest)
            {
                run.push_str(before);
                self.encode_text(&run, &mut tokens)?;
                run.clear();
                tokens.push(control);
                let swallows = self.controls.swallowing.contains(&control);
                rest = if swallows { after.trim_start() } else { after };
            }
            run.push_str(rest);
        }
        self.encode_text(&run, &mut tokens)?;
        Ok(tokens)
    }

    fn encode_text(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), EngineError> {
        if text.is_empty() {
            return Ok(());
        }
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| EngineError::Compute(format!("cannot tokenize a text: {error}")))?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// The text of `tokens`, without control tokens and with bytes that are not UTF-8 replaced.
    /// Inverts [`Tokenizer::encode`]: a space that the tokenizer put before the first word is taken
    /// off.
    pub fn decode(&self, tokens: &[TokenId]) -> String {
        let mut bytes = Vec::with_capacity(tokens.len() * 4);
        for token in tokens.iter().filter(|token| !self.is_special(**token)) {
            bytes.extend_from_slice(self.bytes.get(*token));
        }
        let bytes = bytes.strip_prefix(b" ").filter(|_| self.space_prefix).unwrap_or(&bytes);
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The bytes that a token stands for; for a control token, its name. Empty for an id beyond the
    /// vocabulary.
    pub fn token_bytes(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token)
    }

    /// Whether `token` steers the model rather than spelling text.
    pub fn is_special(&self, token: TokenId) -> bool {
        self.controls.ids.binary_search(&token).is_ok()
    }

    /// Number of tokens in the vocabulary; ids run from 0 to one below this.
    pub fn vocabulary_size(&self) -> usize {
        self.bytes.len()
    }

    /// The token that begins a text, if the model has one.
    pub fn bos(&self) -> Option<TokenId> {
        self.marks.bos
    }

    /// The token that ends a text, or in chat models a turn, if the model has one.
    pub fn eos(&self) -> Option<TokenId> {
        self.marks.eos
    }

    /// Whether the model expects every text to begin with [`Tokenizer::bos`].
    pub fn add_bos(&self) -> bool {
        self.add_bos
    }

    /// Tokens that end a text or a turn, in ascending order.
    pub fn end_ids(&self) -> &[TokenId] {
        &self.marks.ends
    }
}

/// How a `tokenizer.json` spells its tokens, judged by the decoder that it names.
fn spelling_of(tokenizer: &tokenizers::Tokenizer) -> Result<Spelling, String> {
    let decoder = serde_json::to_string(&tokenizer.get_decoder()).unwrap_or_default();
    if decoder.contains("\"ByteLevel\"") {
        Ok(Spelling::ByteLevel)
    } else if decoder.contains("\"ByteFallback\"") || decoder.contains("\"Metaspace\"") {
        Ok(Spelling::SentencePiece)
    } else {
        Err("its tokens are spelled in a way that is not known (byte-level and \
             SentencePiece are)"
            .into())
    }
}

/// The control tokens, and how they are found in a text.
struct Controls {
    /// The ids of all control tokens, ascending.
    ids: Vec<TokenId>,
    by_text: HashMap<String, TokenId>,
    /// Matches the text of any control token, the longest first; `None` when there are none.
    any: Option<Regex>,
    /// The control tokens that swallow the white space after them.
    swallowing: HashSet<TokenId>,
}

impl Controls {
    fn new(tokens: Vec<(String, TokenId)>, swallowing: HashSet<TokenId>) -> Result<Self, String> {
        let mut ids: Vec<TokenId> = tokens.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        let by_text: HashMap<String, TokenId> =
            tokens.into_iter().filter(|(text, _)| !text.is_empty()).collect();
        let mut texts: Vec<&str> = by_text.keys().map(String::as_str).collect();
        texts.sort_unstable_by_key(|text| (std::cmp::Reverse(text.len()), *text));
        let pattern: Vec<String> = texts.into_iter().map(regex::escape).collect();
        let any = if pattern.is_empty() {
            None
        } else {
            let any = Regex::new(&pattern.join("|"));
            Some(any.map_err(|_| {
                "metadata 'tokenizer.ggml.tokens' has more control tokens than can be searched for"
            })?)
        };
        Ok(Self { ids, by_text, any, swallowing })
    }

    /// Splits at the first control token: the text before it, the token, and the text after it.
    fn split<'t>(&self, text: &'t str) -> Option<(&'t str, TokenId, &'t str)> {
        let found = self.any.as_ref()?.find(text)?;
        let id = *self.by_text.get(found.as_str())?;
        Some((&text[..found.start()], id, &text[found.end()..]))
    }
}

/// Turns tokens into text as they arrive, and holds back bytes until they are whole characters.
#[derive(Debug, Default)]
pub struct DecodeStream {
    pending: Vec<u8>,
}

impl DecodeStream {
    /// Adds a token and returns the text that is certain by now, which may be empty.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: TokenId) -> String {
        if tokenizer.is_special(token) {
            return String::new();
        }
        self.pending.extend_from_slice(tokenizer.token_bytes(token));
        let mut text = String::new();
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, invalid) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(length) = error.error_len() else {
                        rest = invalid; // may still become a character
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &invalid[length..];
                }
            }
        }
        self.pending = rest.to_vec();
        text
    }

    /// The text of the bytes held back, when no token follows.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

#[cfg(test)]
mod tests;
