//! Track events once, deliver them anywhere.
//!
//! trackwire records track events, user attributes and items, and delivers them batched, compressed, retried through
//! outages and accounted for to the last event. Delivery is at least once: an event can arrive twice only where an
//! answer was lost, and [`engine::Stats::maybe_duplicated`] counts those.
//!
//! | feature | what it gives |
//! |---|---|
//! | `growingio` (default) | GrowingIO CDP: [`growingio`] |
//! | `inlong` | Apache InLong DataProxy: `inlong` |
//! | `native` (default) | the tracker for servers: reqwest with rustls, on its own thread or the caller's tokio |
//! | `wasm` | the tracker for applications that are wasm themselves: `growingio::wasm` |
//! | `collector` | the local server that stands in for the vendors: `collector` |
//! | `cli` | the command `trackwire` |
//! | `js` | the exports of the wasm module that the npm package is built from |
//!
//! Without `native` and `wasm` nothing here does I/O, and no tokio, hyper, reqwest or wasm-bindgen is built.
//!
//! # Wasm
//!
//! An application that is wasm itself, in a page or in a Cloudflare Worker, takes features `growingio` and `wasm` without
//! the default ones: `growingio::wasm::Tracker` sends by the host's `fetch`. It is documented where it exists, on
//! `wasm32-unknown-unknown`; on other targets the feature is without effect. The guide is `docs/rust-wasm.md`.
//!
//! Start at [`growingio::Tracker`], for InLong at `inlong::Client`. To test an application without a network, see [`testing`].
#![cfg_attr(
    all(feature = "wasm", target_family = "wasm"),
    doc = "",
    doc = "[`growingio::Tracker`]: crate::growingio::wasm::Tracker"
)]

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod codec;
#[cfg(feature = "collector")]
pub mod collector;
pub mod destination;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
pub mod driver;
pub mod engine;
pub mod event;
#[cfg(feature = "growingio")]
pub mod growingio;
pub mod http;
#[cfg(feature = "inlong")]
pub mod inlong;
mod invalid;
#[cfg(all(
    feature = "js",
    any(feature = "growingio", feature = "inlong"),
    not(feature = "wasm"),
    target_family = "wasm"
))]
#[allow(unsafe_code, reason = "the only room where the module meets JavaScript")]
mod js;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
#[cfg_attr(
    not(feature = "growingio"),
    allow(dead_code, reason = "for systems that take neutral events themselves")
)]
mod policy;
#[cfg(feature = "collector")]
pub mod received;
#[cfg(any(
    feature = "native",
    all(feature = "js", feature = "growingio"),
    all(feature = "wasm", target_family = "wasm")
))]
#[cfg_attr(
    not(feature = "growingio"),
    allow(dead_code, reason = "for systems that take neutral events themselves")
)]
mod sampling;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
pub mod testing;
pub mod transport;

pub use event::{Attribute, Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};
pub use invalid::{Invalid, InvalidKind};
#[cfg(feature = "native")]
pub use policy::BeforeSend;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
pub use policy::Enabled;

/// Whether this is a module of the npm package, where code is downloaded and JavaScript stands beside it.
pub(crate) const NPM: bool = cfg!(all(feature = "js", not(feature = "wasm"), target_family = "wasm"));

/// The guides' examples, compiled and run with the tests.
#[cfg(all(doctest, feature = "growingio", feature = "native"))]
mod guides {
    #[cfg(feature = "collector")]
    #[doc = include_str!("../docs/collector.md")]
    struct Collector;

    #[doc = include_str!("../docs/growingio.md")]
    struct GrowingIo;

    #[cfg(all(feature = "collector", feature = "inlong"))]
    #[doc = include_str!("../docs/inlong.md")]
    struct InLong;

    #[doc = include_str!("../docs/rust-servers.md")]
    struct RustServers;
}
