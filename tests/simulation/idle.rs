//! When the engine says that there is nothing to do: is that so?

use std::collections::BTreeMap;

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
        for (lane, open) in open {
            let plan = &self.plan.lanes[usize::from(lane)];
            let due = plan.batching.max_wait.map(|wait| open.oldest + wait as i64);
            let ready = open.flushed
                || open.count >= plan.batching.max_events
                || open.bytes >= plan.batching.max_bytes
                || due.is_some_and(|due| due <= at as i64);
            let free = self.is_free(plan.endpoints[0], at);
            hold!(Idle, !(ready && free), "lane {lane} is left waiting at {at}: {open:?}, due {due:?}");
        }
        for (id, event) in again {
            let plan = &self.plan.lanes[usize::from(event.lane)];
            let endpoint = plan.endpoints[event.attempts as usize % plan.endpoints.len()];
            let waits = event.latest <= at && self.is_free(endpoint, at);
            hold!(Idle, !waits, "event {id} is left waiting at {at}: {event:?}");
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
        // Halving and probing take their turns; every request takes up to 200 ms.
        held + 2 * retry.max_backoff.max(120_000) + 2 * leases + 1_000 * self.pending.len() as u64
    }
}
