//! Outside pages: connections to nodes, and the Manager's lists of them.

use super::super::exports::{State, input, put_numbers, split_once, state};
use super::super::host;
use super::number;
use crate::codec::bytes::{put, put_byte};
use crate::destination::Now;
use crate::engine::{Engine, TransmitId};
use crate::inlong::{
    Connections, Discovery, DiscoveryEvent, Failure, Frame, InLong, Node, NodeAddress, NodeList, Options,
    Output, Place,
};

pub(super) struct Net {
    connections: Connections,
    discovery: Discovery,
    /// How many groups the lists are kept of.
    groups: usize,
}

/// What the shell is to do.
pub(super) enum Wanted {
    Connection(Output),
    /// Ask the Manager for this group.
    List(String),
    /// Say that.
    Event(DiscoveryEvent),
}

impl Net {
    pub(super) fn new(options: &Options, seed: u64) -> Self {
        Self {
            connections: Connections::new(options, seed),
            discovery: Discovery::new(options, seed),
            groups: 0,
        }
    }

    /// What is to be done, if there is something. Without `begins` nothing new is, but that groups are asked for the first time
    /// where it `may`. `told` becomes true where the engine was told something, and is to be asked again.
    pub(super) fn step(
        &mut self,
        engine: &mut Engine<InLong>,
        may: bool,
        begins: bool,
        now: Now,
        told: &mut bool,
    ) -> Option<Wanted> {
        let destination = engine.destination().clone();
        let is_http = destination.options().is_http();
        for group in destination.groups_from(self.groups) {
            *told = true;
            match &destination.options().http_url {
                Some(url) => {
                    let nodes = destination.post_to_url(group.number(), url);
                    engine.open(&Place::Group(group.number()), nodes);
                }
                None => _ = self.discovery.keep(group.name()),
            }
            self.groups += 1;
        }
        // Without anything to send only what was never asked is.
        if (begins || (may && self.discovery.has_new()))
            && let Some(group) = self.discovery.due(now)
        {
            return Some(Wanted::List(group.to_owned()));
        }
        while let Some(event) = self.discovery.event() {
            let DiscoveryEvent::Changed { group, list } = &event else { return Some(Wanted::Event(event)) };
            let Some(number) = destination.bound(group, list) else { continue };
            engine.rebatch();
            *told = true;
            if is_http {
                engine.open(&Place::Group(number), destination.post_to(number, list));
            } else {
                self.connections.set_nodes(number, list, now);
            }
        }
        self.connections.want(begins && !is_http, now);
        if self.connections.next_wake().is_some_and(|at| at <= now.mono) {
            self.connections.tick(now);
        }
        while let Some(wanted) = self.connections.poll() {
            match wanted {
                Output::Answer { id, answer } => {
                    *told = true;
                    match answer {
                        Ok(answer) => engine.answer(id, Ok(&answer), now),
                        Err(error) => engine.answer(id, Err(error), now),
                    }
                }
                Output::Extend { id, deadline } => engine.extend(id, deadline),
                Output::Open { group, nodes } => {
                    *told = true;
                    if let (true, Place::Group(number)) = (nodes.is_empty(), group)
                        && let Some(group) = destination.group(number)
                    {
                        // The list may be an old one.
                        self.discovery.doubt(group.name());
                    }
                    engine.open(&group, nodes);
                }
                wanted => return Some(Wanted::Connection(wanted)),
            }
        }
        None
    }

    /// `u64::MAX` for never.
    pub(super) fn next_wake(&self, begins: bool) -> u64 {
        let connections = self.connections.next_wake().unwrap_or(u64::MAX);
        let discovery = self.discovery.next_wake().filter(|_| begins);
        connections.min(discovery.unwrap_or(u64::MAX))
    }

    pub(super) fn send(&mut self, id: TransmitId, frame: Frame, deadline: u64, alone: bool, now: Now) {
        self.connections.send(id, frame, deadline, alone, now);
    }
}

