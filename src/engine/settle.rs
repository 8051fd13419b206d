//! What an answer, a lost request or the passing of time does to a batch.

use std::ops::Range;
use std::slice;

use super::planted::Bug;
use super::retry::{Decision, Failure, splitmix};
use super::waiting::{Turn, Waiter};
use super::{Batch, DISCARDED, DropReason, Engine, Fate, Flight, Outcome, State, Tag, TransmitId};
use crate::destination::{
    BatchId, Blame, Cause, Destination, Now, TransportError, TransportErrorKind, Verdict,
};

/// How often a connection may be lost at the same batch before it is taken apart.
const BREAKS: u8 = 3;

impl<D: Destination> Engine<D> {
    /// Brings the end of an attempt: the answer, or why there is none. Answers may come in any order and late; one
    /// that confirms is honoured even after its lease has run out, anything else late is ignored.
    pub fn answer(&mut self, id: TransmitId, answer: Result<&D::Response, TransportError>, now: Now) {
        if self.flights.get(&id).is_some_and(|flight| flight.lease.is_none()) {
            // It has not been sent.
            return;
        }
        let flight = self.land(id);
        let Some(batch) = self.batches.get(id.batch) else { return };
        let current = batch.state.is_in_flight(id);
        let (mut blame, mut answered) = (Blame::Endpoint, false);
        let (verdict, lost) = match answer {
            Ok(response) => {
                answered = true;
                (self.judge(id.batch, batch, response, now), false)
            }
            Err(error) => {
                let lost = error.maybe_accepted;
                if D::ROUTED {
                    blame = error.blame;
                }
                let cause = Cause::new(0, error.message);
                (Verdict::Retry { after: None, maybe_accepted: lost, cause }, lost)
            }
        };
        let confirms = matches!(verdict, Verdict::Delivered | Verdict::Unconfirmed);
        let counts_late = confirms && id.attempt <= batch.attempts && !self.planted.has(Bug::LateAckIgnored);
        if !current && !counts_late {
            return;
        }
        let seed = self.seed_of(id);
        if let Some((endpoint, epoch)) = &flight
            && let Some(state) = self.endpoints.get_mut(endpoint)
        {
            match &verdict {
                Verdict::Retry { .. } if blame != Blame::Endpoint => {}
                Verdict::Retry { after, .. } => {
                    let after = if self.planted.has(Bug::RetryAfterIgnored) { None } else { *after };
                    let asked = self.limits.retry.asked(after);
                    state.sick(*epoch, now.mono, asked, &self.limits.retry, seed);
                }
                _ => state.well(),
            }
            if state.forgettable(now.mono) {
                self.endpoints.remove(endpoint);
            }
        }
        self.stop_waiting(id.batch);
        let verdict = if D::ROUTED { self.lay_to(id.batch, blame, answered, verdict) } else { verdict };
        if D::ROUTED && blame == Blame::Nothing && lost {
            return self.take_elsewhere(id.batch, now);
        }
        self.settle(id, verdict, lost, now, seed);
    }

    /// What a lost connection is laid to changes what becomes of the batch; so does a refusal for the second time that
    /// did not say whether there is any use in a second time.
    fn lay_to(&mut self, id: BatchId, blame: Blame, answered: bool, verdict: Verdict) -> Verdict {
        let Some(batch) = self.batches.get_mut(id) else { return verdict };
        if answered {
            // Whoever answers has read it.
            (batch.suspect, batch.breaks) = (false, 0);
        }
        match verdict {
            Verdict::RetryOnce(cause) if std::mem::replace(&mut batch.tried_once, true) => {
                Verdict::Rejected(cause)
            }
            Verdict::RetryOnce(cause) => Verdict::Retry { after: None, maybe_accepted: false, cause },
            Verdict::Retry { cause, .. } if blame == Blame::Request && batch.breaks + 1 >= BREAKS => {
                (batch.maybe_delivered, batch.uncounted_loss) = (true, true);
                Verdict::Split(cause)
            }
            verdict => {
                if blame == Blame::Request {
                    batch.suspect = true;
                    batch.breaks += 1;
                }
                verdict
            }
        }
    }

    /// Puts a batch in line at once that has no part in how its attempt ended.
    fn take_elsewhere(&mut self, id: BatchId, now: Now) {
        let Some(batch) = self.batches.get_mut(id) else { return };
        (batch.maybe_delivered, batch.uncounted_loss) = (true, true);
        batch.excused = batch.excused.saturating_add(1);
        match batch.discarded {
            true => self.end_batch(id, &DISCARDED),
            false => self.wait(id, now.mono),
        }
    }

