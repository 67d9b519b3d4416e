//! The numbers and tensors of the architectures that candle's own models run.
//!
//! candle trusts a file: it sizes tables by its numbers and multiplies whatever it finds. So the
//! numbers are bounded here and every tensor's shape is compared with them, as `hyper_params.rs`
//! does for our own block. The numbers are not used to compute; candle reads the file once more.

use super::header::{Refused, Tensors};
use super::hyper_params::{Expected, Keys, MAX_CONTEXT, MAX_LAYERS, MAX_WIDTH, Presence};
use super::metadata::{Metadata, Value};

/// Most values in candle's tables of cosines: 128 MiB in 32-bit floats, twice what real models
/// need. The tables cover the whole context, however little of it is used.
const MAX_TABLE: usize = 1 << 25;
/// Most positions of a short convolution; real ones have three.
const MAX_CONVOLUTION: usize = 64;

/// The numbers of a model that candle runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignParams {
    /// The name in the metadata, `general.architecture`.
    pub architecture: &'static str,
    /// Number of decoder blocks.
    pub block_count: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Number of query heads.
    pub head_count: usize,
    /// Number of key and value heads, one entry per block; 0 where a block is a convolution.
    pub head_count_kv: Vec<usize>,
    /// Width of one head.
    pub head_dim: usize,
    /// Positions that the model was trained for, in tokens.
    pub context_length: usize,
    /// Number of tokens in the vocabulary: rows of the embedding.
    pub vocabulary_size: usize,
}

impl ForeignParams {
    /// Reads and checks the numbers, then the shape of every tensor.
    pub(super) fn read(
        architecture: &'static str,
        metadata: &Metadata,
        tensors: &Tensors,
    ) -> Result<Self, Refused> {
        let keys = Keys { metadata, architecture };
        let head_count = keys.required("attention.head_count", MAX_WIDTH)?;
        let embedding_length = keys.required("embedding_length", MAX_WIDTH)?;
        let block_count = keys.required("block_count", MAX_LAYERS)?;
        let head_dim = match architecture {
            "glm4" => keys.required("attention.key_length", MAX_WIDTH)?,
            _ => embedding_length / head_count,
        };
        let this = Self {
            architecture,
            block_count,
            embedding_length,
            head_count,
            head_count_kv: head_counts_kv(&keys, block_count)?,
            head_dim,
            context_length: keys.required("context_length", MAX_CONTEXT)?,
            vocabulary_size: keys.vocabulary_size()?,
        };
        this.check_heads(&keys)?;
        Expected::check(this.expected_tensors(&keys)?, architecture, tensors)?;
        Ok(this)
    }

    fn check_heads(&self, keys: &Keys<'_>) -> Result<(), Refused> {
        let Self { head_count, head_dim, .. } = self;
        for heads in self.head_count_kv.iter().filter(|heads| **heads > 0) {
            if !head_count.is_multiple_of(*heads) {
                return Err(format!(
                    "{} is {heads}, which does not divide the {head_count} heads",
                    keys.name("attention.head_count_kv")
                ));
            }
        }
        // Half of a head's dimensions are rotated, in pairs.
        if *head_dim == 0 || !head_dim.is_multiple_of(4) {
            return Err(format!(
                "{} makes heads {head_dim} wide, not a multiple of 4",
                keys.head_width()
            ));
        }
        if self.architecture != "glm4" && head_dim * head_count != self.embedding_length {
            return Err(format!(
                "{} is {}, which the {head_count} heads do not divide",
                keys.name("embedding_length"),
                self.embedding_length
            ));
        }
        if self.context_length.saturating_mul(*head_dim) > MAX_TABLE {
            return Err(format!(
                "{} is {}, too long for heads of {head_dim}",
                keys.name("context_length"),
                self.context_length
            ));
        }
        Ok(())
    }

