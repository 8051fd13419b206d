//! What to do next: which batch leaves, when, and until when there is nothing to do.

use std::ops::Range;

use super::endpoint::Endpoint;
use super::planted::Bug;
use super::settle::age;
use super::sorted::Row;
use super::{Batch, DISCARDED, Engine, Fate, Flight, Lane, Live, Outcome, State};
use crate::destination::{BatchId, Chunk, Destination, Now, Records};

/// How long after a request's deadline its answer is still waited for, ms: the driver's own timer comes first.
const LEASE_GRACE: u64 = 500;

/// How many batches with their quick retries used up are looked at for one that there is memory to seal.
const LOOKED_AT: usize = 16;

/// What the driver is to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output<R> {
    /// Send this and bring the answer to [`Engine::answer`].
    Transmit(Transmit<R>),
    /// Something has ended. Hand it to the application after the loop, when no lock is held.
    Outcome(Outcome),
    /// Nothing to do before this time (monotonic, ms), or before new input when there is none.
    Wait(Option<u64>),
}

/// [`Output`], with sealing left to the caller.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<D: Destination> {
    /// Seal this, without any lock, and bring it to [`Engine::sealed`].
    Seal(SealJob<D>),
    /// As in [`Output::Transmit`].
    Transmit(Transmit<D::Request>),
    /// As in [`Output::Outcome`].
    Outcome(Outcome),
    /// As in [`Output::Wait`].
    Wait(Option<u64>),
}

/// One attempt to send a batch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transmit<R> {
    /// Names the attempt in [`Engine::answer`].
    pub id: TransmitId,
    /// What to send.
    pub request: R,
    /// When to give up waiting for the answer (monotonic, ms).
    pub deadline: u64,
    /// Whether nothing else is to be under way on its connection, and that has to be known to be sound: one was lost
    /// at this very batch.
    pub alone: bool,
}

/// A batch and which attempt at sending it this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct TransmitId {
    /// The batch.
    pub batch: BatchId,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// A batch to be sealed: a copy of its plain records.
#[derive(Debug)]
pub struct SealJob<D: Destination> {
    id: TransmitId,
    lane: D::Lane,
    data: Vec<u8>,
    ends: Vec<u32>,
    now: Now,
}

/// A sealed batch on its way back to the engine.
#[derive(Debug)]
pub struct SealedJob<D: Destination> {
    id: TransmitId,
    sealed: D::Sealed,
    /// The buffer of the plain copy, for the next job.
    pub buffer: Vec<u8>,
}

impl TransmitId {
    /// The id of this attempt, for drivers that keep it as numbers.
    pub fn new(batch: BatchId, attempt: u32) -> Self {
        Self { batch, attempt }
    }
}

impl<D: Destination> SealJob<D> {
    /// The attempt this is for.
    pub fn id(&self) -> TransmitId {
        self.id
    }

    /// Seals the batch.
    pub fn seal(self, destination: &D) -> SealedJob<D> {
        let chunks = [Chunk { data: &self.data, start: 0, ends: &self.ends }];
        let records = Records { chunks: &chunks, len: self.ends.len(), bytes: self.data.len() };
        let sealed = destination.seal(&self.lane, records, self.id.batch, self.now);
        SealedJob { id: self.id, sealed, buffer: self.data }
    }
}

impl<D: Destination> SealedJob<D> {
    /// The attempt this is for.
    pub fn id(&self) -> TransmitId {
        self.id
    }
}

impl<D: Destination> Engine<D> {
    /// What to do now. Call it after every input until it returns [`Output::Wait`].
    pub fn poll(&mut self, now: Now) -> Output<D::Request> {
        if let Some(outcome) = self.settle_by_time(now) {
            return Output::Outcome(outcome);
        }
        match self.choose(now.mono) {
            Some(id) => {
                self.seal_in_place(id, now);
                Output::Transmit(self.start(id, now))
            }
            None => Output::Wait(self.next_wake(now.mono)),
        }
    }

    /// As [`poll`](Self::poll), but hands out no request with a body of more than `most` bytes: what is larger waits,
    /// and batches are cut smaller, and twice as many requests may be under way. For a page's last moments.
    pub fn poll_within(&mut self, now: Now, most: usize) -> Output<D::Request> {
        self.most = most;
        let output = self.poll(now);
        self.most = usize::MAX;
        output
    }

