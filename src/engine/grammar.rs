//! From a [`Shape`] to token masks and forced tokens.
//!
//! Owns what an answer may look like. Shapes are bounded everywhere, so an answer always parses
//! and always fits a token budget that is known before it starts. `lowering.rs` writes the
//! grammar, `excerpt.rs` decides what may be quoted; here llguidance runs it, and its errors and
//! panics end. Which allowed token is taken is the sampler's business.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory, panic_utils};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use super::{EngineError, TokenId, lowering};

/// The shape of a JSON answer. Written compactly (no free white space), keys in the given order.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Keys in order, all required.
    Object(Vec<(String, Shape)>),
    /// `min..=max` items.
    Array {
        /// Each item.
        item: Box<Shape>,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
    /// Free text of `min..=max` characters, without line breaks or control characters; one that
    /// reaches its bound ends at a word. Characters outside ASCII count as their UTF-8 bytes, so
    /// that a bound in characters is a bound in tokens too. `max` is at least 8 above `min`.
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
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// `{"record":ID,"text":EXCERPT}`, where EXCERPT is a verbatim piece of the source named ID.
    Excerpt(Vec<Source>),
}

/// Something that can be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The id as it is written in the answer.
    pub id: String,
    /// The pieces that an excerpt may come from; an excerpt never spans two.
    pub cells: Vec<String>,
}

impl Shape {
    /// Upper bound on the answer's size in bytes. A token is at least one byte, so this many
    /// tokens always hold the whole answer.
    pub fn max_bytes(&self) -> usize {
        lowering::max_bytes(self)
    }
}

/// Text to tokens, without adding begin or end tokens and without reading control tokens.
pub type Encode = Arc<dyn Fn(&str) -> Vec<TokenId> + Send + Sync>;

/// A model's tokens as the grammar sees them; built once per model.
pub struct Vocabulary {
    factory: ParserFactory,
}

impl Vocabulary {
    /// `token_bytes[id]` is what token `id` adds to the text. Tokens in `special` are never
    /// allowed inside an answer, whatever their bytes say; `eos` alone ends one.
    pub fn new(
        token_bytes: Vec<Vec<u8>>,
        special: &[TokenId],
        eos: TokenId,
        encode: Encode,
    ) -> Result<Self, EngineError> {
        todo!()
    }
}

/// A compiled [`Shape`]; shared by all requests that ask for it.
pub struct Grammar {
    start: Matcher,
}

impl Grammar {
    /// Compiles `shape` for the tokens of `vocabulary`.
    pub fn compile(vocabulary: &Vocabulary, shape: &Shape) -> Result<Self, EngineError> {
        todo!()
    }

    /// A constraint at the beginning of an answer; cheap.
    pub fn constraint(&self) -> Constraint {
        todo!()
    }
}

/// One request's place in its grammar.
///
/// A step is: [`Self::forced`] (append what it returns), stop if [`Self::is_finished`], else
/// sample under [`Self::allowed`] and [`Self::accept`] the token.
pub struct Constraint {
    matcher: Matcher,
    eos: TokenId,
}

impl Constraint {
    /// The tokens that may come next; never empty. Only the end token once the answer is whole.
    pub fn allowed(&mut self) -> Result<Mask, EngineError> {
        todo!()
    }

    /// Moves on by one token, which must be allowed. The end token finishes the answer.
    pub fn accept(&mut self, token: TokenId) -> Result<(), EngineError> {
        todo!()
    }

    /// Takes the tokens about which the grammar leaves no choice, as the model's tokenizer would
    /// write them; often none. They are accepted already: the caller only appends them.
    pub fn forced(&mut self) -> Result<Vec<TokenId>, EngineError> {
        todo!()
    }

    /// Whether the answer is whole and nothing but the end token can follow.
    pub fn is_finished(&self) -> bool {
        todo!()
    }
}

/// A set of tokens: one bit per token of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask(SimpleVob);

impl Mask {
    /// Exactly these tokens, of a vocabulary of `size`.
    pub fn only(size: usize, tokens: &[TokenId]) -> Self {
        todo!()
    }

    /// Whether `token` is in the set; tokens beyond the vocabulary are not.
    pub fn contains(&self, token: TokenId) -> bool {
        todo!()
    }

    /// How many tokens are in the set.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// The tokens of the set in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        std::iter::empty()
    }
}
