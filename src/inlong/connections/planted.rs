//! Bugs that a test can switch on, to prove that the simulation sees them. Without the feature `__planted-bugs`
//! every question is answered `false` at compile time.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "__planted-bugs"), allow(dead_code, reason = "asked about, never planted"))]
#[doc(hidden)]
pub enum ConnectionBug {
    /// Answers are taken in the order of the frames.
    AckByOrder,
    /// A late answer is not heard.
    LateUnheard,
    /// An answer is told twice.
    ToldTwice,
    /// What was on a lost connection is not told of.
    LossForgotten,
    /// What was on a lost connection is said not to have arrived.
    LossSaidSure,
    /// The engine is not told that a node cannot be sent to any more.
    LossUntold,
    /// Every frame on a lost connection is blamed.
    AllBlamed,
    /// No frame is blamed for a lost connection.
    NoneBlamed,
    /// A suspect travels with others.
    SuspectInCompany,
    /// Frames are sent before the first heartbeat is answered.
    Unproven,
    /// What was lost is connected to again at once.
    NoBackoff,
    /// A heartbeat without an answer is no reason to end a connection.
    BeatUnheeded,
    /// Connections without use are kept.
    IdleForever,
    /// More is taken for written than was.
    WrittenEarly,
    /// Another node is used only when one was lost twice.
    FailoverLate,
}

#[cfg(feature = "__planted-bugs")]
impl ConnectionBug {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::AckByOrder,
        Self::LateUnheard,
        Self::ToldTwice,
        Self::LossForgotten,
        Self::LossSaidSure,
        Self::LossUntold,
        Self::AllBlamed,
        Self::NoneBlamed,
        Self::SuspectInCompany,
        Self::Unproven,
        Self::NoBackoff,
        Self::BeatUnheeded,
        Self::IdleForever,
        Self::WrittenEarly,
        Self::FailoverLate,
    ];
}

/// The bug of one client's connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Planted {
    #[cfg(feature = "__planted-bugs")]
    pub(super) bug: Option<ConnectionBug>,
}

impl Planted {
    #[inline(always)]
    pub(super) fn has(self, bug: ConnectionBug) -> bool {
        #[cfg(feature = "__planted-bugs")]
        return self.bug == Some(bug);
        #[cfg(not(feature = "__planted-bugs"))]
        {
            let _ = bug;
            false
        }
    }
}
