//! Writes tiny GGUF models for tests: each architecture that the engine runs, with random weights
//! from a fixed seed and a byte-level tokenizer, a few hundred kilobytes each.
//!
//! Self-contained: it uses nothing of the crate, so that unit tests and integration tests build the
//! same files. Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>; blocks of
//! quantised weights: `ggml-common.h` in the same repository.

/// Alignment of the tensor data in bytes; the format's default.
const ALIGNMENT: usize = 32;

/// The model to write.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The architecture, with the features that its models differ in.
    pub family: Family,
    /// Number of decoder blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of the hidden state; a multiple of `heads` and of the weights' block size.
    pub hidden: usize,
    /// Width of the feed-forward part; a multiple of the weights' block size.
    pub feed_forward: usize,
    /// Width of a head where it is not `hidden / heads`.
    pub head_dim: Option<usize>,
    /// Value of the key `context_length`, in tokens.
    pub context: u32,
    /// How matrices are stored; norms are always f32.
    pub weights: Weights,
    /// Whether `output.weight` is left out, so that the embedding serves as output matrix too.
    pub tied: bool,
    /// Seed of the weights.
    pub seed: u64,
    /// Metadata that replaces the default of the same key, or is added.
    pub set: Vec<(&'static str, Meta)>,
    /// Metadata keys to leave out.
    pub unset: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            family: Family::Llama,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            hidden: 64,
            feed_forward: 128,
            head_dim: None,
            context: 2048,
            weights: Weights::F32,
            tied: true,
            seed: 1,
            set: Vec::new(),
            unset: Vec::new(),
        }
    }
}

/// An architecture, with the features that its models differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Llama 1 and 2, Mistral, SmolLM2.
    Llama,
    /// Llama 3.1 and later, with `rope_freqs`.
    Llama3,
    /// Llama with biases of queries, keys, values and output.
    LlamaBiased,
    /// Biases of queries, keys and values.
    Qwen2,
    /// Norms of query and key heads.
    Qwen3,
    /// Norms before and after each part, and of heads; some layers have a window of 8 positions and
    /// their own rotation base.
    Gemma3,
    /// Joined products (`attn_qkv`, `ffn_up` with the gate). Half of each head is rotated, by
    /// factors for short or long contexts; the border is [`PHI3_ORIGINAL_CONTEXT`].
    Phi3,
    /// Every fourth layer has no rotation.
    SmolLm3,
    /// Run by candle: norms before and after each part, biases, half of each head rotated.
    Glm4,
    /// Run by candle: every layer except each third is a short convolution.
    Lfm2,
    /// Run by candle: attention in parallel with the feed-forward part, which has no gate; biases
    /// everywhere.
    Phi2,
}

/// Longest context, in positions, for which [`Family::Phi3`] uses its short factors.
pub(crate) const PHI3_ORIGINAL_CONTEXT: u32 = 256;
/// Positions that a layer of [`Family::Gemma3`] with a window sees.
const GEMMA3_WINDOW: u32 = 8;
/// Positions that a convolution of [`Family::Lfm2`] sees.
const LFM2_CONVOLUTION: usize = 3;

impl Family {
    pub(crate) const ALL: [Self; 8] = [
        Self::Llama,
        Self::Llama3,
        Self::LlamaBiased,
        Self::Qwen2,
        Self::Qwen3,
        Self::Gemma3,
        Self::Phi3,
        Self::SmolLm3,
    ];

    /// The families that candle's own models run.
    pub(crate) const FOREIGN: [Self; 3] = [Self::Glm4, Self::Lfm2, Self::Phi2];

    /// The value of `general.architecture`.
    pub(crate) fn architecture(self) -> &'static str {
        match self {
            Self::Llama | Self::Llama3 | Self::LlamaBiased => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
            Self::Phi3 => "phi3",
            Self::SmolLm3 => "smollm3",
            Self::Glm4 => "glm4",
            Self::Lfm2 => "lfm2",
            Self::Phi2 => "phi2",
        }
    }

    fn biases(self) -> &'static [&'static str] {
        match self {
            Self::Qwen2 | Self::Glm4 => &["attn_q", "attn_k", "attn_v"],
            Self::Phi2 => &["attn_qkv", "attn_output", "ffn_up", "ffn_down", "attn_norm"],
            Self::LlamaBiased => &["attn_q", "attn_k", "attn_v", "attn_output"],
            _ => &[],
        }
    }
}

