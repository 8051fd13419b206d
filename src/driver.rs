//! The loops that own time: they carry an engine's requests, answers and deadlines.

#[cfg(feature = "native")]
pub(crate) mod carrier;
#[cfg(feature = "native")]
pub(crate) mod native;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub(crate) mod page;
#[cfg(feature = "native")]
pub(crate) mod scratch;
#[cfg(feature = "native")]
pub(crate) mod teller;
#[cfg(feature = "native")]
pub(crate) mod waiters;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub(crate) mod wasm;

mod time;
#[cfg(feature = "native")]
pub use native::DriverError;
pub(crate) use time::{let_others_run, millis};
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub use wasm::Mode;
