//! Settings: what the user said, layer by layer, and what it means.
//!
//! Owns the layers (flag > `PERSONA_*` variable > project `persona.toml` > user `persona.toml` >
//! default) and the checks on every value, whichever layer it came from. The only reader of the
//! environment. Knows no command and prints nothing: a bad value is an error that names the flag,
//! the variable or the file and key.
//!
//! Long, because an option's key, its parser and its place in the settings stand side by side here
//! and nowhere else; a hundred lines are tests.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::catalogue::{Price, closest};
use crate::engine::{DeviceChoice, EngineOptions};
use crate::hub::{HubOptions, Token};
use crate::ledger::MicroUsd;
use crate::pipeline::{Settings as PipelineSettings, Style, Threshold};

/// Most personas of one run: far above any use, low enough that a slip of the finger ends at once.
const MAX_COUNT: usize = 1000;
/// Most drafts a persona.
const MAX_MULTIPLIER: f64 = 100.0;
/// Most extra draft rounds.
const MAX_ROUNDS: usize = 100;
/// Variables under this prefix belong to the test suite.
const TEST_PREFIX: &str = "PERSONA_TEST_";

/// A setting's name in each layer. The flag and the variable are derived from one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Flag without its dashes.
    pub flag: &'static str,
    /// Key in `persona.toml`, with its section.
    pub file: &'static str,
    /// True when the file states the opposite of the flag (`use_frontier` and `--no-frontier`).
    negated_in_file: bool,
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

/// Every setting, by the name of its flag.
pub mod keys {
    use crate::config::Key;

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
    /// Price a plan, run nothing.
    pub const ESTIMATE_ONLY: Key = Key::new("estimate-only", "estimate_only");
    /// Local model.
    pub const MODEL: Key = Key::new("model", "model");
    /// Judging model.
    pub const JUDGE_MODEL: Key = Key::new("judge-model", "judge_model");
    /// Word for word or free.
    pub const STYLE: Key = Key::new("style", "style");
    /// Extra draft rounds.
    pub const MAX_ROUNDS: Key = Key::new("max-rounds", "max_rounds");
    /// A partial result is a failure.
    pub const STRICT: Key = Key::new("strict", "strict");
    /// Seed of the run.
    pub const SEED: Key = Key::new("seed", "seed");
    /// Where run folders go.
    pub const OUTPUT: Key = Key::new("output", "output");
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
        ESTIMATE_ONLY,
        MODEL,
        JUDGE_MODEL,
        STYLE,
        MAX_ROUNDS,
        STRICT,
        SEED,
        OUTPUT,
        THREADS,
        BATCH,
        CONTEXT,
        DEVICE,
        TOKENIZER,
        JSON,
        QUIET,
        NO_PROGRESS,
        NO_COLOR,
    ];
    /// Whose values are paths: in a file, relative to that file.
    pub(super) const PATHS: &[Key] = &[INPUT, OUTPUT, TOKENIZER];
}

/// A setting that cannot be used. Maps to exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that makes no sense.
    #[error("invalid value '{value}' for {name}: {reason}")]
    BadValue {
        /// Flag, variable, or key and file.
        name: String,
        /// As given.
        value: String,
        /// What is accepted.
        reason: String,
    },
    /// A key or variable that is none of ours.
    #[error("unknown {what}{}", suggestion.as_ref().map(|s| format!("\nhint: did you mean '{s}'?")).unwrap_or_default())]
    UnknownKey {
        /// `key 'hybird.count' in ./persona.toml` or `variable PERSONA_CUONT`.
        what: String,
        /// The nearest name.
        suggestion: Option<String>,
    },
    /// A file that is no TOML, or cannot be read.
    #[error("cannot read the settings in {path}: {reason}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What the process was started with, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    current_dir: PathBuf,
    config_dir: PathBuf,
    data_dir: PathBuf,
    cache_dir: PathBuf,
}

