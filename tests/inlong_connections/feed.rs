//! Any course of events, as bytes: for the corpus, for random bytes, and for the fuzzer in `fuzz/`.

use std::collections::HashMap;

use trackwire::destination::{Now, TransportError};
use trackwire::engine::{Engine, Limits, Output as Wanted, Transmit, TransmitId};
use trackwire::inlong::{
    Answer, Connections, InLong, LocalTime, Message, NodeAddress, NodeList, Options, Output, Place, Request,
};

/// The same as a driver does, with nodes and a network that do as the bytes say: whatever comes, each attempt is answered
/// once and perhaps late, nothing is done in circles, and what is held is bounded.
struct Feed<'a> {
    input: &'a [u8],
    engine: Engine<InLong>,
    connections: Connections,
    now: Now,
    /// Those that are there, with what was written on them last.
    wires: Vec<(u32, Vec<u8>, u64)>,
    answers: HashMap<TransmitId, (u32, u32)>,
    recorded: u64,
}

/// Plays the events that the bytes stand for.
pub(crate) fn feed(input: &[u8]) {
    let mut input = input;
    let mut options = Options::default();
    let flags = take(&mut input);
    options.msg_type = [7, 5, 3, 2][usize::from(flags & 3)];
    options.is_ack = flags & 4 == 0;
    options.enable_pack = flags & 8 != 0;
    options.proxy_repeat_times = 1 + u64::from(flags >> 4 & 1) as usize;
    options.max_proxy_num = 1 + usize::from(flags >> 5);
    options.load_balance_interval = 3_000;
    options.tcp_idle_time = 9_000;
    options.tcp_detection_interval = 1_000;
    options.heart_beat_interval = 4_000;
    options.request_timeout = 5_000;
    let mut limits = Limits::default();
    limits.request_timeout = options.request_timeout;
    limits.max_in_flight = 4;
    let destination = InLong::new(options.clone(), 1, LocalTime::utc()).expect("sound options");
    destination.know_group("g0");
    let mut feed = Feed {
        input,
        engine: Engine::new(destination, limits, 1),
        connections: Connections::new(&options, 1),
        now: Now { mono: 1_000, wall: 1_700_000_000_000 },
        wires: Vec::new(),
        answers: HashMap::new(),
        recorded: 0,
    };
    while !feed.input.is_empty() {
        feed.happen();
        feed.drive();
    }
}

fn take(input: &mut &[u8]) -> u8 {
    let Some((&first, rest)) = input.split_first() else { return 0 };
    *input = rest;
    first
}

