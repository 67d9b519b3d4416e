//! What `--model` may say, and which file of a repository it means.
//!
//! Owns parsing and choosing, as pure functions of text. Looks at the disk only to tell whether a
//! path exists.

use std::fmt;
use std::path::PathBuf;

use super::HubError;
use crate::catalogue::{self, ModelSpec};

/// Quantisations in order of preference on a CPU: those with fast kernels first.
const PREFERRED: [&str; 10] =
    ["Q4_K_M", "Q4_K_S", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_1", "Q4_0", "Q5_1", "Q5_0"];

/// The ending of every file that can be used; upper or lower case.
const GGUF: &str = ".gguf";
/// Stands for the quantisation of a file whose name states none; a user cannot ask for it.
const NO_QUANT: &str = "";

/// A model as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelRef {
    /// The path of a file.
    Path(PathBuf),
    /// A model that persona knows by name.
    Catalogue(&'static ModelSpec),
    /// A file in a repository of the hub.
    Repo(RepoRef),
    /// A model that Ollama has fetched to this machine.
    Ollama(OllamaRef),
}

/// A model as Ollama names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaRef {
    /// Host, user and name in full, as in `registry.ollama.ai/library/qwen2.5`.
    pub path: String,
    /// The tag, as in `1.5b`; `latest` unless given.
    pub tag: String,
}

/// Prefix of the paths of Ollama's own models.
const OLLAMA_LIBRARY: &str = "registry.ollama.ai/library/";
const OLLAMA_HOST: &str = "registry.ollama.ai/";

impl OllamaRef {
    /// Reads `[[host/]user/]name[:tag]`.
    fn parse(text: &str) -> Option<Self> {
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) => (name, tag),
            None => (text, "latest"),
        };
        let parts: Vec<&str> = name.split('/').collect();
        let path = match parts.len() {
            1 => format!("{OLLAMA_LIBRARY}{name}"),
            2 => format!("{OLLAMA_HOST}{name}"),
            3 => name.to_owned(),
            _ => return None,
        };
        let valid = is_word(tag) && parts.iter().all(|part| is_word(part));
        valid.then(|| Self { path, tag: tag.to_owned() })
    }
}

impl fmt::Display for OllamaRef {
    /// Writes the name as Ollama shows it, without the parts that are Ollama's defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.path.strip_prefix(OLLAMA_LIBRARY);
        let short = short.or_else(|| self.path.strip_prefix(OLLAMA_HOST)).unwrap_or(&self.path);
        write!(f, "{short}:{}", self.tag)
    }
}

/// A file in a repository of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoRef {
    /// `owner/name` of the repository.
    pub repo: String,
    /// Which of its files.
    pub pick: Pick,
    /// Branch, tag or commit; `main` unless given.
    pub revision: String,
}

/// How a file of a repository is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// The best one that the engine runs well.
    Best,
    /// The one with this quantisation, as in `Q4_K_M`.
    Quant(String),
    /// The one with this path in the repository.
    File(String),
}

impl ModelRef {
    /// Understands a catalogue name, `owner/repo[:QUANT][@rev]`, `owner/repo/file.gguf[@rev]` (both
    /// also behind `hf.co/`, and as addresses copied from the hub's pages), `ollama:name[:tag]`, or
    /// a path.
    ///
    /// A catalogue name wins over a file of that name; `./name` means the file. A path must exist
    /// or end in `.gguf`.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let text = text.trim();
        if let Ok(spec) = catalogue::find(text) {
            return Ok(Self::Catalogue(spec));
        }
        let path = PathBuf::from(text);
        if path.is_file() {
            return Ok(Self::Path(path));
        }
        if let Some(name) = text.strip_prefix("ollama:") {
            return OllamaRef::parse(name).map(Self::Ollama).ok_or_else(|| unknown(text));
        }
        let bare = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let bare = bare.unwrap_or(text);
        let hosts = ["hf.co/", "huggingface.co/", "www.huggingface.co/", "hf://"];
        let hub = hosts.iter().find_map(|host| bare.strip_prefix(host));
        if let Some(rest) = hub {
            return parse_repo(rest).map(Self::Repo).ok_or_else(|| unknown(text));
        }
        let relative = !text.starts_with(['.', '/', '~', '\\']) && !path.is_absolute();
        if relative && let Some(repo) = parse_repo(text) {
            return Ok(Self::Repo(repo));
        }
        if text.to_lowercase().ends_with(".gguf") {
            return Ok(Self::Path(path));
        }
        Err(unknown(text))
    }
}

