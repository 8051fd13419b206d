//! The client for InLong against the local collector, over real sockets.
#![cfg(all(feature = "inlong", feature = "native", feature = "collector"))]

#[path = "inlong/client.rs"]
mod client;
#[path = "inlong/killed.rs"]
mod killed;
#[path = "inlong/life.rs"]
mod life;
#[allow(dead_code, reason = "shared with the tests of the collector")]
#[path = "collector/client.rs"]
mod server;
