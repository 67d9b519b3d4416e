//! The forward pass on the CPU, by our kernels.
//!
//! Between two products nothing is written that the next one does not read: norms and gates are
//! computed as the products' input is quantised, residuals are added as products are written. All
//! buffers are kept between passes, so that a step allocates little and maps no memory.
//!
//! The last block is computed for the wanted rows only; the others need no more than keys and
//! values.

use candle_core::Result;

use super::kernels::Cpu;
use super::kernels::attention::{self, Attention};
use super::kernels::rows::{gate, rms_norm, rotate};
use super::kv_cache::{CellType, Cells, KvCache, RowRange, SequenceRows};
use super::linear::{Input, Linear, Mode};
use super::transformer::{Batch, Biased, Layer, Transformer, Vector};

/// Buffers of a pass; each is (rows, its width).
#[derive(Debug, Default)]
pub(super) struct Workspace {
    input: Input,
    /// The residual stream.
    x: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    /// A product before it is normalised.
    part: Vec<f32>,
    /// For each of the two rotations, cosines and sines of each row's position, (rows, pairs).
    turns: [[Vec<f32>; 2]; 2],
}

/// Rows that a block computes in full, as ranges of each sequence.
struct Rows {
    sequences: Vec<SequenceRows>,
    count: usize,
}

/// Runs a batch whose rows already have room in the cache; returns the wanted rows after the last
/// norm, (wanted, width).
pub(super) fn hidden(
    model: &Transformer,
    cpu: &Cpu,
    batch: &Batch<'_>,
    positions: &[u32],
    cache: &mut KvCache,
    work: &mut Workspace,
) -> Result<Vec<f32>> {
    let width = model.width;
    let rows = batch.tokens.len();
    fit(&mut work.x, rows * width);
    model.embedding.rows(batch.tokens, &mut work.x)?;
    if let Some(scale) = model.embedding_scale {
        work.x.iter_mut().for_each(|x| *x *= scale);
    }
    turns(model, cpu, positions, work);

    let all = Rows { sequences: batch.sequences.to_vec(), count: rows };
    let wanted = newest(batch);
    let layers = model.blocks(batch.depth);
    for (index, layer) in layers.iter().enumerate() {
        let last = index + 1 == layers.len();
        let pass = Pass { model, cpu, layer, index, last };
        pass.keys_and_values(&all, cache, work)?;
        if last {
            keep(batch.wanted, width, &mut work.x);
            for side in work.turns.iter_mut().flatten() {
                let pairs = side.len() / rows;
                keep(batch.wanted, pairs, side);
            }
            if batch.wanted.is_empty() {
                return Ok(Vec::new());
            }
        }
        let rows = if last { &wanted } else { &all };
        pass.attend(rows, cache, work)?;
        pass.feed_forward(rows.count, work)?;
    }
    let mut out = vec![0f32; work.x.len()];
    cpu.team.split(&mut out, width, |row, out| {
        let x = &work.x[row * width..][..width];
        rms_norm(cpu.tier, x, &model.output_norm.host, model.epsilon, out);
    });
    Ok(out)
}

/// Computes the logits of rows that [`hidden`] returned: (rows, vocabulary).
pub(super) fn logits(
    model: &Transformer,
    cpu: &Cpu,
    hidden: &[f32],
    tiles: Option<&[u32]>,
    work: &mut Workspace,
    out: &mut Vec<f32>,
) -> Result<()> {
    let width = model.width;
    let rows = hidden.len() / width;
    fit(out, rows * model.vocabulary);
    if tiles.is_some() {
        out.fill(0.0);
    }
    let fill = |row: usize, out: &mut [f32]| out.copy_from_slice(&hidden[row * width..][..width]);
    work.input.fill(cpu, &[&model.head], [rows, width], fill);
    work.input.multiply(cpu, &mut [(&model.head, out)], Mode::Set, tiles)
}

/// Computes cosines and sines of each row's position.
fn turns(model: &Transformer, cpu: &Cpu, positions: &[u32], work: &mut Workspace) {
    for (rotation, [cos, sin]) in model.rotations.iter().zip(&mut work.turns) {
        let pairs = rotation.frequencies.len();
        fit(cos, positions.len() * pairs);
        fit(sin, positions.len() * pairs);
        let mut both: Vec<(&mut [f32], &mut [f32])> =
            cos.chunks_exact_mut(pairs).zip(sin.chunks_exact_mut(pairs)).collect();
        cpu.team.split(&mut both, 16, |index, both| {
            for (position, (cos, sin)) in positions[index * 16..].iter().zip(both) {
                rotation.write(*position, cos, sin);
            }
        });
    }
}

