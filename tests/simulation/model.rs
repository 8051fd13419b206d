//! The independent model of the application: what was accepted, what should become of it, what was said about it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use trackwire::engine::{DropReason, Fate, FlushId, Outcome, Report, Stats, Tag, WhenFull};

use crate::flights::{Batch, Flight, Health};
use crate::plan::Plan;
use crate::rules::{Checked, hold};
use crate::tally::{Seen, Tally};

/// An event that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) lane: u8,
    pub(crate) len: usize,
    /// Of its tag, if that is a text.
    pub(crate) tag_len: usize,
    /// When, in the world's time; before 0 when a restart has aged it.
    pub(crate) at: i64,
    pub(crate) tagged: bool,
    pub(crate) poison: bool,
    pub(crate) place: Place,
    /// Accepted before a flush.
    pub(crate) flushed: bool,
    /// Attempts its batch has had.
    pub(crate) attempts: u32,
    /// Some attempt to send it was lost on the way, as far as the engine knows.
    pub(crate) lost: bool,
    /// The same, since it was sent last.
    pub(crate) lost_since: bool,
    /// It may be sent again from this time on, ...
    pub(crate) earliest: u64,
    /// ... and from this time on it has to be, if its endpoint can be reached.
    pub(crate) latest: u64,
    pub(crate) end: Option<End>,
    pub(crate) told: bool,
    /// How often the server has taken it.
    pub(crate) copies: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no batch so far.
    Open,
    /// In this batch.
    In(u64),
    /// In some batch that was not seen yet: a half, or the rest of one.
    Part,
}

/// How an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Delivered,
    Unconfirmed,
    Rejected(u32),
    Expired,
    Overflow,
    Exhausted,
    Closed,
    Disabled,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) rejected: u64,
    pub(crate) expired: u64,
    pub(crate) dropped: u64,
    pub(crate) refused_full: u64,
    pub(crate) invalid: u64,
    pub(crate) ignored: u64,
    pub(crate) unconfirmed: u64,
    pub(crate) batches: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) plain_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) maybe_duplicated: u64,
}

struct Flush {
    id: FlushId,
    /// The first event after it.
    upto: u32,
    report: Report,
}

pub(crate) struct Model {
    pub(crate) plan: Rc<Plan>,
    pub(crate) events: BTreeMap<u32, Event>,
    /// Those that have no end yet.
    pub(crate) pending: BTreeSet<u32>,
    pub(crate) plain: usize,
    pub(crate) batches: BTreeMap<u64, Batch>,
    pub(crate) flights: BTreeMap<(u64, u32), Flight>,
    pub(crate) health: Vec<Health>,
    pub(crate) held: bool,
    pub(crate) closed: bool,
    pub(crate) books: Books,
    /// Events dropped for newer ones, not told yet: which, the outcome says.
    pub(crate) overflowing: u64,
    /// Where the last one of them was.
    overflowing_batch: Option<Place>,
    /// Lanes in the order of their first event, which decides between events of one age.
    pub(crate) lane_order: Vec<u8>,
    pub(crate) duplicates: u64,
    /// `maybe_duplicated` of the engines before this one.
    pub(crate) duplicates_before: u64,
    /// Since when nothing of a lane has gone out, though it might but for a batch that keeps failing.
    pub(crate) stalled: BTreeMap<u8, u64>,
    flushes: Vec<Flush>,
    untagged: BTreeMap<(End, bool), i64>,
    untold: u64,
    pub(crate) tally: Tally,
}

impl Model {
    pub(crate) fn new(plan: Rc<Plan>) -> Self {
        Self {
            health: vec![Health::default(); usize::from(plan.endpoints)],
            plan,
            events: BTreeMap::new(),
            pending: BTreeSet::new(),
            plain: 0,
            batches: BTreeMap::new(),
            flights: BTreeMap::new(),
            held: false,
            closed: false,
            books: Books::default(),
            overflowing: 0,
            overflowing_batch: None,
            lane_order: Vec::new(),
            duplicates: 0,
            duplicates_before: 0,
            stalled: BTreeMap::new(),
            flushes: Vec::new(),
            untagged: BTreeMap::new(),
            untold: 0,
            tally: Tally::default(),
        }
    }

