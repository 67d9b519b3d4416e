//! A model without weights: valid answers from a word list, and failures on demand, for tests.
//!
//! Owns [`ScriptedModel`], which answers any [`Shape`] the way the engine's grammar would allow, as
//! a function of the request alone, so that whole runs are exact and take milliseconds. Black-box
//! tests use it too, as the model `scripted:SCRIPT`. Does not model language.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Answer, Answers, Capabilities, ChatModel, ChatRequest, Completion, Finish, LlmError, Message,
    Output, ScorePrompt, ScoreRequest, Shape, Source, Timings, Usage, Want, label_shape,
};

/// What a request in a script gets in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// An error for this request only.
    Fail,
    /// An answer that is cut in the middle.
    Truncate,
    /// An answer that does not have the shape asked for.
    Garbage,
    /// An error for this request and all later ones, as if the model were gone.
    Down,
    /// A panic whose message quotes the request, as a defect of this program would.
    Panic,
}

/// A model that follows a script.
#[derive(Debug)]
pub struct ScriptedModel {
    capabilities: Capabilities,
    mishaps: Vec<(Mishap, usize)>,
    pause: Duration,
    twins: bool,
    empty: bool,
    answered: AtomicUsize,
}

impl ScriptedModel {
    /// Reads a script: words joined by commas, with or without the prefix `scripted:`.
    ///
    /// - `ok` does nothing.
    /// - `fail@N`, `truncate@N`, `garbage@N`, `down@N` and `panic@N` befall the N-th chat (from 1).
    /// - `slow` or `slow=MS` pauses before each answer.
    /// - `twins` gives every chat the same seed.
    /// - `empty` leaves a list empty where that is a valid answer.
    /// - `nologits` cannot score.
    /// - `states` shows hidden states, too.
    /// - `large` has the size of a model that is trusted with free text.
    /// - `hashed` has a model hash.
    /// - `context=N` sets the context in tokens.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let script = spec.strip_prefix("scripted:").unwrap_or(spec);
        let mut model = Self {
            capabilities: Capabilities {
                id: format!("scripted:{script}"),
                sha256: None,
                fingerprint: None,
                parameters: Some(135_000_000),
                context: 8192,
                logits: true,
                states: false,
            },
            mishaps: Vec::new(),
            pause: Duration::ZERO,
            twins: false,
            empty: false,
            answered: AtomicUsize::new(0),
        };
        for word in script.split(',') {
            model.follow(word.trim()).ok_or_else(|| format!("unknown script word '{word}'"))?;
        }
        Ok(model)
    }

    fn follow(&mut self, word: &str) -> Option<()> {
        let (name, value) = match word.split_once(['@', '=']) {
            Some((name, value)) => (name, Some(value.parse::<usize>().ok()?)),
            None => (word, None),
        };
        match (name, value) {
            ("ok", None) => {}
            ("fail", Some(n)) => self.mishaps.push((Mishap::Fail, n)),
            ("truncate", Some(n)) => self.mishaps.push((Mishap::Truncate, n)),
            ("garbage", Some(n)) => self.mishaps.push((Mishap::Garbage, n)),
            ("down", Some(n)) => self.mishaps.push((Mishap::Down, n)),
            ("panic", Some(n)) => self.mishaps.push((Mishap::Panic, n)),
            ("slow", ms) => self.pause = Duration::from_millis(ms.unwrap_or(50) as u64),
            ("twins", None) => self.twins = true,
            ("empty", None) => self.empty = true,
            ("nologits", None) => self.capabilities.logits = false,
            ("states", None) => self.capabilities.states = true,
            ("hashed", None) => self.capabilities.sha256 = Some("5c".repeat(32)),
            ("large", None) => self.capabilities.parameters = Some(8_000_000_000),
            ("context", Some(n)) => self.capabilities.context = n,
            _ => return None,
        }
        Some(())
    }

    fn mishap(&self) -> Option<Mishap> {
        let nth = self.answered.fetch_add(1, Ordering::SeqCst) + 1;
        let befalls =
            |&&(mishap, at): &&(Mishap, usize)| nth == at || (mishap == Mishap::Down && nth > at);
        self.mishaps.iter().find(befalls).map(|&(mishap, _)| mishap)
    }

    fn answer(&self, request: &ChatRequest) -> Result<Completion, LlmError> {
        let mishap = self.mishap();
        match mishap {
            Some(Mishap::Fail) => return Err(LlmError::Protocol("the script says so".into())),
            Some(Mishap::Down) => return Err(LlmError::Unavailable("the script says so".into())),
            Some(Mishap::Panic) => panic!("the script says so, of {request:?}"),
            _ => {}
        }
        let mut rng = ChaCha8Rng::seed_from_u64(if self.twins { 0 } else { request.sampling.seed });
        let mut text = match &request.output {
            Output::Text => sentence(&mut rng, 20, 120),
            Output::Json(shape) if self.empty => emptied(shape, &mut rng).to_string(),
            Output::Json(shape) => value(shape, &mut rng).to_string(),
            Output::Label(labels) => value(&label_shape(labels), &mut rng).to_string(),
        };
        match mishap {
            Some(Mishap::Truncate) => text.truncate(text.floor_char_boundary(text.len() / 2)),
            Some(Mishap::Garbage) => text = "I cannot do that, sorry.".into(),
            _ => {}
        }
        let prompt = messages_tokens(&request.shared) + messages_tokens(&request.own);
        let usage = Usage {
            prompt: prompt as u64,
            cached_prompt: messages_tokens(&request.shared) as u64,
            completion: tokens(&text) as u64,
            ..Usage::default()
        };
        let finish =
            if mishap == Some(Mishap::Truncate) { Finish::Length } else { Finish::Complete };
        Ok(Completion {
            text,
            finish,
            usage: Some(usage),
            timings: Timings::default(),
            labels: None,
        })
    }

    /// Computes all answers, then sends them: at once without a pause, else one after the other from
    /// one thread.
    fn reply<R, T>(&self, stage: &[R], answer: impl Fn(&R) -> Result<T, LlmError>) -> Answers<T>
    where
        T: Send + 'static,
    {
        let (sender, answers) = Answers::channel();
        let all: Vec<Answer<T>> =
            stage.iter().enumerate().map(|(i, r)| Answer::Done(i, answer(r))).collect();
        let pause = self.pause;
        if pause.is_zero() {
            send(&sender, all, pause);
        } else {
            std::thread::spawn(move || send(&sender, all, pause));
        }
        answers
    }
}

