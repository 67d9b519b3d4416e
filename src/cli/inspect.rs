//! `persona inspect`: shows how the input is understood, before a model is asked anything.
//!
//! Reads the input and, where a model is on disk, its tokenizer; loads no model and opens no
//! socket.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};

use crate::catalogue;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::progress::Spinner;
use crate::cli::table::table;
use crate::config::{Environment, Layers, Settings, keys};
use crate::corpus::{self, Column, ColumnKind, Corpus, SourceFile};
use crate::engine::gguf::GgufFile;
use crate::engine::tokenizer::{Specials, Tokenizer};
use crate::hub::{self, HubOptions, LocalModel, ModelRef};
use crate::ledger::TextSize;
use crate::report::counted;

/// Most columns and findings that are shown on the terminal; `--json` has all.
const SHOWN: usize = 40;

/// Most participants who are named on the terminal; `--json` has all.
const NAMED: usize = 20;

/// Most characters of a column name in the table: names in surveys are long questions.
const SHOWN_NAME: usize = 60;

/// Bytes of which tokens are counted; of a larger corpus, evenly spread records are counted.
const COUNTED: usize = 8 << 20;

/// Bytes that the tokenizer is given at once: it needs about a hundred times as much memory.
const PIECE: usize = 64 << 10;

/// What can be said to `inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Files, folders, patterns, or - for what is piped in: CSV, TSV, JSON, JSONL, YAML, Markdown,
    /// text, org, HTML, XLSX, ODS, DOCX, VTT, SRT, mbox, EML
    #[arg(value_name = "INPUT")]
    inputs: Vec<String>,
    /// The same as a flag; may be repeated
    #[arg(long, short = 'f', visible_alias = "from", value_name = "PATH", num_args = 1..)]
    input: Vec<String>,
    /// Whose tokens to count: a model on this machine, or auto [default: auto]
    #[arg(long, visible_alias = "local-model", value_name = "MODEL")]
    model: Option<String>,
}

impl InspectArgs {
    /// The settings that these flags set.
    pub(super) fn layers(&self) -> Layers {
        let inputs = self.inputs.iter().chain(&self.input).cloned().collect();
        Layers::default().flags(keys::INPUT, inputs).flag(keys::MODEL, self.model.as_deref())
    }
}

pub(super) fn run(
    layers: &Layers,
    environment: &Environment,
    output: Output,
) -> Result<Exit, Failure> {
    let settings = Settings::resolve(layers)?;
    if settings.inputs.is_empty() {
        return Err(Failure::usage(
            "no input given\nhint: name files or a folder, as in 'persona inspect interviews.csv'",
        ));
    }
    // A model that is named but not on disk is reported before the input is read.
    let model = tokenizer(&settings.model, layers, &environment.hub_options())?;
    let spinner = Spinner::start(output, "reading the input");
    let corpus = corpus::load(&settings.inputs)?;
    drop(spinner);
    let spinner = Spinner::start(output, "counting tokens");
    let tokens = Tokens::of(&corpus, model)?;
    drop(spinner);
    if output.is_json() {
        output.document(&document(&corpus, &tokens))?;
    } else {
        output.result(&text(&corpus, &tokens))?;
    }
    Ok(Exit::Done)
}

/// The tokenizer of the model that is named, else of the first catalogue model on this machine.
fn tokenizer(
    said: &str,
    layers: &Layers,
    hub: &HubOptions,
) -> Result<Option<(String, Tokenizer)>, Failure> {
    let open = |local: &LocalModel| -> Result<(String, Tokenizer), Failure> {
        let file = GgufFile::open(&local.path)?;
        Ok((local.name.clone(), Tokenizer::from_gguf(&file)?))
    };
    if said == "auto" {
        let on_disk = |spec| hub::locate(&ModelRef::Catalogue(spec), hub);
        // A file that cannot be read must not keep the data from being shown.
        return Ok(catalogue::models().iter().filter_map(on_disk).find_map(|l| open(&l).ok()));
    }
    let Some(local) = hub::locate(&ModelRef::parse(said)?, hub) else {
        if !layers.given_flags(&[keys::MODEL]).is_empty() {
            return Err(Failure::no_model(format!(
                "{said} is not on this machine\nhint: run 'persona models pull {said}', or leave --model out"
            )));
        }
        return Ok(None);
    };
    open(&local).map(Some)
}

