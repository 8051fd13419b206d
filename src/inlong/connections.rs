//! The connections to nodes, as a machine without I/O: which are to be there, what is written to them, which answer is of
//! which frame, and what it means when one is lost.
//!
//! ```text
//!            set_nodes, want                       send
//!                  │                                 │
//!                  ▼                                 ▼
//!  Connect ◄── connecting ──connected──► proving ──heartbeat answered──► ready ──► Write
//!                                                                          │
//!  Answer  ◄────────────────────── ack, time-out, closed ◄─────────────────┘
//! ```
//!
//! A connection carries frames only after it has answered a heartbeat. So when it is lost with frames on it, the node was
//! there, and the first of them that has no answer may be what made it go: a suspect. Those travel alone from then on, each
//! on a connection of its own.

mod link;
mod node;
mod planted;

use std::collections::VecDeque;
use std::sync::Arc;

use super::delivery::{Answer, Place, is_taken};
use super::frame::{Frame, heartbeat};
use super::manager::{Node as NodeAt, NodeList};
use super::options::{NodeAddress, Options};
use super::{Ack, ack};
use crate::destination::{BatchId, Blame, Now, TransportError, TransportErrorKind};
use crate::engine::{RetryPolicy, TransmitId};
use crate::http::Body;
use link::{Link, Pending, State};
use node::Node;
#[doc(hidden)]
pub use planted::ConnectionBug;
use planted::{ConnectionBug as Bug, Planted};

/// The connections of a client.
#[derive(Debug)]
pub struct Connections {
    settings: Settings,
    seed: u64,
    nodes: Vec<Node>,
    groups: Vec<Group>,
    links: Vec<Link>,
    out: VecDeque<Output>,
    next_link: u32,
    /// Whether there is anything to send.
    is_wanted: bool,
    balance_at: Option<u64>,
    planted: Planted,
}

/// What a driver is to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Connect, and say [`connected`](Connections::connected) or [`closed`](Connections::closed).
    Connect {
        /// The number of the connection.
        connection: u32,
        /// Where to.
        address: Arc<NodeAddress>,
    },
    /// Write these bytes, after those before, and say [`written`](Connections::written).
    Write {
        /// The number of the connection.
        connection: u32,
        /// What.
        bytes: Body,
    },
    /// Close it, at once. It needs no answer.
    Close {
        /// The number of the connection.
        connection: u32,
    },
    /// Bring this to [`Engine::answer`](crate::engine::Engine::answer).
    Answer {
        /// Of which attempt.
        id: TransmitId,
        /// What became of it.
        answer: Result<Answer, TransportError>,
    },
    /// Bring this to [`Engine::extend`](crate::engine::Engine::extend): it still waits for its turn.
    Extend {
        /// Which attempt.
        id: TransmitId,
        /// Until when (monotonic, ms).
        deadline: u64,
    },
    /// Bring this to [`Engine::open`](crate::engine::Engine::open).
    Open {
        /// What stands for them.
        group: Place,
        /// The nodes that can be sent to.
        nodes: Vec<Place>,
    },
}

#[derive(Debug)]
struct Group {
    /// Its nodes, by number, those first that are used first.
    nodes: Vec<u32>,
    /// Those that the engine was told of.
    open: Vec<u32>,
    load: u32,
}

#[derive(Debug)]
struct Settings {
    max_proxy_num: usize,
    per_node: usize,
    isolate_groups: bool,
    connect_timeout: u64,
    answer_timeout: u64,
    heartbeat: u64,
    idle: u64,
    balance: Option<u64>,
    backoff: RetryPolicy,
}

/// A connection that lived so long was a sound one, ms.
const SOUND: u64 = 10_000;
/// A connection that is not there after so long is not waited for where another node can be used, ms.
const SLOW: u64 = 1_000;
/// After a loss a node is left in peace for so long in any case, except after the first, ms.
const HURRY: u64 = 1_000;
/// The load of a Manager's answer that switches balancing off.
const NEVER: u32 = 0xFFFF;
/// The most that it can ask for.
const MOST_LOAD: u32 = 200;
/// Of a longer list only so many nodes are considered.
const MOST_NODES: usize = 1_024;
/// Nodes beyond those in use whose load is known.
const RESERVES: usize = 2;