/// How matrices are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// The upper half of 32-bit floats.
    Bf16,
    /// Blocks of 32 signed bytes with one 16-bit scale.
    Q8_0,
    /// Random blocks: 32 values each in this format and the next three, 256 in the five after them.
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl Weights {
    pub(crate) const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// The layout of formats whose blocks are filled with random bits, any of which are valid;
    /// `None` for formats that are made from given values.
    fn random_blocks(self) -> Option<RandomBlocks> {
        let blocks = |code, values, bytes, scale_at, deviation, offset| {
            Some(RandomBlocks { code, values, bytes, scale_at, deviation, offset })
        };
        // The deviations follow from uniform fields: for Q4_K, scale × quant − 7.5 × minimum with
        // scales and minima in 0..64 and quants in 0..16.
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::Q8_0 => None,
            Self::Q4_0 => blocks(2, 32, 18, 0, 4.6, None),
            Self::Q4_1 => blocks(3, 32, 20, 0, 4.6, Some((2, -7.5))),
            Self::Q5_0 => blocks(6, 32, 22, 0, 9.2, None),
            Self::Q5_1 => blocks(7, 32, 24, 0, 9.2, Some((2, -15.5))),
            Self::Q2K => blocks(10, 256, 84, 80, 13.9, Some((82, 1.5))),
            Self::Q3K => blocks(11, 256, 110, 108, 43.0, None),
            Self::Q4K => blocks(12, 256, 144, 0, 257.0, Some((2, 7.5))),
            Self::Q5K => blocks(13, 256, 176, 0, 523.0, Some((2, 15.5))),
            Self::Q6K => blocks(14, 256, 210, 208, 341.0, None),
        }
    }
}

/// The layout of a block: random bits, except for one or two 16-bit floats.
struct RandomBlocks {
    /// Type code of the format.
    code: u32,
    /// Values in a block.
    values: usize,
    /// Bytes of a block.
    bytes: usize,
    /// Byte at which the scale stands.
    scale_at: usize,
    /// Standard deviation of the values at scale 1.
    deviation: f32,
    /// Byte at which the offset stands, and its ratio to the scale, chosen so that the mean is 0.
    offset: Option<(usize, f32)>,
}

/// A metadata value.
#[derive(Debug, Clone)]
pub(crate) enum Meta {
    /// An unsigned 32-bit integer.
    U32(u32),
    /// A 32-bit float.
    F32(f32),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of 32-bit integers.
    Ints(Vec<i32>),
    /// A list of 32-bit floats.
    Floats(Vec<f32>),
}

/// The control tokens, after the 256 bytes and the merged tokens.
pub(crate) const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Merged tokens, as pairs in order of rank.
pub(crate) const MERGES: [(&str, &str); 8] = [
    ("Ġ", "t"),
    ("h", "e"),
    ("Ġt", "he"),
    ("i", "n"),
    ("Ġ", "a"),
    ("e", "r"),
    ("in", "g"),
    ("\"", ":"),
];

/// ChatML in SmolLM2's form.
const CHAT_TEMPLATE: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] \
    + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// The bytes of a whole GGUF file of the `llama` architecture.
pub(crate) fn tiny_llama(options: &Options) -> Vec<u8> {
    assert_eq!(options.family.architecture(), "llama");
    tiny_model(options)
}

/// The bytes of a whole GGUF file.
pub(crate) fn tiny_model(options: &Options) -> Vec<u8> {
    file(&metadata(options), &tensors(options))
}

/// The same model in `count` files, split as llama.cpp's tool does, with all metadata in the first.
pub(crate) fn tiny_parts(options: &Options, count: usize) -> Vec<Vec<u8>> {
    let tensors = tensors(options);
    let whole = metadata(options);
    let part = |number: usize| {
        let split = [
            ("split.no", number as u32),
            ("split.count", count as u32),
            ("split.tensors.count", tensors.len() as u32),
        ];
        let split = split.map(|(key, value)| (key.to_owned(), Meta::U32(value)));
        let mut own = if number == 0 { whole.clone() } else { Vec::new() };
        own.extend(split);
        let share = tensors.len() * number / count..tensors.len() * (number + 1) / count;
        file(&own, &tensors[share])
    };
    (0..count).map(part).collect()
}

