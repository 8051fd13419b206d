//! What became of events, and the books.

use std::fmt;

use std::collections::VecDeque;

use crate::destination::{BatchId, Cause};

/// The application's own mark on an event, given back with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tag {
    /// A number.
    Number(u64),
    /// A text of at most 1,024 bytes.
    Text(Box<str>),
}

impl Tag {
    /// What it holds besides itself.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

/// What became of one tagged event, or of all untagged events of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What became of them.
    pub fate: Fate,
    /// The event's tag; with a tag, `count` is 1.
    pub tag: Option<Tag>,
    /// The bytes of a tagged event, where the system [gives them back](crate::destination::Destination::RETURNS_RECORDS).
    pub record: Option<Box<[u8]>>,
    /// How many events this speaks of.
    pub count: u64,
    /// The batch they were in, if they ever were in one.
    pub batch: Option<BatchId>,
    /// Whether the system may have taken them although they count as lost: an answer went missing on the way.
    pub possibly_delivered: bool,
}

/// Outcomes that wait to be fetched.
#[derive(Debug, Default)]
pub(super) struct Untold {
    outcomes: VecDeque<Outcome>,
    /// Bytes of their text tags and records.
    held: usize,
}

/// So much they may always take.
pub(super) const MIN_UNTOLD: usize = 64 << 10;

impl Untold {
    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// What they hold.
    pub(super) fn bytes(&self) -> usize {
        self.outcomes.len() * size_of::<Outcome>() + self.held
    }

    pub(super) fn push(&mut self, outcome: Outcome) {
        match self.outcomes.back_mut() {
            // So that they do not pile up, one for each event, while nobody polls.
            Some(last) if last.is_more_of(&outcome) => last.count += outcome.count,
            _ => {
                self.held += outcome.held();
                self.outcomes.push_back(outcome);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<Outcome> {
        let outcome = self.outcomes.pop_front()?;
        self.held -= outcome.held();
        Some(outcome)
    }

    /// Forgets those that came after the first `len`; how many events they were of.
    pub(super) fn forget(&mut self, len: usize) -> u64 {
        let mut events = 0;
        while self.outcomes.len() > len
            && let Some(outcome) = self.outcomes.pop_back()
        {
            self.held -= outcome.held();
            events += outcome.count;
        }
        events
    }
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The system has taken it.
    Delivered,
    /// It was sent, but the system does not confirm. Counted as delivered.
    Unconfirmed,
    /// The system refused it for good.
    Rejected(Cause),
    /// It was not delivered within `max_age`.
    Expired,
    /// It was given up.
    Dropped(DropReason),
}

/// Why an event was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full and newer events took its place.
    Overflow,
    /// The quick retries were used up and the policy says to drop. Holds the last failure.
    Exhausted(Cause),
    /// The tracker was closed before it could be delivered.
    Closed,
    /// The application discarded what was waiting (no consent).
    Disabled,
    /// The library failed; a bug.
    Internal,
}

/// The books. At every instant `accepted = delivered + rejected + expired + dropped + pending`.
// The npm package reads them in this order, the last aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
#[non_exhaustive]
pub struct Stats {
    /// Events taken into the queue.
    pub accepted: u64,
    /// Events the system has taken, unconfirmed ones included.
    pub delivered: u64,
    /// Events the system refused for good.
    pub rejected: u64,
    /// Events that were not delivered within `max_age`.
    pub expired: u64,
    /// Events given up.
    pub dropped: u64,
    /// Events waiting or under way.
    pub pending: u64,
    /// Of `delivered`: events the system did not confirm.
    pub unconfirmed: u64,
    /// Events refused at the call because the queue was full; not in `accepted`.
    pub refused_full: u64,
    /// Events refused at the call because they were invalid; not in `accepted`.
    pub invalid: u64,
    /// Events that a `before_send` hook dropped; not in `accepted`.
    pub filtered: u64,
    /// Events left out by sampling; not in `accepted`.
    pub sampled_out: u64,
    /// Events recorded while disabled or closed; not in `accepted`.
    pub ignored: u64,
    /// Batches sealed.
    pub batches: u64,
    /// Requests started, retries included.
    pub requests: u64,
    /// Of `requests`: those that sent a batch again.
    pub retries: u64,
    /// Bytes of the records in the requests started, before framing and compression.
    pub plain_bytes: u64,
    /// Bytes of the sealed batches in the requests started.
    pub sent_bytes: u64,
    /// Events sent again after an answer was lost, once for each time: the most duplicates there can be.
    pub maybe_duplicated: u64,
    /// Bytes held now: pending records, their text tags, and sealed batches.
    pub queued_bytes: u64,
    /// Of `dropped`: given up for newer ones because the queue was full.
    pub dropped_overflow: u64,
}

/// What became of the events that were pending when a flush or close began. Those that had ended by then are in
/// [`Stats`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Events the system has taken.
    pub delivered: u64,
    /// Events the system refused for good.
    pub rejected: u64,
    /// Events that were too old.
    pub expired: u64,
    /// Events given up.
    pub dropped: u64,
    /// Events still waiting or under way.
    pub pending: u64,
}

impl Outcome {
    /// What it holds besides itself.
    fn held(&self) -> usize {
        let tag = self.tag.as_ref().map_or(0, Tag::bytes);
        tag + self.record.as_ref().map_or(0, |record| record.len())
    }

    /// Whether both are of untagged events that ended alike.
    pub(super) fn is_more_of(&self, other: &Self) -> bool {
        let (a, b) = (self, other);
        // Those of a batch come together anyway.
        a.batch.is_none()
            && b.batch.is_none()
            && a.tag.is_none()
            && b.tag.is_none()
            && a.fate.kind() == b.fate.kind()
    }
}

impl Fate {
    /// A number for the kind of it.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Delivered => 0,
            Self::Unconfirmed => 1,
            Self::Rejected(_) => 2,
            Self::Expired => 3,
            Self::Dropped(DropReason::Exhausted(_)) => 4,
            Self::Dropped(DropReason::Overflow) => 5,
            Self::Dropped(DropReason::Closed) => 6,
            Self::Dropped(_) => 7,
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, fate: &Fate, count: u64) {
        match fate {
            Fate::Delivered | Fate::Unconfirmed => self.delivered += count,
            Fate::Rejected(_) => self.rejected += count,
            Fate::Expired => self.expired += count,
            Fate::Dropped(_) => self.dropped += count,
        }
        self.pending -= count;
    }
}

impl Stats {
    pub(super) fn add(&mut self, fate: &Fate, count: u64) {
        match fate {
            Fate::Delivered => self.delivered += count,
            Fate::Unconfirmed => {
                self.delivered += count;
                self.unconfirmed += count;
            }
            Fate::Rejected(_) => self.rejected += count,
            Fate::Expired => self.expired += count,
            Fate::Dropped(reason) => {
                self.dropped += count;
                if *reason == DropReason::Overflow {
                    self.dropped_overflow += count;
                }
            }
        }
    }
}

impl From<u64> for Tag {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
