//! What the settings mean: every value checked, whichever layer it came from.
//!
//! Owns [`Settings`] and the parsers of single values. What no single value shows, such as flags
//! that contradict each other, is left to the command.

use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Layers, keys, offline, runs_dir, server_address};
use crate::catalogue::Price;
use crate::engine::{DeviceChoice, EngineOptions};
use crate::ledger::MicroUsd;
use crate::pipeline::{
    Ask, Complexity, Detail, Refine, RefineMode, Refined, Settings as PipelineSettings, Style,
    Threshold,
};
use crate::privacy::Strategy;
use crate::report::Format;

/// Most personas of one run: far more than anyone needs, but low enough that a typing error fails
/// at once.
const MAX_COUNT: usize = 1000;
/// Most drafts for each persona.
const MAX_MULTIPLIER: f64 = 100.0;
/// Most additional rounds of drafts.
const MAX_ROUNDS: usize = 100;
/// Most calls to a server in flight that may be asked for.
const MAX_PARALLEL: usize = 256;
/// Calls to a server in flight by default.
const USUAL_PARALLEL: usize = 4;

/// Everything that `generate` needs to know, checked.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, not states of one thing")]
pub struct Settings {
    /// Input files and directories.
    pub inputs: Vec<PathBuf>,
    /// Whether several drafts are written for each persona, and the best kept.
    pub hybrid: bool,
    /// Settings of the run itself.
    pub pipeline: PipelineSettings,
    /// The provider that drafts in place of a local model.
    pub provider: Option<Provider>,
    /// Where drafting and judging run.
    pub backend: Backend,
    /// Address of the backend's server; `None` takes the usual one.
    pub backend_url: Option<String>,
    /// What the user said about paid models.
    pub frontier: Frontier,
    /// What the user said about personal data.
    pub privacy: Privacy,
    /// Whether to open no network connection.
    pub offline: bool,
    /// Whether to predict the cost of the plan and stop.
    pub estimate_only: bool,
    /// The drafting model: `auto`, a catalogue name, `owner/repo[:QUANT][@rev]` or a path.
    pub model: String,
    /// The judging model, named as in `model`; `None` takes the drafting model.
    pub judge_model: Option<String>,
    /// Where and how the models run.
    pub engine: EngineOptions,
    /// Compute threads; `None` takes the physical cores.
    pub threads: Option<usize>,
    /// Whether a partial result ends with exit code 7.
    pub strict: bool,
    /// The folder in which run folders are made.
    pub runs_dir: PathBuf,
    /// The files that are written there beside JSON and HTML.
    pub formats: Vec<Format>,
}

/// What the user said about personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Privacy {
    /// How personal data is replaced; `None` leaves it as it is.
    pub anonymise: Option<Strategy>,
    /// The file that gets the map from replacements back to values.
    pub map: Option<PathBuf>,
    /// The model that reads free text after the rules: what `--model` takes, or the folder of a
    /// token classifier; `None` leaves free text to the rules.
    pub model: Option<String>,
    /// Whether personal data must never leave this machine.
    pub require: bool,
    /// Hosts of the user's own, without port: they cost nothing unless a price is given and may be
    /// asked without encryption. What is sent there leaves this machine all the same: it passes the
    /// outbound gate and is listed.
    pub trusted_hosts: Vec<String>,
}

/// Where drafts and judging run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// In this process.
    Embedded,
    /// On an Ollama server.
    Ollama,
    /// On a server with OpenAI's Chat Completions API.
    OpenAi,
}

impl Backend {
    /// The name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }
}

/// Who writes the personas where there is no `--hybrid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Backend(Backend),
    Provider(Provider),
}

/// A service with models that cost money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's APIs, and servers that are compatible with them.
    OpenAi,
    /// Google's Gemini API.
    Gemini,
}

impl Provider {
    /// All providers.
    pub const ALL: [Self; 3] = [Self::Anthropic, Self::OpenAi, Self::Gemini];

    /// The name in flags and in the price table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Gemini => "gemini",
        }
    }

    /// The environment variables in which the provider's key is looked for, the first one set
    /// counting.
    pub fn key_variables(self) -> &'static [&'static str] {
        match self {
            Self::Anthropic => &["ANTHROPIC_API_KEY"],
            Self::OpenAi => &["OPENAI_API_KEY"],
            Self::Gemini => &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        }
    }
}

/// Which of OpenAI's APIs a service offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenAiApi {
    /// The Responses API.
    Responses,
    /// The Chat Completions API.
    Chat,
}

