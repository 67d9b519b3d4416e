//! Judging personas outside a run, all by one measure, and measuring the judge.
//!
//! Owns [`appraise`]: the judge is measured on the controls as in a run, and then asked about every
//! persona in the same way, whoever wrote it; it sees no author, price or order. Also owns
//! [`judge_report`] and the cache of measurements, in which only a whole measurement is kept.

use std::collections::BTreeSet;

use super::asking::Asking;
use super::judge::{self, About, Questions, Raw, is_of_model};
use super::measure;
use super::plan::rounded;
use super::run::Ended;
use super::support::{OVERLAP, VERBATIM};
use super::{Models, PipelineError, Progress, Stage};
use crate::corpus::Corpus;
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::controls::{self, Control, Controls, Treatment};
use crate::prompts::judge::{CRITERIA, Phrasing, preference};
use crate::schema::{Persona, Verdict};
use crate::store::{JudgeReport, Pairwise, Run, Spread, write_atomically};

/// Good controls that are asked about again in other words: at a first use, and in a full
/// measurement.
const REWORDED_FIRST: usize = 3;
const REWORDED_ALL: usize = 10;

/// Formulations left out at a first use, where they take longer than they are likely to be worth.
const FULL_ONLY: [&str; 2] = [judge::FIVE_SHOT, judge::PERSONA_GAIN];

/// The personas to be judged, and how.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The records behind the personas; empty where they are not known.
    pub corpus: &'a Cleared<Corpus>,
    /// The personas to be judged.
    pub personas: &'a [Persona],
    /// For each persona the records of its segment, as indices; may be shorter than the list.
    pub segments: &'a [Vec<usize>],
    /// Wording of the personas: pieces of records, or free text.
    pub wording: Wording,
    /// Pairs of indices into `personas`; for each, the better of the two is asked for.
    pub pairs: &'a [(usize, usize)],
    /// What is asked about each persona.
    pub scope: Scope<'a>,
    /// Whether the records are made up, as those of the controls are, and not somebody's data.
    pub made_up: bool,
}

/// What is asked about a persona.
#[derive(Clone, Copy)]
pub enum Scope<'a> {
    /// Everything that was asked about the controls.
    Measured,
    /// Signals of these names, even without weight. Signals with weight are asked again in other
    /// words, so that the spread is known.
    Shown(&'a BTreeSet<String>),
}

/// What a judge says about a list of personas.
#[derive(Debug, Clone, Default)]
pub struct Appraisal {
    /// The measurement of the judge itself.
    pub judge: JudgeReport,
    /// One verdict per persona, in their order.
    pub verdicts: Vec<Verdict>,
    /// Whether each verdict's score rests on anything: false where no signal with weight could be
    /// read.
    pub scored: Vec<bool>,
    /// How far each score moves when the questions are put in other words; `None` where they were
    /// not, or where no signal that is asked in words has weight.
    pub spreads: Vec<Option<f64>>,
    /// How far the first of each pair is preferred, 0..=1, averaged over both orders. Empty where
    /// the judge gives no probabilities.
    pub preferences: Vec<f64>,
}

/// How thoroughly a judge is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As at a judge's first use: on a part of the controls.
    FirstUse,
    /// On all controls and in all formulations, with pairs and rewordings.
    Full,
}

/// Names of all signals: the verbal criteria, the other signals of a model, the computed ones.
pub fn signal_names() -> Vec<&'static str> {
    let verbal = CRITERIA.iter().map(|(name, _)| *name);
    let others = [judge::RECORD_GAIN, judge::PERSONA_GAIN, judge::INNER_GAIN, judge::FIVE_SHOT];
    verbal.chain(others).chain([VERBATIM, OVERLAP, super::support::VARIETY]).collect()
}

