//! From a [`Shape`] to token masks and forced tokens.
//!
//! Owns what an answer may look like. Shapes are bounded everywhere, so an answer always parses and
//! always fits a token budget that is known before it starts. `lowering.rs` writes the grammar and
//! `excerpt.rs` decides what may be quoted; this file runs the grammar in llguidance and turns its
//! errors and panics into ours. Which of the allowed tokens is taken is left to the sampler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory, panic_utils};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use super::{EngineError, TokenId, lowering};

/// The shape of a JSON answer, which is written compactly (no free white space) with keys in the
/// given order.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// An object with these keys, in this order, all required.
    Object(Vec<(String, Shape)>),
    /// A list of `min..=max` items.
    Array {
        /// The shape of each item.
        item: Box<Shape>,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
    /// Free text of `min..=max` characters, without line breaks or control characters; text that
    /// reaches its bound ends with a whole word. A character counts as its bytes in the JSON (a
    /// quotation mark as 2, a character beyond ASCII as 2 to 4), so that a bound in characters is a
    /// bound in tokens too. `max` is at least 8 above `min`.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// One of these strings.
    OneOf(Vec<String>),
    /// A whole number.
    Integer {
        /// The least number allowed.
        min: i64,
        /// The greatest number allowed.
        max: i64,
    },
    /// `{"record":ID,"text":EXCERPT}`, where EXCERPT is a verbatim piece of the source named ID.
    Excerpt(Vec<Source>),
    /// A verbatim piece of this text, such as a name: up to 8 words on one line and 80 characters,
    /// from the beginning of a word to the end of one, with no punctuation at its ends. The text
    /// must hold a letter or digit.
    Phrase(String),
}

/// A text that can be quoted, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The id as it is written in the answer.
    pub id: String,
    /// The pieces that an excerpt may come from; an excerpt never spans two of them.
    pub cells: Vec<String>,
}

impl Source {
    /// Every text that an excerpt from this source may have, in the order of the cells.
    pub fn excerpts(&self) -> Vec<&str> {
        let runs = super::excerpt::offers(&self.cells).into_iter();
        runs.flat_map(|(cell, run)| {
            let start = run.start;
            run.ends.into_iter().filter_map(move |end| cell.get(start..end))
        })
        .collect()
    }
}

impl Shape {
    /// Upper bound on the answer's size in bytes. A token is at least one byte, so this many
    /// tokens always hold the whole answer.
    pub fn max_bytes(&self) -> usize {
        lowering::max_bytes(self)
    }
}

/// Turns text into tokens, without begin or end tokens and without reading control tokens in the
/// text.
pub type Encode = Arc<dyn Fn(&str) -> Vec<TokenId> + Send + Sync>;

/// A model's tokens as the grammar sees them; built once per model.
pub struct Vocabulary {
    factory: ParserFactory,
    eos: TokenId,
}

impl Vocabulary {
    /// `token_bytes[id]` is what token `id` adds to a text. Tokens in `special` are never allowed
    /// inside an answer, whatever their bytes say; `eos` alone ends one. `encode` decides how
    /// forced text is split into tokens.
    pub fn new(
        mut token_bytes: Vec<Vec<u8>>,
        special: &[TokenId],
        eos: TokenId,
        encode: Encode,
    ) -> Result<Self, EngineError> {
        let size = token_bytes.len();
        if let Some(beyond) = special.iter().chain([&eos]).find(|id| **id as usize >= size) {
            return Err(EngineError::Grammar(format!(
                "token {beyond} is not one of the vocabulary's {size}"
            )));
        }
        for bytes in &mut token_bytes {
            if bytes.len() > MAX_TOKEN_BYTES {
                bytes.clear();
            }
        }
        for &id in special.iter().chain([&eos]) {
            // The marker cannot occur in text; the id tells apart tokens with equal names.
            token_bytes[id as usize] =
                [&[TokTrie::SPECIAL_TOKEN_MARKER], format!("<{id}>").as_bytes()].concat();
        }
        let factory = guarded(|| {
            let trie = TokTrie::from(&TokRxInfo::new(size as u32, eos), &token_bytes);
            let environment: TokEnv = Arc::new(Tokens { trie, encode });
            // No slices: they speed up loose strings only, and our grammars have none.
            let mut factory =
                ParserFactory::new(&environment, InferenceCapabilities::default(), &[])?;
            factory.quiet();
            let limits = factory.limits_mut();
            limits.verbose_errors = false;
            limits.initial_lexer_fuel = COMPILE_FUEL;
            limits.step_lexer_fuel = STEP_FUEL;
            Ok(factory)
        })?;
        Ok(Self { factory, eos })
    }
}