/// The number of tokens in the records.
struct Tokens {
    count: u64,
    /// Name of the model whose tokens are counted; `None` when estimated from bytes alone.
    model: Option<String>,
    /// Share of the bytes that were counted, 0..=1.
    share: f64,
}

impl Tokens {
    fn of(corpus: &Corpus, model: Option<(String, Tokenizer)>) -> Result<Self, Failure> {
        let Some((name, tokenizer)) = model else {
            let size: TextSize = corpus.records.iter().map(|r| TextSize::of(&r.text)).sum();
            return Ok(Self { count: size.expected_tokens(), model: None, share: 0.0 });
        };
        let bytes: usize = corpus.records.iter().map(|record| record.text.len()).sum();
        let step = bytes.div_ceil(COUNTED).max(1);
        let (mut tokens, mut counted) = (0_u64, 0);
        for record in corpus.records.iter().step_by(step) {
            // Without the bound, one huge record would be tokenised whole for the sake of a figure.
            let text = &record.text[..record.text.floor_char_boundary(COUNTED)];
            for piece in pieces(text) {
                tokens += tokenizer.encode(piece, Specials::AsText)?.len() as u64;
            }
            counted += text.len();
        }
        let share = counted as f64 / bytes.max(1) as f64;
        let count = if counted < bytes { (tokens as f64 / share) as u64 } else { tokens };
        Ok(Self { count, model: Some(name), share })
    }

    fn described(&self) -> String {
        match &self.model {
            None => format!(
                "about {} tokens (estimated from the bytes; no model is on this machine)",
                self.count
            ),
            Some(model) if self.share < 1.0 => format!(
                "about {} tokens ({model}'s; counted on {:.0} % of the text)",
                self.count,
                self.share * 100.0
            ),
            Some(model) => format!("{} tokens ({model}'s)", self.count),
        }
    }
}

/// Text in pieces of at most [`PIECE`] bytes, cut at the end of a word where there is one: such a
/// cut changes the count by at most one token.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = rest.floor_char_boundary(PIECE);
        let end = match rest[..most].rfind(char::is_whitespace) {
            Some(end) if most < rest.len() && end > 0 => end,
            _ => most,
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A file's sheets in order, each with its number of records; other files have one without a name.
fn sheets<'a>(corpus: &'a Corpus, file: &SourceFile) -> Vec<(Option<&'a str>, usize)> {
    let mut sheets: Vec<(Option<&str>, usize)> = Vec::new();
    for record in corpus.records.iter().filter(|record| record.file == file.number) {
        match sheets.last_mut() {
            Some((name, count)) if *name == record.sheet.as_deref() => *count += 1,
            _ => sheets.push((record.sheet.as_deref(), 1)),
        }
    }
    sheets
}

fn kind(column: &Column) -> &'static str {
    match column.kind {
        ColumnKind::Identifier => "identifier",
        ColumnKind::Numeric => "numeric",
        ColumnKind::Categorical => "categorical",
        ColumnKind::FreeText => "free text",
    }
}

/// The columns from which quotes and statements are made.
fn said(corpus: &Corpus) -> BTreeSet<&str> {
    let spans = corpus.records.iter().flat_map(|record| &record.columns);
    spans.filter(|span| span.is_said).map(|span| &*span.name).collect()
}

/// A participant whom records name.
struct Named<'c> {
    name: &'c str,
    /// Name of the first file that names them.
    file: &'c str,
    records: usize,
}

/// Those whom records name, in order of first appearance. Two of one name are two people.
fn people(corpus: &Corpus) -> Vec<Named<'_>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut people: Vec<Named<'_>> = Vec::new();
    for record in &corpus.records {
        let Some(name) = &record.participant else { continue };
        let at = *places.entry(corpus.participant_key(record)).or_insert_with(|| {
            let file = &corpus.files[record.file - 1].name;
            people.push(Named { name, file, records: 0 });
            people.len() - 1
        });
        people[at].records += 1;
    }
    people
}

