//! How much personal data is found, in figures.
//!
//! Counts by token, as the published figures of Microsoft Presidio do. A token is a run of letters
//! and digits; punctuation does not count. Overall, a token is either personal or not; by entity,
//! its kind must be right. Forms of address (TITLE, PREFIX) and dates count neither way, since the
//! labels do not say which date is a date of birth.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use persona::config::Environment;
use persona::engine::token_classifier::TokenClassifier;
use persona::engine::{DeviceChoice, Engine, EngineOptions};
use persona::hub::{self, ModelRef};
use persona::llm::embedded::EmbeddedModel;
use persona::pipeline::{Asked, Cancel, Tagger};
use persona::privacy::{Entity, FinderError, FinderId, Span, SpanFinder, detect, detect_twice};
use serde::Deserialize;

/// Tokens found rightly, found wrongly, and missed.
#[derive(Default, Clone, Copy)]
struct Counts {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Counts {
    fn precision(self) -> f64 {
        self.right as f64 / usize::max(self.right + self.wrong, 1) as f64
    }

    fn recall(self) -> f64 {
        self.right as f64 / usize::max(self.right + self.missed, 1) as f64
    }

    /// The F2 score, in which recall counts twice as much as precision.
    fn f2(self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r == 0.0 { 0.0 } else { 5.0 * p * r / (4.0 * p + r) }
    }
}

/// The label of a piece of text.
#[derive(Clone, Copy)]
enum Label {
    Personal(&'static str),
    /// A piece that counts neither way.
    Open,
}

/// A text with its labelled byte ranges.
#[derive(Clone)]
struct Labelled {
    text: String,
    spans: Vec<(usize, usize, Label)>,
}

#[derive(Default)]
struct Measured {
    overall: Counts,
    by_entity: BTreeMap<&'static str, Counts>,
    /// The texts with mistakes, and what they are.
    mistakes: Vec<String>,
}

fn measure(texts: &[Labelled]) -> Measured {
    let found: Vec<Vec<Span>> = texts.iter().map(|labelled| detect(&labelled.text)).collect();
    compare(texts, &found)
}

/// Compares the findings in each text with its labels.
fn compare(texts: &[Labelled], found: &[Vec<Span>]) -> Measured {
    let mut measured = Measured::default();
    for (Labelled { text, spans }, found) in texts.iter().zip(found) {
        let mut mistakes = Vec::new();
        for (start, end) in tokens(text) {
            let meets = |a: usize, b: usize| a < end && start < b;
            let label = spans.iter().find(|(a, b, _)| meets(*a, *b)).map(|span| span.2);
            let found = found.iter().find(|span| meets(span.start, span.end));
            let found = found.map(|span| named(span.entity));
            let label = match label {
                Some(Label::Open) => continue,
                Some(Label::Personal(name)) => Some(name),
                None => None,
            };
            match (label, found) {
                (Some(_), Some(_)) => measured.overall.right += 1,
                (None, Some(_)) => measured.overall.wrong += 1,
                (Some(_), None) => measured.overall.missed += 1,
                (None, None) => {}
            }
            if label.is_some() != found.is_some() {
                mistakes.push(&text[start..end]);
            }
            match (label, found) {
                (Some(label), Some(found)) if label == found => {
                    measured.by_entity.entry(label).or_default().right += 1;
                }
                _ => {
                    if let Some(found) = found {
                        measured.by_entity.entry(found).or_default().wrong += 1;
                    }
                    if let Some(label) = label {
                        measured.by_entity.entry(label).or_default().missed += 1;
                    }
                }
            }
        }
        if !mistakes.is_empty() {
            measured.mistakes.push(format!("{text:?}: {mistakes:?}"));
        }
    }
    measured
}

/// Byte ranges of the runs of letters and digits.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        match tokens.last_mut() {
            Some(last) if last.1 == at => last.1 = at + c.len_utf8(),
            _ => tokens.push((at, at + c.len_utf8())),
        }
    }
    tokens
}

/// The label of an entity. A web address with a scheme and a bare domain have the same label.
fn named(entity: Entity) -> &'static str {
    if entity == Entity::Url { Entity::DomainName.name() } else { entity.name() }
}

