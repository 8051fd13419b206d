//! What the application does, of itself and in callbacks.

use std::sync::Arc;

use trackwire::destination::Destination;
use trackwire::engine::{Engine, Outcome, RecordError, Recorded, Tag};

use crate::model::{Event, Place};
use crate::rules::{Checked, hold};
use crate::system::{Draft, Lane, RECORD_HEAD, System};
use crate::tally::Seen;
use crate::world::World;

#[derive(Clone, Copy)]
enum Action {
    Track,
    Burst,
    Flush,
    EndFlush,
    Hold,
    Discard,
    Close,
    Crash,
    Export,
    WallJump,
    Leap,
}

impl World {
    pub(crate) fn act(&mut self) -> Checked {
        use Action::*;
        let usual = [
            (300, Track),
            (200, Burst),
            (60, Flush),
            (30, EndFlush),
            (12, Hold),
            (8, Discard),
            (5, Close),
            (12, Crash),
            (10, Export),
            (10, WallJump),
            (10, Leap),
        ];
        if self.model.closed {
            return self.after_close();
        }
        match if self.plan.calm { Burst } else { self.rng.weighed(&usual) } {
            Track => self.track(),
            Burst => {
                let many = self.rng.magnitude(60);
                (0..many).try_for_each(|_| self.track())
            }
            Flush => self.flush(),
            EndFlush => self.end_flush(),
            Hold => {
                let held = !self.model.held;
                self.hold(held);
                Ok(())
            }
            Discard => self.discard(),
            Close => self.close(),
            Crash => self.crash_when_told(),
            Export => self.compare_export(),
            WallJump => {
                self.jump_wall();
                Ok(())
            }
            Leap => {
                self.model.tally.saw(Seen::MonotonicLeap);
                self.at += self.rng.magnitude(self.plan.limits.max_age * 2);
                Ok(())
            }
        }
    }

    /// The callbacks, after the engine was drained. Says whether they did anything.
    pub(crate) fn call_back(&mut self, outcomes: &[Outcome]) -> Checked<bool> {
        let mut acted = false;
        for _ in outcomes {
            if self.actions_left == 0 || self.plan.calm || !self.rng.in_1000(30) {
                continue;
            }
            acted = true;
            match self.rng.below(40) {
                0 if !self.model.closed => {
                    self.model.tally.saw(Seen::CallbackClose);
                    self.close()?;
                }
                1..=9 => {
                    self.model.tally.saw(Seen::CallbackFlush);
                    self.flush()?;
                }
                10 => self.hold(!self.model.held),
                11 => self.discard()?,
                _ => {
                    self.model.tally.saw(Seen::CallbackTrack);
                    self.track()?;
                }
            }
        }
        Ok(acted)
    }

    fn track(&mut self) -> Checked {
        let limits = self.plan.limits.clone();
        let drops_oldest = self.model.overflows();
        if drops_oldest {
            // So that what is dropped for this event can be told from what ends by itself.
            let mut outcomes = Vec::new();
            self.drain(&mut outcomes)?;
        }
        let id = self.next_event;
        let lane = Lane(self.rng.below(self.plan.lanes.len() as u64) as u8);
        let len = (RECORD_HEAD as u64 + self.rng.magnitude(self.plan.largest) - 1) as usize;
        let draft = Draft { id, lane, len, bad: self.rng.in_1000(10) };
        let tag = match self.rng.in_1000(self.plan.tagged) {
            false => None,
            true if id.is_multiple_of(2) => Some(Tag::from(u64::from(id))),
            true => Some(Tag::from(format!("event {id}"))),
        };
        let was = self.engine.stats();
        let tag_len = match &tag {
            Some(Tag::Text(text)) => text.len(),
            _ => 0,
        };
        let room = self.engine.has_room(len + tag_len);
        let tagged = tag.is_some();
        let recorded = self.record(&draft, tag);
        let mut woken = false;
        let stats = self.engine.stats();
        let dropped = stats.dropped_overflow - was.dropped_overflow;
        hold!(Bounds, dropped == 0 || drops_oldest, "{dropped} events were dropped for a newer one");
        self.model.overflowing += dropped;
        match recorded {
            Ok(recorded) => {
                self.next_event += 1;
                hold!(Balance, !self.model.closed, "an event was taken after close");
                hold!(Bounds, !draft.bad && len <= limits.max_event_bytes, "{draft:?} was taken");
                hold!(Bounds, room, "there was no room, and {draft:?} was taken");
                hold!(Wait, dropped == 0 || recorded.wake, "outcomes wait to be heard, and nobody is woken");
                woken = recorded.wake;
                self.saw_tracked(len, tagged);
                let poison = self.rng.in_1000(self.plan.poison) || self.plan.poisoned == Some(id);
                let at = self.at as i64;
                self.tell(|| format!("record {draft:?}"));
                self.model.accept(id, Event::new(lane.0, (len, tag_len), at, tagged, poison));
            }
            Err(RecordError::Closed) => {
                hold!(Balance, self.model.closed, "closed, says an open engine");
                self.model.tally.saw(Seen::RefusedClosed);
                self.model.books.ignored += 1;
            }
            Err(RecordError::Invalid(invalid)) => {
                let fits = len <= limits.max_event_bytes && len <= limits.max_queue_bytes / 8;
                hold!(Bounds, draft.bad || !fits, "{draft:?}: {invalid}");
                self.model.tally.saw(if draft.bad { Seen::InvalidEvent } else { Seen::TooLargeEvent });
                self.model.books.invalid += 1;
            }
            Err(RecordError::Full) => {
                self.model.tally.saw(Seen::RefusedFull);
                self.model.books.refused_full += 1;
                hold!(Bounds, dropped == 0, "{dropped} events were dropped for one that was refused");
                hold!(Bounds, !room, "there was room for {draft:?}, and it was refused");
                self.model.check_full(len + tag_len, &was)?;
            }
            Err(other) => panic!("the world does not know {other:?}"),
        }
        if drops_oldest {
            let mut outcomes = Vec::new();
            self.drain(&mut outcomes)?;
        }
        if woken {
            self.waits_until = None;
        } else {
            self.check_asleep()?;
        }
        self.check_books()
    }