impl Environment {
    /// Reads the process environment and the platform's directories.
    pub fn read() -> Self {
        // Values that are not UTF-8 are kept out of a parser by replacement; none can be valid.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect();
        let current_dir = std::env::current_dir().unwrap_or_default();
        let mut environment = Self { variables, current_dir, ..Self::default() };
        // Without a home directory (a bare container) everything stays under the current one.
        if let Ok(base) = etcetera::choose_base_strategy() {
            environment.config_dir = base.config_dir().join("persona");
            environment.data_dir = base.data_dir().join("persona");
            environment.cache_dir = base.cache_dir();
        } else {
            environment.config_dir = environment.current_dir.join(".persona");
            environment.data_dir = environment.current_dir.join(".persona");
            environment.cache_dir = environment.current_dir.join(".cache");
        }
        environment
    }

    /// Where models are and what the hub may be asked, from the variables that every Hugging Face
    /// tool reads.
    pub fn hub_options(&self) -> HubOptions {
        let home = self.path("HF_HOME").unwrap_or_else(|| self.cache_dir.join("huggingface"));
        let cache = self.path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub"));
        let mut options = HubOptions::new(cache, self.data_dir.clone());
        if let Some(endpoint) = self.text("HF_ENDPOINT") {
            endpoint.trim_end_matches('/').clone_into(&mut options.endpoint);
        }
        options.token = self.text("HF_TOKEN").and_then(Token::new);
        // Whatever is not plainly a no means that the user wants no hub.
        options.offline = self.text("HF_HUB_OFFLINE").is_some_and(|v| parse_bool(v) != Ok(false));
        options
    }

    /// Where what was measured about judging models is kept.
    pub fn judge_cache(&self) -> PathBuf {
        self.cache_dir.join("persona").join("judges")
    }

    /// A variable's value; an empty one counts as unset.
    fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }
}

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Flag,
    Variable,
    File(PathBuf),
}

/// What was said about one key.
#[derive(Debug, Clone)]
struct Said {
    /// One value, or several where the key takes a list.
    values: Vec<String>,
    origin: Origin,
}

/// What the user said, by key: the strongest layer of each.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    said: BTreeMap<Key, Said>,
}

impl Layers {
    /// Adds a flag's value, where it was given.
    #[must_use]
    pub fn flag(self, key: Key, value: Option<&str>) -> Self {
        self.flags(key, value.into_iter().map(str::to_owned).collect())
    }

    /// Adds a switch, where it was given.
    #[must_use]
    pub fn switch(self, key: Key, given: bool) -> Self {
        self.flag(key, given.then_some("true"))
    }

