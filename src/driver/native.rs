//! The driver for servers: one task on tokio, on a thread of its own or on the caller's runtime.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{self, Handle};
use tokio::sync::Notify;

use super::carrier::Carrier;
use super::teller::{Teller, Telling};
use super::waiters::{End, IS_DRIVER, PATIENCE, Reply, Waiter, Wanted};
use super::{let_others_run, millis};
use crate::destination::{Destination, Now};
#[cfg(feature = "growingio")]
use crate::engine::Stats;
use crate::engine::{Engine, Output, Report, Step};

/// Why a blocking call could not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverError {
    /// It was made on the runtime, or in a callback, that drives the tracker: waiting there would never end.
    WouldDeadlock,
    /// The runtime that was given to the tracker does not run, or a callback does not return.
    NotDriven,
    /// The tracker's own thread did not answer in time: a transport or a callback does not return.
    Unresponsive,
}

/// The wall clock, ms since the Unix epoch.
pub(crate) type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// An engine and everything its driver and its callers share.
pub(crate) struct Shared<D: Destination> {
    destination: Arc<D>,
    engine: Mutex<Engine<D>>,
    waiters: Mutex<Vec<Waiter>>,
    wake: Notify,
    stopped: AtomicBool,
    /// What is pending was exported without the driver, and is not its any more.
    suspended: AtomicBool,
    /// When the latest event was recorded since the driver's last look, by the wall clock. Changed under the engine's
    /// lock.
    recorded_at: AtomicU64,
    started: Instant,
    wall: WallClock,
    /// The caller's runtime, if that drives.
    runtime: Option<runtime::Id>,
}

