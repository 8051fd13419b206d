//! What the shell calls of InLong's module: packs, connections and node lists are decided on here, the shell opens sockets
//! and carries requests.

use super::exports::{State, input, put_numbers, split_once, state, tripwire};
use super::host;
use crate::Invalid;
use crate::codec::bytes::{digits, owned, put, put_byte};
use crate::destination::{BatchId, TransportError, TransportErrorKind};
use crate::engine::{Engine, OnExhausted, Output, RecordError, Tag, TransmitId, Unrecorded};
use crate::http::Response;
use crate::inlong::{
    Answer, Connections, Discovery, DiscoveryEvent, Failure, InLong, LocalTime, Message, Node, NodeAddress,
    NodeList, Options, Output as Wanted, Place, Protocol, Request, SendError,
};

/// Whose module it is.
pub(super) type System = InLong;

/// What it keeps besides its engine.
pub(super) struct Own {
    parts: Option<Parts>,
    /// Local time is so many minutes ahead of UTC.
    utc_offset: i32,
}

struct Parts {
    connections: Connections,
    discovery: Discovery,
    /// Where messages are posted to, by the number of the node.
    urls: Vec<String>,
    /// How many groups the lists are kept of.
    groups: usize,
}

impl Own {
    pub(super) const NEW: Self = Self { parts: None, utc_offset: 0 };
}

/// Makes the engine. In: texts with zeros between them, and these numbers, which the shell has checked. 0: it is there;
/// above it, an option cannot be used, by the kind of problem; the text is the field, a zero, and what to do about it.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_new(len: usize) -> u32 {
    let state = state();
    let mut rest = input(len);
    let mut text = || {
        let (text, others) = split_once(rest);
        rest = others;
        host::text(text)
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut options = Options::default();
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
    let long = |place| state.option(place);
    let size = |place| state.option(place) as usize;
    options.protocol = if long(0) == 0 { Protocol::Tcp } else { Protocol::Http };
    options.manager_update_interval = long(1);
    options.manager_url_timeout = long(2);
    options.msg_type = long(3) as u8;
    options.extend_field = long(4) as u16;
    options.is_ack = long(5) != 0;
    options.enable_pack = long(6) != 0;
    options.pack_size = Some(size(7)).filter(|&bytes| bytes > 0);
    options.pack_timeout = long(8);
    options.ext_pack_size = size(9);
    options.enable_zip = long(10) != 0;
    options.min_zip_len = size(11);
    options.recv_buf_size = size(12);
    options.send_buf_size = size(13);
    options.max_group_id_num = size(14);
    options.max_stream_id_num = size(15);
    options.max_in_flight = size(16);
    options.max_age = long(17);
    options.max_proxy_num = size(18);
    options.proxy_repeat_times = size(19);
    options.isolation_level = long(20) as u32;
    options.request_timeout = long(21);
    options.retry_times = long(22) as u32;
    options.heart_beat_interval = long(23);
    options.enable_balance = long(24) != 0;
    options.load_balance_interval = long(25);
    options.tcp_detection_interval = long(26);
    options.tcp_idle_time = long(27);
    let on_exhausted = if long(28) == 0 { OnExhausted::Keep } else { OnExhausted::Drop };
    let seed = state.numbers[29].to_bits();
    if let Err(invalid) = options.check_names() {
        return state.invalid(&invalid);
    }
    let limits = options.limits(on_exhausted);
    let parts = Parts {
        connections: Connections::new(&options, seed),
        discovery: Discovery::new(&options, seed),
        urls: Vec::new(),
        groups: 0,
    };
    let local_time = LocalTime::new(|_| super::exports::state().own.utc_offset);
    let engine = Engine::new(InLong::unchecked(options, seed, local_time), limits, seed);
    // There was none: taking one apart would be code that never runs.
    std::mem::forget(state.engine.replace(engine));
    std::mem::forget(state.own.parts.replace(parts));
    0
}

impl State {
    /// Tells what is wrong: its kind, from 1.
    fn invalid(&mut self, invalid: &Invalid) -> u32 {
        self.text.clear();
        put(&mut self.text, invalid.field.as_bytes());
        put_byte(&mut self.text, 0);
        put(&mut self.text, invalid.hint.as_bytes());
        1 + invalid.kind as u32
    }
}