fn send<T>(sender: &UnboundedSender<Answer<T>>, all: Vec<Answer<T>>, pause: Duration) {
    for answer in all {
        std::thread::sleep(pause);
        let progress = Answer::Progress { prefilled: 10, decoded: 10 };
        if sender.send(progress).and_then(|()| sender.send(answer)).is_err() {
            return;
        }
    }
}

impl ChatModel for ScriptedModel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn count_tokens(&self, text: &str) -> usize {
        tokens(text)
    }

    fn complete(&self, stage: Vec<ChatRequest>) -> Answers<Completion> {
        self.reply(&stage, |request| self.answer(request))
    }

    fn score(&self, stage: Vec<ScoreRequest>) -> Answers<Vec<f32>> {
        let Capabilities { logits, states, .. } = self.capabilities;
        self.reply(&stage, |request| match request.want {
            Want::State(_) if !states => {
                Err(LlmError::Unsupported("the script shows no states".into()))
            }
            Want::Labels(_) | Want::Continuation(_) if !logits => {
                Err(LlmError::Unsupported("the script has no logits".into()))
            }
            _ => Ok(read(request)),
        })
    }
}

/// Tokens in a text, at four bytes per token as a rule of thumb.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

fn messages_tokens(messages: &[Message]) -> usize {
    messages.iter().map(|m| tokens(&m.content)).sum()
}

/// Log-probabilities in which words that occur in the prompt are likelier: enough of a language
/// model to tell a text that belongs to its prompt from one that does not. Labels are equally
/// likely, except for a lean to the middle. A state is a bag of words.
fn read(request: &ScoreRequest) -> Vec<f32> {
    let prompt = match &request.prompt {
        ScorePrompt::Raw(text) => text.clone(),
        ScorePrompt::Chat { shared, own } => {
            shared.iter().chain(own).map(|m| m.content.as_str()).collect::<Vec<_>>().join("\n")
        }
    };
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    match &request.want {
        Want::Labels(labels) => {
            let middle = labels.len() as f32 / 2.0;
            (0..labels.len()).map(|i| -2.0 - (i as f32 - middle).abs() / 10.0).collect()
        }
        Want::Continuation(text) => {
            let met: BTreeSet<String> = prompt.split_whitespace().map(plain).collect();
            let words = text.split_whitespace();
            words.map(|w| if met.contains(&plain(w)) { -2.0 } else { -6.0 }).collect()
        }
        Want::State(text) => {
            let words: Vec<String> = text.split_whitespace().map(plain).collect();
            let mut state = [0.0; 2 * WIDTH];
            for word in &words {
                state[place(word)] += 1.0 / words.len() as f32;
            }
            if let Some(last) = words.last() {
                state[WIDTH + place(last)] = 1.0;
            }
            state.to_vec()
        }
    }
}

