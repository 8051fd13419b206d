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

use super::delivery::{Answer, Place, judge_code};
use super::frame::{Frame, heartbeat};
use super::manager::{Node as NodeAt, NodeList};
use super::options::{NodeAddress, Options};
use super::{Ack, ack};
use crate::destination::{BatchId, Blame, Now, TransportError, TransportErrorKind, Verdict};
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
    /// Its nodes, by number.
    nodes: Vec<u32>,
    /// Those that the engine was told of.
    open: Vec<Place>,
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
        let mut taken = self.taken();
        for NodeAt { address, load, .. } in list.nodes.iter().take(MOST_NODES) {
            let known = self.nodes.iter().position(|node| node.scope == scope && *node.address == *address);
            let number = known.unwrap_or_else(|| self.add_node(scope, address, &taken));
            taken.resize(self.nodes.len(), true);
            taken[number] = true;
            if let (Some(load), true) = (load, self.nodes[number].loads.is_empty()) {
                self.nodes[number].note_load(*load);
            }
            if !numbers.contains(&(number as u32)) {
                numbers.push(number as u32);
            }
        }
        let known = &mut self.groups[group as usize];
        (known.nodes, known.load) = (numbers, list.load);
        self.arrange(now);
    }

    /// Which nodes something has to do with.
    fn taken(&self) -> Vec<bool> {
        let mut taken = vec![false; self.nodes.len()];
        let listed = self.groups.iter().flat_map(|group| group.nodes.iter().copied());
        for number in listed.chain(self.links.iter().map(|link| link.node)) {
            taken[number as usize] = true;
        }
        taken
    }

    /// Numbers a new node, in the place of one that nothing has to do with any more if there is one.
    fn add_node(&mut self, scope: u32, address: &NodeAddress, taken: &[bool]) -> usize {
        let place = taken.iter().position(|taken| !taken).unwrap_or(self.nodes.len());
        let rank = crate::engine::splitmix(self.seed ^ place as u64);
        let rank = self.nodes.get(place).map_or(rank, |node| node.rank);
        let node = Node::new(scope, address.clone(), rank);
        match self.nodes.get_mut(place) {
            Some(free) => *free = node,
            None => self.nodes.push(node),
        }
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
        let ready = |link: &&mut Link| link.node == node && link.is_open();
        match self.links.iter_mut().filter(ready).min_by_key(|link| link.pending.len()) {
            Some(link) => {
                link.pending.push_back(Pending::new(id, &frame, deadline, now.mono));
                link.used_at = now.mono;
                write(&mut self.out, link, frame.sealed.bytes);
            }
            None => {
                // The engine knows better, or it would try again and again without a pause.
                let error =
                    lost(TransportErrorKind::Connect, "the connection was lost before", Blame::Endpoint);
                self.answer(id, Err(error));
            }
        }
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
        let Some(link) = self.links.iter_mut().find(|link| link.number == connection) else { return };
        link.reader.push(bytes);
        link.heard_at = now.mono;
        loop {
            let Some(place) = self.links.iter().position(|link| link.number == connection) else { return };
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
        let Some(link) = self.links.iter_mut().find(|link| link.number == connection) else { return };
        link.served_at = now.mono;
        if link.written < link.beat_write && link.beat_at.is_some() {
            // It was behind others until now.
            link.beat_at = Some(now.mono);
        }
        link.written = writes;
        let out = &mut self.out;
        let writes = writes + u64::from(self.planted.has(Bug::WrittenEarly));
        // Whatever is behind it has been written later.
        link.pending.retain(|pending| {
            let is_done = !pending.is_acked && pending.write <= writes;
            if is_done {
                out.push_back(Output::Answer { id: pending.id, answer: Ok(Answer::Written) });
            }
            !is_done
        });
        self.end_if_over(connection);
    }

    /// A connection was closed, or could not be made; `why` is for people.
    pub fn closed(&mut self, connection: u32, why: &str, now: Now) {
        self.lose(connection, why, Blame::Request, now);
    }

    /// Closes all connections at once. What is under way may have arrived.
    pub fn close_all(&mut self, now: Now) {
        self.is_wanted = false;
        for mut link in std::mem::take(&mut self.links) {
            self.out.push_back(Output::Close { connection: link.number });
            let unsent = link.lone.take().map(|(pending, _)| (pending, false));
            for (pending, maybe_accepted) in
                unsent.into_iter().chain(link.pending.drain(..).map(|it| (it, true)))
            {
                if !pending.is_told {
                    let error =
                        lost(TransportErrorKind::Aborted, "the connections were closed", Blame::Nothing);
                    self.answer(pending.id, Err(TransportError { maybe_accepted, ..error }));
                }
            }
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
        for number in self.links.iter().map(|link| link.number).collect::<Vec<_>>() {
            self.tick_link(number, now);
        }
        self.balance(now);
        self.arrange(now);
    }

    /// When [`tick`](Self::tick) is to be called next (monotonic, ms).
    pub fn next_wake(&self) -> Option<u64> {
        let links = self.links.iter().map(|link| link.wake(&self.settings, self.is_wanted));
        let nodes = self.nodes.iter().enumerate().filter(|(number, _)| self.lacks_link(*number as u32));
        links.chain(nodes.map(|(_, node)| node.retry_at)).chain(self.balance_at).min()
    }

    fn tick_link(&mut self, number: u32, now: Now) {
        let Some(link) = self.links.iter_mut().find(|link| link.number == number) else { return };
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
            self.links.retain(|link| link.number != number);
            self.out.push_back(Output::Close { connection: number });
        } else {
            self.end_if_over(number);
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
        (link.since, link.used_at) = (now.mono, now.mono);
        if let Some((mut pending, bytes)) = link.lone.take() {
            link.is_lone = true;
            pending.sent_at = now.mono;
            pending.write = link.writes + 1;
            link.pending.push_back(pending);
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
        let Some(pending) = link.pending.remove(at) else { return };
        link.pending.iter_mut().take(at).for_each(|overtaken| overtaken.is_overtaken = true);
        (link.used_at, link.served_at) = (now.mono, now.mono);
        let (number, node) = (link.number, link.node);
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.failures = 0;
        }
        if self.planted.has(Bug::ToldTwice) {
            self.answer(pending.id, Ok(Answer::Ack(ack.clone())));
        }
        let is_spared = pending.is_told && matches!(judge_code(ack.code, ""), Verdict::Delivered);
        self.answer(pending.id, Ok(Answer::Ack(ack)));
        self.end_if_over(number);
        if is_spared {
            self.spare(pending.id.batch);
        }
    }

    /// A late answer says that a batch was taken: where it still waits for a connection of its own it is not sent again.
    fn spare(&mut self, batch: BatchId) {
        let waits = |link: &Link| link.lone.as_ref().is_some_and(|(pending, _)| pending.id.batch == batch);
        let Some(place) = self.links.iter().position(waits) else { return };
        let link = self.links.remove(place);
        self.out.push_back(Output::Close { connection: link.number });
        if let Some((pending, _)) = link.lone {
            let error = lost(TransportErrorKind::Connect, "an earlier attempt has arrived", Blame::Nothing);
            self.answer(pending.id, Err(error));
        }
    }

    /// Closes a connection that has done what it was there for.
    fn end_if_over(&mut self, number: u32) {
        let Some(place) = self.links.iter().position(|link| link.number == number) else { return };
        let link = &self.links[place];
        if link.is_over() && (link.is_lone || link.is_leaving) {
            self.links.remove(place);
            self.out.push_back(Output::Close { connection: number });
        }
    }

    /// Closes a connection that is of no use any more.
    fn break_off(&mut self, connection: u32, why: &str, first: Blame, now: Now) {
        self.out.push_back(Output::Close { connection });
        self.lose(connection, why, first, now);
    }

    /// A connection is lost; `first` is what its first frame without an answer is blamed for.
    fn lose(&mut self, connection: u32, why: &str, first: Blame, now: Now) {
        let Some(place) = self.links.iter().position(|link| link.number == connection) else { return };
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
        for pending in link.pending.into_iter().filter(|pending| !pending.is_told) {
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
        for number in self.links.iter().map(|link| link.number).collect::<Vec<_>>() {
            self.end_if_over(number);
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
            (node.is_there, node.is_slow) = (false, false);
        }
        for link in self.links.iter().filter(|link| !link.is_lone) {
            let node = &mut self.nodes[link.node as usize];
            node.is_there |= link.state == State::Ready;
            node.is_slow |= link.state != State::Ready && link.is_slow && late == 0;
        }
        for node in &mut self.nodes {
            (node.is_used, node.is_kept) = (false, false);
        }
        for group in &self.groups {
            let mut nodes = group.nodes.clone();
            order(&mut nodes, |node| {
                let node = &self.nodes[node as usize];
                let is_away = !node.is_there && (node.failures > late || node.is_slow);
                (is_away, node.failures > 1, node.rank)
            });
            for (place, &number) in nodes.iter().enumerate() {
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
            let mut open = self.groups[number].nodes.clone();
            open.retain(|&node| self.is_open(node));
            // With few messages only the first is sent to, and that is not to be the same for all clients.
            order(&mut open, |node| self.nodes[node as usize].rank);
            let open: Vec<Place> = open.into_iter().map(Place::Node).collect();
            let told = &mut self.groups[number].open;
            if open != *told && !(self.planted.has(Bug::LossUntold) && open.len() < told.len()) {
                told.clone_from(&open);
                self.out.push_back(Output::Open { group: Place::Group(number as u32), nodes: open });
            }
        }
    }

    /// Lets a node with little load take the place of the busiest.
    fn balance(&mut self, now: Now) {
        let Some(at) = self.balance_at.filter(|&at| at <= now.mono) else { return };
        self.balance_at = self.settings.balance.map(|interval| at.max(now.mono).saturating_add(interval));
        for group in &self.groups {
            let loaded = |used: bool| {
                let nodes = group.nodes.iter().map(|&node| &self.nodes[node as usize]).enumerate();
                nodes
                    .filter(move |(_, node)| node.is_used == used && node.failures == 0)
                    .filter_map(|(place, node)| Some((node.load()?, place)))
            };
            let (Some((most, busiest)), Some((least, idlest))) = (loaded(true).max(), loaded(false).min())
            else {
                continue;
            };
            if group.load != NEVER && most > least + group.load.min(MOST_LOAD) {
                let (busiest, idlest) = (group.nodes[busiest] as usize, group.nodes[idlest] as usize);
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
fn order<K: Ord>(nodes: &mut [u32], key: impl Fn(u32) -> K) {
    if cfg!(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))) {
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
    if let Some(last) = link.pending.back_mut()
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
