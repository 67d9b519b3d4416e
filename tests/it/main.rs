//! x
mod tiny_gguf;
mod engine;
mod real_model { pub fn real_model() -> std::path::PathBuf { "/work/models/SmolLM2-135M-Instruct.Q4_1.gguf".into() } }
