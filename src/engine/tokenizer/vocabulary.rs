//! The vocabulary of a GGUF file, and its conversion to a `tokenizers` model.
//!
//! There are two families: `gpt2` (byte-level BPE with merges in the file) and `llama`
//! (SentencePiece BPE, whose merges follow from the tokens and their scores). Control tokens stay
//! outside the model in both, so that no text can be merged into one.

use std::collections::{HashMap, HashSet};

use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{self, NormalizerWrapper, Prepend, Replace};

use super::pre_tokenizer::PreTokenizer;
use super::token_bytes::{SPACE, Spelling};
use crate::engine::TokenId;
use crate::engine::gguf::{Metadata, Texts, Value, quoted};

/// Longest token in bytes. Splitting a token into every pair of pieces costs its length squared;
/// the longest real ones are runs of spaces or dashes.
const MAX_TOKEN: usize = 1 << 10;
const MAX_TOKENS_BYTES: usize = 32 << 20;
/// Most ways to cut pieces in two, as a multiple of the number of pieces in a SentencePiece
/// vocabulary; real ones have two. Without it, runs of one letter could be cut in a thousand ways
/// each.
const MAX_CUTS: usize = 16;
/// Most tokens that are cut out of a text before anything else; Gemma has 6,400.
const MAX_USER_DEFINED: usize = 1 << 15;

const TOKENS: &str = "metadata 'tokenizer.ggml.tokens'";
const MERGES: &str = "metadata 'tokenizer.ggml.merges'";

/// The kind of a token: `tokenizer.ggml.token_type`, from llama.cpp's `llama_token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text.
    Normal,
    /// The token that stands for text that no token covers.
    Unknown,
    /// A token that steers the model; text never becomes one.
    Control,
    /// A piece of text that is cut out before anything else.
    UserDefined,
    /// Reserved by the vocabulary.
    Unused,
    /// One byte, for text that no piece covers.
    Byte,
}

impl Kind {
    fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            0 | 1 => Self::Normal, // 0 is "undefined"; old converters left it
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }

    /// Whether tokens of this kind steer the model rather than spelling text.
    pub(super) fn is_special(self) -> bool {
        matches!(self, Self::Control | Self::Unknown)
    }
}

/// Tokens that end a turn or a text in some model family. Converters do not mark them reliably, so
/// they are recognised by name (as in llama.cpp).
const ENDINGS: [&str; 16] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<turn|>",
    "<EOT>",
    "[EOT]",
    "</s>",
    "<｜end▁of▁sentence｜>",
];

/// The tokens that begin and end texts.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The token that begins a text.
    pub(super) bos: Option<TokenId>,
    /// The token that ends a text, or in chat models a turn.
    pub(super) eos: Option<TokenId>,
    /// All tokens that end a text or a turn; ascending.
    pub(super) ends: Vec<TokenId>,
}

impl Marks {
    /// Reads them from the keys of the file, whose ids must all be below `size`, and from the
    /// ending names for which `known` has an id.
    pub(super) fn read(
        metadata: &Metadata,
        size: usize,
        known: impl Fn(&str) -> Option<TokenId>,
    ) -> Result<Self, String> {
        let id = |key: &str| {
            let key = format!("tokenizer.ggml.{key}");
            match metadata.unsigned(&key)? {
                Some(id) if id >= size as u64 => {
                    Err(format!("metadata '{key}' is {id}, but there are {size} tokens"))
                }
                id => Ok(id.map(|id| id as TokenId)),
            }
        };
        let mut ends: Vec<TokenId> = ENDINGS.iter().copied().filter_map(known).collect();
        let eos = id("eos_token_id")?;
        ends.extend(eos.into_iter().chain(id("eot_token_id")?).chain(id("eom_token_id")?));
        ends.sort_unstable();
        ends.dedup();
        Ok(Self { bos: id("bos_token_id")?, eos, ends })
    }
}

/// What the file says about its tokens.
#[derive(Debug)]
pub(super) struct Vocabulary<'a> {
    pub(super) tokens: &'a Texts,
    pub(super) kinds: Vec<Kind>,
    pub(super) spelling: Spelling,
    pub(super) marks: Marks,
    pub(super) add_bos: bool,
    metadata: &'a Metadata,
    ids: HashMap<&'a str, TokenId>,
    pre: Option<PreTokenizer>,
    /// Whether a space is put before the first word.
    pub(super) space_prefix: bool,
}

