//! What runs are worth, measured after the fact.
//!
//! Owns the comparison of two ways to make personas. Judges through the pipeline; writes nothing.

pub mod compare;
mod page;
