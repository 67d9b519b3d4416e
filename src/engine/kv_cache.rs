//! Keys and values of every live sequence: prefix, fork, append, release.
//!
//! A sequence is a chain of spans. The last span is its own and grows; those before it are shared
//! prefixes, immutable and counted. So forking a prefix copies nothing, and each prefix is held
//! once however many sequences read it.

use candle_core::{CpuStorage, DType, Device, InplaceOp2, Layout, Result, Tensor};

use super::kernels::attention::Heads;
use super::kernels::lanes::LANES;

/// A growing span gets at least this many positions at a time, so that short answers do not
/// reserve the room of long ones and growth is rare.
const GROWTH: usize = 256;

/// A live sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqId(usize);

/// A shared, frozen beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PrefixId(usize);

/// The cache of one model.
#[derive(Debug)]
pub struct KvCache {
    layers: usize,
    heads: Heads,
    device: Device,
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
    /// Sequences that read it, plus one for its holder.
    references: usize,
}

/// A run of positions. `values[l]` is (kv heads, capacity, dim); `keys[l]` is the same on a device
/// and (kv heads, capacity / LANES, dim, LANES) on the CPU, as its attention kernel reads them.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) keys: Vec<Tensor>,
    pub(super) values: Vec<Tensor>,
    pub(super) capacity: usize,
    pub(super) len: usize,
}

impl KvCache {
    /// An empty cache.
    pub fn new(layers: usize, heads: Heads, device: Device) -> Self {
        Self { layers, heads, device, sequences: Vec::new(), prefixes: Vec::new() }
    }

    /// Bytes that one position takes over all layers.
    pub fn bytes_per_position(layers: usize, heads: Heads) -> usize {
        2 * layers * heads.kv * heads.dim * size_of::<f32>()
    }

    /// Opens a sequence, on top of a prefix or from nothing.
    pub fn fork(&mut self, prefix: Option<PrefixId>) -> SeqId {
        if let Some(id) = prefix {
            self.prefix_mut(id).references += 1;
        }
        let sequence = Sequence { prefix, own: Span::empty() };
        SeqId(place(&mut self.sequences, sequence))
    }

    /// Makes a sequence's own positions a prefix that others can fork, and ends the sequence.
    /// The caller holds the prefix until [`Self::release_prefix`].
    pub fn freeze(&mut self, id: SeqId) -> PrefixId {
        let sequence = self.sequences[id.0].take().expect("a frozen sequence is live");
        assert!(sequence.prefix.is_none(), "prefixes are one span deep");
        PrefixId(place(&mut self.prefixes, Prefix { span: sequence.own, references: 1 }))
    }

    /// Positions that a sequence holds, its prefix included.
    pub fn len(&self, id: SeqId) -> usize {
        self.spans(id).map(|span| span.len).sum()
    }

    /// Makes room for `rows` more positions of a sequence and counts them as filled; each layer
    /// then writes them with [`Self::write`].
    pub fn append(&mut self, id: SeqId, rows: usize) -> Result<()> {
        let (layers, heads) = (self.layers, self.heads);
        let device = self.device.clone();
        let own = &mut self.sequence_mut(id).own;
        let needed = own.len + rows;
        if needed > own.capacity {
            let capacity = needed.max(own.capacity + own.capacity / 2).next_multiple_of(GROWTH);
            own.grow(layers, heads, capacity, &device)?;
        }
        own.len = needed;
        Ok(())
    }

    /// Writes a layer's keys and values for the last `count` positions of a sequence, taken from
    /// rows `first..first + count` of `keys` and `values`, both (rows, kv heads × dim).
    pub fn write(
        &mut self,
        id: SeqId,
        layer: usize,
        rows: RowRange,
        kv: [&Tensor; 2],
    ) -> Result<()> {
        let heads = self.heads;
        let own = &self.sequence_mut(id).own;
        let to = own.len - rows.count;
        let sides = [(Side::Keys, &own.keys[layer]), (Side::Values, &own.values[layer])];
        for ((side, cache), new) in sides.into_iter().zip(kv) {
            if cache.device().is_cpu() {
                let copy = CopyRows { side, heads, capacity: own.capacity, to, rows };
                cache.inplace_op2(new, &copy)?;
            } else {
                let new = new
                    .narrow(0, rows.first, rows.count)?
                    .reshape((rows.count, heads.kv, heads.dim))?
                    .transpose(0, 1)?
                    .contiguous()?; // (kv heads, count, dim)
                cache.slice_set(&new, 1, to)?;
            }
        }
        Ok(())
    }