fn unknown(text: &str) -> HubError {
    HubError::UnknownModel { given: text.to_owned(), hint: catalogue::model_hint(text) }
}

/// Reads `owner/repo[:QUANT][@rev]` or `owner/repo/file.gguf[@rev]`.
fn parse_repo(text: &str) -> Option<RepoRef> {
    let text = text.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let (text, mut revision) = text.rsplit_once('@').unwrap_or((text, "main"));
    let (text, quant) = match text.rsplit_once(':') {
        Some((text, quant)) => (text, Some(quant)),
        None => (text, None),
    };
    let mut words = text.split('/');
    let (owner, name) = (words.next()?, words.next()?);
    let mut file: Vec<&str> = words.collect();
    if let ["resolve" | "blob" | "tree", in_address, rest @ ..] = file.as_slice() {
        revision = in_address;
        file = rest.to_vec();
    }
    let file = file.join("/");
    let pick = match (quant, file.as_str()) {
        (None, "") => Pick::Best,
        (Some(quant), "") if is_word(quant) => Pick::Quant(quant.to_uppercase()),
        (None, file) if is_repo_file(file) => Pick::File(parts(file).swap_remove(0)),
        _ => return None,
    };
    // Two words that end in `.gguf` are a path: nobody needs a repository of such a name to be
    // found.
    let is_path = pick == Pick::Best && name.to_lowercase().ends_with(".gguf");
    let valid = is_word(owner) && is_word(name) && is_revision(revision) && !is_path;
    valid.then(|| RepoRef { repo: format!("{owner}/{name}"), pick, revision: revision.to_owned() })
}

/// Whether a text can be one segment of a repository's address, which is also safe as one segment
/// of a path.
pub(super) fn is_word(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && text.bytes().any(|b| b != b'.')
}

/// Whether a revision is safe in an address and below `refs/`.
pub(super) fn is_revision(text: &str) -> bool {
    text.split('/').all(is_word)
}

/// Whether a path from a repository names a GGUF file and stays below the folder that it is put in.
pub(super) fn is_repo_file(path: &str) -> bool {
    let safe = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.len() <= 255
            && !part.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
    };
    path.to_lowercase().ends_with(".gguf") && path.split('/').all(safe)
}

/// The files of a split model in order, when `file` is one of them (`m-00001-of-00002.gguf` and the
/// next); else `file` alone. Never empty.
pub(super) fn parts(file: &str) -> Vec<String> {
    let Some((stem, count)) = split(file) else {
        return vec![file.to_owned()];
    };
    let end = &file[file.len() - GGUF.len()..];
    (1..=count).map(|part| format!("{stem}-{part:05}-of-{count:05}{end}")).collect()
}

/// The text before `-00001-of-00002.gguf`, and the number of parts.
/// (<https://github.com/ggml-org/llama.cpp/tree/master/tools/gguf-split>)
fn split(file: &str) -> Option<(&str, usize)> {
    const DIGITS: usize = 5;
    let stem = file.get(..file.len().checked_sub(GGUF.len())?)?;
    let number = |text: &str| {
        let plain = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<usize>().ok().filter(|_| plain)
    };
    let (before, count) = stem.rsplit_once("-of-")?;
    let (name, part) = before.rsplit_once('-')?;
    let (part, count) = (number(part)?, number(count)?);
    let sound = (1..=count).contains(&part) && count >= 2;
    (sound && !name.is_empty()).then_some((name, count))
}

