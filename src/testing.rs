//! For the tests of applications: a sink that takes what a tracker sends, without a network.
//!
//! ```
//! use std::time::Duration;
//! use trackwire::growingio::Tracker;
//! use trackwire::testing::Sink;
//! use trackwire::{Event, Track, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sink = Sink::new();
//! let tracker = Tracker::builder("p", "d", "https://collector.example").sink(&sink).build()?;
//!
//! // The application's code under test:
//! tracker.track(Track::new("buy").user("u1").attribute("price", 9.5))?;
//!
//! let bought = sink.tracks("buy");
//! assert_eq!(bought.len(), 1);
//! assert_eq!(bought[0].attributes, [("price".into(), Value::from(9.5))]);
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::destination::TransportError;
use crate::http::{Request, Response};
use crate::{Event, Track};

/// Takes what a tracker records and sends. Answers every request with 204 unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct Sink {
    state: Arc<Mutex<State>>,
}

/// An event as the tracker took it, after default attributes and the hook.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The event.
    pub event: Event<'static>,
    /// The wall clock when it was recorded, ms since the Unix epoch.
    pub at: u64,
}

#[derive(Debug, Default)]
struct State {
    recorded: Vec<Recorded>,
    requests: Vec<Request>,
    answers: VecDeque<Result<Response, TransportError>>,
}

impl Sink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event recorded so far, in order. An event is here as soon as the call that recorded it returned.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state().recorded.clone()
    }

    /// The track events of this name.
    pub fn tracks(&self, name: &str) -> Vec<Track<'static>> {
        let state = self.state();
        let tracks = state.recorded.iter().filter_map(|recorded| match &recorded.event {
            Event::Track(track) if track.name == name => Some(track.clone()),
            _ => None,
        });
        tracks.collect()
    }

    /// Every request sent so far, as it would have gone out.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Answers the next request like this; called again, the one after it. Then 204 again.
    pub fn answer_next(&self, answer: Result<Response, TransportError>) {
        self.state().answers.push_back(answer);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    #[cfg_attr(
        not(feature = "growingio"),
        allow(dead_code, reason = "for systems that take neutral events themselves")
    )]
    pub(crate) fn record(&self, event: Event<'static>, at: u64) {
        self.state().recorded.push(Recorded { event, at });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn answer(&self, request: Request) -> Result<Response, TransportError> {
        let mut state = self.state();
        state.requests.push(request);
        state.answers.pop_front().unwrap_or_else(|| Ok(Response::new(204)))
    }
}

#[cfg(feature = "native")]
impl crate::transport::HttpTransport for Sink {
    fn send(&self, request: Request, _: Duration) -> crate::transport::Sending {
        Box::pin(std::future::ready(self.answer(request)))
    }
}

#[cfg(all(feature = "wasm", target_family = "wasm"))]
impl crate::transport::LocalTransport for Sink {
    fn send(&self, request: Request, _: Duration) -> crate::transport::LocalSending {
        Box::pin(std::future::ready(self.answer(request)))
    }
}
