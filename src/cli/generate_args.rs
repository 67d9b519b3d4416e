//! The flags of `persona generate`.
//!
//! Owns their names, help texts and groups, and the list of those whose values a resumed run takes
//! from its log. What the values mean is decided in `config`, since other layers set them too.

use std::path::PathBuf;

use clap::Args;

use crate::cli::model::EngineArgs;
use crate::config::{Layers, keys};

const RULES: &str = "\
What leaves this machine:
  --no-frontier   the download of a model, and what --backend sends to hosts of --trusted-hosts.
  --hybrid        with a key for the frontier (ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY):
                  each refined persona with the records that it cites. Without a key: nothing.
  --provider      every record that a draft needs.
  --backend       on another machine: every record that a draft or a judgement needs.

When the local model of a hybrid run cannot be had, the frontier writes the personas in its place,
and every record that a draft needs is sent to it: if there is a key and the worst case fits
--max-cost, or with --fallback frontier. Never under --no-frontier or --fallback fail, and not for a
--model that does not exist.

Money: each call is booked at its worst case before it is sent; --max-cost is never passed, over all
resumes of a run together. A price that is not known is refused; --price gives it.

Examples:
  persona generate interviews.csv --hybrid --no-frontier
  persona generate research/ --count 5 --hybrid --estimate-only
  persona generate interviews.csv --hybrid --anonymise --max-cost 0.50
  persona generate interviews.csv --format markdown,csv,tinytroupe
  persona generate --resume personas/RUN";

