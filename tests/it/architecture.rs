//! The rules that the module tree keeps to, checked against the source text.
//!
//! Owns the table of allowed imports and the rules on headers, `unsafe`, printing, the environment,
//! `unwrap` and `allow`. It reads the text and not the compiler's view, so that each rule stands
//! here in plain words; a planted violation of each rule shows that the checker catches it.

use std::path::{Path, PathBuf};

/// What each top-level module may import, in reading order. Any other edge is an error.
const EDGES: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("corpus", &["schema"]),
    ("privacy", &["corpus"]),
    ("catalogue", &[]),
    ("http", &[]),
    ("hub", &["catalogue", "http"]),
    ("engine", &[]),
    ("llm", &["engine", "http"]),
    ("ledger", &["catalogue", "llm"]),
    ("prompts", &["schema", "corpus", "privacy", "llm"]),
    ("store", &["corpus", "schema", "ledger", "llm"]),
    ("pipeline", &["corpus", "schema", "privacy", "prompts", "llm", "ledger", "store"]),
    ("report", &["corpus", "schema", "ledger", "store"]),
    ("evaluate", &["schema", "corpus", "privacy", "prompts", "ledger", "store", "pipeline"]),
    ("throughput", &["corpus", "privacy", "engine", "llm", "store", "pipeline"]),
    (
        "hybrid",
        &["corpus", "schema", "privacy", "llm", "store", "pipeline", "report", "throughput"],
    ),
    // Settings are made of the option types of the modules that they configure.
    ("config", &["privacy", "catalogue", "hub", "engine", "ledger", "pipeline", "report"]),
    (
        "cli",
        &[
            "schema",
            "corpus",
            "privacy",
            "catalogue",
            "http",
            "hub",
            "engine",
            "llm",
            "ledger",
            "prompts",
            "store",
            "pipeline",
            "report",
            "evaluate",
            "throughput",
            "hybrid",
            "config",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

/// The folders of the corpus, from the bottom: each imports those before it and none behind it.
const CORPUS_LAYERS: &[&str] = &["talk", "tables", "notes", "formats"];

/// The only places that may hold `unsafe`.
const UNSAFE: &[&str] = &["main.rs", "engine/kernels/"];
/// The only file that writes to stdout and stderr.
const PRINTER: &str = "cli/output.rs";
/// The only files that read the process environment: variables, directories and arguments.
const ENVIRONMENT: &[&str] = &["config/environment.rs", "main.rs"];

#[test]
fn the_source_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = source_files(&root);
    assert!(files.len() > 20, "only {} files under {}", files.len(), root.display());
    let violations: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            violations(&name, &std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn lib_declares_the_modules_of_the_table_in_its_order() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = code(&std::fs::read_to_string(lib).unwrap());
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let rows: Vec<&str> = EDGES.iter().map(|(module, _)| *module).collect();
    let binaries = ["main", "lib"];
    let modules: Vec<&str> = rows.iter().copied().filter(|row| !binaries.contains(row)).collect();
    assert_eq!(declared, modules);
    for (at, (module, allowed)) in EDGES.iter().enumerate() {
        for import in *allowed {
            assert!(rows[..at].contains(import), "{module} is to be read before {import}");
        }
    }
}

#[test]
fn a_planted_violation_of_each_rule_is_caught() {
    let planted: &[(&str, &str, &str)] = &[
        ("engine/mod.rs", "//! x\nuse crate::llm::Message;\n", "engine may not import llm"),
        ("store.rs", "//! x\nfn f() { crate::pipeline::run() }\n", "store may not import pipeline"),
        ("report/json.rs", "//! x\nuse crate::{pipeline, store};\n", "one path per `use`"),
        ("report/json.rs", "//! x\nuse super::super::pipeline;\n", "climbs out of its module"),
        ("ledger.rs", "//! x\nuse super::pipeline;\n", "climbs out of its module"),
        ("ledger.rs", "//! x\nmod tests { use crate::cli::main; }\n", "ledger may not import cli"),
        (
            "corpus/talk/chat.rs",
            "//! x\nuse crate::corpus::notes::told;\n",
            "may not import corpus/notes",
        ),
        ("novel.rs", "//! x\n", "no row in the table"),
        ("hub.rs", "use std::fs;\n", "does not open with `//!`"),
        ("hub.rs", "//! x\nfn f() { unsafe { g() } }\n", "`unsafe`"),
        ("engine/gguf.rs", "//! x\nfn f() { unsafe { map() } }\n", "`unsafe`"),
        ("pipeline/run.rs", "//! x\nfn f() { eprintln!(\"x\") }\n", "prints"),
        ("cli/runs.rs", "//! x\nfn f() { std::io::stdout(); }\n", "prints"),
        ("hub.rs", "//! x\nfn f() { std::env::var(\"HF_TOKEN\"); }\n", "environment"),
        ("hub.rs", "//! x\nuse std::{env, fs};\n", "environment"),
        ("hub.rs", "//! x\nfn f() { g().unwrap() }\n", "`unwrap`"),
        ("hub.rs", "//! x\n#[allow(dead_code)]\nfn f() {}\n", "`allow`"),
        ("hub.rs", "//! x\n#![allow(dead_code)]\nfn f() {}\n", "`allow`"),
    ];
    for (name, source, expected) in planted {
        let found = violations(name, source);
        assert!(
            found.iter().any(|violation| violation.contains(expected)),
            "{name}: {source:?}\nexpected a violation with '{expected}', found {found:?}"
        );
    }
}

#[test]
fn what_only_looks_like_a_violation_is_let_pass() {
    let innocent: &[(&str, &str)] = &[
        ("engine/mod.rs", "//! x\n// use crate::llm::Message;\n/* println!() */\n"),
        ("engine/mod.rs", "//! x\nconst A: &str = \"crate::llm .unwrap() println!\";\n"),
        ("engine/mod.rs", "//! x\nconst A: &str = r#\"quote \" crate::cli\"#;\n"),
        ("engine/mod.rs", "//! x\nfn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' }\n"),
        ("engine/chat.rs", "//! x\nuse crate::engine::gguf;\nuse super::x;\n"),
        (
            "hub.rs",
            "//! x\n#[cfg(test)]\nmod tests {\n use super::*;\n fn f() { g().unwrap() }\n}\n",
        ),
        ("engine/gguf/tests.rs", "//! x\nfn f() { g().unwrap(); eprintln!() }\n"),
        ("cli/output.rs", "//! x\nfn f() { println!() }\n"),
        ("config/environment.rs", "//! x\nfn f() { std::env::vars_os(); }\n"),
        ("store.rs", "//! x\nconst V: &str = env!(\"CARGO_PKG_VERSION\");\n"),
        ("engine/kernels/dot.rs", "//! x\nfn f() { unsafe { dot() } }\n"),
    ];
    for (name, source) in innocent {
        assert_eq!(violations(name, source), [""; 0], "{name}: {source:?}");
    }
}

/// All rules that a file breaks, one line each. `name` is its path below `src`.
fn violations(name: &str, source: &str) -> Vec<String> {
    let code = code(source);
    // A module of tests may be a file of its own, but only under the name `tests.rs`.
    let shipped = if name.ends_with("/tests.rs") { String::new() } else { without_tests(&code) };
    let mut found = imports(name, &code);
    let mut complain = |broken: bool, what: &str| {
        if broken {
            found.push(format!("src/{name}: {what}"));
        }
    };
    complain(!source.starts_with("//!"), "does not open with `//!`: say what the file owns");
    let holds = words(&shipped, "unsafe").next().is_some();
    let allowed = UNSAFE.iter().any(|place| name.starts_with(place));
    complain(
        holds && !allowed,
        "holds `unsafe`, which stands only in main.rs and the engine's kernels",
    );
    let prints = ["println!", "eprintln!", "print!", "eprint!", "dbg!"]
        .iter()
        .any(|name| words(&shipped, name).count() > 0)
        || ["io::stdout", "io::stderr", "anstream::"].iter().any(|path| shipped.contains(path));
    complain(prints && name != PRINTER, "prints; only cli/output.rs does");
    let reads = ["std::env", "env::var", "env::args", "option_env!"];
    let reads = reads.iter().any(|path| shipped.contains(path))
        || shipped.lines().any(|l| l.starts_with("use std::{") && words(l, "env").count() > 0);
    complain(reads && !ENVIRONMENT.contains(&name), "reads the environment; only config does");
    complain(shipped.contains(".unwrap()"), "calls `unwrap` outside tests");
    complain(
        code.contains("#[allow(") || code.contains("#![allow("),
        "holds an `allow`; write `#[expect(.., reason = \"..\")]`",
    );
    found
}

/// The imports of a file that the table does not allow.
fn imports(name: &str, code: &str) -> Vec<String> {
    let module = name.split('/').next().unwrap().trim_end_matches(".rs");
    let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == module) else {
        return vec![format!("src/{name}: module {module} has no row in the table of edges")];
    };
    let mut found = Vec::new();
    for rest in words(code, "crate::").map(|at| &code[at + "crate::".len()..]) {
        let target: String =
            rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if target.is_empty() {
            found
                .push(format!("src/{name}: `crate::{{..}}` hides edges; write one path per `use`"));
        } else if target != module && !allowed.contains(&target.as_str()) {
            found.push(format!("src/{name}: {module} may not import {target}"));
        }
    }
    let layer_of = |folder: &str| CORPUS_LAYERS.iter().position(|layer| *layer == folder);
    let folder = name.strip_prefix("corpus/").and_then(|name| name.split_once('/'));
    if let Some((layer, own)) = folder.and_then(|(folder, _)| Some((layer_of(folder)?, folder))) {
        let shipped = without_tests(code);
        for above in &CORPUS_LAYERS[layer + 1..] {
            if shipped.contains(&format!("corpus::{above}")) {
                found.push(format!("src/{name}: corpus/{own} may not import corpus/{above}"));
            }
        }
    }
    // `super` leaves the top-level module when it climbs higher than the file's own depth.
    let depth = name.trim_end_matches("mod.rs").trim_end_matches('/').split('/').count();
    let climbs = |code: &str, depth: usize| code.contains(&"super::".repeat(depth));
    let in_tests = climbs(code, depth + 1);
    if climbs(&without_tests(code), depth) || in_tests {
        found.push(format!("src/{name}: `super` climbs out of its module; write `crate::`"));
    }
    found
}

/// Byte offsets of `word`, except where it is part of a longer word.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let ends = word.ends_with(':') || !after.is_some_and(is_word);
        !before.is_some_and(is_word) && ends
    })
}