    fn judge(&self, id: BatchId, batch: &Batch<D::Sealed>, response: &D::Response, now: Now) -> Verdict {
        match &batch.sealed {
            Some(sealed) => self.destination.judge(sealed, response, now),
            // A late answer to a batch whose sealed copy was let go meanwhile.
            None => {
                let sealed = self.seal(id, batch, batch.sealed_at.unwrap_or(now));
                self.destination.judge(&sealed, response, now)
            }
        }
    }

    fn settle(&mut self, id: TransmitId, verdict: Verdict, lost: bool, now: Now, seed: u64) {
        let Some(batch) = self.batches.get_mut(id.batch) else { return };
        let (count, attempts) = (batch.count, batch.attempts - batch.excused);
        let failure = Failure::of(&verdict, count as usize);
        let fate = match verdict {
            Verdict::Delivered if self.planted.has(Bug::AckedRequeued) && attempts == 1 => {
                return self.wait(id.batch, now.mono);
            }
            Verdict::Delivered => Fate::Delivered,
            Verdict::Unconfirmed => Fate::Unconfirmed,
            Verdict::Rejected(cause) | Verdict::RetryOnce(cause) => Fate::Rejected(cause),
            Verdict::Split(cause) if count == 1 => Fate::Rejected(cause),
            Verdict::Split(_) if batch.discarded => DISCARDED,
            Verdict::Split(_) => return self.halve(id.batch),
            Verdict::Partly { retry, rejected, after } => {
                if D::PARTLY {
                    self.settle_parts(id, &retry, rejected, after, now, seed);
                }
                return;
            }
            Verdict::Retry { after, maybe_accepted, cause } => {
                if lost || maybe_accepted {
                    batch.maybe_delivered = true;
                    batch.uncounted_loss = true;
                }
                let after = if self.planted.has(Bug::RetryAfterIgnored) { None } else { after };
                return self.retry(id.batch, attempts, failure, after, cause, now, seed);
            }
        };
        self.end_batch(id.batch, &fate);
    }

    /// Puts a batch that failed for now back in line, or ends it.
    #[allow(clippy::too_many_arguments, reason = "they are those of the decision, and the batch")]
    fn retry(
        &mut self,
        id: BatchId,
        attempts: u32,
        failure: Failure,
        after: Option<u64>,
        cause: Cause,
        now: Now,
        seed: u64,
    ) {
        let Some(batch) = self.batches.get_mut(id) else { return };
        if batch.discarded {
            return self.end_batch(id, &DISCARDED);
        }
        let left = self.limits.max_age.saturating_sub(age(now.mono, self.lanes[batch.lane].newest(batch)));
        let delay = match self.limits.retry.decide(attempts, failure, after, left, seed) {
            Decision::Retry { delay } => delay,
            Decision::Probe { delay } => {
                batch.exhausted = true;
                delay
            }
            Decision::GiveUp => {
                return self.end_batch(id, &Fate::Dropped(DropReason::Exhausted(cause)));
            }
            // What is too old ends event by event, when time is next looked at.
            _ => 0,
        };
        self.wait(id, now.mono.saturating_add(delay));
    }

    /// Each record by its own verdict; what is to be sent again becomes a batch of its own.
    fn settle_parts(
        &mut self,
        id: TransmitId,
        retry: &[u32],
        rejected: Vec<(u32, Cause)>,
        after: Option<u64>,
        now: Now,
        seed: u64,
    ) {
        let Some(batch) = self.take_out(id.batch) else { return };
        /// Of a record: delivered; else 1 and its place among those that are rejected; or to be sent again.
        const AGAIN: usize = usize::MAX;
        let mut fates = vec![0; batch.count as usize];
        let place_of = |place: u32| match self.planted.has(Bug::PartialShifted) {
            false => place as usize,
            true => (place as usize + 1) % batch.count as usize,
        };
        for (cause, &(place, _)) in rejected.iter().enumerate() {
            if let Some(fate @ 0) = fates.get_mut(place_of(place)) {
                *fate = cause + 1;
            }
        }
        for &place in retry {
            if let Some(fate) = fates.get_mut(place_of(place)) {
                *fate = AGAIN;
            }
        }
        let mut rest = fates.iter();
        let [delivered, _] = parts(&batch.ranges, &mut |_| rest.next() == Some(&0));
        let mut rest = fates.iter();
        let [again, _] = parts(&batch.ranges, &mut |_| rest.next() == Some(&AGAIN));
        let (lane, possibly) = (batch.lane, batch.maybe_delivered && !self.planted.has(Bug::PossiblyUnsaid));
        self.finish(lane, &delivered, &Fate::Delivered, Some(id.batch), false);
        for (number, fate) in batch.ranges.iter().cloned().flatten().zip(fates) {
            if let Some((_, cause)) = fate.checked_sub(1).and_then(|cause| rejected.get(cause)) {
                let range = number..number + 1;
                let fate = Fate::Rejected(cause.clone());
                self.finish(lane, slice::from_ref(&range), &fate, Some(id.batch), possibly);
            }
        }
        if again.is_empty() {
            return;
        }
        let attempts = batch.attempts;
        let rest = self.part_of(&batch, again);
        let cause = Cause::new(0, "the system keeps asking for these events again");
        self.retry(rest, attempts, Failure::NotNow, after, cause, now, seed);
    }

