//! Chat messages to text, by the model's own template.
