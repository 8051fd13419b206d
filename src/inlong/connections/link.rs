//! One connection and the frames on it.

use super::{Frame, SLOW, Settings, TransmitId};
use crate::http::Body;
use crate::inlong::ack::Reader;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u32,
    /// By its number.
    pub(super) node: u32,
    /// How often the node had been lost when it began.
    pub(super) epoch: u64,
    pub(super) state: State,
    pub(super) reader: Reader,
    /// What is on it, in the order in which it was written.
    pub(super) pending: Vec<Pending>,
    /// What is to be written, and nothing else, once it is proven.
    pub(super) lone: Option<(Pending, Body)>,
    /// Whether that was written.
    pub(super) is_lone: bool,
    /// Takes no more frames and ends with those on it.
    pub(super) is_leaving: bool,
    /// It is still not there although there was time.
    pub(super) is_slow: bool,
    /// How often something was written.
    pub(super) writes: u64,
    /// Since when it is in this state, as far as it matters.
    pub(super) since: u64,
    /// When something came in last.
    pub(super) heard_at: u64,
    /// When a frame was written or answered last.
    pub(super) used_at: u64,
    /// When the last frame was answered, or, where no answers are asked for, written.
    pub(super) served_at: u64,
    /// How many of its writes are done, as far as that was told.
    pub(super) written: u64,
    /// When the heartbeat was written that is not answered yet.
    pub(super) beat_at: Option<u64>,
    /// Which write that was.
    pub(super) beat_write: u64,
    /// When the last heartbeat was written.
    pub(super) beaten_at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    /// Its first heartbeat is not answered yet.
    Proving,
    Ready,
}

/// A frame without an answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: TransmitId,
    pub(super) key: u64,
    pub(super) msg_type: u8,
    pub(super) is_acked: bool,
    pub(super) deadline: u64,
    pub(super) sent_at: u64,
    /// Which write it was; 0 before it was written.
    pub(super) write: u64,
    /// One that was written later has been answered: it is not its turn any more that it waits for.
    pub(super) is_overtaken: bool,
    /// The engine was told that its answer is late. It may still come.
    pub(super) is_told: bool,
}

impl Link {
    pub(super) fn new(number: u32, node: u32, epoch: u64, now: u64) -> Self {
        Self {
            number,
            node,
            epoch,
            state: State::Connecting,
            reader: Reader::default(),
            pending: Vec::new(),
            lone: None,
            is_lone: false,
            is_leaving: false,
            is_slow: false,
            writes: 0,
            since: now,
            heard_at: now,
            used_at: now,
            served_at: now,
            written: 0,
            beat_at: None,
            beat_write: 0,
            beaten_at: now,
        }
    }

    /// Whether frames can be written.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Ready && !self.is_lone && !self.is_leaving
    }

    /// When the next heartbeat is due: to be told the load also of a node that is busy, where that matters.
    pub(super) fn beat_due(&self, settings: &Settings) -> u64 {
        let from = if settings.balance.is_some() { self.beaten_at } else { self.heard_at };
        from.saturating_add(settings.heartbeat)
    }

    /// When the heartbeat is late that is not answered yet. What else comes in shows as well that the node is there.
    pub(super) fn beat_late(&self, settings: &Settings) -> Option<u64> {
        let since = self.beat_at?.max(if self.state == State::Ready { self.heard_at } else { 0 });
        Some(since.saturating_add(settings.answer_timeout))
    }

    /// Whether no frame is waited for, those aside that are late.
    pub(super) fn is_over(&self) -> bool {
        self.pending.iter().all(|pending| pending.is_told)
    }

    /// Whether nothing at all is waited for.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.lone.is_none()
    }

    /// Forgets frames that are late by more than they had: their answers will not come.
    pub(super) fn forget(&mut self, settings: &Settings, now: u64) {
        self.take_out(|pending| pending.is_told && pending.wake(settings) <= now, |_| {});
    }

    /// Takes frames out that no answer is waited for any more, the first first. There are few, and mostly it is the first.
    pub(super) fn take_out(&mut self, is_done: impl Fn(&Pending) -> bool, mut each: impl FnMut(&Pending)) {
        let mut place = 0;
        while let Some(pending) = self.pending.get(place) {
            if is_done(pending) {
                each(pending);
                self.pending.remove(place);
            } else {
                place += 1;
            }
        }
    }

    /// When it is too late for it to be there, for others to wait.
    pub(super) fn slow_at(&self) -> Option<u64> {
        (self.state != State::Ready && self.lone.is_none()).then_some(self.since + SLOW)
    }

    /// When something is to be done because of the time.
    pub(super) fn wake(&self, settings: &Settings, is_wanted: bool) -> u64 {
        let own = match (self.state, self.beat_late(settings)) {
            (State::Connecting, _) => self.since + settings.connect_timeout,
            (_, Some(at)) => at,
            (_, None) if self.is_open() => self.beat_due(settings),
            (_, None) => u64::MAX,
        };
        let mut wake = own;
        if let Some(slow) = self.slow_at().filter(|_| !self.is_slow) {
            wake = wake.min(slow);
        }
        if self.is_idle() && !is_wanted {
            wake = wake.min(self.used_at.saturating_add(settings.idle));
        }
        if let Some((pending, _)) = &self.lone {
            wake = wake.min(pending.deadline);
        }
        for pending in &self.pending {
            wake = wake.min(pending.wake(settings));
        }
        wake
    }
}

impl Pending {
    pub(super) fn new(id: TransmitId, frame: &Frame, deadline: u64, now: u64) -> Self {
        let sealed = &frame.sealed;
        Self {
            id,
            key: sealed.key,
            msg_type: sealed.msg_type,
            is_acked: sealed.is_acked,
            deadline,
            sent_at: now,
            write: 0,
            is_overtaken: false,
            is_told: false,
        }
    }

    /// When its answer is given up, if those in front of it were answered until then as they came in: a line may be slow.
    pub(super) fn turn(&self, served_at: u64, settings: &Settings) -> u64 {
        let from = if self.is_overtaken { 0 } else { served_at };
        self.deadline.max(from.saturating_add(settings.answer_timeout))
    }

    /// When it is late, or has been for so long that it is forgotten.
    fn wake(&self, settings: &Settings) -> u64 {
        let more = if self.is_told { settings.answer_timeout } else { 0 };
        self.deadline.saturating_add(more)
    }
}
