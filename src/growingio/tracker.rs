//! The tracker: what a Rust application uses.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::{GrowingIo, Lane, TrackerBuilder};
use crate::destination::{Destination, Now};
use crate::driver::native::{Shared, close, flush, suspend};
use crate::driver::scratch::with_scratch;
use crate::driver::{DriverError, waiters::Wanted};
use crate::engine::{Engine, RecordError, Recorded, Report, Stats, Tag, Unrecorded};
use crate::policy::{BeforeSend, Enabled, Policy};
use crate::testing::Sink;
use crate::{Event, Invalid};

/// Records events and delivers them to GrowingIO in the background.
///
/// Cheap to clone; every clone is the same tracker. Use it from any thread, inside or outside an async runtime of
/// any kind. Recording never blocks and never waits: when the queue is full it says so.
///
/// ```
/// use std::time::Duration;
/// use trackwire::growingio::{Consumer, Format, Tracker};
/// use trackwire::{Item, Track, UserAttributes};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sink = trackwire::testing::Sink::new();
/// let tracker = Tracker::builder("project-id", "data-source-id", "https://collector.example")
///     .consumer(Consumer::async_())
///     .format(Format::JsonSnappy)
/// #   .sink(&sink)
///     .build()?;
/// tracker.track(Track::new("buy").user("u1").attribute("price", 9.5))?;
/// tracker.track(UserAttributes::new("u1").attribute("cohort", "2024-01"))?;
/// tracker.track(Item::new("sku-1", "product").attribute("title", "Kettle"))?;
/// let report = tracker.close_blocking(Duration::from_secs(5))?;
/// assert_eq!((report.dropped, tracker.stats().delivered), (0, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tracker {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) shared: Arc<Shared<GrowingIo>>,
    pub(super) policy: Policy<BeforeSend>,
    pub(super) enabled: AtomicU8,
    pub(super) request_timeout: Duration,
    pub(super) sink: Option<Sink>,
    /// Where the `debug` strategy prints.
    pub(super) debug: Option<DebugPrinter>,
}

pub(super) type DebugPrinter = Arc<dyn Fn(&str) + Send + Sync>;

