//! Research data: damaged files of every format that is read.

use persona::corpus::{self, Corpus};

use super::memory::measured;
use super::mutate::{Random, damage};
use super::{kept, run, scratch};

/// Bytes of memory that reading may take per byte of a file, and in any case: records keep their
/// text twice while they are made, and a spreadsheet's cells may be shorter than their column
/// names.
const A_BYTE: i64 = 400;
const ANY: i64 = 32 << 20;

/// Byte sequences that mean something in one of the formats.
const WORDS: [&[u8]; 30] = [
    b"\"",
    b"\"\"\"",
    b",",
    b"\r",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b"\\ud800",
    b"{\"a\":[",
    b"[[[[[[[[",
    b"&a [*a,*a,*a]",
    b"<<: *a",
    b"? ",
    b"- - - - ",
    b"!!binary ",
    b"---\n",
    b"```",
    b"| a | b |\n|---|---|\n",
    b"#+begin_src",
    b"<table><tr><td colspan=99999999 rowspan=99999999>",
    b"<!--",
    b"&#x110000;&#0;",
    b"<script>",
    b"00:00:01.000 --> 99:99:99.999\n",
    b"<v A>",
    b"Moderator: ",
    b"\xe2\x80\xae\x1b[31m",
    b"=cmd|'/c calc'!A1",
    b"participant,answer\n",
];

/// Checks what must hold for every corpus, whatever was read.
fn check(corpus: &Corpus) {
    for record in &corpus.records {
        assert!(!record.text.is_empty() && record.row > 0);
        for span in &record.columns {
            assert!(
                record.text.is_char_boundary(span.start) && record.text.is_char_boundary(span.end)
            );
            assert!(span.start < span.end && span.end <= record.text.len());
        }
        assert!(!record.text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }
    for finding in &corpus.findings {
        assert!(finding.count > 0 && !finding.message.is_empty());
    }
}

fn files(seed: u64, count: u64, change: impl Fn(&mut Vec<u8>, &mut Random)) {
    let seeds = kept("readers");
    let folder = tempfile::tempdir_in(scratch()).expect("a folder");
    run("readers", seed, count, |random| {
        let (name, mut bytes) = random.of(&seeds).clone();
        change(&mut bytes, random);
        let path = folder.path().join(&name);
        std::fs::write(&path, &bytes).expect("written");
        let (loaded, peak) = measured(|| corpus::load(std::slice::from_ref(&path)));
        std::fs::remove_file(&path).expect("removed");
        let size = unpacked(&bytes);
        assert!(peak <= ANY + A_BYTE * size, "{name}: {size} bytes took {peak}");
        match loaded {
            Ok(corpus) => {
                check(&corpus);
                (true, 0)
            }
            Err(error) => {
                assert!(error.to_string().contains(&name), "which file? {error}");
                (false, 0)
            }
        }
    });
}

fn damaged(count: u64) {
    files(41, count, |bytes, random| {
        if is_packed(bytes) && random.once_in(2) {
            within(bytes, random);
        } else {
            damage(bytes, &WORDS, random);
        }
    });
}

/// Bytes of a file, plus those that an archive's parts unpack to, as far as the reader, which
/// refuses more, would unpack them.
fn unpacked(bytes: &[u8]) -> i64 {
    const MOST: u64 = 8 << 20;
    let archive = zip::ZipArchive::new(std::io::Cursor::new(bytes));
    let parts = archive.ok().and_then(|archive| archive.decompressed_size()).unwrap_or(0);
    bytes.len() as i64 + parts.min(u128::from(MOST)) as i64
}

fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK")
}

/// Damages a part of an archive and packs it again, since damage to the packed bytes would fail at
/// a checksum.
fn within(bytes: &mut Vec<u8>, random: &mut Random) {
    use std::io::{Cursor, Read, Write};
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes.as_slice())).expect("a sound seed");
    let hurt = random.below(archive.len());
    let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("a part");
        let name = entry.name().expect("a name").into_owned();
        let mut part = Vec::new();
        entry.read_to_end(&mut part).expect("its bytes");
        if index == hurt {
            damage(&mut part, &WORDS, random);
        }
        packed.start_file(name, zip::write::SimpleFileOptions::default()).expect("a part");
        packed.write_all(&part).expect("its bytes");
    }
    *bytes = packed.finish().expect("an archive").into_inner();
}

#[test]
fn no_damaged_file_breaks_its_reader() {
    damaged(1_500);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_damaged_file_breaks_its_reader_in_full() {
    damaged(300_000);
}

#[test]
fn the_seeds_are_read() {
    for (name, bytes) in kept("readers") {
        let folder = tempfile::tempdir_in(scratch()).expect("a folder");
        let path = folder.path().join(&name);
        std::fs::write(&path, &bytes).expect("written");
        let corpus = corpus::load(&[path]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!corpus.records.is_empty(), "{name}");
        check(&corpus);
    }
}
