//! `persona privacy`: finding personal data, replacing it, and restoring it.
//!
//! Owns the form in which findings are shown; values are masked unless asked for. What is found is
//! decided in `crate::privacy`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::Surroundings;
use crate::cli::clearing;
use crate::cli::failure::{Exit, Failure};
use crate::cli::model::{EngineArgs, Session};
use crate::cli::output::Output;
use crate::cli::second_reader::{self, Reader};
use crate::cli::table::table;
use crate::config::{Environment, Layers, Settings, keys};
use crate::corpus::{self, Corpus, SourceFile};
use crate::privacy::{
    Anonymiser, Found, Key, PiiMap, Place, Rewrite, SpanFinder, Strategy, Under, rewrite, scan,
    tally,
};
use crate::report;
use crate::store::write_atomically;

/// Samples shown per kind and column.
const SAMPLES: usize = 2;

/// What can be done about personal data.
#[derive(Debug, Subcommand)]
pub(super) enum PrivacyCommand {
    /// Show what is personal in files; changes nothing
    #[command(
        after_help = "Examples:\n  persona privacy scan interviews.csv\n  persona privacy scan study/ --unmask --json\n  persona privacy scan study/ --pii-model smollm2-135m"
    )]
    Scan(ScanArgs),
    /// Write the files again without what is personal in them; a CSV stays a CSV
    Anonymise(AnonymiseArgs),
    /// Put the values back into a text, by the map that was written when they were replaced
    #[command(
        after_help = "Example:\n  persona privacy restore personas/RUN/persona-1.md --pii-map map.json --output restored.md"
    )]
    Restore {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The map
        #[arg(long, value_name = "FILE")]
        pii_map: PathBuf,
        /// Where the restored file goes [default: stdout]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// What can be said to `privacy scan`.
#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// Files or folders
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Show the samples as they are
    #[arg(long)]
    unmask: bool,
    #[command(flatten)]
    second: SecondArgs,
}

/// The model of a second pass, and how it runs.
#[derive(Debug, Args)]
pub(super) struct SecondArgs {
    /// A model that looks at free text once more after the rules: as --model of 'generate', or the folder
    /// of a token classifier (config.json, tokenizer.json, model.safetensors). It only adds to what they
    /// find; language models below 1B take many words for names that are not (the README has figures)
    #[arg(long, value_name = "MODEL|DIR")]
    pii_model: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What can be said to `privacy anonymise`.
#[derive(Debug, Args)]
#[command(
    visible_alias = "anonymize",
    after_help = "Examples:\n  persona privacy anonymise interviews.csv --output clean\n  persona privacy anonymise study/ --output clean --strategy replace --pii-map map.json"
)]
pub(super) struct AnonymiseArgs {
    /// Files or folders
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the new files; they keep their names
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// By what values are replaced
    #[arg(long, value_name = "STRATEGY", default_value = "redact", value_parser = ["redact", "replace", "hash"])]
    strategy: String,
    /// Seed of made-up values
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Write the map from replacements back to values here; keep it safe
    #[arg(long, value_name = "FILE")]
    pii_map: Option<PathBuf>,
    #[command(flatten)]
    second: SecondArgs,
}

impl PrivacyCommand {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        let second = match self {
            Self::Scan(args) => &args.second,
            Self::Anonymise(args) => &args.second,
            Self::Restore { .. } => return Layers::default(),
        };
        let layers = Layers::default().flag(keys::PII_MODEL, second.pii_model.as_deref());
        second.engine.add_to(layers)
    }
}

