//! The window in memory: the newest requests with their records, bounded by count and by bytes. The counters
//! go on counting after the oldest have left it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Arrival, BadParts, Counts, Outcome, RecordParts, Row, Rows, Stats, Tip};
use crate::collector::query::{Query, Table};

pub(in super::super) struct Window {
    inner: Mutex<Inner>,
    tip: watch::Sender<Tip>,
    max_records: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Inner {
    batches: VecDeque<Arc<Batch>>,
    /// How many records and bad requests the batches hold.
    records: usize,
    bytes: usize,
    last_id: u64,
    last_request: u64,
    stats: Stats,
}

/// What one request brought. Its records have ids in a row.
struct Batch {
    first_id: u64,
    len: usize,
    bytes: usize,
    system: Option<&'static str>,
    received_at: i64,
    /// The request as JSON, the same for all of its records.
    request: String,
    frame: Option<Vec<u8>>,
    outcome: Outcome,
}

impl Window {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { inner: Mutex::default(), tip: watch::Sender::default(), max_records, max_bytes }
    }

    pub(super) fn append(&self, mut arrival: Arrival) {
        let (len, is_good) = match &mut arrival.outcome {
            Outcome::Good(records) => {
                records.shrink();
                (records.len(), true)
            }
            Outcome::Bad { body, .. } => {
                body.shrink_to_fit();
                (1, false)
            }
        };
        let mut inner = self.lock();
        let counts = inner.counts(arrival.system);
        counts.requests += 1;
        counts.bytes = counts.bytes.saturating_add(arrival.request.bytes);
        *(if is_good { &mut counts.good } else { &mut counts.bad }) += len as u64;
        inner.last_request += 1;
        if len > 0 {
            let batch = Batch::new(arrival, inner.last_id + 1, len, inner.last_request);
            inner.push(batch);
            inner.trim(self.max_records, self.max_bytes);
        }
        let last_id = inner.last_id;
        drop(inner);
        self.tip.send_modify(|tip| {
            // Two appends may get here in the other order.
            tip.last_id = tip.last_id.max(last_id);
            tip.changes += 1;
        });
    }

    pub(super) fn count(&self, system: &'static str, bytes: u64) {
        let mut inner = self.lock();
        let counts = inner.counts(Some(system));
        counts.requests += 1;
        counts.bytes += bytes;
        drop(inner);
        self.tip.send_modify(|tip| tip.changes += 1);
    }

    pub(super) fn read(&self, query: &Query) -> Rows {
        // Rendering takes much longer than finding, so only the latter holds the lock.
        let found = self.lock().find(query);
        let mut rows = Vec::with_capacity(found.len().min(query.limit));
        let mut bytes = 0;
        for (batch, index) in &found {
            if rows.len() >= query.limit || bytes >= query.max_bytes {
                return Rows { rows, more: true };
            }
            let row = batch.row(*index, query.with_frames);
            bytes += row.json.len();
            rows.push(row);
        }
        Rows { rows, more: false }
    }

    pub(super) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    pub(super) fn reset(&self) {
        let mut inner = self.lock();
        inner.batches = VecDeque::new();
        (inner.records, inner.bytes) = (0, 0);
        inner.stats.clear();
        drop(inner);
        self.tip.send_modify(|tip| {
            tip.resets += 1;
            tip.changes += 1;
        });
    }

