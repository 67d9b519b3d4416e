//! What the user gave for each key, by the strongest layer that has it.
//!
//! Owns the layers and the form of a settings file. What a value means is decided in `settings`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::environment::{self, BACKEND_KEY, Environment};
use super::keys::{self, Key};
use super::{ConfigError, find_upward, parse_bool};
use crate::catalogue::closest;

/// Prefix of variables that belong to the test suite.
const TEST_PREFIX: &str = "PERSONA_TEST_";

/// The layer in which a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Flag,
    Variable,
    File(PathBuf),
}

/// What was given for one key.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The value, or several where the key takes a list.
    pub values: Vec<String>,
    pub origin: Origin,
}

/// What the user gave, by key: for each key, the value of the strongest layer.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    pub(super) said: BTreeMap<Key, Said>,
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
                environment::split_paths(value)
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

    pub(super) fn values(&self, key: Key) -> Vec<String> {
        self.said.get(&key).map(|said| said.values.clone()).unwrap_or_default()
    }

    /// The value of `key` as `parse` reads it, or `None` where no layer sets it.
    pub(super) fn get<T>(
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

    pub(super) fn switch_value(&self, key: Key) -> Result<bool, ConfigError> {
        Ok(self.get(key, parse_bool)?.unwrap_or(false))
    }

    pub(super) fn text(&self, key: Key) -> Result<Option<String>, ConfigError> {
        self.get(key, |value| Ok(value.to_owned()))
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
