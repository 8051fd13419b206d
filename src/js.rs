//! The wasm modules of the npm package, one for each system: the engine of one tracker, nothing but translation.
//!
//! The TypeScript shell owns `fetch`, timers and the page. There is no glue between the two, so nothing has to be
//! generated: it calls plain exports on numbers.

mod exports;
#[cfg(feature = "growingio")]
mod growingio;
pub(crate) mod host;
#[cfg(not(feature = "growingio"))]
mod inlong;
mod memory;

// A module is of one system: with several there is that of the first.
#[cfg(feature = "growingio")]
use growingio as system;
#[cfg(not(feature = "growingio"))]
use inlong as system;

/// What the shell brings of an attempt.
#[cfg(feature = "growingio")]
#[derive(Debug)]
pub struct Answer {
    /// The status; 0 when there was no answer.
    pub(crate) status: u16,
    /// Without an answer: whether the request may have arrived.
    pub(crate) maybe_accepted: bool,
    /// What `Retry-After` asks for, ms.
    pub(crate) after: Option<u64>,
    /// What an outcome is to say of a failure.
    pub(crate) said: String,
}
