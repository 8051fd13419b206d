//! How often each fault, outcome and rule trigger happened.

macro_rules! tally {
    ($($name:ident >= $least:literal),+ $(,)?) => {
        /// Something that a run is to have seen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Seen { $($name),+ }

        /// Each, and how often a run of 2,000 seeds sees it at least.
        pub(crate) const ALL: &[(Seen, u64)] = &[$((Seen::$name, $least)),+];
    };
}

tally! {
    // What the application did.
    Tracked >= 200_000,
    Tagged >= 100_000,
    Untagged >= 50_000,
    InvalidEvent >= 500,
    TooLargeEvent >= 500,
    LargerThanSegment >= 5_000,
    RefusedFull >= 1_000,
    RefusedClosed >= 100,
    Flush >= 2_000,
    FlushEndedEarly >= 500,
    FlushComplete >= 500,
    Close >= 200,
    CloseComplete >= 50,
    Abandon >= 100,
    Hold >= 500,
    Discard >= 200,
    CallbackTrack >= 1_000,
    CallbackFlush >= 300,
    CallbackClose >= 20,
    Crash >= 500,
    CrashWithRequestsOut >= 200,
    ExportCompared >= 500,
    WallJump >= 500,
    MonotonicLeap >= 500,
    // What the network and the server did.
    Answer2xx >= 50_000,
    AnswerOpaque >= 500,
    Answer4xx >= 1_000,
    Answer413 >= 1_000,
    Answer429Plain >= 500,
    Answer429Millis >= 500,
    Answer429Date >= 500,
    Answer5xx >= 5_000,
    AnswerGateway >= 500,
    AnswerParts >= 1_000,
    TimeoutReported >= 1_000,
    TimeoutTaken >= 300,
    LeaseRanOut >= 1_000,
    LateConfirmation >= 200,
    LateOther >= 200,
    AnsweredTwice >= 200,
    ResetBefore >= 500,
    ResetAfter >= 500,
    ConnectFailed >= 1_000,
    LateArrival >= 200,
    DeadForADay >= 20,
    Poison >= 200,
    // What became of events.
    Delivered >= 100_000,
    Unconfirmed >= 1_000,
    Rejected >= 5_000,
    Expired >= 5_000,
    Overflow >= 1_000,
    Exhausted >= 1_000,
    ClosedPending >= 200,
    Disabled >= 500,
    DiscardedAndFailed >= 100,
    PossiblyDelivered >= 500,
    Duplicate >= 2_000,
    // What the engine's rules did.
    ClosedByCount >= 5_000,
    ClosedByBytes >= 1_000,
    ClosedByAge >= 1_000,
    ClosedByFlush >= 2_000,
    SentAgain >= 20_000,
    SentAgainAfterRestore >= 200,
    Halved >= 1_000,
    SingleTooLarge >= 300,
    PartAgain >= 500,
    PartExpired >= 60,
    ProbeSent >= 5_000,
    EndpointHeld >= 500,
    EndpointMoved >= 500,
    SlotsFull >= 5_000,
    EventTooOldUnderWay >= 100,
    SealedElsewhere >= 10_000,
    SealedForNothing >= 50,
    PolledEarly >= 10_000,
    LeftAsleep >= 10_000,
    MemoryTight >= 500,
    Stalled >= 500,
    RecoveredAtEnd >= 1_000,
}

#[derive(Debug, Clone)]
pub(crate) struct Tally([u64; ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; ALL.len()])
    }
}

impl Tally {
    pub(crate) fn saw(&mut self, what: Seen) {
        self.0[what as usize] += 1;
    }

    pub(crate) fn saw_many(&mut self, what: Seen, times: u64) {
        self.0[what as usize] += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    pub(crate) fn print(&self) {
        for line in ALL.chunks(4) {
            let cells: Vec<String> = line
                .iter()
                .map(|(what, _)| format!("{:>24} {:<9}", format!("{what:?}"), self.0[*what as usize]))
                .collect();
            println!("{}", cells.join(""));
        }
    }

    /// What was seen less often than it should be in so many seeds.
    pub(crate) fn too_rare(&self, seeds: u64) -> Vec<String> {
        ALL.iter()
            .filter(|(what, least)| self.0[*what as usize] < least * seeds / 2_000)
            .map(|(what, least)| format!("{what:?}: {} of {}", self.0[*what as usize], least * seeds / 2_000))
            .collect()
    }
}
