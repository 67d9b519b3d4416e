//! The header of a GGUF file, read as what it is: bytes from a stranger.
//!
//! Owns the format's layout and bounds. Every length is compared with the bytes that are left
//! before anything is allocated, so the memory taken never exceeds a small multiple of the file's
//! size, whatever the header claims. Knows nothing of architectures: what the tensors of a `llama`
//! must look like stands in `hyper_params.rs`.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. The caps follow those that
//! llama.cpp adopted after its integer overflows (ggml-org/llama.cpp#19856), but are tighter.

use std::collections::HashMap;
use std::io::Read;
use std::mem::size_of;

use candle_core::quantized::GgmlDType;

use super::metadata::{Metadata, Numbers, Scalar, Texts, Value};

/// Why a file is refused; whoever knows the path adds it.
pub(super) type Refused = String;

const MAGIC: [u8; 4] = *b"GGUF";
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const DEFAULT_ALIGNMENT: u64 = 32; // bytes, from the specification
const ALIGNMENTS: std::ops::RangeInclusive<u64> = 8..=4096; // bytes
const MAX_TENSORS: u64 = 1 << 16;
const MAX_ENTRIES: u64 = 1 << 12;
const MAX_NAME: u64 = 256; // bytes of a key or tensor name
const MAX_TEXT: u64 = 16 << 20; // bytes; chat templates are the longest real ones
const MAX_ITEMS: u64 = 2 << 20; // of an array; the largest vocabularies have 2^18
const MAX_DIMS: u32 = 4;

const TEXT: u32 = 8; // type codes of the specification; the others are scalars
const ARRAY: u32 = 9;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorInfo {
    /// Slowest-running dimension first, as candle has it: a matrix is `(outputs, inputs)`.
    pub(super) shape: Vec<usize>,
    pub(super) dtype: GgmlDType,
    /// Which file of a split model holds it; 0 otherwise.
    pub(super) part: usize,
    /// First byte, from the start of that file.
    pub(super) start: u64,
    /// Size in bytes.
    pub(super) bytes: u64,
}

/// Reads a header in two steps, so that the caller can refuse an architecture by name before the
/// tensors are looked at.
pub(super) struct HeaderReader<R> {
    reader: R,
    at: u64,
    end: u64,
    tensors: u64,
    entries: u64,
}

impl<R: Read> HeaderReader<R> {
    /// Starts on a file of `end` bytes: magic, version and counts.
    pub(super) fn start(reader: R, end: u64) -> Result<Self, Refused> {
        let mut this = Self { reader, at: 0, end, tensors: 0, entries: 0 };
        let magic: [u8; 4] = this.fixed("the magic number")?;
        if magic != MAGIC {
            return Err("it does not start with 'GGUF', so it is no GGUF file".into());
        }
        let version = u32::from_le_bytes(this.fixed("the version")?);
        if !VERSIONS.contains(&version) {
            return Err(match version.swap_bytes() {
                2 | 3 => "it is a big-endian GGUF file; take the little-endian one".into(),
                _ => format!("GGUF version {version} is not supported (2 and 3 are)"),
            });
        }
        this.tensors = this.count("the tensor count", MAX_TENSORS)?;
        this.entries = this.count("the metadata count", MAX_ENTRIES)?;
        Ok(this)
    }

    /// All key-value pairs.
    pub(super) fn metadata(&mut self) -> Result<Metadata, Refused> {
        let mut entries = HashMap::new();
        for index in 0..self.entries {
            let key = self.name(&format!("metadata key {index}"))?;
            let value = self.value(&key)?;
            if entries.contains_key(&key) {
                return Err(format!("metadata '{key}' is given twice"));
            }
            entries.insert(key, value);
        }
        Ok(Metadata::new(entries))
    }

