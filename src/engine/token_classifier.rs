//! Models that label the words of a text, from a folder as Hugging Face's `transformers` writes it.
//!
//! Owns the folder (`config.json`, `tokenizer.json`, `model.safetensors`) and its checks, the
//! windows over texts that are longer than the model reads, and the way from scores of tokens to
//! labelled pieces of text. The encoders are candle's own. Does not know what a label means.
//!
//! Words are joined as by `aggregation_strategy="first"` of `TokenClassificationPipeline`
//! (<https://huggingface.co/docs/transformers/main_classes/pipelines>): a word has the label of its
//! first token, and neighbouring words of one label are one piece, with the mean of their scores.
//! Two things differ. The first token is the first with a letter or digit in it, since the tokens
//! of SentencePiece take `(Ana` for a word; and a piece does not begin or end with punctuation.

mod encoder;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string;
use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::{DeviceChoice, EngineError, open_device};
use encoder::Encoder;

/// Most tokens of a text read together: what the models are trained on.
const LONGEST: usize = 512;
/// Most tokens that two windows of a long text share: a label depends on the words around it.
const OVERLAP: usize = 64;
/// Windows of equal length that are computed together.
const BATCH: usize = 16;
/// Most labels of a model: the largest sets have some hundred, and each costs memory.
const MOST_LABELS: usize = 4096;

/// A loaded model that labels words.
pub struct TokenClassifier {
    encoder: Encoder,
    head: Linear, // (hidden, labels)
    tokenizer: Tokenizer,
    labels: Vec<String>,
    frame: Frame,
    /// Most tokens of a window, those of the frame included.
    window: usize,
    device: Device,
    files: Hashes,
}

/// What a folder's files are identified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// SHA-256 of `model.safetensors`.
    pub weights: String,
    /// SHA-256 of `config.json` and `tokenizer.json`, one after the other.
    pub settings: String,
}

/// A piece of a text, with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Byte of the text at which the piece begins.
    pub start: usize,
    /// Byte of the text before which the piece ends.
    pub end: usize,
    /// The label without `B-`, `I-` and the like.
    pub label: String,
    /// Probability of the label by the model's softmax, the mean over the words; 0 to 1.
    pub score: f32,
}

/// The tokens that a model needs before and after every text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
}

