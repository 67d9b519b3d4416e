//! The kernel against attention as the paper writes it, in double precision, and against itself.

use super::*;

/// Named error budgets, relative to values in -1..1: for a cache in single precision, and for one
/// whose keys and values are rounded to half precision.
const F32_BUDGET: f64 = 2e-6;
const HALF_BUDGET: f64 = 2e-3;

fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Keys and values of all positions, (position, kv heads, dim) each.
struct Cache {
    heads: Heads,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// One run of positions, laid out as the kernel reads it.
struct Stored<C> {
    keys: Vec<C>,
    values: Vec<C>,
    capacity: usize,
    len: usize,
}

impl<C: Cell> Stored<C> {
    fn span(&self) -> Span<'_, C> {
        Span { keys: &self.keys, values: &self.values, capacity: self.capacity, len: self.len }
    }
}

impl Cache {
    fn new(heads: Heads, positions: usize, seed: u32) -> Self {
        let count = positions * heads.kv * heads.dim;
        Self { heads, keys: numbers(seed, count), values: numbers(seed + 1, count) }
    }

    fn row(&self, position: usize) -> Range<usize> {
        let width = self.heads.kv * self.heads.dim;
        position * width..(position + 1) * width
    }

    /// Positions `range`, stored through the kernel's own way in.
    fn stored<'a, C: Cell>(&'a self, tier: Tier, range: Range<usize>) -> Stored<C> {
        let heads = self.heads;
        let capacity = range.len().max(1).next_multiple_of(LANES);
        let mut keys = vec![C::default(); heads.kv * capacity * heads.dim];
        let mut values = vec![C::default(); heads.kv * capacity * heads.value_width()];
        let of_heads = keys
            .chunks_exact_mut(capacity * heads.dim)
            .zip(values.chunks_exact_mut(capacity * heads.value_width()));
        for (head, (keys, values)) in of_heads.enumerate() {
            let part = |all: &'a [f32], at| &all[self.row(at)][head * heads.dim..][..heads.dim];
            let rows = range.clone().map(|at| (part(&self.keys, at), part(&self.values, at)));
            store(tier, heads.dim, &mut Place { keys, values, to: 0 }, rows);
        }
        Stored { keys, values, capacity, len: range.len() }
    }
}

/// What rows at the end of `positions` positions attend to, computed by the paper's formula.
fn reference(attention: Attention, cache: &Cache, queries: &[f32], positions: usize) -> Vec<f64> {
    let heads = attention.heads;
    let rows = queries.len() / (heads.query * heads.dim);
    let mut out = Vec::new();
    for row in 0..rows {
        let end = positions - rows + row + 1;
        let start = attention.window.map_or(0, |window| end.saturating_sub(window));
        for head in 0..heads.query {
            let query = &queries[(row * heads.query + head) * heads.dim..][..heads.dim];
            let of = |all: &[f32], at: usize| -> Vec<f64> {
                let first = cache.row(at).start + head / heads.group() * heads.dim;
                all[first..first + heads.dim].iter().map(|x| f64::from(*x)).collect()
            };
            let score = |at: usize| -> f64 {
                let products = of(&cache.keys, at).into_iter().zip(query);
                products.map(|(k, q)| k * f64::from(*q)).sum::<f64>() * f64::from(attention.scale)
            };
            let scores: Vec<f64> = (start..end).map(score).collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
            let total: f64 = weights.iter().sum();
            let mut mixed = vec![0f64; heads.dim];
            for (at, weight) in (start..end).zip(&weights) {
                for (sum, value) in mixed.iter_mut().zip(of(&cache.values, at)) {
                    *sum += weight / total * value;
                }
            }
            out.extend(mixed);
        }
    }
    out
}

