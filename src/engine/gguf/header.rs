//! Reads the header of a GGUF file as what it is: bytes from a stranger.
//!
//! Owns the format's layout and bounds. Every length is compared with the bytes that are left
//! before anything is allocated, and what is kept is as dense as the file, so that reading a header
//! takes at most twice the file's size (and a few kilobytes), whatever the header claims. Knows
//! nothing of architectures: `hyper_params.rs` states what the tensors of a `llama` must look like.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. The caps follow those that
//! llama.cpp adopted after its integer overflows (ggml-org/llama.cpp#19856), but are tighter.

use std::io::Read;
use std::mem::size_of;

use candle_core::quantized::GgmlDType;

use super::metadata::{Metadata, Numbers, Scalar, Texts, Value};

/// Why a file is refused; the caller that knows the path adds it.
pub(super) type Refused = String;

const MAGIC: [u8; 4] = *b"GGUF";
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const DEFAULT_ALIGNMENT: u64 = 32; // bytes, from the specification
const ALIGNMENTS: std::ops::RangeInclusive<u64> = 8..=4096; // bytes
const MAX_TENSORS: u64 = 1 << 16;
const MAX_ENTRIES: u64 = 1 << 10; // the richest real files have some dozens
const MAX_NAME: u64 = 256; // bytes of a key or tensor name
const MAX_TEXT: u64 = 16 << 20; // bytes; chat templates are the longest real ones
const MAX_ITEMS: u64 = 2 << 20; // of an array; the largest vocabularies have 2^18
const MAX_TEXTS: usize = 64 << 20; // bytes of a list of texts
const MAX_DIMS: u32 = 4;
/// Fewest bytes of a metadata entry: an empty key, a type, a value of one byte.
const LEAST_ENTRY: u64 = 8 + 4 + 1;
/// Fewest bytes of an entry of the tensor directory: an empty name, one dimension.
const LEAST_TENSOR: u64 = 8 + 4 + 8 + 4 + 8;

const TEXT: u32 = 8; // type codes of the specification; the others are scalars
const ARRAY: u32 = 9;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorInfo {
    /// Dimensions, slowest-running first as in candle: a matrix is `(outputs, inputs)`.
    pub(super) shape: Vec<usize>,
    pub(super) dtype: GgmlDType,
    /// Number, from 0, of the file of a split model that holds the tensor; 0 otherwise.
    pub(super) part: u16,
    /// First byte of the tensor's data, from the start of that file.
    pub(super) start: u64,
    /// Size of the tensor's data in bytes.
    pub(super) bytes: u64,
}

/// The tensors of a file. A directory may list many thousands, so they are held densely.
#[derive(Debug, Default)]
pub(super) struct Tensors {
    /// Sorted by name.
    by_name: Vec<(Box<str>, TensorInfo)>,
}

