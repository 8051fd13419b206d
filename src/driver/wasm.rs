//! The driver for applications that are wasm themselves: one thread, the host's timers.
//!
//! In the background a task that is there while anything waits asks the engine and acts. In Cloudflare Workers, where
//! a request's I/O must never be waited for by another, each flush does so itself, within the request that calls it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::millis;
use super::page::Page;
use crate::destination::{Destination, Now};
use crate::engine::{Engine, FlushId, Outcome, Output, Report, Transmit, splitmix};
use crate::http::{Request, Response};
use crate::transport::LocalTransport;
use crate::transport::fetch::{global, timer_ms};

/// What a tracker's requests are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// By timers, in the background: in pages, in web workers, in Node.
    Background,
    /// By `flush`, `close` and `ready` only, within the request that calls them; recording starts neither I/O nor a
    /// timer. For Cloudflare Workers, which allow both within a request alone.
    Worker,
}

impl Mode {
    /// The mode for this host: [`Worker`](Self::Worker) where the host says that it is Cloudflare Workers.
    pub fn detect() -> Self {
        let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
        let host = js_sys::global();
        let agent = member(&member(&host, "navigator"), "userAgent");
        // Without the flag `global_navigator`, by what only they have.
        let is_worker = agent.as_string().as_deref() == Some("Cloudflare-Workers")
            || agent.is_undefined() && member(&host, "WebSocketPair").is_function();
        if is_worker { Self::Worker } else { Self::Background }
    }
}

/// Called with every outcome.
pub(crate) type OnOutcome = Box<dyn Fn(&Outcome)>;

/// The wall clock, ms since the Unix epoch.
pub(crate) type WallClock = Box<dyn Fn() -> u64>;

/// What a driver is made of.
pub(crate) struct Parts<D: Destination> {
    pub(crate) mode: Mode,
    /// Makes the engine from a seed: at first use, because Workers have no random numbers before.
    pub(crate) make: Box<dyn Fn(u64) -> Engine<D>>,
    pub(crate) seed: Option<u64>,
    pub(crate) transport: Box<dyn LocalTransport>,
    pub(crate) page: Page,
    pub(crate) clock: Option<WallClock>,
    pub(crate) on_outcome: Option<OnOutcome>,
}

/// An engine and everything its driver and its callers share. Nothing of the application's is called while the engine
/// is borrowed.
pub(crate) struct Shared<D: Destination> {
    parts: Parts<D>,
    engine: OnceCell<RefCell<Engine<D>>>,
    outcomes: RefCell<VecDeque<Outcome>>,
    telling: Cell<bool>,
    /// There is something new for the background task, or to tell.
    woken: Cell<bool>,
    /// The background task is there.
    driving: Cell<bool>,
    driver: Cell<Option<Waker>>,
    /// Callers that wait for what the background task does.
    listeners: RefCell<Vec<Waker>>,
    /// Workers: flushes begun, and when they have ended even if their request went away.
    begun: RefCell<Vec<(FlushId, u64)>>,
    /// When what is left is given up (monotonic, ms), because nobody has the tracker any more.
    ends: Cell<Option<u64>>,
}

