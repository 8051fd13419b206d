//! Tells the application what became of its events, on a thread that nothing else waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use tokio::sync::Notify;

use super::waiters::{IS_DRIVER, Reply};
use crate::engine::{Outcome, Report};

/// Called with every outcome, on a thread of its own.
pub(crate) type OnOutcome = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// What the application is told of.
pub(crate) enum Telling {
    #[cfg(feature = "growingio")]
    Nothing,
    /// Outcomes of tagged events.
    #[cfg_attr(
        not(feature = "inlong"),
        allow(dead_code, reason = "for systems with callbacks for each message")
    )]
    Tagged(OnOutcome),
    All(OnOutcome),
}

/// Outcomes that may wait for a slow callback. The driver starts nothing that would bring more.
const MOST_UNTOLD: usize = 10_000;

/// The same of the bytes that they give back.
const MOST_UNTOLD_BYTES: usize = 16 << 20;

/// What ends has its outcome told, in order, and then whoever waited for that is answered. Without a callback there
/// is no thread, and answers go out directly. The thread ends after everything was told.
pub(crate) struct Teller(Option<Callback>);

struct Callback {
    only_tagged: bool,
    messages: mpsc::Sender<Message>,
    untold: Arc<Untold>,
}

#[derive(Default)]
struct Untold {
    count: AtomicUsize,
    /// Bytes of the records that they give back.
    bytes: AtomicUsize,
    room: Notify,
}

enum Message {
    Outcome(Outcome),
    Reply(Reply, Report),
}

impl Teller {
    pub(crate) fn start(telling: Telling) -> std::io::Result<Self> {
        let (on_outcome, only_tagged) = match telling {
            #[cfg(feature = "growingio")]
            Telling::Nothing => return Ok(Self(None)),
            Telling::Tagged(on_outcome) => (on_outcome, true),
            Telling::All(on_outcome) => (on_outcome, false),
        };
        let (messages, receiver) = mpsc::channel();
        let untold = Arc::new(Untold::default());
        let shared = untold.clone();
        std::thread::Builder::new().name("trackwire-told".into()).spawn(move || {
            IS_DRIVER.set(true);
            for message in receiver {
                match message {
                    Message::Outcome(outcome) => {
                        call(&*on_outcome, &outcome);
                        shared.told(record_bytes(&outcome));
                    }
                    Message::Reply(reply, report) => reply.send(report),
                }
            }
        })?;
        Ok(Self(Some(Callback { only_tagged, messages, untold })))
    }

    pub(crate) fn tell(&self, outcome: Outcome) {
        if let Some(Callback { only_tagged, messages, untold }) = &self.0
            && (outcome.tag.is_some() || !only_tagged)
        {
            untold.count.fetch_add(1, Ordering::AcqRel);
            untold.bytes.fetch_add(record_bytes(&outcome), Ordering::AcqRel);
            let _ = messages.send(Message::Outcome(outcome));
        }
    }

    /// Answers a caller after everything that was told before.
    pub(crate) fn reply(&self, reply: Reply, report: Report) {
        let Some(Callback { messages, .. }) = &self.0 else { return reply.send(report) };
        if let Err(mpsc::SendError(Message::Reply(reply, report))) =
            messages.send(Message::Reply(reply, report))
        {
            reply.send(report);
        }
    }

    /// Whether no more outcomes should come for now.
    pub(crate) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|callback| callback.untold.is_full())
    }

    /// Waits until it may not be [full](Self::is_full) any more.
    pub(crate) async fn room(&self) {
        if let Some(Callback { untold, .. }) = &self.0 {
            untold.room.notified().await;
        }
    }
}

impl Untold {
    fn is_full(&self) -> bool {
        self.count.load(Ordering::Acquire) >= MOST_UNTOLD
            || self.bytes.load(Ordering::Acquire) >= MOST_UNTOLD_BYTES
    }

    fn told(&self, bytes: usize) {
        let was_full = self.is_full();
        self.count.fetch_sub(1, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if was_full {
            self.room.notify_one();
        }
    }
}

fn record_bytes(outcome: &Outcome) -> usize {
    outcome.record.as_ref().map_or(0, |record| record.len())
}

/// Runs the application's callback. What it throws stays here: it must not end the telling.
fn call(on_outcome: &(dyn Fn(&Outcome) + Send + Sync), outcome: &Outcome) {
    if catch_unwind(AssertUnwindSafe(|| on_outcome(outcome))).is_err() {
        log::error!("trackwire: the on_outcome callback panicked");
    }
}
