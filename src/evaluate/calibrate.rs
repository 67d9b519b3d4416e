//! Measures what a judge is worth on a user's own data: `persona calibrate --input`.
//!
//! Owns the planting of errors into personas that are taken for good, and the figures that result.
//! The judge's scales and weights are measured on the built-in controls; here they meet data on
//! which nothing was tuned.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::corpus::Corpus;
use crate::pipeline::{self, Asking, Case, OwnThreshold, PipelineError, Scope, auc};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::corruptions::{Treatment, planted};
use crate::schema::Persona;
use crate::store::JudgeReport;

/// Personas of a user's data that are taken for good.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The data from which the personas were made.
    pub corpus: &'a Cleared<Corpus>,
    /// The personas that are taken for good.
    pub personas: &'a [Persona],
    /// For each persona, the records of its segment, as indices into the corpus.
    pub segments: &'a [Vec<usize>],
    /// How the personas' statements came about.
    pub wording: Wording,
}

/// The result of a calibration.
#[derive(Debug, Clone, Serialize)]
pub struct Calibration {
    /// The measurement of the judge on the built-in controls.
    pub judge: JudgeReport,
    /// Number of personas taken for good.
    pub good: usize,
    /// How well the judge score tells good personas from corrupted ones, by kind of corruption.
    pub corruptions: BTreeMap<String, Told>,
    /// How well it tells them apart over all corruptions together.
    pub all: Told,
    /// Scores of the good personas, ascending.
    pub scores: Vec<f64>,
    /// The highest score at which the wanted share of the good personas passes.
    pub threshold: OwnThreshold,
    /// Share of the corrupted personas that also pass at that score, by kind of corruption.
    pub let_through: BTreeMap<String, f64>,
}

/// How well good and corrupted personas are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Told {
    /// The probability that a good persona scores above a corrupted one; 0.5 is chance.
    pub auc: f64,
    /// Number of corrupted personas.
    pub corrupted: usize,
}

/// Plants every corruption into every persona, and judges all of them. There must be at least two
/// personas, since what is foreign in one is taken from another. `None` when cancelled.
pub async fn calibrate(
    own: Own<'_>,
    pass: f64,
    asking: &Asking<'_>,
) -> Result<Option<Calibration>, PipelineError> {
    let mut treatments = Vec::new();
    let (mut personas, mut segments) = (Vec::new(), Vec::new());
    for (at, persona) in own.personas.iter().enumerate() {
        let next = (at + 1) % own.personas.len();
        let good = (Treatment::Untouched, persona.clone());
        for (treatment, planted) in
            std::iter::once(good).chain(planted(persona, &own.personas[next], at))
        {
            // A persona is held against the segment of the people whom it cites.
            let home = if treatment == Treatment::Misattributed { next } else { at };
            segments.push(own.segments.get(home).cloned().unwrap_or_default());
            personas.push(planted);
            treatments.push(treatment);
        }
    }
    let case = Case {
        corpus: own.corpus,
        personas: &personas,
        segments: &segments,
        wording: own.wording,
        pairs: &[],
        scope: Scope::Measured,
        made_up: false,
    };
    let Some(appraisal) = pipeline::appraise(case, asking).await? else {
        return Ok(None);
    };
    let scored: Vec<(Treatment, f64)> = treatments
        .into_iter()
        .zip(appraisal.verdicts.iter().map(|verdict| verdict.score))
        .collect();
    summed_up(&scored, pass, appraisal.judge).map(Some)
}

fn summed_up(
    scored: &[(Treatment, f64)],
    pass: f64,
    judge: JudgeReport,
) -> Result<Calibration, PipelineError> {
    let scores = |is: &dyn Fn(Treatment) -> bool| -> Vec<f64> {
        let mut scores: Vec<f64> = scored
            .iter()
            .filter(|(treatment, _)| is(*treatment))
            .map(|(_, score)| *score)
            .collect();
        scores.sort_unstable_by(f64::total_cmp);
        scores
    };
    let good = scores(&|treatment| treatment == Treatment::Untouched);
    let threshold = OwnThreshold::of(&good, pass, &judge)
        .ok_or_else(|| PipelineError::Model("there is no persona to calibrate on".to_owned()))?;
    let (mut corruptions, mut let_through) = (BTreeMap::new(), BTreeMap::new());
    for treatment in Treatment::CORRUPTED {
        let bad = scores(&|other| other == treatment);
        if bad.is_empty() {
            continue;
        }
        let name = treatment.as_str().to_owned();
        let through = bad.iter().filter(|score| **score >= threshold.threshold).count();
        let_through.insert(name.clone(), through as f64 / bad.len() as f64);
        corruptions.insert(name, Told { auc: auc(&good, &bad), corrupted: bad.len() });
    }
    let bad = scores(&|treatment| treatment != Treatment::Untouched);
    Ok(Calibration {
        good: good.len(),
        corruptions,
        all: Told { auc: auc(&good, &bad), corrupted: bad.len() },
        threshold,
        let_through,
        scores: good,
        judge,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_figure_and_the_wanted_share_passes() {
        let mut scored = vec![
            (Treatment::Untouched, 0.8),
            (Treatment::Untouched, 0.6),
            (Treatment::Untouched, 0.9),
        ];
        scored.extend([
            (Treatment::Generic, 0.1),
            (Treatment::Generic, 0.7),
            (Treatment::Mixed, 0.95),
        ]);
        let found = summed_up(&scored, 0.67, JudgeReport::default()).expect("scores");
        assert_eq!(found.good, 3);
        assert_eq!(found.scores, [0.6, 0.8, 0.9]);
        assert!((found.corruptions["generic_filler"].auc - 5.0 / 6.0).abs() < 1e-9);
        assert!(found.corruptions["mixture"].auc.abs() < 1e-9);
        assert!((found.threshold.threshold - 0.6).abs() < 1e-9);
        assert!((found.let_through["generic_filler"] - 0.5).abs() < 1e-9);
        assert!((found.let_through["mixture"] - 1.0).abs() < 1e-9);
        assert!(summed_up(&[(Treatment::Mixed, 0.5)], 0.8, JudgeReport::default()).is_err());
    }
}