impl Connections {
    /// No connections, and no nodes to connect to. `seed` spreads clients over nodes; give each its own.
    pub fn new(options: &Options, seed: u64) -> Self {
        let backoff = RetryPolicy {
            retry_limit: 1,
            backoff_factor: 200,
            max_backoff: 20_000,
            ..RetryPolicy::default()
        };
        let settings = Settings {
            max_proxy_num: options.max_proxy_num,
            per_node: options.connections_per_node(),
            isolate_groups: options.isolation_level == 1,
            connect_timeout: options.request_timeout.min(10_000),
            answer_timeout: options.request_timeout,
            heartbeat: options.heartbeat_ms(),
            idle: options.tcp_idle_time.saturating_add(options.tcp_detection_interval),
            balance: options.enable_balance.then_some(options.load_balance_interval),
            backoff,
        };
        Self {
            settings,
            seed,
            nodes: Vec::new(),
            groups: Vec::new(),
            links: Vec::new(),
            out: VecDeque::new(),
            next_link: 1,
            is_wanted: false,
            balance_at: None,
            planted: Planted::default(),
        }
    }

    /// Switches a bug on.
    #[cfg(feature = "__planted-bugs")]
    #[doc(hidden)]
    pub fn plant(&mut self, bug: Bug) {
        self.planted.bug = Some(bug);
    }

    /// What to do now, until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Names the nodes of a group. Connections to those that are not among them any more end when their frames are
    /// answered.
    pub fn set_nodes(&mut self, group: u32, list: &NodeList, now: Now) {
        // The engine numbers them in the order in which they come up.
        while self.groups.len() <= group as usize {
            self.groups.push(Group { nodes: Vec::new(), open: Vec::new(), load: NEVER });
        }
        let scope = if self.settings.isolate_groups { group } else { list.cluster_id.unwrap_or_default() };
        let mut numbers = Vec::new();
        self.note_taken();
        for NodeAt { address, load, .. } in list.nodes.iter().take(MOST_NODES) {
            let known = self.nodes.iter().position(|node| node.scope == scope && *node.address == *address);
            let number = known.unwrap_or_else(|| self.add_node(scope, address));
            let node = &mut self.nodes[number];
            node.is_taken = true;
            if let (Some(load), true) = (load, node.loads.is_empty()) {
                node.note_load(*load);
            }
            numbers.push(number as u32);
        }
        let known = &mut self.groups[group as usize];
        (known.nodes, known.load) = (numbers, list.load);
        self.arrange(now);
    }

    /// Notes which nodes something has to do with.
    fn note_taken(&mut self) {
        for node in &mut self.nodes {
            node.is_taken = false;
        }
        for group in &self.groups {
            for &number in &group.nodes {
                self.nodes[number as usize].is_taken = true;
            }
        }
        for link in &self.links {
            self.nodes[link.node as usize].is_taken = true;
        }
    }

    /// Numbers a new node, in the place of one that nothing has to do with any more if there is one.
    fn add_node(&mut self, scope: u32, address: &NodeAddress) -> usize {
        let node = |rank| Node::new(scope, address.clone(), rank);
        if let Some(place) = self.nodes.iter().position(|node| !node.is_taken) {
            self.nodes[place] = node(self.nodes[place].rank);
            return place;
        }
        let place = self.nodes.len();
        self.nodes.push(node(crate::engine::splitmix(self.seed ^ place as u64)));
        place
    }

    /// Says whether there is anything to send. Without, nothing is connected that is not there already.
    pub fn want(&mut self, is_wanted: bool, now: Now) {
        let begins = is_wanted && !self.is_wanted;
        self.is_wanted = is_wanted;
        if begins {
            self.arrange(now);
        }
    }

