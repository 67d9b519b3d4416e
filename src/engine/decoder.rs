//! The two ways to run a model: our own block, or candle's model of an architecture that the block
//! does not know.
//!
//! Owns the difference, so that the worker sees one kind of decoder. candle's models hold one
//! sequence and give the logits of the last token only; they compute token by token what the block
//! does in one pass.

use std::ops::Range;

use candle_core::Result;

use super::foreign::{self, ForeignModel};
use super::kv_cache::{KvCache, SequenceRows};
use super::transformer::{Batch, Hidden, Transformer};

/// A loaded model.
#[derive(Debug)]
pub(super) enum Decoder {
    /// Our own block, for any number of sequences at once.
    Block(Box<Transformer>),
    /// candle's own model, one sequence at a time.
    Foreign(Box<ForeignModel>),
}

/// What a pass leaves behind, from which [`Decoder::logits`] computes the wanted rows.
#[derive(Debug)]
pub(super) enum Read {
    /// The hidden states that the block's head reads.
    Hidden(Hidden),
    /// The logits themselves, one entry per row.
    Logits(Vec<Vec<f32>>),
}

impl Decoder {
    /// Runs the rows of a batch. The cache counts positions for either kind of model, but holds
    /// keys and values for the block only.
    pub(super) fn read(&mut self, batch: &Batch<'_>, cache: &mut KvCache) -> Result<Read> {
        match self {
            Self::Block(model) => model.hidden(batch, cache).map(Read::Hidden),
            Self::Foreign(model) => one_by_one(model, batch, cache).map(Read::Logits),
        }
    }

    /// Writes the logits of some of the rows that were read into `out`, which becomes (rows,
    /// vocabulary); see [`Transformer::logits`].
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

    /// The hidden states of the rows that were read; an error for candle's own models, which give
    /// none.
    pub(super) fn states(&self, read: Read) -> Result<Vec<Vec<f32>>> {
        match (self, read) {
            (Self::Block(model), Read::Hidden(hidden)) => model.rows(hidden),
            _ => candle_core::bail!("candle's own models give no hidden states"),
        }
    }

    /// Whether sequences can run together and share their beginnings, and hidden states be read.
    pub(super) fn shares(&self) -> bool {
        matches!(self, Self::Block(_))
    }

    /// A note for the user about how the model runs; `None` for our own block.
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
