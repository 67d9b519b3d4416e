//! `persona bench`: how fast the engine is on this machine.
//!
//! Owns the tests (modelled on llama-bench, and those of this tool's own job), how they are
//! repeated, and the rows that result. `workload` defines what each test hands to the engine,
//! `whole_job` runs the pipeline, [`statistics`] and [`comparison`] evaluate the figures, [`show`]
//! writes them. Measures through the interface that everything else uses: the figures in a row are
//! what a run would get.

pub mod comparison;
pub mod show;
pub mod statistics;

mod whole_job;
mod workload;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sysinfo::System;

use crate::engine::kernels::Tier;
use crate::engine::{EngineError, EngineOptions};
use crate::llm::embedded::EmbeddedModel;
use crate::pipeline::Cancel;

use statistics::Summary;

/// The tests that `persona bench` runs by default: a minute or two with a small model.
pub const USUAL_TESTS: &str = "pp512,tg128,shared8,json8,judge16";
/// The tests that `--test all` stands for.
pub const ALL_TESTS: &str = "pp512,pp2048,tg128,tg128@512,shared8,json8,judge16,job";

/// Tokens of the common beginning of `shared` and `json`, unless the test's name states another
/// number.
const SHARED_PREFIX: usize = 1024;
/// Most tokens or rows of a test, far above any use: a larger number is taken for a mistake.
const MAX_SIZE: usize = 1 << 20;

/// One test to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `ppN`: reads N tokens, with `depth` tokens already in the cache.
    Prefill {
        /// Number of tokens to read.
        tokens: usize,
        /// Number of tokens before them, not timed.
        depth: usize,
    },
    /// `tgN`: writes N tokens in one row, after `depth` tokens.
    Decode {
        /// Number of tokens to write.
        tokens: usize,
        /// Number of tokens before them, not timed.
        depth: usize,
    },
    /// `sharedN`: writes N rows of 200 tokens each, on one common beginning of `prefix` tokens.
    Shared {
        /// Number of rows.
        rows: usize,
        /// Number of tokens of the beginning; reading it is part of the time.
        prefix: usize,
    },
    /// `jsonN`: as [`Self::Shared`], but each answer has the shape of a draft and ends by itself.
    Json {
        /// Number of rows.
        rows: usize,
        /// Number of tokens of the beginning; reading it is part of the time.
        prefix: usize,
    },
    /// `judgeN`: scores N drafts of 300 tokens on 4 criteria each.
    Judge {
        /// Number of drafts.
        drafts: usize,
    },
    /// `job`: runs the whole local pipeline on built-in data.
    Job,
    /// `ppl`: computes the perplexity of a text, windowed as llama-perplexity does it.
    Perplexity,
}

impl FromStr for Test {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown test '{name}'\nhint: tests are ppN, tgN, sharedN, jsonN, judgeN, job and ppl, the first four also at a depth (tg128@512); 'all' is {ALL_TESTS}"
            )
        };
        let number = |text: &str| {
            text.parse().ok().filter(|n| (1..=MAX_SIZE).contains(n)).ok_or_else(unknown)
        };
        let (head, depth) = match name.split_once('@') {
            Some((head, depth)) => (head, Some(number(depth)?)),
            None => (name, None),
        };
        let digits = head.find(|c: char| c.is_ascii_digit()).unwrap_or(head.len());
        let (kind, size) = head.split_at(digits);
        let test = match kind {
            "pp" => Self::Prefill { tokens: number(size)?, depth: depth.unwrap_or(0) },
            "tg" => Self::Decode { tokens: number(size)?, depth: depth.unwrap_or(0) },
            "shared" => {
                Self::Shared { rows: number(size)?, prefix: depth.unwrap_or(SHARED_PREFIX) }
            }
            "json" => Self::Json { rows: number(size)?, prefix: depth.unwrap_or(SHARED_PREFIX) },
            "judge" if depth.is_none() => Self::Judge { drafts: number(size)? },
            "job" if depth.is_none() && size.is_empty() => Self::Job,
            "ppl" if depth.is_none() && size.is_empty() => Self::Perplexity,
            _ => return Err(unknown()),
        };
        Ok(test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, depth, usual) = match self {
            Self::Prefill { tokens, depth } => (format!("pp{tokens}"), *depth, 0),
            Self::Decode { tokens, depth } => (format!("tg{tokens}"), *depth, 0),
            Self::Shared { rows, prefix } => (format!("shared{rows}"), *prefix, SHARED_PREFIX),
            Self::Json { rows, prefix } => (format!("json{rows}"), *prefix, SHARED_PREFIX),
            Self::Judge { drafts } => (format!("judge{drafts}"), 0, 0),
            Self::Job => ("job".to_owned(), 0, 0),
            Self::Perplexity => ("ppl".to_owned(), 0, 0),
        };
        if depth == usual { write!(f, "{name}") } else { write!(f, "{name}@{depth}") }
    }
}

