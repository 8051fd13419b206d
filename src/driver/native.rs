//! The driver for servers: one task on tokio, on a thread of its own or on the caller's runtime.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{self, Handle};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::waiters::{End, PATIENCE, Reply, Waiter, Wanted};
use crate::destination::{Destination, Now, TransportError, TransportErrorKind};
use crate::engine::{Engine, Outcome, Output, Report, Step, Transmit, TransmitId};
use crate::http::{Request, Response};
use crate::transport::HttpTransport;

/// Why a blocking call could not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverError {
    /// It was made on the runtime, or in a callback, that drives the tracker: waiting there would never end.
    WouldDeadlock,
    /// The runtime that drives the tracker does not run.
    NotDriven,
}

/// Called with every outcome, on the driver's thread; where the caller's runtime ended, on the thread that ended it.
pub(crate) type OnOutcome = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// The wall clock, ms since the Unix epoch.
pub(crate) type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// An engine and everything its driver and its callers share.
pub(crate) struct Shared<D: Destination> {
    destination: Arc<D>,
    engine: Mutex<Engine<D>>,
    waiters: Mutex<Vec<Waiter>>,
    wake: Notify,
    stopped: AtomicBool,
    started: Instant,
    wall: WallClock,
    /// The caller's runtime, if that drives.
    runtime: Option<runtime::Id>,
}

thread_local! {
    static IS_DRIVER: Cell<bool> = const { Cell::new(false) };
}

impl<D> Shared<D>
where
    D: Destination<Request = Request, Response = Response> + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    /// Starts a driver: on `runtime`, else on a thread of its own.
    pub(crate) fn start(
        engine: Engine<D>,
        transport: Arc<dyn HttpTransport>,
        on_outcome: Option<OnOutcome>,
        wall: WallClock,
        runtime: Option<Handle>,
    ) -> std::io::Result<Arc<Self>> {
        let own = match runtime {
            Some(_) => None,
            None => Some(runtime::Builder::new_current_thread().enable_all().build()?),
        };
        let shared = Arc::new(Self {
            destination: engine.destination().clone(),
            engine: Mutex::new(engine),
            waiters: Mutex::new(Vec::new()),
            wake: Notify::new(),
            stopped: AtomicBool::new(false),
            started: Instant::now(),
            wall,
            runtime: runtime.as_ref().map(Handle::id),
        });
        // Made here and not in the future, which a runtime that has ended drops without ever polling it.
        let drive =
            drive(Stop { shared: shared.clone(), on_outcome, outcomes: Vec::new(), ended: None }, transport);
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

    pub(crate) fn now(&self) -> Now {
        Now { mono: millis(self.started.elapsed()), wall: (self.wall)() }
    }

    /// The engine. Hold it for moments only, and call nothing of the application's meanwhile.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine<D>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
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
        receiver.recv_timeout(timeout.saturating_add(PATIENCE)).map_err(|_| DriverError::NotDriven)
    }

    /// Ends the driver in its own time, without anybody waiting.
    pub(crate) fn close_unattended(&self, timeout: Duration) {
        self.enlist(close, timeout, Reply::Nobody);
    }

    fn enlist(&self, wanted: impl FnOnce(&mut Engine<D>) -> Wanted, timeout: Duration, reply: Reply) {
        let deadline = self.now().mono.saturating_add(millis(timeout));
        let mut waiters = lock(&self.waiters);
        if self.stopped.load(Ordering::Acquire) {
            return reply.send(Report::default());
        }
        let wanted = wanted(&mut self.engine());
        waiters.push(Waiter { wanted, deadline, reply });
        drop(waiters);
        self.wake();
    }

    /// Takes out the callers whose wait is over, with their answers. Says when the next one's patience ends, and
    /// whether and how the driver ends.
    fn over(&self, now: u64) -> (Vec<(Reply, Report)>, Option<u64>, Option<End>) {
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
                        engine.end_flush(id)
                    })
                }
                Wanted::Room => (over || engine.is_closed() || has_room(&engine)).then(Report::default),
            };
            match report {
                Some(report) => answers.push((waiters.swap_remove(place).reply, report)),
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
pub(crate) fn room<D: Destination>(_: &mut Engine<D>) -> Wanted {
    Wanted::Room
}

/// Room for the largest event, so that whoever waited for it can go on for a while.
pub(crate) fn has_room<D: Destination>(engine: &Engine<D>) -> bool {
    engine.has_room(engine.limits().max_event_bytes.min(engine.limits().max_queue_bytes / 4))
}

/// The wall clock of this machine.
pub(crate) fn system_clock() -> WallClock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

type Answers = JoinSet<(TransmitId, Result<Response, TransportError>)>;

async fn drive<D>(mut stop: Stop<D>, transport: Arc<dyn HttpTransport>)
where
    D: Destination<Request = Request, Response = Response> + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    let Stop { shared, on_outcome, outcomes, ended } = &mut stop;
    let mut requests = Answers::new();
    let mut buffer = Vec::new();
    loop {
        let mut wait = shared.turn(&mut requests, &transport, &mut buffer, outcomes);
        hand_out(outcomes, on_outcome.as_deref());
        let now = shared.now().mono;
        let (answers, patience, end) = shared.over(now);
        if !answers.is_empty() {
            // What ended in between, by the close itself or by a `disable`, is told before the answer that counts it.
            wait = shared.turn(&mut requests, &transport, &mut buffer, outcomes);
            hand_out(outcomes, on_outcome.as_deref());
        }
        answers.into_iter().for_each(|(reply, report)| reply.send(report));
        if end.is_some() {
            *ended = end;
            return;
        }
        let until = [wait, patience].into_iter().flatten().min().unwrap_or(now + 3_600_000);
        let sleep = tokio::time::sleep(Duration::from_millis(until.saturating_sub(now)));
        tokio::select! {
            biased;
            Some(answer) = requests.join_next() => {
                shared.take(answer);
                while let Some(answer) = requests.try_join_next() {
                    shared.take(answer);
                }
            }
            () = shared.wake.notified() => {}
            () = sleep => {}
        }
    }
}