/// Judges the personas of a case. `None` when cancelled.
pub async fn appraise(
    case: Case<'_>,
    asking: &Asking<'_>,
) -> Result<Option<Appraisal>, PipelineError> {
    let Some(report) = judge_report(asking, case.wording, Depth::FirstUse).await? else {
        return Ok(None);
    };
    let (models, observer) = (asking.models, asking.observer);
    let logits = models.judge_answers();
    let is_shown = |name: &str| match case.scope {
        Scope::Measured => report.signals.contains_key(name),
        Scope::Shown(names) => names.contains(name),
    };
    let weighs = |name: &str| report.signals.get(name).is_some_and(|s| s.weight > 0.0);
    observer.on(Progress::StageStarted { stage: Stage::Judge, total: case.personas.len() });
    let Some(usual) =
        ask_about(asking, case, Phrasing::Usual, &|name| logits && is_shown(name)).await?
    else {
        return Ok(None);
    };
    let usual: Vec<Raw> = usual.into_iter().map(|raw| only(raw, &is_shown)).collect();
    observer.on(Progress::StageEnded);

    let mut scores: Vec<Vec<f64>> =
        usual.iter().map(|raw| vec![judge::verdict(&report.signals, raw).score]).collect();
    let in_words = |name: &str| logits && is_shown(name) && weighs(name) && is_of_model(name);
    let hangs_on_words = report.signals.keys().any(|name| in_words(name));
    if matches!(case.scope, Scope::Shown(_)) && hangs_on_words {
        let others = [Phrasing::Second, Phrasing::Third];
        let total = case.personas.len() * others.len();
        observer.on(Progress::StageStarted { stage: Stage::Reword, total });
        for phrasing in others {
            let Some(raw) = ask_about(asking, case, phrasing, &in_words).await? else {
                return Ok(None);
            };
            for (scores, raw) in scores.iter_mut().zip(raw) {
                scores.push(judge::verdict(&report.signals, &only(raw, &is_shown)).score);
            }
        }
        observer.on(Progress::StageEnded);
    }
    let Some(preferences) = preferences(asking, case).await? else { return Ok(None) };
    Ok(Some(Appraisal {
        verdicts: usual.iter().map(|raw| judge::verdict(&report.signals, raw)).collect(),
        scored: usual.iter().map(|raw| raw.signals.keys().any(|name| weighs(name))).collect(),
        spreads: scores.iter().map(|scores| range(scores)).collect(),
        preferences,
        judge: report,
    }))
}

fn only(mut raw: Raw, is_shown: &impl Fn(&str) -> bool) -> Raw {
    raw.signals.retain(|name, _| is_shown(name));
    raw.label_mass.retain(|name, _| is_shown(name));
    raw
}

/// The largest score less the smallest; `None` for fewer than two.
fn range(scores: &[f64]) -> Option<f64> {
    let least = scores.iter().copied().reduce(f64::min)?;
    let most = scores.iter().copied().reduce(f64::max)?;
    (scores.len() > 1).then(|| rounded(most - least))
}

