//! The local collector over real connections.

#![cfg(feature = "collector")]

mod client;
mod decoders;
mod faults;
mod growingio;
mod inlong;
mod interface;
mod limits;
mod store;
mod stream;
