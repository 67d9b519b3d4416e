//! Values of a GGUF file's metadata, and getters that say which key has the wrong type.
//!
//! Owns how values are held: lists stay as dense as they are in the file, so a header cannot take
//! more memory than it has bytes (apart from a constant factor). Leaves reading them to
//! `header.rs`.

/// A metadata value. Lists stay as dense as they are in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number of an unsigned type.
    Unsigned(u64),
    /// A whole number of a signed type.
    Signed(i64),
    /// A floating-point number.
    Float(f64),
    /// A yes or no.
    Bool(bool),
    /// A text; bytes that were not UTF-8 are replaced.
    Text(String),
    /// A list of texts.
    Texts(Texts),
    /// A list of numbers.
    Numbers(Numbers),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned(_) | Self::Signed(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a yes or no",
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list of texts",
            Self::Numbers(_) => "a list of numbers",
        }
    }
}

/// A list of texts in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    joined: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Builds the list from the texts joined one after the other, and the place where each ends:
    /// ascending places between characters.
    pub(super) fn new(joined: String, ends: Vec<usize>) -> Self {
        Self { joined, ends }
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.joined[start..end])
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

/// A list of numbers, as dense as the file holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    scalar: Scalar,
    bytes: Vec<u8>,
}

impl Numbers {
    /// Builds the list from little-endian bytes that hold a whole number of values.
    pub(super) fn new(scalar: Scalar, bytes: Vec<u8>) -> Self {
        Self { scalar, bytes }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.scalar.bytes()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The values as whole numbers; `None` when the list holds fractions, or numbers beyond 64 bits
    /// signed.
    pub fn to_integers(&self) -> Option<Vec<i64>> {
        self.values()
            .map(|value| match value {
                Value::Unsigned(number) => i64::try_from(number).ok(),
                Value::Signed(number) => Some(number),
                Value::Bool(flag) => Some(i64::from(flag)),
                _ => None,
            })
            .collect()
    }

    /// The values as 32-bit floats, rounded where needed; `None` for a list of yes and no.
    pub fn to_floats(&self) -> Option<Vec<f32>> {
        self.values()
            .map(|value| match value {
                Value::Unsigned(number) => Some(number as f32),
                Value::Signed(number) => Some(number as f32),
                Value::Float(number) => Some(number as f32),
                _ => None,
            })
            .collect()
    }

    fn values(&self) -> impl Iterator<Item = Value> {
        self.bytes.chunks_exact(self.scalar.bytes()).map(|bytes| self.scalar.decode(bytes))
    }
}

/// The scalar types, which have a fixed width; codes from the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    U64,
    I64,
    F64,
}

impl Scalar {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            _ => return None,
        })
    }

    /// Width of a value in bytes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The value held in `bytes`, which are exactly [`Self::bytes`] long.
    pub(super) fn decode(self, bytes: &[u8]) -> Value {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let unsigned = u64::from_le_bytes(wide);
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Value::Unsigned(unsigned),
            Self::I8 => Value::Signed(i64::from(unsigned as i8)),
            Self::I16 => Value::Signed(i64::from(unsigned as i16)),
            Self::I32 => Value::Signed(i64::from(unsigned as i32)),
            Self::I64 => Value::Signed(unsigned as i64),
            Self::F32 => Value::Float(f64::from(f32::from_bits(unsigned as u32))),
            Self::F64 => Value::Float(f64::from_bits(unsigned)),
            Self::Bool => Value::Bool(unsigned != 0),
        }
    }
}

fn of_json(value: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;

    Some(match value {
        Json::Bool(flag) => Value::Bool(*flag),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Signed(number),
            (None, None) => Value::Float(number.as_f64()?),
        },
        Json::Array(items) if items.first().is_some_and(Json::is_string) => {
            let (mut joined, mut ends) = (String::new(), Vec::with_capacity(items.len()));
            for item in items {
                joined.push_str(item.as_str()?);
                ends.push(joined.len());
            }
            Value::Texts(Texts::new(joined, ends))
        }
        Json::Array(items) => {
            let mut bytes = Vec::with_capacity(items.len() * 8);
            for item in items {
                // A server may write a whole number as 1.0.
                let whole = item.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64);
                bytes.extend(item.as_i64().or(whole)?.to_le_bytes());
            }
            Value::Numbers(Numbers::new(Scalar::I64, bytes))
        }
        Json::Null | Json::Object(_) => return None,
    })
}

/// A text of the file as a message shows it: printable, and not too long.
pub(in crate::engine) fn quoted(text: &str) -> String {
    const MOST: usize = 64; // characters
    let shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(MOST).is_some() { "…" } else { "" };
    format!("'{shown}{more}'")
}

/// The file's key-value pairs, with getters that say which key has the wrong type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Sorted by key.
    entries: Vec<(Box<str>, Value)>,
}

impl Metadata {
    /// Takes the pairs in any order; the error names a key that occurs twice.
    pub(super) fn new(mut entries: Vec<(Box<str>, Value)>) -> Result<Self, String> {
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(format!("metadata '{}' is given twice", pair[0].0)),
            None => Ok(Self { entries }),
        }
    }

    /// Builds metadata from JSON, in which servers list that of a model file. A list that holds
    /// neither texts nor whole numbers is left out.
    pub fn from_json(entries: &serde_json::Map<String, serde_json::Value>) -> Self {
        let read = |(key, value): (&String, _)| Some((key.as_str().into(), of_json(value)?));
        let mut entries: Vec<(Box<str>, Value)> = entries.iter().filter_map(read).collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self { entries }
    }

    /// The value of `key`, whatever its type.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self.entries.binary_search_by(|(own, _)| own.as_ref().cmp(key));
        found.ok().map(|at| &self.entries[at].1)
    }

    /// The value of `key` as a whole number that is not negative; `None` where the key is absent.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, String> {
        self.typed(key, "a whole number from 0", |value| match value {
            Value::Unsigned(number) => Some(*number),
            Value::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    /// The value of `key` as a 32-bit float; `None` where the key is absent.
    pub fn float(&self, key: &str) -> Result<Option<f32>, String> {
        self.typed(key, "a number", |value| match value {
            Value::Float(number) => Some(*number as f32),
            Value::Unsigned(number) => Some(*number as f32),
            Value::Signed(number) => Some(*number as f32),
            _ => None,
        })
    }

    /// The value of `key` as a yes or no; `None` where the key is absent.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        self.typed(key, "a yes or no", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// The value of `key` as text; `None` where the key is absent.
    pub fn text(&self, key: &str) -> Result<Option<&str>, String> {
        self.typed(key, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The value of `key` as a list of texts; `None` where the key is absent.
    pub fn texts(&self, key: &str) -> Result<Option<&Texts>, String> {
        self.typed(key, "a list of texts", |value| match value {
            Value::Texts(texts) => Some(texts),
            _ => None,
        })
    }

    /// The value of `key` as a list of whole numbers; `None` where the key is absent.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, String> {
        self.typed(key, "a list of whole numbers", |value| match value {
            Value::Numbers(numbers) => numbers.to_integers(),
            _ => None,
        })
    }

    /// The value of `key` as a list of 32-bit floats; `None` where the key is absent.
    pub fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, String> {
        self.typed(key, "a list of numbers", |value| match value {
            Value::Numbers(numbers) => numbers.to_floats(),
            _ => None,
        })
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let wrong =
            || format!("metadata '{key}' is {} that does not serve as {wanted}", value.kind());
        convert(value).map(Some).ok_or_else(wrong)
    }
}
