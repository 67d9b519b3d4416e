//! Office files as what they are: ZIP archives of XML.
//!
//! Owns the limits on what an archive may unpack to, checked by unpacking (sizes in a header may
//! lie) before any reader sees it. Everything stays in memory: names in an archive are looked up
//! and never become paths.

use std::io::{self, Cursor, Read};

use zip::ZipArchive;

use crate::corpus::encoding::decode;
use crate::corpus::findings::Findings;

/// The first bytes of an archive with anything in it.
const MAGIC: &[u8] = b"PK\x03\x04";

/// Most entries of an archive; a workbook with a thousand sheets and as many pictures has fewer.
const MAX_ENTRIES: usize = 10_000;

/// Most bytes of XML in an archive, unpacked.
const MAX_UNPACKED: u64 = 512 << 20;

/// Maximum compression ratio of the XML parts. Repetitive sheets reach about 100, a deflate bomb
/// 1,000.
const MAX_RATIO: u64 = 400;

/// Unpacked bytes below which the ratio is not checked.
const SMALL: u64 = 8 << 20;

/// An archive within the limits.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Opens an archive and unpacks all its XML once, to see that it is within the limits.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let mut archive = Self::peek(bytes)?;
        archive.check(bytes.len() as u64)?;
        Ok(archive)
    }

    /// Opens an archive to look at its names alone.
    fn peek(bytes: &'a [u8]) -> Result<Self, String> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            format!(
                "it is damaged, or not all of it is there: {error}\nhint: open it in the program \
                 it comes from and save it again"
            )
        })?;
        if zip.len() > MAX_ENTRIES {
            return Err(format!(
                "it holds more than {MAX_ENTRIES} parts, as no document does\nhint: export it as \
                 CSV or text"
            ));
        }
        Ok(Self { zip })
    }

    fn check(&mut self, packed: u64) -> Result<(), String> {
        let mut unpacked = 0;
        for index in 0..self.zip.len() {
            let Ok(entry) = self.zip.by_index(index) else { continue };
            let is_xml = entry.name().is_ok_and(|name| is_xml(&name));
            if !is_xml {
                continue;
            }
            // A damaged part is an error only if it is read later.
            let mut counted = Counted(0);
            let _ = io::copy(&mut entry.take(MAX_UNPACKED + 1 - unpacked), &mut counted);
            unpacked += counted.0;
            if unpacked > MAX_UNPACKED {
                return Err(format!(
                    "it unpacks to more than {} MiB\nhint: split it, or export it as CSV or text",
                    MAX_UNPACKED >> 20
                ));
            }
        }
        let ratio = unpacked / packed.max(1);
        if unpacked > SMALL && ratio > MAX_RATIO {
            return Err(format!(
                "it unpacks to {ratio} times its size, as no document does\nhint: if it is one, \
                 export it as CSV or text"
            ));
        }
        Ok(())
    }

    /// The name of the main part, such as `word/document`: some programs number it.
    pub(crate) fn main_part(&self, stem: &str) -> Option<String> {
        let is_main = |name: &str| {
            let number = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".xml"));
            number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut names = self.zip.file_names().flatten();
        names.find(|name| is_main(name)).map(Into::into)
    }

    /// Whether there is an entry of this name.
    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// The text of an entry; `None` when there is no entry of this name.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        if !self.has(name) {
            return Ok(None);
        }
        let damaged = |error: &dyn std::fmt::Display| {
            format!(
                "its part '{name}' cannot be read: {error}\nhint: open it in the program it comes \
                 from and save it again"
            )
        };
        let entry = self.zip.by_name(name).map_err(|error| damaged(&error))?;
        let mut bytes = Vec::new();
        entry.take(MAX_UNPACKED).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        // XML says its own encoding; UTF-8 and UTF-16 are all that these formats allow.
        Ok(Some(decode(&bytes, &mut Findings::default()).text))
    }
}

/// What kind of document an archive holds, by the entry that each kind must have; `None` for bytes
/// that are not an archive, and for an archive of another kind. Fails when an archive is damaged.
pub(crate) fn kind_of(bytes: &[u8]) -> Result<Option<Kind>, String> {
    if !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    let mut archive = Archive::peek(bytes)?;
    if archive.main_part("xl/workbook").is_some() {
        return Ok(Some(Kind::Xlsx));
    }
    if archive.main_part("word/document").is_some() {
        return Ok(Some(Kind::Docx));
    }
    let mut mime = String::new();
    if let Ok(entry) = archive.zip.by_name("mimetype") {
        // An entry that cannot be read does not mark a workbook.
        let _ = entry.take(100).read_to_string(&mut mime);
    }
    Ok(mime.contains("opendocument.spreadsheet").then_some(Kind::Ods))
}

/// A kind of document in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An Office Open XML workbook.
    Xlsx,
    /// An OpenDocument workbook.
    Ods,
    /// An Office Open XML text document.
    Docx,
}

fn is_xml(name: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or_default();
    end.eq_ignore_ascii_case("xml") || end.eq_ignore_ascii_case("rels")
}

/// Counts what is written to it.
struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For tests: an archive of these entries.
#[cfg(test)]
pub(crate) fn pack(entries: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(bytes: &[u8]) -> String {
        Archive::open(bytes).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio_and_a_picture_is_not_counted() {
        let zeros = vec![b' '; 16 << 20];
        let bomb = pack(&[("word/document.xml", &zeros)]);
        assert!(bomb.len() < 1 << 16);
        assert!(cause(&bomb).contains("times its size, as no document"), "{}", cause(&bomb));
        assert!(Archive::open(&pack(&[("word/media/a.png", &zeros)])).is_ok());
    }

    #[test]
    fn a_bomb_of_many_parts_is_refused_by_its_sum() {
        let part = vec![b' '; 60 << 20];
        let names: Vec<_> = (0..9).map(|i| format!("{i}.xml")).collect();
        let parts: Vec<(&str, &[u8])> =
            names.iter().map(|n| (n.as_str(), part.as_slice())).collect();
        assert!(cause(&pack(&parts)).contains("more than 512 MiB"));
    }

    #[test]
    fn too_many_parts_and_a_torn_archive_are_refused() {
        let names: Vec<_> = (0..=MAX_ENTRIES).map(|i| format!("{i}")).collect();
        let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        assert!(cause(&pack(&parts)).contains("more than 10000 parts"));
        let whole = pack(&[("a.xml", b"<a/>")]);
        let cause = cause(&whole[..whole.len() / 2]);
        assert!(cause.contains("damaged") && cause.contains("hint: open it"), "{cause}");
    }

    #[test]
    fn names_that_climb_out_are_names_like_any_other() {
        let bytes = pack(&[("../../etc/x.xml", b"<a/>"), ("word/document.xml", b"<b/>")]);
        assert_eq!(kind_of(&bytes), Ok(Some(Kind::Docx)));
        let text = Archive::open(&bytes).unwrap().text("../../etc/x.xml").unwrap();
        assert_eq!(text.as_deref(), Some("<a/>"));
    }
}
