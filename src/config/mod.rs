//! Settings: what the user said, layer by layer, and what it means.
//!
//! Owns the layers (flag > `PERSONA_*` variable > project `persona.toml` > user `persona.toml` >
//! default) and the checks on every value, whichever layer it came from. The only reader of the
//! environment. Knows no command and prints nothing: a bad value is an error that names the flag,
//! the variable or the file and key.

mod described;
pub mod keys;
mod proxy;
mod server_address;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::catalogue::{self, ModelSpec, closest};
use crate::hub::{HubOptions, Token};

pub use described::{InForce, TEMPLATE, files as config_files, in_force};
pub use keys::Key;
pub use settings::{Backend, Fallback, Frontier, OpenAiApi, Privacy, Provider, Settings, formats};

/// Prefix of variables that belong to the test suite.
const TEST_PREFIX: &str = "PERSONA_TEST_";
/// The variable with the key of a server that replaces the engine. It is not a setting, since a
/// flag may not hold a secret.
const BACKEND_KEY: &str = "PERSONA_BACKEND_API_KEY";

/// A setting that cannot be used. Maps to exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value cannot be read, or is out of bounds.
    #[error("invalid value '{value}' for {name}: {reason}")]
    BadValue {
        /// The flag, the variable, or the key and its file.
        name: String,
        /// The value as given.
        value: String,
        /// The values that are accepted.
        reason: String,
    },
    /// A key or variable is not one that persona knows.
    #[error("unknown {what}{}", suggestion.as_ref().map(|s| format!("\nhint: did you mean '{s}'?")).unwrap_or_default())]
    UnknownKey {
        /// The unknown name: `key 'hybird.count' in ./persona.toml` or `variable PERSONA_CUONT`.
        what: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A file is not TOML, or cannot be read.
    #[error("cannot read the settings in {path}: {reason}")]
    BadFile {
        /// Path of the file.
        path: PathBuf,
        /// Why it cannot be read.
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
    home_dir: PathBuf,
}

impl Environment {
    /// Reads the process environment and the platform's directories.
    pub fn read() -> Self {
        // Bytes that are not UTF-8 are replaced here, so that no parser sees them; such values
        // cannot be valid.
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
            base.home_dir().clone_into(&mut environment.home_dir);
        } else {
            environment.config_dir = environment.current_dir.join(".persona");
            environment.data_dir = environment.current_dir.join(".persona");
            environment.cache_dir = environment.current_dir.join(".cache");
        }
        environment
    }

    /// The same environment, with fetching switched off.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.variables.insert("HF_HUB_OFFLINE".to_owned(), "1".to_owned());
        self
    }

    /// Where models are kept and how the hub may be asked, from the variables that every Hugging
    /// Face tool reads.
    pub fn hub_options(&self) -> HubOptions {
        let home = self.path("HF_HOME").unwrap_or_else(|| self.cache_dir.join("huggingface"));
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].iter().find_map(|n| self.path(n));
        let cache = cache.unwrap_or_else(|| home.join("hub"));
        let mut options = HubOptions::new(cache, self.data_dir.clone());
        if let Some(endpoint) = self.text("HF_ENDPOINT") {
            endpoint.trim_end_matches('/').clone_into(&mut options.endpoint);
        }
        options.token = self.hub_token(&home);
        options.ollama = match self.path("OLLAMA_MODELS") {
            Some(models) => vec![models],
            // Ollama's installer for Linux makes a service that keeps its models in the second of
            // these.
            None => vec![
                self.home_dir.join(".ollama/models"),
                PathBuf::from("/usr/share/ollama/.ollama/models"),
            ],
        };
        // Any value that is not plainly a no means that the user wants no hub.
        options.offline = self.text("HF_HUB_OFFLINE").is_some_and(|v| parse_bool(v) != Ok(false));
        options
    }

    /// The address on which Ollama listens: `OLLAMA_HOST` as Ollama itself reads it, else its usual
    /// port on this machine.
    pub fn ollama_address(&self) -> String {
        server_address::of_ollama(self.text("OLLAMA_HOST").unwrap_or_default())
    }

    /// Fails where a variable such as `HTTPS_PROXY` names no proxy that can be used: to be called
    /// before the network is.
    pub fn check_proxies(&self) -> Result<(), ConfigError> {
        proxy::check(&self.variables)
    }

    /// The variables with keys of services that are set, by name.
    pub fn keys_set(&self) -> Vec<&'static str> {
        let names = Provider::ALL.iter().flat_map(|provider| provider.key_variables());
        names.copied().filter(|name| self.text(name).is_some()).collect()
    }

    /// The file of the user's own catalogue, where it exists: tables as in `models/catalogue.toml`.
    pub fn catalogue_file(&self) -> Option<PathBuf> {
        Some(self.config_dir.join("models.toml")).filter(|path| path.is_file())
    }

    /// The models of the user's own catalogue.
    pub fn own_models(&self) -> Result<Vec<ModelSpec>, ConfigError> {
        let Some(path) = self.catalogue_file() else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        text.and_then(|text| catalogue::parse(&text))
            .map_err(|reason| ConfigError::BadFile { path, reason })
    }

    /// A path, taken from the current folder where it is relative.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.current_dir.join(path)
    }

    /// The settings files that exist, the strongest first.
    pub fn settings_files(&self) -> Vec<PathBuf> {
        let user = Some(self.config_dir.join("persona.toml")).filter(|path| path.is_file());
        find_upward(&self.current_dir, "persona.toml").into_iter().chain(user).collect()
    }

    /// The token for the hub: from this process's variables, else from the file in which `hf auth
    /// login` has stored it.
    fn hub_token(&self, home: &Path) -> Option<Token> {
        let said = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().find_map(|name| self.text(name));
        let file = || {
            let file = self.path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
            std::fs::read_to_string(file).ok()
        };
        // The Python client's switch for using a token only where it is given explicitly.
        let implicit =
            self.text("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_none_or(|v| parse_bool(v) == Ok(false));
        let stored = || implicit.then(file).flatten();
        said.map(str::to_owned).or_else(stored).as_deref().and_then(Token::new)
    }

    /// The key for a provider's service: the first of its variables that is set.
    pub fn api_key(&self, provider: Provider) -> Option<&str> {
        provider.key_variables().iter().find_map(|name| self.text(name))
    }

    /// The key of a server that replaces the engine. Vendors' keys are never sent to one.
    pub fn backend_key(&self) -> Option<&str> {
        self.text(BACKEND_KEY)
    }

    /// The folder in which measurements of judges are kept.
    pub fn judge_cache(&self) -> PathBuf {
        self.cache_dir.join("persona").join("judges")
    }

    /// The folder in which the keys of hashed pseudonyms are kept, one for each project.
    pub fn pseudonym_keys(&self) -> PathBuf {
        self.data_dir.join("pseudonym-keys")
    }

    /// The folder that the work belongs to: that of the project's settings file, else the current
    /// one.
    pub fn project(&self) -> PathBuf {
        let file = find_upward(&self.current_dir, "persona.toml");
        let folder = file.and_then(|file| file.parent().map(Path::to_path_buf));
        folder.unwrap_or_else(|| self.current_dir.clone())
    }

    /// The value of a variable; an empty one counts as unset.
    fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }
}

