//! The forward pass in all its forms: kernels against candle's operations, tier against tier, one
//! thread against several, one row at a time against many.

use candle_core::Device;
use persona::engine::gguf::GgufFile;
use persona::engine::kernels::{Cpu, Tier};
use persona::engine::kv_cache::{CellType, KvCache, RowRange, SequenceRows};
use persona::engine::transformer::{Batch, Depth, Hidden, Transformer};

use crate::tiny_gguf::{Family, Options, Weights, tiny_model};

/// Largest difference of a logit between our kernels and candle's operations, both in single
/// precision but with other orders of summation. Logits are about 1 in size.
const FULL_TOLERANCE: f32 = 1e-4;
/// Largest such difference with keys and values in half precision.
const HALF_TOLERANCE: f32 = 2e-2;

const TOKENS: usize = 40;

fn file(options: &Options) -> (tempfile::TempPath, GgufFile) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, &tiny_model(options)).expect("written");
    let path = file.into_temp_path();
    let opened = GgufFile::open(&path).expect("a sound file");
    (path, opened)
}

fn family(family: Family) -> Options {
    let layers = if family == Family::Gemma3 { 7 } else { 4 };
    Options { family, layers, seed: 3, ..Options::default() }
}

fn kernels(file: &GgufFile, cpu: Cpu) -> Transformer {
    let params = file.hyper_params().expect("our block").clone();
    Transformer::load(file, &params, 256, &Device::Cpu, cpu).expect("loads")
}

/// The logits at every position of a fixed text, computed `rows` positions per pass.
fn logits(model: &Transformer, cells: CellType, rows: usize) -> Vec<f32> {
    let mut cache = KvCache::new(model.layers(), model.heads(), Device::Cpu, cells);
    logits_in(model, &mut cache, rows)
}

fn logits_in(model: &Transformer, cache: &mut KvCache, rows: usize) -> Vec<f32> {
    let tokens: Vec<u32> = (0..TOKENS as u32).map(|at| at * 37 % 200).collect();
    let id = cache.fork(None);
    let mut out = Vec::new();
    for tokens in tokens.chunks(rows) {
        let rows = RowRange { first: 0, count: tokens.len() };
        let wanted: Vec<u32> = (0..tokens.len() as u32).collect();
        let batch = Batch {
            tokens,
            sequences: &[SequenceRows { id, rows }],
            wanted: &wanted,
            depth: Depth::Whole,
        };
        let logits = model.forward(&batch, cache).expect("a pass");
        out.extend(logits.flatten_all().and_then(|logits| logits.to_vec1::<f32>()).expect("f32"));
    }
    out
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn kernels_and_candles_operations_agree_on_every_architecture() {
    for of in Family::ALL {
        let (_path, file) = file(&family(of));
        let params = file.hyper_params().expect("our block").clone();
        let tensors = Transformer::load_tensors(&file, &params, 256, &Device::Cpu).expect("loads");
        let mut cache = KvCache::for_tensors(tensors.layers(), tensors.heads(), Device::Cpu);
        let expected = logits_in(&tensors, &mut cache, 16);
        let ours = kernels(&file, Cpu::new(2, Tier::detect()));
        let full = worst(&expected, &logits(&ours, CellType::F32, 16));
        let half = worst(&expected, &logits(&ours, CellType::F16, 16));
        println!("{of:?}: off by {full:e}, with half-precision cells {half:e}");
        assert!(full < FULL_TOLERANCE && half < HALF_TOLERANCE, "{of:?}: {full:e} {half:e}");
    }
}

#[test]
fn kernels_and_candles_operations_agree_on_states_in_the_middle_of_a_model() {
    let (_path, file) = file(&family(Family::Gemma3));
    let params = file.hyper_params().expect("our block").clone();
    let tensors = Transformer::load_tensors(&file, &params, 256, &Device::Cpu).expect("loads");
    let ours = kernels(&file, Cpu::new(2, Tier::detect()));
    let states = |model: &Transformer, mut cache: KvCache, depth| {
        let tokens: Vec<u32> = (0..TOKENS as u32).map(|at| at * 37 % 200).collect();
        let id = cache.fork(None);
        let sequences = [SequenceRows { id, rows: RowRange { first: 0, count: TOKENS } }];
        let batch = Batch { tokens: &tokens, sequences: &sequences, wanted: &[38, 39], depth };
        match model.hidden(&batch, &mut cache).expect("a pass") {
            Hidden::Host(rows) => rows,
            Hidden::Device(rows) => rows.flatten_all().and_then(|r| r.to_vec1()).expect("f32"),
        }
    };
    let (layers, heads) = (ours.layers(), ours.heads());
    let kept = || KvCache::new(layers, heads, Device::Cpu, CellType::F32);
    let middle = states(&ours, kept(), Depth::Middle);
    let for_tensors = KvCache::for_tensors(layers, heads, Device::Cpu);
    let off = worst(&states(&tensors, for_tensors, Depth::Middle), &middle);
    assert!(off < FULL_TOLERANCE, "off by {off:e}");
    let whole = states(&ours, kept(), Depth::Whole);
    assert!(worst(&whole, &middle) > 0.1, "the blocks behind the middle change the states");
}

#[test]
fn every_tier_any_threads_and_any_rows_a_pass_give_the_same_bits() {
    for weights in Weights::ALL {
        if matches!(weights, Weights::Q2K | Weights::Q3K) {
            continue; // candle's products, which round by the number of rows
        }
        let options = Options {
            family: Family::Gemma3,
            layers: 6,
            heads: 4,
            hidden: 256,
            feed_forward: 256,
            weights,
            ..Options::default()
        };
        let (_path, file) = file(&options);
        let expected = logits(&kernels(&file, Cpu::new(1, Tier::Portable)), CellType::F16, 16);
        for tier in Tier::available() {
            for (threads, rows) in [(1, 1), (2, 16), (3, 7), (2, TOKENS)] {
                let model = kernels(&file, Cpu::new(threads, tier));
                let got = logits(&model, CellType::F16, rows);
                let same = expected.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits());
                let of = format!("{weights:?} {tier:?} {threads} threads, {rows} rows");
                assert!(
                    same && expected.len() == got.len(),
                    "{of}: off by {:e}",
                    worst(&expected, &got)
                );
            }
        }
    }
}

#[test]
fn wanting_few_rows_gives_the_logits_of_wanting_all() {
    let (_path, file) = file(&family(Family::Gemma3));
    let model = kernels(&file, Cpu::new(2, Tier::detect()));
    let mut cache = KvCache::new(model.layers(), model.heads(), Device::Cpu, CellType::F16);
    let tokens: Vec<u32> = (10..30).collect();
    let mut last = |wanted: &[u32]| -> Vec<f32> {
        let ids = [cache.fork(None), cache.fork(None)];
        let part = |index: usize, first, count| SequenceRows {
            id: ids[index],
            rows: RowRange { first, count },
        };
        let sequences = [part(0, 0, 12), part(1, 12, 8)];
        let batch = Batch { tokens: &tokens, sequences: &sequences, wanted, depth: Depth::Whole };
        let logits = model.forward(&batch, &mut cache).expect("a pass");
        logits.flatten_all().and_then(|logits| logits.to_vec1()).expect("f32")
    };
    let all = last(&(0..20).collect::<Vec<u32>>());
    let width = all.len() / 20;
    let row = |row: usize| &all[row * width..(row + 1) * width];
    assert_eq!(last(&[11, 18, 19]), [row(11), row(18), row(19)].concat());
    assert_eq!(last(&[19]), row(19));
    assert!(last(&[]).is_empty());
}
