//! Which format a file has: by its name, else by what is in it; and what is no text at all.
//!
//! Owns the list of what can be read and what to do about the rest. Opens no file.

use std::path::Path;

use super::{csv, json, markdown, rows::Rows, text};

/// For messages: what can be read.
pub(super) const SUPPORTED: &str = "CSV, TSV, JSON, JSONL, Markdown and text";

/// Bytes looked at when deciding whether a file is text.
const BINARY_SAMPLE: usize = 64 << 10;

/// First bytes of files that people give by mistake.
const MAGIC: [(&[u8], &str); 9] = [
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive (XLSX and DOCX files are ZIP archives)"),
    (b"GGUF", "a GGUF model, which belongs to --model"),
    (b"\xD0\xCF\x11\xE0", "an old Office document"),
    (b"\x7FELF", "a program"),
    (b"\x89PNG", "an image"),
    (b"\xFF\xD8\xFF", "an image"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"SQLite format 3\0", "an SQLite database"),
];

/// A format with a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Tsv,
    Json,
    Jsonl,
    Markdown,
    Text,
}

/// What a file's name says of its format.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByName {
    Known(Format),
    /// A format that people keep research in, but without a reader.
    Unsupported(&'static str),
    Unknown,
}

impl Format {
    pub(super) fn by_name(path: &Path) -> ByName {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ByName::Known(match extension.as_str() {
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::Jsonl,
            "md" | "markdown" | "mdown" => Self::Markdown,
            "txt" | "text" => Self::Text,
            "xlsx" | "xls" | "ods" => return ByName::Unsupported("a spreadsheet"),
            "docx" | "doc" | "odt" | "rtf" | "pages" => {
                return ByName::Unsupported("a word processor's file");
            }
            "pdf" => return ByName::Unsupported("a PDF"),
            "yaml" | "yml" => return ByName::Unsupported("YAML"),
            "html" | "htm" => return ByName::Unsupported("HTML"),
            "vtt" | "srt" => return ByName::Unsupported("subtitles"),
            "org" => return ByName::Unsupported("an org file"),
            "parquet" => return ByName::Unsupported("Parquet"),
            _ => return ByName::Unknown,
        })
    }

    /// The format of a file whose name says nothing.
    pub(super) fn by_content(content: &str) -> Self {
        let first = content.trim_start();
        if first.starts_with(['[', '{']) && json::looks_like_json(first) {
            Self::Json
        } else if csv::looks_like_table(content) {
            Self::Csv
        } else if content.lines().any(|line| line.starts_with("# ") || line.starts_with("## ")) {
            Self::Markdown
        } else {
            Self::Text
        }
    }

    /// Reads the whole text of a file; fails with the cause when nothing of it can be used.
    pub(super) fn read(self, content: &str, rows: &mut Rows) -> Result<(), String> {
        match self {
            Self::Csv => csv::read(content, None, rows),
            Self::Tsv => csv::read(content, Some(b'\t'), rows),
            Self::Json => json::read(content, rows),
            Self::Jsonl => json::read_lines(content, rows),
            Self::Markdown => markdown::read(content, rows),
            Self::Text => text::read(content, rows),
        }
    }

    /// As it stands in `SourceFile::format`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Markdown => "markdown",
            Self::Text => "text",
        }
    }
}

/// What a file looks like that is not text; `None` for text in any encoding.
pub(super) fn binary_kind(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(kind);
    }
    if super::encoding::is_utf16(bytes) {
        return None;
    }
    // Text has next to no control characters, compressed data one byte in nine, programs more. A
    // stray NUL in a long text is a fault of the text and stripped later.
    let sample = &bytes[..bytes.len().min(BINARY_SAMPLE)];
    let is_control = |b: &&u8| b.is_ascii_control() && !b"\t\n\r\x0b\x0c\x1b".contains(b);
    (sample.iter().filter(is_control).count() * 20 > sample.len()).then_some("binary data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_whatever_their_case() {
        let by = |name: &str| Format::by_name(Path::new(name));
        assert_eq!(by("a.CSV"), ByName::Known(Format::Csv));
        assert_eq!(by("a.b.ndjson"), ByName::Known(Format::Jsonl));
        assert_eq!(by("a.xlsx"), ByName::Unsupported("a spreadsheet"));
        assert_eq!(by("notes"), ByName::Unknown);
    }

    #[test]
    fn content_decides_where_the_name_does_not() {
        for (content, format) in [
            (" [{\"a\": 1}]", Format::Json),
            ("{\"a\": 1}\n{\"a\": 2}\n", Format::Json),
            ("[00:01] Ana: hello\n", Format::Text),
            ("a;b\n1;2\n3;4\n", Format::Csv),
            ("# Notes\n\nText, and more.\n", Format::Markdown),
            ("Just words, in a line.\n", Format::Text),
        ] {
            assert_eq!(Format::by_content(content), format, "{content:?}");
        }
    }

    #[test]
    fn binary_files_are_told_from_text_with_a_fault() {
        assert_eq!(binary_kind(b"%PDF-1.7 and so on"), Some("a PDF"));
        assert_eq!(binary_kind(&[0, 1, 2, 3, 250]), Some("binary data"));
        let noise: Vec<u8> =
            (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(binary_kind(&noise), Some("binary data"));
        assert_eq!(binary_kind(b"a long enough line of text with one \0 in it"), None);
        assert_eq!(binary_kind("naïve 日本語 \u{1b}[0m".as_bytes()), None);
        assert_eq!(binary_kind(b"\xFF\xFEa\0,\0b\0\n\0"), None);
    }
}
