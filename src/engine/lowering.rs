//! From a [`Shape`] to the text of one llguidance grammar (its dialect of Lark).
//!
//! Works on text alone, without tokens or a parser. In the dialect rules are lower case and parsed;
//! terminals are upper case and become one regular expression each, matched greedily, so a terminal
//! here ends with a byte that cannot occur inside it, or (a number) before one. Regular expressions
//! run on bytes (`allow_invalid_utf8`), which lets a bound count bytes; [`CHARACTERS`] keeps text
//! valid.

use std::fmt::Write as _;

use super::EngineError;
use super::excerpt::{self, Run};
use super::grammar::{Shape, Source};

/// The longest word, in characters, that the bound of a text never cuts. Longer ones are rare
/// (one English word in 10,000 has over 16 letters), and a larger room would end texts earlier.
const LAST_WORD: usize = 24;
/// Room within which a text ends with its next sentence, in bytes: about one long sentence.
const LAST_SENTENCE: usize = 120;
/// Least distance between the bounds of a text, in characters: less leaves no room for a word.
const TEXT_SPREAD: usize = 8;

/// The terminals that free text is made of. A word is letters joined by single marks, with at most
/// one mark before it, and a closing mark and a punctuation mark behind it; single spaces part
/// words. So there are no double spaces, no runs of punctuation, no line breaks, no markup, no
/// `<|control|>` text.
///
/// `LETTER` is a letter or digit of ASCII or any visible character beyond it, as UTF-8: without C1
/// controls, no-break space, soft hyphen, bidirectional controls and the other invisible ones of
/// U+2000 to U+206F (the two joiners stay: emoji and Persian need them), ideographic space,
/// surrogates, private use, byte order mark.
const CHARACTERS: &str = r#"
CONT: /[\x80-\xBF]/
BEYOND: /\xC2[\xA1-\xAC\xAE-\xBF]/ | /[\xC3-\xDF]/ CONT
  | /\xE0[\xA0-\xBF]/ CONT | /[\xE1\xE4-\xEC]/ CONT CONT
  | /\xE2\x80[\x8C\x8D\x93\x94]/ | /\xE2[\x82-\xBF]/ CONT
  | /\xE3\x80[\x81-\xBF]/ | /\xE3[\x81-\xBF]/ CONT | /\xED[\x80-\x9F]/ CONT
  | /\xEF[\xA4-\xBA\xBC-\xBE]/ CONT | /\xF0[\x90-\xBF]/ CONT CONT
