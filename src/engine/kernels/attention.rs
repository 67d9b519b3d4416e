//! Attention of a packed batch of rows over the cache, on the CPU.
//!
//! Rows that read the same keys are taken together: those of one sequence, and those of different
//! sequences as far as they share a prefix. Each piece of the cache then serves up to twelve
//! queries, and the queries of a group need no copies of the key head that they share.
//!
//! Whichever rows are taken together, every query sums its products over the dimensions in order,
//! its exponentials over positions in sixteen lanes given by the absolute position, and its values
//! over the positions in order. So a row's result has the same bits alone and in any batch, however
//! its keys are cut into spans, and a shared prefix gives the same bits as a prefix of the
//! sequence's own. The file is long because all that must keep to these orders stands in it.
//!
//! Scaled dot-product attention: Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>; grouped
//! queries: Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>; shared prefixes: Juravsky et
//! al. 2024, <https://arxiv.org/abs/2402.05099>.

use std::cell::RefCell;
use std::ops::Range;

use super::Tier;
use super::lanes::{Half, LANES, Lanes, Number};
use super::team::{Pieces, Team};

/// Queries that one reading of a key block serves.
const QUERIES: usize = 12;
/// Queries whose value sums are held in registers at once, with [`CHUNKS`] registers each.
const MIXED: usize = 6;
/// Registers of one query's value sums that are held at once.
const CHUNKS: usize = 4;

/// Head geometry of one attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads; a multiple of `kv`.
    pub query: usize,
    /// Key and value heads.
    pub kv: usize,
    /// Width of one head.
    pub dim: usize,
}

impl Heads {
    /// Query heads that share one key head.
    pub fn group(self) -> usize {
        self.query / self.kv
    }

    /// Width of a stored value: `dim` rounded up to whole registers.
    pub fn value_width(self) -> usize {
        self.dim.next_multiple_of(LANES)
    }
}

/// A number as the cache holds it.
pub trait Cell: Number + Default {
    /// Converts sixteen floats to cells.
    fn store<L: Lanes>(values: L, cells: &mut [Self; LANES]);
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Cell for f32 {
    #[inline(always)]
    fn store<L: Lanes>(values: L, cells: &mut [Self; LANES]) {
        values.store(cells);
    }
}

/// Largest number in half precision. Larger keys and values are clamped to it, because an infinite
/// one would spoil every later row.
const HALF_MAX: f32 = 65_504.0;

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Cell for Half {
    #[inline(always)]
    fn store<L: Lanes>(values: L, cells: &mut [Self; LANES]) {
        let mut bits = [0u16; LANES];
        L::splat(HALF_MAX).min(L::splat(-HALF_MAX).max(values)).store_half(&mut bits);
        for (cell, bits) in cells.iter_mut().zip(bits) {
            *cell = Self(bits);
        }
    }
}

/// A run of cached positions of one layer, of which the first `len` are filled. Keys lie in blocks
/// of `LANES` positions with each dimension's values side by side, so that one multiplication
/// serves a whole block and no sum runs across lanes.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a, C> {
    /// Rotated keys: (kv heads, capacity / LANES, dim, LANES).
    pub keys: &'a [C],
    /// Values: (kv heads, capacity, value width), zero beyond `dim`.
    pub values: &'a [C],
    /// Positions that the buffers can hold; a multiple of `LANES`.
    pub capacity: usize,
    /// Positions filled.
    pub len: usize,
}

/// The rows of one sequence in a batch: its newest positions, in order.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a, C> {
    /// The shared prefix that its rows read, the same span for all readers of it; may be empty.
    pub prefix: Span<'a, C>,
    /// Its own positions, which follow the prefix and include those of the rows.
    pub own: Span<'a, C>,
    /// Its rows of the batch: the first row and their number.
    pub rows: (usize, usize),
}

/// How a layer attends.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Head geometry.
    pub heads: Heads,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// Positions that a row sees, its own included; `None` for all.
    pub window: Option<usize>,
}

