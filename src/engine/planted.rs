//! Bugs that a test can switch on, to prove that the simulation sees them. Without the feature `__planted-bugs`
//! every question is answered `false` at compile time.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "__planted-bugs"), allow(dead_code, reason = "asked about, never planted"))]
#[doc(hidden)]
pub enum Bug {
    /// A delivered batch is sent once more.
    AckedRequeued,
    /// Expired events are not counted.
    ExpiredUncounted,
    /// `Retry-After` is not honoured.
    RetryAfterIgnored,
    /// A partial verdict hits the next record.
    PartialShifted,
    /// Halving loses the record in the middle.
    SplitLosesOne,
    /// A flush is done while batches are still under way.
    FlushTooEarly,
    /// The age limit runs from the last event instead of the first.
    IdleInsteadOfAge,
    /// A retry seals the batch anew.
    ResealedOnRetry,
    /// An export leaves out what is under way.
    ExportForgetsInFlight,
    /// An answer that comes after its lease is thrown away although it confirms.
    LateAckIgnored,
    /// Sealed copies do not count against the memory limit.
    SealedUncounted,
    /// Drop-oldest tells nobody.
    EvictionSilent,
    /// A batch sent again after a lost answer is not counted.
    DuplicateUncounted,
    /// A lost batch does not say that it may have arrived.
    PossiblyUnsaid,
    /// One more request than the limit.
    InFlightOneMore,
    /// Batches that wait for a retry never grow too old.
    WaitingNeverExpires,
    /// Every waiting batch is sent at once to a sick endpoint.
    RetryStorm,
    /// A restored batch gets its age anew.
    RestoreForgetsAge,
    /// What was under way when the application discarded everything is sent again.
    DiscardForgetsInFlight,
}

#[cfg(feature = "__planted-bugs")]
impl Bug {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::AckedRequeued,
        Self::ExpiredUncounted,
        Self::RetryAfterIgnored,
        Self::PartialShifted,
        Self::SplitLosesOne,
        Self::FlushTooEarly,
        Self::IdleInsteadOfAge,
        Self::ResealedOnRetry,
        Self::ExportForgetsInFlight,
        Self::LateAckIgnored,
        Self::SealedUncounted,
        Self::EvictionSilent,
        Self::DuplicateUncounted,
        Self::PossiblyUnsaid,
        Self::InFlightOneMore,
        Self::WaitingNeverExpires,
        Self::RetryStorm,
        Self::RestoreForgetsAge,
        Self::DiscardForgetsInFlight,
    ];
}

/// The bug of one engine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Planted {
    #[cfg(feature = "__planted-bugs")]
    pub(super) bug: Option<Bug>,
}

impl Planted {
    #[inline(always)]
    pub(super) fn has(self, bug: Bug) -> bool {
        #[cfg(feature = "__planted-bugs")]
        return self.bug == Some(bug);
        #[cfg(not(feature = "__planted-bugs"))]
        {
            let _ = bug;
            false
        }
    }
}
