//! The systems whose receiving side the collector plays.

use crate::growingio;
use crate::received::{Incoming, Receipt};

/// Their names in the interface.
pub(super) const NAMES: [&str; 2] = ["growingio", "inlong"];

/// A system whose requests are single posts.
pub(super) struct System {
    /// One of [`NAMES`].
    pub(super) name: &'static str,
    /// The longest body it accepts.
    pub(super) max_body: usize,
    /// What a preflight may ask for.
    pub(super) allowed_headers: &'static str,
    owns: fn(&str) -> bool,
    receive: fn(&Incoming<'_>) -> Receipt,
}

static POSTED: [System; 1] = [System {
    name: NAMES[0],
    max_body: growingio::collect::MAX_BODY,
    allowed_headers: growingio::collect::ALLOWED_HEADERS,
    owns: growingio::collect::owns,
    receive: growingio::collect::receive,
}];

impl System {
    /// The system that a path belongs to.
    pub(super) fn of(path: &str) -> Option<&'static Self> {
        POSTED.iter().find(|system| (system.owns)(path))
    }

    pub(super) fn receive(&self, incoming: &Incoming<'_>) -> Receipt {
        (self.receive)(incoming)
    }
}

/// The system of that name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| *known == name)
}
