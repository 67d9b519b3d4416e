//! From a [`Shape`] to one llguidance grammar: token masks and forced tokens.
//!
//! Owns what an answer may look like. Shapes are bounded everywhere, so an answer always parses
//! and always fits a token budget that is known before it starts.

/// The shape of a JSON answer. Written compactly (no free white space), keys in the given order.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Keys in order, all required.
    Object(Vec<(String, Shape)>),
    /// `min..=max` items.
    Array {
        /// Each item.
        item: Box<Shape>,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
    /// Free text of `min..=max` characters, without line breaks or control characters; one that
    /// reaches its bound ends at a word.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// One of these strings.
    OneOf(Vec<String>),
    /// A whole number.
    Integer {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// `{"record":ID,"text":EXCERPT}`, where EXCERPT is a verbatim piece of the source named ID.
    Excerpt(Vec<Source>),
}

/// Something that can be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The id as it is written in the answer.
    pub id: String,
    /// The pieces that an excerpt may come from; an excerpt never spans two.
    pub cells: Vec<String>,
}