/// The signals of each persona, computed ones included; `None` when cancelled.
async fn ask_about(
    asking: &Asking<'_>,
    case: Case<'_>,
    phrasing: Phrasing,
    counts: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Option<Vec<Raw>>, PipelineError> {
    let Case { corpus, personas, wording, .. } = case;
    let questions: Vec<Questions> = personas
        .iter()
        .enumerate()
        .map(|(at, persona)| {
            let segment = case.segments.get(at).map_or(&[][..], Vec::as_slice);
            let about = About { corpus, persona, segment, wording, phrasing };
            let mut questions = judge::questions(about, counts);
            if case.made_up {
                questions.records.clear();
            }
            questions
        })
        .collect();
    let mut all = vec![Raw::default(); personas.len()];
    let keep = |_: &mut Run, at: usize, raw: Raw| {
        all[at] = judge::with_support(raw, corpus, &personas[at], wording);
        if corpus.records.is_empty() {
            // Without the records, nothing can be said about the evidence.
            all[at].signals.retain(|name, _| name != VERBATIM && name != OVERLAP);
        }
        Ok(())
    };
    let stage = asking.ask(&questions, keep).await?;
    Ok((stage == Ended::Done).then_some(all))
}

async fn preferences(
    asking: &Asking<'_>,
    case: Case<'_>,
) -> Result<Option<Vec<f64>>, PipelineError> {
    if !asking.models.judge_answers() || case.pairs.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let pairs = case.pairs.iter().map(|&(a, b)| (&case.personas[a], &case.personas[b]));
    let Some(orders) = both_orders(asking, case.corpus, pairs.collect()).await? else {
        return Ok(None);
    };
    Ok(Some(orders.into_iter().flatten().map(|(one, other)| f64::midpoint(one, other)).collect()))
}

/// How far the first of each pair is preferred when shown first and when shown second, each 0..=1.
/// An inner `None` is a pair that could not be asked about; the outer one means cancelled.
async fn both_orders(
    asking: &Asking<'_>,
    corpus: &Cleared<Corpus>,
    pairs: Vec<(&Persona, &Persona)>,
) -> Result<Option<Vec<Option<(f64, f64)>>>, PipelineError> {
    let both = |(a, b)| [preference(corpus, a, b), preference(corpus, b, a)];
    let requests: Vec<Questions> =
        pairs.into_iter().flat_map(both).map(Questions::preference).collect();
    asking.observer.on(Progress::StageStarted { stage: Stage::Compare, total: requests.len() });
    let mut first = vec![None; requests.len()];
    let keep = |_: &mut Run, at: usize, raw: Raw| {
        first[at] = raw.preference;
        Ok(())
    };
    if asking.ask(&requests, keep).await? == Ended::Cancelled {
        return Ok(None);
    }
    asking.observer.on(Progress::StageEnded);
    let orders = first.chunks_exact(2).map(|orders| Some((orders[0]?, 1.0 - orders[1]?)));
    Ok(Some(orders.collect()))
}

/// The measurement of the judge on the controls of this wording: an earlier one where it is kept,
/// unless `depth` is `Full`. `None` when cancelled. A server that answers nothing is an error here,
/// since outside a run there is nothing else that its answers are for.
pub async fn judge_report(
    asking: &Asking<'_>,
    wording: Wording,
    depth: Depth,
) -> Result<Option<JudgeReport>, PipelineError> {
    let report = match depth {
        Depth::FirstUse => measured(asking, wording).await?,
        Depth::Full => {
            let report = measure(asking, wording, depth).await?;
            if let Some(report) = &report {
                keep(asking, wording, report);
            }
            report
        }
    };
    match (&report, asking.unanswered()) {
        (Some(report), Some(cause)) if !report.has_model_signal() => Err(PipelineError::Model(
            format!("{} answered no question of a judge: {cause}", report.model),
        )),
        _ => Ok(report),
    }
}

/// What a judge on a server leaves open that one in this process does not, one sentence each.
pub fn caveats(asking: &Asking<'_>, report: &JudgeReport) -> Vec<String> {
    if asking.models.judge_terms.is_none() {
        return Vec::new();
    }
    let mut caveats = vec![format!(
        "a server gives no probabilities of whole texts: {} are not measured, which a judge in this process has",
        judge::TEXT_SIGNALS.join(", ")
    )];
    caveats.extend(judge::coarseness(report));
    if let Some(cause) = asking.unanswered() {
        caveats.push(format!("{} left questions unanswered: {cause}", report.model));
    }
    caveats
}

/// An earlier measurement, or else a new one, which is then kept; `None` when cancelled.
pub(super) async fn measured(
    asking: &Asking<'_>,
    wording: Wording,
) -> Result<Option<JudgeReport>, PipelineError> {
    if let Some(report) = kept(asking.models, wording) {
        asking.observer.on(Progress::StageStarted { stage: Stage::Calibrate, total: 0 });
        return Ok(Some(report));
    }
    let report = measure(asking, wording, Depth::FirstUse).await?;
    if let Some(report) = &report {
        keep(asking, wording, report);
    }
    Ok(report)
}

fn keep(asking: &Asking<'_>, wording: Wording, report: &JudgeReport) {
    let models = asking.models;
    // Another time the server may answer what it did not answer now.
    let is_served = models.judge_terms.is_some();
    if asking.unanswered().is_some() || is_served && !report.has_model_signal() {
        return;
    }
    let (Some(cache), Some(identity)) =
        (models.judge_cache.as_deref(), models.judge.capabilities().identity())
    else {
        return;
    };
    if let Some(path) = judge::cache_file(cache, identity, wording)
        && let Ok(json) = serde_json::to_vec_pretty(report)
        && let Err(e) = write_atomically(&path, &json)
    {
        // Without the cache the next run measures again; this one goes on.
        let note = format!("the judge's measurement is not kept: {e}");
        asking.observer.on(Progress::Note(&note));
    }
}

/// The kept measurement of the same model; `None` where there is none or it cannot be read.
fn kept(models: &Models, wording: Wording) -> Option<JudgeReport> {
    let capabilities = models.judge.capabilities();
    let cache = models.judge_cache.as_deref()?;
    let path = judge::cache_file(cache, capabilities.identity()?, wording)?;
    let report: JudgeReport = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (report.model_sha256 == capabilities.sha256).then(|| JudgeReport {
        // The same file may go by another name by now.
        model: capabilities.id.clone(),
        model_fingerprint: capabilities.fingerprint.clone(),
        ..report
    })
}

/// Measures a judge on the built-in controls; `None` when cancelled.
async fn measure(
    asking: &Asking<'_>,
    wording: Wording,
    depth: Depth,
) -> Result<Option<JudgeReport>, PipelineError> {
    let all = controls::load(wording);
    let controls = if depth == Depth::Full { all } else { all.quick() };
    let capabilities = asking.models.judge.capabilities();
    let logits = asking.models.judge_answers();
    let total = controls.all.len();
    asking.observer.on(Progress::StageStarted { stage: Stage::Calibrate, total });
    let every: Vec<usize> = (0..total).collect();
    let about = On { controls: &controls, wording };
    let is_asked = |name: &str| logits && (depth == Depth::Full || !FULL_ONLY.contains(&name));
    let Some(raw) = about.ask(asking, &every, Phrasing::Usual, &is_asked).await? else {
        return Ok(None);
    };
    asking.observer.on(Progress::StageEnded);
    let report = measure::report(&controls.all, &raw);
    let Some(spread) = about.spread(asking, &report, &raw, depth).await? else { return Ok(None) };
    let pairwise = match depth {
        Depth::Full if logits => about.pairwise(asking).await?,
        _ => None,
    };
    if asking.cancel.is_cancelled() {
        return Ok(None);
    }
    Ok(Some(JudgeReport {
        model: capabilities.id.clone(),
        model_sha256: capabilities.sha256.clone(),
        model_fingerprint: capabilities.fingerprint.clone(),
        reads_digits: asking.has_read_digits().await,
        spread,
        pairwise,
        ..report
    }))
}

/// The controls to ask about, and their wording.
struct On<'a> {
    controls: &'a Controls,
    wording: Wording,
}

