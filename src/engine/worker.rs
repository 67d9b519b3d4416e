//! The thread that owns weights and cache: plan, forward, mask, sample, reply.
//!
//! Runs one stage at a time. Every sequence has tokens that are known but not yet in the cache; a
//! step feeds some of them (`scheduler.rs` decides which), and a sequence whose tokens are all fed
//! gets logits: a writer samples from them, a scorer reads them (`sequence`).

mod sequence;
mod writer;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use tokio::sync::mpsc::UnboundedSender;

use self::sequence::{Sequence, Task, Verdict};
use self::writer::Writer;
use super::decoder::Decoder;
use super::grammar::{Grammar, Mask, Shape, Vocabulary};
use super::kernels::lanes::LANES;
use super::kv_cache::{KvCache, PrefixId, RowRange, SequenceRows};
use super::prefixes::Prefixes;
use super::scheduler::{Limits, Load, admissible, plan_step};
use super::tokenizer::Tokenizer;
use super::transformer::{Batch, Depth};
use super::{
    EngineError, EngineUsage, GenerateRequest, Job, Prompt, ScoreRequest, TokenId, Update, Want,
};

/// Most rows whose logits are held at a time.
const LOGIT_ROWS: usize = 32;

/// Beginnings besides the newest are kept up to this part of the context: a half, in tokens.
const KEPT_DIVISOR: usize = 2;

/// A list of jobs and where their answers go.
pub(super) struct Stage {
    pub(super) jobs: Vec<Job>,
    pub(super) updates: UnboundedSender<Update>,
    pub(super) submitted: Instant,
}

/// What the thread owns.
pub(super) struct Worker {
    pub(super) model: Decoder,
    pub(super) cache: KvCache,
    pub(super) vocabulary: Vocabulary,
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) limits: Limits,
    pub(super) context: usize,
    /// Beginnings of earlier prompts, which are kept from one stage to the next.
    pub(super) prefixes: Prefixes,
    /// The logits of some rows of a step, (rows, vocabulary); kept so that the memory is reused.
    pub(super) logits: Vec<f32>,
}

impl Worker {
    /// Answers every job of a stage. A panic in the code below (a broken invariant in a kernel)
    /// fails the jobs that are left and leaves the worker ready for the next stage.
    pub(super) fn run(&mut self, stage: Stage) {
        let mut answered = vec![false; stage.jobs.len()];
        let kinds: Vec<bool> =
            stage.jobs.iter().map(|job| matches!(job, Job::Generate(_))).collect();
        let updates = stage.updates.clone();
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            StageRun::new(self, stage, &mut answered).run()
        }));
        let cause = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            // Only a fixed text is passed on: a message formatted at run time may quote the prompt.
            Err(panic) => {
                panic.downcast_ref::<&'static str>().map_or("a kernel panicked", |s| s).to_owned()
            }
        };
        self.cache.clear();
        self.prefixes.forget();
        for (index, _) in answered.iter().enumerate().filter(|(_, done)| !**done) {
            let error = EngineError::Compute(cause.clone());
            let update = if kinds[index] {
                Update::Generated(index, Err(error))
            } else {
                Update::Scored(index, Err(error))
            };
            let _ = updates.send(update); // a closed channel means that nobody waits any more
        }
    }
}

/// One stage while it is run.
struct StageRun<'a> {
    worker: &'a mut Worker,
    stage: Stage,
    answered: &'a mut [bool],
    next: usize,
    live: Vec<Sequence>,
    /// The grammars compiled so far, one per shape; the key keeps the shape's address alive.
    grammars: Vec<(Arc<Shape>, Grammar)>,
}

impl<'a> StageRun<'a> {
    fn new(worker: &'a mut Worker, stage: Stage, answered: &'a mut [bool]) -> Self {
        Self { worker, stage, answered, next: 0, live: Vec::new(), grammars: Vec::new() }
    }