impl<'a> Vocabulary<'a> {
    /// Reads and checks the keys under `tokenizer.ggml`.
    pub(super) fn read(metadata: &'a Metadata) -> Result<Self, String> {
        let tokens = metadata
            .texts("tokenizer.ggml.tokens")?
            .filter(|tokens| !tokens.is_empty())
            .ok_or("metadata 'tokenizer.ggml.tokens' is missing")?;
        check_lengths(tokens)?;
        let (spelling, pre) = family(metadata)?;
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            ids.entry(token).or_insert(id as TokenId);
        }
        let mut this = Self {
            tokens,
            kinds: kinds(metadata, tokens.len())?,
            spelling,
            marks: Marks::default(),
            add_bos: false,
            metadata,
            ids,
            pre,
            space_prefix: false,
        };
        this.read_specials()?;
        Ok(this)
    }

    fn read_specials(&mut self) -> Result<(), String> {
        let spm = self.spelling == Spelling::SentencePiece;
        let known = |text: &str| {
            let id = *self.ids.get(text)?;
            // In many vocabularies plain text such as `</s>` is an ordinary piece; in Gemma's,
            // which has the tags of HTML, it is even a user-defined one.
            let marked = match self.kinds[id as usize] {
                Kind::Normal => text.starts_with("<|"),
                Kind::UserDefined => !spm || is_turn_markup(text),
                _ => true,
            };
            marked.then_some(id)
        };
        self.marks = Marks::read(self.metadata, self.tokens.len(), known)?;
        for id in self.marks.ends.iter().chain(&self.marks.bos) {
            self.kinds[*id as usize] = Kind::Control;
        }
        for (token, kind) in self.tokens.iter().zip(&mut self.kinds) {
            // SentencePiece models list ordinary tags (`<table>`) as pieces of text.
            let steers = if spm { is_turn_markup(token) } else { is_markup(token) };
            if *kind == Kind::UserDefined && steers {
                *kind = Kind::Control;
            }
        }
        let flag = |key: &str| self.metadata.flag(&format!("tokenizer.ggml.{key}"));
        let by_family = spm || self.pre.is_some_and(|pre| pre.add_bos);
        self.add_bos = self.marks.bos.is_some() && flag("add_bos_token")?.unwrap_or(by_family);
        self.space_prefix = spm && flag("add_space_prefix")?.unwrap_or(true);
        Ok(())
    }

    /// Builds the tokenizer of this vocabulary, without its control tokens.
    pub(super) fn build(&self) -> Result<tokenizers::Tokenizer, String> {
        let (model, normalizers) = match self.spelling {
            Spelling::ByteLevel => self.byte_level()?,
            Spelling::SentencePiece => self.sentence_piece()?,
        };
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        if !normalizers.is_empty() {
            let all = normalizers::Sequence::new(normalizers);
            tokenizer
                .with_normalizer(Some(all))
                .map_err(|error| format!("cannot build the normaliser: {error}"))?;
        }
        if let Some(pre) = self.pre {
            tokenizer.with_pre_tokenizer(Some(pre.build()?));
        }
        let added: Vec<AddedToken> = self
            .of_kind(Kind::UserDefined)
            .map(|(token, _)| AddedToken::from(self.spelled(token), false).normalized(false))
            .take(MAX_USER_DEFINED + 1)
            .collect();
        if added.len() > MAX_USER_DEFINED {
            return Err(format!("{TOKENS} has more than {MAX_USER_DEFINED} user-defined items"));
        }
        tokenizer.add_tokens(added).map_err(|error| unbuildable(&error))?;
        Ok(tokenizer)
    }

    fn byte_level(&self) -> Result<(BPE, Vec<NormalizerWrapper>), String> {
        let pre = self.pre.ok_or("metadata 'tokenizer.ggml.pre' is missing")?;
        let vocab = self.model_vocab();
        let lines = self
            .metadata
            .texts("tokenizer.ggml.merges")?
            .ok_or("metadata 'tokenizer.ggml.merges' is missing")?;
        let mut merges = Vec::with_capacity(lines.len());
        let mut joined = String::new();
        for (rank, line) in lines.iter().enumerate() {
            let (left, right) = line
                .split_once(' ')
                .ok_or_else(|| format!("item {rank} of {MERGES} is not a pair"))?;
            joined.clear();
            joined.extend([left, right]);
            // The model builder trusts its input here, and panics on merges of unknown pieces.
            if ![left, right, &joined].into_iter().all(|piece| vocab.contains_key(piece)) {
                return Err(format!(
                    "item {rank} of {MERGES} ({} with {}) is not made of tokens",
                    quoted(left),
                    quoted(right)
                ));
            }
            merges.push((left.to_owned(), right.to_owned()));
        }
        let model = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .ignore_merges(pre.ignore_merges)
            .build()
            .map_err(|error| unbuildable(&error))?;
        let compose = pre.compose.then_some(NormalizerWrapper::NFC(normalizers::NFC));
        Ok((model, compose.into_iter().collect()))
    }

    fn sentence_piece(&self) -> Result<(BPE, Vec<NormalizerWrapper>), String> {
        let mut vocab = self.model_vocab();
        let complete =
            (0..=255u8).all(|byte| vocab.contains_key(format!("<0x{byte:02X}>").as_str()));
        let merges = self.merges_by_score(&vocab)?;
        let mut builder = BPE::builder().byte_fallback(true).fuse_unk(true);
        if !complete && let Some((unknown, id)) = self.of_kind(Kind::Unknown).next() {
            vocab.insert(unknown.to_owned(), id);
            builder = builder.unk_token(unknown.to_owned());
        }
        let model =
            builder.vocab_and_merges(vocab, merges).build().map_err(|error| unbuildable(&error))?;
        let spaces = Replace::new(" ", SPACE.to_string())
            .map_err(|error| format!("cannot build the normaliser: {error}"))?;
        let prefix = self.space_prefix.then(|| Prepend::new(SPACE.to_string()).into());
        Ok((model, prefix.into_iter().chain([spaces.into()]).collect()))
    }

    /// The merges of a SentencePiece vocabulary. SentencePiece merges whichever neighbours form the
    /// piece of highest score; in BPE terms every way to cut a piece into two known ones is a
    /// merge, ranked by the piece's score.
    fn merges_by_score(&self, vocab: &Vocab) -> Result<Vec<(String, String)>, String> {
        let scores = self
            .metadata
            .floats("tokenizer.ggml.scores")?
            .filter(|scores| scores.len() == self.tokens.len())
            .ok_or("metadata 'tokenizer.ggml.scores' does not hold one score per token")?;
        // Runs of spaces come before all other pieces, the longest first.
        let mut runs: Vec<(String, f32)> = self
            .of_kind(Kind::UserDefined)
            .map(|(token, _)| (self.spelled(token), f32::INFINITY))
            .filter(|(token, _)| token.chars().all(|c| c == SPACE))
            .collect();
        runs.sort_by_key(|(run, _)| std::cmp::Reverse(run.len()));
        // Where a piece is listed twice, the first entry counts.
        let pieces = self.of_kind(Kind::Normal).filter(|(piece, id)| vocab.get(*piece) == Some(id));
        let pieces = pieces.map(|(piece, id)| (piece, scores[id as usize]));
        let mut merges = Vec::new();
        for (piece, score) in runs.iter().map(|(run, rank)| (run.as_str(), *rank)).chain(pieces) {
            let cuts = piece.char_indices().skip(1).map(|(cut, _)| piece.split_at(cut));
            let mut pairs: Vec<_> = cuts
                .filter_map(|(left, right)| {
                    Some((*vocab.get(left)?, *vocab.get(right)?, left, right))
                })
                .collect();
            pairs.sort_unstable();
            merges.extend(pairs.into_iter().map(|(_, _, left, right)| (score, left, right)));
            if merges.len() > MAX_CUTS * self.tokens.len() {
                return Err(format!(
                    "{TOKENS} can be cut in more than {MAX_CUTS} ways for each of its items"
                ));
            }
        }
        merges.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        Ok(merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect())
    }

    /// The tokens that text can become.
    fn model_vocab(&self) -> Vocab {
        let textual = |kind: &Kind| matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Byte);
        self.tokens
            .iter()
            .zip(&self.kinds)
            .enumerate()
            .filter(|(id, (token, kind))| {
                textual(kind) && !token.is_empty() && self.ids.get(token) == Some(&(*id as TokenId))
            })
            .map(|(id, (token, kind))| match kind {
                Kind::UserDefined => (self.spelled(token), id as TokenId),
                _ => (token.to_owned(), id as TokenId),
            })
            .collect()
    }

    /// A token as the model spells it. Gemma's runs of spaces are user-defined tokens, which
    /// converters write with plain spaces; to the model they are ordinary pieces.
    fn spelled(&self, token: &str) -> String {
        match self.spelling {
            Spelling::ByteLevel => token.to_owned(),
            Spelling::SentencePiece => token.replace(' ', &SPACE.to_string()),
        }
    }

    /// The control tokens that swallow the white space after them. The file does not say which
    /// these are: in Phi-3's own tokenizer they are all control tokens except the three that are
    /// older than its chat format.
    pub(super) fn swallowing(&self) -> Result<HashSet<TokenId>, String> {
        let phi3 = self.metadata.text("general.architecture")? == Some("phi3");
        if !phi3 || self.spelling != Spelling::SentencePiece {
            return Ok(HashSet::new());
        }
        let older = ["<unk>", "<s>", "<|endoftext|>"];
        let controls = self.of_kind(Kind::Control).filter(|(token, _)| !older.contains(token));
        Ok(controls.map(|(_, id)| id).collect())
    }

    fn of_kind(&self, wanted: Kind) -> impl Iterator<Item = (&'a str, TokenId)> {
        let of_kind = move |(id, kind): (usize, &Kind)| {
            let token = self.tokens.get(id)?;
            (*kind == wanted && !token.is_empty()).then_some((token, id as TokenId))
        };
        self.kinds.iter().enumerate().filter_map(of_kind)
    }
}

