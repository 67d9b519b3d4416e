//! Settings: what the user said, layer by layer, and what it means.
//!
//! Owns the layers (flag > `PERSONA_*` variable > project `persona.toml` > user `persona.toml` >
//! default; `layers`) and the checks on every value, whichever layer it came from (`settings`). The
//! only reader of the environment (`environment`). Knows no command and prints nothing: a bad value
//! is an error that names the flag, the variable or the file and key.

mod described;
mod environment;
pub mod keys;
mod layers;
mod proxy;
mod server_address;
mod settings;

use std::path::{Path, PathBuf};

pub use described::{InForce, TEMPLATE, files as config_files, in_force};
pub use environment::Environment;
pub use keys::Key;
pub use layers::Layers;
pub use settings::{Backend, Fallback, Frontier, OpenAiApi, Privacy, Provider, Settings, formats};

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

fn find_upward(from: &Path, name: &str) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Token;
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