    /// As [`poll`](Self::poll), but hands out the sealing, which is the expensive part, so that a driver can do it
    /// without holding the lock on the engine. `buffer` is reused for the copy of the plain records.
    pub fn step(&mut self, now: Now, buffer: &mut Vec<u8>) -> Step<D> {
        if let Some(outcome) = self.settle_by_time(now) {
            return Step::Outcome(outcome);
        }
        let Some(id) = self.choose(now.mono) else { return Step::Wait(self.next_wake(now.mono)) };
        if self.batches.get(id).is_some_and(|batch| batch.sealed.is_some()) {
            return Step::Transmit(self.start(id, now));
        }
        let id = self.take_off(id, now.mono);
        let now = self.seal_time(id.batch, now);
        let batch = &self.batches[id.batch];
        let lane = &self.lanes[batch.lane];
        let mut data = std::mem::take(buffer);
        data.clear();
        let mut ends = Vec::with_capacity(batch.count as usize);
        for chunk in lane.queue.chunks(&batch.ranges) {
            let shift = data.len() as u32;
            let end = chunk.ends.last().copied().unwrap_or(chunk.start);
            data.extend_from_slice(&chunk.data[chunk.start as usize..end as usize]);
            ends.extend(chunk.ends.iter().map(|&end| end - chunk.start + shift));
        }
        Step::Seal(SealJob { id, lane: lane.key.clone(), data, ends, now })
    }

    /// Takes back a sealed batch. `None` when there is nothing to send now: the batch has ended in between, or its
    /// endpoint has failed or asked to wait.
    pub fn sealed(&mut self, job: SealedJob<D>, now: Now) -> Option<Transmit<D::Request>> {
        let sealing = |state| matches!(state, State::Sealing(id) if id == job.id);
        if self.batches.get(job.id.batch).is_none_or(|batch| !sealing(batch.state)) {
            self.land(job.id);
            return None;
        }
        self.set_sealed(job.id.batch, job.sealed);
        let flight = self.flights.get(&job.id)?;
        let state = self.endpoints.get(&flight.endpoint);
        if self.held
            || state.is_some_and(|state| !state.still_ready(flight.epoch, now.mono))
            || !self.is_open(job.id.batch, &flight.endpoint)
        {
            self.land(job.id);
            if let Some(batch) = self.batches.get_mut(job.id.batch) {
                batch.attempts -= 1;
            }
            self.wait(job.id.batch, now.mono);
            return None;
        }
        Some(self.transmit(job.id, now))
    }

    /// Takes back a request that never left, such as one that the platform refused to start: it was no attempt.
    pub fn unsend(&mut self, id: TransmitId, now: Now) {
        if self.batches.get(id.batch).is_none_or(|batch| !batch.state.is_in_flight(id)) {
            return;
        }
        let counted_loss = self.flights.get(&id).is_some_and(|flight| flight.counted_loss);
        self.land(id);
        let Some(batch) = self.batches.get_mut(id.batch) else { return };
        batch.attempts -= 1;
        self.stats.requests -= 1;
        self.stats.retries -= u64::from(id.attempt > 1);
        self.stats.plain_bytes -= batch.plain as u64;
        self.stats.sent_bytes -= batch.sealed_bytes as u64;
        if counted_loss {
            self.stats.maybe_duplicated -= batch.count;
            batch.uncounted_loss = true;
        }
        match batch.discarded {
            true => self.end_batch(id.batch, &DISCARDED),
            false => self.wait(id.batch, now.mono),
        }
    }

    /// Gives a request that is under way until `deadline` (monotonic, ms): a page that was frozen could not hear its
    /// answer.
    pub fn extend(&mut self, id: TransmitId, deadline: u64) {
        if let Some(flight) = self.flights.get_mut(&id)
            && let Some(lease) = &mut flight.lease
        {
            *lease = deadline.saturating_add(LEASE_GRACE);
        }
    }

    /// Takes requests for lost whose lease has run out and ends what is too old; then hands out an outcome.
    fn settle_by_time(&mut self, now: Now) -> Option<Outcome> {
        self.end_leases(now);
        self.expire(now.mono);
        self.untold.pop()
    }