    /// The tensors that the numbers imply, matrices as `(outputs, inputs)`. Made one block after
    /// the other, because a small file may claim many blocks.
    fn expected_tensors(&self, keys: &Keys<'_>) -> Result<impl Iterator<Item = Expected>, Refused> {
        use Presence::{Optional, Required};
        let width = self.embedding_length;
        let inner = keys.required("feed_forward_length", MAX_WIDTH)?;
        let convolution = if self.head_count_kv.contains(&0) {
            keys.required("shortconv.l_cache", MAX_CONVOLUTION)?
        } else {
            0
        };
        let head = vec![self.vocabulary_size, width];
        let mut expected = vec![Expected::new("token_embd.weight", head.clone(), Required)];
        match self.architecture {
            "phi2" => expected.extend([
                Expected::new("output.weight", head, Required),
                Expected::new("output.bias", vec![self.vocabulary_size], Required),
                Expected::new("output_norm.weight", vec![width], Required),
                Expected::new("output_norm.bias", vec![width], Required),
            ]),
            other => {
                let norm =
                    if other == "lfm2" { "token_embd_norm.weight" } else { "output_norm.weight" };
                expected.push(Expected::new("output.weight", head, Optional));
                expected.push(Expected::new(norm, vec![width], Required));
            }
        }
        let blocks = self.head_count_kv.iter().enumerate();
        let blocks = blocks.flat_map(move |(index, heads)| {
            self.expected_in_block(index, *heads, inner, convolution)
        });
        Ok(expected.into_iter().chain(blocks))
    }

    fn expected_in_block(
        &self,
        index: usize,
        heads: usize,
        inner: usize,
        convolution: usize,
    ) -> Vec<Expected> {
        use Presence::{Optional, Required};
        let width = self.embedding_length;
        let (queries, kv) = (self.head_count * self.head_dim, heads * self.head_dim);
        let mut expected = Vec::new();
        let mut add = |part: &str, shape: Vec<usize>, presence| {
            expected.push(Expected::new(&format!("blk.{index}.{part}"), shape, presence));
        };
        let mut block = |part: &str, shape: Vec<usize>| add(part, shape, Required);
        block("attn_norm.weight", vec![width]);
        block("ffn_down.weight", vec![width, inner]);
        match self.architecture {
            "glm4" => {
                block("ffn_up.weight", vec![2 * inner, width]);
                for part in ["ffn_norm", "post_attention_norm", "post_ffw_norm"] {
                    block(&format!("{part}.weight"), vec![width]);
                }
            }
            "lfm2" => {
                block("ffn_norm.weight", vec![width]);
                block("ffn_gate.weight", vec![inner, width]);
                block("ffn_up.weight", vec![inner, width]);
            }
            _ => {
                block("attn_norm.bias", vec![width]);
                block("attn_qkv.weight", vec![queries + 2 * kv, width]);
                block("attn_qkv.bias", vec![queries + 2 * kv]);
                block("attn_output.bias", vec![width]);
                block("ffn_up.weight", vec![inner, width]);
                block("ffn_up.bias", vec![inner]);
                block("ffn_down.bias", vec![width]);
            }
        }
        if heads == 0 {
            block("shortconv.conv.weight", vec![width, convolution]);
            block("shortconv.in_proj.weight", vec![3 * width, width]);
            block("shortconv.out_proj.weight", vec![width, width]);
            return expected;
        }
        block("attn_output.weight", vec![width, queries]);
        if self.architecture != "phi2" {
            block("attn_q.weight", vec![queries, width]);
            block("attn_k.weight", vec![kv, width]);
            block("attn_v.weight", vec![kv, width]);
        }
        if self.architecture == "lfm2" {
            block("attn_q_norm.weight", vec![self.head_dim]);
            block("attn_k_norm.weight", vec![self.head_dim]);
        }
        if self.architecture == "glm4" {
            for (part, rows) in [("attn_q", queries), ("attn_k", kv), ("attn_v", kv)] {
                add(&format!("{part}.bias"), vec![rows], Optional);
            }
        }
        expected
    }
}

/// The key and value heads of each block: one number for all, or, for LFM2, a list.
fn head_counts_kv(keys: &Keys<'_>, block_count: usize) -> Result<Vec<usize>, Refused> {
    let suffix = "attention.head_count_kv";
    let wrong = |what: &str| format!("{} {what}", keys.name(suffix));
    let too_few = || wrong(&format!("does not hold a count for each of {block_count} blocks"));
    let counts = match keys.metadata.get(&keys.key(suffix)) {
        Some(Value::Numbers(numbers)) if keys.architecture == "lfm2" => {
            // Checked before the list is widened to 64-bit integers.
            if numbers.len() != block_count {
                return Err(too_few());
            }
            let counts = numbers.to_integers().unwrap_or_default().into_iter();
            let counts = counts.map(|count| usize::try_from(count).ok());
            counts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong("holds what is not a count"))?
        }
        _ => vec![keys.required(suffix, MAX_WIDTH)?; block_count],
    };
    if counts.len() != block_count || counts.iter().any(|count| *count > MAX_WIDTH) {
        return Err(too_few());
    }
    Ok(counts)
}
