//! Rewriting files in their own format.
//!
//! Owns the walk through a file's structure: which pieces of it are text, and under which column. A
//! CSV stays a CSV, a workbook a workbook. What a text is replaced by is up to the caller.

use std::io::{Cursor, Read, Write};

use serde_json::Value;

/// The name under which a text of a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under<'c> {
    /// The text stands under no name.
    Nothing,
    /// The text is itself the name of a column or field.
    Heading,
    /// The column or field of this name.
    Column(&'c str),
}

/// Callback that takes a text and returns what is to be written in its place.
pub type Rewrite<'a> = dyn FnMut(Under<'_>, &str) -> String + 'a;

/// Most bytes that the parts of an office file may unpack to, against zip bombs.
const MAX_UNPACKED: u64 = 1 << 30;

/// Rewrites a file in one of the formats that `corpus` names: `csv`, `tsv`, `json`, `jsonl`,
/// `html`, `xlsx`, `ods`, `docx`; any other is plain text. Text is UTF-8 in and out. An error says
/// what is broken in the file.
pub fn rewrite(format: &str, bytes: &[u8], rewrite: &mut Rewrite<'_>) -> Result<Vec<u8>, String> {
    if matches!(format, "xlsx" | "ods" | "docx") {
        return office(bytes, rewrite);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    match format {
        "csv" | "tsv" => table(text, rewrite),
        "json" => {
            let mut value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
            json(&mut value, Under::Nothing, rewrite);
            serde_json::to_vec_pretty(&value).map_err(|e| e.to_string())
        }
        "jsonl" => {
            Ok(text.split_inclusive('\n').flat_map(|line| json_line(line, rewrite)).collect())
        }
        "html" => {
            Ok(markup(text, &["p", "li", "td", "th", "h1", "h2", "h3", "title", "div"], rewrite)
                .into_bytes())
        }
        _ => Ok(rewrite(Under::Nothing, text).into_bytes()),
    }
}

fn table(text: &str, rewrite: &mut Rewrite<'_>) -> Result<Vec<u8>, String> {
    let delimiter = delimiter(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .terminator(if text.contains("\r\n") {
            csv::Terminator::CRLF
        } else {
            csv::Terminator::Any(b'\n')
        })
        .from_writer(Vec::new());
    let mut heads: Vec<String> = Vec::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|e| e.to_string())?;
        if number == 0 {
            heads = row.iter().map(str::to_owned).collect();
        }
        let column = |i: usize| match heads.get(i) {
            _ if number == 0 => Under::Heading,
            Some(head) => Under::Column(head),
            None => Under::Nothing,
        };
        let cells: Vec<String> =
            row.iter().enumerate().map(|(i, cell)| rewrite(column(i), cell)).collect();
        writer.write_record(&cells).map_err(|e| e.to_string())?;
    }
    writer.into_inner().map_err(|e| e.to_string())
}

/// The separator that cuts the first line into most cells.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |mark: u8| line.bytes().filter(|b| *b == mark).count();
    let marks = [b',', b';', b'\t', b'|'];
    marks.into_iter().rev().max_by_key(|mark| count(*mark)).unwrap_or(b',')
}

