//! The integration tests, in one binary because linking the crate is what takes the time.
//!
//! Tests that need the real small model get it from [`real_model::real_model`]. Full counts of
//! measurements are `#[ignore]`d and run by `cargo test --release -- --ignored`.

// `cfg(test)` tells the lints that everything here is test code, helpers included. They know it by
// itself only, not in an `all(..)`.
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod architectures;
#[cfg(test)]
mod aspects;
#[cfg(test)]
#[cfg(feature = "net")]
mod backends;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod faults;
#[cfg(test)]
#[cfg(feature = "net")]
mod frontier;
#[cfg(test)]
#[path = "../fuzz/mod.rs"]
mod fuzz;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod judging;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod kinds;
#[cfg(test)]
#[cfg(feature = "net")]
mod llama_server;
#[cfg(test)]
#[cfg(feature = "net")]
mod load;
#[cfg(test)]
#[cfg(feature = "net")]
mod loopback;
#[cfg(test)]
#[cfg(feature = "net")]
mod models;
#[cfg(test)]
mod passes;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod privacy_measured;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod real_model;
#[cfg(test)]
mod second_pass;
#[cfg(test)]
#[cfg(feature = "net")]
mod secrets;
#[cfg(test)]
#[cfg(feature = "net")]
mod served_judge;
#[cfg(test)]
mod set_quality;
#[cfg(test)]
mod shards;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod tiny_classifier;
#[cfg(test)]
mod tiny_gguf;
#[cfg(test)]
mod token_classifier;
#[cfg(test)]
mod tokenizers;
#[cfg(test)]
mod whole_run;