pub(super) fn run(
    command: PrivacyCommand,
    layers: &Layers,
    around: &Surroundings<'_>,
) -> Result<Exit, Failure> {
    let output = around.output;
    match command {
        PrivacyCommand::Scan(args) => {
            let corpus = corpus::load(&args.inputs)?;
            let reader = reader(layers, around)?;
            show(&corpus, reader.as_ref(), args.unmask, output)?;
        }
        PrivacyCommand::Anonymise(args) => {
            let corpus = corpus::load(&args.inputs)?;
            let reader = reader(layers, around)?;
            anonymise(&args, &corpus, reader.as_ref(), around.environment, output)?;
        }
        PrivacyCommand::Restore { file, pii_map, output: to } => {
            restore(&file, &pii_map, to.as_deref(), output)?;
        }
    }
    Ok(Exit::Done)
}

/// Loads the model of the second pass, where one is asked for.
fn reader(layers: &Layers, around: &Surroundings<'_>) -> Result<Option<Reader>, Failure> {
    let settings = Settings::resolve(layers)?;
    let Some(said) = &settings.privacy.model else { return Ok(None) };
    let session = Session::start(around, settings.threads)?;
    second_reader::load(said, &settings.engine, session.loader()).map(Some)
}

/// The second pass as the JSON output shows it; null without one.
fn second_pass(reader: Option<&Reader>, findings: Option<usize>) -> Value {
    let Some(reader) = reader else { return Value::Null };
    let model = reader.model.identity();
    let mut told = json!({ "name": model.name, "kind": model.kind, "sha256": model.sha256 });
    if let Some(findings) = findings {
        told["findings"] = findings.into();
    }
    told
}