/// Chooses among the files of a repository; for a split file, its first part. The error says what
/// was there and why nothing fits.
pub(super) fn choose<'a>(files: &[&'a str], pick: &Pick) -> Result<&'a str, String> {
    if let Pick::File(wanted) = pick {
        let found = files.iter().find(|file| **file == wanted);
        let found =
            found.copied().ok_or_else(|| format!("there is no {wanted}; {}", listing(files)));
        return found.and_then(|file| complete(files, file).map(|()| file).map_err(str::to_owned));
    }
    let usable: Vec<(&str, String)> =
        files.iter().filter_map(|file| Some((*file, usable_quant(files, file).ok()?))).collect();
    let wanted: Vec<&str> = match pick {
        Pick::Quant(quant) => vec![quant.as_str()],
        Pick::Best | Pick::File(_) => PREFERRED.to_vec(),
    };
    for quant in wanted {
        let mut of_quant = usable.iter().filter(|(_, q)| q == quant).map(|(file, _)| *file);
        match (of_quant.next(), of_quant.next()) {
            (Some(_), Some(_)) => return Err(format!("{quant} is ambiguous; {}", listing(files))),
            (Some(file), None) => return Ok(file),
            (None, _) => {}
        }
    }
    match (pick, usable.as_slice()) {
        (Pick::Quant(quant), _) => Err(format!("there is no usable {quant}; {}", listing(files))),
        // With nothing to choose from, the only file is the repository's model, whatever it is
        // called.
        (Pick::Best, [(file, _)]) => Ok(file),
        _ => Err(format!("no file fits; {}", listing(files))),
    }
}

/// The GGUF files for a message, usable ones first; each of the others with the reason against it.
fn listing(files: &[&str]) -> String {
    const SHOWN: usize = 16;
    // Further parts of a split file cannot be chosen.
    let gguf = files.iter().filter(|f| is_repo_file(f) && parts(f)[0] == ***f);
    let (mut usable, mut useless) = (Vec::new(), Vec::new());
    for file in gguf {
        match usable_quant(files, file) {
            Ok(quant) if quant == NO_QUANT => usable.push((*file).to_owned()),
            Ok(quant) => usable.push(format!("{quant} ({file})")),
            Err(reason) => useless.push(format!("{file} ({reason})")),
        }
    }
    let shown = |mut lines: Vec<String>| {
        let more = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines.join(", ")
    };
    match (usable.is_empty(), useless.is_empty()) {
        (true, true) => "the repository holds no GGUF file".to_owned(),
        (true, false) => format!("it holds only {}", shown(useless)),
        (false, true) => format!("it has {}", shown(usable)),
        (false, false) => format!("it has {}; of no use: {}", shown(usable), shown(useless)),
    }
}

/// Checks that all parts of a split file are there.
fn complete(files: &[&str], file: &str) -> Result<(), &'static str> {
    let all = parts(file).iter().all(|part| files.contains(&part.as_str()));
    all.then_some(()).ok_or("one part of a split file, of which others are missing")
}

/// The quantisation that a file's name states; the error says why the file cannot be used.
fn usable_quant(files: &[&str], file: &str) -> Result<String, &'static str> {
    if !is_repo_file(file) {
        return Err("not a GGUF file");
    }
    if parts(file)[0] != file {
        return Err("not the first part of a split file");
    }
    let stem = split(file).map_or(&file[..file.len() - GGUF.len()], |(stem, _)| stem);
    let name = stem.rsplit('/').next().unwrap_or(stem).to_uppercase();
    let words: Vec<&str> = name.split(['-', '.']).collect();
    if name.contains("MMPROJ") {
        return Err("an image projector, not a language model");
    }
    if words.contains(&"UD") {
        return Err("mixed with types that the engine cannot read");
    }
    complete(files, file)?;
    let Some(quant) = words.iter().rev().find(|word| is_quant(word)) else {
        return Ok(NO_QUANT.to_owned());
    };
    match quant.as_bytes() {
        [b'I' | b'T' | b'M', ..] => Err("a type that the engine cannot read"),
        _ => Ok((*quant).to_owned()),
    }
}