fn label(name: &str) -> Label {
    if matches!(name, "TITLE" | "PREFIX" | "DATE_TIME") {
        return Label::Open;
    }
    let name = if name == "US_DRIVER_LICENSE" { "DRIVER_LICENSE" } else { name };
    let entity = Entity::ALL.iter().find(|entity| entity.name() == name);
    Label::Personal(named(*entity.unwrap_or_else(|| panic!("unknown entity {name}"))))
}

fn print(title: &str, measured: &Measured) {
    println!("{title}\n{:16} precision  recall     F2  right wrong missed", "");
    let rows = measured.by_entity.iter().map(|(name, counts)| (*name, *counts));
    for (name, counts) in rows.chain([("overall", measured.overall)]) {
        println!(
            "{name:16}     {:.3}   {:.3}  {:.3}  {:5} {:5} {:6}",
            counts.precision(),
            counts.recall(),
            counts.f2(),
            counts.right,
            counts.wrong,
            counts.missed
        );
    }
}

#[test]
fn sentences_of_research_data_keep_their_floor() {
    #[derive(Deserialize)]
    struct Line {
        text: String,
        spans: Vec<(usize, usize, String)>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pii_labelled.json");
    let lines: Vec<Line> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts: Vec<Labelled> = lines
        .into_iter()
        .map(|line| Labelled {
            spans: line.spans.iter().map(|(a, b, name)| (*a, *b, label(name))).collect(),
            text: line.text,
        })
        .collect();
    assert!(texts.len() >= 80);
    let measured = measure(&texts);
    print("hand-labelled sentences, never trained on", &measured);
    println!("{}", measured.mistakes.join("\n"));
    let person = measured.by_entity["PERSON"];
    assert!(measured.overall.f2() >= 0.92, "overall F2 {:.3}", measured.overall.f2());
    assert!(person.recall() >= 0.90, "recall of people {:.3}", person.recall());
    assert!(person.precision() >= 0.90, "precision of people {:.3}", person.precision());
}

/// The development half (even template ids) is used to train and tune; the other half only to
/// measure.
#[test]
fn generated_sentences_meet_the_goals_on_templates_never_seen() {
    let Some([development, held_out]) = generated() else { return };
    let (development, held_out) = (measure(&development), measure(&held_out));
    print("development half", &development);
    print("held-out half", &held_out);
    let person = held_out.by_entity["PERSON"];
    assert!(held_out.overall.f2() >= 0.85, "overall F2 {:.3}", held_out.overall.f2());
    assert!(person.recall() >= 0.90, "recall of people {:.3}", person.recall());
    assert!(person.precision() >= 0.80, "precision of people {:.3}", person.precision());
    // The held-out half has no IP address.
    for checked in ["EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN"] {
        let recall = held_out.by_entity[checked].recall();
        assert!(recall >= 0.98, "recall of {checked} {recall:.3}");
    }
    assert!(development.by_entity["IP_ADDRESS"].recall() >= 0.98);
}

/// Measures what a second pass adds and costs, by the models of `PERSONA_TEST_PII_MODEL` (names or
/// folders, separated by commas), on a sample of each half. Nothing is asserted: it helps to choose
/// a model.
#[test]
#[ignore = "asks a language model for minutes"]
fn a_second_pass_is_measured() {
    let models = std::env::var("PERSONA_TEST_PII_MODEL");
    let models = models.unwrap_or_else(|_| crate::real_model::NAME.to_owned());
    let size = std::env::var("PERSONA_TEST_PII_SENTENCES").map_or(150, |n| n.parse().unwrap());
    let Some(halves) = generated() else { return };
    for name in models.split(',') {
        let finder = Remembers(finder(name), RefCell::default());
        for (half, texts) in ["development half", "held-out half"].into_iter().zip(&halves) {
            // Spread over the whole half, so that every template is represented.
            let every = (texts.len() / size).max(1);
            let sample: Vec<Labelled> =
                texts.iter().step_by(every).take(size).map(Labelled::clone).collect();
            let texts: Vec<&str> = sample.iter().map(|labelled| labelled.text.as_str()).collect();
            let begun = std::time::Instant::now();
            let alone = finder.find(&texts).unwrap();
            let both = detect_twice(&texts, &finder).unwrap();
            let seconds = begun.elapsed().as_secs_f64() / texts.len() as f64;
            print(&format!("{half}, {} sentences, rules alone", texts.len()), &measure(&sample));
            print(&format!("{half}, {name} alone"), &compare(&sample, &alone));
            print(&format!("{half}, rules and {name}"), &compare(&sample, &both));
            println!("{seconds:.2} seconds a sentence");
        }
    }
}

/// A finder that remembers its findings, so that the model is asked about each text once.
struct Remembers(Box<dyn SpanFinder>, RefCell<BTreeMap<String, Vec<Span>>>);

impl SpanFinder for Remembers {
    fn identity(&self) -> &FinderId {
        self.0.identity()
    }

    fn find(&self, texts: &[&str]) -> Result<Vec<Vec<Span>>, FinderError> {
        let mut known = self.1.borrow_mut();
        let new: Vec<&str> =
            texts.iter().copied().filter(|text| !known.contains_key(*text)).collect();
        let found = self.0.find(&new)?;
        known.extend(new.into_iter().map(str::to_owned).zip(found));
        Ok(texts.iter().map(|text| known[*text].clone()).collect())
    }
}

fn finder(name: &str) -> Box<dyn SpanFinder> {
    let cancel = Cancel::default();
    if Path::new(name).is_dir() {
        let classifier = TokenClassifier::load(Path::new(name), DeviceChoice::Cpu).unwrap();
        return Box::new(Tagger::new(classifier, name.to_owned(), cancel).0);
    }
    let options = Environment::read().hub_options();
    let file = hub::locate(&ModelRef::parse(name).unwrap(), &options);
    let file = file.unwrap_or_else(|| panic!("the model {name} is not on this machine")).path;
    let engine = Engine::load(&file, &EngineOptions::default()).unwrap();
    Box::new(Asked::new(Arc::new(EmbeddedModel::new(engine, name)), cancel))
}

/// Presidio's generated sentences: the development half, and the half that is only measured.
fn generated() -> Option<[Vec<Labelled>; 2]> {
    #[derive(Deserialize)]
    struct Sentence {
        full_text: String,
        template_id: u32,
        spans: Vec<Piece>,
    }
    #[derive(Deserialize)]
    struct Piece {
        entity_type: String,
        entity_value: String,
        /// First character, not byte, as for `end_position`.
        start_position: usize,
        end_position: usize,
    }
    let Some(data) = std::env::var_os("PERSONA_TEST_DATA") else {
        eprintln!("skipped: PERSONA_TEST_DATA not set");
        return None;
    };
    let path = Path::new(&data).join("pii/presidio_generated_large.json");
    let sentences: Vec<Sentence> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let half = |odd: u32| -> Vec<Labelled> {
        let chosen = sentences.iter().filter(|s| s.template_id % 2 == odd);
        chosen
            .map(|sentence| {
                let mut bytes: Vec<usize> =
                    sentence.full_text.char_indices().map(|(at, _)| at).collect();
                bytes.push(sentence.full_text.len());
                let mut spans = Vec::new();
                for piece in &sentence.spans {
                    let (start, end) = (bytes[piece.start_position], bytes[piece.end_position]);
                    assert_eq!(sentence.full_text[start..end], piece.entity_value);
                    // "Dr. Ana Ruiz" is labelled as a whole; the form of address counts neither way.
                    let title =
                        if piece.entity_type == "PERSON" { title(&piece.entity_value) } else { 0 };
                    spans.push((start, start + title, Label::Open));
                    spans.push((start + title, end, label(&piece.entity_type)));
                }
                Labelled { text: sentence.full_text.clone(), spans }
            })
            .collect()
    };
    Some([half(0), half(1)])
}

/// Length in bytes of a form of address at the start of a name, with what separates it from the
/// name.
fn title(name: &str) -> usize {
    const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam"];
    let word = name.split(|c: char| !c.is_alphabetic()).next().unwrap();
    if !TITLES.contains(&word.to_lowercase().as_str()) {
        return 0;
    }
    let rest = &name[word.len()..];
    word.len() + (rest.len() - rest.trim_start_matches(['.', ' ']).len())
}