    /// Forgets the positions of a sequence from `len` on; a prefix cannot be cut.
    pub fn truncate(&mut self, id: SeqId, len: usize) {
        let shared = self.len(id) - self.sequence_mut(id).own.len;
        assert!(shared <= len && len <= self.len(id), "only own positions can be cut");
        self.sequence_mut(id).own.len = len - shared;
    }

    /// Ends a sequence.
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

    /// Live sequences and prefixes, for tests of leaks.
    pub fn live(&self) -> (usize, usize) {
        (self.sequences.iter().flatten().count(), self.prefixes.iter().flatten().count())
    }

    /// A sequence's spans, oldest first.
    pub(super) fn spans(&self, id: SeqId) -> impl Iterator<Item = &Span> {
        let sequence = self.sequences[id.0].as_ref().expect("the sequence is live");
        let prefix = sequence
            .prefix
            .map(|id| &self.prefixes[id.0].as_ref().expect("a counted prefix is live").span);
        prefix.into_iter().chain([&sequence.own])
    }

    fn sequence_mut(&mut self, id: SeqId) -> &mut Sequence {
        self.sequences[id.0].as_mut().expect("the sequence is live")
    }

    fn prefix_mut(&mut self, id: PrefixId) -> &mut Prefix {
        self.prefixes[id.0].as_mut().expect("the prefix is live")
    }
}

/// Rows of a packed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    /// First row.
    pub first: usize,
    /// How many.
    pub count: usize,
}

impl Span {
    fn empty() -> Self {
        Self { keys: Vec::new(), values: Vec::new(), capacity: 0, len: 0 }
    }

    fn grow(
        &mut self,
        layers: usize,
        heads: Heads,
        capacity: usize,
        device: &Device,
    ) -> Result<()> {
        for side in [Side::Keys, Side::Values] {
            let (old, unit) = match side {
                Side::Keys if device.is_cpu() => (&mut self.keys, LANES),
                Side::Keys => (&mut self.keys, 1),
                Side::Values => (&mut self.values, 1),
            };
            let mut larger = Vec::with_capacity(layers);
            for layer in 0..layers {
                let room = if unit == 1 {
                    Tensor::zeros((heads.kv, capacity, heads.dim), DType::F32, device)?
                } else {
                    let shape = (heads.kv, capacity / unit, heads.dim, unit);
                    Tensor::zeros(shape, DType::F32, device)?
                };
                if let Some(old) = old.get(layer).filter(|_| self.len > 0) {
                    let filled = old.narrow(1, 0, self.len.div_ceil(unit))?;
                    room.slice_set(&filled.contiguous()?, 1, 0)?;
                }
                larger.push(room);
            }
            *old = larger;
        }
        self.capacity = capacity;
        Ok(())
    }

    /// A layer's keys, a row a position: (kv heads, len, dim).
    pub(super) fn key_rows(&self, layer: usize) -> Result<Tensor> {
        let keys = &self.keys[layer];
        if let Ok((kv, blocks, dim, lanes)) = keys.dims4() {
            let rows = keys.permute((0, 1, 3, 2))?.reshape((kv, blocks * lanes, dim))?;
            return rows.narrow(1, 0, self.len);
        }
        keys.narrow(1, 0, self.len)
    }

    /// A layer's values, a row a position: (kv heads, len, dim).
    pub(super) fn value_rows(&self, layer: usize) -> Result<Tensor> {
        self.values[layer].narrow(1, 0, self.len)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Keys,
    Values,
}

fn place<T>(slots: &mut Vec<Option<T>>, value: T) -> usize {
    if let Some(free) = slots.iter().position(Option::is_none) {
        slots[free] = Some(value);
        return free;
    }
    slots.push(Some(value));
    slots.len() - 1
}

/// Copies packed rows, (rows, kv heads × dim), into a span's keys or values on the CPU. One
/// operation in place of a narrow, a transpose, a copy and a `slice_set` a row: a decode step does
/// this twice for each layer and sequence.
struct CopyRows {
    side: Side,
    heads: Heads,
    capacity: usize,
    to: usize,
    rows: RowRange,
}

impl InplaceOp2 for CopyRows {
    fn name(&self) -> &'static str {
        "kv-cache-copy-rows"
    }