    /// Sends a frame to its node. `deadline` (monotonic, ms) is when its answer is given up, unless those in front of it on
    /// its connection are only just being answered; `alone` as in [`Transmit`](crate::engine::Transmit).
    pub fn send(&mut self, id: TransmitId, frame: Frame, deadline: u64, alone: bool, now: Now) {
        let node = frame.node;
        if alone && (node as usize) < self.nodes.len() && !self.planted.has(Bug::SuspectInCompany) {
            let link = self.connect(node, now);
            link.lone = Some((Pending::new(id, &frame, deadline, now.mono), frame.sealed.bytes));
            return;
        }
        let mut idlest: Option<&mut Link> = None;
        for link in &mut self.links {
            let is_idler = idlest.as_ref().is_none_or(|other| link.pending.len() < other.pending.len());
            if link.node == node && link.is_open() && is_idler {
                idlest = Some(link);
            }
        }
        let Some(link) = idlest else {
            // The engine knows better, or it would try again and again without a pause.
            let error = lost(TransportErrorKind::Connect, "the connection was lost before", Blame::Endpoint);
            return self.answer(id, Err(error));
        };
        link.pending.push(Pending::new(id, &frame, deadline, now.mono));
        link.used_at = now.mono;
        write(&mut self.out, link, frame.sealed.bytes);
    }

    /// A connection is there.
    pub fn connected(&mut self, connection: u32, now: Now) {
        let is_it = |link: &Link| link.number == connection && link.state == State::Connecting;
        let Some(place) = self.links.iter().position(is_it) else { return };
        let link = &mut self.links[place];
        link.state = State::Proving;
        beat(&mut self.out, link, now);
        if self.planted.has(Bug::Unproven) {
            self.proven(place, None, now);
        }
    }

    /// Bytes came in.
    pub fn received(&mut self, connection: u32, bytes: &[u8], now: Now) {
        let Some(place) = self.place(connection) else { return };
        let link = &mut self.links[place];
        link.reader.push(bytes);
        link.heard_at = now.mono;
        while let Some(place) = self.place(connection) {
            match self.links[place].reader.next() {
                Ok(None) => return,
                Ok(Some(ack::Answer::Heartbeat { load })) => self.proven(place, load.map(u32::from), now),
                Ok(Some(ack::Answer::Ack(ack))) => self.acked(place, ack, now),
                // Whatever speaks there does not speak the protocol: no frame is the reason for that.
                Err(ack::Garbage(what)) => return self.break_off(connection, what, Blame::Endpoint, now),
            }
        }
    }

    /// So many writes of a connection are done, counted from its beginning.
    pub fn written(&mut self, connection: u32, writes: u64, now: Now) {
        let Some(place) = self.place(connection) else { return };
        let link = &mut self.links[place];
        link.served_at = now.mono;
        if link.written < link.beat_write && link.beat_at.is_some() {
            // It was behind others until now.
            link.beat_at = Some(now.mono);
        }
        link.written = writes;
        let out = &mut self.out;
        let writes = writes + u64::from(self.planted.has(Bug::WrittenEarly));
        // Whatever is behind it has been written later.
        link.take_out(
            |pending| !pending.is_acked && pending.write <= writes,
            |pending| out.push_back(Output::Answer { id: pending.id, answer: Ok(Answer::Written) }),
        );
        self.end_if_over(place);
    }

    /// A connection was closed, or could not be made; `why` is for people.
    pub fn closed(&mut self, connection: u32, why: &str, now: Now) {
        self.lose(connection, why, Blame::Request, now);
    }

    /// Closes all connections at once. What is under way may have arrived.
    pub fn close_all(&mut self, now: Now) {
        self.is_wanted = false;
        while !self.links.is_empty() {
            let Link { lone, pending, .. } = self.close(0);
            let mut end = |pending: &Pending, maybe_accepted| {
                let error = lost(TransportErrorKind::Aborted, "the connections were closed", Blame::Nothing);
                self.answer(pending.id, Err(TransportError { maybe_accepted, ..error }));
            };
            if let Some((pending, _)) = &lone {
                end(pending, false);
            }
            pending.iter().filter(|pending| !pending.is_told).for_each(|pending| end(pending, true));
        }
        self.arrange(now);
    }

    /// Where a connection goes to.
    pub fn address(&self, connection: u32) -> Option<&NodeAddress> {
        let link = self.links.iter().find(|link| link.number == connection)?;
        Some(&self.nodes[link.node as usize].address)
    }