/// The bytes of a file with this header and these tensors.
fn file(metadata: &[(String, Meta)], tensors: &[Tensor]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(b"GGUF");
    file.extend_from_slice(&3u32.to_le_bytes());
    file.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    file.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_text(&mut file, key);
        put_meta(&mut file, value);
    }
    let mut data = Vec::new();
    for tensor in tensors {
        put_text(&mut file, &tensor.name);
        file.extend_from_slice(&(tensor.dims.len() as u32).to_le_bytes());
        for dim in &tensor.dims {
            file.extend_from_slice(&(*dim as u64).to_le_bytes());
        }
        file.extend_from_slice(&tensor.dtype.to_le_bytes());
        file.extend_from_slice(&(data.len() as u64).to_le_bytes());
        data.extend_from_slice(&tensor.bytes);
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file.extend_from_slice(&data);
    file
}

/// All tokens in order of id: 256 bytes, merged tokens, specials.
fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = (0..=255u8).map(|byte| byte_char(byte).to_string()).collect();
    tokens.extend(MERGES.iter().map(|(left, right)| format!("{left}{right}")));
    tokens.extend(SPECIALS.iter().map(ToString::to_string));
    tokens
}

/// The printable character for a byte in GPT-2's byte-level alphabet: printable Latin-1 stands for
/// itself; the other 68 bytes are numbered from U+0100.
fn byte_char(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        char::from(byte)
    } else {
        let before = (0..byte).filter(|b| !printable(*b)).count() as u32;
        char::from_u32(0x100 + before).expect("U+0100..=U+0143 are characters")
    }
}

fn metadata(options: &Options) -> Vec<(String, Meta)> {
    let tokens = vocabulary();
    let first_special = tokens.len() - SPECIALS.len();
    let kinds = (0..tokens.len()).map(|id| if id < first_special { 1 } else { 3 }).collect();
    let merges = MERGES.iter().map(|(left, right)| format!("{left} {right}")).collect();
    let architecture = options.family.architecture();
    let own = [
        ("block_count", Meta::U32(options.layers as u32)),
        ("context_length", Meta::U32(options.context)),
        ("embedding_length", Meta::U32(options.hidden as u32)),
        ("feed_forward_length", Meta::U32(options.feed_forward as u32)),
        ("attention.head_count", Meta::U32(options.heads as u32)),
        ("attention.head_count_kv", Meta::U32(options.kv_heads as u32)),
        ("attention.layer_norm_rms_epsilon", Meta::F32(1e-5)),
        ("rope.freq_base", Meta::F32(10_000.0)),
        ("vocab_size", Meta::U32(tokens.len() as u32)),
    ];
    let own = own.into_iter().chain(family_metadata(options));
    let general = [
        ("general.architecture", Meta::Text(architecture.into())),
        ("general.name", Meta::Text("Tiny".into())),
    ];
    let vocabulary = [
        ("tokenizer.ggml.model", Meta::Text("gpt2".into())),
        ("tokenizer.ggml.pre", Meta::Text("smollm".into())),
        ("tokenizer.ggml.tokens", Meta::Texts(tokens)),
        ("tokenizer.ggml.token_type", Meta::Ints(kinds)),
        ("tokenizer.ggml.merges", Meta::Texts(merges)),
        ("tokenizer.ggml.bos_token_id", Meta::U32(first_special as u32 + 1)),
        ("tokenizer.ggml.eos_token_id", Meta::U32(first_special as u32 + 2)),
        ("tokenizer.ggml.add_bos_token", Meta::Bool(false)),
        ("tokenizer.chat_template", Meta::Text(CHAT_TEMPLATE.into())),
    ];
    let named = |(key, value): (&str, Meta)| (key.to_owned(), value);
    let replaced = |key: &str| options.set.iter().any(|(name, _)| *name == key);
    let mut entries: Vec<(String, Meta)> = general.map(named).into();
    // A key of the family replaces the same key of all families.
    let mut by_architecture: Vec<(String, Meta)> = Vec::new();
    for (suffix, value) in own {
        let key = format!("{architecture}.{suffix}");
        by_architecture.retain(|(name, _)| *name != key);
        by_architecture.push((key, value));
    }
    entries.extend(by_architecture);
    entries.extend(vocabulary.map(named));
    entries.retain(|(key, _)| !replaced(key) && !options.unset.contains(&key.as_str()));
    entries.extend(options.set.iter().cloned().map(named));
    entries
}

