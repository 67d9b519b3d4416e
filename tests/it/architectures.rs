//! Every architecture against logits of an independent implementation for the same file.
//!
//! Owns the list of tiny models and the comparison. The reference is
//! `tests/fixtures/reference/logits.py`, the header of which says how it is run and what it was
//! checked against; its figures are stored beside it.

use std::path::{Path, PathBuf};

use candle_core::Device;
use persona::catalogue::RUNNABLE;
use persona::engine::architecture::ARCHITECTURES;
use persona::engine::foreign::ForeignModel;
use persona::engine::gguf::GgufFile;
use persona::engine::kernels::{Cpu, Tier};
use persona::engine::kv_cache::{CellType, KvCache, RowRange, SequenceRows};
use persona::engine::transformer::{Batch, Depth, Transformer};
use serde::Deserialize;

use crate::tiny_gguf::{Family, Meta, Options, PHI3_ORIGINAL_CONTEXT, Weights, tiny_model};

/// Largest difference of a logit with 32-bit weights. Logits are about 1 in size; our sums of some
/// hundred products in 32-bit floats were off by less than a tenth of this.
const FULL_TOLERANCE: f32 = 2e-4;
/// Largest difference of a logit for weights in 16 bits and in blocks, where activations are
/// rounded too, as a share of the root mean square of the logits, which is 1.0 to 1.9. It stands for
/// what others are off by: llama.cpp's log-probabilities by 0.03 to 0.13 on the files with blocks, as
/// `logits.py` says.
const QUANTISED_TOLERANCE: f32 = 0.12;
/// Largest difference of a logit for candle's own models: theirs, too, are sums in 32-bit floats, so
/// [`FULL_TOLERANCE`] was taken over and not measured.
const FOREIGN_TOLERANCE: f32 = FULL_TOLERANCE;
/// The reference holds one in this many logits.
const STRIDE: usize = 8;

/// The models, each with the name of its file.
fn models() -> Vec<(String, Options)> {
    let text = |value: &str| Meta::Text(value.into());
    let of = |family| Options { family, layers: 3, seed: 7, ..Options::default() };
    let mut models = vec![
        ("llama", Options { tied: false, ..of(Family::Llama) }),
        (
            "llama-linear",
            Options {
                set: vec![
                    ("llama.rope.scaling.type", text("linear")),
                    ("llama.rope.scaling.factor", Meta::F32(4.0)),
                ],
                ..of(Family::Llama)
            },
        ),
        ("llama3", of(Family::Llama3)),
        ("llama-biased", of(Family::LlamaBiased)),
        ("qwen2", of(Family::Qwen2)),
        (
            "qwen2-yarn",
            Options {
                set: vec![
                    ("qwen2.rope.scaling.type", text("yarn")),
                    ("qwen2.rope.scaling.factor", Meta::F32(4.0)),
                    ("qwen2.rope.scaling.original_context_length", Meta::U32(512)),
                ],
                ..of(Family::Qwen2)
            },
        ),
        ("qwen3", Options { head_dim: Some(32), tied: false, ..of(Family::Qwen3) }),
        // Seven layers: the sixth has no window.
        ("gemma3", Options { layers: 7, head_dim: Some(32), ..of(Family::Gemma3) }),
        ("phi3", Options { tied: false, ..of(Family::Phi3) }),
        ("phi3-long", of(Family::Phi3)),
        // Six layers: the fourth has no rotation.
        ("smollm3", Options { layers: 6, ..of(Family::SmolLm3) }),
    ];
    for family in Family::FOREIGN {
        let phi2 = family == Family::Phi2; // has a head of its own, and no shared keys
        let (kv_heads, tied) = (if phi2 { 4 } else { 2 }, !phi2);
        models.push((family.architecture(), Options { kv_heads, tied, ..of(family) }));
    }
    let names = Weights::ALL.map(|weights| format!("weights-{weights:?}").to_lowercase());
    for (name, weights) in names.iter().zip(Weights::ALL) {
        let options =
            Options { layers: 2, heads: 4, hidden: 256, feed_forward: 256, ..of(Family::Llama) };
        models.push((name, Options { weights, ..options }));
    }
    models.into_iter().map(|(name, options)| (name.to_owned(), options)).collect()
}

