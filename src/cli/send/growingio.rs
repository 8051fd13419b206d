//! `trackwire send growingio`: lines in the neutral form, as GrowingIO's events.

use std::process::ExitCode;
use std::time::Duration;

use super::{Refusal, Sink, utf8};
use crate::cli::args::{GrowingioArgs, Strategy};
use crate::cli::tell;
use crate::engine::{RecordError, Stats};
use crate::growingio::{Consumer, Tracker, TrackerBuilder};
use crate::{Event, InvalidKind};

pub(super) fn run(options: &GrowingioArgs) -> ExitCode {
    super::send(&options.common, options.consumer == Strategy::Debug, |told| {
        builder(options).on_outcome(told).build().map_err(|error| error.to_string())
    })
}

impl Sink for Tracker {
    type Record<'a> = Event<'a>;

    fn read<'a>(&'a self, line: &'a [u8]) -> Result<Option<Event<'a>>, Refusal> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        Ok(Some(Event::from_json(utf8(line)?)?))
    }

    fn send(&self, event: Event<'_>, tag: Option<u64>) -> Result<(), Refusal> {
        let recorded = match tag {
            Some(tag) => self.track_tagged(event, tag),
            None => self.track(event),
        };
        recorded.map_err(|error| match error {
            RecordError::Invalid(invalid) => Refusal::Invalid(invalid),
            RecordError::Full => Refusal::Full { code: InvalidKind::TooLarge.code() },
            error => Refusal::line(error.to_string()),
        })
    }

    async fn ready(&self) {
        self.ready().await;
    }

    async fn flush(&self, timeout: Duration) {
        self.flush(timeout).await;
    }

    async fn close(&self, timeout: Duration) {
        self.close(timeout).await;
    }

    fn stats(&self) -> Stats {
        self.stats()
    }
}

fn builder(options: &GrowingioArgs) -> TrackerBuilder {
    // A request never holds more than the queue.
    let room = options.max_queue_events.and_then(|events| usize::try_from(events).ok()).unwrap_or(usize::MAX);
    let max_size = options.max_size.min(room.max(1));
    let mut builder = Tracker::builder(&*options.product_id, &*options.data_source_id, &*options.server_host)
        .format(options.format)
        .consumer(match options.consumer {
            Strategy::Default => Consumer::Default,
            Strategy::Buffered => Consumer::Buffered { max_size },
            Strategy::Async => Consumer::Async { max_size, flush_after: options.flush_after },
            Strategy::Debug => Consumer::Debug,
        })
        .retry_limit(options.retry_limit)
        .retry_backoff_factor(options.retry_backoff_factor)
        .on_exhausted(options.common.on_exhausted.into())
        .max_age(options.max_age)
        .request_timeout(options.request_timeout)
        .max_queue_bytes(options.max_queue_bytes)
        .verify_cert(!options.insecure)
        .validate(!options.no_validate)
        // The standard output is for the balance.
        .debug_printer(|line| tell(line));
    if let Some(requests) = options.max_in_flight {
        builder = builder.max_in_flight(requests);
    }
    if let Some(bytes) = options.max_request_bytes {
        builder = builder.max_request_bytes(bytes);
    }
    if let Some(events) = options.max_queue_events {
        builder = builder.max_queue_events(events);
    }
    if let Some(proxy) = &options.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(platform) = &options.platform {
        builder = builder.platform(Some(platform.clone()));
    }
    if let Some(version) = &options.sdk_version {
        builder = builder.sdk_version(Some(version.clone()));
    }
    for (name, value) in &options.headers {
        builder = builder.header(name, value);
    }
    for (key, value) in &options.attributes {
        builder = builder.default_attribute(key, value.clone());
    }
    builder
}