    fn cpu_fwd(
        &self,
        cache: &mut CpuStorage,
        _: &Layout,
        new: &CpuStorage,
        layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(cache), CpuStorage::F32(new)) = (cache, new) else {
            candle_core::bail!("the cache holds f32 only")
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("new keys and values must be contiguous")
        };
        let Heads { kv, dim, .. } = self.heads;
        let new = &new[start..end];
        for row in 0..self.rows.count {
            let from = &new[(self.rows.first + row) * kv * dim..][..kv * dim];
            for (head, from) in from.chunks_exact(dim).enumerate() {
                let position = self.to + row;
                match self.side {
                    Side::Values => {
                        let to = (head * self.capacity + position) * dim;
                        cache[to..to + dim].copy_from_slice(from);
                    }
                    Side::Keys => {
                        let block = (head * self.capacity + position / LANES * LANES) * dim;
                        for (d, value) in from.iter().enumerate() {
                            cache[block + d * LANES + position % LANES] = *value;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: Heads = Heads { query: 2, kv: 2, dim: 2 };

    fn rows(first: f32, count: usize) -> Tensor {
        let values: Vec<f32> = (0..count * 4).map(|i| first + i as f32).collect();
        Tensor::from_vec(values, (count, 4), &Device::Cpu).expect("a tensor")
    }

    fn keys(cache: &KvCache, id: SeqId, layer: usize) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); HEADS.kv];
        for span in cache.spans(id) {
            if span.len == 0 {
                continue;
            }
            let heads = span.key_rows(layer).and_then(|keys| keys.to_vec3::<f32>());
            for (head, out) in heads.expect("keys").into_iter().zip(&mut out) {
                out.extend(head.into_iter().flatten());
            }
        }
        out
    }

    #[test]
    fn a_fork_reads_its_prefix_and_writes_only_its_own_positions() {
        let mut cache = KvCache::new(1, HEADS, Device::Cpu);
        let first = cache.fork(None);
        cache.append(first, 3).expect("room");
        let new = rows(0.0, 3);
        cache.write(first, 0, RowRange { first: 0, count: 3 }, [&new, &new]).expect("written");
        let prefix = cache.freeze(first);
        let forks = [cache.fork(Some(prefix)), cache.fork(Some(prefix))];
        let packed = rows(100.0, 2);
        for (row, &fork) in forks.iter().enumerate() {
            cache.append(fork, 1).expect("room");
            let range = RowRange { first: row, count: 1 };
            cache.write(fork, 0, range, [&packed, &packed]).expect("written");
        }
        assert_eq!(cache.len(forks[1]), 4);
        let head_0 = vec![0.0, 1.0, 4.0, 5.0, 8.0, 9.0];
        assert_eq!(keys(&cache, forks[0], 0)[0], [head_0.clone(), vec![100.0, 101.0]].concat());
        assert_eq!(keys(&cache, forks[1], 0)[0], [head_0, vec![104.0, 105.0]].concat());
    }

    #[test]
    fn growing_and_truncating_keep_what_is_before() {
        let mut cache = KvCache::new(2, HEADS, Device::Cpu);
        let id = cache.fork(None);
        for step in 0..GROWTH + 3 {
            cache.append(id, 1).expect("room");
            let new = rows(step as f32, 1);
            for layer in 0..2 {
                let range = RowRange { first: 0, count: 1 };
                cache.write(id, layer, range, [&new, &new]).expect("written");
            }
        }
        let head = &keys(&cache, id, 1)[1];
        let expected: Vec<f32> = (0..GROWTH + 3).map(|step| step as f32 + 2.0).collect();
        assert_eq!(head.iter().copied().step_by(2).collect::<Vec<f32>>(), expected);
        cache.truncate(id, 5);
        assert_eq!((cache.len(id), keys(&cache, id, 0)[0].len()), (5, 10));
    }

    #[test]
    fn a_prefix_lives_as_long_as_its_last_reader() {
        let mut cache = KvCache::new(1, HEADS, Device::Cpu);
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