/// Keys of this architecture in addition to those of all, without its prefix.
fn family_metadata(options: &Options) -> Vec<(&'static str, Meta)> {
    let mut keys = Vec::new();
    if let Some(width) = options.head_dim {
        keys.push(("attention.key_length", Meta::U32(width as u32)));
        keys.push(("attention.value_length", Meta::U32(width as u32)));
    }
    match options.family {
        Family::Gemma3 => keys.extend([
            ("rope.freq_base", Meta::F32(1_000_000.0)),
            ("rope.scaling.type", Meta::Text("linear".into())),
            ("rope.scaling.factor", Meta::F32(8.0)),
            ("attention.sliding_window", Meta::U32(GEMMA3_WINDOW)),
        ]),
        Family::Phi3 => keys.extend([
            ("rope.dimension_count", Meta::U32(turning(options) as u32)),
            ("rope.scaling.original_context_length", Meta::U32(PHI3_ORIGINAL_CONTEXT)),
            ("rope.scaling.attn_factor", Meta::F32(1.19)),
            // A key that the engine ignores.
            ("attention.sliding_window", Meta::U32(4)),
        ]),
        Family::Glm4 => keys.extend([
            ("attention.key_length", Meta::U32(head_dim(options) as u32)),
            ("rope.dimension_count", Meta::U32(turning(options) as u32)),
        ]),
        Family::Lfm2 => keys.extend([
            ("attention.head_count_kv", Meta::Ints(lfm2_kv_heads(options))),
            ("shortconv.l_cache", Meta::U32(LFM2_CONVOLUTION as u32)),
        ]),
        Family::Phi2 => keys.extend([
            ("attention.layer_norm_epsilon", Meta::F32(1e-5)),
            ("rope.dimension_count", Meta::U32(turning(options) as u32)),
        ]),
        _ => {}
    }
    keys
}

/// Key and value heads by layer; 0 where the layer is a convolution.
fn lfm2_kv_heads(options: &Options) -> Vec<i32> {
    let heads = |layer| if layer % 3 == 2 { options.kv_heads as i32 } else { 0 };
    (0..options.layers).map(heads).collect()
}

/// Rows of the embedding: one per token, even where the caller sets the tokens.
fn rows(options: &Options) -> usize {
    let set = options.set.iter().find_map(|(key, value)| match value {
        Meta::Texts(tokens) if *key == "tokenizer.ggml.tokens" => Some(tokens.len()),
        _ => None,
    });
    set.unwrap_or_else(|| vocabulary().len())
}

/// Width of a head.
fn head_dim(options: &Options) -> usize {
    options.head_dim.unwrap_or(options.hidden / options.heads)
}

/// Number of dimensions of a head that are rotated.
fn turning(options: &Options) -> usize {
    match options.family {
        Family::Phi3 | Family::Glm4 | Family::Phi2 => head_dim(options) / 2,
        _ => head_dim(options),
    }
}

struct Tensor {
    name: String,
    /// Dimensions in the file's order, the fastest-running first.
    dims: Vec<usize>,
    dtype: u32,
    bytes: Vec<u8>,
}