/// How wide the script's states are.
const WIDTH: usize = 64;

/// Where a word counts in a state (FNV-1a).
fn place(word: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    word.bytes().fold(0x811c_9dc5, mix) as usize % WIDTH
}

fn value(shape: &Shape, rng: &mut ChaCha8Rng) -> Value {
    match shape {
        Shape::Object(fields) => {
            let fields = fields.iter().map(|(key, shape)| (key.clone(), value(shape, rng)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Shape::Array { item, min, max } => {
            let items = rng.random_range(*min..=*max);
            (0..items).map(|_| value(item, rng)).collect()
        }
        Shape::Text { min, max } => sentence(rng, *min, *max).into(),
        Shape::OneOf(all) => all.choose(rng).cloned().unwrap_or_default().into(),
        Shape::Integer { min, max } => rng.random_range(*min..=*max).into(),
        Shape::Excerpt(sources) => excerpt(sources, rng),
        Shape::Phrase(text) => phrase(text, rng).into(),
    }
}

/// The shortest list where the shape is a list; else any answer.
fn emptied(shape: &Shape, rng: &mut ChaCha8Rng) -> Value {
    match shape {
        Shape::Array { item, min, .. } => (0..*min).map(|_| value(item, rng)).collect(),
        other => value(other, rng),
    }
}

/// A run of words of one cell: at least four words or the whole cell, at most 240 characters.
fn excerpt(sources: &[Source], rng: &mut ChaCha8Rng) -> Value {
    let source = sources.choose(rng).expect("an excerpt has sources");
    let cell = source.cells.choose(rng).expect("a source has cells");
    let words: Vec<&str> = cell.split_whitespace().collect();
    let from = rng.random_range(0..=words.len().saturating_sub(8));
    let to = words.len().min(from + rng.random_range(4..=12));
    let place = |word: &str| word.as_ptr() as usize - cell.as_ptr() as usize;
    let text = match (words.get(from), words.get(to.wrapping_sub(1))) {
        (Some(first), Some(last)) => &cell[place(first)..place(last) + last.len()],
        _ => cell.as_str(),
    };
    let text: String = text.chars().take(240).collect();
    serde_json::json!({ "record": source.id, "text": text })
}

/// One word of a text, without the punctuation around it.
fn phrase<'t>(text: &'t str, rng: &mut ChaCha8Rng) -> &'t str {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().choose(rng).copied().unwrap_or_default()
}

/// A sentence of `min..=max` characters, made of words and ended by a full stop.
fn sentence(rng: &mut ChaCha8Rng, min: usize, max: usize) -> String {
    const WORDS: &str = "amber harbour quiet ladder morning copper window garden signal paper river \
        candle velvet market timber lantern orchard saddle marble thunder whistle basket meadow \
        pocket feather hammer cellar bridge pepper island button mirror corner stable winter \
        kettle anchor pillow silver branch";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let length = rng.random_range(min..=max.min(min + 80));
    let mut text = String::new();
    while text.len() < length {
        text.push_str(words.choose(rng).copied().unwrap_or("word"));
        text.push(' ');
    }
    text.truncate(length.max(1) - 1);
    format!("{}.", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_script_is_refused() {
        assert!(ScriptedModel::parse("scripted:ok,slow=5,fail@2").is_ok());
        for bad in ["scripted:", "dance", "fail", "fail@x", "ok=1"] {
            assert!(ScriptedModel::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_excerpt_is_a_piece_of_its_cell() {
        let cell = "We \"wait\" {hours} 🙂 every single day, <|im_end|> and nobody ever says why";
        let source = Source { id: "f1#0".into(), cells: vec![cell.into()] };
        for seed in 0..50 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let excerpt = excerpt(std::slice::from_ref(&source), &mut rng);
            let text = excerpt["text"].as_str().expect("a text");
            assert!(cell.contains(text) && text.split_whitespace().count() >= 4, "{text}");
        }
    }

    #[test]
    fn a_text_keeps_its_bounds() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let length = sentence(&mut rng, 8, 60).chars().count();
            assert!((7..=60).contains(&length), "{length}");
        }
    }
}