    /// Adds a flag's values, where there are any.
    #[must_use]
    pub fn flags(mut self, key: Key, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.said.insert(key, Said { values, origin: Origin::Flag });
        }
        self
    }

    /// Adds the weaker layers: variables, then the project's file, then the user's.
    pub fn with_environment(mut self, environment: &Environment) -> Result<Self, ConfigError> {
        self.add_variables(environment)?;
        if let Some(project) = find_upward(&environment.current_dir, "persona.toml") {
            self.add_file(&project)?;
        }
        let user = environment.config_dir.join("persona.toml");
        if user.is_file() {
            self.add_file(&user)?;
        }
        Ok(self)
    }

    /// Whether a flag or a variable set the key: said for this run, not a standing preference.
    pub fn is_explicit(&self, key: Key) -> bool {
        self.said.get(&key).is_some_and(|said| !matches!(said.origin, Origin::File(_)))
    }

    /// The keys among `keys` that were set for this run, each as it was said.
    pub fn given(&self, keys: &[Key]) -> Vec<String> {
        let name = |key: &Key| match self.said.get(key)?.origin {
            Origin::Flag => Some(format!("--{}", key.flag)),
            Origin::Variable => Some(key.variable()),
            Origin::File(_) => None,
        };
        keys.iter().filter_map(name).collect()
    }

    /// The keys among `keys` that were given as flags, by flag.
    pub fn given_flags(&self, keys: &[Key]) -> Vec<String> {
        let given = |key: &&Key| self.said.get(key).is_some_and(|s| s.origin == Origin::Flag);
        keys.iter().filter(given).map(|key| format!("--{}", key.flag)).collect()
    }

    fn add_variables(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for (name, value) in &environment.variables {
            if !name.starts_with("PERSONA_") || name.starts_with(TEST_PREFIX) || value.is_empty() {
                continue;
            }
            // An unknown variable is an error and not a shrug: it may ask for a protection that
            // this version does not have.
            let Some(&key) = keys::ALL.iter().find(|key| key.variable() == *name) else {
                let flag = name["PERSONA_".len()..].to_lowercase().replace('_', "-");
                let near = closest(&flag, keys::ALL.iter().map(|key| key.flag));
                let suggestion = keys::ALL.iter().find(|key| Some(key.flag) == near);
                return Err(ConfigError::UnknownKey {
                    what: format!("variable {name}"),
                    suggestion: suggestion.map(|key| key.variable()),
                });
            };
            let values = if key == keys::INPUT {
                std::env::split_paths(value).map(|p| p.to_string_lossy().into_owned()).collect()
            } else {
                vec![value.clone()]
            };
            self.said.entry(key).or_insert(Said { values, origin: Origin::Variable });
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let bad = |reason: String| ConfigError::BadFile { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| bad(e.to_string()))?;
        for (name, value) in flatten(table) {
            let Some(&key) = keys::ALL.iter().find(|key| key.file == name) else {
                let suggestion = closest(&name, keys::ALL.iter().map(|key| key.file));
                let what = format!("key '{name}' in {}", path.display());
                return Err(ConfigError::UnknownKey {
                    what,
                    suggestion: suggestion.map(str::to_owned),
                });
            };
            let values = file_values(key, &value, path)?;
            let origin = Origin::File(path.to_owned());
            self.said.entry(key).or_insert(Said { values, origin });
        }
        Ok(())
    }

    fn values(&self, key: Key) -> Vec<String> {
        self.said.get(&key).map(|said| said.values.clone()).unwrap_or_default()
    }

    /// The value of `key` as `parse` reads it, or `None` where no layer sets it.
    fn get<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(said) = self.said.get(&key) else { return Ok(None) };
        let value = said.values.join(" ");
        let name = match &said.origin {
            Origin::Flag => format!("--{}", key.flag),
            Origin::Variable => key.variable(),
            Origin::File(path) => format!("'{}' in {}", key.file, path.display()),
        };
        let bad = |reason| ConfigError::BadValue { name, value: value.clone(), reason };
        parse(&value).map(Some).map_err(bad)
    }

    fn switch_value(&self, key: Key) -> Result<bool, ConfigError> {
        Ok(self.get(key, parse_bool)?.unwrap_or(false))
    }

    fn text(&self, key: Key) -> Result<Option<String>, ConfigError> {
        self.get(key, |value| Ok(value.to_owned()))
    }
}

/// How to talk to the user; every command needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, not states of one thing")]
pub struct Display {
    /// One JSON document on stdout.
    pub json: bool,
    /// Nothing on stderr but errors.
    pub quiet: bool,
    /// Bars on stderr, where it is a terminal.
    pub progress: bool,
    /// Colour, where the stream is a terminal.
    pub colour: bool,
}

impl Display {
    /// Resolves how to talk to the user.
    pub fn resolve(layers: &Layers, environment: &Environment) -> Result<Self, ConfigError> {
        let quiet = layers.switch_value(keys::QUIET)?;
        let no_colour = layers.switch_value(keys::NO_COLOR)?;
        Ok(Self {
            json: layers.switch_value(keys::JSON)?,
            quiet,
            progress: !quiet && !layers.switch_value(keys::NO_PROGRESS)?,
            colour: !no_colour && environment.text("NO_COLOR").is_none(),
        })
    }
}

/// Where run folders are made and looked for.
pub fn runs_dir(layers: &Layers) -> Result<PathBuf, ConfigError> {
    Ok(layers.text(keys::OUTPUT)?.map_or_else(|| PathBuf::from("personas"), PathBuf::from))
}

