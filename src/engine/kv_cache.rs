//! Keys and values of every live sequence: prefix, fork, append, release.
//!
//! A sequence is a chain of spans. The last span is its own and grows; those before it are shared
//! prefixes, which are immutable and reference-counted. So forking a prefix copies nothing, and
//! each prefix is held once however many sequences read it.

use candle_core::{DType, Device, Result, Tensor};

use super::kernels::Cpu;
use super::kernels::attention::{self as kernel, Cell, Heads, Place};
use super::kernels::lanes::{Half, LANES};

/// A growing span gets at least this many positions at a time, so that short answers do not
/// reserve the room of long ones and growth is rare.
const GROWTH: usize = 64;

/// The id of a live sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqId(usize);

/// The id of a shared, frozen beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrefixId(usize);

/// The number type in which keys and values are held on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellType {
    /// Half precision: half the memory, and half the time to read it.
    #[default]
    F16,
    /// Single precision, for comparisons.
    F32,
}

impl CellType {
    fn bytes(self) -> usize {
        match self {
            Self::F16 => size_of::<Half>(),
            Self::F32 => size_of::<f32>(),
        }
    }
}

/// Where the numbers are held.
#[derive(Debug)]
enum Store {
    /// In the CPU's memory, laid out for its kernels.
    Cells(CellType),
    /// In tensors of a device, in single precision.
    Tensors(Device),
}

/// The cache of one model.
#[derive(Debug)]
pub struct KvCache {
    layers: usize,
    heads: Heads,
    store: Store,
    /// Slots are reused, so ids stay small.
    sequences: Vec<Option<Sequence>>,
    prefixes: Vec<Option<Prefix>>,
}

#[derive(Debug)]
struct Sequence {
    prefix: Option<PrefixId>,
    own: Span,
}

#[derive(Debug)]
struct Prefix {
    span: Span,
    /// Number of sequences that read this prefix, plus one for its holder.
    references: usize,
}

/// A run of positions of a sequence or a prefix.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) store: Cells,
    pub(super) capacity: usize,
    pub(super) len: usize,
}

/// The numbers of a span, one entry per layer.
#[derive(Debug)]
pub(super) enum Cells {
    /// On the CPU, in half precision.
    Half(Vec<Layer<Half>>),
    /// On the CPU, in single precision.
    Full(Vec<Layer<f32>>),
    /// On another device: keys and values, (kv heads, capacity, dim) each.
    Device(Vec<[Tensor; 2]>, Device),
}

/// A layer's keys and values as the CPU kernel reads them.
#[derive(Debug)]
pub(super) struct Layer<C> {
    /// (kv heads, capacity / LANES, dim, LANES)
    pub(super) keys: Vec<C>,
    /// (kv heads, capacity, value width)
    pub(super) values: Vec<C>,
}

impl KvCache {
    /// An empty cache. `cells` counts only on the CPU; other devices hold single precision.
    pub fn new(layers: usize, heads: Heads, device: Device, cells: CellType) -> Self {
        let store = if device.is_cpu() { Store::Cells(cells) } else { Store::Tensors(device) };
        Self { layers, heads, store, sequences: Vec::new(), prefixes: Vec::new() }
    }

    /// An empty cache of tensors, on any device, for a [`super::transformer::Transformer`] that
    /// computes by candle's operations.
    pub fn for_tensors(layers: usize, heads: Heads, device: Device) -> Self {
        let tensors = Store::Tensors(device);
        Self { layers, heads, store: tensors, sequences: Vec::new(), prefixes: Vec::new() }
    }

    /// Bytes that one position takes over all layers.
    pub fn bytes_per_position(layers: usize, heads: Heads, cells: CellType) -> usize {
        layers * heads.kv * (heads.dim + heads.value_width()) * cells.bytes()
    }

    /// The number type of keys and values on the CPU; `None` for a cache of tensors.
    pub fn cells(&self) -> Option<CellType> {
        match self.store {
            Store::Cells(cells) => Some(cells),
            Store::Tensors(_) => None,
        }
    }

    /// Opens a sequence that begins with `prefix`, or an empty one.
    pub fn fork(&mut self, prefix: Option<PrefixId>) -> SeqId {
        if let Some(id) = prefix {
            self.prefix_mut(id).references += 1;
        }
        let sequence = Sequence { prefix, own: Span::empty(&self.store) };
        SeqId(place(&mut self.sequences, sequence))
    }

