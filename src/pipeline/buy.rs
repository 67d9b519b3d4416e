//! Paid calls: who may be asked, how often, and for how much.
//!
//! Owns the order of money and network: an attempt is booked at its worst case, on disk, before it
//! is sent; its answer is on disk before it is used; and an answer that the log has is never bought
//! again. What is done with an answer is up to the caller.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use base16ct::lower::encode_string;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep_until};

use super::{Cancel, Observer, PipelineError, Progress};
use crate::ledger::{MicroUsd, MostTokens, Price, UPPER_ATTEMPTS, bill, exceeds, worst_case};
use crate::llm::{Answer, Answers, Billing, ChatModel, ChatRequest, Completion, LlmError, Usage};
use crate::schema::RecordId;
use crate::store::{Event, Purpose, Run};

/// Most attempts at one order. Attempts whose bill is unknown also count against
/// [`UPPER_ATTEMPTS`].
const ATTEMPTS: u32 = 6;
/// Usual wait before the second attempt: long enough for a busy service to recover, short enough not
/// to be noticed.
pub const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest wait between two attempts; an order for which the service asks a longer one is given up.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Orders in a row that fail because of the service before the service is taken for gone.
const GONE_AFTER: usize = 3;

/// A model that costs money, and on what terms.
#[derive(Clone)]
pub struct Paid {
    /// The model that is asked.
    pub model: Arc<dyn ChatModel>,
    /// The service's host, for the record of what left the machine.
    pub host: String,
    /// What the service charges for tokens.
    pub price: Price,
    /// What all paid calls of the run may cost together.
    pub cap: Option<MicroUsd>,
    /// Most calls in flight at a time.
    pub parallel: usize,
    /// Wait before the second attempt, usually [`FIRST_WAIT`]; it doubles with each further attempt.
    pub first_wait: Duration,
    /// Whether the service is on this machine.
    pub local: bool,
    /// Looks at each request as it would be sent; `None` lets everything pass.
    pub gate: Option<Gate>,
}

/// A check of a request body, which returns why it must not leave this machine. The reason repeats
/// no value.
pub type Gate = Arc<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// A request to be bought, and what for.
pub(super) struct Order {
    pub(super) purpose: Purpose,
    pub(super) request: ChatRequest,
    /// Records whose text the request carries.
    pub(super) records: Vec<RecordId>,
}

/// Why an order has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unbought {
    /// The cap leaves no room for the worst case.
    #[error("not asked: it may cost {worst}, and {left} of --max-cost {cap} is left")]
    OverBudget { worst: MicroUsd, left: MicroUsd, cap: MicroUsd },
    /// The request holds something that must not leave the machine.
    #[error("not sent: {0}")]
    Withheld(String),
    /// The service failed, or its answer was of no use.
    #[error("{0}")]
    Failed(String),
    /// The service was given up after other orders failed.
    #[error("not asked: {0}")]
    Gone(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Unbought {
    /// Whether the service was given up.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_))
    }

    /// The cause in the service's own words, where it lies there.
    pub(super) fn of_service(&self) -> String {
        match self {
            Self::Failed(cause) | Self::Gone(cause) => cause.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the cause lies with the service rather than with this order.
    pub(super) fn is_of_service(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Gone(_))
    }
}

/// Books, sends and settles the calls of a run.
pub(super) struct Till<'a> {
    pub(super) paid: &'a Paid,
    pub(super) run: &'a mut Run,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a Cancel,
}

/// An order that has no answer yet.
struct Waiting {
    at: usize,
    attempts: u32,
    /// Attempts whose bill is unknown.
    uncertain: u64,
    not_before: Instant,
}

/// An attempt that was sent and has no answer yet.
struct InFlight {
    order: Waiting,
    attempt: u64,
    booked: MicroUsd,
    /// What it may use.
    most: MostTokens,
    answers: Answers<Completion>,
}

/// The state of the calls of one stage.
#[derive(Default)]
struct Calls {
    /// Orders still to be sent, in the order in which they were given.
    waiting: VecDeque<Waiting>,
    in_flight: Vec<InFlight>,
    /// Orders in a row that failed because of the service.
    failures: usize,
    /// Why the service is not asked any more; `None` while it is.
    gone: Option<String>,
}