impl std::fmt::Debug for TokenClassifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenClassifier").field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl TokenClassifier {
    /// Loads the model in a folder.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] names the file that is missing or wrong and what is wrong with it;
    /// [`EngineError::Unsupported`] names an architecture that is neither BERT nor one of its kin,
    /// and lists those that are supported.
    pub fn load(folder: &Path, device: DeviceChoice) -> Result<Self, EngineError> {
        let device = open_device(device)?;
        let config = File::read(folder, "config.json")?;
        let tokenizer_file = File::read(folder, "tokenizer.json")?;
        let weights = File::read(folder, "model.safetensors")?;
        let files = Hashes {
            weights: hash(&[&weights.bytes]),
            settings: hash(&[&config.bytes, &tokenizer_file.bytes]),
        };
        let settings: Value = serde_json::from_slice(&config.bytes)
            .map_err(|e| config.bad(format!("it is not JSON: {e}")))?;
        let labels = labels(&settings).map_err(|reason| config.bad(reason))?;
        let kind = encoder::Kind::of(&settings).map_err(|found| EngineError::Unsupported {
            path: config.path.display().to_string(),
            found,
            supported: encoder::ARCHITECTURES.join(", "),
        })?;
        let sizes = kind.sizes(&settings).map_err(|reason| config.bad(reason))?;
        let tokenizer = tokenizer(&tokenizer_file)?;
        // Ids may have gaps, so the largest id counts.
        let known = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if known > sizes.vocabulary {
            return Err(tokenizer_file.bad(format!(
                "it has tokens up to number {} and the model {} rows for them\nhint: take config.json, tokenizer.json and model.safetensors of the same model",
                known - 1,
                sizes.vocabulary
            )));
        }
        let frame = Frame::of(&tokenizer).map_err(|reason| tokenizer_file.bad(reason))?;
        let window = sizes.positions.min(LONGEST);
        if window < frame.len() + 2 {
            return Err(config
                .bad(format!("it reads {window} tokens at a time, which is too few for text")));
        }
        let File { path, bytes } = weights;
        let bad = |reason: String| bad_file(&path, reason);
        let built = caught(|| {
            let vb = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &device)?;
            let head = linear(&vb.pp("classifier"), sizes.hidden, labels.len())?;
            Ok((kind.load(&settings, &vb)?, head))
        });
        let (encoder, head) = built.map_err(|reason| {
            bad(format!(
                "its weights are not those of a {} with {} labels: {reason}\nhint: it must be a model for token classification, as AutoModelForTokenClassification saves it",
                kind.name(),
                labels.len()
            ))
        })?;
        Ok(Self { encoder, head, tokenizer, labels, frame, window, device, files })
    }

    /// What the model's files are identified by.
    pub fn hashes(&self) -> &Hashes {
        &self.files
    }

    /// The labels that the model can give, without `B-`, `I-` and the like; each once, in the
    /// model's order.
    pub fn labels(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for label in &self.labels {
            let (_, kind) = parted(label);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// The labelled pieces of each text, in order and without overlap; words labelled `O` are left
    /// out.
    ///
    /// # Errors
    ///
    /// [`EngineError::Compute`] when a text cannot be cut into tokens, or candle fails.
    pub fn classify(&self, texts: &[&str]) -> Result<Vec<Vec<Labelled>>, EngineError> {
        let texts: Vec<Tokens> =
            texts.iter().map(|text| self.tokens(text)).collect::<Result<_, _>>()?;
        let best = self.best(&texts)?;
        Ok(texts.iter().zip(best).map(|(text, best)| self.pieces(text, &best)).collect())
    }

    /// The logits of one text that fits a window, frame included: one row per token. For comparison
    /// with other programs.
    ///
    /// # Errors
    ///
    /// As [`Self::classify`].
    pub fn logits(&self, text: &str) -> Result<Vec<Vec<f32>>, EngineError> {
        let tokens = self.tokens(text)?;
        let ids = self.frame.around(&tokens.ids);
        caught(|| {
            let ids = Tensor::new(ids.as_slice(), &self.device)?.unsqueeze(0)?;
            self.forward(&ids)?.squeeze(0)?.to_vec2::<f32>()
        })
        .map_err(EngineError::Compute)
    }

    fn tokens<'t>(&self, text: &'t str) -> Result<Tokens<'t>, EngineError> {
        let encoding = self.tokenizer.encode(text, false).map_err(|e| {
            EngineError::Compute(format!("a text of {} bytes has no tokens: {e}", text.len()))
        })?;
        Ok(Tokens {
            text,
            ids: encoding.get_ids().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
            words: encoding.get_word_ids().to_vec(),
        })
    }

    /// For each token of each text, its most likely label and that label's probability.
    fn best(&self, texts: &[Tokens<'_>]) -> Result<Vec<Vec<(usize, f32)>>, EngineError> {
        let mut best: Vec<Vec<(usize, f32)>> =
            texts.iter().map(|text| vec![(0, 0.0); text.ids.len()]).collect();
        let mut windows: Vec<Window> = texts
            .iter()
            .enumerate()
            .flat_map(|(text, tokens)| {
                windows(text, tokens.ids.len(), self.window - self.frame.len())
            })
            .collect();
        // Windows of equal length make a batch that needs no padding.
        windows.sort_by_key(|window| window.end - window.start);
        for same in windows.chunk_by(|a, b| a.end - a.start == b.end - b.start) {
            for batch in same.chunks(BATCH) {
                let rows = caught(|| self.rows(texts, batch)).map_err(EngineError::Compute)?;
                for (window, row) in batch.iter().zip(rows) {
                    for at in window.keep_from..window.keep_to {
                        best[window.text][at] = likeliest(&row[at - window.start])?;
                    }
                }
            }
        }
        Ok(best)
    }

    /// The logits of each window's own tokens: (windows, tokens, labels).
    fn rows(
        &self,
        texts: &[Tokens<'_>],
        batch: &[Window],
    ) -> candle_core::Result<Vec<Vec<Vec<f32>>>> {
        let ids: Vec<Vec<u32>> = batch
            .iter()
            .map(|window| self.frame.around(&texts[window.text].ids[window.start..window.end]))
            .collect();
        let ids = Tensor::new(ids, &self.device)?; // (windows, tokens)
        let logits = self.forward(&ids)?; // (windows, tokens, labels)
        let own = batch[0].end - batch[0].start;
        logits.narrow(1, self.frame.before.len(), own)?.to_vec3::<f32>()
    }

    fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        self.head.forward(&self.encoder.forward(ids)?)
    }

    /// Joins neighbouring words of one label to pieces.
    fn pieces(&self, tokens: &Tokens<'_>, best: &[(usize, f32)]) -> Vec<Labelled> {
        let mut pieces: Vec<Labelled> = Vec::new();
        let mut scores: Vec<f32> = Vec::new();
        let mut open = false;
        for word in tokens.words() {
            let first = word.clone().find(|&at| tokens.says_something(at)).unwrap_or(word.start);
            let (label, score) = best[first];
            let (part, kind) = parted(&self.labels[label]);
            if kind == "O" {
                open = false;
                continue;
            }
            let end = tokens.offsets[word.end - 1].1;
            let joins = open && !part.begins() && pieces.last().is_some_and(|p| p.label == kind);
            if joins && let Some(last) = pieces.last_mut() {
                last.end = end;
                scores.push(score);
                last.score = mean(&scores);
            } else {
                let start = tokens.offsets[word.start].0;
                scores = vec![score];
                pieces.push(Labelled { start, end, label: kind.to_owned(), score });
            }
            open = !part.ends();
        }
        pieces.into_iter().filter_map(|piece| trimmed(tokens.text, piece)).collect()
    }
}