/// Rewrites every string of a document, keys included. A number becomes a string only if it
/// changes.
fn json(value: &mut Value, column: Under<'_>, rewrite: &mut Rewrite<'_>) {
    match value {
        Value::String(text) => *text = rewrite(column, text),
        Value::Number(number) => {
            let text = number.to_string();
            let new = rewrite(column, &text);
            if new != text {
                *value = Value::String(new);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| json(value, column, rewrite)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (key, mut value) in old {
                json(&mut value, Under::Column(&key), rewrite);
                // Two keys that become the same would lose a value.
                let mut new = rewrite(Under::Heading, &key);
                while fields.contains_key(&new) {
                    new.push('_');
                }
                fields.insert(new, value);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn json_line(line: &str, rewrite: &mut Rewrite<'_>) -> Vec<u8> {
    let body = line.trim_end_matches(['\n', '\r']);
    let end = &line[body.len()..];
    let new = match serde_json::from_str::<Value>(body) {
        Ok(mut value) => {
            json(&mut value, Under::Nothing, rewrite);
            value.to_string()
        }
        Err(_) => rewrite(Under::Nothing, body),
    };
    (new + end).into_bytes()
}

/// A piece of markup.
enum Piece<'t> {
    Tag(&'t str),
    Text(&'t str),
}

/// Rewrites the text between tags. Text that a format cuts into runs is rewritten as a whole, up to
/// the end of the element (one of `wholes`) that holds it, and then put into its first run.
fn markup(text: &str, wholes: &[&str], rewrite: &mut Rewrite<'_>) -> String {
    let mut out: Vec<String> = Vec::new();
    // Places in `out` of the runs that belong to one whole.
    let mut runs: Vec<usize> = Vec::new();
    // A formula is not text.
    let mut in_formula = false;
    for piece in pieces(text) {
        match piece {
            Piece::Text(run) => {
                if !in_formula {
                    runs.push(out.len());
                }
                out.push(run.to_owned());
            }
            Piece::Tag(tag) => {
                if ends_a_whole(tag, wholes) {
                    settle(&mut out, &mut runs, Under::Nothing, rewrite);
                }
                in_formula =
                    (tag.starts_with("<f>") || tag.starts_with("<f ")) && !tag.ends_with("/>");
                out.push(attributes(tag, rewrite));
            }
        }
    }
    settle(&mut out, &mut runs, Under::Nothing, rewrite);
    out.concat()
}

fn ends_a_whole(tag: &str, wholes: &[&str]) -> bool {
    let name = tag.trim_start_matches(['<', '/']);
    let name =
        name.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
    wholes.contains(&name) && !tag.ends_with("/>")
}

fn settle(out: &mut [String], runs: &mut Vec<usize>, under: Under<'_>, rewrite: &mut Rewrite<'_>) {
    let joined: String = runs.iter().map(|run| unescape(&out[*run])).collect();
    if !joined.trim().is_empty() {
        let new = rewrite(under, &joined);
        if new != joined {
            let full = runs.iter().copied().find(|run| !out[*run].trim().is_empty());
            for run in runs.iter() {
                out[*run].clear();
            }
            if let Some(first) = full {
                out[first] = escape(&new);
                as_text_cell(out, first);
            }
        }
    }
    runs.clear();
}

/// Gives a workbook's cell the text type where its number has become text.
fn as_text_cell(out: &mut [String], value: usize) {
    let [.., cell, tag] = &mut out[..value] else { return };
    if tag == "<v>" && cell.starts_with("<c ") && !cell.contains(" t=\"") {
        cell.insert_str(2, " t=\"str\"");
    }
}

/// Rewrites attributes that hold text: targets of links, alternative texts, titles, authors, and
/// the names of sheets.
fn attributes(tag: &str, rewrite: &mut Rewrite<'_>) -> String {
    let mut out = String::with_capacity(tag.len());
    let mut rest = tag;
    // Elements that name a sheet.
    let named = tag.starts_with("<sheet ") || tag.starts_with("<table:table ");
    let name = if named { "name=\"" } else { "href=\"" };
    while let Some(at) = [name, "href=\"", "alt=\"", "title=\"", "author=\""]
        .iter()
        .filter_map(|name| Some(rest.find(name)? + name.len()))
        .min()
    {
        let Some(length) = rest[at..].find('"') else { break };
        let value = unescape(&rest[at..at + length]);
        let is_author = rest[..at].ends_with("author=\"");
        let under = if is_author { Under::Column("author") } else { Under::Nothing };
        let new = rewrite(under, &value);
        out.push_str(&rest[..at]);
        out.push_str(&if new == value { rest[at..at + length].to_owned() } else { escape(&new) });
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let tag = rest.starts_with('<');
        let end = match (tag, rest.starts_with("<!--")) {
            (true, true) => rest.find("-->").map(|at| at + 3),
            (true, false) => rest.find('>').map(|at| at + 1),
            (false, _) => rest.find('<'),
        };
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(if tag { Piece::Tag(piece) } else { Piece::Text(piece) })
    })
}

/// Text with the five entities of XML and numeric references decoded.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = rest.find(';').filter(|end| *end <= 10).and_then(|end| {
            let name = &rest[1..end];
            let number =
                name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                });
            let c = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                _ => char::from_u32(number?)?,
            };
            Some((c, end + 1))
        });
        let (c, length) = known.unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a part of an office file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Text that people wrote.
    Content,
    /// Who made the file, and its title.
    Properties,
    /// Which parts belong together, and where links lead.
    Relations,
    /// Styles and pictures: nothing that was written, and nothing that may change.
    Other,
}

