//! The connections between the client and the nodes, and what is under way on them.

use std::collections::{BTreeMap, HashMap};

use trackwire::destination::TransportError;
use trackwire::engine::TransmitId;
use trackwire::http::Response;

use crate::frame::Pack;
use crate::rng::Rng;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The application does something.
    Act,
    WeatherTurns(usize),
    ManagerTurns,
    /// The Manager's answer is there.
    Listed(String, Result<Response, TransportError>),
    /// A connection is made, or is not.
    Connected(u32),
    Refused(u32),
    /// Bytes arrive at the node.
    ToNode(u32, Vec<u8>),
    /// So many writes have left the client.
    Written(u32, u64),
    /// The node answers a pack.
    Answers(u32, Pack, u32),
    /// Bytes arrive at the client, piece by piece; with the last one the answer is whole.
    ToClient(u32, Vec<u8>, usize, Whole),
    /// The connection is gone, for the node.
    Breaks(u32),
    /// The client learns that a connection is gone.
    Closed(u32),
}

/// What a piece of answers ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Nothing,
    /// It is no answer, and nor is what comes behind it.
    Garbage,
    Beat,
    /// The answer of a batch: its key and the code.
    Ack(u64, u32),
}

/// A frame on a connection.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: TransmitId,
    pub(crate) key: u64,
    pub(crate) messages: Vec<u32>,
    /// Which write it was.
    pub(crate) write: u64,
    /// Its answer has come in, or it was written and needs none.
    pub(crate) is_over: bool,
    /// The engine was told that it is late.
    pub(crate) is_told: bool,
    /// Until when a late answer is heard.
    pub(crate) heard_until: u64,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) node: usize,
    /// For which attempt alone it was made.
    pub(crate) alone: Option<TransmitId>,
    /// The node takes part.
    pub(crate) is_there: bool,
    /// A heartbeat was answered.
    pub(crate) is_proven: bool,
    /// Garbage came in.
    pub(crate) is_soiled: bool,
    pub(crate) sent: Vec<Sent>,
    pub(crate) writes: u64,
    /// What the node has not read yet.
    pub(crate) unread: Vec<u8>,
    /// Packs that the node has not answered yet, how ever it will.
    pub(crate) unanswered: Vec<u64>,
    /// When what was sent last arrives: nothing overtakes.
    to_node: u64,
    to_client: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    future: BTreeMap<(u64, u64), Happening>,
    next: u64,
    /// The connections that the client has.
    pub(crate) wires: HashMap<u32, Wire>,
    /// Those that it waits for in vain, until their node is there again.
    pub(crate) hung: Vec<u32>,
    /// Those that it has closed, and the node does not know yet.
    pub(crate) left: HashMap<u32, Wire>,
}

impl Network {
    pub(crate) fn add(&mut self, at: u64, what: Happening) {
        self.next += 1;
        self.future.insert((at, self.next), what);
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        Some(self.future.first_key_value()?.0.0)
    }

    pub(crate) fn take_due(&mut self, at: u64) -> Option<Happening> {
        let first = self.future.first_entry().filter(|first| first.key().0 <= at)?;
        Some(first.remove())
    }

    pub(crate) fn connect(&mut self, number: u32, node: usize, alone: Option<TransmitId>) {
        let wire = Wire {
            node,
            alone,
            is_there: true,
            is_proven: false,
            is_soiled: false,
            sent: Vec::new(),
            writes: 0,
            unread: Vec::new(),
            unanswered: Vec::new(),
            to_node: 0,
            to_client: 0,
        };
        assert!(self.wires.insert(number, wire).is_none(), "connection {number} is there twice");
    }

    /// The connection as the node sees it, as long as there is one.
    pub(crate) fn at_node(&mut self, number: u32) -> Option<&mut Wire> {
        let Self { wires, left, .. } = self;
        wires.get_mut(&number).or_else(|| left.get_mut(&number)).filter(|wire| wire.is_there)
    }

    /// When something sent now arrives at the node.
    pub(crate) fn arrival_at_node(&mut self, number: u32, at: u64, rng: &mut Rng, latency: u64) -> u64 {
        let arrives = at + rng.within(1, latency);
        let Some(wire) = self.wires.get_mut(&number) else { return arrives };
        wire.to_node = wire.to_node.max(arrives);
        wire.to_node
    }

    /// The same for the other way.
    pub(crate) fn arrival_at_client(&mut self, number: u32, at: u64, rng: &mut Rng, latency: u64) -> u64 {
        let arrives = at + rng.within(1, latency);
        let Some(wire) = self.at_node(number) else { return arrives };
        wire.to_client = wire.to_client.max(arrives);
        wire.to_client
    }
}

impl Wire {
    /// The first frame that is blamed when the connection is lost.
    pub(crate) fn first_open(&self) -> Option<&Sent> {
        self.sent.iter().find(|sent| !sent.is_over && !sent.is_told)
    }

    /// Frames that the client waits for.
    pub(crate) fn under_way(&self) -> usize {
        self.sent.iter().filter(|sent| !sent.is_over && !sent.is_told).count()
    }
}