impl<D> Shared<D>
where
    D: Destination<Request = Request, Response = Response> + 'static,
{
    pub(crate) fn new(parts: Parts<D>) -> Rc<Self> {
        let shared = Rc::new(Self {
            parts,
            engine: OnceCell::new(),
            outcomes: RefCell::default(),
            telling: Cell::new(false),
            woken: Cell::new(false),
            driving: Cell::new(false),
            driver: Cell::new(None),
            listeners: RefCell::default(),
            begun: RefCell::default(),
            ends: Cell::new(None),
        });
        if shared.parts.mode == Mode::Background {
            let weak = Rc::downgrade(&shared);
            shared.parts.page.watch(move |hidden| {
                if let Some(shared) = weak.upgrade() {
                    shared.show(hidden);
                }
            });
        }
        shared
    }

    /// The page was hidden, and may not come back: all goes out that may. Or it was shown.
    fn show(self: &Rc<Self>, hidden: bool) {
        self.parts.page.set_hidden(hidden);
        if hidden {
            self.engine(|engine| {
                let flush = engine.flush();
                engine.end_flush(flush)
            });
        }
        self.wake();
    }

    pub(crate) fn mode(&self) -> Mode {
        self.parts.mode
    }

    /// Acts on the engine.
    pub(crate) fn engine<R>(&self, act: impl FnOnce(&mut Engine<D>) -> R) -> R {
        let engine = self.engine.get_or_init(|| {
            let seed = self.parts.seed.unwrap_or_else(|| splitmix(js_sys::Math::random().to_bits()));
            RefCell::new((self.parts.make)(seed))
        });
        act(&mut engine.borrow_mut())
    }

    /// The time by both clocks.
    pub(crate) fn now(&self) -> Now {
        let wall = self.parts.clock.as_ref().map_or_else(|| js_sys::Date::now() as u64, |clock| clock());
        Now { mono: mono(), wall }
    }

    /// There is something new: has it looked at soon, never within this call.
    pub(crate) fn wake(self: &Rc<Self>) {
        let was_woken = self.woken.replace(true);
        match self.parts.mode {
            Mode::Background => {
                if let Some(driver) = self.driver.take() {
                    driver.wake();
                } else if !self.driving.replace(true) {
                    spawn_local(self.clone().drive());
                }
            }
            Mode::Worker if was_woken || self.parts.on_outcome.is_none() => {}
            Mode::Worker => {
                let shared = self.clone();
                spawn_local(async move {
                    shared.woken.set(false);
                    shared.drain();
                });
            }
        }
    }

    /// Sends what waits until everything accepted before has ended, or until the time is over.
    pub(crate) async fn flush(self: &Rc<Self>, timeout: Duration) -> Report {
        let flush = self.begin(timeout, Engine::flush);
        self.wait(flush.until, |engine| engine.flush_report(flush.id).unwrap_or_default().pending == 0).await;
        // What it counts is told first.
        self.drain();
        self.engine(|engine| engine.flush_report(flush.id)).unwrap_or_default()
    }

    /// The same, and then ends what is left. `close` closes the engine.
    pub(crate) async fn close(
        self: &Rc<Self>,
        timeout: Duration,
        close: impl FnOnce(&mut Engine<D>),
    ) -> Report {
        let flush = self.begin(timeout, |engine| {
            let flush = engine.flush();
            close(engine);
            flush
        });
        self.wait(flush.until, |engine| engine.is_idle()).await;
        self.engine(Engine::abandon);
        self.drain();
        self.engine(|engine| engine.flush_report(flush.id)).unwrap_or_default()
    }

    /// Waits until the queue has room.
    pub(crate) async fn room(self: &Rc<Self>) {
        if self.parts.mode == Mode::Worker && !self.engine(|engine| engine.has_room_for_any()) {
            // Nothing else lets it go.
            drop(self.begin(Duration::ZERO, Engine::flush));
        }
        self.wait(u64::MAX, |engine| engine.is_closed() || engine.has_room_for_any()).await;
    }

    /// Ends the engine in its own time, without anybody waiting: after `timeout` at the latest, in Workers at once.
    pub(crate) fn close_unattended(self: &Rc<Self>, timeout: Duration) {
        self.engine(Engine::close);
        match self.parts.mode {
            Mode::Background => self.ends.set(Some(deadline(timeout))),
            Mode::Worker => self.engine(Engine::abandon),
        }
        self.wake();
    }

    fn begin(
        self: &Rc<Self>,
        timeout: Duration,
        flush: impl FnOnce(&mut Engine<D>) -> FlushId,
    ) -> Begun<'_, D> {
        let until = deadline(timeout);
        let id = self.engine(flush);
        if self.parts.mode == Mode::Worker {
            let now = mono();
            let mut begun = self.begun.borrow_mut();
            begun.retain(|&(id, end)| {
                let ended = end.saturating_add(1_000) < now;
                if ended {
                    self.engine(|engine| engine.end_flush(id));
                }
                !ended
            });
            begun.push((id, until));
        }
        Begun { shared: self, id, until }
    }

    /// Waits until it is `over`, or until that time (monotonic, ms).
    async fn wait(self: &Rc<Self>, until: u64, over: impl Fn(&mut Engine<D>) -> bool) {
        match self.parts.mode {
            Mode::Background => self.listen(until, over).await,
            Mode::Worker => self.act(until, over).await,
        }
    }

    /// While the background task acts.
    async fn listen(self: &Rc<Self>, until: u64, over: impl Fn(&mut Engine<D>) -> bool) {
        self.wake();
        let mut late = sleep(Some(until).filter(|&until| until < u64::MAX));
        poll_fn(|context| {
            if self.engine(&over) {
                return Poll::Ready(());
            }
            self.add_listener(context.waker());
            poll_sleep(&mut late, context)
        })
        .await;
    }

    fn add_listener(&self, waker: &Waker) {
        let mut listeners = self.listeners.borrow_mut();
        if !listeners.iter().any(|known| known.will_wake(waker)) {
            listeners.push(waker.clone());
        }
    }

    /// Acts itself: on requests and timers of its own, and on nobody else's promise, which may never come true. What
    /// others do it sees by looking again.
    async fn act(self: &Rc<Self>, until: u64, over: impl Fn(&mut Engine<D>) -> bool) {
        let mut flights = Flights::default();
        let mut step = 5;
        loop {
            let wait = match mono() < until && !self.engine(&over) {
                true => self.turn(usize::MAX, |transmit| flights.start(self.carry(transmit))),
                false => None,
            };
            let now = mono();
            if now >= until || flights.is_empty() && self.engine(&over) {
                return;
            }
            step = 200.min(step * 2);
            let mut look = sleep(Some(wait.unwrap_or(u64::MAX).min(until).min(now + step)));
            poll_fn(|context| match flights.poll(context) {
                true => Poll::Ready(()),
                false => poll_sleep(&mut look, context),
            })
            .await;
        }
    }

    /// The background task.
    async fn drive(self: Rc<Self>) {
        let mut flights = Flights::default();
        loop {
            self.woken.set(false);
            let wait = self.turn(usize::MAX, |transmit| flights.start(self.carry(transmit)));
            let listeners = self.listeners.take();
            listeners.into_iter().for_each(Waker::wake);
            let ends = self.ends.get().filter(|_| !self.engine(|engine| engine.is_idle()));
            if ends.is_some_and(|at| at <= mono()) {
                self.ends.set(None);
                self.engine(Engine::abandon);
                continue;
            }
            let wait = [wait, ends].into_iter().flatten().min();
            if wait.is_none() && flights.is_empty() && !self.woken.get() {
                self.driving.set(false);
                return;
            }
            let mut timer = sleep(wait);
            poll_fn(|context| {
                if self.woken.get() || flights.poll(context) {
                    return Poll::Ready(());
                }
                self.driver.set(Some(context.waker().clone()));
                poll_sleep(&mut timer, context)
            })
            .await;
            self.driver.take();
        }
    }

    /// Does everything there is to do now, sending nothing larger than `most`, and tells what ended. Until when that is
    /// all.
    fn turn(&self, most: usize, mut carry: impl FnMut(Transmit<Request>)) -> Option<u64> {
        let wait = loop {
            let now = self.now();
            let most = most.min(self.parts.page.most());
            match self.engine(|engine| engine.poll_within(now, most)) {
                Output::Transmit(transmit) => carry(transmit),
                Output::Outcome(outcome) => self.outcomes.borrow_mut().push_back(outcome),
                Output::Wait(until) => break until,
            }
        };
        self.tell();
        wait
    }

    /// Tells what has ended; sends nothing.
    fn drain(&self) {
        self.turn(0, |_| {});
    }

    fn tell(&self) {
        if self.telling.replace(true) {
            // It is told by whoever tells now.
            return;
        }
        loop {
            let outcome = self.outcomes.borrow_mut().pop_front();
            let Some(outcome) = outcome else { break };
            if let Some(on_outcome) = &self.parts.on_outcome {
                on_outcome(&outcome);
            }
        }
        self.telling.set(false);
    }

    /// Carries one request and brings its answer.
    fn carry(self: &Rc<Self>, transmit: Transmit<Request>) -> Flight {
        let Transmit { id, request, deadline, .. } = transmit;
        let started = mono();
        let timeout = Duration::from_millis(deadline.saturating_sub(started));
        let place = self.parts.page.prepare(request.body.len(), id.attempt);
        let sending = self.parts.transport.send(request, timeout);
        let shared = self.clone();
        Box::pin(async move {
            let answer = sending.await;
            drop(place);
            let now = shared.now();
            let refused = shared.parts.page.was_refused(answer.is_ok(), now.mono.saturating_sub(started));
            shared.engine(|engine| match refused {
                true => engine.unsend(id, now),
                false => engine.answer(id, answer.as_ref().map_err(Clone::clone), now),
            });
            if shared.parts.mode == Mode::Worker {
                // Its flush may have ended before it.
                shared.wake();
            }
        })
    }
}

