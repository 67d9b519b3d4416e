//! One weight matrix and the fastest way that this machine has to multiply with it.
//!
//! Owns the choice between our tiles and candle's products; a new kernel is a new arm here, and
//! the decoder does not notice.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{CpuStorage, Module, Result, Storage, Tensor};

use super::kernels::Tier;
use super::kernels::tiles::{self, TiledWeights};

/// A weight matrix, (outputs, inputs).
#[derive(Debug)]
pub enum Linear {
    /// Repacked by us; the original is dropped.
    Tiles(TiledWeights),
    /// candle's own product, on any device and type.
    Candle(QMatMul),
}

impl Linear {
    /// Takes a tensor over, repacking it where that is faster.
    pub fn new(weight: Arc<QTensor>) -> Result<Self> {
        if weight.device().is_cpu()
            && let Ok((outputs, inputs)) = weight.shape().dims2()
            && let Some(tiles) =
                TiledWeights::pack(weight.dtype(), &weight.data()?, outputs, inputs)
        {
            return Ok(Self::Tiles(tiles));
        }
        Ok(Self::Candle(QMatMul::from_arc(weight)?))
    }

    /// `x`, (rows, inputs), times the weights: (rows, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [out] = project([self], x)?;
        Ok(out)
    }
}

/// Products that share their input, in one pass where there is a fused kernel.
pub fn project<const N: usize>(weights: [&Linear; N], x: &Tensor) -> Result<[Tensor; N]> {
    let mut tiled = Vec::with_capacity(N);
    let mut quantised = Vec::with_capacity(N);
    for weight in weights {
        match weight {
            Linear::Tiles(weight) => tiled.push(weight),
            Linear::Candle(QMatMul::QTensor(weight)) => quantised.push(weight.as_ref()),
            Linear::Candle(_) => {}
        }
    }
    let products = if tiled.len() == N {
        multiply_tiles(&tiled, x)?
    } else if quantised.len() == N
        && let Some(fused) = QTensor::gemv_fused_shared_lhs(&quantised, x)?
    {
        fused
    } else {
        weights.iter().map(|weight| weight.alone(x)).collect::<Result<_>>()?
    };
    Ok(products.try_into().expect("one product a weight"))
}

impl Linear {
    fn alone(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Candle(weight) => weight.forward(x),
            Self::Tiles(weight) => Ok(multiply_tiles(&[weight], x)?.remove(0)),
        }
    }
}

fn multiply_tiles(weights: &[&TiledWeights], x: &Tensor) -> Result<Vec<Tensor>> {
    let rows = x.dim(0)?;
    let (storage, layout) = x.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
        (&*storage, layout.contiguous_offsets())
    else {
        candle_core::bail!("tiles multiply contiguous f32 on CPU")
    };
    tiles::multiply(Tier::detect(), weights, &values[start..end], rows)
        .into_iter()
        .zip(weights)
        .map(|(out, weight)| Tensor::from_vec(out, (rows, weight.outputs()), x.device()))
        .collect()
}