impl Vocabulary {
    /// The fewest tokens that can spell `text`.
    fn fewest(&self, text: &str) -> usize {
        let trie = self.factory.tok_env().tok_trie();
        let bytes = text.as_bytes();
        // `fewest[i]` is the answer for the first `i` bytes. Every byte can be reached: where no
        // token ends, the preceding byte counts as a token.
        let mut fewest: Vec<usize> = (0..=bytes.len()).collect();
        for start in 0..bytes.len() {
            let mut node = trie.root();
            for (end, byte) in bytes.iter().enumerate().skip(start) {
                let Some(child) = trie.child_at_byte(node, *byte) else { break };
                node = child;
                if node.token_id().is_some() {
                    fewest[end + 1] = fewest[end + 1].min(fewest[start] + 1);
                }
            }
            fewest[start + 1] = fewest[start + 1].min(fewest[start] + 1);
        }
        fewest[bytes.len()]
    }
}

/// Longest token in bytes that llguidance's trie can hold; longer ones are never allowed.
const MAX_TOKEN_BYTES: usize = 1000;
/// Work allowed for compiling a grammar, in llguidance's units (about 50,000 a millisecond).
const COMPILE_FUEL: u64 = 20_000_000;
/// Work allowed for one mask, in the same units (about 14,000 a millisecond).
const STEP_FUEL: u64 = 2_000_000;

/// The vocabulary in the form that llguidance asks for.
struct Tokens {
    trie: TokTrie,
    encode: Encode,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    /// Splits text into tokens. The tokenizer is trusted only where its tokens spell the text
    /// again: normalisation, an added space or a control token would put something else into the
    /// answer.
    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let tokens = self.trie.tokenize_with_greedy_fallback(bytes, |text| (self.encode)(text));
        let known = tokens.iter().all(|&token| (token as usize) < self.trie.vocab_size());
        if known && self.trie.decode_raw(&tokens) == bytes {
            tokens
        } else {
            self.trie.greedy_tokenize(bytes)
        }
    }
}

/// A compiled [`Shape`], shared by all requests that ask for it.
pub struct Grammar {
    start: Matcher,
    eos: TokenId,
    fewest: usize,
}

impl Grammar {
    /// Compiles `shape` for the tokens of `vocabulary`.
    pub fn compile(vocabulary: &Vocabulary, shape: &Shape) -> Result<Self, EngineError> {
        let text = lowering::lower(shape)?;
        let start = guarded(|| {
            let parser = vocabulary.factory.create_parser(TopLevelGrammar::from_lark(text))?;
            Ok(Matcher::new(Ok(parser)))
        })?;
        // A grammar that cannot begin is an error here, not in the middle of a stage.
        if let Some(error) = start.get_error() {
            return Err(grammar_error(&error));
        }
        // A token may reach over either end of a literal into the free part beside it.
        let literals = lowering::literals(shape);
        let fewest = literals.iter().map(|text| vocabulary.fewest(text).saturating_sub(2)).sum();
        Ok(Self { start, eos: vocabulary.eos, fewest })
    }

    /// A lower bound: no answer has fewer tokens than this.
    pub fn fewest_tokens(&self) -> usize {
        self.fewest
    }

    /// A constraint at the beginning of an answer. This is cheap: constraints of one grammar share
    /// what they learn about it, so masks get faster but never different. They share it behind a
    /// lock, so threads that mask rows of one grammar take turns.
    pub fn constraint(&self) -> Constraint {
        Constraint { matcher: self.start.clone(), eos: self.eos, finished: false }
    }
}

/// One request's place in its grammar.
///
/// A step is: append what [`Self::forced`] returns; stop if [`Self::is_finished`]; else sample
/// under [`Self::allowed`] and [`Self::accept`] the token. After an error every later step fails
/// too.
#[derive(Clone)]
pub struct Constraint {
    matcher: Matcher,
    eos: TokenId,
    finished: bool,
}

impl Constraint {
    /// The tokens that may come next; never empty. Once the answer is whole, only the end token.
    pub fn allowed(&mut self) -> Result<Mask, EngineError> {
        let mask = self
            .matcher
            .compute_mask_or_eos()
            .map_err(|error| grammar_error(&error.to_string()))?;
        if mask.is_zero() {
            return Err(EngineError::Grammar(
                "no token of the vocabulary can continue the answer".into(),
            ));
        }
        Ok(Mask(mask))
    }

    /// Whether `token` may come next. Asking about a few tokens is far cheaper than
    /// [`Self::allowed`].
    pub fn allows(&mut self, token: TokenId) -> bool {
        if self.is_finished() || token == self.eos {
            return self.allowed().is_ok_and(|allowed| allowed.contains(token));
        }
        self.matcher.validate_tokens(&[token]).is_ok_and(|valid| valid == 1)
    }