/// What can be said to `generate`. Values are text here: every layer's values are checked in one
/// place, by `config`.
#[derive(Debug, Args)]
#[command(after_long_help = RULES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct GenerateArgs {
    /// Files, folders, patterns, or - for what is piped in: CSV, TSV, JSON, JSONL, YAML, Markdown, text,
    /// org, HTML, XLSX, ODS, DOCX, VTT, SRT, mbox, EML
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// The same as a flag; may be repeated
    #[arg(long, short = 'f', visible_alias = "from", value_name = "PATH", num_args = 1..)]
    input: Vec<String>,
    /// Personas to write [default: 3]
    #[arg(long, short = 'n', value_name = "N", allow_negative_numbers = true)]
    count: Option<String>,
    /// Column whose values are the segments, one persona each [default: found in the data]
    #[arg(long, value_name = "COLUMN")]
    segments_by: Option<String>,
    /// Have the local model read all records first and choose passages, and make the drafts of
    /// those: for more data than a prompt holds
    #[arg(long)]
    digest: bool,
    /// How many statements and quotes a persona has: minimal, standard or detailed
    /// [default: standard]
    #[arg(long, value_name = "HOW")]
    detail: Option<String>,
    /// How intricate each of them is: simple, moderate or complex [default: moderate]
    #[arg(long, value_name = "HOW")]
    complexity: Option<String>,
    /// Folder in which the run's folder is made [default: personas]
    #[arg(long, value_name = "DIR")]
    output: Option<String>,
    /// What is written beside JSON and HTML: markdown, csv, tinytroupe, joined by commas
    /// [default: markdown]
    #[arg(long, value_name = "FORMATS")]
    format: Option<String>,
    /// Go on with an interrupted run: its folder, or its name under --output
    #[arg(long, value_name = "RUN", conflicts_with_all = FIXED_BY_THE_RUN)]
    pub(super) resume: Option<PathBuf>,

    /// Write only the I-th of N parts of the personas; 'persona merge' joins them. Needs --seed
    #[arg(long, value_name = "I/N", help_heading = "Hybrid run")]
    shard: Option<String>,
    /// Write several drafts a persona, judge them and choose
    #[arg(long, help_heading = "Hybrid run")]
    hybrid: bool,
    /// Drafts a persona, a decimal number from 1 [default: 2]
    #[arg(long, value_name = "M", allow_negative_numbers = true, help_heading = "Hybrid run")]
    draft_multiplier: Option<String>,
    /// Judge score that a draft must reach, 0 to 1, or auto [default: 0.75]
    #[arg(long, value_name = "T", allow_negative_numbers = true, help_heading = "Hybrid run")]
    quality_threshold: Option<String>,
    /// Extra rounds of drafts when too few reach it [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Hybrid run")]
    max_rounds: Option<String>,
    /// Exit with code 7 when fewer personas than asked for reach it
    #[arg(long, help_heading = "Hybrid run")]
    strict: bool,

    /// Replace names, addresses and other personal data before anything else sees the input
    #[arg(long, visible_alias = "anonymize", help_heading = "Privacy")]
    anonymise: bool,
    /// What stands in their place: redact, replace or hash [default: redact]
    #[arg(
        long,
        visible_alias = "anonymize-strategy",
        value_name = "STRATEGY",
        help_heading = "Privacy"
    )]
    anonymise_strategy: Option<String>,
    /// Write the map from replacements back to values here; keep it safe
    #[arg(long, value_name = "FILE", help_heading = "Privacy")]
    pii_map: Option<String>,
    /// A model that looks at free text once more after the rules: as --model, or the folder of a token
    /// classifier (config.json, tokenizer.json, model.safetensors). It only adds to what they find; language
    /// models below 1B take many words for names that are not (the README has figures)
    #[arg(long, value_name = "MODEL|DIR", help_heading = "Privacy")]
    pii_model: Option<String>,
    /// Refuse to send personal data to a paid model
    #[arg(long, help_heading = "Privacy")]
    privacy_require: bool,
    /// Hosts of your own, which cost nothing unless --price says so
    #[arg(long, value_name = "HOST", value_delimiter = ',', help_heading = "Privacy")]
    trusted_hosts: Vec<String>,

    /// Send nothing to a paid model
    #[arg(long, help_heading = "Frontier model")]
    no_frontier: bool,
    /// Show what the run could cost, beside having a paid model write everything, and stop
    #[arg(long, help_heading = "Frontier model")]
    estimate_only: bool,
    /// Most US dollars that paid calls may cost
    #[arg(
        long,
        value_name = "USD",
        allow_negative_numbers = true,
        help_heading = "Frontier model"
    )]
    max_cost: Option<String>,
    /// Who refines the personas of a hybrid run: anthropic, openai or gemini [default: anthropic]
    #[arg(
        long,
        visible_alias = "frontier-provider",
        value_name = "NAME",
        help_heading = "Frontier model"
    )]
    frontier: Option<String>,
    /// With which model [default: the provider's]
    #[arg(long, value_name = "MODEL", help_heading = "Frontier model")]
    frontier_model: Option<String>,
    /// Which personas it refines: selected (at or above the threshold), below, all or none
    /// [default: selected]
    #[arg(long, value_name = "WHICH", help_heading = "Frontier model")]
    refine: Option<String>,
    /// patch (edits to some fields) or rewrite (all fields anew) [default: patch]
    #[arg(long, value_name = "MODE", help_heading = "Frontier model")]
    refine_mode: Option<String>,
    /// Without --hybrid: who writes the personas, embedded, ollama, anthropic, openai or gemini
    /// [default: embedded]
    #[arg(long, value_name = "NAME", help_heading = "Frontier model")]
    provider: Option<String>,
    /// Address of the --frontier or --provider service; OpenAI's includes /v1, the others no version
    #[arg(long, value_name = "URL", help_heading = "Frontier model")]
    base_url: Option<String>,
    /// For openai: responses or chat [default: responses, with --base-url chat]
    #[arg(long, value_name = "API", help_heading = "Frontier model")]
    api: Option<String>,
    /// Price in US dollars per million tokens, for a model that is not in the table
    #[arg(long, value_name = "IN/OUT", help_heading = "Frontier model")]
    price: Option<String>,
    /// Calls to a server in flight at a time, paid or not [default: 4]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Frontier model")]
    parallel: Option<String>,
    /// When the local model cannot be had: frontier or fail, see below
    #[arg(long, value_name = "WHAT", help_heading = "Frontier model")]
    fallback: Option<String>,

    /// Where drafts and judging run: embedded (in this process), ollama, or openai (llama.cpp's server,
    /// vLLM, SGLang, LM Studio) [default: embedded]
    #[arg(long, value_name = "WHERE", help_heading = "Local model")]
    backend: Option<String>,
    /// Address of that server; OpenAI's includes /v1 [default: OLLAMA_HOST, http://127.0.0.1:11434]
    #[arg(long, value_name = "URL", help_heading = "Local model")]
    backend_url: Option<String>,
    /// Catalogue name, owner/repo[:QUANT][@rev], ollama:NAME, a path to a .gguf, or auto; with
    /// --backend its name there [default: auto]
    #[arg(long, visible_alias = "local-model", value_name = "MODEL", help_heading = "Local model")]
    model: Option<String>,
    /// Model that judges [default: the one that drafts]
    #[arg(long, value_name = "MODEL", help_heading = "Local model")]
    judge_model: Option<String>,
    /// auto, extractive (goals, pains and behaviours are pieces of records) or free [default: auto]
    #[arg(long, value_name = "STYLE", help_heading = "Local model")]
    style: Option<String>,
    /// Same seed, build, machine and flags: same personas [default: drawn and logged]
    #[arg(long, value_name = "SEED", allow_negative_numbers = true, help_heading = "Local model")]
    seed: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Flags whose values a resumed run takes from its log, so that they cannot be given again.
