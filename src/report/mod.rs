//! The files that a run leaves for people and scripts, rendered from its log.
//!
//! Owns the files of the run folder other than the log: `personas.json`, `records.jsonl`,
//! `report.json`, `report.html`, and one file or more in each format that was asked for. Reads the
//! store's state, never the pipeline, so that a run that died can be reported too. Renders bytes
//! only; the caller writes the files.

mod format;
mod html;
mod json;
mod markdown;
mod money;
mod plain;
mod quality;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::corpus::{ColumnSpan, Corpus, Record, SourceFile};
use crate::ledger::{Bounds, FrontierOnly, MicroUsd, Price};
use crate::schema::{Persona, RecordId};
use crate::store::RunState;

pub use format::Format;
pub use html::page;
pub use json::report;
pub use markdown::persona as markdown;
pub use money::{egress, money_line};
pub use plain::{counted, plain, plain_line};
pub use quality::quality_line;

/// Everything that a report shows.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The state that the log gives when all its events are applied.
    pub state: &'a RunState,
    /// The cleared data.
    pub corpus: &'a Corpus,
    /// What only the process that carried out the run knows.
    pub process: &'a Process,
}

/// What a report shows and the log does not hold.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// How the data was cleared, under the name that `privacy` gives it.
    pub clearance: String,
    /// What anonymisation replaced, by kind; `None` where it was not asked for.
    pub removed: Option<BTreeMap<&'static str, usize>>,
    /// The model that made a second pass over the free text, if one did.
    pub second_pass: Option<serde_json::Value>,
    /// How the network was kept closed; `None` where it was open.
    pub air_gap: Option<&'static str>,
    /// Most memory that the process held, in bytes; `None` where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// The terms on which a paid model took part, if one did.
    pub terms: Option<Terms>,
    /// What a frontier model would have cost, where none took part.
    pub alternative: Option<FrontierOnly>,
}

/// The terms of a paid model, and what it was expected to cost.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Name of the provider.
    pub provider: String,
    /// Price of its tokens.
    pub price: Price,
    /// The most that could be spent; `None` without a cap.
    pub cap: Option<MicroUsd>,
    /// Expected cost of its part of the run.
    pub estimate: Bounds,
    /// Expected cost if it had written everything.
    pub frontier_only: Bounds,
    /// Whether it stood in for a local model that was not available.
    pub fallback: bool,
}

/// A file of the run folder: its name and its bytes.
pub type RunFile = (String, Vec<u8>);

/// The file `report.json` of what [`report()`] returned; it is written last.
pub fn report_file(report: &serde_json::Value) -> Result<RunFile, serde_json::Error> {
    Ok(("report.json".to_owned(), pretty(report)?))
}

/// The file `report.html` of what [`page()`] returned.
pub fn page_file(page: &serde_json::Value) -> Result<RunFile, RenderError> {
    Ok(("report.html".to_owned(), html::render(page)?.into_bytes()))
}

