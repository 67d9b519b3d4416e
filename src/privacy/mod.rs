//! What may reach a prompt: [`Cleared`] data and nothing else.
//!
//! Owns the clearance type. Detectors and strategies will live here; until they do, [`Cleared::as_is`]
//! is the only way in, and the report says so.

mod entity;
#[cfg_attr(not(test), expect(dead_code, reason = "the detection that calls it follows"))]
mod names;

use std::ops::Deref;

use serde::Serialize;

pub use entity::{Entity, Span};

/// How data was cleared; the report shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clearance {
    /// The user did not ask for anonymisation: the data is as it was read.
    AsIs,
}

/// Data that may reach a prompt. Prompts accept nothing else. It cannot be deserialised, so a
/// file can never claim to be cleared.
#[derive(Debug, Clone)]
pub struct Cleared<T> {
    value: T,
    clearance: Clearance,
}

impl<T> Cleared<T> {
    /// Clears data unchanged, because the user did not ask for anonymisation.
    pub fn as_is(value: T) -> Self {
        Self { value, clearance: Clearance::AsIs }
    }

    /// How it was cleared.
    pub fn clearance(&self) -> Clearance {
        self.clearance
    }
}

impl<T> Deref for Cleared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
