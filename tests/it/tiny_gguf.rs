//! Writes tiny GGUF models for tests: the `llama` architecture with random weights from a fixed
//! seed and a byte-level tokenizer, a few hundred kilobytes in all.
//!
//! Self-contained (it uses nothing of the crate), so that unit tests and integration tests build
//! the same files. Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

/// Alignment of the tensor data in bytes; the format's default.
const ALIGNMENT: usize = 32;

/// What to write.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Decoder blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width; a multiple of `heads`, and of 32 for [`Weights::Q8_0`].
    pub hidden: usize,
    /// Width of the feed-forward part; a multiple of 32 for [`Weights::Q8_0`].
    pub feed_forward: usize,
    /// `llama.context_length`.
    pub context: u32,
    /// How matrices are stored; norms are always f32.
    pub weights: Weights,
    /// Without `output.weight`, so that the embedding serves as output matrix too.
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
            layers: 2,
            heads: 4,
            kv_heads: 2,
            hidden: 64,
            feed_forward: 128,
            context: 2048,
            weights: Weights::F32,
            tied: true,
            seed: 1,
            set: Vec::new(),
            unset: Vec::new(),
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
    /// Blocks of 32 signed bytes with one 16-bit scale.
    Q8_0,
}

/// A metadata value.
#[derive(Debug, Clone)]
pub(crate) enum Meta {
    /// Unsigned, 32 bits.
    U32(u32),
    /// Float, 32 bits.
    F32(f32),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of 32-bit integers.
    Ints(Vec<i32>),
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

/// ChatML, as SmolLM2 writes it.
const CHAT_TEMPLATE: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] \
    + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// The bytes of a whole GGUF file.
pub(crate) fn tiny_llama(options: &Options) -> Vec<u8> {
    let tensors = tensors(options);
    let metadata = metadata(options);

    let mut file = Vec::new();
    file.extend_from_slice(b"GGUF");
    file.extend_from_slice(&3u32.to_le_bytes());
    file.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    file.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    for (key, value) in &metadata {
        put_text(&mut file, key);
        put_meta(&mut file, value);
    }
    let mut data = Vec::new();
    for tensor in &tensors {
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

/// The printable character that GPT-2's byte-level alphabet gives a byte: printable Latin-1 stands
/// for itself, the other 68 bytes are counted up from U+0100.
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
    let defaults = [
        ("general.architecture", Meta::Text("llama".into())),
        ("general.name", Meta::Text("Tiny".into())),
        ("llama.block_count", Meta::U32(options.layers as u32)),
        ("llama.context_length", Meta::U32(options.context)),
        ("llama.embedding_length", Meta::U32(options.hidden as u32)),
        ("llama.feed_forward_length", Meta::U32(options.feed_forward as u32)),
        ("llama.attention.head_count", Meta::U32(options.heads as u32)),
        ("llama.attention.head_count_kv", Meta::U32(options.kv_heads as u32)),
        ("llama.attention.layer_norm_rms_epsilon", Meta::F32(1e-5)),
        ("llama.rope.freq_base", Meta::F32(10_000.0)),
        ("llama.vocab_size", Meta::U32(tokens.len() as u32)),
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
    let replaced = |key: &str| options.set.iter().any(|(name, _)| *name == key);
    defaults
        .into_iter()
        .filter(|(key, _)| !replaced(key) && !options.unset.contains(key))
        .chain(options.set.iter().cloned())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

struct Tensor {
    name: String,
    /// In the file's order: the fastest-running dimension first.
    dims: Vec<usize>,
    dtype: u32,
    bytes: Vec<u8>,
}

fn tensors(options: &Options) -> Vec<Tensor> {
    let Options { hidden, feed_forward, .. } = *options;
    let kv = hidden / options.heads * options.kv_heads;
    let vocabulary = vocabulary().len();
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
        matrix(format!("blk.{block}.attn_q.weight"), hidden, hidden);
        matrix(format!("blk.{block}.attn_k.weight"), hidden, kv);
        matrix(format!("blk.{block}.attn_v.weight"), hidden, kv);
        matrix(format!("blk.{block}.attn_output.weight"), hidden, hidden);
        matrix(format!("blk.{block}.ffn_gate.weight"), hidden, feed_forward);
        matrix(format!("blk.{block}.ffn_up.weight"), hidden, feed_forward);
        matrix(format!("blk.{block}.ffn_down.weight"), feed_forward, hidden);
    }
    for block in 0..options.layers {
        tensors.push(norm(format!("blk.{block}.attn_norm.weight"), hidden, &mut weights));
        tensors.push(norm(format!("blk.{block}.ffn_norm.weight"), hidden, &mut weights));
    }
    tensors.push(norm("output_norm.weight".into(), hidden, &mut weights));
    tensors
}

/// Uniform weights with the variance of `1 / inputs`, so that activations keep their size.
fn random_matrix(name: String, dims: [usize; 2], weights: Weights, source: &mut Lcg) -> Tensor {
    let scale = (3.0 / dims[0] as f32).sqrt();
    let values: Vec<f32> = (0..dims[0] * dims[1]).map(|_| source.symmetric() * scale).collect();
    let (dtype, bytes) = match weights {
        Weights::F32 => (0, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Weights::F16 => (1, values.iter().flat_map(|value| f16(*value).to_le_bytes()).collect()),
        Weights::Q8_0 => (8, values.chunks_exact(32).flat_map(q8_0).collect()),
    };
    Tensor { name, dims: dims.to_vec(), dtype, bytes }
}

/// Norm weights near one.
fn norm(name: String, width: usize, source: &mut Lcg) -> Tensor {
    let bytes = (0..width).flat_map(|_| (1.0 + 0.1 * source.symmetric()).to_le_bytes()).collect();
    Tensor { name, dims: vec![width], dtype: 0, bytes }
}

/// One block of 32 values: the scale as f16, then the values as signed bytes.
fn q8_0(block: &[f32]) -> Vec<u8> {
    let largest = block.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let scale = largest / 127.0;
    let quantised = block.iter().map(|value| (value / scale).round() as i8 as u8);
    f16(scale).to_le_bytes().into_iter().chain(quantised).collect()
}

/// The nearest f16 below, in its bits; right for the small normal numbers that occur here, and
/// zero below them.
fn f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = (bits >> 23 & 0xFF) as i32 - 127 + 15;
    if exponent <= 0 {
        return sign;
    }
    sign | (exponent as u16) << 10 | (bits >> 13) as u16 & 0x3FF
}

/// Knuth's linear congruential generator (MMIX); good enough for weights.
struct Lcg(u64);

impl Lcg {
    /// Uniform in -1..1.
    fn symmetric(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

fn put_text(file: &mut Vec<u8>, text: &str) {
    file.extend_from_slice(&(text.len() as u64).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
}

/// Type code, then value.
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
            for value in values {
                file.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
}
