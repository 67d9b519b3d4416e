//! How a judge's questions reach the model that judges.
//!
//! Owns the way of a question and its answer: to the engine as one stage, or to a server through a
//! log, as all requests to a server go. Equal questions are asked once. What is asked, and what an
//! answer means, is up to `judge`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::Mutex;

use super::buy::{self, Order, Till, Unbought};
use super::judge::{self, Questions, Raw};
use super::run::{Ended, next, stage_end};
use super::{Cancel, Models, Observer, PipelineError, Progress};
use crate::llm::{
    ChatRequest, Completion, LlmError, Output, Sampling, ScorePrompt, ScoreRequest, Usage, Want,
};
use crate::store::{CallCost, Purpose, Run};

/// Most tokens of an answer that writes a label: enough for JSON around it, and for the white space
/// that some servers add.
const LABEL_TOKENS: usize = 48;

/// For each request, which questions it answers: (item, place among the item's questions).
type Askers = Vec<Vec<(usize, usize)>>;

/// The models and callbacks that asking a judge takes.
pub struct Asking<'a> {
    pub(super) models: &'a Models,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a Cancel,
    /// What a judge on a server is asked through: the run's log, or outside a run one that is not
    /// kept.
    log: Mutex<&'a mut Run>,
    /// Why a question that was meant for a server has no answer: the first cause.
    unanswered: OnceLock<String>,
}

impl<'a> Asking<'a> {
    /// Asks the judge of these models; what a server is asked and answers goes through `log`.
    pub fn new(
        models: &'a Models,
        observer: &'a dyn Observer,
        cancel: &'a Cancel,
        log: &'a mut Run,
    ) -> Self {
        Self { models, observer, cancel, log: Mutex::new(log), unanswered: OnceLock::new() }
    }

    /// Why at least one question to a server has no answer; `None` where all were answered.
    pub(super) fn unanswered(&self) -> Option<&str> {
        self.unanswered.get().map(String::as_str)
    }

    /// Whether a criterion was read from the digit that a server wrote, for want of probabilities.
    pub(super) async fn has_read_digits(&self) -> bool {
        let log = self.log.lock().await;
        log.state.purchases.iter().any(|(purpose, purchase)| {
            let answer = purchase.answer.as_ref();
            matches!(purpose, Purpose::Judge(_)) && answer.is_some_and(|(a, _)| a.labels.is_none())
        })
    }

    /// Asks all questions as one stage. `keep` gets each item's signals once they are complete,
    /// with the run to log them in. Equal requests are sent once.
    pub(super) async fn ask(
        &self,
        items: &[Questions],
        mut keep: impl FnMut(&mut Run, usize, Raw) -> Result<(), PipelineError>,
    ) -> Result<Ended, PipelineError> {
        let mut log = self.log.lock().await;
        let run: &mut Run = &mut log;
        let (requests, askers) = distinct(items);
        if let Some(terms) = &self.models.judge_terms {
            let till = Till { paid: terms, run, observer: self.observer, cancel: self.cancel };
            let asked = (&requests[..], &askers);
            return ask_server(till, items, asked, &self.unanswered, keep).await;
        }
        let mut heard = Heard::nothing(items, askers.iter().map(Vec::as_slice));
        let mut open = items.len();
        for at in heard.complete() {
            keep(run, at, Raw::default())?;
            self.observer.on(Progress::UnitDone);
            open -= 1;
        }
        if open == 0 {
            return Ok(Ended::Done);
        }
        let mut gone = None;
        let mut stage = self.models.judge.score(requests);
        while let Some((request, answer)) = next(&mut stage, self.observer, self.cancel).await {
            let answer = match answer {
                Ok(log_probs) => Some(log_probs),
                Err(LlmError::Unavailable(cause)) => {
                    gone = Some(cause);
                    continue;
                }
                // These items lack this signal; their other signals still count.
                Err(_) => None,
            };
            let askers = askers.get(request).map_or(&[][..], Vec::as_slice);
            for item in heard.take(askers, answer.as_deref()) {
                keep(run, item, items[item].read(&heard.answers[item]))?;
                self.observer.on(Progress::UnitDone);
                open -= 1;
            }
        }
        stage_end(open, gone, self.cancel)
    }
}

impl Models {
    /// The prompt tokens of an item's questions; probabilities cost no answer tokens.
    pub(super) fn cost(&self, item: &Questions) -> CallCost {
        let count = |text: &str| self.judge.count_tokens(text);
        let prompt = item.requests.iter().map(|r| judge::prompt_tokens(r, count)).sum::<usize>();
        let usage = Usage { prompt: prompt as u64, ..Usage::default() };
        CallCost { usage, ..CallCost::default() }
    }
}

