//! How well a judge tells good personas from corrupted ones, measured on controls of known quality.
//!
//! Owns the measurement:
//!
//! ```text
//! AUC(signal)    = P(a good control has a higher value than a corrupted one), ties counting half
//! weight(signal) = max(0, AUC - 0.5), normalised to a sum of 1
//! scale(signal)  = 0 at the 10th percentile of corrupted controls, 1 at the median good control
//! score(persona) = sum of weight * scaled value, clamped to 0..=1
//! ```
//!
//! A model is trusted only if one of its own signals has an AUC of at least [`CAN_JUDGE`]; otherwise the
//! score rests on computed signals alone. Optional formulations keep their weight only if they raise the
//! AUC of the whole score. The AUC that is reported comes from two-fold cross-validation.

use std::collections::BTreeMap;

use super::judge::{FIVE_SHOT, INNER_GAIN, PERSONA_GAIN, Raw, is_of_model, verdict};
use super::plan::rounded;
use crate::prompts::controls::{Control, Treatment};
use crate::store::{JudgeReport, SignalReport};

/// The AUC from which a model's signal is more than chance on this many controls.
const CAN_JUDGE: f64 = 0.65;
/// Optional formulations: other ways to ask, which count only where they add something.
const FORMULATIONS: [&str; 3] = [FIVE_SHOT, INNER_GAIN, PERSONA_GAIN];
/// Least by which such a signal must raise the AUC of the whole score.
const ADDS: f64 = 0.005;
/// The corrupted control whose value maps to 0, as the share of them that lie below it.
const LOW: f64 = 0.1;
/// The good control whose value maps to 1, as the share of them that lie below it: the median.
const HIGH: f64 = 0.5;

/// A control, and its raw signals.
type Measured<'a> = (&'a Control, &'a Raw);

/// Measures a judge: `raw` holds the signals of each control, in the order of `controls`.
pub(super) fn report(controls: &[Control], raw: &[Raw]) -> JudgeReport {
    let all: Vec<Measured<'_>> = controls.iter().zip(raw).collect();
    let (signals, model_can_judge) = fit(&all);
    let scores: Vec<(f64, bool)> = all
        .iter()
        .map(|(control, raw)| {
            (verdict(&signals, raw).score, control.treatment == Treatment::Untouched)
        })
        .collect();
    let good = scores.iter().filter(|(_, good)| *good).count();
    JudgeReport {
        model_can_judge,
        auto_threshold: youden_threshold(&scores),
        controls: (good, scores.len() - good),
        held_out: cross_validate(&all),
        signals,
        ..JudgeReport::default()
    }
}

