//! The delivery engine: a state machine without I/O.
//!
//! It never opens a socket, reads a clock, sleeps, spawns or draws a random number. A driver hands it events,
//! answers and the time, and carries out what [`Engine::poll`] returns.
//!
//! ```text
//! record ──encode──► lane: records in segments ──cut──► batch ──seal──► Transmit ──► driver
//!                                                         ▲                            │
//!                                                         │ retry, halves, rest        ▼
//!                                                       settle ◄──────────────────  answer
//!                                                         │
//!                                                         ▼
//!                                                      Outcome
//! ```
//!
//! Records wait in their lane and are cut into a batch only when a request can start, so a batch is as full as it
//! can be and a queue of single events costs a few bytes each.

mod dispatch;
mod endpoint;
mod flush;
mod limits;
mod outcome;
mod planted;
mod queue;
mod retry;
mod settle;
mod snapshot;
mod sorted;
mod waiting;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

pub use dispatch::{Output, SealJob, SealedJob, Step, Transmit, TransmitId};
pub use flush::FlushId;
pub use limits::{Limits, WhenFull};
pub use outcome::{DropReason, Fate, Outcome, Report, Stats, Tag};
use outcome::{MIN_UNTOLD, Untold};
#[doc(hidden)]
pub use planted::Bug;
pub use retry::{Decision, Failure, OnExhausted, RetryPolicy};
pub use snapshot::RestoreError;

use crate::destination::{BatchId, Batching, Destination, Now};
use crate::{Invalid, InvalidKind};
use endpoint::Endpoint;
use planted::Planted;
use queue::{Pool, Queue};
use sorted::{Batches, Few};
use waiting::{Turn, Waiting};

#[cfg(any(
    feature = "inlong",
    feature = "native",
    feature = "js",
    all(feature = "wasm", target_family = "wasm")
))]
pub(crate) use retry::splitmix;

const DISCARDED: Fate = Fate::Dropped(DropReason::Disabled);
const CLOSED: Fate = Fate::Dropped(DropReason::Closed);

/// From so many lanes on, a new one takes the place of one that holds nothing.
const MANY_LANES: usize = 64;

/// What a lane with records takes at least beyond them, bytes, and of its first segment.
const LANE_BYTES: usize = 1_024;

/// The most bytes of a text tag.
const MAX_TAG: usize = 1_024;

/// The delivery state machine for one destination.
pub struct Engine<D: Destination> {
    destination: Arc<D>,
    limits: Limits,
    largest_batch: usize,
    /// The largest event that there was no room for since one was taken.
    missed: usize,
    seed: u64,
    lanes: Vec<Lane<D::Lane>>,
    /// A hash of each lane's key, to find it among many.
    lane_hashes: Vec<u64>,
    /// Where there may be many lanes: none is ready before this time (monotonic, ms), so that they need not be looked at.
    ready_from: u64,
    /// The same for the oldest record that is in no batch: none is too old before this time.
    expired_from: u64,
    /// Records have left lanes since these two were what they say, and not only no more than that.
    bounds_are_loose: bool,
    pool: Pool,
    batches: Batches<D::Sealed>,
    waiting: Waiting<D::Endpoint>,
    flights: Few<TransmitId, Flight<D::Endpoint>>,
    endpoints: Few<D::Endpoint, Endpoint>,
    /// The endpoints that are open, by the one that stands for them.
    routes: Few<D::Endpoint, Vec<D::Endpoint>>,
    untold: Untold,
    flushes: Vec<flush::Flush>,
    stats: Stats,
    live: Live,
    next_batch: u64,
    next_flush: u64,
    held: bool,
    closed: bool,
    /// The largest body to hand out, bytes.
    most: usize,
    scratch: Vec<u8>,
    planted: Planted,
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The event is invalid.
    Invalid(Invalid),
    /// The queue is full: it holds as many bytes or events as it may.
    Full,
    /// The engine was closed.
    Closed,
}

/// What taking an event changed for the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Whether there may be something to do before the time the last [`Output::Wait`] named.
    pub wake: bool,
}

