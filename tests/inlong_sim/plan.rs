//! What kind of world a seed makes: options, manners of the application, how bad it gets.

use trackwire::engine::{Limits, RetryPolicy};
use trackwire::inlong::Options;

use crate::rng::Rng;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) groups: u32,
    pub(crate) streams: u32,
    pub(crate) actions: u32,
    /// The longest pause between two actions, ms.
    pub(crate) max_pause: u64,
    /// The longest message, bytes.
    pub(crate) largest: u64,
    /// Messages in a thousand that make a node close the connection.
    pub(crate) poison: u64,
    /// One more such message.
    pub(crate) poisoned: Option<u32>,
    /// The Manager does not switch balancing off.
    pub(crate) balances: bool,
    /// Nothing goes wrong but for poison, and nodes that go down and come back.
    pub(crate) calm: bool,
    /// The longest time that the weather of a node stays, ms.
    pub(crate) max_weather: u64,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let calm = rng.in_1000(200);
        let groups = rng.pick(&[1, 1, 2]);
        let actions = if calm { rng.within(30, 60) } else { rng.within(10, 40) } as u32;
        Self {
            options: options(rng, calm),
            groups,
            streams: rng.pick(&[1, 1, 3]),
            actions,
            max_pause: if calm { 3_000 } else { rng.pick(&[100, 5_000, 60_000]) },
            largest: rng.pick(&[10, 100, 2_000]),
            poison: if calm { 0 } else { rng.pick(&[0, 0, 0, 10]) },
            poisoned: rng.in_1000(300).then(|| rng.below(u64::from(actions) * 3) as u32),
            balances: rng.in_1000(500),
            calm,
            max_weather: rng.pick(&[2_000, 60_000]),
        }
    }

    /// The most frames that may be unanswered on a node.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.options.max_in_flight * self.options.connections_per_node()
    }

    /// As the client has it.
    pub(crate) fn limits(&self) -> Limits {
        let options = &self.options;
        let mut limits = Limits::default();
        let mut retry = RetryPolicy::default();
        (retry.retry_limit, retry.backoff_factor) = (options.retry_times, 200);
        limits.max_queue_bytes = options.recv_buf_size + options.send_buf_size;
        limits.max_queue_events = u64::MAX;
        limits.max_event_bytes = 20 << 20;
        limits.max_in_flight = self.max_in_flight();
        limits.request_timeout = options.request_timeout;
        limits.max_age = options.max_age;
        limits.retry = retry;
        limits
    }
}

fn options(rng: &mut Rng, calm: bool) -> Options {
    let mut options = Options::default();
    options.inlong_group_ids = vec!["g0".into()];
    options.msg_type = rng.weighed(&[(6, 7), (2, 5), (1, 3), (1, 2), (1, 6)]);
    options.extend_field = rng.weighed(&[(6, 0), (1, 1), (1, 2), (1, 0x20), (1, 3)]);
    options.enable_zip = rng.in_1000(700);
    options.min_zip_len = rng.pick(&[0, 100, 512]);
    options.pack_size = rng.pick(&[None, Some(1), Some(100), Some(3_000)]);
    options.ext_pack_size = 4_000;
    options.pack_timeout = rng.pick(&[1, 50, 3_000]);
    options.enable_pack = rng.in_1000(900);
    options.request_timeout = rng.pick(&[1_000, 5_000, 20_000]);
    options.max_in_flight = rng.pick(&[1, 2, 8, 64]);
    options.proxy_repeat_times = rng.weighed(&[(6, 1), (2, 2), (1, 4)]);
    options.max_proxy_num = rng.pick(&[1, 2, 3, 8]);
    options.isolation_level = rng.pick(&[1, 2]);
    options.retry_times = rng.pick(&[0, 1, 3]);
    options.heart_beat_interval = rng.pick(&[500, 10_000, 60_000]);
    options.enable_balance = rng.in_1000(600);
    options.load_balance_interval = rng.pick(&[2_000, 300_000]);
    options.tcp_idle_time = rng.pick(&[1_000, 600_000]);
    options.tcp_detection_interval = rng.pick(&[1_000, 60_000]);
    options.manager_update_interval = 1;
    if calm {
        // Nothing in them is to keep messages waiting.
        options.enable_pack = true;
        options.max_in_flight = options.max_in_flight.max(8);
        options.pack_size = options.pack_size.filter(|&size| size > 100);
        options.max_proxy_num = rng.pick(&[1, 1, 2, 8]);
    } else {
        options.is_ack = rng.in_1000(900);
        options.max_age = rng.pick(&[20_000, 3_600_000, 86_400_000, 86_400_000]);
    }
    options.check().expect("options that can be used");
    options
}