/// What happens when the local model is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The frontier model drafts, if its worst case fits `--max-cost`.
    IfItFits,
    /// The frontier model drafts, with or without a cap.
    Frontier,
    /// The run fails.
    Fail,
}

/// What the user said about paid models.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier {
    /// Whether paid models may be used; false under `--no-frontier`.
    pub allowed: bool,
    /// The provider whose model refines.
    pub provider: Provider,
    /// Whether the provider or its address was named for this run.
    pub explicit: bool,
    /// The provider's model; `None` takes the provider's default.
    pub model: Option<String>,
    /// `IN/OUT` in USD per million tokens, which replaces the price table.
    pub price: Option<String>,
    /// Most that all paid calls may cost.
    pub max_cost: Option<MicroUsd>,
    /// Address of the service, in place of the vendor's.
    pub base_url: Option<String>,
    /// Which of OpenAI's APIs to use; `None` takes the one that is usual at the address.
    pub api: Option<OpenAiApi>,
    /// What happens when the local model is not available.
    pub fallback: Fallback,
    /// Most paid calls in flight at a time.
    pub parallel: usize,
}

impl Settings {
    /// Checks every value and fills in the defaults.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
        let hybrid = layers.switch_value(keys::HYBRID)?;
        let backend = layers.get(keys::BACKEND, parse_backend)?;
        let (provider, writing) = match layers.get(keys::PROVIDER, parse_writer)? {
            Some(Writer::Provider(provider)) => (Some(provider), None),
            Some(Writer::Backend(backend)) => (None, Some(backend)),
            None => (None, None),
        };
        let backend = writing.or(backend).unwrap_or(Backend::Embedded);
        let backend_url = layers.text(keys::BACKEND_URL)?.map(|url| match backend {
            Backend::Ollama => server_address::of_ollama(&url),
            Backend::OpenAi | Backend::Embedded => server_address::of_server(&url),
        });
        Ok(Self {
            inputs: layers.values(keys::INPUT).into_iter().map(PathBuf::from).collect(),
            hybrid,
            pipeline: resolve_pipeline(layers, hybrid)?,
            provider,
            backend,
            backend_url,
            frontier: resolve_frontier(layers)?,
            privacy: resolve_privacy(layers)?,
            offline: offline(layers)?,
            estimate_only: layers.switch_value(keys::ESTIMATE_ONLY)?,
            model: layers.text(keys::MODEL)?.unwrap_or_else(|| "auto".to_owned()),
            judge_model: layers.text(keys::JUDGE_MODEL)?,
            engine: resolve_engine(layers)?,
            threads: layers.get(keys::THREADS, |v| parse_whole(v, 1, 1024))?,
            strict: layers.switch_value(keys::STRICT)?,
            runs_dir: runs_dir(layers)?,
            formats: formats(layers)?,
        })
    }
}

/// The files that are written beside JSON and HTML.
pub fn formats(layers: &Layers) -> Result<Vec<Format>, ConfigError> {
    let said = layers.get(keys::FORMAT, Format::parse_list)?;
    Ok(said.unwrap_or_else(|| Format::USUAL.to_vec()))
}

/// The settings of the run itself. Plain generation is the same pipeline with one draft for each
/// persona and an open gate: everything that the model wrote is kept, scored but not selected.
fn resolve_pipeline(layers: &Layers, hybrid: bool) -> Result<PipelineSettings, ConfigError> {
    let usual = PipelineSettings::default();
    let multiplier = layers.get(keys::DRAFT_MULTIPLIER, parse_multiplier)?;
    let multiplier = multiplier.unwrap_or(usual.multiplier);
    let threshold = layers.get(keys::QUALITY_THRESHOLD, parse_threshold)?;
    let threshold = threshold.unwrap_or(usual.threshold);
    let max_rounds = layers.get(keys::MAX_ROUNDS, |v| parse_whole(v, 0, MAX_ROUNDS))?;
    let max_rounds = max_rounds.unwrap_or(usual.max_rounds);
    Ok(PipelineSettings {
        count: layers.get(keys::COUNT, |v| parse_whole(v, 1, MAX_COUNT))?.unwrap_or(usual.count),
        multiplier: if hybrid { multiplier } else { 1.0 },
        threshold: if hybrid { threshold } else { Threshold::Fixed(0.0) },
        style: layers.get(keys::STYLE, parse_style)?.unwrap_or(usual.style),
        ask: Ask {
            detail: layers.get(keys::DETAIL, parse_detail)?.unwrap_or(usual.ask.detail),
            complexity: layers
                .get(keys::COMPLEXITY, parse_complexity)?
                .unwrap_or(usual.ask.complexity),
        },
        max_rounds: if hybrid { max_rounds } else { 0 },
        seed: layers.get(keys::SEED, parse_seed)?.unwrap_or_else(draw_seed),
        segments_by: layers.text(keys::SEGMENTS_BY)?,
        digest: layers.switch_value(keys::DIGEST)?,
        shard: layers.get(keys::SHARD, str::parse)?,
        refine: resolve_refine(layers, hybrid)?,
    })
}

