//! Turns files into a corpus: reads them, and decides what becomes of those that cannot be used.
//!
//! Owns reading from disk, its limits, and the choice between a finding and an error. Which files
//! there are is decided in `inputs`; what is in a file, by the reader of its format.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base16ct::lower::encode_string;
use sha2::{Digest, Sha256};

use super::columns::mark_said;
use super::encoding::decode;
use super::findings::Findings;
use super::formats::front_matter;
use super::formats::{ByName, Format, Looks, SUPPORTED, TextFormat, look};
use super::inputs::{self, Candidate, Chosen, Found, skipped};
use super::rows::{Beside, Rows};
use super::study_papers;
use super::tables::across_files;
use super::tables::cover;
use super::tables::facts;
use super::tables::people;
use super::{Corpus, CorpusError, Finding, Record, SourceFile, is_prose};

/// Largest file that is read, in bytes. A record costs several times its bytes in memory, and
/// research that a person can have collected is smaller by orders of magnitude.
const MAX_FILE: u64 = 256 << 20;

/// Name that stands for the encoding of an office file, whose parts have one each.
const PACKED: &str = "ZIP";

/// Bytes at the head of a note that are searched for the name of its participant.
const FRONT_MATTER: u64 = 16 << 10;

/// Most reasons named when no file can be used; the others are counted.
const MAX_REASONS: usize = 3;

/// Loads files into one corpus. An input is a file, a directory (with all below it, sorted by name,
/// except hidden files), a pattern such as `data/*.csv` that is not itself the name of a file, or
/// `-` for what is piped in. A path that does not exist is an error; a file that cannot be used is
/// an error only when no other can be.
pub fn load(inputs: &[PathBuf]) -> Result<Corpus, CorpusError> {
    let mut found = Found::default();
    for input in inputs {
        found.add_input(input)?;
    }
    let mut corpus = Corpus { findings: found.findings, ..Corpus::default() };
    let mut hashes = HashMap::new();
    let mut paths = found.candidates.iter().map(|candidate| &candidate.path);
    let has_named_notes = paths.any(|path| is_note_of_participant(path));
    let beside = if has_named_notes { Beside::NamedNotes } else { Beside::Anything };
    let mut papers = Vec::new();
    for candidate in &found.candidates {
        match add_file(&mut corpus, candidate, beside, &mut hashes, Papers::Aside) {
            Ok(Added::Records) => {}
            Ok(Added::Paper) => papers.push(candidate),
            Err(cause) => corpus.findings.push(skipped(&candidate.name, cause)),
        }
    }
    let has_others = !corpus.records.is_empty();
    for candidate in papers {
        if has_others {
            corpus.findings.push(skipped(&candidate.name, PAPER.to_owned()));
        } else if let Err(cause) =
            add_file(&mut corpus, candidate, beside, &mut hashes, Papers::Read)
        {
            corpus.findings.push(skipped(&candidate.name, cause));
        }
    }
    if corpus.records.is_empty() {
        return Err(nothing(inputs, &corpus.findings));
    }
    people::find(&mut corpus);
    across_files::join(&mut corpus);
    facts::join(&mut corpus);
    Ok(corpus)
}

/// Why a paper of the study is not read.
const PAPER: &str = "it reads like a paper of the study (a form to sign, questions to ask, a codebook) beside \
                     the words of participants\nhint: name the file to have it read";

/// What becomes of papers of a study in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Papers {
    /// They wait until the other files are read.
    Aside,
    /// They are read like any other file.
    Read,
}

/// What a file turned out to be.
enum Added {
    Records,
    /// A paper of the study, of which nothing was added.
    Paper,
}

