//! What an application that is wasm itself uses.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::{Mode, TrackerBuilder};
use crate::Event;
use crate::driver::let_others_run;
use crate::driver::wasm::Shared;
use crate::engine::{RecordError, Report, Stats, Tag, Unrecorded};
use crate::growingio::GrowingIo;
use crate::policy::{Enabled, Policy};
use crate::testing::Sink;

/// Records events and delivers them to GrowingIO.
///
/// Cheap to clone; every clone is the same tracker. Recording never waits: when the queue is full it says so.
///
/// In a page it delivers in the background. In a Cloudflare Worker nothing is sent but by [`flush`](Self::flush): keep
/// one tracker for the isolate (in a `thread_local!`), record in every request, and give
/// `tracker.flush(…)` to the request's `wait_until`. The guide `docs/rust-wasm.md` has both.
#[derive(Clone)]
pub struct Tracker {
    inner: Rc<Inner>,
}

/// The application's hook. It may hold what belongs to this thread.
pub(super) type Hook = Box<dyn for<'a> Fn(&mut Event<'a>) -> bool>;

/// Where the `debug` strategy prints.
pub(super) type DebugPrinter = Rc<dyn Fn(&str)>;

pub(super) struct Inner {
    pub(super) shared: Rc<Shared<GrowingIo>>,
    pub(super) policy: Policy<Hook>,
    pub(super) enabled: Cell<Enabled>,
    pub(super) request_timeout: Duration,
    pub(super) sink: Option<Sink>,
    pub(super) debug: Option<DebugPrinter>,
}

impl Tracker {
    /// A tracker for the project `product_id` and the data source `data_source_id`, delivering to `server_host`
    /// (with scheme; it may have a path prefix).
    pub fn builder(
        product_id: impl Into<String>,
        data_source_id: impl Into<String>,
        server_host: impl Into<String>,
    ) -> TrackerBuilder {
        TrackerBuilder::new(product_id.into(), data_source_id.into(), server_host.into())
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Rc::new(inner) }
    }

    /// Records an event. When this returns `Ok`, the event is in the books and ends in exactly one outcome (unless
    /// the tracker is disabled, or sampling or the hook left it out: these are counted on their own).
    pub fn track<'a>(&self, event: impl Into<Event<'a>>) -> Result<(), RecordError> {
        self.record(event.into(), None)
    }

    /// Records an event whose outcome is reported on its own, with this tag.
    pub fn track_tagged<'a>(
        &self,
        event: impl Into<Event<'a>>,
        tag: impl Into<Tag>,
    ) -> Result<(), RecordError> {
        self.record(event.into(), Some(tag.into()))
    }

    /// Records an event in the neutral form, one JSON object.
    pub fn track_json(&self, text: &str) -> Result<(), RecordError> {
        if self.is_ignoring() {
            return Ok(());
        }
        match Event::from_json(text) {
            Ok(event) => self.record(event, None),
            Err(invalid) => Err(self.inner.shared.engine(|engine| engine.refuse_invalid(invalid))),
        }
    }

    /// Waits until the queue has room again. For producers that would rather wait than be refused. Lets other tasks run
    /// in any case. In a Worker it sends what waits itself, as [`flush`](Self::flush) does.
    pub async fn ready(&self) {
        let_others_run().await;
        self.inner.shared.room().await;
    }

    /// Sends what waits, and returns when everything accepted before has ended, or after `timeout`; `pending` says
    /// how much is left. The report counts what was pending at the call. Overrides neither backoff nor `Retry-After`.
    ///
    /// In a Worker all of a flush's I/O belongs to the request that calls it, and it waits for no other request's.
    /// What a request left under way when it went away is sent again by a later flush, once the time for its answer
    /// is over.
    pub async fn flush(&self, timeout: Duration) -> Report {
        self.inner.shared.flush(timeout).await
    }

    /// Takes no more events, delivers what it can within `timeout`, and drops the rest, which is in the report and
    /// among the outcomes. Events that wait for consent are dropped, not sent. Begins when it is first polled; if the
    /// future is dropped after that, the tracker stays closed, and what is left stays pending as if it were not.
    pub async fn close(&self, timeout: Duration) -> Report {
        let held = self.inner.enabled.get() == Enabled::Buffer;
        let close = |engine: &mut crate::engine::Engine<GrowingIo>| {
            engine.close();
            if held {
                engine.discard();
            }
        };
        self.inner.shared.close(timeout, close).await
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.inner.shared.engine(|engine| engine.stats())
    }

    /// What its requests are made by.
    pub fn mode(&self) -> Mode {
        self.inner.shared.mode()
    }

    /// Records and delivers from now on; events held for consent go out, with their original time. A tracker that was
    /// closed stays closed.
    pub fn enable(&self) {
        self.inner.shared.engine(|engine| engine.hold(false));
        self.inner.enabled.set(Enabled::Yes);
        self.inner.shared.wake();
    }

    /// Records nothing from now on: events are counted as ignored, and the call that records them returns `Ok`. Drops
    /// what waits, each with its outcome, also what waits to be sent again. What is under way cannot be called back:
    /// its answer settles it, and without one it is dropped too.
    pub fn disable(&self) {
        self.inner.enabled.set(Enabled::No);
        self.inner.shared.engine(|engine| engine.discard());
        self.inner.shared.wake();
    }

    fn record<'e>(&'e self, mut event: Event<'e>, tag: Option<Tag>) -> Result<(), RecordError> {
        let Inner { shared, policy, debug, sink, .. } = &*self.inner;
        if self.is_ignoring() {
            return Ok(());
        }
        if let Err(why) = policy.admit(&mut event) {
            shared.engine(|engine| engine.count_unrecorded(why));
            return Ok(());
        }
        let now = shared.now();
        // The hook or the clock may have disabled it.
        if self.is_ignoring() {
            return Ok(());
        }
        if shared.engine(|engine| engine.record(&event, tag, now))?.wake {
            shared.wake();
        }
        if let Some(print) = debug {
            let mut text = String::from("trackwire: recorded ");
            event.to_json(&mut text);
            print(&text);
        }
        if let Some(sink) = sink {
            sink.record(event.into_owned(), now.wall);
        }
        Ok(())
    }

    /// Whether nothing is recorded; then counts an event that is not.
    fn is_ignoring(&self) -> bool {
        let ignores = self.inner.enabled.get() == Enabled::No;
        if ignores {
            self.inner.shared.engine(|engine| engine.count_unrecorded(Unrecorded::Ignored));
        }
        ignores
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Self { shared, enabled, request_timeout, .. } = self;
        let (pending, closed) = shared.engine(|engine| (engine.stats().pending, engine.is_closed()));
        if closed {
            return;
        }
        if pending > 0 {
            log::warn!(
                "trackwire: the last tracker was dropped without close, with {pending} events pending"
            );
        }
        if enabled.get() == Enabled::Buffer {
            shared.engine(|engine| engine.discard());
        }
        shared.close_unattended(*request_timeout);
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