    /// Two batches for one, at the front of the line.
    fn halve(&mut self, id: BatchId) {
        let Some(batch) = self.take_out(id) else { return };
        let mut left = batch.count / 2;
        let [first, mut second] = parts(&batch.ranges, &mut |_| {
            let is_first = left > 0;
            left = left.saturating_sub(1);
            is_first
        });
        if self.planted.has(Bug::SplitLosesOne) && batch.count > 2 {
            let range = second[0].start..second[0].start + 1;
            second[0].start += 1;
            second.retain(|range| !range.is_empty());
            self.finish(batch.lane, slice::from_ref(&range), &Fate::Delivered, Some(id), false);
        }
        for half in [second, first] {
            let half = self.part_of(&batch, half);
            if let Some(half) = self.batches.get_mut(half) {
                // A smaller request is another request: it has its own quick retries.
                (half.attempts, half.excused) = (0, 0);
                half.exhausted = false;
            }
            let turn = self.waiting.first_turn();
            self.stand_in_line(half, turn);
        }
    }

    /// A new batch of some records of `whole`, which is no more, with its history.
    fn part_of(&mut self, whole: &Batch<D::Sealed>, ranges: Vec<Range<u64>>) -> BatchId {
        let queue = &self.lanes[whole.lane].queue;
        let plain = queue.bytes(&ranges);
        let id = self.new_batch(whole.lane, ranges, plain);
        if let Some(part) = self.batches.get_mut(id) {
            part.attempts = whole.attempts;
            part.maybe_delivered = whole.maybe_delivered;
            part.uncounted_loss = whole.uncounted_loss;
            part.exhausted = whole.exhausted;
            part.discarded = whole.discarded;
            part.tried_once = whole.tried_once;
            part.suspect = whole.suspect;
            part.excused = whole.excused;
        }
        id
    }

    /// Puts a batch at the end of the line for another attempt.
    pub(super) fn wait(&mut self, id: BatchId, not_before: u64) {
        let turn = self.waiting.last_turn(not_before);
        self.stand_in_line(id, turn);
    }

    pub(super) fn stand_in_line(&mut self, id: BatchId, turn: Turn) {
        let Some(batch) = self.batches.get_mut(id) else { return };
        batch.state = State::Waiting(turn);
        // It may be long, and there may be many: it is sealed again, to the same bytes, when its turn has come.
        batch.sealed = None;
        self.live.sealed -= std::mem::take(&mut batch.sealed_bytes);
        let (exhausted, oldest) = (batch.exhausted, batch.oldest);
        let endpoint = &self.endpoint_of(id, &self.batches[id]);
        self.waiting.insert(&Waiter { id, endpoint, exhausted, oldest }, turn);
    }

    /// Takes a batch out of the line, if it is in it; where it stood.
    pub(super) fn stop_waiting(&mut self, id: BatchId) -> Option<Turn> {
        let batch = self.batches.get(id)?;
        let State::Waiting(turn) = batch.state else { return None };
        let (exhausted, oldest) = (batch.exhausted, batch.oldest);
        let endpoint = &self.endpoint_of(id, batch);
        self.waiting.remove(&Waiter { id, endpoint, exhausted, oldest }, turn);
        Some(turn)
    }

    /// Takes requests for lost whose lease has run out.
    pub(super) fn end_leases(&mut self, now: Now) {
        let is_over = |flight: &Flight<D::Endpoint>| flight.lease.is_some_and(|lease| lease <= now.mono);
        loop {
            let over = self.flights.iter().find(|(_, flight)| is_over(flight)).map(|(&id, _)| id);
            // What is answered is under way no more.
            let Some(id) = over else { return };
            let error = TransportError::new(TransportErrorKind::Timeout, "no answer in time");
            self.answer(id, Err(error), now);
        }
    }

    /// Gives back the place of an attempt.
    pub(super) fn land(&mut self, id: TransmitId) -> Option<(D::Endpoint, u64)> {
        let flight = self.flights.remove(&id)?;
        if let Some(state) = self.endpoints.get_mut(&flight.endpoint) {
            state.ended(flight.epoch, flight.exhausted);
        }
        Some((flight.endpoint, flight.epoch))
    }