/// The library's error about a vocabulary, cut short because it may quote the vocabulary at any
/// length.
fn unbuildable(error: &dyn std::fmt::Display) -> String {
    format!("{TOKENS} cannot be built: {}", quoted(&error.to_string()))
}

/// How tokens are spelled, and for byte-level vocabularies how text is cut.
fn family(metadata: &Metadata) -> Result<(Spelling, Option<PreTokenizer>), String> {
    const HINT: &str = "pass the model's own file with --tokenizer tokenizer.json";
    match metadata.text("tokenizer.ggml.model")?.unwrap_or("") {
        "gpt2" => {
            let name = metadata
                .text("tokenizer.ggml.pre")?
                .ok_or_else(|| format!("metadata 'tokenizer.ggml.pre' is missing; {HINT}"))?;
            let pre = PreTokenizer::named(name).ok_or_else(|| {
                let name = quoted(name);
                format!("metadata 'tokenizer.ggml.pre' is {name}, which is not known; {HINT}")
            })?;
            Ok((Spelling::ByteLevel, Some(pre)))
        }
        "llama" => Ok((Spelling::SentencePiece, None)),
        other => Err(format!(
            "metadata 'tokenizer.ggml.model' is {}, but only gpt2 and llama are known; {HINT}",
            quoted(other)
        )),
    }
}

