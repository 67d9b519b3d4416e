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
use super::run::{Stage, next, stage_end};
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
    ) -> Result<Stage, PipelineError> {
        let mut log = self.log.lock().await;
        let run: &mut Run = &mut log;
        let (requests, askers) = distinct(items);
        if let Some(terms) = &self.models.judge_terms {
            let till = Till { paid: terms, run, observer: self.observer, cancel: self.cancel };
            let asked = (&requests[..], &askers);
            return ask_server(till, items, asked, &self.unanswered, keep).await;
        }
        let mut answers: Vec<Vec<Option<Vec<f32>>>> =
            items.iter().map(|item| vec![None; item.requests.len()]).collect();
        let mut waiting: Vec<usize> = items.iter().map(|item| item.requests.len()).collect();
        let mut open = items.len();
        for at in (0..items.len()).filter(|&at| items[at].requests.is_empty()) {
            keep(run, at, Raw::default())?;
            self.observer.on(Progress::UnitDone);
            open -= 1;
        }
        if open == 0 {
            return Ok(Stage::Done);
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
            for &(item, question) in askers.get(request).into_iter().flatten() {
                answers[item][question].clone_from(&answer);
                waiting[item] -= 1;
                if waiting[item] == 0 {
                    keep(run, item, items[item].read(&answers[item]))?;
                    self.observer.on(Progress::UnitDone);
                    open -= 1;
                }
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
) -> Result<Stage, PipelineError> {
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
        asked.push((at, labels));
    }
    let mut answers: Vec<Vec<Option<Vec<f32>>>> =
        items.iter().map(|item| vec![None; item.requests.len()]).collect();
    // How many answers each item still waits for. An item that asks nothing a server can answer is
    // done at once.
    let mut waiting = vec![0_usize; items.len()];
    for (item, _) in asked.iter().flat_map(|(at, _)| &askers[*at]) {
        waiting[*item] += 1;
    }
    let observer = till.observer;
    for _ in waiting.iter().filter(|waiting| **waiting == 0) {
        observer.on(Progress::UnitDone);
    }
    let mut gone = None;
    let hear = |_: &mut Run, order: usize, answer: Result<Completion, Unbought>| {
        let (at, labels) = asked[order];
        for (item, _) in &askers[at] {
            waiting[*item] -= 1;
            if waiting[*item] == 0 {
                observer.on(Progress::UnitDone);
            }
        }
        match answer {
            Ok(completion) => {
                let read = completion.label_log_probs(labels);
                for &(item, question) in &askers[at] {
                    answers[item][question].clone_from(&read);
                }
            }
            Err(Unbought::Gone(cause)) => gone = Some(cause),
            // These items lack this signal; their other signals still count.
            Err(cause) => {
                unanswered.get_or_init(|| cause.to_string());
            }
        }
        Ok(())
    };
    till.buy(&orders, hear).await?;
    if till.cancel.is_cancelled() || gone.is_some() {
        return stage_end(items.len(), gone, till.cancel);
    }
    for (at, item) in items.iter().enumerate() {
        keep(&mut *till.run, at, item.read(&answers[at]))?;
    }
    Ok(Stage::Done)
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