impl<D: Destination> Shared<D> {
    /// The monotonic clock, ms.
    pub(crate) fn mono(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

impl<D> Shared<D>
where
    D: Destination + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    /// Starts a driver: on `runtime`, else on a thread of its own.
    pub(crate) fn start(
        engine: Engine<D>,
        carrier: impl Carrier<D>,
        telling: Telling,
        wall: WallClock,
        runtime: Option<Handle>,
    ) -> std::io::Result<Arc<Self>> {
        let own = match runtime {
            Some(_) => None,
            None => Some(runtime::Builder::new_current_thread().enable_all().build()?),
        };
        let teller = Teller::start(telling)?;
        let shared = Arc::new(Self {
            destination: engine.destination().clone(),
            engine: Mutex::new(engine),
            waiters: Mutex::new(Vec::new()),
            wake: Notify::new(),
            stopped: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            recorded_at: AtomicU64::new(0),
            started: Instant::now(),
            wall,
            runtime: runtime.as_ref().map(Handle::id),
        });
        // Made here and not in the future, which a runtime that has ended drops without ever polling it.
        let drive = drive(Stop { shared: shared.clone(), teller, answers: Vec::new(), ended: None }, carrier);
        if let Some(runtime) = runtime {
            drop(runtime.spawn(drive));
        } else if let Some(own) = own {
            std::thread::Builder::new().name("trackwire".into()).spawn(move || {
                IS_DRIVER.set(true);
                own.block_on(drive);
            })?;
        }
        Ok(shared)
    }

    /// The system that is delivered to.
    pub(crate) fn destination(&self) -> &D {
        &self.destination
    }

    /// The time by both clocks. The wall clock is the application's: not to be called under a lock.
    pub(crate) fn now(&self) -> Now {
        let wall = (self.wall)();
        Now { mono: self.mono(), wall }
    }

    /// The engine. Hold it for moments only, and call nothing of the application's meanwhile.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine<D>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when an event was recorded that is pushed under the same lock.
    pub(crate) fn dated(&self, now: Now) {
        self.recorded_at.fetch_max(now.wall, Ordering::Relaxed);
    }

    /// Lets the driver look at the engine again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits without blocking the thread, in any runtime.
    pub(crate) async fn wait(
        &self,
        wanted: impl FnOnce(&mut Engine<D>) -> Wanted,
        timeout: Duration,
    ) -> Report {
        let (reply, receiver) = Reply::asynchronous();
        self.enlist(wanted, timeout, reply);
        receiver.await.unwrap_or_default()
    }

    /// Waits by blocking the thread.
    pub(crate) fn wait_blocking(
        &self,
        wanted: impl FnOnce(&mut Engine<D>) -> Wanted,
        timeout: Duration,
    ) -> Result<Report, DriverError> {
        let here = Handle::try_current().ok().map(|handle| handle.id());
        if IS_DRIVER.get() || (self.runtime.is_some() && self.runtime == here) {
            return Err(DriverError::WouldDeadlock);
        }
        let (reply, receiver) = Reply::blocking();
        self.enlist(wanted, timeout, reply);
        receiver.recv_timeout(timeout.saturating_add(PATIENCE)).map_err(|_| match self.runtime {
            Some(_) => DriverError::NotDriven,
            None => DriverError::Unresponsive,
        })
    }

    /// Ends the tracker for a driver that does not, and exports what is pending.
    #[cfg(feature = "growingio")]
    pub(crate) fn suspend_undriven(&self) -> (Stats, Vec<u8>) {
        let now = self.now();
        let mut engine = self.engine();
        engine.close();
        engine.end_discarded();
        engine.hold(true);
        self.suspended.store(true, Ordering::Relaxed);
        (engine.stats(), engine.export(now))
    }

    /// Waits until the queue has room, and lets other tasks of its thread run in any case.
    pub(crate) async fn ready(&self) {
        let_others_run().await;
        if !self.engine().has_room_for_any() {
            self.wait(room, Duration::MAX).await;
        }
    }

    /// Waits until the queue has room, by blocking the thread.
    pub(crate) fn ready_blocking(&self) -> Result<(), DriverError> {
        if self.engine().has_room_for_any() {
            return Ok(());
        }
        self.wait_blocking(room, Duration::MAX).map(drop)
    }

    /// How many events are pending, if nobody has closed the engine.
    pub(crate) fn left_open(&self) -> Option<u64> {
        let engine = self.engine();
        (!engine.is_closed()).then(|| engine.stats().pending)
    }

    /// Ends the driver in its own time, without anybody waiting.
    pub(crate) fn close_unattended(&self, timeout: Duration) {
        self.enlist(close, timeout, Reply::Nobody);
    }

    fn enlist(&self, wanted: impl FnOnce(&mut Engine<D>) -> Wanted, timeout: Duration, reply: Reply) {
        let deadline = self.mono().saturating_add(millis(timeout));
        let mut waiters = lock(&self.waiters);
        if self.stopped.load(Ordering::Acquire) || self.suspended.load(Ordering::Relaxed) {
            return reply.send(Report::default());
        }
        let wanted = wanted(&mut self.engine());
        waiters.push(Waiter { wanted, deadline, reply });
        drop(waiters);
        self.wake();
    }

    /// Takes out the callers whose wait is over, with their answers. Says when the next one's patience ends, and
    /// whether and how the driver ends.
    fn over(&self, now: u64) -> (Vec<Answer>, Option<u64>, Option<End>) {
        let mut waiters = lock(&self.waiters);
        let mut answers = Vec::new();
        let (mut next, mut end) = (None::<u64>, None);
        if waiters.is_empty() {
            return (answers, next, end);
        }
        let mut engine = self.engine();
        let mut place = 0;
        // Whoever else waits when it is suspended is answered when the driver is gone.
        while end != Some(End::Suspended)
            && let Some(Waiter { wanted, deadline, reply }) = waiters.get(place)
        {
            let late = *deadline <= now;
            let over = late || reply.is_gone();
            let report = match *wanted {
                Wanted::Flush(id) => engine
                    .flush_report(id)
                    .filter(|report| over || report.pending == 0)
                    .map(|_| engine.end_flush(id)),
                // Goes on when its caller is gone: it cannot be taken back.
                Wanted::Close(id) => engine.flush_report(id).filter(|_| late || engine.is_idle()).map(|_| {
                    engine.abandon();
                    end = Some(End::Closed);
                    engine.end_flush(id)
                }),
                Wanted::Suspend(id) => {
                    engine.flush_report(id).filter(|_| late || engine.is_idle()).map(|_| {
                        engine.end_discarded();
                        engine.hold(true);
                        end = Some(End::Suspended);
                        // Nobody enlists any more: what the next caller waited for would be another tracker's.
                        self.suspended.store(true, Ordering::Relaxed);
                        engine.end_flush(id)
                    })
                }
                Wanted::Room => {
                    (over || engine.is_closed() || engine.has_room_for_any()).then(Report::default)
                }
                Wanted::Until(ref is_so) => (over || engine.is_closed() || is_so()).then(Report::default),
            };
            match report {
                Some(report) => {
                    let Waiter { wanted, reply, .. } = waiters.swap_remove(place);
                    answers.push(Answer { wanted, reply, report });
                }
                None => {
                    next = Some(next.map_or(*deadline, |next| next.min(*deadline)));
                    place += 1;
                }
            }
        }
        (answers, next, end)
    }
}

/// A flush, to be waited for.
pub(crate) fn flush<D: Destination>(engine: &mut Engine<D>) -> Wanted {
    Wanted::Flush(engine.flush())
}

/// A close, to be waited for.
pub(crate) fn close<D: Destination>(engine: &mut Engine<D>) -> Wanted {
    let flush = engine.flush();
    engine.close();
    Wanted::Close(flush)
}

/// A suspension, to be waited for.
pub(crate) fn suspend<D: Destination>(engine: &mut Engine<D>, timeout: Duration) -> Wanted {
    let flush = engine.flush();
    engine.close();
    if timeout.is_zero() {
        // Nothing starts that would be cut off at once.
        engine.hold(true);
    }
    Wanted::Suspend(flush)
}

/// Room in the queue, to be waited for.
fn room<D: Destination>(_: &mut Engine<D>) -> Wanted {
    Wanted::Room
}

/// A seed that differs between trackers and processes; jitter needs no more.
pub(crate) fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    crate::engine::splitmix(RandomState::new().hash_one(std::time::Instant::now()))
}