    /// The batch that may leave now, cut from its lane if need be. It stands in no line any more.
    fn choose(&mut self, now: u64) -> Option<BatchId> {
        if self.held {
            return None;
        }
        let id = match self.choose_waiting(now) {
            Some(id) => {
                self.stop_waiting(id);
                id
            }
            None => {
                let lane = self.choose_lane(now)?;
                self.cut(lane)
            }
        };
        Some(id)
    }

    /// The first in line with quick retries left, else one without.
    fn choose_waiting(&self, now: u64) -> Option<BatchId> {
        let (mut quick, mut exhausted) = (None, None);
        for (endpoint, line) in self.waiting.lines() {
            let Some(via) = self.via(endpoint, now, true) else { continue };
            let state = self.endpoints.get(via);
            if state.is_some_and(|state| !self.is_ready(state, now)) {
                continue;
            }
            if let Some(first) = self.first_due(line.quick(), 1, now) {
                quick = earlier(quick, first);
            } else if !(state.is_some_and(Endpoint::prefers_fresh) && self.has_fresh(endpoint, now)) {
                let line = line.exhausted();
                if let Some(first) = self.first_due(&line[..line.len().min(LOOKED_AT)], 0, now) {
                    exhausted = earlier(exhausted, first);
                }
            }
        }
        quick.or(exhausted).map(|[.., id]| BatchId(id))
    }

