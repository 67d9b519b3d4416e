//! How good a draft is, by signals that earned their weight.
//!
//! Owns the measurement of a judge on the built-in controls and the score made of it. A signal
//! weighs as much as it parts good controls from corrupted ones better than chance; a model none of
//! whose signals does is not believed, and the score rests on what can be computed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::plan::rounded;
use super::support;
use crate::corpus::Corpus;
use crate::llm::{ScorePrompt, ScoreRequest, Want};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::controls::{Controls, Fate};
use crate::prompts::judge::{CRITERIA, LABELS, VERSION, evidence, gain, gain_evidence, verbal};
use crate::schema::{Persona, Verdict};
use crate::store::{JudgeReport, SignalReport};

/// Name of the record gain: how much likelier records are after the persona, in nats a token.
pub(super) const GAIN: &str = "record_gain";
/// The AUC from which a model's signal is more than chance on this many controls.
const CAN_JUDGE: f64 = 0.65;

/// What was measured of one persona, before it is mapped to 0..=1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Raw {
    pub(super) signals: BTreeMap<String, f64>,
    pub(super) label_mass: BTreeMap<String, f64>,
    /// Of two personas: how far the first is preferred, 0..=1.
    pub(super) preference: Option<f64>,
}

/// The score requests for one persona.
pub(super) struct Questions {
    pub(super) requests: Vec<ScoreRequest>,
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Criterion(&'static str),
    RecordsGivenPersona,
    RecordsAlone,
    Preference,
}

/// What to ask about a persona whose segment holds these records of the corpus: only signals that `counts` accepts.
pub(super) fn questions(
    corpus: &Cleared<Corpus>,
    persona: &Persona,
    segment: &[usize],
    wording: Wording,
    counts: impl Fn(&str) -> bool,
) -> Questions {
    let evidence = evidence(corpus, persona);
    let mut asked = Questions { requests: Vec::new(), kinds: Vec::new() };
    for (request, (name, _)) in verbal(persona, &evidence).into_iter().zip(CRITERIA) {
        if counts(name) {
            asked.requests.push(request);
            asked.kinds.push(Kind::Criterion(name));
        }
    }
    let evidence = gain_evidence(corpus, persona, segment, wording);
    if counts(GAIN) && !evidence.is_empty() {
        asked.requests.extend(gain(persona, wording, &evidence));
        asked.kinds.extend([Kind::RecordsGivenPersona, Kind::RecordsAlone]);
    }
    asked
}

impl Questions {
    /// Which of two personas is preferred.
    pub(super) fn preference(request: ScoreRequest) -> Self {
        Self { requests: vec![request], kinds: vec![Kind::Preference] }
    }

