//! What an answer, a lost request or the passing of time does to a batch.

use std::ops::Range;
use std::slice;

use super::planted::Bug;
use super::retry::{Decision, Failure, splitmix};
use super::waiting::{Turn, Waiter};
use super::{Batch, DropReason, Engine, Fate, Flight, Outcome, State, TransmitId};
use crate::destination::{BatchId, Cause, Destination, Now, TransportError, TransportErrorKind, Verdict};

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
        let current = batch.state == State::InFlight(id);
        let (verdict, lost) = match answer {
            Ok(response) => (self.judge(id.batch, batch, response, now), false),
            Err(error) => {
                let lost = error.maybe_accepted;
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
        self.settle(id, verdict, lost, now, seed);
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
        let count = batch.count;
        let left = self.limits.max_age.saturating_sub(age(now.mono, self.lanes[batch.lane].newest(batch)));
        let failure = Failure::of(&verdict, count as usize);
        match verdict {
            Verdict::Delivered if self.planted.has(Bug::AckedRequeued) && batch.attempts == 1 => {
                self.wait(id.batch, now.mono);
            }
            Verdict::Delivered => self.end_batch(id.batch, &Fate::Delivered),
            Verdict::Unconfirmed => self.end_batch(id.batch, &Fate::Unconfirmed),
            Verdict::Rejected(cause) => self.end_batch(id.batch, &Fate::Rejected(cause)),
            Verdict::Split(cause) if count == 1 => self.end_batch(id.batch, &Fate::Rejected(cause)),
            Verdict::Split(_) => match batch.discarded.clone() {
                Some(reason) => self.end_batch(id.batch, &Fate::Dropped(reason)),
                None => self.halve(id.batch),
            },
            Verdict::Partly { retry, rejected, after } => {
                self.settle_parts(id, &retry, rejected, after, now, seed);
            }
            Verdict::Retry { after, maybe_accepted, cause } => {
                if lost || maybe_accepted {
                    batch.maybe_delivered = true;
                    batch.uncounted_loss = true;
                }
                if let Some(reason) = batch.discarded.clone() {
                    return self.end_batch(id.batch, &Fate::Dropped(reason));
                }
                let after = if self.planted.has(Bug::RetryAfterIgnored) { None } else { after };
                match self.limits.retry.decide(batch.attempts, failure, after, left, seed) {
                    Decision::Retry { delay } => self.wait(id.batch, now.mono.saturating_add(delay)),
                    Decision::GiveUp => {
                        self.end_batch(id.batch, &Fate::Dropped(DropReason::Exhausted(cause)));
                    }
                    Decision::Probe { delay } => {
                        batch.exhausted = true;
                        self.wait(id.batch, now.mono.saturating_add(delay));
                    }
                    // What is too old ends event by event, when time is next looked at.
                    _ => self.wait(id.batch, now.mono),
                }
            }
        }
    }

    /// Each record by its own verdict; what is to be sent again becomes a batch of its own.
    fn settle_parts(
        &mut self,
        id: TransmitId,
        retry: &[u32],
        mut rejected: Vec<(u32, Cause)>,
        after: Option<u64>,
        now: Now,
        seed: u64,
    ) {
        let Some(batch) = self.batches.remove(id.batch) else { return };
        self.live.sealed -= batch.sealed_bytes;
        let numbers: Vec<u64> = batch.ranges.iter().cloned().flatten().collect();
        /// Of a record: delivered; else 1 and its place among those that are rejected; or to be sent again.
        const AGAIN: usize = usize::MAX;
        let mut fates = vec![0; numbers.len()];
        let place_of = |place: u32| match self.planted.has(Bug::PartialShifted) {
            false => place as usize,
            true => (place as usize + 1) % numbers.len(),
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
        let of = |wanted: usize| {
            let numbers = numbers.iter().zip(&fates);
            ranges_of(numbers.filter(move |&(_, &fate)| fate == wanted).map(|(&number, _)| number))
        };
        let (lane, delivered, again) = (batch.lane, of(0), of(AGAIN));
        self.finish(lane, &delivered, &Fate::Delivered, Some(id.batch), false);
        for (&number, &fate) in numbers.iter().zip(&fates) {
            if fate == 0 || fate == AGAIN {
                continue;
            }
            let cause = std::mem::take(&mut rejected[fate - 1].1);
            let possibly = batch.maybe_delivered && !self.planted.has(Bug::PossiblyUnsaid);
            let range = number..number + 1;
            self.finish(lane, slice::from_ref(&range), &Fate::Rejected(cause), Some(id.batch), possibly);
        }
        if again.is_empty() {
            return;
        }
        let rest = self.part_of(&batch, again);
        if let Some(reason) = batch.discarded {
            return self.end_batch(rest, &Fate::Dropped(reason));
        }
        let newest = self.lanes[lane].newest(&self.batches[rest]);
        let left = self.limits.max_age.saturating_sub(age(now.mono, newest));
        match self.limits.retry.decide(batch.attempts, Failure::NotNow, after, left, seed) {
            Decision::Retry { delay } => self.wait(rest, now.mono.saturating_add(delay)),
            Decision::Probe { delay } => {
                if let Some(rest) = self.batches.get_mut(rest) {
                    rest.exhausted = true;
                }
                self.wait(rest, now.mono.saturating_add(delay));
            }
            Decision::GiveUp => {
                let cause = Cause::new(0, "the system keeps asking for these events again");
                self.end_batch(rest, &Fate::Dropped(DropReason::Exhausted(cause)));
            }
            _ => self.wait(rest, now.mono),
        }
    }

    /// Two batches for one, at the front of the line.
    fn halve(&mut self, id: BatchId) {
        let Some(batch) = self.batches.remove(id) else { return };
        self.live.sealed -= batch.sealed_bytes;
        let numbers: Vec<u64> = batch.ranges.iter().cloned().flatten().collect();
        let (first, mut second) = numbers.split_at(numbers.len() / 2);
        if self.planted.has(Bug::SplitLosesOne) && second.len() > 1 {
            let range = second[0]..second[0] + 1;
            self.finish(batch.lane, slice::from_ref(&range), &Fate::Delivered, Some(id), false);
            second = &second[1..];
        }
        for half in [second, first] {
            let half = self.part_of(&batch, ranges_of(half.iter().copied()));
            if let Some(half) = self.batches.get_mut(half) {
                // A smaller request is another request: it has its own quick retries.
                half.attempts = 0;
                half.exhausted = false;
            }
            let turn = self.waiting.first_turn();
            self.stand_in_line(half, turn);
        }
    }

    /// A new batch of some records of `whole`, which is no more, with its history.
    fn part_of(&mut self, whole: &Batch<D::Sealed>, ranges: Vec<Range<u64>>) -> BatchId {
        let queue = &self.lanes[whole.lane].queue;
        let plain = ranges.iter().cloned().flatten().map(|number| queue.record(number).len()).sum();
        let id = self.new_batch(whole.lane, ranges, plain);
        if let Some(part) = self.batches.get_mut(id) {
            part.attempts = whole.attempts;
            part.maybe_delivered = whole.maybe_delivered;
            part.uncounted_loss = whole.uncounted_loss;
            part.exhausted = whole.exhausted;
            part.discarded.clone_from(&whole.discarded);
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
        if batch.exhausted {
            // It may be long, and there may be many: it is sealed again, to the same bytes, when its turn has come.
            batch.sealed = None;
            self.live.sealed -= std::mem::take(&mut batch.sealed_bytes);
        }
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
        let over = |flight: &Flight<D::Endpoint>| flight.lease.is_some_and(|lease| lease <= now.mono);
        let over: Vec<TransmitId> =
            self.flights.iter().filter(|(_, flight)| over(flight)).map(|(&id, _)| id).collect();
        for id in over {
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
        let batch = self.batches.remove(id)?;
        self.live.sealed -= batch.sealed_bytes;
        let queue = &self.lanes[batch.lane].queue;
        let numbers = || batch.ranges.iter().cloned().flatten();
        let old = ranges_of(numbers().filter(|&number| too_old(queue.accepted_at(number))));
        let young = ranges_of(numbers().filter(|&number| !too_old(queue.accepted_at(number))));
        let possibly = batch.maybe_delivered && !self.planted.has(Bug::PossiblyUnsaid);
        self.finish(batch.lane, &old, &Fate::Expired, Some(id), possibly);
        if young.is_empty() {
            return None;
        }
        Some(self.part_of(&batch, young))
    }

    /// Ends every event of a batch.
    pub(super) fn end_batch(&mut self, id: BatchId, fate: &Fate) {
        let Some(batch) = self.batches.remove(id) else { return };
        self.live.sealed -= batch.sealed_bytes;
        let taken = matches!(fate, Fate::Delivered | Fate::Unconfirmed);
        let possibly = batch.maybe_delivered && !taken && !self.planted.has(Bug::PossiblyUnsaid);
        self.finish(batch.lane, &batch.ranges, fate, Some(id), possibly);
    }

    /// Ends the first records of a lane that are in no batch.
    pub(super) fn end_unbatched(&mut self, lane: usize, range: Range<u64>, fate: &Fate) {
        if range.is_empty() {
            return;
        }
        self.lanes[lane].head = range.end;
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
        let (mut bytes, mut count, mut untagged) = (0, 0, 0);
        let outcome = |tag, count| Outcome { fate: fate.clone(), tag, count, batch, possibly_delivered };
        for range in ranges {
            let events = range.end - range.start;
            let mut tagged = 0;
            let untold = &mut self.untold;
            let tag_bytes = &mut self.live.tags;
            bytes += self.lanes[lane].queue.finish(&mut self.pool, range.clone(), |tag| {
                tagged += 1;
                *tag_bytes -= tag.bytes();
                untold.push(outcome(Some(tag), 1));
            });
            count += events;
            untagged += events - tagged;
            self.flushes.iter_mut().for_each(|flush| flush.finished(lane, range, fate));
        }
        if untagged > 0 {
            self.untold.push(outcome(None, untagged));
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

    fn seed_of(&self, id: TransmitId) -> u64 {
        splitmix(self.seed ^ splitmix(id.batch.0))
    }
}

/// How long ago something was accepted, ms.
fn age(now: u64, at: i64) -> u64 {
    (i128::from(now) - i128::from(at)).clamp(0, i128::from(u64::MAX)) as u64
}

/// Ascending numbers as ranges.
fn ranges_of(numbers: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}