fn resolve_frontier(layers: &Layers) -> Result<Frontier, ConfigError> {
    Ok(Frontier {
        allowed: !layers.switch_value(keys::NO_FRONTIER)? && !offline(layers)?,
        provider: layers.get(keys::FRONTIER, parse_provider)?.unwrap_or(Provider::Anthropic),
        explicit: layers.is_explicit(keys::FRONTIER) || layers.is_explicit(keys::BASE_URL),
        model: layers.text(keys::FRONTIER_MODEL)?,
        price: layers.get(keys::PRICE, parse_price)?,
        max_cost: layers.get(keys::MAX_COST, parse_usd)?,
        base_url: layers.text(keys::BASE_URL)?,
        api: layers.get(keys::API, parse_api)?,
        fallback: layers.get(keys::FALLBACK, parse_fallback)?.unwrap_or(Fallback::IfItFits),
        parallel: layers
            .get(keys::PARALLEL, |v| parse_whole(v, 1, MAX_PARALLEL))?
            .unwrap_or(USUAL_PARALLEL),
    })
}

/// What is refined, and how; `None` for a run that is not hybrid, or where nothing is to be
/// refined.
fn resolve_refine(layers: &Layers, hybrid: bool) -> Result<Option<Refine>, ConfigError> {
    let which = layers.get(keys::REFINE, parse_refine)?.unwrap_or(Some(Refined::Selected));
    let mode = layers.get(keys::REFINE_MODE, parse_refine_mode)?.unwrap_or(RefineMode::Patch);
    Ok(which.filter(|_| hybrid).map(|which| Refine { which, mode }))
}

fn resolve_privacy(layers: &Layers) -> Result<Privacy, ConfigError> {
    let strategy = layers.get(keys::ANONYMISE_STRATEGY, parse_strategy)?;
    let asked = layers.switch_value(keys::ANONYMISE)?;
    let hosts = layers.values(keys::TRUSTED_HOSTS);
    Ok(Privacy {
        anonymise: asked.then_some(strategy.unwrap_or(Strategy::Redact)),
        map: layers.text(keys::PII_MAP)?.map(PathBuf::from),
        model: layers.text(keys::PII_MODEL)?,
        require: layers.switch_value(keys::PRIVACY_REQUIRE)?,
        trusted_hosts: hosts
            .iter()
            .flat_map(|host| host.split(','))
            .map(str::to_lowercase)
            .collect(),
    })
}

fn resolve_engine(layers: &Layers) -> Result<EngineOptions, ConfigError> {
    let defaults = EngineOptions::default();
    Ok(EngineOptions {
        device: layers.get(keys::DEVICE, parse_device)?.unwrap_or_default(),
        max_batch: layers
            .get(keys::BATCH, |v| parse_whole(v, 1, 256))?
            .unwrap_or(defaults.max_batch),
        context: layers.get(keys::CONTEXT, |v| parse_whole(v, 256, 1 << 22))?,
        tokenizer: layers.text(keys::TOKENIZER)?.map(PathBuf::from),
        ..defaults
    })
}

/// Draws a seed for a run that was given none. It has 32 bits, which are short enough to type
/// again.
fn draw_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() >> 32
}

fn parse_whole(value: &str, min: usize, max: usize) -> Result<usize, String> {
    let parsed = value.parse().ok().filter(|n| (min..=max).contains(n));
    parsed.ok_or_else(|| format!("expected a whole number from {min} to {max}"))
}

fn parse_seed(value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| "expected a whole number from 0 to 18446744073709551615".to_owned())
}

fn parse_multiplier(value: &str) -> Result<f64, String> {
    let parsed = value.parse().ok().filter(|n| (1.0..=MAX_MULTIPLIER).contains(n));
    parsed.ok_or_else(|| format!("expected a decimal number from 1 to {MAX_MULTIPLIER}"))
}