/// The reference's figures for one model.
#[derive(Debug, Deserialize)]
struct Reference {
    /// Context for which the engine is set up, in positions.
    context: usize,
    tokens: Vec<u32>,
    rows: Vec<Row>,
}

/// Logits after the token at `position`.
#[derive(Debug, Deserialize)]
struct Row {
    position: usize,
    /// Root of the mean square over all logits.
    rms: f32,
    /// One in [`STRIDE`] logits.
    logits: Vec<f32>,
}

fn reference(name: &str) -> Reference {
    let text = include_str!("../fixtures/reference/logits.json");
    let mut all: serde_json::Value = serde_json::from_str(text).expect("logits.json is JSON");
    let found = all.get_mut(name).unwrap_or_else(|| panic!("logits.json does not hold {name}"));
    let reference: Reference =
        serde_json::from_value(found.take()).expect("logits.json holds references");
    assert!(!reference.rows.is_empty(), "logits.json holds no row of {name}");
    reference
}

/// The largest difference of the logits `found` after a token from those of the reference.
#[track_caller]
fn largest_difference(found: &[f32], reference: &[f32]) -> f32 {
    assert_eq!(found.len().div_ceil(STRIDE), reference.len(), "too few logits, or too many");
    assert!(found.iter().all(|logit| logit.is_finite()), "a logit is no number");
    let off = found.iter().step_by(STRIDE).zip(reference).map(|(a, b)| (a - b).abs());
    off.fold(0.0, f32::max)
}

/// The engine's logits after each of `tokens`.
fn logits(path: &Path, tokens: &[u32], context: usize) -> Vec<Vec<f32>> {
    let file = GgufFile::open(path).expect("the model opens");
    let params = file.hyper_params().expect("our block");
    let cpu = Cpu::new(2, Tier::detect());
    let model = Transformer::load(&file, params, context, &Device::Cpu, cpu);
    let model = model.expect("the model loads");
    let mut cache = KvCache::new(model.layers(), model.heads(), Device::Cpu, CellType::F32);
    let id = cache.fork(None);
    let rows = RowRange { first: 0, count: tokens.len() };
    let wanted: Vec<u32> = (0..tokens.len() as u32).collect();
    let batch = Batch {
        tokens,
        sequences: &[SequenceRows { id, rows }],
        wanted: &wanted,
        depth: Depth::Whole,
    };
    let logits = model.forward(&batch, &mut cache).expect("a forward pass");
    logits.to_vec2().expect("logits by row")
}

/// Compares one model with its reference. Returns the largest share of a tolerance that was used
/// up.
fn compare(name: &str, options: &Options) -> Result<f32, String> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), tiny_model(options)).expect("written");
    let Reference { context, tokens, rows } = reference(name);
    let found = logits(file.path(), &tokens, context);
    let mut most = 0f32;
    for Row { position, rms, logits } in rows {
        let full = matches!(options.weights, Weights::F32);
        let tolerance = if full { FULL_TOLERANCE } else { QUANTISED_TOLERANCE * rms };
        let own = &found[position];
        let own_rms = (own.iter().map(|x| x * x).sum::<f32>() / own.len() as f32).sqrt();
        let off = largest_difference(own, &logits).max((own_rms - rms).abs());
        if off > tolerance {
            return Err(format!(
                "{name} at position {position}: off by {off:e}, more than {tolerance:e}"
            ));
        }
        most = most.max(off / tolerance);
    }
    println!("{name}: used {:.1} % of its tolerance", most * 100.0);
    Ok(most)
}