    pub(crate) fn accept(&mut self, id: u32, event: Event) {
        if !self.lane_order.contains(&event.lane) {
            self.lane_order.push(event.lane);
        }
        let flushing = self.plan.lanes[usize::from(event.lane)].batching.triggers_flush;
        self.plain += event.held();
        self.books.accepted += 1;
        self.pending.insert(id);
        self.events.insert(id, event);
        if flushing {
            self.flush_all();
        }
    }

    pub(crate) fn flush_all(&mut self) {
        for id in &self.pending {
            if let Some(event) = self.events.get_mut(id) {
                event.flushed = true;
            }
        }
    }

    pub(crate) fn flush(&mut self, id: FlushId, next_event: u32) {
        self.flush_all();
        let mut report = Report::default();
        report.pending = self.pending.len() as u64;
        self.flushes.push(Flush { id, upto: next_event, report });
    }

    pub(crate) fn end_flush(&mut self, id: FlushId) -> Option<Report> {
        let place = self.flushes.iter().position(|flush| flush.id == id)?;
        Some(self.flushes.swap_remove(place).report)
    }

    /// Open flushes, and what each should report.
    pub(crate) fn flush_reports(&self) -> impl Iterator<Item = (FlushId, Report)> {
        self.flushes.iter().map(|flush| (flush.id, flush.report))
    }

    /// An event should end like this, and an outcome should say so.
    pub(crate) fn end(&mut self, id: u32, end: End) {
        let event = self.events.get_mut(&id).expect("only accepted events end");
        assert!(self.pending.remove(&id), "the model ends event {id} once");
        event.end = Some(end);
        self.plain -= event.held();
        self.untold += 1;
        if !event.tagged {
            let possibly = event.lost && !end.is_delivered();
            *self.untagged.entry((end, possibly)).or_default() += 1;
        }
        self.books.unconfirmed += u64::from(end == End::Unconfirmed);
        match end {
            End::Delivered | End::Unconfirmed => self.books.delivered += 1,
            End::Rejected(_) => self.books.rejected += 1,
            End::Expired => self.books.expired += 1,
            _ => self.books.dropped += 1,
        }
        for flush in self.flushes.iter_mut().filter(|flush| id < flush.upto) {
            flush.report.pending -= 1;
            match end {
                End::Delivered | End::Unconfirmed => flush.report.delivered += 1,
                End::Rejected(_) => flush.report.rejected += 1,
                End::Expired => flush.report.expired += 1,
                _ => flush.report.dropped += 1,
            }
        }
    }

    pub(crate) fn end_all(&mut self, ids: impl IntoIterator<Item = u32>, end: End) {
        ids.into_iter().for_each(|id| self.end(id, end));
    }

    /// The engine hands out an outcome.
    pub(crate) fn hear(&mut self, outcome: &Outcome) -> Checked {
        let end = End::of(&outcome.fate);
        let Some(tag) = &outcome.tag else {
            hold!(Outcome, outcome.count > 0, "an outcome of nothing: {outcome:?}");
            *self.untagged.entry((end, outcome.possibly_delivered)).or_default() -= outcome.count as i64;
            self.untold = self.untold.saturating_sub(outcome.count);
            self.count(end, outcome);
            return Ok(());
        };
        hold!(Outcome, outcome.count == 1, "a tagged outcome of several events: {outcome:?}");
        let id = match tag {
            Tag::Number(id) => *id as u32,
            Tag::Text(text) => text.trim_start_matches("event ").parse().unwrap_or(u32::MAX),
            _ => u32::MAX,
        };
        if end == End::Overflow && self.overflowing > 0 && self.pending.contains(&id) {
            self.overflow(id)?;
        }
        let Some(event) = self.events.get_mut(&id) else {
            hold!(Outcome, false, "nobody recorded {outcome:?}");
            return Ok(());
        };
        hold!(Outcome, !event.told, "event {id} has ended as {:?} before: {outcome:?}", event.end);
        hold!(Outcome, event.end == Some(end), "event {id} should be {:?}: {outcome:?}", event.end);
        hold!(Outcome, event.tagged, "event {id} has no tag: {outcome:?}");
        let possibly = event.lost && !end.is_delivered();
        hold!(Truth, outcome.possibly_delivered == possibly, "event {id}, lost: {}: {outcome:?}", event.lost);
        event.told = true;
        self.untold -= 1;
        self.count(end, outcome);
        Ok(())
    }