/// Sends a message: group, stream, keys and values of attributes, each with a zero behind it, one more, and its bytes, which
/// begin at `start`. `time` is below 0 where it has none; number 0 is its tag, if it is `tagged`, number 1 by how many minutes
/// local time is ahead. 0: taken; 1: taken, and to be polled; 2: the queue is full; 3: closed; 4: too long, for number 0, it
/// has number 1; 5: too many groups, for number 0; above that: invalid, by the kind of problem as in [`tw_new`].
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_send(
    len: usize,
    start: usize,
    time: f64,
    tagged: u32,
    mono: f64,
    wall: f64,
) -> u32 {
    let state = state();
    let whole = input(len);
    let (head, body) = whole.split_at(start.min(len));
    let mut rest = head;
    let mut text = || {
        let (text, others) = split_once(rest);
        rest = others;
        host::text(text)
    };
    let mut message = Message::new(text(), text(), body);
    loop {
        let key = text();
        if key.is_empty() {
            break;
        }
        message = message.attribute(key, text());
    }
    if time >= 0.0 {
        message = message.time(time as u64);
    }
    let tag = (tagged != 0).then(|| Tag::Number(state.option(0)));
    state.own.utc_offset = state.numbers[1] as i32;
    let Some(engine) = &mut state.engine else { return 3 };
    tripwire(body);
    let now = State::now(mono, wall);
    let lane = match engine.destination().admit(&message) {
        Ok(lane) => lane,
        Err(_) if engine.is_closed() => {
            engine.count_unrecorded(Unrecorded::Ignored);
            return 3;
        }
        Err(error) => {
            engine.count_unrecorded(Unrecorded::Invalid);
            return match error {
                SendError::MsgTooLong { bytes, limit } => {
                    put_numbers(&mut state.numbers, &[limit as u64, bytes as u64]);
                    4
                }
                SendError::TooManyGroups { limit } => {
                    put_numbers(&mut state.numbers, &[limit as u64]);
                    5
                }
                SendError::InvalidInput(invalid) => 5 + state.invalid(&invalid),
                _ => 3,
            };
        }
    };
    state.record.clear();
    engine.destination().put(&message, now, &mut state.record);
    match engine.push(&lane, &state.record, tag, now) {
        Ok(recorded) => u32::from(recorded.wake),
        Err(RecordError::Full) => 2,
        Err(RecordError::Closed) => 3,
        Err(RecordError::Invalid(invalid)) => 5 + state.invalid(&invalid),
    }
}

/// What to do; with `most` of 0 nothing new is begun. 0: nothing until number 0 (below 0: until told otherwise). 1: post this:
/// batch, attempt, deadline, where the body is and its length; the text is the URL. 2: an outcome, as GrowingIO's module tells
/// it. 3: connect: the connection, the port; the text is the host. 4: write: the connection, where and how much. 5: close: the
/// connection. 6: ask the Manager for the group that is the text. 7: a node list was not to be had: when it is tried again, ms, and whether the group has none; the text is
/// the group and, after a zero, why.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_poll(mono: f64, wall: f64, most: f64) -> u32 {
    let state = state();
    let now = State::now(mono, wall);
    let most = if most < 0.0 { usize::MAX } else { most as usize };
    let State { engine: Some(engine), own: Own { parts: Some(parts), .. }, text, numbers, body, .. } = state
    else {
        return 0;
    };
    let is_http = engine.destination().options().protocol == Protocol::Http;
    let begins = most > 0 && !engine.is_idle();
    text.clear();
    for group in engine.destination().groups().iter().skip(parts.groups) {
        match engine.destination().options().http_url.clone() {
            Some(url) => parts.open_urls(engine, group.number(), [url].into_iter()),
            None => drop(parts.discovery.add_group(group.name())),
        }
        parts.groups += 1;
    }
    if begins && let Some(group) = parts.discovery.due(now) {
        put(text, group.as_bytes());
        return 6;
    }
    while let Some(event) = parts.discovery.event() {
        match event {
            DiscoveryEvent::Changed { group, list } => {
                let Some(number) = engine.destination().bound(&group, &list) else { continue };
                engine.rebatch();
                if is_http {
                    let urls = list
                        .nodes
                        .iter()
                        .map(|node| ["http://", &node.address.text(), "/dataproxy/message"].concat());
                    parts.open_urls(engine, number, urls);
                } else {
                    parts.connections.set_nodes(number, &list, now);
                }
            }
            DiscoveryEvent::Failed { group, problem, wait_ms, without_nodes } => {
                put(text, group.as_bytes());
                put_byte(text, 0);
                put(text, problem.as_bytes());
                put_numbers(numbers, &[wait_ms, u64::from(without_nodes)]);
                return 7;
            }
        }
    }
    loop {
        parts.connections.want(begins && !is_http, now);
        if parts.connections.next_wake().is_some_and(|at| at <= now.mono) {
            parts.connections.tick(now);
        }
        while let Some(wanted) = parts.connections.poll() {
            match wanted {
                Wanted::Connect { connection, address } => {
                    put(text, address.host.as_bytes());
                    put_numbers(numbers, &[connection.into(), address.port.into()]);
                    return 3;
                }
                Wanted::Write { connection, bytes } => {
                    let bytes = body.insert(bytes);
                    let place = bytes.as_ptr() as usize as u64;
                    put_numbers(numbers, &[connection.into(), place, bytes.len() as u64]);
                    return 4;
                }
                Wanted::Close { connection } => {
                    put_numbers(numbers, &[connection.into()]);
                    return 5;
                }
                Wanted::Answer { id, answer } => {
                    engine.answer(id, answer.as_ref().map_err(Clone::clone), now);
                }
                Wanted::Open { group, nodes } => {
                    if let (true, Place::Group(number)) = (nodes.is_empty(), group)
                        && let Some(group) = engine.destination().groups().get(number as usize)
                    {
                        // The list may be an old one.
                        parts.discovery.doubt(group.name());
                    }
                    engine.open(&group, nodes);
                }
            }
        }
        match engine.poll_within(now, most) {
            Output::Wait(until) => {
                let others = parts.discovery.next_wake().filter(|_| begins);
                let wakes = [until, parts.connections.next_wake(), others];
                let until = wakes.into_iter().flatten().min();
                numbers[0] = until.map_or(-1.0, |until| until as f64);
                return 0;
            }
            Output::Outcome(outcome) => {
                state.tell(&outcome);
                return 2;
            }
            Output::Transmit(transmit) => match transmit.request {
                Request::Frame(frame) => {
                    parts.connections.send(transmit.id, frame, transmit.deadline, transmit.alone, now);
                }
                Request::Http(request) => {
                    let sent = body.insert(request.body);
                    put(text, request.url.as_bytes());
                    let id = transmit.id;
                    let place = sent.as_ptr() as usize as u64;
                    let numbered =
                        [id.batch.0, id.attempt.into(), transmit.deadline, place, sent.len() as u64];
                    put_numbers(numbers, &numbered);
                    return 1;
                }
            },
        }
    }
}

