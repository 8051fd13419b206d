//! GrowingIO CDP: events, user attributes, items and id mappings.
//!
//! [`GrowingIo`] is the [`Destination`](crate::destination::Destination) that the engine delivers to; with feature
//! `native`, [`Tracker`] is what applications use.

#[cfg(feature = "collector")]
pub mod collect;
mod delivery;
#[cfg(not(all(feature = "js", target_family = "wasm")))]
mod events;
mod fields;
mod options;
#[cfg(feature = "native")]
mod tracker;
#[cfg(feature = "native")]
mod tracker_builder;
pub(crate) mod transcode;

#[cfg(feature = "native")]
pub use crate::engine::RecordError as TrackError;
pub use delivery::{GrowingIo, Lane, Sealed};
pub use options::{Consumer, Format, OptionError, Options, UnknownName};
#[cfg(feature = "native")]
pub use tracker::Tracker;
#[cfg(feature = "native")]
pub use tracker_builder::{BuildError, TrackerBuilder};
