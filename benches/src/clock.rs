//! Wall and CPU time.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Runs both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

/// What something took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// Time that went by.
    pub(crate) wall: Duration,
    /// User and system time of this process, all threads.
    pub(crate) cpu: Duration,
    /// User and system time of the threads that called, together.
    pub(crate) callers: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: process_cpu() }
    }

    /// `callers`: user and system time of the threads that called.
    pub(crate) fn stop(self, callers: Duration) -> Took {
        Took { wall: self.wall.elapsed(), cpu: process_cpu().saturating_sub(self.cpu), callers }
    }
}

fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// User and system time of the calling thread so far.
pub(crate) fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