const FIXED_BY_THE_RUN: &[&str] = &[
    "count",
    "segments_by",
    "digest",
    "shard",
    "hybrid",
    "draft_multiplier",
    "quality_threshold",
    "max_rounds",
    "anonymise",
    "anonymise_strategy",
    "pii_model",
    "no_frontier",
    "estimate_only",
    "max_cost",
    "frontier",
    "frontier_model",
    "refine",
    "refine_mode",
    "provider",
    "base_url",
    "api",
    "price",
    "parallel",
    "fallback",
    "backend",
    "backend_url",
    "style",
    "detail",
    "complexity",
    "seed",
];

impl GenerateArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        let inputs = self.inputs.iter().chain(&self.input).cloned().collect();
        let layers = Layers::default()
            .flags(keys::INPUT, inputs)
            .flag(keys::COUNT, self.count.as_deref())
            .flag(keys::SEGMENTS_BY, self.segments_by.as_deref())
            .switch(keys::DIGEST, self.digest)
            .flag(keys::SHARD, self.shard.as_deref())
            .flag(keys::OUTPUT, self.output.as_deref())
            .flag(keys::FORMAT, self.format.as_deref())
            .switch(keys::HYBRID, self.hybrid)
            .flag(keys::DRAFT_MULTIPLIER, self.draft_multiplier.as_deref())
            .flag(keys::QUALITY_THRESHOLD, self.quality_threshold.as_deref())
            .flag(keys::MAX_ROUNDS, self.max_rounds.as_deref())
            .switch(keys::STRICT, self.strict)
            .switch(keys::ANONYMISE, self.anonymise)
            .flag(keys::ANONYMISE_STRATEGY, self.anonymise_strategy.as_deref())
            .flag(keys::PII_MAP, self.pii_map.as_deref())
            .flag(keys::PII_MODEL, self.pii_model.as_deref())
            .switch(keys::PRIVACY_REQUIRE, self.privacy_require)
            .flags(keys::TRUSTED_HOSTS, self.trusted_hosts.clone())
            .switch(keys::NO_FRONTIER, self.no_frontier)
            .switch(keys::ESTIMATE_ONLY, self.estimate_only)
            .flag(keys::MAX_COST, self.max_cost.as_deref())
            .flag(keys::FRONTIER, self.frontier.as_deref())
            .flag(keys::FRONTIER_MODEL, self.frontier_model.as_deref())
            .flag(keys::REFINE, self.refine.as_deref())
            .flag(keys::REFINE_MODE, self.refine_mode.as_deref())
            .flag(keys::PROVIDER, self.provider.as_deref())
            .flag(keys::BASE_URL, self.base_url.as_deref())
            .flag(keys::API, self.api.as_deref())
            .flag(keys::PRICE, self.price.as_deref())
            .flag(keys::PARALLEL, self.parallel.as_deref())
            .flag(keys::FALLBACK, self.fallback.as_deref())
            .flag(keys::BACKEND, self.backend.as_deref())
            .flag(keys::BACKEND_URL, self.backend_url.as_deref())
            .flag(keys::MODEL, self.model.as_deref())
            .flag(keys::JUDGE_MODEL, self.judge_model.as_deref())
            .flag(keys::STYLE, self.style.as_deref())
            .flag(keys::DETAIL, self.detail.as_deref())
            .flag(keys::COMPLEXITY, self.complexity.as_deref())
            .flag(keys::SEED, self.seed.as_deref());
        self.engine.add_to(layers)
    }
}