/// Callback that takes the outcome of an order, by the order's index.
pub(super) trait Keep:
    FnMut(&mut Run, usize, Result<Completion, Unbought>) -> Result<(), PipelineError>
{
}

impl<F> Keep for F where
    F: FnMut(&mut Run, usize, Result<Completion, Unbought>) -> Result<(), PipelineError>
{
}

/// What became of an order that was to be sent.
enum Sending {
    InFlight(InFlight),
    /// The gate lets nothing of this order, known by its index, leave the machine.
    Withheld {
        at: usize,
        reason: String,
    },
}

/// What a till that can send nothing more for now waits for.
enum News {
    /// An answer or error, with its index among the calls in flight.
    Answer(usize, Result<Completion, LlmError>),
    /// It is time for another attempt.
    Clock,
    Cancelled,
}

impl Till<'_> {
    /// Buys what the log does not have yet, at most `parallel` at a time, earlier orders first.
    /// `keep` gets each outcome as it comes. Units of the stage are for the caller to report.
    pub(super) async fn buy(
        &mut self,
        orders: &[Order],
        mut keep: impl Keep,
    ) -> Result<(), PipelineError> {
        let now = Instant::now();
        // What a service did to an earlier process is not forgotten.
        let overrun = self.run.state.account.overrun();
        let gone = (overrun > MicroUsd(0)).then(|| overran(overrun));
        let mut calls = Calls { gone, ..Calls::default() };
        for (at, order) in orders.iter().enumerate() {
            let bought = self.run.state.purchases.get(&order.purpose);
            if let Some((answer, _)) = bought.and_then(|purchase| purchase.answer.clone()) {
                keep(self.run, at, Ok(answer))?;
            } else {
                calls.waiting.push_back(Waiting { at, attempts: 0, uncertain: 0, not_before: now });
            }
        }
        loop {
            self.turn_away(&mut calls, &mut keep)?;
            let asked_at = self.send_ready(&mut calls, orders, &mut keep)?;
            self.tell_of_money();
            if calls.in_flight.is_empty() && calls.waiting.is_empty() {
                return Ok(());
            }
            match self.news(&mut calls, asked_at).await {
                News::Clock | News::Cancelled => {}
                News::Answer(index, Ok(answer)) => {
                    let sent = calls.in_flight.remove(index);
                    self.book_answer(&sent, &answer, &mut calls)?;
                    keep(self.run, sent.order.at, Ok(answer))?;
                }
                News::Answer(index, Err(error)) => {
                    let sent = calls.in_flight.remove(index);
                    if let Some(at) = self.book_failure(sent, &error, &mut calls)? {
                        keep(self.run, at, Err(Unbought::Failed(error.to_string())))?;
                    }
                }
            }
        }
    }

    /// Gives up the orders that wait, where the service is gone or the user wants to stop. Calls in
    /// flight are waited for: they are being paid for.
    fn turn_away(&mut self, calls: &mut Calls, keep: &mut impl Keep) -> Result<(), PipelineError> {
        let cause = match &calls.gone {
            Some(cause) => Unbought::Gone(cause.clone()),
            None if self.cancel.is_cancelled() => Unbought::Interrupted,
            None => return Ok(()),
        };
        for order in calls.waiting.drain(..) {
            keep(self.run, order.at, Err(cause.clone()))?;
        }
        Ok(())
    }

    /// Sends the orders that are ready, as far as there is room and money. Returns the moment at
    /// which readiness was decided, which [`Till::news`] must be given: with a later one, an order
    /// that becomes ready in between would be neither sent nor waited for.
    fn send_ready(
        &mut self,
        calls: &mut Calls,
        orders: &[Order],
        keep: &mut impl Keep,
    ) -> Result<Instant, PipelineError> {
        let most_in_flight = self.paid.parallel.max(1);
        let mut now = Instant::now();
        while calls.in_flight.len() < most_in_flight {
            now = Instant::now();
            // An order that waits for another attempt keeps its place: a service that is too busy
            // for it would be too busy for a new one.
            let begun = calls.waiting.iter().filter(|order| order.attempts > 0).count();
            let has_room = calls.in_flight.len() + begun < most_in_flight;
            let is_ready =
                |order: &Waiting| order.not_before <= now && (order.attempts > 0 || has_room);
            let Some(next) = calls.waiting.iter().position(is_ready) else { break };
            let order = &orders[calls.waiting[next].at];
            let most = MostTokens {
                prompt: self.paid.model.upper_prompt_tokens(&order.request),
                answer: order.request.max_tokens as u64,
            };
            let worst = worst_case(&self.paid.price, most.prompt, most.answer);
            let is_affordable = self.run.state.account.allows(worst, self.paid.cap);
            if !is_affordable && !calls.in_flight.is_empty() {
                // Some of the booked money comes back when the calls in flight are settled.
                break;
            }
            let Some(waiting) = calls.waiting.remove(next) else { break };
            if !is_affordable {
                let refused = self.over_budget(worst);
                keep(self.run, waiting.at, Err(refused))?;
                continue;
            }
            match self.send(waiting, order, worst, most)? {
                Sending::InFlight(sent) => calls.in_flight.push(sent),
                Sending::Withheld { at, reason } => {
                    keep(self.run, at, Err(Unbought::Withheld(reason)))?;
                }
            }
        }
        Ok(now)
    }

    /// Puts an answer and its bill on disk.
    fn book_answer(
        &mut self,
        sent: &InFlight,
        answer: &Completion,
        calls: &mut Calls,
    ) -> Result<(), PipelineError> {
        let cost = bill(&self.paid.price, answer.usage);
        let answered = Event::Answered { attempt: sent.attempt, cost, answer: answer.clone() };
        self.run.record(answered)?;
        calls.failures = 0;
        let excess = answer.usage.filter(|usage| exceeds(*usage, sent.most));
        if let Some(usage) = excess.filter(|_| sent.booked > MicroUsd(0)) {
            let note = too_much(usage, sent.most);
            self.observer.on(Progress::Note(&note));
            self.run.record(Event::Noted { note: note.clone() })?;
            calls.gone.get_or_insert(note);
        }
        Ok(())
    }

    /// Puts a failure on disk and its order back in line. Returns the order's index where no
    /// further attempt is to be made.
    fn book_failure(
        &mut self,
        sent: InFlight,
        error: &LlmError,
        calls: &mut Calls,
    ) -> Result<Option<usize>, PipelineError> {
        let may_be_billed = error.billing() == Billing::Unknown;
        self.run.record(Event::Unanswered {
            attempt: sent.attempt,
            may_be_billed,
            cause: error.to_string(),
        })?;
        let mut order = sent.order;
        // `Adapted` means that the request was changed to suit the service. That does not count as
        // an attempt: each change is made only once.
        order.attempts += u32::from(!matches!(error, LlmError::Adapted { .. }));
        order.uncertain += u64::from(may_be_billed);
        if let Some(wait) = self.wait(&order, error).filter(|_| calls.gone.is_none()) {
            order.not_before = Instant::now() + wait;
            // Back in its old place: earlier orders go first.
            let place = calls.waiting.partition_point(|waiting| waiting.at < order.at);
            calls.waiting.insert(place, order);
            return Ok(None);
        }
        calls.failures += usize::from(error.is_transient());
        if matches!(error, LlmError::Auth(_)) || calls.failures >= GONE_AFTER {
            calls.gone.get_or_insert_with(|| error.to_string());
        }
        Ok(Some(order.at))
    }

    fn tell_of_money(&self) {
        let charged = self.run.state.account.charged();
        if charged > MicroUsd(0) {
            self.observer.on(Progress::Spent { charged, cap: self.paid.cap });
        }
    }

    /// Books an attempt, on disk, and then sends it, unless the gate holds it back.
    fn send(
        &mut self,
        waiting: Waiting,
        order: &Order,
        booked: MicroUsd,
        most: MostTokens,
    ) -> Result<Sending, PipelineError> {
        let body = self.paid.model.outgoing(&order.request);
        if let Some(gate) = &self.paid.gate
            && let Err(reason) = gate(&body)
        {
            return Ok(Sending::Withheld { at: waiting.at, reason });
        }
        let attempt = self.run.state.account.next();
        self.run.record(Event::Reserved {
            attempt,
            purpose: order.purpose.clone(),
            amount: booked,
            host: self.paid.host.clone(),
            records: order.records.clone(),
            bytes: body.len() as u64,
            sha256: sha256(&body),
            local: self.paid.local,
        })?;
        let answers = self.paid.model.complete(vec![order.request.clone()]);
        Ok(Sending::InFlight(InFlight { order: waiting, attempt, booked, most, answers }))
    }

    fn over_budget(&self, worst: MicroUsd) -> Unbought {
        let cap = self.paid.cap.unwrap_or_default();
        let left = MicroUsd(cap.0.saturating_sub(self.run.state.account.charged().0));
        Unbought::OverBudget { worst, left, cap }
    }

    /// How long to wait before the next attempt; `None` when no further one is to be made.
    fn wait(&self, order: &Waiting, error: &LlmError) -> Option<Duration> {
        if !error.is_transient()
            || order.attempts >= ATTEMPTS
            || order.uncertain >= UPPER_ATTEMPTS
            || self.cancel.is_cancelled()
        {
            return None;
        }
        let asked = match error {
            LlmError::Adapted { .. } => return Some(Duration::ZERO),
            LlmError::Busy { retry_after, .. } => retry_after.unwrap_or_default(),
            LlmError::Failing { retry_after, .. } => *retry_after,
            _ => Duration::ZERO,
        };
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.paid.first_wait)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(ATTEMPTS as usize)
            .with_jitter()
            .build();
        let own = waits.nth(order.attempts as usize - 1)?.min(LONGEST_WAIT);
        (asked <= LONGEST_WAIT).then_some(own.max(asked))
    }

    /// Waits for the first answer, the time of the next attempt, or the user's wish to stop. Orders
    /// that were ready at `asked_at` wait for an answer, not for the clock.
    async fn news(&self, calls: &mut Calls, asked_at: Instant) -> News {
        let times = calls.waiting.iter().map(|order| order.not_before);
        let wake = times.filter(|at| *at > asked_at).min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
        let observer = self.observer;
        let in_flight = &mut calls.in_flight;
        let answer = poll_fn(|context| poll_all(in_flight, observer, context));
        tokio::select! {
            (index, answer) = answer => News::Answer(index, answer),
            () = sleep_until(wake) => News::Clock,
            () = self.cancel.cancelled(), if !self.cancel.is_cancelled() => News::Cancelled,
        }
    }
}

