//! What carries a driver's requests: over HTTP here; a system with a protocol of its own has its own.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

use super::native::Shared;
use crate::destination::{Destination, Now, TransportError, TransportErrorKind};
use crate::engine::Transmit;
#[cfg(feature = "growingio")]
use crate::engine::TransmitId;
use crate::http::{Request, Response};
use crate::transport::HttpTransport;

/// Carries what an engine hands out, and brings what comes of it.
pub(crate) trait Carrier<D: Destination>: Send + 'static {
    /// Starts an attempt. Nobody holds a lock.
    fn start(&mut self, transmit: Transmit<D::Request>, now: Now);

    /// Tells the engine what has come in, without waiting. Whether the engine is to be asked again what to do.
    fn take(&mut self, shared: &Shared<D>) -> bool;

    /// When [`take`](Self::take) is to be called even if nothing comes in (monotonic, ms).
    fn wake(&self) -> Option<u64> {
        None
    }

    /// Waits until something has come in.
    fn ready(&mut self) -> impl Future<Output = ()> + Send;

    /// Waits for what is still to be done when every event has ended, but not for long.
    fn finish(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Carries HTTP requests.
#[cfg(feature = "growingio")]
pub(crate) struct HttpCarrier {
    transport: Arc<dyn HttpTransport>,
    requests: Requests<TransmitId>,
}

/// Requests under way, and what they are about.
pub(crate) struct Requests<T> {
    tasks: JoinSet<(T, Result<Response, TransportError>)>,
    /// Came in while it was waited for.
    first: Option<(T, Result<Response, TransportError>)>,
}

#[cfg(feature = "growingio")]
impl HttpCarrier {
    pub(crate) fn new(transport: Arc<dyn HttpTransport>) -> Self {
        Self { transport, requests: Requests::default() }
    }
}

#[cfg(feature = "growingio")]
impl<D> Carrier<D> for HttpCarrier
where
    D: Destination<Request = Request, Response = Response> + Send + Sync + 'static,
    D::Lane: Send,
    D::Endpoint: Send,
    D::Sealed: Send,
{
    fn start(&mut self, Transmit { id, request, deadline, .. }: Transmit<Request>, now: Now) {
        let timeout = Duration::from_millis(deadline.saturating_sub(now.mono));
        self.requests.start(id, &self.transport, request, timeout);
    }

    fn take(&mut self, shared: &Shared<D>) -> bool {
        let mut taken = false;
        while let Some((id, answer)) = self.requests.next() {
            taken = true;
            log_answer(&answer);
            let now = shared.now();
            match answer {
                Ok(response) => shared.engine().answer(id, Ok(&response), now),
                Err(error) => shared.engine().answer(id, Err(error), now),
            }
        }
        taken
    }

    fn ready(&mut self) -> impl Future<Output = ()> + Send {
        self.requests.ready()
    }
}

/// Says what became of a request, for those who look for trouble.
pub(crate) fn log_answer(answer: &Result<Response, TransportError>) {
    match answer {
        Ok(response) if response.status >= 300 => {
            log::debug!("trackwire: a request was answered with status {}", response.status);
        }
        Ok(_) => {}
        Err(error) => log::debug!("trackwire: a request got no answer: {error}"),
    }
}

impl<T: Send + 'static> Requests<T> {
    pub(crate) fn start(
        &mut self,
        about: T,
        transport: &Arc<dyn HttpTransport>,
        request: Request,
        timeout: Duration,
    ) {
        let answer = carry(transport.clone(), request, timeout);
        self.tasks.spawn(async move { (about, answer.await) });
    }

    /// One that has ended.
    pub(crate) fn next(&mut self) -> Option<(T, Result<Response, TransportError>)> {
        self.first.take().or_else(|| {
            loop {
                match self.tasks.try_join_next()? {
                    Ok(answer) => return Some(answer),
                    // A transport that panics even while it is dropped; the attempt's lease ends it.
                    Err(error) => log::error!("trackwire: a request's task failed: {error}"),
                }
            }
        })
    }

    /// Waits until one has ended.
    pub(crate) async fn ready(&mut self) {
        while self.first.is_none() {
            match self.tasks.join_next().await {
                Some(Ok(answer)) => self.first = Some(answer),
                Some(Err(error)) => log::error!("trackwire: a request's task failed: {error}"),
                None => pending().await,
            }
        }
    }
}

impl<T> Default for Requests<T> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), first: None }
    }
}

/// How long past its time-out a transport may end its request itself. Below what the engine waits for an answer.
const CARRY_GRACE: Duration = Duration::from_millis(250);

/// Sends one request. A transport that panics, in the call or later, has lost it, and so has one that does not end.
async fn carry(
    transport: Arc<dyn HttpTransport>,
    request: Request,
    timeout: Duration,
) -> Result<Response, TransportError> {
    let mut answer = pin!(async move { transport.send(request, timeout).await });
    let careful = poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        poll.unwrap_or_else(|_| {
            log::error!("trackwire: the transport panicked");
            Poll::Ready(Err(TransportError::new(TransportErrorKind::Other, "the transport panicked")))
        })
    });
    tokio::time::timeout(timeout.saturating_add(CARRY_GRACE), careful).await.unwrap_or_else(|_| {
        log::warn!("trackwire: the transport did not keep to its time-out");
        Err(TransportError::new(TransportErrorKind::Timeout, "the transport did not end by its time-out"))
    })
}