struct Lane<K> {
    key: K,
    batching: Batching,
    queue: Queue,
    /// The first record that is in no batch yet.
    head: u64,
    /// When that was accepted; of no meaning while there is none.
    head_at: i64,
    /// Bytes of the records from `head` on.
    bytes: usize,
    /// Records before this one go out without waiting for the lane's limits.
    flush_to: u64,
}

struct Batch<S> {
    lane: usize,
    ranges: Vec<Range<u64>>,
    count: u64,
    plain: usize,
    /// Bytes of its events' text tags.
    tags: usize,
    sealed: Option<S>,
    sealed_bytes: usize,
    /// When it was first sealed. Sealing it again for this moment gives the same bytes.
    sealed_at: Option<Now>,
    /// When its oldest event was accepted.
    oldest: i64,
    /// Attempts started, those of the batch it was cut from included.
    attempts: u32,
    state: State,
    /// An attempt was lost on the way, so the system may have taken these events.
    maybe_delivered: bool,
    /// The same, and not counted in `maybe_duplicated` yet.
    uncounted_loss: bool,
    /// Its quick retries are used up.
    exhausted: bool,
    /// It was discarded while it was under way: it is not to be sent again.
    discarded: bool,
    /// The system has refused it once without saying whether another attempt can help.
    tried_once: bool,
    /// A connection was lost at this very batch, or at the one it was part of.
    suspect: bool,
    /// How often that happened.
    breaks: u8,
    /// Attempts that it has no part in the failure of.
    excused: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    New,
    Waiting(Turn),
    Sealing(TransmitId),
    InFlight(TransmitId),
}

impl State {
    fn is_in_flight(self, id: TransmitId) -> bool {
        matches!(self, Self::InFlight(at) if at == id)
    }
}

struct Flight<E> {
    endpoint: E,
    epoch: u64,
    /// Whether the quick retries of its batch were used up.
    exhausted: bool,
    /// Until when the driver may still answer, before the engine takes the request for lost; `None` while the
    /// batch is being sealed.
    lease: Option<u64>,
    /// Whether it was counted as a possible duplicate.
    counted_loss: bool,
}

/// What is held now.
#[derive(Default)]
struct Live {
    events: u64,
    plain: usize,
    sealed: usize,
    /// Bytes of text tags.
    tags: usize,
    /// Lanes with records, where there may be many.
    lanes: usize,
}

impl<D: Destination> Engine<D> {
    /// An empty engine. `seed` makes the jitter; give each instance its own.
    pub fn new(destination: impl Into<Arc<D>>, limits: Limits, seed: u64) -> Self {
        let destination = destination.into();
        Self {
            largest_batch: limits.largest_batch(|bytes| destination.sealed_bound(bytes, 1)),
            destination,
            missed: 0,
            pool: Pool::new(limits.segment_bytes, if D::ROUTED { LANE_BYTES } else { usize::MAX }),
            limits,
            seed,
            lanes: Vec::new(),
            lane_hashes: Vec::new(),
            ready_from: 0,
            expired_from: 0,
            bounds_are_loose: true,
            batches: Batches::default(),
            waiting: Waiting::new(),
            flights: Few::default(),
            endpoints: Few::default(),
            routes: Few::default(),
            untold: Untold::default(),
            flushes: Vec::new(),
            stats: Stats::default(),
            live: Live::default(),
            next_batch: 1,
            next_flush: 1,
            held: false,
            closed: false,
            most: usize::MAX,
            scratch: Vec::new(),
            planted: Planted::default(),
        }
    }

    /// The system this engine delivers to.
    pub fn destination(&self) -> &Arc<D> {
        &self.destination
    }

