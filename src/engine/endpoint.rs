//! One retry clock per endpoint, so that a sick endpoint sees one probe and not a storm.

use super::retry::RetryPolicy;

/// What the engine knows of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    /// Requests under way.
    pub(super) in_flight: usize,
    /// Failures in a row; above 0 the endpoint is sick.
    pub(super) failures: u32,
    /// No request before this time while sick.
    backoff_until: u64,
    /// No request before this time: the system asked for it.
    hold_until: u64,
    /// Counts up with every turn between well and sick. Requests started in an earlier epoch are old news.
    pub(super) epoch: u64,
    /// The request that tries whether the endpoint is well again.
    probes: usize,
    /// Of `in_flight`: batches with their quick retries used up.
    exhausted: usize,
    /// Whether the last request was one of those.
    exhausted_last: bool,
}

impl Endpoint {
    /// Whether a request may start now.
    pub(super) fn ready(&self, now: u64, max_in_flight: usize) -> bool {
        self.in_flight < max_in_flight
            && self.hold_until <= now
            && (self.failures == 0 || (self.probes == 0 && self.backoff_until <= now))
    }

    /// Whether a request of this epoch that has a place already may still start.
    pub(super) fn still_ready(&self, epoch: u64, now: u64) -> bool {
        self.hold_until <= now && (self.failures == 0 || self.epoch == epoch)
    }

    /// Whether a batch with its quick retries used up lets a fresh one go first: that one may be the trouble, and is
    /// to have one place at most, and every second turn.
    pub(super) fn prefers_fresh(&self) -> bool {
        self.exhausted > 0 || self.exhausted_last
    }

    /// When a request may start, if that is a matter of time.
    pub(super) fn wake(&self, max_in_flight: usize) -> Option<u64> {
        if self.in_flight >= max_in_flight || (self.failures > 0 && self.probes > 0) {
            return None;
        }
        let backoff = if self.failures > 0 { self.backoff_until } else { 0 };
        Some(self.hold_until.max(backoff))
    }

    /// Whether nothing is known of it any more.
    pub(super) fn forgettable(&self, now: u64) -> bool {
        self.in_flight == 0 && self.failures == 0 && self.hold_until <= now
    }

    /// A request starts. Returns its epoch.
    pub(super) fn started(&mut self, exhausted: bool) -> u64 {
        self.in_flight += 1;
        self.exhausted += usize::from(exhausted);
        self.exhausted_last = exhausted;
        if self.failures > 0 {
            self.probes += 1;
        }
        self.epoch
    }

    /// A request of this epoch is over, whatever its end.
    pub(super) fn ended(&mut self, epoch: u64, exhausted: bool) {
        self.in_flight -= 1;
        self.exhausted -= usize::from(exhausted);
        if epoch == self.epoch && self.failures > 0 {
            self.probes = self.probes.saturating_sub(1);
        }
    }

    /// The endpoint answered with more than "not now".
    pub(super) fn well(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
            self.probes = 0;
            self.epoch += 1;
        }
    }

    /// A request of this epoch failed; `asked` is what the system asked to wait.
    pub(super) fn sick(&mut self, epoch: u64, now: u64, asked: Option<u64>, policy: &RetryPolicy, seed: u64) {
        if let Some(asked) = asked {
            self.hold_until = self.hold_until.max(now.saturating_add(asked));
        }
        if epoch == self.epoch {
            self.failures = self.failures.saturating_add(1);
            self.probes = 0;
            self.epoch += 1;
            self.backoff_until = now.saturating_add(policy.backoff(self.failures, seed));
        }
    }
}
