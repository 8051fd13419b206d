//! The rules, by name, and how one is said to be broken.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// accepted = delivered + rejected + expired + dropped + pending, and each of them is what was told.
    Balance,
    /// Every accepted message ends in exactly one outcome, every attempt in one answer, or a late one after a time-out.
    Once,
    /// Delivered means that a node took it; any other end, unless it says otherwise, that none did.
    Truth,
    /// What was acknowledged is not sent again; duplicates are at most as many as `maybe_duplicated` says.
    Duplicates,
    /// Frames are as the protocol says, with a retry's bytes those of the first attempt.
    Frame,
    /// Frames travel only on connections that have answered a heartbeat, and nothing on those that are closed.
    Proven,
    /// A frame at which a connection was lost travels alone from then on, no other does.
    Alone,
    /// After three lost connections a pack is halved, and only a single message is rejected for it.
    Poison,
    /// No more frames under way on a connection than the limit.
    InFlight,
    /// A node that refuses connections is not tried all the time.
    Reconnect,
    /// Nothing is done in circles, and no time to wake at has passed.
    Busy,
    /// What is held is bounded, whatever nodes send.
    Memory,
    /// In calm weather messages arrive soon, also when a node dies.
    Prompt,
    /// Once all is well, everything pending is delivered soon, and connections without use end.
    Liveness,
}

/// A rule that does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) what: String,
}

pub(crate) type Checked<T = ()> = Result<T, Broken>;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is broken: {}", self.rule, self.what)
    }
}

/// Checks a rule, and otherwise returns how it is broken.
macro_rules! hold {
    ($rule:ident, $holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err($crate::rules::Broken { rule: $crate::rules::Rule::$rule, what: format!($($what)+) });
        }
    };
}
pub(crate) use hold;