/// The code without its `#[cfg(test)] mod … { … }` blocks. `code` holds no strings or comments, so
/// that its braces balance.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find('{'), item.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|s| open < s) => closing(item, open),
            (_, Some(semicolon)) => semicolon + 1,
            _ => item.len(),
        };
        rest = &item[end..];
    }
    kept + rest
}

/// One past the brace that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The source with the contents of comments, strings and character literals removed; lines are
/// kept.
fn code(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = literal_or_comment(rest, kept.chars().next_back());
        if skipped == 0 {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            kept.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            kept.push(' ');
            rest = &rest[skipped..];
        }
    }
    kept
}

/// Length in bytes of the comment or literal that `rest` begins with; 0 for code.
fn literal_or_comment(rest: &str, before: Option<char>) -> usize {
    let until = |start: usize, end: &str| {
        rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len())
    };
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r');
    if let (Some(raw), false) = (raw, in_word) {
        let hashes = raw.bytes().take_while(|b| *b == b'#').count();
        if raw[hashes..].starts_with('"') {
            let open = rest.len() - raw.len() + hashes + 1;
            return until(open, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    // A lifetime has no closing quote right after its first character.
    let mut chars = rest.chars();
    if chars.next() == Some('\'') {
        let escaped = chars.next() == Some('\\');
        if escaped || chars.next() == Some('\'') {
            return quoted(rest, '\'');
        }
    }
    0
}

/// Length of the literal at the start of `rest`, including its quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