impl Feed<'_> {
    fn happen(&mut self) {
        let what = take(&mut self.input);
        let place = usize::from(what >> 4);
        let wire = self.wires.get(place % self.wires.len().max(1)).cloned();
        // Connections that are not there any more are spoken of too.
        let (number, last, writes) = wire.unwrap_or((place as u32, Vec::new(), 3));
        match what & 15 {
            0 => self.connections.connected(number, self.now),
            1 => self.connections.received(number, &[0, 0, 0, 1, 1], self.now),
            2 => {
                let load = take(&mut self.input);
                let answer = [0, 0, 0, 16, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, load, 0, 0, 0xee, 1];
                self.connections.received(number, &answer, self.now);
            }
            3 => {
                let length = usize::from(take(&mut self.input)).min(self.input.len());
                let (bytes, rest) = self.input.split_at(length);
                self.input = rest;
                self.connections.received(number, bytes, self.now);
            }
            4 => {
                let code = take(&mut self.input);
                self.connections.received(number, &answer_to(&last, code), self.now);
            }
            5 => {
                self.wires.retain(|(other, ..)| *other != number);
                self.connections.closed(number, "closed", self.now);
            }
            6 => {
                let missing = u64::from(take(&mut self.input));
                self.connections.written(number, writes.saturating_sub(missing), self.now);
            }
            7 | 8 => {
                let many = u64::from(take(&mut self.input));
                self.pass(many * [20, 1_000][place % 2]);
            }
            9 | 10 => self.record(place),
            11 => {
                let (nodes, load) = (take(&mut self.input), take(&mut self.input));
                let nodes: Vec<NodeAddress> = (0..8)
                    .filter(|node| nodes >> node & 1 == 1)
                    .map(|node| NodeAddress::new(format!("10.0.0.{node}"), 1))
                    .collect();
                let mut list = NodeList::fixed(&nodes);
                list.load = u32::from(load);
                self.connections.set_nodes(place as u32 & 1, &list, self.now);
            }
            12 => self.connections.want(place & 1 == 0, self.now),
            13 => self.connections.close_all(self.now),
            14 => self.connections.tick(self.now),
            _ => self.engine.open(&Place::Group(0), vec![Place::Node(place as u32)]),
        }
    }

    fn record(&mut self, count: usize) {
        for _ in 0..=count {
            let message = Message::new("g0", "s", "any message");
            self.recorded += u64::from(self.engine.record(&message, None, self.now).is_ok());
        }
        self.engine.flush();
    }

    fn pass(&mut self, ms: u64) {
        self.now = Now { mono: self.now.mono + ms, wall: self.now.wall + ms };
        self.connections.tick(self.now);
        let wake = self.connections.next_wake();
        assert!(
            wake.is_none_or(|wake| wake > self.now.mono),
            "woken at {}, and again at {wake:?}",
            self.now.mono
        );
    }

    fn drive(&mut self) {
        for round in 0.. {
            assert!(round < 100, "in circles");
            let told = self.act();
            while let Wanted::Transmit(transmit) = self.next() {
                let Transmit { id, request: Request::Frame(frame), deadline, alone, .. } = transmit else {
                    panic!("{transmit:?}")
                };
                self.connections.send(id, frame, deadline, alone, self.now);
            }
            if !self.act() && !told {
                break;
            }
        }
        let stats = self.engine.stats();
        let ended = stats.delivered + stats.rejected + stats.expired + stats.dropped;
        assert_eq!(self.recorded, ended + stats.pending);
        // Per group two connections a node at most, and those that travel alone: as many as may be under way.
        assert!(self.wires.len() <= 200, "{} connections", self.wires.len());
    }

    fn next(&mut self) -> Wanted<Request> {
        loop {
            match self.engine.poll(self.now) {
                Wanted::Outcome(_) => {}
                other => return other,
            }
        }
    }

    fn act(&mut self) -> bool {
        let mut told = false;
        while let Some(output) = self.connections.poll() {
            match output {
                Output::Connect { connection, .. } => {
                    assert!(self.wires.iter().all(|(other, ..)| *other != connection));
                    self.wires.push((connection, Vec::new(), 0));
                }
                Output::Write { connection, bytes } => {
                    let wire = self.wires.iter_mut().find(|(other, ..)| *other == connection);
                    let (_, last, writes) = wire.expect("a connection that is there");
                    *writes += 1;
                    *last = bytes.to_vec();
                }
                Output::Close { connection } => {
                    let before = self.wires.len();
                    self.wires.retain(|(other, ..)| *other != connection);
                    assert_eq!(self.wires.len() + 1, before, "{connection} is closed again");
                }
                Output::Answer { id, answer } => {
                    told = true;
                    self.answered(id, &answer);
                    self.engine.answer(id, answer.as_ref().map_err(Clone::clone), self.now);
                }
                Output::Extend { id, deadline } => self.engine.extend(id, deadline),
                Output::Open { group, nodes } => {
                    told = true;
                    self.engine.open(&group, nodes);
                }
                other => panic!("{other:?} is new"),
            }
        }
        told
    }

    fn answered(&mut self, id: TransmitId, answer: &Result<Answer, TransportError>) {
        let (errors, answers) = self.answers.entry(id).or_default();
        match answer {
            Ok(_) => *answers += 1,
            Err(_) => *errors += 1,
        }
        assert!(*errors <= 1 && *answers <= 1, "{id:?} was answered again: {answer:?}");
        assert!(*errors == 0 || *answers == 0 || answer.is_ok(), "{id:?} was lost after its answer");
    }
}

/// The answer that a node would give, with this code.
fn answer_to(frame: &[u8], code: u8) -> Vec<u8> {
    let said = if code == 0 { String::new() } else { format!("&errCode={code}") };
    let mut out = Vec::new();
    if frame.get(4).is_some_and(|type_byte| type_byte & 31 == 7) && frame.len() > 21 {
        let attributes = format!("dpIp=1{said}");
        out.extend((9 + attributes.len() as u32).to_be_bytes());
        out.push(7);
        out.extend(&frame[17..21]);
        out.extend((attributes.len() as u16).to_be_bytes());
        out.extend(attributes.bytes());
        out.extend([0xee, 1]);
    } else if let Some(&msg_type) = frame.get(4) {
        let text = String::from_utf8_lossy(frame);
        let mid = text.split("&mid=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or("none");
        let attributes = format!("dpIp=1{said}&mid={mid}");
        out.extend((10 + attributes.len() as u32).to_be_bytes());
        out.extend([msg_type, 0, 0, 0, 1, 0x32]);
        out.extend((attributes.len() as u32).to_be_bytes());
        out.extend(attributes.bytes());
    }
    out
}