impl<D> Shared<D>
where
    D: Destination<Request = Request, Response = Response> + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    /// Does everything there is to do now. Sealing happens without the lock.
    fn turn(
        &self,
        requests: &mut Answers,
        transport: &Arc<dyn HttpTransport>,
        buffer: &mut Vec<u8>,
        outcomes: &mut Vec<Outcome>,
    ) -> Option<u64> {
        loop {
            // The clock is read under the lock, so that a request is never dated before an event that it carries.
            let mut engine = self.engine();
            let now = self.now();
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
                    outcomes.push(outcome);
                    None
                }
                Step::Wait(until) => return until,
            };
            if let Some(Transmit { id, request, deadline, .. }) = transmit {
                let timeout = Duration::from_millis(deadline.saturating_sub(now.mono));
                let answer = carry(transport.clone(), request, timeout);
                requests.spawn(async move { (id, answer.await) });
            }
        }
    }

    fn take(&self, answer: Result<(TransmitId, Result<Response, TransportError>), tokio::task::JoinError>) {
        match answer {
            Ok((id, Ok(response))) => {
                if response.status >= 300 {
                    log::debug!("trackwire: a request was answered with status {}", response.status);
                }
                self.engine().answer(id, Ok(&response), self.now());
            }
            Ok((id, Err(error))) => {
                log::debug!("trackwire: a request got no answer: {error}");
                self.engine().answer(id, Err(error), self.now());
            }
            // A transport that panics even while it is dropped; the attempt's lease ends it.
            Err(error) => log::error!("trackwire: a request's task failed: {error}"),
        }
    }
}

/// Sends one request. A transport that panics, in the call or later, has lost it.
async fn carry(
    transport: Arc<dyn HttpTransport>,
    request: Request,
    timeout: Duration,
) -> Result<Response, TransportError> {
    let mut answer = pin!(async move { transport.send(request, timeout).await });
    let careful = poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        poll.unwrap_or_else(|_| {
            log::error!("trackwire: the transport panicked");
            Poll::Ready(Err(TransportError::new(TransportErrorKind::Other, "the transport panicked")))
        })
    });
    careful.await
}

/// Whatever ends the driver, nobody is left waiting for it, and every event has its outcome.
struct Stop<D: Destination> {
    shared: Arc<Shared<D>>,
    on_outcome: Option<OnOutcome>,
    /// What the engine told and the application has not heard yet.
    outcomes: Vec<Outcome>,
    ended: Option<End>,
}

impl<D: Destination> Drop for Stop<D> {
    fn drop(&mut self) {
        let shared = &*self.shared;
        // There are no requests left that would show the wall clock, and it is the application's: not called here.
        let now = Now { mono: millis(shared.started.elapsed()), wall: 0 };
        // A suspended engine stays as it is, to be exported.
        if self.ended != Some(End::Suspended) {
            let mut engine = lock(&shared.engine);
            let pending = engine.stats().pending;
            engine.abandon();
            while let Output::Outcome(outcome) = engine.poll(now) {
                self.outcomes.push(outcome);
            }
            drop(engine);
            if pending > 0 {
                log::warn!("trackwire: the runtime ended with {pending} events pending; they are lost");
            }
        }
        let was_driver = IS_DRIVER.replace(true);
        hand_out(&mut self.outcomes, self.on_outcome.as_deref());
        IS_DRIVER.set(was_driver);
        // From here on nobody enlists.
        let waiters = {
            let mut waiters = lock(&shared.waiters);
            shared.stopped.store(true, Ordering::Release);
            std::mem::take(&mut *waiters)
        };
        for Waiter { wanted, reply, .. } in waiters {
            reply.send(match wanted {
                Wanted::Flush(id) | Wanted::Close(id) | Wanted::Suspend(id) => {
                    lock(&shared.engine).end_flush(id)
                }
                Wanted::Room => Report::default(),
            });
        }
    }
}

/// Runs the application's callback. What it throws stays here: it must not end the delivery.
fn hand_out(outcomes: &mut Vec<Outcome>, on_outcome: Option<&(dyn Fn(&Outcome) + Send + Sync)>) {
    let Some(on_outcome) = on_outcome else { return outcomes.clear() };
    for outcome in outcomes.drain(..) {
        if catch_unwind(AssertUnwindSafe(|| on_outcome(&outcome))).is_err() {
            log::error!("trackwire: the on_outcome callback panicked");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldDeadlock => {
                "a blocking call was made on the runtime or in a callback that drives the tracker: use the async \
                 form, or let the tracker have a thread of its own"
            }
            Self::NotDriven => {
                "the runtime that was given to the tracker does not run: keep it running until the tracker is closed"
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
    use crate::engine::Limits;
    use crate::growingio::{GrowingIo, Options};
    use crate::testing::Sink;

    fn start(limits: Limits) -> Arc<Shared<GrowingIo>> {
        let destination = GrowingIo::new(&Options::new("p", "d", "http://collector.example")).unwrap();
        let engine = Engine::new(destination, limits, 1);
        Shared::start(engine, Arc::new(Sink::new()), None, system_clock(), None).unwrap()
    }

    /// Begins to wait and gives up at once.
    fn give_up(shared: &Shared<GrowingIo>, wanted: fn(&mut Engine<GrowingIo>) -> Wanted) -> Wanted {
        let mut what = None;
        {
            let mut wait = pin!(shared.wait(|engine| *what.insert(wanted(engine)), Duration::MAX));
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
