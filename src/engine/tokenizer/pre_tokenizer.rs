//! How byte-level vocabularies cut text before merging, by the name in `tokenizer.ggml.pre`.
//!
//! A wrong cut gives other tokens than the model was trained on, with no error to show for it, so
//! only names whose rule is known are listed here and any other name is refused. The rules are
//! those of the models' own `tokenizer.json`; llama.cpp's `llama-vocab.cpp` says which name means
//! which.

use tokenizers::SplitDelimiterBehavior;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};

/// One rule for cutting text.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreTokenizer {
    /// Patterns applied in turn; each cuts the pieces that the one before it left.
    splits: &'static [&'static str],
    /// Whether characters are composed (NFC) first.
    pub(super) compose: bool,
    /// Whether a piece that is itself a token is taken whole rather than built from merges.
    pub(super) ignore_merges: bool,
    /// Whether texts begin with the begin token, unless the file says otherwise.
    pub(super) add_bos: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const PLAIN: PreTokenizer =
    PreTokenizer { splits: &[GPT2], compose: false, ignore_merges: false, add_bos: false };

impl PreTokenizer {
    /// The rule called `name`; `None` when it is not known for sure.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gpt-2" | "phi-2" => PLAIN,
            "smollm" | "starcoder" => Self { splits: &[DIGIT, GPT2], ..PLAIN },
            "llama-bpe" | "llama3" | "llama-v3" | "lfm2" => {
                Self { splits: &[LLAMA3], ignore_merges: true, add_bos: true, ..PLAIN }
            }
            // SmolLM3 uses the name `smaug-bpe`, Phi-4 `dbrx`.
            "smaug-bpe" | "dbrx" | "glm4" | "chatglm-bpe" => Self { splits: &[LLAMA3], ..PLAIN },
            "qwen2" | "deepseek-r1-qwen" => Self { splits: &[QWEN2], compose: true, ..PLAIN },
            "qwen35" => Self { splits: &[QWEN35], compose: true, ..PLAIN },
            "tekken" => Self { splits: &[TEKKEN], ignore_merges: true, add_bos: true, ..PLAIN },
            "gpt-4o" => Self { splits: &[GPT4O], ..PLAIN },
            _ => return None,
        })
    }

    /// The rule as a pre-tokenizer: the cuts, then bytes to the byte-level alphabet.
    pub(super) fn build(self) -> Result<PreTokenizerWrapper, String> {
        let mut steps = Vec::with_capacity(self.splits.len() + 1);
        for pattern in self.splits {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map_err(|error| format!("cannot build the pre-tokenizer: {error}"))?;
            steps.push(PreTokenizerWrapper::Split(split));
        }
        steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)));
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(steps)))
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

    use super::*;

    fn check(name: &str, text: &str, expected: &[&str]) {
        let cut = PreTokenizer::named(name).expect("a known name").build().expect("a rule");
        let mut pieces = PreTokenizedString::from(text);
        cut.pre_tokenize(&mut pieces).expect("cut");
        let found: Vec<&str> = pieces
            .get_splits(OffsetReferential::Original, OffsetType::Byte)
            .into_iter()
            .map(|(_, (start, end), _)| &text[start..end])
            .collect();
        assert_eq!(found, expected, "{name} on {text:?}");
    }

    #[test]
    fn smollm_cuts_every_digit_before_it_looks_at_words() {
        check(
            "smollm",
            "it's  a 24,\n\tOK",
            &["it", "'s", " ", " a", " ", "2", "4", ",", "\n", "\t", "OK"],
        );
    }

    #[test]
    fn gpt2_keeps_a_number_whole_and_splits_contractions_in_lower_case_only() {
        check("gpt-2", "it's IT'S 2024", &["it", "'s", " IT", "'", "S", " 2024"]);
    }

    #[test]
    fn llama3_cuts_numbers_into_threes_and_contractions_in_any_case() {
        check(
            "llama-bpe",
            "IT'S 12345 (ok)\n\n x",
            &["IT", "'S", " ", "123", "45", " (", "ok", ")\n\n", " x"],
        );
    }

    #[test]
    fn qwen2_cuts_numbers_into_digits_and_keeps_line_breaks_with_the_spaces_before_them() {
        check("qwen2", "a1234 \n b", &["a", "1", "2", "3", "4", " \n", " b"]);
    }

    #[test]
    fn tekken_starts_a_piece_at_a_capital_after_a_small_letter() {
        check("tekken", "camelCase/\nXML", &["camel", "Case", "/\n", "XML"]);
    }

    #[test]
    fn every_script_and_control_character_survives_the_cut() {
        let text = "日本語 и ру́сский \u{0}\u{200f}عربى 🤷🏽‍♀️ \r\n e\u{301}";
        for name in ["gpt-2", "smollm", "llama-bpe", "qwen35", "tekken", "gpt-4o"] {
            let cut = PreTokenizer::named(name).expect("known").build().expect("a rule");
            let mut pieces = PreTokenizedString::from(text);
            cut.pre_tokenize(&mut pieces).expect("cut");
            let whole: String = pieces
                .get_splits(OffsetReferential::Original, OffsetType::Byte)
                .into_iter()
                .map(|(_, (start, end), _)| &text[start..end])
                .collect();
            assert_eq!(whole, text, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(PreTokenizer::named("mystery").is_none());
    }
}
