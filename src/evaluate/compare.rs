//! Compares two ways of making personas from the same data, judged blind by one judge.
//!
//! Owns the pairing, the statistics and the conclusion. Differences are paired, and their interval
//! is a percentile bootstrap over pairs (Efron and Tibshirani, *An Introduction to the Bootstrap*,
//! 1993, chapter 13), so that few or scattered pairs give a wide interval and no conclusion.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::ledger::MicroUsd;
use crate::pipeline::Appraisal;
use crate::schema::{Persona, Verdict};

pub use super::page::page;

/// Resamples of a bootstrap; more would make the interval steadier and take longer.
const RESAMPLES: usize = 4_000;
/// Share of resampled means that an interval covers.
const COVERAGE: f64 = 0.95;
/// How much quality may be lost and still be called "as good", as a share of the baseline's.
const MARGIN: f64 = 0.05;
/// Fewest pairs that allow a conclusion: with fewer, no resample can tell luck from merit.
const LEAST_PAIRS: usize = 5;

/// One of the two ways to make personas, with the outcome of its run.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// Name of the way: `hybrid` or `frontier-only`.
    pub name: String,
    /// The model that wrote and, where there was one, the model that refined.
    pub models: Vec<String>,
    /// The personas that it made.
    #[serde(skip)]
    pub personas: Vec<Persona>,
    /// What its run paid.
    pub cost: MicroUsd,
    /// Wall-clock seconds of its run, from the log.
    pub seconds: f64,
}

/// The outcome of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The two ways; the second is the baseline.
    pub sides: [Side; 2],
    /// Name of the judge.
    pub judge: String,
    /// Whether the judge tells good controls from corrupted ones.
    pub judge_can_judge: bool,
    /// Difference in the judge score.
    pub score: Paired,
    /// Difference in each signal, by name.
    pub criteria: BTreeMap<String, Paired>,
    /// How often the first side's persona is preferred, less a half; averaged over both orders.
    pub preference: Option<Paired>,
    /// Cost of the first side over that of the baseline; `None` where the baseline cost nothing.
    pub cost_ratio: Option<f64>,
    /// Seconds of the first side over those of the baseline.
    pub time_ratio: Option<f64>,
    /// Reasons to doubt the outcome.
    pub warnings: Vec<String>,
    /// The conclusion in one sentence.
    pub conclusion: String,
    /// How the baseline was made, in one sentence.
    pub baseline: String,
}

/// A paired difference: the first side less the baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Paired {
    /// Mean of the first side.
    pub first: f64,
    /// Mean of the baseline.
    pub baseline: f64,
    /// Mean of the differences.
    pub difference: f64,
    /// Lower end of the difference's interval.
    pub low: f64,
    /// Upper end of the difference's interval.
    pub high: f64,
    /// Number of pairs.
    pub pairs: usize,
}

/// Pairs of indices into both lists: personas of the same slot are paired, then the rest in order.
pub fn pairs(first: &[Persona], second: &[Persona]) -> Vec<(usize, usize)> {
    let mut taken = BTreeSet::new();
    let mut pairs = Vec::new();
    let mut left = Vec::new();
    for (a, persona) in first.iter().enumerate() {
        let slot = persona.provenance.slot;
        let same = |b: &usize| second[*b].provenance.slot == slot && !taken.contains(b);
        match (0..second.len()).find(same) {
            Some(b) => {
                taken.insert(b);
                pairs.push((a, b));
            }
            None => left.push(a),
        }
    }
    let rest: Vec<usize> = (0..second.len()).filter(|b| !taken.contains(b)).collect();
    pairs.extend(left.into_iter().zip(rest));
    pairs
}

/// Draws the conclusion. `appraisal` covers the first side's personas followed by the baseline's;
/// `pairs` is what [`pairs`] returned.
pub fn compare(sides: [Side; 2], pairs: &[(usize, usize)], appraisal: &Appraisal) -> Comparison {
    let (first, baseline) = appraisal.verdicts.split_at(sides[0].personas.len());
    let over = |value: &dyn Fn(&Verdict) -> Option<f64>| -> Paired {
        let both = |&(a, b): &(usize, usize)| Some((value(&first[a])?, value(&baseline[b])?));
        paired(&pairs.iter().filter_map(both).collect::<Vec<_>>())
    };
    let score = over(&|verdict| Some(verdict.score));
    let names: BTreeSet<&String> =
        appraisal.verdicts.iter().flat_map(|verdict| verdict.signals.keys()).collect();
    let criteria = names
        .into_iter()
        .map(|name| (name.clone(), over(&|verdict| verdict.signals.get(name).copied())))
        .collect();
    let preferred: Vec<(f64, f64)> = appraisal.preferences.iter().map(|p| (*p, 0.5)).collect();
    let warnings = warnings(&sides, appraisal);
    let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
    Comparison {
        judge: appraisal.judge.model.clone(),
        judge_can_judge: appraisal.judge.model_can_judge,
        preference: (!preferred.is_empty()).then(|| paired(&preferred)),
        cost_ratio: ratio(sides[0].cost.usd(), sides[1].cost.usd()),
        time_ratio: ratio(sides[0].seconds, sides[1].seconds),
        conclusion: conclusion(&score, &sides),
        baseline: format!(
            "{}: one draft a persona by {}, the same answer schema, the corpus sent once and marked for the provider's prompt cache where it fits, no judge",
            sides[1].name,
            sides[1].models.join(" and ")
        ),
        score,
        criteria,
        warnings,
        sides,
    }
}

