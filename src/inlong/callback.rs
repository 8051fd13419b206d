//! What is told of a message when it has ended, and who is told.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::delivery::InLong;
use super::target::Target;
use crate::destination::Cause;
use crate::engine::{DropReason, Fate, Outcome, Tag};

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The group id.
    pub group_id: Arc<str>,
    /// The stream id.
    pub stream_id: Arc<str>,
    /// The message.
    pub message: Vec<u8>,
    /// Its length, bytes.
    pub message_length: usize,
    /// The time that it was sent with, else when it was handed to the client; ms since the Unix epoch.
    pub report_time: u64,
    /// The address of this machine, as far as the client knows it.
    pub client_ip: Arc<str>,
    /// How it ended.
    pub fate: Fate,
    /// Whether a node may have taken it although it counts as lost: an answer went missing on the way.
    pub possibly_delivered: bool,
}

impl Delivery {
    /// Whether a node has taken it, or was sent it without being asked for an answer.
    pub fn is_delivered(&self) -> bool {
        matches!(self.fate, Fate::Delivered | Fate::Unconfirmed)
    }

    /// Why it failed: the node's code and words, where a node said something.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.fate {
            Fate::Rejected(cause) | Fate::Dropped(DropReason::Exhausted(cause)) => Some(cause),
            _ => None,
        }
    }
}

/// Who is told of messages.
pub(super) struct Callbacks {
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
}

/// Called with what became of a message.
pub(super) type Callback = Box<dyn FnOnce(Delivery) + Send>;

struct Waiting {
    target: Arc<Target>,
    report_time: u64,
    /// Also when it was delivered.
    always: bool,
    callback: Callback,
}

impl Callbacks {
    /// The first of the tags that it gives out. Those below are the application's.
    pub(super) const FIRST: u64 = 1 << 63;

    /// Of a tag whose message is to come back in any case, not only when it has failed.
    pub(super) const ALWAYS: u64 = 1 << 62;

    /// Nobody. `seed` keeps its tags apart from those of messages that another client left behind.
    pub(super) fn new(seed: u64) -> Self {
        Self { waiting: Mutex::default(), next: AtomicU64::new(crate::engine::splitmix(seed)) }
    }

    /// Tells nobody any more.
    pub(super) fn clear(&self) {
        let waiting = std::mem::take(&mut *self.lock());
        // What is dropped with them is the application's: not under the lock.
        drop(waiting);
    }

    /// Notes who is to be told; the tag that the message is to have.
    pub(super) fn add(
        &self,
        target: &Arc<Target>,
        report_time: u64,
        always: bool,
        callback: Callback,
    ) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % Self::ALWAYS;
        let number = Self::FIRST | number | if always { Self::ALWAYS } else { 0 };
        let waiting = Waiting { target: target.clone(), report_time, always, callback };
        self.lock().insert(number, waiting);
        number
    }

    /// Forgets who was to be told of a message that was not taken.
    pub(super) fn forget(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// Tells of a message.
    pub(super) fn tell(&self, destination: &InLong, client_ip: &Arc<str>, outcome: &Outcome) {
        let Some(Tag::Number(number)) = outcome.tag else { return };
        let Some(waiting) = self.lock().remove(&number) else { return };
        let is_delivered = matches!(outcome.fate, Fate::Delivered | Fate::Unconfirmed);
        if is_delivered && !waiting.always {
            return;
        }
        let message = destination.message_of(outcome.record.as_deref().unwrap_or_default());
        let delivery = Delivery {
            group_id: waiting.target.group().into(),
            stream_id: waiting.target.stream().into(),
            message_length: message.len(),
            message,
            report_time: waiting.report_time,
            client_ip: client_ip.clone(),
            fate: outcome.fate.clone(),
            possibly_delivered: outcome.possibly_delivered,
        };
        if catch_unwind(AssertUnwindSafe(|| (waiting.callback)(delivery))).is_err() {
            log::error!("trackwire: the callback of a message panicked");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("waiting", &self.lock().len()).finish()
    }
}
