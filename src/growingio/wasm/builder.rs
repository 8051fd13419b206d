//! Making a tracker.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Reflect;
use web_sys::Url;

use super::tracker::{DebugPrinter, Hook, Inner};
use super::{Mode, Tracker};
use crate::Event;
use crate::driver::page::Page;
use crate::driver::wasm::{OnOutcome, Parts, Shared, WallClock};
use crate::engine::{Engine, Limits, Outcome, WhenFull};
use crate::growingio::check::{check_header, check_limits};
use crate::growingio::setters::common_setters;
use crate::growingio::{Consumer, Format, GrowingIo, OptionError, Options};
use crate::policy::{Enabled, Policy};
use crate::testing::Sink;
use crate::transport::LocalTransport;
use crate::transport::fetch::{Debug, Fetch};

/// What a tracker is told before it starts. Every setter has a default.
#[must_use = "a builder does nothing until `build`"]
pub struct TrackerBuilder {
    options: Options,
    format: Option<Format>,
    limits: Limits,
    /// In seconds, as the vendor has it.
    retry_backoff_factor: f64,
    policy: Policy<Hook>,
    enabled: Enabled,
    mode: Option<Mode>,
    headers: Vec<(String, String)>,
    clock: Option<WallClock>,
    on_outcome: Option<OnOutcome>,
    debug: Option<DebugPrinter>,
    transport: Option<Box<dyn LocalTransport>>,
    sink: Option<Sink>,
    seed: Option<u64>,
}

/// Events in a request that a flush sends: in a page's last moments, and in Workers, there is no time for one each.
const FLUSH_SIZE: usize = 500;

impl TrackerBuilder {
    pub(super) fn new(product_id: String, data_source_id: String, server_host: String) -> Self {
        let mut options = Options::new(product_id, data_source_id, server_host);
        options.flush_size = FLUSH_SIZE;
        Self {
            options,
            format: None,
            limits: Limits { max_queue_bytes: 8 << 20, max_in_flight: 4, ..Limits::default() },
            retry_backoff_factor: 0.25,
            policy: Policy::default(),
            enabled: Enabled::default(),
            mode: None,
            headers: Vec::new(),
            clock: None,
            on_outcome: None,
            debug: None,
            transport: None,
            sink: None,
            seed: None,
        }
    }

    common_setters!();

    /// The wire form. Default: in browsers [`Format::Simple`], whose requests need no CORS preflight; elsewhere
    /// [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// When events go out. Default: [`Consumer::Default`]. A flush sends up to 500 of them in a request, whatever the
    /// consumer; with [`Mode::Worker`] nothing leaves but by a flush.
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.options.consumer = consumer;
        self
    }

    /// What its requests are made by. Default: what [`Mode::detect`] says of the host.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Bytes of pending events, every held copy counted. Default 8 MiB.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_queue_bytes = bytes;
        self
    }

    /// Requests under way at once. Default 4.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.limits.max_in_flight = requests;
        self
    }

    /// What happens to a new event when the queue is full. Default: it is refused with
    /// [`TrackError::Full`](crate::growingio::TrackError::Full).
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.limits.when_full = policy;
        self
    }

    /// A hook that sees every event before it is recorded, with its default attributes; it may change it, and drops
    /// it by returning `false`. Runs in the call that records.
    pub fn before_send(mut self, hook: impl for<'a> Fn(&mut Event<'a>) -> bool + 'static) -> Self {
        let hook: Hook = Box::new(hook);
        self.policy.before_send = Some(hook);
        self
    }

    /// A header for every request. Those that say how the events are sent or framed, such as `content-type`, are the
    /// tracker's; any other replaces what the tracker would send. In a page, it makes the browser ask the collector
    /// for permission first (a CORS preflight).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The wall clock, ms since the Unix epoch, for tests: events and requests carry its times.
    pub fn clock(mut self, clock: impl Fn() -> u64 + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Called with every outcome, in order, never within a call that records. Recording in it is fine. It has been
    /// called with all outcomes of a flush or close when that returns.
    pub fn on_outcome(mut self, callback: impl Fn(&Outcome) + 'static) -> Self {
        self.on_outcome = Some(Box::new(callback));
        self
    }

    /// Where [`Consumer::Debug`] prints, line by line. Default: the console.
    pub fn debug_printer(mut self, print: impl Fn(&str) + 'static) -> Self {
        self.debug = Some(Rc::new(print));
        self
    }

    /// What carries the requests, instead of the global `fetch`. It sets [`header`](Self::header)s itself, if any.
    pub fn transport(mut self, transport: impl LocalTransport) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Makes the tracker. Touches nothing that Workers forbid outside a request.
    pub fn build(mut self) -> Result<Tracker, OptionError> {
        self.check()?;
        let mode = self.mode.unwrap_or_else(Mode::detect);
        self.options.format = self.format.unwrap_or_else(default_format);
        self.options.flush_only = mode == Mode::Worker;
        self.limits.retry.backoff_factor = (self.retry_backoff_factor * 1_000.0) as u64;
        self.limits.max_event_bytes = self.options.max_request_bytes.saturating_sub(2);
        let destination = std::sync::Arc::new(GrowingIo::new(&self.options)?);
        let print = |line: &str| web_sys::console::log_1(&line.into());
        let debug =
            (self.options.consumer == Consumer::Debug).then(|| self.debug.unwrap_or_else(|| Rc::new(print)));
        let keepalive = Rc::default();
        let page = Page::new(Rc::clone(&keepalive));
        let mut transport = self.transport.unwrap_or_else(|| Box::new(Fetch::new(self.headers, keepalive)));
        if let Some(print) = &debug {
            transport = Box::new(Debug::new(transport, print.clone()));
        }
        let (limits, enabled) = (self.limits, self.enabled);
        let request_timeout = Duration::from_millis(limits.request_timeout);
        let make = move |seed| {
            let mut engine = Engine::new(destination.clone(), limits.clone(), seed);
            engine.hold(enabled == Enabled::Buffer);
            engine
        };
        let shared = Shared::new(Parts {
            mode,
            make: Box::new(make),
            seed: self.seed,
            transport,
            page,
            clock: self.clock,
            on_outcome: self.on_outcome,
        });
        Ok(Tracker::new(Inner {
            shared,
            policy: self.policy,
            enabled: Cell::new(enabled),
            request_timeout,
            sink: self.sink,
            debug,
        }))
    }

    fn check(&self) -> Result<(), OptionError> {
        let problem = |option, problem: &str| Err(OptionError { option, problem: problem.into() });
        check_limits(&self.limits, self.retry_backoff_factor, self.policy.sample_rate)?;
        for (name, value) in &self.headers {
            if !Fetch::allows_header(name, value) {
                return problem("header", "has a name or value that HTTP does not allow");
            }
            check_header(name)?;
        }
        match Url::new(&self.options.server_host) {
            Err(_) => problem("server_host", "is not a URL: give e.g. https://collector.example"),
            Ok(url) if !url.username().is_empty() || !url.password().is_empty() => problem(
                "server_host",
                "holds a user or password, which `fetch` refuses: use a header instead",
            ),
            Ok(_) => Ok(()),
        }
    }
}

/// In browsers, the form that needs no preflight.
fn default_format() -> Format {
    let global = js_sys::global();
    let has = |name: &str| Reflect::has(&global, &name.into()).unwrap_or_default();
    // A page, or a worker of one.
    if has("document") || has("importScripts") { Format::Simple } else { Format::Json }
}

impl fmt::Debug for TrackerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}
