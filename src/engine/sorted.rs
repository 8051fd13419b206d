//! Ordered rows and small maps, each in one piece of memory. What comes and goes does so near the ends, by number or by
//! time, where moving the rest is cheap. Rows are plain numbers, so that their code exists once: it counts where the
//! engine is downloaded.

use std::ops::Index;

use super::Batch;
use crate::destination::BatchId;

/// Numbers in the order of the first two, which are a row's key.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Rows before this one are gone.
    head: usize,
}

/// A row: its key, and what goes with it.
pub(super) type Row = [u64; 3];

/// The batches, by number.
pub(super) struct Batches<S> {
    /// Number, 0, place among the slots.
    index: Rows,
    slots: Vec<Option<Box<Batch<S>>>>,
    free: Vec<usize>,
}

/// A map of a few keys without order.
#[derive(Debug)]
pub(super) struct Few<K, V>(Vec<(K, V)>);

impl Rows {
    pub(super) fn rows(&self) -> &[Row] {
        self.rows.get(self.head..).unwrap_or_default()
    }

    /// Inserts a row; its key must be new.
    #[inline(never)]
    pub(super) fn insert(&mut self, row: Row) {
        let place = self.head + self.place(&row);
        if place == self.head
            && let Some(before) = self.head.checked_sub(1)
            && let Some(gone) = self.rows.get_mut(before)
        {
            *gone = row;
            self.head = before;
        } else {
            self.rows.insert(place, row);
        }
    }

    /// What goes with this key.
    #[inline(never)]
    pub(super) fn get(&self, first: u64, second: u64) -> Option<u64> {
        let row = [first, second, 0];
        let found = self.rows().get(self.place(&row))?;
        (found[..2] == row[..2]).then_some(found[2])
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, first: u64, second: u64) -> Option<u64> {
        let value = self.get(first, second)?;
        let place = self.place(&[first, second, 0]);
        if place == 0 {
            self.head += 1;
            if self.head * 2 > self.rows.len() {
                self.rows.drain(..self.head);
                self.head = 0;
            }
        } else {
            self.rows.remove(self.head + place);
        }
        Some(value)
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.head = 0;
    }

    /// Where the row is or would be.
    fn place(&self, row: &Row) -> usize {
        let rows = self.rows();
        // Most of what comes is the newest.
        match rows.last() {
            Some(last) if last[..2] >= row[..2] => rows.partition_point(|other| other[..2] < row[..2]),
            _ => rows.len(),
        }
    }
}

impl<S> Default for Batches<S> {
    fn default() -> Self {
        Self { index: Rows::default(), slots: Vec::new(), free: Vec::new() }
    }
}

impl<S> Batches<S> {
    pub(super) fn len(&self) -> usize {
        self.index.rows().len()
    }

    pub(super) fn get(&self, id: BatchId) -> Option<&Batch<S>> {
        let slot = self.index.get(id.0, 0)?;
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: BatchId) -> Option<&mut Batch<S>> {
        let slot = self.index.get(id.0, 0)?;
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn insert(&mut self, id: BatchId, batch: Box<Batch<S>>) {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = Some(batch),
            None => self.slots.push(Some(batch)),
        }
        self.index.insert([id.0, 0, slot as u64]);
    }

    pub(super) fn remove(&mut self, id: BatchId) -> Option<Box<Batch<S>>> {
        let slot = self.index.remove(id.0, 0)? as usize;
        self.free.push(slot);
        self.slots.get_mut(slot)?.take()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (BatchId, &Batch<S>)> {
        self.index
            .rows()
            .iter()
            .filter_map(|&[id, _, slot]| Some((BatchId(id), self.slots.get(slot as usize)?.as_deref()?)))
    }

    /// Their numbers, ascending.
    pub(super) fn ids(&self) -> Vec<BatchId> {
        self.index.rows().iter().map(|&[id, ..]| BatchId(id)).collect()
    }
}

impl<S> Index<BatchId> for Batches<S> {
    type Output = Batch<S>;

    fn index(&self, id: BatchId) -> &Batch<S> {
        self.get(id).expect("a batch that is there")
    }
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Clone + Eq, V> Few<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.iter_mut().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// Inserts a value; its key must be new.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.0.push((key, value));
    }

    pub(super) fn get_or_default(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        let place = self.0.iter().position(|(other, _)| other == key).unwrap_or_else(|| {
            self.0.push((key.clone(), V::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.0.iter().position(|(other, _)| other == key)?;
        Some(self.0.swap_remove(place).1)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    proptest::proptest! {
        #[test]
        fn rows_are_a_map(turns in proptest::collection::vec((0u8..4, 0u64..9, 0u64..6), 0..200)) {
            let mut rows = Rows::default();
            let mut model = BTreeMap::new();
            for (turn, (what, first, second)) in turns.into_iter().enumerate() {
                match what {
                    0 => assert_eq!(rows.remove(first, second), model.remove(&(first, second))),
                    1 => assert_eq!(rows.get(first, second), model.get(&(first, second)).copied()),
                    _ if model.contains_key(&(first, second)) => {}
                    _ => {
                        rows.insert([first, second, turn as u64]);
                        model.insert((first, second), turn as u64);
                    }
                }
                let expected = model.iter().map(|(&(first, second), &value)| [first, second, value]);
                assert!(rows.rows().iter().copied().eq(expected));
            }
        }
    }
}