/// A text as tokens, without the frame.
struct Tokens<'t> {
    text: &'t str,
    ids: Vec<u32>,
    /// The bytes of the text that each token covers.
    offsets: Vec<(usize, usize)>,
    words: Vec<Option<u32>>,
}

impl Tokens<'_> {
    /// The tokens of each word, in order. A token that belongs to no word stands alone.
    fn words(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let start = next;
            let word = *self.words.get(start)?;
            next += 1;
            while word.is_some() && self.words.get(next) == Some(&word) {
                next += 1;
            }
            Some(start..next)
        })
    }

    fn says_something(&self, at: usize) -> bool {
        let (start, end) = self.offsets[at];
        self.text.get(start..end).is_some_and(|piece| piece.contains(char::is_alphanumeric))
    }
}

/// A part of a text that is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// Index of the text.
    text: usize,
    /// Range of the text's tokens, `start..end`.
    start: usize,
    end: usize,
    /// Range of the tokens whose labels are taken from this window. Where windows overlap, each
    /// token's label comes from the window that has more text around it.
    keep_from: usize,
    keep_to: usize,
}

/// The windows of at most `size` tokens over text number `text`, which has `length` tokens.
fn windows(text: usize, length: usize, size: usize) -> Vec<Window> {
    let overlap = OVERLAP.min(size / 2);
    let mut windows: Vec<Window> = Vec::new();
    let mut start = 0;
    if length == 0 {
        return windows;
    }
    loop {
        let end = length.min(start + size);
        let keep_from = if start == 0 { 0 } else { start + overlap / 2 };
        if let Some(last) = windows.last_mut() {
            last.keep_to = keep_from;
        }
        windows.push(Window { text, start, end, keep_from, keep_to: end });
        if end == length {
            break;
        }
        start = end - overlap;
    }
    windows
}

/// The most likely label of a row of logits, and its probability.
fn likeliest(logits: &[f32]) -> Result<(usize, f32), EngineError> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|x| (x - top).exp()).sum();
    let at = logits.iter().position(|x| *x >= top).unwrap_or(0);
    if !sum.is_finite() || !top.is_finite() {
        return Err(EngineError::Compute(
            "the model computed NaN in place of numbers; its weights are damaged".to_owned(),
        ));
    }
    Ok((at, 1.0 / sum))
}

fn mean(scores: &[f32]) -> f32 {
    scores.iter().sum::<f32>() / scores.len() as f32
}

/// A piece without the punctuation and space around it; `None` where the piece has nothing else.
fn trimmed(text: &str, piece: Labelled) -> Option<Labelled> {
    let outer = |c: char| c.is_whitespace() || ",.;:!?\"'()[]{}<>“”‘’«»".contains(c);
    let inner = text.get(piece.start..piece.end)?;
    let start = piece.start + (inner.len() - inner.trim_start_matches(outer).len());
    let end = piece.start + inner.trim_end_matches(outer).len();
    (start < end).then_some(Labelled { start, end, ..piece })
}

/// The place of a labelled word within its piece, as the label's mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `B-`
    Begins,
    /// `I-`, `M-`, or a label without a mark
    Inside,
    /// `E-`, `L-`
    Ends,
    /// `S-`, `U-`
    Alone,
}

impl Part {
    fn begins(self) -> bool {
        matches!(self, Self::Begins | Self::Alone)
    }