    fn run(mut self) -> Result<(), EngineError> {
        loop {
            if self.stage.updates.is_closed() {
                // The receiver of the answers was dropped: cancelled.
                for sequence in self.live.drain(..) {
                    self.worker.cache.release(sequence.id);
                }
                return Ok(());
            }
            self.admit()?;
            if self.live.is_empty() {
                return Ok(());
            }
            self.step()?;
        }
    }

    /// Admits waiting jobs, in order, as far as the batch has room. A step runs the model to one depth,
    /// so a job for another one waits until the batch is empty.
    fn admit(&mut self) -> Result<(), EngineError> {
        while let Some(job) = self.stage.jobs.get(self.next) {
            let held = self.worker.prefixes.tokens()
                + self.live.iter().map(|sequence| sequence.room).sum::<usize>();
            let limits = self.worker.limits;
            let other = self.live.first().is_some_and(|live| live.depth != depth(job));
            if other || !admissible(self.live.len(), held, room(job), limits) {
                return Ok(());
            }
            let index = self.next;
            self.next += 1;
            match self.open(index) {
                Ok(sequence) => self.live.push(sequence),
                Err(EngineError::Cancelled) => return Ok(()), // seen by `run`
                // The engine itself failed, so no other job would fare better.
                Err(EngineError::Compute(cause)) => return Err(EngineError::Compute(cause)),
                Err(error) => self.fail(index, error),
            }
        }
        Ok(())
    }

    fn open(&mut self, job: usize) -> Result<Sequence, EngineError> {
        let (prompt, mut task, continuation) = self.task(self.stage.jobs[job].clone())?;
        let (shared, mut own) = if self.worker.model.shares() {
            split(prompt)
        } else {
            (Arc::from([]), whole(&prompt))
        };
        let (prefix, cached_tokens) = self.prefix(&shared)?;
        let usage = EngineUsage {
            prompt_tokens: shared.len() + own.len(),
            cached_tokens,
            queue_s: self.stage.submitted.elapsed().as_secs_f64(),
            ..EngineUsage::default()
        };
        match &mut task {
            // The row before a token predicts it.
            Task::Continuation { skip, .. } => *skip = own.len() - 1,
            Task::State { skip, .. } => *skip = own.len(),
            Task::Write(_) | Task::Labels(_) => {}
        }
        own.extend(continuation);
        Ok(Sequence {
            job,
            id: self.worker.cache.fork(prefix),
            room: room(&self.stage.jobs[job]),
            depth: depth(&self.stage.jobs[job]),
            pending: own,
            task,
            usage,
            admitted: Instant::now(),
            read: None,
        })
    }

    /// What a job asks for: its prompt, what is to become of the sequence, and the tokens that are fed
    /// behind the prompt.
    fn task(&mut self, job: Job) -> Result<(Prompt, Task, Vec<TokenId>), EngineError> {
        Ok(match job {
            Job::Generate(request) => {
                self.check_length(&request.prompt, request.max_tokens)?;
                let mut writer = self.writer(&request)?;
                let forced = writer.begin()?;
                (request.prompt, Task::Write(Box::new(writer)), forced)
            }
            Job::Score(ScoreRequest { prompt, want: Want::Labels(labels) }) => {
                self.check_length(&prompt, 0)?;
                (prompt, Task::Labels(labels), Vec::new())
            }
            Job::Score(ScoreRequest { prompt, want: Want::Continuation(targets) }) => {
                self.check_length(&prompt, targets.len())?;
                let fed = targets.split_last().map_or(Vec::new(), |(_, most)| most.to_vec());
                let log_probs = Vec::with_capacity(targets.len());
                (prompt, Task::Continuation { targets, skip: 0, fed: 0, log_probs }, fed)
            }
            Job::Score(ScoreRequest { prompt, want: Want::State(tokens) }) => {
                self.check_length(&prompt, tokens.len())?;
                if !self.worker.model.shares() {
                    return Err(EngineError::States("candle's own models do not show theirs"));
                }
                if tokens.is_empty() {
                    return Err(EngineError::States("the text has no tokens"));
                }
                (prompt, Task::State { skip: 0, fed: 0, sum: Vec::new(), read: 0 }, tokens)
            }
        })
    }