    /// Whether there is a connection that frames can be written to.
    pub fn is_any_ready(&self) -> bool {
        self.links.iter().any(Link::is_open)
    }

    /// Whether frames are under way.
    pub fn is_busy(&self) -> bool {
        self.links.iter().any(|link| link.lone.is_some() || !link.is_over())
    }

    /// Does what time asks for.
    pub fn tick(&mut self, now: Now) {
        let mut numbers = Vec::new();
        for link in &self.links {
            numbers.push(link.number);
        }
        for number in numbers {
            if let Some(place) = self.place(number) {
                self.tick_link(place, now);
            }
        }
        self.balance(now);
        self.arrange(now);
    }

    /// When [`tick`](Self::tick) is to be called next (monotonic, ms).
    pub fn next_wake(&self) -> Option<u64> {
        let mut wake = self.balance_at.unwrap_or(u64::MAX);
        for link in &self.links {
            wake = wake.min(link.wake(&self.settings, self.is_wanted));
        }
        for (number, node) in self.nodes.iter().enumerate() {
            if self.lacks_link(number as u32) {
                wake = wake.min(node.retry_at);
            }
        }
        (wake < u64::MAX).then_some(wake)
    }

    fn tick_link(&mut self, place: usize, now: Now) {
        let link = &mut self.links[place];
        let number = link.number;
        let mut dead = match link.state {
            State::Connecting => {
                (link.since + self.settings.connect_timeout <= now.mono).then_some("no connection in time")
            }
            _ => link
                .beat_late(&self.settings)
                .is_some_and(|at| at <= now.mono)
                .then_some("a heartbeat was not answered in time")
                .filter(|_| !self.planted.has(Bug::BeatUnheeded)),
        };
        link.is_slow = link.is_slow || link.slow_at().is_some_and(|at| at <= now.mono);
        let mut late = Vec::new();
        for pending in
            link.pending.iter_mut().filter(|pending| !pending.is_told && pending.deadline <= now.mono)
        {
            let turn = pending.turn(link.served_at, &self.settings);
            if turn > now.mono {
                pending.deadline = turn;
                self.out.push_back(Output::Extend { id: pending.id, deadline: turn });
                continue;
            }
            pending.is_told = true;
            late.push(pending.id);
            if link.heard_at.saturating_add(self.settings.answer_timeout) <= now.mono {
                dead = Some("nothing came in for the time of an answer");
            }
        }
        if let Some((pending, _)) = &mut link.lone
            && pending.deadline <= now.mono
        {
            dead = Some("a frame that is sent alone found no connection in time");
        }
        if dead.is_none()
            && link.is_open()
            && link.beat_at.is_none()
            && link.beat_due(&self.settings) <= now.mono
        {
            beat(&mut self.out, link, now);
        }
        link.forget(&self.settings, now.mono);
        if self.planted.has(Bug::LateUnheard) {
            link.pending.retain(|pending| !pending.is_told);
        }
        let idle = !self.planted.has(Bug::IdleForever)
            && link.is_idle()
            && now.mono >= link.used_at.saturating_add(self.settings.idle);
        for id in late {
            self.answer(id, Err(lost(TransportErrorKind::Timeout, "no answer in time", Blame::Endpoint)));
        }
        if let Some(why) = dead {
            self.break_off(number, why, Blame::Nothing, now);
        } else if idle && !self.is_wanted {
            self.close(place);
        } else {
            self.end_if_over(place);
        }
    }

    /// A heartbeat was answered: the connection is sound.
    fn proven(&mut self, place: usize, load: Option<u32>, now: Now) {
        let link = &mut self.links[place];
        link.beat_at = None;
        if let (Some(load), Some(node)) = (load, self.nodes.get_mut(link.node as usize)) {
            node.note_load(load);
        }
        if link.state != State::Proving {
            return;
        }
        link.state = State::Ready;
        if let Some(node) = self.nodes.get_mut(link.node as usize) {
            // It is there. Not all is forgotten, so that one that is lost again soon is not tried at once again.
            node.failures = node.failures.min(1);
        }
        (link.since, link.used_at, link.served_at) = (now.mono, now.mono, now.mono);
        if let Some((mut pending, bytes)) = link.lone.take() {
            link.is_lone = true;
            pending.sent_at = now.mono;
            pending.write = link.writes + 1;
            link.pending.push(pending);
            write(&mut self.out, link, bytes);
        } else {
            self.arrange(now);
        }
    }