fn show(
    corpus: &Corpus,
    reader: Option<&Reader>,
    unmask: bool,
    output: Output,
) -> Result<(), Failure> {
    let found = scan(corpus, reader.map(Reader::finder))?;
    let added = found.iter().filter(|found| found.by_model).count();
    if output.is_json() {
        let findings: Vec<Value> = found.iter().map(|found| finding(found, corpus)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for found in &found {
            *counts.entry(found.span.entity.name()).or_default() += 1;
        }
        return output.document(&json!({
            "records": corpus.records.len(), "counts": counts, "findings": findings,
            "second_pass": second_pass(reader, Some(added)),
        }));
    }
    let told = reader.map(|reader| {
        let more = report::counted(added, "finding");
        format!("\n{}: {more} that the rules had not", reader.told())
    });
    let told = told.unwrap_or_default();
    if found.is_empty() {
        return output
            .result(&format!("nothing personal found; no detector finds everything{told}"));
    }
    // By file, column and kind: the number of findings, and a few samples.
    let mut rows: BTreeMap<(String, String, &str), (usize, Vec<String>)> = BTreeMap::new();
    for found in &found {
        let (file, column) = place(found.place, corpus);
        let row = rows.entry((file, column, found.span.entity.name())).or_default();
        row.0 += 1;
        let value = &found.place.text(corpus)[found.span.start..found.span.end];
        let shown = if unmask { report::plain_line(value) } else { masked(value) };
        if row.1.len() < SAMPLES && !row.1.contains(&shown) {
            row.1.push(shown);
        }
    }
    let rows = rows.into_iter().map(|((file, column, entity), (count, samples))| {
        vec![file, column, entity.to_owned(), count.to_string(), samples.join(", ")]
    });
    let shown = table(&["file", "column", "kind", "count", "samples"], rows);
    let total = report::counted(found.len(), "finding");
    output.result(&format!(
        "{shown}\n{total} in {}; no detector finds everything{told}",
        report::counted(corpus.records.len(), "record")
    ))
}

/// A finding as the JSON output shows it. Offsets are bytes within the record's field.
fn finding(found: &Found, corpus: &Corpus) -> Value {
    let (file, column) = place(found.place, corpus);
    let record = match found.place {
        Place::Cell(record, _) => Some(&corpus.records[record]),
        Place::FileName(_) | Place::ColumnName(..) => None,
    };
    let first = |file: usize| corpus.records.partition_point(|record| record.file < file);
    let index = match found.place {
        Place::Cell(record, _) => Some(record - first(corpus.records[record].file)),
        Place::FileName(_) | Place::ColumnName(..) => None,
    };
    json!({
        "file": file,
        "record": record.map(|record| &record.id),
        "record_index": index,
        "row": record.map(|record| record.row),
        "column": column,
        "place": match found.place {
            Place::FileName(_) => "file_name",
            Place::ColumnName(..) => "column_name",
            Place::Cell(..) => "cell",
        },
        "start": found.span.start,
        "end": found.span.end,
        "entity": found.span.entity,
        "score": (f64::from(found.span.score) * 1000.0).round() / 1000.0,
        "by": if found.by_model { "model" } else { "rules" },
    })
}

/// File and column of a place; the column of a text without columns is `text`.
fn place(place: Place, corpus: &Corpus) -> (String, String) {
    let name = |number: usize| {
        let file = corpus.files.iter().find(|file| file.number == number);
        file.map(|file| file.name.clone()).unwrap_or_default()
    };
    match place {
        Place::FileName(file) => (corpus.files[file].name.clone(), "(file name)".to_owned()),
        Place::ColumnName(record, _) => {
            (name(corpus.records[record].file), "(column name)".to_owned())
        }
        Place::Cell(record, column) => {
            let record = &corpus.records[record];
            let column = column.map_or("text", |column| &*record.columns[column].name);
            (name(record.file), column.to_owned())
        }
    }
}

/// A value masked except for the first letter of each word, so that its length still shows.
fn masked(value: &str) -> String {
    let mut inside = false;
    let masked = value.chars().map(|c| {
        let first = c.is_alphanumeric() && !inside;
        inside = c.is_alphanumeric();
        if first && c.is_alphabetic() || !c.is_alphanumeric() { c } else { '•' }
    });
    report::plain_line(&masked.collect::<String>())
}

fn anonymise(
    args: &AnonymiseArgs,
    corpus: &Corpus,
    reader: Option<&Reader>,
    environment: &Environment,
    output: Output,
) -> Result<(), Failure> {
    let (strategy, key) = match args.strategy.as_str() {
        "replace" => (Strategy::Replace, Key::of_seed(args.seed)),
        "hash" => (Strategy::Hash, Key::in_file(&clearing::key_file(environment))?),
        _ => (Strategy::Redact, Key::of_seed(args.seed)),
    };
    let finder = reader.map(Reader::finder);
    let mut anonymiser = Anonymiser::of(corpus, strategy, key, finder)?;
    if let Some(finder) = finder {
        // All texts are searched before the first file is written, so that a failure leaves none
        // half cleared.
        corpus.files.iter().try_for_each(|file| look_again(file, &mut anonymiser, finder))?;
    }
    let written = write_cleared(args, corpus, &mut anonymiser)?;
    let removed = anonymiser.removed()?;
    if let Some(path) = &args.pii_map {
        clearing::write_private(path, &removed)?;
    }
    for finding in corpus.findings.iter().filter(|finding| finding.kind == "skipped-file") {
        output.warn(&format!("{}: {}", finding.file, finding.message));
    }
    let counts: BTreeMap<&str, usize> =
        removed.counts.iter().map(|(entity, count)| (entity.name(), *count)).collect();
    if output.is_json() {
        return output.document(&json!({
            "files": written, "removed": counts, "pii_map": args.pii_map,
            "second_pass": second_pass(reader, None),
        }));
    }
    let what = if counts.is_empty() { "nothing found".to_owned() } else { tally(&removed.counts) };
    let mut lines = vec![format!("replaced: {what}")];
    lines.extend(reader.map(Reader::told));
    lines.extend(written.iter().map(|path| path.display().to_string()));
    if let Some(path) = &args.pii_map {
        lines.push(format!(
            "the map back is in {}: whoever has it can undo the anonymisation",
            path.display()
        ));
    }
    output.result(&lines.join("\n"))
}

/// Has the second pass search the texts of a file.
fn look_again(
    file: &SourceFile,
    anonymiser: &mut Anonymiser,
    finder: &dyn SpanFinder,
) -> Result<(), Failure> {
    let mut texts = Vec::new();
    rewritten(file, &mut |under, text| {
        match under {
            Under::Heading => {}
            Under::Nothing => texts.push((None, text.to_owned())),
            Under::Column(name) => texts.push((Some(name.to_owned()), text.to_owned())),
        }
        text.to_owned()
    })?;
    Ok(anonymiser.look_again(&texts, finder)?)
}

/// Writes the cleared form of each file into the output folder, and never over a file of the data.
fn write_cleared(
    args: &AnonymiseArgs,
    corpus: &Corpus,
    anonymiser: &mut Anonymiser,
) -> Result<Vec<PathBuf>, Failure> {
    let mut written: Vec<PathBuf> = Vec::new();
    for file in &corpus.files {
        let new = rewritten(file, &mut |under, text| anonymiser.clean(under, text))?;
        let name = anonymiser.file_name(&file.name);
        let mut path = args.output.join(&name);
        // Files with the same name from two folders must not overwrite each other.
        if written.contains(&path) {
            path = args.output.join(format!("{}-{name}", file.number));
        }
        let there = path.canonicalize();
        let is_there = |file: &&SourceFile| {
            there.as_ref().is_ok_and(|path| file.path.canonicalize().is_ok_and(|own| own == *path))
        };
        if let Some(source) = corpus.files.iter().find(is_there) {
            return Err(Failure::usage(format!(
                "{} would be overwritten by an anonymised file\nhint: name another folder with --output",
                source.path.display()
            )));
        }
        write_atomically(&path, &new)?;
        written.push(path);
    }
    Ok(written)
}

/// The bytes of a file with each of its texts rewritten.
fn rewritten(file: &SourceFile, change: &mut Rewrite<'_>) -> Result<Vec<u8>, Failure> {
    let bad = |what: &str, e: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot {what} {}: {e}", file.path.display()))
    };
    let bytes = std::fs::read(&file.path).map_err(|e| bad("read", &e))?;
    let bytes = corpus::utf8(bytes, &file.format);
    rewrite(&file.format, &bytes, change).map_err(|e| bad("rewrite", &e))
}

