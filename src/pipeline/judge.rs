//! How good a persona is, by signals that earned their weight.
//!
//! Owns what a judge is asked about one persona, how its answers are read, and the score made from
//! them. How much each signal weighs is measured in `measure`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::plan::rounded;
use super::support;
use crate::corpus::Corpus;
use crate::llm::{ScorePrompt, ScoreRequest, Want};
use crate::privacy::Cleared;
use crate::prompts::Wording;
use crate::prompts::judge::{
    CRITERIA, GROUNDEDNESS, LABELS, Phrasing, VERSION, evidence, five_shot, gain_evidence,
    inner_gain, persona_gain, record_gain, verbal,
};
use crate::schema::{Persona, RecordId, Verdict};
use crate::store::{JudgeReport, SignalReport};

/// Signal of how much likelier records are after the persona than alone, in nats per token.
pub(super) const RECORD_GAIN: &str = "record_gain";
/// Signal of how much likelier the persona is after its records than alone, in nats per token.
pub(super) const PERSONA_GAIN: &str = "persona_gain";
/// Signal of how much likelier the persona's second half is after its first than alone.
pub(super) const INNER_GAIN: &str = "inner_gain";
/// Signal of an overall grade after five graded examples.
pub(super) const FIVE_SHOT: &str = "five_shot";

/// The signals that take the probabilities of whole texts, which a server does not give.
pub(super) const TEXT_SIGNALS: [&str; 3] = [RECORD_GAIN, PERSONA_GAIN, INNER_GAIN];

/// Whether a signal of this name comes from a model.
pub(super) fn is_of_model(name: &str) -> bool {
    [RECORD_GAIN, PERSONA_GAIN, INNER_GAIN, FIVE_SHOT].contains(&name)
        || CRITERIA.iter().any(|(criterion, _)| *criterion == name)
}

/// The raw signals of one persona, before they are mapped to 0..=1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Raw {
    pub(super) signals: BTreeMap<String, f64>,
    pub(super) label_mass: BTreeMap<String, f64>,
    /// Of a pair of personas: how far the first is preferred, 0..=1.
    pub(super) preference: Option<f64>,
}