/// Each sequence's wanted rows, numbered as they lie after all others are dropped.
fn newest(batch: &Batch<'_>) -> Rows {
    let mut sequences = Vec::new();
    let mut first = 0;
    for SequenceRows { id, rows } in batch.sequences {
        let of_sequence =
            |row: &&u32| (rows.first..rows.first + rows.count).contains(&(**row as usize));
        let count = batch.wanted.iter().filter(of_sequence).count();
        if count > 0 {
            sequences.push(SequenceRows { id: *id, rows: RowRange { first, count } });
            first += count;
        }
    }
    Rows { sequences, count: first }
}

/// Moves the wanted rows to the front and drops the others.
fn keep(wanted: &[u32], width: usize, rows: &mut Vec<f32>) {
    for (to, from) in wanted.iter().enumerate() {
        let from = *from as usize * width;
        rows.copy_within(from..from + width, to * width);
    }
    rows.truncate(wanted.len() * width);
}

/// Gives a buffer its length; its content is overwritten later.
fn fit(buffer: &mut Vec<f32>, len: usize) {
    buffer.resize(len, 0.0);
}

/// One block while it is computed.
struct Pass<'a> {
    model: &'a Transformer,
    cpu: &'a Cpu,
    layer: &'a Layer,
    index: usize,
    /// Whether no block is run after this one.
    last: bool,
}

