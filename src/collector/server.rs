//! Connections: accepted up to a limit, served until they end or the collector stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::service::{self, State};
use super::watchdog::Watchdog;

/// The longest head of a request, in bytes; longer ones are answered with 431.
const MAX_HEAD: usize = 64 << 10;

/// How long running requests may take to end at the stop.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    All,
    /// InLong's forms and nothing else.
    Forms,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) entrance: Entrance,
    pub(super) local: SocketAddr,
    pub(super) client: SocketAddr,
}

pub(super) async fn run(
    listener: TcpListener,
    entrance: Entrance,
    state: Arc<State>,
    shutdown: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(state.options.max_connections.max(1)));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (slot, accepted) = next => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(serve(stream, client, entrance, state.clone(), slot));
                }
                // Out of file descriptors, or the client is gone already; neither ends the collector.
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    state.stop();
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    entrance: Entrance,
    state: Arc<State>,
    _slot: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let peer = Peer { entrance, local, client };
    let io = Watchdog::new(TokioIo::new(stream), state.options.write_timeout);
    let stopped = state.until_stopped();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.options.head_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(io, service_fn(|request| service::answer(state.clone(), request, peer)));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("a connection ended: {error}");
    }
}