    /// Makes a sequence's own positions a prefix that others can fork, and ends the sequence.
    /// The caller holds the prefix until [`Self::release_prefix`].
    pub fn freeze(&mut self, id: SeqId) -> PrefixId {
        let sequence = self.sequences[id.0].take().expect("a frozen sequence is live");
        assert!(sequence.prefix.is_none(), "prefixes are one span deep");
        let mut span = sequence.own;
        // A prefix no longer grows, so spare room is given up. A device that has no room for the
        // copy keeps the span as it is.
        if span.capacity >= span.len + GROWTH
            && let Ok(fitting) =
                span.copied(self.layers, self.heads, span.len, span.len.next_multiple_of(LANES))
        {
            span = fitting;
        }
        PrefixId(place(&mut self.prefixes, Prefix { span, references: 1 }))
    }

    /// Opens a sequence that holds copies of the first `len` positions of a prefix as its own.
    pub fn copy(&mut self, prefix: PrefixId, len: usize) -> Result<SeqId> {
        let (layers, heads) = (self.layers, self.heads);
        let capacity = (len + 1).next_multiple_of(GROWTH);
        let span = self.prefix(prefix).copied(layers, heads, len, capacity)?;
        Ok(SeqId(place(&mut self.sequences, Sequence { prefix: None, own: span })))
    }

    /// Positions that a sequence holds, its prefix included.
    pub fn len(&self, id: SeqId) -> usize {
        self.spans(id).map(|span| span.len).sum()
    }

    /// Makes room for `rows` more positions of a sequence and counts them as filled; each layer
    /// then writes them with [`Self::write`].
    pub fn append(&mut self, id: SeqId, rows: usize) -> Result<()> {
        let (layers, heads) = (self.layers, self.heads);
        let own = &mut self.sequence_mut(id).own;
        let needed = own.len + rows;
        if needed > own.capacity {
            let capacity = needed.max(own.capacity + own.capacity / 2).next_multiple_of(GROWTH);
            *own = own.copied(layers, heads, own.len, capacity)?;
        }
        own.len = needed;
        Ok(())
    }

    /// Writes a layer's keys and values for the last `rows.count` positions of each sequence. They
    /// are taken from the sequence's rows of `keys` and `values`, both (rows, kv heads × dim), on
    /// the CPU.
    pub fn write(
        &mut self,
        cpu: &Cpu,
        layer: usize,
        sequences: &[SequenceRows],
        [keys, values]: [&[f32]; 2],
    ) {
        let heads = self.heads;
        match self.store {
            Store::Tensors(_) => unreachable!("tensors are written by `write_tensors`"),
            Store::Cells(CellType::F16) => {
                let stores = self.stores(layer, sequences, |cells| match cells {
                    Cells::Half(layers) => layers,
                    _ => unreachable!("a cache holds one type of cells"),
                });
                write_heads(cpu, heads, stores, keys, values);
            }
            Store::Cells(CellType::F32) => {
                let stores = self.stores(layer, sequences, |cells| match cells {
                    Cells::Full(layers) => layers,
                    _ => unreachable!("a cache holds one type of cells"),
                });
                write_heads(cpu, heads, stores, keys, values);
            }
        }
    }

    /// The places of each sequence's rows in a layer, one entry per key head.
    fn stores<C: Cell>(
        &mut self,
        layer: usize,
        sequences: &[SequenceRows],
        layers: impl Fn(&mut Cells) -> &mut Vec<Layer<C>>,
    ) -> Vec<(usize, RowRange, Place<'_, C>)> {
        let Heads { dim, .. } = self.heads;
        let width = self.heads.value_width();
        let mut by_slot: Vec<Option<RowRange>> = vec![None; self.sequences.len()];
        for SequenceRows { id, rows } in sequences {
            by_slot[id.0] = Some(*rows);
        }
        let mut stores = Vec::new();
        for (sequence, rows) in self.sequences.iter_mut().zip(by_slot) {
            let (Some(sequence), Some(rows)) = (sequence, rows) else { continue };
            let Span { store, capacity, len } = &mut sequence.own;
            let Layer { keys, values } = &mut layers(store)[layer];
            let keys = keys.chunks_exact_mut(*capacity * dim);
            let values = values.chunks_exact_mut(*capacity * width);
            for (head, (keys, values)) in keys.zip(values).enumerate() {
                stores.push((head, rows, Place { keys, values, to: *len - rows.count }));
            }
        }
        stores
    }

