//! Where messages are posted to over HTTP.

use std::sync::Arc;

use super::delivery::Place;

/// The addresses that messages are posted to; a node's number is its place.
#[derive(Debug, Default)]
pub(crate) struct Urls {
    urls: Vec<Arc<str>>,
    /// The nodes of each group.
    groups: Vec<Vec<u32>>,
}

impl Urls {
    /// Names the addresses of a group; the places that stand for them. An address that no group has any more makes room for
    /// another.
    pub(crate) fn set(&mut self, group: u32, urls: impl Iterator<Item = Arc<str>>) -> Vec<Place> {
        let group = group as usize;
        self.groups.resize(self.groups.len().max(group + 1), Vec::new());
        let mut nodes = Vec::new();
        for url in urls {
            let of_group = |nodes: &[u32], place: usize| nodes.contains(&(place as u32));
            let known = self.urls.iter().position(|known| *known == url);
            let place = known.unwrap_or_else(|| {
                let is_free = |&place: &usize| {
                    !of_group(&nodes, place) && !self.groups.iter().any(|all| of_group(all, place))
                };
                (0..self.urls.len()).find(is_free).unwrap_or(self.urls.len())
            });
            match self.urls.get_mut(place) {
                Some(old) => *old = url,
                None => self.urls.push(url),
            }
            nodes.push(place as u32);
        }
        self.groups[group].clone_from(&nodes);
        nodes.into_iter().map(Place::Node).collect()
    }

    /// All addresses, by the number of the node.
    pub(crate) fn all(&self) -> Vec<Arc<str>> {
        self.urls.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_come_and_go_are_forgotten() {
        let mut urls = Urls::default();
        let mut set = |group, names: &[&str]| {
            let places = urls.set(group, names.iter().map(|&name| name.into()));
            let all = urls.all();
            let url = |place: &Place| match place {
                Place::Node(number) => all[*number as usize].to_string(),
                Place::Group(_) => unreachable!("a place that cannot be posted to"),
            };
            assert_eq!(places.iter().map(url).collect::<Vec<_>>(), names);
            all.len()
        };
        assert_eq!(set(1, &["a", "b"]), 2);
        assert_eq!(set(0, &["b", "c"]), 3);
        // Those of before keep their places until the new ones have theirs: their requests may be under way.
        assert_eq!(set(1, &["d", "b"]), 4);
        for round in 0..50 {
            let name = format!("e{round}");
            assert!(set(1, &[&name, "b"]) <= 5);
            assert!(set(0, &[&name, "c"]) <= 5);
        }
    }
}
