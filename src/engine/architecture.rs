//! Decoder architectures as data: everything in which their blocks differ.
//!
//! [`ARCHITECTURES`] has one row for each name of `general.architecture` that our own block runs. A
//! model is supported when its row states every difference between its block and Llama's.
//! `gguf/hyper_params.rs` checks a file's tensors against the row, `transformer.rs` computes what
//! the row says.
//!
//! Sources: the models' own configurations and llama.cpp's `llama-model.cpp`. Llama:
//! <https://arxiv.org/abs/2302.13971>; Qwen2: <https://arxiv.org/abs/2407.10671>; Qwen3:
//! <https://arxiv.org/abs/2505.09388>; Gemma 3: <https://arxiv.org/abs/2503.19786>; Phi-3:
//! <https://arxiv.org/abs/2404.14219>; SmolLM3: <https://huggingface.co/blog/smollm3>.

/// One decoder architecture: in what its block differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// The name in the metadata, `general.architecture`.
    pub name: &'static str,
    /// Which dimensions of a head are rotated together.
    pub rotary: Rotary,
    /// Which layers rotate queries and keys at all.
    pub rotated: Rotated,
    /// Which tensors of the file may divide the rotation frequencies one by one.
    pub rope_tensors: RopeTensors,
    /// Which layers see all positions, and which a sliding window only.
    pub windows: Windows,
    /// How the attention part's input products are stored.
    pub qkv: Parts,
    /// How the feed-forward part's input products are stored.
    pub gate_up: Parts,
    /// Where the norms of a block are placed.
    pub norms: Norms,
    /// Whether each head of queries and keys is normalised before it is rotated.
    pub head_norms: HeadNorms,
    /// Whether the products of queries, keys and values add a bias.
    pub biases: Biases,
    /// The function applied to the gate before it multiplies the up product.
    pub activation: Activation,
    /// What the embeddings are multiplied by.
    pub embedding_scale: EmbeddingScale,
}

/// Which dimensions of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotary {
    /// Neighbours, (0, 1), (2, 3), …: the order into which GGUF converters bring Llama weights.
    Interleaved,
    /// Dimensions half a head apart: (0, d/2), (1, d/2 + 1), …
    Halves,
}

/// Which layers rotate queries and keys by their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// All layers.
    All,
    /// All but every n-th: SmolLM3 leaves out layers 3, 7, 11, … of 0, 1, 2, …
    AllButEvery(usize),
}

/// The tensors that divide the rotation frequencies one by one, where the file holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeTensors {
    /// The architecture has no such tensor.
    None,
    /// `rope_freqs.weight`, for every context: Llama 3.1 and later.
    One,
    /// `rope_factors_short.weight`, and beyond the original context `rope_factors_long.weight`.
    ShortAndLong,
}

/// Which layers see a sliding window only, where the file gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// No layer has a window.
    Never,
    /// All layers except every n-th: in Gemma 3, layers 5, 11, 17, … see all positions. Layers with
    /// a window rotate by a base frequency of their own.
    AllButEvery(usize),
}

/// How products that share their input are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Each product has a tensor of its own.
    Apart,
    /// All share one tensor, whose output rows hold one product after the other (`attn_qkv`;
    /// `ffn_up` holds gate, then up).
    Joined,
}

/// Where the norms of a block are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// Before attention and before the feed-forward part.
    Before,
    /// Before and after each of the two parts.
    Around,
}

/// Norms of single heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadNorms {
    /// Heads are not normalised.
    None,
    /// Every query and key head is normalised, with weights that the heads share.
    QueriesAndKeys,
}

/// Biases of the attention part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Biases {
    /// Biases of queries, keys, values and output are added where the file holds them; there are
    /// none where the products are [`Parts::Joined`].
    Optional,
    /// Queries, keys and values always have biases.
    Required,
}

/// The function applied to the gate of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · σ(x).
    Silu,
    /// The Gaussian error linear unit, approximated by tanh.
    Gelu,
}

/// What embeddings are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingScale {
    /// Nothing: embeddings are used as they are.
    One,
    /// The square root of the embedding's width.
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

/// The architectures that our own block runs.
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

/// The architectures that candle's own models run, one sequence at a time; see `foreign.rs`.
pub const FOREIGN: [&str; 3] = ["glm4", "lfm2", "phi2"];

impl Architecture {
    /// The row of [`ARCHITECTURES`] called `name`.
    pub fn named(name: &str) -> Option<Self> {
        ARCHITECTURES.iter().copied().find(|known| known.name == name)
    }
}
