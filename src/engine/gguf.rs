//! Opens and checks a GGUF file.
//!
//! A model file is untrusted until it is checked: candle's own reader panics or mis-sizes tensors
//! on crafted headers, so ours runs first (`gguf/header.rs`), then the metadata is turned into
//! typed numbers and each tensor's shape is compared with what they imply (`gguf/hyper_params.rs`).
//! After [`GgufFile::open`] no number of the file can surprise the decoder; candle sees only byte
//! ranges of exactly the size that their shape needs.
//!
//! Does not interpret weights, and leaves the vocabulary to `tokenizer.rs`.

mod foreign_params;
mod header;
mod hyper_params;
mod metadata;
mod parts;

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base16ct::lower::encode_string;
use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use sha2::{Digest, Sha256};

pub use foreign_params::ForeignParams;
pub use hyper_params::{HyperParams, RopeDivisors, RopeScaling, Yarn};
pub(super) use metadata::quoted;
pub use metadata::{Metadata, Numbers, Texts, Value};

use super::EngineError;
use super::architecture::{ARCHITECTURES, Architecture, FOREIGN};
use header::{HeaderReader, TensorInfo, Tensors};

#[cfg(test)]
#[path = "../../tests/it/tiny_gguf.rs"]
pub(crate) mod tiny_gguf;

/// Alignment of the buffers that tensors are read into: candle casts their bytes to its blocks, and
/// asserts that they are aligned.
const TENSOR_ALIGNMENT: usize = 32; // bytes; no block needs more than 4
const HASH_CHUNK: usize = 1 << 20; // bytes

/// An open model file whose header is known to be sound. A model that was split over several files
/// is one `GgufFile` too, opened by the path of its first part.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    /// The file, or all its parts in order.
    files: Vec<Mutex<File>>,
    bytes: u64,
    contents: Contents,
}

/// Type and shape of a matrix, rows of `inputs` weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorShape {
    /// How its weights are stored.
    pub dtype: GgmlDType,
    /// Number of rows.
    pub outputs: usize,
    /// Width of a row: a whole number of the type's blocks.
    pub inputs: usize,
}

/// What the header holds, checked.
#[derive(Debug)]
struct Contents {
    metadata: Metadata,
    tensors: Tensors,
    params: Params,
}

/// The numbers of the decoder, by which code runs it.
#[derive(Debug)]
enum Params {
    /// For our own block.
    Own(HyperParams),
    /// For candle's model.
    Foreign(ForeignParams),
}

