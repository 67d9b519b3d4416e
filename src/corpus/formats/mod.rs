//! File formats: which one a file has, by its name or else by its content, and its reader.
//!
//! Owns the list of what can be read and what to do about the rest, and each format's syntax. What
//! a label, a column or a note means is decided by [`super::talk`], [`super::tables`] and
//! [`super::notes`], so that it means the same in every format. Opens no file.

pub(super) mod archive;
pub(super) mod csv;
mod document;
pub(super) mod docx;
pub(super) mod front_matter;
pub(super) mod html;
pub(super) mod json;
pub(super) mod mail;
pub(super) mod markdown;
mod merged;
pub(super) mod ods;
pub(super) mod org;
mod outline;
pub(super) mod subtitles;
pub(super) mod text;
mod vault;
pub(super) mod xlsx;
mod xml;
pub(super) mod yaml;

use std::path::Path;

use self::archive::Kind;
use super::rows::Rows;

/// The formats that can be read, for messages.
pub(super) const SUPPORTED: &str = "CSV, TSV, JSON, JSONL, YAML, Markdown, text, org, HTML, XLSX, \
                                    ODS, DOCX, VTT, SRT, mbox and EML";

/// Bytes looked at when deciding whether a file is text.
const BINARY_SAMPLE: usize = 64 << 10;

/// First bytes of files that people give by mistake, and what to do about them.
const MAGIC: [(&[u8], &str, &str); 9] = [
    (b"%PDF", "a PDF", "save it as text, or as .docx"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it and give the files in it"),
    (b"GGUF", "a GGUF model, which belongs to --model", "name the research data with --input"),
    (b"\xD0\xCF\x11\xE0", "an old Office document", "save it as .xlsx or .docx"),
    (b"\x7FELF", "a program", ""),
    (b"\x89PNG", "an image", ""),
    (b"\xFF\xD8\xFF", "an image", ""),
    (b"\x1F\x8B", "a gzip archive", "unpack it"),
    (b"SQLite format 3\0", "an SQLite database", "export its tables as CSV"),
];

/// A format with a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A format that is text.
    Text(TextFormat),
    /// A ZIP archive of parts, as office programs write it.
    Packed(Kind),
}

/// A format that is text, in any encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFormat {
    Csv,
    Tsv,
    Json,
    Jsonl,
    Yaml,
    Markdown,
    Text,
    Org,
    Html,
    Subtitles,
    Mail,
}

/// What a file's name says of its format.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByName {
    Known(Format),
    /// A format without a reader that people keep research in: what it is, and what to do.
    Unsupported(&'static str, &'static str),
    Unknown,
}

impl Format {
    pub(super) fn by_name(path: &Path) -> ByName {
        use TextFormat::{Csv, Html, Json, Jsonl, Mail, Markdown, Org, Subtitles, Text, Tsv, Yaml};
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ByName::Known(match extension.as_str() {
            "csv" => Self::Text(Csv),
            "tsv" | "tab" => Self::Text(Tsv),
            "json" => Self::Text(Json),
            "jsonl" | "ndjson" => Self::Text(Jsonl),
            "yaml" | "yml" => Self::Text(Yaml),
            "md" | "markdown" | "mdown" => Self::Text(Markdown),
            "txt" | "text" => Self::Text(Text),
            "org" => Self::Text(Org),
            "html" | "htm" | "xhtml" => Self::Text(Html),
            "vtt" | "srt" => Self::Text(Subtitles),
            "mbox" | "mbx" | "eml" => Self::Text(Mail),
            "xlsx" | "xlsm" => Self::Packed(Kind::Xlsx),
            "ods" => Self::Packed(Kind::Ods),
            "docx" | "docm" => Self::Packed(Kind::Docx),
            "xls" | "xlsb" | "numbers" => {
                return ByName::Unsupported(
                    "a spreadsheet of this kind",
                    "save it as .xlsx or CSV",
                );
            }
            "doc" | "odt" | "rtf" | "pages" => {
                let hint = "save it as .docx or text";
                return ByName::Unsupported("a word processor's file of this kind", hint);
            }
            "pdf" => return ByName::Unsupported("a PDF", "save it as text, or as .docx"),
            "parquet" => return ByName::Unsupported("Parquet", "export it as CSV"),
            _ => return ByName::Unknown,
        })
    }

    /// The name of the format, as it stands in `SourceFile::format`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text(TextFormat::Csv) => "csv",
            Self::Text(TextFormat::Tsv) => "tsv",
            Self::Text(TextFormat::Json) => "json",
            Self::Text(TextFormat::Jsonl) => "jsonl",
            Self::Text(TextFormat::Yaml) => "yaml",
            Self::Text(TextFormat::Markdown) => "markdown",
            Self::Text(TextFormat::Text) => "text",
            Self::Text(TextFormat::Org) => "org",
            Self::Text(TextFormat::Html) => "html",
            Self::Text(TextFormat::Subtitles) => "subtitles",
            Self::Text(TextFormat::Mail) => "mail",
            Self::Packed(Kind::Xlsx) => "xlsx",
            Self::Packed(Kind::Ods) => "ods",
            Self::Packed(Kind::Docx) => "docx",
        }
    }
}

