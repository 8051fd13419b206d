//! One request: whose it is.

use std::fmt;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, watch};

use super::answer::{self, Answer};
use super::body::Budget;
use super::faults::Faults;
use super::server::{Entrance, Peer};
use super::store::Store;
use super::systems::System;
use super::{Options, api, ingest, inlong, page};
use crate::inlong::collect::manager::Nodes;

/// How many answers that hold records may be on their way at a time; more wait.
const MAX_READERS: usize = 16;

/// How many clients may follow the stream.
const MAX_STREAMS: usize = 64;

/// What the connections share.
pub(super) struct State {
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) options: Options,
    /// The nodes that the Manager names.
    pub(super) nodes: Nodes,
    pub(super) bodies: Budget,
    pub(super) readers: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    stopped: watch::Sender<bool>,
}

/// The connection is to be cut without an answer, by the plan of faults or because it is broken.
#[derive(Debug)]
pub(super) struct CutOff;

impl State {
    pub(super) fn new(store: Store, options: Options, nodes: Nodes) -> Self {
        Self {
            store,
            faults: Faults::default(),
            options,
            nodes,
            bodies: Budget::default(),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stopped: watch::Sender::new(false),
        }
    }

    /// Tells everyone that the collector stops.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Ends when the collector stops.
    pub(super) fn until_stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.stopped.subscribe();
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    }
}

/// An error makes hyper cut the connection.
pub(super) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Answer, CutOff> {
    let path = request.uri().path();
    if peer.entrance == Entrance::Forms || inlong::owns(&state, path) {
        return inlong::answer(&state, request, peer).await;
    }
    let system = System::of(path);
    let is_own = path == "/trackwire" || path.starts_with("/trackwire/");
    match (request.method().as_str(), system) {
        ("OPTIONS", Some(system)) => Ok(answer::preflight("POST", system.allowed_headers)),
        ("OPTIONS", None) if is_own => Ok(answer::preflight("GET, POST", "content-type, last-event-id")),
        ("OPTIONS", None) => Ok(answer::preflight("GET", "content-type")),
        (_, Some(system)) => ingest::answer(&state, system, request).await,
        (_, None) if is_own => Ok(api::answer(&state, request).await),
        (method @ ("GET" | "HEAD"), None) => Ok(match page::at(path) {
            Some(page) if method == "HEAD" => page.map(|_| answer::Body::Whole(Default::default())),
            Some(page) => page,
            None => answer::error(404, "there is nothing at this path"),
        }),
        (_, None) => ingest::unknown(&state, request).await,
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut without an answer")
    }
}

impl std::error::Error for CutOff {}
