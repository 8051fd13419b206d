//! What the shell calls of GrowingIO's module.

use std::time::Duration;

use super::exports::{State, input, split_once, state, tripwire};
use super::{Answer, host};
use crate::destination::BatchId;
use crate::engine::{
    Engine, Limits, OnExhausted, Output, RecordError, Tag, TransmitId, Unrecorded, WhenFull,
};
use crate::growingio::transcode::problem::COUNT;
use crate::growingio::{Consumer, Format, GrowingIo, Parts, Sealed};
use crate::sampling::is_sampled;

/// Whose module it is.
pub(super) type System = GrowingIo;

/// What it keeps besides its engine.
pub(super) struct Own {
    /// The event being recorded, as it goes out.
    record: Vec<u8>,
}

impl Own {
    pub(super) const NEW: Self = Self { record: Vec::new() };
}

/// What [`tw_record`] says beyond this is the number of a problem, which count from 1.
const INVALID: u32 = 3;

/// Makes the engine. In: product id, data source id, platform and sdk version, with zeros between them,
/// and these numbers. The shell has checked them.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_new(len: usize) {
    let state = state();
    let mut rest = input(len);
    let texts = [(); 4].map(|()| {
        let (text, others) = split_once(rest);
        rest = others;
        // Absent is empty.
        (!text.is_empty()).then_some(host::text(text))
    });
    let max_size = state.option(2) as usize;
    let max_request_bytes = state.option(5) as usize;
    let parts = Parts {
        format: match state.option(0) {
            0 => Format::Simple,
            1 => Format::Json,
            2 => Format::JsonSnappy,
            3 => Format::JsonSnappyCrypt,
            4 => Format::Protobuf,
            _ => Format::ProtobufSnappyCrypt,
        },
        consumer: match state.option(1) {
            0 => Consumer::Default,
            1 => Consumer::Buffered { max_size },
            2 => Consumer::Async { max_size, flush_after: Duration::from_millis(state.option(3)) },
            _ => Consumer::Debug,
        },
        validate: state.option(4) != 0,
        max_request_bytes,
        flush_size: state.option(16) as usize,
        flush_only: state.option(17) != 0,
        texts,
    };
    let mut limits = Limits::default();
    limits.retry.retry_limit = state.option(6) as u32;
    limits.retry.backoff_factor = state.option(7);
    limits.request_timeout = state.option(8);
    limits.max_queue_bytes = state.option(9) as usize;
    limits.max_queue_events = state.option(10);
    limits.max_age = state.option(11);
    limits.max_in_flight = state.option(12) as usize;
    if state.option(13) != 0 {
        limits.retry.on_exhausted = OnExhausted::Drop;
    }
    if state.option(14) != 0 {
        limits.when_full = WhenFull::DropOldest;
    }
    limits.max_event_bytes = max_request_bytes.saturating_sub(2);
    let engine = Engine::new(GrowingIo::from(parts), limits, state.numbers[15].to_bits());
    // There was none: taking one apart would be code that never runs.
    std::mem::forget(state.engine.replace(Box::new(engine)));
}

/// Records an event in the neutral form. 0: recorded; 1: recorded, and to be polled; 2: the queue is full; 3: closed;
/// 4 and above: invalid, by the problem; the text is the name at fault, as JSON, number 1 where reading stopped, number 2
/// the object that the name is a key of. `tagged`: 0 no, 1 by number 0, 2 by the text in front of the event, up to a zero.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_record(len: usize, tagged: u32, mono: f64, wall: f64) -> u32 {
    let state = state();
    let mut text = input(len);
    let tag = match tagged {
        1 => Some(Tag::Number(state.option(0))),
        2 => {
            let (tag, event) = split_once(text);
            text = event;
            Some(Tag::Text(host::text(tag).into()))
        }
        _ => None,
    };
    let Some(engine) = &mut state.engine else { return 3 };
    tripwire(text);
    let now = State::now(mono, wall);
    state.own.record.clear();
    match engine.destination().transcode_or_refuse(text, now, &mut state.own.record) {
        Ok(lane) => match engine.push(&lane, &state.own.record, tag, now) {
            Ok(recorded) => u32::from(recorded.wake),
            Err(RecordError::Full) => 2,
            Err(RecordError::Closed) => 3,
            // They follow the problems of the transcoder.
            Err(RecordError::Invalid(invalid)) => INVALID + COUNT + 1 + u32::from(invalid.field == "tag"),
        },
        Err(refused) => {
            engine.count_unrecorded(Unrecorded::Invalid);
            std::mem::swap(&mut state.text, &mut state.own.record);
            state.numbers[1] = refused.at as f64;
            state.numbers[2] = f64::from(refused.parent as u8);
            INVALID + refused.problem as u32
        }
    }
}

/// What to do; with `most` of 0 or more, no request with a body of more bytes. 0: nothing until number 0 (below 0: until
/// told otherwise). 1: send this: batch, attempt, deadline, where the body is and its length, lane, and what the URL is to name as `stm`. 2: an
/// outcome: fate, count, batch or -1, possibly delivered, code, how it is tagged, the tag; the text is the tag and, after a zero,
/// the message.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_poll(mono: f64, wall: f64, most: f64) -> u32 {
    let state = state();
    let Some(engine) = &mut state.engine else { return 0 };
    let most = if most < 0.0 { usize::MAX } else { most as usize };
    match engine.poll_within(State::now(mono, wall), most) {
        Output::Wait(until) => {
            state.numbers[0] = until.map_or(-1.0, |until| until as f64);
            0
        }
        Output::Transmit(transmit) => {
            let Sealed { lane, stm, body, .. } = transmit.request;
            let body = state.body.insert(body);
            let numbers = &mut state.numbers;
            numbers[0] = transmit.id.batch.0 as f64;
            numbers[1] = f64::from(transmit.id.attempt);
            numbers[2] = transmit.deadline as f64;
            numbers[3] = body.as_ptr() as usize as f64;
            numbers[4] = body.len() as f64;
            numbers[5] = f64::from(lane as u8);
            numbers[6] = stm as f64;
            1
        }
        Output::Outcome(outcome) => {
            state.tell(&outcome);
            2
        }
    }
}

/// Brings an answer: a status, or 0 for none. `maybe`: whether the request may have arrived. `after`:
/// what `Retry-After` asks for, ms, or NaN. The text is what an outcome is to say of a failure.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_answer(
    batch: f64,
    attempt: u32,
    status: u32,
    maybe: u32,
    after: f64,
    len: usize,
    mono: f64,
    wall: f64,
) {
    let Some(engine) = &mut state().engine else { return };
    let id = TransmitId::new(BatchId(batch as u64), attempt);
    let text = input(len);
    tripwire(text);
    let now = State::now(mono, wall);
    let answer = Answer {
        status: status as u16,
        maybe_accepted: maybe != 0,
        after: (after >= 0.0).then_some(after as u64),
        said: host::owned_text(text),
    };
    engine.answer(id, Ok(&answer), now);
}

/// Whether a user is in the sample of number 0.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_sampled(len: usize) -> u32 {
    u32::from(is_sampled(host::text(input(len)), state().numbers[0]))
}