/// The score requests for one persona.
pub(super) struct Questions {
    pub(super) requests: Vec<ScoreRequest>,
    kinds: Vec<Kind>,
    /// The user's records whose text the requests carry.
    pub(super) records: Vec<RecordId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Label(&'static str),
    /// A text's likelihood after a text that should call for it (`After`) and after nothing
    /// (`Alone`): the difference is a gain. A signal may have several such texts.
    After(&'static str),
    Alone(&'static str),
    Preference,
}

/// A persona, and how it is asked about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) corpus: &'a Cleared<Corpus>,
    pub(super) persona: &'a Persona,
    /// The records of its segment, as indices into the corpus.
    pub(super) segment: &'a [usize],
    pub(super) wording: Wording,
    pub(super) phrasing: Phrasing,
}

/// What to ask about a persona: only the signals that `counts` accepts. Questions about evidence
/// are left out where the persona has none.
pub(super) fn questions(about: About<'_>, counts: impl Fn(&str) -> bool) -> Questions {
    let About { corpus, persona, segment, wording, phrasing } = about;
    let cited = evidence(corpus, persona);
    let records = cited.iter().map(|(id, _)| id.clone()).collect();
    let mut asked = Questions { requests: Vec::new(), kinds: Vec::new(), records };
    for (request, (name, _)) in verbal(persona, &cited, phrasing).into_iter().zip(CRITERIA) {
        if counts(name) && (name != GROUNDEDNESS || !cited.is_empty()) {
            asked.requests.push(request);
            asked.kinds.push(Kind::Label(name));
        }
    }
    if counts(FIVE_SHOT) && !cited.is_empty() {
        asked.requests.push(five_shot(persona, &cited, phrasing));
        asked.kinds.push(Kind::Label(FIVE_SHOT));
    }
    let gained_from = gain_evidence(corpus, persona, segment, wording);
    if counts(RECORD_GAIN) && !gained_from.is_empty() {
        for pair in record_gain(persona, wording, &gained_from, phrasing) {
            asked.compare(RECORD_GAIN, pair);
        }
    }
    if counts(PERSONA_GAIN) && !gained_from.is_empty() {
        asked.compare(PERSONA_GAIN, persona_gain(persona, wording, &gained_from, phrasing));
    }
    if counts(INNER_GAIN)
        && let Some(requests) = inner_gain(persona, wording, phrasing)
    {
        asked.compare(INNER_GAIN, requests);
    }
    asked
}

impl Questions {
    /// Asks about a text twice, after its context and alone; the two requests stay next to each
    /// other.
    fn compare(&mut self, name: &'static str, requests: [ScoreRequest; 2]) {
        self.requests.extend(requests);
        self.kinds.extend([Kind::After(name), Kind::Alone(name)]);
    }

    /// The question which of two personas is preferred.
    pub(super) fn preference(request: ScoreRequest) -> Self {
        Self { requests: vec![request], kinds: vec![Kind::Preference], records: Vec::new() }
    }

    /// Reads the answers, in the order of the requests; a request that failed is `None`. The caller
    /// adds the computed signals.
    pub(super) fn read(&self, answers: &[Option<Vec<f32>>]) -> Raw {
        let mut raw = Raw::default();
        // Log probabilities of the same texts after their context, and alone.
        let mut compared: BTreeMap<&str, [Vec<f32>; 2]> = BTreeMap::new();
        for (at, (kind, answer)) in self.kinds.iter().zip(answers).enumerate() {
            let Some(log_probs) = answer else { continue };
            match kind {
                Kind::Label(name) => {
                    if let Some((expected, mass)) = expected_label(log_probs) {
                        raw.signals.insert((*name).to_owned(), expected);
                        raw.label_mass.insert((*name).to_owned(), rounded(mass));
                    }
                }
                // A text that could be read in only one of the two ways shows no gain.
                Kind::After(name) => {
                    let alone = answers.get(at + 1).and_then(Option::as_ref);
                    if let Some(alone) = alone.filter(|alone| alone.len() == log_probs.len()) {
                        let [all_after, all_alone] = compared.entry(name).or_default();
                        all_after.extend(log_probs);
                        all_alone.extend(alone);
                    }
                }
                Kind::Alone(_) => {}
                Kind::Preference => raw.preference = first_of_two(log_probs),
            }
        }
        for (name, [after, alone]) in compared {
            if let (Some(after), Some(alone)) = (mean(&after), mean(&alone)) {
                raw.signals.insert(name.to_owned(), after - alone);
            }
        }
        raw
    }
}

/// The mean label under the distribution over the labels alone, and the probability mass that the
/// labels hold together.
fn expected_label(log_probs: &[f32]) -> Option<(f64, f64)> {
    if log_probs.len() != LABELS.len() {
        return None;
    }
    let probabilities: Vec<f64> = log_probs.iter().map(|&l| f64::from(l).exp()).collect();
    let mass: f64 = probabilities.iter().sum();
    let weighted: f64 = probabilities.iter().zip(1..).map(|(p, label)| p * f64::from(label)).sum();
    (mass.is_finite() && mass > 0.0).then(|| (weighted / mass, mass))
}

/// The probability of the first of two labels, given that it is one of the two.
fn first_of_two(log_probs: &[f32]) -> Option<f64> {
    let [first, second] = log_probs else { return None };
    let preferred = 1.0 / (1.0 + f64::from(second - first).exp());
    preferred.is_finite().then_some(preferred)
}

fn mean(log_probs: &[f32]) -> Option<f64> {
    let sum: f64 = log_probs.iter().map(|&l| f64::from(l)).sum();
    (!log_probs.is_empty() && sum.is_finite()).then(|| sum / log_probs.len() as f64)
}

/// The tokens that a request's prompt takes, by the given counter; this is what judging costs.
pub(super) fn prompt_tokens(request: &ScoreRequest, count: impl Fn(&str) -> usize) -> usize {
    let prompt = match &request.prompt {
        ScorePrompt::Chat { shared, own } => {
            shared.iter().chain(own).map(|m| count(&m.content)).sum()
        }
        ScorePrompt::Raw(text) => count(text),
    };
    match &request.want {
        Want::Labels(_) => prompt,
        Want::Continuation(text) | Want::State(text) => prompt + count(text),
    }
}

/// Maps a draft's raw signals to 0..=1 and weighs them by what was measured. A signal that could not
/// be read leaves its weight to the others.
pub(super) fn verdict(measured: &BTreeMap<String, SignalReport>, raw: &Raw) -> Verdict {
    let mut signals = BTreeMap::new();
    let (mut sum, mut weights) = (0.0, 0.0);
    for (name, signal) in measured {
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
        // All controls have one value: a persona is at least as good as the good ones, or it is
        // not.
        f64::from(u8::from(value >= signal.high))
    }
}

/// Why the scores of this judge are coarse, where they are.
pub(super) fn coarseness(report: &JudgeReport) -> Option<String> {
    let model = &report.model;
    let answers = CRITERIA.iter().any(|(name, _)| report.signals.contains_key(*name));
    match (report.reads_digits, answers) {
        (false, _) => None,
        (true, true) => Some(format!(
            "{model} gives no probabilities: each of its criteria is one digit, and scores are coarse"
        )),
        (true, false) => Some(format!(
            "{model} gives neither probabilities nor the digit that it is asked for, as models do that think before they answer"
        )),
    }
}

/// Adds the computed signals of a persona to its raw ones.
pub(super) fn with_support(
    mut raw: Raw,
    corpus: &Corpus,
    persona: &Persona,
    wording: Wording,
) -> Raw {
    raw.signals.extend(support::signals(corpus, persona, wording));
    raw
}

/// Where a measurement is kept, by the model's hash, the controls' version and the wording; `None`
/// for a hash that is not a SHA-256.
pub(super) fn cache_file(cache: &Path, sha256: &str, wording: Wording) -> Option<PathBuf> {
    // Where a server runs the model, it also states the hash, which must not choose the path.
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    let name = format!("judge-{sha256}-v{VERSION}-{}.json", wording.as_str());
    is_hash.then(|| cache.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_label_weighs_labels_by_probability() {
        let (label, mass) =
            expected_label(&[0.1f32.ln(), -50.0, -50.0, -50.0, 0.3f32.ln()]).expect("labels");
        assert!((label - 4.0).abs() < 1e-5 && (mass - 0.4).abs() < 1e-5);
        assert!(expected_label(&[f32::NEG_INFINITY; 5]).is_none());
        assert!(expected_label(&[0.0]).is_none());
    }

    #[test]
    fn a_gain_is_of_texts_that_were_read_both_ways() {
        let kinds = vec![
            Kind::After(RECORD_GAIN),
            Kind::Alone(RECORD_GAIN),
            Kind::After(RECORD_GAIN),
            Kind::Alone(RECORD_GAIN),
        ];
        let questions = Questions { requests: Vec::new(), kinds, records: Vec::new() };
        let gain = |answers: [Option<f32>; 4]| {
            let answers = answers.map(|answer| answer.map(|log_prob| vec![log_prob]));
            questions.read(&answers).signals.get(RECORD_GAIN).copied()
        };
        assert_eq!(gain([Some(-1.0), Some(-2.0), Some(-1.0), Some(-4.0)]), Some(2.0));
        assert_eq!(gain([Some(-1.0), Some(-2.0), None, Some(-4.0)]), Some(1.0));
        assert_eq!(gain([None, Some(-2.0), Some(-1.0), None]), None);
    }

    #[test]
    fn a_hash_that_is_none_gets_no_path() {
        let cache = Path::new("cache");
        assert!(cache_file(cache, &"a".repeat(64), Wording::Free).is_some());
        assert!(cache_file(cache, "../../etc/passwd", Wording::Free).is_none());
    }
}