fn tensors(options: &Options) -> Vec<Tensor> {
    let Options { family, hidden, feed_forward, .. } = *options;
    let queries = head_dim(options) * options.heads;
    let kv = head_dim(options) * options.kv_heads;
    let vocabulary = rows(options);
    let mut weights = Lcg(options.seed);
    let mut tensors = Vec::new();
    let mut matrix = |name: String, inputs: usize, outputs: usize| {
        tensors.push(random_matrix(name, [inputs, outputs], options.weights, &mut weights));
    };
    matrix("token_embd.weight".into(), hidden, vocabulary);
    if !options.tied {
        matrix("output.weight".into(), hidden, vocabulary);
    }
    for block in 0..options.layers {
        let convolution = family == Family::Lfm2 && block % 3 != 2;
        match family {
            Family::Phi3 | Family::Phi2 => {
                matrix(format!("blk.{block}.attn_qkv.weight"), hidden, queries + 2 * kv);
            }
            _ if convolution => {
                matrix(format!("blk.{block}.shortconv.in_proj.weight"), hidden, 3 * hidden);
                matrix(format!("blk.{block}.shortconv.out_proj.weight"), hidden, hidden);
            }
            _ => {
                matrix(format!("blk.{block}.attn_q.weight"), hidden, queries);
                matrix(format!("blk.{block}.attn_k.weight"), hidden, kv);
                matrix(format!("blk.{block}.attn_v.weight"), hidden, kv);
            }
        }
        if !convolution {
            matrix(format!("blk.{block}.attn_output.weight"), queries, hidden);
        }
        match family {
            Family::Phi3 | Family::Glm4 => {
                matrix(format!("blk.{block}.ffn_up.weight"), hidden, 2 * feed_forward);
            }
            Family::Phi2 => matrix(format!("blk.{block}.ffn_up.weight"), hidden, feed_forward),
            _ => {
                matrix(format!("blk.{block}.ffn_gate.weight"), hidden, feed_forward);
                matrix(format!("blk.{block}.ffn_up.weight"), hidden, feed_forward);
            }
        }
        matrix(format!("blk.{block}.ffn_down.weight"), feed_forward, hidden);
    }
    let mut vector = |name: String, values: Vec<f32>| {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push(Tensor { name, dims: vec![values.len()], dtype: 0, bytes });
    };
    for block in 0..options.layers {
        vector(format!("blk.{block}.attn_norm.weight"), near_one(hidden, &mut weights));
        if family != Family::Phi2 {
            vector(format!("blk.{block}.ffn_norm.weight"), near_one(hidden, &mut weights));
        }
        if matches!(family, Family::Gemma3 | Family::Glm4) {
            for part in ["post_attention_norm", "post_ffw_norm"] {
                vector(format!("blk.{block}.{part}.weight"), near_one(hidden, &mut weights));
            }
        }
        let convolution = family == Family::Lfm2 && block % 3 != 2;
        if matches!(family, Family::Gemma3 | Family::Qwen3 | Family::Lfm2) && !convolution {
            for part in ["attn_q_norm", "attn_k_norm"] {
                let width = head_dim(options);
                vector(format!("blk.{block}.{part}.weight"), near_one(width, &mut weights));
            }
        }
        for part in family.biases() {
            let width = match *part {
                "attn_q" => queries,
                "attn_qkv" => queries + 2 * kv,
                "attn_k" | "attn_v" => kv,
                "ffn_up" => feed_forward,
                _ => hidden,
            };
            let values = (0..width).map(|_| weights.symmetric() * 0.5).collect();
            vector(format!("blk.{block}.{part}.bias"), values);
        }
    }
    // Divisors that grow with the dimension, as in real models.
    let pairs = turning(options) / 2;
    let growing = |most: f32| (0..pairs).map(move |i| 1.0 + (most - 1.0) * i as f32 / pairs as f32);
    match family {
        Family::Llama3 => vector("rope_freqs.weight".into(), growing(8.0).collect()),
        Family::Phi3 => {
            vector("rope_factors_short.weight".into(), growing(1.5).collect());
            vector("rope_factors_long.weight".into(), growing(30.0).collect());
        }
        _ => {}
    }
    if family == Family::Phi2 {
        for (name, width) in [("output_norm.bias", hidden), ("output.bias", vocabulary)] {
            let values = (0..width).map(|_| weights.symmetric() * 0.5).collect();
            vector(name.into(), values);
        }
    }
    let last = if family == Family::Lfm2 { "token_embd_norm.weight" } else { "output_norm.weight" };
    vector(last.into(), near_one(hidden, &mut weights));
    if family == Family::Lfm2 {
        for block in (0..options.layers).filter(|block| block % 3 != 2) {
            let count = LFM2_CONVOLUTION * hidden;
            let bytes = (0..count).flat_map(|_| weights.symmetric().to_le_bytes()).collect();
            let name = format!("blk.{block}.shortconv.conv.weight");
            tensors.push(Tensor { name, dims: vec![LFM2_CONVOLUTION, hidden], dtype: 0, bytes });
        }
    }
    tensors
}

