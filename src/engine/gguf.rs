//! Opening and checking a GGUF file.