/// Reads one file into the corpus; fails with the cause when it gives no record.
fn add_file(
    corpus: &mut Corpus,
    candidate: &Candidate,
    beside: Beside,
    hashes: &mut HashMap<String, String>,
    papers: Papers,
) -> Result<Added, String> {
    if candidate.chosen == Chosen::Among && is_list_of_slack(&candidate.path) {
        return Err(
            "it lists the members or channels of a Slack export, and holds no message".to_owned()
        );
    }
    let by_name = Format::by_name(&candidate.path);
    if let ByName::Unsupported(what, hint) = by_name {
        return Err(format!("{what} cannot be read; supported: {SUPPORTED}\nhint: {hint}"));
    }
    let bytes = content(&candidate.path)?;
    let sha256 = encode_string(&Sha256::digest(&bytes));
    if let Some(same) = hashes.get(&sha256) {
        return Err(format!("it has the same content as {same}, which is read already"));
    }

    let mut rows = Rows::new(corpus.files.len() + 1);
    rows.beside = beside;
    let outcome = read(bytes, by_name, &mut rows);
    let may_be_paper = papers == Papers::Aside && candidate.chosen == Chosen::Among;
    let is_paper = || {
        study_papers::is_paper(&candidate.path, &rows.records) || cover::is_codebook(&rows.records)
    };
    if outcome.is_ok() && may_be_paper && is_paper() {
        return Ok(Added::Paper);
    }
    corpus.findings.extend(std::mem::take(&mut rows.findings).of_file(&candidate.name));
    let (format, encoding) = outcome?;
    if rows.records.is_empty() {
        return Err("there is no text in it".to_owned());
    }
    hashes.insert(sha256.clone(), candidate.name.clone());
    let format = name_of(format, &rows);
    let mut findings = Findings::default();
    mark_said(&mut rows.records, is_prose(format), &mut findings);
    corpus.findings.extend(findings.of_file(&candidate.name));
    corpus.records.append(&mut rows.records);
    corpus.other_names.append(&mut rows.other_names);
    corpus.other_names.sort_unstable();
    corpus.other_names.dedup();
    corpus.files.push(SourceFile {
        number: corpus.files.len() + 1,
        name: candidate.name.clone(),
        path: candidate.path.clone(),
        format: format.to_owned(),
        encoding: encoding.to_owned(),
        sha256,
    });
    Ok(Added::Records)
}

/// The bytes of a file that holds something.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read_bytes(path)?;
    if !bytes.trim_ascii().is_empty() {
        return Ok(bytes);
    }
    Err(if inputs::is_stdin(path) {
        "nothing was piped in\nhint: pipe the data in, as in 'persona ... < FILE'; to resume a run, \
         the same data again"
            .to_owned()
    } else {
        "the file is empty".to_owned()
    })
}

/// Whether a file is one of the lists that stand beside the channels in an export of Slack.
fn is_list_of_slack(path: &Path) -> bool {
    const LISTS: [&str; 8] = [
        "users.json",
        "channels.json",
        "groups.json",
        "dms.json",
        "mpims.json",
        "canvases.json",
        "integration_logs.json",
        "file_conversations.json",
    ];
    let is_list = path.file_name().is_some_and(|name| LISTS.iter().any(|list| name == *list));
    let has = |name: &str| path.with_file_name(name).is_file();
    is_list && has("users.json") && has("channels.json")
}

/// Whether a file is a note that names its participant at its head.
fn is_note_of_participant(path: &Path) -> bool {
    let is_note = Format::by_name(path) == ByName::Known(Format::Text(TextFormat::Markdown));
    if !is_note || !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FRONT_MATTER).read_to_end(&mut head));
    let named = || front_matter::read(&String::from_utf8_lossy(&head), &mut Rows::new(1));
    read.is_ok() && named().is_some_and(|front| front.participant.is_some())
}

/// Reads bytes as what they are. A name that says otherwise is a finding: exports called `.xls` or
/// `.csv` are often something else.
fn read(
    bytes: Vec<u8>,
    by_name: ByName,
    rows: &mut Rows,
) -> Result<(Format, &'static str), String> {
    match (look(&bytes), by_name) {
        (Looks::Neither(cause), _) => Err(cause),
        (Looks::Packed(kind), by_name) => {
            let format = Format::Packed(kind);
            if matches!(by_name, ByName::Known(said) if said != format) {
                note_misnamed(format, rows);
            }
            kind.read(&bytes, rows)?;
            Ok((format, PACKED))
        }
        (Looks::Text, by_name) => {
            let decoded = decode(&bytes, &mut rows.findings);
            drop(bytes);
            let format = match by_name {
                ByName::Known(Format::Text(format)) => format,
                ByName::Known(Format::Packed(_)) => {
                    let format = TextFormat::by_content(&decoded.text);
                    note_misnamed(Format::Text(format), rows);
                    format
                }
                _ => TextFormat::by_content(&decoded.text),
            };
            format.read(&decoded.text, rows)?;
            Ok((Format::Text(format), decoded.encoding))
        }
    }
}

fn note_misnamed(format: Format, rows: &mut Rows) {
    rows.findings.note("misnamed-file", None, || {
        format!("its name says another format than its content; read as {}", format.name())
    });
}

