//! The loops that own time: they carry an engine's requests, answers and deadlines.

#[cfg(feature = "native")]
pub(crate) mod native;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub(crate) mod page;
#[cfg(feature = "native")]
pub(crate) mod teller;
#[cfg(feature = "native")]
pub(crate) mod waiters;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub(crate) mod wasm;

#[cfg(feature = "native")]
pub use native::DriverError;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub use wasm::Mode;