/// Why a header is refused; the path is added by [`GgufFile::open`].
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
    /// [`EngineError::BadModel`] names the field that is wrong; [`EngineError::Unsupported`] names
    /// an architecture that is neither in [`ARCHITECTURES`] nor in [`FOREIGN`].
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let shown = path.display().to_string();
        let bad = |reason: String| EngineError::BadModel { path: shown.clone(), reason };
        let (first, mut bytes) = open_file(path).map_err(bad)?;
        let mut files = vec![Mutex::new(first.try_clone().map_err(|e| bad(e.to_string()))?)];
        let more = |metadata: &Metadata| {
            let mut tensors = Tensors::default();
            for (index, part) in parts::of(path, metadata)?.into_iter().enumerate() {
                let (file, length) =
                    open_file(&part).map_err(|e| format!("its part {}: {e}", part.display()))?;
                parts::read(&file, length, index + 1, metadata, &mut tensors)
                    .map_err(|e| format!("its part {}: {e}", part.display()))?;
                files.push(Mutex::new(file));
                bytes += length;
            }
            Ok(tensors)
        };
        let length = first.metadata().map_err(|e| bad(e.to_string()))?.len();
        let contents =
            Contents::read(BufReader::new(&first), length, more).map_err(
                |refusal| match refusal {
                    Refusal::Field(reason) => bad(reason),
                    Refusal::Architecture(found) => EngineError::Unsupported {
                        path: shown.clone(),
                        found,
                        supported: supported(),
                    },
                },
            )?;
        Ok(Self { path: path.to_owned(), files, bytes, contents })
    }

    /// The path of the file, or of its first part.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the decoder, for our own block.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] when candle's own model runs the file, not our block.
    pub fn hyper_params(&self) -> Result<&HyperParams, EngineError> {
        match &self.contents.params {
            Params::Own(params) => Ok(params),
            Params::Foreign(_) => Err(self.unsupported()),
        }
    }

    /// The numbers of a model that candle's own code runs; `None` for all others.
    pub fn foreign_params(&self) -> Option<&ForeignParams> {
        match &self.contents.params {
            Params::Own(_) => None,
            Params::Foreign(params) => Some(params),
        }
    }

    /// Number of tokens in the vocabulary: rows of the embedding.
    pub fn vocabulary_size(&self) -> usize {
        match &self.contents.params {
            Params::Own(params) => params.vocabulary_size,
            Params::Foreign(params) => params.vocabulary_size,
        }
    }

    /// The error that this architecture cannot be run in the way that was asked for.
    pub(super) fn unsupported(&self) -> EngineError {
        let found = match &self.contents.params {
            Params::Own(params) => params.architecture.name,
            Params::Foreign(params) => params.architecture,
        };
        EngineError::Unsupported {
            path: self.path.display().to_string(),
            found: found.to_owned(),
            supported: supported(),
        }
    }

    /// Hands the file to `read`, which may seek in it and starts at its first byte.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] for a split model: such a reader can read one file only.
    pub(super) fn with_reader<T>(
        &self,
        read: impl FnOnce(&mut File) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let [file] = self.files.as_slice() else {
            return Err(self.bad(
                "a split model of this architecture must be joined first\nhint: 'llama-gguf-split --merge FIRST JOINED' of llama.cpp does that".into(),
            ));
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))
            .map_err(|error| self.bad(format!("cannot read it: {error}")))?;
        read(&mut file)
    }

    /// All key-value pairs of the file.
    pub fn metadata(&self) -> &Metadata {
        &self.contents.metadata
    }

    /// The name in `general.name`, or the file's stem where there is none.
    pub fn name(&self) -> String {
        let stem = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match self.contents.metadata.get("general.name") {
            Some(Value::Text(name)) if !name.is_empty() => name.clone(),
            _ => stem(),
        }
    }

    /// Number of parameters: elements over all tensors.
    pub fn parameters(&self) -> u64 {
        // Product and sum cannot overflow: they are bounded by the file's size times the densest
        // block (256 in 84 bytes).
        let elements =
            |info: &TensorInfo| info.shape.iter().map(|dim| *dim as u64).product::<u64>();
        self.contents.tensors.iter().map(|(_, info)| elements(info)).sum()
    }

    /// Size of the file, or of all its parts, in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the whole file in lower-case hexadecimal; for a split model, of its parts one
    /// after the other. Reads every byte.
    pub fn sha256(&self) -> Result<String, EngineError> {
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; HASH_CHUNK];
        let mut read = |file: &mut File| -> std::io::Result<()> {
            file.seek(SeekFrom::Start(0))?;
            loop {
                match file.read(&mut chunk)? {
                    0 => return Ok(()),
                    length => hasher.update(&chunk[..length]),
                }
            }
        };
        let mut files = self.files.iter().map(|f| f.lock().unwrap_or_else(PoisonError::into_inner));
        files
            .try_for_each(|mut file| read(&mut file))
            .map_err(|error| self.bad(format!("cannot read it: {error}")))?;
        Ok(encode_string(&hasher.finalize()))
    }

    /// Whether the file holds tensor `name`.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.contents.tensors.get(name).is_some()
    }

    /// Reads tensor `name` to `device`, in the file's own quantisation. Its shape is the one that
    /// [`HyperParams`] implies, matrices as `(outputs, inputs)`.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when there is no such tensor, or when the file changed since it
    /// was opened; [`EngineError::Compute`] when the device refuses it.
    pub fn tensor(&self, name: &str, device: &Device) -> Result<QTensor, EngineError> {
        let info = self.info(name)?;
        let length = info.bytes as usize;
        let mut buffer = vec![0u8; length + TENSOR_ALIGNMENT];
        let start = buffer.as_ptr().align_offset(TENSOR_ALIGNMENT).min(TENSOR_ALIGNMENT);
        let data = &mut buffer[start..start + length];
        self.read_at(info, 0, data)
            .map_err(|error| self.bad(format!("cannot read tensor '{name}': {error}")))?;
        QStorage::from_data(Cow::Borrowed(data), device, info.dtype)
            .and_then(|storage| QTensor::new(storage, info.shape.as_slice()))
            .map_err(|error| EngineError::Compute(format!("cannot load tensor '{name}': {error}")))
    }

    /// Type and shape of a tensor that is a matrix.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when there is no such tensor, or when it is not a matrix.
    pub fn matrix(&self, name: &str) -> Result<TensorShape, EngineError> {
        let info = self.info(name)?;
        match info.shape[..] {
            [outputs, inputs] => Ok(TensorShape { dtype: info.dtype, outputs, inputs }),
            _ => Err(self.bad(format!("tensor '{name}' is not a matrix"))),
        }
    }

    /// Size of a tensor in bytes, as the file stores it.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when there is no such tensor.
    pub fn tensor_bytes(&self, name: &str) -> Result<usize, EngineError> {
        Ok(self.info(name)?.bytes as usize)
    }

    /// Fills `data` with a tensor's bytes from byte `offset` on.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadModel`] when the tensor has no such bytes, or when the file changed since
    /// it was opened.
    pub fn read_part(&self, name: &str, offset: usize, data: &mut [u8]) -> Result<(), EngineError> {
        let info = self.info(name)?;
        let (offset, length) = (offset as u64, data.len() as u64);
        if offset.checked_add(length).is_none_or(|end| end > info.bytes) {
            return Err(self.bad(format!("tensor '{name}' has no byte {offset} + {length}")));
        }
        self.read_at(info, offset, data)
            .map_err(|error| self.bad(format!("cannot read tensor '{name}': {error}")))
    }

    /// Refuses a file with Q2_K weights, which candle multiplies wrongly on Metal in products of
    /// few rows (<https://github.com/huggingface/candle/pull/3898>).
    pub(super) fn check_for_metal(&self) -> Result<(), EngineError> {
        match self.first_of(GgmlDType::Q2K) {
            Some(name) => Err(self.bad(format!(
                "tensor '{name}' is Q2_K, which Metal multiplies wrongly\n\
                 hint: take another quantisation, as in owner/repo:Q4_K_M, or run with --device cpu"
            ))),
            None => Ok(()),
        }
    }

    /// The name of the first tensor with this quantisation.
    fn first_of(&self, dtype: GgmlDType) -> Option<&str> {
        self.contents.tensors.iter().find(|(_, info)| info.dtype == dtype).map(|(name, _)| name)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, EngineError> {
        let info = self.contents.tensors.get(name);
        info.ok_or_else(|| self.bad(format!("tensor '{name}' is missing")))
    }

    fn read_at(&self, info: &TensorInfo, offset: u64, data: &mut [u8]) -> std::io::Result<()> {
        // A panic while another thread held the lock leaves nothing that the seek below does not
        // reset.
        let mut file =
            self.files[usize::from(info.part)].lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(info.start + offset))?;
        file.read_exact(data)
    }

    fn bad(&self, reason: String) -> EngineError {
        EngineError::BadModel { path: self.path.display().to_string(), reason }
    }
}