/// The tests of a comma-separated list; `all` stands for [`ALL_TESTS`].
pub fn parse_tests(list: &str) -> Result<Vec<Test>, String> {
    let list = if list == "all" { ALL_TESTS } else { list };
    list.split(',').map(|name| name.trim().parse()).collect()
}

/// What stays the same over a whole call; every row repeats it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The processor's name.
    pub cpu: String,
    /// The instruction set of the best kernels that the processor can run.
    pub simd: String,
    /// Number of threads that compute.
    pub threads: usize,
    /// The device that tensors are on.
    pub device: String,
    /// Version of this program.
    pub version: String,
    /// `release` or `dev`: the latter checks more and is slower.
    pub profile: String,
    /// The model's name.
    pub model: String,
    /// SHA-256 of the model's file.
    pub sha256: String,
    /// Number of the model's parameters.
    pub parameters: u64,
    /// Size of the model's file in bytes.
    pub file_bytes: u64,
    /// Most sequences decoded together.
    pub batch: usize,
    /// Context in tokens.
    pub context: usize,
}

impl Setting {
    /// The setting of this process.
    pub fn of(model: &EmbeddedModel, name: &str, options: &EngineOptions) -> Self {
        let info = model.info();
        let system = System::new_all();
        let cpu = system.ok().and_then(|s| s.cpus().first().map(|cpu| cpu.brand().to_owned()));
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        Self {
            cpu: cpu.unwrap_or_default(),
            simd: format!("{:?}", Tier::detect()).to_lowercase(),
            // The pool that computes takes its size from the same setting.
            threads: rayon::current_num_threads(),
            device: info.device.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: profile.to_owned(),
            model: name.to_owned(),
            sha256: info.sha256.clone(),
            parameters: info.parameters,
            file_bytes: info.file_bytes,
            batch: options.max_batch,
            context: info.context,
        }
    }
}

/// The measurement of one repetition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Number of tokens counted: those read (`pp`, `judge`, `ppl`), written (`tg`, `shared`,
    /// `json`), or both (`job`).
    pub tokens: usize,
    /// Wall-clock seconds of the timed part.
    pub seconds: f64,
    /// Seconds of it before the first answer token, where the test both reads and writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill_s: Option<f64>,
    /// The perplexity; only for `ppl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
}

/// One test's figures and everything that they depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the test.
    pub test: String,
    /// Median number of tokens of a repetition.
    pub tokens: usize,
    /// Tokens per second.
    pub tokens_per_s: Summary,
    /// Wall-clock seconds.
    pub wall_s: Summary,
    /// Median seconds before the first answer token, where the test both reads and writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill_s: Option<f64>,
    /// Median of the remaining seconds, where the test both reads and writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_s: Option<f64>,
    /// The perplexity; only for `ppl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// Most memory in bytes that the process has held up to the end of this test, where the system
    /// tells.
    pub peak_rss_bytes: Option<u64>,
    /// What the test was measured with.
    #[serde(flatten)]
    pub setting: Setting,
    /// The measurement of every repetition, in order.
    pub samples: Vec<Sample>,
}

