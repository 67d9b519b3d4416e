//! One weight matrix and the fastest way that this machine has to multiply with it.
//!
//! Owns the choice between our kernels and candle's products; a new kernel is a new arm here, and
//! the decoder does not notice.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{CpuStorage, Module, Result, Storage, Tensor};

use super::kernels::Tier;
use super::kernels::dense::DenseWeights;
use super::kernels::tiles::{self, TiledWeights};

/// A weight matrix, (outputs, inputs).
#[derive(Debug)]
pub enum Linear {
    /// Repacked by us; the original is dropped.
    Tiles(TiledWeights),
    /// Unquantised, on the CPU.
    Dense(DenseWeights),
    /// candle's own product, on any device and type.
    Candle(QMatMul),
}

impl Linear {
    /// Takes a tensor over, repacking it where that is faster.
    pub fn new(weight: Arc<QTensor>) -> Result<Self> {
        if weight.device().is_cpu()
            && let Ok((outputs, inputs)) = weight.shape().dims2()
        {
            if let Some(tiles) =
                TiledWeights::pack(weight.dtype(), &weight.data()?, outputs, inputs)
            {
                return Ok(Self::Tiles(tiles));
            }
            if matches!(weight.dtype(), GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16) {
                let rows = weight.dequantize(&weight.device())?.flatten_all()?.to_vec1()?;
                return Ok(Self::Dense(DenseWeights::pack(&rows, outputs, inputs)));
            }
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
            Linear::Dense(_) | Linear::Candle(_) => {}
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
            Self::Dense(weight) => {
                let rows = x.dim(0)?;
                let out = with_floats(x, |x| weight.multiply(Tier::detect(), x, rows))?;
                Tensor::from_vec(out, (rows, weight.outputs()), x.device())
            }
            Self::Tiles(weight) => Ok(multiply_tiles(&[weight], x)?.remove(0)),
        }
    }
}

fn multiply_tiles(weights: &[&TiledWeights], x: &Tensor) -> Result<Vec<Tensor>> {
    let rows = x.dim(0)?;
    with_floats(x, |x| tiles::multiply(Tier::detect(), weights, x, rows))?
        .into_iter()
        .zip(weights)
        .map(|(out, weight)| Tensor::from_vec(out, (rows, weight.outputs()), x.device()))
        .collect()
}

/// Hands a kernel the numbers of a CPU tensor.
fn with_floats<T>(x: &Tensor, kernel: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = x.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
        (&*storage, layout.contiguous_offsets())
    else {
        candle_core::bail!("the kernels multiply contiguous f32 on CPU")
    };
    Ok(kernel(&values[start..end]))
}
