//! Judging personas that are no drafts of this run, all by one measure.
//!
//! Owns [`appraise`]: the judge is measured on the controls as in a run, then every persona is asked
//! about in the same way, whoever wrote it. The judge sees no author, price or order.

use super::judge::{self, Questions, Raw};
use super::run::{Asking, Stage};
use super::{Cancel, Models, Observer, PipelineError, Progress};
use crate::corpus::Corpus;
use crate::privacy::Cleared;
use crate::prompts::judge::preference;
use crate::prompts::{Wording, controls};
use crate::schema::{Persona, Verdict};
use crate::store::JudgeReport;

/// What a judge says of a list of personas.
#[derive(Debug, Clone, Default)]
pub struct Appraisal {
    /// The judge, as it was measured.
    pub judge: JudgeReport,
    /// One a persona, in their order.
    pub verdicts: Vec<Verdict>,
    /// For each pair that was asked about, how far the first is preferred, 0..=1; both orders are
    /// asked and averaged. Empty where the judge gives no probabilities.
    pub preferences: Vec<f64>,
}

/// Judges `personas`, and of each pair of their indices which is the better. `None` when cancelled.
pub async fn appraise(
    corpus: &Cleared<Corpus>,
    models: &Models,
    personas: &[Persona],
    pairs: &[(usize, usize)],
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Option<Appraisal>, PipelineError> {
    let wording = Wording::Free;
    let asking = Asking { models, observer, cancel };
    let Some(report) = measure(&asking, wording).await? else { return Ok(None) };
    let logits = models.judge.capabilities().logits;
    let questions: Vec<Questions> = personas
        .iter()
        .map(|persona| judge::questions(corpus, persona, &[], wording, |_| logits))
        .collect();
    observer.on(Progress::StageStarted { stage: "judge", total: questions.len() });
    let mut verdicts = vec![Verdict::default(); personas.len()];
    let keep = |at: usize, raw: Raw| {
        let raw = judge::with_support(raw, corpus, &personas[at], wording);
        verdicts[at] = judge::verdict(&report, &raw);
        Ok(())
    };
    if asking.ask(&questions, keep).await? == Stage::Cancelled {
        return Ok(None);
    }
    observer.on(Progress::StageEnded);
    let mut preferences = Vec::new();
    if logits && !pairs.is_empty() {
        let both = |&(a, b): &(usize, usize)| [(a, b), (b, a)];
        let requests: Vec<Questions> = pairs
            .iter()
            .flat_map(both)
            .map(|(a, b)| Questions::preference(preference(corpus, &personas[a], &personas[b])))
            .collect();
        observer.on(Progress::StageStarted { stage: "compare", total: requests.len() });
        let mut first = vec![None; requests.len()];
        let keep = |at: usize, raw: Raw| {
            first[at] = raw.preference;
            Ok(())
        };
        if asking.ask(&requests, keep).await? == Stage::Cancelled {
            return Ok(None);
        }
        observer.on(Progress::StageEnded);
        preferences = first
            .chunks_exact(2)
            .filter_map(|orders| Some(f64::midpoint(orders[0]?, 1.0 - orders[1]?)))
            .collect();
    }
    Ok(Some(Appraisal { judge: report, verdicts, preferences }))
}

/// Measures a judge on the built-in controls; `None` when cancelled.
pub(super) async fn measure(
    asking: &Asking<'_>,
    wording: Wording,
) -> Result<Option<JudgeReport>, PipelineError> {
    let controls = controls::load(wording);
    let capabilities = asking.models.judge.capabilities();
    let logits = capabilities.logits;
    let questions: Vec<Questions> = controls
        .all
        .iter()
        .map(|control| {
            let (corpus, segment) = (&controls.corpus, controls.segment(control));
            judge::questions(corpus, &control.persona, &segment, wording, |_| logits)
        })
        .collect();
    asking.observer.on(Progress::StageStarted { stage: "calibrate", total: questions.len() });
    let mut measured: Vec<Option<Raw>> = vec![None; questions.len()];
    let keep = |at: usize, raw: Raw| {
        measured[at] = Some(raw);
        Ok(())
    };
    if asking.ask(&questions, keep).await? == Stage::Cancelled {
        return Ok(None);
    }
    let raw: Vec<Raw> = controls
        .all
        .iter()
        .zip(measured)
        .map(|(control, raw)| {
            let raw = raw.unwrap_or_default();
            judge::with_support(raw, &controls.corpus, &control.persona, wording)
        })
        .collect();
    Ok(Some(JudgeReport {
        model: capabilities.id.clone(),
        model_sha256: capabilities.sha256.clone(),
        ..judge::report(&controls, &raw)
    }))
}
