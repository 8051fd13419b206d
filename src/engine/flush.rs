//! Flushes: what was accepted before one, and what became of it.

use std::ops::Range;

use super::planted::Bug;
use super::{Engine, Fate, Report};
use crate::destination::Destination;

/// Names a flush under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlushId(u64);

impl FlushId {
    /// Its number, for drivers that keep it as one.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The flush of this number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

pub(super) struct Flush {
    id: FlushId,
    /// For each lane, the first record that came after the flush.
    upto: Vec<u64>,
    report: Report,
}

impl<D: Destination> Engine<D> {
    /// Lets everything accepted so far go out. Overrides neither backoff nor `Retry-After`.
    ///
    /// Follow it by [`flush_report`](Self::flush_report) until nothing is pending or the caller's patience is over,
    /// then call [`end_flush`](Self::end_flush).
    pub fn flush(&mut self) -> FlushId {
        self.flush_lanes();
        let id = FlushId(self.next_flush);
        self.next_flush += 1;
        let upto = self.lanes.iter().map(|lane| lane.queue.end()).collect();
        let report = Report { pending: self.live.events, ..Report::default() };
        self.flushes.push(Flush { id, upto, report });
        id
    }

    /// What has become of the events accepted before the flush; `None` after [`end_flush`](Self::end_flush).
    pub fn flush_report(&self, id: FlushId) -> Option<Report> {
        let mut report = self.flushes.iter().find(|flush| flush.id == id)?.report;
        if self.planted.has(Bug::FlushTooEarly) {
            let under_way: u64 =
                self.flights.iter().filter_map(|(id, _)| Some(self.batches.get(id.batch)?.count)).sum();
            report.pending = report.pending.saturating_sub(under_way);
        }
        Some(report)
    }

    /// Ends a flush and says what became of the events accepted before it.
    pub fn end_flush(&mut self, id: FlushId) -> Report {
        let report = self.flush_report(id).unwrap_or_default();
        self.flushes.retain(|flush| flush.id != id);
        report
    }
}

impl Flush {
    pub(super) fn finished(&mut self, lane: usize, range: &Range<u64>, fate: &Fate) {
        let upto = self.upto.get(lane).copied().unwrap_or(0);
        let count = range.end.min(upto).saturating_sub(range.start);
        if count > 0 {
            self.report.add(fate, count);
        }
    }
}
