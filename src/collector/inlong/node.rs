//! One node: a port that frames come in by. The plan of faults can take it down and bring it up again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection;
use crate::collector::server::GRACE;
use crate::collector::service::State;

/// How long to wait before a port that cannot be taken back is tried again.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Its place among the nodes, from 1 on.
    pub(super) number: usize,
    pub(super) address: SocketAddr,
}

pub(super) async fn run(node: Node, listener: TcpListener, state: Arc<State>, slots: Arc<Semaphore>) {
    let mut changes = state.faults.changes();
    let mut stopped = std::pin::pin!(state.until_stopped());
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        changes.borrow_and_update();
        if state.faults.is_down(node.number) {
            // A machine that is gone: what is connected breaks, and nobody listens.
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            match TcpListener::bind(node.address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => {
                    log::warn!("node {} cannot come back at {}: {error}", node.number, node.address);
                    sleep(PAUSE).await;
                    continue;
                }
            }
        }
        let next = async {
            let Some(listener) = &listener else { return std::future::pending().await };
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = &mut stopped => break,
            _ = changes.changed() => {}
            (slot, accepted) = next => match accepted {
                Ok((stream, client)) => {
                    let state = state.clone();
                    connections.spawn(async move {
                        connection::serve(stream, client, node, state).await;
                        drop(slot);
                    });
                }
                // Out of file descriptors, or the client is gone already; neither ends the node.
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}
