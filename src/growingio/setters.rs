//! The setters that the builders of all trackers have, whatever drives them: a builder holds `options`, `limits`,
//! `retry_backoff_factor`, `policy`, `enabled`, `sink` and `seed`.

macro_rules! common_setters {
    () => {
        /// Quick retries after the first attempt. Default 3. After them a batch is kept and probed for, see
        /// [`on_exhausted`](Self::on_exhausted).
        pub fn retry_limit(mut self, retries: u32) -> Self {
            self.limits.retry.retry_limit = retries;
            self
        }

        /// How long a request may take. Default 5 s.
        pub fn request_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.limits.request_timeout = $crate::driver::millis(timeout);
            self
        }

        /// The unit of the quick retries' schedule, seconds: no wait before the first, then `factor * 2^(n-1)` before
        /// the n-th, each up to a quarter longer (the first up to a fifth of the unit). Default 0.25, which gives 0, 0.5,
        /// 1 s.
        pub fn retry_backoff_factor(mut self, seconds: f64) -> Self {
            self.retry_backoff_factor = seconds;
            self
        }

        /// What happens to a batch whose quick retries are used up. Default: it is kept.
        pub fn on_exhausted(mut self, policy: $crate::engine::OnExhausted) -> Self {
            self.limits.retry.on_exhausted = policy;
            self
        }

        /// Whether events are validated when they are recorded. Default `true`.
        pub fn validate(mut self, validate: bool) -> Self {
            self.options.validate = validate;
            self
        }

        /// What the sender calls itself in every event; `None` sends nothing. Default `rust`.
        pub fn platform(mut self, platform: Option<String>) -> Self {
            self.options.platform = platform;
            self
        }

        /// The sender's version in every event; `None` sends nothing. Default: this crate's version.
        pub fn sdk_version(mut self, version: Option<String>) -> Self {
            self.options.sdk_version = version;
            self
        }

        /// Pending events. Default 1,000,000.
        pub fn max_queue_events(mut self, events: u64) -> Self {
            self.limits.max_queue_events = events;
            self
        }

        /// How long an event is kept for delivery. Default 24 h.
        pub fn max_age(mut self, age: std::time::Duration) -> Self {
            self.limits.max_age = $crate::driver::millis(age);
            self
        }

        /// The largest request, bytes before compression; also bounds a single event. Default 2 MiB.
        pub fn max_request_bytes(mut self, bytes: usize) -> Self {
            self.options.max_request_bytes = bytes;
            self
        }

        /// An attribute that every track event gets unless it has its own; of two of one key, the last wins.
        pub fn default_attribute(
            mut self,
            key: impl Into<String>,
            value: impl Into<$crate::Value<'static>>,
        ) -> Self {
            self.policy.default_attribute(key.into(), value.into());
            self
        }

        /// Whether the tracker records; [`Tracker::enable`] and [`Tracker::disable`] change it later. Default
        /// [`Enabled::Yes`].
        pub fn enabled(mut self, enabled: $crate::policy::Enabled) -> Self {
            self.enabled = enabled;
            self
        }

        /// The share of users whose events are recorded, 0 to 1: a user is in or out, always and everywhere. Default 1.
        pub fn sample_rate(mut self, rate: f64) -> Self {
            self.policy.sample_rate = Some(rate);
            self
        }

        /// Sends nothing: events end in `sink`, for an application's tests to look at.
        pub fn sink(mut self, sink: &$crate::testing::Sink) -> Self {
            self.sink = Some(sink.clone());
            self.transport(sink.clone())
        }

        /// What the jitter is drawn from. Default: different for every tracker.
        pub fn seed(mut self, seed: u64) -> Self {
            self.seed = Some(seed);
            self
        }
    };
}

pub(super) use common_setters;
