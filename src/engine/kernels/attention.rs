//! Attention of a packed batch of rows over the cache, on the CPU.
//!
//! Rows that read the same keys are taken together: those of one sequence, and those of different
//! sequences as far as they share a prefix. Each piece of the cache then serves up to twelve
//! queries, and the queries of a group need no copies of the key head that they share.
//!
//! Whatever is taken together, every query sums its products over the dimensions in order, its
//! exponentials over positions in sixteen lanes given by the absolute position, and its values over
//! the positions in order. So a row's result has the same bits alone and in any batch, however its
//! keys are cut into spans, and a forked prefix gives the bits of a prefix of one's own.
//!
//! Scaled dot-product attention: Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>;
//! grouped queries: Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>; shared prefixes: Juravsky
//! et al. 2024, <https://arxiv.org/abs/2402.05099>.

use std::cell::RefCell;
use std::ops::Range;

use super::Tier;
use super::lanes::{Half, LANES, Lanes, Number, Portable};
use super::team::{Pieces, Team};

/// Queries that one reading of a key block serves.
const QUERIES: usize = 12;
/// Queries whose value sums are held in registers at once, with [`CHUNKS`] registers each.
const MIXED: usize = 6;
/// Registers of one query's value sums.
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

    /// Width of a stored value: whole registers.
    pub fn value_width(self) -> usize {
        self.dim.next_multiple_of(LANES)
    }
}

/// A number of the cache.
pub trait Cell: Number + Default {
    /// Sixteen floats as cells.
    fn store<L: Lanes>(values: L, cells: &mut [Self; LANES]);
}

#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
impl Cell for f32 {
    #[inline(always)]
    fn store<L: Lanes>(values: L, cells: &mut [Self; LANES]) {
        values.store(cells);
    }
}

/// Largest number in half precision: what is beyond is cut to it, since an infinite key or value
/// would spoil every later row.
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
/// of [`LANES`] positions with each dimension's values side by side, so that one multiplication
/// serves a whole block and no sum runs across lanes.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a, C> {
    /// Rotated keys: (kv heads, capacity / LANES, dim, LANES).
    pub keys: &'a [C],
    /// Values: (kv heads, capacity, value width), zero beyond `dim`.
    pub values: &'a [C],
    /// Positions that the buffers can hold; a multiple of [`LANES`].
    pub capacity: usize,
    /// Positions filled.
    pub len: usize,
}

/// The rows of one sequence: they are its newest positions, in order.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a, C> {
    /// Its prefix, shared with the readers of the same span; may be empty.
    pub prefix: Span<'a, C>,
    /// Its own positions, which follow the prefix; the rows' own are among them.
    pub own: Span<'a, C>,
    /// Its rows of the batch: first and how many.
    pub rows: (usize, usize),
}

/// What a layer's attention is.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Head geometry.
    pub heads: Heads,
    /// What products of queries and keys are multiplied with.
    pub scale: f32,
    /// Positions that a row looks back over, its own included; `None` sees all.
    pub window: Option<usize>,
}

/// Rows that are worked on together.
#[derive(Debug, Clone)]
struct Bundle {
    /// Parts of readers: which, and which of its rows, counted within the reader.
    parts: Vec<(usize, Range<usize>)>,
    rows: usize,
}

/// Attends: `queries` and `out` are (rows, query heads, dim).
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
    // A lone row of a model with few key heads: its queries are shared out as well.
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
            enter(tier, &task, scratch);
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
            let joins = |bundle: &&mut Bundle| {
                let last = bundle.parts.last().map(|(of, _)| *of);
                let same = last == Some(index)
                    || reader.prefix.len > 0
                        && last.is_some_and(|last| {
                            std::ptr::eq(readers[last].prefix.keys, reader.prefix.keys)
                        });
                same && bundle.rows < most
            };
            let taken = match bundles.last_mut().filter(joins) {
                Some(bundle) => {
                    let count = (most - bundle.rows).min(reader.rows.1 - next);
                    bundle.parts.push((index, next..next + count));
                    bundle.rows += count;
                    count
                }
                None => {
                    let count = most.min(reader.rows.1 - next);
                    bundles.push(Bundle { parts: vec![(index, next..next + count)], rows: count });
                    count
                }
            };
            next += taken;
        }
    }
    bundles
}

