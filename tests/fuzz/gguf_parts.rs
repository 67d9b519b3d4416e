//! A GGUF header taken apart, so that each of its fields can be falsified alone.
//!
//! Reads sound files only; writes whatever the fields say.

/// Type codes of a text and of a list.
pub(super) const TEXT: u32 = 8;
pub(super) const LIST: u32 = 9;

/// A file: the fields of its header, and how many bytes follow it.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) magic: Vec<u8>,
    pub(super) version: u32,
    /// By how much the header's tensor count exceeds the tensors that are there.
    pub(super) tensors_claimed: u64,
    /// By how much the header's entry count exceeds the entries that are there.
    pub(super) entries_claimed: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) tensors: Vec<Tensor>,
    /// Bytes of weights, all zero: they are not read before the header is accepted.
    pub(super) data: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) code: u32,
    /// The value's bytes, as they stand in the file.
    pub(super) value: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) name: Vec<u8>,
    pub(super) dims: Vec<u64>,
    pub(super) code: u32,
    pub(super) offset: u64,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes, or what is left where that is less: falsified values are read again.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn u32(&mut self) -> u32 {
        self.take(4).try_into().map_or(0, u32::from_le_bytes)
    }

    fn u64(&mut self) -> u64 {
        self.take(8).try_into().map_or(0, u64::from_le_bytes)
    }

    fn text(&mut self) -> &'a [u8] {
        let length = self.u64() as usize;
        self.take(length)
    }

    fn skip_value(&mut self, code: u32) {
        match code {
            TEXT => drop(self.text()),
            LIST => {
                let (code, count) = (self.u32(), self.u64());
                (0..count).for_each(|_| self.skip_value(code));
            }
            0 | 1 | 7 => drop(self.take(1)),
            2 | 3 => drop(self.take(2)),
            10..=12 => drop(self.take(8)),
            _ => drop(self.take(4)),
        }
    }
}

impl Parts {
    /// Takes apart a sound file whose tensors are aligned to 32 bytes.
    pub(super) fn of(file: &[u8]) -> Self {
        let mut reader = Reader(file);
        let magic = reader.take(4).to_vec();
        let version = reader.u32();
        let (tensors, entries) = (reader.u64(), reader.u64());
        let entry = |reader: &mut Reader<'_>| {
            let (key, code) = (reader.text().to_vec(), reader.u32());
            let from = reader.0;
            reader.skip_value(code);
            Entry { key, code, value: from[..from.len() - reader.0.len()].to_vec() }
        };
        let entries: Vec<Entry> = (0..entries).map(|_| entry(&mut reader)).collect();
        let tensor = |reader: &mut Reader<'_>| {
            let name = reader.text().to_vec();
            let dims = (0..reader.u32()).map(|_| reader.u64()).collect();
            Tensor { name, dims, code: reader.u32(), offset: reader.u64() }
        };
        let tensors = (0..tensors).map(|_| tensor(&mut reader)).collect();
        let header = file.len() - reader.0.len();
        let data = file.len() - header.next_multiple_of(32);
        Self { magic, version, tensors_claimed: 0, entries_claimed: 0, entries, tensors, data }
    }

    /// The bytes of the header, without the weights.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut file = self.magic.clone();
        file.extend(self.version.to_le_bytes());
        let claim = |there: usize, beyond: u64| (there as u64).wrapping_add(beyond).to_le_bytes();
        file.extend(claim(self.tensors.len(), self.tensors_claimed));
        file.extend(claim(self.entries.len(), self.entries_claimed));
        for entry in &self.entries {
            file.extend(text(&entry.key));
            file.extend(entry.code.to_le_bytes());
            file.extend(&entry.value);
        }
        for tensor in &self.tensors {
            file.extend(text(&tensor.name));
            file.extend((tensor.dims.len() as u32).to_le_bytes());
            file.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
            file.extend(tensor.code.to_le_bytes());
            file.extend(tensor.offset.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file
    }

    /// Sets the value of a key, or adds the key.
    pub(super) fn set(&mut self, key: &str, code: u32, value: Vec<u8>) {
        match self.entry(key) {
            Some(entry) => (entry.code, entry.value) = (code, value),
            None => self.entries.push(Entry { key: key.into(), code, value }),
        }
    }

    pub(super) fn entry(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key.as_bytes())
    }

    /// The items of a list of texts.
    pub(super) fn texts(&self, key: &str) -> Vec<Vec<u8>> {
        let entry = self.entries.iter().find(|entry| entry.key == key.as_bytes());
        let Some(entry) = entry.filter(|entry| entry.code == LIST) else { return Vec::new() };
        let mut reader = Reader(entry.value.get(4..).unwrap_or_default());
        let count = reader.u64().min(entry.value.len() as u64);
        (0..count).map(|_| reader.text().to_vec()).collect()
    }
}

/// A text in the form of the file: its length, then its bytes.
pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut all = (bytes.len() as u64).to_le_bytes().to_vec();
    all.extend(bytes);
    all
}

/// A list of texts in the form of a value.
pub(super) fn texts<T: AsRef<[u8]>>(items: &[T]) -> Vec<u8> {
    let mut all = TEXT.to_le_bytes().to_vec();
    all.extend((items.len() as u64).to_le_bytes());
    all.extend(items.iter().flat_map(|item| text(item.as_ref())));
    all
}

/// A list of numbers of type `code` in the form of a value.
pub(super) fn numbers(code: u32, count: u64, bytes: &[u8]) -> Vec<u8> {
    let mut all = code.to_le_bytes().to_vec();
    all.extend(count.to_le_bytes());
    all.extend(bytes);
    all
}

#[test]
fn a_sound_file_taken_apart_is_the_same_file() {
    let file = crate::tiny_gguf::tiny_model(&crate::tiny_gguf::Options::default());
    let parts = Parts::of(&file);
    let header = parts.header();
    assert!(file.starts_with(&header));
    assert_eq!(file.len(), header.len() + parts.data);
    assert!(parts.texts("tokenizer.ggml.tokens").len() > 256);
}
