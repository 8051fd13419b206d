//! Making a tracker.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::check::{check_header, check_limits};
use super::setters::common_setters;
use super::tracker::{DebugPrinter, Inner};
use super::{Consumer, Format, GrowingIo, OptionError, Options, Tracker};
use crate::Event;
use crate::destination::Now;
use crate::driver::carrier::HttpCarrier;
use crate::driver::native::{Shared, WallClock, fresh_seed, system_clock};
use crate::driver::teller::{OnOutcome, Telling};
use crate::engine::{Engine, Limits, Outcome, RestoreError, WhenFull};
use crate::policy::{BeforeSend, Enabled, Policy};
use crate::testing::Sink;
use crate::transport::reqwest::{ClientOptions, Reqwest};
use crate::transport::{DebugTransport, HttpTransport, without_credentials};

/// What a tracker is told before it starts. Every setter has a default.
#[must_use = "a builder does nothing until `build`"]
pub struct TrackerBuilder {
    options: Options,
    limits: Limits,
    /// In seconds, as the vendor has it.
    retry_backoff_factor: f64,
    policy: Policy<BeforeSend>,
    enabled: Enabled,
    client: ClientOptions,
    own_client: Option<reqwest::Client>,
    headers: Vec<(String, String)>,
    runtime: Option<tokio::runtime::Handle>,
    clock: Option<WallClock>,
    on_outcome: Option<OnOutcome>,
    debug: Option<DebugPrinter>,
    transport: Option<Arc<dyn HttpTransport>>,
    sink: Option<Sink>,
    seed: Option<u64>,
    restore: Option<Vec<u8>>,
}

/// Why a tracker could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// An option cannot be used.
    Option(OptionError),
    /// The HTTP client could not be made.
    Client(reqwest::Error),
    /// The driver's thread could not be started.
    Thread(std::io::Error),
    /// The bytes given to [`restore`](TrackerBuilder::restore) cannot be read.
    Restore(RestoreError),
}

impl TrackerBuilder {
    pub(super) fn new(product_id: String, data_source_id: String, server_host: String) -> Self {
        Self {
            options: Options::new(product_id, data_source_id, server_host),
            limits: Limits::default(),
            retry_backoff_factor: 0.25,
            policy: Policy::default(),
            enabled: Enabled::default(),
            client: ClientOptions { verify_cert: true, proxy: None, connections: 8 },
            own_client: None,
            headers: Vec::new(),
            runtime: None,
            clock: None,
            on_outcome: None,
            debug: None,
            transport: None,
            sink: None,
            seed: None,
            restore: None,
        }
    }

    common_setters!();

