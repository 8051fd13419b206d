//! Callers that wait for the driver: for a flush, for a close, for room.

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::{FlushId, Report};

thread_local! {
    /// Whether others wait for this thread: the driver's, and the one that runs the callbacks.
    pub(crate) static IS_DRIVER: Cell<bool> = const { Cell::new(false) };
}

/// What a caller waits for.
#[derive(Clone)]
pub(crate) enum Wanted {
    /// Everything accepted before this flush has ended.
    Flush(FlushId),
    /// The same, and then the driver stops.
    Close(FlushId),
    /// The same, but what has not ended by then stays in the engine as it is.
    Suspend(FlushId),
    /// The queue has room.
    Room,
    /// This says yes, or the engine is closed.
    #[cfg_attr(
        not(feature = "inlong"),
        allow(dead_code, reason = "for systems that ask somebody where to send")
    )]
    Until(Arc<dyn Fn() -> bool + Send + Sync>),
}

/// How a driver comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Every event has ended.
    Closed,
    /// What is pending stays in the engine, to be exported.
    Suspended,
}

/// A caller that waits, until `deadline` (monotonic, ms) at most.
pub(crate) struct Waiter {
    pub(crate) wanted: Wanted,
    pub(crate) deadline: u64,
    pub(crate) reply: Reply,
}

/// How a waiting caller is told.
pub(crate) enum Reply {
    Async(oneshot::Sender<Report>),
    Blocking(mpsc::SyncSender<Report>),
    Nobody,
}

impl Reply {
    /// Tells the caller; one that went away is no matter.
    pub(crate) fn send(self, report: Report) {
        match self {
            Self::Async(caller) => drop(caller.send(report)),
            Self::Blocking(caller) => drop(caller.send(report)),
            Self::Nobody => {}
        }
    }

    /// Whether the caller does not wait any more. One that blocks waits until its time-out.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Async(caller) => caller.is_closed(),
            Self::Blocking(_) | Self::Nobody => false,
        }
    }

    pub(crate) fn asynchronous() -> (Self, oneshot::Receiver<Report>) {
        let (sender, receiver) = oneshot::channel();
        (Self::Async(sender), receiver)
    }

    pub(crate) fn blocking() -> (Self, mpsc::Receiver<Report>) {
        let (sender, receiver) = mpsc::sync_channel(1);
        (Self::Blocking(sender), receiver)
    }
}

/// How long past its time-out a blocking caller still waits for a driver that is late.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
