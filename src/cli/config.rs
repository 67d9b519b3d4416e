//! `persona config` and `persona init`: show which settings are in force and where they come from,
//! and write a file to set them in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::table;
use crate::config::{Environment, Layers, Settings, TEMPLATE, config_files, in_force};
use crate::store::write_atomically;

/// What can be asked about settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting that is in force here
    #[command(
        after_help = "Examples:\n  persona config show --origin\n  persona config show --json"
    )]
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Say where settings are read from
    #[command(after_help = "Examples:\n  persona config path")]
    Path,
}

/// What can be said to `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(
    command: &ConfigCommand,
    layers: &Layers,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { origin } => show(*origin, layers, output),
        ConfigCommand::Path => path(environment, output),
    }
}

fn show(origin: bool, layers: &Layers, output: Output) -> Result<(), Failure> {
    // A value that cannot be used is not in force, so invalid settings are an error here.
    Settings::resolve(layers)?;
    let all = in_force(layers);
    if output.is_json() {
        let row = |setting: &crate::config::InForce| {
            json!({
                "key": setting.key.file, "flag": setting.key.to_string(),
                "variable": setting.key.variable(),
                "value": setting.value, "origin": setting.origin,
            })
        };
        return output.document(&all.iter().map(row).collect::<Value>());
    }
    let rows = all.iter().map(|setting| {
        let mut row = vec![
            setting.key.file.to_owned(),
            setting.value.clone().unwrap_or_else(|| "–".to_owned()),
        ];
        if origin {
            row.push(setting.origin.clone());
        }
        row
    });
    let header: &[&str] = if origin { &["key", "value", "from"] } else { &["key", "value"] };
    output.result(&table(header, rows))
}

fn path(environment: &Environment, output: Output) -> Result<(), Failure> {
    let files = config_files(environment);
    if output.is_json() {
        let row = |(name, path, there): &(&str, PathBuf, bool)| json!({ "layer": name, "path": path, "exists": there });
        return output.document(&files.iter().map(row).collect::<Value>());
    }
    let line = |(name, path, there): &(&str, PathBuf, bool)| {
        let missing = if *there { "" } else { "  (not there)" };
        format!("{name:<8}{}{missing}", path.display())
    };
    output.result(&files.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Writes a commented `persona.toml` into the current folder.
pub(super) fn init(args: &InitArgs, output: Output) -> Result<(), Failure> {
    let path = PathBuf::from("persona.toml");
    if path.exists() && !args.force {
        return Err(Failure::usage(
            "persona.toml is here already, and nothing was written\nhint: 'persona config show --origin' says what it sets; --force writes over it",
        ));
    }
    write_atomically(&path, TEMPLATE.as_bytes())?;
    if output.is_json() {
        return output.document(&json!({ "written": path }));
    }
    output.result(
        "persona.toml written: every setting with its default, all commented out\n'persona config show --origin' says what is in force",
    )
}
