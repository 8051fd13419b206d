//! Batches that wait for another attempt, by endpoint, so that neither a long outage nor many batches that keep
//! failing make a step slow.

use super::sorted::{Few, Row, Rows};
use crate::destination::BatchId;

/// The batches that wait.
#[derive(Debug)]
pub(super) struct Waiting<E> {
    lines: Few<E, Line>,
    /// By when their oldest event was accepted: that and the batch.
    by_age: Rows,
    front: u64,
    back: u64,
}

/// The batches that wait for one endpoint.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Those with quick retries left, by turn: turn, not before, batch. Few, as a sick endpoint sees one request at a
    /// time.
    quick: Rows,
    /// The others, by when they may leave, then by turn: not before, turn, batch. There may be a great many.
    exhausted: Rows,
}

/// A batch's place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Not to leave before this time (monotonic, ms).
    pub(super) not_before: u64,
    pub(super) number: u64,
}

/// A batch in line.
pub(super) struct Waiter<'a, E> {
    pub(super) id: BatchId,
    pub(super) endpoint: &'a E,
    pub(super) exhausted: bool,
    /// When its oldest event was accepted.
    pub(super) oldest: i64,
}

/// In the middle of all numbers, so that the line can grow at both ends.
const FIRST_TURN: u64 = 1 << 63;

impl<E: Clone + Eq> Waiting<E> {
    pub(super) fn new() -> Self {
        Self { lines: Few::default(), by_age: Rows::default(), front: FIRST_TURN, back: FIRST_TURN }
    }

    /// The first place in line.
    pub(super) fn first_turn(&mut self) -> Turn {
        self.front -= 1;
        Turn { not_before: 0, number: self.front }
    }

    /// The last place in line.
    pub(super) fn last_turn(&mut self, not_before: u64) -> Turn {
        self.back += 1;
        Turn { not_before, number: self.back }
    }

    pub(super) fn insert(&mut self, waiter: &Waiter<'_, E>, turn: Turn) {
        let line = self.lines.get_or_default(waiter.endpoint);
        match waiter.exhausted {
            false => line.quick.insert([turn.number, turn.not_before, waiter.id.0]),
            true => line.exhausted.insert([turn.not_before, turn.number, waiter.id.0]),
        }
        self.by_age.insert([sortable(waiter.oldest), waiter.id.0, 0]);
    }

    pub(super) fn remove(&mut self, waiter: &Waiter<'_, E>, turn: Turn) {
        if let Some(line) = self.lines.get_mut(waiter.endpoint) {
            match waiter.exhausted {
                false => line.quick.remove(turn.number, turn.not_before),
                true => line.exhausted.remove(turn.not_before, turn.number),
            };
            if line.quick.rows().is_empty() && line.exhausted.rows().is_empty() {
                self.lines.remove(waiter.endpoint);
            }
        }
        self.by_age.remove(sortable(waiter.oldest), waiter.id.0);
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.by_age.clear();
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (&E, &Line)> {
        self.lines.iter()
    }

    pub(super) fn line(&self, endpoint: &E) -> Option<&Line> {
        self.lines.get(endpoint)
    }

    /// The batch with the oldest event, and when that was accepted.
    pub(super) fn oldest(&self) -> Option<(i64, BatchId)> {
        let &[at, id, _] = self.by_age.rows().first()?;
        Some((at as i64 ^ i64::MIN, BatchId(id)))
    }
}

impl Line {
    /// Those with quick retries left, by turn: turn, not before, batch.
    pub(super) fn quick(&self) -> &[Row] {
        self.quick.rows()
    }

    /// Those without, the first to leave first: not before, turn, batch.
    pub(super) fn exhausted(&self) -> &[Row] {
        self.exhausted.rows()
    }
}

/// A time as a number of the same order.
fn sortable(at: i64) -> u64 {
    (at ^ i64::MIN) as u64
}