    /// As [`Self::write`], from tensors of the cache's device, for one sequence.
    pub fn write_tensors(
        &mut self,
        id: SeqId,
        layer: usize,
        rows: RowRange,
        kv: [&Tensor; 2],
    ) -> Result<()> {
        let heads = self.heads;
        let own = &self.sequence_mut(id).own;
        let to = own.len - rows.count;
        let Cells::Device(layers, _) = &own.store else {
            candle_core::bail!("the cache of a CPU takes no tensors")
        };
        for (cache, new) in layers[layer].iter().zip(kv) {
            let new = new
                .narrow(0, rows.first, rows.count)?
                .reshape((rows.count, heads.kv, heads.dim))?
                .transpose(0, 1)?
                .contiguous()?; // (kv heads, count, dim)
            cache.slice_set(&new, 1, to)?;
        }
        Ok(())
    }

    /// A layer's cache as the CPU kernel reads it: for each sequence its prefix and its own part.
    pub(super) fn readers<'a, C: Cell>(
        &'a self,
        layer: usize,
        sequences: &[SequenceRows],
        layers: impl Fn(&'a Cells) -> &'a [Layer<C>],
    ) -> Vec<kernel::Reader<'a, C>> {
        let span = |span: &'a Span| {
            let Layer { keys, values } = &layers(&span.store)[layer];
            kernel::Span { keys, values, capacity: span.capacity, len: span.len }
        };
        let none = kernel::Span { keys: &[], values: &[], capacity: 0, len: 0 };
        sequences
            .iter()
            .map(|SequenceRows { id, rows }| {
                let sequence = self.sequences[id.0].as_ref().expect("the sequence is live");
                let prefix = sequence.prefix.map(|id| self.prefix(id)).filter(|p| p.len > 0);
                kernel::Reader {
                    prefix: prefix.map_or(none, span),
                    own: span(&sequence.own),
                    rows: (rows.first, rows.count),
                }
            })
            .collect()
    }

    /// Drops the positions of a sequence from `len` on; a prefix cannot be cut.
    pub fn truncate(&mut self, id: SeqId, len: usize) {
        let shared = self.len(id) - self.sequence_mut(id).own.len;
        assert!(shared <= len && len <= self.len(id), "only own positions can be cut");
        self.sequence_mut(id).own.len = len - shared;
    }

    /// Ends a sequence, and gives up its hold on its prefix.
    pub fn release(&mut self, id: SeqId) {
        let sequence = self.sequences[id.0].take().expect("a released sequence is live");
        if let Some(prefix) = sequence.prefix {
            self.release_prefix(prefix);
        }
    }

    /// Gives up one hold on a prefix; the last one frees it.
    pub fn release_prefix(&mut self, id: PrefixId) {
        let prefix = self.prefix_mut(id);
        prefix.references -= 1;
        if prefix.references == 0 {
            self.prefixes[id.0] = None;
        }
    }

    /// Ends every sequence and frees every prefix.
    pub fn clear(&mut self) {
        self.sequences.clear();
        self.prefixes.clear();
    }

    /// Number of live sequences and of prefixes, for tests of leaks.
    pub fn live(&self) -> (usize, usize) {
        (self.sequences.iter().flatten().count(), self.prefixes.iter().flatten().count())
    }

    /// A sequence's spans, oldest first.
    pub(super) fn spans(&self, id: SeqId) -> impl Iterator<Item = &Span> {
        let sequence = self.sequences[id.0].as_ref().expect("the sequence is live");
        sequence.prefix.map(|id| self.prefix(id)).into_iter().chain([&sequence.own])
    }

    fn prefix(&self, id: PrefixId) -> &Span {
        &self.prefixes[id.0].as_ref().expect("a counted prefix is live").span
    }

    fn sequence_mut(&mut self, id: SeqId) -> &mut Sequence {
        self.sequences[id.0].as_mut().expect("the sequence is live")
    }

    fn prefix_mut(&mut self, id: PrefixId) -> &mut Prefix {
        self.prefixes[id.0].as_mut().expect("the prefix is live")
    }
}

/// A range of rows of a packed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    /// Index of the first row.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
}

/// The rows of a packed batch that belong to one sequence; they are its newest positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceRows {
    /// The sequence.
    pub id: SeqId,
    /// Its rows.
    pub rows: RowRange,
}