    /// The tensor directory, checked against the file's size and against itself.
    pub(super) fn tensors(
        &mut self,
        metadata: &Metadata,
    ) -> Result<HashMap<String, TensorInfo>, Refused> {
        let alignment = metadata.unsigned("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
        if !alignment.is_power_of_two() || !ALIGNMENTS.contains(&alignment) {
            return Err(format!(
                "metadata 'general.alignment' is {alignment}, not a power of two from 8 to 4096"
            ));
        }
        let mut tensors = HashMap::new();
        for index in 0..self.tensors {
            let name = self.name(&format!("the name of tensor {index}"))?;
            let info = self.tensor(&name, alignment)?;
            if tensors.contains_key(&name) {
                return Err(format!("tensor '{name}' is listed twice"));
            }
            tensors.insert(name, info);
        }
        // Offsets count from the first aligned byte after the directory. `at` is at most the
        // file's size here, so the sum cannot overflow; a tensor's own start can.
        let data = self.at.next_multiple_of(alignment);
        for (name, info) in &mut tensors {
            info.start = data
                .checked_add(info.start)
                .ok_or_else(|| format!("tensor '{name}' starts beyond the end of the file"))?;
        }
        self.check_extents(&tensors)?;
        Ok(tensors)
    }

    /// Shape, type and place of one tensor; `start` is relative to the data section for now.
    fn tensor(&mut self, name: &str, alignment: u64) -> Result<TensorInfo, Refused> {
        let what = format!("tensor '{name}'");
        let dims = u32::from_le_bytes(self.fixed(&what)?);
        if !(1..=MAX_DIMS).contains(&dims) {
            return Err(format!("{what} has {dims} dimensions (1 to {MAX_DIMS} are possible)"));
        }
        let mut shape = Vec::with_capacity(MAX_DIMS as usize);
        for _ in 0..dims {
            let dim = u64::from_le_bytes(self.fixed(&what)?);
            shape.push(usize::try_from(dim).unwrap_or(usize::MAX));
        }
        shape.reverse();
        let dtype = dtype(u32::from_le_bytes(self.fixed(&what)?))
            .map_err(|reason| format!("{what} {reason}"))?;
        let start = u64::from_le_bytes(self.fixed(&what)?);
        if !start.is_multiple_of(alignment) {
            return Err(format!("{what} starts at {start}, which is no multiple of {alignment}"));
        }
        let bytes = byte_size(&shape, dtype)
            .ok_or_else(|| format!("{what} has the impossible shape {shape:?} for {dtype:?}"))?;
        Ok(TensorInfo { shape, dtype, part: 0, start, bytes })
    }

    /// Every tensor inside the file, no two over each other.
    fn check_extents(&self, tensors: &HashMap<String, TensorInfo>) -> Result<(), Refused> {
        let mut by_start: Vec<_> = tensors.iter().collect();
        by_start.sort_by_key(|(name, info)| (info.start, *name));
        let mut previous: Option<(&str, u64)> = None;
        for (name, info) in by_start {
            let end = info.start.checked_add(info.bytes).filter(|end| *end <= self.end);
            let Some(end) = end else {
                return Err(format!(
                    "the file ends at byte {}, but tensor '{name}' needs {} bytes from byte {}: \
                     it is truncated; download it again",
                    self.end, info.bytes, info.start
                ));
            };
            if let Some((other, _)) = previous.filter(|(_, end)| *end > info.start) {
                return Err(format!("tensors '{other}' and '{name}' overlap"));
            }
            previous = Some((name, end));
        }
        Ok(())
    }

    fn value(&mut self, key: &str) -> Result<Value, Refused> {
        let what = format!("metadata '{key}'");
        let code = u32::from_le_bytes(self.fixed(&what)?);
        match code {
            TEXT => {
                let bytes = self.text(&what)?;
                // An author's name in Latin-1 is no reason to refuse a model.
                Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            ARRAY => self.array(&what),
            _ => {
                let scalar = Scalar::from_code(code)
                    .ok_or_else(|| format!("{what} has the unknown type {code}"))?;
                let bytes = self.bytes(scalar.bytes() as u64, &what)?;
                Ok(scalar.decode(&bytes))
            }
        }
    }

    fn array(&mut self, what: &str) -> Result<Value, Refused> {
        let code = u32::from_le_bytes(self.fixed(what)?);
        let count = self.count(what, MAX_ITEMS)?;
        if code == TEXT {
            return self.texts(count, what);
        }
        let scalar = Scalar::from_code(code).ok_or_else(|| match code {
            ARRAY => format!("{what} is a list of lists, which is not supported"),
            _ => format!("{what} is a list of the unknown type {code}"),
        })?;
        let bytes = self.bytes(count * scalar.bytes() as u64, what)?;
        Ok(Value::Numbers(Numbers::new(scalar, bytes)))
    }

    fn texts(&mut self, count: u64, what: &str) -> Result<Value, Refused> {
        self.need(count * size_of::<u64>() as u64, what)?;
        let mut texts = Texts::with_capacity(count as usize);
        for index in 0..count {
            let bytes = self.text(what)?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| format!("item {index} of {what} is not UTF-8"))?;
            texts.push(text);
        }
        Ok(Value::Texts(texts))
    }

    /// A key or tensor name.
    fn name(&mut self, what: &str) -> Result<String, Refused> {
        let length = self.count(what, MAX_NAME)?;
        let bytes = self.bytes(length, what)?;
        String::from_utf8(bytes).map_err(|_| format!("{what} is not UTF-8"))
    }

    fn text(&mut self, what: &str) -> Result<Vec<u8>, Refused> {
        let length = self.count(what, MAX_TEXT)?;
        self.bytes(length, what)
    }

    /// A 64-bit length of at most `most`.
    fn count(&mut self, what: &str, most: u64) -> Result<u64, Refused> {
        let count = u64::from_le_bytes(self.fixed(what)?);
        if count > most {
            return Err(format!("{what} claims a length of {count} (at most {most} is accepted)"));
        }
        Ok(count)
    }

    fn fixed<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Refused> {
        self.need(N as u64, what)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn bytes(&mut self, length: u64, what: &str) -> Result<Vec<u8>, Refused> {
        self.need(length, what)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    /// Refuses a length that the file cannot hold; nothing is allocated before this.
    fn need(&self, length: u64, what: &str) -> Result<(), Refused> {
        if length > self.end - self.at {
            return Err(format!(
                "the file ends at byte {} inside {what}: it is truncated; download it again",
                self.end
            ));
        }
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), Refused> {
        self.reader
            .read_exact(bytes)
            .map_err(|error| format!("cannot read {what} at byte {}: {error}", self.at))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// The type behind GGUF's type code; the error says what the tensor is and what to do.
fn dtype(code: u32) -> Result<GgmlDType, Refused> {
    // Codes that candle reads as weights. Q8_1 (9) and Q8_K (15) exist only as intermediates of a
    // matrix product.
    Ok(match code {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => {
            let name = unsupported_name(code).map_or_else(|| format!("type {code}"), str::to_owned);
            return Err(format!(
                "is stored as {name}, which cannot be read; \
                 take the Q4_K_M, Q5_K_M, Q6_K or Q8_0 file of this model"
            ));
        }
    })
}

/// Names from `enum ggml_type` in ggml.h.
fn unsupported_name(code: u32) -> Option<&'static str> {
    Some(match code {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        40 => "NVFP4",
        _ => return None,
    })
}

/// Bytes of a tensor; `None` for an empty dimension, an overflow, or rows that are no whole number
/// of blocks.
fn byte_size(shape: &[usize], dtype: GgmlDType) -> Option<u64> {
    let row = *shape.last()?;
    if shape.contains(&0) || !row.is_multiple_of(dtype.block_size()) {
        return None;
    }
    let elements = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))?;
    (elements / dtype.block_size() as u64).checked_mul(dtype.type_size() as u64)
}
