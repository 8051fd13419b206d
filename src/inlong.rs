//! Apache InLong DataProxy: messages of groups and streams, over TCP and HTTP.
//!
//! With feature `native`, `Client` is what applications use; the guide is `docs/inlong.md`. Below it everything is without
//! I/O: frames are bytes, connections and the node list are state machines that are told what came in and when, and that
//! say what is to be done.

mod ack;
#[cfg(feature = "native")]
mod callback;
#[cfg(feature = "native")]
mod carrier;
mod check;
#[cfg(feature = "native")]
mod client;
#[cfg(feature = "native")]
mod client_builder;
mod codes;
mod config;
mod connections;
mod delivery;
mod discovery;
mod form;
mod frame;
mod manager;
mod mapping;
mod message;
mod options;
mod target;
mod urls;

pub use ack::Ack;
#[cfg(feature = "native")]
pub use callback::Delivery;
#[cfg(feature = "native")]
pub use client::Client;
#[cfg(feature = "native")]
pub use client_builder::{BuildError, ClientBuilder};
pub use codes::{SdkCode, SendAllError, SendError};
pub use config::{ConfigError, Notice, NoticeKind};
#[doc(hidden)]
pub use connections::ConnectionBug;
pub use connections::{Connections, Output};
pub use delivery::{Answer, InLong, Lane, LocalTime, Place, Request};
#[cfg(all(feature = "js", not(feature = "js-page"), not(feature = "wasm"), target_family = "wasm"))]
pub(crate) use discovery::Failure;
pub use discovery::{Ask, Discovery, DiscoveryEvent};
pub use frame::{Frame, MsgType, Sealed};
pub use manager::{Node, NodeList, NodeListCall, NodeListError};
pub use mapping::{Format, Mapping, Route};
pub use message::{Body, MAX_ATTRIBUTES, Message};
pub use options::{
    DEFAULT_MAX_FRAME, MAX_FRAME, MESSAGE_OVERHEAD, NodeAddress, OptionError, Options, Protocol, Secret,
};
pub use target::{Group, Target};
#[cfg(feature = "collector")]
pub mod collect;