    fn record(&mut self, draft: &Draft, tag: Option<Tag>) -> Result<Recorded, RecordError> {
        let now = self.now();
        if self.rng.in_1000(500) || draft.bad {
            return self.engine.record(draft, tag, now);
        }
        let mut bytes = Vec::new();
        self.system.encode(draft, now, &mut bytes).map_err(RecordError::Invalid)?;
        self.engine.push(&draft.lane, &bytes, tag, now)
    }

    fn saw_tracked(&mut self, len: usize, tagged: bool) {
        let tally = &mut self.model.tally;
        tally.saw(Seen::Tracked);
        tally.saw(if tagged { Seen::Tagged } else { Seen::Untagged });
        if len > self.plan.limits.segment_bytes {
            tally.saw(Seen::LargerThanSegment);
        }
    }

    pub(crate) fn flush(&mut self) -> Checked {
        self.model.tally.saw(Seen::Flush);
        self.waits_until = None;
        let id = self.engine.flush();
        self.tell(|| format!("flush {id:?}"));
        self.flushes.push(id);
        self.model.flush(id, self.next_event);
        Ok(())
    }

    fn end_flush(&mut self) -> Checked {
        if self.flushes.is_empty() {
            return Ok(());
        }
        // Ages are looked at when the engine is driven.
        self.drain(&mut Vec::new())?;
        let place = self.rng.below(self.flushes.len() as u64) as usize;
        let id = self.flushes.swap_remove(place);
        let said = self.engine.end_flush(id);
        let report = self.model.end_flush(id).expect("a flush that was begun");
        hold!(Report, said == report, "the flush is {report:?}, the engine says {said:?}");
        hold!(Report, self.engine.flush_report(id).is_none(), "a flush that was ended goes on");
        let seen = if report.pending == 0 { Seen::FlushComplete } else { Seen::FlushEndedEarly };
        self.model.tally.saw(seen);
        Ok(())
    }

    pub(crate) fn hold(&mut self, held: bool) {
        self.waits_until = None;
        self.model.tally.saw(Seen::Hold);
        self.tell(|| format!("hold {held}"));
        self.model.held = held;
        self.engine.hold(held);
    }

    fn discard(&mut self) -> Checked {
        self.model.tally.saw(Seen::Discard);
        self.tell(|| "discard".into());
        self.waits_until = None;
        self.model.discard();
        self.engine.discard();
        self.check_books()
    }

    fn close(&mut self) -> Checked {
        self.model.tally.saw(Seen::Close);
        self.flush()?;
        self.engine.close();
        self.model.closed = true;
        self.check_books()
    }

    /// After close: sometimes it is tried once more to record, then patience is over, or the process dies.
    fn after_close(&mut self) -> Checked {
        match self.rng.below(10) {
            0..=3 => self.track(),
            4 => self.crash_when_told(),
            5 => self.end_flush(),
            6 if self.model.held => {
                self.hold(false);
                Ok(())
            }
            _ => {
                if self.model.pending.is_empty() {
                    self.model.tally.saw(Seen::CloseComplete);
                } else {
                    self.model.tally.saw(Seen::Abandon);
                }
                self.tell(|| "abandon".into());
                self.waits_until = None;
                self.model.abandon();
                self.engine.abandon();
                self.check_books()?;
                self.drain(&mut Vec::new())?;
                self.start_anew()
            }
        }
    }

    /// Outcomes that nobody heard die with the process, so they are heard first.
    fn crash_when_told(&mut self) -> Checked {
        self.drain(&mut Vec::new())?;
        self.crash()
    }

    /// An export changes nothing, and holds everything pending.
    fn compare_export(&mut self) -> Checked {
        self.model.tally.saw(Seen::ExportCompared);
        let now = self.now();
        let bytes = self.engine.export(now);
        let restore = |bytes: &[u8]| {
            Engine::<System>::restore(Arc::clone(&self.system), self.plan.limits.clone(), 1, bytes, now)
        };
        let Ok(copy) = restore(&bytes) else {
            hold!(Restore, false, "an export cannot be restored");
            return Ok(());
        };
        let (was, is) = (self.engine.stats(), copy.stats());
        let kept = was.pending - self.model.discarded().len() as u64;
        hold!(Restore, is.pending == kept && is.accepted == kept, "{was:?} became {is:?}");
        let again = copy.export(now);
        let second = restore(&again).map(|copy| copy.export(now));
        hold!(Restore, second.as_ref() == Ok(&again), "an export of an export is another one");
        drop(copy);
        self.check_books()
    }
}

impl Event {
    /// The bytes that the engine holds of it.
    pub(crate) fn held(&self) -> usize {
        self.len + self.tag_len
    }

    fn new(lane: u8, (len, tag_len): (usize, usize), at: i64, tagged: bool, poison: bool) -> Self {
        Self {
            lane,
            len,
            tag_len,
            at,
            tagged,
            poison,
            place: Place::Open,
            flushed: false,
            attempts: 0,
            lost: false,
            lost_since: false,
            earliest: 0,
            latest: 0,
            end: None,
            told: false,
            copies: 0,
        }
    }
}