    /// The wire form. Default: [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.options.format = format;
        self
    }

    /// When events go out. Default: [`Consumer::Default`].
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.options.consumer = consumer;
        self
    }

    /// Whether the server's certificate is verified. Default `true`.
    pub fn verify_cert(mut self, verify: bool) -> Self {
        self.client.verify_cert = verify;
        self
    }

    /// Bytes of pending events, every held copy counted. Default 64 MiB.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_queue_bytes = bytes;
        self
    }

    /// Requests under way at once. Default 8.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.limits.max_in_flight = requests;
        self.client.connections = requests;
        self
    }

    /// What happens to a new event when the queue is full. Default: it is refused with
    /// [`TrackError::Full`](super::TrackError::Full). [`WhenFull::DropOldest`] drops the oldest that are not under
    /// way, each with its outcome, and refuses the new one only where that makes no room.
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.limits.when_full = policy;
        self
    }

    /// A hook that sees every event before it is recorded, with its default attributes; it may change it, and drops
    /// it by returning `false`. Runs in the call that records, on the caller's thread.
    pub fn before_send(
        mut self,
        hook: impl for<'a> Fn(&mut Event<'a>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let hook: BeforeSend = Box::new(hook);
        self.policy.before_send = Some(hook);
        self
    }

    /// A header for every request. Those that say how the events are sent or framed, such as `content-type`, are the
    /// tracker's; any other replaces what the tracker would send.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A client to send with, instead of the tracker's own. Give it
    /// [`redirect::Policy::none()`](reqwest::redirect::Policy::none): following a redirect can turn the request into
    /// a `GET` without the events, so events whose request was redirected count as rejected, whatever the last
    /// answer was. (A redirect to the very same URL cannot be seen.)
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.own_client = Some(client);
        self
    }

    /// A proxy for all requests, e.g. `http://proxy.example:3128`. Default: what the environment says.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.client.proxy = Some(url.into());
        self
    }

    /// The tokio runtime that drives the tracker, instead of a thread of its own. It must have I/O and time enabled,
    /// and run until the tracker is closed: what is pending when it ends is lost, each event with its outcome.
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// The wall clock, ms since the Unix epoch, for tests: events and requests carry its times.
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Called with every outcome, in order, on a thread of its own. Recording in it is fine, waiting is an error
    /// ([`DriverError::WouldDeadlock`](crate::driver::DriverError::WouldDeadlock)). It has been called with all
    /// outcomes of a flush or close when that returns, so those take as long as it does. Requests do not wait for it,
    /// until it is 10,000 outcomes behind: then no more are sent before it has caught up. When the
    /// [`runtime`](Self::runtime) ends before the tracker is closed, it is still called with what was lost.
    pub fn on_outcome(mut self, callback: impl Fn(&Outcome) + Send + Sync + 'static) -> Self {
        self.on_outcome = Some(Arc::new(callback));
        self
    }

    /// Where [`Consumer::Debug`] prints, line by line. Default: standard output.
    pub fn debug_printer(mut self, print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.debug = Some(Arc::new(print));
        self
    }

    /// What carries the requests, instead of reqwest.
    pub fn transport(mut self, transport: impl HttpTransport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Takes over the events that another tracker of the same project and data source exported, or was suspended with
    /// (see [`Tracker::suspend`]): they keep their times, tags and ages, where the time between counts by the wall
    /// clock, and count as accepted here. The format may be another one, but not JSON for protobuf or the reverse.
    /// With [`Enabled::Buffer`] they wait too, with [`Enabled::No`] they are dropped.
    ///
    /// Restore the same bytes once, or their events are sent twice.
    pub fn restore(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.restore = Some(bytes.into());
        self
    }

    /// Starts the tracker.
    pub fn build(mut self) -> Result<Tracker, BuildError> {
        self.check()?;
        self.limits.retry.backoff_factor = (self.retry_backoff_factor * 1_000.0) as u64;
        let destination = GrowingIo::new(&self.options).map_err(BuildError::Option)?;
        self.limits.max_event_bytes = self.options.max_request_bytes.saturating_sub(2);
        // Unlike `println!`, this does not panic when nobody reads the output any more.
        let print = |line: &str| drop(writeln!(std::io::stdout(), "{line}"));
        let debug =
            (self.options.consumer == Consumer::Debug).then(|| self.debug.unwrap_or_else(|| Arc::new(print)));
        let mut transport = match (self.transport, self.own_client) {
            (Some(transport), _) => transport,
            (None, Some(client)) => Arc::new(Reqwest::new(client, self.headers)),
            (None, None) => {
                let client = Reqwest::client(&self.client).map_err(BuildError::Client)?;
                Arc::new(Reqwest::new(client, self.headers))
            }
        };
        if let Some(print) = &debug {
            transport = Arc::new(DebugTransport::new(transport, print.clone()));
        }
        let request_timeout = Duration::from_millis(self.limits.request_timeout);
        let clock = self.clock.unwrap_or_else(system_clock);
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let mut engine = match &self.restore {
            None => Engine::new(destination, self.limits, seed),
            Some(bytes) => {
                let now = Now { mono: 0, wall: clock() };
                Engine::restore(destination, self.limits, seed, bytes, now).map_err(BuildError::Restore)?
            }
        };
        // Before the driver starts, so that nothing restored leaves without consent.
        match self.enabled {
            Enabled::Yes => {}
            Enabled::No => engine.discard(),
            Enabled::Buffer => engine.hold(true),
        }
        let telling = self.on_outcome.map_or(Telling::Nothing, Telling::All);
        let shared = Shared::start(engine, HttpCarrier::new(transport), telling, clock, self.runtime)
            .map_err(BuildError::Thread)?;
        let inner = Inner {
            shared,
            policy: self.policy,
            enabled: Tracker::flag(self.enabled),
            request_timeout,
            sink: self.sink,
            debug,
        };
        Ok(Tracker::new(inner))
    }

    fn check(&self) -> Result<(), BuildError> {
        let problem =
            |option, problem: &str| Err(BuildError::Option(OptionError { option, problem: problem.into() }));
        check_limits(&self.limits, self.retry_backoff_factor, self.policy.sample_rate)
            .map_err(BuildError::Option)?;
        if self.own_client.is_some() && (self.client.proxy.is_some() || !self.client.verify_cert) {
            return problem(
                "client",
                "excludes `proxy` and `verify_cert`: set them on the client that you give",
            );
        }
        for (name, value) in &self.headers {
            if reqwest::header::HeaderName::try_from(name).is_err()
                || reqwest::header::HeaderValue::try_from(value).is_err()
            {
                return problem("header", "has a name or value that HTTP does not allow");
            }
            check_header(name).map_err(BuildError::Option)?;
        }
        if reqwest::Url::parse(&self.options.server_host).is_err() {
            return problem("server_host", "is not a URL: give e.g. https://collector.example");
        }
        Ok(())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(error) => error.fmt(f),
            Self::Client(error) => write!(f, "the HTTP client could not be made (check `proxy`): {error}"),
            Self::Thread(error) => write!(f, "the tracker's thread could not be started: {error}"),
            Self::Restore(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Option(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Thread(error) => error.source(),
            Self::Restore(error) => error.source(),
        }
    }
}

impl fmt::Debug for TrackerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = self.options.clone();
        options.server_host = without_credentials(&options.server_host);
        f.debug_struct("TrackerBuilder")
            .field("options", &options)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
