//! Flags that contradict each other or would do nothing, of `persona generate` and of commands that
//! judge.
//!
//! A flag that cannot act is refused, so that nobody believes it did. The same setting in a config
//! file or a variable is not: it may be meant for other runs. Single values are checked in `config`.

use crate::cli::failure::Failure;
use crate::config::{Backend, Layers, Settings, keys};

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With all its settings from the command line and the layers below it.
    New,
    /// With those in its log, so that less can be said about the flags.
    Resumed,
}

/// Refuses the command line (exit 2) when a part of it cannot take effect.
pub(super) fn check(layers: &Layers, settings: &Settings, start: Start) -> Result<(), Failure> {
    if start == Start::New {
        of_data(layers, settings)?;
    }
    of_server(layers, settings, start)?;
    of_roles(layers, settings, start)?;
    let hybrid_only =
        [keys::DRAFT_MULTIPLIER, keys::QUALITY_THRESHOLD, keys::MAX_ROUNDS, keys::STRICT];
    needs_hybrid(&layers.given_flags(&hybrid_only), settings, start)?;
    of_money(layers, settings, start)
}

/// As [`check`], for a command that judges and makes no run.
pub(super) fn of_judge(layers: &Layers, settings: &Settings) -> Result<(), Failure> {
    let idle = layers.given_flags(&[keys::PRICE, keys::PARALLEL, keys::TRUSTED_HOSTS]);
    if settings.backend == Backend::Embedded && !idle.is_empty() {
        return Err(Failure::usage(format!(
            "without --backend there is nothing for {} to act on\nhint: add --backend ollama or --backend openai",
            idle.join(", ")
        )));
    }
    of_server(layers, settings, Start::New)
}

/// The input, its parting among processes, and its anonymisation.
fn of_data(layers: &Layers, settings: &Settings) -> Result<(), Failure> {
    if settings.inputs.is_empty() {
        return Err(Failure::usage(
            "no input given\nhint: name files or a folder, as in 'persona generate --input interviews.csv'",
        ));
    }
    if settings.pipeline.shard.is_some() && !layers.is_explicit(keys::SEED) {
        return Err(Failure::usage(
            "--shard needs --seed: all shards of a run must draw the same\nhint: give each of them the same, as in --seed 7",
        ));
    }
    let about_anonymising =
        layers.given_flags(&[keys::ANONYMISE_STRATEGY, keys::PII_MAP, keys::PII_MODEL]);
    if settings.privacy.anonymise.is_none() && !about_anonymising.is_empty() {
        return Err(Failure::usage(format!(
            "without --anonymise there is nothing for {} to act on\nhint: add --anonymise",
            about_anonymising.join(", ")
        )));
    }
    Ok(())
}

/// `--backend`, and what only the engine or only a server heeds.
fn of_server(layers: &Layers, settings: &Settings, start: Start) -> Result<(), Failure> {
    if settings.backend == Backend::Embedded {
        let idle = layers.given_flags(&[keys::BACKEND_URL]);
        if !idle.is_empty() && start == Start::New {
            return Err(Failure::usage(
                "without --backend there is nothing for --backend-url to act on\nhint: add --backend ollama or --backend openai",
            ));
        }
        return Ok(());
    }
    let name = settings.backend.name();
    let idle = layers.given_flags(&[keys::DEVICE, keys::THREADS, keys::BATCH, keys::TOKENIZER]);
    if !idle.is_empty() {
        return Err(Failure::usage(format!(
            "with --backend {name} there is nothing for {} to act on\nhint: leave one of them out",
            idle.join(", ")
        )));
    }
    if settings.offline && !settings.estimate_only {
        return Err(Failure::usage(format!(
            "--backend {name} asks a server, and --offline opens no network connection\nhint: leave one of them out; --no-frontier keeps the data on this machine"
        )));
    }
    Ok(())
}

/// Who drafts and who refines: `--provider`, `--hybrid`, `--digest`.
fn of_roles(layers: &Layers, settings: &Settings, start: Start) -> Result<(), Failure> {
    if settings.backend != Backend::Embedded && settings.provider.is_some() {
        return Err(Failure::usage(
            "--provider and --backend both say who writes\nhint: leave one of them out",
        ));
    }
    if settings.pipeline.digest && settings.provider.is_some() && start == Start::New {
        return Err(Failure::usage(
            "--digest has the local model read everything, and with --provider there is none\nhint: leave one of them out; a larger context of the provider's model takes more records",
        ));
    }
    if settings.hybrid && layers.is_explicit(keys::PROVIDER) && settings.provider.is_none() {
        return Err(Failure::usage(
            "--provider is for runs without --hybrid\nhint: in a hybrid run --backend says where drafts are written, --frontier who refines them",
        ));
    }
    if settings.hybrid && settings.provider.is_some() {
        return Err(Failure::usage(
            "--provider writes personas without a local model, and --hybrid with one\nhint: give one of them; --frontier names who refines in a hybrid run",
        ));
    }
    Ok(())
}

/// Paid calls: what only a frontier model, a provider or a server heeds.
fn of_money(layers: &Layers, settings: &Settings, start: Start) -> Result<(), Failure> {
    let refining = [keys::FRONTIER, keys::REFINE, keys::REFINE_MODE, keys::FALLBACK];
    let paid = [keys::FRONTIER_MODEL, keys::BASE_URL, keys::API];
    // A server in place of the engine heeds these two as well.
    let served = [keys::PRICE, keys::PARALLEL];
    let served = if settings.backend == Backend::Embedded { &served[..] } else { &[] };
    let said = layers.given_flags(&[&refining[..], &paid, served].concat());
    if !settings.frontier.allowed {
        let local_only = if settings.offline { "--offline" } else { "--no-frontier" };
        if !said.is_empty() && !settings.estimate_only {
            return Err(Failure::usage(format!(
                "with {local_only} there is nothing for {} to act on\nhint: leave one of them out",
                said.join(", ")
            )));
        }
        if settings.provider.is_some() {
            return Err(Failure::usage(format!(
                "--provider sends the data to a paid model, and {local_only} forbids that\nhint: leave one of them out"
            )));
        }
    }
    let idle = if settings.provider.is_some() { layers.given_flags(&refining) } else { said };
    needs_hybrid(&idle, settings, start)
}

/// Refuses flags that act in a hybrid run alone, if this is none. A resumed run knows by itself
/// whether it is hybrid, and an estimate covers both.
fn needs_hybrid(flags: &[String], settings: &Settings, start: Start) -> Result<(), Failure> {
    if settings.hybrid || settings.estimate_only || start == Start::Resumed || flags.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "without --hybrid there is nothing for {} to act on\nhint: add --hybrid",
        flags.join(", ")
    )))
}
