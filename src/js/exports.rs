//! What the shell calls, whichever system the module is for: plain exports on numbers.
//!
//! Text goes in through the buffer of [`tw_room`]; numbers come back in the array of [`tw_numbers`], text in the buffer
//! of [`tw_text`].

use std::cell::UnsafeCell;

use super::system::{Own, System};
use crate::codec::bytes::{byte_at, part, put, put_byte};
#[cfg(feature = "growingio")]
use crate::destination::BatchId;
use crate::destination::Now;
#[cfg(feature = "growingio")]
use crate::engine::TransmitId;
use crate::engine::{DropReason, Engine, Fate, Outcome, Stats, Tag};
use crate::http::Body;

pub(super) struct State {
    pub(super) engine: Option<Box<Engine<System>>>,
    /// What the shell writes.
    input: Vec<u8>,
    /// What the shell reads.
    pub(super) text: Vec<u8>,
    pub(super) numbers: [f64; NUMBERS],
    /// What is to be sent, as it was handed out last.
    pub(super) body: Option<Body>,
    /// What the system keeps besides.
    pub(super) own: Own,
}

pub(super) const NUMBERS: usize = 32;

/// One tracker, one instance of the module, one thread.
struct Instance(UnsafeCell<State>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(State {
    engine: None,
    input: Vec::new(),
    text: Vec::new(),
    numbers: [0.0; NUMBERS],
    body: None,
    own: Own::NEW,
}));

pub(super) fn state() -> &'static mut State {
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
pub(super) fn input(len: usize) -> &'static [u8] {
    let input = &mut state().input;
    // SAFETY: the shell wrote `len` bytes into a room of at least as many.
    unsafe { input.set_len(len) };
    input
}

/// What stands before the first zero, and what comes after it.
#[inline(never)]
pub(super) fn split_once(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < text.len() && byte_at(text, at) != 0 {
        at += 1;
    }
    (part(text, 0, at), part(text, at + 1, text.len()))
}

impl State {
    pub(super) fn option(&self, place: usize) -> u64 {
        self.numbers[place] as u64
    }

    pub(super) fn now(mono: f64, wall: f64) -> Now {
        Now { mono: mono as u64, wall: wall as u64 }
    }
}

impl State {
    pub(super) fn tell(&mut self, outcome: &Outcome) {
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

/// In the build that tests traps: panics where the text of an event or an answer asks for it.
pub(super) fn tripwire(text: &[u8]) {
    assert!(
        cfg!(not(feature = "__test-panic")) || !text.windows(12).any(|part| part == b"__test-panic"),
        "asked for"
    );
}

/// A request was refused before it left: its batch goes back, and that was no attempt.
#[cfg(feature = "growingio")]
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_unsend(batch: f64, attempt: u32, mono: f64) {
    if let Some(engine) = &mut state().engine {
        engine.unsend(TransmitId::new(BatchId(batch as u64), attempt), State::now(mono, 0.0));
    }
}

/// Gives a request that is under way until `deadline`.
#[cfg(feature = "growingio")]
#[unsafe(no_mangle)]
pub(super) extern "C" fn tw_extend(batch: f64, attempt: u32, deadline: f64) {
    if let Some(engine) = &mut state().engine {
        engine.extend(TransmitId::new(BatchId(batch as u64), attempt), deadline as u64);
    }
}

/// Acts on the whole. 0: begins a flush, its number is number 0. 1: what became of flush number 0, in the numbers; 2: the
/// same, and ends it. 3: closes. 4: abandons. 5: holds. 6: lets go. 7: discards. 8: whether there is no room for some records,
/// as number 0. 12: the books, in the numbers.
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
        8 => state.numbers[0] = f64::from(u8::from(!engine.is_closed() && !engine.has_room_for_any())),
        _ => {
            let stats = engine.stats();
            // SAFETY: it consists of numbers of 64 bits, in their order.
            let numbers =
                unsafe { &*(&raw const stats).cast::<[u64; size_of::<Stats>() / size_of::<u64>()]>() };
            put_numbers(&mut state.numbers, numbers);
        }
    }
}

pub(super) fn put_numbers(to: &mut [f64; NUMBERS], numbers: &[u64]) {
    for (to, &number) in to.iter_mut().zip(numbers) {
        *to = number as f64;
    }
}