    pub(super) fn tip(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn counts(&mut self, system: Option<&str>) -> &mut Counts {
        let at = self.stats.iter().position(|(name, _)| name.as_deref() == system).unwrap_or_else(|| {
            self.stats.push((system.map(str::to_owned), Counts::default()));
            self.stats.len() - 1
        });
        &mut self.stats[at].1
    }

    fn push(&mut self, batch: Batch) {
        self.last_id += batch.len as u64;
        self.records += batch.len;
        self.bytes += batch.bytes;
        self.batches.push_back(Arc::new(batch));
    }

    /// Whole requests leave, as long as that many records remain as are promised and always when the bytes are over.
    fn trim(&mut self, max_records: usize, max_bytes: usize) {
        while let Some(oldest) = self.batches.front() {
            if self.records - oldest.len < max_records && self.bytes <= max_bytes {
                break;
            }
            self.records -= oldest.len;
            self.bytes -= oldest.bytes;
            self.batches.pop_front();
        }
    }

    /// Finds one more than the limit, to know whether there are more.
    fn find(&self, query: &Query) -> Vec<(Arc<Batch>, usize)> {
        let mut found = Vec::new();
        let wanted = query.limit + 1;
        let mut add = |batch: &Arc<Batch>, index: usize| {
            if batch.matches(index, query) {
                found.push((batch.clone(), index));
            }
            found.len() < wanted
        };
        // Ids and batches ascend, so where to start is found by bisection.
        if query.newest_first {
            let below = query.after.unwrap_or(u64::MAX);
            let end = self.batches.partition_point(|batch| batch.first_id < below);
            for batch in self.batches.range(..end).rev().filter(|batch| batch.is_of(query)) {
                let len = batch.len.min(usize::try_from(below - batch.first_id).unwrap_or(usize::MAX));
                if !(0..len).rev().all(|index| add(batch, index)) {
                    break;
                }
            }
        } else {
            let from = query.after.unwrap_or(0).saturating_add(1);
            let start = self.batches.partition_point(|batch| batch.first_id + batch.len as u64 <= from);
            for batch in self.batches.range(start..).filter(|batch| batch.is_of(query)) {
                let skip = usize::try_from(from.saturating_sub(batch.first_id)).unwrap_or(usize::MAX);
                if !(skip..batch.len).all(|index| add(batch, index)) {
                    break;
                }
            }
        }
        found
    }
}

impl Batch {
    fn new(arrival: Arrival, first_id: u64, len: usize, request_id: u64) -> Self {
        let Arrival { system, received_at, mut request, outcome } = arrival;
        let frame = request.frame.take();
        let mut text = String::new();
        request.write(request_id, &mut text);
        text.shrink_to_fit();
        let held = match &outcome {
            Outcome::Good(records) => records.heap_bytes(),
            Outcome::Bad { reason, body, .. } => reason.len() + body.len(),
        };
        let bytes = size_of::<Self>() + text.len() + held + frame.as_ref().map_or(0, Vec::capacity);
        Self { first_id, len, bytes, system, received_at, request: text, frame, outcome }
    }

    fn is_of(&self, query: &Query) -> bool {
        let table = match self.outcome {
            Outcome::Good(_) => Table::Good,
            Outcome::Bad { .. } => Table::Bad,
        };
        (query.table == Table::Both || query.table == table)
            && query.system.is_none_or(|name| self.system == Some(name))
    }

    fn matches(&self, index: usize, query: &Query) -> bool {
        if query.kind.is_none() && query.name.is_none() && query.user.is_none() {
            return true;
        }
        let Outcome::Good(records) = &self.outcome else { return false };
        records.get(index).is_some_and(|record| {
            query.kind.is_none_or(|kind| record.kind == kind)
                && query.name.as_deref().is_none_or(|name| record.name == Some(name))
                && query.user.as_deref().is_none_or(|user| record.user == Some(user))
        })
    }

    fn row(&self, index: usize, with_frame: bool) -> Row {
        let id = self.first_id + index as u64;
        let (system, received_at, request) = (self.system, self.received_at, self.request.as_str());
        match &self.outcome {
            Outcome::Bad { reason, status, body } => {
                BadParts { id, system, reason, status: *status, received_at, request, body }.row()
            }
            Outcome::Good(records) => {
                let record = records.get(index).expect("the index comes from the batch's length");
                RecordParts {
                    id,
                    system,
                    kind: record.kind.as_str(),
                    name: record.name,
                    user: record.user,
                    anonymous: record.anonymous,
                    time: record.time,
                    attributes: record.attributes,
                    received_at,
                    raw: record.raw,
                    request,
                    frame: self.frame.as_deref().filter(|_| with_frame),
                }
                .row()
            }
        }
    }
}
