//! The persona: what the tool writes, as types and as a published JSON Schema.
//!
//! Owns the shape and its checks, and how alike two personas are. Knows nothing of how a persona is
//! drafted, judged or rendered.

mod likeness;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use likeness::is_unspaced;
pub use likeness::{ALIKE, Shingles, duplicates, said, words};

/// Version of the published schema; a breaking change raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// Stable id of a record: input number from 1, record index from 0, as in `f1#7`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl RecordId {
    /// The id of record `index` (from 0) of input `file` (from 1).
    pub fn new(file: usize, index: usize) -> Self {
        Self(format!("f{file}#{index}"))
    }

    /// The id as it is written in prompts and output.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One persona, as it stands in `personas.json`. Holds no time, path or run id, so that the same
/// seed gives the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// `p1`, `p2` … in output order; `s2r0d1` while still a draft.
    pub id: String,
    /// A given name, made up.
    pub name: String,
    /// A few words that tell this persona from the others.
    pub title: String,
    /// Two or three sentences.
    pub summary: String,
    /// Facts read off the segment's columns, never generated: column name to value.
    pub demographics: BTreeMap<String, String>,
    /// What the person wants to get done.
    pub goals: Vec<Statement>,
    /// What stands in the way.
    pub pains: Vec<Statement>,
    /// What the person does today.
    pub behaviours: Vec<Statement>,
    /// Why it matters to the person. Interpretation, so without records.
    pub motivations: Vec<String>,
    /// Verbatim pieces of records.
    pub quotes: Vec<Quote>,
    /// The part of the data behind this persona.
    pub segment: Segment,
    /// What the judge said.
    pub scores: Scores,
    /// True when the judge score is under the threshold and the persona only fills the count.
    pub below_threshold: bool,
    /// True when a frontier model's edits were accepted.
    pub refined: bool,
    /// Where the persona comes from.
    pub provenance: Provenance,
}

/// A goal, pain or behaviour with the records that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The statement.
    pub text: String,
    /// Records that support it; empty only when `inferred`.
    pub records: Vec<RecordId>,
    /// True when no record says it and the model concluded it.
    pub inferred: bool,
    /// How many hold it, where it is an answer that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

impl Statement {
    /// The statement as people read it, with its count: `How do you pay?: By phone (7 of 9; 41 % of
    /// all)`.
    pub fn counted(&self) -> String {
        match &self.held {
            Some(held) => format!("{} ({held})", self.text),
            None => self.text.clone(),
        }
    }
}

/// How many people hold something, in a segment and in the whole data. Counted, never generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Participants of the segment who hold it.
    pub given: usize,
    /// Participants of the segment who answered at all.
    pub answered: usize,
    /// Participants who hold it, in and out of the segment.
    pub given_by_all: usize,
    /// Participants who answered at all, in and out of the segment.
    pub answered_by_all: usize,
}

impl Held {
    /// What it is compared with: `41 % of all`; `None` where the segment is everyone who answered.
    pub fn of_all(&self) -> Option<String> {
        let percent = 100.0 * self.given_by_all as f64 / self.answered_by_all.max(1) as f64;
        (self.answered < self.answered_by_all).then(|| format!("{percent:.0} % of all"))
    }
}

impl std::fmt::Display for Held {
    /// `7 of 9; 41 % of all`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.given, self.answered)?;
        self.of_all().map_or(Ok(()), |share| write!(f, "; {share}"))
    }
}

/// A verbatim piece of a record: `text == record.text[start..end]`, in bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The words.
    pub text: String,
    /// The record they stand in.
    pub record: RecordId,
    /// First byte in the record's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// How much of the data stands behind a persona. Counted, never generated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Distinct participants in the segment.
    pub participants: usize,
    /// Records in the segment.
    pub records: usize,
    /// Participants in the segment over all participants, 0..=1; records over all records where a
    /// participant is in several segments.
    pub share: f64,
}

impl Segment {
    /// The share in whole per cent: `31 %`.
    pub fn percent(&self) -> String {
        format!("{:.0} %", self.share * 100.0)
    }
}

