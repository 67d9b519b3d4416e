//! What the metadata says the model is, as typed numbers, and the tensors that must follow from it.
//!
//! Checked here once, so that the decoder multiplies without asking: a file whose tensors do not
//! have the implied shapes never reaches it.

use std::f64::consts::TAU;

use super::header::{Refused, Tensors};
use super::metadata::{Metadata, Value, quoted};
use crate::engine::architecture::{
    Architecture, Biases, HeadNorms, Norms, Parts, RopeTensors, Windows,
};

pub(super) const MAX_LAYERS: usize = 512;
pub(super) const MAX_CONTEXT: usize = 4 << 20; // tokens
pub(super) const MAX_WIDTH: usize = 1 << 20; // any width or count of heads; far above real ones, far below overflow
const MAX_POSITIONS: usize = u32::MAX as usize; // of a window or a context that is only compared

/// Number of blocks of the one Gemma 3 (27B) whose attention is scaled by the width that a head
/// would have if heads shared the residual stream. llama.cpp and Google's own code have the same
/// exception.
const GEMMA3_27B_BLOCKS: usize = 62;

/// The numbers of a decoder that our own block runs.
#[derive(Debug, Clone, PartialEq)]
pub struct HyperParams {
    /// How the architecture's blocks compute. Where the file gives no window, `windows` is
    /// [`Windows::Never`], whatever the table says.
    pub architecture: Architecture,
    /// Number of decoder blocks.
    pub block_count: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Width of the feed-forward part.
    pub feed_forward_length: usize,
    /// Number of query heads.
    pub head_count: usize,
    /// Number of key and value heads; divides `head_count`.
    pub head_count_kv: usize,
    /// Width of one head, of keys and values alike; even.
    pub head_dim: usize,
    /// Leading dimensions of a head that are rotated; even, at most `head_dim`.
    pub rope_dimension_count: usize,
    /// Base of the rotation frequencies.
    pub rope_freq_base: f32,
    /// Base of the rotation frequencies in layers that see a window only.
    pub rope_freq_base_window: f32,
    /// How positions are stretched, in layers without a window; see [`HyperParams::rope_divisors`]
    /// for the result.
    pub rope_scaling: RopeScaling,
    /// YaRN, which takes the place of [`RopeScaling`], in layers without a window.
    pub yarn: Option<Yarn>,
    /// What cosines and sines are multiplied by, in layers without a window; 1 except for Phi's
    /// long contexts and YaRN.
    pub rope_magnitude: f32,
    /// Positions that a layer with a window sees, its own included; `None` where no layer has a
    /// window.
    pub sliding_window: Option<usize>,
    /// What products of queries and keys are multiplied by: normally 1 / √`head_dim`.
    pub attention_scale: f32,
    /// Added to the mean square under the root of the norms.
    pub rms_epsilon: f32,
    /// Positions that the model was trained for, in tokens.
    pub context_length: usize,
    /// Positions that the model was trained for before its context was stretched, in tokens.
    pub original_context_length: usize,
    /// Number of tokens in the vocabulary: rows of the embedding.
    pub vocabulary_size: usize,
    /// Whether the embedding is the output matrix too, because `output.weight` is absent.
    pub tied_embeddings: bool,
    /// Name of the tensor that divides the frequencies one by one, (`rope_dimension_count` / 2), if
    /// any: `rope_freqs.weight` (Llama 3.1 and later), or Phi's for contexts that are not
    /// stretched.
    pub rope_factors: Option<&'static str>,
    /// Name of the tensor that replaces `rope_factors` where the context in use is longer than
    /// `original_context_length` (Phi).
    pub rope_factors_long: Option<&'static str>,
}

/// How positions are stretched beyond the trained context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Positions are not stretched.
    None,
    /// Positions are divided by this factor.
    Linear(f32),
}

/// The parameters of YaRN, which divides slow frequencies, keeps fast ones and blends those
/// between. <https://arxiv.org/abs/2309.00071>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yarn {
    /// What slow frequencies are divided by.
    pub factor: f32,
    /// A frequency that makes at least this many turns within the original context is kept.
    pub beta_fast: f32,
    /// A frequency that makes at most this many turns within the original context is divided in
    /// full.
    pub beta_slow: f32,
}

/// What divides the rotation frequencies of layers without a window.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeDivisors {
    /// All by the same positive number; 1 where nothing is stretched.
    All(f32),
    /// Each by its own positive number, (`rope_dimension_count` / 2).
    Each(Vec<f32>),
    /// By the values of the tensor of this name, (`rope_dimension_count` / 2).
    Tensor(&'static str),
}

