//! Every setting, by the name of its flag.
//!
//! Owns the names. What a value means is decided in `settings.rs`.

use std::fmt;

/// A setting's name in each layer. The name of the variable is derived from that of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Name of the flag, without its dashes.
    pub flag: &'static str,
    /// Name of the key in `persona.toml`, with its section.
    pub file: &'static str,
    /// Whether the file states the opposite of the flag (`use_frontier` and `--no-frontier`).
    pub(super) negated_in_file: bool,
}

impl Key {
    /// The environment variable of the same setting: `PERSONA_MAX_COST` for `--max-cost`.
    pub fn variable(self) -> String {
        format!("PERSONA_{}", self.flag.to_uppercase().replace('-', "_"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.flag)
    }
}

/// Defines a constant for each setting, and [`ALL`] of them, so that none can be left out. A `!`
/// before the name in the file means that the file states the opposite.
macro_rules! keys {
    ($($(#[$doc:meta])+ $name:ident: $flag:literal = $($file:literal)? $(! $opposite:literal)?;)+) => {
        $(
            $(#[$doc])+
            pub const $name: Key = Key {
                flag: $flag,
                file: concat!($($file)? $($opposite)?),
                negated_in_file: keys!(@negated $($opposite)?),
            };
        )+

        /// Every setting: what the environment and the files may set.
        pub const ALL: &[Key] = &[$($name),+];
    };
    (@negated) => { false };
    (@negated $opposite:literal) => { true };
}

keys! {
    /// Input files and folders.
    INPUT: "input" = "input";
    /// How many personas to write.
    COUNT: "count" = "count";
    /// Whether to draft several personas for each one wanted, judge them and keep the best.
    HYBRID: "hybrid" = "hybrid.enabled";
    /// Drafts for each persona wanted.
    DRAFT_MULTIPLIER: "draft-multiplier" = "hybrid.draft_multiplier";
    /// The judge score that a draft must reach.
    QUALITY_THRESHOLD: "quality-threshold" = "hybrid.quality_threshold";
    /// Whether the data must stay on this machine.
    NO_FRONTIER: "no-frontier" = !"hybrid.use_frontier";
    /// The most that all paid calls of a run may cost, in US dollars.
    MAX_COST: "max-cost" = "hybrid.max_frontier_cost";
    /// The provider that refines personas.
    FRONTIER: "frontier" = "hybrid.frontier";
    /// The provider's model.
    FRONTIER_MODEL: "frontier-model" = "hybrid.frontier_model";
    /// The price of a model that the price table does not list.
    PRICE: "price" = "hybrid.price";
    /// The provider that drafts in place of a local model.
    PROVIDER: "provider" = "provider";
    /// Address of the service behind `--frontier` or `--provider`.
    BASE_URL: "base-url" = "hybrid.base_url";
    /// Which of OpenAI's APIs that service speaks.
    API: "api" = "hybrid.api";
    /// Which personas are refined.
    REFINE: "refine" = "hybrid.refine";
    /// How the frontier answers: with a patch or with a rewrite.
    REFINE_MODE: "refine-mode" = "hybrid.refine_mode";
    /// What happens when the local model is not available.
    FALLBACK: "fallback" = "hybrid.fallback";
    /// Most paid calls in flight.
    PARALLEL: "parallel" = "hybrid.parallel";
    /// Whether to predict the cost and run nothing.
    ESTIMATE_ONLY: "estimate-only" = "estimate_only";
    /// Where drafts are written and judged: in this process or by a server.
    BACKEND: "backend" = "backend";
    /// Address of the server behind `--backend`.
    BACKEND_URL: "backend-url" = "backend_url";
    /// The model that drafts.
    MODEL: "model" = "model";
    /// The model that judges, where it is another one.
    JUDGE_MODEL: "judge-model" = "judge_model";
    /// Whether drafts consist of the participants' sentences or are written freely.
    STYLE: "style" = "style";
    /// The column whose values are the segments.
    SEGMENTS_BY: "segments-by" = "segments_by";
    /// Whether the local model first reads everything and chooses what drafts are made of.
    DIGEST: "digest" = "digest";
    /// The part of the personas that this process writes.
    SHARD: "shard" = "shard";
    /// How many statements and quotes a persona has.
    DETAIL: "detail" = "detail";
    /// How intricate each statement is.
    COMPLEXITY: "complexity" = "complexity";
    /// Most additional rounds of drafts.
    MAX_ROUNDS: "max-rounds" = "max_rounds";
    /// Whether fewer personas than asked for are a failure.
    STRICT: "strict" = "strict";
    /// Seed of everything that is drawn.
    SEED: "seed" = "seed";
    /// The folder in which run folders are made.
    OUTPUT: "output" = "output";
    /// What is written beside JSON and HTML.
    FORMAT: "format" = "format";
    /// Threads that compute.
    THREADS: "threads" = "threads";
    /// Most sequences that are decoded together.
    BATCH: "batch" = "batch";
    /// Context of the model, in tokens.
    CONTEXT: "context" = "context";
    /// CPU, CUDA or Metal.
    DEVICE: "device" = "device";
    /// A `tokenizer.json` in place of the model file's own.
    TOKENIZER: "tokenizer" = "tokenizer";
    /// Whether personal data is replaced before anything else sees it.
    ANONYMISE: "anonymise" = "privacy.anonymise";
    /// What personal data is replaced by.
    ANONYMISE_STRATEGY: "anonymise-strategy" = "privacy.anonymise_strategy";
    /// The file that gets the way back from replacements to values.
    PII_MAP: "pii-map" = "privacy.pii_map";
    /// The model that looks for personal data in free text after the rules.
    PII_MODEL: "pii-model" = "privacy.model";
    /// Whether a request with personal data is refused.
    PRIVACY_REQUIRE: "privacy-require" = "privacy.require";
    /// Hosts that count as this machine.
    TRUSTED_HOSTS: "trusted-hosts" = "privacy.trusted_hosts";
    /// Whether the process opens no network connection.
    OFFLINE: "offline" = "privacy.offline";
    /// Whether one JSON document is written to stdout.
    JSON: "json" = "json";
    /// Whether only errors are written to stderr.
    QUIET: "quiet" = "quiet";
    /// Whether progress bars are left out.
    NO_PROGRESS: "no-progress" = "no_progress";
    /// Whether colours are left out.
    NO_COLOR: "no-color" = "no_color";
}

/// Settings whose values are paths, which in a file are relative to that file.
pub(super) const PATHS: &[Key] = &[INPUT, OUTPUT, TOKENIZER, PII_MAP];
/// Settings that may have several values in a file.
pub(super) const LISTS: &[Key] = &[INPUT, FORMAT];
