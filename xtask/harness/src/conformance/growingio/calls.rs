//! Replaying a case's calls through the public API.

use std::time::Duration;

use super::client::Runtime;
use super::vector::{Peer, Vector};
use crate::capture::{Capture, Request};

/// How long a request that is due may take to arrive, and a flush to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What came of the calls.
pub(super) struct Seen {
    /// What arrived, in order.
    pub(super) requests: Vec<Request>,
    /// The calls that raised, by index, and how.
    pub(super) raised: Vec<(usize, String)>,
    /// A request that was due and did not arrive.
    pub(super) late: Option<String>,
    /// What arrived up to the tracker's end, with what a peer would have left in its buffer.
    pub(super) at_end: Vec<Request>,
    /// How many events the tracker took.
    pub(super) taken: usize,
}

/// Makes the calls in a runtime and gives back what arrived.
pub(super) fn replay(vector: &Vector, runtime: &mut Runtime) -> Result<Seen, String> {
    let server = Capture::start(&vector.answers)?;
    let mut client = runtime.client(vector, &server.url())?;
    let mut due = Due::of(vector);
    let mut seen =
        Seen { requests: Vec::new(), raised: Vec::new(), late: None, at_end: Vec::new(), taken: 0 };
    for (index, call) in vector.calls.iter().enumerate() {
        if let Some(at) = call.at_ms {
            client.set_clock(at)?;
        }
        for _ in 0..call.repeat {
            match call.op.as_str() {
                "flush" => {
                    client.flush()?;
                    due.flush();
                }
                "wait_requests" => due.requests = due.requests.max(call.count),
                op if !["custom_event", "user", "item", "user_mapping"].contains(&op) => {
                    return Err(format!("an unknown call: {op}"));
                }
                op => match client.record(op, &call.args)? {
                    Ok(()) => {
                        seen.taken += 1;
                        due.event(op);
                    }
                    Err(why) => seen.raised.push((index, why)),
                },
            }
            // A request belongs to the moment of the call that caused it, so it must be out before the clock moves on.
            if seen.late.is_none() && !server.wait(due.requests, PATIENCE) {
                let arrived = server.requests().len();
                seen.late =
                    Some(format!("after call {index}: {} requests are due, {arrived} arrived", due.requests));
            }
        }
    }
    // Closing sends what an exact peer would leave in its buffer, so its requests are those from before.
    seen.requests = server.requests();
    client.close()?;
    seen.at_end = server.requests();
    if vector.peer == Peer::Java {
        seen.requests = seen.at_end.clone();
    }
    Ok(seen)
}

/// How many requests the peer's sending strategy has caused so far.
struct Due {
    strategy: Strategy,
    max_size: usize,
    /// Events that wait for company.
    waiting: usize,
    requests: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    EachAtOnce,
    /// Items at once, events when the buffer is full.
    Buffered,
    /// An item sends everything.
    Async,
    /// Nothing can be said before the end.
    Open,
}

impl Due {
    fn of(vector: &Vector) -> Self {
        let strategy = match (vector.peer, vector.config("consumer")) {
            (Peer::Java, _) => Strategy::Open,
            (_, Some("buffered")) => Strategy::Buffered,
            (_, Some("async")) => Strategy::Async,
            _ => Strategy::EachAtOnce,
        };
        let max_size = vector.config_number("max_size").unwrap_or(500).max(1) as usize;
        Self { strategy, max_size, waiting: 0, requests: 0 }
    }

    fn event(&mut self, op: &str) {
        match (self.strategy, op) {
            (Strategy::Open, _) => {}
            (Strategy::EachAtOnce, _) | (Strategy::Buffered, "item" | "user_mapping") => self.requests += 1,
            (Strategy::Async, "item" | "user_mapping") => {
                self.flush();
                self.requests += 1;
            }
            (Strategy::Buffered | Strategy::Async, _) => {
                self.waiting += 1;
                if self.waiting >= self.max_size {
                    self.flush();
                }
            }
        }
    }

    fn flush(&mut self) {
        self.requests += usize::from(self.waiting > 0);
        self.waiting = 0;
    }
}
