//! Every setting, by the name of its flag.
//!
//! Owns the names. What a value means is read in `settings`.

use std::fmt;

/// A setting's name in each layer. The flag and the variable are derived from one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Flag without its dashes.
    pub flag: &'static str,
    /// Key in `persona.toml`, with its section.
    pub file: &'static str,
    /// True when the file states the opposite of the flag (`use_frontier` and `--no-frontier`).
    pub(super) negated_in_file: bool,
}

impl Key {
    const fn new(flag: &'static str, file: &'static str) -> Self {
        Self { flag, file, negated_in_file: false }
    }

    /// The environment twin: `--max-cost` is `PERSONA_MAX_COST`.
    pub fn variable(self) -> String {
        format!("PERSONA_{}", self.flag.to_uppercase().replace('-', "_"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.flag)
    }
}

/// Input files and directories.
pub const INPUT: Key = Key::new("input", "input");
/// Final personas.
pub const COUNT: Key = Key::new("count", "count");
/// Draft several, judge, select.
pub const HYBRID: Key = Key::new("hybrid", "hybrid.enabled");
/// Drafts per persona.
pub const DRAFT_MULTIPLIER: Key = Key::new("draft-multiplier", "hybrid.draft_multiplier");
/// The gate.
pub const QUALITY_THRESHOLD: Key = Key::new("quality-threshold", "hybrid.quality_threshold");
/// Nothing leaves the machine.
pub const NO_FRONTIER: Key =
    Key { flag: "no-frontier", file: "hybrid.use_frontier", negated_in_file: true };
/// Cap on paid calls.
pub const MAX_COST: Key = Key::new("max-cost", "hybrid.max_frontier_cost");
/// Who refines.
pub const FRONTIER: Key = Key::new("frontier", "hybrid.frontier");
/// With which model.
pub const FRONTIER_MODEL: Key = Key::new("frontier-model", "hybrid.frontier_model");
/// Price of an unlisted model.
pub const PRICE: Key = Key::new("price", "hybrid.price");
/// A provider that drafts in place of a local model.
pub const PROVIDER: Key = Key::new("provider", "provider");
/// Address of the service behind `--frontier` or `--provider`.
pub const BASE_URL: Key = Key::new("base-url", "hybrid.base_url");
/// Which of OpenAI's APIs it speaks.
pub const API: Key = Key::new("api", "hybrid.api");
/// What is refined.
pub const REFINE: Key = Key::new("refine", "hybrid.refine");
/// How.
pub const REFINE_MODE: Key = Key::new("refine-mode", "hybrid.refine_mode");
/// When the local model cannot be had.
pub const FALLBACK: Key = Key::new("fallback", "hybrid.fallback");
/// Paid calls in flight.
pub const PARALLEL: Key = Key::new("parallel", "hybrid.parallel");
/// Price a plan, run nothing.
pub const ESTIMATE_ONLY: Key = Key::new("estimate-only", "estimate_only");
/// Where drafts and judging run.
pub const BACKEND: Key = Key::new("backend", "backend");
/// Address of the server behind `--backend`.
pub const BACKEND_URL: Key = Key::new("backend-url", "backend_url");
/// Local model.
pub const MODEL: Key = Key::new("model", "model");
/// Judging model.
pub const JUDGE_MODEL: Key = Key::new("judge-model", "judge_model");
/// Word for word or free.
pub const STYLE: Key = Key::new("style", "style");
/// The column whose values are the segments.
pub const SEGMENTS_BY: Key = Key::new("segments-by", "segments_by");
/// Read everything first.
pub const DIGEST: Key = Key::new("digest", "digest");
/// The part of the personas that this process writes.
pub const SHARD: Key = Key::new("shard", "shard");
/// How many statements and quotes.
pub const DETAIL: Key = Key::new("detail", "detail");
/// How intricate each of them.
pub const COMPLEXITY: Key = Key::new("complexity", "complexity");
/// Extra draft rounds.
pub const MAX_ROUNDS: Key = Key::new("max-rounds", "max_rounds");
/// A partial result is a failure.
pub const STRICT: Key = Key::new("strict", "strict");
/// Seed of the run.
pub const SEED: Key = Key::new("seed", "seed");
/// Where run folders go.
pub const OUTPUT: Key = Key::new("output", "output");
/// What is written beside JSON and HTML.
pub const FORMAT: Key = Key::new("format", "format");
/// Compute threads.
pub const THREADS: Key = Key::new("threads", "threads");
/// Sequences decoded together.
pub const BATCH: Key = Key::new("batch", "batch");
/// Context in tokens.
pub const CONTEXT: Key = Key::new("context", "context");
/// CPU, CUDA or Metal.
pub const DEVICE: Key = Key::new("device", "device");
/// A `tokenizer.json`.
pub const TOKENIZER: Key = Key::new("tokenizer", "tokenizer");
/// Replace what is personal before anything else sees it.
pub const ANONYMISE: Key = Key::new("anonymise", "privacy.anonymise");
/// By what.
pub const ANONYMISE_STRATEGY: Key = Key::new("anonymise-strategy", "privacy.anonymise_strategy");
/// Where the way back is written.
pub const PII_MAP: Key = Key::new("pii-map", "privacy.pii_map");
/// Which model looks at free text once more.
pub const PII_MODEL: Key = Key::new("pii-model", "privacy.model");
/// Send nothing personal to anybody.
pub const PRIVACY_REQUIRE: Key = Key::new("privacy-require", "privacy.require");
/// Hosts that are as good as this machine.
pub const TRUSTED_HOSTS: Key = Key::new("trusted-hosts", "privacy.trusted_hosts");
/// Open no network connection.
pub const OFFLINE: Key = Key::new("offline", "privacy.offline");
/// One JSON document on stdout.
pub const JSON: Key = Key::new("json", "json");
/// Errors only on stderr.
pub const QUIET: Key = Key::new("quiet", "quiet");
/// No progress bars.
pub const NO_PROGRESS: Key = Key::new("no-progress", "no_progress");
/// No colour.
pub const NO_COLOR: Key = Key::new("no-color", "no_color");

/// All of them: what the environment and the files may set.
pub const ALL: &[Key] = &[
    INPUT,
    COUNT,
    HYBRID,
    DRAFT_MULTIPLIER,
    QUALITY_THRESHOLD,
    NO_FRONTIER,
    MAX_COST,
    FRONTIER,
    FRONTIER_MODEL,
    PRICE,
    PROVIDER,
    BASE_URL,
    API,
    REFINE,
    REFINE_MODE,
    FALLBACK,
    PARALLEL,
    ESTIMATE_ONLY,
    BACKEND,
    BACKEND_URL,
    MODEL,
    JUDGE_MODEL,
    STYLE,
    SEGMENTS_BY,
    DIGEST,
    SHARD,
    DETAIL,
    COMPLEXITY,
    MAX_ROUNDS,
    STRICT,
    SEED,
    OUTPUT,
    FORMAT,
    THREADS,
    BATCH,
    CONTEXT,
    DEVICE,
    TOKENIZER,
    ANONYMISE,
    ANONYMISE_STRATEGY,
    PII_MAP,
    PII_MODEL,
    PRIVACY_REQUIRE,
    TRUSTED_HOSTS,
    OFFLINE,
    JSON,
    QUIET,
    NO_PROGRESS,
    NO_COLOR,
];
/// Whose values are paths: in a file, relative to that file.
pub(super) const PATHS: &[Key] = &[INPUT, OUTPUT, TOKENIZER, PII_MAP];
/// Whose values may be several in a file.
pub(super) const LISTS: &[Key] = &[INPUT, FORMAT];