fn kinds(metadata: &Metadata, count: usize) -> Result<Vec<Kind>, String> {
    let key = "tokenizer.ggml.token_type";
    // Lengths are compared before the list is widened to 64-bit integers.
    if let Some(Value::Numbers(codes)) = metadata.get(key)
        && codes.len() != count
    {
        return Err(format!("metadata '{key}' has {} items for {count} tokens", codes.len()));
    }
    let Some(codes) = metadata.integers(key)? else {
        return Ok(vec![Kind::Normal; count]);
    };
    let kind = |code| Kind::from_code(code).ok_or_else(|| format!("metadata '{key}' holds {code}"));
    codes.into_iter().map(kind).collect()
}

fn check_lengths(tokens: &Texts) -> Result<(), String> {
    if let Some(id) = tokens.iter().position(|token| token.len() > MAX_TOKEN) {
        return Err(format!("item {id} of {TOKENS} has more than {MAX_TOKEN} bytes"));
    }
    if tokens.iter().map(str::len).sum::<usize>() > MAX_TOKENS_BYTES {
        return Err(format!("{TOKENS} has more than {MAX_TOKENS_BYTES} bytes in all"));
    }
    Ok(())
}

/// Whether a token is turn markup, such as `<|end|>` or `<start_of_image>`, which steers in
/// SentencePiece models too.
fn is_turn_markup(token: &str) -> bool {
    token.starts_with("<|") && token.ends_with("|>")
        || ["<start_of_", "<end_of_"].iter().any(|start| token.starts_with(start))
}

/// Whether a token is markup, such as `<think>`, `<|fim|>` or `[TOOL]`: user-defined by its type,
/// but a control token by its use.
fn is_markup(token: &str) -> bool {
    token.len() > 2
        && (token.starts_with('<') && token.ends_with('>')
            || token.starts_with('[') && token.ends_with(']'))
}
