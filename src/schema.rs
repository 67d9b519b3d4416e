//! The persona: what the tool writes, as types and as a published JSON Schema.
//!
//! Owns the shape and its checks. Knows nothing of how a persona is drafted, judged or rendered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Records in the segment over all records, 0..=1.
    pub share: f64,
}

/// Scores in 0..=1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The gated score; `None` while unjudged.
    pub judge: Option<f64>,
    /// Each signal and computed criterion by name.
    pub criteria: BTreeMap<String, f64>,
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