impl Part {
    fn of(name: &str) -> Self {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let of_style =
            ["styles", "theme", "settings", "webSettings", "fontTable", "numbering", "calcChain"];
        let is_style = of_style.iter().any(|stem| {
            let rest = file.strip_prefix(stem);
            rest.is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()) == ".xml")
        });
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
        // An OpenDocument keeps its headers and footers among its styles.
        let is_form = is_style && !folder.is_empty()
            || name == "settings.xml"
            || file == "[Content_Types].xml"
            || folder == "META-INF";
        if ending == "rels" {
            Self::Relations
        } else if ending != "xml" || is_form {
            Self::Other
        } else if folder == "docProps" || name == "meta.xml" {
            Self::Properties
        } else {
            Self::Content
        }
    }
}

/// Elements that say who made a file (`PEOPLE`) or what it is about (`ABOUT`).
const PEOPLE: [&str; 5] =
    ["dc:creator", "cp:lastModifiedBy", "meta:initial-creator", "Manager", "meta:printed-by"];
const ABOUT: [&str; 7] = [
    "dc:title",
    "dc:subject",
    "dc:description",
    "cp:keywords",
    "meta:keyword",
    "Company",
    "vt:lpwstr",
];

/// Rewrites the elements in [`PEOPLE`] and [`ABOUT`], each by itself.
fn properties(text: &str, rewrite: &mut Rewrite<'_>) -> String {
    let mut under = None;
    let mut new = String::with_capacity(text.len());
    for piece in pieces(text) {
        match (piece, under) {
            (Piece::Tag(tag), _) => {
                let name = tag.trim_start_matches('<');
                let end = name.find(|c: char| c.is_whitespace() || c == '>' || c == '/');
                let name = &name[..end.unwrap_or(name.len())];
                under = if PEOPLE.contains(&name) {
                    Some(Under::Column("author"))
                } else {
                    ABOUT.contains(&name).then_some(Under::Nothing)
                };
                new.push_str(tag);
            }
            (Piece::Text(run), Some(under)) => {
                new.push_str(&escape(&rewrite(under, &unescape(run))));
            }
            (Piece::Text(run), None) => new.push_str(run),
        }
    }
    new
}

/// Rewrites the targets of links that lead out of a file; other targets are its own parts.
fn relations(text: &str, rewrite: &mut Rewrite<'_>) -> String {
    let target = |tag: &str, rewrite: &mut Rewrite<'_>| {
        let start = tag.find(" Target=\"")? + " Target=\"".len();
        let end = start + tag[start..].find('"')?;
        let new = escape(&rewrite(Under::Nothing, &unescape(&tag[start..end])));
        Some(format!("{}{new}{}", &tag[..start], &tag[end..]))
    };
    pieces(text)
        .map(|piece| match piece {
            Piece::Tag(tag) if tag.contains("TargetMode=\"External\"") => {
                target(tag, rewrite).unwrap_or_else(|| tag.to_owned())
            }
            Piece::Tag(text) | Piece::Text(text) => text.to_owned(),
        })
        .collect()
}

