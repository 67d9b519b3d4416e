//! The integration binary: one, because linking the crate once is what takes the time.
//!
//! Tests that need the real small model get it from [`real_model::real_model`]; full counts of
//! measurements are `#[ignore]`d and run by `cargo test --release -- --ignored`.

mod architecture;
mod cli;
mod engine;
mod hub;
mod real_model;
mod tiny_gguf;
