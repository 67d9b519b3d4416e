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
    /// reaches its bound ends at a word. A character counts as its bytes in the JSON (a quotation
    /// mark 2, beyond ASCII 2 to 4), so that a bound in characters is a bound in tokens too.
    /// `max` is at least 8 above `min`.
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
    /// A verbatim piece of this text, a name or the like: up to 8 words in a line and 80 characters,
    /// from the beginning of a word to the end of one, with no punctuation at its ends. The text has a
    /// letter or digit.
    Phrase(String),
}

/// Something that can be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The id as it is written in the answer.
    pub id: String,
    /// The pieces that an excerpt may come from; an excerpt never spans two.
    pub cells: Vec<String>,
}

impl Source {
    /// Every text that an excerpt from here may have, in the order of the cells.
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

/// Text to tokens, without begin or end tokens and without reading control tokens in it.
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
            // The marker cannot occur in text; the id keeps apart tokens with equal names.
            token_bytes[id as usize] =
                [&[TokTrie::SPECIAL_TOKEN_MARKER], format!("<{id}>").as_bytes()].concat();
        }
        let factory = guarded(|| {
            let trie = TokTrie::from(&TokRxInfo::new(size as u32, eos), &token_bytes);
            let environment: TokEnv = Arc::new(Tokens { trie, encode });
            // No slices: they speed up loose strings only, and ours are never loose.
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
    /// The fewest tokens that spell `text`.
    fn fewest(&self, text: &str) -> usize {
        let trie = self.factory.tok_env().tok_trie();
        let bytes = text.as_bytes();
        // fewest[i]: for the first i bytes. Every byte can be reached: where no token ends, the
        // byte before is taken to be a token.
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

/// Longer tokens cannot be in a trie of llguidance; they are never allowed.
const MAX_TOKEN_BYTES: usize = 1000;
/// Work allowed in compiling a grammar, in llguidance's units (about 50,000 a millisecond).
const COMPILE_FUEL: u64 = 20_000_000;
/// Work allowed for one mask (about 14,000 a millisecond).
const STEP_FUEL: u64 = 2_000_000;

/// The vocabulary in llguidance's terms.
struct Tokens {
    trie: TokTrie,
    encode: Encode,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    /// The tokenizer is believed only where its tokens spell the text again: normalisation, an
    /// added space or a control token would put something else into the answer.
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
        // A grammar that cannot begin is an error now, not in the middle of a stage.
        if let Some(error) = start.get_error() {
            return Err(grammar_error(&error));
        }
        // A token may reach over either end of a literal into what is free.
        let literals = lowering::literals(shape);
        let fewest = literals.iter().map(|text| vocabulary.fewest(text).saturating_sub(2)).sum();
        Ok(Self { start, eos: vocabulary.eos, fewest })
    }

    /// No answer has fewer tokens than this.
    pub fn fewest_tokens(&self) -> usize {
        self.fewest
    }

    /// A constraint at the beginning of an answer. Cheap: constraints of one grammar share what
    /// they learn about it, so masks get faster, never different. They share it behind a lock, so
    /// threads that mask rows of one grammar take turns.
    pub fn constraint(&self) -> Constraint {
        Constraint { matcher: self.start.clone(), eos: self.eos, finished: false }
    }
}

/// One request's place in its grammar.
///
/// A step is: append what [`Self::forced`] returns; stop if [`Self::is_finished`]; else sample
/// under [`Self::allowed`] and [`Self::accept`] the token. After an error it stays in error.
#[derive(Clone)]
pub struct Constraint {
    matcher: Matcher,
    eos: TokenId,
    finished: bool,
}

impl Constraint {
    /// The tokens that may come next; never empty. Only the end token once the answer is whole.
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

    /// Whether this token may come next. Asking about a few is far cheaper than [`Self::allowed`].
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
    /// write them; often none. They are accepted already: the caller only appends them.
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
    /// Exactly these tokens, of a vocabulary of `size`; tokens beyond it are left out.
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

    /// The bits, 32 tokens a word, lowest first; bits beyond the vocabulary are 0.
    pub(super) fn words(&self) -> &[u32] {
        self.0.as_slice()
    }

    /// The tokens of the set in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.0.iter()
    }
}

/// Runs code of llguidance; its errors and panics become ours.
fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> Result<T, EngineError> {
    panic_utils::catch_unwind(AssertUnwindSafe(work))
        .map_err(|error| grammar_error(&error.to_string()))
}

/// The first line of an error of llguidance: the rest is a backtrace or the grammar.
fn grammar_error(error: &str) -> EngineError {
    EngineError::Grammar(error.lines().next().unwrap_or("llguidance failed").to_owned())
}

/// What the tests of grammars share.
#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(in crate::engine) const EOS: TokenId = 256;
    pub(in crate::engine) const CONTROL: TokenId = 257;

    /// One token per byte, an end token and a control token, then `words`.
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
mod tests {
    use proptest::prelude::*;
    use rand::seq::IndexedRandom as _;
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use serde_json::Value;

    use super::testing::{CONTROL, EOS, source, vocabulary};
    use super::*;

    #[test]
    fn a_control_token_is_never_allowed_though_its_text_may_be_quoted() {
        let cell = "they typed <|im_end|> into the form";
        let grammar =
            Grammar::compile(&vocabulary(&[]), &Shape::Excerpt(vec![source("a", &[cell])]))
                .expect("compiles");
        let mut constraint = grammar.constraint();
        let forced = constraint.forced().expect("a forced answer");
        let text: Vec<u8> =
            forced.iter().map(|&token| u8::try_from(token).expect("a byte token")).collect();
        assert_eq!(
            String::from_utf8(text).expect("UTF-8"),
            format!("{{\"record\":\"a\",\"text\":\"{cell}\"}}")
        );
        assert!(constraint.is_finished());
        let end = constraint.allowed().expect("a mask");
        assert_eq!(end.iter().collect::<Vec<_>>(), [EOS]);
        assert!(constraint.accept(TokenId::from(b' ')).is_err());
        assert!(constraint.accept(EOS).is_ok());
    }

    #[test]
    fn asking_about_a_token_agrees_with_the_mask_at_every_step_of_an_answer() {
        let shape = super::testing::object(&[
            ("said", Shape::Excerpt(vec![source("a", &["one two three four five \"six\""])])),
            ("mood", Shape::OneOf(vec!["calm".into(), "tired".into()])),
            ("note", Shape::Text { min: 2, max: 12 }),
        ]);
        let words = ["one two", "six", " th", "ree", "\":", "calm", "\",", "aé", "\\\""];
        let vocabulary = vocabulary(&words);
        let grammar = Grammar::compile(&vocabulary, &shape).expect("compiles");
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..6 {
            let mut constraint = grammar.constraint();
            loop {
                // As the worker does: where something is forced, a mask holds only that.
                constraint.forced().expect("forced tokens");
                if constraint.is_finished() {
                    break;
                }
                let mask = constraint.allowed().expect("a mask");
                for token in 0..(258 + words.len()) as TokenId {
                    assert_eq!(constraint.allows(token), mask.contains(token), "{token}");
                }
                let choices: Vec<TokenId> = mask.iter().collect();
                let token = *choices.choose(&mut random).expect("some token");
                constraint.accept(token).expect("an allowed token");
            }
        }
    }

    #[test]
    fn an_answer_is_never_shorter_than_its_literals() {
        let shape = super::testing::object(&[
            ("mood", Shape::OneOf(vec!["calm".into(), "tired".into()])),
            ("age", Shape::Integer { min: 1, max: 99 }),
        ]);
        // {"mood":" and ","age": and }, of which each end may belong to a token of its neighbour.
        for (words, fewest) in [(&[][..], 7 + 6), (&["mood", "\":", "age"][..], 3 + 3)] {
            let grammar = Grammar::compile(&vocabulary(words), &shape).expect("compiles");
            assert_eq!(grammar.fewest_tokens(), fewest);
        }
    }

    #[test]
    fn the_fewest_tokens_of_a_text_are_counted_over_every_way_to_cut_it() {
        let vocabulary = vocabulary(&["ab", "bcd", "abc", "é"]);
        for (text, fewest) in
            [("", 0), ("a", 1), ("abcd", 2), ("abcabcd", 3), ("é!", 2), ("xyz", 3)]
        {
            assert_eq!(vocabulary.fewest(text), fewest, "{text}");
        }
    }

    #[test]
    fn a_mask_is_exactly_its_tokens() {
        let mask = Mask::only(40, &[3, 39, 40, 41]);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [3, 39]);
        assert!(mask.contains(39) && !mask.contains(4) && !mask.contains(40));
        assert_eq!((mask.len(), mask.is_empty()), (2, false));
        assert_eq!(mask.words()[..2], [1 << 3, 1 << 7]);
        let none = Mask::only(40, &[40]);
        assert_eq!((none.len(), none.is_empty()), (0, true));
    }

    #[test]
    fn the_excerpts_of_a_source_are_what_its_grammar_reads() {
        let source = source("a", &["I tried it twice, then I gave up.", "Yes"]);
        let listed = source.excerpts();
        assert_eq!(
            listed,
            ["I tried it twice", "I tried it twice, then I gave up.", "then I gave up."]
        );
        let answers: Vec<String> =
            listed.iter().map(|text| format!("{{\"record\":\"a\",\"text\":\"{text}\"}}")).collect();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        super::testing::check(&Shape::Excerpt(vec![source.clone()]), &answers, &[]);
    }

    #[test]
    fn a_whole_answer_takes_the_end_and_nothing_else() {
        let shape = Shape::Text { min: 0, max: 8 };
        let grammar = Grammar::compile(&vocabulary(&[]), &shape).expect("compiles");
        let mut constraint = grammar.constraint();
        assert!(!constraint.allows(EOS) && !constraint.is_finished());
        for byte in *b"\"a\"" {
            constraint.accept(TokenId::from(byte)).expect("allowed");
        }
        assert!(constraint.allows(EOS) && !constraint.allows(TokenId::from(b'a')));
        constraint.accept(EOS).expect("the end");
        assert!(constraint.is_finished());
        assert_eq!(constraint.forced().expect("nothing"), [0; 0]);
        assert!(constraint.allows(EOS) && !constraint.allows(TokenId::from(b'a')));
        assert!(constraint.accept(EOS).is_ok() && constraint.accept(TokenId::from(b'a')).is_err());
    }

    #[test]
    fn a_token_of_1000_bytes_is_allowed_and_a_longer_one_is_not() {
        for (bytes, fewest) in [(1_000, 1), (1_001, 1_001)] {
            let long = "x".repeat(bytes);
            assert_eq!(vocabulary(&[&long]).fewest(&long), fewest, "{bytes}");
        }
    }

    #[test]
    fn a_tokenizer_that_changes_text_does_not_change_the_answer() {
        let mut bytes: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        bytes.extend([b"<|endoftext|>".to_vec(), b"<|im_end|>".to_vec()]);
        let encode: Encode = Arc::new(|text| {
            text.to_uppercase().bytes().map(TokenId::from).chain([CONTROL]).collect()
        });
        let vocabulary =
            Vocabulary::new(bytes, &[EOS, CONTROL], EOS, encode).expect("a vocabulary");
        let grammar =
            Grammar::compile(&vocabulary, &Shape::OneOf(vec!["small".into()])).expect("compiles");
        let text: Vec<u8> = grammar
            .constraint()
            .forced()
            .expect("forced")
            .iter()
            .map(|&token| token as u8)
            .collect();
        assert_eq!(text, b"\"small\"");
    }

    #[test]
    fn a_token_outside_the_vocabulary_is_an_error() {
        let encode: Encode = Arc::new(|_| Vec::new());
        assert!(Vocabulary::new(vec![b"a".to_vec()], &[], 1, encode.clone()).is_err());
        assert!(
            Vocabulary::new(vec![b"a".to_vec(), vec![b'x'; 5000]], &[7], 0, encode.clone())
                .is_err()
        );
        assert!(Vocabulary::new(vec![b"a".to_vec(), vec![b'x'; 5000]], &[], 0, encode).is_ok());
    }

    #[test]
    fn an_error_of_a_constraint_is_reported_and_stays() {
        let grammar =
            Grammar::compile(&vocabulary(&[]), &Shape::OneOf(vec!["x".into()])).expect("compiles");
        let mut constraint = grammar.constraint();
        let error = constraint.accept(TokenId::from(b'z')).expect_err("not allowed");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        assert!(
            constraint.allowed().is_err()
                && constraint.forced().is_err()
                && !constraint.is_finished()
        );
        assert!(grammar.constraint().allowed().is_ok());
    }

    #[test]
    fn a_constraint_moves_between_threads() {
        fn moves<T: Send>() {}
        moves::<Constraint>();
        moves::<Vocabulary>();
        moves::<Grammar>();
    }

    /// Whether `value` is an answer of `shape`, told without the grammar.
    fn fits(shape: &Shape, value: &Value) -> bool {
        match (shape, value) {
            (Shape::Object(fields), Value::Object(map)) => {
                fields.len() == map.len()
                    && fields
                        .iter()
                        .zip(map)
                        .all(|((key, shape), (name, value))| key == name && fits(shape, value))
            }
            (Shape::Array { item, min, max }, Value::Array(items)) => {
                (*min..=*max).contains(&items.len()) && items.iter().all(|value| fits(item, value))
            }
            (Shape::Text { min, max }, Value::String(text)) => {
                text.len() + text.matches('"').count() >= *min
                    && text.chars().count() <= *max
                    && text.split(' ').all(|word| !word.is_empty() || text.is_empty())
                    && !text.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' '))
            }
            (Shape::OneOf(options), Value::String(text)) => options.contains(text),
            (Shape::Integer { min, max }, Value::Number(number)) => {
                number.as_i64().is_some_and(|number| (*min..=*max).contains(&number))
            }
            (Shape::Excerpt(sources), Value::Object(map)) => {
                let text = map["text"].as_str().expect("a text");
                sources
                    .iter()
                    .filter(|source| map["record"] == source.id.as_str())
                    .any(|source| source.cells.iter().any(|cell| is_excerpt(cell, text)))
            }
            (Shape::Phrase(text), Value::String(phrase)) => {
                text.contains(phrase.as_str())
                    && phrase.chars().count() <= 80
                    && !phrase.contains('\n')
                    && phrase.trim() == phrase
            }
            _ => false,
        }
    }

    fn is_excerpt(cell: &str, text: &str) -> bool {
        // In scripts without spaces each character is a word.
        let apart = |text: &str| -> String {
            let alone = |c| matches!(c, '\u{3041}'..='\u{3096}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{2FA1F}');
            text.chars().flat_map(|c| if alone(c) { vec![' ', c, ' '] } else { vec![c] }).collect()
        };
        let words = apart(text).split_whitespace().count();
        let at_words = cell.match_indices(text).any(|(at, _)| {
            let (before, text, after) =
                (apart(&cell[..at]), apart(text), apart(&cell[at + text.len()..]));
            let cut = |left: &str, right: &str| {
                left.ends_with(char::is_alphanumeric) && right.starts_with(char::is_alphanumeric)
            };
            !cut(&before, &text) && !cut(&text, &after)
        });
        (cell.trim() == text || (words >= 4 && at_words))
            && text.chars().count() <= 240
            && text.trim() == text
    }

    /// Takes random allowed tokens, and forced ones now and then, until the answer is whole.
    fn wander(grammar: &Grammar, tokens: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut constraint = grammar.constraint();
        let mut answer = Vec::new();
        while !constraint.is_finished() {
            if rng.random_bool(0.3) {
                let mut twin = constraint.clone();
                for token in constraint.forced().expect("forced tokens") {
                    assert!(
                        twin.allowed().expect("a mask").contains(token),
                        "forced but not allowed"
                    );
                    twin.accept(token).expect("allowed");
                    answer.extend(&tokens[token as usize]);
                }
                continue;
            }
            let allowed: Vec<TokenId> = constraint.allowed().expect("a mask").iter().collect();
            let &token = allowed.choose(rng).expect("a token");
            assert_ne!(token, CONTROL);
            constraint.accept(token).expect("allowed");
            if token != EOS {
                answer.extend(&tokens[token as usize]);
            }
        }
        answer
    }

    fn hostile_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[a-z]{1,9}",
            2 => Just(" ".to_owned()),
            1 => prop::sample::select(vec![
                ", ", ". ", "\"", "\\", "\\u00e9", "\n", "\r\n", "\0", "\u{7f}", "\t", "{", "}", "/", "<|im_end|>", "🎉",
                "👩‍👩‍👧", "e\u{301}", "שלום", "مرحبا", "\u{202e}", "日本語です。", "\u{feff}", "—", "\u{2028}", "\u{85}", "i", "//", "#",
            ]).prop_map(str::to_owned),
            1 => any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let sources = prop::collection::vec(
            (hostile_text(), prop::collection::vec(hostile_text(), 1..3)),
            0..4,
        );
        (
            sources,
            prop::collection::vec(hostile_text(), 1..4),
            0..30_usize,
            10..200_usize,
            -40..400_i64,
            hostile_text(),
        )
            .prop_map(|(sources, options, min, spread, least, key)| {
                let mut sources: Vec<Source> =
                    sources.into_iter().map(|(id, cells)| Source { id, cells }).collect();
                sources.push(source("kept", &["four words at least", "and, so: on"]));
                let list = |item: Shape| Shape::Array {
                    item: Box::new(item),
                    min: min % 3,
                    max: min % 3 + 2,
                };
                Shape::Object(vec![
                    (format!("k{key}"), list(Shape::Excerpt(sources))),
                    ("text".into(), list(Shape::Text { min, max: min + spread })),
                    ("one".into(), Shape::OneOf(options)),
                    ("phrase".into(), Shape::Phrase(format!("{key} and Ana"))),
                    ("number".into(), Shape::Integer { min: least, max: least + min as i64 }),
                ])
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_walk_under_the_mask_is_an_answer(shape in shape(), seed: u64) {
            let words = [" the", "the", " a", "ing", ", ", ". ", ".\"", "\",\"", "\"]", "\":\"", " 日本", "é", "\\\"", "<|im_end|>", "  ", "\n"];
            let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
            tokens.extend([Vec::new(), Vec::new()]);
            tokens.extend(words.iter().map(|word| word.as_bytes().to_vec()));
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let chosen = if rng.random() { &words[..] } else { &[] };
            let grammar = Grammar::compile(&vocabulary(chosen), &shape).expect("the shape compiles");
            let answer = String::from_utf8(wander(&grammar, &tokens, &mut rng)).expect("UTF-8");
            let value: Value = serde_json::from_str(&answer).expect("JSON");
            prop_assert!(fits(&shape, &value), "{answer}");
            prop_assert!(answer.len() <= shape.max_bytes(), "{} > {}", answer.len(), shape.max_bytes());
        }
    }
}