impl TextFormat {
    /// The format of a text by its content, for a file whose name does not tell.
    pub(super) fn by_content(content: &str) -> Self {
        let first = content.trim_start();
        let has_line = |starts: &[&str]| {
            content.lines().any(|line| starts.iter().any(|start| line.starts_with(start)))
        };
        if first.starts_with(['[', '{']) && json::looks_like_json(first) {
            Self::Json
        } else if html::looks_like_html(first) {
            Self::Html
        } else if subtitles::looks_like_subtitles(first) {
            Self::Subtitles
        } else if mail::looks_like_mail(content) {
            Self::Mail
        } else if yaml::looks_like_yaml(first) {
            Self::Yaml
        } else if csv::looks_like_table(content) {
            Self::Csv
        } else if has_line(&["#+TITLE:", "#+title:", ":PROPERTIES:"]) {
            Self::Org
        } else if has_line(&["# ", "## "]) {
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
            Self::Yaml => yaml::read(content, rows),
            Self::Markdown => markdown::read(content, rows),
            Self::Text => text::read(content, rows),
            Self::Org => org::read(content, rows),
            Self::Html => html::read(content, rows),
            Self::Subtitles => subtitles::read(content, rows),
            Self::Mail => mail::read(content, rows),
        }
    }
}

impl Kind {
    /// Reads a whole archive; fails with the cause when nothing of it can be used.
    pub(super) fn read(self, bytes: &[u8], rows: &mut Rows) -> Result<(), String> {
        match self {
            Self::Xlsx => xlsx::read(bytes, rows),
            Self::Ods => ods::read(bytes, rows),
            Self::Docx => docx::read(bytes, rows),
        }
    }
}

/// What the bytes of a file are, whatever its name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Looks {
    Text,
    Packed(Kind),
    /// Something that cannot be read: why, and what to do.
    Neither(String),
}

/// Tells text, archives and other bytes apart.
pub(super) fn look(bytes: &[u8]) -> Looks {
    match archive::kind_of(bytes) {
        Ok(Some(kind)) => return Looks::Packed(kind),
        Ok(None) => {}
        Err(cause) => return Looks::Neither(cause),
    }
    // A workbook with a password is an old Office document around the encrypted one.
    if bytes.starts_with(b"\xD0\xCF\x11\xE0") && holds_utf16(bytes, "EncryptedPackage") {
        return Looks::Neither(xlsx::PASSWORD.to_owned());
    }
    let Some((kind, hint)) = binary_kind(bytes) else { return Looks::Text };
    let hint = if hint.is_empty() { "export it as CSV or text" } else { hint };
    Looks::Neither(format!("it looks like {kind}, not text; supported: {SUPPORTED}\nhint: {hint}"))
}

fn holds_utf16(bytes: &[u8], text: &str) -> bool {
    let wanted: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// What a file that is not text looks like, and what to do; `None` for text in any encoding.
fn binary_kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if let Some((_, kind, hint)) = MAGIC.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Some((kind, hint));
    }
    if super::encoding::is_utf16(bytes) {
        return None;
    }
    // Text has next to no control characters, compressed data one byte in nine, programs more. A
    // stray NUL in a long text is a fault of the text and stripped later.
    let sample = &bytes[..bytes.len().min(BINARY_SAMPLE)];
    let is_control = |b: &&u8| b.is_ascii_control() && !b"\t\n\r\x0b\x0c\x1b".contains(b);
    (sample.iter().filter(is_control).count() * 20 > sample.len()).then_some(("binary data", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_whatever_their_case() {
        let by = |name: &str| Format::by_name(Path::new(name));
        assert_eq!(by("a.CSV"), ByName::Known(Format::Text(TextFormat::Csv)));
        assert_eq!(by("a.b.ndjson"), ByName::Known(Format::Text(TextFormat::Jsonl)));
        assert_eq!(by("a.xlsx"), ByName::Known(Format::Packed(Kind::Xlsx)));
        assert!(matches!(by("a.xls"), ByName::Unsupported(_, "save it as .xlsx or CSV")));
        assert_eq!(by("notes"), ByName::Unknown);
    }

    #[test]
    fn content_decides_where_the_name_does_not() {
        for (content, format) in [
            (" [{\"a\": 1}]", TextFormat::Json),
            ("{\"a\": 1}\n{\"a\": 2}\n", TextFormat::Json),
            ("[00:01] Ana: hello\n", TextFormat::Text),
            ("a;b\n1;2\n3;4\n", TextFormat::Csv),
            ("# Notes\n\nText, and more.\n", TextFormat::Markdown),
            ("#+TITLE: x\n* Notes\n", TextFormat::Org),
            ("<!DOCTYPE html><p>x", TextFormat::Html),
            ("WEBVTT\n\n00:01.000 --> 00:02.000\nx\n", TextFormat::Subtitles),
            ("1\n00:00:01,000 --> 00:00:02,000\nx\n", TextFormat::Subtitles),
            ("From: Ana <a@b.example>\nSubject: Lift\n\nSlow.\n", TextFormat::Mail),
            ("- who: Ana\n  why: late\n", TextFormat::Yaml),
            ("- one thing\n- another: this\n", TextFormat::Text),
            ("Just words, in a line.\n", TextFormat::Text),
        ] {
            assert_eq!(TextFormat::by_content(content), format, "{content:?}");
        }
    }

    #[test]
    fn binary_files_are_told_from_text_with_a_fault() {
        let kind = |bytes: &[u8]| binary_kind(bytes).map(|(kind, _)| kind);
        assert_eq!(kind(b"%PDF-1.7 and so on"), Some("a PDF"));
        assert_eq!(kind(&[0, 1, 2, 3, 250]), Some("binary data"));
        let noise: Vec<u8> =
            (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(kind(&noise), Some("binary data"));
        assert_eq!(kind(b"a long enough line of text with one \0 in it"), None);
        assert_eq!(kind("naïve 日本語 \u{1b}[0m".as_bytes()), None);
        assert_eq!(kind(b"\xFF\xFEa\0,\0b\0\n\0"), None);
    }
}
