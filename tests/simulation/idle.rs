//! When the engine says that there is nothing to do: is that so?

use std::collections::BTreeMap;

use crate::flights::LEASE_GRACE;
use crate::model::{Event, Model, Place};
use crate::rules::{Checked, hold};
use crate::system::Endpoint;
use crate::tally::Seen;

/// What a lane holds in no batch.
#[derive(Debug, Default, Clone, Copy)]
struct Open {
    count: usize,
    bytes: usize,
    oldest: i64,
    flushed: bool,
}

impl Model {
    /// Nothing that may go out now is left, and nothing that is too old.
    pub(crate) fn check_idle(&mut self, at: u64, sealed: usize) -> Checked {
        let mut open: BTreeMap<u8, Open> = BTreeMap::new();
        let mut again: Vec<(u32, &Event)> = Vec::new();
        for id in &self.pending {
            let event = &self.events[id];
            let under_way = self.under_way(event);
            hold!(Expiry, under_way || !self.too_old(event, at), "event {id} is too old at {at}: {event:?}");
            if event.place == Place::Open {
                let lane = open.entry(event.lane).or_insert(Open { oldest: event.at, ..Open::default() });
                lane.count += 1;
                lane.bytes += event.len;
                lane.oldest = lane.oldest.min(event.at);
                lane.flushed |= event.flushed;
            } else if !under_way {
                again.push((*id, event));
            }
        }
        if self.held {
            return Ok(());
        }
        // Sealed copies need room. While some are under way, there may be none.
        let limits = &self.plan.limits;
        let tight = !self.flights.is_empty()
            && self.plain + sealed + limits.max_queue_bytes / 3 > limits.max_queue_bytes;
        if tight {
            self.tally.saw(Seen::MemoryTight);
            return Ok(());
        }
        let mut stalled = Vec::new();
        for (lane, open) in open {
            let plan = &self.plan.lanes[usize::from(lane)];
            let due = plan.batching.max_wait.map(|wait| open.oldest + wait as i64);
            let ready = open.flushed
                || open.count >= plan.batching.max_events
                || open.bytes >= plan.batching.max_bytes
                || due.is_some_and(|due| due <= at as i64);
            let free = self.is_free(plan.endpoints[0], at);
            stalled.extend((ready && self.plan.calm).then_some(lane));
            hold!(Idle, !(ready && free), "lane {lane} is left waiting at {at}: {open:?}, due {due:?}");
        }
        for (id, event) in again {
            let plan = &self.plan.lanes[usize::from(event.lane)];
            let endpoint = plan.endpoints[event.attempts as usize % plan.endpoints.len()];
            let waits = event.latest <= at && self.is_free(endpoint, at);
            hold!(Idle, !waits, "event {id} is left waiting at {at}: {event:?}");
        }
        self.check_stalled(stalled, at)
    }

    /// One batch that always fails, and nothing else that goes wrong: the lanes that are ready have to get on.
    fn check_stalled(&mut self, ready: Vec<u8>, at: u64) -> Checked {
        let well = |id: &(u64, u32)| self.batches[&id.0].events.iter().all(|id| !self.events[id].poison);
        let moves = |lane: &u8| {
            let endpoints = &self.plan.lanes[usize::from(*lane)].endpoints;
            self.flights.iter().any(|(id, flight)| endpoints.contains(&flight.endpoint) && well(id))
        };
        let stalled: Vec<u8> = ready.into_iter().filter(|lane| !moves(lane)).collect();
        self.stalled.retain(|lane, _| stalled.contains(lane));
        let retry = &self.plan.limits.retry;
        let lease = self.plan.limits.request_timeout + LEASE_GRACE;
        let poison =
            self.batches.values().filter(|batch| batch.events.iter().any(|id| self.events[id].poison));
        let tried = poison.map(|batch| batch.attempts).max().unwrap_or(0);
        let patience = if tried < retry.retry_limit + 3 {
            (1..=retry.retry_limit + 2).map(|failures| lease + self.backoff(failures).1).sum()
        } else {
            lease + retry.max_backoff.max(self.backoff(retry.retry_limit).1)
        };
        for lane in stalled {
            let since = *self.stalled.entry(lane).or_insert(at);
            hold!(Poison, at - since <= patience, "lane {lane} has stood still since {since}, it is {at}");
            self.tally.saw(Seen::Stalled);
        }
        Ok(())
    }

    /// Whether a request to the endpoint may start, and cannot be put off any longer.
    fn is_free(&self, endpoint: Endpoint, at: u64) -> bool {
        let health = self.health[usize::from(endpoint)];
        let mut there = self.flights.values().filter(|flight| flight.endpoint == endpoint);
        let well = health.failures == 0
            || (health.failed_at + self.backoff(health.failures).1 <= at
                && !there.clone().any(|flight| flight.turn == health.turn));
        well && health.hold_until <= at && there.by_ref().count() < self.plan.limits.max_in_flight
    }

    /// When everything pending could have been delivered, in a world that is well from now on.
    pub(crate) fn well_by(&self, at: u64) -> u64 {
        let retry = &self.plan.limits.retry;
        let clocks = self
            .health
            .iter()
            .map(|health| health.hold_until.max(health.failed_at + self.backoff(health.failures).1));
        let waits = self.pending.iter().map(|id| self.events[id].latest);
        let held = clocks.chain(waits).fold(at, u64::max);
        let leases = self.plan.limits.request_timeout + 1_000;
        // Halving and probing take their turns; every request takes up to 200 ms, and a sealing that began before
        // up to 20 s.
        held + 20_000 + 2 * retry.max_backoff.max(120_000) + 2 * leases + 1_000 * self.pending.len() as u64
    }
}