/// The wall clock of this machine.
pub(crate) fn system_clock() -> WallClock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

async fn drive<D, C>(mut stop: Stop<D>, mut carrier: C)
where
    D: Destination + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
    C: Carrier<D>,
{
    let Stop { shared, teller, answers, ended } = &mut stop;
    let mut buffer = Vec::new();
    loop {
        // Before time is looked at, which would take requests for lost whose answers are there.
        carrier.take(shared);
        let Some(wait) = shared.turn(&mut carrier, &mut buffer, teller) else {
            // The callback is behind: nothing starts that would bring more, but answers are heard.
            let wake = carrier.wake().unwrap_or(u64::MAX).saturating_sub(shared.mono());
            tokio::select! {
                biased;
                () = carrier.ready() => {}
                () = teller.room() => {}
                () = tokio::time::sleep(Duration::from_millis(wake.clamp(1, 3_600_000))) => {}
            }
            continue;
        };
        if carrier.take(shared) {
            continue;
        }
        // What ended in between, by the close itself or by a `disable`, was told by that turn, before the answer that
        // counts it.
        answers.drain(..).for_each(|answer| answer.give(teller));
        if ended.is_some() {
            return;
        }
        let now = shared.mono();
        let (over, patience, end) = shared.over(now);
        if !over.is_empty() || end.is_some() {
            (*answers, *ended) = (over, end);
            if ended.is_some() {
                carrier.finish().await;
            }
            continue;
        }
        let until = [wait, patience, carrier.wake()].into_iter().flatten().min().unwrap_or(now + 3_600_000);
        let sleep = tokio::time::sleep(Duration::from_millis(until.saturating_sub(now)));
        tokio::select! {
            biased;
            () = carrier.ready() => {}
            () = shared.wake.notified() => {}
            () = sleep => {}
        }
    }
}

impl<D> Shared<D>
where
    D: Destination + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    /// Does everything there is to do now, and says until when that is all; `None` when the callback is too far behind
    /// to go on. Sealing happens without the lock.
    fn turn(
        &self,
        carrier: &mut impl Carrier<D>,
        buffer: &mut Vec<u8>,
        teller: &Teller,
    ) -> Option<Option<u64>> {
        while !teller.is_full() {
            let wall = (self.wall)();
            let mut engine = self.engine();
            // A request is never dated before an event that it carries: not before those of a moment ago either, that
            // were recorded after the look at the clock.
            let wall = wall.max(self.recorded_at.swap(0, Ordering::Relaxed));
            let now = Now { mono: self.mono(), wall };
            let step = engine.step(now, buffer);
            drop(engine);
            let transmit = match step {
                Step::Seal(job) => {
                    let mut job = job.seal(&self.destination);
                    *buffer = std::mem::take(&mut job.buffer);
                    self.engine().sealed(job, now)
                }
                Step::Transmit(transmit) => Some(transmit),
                Step::Outcome(outcome) => {
                    teller.tell(outcome);
                    None
                }
                Step::Wait(until) => return Some(until),
            };
            if let Some(transmit) = transmit {
                carrier.start(transmit, now);
            }
        }
        None
    }
}

/// Whatever ends the driver, nobody is left waiting for it, and every event has its outcome.
struct Stop<D: Destination> {
    shared: Arc<Shared<D>>,
    teller: Teller,
    /// Callers whose wait is over, to be told once the outcomes were that their reports count.
    answers: Vec<Answer>,
    ended: Option<End>,
}

/// A caller whose wait is over.
struct Answer {
    wanted: Wanted,
    reply: Reply,
    report: Report,
}

