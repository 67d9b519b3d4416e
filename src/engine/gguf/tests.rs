//! Sound files open; hostile ones are refused by the field that is wrong.

use std::io::Write;

use proptest::prelude::*;

use super::tiny_gguf::{
    Family, Meta, Options, PHI3_ORIGINAL_CONTEXT, Weights, tiny_llama, tiny_model, tiny_parts,
};
use super::*;
use crate::engine::architecture::Windows::{AllButEvery, Never};
use crate::engine::foreign::ForeignModel;

/// Options of the smallest model that the writer can make, so that whole-file sweeps stay quick.
fn smallest() -> Options {
    Options { layers: 1, heads: 2, kv_heads: 1, hidden: 32, feed_forward: 32, ..Options::default() }
}

impl Contents {
    fn own(self) -> HyperParams {
        match self.params {
            Params::Own(params) => params,
            Params::Foreign(params) => panic!("{params:?}"),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Contents, String> {
    let nothing = |_: &Metadata| Ok(Tensors::default());
    Contents::read(bytes, bytes.len() as u64, nothing).map_err(|refusal| match refusal {
        Refusal::Field(reason) => reason,
        Refusal::Architecture(name) => format!("architecture {name}"),
    })
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    let reason = read(bytes).expect_err("must be refused");
    assert!(reason.contains(part), "'{reason}' does not say '{part}'");
}

#[track_caller]
fn refuses_value(key: &'static str, value: Meta, part: &str) {
    let options = Options { set: vec![(key, value)], ..smallest() };
    refuses(&tiny_llama(&options), part);
}

fn on_disk(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Byte offsets of the directory entry of tensor `name`: its name, and the fields after it.
struct Entry {
    name: usize,
    dims: usize,
    dtype: usize,
    offset: usize,
}

fn entry(bytes: &[u8], name: &str) -> Entry {
    let mut wanted = (name.len() as u64).to_le_bytes().to_vec();
    wanted.extend_from_slice(name.as_bytes());
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap() + 8;
    let count = at + name.len();
    let dims = u32::from_le_bytes(bytes[count..count + 4].try_into().unwrap()) as usize;
    Entry { name: at, dims: count + 4, dtype: count + 4 + dims * 8, offset: count + 8 + dims * 8 }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

#[test]
fn a_sound_file_gives_its_numbers_and_its_tensors() {
    for weights in [Weights::F32, Weights::F16, Weights::Q8_0] {
        let options = Options { weights, tied: false, ..Options::default() };
        let file = on_disk(&tiny_llama(&options));
        let model = GgufFile::open(file.path()).unwrap();
        let numbers = model.hyper_params().unwrap();
        assert_eq!((numbers.block_count, numbers.head_count, numbers.head_count_kv), (2, 4, 2));
        assert_eq!((numbers.head_dim, numbers.rope_dimension_count), (16, 16));
        assert_eq!(numbers.rope_scaling, RopeScaling::None);
        assert!(!numbers.tied_embeddings && numbers.rope_factors.is_none());
        assert_eq!(model.name(), "Tiny");
        for (name, _) in model.contents.tensors.iter() {
            let tensor = model.tensor(name, &Device::Cpu).unwrap();
            let values = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
            let values: Vec<f32> = values.to_vec1().unwrap();
            assert!(values.iter().all(|value| value.is_finite() && value.abs() < 2.0), "{name}");
            assert!(values.iter().any(|value| *value != 0.0), "{name}");
        }
        let quantised = model.first_of(GgmlDType::Q8_0).is_some();
        assert_eq!(quantised, matches!(weights, Weights::Q8_0));
        assert!(model.check_for_metal().is_ok());
        let query = model.tensor("blk.1.attn_k.weight", &Device::Cpu).unwrap();
        assert_eq!(query.shape().dims(), [32, 64]);
    }
}

#[test]
fn quantised_weights_are_close_to_the_same_weights_in_full() {
    let values = |weights| {
        let file = on_disk(&tiny_llama(&Options { weights, ..smallest() }));
        let model = GgufFile::open(file.path()).unwrap();
        let tensor = model.tensor("blk.0.ffn_up.weight", &Device::Cpu).unwrap();
        let flat = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
        flat.to_vec1::<f32>().unwrap()
    };
    let full = values(Weights::F32);
    for weights in [Weights::F16, Weights::Q8_0] {
        for (exact, rounded) in full.iter().zip(values(weights)) {
            assert!((exact - rounded).abs() < 0.004, "{exact} became {rounded}");
        }
    }
}

#[test]
fn parameters_and_hash_are_those_of_the_file() {
    let bytes = tiny_llama(&smallest());
    let file = on_disk(&bytes);
    let model = GgufFile::open(file.path()).unwrap();
    let block = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 32 * 32;
    assert_eq!(model.parameters(), (267 * 32 + 32 + block) as u64);
    assert_eq!(model.file_bytes(), bytes.len() as u64);
    let hash = model.sha256().unwrap();
    let digits: Vec<String> =
        hash.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
    let digest: Vec<u8> = digits.iter().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    assert_eq!(digest, Sha256::digest(&bytes).to_vec());
}

#[test]
fn a_missing_file_and_a_directory_are_refused_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.gguf");
    let error = GgufFile::open(&missing).unwrap_err().to_string();
    assert!(error.contains("none.gguf"), "{error}");
    let error = GgufFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not a file"), "{error}");
}

#[test]
fn another_architecture_is_named_with_the_supported_list() {
    let value = Meta::Text("mamba".into());
    let options = Options { set: vec![("general.architecture", value)], ..smallest() };
    let file = on_disk(&tiny_llama(&options));
    let error = GgufFile::open(file.path()).unwrap_err();
    assert!(matches!(&error, EngineError::Unsupported { found, .. } if found == "mamba"));
    assert!(error.to_string().contains("supported: llama"), "{error}");
}

#[test]
fn what_is_no_gguf_file_is_refused_at_once() {
    refuses(b"", "ends at byte 0");
    refuses(b"PK\x03\x04 a zip archive, in fact", "not a GGUF file");
    let mut bytes = tiny_llama(&smallest());
    put(&mut bytes, 4, &1u32.to_le_bytes());
    refuses(&bytes, "version 1");
    put(&mut bytes, 4, &3u32.to_be_bytes());
    refuses(&bytes, "big-endian");
}

#[test]
fn a_bad_alignment_is_refused() {
    for alignment in [0, 1, 4, 24, 8192, u32::MAX] {
        refuses_value("general.alignment", Meta::U32(alignment), "general.alignment");
    }
}

#[test]
fn absurd_counts_are_refused_before_anything_is_allocated() {
    let sound = tiny_llama(&smallest());
    for (at, part) in [(8, "tensor count"), (16, "metadata count")] {
        for claim in [u64::MAX, 1 << 40, 1 << 17] {
            let mut bytes = sound.clone();
            put(&mut bytes, at, &claim.to_le_bytes());
            refuses(&bytes, part);
        }
    }
    // Within the cap, but more tensors than the file holds.
    let mut bytes = sound.clone();
    put(&mut bytes, 8, &60_000u64.to_le_bytes());
    assert!(read(&bytes).is_err());
}

#[test]
fn lengths_beyond_the_file_are_refused() {
    let sound = tiny_llama(&smallest());
    let key = b"tokenizer.ggml.tokens";
    let count = sound.windows(key.len()).position(|window| window == key).unwrap() + key.len() + 8;
    for (at, claim) in [(count, 1_000_000u64), (count, u64::MAX), (count + 8, 9 << 20)] {
        let mut bytes = sound.clone();
        put(&mut bytes, at, &claim.to_le_bytes());
        refuses(&bytes, "tokenizer.ggml.tokens");
    }
}

#[test]
fn impossible_dimensions_are_refused() {
    let sound = tiny_llama(&smallest());
    let at = entry(&sound, "blk.0.attn_q.weight").dims;
    for dims in [[1u64 << 40, 1 << 40], [0, 32], [32, 0], [u64::MAX, u64::MAX], [32, (1 << 59) + 1]]
    {
        let mut bytes = sound.clone();
        put(&mut bytes, at, &dims[0].to_le_bytes());
        put(&mut bytes, at + 8, &dims[1].to_le_bytes());
        refuses(&bytes, "blk.0.attn_q.weight");
    }
    for count in [0u32, 5, u32::MAX] {
        let mut bytes = sound.clone();
        put(&mut bytes, at - 4, &count.to_le_bytes());
        refuses(&bytes, "dimensions");
    }
}

#[test]
fn rows_that_are_no_whole_number_of_blocks_are_refused() {
    let mut bytes = tiny_llama(&Options { weights: Weights::Q8_0, ..smallest() });
    let at = entry(&bytes, "blk.0.attn_q.weight").dims;
    put(&mut bytes, at, &31u64.to_le_bytes());
    refuses(&bytes, "impossible shape");
}

#[test]
fn a_shape_that_the_metadata_does_not_imply_is_refused() {
    let mut bytes = tiny_llama(&smallest());
    let at = entry(&bytes, "blk.0.ffn_up.weight").dims;
    put(&mut bytes, at + 8, &16u64.to_le_bytes());
    refuses(&bytes, "tensor 'blk.0.ffn_up.weight' has shape [16, 32], but the metadata implies");
}

#[test]
fn quantisations_that_cannot_be_read_are_named() {
    for (code, name) in [(23u32, "IQ4_XS"), (39, "MXFP4"), (9, "Q8_1"), (77, "type 77")] {
        let mut bytes = tiny_llama(&smallest());
        let at = entry(&bytes, "blk.0.attn_q.weight").dtype;
        put(&mut bytes, at, &code.to_le_bytes());
        refuses(&bytes, &format!("stored as {name}"));
        refuses(&bytes, "Q4_K_M");
    }
}

#[test]
fn offsets_out_of_line_over_each_other_or_out_of_the_file_are_refused() {
    let sound = tiny_llama(&smallest());
    let at = entry(&sound, "blk.0.attn_q.weight").offset;
    let cases = [
        (1u64, "not a multiple of 32"),
        (0, "overlap"),
        (1 << 40, "truncated"),
        (u64::MAX - 31, "beyond the end"),
    ];
    for (offset, part) in cases {
        let mut bytes = sound.clone();
        put(&mut bytes, at, &offset.to_le_bytes());
        refuses(&bytes, part);
    }
}

#[test]
fn a_tensor_listed_twice_is_refused() {
    let mut bytes = tiny_llama(&Options { layers: 2, ..smallest() });
    let at = entry(&bytes, "blk.1.attn_norm.weight").name;
    put(&mut bytes, at, b"blk.0");
    refuses(&bytes, "tensor 'blk.0.attn_norm.weight' is listed twice");
}

#[test]
fn a_metadata_key_given_twice_is_refused() {
    let entry = ("extra.key", Meta::Bool(true));
    refuses(
        &tiny_llama(&Options { set: vec![entry.clone(), entry], ..smallest() }),
        "'extra.key' is given twice",
    );
}

#[test]
fn a_missing_tensor_and_one_without_a_place_are_refused() {
    let mut bytes = tiny_llama(&smallest());
    let at = entry(&bytes, "blk.0.attn_q.weight").name;
    put(&mut bytes, at + 6, b"attn_z");
    refuses(&bytes, "'blk.0.attn_q.weight' is missing");
    // The file holds one block more than the metadata admits.
    let bytes = tiny_llama(&Options {
        layers: 2,
        set: vec![("llama.block_count", Meta::U32(1))],
        ..smallest()
    });
    refuses(&bytes, "'blk.1.attn_k.weight' has no place");
}

#[test]
fn hyper_parameters_out_of_range_are_refused_by_key() {
    refuses_value("llama.block_count", Meta::U32(513), "llama.block_count");
    refuses_value("llama.block_count", Meta::U32(0), "llama.block_count");
    refuses_value("llama.context_length", Meta::U32(u32::MAX), "llama.context_length");
    refuses_value("llama.attention.head_count", Meta::U32(0), "head_count");
    refuses_value("llama.attention.head_count", Meta::Text("4".into()), "is a text");
    refuses_value("llama.attention.head_count_kv", Meta::U32(0), "head_count_kv");
    refuses_value("llama.attention.head_count_kv", Meta::U32(3), "does not divide");
    refuses_value("llama.attention.key_length", Meta::U32(7), "even number");
    refuses_value("llama.attention.value_length", Meta::U32(8), "value_length");
    refuses_value("llama.rope.dimension_count", Meta::U32(18), "rope.dimension_count");
    refuses_value("llama.rope.freq_base", Meta::F32(f32::NAN), "rope.freq_base");
    refuses_value("llama.rope.freq_base", Meta::F32(-1.0), "rope.freq_base");
    refuses_value("llama.attention.layer_norm_rms_epsilon", Meta::F32(0.0), "rms_epsilon");
    refuses_value("llama.rope.scaling.type", Meta::Text("su".into()), "'su'");
    refuses_value("llama.expert_count", Meta::U32(8), "mixture of experts");
    let absent = Options { unset: vec!["llama.feed_forward_length"], ..smallest() };
    refuses(&tiny_llama(&absent), "'llama.feed_forward_length' is missing");
}

/// The numbers of a tiny file of `family`, with some metadata changed.
#[track_caller]
fn numbers(family: Family, set: Vec<(&'static str, Meta)>) -> HyperParams {
    read(&tiny_model(&Options { family, set, ..smallest() })).unwrap().own()
}

#[track_caller]
fn refuses_in(family: Family, set: Vec<(&'static str, Meta)>, part: &str) {
    refuses(&tiny_model(&Options { family, set, ..smallest() }), part);
}

#[test]
fn every_architecture_and_every_kind_of_weights_opens() {
    for family in Family::ALL {
        let numbers = numbers(family, Vec::new());
        assert_eq!(numbers.architecture.name, family.architecture());
    }
    for weights in Weights::ALL {
        let options = Options { weights, hidden: 256, feed_forward: 256, ..smallest() };
        let file = on_disk(&tiny_llama(&options));
        let model = GgufFile::open(file.path()).unwrap();
        let tensor = model.tensor("blk.0.ffn_up.weight", &Device::Cpu).unwrap();
        let values = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
        let values: Vec<f32> = values.to_vec1().unwrap();
        let mean_square =
            values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        // The writer gives every type the variance 1 / inputs.
        assert!((0.7..1.4).contains(&(mean_square * 256.0)), "{weights:?}: {mean_square}");
    }
}

#[test]
fn a_tensor_of_another_architecture_has_no_place() {
    let named = |name: &str| vec![("general.architecture", Meta::Text(name.into()))];
    let prefixed = |name: &'static str, family: Family| {
        // The keys of `name` are added to those of the family, so that only the tensors are wrong.
        let keys: [(&'static str, u32); 6] = match name {
            "qwen2" => [
                ("qwen2.block_count", 1),
                ("qwen2.context_length", 64),
                ("qwen2.embedding_length", 32),
                ("qwen2.feed_forward_length", 32),
                ("qwen2.attention.head_count", 2),
                ("qwen2.attention.head_count_kv", 1),
            ],
            _ => [
                ("llama.block_count", 1),
                ("llama.context_length", 64),
                ("llama.embedding_length", 32),
                ("llama.feed_forward_length", 32),
                ("llama.attention.head_count", 2),
                ("llama.attention.head_count_kv", 1),
            ],
        };
        let epsilon = if name == "qwen2" {
            "qwen2.attention.layer_norm_rms_epsilon"
        } else {
            "llama.attention.layer_norm_rms_epsilon"
        };
        let mut set = named(name);
        set.extend(keys.map(|(key, value)| (key, Meta::U32(value))));
        set.push((epsilon, Meta::F32(1e-5)));
        tiny_model(&Options { family, set, ..smallest() })
    };
    refuses(&prefixed("qwen2", Family::Llama), "'blk.0.attn_q.bias' is missing");
    refuses(&prefixed("qwen2", Family::Llama3), "'blk.0.attn_q.bias' is missing");
    refuses(&prefixed("qwen2", Family::LlamaBiased), "'blk.0.attn_output.bias' has no place");
    refuses(&prefixed("llama", Family::Qwen3), "'blk.0.attn_k_norm.weight' has no place");
    refuses(&prefixed("llama", Family::Phi3), "'blk.0.attn_q.weight' is missing");
}

#[test]
fn numbers_that_candle_would_believe_are_refused() {
    let glm4 = |key: &'static str, value, part: &str| {
        refuses_in(Family::Glm4, vec![(key, Meta::U32(value))], part);
    };
    glm4("glm4.context_length", 4 << 20, "too long for heads of 16");
    glm4("glm4.attention.key_length", 6, "multiple of 4");
    glm4("glm4.attention.head_count_kv", 0, "head_count_kv' is 0");
    glm4("glm4.attention.head_count_kv", 3, "does not divide");
    glm4("glm4.feed_forward_length", 64, "'blk.0.ffn_down.weight' has shape");
    let list = |list| vec![("lfm2.attention.head_count_kv", Meta::Ints(list))];
    refuses_in(Family::Lfm2, list(vec![0, 0]), "each of 1 blocks");
    refuses_in(Family::Lfm2, list(vec![-1]), "not a count");
    refuses_in(Family::Lfm2, list(vec![1]), "is missing");
}

#[test]
fn gemma3_has_windows_where_the_file_gives_one() {
    let window = "gemma3.attention.sliding_window";
    let pattern = "gemma3.attention.sliding_window_pattern";
    let with = |set| {
        let numbers = numbers(Family::Gemma3, set);
        (numbers.architecture.windows, numbers.sliding_window)
    };
    assert_eq!(with(vec![]), (AllButEvery(6), Some(8)));
    assert_eq!(with(vec![(window, Meta::U32(0))]), (Never, None));
    assert_eq!(with(vec![(pattern, Meta::U32(3))]), (AllButEvery(3), Some(8)));
    assert_eq!(with(vec![(pattern, Meta::U32(1))]), (Never, None));
    let listed = |list: Vec<i32>, layers: usize| {
        let set = vec![(pattern, Meta::Ints(list))];
        let options = Options { family: Family::Gemma3, set, ..smallest() };
        read(&tiny_model(&Options { layers, ..options }))
    };
    let read = listed(vec![1, 1, 0, 1], 4).unwrap().own();
    assert_eq!(read.architecture.windows, AllButEvery(3));
    assert!(listed(vec![1, 0, 0, 1], 4).unwrap_err().contains("does not repeat"));
    assert!(listed(vec![1, 0], 4).unwrap_err().contains("has 2 items for 4 blocks"));

    let other = numbers(Family::Gemma3, vec![("gemma3.rope.freq_base_swa", Meta::F32(5e4))]);
    assert_eq!((other.rope_freq_base, other.rope_freq_base_window), (1e6, 5e4));
    let cap = "gemma3.final_logit_softcapping";
    refuses_in(Family::Gemma3, vec![(cap, Meta::F32(30.0))], cap);
}

#[test]
fn the_largest_gemma3_alone_scales_attention_by_another_width() {
    let scale = |layers| {
        let options = Options { family: Family::Gemma3, head_dim: Some(8), ..smallest() };
        read(&tiny_model(&Options { layers, ..options })).unwrap().own().attention_scale
    };
    assert_eq!((scale(62), scale(61)), (0.25, 1.0 / 8f32.sqrt())); // 32 wide, 2 heads
}

#[test]
fn phi3_takes_its_long_factors_beyond_the_original_context() {
    let numbers = numbers(Family::Phi3, Vec::new());
    let border = PHI3_ORIGINAL_CONTEXT as usize;
    let tensor = |context| numbers.rope_divisors(context);
    assert_eq!(tensor(border), RopeDivisors::Tensor("rope_factors_short.weight"));
    assert_eq!(tensor(border + 1), RopeDivisors::Tensor("rope_factors_long.weight"));
    assert_eq!((numbers.rope_magnitude, numbers.sliding_window), (1.19, None));
    assert_eq!((numbers.head_dim, numbers.rope_dimension_count), (16, 8));
    let both = vec![("phi3.rope.scaling.factor", Meta::F32(4.0))];
    refuses_in(Family::Phi3, both, "both stretch positions");
}

#[test]
fn positions_are_stretched_as_the_file_says() {
    let text = |value: &str| Meta::Text(value.into());
    let kind = "llama.rope.scaling.type";
    let factor = |factor| ("llama.rope.scaling.factor", Meta::F32(factor));
    let divisors = |set| numbers(Family::Llama, set).rope_divisors(64);
    let linear = numbers(Family::Llama, vec![(kind, text("linear")), factor(4.0)]);
    assert_eq!(linear.rope_scaling, RopeScaling::Linear(4.0));
    assert_eq!(linear.rope_divisors(64), RopeDivisors::All(4.0));
    assert_eq!(divisors(vec![factor(0.0)]), RopeDivisors::All(1.0));
    assert_eq!(divisors(vec![(kind, text("none")), factor(4.0)]), RopeDivisors::All(1.0));
    let freqs = numbers(Family::Llama3, Vec::new()).rope_divisors(64);
    assert_eq!(freqs, RopeDivisors::Tensor("rope_freqs.weight"));

    // Fast frequencies are kept, the slowest are divided by the factor.
    let yarn = vec![(kind, text("yarn")), factor(4.0)];
    let length = ("llama.rope.scaling.original_context_length", Meta::U32(1 << 16));
    let numbers = numbers(Family::Llama, [yarn, vec![length]].concat());
    let RopeDivisors::Each(each) = numbers.rope_divisors(64) else { panic!("not one a dimension") };
    assert_eq!((each.len(), each[0]), (8, 1.0));
    assert!(each.is_sorted() && each[7] > 1.5 && each[7] <= 4.0, "{each:?}");
    assert!((numbers.rope_magnitude - (1.0 + 0.1 * 4f32.ln())).abs() < 1e-6);
    for (key, value, part) in [
        ("llama.rope.scaling.factor", 0.5, "1 or more"),
        ("llama.rope.scaling.yarn_beta_fast", f32::NAN, "yarn_beta_fast"),
        ("llama.rope.scaling.yarn_log_multiplier", 0.1, "yarn_log_multiplier"),
        ("llama.rope.freq_base", 1.0, "YaRN"),
    ] {
        let mut set = vec![(kind, text("yarn")), factor(4.0)];
        set.retain(|(name, _)| *name != key);
        set.push((key, Meta::F32(value)));
        refuses_in(Family::Llama, set, part);
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_as_truncated() {
    let sound = tiny_llama(&smallest());
    let data = sound.len() - 60_000.min(sound.len());
    // Cuts at every byte of the header, then at every 97th of the weights; the last tensor ends
    // with the file.
    let cuts = (0..data.max(9_000)).chain((9_000..sound.len()).step_by(97));
    for cut in cuts.filter(|cut| *cut < sound.len()) {
        let reason = read(&sound[..cut]).expect_err("a part must be refused");
        assert!(
            reason.contains("truncated") && reason.contains(&format!("byte {cut}")),
            "{reason}"
        );
    }
    assert!(read(&sound).is_ok());
}

#[test]
fn the_truncated_tensor_is_named_with_what_it_needs() {
    let sound = tiny_llama(&smallest());
    let reason = read(&sound[..sound.len() - 1]).unwrap_err();
    assert!(reason.contains("tensor 'output_norm.weight' needs 128 bytes"), "{reason}");
    assert!(reason.contains("download it again"), "{reason}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a few bytes of a file are flipped, it is refused with a reason, or every tensor of
    /// it can be loaded.
    #[test]
    fn mutated_files_never_panic(
        family in prop::sample::select([&Family::ALL[..], &Family::FOREIGN].concat()),
        changes in prop::collection::vec((0usize..9_000, any::<u8>()), 1..6),
        wide in prop::option::of((0usize..9_000, any::<u64>())),
    ) {
        let mut bytes = tiny_model(&Options { family, ..smallest() });
        for (at, value) in changes {
            bytes[at] = value;
        }
        if let Some((at, value)) = wide {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        match read(&bytes) {
            Err(reason) => prop_assert!(!reason.is_empty()),
            Ok(contents) => {
                let file = on_disk(&bytes);
                let model = GgufFile::open(file.path()).unwrap();
                for (name, _) in contents.tensors.iter() {
                    prop_assert!(model.tensor(name, &Device::Cpu).is_ok());
                }
                let _ = crate::engine::tokenizer::Tokenizer::from_gguf(&model);
                if model.foreign_params().is_some() {
                    let _ = ForeignModel::load(&model, &Device::Cpu);
                }
            }
        }
    }
}

#[test]
fn the_real_model_opens() {
    let Some(path) = std::env::var_os("PERSONA_TEST_MODEL") else {
        eprintln!("skipped: PERSONA_TEST_MODEL not set");
        return;
    };
    let model = GgufFile::open(Path::new(&path)).unwrap();
    let numbers = model.hyper_params().unwrap();
    assert_eq!(
        numbers.vocabulary_size,
        model.tensor("token_embd.weight", &Device::Cpu).unwrap().shape().dims()[0]
    );
    assert!(model.parameters() > 100_000_000);
}

/// A folder with the parts of a split model, and their names.
fn split(count: usize) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let name = |part: usize| format!("tiny-{:05}-of-{count:05}.gguf", part + 1);
    let parts = tiny_parts(&smallest(), count).into_iter().enumerate().map(|(part, bytes)| {
        let path = folder.path().join(name(part));
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let parts = parts.collect();
    (folder, parts)
}

#[test]
fn a_split_model_is_the_whole_model() {
    let whole = on_disk(&tiny_llama(&smallest()));
    let whole = GgufFile::open(whole.path()).unwrap();
    for count in [2, 3, 5] {
        let (_folder, parts) = split(count);
        let model = GgufFile::open(&parts[0]).unwrap();
        assert_eq!(model.parameters(), whole.parameters());
        let bytes: u64 = parts.iter().map(|part| std::fs::metadata(part).unwrap().len()).sum();
        assert_eq!(model.file_bytes(), bytes);
        let joined: Vec<u8> = parts.iter().flat_map(|part| std::fs::read(part).unwrap()).collect();
        let digits = Sha256::digest(&joined);
        let expected =
            digits.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(model.sha256().unwrap(), expected);
        for (name, info) in whole.contents.tensors.iter() {
            let (mut a, mut b) = (vec![0; info.bytes as usize], vec![1; info.bytes as usize]);
            whole.read_part(name, 0, &mut a).unwrap();
            model.read_part(name, 0, &mut b).unwrap();
            assert!(a == b, "{name} of {count} parts");
        }
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let refused = |change: &dyn Fn(&[PathBuf]), opened: usize, reason: &str| {
        let (_folder, parts) = split(3);
        change(&parts);
        let error = GgufFile::open(&parts[opened]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    let copy = |from: usize, to: usize| {
        move |parts: &[PathBuf]| std::fs::copy(&parts[from], &parts[to]).map(|_| ()).unwrap()
    };
    refused(&|parts| std::fs::remove_file(&parts[2]).unwrap(), 0, "tiny-00003-of-00003.gguf");
    refused(&|_| (), 1, "name the first part, tiny-00001-of-00003.gguf");
    refused(&copy(1, 2), 0, "metadata 'split.no' is 1, not 2");
    refused(&copy(2, 0), 0, "its name does not say so");
    let other = |parts: &[PathBuf]| std::fs::write(&parts[1], tiny_llama(&smallest())).unwrap();
    refused(&other, 0, "metadata 'split.no' is missing, not 1");
    let torn = |parts: &[PathBuf]| {
        let bytes = std::fs::read(&parts[2]).unwrap();
        std::fs::write(&parts[2], &bytes[..bytes.len() - 40]).unwrap();
    };
    refused(&torn, 0, "it is truncated");
    // All metadata is there, but tensors are in two parts.
    let twice = |parts: &[PathBuf]| {
        let numbers = [("split.no", 2), ("split.count", 3)];
        let set = numbers.map(|(key, value)| (key, Meta::U32(value))).to_vec();
        std::fs::write(&parts[2], tiny_llama(&Options { set, ..smallest() })).unwrap();
    };
    refused(&twice, 0, "stands in two parts");
}
