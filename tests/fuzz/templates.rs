//! Chat templates: damaged real ones, and programs that loop, grow or contain themselves.

use std::io::Write;

use persona::engine::EngineError;
use persona::engine::chat::{ChatTemplate, Ending, Turn};
use persona::engine::gguf::GgufFile;
use persona::engine::tokenizer::Tokenizer;

use super::gguf_parts::{Parts, TEXT, text};
use super::memory::measured;
use super::mutate::{Random, damage, overwrite};
use super::{kept, run, scratch};
use crate::tiny_gguf::{Options, tiny_model};

/// Bytes of memory that a template may take, whatever it does.
const MOST: i64 = 96 << 20;

/// Pieces of Jinja that hostile templates are made of.
const WORDS: [&[u8]; 20] = [
    b"{% for m in messages %}",
    b"{% endfor %}",
    b"{% set x = x ~ x %}",
    b"{% set ns = namespace(x='aaaaaaaa') %}",
    b"{% set ns.x = ns.x + ns.x %}",
    b"{% set ns.x = [ns.x, ns.x] %}",
    b"{% set ns.x = ns %}",
    b"{{ ns.x }}",
    b"{{ 'x' * 99999999 }}",
    b"{{ ([1] * 999999999999) | list }}",
    b"{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('a') }}",
    b"{% if true %}",
    b"{% endif %}",
    b"{{ x | replace('a', x) | indent(99999999) }}",
    b"{{ messages | tojson }}",
    b"{% for a in range(99999) %}",
    b"{% raw %}",
    b"{{ raise_exception('no') }}",
    b"{{ '%099999999d' | format(1) }}",
    b"{% generation %}",
];

/// A random program in Jinja.
pub(super) fn hostile(random: &mut Random) -> String {
    let lines: Vec<String> = (0..random.below(8)).map(|_| statement(random, 0)).collect();
    lines.concat()
}

fn statement(random: &mut Random, depth: usize) -> String {
    let name = |random: &mut Random| *random.of(&["x", "y", "ns.x", "messages", "loop", "z"]);
    let inner = |random: &mut Random| {
        if depth > 4 {
            return "-".to_owned();
        }
        (0..=random.below(2)).map(|_| statement(random, depth + 1)).collect()
    };
    match random.below(13) {
        0..=2 => format!("{{% set {} = {} %}}", name(random), expression(random, 0)),
        3 | 4 => format!("{{{{ {} }}}}", expression(random, 0)),
        5 | 6 => {
            let over = expression(random, 1);
            format!("{{% for x in {over} %}}{}{{% endfor %}}", inner(random))
        }
        7 => format!(
            "{{% set {} %}}{}{{% endset %}}",
            name(random).replace("ns.x", "x"),
            inner(random)
        ),
        8 => format!("{{% if {} %}}{}{{% endif %}}", expression(random, 0), inner(random)),
        9 => format!("{{% macro f(x, y) %}}{}{{% endmacro %}}", inner(random)),
        10 => "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}".to_owned(),
        11 => format!("{{% filter {} %}}{}{{% endfilter %}}", filter(random), inner(random)),
        _ => String::from_utf8_lossy(random.of::<&[u8]>(&WORDS)).into_owned(),
    }
}

fn filter(random: &mut Random) -> String {
    let all = [
        "replace('a', y)",
        "replace('', 'aaaaaaaaaaaaaaaaaaaaaaaa')",
        "indent(9999)",
        "join(x)",
        "list",
        "tojson(indent=999)",
        "upper",
        "sort",
        "reverse",
        "batch(3, x)",
        "slice(99999)",
        "map('replace', 'a', x)",
        "unique",
        "length",
        "items",
        "trim",
        "split('a')",
        "format(x, y)",
        "groupby('a')",
        "string",
        "first",
        "sum",
    ];
    (*random.of(&all)).to_owned()
}

fn expression(random: &mut Random, depth: usize) -> String {
    if depth > 4 {
        return "x".to_owned();
    }
    let next = |random: &mut Random| expression(random, depth + 1);
    match random.below(20) {
        0..=2 => (*random.of(&["x", "y", "ns.x", "ns", "messages", "f", "loop.index"])).to_owned(),
        3 => (*random.of(&["'a'", "'aaaa'", "99999", "0", "-1", "'%s%s'", "none", "true"]))
            .to_owned(),
        4 | 5 => format!("{} ~ {}", next(random), next(random)),
        6 => format!("({} + {})", next(random), next(random)),
        7 => format!("({} * {})", next(random), random.of(&["2", "99999", "x", "-1", "1e9"])),
        8 => format!("[{}, {}]", next(random), next(random)),
        9 => format!("{{'a': {}, 'b': {}}}", next(random), next(random)),
        10..=12 => format!("({}) | {}", next(random), filter(random)),
        13 => format!("range({})", random.of(&["9", "99999", "x", "-5, 5", "0, 99999, 0"])),
        14 => format!(
            "({})[{}:{}]",
            next(random),
            random.of(&["0", "1", "", "-3"]),
            random.of(&["", "2", "-1", "99"])
        ),
        15 => format!(
            "({}).{}",
            next(random),
            random.of(&[
                "split('a')",
                "replace('a', x)",
                "join(x)",
                "strip()",
                "items()",
                "format(x)",
                "a",
                "content"
            ])
        ),
        16 => format!(
            "({} {} {})",
            next(random),
            random.of(&["==", "<", "in", "not in", ">=", "and", "or", "-", "/", "//", "%", "**"]),
            next(random)
        ),
        17 => format!("f({}, {})", next(random), next(random)),
        18 => format!("({} if {} else {})", next(random), next(random), next(random)),
        _ => format!("dict(a={}, b={})", next(random), next(random)),
    }
}

