//! What the shell calls: plain exports on numbers.
//!
//! Text goes in through the buffer of [`tw_room`]; numbers come back in the array of [`tw_numbers`], text in the buffer
//! of [`tw_text`].

use std::cell::UnsafeCell;
use std::time::Duration;

use super::{Answer, host};
use crate::codec::bytes::{byte_at, part, put, put_byte};
use crate::destination::{BatchId, Now};
use crate::engine::{
    DropReason, Engine, Fate, Limits, OnExhausted, Outcome, Output, RecordError, Stats, Tag, TransmitId,
    Unrecorded, WhenFull,
};
use crate::growingio::transcode::problem::COUNT;
use crate::growingio::{Consumer, Format, GrowingIo, Parts, Sealed};
use crate::http::Body;
use crate::sampling::is_sampled;

struct State {
    engine: Option<Engine<GrowingIo>>,
    /// What the shell writes.
    input: Vec<u8>,
    /// The event being recorded, as it goes out.
    record: Vec<u8>,
    /// What the shell reads.
    text: Vec<u8>,
    numbers: [f64; NUMBERS],
    /// The body of the request handed out last.
    body: Option<Body>,
}

const NUMBERS: usize = 24;
/// What [`tw_record`] says beyond this is the number of a problem, which count from 1.
const INVALID: u32 = 3;

/// One tracker, one instance of the module, one thread.
struct Instance(UnsafeCell<State>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(State {
    engine: None,
    input: Vec::new(),
    record: Vec::new(),
    text: Vec::new(),
    numbers: [0.0; NUMBERS],
    body: None,
}));

fn state() -> &'static mut State {
    // SAFETY: one thread, and no export calls another or anything of the shell's that could.
    unsafe { &mut *INSTANCE.0.get() }
}

/// Room for `len` bytes of text; where.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_room(len: usize) -> *mut u8 {
    let input = &mut state().input;
    input.clear();
    input.reserve(len);
    input.as_mut_ptr()
}

/// Where the numbers are that go in and come back.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_numbers() -> *mut f64 {
    state().numbers.as_mut_ptr()
}

/// Where the text is that comes back; its length is number 0.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_text() -> *const u8 {
    let state = state();
    state.numbers[0] = state.text.len() as f64;
    state.text.as_ptr()
}

/// The first `len` bytes of the room, written by `TextEncoder`.
fn input(len: usize) -> &'static [u8] {
    let input = &mut state().input;
    // SAFETY: the shell wrote `len` bytes into a room of at least as many.
    unsafe { input.set_len(len) };
    input
}

/// What stands before the first zero, and what comes after it.
#[inline(never)]
fn split_once(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < text.len() && byte_at(text, at) != 0 {
        at += 1;
    }
    (part(text, 0, at), part(text, at + 1, text.len()))
}

impl State {
    fn option(&self, place: usize) -> u64 {
        self.numbers[place] as u64
    }

    fn now(mono: f64, wall: f64) -> Now {
        Now { mono: mono as u64, wall: wall as u64 }
    }
}

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
    std::mem::forget(state.engine.replace(engine));
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
    state.record.clear();
    match engine.destination().transcode_or_refuse(text, now, &mut state.record) {
        Ok(lane) => match engine.push(&lane, &state.record, tag, now) {
            Ok(recorded) => u32::from(recorded.wake),
            Err(RecordError::Full) => 2,
            Err(RecordError::Closed) => 3,
            // They follow the problems of the transcoder.
            Err(RecordError::Invalid(invalid)) => INVALID + COUNT + 1 + u32::from(invalid.field == "tag"),
        },
        Err(refused) => {
            engine.count_unrecorded(Unrecorded::Invalid);
            std::mem::swap(&mut state.text, &mut state.record);
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

impl State {
    fn tell(&mut self, outcome: &Outcome) {
        let cause = match &outcome.fate {
            Fate::Rejected(cause) | Fate::Dropped(DropReason::Exhausted(cause)) => Some(cause),
            _ => None,
        };
        let Self { text, numbers, .. } = self;
        text.clear();
        numbers[0] = f64::from(outcome.fate.kind());
        numbers[1] = outcome.count as f64;
        numbers[2] = outcome.batch.map_or(-1.0, |batch| batch.0 as f64);
        numbers[3] = f64::from(u8::from(outcome.possibly_delivered));
        numbers[5] = 0.0;
        match &outcome.tag {
            None => {}
            Some(Tag::Number(number)) => {
                numbers[5] = 1.0;
                numbers[6] = *number as f64;
            }
            Some(Tag::Text(tag)) => {
                numbers[5] = 2.0;
                put(text, tag.as_bytes());
            }
        }
        // A tag holds no zero, but a message may.
        put_byte(text, 0);
        if let Some(cause) = cause {
            put(text, cause.message.as_bytes());
            numbers[4] = f64::from(cause.code);
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

/// In the build that tests traps: panics where the text of an event or an answer asks for it.
fn tripwire(text: &[u8]) {
    assert!(
        cfg!(not(feature = "__test-panic")) || !text.windows(12).any(|part| part == b"__test-panic"),
        "asked for"
    );
}

/// A request was refused before it left: its batch goes back, and that was no attempt.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_unsend(batch: f64, attempt: u32, mono: f64) {
    if let Some(engine) = &mut state().engine {
        engine.unsend(TransmitId::new(BatchId(batch as u64), attempt), State::now(mono, 0.0));
    }
}

/// Gives a request that is under way until `deadline`.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_extend(batch: f64, attempt: u32, deadline: f64) {
    if let Some(engine) = &mut state().engine {
        engine.extend(TransmitId::new(BatchId(batch as u64), attempt), deadline as u64);
    }
}

/// Acts on the whole. 0: begins a flush, its number is number 0. 1: what became of flush number 0, in the numbers; 2: the
/// same, and ends it. 3: closes. 4: abandons. 5: holds. 6: lets go. 7: discards. 12: the books, in the
/// numbers.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_do(what: u32) {
    let state = state();
    let Some(engine) = &mut state.engine else { return };
    match what {
        0 => state.numbers[0] = engine.flush().number() as f64,
        1 | 2 => {
            let id = crate::engine::FlushId::from_number(state.numbers[0] as u64);
            let report = engine.flush_report(id).unwrap_or_default();
            if what == 2 {
                engine.end_flush(id);
            }
            let numbers = [report.delivered, report.rejected, report.expired, report.dropped, report.pending];
            put_numbers(&mut state.numbers, &numbers);
        }
        3 => engine.close(),
        4 => engine.abandon(),
        5 | 6 => engine.hold(what == 5),
        7 => engine.discard(),
        _ => {
            let stats = engine.stats();
            // SAFETY: it consists of numbers of 64 bits, in their order.
            let numbers =
                unsafe { &*(&raw const stats).cast::<[u64; size_of::<Stats>() / size_of::<u64>()]>() };
            put_numbers(&mut state.numbers, numbers);
        }
    }
}

fn put_numbers(to: &mut [f64; NUMBERS], numbers: &[u64]) {
    for (to, &number) in to.iter_mut().zip(numbers) {
        *to = number as f64;
    }
}

/// Whether a user is in the sample of number 0.
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_sampled(len: usize) -> u32 {
    u32::from(is_sampled(host::text(input(len)), state().numbers[0]))
}