    /// The oldest event that is not under way has made room for the newest, with its whole batch if it is in one.
    fn overflow(&mut self, id: u32) -> Checked {
        let newest = self.pending.last().copied();
        let event = &self.events[&id];
        self.overflowing -= 1;
        hold!(
            Outcome,
            !self.under_way(event),
            "event {id} was under way when it was dropped for a newer one"
        );
        let idle = |other: &&u32| !self.under_way(&self.events[*other]) && Some(**other) != newest;
        let age = |event: &Event| (event.at, self.lane_order.iter().position(|&lane| lane == event.lane));
        let oldest =
            self.pending.iter().filter(idle).min_by_key(|other| (self.events[other].at, **other)).copied();
        let oldest_at = oldest.map(|oldest| self.events[&oldest].at);
        if event.place == Place::Open {
            let open = |other: &&u32| self.events[*other].place == Place::Open && Some(**other) != newest;
            let first =
                self.pending.iter().filter(open).min_by_key(|other| (age(&self.events[other]), **other));
            hold!(Outcome, first == Some(&id), "{first:?} is older than {id}, which was dropped");
            hold!(Outcome, oldest_at == Some(event.at), "{oldest:?} is older than {id}, which was dropped");
        } else if self.overflowing_batch != Some(event.place) {
            // The first of its batch that is told; the batch goes as it has the oldest.
            let mates = self.pending.iter().filter(|other| self.events[*other].place == event.place);
            let at = mates.map(|other| self.events[other].at).min();
            let known = matches!(event.place, Place::In(_));
            hold!(Outcome, !known || oldest_at == at, "{oldest:?} is older than the batch of {id}");
        }
        self.overflowing_batch = Some(event.place);
        self.drop_all(vec![id], End::Overflow);
        Ok(())
    }

    fn count(&mut self, end: End, outcome: &Outcome) {
        let seen = match end {
            End::Delivered => Seen::Delivered,
            End::Unconfirmed => Seen::Unconfirmed,
            End::Rejected(_) => Seen::Rejected,
            End::Expired => Seen::Expired,
            End::Overflow => Seen::Overflow,
            End::Exhausted => Seen::Exhausted,
            End::Closed => Seen::ClosedPending,
            End::Disabled => Seen::Disabled,
        };
        self.tally.saw_many(seen, outcome.count);
        if outcome.possibly_delivered {
            self.tally.saw_many(Seen::PossiblyDelivered, outcome.count);
        }
    }

    /// Everything that should have ended was told, and nothing else.
    pub(crate) fn check_told(&mut self) -> Checked {
        let wrong = self.untagged.iter().find(|(_, count)| **count != 0);
        hold!(
            Outcome,
            wrong.is_none(),
            "untagged events whose outcomes are missing (or too many): {wrong:?}"
        );
        self.untagged.clear();
        if self.untold > 0 {
            let missing = |event: &Event| event.tagged && event.end.is_some() && !event.told;
            let missing = self.events.iter().find(|(_, event)| missing(event));
            hold!(Outcome, missing.is_none(), "no outcome was told: {missing:?}");
            self.untold = 0;
        }
        hold!(Outcome, self.overflowing == 0, "{} events were dropped silently", self.overflowing);
        Ok(())
    }

    pub(crate) fn check_books(&self, stats: &Stats, sealed: usize) -> Checked {
        let sum = stats.delivered + stats.rejected + stats.expired + stats.dropped + stats.pending;
        hold!(Balance, stats.accepted == sum, "{stats:?}");
        let books = &self.books;
        let counts = [
            ("accepted", stats.accepted, books.accepted),
            ("delivered", stats.delivered, books.delivered),
            ("rejected", stats.rejected, books.rejected),
            ("expired", stats.expired, books.expired),
            ("dropped", stats.dropped, books.dropped + self.overflowing),
            ("pending", stats.pending, self.pending.len() as u64 - self.overflowing),
            ("refused_full", stats.refused_full, books.refused_full),
            ("invalid", stats.invalid, books.invalid),
            ("ignored", stats.ignored, books.ignored),
            ("unconfirmed", stats.unconfirmed, books.unconfirmed),
            ("batches", stats.batches, books.batches),
            ("requests", stats.requests, books.requests),
            ("retries", stats.retries, books.retries),
            ("plain_bytes", stats.plain_bytes, books.plain_bytes),
            ("sent_bytes", stats.sent_bytes, books.sent_bytes),
            ("maybe_duplicated", stats.maybe_duplicated, books.maybe_duplicated),
        ];
        let wrong = counts.iter().find(|(_, said, true_)| said != true_);
        hold!(Balance, wrong.is_none(), "counted and true: {wrong:?}; {stats:?}");
        let limits = &self.plan.limits;
        let sealed = sealed - self.sealed_in_vain();
        let held = if self.overflowing > 0 { sealed } else { self.plain + sealed };
        hold!(Bounds, held <= limits.max_queue_bytes, "{} plain and {sealed} sealed bytes", self.plain);
        hold!(Bounds, held as u64 <= stats.queued_bytes, "{held} bytes are held: {stats:?}");
        hold!(Bounds, stats.queued_bytes <= limits.max_queue_bytes as u64, "{stats:?}");
        hold!(Bounds, stats.pending <= limits.max_queue_events, "{stats:?}");
        let said = stats.maybe_duplicated + self.duplicates_before;
        hold!(Duplicates, self.duplicates <= said, "{} duplicates, {said} said", self.duplicates);
        Ok(())
    }

