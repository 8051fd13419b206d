//! What kind of world a seed makes: limits, lanes, sizes, manners.

use trackwire::destination::Batching;
use trackwire::engine::{Limits, OnExhausted, WhenFull};

use crate::rng::Rng;
use crate::system::{LanePlan, RECORD_HEAD};

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) lanes: Vec<LanePlan>,
    pub(crate) endpoints: u8,
    pub(crate) limits: Limits,
    /// In a thousand.
    pub(crate) tagged: u64,
    /// In a thousand turns: driven by `step` and `sealed` instead of `poll`.
    pub(crate) stepped: u64,
    pub(crate) actions: u32,
    /// Sizes of events are up to this, all orders of magnitude alike.
    pub(crate) largest: u64,
    /// Events in a thousand whose batches always fail.
    pub(crate) poison: u64,
    /// One more such event.
    pub(crate) poisoned: Option<u32>,
    /// What the server takes in one request, bytes.
    pub(crate) max_body: usize,
    /// The longest pause between two actions, ms.
    pub(crate) max_pause: u64,
    /// Nothing goes wrong but for poison.
    pub(crate) calm: bool,
    /// An endpoint that is dead for more than a day from the start.
    pub(crate) dead: bool,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let calm = rng.in_1000(80);
        let dead = !calm && rng.in_1000(30);
        let endpoints = rng.weighed(&[(5, 1), (3, 2), (2, 3)]);
        let limits = limits(rng, calm, dead);
        let lanes = (0..rng.within(1, 4)).map(|_| lane(rng, endpoints, &limits, calm)).collect();
        let drop_oldest = limits.when_full == WhenFull::DropOldest;
        let largest = rng.pick(&[20, 200, 3_000, 100_000]).min(limits.max_queue_bytes as u64 / 2);
        Self {
            lanes,
            endpoints,
            // Which untagged event was dropped for a newer one cannot be told from outside.
            tagged: if drop_oldest { 1_000 } else { rng.pick(&[0, 300, 700, 1_000]) },
            stepped: rng.pick(&[0, 500, 1_000]),
            actions: rng.within(30, 120) as u32,
            largest,
            poison: if calm { 0 } else { rng.pick(&[0, 0, 0, 5, 50]) },
            poisoned: calm.then(|| rng.below(40) as u32),
            max_body: if calm { usize::MAX } else { rng.pick(&[300, 5_000, 200_000, usize::MAX]) },
            max_pause: if calm { 5_000 } else { rng.pick(&[100, 5_000, 60_000, 600_000]) },
            calm,
            dead,
            limits,
        }
    }
}

fn limits(rng: &mut Rng, calm: bool, dead: bool) -> Limits {
    let mut limits = Limits::default();
    limits.segment_bytes = rng.pick(&[RECORD_HEAD, 64, 1_000, 16_000, 65_536]);
    limits.max_in_flight = rng.pick(&[1, 2, 3, 8]);
    limits.request_timeout = rng.pick(&[800, 5_000, 20_000]);
    limits.retry.retry_limit = rng.within(0, 5) as u32;
    limits.retry.backoff_factor = rng.pick(&[0, 100, 250, 2_000]);
    limits.retry.max_backoff = rng.pick(&[1_000, 60_000]);
    limits.retry.max_retry_after = rng.pick(&[10_000, 3_600_000]);
    if calm {
        return limits;
    }
    limits.max_queue_bytes = rng.pick(&[4_096, 20_000, 300_000, 64 << 20]);
    limits.max_queue_events = rng.pick(&[3, 40, 1_000, 1_000_000]);
    limits.max_event_bytes = rng.pick(&[100, 5_000, 2 << 20]);
    limits.max_age = rng.pick(&[3_000, 60_000, 3_600_000, 86_400_000, 3 * 86_400_000]);
    if dead {
        limits.max_age = limits.max_age.max(86_400_000);
    }
    if rng.in_1000(250) {
        limits.retry.on_exhausted = OnExhausted::Drop;
    }
    if rng.in_1000(250) {
        limits.when_full = WhenFull::DropOldest;
    }
    limits
}

fn lane(rng: &mut Rng, endpoints: u8, limits: &Limits, calm: bool) -> LanePlan {
    let home = rng.below(u64::from(endpoints)) as u8;
    let moves = rng.in_1000(200);
    let ring = if moves { endpoints } else { 1 };
    let max_wait = rng.pick(&[Some(0), Some(50), Some(2_000), Some(30_000), None]);
    LanePlan {
        batching: Batching {
            max_events: rng.pick(&[1, 2, 7, 100, 500]),
            max_bytes: rng.pick(&[1, 500, 10_000, 1 << 20]).min(limits.max_queue_bytes),
            max_wait: if calm { max_wait.or(Some(1_000)) } else { max_wait },
            triggers_flush: rng.in_1000(100),
            flush_events: rng.pick(&[0, 0, 5, 500]),
        },
        endpoints: (0..ring).map(|step| (home + step) % endpoints).collect(),
    }
}