    fn check_length(&self, prompt: &Prompt, answer: usize) -> Result<(), EngineError> {
        let length = prompt.shared.len() + prompt.own.len();
        if length == 0 {
            return Err(EngineError::Compute("a prompt needs at least one token".to_owned()));
        }
        if length + answer > self.worker.context {
            let context = self.worker.context;
            return Err(EngineError::TooLong { prompt: length, answer, context });
        }
        Ok(())
    }

    fn writer(&mut self, request: &GenerateRequest) -> Result<Writer, EngineError> {
        let constraint = match &request.shape {
            Some(shape) => {
                let grammar = self.grammar(shape)?;
                let (fewest, most) = (grammar.fewest_tokens(), request.max_tokens);
                if fewest > most {
                    return Err(EngineError::Grammar(format!(
                        "every answer of this shape takes {fewest} tokens or more, and {most} are allowed"
                    )));
                }
                Some(grammar.constraint())
            }
            None => None,
        };
        Ok(Writer::new(request, constraint))
    }

    fn grammar(&mut self, shape: &Arc<Shape>) -> Result<&Grammar, EngineError> {
        let known = self.grammars.iter().position(|(known, _)| Arc::ptr_eq(known, shape));
        let index = known.unwrap_or(self.grammars.len());
        if known.is_none() {
            let grammar = Grammar::compile(&self.worker.vocabulary, shape)?;
            self.grammars.push((Arc::clone(shape), grammar));
        }
        Ok(&self.grammars[index].1)
    }

    /// The cached prefix of these tokens, and how many of them were cached before. The rest is
    /// prefilled here.
    fn prefix(
        &mut self,
        tokens: &Arc<[TokenId]>,
    ) -> Result<(Option<PrefixId>, usize), EngineError> {
        if tokens.is_empty() {
            return Ok((None, 0));
        }
        let Worker { model, cache, prefixes, limits, context, .. } = &mut *self.worker;
        if let Some(known) = prefixes.find(tokens) {
            return Ok((Some(known), tokens.len()));
        }
        let (id, cached) = prefixes.begin(tokens, cache).map_err(compute)?;
        for chunk in tokens[cached..].chunks(limits.prefill_chunk.max(1)) {
            if self.stage.updates.is_closed() {
                cache.release(id);
                return Err(EngineError::Cancelled);
            }
            let rows = RowRange { first: 0, count: chunk.len() };
            let sequences = &[SequenceRows { id, rows }];
            let batch = Batch { tokens: chunk, sequences, wanted: &[], depth: Depth::Whole };
            model.read(&batch, cache).map_err(compute)?;
            let progress = Update::Progress { prefilled: chunk.len(), decoded: 0 };
            let _ = self.stage.updates.send(progress); // see `run`
        }
        let prefix = cache.freeze(id);
        let most = (*context / KEPT_DIVISOR).min(limits.max_tokens / 2);
        prefixes.hold(Arc::clone(tokens), prefix, most, cache);
        Ok((Some(prefix), cached))
    }