    /// Ends the events of a batch that are too old; what is left becomes another.
    pub(super) fn expire_part(&mut self, id: BatchId, too_old: impl Fn(i64) -> bool) -> Option<BatchId> {
        let batch = self.take_out(id)?;
        let queue = &self.lanes[batch.lane].queue;
        let [old, young] = parts(&batch.ranges, &mut |number| too_old(queue.accepted_at(number)));
        let possibly = batch.maybe_delivered && !self.planted.has(Bug::PossiblyUnsaid);
        self.finish(batch.lane, &old, &Fate::Expired, Some(id), possibly);
        if young.is_empty() {
            return None;
        }
        Some(self.part_of(&batch, young))
    }

    fn take_out(&mut self, id: BatchId) -> Option<Box<Batch<D::Sealed>>> {
        let batch = self.batches.remove(id)?;
        self.live.sealed -= batch.sealed_bytes;
        Some(batch)
    }

    /// Ends every event of a batch.
    pub(super) fn end_batch(&mut self, id: BatchId, fate: &Fate) {
        let Some(batch) = self.take_out(id) else { return };
        let taken = matches!(fate, Fate::Delivered | Fate::Unconfirmed);
        let possibly = batch.maybe_delivered && !taken && !self.planted.has(Bug::PossiblyUnsaid);
        self.finish(batch.lane, &batch.ranges, fate, Some(id), possibly);
    }

    /// Ends the first records of a lane that are in no batch.
    pub(super) fn end_unbatched(&mut self, lane: usize, range: Range<u64>, fate: &Fate) {
        if range.is_empty() {
            return;
        }
        self.lanes[lane].advance(range.end);
        self.bounds_are_loose = true;
        let bytes = self.finish(lane, &[range], fate, None, false);
        self.lanes[lane].bytes -= bytes;
    }

    /// The one place where events end: frees them, keeps the books and queues the outcomes.
    fn finish(
        &mut self,
        lane: usize,
        ranges: &[Range<u64>],
        fate: &Fate,
        batch: Option<BatchId>,
        possibly_delivered: bool,
    ) -> usize {
        let (mut bytes, mut count, mut tags, mut records) = (0, 0, Vec::new(), Vec::new());
        let was_busy = D::ROUTED && !self.lanes[lane].queue.is_empty();
        for range in ranges {
            count += range.end - range.start;
            if D::RETURNS_RECORDS {
                let taken = matches!(fate, Fate::Delivered | Fate::Unconfirmed);
                self.lanes[lane].queue.tagged(range.clone(), &mut |tag, record| {
                    let wanted = self.destination.returns_record(tag, taken);
                    records.push(wanted.then(|| Box::from(record)));
                });
            }
            bytes += self.lanes[lane].queue.finish(&mut self.pool, range.clone(), &mut tags);
            self.flushes.iter_mut().for_each(|flush| flush.finished(lane, range, fate));
        }
        if was_busy && self.lanes[lane].queue.is_empty() {
            self.live.lanes -= 1;
        }
        let untagged = count - tags.len() as u64;
        let mut records = records.into_iter();
        for tag in tags {
            self.live.tags -= tag.bytes();
            self.tell(fate, Some(tag), records.next().flatten(), 1, batch, possibly_delivered);
        }
        if untagged > 0 {
            self.tell(fate, None, None, untagged, batch, possibly_delivered);
        }
        self.live.events -= count;
        self.live.plain -= bytes;
        if self.pool.is_sparse(self.live.plain, self.lanes.len()) {
            self.lanes.iter_mut().for_each(|lane| lane.queue.compact(&mut self.pool));
        }
        if !(*fate == Fate::Expired && self.planted.has(Bug::ExpiredUncounted)) {
            self.stats.add(fate, count);
        }
        bytes
    }

    fn tell(
        &mut self,
        fate: &Fate,
        tag: Option<Tag>,
        record: Option<Box<[u8]>>,
        count: u64,
        batch: Option<BatchId>,
        possibly_delivered: bool,
    ) {
        self.untold.push(Outcome { fate: fate.clone(), tag, record, count, batch, possibly_delivered });
    }

    fn seed_of(&self, id: TransmitId) -> u64 {
        splitmix(self.seed ^ splitmix(id.batch.0))
    }
}

/// How long ago something was accepted, ms.
pub(super) fn age(now: u64, at: i64) -> u64 {
    now.saturating_add_signed(at.saturating_neg())
}

/// The numbers of these ranges in two parts: those that are among the first, and the others.
fn parts(ranges: &[Range<u64>], is_first: &mut dyn FnMut(u64) -> bool) -> [Vec<Range<u64>>; 2] {
    let mut parts: [Vec<Range<u64>>; 2] = Default::default();
    for range in ranges {
        for number in range.start..range.end {
            let part = &mut parts[usize::from(!is_first(number))];
            match part.last_mut() {
                Some(last) if last.end == number => last.end += 1,
                _ => part.push(number..number + 1),
            }
        }
    }
    parts
}
