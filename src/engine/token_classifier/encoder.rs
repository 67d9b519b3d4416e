//! The encoders behind a token classifier: candle's models behind one interface.
//!
//! Owns which architectures there are, what each reads of `config.json`, and how each is called. A
//! batch here has rows of equal length, so nothing is masked.
//!
//! candle's DistilBERT takes the tanh form of GELU where `transformers` takes the error function:
//! its logits differ by some thousandths. The others agree with `transformers` to rounding.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, debertav2, distilbert, xlm_roberta};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The models that can be loaded, by `model_type`.
pub(super) const ARCHITECTURES: [&str; 6] =
    ["bert", "distilbert", "roberta", "xlm-roberta", "camembert", "deberta-v2 (also DeBERTa v3)"];

/// An architecture of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bert,
    DistilBert,
    /// Also RoBERTa and CamemBERT, which are the same computation.
    XlmRoberta,
    DebertaV2,
}

/// The sizes of an encoder that the code around it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Number of tokens in the vocabulary: rows of the embedding.
    pub(super) vocabulary: usize,
    /// Width of the output of each token.
    pub(super) hidden: usize,
    /// Number of tokens that have a position.
    pub(super) positions: usize,
}

/// A loaded encoder.
pub(super) enum Encoder {
    Bert(bert::BertModel),
    DistilBert(distilbert::DistilBertModel),
    XlmRoberta(xlm_roberta::XLMRobertaModel),
    DebertaV2(Box<debertav2::DebertaV2Model>),
}

impl Kind {
    /// The architecture that a configuration names; the error is the name, when it is not known.
    pub(super) fn of(config: &Value) -> std::result::Result<Self, String> {
        match config.get("model_type").and_then(Value::as_str) {
            Some("bert") => Ok(Self::Bert),
            Some("distilbert") => Ok(Self::DistilBert),
            Some("roberta" | "xlm-roberta" | "camembert") => Ok(Self::XlmRoberta),
            Some("deberta-v2") => Ok(Self::DebertaV2),
            found => Err(found.unwrap_or("(no model_type)").to_owned()),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::XlmRoberta => "xlm-roberta",
            Self::DebertaV2 => "deberta-v2",
        }
    }

    /// The sizes in the configuration; the error says which of them is missing.
    pub(super) fn sizes(self, config: &Value) -> std::result::Result<Sizes, String> {
        let size = |name: &str| {
            let size =
                config.get(name).and_then(Value::as_u64).filter(|n| (1..1 << 24).contains(n));
            size.map(|n| n as usize).ok_or_else(|| format!("{name} is missing, or no size"))
        };
        let positions = size("max_position_embeddings")?;
        let hidden = size(if self == Self::DistilBert { "dim" } else { "hidden_size" })?;
        let heads = size(if self == Self::DistilBert { "n_heads" } else { "num_attention_heads" })?;
        if !hidden.is_multiple_of(heads) {
            return Err(format!("{hidden} hidden values cannot be shared among {heads} heads"));
        }
        // RoBERTa counts positions from the one after padding.
        let skipped = match self {
            Self::XlmRoberta => {
                config.get("pad_token_id").and_then(Value::as_u64).unwrap_or(1) as usize + 1
            }
            Self::Bert | Self::DistilBert | Self::DebertaV2 => 0,
        };
        Ok(Sizes {
            vocabulary: size("vocab_size")?,
            hidden,
            positions: positions.saturating_sub(skipped),
        })
    }

    /// Builds the encoder from the weights.
    pub(super) fn load(self, config: &Value, vb: &VarBuilder<'_>) -> Result<Encoder> {
        Ok(match self {
            Self::Bert => {
                Encoder::Bert(bert::BertModel::load(vb.pp("bert"), &read(self, config)?)?)
            }
            Self::DistilBert => Encoder::DistilBert(distilbert::DistilBertModel::load(
                vb.pp("distilbert"),
                &read(self, config)?,
            )?),
            Self::XlmRoberta => Encoder::XlmRoberta(xlm_roberta::XLMRobertaModel::new(
                &read(self, config)?,
                vb.pp("roberta"),
            )?),
            Self::DebertaV2 => Encoder::DebertaV2(Box::new(debertav2::DebertaV2Model::load(
                vb.pp("deberta"),
                &read(self, config)?,
            )?)),
        })
    }

    /// The settings that candle requires but `transformers` leaves out of a configuration when they
    /// have their usual value.
    fn usual(self) -> Value {
        match self {
            Self::Bert => json!({
                "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "type_vocab_size": 2,
                "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
            }),
            Self::DistilBert => {
                json!({ "activation": "gelu", "initializer_range": 0.02, "pad_token_id": 0 })
            }
            Self::XlmRoberta => json!({
                "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
                "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
                "position_embedding_type": "absolute",
            }),
            Self::DebertaV2 => json!({
                "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
                "type_vocab_size": 0, "initializer_range": 0.02, "layer_norm_eps": 1e-7,
                "relative_attention": false, "max_relative_positions": -1,
                "position_biased_input": true, "pos_att_type": [],
            }),
        }
    }
}

impl Encoder {
    /// The encoder's output for each token: `ids` (rows, tokens) to (rows, tokens, hidden).
    pub(super) fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let types = ids.zeros_like()?;
        match self {
            Self::Bert(model) => model.forward(ids, &types, None),
            // DistilBERT's mask says what is hidden, not what is seen; here each row sees itself
            // whole.
            Self::DistilBert(model) => {
                let hidden = Tensor::zeros((1, ids.dim(1)?), DType::U8, ids.device())?;
                model.forward(ids, &hidden)
            }
            Self::XlmRoberta(model) => {
                let seen = ids.ones_like()?;
                model.forward(ids, &seen, &types, None, None, None)
            }
            Self::DebertaV2(model) => model.forward(ids, None, None),
        }
    }
}

/// Reads a configuration as candle's type for this architecture.
fn read<T: DeserializeOwned>(kind: Kind, config: &Value) -> Result<T> {
    let mut all = kind.usual();
    if let (Some(all), Some(said)) = (all.as_object_mut(), config.as_object()) {
        // A key whose value is null counts as left out.
        let said = said.iter().filter(|(_, value)| !value.is_null());
        all.extend(said.map(|(name, value)| (name.clone(), value.clone())));
        // The labels are read in `token_classifier.rs`, and candle expects them as numbers.
        all.remove("id2label");
        all.remove("label2id");
        all.remove("classifier_dropout");
    }
    serde_json::from_value(all).map_err(|error| {
        candle_core::Error::Msg(format!("config.json of a {} does not fit: {error}", kind.name()))
    })
}
