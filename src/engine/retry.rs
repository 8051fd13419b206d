//! The retry decision: one pure function.

use crate::destination::Verdict;

/// When and how often a failed request is sent again.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Quick retries after the first attempt. Default 3.
    pub retry_limit: u32,
    /// The unit of the quick schedule, ms: no wait before the first retry, then `backoff_factor * 2^(n-1)` before
    /// the n-th. Default 250, which gives 0, 0.5 s, 1 s.
    pub backoff_factor: u64,
    /// The longest wait before a quick retry, jitter aside, and between the probes that follow, ms. Default 60,000.
    pub max_backoff: u64,
    /// The longest `Retry-After` that is honoured, ms. Default 1 h.
    pub max_retry_after: u64,
    /// What happens after the quick retries. Default: the batch is kept.
    pub on_exhausted: OnExhausted,
}

/// What happens to a batch whose quick retries are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnExhausted {
    /// It stays pending, and its endpoint is probed until an answer comes or the events are too old.
    #[default]
    Keep,
    /// It is dropped, as the vendors' clients do.
    Drop,
}

/// What a failed attempt was, as far as the decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// An answer or a transport error that says: not now.
    NotNow,
    /// The request was too large and holds more than one event.
    TooLarge,
    /// An answer that no retry can change.
    Final,
}

/// What to do with a batch after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The answer settles it.
    Settle,
    /// Send the halves.
    Split,
    /// One of the quick retries, `delay` ms from now.
    Retry {
        /// How long to wait, ms.
        delay: u64,
    },
    /// The quick retries are used up: keep it, and probe `delay` ms from now.
    Probe {
        /// How long to wait, ms.
        delay: u64,
    },
    /// The quick retries are used up, and the policy says to give up.
    GiveUp,
    /// The events are too old.
    Expire,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retry_limit: 3,
            backoff_factor: 250,
            max_backoff: 60_000,
            max_retry_after: 60 * 60 * 1_000,
            on_exhausted: OnExhausted::default(),
        }
    }
}

impl RetryPolicy {
    /// Decides after the `attempt`-th attempt (1 for the first) failed in the way of `failure`.
    ///
    /// `retry_after` is what the system asked for, `left` how long the events may still be kept, both in ms;
    /// `seed` makes the jitter. The same arguments always give the same decision.
    pub fn decide(
        &self,
        attempt: u32,
        failure: Failure,
        retry_after: Option<u64>,
        left: u64,
        seed: u64,
    ) -> Decision {
        match failure {
            Failure::Final => return Decision::Settle,
            Failure::TooLarge => return Decision::Split,
            Failure::NotNow => {}
        }
        if left == 0 {
            return Decision::Expire;
        }
        let quick = attempt <= self.retry_limit;
        if !quick && self.on_exhausted == OnExhausted::Drop {
            return Decision::GiveUp;
        }
        let delay = match self.asked(retry_after) {
            Some(asked) => asked.max(self.backoff(attempt, seed)),
            None => self.backoff(attempt, seed),
        };
        if quick { Decision::Retry { delay } } else { Decision::Probe { delay } }
    }

    /// How long to wait after the `failures`-th failure in a row, ms, jitter included.
    pub fn backoff(&self, failures: u32, seed: u64) -> u64 {
        let unit = splitmix(seed ^ u64::from(failures).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32;
        // Of spans of up to 49 days, so that the product has 64 bits.
        let jitter = |span: u64| (span.min(u64::from(u32::MAX)) * unit) >> 32;
        if failures <= self.retry_limit {
            let wait = match failures {
                0 | 1 => 0,
                n => (self.backoff_factor.min(1 << 40) << (n - 1).min(20)).min(self.max_backoff),
            };
            return wait + jitter((wait / 4).max(self.backoff_factor / 5).min(self.max_backoff / 4));
        }
        let step = (failures - self.retry_limit).min(20);
        let wait = (1_000u64 << step).min(self.max_backoff).max(1);
        wait / 2 + jitter(wait - wait / 2)
    }

    /// A `Retry-After` within the bounds of this policy.
    pub fn asked(&self, retry_after: Option<u64>) -> Option<u64> {
        retry_after.map(|ms| ms.min(self.max_retry_after))
    }
}

impl Failure {
    /// The kind of failure a verdict is, for a batch of `count` events. Delivered counts as final.
    pub fn of(verdict: &Verdict, count: usize) -> Self {
        match verdict {
            Verdict::Retry { .. } => Self::NotNow,
            Verdict::Split(_) if count > 1 => Self::TooLarge,
            _ => Self::Final,
        }
    }
}

/// A well-mixed number from a seed (SplitMix64's finalizer).
pub(crate) fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(policy: &RetryPolicy, attempt: u32, after: Option<u64>, seed: u64) -> Decision {
        policy.decide(attempt, Failure::NotNow, after, u64::MAX, seed)
    }

    #[test]
    fn quick_schedule_is_the_vendors_plus_jitter() {
        let policy = RetryPolicy::default();
        for seed in 0..1_000 {
            for (attempt, low, high) in [(1, 0, 50), (2, 500, 625), (3, 1_000, 1_250)] {
                let Decision::Retry { delay } = delay(&policy, attempt, None, seed) else {
                    panic!("attempt {attempt} is within the limit");
                };
                assert!((low..=high).contains(&delay), "attempt {attempt}, seed {seed}: {delay}");
            }
        }
    }

    #[test]
    fn probes_grow_to_the_cap_and_stay() {
        let policy = RetryPolicy::default();
        for seed in 0..1_000 {
            for (attempt, high) in [(4, 2_000), (5, 4_000), (9, 60_000), (1_000_000, 60_000)] {
                let Decision::Probe { delay } = delay(&policy, attempt, None, seed) else {
                    panic!("attempt {attempt} is past the limit");
                };
                assert!((high / 2..=high).contains(&delay), "attempt {attempt}, seed {seed}: {delay}");
            }
        }
    }

    #[test]
    fn retry_after_is_a_floor_within_its_bound() {
        let policy = RetryPolicy::default();
        assert_eq!(delay(&policy, 1, Some(7_000), 1), Decision::Retry { delay: 7_000 });
        assert_eq!(delay(&policy, 1, Some(u64::MAX), 1), Decision::Retry { delay: 3_600_000 });
        let Decision::Retry { delay } = delay(&policy, 3, Some(1), 1) else { panic!("a quick retry") };
        assert!(delay >= 1_000);
    }

    #[test]
    fn exhaustion_age_and_final_answers() {
        let drop = RetryPolicy { on_exhausted: OnExhausted::Drop, ..RetryPolicy::default() };
        assert_eq!(delay(&drop, 4, None, 1), Decision::GiveUp);
        assert_eq!(drop.decide(1, Failure::NotNow, None, 0, 1), Decision::Expire);
        assert_eq!(drop.decide(1, Failure::Final, None, 0, 1), Decision::Settle);
        assert_eq!(drop.decide(1, Failure::TooLarge, None, 9, 1), Decision::Split);
    }
}