/// The kernel's answer, with the first `prefix` of `positions` positions in a span of their own.
fn attended<C: Cell>(
    tier: Tier,
    attention: Attention,
    cache: &Cache,
    queries: &[f32],
    [prefix, positions]: [usize; 2],
) -> Vec<f32> {
    let heads = attention.heads;
    let rows = queries.len() / (heads.query * heads.dim);
    let (before, own) =
        (cache.stored::<C>(tier, 0..prefix), cache.stored::<C>(tier, prefix..positions));
    let reader = Reader { prefix: before.span(), own: own.span(), rows: (0, rows) };
    let mut out = vec![0f32; queries.len()];
    attend(&Team::new(2), tier, attention, queries, &[reader], &mut out);
    out
}

fn attention(query: usize, kv: usize, dim: usize, window: Option<usize>) -> Attention {
    Attention { heads: Heads { query, kv, dim }, scale: 1.0 / (dim as f32).sqrt(), window }
}

#[test]
fn every_geometry_computes_the_formula_within_its_budget() {
    for (query, kv, dim) in
        [(9, 3, 64), (4, 1, 256), (8, 8, 80), (6, 2, 24), (3, 1, 20), (32, 8, 128)]
    {
        for window in [None, Some(7)] {
            let attention = attention(query, kv, dim, window);
            let cache = Cache::new(attention.heads, 41, dim as u32);
            let queries = numbers(3, 5 * query * dim);
            let expected = reference(attention, &cache, &queries, 41);
            let tier = Tier::detect();
            let exact = attended::<f32>(tier, attention, &cache, &queries, [0, 41]);
            let half = attended::<Half>(tier, attention, &cache, &queries, [0, 41]);
            for (got, budget) in [(exact, F32_BUDGET), (half, HALF_BUDGET)] {
                let worst = got.iter().zip(&expected).map(|(got, e)| (f64::from(*got) - e).abs());
                let worst = worst.fold(0.0, f64::max);
                assert!(worst < budget, "{query}/{kv} × {dim}, {window:?}: off by {worst:e}");
            }
        }
    }
}

#[test]
fn every_tier_and_every_cut_into_spans_gives_the_same_bits() {
    for (query, kv, dim) in [(9, 3, 64), (6, 2, 24)] {
        let attention = attention(query, kv, dim, None);
        let cache = Cache::new(attention.heads, 70, 11);
        let queries = numbers(5, 3 * query * dim);
        let of = |tier, prefix| attended::<Half>(tier, attention, &cache, &queries, [prefix, 70]);
        let expected = of(Tier::Portable, 0);
        for tier in Tier::available() {
            for prefix in [0, 1, 15, 16, 17, 32, 64, 66, 67] {
                assert_eq!(of(tier, prefix), expected, "{tier:?}, {prefix} in the prefix");
            }
        }
    }
}

#[test]
fn a_row_reads_the_same_alone_and_beside_others_on_its_prefix() {
    let attention = attention(9, 3, 64, None);
    let (heads, tier) = (attention.heads, Tier::detect());
    let width = heads.query * heads.dim;
    let prefix = Cache::new(heads, 48, 1).stored::<Half>(tier, 0..48);
    let own: Vec<Stored<Half>> = (0..7)
        .map(|row| Cache::new(heads, 20, 100 + row).stored(tier, 0..row as usize * 2 + 1))
        .collect();
    let queries = numbers(8, 7 * width);
    let reader = |row: usize, at: usize| Reader {
        prefix: prefix.span(),
        own: own[row].span(),
        rows: (at, 1),
    };
    let together: Vec<_> = (0..7).map(|row| reader(row, row)).collect();
    let mut all = vec![0f32; 7 * width];
    let team = Team::new(2);
    attend(&team, tier, attention, &queries, &together, &mut all);
    for row in 0..7 {
        let mut alone = vec![0f32; width];
        let query = &queries[row * width..][..width];
        attend(&team, tier, attention, query, &[reader(row, 0)], &mut alone);
        assert_eq!(alone, all[row * width..][..width], "row {row}");
    }
}