/// Scores in 0..=1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The gated score; `None` while unjudged.
    pub judge: Option<f64>,
    /// Each signal and computed criterion by name.
    pub criteria: BTreeMap<String, f64>,
    /// Wordings that may come from a stereotype; for a reader to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
}

/// A wording that may come from a stereotype.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// What it may be about: `age`, `gender`, `disability`, `origin`, `class` or `generalisation`.
    pub kind: String,
    /// The words, as they stand in the persona.
    pub phrase: String,
    /// Where: `title`, `summary`, `goals`, `pains`, `behaviours`, `motivations` or `quotes`.
    pub field: String,
}

/// Enough to make the persona again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Model that drafted it, as resolved.
    pub model: String,
    /// SHA-256 of the model file, where there is one.
    pub model_sha256: Option<String>,
    /// Slot, from 0.
    pub slot: usize,
    /// Draft round, from 0.
    pub round: usize,
    /// Draft index in its slot and round, from 0.
    pub draft: usize,
    /// Sub-seed of this draft.
    pub seed: u64,
    /// `extractive` or `free`.
    pub style: String,
    /// Records that the prompt put in focus.
    pub shown: Vec<RecordId>,
}

impl Provenance {
    /// The style of a persona whose goals, pains and behaviours are sentences of records.
    pub const EXTRACTIVE: &str = "extractive";

    /// Whether the persona's goals, pains and behaviours are sentences of records.
    pub fn is_extractive(&self) -> bool {
        self.style == Self::EXTRACTIVE
    }
}

/// What the judge says of one draft.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Weighted mean of the signals that earned their weight, 0..=1: the gated score.
    pub score: f64,
    /// Each signal, mapped to 0..=1.
    pub signals: BTreeMap<String, f64>,
    /// Probability mass on the labels, per verbal criterion: how much of the answer was a label.
    pub label_mass: BTreeMap<String, f64>,
}

/// Where the published schema stands; carries its version.
const SCHEMA_ID: &str = "https://github.com/REPPL/Persona/schemas/personas.v1.json";

/// The JSON Schema of `personas.json`: an array of [`Persona`].
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Vec<Persona>);
    schema.insert("$id".into(), SCHEMA_ID.into());
    schema.insert("title".into(), "personas.json".into());
    schema.insert("version".into(), SCHEMA_VERSION.into());
    schema.into()
}

/// Reads the content of `personas.json`, refusing unknown keys.
pub fn parse_personas(json: &str) -> Result<Vec<Persona>, serde_json::Error> {
    serde_json::from_str(json)
}

impl Persona {
    /// Everything that the persona says in words: quotes are included, the name is not.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        [self.title.as_str(), self.summary.as_str()]
            .into_iter()
            .chain(self.statements().map(|s| s.text.as_str()))
            .chain(self.motivations.iter().map(String::as_str))
            .chain(self.quotes.iter().map(|q| q.text.as_str()))
    }

    /// The persona's goals, pains and behaviours, in this order.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.goals.iter().chain(&self.pains).chain(&self.behaviours)
    }

    /// The records that the persona cites, each once, in order of their ids.
    pub fn cited(&self) -> Vec<RecordId> {
        let cited = self.statements().flat_map(|s| &s.records);
        let mut cited: Vec<_> =
            cited.chain(self.quotes.iter().map(|q| &q.record)).cloned().collect();
        cited.sort_unstable();
        cited.dedup();
        cited
    }

    /// What is wrong with the persona's evidence, given the text of each record by id. Empty when
    /// every citation leads to a record and every quote is that record's own words.
    pub fn violations<'r>(&self, text_of: impl Fn(&RecordId) -> Option<&'r str>) -> Vec<String> {
        let mut found = Vec::new();
        for quote in &self.quotes {
            match text_of(&quote.record) {
                None => {
                    found.push(format!("a quote cites {}, which is not a record", quote.record));
                }
                Some(text) if text.get(quote.start..quote.end) != Some(&quote.text) => {
                    found.push(format!("a quote is not what {} says", quote.record));
                }
                Some(_) => {}
            }
        }
        for statement in self.statements() {
            if statement.records.is_empty() && !statement.inferred {
                found.push(format!("'{}' cites no record", statement.text));
            }
            for record in statement.records.iter().filter(|id| text_of(id).is_none()) {
                found.push(format!("'{}' cites {record}, which is not a record", statement.text));
            }
        }
        found
    }
}

