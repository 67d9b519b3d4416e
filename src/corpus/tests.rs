//! The corpus as a whole: what holds for every format, hostile files, and real ones.

use std::path::Path;

use proptest::prelude::*;

use super::encoding::decode;
use super::format::TextFormat;
use super::rows::Rows;
use super::*;

/// What every corpus must hold, whatever was read.
fn check(records: &[Record]) {
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.id, RecordId::new(record.file, i));
        assert!(record.row > 0 && !record.text.is_empty());
        let mut end = 0;
        for span in &record.columns {
            let name = format!("{}: ", span.name);
            assert!(record.text[end..].trim_start_matches('\n').starts_with(&name));
            assert!(record.text[..span.start].ends_with(&name) && span.start < span.end);
            end = span.end;
        }
        for (start, cell) in record.cells() {
            assert_eq!(&record.text[start..start + cell.len()], cell);
            assert!(!cell.trim().is_empty());
        }
        assert!(!record.text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }
}

fn formats() -> [TextFormat; 10] {
    use TextFormat::{Csv, Html, Json, Jsonl, Markdown, Org, Subtitles, Text, Tsv, Yaml};
    [Csv, Tsv, Json, Jsonl, Yaml, Markdown, Text, Org, Html, Subtitles]
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in formats() {
            let mut rows = Rows::new(3);
            let decoded = decode(&bytes, &mut rows.findings);
            if format.read(&decoded.text, &mut rows).is_ok() {
                check(&rows.records);
            }
        }
    }
}

#[test]
fn hostile_shapes_take_no_more_than_linear_time() {
    // Each of them would take minutes if it were quadratic, and the test be noticed.
    let n = 100_000;
    let keys: Vec<_> = (0..n).map(|i| format!("\"k{i}\":[{{}}]")).collect();
    let shapes = [
        format!("{{{}}}", keys.join(",")),
        format!("[\"{}\"]", "\\ud800".repeat(n)),
        format!("{}\n{}", ",".repeat(n), ",x".repeat(n)),
        format!("a\n{}", "\"".repeat(n)),
        format!("a,b\n{}", ",,,\n".repeat(n)),
        ">".repeat(n),
        "[".repeat(n),
        "*a _b ".repeat(n / 4),
        "A: x\n".repeat(n),
        format!("A: {}", "x".repeat(n * 20)),
        "# \n".repeat(n),
        "- ".repeat(n / 100),
    ];
    for shape in shapes {
        for format in formats() {
            let mut rows = Rows::new(1);
            if format.read(&shape, &mut rows).is_ok() {
                check(&rows.records);
            }
        }
    }
}

#[test]
fn the_examples_are_read_without_a_doubt() {
    let corpus = load(&["examples".into()]).unwrap();
    let files: Vec<_> = corpus.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["interviews.csv", "survey.json", "transcript.md"]);
    let count = |file| corpus.records.iter().filter(|r| r.file == file).count();
    assert_eq!([count(1), count(2), count(3)], [40, 25, 12]);
    assert_eq!(corpus.participants(), 10 + 25 + 1);
    let kinds: Vec<_> = corpus.findings.iter().map(|f| f.kind.as_str()).collect();
    let expected = ["skipped-file", "outside-rows", "not-prose", "moderator-turn"];
    assert_eq!(kinds, expected, "{:#?}", corpus.findings);
    let columns = corpus.columns();
    let kind = |name| columns.iter().find(|c| c.name == name).map(|c| c.kind);
    assert_eq!(kind("participant"), Some(ColumnKind::Identifier));
    assert_eq!(kind("role"), Some(ColumnKind::Categorical));
    assert_eq!(kind("age"), Some(ColumnKind::Numeric));
    assert_eq!(kind("question"), Some(ColumnKind::Categorical));
    assert_eq!(kind("answer"), Some(ColumnKind::FreeText));
    assert_eq!(kind("one_wish"), Some(ColumnKind::FreeText));
    let spoken: Vec<_> = corpus.records[0].cells().map(|(_, cell)| cell).collect();
    assert!(spoken.iter().any(|cell| cell.starts_with("Last Thursday I was already on my bike")));
    assert!(!spoken.iter().any(|cell| cell.starts_with("Tell me about") || *cell == "P01"));
}

#[test]
fn real_surveys_are_read_whole() {
    let Some(data) = std::env::var_os("PERSONA_TEST_DATA") else {
        eprintln!("skipped: PERSONA_TEST_DATA not set");
        return;
    };
    let survey = |name: &str| {
        let corpus = load(&[Path::new(&data).join("surveys").join(name)]).unwrap();
        check(&corpus.records);
        let kinds: Vec<_> = corpus.findings.into_iter().map(|f| (f.kind, f.count)).collect();
        (corpus.records.len(), corpus.records[0].participant.clone(), kinds)
    };
    let (records, first, kinds) = survey("steak-risk-survey.csv");
    assert_eq!((records, first.as_deref()), (550, Some("3237565956")));
    assert_eq!(kinds, [("second-header".to_owned(), 1)]);
    let (records, _, kinds) = survey("comma-survey.csv");
    assert_eq!((records, kinds), (1129, vec![]));
}