/// Rows that are worked on together.
#[derive(Debug, Clone)]
struct Bundle {
    /// Parts of readers: the reader's index, and which of its rows, counted within the reader.
    parts: Vec<(usize, Range<usize>)>,
    rows: usize,
}

/// Attends for every row of the readers; `queries` and `out` are (rows, query heads, dim).
pub fn attend<C: Cell>(
    team: &Team,
    tier: Tier,
    attention: Attention,
    queries: &[f32],
    readers: &[Reader<'_, C>],
    out: &mut [f32],
) {
    let heads = attention.heads;
    let bundles = bundles(readers, (QUERIES / heads.group()).max(1));
    // For a lone row of a model with few key heads, the queries of a head are shared out as well.
    let tasks = bundles.len() * heads.kv;
    let cuts = if tasks < 2 * team.threads() { heads.group().min(team.threads()) } else { 1 };
    let width = heads.query * heads.dim;
    let out = Pieces::rows(out, width);
    team.run(tasks * cuts, &|index| {
        let (task, cut) = (index / cuts, index % cuts);
        let (bundle, kv_head) = (&bundles[task / heads.kv], task % heads.kv);
        let group = heads.group();
        let of_group = cut * group / cuts..(cut + 1) * group / cuts;
        let task = Task { attention, kv_head, of_group, bundle, readers, queries };
        SCRATCH.with_borrow_mut(|scratch| {
            attend_task(tier, &task, scratch);
            for (query, result) in scratch.mixed.chunks_exact(heads.value_width()).enumerate() {
                let (row, head) = task.query(query);
                // SAFETY: a head of a row belongs to one task.
                unsafe { out.part(row, head * heads.dim, heads.dim) }
                    .copy_from_slice(&result[..heads.dim]);
            }
        });
    });
}

/// Cuts the readers' rows, in order, into bundles of at most `most` rows that share a prefix.
fn bundles<C: Cell>(readers: &[Reader<'_, C>], most: usize) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    for (index, reader) in readers.iter().enumerate() {
        let mut next = 0;
        while next < reader.rows.1 {
            let joins = |bundle: &Bundle| {
                let last = bundle.parts.last().map(|(of, _)| *of);
                let same = last == Some(index)
                    || reader.prefix.len > 0
                        && last.is_some_and(|last| {
                            std::ptr::eq(readers[last].prefix.keys, reader.prefix.keys)
                        });
                same && bundle.rows < most
            };
            if !bundles.last().is_some_and(joins) {
                bundles.push(Bundle { parts: Vec::new(), rows: 0 });
            }
            let Some(bundle) = bundles.last_mut() else { break };
            let taken = (most - bundle.rows).min(reader.rows.1 - next);
            bundle.parts.push((index, next..next + taken));
            bundle.rows += taken;
            next += taken;
        }
    }
    bundles
}

/// Buffers that a thread keeps between tasks, only so that their memory is reused.
#[derive(Default)]
struct Scratch {
    /// (query, position)
    scores: Vec<f32>,
    /// (dim, queries of a block)
    transposed: Vec<f32>,
    /// (query, value width)
    mixed: Vec<f32>,
    /// Positions that each query sees.
    visible: Vec<Range<usize>>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A piece of work: some heads of a group, for the rows of a bundle.
struct Task<'a, C> {
    attention: Attention,
    kv_head: usize,
    /// Which heads of the group.
    of_group: Range<usize>,
    bundle: &'a Bundle,
    readers: &'a [Reader<'a, C>],
    /// (rows, query heads, dim)
    queries: &'a [f32],
}

