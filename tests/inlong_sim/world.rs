//! The world: clocks, the client's loop, and what happens when.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use trackwire::destination::{Now, TransportErrorKind};
use trackwire::engine::{Bug, Engine, Output as Wanted, Tag, Transmit, TransmitId};
use trackwire::inlong::{
    ConnectionBug, Connections, Discovery, DiscoveryEvent, InLong, LocalTime, Message, Output, Request,
};

use crate::frame;
use crate::model::Model;
use crate::network::{Happening, Network, Sent, Whole};
use crate::node::Manager;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::rules::{Checked, hold};
use crate::tally::{Seen, Tally};
use crate::weather::Weather;

pub(crate) const NODES: usize = 3;

/// A bug, and where it is planted.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "__planted-bugs"), allow(dead_code, reason = "asked about, never planted"))]
pub(crate) enum Planted {
    Connections(ConnectionBug),
    Engine(Bug),
}

/// How long things may take once all is well, ms: probes are a minute apart, and a poisonous pack is halved many times.
const RECOVERY: u64 = 1_200_000;
/// What may happen in a moment and in a second before it is called a circle.
const MOST_ROUNDS: u32 = 30;
const MOST_WAKES: usize = 400;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) model: Model,
    pub(crate) engine: Engine<InLong>,
    connections: Connections,
    discovery: Discovery,
    pub(crate) network: Network,
    pub(crate) weather: Vec<Weather>,
    pub(crate) manager: Manager,
    /// The world's own time, ms.
    pub(crate) at: u64,
    actions_left: u32,
    /// The groups that the discovery knows.
    groups: u32,
    /// Frames that travel alone and wait for their connection.
    waiting: HashMap<u32, TransmitId>,
    /// When connections to a node were refused.
    refused: Vec<VecDeque<u64>>,
    /// When there was something to do for no other reason than time.
    wakes: VecDeque<u64>,
    settling: bool,
    pub(crate) telling: bool,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Planted>) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::new(&mut rng);
        let destination =
            InLong::new(plan.options.clone(), rng.next(), LocalTime::utc()).expect("sound options");
        for group in 0..plan.groups {
            destination.know_group(&format!("g{group}"));
        }
        let any = |rng: &mut Rng| if plan.calm { Weather::fair() } else { Weather::any(rng) };
        let weather = (0..NODES).map(|_| any(&mut rng)).collect();
        let mut world = Self {
            weather,
            manager: if plan.calm { Manager::Fine } else { Manager::any(&mut rng) },
            engine: Engine::new(Arc::new(destination), plan.limits(), rng.next()),
            connections: Connections::new(&plan.options, rng.next()),
            discovery: Discovery::new(&plan.options, rng.next()),
            model: Model::default(),
            network: Network::default(),
            at: 1_000_000,
            actions_left: plan.actions,
            groups: 0,
            waiting: HashMap::new(),
            refused: vec![VecDeque::new(); NODES],
            wakes: VecDeque::new(),
            settling: false,
            telling: false,
            plan,
            rng,
        };
        world.plant(bug);
        world
    }

    fn plant(&mut self, bug: Option<Planted>) {
        #[cfg(feature = "__planted-bugs")]
        match bug {
            Some(Planted::Connections(bug)) => self.connections.plant(bug),
            Some(Planted::Engine(bug)) => self.engine.plant(bug),
            None => {}
        }
        #[cfg(not(feature = "__planted-bugs"))]
        let _ = bug;
    }

    /// Lives through the whole seed.
    pub(crate) fn run(mut self) -> Checked<Tally> {
        self.network.add(self.at, Happening::Act);
        for node in 0..NODES {
            let lasts = self.rng.magnitude(self.plan.max_weather);
            self.network.add(self.at + lasts, Happening::WeatherTurns(node));
        }
        if !self.plan.calm {
            let lasts = self.rng.magnitude(60_000);
            self.network.add(self.at + lasts, Happening::ManagerTurns);
        }
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
            println!("{:>9} {}", self.at, what());
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.at, wall: 1_700_000_000_000 + self.at }
    }

    /// All becomes well, and everything pending arrives; then connections end.
    fn settle_down(&mut self) -> Checked {
        self.tell(|| "all is well".into());
        self.settling = true;
        self.manager = Manager::Fine;
        for node in 0..NODES {
            self.node_turns(node, Weather::fair());
        }
        let end = self.at + RECOVERY;
        loop {
            let until = self.turn()?;
            if self.engine.is_idle() {
                break;
            }
            hold!(Liveness, self.at < end, "{:?} are still pending", self.model.not_ended());
            self.travel(until)?;
        }
        hold!(Liveness, self.model.not_ended().is_empty(), "{:?} have no outcome", self.model.not_ended());
        let options = &self.plan.options;
        let idle = options.tcp_idle_time + options.tcp_detection_interval + 3 * options.request_timeout;
        let end = self.at + idle + 10_000;
        while !self.network.wires.is_empty() || self.connections.is_busy() {
            let until = self.turn()?;
            hold!(Liveness, self.at < end, "connections stay: {:?}", self.network.wires);
            self.travel(until)?;
        }
        Ok(())
    }

    /// Drives the client until it waits. Returns until when.
    fn turn(&mut self) -> Checked<u64> {
        let mut rounds = 0;
        loop {
            rounds += 1;
            hold!(Busy, rounds <= MOST_ROUNDS, "{rounds} rounds in one moment");
            self.carry()?;
            let wanted = self.drive()?;
            let told = self.carry()?;
            self.check()?;
            let wakes = [wanted, self.connections.next_wake(), self.discovery.next_wake()];
            let until = wakes.into_iter().flatten().min().unwrap_or(u64::MAX);
            if !told && until > self.at {
                return Ok(until);
            }
        }
    }

    /// What the client's carrier does each time; whether the engine was told something.
    fn carry(&mut self) -> Checked<bool> {
        let now = self.now();
        let mut told = self.discover();
        self.connections.want(!self.engine.is_idle(), now);
        if self.connections.next_wake().is_some_and(|at| at <= now.mono) {
            self.connections.tick(now);
        }
        told |= self.act(None)?;
        Ok(told)
    }

    fn discover(&mut self) -> bool {
        let now = self.now();
        let mut told = false;
        while self.groups < self.plan.groups {
            self.discovery.add_group(&format!("g{}", self.groups)).expect("there is room");
            self.groups += 1;
        }
        while let Some(ask) = self.discovery.poll(now) {
            self.ask(&ask);
        }
        while let Some(event) = self.discovery.event() {
            if let DiscoveryEvent::Changed { group, list } = event {
                told = true;
                self.tell(|| format!("{group} has {} nodes", list.nodes.len()));
                self.engine.rebatch();
                let number = group[1..].parse().expect("the number of a group");
                self.connections.set_nodes(number, &list, now);
            }
        }
        told
    }

    /// Drives the engine until it waits.
    fn drive(&mut self) -> Checked<Option<u64>> {
        let mut sent: HashMap<u64, u32> = HashMap::new();
        loop {
            match self.engine.poll(self.now()) {
                Wanted::Transmit(Transmit {
                    id, request: Request::Frame(frame), deadline, alone, ..
                }) => {
                    let times = sent.entry(id.batch.0).or_default();
                    *times += 1;
                    hold!(Busy, *times <= 3, "{id:?} is sent {times} times in one moment");
                    self.connections.send(id, frame, deadline, alone, self.now());
                    self.act(Some((id, alone)))?;
                }
                Wanted::Outcome(outcome) => {
                    self.tell(|| format!("{outcome:?}"));
                    self.model.hear(&outcome, &self.plan, self.at)?;
                }
                Wanted::Wait(until) => {
                    self.model.check_told(&self.engine.stats())?;
                    return Ok(until);
                }
                other => panic!("the world does not know {other:?}"),
            }
        }
    }

    /// Does what the connections want; `sending` is what was just handed to them.
    fn act(&mut self, sending: Option<(TransmitId, bool)>) -> Checked<bool> {
        let mut told = false;
        while let Some(output) = self.connections.poll() {
            match output {
                Output::Connect { connection, address } => {
                    let node = address.host.rsplit('.').next().and_then(|part| part.parse().ok());
                    let alone = sending.filter(|(_, alone)| *alone).map(|(id, _)| id);
                    self.connect(connection, node.expect("a node of this world"), alone)?;
                }
                Output::Write { connection, bytes } => {
                    let id = sending.filter(|(_, alone)| !alone).map(|(id, _)| id);
                    self.write(connection, &bytes, id)?;
                }
                Output::Close { connection } => self.close(connection)?,
                Output::Answer { id, answer } => {
                    told = true;
                    self.tell(|| format!("{id:?}: {answer:?}"));
                    self.model.answered(id, &answer)?;
                    self.note_end(id, answer.as_ref().err().map(|error| error.kind));
                    self.engine.answer(id, answer.as_ref().map_err(Clone::clone), self.now());
                }
                Output::Extend { id, deadline } => {
                    self.model.tally.saw(Seen::Extended);
                    let frames = self.network.wires.values_mut().flat_map(|wire| &mut wire.sent);
                    for sent in frames.filter(|sent| sent.id == id) {
                        sent.heard_until = deadline + self.plan.options.request_timeout;
                    }
                    self.engine.extend(id, deadline);
                }
                Output::Open { group, nodes } => {
                    told = true;
                    self.tell(|| format!("{group:?} has open {nodes:?}"));
                    self.engine.open(&group, nodes);
                }
                other => panic!("the world does not know {other:?}"),
            }
        }
        Ok(told)
    }

    /// An attempt is over for the engine; its answer may still come if it is only late.
    fn note_end(&mut self, id: TransmitId, error: Option<TransportErrorKind>) {
        let frames = self.network.wires.values_mut().flat_map(|wire| &mut wire.sent);
        for sent in frames.filter(|sent| sent.id == id) {
            match error {
                Some(_) => sent.is_told = true,
                None => sent.is_over = true,
            }
        }
        self.waiting.retain(|_, waiting| *waiting != id);
        if error == Some(TransportErrorKind::Connect) {
            self.model.tally.saw(Seen::LostBeforeWritten);
        }
    }

    fn connect(&mut self, number: u32, node: usize, alone: Option<TransmitId>) -> Checked {
        self.tell(|| format!("connect {number} to node {node} for {alone:?}"));
        self.network.connect(number, node, alone);
        self.waiting.extend(alone.map(|id| (number, id)));
        let weather = &self.weather[node];
        let at = self.at + self.rng.within(1, weather.latency);
        if weather.is_black_hole {
            self.model.tally.saw(Seen::NeverConnected);
            self.network.hung.push(number);
        } else if weather.is_down {
            self.network.add(at, Happening::Refused(number));
        } else {
            self.network.add(at, Happening::Connected(number));
        }
        Ok(())
    }

    fn write(&mut self, number: u32, bytes: &[u8], id: Option<TransmitId>) -> Checked {
        let now = self.at;
        let Some(wire) = self.network.wires.get_mut(&number) else {
            hold!(Proven, false, "something is written on {number}, which is closed");
            return Ok(());
        };
        wire.writes += 1;
        let (node, write) = (wire.node, wire.writes);
        match frame::read(bytes) {
            Err(problem) => hold!(Frame, false, "{bytes:02x?} is no frame: {problem}"),
            Ok(frame::Request::Heartbeat) => {}
            Ok(frame::Request::Pack(pack)) => {
                hold!(Proven, wire.is_proven, "{number} carries a frame and has answered no heartbeat");
                let alone = self.waiting.remove(&number);
                let Some(id) = id.or(alone) else {
                    hold!(Alone, false, "nobody sent {} on {number}", pack.key);
                    return Ok(());
                };
                hold!(
                    Alone,
                    wire.alone.is_none_or(|at| at == id && wire.sent.is_empty()),
                    "{id:?} has company"
                );
                let messages = pack.messages.iter().filter_map(|message| {
                    str::from_utf8(message.split(|&byte| byte == b';').next()?).ok()?.parse().ok()
                });
                let (is_over, is_told) = (false, false);
                let messages = messages.collect();
                let heard_until = now + 2 * self.plan.options.request_timeout;
                let sent = Sent { id, key: pack.key, messages, write, is_over, is_told, heard_until };
                let most = self.plan.max_in_flight();
                hold!(InFlight, wire.under_way() < most, "{} are under way on {number}", wire.under_way());
                self.model.write(&sent, bytes, wire.alone.is_some())?;
                wire.sent.push(sent);
                self.tell(|| format!("write {id:?} on {number}"));
            }
        }
        let weather = self.weather[node].clone();
        let is_cut = self.rng.in_1000(weather.cut_frame);
        let arrives = self.network.arrival_at_node(number, now, &mut self.rng, weather.latency);
        let cut = if is_cut { self.rng.below(bytes.len() as u64) as usize } else { bytes.len() };
        let half = self.rng.below(cut as u64 + 1) as usize;
        self.network.add(arrives, Happening::ToNode(number, bytes[..half].to_vec()));
        self.network.add(arrives, Happening::ToNode(number, bytes[half..cut].to_vec()));
        if is_cut {
            self.model.tally.saw(Seen::FrameCut);
            self.network.add(arrives, Happening::Breaks(number));
        } else if !self.plan.options.is_ack {
            let leaves = now + self.rng.below(50);
            self.network.add(leaves, Happening::Written(number, write));
        }
        Ok(())
    }

    fn close(&mut self, number: u32) -> Checked {
        self.tell(|| format!("close {number}"));
        let Some(wire) = self.network.wires.remove(&number) else {
            hold!(Once, false, "{number} is closed again");
            return Ok(());
        };
        self.model.tally.saw(Seen::ClosedByClient);
        if wire.sent.iter().all(|sent| sent.is_over) && self.engine.is_idle() {
            self.model.tally.saw(Seen::ClosedIdle);
        }
        let node = wire.node;
        self.network.left.insert(number, wire);
        let gone = self.network.arrival_at_node(number, self.at, &mut self.rng, self.weather[node].latency);
        self.network.add(gone + 500, Happening::Breaks(number));
        Ok(())
    }

    /// Goes on to the next thing that happens, sometimes late, and lets it happen.
    fn travel(&mut self, until: u64) -> Checked {
        let next = self.network.next_at().unwrap_or(u64::MAX);
        let late = match self.settling || self.plan.calm {
            true => 0,
            false => self.rng.weighed(&[(96, 0), (3, 100), (1, 30_000)]),
        };
        let late = if late > 0 { self.rng.below(late) } else { 0 };
        hold!(Liveness, until.min(next) < u64::MAX, "there is nothing to wait for");
        self.at = self.at.max(until.min(next)) + late;
        if next > self.at {
            self.wakes.push_back(self.at);
            self.wakes.retain(|&then| then + 1_000 > self.at);
            hold!(Busy, self.wakes.len() <= MOST_WAKES, "{} wakes in a second", self.wakes.len());
            return Ok(());
        }
        while let Some(happening) = self.network.take_due(self.at) {
            self.happen(happening)?;
            self.act(None)?;
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Checked {
        let now = self.now();
        match happening {
            Happening::Act => self.record(),
            Happening::WeatherTurns(node) if !self.settling => {
                let is_down = self.rng.in_1000(500) && (0..NODES).all(|other| !self.weather[other].is_down);
                let weather = if self.plan.calm {
                    Weather::calm(is_down, &mut self.rng)
                } else {
                    Weather::any(&mut self.rng)
                };
                self.node_turns(node, weather);
                let lasts = match self.plan.calm {
                    true => self.rng.within(3_000, 20_000),
                    false => self.rng.magnitude(self.plan.max_weather),
                };
                self.network.add(self.at + lasts, Happening::WeatherTurns(node));
            }
            Happening::ManagerTurns if !self.settling => {
                self.manager = Manager::any(&mut self.rng);
                self.tell(|| format!("{:?}", self.manager));
                let lasts = self.rng.magnitude(200_000);
                self.network.add(self.at + lasts, Happening::ManagerTurns);
            }
            Happening::WeatherTurns(_) | Happening::ManagerTurns => {}
            Happening::Listed(group, answer) => self.discovery.answered(&group, answer, now),
            Happening::Connected(number) => {
                if self.network.wires.contains_key(&number) {
                    self.model.tally.saw(Seen::Connected);
                    self.connections.connected(number, now);
                }
            }
            Happening::Refused(number) => {
                if let Some(wire) = self.network.wires.remove(&number) {
                    if wire.alone.is_none() {
                        self.refused(wire.node)?;
                    }
                    self.model.tally.saw(Seen::Refused);
                    self.connections.closed(number, "refused", now);
                }
            }
            Happening::ToNode(number, bytes) => self.arrive(number, &bytes)?,
            Happening::Answers(number, pack, code) => self.answers(number, &pack, code),
            Happening::Written(number, writes) => {
                if let Some(wire) = self.network.wires.get_mut(&number) {
                    let written = wire.sent.iter_mut().filter(|sent| sent.write <= writes && !sent.is_over);
                    for sent in written {
                        sent.is_over = true;
                        self.model.acked(&sent.messages, 0, false);
                    }
                    self.connections.written(number, writes, now);
                }
            }
            Happening::Breaks(number) => {
                self.breaks(number, false);
                self.network.left.remove(&number);
            }
            Happening::ToClient(number, bytes, piece, whole) => self.receive(number, &bytes, piece, whole)?,
            Happening::Closed(number) => {
                if let Some(wire) = self.network.wires.remove(&number) {
                    self.tell(|| format!("lost {number}"));
                    if let Some(first) = wire.first_open().filter(|_| wire.is_proven) {
                        self.model.blame(first);
                    }
                    self.connections.closed(number, "lost", now);
                }
            }
        }
        Ok(())
    }

    fn refused(&mut self, node: usize) -> Checked {
        let refused = &mut self.refused[node];
        refused.push_back(self.at);
        refused.retain(|&then| then + 1_000 > self.at);
        let most = 3 * self.plan.options.connections_per_node() * self.plan.groups as usize;
        hold!(Reconnect, refused.len() <= most, "node {node} refused {} in a second", refused.len());
        Ok(())
    }

    fn receive(&mut self, number: u32, bytes: &[u8], piece: usize, whole: Whole) -> Checked {
        let now = self.now();
        for piece in bytes.chunks(piece.min(bytes.len()).max(1)) {
            if self.network.wires.contains_key(&number) {
                let is_last = piece.as_ptr_range().end == bytes.as_ptr_range().end;
                if is_last && let Some(wire) = self.network.wires.get_mut(&number) {
                    match whole {
                        Whole::Nothing => {}
                        Whole::Garbage => wire.is_soiled = true,
                        Whole::Beat => wire.is_proven = true,
                        Whole::Ack(key, code) => {
                            let mut open = wire.sent.iter_mut();
                            if let Some(sent) = open.find(|sent| sent.key == key && !sent.is_over) {
                                sent.is_over = true;
                                let is_late = sent.is_told && self.at >= sent.heard_until;
                                let is_heard = !is_late && !wire.is_soiled;
                                self.model.acked(&sent.messages, code, is_heard);
                            }
                        }
                    }
                }
                self.connections.received(number, piece, now);
                self.act(None)?;
            }
        }
        Ok(())
    }

    fn record(&mut self) {
        self.actions_left -= 1;
        for _ in 0..self.rng.pick(&[1, 1, 3, 20]) {
            let number = self.model.messages.len() as u32;
            let length = self.rng.magnitude(self.plan.largest) as usize;
            let text = format!("{number};{}", "x".repeat(length));
            let group = format!("g{}", self.rng.below(u64::from(self.plan.groups)));
            let stream = format!("s{}", self.rng.below(u64::from(self.plan.streams)));
            let is_poison = self.rng.in_1000(self.plan.poison) || self.plan.poisoned == Some(number);
            let message = Message::new(group, stream, text);
            let taken = self.engine.record(&message, Some(Tag::Number(number.into())), self.now());
            taken.expect("a message that is in order");
            self.model.accept(is_poison, self.at);
        }
        let pause = self.rng.magnitude(self.plan.max_pause);
        if self.actions_left > 0 {
            self.network.add(self.at + pause, Happening::Act);
        }
    }

    fn check(&mut self) -> Checked {
        self.model.check_books(&self.engine)?;
        if self.rng.in_1000(20) {
            // Those that are waited for, and those that are late but not yet forgotten.
            let held = format!("{:?}", self.connections).matches("Pending {").count();
            let most = 4 * self.plan.max_in_flight() * NODES * self.places();
            hold!(Memory, held <= most, "{held} frames are held");
        }
        for node in 0..NODES {
            let wires = self.network.wires.values().filter(|wire| wire.node == node);
            let sum: usize = wires.map(|wire| wire.under_way()).sum();
            let most = self.plan.max_in_flight() * self.places();
            hold!(InFlight, sum <= most, "{sum} are under way to node {node}");
        }
        Ok(())
    }

    /// How often a node may be in the books of the connections: once for each group that has its own.
    fn places(&self) -> usize {
        if self.plan.options.isolation_level == 1 { self.plan.groups as usize } else { 1 }
    }
}