/// Everything `generate` needs to know, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Input files and directories.
    pub inputs: Vec<PathBuf>,
    /// Whether several drafts compete.
    pub hybrid: bool,
    /// The run.
    pub pipeline: PipelineSettings,
    /// The paid part.
    pub frontier: Frontier,
    /// Price the plan and stop.
    pub estimate_only: bool,
    /// `auto`, a catalogue name, `owner/repo[:QUANT][@rev]` or a path.
    pub model: String,
    /// As `model`; `None` takes the drafting model.
    pub judge_model: Option<String>,
    /// Where and how the models run.
    pub engine: EngineOptions,
    /// Compute threads; `None` takes the physical cores.
    pub threads: Option<usize>,
    /// A partial result exits 7.
    pub strict: bool,
    /// Where run folders are made.
    pub runs_dir: PathBuf,
}

/// What the user said about the frontier.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier {
    /// False under `--no-frontier`.
    pub allowed: bool,
    /// Provider.
    pub provider: String,
    /// Model; `None` takes the provider's default.
    pub model: Option<String>,
    /// `IN/OUT`, USD per million tokens, instead of the price table.
    pub price: Option<String>,
    /// Cap on paid calls.
    pub max_cost: Option<MicroUsd>,
}

impl Settings {
    /// Checks every value and fills in the defaults.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigError> {
        let hybrid = layers.switch_value(keys::HYBRID)?;
        Ok(Self {
            inputs: layers.values(keys::INPUT).into_iter().map(PathBuf::from).collect(),
            hybrid,
            pipeline: resolve_pipeline(layers, hybrid)?,
            frontier: resolve_frontier(layers)?,
            estimate_only: layers.switch_value(keys::ESTIMATE_ONLY)?,
            model: layers.text(keys::MODEL)?.unwrap_or_else(|| "auto".to_owned()),
            judge_model: layers.text(keys::JUDGE_MODEL)?,
            engine: resolve_engine(layers)?,
            threads: layers.get(keys::THREADS, |v| parse_whole(v, 1, 1024))?,
            strict: layers.switch_value(keys::STRICT)?,
            runs_dir: runs_dir(layers)?,
        })
    }
}

/// Plain generation is the same pipeline with one draft a persona and an open gate: what the
/// model wrote is what comes out, scored but not chosen.
fn resolve_pipeline(layers: &Layers, hybrid: bool) -> Result<PipelineSettings, ConfigError> {
    let multiplier = layers.get(keys::DRAFT_MULTIPLIER, parse_multiplier)?.unwrap_or(2.0);
    let threshold =
        layers.get(keys::QUALITY_THRESHOLD, parse_threshold)?.unwrap_or(Threshold::Fixed(0.75));
    let max_rounds = layers.get(keys::MAX_ROUNDS, |v| parse_whole(v, 0, MAX_ROUNDS))?.unwrap_or(1);
    Ok(PipelineSettings {
        count: layers.get(keys::COUNT, |v| parse_whole(v, 1, MAX_COUNT))?.unwrap_or(3),
        multiplier: if hybrid { multiplier } else { 1.0 },
        threshold: if hybrid { threshold } else { Threshold::Fixed(0.0) },
        style: layers.get(keys::STYLE, parse_style)?.unwrap_or(Style::Auto),
        max_rounds: if hybrid { max_rounds } else { 0 },
        seed: layers.get(keys::SEED, parse_seed)?.unwrap_or_else(draw_seed),
    })
}

