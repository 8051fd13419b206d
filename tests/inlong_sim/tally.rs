//! How often each fault, outcome and rule trigger happened.

macro_rules! tally {
    ($($name:ident >= $least:literal),+ $(,)?) => {
        /// Something that a run is to have seen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Seen { $($name),+ }

        /// Each, and how often a run of 1,000 seeds sees it at least.
        pub(crate) const ALL: &[(Seen, u64)] = &[$((Seen::$name, $least)),+];
    };
}

tally! {
    // What happened in the network.
    Connected >= 5_000,
    Refused >= 500,
    NeverConnected >= 200,
    FrameCut >= 300,
    AnswerCut >= 200,
    CutSilently >= 58,
    NodeDown >= 2_000,
    OneByte >= 2_000,
    // What the nodes did.
    Taken >= 20_000,
    AckReordered >= 3_000,
    AckLate >= 100,
    AckNever >= 200,
    ClosedUnanswered >= 92,
    BeatUnanswered >= 95,
    Garbage >= 200,
    HugeLength >= 200,
    Poison >= 2_000,
    RefusedForNow >= 400,
    RefusedForGood >= 74,
    RefusedUnknown >= 72,
    SaidDuplicate >= 48,
    // What the Manager did.
    ListGiven >= 2_000,
    NodeLeftOut >= 100,
    ManagerOut >= 300,
    // What came of it.
    Delivered >= 40_000,
    Unconfirmed >= 3_000,
    Rejected >= 300,
    RejectedAsPoison >= 100,
    Expired >= 2_000,
    Duplicate >= 4_000,
    TimedOut >= 1_000,
    LateAck >= 88,
    Extended >= 200,
    Suspect >= 2_000,
    SentAlone >= 2_000,
    Halved >= 10_000,
    LostBeforeWritten >= 100,
    ClosedByClient >= 3_000,
    ClosedIdle >= 1_000,
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

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    pub(crate) fn print(&self) {
        for line in ALL.chunks(4) {
            let cells: Vec<String> = line
                .iter()
                .map(|(what, _)| format!("{:>20} {:<9}", format!("{what:?}"), self.0[*what as usize]))
                .collect();
            println!("{}", cells.join(""));
        }
    }

    /// What was seen less often than it should be in so many seeds.
    pub(crate) fn too_rare(&self, seeds: u64) -> Vec<String> {
        ALL.iter()
            .filter(|(what, least)| self.0[*what as usize] < least * seeds / 1_000)
            .map(|(what, least)| format!("{what:?}: {} of {}", self.0[*what as usize], least * seeds / 1_000))
            .collect()
    }
}
