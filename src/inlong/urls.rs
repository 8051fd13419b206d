//! Where messages are posted to over HTTP.

use super::delivery::Place;

/// The addresses that messages are posted to; a node's number is its place.
#[derive(Debug, Default)]
pub(super) struct Urls {
    urls: Vec<String>,
    /// The nodes of each group.
    groups: Vec<Vec<Place>>,
}

impl Urls {
    /// Names the addresses of a group; the places that stand for them. An address that no group has any more makes room for
    /// another.
    pub(super) fn set(&mut self, group: u32, urls: &mut dyn Iterator<Item = String>) -> Vec<Place> {
        while self.groups.len() <= group as usize {
            self.groups.push(Vec::new());
        }
        let mut nodes = Vec::new();
        for url in urls {
            let place = match self.urls.iter().position(|known| *known == url) {
                Some(place) => place,
                None => self.put(url, &nodes),
            };
            nodes.push(Place::Node(place as u32));
        }
        self.groups[group as usize].clone_from(&nodes);
        nodes
    }

    /// Keeps a new address, in a place that neither a group has nor one of these.
    fn put(&mut self, url: String, nodes: &[Place]) -> usize {
        for place in 0..self.urls.len() {
            let node = Place::Node(place as u32);
            if !nodes.contains(&node) && !self.groups.iter().any(|nodes| nodes.contains(&node)) {
                self.urls[place] = url;
                return place;
            }
        }
        self.urls.push(url);
        self.urls.len() - 1
    }

    /// The address of a node; empty if it has none.
    pub(super) fn get(&self, node: u32) -> &str {
        self.urls.get(node as usize).map_or("", |url| url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_come_and_go_are_forgotten() {
        let mut urls = Urls::default();
        let mut set = |group, names: &[&str]| {
            let places = urls.set(group, &mut names.iter().map(|&name| name.into()));
            let url = |place: &Place| match place {
                Place::Node(number) => urls.get(*number),
                Place::Group(_) => unreachable!("a place that cannot be posted to"),
            };
            assert_eq!(places.iter().map(url).collect::<Vec<_>>(), names);
            urls.urls.len()
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
