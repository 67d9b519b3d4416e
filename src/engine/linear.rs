//! One weight matrix and the fastest way that this machine has to multiply with it.
//!
//! Owns the choice between our kernels and candle's products; a new kernel is a new arm here, and
//! the decoder does not notice.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Module, Result, Tensor};

use super::EngineError;
use super::gguf::{GgufFile, TensorShape};
use super::kernels::Cpu;
use super::kernels::activations::Activations;
use super::kernels::dense::{DenseWeights, Tiles};
use super::kernels::lanes::{Brain, Half, LANES};
use super::kernels::matrix::{self, Matrix, Product};

pub use super::kernels::matrix::Mode;

/// A weight matrix, (outputs, inputs).
#[derive(Debug)]
pub enum Linear {
    /// Quantised weights repacked for our kernels; the original is dropped.
    Packed(Matrix),
    /// Unquantised weights for our kernels, on the CPU.
    Dense(DenseWeights),
    /// candle's own product, on any device and for any type.
    Candle(QMatMul),
}

/// Whose products the weights are loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Products {
    /// Those of our kernels where they have one for the type.
    Kernels,
    /// candle's, on any device; ours are tested against them.
    Candle,
}

/// Bytes of a tensor that are read at a time: what loading a large one takes beside its tiles.
const PIECE: usize = 8 << 20;

impl Linear {
    /// Reads outputs `range` of tensor `name`, and repacks them where that is faster.
    pub fn load(
        file: &GgufFile,
        name: &str,
        range: Range<usize>,
        (device, products): (&Device, Products),
    ) -> std::result::Result<Self, EngineError> {
        let TensorShape { dtype, outputs, inputs } = file.matrix(name)?;
        let row = file.tensor_bytes(name)? / outputs;
        let compute = |error: candle_core::Error| EngineError::Compute(error.to_string());
        let ours = products == Products::Kernels;
        let packed = ours.then(|| Matrix::empty(dtype, range.len(), inputs)).flatten();
        if let Some(mut matrix) = packed {
            let rows = (PIECE / row).max(1).next_multiple_of(LANES);
            let mut piece = Vec::new();
            for first in (0..range.len()).step_by(rows) {
                let count = rows.min(range.len() - first);
                piece.resize(count * row, 0);
                file.read_part(name, (range.start + first) * row, &mut piece)?;
                matrix.fill(first, &piece);
            }
            return Ok(Self::Packed(matrix));
        }
        let mut bytes = vec![0; range.len() * row];
        file.read_part(name, range.start * row, &mut bytes)?;
        let dense = ours.then(|| dense(dtype, &bytes, range.len(), inputs)).flatten();
        if let Some(weights) = dense {
            return Ok(Self::Dense(weights));
        }
        QStorage::from_data(Cow::Owned(bytes), device, dtype)
            .and_then(|storage| QTensor::new(storage, (range.len(), inputs)))
            .and_then(|weight| QMatMul::from_arc(Arc::new(weight)))
            .map(Self::Candle)
            .map_err(compute)
    }

    /// Multiplies `x`, (rows, inputs), with the weights by candle: (rows, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Candle(weight) => weight.forward(x),
            Self::Packed(_) | Self::Dense(_) => {
                candle_core::bail!("weights that were packed for the CPU multiply no tensors")
            }
        }
    }

    /// Writes the weights of some outputs to `out`, (ids, inputs), as rows of floats: an embedding.
    pub fn rows(&self, ids: &[u32], out: &mut [f32]) -> Result<()> {
        let width = out.len() / ids.len().max(1);
        match self {
            Self::Packed(weights) => {
                for (id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
                    weights.row(*id as usize, out);
                }
            }
            Self::Dense(weights) => {
                for (id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
                    weights.row(*id as usize, out);
                }
            }
            Self::Candle(weights) => {
                let rows = weights.embedding(&Tensor::new(ids, &Device::Cpu)?)?;
                out.copy_from_slice(&rows.flatten_all()?.to_vec1::<f32>()?);
            }
        }
        Ok(())
    }

    /// The weights of some outputs as a candle tensor: (ids, inputs).
    pub fn embedding(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Self::Candle(weights) => weights.embedding(ids),
            Self::Packed(_) | Self::Dense(_) => {
                candle_core::bail!("weights that were packed for the CPU give no tensors")
            }
        }
    }
}

/// Unquantised weights in tiles; `None` for other types.
fn dense(dtype: GgmlDType, bytes: &[u8], outputs: usize, inputs: usize) -> Option<DenseWeights> {
    let halves = || bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    Some(match dtype {
        GgmlDType::F32 => {
            let words = bytes.as_chunks::<4>().0.iter();
            let rows: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
            DenseWeights::F32(Tiles::pack(&rows, 0.0, outputs, inputs))
        }
        GgmlDType::F16 => {
            let rows: Vec<Half> = halves().map(Half).collect();
            DenseWeights::F16(Tiles::pack(&rows, Half(0), outputs, inputs))
        }
        GgmlDType::BF16 => {
            let rows: Vec<Brain> = halves().map(Brain).collect();
            DenseWeights::BF16(Tiles::pack(&rows, Brain(0), outputs, inputs))
        }
        _ => return None,
    })
}

/// Rows that products read, in each form that their weights need; kept so that memory is reused.
#[derive(Debug, Default)]
pub struct Input {
    rows: usize,
    inputs: usize,
    quantised: Activations,
    /// The rows as floats, (rows, inputs); empty where no weight needs floats.
    floats: Vec<f32>,
}

impl Input {
    /// Takes rows in for products with `weights`; `fill` writes row `i`, and may be called twice
    /// for a row.
    pub fn fill(
        &mut self,
        cpu: &Cpu,
        weights: &[&Linear],
        [rows, inputs]: [usize; 2],
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        (self.rows, self.inputs) = (rows, inputs);
        if weights.iter().any(|weight| matches!(weight, Linear::Packed(_))) {
            self.quantised.quantise(&cpu.team, cpu.tier, [rows, inputs], &fill);
        }
        self.floats.clear();
        if weights.iter().any(|weight| !matches!(weight, Linear::Packed(_))) {
            self.floats.resize(rows * inputs, 0.0);
            cpu.team.split(&mut self.floats, inputs, &fill);
        }
    }

    /// Multiplies the rows with each weight; each output is (rows, outputs). Where the weights are
    /// packed, `tiles` restricts the outputs that are computed, sixteen to a tile.
    pub fn multiply(
        &self,
        cpu: &Cpu,
        products: &mut [(&Linear, &mut [f32])],
        mode: Mode,
        tiles: Option<&[u32]>,
    ) -> Result<()> {
        let mut packed = Vec::with_capacity(products.len());
        for (weight, out) in products {
            match weight {
                Linear::Packed(weights) => packed.push(Product { weights, out, mode, tiles }),
                Linear::Dense(weights) => weights.multiply(cpu, &self.floats, out, mode),
                Linear::Candle(weights) => {
                    let shape = (self.rows, self.inputs);
                    let x = Tensor::from_slice(&self.floats, shape, &Device::Cpu)?;
                    let product = weights.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
                    for (out, value) in out.iter_mut().zip(product) {
                        *out = if mode == Mode::Add { *out + value } else { value };
                    }
                }
            }
        }
        if !packed.is_empty() {
            matrix::multiply(&cpu.team, cpu.tier, &self.quantised, &mut packed);
        }
        Ok(())
    }
}
