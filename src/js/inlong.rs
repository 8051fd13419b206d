//! What the shell calls of InLong's module: packs, and outside pages connections and node lists, are decided on here; the
//! shell opens sockets and carries requests.

#[cfg(not(feature = "js-page"))]
mod net;
#[cfg(feature = "js-page")]
#[path = "inlong/page.rs"]
mod net;

use net::Net;

use super::exports::{State, input, put_numbers, split_once, state, tripwire};
use super::host;
use crate::Invalid;
use crate::codec::bytes::{owned, put, put_byte};
use crate::destination::{BatchId, TransportError, TransportErrorKind};
use crate::engine::{Engine, OnExhausted, Output, RecordError, Tag, TransmitId, Unrecorded};
use crate::http::{Body, Response};
use crate::inlong::{Answer, InLong, LocalTime, Message, Options, Protocol, Request, SendError};

/// Whose module it is.
pub(super) type System = InLong;

/// What it keeps besides its engine.
pub(super) struct Own {
    net: Option<Box<Net>>,
    /// The message being sent, as it stands in a pack.
    record: Vec<u8>,
    /// Local time is so many minutes ahead of UTC.
    utc_offset: i32,
}

impl Own {
    pub(super) const NEW: Self = Self { net: None, record: Vec::new(), utc_offset: 0 };
}

/// Makes the engine. In: texts with zeros between them, and these numbers, which the shell has checked. 0: it is there;
/// above it, an option cannot be used, by the kind of problem; the text is the field, a zero, and what to do about it.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_new(len: usize) -> u32 {
    let state = state();
    let mut options = Options::default();
    net::read(&mut options, input(len));
    let long = |place| state.option(place);
    let size = |place| state.option(place) as usize;
    let on_exhausted = if long(0) == 0 { OnExhausted::Keep } else { OnExhausted::Drop };
    options.enable_pack = long(1) != 0;
    options.pack_size = Some(size(2)).filter(|&bytes| bytes > 0);
    options.pack_timeout = long(3);
    options.ext_pack_size = size(4);
    options.recv_buf_size = size(5);
    options.send_buf_size = size(6);
    options.max_group_id_num = size(7);
    options.max_stream_id_num = size(8);
    options.max_in_flight = size(9);
    options.max_age = long(10);
    options.request_timeout = long(11);
    options.retry_times = long(12) as u32;
    if cfg!(not(feature = "js-page")) {
        options.manager_update_interval = long(13);
        options.manager_url_timeout = long(14);
        options.msg_type = long(15) as u8;
        options.extend_field = long(16) as u16;
        options.is_ack = long(17) != 0;
        options.enable_zip = long(18) != 0;
        options.min_zip_len = size(19);
        options.max_proxy_num = size(20);
        options.proxy_repeat_times = size(21);
        options.isolation_level = long(22) as u32;
        options.heart_beat_interval = long(23);
        options.enable_balance = long(24) != 0;
        options.load_balance_interval = long(25);
        options.tcp_detection_interval = long(26);
        options.tcp_idle_time = long(27);
        options.protocol = if long(28) == 0 { Protocol::Tcp } else { Protocol::Http };
    }
    let seed = state.numbers[31].to_bits();
    let limits = options.limits(on_exhausted);
    let net = Net::new(&options, seed);
    let local_time = LocalTime::new(|_| super::exports::state().own.utc_offset);
    let destination = InLong::unchecked(options, seed, local_time);
    // Both count the same groups.
    for group in &destination.options().inlong_group_ids {
        destination.know_group(group);
    }
    let engine = Engine::new(destination, limits, seed);
    // There was none: taking one apart would be code that never runs.
    std::mem::forget(state.engine.replace(Box::new(engine)));
    std::mem::forget(state.own.net.replace(Box::new(net)));
    let Some(engine) = &state.engine else { return 0 };
    match engine.destination().options().check_names() {
        Ok(()) => 0,
        // The shell will not use it.
        Err(invalid) => state.invalid(&invalid),
    }
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
/// has number 1, and for the queue if number 2 is 1; 5: too many groups, for number 0; above that: invalid, by the kind of problem as in [`tw_new`].
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
        if cfg!(feature = "js-page") || key.is_empty() {
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
                    put_numbers(&mut state.numbers, &[limit as u64, bytes as u64, 0]);
                    4
                }
                SendError::LargerThanQueue { bytes, limit } => {
                    put_numbers(&mut state.numbers, &[limit as u64, bytes as u64, 1]);
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
    state.own.record.clear();
    engine.destination().put(&message, now, &mut state.own.record);
    match engine.push(&lane, &state.own.record, tag, now) {
        Ok(recorded) => u32::from(recorded.wake),
        Err(RecordError::Full) => 2,
        Err(RecordError::Closed) => 3,
        Err(RecordError::Invalid(invalid)) => 5 + state.invalid(&invalid),
    }
}

