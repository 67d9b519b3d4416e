//! What a run's paid calls were allowed and what they cost.
//!
//! Every attempt is booked at its worst case before it is sent and settled after it. An attempt
//! that is never settled, because the process died or the bill is unknown, stays booked in full; so
//! the sum of all bookings never passes the cap, over a kill and all resumes together. The account
//! is computed from the log and is never written down itself.

use std::collections::BTreeMap;

use super::{MicroUsd, Price, cost};
use crate::llm::Usage;

/// All paid attempts of a run, by their number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    attempts: BTreeMap<u64, Booking>,
}

/// One attempt of a paid call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    /// The most that the attempt can cost.
    pub reserved: MicroUsd,
    /// What the attempt did cost, once that is known.
    pub settled: Option<MicroUsd>,
    /// What the service claims beyond the most that the attempt could cost.
    pub overrun: MicroUsd,
}

impl Booking {
    /// The amount that counts: what was settled, else what was reserved.
    pub fn charged(self) -> MicroUsd {
        self.settled.unwrap_or(self.reserved)
    }
}

impl Account {
    /// The number for the next attempt.
    pub fn next(&self) -> u64 {
        self.attempts.last_key_value().map_or(0, |(last, _)| last.saturating_add(1))
    }

    /// Whether an attempt that may cost `worst` stays within `cap` whatever else happens. A cap of
    /// 0 allows no attempt, not even one that costs nothing.
    pub fn allows(&self, worst: MicroUsd, cap: Option<MicroUsd>) -> bool {
        let Some(cap) = cap else { return true };
        let after = self.charged().checked_add(worst);
        cap > MicroUsd(0) && after.is_some_and(|after| after <= cap)
    }

    /// Books an attempt at its worst case.
    pub fn reserve(&mut self, attempt: u64, worst: MicroUsd) {
        let booking = Booking { reserved: worst, settled: None, overrun: MicroUsd(0) };
        self.attempts.insert(attempt, booking);
    }

    /// Settles an attempt, at no more than what was booked for it. A larger bill is kept apart, as
    /// [`Self::overrun`].
    pub fn settle(&mut self, attempt: u64, cost: MicroUsd) {
        if let Some(booking) = self.attempts.get_mut(&attempt) {
            booking.settled = Some(cost.min(booking.reserved));
            booking.overrun = MicroUsd(cost.0.saturating_sub(booking.reserved.0));
        }
    }

    /// What services claim beyond what their attempts could cost: they did not keep to the limits
    /// of the requests, so that no cap binds them, and are to be asked nothing more.
    pub fn overrun(&self) -> MicroUsd {
        let all = self.attempts.values().map(|booking| booking.overrun.0);
        MicroUsd(all.fold(0, u64::saturating_add))
    }

    /// The amount that counts for one attempt; 0 when it was never booked.
    pub fn charged_for(&self, attempt: u64) -> MicroUsd {
        self.attempts.get(&attempt).map_or(MicroUsd(0), |booking| booking.charged())
    }

    /// The amount that counts for all attempts: the figure that the cap limits.
    pub fn charged(&self) -> MicroUsd {
        self.attempts.values().map(|booking| booking.charged()).sum()
    }

    /// The part of [`Self::charged`] that comes from bookings whose bill is unknown.
    pub fn unsettled(&self) -> MicroUsd {
        self.attempts.values().filter(|b| b.settled.is_none()).map(|b| b.reserved).sum()
    }

    /// Number of attempts so far.
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }
}

/// The most that an attempt can cost: every prompt token at the highest prompt price, since it may
/// be written to the provider's cache, and an answer at its limit.
pub fn worst_case(price: &Price, prompt: u64, answer: u64) -> MicroUsd {
    cost(price, Usage { prompt, cache_written: prompt, completion: answer, ..Usage::default() })
}

/// What an answered attempt costs by its usage. `None` where the bill is unknown: the usage is
/// missing, or states that nothing was read. Usage beyond what was allowed is told by [`exceeds`].
pub fn bill(price: &Price, usage: Option<Usage>) -> Option<MicroUsd> {
    let usage = usage.filter(|usage| usage.prompt > 0)?;
    Some(cost(price, usage))
}

/// The most tokens that an attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostTokens {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of the answer.
    pub answer: u64,
}

