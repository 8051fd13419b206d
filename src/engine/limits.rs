//! The bounds an engine keeps.

use super::retry::RetryPolicy;

/// Positions within a segment and a batch are 32 bits wide.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// The bounds an engine keeps. Every one of them has a default that suits a server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of pending events, every held copy counted (plain records and sealed requests). Default 64 MiB.
    /// Outcomes that nobody has fetched yet may take as much again.
    /// A third is kept free for sealed copies. Below some KiB even one event and its sealed copy may not fit.
    pub max_queue_bytes: usize,
    /// Of these, bytes of the records alone. For systems whose vendors bound that; without effect for others. Default: no
    /// bound of its own.
    pub max_plain_bytes: usize,
    /// Pending events. Default 1,000,000.
    pub max_queue_events: u64,
    /// Bytes of one encoded event. Default 2 MiB less 64 KiB for framing. Never more than a quarter of
    /// `max_queue_bytes`, and so much that its sealed copy fits into a third.
    pub max_event_bytes: usize,
    /// Requests under way at once, for each endpoint. Default 8.
    pub max_in_flight: usize,
    /// How long a request may take, ms. Default 5,000.
    pub request_timeout: u64,
    /// How long an event is kept for delivery, ms. Default 24 h.
    pub max_age: u64,
    /// When and how often a failed request is sent again.
    pub retry: RetryPolicy,
    /// What happens to a new event when a bound is reached. Default: it is refused.
    pub when_full: WhenFull,
    /// The size of a queue segment, bytes. Default 64 KiB.
    pub segment_bytes: usize,
}

/// What happens when a new event finds the queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// The new event is refused, with an error to the caller and a counter.
    #[default]
    DropNewest,
    /// The oldest events that are not under way are dropped, each with an outcome, until the new one fits; one that is
    /// in a batch, which waits to be sent again, goes with its batch.
    DropOldest,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_queue_bytes: 64 << 20,
            max_plain_bytes: usize::MAX,
            max_queue_events: 1_000_000,
            max_event_bytes: (2 << 20) - (64 << 10),
            max_in_flight: 8,
            request_timeout: 5_000,
            max_age: 24 * 60 * 60 * 1_000,
            retry: RetryPolicy::default(),
            when_full: WhenFull::default(),
            segment_bytes: 64 << 10,
        }
    }
}

impl Limits {
    /// The part of the queue that is kept free for sealed copies. One batch always fits.
    pub(super) fn sealed_reserve(&self) -> usize {
        self.max_queue_bytes / 3
    }

    /// The most bytes of one batch: so many that its sealed copy fits into the reserve.
    pub(crate) fn largest_batch(&self, sealed_bound: impl Fn(usize) -> usize) -> usize {
        let mut bytes = (self.max_queue_bytes / 4).min(MAX_BATCH_BYTES);
        while bytes > 1 && sealed_bound(bytes) > self.sealed_reserve() {
            bytes -= bytes.div_ceil(16);
        }
        bytes.max(1)
    }
}