/// A flush that was begun; ends when nobody asks for it any more.
struct Begun<'a, D: Destination> {
    shared: &'a Shared<D>,
    id: FlushId,
    until: u64,
}

impl<D: Destination> Drop for Begun<'_, D> {
    fn drop(&mut self) {
        self.shared.begun.borrow_mut().retain(|&(id, _)| id != self.id);
        if let Some(engine) = self.shared.engine.get() {
            engine.borrow_mut().end_flush(self.id);
        }
    }
}

type Flight = Pin<Box<dyn Future<Output = ()>>>;

/// Requests under way. They are few.
#[derive(Default)]
struct Flights(Vec<Flight>);

impl Flights {
    fn start(&mut self, flight: Flight) {
        self.0.push(flight);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one has ended, which has brought its answer.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let before = self.0.len();
        self.0.retain_mut(|flight| flight.as_mut().poll(context).is_pending());
        self.0.len() < before
    }
}

impl Drop for Flights {
    /// What is under way when nobody waits for it any more still has its answer heard, as long as the host lets it: it
    /// is no other request's, and an attempt cut off here would have to be made again.
    fn drop(&mut self) {
        self.0.drain(..).for_each(spawn_local);
    }
}

/// A clock that never goes back, ms.
pub(crate) fn mono() -> u64 {
    global().performance().map_or_else(js_sys::Date::now, |performance| performance.now()) as u64
}

fn deadline(timeout: Duration) -> u64 {
    mono().saturating_add(millis(timeout))
}

/// A timer until then (monotonic, ms), or as far as timers go.
fn sleep(until: Option<u64>) -> Option<TimeoutFuture> {
    // The clock is cut to whole ms, and must have reached the time.
    let wait = until?.saturating_sub(mono()).saturating_add(1);
    Some(TimeoutFuture::new(timer_ms(Duration::from_millis(wait))))
}

fn poll_sleep(timer: &mut Option<TimeoutFuture>, context: &mut Context<'_>) -> Poll<()> {
    timer.as_mut().map_or(Poll::Pending, |timer| Pin::new(timer).poll(context))
}