    fn acked(&mut self, place: usize, ack: Ack, now: Now) {
        let link = &mut self.links[place];
        // Where the server says of which frame it speaks, and else in the order that it answers in.
        let by_order = self.planted.has(Bug::AckByOrder);
        let is_it = |pending: &Pending| {
            pending.is_acked
                && pending.msg_type == ack.msg_type
                && ack.key.is_none_or(|key| key == pending.key || by_order)
        };
        // What was taken is always named; only what the server could not read is not.
        let is_nameless = ack.key.is_none() && ack.code == 0;
        let Some(at) = link.pending.iter().position(is_it).filter(|_| !is_nameless) else { return };
        let pending = link.pending.remove(at);
        for overtaken in &mut link.pending[..at] {
            overtaken.is_overtaken = true;
        }
        (link.used_at, link.served_at) = (now.mono, now.mono);
        if let Some(node) = self.nodes.get_mut(link.node as usize) {
            node.failures = 0;
        }
        if self.planted.has(Bug::ToldTwice) {
            self.answer(pending.id, Ok(Answer::Ack(ack.clone())));
        }
        let is_spared = pending.is_told && is_taken(ack.code);
        self.answer(pending.id, Ok(Answer::Ack(ack)));
        self.end_if_over(place);
        if is_spared {
            self.spare(pending.id.batch);
        }
    }

    /// A late answer says that a batch was taken: where it still waits for a connection of its own it is not sent again.
    fn spare(&mut self, batch: BatchId) {
        let waits = |link: &Link| link.lone.as_ref().is_some_and(|(pending, _)| pending.id.batch == batch);
        let Some(place) = self.links.iter().position(waits) else { return };
        if let Some((pending, _)) = self.close(place).lone {
            let error = lost(TransportErrorKind::Connect, "an earlier attempt has arrived", Blame::Nothing);
            self.answer(pending.id, Err(error));
        }
    }

    /// Closes a connection that has done what it was there for.
    fn end_if_over(&mut self, place: usize) -> bool {
        let link = &self.links[place];
        let is_over = link.is_over() && (link.is_lone || link.is_leaving);
        if is_over {
            self.close(place);
        }
        is_over
    }

    fn close(&mut self, place: usize) -> Link {
        let link = self.links.remove(place);
        self.out.push_back(Output::Close { connection: link.number });
        link
    }

    fn place(&self, connection: u32) -> Option<usize> {
        self.links.iter().position(|link| link.number == connection)
    }

    /// Closes a connection that is of no use any more.
    fn break_off(&mut self, connection: u32, why: &str, first: Blame, now: Now) {
        self.out.push_back(Output::Close { connection });
        self.lose(connection, why, first, now);
    }

    /// A connection is lost; `first` is what its first frame without an answer is blamed for.
    fn lose(&mut self, connection: u32, why: &str, first: Blame, now: Now) {
        let Some(place) = self.place(connection) else { return };
        let link = self.links.remove(place);
        self.end(link, why, first, now);
        self.arrange(now);
    }