LETTER: /[0-9A-Za-z]/ | BEYOND
QUOTE: "\\\""
UNIT: LETTER | /[0-9]([,:][0-9]+)+/
JOIN: /[-'.&@_+\x2F]/ | "’"
OPEN: /[('#$]/ | QUOTE | "“" | "‘"
CLOSE: /[)'%+]/ | QUOTE | "”" | "’"
STOP: /[.!?]/ | "…"
CORE: OPEN? UNIT+ (JOIN UNIT+)* CLOSE?
WORDS: ((CORE (STOP CLOSE? | /[,;:]/)? | /[-&+\x2F]/) " ")* CORE (STOP CLOSE?)?
BYTE: /[^\x00]/
UNPARTED: /[!#-+\x2D\x2F-9<->@-\[\x5D-~]/ | QUOTE | BEYOND | "“" | "”" | "‘" | "’"
ENDED: ~(BYTE* STOP CLOSE? " " BYTE*)
"#;

/// Upper bound on an answer's size in bytes; see [`Shape::max_bytes`].
pub(super) fn max_bytes(shape: &Shape) -> usize {
    match shape {
        Shape::Object(fields) => {
            let inner: usize =
                fields.iter().map(|(key, value)| json(key).len() + 1 + max_bytes(value)).sum();
            2 + inner + fields.len().saturating_sub(1)
        }
        Shape::Array { item, max, .. } => 2 + max * max_bytes(item) + max.saturating_sub(1),
        // Quotes; a last word of 4-byte characters; the rest of a character begun before it; a
        // sentence mark and a closing mark.
        Shape::Text { max, .. } => 2 + max + 3 * LAST_WORD + 3 + 6,
        Shape::OneOf(options) => options.iter().map(|option| json(option).len()).max().unwrap_or(0),
        Shape::Integer { min, max } => min.to_string().len().max(max.to_string().len()),
        Shape::Excerpt(sources) => sources.iter().map(longest_excerpt).max().unwrap_or(0),
        Shape::Phrase(text) => {
            let longest = excerpt::phrases(text)
                .into_iter()
                .filter_map(|run| Some(json(&text[run.start..*run.ends.last()?]).len()));
            longest.max().unwrap_or(0)
        }
    }
}

/// The text that every answer of `shape` contains, cut wherever a free part lies between. Arrays
/// count at their shortest; strings, numbers and choices are free.
pub(super) fn literals(shape: &Shape) -> Vec<String> {
    let mut pieces = vec![String::new()];
    collect_literals(shape, &mut pieces);
    pieces
}

fn collect_literals(shape: &Shape, pieces: &mut Vec<String>) {
    let literal = |pieces: &mut Vec<String>, text: &str| {
        if let Some(last) = pieces.last_mut() {
            last.push_str(text);
        }
    };
    let free = |pieces: &mut Vec<String>| pieces.push(String::new());
    match shape {
        Shape::Object(fields) => {
            for (index, (key, value)) in fields.iter().enumerate() {
                literal(pieces, if index == 0 { "{" } else { "," });
                literal(pieces, &format!("{}:", json(key)));
                collect_literals(value, pieces);
            }
            literal(pieces, if fields.is_empty() { "{}" } else { "}" });
        }
        Shape::Array { item, min, .. } => {
            literal(pieces, "[");
            for index in 0..*min {
                literal(pieces, if index == 0 { "" } else { "," });
                collect_literals(item, pieces);
            }
            literal(pieces, "]");
        }
        Shape::Text { .. } | Shape::OneOf(_) | Shape::Phrase(_) => {
            literal(pieces, "\"");
            free(pieces);
            literal(pieces, "\"");
        }
        Shape::Integer { .. } => free(pieces),
        Shape::Excerpt(_) => {
            literal(pieces, "{\"record\":\"");
            free(pieces);
            literal(pieces, "\",\"text\":\"");
            free(pieces);
            literal(pieces, "\"}");
        }
    }
}

/// Bytes of the longest answer that quotes `source`; 0 where nothing can be quoted.
fn longest_excerpt(source: &Source) -> usize {
    let offers = excerpt::offers(&source.cells);
    let texts = offers
        .iter()
        .filter_map(|(cell, run)| Some(json(&cell[run.start..*run.ends.last()?]).len()));
    texts.max().map_or(0, |text| frame(&source.id).len() - 1 + text + 1)
}

/// The grammar of `shape`.
pub(super) fn lower(shape: &Shape) -> Result<String, EngineError> {
    let mut lowering = Lowering { text: String::new(), names: Vec::new() };
    lowering.line("%llguidance {\"allow_invalid_utf8\": true}");
    lowering.text.push_str(CHARACTERS);
    let root = lowering.name(shape)?;
    lowering.line(&format!("start: {root}"));
    Ok(lowering.text)
}

/// The grammar as far as it is written.
struct Lowering<'a> {
    text: String,
    /// Shapes that already have a name: equal shapes share their lexer states.
    names: Vec<(&'a Shape, String)>,
}

impl<'a> Lowering<'a> {
    /// The name of the rule or terminal that matches `shape`, which is defined if it is new.
    fn name(&mut self, shape: &'a Shape) -> Result<String, EngineError> {
        if let Some((_, name)) = self.names.iter().find(|(known, _)| *known == shape) {
            return Ok(name.clone());
        }
        let body = match shape {
            Shape::Object(fields) => self.object(fields)?,
            Shape::Array { item, min, max } => self.array(item, *min, *max)?,
            Shape::Text { min, max } => text(*min, *max)?,
            Shape::OneOf(options) => one_of(options)?,
            Shape::Integer { min, max } => integer(*min, *max)?,
            Shape::Excerpt(sources) => excerpt(sources)?,
            Shape::Phrase(text) => phrase(text)?,
        };
        let terminal = !matches!(shape, Shape::Object(_) | Shape::Array { .. });
        let name = format!("{}{}", if terminal { "T" } else { "r" }, self.names.len());
        self.line(&format!("{name}: {body}"));
        self.names.push((shape, name.clone()));
        Ok(name)
    }

    fn object(&mut self, fields: &'a [(String, Shape)]) -> Result<String, EngineError> {
        let mut body = String::new();
        let mut before = String::from("{");
        for (at, (key, value)) in fields.iter().enumerate() {
            if fields[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(bad(format!("an object has the key '{key}' twice")));
            }
            let value = self.name(value)?;
            let _ = write!(body, "{} {value} ", quote(&format!("{before}{}:", json(key))));
            before = String::from(",");
        }
        let end = if fields.is_empty() { "{}" } else { "}" };
        Ok(body + &quote(end))
    }

    fn array(&mut self, item: &'a Shape, min: usize, max: usize) -> Result<String, EngineError> {
        if min > max {
            return Err(bad(format!("an array of {min} to {max} items cannot be")));
        }
        if max == 0 {
            return Ok(quote("[]"));
        }
        let item = self.name(item)?;
        let more = match (min.saturating_sub(1), max - 1) {
            (_, 0) => String::new(),
            (fewest, most) => format!(" (\",\" {item}){{{fewest},{most}}}"),
        };
        let items = format!("\"[\" {item}{more} \"]\"");
        Ok(if min == 0 { format!("\"[]\" | {items}") } else { items })
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// The terminal of free text. Four rules hold at once, each over the whole text:
///
/// - `WORDS`: see [`CHARACTERS`];
/// - length: up to byte `part` anything is allowed; a word that begins by then has [`LAST_WORD`]
///   characters of room, so the bound never cuts it, and no space, comma or dash may follow that
///   would ask for another word. The sentence mark stays allowed: a model that may not continue
///   writes it rather than joining words without a space;
/// - from byte `soft` on, the end of a sentence is the end of the text, so few texts reach `part`;
/// - the text has at least `min` bytes.
///
/// Counters are exact (`BYTE{n}` before what follows), since overlapping ones multiply states.
fn text(min: usize, max: usize) -> Result<String, EngineError> {
    if max < min.saturating_add(TEXT_SPREAD) {
        return Err(bad(format!(
            "a text of {min} to {max} characters is too narrow; leave {TEXT_SPREAD} between"
        )));
    }
    let room = LAST_WORD.min((max - min) / 2);
    // Two characters are left for the sentence mark and a closing mark behind the last word.
    let part = max - room - 2;
    let soft = min.max((max * 3 / 5).min(max.saturating_sub(LAST_SENTENCE))).max(2);
    let sentence = format!("(BYTE{{0,{}}} | BYTE{{{soft}}} ENDED)", soft - 1);
    let length = format!(
        "(BYTE{{{min},{}}} | BYTE{{{}}} /[^,;:&+\\x2F\\x00-]/ (CONT | \"\\\"\"){{0,3}} UNPARTED{{0,{room}}} (STOP CLOSE?)?)",
        part - 1,
        part - 1,
    );
    let empty = if min == 0 { "?" } else { "" };
    Ok(format!("\"\\\"\" (WORDS & {length} & {sentence}){empty} \"\\\"\""))
}

fn one_of(options: &[String]) -> Result<String, EngineError> {
    if options.is_empty() {
        return Err(bad("a choice has no options".into()));
    }
    Ok(options.iter().map(|option| quote(&json(option))).collect::<Vec<_>>().join(" | "))
}

/// A whole number from `min` to `max`; never `-0`, which JSON readers take for a fraction.
fn integer(min: i64, max: i64) -> Result<String, EngineError> {
    if min > max {
        return Err(bad(format!("a whole number of {min} to {max} cannot be")));
    }
    let mut blocks = Vec::new();
    if min < 0 {
        blocks.extend(decimals("-", max.min(-1).unsigned_abs(), min.unsigned_abs()));
    }
    if let Ok(most) = u64::try_from(max) {
        blocks.extend(decimals("", min.max(0).unsigned_abs(), most));
    }
    Ok(blocks.join(" | "))
}

/// The numbers `low..=high` in blocks that share their first digits and have any digits behind: 8
/// to 120 is `8 | 9 | 1[0-9]{1} | … | 9[0-9]{1} | 10[0-9]{1} | 11[0-9]{1} | 120`.
fn decimals(sign: &str, mut low: u64, high: u64) -> Vec<String> {
    let mut blocks = Vec::new();
    while low <= high {
        let mut free = 0;
        let mut size = 1_u64;
        // A block starts where its free digits are 0 and keeps at least one digit before them.
        while low >= size.saturating_mul(10)
            && low.is_multiple_of(size * 10)
            && high - low >= size * 10 - 1
        {
            free += 1;
            size *= 10;
        }
        let first = quote(&format!("{sign}{}", low / size));
        blocks.push(if free == 0 { first } else { format!("{first} /[0-9]{{{free}}}/") });
        low += size;
    }
    blocks
}

/// The rule of an excerpt: one alternative per source, and within it one per place where an excerpt
/// may begin.
fn excerpt(sources: &[Source]) -> Result<String, EngineError> {
    let mut alternatives = Vec::new();
    for source in sources {
        let runs: Vec<String> =
            excerpt::offers(&source.cells).iter().map(|(cell, run)| ends(cell, run)).collect();
        if !runs.is_empty() {
            alternatives.push(format!("{} ({})", quote(&frame(&source.id)), runs.join(" | ")));
        }
    }
    if alternatives.is_empty() {
        return Err(bad("none of the sources has a text that can be quoted".into()));
    }
    Ok(format!("({}) {}", alternatives.join("\n  | "), quote("\"}")))
}

/// The rule of a phrase: one alternative per place where a phrase may begin.
fn phrase(text: &str) -> Result<String, EngineError> {
    let mut runs: Vec<String> = excerpt::phrases(text).iter().map(|run| ends(text, run)).collect();
    if runs.is_empty() {
        return Err(bad("a text without a letter or digit has no phrases".into()));
    }
    // A word that occurs twice with the same words behind it is one alternative.
    runs.sort();
    runs.dedup();
    Ok(format!("{} ({}) {}", quote("\""), runs.join(" | "), quote("\"")))
}

/// The part of an answer before the text of an excerpt.
fn frame(id: &str) -> String {
    format!("{{\"record\":{},\"text\":\"", json(id))
}

/// The excerpts of a run: `first (second (third)?)?`.
fn ends(cell: &str, run: &Run) -> String {
    let mut start = run.start;
    let pieces: Vec<String> = run
        .ends
        .iter()
        .map(|&end| {
            let piece = json(&cell[start..end]);
            start = end;
            quote(&piece[1..piece.len() - 1])
        })
        .collect();
    pieces.join(" (") + &")?".repeat(pieces.len() - 1)
}

/// `text` as a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `text` as a Lark literal: escaped as in JSON, and DEL as well, which the grammar's lexer
/// refuses.
fn quote(text: &str) -> String {
    json(text).replace('\u{7F}', "\\u007f")
}

fn bad(reason: String) -> EngineError {
    EngineError::Grammar(reason)
}

#[cfg(test)]
mod tests;