impl<C: Cell> Task<'_, C> {
    /// Number of queries per row.
    fn heads_a_row(&self) -> usize {
        self.of_group.len()
    }

    /// The row of the batch and the head of query `index`; a row's queries lie side by side.
    fn query(&self, index: usize) -> (usize, usize) {
        let mut row = index / self.heads_a_row();
        let head = self.kv_head * self.attention.heads.group()
            + self.of_group.start
            + index % self.heads_a_row();
        for (reader, rows) in &self.bundle.parts {
            if row < rows.len() {
                return (self.readers[*reader].rows.0 + rows.start + row, head);
            }
            row -= rows.len();
        }
        unreachable!("a bundle has the rows that its parts have")
    }

    /// Writes to `out` the positions that each query sees.
    fn visible(&self, out: &mut Vec<Range<usize>>) {
        out.clear();
        for (index, rows) in &self.bundle.parts {
            let reader = &self.readers[*index];
            let past = reader.prefix.len + reader.own.len - reader.rows.1;
            for row in rows.clone() {
                let to = past + row + 1;
                let from = self.attention.window.map_or(0, |window| to.saturating_sub(window));
                out.extend(std::iter::repeat_n(from..to, self.heads_a_row()));
            }
        }
    }

    /// Pieces of the cache, each with its first position and the queries that read it: first the
    /// prefix that all share, then each reader's own part. A lone reader's prefix counts as shared
    /// by all.
    fn pieces(&self) -> impl Iterator<Item = (Span<'_, C>, usize, Range<usize>)> {
        let heads = self.heads_a_row();
        let first = &self.readers[self.bundle.parts[0].0];
        let shared = (first.prefix, 0, 0..self.bundle.rows * heads);
        let mut done = 0;
        let own = self.bundle.parts.iter().map(move |(index, rows)| {
            let reader = &self.readers[*index];
            let queries = done..done + rows.len() * heads;
            done = queries.end;
            (reader.own, reader.prefix.len, queries)
        });
        std::iter::once(shared).chain(own).filter(|(span, _, _)| span.len > 0)
    }

    /// The keys and values of this task's head in a span.
    fn head<'s>(&self, span: Span<'s, C>) -> (&'s [C], &'s [C]) {
        let heads = self.attention.heads;
        let (keys, values) = (span.capacity * heads.dim, span.capacity * heads.value_width());
        (&span.keys[self.kv_head * keys..][..keys], &span.values[self.kv_head * values..][..values])
    }
}

/// Computes a task into `scratch.mixed`: scores, their shares, and the values in these shares.
fn attend_task<C: Cell>(tier: Tier, task: &Task<'_, C>, scratch: &mut Scratch) {
    task.visible(&mut scratch.visible);
    let window = Window::around(&scratch.visible);
    task.score(tier, window, scratch);
    let rows = scratch.scores.chunks_exact_mut(window.stride);
    for (scores, range) in rows.zip(&scratch.visible) {
        scores[..window.column(range.start)].fill(f32::NEG_INFINITY);
        scores[window.column(range.end)..].fill(f32::NEG_INFINITY);
        normalise(tier, scores);
    }
    task.mix(tier, window, scratch);
}

/// The positions that any query of a task sees, and where their scores lie in a row.
#[derive(Clone, Copy)]
struct Window {
    /// The first position, brought down to a whole block.
    first: usize,
    /// The position behind the last one.
    end: usize,
    /// Distance between the scores of two queries.
    stride: usize,
}

impl Window {
    /// Columns of scores begin one block before the first visible position, at a whole block: a
    /// position's lane is the same for every query, and a span that begins inside a block has room
    /// for all of it.
    fn around(visible: &[Range<usize>]) -> Self {
        let first = visible.iter().map(|range| range.start).min().unwrap_or(0) / LANES * LANES;
        let end = visible.iter().map(|range| range.end).max().unwrap_or(0);
        Self { first, end, stride: (end - first).next_multiple_of(LANES) + 2 * LANES }
    }

    fn column(self, position: usize) -> usize {
        position + LANES - self.first
    }
}

