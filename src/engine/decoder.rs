//! Whose arithmetic a model runs by: our own block, or candle's model of an architecture that the
//! block does not know.
//!
//! Owns the difference, so that the worker sees one kind of decoder. candle's models hold one
//! sequence and give the logits of the last token only; what the block does in one pass they do
//! token by token.

use std::ops::Range;

use candle_core::Result;

use super::foreign::{self, ForeignModel};
use super::kv_cache::{KvCache, SequenceRows};
use super::transformer::{Batch, Hidden, Transformer};

/// A loaded model.
#[derive(Debug)]
pub(super) enum Decoder {
    /// Our block: any number of sequences.
    Block(Box<Transformer>),
    /// candle's own model, one sequence at a time.
    Foreign(Box<ForeignModel>),
}

/// What a pass left for the logits of the wanted rows.
#[derive(Debug)]
pub(super) enum Read {
    /// What the block's head needs.
    Hidden(Hidden),
    /// The logits, an entry a row.
    Logits(Vec<Vec<f32>>),
}

impl Decoder {
    /// Runs the rows of a batch. The cache counts the positions of either kind of model; it holds
    /// keys and values of the block only.
    pub(super) fn read(&mut self, batch: &Batch<'_>, cache: &mut KvCache) -> Result<Read> {
        match self {
            Self::Block(model) => model.hidden(batch, cache).map(Read::Hidden),
            Self::Foreign(model) => one_by_one(model, batch, cache).map(Read::Logits),
        }
    }

    /// The logits of some of the rows that were read into `out`, which becomes (rows, vocabulary);
    /// see [`Transformer::logits`].
    pub(super) fn logits(
        &self,
        read: &Read,
        rows: Range<usize>,
        tiles: Option<&[u32]>,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        match (self, read) {
            (Self::Block(model), Read::Hidden(hidden)) => model.logits(hidden, rows, tiles, out),
            (_, Read::Logits(logits)) => {
                *out = logits[rows].concat();
                Ok(())
            }
            _ => candle_core::bail!("rows that another kind of model read"),
        }
    }

    /// Whether sequences can run together and share beginnings.
    pub(super) fn shares(&self) -> bool {
        matches!(self, Self::Block(_))
    }

    /// What a user should know of the way that the model runs.
    pub(super) fn note(&self) -> Option<&'static str> {
        match self {
            Self::Block(_) => None,
            Self::Foreign(_) => Some(foreign::NOTE),
        }
    }
}

fn one_by_one(
    model: &mut ForeignModel,
    batch: &Batch<'_>,
    cache: &mut KvCache,
) -> Result<Vec<Vec<f32>>> {
    let &[SequenceRows { id, rows }] = batch.sequences else {
        candle_core::bail!("candle's own models run one sequence at a time")
    };
    let failed = |error: super::EngineError| candle_core::Error::Msg(error.to_string());
    if cache.len(id) == 0 {
        model.reset().map_err(failed)?;
    }
    cache.append(id, rows.count)?;
    let mut logits = Vec::with_capacity(batch.wanted.len());
    let mut fed = 0;
    for &row in batch.wanted {
        logits.push(model.logits(&batch.tokens[fed..=row as usize]).map_err(failed)?);
        fed = row as usize + 1;
    }
    if fed < batch.tokens.len() {
        model.logits(&batch.tokens[fed..]).map_err(failed)?;
    }
    Ok(logits)
}