/// Asks a server through the log, as all requests to a server are made: an answer that is in the
/// log is not asked for again. A server gives only the probabilities of labels; signals that need
/// those of a text are missing, and the others count.
async fn ask_server(
    mut till: Till<'_>,
    items: &[Questions],
    (requests, askers): (&[ScoreRequest], &Askers),
    unanswered: &OnceLock<String>,
    mut keep: impl FnMut(&mut Run, usize, Raw) -> Result<(), PipelineError>,
) -> Result<Ended, PipelineError> {
    let (orders, asked) = orders(items, requests, askers);
    let mut heard = Heard::nothing(items, asked.iter().map(|(at, _)| &askers[*at][..]));
    let observer = till.observer;
    // An item that asks nothing a server can answer is done at once.
    for _ in heard.complete() {
        observer.on(Progress::UnitDone);
    }
    let mut gone = None;
    let hear = |_: &mut Run, order: usize, answer: Result<Completion, Unbought>| {
        let (at, labels) = asked[order];
        let answer = match answer {
            Ok(completion) => completion.label_log_probs(labels),
            Err(Unbought::Gone(cause)) => {
                gone = Some(cause);
                None
            }
            // These items lack this signal; their other signals still count.
            Err(cause) => {
                unanswered.get_or_init(|| cause.to_string());
                None
            }
        };
        for _ in heard.take(&askers[at], answer.as_deref()) {
            observer.on(Progress::UnitDone);
        }
        Ok(())
    };
    till.buy(&orders, hear).await?;
    if till.cancel.is_cancelled() || gone.is_some() {
        return stage_end(items.len(), gone, till.cancel);
    }
    for (at, item) in items.iter().enumerate() {
        keep(&mut *till.run, at, item.read(&heard.answers[at]))?;
    }
    Ok(Ended::Done)
}

/// The orders of those requests that a server can answer; for each, which request it is, and its labels.
fn orders<'r>(
    items: &[Questions],
    requests: &'r [ScoreRequest],
    askers: &Askers,
) -> (Vec<Order>, Vec<(usize, &'r [String])>) {
    let mut orders = Vec::new();
    let mut asked = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let (Want::Labels(labels), ScorePrompt::Chat { shared, own }) =
            (&request.want, &request.prompt)
        else {
            continue;
        };
        let carried = askers[at].iter().flat_map(|(item, _)| items[*item].records.clone());
        orders.push(Order {
            purpose: Purpose::Judge(buy::sha256(format!("{request:?}").as_bytes())),
            request: ChatRequest {
                shared: Arc::clone(shared),
                own: own.clone(),
                output: Output::Label(labels.clone().into()),
                sampling: Sampling { temperature: 0.0, ..Sampling::default() },
                max_tokens: LABEL_TOKENS,
            },
            records: carried.collect(),
        });
        asked.push((at, labels.as_slice()));
    }
    (orders, asked)
}

/// What was answered so far.
struct Heard {
    /// The answers to each item's questions; `None` where there is none.
    answers: Vec<Vec<Option<Vec<f32>>>>,
    /// How many answers each item still waits for.
    waiting: Vec<usize>,
}

impl Heard {
    /// Nothing yet, of requests that are asked by these.
    fn nothing<'a>(
        items: &[Questions],
        askers: impl Iterator<Item = &'a [(usize, usize)]>,
    ) -> Self {
        let mut waiting = vec![0; items.len()];
        for (item, _) in askers.flatten() {
            waiting[*item] += 1;
        }
        let answers = items.iter().map(|item| vec![None; item.requests.len()]).collect();
        Self { answers, waiting }
    }

    /// The items that wait for nothing.
    fn complete(&self) -> Vec<usize> {
        (0..self.waiting.len()).filter(|&item| self.waiting[item] == 0).collect()
    }

    /// Takes the answer to a request of these, or that there is none; the items that are complete now.
    fn take(&mut self, askers: &[(usize, usize)], answer: Option<&[f32]>) -> Vec<usize> {
        let mut complete = Vec::new();
        for &(item, question) in askers {
            self.answers[item][question] = answer.map(<[f32]>::to_vec);
            self.waiting[item] -= 1;
            if self.waiting[item] == 0 {
                complete.push(item);
            }
        }
        complete
    }
}

/// The distinct requests, and for each the questions that it answers.
fn distinct(items: &[Questions]) -> (Vec<ScoreRequest>, Askers) {
    let mut requests: Vec<ScoreRequest> = Vec::new();
    let mut askers: Askers = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (item, questions) in items.iter().enumerate() {
        for (place, request) in questions.requests.iter().enumerate() {
            let at = *known.entry(format!("{request:?}")).or_insert_with(|| {
                requests.push(request.clone());
                askers.push(Vec::new());
                requests.len() - 1
            });
            askers[at].push((item, place));
        }
    }
    (requests, askers)
}
