//! What tells one decoder architecture from another, as data.
//!
//! One row of [`ARCHITECTURES`] a name of `general.architecture`; a model is supported when its
//! row says everything in which its block differs from Llama's. `gguf/hyper_params.rs` checks a
//! file's tensors against the row, `transformer.rs` computes what it says.
//!
//! Sources: the models' own configurations and llama.cpp's `llama-model.cpp`. Llama:
//! <https://arxiv.org/abs/2302.13971>; Qwen2: <https://arxiv.org/abs/2407.10671>; Qwen3:
//! <https://arxiv.org/abs/2505.09388>; Gemma 3: <https://arxiv.org/abs/2503.19786>; Phi-3:
//! <https://arxiv.org/abs/2404.14219>; SmolLM3: <https://huggingface.co/blog/smollm3>.

/// A decoder architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// `general.architecture`.
    pub name: &'static str,
    /// Which dimensions of a head turn together.
    pub rotary: Rotary,
    /// Which layers turn at all.
    pub rotated: Rotated,
    /// Which tensors may divide the frequencies one by one.
    pub rope_tensors: RopeTensors,
    /// Which layers look at all positions.
    pub windows: Windows,
    /// How the attention part's input products are stored.
    pub qkv: Parts,
    /// How the feed-forward part's input products are stored.
    pub gate_up: Parts,
    /// Where the norms of a block stand.
    pub norms: Norms,
    /// Whether each head of queries and keys is normed before it turns.
    pub head_norms: HeadNorms,
    /// Whether the products of queries, keys and values add a bias.
    pub biases: Biases,
    /// Between gate and product.
    pub activation: Activation,
    /// What embeddings are multiplied with.
    pub embedding_scale: EmbeddingScale,
}

/// Which dimensions of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotary {
    /// (0, 1), (2, 3), …: what GGUF converters make of Llama weights.
    Interleaved,
    /// (0, d/2), (1, d/2 + 1), …
    Halves,
}

/// Which layers turn queries and keys by their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// All of them.
    All,
    /// All but every n-th: SmolLM3 leaves out layers 3, 7, 11, … of 0, 1, 2, …
    AllButEvery(usize),
}

/// Tensors that divide the rotation frequencies one by one, where the file holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeTensors {
    /// None has a place.
    None,
    /// `rope_freqs.weight`, for every context: Llama 3.1 and later.
    One,
    /// `rope_factors_short.weight`, and beyond the original context `rope_factors_long.weight`.
    ShortAndLong,
}

/// Which layers see a sliding window only, where the file gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// None.
    Never,
    /// All but every n-th: Gemma 3 looks back without bound in layers 5, 11, 17, … Layers with a
    /// window turn by a base frequency of their own.
    AllButEvery(usize),
}

/// How products that share their input are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// One tensor each.
    Apart,
    /// One tensor, its output rows one part after the other (`attn_qkv`; `ffn_up` as gate, up).
    Joined,
}

/// Where the norms of a block stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// Before each part.
    Before,
    /// Before and after each part.
    Around,
}

/// Norms of single heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadNorms {
    /// None.
    None,
    /// Of every query and key head, with weights that the heads share.
    QueriesAndKeys,
}

/// Biases of the attention part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Biases {
    /// Those that the file holds, of queries, keys, values and output; none where the products are
    /// [`Parts::Joined`].
    Optional,
    /// Of queries, keys and values, always.
    Required,
}

/// Between gate and product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · σ(x).
    Silu,
    /// The Gaussian error unit, approximated by tanh.
    Gelu,
}

/// What embeddings are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingScale {
    /// Nothing.
    One,
    /// The square root of their width.
    SqrtWidth,
}

const LLAMA: Architecture = Architecture {
    name: "llama",
    rotary: Rotary::Interleaved,
    rotated: Rotated::All,
    rope_tensors: RopeTensors::One,
    windows: Windows::Never,
    qkv: Parts::Apart,
    gate_up: Parts::Apart,
    norms: Norms::Before,
    head_norms: HeadNorms::None,
    biases: Biases::Optional,
    activation: Activation::Silu,
    embedding_scale: EmbeddingScale::One,
};

/// The architectures that our block runs.
pub const ARCHITECTURES: &[Architecture] = &[
    LLAMA,
    Architecture {
        name: "qwen2",
        rotary: Rotary::Halves,
        rope_tensors: RopeTensors::None,
        biases: Biases::Required,
        ..LLAMA
    },
    Architecture {
        name: "qwen3",
        rotary: Rotary::Halves,
        rope_tensors: RopeTensors::None,
        head_norms: HeadNorms::QueriesAndKeys,
        ..LLAMA
    },
    Architecture {
        name: "gemma3",
        rotary: Rotary::Halves,
        rope_tensors: RopeTensors::None,
        windows: Windows::AllButEvery(6),
        norms: Norms::Around,
        head_norms: HeadNorms::QueriesAndKeys,
        activation: Activation::Gelu,
        embedding_scale: EmbeddingScale::SqrtWidth,
        ..LLAMA
    },
    Architecture {
        name: "phi3",
        rotary: Rotary::Halves,
        rope_tensors: RopeTensors::ShortAndLong,
        qkv: Parts::Joined,
        gate_up: Parts::Joined,
        ..LLAMA
    },
    Architecture {
        name: "smollm3",
        rotated: Rotated::AllButEvery(4),
        rope_tensors: RopeTensors::None,
        ..LLAMA
    },
];

impl Architecture {
    /// The row called `name`.
    pub fn named(name: &str) -> Option<Self> {
        ARCHITECTURES.iter().copied().find(|known| known.name == name)
    }
}