impl Tensors {
    /// Where tensor `name` comes in [`Self::iter`].
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.binary_search_by(|(own, _)| own.as_ref().cmp(name)).ok()
    }

    pub(super) fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.position(name).map(|at| &self.by_name[at].1)
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// All tensors with their names, sorted by name.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &TensorInfo)> {
        self.by_name.iter().map(|(name, info)| (name.as_ref(), info))
    }

    /// Sets the file of a split model in which all these tensors lie.
    pub(super) fn place_in(&mut self, part: u16) {
        self.by_name.iter_mut().for_each(|(_, info)| info.part = part);
    }

    /// Adds the tensors of another part; fails when a name is already there.
    pub(super) fn merge(&mut self, more: Self) -> Result<(), Refused> {
        self.by_name.extend(more.by_name);
        self.sort_by_name().map_err(|name| format!("tensor '{name}' stands in two parts"))
    }

    /// Sorts the tensors by name; the error is a name that occurs twice.
    fn sort_by_name(&mut self) -> Result<(), &str> {
        self.by_name.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        match self.by_name.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(&pair[0].0),
            None => Ok(()),
        }
    }
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
    /// Starts on a file of `end` bytes: reads magic, version and counts.
    pub(super) fn start(reader: R, end: u64) -> Result<Self, Refused> {
        let mut this = Self { reader, at: 0, end, tensors: 0, entries: 0 };
        let magic: [u8; 4] = this.fixed("the magic number")?;
        if magic != MAGIC {
            return Err("it does not start with 'GGUF', so it is not a GGUF file".into());
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

    /// Reads all key-value pairs.
    pub(super) fn metadata(&mut self) -> Result<Metadata, Refused> {
        self.need(self.entries * LEAST_ENTRY, "the metadata count")?;
        let mut entries = Vec::with_capacity(self.entries as usize);
        for index in 0..self.entries {
            let key = self.name(&format!("metadata key {index}"))?;
            let value = self.value(&key)?;
            entries.push((key, value));
        }
        Metadata::new(entries)
    }

    /// Reads the tensor directory and checks it against the file's size and against itself.
    pub(super) fn tensors(&mut self, metadata: &Metadata) -> Result<Tensors, Refused> {
        let alignment = metadata.unsigned("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
        if !alignment.is_power_of_two() || !ALIGNMENTS.contains(&alignment) {
            return Err(format!(
                "metadata 'general.alignment' is {alignment}, not a power of two from 8 to 4096"
            ));
        }
        // No two tensors share their first bytes, so all but the last fill at least one alignment.
        let data = self.tensors.saturating_sub(1) * alignment;
        self.need(self.tensors * LEAST_TENSOR + data, "the tensor count")?;
        let mut tensors = Tensors { by_name: Vec::with_capacity(self.tensors as usize) };
        for index in 0..self.tensors {
            let name = self.name(&format!("the name of tensor {index}"))?;
            let info = self.tensor(&name, alignment)?;
            tensors.by_name.push((name, info));
        }
        tensors.sort_by_name().map_err(|name| format!("tensor '{name}' is listed twice"))?;
        // Offsets count from the first aligned byte after the directory. `at` is at most the file's
        // size here, so the sum cannot overflow; a tensor's own start can.
        let data = self.at.next_multiple_of(alignment);
        for (name, info) in &mut tensors.by_name {
            info.start = data
                .checked_add(info.start)
                .ok_or_else(|| format!("tensor '{name}' starts beyond the end of the file"))?;
        }
        self.check_extents(&mut tensors)?;
        Ok(tensors)
    }

    /// Reads shape, type and place of one tensor; `start` is relative to the data section for now.
    fn tensor(&mut self, name: &str, alignment: u64) -> Result<TensorInfo, Refused> {
        let what = format!("tensor '{name}'");
        let dims = u32::from_le_bytes(self.fixed(&what)?);
        if !(1..=MAX_DIMS).contains(&dims) {
            return Err(format!("{what} has {dims} dimensions (1 to {MAX_DIMS} are possible)"));
        }
        let mut shape = Vec::with_capacity(dims as usize);
        for _ in 0..dims {
            let dim = u64::from_le_bytes(self.fixed(&what)?);
            shape.push(usize::try_from(dim).unwrap_or(usize::MAX));
        }
        shape.reverse();
        let dtype = dtype(u32::from_le_bytes(self.fixed(&what)?))
            .map_err(|reason| format!("{what} {reason}"))?;
        let start = u64::from_le_bytes(self.fixed(&what)?);
        if !start.is_multiple_of(alignment) {
            return Err(format!(
                "{what} starts at {start}, which is not a multiple of {alignment}"
            ));
        }
        let bytes = byte_size(&shape, dtype)
            .ok_or_else(|| format!("{what} has the impossible shape {shape:?} for {dtype:?}"))?;
        Ok(TensorInfo { shape, dtype, part: 0, start, bytes })
    }

    /// Checks that every tensor lies inside the file and that no two overlap.
    fn check_extents(&self, tensors: &mut Tensors) -> Result<(), Refused> {
        let by_start = &mut tensors.by_name;
        by_start.sort_unstable_by(|(a, x), (b, y)| (x.start, a).cmp(&(y.start, b)));
        let mut previous: Option<(&str, u64)> = None;
        for (name, info) in by_start.iter() {
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
        tensors.sort_by_name().map_err(str::to_owned)
    }

    fn value(&mut self, key: &str) -> Result<Value, Refused> {
        let what = format!("metadata '{key}'");
        let code = u32::from_le_bytes(self.fixed(&what)?);
        match code {
            TEXT => {
                let length = self.count(&what, MAX_TEXT)?;
                Ok(Value::Text(readable(self.bytes(length, &what)?)))
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
        let mut joined = Vec::new();
        let mut ends = Vec::with_capacity(count as usize);
        for index in 0..count {
            let length = self.count(what, MAX_TEXT)? as usize;
            self.need(length as u64, what)?;
            let start = joined.len();
            let end = start + length;
            if end > MAX_TEXTS {
                return Err(format!("{what} has more than {MAX_TEXTS} bytes of text"));
            }
            if end > joined.capacity() {
                // The buffer doubles as usual, but never beyond all that the file can still hold.
                let left = (self.end - self.at).min(MAX_TEXTS as u64) as usize;
                joined.reserve_exact(left.min(end.max(joined.capacity())));
            }
            joined.resize(end, 0);
            self.fill(&mut joined[start..], what)?;
            if std::str::from_utf8(&joined[start..]).is_err() {
                return Err(format!("item {index} of {what} is not UTF-8"));
            }
            ends.push(end);
        }
        joined.shrink_to_fit();
        let joined = String::from_utf8(joined).map_err(|_| format!("{what} is not UTF-8"))?;
        Ok(Value::Texts(Texts::new(joined, ends)))
    }

    /// Reads a key or tensor name.
    fn name(&mut self, what: &str) -> Result<Box<str>, Refused> {
        let length = self.count(what, MAX_NAME)?;
        let bytes = self.bytes(length, what)?;
        let name = String::from_utf8(bytes).map_err(|_| format!("{what} is not UTF-8"))?;
        // The name will appear in messages, and so on terminals.
        if name.chars().any(char::is_control) {
            return Err(format!("{what} holds control characters"));
        }
        Ok(name.into_boxed_str())
    }

    /// Reads a 64-bit length and refuses one above `most`.
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

/// Text with bytes that are not UTF-8 replaced by question marks, one for one, so that no text
/// grows: an author's name in Latin-1 is not a reason to refuse a model.
fn readable(mut bytes: Vec<u8>) -> String {
    let mut from = 0;
    loop {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => {
                bytes = error.into_bytes();
                while let Err(error) = std::str::from_utf8(&bytes[from..]) {
                    let start = from + error.valid_up_to();
                    from = error.error_len().map_or(bytes.len(), |length| start + length);
                    bytes[start..from].fill(b'?');
                }
            }
        }
    }
}

/// The candle type of a GGUF type code; the error says which type the tensor has and what to do.
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

/// The name of a type that is not supported, from `enum ggml_type` in ggml.h.
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

/// Bytes of a tensor; `None` for an empty dimension, an overflow, or rows that are not a whole
/// number of blocks.
fn byte_size(shape: &[usize], dtype: GgmlDType) -> Option<u64> {
    let row = *shape.last()?;
    if shape.contains(&0) || !row.is_multiple_of(dtype.block_size()) {
        return None;
    }
    let elements = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))?;
    (elements / dtype.block_size() as u64).checked_mul(dtype.type_size() as u64)
}