    /// Moves on by one token, which must be allowed. The end token finishes the answer.
    pub fn accept(&mut self, token: TokenId) -> Result<(), EngineError> {
        if self.is_finished() {
            let ended = token == self.eos;
            return if ended {
                Ok(())
            } else {
                Err(EngineError::Grammar("the answer is already whole".into()))
            };
        }
        self.matcher.consume_token(token).map_err(|error| grammar_error(&error.to_string()))?;
        self.finished = token == self.eos;
        Ok(())
    }

    /// Takes the tokens about which the grammar leaves no choice, as the model's tokenizer would
    /// write them; often there are none. They count as accepted: the caller only appends them.
    pub fn forced(&mut self) -> Result<Vec<TokenId>, EngineError> {
        if self.is_finished() {
            return Ok(Vec::new());
        }
        let tokens = self.matcher.consume_ff_tokens();
        match self.matcher.get_error() {
            Some(error) => Err(grammar_error(&error)),
            None => Ok(tokens),
        }
    }

    /// Whether the answer is whole and nothing but the end token can follow.
    pub fn is_finished(&self) -> bool {
        self.finished || (self.matcher.is_stopped() && !self.matcher.is_error())
    }
}

/// A set of tokens: one bit per token of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask(SimpleVob);

impl Mask {
    /// The set of exactly these tokens, of a vocabulary of `size`; tokens beyond it are left out.
    pub fn only(size: usize, tokens: &[TokenId]) -> Self {
        let mut set = SimpleVob::alloc(size);
        for &token in tokens.iter().filter(|&&token| (token as usize) < size) {
            set.allow_token(token);
        }
        Self(set)
    }

    /// Whether `token` is in the set; tokens beyond the vocabulary are not.
    pub fn contains(&self, token: TokenId) -> bool {
        (token as usize) < self.0.len() && self.0.is_allowed(token)
    }

    /// How many tokens are in the set.
    pub fn len(&self) -> usize {
        self.0.num_set()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_zero()
    }

    /// The set as bits, 32 tokens per word, lowest first; bits beyond the vocabulary are 0.
    pub(super) fn words(&self) -> &[u32] {
        self.0.as_slice()
    }

    /// The tokens of the set in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.0.iter()
    }
}

/// Runs llguidance's code and turns its errors and panics into an [`EngineError`].
fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> Result<T, EngineError> {
    panic_utils::catch_unwind(AssertUnwindSafe(work))
        .map_err(|error| grammar_error(&error.to_string()))
}

/// Keeps the first line of llguidance's error: the rest is a backtrace or the grammar.
fn grammar_error(error: &str) -> EngineError {
    EngineError::Grammar(error.lines().next().unwrap_or("llguidance failed").to_owned())
}

/// What the tests of several grammar files share.
#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(in crate::engine) const EOS: TokenId = 256;
    pub(in crate::engine) const CONTROL: TokenId = 257;

    /// A vocabulary of one token per byte, an end token and a control token, then `words`.
    pub(in crate::engine) fn vocabulary(words: &[&str]) -> Vocabulary {
        let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        bytes.extend([b"<|endoftext|>".to_vec(), b"<|im_end|>".to_vec()]);
        bytes.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        let encode: Encode = Arc::new(|text| text.bytes().map(TokenId::from).collect());
        Vocabulary::new(bytes, &[EOS, CONTROL], EOS, encode).expect("a vocabulary")
    }

    /// Whether `answer`, read byte by byte, is a whole answer of `grammar`.
    pub(in crate::engine) fn reads(grammar: &Grammar, answer: &str) -> bool {
        let mut constraint = grammar.constraint();
        for byte in answer.bytes() {
            let allowed = constraint.allowed().expect("a mask");
            if !allowed.contains(TokenId::from(byte)) {
                return false;
            }
            constraint.accept(TokenId::from(byte)).expect("an allowed token");
        }
        constraint.is_finished() || constraint.allowed().expect("a mask").contains(EOS)
    }

    #[track_caller]
    pub(in crate::engine) fn check(shape: &Shape, accepted: &[&str], refused: &[&str]) {
        let grammar = Grammar::compile(&vocabulary(&[]), shape).expect("the shape compiles");
        for answer in accepted {
            assert!(reads(&grammar, answer), "{answer} is refused");
        }
        for answer in refused {
            assert!(!reads(&grammar, answer), "{answer} is accepted");
        }
    }

    pub(in crate::engine) fn object(fields: &[(&str, Shape)]) -> Shape {
        Shape::Object(
            fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        )
    }

    pub(in crate::engine) fn source(id: &str, cells: &[&str]) -> Source {
        Source { id: id.to_owned(), cells: cells.iter().map(|&cell| cell.to_owned()).collect() }
    }
}

#[cfg(test)]
mod tests;