    /// Reads the answers, in the order of the requests; `None` where one failed. Computed signals
    /// are the caller's.
    pub(super) fn read(&self, answers: &[Option<Vec<f32>>]) -> Raw {
        let mut raw = Raw::default();
        let (mut given, mut alone) = (None, None);
        for (kind, answer) in self.kinds.iter().zip(answers) {
            let Some(log_probs) = answer else { continue };
            match kind {
                Kind::Criterion(name) => {
                    if let Some((expected, mass)) = expected_label(log_probs) {
                        raw.signals.insert((*name).to_owned(), expected);
                        raw.label_mass.insert((*name).to_owned(), rounded(mass));
                    }
                }
                Kind::RecordsGivenPersona => given = mean(log_probs),
                Kind::RecordsAlone => alone = mean(log_probs),
                Kind::Preference => raw.preference = first_of_two(log_probs),
            }
        }
        if let (Some(given), Some(alone)) = (given, alone) {
            raw.signals.insert(GAIN.to_owned(), given - alone);
        }
        raw
    }
}

/// The mean label under the labels' own distribution, and how much of the whole one they hold.
fn expected_label(log_probs: &[f32]) -> Option<(f64, f64)> {
    if log_probs.len() != LABELS.len() {
        return None;
    }
    let probabilities: Vec<f64> = log_probs.iter().map(|&l| f64::from(l).exp()).collect();
    let mass: f64 = probabilities.iter().sum();
    let weighted: f64 = probabilities.iter().zip(1..).map(|(p, label)| p * f64::from(label)).sum();
    (mass.is_finite() && mass > 0.0).then(|| (weighted / mass, mass))
}

/// The probability of the first of two labels among the two.
fn first_of_two(log_probs: &[f32]) -> Option<f64> {
    let [first, second] = log_probs else { return None };
    let preferred = 1.0 / (1.0 + f64::from(second - first).exp());
    preferred.is_finite().then_some(preferred)
}

fn mean(log_probs: &[f32]) -> Option<f64> {
    let sum: f64 = log_probs.iter().map(|&l| f64::from(l)).sum();
    (!log_probs.is_empty() && sum.is_finite()).then(|| sum / log_probs.len() as f64)
}

/// Tokens that a request's prompt takes, by the given counter: what judging costs.
pub(super) fn prompt_tokens(request: &ScoreRequest, count: impl Fn(&str) -> usize) -> usize {
    let prompt = match &request.prompt {
        ScorePrompt::Chat { shared, own } => {
            shared.iter().chain(own).map(|m| count(&m.content)).sum()
        }
        ScorePrompt::Raw(text) => count(text),
    };
    match &request.want {
        Want::Labels(_) => prompt,
        Want::Continuation(text) => prompt + count(text),
    }
}

/// Measures a judge: `raw` holds what was measured of each control, in their order.
pub(super) fn report(controls: &Controls, raw: &[Raw]) -> JudgeReport {
    let is_good = |at: usize| controls.all[at].fate == Fate::Good;
    let mut names: Vec<&String> = raw.iter().flat_map(|raw| raw.signals.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut signals = BTreeMap::new();
    for name in names {
        let values = |good: bool| -> Vec<f64> {
            let of = raw.iter().enumerate().filter(|(at, _)| is_good(*at) == good);
            let mut values: Vec<f64> =
                of.filter_map(|(_, r)| r.signals.get(name)).copied().collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        signals.insert(name.clone(), measure(name, &values(true), &values(false)));
    }
    let model_can_judge = signals.values().any(|s| s.from_model && s.auc >= CAN_JUDGE);
    if !model_can_judge {
        let of_model = signals.values_mut().filter(|s| s.from_model);
        for signal in of_model {
            signal.weight = 0.0;
        }
    }
    let total: f64 = signals.values().map(|s| s.weight).sum();
    if total > 0.0 {
        for signal in signals.values_mut() {
            signal.weight = rounded(signal.weight / total);
        }
    }
    let good = (0..controls.all.len()).filter(|&at| is_good(at)).count();
    let mut report = JudgeReport {
        signals,
        model_can_judge,
        controls: (good, controls.all.len() - good),
        ..JudgeReport::default()
    };
    let scores = raw.iter().map(|raw| verdict(&report, raw).score);
    let scores: Vec<(f64, bool)> = scores.zip(0..).map(|(s, at)| (s, is_good(at))).collect();
    report.auto_threshold = best_cut(&scores);
    report
}

/// `good` and `bad` ascend. A good control of average worth maps to 1, so that the scale ends where
/// "as good as a good control" begins; a corrupted one of the worst tenth maps to 0.
fn measure(name: &str, good: &[f64], bad: &[f64]) -> SignalReport {
    let auc = auc(good, bad);
    let at = |values: &[f64], share: f64| {
        let index = (values.len().saturating_sub(1) as f64 * share).round() as usize;
        values.get(index).copied().unwrap_or_default()
    };
    SignalReport {
        auc: rounded(auc),
        weight: (auc - 0.5).max(0.0),
        low: at(bad, 0.1),
        high: at(good, 0.5),
        from_model: name == GAIN || CRITERIA.iter().any(|(criterion, _)| *criterion == name),
    }
}

/// The chance that a good control scores above a corrupted one; ties count half.
fn auc(good: &[f64], bad: &[f64]) -> f64 {
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

/// The cut with the most good controls at or above it less corrupted ones; between two scores.
fn best_cut(scores: &[(f64, bool)]) -> f64 {
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

/// Maps what was measured of a draft to 0..=1 and weighs it. Signals without weight are left out;
/// a signal that could not be read leaves its weight to the others.
pub(super) fn verdict(report: &JudgeReport, raw: &Raw) -> Verdict {
    let mut signals = BTreeMap::new();
    let (mut sum, mut weights) = (0.0, 0.0);
    for (name, signal) in &report.signals {
        let Some(value) = raw.signals.get(name) else {
            continue;
        };
        let mapped = mapped(signal, *value);
        sum += mapped * signal.weight;
        weights += signal.weight;
        signals.insert(name.clone(), rounded(mapped));
    }
    let score = if weights > 0.0 { sum / weights } else { 0.0 };
    Verdict { score: rounded(score), signals, label_mass: raw.label_mass.clone() }
}

fn mapped(signal: &SignalReport, value: f64) -> f64 {
    if signal.high > signal.low {
        ((value - signal.low) / (signal.high - signal.low)).clamp(0.0, 1.0)
    } else {
        // Controls that do not differ: at least as good as the good ones, or not.
        f64::from(u8::from(value >= signal.high))
    }
}

/// Adds the computed signals.
pub(super) fn with_support(
    mut raw: Raw,
    corpus: &Corpus,
    persona: &Persona,
    wording: Wording,
) -> Raw {
    raw.signals.extend(support::signals(corpus, persona, wording));
    raw
}

/// Where a measurement is kept: by the model's hash, the controls' version and the wording.
pub(super) fn cache_file(cache: &Path, sha256: &str, wording: Wording) -> Option<PathBuf> {
    // The hash comes from a server where the model does; it must not choose the path.
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    let name = format!("judge-{sha256}-v{VERSION}-{}.json", wording.as_str());
    is_hash.then(|| cache.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::controls;

    #[test]
    fn auc_counts_won_pairs() {
        assert!((auc(&[2.0, 3.0], &[0.0, 1.0]) - 1.0).abs() < 1e-9);
        assert!((auc(&[0.0], &[1.0])).abs() < 1e-9);
        assert!((auc(&[1.0], &[1.0]) - 0.5).abs() < 1e-9);
        assert!((auc(&[], &[1.0]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn an_expected_label_weighs_labels_by_probability() {
        let (label, mass) =
            expected_label(&[0.1f32.ln(), -50.0, -50.0, -50.0, 0.3f32.ln()]).expect("labels");
        assert!((label - 4.0).abs() < 1e-5 && (mass - 0.4).abs() < 1e-5);
        assert!(expected_label(&[f32::NEG_INFINITY; 5]).is_none());
        assert!(expected_label(&[0.0]).is_none());
    }

    /// Controls where `value(good)` is what the model says of each.
    fn measured(value: impl Fn(bool, usize) -> f64) -> JudgeReport {
        let controls = controls::load(Wording::Free);
        let raw = |(at, control): (usize, &controls::Control)| {
            let gain = value(control.fate == Fate::Good, at);
            let raw = Raw { signals: [(GAIN.to_owned(), gain)].into(), ..Raw::default() };
            with_support(raw, &controls.corpus, &control.persona, Wording::Free)
        };
        let raw: Vec<Raw> = controls.all.iter().enumerate().map(raw).collect();
        report(&controls, &raw)
    }

    #[test]
    fn a_model_that_tells_good_from_corrupted_is_believed() {
        let report = measured(|good, _| f64::from(u8::from(good)));
        assert!(report.model_can_judge);
        assert!((report.signals[GAIN].auc - 1.0).abs() < 1e-9);
        assert!(report.signals[GAIN].weight > 0.25);
        assert_eq!(report.controls, (8, 32));
    }

    #[test]
    fn a_model_at_chance_gets_no_weight_and_the_score_rests_on_what_is_computed() {
        let report = measured(|_, at| (at * 7 % 5) as f64);
        assert!(!report.model_can_judge, "{:?}", report.signals[GAIN]);
        assert!(report.signals[GAIN].weight.abs() < 1e-9);
        let weights: f64 = report.signals.values().map(|s| s.weight).sum();
        assert!((weights - 1.0).abs() < 1e-3);
    }

    #[test]
    fn the_automatic_threshold_parts_the_controls() {
        let report = measured(|good, at| f64::from(u8::from(good)) + at as f64 / 1000.0);
        assert!(report.auto_threshold > 0.0 && report.auto_threshold < 1.0);
        assert!((best_cut(&[(0.2, false), (0.4, false), (0.8, true)]) - 0.6).abs() < 1e-9);
    }

    #[test]
    fn a_signal_that_could_not_be_read_leaves_its_weight_to_the_others() {
        let report = measured(|good, _| f64::from(u8::from(good)));
        let all_good: BTreeMap<String, f64> =
            report.signals.iter().map(|(name, s)| (name.clone(), s.high)).collect();
        let mut raw = Raw { signals: all_good, ..Raw::default() };
        assert!((verdict(&report, &raw).score - 1.0).abs() < 1e-9);
        raw.signals.remove(GAIN);
        assert!((verdict(&report, &raw).score - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_hash_that_is_none_gets_no_path() {
        let cache = Path::new("cache");
        assert!(cache_file(cache, &"a".repeat(64), Wording::Free).is_some());
        assert!(cache_file(cache, "../../etc/passwd", Wording::Free).is_none());
    }
}
