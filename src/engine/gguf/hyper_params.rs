//! What the metadata says the model is, as typed numbers, and the tensors that must follow from it.
//!
//! Checked here once, so that the decoder multiplies without asking: a file whose tensors do not
//! have the implied shapes never reaches it.

use std::collections::{HashMap, HashSet};

use super::header::{Refused, TensorInfo};
use super::metadata::Metadata;
use crate::engine::architecture::Architecture;

const MAX_LAYERS: usize = 512;
const MAX_CONTEXT: usize = 4 << 20; // tokens
const MAX_WIDTH: usize = 1 << 20; // any width or count of heads; far above real ones, far below overflow

/// The numbers of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct HyperParams {
    /// What the block computes.
    pub architecture: Architecture,
    /// Decoder blocks.
    pub block_count: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Width of the feed-forward part.
    pub feed_forward_length: usize,
    /// Query heads.
    pub head_count: usize,
    /// Key and value heads; divides `head_count`.
    pub head_count_kv: usize,
    /// Width of one head, of keys and values alike; even.
    pub head_dim: usize,
    /// Leading dimensions of a head that are rotated; even, at most `head_dim`.
    pub rope_dimension_count: usize,
    /// Base of the rotation frequencies.
    pub rope_freq_base: f32,
    /// The same in layers that see a window only.
    pub rope_freq_base_window: f32,
    /// How positions are stretched, in layers without a window.
    pub rope_scaling: RopeScaling,
    /// What cosines and sines are multiplied with; 1 but for Phi's long contexts.
    pub rope_magnitude: f32,
    /// Positions that a layer with a window looks back over, its own included; `None` where no
    /// layer has one.
    pub sliding_window: Option<usize>,
    /// What products of queries and keys are multiplied with: as a rule 1 / √`head_dim`.
    pub attention_scale: f32,
    /// Added to the mean square under the root of the norms.
    pub rms_epsilon: f32,
    /// Positions that the model was trained for, in tokens.
    pub context_length: usize,
    /// Rows of the embedding.
    pub vocabulary_size: usize,
    /// True when `output.weight` is absent and the embedding is the output matrix too.
    pub tied_embeddings: bool,
    /// The tensor that divides the frequencies one by one, (`rope_dimension_count` / 2), if any:
    /// `rope_freqs.weight` (Llama 3.1 and later), or Phi's for short or long contexts.
    pub rope_factors: Option<&'static str>,
}

/// How positions are stretched beyond the trained context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Positions are divided by this factor.
    Linear(f32),
}

impl HyperParams {
    /// Reads and checks the numbers, then the shape of every tensor.
    pub(super) fn read(
        metadata: &Metadata,
        tensors: &HashMap<String, TensorInfo>,
    ) -> Result<Self, Refused> {
        let name = metadata.text("general.architecture")?.unwrap_or_default();
        let architecture = Architecture::named(name)
            .ok_or_else(|| format!("architecture '{name}' has no block here"))?;
        let keys = Keys { metadata, architecture: architecture.name };
        if keys.optional("expert_count", usize::MAX)?.is_some_and(|count| count > 0) {
            return Err("it is a mixture of experts, which is not supported".into());
        }
        let head_count = keys.required("attention.head_count", MAX_WIDTH)?;
        let embedding_length = keys.required("embedding_length", MAX_WIDTH)?;
        let head_dim = keys
            .optional("attention.key_length", MAX_WIDTH)?
            .unwrap_or(embedding_length / head_count);
        let this = Self {
            block_count: keys.required("block_count", MAX_LAYERS)?,
            embedding_length,
            feed_forward_length: keys.required("feed_forward_length", MAX_WIDTH)?,
            head_count,
            head_count_kv: keys
                .optional("attention.head_count_kv", MAX_WIDTH)?
                .unwrap_or(head_count),
            head_dim,
            rope_dimension_count: keys
                .optional("rope.dimension_count", MAX_WIDTH)?
                .unwrap_or(head_dim),
            rope_freq_base: keys.positive("rope.freq_base")?.unwrap_or(10_000.0),
            rope_freq_base_window: 10_000.0,
            rope_scaling: keys.rope_scaling()?,
            rope_magnitude: 1.0,
            sliding_window: None,
            attention_scale: 1.0 / (head_dim as f32).sqrt(),
            rms_epsilon: keys
                .positive("attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| keys.missing("attention.layer_norm_rms_epsilon"))?,
            context_length: keys.required("context_length", MAX_CONTEXT)?,
            vocabulary_size: keys.vocabulary_size()?,
            tied_embeddings: !tensors.contains_key("output.weight"),
            rope_factors: Some("rope_freqs.weight").filter(|name| tensors.contains_key(*name)),
            architecture,
        };
        this.check_heads(&keys)?;
        this.check_shapes(tensors)?;
        Ok(this)
    }

    fn check_heads(&self, keys: &Keys<'_>) -> Result<(), Refused> {
        let Self { head_count, head_count_kv, head_dim, rope_dimension_count, .. } = self;
        if *head_count_kv == 0 || !head_count.is_multiple_of(*head_count_kv) {
            return Err(format!(
                "{} is {head_count_kv}, which does not divide the {head_count} heads",
                keys.name("attention.head_count_kv")
            ));
        }
        if *head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(format!("the head width is {head_dim}, not an even number from 2"));
        }
        let value_length = keys.optional("attention.value_length", MAX_WIDTH)?.unwrap_or(*head_dim);
        if value_length != *head_dim {
            return Err(format!(
                "{} is {value_length}, but keys have {head_dim}: different widths are not supported",
                keys.name("attention.value_length")
            ));
        }
        if *rope_dimension_count == 0
            || rope_dimension_count > head_dim
            || !rope_dimension_count.is_multiple_of(2)
        {
            return Err(format!(
                "{} is {rope_dimension_count}, not an even number from 2 to the head width {head_dim}",
                keys.name("rope.dimension_count")
            ));
        }
        Ok(())
    }