/// Rewrites a zip archive of XML parts. Parts without text are copied as they are.
fn office(bytes: &[u8], rewrite: &mut Rewrite<'_>) -> Result<Vec<u8>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| e.to_string())?;
        let name = entry.name().map_err(|e| e.to_string())?.into_owned();
        let part = Part::of(&name);
        if part == Part::Other {
            writer.raw_copy_file(entry).map_err(|e| e.to_string())?;
            continue;
        }
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        let mut text = String::new();
        let read =
            entry.take(left + 1).read_to_string(&mut text).map_err(|e| format!("{name}: {e}"))?;
        left = left
            .checked_sub(read as u64)
            .ok_or_else(|| format!("{name} unpacks to more than a gigabyte"))?;
        let new = match part {
            Part::Properties => properties(&text, rewrite),
            Part::Relations => relations(&text, rewrite),
            Part::Content | Part::Other => {
                let wholes = ["w:p", "si", "is", "v", "text:p", "text:h", "a:p"];
                markup(&text, &wholes, rewrite)
            }
        };
        writer.start_file(name, options).map_err(|e| e.to_string())?;
        writer.write_all(new.as_bytes()).map_err(|e| e.to_string())?;
    }
    Ok(writer.finish().map_err(|e| e.to_string())?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A callback that turns Ana into Bea under any column, and a cell under `name` into `NAME`.
    fn ana(under: Under<'_>, text: &str) -> String {
        match under {
            Under::Column("name") => "NAME".to_owned(),
            _ => text.replace("Ana", "Bea").replace("447700900123", "PHONE"),
        }
    }

    fn of(format: &str, text: &str) -> String {
        String::from_utf8(rewrite(format, text.as_bytes(), &mut ana).unwrap()).unwrap()
    }

    #[test]
    fn tables_keep_their_marks_and_their_rows() {
        assert_eq!(
            of("csv", "name;said\nX;\"Ana; and\n\"\"Ana\"\"\"\nY\n"),
            "name;said\nNAME;\"Bea; and\n\"\"Bea\"\"\"\nNAME\n"
        );
        assert_eq!(of("tsv", "a\tAna\r\n1,2\tAna\r\n"), "a\tBea\r\n1,2\tBea\r\n");
    }

    #[test]
    fn json_keeps_its_shape() {
        let out = of("json", r#"[{"name":"Q","n":3,"tel":447700900123,"x":["Ana"],"Ana":null}]"#);
        let value: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            value,
            serde_json::json!([{"name":"NAME","n":3,"tel":"PHONE","x":["Bea"],"Bea":null}])
        );
        assert_eq!(
            of("jsonl", "{\"a\":\"Ana\"}\nnot json Ana\n"),
            "{\"a\":\"Bea\"}\nnot json Bea\n"
        );
    }

    #[test]
    fn markup_is_rewritten_across_its_runs() {
        assert_eq!(
            of("html", "<p>A<b>na</b> &amp; co</p><p title=\"Ana\">x</p>"),
            "<p>Bea &amp; co<b></b></p><p title=\"Bea\">x</p>"
        );
        assert_eq!(of("html", "<p>1 &lt; 2</p>"), "<p>1 &lt; 2</p>");
    }

    #[test]
    fn office_files_are_rewritten_part_by_part() {
        let part = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let parts = [
            part("xl/sharedStrings.xml", "<sst><si><t>A</t><t>na</t></si><si><t>b</t></si></sst>"),
            part(
                "xl/worksheets/sheet1.xml",
                "<row><c r=\"A1\"><v>447700900123</v></c><c r=\"A2\"><v>5</v></c></row>",
            ),
            part("docProps/core.xml", "<dc:creator>Ana</dc:creator><x>Ana</x>"),
            part("xl/media/image.png", "Ana"),
            part(
                "_rels/.rels",
                "<R Target=\"xl/Ana.xml\"/><R TargetMode=\"External\" Target=\"x/Ana\"/>",
            ),
            part("xl/styles.xml", "<font><name val=\"Ana\"/>Ana</font>"),
            part("xl/worksheets/sheet2.xml", "<c><f>Ana!A1</f><v>Ana</v></c>"),
        ];
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in &parts {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let new = rewrite("xlsx", &bytes, &mut ana).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(new)).unwrap();
        let mut read = |name: &str| {
            let mut text = String::new();
            archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read(&parts[0].0), "<sst><si><t>Bea</t><t></t></si><si><t>b</t></si></sst>");
        assert_eq!(
            read(&parts[1].0),
            "<row><c t=\"str\" r=\"A1\"><v>PHONE</v></c><c r=\"A2\"><v>5</v></c></row>"
        );
        assert_eq!(read(&parts[2].0), "<dc:creator>Bea</dc:creator><x>Ana</x>");
        assert_eq!(read(&parts[3].0), "Ana");
        let relations = "<R Target=\"xl/Ana.xml\"/><R TargetMode=\"External\" Target=\"x/Bea\"/>";
        assert_eq!(read(&parts[4].0), relations);
        assert_eq!(read(&parts[5].0), parts[5].1);
        assert_eq!(read(&parts[6].0), "<c><f>Ana!A1</f><v>Bea</v></c>");
        assert!(rewrite("xlsx", b"PK no", &mut ana).is_err());
    }
}
