//! Finds the files to read by what the user names: directories, patterns, standard input.
//!
//! Owns their order and that each is read once. Reads no file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::formats::{ByName, Format};
use super::{CorpusError, Finding};

/// Most files under one directory, or of one pattern. More means that it was given by mistake.
const MAX_ENTRIES: usize = 10_000;

/// The path that stands for standard input, as in other tools; a file of this name is `./-`.
const STDIN: &str = "-";

/// A file to be read.
pub(super) struct Candidate {
    pub path: PathBuf,
    /// For display: the file name, or the path below the directory that was given.
    pub name: String,
    /// How the user chose it.
    pub chosen: Chosen,
}

/// How the user chose a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// By its own name.
    Named,
    /// As one of the files of a directory or a pattern.
    Among,
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The files to read, in order, each once.
#[derive(Default)]
pub(super) struct Found {
    pub candidates: Vec<Candidate>,
    /// What was passed over, and why.
    pub findings: Vec<Finding>,
    /// Canonical paths of the candidates.
    seen: HashSet<PathBuf>,
    /// Entries so far in the directory that the user named.
    entries: usize,
}

impl Found {
    /// Adds the file, directory, pattern or standard input that the user named.
    pub(super) fn add_input(&mut self, input: &Path) -> Result<(), CorpusError> {
        if is_stdin(input) {
            return self.add_stdin(input);
        }
        let metadata = match fs::metadata(input) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unreadable(input, &error));
            }
            Err(error) => match pattern(input) {
                Some(pattern) => return self.add_pattern(input, &pattern),
                None => return Err(unreadable(input, &error)),
            },
        };
        if metadata.is_dir() {
            self.entries = 0;
            return self.add_directory(input, input);
        }
        // What the user names must be readable: to go on without it would hide a mistake.
        if metadata.is_file() {
            File::open(input).map_err(|error| unreadable(input, &error))?;
        }
        let name = input.file_name().unwrap_or(input.as_os_str()).to_string_lossy().into_owned();
        self.add_once(input, name, Chosen::Named);
        Ok(())
    }

    /// Adds standard input, which has no name that says its format, and can be read once.
    fn add_stdin(&mut self, input: &Path) -> Result<(), CorpusError> {
        if io::stdin().is_terminal() {
            return Err(CorpusError::Unreadable {
                path: "standard input".to_owned(),
                cause:
                    "nothing is piped into it\nhint: pipe the data in, as in 'persona ... < FILE'"
                        .to_owned(),
            });
        }
        self.add_once(input, "standard input".to_owned(), Chosen::Named);
        Ok(())
    }

    /// Adds the files that match a pattern which the shell has left alone, in order of their paths.
    fn add_pattern(&mut self, input: &Path, pattern: &str) -> Result<(), CorpusError> {
        let nothing =
            |cause: String| CorpusError::Nothing { path: input.display().to_string(), cause };
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let paths = glob::glob_with(pattern, options).map_err(|error| {
            nothing(format!("it is not a pattern: {error}\nhint: quote [ as [[]"))
        })?;
        let mut matched = 0;
        for path in paths {
            let path = match path {
                Ok(path) => path,
                Err(error) => {
                    let name = error.path().display().to_string();
                    self.findings.push(skipped(&name, format!("it cannot be listed: {error}")));
                    continue;
                }
            };
            if path.is_dir() {
                let name = path.display().to_string();
                let cause = "a pattern names files only\nhint: name the directory itself";
                self.findings.push(skipped(&name, cause.to_owned()));
                continue;
            }
            matched += 1;
            if matched > MAX_ENTRIES {
                return Err(nothing(format!(
                    "it names more than {MAX_ENTRIES} files\nhint: name fewer"
                )));
            }
            self.add_once(&path, path.to_string_lossy().into_owned(), Chosen::Among);
        }
        if matched == 0 {
            return Err(nothing(
                "no file has a name of this pattern\nhint: check it, or name a directory to have \
                 all in it read"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn add_directory(&mut self, root: &Path, directory: &Path) -> Result<(), CorpusError> {
        let listing = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match listing {
            Ok(entries) => entries,
            Err(error) if directory == root => return Err(unreadable(root, &error)),
            Err(error) => {
                let cause = format!("it cannot be listed: {error}");
                self.findings.push(skipped(&name_below(root, directory), cause));
                return Ok(());
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(CorpusError::Nothing {
                    path: root.display().to_string(),
                    cause: format!(
                        "it holds more than {MAX_ENTRIES} files\nhint: name the files, or a \
                         directory of research data alone"
                    ),
                });
            }
            let real_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if real_directory {
                self.add_directory(root, &path)?;
            } else {
                self.add_entry(root, &path);
            }
        }
        Ok(())
    }

    /// Takes a file of a directory only if its name says that it is research data.
    fn add_entry(&mut self, root: &Path, path: &Path) {
        let name = name_below(root, path);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        let cause = if path.is_dir() {
            "links to directories are not followed\nhint: name the directory itself"
        } else if stem == "readme" {
            "a README describes a directory\nhint: name the file to have it read"
        } else if Format::by_name(path) == ByName::Unknown {
            "its name does not say that it is research data\nhint: name the file to have it read"
        } else {
            self.add_once(path, name, Chosen::Among);
            return;
        };
        self.findings.push(skipped(&name, cause.to_owned()));
    }

    fn add_once(&mut self, path: &Path, name: String, chosen: Chosen) {
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(canonical) {
            self.candidates.push(Candidate { path: path.to_owned(), name, chosen });
        } else {
            self.findings.push(Finding {
                file: name,
                row: None,
                kind: "duplicate-input".to_owned(),
                message: "given more than once, read once".to_owned(),
                count: 1,
            });
        }
    }
}

/// A path as a pattern, if it is one.
fn pattern(path: &Path) -> Option<String> {
    path.to_str().filter(|text| text.contains(['*', '?', '['])).map(str::to_owned)
}

fn name_below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// The finding about a file that was passed over.
pub(super) fn skipped(name: &str, message: String) -> Finding {
    Finding { file: name.to_owned(), row: None, kind: "skipped-file".to_owned(), message, count: 1 }
}

fn unreadable(path: &Path, error: &io::Error) -> CorpusError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "\nhint: check the spelling of the path",
        io::ErrorKind::PermissionDenied => "\nhint: check who may read it",
        _ => "",
    };
    CorpusError::Unreadable { path: path.display().to_string(), cause: format!("{error}{hint}") }
}