    /// Every tensor that the decoder reads is there with the implied shape, and nothing is there
    /// that it would silently leave out: a bias that is ignored is a wrong model.
    fn check_shapes(&self, tensors: &HashMap<String, TensorInfo>) -> Result<(), Refused> {
        let expected = self.expected_shapes();
        for (name, shape) in &expected {
            let found = tensors.get(name);
            let optional = matches!(name.as_str(), "output.weight" | "rope_freqs.weight");
            match found {
                None if optional => {}
                None => return Err(format!("tensor '{name}' is missing")),
                Some(info) if info.shape != *shape => {
                    return Err(format!(
                        "tensor '{name}' has shape {:?}, but the metadata implies {shape:?}",
                        info.shape
                    ));
                }
                Some(_) => {}
            }
        }
        let known: HashSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
        // Frequencies that old converters wrote and nobody reads.
        let obsolete = |name: &str| name.ends_with(".attn_rot_embd");
        match tensors.keys().filter(|name| !known.contains(name.as_str()) && !obsolete(name)).min()
        {
            Some(name) => Err(format!(
                "tensor '{name}' has no place in architecture '{}', so the model would run wrong",
                self.architecture.name
            )),
            None => Ok(()),
        }
    }

    /// Names and shapes, matrices as `(outputs, inputs)`.
    fn expected_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let width = self.embedding_length;
        let queries = self.head_count * self.head_dim;
        let keys = self.head_count_kv * self.head_dim;
        let inner = self.feed_forward_length;
        let mut shapes = vec![
            ("token_embd.weight".to_owned(), vec![self.vocabulary_size, width]),
            ("output.weight".to_owned(), vec![self.vocabulary_size, width]),
            ("output_norm.weight".to_owned(), vec![width]),
            ("rope_freqs.weight".to_owned(), vec![self.rope_dimension_count / 2]),
        ];
        let block = [
            ("attn_norm", vec![width]),
            ("attn_q", vec![queries, width]),
            ("attn_k", vec![keys, width]),
            ("attn_v", vec![keys, width]),
            ("attn_output", vec![width, queries]),
            ("ffn_norm", vec![width]),
            ("ffn_gate", vec![inner, width]),
            ("ffn_up", vec![inner, width]),
            ("ffn_down", vec![width, inner]),
        ];
        for index in 0..self.block_count {
            shapes.extend(
                block
                    .iter()
                    .map(|(part, shape)| (format!("blk.{index}.{part}.weight"), shape.clone())),
            );
        }
        shapes
    }
}

/// Metadata under the architecture's prefix.
struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

impl Keys<'_> {
    fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    fn name(&self, suffix: &str) -> String {
        format!("metadata '{}'", self.key(suffix))
    }

    fn missing(&self, suffix: &str) -> Refused {
        format!("{} is missing", self.name(suffix))
    }

    fn optional(&self, suffix: &str, most: usize) -> Result<Option<usize>, Refused> {
        let Some(value) = self.metadata.unsigned(&self.key(suffix))? else {
            return Ok(None);
        };
        match usize::try_from(value) {
            Ok(value) if value <= most => Ok(Some(value)),
            _ => Err(format!("{} is {value} (at most {most} is accepted)", self.name(suffix))),
        }
    }

    fn required(&self, suffix: &str, most: usize) -> Result<usize, Refused> {
        match self.optional(suffix, most)? {
            None => Err(self.missing(suffix)),
            Some(0) => Err(format!("{} is 0", self.name(suffix))),
            Some(value) => Ok(value),
        }
    }

    fn positive(&self, suffix: &str) -> Result<Option<f32>, Refused> {
        match self.metadata.float(&self.key(suffix))? {
            Some(value) if !(value.is_finite() && value > 0.0) => {
                Err(format!("{} is {value}, not a positive number", self.name(suffix)))
            }
            value => Ok(value),
        }
    }

    fn rope_scaling(&self) -> Result<RopeScaling, Refused> {
        let kind = self.metadata.text(&self.key("rope.scaling.type"))?;
        // `scale_linear` is what converters wrote before there was a type.
        let factor = match self.positive("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => self.positive("rope.scale_linear")?,
        };
        match (kind, factor) {
            (Some("none"), _) | (None | Some("linear"), None) => Ok(RopeScaling::None),
            (None | Some("linear"), Some(factor)) => Ok(RopeScaling::Linear(factor)),
            (Some(kind), _) => Err(format!(
                "{} is '{kind}', which is not supported (none and linear are)",
                self.name("rope.scaling.type")
            )),
        }
    }

    fn vocabulary_size(&self) -> Result<usize, Refused> {
        match self.metadata.texts("tokenizer.ggml.tokens")? {
            Some(tokens) if !tokens.is_empty() => Ok(tokens.len()),
            _ => self.required("vocab_size", u32::MAX as usize),
        }
    }
}
