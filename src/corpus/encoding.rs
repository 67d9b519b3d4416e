//! Turns bytes into text: byte order marks, UTF-8 with faults, UTF-16, and a guess for the rest.
//!
//! Owns the choice of encoding, and says so in a finding whenever it is not plain UTF-8. Line ends
//! and control characters are left to `rows`, because JSON escapes bring them in later.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use super::findings::Findings;

/// Bytes looked at when guessing UTF-16 without a byte order mark.
const UTF16_SAMPLE: usize = 4096;

/// Bytes at the head of a page within which it declares its encoding, by the HTML standard.
const DECLARED_WITHIN: usize = 1024;

/// Text and the encoding it was read as.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// The encoding's usual name.
    pub encoding: &'static str,
}

/// Decodes a whole file. Never fails: invalid bytes become U+FFFD and are counted.
pub(super) fn decode(bytes: &[u8], findings: &mut Findings) -> Decoded {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return decode_as(encoding, &bytes[mark..], "it says so in its byte order mark", findings);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return decode_as(encoding, bytes, "every other byte is zero", findings);
    }
    let faults = Utf8Faults::count(bytes);
    // Pages are often saved as UTF-8 and still declare the encoding that they had. Bytes that are
    // valid as UTF-8 are UTF-8.
    if let Some(encoding) = declared(bytes)
        && (faults.broken > 0 || encoding == ISO_2022_JP)
    {
        return decode_as(encoding, bytes, "the page says so itself", findings);
    }
    // A file that holds more whole multi-byte characters than faults is UTF-8 with faults: in any
    // other encoding such sequences hardly ever come about. Guessing would garble every accent in
    // it for the sake of a few bad bytes.
    if faults.broken == 0 || faults.multibyte > faults.broken {
        return decode_as(UTF_8, bytes, "most of it is", findings);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    decode_as(guess, bytes, "it is not UTF-8, and this is the likeliest", findings)
}

fn decode_as(
    encoding: &'static Encoding,
    bytes: &[u8],
    reason: &str,
    findings: &mut Findings,
) -> Decoded {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let name = encoding.name();
    if encoding != UTF_8 {
        findings.note("encoding", None, || {
            format!(
                "read as {name}, because {reason}; if letters look wrong, save the file as UTF-8"
            )
        });
    }
    let first_bad = text.find('\u{FFFD}');
    if let Some(at) = first_bad {
        // The file itself may hold replacement characters, for what was lost before.
        let line = 1 + text[..at].matches('\n').count();
        findings.add("lost-characters", line, text.matches('\u{FFFD}').count(), || {
            format!(
                "characters that {name} could not give stand as U+FFFD, from line {line} on; some may \
                 have been lost before"
            )
        });
    }
    Decoded { text: text.into_owned(), encoding: name }
}

/// The encoding that a page declares in its first bytes, by `<meta charset>`, the older
/// `http-equiv` or the head of XML: where the HTML standard's prescan looks. A page that could be
/// read so far is not UTF-16, whatever it says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(DECLARED_WITHIN)].to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let label = |tag: &str, attribute: &str| {
        head.match_indices(tag).find_map(|(at, _)| {
            let inside = head[at..].split('>').next().unwrap_or_default();
            let (_, value) = inside.split_once(attribute)?;
            let value = value.trim_start().strip_prefix('=')?.trim_start_matches([' ', '"', '\'']);
            let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '?');
            Encoding::for_label(value.split(end).next()?.as_bytes())
        })
    };
    let encoding = label("<meta", "charset").or_else(|| label("<?xml", "encoding"))?;
    if [UTF_16LE, UTF_16BE].contains(&encoding) { Some(UTF_8) } else { Some(encoding) }
}

struct Utf8Faults {
    /// Number of whole characters of two bytes or more.
    multibyte: usize,
    /// Number of runs of bytes that are not a character.
    broken: usize,
}

impl Utf8Faults {
    fn count(bytes: &[u8]) -> Self {
        let mut faults = Self { multibyte: 0, broken: 0 };
        for chunk in bytes.utf8_chunks() {
            faults.multibyte += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            faults.broken += usize::from(!chunk.invalid().is_empty());
        }
        faults
    }
}

/// Whether a file is UTF-16, where zero bytes do not mean binary data.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let marked = Encoding::for_bom(bytes).is_some_and(|(encoding, _)| encoding != UTF_8);
    marked || utf16_without_mark(bytes).is_some()
}

