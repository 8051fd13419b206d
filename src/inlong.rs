//! Apache InLong DataProxy: messages of groups and streams, over TCP and HTTP.
//!
//! Everything here is without I/O: frames are bytes, connections and the node list are state machines that are told what
//! came in and when, and that say what is to be done.

mod check;
mod codes;
mod config;
mod manager;
mod options;

pub use codes::{SdkCode, SendError};
pub use config::{ConfigError, Notice, NoticeKind};
pub use manager::{Node, NodeList, NodeListCall, NodeListError};
pub use options::{
    DEFAULT_MAX_FRAME, MAX_FRAME, MESSAGE_OVERHEAD, NodeAddress, OptionError, Options, Protocol, Secret,
};