impl Pass<'_> {
    /// Normalises the rows of the residual stream as input for products with `weights`.
    fn normed(
        &self,
        rows: usize,
        norm: &Vector,
        weights: &[&Linear],
        input: &mut Input,
        x: &[f32],
    ) {
        let width = self.model.width;
        input.fill(self.cpu, weights, [rows, width], |row, out| {
            let x = &x[row * width..][..width];
            rms_norm(self.cpu.tier, x, &norm.host, self.model.epsilon, out);
        });
    }

    /// Writes keys and values of all rows to the cache. Except in the last block, the rows' queries
    /// are computed in the same product; [`Self::attend`] sees by the buffer's length whether they
    /// are there.
    fn keys_and_values(
        &self,
        rows: &Rows,
        cache: &mut KvCache,
        work: &mut Workspace,
    ) -> Result<()> {
        let Layer { query, key, value, attention_norm, .. } = self.layer;
        let heads = self.model.heads;
        let Workspace { input, x, queries, keys, values, turns, .. } = work;
        fit(queries, if self.last { 0 } else { rows.count * heads.query * heads.dim });
        fit(keys, rows.count * heads.kv * heads.dim);
        fit(values, rows.count * heads.kv * heads.dim);
        let weights = [&query.weight, &key.weight, &value.weight];
        self.normed(rows.count, attention_norm, &weights, input, x);
        let mut products: Vec<(&Linear, &mut [f32])> =
            vec![(&key.weight, keys.as_mut_slice()), (&value.weight, values.as_mut_slice())];
        if !self.last {
            products.push((&query.weight, queries.as_mut_slice()));
        }
        input.multiply(self.cpu, &mut products, Mode::Set, None)?;
        self.turn(keys, heads.kv, key, 1, turns);
        if let Some(bias) = &value.bias {
            add_to_rows(&bias.host, values);
        }
        cache.write(self.cpu, self.index, &rows.sequences, [keys, values]);
        if !self.last {
            self.turn(queries, heads.query, query, 0, turns);
        }
        Ok(())
    }

    /// Adds the bias to each head of queries (`side` 0) or keys (1), normalises it and rotates it.
    fn turn(
        &self,
        rows: &mut [f32],
        heads: usize,
        product: &Biased,
        side: usize,
        turns: &[[Vec<f32>; 2]; 2],
    ) {
        let dim = self.model.heads.dim;
        if let Some(bias) = &product.bias {
            add_to_rows(&bias.host, rows);
        }
        let norm = self.layer.head_norms.as_ref().map(|norms| &norms[side]);
        let turn = self
            .layer
            .rotation
            .map(|kind| (&turns[kind], self.model.rotations[kind].frequencies.len()));
        if norm.is_none() && turn.is_none() {
            return;
        }
        self.cpu.team.split(rows, heads * dim, |row, values| {
            let mut normed = [0f32; MAX_HEAD];
            for head in values.chunks_exact_mut(dim) {
                if let Some(norm) = norm {
                    let normed = &mut normed[..dim];
                    rms_norm(self.cpu.tier, head, &norm.host, self.model.epsilon, normed);
                    head.copy_from_slice(normed);
                }
                if let Some(([cos, sin], pairs)) = turn {
                    let angles = row * pairs..(row + 1) * pairs;
                    let rotary = self.model.architecture.rotary;
                    rotate(rotary, head, &cos[angles.clone()], &sin[angles]);
                }
            }
        });
    }

    /// Attends, and adds the result to the residual stream.
    fn attend(&self, rows: &Rows, cache: &KvCache, work: &mut Workspace) -> Result<()> {
        let heads = self.model.heads;
        let Workspace { input, x, queries, mixed, part, turns, .. } = work;
        let width = heads.query * heads.dim;
        if queries.is_empty() {
            let query = &self.layer.query;
            fit(queries, rows.count * width);
            self.normed(rows.count, &self.layer.attention_norm, &[&query.weight], input, x);
            input.multiply(self.cpu, &mut [(&query.weight, queries)], Mode::Set, None)?;
            self.turn(queries, heads.query, query, 0, turns);
        }
        fit(mixed, rows.count * width);
        let attention =
            Attention { heads, scale: self.model.attention_scale, window: self.layer.window };
        let Cpu { team, tier } = self.cpu;
        match cache.cells() {
            Some(CellType::F16) => {
                let readers = cache.readers(self.index, &rows.sequences, |cells| match cells {
                    Cells::Half(layers) => layers.as_slice(),
                    _ => unreachable!("a cache holds one type of cells"),
                });
                attention::attend(team, *tier, attention, queries, &readers, mixed);
            }
            Some(CellType::F32) => {
                let readers = cache.readers(self.index, &rows.sequences, |cells| match cells {
                    Cells::Full(layers) => layers.as_slice(),
                    _ => unreachable!("a cache holds one type of cells"),
                });
                attention::attend(team, *tier, attention, queries, &readers, mixed);
            }
            None => candle_core::bail!("the kernels read no tensors"),
        }
        let output = &self.layer.output;
        input.fill(self.cpu, &[&output.weight], [rows.count, width], |row, out| {
            out.copy_from_slice(&mixed[row * width..][..width]);
        });
        self.add(output, self.layer.attention_post_norm.as_ref(), input, part, x)
    }

    fn feed_forward(&self, rows: usize, work: &mut Workspace) -> Result<()> {
        let Layer { gate: gate_weight, up: up_weight, down, feed_forward_norm, .. } = self.layer;
        let Workspace { input, x, gate: gates, up: ups, part, .. } = work;
        self.normed(rows, feed_forward_norm, &[gate_weight, up_weight], input, x);
        let width = self.inner_width(rows, gates, ups);
        let mut products = [(gate_weight, gates.as_mut_slice()), (up_weight, ups.as_mut_slice())];
        input.multiply(self.cpu, &mut products, Mode::Set, None)?;
        input.fill(self.cpu, &[down], [rows, width], |row, out| {
            let of_row = row * width..(row + 1) * width;
            let activation = self.model.architecture.activation;
            gate(self.cpu.tier, &gates[of_row.clone()], &ups[of_row], activation, out);
        });
        let down = (down, self.layer.feed_forward_post_norm.as_ref());
        self.add_product(down, input, part, x)
    }

    /// Sizes the buffers of the feed-forward part and returns its width.
    fn inner_width(&self, rows: usize, gates: &mut Vec<f32>, ups: &mut Vec<f32>) -> usize {
        let width = self.model.feed_forward;
        fit(gates, rows * width);
        fit(ups, rows * width);
        width
    }

    /// Adds a product with its bias to the residual stream, through a norm where the layer has one.
    fn add(
        &self,
        product: &Biased,
        norm: Option<&Vector>,
        input: &Input,
        part: &mut Vec<f32>,
        x: &mut [f32],
    ) -> Result<()> {
        match &product.bias {
            None => self.add_product((&product.weight, norm), input, part, x),
            Some(bias) => {
                fit(part, x.len());
                input.multiply(self.cpu, &mut [(&product.weight, part)], Mode::Set, None)?;
                add_to_rows(&bias.host, part);
                self.add_part(norm, part, x);
                Ok(())
            }
        }
    }

    fn add_product(
        &self,
        (weight, norm): (&Linear, Option<&Vector>),
        input: &Input,
        part: &mut Vec<f32>,
        x: &mut [f32],
    ) -> Result<()> {
        if norm.is_none() {
            return input.multiply(self.cpu, &mut [(weight, x)], Mode::Add, None);
        }
        fit(part, x.len());
        input.multiply(self.cpu, &mut [(weight, part)], Mode::Set, None)?;
        self.add_part(norm, part, x);
        Ok(())
    }

    fn add_part(&self, norm: Option<&Vector>, part: &[f32], x: &mut [f32]) {
        let width = self.model.width;
        self.cpu.team.split(x, width, |row, x| {
            let part = &part[row * width..][..width];
            let mut normed = Vec::new();
            let part = match norm {
                None => part,
                Some(norm) => {
                    normed.resize(width, 0.0);
                    rms_norm(self.cpu.tier, part, &norm.host, self.model.epsilon, &mut normed);
                    &normed
                }
            };
            for (x, part) in x.iter_mut().zip(part) {
                *x += part;
            }
        });
    }
}

/// Widest head that is normalised: far above real ones; `gguf/hyper_params.rs` refuses wider heads.
pub(super) const MAX_HEAD: usize = 1024;

fn add_to_rows(bias: &[f32], rows: &mut [f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, bias) in row.iter_mut().zip(bias) {
            *x += bias;
        }
    }
}