impl<C: Cell> Task<'_, C> {
    /// The scaled products of the queries with the keys, whole blocks of positions at a time.
    fn score(&self, tier: Tier, window: Window, scratch: &mut Scratch) {
        let Scratch { scores, transposed, visible, .. } = scratch;
        let Attention { heads, scale, .. } = self.attention;
        let (dim, stride) = (heads.dim, window.stride);
        scores.resize(visible.len() * stride, 0.0);
        for (span, start, queries) in self.pieces() {
            let (keys, _) = self.head(span);
            let from = window.first.saturating_sub(start) / LANES * LANES; // within the span, a whole block
            let of_piece = &visible[queries.clone()];
            let last =
                of_piece.iter().map(|range| range.end.saturating_sub(start)).max().unwrap_or(0);
            let last = last.min(span.len);
            if from >= last {
                continue;
            }
            let keys: &[[C; LANES]] = keys.as_chunks().0;
            let keys = &keys[from / LANES * dim..last.div_ceil(LANES) * dim];
            for begin in queries.clone().step_by(QUERIES) {
                let block = (queries.end - begin).min(QUERIES);
                let scores = &mut scores[begin * stride..(begin + block) * stride];
                let to = Columns { stride, first: window.column(start + from), rows: block };
                macro_rules! with {
                    ($n:literal, $blocks:literal) => {{
                        transpose::<C, $n>(self, begin, block, transposed);
                        let queries = transposed.as_chunks().0;
                        score::<C, $n, $blocks>(tier, keys, queries, scale, scores, to);
                    }};
                }
                match block {
                    1 => with!(1, 4),
                    2 => with!(2, 4),
                    3 => with!(3, 2),
                    4 => with!(4, 2),
                    5 | 6 => with!(6, 2),
                    7 | 8 => with!(8, 1),
                    _ => with!(12, 1),
                }
            }
        }
    }

    /// Adds up the values of each query's positions, by their shares.
    fn mix(&self, tier: Tier, window: Window, scratch: &mut Scratch) {
        let Scratch { scores, mixed, visible, .. } = scratch;
        let (stride, value_width) = (window.stride, self.attention.heads.value_width());
        mixed.clear();
        mixed.resize(visible.len() * value_width, 0.0);
        for (span, start, queries) in self.pieces() {
            let (_, values) = self.head(span);
            let from = window.first.saturating_sub(start);
            let to = window.end.saturating_sub(start).min(span.len);
            if from >= to {
                continue;
            }
            let values: &[[C; LANES]] = values.as_chunks().0;
            let values = &values[from * value_width / LANES..to * value_width / LANES];
            let mut begin = queries.start;
            while begin < queries.end {
                let block = match queries.end - begin {
                    MIXED.. => MIXED,
                    4.. => 4,
                    2.. => 2,
                    _ => 1,
                };
                let scores = &scores[begin * stride..(begin + block) * stride];
                let shares = Columns { stride, first: window.column(start + from), rows: block };
                let mixed = &mut mixed[begin * value_width..(begin + block) * value_width];
                match block {
                    1 => mix::<C, 1>(tier, scores, shares, values, mixed),
                    2 => mix::<C, 2>(tier, scores, shares, values, mixed),
                    4 => mix::<C, 4>(tier, scores, shares, values, mixed),
                    _ => mix::<C, MIXED>(tier, scores, shares, values, mixed),
                }
                begin += block;
            }
        }
    }
}

/// Where the scores of some queries with a run of positions lie.
#[derive(Clone, Copy)]
struct Columns {
    /// Distance between the scores of two queries.
    stride: usize,
    /// Column of the run's first position.
    first: usize,
    /// Number of queries.
    rows: usize,
}

/// Copies `count` queries from `first` on to (dim, N); the last of them fills any places left of
/// the N.
fn transpose<C: Cell, const N: usize>(
    task: &Task<'_, C>,
    first: usize,
    count: usize,
    out: &mut Vec<f32>,
) {
    let Heads { query, dim, .. } = task.attention.heads;
    out.resize(dim * N, 0.0);
    let rows: &mut [[f32; N]] = out.as_chunks_mut().0;
    for n in 0..N {
        let (row, head) = task.query(first + n.min(count - 1));
        let values = &task.queries[(row * query + head) * dim..][..dim];
        for (to, value) in rows.iter_mut().zip(values) {
            to[n] = *value;
        }
    }
}

