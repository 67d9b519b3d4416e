//! Reading files and clearing their data for use.
//!
//! Owns the rules of `--anonymise`: which key is used, what the log keeps, the warnings before
//! anything leaves, and the map back to the values. The order is what users rely on: data is
//! cleared here, once, before any model sees it, and a failure here ends the command.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::failure::{Exit, Failure};
use crate::cli::model::Loader;
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::second_reader::{self, Reader};
use crate::config::{Environment, Settings};
use crate::corpus::{self, Corpus, Finding};
use crate::pipeline::Paid;
use crate::privacy::{Clearance, Cleared, FinderId, Key, Removed, Strategy, outbound, scan, tally};
use crate::report;
use crate::schema::Persona;

/// Most findings that are shown on the terminal; the report has all.
const SHOWN_FINDINGS: usize = 5;

/// The settings of anonymisation that the log keeps, so that a resumed run clears in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clearing {
    pub(super) strategy: Strategy,
    /// Identifier of the key that hashed the pseudonyms; not the key itself.
    key_id: Option<String>,
    /// The model of the second pass, if there was one.
    #[serde(default)]
    second_pass: Option<SecondPass>,
}

/// What the log keeps of the second pass: how to find the model again, and how to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SecondPass {
    reference: String,
    model: FinderId,
}

/// Reads the input of a new run and clears it as the settings say.
pub(super) fn read(
    settings: &Settings,
    loader: Loader<'_>,
) -> Result<(Cleared<Corpus>, Option<Clearing>), Failure> {
    read_paths(&settings.inputs, settings, loader)
}

/// Reads other files than those of the settings and clears them as the settings say.
pub(super) fn read_paths(
    inputs: &[PathBuf],
    settings: &Settings,
    loader: Loader<'_>,
) -> Result<(Cleared<Corpus>, Option<Clearing>), Failure> {
    let output = loader.task.output;
    let Some(strategy) = settings.privacy.anonymise else {
        let corpus = load(inputs, output)?;
        tell(&corpus, output);
        return Ok((Cleared::as_is(corpus), None));
    };
    let key = match strategy {
        Strategy::Hash => Key::in_file(&key_file(loader.environment))?,
        Strategy::Redact | Strategy::Replace => Key::of_seed(settings.pipeline.seed),
    };
    let key_id = (strategy == Strategy::Hash).then(|| key.id());
    let finder = match &settings.privacy.model {
        Some(said) => Some(second_reader::load(said, &settings.engine, loader)?),
        None => None,
    };
    let corpus = cleared(inputs, strategy, key, finder.as_ref(), output)?;
    let second_pass = finder.map(|finder| SecondPass {
        model: finder.model.identity().clone(),
        reference: finder.reference,
    });
    let clearing = Clearing { strategy, key_id, second_pass };
    write_map(settings, &corpus, output)?;
    Ok((corpus, Some(clearing)))
}

/// Reads the input of an earlier run again and clears it as that run did.
pub(super) fn read_again(
    inputs: &[PathBuf],
    clearing: Option<&Clearing>,
    seed: u64,
    settings: &Settings,
    loader: Loader<'_>,
) -> Result<Cleared<Corpus>, Failure> {
    let output = loader.task.output;
    let Some(clearing) = clearing else {
        let corpus = load(inputs, output)?;
        tell(&corpus, output);
        return Ok(Cleared::as_is(corpus));
    };
    let key = match &clearing.key_id {
        Some(id) => key_of(id, loader.environment)?,
        None => Key::of_seed(seed),
    };
    let finder = match &clearing.second_pass {
        Some(second) => Some(found_again(second, settings, loader)?),
        None => None,
    };
    let corpus = cleared(inputs, clearing.strategy, key, finder.as_ref(), output)?;
    write_map(settings, &corpus, output)?;
    Ok(corpus)
}

/// Loads the model that made the second pass of an earlier run; a different one is refused, since
/// it would find other values.
fn found_again(
    second: &SecondPass,
    settings: &Settings,
    loader: Loader<'_>,
) -> Result<Reader, Failure> {
    let finder = second_reader::load(&second.reference, &settings.engine, loader)?;
    let (then, now) = (&second.model, finder.model.identity());
    if (&then.sha256, &then.settings_sha256, then.kind)
        == (&now.sha256, &now.settings_sha256, now.kind)
    {
        return Ok(finder);
    }
    Err(Failure::failed(format!(
        "the personal data of the run was looked for with {}, and what is at {} now is another model\nhint: put the first one back, or start a new run",
        then.name, second.reference
    )))
}

fn load(inputs: &[PathBuf], output: Output) -> Result<Corpus, Failure> {
    let spinner = Spinner::start(output, "reading the input");
    let corpus = corpus::load(inputs)?;
    drop(spinner);
    Ok(corpus)
}

fn cleared(
    inputs: &[PathBuf],
    strategy: Strategy,
    key: Key,
    finder: Option<&Reader>,
    output: Output,
) -> Result<Cleared<Corpus>, Failure> {
    let corpus = load(inputs, output)?;
    let spinner = Spinner::start(output, "anonymising");
    let corpus = Cleared::anonymise(&corpus, strategy, key, finder.map(Reader::finder))?;
    drop(spinner);
    tell(&corpus, output);
    let removed = corpus.removed().map(|removed| removed.counts.clone()).unwrap_or_default();
    let what = if removed.is_empty() { "nothing found".to_owned() } else { tally(&removed) };
    output.note(&format!("anonymised ({}): {what}", strategy.name()));
    if let Some(finder) = finder {
        output.note(&finder.told());
    }
    Ok(corpus)
}