/// A file with a template in it, and the tokenizer of that file.
struct Bench {
    parts: Parts,
    tokenizer: Tokenizer,
    scratch: tempfile::NamedTempFile,
}

impl Bench {
    fn new() -> Self {
        let whole = tiny_model(&Options { hidden: 32, layers: 1, ..Options::default() });
        let mut scratch = tempfile::NamedTempFile::new_in(scratch()).expect("a temporary file");
        scratch.write_all(&whole).expect("written");
        let model = GgufFile::open(scratch.path()).expect("a sound file");
        let tokenizer = Tokenizer::from_gguf(&model).expect("a sound vocabulary");
        Self { parts: Parts::of(&whole), tokenizer, scratch }
    }

    /// Tries a template as loading a model does, and then on a chat.
    fn tried(&mut self, template: &[u8]) -> Result<usize, EngineError> {
        self.parts.set("tokenizer.chat_template", TEXT, text(template));
        let header = self.parts.header();
        std::fs::write(self.scratch.path(), &header).expect("written");
        let length = (header.len() + self.parts.data) as u64;
        self.scratch.as_file().set_len(length).expect("its length");
        let model = GgufFile::open(self.scratch.path()).expect("the header is sound");
        let (result, peak) = measured(|| {
            let template = ChatTemplate::from_gguf(&model, &self.tokenizer)?;
            let chat = [
                Turn { role: "system", content: "Be <|im_end|> brief." },
                Turn { role: "user", content: " \u{e000}0\u{e001} " },
                Turn { role: "assistant", content: "ok" },
                Turn { role: "user", content: "x" },
            ];
            template
                .encode(&self.tokenizer, &chat, Ending::AssistantHeader)
                .map(|tokens| tokens.len())
        });
        assert!(peak <= MOST, "a template of {} bytes took {peak}", template.len());
        result
    }
}

fn check(bench: &mut Bench, template: &[u8]) -> (bool, i64) {
    match bench.tried(template) {
        Ok(_) => (true, 0),
        Err(EngineError::Template(reason)) => {
            assert!(!reason.is_empty() && reason.len() < 1 << 16, "{} bytes", reason.len());
            (false, 0)
        }
        Err(other) => panic!("{other}"),
    }
}

fn programs(count: u64) {
    let mut bench = Bench::new();
    run("templates, programs", 31, count, |random| {
        let mut source = hostile(random);
        if random.once_in(2) {
            source.push_str("{% for m in messages %}{{ m.content }}{% endfor %}");
        }
        check(&mut bench, source.as_bytes())
    });
}

fn damaged(count: u64) {
    let mut bench = Bench::new();
    let seeds = kept("template");
    run("templates, damaged", 32, count, |random| {
        let mut bytes = random.of(&seeds).1.clone();
        if random.once_in(2) {
            overwrite(&mut bytes, random);
        } else {
            damage(&mut bytes, &WORDS, random);
        }
        check(&mut bench, &bytes)
    });
}

#[test]
fn no_program_in_a_template_grows_beyond_its_bounds() {
    programs(1_000);
}

#[test]
fn no_damaged_template_breaks_the_chat() {
    damaged(1_000);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_program_in_a_template_grows_beyond_its_bounds_in_full() {
    programs(150_000);
}

#[test]
#[ignore = "full counts: cargo test --release -- --ignored fuzz"]
fn no_damaged_template_breaks_the_chat_in_full() {
    damaged(150_000);
}

/// Templates that once failed, kept by name: `sound-…` renders, all others are refused.
#[test]
fn kept_templates_end_as_their_names_say() {
    let mut bench = Bench::new();
    for (name, bytes) in kept("template") {
        let begin = std::time::Instant::now();
        let result = bench.tried(&bytes);
        assert_eq!(result.is_ok(), name.starts_with("sound"), "{name}: {result:?}");
        println!("{name}: {}", result.map_or_else(|error| error.to_string(), |_| String::new()));
        assert!(begin.elapsed() < super::PATIENCE, "{name}: {:?}", begin.elapsed());
    }
}

/// Templates of real models, from a folder of files: all of them run within the bounds.
#[test]
fn real_templates_run_within_the_bounds() {
    let Some(data) = std::env::var_os("PERSONA_TEST_DATA") else {
        eprintln!("skipped: PERSONA_TEST_DATA not set");
        return;
    };
    let folder = std::path::Path::new(&data).join("templates");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    };
    let mut bench = Bench::new();
    let mut refused = Vec::new();
    for path in files.map(|entry| entry.expect("an entry of the folder").path()) {
        let bytes = std::fs::read(&path).expect("a template");
        // Templates of models that see images want contents in parts, and drop plain ones.
        if let Err(error) = bench.tried(&bytes)
            && !error.to_string().contains("it drops message")
        {
            refused.push(format!("{}: {error}", path.display()));
        }
    }
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}