impl Parts {
    fn open_urls(&mut self, engine: &mut Engine<InLong>, group: u32, urls: impl Iterator<Item = String>) {
        let mut nodes = Vec::new();
        for url in urls {
            let known = self.urls.iter().position(|known| *known == url);
            let number = known.unwrap_or_else(|| {
                self.urls.push(url);
                self.urls.len() - 1
            });
            nodes.push(Place::Node(number as u32));
        }
        engine.destination().set_urls(self.urls.iter().map(|url| url.as_str().into()).collect());
        engine.open(&Place::Group(group), nodes);
    }
}

/// Brings an answer over HTTP: a status, or 0 for none. `maybe`: whether the request may have arrived. The text is the body, behind the value of `Retry-After` in seconds and a zero;
/// without a status, why there is none.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_answer(
    batch: f64,
    attempt: u32,
    status: u32,
    maybe: u32,
    len: usize,
    mono: f64,
    wall: f64,
) {
    let Some(engine) = &mut state().engine else { return };
    let (after, said) = split_once(input(len));
    tripwire(said);
    let now = State::now(mono, wall);
    let answer = if status > 0 {
        let mut response = Response::new(status as u16).body(owned(said));
        response.retry_after = Some(host::owned_text(after));
        Ok(response)
    } else {
        let kind = if maybe == 0 { TransportErrorKind::Connect } else { TransportErrorKind::Other };
        Err(TransportError::new(kind, host::owned_text(said)))
    };
    let id = TransmitId::new(BatchId(batch as u64), attempt);
    engine.answer(id, answer.map(Answer::Http).as_ref().map_err(Clone::clone), now);
}

/// Brings a group's node list: its text is the group and of each node host, port and load (none: empty), all with a zero
/// behind; numbers 0 to 2 are the cluster (0 for none), by how much loads must differ, and the longest packet (0 for any). Or,
/// with `failed` above 0, why there is none: of 1 asking again at once may help; number 0 is how long the Manager asks to wait,
/// ms.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_nodes(len: usize, failed: u32, mono: f64, wall: f64) {
    let state = state();
    let now = State::now(mono, wall);
    let mut rest = input(len);
    let mut text = || {
        let (text, others) = split_once(rest);
        rest = others;
        host::text(text)
    };
    let (group, first) = (text(), text());
    let found = if failed > 0 {
        let asked = Some(state.option(0)).filter(|&ms| ms > 0);
        Err(Failure { problem: first.to_owned(), asked, passing: failed == 1 })
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
    if let Some(parts) = &mut state.own.parts {
        parts.discovery.found(group, found, now);
    }
}

fn number(text: &str) -> Option<u32> {
    digits(text.as_bytes()).map(|(number, _)| number as u32)
}

/// What happened to a connection. 0: it is there. 1: `len` bytes came in. 2: so many writes are done. 3: it was closed, and
/// the text says why. 4: all are to be closed.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_happened(what: u32, connection: u32, len: usize, mono: f64, wall: f64) {
    let State { own: Own { parts: Some(Parts { connections, .. }), .. }, .. } = state() else { return };
    let now = State::now(mono, wall);
    match what {
        0 => connections.connected(connection, now),
        1 => connections.received(connection, input(len), now),
        2 => connections.written(connection, len as u64),
        3 => connections.closed(connection, host::text(input(len)), now),
        _ => connections.close_all(now),
    }
}

/// Whether frames are under way.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_is_busy() -> u32 {
    state().own.parts.as_ref().map_or(0, |parts| u32::from(parts.connections.is_busy()))
}