/// Compares the models whose names `wanted` accepts.
#[track_caller]
fn check(wanted: impl Fn(&str) -> bool) {
    let models: Vec<_> = models().into_iter().filter(|(name, _)| wanted(name)).collect();
    assert!(!models.is_empty());
    let failures: Vec<String> =
        models.iter().filter_map(|(name, options)| compare(name, options).err()).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn the_catalogue_lists_what_the_engine_runs() {
    let table: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
    assert_eq!(table, RUNNABLE);
}

#[test]
fn every_family_that_the_writer_knows_is_compared() {
    let models = models();
    for family in Family::ALL {
        assert!(models.iter().any(|(_, options)| options.family == family), "{family:?}");
    }
}

#[test]
fn llama_computes_what_the_reference_computes() {
    check(|name| matches!(name, "llama" | "llama-linear" | "llama3" | "llama-biased"));
}

#[test]
fn qwen2_computes_what_the_reference_computes() {
    check(|name| name.starts_with("qwen2"));
}

#[test]
fn qwen3_computes_what_the_reference_computes() {
    check(|name| name == "qwen3");
}

#[test]
fn gemma3_computes_what_the_reference_computes() {
    check(|name| name == "gemma3");
}

#[test]
fn phi3_computes_what_the_reference_computes_with_short_factors_and_with_long_ones() {
    assert!(reference("phi3-long").context > PHI3_ORIGINAL_CONTEXT as usize);
    check(|name| name.starts_with("phi3"));
}

#[test]
fn smollm3_computes_what_the_reference_computes() {
    check(|name| name == "smollm3");
}

/// Checks candle's own model of `family`, feeding the sequence in every possible way.
#[track_caller]
fn check_foreign(family: Family) {
    let name = family.architecture();
    let options = models().into_iter().find(|(listed, _)| listed == name).expect("listed").1;
    let kept = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(kept.path(), tiny_model(&options)).expect("written");
    let file = GgufFile::open(kept.path()).expect("the model opens");
    assert!(file.hyper_params().is_err(), "{name} is not run by our block");
    let mut model = ForeignModel::load(&file, &Device::Cpu).expect("candle loads it");
    let Reference { tokens, rows, .. } = reference(name);
    let feed = |model: &mut ForeignModel, whole: usize, last: usize| {
        model.reset().expect("reset");
        let first = model.logits(&tokens[..whole]).expect("the prompt");
        if whole > last { first } else { model.logits(&tokens[whole..=last]).expect("the rest") }
    };
    for Row { position, logits, .. } in &rows {
        // All at once; all but the first token one by one; a prompt and then single tokens.
        for whole in [position + 1, 1, position / 2 + 1] {
            let found = feed(&mut model, whole, *position);
            let off = largest_difference(&found, logits);
            assert!(off < FOREIGN_TOLERANCE, "{name} at {position} from {whole}: off by {off:e}");
        }
    }
    assert!(model.logits(&[]).is_err());
    assert!(model.logits(&[9_999]).is_err());
}

#[test]
fn glm4_computes_what_the_reference_computes_through_candle() {
    check_foreign(Family::Glm4);
}

#[test]
fn lfm2_computes_what_the_reference_computes_through_candle() {
    check_foreign(Family::Lfm2);
}

#[test]
fn phi2_computes_what_the_reference_computes_through_candle() {
    check_foreign(Family::Phi2);
}

#[test]
fn every_kind_of_weights_computes_what_the_reference_computes() {
    check(|name| name.starts_with("weights-"));
}

#[test]
fn a_wrong_rotation_would_be_seen() {
    // The model whose rotation is scaled, with everything but the scaling.
    let options = models().into_iter().find(|(name, _)| name == "llama-linear").expect("listed").1;
    let error = compare("llama-linear", &Options { set: Vec::new(), ..options });
    assert!(error.is_err(), "{error:?}");
}

#[test]
#[should_panic(expected = "a logit is no number")]
fn a_logit_that_is_no_number_is_seen() {
    let mut found = [0.0; STRIDE];
    found[STRIDE - 1] = f32::NAN;
    largest_difference(&found, &[0.0]);
}

#[test]
#[should_panic(expected = "too few logits")]
fn a_logit_that_is_missing_is_seen() {
    largest_difference(&[0.0; STRIDE], &[0.0; 2]);
}

#[test]
#[ignore = "writes the tiny models into the folder TINY_MODELS, for logits.py"]
fn write_the_tiny_models() {
    let folder = PathBuf::from(std::env::var_os("TINY_MODELS").expect("TINY_MODELS is a folder"));
    std::fs::create_dir_all(&folder).expect("the folder");
    for (name, options) in models() {
        std::fs::write(folder.join(name + ".gguf"), tiny_model(&options)).expect("written");
    }
}
