//! Connections, a clock, and an engine that makes frames.

use trackwire::destination::{Blame, Now, TransportError, TransportErrorKind};
use trackwire::engine::{Engine, Limits, Output as Wanted, TransmitId};
use trackwire::inlong::{
    Answer, Connections, InLong, LocalTime, Message, NodeAddress, NodeList, Options, Output, Place, Request,
};

use crate::frame::{self, Pack};

pub(crate) struct Desk {
    pub(crate) connections: Connections,
    frames: Engine<InLong>,
    pub(crate) now: Now,
    timeout: u64,
}

/// What the connections wanted done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Each with the last part of its node's address.
    pub(crate) connects: Vec<(u32, usize)>,
    /// Heartbeats, by connection.
    pub(crate) beats: Vec<u32>,
    pub(crate) packs: Vec<(u32, Pack)>,
    pub(crate) closes: Vec<u32>,
    pub(crate) answers: Vec<(TransmitId, Result<Answer, TransportError>)>,
    /// Attempts whose answers may take longer, until then.
    pub(crate) extended: Vec<(TransmitId, u64)>,
    /// The nodes that each group can be sent to, as it was told.
    pub(crate) open: Vec<(u32, Vec<u32>)>,
}

pub(crate) const START: Now = Now { mono: 1_000_000, wall: 1_700_000_000_000 };

impl Desk {
    /// Three nodes, numbered by their place, of one group.
    pub(crate) fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut desk = Self::without_nodes(change);
        desk.connections.want(true, desk.now);
        desk.connections.set_nodes(0, &list(&[0, 1, 2]), desk.now);
        desk
    }

    pub(crate) fn without_nodes(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        options.enable_pack = false;
        options.enable_balance = false;
        change(&mut options);
        options.check().expect("options that can be used");
        let destination = InLong::new(options.clone(), 7, LocalTime::utc()).expect("sound options");
        let mut limits = Limits::default();
        limits.request_timeout = 1 << 40;
        limits.max_age = 1 << 40;
        limits.max_in_flight = 1_000;
        limits.max_queue_bytes = 1 << 30;
        Self {
            connections: Connections::new(&options, 7),
            frames: Engine::new(destination, limits, 7),
            now: START,
            timeout: options.request_timeout,
        }
    }

    /// All that is to be done now.
    pub(crate) fn done(&mut self) -> Done {
        let mut done = Done::default();
        while let Some(output) = self.connections.poll() {
            match output {
                Output::Connect { connection, address } => {
                    let node = address.host.rsplit('.').next().and_then(|part| part.parse().ok());
                    done.connects.push((connection, node.expect("a node of this test")));
                }
                Output::Write { connection, bytes } => match frame::read(&bytes).expect("a frame") {
                    frame::Request::Heartbeat => done.beats.push(connection),
                    frame::Request::Pack(pack) => done.packs.push((connection, pack)),
                },
                Output::Close { connection } => done.closes.push(connection),
                Output::Answer { id, answer } => done.answers.push((id, answer)),
                Output::Extend { id, deadline } => done.extended.push((id, deadline)),
                Output::Open { group: Place::Group(group), nodes } => {
                    let number = |place| match place {
                        Place::Node(node) => node,
                        Place::Group(group) => panic!("group {group} is no node"),
                    };
                    done.open.push((group, nodes.into_iter().map(number).collect()));
                }
                other => panic!("{other:?} is new to this test"),
            }
        }
        done
    }

    /// Makes these connections, has their heartbeats answered.
    pub(crate) fn prove(&mut self, connections: &[(u32, usize)]) -> Done {
        for &(number, _) in connections {
            self.connections.connected(number, self.now);
            self.hear(number, &frame::beat(u16::MAX));
        }
        self.done()
    }

    /// Connects to all nodes that are to be connected to. Gives the connections in the order of their nodes.
    pub(crate) fn up(&mut self) -> Vec<u32> {
        let mut connects = self.done().connects;
        self.prove(&connects);
        connects.sort_by_key(|&(_, node)| node);
        connects.into_iter().map(|(number, _)| number).collect()
    }

    pub(crate) fn hear(&mut self, connection: u32, bytes: &[u8]) {
        self.connections.received(connection, bytes, self.now);
    }

    /// Sends a message to a node.
    pub(crate) fn send(&mut self, node: u32) -> TransmitId {
        self.send_to(node, false)
    }

    pub(crate) fn send_to(&mut self, node: u32, alone: bool) -> TransmitId {
        self.frames.open(&Place::Group(0), vec![Place::Node(node)]);
        let message = Message::new("g", "s", "text");
        self.frames.record(&message, None, self.now).expect("it is in order");
        self.next_frame(alone)
    }

    /// Sends the batch of a lost attempt again.
    pub(crate) fn send_again(&mut self, id: TransmitId, alone: bool) -> TransmitId {
        let late = TransportError::new(TransportErrorKind::Timeout, "late");
        self.frames.answer(id, Err(late), self.now);
        self.next_frame(alone)
    }

    fn next_frame(&mut self, alone: bool) -> TransmitId {
        // Whatever its own engine would wait for is over by then.
        let later = Now { mono: self.now.mono + 100_000, ..self.now };
        loop {
            match self.frames.poll(later) {
                Wanted::Transmit(transmit) => {
                    let Request::Frame(frame) = transmit.request else { panic!("no frame") };
                    let deadline = self.now.mono + self.timeout;
                    self.connections.send(transmit.id, frame, deadline, alone, self.now);
                    return transmit.id;
                }
                Wanted::Outcome(_) => {}
                other => panic!("{other:?} instead of a frame"),
            }
        }
    }

    /// Lets time pass, with all that it asks for on the way.
    pub(crate) fn later(&mut self, ms: u64) -> Done {
        let end = self.now.mono + ms;
        let mut rounds = 0;
        while let Some(wake) = self.connections.next_wake().filter(|&wake| wake <= end) {
            rounds += 1;
            assert!(rounds < 1_000, "it wakes all the time");
            self.pass(wake.saturating_sub(self.now.mono));
            self.connections.tick(self.now);
            let next = self.connections.next_wake();
            assert!(next.is_none_or(|next| next > self.now.mono), "woken at {wake}, and again at {next:?}");
        }
        self.pass(end - self.now.mono);
        self.done()
    }

    fn pass(&mut self, ms: u64) {
        self.now = Now { mono: self.now.mono + ms, wall: self.now.wall + ms };
    }

    pub(crate) fn lose(&mut self, connection: u32) -> Done {
        self.connections.closed(connection, "reset", self.now);
        self.done()
    }

    /// Answers a pack.
    pub(crate) fn ack(&mut self, connection: u32, pack: &Pack, code: u32) -> Done {
        self.hear(connection, &frame::ack(pack, code));
        self.done()
    }
}