tiered! {
    /// Multiplies `N` queries, (dim, N), with blocks of keys, (blocks, dim, LANES), times `scale`;
    /// the scores of the first `to.rows` queries are stored.
    fn score [C: Cell, const N: usize, const B: usize] [C, N, B] (
        keys: &[[C; LANES]],
        queries: &[[f32; N]],
        scale: f32,
        scores: &mut [f32],
        to: Columns,
    ) = score_blocks
}

/// Takes `B` blocks at a time, which hides the latency of the additions; what is left is done one
/// by one.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn score_blocks<L: Lanes, C: Cell, const N: usize, const B: usize>(
    keys: &[[C; LANES]],
    queries: &[[f32; N]],
    scale: f32,
    scores: &mut [f32],
    to: Columns,
) {
    let dim = queries.len();
    let blocks = keys.len() / dim;
    assert!(to.rows <= N && to.first + blocks * LANES <= to.stride);
    assert!(to.rows * to.stride <= scores.len());
    let mut block = 0;
    while block + B <= blocks {
        score_some::<L, C, N, B>(&keys[block * dim..], queries, scale, scores, to, block);
        block += B;
    }
    while block < blocks {
        score_some::<L, C, N, 1>(&keys[block * dim..], queries, scale, scores, to, block);
        block += 1;
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn score_some<L: Lanes, C: Cell, const N: usize, const B: usize>(
    keys: &[[C; LANES]],
    queries: &[[f32; N]],
    scale: f32,
    scores: &mut [f32],
    to: Columns,
    block: usize,
) {
    let dim = queries.len();
    assert!(keys.len() >= B * dim);
    let mut sums = [[L::splat(0.0); B]; N];
    for d in 0..dim {
        let mut key = [L::splat(0.0); B];
        for b in 0..B {
            // SAFETY: `b` is below B and `d` below `dim`; checked above.
            key[b] = C::load(unsafe { keys.get_unchecked(b * dim + d) });
        }
        // SAFETY: `d` is below the length.
        let query = unsafe { queries.get_unchecked(d) };
        for n in 0..N {
            let query = L::splat(query[n]);
            for b in 0..B {
                sums[n][b] = query.madd(key[b], sums[n][b]);
            }
        }
    }
    let scale = L::splat(scale);
    for n in 0..N {
        if n >= to.rows {
            return;
        }
        for b in 0..B {
            let at = n * to.stride + to.first + (block + b) * LANES;
            if let Some(out) = scores[at..].first_chunk_mut() {
                sums[n][b].mul(scale).store(out);
            }
        }
    }
}

tiered! {
    /// Turns scores into shares of one: `exp(score − max)` over the sum.
    fn normalise [] [] (scores: &mut [f32]) = normalise_blocks
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn normalise_blocks<L: Lanes>(scores: &mut [f32]) {
    let blocks = scores.as_chunks_mut::<LANES>().0;
    let mut largest = L::splat(f32::NEG_INFINITY);
    for block in blocks.iter() {
        largest = L::load(block).max(largest);
    }
    let mut max = f32::NEG_INFINITY;
    for value in largest.values() {
        max = if value > max { value } else { max };
    }
    let mut sums = L::splat(0.0);
    let max = L::splat(max);
    for block in blocks.iter_mut() {
        let numerators = L::load(block).sub(max).exp();
        sums = sums.add(numerators);
        numerators.store(block);
    }
    let mut sum: f32 = 0.0;
    for value in sums.values() {
        sum += value;
    }
    let inverse = L::splat(1.0 / sum);
    for block in blocks.iter_mut() {
        L::load(block).mul(inverse).store(block);
    }
}

tiered! {
    /// Adds to `mixed`, (N, width), the values of a run of positions, (positions, width), each
    /// times its share.
    fn mix [C: Cell, const N: usize] [C, N] (
        scores: &[f32],
        shares: Columns,
        values: &[[C; LANES]],
        mixed: &mut [f32],
    ) = mix_values
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn mix_values<L: Lanes, C: Cell, const N: usize>(
    scores: &[f32],
    shares: Columns,
    values: &[[C; LANES]],
    mixed: &mut [f32],
) {
    let mixed: &mut [[f32; LANES]] = mixed.as_chunks_mut().0;
    let width = mixed.len() / N; // in registers
    let mut chunk = 0;
    while chunk < width {
        chunk += match width - chunk {
            CHUNKS.. => mix_chunks::<L, C, N, CHUNKS>(scores, shares, values, chunk, mixed),
            2.. => mix_chunks::<L, C, N, 2>(scores, shares, values, chunk, mixed),
            _ => mix_chunks::<L, C, N, 1>(scores, shares, values, chunk, mixed),
        };
    }
}

/// As [`mix`], for `K` registers of each value from register `chunk` on; returns `K`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn mix_chunks<L: Lanes, C: Cell, const N: usize, const K: usize>(
    scores: &[f32],
    shares: Columns,
    values: &[[C; LANES]],
    chunk: usize,
    mixed: &mut [[f32; LANES]],
) -> usize {
    let width = mixed.len() / N;
    let positions = values.len() / width;
    assert!(
        chunk + K <= width && (N - 1) * shares.stride + shares.first + positions <= scores.len()
    );
    let mut sums = [[L::splat(0.0); K]; N];
    for n in 0..N {
        for k in 0..K {
            sums[n][k] = L::load(&mixed[n * width + chunk + k]);
        }
    }
    for t in 0..positions {
        let mut value = [L::splat(0.0); K];
        for k in 0..K {
            // SAFETY: `t` is below `positions`, and `chunk + k` below `width`; checked above.
            value[k] = C::load(unsafe { values.get_unchecked(t * width + chunk + k) });
        }
        for n in 0..N {
            let at = n * shares.stride + shares.first + t;
            // SAFETY: as above.
            let share = L::splat(unsafe { *scores.get_unchecked(at) });
            for k in 0..K {
                sums[n][k] = share.madd(value[k], sums[n][k]);
            }
        }
    }
    for n in 0..N {
        for k in 0..K {
            sums[n][k].store(&mut mixed[n * width + chunk + k]);
        }
    }
    K
}

/// One head's part of a layer's cache, and the place in it where new rows go.
#[derive(Debug)]
pub struct Place<'a, C> {
    /// (capacity / LANES, dim, LANES)
    pub keys: &'a mut [C],
    /// (capacity, value width)
    pub values: &'a mut [C],
    /// Position within the span of the first row to write.
    pub to: usize,
}

/// Writes one head's rotated keys and values: `rows` yields (key, value), `dim` numbers each.
pub fn store<'r, C: Cell>(
    tier: Tier,
    dim: usize,
    to: &mut Place<'_, C>,
    rows: impl Iterator<Item = (&'r [f32], &'r [f32])>,
) {
    let width = dim.next_multiple_of(LANES);
    let mut padded = vec![0f32; width];
    let mut cells = vec![C::default(); width];
    for (position, (key, value)) in (to.to..).zip(rows) {
        padded[..dim].copy_from_slice(key);
        convert(tier, &padded, &mut cells);
        let block = &mut to.keys[position / LANES * LANES * dim..][..LANES * dim];
        for (d, cell) in cells[..dim].iter().enumerate() {
            block[d * LANES + position % LANES] = *cell;
        }
        padded[..dim].copy_from_slice(value);
        convert(tier, &padded, &mut to.values[position * width..][..width]);
    }
}

tiered! {
    /// Converts floats to cells.
    fn convert [C: Cell] [C] (values: &[f32], cells: &mut [C]) = convert_cells
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn convert_cells<L: Lanes, C: Cell>(values: &[f32], cells: &mut [C]) {
    for (values, cells) in values.as_chunks().0.iter().zip(cells.as_chunks_mut().0) {
        C::store(L::load(values), cells);
    }
}

#[cfg(test)]
mod tests;