    /// The bounds this engine keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Validates, encodes and queues an event. `tag` comes back with its outcome.
    pub fn record(
        &mut self,
        record: &D::Record<'_>,
        tag: Option<Tag>,
        now: Now,
    ) -> Result<Recorded, RecordError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let destination = &self.destination;
        let encoded = destination
            .route(record)
            .and_then(|lane| destination.encode(record, now, &mut bytes).map(|()| lane));
        let recorded = match encoded {
            Ok(lane) => self.push(&lane, &bytes, tag, now),
            Err(invalid) => Err(self.refuse(RecordError::Invalid(invalid))),
        };
        self.scratch = bytes;
        recorded
    }

    /// Queues an event that was encoded elsewhere (see [`Destination::encode`]), so that encoding needs no lock.
    pub fn push(
        &mut self,
        lane: &D::Lane,
        record: &[u8],
        tag: Option<Tag>,
        now: Now,
    ) -> Result<Recorded, RecordError> {
        if self.closed {
            return Err(self.refuse(RecordError::Closed));
        }
        let largest = self.largest_event();
        if record.len() > largest || record.is_empty() {
            let hint = "encoded it is above `max_event_bytes`, or too large for a queue of `max_queue_bytes`";
            let invalid = Invalid::new("event", InvalidKind::TooLarge, hint);
            return Err(self.refuse(RecordError::Invalid(invalid)));
        }
        let tag_bytes = tag.as_ref().map_or(0, Tag::bytes);
        if tag_bytes > MAX_TAG {
            let invalid = Invalid::new("tag", InvalidKind::TooLarge, "a text tag has at most 1,024 bytes");
            return Err(self.refuse(RecordError::Invalid(invalid)));
        }
        if !self.make_room(record.len(), tag_bytes) {
            self.missed = self.missed.max(record.len());
            return Err(self.refuse(RecordError::Full));
        }
        self.missed = 0;
        let index = self.lane(lane);
        let at = now.mono.min(i64::MAX as u64) as i64;
        let lane = &mut self.lanes[index];
        let first = lane.head == lane.queue.end();
        if D::ROUTED && lane.queue.is_empty() {
            self.live.lanes += 1;
        }
        let was_ready = lane.is_full();
        lane.queue.push(&mut self.pool, record, at, tag);
        if first {
            lane.head_at = at;
        }
        lane.bytes += record.len();
        self.live.events += 1;
        self.live.plain += record.len();
        self.live.tags += tag_bytes;
        self.stats.accepted += 1;
        // A lane that was full already waits for something else than one more event.
        let became_ready = !was_ready && lane.is_full();
        let triggers_flush = lane.batching.triggers_flush;
        if D::MANY_LANES && (first || became_ready) {
            let ready = lane.ready_at(self.planted);
            self.ready_from = ready.map_or(self.ready_from, |at| at.min(self.ready_from));
            self.expired_from = self.expired_from.min(now.mono.saturating_add(self.limits.max_age));
        }
        if triggers_flush {
            self.flush_lanes();
        }
        // What was dropped to make room has an outcome.
        Ok(Recorded { wake: first || became_ready || triggers_flush || self.untold.len() > 0 })
    }

    /// Whether an event of `bytes` would be taken now.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.has_room_with(bytes, 0)
    }

    fn has_room_with(&self, bytes: usize, tag: usize) -> bool {
        self.is_heard()
            && (self.fits(bytes, tag) || (D::DROPS_OLDEST && self.fits_after_eviction(bytes, tag)))
    }

    /// Whether any event that is within the limits would be taken now, with its tag.
    pub fn has_room_for_any(&self) -> bool {
        let largest = self.largest_event();
        let enough = largest.min(self.limits.max_plain_bytes / 4).max(self.missed);
        self.has_room_with(if D::ROUTED { enough } else { largest }, MAX_TAG)
    }

    fn largest_event(&self) -> usize {
        let largest = self.limits.max_event_bytes.min(self.largest_batch);
        if D::ROUTED { largest.min(self.limits.max_plain_bytes) } else { largest }
    }

    /// Counts an event that did not reach the queue, so that the books name it.
    pub fn count_unrecorded(&mut self, why: Unrecorded) {
        match why {
            Unrecorded::Invalid => self.stats.invalid += 1,
            Unrecorded::Filtered => self.stats.filtered += 1,
            Unrecorded::SampledOut => self.stats.sampled_out += 1,
            Unrecorded::Ignored => self.stats.ignored += 1,
        }
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        Stats {
            pending: self.live.events,
            queued_bytes: (self.live.plain + self.live.sealed + self.live.tags) as u64,
            ..self.stats
        }
    }

    /// Holds back everything that is not under way (offline, or before consent), or lets it go again.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Says which endpoints `home` stands for now; see [`Destination::ROUTED`]. What is under way to one that is not
    /// among them any more goes on until it is answered.
    pub fn open(&mut self, home: &D::Endpoint, endpoints: Vec<D::Endpoint>) {
        *self.routes.get_or_default(home) = endpoints;
        // One that comes back is another: it has shown that it is well.
        let is_open = |endpoint: &D::Endpoint| self.routes.iter().any(|(_, open)| open.contains(endpoint));
        self.endpoints.retain(|endpoint, state| state.in_flight > 0 || is_open(endpoint));
    }

    /// Asks the destination anew when batches close, for those that are cut from now on.
    pub fn rebatch(&mut self) {
        for lane in 0..self.lanes.len() {
            self.lanes[lane].batching = self.batching(&self.lanes[lane].key);
        }
        self.ready_from = 0;
    }

    /// Drops everything that has not been sent, and what waits to be sent again. What is under way cannot be called
    /// back: an answer settles it, and without one it is dropped too, never sent again.
    pub fn discard(&mut self) {
        self.waiting.clear();
        for id in self.batches.ids() {
            match self.batches.get_mut(id) {
                Some(batch) if matches!(batch.state, State::InFlight(_)) => {
                    batch.discarded = !self.planted.has(Bug::DiscardForgetsInFlight);
                }
                _ => self.end_batch(id, &DISCARDED),
            }
        }
        self.end_lanes(&DISCARDED);
    }

    /// Takes no more events and lets everything go out, unless it is [held](Self::hold). When the caller's patience
    /// is over, [`abandon`](Self::abandon) ends what is left.
    pub fn close(&mut self) {
        self.closed = true;
        self.flush_lanes();
    }

    /// Ends what was discarded while it was under way, without waiting for answers.
    pub fn end_discarded(&mut self) {
        for id in self.batches.ids() {
            if self.batches[id].discarded {
                self.give_up(id, &DISCARDED);
            }
        }
    }

    /// Ends every pending event as dropped (closed), those under way included.
    pub fn abandon(&mut self) {
        self.closed = true;
        self.waiting.clear();
        self.end_lanes(&CLOSED);
        for id in self.batches.ids() {
            self.give_up(id, &CLOSED);
        }
    }

    fn end_lanes(&mut self, fate: &Fate) {
        for lane in 0..self.lanes.len() {
            let range = self.lanes[lane].head..self.lanes[lane].queue.end();
            self.end_unbatched(lane, range, fate);
        }
    }

    fn give_up(&mut self, id: BatchId, fate: &Fate) {
        if let Some(batch) = self.batches.get_mut(id) {
            batch.maybe_delivered |= matches!(batch.state, State::InFlight(_));
        }
        self.end_batch(id, fate);
    }

    /// Whether nothing is pending.
    pub fn is_idle(&self) -> bool {
        self.live.events == 0
    }

    /// Whether the engine was closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Switches a bug on.
    #[cfg(feature = "__planted-bugs")]
    #[doc(hidden)]
    pub fn plant(&mut self, bug: Bug) {
        self.planted.bug = Some(bug);
    }

    /// Refuses an event that could not be encoded elsewhere, as [`record`](Self::record) would have; in an engine that
    /// takes nothing any more, for that.
    #[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
    pub(crate) fn refuse_invalid(&mut self, invalid: Invalid) -> RecordError {
        let error = if self.closed { RecordError::Closed } else { RecordError::Invalid(invalid) };
        self.refuse(error)
    }

    fn refuse(&mut self, error: RecordError) -> RecordError {
        match error {
            RecordError::Invalid(_) => self.stats.invalid += 1,
            RecordError::Full => self.stats.refused_full += 1,
            RecordError::Closed => self.stats.ignored += 1,
        }
        error
    }

    fn make_room(&mut self, bytes: usize, tag: usize) -> bool {
        if !self.is_heard() {
            return false;
        }
        if self.fits(bytes, tag) {
            return true;
        }
        if D::DROPS_OLDEST && self.fits_after_eviction(bytes, tag) {
            while !self.fits(bytes, tag) && self.evict() {}
        }
        self.fits(bytes, tag)
    }

    /// Whether outcomes are fetched. Those that wait may take as much as the queue.
    fn is_heard(&self) -> bool {
        self.untold.bytes() <= self.limits.max_queue_bytes.max(MIN_UNTOLD)
    }

    fn fits(&self, bytes: usize, tag: usize) -> bool {
        self.fits_beside(&self.live, bytes, tag)
    }

    /// Whether dropping everything that is not under way would make room. If not, nothing is dropped in vain.
    fn fits_after_eviction(&self, bytes: usize, tag: usize) -> bool {
        if self.limits.when_full != WhenFull::DropOldest {
            return false;
        }
        let mut under_way = Live::default();
        for (&id, _) in self.flights.iter() {
            if let Some(batch) = self.batches.get(id.batch)
                && matches!(batch.state, State::Sealing(at) | State::InFlight(at) if at == id)
            {
                under_way.events += batch.count;
                under_way.plain += batch.plain;
                under_way.sealed += batch.sealed_bytes;
                under_way.tags += batch.tags;
            }
        }
        self.fits_beside(&under_way, bytes, tag)
    }

    /// Room for sealed copies is kept free: as much as they take now, and never less than one batch.
    fn fits_beside(&self, live: &Live, bytes: usize, tag: usize) -> bool {
        let sealed = if self.planted.has(Bug::SealedUncounted) { 0 } else { live.sealed };
        let reserve = sealed.max(self.limits.sealed_reserve());
        (!D::ROUTED || live.plain.saturating_add(bytes) <= self.limits.max_plain_bytes)
            && live.events < self.limits.max_queue_events
            && live.plain + live.tags + live.lanes * LANE_BYTES + reserve + bytes + tag
                <= self.limits.max_queue_bytes
    }

    /// Drops the oldest event that is not under way; with the whole of its batch, if it is in one.
    fn evict(&mut self) -> bool {
        let fate = Fate::Dropped(DropReason::Overflow);
        let mut open = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            if lane.has_records() && open.is_none_or(|(oldest, _)| lane.head_at < oldest) {
                open = Some((lane.head_at, index));
            }
        }
        let outcomes = self.untold.len();
        match (open, self.waiting.oldest()) {
            (Some((at, lane)), waiting) if waiting.is_none_or(|(oldest, _)| at < oldest) => {
                let head = self.lanes[lane].head;
                self.end_unbatched(lane, head..head + 1, &fate);
            }
            (_, Some((_, id))) => {
                self.stop_waiting(id);
                self.end_batch(id, &fate);
            }
            _ => return false,
        }
        if self.planted.has(Bug::EvictionSilent) {
            self.stats.dropped -= self.untold.forget(outcomes);
        }
        true
    }

    fn lane(&mut self, key: &D::Lane) -> usize {
        if let Some(index) = self.known_lane(key) {
            return index;
        }
        let batching = self.batching(key);
        if D::MANY_LANES
            && self.lanes.len() >= MANY_LANES
            && let Some(index) = self.lanes.iter().position(|lane| lane.queue.is_empty())
        {
            // Its numbers go on, so that a flush that waits for some of the old ones has seen them end.
            self.lanes[index].key = key.clone();
            self.lanes[index].batching = batching;
            self.lane_hashes[index] = fnv_of(key);
            return index;
        }
        let index = self.lanes.len();
        self.lanes.push(Lane {
            key: key.clone(),
            batching,
            queue: Queue::default(),
            head: 0,
            head_at: 0,
            bytes: 0,
            flush_to: 0,
        });
        if D::MANY_LANES {
            self.lane_hashes.push(fnv_of(key));
        }
        index
    }

    /// When a lane's batches close, within what there is room for.
    fn batching(&self, key: &D::Lane) -> Batching {
        let mut batching = self.destination.batching(key);
        batching.max_events = batching.max_events.max(1);
        if batching.flush_events == 0 {
            batching.flush_events = batching.max_events;
        }
        batching.max_bytes = batching.max_bytes.clamp(1, self.largest_batch);
        // Whatever is cut must have room to be sealed.
        let reserve = self.limits.sealed_reserve();
        let mut most = batching.max_events.max(batching.flush_events);
        while most > 1 && self.destination.sealed_bound(batching.max_bytes, most) > reserve {
            most = most.div_ceil(2).min(reserve.max(1));
        }
        batching.max_events = batching.max_events.min(most);
        batching.flush_events = batching.flush_events.min(most);
        batching
    }

    fn known_lane(&self, key: &D::Lane) -> Option<usize> {
        // Comparing a few keys is quicker than hashing one.
        const FEW: usize = 8;
        if !D::MANY_LANES || self.lanes.len() <= FEW {
            return self.lanes.iter().position(|lane| lane.key == *key);
        }
        let hash = fnv_of(key);
        let mut hashes = self.lane_hashes.iter().enumerate();
        hashes.find(|&(lane, &other)| other == hash && self.lanes[lane].key == *key).map(|(lane, _)| lane)
    }

    /// Looks at all lanes for when there is something to do.
    fn tighten_bounds(&mut self) {
        (self.ready_from, self.expired_from, self.bounds_are_loose) = (u64::MAX, u64::MAX, false);
        for lane in self.lanes.iter().filter(|lane| lane.has_records()) {
            self.ready_from = self.ready_from.min(lane.ready_at(self.planted).unwrap_or(u64::MAX));
            self.expired_from = self.expired_from.min(self.expiry(lane.head_at));
        }
    }

    fn flush_lanes(&mut self) {
        self.ready_from = 0;
        for lane in &mut self.lanes {
            lane.flush_to = lane.queue.end();
        }
    }
}