impl HyperParams {
    /// Reads and checks the numbers, then the shape of every tensor.
    pub(super) fn read(metadata: &Metadata, tensors: &Tensors) -> Result<Self, Refused> {
        let name = metadata.text("general.architecture")?.unwrap_or_default();
        let mut architecture = Architecture::named(name)
            .ok_or_else(|| format!("architecture '{name}' has no block here"))?;
        let keys = Keys { metadata, architecture: architecture.name };
        keys.refuse_what_is_not_computed()?;
        let head_count = keys.required("attention.head_count", MAX_WIDTH)?;
        let embedding_length = keys.required("embedding_length", MAX_WIDTH)?;
        let head_dim = keys
            .optional("attention.key_length", MAX_WIDTH)?
            .unwrap_or(embedding_length / head_count);
        let block_count = keys.required("block_count", MAX_LAYERS)?;
        let context_length = keys.required("context_length", MAX_CONTEXT)?;
        let sliding_window = keys.windows(&mut architecture, block_count)?;
        let (rope_scaling, yarn) = keys.rope_scaling()?;
        let held = |name: &'static str| Some(name).filter(|name| tensors.get(name).is_some());
        let (rope_factors, rope_factors_long) = match architecture.rope_tensors {
            RopeTensors::None => (None, None),
            RopeTensors::One => (held(FREQS), None),
            RopeTensors::ShortAndLong => (held(SHORT), held(LONG)),
        };
        let this = Self {
            block_count,
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
            rope_freq_base_window: keys.positive("rope.freq_base_swa")?.unwrap_or(10_000.0),
            rope_scaling,
            yarn,
            rope_magnitude: keys.rope_magnitude(yarn)?,
            sliding_window,
            attention_scale: attention_scale(
                architecture,
                [block_count, embedding_length, head_count, head_dim],
            ),
            rms_epsilon: keys
                .positive("attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| keys.missing("attention.layer_norm_rms_epsilon"))?,
            context_length,
            original_context_length: keys
                .optional("rope.scaling.original_context_length", MAX_POSITIONS)?
                .filter(|length| *length > 0)
                .unwrap_or(context_length),
            vocabulary_size: keys.vocabulary_size()?,
            tied_embeddings: tensors.get("output.weight").is_none(),
            rope_factors,
            rope_factors_long,
            architecture,
        };
        this.check_heads(&keys)?;
        this.check_rope(&keys)?;
        Expected::check(this.expected_tensors(), architecture.name, tensors)?;
        Ok(this)
    }

    /// What divides the rotation frequencies of layers without a window, when `context` positions
    /// are in use. Layers with a window divide by nothing; their base is `rope_freq_base_window`.
    pub fn rope_divisors(&self, context: usize) -> RopeDivisors {
        let long = self.rope_factors_long.filter(|_| context > self.original_context_length);
        if let Some(name) = long.or(self.rope_factors) {
            return RopeDivisors::Tensor(name);
        }
        match (self.yarn, self.rope_scaling) {
            (Some(yarn), _) => RopeDivisors::Each(self.yarn_divisors(yarn)),
            (None, RopeScaling::Linear(factor)) => RopeDivisors::All(factor),
            (None, RopeScaling::None) => RopeDivisors::All(1.0),
        }
    }

    /// YaRN's divisor of each frequency. One that turns often within the original context is kept,
    /// one that hardly turns is divided by the factor, and between the two the share changes
    /// linearly with the dimension.
    fn yarn_divisors(&self, yarn: Yarn) -> Vec<f32> {
        let width = self.rope_dimension_count as f64;
        let base = f64::from(self.rope_freq_base);
        // The dimension whose frequency makes `turns` turns within the original context.
        let dimension = |turns: f32| {
            let length = self.original_context_length as f64;
            width * (length / (f64::from(turns) * TAU)).ln() / (2.0 * base.ln())
        };
        let first = dimension(yarn.beta_fast).floor().max(0.0);
        let last = dimension(yarn.beta_slow).ceil().min(width - 1.0);
        let divisor = |pair: usize| {
            let kept = 1.0 - ((pair as f64 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
            (1.0 / (kept + (1.0 - kept) / f64::from(yarn.factor))) as f32
        };
        (0..self.rope_dimension_count / 2).map(divisor).collect()
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
            return Err(format!(
                "{} makes heads {head_dim} wide, not an even number from 2",
                keys.head_width()
            ));
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

    fn check_rope(&self, keys: &Keys<'_>) -> Result<(), Refused> {
        if let Some(tensor) = self.rope_factors.or(self.rope_factors_long)
            && (self.yarn.is_some() || self.rope_scaling != RopeScaling::None)
        {
            return Err(format!(
                "tensor '{tensor}' and {} both stretch positions; one or the other is supported",
                keys.name("rope.scaling.factor")
            ));
        }
        if self.rope_factors.is_none() && self.rope_factors_long.is_some() {
            return Err(format!("tensor '{SHORT}' is missing, but '{LONG}' is there"));
        }
        // The base's logarithm is a divisor, so it must not be 0.
        if self.yarn.is_some() && self.rope_freq_base <= 1.0 {
            return Err(format!(
                "{} is {}, which YaRN cannot work with",
                keys.name("rope.freq_base"),
                self.rope_freq_base
            ));
        }
        Ok(())
    }

    /// The tensors that the numbers imply, matrices as `(outputs, inputs)`. Made one block after
    /// the other, because a small file may claim many blocks.
    fn expected_tensors(&self) -> impl Iterator<Item = Expected> {
        use Presence::{Optional, Required};
        let width = self.embedding_length;
        let head = vec![self.vocabulary_size, width];
        let factors = vec![self.rope_dimension_count / 2];
        let mut expected = vec![
            Expected::new("token_embd.weight", head.clone(), Required),
            Expected::new("output.weight", head, Optional),
            Expected::new("output_norm.weight", vec![width], Required),
        ];
        let factor_tensors: &[&str] = match self.architecture.rope_tensors {
            RopeTensors::None => &[],
            RopeTensors::One => &[FREQS],
            RopeTensors::ShortAndLong => &[SHORT, LONG],
        };
        expected.extend(
            factor_tensors.iter().map(|name| Expected::new(name, factors.clone(), Optional)),
        );
        let block = self.expected_in_block();
        let blocks = (0..self.block_count).flat_map(move |index| {
            let place = |part: &Expected| Expected {
                name: format!("blk.{index}.{}", part.name),
                shape: part.shape.clone(),
                presence: part.presence,
            };
            block.iter().map(place).collect::<Vec<_>>()
        });
        expected.into_iter().chain(blocks)
    }

    /// The tensors of one block, named without its `blk.N.` prefix.
    fn expected_in_block(&self) -> Vec<Expected> {
        use Presence::{Optional, Required};
        let Architecture { qkv, gate_up, norms, head_norms, biases, .. } = self.architecture;
        let width = self.embedding_length;
        let queries = self.head_count * self.head_dim;
        let keys = self.head_count_kv * self.head_dim;
        let inner = self.feed_forward_length;
        let mut block: Vec<(&str, Vec<usize>, Presence)> = vec![
            ("attn_norm.weight", vec![width], Required),
            ("attn_output.weight", vec![width, queries], Required),
            ("ffn_norm.weight", vec![width], Required),
            ("ffn_down.weight", vec![width, inner], Required),
        ];
        match qkv {
            Parts::Joined => {
                block.push(("attn_qkv.weight", vec![queries + 2 * keys, width], Required));
            }
            Parts::Apart => {
                let bias = if biases == Biases::Required { Required } else { Optional };
                block.extend([
                    ("attn_q.weight", vec![queries, width], Required),
                    ("attn_k.weight", vec![keys, width], Required),
                    ("attn_v.weight", vec![keys, width], Required),
                    ("attn_q.bias", vec![queries], bias),
                    ("attn_k.bias", vec![keys], bias),
                    ("attn_v.bias", vec![keys], bias),
                ]);
                if biases == Biases::Optional {
                    block.push(("attn_output.bias", vec![width], Optional));
                }
            }
        }
        match gate_up {
            Parts::Joined => block.push(("ffn_up.weight", vec![2 * inner, width], Required)),
            Parts::Apart => block.extend([
                ("ffn_gate.weight", vec![inner, width], Required),
                ("ffn_up.weight", vec![inner, width], Required),
            ]),
        }
        if norms == Norms::Around {
            block.extend([
                ("post_attention_norm.weight", vec![width], Required),
                ("post_ffw_norm.weight", vec![width], Required),
            ]);
        }
        if head_norms == HeadNorms::QueriesAndKeys {
            block.extend([
                ("attn_q_norm.weight", vec![self.head_dim], Required),
                ("attn_k_norm.weight", vec![self.head_dim], Required),
            ]);
        }
        block
            .into_iter()
            .map(|(name, shape, presence)| Expected::new(name, shape, presence))
            .collect()
    }
}

/// What products of queries and keys are multiplied by: `1 / √head width`, with the exception
/// described at [`GEMMA3_27B_BLOCKS`].
fn attention_scale(
    architecture: Architecture,
    [block_count, embedding_length, head_count, head_dim]: [usize; 4],
) -> f32 {
    let gemma3_27b = architecture.name == "gemma3" && block_count == GEMMA3_27B_BLOCKS;
    let width = if gemma3_27b { (embedding_length / head_count).max(1) } else { head_dim };
    1.0 / (width as f32).sqrt()
}

const FREQS: &str = "rope_freqs.weight";
const SHORT: &str = "rope_factors_short.weight";
const LONG: &str = "rope_factors_long.weight";

/// A tensor that the architecture gives a place in the file.
pub(super) struct Expected {
    name: String,
    shape: Vec<usize>,
    presence: Presence,
}

impl Expected {
    pub(super) fn new(name: &str, shape: Vec<usize>, presence: Presence) -> Self {
        Self { name: name.to_owned(), shape, presence }
    }

    /// Checks that every tensor that the decoder reads is there with the implied shape, and that
    /// the file has no tensor that the decoder would silently leave out: an ignored bias would make
    /// a wrong model.
    pub(super) fn check(
        all: impl Iterator<Item = Self>,
        architecture: &str,
        tensors: &Tensors,
    ) -> Result<(), Refused> {
        let mut known = vec![false; tensors.len()];
        for Self { name, shape, presence } in all {
            match (tensors.position(&name), tensors.get(&name)) {
                (Some(_), Some(info)) if info.shape != shape => {
                    return Err(format!(
                        "tensor '{name}' has shape {:?}, but the metadata implies {shape:?}",
                        info.shape
                    ));
                }
                (Some(at), _) => known[at] = true,
                (None, _) if presence == Presence::Optional => {}
                (None, _) => return Err(format!("tensor '{name}' is missing")),
            }
        }
        // Frequencies that old converters wrote and no program reads.
        let obsolete = |name: &str| name.ends_with(".attn_rot_embd");
        let mut unknown = tensors.iter().zip(known).filter(|(_, known)| !known);
        match unknown.find(|((name, _), _)| !obsolete(name)) {
            Some(((name, _), _)) => Err(format!(
                "tensor '{name}' has no place in architecture '{architecture}', so the model would \
                 run wrong"
            )),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// Metadata under the architecture's prefix, such as `llama.block_count`.
pub(super) struct Keys<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) architecture: &'a str,
}

impl Keys<'_> {
    pub(super) fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    pub(super) fn name(&self, suffix: &str) -> String {
        format!("metadata '{}'", self.key(suffix))
    }

    /// The keys that say how wide a head is, as a message shows them.
    pub(super) fn head_width(&self) -> String {
        match self.metadata.get(&self.key("attention.key_length")) {
            Some(_) => self.name("attention.key_length"),
            None => format!(
                "{} over {}",
                self.name("embedding_length"),
                self.name("attention.head_count")
            ),
        }
    }

    fn missing(&self, suffix: &str) -> Refused {
        format!("{} is missing", self.name(suffix))
    }

    pub(super) fn optional(&self, suffix: &str, most: usize) -> Result<Option<usize>, Refused> {
        let Some(value) = self.metadata.unsigned(&self.key(suffix))? else {
            return Ok(None);
        };
        match usize::try_from(value) {
            Ok(value) if value <= most => Ok(Some(value)),
            _ => Err(format!("{} is {value} (at most {most} is accepted)", self.name(suffix))),
        }
    }

    pub(super) fn required(&self, suffix: &str, most: usize) -> Result<usize, Refused> {
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

    /// Refuses keys that change what a block computes in a way that our block does not support.
    fn refuse_what_is_not_computed(&self) -> Result<(), Refused> {
        if self.optional("expert_count", usize::MAX)?.is_some_and(|count| count > 0) {
            return Err(format!(
                "it is a mixture of experts ({}), which is not supported",
                self.name("expert_count")
            ));
        }
        for cap in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if self.metadata.float(&self.key(cap))?.is_some_and(|cap| cap != 0.0) {
                return Err(format!("{} is set, which is not supported", self.name(cap)));
            }
        }
        Ok(())
    }

    /// The file's window. Also replaces the architecture's pattern of windows where the file has
    /// its own.
    fn windows(
        &self,
        architecture: &mut Architecture,
        block_count: usize,
    ) -> Result<Option<usize>, Refused> {
        let Windows::AllButEvery(by_table) = architecture.windows else {
            // Phi's window, and that of old Mistral models, which llama.cpp does not use either.
            return Ok(None);
        };
        let window = self.optional("attention.sliding_window", MAX_POSITIONS)?;
        let Some(window) = window.filter(|window| *window > 0) else {
            architecture.windows = Windows::Never;
            return Ok(None);
        };
        let period = self.window_period(block_count)?.unwrap_or(by_table);
        if period == 1 {
            architecture.windows = Windows::Never;
            return Ok(None);
        }
        architecture.windows = Windows::AllButEvery(period);
        Ok(Some(window))
    }

    /// Every how many layers one has no window. The file gives a number, or one flag per layer.
    fn window_period(&self, block_count: usize) -> Result<Option<usize>, Refused> {
        let suffix = "attention.sliding_window_pattern";
        let Some(Value::Numbers(listed)) = self.metadata.get(&self.key(suffix)) else {
            let period = self.optional(suffix, MAX_LAYERS)?;
            // In llama.cpp 0 means that every layer has a window.
            return Ok(period.map(|period| if period == 0 { MAX_LAYERS + 1 } else { period }));
        };
        if listed.len() != block_count {
            return Err(format!(
                "{} has {} items for {block_count} blocks",
                self.name(suffix),
                listed.len()
            ));
        }
        let windowed = self.metadata.integers(&self.key(suffix))?.unwrap_or_default();
        let first = windowed.iter().position(|windowed| *windowed == 0);
        let period = first.map_or(MAX_LAYERS + 1, |index| index + 1);
        let periodic =
            |(index, windowed): (usize, &i64)| ((index + 1) % period == 0) == (*windowed == 0);
        if !windowed.iter().enumerate().all(periodic) {
            return Err(format!("{} does not repeat, which is not supported", self.name(suffix)));
        }
        Ok(Some(period))
    }

    fn rope_scaling(&self) -> Result<(RopeScaling, Option<Yarn>), Refused> {
        let kind = self.metadata.text(&self.key("rope.scaling.type"))?;
        // `scale_linear` is the key that converters wrote before there was a scaling type; 0 meant
        // none.
        let factor = match self.factor("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => self.factor("rope.scale_linear")?,
        };
        match (kind, factor) {
            (Some("none"), _) | (None | Some("linear" | "yarn" | "longrope"), None) => {
                Ok((RopeScaling::None, None))
            }
            // `longrope` has its long factors in a tensor of their own; this number is llama.cpp's
            // linear factor.
            (None | Some("linear" | "longrope"), Some(factor)) => {
                Ok((RopeScaling::Linear(factor), None))
            }
            (Some("yarn"), Some(factor)) => Ok((RopeScaling::None, Some(self.yarn(factor)?))),
            (Some(kind), _) => Err(format!(
                "{} is {}, which is not supported (none, linear, yarn and longrope are)",
                self.name("rope.scaling.type"),
                quoted(kind)
            )),
        }
    }

    fn yarn(&self, factor: f32) -> Result<Yarn, Refused> {
        if factor < 1.0 {
            let name = self.name("rope.scaling.factor");
            return Err(format!("{name} is {factor}, but YaRN stretches by 1 or more"));
        }
        let multiplier = "rope.scaling.yarn_log_multiplier";
        if self.metadata.float(&self.key(multiplier))?.is_some_and(|value| value != 0.0) {
            return Err(format!("{} is set, which is not supported", self.name(multiplier)));
        }
        let turns =
            |suffix: &str, usual: f32| self.positive(suffix).map(|turns| turns.unwrap_or(usual));
        // Defaults of the paper and of llama.cpp.
        let beta_fast = turns("rope.scaling.yarn_beta_fast", 32.0)?;
        let beta_slow = turns("rope.scaling.yarn_beta_slow", 1.0)?;
        Ok(Yarn { factor, beta_fast, beta_slow })
    }

    /// What cosines and sines are multiplied by, as in llama.cpp: the file's own factor, and for
    /// YaRN 1 + 0.1 ln(factor) times it.
    fn rope_magnitude(&self, yarn: Option<Yarn>) -> Result<f32, Refused> {
        let own = self.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
        Ok(own * yarn.map_or(1.0, |yarn| 1.0 + 0.1 * yarn.factor.ln()))
    }

    /// The factor under a key, which must be positive; `None` for 0 and for 1, which stretch
    /// nothing.
    fn factor(&self, suffix: &str) -> Result<Option<f32>, Refused> {
        if self.metadata.float(&self.key(suffix))? == Some(0.0) {
            return Ok(None);
        }
        Ok(self.positive(suffix)?.filter(|factor| (factor - 1.0).abs() > f32::EPSILON))
    }

    pub(super) fn vocabulary_size(&self) -> Result<usize, Refused> {
        match self.metadata.texts("tokenizer.ggml.tokens")? {
            Some(tokens) if !tokens.is_empty() => Ok(tokens.len()),
            _ => self.required("vocab_size", u32::MAX as usize),
        }
    }
}