/// What a thread keeps between tasks, for its memory alone.
#[derive(Default)]
struct Scratch {
    /// (query, position)
    scores: Vec<f32>,
    /// (dim, queries of a block)
    transposed: Vec<f32>,
    /// (query, value width)
    mixed: Vec<f32>,
    /// Visible positions of each query.
    visible: Vec<Range<usize>>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Some heads of a group, for the rows of a bundle.
struct Task<'a, C> {
    attention: Attention,
    kv_head: usize,
    /// Which of the group's heads.
    of_group: Range<usize>,
    bundle: &'a Bundle,
    readers: &'a [Reader<'a, C>],
    /// (rows, query heads, dim)
    queries: &'a [f32],
}

impl<C: Cell> Task<'_, C> {
    /// Queries a row.
    fn heads_a_row(&self) -> usize {
        self.of_group.len()
    }

    /// Row of the batch and head of query `index`; a row's queries stand side by side.
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

    /// Positions that each query sees.
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

    /// Pieces of the cache with the first position of each and the queries that read it: first the
    /// prefix that all share, then what each reader has of its own. A lone reader's prefix is one
    /// that all share.
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

    /// This head's keys and values of a span.
    fn head<'s>(&self, span: Span<'s, C>) -> (&'s [C], &'s [C]) {
        let heads = self.attention.heads;
        let (keys, values) = (span.capacity * heads.dim, span.capacity * heads.value_width());
        (&span.keys[self.kv_head * keys..][..keys], &span.values[self.kv_head * values..][..values])
    }
}