const YES: u8 = 0;
const NO: u8 = 1;
const BUFFER: u8 = 2;

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
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn flag(enabled: Enabled) -> AtomicU8 {
        AtomicU8::new(match enabled {
            Enabled::Yes => YES,
            Enabled::No => NO,
            Enabled::Buffer => BUFFER,
        })
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
        if self.inner.enabled.load(Ordering::Acquire) == NO {
            self.inner.shared.engine().count_unrecorded(Unrecorded::Ignored);
            return Ok(());
        }
        let Inner { policy, sink, debug, .. } = &*self.inner;
        if policy.is_empty() && sink.is_none() && debug.is_none() {
            // Nobody looks at the event, so none is made of the text.
            let transcode =
                |now, record: &mut Vec<u8>| self.inner.shared.destination().transcode(text, now, record);
            return self.encode_and_push(None, transcode).map(drop);
        }
        match Event::from_json(text) {
            Ok(event) => self.record(event, None),
            Err(invalid) => self.refuse(invalid),
        }
    }

    /// Waits until the queue has room again. For producers that would rather wait than be refused. Lets other tasks of
    /// its thread run in any case.
    pub async fn ready(&self) {
        self.inner.shared.ready().await;
    }

    /// As [`ready`](Self::ready), by blocking the thread.
    pub fn ready_blocking(&self) -> Result<(), DriverError> {
        self.inner.shared.ready_blocking()
    }

    /// Sends what waits, and returns when everything accepted before has ended, or after `timeout`; `pending` says
    /// how much is left. The report counts what was pending at the call; what had ended by then is in
    /// [`stats`](Self::stats) only. Overrides neither backoff nor `Retry-After`. Works in any async runtime.
    pub async fn flush(&self, timeout: Duration) -> Report {
        self.inner.shared.wait(flush, timeout).await
    }

    /// As [`flush`](Self::flush), by blocking the thread.
    pub fn flush_blocking(&self, timeout: Duration) -> Result<Report, DriverError> {
        self.inner.shared.wait_blocking(flush, timeout)
    }

    /// Takes no more events, delivers what it can within `timeout`, and drops the rest, which is in the report and
    /// among the outcomes. Events that wait for consent are dropped, not sent. Once called it goes on, even if the
    /// future is dropped.
    pub async fn close(&self, timeout: Duration) -> Report {
        self.inner.shared.wait(|engine| self.closing(engine), timeout).await
    }

    /// As [`close`](Self::close), by blocking the thread.
    pub fn close_blocking(&self, timeout: Duration) -> Result<Report, DriverError> {
        self.inner.shared.wait_blocking(|engine| self.closing(engine), timeout)
    }

    /// Takes no more events, delivers what it can within `timeout` (zero: sends nothing more), and exports the rest
    /// for [`TrackerBuilder::restore`], in this process or a later one. In the report, `pending` is how many that
    /// are. They have no outcome here: that comes from the tracker that is restored from them. Events that wait
    /// for consent are exported at once.
    ///
    /// What was under way at the end may arrive although it was exported, and is then delivered twice; when it is
    /// sent again, the restored tracker's `maybe_duplicated` counts it.
    pub async fn suspend(&self, timeout: Duration) -> (Report, Vec<u8>) {
        let timeout = self.patience(timeout);
        let report = self.inner.shared.wait(|engine| self.suspending(engine, timeout), timeout).await;
        (report, self.export())
    }

    /// As [`suspend`](Self::suspend), by blocking the thread. A driver that does not answer in time, because its
    /// runtime or a callback stalls, is left out: the export needs none.
    pub fn suspend_blocking(&self, timeout: Duration) -> Result<(Report, Vec<u8>), DriverError> {
        let timeout = self.patience(timeout);
        let Inner { shared, .. } = &*self.inner;
        let mut before = Stats::default();
        let suspending = |engine: &mut Engine<GrowingIo>| {
            before = engine.stats();
            self.suspending(engine, timeout)
        };
        match shared.wait_blocking(suspending, timeout) {
            Ok(report) => Ok((report, self.export())),
            Err(DriverError::WouldDeadlock) => Err(DriverError::WouldDeadlock),
            // The export needs no driver.
            Err(_) => {
                let (after, bytes) = shared.suspend_undriven();
                let report = Report {
                    delivered: after.delivered - before.delivered,
                    rejected: after.rejected - before.rejected,
                    expired: after.expired - before.expired,
                    dropped: after.dropped - before.dropped,
                    pending: after.pending,
                };
                Ok((report, bytes))
            }
        }
    }

    /// A copy of everything pending, for [`TrackerBuilder::restore`]; the tracker goes on. For an application that
    /// keeps the latest copy against a crash: what was delivered between the copy and the crash is delivered again,
    /// which nothing counts, and what was recorded between is lost. To end a tracker and keep what is left, [`suspend`](Self::suspend) it.
    ///
    /// Recording and sending wait while the copy is made: it holds the tracker's lock.
    pub fn export(&self) -> Vec<u8> {
        let now = self.inner.shared.now();
        self.inner.shared.engine().export(now)
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.inner.shared.engine().stats()
    }

    /// Records and delivers from now on; events held for consent go out, with their original time. A tracker that was
    /// closed stays closed.
    pub fn enable(&self) {
        let mut engine = self.inner.shared.engine();
        engine.hold(false);
        self.inner.enabled.store(YES, Ordering::Release);
        drop(engine);
        self.inner.shared.wake();
    }

    /// Records nothing from now on: events are counted as ignored, and the call that records them returns `Ok`. Drops
    /// what waits, each with its outcome, also what waits to be sent again. What is under way cannot be called back:
    /// its answer settles it, and without one it is dropped too.
    pub fn disable(&self) {
        // Under the lock, as `record` looks again under the lock: an event is either discarded here or ignored there.
        let mut engine = self.inner.shared.engine();
        self.inner.enabled.store(NO, Ordering::Release);
        engine.discard();
        drop(engine);
        self.inner.shared.wake();
    }

    fn record<'e>(&'e self, mut event: Event<'e>, tag: Option<Tag>) -> Result<(), RecordError> {
        let Inner { shared, policy, .. } = &*self.inner;
        if self.inner.enabled.load(Ordering::Acquire) == NO {
            shared.engine().count_unrecorded(Unrecorded::Ignored);
            return Ok(());
        }
        if let Err(why) = policy.admit(&mut event) {
            shared.engine().count_unrecorded(why);
            return Ok(());
        }
        let destination = shared.destination();
        let encode = |now, record: &mut Vec<u8>| {
            let lane = destination.route(&event)?;
            destination.encode(&event, now, record).map(|()| lane)
        };
        if let Some(recorded_at) = self.encode_and_push(tag, encode)? {
            self.show(event, recorded_at);
        }
        Ok(())
    }

    /// Records what `encode` appends; the wall clock at the call, or `None` when nothing is recorded.
    fn encode_and_push(
        &self,
        tag: Option<Tag>,
        encode: impl FnOnce(Now, &mut Vec<u8>) -> Result<Lane, Invalid>,
    ) -> Result<Option<u64>, RecordError> {
        let shared = &*self.inner.shared;
        let now = shared.now();
        let pushed = with_scratch(|scratch| {
            let encoded = encode(now, scratch);
            encoded.map(|lane| self.push(&lane, scratch, tag, now))
        });
        match pushed {
            Ok(recorded) => {
                let Some(recorded) = recorded? else { return Ok(None) };
                if recorded.wake {
                    shared.wake();
                }
                Ok(Some(now.wall))
            }
            Err(invalid) => self.refuse(invalid).map(|()| None),
        }
    }

    fn push(
        &self,
        lane: &Lane,
        record: &[u8],
        tag: Option<Tag>,
        now: Now,
    ) -> Result<Option<Recorded>, RecordError> {
        let mut engine = self.inner.shared.engine();
        self.inner.shared.dated(now);
        match self.inner.enabled.load(Ordering::Acquire) {
            NO => {
                engine.count_unrecorded(Unrecorded::Ignored);
                Ok(None)
            }
            _ => engine.push(lane, record, tag, now).map(Some),
        }
    }

    /// Refuses what cannot be recorded, unless nothing would be.
    fn refuse(&self, invalid: Invalid) -> Result<(), RecordError> {
        let mut engine = self.inner.shared.engine();
        match self.inner.enabled.load(Ordering::Acquire) {
            NO => {
                engine.count_unrecorded(Unrecorded::Ignored);
                Ok(())
            }
            _ => Err(engine.refuse_invalid(invalid)),
        }
    }

    /// Shows a recorded event to whoever watches: the test sink, the `debug` strategy.
    fn show(&self, event: Event<'_>, recorded_at: u64) {
        if let Some(print) = &self.inner.debug {
            let mut text = String::from("trackwire: recorded ");
            event.to_json(&mut text);
            print(&text);
        }
        if let Some(sink) = &self.inner.sink {
            sink.record(event.into_owned(), recorded_at);
        }
    }

    /// What is held for consent does not go out, however long one waits.
    fn patience(&self, timeout: Duration) -> Duration {
        match self.inner.enabled.load(Ordering::Acquire) {
            BUFFER => Duration::ZERO,
            _ => timeout,
        }
    }

    fn suspending(&self, engine: &mut Engine<GrowingIo>, timeout: Duration) -> Wanted {
        match self.inner.enabled.load(Ordering::Acquire) {
            // All that can be pending was discarded while it was under way, and is not to be sent again.
            NO => close(engine),
            _ => suspend(engine, timeout),
        }
    }

    fn closing(&self, engine: &mut Engine<GrowingIo>) -> Wanted {
        let wanted = close(engine);
        if self.inner.enabled.load(Ordering::Acquire) == BUFFER {
            engine.discard();
        }
        wanted
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(pending) = self.shared.left_open() else { return };
        if pending > 0 {
            log::warn!(
                "trackwire: the last tracker was dropped without close, with {pending} events pending; they are \
                 sent in the background while the process lives"
            );
        }
        if self.enabled.load(Ordering::Acquire) == BUFFER {
            self.shared.engine().discard();
        }
        self.shared.close_unattended(self.request_timeout);
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