/// Recognises UTF-16 without a byte order mark: mostly Latin text has a zero in every other byte,
/// and hardly any in between.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(UTF16_SAMPLE) & !1];
    if sample.len() < 4 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let pairs = sample.len() / 2;
    let even = sample.iter().step_by(2).filter(|b| **b == 0).count();
    let odd = sample.iter().skip(1).step_by(2).filter(|b| **b == 0).count();
    if odd * 10 >= pairs * 7 && even * 20 <= pairs {
        Some(UTF_16LE)
    } else if even * 10 >= pairs * 7 && odd * 20 <= pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, &'static str, Findings) {
        let mut findings = Findings::default();
        let decoded = decode(bytes, &mut findings);
        (decoded.text, decoded.encoding, findings)
    }

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn plain_utf8_gives_no_finding() {
        let (text, encoding, findings) = read("naïve, ça va — 日本".as_bytes());
        assert_eq!((text.as_str(), encoding), ("naïve, ça va — 日本", "UTF-8"));
        assert!(findings.kinds().is_empty());
    }

    #[test]
    fn a_page_that_says_what_it_is_is_believed_unless_it_is_utf8() {
        for head in [
            "<html><head><META Charset = 'Shift_JIS'>",
            "<meta name=a><meta http-equiv=\"Content-Type\" content=\"text/html; charset=shift_jis\"/>",
            "<?xml version=\"1.0\" encoding=\"Shift_JIS\"?>",
        ] {
            // "Tea" in Shift_JIS; too short to be guessed.
            let page = [head.as_bytes(), b"<p>\x92\x83"].concat();
            let (text, encoding, findings) = read(&page);
            assert!(text.ends_with("<p>茶") && encoding == "Shift_JIS", "{head}: {text}");
            assert_eq!(findings.kinds(), [("encoding", None, 1)]);
            let (text, encoding, findings) = read(format!("{head}<p>茶").as_bytes());
            assert!(text.ends_with("<p>茶") && encoding == "UTF-8", "{head}: {text}");
            assert!(findings.kinds().is_empty());
        }
        let (text, encoding, _) = read("<meta charset=utf-16><p>naïve \u{e9}".as_bytes());
        assert!(text.ends_with("naïve é") && encoding == "UTF-8");
        // A page that says nonsense, or says it too late, is guessed like any other file.
        assert_eq!(read(b"<meta charset=klingon><p>caf\xe9").1, "windows-1252");
        let late = [" ".repeat(2000).as_bytes(), b"<meta charset=shift_jis>caf\xe9"].concat();
        assert_eq!(read(&late).1, "windows-1252");
    }

    #[test]
    fn a_utf8_byte_order_mark_is_dropped() {
        let (text, encoding, findings) = read(b"\xEF\xBB\xBFname,age");
        assert_eq!((text.as_str(), encoding), ("name,age", "UTF-8"));
        assert!(findings.kinds().is_empty());
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        let marked = [b"\xFF\xFE".to_vec(), utf16le("name,café\n")].concat();
        for bytes in [marked, utf16le("name,café\n")] {
            let (text, encoding, findings) = read(&bytes);
            assert_eq!((text.as_str(), encoding), ("name,café\n", "UTF-16LE"));
            assert_eq!(findings.kinds(), [("encoding", None, 1)]);
        }
        let big: Vec<u8> = "name,café".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&big).1, "UTF-16BE");
    }

    #[test]
    fn windows_1252_is_recognised_and_reported() {
        let (text, encoding, findings) =
            read(b"Le caf\xE9 est tr\xE8s bon, mais l\x92appli est lente\n");
        assert_eq!(text, "Le café est très bon, mais l’appli est lente\n");
        assert_eq!(encoding, "windows-1252");
        assert_eq!(findings.kinds(), [("encoding", None, 1)]);
    }

    #[test]
    fn a_few_bad_bytes_do_not_garble_the_rest_of_a_utf8_file() {
        let (text, encoding, findings) = read(b"caf\xC3\xA9, na\xC3\xAFve\nbad \xFF byte\n");
        assert_eq!(text, "café, naïve\nbad \u{FFFD} byte\n");
        assert_eq!(encoding, "UTF-8");
        assert_eq!(findings.kinds(), [("lost-characters", Some(2), 1)]);
    }
}