fn parse_threshold(value: &str) -> Result<Threshold, String> {
    if value == "auto" {
        return Ok(Threshold::Auto);
    }
    let parsed = value.parse().ok().filter(|n| (0.0..=1.0).contains(n));
    parsed.map(Threshold::Fixed).ok_or_else(|| "expected a number from 0 to 1, or auto".to_owned())
}

fn parse_style(value: &str) -> Result<Style, String> {
    match value {
        "auto" => Ok(Style::Auto),
        "extractive" => Ok(Style::Extractive),
        "free" => Ok(Style::Free),
        _ => Err("expected auto, extractive or free".to_owned()),
    }
}

fn parse_strategy(value: &str) -> Result<Strategy, String> {
    let all = [Strategy::Redact, Strategy::Replace, Strategy::Hash];
    let found = all.into_iter().find(|strategy| strategy.name() == value);
    found.ok_or_else(|| "expected redact, replace or hash".to_owned())
}

fn parse_detail(value: &str) -> Result<Detail, String> {
    match value {
        "minimal" => Ok(Detail::Minimal),
        "standard" => Ok(Detail::Standard),
        "detailed" => Ok(Detail::Detailed),
        _ => Err("expected minimal, standard or detailed".to_owned()),
    }
}

fn parse_complexity(value: &str) -> Result<Complexity, String> {
    match value {
        "simple" => Ok(Complexity::Simple),
        "moderate" => Ok(Complexity::Moderate),
        "complex" => Ok(Complexity::Complex),
        _ => Err("expected simple, moderate or complex".to_owned()),
    }
}

fn parse_provider(value: &str) -> Result<Provider, String> {
    let found = Provider::ALL.into_iter().find(|provider| provider.name() == value);
    found.ok_or_else(|| "expected anthropic, openai or gemini".to_owned())
}

fn parse_backend(value: &str) -> Result<Backend, String> {
    let all = [Backend::Embedded, Backend::Ollama, Backend::OpenAi];
    let found = all.into_iter().find(|backend| backend.name() == value);
    found.ok_or_else(|| "expected embedded, ollama or openai".to_owned())
}

fn parse_writer(value: &str) -> Result<Writer, String> {
    match value {
        "embedded" => Ok(Writer::Backend(Backend::Embedded)),
        "ollama" => Ok(Writer::Backend(Backend::Ollama)),
        _ => parse_provider(value)
            .map(Writer::Provider)
            .map_err(|_| "expected embedded, ollama, anthropic, openai or gemini".to_owned()),
    }
}

fn parse_api(value: &str) -> Result<OpenAiApi, String> {
    match value {
        "responses" => Ok(OpenAiApi::Responses),
        "chat" => Ok(OpenAiApi::Chat),
        _ => Err("expected responses or chat".to_owned()),
    }
}

fn parse_refine(value: &str) -> Result<Option<Refined>, String> {
    match value {
        "selected" => Ok(Some(Refined::Selected)),
        "below" => Ok(Some(Refined::Below)),
        "all" => Ok(Some(Refined::All)),
        "none" => Ok(None),
        _ => Err("expected selected, below, all or none".to_owned()),
    }
}

fn parse_refine_mode(value: &str) -> Result<RefineMode, String> {
    match value {
        "patch" => Ok(RefineMode::Patch),
        "rewrite" => Ok(RefineMode::Rewrite),
        _ => Err("expected patch or rewrite".to_owned()),
    }
}

fn parse_fallback(value: &str) -> Result<Fallback, String> {
    match value {
        "frontier" => Ok(Fallback::Frontier),
        "fail" => Ok(Fallback::Fail),
        _ => Err("expected frontier or fail".to_owned()),
    }
}

fn parse_device(value: &str) -> Result<DeviceChoice, String> {
    match value {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "cuda" => Ok(DeviceChoice::Cuda),
        "metal" => Ok(DeviceChoice::Metal),
        _ => Err("expected auto, cpu, cuda or metal".to_owned()),
    }
}

fn parse_usd(value: &str) -> Result<MicroUsd, String> {
    value.parse().map_err(|_| "expected US dollars from 0, for example 2.50".to_owned())
}

/// Checked here, so that a mistake names its flag; read again where provider and model are known.
fn parse_price(value: &str) -> Result<String, String> {
    match Price::parse(value, "", "") {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => Err("expected USD per million tokens as IN/OUT, for example 3/15".to_owned()),
    }
}