/// Why the page could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("cannot render report.html: {0:#}")]
pub struct RenderError(#[from] minijinja::Error);

/// All other files except the log: the records and, once they are selected, the personas.
pub fn files(view: View<'_>, formats: &[Format]) -> Result<Vec<RunFile>, serde_json::Error> {
    let mut files = vec![("records.jsonl".to_owned(), records(view.corpus)?)];
    let Some(personas) = view.state.selected.as_deref() else { return Ok(files) };
    files.push(("personas.json".to_owned(), personas_json(personas)?));
    for format in formats {
        files.extend(format.files(personas, view.corpus)?);
    }
    Ok(files)
}

/// The personas as an array. Holds no time, path or run id: the same seed gives the same bytes.
pub fn personas_json(personas: &[Persona]) -> Result<Vec<u8>, serde_json::Error> {
    pretty(&personas)
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

/// The records to which ids lead, one per line, with `id, file, row, participant, columns, text`
/// and, for a workbook, `sheet`. This is the only file of the run folder that holds the text of all
/// records.
pub fn records(corpus: &Corpus) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for record in &corpus.records {
        let mut line = serde_json::json!({
            "id": record.id,
            "file": file_name(corpus, record.file),
            "row": record.row,
            "participant": record.participant,
            "columns": record.columns,
            "text": record.text,
        });
        if let Some(sheet) = &record.sheet {
            line["sheet"] = sheet.as_str().into();
        }
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Reads the data of a run folder back from what [`records`] and [`report()`] wrote there.
pub fn read_records(lines: &str, report: &serde_json::Value) -> Result<Corpus, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Line {
        id: RecordId,
        row: usize,
        participant: Option<String>,
        columns: Vec<ColumnSpan>,
        text: String,
        #[serde(default)]
        sheet: Option<String>,
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let files = report["inputs"].as_array().into_iter().flatten().map(|file| SourceFile {
        number: file["number"].as_u64().unwrap_or_default() as usize,
        name: text(&file["name"]),
        path: PathBuf::new(),
        format: text(&file["format"]),
        encoding: text(&file["encoding"]),
        sha256: text(&file["sha256"]),
    });
    let record = |line: &str| {
        let Line { id, row, participant, columns, text, sheet } = serde_json::from_str(line)?;
        let number = id.as_str().strip_prefix('f').and_then(|id| id.split_once('#'));
        let file = number.and_then(|(number, _)| number.parse().ok()).unwrap_or_default();
        Ok(Record { id, file, sheet, row, participant, text, columns })
    };
    Ok(Corpus {
        files: files.collect(),
        records: lines.lines().map(record).collect::<Result<_, serde_json::Error>>()?,
        findings: serde_json::from_value(report["corpus"]["findings"].clone())?,
        ..Corpus::default()
    })
}

/// The name of input number `number`, for display.
fn file_name(corpus: &Corpus, number: usize) -> &str {
    corpus.files.iter().find(|file| file.number == number).map_or("", |file| &file.name)
}

#[cfg(test)]
pub(crate) mod sample {
    //! One small finished run, for the tests of the renderers.

    use std::collections::BTreeMap;

    use crate::corpus::{ColumnSpan, Corpus, Record, SourceFile};
    use crate::schema::{Persona, Provenance, Quote, RecordId, Scores, Segment, Statement};

    pub(crate) fn corpus() -> Corpus {
        let text = "role: nurse\nanswer: I *never* trust the <b>schedule</b>";
        let spans = [("role", 6, 11), ("answer", 20, text.len())];
        let columns = spans.map(|(name, start, end)| ColumnSpan::new(name, start..end));
        Corpus {
            files: vec![SourceFile {
                number: 1,
                name: "interviews.csv".into(),
                path: "interviews.csv".into(),
                format: "csv".into(),
                encoding: "UTF-8".into(),
                sha256: "ab".repeat(32),
            }],
            records: vec![Record {
                id: RecordId::new(1, 0),
                file: 1,
                sheet: None,
                row: 1,
                participant: Some("p01".into()),
                text: text.into(),
                columns: columns.into(),
            }],
            ..Corpus::default()
        }
    }

    pub(crate) fn persona() -> Persona {
        let record = RecordId::new(1, 0);
        let statement = |text: &str, inferred: bool| Statement {
            text: text.into(),
            records: if inferred { Vec::new() } else { vec![record.clone()] },
            inferred,
            held: None,
        };
        Persona {
            id: "p1".into(),
            name: "Ada\u{1b}[31m".into(),
            title: "Night *nurse*".into(),
            summary: "Plans around <script>gaps</script>.".into(),
            demographics: BTreeMap::from([("role".into(), "nurse".into())]),
            goals: vec![statement("a schedule to trust", false)],
            pains: vec![statement("late changes", true)],
            behaviours: Vec::new(),
            motivations: vec!["rest".into()],
            quotes: vec![Quote {
                text: "I *never* trust the <b>schedule</b>".into(),
                record: record.clone(),
                start: 20,
                end: 55,
            }],
            segment: Segment { participants: 1, records: 1, share: 1.0 },
            scores: Scores {
                judge: Some(0.8),
                criteria: BTreeMap::from([("gain".into(), 0.9)]),
                ..Scores::default()
            },
            below_threshold: false,
            refined: false,
            provenance: Provenance {
                model: "tiny".into(),
                style: "free".into(),
                shown: vec![record],
                ..Provenance::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_can_be_checked_with_the_run_folder_alone() {
        let (persona, records) = (sample::persona(), records(&sample::corpus()).unwrap());
        let record: serde_json::Value = serde_json::from_slice(&records).unwrap();
        let quote = &persona.quotes[0];
        assert_eq!(record["id"], quote.record.as_str());
        assert_eq!(&record["text"].as_str().unwrap()[quote.start..quote.end], quote.text);
        assert_eq!((&record["file"], &record["row"]), (&"interviews.csv".into(), &1.into()));
    }

    #[test]
    fn no_file_name_comes_from_a_model() {
        let mut persona = sample::persona();
        persona.name = "../../etc/passwd".into();
        persona.id = "../x".into();
        let state = RunState { selected: Some(vec![persona]), ..RunState::default() };
        let (corpus, process) = (sample::corpus(), Process::default());
        let view = View { state: &state, corpus: &corpus, process: &process };
        let formats = [Format::Markdown, Format::Csv, Format::TinyTroupe];
        let mut files = files(view, &formats).unwrap();
        let report = report(view);
        files.push(page_file(&page(view, &report)).unwrap());
        files.push(report_file(&report).unwrap());
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        insta::assert_snapshot!(names.join(" "), @"records.jsonl personas.json persona-1.md personas.csv tinytroupe-1.agent.json report.html report.json");
    }

    #[test]
    fn the_data_of_a_run_folder_is_read_back_whole() {
        let (state, corpus, process) = (RunState::default(), sample::corpus(), Process::default());
        let report = report(View { state: &state, corpus: &corpus, process: &process });
        let lines = String::from_utf8(records(&corpus).unwrap()).unwrap();
        let back = read_records(&lines, &report).unwrap();
        assert_eq!(back.records, corpus.records);
        assert_eq!(back.files[0].name, "interviews.csv");
        assert_eq!(back.get(&RecordId::new(1, 0)), Some(&corpus.records[0]));
    }
}