fn resolve_frontier(layers: &Layers) -> Result<Frontier, ConfigError> {
    Ok(Frontier {
        allowed: !layers.switch_value(keys::NO_FRONTIER)?,
        provider: layers.text(keys::FRONTIER)?.unwrap_or_else(|| "anthropic".to_owned()),
        model: layers.text(keys::FRONTIER_MODEL)?,
        price: layers.get(keys::PRICE, parse_price)?,
        max_cost: layers.get(keys::MAX_COST, parse_usd)?,
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

/// A seed for a run that was given none. 32 bits are short enough to type again.
fn draw_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() >> 32
}

fn parse_bool(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
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

/// Checked here, so that a slip names its flag; read again where provider and model are known.
fn parse_price(value: &str) -> Result<String, String> {
    match Price::parse(value, "", "") {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => Err("expected USD per million tokens as IN/OUT, for example 3/15".to_owned()),
    }
}

/// The values of a key in a file. Paths are taken from the file's folder, so that a project's
/// settings mean the same from every folder below it.
fn file_values(key: Key, value: &toml::Value, path: &Path) -> Result<Vec<String>, ConfigError> {
    let items = match value {
        toml::Value::Array(items) if key == keys::INPUT => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let read = |item: &toml::Value| match item {
        toml::Value::Boolean(flag) => Some((*flag != key.negated_in_file).to_string()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::String(text) if keys::PATHS.contains(&key) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            Some(folder.join(text).to_string_lossy().into_owned())
        }
        toml::Value::String(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(read).collect::<Option<_>>().ok_or_else(|| ConfigError::BadValue {
        name: format!("'{}' in {}", key.file, path.display()),
        value: value.to_string(),
        reason: "expected a single value".to_owned(),
    })
}

/// `section.key` and value, one section deep. A section that no key of ours starts with is
/// reported whole, by its own name.
fn flatten(table: toml::Table) -> Vec<(String, toml::Value)> {
    let is_section = |name: &str| {
        let prefix = format!("{name}.");
        keys::ALL.iter().any(|key| key.file.starts_with(&prefix))
    };
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) if is_section(&name) => {
                flat.extend(inner.into_iter().map(|(k, v)| (format!("{name}.{k}"), v)));
            }
            other => flat.push((name, other)),
        }
    }
    flat
}

fn find_upward(from: &Path, name: &str) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(folder: &Path, variables: &[(&str, &str)]) -> Environment {
        Environment {
            variables: variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            current_dir: folder.join("project/deep"),
            config_dir: folder.join("config"),
            ..Environment::default()
        }
    }

    /// A temp folder with a project file and a user file.
    fn folder(project: &str, user: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("project/deep")).unwrap();
        std::fs::create_dir_all(folder.path().join("config")).unwrap();
        std::fs::write(folder.path().join("project/persona.toml"), project).unwrap();
        std::fs::write(folder.path().join("config/persona.toml"), user).unwrap();
        folder
    }

    fn refusal(result: Result<Settings, ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn each_layer_beats_the_ones_below_it() {
        let folder =
            folder("count = 4\nseed = 5\nstyle = 'free'", "count = 6\nseed = 7\nbatch = 3");
        let environment =
            environment(folder.path(), &[("PERSONA_SEED", "8"), ("PERSONA_COUNT", "9")]);
        let layers = Layers::default().flag(keys::COUNT, Some("10"));
        let settings = Settings::resolve(&layers.with_environment(&environment).unwrap()).unwrap();
        assert_eq!(settings.pipeline.count, 10, "flag");
        assert_eq!(settings.pipeline.seed, 8, "variable");
        assert_eq!(settings.pipeline.style, Style::Free, "project file");
        assert_eq!(settings.engine.max_batch, 3, "user file");
        assert_eq!(settings.pipeline.max_rounds, 0, "default, without hybrid");
    }

    #[test]
    fn the_hybrid_section_speaks_the_names_that_users_know() {
        let file = "[hybrid]\nenabled = true\ndraft_multiplier = 2.5\nquality_threshold = 'auto'\n\
                    use_frontier = false\nmax_frontier_cost = 1.25";
        let folder = folder(file, "");
        let layers = Layers::default().with_environment(&environment(folder.path(), &[])).unwrap();
        let settings = Settings::resolve(&layers).unwrap();
        assert!(settings.hybrid && !settings.frontier.allowed);
        assert!((settings.pipeline.multiplier - 2.5).abs() < 1e-9);
        assert_eq!(settings.pipeline.threshold, Threshold::Auto);
        assert_eq!(settings.frontier.max_cost, Some(MicroUsd(1_250_000)));
        assert!(!layers.is_explicit(keys::NO_FRONTIER));
    }

    #[test]
    fn a_bad_value_names_where_it_was_said() {
        let flag =
            |key, value| refusal(Settings::resolve(&Layers::default().flag(key, Some(value))));
        insta::assert_snapshot!(flag(keys::COUNT, "0"), @"invalid value '0' for --count: expected a whole number from 1 to 1000");
        insta::assert_snapshot!(flag(keys::DRAFT_MULTIPLIER, "0"), @"invalid value '0' for --draft-multiplier: expected a decimal number from 1 to 100");
        insta::assert_snapshot!(flag(keys::DRAFT_MULTIPLIER, "NaN"), @"invalid value 'NaN' for --draft-multiplier: expected a decimal number from 1 to 100");
        insta::assert_snapshot!(flag(keys::QUALITY_THRESHOLD, "1.5"), @"invalid value '1.5' for --quality-threshold: expected a number from 0 to 1, or auto");
        insta::assert_snapshot!(flag(keys::MAX_COST, "-1"), @"invalid value '-1' for --max-cost: expected US dollars from 0, for example 2.50");

        let folder = folder("count = 0", "");
        let variable = environment(folder.path(), &[("PERSONA_COUNT", "many")]);
        let from_variable = Layers::default().with_environment(&variable).unwrap();
        insta::assert_snapshot!(refusal(Settings::resolve(&from_variable)), @"invalid value 'many' for PERSONA_COUNT: expected a whole number from 1 to 1000");
        let from_file =
            Layers::default().with_environment(&environment(folder.path(), &[])).unwrap();
        let message = refusal(Settings::resolve(&from_file));
        assert!(message.starts_with("invalid value '0' for 'count' in "), "{message}");
        assert!(message.contains("persona.toml"), "{message}");
    }

    #[test]
    fn an_unknown_key_is_an_error_with_the_nearest_name() {
        let folder = folder("[hybrid]\nquality_treshold = 0.5", "");
        let error =
            Layers::default().with_environment(&environment(folder.path(), &[])).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("unknown key 'hybrid.quality_treshold'"), "{message}");
        assert!(message.ends_with("did you mean 'hybrid.quality_threshold'?"), "{message}");
    }

    #[test]
    fn an_unknown_variable_is_an_error_but_the_test_suite_has_its_own() {
        let folder = folder("", "");
        let known = environment(folder.path(), &[("PERSONA_TEST_DATA", "x"), ("PERSONAL", "y")]);
        assert!(Layers::default().with_environment(&known).is_ok());
        let unknown = environment(folder.path(), &[("PERSONA_DRAFT_MULTIPLYER", "x")]);
        let message = Layers::default().with_environment(&unknown).unwrap_err().to_string();
        insta::assert_snapshot!(message, @r"
        unknown variable PERSONA_DRAFT_MULTIPLYER
        hint: did you mean 'PERSONA_DRAFT_MULTIPLIER'?
        ");
    }

    #[test]
    fn paths_in_a_file_are_relative_to_it() {
        let folder = folder("input = ['a.csv', 'b']\noutput = 'out'", "");
        let layers = Layers::default().with_environment(&environment(folder.path(), &[])).unwrap();
        let settings = Settings::resolve(&layers).unwrap();
        let project = folder.path().join("project");
        assert_eq!(settings.inputs, [project.join("a.csv"), project.join("b")]);
        assert_eq!(settings.runs_dir, project.join("out"));
    }

    #[test]
    fn every_key_has_a_name_of_its_own_in_each_layer() {
        for (i, a) in keys::ALL.iter().enumerate() {
            for b in &keys::ALL[i + 1..] {
                assert!(a.flag != b.flag && a.file != b.file, "{a} and {b}");
            }
        }
    }
}
