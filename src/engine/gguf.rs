//! Opening and checking a GGUF file.
//!
//! A model file is hostile until it is checked: candle's own reader panics or mis-sizes tensors on
//! crafted headers, so ours runs first (`gguf/header.rs`), then the metadata is turned into typed
//! numbers and each tensor's shape compared with what they imply (`gguf/hyper_params.rs`). After
//! [`GgufFile::open`] no number of the file can surprise the decoder; candle sees only byte ranges
//! of exactly the size that their shape needs.
//!
//! Does not interpret weights, and leaves the vocabulary to `tokenizer.rs`.

mod header;
mod hyper_params;
mod metadata;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::Device;
use candle_core::quantized::{QStorage, QTensor};
use sha2::{Digest, Sha256};

pub use hyper_params::{HyperParams, RopeDivisors, RopeScaling, Yarn};
pub use metadata::{Metadata, Numbers, Texts, Value};

use super::EngineError;
use super::architecture::{ARCHITECTURES, Architecture};
use header::{HeaderReader, TensorInfo};

#[cfg(test)]
#[path = "../../tests/it/tiny_gguf.rs"]
pub(crate) mod tiny_gguf;

/// candle casts the bytes of a tensor to its blocks, and asserts that they are aligned for them.
const TENSOR_ALIGNMENT: usize = 32; // bytes; no block needs more than 4
const HASH_CHUNK: usize = 1 << 20; // bytes

/// An open model file whose header is known to be sound.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    file: Mutex<File>,
    bytes: u64,
    contents: Contents,
}

/// What the header holds.
#[derive(Debug)]
struct Contents {
    metadata: Metadata,
    tensors: HashMap<String, TensorInfo>,
    hyper_params: HyperParams,
}

/// Why a header is refused, before the path is known.
#[derive(Debug)]
enum Refusal {
    Architecture(String),
    Field(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Field(reason)
    }
}

impl GgufFile {
    /// Opens and checks a file; reads the header, not the weights.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] names the field that is wrong, [`EngineError::Unsupported`] an
    /// architecture that is not in [`ARCHITECTURES`].
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let shown = path.display().to_string();
        let bad = |reason: String| EngineError::BadModel { path: shown.clone(), reason };
        let file = File::open(path).map_err(|error| bad(error.to_string()))?;
        let about = file.metadata().map_err(|error| bad(error.to_string()))?;
        if !about.is_file() {
            return Err(bad("it is not a file".into()));
        }
        let bytes = about.len();
        let contents =
            Contents::read(BufReader::new(&file), bytes).map_err(|refusal| match refusal {
                Refusal::Field(reason) => bad(reason),
                Refusal::Architecture(found) => {
                    EngineError::Unsupported { path: shown.clone(), found, supported: supported() }
                }
            })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), bytes, contents })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the decoder.
    pub fn hyper_params(&self) -> &HyperParams {
        &self.contents.hyper_params
    }

    /// All key-value pairs of the file.
    pub fn metadata(&self) -> &Metadata {
        &self.contents.metadata
    }

    /// `general.name`, or the file's stem.
    pub fn name(&self) -> String {
        let stem = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match self.contents.metadata.get("general.name") {
            Some(Value::Text(name)) if !name.is_empty() => name.clone(),
            _ => stem(),
        }
    }

    /// Elements over all tensors.
    pub fn parameters(&self) -> u64 {
        // Products and sum are bounded by the file's size times the densest block (256 in 84 bytes).
        let elements =
            |info: &TensorInfo| info.shape.iter().map(|dim| *dim as u64).product::<u64>();
        self.contents.tensors.values().map(elements).sum()
    }

    /// Size of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the whole file in lower-case hexadecimal; reads all of it.
    pub fn sha256(&self) -> Result<String, EngineError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; HASH_CHUNK];
        let mut read = || -> std::io::Result<()> {
            file.seek(SeekFrom::Start(0))?;
            loop {
                match file.read(&mut chunk)? {
                    0 => return Ok(()),
                    length => hasher.update(&chunk[..length]),
                }
            }
        };
        read().map_err(|error| self.bad(format!("cannot read it: {error}")))?;
        let mut hexadecimal = String::with_capacity(64);
        for byte in hasher.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hexadecimal, "{byte:02x}");
        }
        Ok(hexadecimal)
    }

    /// Whether the file holds tensor `name`.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.contents.tensors.contains_key(name)
    }

    /// Reads tensor `name` to `device`, in the file's own quantisation. Its shape is the one that
    /// [`HyperParams`] implies, matrices as `(outputs, inputs)`.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when there is no such tensor, or when the file changed since it
    /// was opened; [`EngineError::Compute`] when the device refuses it.
    pub fn tensor(&self, name: &str, device: &Device) -> Result<QTensor, EngineError> {
        let info = self
            .contents
            .tensors
            .get(name)
            .ok_or_else(|| self.bad(format!("tensor '{name}' is missing")))?;
        let length = info.bytes as usize;
        let mut buffer = vec![0u8; length + TENSOR_ALIGNMENT];
        let start = buffer.as_ptr().align_offset(TENSOR_ALIGNMENT).min(TENSOR_ALIGNMENT);
        let data = &mut buffer[start..start + length];
        self.read_at(info.start, data)
            .map_err(|error| self.bad(format!("cannot read tensor '{name}': {error}")))?;
        QStorage::from_data(Cow::Borrowed(data), device, info.dtype)
            .and_then(|storage| QTensor::new(storage, info.shape.as_slice()))
            .map_err(|error| EngineError::Compute(format!("cannot load tensor '{name}': {error}")))
    }

    fn read_at(&self, start: u64, data: &mut [u8]) -> std::io::Result<()> {
        // A seek that panicked half-way leaves nothing behind that the next seek does not reset.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(data)
    }

    fn bad(&self, reason: String) -> EngineError {
        EngineError::BadModel { path: self.path.display().to_string(), reason }
    }
}

impl Contents {
    /// Reads and checks a header of a file of `bytes` bytes.
    fn read(reader: impl Read, bytes: u64) -> Result<Self, Refusal> {
        let mut header = HeaderReader::start(reader, bytes)?;
        let metadata = header.metadata()?;
        let architecture = metadata
            .text("general.architecture")?
            .ok_or_else(|| "metadata 'general.architecture' is missing".to_owned())?;
        if Architecture::named(architecture).is_none() {
            return Err(Refusal::Architecture(architecture.chars().take(64).collect()));
        }
        let tensors = header.tensors(&metadata)?;
        let hyper_params = HyperParams::read(&metadata, &tensors)?;
        Ok(Self { metadata, tensors, hyper_params })
    }
}

/// The names of the architectures, as a message lists them.
fn supported() -> String {
    let names: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
    names.join(", ")
}

/// The metadata alone, for tests of what is made of it.
#[cfg(test)]
pub(crate) fn metadata_of(bytes: &[u8]) -> Metadata {
    let mut header = HeaderReader::start(bytes, bytes.len() as u64).expect("a header");
    header.metadata().expect("metadata")
}

#[cfg(test)]
mod tests;
