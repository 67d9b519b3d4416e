//! Measures after the fact what personas, judges and runs are worth.
//!
//! Owns the comparison of two ways to make personas ([`compare`]), the evaluation of any personas
//! file ([`scorecard`], read by [`foreign`] and checked against the data by [`evidence`]), and a
//! judge's worth on a user's own data ([`calibrate`]). Judges through the pipeline; writes nothing.

pub mod calibrate;
pub mod compare;
pub mod evidence;
pub mod foreign;
mod page;
pub mod scorecard;