fn write_heads<C: Cell>(
    cpu: &Cpu,
    Heads { kv, dim, .. }: Heads,
    mut stores: Vec<(usize, RowRange, Place<'_, C>)>,
    keys: &[f32],
    values: &[f32],
) {
    let share = stores.len().div_ceil(4 * cpu.team.threads());
    cpu.team.split(&mut stores, share, |_, stores| {
        for (head, rows, place) in stores {
            let of_row = |row: usize| (row * kv + *head) * dim..(row * kv + *head + 1) * dim;
            let rows = (rows.first..rows.first + rows.count)
                .map(|row| (&keys[of_row(row)], &values[of_row(row)]));
            kernel::store(cpu.tier, dim, place, rows);
        }
    });
}

impl<C: Cell> Layer<C> {
    fn empty(heads: Heads, capacity: usize) -> Self {
        Self {
            keys: vec![C::default(); heads.kv * capacity * heads.dim],
            values: vec![C::default(); heads.kv * capacity * heads.value_width()],
        }
    }

    /// A copy of the first `len` positions in a layer with another capacity. Heads lie one after
    /// the other, each with its whole capacity.
    fn copied(&self, heads: Heads, len: usize, [from, to]: [usize; 2]) -> Self {
        let mut copy = Self::empty(heads, to);
        if len > 0 {
            let part = |old: &[C], new: &mut [C], width: usize, len: usize| {
                for (old, new) in old.chunks(from * width).zip(new.chunks_mut(to * width)) {
                    new[..len * width].copy_from_slice(&old[..len * width]);
                }
            };
            part(&self.keys, &mut copy.keys, heads.dim, len.next_multiple_of(LANES));
            part(&self.values, &mut copy.values, heads.value_width(), len);
        }
        copy
    }
}

fn copied_layers<C: Cell>(
    old: &[Layer<C>],
    layers: usize,
    heads: Heads,
    len: usize,
    room: [usize; 2],
) -> Vec<Layer<C>> {
    if old.is_empty() {
        return (0..layers).map(|_| Layer::empty(heads, room[1])).collect();
    }
    old.iter().map(|layer| layer.copied(heads, len, room)).collect()
}

impl Span {
    fn empty(store: &Store) -> Self {
        let store = match store {
            Store::Cells(CellType::F16) => Cells::Half(Vec::new()),
            Store::Cells(CellType::F32) => Cells::Full(Vec::new()),
            Store::Tensors(device) => Cells::Device(Vec::new(), device.clone()),
        };
        Self { store, capacity: 0, len: 0 }
    }

    /// A copy of the first `len` positions, with room for `capacity`.
    fn copied(&self, layers: usize, heads: Heads, len: usize, capacity: usize) -> Result<Self> {
        let room = [self.capacity, capacity];
        let store = match &self.store {
            Cells::Half(old) => Cells::Half(copied_layers(old, layers, heads, len, room)),
            Cells::Full(old) => Cells::Full(copied_layers(old, layers, heads, len, room)),
            Cells::Device(old, device) => {
                let mut new = Vec::with_capacity(layers);
                for layer in 0..layers {
                    let shape = (heads.kv, capacity, heads.dim);
                    let pair = [
                        Tensor::zeros(shape, DType::F32, device)?,
                        Tensor::zeros(shape, DType::F32, device)?,
                    ];
                    if let Some(old) = old.get(layer).filter(|_| len > 0) {
                        for (old, new) in old.iter().zip(&pair) {
                            new.slice_set(&old.narrow(1, 0, len)?.contiguous()?, 1, 0)?;
                        }
                    }
                    new.push(pair);
                }
                Cells::Device(new, device.clone())
            }
        };
        Ok(Self { store, capacity, len })
    }

    /// A layer's keys and values with one row per position, (kv heads, len, dim) each: for
    /// computing with tensors, and for tests.
    pub(super) fn rows(&self, layer: usize, heads: Heads) -> Result<[Tensor; 2]> {
        match &self.store {
            Cells::Half(layers) => self.host_rows(&layers[layer], heads),
            Cells::Full(layers) => self.host_rows(&layers[layer], heads),
            Cells::Device(layers, _) => {
                let [keys, values] = &layers[layer];
                Ok([keys.narrow(1, 0, self.len)?, values.narrow(1, 0, self.len)?])
            }
        }
    }

    fn host_rows<C: Cell>(&self, layer: &Layer<C>, heads: Heads) -> Result<[Tensor; 2]> {
        let Heads { kv, dim, .. } = heads;
        let width = heads.value_width();
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for head in 0..kv {
            for t in 0..self.len {
                let block = (head * self.capacity + t / LANES * LANES) * dim;
                let key = (0..dim).map(|d| layer.keys[block + d * LANES + t % LANES].to_f32());
                keys.extend(key);
                let value = &layer.values[(head * self.capacity + t) * width..][..dim];
                values.extend(value.iter().map(|cell| cell.to_f32()));
            }
        }
        let shape = (kv, self.len, dim);
        Ok([
            Tensor::from_vec(keys, shape, &Device::Cpu)?,
            Tensor::from_vec(values, shape, &Device::Cpu)?,
        ])
    }
}

fn place<T>(slots: &mut Vec<Option<T>>, value: T) -> usize {
    if let Some(free) = slots.iter().position(Option::is_none) {
        slots[free] = Some(value);
        return free;
    }
    slots.push(Some(value));
    slots.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kernels::Tier;

    const HEADS: Heads = Heads { query: 2, kv: 2, dim: 2 };

    fn cpu() -> Cpu {
        Cpu::new(2, Tier::detect())
    }

    /// `count` rows of the numbers from `first` on.
    fn rows(first: f32, count: usize) -> Vec<f32> {
        (0..count * 4).map(|i| first + i as f32).collect()
    }

    fn write(cache: &mut KvCache, ids: &[SeqId], count: usize, layers: usize, first: f32) {
        let new = rows(first, ids.len() * count);
        let mut sequences = Vec::new();
        for (index, &id) in ids.iter().enumerate() {
            cache.append(id, count).expect("room");
            sequences.push(SequenceRows { id, rows: RowRange { first: index * count, count } });
        }
        for layer in 0..layers {
            cache.write(&cpu(), layer, &sequences, [&new, &new]);
        }
    }

    /// What each head holds, checked to be the same for keys and values.
    fn held(cache: &KvCache, id: SeqId, layer: usize) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); HEADS.kv];
        for span in cache.spans(id).filter(|span| span.len > 0) {
            let [keys, values] = span.rows(layer, HEADS).expect("rows");
            let (keys, values) = (keys.to_vec3::<f32>(), values.to_vec3::<f32>());
            let keys = keys.expect("keys");
            assert_eq!(keys, values.expect("values"));
            for (head, out) in keys.into_iter().zip(&mut out) {
                out.extend(head.into_iter().flatten());
            }
        }
        out
    }

    #[test]
    fn a_fork_reads_its_prefix_and_writes_only_its_own_positions() {
        for cells in [CellType::F16, CellType::F32] {
            let mut cache = KvCache::new(1, HEADS, Device::Cpu, cells);
            let first = cache.fork(None);
            write(&mut cache, &[first], 3, 1, 0.0);
            let prefix = cache.freeze(first);
            let forks = [cache.fork(Some(prefix)), cache.fork(Some(prefix))];
            write(&mut cache, &forks, 1, 1, 100.0);
            assert_eq!(cache.len(forks[1]), 4);
            let head_0 = vec![0.0, 1.0, 4.0, 5.0, 8.0, 9.0];
            let with = |own: [f32; 2]| [head_0.clone(), own.to_vec()].concat();
            assert_eq!(held(&cache, forks[0], 0)[0], with([100.0, 101.0]));
            assert_eq!(held(&cache, forks[1], 0)[0], with([104.0, 105.0]));
        }
    }

    #[test]
    fn growing_and_truncating_keep_what_is_before() {
        let mut cache = KvCache::new(2, HEADS, Device::Cpu, CellType::F32);
        let id = cache.fork(None);
        for step in 0..GROWTH + 3 {
            write(&mut cache, &[id], 1, 2, step as f32);
        }
        let head = &held(&cache, id, 1)[1];
        let expected: Vec<f32> = (0..GROWTH + 3).map(|step| step as f32 + 2.0).collect();
        assert_eq!(head.iter().copied().step_by(2).collect::<Vec<f32>>(), expected);
        cache.truncate(id, 5);
        assert_eq!((cache.len(id), held(&cache, id, 0)[0].len()), (5, 10));
    }

    #[test]
    fn what_half_precision_cannot_hold_becomes_its_largest_number() {
        let mut cache = KvCache::new(1, HEADS, Device::Cpu, CellType::F16);
        let id = cache.fork(None);
        cache.append(id, 1).expect("room");
        let rows = [SequenceRows { id, rows: RowRange { first: 0, count: 1 } }];
        let new = [1e9, -1e9, 1.0, 2.0];
        cache.write(&cpu(), 0, &rows, [&new, &new]);
        assert_eq!(held(&cache, id, 0)[0], [65_504.0, -65_504.0]);
    }

    #[test]
    fn a_prefix_lives_as_long_as_its_last_reader() {
        let mut cache = KvCache::new(1, HEADS, Device::Cpu, CellType::F16);
        let first = cache.fork(None);
        cache.append(first, 1).expect("room");
        let prefix = cache.freeze(first);
        let reader = cache.fork(Some(prefix));
        cache.release_prefix(prefix);
        assert_eq!(cache.live(), (1, 1));
        cache.release(reader);
        assert_eq!(cache.live(), (0, 0));
    }
}