/// The name of a file's format. A page or a Markdown file of nothing but tables counts as a table:
/// its rows are participants, not paragraphs of one person who is described above them.
fn name_of(format: Format, rows: &Rows) -> &'static str {
    let prose = ["section", "question", "text"];
    let is_row =
        |record: &Record| record.columns.iter().any(|column| !prose.contains(&&*column.name));
    let is_table = !rows.has_one_writer && rows.records.iter().all(is_row);
    match format {
        Format::Text(TextFormat::Html) if is_table => "html table",
        Format::Text(TextFormat::Markdown) if is_table => "markdown table",
        format => format.name(),
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Result<Vec<u8>, String>> {
        if inputs::is_stdin(path) {
            return within_limit(io::stdin().lock());
        }
        // Asked before opening: opening a pipe or a device can block or have effects.
        if !fs::metadata(path)?.is_file() {
            return Ok(
                Err("it is not a regular file\nhint: save its content to a file".to_owned()),
            );
        }
        within_limit(File::open(path)?)
    };
    read().unwrap_or_else(|error| Err(format!("it cannot be read: {error}")))
}

fn within_limit(source: impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Ok(Err(format!(
            "it is larger than {} MiB\nhint: split it, or leave out columns that are not text",
            MAX_FILE >> 20
        )));
    }
    Ok(Ok(bytes))
}