/// Reads the options that are texts.
pub(super) fn read(options: &mut Options, texts: &[u8]) {
    let mut rest = texts;
    let mut text = || {
        let (text, others) = split_once(rest);
        rest = others;
        host::text(text)
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    options.ser_ip = given(text());
    options.http_url = given(text());
    loop {
        let host = text();
        if host.is_empty() {
            break;
        }
        let port = number(text()).unwrap_or_default() as u16;
        options.nodes.push(NodeAddress { host: host.to_owned(), port });
    }
    loop {
        let group = text();
        if group.is_empty() {
            break;
        }
        options.inlong_group_ids.push(group.to_owned());
    }
    loop {
        let key = text();
        if key.is_empty() {
            break;
        }
        options.attributes.push((key.to_owned(), text().to_owned()));
    }
}

/// Tells what is wanted, as `tw_poll` does.
pub(super) fn want(state: &mut State, wanted: Wanted) -> u32 {
    let State { text, numbers, .. } = state;
    match wanted {
        Wanted::Connection(Output::Connect { connection, address }) => {
            put(text, address.host.as_bytes());
            put_numbers(numbers, &[connection.into(), address.port.into()]);
            3
        }
        Wanted::Connection(Output::Write { connection, bytes }) => {
            put_numbers(numbers, &[connection.into()]);
            state.hold(bytes, 1);
            4
        }
        Wanted::Connection(Output::Close { connection }) => {
            put_numbers(numbers, &[connection.into()]);
            5
        }
        Wanted::List(group) => {
            put(text, group.as_bytes());
            6
        }
        Wanted::Event(DiscoveryEvent::Failed { group, problem, wait_ms, without_nodes }) => {
            put(text, group.as_bytes());
            put_byte(text, 0);
            put(text, problem.as_bytes());
            put_numbers(numbers, &[wait_ms, u64::from(without_nodes)]);
            7
        }
        // It does not come here.
        _ => 0,
    }
}

/// Brings a group's node list, the Manager's (`from` is 0) or that of a cache file (1): its text is the group and of each node
/// host, port and load (none: empty), all with a zero behind; numbers 0 to 2 are the cluster (0 for none), by how much loads
/// must differ, and the longest packet (0 for any). Or, with `from` above 1, why there is none: of 2 asking again at once may
/// help; number 0 is how long the Manager asks to wait, ms.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_nodes(len: usize, from: u32, mono: f64, wall: f64) {
    let state = state();
    let now = State::now(mono, wall);
    let mut rest = input(len);
    let mut text = || {
        let (text, others) = split_once(rest);
        rest = others;
        host::text(text)
    };
    let (group, first) = (text(), text());
    let found = if from > 1 {
        let asked = Some(state.option(0)).filter(|&ms| ms > 0);
        Err(Failure { problem: first.to_owned(), asked, passing: from == 2 })
    } else {
        let mut list = NodeList::of(Vec::new());
        let given = |place| Some(state.option(place) as u32).filter(|&number| number > 0);
        (list.cluster_id, list.load, list.max_packet_length) = (given(0), state.option(1) as u32, given(2));
        let mut host = first;
        while !host.is_empty() {
            let address =
                NodeAddress { host: host.to_owned(), port: number(text()).unwrap_or_default() as u16 };
            list.add(Node { id: String::new(), address, load: number(text()) });
            host = text();
        }
        Ok(list)
    };
    let Some(net) = &mut state.own.net else { return };
    match found {
        Ok(list) if from == 1 => net.discovery.remember(group, list),
        found => net.discovery.found(group, found, now),
    }
}

/// What happened to a connection. 0: it is there. 1: `len` bytes came in. 2: so many writes are done. 3: it was closed, and
/// the text says why. 4: all are to be closed.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_happened(what: u32, connection: u32, len: usize, mono: f64, wall: f64) {
    let Some(net) = &mut state().own.net else { return };
    let connections = &mut net.connections;
    let now = State::now(mono, wall);
    match what {
        0 => connections.connected(connection, now),
        1 => connections.received(connection, input(len), now),
        2 => connections.written(connection, len as u64, now),
        3 => connections.closed(connection, host::text(input(len)), now),
        _ => connections.close_all(now),
    }
}

/// Whether frames are under way.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_is_busy() -> u32 {
    state().own.net.as_ref().map_or(0, |net| u32::from(net.connections.is_busy()))
}