    /// What the end of a connection means for its frames and its node.
    fn end(&mut self, mut link: Link, why: &str, first: Blame, now: Now) {
        let node = &mut self.nodes[link.node as usize];
        // Those that are lost together are one loss.
        if !link.is_lone && link.epoch == node.epoch {
            node.epoch += 1;
            if link.state == State::Ready && link.since + SOUND <= now.mono {
                node.failures = 0;
            }
            node.failures = node.failures.saturating_add(1);
            let seed = self.seed ^ u64::from(link.number);
            node.lost_at = now.mono;
            node.retry_at = match self.planted.has(Bug::NoBackoff) {
                true => now.mono,
                false => now.mono + self.settings.backoff.backoff(node.failures, seed),
            };
        }
        let address = node.address.clone();
        let say = |kind, blame| {
            let message = ["the connection to ", &address.text(), " was lost: ", why].concat();
            TransportError { message: message.into(), ..lost(kind, "", blame) }
        };
        if let Some((pending, _)) = link.lone.take() {
            // A node that is there for others may allow no more connections.
            let is_there = self.links.iter().any(|other| other.node == link.node && other.is_open());
            let blame = if is_there { Blame::Nothing } else { Blame::Endpoint };
            return self.answer(pending.id, Err(say(TransportErrorKind::Connect, blame)));
        }
        let mut blame = if self.planted.has(Bug::NoneBlamed) { Blame::Nothing } else { first };
        for pending in link.pending.iter().filter(|pending| !pending.is_told) {
            let mut error = say(TransportErrorKind::Reset, blame);
            error.maybe_accepted &= !self.planted.has(Bug::LossSaidSure);
            if !self.planted.has(Bug::LossForgotten) {
                self.answer(pending.id, Err(error));
            }
            if !self.planted.has(Bug::AllBlamed) {
                blame = Blame::Nothing;
            }
        }
    }

    /// Sees to it that the connections are there that should be, and no others.
    fn arrange(&mut self, now: Now) {
        self.choose_nodes();
        for link in &mut self.links {
            link.is_leaving = !link.is_lone && link.lone.is_none() && !self.nodes[link.node as usize].is_kept;
        }
        let mut place = 0;
        while place < self.links.len() {
            place += usize::from(!self.end_if_over(place));
        }
        self.hurry();
        for node in 0..self.nodes.len() as u32 {
            while self.lacks_link(node) && self.nodes[node as usize].retry_at <= now.mono {
                self.connect(node, now);
            }
        }
        if self.balance_at.is_none() && self.nodes.iter().any(|node| node.is_kept && !node.is_used) {
            self.balance_at = self.settings.balance.map(|interval| now.mono.saturating_add(interval));
        }
        self.tell_open();
    }

    /// Of each group's nodes those that are used: such that are there or were not lost lately, in the order of their rank.
    fn choose_nodes(&mut self) {
        let late = u32::from(self.planted.has(Bug::FailoverLate));
        for node in &mut self.nodes {
            (node.is_there, node.is_slow, node.is_used, node.is_kept) = (false, false, false, false);
        }
        for link in self.links.iter().filter(|link| !link.is_lone) {
            let node = &mut self.nodes[link.node as usize];
            node.is_there |= link.state == State::Ready;
            node.is_slow |= link.state != State::Ready && link.is_slow && late == 0;
        }
        for group in &mut self.groups {
            order(&mut group.nodes, &|node| {
                let node = &self.nodes[node as usize];
                let is_away = !node.is_there && (node.failures > late || node.is_slow);
                (is_away, node.failures > 1, node.rank)
            });
            for (place, &number) in group.nodes.iter().enumerate() {
                let node = &mut self.nodes[number as usize];
                let most = self.settings.max_proxy_num;
                node.is_used |= place < most;
                let is_reserve =
                    self.settings.balance.is_some() && group.load != NEVER && place < most + RESERVES;
                // One that was lost is tried until it is there again.
                node.is_kept |= node.is_used || is_reserve || node.failures > 0 || node.is_slow;
            }
        }
    }

    /// Where the last node was lost the others are tried soon, however long they were to be left in peace.
    fn hurry(&mut self) {
        for group in 0..self.groups.len() {
            let Group { nodes, open, .. } = &self.groups[group];
            if open.is_empty() || nodes.iter().any(|&node| self.is_open(node)) {
                continue;
            }
            for &node in nodes {
                let node = &mut self.nodes[node as usize];
                node.retry_at = node.retry_at.min(node.lost_at + HURRY);
            }
        }
    }

    /// Whether a node can be sent to.
    fn is_open(&self, node: u32) -> bool {
        self.nodes[node as usize].is_used && self.links.iter().any(|link| link.node == node && link.is_open())
    }