/// As [`too_much`], for a process that finds it in the log.
fn overran(overrun: MicroUsd) -> String {
    format!(
        "the service said earlier that it used more tokens than it was allowed, {overrun} beyond what was reserved, so that no further call is made"
    )
}

/// The reason to buy nothing more from a service that used more tokens than the request allowed:
/// what it bills is unknown, and the next call may be as dear.
fn too_much(usage: Usage, most: MostTokens) -> String {
    let MostTokens { prompt, answer } = most;
    format!(
        "the service says that it used {} prompt and {} answer tokens where {prompt} and {answer} are the most: what it bills may be more than was reserved, so that no further call is made",
        usage.prompt, usage.completion
    )
}

pub(super) fn sha256(body: &[u8]) -> String {
    encode_string(&Sha256::digest(body))
}

fn poll_all(
    in_flight: &mut [InFlight],
    observer: &dyn Observer,
    context: &mut Context<'_>,
) -> Poll<(usize, Result<Completion, LlmError>)> {
    for (index, sent) in in_flight.iter_mut().enumerate() {
        loop {
            match sent.answers.poll_next(context) {
                Poll::Ready(Some(Answer::Done(_, answer))) => return Poll::Ready((index, answer)),
                Poll::Ready(Some(Answer::Progress { prefilled, decoded })) => {
                    observer.on(Progress::Tokens { prefilled, decoded });
                }
                Poll::Ready(None) => {
                    let silent =
                        LlmError::Unavailable("the model went away without an answer".into());
                    return Poll::Ready((index, Err(silent)));
                }
                Poll::Pending => break,
            }
        }
    }
    Poll::Pending
}
