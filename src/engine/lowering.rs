//! From a [`Shape`] to the text of one llguidance grammar (its dialect of Lark).
//!
//! Pure: no tokens, no parser. The dialect: rules are lower case and are parsed, terminals upper
//! case and become one regular expression each, matched greedily.

use super::grammar::Shape;

/// See [`Shape::max_bytes`].
pub(super) fn max_bytes(_shape: &Shape) -> usize {
    todo!()
}
