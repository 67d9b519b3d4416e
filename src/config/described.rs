//! The commented `persona.toml`, and the settings in force.
//!
//! Owns the file that `persona init` writes. Defaults are shown from the same file, so that the two
//! cannot disagree.

use std::path::PathBuf;

use super::layers::Origin;
use super::{Environment, Key, Layers, find_upward, keys};

/// The file that `persona init` writes: every key with its default, all commented out.
pub const TEMPLATE: &str = include_str!("persona.toml");

/// Begins the comment of a key that has no default.
const NO_DEFAULT: &str = "No default";

/// A setting, the value in force, and where the value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Which setting it is.
    pub key: Key,
    /// The value in force; `None` where nothing is set and there is no default.
    pub value: Option<String>,
    /// Where the value comes from: `default`, `--count`, `PERSONA_COUNT` or a file's path.
    pub origin: String,
}

/// Every setting, in the order of the template.
pub fn in_force(layers: &Layers) -> Vec<InForce> {
    let all = settings().map(|(key, default)| match layers.said.get(&key) {
        None => InForce { key, value: default, origin: "default".to_owned() },
        Some(said) => {
            let value = said.values.join(", ");
            // For these keys the file states the opposite of the flag, and the file's names are the
            // ones shown.
            let value = match (key.negated_in_file, value.as_str()) {
                (true, "true") => "false".to_owned(),
                (true, "false") => "true".to_owned(),
                _ => value,
            };
            let origin = match &said.origin {
                Origin::Flag => key.to_string(),
                Origin::Variable => key.variable(),
                Origin::File(path) => path.display().to_string(),
            };
            InForce { key, value: Some(value), origin }
        }
    });
    all.collect()
}

/// The files that settings are read from: what each is, its path, and whether it exists.
pub fn files(environment: &Environment) -> [(&'static str, PathBuf, bool); 2] {
    let found = find_upward(&environment.current_dir, "persona.toml");
    let there = found.is_some();
    let project = found.unwrap_or_else(|| environment.current_dir.join("persona.toml"));
    let user = environment.config_dir.join("persona.toml");
    let user_there = user.is_file();
    [("project", project, there), ("user", user, user_there)]
}

/// Every key with its default, read from the template.
fn settings() -> impl Iterator<Item = (Key, Option<String>)> {
    let mut section = "";
    TEMPLATE.lines().filter_map(move |line| {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            return None;
        }
        let (name, rest) = line.strip_prefix('#')?.split_once(" = ")?;
        let name = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let key = *keys::ALL.iter().find(|key| key.file == name)?;
        let (value, comment) = rest.split_once('#').unwrap_or((rest, ""));
        let value = value.trim().trim_matches('"').to_owned();
        Some((key, (!comment.contains(NO_DEFAULT)).then_some(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::pipeline::Settings as PipelineSettings;

    #[test]
    fn the_template_holds_every_key_and_says_nothing_by_itself() {
        assert!(
            TEMPLATE
                .parse::<toml::Table>()
                .unwrap()
                .values()
                .all(|section| { section.as_table().is_some_and(toml::Table::is_empty) })
        );
        let shown: Vec<Key> = settings().map(|(key, _)| key).collect();
        for key in keys::ALL {
            assert_eq!(shown.iter().filter(|k| *k == key).count(), 1, "{}", key.file);
        }
    }

    #[test]
    fn what_the_template_shows_can_be_said_and_the_defaults_are_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        std::fs::write(folder.path().join("persona.toml"), uncommented).unwrap();
        let environment =
            Environment { current_dir: folder.path().to_owned(), ..Environment::default() };
        let said = Layers::default().with_environment(&environment).unwrap();
        let plain = Settings::resolve(&said).unwrap();
        assert_eq!((plain.hybrid, plain.strict, plain.offline), (false, false, false));

        // Without `--hybrid`, what the file says of drafts, threshold and rounds counts for nothing.
        let resolved =
            |layers: Layers| Settings::resolve(&layers.switch(keys::HYBRID, true)).unwrap();
        let (said, defaults) = (resolved(said), resolved(Layers::default()));
        let without_default = PipelineSettings {
            seed: said.pipeline.seed,
            segments_by: said.pipeline.segments_by.clone(),
            shard: said.pipeline.shard,
            ..defaults.pipeline
        };
        assert_eq!(said.pipeline, without_default);
        assert_eq!(said.model, defaults.model);
        assert_eq!(said.formats, defaults.formats);
        assert_eq!(said.engine.max_batch, defaults.engine.max_batch);
        assert_eq!(said.frontier.parallel, defaults.frontier.parallel);
        assert_eq!(said.frontier.allowed, defaults.frontier.allowed);
    }

    #[test]
    fn a_value_is_shown_with_where_it_was_said() {
        let layers = Layers::default().flag(keys::COUNT, Some("5")).switch(keys::NO_FRONTIER, true);
        let all = in_force(&layers);
        let of = |key: Key| all.iter().find(|setting| setting.key == key).unwrap().clone();
        assert_eq!(of(keys::COUNT).value.as_deref(), Some("5"));
        assert_eq!(of(keys::COUNT).origin, "--count");
        assert_eq!(of(keys::NO_FRONTIER).value.as_deref(), Some("false"), "use_frontier");
        assert_eq!(
            of(keys::SEED),
            InForce { key: keys::SEED, value: None, origin: "default".into() }
        );
        assert_eq!(of(keys::BATCH).value.as_deref(), Some("8"));
    }
}
