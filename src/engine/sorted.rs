//! A map kept in one piece of memory. What comes and goes here does so near the ends, by number or by time, where moving
//! the rest is cheap; and it is a fraction of a B-tree's code, which counts where the engine is downloaded.

use std::collections::VecDeque;
use std::ops::Index;

/// A map ordered by its keys.
#[derive(Debug)]
pub(super) struct Sorted<K, V>(VecDeque<(K, V)>);

/// A map of a few keys without order.
#[derive(Debug)]
pub(super) struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.place(key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let place = self.place(key).ok()?;
        self.0.remove(place).map(|(_, value)| value)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first(&self) -> Option<&(K, V)> {
        self.0.front()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (*key, value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(key, _)| *key)
    }

    fn place(&self, key: K) -> Result<usize, usize> {
        // Most of what comes is the newest.
        match self.0.back() {
            Some((last, _)) if *last >= key => self.0.binary_search_by(|(other, _)| other.cmp(&key)),
            _ => Err(self.0.len()),
        }
    }
}

impl<K: Ord + Copy, V> Index<K> for Sorted<K, V> {
    type Output = V;

    fn index(&self, key: K) -> &V {
        self.get(key).expect("what is looked up by index is there")
    }
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Clone + Eq, V: Default> Few<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.iter_mut().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    pub(super) fn get_or_default(&mut self, key: &K) -> &mut V {
        let place = self.0.iter().position(|(other, _)| other == key).unwrap_or_else(|| {
            self.0.push((key.clone(), V::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(place) = self.0.iter().position(|(other, _)| other == key) {
            self.0.swap_remove(place);
        }
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
        fn it_is_a_map(turns in proptest::collection::vec((0u8..4, 0u16..40), 0..200)) {
            let mut sorted = Sorted::default();
            let mut model = BTreeMap::new();
            for (turn, (what, key)) in turns.into_iter().enumerate() {
                match what {
                    0 => assert_eq!(sorted.remove(key), model.remove(&key)),
                    1 => assert_eq!(sorted.get_mut(key), model.get_mut(&key)),
                    _ => {
                        sorted.insert(key, turn);
                        model.insert(key, turn);
                    }
                }
                assert!(sorted.iter().eq(model.iter().map(|(key, value)| (*key, value))));
                assert_eq!(sorted.get(key), model.get(&key));
            }
        }
    }
}