    fn step(&mut self) -> Result<(), EngineError> {
        let loads: Vec<Load> = self.live.iter().map(Sequence::load).collect();
        let takes = plan_step(&loads, self.worker.limits);
        let feed = Feed::new(&mut self.live, &takes);

        // The masks of the writers that will get logits do not depend on the pass, so both run at
        // once.
        let Worker { model, cache, tokenizer, logits, .. } = &mut *self.worker;
        let (read, mut masks) = rayon::join(
            || model.read(&feed.batch(), cache),
            || self.live.iter_mut().map(Sequence::mask).collect::<Vec<_>>(),
        );
        let read = read.map_err(compute)?;
        let prefilled = takes.iter().zip(&loads).filter(|(_, load)| !load.decoding);
        let prefilled = prefilled.map(|(take, _)| take).sum();

        let mut verdicts: Vec<Verdict> = self.live.iter().map(|_| Verdict::Continue).collect();
        let wanted = feed.wanted.len();
        if feed.depth == Depth::Middle {
            let states = model.states(read).map_err(compute)?;
            let rows: Vec<&[f32]> = states.iter().map(Vec::as_slice).collect();
            feed.advance(&mut self.live, &mut masks, &mut verdicts, tokenizer, (0..wanted, &rows));
        } else {
            // Logits are computed a few rows at a time: those of a long text would be the largest
            // thing in memory.
            for first in (0..wanted).step_by(LOGIT_ROWS) {
                let piece = first..(first + LOGIT_ROWS).min(wanted);
                let tiles = feed.tiles(&piece, &masks);
                model.logits(&read, piece.clone(), tiles.as_deref(), logits).map_err(compute)?;
                let rows: Vec<&[f32]> =
                    logits.chunks_exact((logits.len() / piece.len()).max(1)).collect();
                let rows = (piece, rows.as_slice());
                feed.advance(&mut self.live, &mut masks, &mut verdicts, tokenizer, rows);
            }
        }
        let decoded = self.settle(verdicts);
        self.progress(prefilled, decoded);
        Ok(())
    }

    /// Answers the jobs that are done and keeps the others; returns the number of tokens written in
    /// this step.
    fn settle(&mut self, verdicts: Vec<Verdict>) -> usize {
        let mut decoded = 0;
        let mut keep = Vec::with_capacity(self.live.len());
        for (mut sequence, verdict) in std::mem::take(&mut self.live).into_iter().zip(verdicts) {
            decoded += sequence.count_written();
            if let Verdict::Continue = verdict {
                keep.push(sequence);
                continue;
            }
            self.worker.cache.release(sequence.id);
            self.answered[sequence.job] = true;
            let update = sequence.answer(verdict, &self.worker.tokenizer);
            let _ = self.stage.updates.send(update); // see `run`: a closed channel ends the stage
        }
        self.live = keep;
        decoded
    }

    fn fail(&mut self, job: usize, error: EngineError) {
        self.answered[job] = true;
        let update = match self.stage.jobs[job] {
            Job::Generate(_) => Update::Generated(job, Err(error)),
            Job::Score(_) => Update::Scored(job, Err(error)),
        };
        let _ = self.stage.updates.send(update); // see `run`: a closed channel ends the stage
    }

    fn progress(&self, prefilled: usize, decoded: usize) {
        let _ = self.stage.updates.send(Update::Progress { prefilled, decoded });
    }
}

/// The packed rows of one step.
struct Feed {
    tokens: Vec<TokenId>,
    sequences: Vec<SequenceRows>,
    wanted: Vec<u32>,
    /// For each live sequence, its range of the wanted rows.
    wanted_of: Vec<RowRange>,
    depth: Depth,
}

impl Feed {
    /// Takes the planned tokens out of the sequences.
    fn new(live: &mut [Sequence], takes: &[usize]) -> Self {
        let mut feed = Self {
            tokens: Vec::new(),
            sequences: Vec::new(),
            wanted: Vec::new(),
            wanted_of: Vec::with_capacity(live.len()),
            depth: live.first().map_or(Depth::Whole, |sequence| sequence.depth),
        };
        for (sequence, &take) in live.iter_mut().zip(takes) {
            let first = feed.tokens.len();
            feed.tokens.extend(sequence.pending.drain(..take));
            if take > 0 {
                let rows = RowRange { first, count: take };
                feed.sequences.push(SequenceRows { id: sequence.id, rows });
            }
            let logits = feed.wanted.len();
            feed.wanted.extend(sequence.wanted(take).map(|row| (first + row) as u32));
            let count = feed.wanted.len() - logits;
            feed.wanted_of.push(RowRange { first: logits, count });
        }
        feed
    }