/// Whether an upper-case word looks like a quantisation: `Q4_K_M`, `IQ4_XS`, `BF16`.
fn is_quant(word: &str) -> bool {
    let digit_after = |prefix: &str| {
        word.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    ["Q", "IQ", "TQ", "MXFP"].into_iter().any(digit_after)
        || matches!(word, "F16" | "BF16" | "F32" | "FP16")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repo(repo: &str, pick: Pick, revision: &str) -> ModelRef {
        ModelRef::Repo(RepoRef { repo: repo.into(), pick, revision: revision.into() })
    }

    #[test]
    fn every_spelling_of_a_model_is_understood() {
        let parse = |text: &str| ModelRef::parse(text).unwrap();
        assert!(
            matches!(parse("SmolLM2-135M"), ModelRef::Catalogue(m) if m.name == "smollm2-135m")
        );
        assert_eq!(parse("o/r"), repo("o/r", Pick::Best, "main"));
        assert_eq!(parse("hf.co/o/r:q4_k_m"), repo("o/r", Pick::Quant("Q4_K_M".into()), "main"));
        assert_eq!(parse("o/r:Q8_0@v1.0"), repo("o/r", Pick::Quant("Q8_0".into()), "v1.0"));
        let file = Pick::File("a/b.gguf".into());
        assert_eq!(parse("o/r/a/b.gguf@refs/pr/1"), repo("o/r", file, "refs/pr/1"));
        let address = "https://huggingface.co/o/r/resolve/abc/m.gguf?download=true";
        assert_eq!(parse(address), repo("o/r", Pick::File("m.gguf".into()), "abc"));
        assert_eq!(parse("https://huggingface.co/o/r/tree/main"), repo("o/r", Pick::Best, "main"));
        assert_eq!(parse("hf://o/r:Q8_0"), repo("o/r", Pick::Quant("Q8_0".into()), "main"));
        assert_eq!(parse("nowhere.gguf"), ModelRef::Path("nowhere.gguf".into()));
        assert_eq!(parse("models/x.gguf"), ModelRef::Path("models/x.gguf".into()));
        assert_eq!(parse("./o/r/x.gguf"), ModelRef::Path("./o/r/x.gguf".into()));
        assert_eq!(parse("/o/r/x.gguf"), ModelRef::Path("/o/r/x.gguf".into()));
    }

    #[test]
    fn an_existing_file_is_a_path_whatever_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = file.path().to_str().unwrap();
        assert_eq!(ModelRef::parse(text).unwrap(), ModelRef::Path(text.into()));
    }

    #[test]
    fn nonsense_and_traversal_are_refused_with_a_hint() {
        for bad in [
            "",
            "smollm2",
            "o/../x",
            "../..",
            "o/r:",
            "o/r:a/b",
            "o/r@",
            "o/r@../x",
            "o/r/x.bin",
            "hf.co/o",
            "o/r/../../x.gguf",
            "o//x",
            "ollama:../llama3:8b",
            "o/r/a\\b.gguf",
        ] {
            let parsed = ModelRef::parse(bad);
            let harmless = matches!(parsed, Ok(ModelRef::Path(_)));
            assert!(parsed.is_err() || harmless, "{bad}: {parsed:?}");
        }
        let error = ModelRef::parse("smolm2-135m").unwrap_err().to_string();
        assert!(error.contains("did you mean 'smollm2-135m'?"), "{error}");
    }

    const FILES: [&str; 9] = [
        "README.md",
        "m-IQ4_XS.gguf",
        "m-Q8_0.gguf",
        "m.Q4_K_S.gguf",
        "m-UD-Q4_K_M.gguf",
        "mmproj-m-Q4_K_M.gguf",
        "big/m-Q4_K_M-00001-of-00002.gguf",
        "m-Q5_0.gguf",
        "other-Q5_0.gguf",
    ];

    #[test]
    fn the_best_usable_quantisation_is_chosen() {
        assert_eq!(choose(&FILES, &Pick::Best), Ok("m.Q4_K_S.gguf"));
        assert_eq!(choose(&FILES, &Pick::Quant("Q8_0".into())), Ok("m-Q8_0.gguf"));
        assert_eq!(choose(&FILES, &Pick::File("m-Q5_0.gguf".into())), Ok("m-Q5_0.gguf"));
    }

    #[test]
    fn what_cannot_be_chosen_is_explained() {
        let refused = |quant: &str| choose(&FILES, &Pick::Quant(quant.into())).unwrap_err();
        assert!(refused("IQ4_XS").contains("m-IQ4_XS.gguf (a type that the engine cannot read)"));
        assert!(
            refused("Q4_K_M").contains("one part of a split file, of which others are missing")
        );
        assert!(
            refused("Q6_K")
                .starts_with("there is no usable Q6_K; it has Q8_0 (m-Q8_0.gguf), Q4_K_S")
        );
        assert!(refused("Q4_K_M").contains("an image projector"));
        assert!(refused("Q5_0").starts_with("Q5_0 is ambiguous"));
        assert!(choose(&["README.md"], &Pick::Best).unwrap_err().contains("no GGUF file"));
        assert!(choose(&FILES, &Pick::File("x.gguf".into())).is_err());
    }

    #[test]
    fn the_parts_of_a_split_file_are_one_choice() {
        let files = [
            "m-Q8_0.gguf",
            "Q4_K_M/m-Q4_K_M-00001-of-00003.gguf",
            "Q4_K_M/m-Q4_K_M-00002-of-00003.gguf",
            "Q4_K_M/m-Q4_K_M-00003-of-00003.gguf",
        ];
        assert_eq!(choose(&files, &Pick::Best), Ok(files[1]));
        assert_eq!(parts(files[3]), files[1..]);
        assert_eq!(parts(files[0]), files[..1]);
        let named = ModelRef::parse("o/r/Q4_K_M/m-Q4_K_M-00002-of-00003.gguf").unwrap();
        assert_eq!(named, repo("o/r", Pick::File(files[1].into()), "main"));
        let torn = choose(&files[..3], &Pick::File(files[1].into())).unwrap_err();
        assert!(torn.contains("others are missing"), "{torn}");
        for plain in ["m-00003-of-00002.gguf", "m-00001-of-00001.gguf", "m-1-of-2.gguf", "é.gguf"]
        {
            assert_eq!(parts(plain), [plain]);
        }
    }

    #[test]
    fn a_single_file_is_taken_whatever_it_is_called() {
        assert_eq!(choose(&["model.gguf", "mmproj-F16.gguf"], &Pick::Best), Ok("model.gguf"));
        let two = choose(&["a.gguf", "b.gguf"], &Pick::Best).unwrap_err();
        assert!(two.contains("it has a.gguf, b.gguf"), "{two}");
        let wrong = choose(&["model.gguf"], &Pick::Quant("Q4_K_M".into())).unwrap_err();
        assert_eq!(wrong, "there is no usable Q4_K_M; it has model.gguf");
    }

    #[test]
    fn a_name_of_ollama_is_understood_as_ollama_does() {
        let parse = |text: &str| match ModelRef::parse(text) {
            Ok(ModelRef::Ollama(name)) => {
                Some((name.path.clone(), name.tag.clone(), name.to_string()))
            }
            _ => None,
        };
        let of = |path: &str, tag: &str, shown: &str| Some((path.into(), tag.into(), shown.into()));
        assert_eq!(
            parse("ollama:qwen2.5:1.5b"),
            of("registry.ollama.ai/library/qwen2.5", "1.5b", "qwen2.5:1.5b")
        );
        assert_eq!(
            parse("ollama:me/mine"),
            of("registry.ollama.ai/me/mine", "latest", "me/mine:latest")
        );
        assert_eq!(parse("ollama:hf.co/o/r:Q4_K_M"), of("hf.co/o/r", "Q4_K_M", "hf.co/o/r:Q4_K_M"));
        for bad in ["ollama:", "ollama:../x", "ollama:a/../b", "ollama:a:..", "ollama:a/b/c/d"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_repository_never_leaves_its_folder(text in "[a-zA-Z0-9./@:\\\\~-]{0,40}") {
            if let Ok(ModelRef::Repo(found)) = ModelRef::parse(&text) {
                let file = match &found.pick { Pick::File(file) => file.as_str(), _ => "" };
                for part in found.repo.split('/').chain(found.revision.split('/')).chain(file.split('/')) {
                    prop_assert!(part != ".." && part != ".", "{text}");
                }
                prop_assert_eq!(found.repo.split('/').count(), 2);
            }
        }
    }
}
