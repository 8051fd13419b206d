//! The independent model of batches under way and of the endpoints' retry clocks.

use std::sync::Arc;

use trackwire::destination::{Now, Verdict};
use trackwire::engine::OnExhausted;

use crate::model::{End, Event, Model, Place};
use crate::network::Answer;
use crate::rules::{Checked, hold};
use crate::system::{Content, Endpoint, lost_by_lease, verdict};
use crate::tally::Seen;

/// How long after its deadline a request is still waited for, ms.
pub(crate) const LEASE_GRACE: u64 = 500;

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lane: u8,
    pub(crate) events: Vec<u32>,
    /// Once it was sent.
    pub(crate) body: Option<Arc<Vec<u8>>>,
    pub(crate) phase: Phase,
    pub(crate) attempts: u32,
    /// Whether it outlived a process.
    pub(crate) restored: bool,
    /// Discarded while it was under way: it may be delivered, and is never sent again.
    pub(crate) discarded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Sealing(u32),
    Flying(u32),
    /// Never to be sent again: all its events have ended, or went on in other batches.
    Over,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) endpoint: Endpoint,
    /// The turn of the endpoint's health in which it began.
    pub(crate) turn: u64,
    /// `None` while it is being sealed.
    pub(crate) lease: Option<u64>,
    /// Of its body.
    pub(crate) bytes: usize,
}

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Health {
    pub(crate) failures: u32,
    /// Counts the turns between well, sick, and sick again.
    pub(crate) turn: u64,
    pub(crate) failed_at: u64,
    pub(crate) hold_until: u64,
}

impl Model {
    pub(crate) fn under_way(&self, event: &Event) -> bool {
        match event.place {
            Place::In(id) => matches!(self.batches[&id].phase, Phase::Sealing(_) | Phase::Flying(_)),
            _ => false,
        }
    }

    pub(crate) fn sent(&self, event: &Event) -> bool {
        matches!(event.place, Place::In(id) if matches!(self.batches[&id].phase, Phase::Flying(_)))
    }

    /// The bytes of sealed batches that have ended meanwhile. The driver holds them, not the engine.
    pub(crate) fn sealed_in_vain(&self) -> usize {
        let over = |id: &(u64, u32)| self.batches.get(&id.0).is_none_or(|batch| batch.phase == Phase::Over);
        let flights = self.flights.iter().filter(|(id, flight)| flight.lease.is_none() && over(id));
        flights.map(|(_, flight)| flight.bytes).sum()
    }

    pub(crate) fn too_old(&self, event: &Event, now: u64) -> bool {
        now as i64 - event.at >= self.plan.limits.max_age as i64
    }

    /// The bounds of the wait after the `failures`-th failure in a row, ms.
    pub(crate) fn backoff(&self, failures: u32) -> (u64, u64) {
        let retry = &self.plan.limits.retry;
        if failures <= retry.retry_limit {
            let wait = if failures < 2 { 0 } else { retry.backoff_factor << (failures - 1) };
            let wait = wait.min(retry.max_backoff);
            return (wait, wait + (wait / 4).max(retry.backoff_factor / 5).min(retry.max_backoff / 4));
        }
        let wait = (1_000u64 << (failures - retry.retry_limit).min(20)).min(retry.max_backoff);
        (wait / 2, wait)
    }