    /// The tiles of sixteen tokens whose logits any of these rows needs. `None` when that is most
    /// of the vocabulary, or when a row has no mask.
    fn tiles(
        &self,
        rows: &Range<usize>,
        masks: &[Option<Result<Mask, EngineError>>],
    ) -> Option<Vec<u32>> {
        let mut allowed: Vec<u32> = Vec::new(); // a bit a token, as in the masks
        for (wanted, mask) in self.wanted_of.iter().zip(masks) {
            // A long continuation has rows in several pieces of logits.
            if wanted.first.max(rows.start) >= (wanted.first + wanted.count).min(rows.end) {
                continue;
            }
            let Some(Ok(mask)) = mask else { return None };
            allowed.resize(allowed.len().max(mask.words().len()), 0);
            for (allowed, word) in allowed.iter_mut().zip(mask.words()) {
                *allowed |= word;
            }
        }
        let halves = allowed.iter().flat_map(|word| [word & 0xffff, word >> 16]);
        const { assert!(LANES == 16, "a word of a mask holds two tiles") };
        let count = halves.clone().filter(|half| *half != 0).count();
        if count > allowed.len() {
            return None; // more than half of two a word
        }
        Some((0..).zip(halves).filter(|(_, half)| *half != 0).map(|(tile, _)| tile).collect())
    }

    fn batch(&self) -> Batch<'_> {
        let Self { tokens, sequences, wanted, depth, .. } = self;
        Batch { tokens, sequences, wanted, depth: *depth }
    }

    /// Gives each sequence those of its wanted rows that lie in a piece of all, with the mask that it
    /// has for them.
    fn advance(
        &self,
        live: &mut [Sequence],
        masks: &mut [Option<Result<Mask, EngineError>>],
        verdicts: &mut [Verdict],
        tokenizer: &Tokenizer,
        (piece, rows): (Range<usize>, &[&[f32]]),
    ) {
        live.par_iter_mut().zip(masks).zip(&self.wanted_of).zip(verdicts).for_each(
            |(((sequence, mask), wanted), verdict)| {
                let from = wanted.first.max(piece.start);
                let to = (wanted.first + wanted.count).min(piece.end);
                if from < to {
                    let rows = &rows[from - piece.start..to - piece.start];
                    *verdict = sequence.advance(rows, mask.take(), tokenizer);
                }
            },
        );
    }
}

/// Most tokens that a job may come to hold in the cache, besides the beginning that it shares.
fn room(job: &Job) -> usize {
    let (prompt, answer) = match job {
        Job::Generate(GenerateRequest { prompt, max_tokens, .. }) => (prompt, *max_tokens),
        Job::Score(ScoreRequest {
            prompt,
            want: Want::Continuation(tokens) | Want::State(tokens),
        }) => (prompt, tokens.len()),
        Job::Score(ScoreRequest { prompt, want: Want::Labels(_) }) => (prompt, 0),
    };
    prompt.own.len() + answer
}

/// How deep the model must be run for a job.
fn depth(job: &Job) -> Depth {
    match job {
        Job::Score(ScoreRequest { want: Want::State(_), .. }) => Depth::Middle,
        Job::Score(_) | Job::Generate(_) => Depth::Whole,
    }
}

/// Splits a prompt into the beginning that can be shared and the rest. The rest is never empty,
/// because the last token must be fed to give logits.
fn split(prompt: Prompt) -> (Arc<[TokenId]>, Vec<TokenId>) {
    let Prompt { shared, own } = prompt;
    match shared.split_last() {
        Some((&last, most)) if own.is_empty() => (most.into(), vec![last]),
        _ => (shared, own),
    }
}

/// The whole prompt as tokens, for a model that cannot share a beginning.
fn whole(prompt: &Prompt) -> Vec<TokenId> {
    [&*prompt.shared, &prompt.own].concat()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn compute(error: candle_core::Error) -> EngineError {
    EngineError::Compute(error.to_string())
}