/// The layer in which a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Flag,
    Variable,
    File(PathBuf),
}

/// What was given for one key.
#[derive(Debug, Clone)]
struct Said {
    /// The value, or several where the key takes a list.
    values: Vec<String>,
    origin: Origin,
}

/// What the user gave, by key: for each key, the value of the strongest layer.
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

    /// Whether a flag or a variable set the key: it was given for this run, and is not a standing
    /// preference.
    pub fn is_explicit(&self, key: Key) -> bool {
        self.said.get(&key).is_some_and(|said| !matches!(said.origin, Origin::File(_)))
    }

    /// The flags, such as `--count`, of those `keys` that were given as flags.
    pub fn given_flags(&self, keys: &[Key]) -> Vec<String> {
        let given = |key: &&Key| self.said.get(key).is_some_and(|s| s.origin == Origin::Flag);
        keys.iter().filter(given).map(|key| format!("--{}", key.flag)).collect()
    }

    fn add_variables(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for (name, value) in &environment.variables {
            let is_ours = name.starts_with("PERSONA_") && name != BACKEND_KEY;
            if !is_ours || name.starts_with(TEST_PREFIX) || value.is_empty() {
                continue;
            }
            // An unknown variable is an error: it may ask for a protection that this version does
            // not have.
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
        tracing::debug!(path = %path.display(), "settings read");
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

/// How to show things to the user; every command needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, not states of one thing")]
pub struct Display {
    /// Whether to write one JSON document to stdout.
    pub json: bool,
    /// Whether to write nothing but errors to stderr.
    pub quiet: bool,
    /// Whether to show progress on stderr: bars, where it is a terminal.
    pub progress: bool,
    /// Whether the terminal cannot move its cursor (`TERM=dumb`).
    pub dumb: bool,
    /// Whether to use colour, where the stream is a terminal.
    pub colour: bool,
}

impl Display {
    /// Decides from the settings how to show things to the user.
    pub fn resolve(layers: &Layers, environment: &Environment) -> Result<Self, ConfigError> {
        let quiet = layers.switch_value(keys::QUIET)?;
        let no_colour = layers.switch_value(keys::NO_COLOR)?;
        Ok(Self {
            json: layers.switch_value(keys::JSON)?,
            quiet,
            progress: !quiet && !layers.switch_value(keys::NO_PROGRESS)?,
            dumb: environment.text("TERM") == Some("dumb"),
            colour: !no_colour && environment.text("NO_COLOR").is_none(),
        })
    }
}

/// Whether no network connection may be opened.
pub fn offline(layers: &Layers) -> Result<bool, ConfigError> {
    layers.switch_value(keys::OFFLINE)
}

/// The folder in which run folders are made and looked for.
pub fn runs_dir(layers: &Layers) -> Result<PathBuf, ConfigError> {
    Ok(layers.text(keys::OUTPUT)?.map_or_else(|| PathBuf::from("personas"), PathBuf::from))
}

fn parse_bool(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// The values of a key in a file. Paths are taken relative to the file's folder, so that a
/// project's settings mean the same from every folder below it.
fn file_values(key: Key, value: &toml::Value, path: &Path) -> Result<Vec<String>, ConfigError> {
    let items = match value {
        toml::Value::Array(items) if keys::LISTS.contains(&key) => items.as_slice(),
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

/// The keys of a table as `section.key` with their values, one section deep. A section that no
/// known key belongs to is reported as a whole, by its own name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MicroUsd;
    use crate::pipeline::{Style, Threshold};

    fn environment(folder: &Path, variables: &[(&str, &str)]) -> Environment {
        Environment {
            variables: variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            current_dir: folder.join("project/deep"),
            config_dir: folder.join("config"),
            ..Environment::default()
        }
    }

    /// Makes a temporary folder with a project file and a user file.
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
    fn the_hubs_token_is_found_where_other_tools_put_it() {
        let folder = folder("", "");
        let home = folder.path().join("hf");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("token"), "hf_file\n").unwrap();
        std::fs::write(home.join("other"), "hf_other").unwrap();
        let home = home.to_str().unwrap().to_owned();
        let token = |more: &[(&str, &str)]| {
            let all = [&[("HF_HOME", home.as_str())], more].concat();
            environment(folder.path(), &all).hub_options().token
        };
        assert_eq!(token(&[]), Token::new("hf_file"));
        assert_eq!(token(&[("HF_TOKEN", "hf_said")]), Token::new("hf_said"));
        let other = format!("{home}/other");
        assert_eq!(token(&[("HF_TOKEN_PATH", &other)]), Token::new("hf_other"));
        assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    }

    #[test]
    fn a_bad_catalogue_of_the_user_is_an_error_that_names_the_file() {
        let folder = folder("", "");
        let environment = environment(folder.path(), &[]);
        assert!(environment.own_models().unwrap().is_empty());
        std::fs::write(folder.path().join("config/models.toml"), "[[model]]\nname = 'x'").unwrap();
        let error = environment.own_models().unwrap_err().to_string();
        assert!(error.contains("models.toml") && error.contains("title"), "{error}");
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
