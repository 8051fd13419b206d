//! GrowingIO CDP: events, user attributes, items and id mappings.
//!
//! [`GrowingIo`] is the [`Destination`](crate::destination::Destination) that the engine delivers to; with feature
//! `native`, [`Tracker`] is what applications use. Those that are wasm themselves use `wasm::Tracker`, with feature
//! `wasm`.
#![cfg_attr(all(feature = "wasm", target_family = "wasm"), doc = "", doc = "[`Tracker`]: wasm::Tracker")]

#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
mod address;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
mod check;
#[cfg(feature = "collector")]
pub mod collect;
mod delivery;
#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
mod events;
mod fields;
mod options;
#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
mod setters;
#[cfg(feature = "native")]
mod tracker;
#[cfg(feature = "native")]
mod tracker_builder;
pub(crate) mod transcode;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub mod wasm;

#[cfg(any(feature = "native", all(feature = "wasm", target_family = "wasm")))]
pub use crate::engine::RecordError as TrackError;
#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
pub(crate) use delivery::Parts;
pub use delivery::{GrowingIo, Lane, Sealed};
pub use options::{Consumer, Format, OptionError, Options, UnknownName};
#[cfg(feature = "native")]
pub use tracker::Tracker;
#[cfg(feature = "native")]
pub use tracker_builder::{BuildError, TrackerBuilder};