impl Row {
    /// Sums up samples, of which there must be at least one.
    fn new(test: Test, setting: &Setting, samples: Vec<Sample>) -> Self {
        let of = |value: fn(&Sample) -> f64| -> Vec<f64> { samples.iter().map(value).collect() };
        let tokens = Summary::of(&of(|sample| sample.tokens as f64)).median;
        let wall_s = Summary::of(&of(|sample| sample.seconds));
        let reads: Vec<f64> = samples.iter().filter_map(|sample| sample.prefill_s).collect();
        let writes: Vec<f64> = samples
            .iter()
            .filter_map(|sample| sample.prefill_s.map(|prefill| sample.seconds - prefill))
            .collect();
        let median = |of: &[f64]| (!of.is_empty()).then(|| Summary::of(of).median);
        Self {
            test: test.to_string(),
            tokens: tokens.round() as usize,
            tokens_per_s: Summary::of(&of(|sample| sample.tokens as f64 / sample.seconds)),
            wall_s,
            prefill_s: median(&reads),
            decode_s: median(&writes),
            perplexity: samples.iter().find_map(|sample| sample.perplexity),
            peak_rss_bytes: peak_rss_bytes(),
            setting: setting.clone(),
            samples,
        }
    }
}

/// How a test is repeated.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    /// Number of repetitions that count; at least 1.
    pub repetitions: usize,
    /// Number of repetitions before them that do not count.
    pub warmup: usize,
    /// The text that `ppl` reads; `None` takes the built-in data.
    pub text: Option<&'a str>,
}

/// Why a test stopped.
#[derive(Debug, thiserror::Error)]
pub enum ThroughputError {
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The pipeline failed.
    #[error("{0}")]
    Job(String),
    /// An answer is not one that the grammar allows, or a text is too short.
    #[error("{0}")]
    Unusable(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// Measures one test.
pub fn measure(
    test: Test,
    model: &Arc<EmbeddedModel>,
    setting: &Setting,
    repeat: Repeat<'_>,
    cancel: &Cancel,
) -> Result<Row, ThroughputError> {
    let mut samples = Vec::with_capacity(repeat.repetitions);
    // Perplexity is not a time: it is the same in every repetition.
    let (warmup, repetitions) = match test {
        Test::Perplexity => (0, 1),
        _ => (repeat.warmup, repeat.repetitions.max(1)),
    };
    for round in 0..warmup + repetitions {
        let sample = match test {
            Test::Job => whole_job::run(model, cancel)?,
            Test::Perplexity => workload::perplexity(model.engine(), repeat.text, cancel)?,
            test => workload::run(test, model.engine(), round, cancel)?,
        };
        if round >= warmup {
            samples.push(sample);
        }
    }
    Ok(Row::new(test, setting, samples))
}

/// Most memory in bytes that this process has held, where the system tells.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_and_written_alike() {
        for name in ["pp512", "tg128", "tg128@512", "pp64@7", "shared8", "json2@256", "judge16"] {
            assert_eq!(name.parse::<Test>().unwrap().to_string(), name);
        }
        assert_eq!("shared8@1024".parse(), Ok(Test::Shared { rows: 8, prefix: 1024 }));
        assert_eq!("job".parse(), Ok(Test::Job));
        assert_eq!("ppl".parse(), Ok(Test::Perplexity));
    }

    #[test]
    fn what_is_no_test_is_refused_with_the_list_of_those_that_are() {
        for name in
            ["", "pp", "pp0", "pp-1", "512", "tg1x", "judge16@9", "job3", "ppl@2", "pp9@", "pp9@0"]
        {
            let error = name.parse::<Test>().unwrap_err();
            assert!(error.contains("hint: tests are ppN"), "{name}: {error}");
        }
    }

    #[test]
    fn all_and_the_usual_tests_can_be_read() {
        assert_eq!(parse_tests("all").unwrap().len(), 8);
        assert_eq!(parse_tests(USUAL_TESTS).unwrap().len(), 5);
        assert_eq!(parse_tests("pp1, tg1").unwrap().len(), 2);
        assert!(parse_tests("pp1,,tg1").is_err());
    }

    #[test]
    fn a_row_holds_the_medians_of_its_repetitions() {
        let sample = |tokens, seconds, prefill_s| Sample {
            tokens,
            seconds,
            prefill_s: Some(prefill_s),
            perplexity: None,
        };
        let samples = vec![sample(100, 2.0, 0.5), sample(90, 1.0, 0.25), sample(120, 4.0, 1.0)];
        let row = Row::new(Test::Job, &Setting::default(), samples);
        assert_eq!((row.tokens, row.wall_s.median, row.tokens_per_s.median), (100, 2.0, 50.0));
        assert_eq!((row.prefill_s, row.decode_s), (Some(0.5), Some(1.5)));
    }
}