/// What several tests of personas need.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A persona with short texts and without evidence.
    pub(crate) fn empty() -> Persona {
        Persona {
            id: "p1".into(),
            name: "Ada".into(),
            title: "Nurse".into(),
            summary: "Waits.".into(),
            ..Persona::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::empty;
    use super::*;

    fn quoting(text: &str, start: usize, end: usize) -> Vec<String> {
        let quote = Quote { text: text.into(), record: RecordId::new(1, 0), start, end };
        let persona = Persona { quotes: vec![quote], ..empty() };
        persona.violations(|id| (id.as_str() == "f1#0").then_some("we wait for hours 🙂 daily"))
    }

    #[test]
    fn a_quote_is_checked_byte_by_byte() {
        assert!(quoting("for hours", 8, 17).is_empty());
        assert_eq!(quoting("for hour", 8, 17).len(), 1);
        // A byte inside the emoji, or past the end, is wrong but must not panic.
        assert_eq!(quoting("x", 19, 20).len(), 1);
        assert_eq!(quoting("x", 0, 1000).len(), 1);
    }

    #[test]
    fn a_statement_without_a_record_must_say_that_it_is_inferred() {
        let mut persona = empty();
        let text = "Wants to go home".to_owned();
        persona.goals.push(Statement { text, records: Vec::new(), inferred: false, held: None });
        assert_eq!(persona.violations(|_| None).len(), 1);
        persona.goals[0].inferred = true;
        assert!(persona.violations(|_| None).is_empty());
    }

    fn stating(text: &str, records: &[usize]) -> Statement {
        let records = records.iter().map(|&index| RecordId::new(1, index)).collect();
        Statement { text: text.into(), records, inferred: false, held: None }
    }

    /// A persona with a value in every field.
    fn full() -> Persona {
        let record = RecordId::new(1, 10);
        Persona {
            goals: vec![stating("goal", &[2, 1])],
            pains: vec![stating("pain", &[1])],
            behaviours: vec![stating("habit", &[0])],
            motivations: vec!["motive".into()],
            quotes: vec![Quote { text: "quote".into(), record, start: 0, end: 5 }],
            ..empty()
        }
    }

    #[test]
    fn everything_that_is_said_is_listed_once_and_in_order() {
        let texts = ["Nurse", "Waits.", "goal", "pain", "habit", "motive", "quote"];
        assert_eq!(full().texts().collect::<Vec<_>>(), texts);
        assert_eq!(full().statements().count(), 3);
        let cited: Vec<String> = full().cited().iter().map(RecordId::to_string).collect();
        assert_eq!(cited, ["f1#0", "f1#1", "f1#10", "f1#2"]);
        assert_eq!(RecordId::new(2, 7).as_str(), "f2#7");
    }

    #[test]
    fn a_citation_must_lead_to_a_record() {
        let has = |known: &[&str]| {
            let known: Vec<String> = known.iter().map(|&id| id.to_owned()).collect();
            full().violations(|id| known.iter().any(|k| k == id.as_str()).then_some("quote and on"))
        };
        assert_eq!(has(&["f1#0", "f1#1", "f1#2", "f1#10"]), [""; 0]);
        assert_eq!(has(&["f1#0", "f1#1", "f1#10"]), ["'goal' cites f1#2, which is not a record"]);
        assert_eq!(has(&["f1#0", "f1#1", "f1#2"]), ["a quote cites f1#10, which is not a record"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = serde_json::to_string(&[full(), empty()]).expect("plain data");
        assert_eq!(parse_personas(&written).expect("readable"), [full(), empty()]);
    }

    #[test]
    fn the_schema_accepts_what_is_written_and_refuses_unknown_keys() {
        let schema = json_schema();
        assert_eq!(schema["version"], SCHEMA_VERSION);
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        let mut personas = serde_json::to_value(vec![empty()]).expect("plain data");
        assert!(validator.is_valid(&personas));
        personas[0]["surprise"] = 1.into();
        assert!(!validator.is_valid(&personas));
        assert!(parse_personas(&personas.to_string()).is_err());
    }
}