    fn ends(self) -> bool {
        matches!(self, Self::Ends | Self::Alone)
    }
}

/// A label's mark (BIO, BIOES, BILOU) and its name.
fn parted(label: &str) -> (Part, &str) {
    let part = match label.split_once(['-', '_']).map(|(mark, _)| mark) {
        Some("B") => Part::Begins,
        Some("I" | "M") => Part::Inside,
        Some("E" | "L") => Part::Ends,
        Some("S" | "U") => Part::Alone,
        _ => return (Part::Inside, label),
    };
    (part, &label[2..])
}

/// The labels in `id2label`, in the order of their ids.
fn labels(config: &Value) -> Result<Vec<String>, String> {
    let named = config.get("id2label").and_then(Value::as_object).ok_or(
        "it has no id2label, which says what the model's answers mean\nhint: it must be a model for token classification",
    )?;
    if named.len() > MOST_LABELS {
        return Err(format!("id2label has {} labels, more than {MOST_LABELS}", named.len()));
    }
    let mut labels = vec![None; named.len()];
    for (id, label) in named {
        let place = id.parse::<usize>().ok().and_then(|id| labels.get_mut(id));
        let (Some(place), Some(label)) = (place, label.as_str()) else {
            return Err(format!(
                "id2label has '{id}': expected numbers from 0 on, each with a name"
            ));
        };
        *place = Some(label.to_owned());
    }
    labels
        .into_iter()
        .collect::<Option<Vec<String>>>()
        .ok_or_else(|| "id2label has gaps".to_owned())
}

fn tokenizer(file: &File) -> Result<Tokenizer, EngineError> {
    // The crate trusts a tokenizer.json and panics on parts that do not fit together.
    let parsed = catch_unwind(AssertUnwindSafe(|| Tokenizer::from_bytes(&file.bytes)));
    let mut tokenizer = match parsed {
        Ok(Ok(tokenizer)) => tokenizer,
        Ok(Err(error)) => return Err(file.bad(format!("it is not a tokenizer.json: {error}"))),
        Err(_) => return Err(file.bad("its parts do not fit together".to_owned())),
    };
    // Windows are cut by us, and text that looks like a control token is text.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| file.bad(error.to_string()))?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

impl Frame {
    fn of(tokenizer: &Tokenizer) -> Result<Self, String> {
        let ids = |framed: bool| {
            let encoding = tokenizer.encode("a", framed).map_err(|e| e.to_string())?;
            Ok::<_, String>(encoding.get_ids().to_vec())
        };
        let (bare, framed) = (ids(false)?, ids(true)?);
        let at = framed
            .windows(bare.len().max(1))
            .position(|window| window == bare)
            .ok_or("what it puts around a text cannot be told from the text")?;
        let (before, rest) = framed.split_at(at);
        Ok(Self { before: before.to_vec(), after: rest[bare.len()..].to_vec() })
    }

    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    fn around(&self, ids: &[u32]) -> Vec<u32> {
        [&self.before, ids, &self.after].concat()
    }
}

/// A file of the folder.
struct File {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl File {
    fn read(folder: &Path, name: &str) -> Result<Self, EngineError> {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(error) => Err(bad_file(
                &path,
                format!(
                    "{error}\nhint: a token classifier is a folder with config.json, tokenizer.json and model.safetensors"
                ),
            )),
        }
    }

    fn bad(&self, reason: String) -> EngineError {
        bad_file(&self.path, reason)
    }
}

fn bad_file(path: &Path, reason: String) -> EngineError {
    EngineError::BadModel { path: path.display().to_string(), reason }
}

/// A linear layer, with a bias where the weights have one.
fn linear(vb: &VarBuilder<'_>, input: usize, output: usize) -> candle_core::Result<Linear> {
    let weight = vb.get((output, input), "weight")?;
    let bias = if vb.contains_tensor("bias") { Some(vb.get(output, "bias")?) } else { None };
    Ok(Linear::new(weight, bias))
}

fn hash(parts: &[&[u8]]) -> String {
    encode_string(&parts.iter().fold(Sha256::new(), Digest::chain_update).finalize())
}

/// Runs candle's code and turns its errors and panics into a reason.
fn caught<T>(work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        // A backtrace follows the first line.
        Ok(Err(error)) => {
            Err(error.to_string().lines().next().unwrap_or("candle failed").to_owned())
        }
        Err(_) => Err("candle panicked on them".to_owned()),
    }
}