fn paired(values: &[(f64, f64)]) -> Paired {
    if values.is_empty() {
        return Paired::default();
    }
    let count = values.len();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| values.iter().map(of).sum::<f64>() / count as f64;
    let (low, high) = interval(&values.iter().map(|(a, b)| a - b).collect::<Vec<_>>());
    Paired {
        first: mean(&|v| v.0),
        baseline: mean(&|v| v.1),
        difference: mean(&|v| v.0 - v.1),
        low,
        high,
        pairs: count,
    }
}

/// The percentile interval of the mean; the same numbers always give the same interval.
fn interval(differences: &[f64]) -> (f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let count = differences.len();
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = (0..count).map(|_| differences[rng.random_range(0..count)]);
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    (at((1.0 - COVERAGE) / 2.0), at(f64::midpoint(1.0, COVERAGE)))
}

fn conclusion(score: &Paired, sides: &[Side; 2]) -> String {
    let [first, baseline] = [&sides[0].name, &sides[1].name];
    let margin = MARGIN * score.baseline;
    let interval = format!(
        "judge score {:+.3}, 95 % interval {:+.3} to {:+.3}, {} pairs",
        score.difference, score.low, score.high, score.pairs
    );
    if score.pairs < LEAST_PAIRS {
        return format!(
            "not enough evidence: {interval}; at least {LEAST_PAIRS} pairs are needed (--count)"
        );
    }
    if score.low > 0.0 {
        format!("{first} is better than {baseline} ({interval})")
    } else if score.low >= -margin {
        format!("{first} is within 5 % of {baseline} or better ({interval})")
    } else if score.high < -margin {
        format!("{first} is worse than {baseline} by more than 5 % ({interval})")
    } else {
        format!("not enough evidence: {interval}, wider than the margin of 5 % ({margin:.3})")
    }
}

fn warnings(sides: &[Side; 2], appraisal: &Appraisal) -> Vec<String> {
    let judge = &appraisal.judge.model;
    let mut warnings = Vec::new();
    let mut relatives: Vec<&String> =
        sides.iter().flat_map(|side| &side.models).filter(|m| family(m) == family(judge)).collect();
    relatives.sort_unstable();
    relatives.dedup();
    for relative in relatives {
        warnings.push(format!(
            "the judge {judge} is of the family of {relative}, and models prefer their own kind; --judge-model names another"
        ));
    }
    if !appraisal.judge.model_can_judge {
        warnings.push(format!(
            "{judge} cannot tell good personas from corrupted ones: the score rests on computed support alone"
        ));
    }
    warnings
}

/// The family of a model, by the first word of its name. `gemma-3-270m` and `gemini-2` come from
/// one maker and count as one.
fn family(model: &str) -> String {
    let name = model.rsplit(['/', '\\']).next().unwrap_or(model).to_lowercase();
    let word: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    match word.as_str() {
        "gemini" => "gemma".to_owned(),
        "chatgpt" | "o" => "gpt".to_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides() -> [Side; 2] {
        ["hybrid", "frontier-only"].map(|name| Side {
            name: name.to_owned(),
            models: vec!["claude-x".to_owned()],
            personas: Vec::new(),
            cost: MicroUsd(1),
            seconds: 1.0,
        })
    }

    fn concluded(values: &[(f64, f64)]) -> String {
        conclusion(&paired(values), &sides())
    }

    #[test]
    fn clear_differences_are_concluded_and_scattered_ones_are_not() {
        let by = |shift: f64| -> Vec<(f64, f64)> {
            (0..20).map(|i| (0.7 + shift + f64::from(i % 3) / 100.0, 0.7)).collect()
        };
        assert!(concluded(&by(0.1)).starts_with("hybrid is better"));
        assert!(concluded(&by(-0.02)).starts_with("hybrid is within 5 %"));
        assert!(concluded(&by(-0.2)).starts_with("hybrid is worse"));
        let scattered: Vec<(f64, f64)> =
            (0..6).map(|i| (if i % 2 == 0 { 0.9 } else { 0.4 }, 0.7)).collect();
        assert!(concluded(&scattered).starts_with("not enough evidence"));
        assert!(concluded(&by(0.1)[..4]).contains("at least 5 pairs"));
        assert!(concluded(&[]).starts_with("not enough evidence"));
    }

    #[test]
    fn an_interval_holds_its_mean_and_narrows_with_more_pairs() {
        let values = |count: usize| -> Vec<(f64, f64)> {
            (0..count).map(|i| ((i * 7 % 5) as f64 / 5.0, 0.3)).collect()
        };
        let (few, many) = (paired(&values(10)), paired(&values(1_000)));
        for paired in [&few, &many] {
            assert!(paired.low <= paired.difference && paired.difference <= paired.high);
        }
        assert!(many.high - many.low < (few.high - few.low) / 3.0);
    }

    #[test]
    fn families_are_told_by_name() {
        assert_eq!(family("QuantFactory/SmolLM2-135M"), family("smollm2-1.7b"));
        assert_eq!(family("gemini-3.5-flash"), family("gemma-3-270m"));
        assert_ne!(family("claude-sonnet-5-5"), family("gpt-5.6"));
    }

    #[test]
    fn personas_of_the_same_slot_are_paired_first() {
        let persona = |slot: usize| {
            let controls = crate::prompts::controls::load(crate::prompts::Wording::Free);
            let mut persona = controls.all[0].persona.clone();
            persona.provenance.slot = slot;
            persona
        };
        let first: Vec<Persona> = [2, 0, 0].map(persona).to_vec();
        let second: Vec<Persona> = [0, 1, 2].map(persona).to_vec();
        assert_eq!(pairs(&first, &second), [(0, 2), (1, 0), (2, 1)]);
    }
}