/// Whether a service states that it used more than it was allowed to.
pub fn exceeds(usage: Usage, most: MostTokens) -> bool {
    usage.prompt > most.prompt || usage.completion > most.answer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price() -> Price {
        Price::parse("3/15", "anthropic", "test").unwrap()
    }

    #[test]
    fn a_cap_of_nothing_allows_nothing() {
        let account = Account::default();
        assert!(!account.allows(MicroUsd(0), Some(MicroUsd(0))));
        assert!(account.allows(MicroUsd(5), Some(MicroUsd(5))));
        assert!(!account.allows(MicroUsd(6), Some(MicroUsd(5))));
        assert!(account.allows(MicroUsd(u64::MAX), None));
    }

    #[test]
    fn what_is_never_settled_stays_charged_in_full() {
        let mut account = Account::default();
        account.reserve(account.next(), MicroUsd(70));
        account.reserve(account.next(), MicroUsd(30));
        account.settle(0, MicroUsd(10));
        assert_eq!((account.charged(), account.unsettled()), (MicroUsd(40), MicroUsd(30)));
        assert!(!account.allows(MicroUsd(61), Some(MicroUsd(100))));
        account.settle(1, MicroUsd(1_000));
        assert_eq!(account.charged(), MicroUsd(40), "a bill above the booking is cut to it");
        assert_eq!((account.unsettled(), account.attempts()), (MicroUsd(0), 2));
    }

    #[test]
    fn an_attempt_gets_a_number_that_no_other_had() {
        let mut account = Account::default();
        assert_eq!(account.next(), 0);
        account.reserve(7, MicroUsd(1));
        account.reserve(3, MicroUsd(1));
        assert_eq!(account.next(), 8);
        account.settle(5, MicroUsd(9));
        assert_eq!(account.charged(), MicroUsd(2), "nothing was booked as number 5");
    }

    #[test]
    fn a_usage_without_a_prompt_is_no_bill_and_one_beyond_the_booking_is_an_overrun() {
        let booked = worst_case(&price(), 1_000, 200);
        let bill = |prompt, completion| {
            bill(&price(), Some(Usage { prompt, completion, ..Usage::default() }))
        };
        assert_eq!(bill(800, 100), Some(MicroUsd(800 * 3 + 100 * 15)));
        assert_eq!((bill(0, 100), super::bill(&price(), None)), (None, None));
        let mut account = Account::default();
        account.reserve(0, booked);
        account.settle(0, bill(1_000, 5_000).unwrap());
        assert_eq!(account.charged(), booked, "the cap is held against what was agreed");
        assert_eq!(account.overrun(), MicroUsd(1_000 * 3 + 5_000 * 15 - booked.0));
        account.reserve(1, booked);
        account.settle(1, bill(u64::MAX, u64::MAX).unwrap());
        assert!(account.overrun() > MicroUsd(u64::MAX - booked.0 - 1), "no sum overflows");
    }

    #[test]
    fn the_worst_case_counts_writing_the_prompt_to_the_cache() {
        assert_eq!(worst_case(&price(), 1_000, 0), MicroUsd(3_750));
        let openai = Price::parse("3/15", "openai", "test").unwrap();
        assert_eq!(worst_case(&openai, 1_000, 0), MicroUsd(3_000));
    }

    /// What happens to an attempt in a schedule.
    #[derive(Debug, Clone)]
    enum Outcome {
        /// It is answered, with the usage that the service states.
        Answered(Option<Usage>),
        /// It is turned away: nothing was generated.
        Free,
        /// It timed out after it was billed, or the process died and was started again.
        Lost,
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        let usage = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>());
        let usage = usage.prop_map(|(prompt, cached, written, completion, absurd)| {
            // Half of the usages are plausible, the others arbitrary.
            let bound = |n: u64, most: u64| if absurd { n } else { n % (most + 1) };
            Usage {
                prompt: bound(prompt, 2_000),
                cached_prompt: bound(cached, 2_000),
                cache_written: bound(written, 2_000),
                completion: bound(completion, 500),
                reasoning: 0,
            }
        });
        prop_oneof![
            4 => prop::option::of(usage).prop_map(Outcome::Answered),
            1 => Just(Outcome::Free),
            1 => Just(Outcome::Lost),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        /// Calls overlap by up to `parallel`, end in any order, are retried, lost, or answered with
        /// a usage that is missing or absurd.
        #[test]
        fn no_schedule_spends_more_than_its_cap(
            cap in 0_u64..60_000,
            parallel in 1_usize..9,
            calls in prop::collection::vec((1_u64..2_000, 1_u64..500, outcome(), any::<u8>()), 1..40),
        ) {
            let cap = MicroUsd(cap);
            let mut account = Account::default();
            let mut in_flight: Vec<(u64, Outcome)> = Vec::new();
            for (prompt, answer, outcome, order) in calls {
                let worst = worst_case(&price(), prompt, answer);
                if account.allows(worst, Some(cap)) {
                    let attempt = account.next();
                    account.reserve(attempt, worst);
                    in_flight.push((attempt, outcome));
                }
                prop_assert!(account.charged() <= cap);
                if in_flight.len() >= parallel {
                    let (attempt, outcome) =
                        in_flight.remove(usize::from(order) % in_flight.len());
                    match outcome {
                        Outcome::Answered(usage) => {
                            if let Some(cost) = bill(&price(), usage) {
                                account.settle(attempt, cost);
                            }
                        }
                        Outcome::Free => account.settle(attempt, MicroUsd(0)),
                        Outcome::Lost => {}
                    }
                }
                prop_assert!(account.charged() <= cap);
            }
        }
    }
}