    fn lacks_link(&self, number: u32) -> bool {
        let node = &self.nodes[number as usize];
        let links =
            self.links.iter().filter(|link| link.node == number && !link.is_lone && link.lone.is_none());
        let most = if node.is_used { self.settings.per_node } else { 1 };
        self.is_wanted && node.is_kept && links.count() < most
    }

    fn connect(&mut self, node: u32, now: Now) -> &mut Link {
        let connection = self.next_link;
        self.next_link = self.next_link.wrapping_add(1);
        let address = self.nodes[node as usize].address.clone();
        self.out.push_back(Output::Connect { connection, address });
        let epoch = self.nodes[node as usize].epoch;
        self.links.push(Link::new(connection, node, epoch, now.mono));
        self.links.last_mut().expect("it was put there")
    }

    /// Tells the engine which nodes can be sent to, where that has changed.
    fn tell_open(&mut self) {
        for number in 0..self.groups.len() {
            let mut open = Vec::new();
            for &node in &self.groups[number].nodes {
                if self.is_open(node) {
                    open.push(node);
                }
            }
            // With few messages only the first is sent to, and that is not to be the same for all clients.
            order(&mut open, &|node| (false, false, self.nodes[node as usize].rank));
            let told = &mut self.groups[number].open;
            if open != *told && !(self.planted.has(Bug::LossUntold) && open.len() < told.len()) {
                let nodes = open.iter().map(|&node| Place::Node(node)).collect();
                *told = open;
                self.out.push_back(Output::Open { group: Place::Group(number as u32), nodes });
            }
        }
    }

    /// Lets a node with little load take the place of the busiest.
    fn balance(&mut self, now: Now) {
        let Some(at) = self.balance_at.filter(|&at| at <= now.mono) else { return };
        self.balance_at = self.settings.balance.map(|interval| at.max(now.mono).saturating_add(interval));
        for group in &self.groups {
            let (mut busiest, mut idlest) = (None, None);
            for &number in &group.nodes {
                let node = &self.nodes[number as usize];
                let Some(load) = node.load().filter(|_| node.failures == 0) else { continue };
                if node.is_used && busiest.is_none_or(|(most, _)| load >= most) {
                    busiest = Some((load, number as usize));
                } else if !node.is_used && idlest.is_none_or(|(least, _)| load < least) {
                    idlest = Some((load, number as usize));
                }
            }
            let (Some((most, busiest)), Some((least, idlest))) = (busiest, idlest) else { continue };
            if group.load != NEVER && most > least + group.load.min(MOST_LOAD) {
                let rank = self.nodes[busiest].rank;
                self.nodes[busiest].rank = std::mem::replace(&mut self.nodes[idlest].rank, rank);
            }
        }
    }

    fn answer(&mut self, id: TransmitId, answer: Result<Answer, TransportError>) {
        self.out.push_back(Output::Answer { id, answer });
    }
}

/// Sorts nodes by a key.
fn order(nodes: &mut [u32], key: &dyn Fn(u32) -> (bool, bool, u64)) {
    if !crate::NPM {
        return nodes.sort_unstable_by_key(|&node| key(node));
    }
    // The library's sort would be a twentieth of the npm package's module.
    for end in 1..nodes.len() {
        let mut at = end;
        while at > 0 && key(nodes[at - 1]) > key(nodes[at]) {
            nodes.swap(at - 1, at);
            at -= 1;
        }
    }
}

fn write(out: &mut VecDeque<Output>, link: &mut Link, bytes: Body) {
    link.writes += 1;
    if let Some(last) = link.pending.last_mut()
        && last.write == 0
    {
        last.write = link.writes;
    }
    out.push_back(Output::Write { connection: link.number, bytes });
}

fn beat(out: &mut VecDeque<Output>, link: &mut Link, now: Now) {
    (link.beat_at, link.beaten_at, link.beat_write) = (Some(now.mono), now.mono, link.writes + 1);
    write(out, link, heartbeat((now.wall / 1_000) as u32).into());
}

fn lost(kind: TransportErrorKind, message: &'static str, blame: Blame) -> TransportError {
    TransportError::new(kind, message).blaming(blame)
}