/// Why an event did not reach the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unrecorded {
    /// It was invalid.
    Invalid,
    /// A hook dropped it.
    Filtered,
    /// Sampling left it out.
    SampledOut,
    /// The tracker was disabled.
    Ignored,
}

impl<K> Lane<K> {
    fn has_records(&self) -> bool {
        self.head < self.queue.end()
    }

    /// Whether the records that are in no batch fill one.
    fn is_full(&self) -> bool {
        self.queue.end() - self.head >= self.batching.max_events as u64
            || self.bytes >= self.batching.max_bytes
    }

    /// Goes on with this record as the first that is in no batch.
    fn advance(&mut self, head: u64) {
        self.head = head;
        if self.has_records() {
            self.head_at = self.queue.accepted_at(head);
        }
    }

    /// When the newest record of a batch was accepted.
    fn newest<S>(&self, batch: &Batch<S>) -> i64 {
        batch.ranges.last().map_or(i64::MAX, |range| self.queue.accepted_at(range.end - 1))
    }

    /// When the lane's records may go out, as far as the lane itself is concerned; `None`: not by time alone.
    fn ready_at(&self, planted: Planted) -> Option<u64> {
        if !self.has_records() {
            return None;
        }
        if self.head < self.flush_to || self.is_full() {
            return Some(0);
        }
        let from = match planted.has(Bug::IdleInsteadOfAge) {
            false => self.head_at,
            true => self.queue.accepted_at(self.queue.end() - 1),
        };
        self.batching.max_wait.map(|wait| from.saturating_add_unsigned(wait).max(0) as u64)
    }
}

/// FNV-1a, which is small.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 =
            bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn fnv_of(key: &impl Hash) -> u64 {
    let mut fnv = Fnv::default();
    key.hash(&mut fnv);
    fnv.finish()
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Full => f.write_str(
                "the queue is full: wait until there is room, raise `max_queue_bytes` or `max_queue_events`, or \
                 drop the oldest instead",
            ),
            Self::Closed => f.write_str("the tracker was closed: record events before closing it"),
        }
    }
}

impl std::error::Error for RecordError {}

impl<D: Destination> fmt::Debug for Engine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("stats", &self.stats())
            .field("lanes", &self.lanes.len())
            .field("batches", &self.batches.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