fn enter<C: Cell>(tier: Tier, task: &Task<'_, C>, scratch: &mut Scratch) {
    match tier {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found these features on this CPU.
        Tier::Avx512 => unsafe { attend_avx512(task, scratch) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Tier::Avx2 => unsafe { attend_avx2(task, scratch) },
        _ => attend_task::<Portable, C>(task, scratch),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn attend_avx512<C: Cell>(task: &Task<'_, C>, scratch: &mut Scratch) {
    attend_task::<super::lanes::Avx512, C>(task, scratch);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn attend_avx2<C: Cell>(task: &Task<'_, C>, scratch: &mut Scratch) {
    attend_task::<super::lanes::Avx2, C>(task, scratch);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn attend_task<L: Lanes, C: Cell>(task: &Task<'_, C>, scratch: &mut Scratch) {
    let Scratch { scores, transposed, mixed, visible } = scratch;
    let Heads { dim, .. } = task.attention.heads;
    let value_width = task.attention.heads.value_width();
    task.visible(visible);
    let count = visible.len();
    // Scores begin at a whole block, so that a position's lane is the same for every query.
    let mut base = usize::MAX;
    let mut end = 0;
    for range in visible.iter() {
        base = base.min(range.start / LANES * LANES);
        end = end.max(range.end);
    }
    let stride = (end - base).next_multiple_of(LANES) + LANES; // the last block may run over
    scores.resize(count * stride, 0.0);

    for (span, start, queries) in task.pieces() {
        let (keys, _) = task.head(span);
        let from = base.saturating_sub(start) / LANES * LANES; // within the span, a whole block
        let mut last = 0;
        for range in &visible[queries.clone()] {
            last = last.max(range.end.saturating_sub(start).min(span.len));
        }
        if from >= last {
            continue;
        }
        let keys = &keys[from * dim..last.next_multiple_of(LANES) * dim];
        let mut first = queries.start;
        while first < queries.end {
            let block = (queries.end - first).min(QUERIES);
            let scale = task.attention.scale;
            // A span that does not begin at a whole block has its first positions before `base`.
            let place = Place { stride, first: (start + from) as isize - base as isize };
            let scores = &mut scores[first * stride..(first + block) * stride];
            macro_rules! with {
                ($n:literal, $blocks:literal) => {{
                    transpose::<C, $n>(task, first, block, transposed);
                    score::<L, C, $n, $blocks>(keys, transposed, scale, scores, block, place)
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
            first += block;
        }
    }

    mixed.clear();
    mixed.resize(count * value_width, 0.0);
    for (scores, range) in scores.chunks_exact_mut(stride).zip(visible.iter()) {
        let (from, to) = (range.start - base, range.end - base);
        scores[..from].fill(f32::NEG_INFINITY);
        scores[to..].fill(f32::NEG_INFINITY);
        normalise::<L>(scores);
    }
    for (span, start, queries) in task.pieces() {
        let (_, values) = task.head(span);
        let from = base.saturating_sub(start);
        let to = (end - start.min(end)).min(span.len);
        if from >= to {
            continue;
        }
        let values = &values[from * value_width..to * value_width];
        let mut first = queries.start;
        while first < queries.end {
            let block = match queries.end - first {
                MIXED.. => MIXED,
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            let weights = &scores[first * stride..(first + block) * stride];
            let weights = Weights { scores: weights, stride, first: start + from - base };
            let mixed = &mut mixed[first * value_width..(first + block) * value_width];
            match block {
                1 => mix::<L, C, 1>(weights, values, value_width, mixed),
                2 => mix::<L, C, 2>(weights, values, value_width, mixed),
                4 => mix::<L, C, 4>(weights, values, value_width, mixed),
                _ => mix::<L, C, MIXED>(weights, values, value_width, mixed),
            }
            first += block;
        }
    }
}

/// Where the scores of a run of key blocks go.
#[derive(Clone, Copy)]
struct Place {
    /// Between the scores of two queries.
    stride: usize,
    /// Of the run's first position; those below zero are left out.
    first: isize,
}

/// Copies `count` queries from `first` on to (dim, N); the last one fills what is left of the N.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn transpose<C: Cell, const N: usize>(
    task: &Task<'_, C>,
    first: usize,
    count: usize,
    out: &mut Vec<f32>,
) {
    let Heads { query, dim, .. } = task.attention.heads;
    out.resize(dim * N, 0.0);
    for n in 0..N {
        let (row, head) = task.query(first + n.min(count - 1));
        let values = &task.queries[(row * query + head) * dim..][..dim];
        for (d, value) in values.iter().enumerate() {
            out[d * N + n] = *value;
        }
    }
}

/// Products of `N` queries, (dim, N), with blocks of keys, (blocks, dim, LANES), times `scale`; the
/// first `count` queries' are stored. `B` blocks at a time hide the latency of the additions.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn score<L: Lanes, C: Cell, const N: usize, const B: usize>(
    keys: &[C],
    queries: &[f32],
    scale: f32,
    scores: &mut [f32],
    count: usize,
    place: Place,
) {
    let queries: &[[f32; N]] = queries.as_chunks().0;
    let dim = queries.len();
    let cells: &[[C; LANES]] = keys.as_chunks().0;
    let blocks = cells.len() / dim;
    let scale = L::splat(scale);
    let mut block = 0;
    while block < blocks {
        // The last blocks are read again where there are fewer than B: same numbers, same place.
        let begin = if blocks >= B { block.min(blocks - B) } else { 0 };
        let mut sums = [[L::splat(0.0); B]; N];
        for (d, query) in queries.iter().enumerate() {
            let mut keys = [L::splat(0.0); B];
            for (b, keys) in keys.iter_mut().enumerate() {
                let at = if blocks >= B { begin + b } else { b.min(blocks - 1) };
                *keys = C::load(&cells[at * dim + d]);
            }
            for n in 0..N {
                let query = L::splat(query[n]);
                for b in 0..B {
                    sums[n][b] = query.madd(keys[b], sums[n][b]);
                }
            }
        }
        for (n, sums) in sums.iter().enumerate().take(count) {
            for (b, sums) in sums.iter().enumerate() {
                let at = if blocks >= B { begin + b } else { b.min(blocks - 1) };
                let to = place.first + (at * LANES) as isize;
                let out = &mut scores[n * place.stride..][..place.stride];
                if let Ok(to) = usize::try_from(to) {
                    if let Some(out) = out[to..].first_chunk_mut::<LANES>() {
                        sums.mul(scale).store(out);
                    }
                } else {
                    let skip = to.unsigned_abs();
                    let values = sums.mul(scale).values();
                    if skip < LANES {
                        out[..LANES - skip].copy_from_slice(&values[skip..]);
                    }
                }
            }
        }
        block = begin + B;
    }
}

/// Turns scores into shares of one: `exp(score − max)` over the sum.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn normalise<L: Lanes>(scores: &mut [f32]) {
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

/// Shares of some queries in a run of positions.
#[derive(Clone, Copy)]
struct Weights<'a> {
    /// (query, stride)
    scores: &'a [f32],
    stride: usize,
    /// Of the run's first position.
    first: usize,
}

/// Adds to `mixed`, (N, width), the weighted values of a run of positions, (positions, width).
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn mix<L: Lanes, C: Cell, const N: usize>(
    weights: Weights<'_>,
    values: &[C],
    width: usize,
    mixed: &mut [f32],
) {
    let mut chunk = 0;
    while chunk < width / LANES {
        chunk += match width / LANES - chunk {
            CHUNKS.. => mix_chunks::<L, C, N, CHUNKS>(weights, values, width, chunk, mixed),
            2.. => mix_chunks::<L, C, N, 2>(weights, values, width, chunk, mixed),
            _ => mix_chunks::<L, C, N, 1>(weights, values, width, chunk, mixed),
        };
    }
}

/// As [`mix`], for `K` registers of each value from register `chunk` on; returns `K`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn mix_chunks<L: Lanes, C: Cell, const N: usize, const K: usize>(
    weights: Weights<'_>,
    values: &[C],
    width: usize,
    chunk: usize,
    mixed: &mut [f32],
) -> usize {
    let per_position = width / LANES;
    let cells: &[[C; LANES]] = values.as_chunks().0;
    let positions = cells.len() / per_position;
    let mut sums = [[L::splat(0.0); K]; N];
    for n in 0..N {
        for k in 0..K {
            let at = n * width + (chunk + k) * LANES;
            if let Some(from) = mixed[at..].first_chunk() {
                sums[n][k] = L::load(from);
            }
        }
    }
    assert!((N - 1) * weights.stride + weights.first + positions <= weights.scores.len());
    for (t, cells) in cells.chunks_exact(per_position).enumerate() {
        let cells = &cells[chunk..chunk + K];
        let mut value = [L::splat(0.0); K];
        for k in 0..K {
            value[k] = C::load(&cells[k]);
        }
        for n in 0..N {
            let at = n * weights.stride + weights.first + t;
            // SAFETY: `t` is below `positions`, and the last query's last one was checked above.
            let weight = L::splat(unsafe { *weights.scores.get_unchecked(at) });
            for k in 0..K {
                sums[n][k] = weight.madd(value[k], sums[n][k]);
            }
        }
    }
    for n in 0..N {
        for k in 0..K {
            let at = n * width + (chunk + k) * LANES;
            if let Some(to) = mixed[at..].first_chunk_mut() {
                sums[n][k].store(to);
            }
        }
    }
    K
}

/// One head's part of a layer's cache, and the rows that go there.
#[derive(Debug)]
pub struct Store<'a, C> {
    /// (capacity / LANES, dim, LANES)
    pub keys: &'a mut [C],
    /// (capacity, value width)
    pub values: &'a mut [C],
    /// The first row's position within the span.
    pub to: usize,
}

/// Writes one head's rotated keys and values: `rows` yields (key, value), `dim` numbers each.
pub fn store<'r, C: Cell>(
    tier: Tier,
    dim: usize,
    to: Store<'_, C>,
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

fn convert<C: Cell>(tier: Tier, values: &[f32], cells: &mut [C]) {
    match tier {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Tier::detect` found these features on this CPU.
        Tier::Avx512 => unsafe { convert_avx512(values, cells) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Tier::Avx2 => unsafe { convert_avx2(values, cells) },
        _ => convert_cells::<Portable, C>(values, cells),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn convert_avx512<C: Cell>(values: &[f32], cells: &mut [C]) {
    convert_cells::<super::lanes::Avx512, C>(values, cells);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn convert_avx2<C: Cell>(values: &[f32], cells: &mut [C]) {
    convert_cells::<super::lanes::Avx2, C>(values, cells);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled inside each tier's target features")]
fn convert_cells<L: Lanes, C: Cell>(values: &[f32], cells: &mut [C]) {
    for (values, cells) in values.as_chunks().0.iter().zip(cells.as_chunks_mut().0) {
        C::store(L::load(values), cells);
    }
}
