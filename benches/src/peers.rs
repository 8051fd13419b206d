//! The clients whose `track` is measured.

use std::sync::Arc;
use std::time::Duration;

use posthog_rs::ClientOptionsBuilder;
use trackwire::growingio::{Consumer, Format, Tracker, TrackerBuilder};
use trackwire::http::{Request, Response};
use trackwire::transport::{HttpTransport, Sending};

use crate::Failure;
use crate::clock::{Stopwatch, Took, thread_cpu};
use crate::sample::{self, Purchase};

/// Far more than is measured, so that no queue is ever full.
const MANY: usize = 4_000_000;

/// Calls `call` for `events` events in each of `threads` threads; returns the CPU time of these.
fn threaded(
    threads: usize,
    events: usize,
    purchases: &[Purchase],
    call: impl Fn(&Purchase) -> Result<(), String> + Sync,
) -> Result<Duration, Failure> {
    let loop_over = || {
        let began = thread_cpu();
        (0..events).try_for_each(|place| call(&purchases[place % purchases.len()]))?;
        Ok::<_, String>(thread_cpu().saturating_sub(began))
    };
    if threads == 1 {
        return Ok(loop_over()?);
    }
    let results: Vec<Result<Duration, String>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(loop_over)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect()
    });
    Ok(results.into_iter().sum::<Result<Duration, _>>()?)
}

/// A tracker whose events stay in the queue.
pub(crate) struct Queued(Tracker);

/// A tracker whose batches are answered at once.
pub(crate) struct Running(Tracker);

/// A client of posthog-rs.
pub(crate) struct Posthog(Arc<posthog_rs::Client>, bool);

struct AnswersAtOnce;

impl HttpTransport for AnswersAtOnce {
    fn send(&self, _: Request, _: Duration) -> Sending {
        Box::pin(std::future::ready(Ok(Response::new(204))))
    }
}

/// A builder with a queue that is never full.
pub(crate) fn roomy(format: Format, url: &str) -> TrackerBuilder {
    Tracker::builder(sample::PRODUCT_ID, sample::DATA_SOURCE_ID, url)
        .format(format)
        .max_queue_events(MANY as u64)
        .max_queue_bytes(2 << 30)
}

impl Queued {
    pub(crate) fn new(format: Format) -> Result<Self, Failure> {
        let consumer = Consumer::Async { max_size: MANY, flush_after: Duration::from_secs(3_600) };
        let builder = roomy(format, "http://127.0.0.1").max_request_bytes(1 << 30).consumer(consumer);
        Ok(Self(builder.transport(AnswersAtOnce).build()?))
    }

    pub(crate) fn measure(
        self,
        threads: usize,
        events: usize,
        purchases: &[Purchase],
    ) -> Result<Took, Failure> {
        let watch = Stopwatch::start();
        let callers = threaded(threads, events, purchases, track(&self.0))?;
        let took = watch.stop(callers);
        expect(self.0.stats().pending, threads * events)?;
        self.0.disable();
        self.0.close_blocking(Duration::from_secs(10))?;
        Ok(took)
    }
}

impl Running {
    pub(crate) fn new(format: Format, consumer: Consumer) -> Result<Self, Failure> {
        Ok(Self(roomy(format, "http://127.0.0.1").consumer(consumer).transport(AnswersAtOnce).build()?))
    }

    pub(crate) fn measure(
        self,
        threads: usize,
        events: usize,
        purchases: &[Purchase],
    ) -> Result<Took, Failure> {
        let watch = Stopwatch::start();
        let callers = threaded(threads, events, purchases, track(&self.0))?;
        let wall = watch.stop(callers).wall;
        self.0.close_blocking(Duration::from_secs(60))?;
        let took = Took { wall, ..watch.stop(callers) };
        expect(self.0.stats().delivered, threads * events)?;
        Ok(took)
    }
}

impl Posthog {
    /// With a URL it delivers there, else its events stay in the queue.
    pub(crate) fn new(url: Option<&str>) -> Result<Self, Failure> {
        let mut options = ClientOptionsBuilder::default();
        options.api_key("phc_benchmark".into()).max_queue_size(MANY);
        match url {
            Some(url) => options.host(url),
            None => options
                .host("http://127.0.0.1:9")
                .flush_at(MANY)
                .flush_interval_ms(3_600_000)
                .shutdown_timeout_ms(0),
        };
        Ok(Self(Arc::new(posthog_rs::client(options.build()?)), url.is_some()))
    }

    pub(crate) fn measure(
        self,
        threads: usize,
        events: usize,
        purchases: &[Purchase],
    ) -> Result<Took, Failure> {
        let watch = Stopwatch::start();
        let callers = threaded(threads, events, purchases, |purchase| {
            self.0.capture(purchase.posthog().map_err(|error| error.to_string())?);
            Ok(())
        })?;
        let took = watch.stop(callers);
        self.0.shutdown();
        // With nothing sent, shutting down is not part of the work.
        Ok(if self.1 { Took { wall: took.wall, ..watch.stop(callers) } } else { took })
    }

    pub(crate) fn client(&self) -> &posthog_rs::Client {
        &self.0
    }
}

fn track(tracker: &Tracker) -> impl Fn(&Purchase) -> Result<(), String> + Sync {
    |purchase| tracker.track(purchase.track()).map_err(|error| error.to_string())
}

fn expect(counted: u64, expected: usize) -> Result<(), Failure> {
    if counted == expected as u64 {
        Ok(())
    } else {
        Err(format!("{counted} events of {expected} are there").into())
    }
}