    pub(crate) fn overflows(&self) -> bool {
        self.plan.limits.when_full == WhenFull::DropOldest
    }

    /// An event of this length was refused for want of room; these were the books before.
    pub(crate) fn check_full(&self, len: usize, was: &Stats) -> Checked {
        let limits = &self.plan.limits;
        let (mut events, mut plain) = (was.pending, self.plain);
        let mut sealed = was.queued_bytes as usize - self.plain;
        if self.overflows() {
            // What is not under way would have made room.
            let under_way = || self.pending.iter().map(|id| &self.events[id]).filter(|e| self.under_way(e));
            events = under_way().count() as u64;
            plain = under_way().map(Event::held).sum();
            sealed = plain + 4 * events as usize + 16 * self.flights.len();
        }
        let bytes = plain + sealed.max(limits.max_queue_bytes / 3) + len;
        let full = events >= limits.max_queue_events || bytes > limits.max_queue_bytes;
        hold!(
            Bounds,
            full,
            "{len} bytes were refused: {events} events, {plain} plain, {sealed} sealed bytes"
        );
        Ok(())
    }

    /// The server has taken these events once more.
    pub(crate) fn taken(&mut self, ids: &[u32]) -> Checked {
        for id in ids {
            let event = self.events.get_mut(id).expect("the server takes what was sent");
            event.copies += 1;
            if event.copies > 1 {
                self.duplicates += 1;
                self.tally.saw(Seen::Duplicate);
                hold!(
                    Duplicates,
                    event.lost,
                    "event {id} was taken twice, though no answer was lost: {event:?}"
                );
            }
        }
        Ok(())
    }

    /// What was said about events is what the server knows.
    pub(crate) fn check_truth(&self) -> Checked {
        for (id, event) in &self.events {
            match event.end {
                Some(End::Delivered) => hold!(Truth, event.copies > 0, "event {id} never arrived: {event:?}"),
                Some(End::Unconfirmed) => {}
                _ => hold!(Truth, event.copies == 0 || event.lost, "event {id} did arrive: {event:?}"),
            }
        }
        Ok(())
    }

    /// A new process: pending events are all it knows.
    pub(crate) fn restart(&mut self, maybe_duplicated: u64) {
        self.duplicates_before += maybe_duplicated;
        self.flushes.clear();
        self.flights.clear();
        self.health.fill(Health::default());
        self.held = false;
        self.closed = false;
        let pending = self.pending.len() as u64;
        self.books = Books { accepted: pending, ..Books::default() };
    }
}

impl End {
    pub(crate) fn of(fate: &Fate) -> Self {
        match fate {
            Fate::Delivered => Self::Delivered,
            Fate::Unconfirmed => Self::Unconfirmed,
            Fate::Rejected(cause) => Self::Rejected(cause.code),
            Fate::Expired => Self::Expired,
            Fate::Dropped(DropReason::Overflow) => Self::Overflow,
            Fate::Dropped(DropReason::Exhausted(_)) => Self::Exhausted,
            Fate::Dropped(DropReason::Closed) => Self::Closed,
            _ => Self::Disabled,
        }
    }

    pub(crate) fn is_delivered(self) -> bool {
        matches!(self, Self::Delivered | Self::Unconfirmed)
    }
}