impl Done {
    /// The pack that was written, and nothing else of the kind.
    pub(crate) fn pack(&self) -> (u32, Pack) {
        assert_eq!(self.packs.len(), 1, "{self:?}");
        self.packs[0].clone()
    }

    pub(crate) fn nodes(&self) -> Vec<usize> {
        let mut nodes: Vec<usize> = self.connects.iter().map(|&(_, node)| node).collect();
        nodes.sort_unstable();
        nodes
    }

    pub(crate) fn open(&self) -> Vec<u32> {
        let mut nodes = self.open.last().expect("something was told").1.clone();
        nodes.sort_unstable();
        nodes
    }

    /// The attempts that were answered by a node, in order.
    pub(crate) fn acked(&self) -> Vec<TransmitId> {
        self.answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect()
    }

    /// The attempts that were lost: how, whether they may have arrived, and what that is laid to.
    pub(crate) fn lost(&self) -> Vec<(TransmitId, TransportErrorKind, bool, Blame)> {
        let lost = self.answers.iter().filter_map(|(id, answer)| Some((*id, answer.as_ref().err()?)));
        lost.map(|(id, error)| (id, error.kind, error.maybe_accepted, error.blame)).collect()
    }
}

/// A list of nodes by the last part of their addresses.
pub(crate) fn list(nodes: &[usize]) -> NodeList {
    let nodes: Vec<_> = nodes.iter().map(|node| NodeAddress::new(format!("10.0.0.{node}"), 46801)).collect();
    NodeList::fixed(&nodes)
}