fn restore(file: &Path, map: &Path, to: Option<&Path>, output: Output) -> Result<(), Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|e| Failure::failed(format!("cannot read {}: {e}", path.display())))
    };
    let map: PiiMap = serde_json::from_slice(&read(map)?).map_err(|e| {
        Failure::usage(format!(
            "{} is not a map of replacements: {e}\nhint: it is what --pii-map wrote",
            map.display()
        ))
    })?;
    let bytes = read(file)?;
    let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let format = if matches!(extension.as_str(), "xlsx" | "ods" | "docx" | "html") {
        extension.as_str()
    } else {
        "text"
    };
    let restorer = map.restorer()?;
    let mut count = 0;
    let restored = rewrite(format, &corpus::utf8(bytes, format), &mut |_, text| {
        let (text, restored) = restorer.restore(text);
        count += restored;
        text
    })
    .map_err(|e| Failure::failed(format!("cannot restore {}: {e}", file.display())))?;
    match to {
        Some(path) => {
            write_atomically(path, &restored)?;
            let restored = report::counted(count, "value");
            if output.is_json() {
                return output.document(&json!({ "file": path, "restored": count }));
            }
            output.result(&format!("{restored} put back in {}", path.display()))
        }
        None => match String::from_utf8(restored) {
            Ok(text) => output.raw(&text),
            Err(_) => Err(Failure::usage(
                "a binary file is not written to the terminal\nhint: name a file with --output",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_mask_shows_the_first_letters_alone() {
        assert_eq!(masked("Ana Silva"), "A•• S••••");
        assert_eq!(masked("ana.s@example.org"), "a••.s@e••••••.o••");
        assert_eq!(masked("+44 20 7946"), "+•• •• ••••");
    }
}
