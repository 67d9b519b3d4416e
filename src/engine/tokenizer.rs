//! The model's tokenizer, from GGUF metadata.