    /// The time has come to this point, and the engine is told so.
    pub(crate) fn pass_time(&mut self, now: Now, at: u64) {
        let over: Vec<(u64, u32)> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.lease.is_some_and(|lease| lease <= at))
            .map(|(&id, _)| id)
            .collect();
        for id in over {
            if self.batches[&id.0].phase == Phase::Flying(id.1) {
                self.tally.saw(Seen::LeaseRanOut);
                self.answer(id, &lost_by_lease(), now, at);
            } else {
                self.flights.remove(&id);
            }
        }
        self.expire(at);
    }

    fn expire(&mut self, at: u64) {
        let mut old: Vec<u32> = Vec::new();
        for id in &self.pending {
            let event = &self.events[id];
            if self.too_old(event, at) {
                if self.under_way(event) {
                    self.tally.saw(Seen::EventTooOldUnderWay);
                } else {
                    old.push(*id);
                }
            }
        }
        let mut touched: Vec<u64> = Vec::new();
        for id in old {
            if let Place::In(batch) = self.events[&id].place {
                touched.push(batch);
            }
            self.end(id, End::Expired);
        }
        touched.dedup();
        for id in touched {
            if self.over_with_parts(id) {
                self.tally.saw(Seen::PartExpired);
            }
        }
    }

    /// The batch is no more; events of it that are pending go on in others. Says whether there are any.
    fn over_with_parts(&mut self, id: u64) -> bool {
        let batch = self.batches.get_mut(&id).expect("a batch that was seen");
        batch.phase = Phase::Over;
        let mut parts = false;
        for event in &batch.events {
            let event = self.events.get_mut(event).expect("batches hold accepted events");
            if event.end.is_none() {
                event.place = Place::Part;
                parts = true;
            }
        }
        parts
    }

    /// A batch was sealed; these are its events. Nothing has been sent.
    pub(crate) fn sealed(&mut self, id: (u64, u32), content: &Content, at: u64) -> Checked {
        self.admit(id, content, at)?;
        self.take_off(id, None, content.sealed)?;
        self.batches.get_mut(&id.0).expect("admitted").phase = Phase::Sealing(id.1);
        Ok(())
    }

    /// A request leaves.
    pub(crate) fn transmit(
        &mut self,
        id: (u64, u32),
        content: &Content,
        body: &Arc<Vec<u8>>,
        at: u64,
    ) -> Checked {
        let lease = Some(at + self.plan.limits.request_timeout + LEASE_GRACE);
        let sealing = self.batches.get(&id.0).is_some_and(|batch| batch.phase == Phase::Sealing(id.1));
        if sealing {
            self.flights.remove(&id);
        } else {
            self.admit(id, content, at)?;
        }
        hold!(Early, !self.held, "batch {id:?} was sent while held");
        self.may_leave(id, at)?;
        self.take_off(id, lease, body.len())?;
        let batch = self.batches.get_mut(&id.0).expect("admitted");
        hold!(Body, id.1 == batch.attempts + 1, "attempt {id:?} follows attempt {}", batch.attempts);
        batch.attempts = id.1;
        batch.phase = Phase::Flying(id.1);
        match &batch.body {
            None => batch.body = Some(Arc::clone(body)),
            Some(first) => {
                hold!(Body, first == body, "batch {id:?} was sent in other bytes than before");
                self.tally.saw(Seen::SentAgain);
                if std::mem::take(&mut batch.restored) {
                    self.tally.saw(Seen::SentAgainAfterRestore);
                }
            }
        }
        self.books.requests += 1;
        self.books.retries += u64::from(id.1 > 1);
        self.books.sent_bytes += body.len() as u64;
        for event in &batch.events {
            let event = self.events.get_mut(event).expect("admitted");
            event.attempts = id.1;
            self.books.plain_bytes += event.len as u64;
            self.books.maybe_duplicated += u64::from(std::mem::take(&mut event.lost_since));
        }
        Ok(())
    }

    /// The endpoint's clock and the batch's own allow it.
    fn may_leave(&mut self, id: (u64, u32), at: u64) -> Checked {
        let endpoint = self.endpoint_of(id);
        let health = self.health[usize::from(endpoint)];
        hold!(RetryAfter, health.hold_until <= at, "{id:?} to {endpoint} at {at}: {health:?}");
        if health.failures > 0 {
            let from = health.failed_at + self.backoff(health.failures).0;
            hold!(Backoff, from <= at, "{id:?} to {endpoint} at {at}, not before {from}: {health:?}");
            let probe = self.flights.iter().find(|(_, f)| f.endpoint == endpoint && f.turn == health.turn);
            hold!(OneProbe, probe.is_none(), "{id:?} to {endpoint}, which {probe:?} tries: {health:?}");
            self.tally.saw(Seen::ProbeSent);
        }
        for event in &self.batches[&id.0].events {
            let event = &self.events[event];
            hold!(Backoff, event.earliest <= at, "batch {id:?} was sent again at {at}: {event:?}");
        }
        Ok(())
    }

    /// The batch may exist: its events are pending and in no other batch.
    fn admit(&mut self, id: (u64, u32), content: &Content, at: u64) -> Checked {
        hold!(Body, content.batch == id.0, "batch {id:?} carries number {}", content.batch);
        let ids: Vec<u32> = content.events.iter().map(|&(id, _)| id).collect();
        if let Some(batch) = self.batches.get(&id.0) {
            hold!(Again, batch.phase != Phase::Over, "batch {id:?} is over: {batch:?}");
            hold!(Again, batch.phase == Phase::Waiting, "batch {id:?} is under way: {batch:?}");
            hold!(
                Body,
                batch.events == ids,
                "batch {id:?} holds other events than before: {batch:?}, {ids:?}"
            );
            return self.check_ages(id, &ids, at);
        }
        let first = content.events[0].0;
        for &(event, len) in &content.events {
            let Some(known) = self.events.get(&event) else {
                hold!(Body, false, "batch {id:?} holds event {event}, which was not accepted");
                continue;
            };
            hold!(Again, known.end.is_none(), "batch {id:?} holds event {event}, which has ended: {known:?}");
            hold!(
                Again,
                !matches!(known.place, Place::In(_)),
                "{id:?} holds {event}, as does {:?}",
                known.place
            );
            hold!(Body, known.place == self.events[&first].place, "batch {id:?} mixes old and new events");
            hold!(Body, known.len == len && known.lane == content.lane.0, "event {event} has changed");
            hold!(Body, id.1 == known.attempts + 1, "batch {id:?} of {known:?}");
        }
        hold!(Body, ids.is_sorted(), "batch {id:?} has its events in another order: {ids:?}");
        if self.events[&first].place == Place::Open {
            self.check_cut(id, &ids, content, at)?;
        } else {
            self.tally.saw(Seen::PartAgain);
        }
        for event in &ids {
            self.events.get_mut(event).expect("checked").place = Place::In(id.0);
        }
        let attempts = id.1 - 1;
        let lane = content.lane.0;
        let batch = Batch {
            lane,
            events: ids.clone(),
            body: None,
            phase: Phase::Waiting,
            attempts,
            restored: false,
            discarded: false,
        };
        self.batches.insert(id.0, batch);
        self.books.batches += 1;
        self.check_ages(id, &ids, at)
    }

    fn check_ages(&self, id: (u64, u32), ids: &[u32], at: u64) -> Checked {
        let old = ids.iter().map(|id| &self.events[id]).find(|event| self.too_old(event, at));
        hold!(Expiry, old.is_none(), "batch {id:?} holds at {at} an event that is too old: {old:?}");
        Ok(())
    }

    /// A batch cut from its lane: the first events of the lane, not too many, and only when it is time.
    fn check_cut(&mut self, id: (u64, u32), ids: &[u32], content: &Content, at: u64) -> Checked {
        let batching = self.plan.lanes[usize::from(content.lane.0)].batching;
        let open = || {
            let all = self.pending.iter().map(|id| (*id, &self.events[id]));
            all.filter(|(_, event)| event.place == Place::Open && event.lane == content.lane.0)
        };
        let skipped = open().map(|(id, _)| id).zip(ids).find(|(open, sent)| open != *sent);
        hold!(Body, skipped.is_none(), "batch {id:?} skips an event of its lane: {skipped:?}");
        let plain: usize = content.events.iter().map(|(_, len)| len).sum();
        let count = ids.len();
        let flushed = self.events[&ids[0]].flushed && batching.flush_events > 0;
        let most = if flushed { batching.flush_events } else { batching.max_events };
        hold!(Early, count <= most, "batch {id:?} has {count} events: {batching:?}");
        hold!(
            Early,
            count == 1 || plain <= batching.max_bytes,
            "batch {id:?} has {plain} bytes: {batching:?}"
        );
        let first = &self.events[&ids[0]];
        // The engine may close earlier when the queue is small.
        let max_queue = self.plan.limits.max_queue_bytes;
        let waiting: usize = open().map(|(_, event)| event.len).sum();
        let seen = if first.flushed {
            Seen::ClosedByFlush
        } else if open().count() >= batching.max_events.min(max_queue / 100) {
            Seen::ClosedByCount
        } else if waiting >= batching.max_bytes.min(max_queue / 16) {
            Seen::ClosedByBytes
        } else {
            let due = batching.max_wait.map(|wait| first.at + wait as i64);
            let aged = due.is_some_and(|due| due <= at as i64);
            hold!(Early, aged, "batch {id:?} of {count} was cut at {at}, due {due:?}: {batching:?}");
            Seen::ClosedByAge
        };
        self.tally.saw(seen);
        Ok(())
    }

    fn endpoint_of(&self, id: (u64, u32)) -> Endpoint {
        let endpoints = &self.plan.lanes[usize::from(self.batches[&id.0].lane)].endpoints;
        endpoints[(id.1 as usize - 1) % endpoints.len()]
    }

    fn take_off(&mut self, id: (u64, u32), lease: Option<u64>, bytes: usize) -> Checked {
        let endpoint = self.endpoint_of(id);
        let turn = self.health[usize::from(endpoint)].turn;
        self.flights.insert(id, Flight { endpoint, turn, lease, bytes });
        let there = self.flights.values().filter(|flight| flight.endpoint == endpoint).count();
        let most = self.plan.limits.max_in_flight;
        hold!(InFlight, there <= most, "{there} requests are under way to {endpoint}, {most} allowed");
        if there == most {
            self.tally.saw(Seen::SlotsFull);
        }
        if id.1 > 1 && self.plan.lanes[usize::from(self.batches[&id.0].lane)].endpoints.len() > 1 {
            self.tally.saw(Seen::EndpointMoved);
        }
        Ok(())
    }

    /// The answer to an attempt, or why there is none, as the engine is about to be told.
    pub(crate) fn answer(&mut self, id: (u64, u32), answer: &Answer, now: Now, at: u64) {
        let flight = self.flights.remove(&id);
        let Some(batch) = self.batches.get(&id.0) else { return };
        if batch.phase == Phase::Over {
            return;
        }
        let verdict = verdict(answer, now);
        let confirms = matches!(verdict, Verdict::Delivered | Verdict::Unconfirmed);
        if batch.phase != Phase::Flying(id.1) {
            self.tally.saw(if confirms { Seen::LateConfirmation } else { Seen::LateOther });
            if !confirms {
                return;
            }
        }
        if let Some(flight) = flight {
            self.learn(&flight, &verdict, at);
        }
        self.settle(id, verdict, at);
    }

    /// A sealed batch was not wanted any more, or has to wait after all.
    pub(crate) fn not_sent(&mut self, id: (u64, u32), at: u64) -> Checked {
        let flight = self.flights.remove(&id);
        let batch = self.batches.get_mut(&id.0).expect("it was sealed");
        let Some(flight) = flight.filter(|_| batch.phase == Phase::Sealing(id.1)) else { return Ok(()) };
        batch.phase = Phase::Waiting;
        let health = self.health[usize::from(flight.endpoint)];
        let sick = health.failures > 0 && flight.turn != health.turn;
        let waits = self.held || sick || health.hold_until > at;
        hold!(Idle, waits, "{id:?} was sealed and is not sent at {at}: {health:?}");
        Ok(())
    }

    fn learn(&mut self, flight: &Flight, verdict: &Verdict, at: u64) {
        let max_retry_after = self.plan.limits.retry.max_retry_after;
        let health = &mut self.health[usize::from(flight.endpoint)];
        let Verdict::Retry { after, .. } = verdict else {
            if health.failures > 0 {
                *health = Health { failures: 0, turn: health.turn + 1, ..*health };
            }
            return;
        };
        if let Some(after) = after {
            health.hold_until = health.hold_until.max(at + after.min(&max_retry_after));
            self.tally.saw(Seen::EndpointHeld);
        }
        if flight.turn == health.turn {
            *health =
                Health { failures: health.failures + 1, turn: health.turn + 1, failed_at: at, ..*health };
        }
    }

    fn settle(&mut self, id: (u64, u32), verdict: Verdict, at: u64) {
        let batch = &self.batches[&id.0];
        let events = batch.events.clone();
        match verdict {
            Verdict::Delivered => self.end_batch(id.0, End::Delivered),
            Verdict::Unconfirmed => self.end_batch(id.0, End::Unconfirmed),
            Verdict::Rejected(cause) => self.end_batch(id.0, End::Rejected(cause.code)),
            Verdict::Split(cause) if events.len() == 1 => {
                self.tally.saw(Seen::SingleTooLarge);
                self.end_batch(id.0, End::Rejected(cause.code));
            }
            Verdict::Split(_) if batch.discarded => self.end_batch(id.0, End::Disabled),
            Verdict::Split(_) => {
                self.tally.saw(Seen::Halved);
                self.over_with_parts(id.0);
                self.put_off(&events, 0, at, None);
                for event in &events {
                    let event = self.events.get_mut(event).expect("in a batch");
                    (event.attempts, event.latest) = (0, at);
                }
            }
            Verdict::Partly { retry, rejected, after } => {
                let again: Vec<u32> = retry.iter().map(|&place| events[place as usize]).collect();
                let discarded = batch.discarded;
                for (place, cause) in &rejected {
                    self.end(events[*place as usize], End::Rejected(cause.code));
                }
                let delivered =
                    events.iter().filter(|id| self.events[id].end.is_none() && !again.contains(id));
                self.end_all(delivered.copied().collect::<Vec<_>>(), End::Delivered);
                self.over_with_parts(id.0);
                if discarded {
                    return self.end_all(again, End::Disabled);
                }
                self.try_later(id.1, &again, after, at);
            }
            Verdict::Retry { after, maybe_accepted, .. } => {
                let discarded = batch.discarded;
                if maybe_accepted {
                    self.mark_lost(&events);
                }
                if discarded {
                    self.tally.saw(Seen::DiscardedAndFailed);
                    return self.end_batch(id.0, End::Disabled);
                }
                self.batches.get_mut(&id.0).expect("known").phase = Phase::Waiting;
                if self.try_later(id.1, &events, after, at) {
                    self.batches.get_mut(&id.0).expect("known").phase = Phase::Over;
                }
            }
            other => panic!("the world does not know {other:?}"),
        }
    }

    /// Another attempt, unless the quick ones are used up and that is to be the end. Says whether it was.
    fn try_later(&mut self, attempt: u32, events: &[u32], after: Option<u64>, at: u64) -> bool {
        let retry = &self.plan.limits.retry;
        let give_up = retry.on_exhausted == OnExhausted::Drop && attempt > retry.retry_limit;
        let all_old = events.iter().all(|id| self.too_old(&self.events[id], at));
        if give_up && !all_old {
            self.end_all(events.iter().copied(), End::Exhausted);
            return true;
        }
        self.put_off(events, attempt, at, after);
        false
    }

    fn put_off(&mut self, events: &[u32], attempt: u32, at: u64, after: Option<u64>) {
        let asked = after.map_or(0, |after| after.min(self.plan.limits.retry.max_retry_after));
        let (low, high) = self.backoff(attempt);
        for id in events {
            let event = self.events.get_mut(id).expect("in a batch");
            (event.earliest, event.latest) = (at + low.max(asked), at + high.max(asked));
        }
    }

    fn end_batch(&mut self, id: u64, end: End) {
        let batch = self.batches.get_mut(&id).expect("known");
        batch.phase = Phase::Over;
        let events = batch.events.clone();
        self.end_all(events, end);
    }

    fn mark_lost(&mut self, events: &[u32]) {
        for id in events {
            let event = self.events.get_mut(id).expect("in a batch");
            (event.lost, event.lost_since) = (true, true);
        }
    }

    /// The application drops everything that is not under way.
    pub(crate) fn discard(&mut self) {
        let dropped: Vec<u32> =
            self.pending.iter().copied().filter(|id| !self.sent(&self.events[id])).collect();
        self.drop_all(dropped, End::Disabled);
        for batch in self.batches.values_mut().filter(|batch| matches!(batch.phase, Phase::Flying(_))) {
            batch.discarded = true;
        }
    }

    /// What was discarded and is under way still.
    pub(crate) fn discarded(&self) -> Vec<u32> {
        let discarded =
            |id: &u32| matches!(self.events[id].place, Place::In(batch) if self.batches[&batch].discarded);
        self.pending.iter().copied().filter(discarded).collect()
    }

    /// The end of close: everything that is left is dropped.
    pub(crate) fn abandon(&mut self) {
        let all: Vec<u32> = self.pending.iter().copied().collect();
        let flying: Vec<u32> = all.iter().copied().filter(|id| self.sent(&self.events[id])).collect();
        self.mark_lost(&flying);
        self.drop_all(all, End::Closed);
    }

    pub(crate) fn drop_all(&mut self, ids: Vec<u32>, end: End) {
        for id in ids {
            if let Place::In(batch) = self.events[&id].place {
                self.batches.get_mut(&batch).expect("known").phase = Phase::Over;
            }
            self.end(id, end);
        }
    }

    /// A crash: what was under way may have arrived, and everything pending is to be sent again.
    pub(crate) fn crash(&mut self, at: u64, aged: i64) {
        for id in self.discarded() {
            self.pending.remove(&id);
            let event = self.events.get_mut(&id).expect("pending");
            (event.end, event.told, event.lost) = (Some(End::Disabled), true, true);
            self.plain -= event.held();
            if let Place::In(batch) = event.place {
                self.batches.get_mut(&batch).expect("known").phase = Phase::Over;
            }
        }
        let flying: Vec<u32> =
            self.pending.iter().copied().filter(|id| self.sent(&self.events[id])).collect();
        self.mark_lost(&flying);
        for id in &self.pending {
            let event = self.events.get_mut(id).expect("pending");
            event.at -= aged;
            (event.earliest, event.latest, event.flushed) = (0, at, false);
        }
        for batch in self.batches.values_mut().filter(|batch| batch.phase != Phase::Over) {
            batch.phase = Phase::Waiting;
            batch.restored = true;
        }
    }
}