impl On<'_> {
    /// The signals of the controls with these indices; `None` when cancelled.
    async fn ask(
        &self,
        asking: &Asking<'_>,
        which: &[usize],
        phrasing: Phrasing,
        counts: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Option<Vec<Raw>>, PipelineError> {
        let chosen: Vec<&Control> = which.iter().map(|&at| &self.controls.all[at]).collect();
        let personas: Vec<Persona> = chosen.iter().map(|control| control.persona.clone()).collect();
        let segments: Vec<Vec<usize>> =
            chosen.iter().map(|control| self.controls.segment(control)).collect();
        let case = Case {
            corpus: &self.controls.corpus,
            personas: &personas,
            segments: &segments,
            wording: self.wording,
            pairs: &[],
            scope: Scope::Measured,
            made_up: true,
        };
        ask_about(asking, case, phrasing, counts).await
    }

    /// How far the scores of some good controls move when the questions are put in other words. The
    /// outer `None` means cancelled.
    async fn spread(
        &self,
        asking: &Asking<'_>,
        report: &JudgeReport,
        usual: &[Raw],
        depth: Depth,
    ) -> Result<Option<Option<Spread>>, PipelineError> {
        let weighs =
            |name: &str| report.signals.get(name).is_some_and(|s| s.from_model && s.weight > 0.0);
        if !report.signals.keys().any(|name| weighs(name)) {
            return Ok(Some(None));
        }
        let most = if depth == Depth::Full { REWORDED_ALL } else { REWORDED_FIRST };
        let all = self.controls.all.iter().enumerate();
        let good =
            all.filter(|(_, control)| control.treatment == Treatment::Untouched).map(|(at, _)| at);
        let which: Vec<usize> = good.take(most).collect();
        let mut scores: Vec<Vec<f64>> = which
            .iter()
            .map(|&at| vec![judge::verdict(&report.signals, &usual[at]).score])
            .collect();
        let others = [Phrasing::Second, Phrasing::Third];
        let total = which.len() * others.len();
        asking.observer.on(Progress::StageStarted { stage: Stage::Reword, total });
        for phrasing in others {
            let Some(raw) = self.ask(asking, &which, phrasing, &weighs).await? else {
                return Ok(None);
            };
            for (scores, raw) in scores.iter_mut().zip(raw) {
                scores.push(judge::verdict(&report.signals, &raw).score);
            }
        }
        asking.observer.on(Progress::StageEnded);
        let ranges: Vec<f64> = scores.iter().filter_map(|scores| range(scores)).collect();
        let mean = rounded(ranges.iter().sum::<f64>() / ranges.len().max(1) as f64);
        let max = ranges.iter().copied().fold(0.0, f64::max);
        Ok(Some(Some(Spread { mean, max, personas: ranges.len() })))
    }

    /// Compares each good control with one of its corruptions, kinds taking turns; `None` when
    /// cancelled.
    async fn pairwise(&self, asking: &Asking<'_>) -> Result<Option<Pairwise>, PipelineError> {
        let kinds = Treatment::CORRUPTED;
        let of = |source: usize, treatment: Treatment| {
            self.controls.all.iter().find(|c| c.source == source && c.treatment == treatment)
        };
        let sources: BTreeSet<usize> = self.controls.all.iter().map(|c| c.source).collect();
        let pair = |source: usize| {
            let bad = of(source, kinds[source % kinds.len()])?;
            Some((&of(source, Treatment::Untouched)?.persona, &bad.persona))
        };
        let pairs = sources.into_iter().filter_map(pair).collect();
        let Some(orders) = both_orders(asking, &self.controls.corpus, pairs).await? else {
            return Ok(None);
        };
        let orders: Vec<(f64, f64)> = orders.into_iter().flatten().collect();
        let won_both = orders.iter().filter(|(one, other)| *one > 0.5 && *other > 0.5).count();
        let by_order = orders.iter().filter(|(one, other)| (*one > 0.5) != (*other > 0.5)).count();
        let won = orders.iter().filter(|(one, other)| one + other > 1.0).count();
        Ok(Some(Pairwise {
            pairs: orders.len(),
            won_both,
            by_order,
            won: rounded(won as f64 / orders.len().max(1) as f64),
        }))
    }
}
