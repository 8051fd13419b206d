//! InLong: nodes that take frames, the entrance for forms, and the Manager that names both.

mod connection;
mod http;
mod node;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::service::State;
use super::{CollectorError, Options};
use crate::inlong::collect::MAX_FRAME_CEILING;

pub(super) use http::{answer, owns};

/// Its name in the interface.
const SYSTEM: &str = super::systems::NAMES[1];

/// What a client says to the Manager in the header `authorization`. The key is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// The id, without `:`.
    pub id: String,
    /// The key, without `:`.
    pub key: String,
}

/// Listens for each node.
pub(super) async fn listen(options: &Options) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), CollectorError> {
    let Some(first) = options.inlong_listen else { return Ok(Default::default()) };
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    for at in 0..options.inlong_nodes.max(1) {
        let mut address = first;
        let failed = |source| CollectorError::Listen { address, source };
        if first.port() > 0 {
            let port = usize::from(first.port()) + at;
            let no_port = || std::io::Error::other(format!("node {} would have port {port}", at + 1));
            address.set_port(u16::try_from(port).map_err(|_| failed(no_port()))?);
        }
        let failed = |source| CollectorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        addresses.push(listener.local_addr().map_err(failed)?);
        listeners.push(listener);
    }
    Ok((listeners, addresses))
}

/// Listens where only forms are taken, if anywhere.
pub(super) async fn listen_for_forms(
    options: &Options,
) -> Result<Option<(TcpListener, SocketAddr)>, CollectorError> {
    let Some(address) = options.inlong_http_listen else { return Ok(None) };
    let failed = |source| CollectorError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Some((listener, address)))
}

/// Runs the nodes until the collector stops.
pub(super) async fn run(listeners: Vec<TcpListener>, state: Arc<State>) {
    let slots = Arc::new(Semaphore::new(state.options.max_connections.max(1)));
    let mut nodes = JoinSet::new();
    for (at, listener) in listeners.into_iter().enumerate() {
        let node = node::Node { number: at + 1, address: state.nodes.tcp[at] };
        nodes.spawn(node::run(node, listener, state.clone(), slots.clone()));
    }
    while nodes.join_next().await.is_some() {}
}

fn max_frame(options: &Options) -> usize {
    options.inlong_max_frame.clamp(1, MAX_FRAME_CEILING)
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").field("id", &self.id).finish_non_exhaustive()
    }
}
