//! The systems whose receiving side the collector plays.

use crate::growingio;
use crate::received::{Incoming, Receipt};

/// A system's receiving side.
pub(super) struct System {
    /// Its name in the interface.
    pub(super) name: &'static str,
    /// The longest body it accepts.
    pub(super) max_body: usize,
    /// What a preflight may ask for.
    pub(super) allowed_headers: &'static str,
    owns: fn(&str) -> bool,
    receive: fn(&Incoming<'_>) -> Receipt,
}

pub(super) static SYSTEMS: [System; 1] = [System {
    name: "growingio",
    max_body: growingio::collect::MAX_BODY,
    allowed_headers: growingio::collect::ALLOWED_HEADERS,
    owns: growingio::collect::owns,
    receive: growingio::collect::receive,
}];

impl System {
    /// The system that a path belongs to.
    pub(super) fn of(path: &str) -> Option<&'static Self> {
        SYSTEMS.iter().find(|system| (system.owns)(path))
    }

    pub(super) fn named(name: &str) -> Option<&'static Self> {
        SYSTEMS.iter().find(|system| system.name == name)
    }

    pub(super) fn receive(&self, incoming: &Incoming<'_>) -> Receipt {
        (self.receive)(incoming)
    }
}
