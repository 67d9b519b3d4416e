//! What the process was started with: variables, and the platform's directories.
//!
//! The only reader of the environment, once. Owns what variables of other tools mean (the hub's,
//! Ollama's, proxies', keys of services), and where persona keeps its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::{ConfigError, Provider, find_upward, parse_bool, proxy, server_address};
use crate::catalogue::{self, ModelSpec};
use crate::hub::{HubOptions, Token};

/// The variable with the key of a server that replaces the engine. It is not a setting, since a
/// flag may not hold a secret.
pub(super) const BACKEND_KEY: &str = "PERSONA_BACKEND_API_KEY";

/// What the process was started with, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) current_dir: PathBuf,
    pub(super) config_dir: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) cache_dir: PathBuf,
    pub(super) home_dir: PathBuf,
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
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }
}

/// The paths in a variable that holds a list of them, parted as the platform does.
pub(super) fn split_paths(value: &str) -> Vec<String> {
    std::env::split_paths(value).map(|path| path.to_string_lossy().into_owned()).collect()
}
