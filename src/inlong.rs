//! Apache InLong DataProxy: messages of groups and streams, over TCP and HTTP.
//!
//! Everything here is without I/O: frames are bytes, connections and the node list are state machines that are told what
//! came in and when, and that say what is to be done.

#[cfg(feature = "collector")]
pub mod collect;