    /// The first of these that may leave now; `column` is where a row says not before when.
    fn first_due<'a>(&self, rows: &'a [Row], column: usize, now: u64) -> Option<&'a Row> {
        rows.iter().find(|row| row[column] <= now && self.may_be_sealed(BatchId(row[2])))
    }

    fn is_ready(&self, state: &Endpoint, now: u64) -> bool {
        let storm = self.planted.has(Bug::RetryStorm) && state.in_flight < self.max_in_flight();
        storm || state.ready(now, self.max_in_flight())
    }

    /// The lane whose first record is the oldest of those that may leave.
    fn choose_lane(&self, now: u64) -> Option<usize> {
        if D::MANY_LANES && now < self.ready_from {
            return None;
        }
        let next = BatchId(self.next_batch);
        let mut first = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            if self.lane_wake(lane, next, now).is_some_and(|at| at <= now)
                && first.is_none_or(|(oldest, _)| lane.head_at < oldest)
            {
                first = Some((lane.head_at, index));
            }
        }
        first.map(|(_, index)| index)
    }

    /// Whether a lane's next batch may leave for this endpoint.
    fn has_fresh(&self, endpoint: &D::Endpoint, now: u64) -> bool {
        let next = BatchId(self.next_batch);
        self.lanes.iter().any(|lane| {
            self.lane_wake(lane, next, now).is_some_and(|at| at <= now)
                && self.destination.endpoint(&lane.key, next, 1) == *endpoint
        })
    }

    /// From when on a lane's next batch may leave, if only time stands in its way.
    fn lane_wake(&self, lane: &Lane<D::Lane>, next: BatchId, now: u64) -> Option<u64> {
        let ready = lane.ready_at(self.planted)?;
        if !self.lane_may_be_sealed(lane) {
            return None;
        }
        let endpoint = self.destination.endpoint(&lane.key, next, 1);
        let Some(state) = self.endpoints.get(self.via(&endpoint, now, false)?) else { return Some(ready) };
        let from = state.wake(self.max_in_flight())?.max(ready);
        (state.failures == 0 || !self.has_quick_retry(&endpoint, from)).then_some(from)
    }

    /// Whether there is room for a sealed copy of the lane's next batch.
    fn lane_may_be_sealed(&self, lane: &Lane<D::Lane>) -> bool {
        let bound = |bytes, events| self.destination.sealed_bound(lane.bytes.min(bytes), events);
        if self.most < usize::MAX
            && self.destination.sealed_bound(lane.queue.record(lane.head).len(), 1) > self.most
        {
            return false;
        }
        let events = lane.most_events().min((lane.queue.end() - lane.head) as usize);
        // Several events within the lane's bound, or one large event.
        self.has_seal_room(bound(lane.batching.max_bytes, events).max(bound(self.largest_event(), 1)))
    }

    fn may_be_sealed(&self, id: BatchId) -> bool {
        let batch = &self.batches[id];
        if batch.sealed.is_some() {
            return batch.sealed_bytes <= self.most;
        }
        let bound = self.destination.sealed_bound(batch.plain, batch.count as usize);
        bound <= self.most && self.has_seal_room(bound)
    }

    /// Whether the memory limit leaves room for a sealed copy. One always fits.
    fn has_seal_room(&self, bound: usize) -> bool {
        let Live { plain, tags, sealed, .. } = self.live;
        sealed == 0
            || plain + tags + sealed + bound <= self.limits.max_queue_bytes
            || self.planted.has(Bug::SealedUncounted)
    }

    /// Whether a batch with quick retries left may go to this endpoint by then: that one is to be the probe.
    fn has_quick_retry(&self, endpoint: &D::Endpoint, by: u64) -> bool {
        self.waiting
            .line(endpoint)
            .is_some_and(|line| line.quick().iter().any(|&[_, not_before, _]| not_before <= by))
    }

    fn cut(&mut self, lane: usize) -> BatchId {
        let source = &mut self.lanes[lane];
        let waiting = (source.queue.end() - source.head) as usize;
        let (events, mut bytes) = (source.most_events().min(waiting), source.batching.max_bytes);
        while bytes > 1 && self.destination.sealed_bound(bytes, events) > self.most {
            bytes -= bytes.div_ceil(16);
        }
        let (count, plain) = source.queue.measure(source.head, events, bytes);
        let range = source.head..source.head + count;
        source.advance(range.end);
        self.bounds_are_loose = true;
        source.bytes -= plain;
        self.new_batch(lane, vec![range], plain)
    }

    /// Makes a batch of these records of a lane. They must be in no other batch.
    pub(super) fn new_batch(&mut self, lane: usize, ranges: Vec<Range<u64>>, plain: usize) -> BatchId {
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        let batch = Batch {
            lane,
            count: ranges.iter().map(|range| range.end - range.start).sum(),
            oldest: ranges.first().map_or(0, |first| self.lanes[lane].queue.accepted_at(first.start)),
            tags: if self.live.tags > 0 { self.lanes[lane].queue.tag_bytes(&ranges) } else { 0 },
            ranges,
            plain,
            sealed: None,
            sealed_bytes: 0,
            sealed_at: None,
            attempts: 0,
            state: State::New,
            maybe_delivered: false,
            uncounted_loss: false,
            exhausted: false,
            discarded: false,
            tried_once: false,
            suspect: false,
            breaks: 0,
            excused: 0,
        };
        self.batches.insert(id, Box::new(batch));
        id
    }

    /// The moment that a batch is sealed for: the same each time.
    fn seal_time(&mut self, id: BatchId, now: Now) -> Now {
        match self.batches.get_mut(id) {
            Some(batch) if batch.sealed_at.is_none() => {
                self.stats.batches += 1;
                *batch.sealed_at.insert(now)
            }
            Some(batch) if !self.planted.has(Bug::ResealedOnRetry) => batch.sealed_at.unwrap_or(now),
            _ => now,
        }
    }

    fn seal_in_place(&mut self, id: BatchId, now: Now) {
        let now = self.seal_time(id, now);
        let Some(batch) = self.batches.get(id) else { return };
        if batch.sealed.is_some() && !self.planted.has(Bug::ResealedOnRetry) {
            return;
        }
        let sealed = self.seal(id, batch, now);
        self.set_sealed(id, sealed);
    }

    pub(super) fn seal(&self, id: BatchId, batch: &Batch<D::Sealed>, now: Now) -> D::Sealed {
        let lane = &self.lanes[batch.lane];
        let chunks = lane.queue.chunks(&batch.ranges);
        let records = Records { chunks: &chunks, len: batch.count as usize, bytes: batch.plain };
        self.destination.seal(&lane.key, records, id, now)
    }

    pub(super) fn set_sealed(&mut self, id: BatchId, sealed: D::Sealed) {
        let bytes = self.destination.sealed_bytes(&sealed);
        if let Some(batch) = self.batches.get_mut(id) {
            self.live.sealed -= batch.sealed_bytes;
            batch.sealed_bytes = bytes;
            batch.sealed = Some(sealed);
            self.live.sealed += bytes;
        }
    }

    fn start(&mut self, id: BatchId, now: Now) -> Transmit<D::Request> {
        let id = self.take_off(id, now.mono);
        self.transmit(id, now)
    }

    /// Begins an attempt: takes a place at the endpoint.
    fn take_off(&mut self, id: BatchId, now: u64) -> TransmitId {
        let exhausted = self.batches[id].exhausted;
        let mut endpoint = self.endpoint_of(id, &self.batches[id]);
        if D::ROUTED
            && let Some(via) = self.via(&endpoint, now, self.batches[id].attempts > 0)
        {
            endpoint = via.clone();
        }
        let epoch = self.endpoints.get_or_default(&endpoint).started(exhausted);
        let mut attempt = 1;
        let mut reserve = 0;
        if let Some(batch) = self.batches.get_mut(id) {
            batch.attempts = batch.attempts.saturating_add(1);
            attempt = batch.attempts;
            batch.state = State::Sealing(TransmitId { batch: id, attempt });
            if batch.sealed.is_none() {
                reserve = self.destination.sealed_bound(batch.plain, batch.count as usize);
                batch.sealed_bytes = reserve;
            }
        }
        self.live.sealed += reserve;
        let id = TransmitId { batch: id, attempt };
        self.flights.insert(id, Flight { endpoint, epoch, exhausted, lease: None, counted_loss: false });
        id
    }

    fn transmit(&mut self, id: TransmitId, now: Now) -> Transmit<D::Request> {
        let batch = self.batches.get_mut(id.batch).expect("a batch that is sent");
        batch.state = State::InFlight(id);
        self.stats.requests += 1;
        self.stats.retries += u64::from(id.attempt > 1);
        self.stats.plain_bytes += batch.plain as u64;
        self.stats.sent_bytes += batch.sealed_bytes as u64;
        let counted_loss =
            std::mem::take(&mut batch.uncounted_loss) && !self.planted.has(Bug::DuplicateUncounted);
        if counted_loss {
            self.stats.maybe_duplicated += batch.count;
        }
        let sealed = batch.sealed.as_ref().expect("a batch that is sealed");
        let alone = batch.suspect;
        let deadline = now.mono.saturating_add(self.limits.request_timeout);
        let flight = self.flights.get_mut(&id).expect("it has taken off");
        let request = self.destination.request(sealed, &flight.endpoint, id.attempt, now);
        // What it learns is about the endpoint as it is now, not as it was before the sealing.
        flight.epoch = self.endpoints.get(&flight.endpoint).map_or(flight.epoch, |state| state.epoch);
        flight.lease = Some(deadline.saturating_add(LEASE_GRACE));
        flight.counted_loss = counted_loss;
        Transmit { id, request, deadline, alone }
    }

    /// Ends unbatched records and waiting batches that are too old.
    fn expire(&mut self, now: u64) {
        let max_age = self.limits.max_age;
        let too_old = |at: i64| age(now, at) >= max_age;
        let lanes = if D::MANY_LANES && now < self.expired_from { 0 } else { self.lanes.len() };
        for lane in 0..lanes {
            let mut end = self.lanes[lane].head;
            while end < self.lanes[lane].queue.end() && too_old(self.lanes[lane].queue.accepted_at(end)) {
                end += 1;
            }
            let range = self.lanes[lane].head..end;
            self.end_unbatched(lane, range, &Fate::Expired);
        }
        if self.planted.has(Bug::WaitingNeverExpires) {
            return;
        }
        while let Some((oldest, id)) = self.waiting.oldest()
            && too_old(oldest)
        {
            let turn = self.stop_waiting(id);
            if let (Some(rest), Some(turn)) = (self.expire_part(id, too_old), turn) {
                self.stand_in_line(rest, turn);
            }
        }
    }

    fn next_wake(&mut self, now: u64) -> Option<u64> {
        if D::MANY_LANES && (self.bounds_are_loose || self.ready_from <= now || self.expired_from <= now) {
            self.tighten_bounds();
        }
        let mut wake = u64::MAX;
        let mut consider = |at: u64| wake = wake.min(at);
        let from = |endpoint: &D::Endpoint| {
            let state = self.endpoints.get(self.via(endpoint, now, true)?);
            state.map_or(Some(0), |state| state.wake(self.max_in_flight()))
        };
        // Lanes that wait for nothing but themselves.
        let free = |(_, state): (&D::Endpoint, &Endpoint)| {
            state.failures == 0 && state.wake(self.max_in_flight()).is_some_and(|at| at <= self.ready_from)
        };
        let is_early = D::MANY_LANES
            && now < self.ready_from
            && now < self.expired_from
            && self.most == usize::MAX
            && self.has_seal_room(self.limits.sealed_reserve())
            && self.endpoints.iter().all(free);
        if is_early {
            consider(self.expired_from);
            consider(if self.held { u64::MAX } else { self.ready_from });
        }
        for lane in self.lanes.iter().filter(|lane| !is_early && lane.has_records()) {
            consider(self.expiry(lane.head_at));
            if !self.held
                && let Some(at) = self.lane_wake(lane, BatchId(self.next_batch), now)
            {
                consider(at);
            }
        }
        if let Some((oldest, _)) = self.waiting.oldest() {
            consider(self.expiry(oldest));
        }
        for (endpoint, line) in self.waiting.lines().filter(|_| !self.held) {
            let Some(from) = from(endpoint) else { continue };
            for (rows, column) in [(line.quick(), 1), (line.exhausted(), 0)] {
                let most = if column == 0 { LOOKED_AT } else { usize::MAX };
                for row in rows.iter().take(most) {
                    if self.may_be_sealed(BatchId(row[2])) {
                        consider(row[column].max(from));
                    }
                }
            }
        }
        for (_, flight) in self.flights.iter() {
            consider(flight.lease.unwrap_or(u64::MAX));
        }
        (wake < u64::MAX).then(|| wake.max(now.saturating_add(1)))
    }

    /// From when on something that was accepted then is too old.
    pub(super) fn expiry(&self, at: i64) -> u64 {
        at.saturating_add_unsigned(self.limits.max_age).max(0) as u64
    }

    pub(super) fn endpoint_of(&self, id: BatchId, batch: &Batch<D::Sealed>) -> D::Endpoint {
        self.destination.endpoint(&self.lanes[batch.lane].key, id, batch.attempts + 1)
    }

    /// The endpoint that a request to `home` would go to: the one that is free first, of these the least busy. What is
    /// sent again goes to one that is well, if there is one, and leaves the probes to others. `None` when none is open.
    fn via<'a>(&'a self, home: &'a D::Endpoint, now: u64, again: bool) -> Option<&'a D::Endpoint> {
        if !D::ROUTED {
            return Some(home);
        }
        let most = self.max_in_flight();
        let open = self.routes.get(home)?;
        let mut best = None;
        for place in 0..open.len() {
            // Each in turn, where nothing else makes a difference.
            let endpoint = &open[(self.stats.requests as usize + place) % open.len()];
            let key = match self.endpoints.get(endpoint) {
                Some(state) => {
                    let at = state.wake(most).map_or(u64::MAX, |at| at.max(now));
                    (at, again && state.failures > 0, state.in_flight)
                }
                None => (now, false, 0),
            };
            if best.is_none_or(|(other, _)| key < other) {
                best = Some((key, endpoint));
            }
        }
        best.map(|(_, endpoint)| endpoint)
    }

    /// Whether a batch may still go to this endpoint.
    fn is_open(&self, id: BatchId, endpoint: &D::Endpoint) -> bool {
        !D::ROUTED || {
            let home = self.destination.endpoint(
                &self.lanes[self.batches[id].lane].key,
                id,
                self.batches[id].attempts,
            );
            self.routes.get(&home).is_some_and(|open| open.contains(endpoint))
        }
    }

    /// A page's last moments allow twice as many: what is under way already must not keep the rest from leaving.
    fn max_in_flight(&self) -> usize {
        let most = self.limits.max_in_flight.max(1) << usize::from(self.most < usize::MAX);
        most + usize::from(self.planted.has(Bug::InFlightOneMore))
    }
}

fn earlier(one: Option<Row>, other: &Row) -> Option<Row> {
    Some(one.map_or(*other, |one| one.min(*other)))
}

impl<K> Lane<K> {
    /// The most records of the next batch.
    fn most_events(&self) -> usize {
        if self.head < self.flush_to { self.batching.flush_events } else { self.batching.max_events }
    }
}
