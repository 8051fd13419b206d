//! The world: clocks, the driver's loop, crashes. What the application does is in `app.rs`.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use trackwire::destination::Now;
use trackwire::engine::{
    Bug, Engine, FlushId, Outcome, Output, RestoreError, SealJob, Step, Transmit, TransmitId,
};

use crate::model::Model;
use crate::network::{Future, Happening, Sent, Weather};
use crate::plan::Plan;
use crate::rng::Rng;
use crate::rules::{Checked, hold};
use crate::system::{Request, System, read_body};
use crate::tally::{Seen, Tally};

pub(crate) struct World {
    pub(crate) plan: Rc<Plan>,
    pub(crate) rng: Rng,
    pub(crate) model: Model,
    pub(crate) engine: Engine<System>,
    pub(crate) system: Arc<System>,
    pub(crate) future: Future,
    pub(crate) flushes: Vec<FlushId>,
    pub(crate) next_event: u32,
    pub(crate) actions_left: u32,
    /// The world's own time, ms. The clocks of the engine's process differ from it.
    pub(crate) at: u64,
    /// What the engine said last about when there is something to do, unless it was told something since.
    pub(crate) waits_until: Option<Option<u64>>,
    mono_base: u64,
    pub(crate) wall_base: u64,
    #[cfg_attr(not(feature = "__planted-bugs"), expect(dead_code, reason = "nothing can be planted"))]
    bug: Option<Bug>,
    weather: Vec<Weather>,
    settling: bool,
    pub(crate) telling: bool,
    buffer: Vec<u8>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Rc::new(Plan::new(&mut rng));
        let system = Arc::new(System {
            lanes: plan.lanes.clone(),
            sealed_bytes: Arc::new(AtomicUsize::new(0)),
            last_sealed: Mutex::default(),
        });
        let engine = Engine::new(Arc::clone(&system), plan.limits.clone(), rng.next());
        let at = 1_000_000 + rng.below(1_000_000);
        let weather =
            (0..plan.endpoints).map(|_| if plan.calm { Weather::Fair } else { Weather::any(&mut rng) });
        let mut world = Self {
            weather: weather.collect(),
            model: Model::new(Rc::clone(&plan)),
            engine,
            system,
            future: Future::default(),
            flushes: Vec::new(),
            next_event: 0,
            actions_left: plan.actions,
            at,
            waits_until: None,
            mono_base: at - rng.below(1_000),
            wall_base: 1_700_000_000_000 + rng.below(1_000_000),
            bug,
            settling: false,
            telling: false,
            buffer: Vec::new(),
            plan,
            rng,
        };
        world.plant();
        world
    }

    /// Lives through the whole seed.
    pub(crate) fn run(mut self) -> Checked<Tally> {
        self.future.add(self.at, Happening::Act);
        self.first_weather();
        while self.actions_left > 0 {
            let until = self.turn()?;
            self.travel(until)?;
        }
        self.settle_down()?;
        Ok(self.model.tally)
    }

    /// Tells what happens, when a single seed is replayed.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            println!("{:>12} {}", self.at, what());
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.now_at(self.at)
    }

    fn now_at(&self, at: u64) -> Now {
        Now { mono: at - self.mono_base, wall: self.wall_base + at }
    }

    fn plant(&mut self) {
        #[cfg(feature = "__planted-bugs")]
        if let Some(bug) = self.bug {
            self.engine.plant(bug);
        }
    }

    fn first_weather(&mut self) {
        if self.plan.dead {
            self.model.tally.saw(Seen::DeadForADay);
            self.weather[0] = Weather::Unreachable;
        }
        if !self.plan.calm {
            for endpoint in 0..self.plan.endpoints {
                let dead = self.plan.dead && endpoint == 0;
                let lasts =
                    if dead { 90_000_000 + self.rng.below(90_000_000) } else { self.rng.magnitude(600_000) };
                self.future.add(self.at + lasts, Happening::WeatherTurns(endpoint));
            }
        }
    }

    /// Drives the engine until it waits, and hands outcomes to the callbacks. Returns until when it waits.
    fn turn(&mut self) -> Checked<Option<u64>> {
        loop {
            let mut outcomes = Vec::new();
            let until = self.drain(&mut outcomes)?;
            if !self.call_back(&outcomes)? {
                return Ok(until);
            }
        }
    }

    pub(crate) fn drain(&mut self, outcomes: &mut Vec<Outcome>) -> Checked<Option<u64>> {
        let now = self.now();
        self.model.pass_time(now, self.at);
        let until = loop {
            if self.rng.in_1000(self.plan.stepped) {
                let mut buffer = std::mem::take(&mut self.buffer);
                let step = self.engine.step(now, &mut buffer);
                self.buffer = buffer;
                match step {
                    Step::Seal(job) => self.seal(job)?,
                    Step::Transmit(transmit) => self.transmit(transmit)?,
                    Step::Outcome(outcome) => self.hear(outcome, outcomes)?,
                    Step::Wait(until) => break until,
                    other => panic!("the world does not know {other:?}"),
                }
            } else {
                match self.engine.poll(now) {
                    Output::Transmit(transmit) => self.transmit(transmit)?,
                    Output::Outcome(outcome) => self.hear(outcome, outcomes)?,
                    Output::Wait(until) => break until,
                    other => panic!("the world does not know {other:?}"),
                }
            }
            self.check_books()?;
        };
        self.check_books()?;
        self.model.check_told()?;
        self.model.check_idle(self.at, self.sealed_bytes())?;
        for (id, report) in self.model.flush_reports() {
            let said = self.engine.flush_report(id);
            hold!(Report, said == Some(report), "{id:?} is {report:?}, the engine says {said:?}");
        }
        hold!(Wait, until.is_none_or(|until| until > now.mono), "{until:?} is over at {}", now.mono);
        let until = until.map(|until| until.saturating_add(self.mono_base));
        self.waits_until = Some(until);
        Ok(until)
    }

    fn hear(&mut self, outcome: Outcome, outcomes: &mut Vec<Outcome>) -> Checked {
        self.tell(|| format!("{outcome:?}"));
        self.model.hear(&outcome)?;
        outcomes.push(outcome);
        Ok(())
    }

    fn seal(&mut self, job: SealJob<System>) -> Checked {
        let job = job.seal(&self.system);
        let body = self.system.last_sealed();
        let Some(content) = read_body(&body) else {
            hold!(Body, false, "what was to be sealed cannot be read");
            return Ok(());
        };
        self.tell(|| format!("seal {:?}: {:?}", job.id(), content.events));
        self.model.tally.saw(Seen::SealedElsewhere);
        self.model.sealed((content.batch, job.id().attempt), &content, self.at)?;
        // How long things take at most is measured in a calm world, and when all is to settle.
        let at_once = self.plan.calm || self.settling || self.rng.in_1000(700);
        let takes = if at_once { 0 } else { self.rng.magnitude(20_000) };
        self.future.add(self.at + takes, Happening::Sealed(job));
        Ok(())
    }

    fn transmit(&mut self, transmit: Transmit<Request>) -> Checked {
        let (id, body) = (transmit.id, &transmit.request.body);
        let Some(content) = read_body(body) else {
            hold!(Body, false, "batch {id:?} cannot be read");
            return Ok(());
        };
        hold!(Body, transmit.request.attempt == id.attempt, "the request of {id:?} is for another attempt");
        let sent = self.model.transmit((id.batch.0, id.attempt), &content, body, self.at);
        sent.inspect_err(|_| self.tell(|| format!("send {id:?}: {:?}", content.events)))?;
        self.tell(|| format!("send {id:?}: {:?}", content.events));
        let deadline = self.now().mono + self.plan.limits.request_timeout;
        hold!(Early, transmit.deadline == deadline, "deadline {} instead of {deadline}", transmit.deadline);
        let events: Vec<u32> = content.events.iter().map(|&(id, _)| id).collect();
        let poisoned = !self.settling && events.iter().any(|id| self.model.events[id].poison);
        if poisoned {
            self.model.tally.saw(Seen::Poison);
        }
        let sent = Sent {
            id,
            at: self.at,
            wall: self.now().wall,
            weather: self.weather[usize::from(self.model.flights[&(id.batch.0, id.attempt)].endpoint)],
            body: body.len(),
            events: &events,
            poisoned,
        };
        self.future.send(&sent, &self.plan, &mut self.rng, &mut self.model.tally);
        Ok(())
    }

    /// Goes on to the next thing that happens, sometimes late, and lets it happen.
    fn travel(&mut self, until: Option<u64>) -> Checked {
        let next = self.future.next_at();
        self.poll_early(until, next)?;
        let late = self.rng.weighed(&[(80, 0), (15, 50), (4, 3_000), (1, 600_000)]);
        let late = if late > 0 && !self.settling && !self.plan.calm { self.rng.below(late) } else { 0 };
        let alone = until.is_some_and(|until| next.is_none_or(|next| until < next));
        let target = match (until, next) {
            (Some(until), Some(next)) => until.min(next),
            (until, next) => until.or(next).expect("the application acts until the end"),
        };
        self.at = target.max(self.at) + late;
        if alone && late == 0 {
            return self.expect_work();
        }
        while let Some(happening) = self.future.take_due(self.at) {
            self.happen(happening)?;
            self.check_books()?;
        }
        Ok(())
    }

    /// Before the time that was named, and without anything new, there is nothing to do.
    fn poll_early(&mut self, until: Option<u64>, next: Option<u64>) -> Checked {
        let end = until.into_iter().chain(next).min().unwrap_or(self.at);
        if end <= self.at + 1 || !self.rng.in_1000(300) {
            return Ok(());
        }
        self.model.tally.saw(Seen::PolledEarly);
        self.at = self.rng.within(self.at + 1, end - 1);
        self.poll_for_nothing(until)
    }

    fn poll_for_nothing(&mut self, until: Option<u64>) -> Checked {
        let output = self.engine.poll(self.now());
        let Output::Wait(again) = output else {
            hold!(Wait, false, "waiting until {until:?}, there was this to do at {}: {output:?}", self.at);
            return Ok(());
        };
        let again = again.map(|again| again + self.mono_base);
        // Later is fine: when memory is short, one more event can make a batch wait for room.
        let (first, then) = (until.unwrap_or(u64::MAX), again.unwrap_or(u64::MAX));
        hold!(Wait, first <= then, "first until {until:?}, then {again:?}");
        Ok(())
    }

    /// An event was taken and nobody is to be woken, so nothing is to be done before the time named last.
    pub(crate) fn check_asleep(&mut self) -> Checked {
        let Some(until) = self.waits_until.filter(|until| until.is_none_or(|until| until > self.at)) else {
            return Ok(());
        };
        self.model.tally.saw(Seen::LeftAsleep);
        self.poll_for_nothing(until)
    }

    /// At the time that was named, there is something to do.
    fn expect_work(&mut self) -> Checked {
        let was = self.engine.stats();
        let mut outcomes = Vec::new();
        let flights = self.model.flights.clone();
        let until = self.drain(&mut outcomes)?;
        let same = flights.keys().eq(self.model.flights.keys());
        let worked = was != self.engine.stats() || !outcomes.is_empty() || !same;
        hold!(Wait, worked, "nothing was to be done at {}; now it waits until {until:?}", self.at);
        self.call_back(&outcomes)?;
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Checked {
        if !matches!(happening, Happening::Act) {
            self.waits_until = None;
        }
        match happening {
            Happening::Taken(events) => self.model.taken(&events)?,
            Happening::Answer(id, answer) => {
                let now = self.now();
                self.tell(|| format!("answer {id:?}: {answer:?}"));
                self.model.answer((id.batch.0, id.attempt), &answer, now, self.at);
                self.engine.answer(id, answer.as_ref().map_err(Clone::clone), now);
            }
            Happening::Sealed(job) => {
                let id = job.id();
                match self.engine.sealed(job, self.now()) {
                    Some(transmit) => self.transmit(transmit)?,
                    None => self.sealed_for_nothing(id)?,
                }
            }
            Happening::WeatherTurns(endpoint) => {
                self.weather[usize::from(endpoint)] = Weather::any(&mut self.rng);
                let lasts = self.rng.magnitude(3_600_000);
                self.future.add(self.at + lasts, Happening::WeatherTurns(endpoint));
            }
            Happening::Act => {
                self.act()?;
                self.actions_left -= 1;
                if self.actions_left > 0 {
                    let pause = if self.rng.in_1000(500) { 0 } else { self.rng.below(self.plan.max_pause) };
                    self.future.add(self.at + pause, Happening::Act);
                }
            }
        }
        Ok(())
    }

    fn sealed_for_nothing(&mut self, id: TransmitId) -> Checked {
        self.model.tally.saw(Seen::SealedForNothing);
        self.model.not_sent((id.batch.0, id.attempt), self.at)
    }

    /// The process dies and starts anew with what was exported.
    pub(crate) fn crash(&mut self) -> Checked {
        let tally = &mut self.model.tally;
        tally.saw(Seen::Crash);
        if self.telling {
            println!("{:>12} crash", self.at);
        }
        if !self.model.flights.is_empty() {
            tally.saw(Seen::CrashWithRequestsOut);
        }
        let bytes = self.engine.export(self.now());
        let wall = self.now().wall;
        self.future.forget_answers();
        let down = self.rng.weighed(&[(3, 0), (3, 1_000), (2, 60_000), (1, 7_200_000)]);
        let down = if down > 0 { self.rng.below(down) } else { 0 };
        self.at += down;
        if self.rng.in_1000(200) {
            self.jump_wall();
        }
        self.mono_base = self.at - self.rng.below(1_000);
        self.waits_until = None;
        let away = self.now().wall.saturating_sub(wall);
        self.model.crash(self.at, away as i64 - down as i64);
        self.model.restart(self.engine.stats().maybe_duplicated);
        self.flushes.clear();
        match self.restore(&bytes) {
            Ok(engine) => self.engine = engine,
            Err(error) => hold!(Restore, false, "{error}"),
        }
        let stats = self.engine.stats();
        let pending = self.model.pending.len() as u64;
        hold!(Restore, stats.pending == pending, "{pending} events were pending: {stats:?}");
        self.check_books()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<Engine<System>, RestoreError> {
        let (system, limits) = (Arc::clone(&self.system), self.plan.limits.clone());
        let (seed, now) = (self.rng.next(), self.now());
        #[cfg(feature = "__planted-bugs")]
        return Engine::restore_with(system, limits, seed, bytes, now, self.bug);
        #[cfg(not(feature = "__planted-bugs"))]
        Engine::restore(system, limits, seed, bytes, now)
    }

    /// Another process after this one was closed.
    pub(crate) fn start_anew(&mut self) -> Checked {
        hold!(Report, self.engine.is_idle(), "closed, and something is pending: {:?}", self.engine);
        self.future.forget_answers();
        self.model.restart(self.engine.stats().maybe_duplicated);
        self.model.batches.clear();
        self.model.lane_order.clear();
        self.flushes.clear();
        self.mono_base = self.at - self.rng.below(1_000);
        self.waits_until = None;
        self.engine = Engine::new(Arc::clone(&self.system), self.plan.limits.clone(), self.rng.next());
        self.plant();
        Ok(())
    }

    pub(crate) fn jump_wall(&mut self) {
        self.model.tally.saw(Seen::WallJump);
        let by = self.rng.magnitude(2 * 86_400_000);
        self.wall_base = if self.rng.in_1000(500) { self.wall_base + by } else { self.wall_base - by };
    }

    /// All is well from now on: everything pending has to be delivered.
    fn settle_down(&mut self) -> Checked {
        self.settling = true;
        self.weather.fill(Weather::Fair);
        self.future.forget_actions();
        if self.model.held {
            self.hold(false);
        }
        self.flush()?;
        let mut by = self.model.well_by(self.at);
        // What is under way now met the old weather, and its answer may ask to wait.
        let old: Vec<(u64, u32)> = self.model.flights.keys().copied().collect();
        let mut heard_from_old_weather = true;
        if !self.model.pending.is_empty() {
            self.model.tally.saw(Seen::RecoveredAtEnd);
        }
        loop {
            let until = self.turn()?;
            if self.model.pending.is_empty() {
                break;
            }
            if heard_from_old_weather {
                by = self.model.well_by(self.at);
                heard_from_old_weather = old.iter().any(|id| self.model.flights.contains_key(id));
            }
            hold!(Liveness, self.at <= by, "at {}, later than {by}: {:?}", self.at, self.engine);
            let something = until.is_some() || self.future.next_at().is_some();
            hold!(Liveness, something, "waiting for nothing: {:?}", self.engine);
            self.travel(until)?;
        }
        // Whatever is still on its way arrives.
        while let Some(at) = self.future.next_at() {
            self.at = self.at.max(at);
            while let Some(happening) = self.future.take_due(self.at) {
                self.happen(happening)?;
            }
            self.turn()?;
        }
        hold!(Liveness, self.engine.is_idle(), "{:?}", self.engine);
        hold!(
            Bounds,
            self.sealed_bytes() == 0,
            "{} sealed bytes are held by an idle engine",
            self.sealed_bytes()
        );
        self.model.check_truth()
    }

    pub(crate) fn check_books(&self) -> Checked {
        self.model.check_books(&self.engine.stats(), self.sealed_bytes())
    }

    fn sealed_bytes(&self) -> usize {
        self.system.sealed_bytes.load(Ordering::Relaxed)
    }
}