/// Reports what was read and what was odd about it; what is odd about several files alike, once.
fn tell(corpus: &Corpus, output: Output) {
    let mut alike: Vec<(&Finding, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for finding in &corpus.findings {
        let at = *known.entry(&finding.message).or_insert_with(|| {
            alike.push((finding, 0));
            alike.len() - 1
        });
        alike[at].1 += 1;
    }
    for (finding, files) in alike.iter().take(SHOWN_FINDINGS) {
        let times =
            if finding.count > 1 { format!(" ({} times)", finding.count) } else { String::new() };
        let place = finding.row.map_or_else(String::new, |row| format!(" row {row}"));
        let others = match files - 1 {
            0 => String::new(),
            others => format!(" and {} more", report::counted(others, "file")),
        };
        let Finding { file, message, .. } = finding;
        output.warn(&format!("{file}{place}{others}: {message}{times}"));
    }
    if let Some(more) = alike.len().checked_sub(SHOWN_FINDINGS).filter(|more| *more > 0) {
        output.warn(&format!("and {} more, all in report.json", report::counted(more, "finding")));
    }
    let records = report::counted(corpus.records.len(), "record");
    output.note(&format!("input: {records} from {}", report::counted(corpus.files.len(), "file")));
}

/// The key file of the project in which the command runs.
pub(super) fn key_file(environment: &Environment) -> PathBuf {
    use sha2::{Digest, Sha256};
    let project = environment.project();
    let digest = Sha256::digest(project.as_os_str().as_encoded_bytes());
    let name = u64::from_be_bytes(std::array::from_fn(|i| digest[i]));
    environment.pseudonym_keys().join(format!("{name:016x}.key"))
}

/// The key with this id, whichever project it belongs to.
fn key_of(id: &str, environment: &Environment) -> Result<Key, Failure> {
    let folder = environment.pseudonym_keys();
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut keys = files.filter_map(|file| Key::in_file(&file.path()).ok());
    keys.find(|key| key.id() == id).ok_or_else(|| {
        Failure::failed(format!(
            "cannot resume: the key that hashed the pseudonyms is not in {}\nhint: put it back, or start a new run",
            folder.display()
        ))
    })
}
fn write_map(settings: &Settings, corpus: &Cleared<Corpus>, output: Output) -> Result<(), Failure> {
    let (Some(path), Some(removed)) = (&settings.privacy.map, corpus.removed()) else {
        return Ok(());
    };
    write_private(path, removed)?;
    output.note(&format!(
        "the map back to the names is in {}: whoever has it can undo the anonymisation",
        path.display()
    ));
    Ok(())
}

/// Writes the map to a file that only this user can read.
pub(super) fn write_private(path: &Path, removed: &Removed) -> Result<(), Failure> {
    let bad = |e: std::io::Error| {
        Failure::failed(format!(
            "cannot write the map to {}: {e}\nhint: nothing was sent; name another file with --pii-map",
            path.display()
        ))
    };
    let text = serde_json::to_vec_pretty(&removed.map())
        .map_err(|e| Failure::failed(format!("cannot write the map as JSON: {e}")))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(bad)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path).map_err(bad)?;
        // A file that existed before keeps its mode, and is about to hold names.
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(bad)?;
    }
    options.open(path).and_then(|mut file| file.write_all(&text)).map_err(bad)
}

/// Checks whether a paid model may be sent this data: warns once of personal data in it, or
/// refuses.
pub(super) fn before_sending(
    corpus: &Cleared<Corpus>,
    paid: &Paid,
    settings: &Settings,
    output: Output,
) -> Result<(), Failure> {
    if paid.local || corpus.clearance() != Clearance::AsIs {
        return Ok(());
    }
    let mut counts = BTreeMap::new();
    for found in scan(corpus, None)? {
        *counts.entry(found.span.entity).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(());
    }
    let what = tally(&counts);
    if settings.privacy.require {
        return Err(Failure::new(
            Exit::Refused,
            anyhow::anyhow!(
                "the input holds personal data ({what}), and --privacy-require lets none of it reach {}\nhint: add --anonymise, or --no-frontier",
                paid.host
            ),
        ));
    }
    output.warn(&format!(
        "the input holds personal data ({what}), and records that are sent go to {} as they are; --anonymise replaces it, 'persona privacy scan' shows it",
        paid.host
    ));
    Ok(())
}

/// Reports what a run without anonymisation has written that has the form of personal data, since
/// everyone who is given the personas is given that too.
pub(super) fn after_writing(corpus: &Cleared<Corpus>, personas: &[Persona], output: Output) {
    if corpus.clearance() != Clearance::AsIs {
        return;
    }
    let statements = personas.iter().flat_map(Persona::statements).map(|said| &said.text);
    let quotes = personas.iter().flat_map(|persona| &persona.quotes).map(|quote| &quote.text);
    let shown = personas.iter().flat_map(|persona| persona.demographics.values());
    let texts: BTreeSet<&String> = statements.chain(quotes).chain(shown).collect();
    let counts = outbound(json!(texts).to_string().as_bytes(), None);
    if !counts.is_empty() {
        output.warn(&format!(
            "the personas show personal data of participants ({}); --anonymise replaces it before anything is written, 'persona privacy scan' shows it",
            tally(&counts)
        ));
    }
}