/// The scales and weights of the signals, and whether a signal of the model can be trusted.
fn fit(measured: &[Measured<'_>]) -> (BTreeMap<String, SignalReport>, bool) {
    let mut names: Vec<&String> = measured.iter().flat_map(|(_, raw)| raw.signals.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut signals: BTreeMap<String, SignalReport> =
        names.into_iter().map(|name| (name.clone(), signal(name, measured))).collect();
    let can_judge = signals.values().any(|s| s.from_model && s.auc >= CAN_JUDGE);
    for signal in signals.values_mut().filter(|s| s.from_model && !can_judge) {
        signal.weight = 0.0;
    }
    drop_redundant_signals(&mut signals, measured);
    let total: f64 = signals.values().map(|s| s.weight).sum();
    for signal in signals.values_mut().filter(|_| total > 0.0) {
        signal.weight = rounded(signal.weight / total);
    }
    (signals, can_judge)
}

/// Sets to zero the weight of each optional formulation that does not raise the score's AUC by at least
/// [`ADDS`]. They are tried in descending order of their own weight.
fn drop_redundant_signals(signals: &mut BTreeMap<String, SignalReport>, measured: &[Measured<'_>]) {
    let mut tried: Vec<(String, f64)> = Vec::new();
    for name in FORMULATIONS {
        if let Some(signal) = signals.get_mut(name) {
            tried.push((name.to_owned(), std::mem::take(&mut signal.weight)));
        }
    }
    tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut so_far = score_auc(signals, measured, None);
    for (name, weight) in tried.into_iter().filter(|(_, weight)| *weight > 0.0) {
        let set = |signals: &mut BTreeMap<String, SignalReport>, weight| {
            if let Some(signal) = signals.get_mut(&name) {
                signal.weight = weight;
            }
        };
        set(signals, weight);
        let with = score_auc(signals, measured, None);
        if with >= so_far + ADDS {
            so_far = with;
        } else {
            set(signals, 0.0);
        }
    }
}

/// The AUC and scale of one signal: the median good control maps to 1, the 10th percentile of the
/// corrupted ones to 0.
fn signal(name: &str, measured: &[Measured<'_>]) -> SignalReport {
    let values = |is: &dyn Fn(Treatment) -> bool| -> Vec<f64> {
        let of = measured.iter().filter(|(control, _)| is(control.treatment));
        let mut values: Vec<f64> =
            of.filter_map(|(_, raw)| raw.signals.get(name)).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (good, bad) = (
        values(&|treatment| treatment == Treatment::Untouched),
        values(&|treatment| treatment != Treatment::Untouched),
    );
    let at = |values: &[f64], share: f64| {
        let index = (values.len().saturating_sub(1) as f64 * share).round() as usize;
        values.get(index).copied().unwrap_or_default()
    };
    let overall = auc(&good, &bad);
    let by_corruption = Treatment::CORRUPTED.into_iter().filter_map(|corruption| {
        let bad = values(&|treatment| treatment == corruption);
        (!bad.is_empty()).then(|| (corruption.as_str().to_owned(), rounded(auc(&good, &bad))))
    });
    SignalReport {
        auc: rounded(overall),
        weight: (overall - 0.5).max(0.0),
        low: at(&bad, LOW),
        high: at(&good, HIGH),
        from_model: is_of_model(name),
        by_corruption: by_corruption.collect(),
    }
}

/// The AUC of the whole score against one corruption, or against all of them where `None`.
fn score_auc(
    signals: &BTreeMap<String, SignalReport>,
    measured: &[Measured<'_>],
    corruption: Option<Treatment>,
) -> f64 {
    let scores = |is: &dyn Fn(Treatment) -> bool| -> Vec<f64> {
        let of = measured.iter().filter(|(control, _)| is(control.treatment));
        of.map(|(_, raw)| verdict(signals, raw).score).collect()
    };
    let good = scores(&|treatment| treatment == Treatment::Untouched);
    let bad = scores(&|treatment| match corruption {
        Some(corruption) => treatment == corruption,
        None => treatment != Treatment::Untouched,
    });
    auc(&good, &bad)
}

/// The AUC by two-fold cross-validation, for each corruption and, as `all`, over all of them. The
/// folds are split by the person that a control was made from; each fold is scored with weights
/// fitted on the other.
fn cross_validate(measured: &[Measured<'_>]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for half in 0..2 {
        // People are dealt to the folds in runs as long as there are corruptions: at a first use
        // each person has one corruption, in turn, and both folds should have all of them.
        let kinds = Treatment::CORRUPTED.len();
        let is_in = |control: &Control| control.source / kinds % 2 == half;
        let (scored, fitted): (Vec<Measured<'_>>, Vec<Measured<'_>>) =
            measured.iter().partition(|(control, _)| is_in(control));
        let good =
            |part: &[Measured<'_>]| part.iter().any(|(c, _)| c.treatment == Treatment::Untouched);
        if !good(&scored) || !good(&fitted) {
            continue;
        }
        let (signals, _) = fit(&fitted);
        let each = Treatment::CORRUPTED.into_iter().map(Some).chain([None]);
        for corruption in each {
            let met = |treatment: Treatment| {
                corruption.map_or(treatment != Treatment::Untouched, |c| c == treatment)
            };
            if scored.iter().any(|(control, _)| met(control.treatment)) {
                let name = corruption.map_or("all", Treatment::as_str);
                let auc = score_auc(&signals, &scored, corruption);
                sums.entry(name.to_owned()).or_default().push(auc);
            }
        }
    }
    let mean = |values: Vec<f64>| rounded(values.iter().sum::<f64>() / values.len() as f64);
    sums.into_iter().map(|(name, values)| (name, mean(values))).collect()
}

/// The chance that a good control scores above a corrupted one; ties count half.
pub fn auc(good: &[f64], bad: &[f64]) -> f64 {
    if good.is_empty() || bad.is_empty() {
        return 0.5;
    }
    let mut wins = 0.0;
    for g in good {
        for b in bad {
            wins += if g > b {
                1.0
            } else if g < b {
                0.0
            } else {
                0.5
            };
        }
    }
    wins / (good.len() * bad.len()) as f64
}

/// The threshold, midway between two scores, at which the share of good controls at or above it
/// exceeds that of corrupted ones by most (Youden's J statistic, 1950).
pub(super) fn youden_threshold(scores: &[(f64, bool)]) -> f64 {
    let mut cuts: Vec<f64> = scores.iter().map(|(score, _)| *score).collect();
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    let share_above = |cut: f64, good: bool| {
        let of: Vec<f64> = scores.iter().filter(|(_, g)| *g == good).map(|(s, _)| *s).collect();
        of.iter().filter(|score| **score >= cut).count() as f64 / of.len().max(1) as f64
    };
    let middles = cuts.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    let lead = |cut: f64| share_above(cut, true) - share_above(cut, false);
    let best = middles.max_by(|a, b| lead(*a).total_cmp(&lead(*b)));
    rounded(best.unwrap_or(0.5))
}

#[cfg(test)]
mod tests {
    use super::super::judge::{RECORD_GAIN, with_support};
    use super::*;
    use crate::prompts::Wording;
    use crate::prompts::controls;

    #[test]
    fn auc_counts_won_pairs() {
        assert!((auc(&[2.0, 3.0], &[0.0, 1.0]) - 1.0).abs() < 1e-9);
        assert!((auc(&[0.0], &[1.0])).abs() < 1e-9);
        assert!((auc(&[1.0], &[1.0]) - 0.5).abs() < 1e-9);
        assert!((auc(&[], &[1.0]) - 0.5).abs() < 1e-9);
    }

    /// A report on controls for which the model answers `value(is good, number)` in this signal.
    fn measured_by(name: &str, value: impl Fn(bool, usize) -> f64) -> JudgeReport {
        let controls = controls::load(Wording::Free);
        let raw = |(at, control): (usize, &Control)| {
            let value = value(control.treatment == Treatment::Untouched, at);
            let raw = Raw { signals: [(name.to_owned(), value)].into(), ..Raw::default() };
            with_support(raw, &controls.corpus, &control.persona, Wording::Free)
        };
        let raw: Vec<Raw> = controls.all.iter().enumerate().map(raw).collect();
        report(&controls.all, &raw)
    }

    fn measured(value: impl Fn(bool, usize) -> f64) -> JudgeReport {
        measured_by(RECORD_GAIN, value)
    }

    #[test]
    fn a_model_that_tells_good_from_corrupted_is_believed() {
        let report = measured(|good, _| f64::from(u8::from(good)));
        assert!(report.model_can_judge);
        assert!((report.signals[RECORD_GAIN].auc - 1.0).abs() < 1e-9);
        assert!(report.signals[RECORD_GAIN].weight > 0.25);
        assert_eq!(report.controls, (32, 192));
        assert_eq!(report.held_out.len(), 7);
        assert!(report.held_out["mixture"] > 0.95, "{:?}", report.held_out);
    }

    #[test]
    fn a_first_use_holds_out_every_corruption_too() {
        let controls = controls::load(Wording::Free).quick();
        let raw: Vec<Raw> = controls
            .all
            .iter()
            .map(|c| with_support(Raw::default(), &controls.corpus, &c.persona, Wording::Free))
            .collect();
        let report = report(&controls.all, &raw);
        assert_eq!(report.held_out.len(), 1 + Treatment::CORRUPTED.len(), "{:?}", report.held_out);
        assert!(report.held_out["loops"] > 0.8, "{:?}", report.held_out);
    }

    #[test]
    fn a_model_at_chance_gets_no_weight_and_the_score_rests_on_what_is_computed() {
        let report = measured(|_, at| (at * 7 % 5) as f64);
        assert!(!report.model_can_judge, "{:?}", report.signals[RECORD_GAIN]);
        assert!(report.signals[RECORD_GAIN].weight.abs() < 1e-9);
        let weights: f64 = report.signals.values().map(|s| s.weight).sum();
        assert!((weights - 1.0).abs() < 1e-3);
        // The computed signals cannot see that two true halves do not make a real person.
        assert!(report.held_out["mixture"] < 0.7, "{:?}", report.held_out);
        assert!(report.held_out["generic_filler"] > 0.9, "{:?}", report.held_out);
    }

    #[test]
    fn a_formulation_counts_only_where_the_score_is_better_with_it() {
        let sharp = measured_by(INNER_GAIN, |good, _| f64::from(u8::from(good)));
        assert!(sharp.signals[INNER_GAIN].weight > 0.1);
        // Better than chance, but of no use: it repeats the other signals, with noise.
        let dull = measured_by(INNER_GAIN, |good, at| {
            f64::from(u8::from(good)) * 0.2 + (at * 7 % 11) as f64 / 5.0
        });
        assert!(dull.signals[INNER_GAIN].auc > 0.5 && dull.signals[INNER_GAIN].auc < CAN_JUDGE);
        assert!(dull.signals[INNER_GAIN].weight.abs() < 1e-9);
    }

    #[test]
    fn the_automatic_threshold_parts_the_controls() {
        let report = measured(|good, at| f64::from(u8::from(good)) + at as f64 / 1000.0);
        assert!(report.auto_threshold > 0.0 && report.auto_threshold < 1.0);
        assert!((youden_threshold(&[(0.2, false), (0.4, false), (0.8, true)]) - 0.6).abs() < 1e-9);
    }

    #[test]
    fn a_signal_that_could_not_be_read_leaves_its_weight_to_the_others() {
        let report = measured(|good, _| f64::from(u8::from(good)));
        let all_good: BTreeMap<String, f64> =
            report.signals.iter().map(|(name, s)| (name.clone(), s.high)).collect();
        let mut raw = Raw { signals: all_good, ..Raw::default() };
        assert!((verdict(&report.signals, &raw).score - 1.0).abs() < 1e-9);
        raw.signals.remove(RECORD_GAIN);
        assert!((verdict(&report.signals, &raw).score - 1.0).abs() < 1e-9);
    }
}
