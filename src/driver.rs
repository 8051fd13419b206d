//! The loops that own time: they carry an engine's requests, answers and deadlines.

#[cfg(feature = "native")]
pub(crate) mod native;
#[cfg(feature = "native")]
pub(crate) mod teller;
#[cfg(feature = "native")]
pub(crate) mod waiters;

#[cfg(feature = "native")]
pub use native::DriverError;