/// Random weights with variance `1 / inputs`, so that activations keep their size.
fn random_matrix(name: String, dims: [usize; 2], weights: Weights, source: &mut Lcg) -> Tensor {
    let dims_of = dims.to_vec();
    if let Some(blocks) = weights.random_blocks() {
        assert_eq!(dims[0] % blocks.values, 0, "{name} is no whole number of blocks wide");
        let count = dims[0] * dims[1] / blocks.values;
        let scale = (1.0 / dims[0] as f32).sqrt() / blocks.deviation;
        let bytes = (0..count).flat_map(|_| blocks.random(weights, scale, source)).collect();
        return Tensor { name, dims: dims_of, dtype: blocks.code, bytes };
    }
    let scale = (3.0 / dims[0] as f32).sqrt();
    let values: Vec<f32> = (0..dims[0] * dims[1]).map(|_| source.symmetric() * scale).collect();
    let upper = |value: &f32| ((value.to_bits() >> 16) as u16).to_le_bytes();
    let (dtype, bytes) = match weights {
        Weights::F32 => (0, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Weights::F16 => (1, values.iter().flat_map(|value| f16(*value).to_le_bytes()).collect()),
        Weights::Bf16 => (30, values.iter().flat_map(upper).collect()),
        _ => (8, values.chunks_exact(32).flat_map(q8_0).collect()),
    };
    Tensor { name, dims: dims_of, dtype, bytes }
}

impl RandomBlocks {
    /// A random block whose values have the standard deviation `scale` ×
    /// [`RandomBlocks::deviation`].
    fn random(&self, weights: Weights, scale: f32, source: &mut Lcg) -> Vec<u8> {
        let mut block: Vec<u8> = (0..self.bytes).map(|_| source.byte()).collect();
        if weights == Weights::Q6K {
            // Sixteen signed scales, kept small so that the block's own scale is a normal f16.
            for scale in &mut block[192..208] {
                *scale = (*scale as i8 >> 2) as u8;
            }
        }
        block[self.scale_at..self.scale_at + 2].copy_from_slice(&f16(scale).to_le_bytes());
        if let Some((at, ratio)) = self.offset {
            block[at..at + 2].copy_from_slice(&f16(scale * ratio).to_le_bytes());
        }
        block
    }
}

/// Random norm weights near 1.
fn near_one(width: usize, source: &mut Lcg) -> Vec<f32> {
    (0..width).map(|_| 1.0 + 0.1 * source.symmetric()).collect()
}

/// A `Q8_0` block of 32 values: the scale as f16, then the values as signed bytes.
fn q8_0(block: &[f32]) -> Vec<u8> {
    let largest = block.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let scale = largest / 127.0;
    let quantised = block.iter().map(|value| (value / scale).round() as i8 as u8);
    f16(scale).to_le_bytes().into_iter().chain(quantised).collect()
}

/// The bits of the nearest f16 towards zero. Correct for the small normal numbers that occur here;
/// smaller ones become 0.
fn f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = (bits >> 23 & 0xFF) as i32 - 127 + 15;
    if exponent <= 0 {
        return sign;
    }
    sign | (exponent as u16) << 10 | (bits >> 13) as u16 & 0x3FF
}

/// Knuth's linear congruential generator (MMIX), which is good enough for weights.
struct Lcg(u64);

impl Lcg {
    /// A number uniform in -1..1.
    fn symmetric(&mut self) -> f32 {
        self.step();
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    fn byte(&mut self) -> u8 {
        self.step();
        (self.0 >> 56) as u8
    }

    fn step(&mut self) {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
}

fn put_text(file: &mut Vec<u8>, text: &str) {
    file.extend_from_slice(&(text.len() as u64).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
}

/// Writes a metadata value: its type code, then its bytes.
fn put_meta(file: &mut Vec<u8>, value: &Meta) {
    let mut put = |code: u32, bytes: &[u8]| {
        file.extend_from_slice(&code.to_le_bytes());
        file.extend_from_slice(bytes);
    };
    match value {
        Meta::U32(value) => put(4, &value.to_le_bytes()),
        Meta::F32(value) => put(6, &value.to_le_bytes()),
        Meta::Bool(value) => put(7, &[u8::from(*value)]),
        Meta::Text(text) => {
            put(8, &[]);
            put_text(file, text);
        }
        Meta::Texts(texts) => {
            put(9, &8u32.to_le_bytes());
            file.extend_from_slice(&(texts.len() as u64).to_le_bytes());
            for text in texts {
                put_text(file, text);
            }
        }
        Meta::Ints(values) => {
            put(9, &5u32.to_le_bytes());
            file.extend_from_slice(&(values.len() as u64).to_le_bytes());
            file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        Meta::Floats(values) => {
            put(9, &6u32.to_le_bytes());
            file.extend_from_slice(&(values.len() as u64).to_le_bytes());
            file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
}
