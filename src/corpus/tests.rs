//! The corpus as a whole: what holds for every format, hostile files, and real ones.

use std::path::Path;

use proptest::prelude::*;

use super::encoding::decode;
use super::formats::archive::{Kind, pack};
use super::formats::xlsx::workbook;
use super::formats::{Looks, TextFormat, look};
use super::rows::Rows;
use super::*;

/// Checks what must hold for every corpus, whatever was read.
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

fn formats() -> [TextFormat; 11] {
    use TextFormat::{Csv, Html, Json, Jsonl, Mail, Markdown, Org, Subtitles, Text, Tsv, Yaml};
    [Csv, Tsv, Json, Jsonl, Yaml, Markdown, Text, Org, Html, Subtitles, Mail]
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

/// One small file of each packed kind.
fn packed() -> [(Kind, Vec<u8>); 3] {
    let rows = "<row><c t=\"s\"><v>0</v></c><c t=\"str\"><v>b</v></c></row>\
                <row><c s=\"1\"><v>45413</v></c><c><f>1+1</f><v>2</v></c></row>";
    let xlsx =
        workbook(&[("A", "visible", rows), ("B", "hidden", "")], "<si><t>a &amp; b</t></si>");
    let ods = pack(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        (
            "content.xml",
            b"<c><table:table table:name='A'><table:table-row><table:table-cell \
              table:number-columns-repeated='2'><text:p>a</text:p></table:table-cell></table:table-row>\
              <table:table-row><table:table-cell office:value-type='float' office:value='4.5'>\
              <text:p>4,5</text:p></table:table-cell></table:table-row></table:table></c>",
        ),
    ]);
    let docx = pack(&[
        (
            "word/document.xml",
            b"<w:document><w:body><w:p><w:pPr><w:pStyle w:val='H'/></w:pPr><w:r><w:t>Head</w:t></w:r>\
              </w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p>\
              <w:r><w:t>A: x</w:t><w:tab/></w:r></w:p></w:body></w:document>",
        ),
        ("word/styles.xml", b"<s><w:style w:styleId='H'><w:name w:val='heading 1'/></w:style></s>"),
    ]);
    [(Kind::Xlsx, xlsx), (Kind::Ods, ods), (Kind::Docx, docx)]
}

#[test]
fn packed_files_are_told_by_what_is_in_them() {
    for (kind, bytes) in packed() {
        assert_eq!(look(&bytes), Looks::Packed(kind));
        let mut rows = Rows::new(1);
        kind.read(&bytes, &mut rows).unwrap();
        assert!(!rows.records.is_empty());
        check(&rows.records);
    }
}

/// Repacks an archive with the text of every part changed: damage that the checksums of an archive
/// would hide.
fn with_parts(bytes: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    use std::io::Read;
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut parts = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut part = Vec::new();
        entry.read_to_end(&mut part).unwrap();
        change(&mut part);
        parts.push((entry.name().unwrap().into_owned(), part));
    }
    let parts: Vec<_> = parts.iter().map(|(n, part)| (n.as_str(), part.as_slice())).collect();
    pack(&parts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_breaks_a_packed_reader(
        which in 0..3_usize,
        inside in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let (kind, whole) = packed()[which].clone();
        let damage = |bytes: &mut Vec<u8>| {
            for (at, byte) in &changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            if changes.len() % 2 == 1 && !bytes.is_empty() {
                bytes.truncate(cut.index(bytes.len()));
            }
        };
        let bytes = if inside {
            with_parts(&whole, damage)
        } else {
            let mut bytes = whole;
            damage(&mut bytes);
            bytes
        };
        let mut rows = Rows::new(1);
        if kind.read(&bytes, &mut rows).is_ok() {
            check(&rows.records);
        }
    }
}

#[test]
fn hostile_shapes_take_no_more_than_linear_time() {
    // Each of them would take minutes if it were quadratic, which would not go unnoticed.
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
        "<table><tr><td>".repeat(n),
        format!("<p>{}", "<b>x".repeat(n)),
        format!("<{}>", "a=1 ".repeat(n)),
        format!("- a: {}", "x ".repeat(n)),
        format!("{{{}", "a: &a x, b: *a, ".repeat(n / 10)),
        "? ".repeat(n),
        format!("WEBVTT\n\n{}", "00:01.000 --> 00:02.000\n<v A>x\n".repeat(n / 10)),
        "* \n| a | b |\n".repeat(n / 10),
        format!("* a\n{}", " *x".repeat(n)),
        format!("{}\n{}", "Q - a,".repeat(n), "1,".repeat(n)),
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
    assert_eq!([count(1), count(2), count(3)], [40, 25, 11]);
    assert_eq!(corpus.participants(), 10 + 25 + 1);
    let kinds: Vec<_> = corpus.findings.iter().map(|f| f.kind.as_str()).collect();
    // For the README and the program that stand beside the data.
    let skipped = ["skipped-file"; 2];
    let expected =
        [&skipped[..], &["outside-rows", "not-prose", "above-transcript", "moderator-turn"]]
            .concat();
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