impl Contents {
    /// Reads and checks the header of a file of `bytes` bytes; `more` returns the tensors that lie
    /// in further files.
    fn read(
        reader: impl Read,
        bytes: u64,
        more: impl FnOnce(&Metadata) -> Result<Tensors, String>,
    ) -> Result<Self, Refusal> {
        let mut header = HeaderReader::start(reader, bytes)?;
        let metadata = header.metadata()?;
        // Only the first part of a split model says what the model is, so the further parts are
        // read before the architecture is looked at.
        let further = more(&metadata)?;
        let architecture = metadata
            .text("general.architecture")?
            .ok_or_else(|| "metadata 'general.architecture' is missing".to_owned())?;
        let foreign = FOREIGN.into_iter().find(|name| *name == architecture);
        if Architecture::named(architecture).is_none() && foreign.is_none() {
            let name = quoted(architecture);
            return Err(Refusal::Architecture(name[1..name.len() - 1].to_owned()));
        }
        let mut tensors = header.tensors(&metadata)?;
        tensors.merge(further)?;
        let params = match foreign {
            Some(name) => Params::Foreign(ForeignParams::read(name, &metadata, &tensors)?),
            None => Params::Own(HyperParams::read(&metadata, &tensors)?),
        };
        Ok(Self { metadata, tensors, params })
    }
}

/// Opens a file for reading and returns it with its length in bytes.
fn open_file(path: &Path) -> Result<(File, u64), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".into());
    }
    let bytes = about.len();
    Ok((file, bytes))
}

/// The names of the supported architectures, as a message lists them.
fn supported() -> String {
    let names: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