fn text(corpus: &Corpus, tokens: &Tokens) -> String {
    let file = |file: &SourceFile| {
        let row = |(sheet, records): (Option<&str>, usize)| {
            let name =
                sheet.map_or_else(|| file.name.clone(), |s| format!("{}, sheet {s}", file.name));
            vec![name, file.format.clone(), file.encoding.clone(), records.to_string()]
        };
        sheets(corpus, file).into_iter().map(row).collect::<Vec<_>>()
    };
    let header = ["file", "format", "encoding", "records"];
    let mut parts = vec![table(&header, corpus.files.iter().flat_map(file))];
    let records = counted(corpus.records.len(), "record");
    let participants = counted(corpus.participants(), "participant");
    parts.push(format!("\n{records} by {participants}, {}", tokens.described()));
    let people = people(corpus);
    if !people.is_empty() {
        let names: Vec<&str> = people.iter().take(NAMED).map(|who| who.name).collect();
        let others = people.len().saturating_sub(NAMED);
        let others = Some(format!(" and {others} more; --json has all")).filter(|_| others > 0);
        parts.push(format!("named: {}{}", names.join(", "), others.unwrap_or_default()));
    }
    let columns = corpus.columns();
    let said = said(corpus);
    if !columns.is_empty() {
        let row = |column: &Column| {
            let name: String = column.name.chars().take(SHOWN_NAME).collect();
            let cut = if name.len() < column.name.len() { "…" } else { "" };
            let (filled, distinct) = (column.filled.to_string(), column.distinct.to_string());
            let quoted = if said.contains(column.name.as_str()) { "yes" } else { "" };
            let kind = kind(column).to_owned();
            vec![format!("{name}{cut}"), kind, filled, distinct, quoted.to_owned()]
        };
        let header = ["column", "kind", "filled", "different", "quoted"];
        parts.push(format!("\n{}", table(&header, columns.iter().take(SHOWN).map(row))));
        parts.extend(more(columns.len()));
    }
    if corpus.findings.is_empty() {
        parts.push("\nno findings".to_owned());
        return parts.join("\n");
    }
    let row = |finding: &corpus::Finding| {
        let place = finding.row.map_or_else(String::new, |row| row.to_string());
        let message = finding.message.replace("\nhint: ", "; ");
        vec![finding.file.clone(), place, finding.count.to_string(), message]
    };
    let header = ["file", "row", "times", "finding"];
    parts.push(format!("\n{}", table(&header, corpus.findings.iter().take(SHOWN).map(row))));
    parts.extend(more(corpus.findings.len()));
    parts.join("\n")
}

/// The line below a table that does not show everything; `None` where it does.
fn more(all: usize) -> Option<String> {
    let more = all.checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(format!("and {more} more; --json has all"))
}

fn document(corpus: &Corpus, tokens: &Tokens) -> Value {
    let sheet =
        |(name, records): (Option<&str>, usize)| json!({ "name": name, "records": records });
    let file = |file: &SourceFile| {
        let sheets = sheets(corpus, file);
        let mut value = json!({
            "number": file.number, "name": file.name, "format": file.format,
            "encoding": file.encoding, "sha256": file.sha256,
            "records": sheets.iter().map(|(_, records)| records).sum::<usize>(),
        });
        if sheets.iter().any(|(name, _)| name.is_some()) {
            value["sheets"] = sheets.into_iter().map(sheet).collect();
        }
        value
    };
    let said = said(corpus);
    let column = |column: &Column| {
        json!({
            "name": column.name, "kind": kind(column).replace(' ', "_"),
            "filled": column.filled, "distinct": column.distinct,
            "quoted": said.contains(column.name.as_str()),
        })
    };
    json!({
        "files": corpus.files.iter().map(file).collect::<Value>(),
        "records": corpus.records.len(),
        "participants": corpus.participants(),
        "named": people(corpus).iter().map(|who| {
            json!({ "name": who.name, "file": who.file, "records": who.records })
        }).collect::<Value>(),
        "tokens": {
            "count": tokens.count,
            "by": tokens.model.as_ref().map_or("estimate", |_| "tokenizer"),
            "model": tokens.model,
            "share_counted": tokens.share,
        },
        "columns": corpus.columns().iter().map(column).collect::<Value>(),
        "findings": corpus.findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_short_end_with_a_word_and_leave_nothing_out() {
        let words = "größer ".repeat(PIECE / 4);
        let cut: Vec<&str> = pieces(&words).collect();
        assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= PIECE));
        assert!(cut[1..].iter().all(|piece| piece.starts_with(' ')), "{:?}", &cut[1][..20]);
        assert_eq!(cut.concat(), words);
        let endless = "ö".repeat(PIECE);
        assert_eq!(pieces(&endless).collect::<String>(), endless);
        assert_eq!(pieces("").count(), 0);
    }
}