/// The error when no input gave a record: the one reason, or the first few.
fn nothing(inputs: &[PathBuf], findings: &[Finding]) -> CorpusError {
    let paths: Vec<_> = inputs.iter().map(|path| path.display().to_string()).collect();
    let skipped: Vec<_> = findings.iter().filter(|f| f.kind == "skipped-file").collect();
    let cause = match (inputs, skipped.as_slice()) {
        ([], _) => "no file was given\nhint: name one with --input".to_owned(),
        (_, []) => format!("there are no files in it\nhint: supported are {SUPPORTED}"),
        ([input], [only]) if !input.is_dir() => only.message.clone(),
        _ => {
            let mut cause = String::from("none of the files can be used");
            for finding in skipped.iter().take(MAX_REASONS) {
                let reason = finding.message.replace("\nhint: ", "; ");
                let _ = write!(cause, "\n  {}: {reason}", finding.file);
            }
            if skipped.len() > MAX_REASONS {
                let _ = write!(cause, "\n  and {} more", skipped.len() - MAX_REASONS);
            }
            cause
        }
    };
    CorpusError::Nothing { path: paths.join(", "), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn load_all(folder: &tempfile::TempDir, names: &[&str]) -> Result<Corpus, CorpusError> {
        load(&names.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>())
    }

    fn kinds(corpus: &Corpus) -> Vec<(&str, &str)> {
        corpus.findings.iter().map(|f| (f.file.as_str(), f.kind.as_str())).collect()
    }

    fn cause(folder: &tempfile::TempDir, names: &[&str]) -> String {
        load_all(folder, names)
            .unwrap_err()
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn lists_beside_the_channels_of_slack_are_left_out() {
        let message = br#"[{"type": "message", "user": "U1", "user_profile": {"real_name": "Hana"},
                            "text": "Is anyone else's staging broken?"}]"#;
        let lists =
            br#"[{"id": "U1", "name": "hana", "purpose": {"value": "Be kind, paste logs"}}]"#;
        let folder = folder(&[
            ("channels.json", lists),
            ("ops/2024-03-11.json", message),
            ("users.json", br#"[{"id": "U1", "name": "hana"}]"#),
        ]);
        let corpus = load_all(&folder, &[""]).unwrap();
        let who: Vec<_> = corpus.records.iter().map(|r| r.participant.as_deref()).collect();
        assert_eq!(who, [Some("Hana")]);
        assert_eq!(corpus.files.len(), 1);
    }

    #[test]
    fn a_codebook_beside_answers_is_left_out_and_one_that_is_named_is_read() {
        let folder = folder(&[
            ("data.csv", b"record_id,hardest\n1,Guessing at every meal\n2,The alarms at night\n"),
            (
                "dictionary.csv",
                b"Variable / Field Name,Field Type,Field Label\nhardest,notes,What is the hardest part?\n",
            ),
        ]);
        assert_eq!(load_all(&folder, &[""]).unwrap().records.len(), 2);
        assert_eq!(load_all(&folder, &["data.csv", "dictionary.csv"]).unwrap().records.len(), 3);
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_its_names() {
        let folder = folder(&[
            ("b.txt", b"Some words."),
            ("a.csv", b"x,y\n1,2\n"),
            ("c/d.jsonl", b"{\"k\": 1}\n"),
            (".hidden.csv", b"x\n1\n"),
            ("README.md", b"About these files."),
            ("logo.png", b"\x89PNG"),
            ("old.xls", b"PK"),
        ]);
        let corpus = load_all(&folder, &[""]).unwrap();
        let files: Vec<_> =
            corpus.files.iter().map(|f| (f.number, f.name.as_str(), f.format.as_str())).collect();
        assert_eq!(files, [(1, "a.csv", "csv"), (2, "b.txt", "text"), (3, "c/d.jsonl", "jsonl")]);
        let ids: Vec<_> = corpus.records.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["f1#0", "f2#0", "f3#0"]);
        assert_eq!(
            kinds(&corpus),
            [
                ("README.md", "skipped-file"),
                ("logo.png", "skipped-file"),
                ("old.xls", "skipped-file")
            ]
        );
    }

    #[test]
    fn an_index_among_notes_that_name_their_participants_is_nobodys() {
        let files: [(&str, &[u8]); 3] = [
            ("P01.md", b"---\nparticipant: P01\n---\nI wait.\n"),
            ("index.md", b"---\ntags: [moc]\n---\nAll wait.\n"),
            ("other.md", b"I queue.\n"),
        ];
        let corpus = load_all(&folder(&files), &[""]).unwrap();
        let texts: Vec<_> = corpus.records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(texts, ["participant: P01\ntext: I wait.", "I queue."]);
        assert!(kinds(&corpus).contains(&("index.md", "researchers-note")), "{:?}", kinds(&corpus));
        let corpus = load_all(&folder(&files[1..]), &[""]).unwrap();
        assert_eq!(corpus.records.len(), 2, "nobody is named anywhere");
    }

    #[test]
    fn papers_of_a_study_are_left_out_beside_participants_words_only() {
        let form = b"CONSENT FORM\n\nI agree to take part.\n\nSignature: ________\n";
        let folder = folder(&[("consent.txt", form), ("p1.txt", b"I wait an hour each day.")]);
        let corpus = load_all(&folder, &[""]).unwrap();
        assert_eq!(corpus.files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["p1.txt"]);
        assert_eq!(kinds(&corpus), [("consent.txt", "skipped-file")]);
        // What the user names is read.
        assert_eq!(load_all(&folder, &["consent.txt", "p1.txt"]).unwrap().files.len(), 2);
        fs::remove_file(folder.path().join("p1.txt")).unwrap();
        assert_eq!(load_all(&folder, &[""]).unwrap().files.len(), 1);
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let folder = folder(&[("a.txt", b"abc")]);
        let corpus = load_all(&folder, &["a.txt"]).unwrap();
        assert_eq!(
            corpus.files[0].sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(corpus.files[0].encoding, "UTF-8");
    }

    #[test]
    fn what_comes_twice_is_read_once() {
        let folder = folder(&[("a.csv", b"x,y\n1,2\n"), ("b.csv", b"x,y\n1,2\n")]);
        let corpus = load_all(&folder, &["a.csv", "b.csv", "a.csv"]).unwrap();
        assert_eq!(corpus.records.len(), 1);
        assert_eq!(kinds(&corpus), [("a.csv", "duplicate-input"), ("b.csv", "skipped-file")]);
    }

    #[test]
    fn a_pattern_that_the_shell_left_alone_is_followed() {
        let folder = folder(&[
            ("b.csv", b"x,y\n1,2\n"),
            ("a.csv", b"x,y\n3,4\n"),
            (".c.csv", b"x,y\n5,6\n"),
            ("in/d.csv", b"x,y\n7,8\n"),
            ("e[1].csv", b"x,y\n9,0\n"),
        ]);
        let names = |pattern: &str| -> Vec<String> {
            let corpus = load_all(&folder, &[pattern]).unwrap();
            let root = format!("{}/", folder.path().display());
            corpus.files.iter().map(|file| file.name.replace(&root, "")).collect()
        };
        assert_eq!(names("[ab].csv"), ["a.csv", "b.csv"]);
        assert_eq!(names("**/?.csv"), ["a.csv", "b.csv", "in/d.csv"]);
        // The name of a file that exists is taken as it stands, even if it reads like a pattern.
        assert_eq!(names("e[1].csv"), ["e[1].csv"]);
        let message = cause(&folder, &["*.ods"]);
        assert!(
            message.contains("no usable records in /*.ods: no file has a name of this"),
            "{message}"
        );
        assert!(cause(&folder, &["a***.csv"]).contains("it is not a pattern"));
    }

    #[test]
    fn a_file_is_read_as_what_it_is_whatever_its_name_says() {
        let workbook = super::super::formats::xlsx::workbook(
            &[(
                "A",
                "visible",
                "<row><c t=\"str\"><v>a</v></c></row><row><c t=\"str\"><v>x</v></c></row>",
            )],
            "",
        );
        let locked: Vec<u8> = b"\xD0\xCF\x11\xE0"
            .iter()
            .copied()
            .chain("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let folder = folder(&[
            ("a.csv", &workbook),
            ("b.xlsx", b"k,v\n1,2\n3,4\n"),
            ("c.xlsx", &locked),
            ("d.docx", &workbook[..workbook.len() / 2]),
        ]);
        let corpus = load_all(&folder, &["a.csv", "b.xlsx"]).unwrap();
        let files: Vec<_> = corpus.files.iter().map(|file| file.format.as_str()).collect();
        assert_eq!(files, ["xlsx", "csv"]);
        assert_eq!(kinds(&corpus), [("a.csv", "misnamed-file"), ("b.xlsx", "misnamed-file")]);
        assert!(cause(&folder, &["c.xlsx"]).contains("protected by a password\nhint: open it"));
        assert!(cause(&folder, &["d.docx"]).contains("damaged"), "{}", cause(&folder, &["d.docx"]));
    }

    #[test]
    fn a_missing_path_is_named_even_beside_good_ones() {
        let folder = folder(&[("a.csv", b"x,y\n1,2\n")]);
        let message = cause(&folder, &["a.csv", "b.csv"]);
        assert!(message.starts_with("cannot read /b.csv: No such file"), "{message}");
        assert!(message.contains("hint: check the spelling"), "{message}");
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
        let folder = folder(&[
            ("empty.csv", b""),
            ("blank.txt", b" \n\n"),
            ("mark.txt", b"\xEF\xBB\xBF"),
            ("model.csv", b"GGUF\x03\0\0\0"),
            ("noise.txt", b"\0\x01\x02\x03\x04"),
            ("deck.pdf", b"%PDF-1.7"),
            ("commas.csv", b"a,b\n,\n , \n"),
            ("none/.keep", b""),
        ]);
        for (name, expected) in [
            ("empty.csv", "no usable records in /empty.csv: the file is empty"),
            ("blank.txt", "the file is empty"),
            ("mark.txt", "there is no text in it"),
            ("model.csv", "it looks like a GGUF model, which belongs to --model"),
            ("noise.txt", "it looks like binary data, not text; supported: CSV, TSV"),
            ("deck.pdf", "a PDF cannot be read; supported: CSV"),
            ("commas.csv", "there is no text in it"),
            ("none", "no usable records in /none: there are no files in it"),
        ] {
            let message = cause(&folder, &[name]);
            assert!(message.contains(expected), "{name}: {message}");
        }
    }

    #[test]
    fn one_unusable_file_among_good_ones_is_a_finding() {
        let folder = folder(&[("a.csv", b"x,y\n1,2\n"), ("b.bin", b"\0\0\0"), ("c.pdf", b"%PDF")]);
        let corpus = load_all(&folder, &["b.bin", "a.csv", "c.pdf"]).unwrap();
        assert_eq!(corpus.files[0].number, 1);
        assert_eq!(kinds(&corpus), [("b.bin", "skipped-file"), ("c.pdf", "skipped-file")]);
        let message = cause(&folder, &["b.bin", "c.pdf"]);
        assert!(message.contains("b.bin: it looks like binary"), "{message}");
        assert!(message.contains("c.pdf: a PDF cannot be read;"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_links_to_directories_are_not_followed() {
        let message = load(&["/dev/zero".into()]).unwrap_err().to_string();
        assert!(message.contains("not a regular file"), "{message}");
        let folder = folder(&[("in/a.csv", b"x,y\n1,2\n")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/loop")).unwrap();
        let corpus = load_all(&folder, &["in"]).unwrap();
        assert_eq!(kinds(&corpus), [("loop", "skipped-file")]);
    }
}
