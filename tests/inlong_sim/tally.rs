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
    Connected >= 1, Refused >= 1, NeverConnected >= 1, FrameCut >= 1, AnswerCut >= 1, CutSilently >= 1, NodeDown >= 1, OneByte >= 1,
    // What the nodes did.
    Taken >= 1, AckReordered >= 1, AckLate >= 1, AckNever >= 1, ClosedUnanswered >= 1, BeatUnanswered >= 1, Garbage >= 1,
    HugeLength >= 1, Poison >= 1, RefusedForNow >= 1, RefusedForGood >= 1, RefusedUnknown >= 1, SaidDuplicate >= 1,
    // What the Manager did.
    ListGiven >= 1, NodeLeftOut >= 1, ManagerOut >= 1,
    // What came of it.
    Delivered >= 1, Unconfirmed >= 1, Rejected >= 1, RejectedAsPoison >= 1, Expired >= 1, Duplicate >= 1, TimedOut >= 1,
    LateAck >= 1, Suspect >= 1, SentAlone >= 1, Halved >= 1, LostBeforeWritten >= 1, ClosedByClient >= 1, ClosedIdle >= 1,
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
