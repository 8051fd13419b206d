//! The rules, by name, and how one is said to be broken.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// accepted = delivered + rejected + expired + dropped + pending, and each of them is what the model counts.
    Balance,
    /// Every accepted event ends in exactly one outcome: the right one.
    Outcome,
    /// Delivered means that the server took it; any other end, unless it says otherwise, that it did not.
    Truth,
    /// Duplicates exist only where an answer was lost, and `maybe_duplicated` is at least their number.
    Duplicates,
    /// What was acknowledged, or has ended otherwise, is not sent again.
    Again,
    /// Nothing leaves before the time that `Retry-After` names.
    RetryAfter,
    /// Nothing goes to a sick endpoint, and no batch again, before its backoff is over.
    Backoff,
    /// A sick endpoint sees one request at a time.
    OneProbe,
    /// No more requests at an endpoint than the limit.
    InFlight,
    /// No more bytes or events than the limits, every copy counted; a refusal only when it is full.
    Bounds,
    /// Work that may go out does go out: by count, bytes, age, flush or retry.
    Idle,
    /// A batch that keeps failing at an endpoint that is well holds up the others only for a moment.
    Poison,
    /// Nothing goes out before the lane's limits or a flush say so, or while held.
    Early,
    /// Nothing expires before `max_age`, and nothing waits longer.
    Expiry,
    /// A sealed batch is sent in the same bytes every time, and its events arrive whole and in order.
    Body,
    /// Flush and close report what became of the events before them.
    Report,
    /// Once the world is well, everything pending is delivered soon.
    Liveness,
    /// Nothing is to be done before the time that `Wait` names, and that time is not over yet.
    Wait,
    /// Export and restore keep what is pending.
    Restore,
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
