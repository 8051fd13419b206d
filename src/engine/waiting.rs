//! Batches that wait for another attempt, by endpoint, so that neither a long outage nor many batches that keep
//! failing make a step slow.

use super::sorted::{Few, Sorted};
use crate::destination::BatchId;

/// The batches that wait.
#[derive(Debug)]
pub(super) struct Waiting<E> {
    lines: Few<E, Line>,
    /// By when their oldest event was accepted.
    by_age: Sorted<(i64, BatchId), ()>,
    front: i64,
    back: i64,
}

/// The batches that wait for one endpoint.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Those with quick retries left, by turn: few, as a sick endpoint sees one request at a time.
    quick: Sorted<i64, (u64, BatchId)>,
    /// The others, by when they may leave, then by turn: there may be a great many.
    exhausted: Sorted<(u64, i64), BatchId>,
}

/// A batch's place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Not to leave before this time (monotonic, ms).
    pub(super) not_before: u64,
    pub(super) number: i64,
}

/// A batch in line.
pub(super) struct Waiter<'a, E> {
    pub(super) id: BatchId,
    pub(super) endpoint: &'a E,
    pub(super) exhausted: bool,
    /// When its oldest event was accepted.
    pub(super) oldest: i64,
}

impl<E: Clone + Eq> Waiting<E> {
    pub(super) fn new() -> Self {
        Self { lines: Few::default(), by_age: Sorted::default(), front: 0, back: 0 }
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
            false => line.quick.insert(turn.number, (turn.not_before, waiter.id)),
            true => line.exhausted.insert((turn.not_before, turn.number), waiter.id),
        }
        self.by_age.insert((waiter.oldest, waiter.id), ());
    }

    pub(super) fn remove(&mut self, waiter: &Waiter<'_, E>, turn: Turn) {
        if let Some(line) = self.lines.get_mut(waiter.endpoint) {
            match waiter.exhausted {
                false => drop(line.quick.remove(turn.number)),
                true => drop(line.exhausted.remove((turn.not_before, turn.number))),
            }
            if line.quick.is_empty() && line.exhausted.is_empty() {
                self.lines.remove(waiter.endpoint);
            }
        }
        self.by_age.remove((waiter.oldest, waiter.id));
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

    /// All that have quick retries left, the last in line first.
    pub(super) fn quick(&self) -> impl Iterator<Item = BatchId> + use<'_, E> {
        self.lines.iter().flat_map(|(_, line)| line.quick.iter().rev().map(|(_, (_, id))| *id))
    }

    /// The batch with the oldest event, and when that was accepted.
    pub(super) fn oldest(&self) -> Option<(i64, BatchId)> {
        self.by_age.first().map(|(first, ())| *first)
    }
}

impl Line {
    /// Those with quick retries left: turn, not before, batch.
    pub(super) fn quick(&self) -> impl Iterator<Item = (i64, u64, BatchId)> + use<'_> {
        self.quick.iter().map(|(turn, &(not_before, id))| (turn, not_before, id))
    }

    /// Those without, the first to leave first: not before, turn, batch.
    pub(super) fn exhausted(&self) -> impl Iterator<Item = (u64, i64, BatchId)> + use<'_> {
        self.exhausted.iter().map(|((not_before, turn), &id)| (not_before, turn, id))
    }
}