/// What to do; with `most` of 0 nothing new is begun. 0: nothing until number 0 (below 0: until told otherwise). 1: post this:
/// batch, attempt, deadline, where the body is and its length; the text is the URL. 2: an outcome, as GrowingIO's module tells
/// it. 3: connect: the connection, the port; the text is the host. 4: write: the connection, where and how much. 5: close: the
/// connection. 6: ask the Manager for the group that is the text. 7: a node list was not to be had: when it is tried again, ms,
/// and whether the group has none; the text is the group and, after a zero, why.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_poll(mono: f64, wall: f64, most: f64) -> u32 {
    let state = state();
    let now = State::now(mono, wall);
    let most = if most < 0.0 { usize::MAX } else { most as usize };
    loop {
        let State { engine: Some(engine), own: Own { net: Some(net), .. }, .. } = state else { return 0 };
        let begins = most > 0 && !engine.is_idle();
        state.text.clear();
        // Before the engine looks at the time, which would take frames for lost whose answers are there.
        let mut told = false;
        if let Some(wanted) = net.step(engine, most > 0, begins, now, &mut told) {
            return net::want(state, wanted);
        }
        match engine.poll_within(now, most) {
            Output::Wait(_) if told => {}
            Output::Wait(until) => {
                let until = until.unwrap_or(u64::MAX).min(net.next_wake(begins));
                state.numbers[0] = if until < u64::MAX { until as f64 } else { -1.0 };
                return 0;
            }
            Output::Outcome(outcome) => {
                state.tell(&outcome);
                return 2;
            }
            Output::Transmit(transmit) => match transmit.request {
                Request::Frame(frame) => {
                    net.send(transmit.id, frame, transmit.deadline, transmit.alone, now);
                }
                Request::Http(request) => {
                    put(&mut state.text, request.url.as_bytes());
                    let id = transmit.id;
                    put_numbers(&mut state.numbers, &[id.batch.0, id.attempt.into(), transmit.deadline]);
                    state.hold(request.body, 3);
                    return 1;
                }
            },
        }
    }
}

impl State {
    /// Keeps what is to be sent where it is, which number `place` and the next tell.
    fn hold(&mut self, body: Body, place: usize) {
        let body = self.body.insert(body);
        self.numbers[place] = body.as_ptr() as usize as f64;
        self.numbers[place + 1] = body.len() as f64;
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
    let id = TransmitId::new(BatchId(batch as u64), attempt);
    if status > 0 {
        let mut response = Response::new(status as u16).body(owned(said));
        response.retry_after = Some(host::owned_text(after));
        engine.answer(id, Ok(&Answer::Http(response)), now);
    } else {
        let kind = if maybe == 0 { TransportErrorKind::Connect } else { TransportErrorKind::Other };
        engine.answer(id, Err(TransportError::new(kind, host::owned_text(said))), now);
    }
}

#[cfg(not(feature = "js-page"))]
fn number(text: &str) -> Option<u32> {
    crate::codec::bytes::digits(text.as_bytes()).map(|(number, _)| number as u32)
}