impl Answer {
    fn give(self, teller: &Teller) {
        match self.wanted {
            // Counts no outcomes.
            Wanted::Room | Wanted::Until(_) => self.reply.send(self.report),
            _ => teller.reply(self.reply, self.report),
        }
    }
}

impl<D: Destination> Drop for Stop<D> {
    fn drop(&mut self) {
        let shared = &*self.shared;
        // There are no requests left that would show the wall clock, and it is the application's: not called here.
        let now = Now { mono: shared.mono(), wall: 0 };
        // A suspended engine stays as it is, to be exported.
        if self.ended != Some(End::Suspended) {
            let mut engine = lock(&shared.engine);
            let mut pending = 0;
            if !shared.suspended.load(Ordering::Relaxed) {
                pending = engine.stats().pending;
                engine.abandon();
            }
            while let Output::Outcome(outcome) = engine.poll(now) {
                self.teller.tell(outcome);
            }
            drop(engine);
            if pending > 0 {
                log::warn!("trackwire: the runtime ended with {pending} events pending; they are lost");
            }
        }
        // From here on nobody enlists.
        let waiters = {
            let mut waiters = lock(&shared.waiters);
            shared.stopped.store(true, Ordering::Release);
            std::mem::take(&mut *waiters)
        };
        for Waiter { wanted, reply, .. } in waiters {
            let report = match wanted {
                Wanted::Flush(id) | Wanted::Close(id) | Wanted::Suspend(id) => {
                    lock(&shared.engine).end_flush(id)
                }
                Wanted::Room | Wanted::Until(_) => Report::default(),
            };
            self.answers.push(Answer { wanted, reply, report });
        }
        self.answers.drain(..).for_each(|answer| answer.give(&self.teller));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldDeadlock => {
                "a blocking call was made on the runtime or in a callback that drives the tracker: use the async \
                 form, or let the tracker have a thread of its own"
            }
            Self::NotDriven => {
                "the runtime that was given to the tracker does not run, or an `on_outcome` callback does not return: \
                 keep the runtime running until the tracker is closed, and callbacks short"
            }
            Self::Unresponsive => {
                "the tracker's own thread did not answer in time, because an `on_outcome` callback or a transport \
                 does not return: keep callbacks short, and let transports wait asynchronously"
            }
        })
    }
}

impl std::error::Error for DriverError {}

#[cfg(all(test, feature = "growingio"))]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::driver::carrier::HttpCarrier;
    use crate::engine::Limits;
    use crate::growingio::{GrowingIo, Options};
    use crate::testing::Sink;

    fn start(limits: Limits) -> Arc<Shared<GrowingIo>> {
        let destination = GrowingIo::new(&Options::new("p", "d", "http://collector.example")).unwrap();
        let engine = Engine::new(destination, limits, 1);
        let carrier = HttpCarrier::new(Arc::new(Sink::new()));
        Shared::start(engine, carrier, Telling::Nothing, system_clock(), None).unwrap()
    }

    /// Begins to wait and gives up at once.
    fn give_up(shared: &Shared<GrowingIo>, wanted: fn(&mut Engine<GrowingIo>) -> Wanted) -> Wanted {
        let mut what = None;
        {
            let mut wait = pin!(shared.wait(|engine| what.insert(wanted(engine)).clone(), Duration::MAX));
            assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        what.unwrap()
    }

    #[test]
    fn callers_that_gave_up_are_forgotten_and_a_close_goes_on() {
        let shared = start(Limits { max_queue_events: 1, ..Limits::default() });
        shared.engine().hold(true);
        let event = crate::Track::new("buy").user("u1").into();
        shared.engine().record(&event, None, shared.now()).unwrap();
        let Wanted::Flush(given_up) = give_up(&shared, flush) else { unreachable!() };
        give_up(&shared, room);
        // Its answer comes from a look at all who wait.
        let report = shared.wait_blocking(flush, Duration::ZERO).unwrap();
        assert_eq!(report.pending, 1);
        assert!(lock(&shared.waiters).is_empty());
        assert_eq!(shared.engine().flush_report(given_up), None);

        give_up(&shared, close);
        assert_eq!(shared.wait_blocking(flush, Duration::ZERO).unwrap().pending, 1);
        assert_eq!(lock(&shared.waiters).len(), 1, "the close");
        let release = |engine: &mut Engine<GrowingIo>| {
            engine.hold(false);
            flush(engine)
        };
        assert_eq!(shared.wait_blocking(release, Duration::MAX).unwrap().delivered, 1);
    }
}
